/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log: what one socket sends to many peers of one loop, as it goes over the wire: written once by
 * the socket's thread, and sent by the loop's sessions from where it lies. It is a chain of blocks;
 * each reader is somewhere in it, and has a count on each block that is still before him, so a
 * block goes with the last who had to read it, and who is slow holds no more than what is his.
 *
 * A *tap* is a pipe's place in a log. It stands in the pipe as an item: what comes behind it in
 * order is in the log, from where the tap begins to where the writer ends it; then comes what is
 * behind the item. So a pipe's messages come in the order in which they were sent, wherever they
 * lie, and the pipe is not empty as long as there is something to read in the log.
 *
 * Thread: a writer, the socket's, and a reader, the loop; each function says whose it is. Owner:
 * counted, by the writer, by taps, and by the command that wakes the loop; a tap is the item's.
 */
#ifndef ZU_CORE_LOG_H
#define ZU_CORE_LOG_H

#include "engine/base/count.h"
#include "engine/base/list.h"
#include "engine/base/mailbox.h"
#include "engine/core/msg.h"

struct zu_session;

struct zu_log_block {
    struct zu_log_block *next; /* set before it is said that this one is full */
    _Atomic uint32_t refs;     /* the writer's, while it is the tail; taps; batches */
    size_t capacity;           /* see kept.h */
    _Atomic uint64_t filled;   /* bytes, messages, and whether that is all: see log.c */
    uint8_t data[];
};

struct zu_log {
    /* The writer's line. */
    alignas(ZU_CACHE_LINE) struct zu_log *next; /* the socket's others, of other loops */
    struct zu_mailbox *box;                     /* the loop's */
    struct zu_log_block *tail;                  /* or NULL; always there while somebody reads */
    uint32_t taps;                              /* that have not ended */
    uint32_t bytes, block_messages;             /* in the tail */
    uint64_t messages;                          /* ever written; anyone reads it */
    _Atomic uint32_t refs;
    /* The shared line. */
    alignas(ZU_CACHE_LINE) _Atomic uint64_t published; /* messages << 1 | the loop is asleep */
    struct zu_cmd wake_cmd;
    /* The loop's line. */
    alignas(ZU_CACHE_LINE) struct zu_list idle; /* taps that have read all there was */
};

struct zu_tap {
    /* The reader's. */
    struct zu_log *log;         /* counted */
    struct zu_log_block *block; /* counted, as all up to the end */
    uint32_t at, at_messages;   /* in the block, this far */
    uint64_t read;              /* messages */
    struct zu_session *session; /* who reads, once he has found it, */
    struct zu_list idle;        /* and waits */
    /* Where it ends, set by the writer before it says so. */
    struct zu_log_block *end_block;
    uint32_t end, end_messages;
    uint64_t from; /* messages of the log before it; */
    uint64_t most; /* and between them */
    _Atomic bool ended;
};

/* What a tap gives at once. */
struct zu_log_run {
    struct zu_log_block *block;
    const uint8_t *at;
    uint32_t bytes, messages;
};

enum zu_tapped {
    ZU_TAPPED_SOME,
    ZU_TAPPED_NONE, /* the session is told when there is more */
    ZU_TAPPED_ALL,  /* the tap has ended */
};

/* Writer. A log for a loop, with its count; NULL: no memory. */
struct zu_log *zu_log_new(struct zu_mailbox *box);
void zu_log_drop(struct zu_log *log);
/* Writer. There is room for a message of this size. -ENOMEM. */
int zu_log_reserve(struct zu_log *log, size_t size);
/* Writer, after that: the message is in the log, and the loop is told. */
void zu_log_put(struct zu_log *log, const void *body, size_t size);

/* Writer, after zu_log_reserve. A tap from here on, in a message for the pipe, which owns it; it
 * has to be ended before it is closed. -ENOMEM. */
int zu_tap_new(struct zu_msg *m, struct zu_log *log);
/* Writer. The tap ends here: it is the reader's from now on, who is not told. */
void zu_tap_end(struct zu_tap *t);
/* Messages that were written for it and not read; nobody is at it any more. */
static inline uint64_t zu_tap_left(const struct zu_tap *t)
{
    return t->most - t->read;
}

/* Reader. What comes next. */
enum zu_tapped zu_tap_read(struct zu_tap *t, struct zu_log_run *run);
/* Reader. It waits for nothing any more. */
static inline void zu_tap_forget(struct zu_tap *t)
{
    zu_list_remove(&t->idle);
}

/* Any thread. */
void zu_log_block_hold(struct zu_log_block *b);
void zu_log_block_drop(struct zu_log_block *b);

#endif
