/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two queues, two ends, and for each direction one line that both sides touch: how far the reader
 * has acknowledged, and the limit.
 *
 * Acknowledging is the queue's protocol turned round. The word has the number of messages read
 * and, in its lowest bit, whether the writer sleeps. The reader exchanges a new count in at each
 * multiple of the low water mark and, when the old word had the mark, posts `writable`. A writer
 * that finds the pipe full sets the mark by a compare-exchange against the very word it judged by,
 * so an acknowledgement that comes in between makes the exchange fail and is seen at once. (With a
 * plain store of the mark the writer could look, the reader acknowledge and find no mark, the
 * writer set it and wait for ever.)
 *
 * A posted command holds the pair, so that an end that is closed and forgotten by both owners stays
 * in memory until the last command was run or refused.
 *
 * The end of a pipe needs no item in the queue, hence no memory: `ended` is posted after the last
 * flush, so who has run it and then finds the queue empty has seen everything.
 */
#include "engine/core/pipe.h"

#include "engine/base/alloc.h"
#include "engine/base/latch.h"

#include <limits.h>

#define STILL_OPEN    INT_MIN
#define TAP_LIMIT_MIN 64 /* a water mark that is lower would have to be looked at all the time */

struct zu_direction {
    struct zu_queue queue;
    alignas(ZU_CACHE_LINE) _Atomic uint64_t acked; /* messages read << 1 | writer is asleep */
    _Atomic uint32_t limit;                        /* the water mark; 0: none */
    _Atomic int writer_adds, reader_adds;          /* what it is made of */
    _Atomic int linger;                            /* what the writer said when it closed */
    _Atomic(struct zu_msg *) farewell;             /* what it writes then, or NULL */
};

struct zu_pipe_pair {
    struct zu_direction way[2]; /* way[i]: written by end[i] */
    struct zu_pipe end[2];
    _Atomic uint32_t refs;   /* open ends and posted commands */
    _Atomic uint32_t intake; /* enum zu_intake, of end[1] */
    _Atomic bool asking;     /* ask_cmd is posted, and has not run */
    struct zu_cmd ask_cmd;
};

static struct zu_direction *way_out(const struct zu_pipe *p)
{
    return &p->pair->way[p == &p->pair->end[1]];
}

static struct zu_direction *way_in(const struct zu_pipe *p)
{
    return &p->pair->way[p == &p->pair->end[0]];
}

static void drop_farewell(struct zu_msg *m)
{
    if (m)
        zu_msg_close(m);
    zu_free(m);
}

/* Messages that were never read are the loss of the socket that wrote them; or, where a session
 * did, of the one that has not read them. */
static void tell_left(struct zu_pipe *writer, uint64_t messages)
{
    struct zu_pipe *p = writer->sink && writer->sink->left ? writer : writer->peer;

    if (messages && p->sink && p->sink->left)
        p->sink->left(p, messages);
}

static void pair_drop(struct zu_pipe_pair *pair)
{
    /* [P1] acq_rel, pairs with itself: whoever frees has seen what every other holder did. */
    if (atomic_fetch_sub_explicit(&pair->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < 2; i++)
        tell_left(&pair->end[i], zu_queue_fini(&pair->way[i].queue));
    for (int i = 0; i < 2; i++) {
        struct zu_pipe *p = &pair->end[i];

        drop_farewell(
            atomic_load_explicit(&pair->way[i].farewell, memory_order_relaxed)); /* alone */
        zu_free(p->id);
        zu_free(p->local_name);
        zu_free(p->peer_name);
        zu_free(p->peer_address);
        zu_free(p->bound_name);
        if (p->sink && p->sink->released)
            p->sink->released(p);
    }
    zu_free(pair);
}

/* Posts one of `to`'s commands to its owner. False: the owner takes nothing any more. */
static bool post(struct zu_pipe *to, struct zu_cmd *cmd)
{
    /* Relaxed: the caller holds the pair itself, so the count cannot be on its way to 0. */
    atomic_fetch_add_explicit(&to->pair->refs, 1, memory_order_relaxed);
    /* [P4] seq_cst, pairs with [P5] in zu_pipe_adopt: what the caller published or closed before
     * is seen by the adopter, or the adopter's mailbox is seen here. */
    atomic_thread_fence(memory_order_seq_cst);
    struct zu_mailbox *box = atomic_load_explicit(&to->box, memory_order_acquire);
    enum zu_posted said = zu_mailbox_post(box, cmd);

    if (said != ZU_POSTED)
        pair_drop(to->pair);
    return said != ZU_CLOSED;
}

/*
 * Relaxed throughout: who changes a limit tells the other side by a command, and the other side
 * works it out once more. For both may change it at once, each without seeing the other's part, and
 * whichever limit is stored last is then wrong; but of the two commands one comes after both.
 */
static uint32_t work_out_limit(struct zu_direction *way)
{
    int writer = atomic_load_explicit(&way->writer_adds, memory_order_relaxed);
    int reader = atomic_load_explicit(&way->reader_adds, memory_order_relaxed);
    uint32_t limit = 0;

    if (!way->queue.latest_only && writer != 0 && reader != 0)
        limit = (uint32_t)ZU_MAX(writer, 0) + (uint32_t)ZU_MAX(reader, 0);
    /* Stored only when it is another: the line is the other side's, too. */
    if (atomic_load_explicit(&way->limit, memory_order_relaxed) != limit)
        atomic_store_explicit(&way->limit, limit, memory_order_relaxed);
    return limit;
}

/* Sets the limit to what it is now, and with it how far the writer may go without asking. */
static void renew_room(struct zu_pipe *p)
{
    uint32_t limit = work_out_limit(way_out(p));

    if (p->closed || p->peer_gone || p->tap)
        p->write_until = 0;
    else
        p->write_until = limit ? p->peer_read + limit : UINT64_MAX;
}

/* Where the next acknowledgement is due under the limit that holds now. */
static void plan_ack(struct zu_pipe *p, uint32_t limit)
{
    /* No limit: now and then all the same, so that a later limit starts near the truth. */
    uint64_t lwm = limit ? ((uint64_t)limit + 1) / 2 : 1024;

    p->in_limit = limit;
    p->next_ack = (p->meter.read / lwm + 1) * lwm;
}

void zu_pipe_acknowledge(struct zu_pipe *p)
{
    struct zu_direction *way = way_in(p);

    /* [P2] acq_rel, pairs with [P3]: the slots are read before the writer counts them as room. */
    uint64_t old = atomic_exchange_explicit(&way->acked, p->meter.read << 1, memory_order_acq_rel);

    /* Relaxed: who changes the limit posts `readable`, which comes back here. */
    plan_ack(p, atomic_load_explicit(&way->limit, memory_order_relaxed));
    if (old & 1)
        post(p->peer, &p->peer->writable_cmd);
}

zu_cold int zu_pipe_acknowledge_last(struct zu_pipe *p, int answer)
{
    zu_pipe_acknowledge(p);
    return answer;
}

/* The end has been reached: tells the owner, who closes the pipe. It may be gone on return. */
static void end(struct zu_pipe *p)
{
    if (p->ended)
        return;
    p->ended = true;
    p->sink->ended(p);
}

static void peer_closed(struct zu_pipe *p)
{
    p->peer_gone = true;
    p->write_until = 0;
    if (p->sink->closing)
        p->sink->closing(p);
    if (!p->closed && !zu_queue_ready(p->in))
        end(p);
}

static void run_attach(struct zu_cmd *cmd)
{
    struct zu_pipe *p = zu_container_of(cmd, struct zu_pipe, attach_cmd);

    p->sink->attached(p);
    pair_drop(p->pair);
}

static void run_readable(struct zu_cmd *cmd)
{
    struct zu_pipe *p = zu_container_of(cmd, struct zu_pipe, readable_cmd);
    struct zu_pipe_pair *pair = p->pair;

    if (!p->closed) {
        zu_pipe_claim(p);
        if (p->in_limit != work_out_limit(way_in(p)))
            zu_pipe_acknowledge(p);
        p->sink->readable(p);
    }
    pair_drop(pair);
}

static void run_writable(struct zu_cmd *cmd)
{
    struct zu_pipe *p = zu_container_of(cmd, struct zu_pipe, writable_cmd);
    struct zu_pipe_pair *pair = p->pair;

    if (!p->closed && !p->peer_gone) {
        if (p == &pair->end[1])
            zu_pipe_claim_intake(p);
        renew_room(p);
        p->sink->writable(p);
    }
    pair_drop(pair);
}

static void run_hiccup(struct zu_cmd *cmd)
{
    struct zu_pipe *p = zu_container_of(cmd, struct zu_pipe, hiccup_cmd);
    struct zu_pipe_pair *pair = p->pair;

    if (!p->closed && !p->peer_gone && p->sink->hiccuped)
        p->sink->hiccuped(p);
    pair_drop(pair);
}

static void run_ended(struct zu_cmd *cmd)
{
    struct zu_pipe *p = zu_container_of(cmd, struct zu_pipe, ended_cmd);
    struct zu_pipe_pair *pair = p->pair;

    if (!p->closed && !p->peer_gone)
        peer_closed(p);
    pair_drop(pair);
}

static void run_asked(struct zu_cmd *cmd)
{
    struct zu_pipe_pair *pair = zu_container_of(cmd, struct zu_pipe_pair, ask_cmd);
    struct zu_pipe *p = &pair->end[1];

    /* [I3] acq_rel, pairs with [I4]: who asks from here on posts again. */
    atomic_exchange_explicit(&pair->asking, false, memory_order_acq_rel);
    if (!p->closed && p->sink->asked)
        p->sink->asked(p);
    pair_drop(pair);
}

/* The mailbox of an end that is nobody's yet: what is posted to it is refused. */
static struct zu_mailbox limbo = {.head = ZU_MAILBOX_CLOSED};

static void init_end(struct zu_pipe_pair *pair, int i, const struct zu_pipe_end spec[2])
{
    struct zu_pipe *p = &pair->end[i];
    struct zu_direction *out = &pair->way[i];

    p->sink = spec[i].sink;
    p->owner = spec[i].owner;
    atomic_init(&p->box, spec[i].box ? spec[i].box : &limbo);
    atomic_init(&p->token, ZU_TOKEN_LOOP);
    zu_list_init(&p->all);
    p->peer = &pair->end[!i];
    p->out = &pair->way[i].queue;
    p->in = &pair->way[!i].queue;
    p->pair = pair;
    p->attach_cmd.run = run_attach;
    p->readable_cmd.run = run_readable;
    p->writable_cmd.run = run_writable;
    p->hiccup_cmd.run = run_hiccup;
    p->ended_cmd.run = run_ended;

    zu_queue_init(&out->queue, spec[!i].latest_only_in);
    atomic_init(&out->acked, 0);
    atomic_init(&out->writer_adds, spec[i].out_hwm);
    atomic_init(&out->reader_adds, spec[!i].in_hwm);
    atomic_init(&out->linger, STILL_OPEN);
    work_out_limit(out);
}

int zu_pipe_new(struct zu_pipe *ends[2], const struct zu_pipe_end spec[2])
{
    struct zu_pipe_pair *pair = zu_alloc_aligned(ZU_CACHE_LINE, sizeof *pair);

    if (!pair)
        return -ENOMEM;
    memset(pair, 0, sizeof *pair);
    atomic_init(&pair->refs, 2);
    pair->ask_cmd.run = run_asked;
    for (int i = 0; i < 2; i++)
        init_end(pair, i, spec);
    for (int i = 0; i < 2; i++) {
        ends[i] = &pair->end[i];
        plan_ack(ends[i], atomic_load_explicit(&way_in(ends[i])->limit, memory_order_relaxed));
        renew_room(ends[i]);
    }
    return 0;
}

void zu_pipe_adopt(struct zu_pipe *p, const struct zu_pipe_end *spec)
{
    p->sink = spec->sink;
    p->owner = spec->owner;
    /* [P5] see [P4]. */
    atomic_store_explicit(&p->box, spec->box, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&way_in(p)->linger, memory_order_acquire) != STILL_OPEN)
        p->peer_gone = true;
    atomic_store_explicit(&way_out(p)->writer_adds, spec->out_hwm, memory_order_relaxed);
    atomic_store_explicit(&way_in(p)->reader_adds, spec->in_hwm, memory_order_relaxed);
    renew_room(p);
    plan_ack(p, work_out_limit(way_in(p)));
    if (!p->peer_gone)
        post(p->peer, &p->peer->writable_cmd);
}

int zu_pipe_hand_over(struct zu_pipe *p)
{
    if (post(p, &p->attach_cmd))
        return 0;
    zu_pipe_close(p, 0);
    return -EPIPE;
}

bool zu_pipe_peek_only(struct zu_pipe *p, struct zu_msg *m)
{
    if (!zu_queue_ready(p->in))
        return false;
    zu_queue_peek(p->in, m);
    return true;
}

bool zu_pipe_abandoned(struct zu_pipe *p)
{
    struct zu_msg first;
    bool any;

    /* [P7] acquire, pairs with [P6]: what was written before the close is seen below. */
    if (atomic_load_explicit(&way_in(p)->linger, memory_order_acquire) == STILL_OPEN)
        return false;
    any = zu_pipe_peek_only(p, &first);
    if (any && (first.flags & ZU_MSG_ID)) {
        zu_queue_read(p->in, &first);
        zu_msg_close(&first);
        any = zu_pipe_peek_only(p, &first);
    }
    return !any;
}

zu_cold bool zu_pipe_found_empty(struct zu_pipe *p)
{
    if (p->peer_gone && !p->closed)
        end(p);
    return false;
}

bool zu_pipe_peek(struct zu_pipe *p, struct zu_msg *m)
{
    if (!zu_pipe_can_read(p))
        return false;
    zu_queue_peek(p->in, m);
    return true;
}

void zu_pipe_skip_rest(struct zu_pipe *p)
{
    struct zu_msg m;
    bool more = true;

    while (more && zu_pipe_read(p, &m) == 0) {
        more = m.flags & ZU_MSG_MORE;
        zu_msg_close(&m);
    }
}

uint64_t zu_pipe_count(const struct zu_pipe *p)
{
    return p->closed ? 0 : zu_queue_count(p->in);
}

uint64_t zu_pipe_drain(struct zu_pipe *p)
{
    uint64_t messages = 0, read;
    struct zu_msg m;

    for (uint64_t n = zu_pipe_count(p); n > 0; n--) {
        read = p->meter.read;
        if (zu_pipe_read(p, &m) < 0)
            break;
        messages += p->meter.read - read;
        zu_msg_close(&m);
    }
    return messages;
}

void zu_pipe_read_later(struct zu_pipe *p)
{
    if (zu_pipe_can_read(p))
        post(p, &p->readable_cmd);
}

/* The water mark seems reached: looks again at what was acknowledged, and falls asleep if it is. */
static zu_cold bool room_after_all(struct zu_pipe *p, uint32_t limit)
{
    struct zu_direction *way = way_out(p);
    /* [P3] acquire, pairs with [P2]. */
    uint64_t word = atomic_load_explicit(&way->acked, memory_order_acquire);

    for (;;) {
        if (word >> 1 > p->peer_read)
            p->peer_read = word >> 1;
        if (p->meter.written - p->peer_read < limit)
            return true;
        if (word & 1)
            return false;
        /* Acquire on failure, as [P3]; on success nothing is published: release for symmetry. */
        if (atomic_compare_exchange_weak_explicit(&way->acked, &word, word | 1,
                                                  memory_order_acq_rel, memory_order_acquire))
            return false;
    }
}

/* The writer marks, then looks how far the reader is; the reader counts, then looks for a mark. */
void zu_pipe_ask_progress(struct zu_pipe *p)
{
    /* Relaxed: nothing is published. [P10] seq_cst, pairs with [P11]: one of the two sees what the
     * other has done. */
    atomic_fetch_or_explicit(&way_out(p)->acked, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
}

void zu_pipe_tell_progress(struct zu_pipe *p)
{
    _Atomic uint64_t *acked = &way_in(p)->acked;

    atomic_thread_fence(memory_order_seq_cst); /* [P11] */
    /* Relaxed: first only whether it is worth it. The count stays: it is the water mark's. */
    if (atomic_load_explicit(acked, memory_order_relaxed) & 1 &&
        atomic_fetch_and_explicit(acked, ~UINT64_C(1), memory_order_relaxed) & 1)
        post(p->peer, &p->peer->writable_cmd);
}

zu_cold bool zu_pipe_find_room(struct zu_pipe *p)
{
    uint32_t limit;

    if (p->closed || p->peer_gone || zu_bug(p->tap != NULL))
        return false;
    if (p->writing_part)
        return true;
    /* Relaxed: written by the owners, who tell each other by command. */
    limit = atomic_load_explicit(&way_out(p)->limit, memory_order_relaxed);
    if (limit && !room_after_all(p, limit))
        return false;
    p->write_until = limit ? p->peer_read + limit : UINT64_MAX;
    return true;
}

bool zu_pipe_may_tap(const struct zu_pipe *p)
{
    /* Relaxed: as in zu_pipe_find_room. */
    uint32_t limit = atomic_load_explicit(&way_out(p)->limit, memory_order_relaxed);

    return p->may_tap && !p->tap && !p->peer_gone && (limit == 0 || limit >= TAP_LIMIT_MIN);
}

int zu_pipe_tap(struct zu_pipe *p, struct zu_log *log)
{
    struct zu_msg m;
    struct zu_tap *t;
    int rc = zu_log_reserve(log, 0);

    if (rc < 0 || (rc = zu_tap_new(&m, log)) < 0)
        return rc;
    t = zu_msg_data(&m);
    rc = zu_pipe_write_uncounted(p, &m);
    if (rc < 0) {
        zu_tap_end(t);
        zu_msg_close(&m);
        return rc;
    }
    p->log = log;
    p->tapped_at = log->messages;
    p->tap = t;
    p->write_until = 0;
    zu_pipe_flush(p);
    return 0;
}

void zu_pipe_untap(struct zu_pipe *p)
{
    struct zu_tap *t = p->tap;

    zu_count_set(&p->meter.written, zu_pipe_written(p));
    p->tap = NULL;
    renew_room(p);
    zu_tap_end(t);
    if (!p->peer_gone)
        post(p->peer, &p->peer->readable_cmd);
}

struct zu_mailbox *zu_pipe_peer_box(const struct zu_pipe *p)
{
    /* Relaxed: a session's never changes. */
    return atomic_load_explicit(&p->peer->box, memory_order_relaxed);
}

uint64_t zu_pipe_tap_room(struct zu_pipe *p)
{
    struct zu_direction *way = way_out(p);
    /* Relaxed: as in zu_pipe_find_room. [P3] acquire, pairs with [P2]. */
    uint32_t limit = atomic_load_explicit(&way->limit, memory_order_relaxed);
    uint64_t read = atomic_load_explicit(&way->acked, memory_order_acquire) >> 1;
    uint64_t written = zu_pipe_written(p);

    if (p->closed || p->peer_gone)
        return 0;
    p->peer_read = ZU_MAX(p->peer_read, read);
    if (limit == 0)
        return UINT64_MAX;
    return written - p->peer_read < limit ? limit - (written - p->peer_read) : 0;
}

static int write_item(struct zu_pipe *p, struct zu_msg *m, bool counts)
{
    bool more = m->flags & ZU_MSG_MORE;

    if (!counts)
        m->flags |= ZU_MSG_UNCOUNTED;
    int rc = zu_queue_write(p->out, m, !more);

    if (zu_unlikely(rc < 0)) {
        m->flags &= (uint8_t)~ZU_MSG_UNCOUNTED;
        return rc;
    }
    p->writing_part = more;
    zu_count(&p->meter.written, counts && !more);
    return 0;
}

int zu_pipe_write_slow(struct zu_pipe *p, struct zu_msg *m)
{
    if (!zu_pipe_can_write(p))
        return p->closed || p->peer_gone ? -EPIPE : -EAGAIN;
    return write_item(p, m, true);
}

int zu_pipe_write_uncounted(struct zu_pipe *p, struct zu_msg *m)
{
    if (p->closed || p->peer_gone)
        return -EPIPE;
    return write_item(p, m, false);
}

void zu_pipe_rollback(struct zu_pipe *p)
{
    zu_queue_unwrite(p->out);
    p->writing_part = false;
}

void zu_pipe_claim(struct zu_pipe *p)
{
    for (unsigned tries = 0;; tries++) {
        /* [T1] acquire, pairs with [T2]: what a caller did to the reader's end is seen. */
        uint32_t token = atomic_load_explicit(&p->token, memory_order_acquire);

        if (zu_likely(token == ZU_TOKEN_LOOP))
            return;
        if (token == ZU_TOKEN_FREE) {
            /* [T1], too. */
            if (atomic_compare_exchange_strong_explicit(&p->token, &token, ZU_TOKEN_LOOP,
                                                        memory_order_acquire, memory_order_relaxed))
                return;
        } else {
            zu_give_way(tries);
        }
    }
}

void zu_pipe_leave(struct zu_pipe *p)
{
    /* [T2] release, pairs with [T1]. */
    atomic_store_explicit(&p->token, ZU_TOKEN_FREE, memory_order_release);
}

void zu_pipe_give_up(struct zu_pipe *p)
{
    /* [T2], too. */
    atomic_store_explicit(&p->token, ZU_TOKEN_LOOP, memory_order_release);
    post(p, &p->readable_cmd);
}

void zu_pipe_hold(struct zu_pipe *p)
{
    /* Relaxed: the caller's end is open, so the count cannot be on its way to 0. */
    atomic_fetch_add_explicit(&p->pair->refs, 1, memory_order_relaxed);
}

void zu_pipe_drop(struct zu_pipe *p)
{
    pair_drop(p->pair);
}

enum zu_intake zu_pipe_intake(const struct zu_pipe *p)
{
    /* [I1], for who finds that it is his. */
    return (enum zu_intake)atomic_load_explicit(&p->pair->intake, memory_order_acquire);
}

bool zu_pipe_take_intake(struct zu_pipe *p, enum zu_intake from, enum zu_intake to)
{
    uint32_t is = from;

    /* [I1] acquire, pairs with [I2]: what the last one who had it did is seen. */
    return atomic_compare_exchange_strong_explicit(&p->pair->intake, &is, to, memory_order_acquire,
                                                   memory_order_relaxed);
}

void zu_pipe_put_intake(struct zu_pipe *p, enum zu_intake to)
{
    /* [I2] release, pairs with [I1]. */
    atomic_store_explicit(&p->pair->intake, to, memory_order_release);
}

void zu_pipe_claim_intake(struct zu_pipe *p)
{
    for (unsigned tries = 0; !zu_pipe_take_intake(p, ZU_INTAKE_LOOP, ZU_INTAKE_LOOP) &&
                             !zu_pipe_take_intake(p, ZU_INTAKE_FREE, ZU_INTAKE_LOOP) &&
                             !zu_pipe_take_intake(p, ZU_INTAKE_HELD, ZU_INTAKE_LOOP);
         tries++)
        zu_give_way(tries);
}

bool zu_pipe_seize_intake(struct zu_pipe *p)
{
    for (unsigned tries = 0; !zu_pipe_take_intake(p, ZU_INTAKE_FREE, ZU_INTAKE_BUSY) &&
                             !zu_pipe_take_intake(p, ZU_INTAKE_HELD, ZU_INTAKE_BUSY);
         tries++) {
        if (zu_pipe_intake(p) == ZU_INTAKE_LOOP)
            return false;
        zu_give_way(tries);
    }
    return true;
}

bool zu_pipe_claim_free_intake(struct zu_pipe *p)
{
    for (unsigned tries = 0; !zu_pipe_take_intake(p, ZU_INTAKE_FREE, ZU_INTAKE_LOOP); tries++) {
        if (zu_pipe_intake(p) == ZU_INTAKE_BUSY)
            zu_give_way(tries); /* he may be about to leave it, with the watch on before */
        else if (zu_pipe_intake(p) != ZU_INTAKE_FREE)
            return false;
    }
    return true;
}

void zu_pipe_ask_intake(struct zu_pipe *p)
{
    /* [I4] acq_rel, pairs with [I3]: what was put before is seen by who runs it. */
    if (!atomic_exchange_explicit(&p->pair->asking, true, memory_order_acq_rel))
        post(p, &p->pair->ask_cmd);
}

/* True: nobody works there, and we do from now on. */
static bool take_token(struct zu_pipe *p)
{
    uint32_t token = ZU_TOKEN_FREE;

    /* Relaxed: only whether it is worth an exchange. [T1], too. */
    return atomic_load_explicit(&p->token, memory_order_relaxed) == ZU_TOKEN_FREE &&
           atomic_compare_exchange_strong_explicit(&p->token, &token, ZU_TOKEN_CALLER,
                                                   memory_order_acquire, memory_order_relaxed);
}

void zu_pipe_fall_in(struct zu_pipe *p)
{
    if (take_token(p->peer))
        zu_pipe_give_up(p->peer);
}

void zu_pipe_wake_reader(struct zu_pipe *p)
{
    if (p->peer_gone)
        return;
    if (p->by_hand && take_token(p->peer))
        p->peer->sink->work(p->peer);
    else
        post(p->peer, &p->peer->readable_cmd);
}

zu_apart int zu_pipe_wake_reader_last(struct zu_pipe *p, int answer)
{
    if (!p->out->light || zu_queue_end_sleep(p->out))
        zu_pipe_wake_reader(p);
    return answer;
}

/* How many of `written` are not acknowledged: the two were not read in one moment. */
static uint64_t pending(const struct zu_direction *way, uint64_t written)
{
    uint64_t acked = atomic_load_explicit(&way->acked, memory_order_relaxed) >> 1;

    return written > acked ? written - acked : 0;
}

void zu_pipe_depths(const struct zu_pipe *p, uint64_t *out, uint64_t *in)
{
    *out = pending(way_out(p), zu_pipe_written(p));
    *in = pending(way_in(p), zu_count_read(&p->peer->meter.written));
}

void zu_pipe_set_hwms(struct zu_pipe *p, int in_hwm, int out_hwm)
{
    struct zu_direction *out = way_out(p), *in = way_in(p);

    if (p->closed || p->peer_gone)
        return;
    atomic_store_explicit(&in->reader_adds, in_hwm, memory_order_relaxed);
    if (work_out_limit(in) != p->in_limit) {
        zu_pipe_acknowledge(p);
        post(p->peer, &p->peer->writable_cmd);
    }
    uint32_t was = atomic_load_explicit(&out->limit, memory_order_relaxed);

    atomic_store_explicit(&out->writer_adds, out_hwm, memory_order_relaxed);
    if (work_out_limit(out) != was) {
        if (was == 0) /* nobody acknowledged to the message while there was no limit */
            p->peer_read = zu_pipe_written(p);
        renew_room(p);
        post(p->peer, &p->peer->readable_cmd);
        p->sink->writable(p);
    }
}

void zu_pipe_hiccup(struct zu_pipe *p)
{
    if (!p->peer_gone && !p->closed)
        post(p->peer, &p->peer->hiccup_cmd);
}

void zu_pipe_ask_farewell(struct zu_pipe *p, struct zu_msg *m)
{
    /* [P8] acq_rel, pairs with [P9]: the message is whole when it is found. */
    drop_farewell(atomic_exchange_explicit(&way_in(p)->farewell, m, memory_order_acq_rel));
}

static zu_cold void say_farewell(struct zu_pipe *p)
{
    /* [P9] acquire, pairs with [P8]. */
    struct zu_msg *m = atomic_exchange_explicit(&way_out(p)->farewell, NULL, memory_order_acquire);

    if (m)
        zu_pipe_write_uncounted(p, m);
    drop_farewell(m);
}

void zu_pipe_close(struct zu_pipe *p, int linger_ms)
{
    if (p->closed)
        return;
    zu_pipe_rollback(p);
    /* Relaxed: a look; see [P9]. One that is asked for just now comes too late. */
    if (zu_unlikely(atomic_load_explicit(&way_out(p)->farewell, memory_order_relaxed) != NULL))
        say_farewell(p);
    zu_pipe_flush(p);
    p->closed = true;
    p->write_until = 0;
    /* [P6] release, pairs with the acquire in zu_pipe_adopt; else the command carries it. */
    atomic_store_explicit(&way_out(p)->linger, linger_ms, memory_order_release);
    if (!p->peer_gone)
        post(p->peer, &p->peer->ended_cmd);
    pair_drop(p->pair);
}

int zu_pipe_linger(const struct zu_pipe *p)
{
    return atomic_load_explicit(&way_in(p)->linger, memory_order_relaxed);
}
