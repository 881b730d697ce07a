/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/core/by_hand.h"

#include "engine/base/alloc.h"
#include "engine/base/clock.h"
#include "engine/core/session.h"

#include <sched.h>

enum {
    SENDS_MAX = 8,     /* connections; what goes to more of them takes long */
    SPIN_REST = 64,    /* waits without a spin after spins have stopped to pay */
    SIGNAL_LOOKS = 64, /* between two looks for a signal, of who never sleeps */
    REST_LEAST = 64,   /* waits in which a connection that streamed is not asked for; */
    REST_MOST = 8192,  /* twice as many each time, up to this */
    ASKED_MIN = 64,   /* calls in a row that do not wait, before it is worth to keep the intakes; */
    ASKED_NS = 50000, /* as many nanoseconds from one to the next */
};

void zu_hands_settle(struct zu_socket *s)
{
    uint32_t count = 0;
    bool few;

    zu_list_each(it, &s->pipes)
    {
        if (++count > SENDS_MAX + 1)
            return; /* it was settled before */
    }
    few = count <= SENDS_MAX;
    zu_list_each(it, &s->pipes) zu_container_of(it, struct zu_pipe, all)->by_hand = few;
}

static _Thread_local uint64_t heard;

uint64_t zu_hands_heard(void)
{
    return heard;
}

static void watch(struct zu_session *s, enum zu_watching how)
{
    s->loop->kernel->table->watch(s->loop->kernel, &s->watch, how);
}

/* It is a session's, for messages. */
static bool takes_hands(const struct zu_pipe *p)
{
    return !p->local && p->peer->sink->asked;
}

/* A connection that is not free: is it to be? */
static void ask(struct zu_pipe *p)
{
    if (p->rest > 0)
        p->rest--;
    else if (zu_pipe_intake(p->peer) == ZU_INTAKE_LOOP)
        zu_pipe_ask_intake(p->peer);
}

void zu_hands_init(struct zu_hands *h)
{
    h->count = 0;
    h->joint_count = 0;
    h->block = NULL;
    h->first = NULL;
    h->mask = NULL;
    h->looks = 0;
}

/* ---- sockets that threads share ---- */

static bool is_ours(const struct zu_hands *h, const struct zu_socket *s)
{
    for (uint32_t i = 0; i < h->joint_count; i++)
        if (h->joint[i] == s)
            return true;
    return !s->joint;
}

/* False: another thread receives by hand. */
static bool make_ours(struct zu_hands *h, struct zu_socket *s)
{
    if (is_ours(h, s))
        return true;
    /* [HA1] acquire, pairs with [HA2]: what the last one did to the socket's slab is seen. */
    if (h->joint_count == ZU_HANDS_MAX ||
        atomic_exchange_explicit(&s->in_hand, true, memory_order_acquire))
        return false;
    zu_ctx_begin(s->ctx); /* it may be closed while we wait; the last drop asks for its context */
    zu_socket_hold(s);
    h->joint[h->joint_count++] = s;
    return true;
}

static void let_go(struct zu_hands *h)
{
    struct zu_socket *s = h->joint[--h->joint_count];
    struct zu_ctx *ctx = s->ctx;

    /* [HA2] release, pairs with [HA1]. */
    atomic_store_explicit(&s->in_hand, false, memory_order_release);
    zu_socket_drop(s);
    zu_ctx_end(ctx);
}

/* ---- taking ---- */

static void add(struct zu_hands *h, struct zu_pipe *p)
{
    struct zu_pipe *end = p->peer;
    struct zu_session *session;

    if (!zu_pipe_take_intake(end, ZU_INTAKE_FREE, ZU_INTAKE_BUSY)) {
        ask(p);
        return;
    }
    session = end->owner;
    watch(session, ZU_WATCH_OUT);
    h->fds[h->count] = (struct pollfd){.fd = session->fd, .events = POLLIN | POLLRDHUP};
    h->ends[h->count++] = end;
    zu_pipe_hold(end); /* it may be closed while we wait, when other things come in */
    zu_pipe_put_intake(end, ZU_INTAKE_HELD);
}

/* Those of a few connections. */
static void add_all(struct zu_hands *h, struct zu_socket *s)
{
    uint32_t count = h->count;

    if (s->has_fd)
        return;
    zu_list_each(it, &s->pipes)
    {
        if (++count > ZU_HANDS_MAX)
            return;
    }
    zu_list_each(it, &s->pipes)
    {
        struct zu_pipe *p = zu_container_of(it, struct zu_pipe, all);

        if (takes_hands(p))
            add(h, p);
    }
}

void zu_hands_learn_from(struct zu_hands *h, struct zu_socket *s)
{
    h->first = s;
    h->spin_us = s->options->spin_us;
}

void zu_hands_add(struct zu_hands *h, struct zu_socket *s)
{
    uint32_t count = h->count, joint_count = h->joint_count;

    if (!make_ours(h, s))
        return;
    add_all(h, s);
    if (h->joint_count > joint_count && h->count == count && s->options->spin_us >= 0) {
        let_go(h);
        return;
    }
    if (!h->first || s->options->spin_us < 0)
        zu_hands_learn_from(h, s);
}

void zu_hands_begin(struct zu_hands *h, const sigset_t *mask)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t most;

    sigfillset(&most);
    for (size_t i = 0; i < zu_array_len(faults); i++)
        sigdelset(&most, faults[i]);
    pthread_sigmask(SIG_SETMASK, &most, &h->before);
    h->mask = mask ? mask : &h->before;
    h->start_ns = zu_now_ns();
}

static void forget(struct zu_hands *h, uint32_t i)
{
    zu_pipe_drop(h->ends[i]);
    h->count--;
    h->ends[i] = h->ends[h->count];
    h->fds[i] = h->fds[h->count];
}

static void rest(struct zu_pipe *p)
{
    p->rest_next = ZU_MIN(ZU_MAX(2 * p->rest_next, (uint32_t)REST_LEAST), (uint32_t)REST_MOST);
    p->rest = p->rest_next;
}

static struct zu_slab *slab_of(struct zu_pipe *p)
{
    struct zu_socket *s = p->owner;

    return &s->slab;
}

bool zu_hands_look(struct zu_hands *h)
{
    bool any = false;

    for (uint32_t i = h->count; i-- > 0;) {
        struct zu_pipe *end = h->ends[i], *p = end->peer;
        enum zu_took took = ZU_TOOK_GIVEN_UP;

        if (zu_pipe_take_intake(end, ZU_INTAKE_HELD, ZU_INTAKE_BUSY))
            took = zu_session_receive_now(end->owner, slab_of(p), &h->block);
        any |= took != ZU_TOOK_NOTHING;
        heard += took == ZU_TOOK_SOME;
        if (took == ZU_TOOK_STREAM)
            rest(p);
        else if (took == ZU_TOOK_SOME)
            p->rest_next = 0;
        if (took == ZU_TOOK_NOTHING || took == ZU_TOOK_SOME)
            zu_pipe_put_intake(end, ZU_INTAKE_HELD);
        else
            forget(h, i);
    }
    return any;
}

/* One that the sleep would let through: it is the sleep that it ends. */
static bool has_signal(const struct zu_hands *h)
{
    sigset_t pending;

    if (sigpending(&pending) < 0 || sigisemptyset(&pending))
        return false;
    for (int i = 1; i <= SIGRTMAX; i++)
        if (sigismember(&pending, i) == 1 && sigismember(h->mask, i) == 0)
            return true;
    return false;
}

/* Who never sleeps. */
static bool spin_on(struct zu_hands *h, uint64_t now_ns, uint64_t deadline_ns)
{
    if (now_ns >= deadline_ns || (++h->looks % SIGNAL_LOOKS == 0 && has_signal(h)))
        return false;
    if (h->first->ctx->one_cpu)
        sched_yield();
    else
        zu_pause();
    return true;
}

/*
 * How long is learnt: what comes within the budget is worth as much the next time, too, what does
 * not halves it. Two that both sleep take longer to answer each other than one spins: so one wait
 * in SPIN_REST tries whether that is all.
 */
bool zu_hands_spin(struct zu_hands *h, uint64_t deadline_ns)
{
    struct zu_socket *s = h->first;
    uint64_t now_ns = zu_now_ns();
    uint32_t us;

    if (!s)
        return false;
    if (h->spin_us < 0)
        return spin_on(h, now_ns, deadline_ns);
    if (s->hand_us == 0) {
        if (s->ctx->one_cpu || s->hand_rest++ % SPIN_REST)
            return false;
        s->hand_us = (uint32_t)h->spin_us;
    }
    us = ZU_MIN(s->hand_us, (uint32_t)h->spin_us);
    if (now_ns >= ZU_MIN(h->start_ns + us * UINT64_C(1000), deadline_ns))
        return false;
    sched_yield(); /* the peer may be on our core: it was we who woke him */
    return true;
}

static void learn(struct zu_hands *h)
{
    struct zu_socket *s = h->first;
    uint64_t most_us;

    if (!s)
        return;
    most_us = (uint64_t)ZU_MAX(h->spin_us, 0);
    if (zu_now_ns() - h->start_ns < most_us * 1000)
        s->hand_us = s->ctx->one_cpu ? 0 : (uint32_t)most_us;
    else
        s->hand_us /= 2;
}

static void leave(struct zu_pipe *end)
{
    if (!zu_pipe_take_intake(end, ZU_INTAKE_HELD, ZU_INTAKE_BUSY))
        return; /* the loop has it */
    zu_session_keep_intake(end->owner, false);
    watch(end->owner, ZU_WATCH_ON);
    zu_pipe_put_intake(end, ZU_INTAKE_FREE);
}

static void give_back(struct zu_hands *h)
{
    for (uint32_t i = 0; i < h->count; i++) {
        leave(h->ends[i]);
        zu_pipe_drop(h->ends[i]);
    }
    while (h->joint_count > 0)
        let_go(h);
    if (h->block)
        zu_block_drop(h->block);
    zu_hands_init(h);
}

void zu_hands_end(struct zu_hands *h)
{
    if (!zu_hands_have_begun(h))
        return;
    learn(h);
    give_back(h);
    pthread_sigmask(SIG_SETMASK, &h->before, NULL);
}

/* ---- kept, by who does not wait ---- */

static bool is_eager(struct zu_socket *s)
{
    uint64_t now_ns = zu_now_ns();

    s->asked = now_ns - s->asked_ns < ASKED_NS ? s->asked + 1 : 0;
    s->asked_ns = now_ns;
    return s->asked >= ASKED_MIN;
}

/* What is free now; now and then, for it may be refused. The loops are to look after it. */
static void keep_more(struct zu_socket *s)
{
    struct zu_hands *h = s->kept;
    uint32_t before = h->count;

    zu_hands_add(h, s);
    for (uint32_t i = before; i < h->count; i++) {
        if (!zu_pipe_take_intake(h->ends[i], ZU_INTAKE_HELD, ZU_INTAKE_BUSY))
            continue;
        zu_session_keep_intake(h->ends[i]->owner, true);
        zu_pipe_put_intake(h->ends[i], ZU_INTAKE_HELD);
        zu_pipe_ask_intake(h->ends[i]);
    }
}

bool zu_hands_ask(struct zu_socket *s)
{
    bool eager = is_eager(s) && !s->ctx->one_cpu;

    if (eager && !s->kept) {
        s->kept = zu_alloc(sizeof *s->kept);
        if (s->kept)
            zu_hands_init(s->kept);
    }
    if (!s->kept)
        return false;
    if (eager && s->asked % ASKED_MIN == 0)
        keep_more(s);
    return zu_hands_look(s->kept);
}

void zu_hands_release(struct zu_socket *s)
{
    struct zu_hands *h = s->kept;

    if (zu_likely(!h))
        return;
    give_back(h);
    zu_free(h);
    s->kept = NULL;
    s->asked = 0;
}

void zu_hands_fall_in(struct zu_socket *s)
{
    zu_hands_release(s);
    zu_list_each(it, &s->pipes)
    {
        struct zu_pipe *p = zu_container_of(it, struct zu_pipe, all);

        if (!takes_hands(p))
            continue;
        if (zu_pipe_seize_intake(p->peer))
            zu_session_return_intake(p->peer->owner);
        zu_pipe_fall_in(p);
    }
}
