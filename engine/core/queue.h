/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue: messages from one thread to one other, in order, without a lock. One direction of a pipe.
 *
 * Items (item.h) lie one behind the other in linked chunks; an unused queue has none. The writer
 * publishes complete messages in batches. A reader that finds nothing is asleep from then on, and
 * the flush that publishes next says so, once: whoever flushed must then wake the reader's owner. A
 * reader that will look again by itself need not fall asleep; it may name a number of items at
 * which it wants to be woken all the same.
 *
 * Thread: a writer and a reader; each function says whose it is. Owner: the pipe.
 */
#ifndef ZU_CORE_QUEUE_H
#define ZU_CORE_QUEUE_H

#include "engine/base/barrier.h"
#include "engine/base/count.h"
#include "engine/core/item.h"

struct zu_chunk;

/* A number of items is kept as it is published: in steps of ZU_QUEUE_ITEM, the lowest bit free. */
#define ZU_QUEUE_ASLEEP 1u
#define ZU_QUEUE_ITEM   2u
#define ZU_QUEUE_NEVER  UINT64_MAX

/* Words. A thread that goes from queue to queue finds the lines of each with another core, or in
 * no cache at all: what comes behind the item in hand is asked for now. Who takes one item from
 * each in turn asks for the next line, who takes many or writes for the one after it. */
#define ZU_QUEUE_NEXT  8
#define ZU_QUEUE_AHEAD 16

/* Of the reader of a light queue. */
enum zu_queue_sleep {
    ZU_QUEUE_AWAKE,
    ZU_QUEUE_DOZING, /* about to sleep: it will look once more */
    ZU_QUEUE_SLEEPS, /* it has read all that was published */
};

struct zu_queue {
    /* The writer's line. */
    alignas(ZU_CACHE_LINE) uint64_t *tail_at; /* where the next item goes, */
    uint64_t *tail_end;                       /* unless this is no further: no room here */
    uint64_t tail;                            /* items written */
    uint64_t complete;                        /* of these, what a flush may publish */
    uint64_t flushed;                         /* of these, what a flush has published */
    struct zu_chunk *tail_chunk;
    _Atomic uint32_t sleep; /* light: enum zu_queue_sleep. The reader writes it when it must */
    bool light;             /* the writer pays no barrier: see queue.c */
    bool unflushed;         /* latest_only: a message waits at tail_at */
    uint64_t replaced;      /* latest_only: messages that nobody got; anyone reads it */
    /* The reader's line. */
    alignas(ZU_CACHE_LINE) const uint64_t *head_at; /* the next item, */
    uint64_t known;                                 /* if it knows of so many still to read */
    uint64_t seen;                                  /* what it last knew to be published */
    struct zu_chunk *head_chunk;
    uint32_t patience; /* ns that the reader waits for more before it falls asleep */
    uint32_t rests;    /* times it fell asleep without waiting */
    bool patient;      /* it waits at all; set before it reads */
    uint64_t most;     /* items that it ever found at once; anyone reads it */
    /* The shared line. */
    alignas(ZU_CACHE_LINE) _Atomic uint64_t published; /* items, and whether the reader sleeps */
    _Atomic uint64_t wake_at;         /* the reader, though not asleep, asks to be woken then */
    _Atomic(struct zu_chunk *) spare; /* one emptied chunk, to be used again */
    struct zu_chunk *first;           /* set once, by the writer, before anything is published */
    uint64_t *part_at; /* the writer's: where the message begins that is not complete */
    struct zu_chunk *part_chunk;
    bool latest_only;   /* conflate: never changes */
    bool subscriptions; /* messages that begin with 0 or 1 are none: see zu_queue_fini */
};

/* The reader starts asleep: the first flush that publishes asks to wake it. */
void zu_queue_init(struct zu_queue *q, bool latest_only);
/* Between two threads that are mostly both awake: publishing is a plain store, and the reader pays
 * when it falls asleep. Where zu_barrier_ready said true, before anything is written, and not with
 * latest_only. */
void zu_queue_make_light(struct zu_queue *q);
/* No thread is in it any more. Closes what is left; how many messages that were, without those that
 * are not complete, and items that are none. What it has counted may be read on. */
uint64_t zu_queue_fini(struct zu_queue *q);

/* The rare halves of the functions below. */
int zu_queue_write_slow(struct zu_queue *q, struct zu_msg *m, bool complete);
bool zu_queue_flush_latest(struct zu_queue *q);
bool zu_queue_end_sleep(struct zu_queue *q);
bool zu_queue_look(struct zu_queue *q);
bool zu_queue_read_slow(struct zu_queue *q, struct zu_msg *m);
void zu_queue_go_on(struct zu_queue *q);

static inline bool zu_queue_has_room(const struct zu_queue *q)
{
    return q->tail_at < q->tail_end;
}

/* Writer. The items from tail_at to `at` were written, `n` of them. All of them are parts of
 * complete messages, or all of one that is not complete yet. */
static inline void zu_queue_wrote(struct zu_queue *q, uint64_t *at, size_t n, bool complete)
{
    if (zu_unlikely(!complete && q->tail == q->complete)) {
        q->part_at = q->tail_at;
        q->part_chunk = q->tail_chunk;
    }
    q->tail_at = at;
    q->tail += n * ZU_QUEUE_ITEM;
    if (complete)
        q->complete = q->tail;
}

/* Writer. True: the struct was written as the next item, nothing is counted. */
static inline bool zu_queue_put(struct zu_queue *q, const struct zu_msg *m, bool complete)
{
    if (zu_unlikely(!zu_queue_has_room(q) || !zu_item_is_usual(m)))
        return false;
    __builtin_prefetch(q->tail_at + ZU_QUEUE_AHEAD, 1);
    zu_queue_wrote(q, zu_item_write(q->tail_at, m), 1, complete);
    return true;
}

/* The same of a message that many get. */
static inline bool zu_queue_put_packed(struct zu_queue *q, const struct zu_packed *p)
{
    if (zu_unlikely(!zu_queue_has_room(q) || p->words == 0))
        return false;
    for (uint32_t i = 0; i < p->words; i++)
        q->tail_at[i] = p->word[i];
    zu_queue_wrote(q, q->tail_at + p->words, 1, !p->more);
    return true;
}

/*
 * Writer. Takes *m (it is a valid empty message after) as the next item. `complete`: it is the last
 * part of a message, so everything up to it may be published. -ENOMEM: *m is untouched.
 * In a latest_only queue a message replaces the one that waits; all messages are single parts.
 */
static inline int zu_queue_write(struct zu_queue *q, struct zu_msg *m, bool complete)
{
    if (zu_unlikely(!zu_queue_put(q, m, complete)))
        return zu_queue_write_slow(q, m, complete);
    zu_msg_init(m);
    return 0;
}

/* Writer. Closes the parts of a message that is not complete. */
void zu_queue_unwrite(struct zu_queue *q);

/* Writer, not of a latest_only queue. Publishes all complete items. True: unless the queue is light
 * and zu_queue_end_sleep says false, the reader was asleep, or wants it, and must be woken. */
static zu_inline bool zu_queue_publish(struct zu_queue *q)
{
    bool wanted;

    q->flushed = q->complete;
    if (q->light) {
        /* [QP1] release, as below. */
        atomic_store_explicit(&q->published, q->complete, memory_order_release);
        zu_barrier_compiler();
        /* Relaxed: only whether it is worth an exchange; why it is not missed: see queue.c. */
        return atomic_load_explicit(&q->sleep, memory_order_relaxed) != ZU_QUEUE_AWAKE;
    }
    /* Relaxed, as all of wake_at: a wish, and the reader does not rely on it. */
    wanted = q->complete >= atomic_load_explicit(&q->wake_at, memory_order_relaxed);
    if (zu_unlikely(wanted))
        atomic_store_explicit(&q->wake_at, ZU_QUEUE_NEVER, memory_order_relaxed);
    /* [QP1] release, pairs with [QP2] in queue.c: the items are whole before they are seen. */
    return (atomic_exchange_explicit(&q->published, q->complete, memory_order_release) &
            ZU_QUEUE_ASLEEP) ||
           wanted;
}

/* Writer. Publishes all complete items, if there are any. True: the reader must be woken. */
static zu_inline bool zu_queue_flush(struct zu_queue *q)
{
    if (q->complete == q->flushed)
        return false;
    if (zu_unlikely(q->latest_only))
        return zu_queue_flush_latest(q);
    return zu_queue_publish(q) && (!q->light || zu_queue_end_sleep(q));
}

/* Writer. Asks for the memory that writing will touch, so that it is at hand soon: first the queue,
 * and when that is there, the place of the item. */
static inline void zu_queue_fetch(const struct zu_queue *q)
{
    __builtin_prefetch(&q->tail_at, 1);
    __builtin_prefetch(&q->published, 1);
}

static inline void zu_queue_fetch_place(const struct zu_queue *q)
{
    __builtin_prefetch(q->tail_at, 1);
}

/* Reader. True: an item is there. False: the reader is now asleep. */
static inline bool zu_queue_ready(struct zu_queue *q)
{
    return zu_likely(q->known > 0) || zu_queue_look(q);
}

/* Reader. The same, but it stays awake: it looks again by itself. */
bool zu_queue_has(struct zu_queue *q);
/* Reader, awake and with nothing known to it: the flush that makes it `count` items or more wakes
 * it, once. Not for a latest_only queue. */
static inline void zu_queue_wake_at(struct zu_queue *q, uint32_t count)
{
    atomic_store_explicit(&q->wake_at, q->seen + (uint64_t)count * ZU_QUEUE_ITEM,
                          memory_order_relaxed);
}

/* Reader. It has found so many at once. */
static inline void zu_queue_count_most(struct zu_queue *q, uint64_t found)
{
    if (found > q->most)
        zu_count_set(&q->most, found);
}

/* Reader, after zu_queue_ready said true: what the next item is, in *m (uninitialised before). It
 * still holds all of it. */
void zu_queue_peek(struct zu_queue *q, struct zu_msg *m);

/* Reader. How many items are there now. */
uint64_t zu_queue_count(const struct zu_queue *q);

/*
 * Runs: items that lie one behind the other, for whoever moves many small ones. The reader's: after
 * zu_queue_ready said true, at most `*count` items, up to one that is special; 0 in a latest_only
 * queue. The first n of them, which end at `at`, are taken by zu_queue_take_run, and what they held
 * is the reader's.
 */
static inline const uint64_t *zu_queue_run(struct zu_queue *q, size_t *count)
{
    if (q->known > 0 && zu_item_kind(*q->head_at) == ZU_ITEM_END)
        zu_queue_go_on(q);
    *count = (size_t)q->known;
    return q->head_at;
}

static inline void zu_queue_take_run(struct zu_queue *q, const uint64_t *at, size_t n)
{
    q->head_at = at;
    q->known -= n;
}

/* The writer's: where items may be written while they begin before *end. Those that were are told
 * to zu_queue_wrote. */
static inline uint64_t *zu_queue_room(const struct zu_queue *q, uint64_t **end)
{
    *end = q->tail_end;
    return q->tail_at;
}

/* Reader, at an item with `known` published: asks for what is so many words behind it, if that is
 * published, too: a line that is being written would be taken away from the writer. */
static inline void zu_queue_fetch_behind(const uint64_t *at, unsigned words, uint64_t known)
{
    if (zu_likely(known >= words / ZU_ITEM_LEAST + 2))
        __builtin_prefetch(at + words);
}

/* Reader, who knows of an item that is not special: moves it to *m (uninitialised before). */
static inline void zu_queue_take(struct zu_queue *q, struct zu_msg *m)
{
    q->head_at = zu_item_read(q->head_at, m);
    q->known--;
    zu_queue_fetch_behind(q->head_at, ZU_QUEUE_NEXT, q->known);
}

/* Reader. Moves the next item to *m (uninitialised before). False: none; the reader is asleep. */
static inline bool zu_queue_read(struct zu_queue *q, struct zu_msg *m)
{
    if (zu_unlikely(q->known == 0 || zu_item_is_special(*q->head_at)))
        return zu_queue_read_slow(q, m);
    zu_queue_take(q, m);
    return true;
}

#endif
