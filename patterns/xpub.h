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
#include "patterns/notices.h"
#include "patterns/subs.h"

struct zu_xpub {
    struct zu_socket *socket;
    struct zu_fan fan;
    struct zu_subs topics;         /* decides who gets what */
    struct zu_subs asked;          /* manual mode: what was asked for, which need not be the same */
    struct zu_subscriber *leaving; /* gone, but their topics are still to be forgotten */
    struct zu_cmd forget_cmd;      /* posted to ourselves while there are some */
    uint64_t spare_ns;             /* what may go into subscriptions without a pause, */
    uint64_t spare_since_ns;       /* as it was at that time: see xpub.c */

    struct zu_notices notices;
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
/* In the fan: who has subscribed to exactly that, for a RADIO. */
void zu_xpub_choose_group(struct zu_xpub *self, const void *group, size_t size);
bool zu_xpub_has_out(struct zu_socket *s);
int zu_xpub_set(struct zu_socket *s, int option, const void *value, size_t size);
int zu_xpub_get(struct zu_socket *s, int option, void *value, size_t *size);

#endif
