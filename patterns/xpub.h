/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xpub: what PUB and XPUB have in common: who wants what, and sending it to them. An XPUB also
 * tells its application who subscribes to what, a PUB does not.
 * Thread: the one inside the socket. Owner: the state of either type's socket.
 */
#ifndef ZU_PATTERNS_XPUB_H
#define ZU_PATTERNS_XPUB_H

#include "engine/core/socket.h"
#include "patterns/fan.h"
#include "patterns/subs.h"

/* Something for the application: a notice, or a part of a message that an XSUB sent. */
struct zu_notice {
    struct zu_msg m;
    struct zu_subscriber *from; /* of a notice in manual mode; counted; or NULL */
    bool is_notice;
};

struct zu_xpub {
    struct zu_fan fan;
    struct zu_subs topics; /* decides who gets what */
    struct zu_subs asked;  /* manual mode: what was asked for, which need not be the same */

    struct zu_notice *notices; /* a ring; the room is 0 or a power of two */
    uint32_t first, count, room;
    struct zu_msg *parts; /* of a user's message that is being read */
    uint32_t part_count, part_room;

    struct zu_subscriber *last; /* manual mode: whose notice was received last; counted */
    struct zu_msg welcome;      /* CLOSED: none */
    bool verbose, verboser;     /* tell repeated subscriptions; repeated cancels */
    bool manual, last_value, nodrop, only_first;
};

int zu_xpub_init(struct zu_socket *s);
void zu_xpub_fini(struct zu_socket *s);
void zu_xpub_attach(struct zu_socket *s, struct zu_pipe *p);
void zu_xpub_readable(struct zu_socket *s, struct zu_pipe *p);
void zu_xpub_writable(struct zu_socket *s, struct zu_pipe *p);
void zu_xpub_detach(struct zu_socket *s, struct zu_pipe *p);
int zu_xpub_send(struct zu_socket *s, struct zu_msg *m);
bool zu_xpub_has_out(struct zu_socket *s);
int zu_xpub_set(struct zu_socket *s, int option, const void *value, size_t size);
int zu_xpub_get(struct zu_socket *s, int option, void *value, size_t *size);

#endif
