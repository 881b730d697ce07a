/* SPDX-License-Identifier: Apache-2.0 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/soak/waits.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

static _Atomic uint64_t interrupted;

void fail(const char *form, ...)
{
    va_list args;

    va_start(args, form);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, form, args);
    fprintf(stderr, "\n");
    va_end(args);
    _exit(1);
}

uint64_t chance(uint64_t *random, uint64_t below)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random % below;
}

uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

void compute(uint64_t us)
{
    uint64_t until = now_us() + us;

    while (now_us() < until) {
    }
}

void set(void *s, int option, int value)
{
    if (zmq_setsockopt(s, option, &value, sizeof value))
        fail("zmq_setsockopt %d: %s", option, zmq_strerror(errno));
}

bool was_interrupted(void)
{
    if (errno == EINTR)
        atomic_fetch_add_explicit(&interrupted, 1, memory_order_relaxed); /* a number */
    return errno == EINTR;
}

uint64_t interruptions(void)
{
    return atomic_load_explicit(&interrupted, memory_order_relaxed);
}

static bool poll_for(void *s, int ms)
{
    zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 0};
    int n = zmq_poll(&item, 1, ms);

    if (n < 0 && !was_interrupted())
        fail("zmq_poll: %s", zmq_strerror(errno));
    return n > 0;
}

#pragma weak zmq_poller_new

static void wait_in_poller(void *s, int ms)
{
    void *poller = zmq_poller_new ? zmq_poller_new() : NULL;
    zmq_poller_event_t e;

    if (!poller)
        return;
    if (zmq_poller_add(poller, s, NULL, ZMQ_POLLIN))
        fail("zmq_poller_add: %s", zmq_strerror(errno));
    if (zmq_poller_wait(poller, &e, ms) && errno != EAGAIN && !was_interrupted())
        fail("zmq_poller_wait: %s", zmq_strerror(errno));
    zmq_poller_destroy(&poller);
}

int hear(void *s, void *buf, size_t size, uint64_t *random, uint64_t busy_us)
{
    int flags = 0, n;
    uint64_t until = now_us() + busy_us;

    switch (chance(random, 5)) {
    case 0: break; /* ZMQ_RCVTIMEO */
    case 1:
        poll_for(s, LOOK_MS);
        flags = ZMQ_DONTWAIT;
        break;
    case 2:
        wait_in_poller(s, LOOK_MS);
        flags = ZMQ_DONTWAIT;
        break;
    case 3:
        while (!poll_for(s, 0) && now_us() < until) {
        }
        flags = ZMQ_DONTWAIT;
        break;
    default:
        while ((n = zmq_recv(s, buf, size, ZMQ_DONTWAIT)) < 0 && errno == EAGAIN &&
               now_us() < until) {
        }
        if (n >= 0)
            return n;
        if (errno != EAGAIN && !was_interrupted())
            fail("zmq_recv: %s", zmq_strerror(errno));
        return -1;
    }
    n = zmq_recv(s, buf, size, flags);
    if (n < 0 && errno != EAGAIN && !was_interrupted())
        fail("zmq_recv: %s", zmq_strerror(errno));
    return n;
}
