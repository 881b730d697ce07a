/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_utils: the small helpers that libzmq gives to programs: Z85 and keys, an atomic counter, a
 * stopwatch, threads. None needs a context. A handle that is NULL makes a call do nothing.
 */
#include "engine/base/alloc.h"
#include "engine/base/base.h"
#include "engine/base/clock.h"
#include "engine/base/err.h"
#include "engine/base/thread.h"
#include "engine/base/z85.h"
#include "engine/security/box.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

enum { KEY_DIGITS = 40 }; /* of a key in Z85 */

/* ---- Z85 and keys ---- */

char *zmq_z85_encode(char *text, const uint8_t *data, size_t size)
{
    int rc = text && (data || size == 0) ? zu_z85_encode(text, data, size) : -EINVAL;

    return zu_return(rc) == 0 ? text : NULL;
}

uint8_t *zmq_z85_decode(uint8_t *data, const char *text)
{
    int rc = data && text ? zu_z85_decode(data, text) : -EINVAL;

    return zu_return(rc) == 0 ? data : NULL;
}

int zmq_curve_keypair(char *public_key, char *secret_key)
{
    uint8_t public_bytes[ZU_BOX_KEY], secret_bytes[ZU_BOX_KEY];
    int rc = public_key && secret_key ? zu_box_ready() : -EFAULT;

    if (rc < 0)
        return zu_return(rc);
    zu_box_keypair(public_bytes, secret_bytes);
    zu_z85_encode(public_key, public_bytes, ZU_BOX_KEY);
    zu_z85_encode(secret_key, secret_bytes, ZU_BOX_KEY);
    zu_box_wipe(secret_bytes, ZU_BOX_KEY);
    return 0;
}

int zmq_curve_public(char *public_key, const char *secret_key)
{
    uint8_t public_bytes[ZU_BOX_KEY], secret_bytes[ZU_BOX_KEY];
    int rc = public_key && secret_key ? zu_box_ready() : -EFAULT;

    if (rc == 0)
        rc = strlen(secret_key) == KEY_DIGITS ? zu_z85_decode(secret_bytes, secret_key) : -EINVAL;
    if (rc < 0)
        return zu_return(rc);
    zu_box_public(public_bytes, secret_bytes);
    zu_box_wipe(secret_bytes, ZU_BOX_KEY);
    zu_z85_encode(public_key, public_bytes, ZU_BOX_KEY);
    return 0;
}

/* ---- atomic counter ---- */

/*
 * Programs count references with it, so it orders: [U1] acq_rel, each change pairs with the one
 * before it in another thread; who sees 0 sees what the others did before they counted down.
 */
struct counter {
    _Atomic int value;
};

void *zmq_atomic_counter_new(void)
{
    struct counter *c = zu_alloc(sizeof *c);

    if (c)
        atomic_init(&c->value, 0);
    else
        errno = ENOMEM;
    return c;
}

void zmq_atomic_counter_set(void *counter, int value)
{
    struct counter *c = counter;

    if (c)
        atomic_store_explicit(&c->value, value, memory_order_release);
}

int zmq_atomic_counter_inc(void *counter)
{
    struct counter *c = counter;

    return c ? atomic_fetch_add_explicit(&c->value, 1, memory_order_acq_rel) : zu_return(-EFAULT);
}

int zmq_atomic_counter_dec(void *counter)
{
    struct counter *c = counter;

    if (!c)
        return zu_return(-EFAULT);
    return atomic_fetch_sub_explicit(&c->value, 1, memory_order_acq_rel) != 1;
}

int zmq_atomic_counter_value(void *counter)
{
    struct counter *c = counter;

    return c ? atomic_load_explicit(&c->value, memory_order_acquire) : zu_return(-EFAULT);
}

void zmq_atomic_counter_destroy(void **counter)
{
    if (!counter)
        return;
    zu_free(*counter);
    *counter = NULL;
}

/* ---- stopwatch ---- */

struct watch {
    uint64_t start_ns;
};

void *zmq_stopwatch_start(void)
{
    struct watch *w = zu_alloc(sizeof *w);

    if (w)
        w->start_ns = zu_now_ns();
    else
        errno = ENOMEM;
    return w;
}

unsigned long zmq_stopwatch_intermediate(void *watch)
{
    const struct watch *w = watch;

    return w ? (unsigned long)((zu_now_ns() - w->start_ns) / 1000) : 0;
}

unsigned long zmq_stopwatch_stop(void *watch)
{
    unsigned long us = zmq_stopwatch_intermediate(watch);

    zu_free(watch);
    return us;
}

void zmq_sleep(int seconds)
{
    struct timespec t = {.tv_sec = seconds};

    if (seconds > 0)
        nanosleep(&t, NULL); /* a signal ends it, as it ends sleep(3) */
}

/* ---- threads ---- */

struct thread {
    pthread_t id;
    zmq_thread_fn *function;
    void *arg;
};

static void *run_thread(void *arg)
{
    struct thread *t = arg;

    pthread_setname_np(pthread_self(), "ZMQapp");
    t->function(t->arg);
    return NULL;
}

void *zmq_threadstart(zmq_thread_fn *function, void *arg)
{
    struct thread *t;
    int rc;

    if (!function) {
        errno = EFAULT;
        return NULL;
    }
    if (!(t = zu_alloc(sizeof *t))) {
        errno = ENOMEM;
        return NULL;
    }
    t->function = function;
    t->arg = arg;
    if ((rc = zu_thread_start(&t->id, run_thread, t)) < 0) {
        zu_free(t);
        errno = -rc;
        return NULL;
    }
    return t;
}

void zmq_threadclose(void *thread)
{
    struct thread *t = thread;

    if (!t)
        return;
    pthread_join(t->id, NULL);
    zu_free(t);
}
