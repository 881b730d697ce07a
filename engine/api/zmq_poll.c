/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_poll: waits on sockets and descriptors together. Descriptors are the kernel's to watch; a
 * socket is looked at by running what was posted to it, and asked to wake a waiter of ours.
 *
 * Why no wake is lost. A round is: arm every socket, sleep, disarm every socket, forget the wake,
 * look. What a socket has for us changes only by commands posted to its mailbox (a peer that wrote
 * into an empty pipe or made room in a full one posts; so does zmq_ctx_shutdown), and a look runs
 * them all before it judges. So after a look that found nothing, a change is either a post before
 * the arming, which zu_socket_arm sees and refuses, so that we look again at once; or a post after
 * it, which wakes the waiter, and a wake before the sleep begins is kept until it. Sleeping without
 * arming last would lose a post between look and sleep. The wake is forgotten only after all
 * sockets are disarmed and before the look: forgetting it later could drop the wake of a post that
 * the look did not run. Descriptors are asked of the kernel by level, so the sleep sees them.
 *
 * To run what was posted may call a ZMQ_MONITOR function, which may close any other socket of ours.
 * So where there is such a function the sockets are held before anything is run, and after it the
 * poll is over if one was closed.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/api/poll.h"
#include "engine/base/alloc.h"
#include "engine/base/err.h"
#include "engine/core/by_hand.h"
#include "engine/core/joint.h"

#define FEW_FDS 32 /* as many descriptors need no memory */

struct poll_set {
    zmq_pollitem_t *items;
    int count;
    const sigset_t *mask; /* while waiting; NULL: the thread's own */
    struct pollfd *fds;   /* of the items that are no sockets, in their order; and room for hands */
    size_t fd_count;
    struct zu_hands hands;
    bool holds; /* the sockets and their contexts: see the head of this file */
};

/* ---- items ---- */

/* 1: there are sockets among them that several threads use. */
static int check_items(const zmq_pollitem_t *items, int count)
{
    int rc, joint = 0;

    if (count < 0)
        return -EINVAL;
    if (!items && count > 0)
        return -EFAULT;
    for (int i = 0; i < count; i++)
        if (items[i].socket && (rc = zu_socket_check(items[i].socket)) < 0) {
            if ((rc = zu_joint_check(items[i].socket)) < 0)
                return rc;
            joint = 1;
        }
    return joint;
}

static size_t count_fds(const zmq_pollitem_t *items, int count)
{
    size_t n = 0;

    for (int i = 0; i < count; i++)
        n += items[i].socket == NULL;
    return n;
}

static void fill_fds(struct poll_set *p)
{
    size_t n = 0;

    for (int i = 0; i < p->count; i++)
        if (!p->items[i].socket)
            p->fds[n++] = (struct pollfd){p->items[i].fd, zu_poll_to_kernel(p->items[i].events), 0};
}

/* ---- sockets that may be closed meanwhile ---- */

static bool may_call(const struct poll_set *p)
{
    for (int i = 0; i < p->count; i++) {
        const struct zu_socket *s = p->items[i].socket;

        if (s && s->calls)
            return true;
    }
    return false;
}

/* A context once for as many as follow one another. */
static void hold(struct poll_set *p)
{
    const struct zu_ctx *last = NULL;

    if (p->holds || !may_call(p))
        return;
    p->holds = true;
    for (int i = 0; i < p->count; i++) {
        struct zu_socket *s = p->items[i].socket;

        if (!s)
            continue;
        if (s->ctx != last)
            zu_ctx_begin(s->ctx);
        last = s->ctx;
        zu_socket_hold(s);
    }
}

static zu_cold void let_go(struct poll_set *p)
{
    struct zu_ctx *last = NULL;

    for (int i = 0; i < p->count; i++) {
        struct zu_socket *s = p->items[i].socket;

        if (!s)
            continue;
        if (last && s->ctx != last)
            zu_ctx_end(last);
        last = s->ctx;
        zu_socket_drop(s);
    }
    zu_ctx_end(last);
}

static bool is_closed(const struct poll_set *p, int i)
{
    const struct zu_socket *s = p->items[i].socket;

    return s && s->tag == 0;
}

static bool is_any_closed(const struct poll_set *p)
{
    for (int i = 0; i < p->count && p->holds; i++)
        if (is_closed(p, i))
            return true;
    return false;
}

/* ---- a look ---- */

/* With a mask also where no descriptor is: a signal that it lets through is delivered here. */
static int look_at_fds(struct poll_set *p)
{
    static const struct timespec at_once = {0, 0};

    if (p->fd_count == 0 && !p->mask)
        return 0;
    return ppoll(p->fds, p->fd_count, &at_once, p->mask) < 0 ? -errno : 0;
}

/* Something was posted to the socket. */
static zu_cold int hear(struct poll_set *p, struct zu_socket *s)
{
    int rc;

    hold(p);
    if (s->calls && zu_hands_have_begun(&p->hands)) /* the function may take long */
        zu_hands_end(&p->hands);
    rc = zu_socket_catch_up(s);
    return rc == 0 && is_any_closed(p) ? -ENOTSOCK : rc;
}

static int look_at_item(struct poll_set *p, zmq_pollitem_t *item, const struct pollfd **fd)
{
    struct zu_socket *s = item->socket;
    int rc;

    if (!s) {
        item->revents = zu_poll_from_kernel((*fd)++->revents);
        return 0;
    }
    item->revents = 0;
    if (zu_mailbox_has(&s->box) && (rc = hear(p, s)) < 0)
        return rc;
    if ((rc = zu_socket_catch_up(s)) < 0)
        return rc;
    if (item->events)
        item->revents = (short)(zu_socket_events(s) & item->events);
    return 0;
}

/* How many items have something, or a negative errno. Never sleeps. */
static int look(struct poll_set *p)
{
    const struct pollfd *fd = p->fds;
    int rc = look_at_fds(p), ready = 0;

    for (int i = 0; i < p->count && rc == 0; i++) {
        rc = look_at_item(p, &p->items[i], &fd);
        ready += p->items[i].revents != 0;
    }
    return rc < 0 ? rc : ready;
}

/* ---- a sleep ---- */

/* False: something waits already, and it is worth a look before any sleep. */
static bool arm(struct poll_set *p, struct zu_waiter *w)
{
    for (int i = 0; i < p->count; i++)
        if (p->items[i].socket && !zu_socket_arm(p->items[i].socket, w))
            return false;
    return true;
}

/* Harmless for a socket that was not armed, and for one that is listed twice. */
static void disarm(struct poll_set *p)
{
    for (int i = 0; i < p->count; i++)
        if (p->items[i].socket && !(p->holds && is_closed(p, i)))
            zu_socket_disarm(p->items[i].socket);
}

/* 0: look again. -ETIMEDOUT: look once more, then give up. Any other: -EINTR and its like. */
static int sleep_once(struct poll_set *p, struct zu_waiter *w, uint64_t deadline_ns)
{
    size_t count = p->fd_count + p->hands.count;
    int rc;

    if (p->hands.count)
        memcpy(p->fds + p->fd_count, p->hands.fds, p->hands.count * sizeof *p->fds);
    if (arm(p, w))
        rc = zu_waiter_wait(w, p->fds, count, deadline_ns, p->mask);
    else
        rc = zu_now_ns() < deadline_ns ? 0 : -ETIMEDOUT;
    disarm(p);
    zu_waiter_reset(w);
    return is_any_closed(p) ? -ENOTSOCK : rc;
}

static int sleep_until(struct poll_set *p, uint64_t deadline_ns)
{
    struct zu_waiter w;
    int rc, ready;

    hold(p);
    zu_waiter_init(&w);
    do {
        ready = 0;
        rc = sleep_once(p, &w, deadline_ns);
        if (rc == 0)
            zu_hands_look(&p->hands);
        if (rc == 0 || rc == -ETIMEDOUT)
            ready = look(p);
    } while (rc == 0 && ready == 0);
    zu_waiter_fini(&w);
    if (ready != 0)
        return ready;
    return rc == -ETIMEDOUT ? 0 : rc;
}

/* ---- by hand ---- */

static bool take_hands(struct poll_set *p)
{
    for (int i = 0; i < p->count; i++) {
        if (!p->items[i].socket || !(p->items[i].events & ZMQ_POLLIN))
            continue;
        zu_hands_release(p->items[i].socket);
        zu_hands_add(&p->hands, p->items[i].socket);
    }
    return zu_hands_are_of_use(&p->hands);
}

/* By who does not wait. */
static bool ask_hands(struct poll_set *p)
{
    bool any = false;

    for (int i = 0; i < p->count; i++)
        if (p->items[i].socket && p->items[i].events & ZMQ_POLLIN)
            any |= zu_hands_ask(p->items[i].socket);
    return any;
}

/* What a look finds after a spin that brings something, or 0. */
static int spin(struct poll_set *p, uint64_t deadline_ns)
{
    int ready;

    do {
        zu_hands_look(&p->hands);
        ready = look(p);
    } while (ready == 0 && zu_hands_spin(&p->hands, deadline_ns));
    return ready;
}

static int wait_by_hand(struct poll_set *p, uint64_t deadline_ns)
{
    const sigset_t *mask = p->mask;
    int ready;

    zu_hands_begin(&p->hands, mask);
    p->mask = p->hands.mask;
    ready = spin(p, deadline_ns);
    if (ready == 0)
        ready = sleep_until(p, deadline_ns);
    zu_hands_end(&p->hands);
    p->mask = mask;
    if (ready == -EMFILE || ready == -ENFILE || ready == -ENOMEM) /* it takes a descriptor */
        return sleep_until(p, deadline_ns);
    return ready;
}

/* ---- all of it ---- */

static int poll_set(struct poll_set *p, long timeout_ms)
{
    int ready;

    fill_fds(p);
    ready = look(p);
    if (ready == 0 && timeout_ms == 0 && ask_hands(p))
        ready = look(p);
    if (ready != 0 || timeout_ms == 0)
        return ready;
    if (take_hands(p))
        return wait_by_hand(p, zu_poll_deadline(timeout_ms));
    return sleep_until(p, zu_poll_deadline(timeout_ms));
}

static int poll_items(zmq_pollitem_t *items, int count, long timeout_ms, const sigset_t *mask);

/* ---- with sockets that several threads use ---- */

static bool is_same(const zmq_pollitem_t *a, const zmq_pollitem_t *b)
{
    return a->socket == b->socket && (a->socket || a->fd == b->fd);
}

/* Registers it with all that is asked of it, unless it was listed before. */
static int add_to_poller(void *poller, const zmq_pollitem_t *items, int count, int at)
{
    const zmq_pollitem_t *it = &items[at];
    int events = 0, rc = 0;

    for (int i = 0; i < count; i++)
        if (is_same(&items[i], it))
            events |= items[i].events & (ZMQ_POLLIN | ZMQ_POLLOUT | ZMQ_POLLERR | ZMQ_POLLPRI);
    if (it->socket)
        rc = zmq_poller_add(poller, it->socket, NULL, (short)events);
    else if (it->fd >= 0)
        rc = zmq_poller_add_fd(poller, it->fd, NULL, events ? (short)events : ZMQ_POLLERR);
    return rc < 0 && errno != EINVAL ? -errno : 0;
}

static void take_event(zmq_pollitem_t *items, int count, const zmq_poller_event_t *e)
{
    zmq_pollitem_t what = {.socket = e->socket, .fd = e->fd};

    for (int i = 0; i < count; i++)
        if (is_same(&items[i], &what))
            items[i].revents = (short)(e->events & (items[i].events | ZMQ_POLLERR));
}

static int wait_with_poller(void *poller, zmq_pollitem_t *items, int count, long timeout_ms)
{
    zmq_poller_event_t *events = zu_alloc((size_t)count * sizeof *events);
    int rc = events ? 0 : -ENOMEM, found = 0, ready = 0;

    for (int i = 0; i < count && rc == 0; i++) {
        items[i].revents = 0;
        rc = add_to_poller(poller, items, count, i);
    }
    if (rc == 0)
        found = zmq_poller_wait_all(poller, events, count, timeout_ms);
    if (found < 0)
        rc = errno == EAGAIN ? 0 : -errno;
    for (int i = 0; i < found; i++)
        take_event(items, count, &events[i]);
    for (int i = 0; i < count; i++)
        ready += items[i].revents != 0;
    zu_free(events);
    return rc < 0 ? rc : ready;
}

/* Such a socket cannot be asked between two calls of its other threads: a poller does it. */
static zu_cold int poll_joint(zmq_pollitem_t *items, int count, long timeout_ms,
                              const sigset_t *mask)
{
    void *poller;
    int rc;

    if (mask)
        return -EINVAL;
    if (!(poller = zmq_poller_new()))
        return -ENOMEM;
    rc = wait_with_poller(poller, items, count, timeout_ms);
    zmq_poller_destroy(&poller);
    return rc == -EFAULT ? poll_items(NULL, 0, timeout_ms, NULL) : rc; /* nothing was asked for */
}

static int poll_items(zmq_pollitem_t *items, int count, long timeout_ms, const sigset_t *mask)
{
    struct pollfd few[FEW_FDS + ZU_HANDS_MAX];
    struct poll_set p = {.items = items, .count = count, .mask = mask, .fds = few};
    int rc = check_items(items, count);

    if (rc < 0)
        return rc;
    if (zu_unlikely(rc > 0))
        return poll_joint(items, count, timeout_ms, mask);
    p.fd_count = count_fds(items, count);
    zu_hands_init(&p.hands);
    if (p.fd_count > FEW_FDS && !(p.fds = zu_alloc((p.fd_count + ZU_HANDS_MAX) * sizeof *p.fds)))
        return -ENOMEM;
    rc = poll_set(&p, timeout_ms);
    if (zu_unlikely(p.holds))
        let_go(&p);
    if (p.fds != few)
        zu_free(p.fds);
    return rc;
}

int zmq_poll(zmq_pollitem_t *items, int count, long timeout)
{
    return zu_return(poll_items(items, count, timeout, NULL));
}

int zmq_ppoll(zmq_pollitem_t *items, int count, long timeout, const sigset_t *mask)
{
    return zu_return(poll_items(items, count, timeout, mask));
}
