/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate: how many strangers a listener bears. A stranger is an accepted connection that is not
 * through its handshake; when there are too many, the one that has been one for longest is given
 * up, as honest peers are strangers for moments. And how many connections one address may have; of
 * IPv6 one network of 64 bits, as that is what one host is given.
 * Thread: the listener's loop. Owner: embedded in the listener.
 */
#ifndef ZU_CORE_GATE_H
#define ZU_CORE_GATE_H

#include "engine/base/map.h"
#include "engine/core/session.h"

struct zu_origin; /* an address, and how many connections it has */

struct zu_gate {
    struct zu_list strangers; /* zu_session.stranger, the oldest first */
    int stranger_count;
    struct zu_map origins; /* by what zu_transport.peer_address says; empty where nobody counts */
};

void zu_gate_init(struct zu_gate *g);
void zu_gate_fini(struct zu_gate *g); /* no session is left */

/* Before a session is made: *out is what its connection is counted at, or NULL. -EUSERS: the
 * address has as many as it may have. -ENOMEM. */
int zu_gate_count(struct zu_gate *g, const char *address, int most, struct zu_origin **out);
void zu_gate_uncount(struct zu_gate *g, struct zu_origin *origin); /* or NULL */

/* The session is a stranger. Returns the one to be given up for it, which is none any more; or
 * NULL. `most` 0: there is no limit. */
struct zu_session *zu_gate_enter(struct zu_gate *g, struct zu_session *s, int most);
void zu_gate_leave(struct zu_gate *g, struct zu_session *s); /* it is one no more, or never was */

#endif
