/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two who answer each other over inproc and are both awake: what they do must not fall asleep
 * between two messages, each time with a barrier for all threads.
 */
#include "engine/base/barrier.h"
#include "tests/support/pair.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/syscall.h>

TEST_SUITE(awake);

static atomic_uint barriers;

/* Of this program alone, and found before libc's. */
long syscall(long number, ...)
{
    static long (*libc)(long, ...);
    long a[6];
    va_list args;

    if (!libc)
        *(void **)&libc = dlsym(RTLD_NEXT, "syscall");
    if (number == SYS_membarrier)
        atomic_fetch_add(&barriers, 1);
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    return libc(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

Test(awake, a_request_is_sent_without_a_look_that_falls_asleep)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *rep = test_bound(ZMQ_REP, at), *req = test_connected(ZMQ_REQ, at);
    unsigned before = 0;

    if (!zu_barrier_ready())
        cr_skip_test("the kernel has no membarrier: falling asleep takes none");
    for (int i = 0; i < 100; i++) {
        if (i == 1)
            before = atomic_load(&barriers);
        SEND(req, "%d", i);
        RECV(rep, "%d", i);
        SEND(rep, "%d", -i);
        RECV(req, "%d", -i);
    }
    cr_assert_eq(atomic_load(&barriers), before);
    RECV_GIVES(EAGAIN, rep);
    cr_assert_gt(atomic_load(&barriers), before, "a look in vain does");
}
