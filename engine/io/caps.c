/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel can do is found out by trying, never by its version: distributions carry
 * features back, and containers take them away. The trial ring lives for a moment; what it taught
 * is kept for the process in one atomic word together with the process's id, so that a forked
 * child, which may have been put under other rules since, asks again, and no lock can be left
 * locked by a fork.
 *
 * The trial has a thread of its own: a ring that is gone interrupts, some milliseconds later, what
 * its threads wait in, and the program's may be in a call that is not begun again (epoll_wait, a
 * receive with a time-out).
 */
#include "engine/io/caps.h"
#include "engine/base/thread.h"
#include "engine/io/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum stage { STAGE_NONE, STAGE_SETUP, STAGE_FEATURES, STAGE_OPCODES, STAGE_BUFFERS };

struct verdict {
    enum stage stage; /* that failed; STAGE_NONE: io_uring can be had, */
    int err;          /* positive */
    bool zero_copy;   /* and sends without a copy that tell when they were none */
};

static const uint8_t opcodes_needed[] = {
    IORING_OP_ACCEPT,  IORING_OP_CONNECT,  IORING_OP_RECV,         IORING_OP_SEND,
    IORING_OP_SENDMSG, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL, IORING_OP_READ,
};

/*
 * Best first. Deferred work runs only inside our own enter, which suits a loop that does nothing
 * else (Linux 6.1); cooperative work needs no interrupt (5.19).
 */
static const unsigned setup_flags[] = {
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL,
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
    0,
};

int zu_uring_open(struct io_uring *u, unsigned sq_entries, unsigned cq_entries)
{
    int rc = -EINVAL;

    for (size_t i = 0; i < zu_array_len(setup_flags) && rc == -EINVAL; i++) {
        struct io_uring_params p = {
            .flags = setup_flags[i] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
            .cq_entries = cq_entries,
        };

        rc = io_uring_queue_init_params(sq_entries, u, &p);
    }
    return rc;
}

static size_t buffers_size(unsigned entries)
{
    return entries * sizeof(struct io_uring_buf);
}

int zu_uring_buffers(struct io_uring *u, struct io_uring_buf_ring **out, unsigned entries)
{
    struct io_uring_buf_reg reg = {.ring_entries = entries, .bgid = ZU_URING_GROUP};
    void *p = mmap(NULL, buffers_size(entries), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                   -1, 0);
    int rc;

    if (p == MAP_FAILED)
        return -errno;
    madvise(p, buffers_size(entries),
            MADV_DONTFORK); /* the kernel has these pages by their place */
    reg.ring_addr = (uintptr_t)p;
    if ((rc = io_uring_register_buf_ring(u, &reg, 0)) < 0) {
        munmap(p, buffers_size(entries));
        return rc;
    }
    *out = p;
    io_uring_buf_ring_init(*out);
    return 0;
}

void zu_uring_buffers_free(struct io_uring *u, struct io_uring_buf_ring *br, unsigned entries)
{
    io_uring_unregister_buf_ring(u, ZU_URING_GROUP);
    munmap(br, buffers_size(entries));
}

static bool has_opcodes(struct io_uring *u)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(u);
    bool all = probe != NULL;

    for (size_t i = 0; all && i < zu_array_len(opcodes_needed); i++)
        all = io_uring_opcode_supported(probe, opcodes_needed[i]);
    io_uring_free_probe(probe);
    return all;
}

/*
 * A kernel that has the operation but cannot tell what it copied (6.1) refuses the flag; one that
 * can gets as far as the descriptor, which is none.
 */
static bool has_zero_copy(struct io_uring *u)
{
    struct msghdr nothing = {0};
    struct io_uring_sqe *sqe = io_uring_get_sqe(u);
    struct io_uring_cqe *cqe;
    int res = -EINVAL;

    if (!sqe)
        return false;
    io_uring_prep_sendmsg_zc(sqe, -1, &nothing, 0);
    sqe->ioprio |= IORING_SEND_ZC_REPORT_USAGE;
    if (io_uring_submit_and_wait(u, 1) == 1 && io_uring_peek_cqe(u, &cqe) == 0)
        res = cqe->res;
    return res == -EBADF;
}

static struct verdict try_ring(struct io_uring *u)
{
    const unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG;
    struct io_uring_buf_ring *br;
    int rc;

    if ((u->features & needed) != needed)
        return (struct verdict){STAGE_FEATURES, EOPNOTSUPP, false};
    if (!has_opcodes(u))
        return (struct verdict){STAGE_OPCODES, EOPNOTSUPP, false};
    if ((rc = zu_uring_buffers(u, &br, 1)) < 0)
        return (struct verdict){STAGE_BUFFERS, -rc, false};
    zu_uring_buffers_free(u, br, 1);
    return (struct verdict){STAGE_NONE, 0, has_zero_copy(u)};
}

static struct verdict try_kernel(void)
{
    struct io_uring u;
    struct verdict v;
    int rc = zu_uring_open(&u, 4, 8);

    if (rc < 0)
        return (struct verdict){STAGE_SETUP, -rc, false};
    v = try_ring(&u);
    io_uring_queue_exit(&u);
    return v;
}

static void *run_trial(void *arg)
{
    *(struct verdict *)arg = try_kernel();
    return NULL;
}

static struct verdict try_apart(void)
{
    struct verdict v;
    pthread_t thread;
    int cancel;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel); /* it writes to our stack */
    if (zu_thread_start(&thread, run_trial, &v) == 0)
        pthread_join(thread, NULL);
    else
        v = try_kernel(); /* rather interrupted than without */
    pthread_setcancelstate(cancel, NULL);
    return v;
}

/* Want of memory or of descriptors says nothing about the kernel. */
static bool is_lasting(struct verdict v)
{
    return v.err != ENOMEM && v.err != EMFILE && v.err != ENFILE && v.err != EAGAIN &&
           v.err != EINTR;
}

/* Process id, zero copy, stage and errno: 32, 1, 15 and 16 bits. */
static _Atomic uint64_t remembered;

#define ZERO_COPY_BIT (UINT64_C(1) << 31)

static struct verdict ask_kernel(void)
{
    uint64_t pid = (uint32_t)getpid();
    /* Relaxed, here and below: the word is all there is to know, and to ask twice does no harm. */
    uint64_t word = atomic_load_explicit(&remembered, memory_order_relaxed);
    struct verdict v;

    if (word >> 32 == pid)
        return (struct verdict){(enum stage)(word >> 16 & 0x7fff), (int)(word & 0xffff),
                                (word & ZERO_COPY_BIT) != 0};
    v = try_apart();
    if (is_lasting(v))
        atomic_store_explicit(&remembered,
                              pid << 32 | (v.zero_copy ? ZERO_COPY_BIT : 0) |
                                  (uint64_t)v.stage << 16 | (uint64_t)v.err,
                              memory_order_relaxed);
    return v;
}

bool zu_uring_zero_copy(void)
{
    return ask_kernel().zero_copy;
}

/* The sysctl that switches io_uring off: 0, 1 (but for one group), 2; -1: there is none. */
static int disabled_sysctl(void)
{
    int fd = open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);
    char c = 0;

    if (fd < 0)
        return -1;
    if (read(fd, &c, 1) != 1)
        c = 0;
    close(fd);
    return c >= '0' && c <= '2' ? c - '0' : -1;
}

static void explain_setup(char *text, size_t size, int err)
{
    int off = disabled_sysctl();

    if (err == EPERM && off > 0)
        snprintf(text, size, "the sysctl kernel.io_uring_disabled is %d (EPERM)", off);
    else if (err == EPERM || err == EACCES)
        snprintf(
            text, size,
            "a seccomp filter, as containers have by default, or a security module forbids it; "
            "the sysctl kernel.io_uring_disabled does not (%s)",
            err == EPERM ? "EPERM" : "EACCES");
    else if (err == ENOSYS)
        snprintf(text, size, "the kernel has no io_uring, or a seccomp filter hides it (ENOSYS)");
    else
        snprintf(text, size, "io_uring_setup failed with errno %d", err);
}

static void explain(char *text, size_t size, struct verdict v)
{
    switch (v.stage) {
    case STAGE_NONE: snprintf(text, size, "the kernel grants it"); break;
    case STAGE_SETUP: explain_setup(text, size, v.err); break;
    case STAGE_FEATURES:
    case STAGE_OPCODES:
        snprintf(text, size, "the kernel's io_uring lacks operations that we need (before 6.1?)");
        break;
    case STAGE_BUFFERS:
        snprintf(text, size, "the kernel's io_uring has no buffer rings (before 5.19?), errno %d",
                 v.err);
        break;
    }
}

static _Thread_local char sentence[320];

const struct zu_kernel_table *zu_kernel_choose(const char *wish, const char **reason)
{
    const char *source = wish ? "the context" : "ZURING_BACKEND";
    char why[192], note[96] = "";
    struct verdict v;

    *reason = sentence;
    if (!wish)
        wish = getenv("ZURING_BACKEND");
    if (wish && strcmp(wish, zu_kernel_ready.name) == 0) {
        snprintf(sentence, sizeof(sentence), "readiness: %s asks for it", source);
        return &zu_kernel_ready;
    }
    if (wish && *wish && strcmp(wish, zu_kernel_ring.name) != 0)
        snprintf(note, sizeof(note), " (%s says \"%.20s\", which is no backend)", source, wish);
    v = ask_kernel();
    explain(why, sizeof(why), v);
    if (v.stage == STAGE_NONE) {
        snprintf(sentence, sizeof(sentence), "io_uring: %s%s", why, note);
        return &zu_kernel_ring;
    }
    snprintf(sentence, sizeof(sentence), "readiness, for want of io_uring: %s%s", why, note);
    return &zu_kernel_ready;
}
