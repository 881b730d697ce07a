/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_poller: waits on sockets and descriptors that stay registered, so that a wait costs what is
 * ready. Each socket has a tripwire of ours (engine/core/tripwire.h). The sockets whose tripwire is
 * broken, and those that had something when we last looked, are *hot*: only they are looked at, in
 * the order in which all were registered; one that has nothing gets its tripwire laid again and is
 * cold. Descriptors are the kernel's to watch, by ppoll, all of them each time.
 *
 * Why no wake is lost. A round is: forget the wake, run our mailbox (which makes hot what was
 * touched), look at the hot ones and lay their tripwires, sleep. A touch after the mailbox was run
 * is in it, and the mailbox then refuses to sleep; a later one wakes the waiter.
 *
 * By hand. A poller of few sockets takes their intakes while it waits, as zmq_poll does. What comes
 * is written into a pipe as ever, and so touches; a wait that ends gives all back.
 *
 * To look at a socket runs what was posted to it, and so its ZMQ_MONITOR function, which may try to
 * use the poller. What it would change is being gone through, so meanwhile all is refused.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/api/poll.h"
#include "engine/base/alloc.h"
#include "engine/base/err.h"
#include "engine/base/map.h"
#include "engine/core/by_hand.h"
#include "engine/core/joint.h"
#include "engine/core/tripwire.h"

#include <stdlib.h>
#include <string.h>

#define POLLER_TAG 0x7a752d70u /* "zu-p" */

#define HANDS_FDS  16 /* descriptors beside which it waits by hand */
#define EVENTS_ALL (ZMQ_POLLIN | ZMQ_POLLOUT | ZMQ_POLLERR | ZMQ_POLLPRI)

struct poller;

struct item {
    struct zu_tripwire wire;
    struct poller *in;
    void *handle; /* as it was registered; the socket may be closed since */
    void *user_data;
    uint64_t order; /* of registration */
    short events;
    bool hot; /* it is in poller.hot */
};

struct fd_item {
    void *user_data;
    uint64_t order;
    int fd;
};

struct poller {
    uint32_t tag;
    struct zu_mailbox box; /* what tripwires post to */
    struct zu_waiter waiter;
    uint64_t last_order;
    struct zu_map by_handle;
    size_t count, waited_for; /* sockets; those with events, descriptors included */
    struct item **hot;        /* in order but for the last ones; there is room for all */
    size_t hot_count, hot_room;
    bool unsorted;
    bool looking;       /* at its sockets: see the head of this file */
    bool lost_one;      /* a socket is registered no more */
    bool had_joint;     /* a joint socket was registered: zmq_poller_fd may be asked for */
    bool has_fd;        /* it was */
    struct pollfd *fds; /* in order; one without events has a descriptor that is none */
    struct fd_item *fd_items;
    size_t fd_count, fd_room;
};

/* 0; -EFAULT: it is none; -EFSM: its waiting thread calls, from within a ZMQ_MONITOR function. */
static int check(const struct poller *p)
{
    if (!p || p->tag != POLLER_TAG)
        return -EFAULT;
    return p->looking ? -EFSM : 0;
}

/* ---- hot and cold ---- */

static void make_hot(struct item *item)
{
    struct poller *p = item->in;

    if (item->hot || item->events == 0)
        return;
    if (p->hot_count > 0 && p->hot[p->hot_count - 1]->order > item->order)
        p->unsorted = true;
    p->hot[p->hot_count++] = item;
    item->hot = true;
}

static void make_cold(struct item *item)
{
    struct poller *p = item->in;

    for (size_t i = 0; item->hot && i < p->hot_count; i++) {
        if (p->hot[i] == item) {
            memmove(&p->hot[i], &p->hot[i + 1], (--p->hot_count - i) * sizeof(struct item *));
            item->hot = false;
        }
    }
}

static void free_item(struct item *item)
{
    struct poller *p = item->in;

    make_cold(item);
    p->lost_one = true;
    p->waited_for -= item->events != 0;
    p->count--;
    zu_map_take(&p->by_handle, &item->handle, sizeof item->handle);
    zu_free(item);
}

static void on_touched(struct zu_cmd *cmd)
{
    struct zu_tripwire *t = zu_container_of(cmd, struct zu_tripwire, touched);
    struct item *item = zu_container_of(t, struct item, wire);

    if (t->socket)
        make_hot(item);
    else
        free_item(item); /* its socket was closed */
}

static void on_wake(struct zu_mailbox *box)
{
    zu_waiter_wake(&zu_container_of(box, struct poller, box)->waiter);
}

static int by_order(const void *a, const void *b)
{
    const struct item *const *x = a, *const *y = b;

    return (*x)->order < (*y)->order ? -1 : (*x)->order > (*y)->order;
}

/*
 * Before a call returns: has the descriptor that the user polls be readable exactly while something
 * is to be looked at.
 */
static void rest(struct poller *p)
{
    if (zu_likely(!p->has_fd))
        return;
    zu_waiter_reset(&p->waiter);
    if (p->hot_count > 0 || !zu_mailbox_sleep(&p->box))
        zu_waiter_wake(&p->waiter);
}

/* ---- life ---- */

void *zmq_poller_new(void)
{
    struct poller *p = zu_alloc_zero(sizeof *p);

    if (!p) {
        errno = ENOMEM;
        return NULL;
    }
    p->tag = POLLER_TAG;
    zu_mailbox_init(&p->box, on_wake);
    zu_waiter_init(&p->waiter);
    zu_map_init(&p->by_handle);
    return p;
}

static void end_wire(void *arg, const void *key, size_t size, void *value)
{
    struct item *item = value;

    (void)arg, (void)key, (void)size;
    zu_tripwire_end(&item->wire);
    zu_mailbox_post(&item->in->box, &item->wire.touched);
}

static void check_item(void *arg, const void *key, size_t size, void *value)
{
    const struct item *item = value;
    int *rc = arg;

    (void)key, (void)size;
    if (item->wire.socket && zu_joint_check(item->wire.socket) == -EFSM)
        *rc = -EFSM;
}

int zmq_poller_destroy(void **poller_p)
{
    struct poller *p = poller_p ? *poller_p : NULL;
    int rc = check(p);

    if (rc == 0)
        zu_map_each(&p->by_handle, check_item, &rc);
    if (rc < 0)
        return zu_return(rc);
    *poller_p = NULL;
    p->tag = 0;
    zu_map_each(&p->by_handle, end_wire, NULL);
    p->hot_count = 0;
    zu_mailbox_close(&p->box); /* frees the items */
    zu_waiter_fini(&p->waiter);
    zu_map_fini(&p->by_handle);
    zu_free(p->hot);
    zu_free(p->fds);
    zu_free(p->fd_items);
    zu_free(p);
    return 0;
}

int zmq_poller_size(void *poller)
{
    struct poller *p = poller;
    int rc = check(p);

    if (rc < 0)
        return zu_return(rc);
    zu_mailbox_run(&p->box);
    rest(p);
    return (int)(p->count + p->fd_count);
}

/* ---- sockets ---- */

static struct item *find(const struct poller *p, void *socket)
{
    return zu_map_get(&p->by_handle, &socket, sizeof socket);
}

static int check_change(struct poller *p, void *socket)
{
    int rc = check(p);

    if (rc == 0)
        rc = zu_joint_check(socket);
    if (rc == 0 && zu_ctx_inherited(((struct zu_socket *)socket)->ctx))
        rc = -ETERM;
    if (rc == 0)
        zu_mailbox_run(&p->box); /* a closed socket's item may have the same address */
    return rc;
}

/* So that making one hot needs no memory. */
static int make_room(struct poller *p)
{
    size_t room = p->hot_room ? 2 * p->hot_room : 16;
    struct item **hot;

    if (p->count < p->hot_room)
        return 0;
    if (!(hot = zu_realloc(p->hot, room * sizeof(struct item *))))
        return -ENOMEM;
    p->hot = hot;
    p->hot_room = room;
    return 0;
}

static int add(struct poller *p, void *socket, void *user_data, short events)
{
    struct item *item;
    int rc = make_room(p);

    if (rc < 0)
        return rc;
    if (!(item = zu_alloc_zero(sizeof *item)))
        return -ENOMEM;
    rc = zu_map_put(&p->by_handle, &socket, sizeof socket, item);
    if (rc < 0) {
        zu_free(item);
        return rc == -EEXIST ? -EINVAL : rc;
    }
    item->in = p;
    item->handle = socket;
    item->user_data = user_data;
    item->events = events;
    item->order = ++p->last_order;
    item->wire.box = &p->box;
    item->wire.touched.run = on_touched;
    p->count++;
    p->waited_for += events != 0;
    p->had_joint |= zu_joint_is(socket);
    zu_tripwire_begin(&item->wire, socket);
    return 0;
}

int zmq_poller_add(void *poller, void *socket, void *user_data, short events)
{
    struct poller *p = poller;
    int rc = check_change(p, socket);

    if (rc == 0 && events & ~EVENTS_ALL)
        rc = -EINVAL;
    if (rc == 0) {
        rc = add(p, socket, user_data, events);
        rest(p);
    }
    return zu_return(rc);
}

int zmq_poller_modify(void *poller, void *socket, short events)
{
    struct poller *p = poller;
    int rc = check_change(p, socket);
    struct item *item = rc == 0 ? find(p, socket) : NULL;

    if (rc == 0 && (!item || events & ~EVENTS_ALL))
        rc = -EINVAL;
    if (rc < 0)
        return zu_return(rc);
    p->waited_for += (events != 0) - (item->events != 0);
    item->events = events;
    if (events)
        make_hot(item);
    else
        make_cold(item);
    rest(p);
    return 0;
}

int zmq_poller_remove(void *poller, void *socket)
{
    struct poller *p = poller;
    int rc = check_change(p, socket);
    struct item *item = rc == 0 ? find(p, socket) : NULL;

    if (!item)
        return zu_return(rc < 0 ? rc : -EINVAL);
    zu_tripwire_end(&item->wire);
    zu_mailbox_post(&p->box, &item->wire.touched);
    zu_mailbox_run(&p->box); /* frees it */
    rest(p);
    return 0;
}

/* ---- descriptors ---- */

/* Where it is; p->fd_count: nowhere. */
static size_t find_fd(const struct poller *p, int fd)
{
    size_t i = 0;

    while (i < p->fd_count && p->fd_items[i].fd != fd)
        i++;
    return i;
}

static int check_fd(const struct poller *p, int fd)
{
    int rc = check(p);

    return rc == 0 && fd < 0 ? -EBADF : rc;
}

static int make_fd_room(struct poller *p)
{
    size_t room = p->fd_room ? 2 * p->fd_room : 16;
    struct pollfd *fds;
    struct fd_item *items;

    if (p->fd_count < p->fd_room)
        return 0;
    if (!(fds = zu_realloc(p->fds, room * sizeof *fds)))
        return -ENOMEM;
    p->fds = fds;
    if (!(items = zu_realloc(p->fd_items, room * sizeof *items)))
        return -ENOMEM;
    p->fd_items = items;
    p->fd_room = room;
    return 0;
}

static void set_fd_events(struct poller *p, size_t i, short events)
{
    p->fds[i].fd = events ? p->fd_items[i].fd : -1;
    p->fds[i].events = zu_poll_to_kernel(events);
    p->fds[i].revents = 0;
}

int zmq_poller_add_fd(void *poller, zmq_fd_t fd, void *user_data, short events)
{
    struct poller *p = poller;
    int rc = check_fd(p, fd);

    if (rc == 0 && (events & ~EVENTS_ALL || find_fd(p, fd) < p->fd_count))
        rc = -EINVAL;
    if (rc < 0 || (rc = make_fd_room(p)) < 0)
        return zu_return(rc);
    p->fd_items[p->fd_count] = (struct fd_item){user_data, ++p->last_order, fd};
    set_fd_events(p, p->fd_count++, events);
    p->waited_for += events != 0;
    return 0;
}

int zmq_poller_modify_fd(void *poller, zmq_fd_t fd, short events)
{
    struct poller *p = poller;
    int rc = check_fd(p, fd);
    size_t i = rc == 0 ? find_fd(p, fd) : 0;

    if (rc == 0 && (events & ~EVENTS_ALL || i == p->fd_count))
        rc = -EINVAL;
    if (rc < 0)
        return zu_return(rc);
    p->waited_for += (size_t)(events != 0) - (p->fds[i].fd >= 0);
    set_fd_events(p, i, events);
    return 0;
}

int zmq_poller_remove_fd(void *poller, zmq_fd_t fd)
{
    struct poller *p = poller;
    int rc = check_fd(p, fd);
    size_t i = rc == 0 ? find_fd(p, fd) : 0, behind;

    if (rc == 0 && i == p->fd_count)
        rc = -EINVAL;
    if (rc < 0)
        return zu_return(rc);
    p->waited_for -= p->fds[i].fd >= 0;
    behind = --p->fd_count - i;
    memmove(&p->fds[i], &p->fds[i + 1], behind * sizeof *p->fds);
    memmove(&p->fd_items[i], &p->fd_items[i + 1], behind * sizeof *p->fd_items);
    return 0;
}

/* ---- waiting ---- */

struct found {
    zmq_poller_event_t *events;
    int count, room;
    bool again;             /* a socket was posted to while we looked: no time to sleep */
    struct zu_hands *hands; /* what we wait with, or NULL */
};

static void tell(struct found *f, void *socket, int fd, void *user_data, short events)
{
    zmq_poller_event_t *e = &f->events[f->count++];

    memset(e, 0, sizeof *e);
    e->socket = socket;
    e->fd = fd;
    e->user_data = user_data;
    e->events = events;
}

/* True: it stays hot. */
static bool look_at(struct item *item, struct found *f, int *rc)
{
    const struct zu_socket *s = item->wire.socket;
    int events;

    /* What is run may be a function of the user's, and take long. */
    if (f->hands && zu_hands_have_begun(f->hands) && s && (s->joint || s->calls) &&
        zu_mailbox_has(&s->box))
        zu_hands_end(f->hands);
    events = zu_tripwire_look(&item->wire, item->events);

    item->hot = events != 0;
    if (events == -EAGAIN)
        f->again = true;
    else if (events < 0)
        *rc = events;
    else if (events > 0)
        tell(f, item->handle, -1, item->user_data, (short)events);
    return item->hot;
}

static int look_at_fds(struct poller *p)
{
    static const struct timespec at_once = {0, 0};

    if (p->fd_count == 0)
        return 0;
    return ppoll(p->fds, p->fd_count, &at_once, NULL) < 0 ? -errno : 0;
}

/* Descriptors that have something, of those registered before `order`. */
static size_t tell_fds(struct poller *p, struct found *f, size_t i, uint64_t order)
{
    for (; i < p->fd_count && p->fd_items[i].order < order && f->count < f->room; i++)
        if (p->fds[i].revents)
            tell(f, NULL, p->fd_items[i].fd, p->fd_items[i].user_data,
                 zu_poll_from_kernel(p->fds[i].revents));
    return i;
}

static int look(struct poller *p, struct found *f)
{
    size_t seen = 0, kept = 0, fd = 0;
    int rc = look_at_fds(p);

    if (p->unsorted)
        qsort(p->hot, p->hot_count, sizeof(struct item *), by_order);
    p->unsorted = false;
    p->looking = true;
    while (rc == 0 && seen < p->hot_count) {
        struct item *item = p->hot[seen];

        fd = tell_fds(p, f, fd, item->order);
        if (f->count == f->room)
            break;
        p->hot[kept] = item;
        kept += look_at(item, f, &rc);
        seen++;
    }
    p->looking = false;
    if (kept < seen)
        memmove(&p->hot[kept], &p->hot[seen], (p->hot_count - seen) * sizeof(struct item *));
    p->hot_count -= seen - kept;
    if (rc == 0)
        tell_fds(p, f, fd, UINT64_MAX);
    return rc;
}

/* What there is now: how many events, or a negative errno. Never sleeps. */
static int find_events(struct poller *p, struct found *f)
{
    int rc;

    zu_mailbox_run(&p->box);
    f->again = false;
    rc = look(p, f);
    return rc < 0 ? rc : f->count;
}

/* `h`: what is in our hands, or NULL. */
static int wait_for_wake(struct poller *p, struct zu_hands *h, uint64_t deadline_ns)
{
    struct pollfd fds[HANDS_FDS + ZU_HANDS_MAX];

    if (!h)
        return zu_waiter_wait(&p->waiter, p->fds, p->fd_count, deadline_ns, NULL);
    if (p->fd_count)
        memcpy(fds, p->fds, p->fd_count * sizeof *fds);
    memcpy(fds + p->fd_count, h->fds, h->count * sizeof *fds);
    return zu_waiter_wait(&p->waiter, fds, p->fd_count + h->count, deadline_ns, h->mask);
}

/* 0: look again. -ETIMEDOUT: look once more, then give up. Any other: -EINTR and its like. */
static int sleep_once(struct poller *p, const struct found *f, struct zu_hands *h,
                      uint64_t deadline_ns)
{
    int rc;

    if (f->again || !zu_mailbox_sleep(&p->box))
        return zu_now_ns() < deadline_ns ? 0 : -ETIMEDOUT;
    rc = wait_for_wake(p, h, deadline_ns);
    zu_mailbox_awake(&p->box);
    zu_waiter_reset(&p->waiter);
    return rc;
}

/* Since something was taken in hand. A ZMQ_MONITOR function may close sockets while we look. */
static bool has_lost_one(struct poller *p, struct found *f)
{
    zu_mailbox_run(&p->box);
    f->again |= p->hot_count > 0; /* what that made hot is still to be looked at */
    return p->lost_one;
}

/* 0: what is in our hands has to go first. */
static int sleep_until(struct poller *p, struct found *f, struct zu_hands *h, uint64_t deadline_ns)
{
    int slept, rc;

    do {
        slept = sleep_once(p, f, h, deadline_ns);
        if (slept < 0 && slept != -ETIMEDOUT)
            return slept;
        if (h && slept == 0)
            zu_hands_look(h);
        rc = find_events(p, f);
    } while (rc == 0 && slept == 0 && !(h && has_lost_one(p, f)));
    return rc == 0 && slept < 0 ? -EAGAIN : rc;
}

/* ---- by hand ---- */

/* Not with many sockets: a wait is to cost what is ready. Nor where the user waits by himself. */
static bool has_hands(const struct poller *p, const struct found *f)
{
    return p->count <= ZU_HANDS_MAX && p->fd_count <= HANDS_FDS && f->room > 0 && !p->has_fd;
}

/* The item's socket, if what it awaits may be received by hand, and the lock of a joint one; else
 * NULL: so for one whose function has called us. */
static struct zu_socket *begin_hands(const struct item *item)
{
    struct zu_socket *s = item->wire.socket;

    if (!s || !(item->events & ZMQ_POLLIN) || zu_socket_enter(s) < 0)
        return NULL;
    if (!zu_ctx_inherited(s->ctx)) /* a joint one would not have let us in */
        return s;
    return NULL;
}

static void end_hands(struct zu_socket *s)
{
    if (s->joint)
        zu_joint_leave(s);
}

/* In the order in which they were registered. */
struct few {
    struct item *items[ZU_HANDS_MAX];
    size_t count;
};

static void list_item(void *arg, const void *key, size_t size, void *value)
{
    struct few *few = arg;

    (void)key, (void)size;
    few->items[few->count++] = value;
}

/* None where nothing may be received by hand. */
static void list_items(struct poller *p, const struct found *f, struct few *few)
{
    few->count = 0;
    if (!has_hands(p, f))
        return;
    zu_map_each(&p->by_handle, list_item, few);
    qsort(few->items, few->count, sizeof *few->items, by_order);
}

static bool take_hands(struct poller *p, const struct found *f, struct zu_hands *h)
{
    struct zu_socket *s;
    struct few few;

    zu_hands_init(h);
    p->lost_one = false;
    list_items(p, f, &few);
    for (size_t i = 0; i < few.count; i++) {
        if (!(s = begin_hands(few.items[i])))
            continue;
        zu_hands_release(s);
        zu_hands_add(h, s);
        end_hands(s);
    }
    return zu_hands_are_of_use(h);
}

/* By who does not wait. */
static bool ask_hands(struct poller *p, const struct found *f)
{
    struct zu_socket *s;
    struct few few;
    bool any = false;

    list_items(p, f, &few);
    for (size_t i = 0; i < few.count; i++) {
        if (!(s = begin_hands(few.items[i])))
            continue;
        any |= zu_hands_ask(s);
        end_hands(s);
    }
    return any;
}

static int wait_by_hand(struct poller *p, struct found *f, struct zu_hands *h, uint64_t deadline_ns)
{
    int rc;

    zu_hands_begin(h, NULL);
    f->hands = h;
    do {
        zu_hands_look(h);
        rc = find_events(p, f);
    } while (rc == 0 && !has_lost_one(p, f) && zu_hands_spin(h, deadline_ns));
    if (rc == 0 && !p->lost_one)
        rc = sleep_until(p, f, h, deadline_ns);
    if (has_lost_one(p, f))
        h->first = NULL;
    zu_hands_end(h);
    f->hands = NULL;
    if (rc == 0 || rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM) /* it takes a descriptor */
        return sleep_until(p, f, NULL, deadline_ns);
    return rc;
}

/* ---- all of it ---- */

static int wait_all(struct poller *p, struct found *f, long timeout_ms)
{
    uint64_t deadline_ns = timeout_ms ? zu_poll_deadline(timeout_ms) : 0;
    int rc = find_events(p, f);
    struct zu_hands h;

    if (rc == 0 && timeout_ms == 0 && ask_hands(p, f))
        rc = find_events(p, f);
    if (rc != 0 || timeout_ms == 0)
        return rc ? rc : -EAGAIN;
    if (take_hands(p, f, &h))
        return wait_by_hand(p, f, &h, deadline_ns);
    return sleep_until(p, f, NULL, deadline_ns);
}

static void clear(zmq_poller_event_t *events, int from, int to)
{
    for (int i = from; i < to; i++) {
        memset(&events[i], 0, sizeof events[i]);
        events[i].fd = -1;
    }
}

int zmq_poller_wait_all(void *poller, zmq_poller_event_t *events, int count, long timeout)
{
    struct poller *p = poller;
    struct found f = {.events = events, .room = count};
    int rc = check(p);

    if (rc == 0 && !events && count != 0)
        rc = -EFAULT;
    else if (rc == 0 && count < 0)
        rc = -EINVAL;
    if (rc < 0)
        return zu_return(rc);
    zu_mailbox_run(&p->box);
    if (timeout < 0 && (p->waited_for == 0 || count == 0))
        return zu_return(-EFAULT); /* it would never end */
    rc = wait_all(p, &f, timeout);
    rest(p);
    clear(events, rc > 0 ? rc : 0, count);
    return zu_return(rc);
}

int zmq_poller_wait(void *poller, zmq_poller_event_t *event, long timeout)
{
    int rc;

    if (!event)
        return zu_return(-EFAULT);
    rc = zmq_poller_wait_all(poller, event, 1, timeout);
    return rc < 0 ? rc : 0;
}

int zmq_poller_fd(void *poller, zmq_fd_t *fd)
{
    struct poller *p = poller;
    int rc = check(p);

    if (rc == 0 && !fd)
        rc = -EFAULT;
    if (rc < 0)
        return zu_return(rc);
    if (!p->had_joint)
        return zu_return(-EINVAL); /* other sockets have a ZMQ_FD */
    rc = zu_waiter_make_fd(&p->waiter);
    if (rc == 0) {
        p->has_fd = true;
        zu_mailbox_run(&p->box);
        rest(p);
        *fd = p->waiter.fd;
    }
    return zu_return(rc);
}
