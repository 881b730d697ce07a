/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What blocks cannot be called off, so a thread must be able to outlive everybody who was
 * interested: the threads are detached, and what they share is counted. An errand belongs to its
 * thread while it is AWAY; under the lock it is decided who frees it, and, only while nobody has
 * dropped it, its loop is told. Whoever dropped it may have no loop any more.
 *
 * The end of the process. A library's own end, which runs in exit(), must not find a thread inside
 * it: Kerberos' destroys its locks, and aborts where one is used after. So before that threads that
 * are away are cancelled, in whatever system call they wait, and waited for, a second at most.
 */
#include "engine/core/errand.h"

#include "engine/base/alloc.h"
#include "engine/base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { EXIT_WAIT_S = 1 };

struct walker { /* a thread; on its stack */
    struct zu_list in_street;
    pthread_t thread;
    struct zu_errand *errand; /* it is away on; NULL: none */
};

/* All threads of the process. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t fewer;
    struct zu_list walkers; /* walker.in_street */
    struct zu_list lost;    /* zu_errand.waiting: of walkers that were cancelled */
    bool closed;            /* the process ends */
} street = {.lock = PTHREAD_MUTEX_INITIALIZER,
            .fewer = PTHREAD_COND_INITIALIZER,
            .walkers = {&street.walkers, &street.walkers},
            .lost = {&street.lost, &street.lost}};

struct zu_errands {
    pthread_mutex_t lock;   /* protects all of it, and every errand's state */
    int refs;               /* the context's, and the threads' */
    int threads;            /* of which each has an errand or looks for one */
    struct zu_list waiting; /* zu_errand.waiting, the oldest first */
};

/* The lock is held; it is not after. */
static void unlock_and_drop(struct zu_errands *o)
{
    int left = --o->refs;

    pthread_mutex_unlock(&o->lock);
    if (left)
        return;
    pthread_mutex_destroy(&o->lock);
    zu_free(o);
}

void zu_errands_drop(struct zu_errands *o)
{
    if (!o)
        return;
    pthread_mutex_lock(&o->lock);
    unlock_and_drop(o);
}

static struct zu_errands *office_of(struct zu_ctx *ctx)
{
    struct zu_errands *o;

    pthread_mutex_lock(&ctx->lock);
    o = ctx->errands;
    if (!o && (o = zu_alloc_zero(sizeof *o)) != NULL) {
        pthread_mutex_init(&o->lock, NULL);
        zu_list_init(&o->waiting);
        o->refs = 1;
        ctx->errands = o;
    }
    pthread_mutex_unlock(&ctx->lock);
    return o;
}

static void run_back(struct zu_cmd *cmd)
{
    struct zu_errand *e = zu_container_of(cmd, struct zu_errand, cmd);

    e->state = ZU_ERRAND_AT_HOME; /* nobody else looks at it any more */
    if (e->dropped)
        e->drop(e);
    else
        e->done(e->self);
}

/* ---- the end of the process ---- */

static void clear_street(void)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += EXIT_WAIT_S;
    pthread_mutex_lock(&street.lock);
    street.closed = true;
    zu_list_each(it, &street.walkers)
        pthread_cancel(zu_container_of(it, struct walker, in_street)->thread);
    while (!zu_list_empty(&street.walkers) &&
           pthread_cond_timedwait(&street.fewer, &street.lock, &until) == 0)
        ;
    pthread_mutex_unlock(&street.lock);
}

static void watch_street(void)
{
    atexit(clear_street);
}

void zu_errands_forget(void)
{
    pthread_mutex_init(&street.lock, NULL);
    pthread_cond_init(&street.fewer, NULL);
    zu_list_init(&street.walkers);
}

/* False: the process ends. */
static bool enter_street(struct walker *w)
{
    bool open;

    pthread_mutex_lock(&street.lock);
    open = !street.closed;
    if (open)
        zu_list_append(&street.walkers, &w->in_street);
    pthread_mutex_unlock(&street.lock);
    return open;
}

/* Also when it was cancelled: then what it has is kept, for nobody knows what of it is whole. */
static void leave_street(void *arg)
{
    struct walker *w = arg;

    pthread_mutex_lock(&street.lock);
    zu_list_remove(&w->in_street);
    if (w->errand)
        zu_list_append(&street.lost, &w->errand->waiting);
    pthread_cond_signal(&street.fewer);
    pthread_mutex_unlock(&street.lock);
}

/* ---- threads ---- */

static void run_away(struct walker *w, struct zu_errand *e)
{
    w->errand = e;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    e->run(e);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    w->errand = NULL;
}

static void serve_all(struct zu_errands *o, struct walker *w)
{
    struct zu_list *next;

    pthread_mutex_lock(&o->lock);
    while ((next = zu_list_pop(&o->waiting)) != NULL) {
        struct zu_errand *e = zu_container_of(next, struct zu_errand, waiting);

        e->state = ZU_ERRAND_AWAY;
        pthread_mutex_unlock(&o->lock);
        run_away(w, e);
        pthread_mutex_lock(&o->lock);
        if (!e->dropped) {
            e->state = ZU_ERRAND_BACK;
            zu_loop_post(e->loop, &e->cmd);
            continue;
        }
        pthread_mutex_unlock(&o->lock);
        e->drop(e);
        pthread_mutex_lock(&o->lock);
    }
    o->threads--;
    unlock_and_drop(o);
}

static void *serve(void *arg)
{
    struct walker w = {.thread = pthread_self()};

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    zu_list_init(&w.in_street);
    if (!enter_street(&w))
        return NULL;
    pthread_cleanup_push(leave_street, &w);
    serve_all(arg, &w);
    pthread_cleanup_pop(1);
    return NULL;
}

/* The lock is held. */
static int start_thread(struct zu_errands *o)
{
    pthread_t thread;
    int rc = zu_thread_start(&thread, serve, o);

    if (rc < 0)
        return rc;
    pthread_setname_np(thread, "ZMQbg/Errand");
    pthread_detach(thread);
    o->refs++;
    o->threads++;
    return 0;
}

int zu_errand_start(struct zu_errand *e, struct zu_ctx *ctx, struct zu_loop *loop,
                    void (*done)(void *self), void *self)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct zu_errands *o = office_of(ctx);
    int rc = 0;

    if (!o)
        return -ENOMEM;
    pthread_once(&once, watch_street);
    e->office = o;
    e->loop = loop;
    e->done = done;
    e->self = self;
    e->cmd.run = run_back;
    pthread_mutex_lock(&o->lock);
    if (o->threads < ZU_ERRAND_THREADS)
        rc = start_thread(o);
    if (rc == 0 || o->threads > 0) {
        zu_list_append(&o->waiting, &e->waiting);
        e->state = ZU_ERRAND_WAITING;
        rc = 0;
    }
    pthread_mutex_unlock(&o->lock);
    return rc;
}

void zu_errand_end(struct zu_errand *e)
{
    struct zu_errands *o = e->office;

    if (!o) { /* it was never begun */
        e->drop(e);
        return;
    }
    pthread_mutex_lock(&o->lock);
    if (e->state == ZU_ERRAND_WAITING) {
        zu_list_remove(&e->waiting);
        e->state = ZU_ERRAND_AT_HOME;
    }
    e->dropped = e->state != ZU_ERRAND_AT_HOME;
    bool mine = !e->dropped;

    pthread_mutex_unlock(&o->lock);
    if (mine)
        e->drop(e);
}
