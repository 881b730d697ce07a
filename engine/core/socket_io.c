/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending, receiving, and sleeping until either is possible.
 *
 * Every call first runs what was posted to the socket (catch_up); only then can the pattern judge.
 * A call that must wait puts the mailbox to sleep, which fails when something was posted since, and
 * sleeps on a waiter that the next post wakes.
 *
 * A socket whose ZMQ_FD was asked for has its mailbox asleep whenever nobody runs it, with the
 * waiter behind that descriptor: so the first post after each look makes the descriptor readable,
 * and each look makes it unreadable again.
 */
#include "engine/base/alloc.h"
#include "engine/base/clock.h"
#include "engine/core/by_hand.h"
#include "engine/core/props.h"
#include "engine/core/socket.h"
#include "engine/core/tripwire.h"

#include <errno.h>
#include <sched.h>

enum {
    SPENT_MORE = 64,   /* connections, beside the first, whose counts are gathered */
    SPIN_MAX_US = 16,  /* less than it costs to wake a core that has gone idle */
    SPIN_REST = 64,    /* waits without a spin after spins have stopped to pay */
    SPIN_LOOKS = 16,   /* between two looks at the clock */
    SPIN_ALONE_US = 2, /* an answer of who is awake takes less; who is not may need our core */
    LISTEN_TRIES = 8,  /* to find the mailbox empty */
    AHEAD_BYTES = 4 * 1024 * 1024, /* of large bodies before the loop, from which on one waits, */
    AHEAD_STEP = 2 * 1024 * 1024,  /* until so much of them is taken, or no more are there, */
    AHEAD_NS = 4000000,            /* and so long; where that was in vain */
    AHEAD_REST_LEAST = 64,         /* sends do without, */
    AHEAD_REST_MOST = 8192,        /* twice as many each time, up to this */
};

/* The mailbox is awake again. If a post ended its sleep, waits until that post is done with the
 * waiter, which may be about to go: a few instructions of another thread. */
void zu_socket_end_sleep(struct zu_socket *s)
{
    if (s->asleep) {
        s->asleep = false;
        if (!zu_mailbox_awake(&s->box))
            s->wakes_owed++;
        else if (zu_unlikely(!zu_list_empty(&s->tripwires)))
            zu_tripwires_touch(s);
        /* [K2] acquire, pairs with [K1] in socket.c. */
        while (atomic_load_explicit(&s->wakes_had, memory_order_acquire) != s->wakes_owed)
            sched_yield();
    }
    s->waiter = NULL;
}

static bool begin_sleep(struct zu_socket *s, struct zu_waiter *w)
{
    s->waiter = w;
    s->asleep = zu_mailbox_sleep(&s->box);
    return s->asleep;
}

void zu_socket_listen_again(struct zu_socket *s)
{
    for (int i = 0; i < LISTEN_TRIES; i++) {
        zu_waiter_reset(&s->fd_waiter);
        zu_mailbox_run(&s->box);
        if (begin_sleep(s, &s->fd_waiter))
            return;
    }
    zu_waiter_wake(&s->fd_waiter); /* it never ends: the descriptor stays readable */
}

zu_cold void zu_socket_run_posted(struct zu_socket *s)
{
    zu_socket_end_sleep(s);
    if (s->has_fd && !s->closing)
        zu_socket_listen_again(s);
    else
        zu_mailbox_run(&s->box);
}

int zu_socket_events(struct zu_socket *s)
{
    return (s->pattern->has_in(s) ? ZMQ_POLLIN : 0) | (s->pattern->has_out(s) ? ZMQ_POLLOUT : 0);
}

bool zu_socket_arm(struct zu_socket *s, struct zu_waiter *w)
{
    zu_socket_end_sleep(s);
    return begin_sleep(s, w);
}

void zu_socket_disarm(struct zu_socket *s)
{
    zu_socket_end_sleep(s);
    if (s->has_fd)
        zu_socket_listen_again(s);
}

/*
 * Before it sleeps a thread looks for a while whether something is posted, because waking it would
 * cost more than that. How long is learnt: what came in time doubles it, what did not halves it,
 * and once it is nothing, only one wait in SPIN_REST tries again. A socket that hears nothing thus
 * costs nothing. Never where the process has one CPU: who is to post needs it.
 *
 * Two applications in one process that answer each other: while each sleeps until the other has
 * been woken, a short look never pays. One of them has to stay awake for as long as that takes;
 * then the other one's short look pays, too, and from there on neither sleeps. So with such a peer
 * each is as long as it may be.
 */
static bool spin(struct zu_socket *s, uint64_t deadline_ns)
{
    uint32_t budget = (uint32_t)s->options->spin_us;
    uint32_t most = s->has_local ? budget : ZU_MIN(budget, (uint32_t)SPIN_MAX_US);
    uint64_t start, end, now;

    if (s->spin_us == 0) {
        if (s->ctx->one_cpu || s->spin_rest++ % SPIN_REST)
            return false;
        s->spin_us = s->has_local ? most : ZU_MIN((uint32_t)1, most);
    }
    now = start = zu_now_ns();
    end = ZU_MIN(start + s->spin_us * UINT64_C(1000), deadline_ns);
    do {
        if (now > start + SPIN_ALONE_US * UINT64_C(1000))
            sched_yield();
        for (int i = 0; i < SPIN_LOOKS; i++) {
            if (zu_mailbox_peek(&s->box)) {
                s->spin_us = s->has_local ? most : ZU_MIN(2 * s->spin_us, most);
                return true;
            }
            zu_pause();
        }
    } while ((now = zu_now_ns()) < end);
    s->spin_us /= 2;
    return false;
}

/* Sleeps until something was posted, and runs it. -EAGAIN when the time is up. */
static int sleep_until_posted(struct zu_socket *s, uint64_t deadline_ns)
{
    int rc = 0;

    zu_waiter_reset(&s->own_waiter);
    if (zu_socket_arm(s, &s->own_waiter))
        rc = zu_waiter_wait(&s->own_waiter, NULL, 0, deadline_ns, NULL);
    zu_socket_end_sleep(s);
    zu_socket_run_posted(s);
    if (s->stopped)
        return -ETERM;
    return rc == -ETIMEDOUT ? -EAGAIN : rc;
}

static int sleep_or_spin(struct zu_socket *s, uint64_t deadline_ns)
{
    if (!spin(s, deadline_ns))
        return sleep_until_posted(s, deadline_ns);
    zu_socket_run_posted(s);
    return s->stopped ? -ETERM : 0;
}

static int sleep_by_hand(struct zu_socket *s, struct zu_hands *h, uint64_t deadline_ns)
{
    int rc = 0;

    zu_waiter_reset(&s->own_waiter);
    if (zu_socket_arm(s, &s->own_waiter))
        rc = zu_waiter_wait(&s->own_waiter, h->fds, h->count, deadline_ns, h->mask);
    zu_socket_end_sleep(s);
    if (rc == 0)
        zu_hands_look(h);
    return rc;
}

/* The same with intakes in our hands, or with none by who never sleeps. */
static zu_apart int wait_by_hand(struct zu_socket *s, struct zu_hands *h, uint64_t deadline_ns)
{
    int rc = 0;
    bool came;

    zu_hands_begin(h, NULL);
    do
        came = zu_hands_look(h) || zu_mailbox_peek(&s->box);
    while (!came && zu_hands_spin(h, deadline_ns));
    if (!came)
        rc = sleep_by_hand(s, h, deadline_ns);
    zu_hands_end(h);
    zu_socket_run_posted(s);
    if (s->stopped)
        return -ETERM;
    if (rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM) /* it takes a descriptor to wait so */
        return sleep_or_spin(s, deadline_ns);
    return rc == -ETIMEDOUT ? -EAGAIN : rc;
}

/* For what is to be received. */
static int wait_for_input(struct zu_socket *s, uint64_t deadline_ns)
{
    struct zu_hands hands;

    zu_hands_release(s);
    zu_hands_init(&hands);
    zu_hands_add(&hands, s);
    if (zu_hands_are_of_use(&hands))
        return wait_by_hand(s, &hands, deadline_ns);
    return sleep_or_spin(s, deadline_ns);
}

/* For room. */
static int wait_for_output(struct zu_socket *s, uint64_t deadline_ns)
{
    struct zu_hands none;

    if (s->options->spin_us >= 0)
        return sleep_or_spin(s, deadline_ns);
    zu_hands_init(&none);
    zu_hands_learn_from(&none, s);
    return wait_by_hand(s, &none, deadline_ns);
}

/* Who does not wait. */
static zu_apart int recv_at_once(struct zu_socket *s, struct zu_msg *m)
{
    if (!zu_hands_ask(s))
        return -EAGAIN;
    zu_socket_run_posted(s);
    return s->stopped ? -ETERM : s->pattern->recv(s, m);
}

static uint64_t deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? UINT64_MAX : zu_now_ns() + (uint64_t)timeout_ms * 1000000;
}

/* False: the reader does not come on as fast as that, or nobody wants to wait any longer. */
static bool wait_for_reader(struct zu_socket *s, struct zu_pipe *p, uint64_t most)
{
    uint64_t patience_ns = AHEAD_NS, deadline_ns;

    if (s->options->sndtimeo >= 0)
        patience_ns = ZU_MIN(patience_ns, (uint64_t)s->options->sndtimeo * 1000000);
    deadline_ns = zu_now_ns() + patience_ns;
    for (;;) {
        zu_pipe_ask_progress(p);
        if (p->closed || zu_pipe_ahead(p) <= most)
            return true;
        if (sleep_until_posted(s, deadline_ns) < 0)
            return false;
    }
}

void zu_socket_wait_if_ahead(struct zu_socket *s, struct zu_pipe *p, size_t size)
{
    uint64_t most = AHEAD_BYTES / size, step = ZU_MAX(AHEAD_STEP / size, (size_t)2), ahead;

    if (p->local || p->out->latest_only || s->options->sndtimeo == 0 || s->options->spin_us < 0)
        return;
    ahead = zu_pipe_ahead(p);
    if (ahead <= most)
        return;
    if (p->ahead_rest > 0) {
        p->ahead_rest--;
        return;
    }
    zu_pipe_hold(p); /* it may be closed while we wait */
    if (wait_for_reader(s, p, ZU_MAX(most, ahead > step ? ahead - step : 0)))
        p->ahead_rest_next = 0;
    else
        p->ahead_rest_next = ZU_MIN(ZU_MAX(2 * p->ahead_rest_next, (uint32_t)AHEAD_REST_LEAST),
                                    (uint32_t)AHEAD_REST_MOST);
    p->ahead_rest = p->ahead_rest_next;
    zu_pipe_drop(p);
}

static zu_cold int send_waiting(struct zu_socket *s, struct zu_msg *m)
{
    uint64_t deadline = deadline_of(s->options->sndtimeo);
    int rc;

    do {
        rc = wait_for_output(s, deadline);
        if (rc == 0 || rc == -EAGAIN) {
            int sent = s->pattern->send(s, m);

            rc = sent == -EAGAIN && rc == 0 ? 1 : sent;
        }
    } while (rc == 1);
    return rc;
}

int zu_socket_send_later(struct zu_socket *s, struct zu_msg *m, int flags, uint8_t flags_before,
                         int rc)
{
    if (rc == -EAGAIN && !(flags & ZMQ_DONTWAIT) && s->options->sndtimeo != 0)
        rc = send_waiting(s, m);
    if (rc < 0)
        m->flags = flags_before;
    return rc;
}

static zu_cold int recv_waiting(struct zu_socket *s, struct zu_msg *m)
{
    uint64_t deadline = deadline_of(s->options->rcvtimeo);
    int rc;

    do {
        rc = wait_for_input(s, deadline);
        if (rc == 0 || rc == -EAGAIN) {
            int got = s->pattern->recv(s, m);

            rc = got == -EAGAIN && rc == 0 ? 1 : got;
        }
    } while (rc == 1);
    return rc;
}

static void settle(struct zu_spent *e)
{
    if (e->props)
        zu_props_drop(e->props, e->count);
    zu_tally_settle(&e->bodies);
    *e = (struct zu_spent){0};
}

void zu_socket_spend_all(struct zu_socket *s)
{
    settle(&s->spent);
    for (size_t i = 0; s->spent_more && i < SPENT_MORE; i++)
        settle(&s->spent_more[i]);
    zu_free(s->spent_more);
    s->spent_more = NULL;
}

static void settle_bodies(struct zu_socket *s)
{
    zu_tally_settle(&s->spent.bodies);
    for (size_t i = 0; s->spent_more && i < SPENT_MORE; i++)
        zu_tally_settle(&s->spent_more[i].bodies);
}

/* Where the counts of another connection are gathered. Two that hash alike take turns. */
static zu_apart struct zu_spent *other_spent(struct zu_socket *s, struct zu_props *p)
{
    struct zu_spent *e = &s->spent;

    if (e->props && !s->spent_more)
        s->spent_more = zu_alloc_zero(SPENT_MORE * sizeof *s->spent_more);
    if (e->props)
        e = zu_socket_spent_of(s, p);
    if (e->props != p) {
        settle(e);
        e->props = p;
    }
    return e;
}

/*
 * Messages of one connection share its properties, and small bodies lie side by side in one slab:
 * the counts they had are gathered, and many dropped with one atomic operation.
 */
void zu_socket_spend(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_spent *e = &s->spent;

    if (m->props) {
        if (m->props != e->props)
            e = other_spent(s, m->props);
        if (++e->count >= ZU_SPENT_MAX)
            settle(e);
        m->props = NULL;
    }
    if (m->kind == ZU_MSG_SLICE && (m->big.owner == e->bodies.block || zu_slab_has(m->big.owner))) {
        zu_tally_drop(&e->bodies, m->big.owner);
        m->kind = ZU_MSG_CLOSED;
        return;
    }
    zu_msg_close(m);
}

int zu_socket_recv_later(struct zu_socket *s, struct zu_msg *m, int flags, int rc)
{
    if (rc == -EAGAIN) {
        settle_bodies(s); /* a quiet socket holds no slab */
        if (!(flags & ZMQ_DONTWAIT) && s->options->rcvtimeo != 0)
            rc = recv_waiting(s, m);
        else
            rc = recv_at_once(s, m);
    }
    if (rc == 0)
        s->rcvmore = m->flags & ZU_MSG_MORE;
    return rc;
}

int zu_socket_send_any(struct zu_socket *s, struct zu_msg *m, int flags)
{
    size_t size;
    int rc;

    if (!zu_msg_valid(m))
        return -EFAULT;
    size = zu_msg_size(m); /* afterwards it is somewhere else */
    rc = zu_socket_send(s, m, flags);
    return rc < 0 ? rc : zu_msg_answer(size);
}

/* Nothing came at once. Who looked for a message had made room for it; else it is what it was. */
static zu_apart int recv_after_all(struct zu_socket *s, struct zu_msg *m, struct zu_msg *old,
                                   int flags, int rc)
{
    if (rc == -ENOTSUP || rc == -EFSM)
        return rc;
    rc = zu_socket_recv_later(s, m, flags, rc);
    if (rc == 0) {
        zu_socket_spend(s, old);
        return zu_msg_answer(zu_msg_size(m));
    }
    zu_msg_close(old);
    zu_msg_init(m);
    return rc;
}

int zu_socket_recv_any(struct zu_socket *s, struct zu_msg *m, int flags)
{
    struct zu_msg old;
    int rc;

    if (!zu_msg_valid(m))
        return -EFAULT;
    rc = zu_socket_catch_up(s);
    if (zu_unlikely(rc < 0))
        return rc;
    zu_msg_copy_holdings(&old, m);
    rc = s->pattern->recv(s, m);
    if (zu_unlikely(rc < 0))
        return recv_after_all(s, m, &old, flags, rc);
    s->rcvmore = m->flags & ZU_MSG_MORE;
    zu_socket_spend(s, &old); /* most likely the one before, by the same way */
    return zu_msg_answer(zu_msg_size(m));
}
