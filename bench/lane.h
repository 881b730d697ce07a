/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane: what one message goes to and fro over, seen from one end. `b->what` says of what kind:
 *
 *     req-rep, pair     two sockets of a library
 *     pub-sub           a PUB and a SUB at either end
 *     client-server     two sockets that any number of threads may use
 *     stream            two STREAMs: bytes without frames
 *     wait              no library: plain sockets and calls that wait; over inproc a futex
 *     spin              the same by calls that do not wait, in a loop; over inproc a word in memory
 *
 * Each end has a message of its own, which it sends over and over; every one that comes is checked
 * for its size.
 * Thread: the one that uses the end. The place is shared by both.
 */
#ifndef ZU_BENCH_LANE_H
#define ZU_BENCH_LANE_H

#include "bench/plain.h"

struct lane_word { /* one way between two threads: how many messages have been sent */
    _Alignas(64) _Atomic uint32_t sent;
    _Atomic uint32_t over;
};

/* Where the answering end is to be found. Begins as zeros. */
struct lane_place {
    char endpoint[2][256];
    struct plain_address plain;
    struct lane_word words[2];
};

struct lane {
    const struct bench *b;
    struct lane_place *place;
    void *ctx, *in, *out; /* of a library; one socket, or for pub-sub two */
    bool own_ctx, asking;
    int fd, flags; /* of plain sockets; before there is a connection the listening one */
    uint32_t seen; /* of the word in memory */
    char *body;    /* of plain sockets */
    zmq_msg_t message;
    uint8_t peer[256]; /* of a STREAM: what its peer is called */
    size_t peer_size;
};

/* What is wrong with the arguments, or NULL. */
const char *lane_refuses(const struct bench *b);

/* The answering end is there first. `ctx`: for inproc; NULL is one of its own. */
void lane_bind(struct lane *l, const struct bench *b, struct lane_place *place, void *ctx);
void lane_connect(struct lane *l, const struct bench *b, struct lane_place *place, void *ctx);
/* At the answering end, once the other may come. */
void lane_accept(struct lane *l);
/* At the asking end, while the other one answers: afterwards every message comes back once. */
void lane_settle(struct lane *l);

void lane_send(struct lane *l);
/* Into this end's message. False: the other end has said that there is nothing more. */
bool lane_receive(struct lane *l);
/* Nothing more comes from this end. */
void lane_finish(struct lane *l);
void lane_close(struct lane *l);

#endif
