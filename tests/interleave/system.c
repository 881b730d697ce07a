/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls of the engine, by way of the linker's --wrap: in a schedule each is a point, and
 * one that waits waits as schedule.h says. Outside of one, what would wait finds that its time is
 * up.
 */
#include "tests/interleave/schedule.h"

#include "engine/base/base.h"
#include "tests/support/scripted.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

uint64_t __wrap_zu_now_ns(void);
int __wrap_sched_yield(void);
int __wrap_sched_getcpu(void);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
ssize_t __wrap_read(int fd, void *buf, size_t size);
ssize_t __wrap_write(int fd, const void *buf, size_t size);
int __wrap_epoll_ctl(int set, int how, int fd, struct epoll_event *event);
int __wrap_epoll_wait(int set, struct epoll_event *events, int most, int ms);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *time,
                 const sigset_t *mask);
long __wrap_syscall(long number, ...);

int __real_pthread_mutex_lock(pthread_mutex_t *lock);
ssize_t __real_read(int fd, void *buf, size_t size);
ssize_t __real_write(int fd, const void *buf, size_t size);
int __real_epoll_ctl(int set, int how, int fd, struct epoll_event *event);
int __real_epoll_wait(int set, struct epoll_event *events, int most, int ms);

/* Who spins has to see that time passes. */
uint64_t __wrap_zu_now_ns(void)
{
    if (schedule_runs())
        scripted_pass_us(1);
    return scripted_clock();
}

int __wrap_sched_yield(void)
{
    if (schedule_runs())
        point_yield();
    return 0;
}

int __wrap_sched_getcpu(void)
{
    return 0;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
    (void)time, (void)left;
    return __wrap_sched_yield();
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
    if (!schedule_runs())
        return __real_pthread_mutex_lock(lock);
    POINT("lock");
    while (pthread_mutex_trylock(lock) == EBUSY)
        point_yield();
    return 0;
}

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
    POINT("read");
    return __real_read(fd, buf, size);
}

ssize_t __wrap_write(int fd, const void *buf, size_t size)
{
    POINT("write");
    return __real_write(fd, buf, size);
}

int __wrap_epoll_ctl(int set, int how, int fd, struct epoll_event *event)
{
    POINT("epoll_ctl");
    return __real_epoll_ctl(set, how, fd, event);
}

int __wrap_epoll_wait(int set, struct epoll_event *events, int most, int ms)
{
    POINT("epoll_wait");
    return __real_epoll_wait(set, events, most, ms);
}

/* ---- what waits ---- */

struct polled {
    struct pollfd *fds;
    nfds_t count;
    int found;
};

static bool has_some(void *arg)
{
    struct polled *p = arg;

    p->found = poll(p->fds, p->count, 0);
    return p->found != 0;
}

int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *time,
                 const sigset_t *mask)
{
    struct polled p = {.fds = fds, .count = count};
    uint64_t ns = time ? (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_nsec : POINT_NEVER;
    uint64_t end = ns > POINT_NEVER - scripted_clock() ? POINT_NEVER : scripted_clock() + ns;

    (void)mask;
    if (schedule_runs())
        point_wait(has_some, &p, end);
    else if (!has_some(&p))
        scripted_pass_us(ns / 1000 + 1);
    return p.found;
}

/* A thread on a futex is there. Nobody sleeps on two, nor many on one. */
struct sleeper {
    const void *at;
    bool woken;
};

enum { SLEEPERS = 4 };
static struct sleeper sleepers[SLEEPERS];

static bool is_woken(void *arg)
{
    return ((struct sleeper *)arg)->woken;
}

static long futex_wait(const uint32_t *at, uint32_t as_long_as, const struct timespec *until)
{
    struct sleeper *s = sleepers;
    uint64_t end = (uint64_t)until->tv_sec * NS_PER_S + (uint64_t)until->tv_nsec;
    bool woken = false;

    POINT("futex wait");
    if (__atomic_load_n(at, __ATOMIC_RELAXED) != as_long_as) {
        errno = EAGAIN;
        return -1;
    }
    if (!schedule_runs()) {
        scripted_pass_us((end - scripted_clock()) / 1000 + 1);
        errno = ETIMEDOUT;
        return -1;
    }
    while (s->at)
        s++;
    *s = (struct sleeper){.at = at};
    woken = point_wait(is_woken, s, end);
    s->at = NULL;
    errno = woken ? errno : ETIMEDOUT;
    return woken ? 0 : -1;
}

static long futex_wake(const uint32_t *at)
{
    POINT("futex wake");
    for (int i = 0; i < SLEEPERS; i++)
        if (sleepers[i].at == at)
            sleepers[i].woken = true;
    return 0;
}

/* The engine calls a futex in this way, and else only asks who it is. */
long __wrap_syscall(long number, ...)
{
    const uint32_t *at;
    int how;
    uint32_t value;
    const struct timespec *until;
    va_list args;

    if (number != SYS_futex)
        return 0;
    va_start(args, number);
    at = va_arg(args, const uint32_t *);
    how = va_arg(args, int);
    value = va_arg(args, uint32_t);
    until = va_arg(args, const struct timespec *);
    va_end(args);
    return how == FUTEX_WAKE_PRIVATE ? futex_wake(at) : futex_wait(at, value, until);
}
