/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A context starts nothing when it is made: the loops come with the first connection or bind that
 * needs one, all of them at once. zmq_ctx_term waits until `live` is 0, that is until every socket
 * was closed and everything that sends for a closed one has ended, and then takes the loops down.
 *
 * fork: a child has the memory of the parent's loops, but not their threads, and shares their
 * descriptors. A handler counts forks, and a context of another count is dead for this process:
 * closing and terminating it touches nothing that the parent could notice.
 */
#define ZMQ_BUILD_DRAFT_API /* ZMQ_ZERO_COPY_RECV is there for everyone */
#include "engine/core/ctx.h"

#include "engine/base/alloc.h"
#include "engine/core/errand.h"
#include "engine/core/pattern.h"
#include "engine/core/socket.h"
#include "engine/core/stats_file.h"
#include "engine/core/transport.h"
#include "engine/io/pace.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BACKEND_OPTION = 0x5A01,
    JOINT_OPTION = 0x5A04,
    QUESTIONS_OPTION = 0x5A0B,
    SOCKET_LIMIT = 65535,
    QUESTIONS_MAX = 16384, /* as many as strangers at a bind */
};

uint32_t zu_forks;

static void count_fork(void)
{
    zu_forks++;
    zu_errands_forget();
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

int zu_ctx_check(const void *handle)
{
    const uint32_t *tag = handle; /* first in it; what is no context may lie anyhow */

    return tag && *tag == ZU_CTX_TAG ? 0 : -EFAULT;
}

int zu_ctx_new(struct zu_ctx **out, const struct zu_tables *tables)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct zu_ctx *ctx = zu_alloc_zero(sizeof *ctx);

    if (!ctx)
        return -ENOMEM;
    pthread_once(&once, watch_forks);
    ctx->born = zu_forks;
    ctx->tables = tables;
    pthread_mutex_init(&ctx->lock, NULL);
    pthread_mutex_init(&ctx->sums, NULL);
    zu_list_init(&ctx->closed);
    zu_waiter_init(&ctx->gone);
    zu_list_init(&ctx->sockets);
    zu_list_init(&ctx->connecting);
    zu_map_init(&ctx->names);
    ctx->io_threads = ZMQ_IO_THREADS_DFLT;
    ctx->max_sockets = ZMQ_MAX_SOCKETS_DFLT;
    ctx->max_msgsz = INT_MAX;
    ctx->sched_policy = ZMQ_THREAD_SCHED_POLICY_DFLT;
    ctx->sched_priority = ZMQ_THREAD_PRIORITY_DFLT;
    ctx->blocky = true;
    ctx->questions_max = QUESTIONS_MAX;
    ctx->one_cpu = zu_pace_cpus() == 1;
    ctx->spin_us = ZU_SPIN_US;
    ctx->zero_copy_recv = 1;
    ctx->tag = ZU_CTX_TAG;
    *out = ctx;
    return 0;
}

int zu_ctx_shutdown(struct zu_ctx *ctx)
{
    if (zu_ctx_inherited(ctx))
        return 0;
    pthread_mutex_lock(&ctx->lock);
    if (!ctx->stopping) {
        ctx->stopping = true;
        zu_list_each(it, &ctx->sockets)
        {
            struct zu_socket *s = zu_container_of(it, struct zu_socket, in_ctx);

            zu_mailbox_post(&s->box, &s->stop_cmd);
        }
    }
    pthread_mutex_unlock(&ctx->lock);
    return 0;
}

/* What ZURING_REPORT asks for: a line for each loop, so that a user sees what carried the bytes. */
static void report(struct zu_ctx *ctx)
{
    const char *path = secure_getenv("ZURING_REPORT");
    FILE *f = path && *path ? fopen(path, "ae") : NULL;

    if (!f)
        return;
    for (size_t i = 0; i < ctx->loop_count; i++) {
        struct zu_loop_stats s;

        zu_loop_stats(ctx->loops[i], &s);
        fprintf(f,
                "zuring pid=%d backend=%s loop=%zu recvs=%llu recv_bytes=%llu sends=%llu "
                "send_bytes=%llu enters=%llu completions=%llu zero_copy_sends=%llu "
                "zero_copy_copied=%llu\n",
                (int)getpid(), ctx->kernel->name, i, (unsigned long long)s.kernel.recvs,
                (unsigned long long)s.kernel.recv_bytes, (unsigned long long)s.kernel.sends,
                (unsigned long long)s.kernel.send_bytes, (unsigned long long)s.kernel.enters,
                (unsigned long long)s.kernel.completions, (unsigned long long)s.kernel.zc_sends,
                (unsigned long long)s.kernel.zc_copied);
    }
    fclose(f);
}

static void stop_loops(struct zu_ctx *ctx)
{
    if (ctx->loop_count)
        report(ctx);
    for (size_t i = 0; i < ctx->loop_count; i++)
        zu_loop_free(ctx->loops[i]);
    zu_free(ctx->loops);
}

int zu_ctx_term(struct zu_ctx *ctx)
{
    const struct zu_transport *const *t;
    bool done;

    if (zu_ctx_inherited(ctx)) {
        /* Its memory is not given back: what a thread of the parent had locked or half changed at
         * the fork is not for us to touch. */
        ctx->tag = 0;
        return 0;
    }
    zu_ctx_shutdown(ctx);
    do {
        zu_waiter_reset(&ctx->gone);
        pthread_mutex_lock(&ctx->lock);
        done = ctx->live == 0;
        pthread_mutex_unlock(&ctx->lock);
        if (!done && zu_waiter_wait(&ctx->gone, NULL, 0, UINT64_MAX, NULL) == -EINTR)
            return -EINTR;
    } while (!done);
    ctx->tag = 0;
    zu_stats_file_stop(ctx->stats_file);
    /* Not before: a call that was under way at the shutdown may still have begun to wait. */
    for (t = ctx->tables->transports; *t; t++)
        if ((*t)->local_term)
            (*t)->local_term(ctx);
    stop_loops(ctx);
    zu_errands_drop(ctx->errands);
    zu_map_fini(&ctx->names);
    zu_waiter_fini(&ctx->gone);
    pthread_mutex_destroy(&ctx->lock);
    pthread_mutex_destroy(&ctx->sums);
    zu_free(ctx);
    return 0;
}

void zu_ctx_begin(struct zu_ctx *ctx)
{
    pthread_mutex_lock(&ctx->lock);
    ctx->live++;
    pthread_mutex_unlock(&ctx->lock);
}

void zu_ctx_end(struct zu_ctx *ctx)
{
    pthread_mutex_lock(&ctx->lock);
    /* Woken under the lock: zmq_ctx_term takes it once more before it frees the context. */
    if (--ctx->live == 0)
        zu_waiter_wake(&ctx->gone);
    pthread_mutex_unlock(&ctx->lock);
}

/* ---- what is looked up ---- */

const struct zu_transport *zu_ctx_transport(const struct zu_ctx *ctx, const char *scheme,
                                            size_t size)
{
    for (const struct zu_transport *const *t = ctx->tables->transports; *t; t++)
        if (strlen((*t)->scheme) == size && memcmp((*t)->scheme, scheme, size) == 0)
            return *t;
    return NULL;
}

const struct zu_pattern *zu_ctx_pattern(const struct zu_ctx *ctx, int type)
{
    for (const struct zu_pattern *const *p = ctx->tables->patterns; *p; p++)
        if ((*p)->type == type)
            return *p;
    return NULL;
}

/* ---- loops ---- */

static int start_loop(struct zu_ctx *ctx, size_t i)
{
    char name[48];
    struct zu_loop_config config = {.kernel = ctx->kernel,
                                    .name = name,
                                    .sched_policy = ctx->sched_policy,
                                    .sched_priority = ctx->sched_priority,
                                    .cpus = ctx->cpus,
                                    .cpu_count = ctx->cpu_count,
                                    .alone = ctx->io_threads == 1,
                                    .awake = ctx->spin_us < 0};

    snprintf(name, sizeof name, "%s%sZMQbg/IO/%zu", ctx->name_prefix,
             ctx->name_prefix[0] ? "/" : "", i);
    name[15] = '\0';
    return zu_loop_new(&ctx->loops[i], &config);
}

/* The lock is held. All or none. */
static int start_loops(struct zu_ctx *ctx)
{
    static const char *const wishes[] = {NULL, "io_uring", "readiness"};
    const char *reason;
    int rc = 0;

    if (ctx->loop_count)
        return 0;
    if (ctx->io_threads == 0)
        return -EMTHREAD;
    ctx->loops = zu_alloc_zero((size_t)ctx->io_threads * sizeof(struct zu_loop *));
    if (!ctx->loops)
        return -ENOMEM;
    ctx->kernel = zu_kernel_choose(wishes[ctx->backend], &reason);
    snprintf(ctx->reason, sizeof ctx->reason, "%s", reason); /* it may be this thread's own */
    size_t i = 0;

    for (; i < (size_t)ctx->io_threads && rc == 0; i++)
        rc = start_loop(ctx, i);
    if (rc == 0) {
        ctx->loop_count = i;
        return 0;
    }
    while (i-- > 0)
        if (ctx->loops[i])
            zu_loop_free(ctx->loops[i]);
    zu_free(ctx->loops);
    ctx->loops = NULL;
    return rc;
}

int zu_ctx_pick_loop(struct zu_ctx *ctx, uint64_t affinity, struct zu_loop **out)
{
    struct zu_loop *best = NULL;
    uint32_t least = UINT32_MAX;
    int rc;

    pthread_mutex_lock(&ctx->lock);
    rc = start_loops(ctx);
    for (size_t i = 0; rc == 0 && i < ctx->loop_count; i++) {
        /* Relaxed: a guess at who has the least to do. */
        uint32_t load = atomic_load_explicit(&ctx->loops[i]->load, memory_order_relaxed);

        if ((affinity == 0 || (i < 64 && affinity >> i & 1)) && load < least) {
            least = load;
            best = ctx->loops[i];
        }
    }
    pthread_mutex_unlock(&ctx->lock);
    if (rc < 0)
        return rc;
    if (!best)
        return -EMTHREAD;
    atomic_fetch_add_explicit(&best->load, 1, memory_order_relaxed);
    *out = best;
    return 0;
}

void zu_ctx_unpick_loop(struct zu_loop *loop)
{
    atomic_fetch_sub_explicit(&loop->load, 1, memory_order_relaxed);
}

uint64_t zu_ctx_next_connection(void)
{
    static _Atomic uint64_t last;

    /* Relaxed: only that no number comes twice. */
    return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

uint64_t zu_ctx_next_socket(void)
{
    static _Atomic uint64_t last;

    /* Relaxed: as above. */
    return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

/* ---- options ---- */

static int add_cpu(struct zu_ctx *ctx, int cpu)
{
    for (size_t i = 0; i < ctx->cpu_count; i++)
        if (ctx->cpus[i] == cpu)
            return 0;
    if (ctx->cpu_count == zu_array_len(ctx->cpus))
        return -EINVAL;
    ctx->cpus[ctx->cpu_count++] = cpu;
    return 0;
}

static int remove_cpu(struct zu_ctx *ctx, int cpu)
{
    for (size_t i = 0; i < ctx->cpu_count; i++) {
        if (ctx->cpus[i] == cpu) {
            ctx->cpus[i] = ctx->cpus[--ctx->cpu_count];
            return 0;
        }
    }
    return -EINVAL;
}

static int set_number(int *to, int value, int least)
{
    if (value < least)
        return -EINVAL;
    *to = value;
    return 0;
}

static int set_flag(bool *to, int value)
{
    if (value < 0)
        return -EINVAL;
    *to = value != 0;
    return 0;
}

static int set_backend(struct zu_ctx *ctx, int value)
{
    if (value < 0 || value > 2 || ctx->loop_count)
        return -EINVAL;
    ctx->backend = value;
    return 0;
}

static int set_spin(struct zu_ctx *ctx, int value)
{
    if (value < -1 || value > ZU_SPIN_MAX_US)
        return -EINVAL;
    ctx->spin_us = value;
    return 0;
}

static int set_option(struct zu_ctx *ctx, int option, int value)
{
    switch (option) {
    case ZMQ_IO_THREADS: return set_number(&ctx->io_threads, value, 0);
    case ZMQ_MAX_SOCKETS: return set_number(&ctx->max_sockets, value, 1);
    case ZMQ_THREAD_PRIORITY: return set_number(&ctx->sched_priority, value, 0);
    case ZMQ_THREAD_SCHED_POLICY: return set_number(&ctx->sched_policy, value, 0);
    case ZMQ_MAX_MSGSZ: return set_number(&ctx->max_msgsz, value, 0);
    case ZMQ_THREAD_AFFINITY_CPU_ADD: return value < 0 ? -EINVAL : add_cpu(ctx, value);
    case ZMQ_THREAD_AFFINITY_CPU_REMOVE: return value < 0 ? -EINVAL : remove_cpu(ctx, value);
    case ZMQ_THREAD_NAME_PREFIX:
        snprintf(ctx->name_prefix, sizeof ctx->name_prefix, "%d", value);
        return 0;
    case ZMQ_IPV6: return set_flag(&ctx->ipv6, value);
    case ZMQ_BLOCKY: return set_flag(&ctx->blocky, value);
    case ZMQ_ZERO_COPY_RECV: return set_number(&ctx->zero_copy_recv, value, 0);
    case BACKEND_OPTION: return set_backend(ctx, value);
    case JOINT_OPTION: return set_flag(&ctx->joint, value);
    case QUESTIONS_OPTION: return set_number(&ctx->questions_max, value, 0);
    case ZURING_SPIN: return set_spin(ctx, value);
    default: return -EINVAL;
    }
}

/* Its thread takes the lock of the context, so nobody who holds that waits for it. */
static int keep_stats(struct zu_ctx *ctx, int value)
{
    struct zu_stats_file *file = NULL, *gone = NULL;
    int rc = value < 0 || value > 1 ? -EINVAL : 0;

    if (rc == 0 && value)
        rc = zu_stats_file_start(&file, ctx);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&ctx->lock);
    if (ctx->stopping) {
        rc = -ETERM;
        gone = file;
    } else if (file && ctx->stats_file) { /* it does so already */
        gone = file;
    } else {
        gone = ctx->stats_file;
        ctx->stats_file = file;
    }
    pthread_mutex_unlock(&ctx->lock);
    zu_stats_file_stop(gone);
    return rc;
}

int zu_ctx_set(struct zu_ctx *ctx, int option, int value)
{
    int rc;

    if (option == ZURING_STATS_FILE)
        return keep_stats(ctx, value);

    pthread_mutex_lock(&ctx->lock);
    rc = set_option(ctx, option, value);
    pthread_mutex_unlock(&ctx->lock);
    return rc;
}

static int get_option(const struct zu_ctx *ctx, int option, int *value)
{
    switch (option) {
    case ZMQ_IO_THREADS: *value = ctx->io_threads; return 0;
    case ZMQ_MAX_SOCKETS: *value = ctx->max_sockets; return 0;
    case ZMQ_SOCKET_LIMIT: *value = SOCKET_LIMIT; return 0;
    case ZMQ_THREAD_SCHED_POLICY: *value = ctx->sched_policy; return 0;
    case ZMQ_MAX_MSGSZ: *value = ctx->max_msgsz; return 0;
    case ZMQ_MSG_T_SIZE: *value = (int)sizeof(zmq_msg_t); return 0;
    case ZMQ_THREAD_NAME_PREFIX: *value = (int)strtol(ctx->name_prefix, NULL, 10); return 0;
    case ZMQ_IPV6: *value = ctx->ipv6; return 0;
    case ZMQ_BLOCKY: *value = ctx->blocky; return 0;
    case ZMQ_ZERO_COPY_RECV: *value = ctx->zero_copy_recv; return 0;
    case BACKEND_OPTION: *value = ctx->backend; return 0;
    case JOINT_OPTION: *value = ctx->joint; return 0;
    case QUESTIONS_OPTION: *value = ctx->questions_max; return 0;
    case ZURING_SPIN: *value = ctx->spin_us; return 0;
    case ZURING_STATS_FILE: *value = ctx->stats_file != NULL; return 0;
    default: return -EINVAL;
    }
}

int zu_ctx_get(struct zu_ctx *ctx, int option, int *value)
{
    int rc;

    pthread_mutex_lock(&ctx->lock);
    rc = get_option(ctx, option, value);
    pthread_mutex_unlock(&ctx->lock);
    return rc;
}

int zu_ctx_set_prefix(struct zu_ctx *ctx, const char *text, size_t size)
{
    if (size < 1 || size > sizeof ctx->name_prefix - 1)
        return -EINVAL;
    pthread_mutex_lock(&ctx->lock);
    memset(ctx->name_prefix, 0, sizeof ctx->name_prefix);
    memcpy(ctx->name_prefix, text, size);
    pthread_mutex_unlock(&ctx->lock);
    return 0;
}

int zu_ctx_get_prefix(struct zu_ctx *ctx, char *text, size_t size)
{
    size_t there;
    int rc = 0;

    pthread_mutex_lock(&ctx->lock);
    there = strlen(ctx->name_prefix);
    if (size < there) {
        rc = -EINVAL;
    } else {
        memset(text, 0, size);
        memcpy(text, ctx->name_prefix, there);
    }
    pthread_mutex_unlock(&ctx->lock);
    return rc;
}
