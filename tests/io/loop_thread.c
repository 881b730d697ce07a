/* SPDX-License-Identifier: Apache-2.0 */
/* The loop for real: on a thread of its own, over each boundary to the kernel. */
#include "engine/io/loop.h"
#include "tests/io/drive.h"
#include "tests/support/proc.h"
#include "tests/support/scripted.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct zu_loop *made(const struct zu_kernel_table *table)
{
    const struct zu_loop_config config = {.kernel = table,
                                          .name = "a name that is too long",
                                          .sched_policy = -1,
                                          .sched_priority = -1};
    struct zu_loop *l;
    int rc = zu_loop_new(&l, &config);

    if (table == &zu_kernel_ring && (rc == -EPERM || rc == -ENOSYS))
        cr_skip_test("io_uring is forbidden here");
    cr_assert_eq(rc, 0, "%d", rc);
    return l;
}

struct look {
    struct zu_cmd cmd;
    sem_t seen;
    char name[32];
    sigset_t blocked;
    pthread_t thread;
    int policy;
    struct sched_param param;
    cpu_set_t cpus;
};

static void look_round(struct zu_cmd *cmd)
{
    struct look *l = zu_container_of(cmd, struct look, cmd);

    l->thread = pthread_self();
    pthread_getname_np(l->thread, l->name, sizeof(l->name));
    pthread_sigmask(SIG_SETMASK, NULL, &l->blocked);
    pthread_getschedparam(l->thread, &l->policy, &l->param);
    pthread_getaffinity_np(l->thread, sizeof(l->cpus), &l->cpus);
    sem_post(&l->seen);
}

static void take_a_look(struct zu_loop *l, struct look *look)
{
    memset(look, 0, sizeof(*look));
    look->cmd.run = look_round;
    sem_init(&look->seen, 0, 0);
    zu_loop_post(l, &look->cmd);
    sem_wait(&look->seen);
}

BOTH(a_loop_runs_on_a_thread_of_its_own_with_signals_blocked)
{
    struct zu_loop *l = made(table);
    struct look look;
    sigset_t mine;

    take_a_look(l, &look);
    cr_assert_not(pthread_equal(look.thread, pthread_self()));
    cr_assert_str_eq(look.name, "a name that is ");
    cr_assert(sigismember(&look.blocked, SIGINT));
    cr_assert(sigismember(&look.blocked, SIGUSR1));
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    cr_assert_not(sigismember(&mine, SIGUSR1)); /* and ours are as they were */
    zu_loop_free(l);
}

/* One that we may run on. */
static int a_cpu(void)
{
    cpu_set_t set;
    int cpu = 0;

    cr_assert_eq(sched_getaffinity(0, sizeof set, &set), 0);
    while (!CPU_ISSET(cpu, &set))
        cpu++;
    return cpu;
}

BOTH(affinity_and_scheduling_are_applied_and_what_is_refused_is_no_error)
{
    const int cpus[] = {a_cpu(), 100000, -1};
    struct zu_loop_config config = {.kernel = table,
                                    .name = "pinned",
                                    .sched_policy = SCHED_BATCH,
                                    .sched_priority = 5,
                                    .cpus = cpus,
                                    .cpu_count = 3};
    struct zu_loop *l;
    struct look look;

    zu_loop_free(made(table)); /* it can be had */
    cr_assert_eq(zu_loop_new(&l, &config), 0);
    take_a_look(l, &look);
    cr_assert_eq(CPU_COUNT(&look.cpus), 1);
    cr_assert(CPU_ISSET(cpus[0], &look.cpus));
    cr_assert_eq(look.policy, SCHED_BATCH);
    zu_loop_free(l);
    config.sched_policy = 12345;
    config.cpu_count = 0;
    cr_assert_eq(zu_loop_new(&l, &config), 0);
    zu_loop_free(l);
}

BOTH(a_loop_that_was_told_where_to_run_follows_nobody)
{
    const int cpus[] = {a_cpu()};
    struct zu_loop_config config = {
        .kernel = table, .alone = true, .sched_policy = -1, .sched_priority = -1};
    struct zu_loop *l = made(table);

    cr_assert_not(l->pace.may_follow, "there are others");
    zu_loop_free(l);
    cr_assert_eq(zu_loop_new(&l, &config), 0);
    cr_assert_eq(l->pace.may_follow, sched_getscheduler(0) == SCHED_OTHER);
    zu_loop_free(l);
    config.cpus = cpus;
    config.cpu_count = 1;
    cr_assert_eq(zu_loop_new(&l, &config), 0);
    cr_assert_not(l->pace.may_follow);
    zu_loop_free(l);
}

BOTH(a_loop_stops_while_it_sleeps_and_leaves_no_descriptor)
{
    int before = -1;

    for (int i = 0; i < 30; i++) {
        struct zu_loop *l = made(table);
        struct zu_loop_stats stats;
        DIR *d;
        int n = 0;

        if (i % 2) /* let it fall asleep */
            do
                zu_loop_stats(l, &stats);
            while (stats.kernel.enters == 0);
        zu_loop_free(l);
        d = opendir("/proc/self/fd");
        while (readdir(d))
            n++;
        closedir(d);
        if (before < 0)
            before = n;
        cr_assert_eq(n, before);
    }
}

struct punctual {
    struct zu_cmd cmd;
    struct zu_timer timer;
    struct zu_loop *loop;
    uint64_t set_ns, fired_ns, ms;
    _Atomic bool over;
};

static void fire_punctual(struct zu_timer *t)
{
    struct punctual *p = zu_container_of(t, struct punctual, timer);

    p->fired_ns = zu_now_ns();
    atomic_store(&p->over, true);
}

static void set_punctual(struct zu_cmd *cmd)
{
    struct punctual *p = zu_container_of(cmd, struct punctual, cmd);

    p->set_ns = zu_now_ns();
    zu_timer_set(p->loop, &p->timer, p->ms);
}

/* How late the best of twenty timers was. */
static uint64_t best_lateness_ns(struct zu_loop *l)
{
    struct punctual p[20] = {0};
    uint64_t best = UINT64_MAX;

    for (unsigned i = 0; i < 20; i++) {
        p[i].cmd.run = set_punctual;
        p[i].timer.fire = fire_punctual;
        p[i].loop = l;
        p[i].ms = 1 + 3 * i;
        zu_loop_post(l, &p[i].cmd);
    }
    for (unsigned i = 0; i < 20; i++) {
        uint64_t until = zu_now_ms() + DEADLINE_MS;

        while (!atomic_load(&p[i].over)) {
            cr_assert_lt(zu_now_ms(), until);
            sched_yield();
        }
        cr_assert_geq(p[i].fired_ns - p[i].set_ns, p[i].ms * 1000000);
        best = ZU_MIN(best, p[i].fired_ns - p[i].set_ns - p[i].ms * 1000000);
    }
    return best;
}

BOTH(timers_of_a_sleeping_loop_are_never_early_and_hardly_late)
{
    struct zu_loop *l = made(table);
    uint64_t until = zu_now_ms() + DEADLINE_MS;

    while (best_lateness_ns(l) >= 5000000) /* the machine may be busy, but not each time */
        cr_assert_lt(zu_now_ms(), until);
    zu_loop_free(l);
}

struct echo {
    struct zu_cmd cmd;
    _Atomic unsigned ran;
};

static void count_echo(struct zu_cmd *cmd)
{
    atomic_fetch_add(&zu_container_of(cmd, struct echo, cmd)->ran, 1);
}

BOTH(each_of_ten_thousand_posts_to_a_sleeper_runs)
{
    struct zu_loop *l = made(table);
    struct echo e = {.cmd.run = count_echo};
    struct zu_loop_stats stats;

    for (unsigned i = 1; i <= 10000; i++) {
        uint64_t until = zu_now_ms() + DEADLINE_MS;

        cr_assert_neq(zu_mailbox_post(&l->box, &e.cmd), ZU_CLOSED);
        while (atomic_load(&e.ran) < i) {
            cr_assert_lt(zu_now_ms(), until, "post %u was lost", i);
            if (i % 2)
                sched_yield(); /* there may be one processor for both */
        }
    }
    zu_loop_stats(l, &stats);
    cr_assert_gt(stats.rounds, 0);
    cr_assert_gt(stats.kernel.wakes, 0);
    zu_loop_free(l);
}

BOTH(a_loop_that_cannot_be_had_is_an_error)
{
    const struct zu_loop_config config = {
        .kernel = table, .name = "none", .sched_policy = -1, .sched_priority = -1};
    struct rlimit lim, tight;
    struct zu_loop *l = NULL;
    int next;

    zu_loop_free(made(table)); /* it can be had, while there is enough */
    next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &lim);
    tight = lim;
    tight.rlim_cur = (rlim_t)next;
    setrlimit(RLIMIT_NOFILE, &tight);
    cr_assert_eq(zu_loop_new(&l, &config), -EMFILE);
    setrlimit(RLIMIT_NOFILE, &lim);
    cr_assert_null(l);
}

BOTH(a_forked_child_frees_nothing_of_its_parents_loop)
{
    struct zu_loop *l = made(table);
    struct look look;
    pid_t child = test_fork();
    int status = -1;

    if (child == 0) {
        zu_loop_free(l); /* returns, though there is no such thread here */
        _exit(7);
    }
    waitpid(child, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    take_a_look(l, &look); /* alive */
    zu_loop_free(l);
}

/* A boundary that says it is broken: the loop must neither spin nor go deaf. */
static _Atomic unsigned enters;
static struct zu_kernel_table broken;

static int broken_enter(struct zu_kernel *k, int64_t timeout_us)
{
    (void)k;
    (void)timeout_us;
    atomic_fetch_add(&enters, 1);
    return -EBADF;
}

Test(broken, a_loop_with_a_broken_kernel_boundary_naps_and_serves)
{
    struct zu_loop *l;
    struct look look;
    uint64_t began;

    broken = zu_kernel_scripted;
    broken.enter = broken_enter;
    l = made(&broken);
    began = zu_now_ms();
    for (int i = 0; i < 10; i++)
        take_a_look(l, &look);
    zu_loop_free(l);
    cr_assert_leq(atomic_load(&enters), (zu_now_ms() - began) / 10 + 2);
}
