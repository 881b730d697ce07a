/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener: accepts connections for one zmq_bind, and makes a session for each. Thread: the loop it
 * was made for; zu_listener_new and zu_listener_close are the socket's thread's. Owner: itself,
 * from zu_listener_new until it has ended after zu_listener_close.
 */
#ifndef ZU_CORE_LISTENER_H
#define ZU_CORE_LISTENER_H

#include "engine/core/session.h"

struct zu_listener;

/* Takes `at` (its descriptor listens already). On error nothing was touched. */
int zu_listener_new(struct zu_listener **out, struct zu_socket *socket,
                    const struct zu_transport *transport, struct zu_listening *at,
                    const char *endpoint);

/* What zmq_bind was given. */
const char *zu_listener_configured(const struct zu_listener *l);

/*
 * Begins the end. With `unbind` the connections that came this way end too, and what is queued to
 * them is dropped; else (zmq_close) only those that are still without a pipe.
 */
void zu_listener_close(struct zu_listener *l, bool unbind);

#endif
