/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_ctx_*: makes contexts, and hands them the tables of what the floors above the engine bring.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/base/err.h"
#include "engine/core/ctx.h"
#include "engine/security/mechanisms.h"
#include "patterns/patterns.h"
#include "transports/transports.h"

#include <string.h>

static const struct zu_tables tables = {
    .transports = zu_transports, .patterns = zu_patterns, .mechanisms = zu_mechanisms};

void *zmq_ctx_new(void)
{
    struct zu_ctx *ctx;

    return zu_return(zu_ctx_new(&ctx, &tables)) < 0 ? NULL : ctx;
}

int zmq_ctx_term(void *ctx)
{
    int rc = zu_ctx_check(ctx);

    return zu_return(rc < 0 ? rc : zu_ctx_term(ctx));
}

int zmq_ctx_shutdown(void *ctx)
{
    int rc = zu_ctx_check(ctx);

    return zu_return(rc < 0 ? rc : zu_ctx_shutdown(ctx));
}

/* A context that a forked child inherited has locks of which nobody knows who holds them. */
static int check_own(const void *ctx)
{
    int rc = zu_ctx_check(ctx);

    return rc == 0 && zu_ctx_inherited(ctx) ? -ETERM : rc;
}

int zmq_ctx_set(void *ctx, int option, int value)
{
    int rc = check_own(ctx);

    return zu_return(rc < 0 ? rc : zu_ctx_set(ctx, option, value));
}

int zmq_ctx_get(void *ctx, int option)
{
    int value = -1, rc = check_own(ctx);

    if (rc == 0)
        rc = zu_ctx_get(ctx, option, &value);
    return rc < 0 ? zu_return(rc) : value;
}

/* A text of four bytes cannot be told from a number, and is one, as with libzmq. */
int zmq_ctx_set_ext(void *ctx, int option, const void *value, size_t size)
{
    int number, rc = check_own(ctx);

    if (rc < 0 || !value)
        return zu_return(rc < 0 ? rc : -EINVAL);
    if (option == ZMQ_THREAD_NAME_PREFIX && size != sizeof number)
        return zu_return(zu_ctx_set_prefix(ctx, value, size));
    if (size != sizeof number)
        return zu_return(-EINVAL);
    memcpy(&number, value, sizeof number);
    return zu_return(zu_ctx_set(ctx, option, number));
}

int zmq_ctx_get_ext(void *ctx, int option, void *value, size_t *size)
{
    int number, rc = check_own(ctx);

    if (rc < 0 || !value || !size)
        return zu_return(rc < 0 ? rc : -EINVAL);
    if (option == ZMQ_THREAD_NAME_PREFIX)
        return zu_return(zu_ctx_get_prefix(ctx, value, *size));
    if (*size != sizeof number)
        return zu_return(-EINVAL);
    rc = zu_ctx_get(ctx, option, &number);
    if (rc == 0)
        memcpy(value, &number, sizeof number);
    return zu_return(rc);
}

void *zmq_init(int io_threads)
{
    void *ctx;

    if (io_threads < 0) {
        errno = EINVAL;
        return NULL;
    }
    ctx = zmq_ctx_new();
    if (ctx)
        zmq_ctx_set(ctx, ZMQ_IO_THREADS, io_threads);
    return ctx;
}

int zmq_term(void *ctx)
{
    return zmq_ctx_term(ctx);
}

int zmq_ctx_destroy(void *ctx)
{
    return zmq_ctx_term(ctx);
}
