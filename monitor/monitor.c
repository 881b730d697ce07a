/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who raises an event puts it into the ring and goes on. From there it is passed on to the socket
 * inside by whoever comes by: the one who raised it; another who does so at that moment; or the
 * application's thread at the other end, in its own calls, when it connects, reads what was full,
 * or leaves (each of which posts a command to the socket inside, and such a post, which would wake
 * a sleeper, passes on instead). So an event needs no thread of its own, and when nobody reads, or
 * the reader is not connected yet, it waits in the ring, and once that is full the newest are lost.
 *
 * One thread passes on at a time, under `lock`, and only zu_monitor_start and the end wait for it.
 * Everybody else tries, and when he fails has said so in `asked`: who holds the lock looks at it
 * once more when he has let go. Were `asked` looked at before, an event that comes between the look
 * and the letting go would stay in the ring until the next.
 *
 * A post may come with the lock of the context held (inproc's connect). So nothing under `lock`
 * takes that of the context: the socket inside is made before, and closed after.
 */
#define ZMQ_BUILD_DRAFT_API /* what libzmq still drafts is there for everyone */
#include "monitor/monitor.h"

#include "engine/base/alloc.h"
#include "engine/base/clock.h"
#include "engine/core/joint.h"
#include "include/zuring.h"
#include "monitor/record.h"
#include "monitor/ring.h"

#include <errno.h>
#include <pthread.h>

enum {
    RING_EVENTS = 512, /* besides what the water mark of the pipe to the reader holds */
};

struct monitor {
    struct zu_observer observer; /* of the socket that is watched */
    struct zu_observer inside_observer;
    _Atomic uint32_t refs;
    _Atomic uint32_t asked;  /* how often somebody wanted events to be passed on */
    _Atomic uint64_t events; /* which ones to put into the ring; 0: nobody listens */
    struct zu_event_ring ring;
    _Atomic bool calls; /* events go to `call`, too */
    struct zu_event_ring
        to_call; /* there once it was asked for; its reader is the socket's thread */
    struct zu_cmd call_cmd;
    zmq_monitor_fn *call;
    uint32_t stale;            /* events of `to_call` that nobody wants any more, the oldest */
    struct zu_socket *watched; /* which holds the monitor */
    _Atomic uint64_t gone;     /* events that were lost behind the ring; written under `lock` */
    pthread_mutex_t lock;      /* of what follows, and of the reading side of the ring */
    struct zu_socket *inside;
    uint64_t wanted;                   /* which ones to pass on */
    uint64_t lost_before, gone_before; /* in the ring and behind it, when this one was asked for */
    uint64_t gone_inside;              /* of `gone`, what the socket inside has told so far */
    int version;
    unsigned part; /* of the oldest event, the next one to be sent */
};

static void monitor_drop(struct monitor *m)
{
    /* [M1] acq_rel, pairs with itself. */
    if (atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
        return;
    zu_event_ring_fini(&m->ring);
    if (m->to_call.slots)
        zu_event_ring_fini(&m->to_call);
    pthread_mutex_destroy(&m->lock);
    zu_free(m);
}

/* ---- an event as a message ---- */

static int init_text(struct zu_msg *out, const char *text)
{
    return zu_msg_init_copy(out, text ? text : "", text ? strlen(text) : 0);
}

static int part_v1(struct zu_msg *out, const struct zu_event *e, unsigned part)
{
    uint16_t event = (uint16_t)e->event;
    uint32_t value = (uint32_t)e->value;
    uint8_t head[sizeof event + sizeof value];

    if (part == 1)
        return init_text(out, e->bound ? e->local : e->remote);
    memcpy(head, &event, sizeof event);
    memcpy(head + sizeof event, &value, sizeof value);
    return zu_msg_init_copy(out, head, sizeof head);
}

static unsigned values_v2(const struct zu_event *e)
{
    return e->event == ZMQ_EVENT_PIPES_STATS ? 2 : 1;
}

static int part_v2(struct zu_msg *out, const struct zu_event *e, unsigned part)
{
    unsigned values = values_v2(e);
    uint64_t numbers[] = {e->event, values, e->value, e->value2};

    if (part < 2 + values)
        return zu_msg_init_copy(out, &numbers[part], sizeof numbers[part]);
    return init_text(out, part == 2 + values ? e->local : e->remote);
}

static int part_v3(struct zu_msg *out, const struct zu_event *e)
{
    int rc = zu_msg_init_size(out, sizeof(struct zuring_event));

    if (rc == 0)
        zu_event_record(zu_msg_data(out), e);
    return rc;
}

static unsigned parts_of(const struct monitor *m, const struct zu_event *e)
{
    switch (m->version) {
    case 1: return 2;
    case 2: return 4 + values_v2(e);
    default: return 1;
    }
}

static int init_part(struct zu_msg *out, const struct monitor *m, const struct zu_event *e)
{
    switch (m->version) {
    case 1: return part_v1(out, e, m->part);
    case 2: return part_v2(out, e, m->part);
    default: return part_v3(out, e);
    }
}

/* Sends what is left of the event's parts; m->part is 0 again after. -EAGAIN: not now. */
static int send_parts(struct monitor *m, const struct zu_event *e)
{
    unsigned count = parts_of(m, e);
    struct zu_msg part;
    int rc;

    for (; m->part < count; m->part++) {
        rc = init_part(&part, m, e);
        if (rc < 0)
            return rc;
        rc = zu_socket_send(m->inside, &part,
                            ZMQ_DONTWAIT | (m->part + 1 < count ? ZMQ_SNDMORE : 0));
        zu_msg_close(&part);
        if (rc < 0)
            return rc;
    }
    m->part = 0;
    return 0;
}

/* ---- passing on ---- */

static void add_gone(struct monitor *m, uint64_t count)
{
    /* Relaxed: a number that is read now and then. */
    atomic_fetch_add_explicit(&m->gone, count, memory_order_relaxed);
}

static uint64_t gone(const struct monitor *m)
{
    return atomic_load_explicit(&m->gone, memory_order_relaxed);
}

/* Behind the ring subscribers that are slow lose events, and readers that go leave some unread. */
static void count_gone(struct monitor *m)
{
    struct zu_socket *s = m->inside;
    uint64_t sum;

    if (!s)
        return;
    pthread_mutex_lock(&s->names);
    sum = s->past.lost + s->drops[ZURING_DROP_WATER_MARK];
    pthread_mutex_unlock(&s->names);
    add_gone(m, sum - m->gone_inside);
    m->gone_inside = sum;
}

/* By this monitor, up to the event of which the ring says that `lost` were lost before it. */
static uint64_t lost_up_to(const struct monitor *m, uint64_t lost)
{
    return lost - ZU_MIN(lost, m->lost_before) + gone(m) - m->gone_before;
}

static void pass_on(struct monitor *m)
{
    struct zu_event e;

    for (count_gone(m); zu_event_ring_peek(&m->ring, &e); count_gone(m)) {
        bool wanted = m->inside && m->wanted & e.event;

        e.lost = lost_up_to(m, e.lost);
        if (wanted && send_parts(m, &e) < 0)
            return;
        zu_event_ring_drop(&m->ring);
    }
}

/* What there was no reader for to the end. */
static void give_up(struct monitor *m)
{
    struct zu_event e;

    for (; zu_event_ring_peek(&m->ring, &e); zu_event_ring_drop(&m->ring))
        add_gone(m, (m->wanted & e.event) != 0);
}

/* The lock is held. */
static void pass_on_all(struct monitor *m)
{
    if (!m->inside) {
        pass_on(m);
        return;
    }
    do {
        zu_mailbox_run(&m->inside->box);
        pass_on(m);
    } while (!zu_mailbox_sleep(&m->inside->box));
}

static void ask(struct monitor *m)
{
    uint32_t seen;

    /* [M2] seq_cst, pairs with [M3]: whoever holds the lock sees this once it has let go, or we
     * find the lock free. */
    atomic_fetch_add_explicit(&m->asked, 1, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst);
    while (pthread_mutex_trylock(&m->lock) == 0) {
        /* Relaxed: an older number only means to go round again. */
        seen = atomic_load_explicit(&m->asked, memory_order_relaxed);
        pass_on_all(m);
        pthread_mutex_unlock(&m->lock);
        /* [M3] seq_cst, pairs with [M2]. */
        atomic_thread_fence(memory_order_seq_cst);
        if (atomic_load_explicit(&m->asked, memory_order_seq_cst) == seen)
            return;
    }
}

static void on_event(struct zu_observer *o, const struct zu_event *e)
{
    struct monitor *m = zu_container_of(o, struct monitor, observer);

    /* [M5] acquire, pairs with [M6]: the ring is there. */
    if (atomic_load_explicit(&m->calls, memory_order_acquire) && zu_event_ring_put(&m->to_call, e))
        zu_mailbox_post(&m->watched->box, &m->call_cmd);
    /* Relaxed: what is put in by mistake while this changes is left out when it is passed on. */
    if (atomic_load_explicit(&m->events, memory_order_relaxed) & e->event &&
        zu_event_ring_put(&m->ring, e))
        ask(m);
}

static void call_with(struct monitor *m, const struct zu_event *e)
{
    struct zu_socket *s = m->watched;
    zmq_monitor_fn *call = m->call; /* another thread may take it away meanwhile */
    struct zuring_event record;
    const char *addr = e->bound ? e->local : e->remote;
    zmq_event_data_t data = {.any = {.addr = (char *)(uintptr_t)(addr ? addr : ""),
                                     .value = (int)e->value,
                                     .record = &record}};

    zu_event_record(&record, e);
    zu_socket_begin_busy(s);
    call(s, (int)e->event, &data);
    zu_socket_end_busy(s);
}

/* On the socket's thread, inside a call. */
static void call_with_all(struct monitor *m)
{
    struct zu_event e;

    /* No more than what can be there, so that it comes to an end. */
    for (unsigned n = RING_EVENTS; n > 0 && zu_event_ring_peek(&m->to_call, &e); n--) {
        if (m->call && m->stale == 0)
            call_with(m, &e);
        m->stale -= m->stale > 0;
        zu_event_ring_drop(&m->to_call);
    }
    if (zu_event_ring_peek(&m->to_call, &e))
        zu_mailbox_post(&m->watched->box, &m->call_cmd);
}

static struct monitor *monitor_of(struct zu_socket *s);

static void call_due(struct zu_socket *s)
{
    call_with_all(monitor_of(s));
}

/* A joint socket's are not called from within its mailbox, but at the end of the call, when its
 * lock can be let go meanwhile. */
static void run_calls(struct zu_cmd *cmd)
{
    struct monitor *m = zu_container_of(cmd, struct monitor, call_cmd);

    if (m->watched->joint && !m->watched->closing)
        m->watched->due = call_due;
    else
        call_with_all(m);
}

/* Something was posted to the socket inside: by the thread of whoever is at the other end. */
static void on_post(struct zu_mailbox *box)
{
    struct zu_socket *inside = zu_container_of(box, struct zu_socket, box);
    struct zu_observer *o = atomic_load_explicit(&inside->observer, memory_order_relaxed);

    ask(zu_container_of(o, struct monitor, inside_observer));
}

/* ---- the socket inside ---- */

static int make_inside(struct zu_socket **out, struct monitor *m, struct zu_ctx *ctx,
                       const struct zu_monitor_terms *terms)
{
    int linger = 0, rc = zu_socket_new(out, ctx, zu_ctx_pattern(ctx, terms->type));

    if (rc < 0)
        return rc;
    /* Relaxed, both: whom else it concerns finds it by its name, or by its pipe. */
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    atomic_store_explicit(&(*out)->observer, &m->inside_observer, memory_order_relaxed);
    (*out)->box.wake = on_post;
    rc = zu_socket_set(*out, ZMQ_LINGER, &linger, sizeof linger);
    if (rc == 0)
        rc = zu_socket_bind(*out, terms->endpoint);
    if (rc < 0)
        zu_socket_close(*out);
    return rc;
}

/* What is left, however much the reader has unread, and the last word. The lock is held. */
static void say_farewell(struct monitor *m)
{
    struct zu_event stopped = {.event = ZMQ_EVENT_MONITOR_STOPPED, .time_ns = zu_now_ns()};

    zu_mailbox_run(&m->inside->box);
    zu_list_each(it, &m->inside->pipes)
        zu_pipe_set_hwms(zu_container_of(it, struct zu_pipe, all), 0, 0);
    pass_on(m);
    give_up(m);
    stopped.lost = lost_up_to(m, zu_event_ring_lost(&m->ring));
    if (m->wanted & ZMQ_EVENT_MONITOR_STOPPED && m->part == 0)
        send_parts(m, &stopped);
    m->part = 0;
}

static void stop(struct monitor *m)
{
    struct zu_socket *inside;

    /* Relaxed: see on_event. */
    atomic_store_explicit(&m->events, 0, memory_order_relaxed);
    pthread_mutex_lock(&m->lock);
    inside = m->inside;
    if (inside)
        say_farewell(m);
    m->inside = NULL;
    pthread_mutex_unlock(&m->lock);
    if (inside)
        zu_socket_close(inside);
    ask(m);
}

static void on_end(struct zu_observer *o)
{
    stop(zu_container_of(o, struct monitor, observer));
}

static void on_release(struct zu_observer *o)
{
    monitor_drop(zu_container_of(o, struct monitor, observer));
}

static uint64_t on_lost(struct zu_observer *o)
{
    struct monitor *m = zu_container_of(o, struct monitor, observer);

    uint64_t lost = zu_event_ring_lost(&m->ring) + gone(m) + zu_event_ring_lost(&m->to_call);

    /* What waits for a function whose socket is closed waits in vain. */
    return lost + (zu_mailbox_is_closed(&m->watched->box) ? zu_event_ring_used(&m->to_call) : 0);
}

/* Nobody watches the watcher. But what a reader has left may be known only after its last post. */
static void on_event_inside(struct zu_observer *o, const struct zu_event *e)
{
    if (e->event == ZURING_EVENT_DROPPED && e->value2 == ZURING_DROP_LOST)
        ask(zu_container_of(o, struct monitor, inside_observer));
}

static void on_release_inside(struct zu_observer *o)
{
    monitor_drop(zu_container_of(o, struct monitor, inside_observer));
}

static int monitor_new(struct monitor **out, struct zu_socket *watched)
{
    struct monitor *m = zu_alloc_zero(sizeof *m);

    if (!m)
        return -ENOMEM;
    if (zu_event_ring_init(&m->ring, RING_EVENTS) < 0) {
        zu_free(m);
        return -ENOMEM;
    }
    m->observer = (struct zu_observer){
        .event = on_event, .ended = on_end, .lost = on_lost, .released = on_release};
    m->inside_observer =
        (struct zu_observer){.event = on_event_inside, .released = on_release_inside};
    m->watched = watched;
    m->call_cmd.run = run_calls;
    atomic_init(&m->refs, 1);
    pthread_mutex_init(&m->lock, NULL);
    *out = m;
    return 0;
}

static struct monitor *monitor_of(struct zu_socket *s)
{
    /* Relaxed: set by this thread, or by the one that used the socket before it. */
    struct zu_observer *o = atomic_load_explicit(&s->observer, memory_order_relaxed);

    return o ? zu_container_of(o, struct monitor, observer) : NULL;
}

/* The socket's; a new one if it has none. -ENOMEM. */
static int monitor_for(struct monitor **out, struct zu_socket *s)
{
    int rc = 0;

    *out = monitor_of(s);
    if (!*out && (rc = monitor_new(out, s)) == 0)
        /* [M4] release, pairs with the acquire in zu_socket_observe. */
        atomic_store_explicit(&s->observer, &(*out)->observer, memory_order_release);
    return rc;
}

static int check(const struct zu_monitor_terms *terms)
{
    const char *colon = strstr(terms->endpoint, "://");

    if (terms->type != ZMQ_PAIR && terms->type != ZMQ_PUB && terms->type != ZMQ_PUSH)
        return -EINVAL;
    if (!colon || colon == terms->endpoint || !colon[3])
        return -EINVAL;
    return strncmp(terms->endpoint, "inproc://", 9) == 0 ? 0 : -EPROTONOSUPPORT;
}

int zu_monitor_start(struct zu_socket *s, const struct zu_monitor_terms *terms)
{
    struct monitor *m;
    struct zu_socket *inside;
    int rc = check(terms);

    if (rc < 0 || (rc = monitor_for(&m, s)) < 0)
        return rc;
    stop(m);
    rc = make_inside(&inside, m, s->ctx, terms);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&m->lock);
    pass_on_all(m); /* what came too late for the one before */
    m->inside = inside;
    m->version = terms->version;
    m->wanted = terms->version >= 1 && terms->version <= ZURING_EVENT_VERSION ? terms->events : 0;
    m->lost_before = zu_event_ring_lost(&m->ring);
    m->gone_before = gone(m);
    m->gone_inside = 0;
    atomic_store_explicit(&m->events, m->wanted, memory_order_relaxed);
    pthread_mutex_unlock(&m->lock);
    ask(m);
    return 0;
}

void zu_monitor_stop(struct zu_socket *s)
{
    struct monitor *m = monitor_of(s);

    if (m)
        stop(m);
}

int zu_monitor_pipes_stats(struct zu_socket *s)
{
    struct monitor *m = monitor_of(s);

    if (!m || !(atomic_load_explicit(&m->events, memory_order_relaxed) & ZMQ_EVENT_PIPES_STATS))
        return -EINVAL;
    if (zu_list_empty(&s->pipes))
        return -EAGAIN;
    pthread_mutex_lock(&s->names); /* none of them is told anew meanwhile */
    zu_list_each(it, &s->pipes)
    {
        struct zu_pipe *p = zu_container_of(it, struct zu_pipe, all);
        struct zu_event e = {.event = ZMQ_EVENT_PIPES_STATS,
                             .local = p->local_name,
                             .remote = p->peer_name,
                             .bound = !p->dialed,
                             .connection = p->connection};

        zu_pipe_depths(p, &e.value, &e.value2);
        zu_event_ring_put(&m->ring, &e);
    }
    pthread_mutex_unlock(&s->names);
    ask(m);
    return 0;
}

/* Another thread may be calling the function before, and is not done with the oldest event. */
static void forget_calls(struct monitor *m)
{
    struct zu_event e;

    if (zu_joint_is_calling(m->watched)) {
        m->stale = zu_event_ring_used(&m->to_call);
        return;
    }
    while (zu_event_ring_peek(&m->to_call, &e))
        zu_event_ring_drop(&m->to_call);
}

int zu_monitor_call(struct zu_socket *s, zmq_monitor_fn *call)
{
    struct monitor *m = monitor_of(s);
    int rc;

    if (!call && !m)
        return 0;
    rc = monitor_for(&m, s);
    if (rc == 0 && call && !m->to_call.slots)
        rc = zu_event_ring_init(&m->to_call, RING_EVENTS);
    if (rc < 0)
        return rc;
    if (!m->call && m->to_call.slots) /* what was put in by mistake, while nobody wanted it */
        forget_calls(m);
    m->call = call;
    s->calls |= call != NULL;
    /* [M6] release, pairs with [M5]. */
    atomic_store_explicit(&m->calls, call != NULL, memory_order_release);
    return 0;
}
