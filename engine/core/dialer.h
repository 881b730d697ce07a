/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialer: keeps one outgoing connection alive, for one zmq_connect. Looks the address up, connects,
 * hands the descriptor to its session, and when that connection dies waits and connects again.
 * Thread: the loop it was made for; zu_dialer_new and zu_dialer_close are the socket's thread's.
 * Owner: itself, from zu_dialer_new until it has ended after zu_dialer_close.
 */
#ifndef ZU_CORE_DIALER_H
#define ZU_CORE_DIALER_H

#include "engine/core/session.h"

struct zu_dialer;

/*
 * Starts to connect to `text` (what stands after "://"; `endpoint` is the whole). The socket's end
 * of the pipe is returned in *pipe, or NULL with ZMQ_IMMEDIATE: then it is handed over later. `id`
 * names the endpoint: pipes carry it. -ENOMEM, and what zu_ctx_pick_loop answers.
 */
int zu_dialer_new(struct zu_dialer **out, struct zu_socket *socket,
                  const struct zu_transport *transport, const char *endpoint, const char *text,
                  uint64_t id, struct zu_pipe **pipe);

/* Begins the end; the pipes were closed before, and what was written to them still goes out. The
 * user said so by zmq_disconnect, if `disconnect`, and may not want to connect for it any more. */
void zu_dialer_close(struct zu_dialer *d, bool disconnect);

#endif
