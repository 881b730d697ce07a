/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zuring_*: what goes beyond libzmq.
 */
#include "include/zuring.h"

#include "engine/base/alloc.h"
#include "engine/base/err.h"
#include "engine/core/joint.h"
#include "engine/core/stats.h"

#include <limits.h>
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

int zuring_loop_stats(void *context, int loop, struct zuring_loop_stats *stats, size_t size)
{
    struct zu_ctx *ctx = context;
    struct zuring_loop_stats all;
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
        zu_stats_loop(ctx->loops[loop], &all);
    pthread_mutex_unlock(&ctx->lock);
    if (rc < 0)
        return zu_return(rc);
    memset(stats, 0, size);
    memcpy(stats, &all, ZU_MIN(size, sizeof all));
    return 0;
}

static int check_ask(const void *socket, const void *out, size_t size)
{
    int rc = zu_socket_is_one(socket) ? 0 : -ENOTSOCK;

    if (rc == 0 && zu_ctx_inherited(((const struct zu_socket *)socket)->ctx))
        rc = -ETERM;
    if (rc == 0 && !out)
        rc = -EFAULT;
    return rc == 0 && size % sizeof(uint64_t) ? -EINVAL : rc;
}

int zuring_stats_socket(void *socket, struct zuring_socket_stats *stats, size_t size)
{
    struct zuring_socket_stats all;
    int rc = check_ask(socket, stats, size);

    if (rc < 0)
        return zu_return(rc);
    zu_stats_socket(socket, &all);
    memset(stats, 0, size);
    memcpy(stats, &all, ZU_MIN(size, sizeof all));
    return 0;
}

int zuring_stats_context(void *context, struct zuring_context_stats *stats, size_t size)
{
    struct zu_ctx *ctx = context;
    struct zuring_context_stats all;
    int rc = check_own(ctx);

    if (rc == 0 && !stats)
        rc = -EFAULT;
    if (rc == 0 && size % sizeof(uint64_t))
        rc = -EINVAL;
    if (rc < 0)
        return zu_return(rc);
    zu_stats_context(ctx, &all);
    memset(stats, 0, size);
    memcpy(stats, &all, ZU_MIN(size, sizeof all));
    return 0;
}

int zuring_stats_connections(void *socket, struct zuring_connection_stats *list, size_t size,
                             int count)
{
    struct zuring_connection_stats *all = NULL;
    size_t there, room = count > 0 ? (size_t)count : 0;
    int rc = check_ask(socket, room ? (void *)list : socket, size);

    if (rc == 0 && room && !(all = zu_alloc(room * sizeof *all)))
        rc = -ENOMEM;
    if (rc < 0)
        return zu_return(rc);
    there = zu_stats_connections(socket, all, room);
    for (size_t i = 0; i < ZU_MIN(there, room); i++) {
        uint8_t *to = (uint8_t *)list + i * size;

        memset(to, 0, size);
        memcpy(to, &all[i], ZU_MIN(size, sizeof all[i]));
    }
    zu_free(all);
    return (int)ZU_MIN(there, (size_t)INT_MAX);
}
