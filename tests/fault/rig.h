/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig: one socket of the real engine over the scripted boundary. The context, the loop, the socket,
 * its listener or dialer and its session are those of the library; the test is the loop's thread,
 * the kernel and the peer. Nothing happens but in rig_round, and no time passes but by rig_pass.
 *
 *     rig_open(&r, ZMQ_DEALER);
 *     rig_bind(&r);
 *     rig_accept(&r);
 *     rig_say_hex(&r, RIG_GREETING RIG_READY_DEALER);
 *     rig_hear_all(&r);
 *     rig_end(&r, 0);      everything is over, and nothing is left behind
 *
 * What must always hold is checked here; what does not hold prints the label and aborts, so that a
 * fuzzer keeps the input. One rig at a time.
 * Thread: the test's.
 */
#ifndef ZU_TESTS_FAULT_RIG_H
#define ZU_TESTS_FAULT_RIG_H

#include "engine/core/socket.h"
#include "tests/support/scripted.h"

#define RIG_GREETING     "ff 00*7 01 7f 03 01 'NULL' 00*16 00*32 "
#define RIG_READY_DEALER "04 1c 05 'READY' 0b 'Socket-Type' 00 00 00 06 'DEALER' "
#define RIG_READY_SERVER "04 1c 05 'READY' 0b 'Socket-Type' 00 00 00 06 'SERVER' "
#define RIG_ENDPOINT     "rig://peer"

struct rig {
    struct zu_ctx *ctx;
    struct zu_loop loop;
    struct zu_kernel *k;
    struct zu_socket *s; /* NULL once it is closed */
    struct zu_observer observer;
    int listener;          /* the listening descriptor, or -1 */
    int fd, far;           /* of the last connection: the engine's end, the peer's */
    int expected;          /* what the transport was last told to expect; 0: nothing yet */
    bool far_away;         /* what the transport says of the peer */
    int resets;            /* how often it was told to reset a connection */
    int admit_rc, look_rc; /* what the transport's admit and resolve answer */
    int descriptors;       /* open before */
    unsigned patience_ms;  /* how long rig_say and rig_hear_all wait for a request to be made */
    const char *label;     /* what is being tried, for messages */
    bool is_web;           /* the transport is one of WebSockets: set before bind or dial */
    /* Likewise: its connections go through it, and what the options are prepared with; or NULL. */
    const struct zu_tunnel_table *tunnel;
    int (*prepare)(const struct zu_options *o, bool accepts);
    char events[4096]; /* what the observer heard: "LISTENING ACCEPTED ... " */
    size_t events_size;
    uint8_t *said; /* what the engine has sent */
    size_t said_size, said_room;
};

#define RIG_CHECK(r, cond)                                                                         \
    do {                                                                                           \
        if (!(cond))                                                                               \
            rig_fail((r), __FILE__, __LINE__, #cond);                                              \
    } while (0)

_Noreturn void rig_fail(const struct rig *r, const char *file, int line, const char *what);

void rig_open(struct rig *r, int type);
void rig_set(struct rig *r, int option, int value);
void rig_round(struct rig *r);
void rig_settle(struct rig *r);            /* rounds until nothing moves by itself */
void rig_pass(struct rig *r, unsigned ms); /* time, a millisecond a round */

void rig_bind(struct rig *r);
void rig_accept(struct rig *r);  /* a peer comes: `fd` and `far` are set */
void rig_dial(struct rig *r);    /* zmq_connect: a connect is pending on `fd` */
void rig_connect(struct rig *r); /* and succeeds */

/* A DEALER that has dialed, connected and shaken hands: the traffic may begin. */
void rig_meet(struct rig *r);

/* The request of the connection that is pending; NULL: none. */
struct zu_op *rig_receiving(struct rig *r);
struct zu_op *rig_sending(struct rig *r);

/* The peer says it, in pieces of at most `most`. How much the engine took before it stopped. */
size_t rig_say(struct rig *r, const void *bytes, size_t size, size_t most);
void rig_say_hex(struct rig *r, const char *hex);
/* The peer closes, or resets. */
void rig_hang_up(struct rig *r, int err);
/* All that the kernel was lent is the engine's again. How many sends that were. */
size_t rig_give_back(struct rig *r, bool copied);
/* The pending send gets at most `most` bytes out; they are added to `said`. False: none pending. */
bool rig_hear(struct rig *r, size_t most);
void rig_hear_all(struct rig *r);

bool rig_closed(const struct rig *r); /* the engine's end of the connection is no more */
void rig_close(struct rig *r);        /* zmq_close */

/*
 * Closes what is open, waits at most `ms` for everything to end (0: and drops what is unsent), and
 * terminates the context: nothing may be in flight, set, held or open any more.
 */
void rig_end(struct rig *r, unsigned ms);
void rig_leaks(const struct rig *r); /* where a leak checker is there: nothing has leaked so far */

#endif
