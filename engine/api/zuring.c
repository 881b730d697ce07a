/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zuring_*: what goes beyond libzmq.
 */
#include "include/zuring.h"

#include "engine/base/err.h"
#include "engine/core/ctx.h"

#include <string.h>

int zuring_version(int *major, int *minor, int *patch)
{
    if (!major || !minor || !patch)
        return zu_return(-EFAULT);
    *major = ZURING_VERSION_MAJOR;
    *minor = ZURING_VERSION_MINOR;
    *patch = ZURING_VERSION_PATCH;
    return 0;
}

/* As in zmq_ctx.c: an inherited context's lock is nobody's to take. */
static int check_own(const struct zu_ctx *ctx)
{
    int rc = zu_ctx_check(ctx);

    return rc == 0 && zu_ctx_inherited(ctx) ? -ETERM : rc;
}

const char *zuring_backend(void *context)
{
    struct zu_ctx *ctx = context;
    const char *name;

    if (zu_return(check_own(ctx)) < 0)
        return NULL;
    pthread_mutex_lock(&ctx->lock);
    name = ctx->loop_count ? ctx->kernel->name : "none";
    pthread_mutex_unlock(&ctx->lock);
    return name;
}

const char *zuring_backend_reason(void *context)
{
    struct zu_ctx *ctx = context;
    const char *reason;

    if (zu_return(check_own(ctx)) < 0)
        return NULL;
    pthread_mutex_lock(&ctx->lock);
    reason = ctx->loop_count ? ctx->reason : "no connection over a network or ipc was needed yet";
    pthread_mutex_unlock(&ctx->lock);
    return reason;
}

static void copy_stats(struct zuring_loop_stats *to, const struct zu_loop_stats *from)
{
    const struct zu_kernel_stats *k = &from->kernel;

    *to = (struct zuring_loop_stats){.rounds = from->rounds,
                                     .connections = from->load,
                                     .enters = k->enters,
                                     .completions = k->completions,
                                     .recvs = k->recvs,
                                     .recv_bytes = k->recv_bytes,
                                     .sends = k->sends,
                                     .send_bytes = k->send_bytes,
                                     .short_sends = k->short_sends,
                                     .block_shortages = k->block_shortages,
                                     .wakes = k->wakes,
                                     .zero_copy_sends = k->zc_sends,
                                     .zero_copy_copied = k->zc_copied};
}

int zuring_loop_stats(void *context, int loop, struct zuring_loop_stats *stats, size_t size)
{
    struct zu_ctx *ctx = context;
    struct zuring_loop_stats all;
    struct zu_loop_stats inside;
    int rc = check_own(ctx);

    if (rc == 0 && !stats)
        rc = -EFAULT;
    if (rc == 0 && size % sizeof(uint64_t))
        rc = -EINVAL;
    if (rc < 0)
        return zu_return(rc);
    pthread_mutex_lock(&ctx->lock);
    if (loop < 0 || (size_t)loop >= ctx->loop_count)
        rc = -EINVAL;
    else
        zu_loop_stats(ctx->loops[loop], &inside);
    pthread_mutex_unlock(&ctx->lock);
    if (rc < 0)
        return zu_return(rc);
    copy_stats(&all, &inside);
    memset(stats, 0, size);
    memcpy(stats, &all, ZU_MIN(size, sizeof all));
    return 0;
}
