/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/random.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { DRAWS = 4096 };

/* Every bit is set in about half of the draws: eight standard deviations are 256. */
static void expect_random(void)
{
    int ones[32] = {0};

    for (int i = 0; i < DRAWS; i++) {
        uint32_t v = zu_random_u32();

        for (int bit = 0; bit < 32; bit++)
            ones[bit] += v >> bit & 1;
    }
    for (int bit = 0; bit < 32; bit++)
        cr_assert(abs(ones[bit] - DRAWS / 2) < 256, "bit %d: %d of %d", bit, ones[bit], DRAWS);
}

Test(random, has_no_bit_that_stands_still)
{
    expect_random();
}

Test(random, goes_on_where_the_kernel_call_is_forbidden)
{
    struct sock_filter refuse[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, refuse};

    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
    errno = EPIPE;
    expect_random();
    cr_assert_eq(errno, EPIPE);
}
