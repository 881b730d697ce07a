/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small helpers: Z85, counters, stopwatches, threads, errors and what the library says of
 * itself. No context.
 */
#include "tests/support/wait.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <zmq.h>

TestSuite(utils, .timeout = 600);

/* ---- Z85 ---- */

static const uint8_t hello[8] = {0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B};

Test(utils, z85_goes_both_ways_and_leaves_errno_alone)
{
    char text[11];
    uint8_t data[8];

    errno = 1234;
    cr_expect_eq(zmq_z85_encode(text, hello, sizeof hello), text);
    cr_expect_str_eq(text, "HelloWorld");
    cr_expect_eq(zmq_z85_decode(data, text), data);
    cr_expect_arr_eq(data, hello, sizeof hello);
    cr_expect_eq(errno, 1234);
    memset(text, 'x', sizeof text);
    cr_expect_eq(zmq_z85_encode(text, hello, 0), text);
    cr_expect_str_empty(text);
}

Test(utils, z85_refuses_what_is_none)
{
    const char *const bad[] = {"", "1", "1234", "123456", "12 45", "1234\"", "%nSc1", "#####"};
    uint8_t data[16];
    char text[32];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        errno = 0;
        cr_expect_null(zmq_z85_decode(data, bad[i]), "%s", bad[i]);
        cr_expect_eq(errno, EINVAL, "%s", bad[i]);
    }
    for (size_t n = 1; n < 8; n++) {
        errno = 0;
        cr_expect(n == 4 || !zmq_z85_encode(text, hello, n));
        cr_expect_eq(errno, n == 4 ? 0 : EINVAL);
    }
    cr_expect_not_null(zmq_z85_decode(data, "%nSc0"), "the largest that four bytes hold");
    cr_expect_arr_eq(data, "\xff\xff\xff\xff", 4);
}

/* ---- counters ---- */

Test(utils, a_counter_answers_the_value_before_and_whether_it_is_not_0_after)
{
    void *c = zmq_atomic_counter_new();

    cr_assert_not_null(c);
    cr_expect_eq(zmq_atomic_counter_value(c), 0);
    cr_expect_eq(zmq_atomic_counter_inc(c), 0);
    cr_expect_eq(zmq_atomic_counter_inc(c), 1);
    cr_expect_eq(zmq_atomic_counter_inc(c), 2);
    cr_expect_eq(zmq_atomic_counter_value(c), 3);
    cr_expect_eq(zmq_atomic_counter_dec(c), 1);
    cr_expect_eq(zmq_atomic_counter_dec(c), 1);
    cr_expect_eq(zmq_atomic_counter_dec(c), 0);
    cr_expect_eq(zmq_atomic_counter_dec(c), 1, "-1 is not 0");
    cr_expect_eq(zmq_atomic_counter_value(c), -1);
    zmq_atomic_counter_set(c, 2);
    cr_expect_eq(zmq_atomic_counter_dec(c), 1);
    cr_expect_eq(zmq_atomic_counter_dec(c), 0);
    zmq_atomic_counter_destroy(&c);
    cr_expect_null(c);
}

enum { COUNTS = 100000 };

static void count_up(void *counter)
{
    for (int i = 0; i < COUNTS; i++)
        zmq_atomic_counter_inc(counter);
}

Test(utils, a_counter_loses_nothing_between_threads)
{
    void *c = zmq_atomic_counter_new();
    void *a = zmq_threadstart(count_up, c), *b = zmq_threadstart(count_up, c);

    cr_assert_not_null(a);
    cr_assert_not_null(b);
    zmq_threadclose(a);
    zmq_threadclose(b);
    cr_expect_eq(zmq_atomic_counter_value(c), 2 * COUNTS);
    zmq_atomic_counter_destroy(&c);
}

/* ---- time ---- */

Test(utils, a_stopwatch_counts_microseconds)
{
    void *watch = zmq_stopwatch_start();
    int64_t start_ms = test_now_ms(), ms;
    unsigned long first, second;

    cr_assert_not_null(watch);
    WAIT(test_now_ms() >= start_ms + 20);
    first = zmq_stopwatch_intermediate(watch);
    second = zmq_stopwatch_stop(watch);
    ms = test_now_ms() - start_ms;
    cr_expect_geq(first, 19000);
    cr_expect_geq(second, first);
    cr_expect_leq(second, (unsigned long)(ms + 2) * 1000);
}

Test(utils, sleep_takes_seconds)
{
    int64_t start_ms = test_now_ms();

    zmq_sleep(0);
    zmq_sleep(1);
    cr_expect_geq(test_now_ms() - start_ms, 999);
}

/* ---- threads ---- */

struct seen {
    int ran;
    sigset_t mask;
    char name[16];
};

static void look_around(void *arg)
{
    struct seen *s = arg;

    s->ran++;
    pthread_sigmask(SIG_BLOCK, NULL, &s->mask);
    pthread_getname_np(pthread_self(), s->name, sizeof s->name);
}

Test(utils, a_thread_runs_once_and_hears_no_signal)
{
    const int some[] = {SIGINT, SIGTERM, SIGALRM, SIGCHLD, SIGUSR1, SIGHUP};
    struct seen seen = {0};
    void *thread = zmq_threadstart(look_around, &seen);
    sigset_t mine;

    cr_assert_not_null(thread);
    zmq_threadclose(thread);
    cr_expect_eq(seen.ran, 1);
    cr_expect_str_eq(seen.name, "ZMQapp");
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
        cr_expect_eq(sigismember(&seen.mask, some[i]), 1, "signal %d", some[i]);
    pthread_sigmask(SIG_BLOCK, NULL, &mine);
    cr_expect_eq(sigismember(&mine, SIGUSR1), 0, "the caller's mask is what it was");
}

/* ---- words ---- */

Test(utils, errors_have_libzmqs_words)
{
    cr_expect_str_eq(zmq_strerror(EFSM), "Operation cannot be accomplished in current state");
    cr_expect_str_eq(zmq_strerror(ENOCOMPATPROTO),
                     "The protocol is not compatible with the socket type");
    cr_expect_str_eq(zmq_strerror(ETERM), "Context was terminated");
    cr_expect_str_eq(zmq_strerror(EMTHREAD), "No thread available");
    cr_expect_str_eq(zmq_strerror(EHOSTUNREACH), "Host unreachable");
    cr_expect_str_eq(zmq_strerror(EAGAIN), strerror(EAGAIN));
    cr_expect_str_eq(zmq_strerror(EINVAL), strerror(EINVAL));
    cr_expect_not_null(zmq_strerror(-1));
    errno = EBADF;
    cr_expect_eq(zmq_errno(), EBADF);
}

Test(utils, it_has_what_it_says_and_knows_no_other_word)
{
    const char *const none[] = {"", "tcp", "plain", "ws", "IPC", "ipc ", "vmci", "nonsense"};

    cr_expect_eq(zmq_has("ipc"), 1);
    cr_expect_eq(zmq_has("curve"), 1);
    cr_expect_eq(zmq_has("gssapi"), ZU_HAS_GSSAPI);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        cr_expect_eq(zmq_has(none[i]), 0, "%s", none[i]);
}
