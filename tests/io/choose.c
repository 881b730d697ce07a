/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which boundary is chosen, and what the user is told: as it is here, and under a seccomp filter
 * that answers as containers do. A filter cannot be taken off again, so each is put on in a child.
 */
#include "engine/io/kernel.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static bool forbid(unsigned call, int err)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

static bool forbid_io_uring(int err)
{
    return forbid(SYS_io_uring_setup, err);
}

/* What the child found, by its exit status. */
enum found { FOUND_READY = 10, FOUND_RING, FOUND_OTHER_REASON, FOUND_NO_FILTER };

static int in_child(int err, const char *wish, const char *word)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        const struct zu_kernel_table *t;
        const char *reason = NULL;

        if (!forbid_io_uring(err))
            _exit(FOUND_NO_FILTER);
        t = zu_kernel_choose(wish, &reason);
        if (!strstr(reason, word))
            _exit(FOUND_OTHER_REASON);
        _exit(t == &zu_kernel_ready ? FOUND_READY : FOUND_RING);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool io_uring_is_here(void)
{
    const char *reason;

    return zu_kernel_choose("io_uring", &reason) == &zu_kernel_ring;
}

Test(choose, without_a_wish_io_uring_where_the_kernel_grants_it)
{
    const char *reason = NULL;
    const struct zu_kernel_table *t;
    struct zu_kernel *k;

    unsetenv("ZURING_BACKEND");
    t = zu_kernel_choose(NULL, &reason);
    cr_assert_not_null(reason);
    cr_assert_eq(strncmp(reason, t->name, strlen(t->name)), 0, "%s: %s", t->name, reason);
    cr_assert_eq(t->open(&k), 0);
    t->close(k);
}

Test(choose, the_environment_decides)
{
    const char *reason = NULL;

    setenv("ZURING_BACKEND", "readiness", 1);
    cr_assert_eq(zu_kernel_choose(NULL, &reason), &zu_kernel_ready);
    cr_assert_not_null(strstr(reason, "ZURING_BACKEND"), "%s", reason);
}

Test(choose, a_wish_goes_before_the_environment)
{
    const char *reason = NULL;

    setenv("ZURING_BACKEND", "io_uring", 1);
    cr_assert_eq(zu_kernel_choose("readiness", &reason), &zu_kernel_ready);
    cr_assert_null(strstr(reason, "ZURING_BACKEND"), "%s", reason);
}

Test(choose, a_word_that_names_no_boundary_is_passed_over_and_told)
{
    const char *reason = NULL;

    setenv("ZURING_BACKEND", "kqueue", 1);
    cr_assert_eq(zu_kernel_choose(NULL, &reason) == &zu_kernel_ring, io_uring_is_here());
    zu_kernel_choose(NULL, &reason);
    cr_assert_not_null(strstr(reason, "\"kqueue\""), "%s", reason);
}

Test(choose, an_empty_word_is_no_word)
{
    const char *reason = NULL;

    setenv("ZURING_BACKEND", "", 1);
    cr_assert_eq(zu_kernel_choose(NULL, &reason) == &zu_kernel_ring, io_uring_is_here());
    zu_kernel_choose(NULL, &reason);
    cr_assert_null(strstr(reason, "no backend"), "%s", reason);
}

Test(choose, a_forbidden_io_uring_is_replaced_and_the_filter_blamed)
{
    unsetenv("ZURING_BACKEND");
    cr_assert_eq(in_child(EPERM, NULL, "EPERM"), FOUND_READY);
    cr_assert_eq(in_child(EPERM, "io_uring", "readiness, for want of io_uring"), FOUND_READY);
    cr_assert_eq(in_child(EPERM, NULL, "io_uring_disabled"), FOUND_READY);
    cr_assert_eq(in_child(ENOSYS, NULL, "ENOSYS"), FOUND_READY);
    cr_assert_eq(in_child(ENOSYS, NULL, "seccomp"), FOUND_READY);
}

Test(choose, a_child_asks_again_under_its_own_rules)
{
    const char *reason;

    zu_kernel_choose("io_uring", &reason); /* the answer is remembered here, and only here */
    cr_assert_eq(in_child(EPERM, "io_uring", "EPERM"), FOUND_READY);
}

Test(choose, a_passing_want_of_descriptors_is_not_remembered)
{
    int status = 0;
    pid_t child;

    if (!io_uring_is_here())
        cr_skip_test("io_uring is forbidden here");
    child = fork(); /* who has asked nothing yet */
    if (child == 0) {
        struct rlimit lim, none;
        const char *reason;

        getrlimit(RLIMIT_NOFILE, &lim);
        none = lim;
        none.rlim_cur = 0;
        setrlimit(RLIMIT_NOFILE, &none);
        if (zu_kernel_choose("io_uring", &reason) != &zu_kernel_ready ||
            !strstr(reason, "errno 24"))
            _exit(1);
        setrlimit(RLIMIT_NOFILE, &lim);
        _exit(io_uring_is_here() ? FOUND_RING : FOUND_READY);
    }
    waitpid(child, &status, 0);
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), FOUND_RING, "%d", WEXITSTATUS(status));
}

Test(choose, a_table_that_is_forbidden_says_so_when_opened)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        struct zu_kernel *k;

        if (!forbid_io_uring(EPERM))
            _exit(1);
        _exit(zu_kernel_ring.open(&k) == -EPERM ? 0 : 2);
    }
    waitpid(child, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* As on a kernel older than 6.13: a wake-up goes another way, the first one as well. */
Test(choose, a_wake_up_arrives_where_messages_to_a_ring_are_refused)
{
    pid_t child;
    int status = 0;

    if (!io_uring_is_here())
        cr_skip_test("io_uring is forbidden here");
    child = fork();
    if (child == 0) {
        struct zu_kernel *k;

        alarm(120); /* a wake-up that never comes is a failure */
        if (zu_kernel_ring.open(&k) < 0 || !forbid(SYS_io_uring_register, EINVAL))
            _exit(1);
        for (uint64_t i = 1; i <= 3; i++) {
            zu_kernel_ring.wake(k);
            while (k->stats.wakes < i)
                if (zu_kernel_ring.enter(k, -1) < 0)
                    _exit(2);
        }
        zu_kernel_ring.close(k);
        _exit(0);
    }
    waitpid(child, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%#x", (unsigned)status);
}

/* The trial's ring is taken down by the kernel in its own time, which interrupts who used it. */
Test(choose, the_trial_interrupts_nothing_that_the_caller_does_next)
{
    struct timeval patience = {0, 300000};
    int ends[2];
    char byte;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    cr_assert_eq(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    if (!io_uring_is_here())
        cr_skip_test("io_uring is forbidden here");
    cr_assert_eq(read(ends[0], &byte, 1), -1);
    cr_assert_eq(errno, EAGAIN, "%s", strerror(errno));
    close(ends[0]);
    close(ends[1]);
}
