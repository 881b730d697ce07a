/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message of several parts cannot be shared between threads: who has begun one, sending or
 * receiving, has to end it, and until then another thread's call is refused with EFSM. Types that
 * are joint by nature know no parts at all.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/core/joint.h"

#include "engine/base/clock.h"
#include "engine/core/by_hand.h"
#include "engine/core/tripwire.h"

#include <errno.h>
#include <pthread.h>

/* A thread that waits for a socket. */
struct sleeper {
    struct zu_tripwire wire;
    struct zu_mailbox box;
    struct zu_waiter waiter;
};

/* A number for the calling thread that no other one has, not even when it has ended; never NULL. */
static const void *this_thread(void)
{
    static _Atomic uintptr_t last;
    static _Thread_local uintptr_t own;

    if (zu_unlikely(own == 0)) /* relaxed: to be told apart is all */
        own = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
    return (const void *)own;
}

int zu_joint_check(const void *handle)
{
    const struct zu_socket *s = handle;
    const uint32_t *tag = handle;

    if (tag && *tag == ZU_SOCKET_BUSY_TAG)
        return -EFSM;
    if (!zu_joint_is(handle))
        return zu_socket_check(handle);
    /* Relaxed: only what this thread itself has written is told from the rest. */
    return atomic_load_explicit(&s->busy_thread, memory_order_relaxed) == this_thread() ? -EFSM : 0;
}

int zu_joint_enter(void *handle)
{
    struct zu_socket *s = handle;
    int rc = zu_joint_check(handle);

    if (rc < 0)
        return rc;
    if (zu_ctx_inherited(s->ctx))
        return -ETERM; /* a thread of the parent may have the lock */
    pthread_mutex_lock(&s->lock);
    return 0;
}

int zu_joint_enter_to_ask(void *handle)
{
    struct zu_socket *s = handle;
    int rc = zu_joint_enter(handle);

    if (rc != -EFSM)
        return rc;
    if (s->joint && !s->closing)
        pthread_mutex_lock(&s->lock);
    return 0;
}

/* The functions that are due are called by one thread at a time, which lets go of the lock for each
 * (zu_socket_begin_busy). What comes meanwhile is seen before `due` is cleared. */
static zu_cold void call_due(struct zu_socket *s)
{
    s->due(s);
    s->due = NULL;
}

bool zu_joint_is_calling(const struct zu_socket *s)
{
    /* Relaxed: set and cleared with the lock. */
    return atomic_load_explicit(&s->busy_thread, memory_order_relaxed) != NULL;
}

static void see_to_due(struct zu_socket *s)
{
    if (zu_unlikely(s->due != NULL) && !zu_joint_is_calling(s))
        call_due(s);
}

void zu_joint_leave(struct zu_socket *s)
{
    see_to_due(s);
    pthread_mutex_unlock(&s->lock);
}

void zu_socket_leave(struct zu_socket *s)
{
    if (zu_likely(!s->joint) || s->closing)
        return;
    zu_tripwires_touch(s);
    zu_joint_leave(s);
}

/* Relaxed, here and there: zu_socket_is_one may look meanwhile, and takes either for a socket. */
static void set_tag(struct zu_socket *s, uint32_t tag)
{
    __atomic_store_n(&s->tag, tag, __ATOMIC_RELAXED);
}

bool zu_socket_is_one(const void *handle)
{
    uint32_t tag = handle ? __atomic_load_n((const uint32_t *)handle, __ATOMIC_RELAXED) : 0;

    return tag == ZU_SOCKET_TAG || tag == ZU_SOCKET_JOINT_TAG || tag == ZU_SOCKET_BUSY_TAG;
}

void zu_socket_begin_busy(struct zu_socket *s)
{
    /* Relaxed: see zu_joint_check. */
    atomic_store_explicit(&s->busy_thread, this_thread(), memory_order_relaxed);
    if (s->joint && !s->closing) {
        pthread_mutex_unlock(&s->lock);
        return;
    }
    s->busy = true;
    s->busy_tag = s->tag;
    set_tag(s, ZU_SOCKET_BUSY_TAG);
}

void zu_socket_end_busy(struct zu_socket *s)
{
    if (s->joint && !s->closing) {
        pthread_mutex_lock(&s->lock);
    } else {
        set_tag(s, s->busy_tag);
        s->busy = false;
    }
    atomic_store_explicit(&s->busy_thread, NULL, memory_order_relaxed);
}

/* ---- waiting ---- */

static void on_wake(struct zu_mailbox *box)
{
    zu_waiter_wake(&zu_container_of(box, struct sleeper, box)->waiter);
}

/* Being in the mailbox is all that it says. */
static void on_touched(struct zu_cmd *cmd)
{
    (void)cmd;
}

static void init_sleeper(struct sleeper *w)
{
    *w = (struct sleeper){.wire = {.box = &w->box, .touched = {.run = on_touched}}};
    zu_mailbox_init(&w->box, on_wake);
    zu_waiter_init(&w->waiter);
}

/* 0: look again; -ETIMEDOUT; -EINTR; what it says that there is no descriptor to wait with. */
static int sleep_once(struct sleeper *w, struct zu_hands *h, uint64_t deadline_ns)
{
    int rc = 0;

    if (zu_mailbox_sleep(&w->box)) {
        rc = zu_waiter_wait(&w->waiter, h->fds, h->count, deadline_ns, h->mask);
        zu_mailbox_awake(&w->box);
        zu_waiter_reset(&w->waiter);
    }
    return rc;
}

/* What is received is written into the pipes as ever, and so touches whoever waits. */
static int wait_by_hand(struct sleeper *w, struct zu_hands *h, uint64_t deadline_ns)
{
    int rc = 0;
    bool came;

    zu_hands_begin(h, NULL);
    do
        came = zu_hands_look(h) || zu_mailbox_has(&w->box);
    while (!came && zu_hands_spin(h, deadline_ns));
    if (!came && (rc = sleep_once(w, h, deadline_ns)) == 0)
        zu_hands_look(h);
    zu_hands_end(h);
    if (rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM) /* it takes a descriptor to wait so */
        rc = sleep_once(w, h, deadline_ns);
    return rc;
}

/*
 * Without the lock. 0: look again; -EAGAIN: the time is up; -EINTR. The clock is asked also by who
 * is touched before he can sleep: others may do that for as long as they like.
 */
static int wait_once(struct sleeper *w, struct zu_hands *h, bool lies, uint64_t deadline_ns)
{
    int rc = 0;

    if (zu_hands_are_of_use(h))
        rc = wait_by_hand(w, h, deadline_ns);
    else if (lies)
        rc = sleep_once(w, h, deadline_ns);
    if (rc == -ETIMEDOUT || (rc == 0 && zu_now_ns() >= deadline_ns))
        rc = -EAGAIN;
    return rc;
}

static void take_hands(struct zu_socket *s, struct zu_hands *h)
{
    zu_hands_release(s);
    zu_hands_add(h, s);
}

typedef int attempt_fn(struct zu_socket *s, struct zu_msg *m);

/*
 * Until the attempt brings something else than -EAGAIN. The lock is held before and after. An
 * attempt leaves a sleep that no post has ended as it is (see tripwire.c): the wait would touch
 * itself. So others are touched when one succeeds. `receives`: what comes may be received by hand.
 */
static zu_cold int try_again(struct zu_socket *s, struct zu_msg *m, attempt_fn *attempt,
                             int timeout_ms, bool receives)
{
    uint64_t deadline_ns =
        timeout_ms < 0 ? UINT64_MAX : zu_now_ns() + (uint64_t)timeout_ms * 1000000;
    struct zu_hands hands;
    struct sleeper w;
    int slept = 0, rc;
    bool lies;

    zu_hands_init(&hands);
    init_sleeper(&w);
    zu_tripwire_begin_held(&w.wire, s);
    for (;;) {
        zu_mailbox_run(&w.box);
        rc = attempt(s, m);
        if (rc != -EAGAIN || slept < 0)
            break;
        lies = zu_tripwire_lay_held(&w.wire);
        see_to_due(s); /* before anything is in the hands, and waits for it */
        if (lies && receives)
            take_hands(s, &hands);
        pthread_mutex_unlock(&s->lock);
        slept = wait_once(&w, &hands, lies, deadline_ns);
        pthread_mutex_lock(&s->lock);
    }
    zu_tripwire_end_held(&w.wire);
    if (rc != -EAGAIN && !s->pattern->joint)
        zu_tripwires_touch(s);
    zu_mailbox_close(&w.box);
    zu_waiter_fini(&w.waiter);
    return rc == -EAGAIN && slept < 0 ? slept : rc;
}

/* zu_socket_catch_up, but for a sleep that no post has ended. */
static int hear(struct zu_socket *s)
{
    if (zu_mailbox_has(&s->box))
        zu_socket_run_posted(s);
    return s->stopped ? -ETERM : 0;
}

/* ---- sending ---- */

static int attempt_send(struct zu_socket *s, struct zu_msg *m)
{
    bool more = m->flags & ZU_MSG_MORE;
    int rc = hear(s);

    if (rc < 0)
        return rc;
    if (s->sender && s->sender != this_thread())
        return -EFSM;
    rc = s->pattern->send(s, m);
    if (rc == 0)
        s->sender = more ? this_thread() : NULL;
    return rc;
}

int zu_joint_send(void *handle, struct zu_msg *m, int flags)
{
    struct zu_socket *s = handle;
    uint8_t before = m->flags;
    int rc = zu_joint_enter(handle);

    if (rc < 0)
        return rc;
    if (s->pattern->joint && flags & ZMQ_SNDMORE) {
        zu_joint_leave(s);
        return s->stopped ? -ETERM : -EINVAL;
    }
    if (m->props && s->pattern->type != ZMQ_RADIO) /* which looks for the group there */
        zu_msg_set_props(m, NULL);
    zu_msg_set_flags(m, (uint8_t)((before & ZU_MSG_SHARED) |
                                  (flags & ZMQ_SNDMORE ? (unsigned)ZU_MSG_MORE : 0u)));
    rc = zu_socket_catch_up(s);
    if (rc == 0)
        rc = attempt_send(s, m);
    if (rc == -EAGAIN && !(flags & ZMQ_DONTWAIT) && s->options->sndtimeo != 0)
        rc = try_again(s, m, attempt_send, s->options->sndtimeo, false);
    zu_joint_leave(s);
    if (rc < 0)
        m->flags = before;
    return rc;
}

/* ---- receiving ---- */

static int attempt_recv(struct zu_socket *s, struct zu_msg *m)
{
    int rc = hear(s);

    if (rc < 0)
        return rc;
    if (s->receiver && s->receiver != this_thread())
        return -EFSM;
    rc = s->pattern->recv(s, m);
    if (rc == 0) {
        s->rcvmore = m->flags & ZU_MSG_MORE;
        s->receiver = s->rcvmore ? this_thread() : NULL;
    }
    return rc;
}

int zu_joint_recv(void *handle, struct zu_msg *m, int flags)
{
    struct zu_socket *s = handle;
    int rc = zu_joint_enter(handle);

    if (rc < 0)
        return rc;
    rc = zu_socket_catch_up(s);
    if (rc == 0)
        rc = attempt_recv(s, m);
    if (rc == -EAGAIN && !(flags & ZMQ_DONTWAIT) && s->options->rcvtimeo != 0)
        rc = try_again(s, m, attempt_recv, s->options->rcvtimeo, true);
    else if (rc == -EAGAIN && zu_hands_ask(s))
        rc = attempt_recv(s, m);
    zu_joint_leave(s);
    return rc;
}
