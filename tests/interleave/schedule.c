/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/interleave/schedule.h"

#include "engine/base/base.h"
#include "tests/support/scripted.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

enum {
    THREADS_MAX = 4,
    STACK = 256 * 1024,
    POINTS_MAX = 20000, /* more are an end that does not come */
    YIELD_US = 60,      /* what passes when somebody looks again and again */
    FAR_NS_SHIFT = 55,  /* a deadline beyond this is none */
};

struct thread {
    ucontext_t context;
    const char *name;
    void (*run)(void *);
    void *arg;
    bool servant, over;
    bool yields;              /* until another has taken a step */
    bool tries;               /* it has yielded, and goes on to look again */
    bool tried;               /* in vain, since one that does not try has taken a step */
    bool (*ready)(void *arg); /* what it waits for, or NULL */
    void *ready_arg;
    uint64_t deadline_ns;
    void *fake_stack; /* the address sanitizer's */
};

/* A decision between several who could go on. */
struct decision {
    uint8_t count, took;
    uint8_t order[THREADS_MAX]; /* the threads */
    uint32_t point;             /* of the schedule */
};

struct step {
    const struct thread *thread;
    struct site *at;
    const volatile void *word;
};

static struct thread threads[THREADS_MAX], outside;
static alignas(64) char stacks[THREADS_MAX][STACK];
static unsigned thread_count, stopped, stops_max, longest;
static struct thread *now; /* who runs; NULL: no schedule does */

static struct decision decisions[POINTS_MAX];
static uint32_t decided, foreseen; /* so many are made; so many are as the last time */
static struct step steps[POINTS_MAX];
static uint32_t step_count;
static const struct play *playing;
static const char *given; /* the decisions of schedule_one */
static uint32_t play_number, schedule_number;
static bool all_sites, learnt; /* a stop anywhere; a site was found to be worth one */

/* ---- failures ---- */

static const char *short_name(const char *file)
{
    const char *at = strstr(file, "engine/");

    return at ? at : file;
}

static void tell(void)
{
    const struct thread *last = NULL;

    if (!playing)
        return;
    fprintf(stderr, "\nThe schedule of '%s', at most %u stops:\n", playing->name, stops_max);
    for (uint32_t i = 0; i < step_count; i++) {
        const struct step *s = &steps[i];

        fprintf(stderr, "%5u %-8s %-16s %s:%d\n", i, s->thread == last ? "" : s->thread->name,
                s->at->what, short_name(s->at->file), s->at->line);
        last = s->thread;
    }
    fprintf(stderr, "again: --only %s --stops %u --decisions '", playing->name, stops_max);
    for (uint32_t i = 0; i < decided; i++)
        if (decisions[i].took)
            fprintf(stderr, "%u:%u ", decisions[i].point, decisions[i].took);
    fprintf(stderr, "'\n");
    fflush(stderr);
    playing = NULL;
}

_Noreturn void schedule_fail(const char *file, int line, const char *what)
{
    tell();
    fprintf(stderr, "%s:%d: does not hold: %s\n", short_name(file), line, what);
    fflush(stderr);
    _exit(1);
}

static void on_signal(int number)
{
    tell();
    signal(number, SIG_DFL);
    raise(number);
}

static void tell_of_crashes(void)
{
    signal(SIGABRT, on_signal);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_set_death_callback(tell);
#else
    signal(SIGSEGV, on_signal);
#endif
}

/* ---- who goes on ---- */

bool schedule_runs(void)
{
    return now != NULL && now != &outside;
}

static bool are_over(void)
{
    for (unsigned i = 0; i < thread_count; i++)
        if (!threads[i].over)
            return false;
    return true;
}

bool schedule_is_over(void)
{
    for (unsigned i = 0; i < thread_count; i++)
        if (!threads[i].servant && !threads[i].over)
            return false;
    return true;
}

static bool is_able(struct thread *t)
{
    if (t->over || t->yields)
        return false;
    return !t->ready || scripted_clock() >= t->deadline_ns || t->ready(t->ready_arg);
}

/* Two that yield to each other would go on so for ever, while the third waits. */
static bool has_turn(const struct thread *t, const struct thread *after)
{
    return !after->yields || !t->tried;
}

/* Who can go on in place of `t`, or with him; he first. */
static unsigned find_able(struct thread *t, uint8_t order[THREADS_MAX])
{
    bool can = is_able(t);
    unsigned count = 0;

    if (can)
        order[count++] = (uint8_t)(t - threads);
    if (can && stopped == stops_max)
        return count;
    for (unsigned i = 0; i < thread_count; i++)
        if (&threads[i] != t && is_able(&threads[i]) && has_turn(&threads[i], t))
            order[count++] = (uint8_t)i;
    return count;
}

static void forget_tries(void)
{
    for (unsigned i = 0; i < thread_count; i++)
        threads[i].tried = false;
}

/* Nobody can go on: to the first deadline. False: there is none. */
static bool let_time_pass(void)
{
    uint64_t first = POINT_NEVER;

    for (unsigned i = 0; i < thread_count; i++)
        if (!threads[i].over && threads[i].ready)
            first = ZU_MIN(first, threads[i].deadline_ns);
    if (first >> FAR_NS_SHIFT)
        return false;
    scripted_pass_us((first - scripted_clock()) / 1000 + 1);
    return true;
}

/* What schedule_one was given for this point. */
static unsigned given_here(void)
{
    unsigned at, took;
    const char *text = given;
    int n;

    for (; text && sscanf(text, "%u:%u%n", &at, &took, &n) == 2; text += n)
        if (at == step_count)
            return took;
    return 0;
}

static struct thread *decide(unsigned count, const uint8_t order[THREADS_MAX])
{
    struct decision *d = &decisions[decided];

    if (count == 1)
        return &threads[order[0]];
    if (decided >= foreseen) {
        *d = (struct decision){
            .count = (uint8_t)count, .took = (uint8_t)given_here(), .point = step_count};
        memcpy(d->order, order, count);
    }
    decided++;
    SCHEDULE_CHECK(d->point == step_count && d->took < d->count);
    return &threads[d->order[d->took]];
}

static void switch_to(struct thread *to)
{
    struct thread *from = now;
    int saved = errno;

    now = to;
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(from->over && from != &outside ? NULL : &from->fake_stack,
                                   to->context.uc_stack.ss_sp, to->context.uc_stack.ss_size);
#endif
    swapcontext(&from->context, &to->context);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
    errno = saved;
}

static void remember(struct site *at, const volatile void *word)
{
    if (step_count == POINTS_MAX)
        schedule_fail(at->file, at->line, "it comes to an end");
    steps[step_count++] = (struct step){.thread = now, .at = at, .word = word};
}

/* Somebody goes on from here: `now`, who may be over, or another. */
static void go_on(void)
{
    struct thread *me = now, *next;
    uint8_t order[THREADS_MAX];
    unsigned count;

    for (unsigned i = 0; i < thread_count; i++)
        threads[i].yields &= &threads[i] == me;
    count = find_able(me, order);
    if (count == 0 && me->yields) {
        forget_tries();
        count = find_able(me, order);
    }
    if (count == 0 && me->yields) {
        me->yields = false;
        count = find_able(me, order);
    }
    while (count == 0 && let_time_pass())
        count = find_able(me, order);
    if (count == 0)
        schedule_fail(__FILE__, __LINE__, "somebody can go on");
    next = decide(count, order);
    if (next == me)
        return;
    stopped += &threads[order[0]] == me;
    me->yields = false;
    if (!next->tries)
        forget_tries();
    switch_to(next);
}

/* As the last time: nobody need be asked. */
static bool is_foreseen(void)
{
    return decided < foreseen && step_count < decisions[decided].point;
}

static uint8_t shared_by(struct site *at)
{
    if (at->play != play_number)
        at->shared = 0;
    at->play = play_number;
    return at->shared;
}

/* Of a stop here: see schedule.h. */
static bool is_worth_it(struct site *at, const volatile void *word)
{
    return given || all_sites || !word || shared_by(at) & 1u << (now - threads);
}

void point(struct site *at, const volatile void *word)
{
    if (!schedule_runs())
        return;
    remember(at, word);
    if (stopped < stops_max && !is_foreseen() && is_worth_it(at, word))
        go_on();
}

void point_yield(void)
{
    static struct site site = {.file = "", .what = "yields"};

    remember(&site, NULL);
    scripted_pass_us(YIELD_US);
    now->yields = now->tries = now->tried = true;
    go_on();
    now->yields = now->tries = false;
}

bool point_wait(bool (*ready)(void *), void *arg, uint64_t deadline_ns)
{
    static struct site site = {.file = "", .what = "waits"};
    struct thread *me = now;

    remember(&site, NULL);
    me->ready = ready;
    me->ready_arg = arg;
    me->deadline_ns = deadline_ns;
    go_on();
    me->ready = NULL;
    return ready(arg);
}

/* ---- a schedule, and all of them ---- */

static void begin_thread(void)
{
    static struct site end = {.file = "", .what = "is over"};

#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
    now->run(now->arg);
    remember(&end, NULL);
    now->over = true;
    if (are_over())
        switch_to(&outside);
    else
        go_on();
}

static void add_thread(const char *name, void (*run)(void *), void *arg, bool servant)
{
    struct thread *t = &threads[thread_count];

    SCHEDULE_CHECK(thread_count < THREADS_MAX);
    *t = (struct thread){.name = name, .run = run, .arg = arg, .servant = servant};
    getcontext(&t->context);
    t->context.uc_stack = (stack_t){.ss_sp = stacks[thread_count], .ss_size = STACK};
    makecontext(&t->context, begin_thread, 0);
    thread_count++;
}

void schedule_thread(const char *name, void (*run)(void *), void *arg)
{
    add_thread(name, run, arg, false);
}

void schedule_servant(const char *name, void (*run)(void *), void *arg)
{
    add_thread(name, run, arg, true);
}

struct access {
    const volatile void *word;
    uint8_t all, writers; /* threads */
    uint32_t schedule;
};

/* The word's, in this schedule. */
static struct access *access_of(const volatile void *word)
{
    static struct access all[2 * POINTS_MAX];
    size_t i = (uintptr_t)word * UINT64_C(0x9E3779B97F4A7C15) >> 32;
    struct access *a;

    for (a = &all[i % zu_array_len(all)]; a->schedule == schedule_number && a->word != word; i++)
        a = &all[i % zu_array_len(all)];
    if (a->schedule != schedule_number)
        *a = (struct access){.word = word, .schedule = schedule_number};
    return a;
}

static void learn_sites(void)
{
    for (uint32_t i = 0; i < step_count; i++) {
        const struct step *s = &steps[i];
        uint8_t who = (uint8_t)(1u << (s->thread - threads));

        if (!s->word)
            continue;
        access_of(s->word)->all |= who;
        if (s->at->writes)
            access_of(s->word)->writers |= who;
    }
    for (uint32_t i = 0; i < step_count; i++) {
        const struct step *s = &steps[i];
        uint8_t who = (uint8_t)(1u << (s->thread - threads));
        const struct access *a = s->word ? access_of(s->word) : NULL;

        if (!a || !((s->at->writes ? a->all : a->writers) & ~who))
            continue;
        learnt |= !(shared_by(s->at) & who);
        s->at->shared |= who;
    }
}

static void run_once(void)
{
    thread_count = stopped = 0;
    decided = step_count = 0;
    playing->begin();
    outside.over = true;
    now = &outside;
    go_on();
    now = NULL;
    playing->end();
    schedule_number++;
    learn_sites();
    longest = ZU_MAX(longest, step_count);
}

/* The last decision that can be made in another way, is. False: there is none. */
static bool change_one(void)
{
    while (decided > 0 && decisions[decided - 1].took + 1 == decisions[decided - 1].count)
        decided--;
    foreseen = decided;
    if (decided > 0)
        decisions[decided - 1].took++;
    return decided > 0;
}

static void know_own_stack(void)
{
    pthread_attr_t attr;

    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstack(&attr, &outside.context.uc_stack.ss_sp,
                          &outside.context.uc_stack.ss_size);
    pthread_attr_destroy(&attr);
}

static void begin_play(const struct play *p, unsigned stops)
{
    tell_of_crashes();
    know_own_stack();
    playing = p;
    stops_max = stops;
    foreseen = 0;
}

uint64_t schedule_all(const struct play *p, unsigned stops)
{
    uint64_t count = 0;

    longest = 0;
    play_number++;
    for (unsigned i = 0; i <= stops;) {
        begin_play(p, i);
        all_sites = i <= 1;
        learnt = false;
        do {
            run_once();
            count++;
        } while (change_one());
        i += all_sites || !learnt;
    }
    playing = NULL;
    return count;
}

void schedule_one(const struct play *p, unsigned stops, const char *text)
{
    begin_play(p, stops);
    given = text;
    run_once();
    tell();
}

unsigned schedule_longest(void)
{
    return longest;
}
