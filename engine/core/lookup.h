/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup: an endpoint text to an address, for a loop. Where that may block (a name) a thread of its
 * own does it, so that neither a loop nor a termination ever waits for a name server.
 * Thread: the loop's. Owner: whoever started it, until `done` was called or it was cancelled.
 */
#ifndef ZU_CORE_LOOKUP_H
#define ZU_CORE_LOOKUP_H

#include "engine/core/transport.h"
#include "engine/io/loop.h"

struct zu_lookup;

/* `rc`: 0, or what the transport's resolve answered. Never called from within zu_lookup_start. */
typedef void zu_lookup_done(void *self, int rc, const struct zu_target *target);

/* Texts and options are copied or held. -ENOMEM, -EAGAIN: no thread to be had. */
int zu_lookup_start(struct zu_lookup **out, struct zu_loop *loop,
                    const struct zu_transport *transport, const char *text,
                    struct zu_options *options, zu_lookup_done *done, void *self);
void zu_lookup_cancel(struct zu_lookup *l); /* `done` will not be called */

#endif
