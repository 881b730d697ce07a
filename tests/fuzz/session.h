/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: what the targets of a whole session share: the application behind it, which receives
 * what there is and answers, and the peer's words, of which it may stop to take any.
 * Thread: the target's.
 */
#ifndef ZU_TESTS_FUZZ_SESSION_H
#define ZU_TESTS_FUZZ_SESSION_H

#include "tests/fault/rig.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>

enum { BODY_MAX = 1 << 20 };

/* What came of it: the messages and what was said, each as a number that hardly repeats. */
struct outcome {
    uint64_t received, said;
    unsigned messages;
    bool ended;
};

static inline uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 0x100000001b3U;
    return hash;
}

/* The ids that these make up are not the same twice; of the others all is to be. */
static inline bool makes_ids_up(int type)
{
    return type == ZMQ_ROUTER || type == ZMQ_STREAM || type == ZMQ_REP;
}

/* These take what a peer says only when it is its turn, which depends on when it is said. */
static inline bool takes_turns(int type)
{
    return type == ZMQ_REQ || type == ZMQ_REP;
}

static inline void receive_all(struct rig *r, int type, struct outcome *o)
{
    zmq_msg_t m;

    zmq_msg_init(&m);
    while (zmq_msg_recv(&m, r->s, ZMQ_DONTWAIT) >= 0) {
        size_t size = zmq_msg_size(&m);
        int more = zmq_msg_more(&m);

        FUZZ_CHECK(size <= BODY_MAX);
        o->received = mix(mix(o->received, &size, sizeof size), &more, sizeof more);
        if (!makes_ids_up(type))
            o->received = mix(o->received, zmq_msg_data(&m), size);
        zmq_msg_gets(&m, "Socket-Type");
        o->messages++;
    }
    FUZZ_CHECK(errno == EAGAIN || errno == EFSM || errno == ENOTSUP);
    zmq_msg_close(&m);
}

static inline void answer(struct rig *r)
{
    zmq_send(r->s, "answer", 6, ZMQ_DONTWAIT | ZMQ_SNDMORE);
    zmq_send(r->s, "", 0, ZMQ_DONTWAIT);
    rig_settle(r);
}

/* Until the session has heard it all. While its pipe is full it does not listen, and the socket, by
 * being used, makes room; one that has had enough has closed. `meanwhile` is done again and again,
 * or NULL. */
static inline void say_all(struct rig *r, int type, struct outcome *o, const uint8_t *data,
                           size_t size, void (*meanwhile)(struct rig *r))
{
    bool listens;

    for (int tries = 0; tries < 2000; tries++) {
        size_t n = rig_say(r, data, size, SIZE_MAX);

        data += n;
        size -= n;
        if (meanwhile)
            meanwhile(r);
        listens = rig_receiving(r); /* then all it has heard is there to be received */
        receive_all(r, type, o);
        if (takes_turns(type))
            answer(r);
        rig_settle(r);
        rig_hear_all(r);
        if (rig_closed(r))
            receive_all(r, type, o);
        if (rig_closed(r) || (listens && size == 0))
            return;
    }
    FUZZ_CHECK(!"the session neither listens nor ends");
}

/* A socket of ours, before it is bound. */
static inline void open_session(struct rig *r, int type)
{
    int64_t most = BODY_MAX;

    r->label = "session";
    rig_open(r, type);
    FUZZ_CHECK(zmq_setsockopt(r->s, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0);
    if (type == ZMQ_SUB)
        FUZZ_CHECK(zmq_setsockopt(r->s, ZMQ_SUBSCRIBE, "", 0) == 0);
    rig_set(r, ZMQ_RCVHWM, 8);
}

/* The peer goes; what is left of its words is received. Nothing may be left of anything. */
static inline void end_session(struct rig *r, int type, struct outcome *o)
{
    rig_hear_all(r);
    o->ended = rig_closed(r);
    o->said = mix(o->said, r->said, r->said_size);
    answer(r);
    rig_hear_all(r);
    scripted_pass(7000); /* more than any time to live that a peer can name */
    rig_settle(r);
    if (rig_receiving(r))
        rig_hang_up(r, 0);
    receive_all(r, type, &(struct outcome){0});
    rig_end(r, 0);
}

/* There is a connection: the peer says it all, in one piece or in packets, and hangs up. */
static inline struct outcome meet(struct rig *r, int type, const uint8_t *data, size_t size,
                                  bool cut)
{
    struct outcome o = {.received = 0xcbf29ce484222325U, .said = 0xcbf29ce484222325U};
    uint32_t state = 0;

    if (!cut)
        say_all(r, type, &o, data, size, NULL);
    for (size_t at = 0, n; cut && at < size; at += n) {
        n = fuzz_cut(&state, data + at, size - at);
        say_all(r, type, &o, data + at, n, NULL);
    }
    end_session(r, type, &o);
    return o;
}

/* Both came to the same. `says`: what we say does not depend on chance. */
static inline void check_same(int type, const struct outcome *whole, const struct outcome *cuts,
                              bool says)
{
    FUZZ_CHECK(whole->messages == cuts->messages);
    FUZZ_CHECK(whole->received == cuts->received);
    FUZZ_CHECK(whole->ended == cuts->ended);
    /* Not what was still to be said at an end, nor whether a PONG came before a subscription. */
    FUZZ_CHECK(!says || whole->ended || type == ZMQ_SUB || type == ZMQ_XSUB ||
               whole->said == cuts->said);
}

#endif
