/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/alloc.h"
#include "engine/base/clock.h"
#include "engine/core/waiter.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MS       1000000u
#define FAR_AWAY (zu_now_ns() + (uint64_t)60 * 1000 * MS) /* a failing test ends, and late */

static struct zu_waiter w;
static bool wake_before_read;

static void make(void)
{
    zu_waiter_init(&w);
}

static void unmake(void)
{
    zu_waiter_fini(&w);
}

TestSuite(waiter, .init = make, .fini = unmake);

/* By futex, and by ppoll with a pipe that is never ready. */
static int wait_either_way(bool by_poll, uint64_t deadline_ns)
{
    static int ends[2] = {-1, -1};
    struct pollfd fd = {.events = POLLIN, .revents = 99};
    int rc;

    if (!by_poll)
        return zu_waiter_wait(&w, NULL, 0, deadline_ns, NULL);
    if (ends[0] < 0)
        cr_assert_eq(pipe(ends), 0);
    fd.fd = ends[0];
    rc = zu_waiter_wait(&w, &fd, 1, deadline_ns, NULL);
    cr_assert(rc == -EINTR || fd.revents == 0);
    return rc;
}

static bool fd_is_readable(void)
{
    struct pollfd fd = {.fd = w.fd, .events = POLLIN};

    return poll(&fd, 1, 0) == 1;
}

Test(waiter, times_out_not_before_its_deadline)
{
    for (int by_poll = 0; by_poll < 2; by_poll++) {
        uint64_t deadline = zu_now_ns() + 20 * MS;

        cr_assert_eq(wait_either_way(by_poll, deadline), -ETIMEDOUT);
        cr_assert(zu_now_ns() >= deadline);
        cr_assert_eq(wait_either_way(by_poll, 1), -ETIMEDOUT);
        cr_assert_eq(wait_either_way(by_poll, 0), -ETIMEDOUT);
    }
}

Test(waiter, does_not_sleep_over_a_wake_that_came_before)
{
    for (int by_poll = 0; by_poll < 2; by_poll++) {
        zu_waiter_wake(&w);
        zu_waiter_wake(&w);
        cr_assert_eq(wait_either_way(by_poll, UINT64_MAX), 0);
        cr_assert_eq(wait_either_way(by_poll, UINT64_MAX), 0);
        zu_waiter_reset(&w);
        cr_assert_eq(wait_either_way(by_poll, zu_now_ns() + MS), -ETIMEDOUT);
    }
}

Test(waiter, takes_a_wake_for_more_than_a_time_out)
{
    for (int by_poll = 0; by_poll < 2; by_poll++) {
        zu_waiter_wake(&w);
        cr_assert_eq(wait_either_way(by_poll, 0), 0);
        zu_waiter_reset(&w);
    }
}

static void *wake_after_a_while(void *arg)
{
    usleep(10000); /* not waited for: the sleeper may or may not sleep by then, both must work */
    zu_waiter_wake(&w);
    return arg;
}

Test(waiter, is_woken_by_another_thread)
{
    for (int i = 0; i < 10; i++) {
        pthread_t waker;

        pthread_create(&waker, NULL, wake_after_a_while, NULL);
        cr_assert_eq(wait_either_way(i % 2, i < 5 ? UINT64_MAX : FAR_AWAY), 0);
        pthread_join(waker, NULL);
        zu_waiter_reset(&w);
        cr_assert_eq(wait_either_way(i % 2, 0), -ETIMEDOUT);
    }
}

static void on_signal(int number)
{
    (void)number;
}

static void install(int number, int flags)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

    sigaction(number, &action, NULL);
}

struct pest {
    pthread_t victim;
    _Atomic bool enough;
};

/* Again and again: a signal that comes before the sleep interrupts none. */
static void *signal_until_enough(void *arg)
{
    struct pest *pest = arg;

    while (!atomic_load(&pest->enough)) {
        pthread_kill(pest->victim, SIGUSR1);
        usleep(2000);
    }
    return NULL;
}

Test(waiter, is_interrupted_whatever_the_handler_was_installed_with)
{
    static const int flags[] = {0, SA_RESTART};

    for (int i = 0; i < 8; i++) {
        struct pest pest = {.victim = pthread_self()};
        pthread_t thread;

        install(SIGUSR1, flags[i / 2 % 2]);
        pthread_create(&thread, NULL, signal_until_enough, &pest);
        cr_assert_eq(wait_either_way(i % 2, i < 4 ? UINT64_MAX : FAR_AWAY), -EINTR, "%d", i);
        atomic_store(&pest.enough, true);
        pthread_join(thread, NULL);
    }
}

Test(waiter, lets_signals_through_its_mask_and_keeps_the_others_back)
{
    sigset_t block, before, during;

    install(SIGUSR1, SA_RESTART);
    install(SIGUSR2, 0);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigaddset(&block, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &block, &before);
    raise(SIGUSR1);
    cr_assert_eq(zu_waiter_wait(&w, NULL, 0, 0, NULL), -ETIMEDOUT, "it is blocked");
    during = before;
    sigaddset(&during, SIGUSR2);
    cr_assert_eq(zu_waiter_wait(&w, NULL, 0, UINT64_MAX, &during), -EINTR, "pending before");
    raise(SIGUSR2);
    cr_assert_eq(zu_waiter_wait(&w, NULL, 0, zu_now_ns() + MS, &during), -ETIMEDOUT);
    zu_waiter_wake(&w);
    cr_assert_eq(zu_waiter_wait(&w, NULL, 0, UINT64_MAX, &during), 0);
}

Test(waiter, says_which_descriptors_are_ready)
{
    struct pollfd fds[40];
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    for (size_t count = 2; count <= 40; count += 15) { /* few, and too many for its own frame */
        for (size_t i = 0; i < count; i++)
            fds[i] = (struct pollfd){.fd = ends[0], .events = POLLIN, .revents = 99};
        fds[count - 1] = (struct pollfd){.fd = ends[1], .events = POLLOUT};
        cr_assert_eq(zu_waiter_wait(&w, fds, count, UINT64_MAX, NULL), 0);
        cr_assert_eq(fds[0].revents, 0);
        cr_assert_eq(fds[count - 1].revents, POLLOUT);
        cr_assert_eq(fds[0].events, POLLIN);
    }
    zu_waiter_wake(&w);
    fds[1] = (struct pollfd){.fd = 9999, .events = POLLIN};
    cr_assert_eq(zu_waiter_wait(&w, fds, 2, 0, NULL), 0);
    cr_assert_eq(fds[1].revents, POLLNVAL, "a look is taken even when it is woken");
}

Test(waiter, has_a_descriptor_that_is_readable_while_it_is_woken)
{
    cr_assert_eq(zu_waiter_make_fd(&w), 0);
    cr_assert_not(fd_is_readable());
    for (int i = 0; i < 3; i++) {
        zu_waiter_wake(&w);
        cr_assert(fd_is_readable());
        zu_waiter_wake(&w);
        cr_assert(fd_is_readable());
        zu_waiter_reset(&w);
        cr_assert_not(fd_is_readable());
        zu_waiter_reset(&w);
    }
}

Test(waiter, has_a_readable_descriptor_even_if_the_wake_was_first)
{
    int fd;

    zu_waiter_wake(&w);
    cr_assert_eq(zu_waiter_make_fd(&w), 0);
    cr_assert(fd_is_readable());
    fd = w.fd;
    cr_assert_eq(zu_waiter_make_fd(&w), 0);
    cr_assert_eq(w.fd, fd);
    zu_waiter_reset(&w);
    cr_assert_not(fd_is_readable());
}

/* In place of the C library's: lets a wake come just before a reset empties the descriptor. */
ssize_t read(int fd, void *buf, size_t size)
{
    if (wake_before_read && fd == w.fd) {
        wake_before_read = false;
        zu_waiter_wake(&w);
    }
    return syscall(SYS_read, fd, buf, size);
}

Test(waiter, is_never_woken_with_an_empty_descriptor)
{
    zu_waiter_make_fd(&w);
    wake_before_read = true;
    zu_waiter_reset(&w);
    cr_assert_not(wake_before_read, "it was not emptied");
    zu_waiter_wake(&w);
    cr_assert(fd_is_readable(), "no wake will ever be seen again");
}

Test(waiter, closes_its_descriptor)
{
    struct pollfd fd = {.events = POLLIN};

    zu_waiter_make_fd(&w);
    fd.fd = w.fd;
    zu_waiter_fini(&w);
    cr_assert_eq(poll(&fd, 1, 0), 1);
    cr_assert_eq(fd.revents, POLLNVAL);
}

Test(waiter, answers_an_error_where_no_descriptor_is_left)
{
    struct rlimit limit = {.rlim_cur = 0, .rlim_max = 4096}, before;
    sigset_t mask;

    getrlimit(RLIMIT_NOFILE, &before);
    limit.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    sigemptyset(&mask);
    cr_assert_eq(zu_waiter_make_fd(&w), -EMFILE);
    cr_assert_eq(zu_waiter_wait(&w, NULL, 0, 0, &mask), -EMFILE);
    cr_assert_eq(zu_waiter_wait(&w, NULL, 0, 0, NULL), -ETIMEDOUT, "needs none");
    zu_waiter_wake(&w);
    setrlimit(RLIMIT_NOFILE, &before);
    cr_assert_eq(zu_waiter_wait(&w, NULL, 0, UINT64_MAX, &mask), 0);
}

static bool refuse_all(size_t size)
{
    (void)size;
    return true;
}

Test(waiter, answers_an_error_when_memory_runs_out)
{
    struct pollfd fds[40];

    for (int i = 0; i < 40; i++)
        fds[i] = (struct pollfd){.fd = -1};
    zu_alloc_refuse = refuse_all;
    cr_assert_eq(zu_waiter_wait(&w, fds, 40, 0, NULL), -ENOMEM);
    cr_assert_eq(zu_waiter_wait(&w, fds, 20, 0, NULL), -ETIMEDOUT);
    zu_alloc_refuse = NULL;
}

Test(waiter, leaves_errno_alone_when_it_wakes)
{
    zu_waiter_make_fd(&w);
    errno = EPIPE;
    zu_waiter_wake(&w);
    zu_waiter_wake(&w);
    cr_assert_eq(errno, EPIPE);
}
