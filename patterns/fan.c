/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fan: the array is three blocks: chosen, ready, found full. To choose is to swap, so choosing by
 * subscriptions costs what the matching subscriptions cost, whatever the number of subscribers.
 */
#include "patterns/fan.h"

#include "engine/core/socket.h"

#include <errno.h>

void zu_fan_init(struct zu_fan *fan, struct zu_socket *s)
{
    *fan = (struct zu_fan){.socket = s};
    zu_pipes_init(&fan->pipes, ZU_PIPES_OUT);
}

void zu_fan_fini(struct zu_fan *fan)
{
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
    if (is_under_way(fan, p))
        count_gone(fan);
    calm(fan, p);
    zu_pipes_remove(&fan->pipes, p);
}

void zu_fan_wake(struct zu_fan *fan, struct zu_pipe *p)
{
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

void zu_fan_send(struct zu_fan *fan, struct zu_msg *m, bool counts)
{
    struct zu_packed packed;

    if (counts && !fan->more)
        count_left_out(fan);
    fan->more = m->flags & ZU_MSG_MORE;
    fan->counts = counts;
    if (fan->chosen == 0) {
        zu_msg_reset(m);
        return;
    }
    if (fan->chosen > 1)
        zu_msg_hold(m, fan->chosen - 1);
    zu_item_pack(&packed, m);
    /* Downwards: who drops out changes places with one who has his part already. */
    for (uint32_t i = fan->chosen; i-- > 0;) {
        fetch_ahead(fan, i);
        give(fan, fan->pipes.item[i], &packed, m, counts);
    }
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
