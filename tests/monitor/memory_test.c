/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory runs out while a socket is watched: the n-th request of a whole cycle fails, for every n
 * until a cycle has no n-th request any more. Calls succeed or say ENOMEM, and then succeed when
 * they are repeated; events may be lost; nothing hangs, leaks or ends the process.
 */
#include "engine/base/alloc.h"
#include "include/zmq.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(memory, .timeout = 600);

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

enum { IN_A_ROW_MAX = 4, CYCLES_MAX = 5000 };

static _Atomic long requests;      /* since the cycle began */
static _Atomic long first, behind; /* those from first on, but not behind, are refused */

static bool refuse(size_t size)
{
    long n = atomic_fetch_add(&requests, 1) + 1;

    (void)size;
    return n >= atomic_load(&first) && n < atomic_load(&behind);
}

/* Repeats the call while it says ENOMEM, which it may as often as requests are refused. */
#define INSIST(call)                                                                               \
    do {                                                                                           \
        int left_ = IN_A_ROW_MAX + 1;                                                              \
        while ((call) == -1) {                                                                     \
            cr_assert_eq(errno, ENOMEM, "%ld: %s: %s", first, #call, zmq_strerror(errno));         \
            cr_assert_gt(left_--, 0, "%ld: %s: ENOMEM for ever", first, #call);                    \
        }                                                                                          \
    } while (0)

#define INSIST_ON(variable, call) INSIST(((variable) = (call)) != NULL ? 0 : -1)

static void set(void *socket, int option, int value)
{
    INSIST(zmq_setsockopt(socket, option, &value, sizeof value));
}

/* Until MONITOR_STOPPED; or, where something was refused, until nothing more comes. */
static void read_events(void *reader)
{
    uint16_t event = 0;

    while (event != ZMQ_EVENT_MONITOR_STOPPED) {
        unsigned char head[6];
        char text[256];

        if (zmq_recv(reader, head, sizeof head, 0) != sizeof head ||
            zmq_recv(reader, text, sizeof text, 0) < 0) {
            cr_assert_geq(requests, first, "nothing was refused, and yet it did not stop");
            return;
        }
        memcpy(&event, head, sizeof event);
    }
}

static void go_round(void)
{
    /* Longer than what a message or an event holds in itself. */
    static const char name[] = "inproc://a-name-that-is-longer-than-what-a-small-message-holds";
    char endpoint[96];
    void *ctx, *s, *reader;

    snprintf(endpoint, sizeof endpoint, "ipc://@%d-of-a-length-that-no-message-holds-in-itself",
             (int)getpid());
    INSIST_ON(ctx, zmq_ctx_new());
    INSIST_ON(s, zmq_socket(ctx, ZMQ_PULL));
    INSIST_ON(reader, zmq_socket(ctx, ZMQ_PAIR));
    set(reader, ZMQ_RCVTIMEO, 50);
    INSIST(zmq_socket_monitor(s, name, ZMQ_EVENT_ALL));
    INSIST(zmq_connect(reader, name));
    INSIST(zmq_bind(s, endpoint));
    INSIST(zmq_socket_monitor(s, "inproc://another", ZMQ_EVENT_ALL));
    read_events(reader);
    cr_assert_eq(zmq_close(s), 0);
    cr_assert_eq(zmq_close(reader), 0);
    cr_assert_eq(zmq_ctx_term(ctx), 0);
}

static void refuse_each(long count)
{
    long n = 1;

    zu_alloc_refuse = refuse;
    do {
        cr_assert_lt(n, CYCLES_MAX);
        atomic_store(&requests, 0);
        atomic_store(&first, n);
        atomic_store(&behind, n + count);
        go_round();
    } while (n++ <= atomic_load(&requests));
    zu_alloc_refuse = NULL;
    cr_assert_gt(n, 20);
    if (__lsan_do_recoverable_leak_check)
        cr_assert_eq(__lsan_do_recoverable_leak_check(), 0);
}

Test(memory, one_request_in_vain)
{
    refuse_each(1);
}

Test(memory, several_requests_in_a_row_in_vain)
{
    refuse_each(IN_A_ROW_MAX);
}
