/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer fills a block and says how far in one word of it, `filled`. A reader looks at the word
 * of the block it is in and takes all up to there.
 *
 * How the loop sleeps is the queue's protocol (queue.c) once more, one for all readers of the loop:
 * the writer exchanges the number of messages into `published`, after `filled`; a reader that finds
 * nothing first loads that word, then looks into its block, and falls asleep by changing the very
 * word to `asleep`. If a message came in between this fails, and it looks again. The exchange that
 * finds the mark posts the one command, which has all idle readers look. If the mark is there
 * already nothing has come since another one set it: the reader is idle with him.
 *
 * What would break it: a reader that looked into its block before it loads the word. A message
 * between the two is in the word and was not seen, and the reader sleeps over it.
 */
#include "engine/core/log.h"

#include "engine/base/alloc.h"
#include "engine/base/kept.h"
#include "engine/core/session.h"
#include "engine/wire/frame.h"

#include <errno.h>

/* Of `filled`: bytes in the lower half, messages in the upper, and the bit that says "full". */
#define FULL        (UINT64_C(1) << 31)
#define BYTES       (FULL - 1)
#define MESSAGES_AT 32

enum { BLOCK_SIZE = 64 * 1024 }; /* with what is in front of the data */

#define ROOM ((uint32_t)(BLOCK_SIZE - sizeof(struct zu_log_block)))

void zu_log_block_hold(struct zu_log_block *b)
{
    /* Relaxed: the caller has a count already. */
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
}

void zu_log_block_drop(struct zu_log_block *b)
{
    /* [LB1] acq_rel, pairs with itself: who frees comes after all that was done with the bytes. */
    if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        zu_kept_free(b, b->capacity);
}

static struct zu_log_block *block_new(uint32_t refs)
{
    size_t capacity;
    struct zu_log_block *b = zu_kept_alloc(BLOCK_SIZE, &capacity);

    if (!b)
        return NULL;
    b->next = NULL;
    b->capacity = capacity;
    atomic_init(&b->refs, refs);
    atomic_init(&b->filled, 0);
    return b;
}

/* On the loop. */
static void run_wake(struct zu_cmd *cmd)
{
    struct zu_log *log = zu_container_of(cmd, struct zu_log, wake_cmd);
    struct zu_list *l;

    while ((l = zu_list_pop(&log->idle)) != NULL)
        zu_session_pump_soon(zu_container_of(l, struct zu_tap, idle)->session);
    zu_log_drop(log);
}

static void wake(struct zu_log *log)
{
    /* Relaxed: the writer has a count. */
    atomic_fetch_add_explicit(&log->refs, 1, memory_order_relaxed);
    if (zu_mailbox_post(log->box, &log->wake_cmd) != ZU_POSTED)
        zu_log_drop(log);
}

struct zu_log *zu_log_new(struct zu_mailbox *box)
{
    struct zu_log *log = zu_alloc_aligned(ZU_CACHE_LINE, sizeof *log);

    if (!log)
        return NULL;
    *log = (struct zu_log){.box = box, .wake_cmd.run = run_wake};
    atomic_init(&log->refs, 1);
    atomic_init(&log->published, 0);
    zu_list_init(&log->idle);
    return log;
}

void zu_log_drop(struct zu_log *log)
{
    /* [LG1] acq_rel, pairs with itself: the last comes after all others. */
    if (atomic_fetch_sub_explicit(&log->refs, 1, memory_order_acq_rel) != 1)
        return;
    zu_free(log);
}

int zu_log_reserve(struct zu_log *log, size_t size)
{
    struct zu_log_block *b, *tail = log->tail;

    if (zu_likely(tail && log->bytes + ZU_FRAME_HEADER_MAX + size <= ROOM))
        return 0;
    b = block_new(1 + log->taps);
    if (!b)
        return -ENOMEM;
    if (tail) {
        tail->next = b;
        /* [LF1], and `next`. */
        atomic_store_explicit(&tail->filled,
                              (uint64_t)log->block_messages << MESSAGES_AT | FULL | log->bytes,
                              memory_order_release);
        zu_log_block_drop(tail);
    }
    log->tail = b;
    log->bytes = log->block_messages = 0;
    return 0;
}

void zu_log_put(struct zu_log *log, const void *body, size_t size)
{
    uint8_t *at = log->tail->data + log->bytes;
    size_t head = zu_frame_write_v2(at, size, 0);

    zu_copy_body(at + head, body, size);
    log->bytes += (uint32_t)(head + size);
    log->block_messages++;
    zu_count(&log->messages, 1);
    /* [LF1] release, pairs with [LF2]: the bytes are there before they are counted. */
    atomic_store_explicit(&log->tail->filled,
                          (uint64_t)log->block_messages << MESSAGES_AT | log->bytes,
                          memory_order_release);
    /* [LP1] release, pairs with [LP2]: `filled` is seen by who sees this. */
    if (atomic_exchange_explicit(&log->published, log->messages << 1, memory_order_release) & 1)
        wake(log);
}

/* ---- taps ---- */

/* Without readers it keeps no memory. */
static void let_go(struct zu_log *log)
{
    if (log->taps > 0 || !log->tail)
        return;
    zu_log_block_drop(log->tail);
    log->tail = NULL;
}

static void tap_free(void *data, void *hint)
{
    struct zu_tap *t = data;
    struct zu_log_block *b = t->block;

    (void)hint;
    while (b != t->end_block) {
        struct zu_log_block *next = b->next;

        zu_log_block_drop(b);
        b = next;
    }
    zu_log_block_drop(b);
    zu_log_drop(t->log);
    zu_free(t);
}

int zu_tap_new(struct zu_msg *m, struct zu_log *log)
{
    struct zu_tap *t = zu_alloc(sizeof *t);

    if (!t || zu_msg_init_lent(m, t, sizeof *t, tap_free, NULL) < 0) {
        zu_free(t);
        let_go(log);
        return -ENOMEM;
    }
    m->flags = ZU_MSG_TAP;
    log->taps++;
    *t = (struct zu_tap){.log = log,
                         .block = log->tail,
                         .at = log->bytes,
                         .at_messages = log->block_messages,
                         .from = log->messages};
    atomic_init(&t->ended, false);
    zu_list_init(&t->idle);
    zu_log_block_hold(log->tail);
    atomic_fetch_add_explicit(&log->refs, 1, memory_order_relaxed); /* the writer has one */
    return 0;
}

void zu_tap_end(struct zu_tap *t)
{
    struct zu_log *log = t->log;

    t->end_block = log->tail;
    t->end = log->bytes;
    t->end_messages = log->block_messages;
    t->most = log->messages - t->from;
    log->taps--;
    let_go(log);
    /* [LT1] release, pairs with [LT2]: where it ends is there; and whoever sees a message that is
     * written behind it sees this, too. */
    atomic_store_explicit(&t->ended, true, memory_order_release);
}

/* The reader has read its block so far. True: there is nothing now, and the loop will be told. */
static bool fall_idle(struct zu_tap *t, uint64_t word)
{
    struct zu_log *log = t->log;

    /* Relaxed: nothing is published, and where it fails we look again from the start. */
    if (!(word & 1) &&
        !atomic_compare_exchange_strong_explicit(&log->published, &word, word | 1,
                                                 memory_order_relaxed, memory_order_relaxed))
        return false;
    if (zu_list_empty(&t->idle))
        zu_list_append(&log->idle, &t->idle);
    return true;
}

enum zu_tapped zu_tap_read(struct zu_tap *t, struct zu_log_run *run)
{
    for (;;) {
        struct zu_log_block *b = t->block;
        /* [LP2] acquire, pairs with [LP1]; before the next load: see the top. */
        uint64_t word = atomic_load_explicit(&t->log->published, memory_order_acquire);
        /* [LF2] acquire, pairs with [LF1]. */
        uint64_t filled = atomic_load_explicit(&b->filled, memory_order_acquire);
        uint32_t bytes = (uint32_t)(filled & BYTES), messages = (uint32_t)(filled >> MESSAGES_AT);
        /* [LT2] acquire, pairs with [LT1]; behind the load before. */
        bool ends = atomic_load_explicit(&t->ended, memory_order_acquire) && t->end_block == b;

        if (ends) {
            bytes = t->end;
            messages = t->end_messages;
        }
        if (bytes > t->at) {
            *run =
                (struct zu_log_run){b, b->data + t->at, bytes - t->at, messages - t->at_messages};
            t->at = bytes;
            t->at_messages = messages;
            t->read += run->messages;
            zu_tap_forget(t);
            return ZU_TAPPED_SOME;
        }
        if (ends) {
            zu_tap_forget(t);
            return ZU_TAPPED_ALL;
        }
        if (filled & FULL) {
            t->block = b->next;
            t->at = t->at_messages = 0;
            zu_log_block_drop(b);
        } else if (fall_idle(t, word)) {
            return ZU_TAPPED_NONE;
        }
    }
}
