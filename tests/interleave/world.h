/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world: what a schedule takes place in: a rig (tests/fault/rig.h) whose scripted kernel plays by
 * itself. The connections' descriptors are real ends of socket pairs: what the loop sends and
 * receives through the kernel boundary, and a caller by hand, goes through them, and the engine's
 * own watch looks at them. The loop is a servant of every schedule.
 *
 * A connection may go through the tunnel of TLS, with tests/support/sealed.h in OpenSSL's place:
 * then what its peer says at once is a record, and an answer to its word counts as a command.
 *
 * Messages are numbered: the n-th of a direction is so many letters, the n-th of the alphabet.
 *
 * Thread: any of a schedule's, but world_open and world_end. One world at a time.
 */
#ifndef ZU_TESTS_INTERLEAVE_WORLD_H
#define ZU_TESTS_INTERLEAVE_WORLD_H

#include "tests/fault/rig.h"
#include "tests/interleave/schedule.h"
#include "tests/support/sealed.h"

enum { PEERS_MAX = 2, HEARD_MAX = 256 * 1024 };

/* A socket and who is at the other end. */
struct side {
    struct zu_socket *s;
    int fd, far;
    size_t under_way;         /* bytes that the peer has written, and nobody received */
    bool gone;                /* the peer */
    bool may_lose;            /* what was sent need not arrive */
    unsigned sent, received;  /* by the socket */
    unsigned said;            /* messages by the peer, */
    unsigned heard, commands; /* and what it has heard */
    uint8_t bytes[HEARD_MAX]; /* and not taken apart yet */
    size_t size, taken;
    bool sealed;
    struct sealed_peer peer;
    uint8_t records[HEARD_MAX]; /* not whole yet */
    size_t records_size;
};

struct world {
    struct rig r;
    struct side sides[PEERS_MAX];
    unsigned side_count;
    size_t room; /* what the kernel takes from now on of what is sent */
    bool woken, cancelled;
    uint64_t sends;      /* that were tried */
    struct zu_op *sight; /* the poll of the watches */
};

extern struct world world;

/* Beside a type: the socket is bound, and has accepted; its connection is sealed. */
enum { ACCEPTED = 1024, SEALED = 2048 };

/* A socket that has dialed, and whose peer, a DEALER, or of a CLIENT a SERVER, is met: nothing is
 * under way. `set` sets options, or is NULL. */
void world_open(int type, void (*set)(struct side *d));
/* One more, in the same context. */
void world_add(int type, void (*set)(struct side *d));
/* The socket has waited for a moment: now the intake is free, and watched. */
void world_leave_intake(struct side *d);
/* All that was sent has been heard, and nothing else. */
void world_end(void);

void set_option(struct side *d, int option, int value);

/* The application. False: EAGAIN, or ETERM. */
bool app_sends(struct side *d, size_t size, int flags);
bool app_receives(struct side *d, size_t size, int flags);
void app_ends(struct side *d); /* zmq_close */

/* The peer; hears: waits until it has heard so many messages, and commands. */
void peer_says(struct side *d, size_t size);
void peer_says_bytes(struct side *d, const void *bytes, size_t size);
void peer_says_cut(struct side *d, const void *bytes, size_t size, size_t cut); /* in two pieces */
void peer_says_word(struct side *d, enum sealed_kind kind);
void peer_hears(struct side *d, unsigned messages, unsigned commands);
void peer_hears_the_end(struct side *d);
void peer_ends(struct side *d);
void time_passes(unsigned ms);
void kernel_takes(size_t room);

#endif
