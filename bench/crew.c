/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works: the board and its barriers lie in memory that the forks share. A thread of the
 * leader waits for the members, so that a failure is seen wherever the main thread is; the deadline
 * is an alarm, since a thread at a barrier can be told in no other way.
 */
#include "bench/crew.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEADLINE_S = 110 };

struct crew_board {
    pthread_barrier_t all, some;
    uint64_t *samples;
    struct crew_pair pairs[];
};

struct member {
    struct crew_pair *pair;
    void *ctx;
    void (*run)(struct crew_pair *pair, void *ctx);
};

static const char too_late_text[] = "not done in time: something was lost, or is very slow\n";

static void too_late(int signo)
{
    ssize_t ignored = write(STDERR_FILENO, too_late_text, sizeof too_late_text - 1);

    (void)ignored;
    (void)signo;
    _exit(1);
}

static void *share(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    bench_check(p != MAP_FAILED, "mmap");
    return p;
}

static struct crew_board *board_new(const struct bench *b, unsigned everybody)
{
    struct crew_board *board = share(sizeof *board + (size_t)b->peers * sizeof board->pairs[0]);
    unsigned asking = (unsigned)b->peers + 1;
    pthread_barrierattr_t a;

    bench_check(b->count <= SIZE_MAX / sizeof(uint64_t) / (size_t)b->peers, "so many samples");
    board->samples = share((size_t)b->peers * b->count * sizeof(uint64_t));
    for (int i = 0; i < b->peers; i++)
        board->pairs[i] = (struct crew_pair){
            .b = b, .board = board, .each = board->samples + (size_t)i * b->count};
    bench_check(pthread_barrierattr_init(&a) == 0 &&
                    pthread_barrierattr_setpshared(&a, PTHREAD_PROCESS_SHARED) == 0 &&
                    pthread_barrier_init(&board->all, &a, everybody) == 0 &&
                    pthread_barrier_init(&board->some, &a, asking) == 0,
                "pthread_barrier_init");
    pthread_barrierattr_destroy(&a);
    return board;
}

static void *run_member(void *arg)
{
    struct member *m = arg;

    m->run(m->pair, m->ctx);
    return NULL;
}

/* Both ends in one process: inproc is within one context. */
static void run_both(struct member *ask, struct member *answer)
{
    void *ctx = ask->ctx = answer->ctx = bench_context(ask->pair->b);
    pthread_t thread;

    bench_check(pthread_create(&thread, NULL, run_member, answer) == 0, "pthread_create");
    run_member(ask);
    pthread_join(thread, NULL);
    bench_check(zmq_ctx_term(ctx) == 0, "zmq_ctx_term");
}

/* `other`: NULL but for inproc. */
static pid_t fork_member(struct member *m, struct member *other)
{
    pid_t parent = getpid(), child;

    fflush(NULL);
    child = fork();
    bench_check(child >= 0, "fork");
    if (child)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        exit(1);
    if (other)
        run_both(m, other);
    else
        run_member(m);
    exit(0);
}

static void *watch(void *arg)
{
    struct crew *c = arg;

    for (int i = 0; i < c->count; i++) {
        int status = 0;

        if (waitpid(-1, &status, 0) < 0 || !status)
            continue;
        fprintf(stderr, "one of the processes %s %d\n",
                WIFSIGNALED(status) ? "was killed by signal" : "ended with",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        _exit(1);
    }
    return NULL;
}

void crew_start(struct crew *c, const struct bench *b,
                void (*ask)(struct crew_pair *pair, void *ctx),
                void (*answer)(struct crew_pair *pair, void *ctx))
{
    struct sigaction late = {.sa_handler = too_late};
    bool one_process = strcmp(b->endpoint, "inproc") == 0;

    memset(c, 0, sizeof *c);
    c->b = b;
    c->board = board_new(b, 2 * (unsigned)b->peers + 1);
    c->members = calloc(2 * (size_t)b->peers, sizeof *c->members);
    bench_check(c->members != NULL, "calloc");
    for (int i = 0; i < b->peers; i++) {
        struct member m = {.pair = &c->board->pairs[i], .run = ask}, other = m;

        other.run = answer;
        c->members[c->count++] = fork_member(&m, one_process ? &other : NULL);
        if (!one_process)
            c->members[c->count++] = fork_member(&other, NULL);
    }
    bench_check(sigaction(SIGALRM, &late, NULL) == 0, "sigaction");
    alarm(DEADLINE_S);
    bench_check(pthread_create(&c->watcher, NULL, watch, c) == 0, "pthread_create");
}

uint64_t *crew_samples(const struct crew *c)
{
    return c->board->samples;
}

uint64_t crew_cpu_ns(const struct crew *c)
{
    uint64_t sum = 0;

    for (int i = 0; i < c->count; i++) {
        struct timespec t;
        clockid_t clock;

        bench_check(clock_getcpuclockid(c->members[i], &clock) == 0 &&
                        clock_gettime(clock, &t) == 0,
                    "the clock of a process");
        sum += (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    }
    return sum;
}

void crew_end(struct crew *c)
{
    pthread_join(c->watcher, NULL);
    free(c->members);
}

void crew_meet_all(struct crew_board *board)
{
    pthread_barrier_wait(&board->all);
}

void crew_meet(struct crew_board *board)
{
    pthread_barrier_wait(&board->some);
}
