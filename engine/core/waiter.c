/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `woken` is set by an exchange whose old value says what is left to do: nothing when it was woken
 * already, and no futex call when the sleeper was not on the futex. The eventfd, if there is one,
 * is written at the first wake since a reset, asleep or not, because with ZMQ_FD the sleeper is in
 * a poll that we know nothing of.
 *
 * Why the futex loses no wake: the sleeper changes 0 to ASLEEP in one step and sleeps only while it
 * is ASLEEP, which the kernel compares under its own lock.
 *
 * Why the eventfd loses no wake: woken means readable, or to be so in a moment. (1) While it is
 * being made, the maker stores `fd` and then looks at `woken`; a waker sets `woken` and then looks
 * at `fd`. All four are sequentially consistent, so at least one sees the other's, and writes. (2)
 * A reset empties the eventfd first and clears `woken` after. The other way round, a wake between
 * the two sets `woken` and has its write swallowed; from then on every wake believes that the
 * eventfd is readable, it is not, and the user's poll sleeps for ever. With the right order only
 * the harmless can happen: a write that comes late makes a poll return once for nothing.
 *
 * An infinite wait has a deadline, too, a far one: a futex wait without a time-out is restarted by
 * the kernel after a handler that was installed with SA_RESTART, one with a time-out never is.
 */
#include "engine/core/waiter.h"

#include "engine/base/alloc.h"
#include "engine/base/clock.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FAR_NS    ((uint64_t)1 << 62) /* of CLOCK_MONOTONIC: a machine that is up for 146 years */
#define NS_PER_S  1000000000u
#define FDS_QUICK 32 /* polled without an allocation */

void zu_waiter_init(struct zu_waiter *w)
{
    atomic_init(&w->woken, 0);
    atomic_init(&w->fd, -1);
}

void zu_waiter_fini(struct zu_waiter *w)
{
    /* Relaxed: the sleeper's own. */
    int fd = atomic_exchange_explicit(&w->fd, -1, memory_order_relaxed);

    if (fd >= 0)
        close(fd);
}

static void make_readable(int fd)
{
    const uint64_t one = 1;
    ssize_t n;

    /* Fails only when the sum would overflow, and then it is readable. */
    n = write(fd, &one, sizeof one);
    (void)n;
}

int zu_waiter_make_fd(struct zu_waiter *w)
{
    int fd;

    /* Relaxed: the sleeper's own. */
    if (atomic_load_explicit(&w->fd, memory_order_relaxed) >= 0)
        return 0;
    fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    /* [WF1] seq_cst, then [WW1] seq_cst: pairs with [WW2] and [WF2], see the head of this file. */
    atomic_store_explicit(&w->fd, fd, memory_order_seq_cst);
    if (atomic_load_explicit(&w->woken, memory_order_seq_cst) == ZU_WAITER_WOKEN)
        make_readable(fd);
    return 0;
}

void zu_waiter_wake(struct zu_waiter *w)
{
    uint32_t was;
    int saved = errno;
    int fd;

    /* [WW2] seq_cst, for [WF2]. Its release pairs with [WW3] and [WW4]: what the waker did before
     * is seen by a sleeper who looks after; also of a waker who found it woken already. */
    was = atomic_exchange_explicit(&w->woken, ZU_WAITER_WOKEN, memory_order_seq_cst);
    if (was == ZU_WAITER_WOKEN)
        return;
    /* [WF2] seq_cst, pairs with [WF1]. */
    fd = atomic_load_explicit(&w->fd, memory_order_seq_cst);
    if (fd >= 0)
        make_readable(fd);
    if (was == ZU_WAITER_ASLEEP)
        syscall(SYS_futex, &w->woken, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = saved;
}

void zu_waiter_reset(struct zu_waiter *w)
{
    uint64_t sum;
    ssize_t n;
    /* Relaxed: the sleeper's own. */
    int fd = atomic_load_explicit(&w->fd, memory_order_relaxed);

    if (fd >= 0) {
        n = read(fd, &sum, sizeof sum); /* -EAGAIN: it was empty */
        (void)n;
    }
    /* [WW3] acquire, pairs with [WW2]. An exchange, not a store: it must come after the last of
     * several wakes, and not only after the first. */
    atomic_exchange_explicit(&w->woken, 0, memory_order_acquire);
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

static bool is_woken(struct zu_waiter *w)
{
    /* [WW4] acquire, pairs with [WW2]. */
    return atomic_load_explicit(&w->woken, memory_order_acquire) == ZU_WAITER_WOKEN;
}

static int wait_on_futex(struct zu_waiter *w, uint64_t deadline_ns)
{
    struct timespec until = timespec_of(deadline_ns);
    uint32_t state = 0;
    long rc;
    int err;

    /* Relaxed: says nothing but "asleep"; on failure we were woken, and who looks, resets first. */
    if (!atomic_compare_exchange_strong_explicit(&w->woken, &state, ZU_WAITER_ASLEEP,
                                                 memory_order_relaxed, memory_order_relaxed))
        return 0;
    rc = syscall(SYS_futex, &w->woken, FUTEX_WAIT_BITSET_PRIVATE, ZU_WAITER_ASLEEP, &until, NULL,
                 FUTEX_BITSET_MATCH_ANY);
    err = rc < 0 ? errno : 0;
    state = ZU_WAITER_ASLEEP;
    /* Relaxed: as above. On success no wake came. */
    if (!atomic_compare_exchange_strong_explicit(&w->woken, &state, 0, memory_order_relaxed,
                                                 memory_order_relaxed))
        return err == EINTR ? -EINTR : 0;
    return err == EINTR || err == ETIMEDOUT ? -err : 0;
}

/* `all`: `count` of the caller's, then our own. */
static int poll_all(struct zu_waiter *w, struct pollfd *all, size_t count, uint64_t deadline_ns,
                    const sigset_t *mask)
{
    uint64_t now = zu_now_ns();
    struct timespec left = timespec_of(deadline_ns > now && !is_woken(w) ? deadline_ns - now : 0);
    int n;

    /* Relaxed: the sleeper's own. */
    all[count].fd = atomic_load_explicit(&w->fd, memory_order_relaxed);
    all[count].events = POLLIN;
    all[count].revents = 0;
    n = ppoll(all, count + 1, &left, mask);
    if (n < 0)
        return -errno;
    return n > 0 || is_woken(w) ? 0 : -ETIMEDOUT;
}

static int wait_in_poll(struct zu_waiter *w, struct pollfd *fds, size_t count, uint64_t deadline_ns,
                        const sigset_t *mask)
{
    struct pollfd quick[FDS_QUICK], *all = quick;
    int rc = zu_waiter_make_fd(w);

    if (rc < 0)
        return rc;
    if (count >= FDS_QUICK && !(all = zu_alloc((count + 1) * sizeof *all)))
        return -ENOMEM;
    if (count)
        memcpy(all, fds, count * sizeof *all);
    rc = poll_all(w, all, count, deadline_ns, mask);
    if (rc == 0 || rc == -ETIMEDOUT) {
        for (size_t i = 0; i < count; i++)
            fds[i].revents = all[i].revents;
    }
    if (all != quick)
        zu_free(all);
    return rc;
}

int zu_waiter_wait(struct zu_waiter *w, struct pollfd *fds, size_t count, uint64_t deadline_ns,
                   const sigset_t *mask)
{
    deadline_ns = ZU_MIN(deadline_ns, FAR_NS);
    if (count == 0 && !mask)
        return wait_on_futex(w, deadline_ns);
    return wait_in_poll(w, fds, count, deadline_ns, mask);
}
