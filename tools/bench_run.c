/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of each worker's control socket tells everything: a job goes in, an answer comes
 * out, and when it ends, the worker has. So one poll with one deadline is all the waiting there is.
 * A worker that is not done by then is killed: libzmq 4.3.4 loses the tail of a stream over ipc
 * now and then, and whoever waits for it waits for ever.
 */
#include "tools/bench_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SLOWER = 5,      /* so many times as long as expected is not yet a hang */
    LISTEN_S = 15,   /* for a machine with other things to do */
    ABOVE_OURS = 10, /* descriptors from here on are not those that a worker expects */
    SELF_FAILED = 127,
};

struct worker {
    pid_t pid;   /* 0: there is none any more */
    int control; /* -1: it has ended, or there is none */
    int status;
    bool answered, ended; /* ended by itself */
    struct bench_answer answer;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* In the child: becomes a worker. */
static _Noreturn void become(pid_t parent, int control, int peer)
{
    static char *const argv[] = {"zuring", BENCH_WORKER, NULL};
    int c = fcntl(control, F_DUPFD_CLOEXEC, ABOVE_OURS);
    int p = fcntl(peer, F_DUPFD_CLOEXEC, ABOVE_OURS);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent && c >= 0 && p >= 0 && dup2(c, BENCH_CONTROL) >= 0 &&
        dup2(p, BENCH_PEER) >= 0)
        execv("/proc/self/exe", argv);
    _exit(SELF_FAILED);
}

static bool start(struct worker *w, const struct bench_job *job, int peer)
{
    pid_t parent = getpid();
    int fd[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
        return false;
    w->pid = fork();
    if (w->pid == 0)
        become(parent, fd[1], peer);
    close(fd[1]);
    if (w->pid < 0) {
        w->pid = 0;
        close(fd[0]);
        return false;
    }
    w->control = fd[0];
    bench_say(w->control, job, sizeof *job); /* if it has gone already, that will be seen */
    return true;
}

static void finish(struct worker *w)
{
    close(w->control);
    w->control = -1;
    while (waitpid(w->pid, &w->status, 0) < 0 && errno == EINTR)
        ;
    w->pid = 0;
}

static void kill_worker(struct worker *w)
{
    if (!w->pid)
        return;
    kill(w->pid, SIGKILL);
    finish(w);
}

/* Something is to be read. What a worker says comes in one go, so it may be waited for. */
static void listen_to(struct worker *w, struct histogram *samples)
{
    struct timeval patience = {.tv_sec = LISTEN_S};

    setsockopt(w->control, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (!w->answered && bench_hear(w->control, &w->answer, sizeof w->answer) &&
        (!samples || !w->answer.good || bench_hear(w->control, samples, sizeof *samples))) {
        w->answered = true;
    } else {
        w->ended = true;
        finish(w);
    }
}

/* Until all have ended well or one of them has not. False: the deadline came first. */
static bool attend(struct worker *workers, int count, struct histogram *samples, int64_t deadline)
{
    for (;;) {
        struct pollfd fds[2];
        int64_t left = deadline - now_ms();
        bool some = false;

        for (int i = 0; i < count; i++) {
            fds[i] = (struct pollfd){.fd = workers[i].control, .events = POLLIN};
            if (workers[i].answered ? !workers[i].answer.good : workers[i].control < 0)
                return true;
            some |= workers[i].control >= 0;
        }
        if (!some)
            return true;
        if (left <= 0)
            return false;
        if (poll(fds, (nfds_t)count, (int)left) < 0 && errno != EINTR)
            return false;
        for (int i = 0; i < count; i++)
            if (workers[i].control >= 0 && fds[i].revents)
                listen_to(&workers[i], i == 0 ? samples : NULL);
    }
}

/* What a worker that has not said anything has come to. */
static void tell_end(struct bench_answer *a, int status)
{
    if (WIFSIGNALED(status))
        snprintf(a->why, sizeof a->why, "crashed: signal %d, %s", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == SELF_FAILED)
        snprintf(a->why, sizeof a->why, "the tool cannot start itself again: is /proc there?");
    else
        snprintf(a->why, sizeof a->why, "ended without an answer, status %d", WEXITSTATUS(status));
}

/* Who answered that it cannot be done has the first word, then who crashed, then who just ended. */
static enum bench_outcome judge(struct worker *workers, int count, struct bench_answer *a)
{
    const struct worker *bad = NULL;

    for (int i = 0; i < count; i++) {
        const struct worker *w = &workers[i];

        if (w->answered && !w->answer.good) {
            *a = w->answer;
            return BENCH_REFUSED;
        }
        if (w->ended && (!w->answered || w->status) && (!bad || WIFSIGNALED(w->status)))
            bad = w;
    }
    *a = workers[0].answer;
    if (!bad)
        return BENCH_GOOD;
    a->good = false;
    tell_end(a, bad->status);
    return BENCH_LOST;
}

enum bench_outcome bench_run(const struct bench_job *job, struct bench_answer *answer,
                             struct histogram *samples)
{
    double patience = job->patience + SLOWER * bench_expected_seconds(job);
    int64_t deadline = now_ms() + (int64_t)(patience * 1000);
    bool two = job->part == BENCH_NEAR && job->what.transport != BENCH_INPROC, started, done;
    struct worker workers[2] = {{.control = -1}, {.control = -1}};
    struct bench_job far = *job;
    int peer[2], count = two ? 2 : 1;

    memset(answer, 0, sizeof *answer);
    far.part = BENCH_FAR;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, peer) < 0) {
        snprintf(answer->why, sizeof answer->why, "socketpair: %s", strerror(errno));
        return BENCH_REFUSED;
    }
    fflush(NULL); /* a child has a copy of what is not yet written */
    started = start(&workers[0], job, peer[0]) && (!two || start(&workers[1], &far, peer[1]));
    close(peer[0]);
    close(peer[1]);
    done = started && attend(workers, count, samples, deadline);
    for (int i = 0; i < 2; i++)
        kill_worker(&workers[i]);
    if (!started || !done) {
        snprintf(answer->why, sizeof answer->why,
                 started ? "hung: no end after %.1f seconds" : "a process cannot be started",
                 patience);
        return started ? BENCH_LOST : BENCH_REFUSED;
    }
    return judge(workers, count, answer);
}
