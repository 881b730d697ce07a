/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One detached thread a look-up: getaddrinfo cannot be called off, so the thread must be able to
 * outlive everybody who was interested. What it may still touch is this object, which is counted,
 * and, under the lock and only while nobody cancelled, the loop.
 */
#include "engine/core/lookup.h"

#include "engine/base/alloc.h"
#include "engine/base/thread.h"

#include <errno.h>
#include <pthread.h>

struct zu_lookup {
    pthread_mutex_t lock; /* protects refs, cancelled, and posting to the loop */
    int refs;             /* the starter's, and the thread's or the command's */
    bool cancelled;
    struct zu_loop *loop;
    const struct zu_transport *transport;
    struct zu_options *options;
    zu_lookup_done *done;
    void *self;
    int rc;
    struct zu_target target;
    struct zu_cmd cmd;
    char text[];
};

/* The lock is held; it is not after. */
static void unlock_and_drop(struct zu_lookup *l)
{
    int left = --l->refs;

    pthread_mutex_unlock(&l->lock);
    if (left)
        return;
    pthread_mutex_destroy(&l->lock);
    zu_options_drop(l->options);
    zu_free(l);
}

static void run_done(struct zu_cmd *cmd)
{
    struct zu_lookup *l = zu_container_of(cmd, struct zu_lookup, cmd);

    if (!l->cancelled) /* only this thread sets it */
        l->done(l->self, l->rc, &l->target);
    pthread_mutex_lock(&l->lock);
    if (!l->cancelled) {
        l->cancelled = true;
        l->refs--; /* the starter's: `done` has ended it */
    }
    unlock_and_drop(l);
}

static void *look(void *arg)
{
    struct zu_lookup *l = arg;

    l->rc = l->transport->resolve(&l->target, l->text, l->options);
    pthread_mutex_lock(&l->lock);
    if (l->cancelled) {
        unlock_and_drop(l);
        return NULL;
    }
    zu_loop_post(l->loop, &l->cmd); /* the command takes the thread's count over */
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static int start_thread(struct zu_lookup *l)
{
    pthread_t thread;
    int rc = zu_thread_start(&thread, look, l);

    if (rc == 0)
        pthread_detach(thread);
    return rc;
}

int zu_lookup_start(struct zu_lookup **out, struct zu_loop *loop,
                    const struct zu_transport *transport, const char *text,
                    struct zu_options *options, zu_lookup_done *done, void *self)
{
    size_t size = strlen(text) + 1;
    struct zu_lookup *l = zu_alloc_zero(sizeof *l + size);
    int rc = 0;

    if (!l)
        return -ENOMEM;
    pthread_mutex_init(&l->lock, NULL);
    l->refs = 2;
    l->loop = loop;
    l->transport = transport;
    l->options = options;
    zu_options_hold(options);
    l->done = done;
    l->self = self;
    l->cmd.run = run_done;
    memcpy(l->text, text, size);
    if (transport->blocks(text, options)) {
        rc = start_thread(l);
    } else {
        l->rc = transport->resolve(&l->target, text, options);
        zu_loop_post(loop, &l->cmd);
    }
    if (rc < 0) {
        l->refs = 1;
        pthread_mutex_lock(&l->lock);
        unlock_and_drop(l);
        return rc;
    }
    *out = l;
    return 0;
}

void zu_lookup_cancel(struct zu_lookup *l)
{
    pthread_mutex_lock(&l->lock);
    l->cancelled = true;
    unlock_and_drop(l);
}
