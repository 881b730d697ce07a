/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream for many is written once, into a log that all of them are sent from: what subscribers
 * hear, what is dropped and what is counted is as if each had a queue of its own, whoever comes,
 * goes, falls behind or wants something else in the middle of it.
 */
#include "engine/base/alloc.h"
#include "engine/base/kept.h"
#include "engine/core/session.h"
#include "include/zuring.h"
#include "patterns/xpub.h"
#include "tests/support/pair.h"
#include "tests/support/rawpeer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

TEST_SUITE(log);

enum { SUBS = 24, ENOUGH = 200 /* messages, and it is a stream */ };

static const char *at;
static void *pub, *subs[SUBS];
static int heard[SUBS]; /* the number that each expects next */

/* A test for each boundary over tcp, ipc and tls, numbered. */
static const enum test_transport transports[] = {TEST_TCP, TEST_IPC, TEST_TLS};

#define EACH_BACKEND(name)                                                                         \
    static void log_##name(enum test_transport transport);                                         \
    ParameterizedTestParameters(log, name)                                                         \
    {                                                                                              \
        static int all[] = {0, 1, 2, 3, 4, 5};                                                     \
        return cr_make_param_array(int, all, ZU_HAS_TLS ? 6 : 4);                                  \
    }                                                                                              \
    ParameterizedTest(int *one, log, name)                                                         \
    {                                                                                              \
        setenv("ZURING_BACKEND", *one & 1 ? "readiness" : "io_uring", 1);                          \
        test_over(transports[*one / 2]);                                                           \
        log_##name(transports[*one / 2]);                                                          \
    }                                                                                              \
    static void log_##name(enum test_transport transport)

static struct zu_fan *fan(void)
{
    return &((struct zu_xpub *)zu_socket_state(pub))->fan;
}

static struct zuring_socket_stats stats(void)
{
    struct zuring_socket_stats s;

    OK(zuring_stats_socket(pub, &s, sizeof s));
    return s;
}

static void subscribe(int i)
{
    subs[i] = test_socket(ZMQ_SUB);
    SET(subs[i], ZMQ_RCVHWM, 0);
    SUBSCRIBE(subs[i], "a");
    test_connect(subs[i], at);
}

static void subscribe_all(enum test_transport transport, int type, int hwm)
{
    at = test_endpoint(transport);
    pub = test_socket(type);
    SET(pub, ZMQ_SNDHWM, hwm);
    SET(pub, ZMQ_LINGER, -1);
    test_bind(pub, at);
    for (int i = 0; i < SUBS; i++)
        subscribe(i);
}

/* All have said what they want; of nothing else that is sent until then anybody hears. */
static void meet(void)
{
    struct zu_xpub *x = zu_socket_state(pub);

    WAIT((test_events(pub), zu_trie_find(&x->topics.trie, "a", 1)) &&
         zu_trie_find(&x->topics.trie, "a", 1)->count == SUBS);
}

/* "a" and a number, padded to `size`. */
static void send_number(int number, size_t size)
{
    char text[4097];

    memset(text, 'x', sizeof text);
    text[snprintf(text, sizeof text, "a%d", number)] = '/';
    OK(zmq_send(pub, text, size, 0));
}

/* Numbers from..to-1. */
static void publish(int from, int to, size_t size)
{
    for (int i = from; i < to; i++)
        send_number(i, size);
}

static int recv_number(void *sub, int flags)
{
    char text[4097];
    int size = zmq_recv(sub, text, sizeof text - 1, flags);

    if (size < 0)
        return -1;
    text[size] = 0;
    cr_assert_eq(text[0], 'a');
    return atoi(text + 1);
}

/* Each hears all up to `to`, in order. */
static void hear(int to)
{
    for (int i = 0; i < SUBS; i++)
        for (; subs[i] && heard[i] < to; heard[i]++) {
            int number = recv_number(subs[i], 0);

            cr_assert_eq(number, heard[i], "%d hears %d, not %d", i, number, heard[i]);
        }
}

/* The same where some are of two parts. */
static void hear_parts(int to)
{
    for (int i = 0; i < SUBS; i++)
        for (; heard[i] < to; heard[i]++) {
            cr_assert_eq(recv_number(subs[i], 0), heard[i]);
            if (test_get(subs[i], ZMQ_RCVMORE))
                OK(zmq_recv(subs[i], NULL, 0, 0));
        }
}

/* A stream is under way; its first messages were heard. */
static void begin(enum test_transport transport, int type, int hwm)
{
    subscribe_all(transport, type, hwm);
    meet();
    for (int i = 0; i < ENOUGH; i += 50) { /* below each water mark */
        publish(i, i + 50, 64);
        hear(i + 50);
    }
    cr_assert_eq(fan()->tapped, SUBS, "%u are tapped", fan()->tapped);
}

EACH_BACKEND(a_stream_is_heard_by_all_in_order)
{
    begin(transport, ZMQ_PUB, 0);
    publish(ENOUGH, 20000, 64);
    cr_assert_eq(fan()->tapped, SUBS);
    hear(20000);
}

EACH_BACKEND(frames_of_each_size_fit)
{
    int number = ENOUGH;

    begin(transport, ZMQ_PUB, 0);
    for (size_t size = 8; size <= 4096; size += 7)
        send_number(number++, size);
    cr_assert_eq(fan()->tapped, SUBS);
    hear(number);
}

EACH_BACKEND(what_is_not_for_all_is_heard_in_its_place)
{
    int number = ENOUGH;

    begin(transport, ZMQ_XPUB, 0);
    for (int round = 0; round < 40; round++) {
        publish(number, number + ENOUGH, 64); /* some of them from the log, if not all */
        number += ENOUGH;
        SEND(pub, "a%d|and more parts", number++);
        SEND(pub, "b is for nobody");
        if (round % 3 == 0)
            send_number(number++, 4096);
    }
    hear_parts(number);
}

EACH_BACKEND(who_wants_something_else_from_now_on_hears_that)
{
    int number = ENOUGH;

    begin(transport, ZMQ_PUB, 0);
    UNSUBSCRIBE(subs[0], "a");
    SUBSCRIBE(subs[0], "b");
    WAIT((send_number(number++, 64), fan()->tapped == 0));
    WAIT((test_send(pub, 0, "b"), strcmp(test_recv(subs[0], ZMQ_DONTWAIT), "b") == 0));
    subs[0] = NULL;
    publish(number, number + 2 * ENOUGH, 64);
    cr_assert_eq(fan()->tapped, SUBS - 1);
    hear(number + 2 * ENOUGH);
}

EACH_BACKEND(what_was_sent_is_counted_at_once)
{
    uint64_t met;

    subscribe_all(transport, ZMQ_PUB, 0);
    meet();
    met = stats().sent;
    for (int i = 0; i < 500; i++) {
        send_number(i, 64);
        cr_assert_eq(stats().sent - met, (uint64_t)(i + 1) * SUBS);
    }
    cr_assert_eq(fan()->tapped, SUBS);
    hear(500);
    WAIT(stats().out_waiting == 0);
    SEND(pub, "a500|in parts");
    cr_assert_eq(fan()->tapped, 0);
    cr_assert_eq(stats().sent - met, 501ull * SUBS);
}

EACH_BACKEND(who_is_slow_misses_what_has_no_room_and_the_others_do_not)
{
    enum { BATCH = 50, SIZE = 4000, MANY = 100000 };
    int number = ENOUGH, got, last = -1, count = 0;
    void *slow;

    begin(transport, ZMQ_PUB, 400);
    slow = subs[0];
    subs[0] = NULL;
    /* Until all that is between the two is full: the socket of the slow one reads, up to its mark,
     * which is without a bound; so it is made to read no more. */
    SET(slow, ZMQ_RCVHWM, 10);
    while (stats().dropped_water_mark == 0 && number < MANY) {
        for (int i = 0; i < BATCH; i++)
            send_number(number++, SIZE);
        hear(number);
    }
    cr_assert_gt(stats().dropped_water_mark, 0);
    cr_assert_eq(fan()->tapped, SUBS - 1);
    publish(number, number + ENOUGH, SIZE);
    number += ENOUGH;
    hear(number);
    uint64_t dropped = stats().dropped_water_mark, expected = (uint64_t)(number - ENOUGH) - dropped;

    for (last = ENOUGH - 1; (uint64_t)count < expected; count++, last = got) {
        got = recv_number(slow, 0);
        cr_assert_gt(got, last, "in order");
    }
    cr_assert_eq(recv_number(slow, ZMQ_DONTWAIT), -1, "no more than were not dropped");
    /* It has room again, and is among the others before long. */
    subs[0] = slow;
    heard[0] = number;
    WAIT((test_events(pub), fan()->ready == SUBS));
    WAIT((send_number(number++, 64), hear(number), fan()->tapped == SUBS));
}

EACH_BACKEND(who_comes_and_goes_does_not_disturb_the_others)
{
    int number = ENOUGH;

    begin(transport, ZMQ_PUB, 0);
    for (int round = 0; round < 12; round++) {
        publish(number, number + ENOUGH, 64);
        number += ENOUGH;
        test_close(subs[round]);
        subs[round] = NULL;
        publish(number, number + ENOUGH, 64);
        number += ENOUGH;
        subscribe(round);
        WAIT((send_number(number++, 64),
              heard[round] = recv_number(subs[round], ZMQ_DONTWAIT) + 1) > 0);
        hear(number);
    }
}

EACH_BACKEND(what_is_in_the_log_is_sent_after_the_close)
{
    begin(transport, ZMQ_PUB, 0);
    publish(ENOUGH, 5000, 64);
    test_close(pub);
    hear(5000);
}

static uint64_t closing(void)
{
    struct zuring_context_stats s;

    OK(zuring_stats_context(test_ctx(), &s, sizeof s));
    return s.closing;
}

EACH_BACKEND(without_linger_the_log_goes_with_the_socket)
{
    begin(transport, ZMQ_PUB, 0);
    publish(ENOUGH, 50000, 64);
    SET(pub, ZMQ_LINGER, 0);
    test_close(pub);
    WAIT(closing() == 0); /* each message of each has been sent, or is told as lost */
    for (int i = 0; i < SUBS; i++)
        while (recv_number(subs[i], ZMQ_DONTWAIT) >= 0)
            continue;
}

/* What of `size` each is in the log, or was taken by the kernel: of all that was sent nothing is
 * missing, when what was under way on a connection is no whole message. */
EACH_BACKEND(what_an_unbind_leaves_in_the_log_is_counted_as_lost)
{
    enum { SIZE = 4000, FRAME = 9 + SIZE, MANY = 3000 };
    struct zuring_socket_stats before, now;

    begin(transport, ZMQ_PUB, 0);
    WAIT(stats().out_waiting == 0 && stats().bytes_out >= SUBS * ENOUGH * 66ull);
    before = stats();
    for (int i = 0; i < SUBS; i++)
        SET(subs[i], ZMQ_RCVHWM, 10);
    publish(ENOUGH, MANY, SIZE);
    cr_assert_eq(fan()->tapped, SUBS);
    OK(zmq_unbind(pub, at));
    WAIT((test_events(pub), fan()->pipes.count == 0));
    cr_assert_eq(fan()->tapped, 0);
    if (transport == TEST_TLS) /* whose records and alerts are counted, too */
        return;
    WAIT((now = stats(), now.dropped_lost > 0 && now.out_waiting == 0 &&
                             (now.sent - before.sent - now.dropped_lost) * FRAME <=
                                 now.bytes_out - before.bytes_out &&
                             (now.sent - before.sent - now.dropped_lost + SUBS) * FRAME >
                                 now.bytes_out - before.bytes_out));
}

EACH_BACKEND(a_lower_mark_holds_at_once)
{
    begin(transport, ZMQ_PUB, 0);
    SET(pub, ZMQ_SNDHWM, 100);
    for (int i = 0; i < 300 && stats().dropped_water_mark == 0; i++)
        publish(ENOUGH, 2 * ENOUGH, 4000);
    cr_assert_gt(stats().dropped_water_mark, 0);
}

EACH_BACKEND(nothing_is_dropped_once_that_is_forbidden)
{
    int sent = ENOUGH;

    begin(transport, ZMQ_XPUB, 100);
    SET(pub, ZMQ_XPUB_NODROP, 1);
    SET(pub, ZMQ_SNDTIMEO, 0);
    for (int i = 0; i < SUBS; i++)
        SET(subs[i], ZMQ_RCVHWM, 10);
    while (test_send(pub, 0, "a%d/%1000d", sent, 0) == 0)
        sent++;
    hear(sent);
    cr_assert_eq(stats().dropped_water_mark, 0);
}

EACH_BACKEND(peers_that_break_off_take_nothing_with_them)
{
    struct linger {
        int on, seconds;
    } reset = {1, 0};

    if (transport == TEST_TLS) /* which a raw peer does not speak */
        return;
    begin(transport, ZMQ_PUB, 1000);
    for (int round = 0, number = ENOUGH; round < 5; round++) {
        int fd[4];

        for (int i = 0; i < 4; i++) {
            fd[i] = raw_dial(at);
            raw_greet(fd[i], 0);
            raw_send_ready(fd[i], "SUB", NULL);
            raw_send(fd[i], "00 02 01 'a'");
        }
        WAIT((send_number(number++, 4000), hear(number), fan()->tapped >= SUBS + 4));
        publish(number, number + 300, 4000);
        number += 300;
        for (int i = 0; i < 4; i++) {
            setsockopt(fd[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            raw_close(&fd[i]);
        }
        hear(number);
        WAIT((send_number(number++, 64), fan()->pipes.count == SUBS));
        hear(number);
    }
}

/* ---- memory ---- */

static _Thread_local long requests_left = -1; /* of this thread, until one is refused */
static size_t refused_size;                   /* of all threads; 0: none */

static bool refuse(size_t size)
{
    return (requests_left >= 0 && requests_left-- == 0) ||
           (size && size == __atomic_load_n(&refused_size, __ATOMIC_RELAXED));
}

EACH_BACKEND(who_cannot_be_tapped_is_written_by_himself)
{
    int number = ENOUGH;
    uint32_t least = SUBS;

    zu_alloc_refuse = refuse;
    begin(transport, ZMQ_XPUB, 0);
    for (long n = 0; n < 3 * SUBS + 8; n++) {
        SEND(pub, "a%d|ends it", number++);
        cr_assert_eq(fan()->tapped, 0);
        fan()->wait = 64;
        for (int i = 0; i < 70; i++, number++) {
            requests_left = fan()->alike == fan()->wait - 1 ? n : -1;
            while (zmq_send(pub, test_text("a%d", number), strlen(test_text("a%d", number)), 0) < 0)
                cr_assert_eq(errno, ENOMEM);
        }
        requests_left = -1;
        least = ZU_MIN(least, fan()->tapped);
        cr_assert_geq(fan()->tapped, SUBS - 1);
        hear_parts(number);
    }
    cr_assert_eq(least, SUBS - 1);
}

EACH_BACKEND(without_a_block_each_is_written_by_himself)
{
    int number = ENOUGH;

    zu_alloc_refuse = refuse;
    begin(transport, ZMQ_PUB, 0);
    __atomic_store_n(&refused_size, 64 * 1024, __ATOMIC_RELAXED);
    while (fan()->tapped && number < 100000)
        publish(number, number + 1, 4096), number++;
    cr_assert_eq(fan()->tapped, 0);
    publish(number, number + 50, 64);
    number += 50;
    hear(number);
    __atomic_store_n(&refused_size, 0, __ATOMIC_RELAXED);
    publish(number, number + 2 * ENOUGH, 64);
    cr_assert_eq(fan()->tapped, SUBS);
    hear(number + 2 * ENOUGH);
}

EACH_BACKEND(without_a_tap_no_block_is_kept)
{
    zu_alloc_refuse = refuse;
    subscribe_all(transport, ZMQ_PUB, 0);
    meet();
    __atomic_store_n(&refused_size, sizeof(struct zu_tap), __ATOMIC_RELAXED);
    publish(0, ENOUGH, 64);
    cr_assert_eq(fan()->tapped, 0);
    cr_assert_not_null(fan()->logs);
    cr_assert_null(fan()->logs->tail);
    __atomic_store_n(&refused_size, 0, __ATOMIC_RELAXED);
    publish(ENOUGH, 4 * ENOUGH, 64);
    cr_assert_eq(fan()->tapped, SUBS);
    hear(4 * ENOUGH);
}

/* ---- a kernel that is short of memory ---- */

static const struct zu_kernel_table *whole_table;

static void send_every_other(struct zu_kernel *k, struct zu_op *op, int fd, const void *buf,
                             size_t len)
{
    static unsigned sends;

    if (sends++ % 2)
        op->done(op, -ENOBUFS, 0);
    else
        whole_table->send(k, op, fd, buf, len);
}

EACH_BACKEND(what_the_kernel_refused_for_now_goes_once_and_keeps_no_block)
{
    enum { SIZE = 4000, MANY = 600, BLOCKS = 16 * 64 * 1024 };
    static struct zu_kernel_table table;
    struct zu_kernel *k;
    size_t before;

    if (transport == TEST_TLS) /* each connection has a boundary of its own */
        return;
    begin(transport, ZMQ_PUB, 0);
    publish(ENOUGH, MANY, SIZE);
    hear(MANY);
    WAIT(stats().out_waiting == 0);
    before = zu_kept_in_use();
    k = ((struct zu_session *)fan()->pipes.item[0]->peer->owner)->kernel;
    whole_table = k->table;
    table = *whole_table;
    table.send = send_every_other;
    __atomic_store_n(&k->table, &table, __ATOMIC_RELEASE);
    publish(MANY, 2 * MANY, SIZE);
    cr_assert_eq(fan()->tapped, SUBS);
    hear(2 * MANY);
    __atomic_store_n(&k->table, whole_table, __ATOMIC_RELEASE);
    WAIT(stats().out_waiting == 0 && zu_kept_in_use() < before + BLOCKS);
}
