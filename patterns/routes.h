/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes: peers that are addressed by a routing id: which pipe an id means, what happens when two
 * peers claim the same one, and the queue in which the known ones take turns. For ROUTER, REP and
 * STREAM.
 *
 * A pipe is anonymous until its peer's id has come: not addressable, and not read. One whose id is
 * taken already stays so for ever, unless ZMQ_ROUTER_HANDOVER lets it take the id over.
 *
 * Thread: the one inside the socket. Owner: embedded by a pattern.
 */
#ifndef ZU_PATTERNS_ROUTES_H
#define ZU_PATTERNS_ROUTES_H

#include "engine/base/map.h"
#include "engine/core/socket.h"
#include "patterns/fq.h"

struct zu_routes {
    struct zu_fq fq;         /* the pipes that have an id */
    struct zu_pipes ignored; /* those that will never get theirs */
    struct zu_map by_id;
    struct zu_pipe *reading; /* parts of a message were read from it, and the rest is due */
    uint32_t next_id;        /* for peers that bring none */
    uint8_t given_id[255];   /* ZMQ_CONNECT_ROUTING_ID: for the next pipe that is dialed */
    uint8_t given_id_size;   /* 0: none */
    bool probe, handover;
};

void zu_routes_init(struct zu_routes *r);
void zu_routes_fini(struct zu_routes *r);

/* The pattern's own handlers of the same names. */
void zu_routes_attach(struct zu_routes *r, struct zu_socket *s, struct zu_pipe *p);
void zu_routes_readable(struct zu_routes *r, struct zu_socket *s, struct zu_pipe *p);
void zu_routes_detach(struct zu_routes *r, struct zu_pipe *p);

/* attach for peers that never tell an id: it has one at once. -ENOMEM: it has not, close it. */
int zu_routes_attach_raw(struct zu_routes *r, struct zu_pipe *p);

/* The data behind an id, to a raw connection: empty data ends it, ZMQ_SNDMORE means nothing, and
 * with `to` NULL it goes nowhere. Takes *m over, or -ENOMEM. */
int zu_routes_send_raw(struct zu_socket *s, struct zu_pipe *to, struct zu_msg *m);

struct zu_pipe *zu_routes_find(const struct zu_routes *r, const void *id, size_t size);

/* The pattern's handler of that name. */
int zu_routes_peer_state(const struct zu_routes *r, const void *id, size_t size);

/* The next part; *from (valid for a first part) is its pipe. -EAGAIN. */
int zu_routes_read(struct zu_routes *r, struct zu_socket *s, struct zu_msg *m,
                   struct zu_pipe **from);
void zu_routes_skip_rest(struct zu_routes *r, struct zu_socket *s);

/* The id of the pipe as the part that goes before a message from it. -ENOMEM. */
int zu_routes_id_part(struct zu_msg *m, const struct zu_pipe *p);

/* PROBE_ROUTER, ROUTER_HANDOVER and CONNECT_ROUTING_ID. -EINVAL: none of them, or a wrong value;
 * -EADDRINUSE: a peer has that id. */
int zu_routes_set(struct zu_routes *r, int option, const void *value, size_t size);
int zu_routes_set_given_id(struct zu_routes *r, const void *value, size_t size);

/* ZMQ_PROBE_ROUTER: an empty message, so that a ROUTER at the other end learns of us. */
void zu_routes_send_probe(struct zu_pipe *p);

#endif
