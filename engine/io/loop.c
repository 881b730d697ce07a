/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel boundary is opened on the loop's own thread, because a ring belongs to the thread that
 * made it; zu_loop_new waits for the outcome. It is closed there, too.
 *
 * Before it sleeps, the loop says so in its mailbox; the post that finds that mark takes it and
 * then wakes the loop. The poster may be slow: by the time it calls the wake-up, its command may
 * have run already and the loop may be about to end. So each mark taken is counted as a wake-up
 * owed, each wake-up counts itself as its last act, and the loop ends only when the two agree.
 */
#include "engine/io/loop.h"
#include "engine/base/alloc.h"
#include "engine/base/clock.h"
#include "engine/base/kept.h"
#include "engine/base/thread.h"
#include "engine/io/op.h"
#include "engine/io/watch.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define REST_NS  (10 * 1000 * 1000) /* between two tries at a broken kernel boundary */
#define SLACK_NS 1000ul /* by which a nap may be longer; the kernel's default is 50000 */

/* How often the mailbox is run in a round. What commands post to their own loop, a listener to its
 * sessions, runs before the kernel is asked again; who posts without a pause does not keep us. */
enum { MAILBOX_RUNS_MAX = 8 };

/*
 * So many bytes sessions write before the kernel gets them: they are in the cache still, and the
 * next sessions write where these did. Hundreds of batches at once would go through all the memory
 * there is between.
 */
enum { WRITTEN_MAX = 256 * 1024 };

enum { FEW_CPUS = 2 }; /* two processes that answer each other have four threads */

/* What zu_loop_new hands to the thread, on its own stack, until `ready` is posted. */
struct start {
    struct zu_loop *loop;
    const struct zu_loop_config *config;
    sem_t ready;
    int rc;
};

static void wake(struct zu_mailbox *box)
{
    struct zu_loop *loop = zu_container_of(box, struct zu_loop, box);

    zu_pace_woken(&loop->pace, sched_getcpu());
    loop->kernel->table->wake(loop->kernel);
    /* [R1] release, pairs with [A1] in zu_loop_fini: nothing above is touched after this. */
    atomic_fetch_add_explicit(&loop->wakes_had, 1, memory_order_release);
}

static void stop(struct zu_cmd *cmd)
{
    zu_container_of(cmd, struct zu_loop, stop_cmd)->stopping = true;
}

static void run_posted(struct zu_loop *loop)
{
    for (int runs = 0; runs < MAILBOX_RUNS_MAX && zu_mailbox_run(&loop->box); runs++)
        loop->ran = true;
}

/* Takes the mark of a sleeper back, or learns that a post has taken it and so wakes us. */
static void take_mark_back(struct zu_loop *loop)
{
    struct zu_cmd *mark = ZU_MAILBOX_ASLEEP;

    if (!loop->marked)
        return;
    loop->marked = false;
    /* Relaxed: only the mark itself is exchanged; commands are taken by zu_mailbox_run. */
    if (!atomic_compare_exchange_strong_explicit(&loop->box.head, &mark, NULL, memory_order_relaxed,
                                                 memory_order_relaxed))
        loop->wakes_owed++;
}

/*
 * What was posted before bytes came is done before they are looked at: who unbinds, and then writes
 * from elsewhere, does not hear himself. And what is posted while completions run rings no bell.
 */
static void waited(struct zu_kernel *k)
{
    struct zu_loop *loop = k->owner;
    bool slept = loop->marked;

    take_mark_back(loop);
    if (zu_mailbox_peek(&loop->box)) {
        loop->now_ms = zu_loop_clock_ms(loop);
        if (slept && zu_pace_lets_on(&loop->pace, loop->now_ms)) {
            sched_yield();
            loop->now_ms = zu_loop_clock_ms(loop);
        }
        run_posted(loop);
    }
}

static int64_t until_timer_us(struct zu_loop *loop)
{
    uint64_t now, key;

    if (!loop->timers.top)
        return -1;
    key = loop->timers.top->key;
    now = zu_loop_clock_ms(loop);
    if (key <= now)
        return 0;
    return (int64_t)ZU_MIN(key - now, (uint64_t)INT_MAX) * 1000;
}

static int64_t timeout_us(struct zu_loop *loop)
{
    int64_t timer, nap;

    if (loop->stopping || !zu_list_empty(&loop->later) || zu_mailbox_peek(&loop->box))
        return 0;
    timer = until_timer_us(loop);
    if (zu_list_empty(&loop->naps))
        return timer;
    nap = ZU_MAX((int64_t)(loop->nap_end_ns - loop->clock()) / 1000, (int64_t)0);
    return timer < 0 ? nap : ZU_MIN(timer, nap);
}

/* Who never sleeps waits only where the kernel polls meanwhile, and as long as it does. */
static int64_t may_wait_us(struct zu_loop *loop, bool may_sleep)
{
    int64_t us;

    if (!may_sleep || (loop->awake && !loop->polls))
        return 0;
    us = timeout_us(loop);
    if (!loop->awake)
        return us;
    return us < 0 ? ZU_KERNEL_POLL_US : ZU_MIN(us, (int64_t)ZU_KERNEL_POLL_US);
}

static int enter_kernel(struct zu_loop *loop, bool may_sleep)
{
    int64_t us = may_wait_us(loop, may_sleep);
    int rc;

    if (us != 0 && zu_pace_yields(&loop->pace)) {
        sched_yield();
        us = 0;
    }
    loop->marked = us != 0 && zu_mailbox_sleep(&loop->box);
    if (loop->marked)
        zu_pace_sleeps(&loop->pace, sched_getcpu());
    rc = loop->kernel->table->enter(loop->kernel, loop->marked ? us : 0);
    take_mark_back(loop);
    return rc;
}

void zu_loop_meet(struct zu_loop *loop, int fd)
{
    const struct zu_kernel_table *table = loop->kernel->table;
    unsigned napi = 0;
    socklen_t size = sizeof napi;

    if (!loop->awake || !table->poll_device ||
        getsockopt(fd, SOL_SOCKET, SO_INCOMING_NAPI_ID, &napi, &size) < 0 || napi == 0)
        return;
    loop->polls |= table->poll_device(loop->kernel, napi);
}

static void fire_timers(struct zu_loop *loop)
{
    uint64_t end = loop->timers.seq; /* what is set from here on waits for the next round */
    struct zu_heap_node *n;

    while ((n = loop->timers.top) && n->key <= loop->now_ms && n->seq < end) {
        struct zu_timer *t = zu_container_of(n, struct zu_timer, node);

        zu_heap_remove(&loop->timers, n);
        t->fire(t);
    }
}

static void run_later(struct zu_loop *loop)
{
    struct zu_list now, *l;

    zu_list_take_all(&now, &loop->later); /* what is put off from here on is for the next round */
    loop->written = 0;
    while (loop->written < WRITTEN_MAX && (l = zu_list_pop(&now)))
        zu_container_of(l, struct zu_later, link)->run(zu_container_of(l, struct zu_later, link));
    if (zu_list_empty(&now))
        return;
    while ((l = zu_list_pop(&loop->later))) /* few: what has just been put off */
        zu_list_append(&now, l);
    zu_list_take_all(&loop->later, &now);
}

void zu_loop_nap(struct zu_loop *loop, struct zu_later *l)
{
    if (zu_list_empty(&loop->naps))
        loop->nap_end_ns = loop->clock() + ZU_LOOP_NAP_US * 1000;
    if (zu_list_empty(&l->link))
        zu_list_append(&loop->naps, &l->link);
}

static void end_naps(struct zu_loop *loop, bool may_sleep)
{
    struct zu_list *l;

    if (zu_list_empty(&loop->naps) || (may_sleep && loop->clock() < loop->nap_end_ns))
        return;
    while ((l = zu_list_pop(&loop->naps)))
        zu_list_append(&loop->later, l);
}

void zu_loop_later(struct zu_loop *loop, struct zu_later *l)
{
    if (zu_list_empty(&l->link))
        zu_list_append(&loop->later, &l->link);
}

int zu_loop_init(struct zu_loop *loop, const struct zu_kernel_table *kernel,
                 uint64_t (*clock)(void))
{
    int rc;

    memset(loop, 0, sizeof(*loop));
    loop->clock = clock ? clock : zu_now_ns;
    loop->now_ms = zu_loop_clock_ms(loop);
    zu_pace_init(&loop->pace, false, loop->now_ms);
    loop->stop_cmd.run = stop;
    loop->pid = getpid();
    zu_list_init(&loop->later);
    zu_list_init(&loop->naps);
    zu_list_init(&loop->spares);
    zu_mailbox_init(&loop->box, wake);
    if ((rc = kernel->open(&loop->kernel)) < 0)
        return rc;
    loop->kernel->owner = loop;
    loop->kernel->waited = waited;
    return 0;
}

/* Goes to the CPU, if it may be there, and may be moved again at once. */
static void go_to(int cpu)
{
    cpu_set_t may, there;

    if (cpu >= CPU_SETSIZE || pthread_getaffinity_np(pthread_self(), sizeof may, &may) ||
        !CPU_ISSET(cpu, &may))
        return;
    CPU_ZERO(&there);
    CPU_SET(cpu, &there);
    pthread_setaffinity_np(pthread_self(), sizeof there, &there);
    pthread_setaffinity_np(pthread_self(), sizeof may, &may);
}

int zu_loop_round(struct zu_loop *loop, bool may_sleep)
{
    uint64_t completions = loop->kernel->stats.completions;
    int rc, cpu;

    loop->ran = false;
    rc = enter_kernel(loop, may_sleep);
    loop->now_ms = zu_loop_clock_ms(loop);
    zu_count_lightly(&loop->rounds, 1);
    run_posted(loop);
    cpu = zu_pace_round(&loop->pace, loop->now_ms,
                        loop->ran || loop->kernel->stats.completions != completions,
                        atomic_load_explicit(&loop->load, memory_order_relaxed)); /* a hint */
    if (zu_unlikely(cpu != ZU_PACE_STAY))
        go_to(cpu);
    fire_timers(loop);
    end_naps(loop, may_sleep);
    run_later(loop);
    return rc;
}

static void free_spare(struct zu_spare *s)
{
    zu_kept_free(s, s->capacity);
}

void zu_loop_fini(struct zu_loop *loop)
{
    zu_mailbox_close(&loop->box);
    end_naps(loop, false);
    while (!zu_list_empty(&loop->later))
        run_later(loop);
    /* [A1] acquire, pairs with [R1] in wake: the last poster has left. */
    while (atomic_load_explicit(&loop->wakes_had, memory_order_acquire) != loop->wakes_owed)
        sched_yield();
    zu_slab_fini(&loop->slab);
    zu_kernel_unwatch_all(loop->kernel);
    loop->kernel->table->close(loop->kernel);
    while (!zu_list_empty(&loop->spares))
        free_spare(zu_container_of(zu_list_pop(&loop->spares), struct zu_spare, link));
}

static void set_cpus(const struct zu_loop_config *config)
{
    cpu_set_t set;

    if (!config->cpu_count)
        return;
    CPU_ZERO(&set);
    for (size_t i = 0; i < config->cpu_count; i++)
        if (config->cpus[i] >= 0 && config->cpus[i] < CPU_SETSIZE)
            CPU_SET((size_t)config->cpus[i], &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void set_scheduling(const struct zu_loop_config *config)
{
    struct sched_param param = {0};
    int policy = SCHED_OTHER;

    if (config->sched_policy < 0 && config->sched_priority < 0)
        return;
    pthread_getschedparam(pthread_self(), &policy, &param);
    if (config->sched_policy >= 0)
        policy = config->sched_policy;
    if (policy == SCHED_FIFO || policy == SCHED_RR) {
        param.sched_priority = ZU_MAX(config->sched_priority, sched_get_priority_min(policy));
        pthread_setschedparam(pthread_self(), policy, &param);
        return;
    }
    param.sched_priority = 0; /* these policies know none; a nice value stands for it */
    pthread_setschedparam(pthread_self(), policy, &param);
    if (config->sched_priority > 0)
        setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), -ZU_MIN(config->sched_priority, 20));
}

/* All of it is a wish: a thread that may not have it works all the same. */
static void dress_thread(const struct zu_loop_config *config)
{
    char name[16] = {0}; /* all that the kernel keeps, its end included */

    if (config->name && *config->name) {
        memcpy(name, config->name, strnlen(config->name, sizeof(name) - 1));
        pthread_setname_np(pthread_self(), name);
    }
    set_cpus(config);
    set_scheduling(config);
    prctl(PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0);
}

static void rest(void)
{
    struct timespec ts = {.tv_nsec = REST_NS};

    nanosleep(&ts, NULL);
}

/* Nobody has said where it runs, or with what right. And of several loops none does: what feeds one
 * may feed them all. */
static bool may_follow(const struct zu_loop_config *config)
{
    return config->alone && !config->awake && config->cpu_count == 0 && config->sched_policy < 0 &&
           config->sched_priority < 0 &&
           (sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) == SCHED_OTHER;
}

static void *run_thread(void *arg)
{
    struct start *start = arg;
    struct zu_loop *loop = start->loop;
    int rc;

    dress_thread(start->config);
    rc = start->rc = zu_loop_init(loop, start->config->kernel, NULL);
    loop->pace.may_follow = may_follow(start->config);
    loop->pace.few_cpus = zu_pace_cpus() <= FEW_CPUS;
    loop->awake = start->config->awake;
    sem_post(&start->ready); /* from here on `start` is gone */
    if (rc < 0)
        return NULL;
    while (!loop->stopping)
        if (zu_loop_round(loop, true) < 0)
            rest();
    zu_loop_fini(loop);
    return NULL;
}

int zu_loop_new(struct zu_loop **out, const struct zu_loop_config *config)
{
    struct start start = {.config = config};
    struct zu_loop *loop;
    pthread_t thread;
    int rc = -ENOMEM;

    loop = start.loop = zu_alloc(sizeof(*loop));
    if (!loop)
        return rc;
    sem_init(&start.ready, 0, 0);
    if ((rc = zu_thread_start(&thread, run_thread, &start)) < 0)
        goto free_loop;
    while (sem_wait(&start.ready) < 0)
        ; /* a signal of the application's */
    if ((rc = start.rc) < 0) {
        pthread_join(thread, NULL);
        goto free_loop;
    }
    sem_destroy(&start.ready);
    loop->thread = thread;
    *out = loop;
    return 0;
free_loop:
    sem_destroy(&start.ready);
    zu_free(loop);
    return rc;
}

void zu_loop_free(struct zu_loop *loop)
{
    if (loop->pid != getpid())
        return;
    zu_loop_post(loop, &loop->stop_cmd);
    pthread_join(loop->thread, NULL);
    zu_free(loop);
}

static void copy_stats(struct zu_kernel_stats *to, const struct zu_kernel_stats *from)
{
    to->enters = zu_count_read(&from->enters);
    to->completions = zu_count_read(&from->completions);
    to->recvs = zu_count_read(&from->recvs);
    to->recv_bytes = zu_count_read(&from->recv_bytes);
    to->sends = zu_count_read(&from->sends);
    to->send_bytes = zu_count_read(&from->send_bytes);
    to->short_sends = zu_count_read(&from->short_sends);
    to->block_shortages = zu_count_read(&from->block_shortages);
    to->wakes = zu_count_read(&from->wakes);
    to->zc_sends = zu_count_read(&from->zc_sends);
    to->zc_copied = zu_count_read(&from->zc_copied);
}

void zu_loop_stats(const struct zu_loop *loop, struct zu_loop_stats *out)
{
    out->rounds = zu_count_read(&loop->rounds);
    /* Relaxed: a number that nothing else is inferred from. */
    out->load = atomic_load_explicit(&loop->load, memory_order_relaxed);
    copy_stats(&out->kernel, &loop->kernel->stats);
}
