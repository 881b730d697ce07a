/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctx: what a zmq_ctx_new handle points at: the loops, the sockets, the inproc names, the limits,
 * and the tables handed down.
 * Thread: any, but where a function says otherwise. Owner: the application, until zmq_ctx_term.
 */
#ifndef ZU_CORE_CTX_H
#define ZU_CORE_CTX_H

#include "engine/base/list.h"
#include "engine/base/map.h"
#include "engine/core/waiter.h"
#include "engine/io/loop.h"
#include "include/zuring.h"

#include <pthread.h>

#define ZU_CTX_TAG 0x7a752d63u /* "zu-c" */

struct zu_transport;
struct zu_pattern;
struct zu_mechanism;
struct zu_socket;

/* What the floors above bring; ends with NULL each. */
struct zu_tables {
    const struct zu_transport *const *transports;
    const struct zu_pattern *const *patterns;
    const struct zu_mechanism *const *mechanisms; /* by the number that ZMQ_MECHANISM answers */
};

struct zu_ctx {
    uint32_t tag;
    uint32_t born; /* zu_forks then */
    const struct zu_tables *tables;
    pthread_mutex_t lock;  /* protects everything below but the atomics */
    struct zu_waiter gone; /* woken when `live` becomes 0, for zmq_ctx_term */
    struct zu_list sockets;
    size_t socket_count;
    uint32_t live; /* sockets, sessions, dialers, listeners that have not ended */
    bool stopping; /* zmq_ctx_shutdown or zmq_ctx_term was called */
    struct zu_loop **loops;
    size_t loop_count;
    bool loops_failed;
    struct zu_map names;       /* inproc */
    struct zu_list connecting; /* inproc connects that wait for their bind: inproc.c */
    /* zmq_ctx_set */
    int io_threads, max_sockets, max_msgsz;
    int sched_policy, sched_priority;
    int cpus[64];
    size_t cpu_count;
    char name_prefix[17];
    bool ipv6, blocky;
    bool joint;   /* what sockets begin as: joint.h */
    bool one_cpu; /* this process may run on one only: nobody spins */
    int spin_us;  /* what sockets begin with; -1: and loops never sleep */
    int zero_copy_recv;
    int backend;      /* 0: choose; 1: io_uring; 2: readiness */
    char reason[320]; /* why the kernel boundary in use is the one it is; "": none in use yet */
    const struct zu_kernel_table *kernel;
    struct zu_stats_file *stats_file; /* or NULL */
    struct zu_errands *errands;       /* or NULL: none was sent yet */
    int questions_max;                /* 0: no limit */
    _Atomic int questions;            /* with the ZAP handler: session_zap.c */
    pthread_mutex_t sums;  /* of what follows; the last lock but that of a socket's names */
    struct zu_list closed; /* sockets that were closed, and still do something */
    struct zuring_context_stats past; /* of those that do no more */
};

/* How many forks lie between the first process of ours and this one. Written in a child that has
 * one thread; see ctx.c. */
extern uint32_t zu_forks;

/* A child that inherited this context: it may only close and terminate. */
static inline bool zu_ctx_inherited(const struct zu_ctx *ctx)
{
    return ctx->born != zu_forks;
}

int zu_ctx_check(const void *handle); /* 0 or -EFAULT */
int zu_ctx_new(struct zu_ctx **out, const struct zu_tables *tables);
int zu_ctx_shutdown(struct zu_ctx *ctx);
int zu_ctx_term(struct zu_ctx *ctx); /* -EINTR: call again */
int zu_ctx_set(struct zu_ctx *ctx, int option, int value);
int zu_ctx_get(struct zu_ctx *ctx, int option, int *value);
/* The prefix of threads' names, as text. -EINVAL: not 1 to 16 bytes; no room. */
int zu_ctx_set_prefix(struct zu_ctx *ctx, const char *text, size_t size);
int zu_ctx_get_prefix(struct zu_ctx *ctx, char *text, size_t size);

const struct zu_transport *zu_ctx_transport(const struct zu_ctx *ctx, const char *scheme,
                                            size_t size);
const struct zu_pattern *zu_ctx_pattern(const struct zu_ctx *ctx, int type);

/* The least loaded loop that the affinity mask allows; starts the loops on first need. -EMTHREAD,
 * -ENOMEM, -EMFILE. */
int zu_ctx_pick_loop(struct zu_ctx *ctx, uint64_t affinity, struct zu_loop **out);

void zu_ctx_unpick_loop(struct zu_loop *loop); /* what was picked it for has ended */

/* Something that zmq_ctx_term must wait for begins; ends. */
void zu_ctx_begin(struct zu_ctx *ctx);
void zu_ctx_end(struct zu_ctx *ctx);

/* A number that no connection of this process had before. */
uint64_t zu_ctx_next_connection(void);
uint64_t zu_ctx_next_socket(void); /* the same for sockets */

#endif
