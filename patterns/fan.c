/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fan: the array is three blocks: chosen, ready, found full. To choose is to swap, so choosing by
 * subscriptions costs what the matching subscriptions cost, whatever the number of subscribers.
 *
 * To write into hundreds of pipes is to wait for hundreds of cache lines, a message. So a stream of
 * small messages that go to as many pipes each time is written into a log (log.h), one for each
 * loop: the pipes are tapped, and get nothing by themselves any more. A message that is for others,
 * or is none for a log, finds them untapped again, and the stream that follows has to be longer
 * before it is taken for one. Water marks hold as ever: the log goes on for as many messages as
 * whoever has least room has room for; then all are looked at, and who is full is untapped, and
 * misses what he would miss.
 */
#include "patterns/fan.h"

#include "engine/core/out.h"
#include "engine/core/socket.h"

#include <errno.h>

enum {
    SHARED_LEAST = 16, /* pipes; fewer are written by themselves */
    ALIKE_MIN = 64,    /* messages for as many, before those are taken for a stream, */
    ALIKE_MAX = 64 * 1024,
    WORTH = 16, /* times as many messages have to follow in the log */
};

void zu_fan_init(struct zu_fan *fan, struct zu_socket *s)
{
    *fan = (struct zu_fan){.socket = s, .wait = ALIKE_MIN};
    zu_pipes_init(&fan->pipes, ZU_PIPES_OUT);
}

void zu_fan_fini(struct zu_fan *fan)
{
    while (fan->logs) {
        struct zu_log *log = fan->logs;

        fan->logs = log->next;
        zu_log_drop(log);
    }
    zu_pipes_fini(&fan->pipes);
}

int zu_fan_add(struct zu_fan *fan, struct zu_pipe *p)
{
    int rc = zu_pipes_add(&fan->pipes, p);

    if (rc == 0)
        zu_fan_wake(fan, p);
    return rc;
}

/* Moves the pipe behind the chosen. */
static void unchoose(struct zu_fan *fan, struct zu_pipe *p)
{
    if (p->at[ZU_PIPES_OUT] < fan->chosen)
        zu_pipes_swap(&fan->pipes, p->at[ZU_PIPES_OUT], --fan->chosen);
}

/* Moves the pipe behind the ready. */
static void calm(struct zu_fan *fan, struct zu_pipe *p)
{
    unchoose(fan, p);
    if (p->at[ZU_PIPES_OUT] < fan->ready)
        zu_pipes_swap(&fan->pipes, p->at[ZU_PIPES_OUT], --fan->ready);
}

/* ---- one log for many ---- */

static void untap_one(struct zu_fan *fan, struct zu_pipe *p)
{
    zu_pipe_untap(p);
    fan->tapped--;
}

static void untap(struct zu_fan *fan, struct zu_pipe *p)
{
    pthread_mutex_lock(&fan->socket->names);
    untap_one(fan, p);
    pthread_mutex_unlock(&fan->socket->names);
}

/* All of them; and the next stream has to be longer, unless this one was worth the trouble. */
static zu_cold void untap_all(struct zu_fan *fan)
{
    fan->wait = fan->shared / WORTH > fan->wait ? (uint32_t)ALIKE_MIN
                                                : ZU_MIN(2 * fan->wait, (uint32_t)ALIKE_MAX);
    fan->alike = 0;
    pthread_mutex_lock(&fan->socket->names);
    for (uint32_t i = 0; fan->tapped; i++)
        if (fan->pipes.item[i]->tap)
            untap_one(fan, fan->pipes.item[i]);
    pthread_mutex_unlock(&fan->socket->names);
}

static struct zu_log *log_of(struct zu_fan *fan, struct zu_mailbox *box)
{
    struct zu_log *log = fan->logs;

    while (log && log->box != box)
        log = log->next;
    if (!log && (log = zu_log_new(box)) != NULL) {
        log->next = fan->logs;
        fan->logs = log;
    }
    return log;
}

/* Those chosen that can be, as far as there is memory. */
static void tap_chosen(struct zu_fan *fan)
{
    uint32_t before = fan->tapped;

    if (before == 0)
        fan->shared = 0;
    fan->room = 0; /* to be worked out */
    pthread_mutex_lock(&fan->socket->names);
    for (uint32_t i = 0; i < fan->chosen; i++) {
        struct zu_pipe *p = fan->pipes.item[i];
        struct zu_log *log = zu_pipe_may_tap(p) ? log_of(fan, zu_pipe_peer_box(p)) : NULL;

        if (log && zu_pipe_tap(p, log) == 0)
            fan->tapped++;
    }
    pthread_mutex_unlock(&fan->socket->names);
    if (fan->tapped == before)
        fan->wait = ZU_MIN(2 * fan->wait, (uint32_t)ALIKE_MAX);
}

/* Works out `room`; who has none is untapped. */
static void look_for_room(struct zu_fan *fan)
{
    fan->room = UINT64_MAX;
    for (uint32_t i = 0; i < fan->ready; i++) {
        struct zu_pipe *p = fan->pipes.item[i];
        uint64_t room = p->tap ? zu_pipe_tap_room(p) : UINT64_MAX;

        if (room == 0)
            untap(fan, p);
        else
            fan->room = ZU_MIN(fan->room, room);
    }
}

static uint32_t count_tapped(const struct zu_fan *fan)
{
    uint32_t n = 0;

    if (fan->chosen == fan->ready)
        return fan->tapped;
    for (uint32_t i = 0; i < fan->chosen; i++)
        n += fan->pipes.item[i]->tap != NULL;
    return n;
}

static bool can_share(const struct zu_msg *m)
{
    return !(m->flags & ~ZU_MSG_SHARED) && zu_msg_size(m) <= ZU_OUT_COPY && zu_item_is_usual(m);
}

/* False: it is not for a log, and nobody is tapped. */
static bool share(struct zu_fan *fan, struct zu_msg *m, bool first, bool counts)
{
    if (fan->chosen < SHARED_LEAST || !first || !counts || !can_share(m)) {
        if (fan->tapped)
            untap_all(fan);
        fan->alike = 0;
        return false;
    }
    fan->alike = fan->chosen == fan->was ? fan->alike + 1 : 0;
    fan->was = fan->chosen;
    if (fan->tapped != fan->chosen && fan->alike >= fan->wait) {
        tap_chosen(fan);
        fan->alike = 0;
    }
    if (fan->tapped && count_tapped(fan) != fan->tapped)
        untap_all(fan);
    if (fan->tapped && fan->room == 0)
        look_for_room(fan);
    for (struct zu_log *log = fan->logs; fan->tapped && log; log = log->next)
        if (log->taps && zu_log_reserve(log, zu_msg_size(m)) < 0)
            untap_all(fan);
    if (fan->tapped == 0)
        return false;
    for (struct zu_log *log = fan->logs; log; log = log->next)
        if (log->taps)
            zu_log_put(log, zu_msg_data(m), zu_msg_size(m));
    fan->room--;
    fan->shared++;
    return true;
}

/* A message that one of those who should get it, and who goes, does not get. */
static zu_cold void count_gone(struct zu_fan *fan)
{
    zu_count(&fan->socket->drops[ZURING_DROP_NO_ROUTE], 1);
}

static bool is_under_way(const struct zu_fan *fan, const struct zu_pipe *p)
{
    return fan->more && fan->counts && !fan->socket->closing && p->at[ZU_PIPES_OUT] < fan->chosen;
}

void zu_fan_remove(struct zu_fan *fan, struct zu_pipe *p)
{
    if (!zu_pipes_has(&fan->pipes, p))
        return;
    if (p->tap)
        untap(fan, p);
    if (is_under_way(fan, p))
        count_gone(fan);
    calm(fan, p);
    zu_pipes_remove(&fan->pipes, p);
}

void zu_fan_wake(struct zu_fan *fan, struct zu_pipe *p)
{
    fan->room = 0; /* its water mark may be another */
    if (!zu_pipes_has(&fan->pipes, p) || p->at[ZU_PIPES_OUT] < fan->ready)
        return;
    zu_pipes_swap(&fan->pipes, p->at[ZU_PIPES_OUT], fan->ready);
    fan->ready++;
}

zu_cold void zu_fan_choose_full(struct zu_fan *fan, struct zu_pipe *p)
{
    uint32_t at = p->at[ZU_PIPES_OUT];

    fan->refused |= !p->peer_gone;
    if (at >= fan->ready + fan->missed)
        zu_pipes_swap(&fan->pipes, at, fan->ready + fan->missed++);
}

void zu_fan_choose_all(struct zu_fan *fan)
{
    fan->chosen = fan->ready;
    fan->missed = fan->pipes.count - fan->ready;
}

void zu_fan_choose_every(struct zu_fan *fan)
{
    /* Who is in truth full is found so again by the next message that counts. */
    fan->chosen = fan->ready = fan->pipes.count;
}

void zu_fan_invert(struct zu_fan *fan)
{
    uint32_t others = fan->ready - fan->chosen;

    for (uint32_t i = 0; i < ZU_MIN(fan->chosen, others); i++)
        zu_pipes_swap(&fan->pipes, i, fan->ready - 1 - i);
    fan->chosen = others;
    fan->refused = false;
    fan->inverted = true;
}

bool zu_fan_has_room(struct zu_fan *fan)
{
    if (fan->tapped)
        untap_all(fan);
    fan->alike = 0;
    if (fan->refused)
        return false;
    for (uint32_t i = 0; i < fan->chosen; i++)
        if (!zu_pipe_can_write(fan->pipes.item[i]) && !fan->pipes.item[i]->peer_gone)
            return false;
    return true;
}

/* A copy of one part, counted already, to one pipe. Whatever stops it, the pipe misses the message
 * as a whole. */
static void give(struct zu_fan *fan, struct zu_pipe *p, const struct zu_packed *packed,
                 const struct zu_msg *m, bool counts)
{
    struct zu_msg copy;
    int rc = 0;

    if (zu_unlikely(!counts || !zu_pipe_put_packed(p, packed))) {
        zu_msg_copy_words(&copy, m);
        rc = counts ? zu_pipe_write(p, &copy) : zu_pipe_write_uncounted(p, &copy);
    }
    if (zu_likely(rc == 0)) {
        if (!packed->more)
            zu_pipe_flush(p);
        return;
    }
    zu_msg_close(&copy);
    zu_pipe_rollback(p);
    if (counts && rc == -EPIPE)
        count_gone(fan);
    else if (counts)
        zu_socket_dropped(fan->socket, p, ZURING_DROP_WATER_MARK, 1);
    if (rc == -ENOMEM)
        unchoose(fan, p); /* there is room: nobody would call it writable again */
    else
        calm(fan, p);
}

/*
 * What give touches lies all over the memory, in other places for each pipe: the pipe, its queue,
 * the place in it. With many pipes each would have to be waited for, so they are fetched ahead, one
 * a turn.
 */
static inline void fetch_ahead(const struct zu_fan *fan, uint32_t i)
{
    enum { PLACE_AHEAD = 4, QUEUE_AHEAD = 8, PIPE_AHEAD = 12 };
    struct zu_pipe *const *item = fan->pipes.item;

    if (i < PIPE_AHEAD)
        return;
    zu_pipe_fetch(item[i - PIPE_AHEAD]);
    zu_queue_fetch(item[i - QUEUE_AHEAD]->out);
    zu_queue_fetch_place(item[i - PLACE_AHEAD]->out);
}

/* Full pipes that should have got the message, and those of who has gone. */
static zu_cold uint32_t count_missed(struct zu_fan *fan)
{
    uint32_t from = fan->ready + (fan->inverted ? fan->missed : 0);
    uint32_t end = fan->inverted ? fan->pipes.count : fan->ready + fan->missed;

    for (uint32_t i = from; i < end; i++) {
        if (fan->pipes.item[i]->peer_gone)
            count_gone(fan);
        else
            zu_socket_dropped(fan->socket, fan->pipes.item[i], ZURING_DROP_WATER_MARK, 1);
    }
    return end - from;
}

/* Of a whole message: those who do not get it. */
static inline void count_left_out(struct zu_fan *fan)
{
    uint32_t others = fan->pipes.count - fan->chosen;

    if (zu_unlikely(fan->ready < fan->pipes.count))
        others -= count_missed(fan);
    if (others)
        zu_count(&fan->socket->drops[ZURING_DROP_FILTERED], others);
    else if (fan->pipes.count == 0)
        zu_count(&fan->socket->drops[ZURING_DROP_NO_ROUTE], 1);
}

/* To those chosen that are not tapped, so many. */
static void give_all(struct zu_fan *fan, struct zu_msg *m, uint32_t count, bool counts)
{
    struct zu_packed packed;

    if (count > 1)
        zu_msg_hold(m, count - 1);
    zu_item_pack(&packed, m);
    /* Downwards: who drops out changes places with one who has his part already. */
    for (uint32_t i = fan->chosen; i-- > 0;) {
        fetch_ahead(fan, i);
        if (zu_likely(fan->tapped == 0) || !fan->pipes.item[i]->tap)
            give(fan, fan->pipes.item[i], &packed, m, counts);
    }
}

void zu_fan_send(struct zu_fan *fan, struct zu_msg *m, bool counts)
{
    bool first = !fan->more;
    uint32_t others;

    if (counts && first)
        count_left_out(fan);
    fan->more = m->flags & ZU_MSG_MORE;
    fan->counts = counts;
    if (fan->chosen == 0) {
        zu_msg_reset(m);
        return;
    }
    others = fan->chosen;
    if (fan->may_share && share(fan, m, first, counts))
        others -= fan->tapped;
    if (others == 0)
        zu_msg_close(m);
    else
        give_all(fan, m, others, counts);
    zu_msg_init(m);
    if (!fan->more)
        fan->chosen = 0;
}

void zu_fan_leave_out(struct zu_fan *fan, struct zu_pipe *p)
{
    if (!zu_pipes_has(&fan->pipes, p) || !fan->more)
        return;
    if (is_under_way(fan, p))
        count_gone(fan);
    zu_pipe_rollback(p);
    unchoose(fan, p);
}
