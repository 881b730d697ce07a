/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items and chunks. The writer fills a chunk, links a next one and goes on there; the reader
 * follows and frees what is behind it. They share one word, `published`: how many items the reader
 * may read, and whether it sleeps. The writer sets it by an exchange once a batch, the reader looks
 * at it only when it has read all it knew of.
 *
 * Why no wake-up is lost: the reader falls asleep by changing `count` to `count, asleep` in one
 * step, for the very count it has read up to. A flush comes before that step, and then the step
 * fails and the reader goes on; or after, and then the exchange finds the mark and answers true.
 * Exactly one flush finds it, since it leaves a word without it. What would break it: a reader that
 * looked ("nothing new"), and then set the mark without comparing. A flush between the two finds no
 * mark and wakes nobody, the mark is then set on a count that has grown, the reader sleeps over a
 * message, and later flushes wake it only by luck.
 *
 * A light queue. That exchange makes the writer wait until all his stores are seen by the other
 * core, message after message: half of what inproc could do. So between two applications' threads
 * publishing is a store, and then a look at `sleep`, a word that almost never changes. The reader
 * goes to sleep in three steps: it says that it dozes, has the kernel put a barrier into every
 * thread (barrier.h), and looks again. A flush that comes before the barrier is seen by that look;
 * one that comes after sees that the reader dozes, and wakes it. Who finds nothing goes from dozing
 * to sleeping by an exchange that fails when a flush was quicker. Why two words for it: a writer
 * that finds SLEEPS knows that everything is read; one that finds DOZING does not.
 *
 * Why no chunk is freed too early: the reader leaves a chunk when it meets the END that the writer
 * put there on leaving, and knows of items behind it, which must have been published. The writer
 * goes back (unwrite) only over items that are not complete, hence not published; so when it steps
 * back into a chunk, the items that follow that chunk's were never published, and the reader cannot
 * have left it. What would break it: a reader that looks at the head of an item it does not know to
 * be published. It may be what the writer has taken back, or a piece of what is being written.
 *
 * A chunk that the writer has gone back out of stays linked as `next` and is used again.
 *
 * Chunks grow by four while the reader is behind. A writer that comes to the end of its chunk and
 * finds the reader asleep over everything it has written knows that nobody will look at the chunk
 * before the next flush. Then, if the chunk is of the smallest size, it starts again at its
 * beginning; a larger one is followed by a smaller one. So a pipe that is never behind lives in 512
 * bytes for ever, hot in the cache, and one that had a burst gives its memory back.
 *
 * The reader, when it hears of new items, must tell "again" from "further": `base` is the number of
 * the chunk's first item, so it is "again" exactly if base is the number of the item it wants. What
 * would break simpler ways: an END that leads back. The writer may run through the second round and
 * write over it before the reader has come there. `base` keeps its value until the reader is asleep
 * at the end of the round.
 */
#include "engine/core/queue.h"

#include "engine/base/clock.h"
#include "engine/base/kept.h"
#include "engine/core/log.h"

#include <errno.h>

#define PATIENCE_MIN  500u   /* ns */
#define PATIENCE_MAX  10000u /* what it costs to fall asleep and to be woken */
#define PATIENCE_REST 64u    /* times asleep at once before the next try */
#define PATIENT_LOOKS 8u     /* pauses between two looks at the word and the clock */

/* Bytes of a chunk: 512, 2 KiB, 8 KiB. */
#define CHUNK_MIN 512u
#define CHUNK_MAX 8192u

/* Words at the end of a chunk where no item begins: one item, and an END. */
#define CHUNK_SLACK ((size_t)ZU_ITEM_MOST)

struct zu_chunk {
    alignas(ZU_CACHE_LINE) struct zu_chunk *next; /* set before an item of it is published */
    uint64_t base;                                /* items that were written before its first */
    uint32_t size;                                /* bytes */
    size_t capacity;                              /* see kept.h */
    uint64_t words[];
};

/*
 * latest_only: three slots of one chunk, each for a WHOLE item. One is the writer's, one the
 * reader's, and the third lies between them; a flush exchanges the writer's for it, a read the
 * reader's. `published` is then the number of the slot between, whether an unread message is in it,
 * and whether the reader sleeps; so the proof above holds here, too. All steps are one exchange,
 * nobody waits for anybody.
 */
#define LATEST_BACK   0u /* where each slot is at first */
#define LATEST_MIDDLE 1u
#define LATEST_FRONT  2u
#define LATEST_FRESH  2u
#define LATEST_SHIFT  2

static uint64_t *latest_slot(const struct zu_queue *q, uint64_t number)
{
    return q->first->words + number * ZU_ITEM_MOST;
}

static uint64_t latest_number(const struct zu_queue *q, const uint64_t *slot)
{
    return (uint64_t)(slot - q->first->words) / ZU_ITEM_MOST;
}

static size_t chunk_words(const struct zu_chunk *c)
{
    return (c->size - offsetof(struct zu_chunk, words)) / sizeof c->words[0];
}

static void chunk_free(struct zu_chunk *c)
{
    if (c)
        zu_kept_free(c, c->capacity);
}

void zu_queue_init(struct zu_queue *q, bool latest_only)
{
    memset(q, 0, sizeof *q);
    atomic_init(&q->sleep, ZU_QUEUE_AWAKE);
    q->latest_only = latest_only;
    atomic_init(&q->published,
                latest_only ? LATEST_MIDDLE << LATEST_SHIFT | ZU_QUEUE_ASLEEP : ZU_QUEUE_ASLEEP);
    atomic_init(&q->wake_at, ZU_QUEUE_NEVER);
    atomic_init(&q->spare, NULL);
}

#define NO_MESSAGE                                                                                 \
    (ZU_MSG_MORE | ZU_MSG_UNCOUNTED | ZU_MSG_ID | ZU_MSG_SUBSCRIBE | ZU_MSG_CANCEL | ZU_MSG_COMMAND)

uint64_t zu_queue_fini(struct zu_queue *q)
{
    struct zu_msg m;
    struct zu_chunk *c;
    bool subscriptions = q->subscriptions;
    uint64_t left = 0;

    q->light = q->patient = false; /* there is nobody to wait for */
    q->complete = q->tail;         /* an unfinished message is closed as well */
    zu_queue_flush(q);
    while (zu_queue_read(q, &m)) {
        if (zu_unlikely(m.flags & ZU_MSG_TAP))
            left += zu_tap_left(zu_msg_data(&m));
        left += !(m.flags & NO_MESSAGE) && !(subscriptions && zu_msg_is_subscription(&m));
        zu_msg_close(&m);
    }
    c = q->head_chunk ? q->head_chunk : q->first;
    while (c) {
        struct zu_chunk *gone = c;

        c = c->next;
        chunk_free(gone);
    }
    /* Relaxed: no thread is in the queue any more. */
    chunk_free(atomic_load_explicit(&q->spare, memory_order_relaxed));
    return left;
}

void zu_queue_make_light(struct zu_queue *q)
{
    q->light = true;
    atomic_init(&q->published, 0);
    atomic_init(&q->sleep, ZU_QUEUE_SLEEPS);
}

static struct zu_chunk *take_spare(struct zu_queue *q)
{
    /* Relaxed: a guess; the reader alone puts one there, we alone take it away. */
    if (!atomic_load_explicit(&q->spare, memory_order_relaxed))
        return NULL;
    /* [QS1] acquire, pairs with [QS2]: the reader is done with it. */
    return atomic_exchange_explicit(&q->spare, NULL, memory_order_acquire);
}

static struct zu_chunk *chunk_new(struct zu_queue *q, uint32_t size)
{
    struct zu_chunk *c = size == CHUNK_MAX ? take_spare(q) : NULL;

    if (!c) {
        size_t capacity;

        c = zu_kept_alloc(size, &capacity);
        if (!c)
            return NULL;
        c->capacity = capacity;
    }
    c->next = NULL;
    c->size = size;
    return c;
}

/* True: the reader has read all that was ever written, and will not look before the next flush. */
static bool quiet(struct zu_queue *q)
{
    if (q->light)
        /* [QP4] acquire, as below; relaxed: it is our own. */
        return atomic_load_explicit(&q->sleep, memory_order_acquire) == ZU_QUEUE_SLEEPS &&
               atomic_load_explicit(&q->published, memory_order_relaxed) == q->tail;
    /* [QP4] acquire, pairs with [QP3]: the reader is done with the items, and with `base`. */
    return atomic_load_explicit(&q->published, memory_order_acquire) == (q->tail | ZU_QUEUE_ASLEEP);
}

static void go_on_at(struct zu_queue *q, struct zu_chunk *c, uint64_t *at)
{
    q->tail_chunk = c;
    q->tail_at = at;
    q->tail_end = c->words + chunk_words(c) - CHUNK_SLACK;
}

/* The next item is the first of `c`. */
static void enter(struct zu_queue *q, struct zu_chunk *c)
{
    c->base = q->tail;
    go_on_at(q, c, c->words);
}

static int make_first_room(struct zu_queue *q)
{
    q->first = chunk_new(q, CHUNK_MIN);
    if (!q->first)
        return -ENOMEM;
    enter(q, q->first);
    return 0;
}

/* The chunk is full. */
static int make_room(struct zu_queue *q)
{
    struct zu_chunk *c = q->tail_chunk;
    bool calm = quiet(q);

    if (calm)
        chunk_free(take_spare(q));
    if (!c->next && !(calm && c->size == CHUNK_MIN))
        c->next = chunk_new(q, calm ? c->size / 4 : ZU_MIN(4 * c->size, CHUNK_MAX));
    if (c->next) {
        *q->tail_at = (uint64_t)ZU_ITEM_END << ZU_ITEM_KIND_AT;
        enter(q, c->next);
    } else if (calm) {
        enter(q, c); /* also for want of memory */
    } else {
        return -ENOMEM;
    }
    return 0;
}

/* The message in a latest_only queue's slot is worth nothing any more. */
static void close_latest(uint64_t *slot)
{
    struct zu_msg m;

    zu_item_read_whole(slot, &m);
    zu_msg_close(&m);
}

static int write_latest(struct zu_queue *q, struct zu_msg *m)
{
    if (!q->first) {
        q->first = chunk_new(q, CHUNK_MIN);
        if (!q->first)
            return -ENOMEM;
        q->tail_at = q->tail_end = latest_slot(q, LATEST_BACK);
    }
    if (q->unflushed) {
        close_latest(q->tail_at);
        zu_count(&q->replaced, 1);
    }
    zu_item_write_whole(q->tail_at, m);
    zu_msg_init(m);
    q->unflushed = true;
    q->complete = q->tail += ZU_QUEUE_ITEM;
    return 0;
}

zu_cold int zu_queue_write_slow(struct zu_queue *q, struct zu_msg *m, bool complete)
{
    int rc = 0;

    if (q->latest_only)
        return write_latest(q, m);
    if (!zu_queue_has_room(q))
        rc = q->tail_chunk ? make_room(q) : make_first_room(q);
    if (rc < 0)
        return rc;
    if (!zu_queue_put(q, m, complete))
        zu_queue_wrote(q, zu_item_write_whole(q->tail_at, m), 1, complete);
    zu_msg_init(m);
    return 0;
}

/* Makes a message of the item at `at`, which is no END. Returns where it ends. */
static const uint64_t *read_item(const uint64_t *at, struct zu_msg *m)
{
    return zu_item_is_special(*at) ? zu_item_read_whole(at, m) : zu_item_read(at, m);
}

void zu_queue_unwrite(struct zu_queue *q)
{
    const uint64_t *at = q->part_at;
    struct zu_chunk *c = q->part_chunk;
    struct zu_msg m;

    if (q->tail == q->complete)
        return;
    for (; q->tail != q->complete; q->tail -= ZU_QUEUE_ITEM) {
        if (zu_item_kind(*at) == ZU_ITEM_END) {
            c = c->next;
            at = c->words;
        }
        at = read_item(at, &m);
        zu_msg_close(&m);
    }
    go_on_at(q, q->part_chunk, q->part_at);
}

bool zu_queue_flush_latest(struct zu_queue *q)
{
    uint64_t mine = latest_number(q, q->tail_at);
    uint64_t old;

    /* [QL1] acq_rel: release, pairs with [QL2], the message is whole before it is seen; acquire,
     * pairs with [QL2], the reader is done with the slot that we get. */
    old = atomic_exchange_explicit(&q->published, mine << LATEST_SHIFT | LATEST_FRESH,
                                   memory_order_acq_rel);
    q->tail_at = q->tail_end = latest_slot(q, old >> LATEST_SHIFT);
    q->flushed = q->complete;
    q->unflushed = false;
    if (old & LATEST_FRESH) {
        close_latest(q->tail_at);
        zu_count(&q->replaced, 1);
    }
    return old & ZU_QUEUE_ASLEEP;
}

zu_cold bool zu_queue_end_sleep(struct zu_queue *q)
{
    /* [QP5] release, pairs with [QP6]: who finds his sleep ended finds what was published. */
    return atomic_exchange_explicit(&q->sleep, ZU_QUEUE_AWAKE, memory_order_release) !=
           ZU_QUEUE_AWAKE;
}

/* Frees a chunk, or leaves it to the writer. */
static void retire(struct zu_queue *q, struct zu_chunk *c)
{
    /* Relaxed: we alone put one there, so an empty place stays empty. */
    if (c->size != CHUNK_MAX || atomic_load_explicit(&q->spare, memory_order_relaxed))
        chunk_free(c);
    else
        /* [QS2] release, pairs with [QS1]: we are done with it. */
        atomic_store_explicit(&q->spare, c, memory_order_release);
}

/* True: `word` counts more than what was seen, or holds a fresh message. */
static bool is_news(const struct zu_queue *q, uint64_t word)
{
    return q->latest_only ? word & LATEST_FRESH : (word & ~(uint64_t)ZU_QUEUE_ASLEEP) != q->seen;
}

/*
 * Two applications, one on each side: a reader that keeps up finds the queue empty after every
 * message. If it fell asleep each time, the writer would spend its time on waking it. So the reader
 * waits a moment, in which several messages come. How long is learnt: what comes in time doubles
 * it, what does not halves it, and once it is nothing only one time in PATIENCE_REST tries again,
 * for as long as it takes one who was asleep to answer: so two who answer each other stay awake.
 * True: there is news.
 */
static bool wait_a_moment(struct zu_queue *q, uint64_t *word)
{
    uint64_t end;

    if (q->patience == 0) {
        if (++q->rests % PATIENCE_REST)
            return false;
        q->patience = PATIENCE_MAX;
    }
    end = zu_now_ns() + q->patience;
    do {
        for (unsigned i = 0; i < PATIENT_LOOKS; i++)
            zu_pause();
        *word = atomic_load_explicit(&q->published, memory_order_acquire); /* as [QP2] */
        if (is_news(q, *word)) {
            q->patience = ZU_MIN(2 * q->patience, PATIENCE_MAX);
            return true;
        }
    } while (zu_now_ns() < end);
    q->patience = q->patience > PATIENCE_MIN ? q->patience / 2 : 0;
    return false;
}

/* The reader has read up to `*word`. True: it is asleep. False: `*word` is to be looked at
 * again. */
static bool fall_asleep(struct zu_queue *q, uint64_t *word)
{
    /* [QP3] release, pairs with [QP4]: we have read all items up to here. [QP2] where it fails. */
    return atomic_compare_exchange_strong_explicit(&q->published, word, *word | ZU_QUEUE_ASLEEP,
                                                   memory_order_release, memory_order_acquire);
}

/* The same in a light queue. */
static bool fall_asleep_light(struct zu_queue *q, uint64_t *word)
{
    uint32_t dozing = ZU_QUEUE_DOZING;

    atomic_store_explicit(&q->sleep, ZU_QUEUE_DOZING, memory_order_relaxed);
    zu_barrier_all();
    *word = atomic_load_explicit(&q->published, memory_order_acquire); /* [QP2] */
    if (is_news(q, *word)) {
        /* Relaxed: a writer that saw us doze wakes us once too often. */
        atomic_store_explicit(&q->sleep, ZU_QUEUE_AWAKE, memory_order_relaxed);
        return false;
    }
    /* [QP3] release, as above. [QP6] acquire where it fails, pairs with [QP5]. */
    if (atomic_compare_exchange_strong_explicit(&q->sleep, &dozing, ZU_QUEUE_SLEEPS,
                                                memory_order_release, memory_order_acquire))
        return true;
    *word = atomic_load_explicit(&q->published, memory_order_acquire); /* [QP2] */
    return false;
}

static bool is_asleep(const struct zu_queue *q, uint64_t word)
{
    /* Relaxed: ours; or a flush has just ended it, and its wake-up is on its way. */
    return q->light ? atomic_load_explicit(&q->sleep, memory_order_relaxed) == ZU_QUEUE_SLEEPS
                    : word & ZU_QUEUE_ASLEEP;
}

/* Looks at what is published. False: nothing new, and the reader is asleep. */
static bool look_or_sleep(struct zu_queue *q)
{
    /* [QP2] acquire, pairs with [QP1], here and where the exchange below fails. */
    uint64_t word = atomic_load_explicit(&q->published, memory_order_acquire);
    bool may_wait = q->patient;

    while (!is_news(q, word)) {
        if (is_asleep(q, word))
            return false;
        if (may_wait && wait_a_moment(q, &word))
            break;
        may_wait = false;
        if (q->light ? fall_asleep_light(q, &word) : fall_asleep(q, &word))
            return false;
    }
    q->seen = word;
    return true;
}

bool zu_queue_has(struct zu_queue *q)
{
    /* [QP2] acquire, as above. */
    return q->known > 0 || is_news(q, atomic_load_explicit(&q->published, memory_order_acquire));
}

uint64_t zu_queue_count(const struct zu_queue *q)
{
    /* Relaxed: only a number; who reads the items looks again. */
    uint64_t word = atomic_load_explicit(&q->published, memory_order_relaxed);

    if (q->latest_only)
        return (word & LATEST_FRESH) / LATEST_FRESH;
    return (word - q->seen) / ZU_QUEUE_ITEM + q->known;
}

bool zu_queue_look(struct zu_queue *q)
{
    uint64_t head = q->seen;

    if (!look_or_sleep(q))
        return false;
    if (q->latest_only)
        return true; /* taken only when it is asked for: a newer one may come */
    q->known = (q->seen - head) / ZU_QUEUE_ITEM;
    zu_queue_count_most(q, q->known);
    if (!q->head_chunk)
        q->head_chunk = q->first;
    if (q->head_chunk->base == head) /* the first round in it, or one more */
        q->head_at = q->head_chunk->words;
    return true;
}

static void take_latest(struct zu_queue *q)
{
    uint64_t mine = q->head_at ? latest_number(q, q->head_at) - 1 : LATEST_FRONT;
    uint64_t old;

    /* [QL2] acq_rel, pairs with [QL1] both ways. A message is there: only we take one away. */
    old = atomic_exchange_explicit(&q->published, mine << LATEST_SHIFT, memory_order_acq_rel);
    q->head_at = latest_slot(q, old >> LATEST_SHIFT);
    q->known = 1;
}

/* The reader has met the END of its chunk, and knows of items behind it. */
void zu_queue_go_on(struct zu_queue *q)
{
    struct zu_chunk *gone = q->head_chunk;

    q->head_chunk = gone->next;
    q->head_at = q->head_chunk->words;
    retire(q, gone);
}

/* After zu_queue_ready said true. Returns where the item ends. */
static const uint64_t *next_item(struct zu_queue *q, struct zu_msg *m)
{
    if (q->known == 0)
        take_latest(q);
    if (zu_item_kind(*q->head_at) == ZU_ITEM_END)
        zu_queue_go_on(q);
    return read_item(q->head_at, m);
}

void zu_queue_peek(struct zu_queue *q, struct zu_msg *m)
{
    next_item(q, m);
}

bool zu_queue_read_slow(struct zu_queue *q, struct zu_msg *m)
{
    if (!zu_queue_ready(q))
        return false;
    q->head_at = next_item(q, m);
    q->known--;
    return true;
}
