/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socket: what a zmq_socket handle points at: options, endpoints, pipes, a mailbox, and one pattern
 * inside that decides where messages go. This is the part that patterns, transports and the api
 * see. Thread: one at a time, the one inside a call on it; commands reach it by its mailbox. Owner:
 * counted: the application until zmq_close, and every pipe end and listener that posts to it.
 */
#ifndef ZU_CORE_SOCKET_H
#define ZU_CORE_SOCKET_H

#include "engine/core/ctx.h"
#include "engine/core/observer.h"
#include "engine/core/options.h"
#include "engine/core/pattern.h"
#include "engine/core/transport.h"
#include "engine/core/waiter.h"
#include "include/zuring.h"

#include <errno.h>
#include <pthread.h>

#define ZU_SOCKET_TAG       0x7a752d73u /* "zu-s": what a valid handle starts with */
#define ZU_SOCKET_JOINT_TAG 0x7a752d6au /* "zu-j": the same of one that threads share: joint.h */
#define ZU_SOCKET_BUSY_TAG  0x7a752d62u /* "zu-b": of the first kind while it is busy: joint.h */

#define ZU_DROPS (ZURING_DROP_UNEXPECTED + 1) /* reasons, and 0 */

/* Counts that closed messages had on a connection's properties, and on the slab they lay in, to be
 * dropped together. */
#define ZU_SPENT_MAX   1024
#define ZU_SPENT_SHIFT 58 /* of a hash that tells connections apart */
struct zu_spent {
    struct zu_props *props; /* or NULL */
    uint32_t count;
    struct zu_tally bodies;
};

/* Sums over pipes: see struct zuring_socket_stats. */
struct zu_socket_past {
    uint64_t sent, received, bytes_out, bytes_in, conflated, oversized, lost, reconnects;
    uint64_t out_most, in_most;
};

struct zu_socket {
    uint32_t tag;
    _Atomic uint32_t refs;
    uint64_t number; /* in the process, from 1 */
    struct zu_ctx *ctx;
    const struct zu_pattern *pattern;
    int (*send_msg)(struct zu_socket *s, struct zu_msg *m, int flags); /* the pattern's, */
    int (*recv_msg)(struct zu_socket *s, struct zu_msg *m, int flags); /* or for any */
    struct zu_options *options; /* read freely; change with zu_options_set (&s->options, ...) */
    struct zu_mailbox box;
    struct zu_waiter *waiter;    /* whom a post wakes, or NULL; set before zu_mailbox_sleep */
    uint64_t wakes_owed;         /* sleeps that were ended by a post */
    _Atomic uint64_t wakes_had;  /* wakes that are over: their poster touches `waiter` no more */
    struct zu_waiter own_waiter; /* for send and recv */
    _Atomic(struct zu_observer *) observer;
    _Atomic uint32_t sources;   /* of events: the application, dialers, listeners */
    struct zu_list pipes;       /* zu_pipe.all: every open end */
    pthread_mutex_t names;      /* of that list for who is not its thread, of what the peers are
                               * called, and of `past` */
    struct zu_list ending;      /* zu_pipe.all of the other end: the same of pipes whose end here is
                                 * closed, and whose other end, a session's, may still count */
    struct zu_socket_past past; /* what pipes counted that are gone, and what was lost with none */
    struct zu_list endpoints;   /* struct zu_endpoint */
    uint64_t drops[ZU_DROPS];   /* messages, by reason; written by its thread with zu_count */
    uint64_t drops_told, drops_told_ms; /* of no pipe's, and when */
    uint64_t last_endpoint_id;
    struct zu_list in_ctx;              /* in its list of sockets, or of closed ones */
    struct zu_list tripwires;           /* of pollers: see tripwire.h */
    struct zu_waiter fd_waiter;         /* behind ZMQ_FD, when it was asked for */
    uint32_t spin_us, spin_rest;        /* see spin in socket_io.c, */
    uint32_t hand_us, hand_rest;        /* and zu_hands_spin */
    struct zu_hands *kept;              /* see zu_hands_ask */
    uint64_t asked_ns;                  /* when it was asked last */
    uint32_t asked;                     /* how often in a row */
    struct zu_slab slab;                /* for small bodies that zmq_send copies */
    struct zu_spent spent, *spent_more; /* of the first peer; of the others, when there are any */
    _Atomic(const void *) busy_thread;  /* whose call runs a function of the user's; joint.c */
    uint32_t busy_tag;                  /* the tag before; 0 in zmq_close */
    bool busy;                          /* it runs */
    bool has_fd;
    bool calls;                       /* it was given a function to call: ZMQ_MONITOR */
    bool joint;                       /* several threads may use it at once: see joint.h */
    bool has_local;                   /* it has had a peer in this process */
    bool stopped;                     /* the context was terminated: every call answers ETERM */
    bool closing;                     /* zmq_close is under way */
    bool refused;                     /* zu_socket_refuse_pipe was called; for who adopts */
    bool asleep;                      /* zu_mailbox_sleep said so, and no wake or awake since */
    bool rcvmore;                     /* the last part received had more behind it */
    const char *last_endpoint;        /* a text of last; or NULL */
    struct zu_endpoint *last, *ended; /* the latter: NULL, or last, which is no endpoint any more */
    struct zu_cmd stop_cmd;
    void (*due)(struct zu_socket *s); /* a joint one calls it before its lock is let go, or NULL */
    pthread_mutex_t lock;             /* of a joint one: everything here and behind */
    _Atomic bool in_hand;             /* by one of its threads, and `hand_us` and `slab` with it:
                                       * see by_hand.h */
    const void *sender, *receiver;    /* which thread is in the middle of a message; NULL: none */
    alignas(ZU_CACHE_LINE) uint8_t state[]; /* pattern->size bytes */
};

static inline void *zu_socket_state(struct zu_socket *s)
{
    return s->state;
}

/* Valid handle or -ENOTSOCK; there are others, and more errnos: zu_joint_check. */
static inline int zu_socket_check(const void *handle)
{
    const uint32_t *tag = handle; /* first in it; what is no socket may lie anyhow */

    return zu_likely(tag && *tag == ZU_SOCKET_TAG) ? 0 : -ENOTSOCK;
}

int zu_socket_new(struct zu_socket **out, struct zu_ctx *ctx, const struct zu_pattern *pattern);
int zu_socket_close(struct zu_socket *s);
void zu_socket_hold(struct zu_socket *s);
void zu_socket_drop(struct zu_socket *s);

int zu_socket_bind(struct zu_socket *s, const char *endpoint);
int zu_socket_connect(struct zu_socket *s, const char *endpoint);
int zu_socket_unbind(struct zu_socket *s, const char *endpoint); /* and disconnect: either kind */
int zu_socket_set(struct zu_socket *s, int option, const void *value, size_t size);
int zu_socket_get(struct zu_socket *s, int option, void *value, size_t *size);

/* The rare halves of the functions below. */
void zu_socket_run_posted(struct zu_socket *s);
int zu_socket_send_later(struct zu_socket *s, struct zu_msg *m, int flags, uint8_t flags_before,
                         int rc);
int zu_socket_recv_later(struct zu_socket *s, struct zu_msg *m, int flags, int rc);

/* Runs what was posted. -ETERM once the context is terminated. */
static inline int zu_socket_catch_up(struct zu_socket *s)
{
    if (zu_unlikely(zu_ctx_inherited(s->ctx)))
        return -ETERM; /* the loops at the other ends are the parent's */
    if (zu_unlikely(zu_mailbox_peek(&s->box)))
        zu_socket_run_posted(s);
    return zu_unlikely(s->stopped) ? -ETERM : 0;
}

/* `flags`: ZMQ_DONTWAIT, ZMQ_SNDMORE. On error *m is untouched; on 0 a valid empty message. */
static zu_inline int zu_socket_send(struct zu_socket *s, struct zu_msg *m, int flags)
{
    uint8_t before = m->flags;
    int rc = zu_socket_catch_up(s);

    if (zu_unlikely(rc < 0))
        return rc;
    if (zu_unlikely(m->props != NULL))
        zu_msg_set_props(m, NULL);
    zu_msg_set_flags(m, (uint8_t)((before & ZU_MSG_SHARED) |
                                  (flags & ZMQ_SNDMORE ? (unsigned)ZU_MSG_MORE : 0u)));
    rc = s->pattern->send(s, m);
    return zu_likely(rc == 0) ? 0 : zu_socket_send_later(s, m, flags, before, rc);
}

/* *m uninitialised before; a message after, on 0. */
static zu_inline int zu_socket_recv(struct zu_socket *s, struct zu_msg *m, int flags)
{
    int rc = zu_socket_catch_up(s);

    if (zu_unlikely(rc < 0))
        return rc;
    rc = s->pattern->recv(s, m);
    if (zu_unlikely(rc < 0))
        return zu_socket_recv_later(s, m, flags, rc);
    s->rcvmore = m->flags & ZU_MSG_MORE;
    return 0;
}

/* As zu_socket_send and _recv, but *m may be no message (-EFAULT), and the size is answered. What
 * *m was is closed when something is received, or when there was nothing. */
static inline int zu_socket_send_msg(struct zu_socket *s, struct zu_msg *m, int flags)
{
    return s->send_msg(s, m, flags);
}
static inline int zu_socket_recv_msg(struct zu_socket *s, struct zu_msg *m, int flags)
{
    return s->recv_msg(s, m, flags);
}
/* What they do for messages of all kinds. */
int zu_socket_send_any(struct zu_socket *s, struct zu_msg *m, int flags);
int zu_socket_recv_any(struct zu_socket *s, struct zu_msg *m, int flags);

/*
 * What is far ahead of the loop is sent more slowly: see docs/decisions/0026-not-far-ahead.md. So
 * after a message of `size` bytes, ZU_AHEAD_MIN or more, by this pipe: waits
 * for a reader who is far behind, four milliseconds at most, and again only if that was enough.
 */
#define ZU_AHEAD_MIN (32 * 1024)
void zu_socket_wait_if_ahead(struct zu_socket *s, struct zu_pipe *p, size_t size);

/* For who deals with most messages by himself: nothing has to be seen to before. */
static inline bool zu_socket_is_calm(const struct zu_socket *s)
{
    return !zu_ctx_inherited(s->ctx) && !zu_mailbox_peek(&s->box) && !s->stopped;
}

/* A message that came by this socket is done with: closes it, cheaply. */
void zu_socket_spend(struct zu_socket *s, struct zu_msg *m);
/* Where counts on these properties are gathered, unless others are there. */
static inline struct zu_spent *zu_socket_spent_of(struct zu_socket *s, const struct zu_props *p)
{
    if (s->spent.props == p || !s->spent_more)
        return &s->spent;
    return &s->spent_more[((uintptr_t)p * UINT64_C(0x9E3779B97F4A7C15)) >> ZU_SPENT_SHIFT];
}

/* The same where it takes no more than to count. False: nothing is done. */
static inline bool zu_socket_spend_lightly(struct zu_socket *s, const struct zu_msg *m)
{
    struct zu_spent *e = m->props ? zu_socket_spent_of(s, m->props) : &s->spent;

    if (m->props && zu_unlikely(e->props != m->props || e->count >= ZU_SPENT_MAX))
        return false;
    if (m->kind == ZU_MSG_SLICE && m->big.owner == e->bodies.block)
        e->bodies.count++;
    else if (zu_unlikely(m->kind != ZU_MSG_INLINE))
        return false;
    e->count += m->props != NULL;
    return true;
}
void zu_socket_spend_all(struct zu_socket *s);

/* ZMQ_POLLIN | ZMQ_POLLOUT now. The caller has caught up. */
int zu_socket_events(struct zu_socket *s);

/* For poll: have `w` woken by what is posted from now on. False: something waits already. */
bool zu_socket_arm(struct zu_socket *s, struct zu_waiter *w);
void zu_socket_disarm(struct zu_socket *s);
/* The mailbox is awake again, and nobody is inside its wake any more. */
void zu_socket_end_sleep(struct zu_socket *s);
/* A socket with a ZMQ_FD: runs what was posted, and has the next post make it readable. */
void zu_socket_listen_again(struct zu_socket *s);

/*
 * For patterns. Closes a pipe of this socket, now; the pattern hears `detach` from within. What was
 * written still goes out, subject to ZMQ_LINGER.
 */
void zu_socket_close_pipe(struct zu_socket *s, struct zu_pipe *p);
/*
 * The same when it was memory that ran out: the connection behind the pipe is given up, so that
 * both sides know, and one that this side dialed comes back by itself.
 */
void zu_socket_refuse_pipe(struct zu_socket *s, struct zu_pipe *p);
/* For the application: ends one peer's connection, at once. -EHOSTUNREACH, -ENOTSUP. */
int zu_socket_end_peer(struct zu_socket *s, const void *id, size_t size);
int zu_socket_end_connection(struct zu_socket *s, uint64_t connection);
/* For inproc: makes this end one of the socket's pipes: the pattern hears attach. */
void zu_socket_adopt(struct zu_socket *s, struct zu_pipe *p);
/*
 * Any thread: what the connection at the other end of this end is called, and its number; 0: there
 * is none at the moment. `bound`: what zmq_bind was given, if the peer has come by that. Texts that
 * are NULL, or find no memory, leave those that were there.
 */
void zu_socket_name_peer(struct zu_socket *s, struct zu_pipe *p, uint64_t connection,
                         const char *local, const char *peer, const char *address,
                         const char *bound);
/* A pipe to what lives on a loop: `far` says what that is, without water marks; `o`, the socket's
 * or its endpoint's, has those. ends[0] is the socket's. -ENOMEM. */
int zu_socket_make_pipe(struct zu_socket *s, const struct zu_options *o, bool conflate,
                        const struct zu_pipe_end *far, struct zu_pipe *ends[2]);
/* What the socket's end of a pipe hears. When the pipe's memory goes it drops one count on the
 * socket, which who makes the pipe has taken. */
const struct zu_pipe_sink *zu_socket_sink(void);

/*
 * For patterns. `count` messages to this peer (NULL: to nobody in particular) are dropped, for a
 * reason of ZURING_DROP_*: counted, and told at most once a second. What is usual (FILTERED,
 * CONFLATED, UNEXPECTED) is counted alone: zu_count (&s->drops[...]).
 */
void zu_socket_dropped(struct zu_socket *s, struct zu_pipe *p, int why, uint64_t count);
/* Tells what is not told yet of the pipe, or (NULL) of none: there will be no more. */
void zu_socket_tell_drops(struct zu_socket *s, struct zu_pipe *p);
/* Any thread: messages that were sent, or came, are lost with what carried them, which counts no
 * more itself. */
void zu_socket_lost(struct zu_socket *s, uint64_t count);
/* The same of bytes that came, and went. */
void zu_socket_moved(struct zu_socket *s, uint64_t bytes_in, uint64_t bytes_out);
/* Tells the observer, with what is known of the peer at the other end of the pipe. */
void zu_socket_observe_pipe(struct zu_socket *s, struct zu_pipe *p, struct zu_event *e);

/* An endpoint that the socket knows by its text: what zmq_unbind and zmq_disconnect look for. */
struct zu_endpoint {
    struct zu_list link;
    uint64_t id;
    const struct zu_transport *transport;
    struct zu_dialer *dialer;       /* or NULL */
    struct zu_listener *listener;   /* or NULL */
    struct zu_datagrams *datagrams; /* or NULL */
    struct zu_multicast *multicast; /* or NULL */
    bool bound;
    char text[];
};

/* -ENOMEM. For local transports; the others' are made in bind and connect. */
int zu_socket_add_endpoint(struct zu_socket *s, struct zu_endpoint **out,
                           const struct zu_transport *t, const char *text, bool bound);
/* The dialer with this id has given up: its pipes go, and nobody finds it any more. */
void zu_socket_forget_endpoint(struct zu_socket *s, uint64_t id);

static inline bool zu_socket_is_observed(const struct zu_socket *s)
{
    return atomic_load_explicit(&s->observer, memory_order_relaxed) != NULL; /* a hint */
}
/* Tells the observer, if there is one. Any thread. */
void zu_socket_observe(struct zu_socket *s, const struct zu_event *e);
uint64_t zu_socket_events_lost(struct zu_socket *s); /* any thread */
/* Something that may raise events begins; has raised its last one. The last end of all ends what
 * observes. Any thread. */
void zu_socket_begin_source(struct zu_socket *s);
void zu_socket_end_source(struct zu_socket *s);

#endif
