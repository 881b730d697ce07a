/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roundtrips: one message to and fro, by one pair of processes (over inproc: threads) or by several
 * pairs at once, each with a context of its own, and what of the processor that takes. lane.h has
 * what it goes over; the load is one of
 *
 *     full    each as soon as the last one is back
 *     gap     each interval-us after the last one is back
 *     rate    each interval-us after the last one was due
 *     idle    none for interval-us, from a tenth of a second after the last one on
 *
 * Times run from the sending, and what is told is half of them. The first ones are not counted.
 * CPU is that of all processes, all their threads, while it is measured: the thread that keeps the
 * intervals sleeps. While a pair is idle the answering end waits in the library, the asking one
 * elsewhere.
 */
#include "bench/crew.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

enum { WARM = 200, SETTLE_US = 100000 };

static bool is(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

/* CLOCK_MONOTONIC, as bench_now_ns() tells it. */
static void sleep_until(uint64_t due)
{
    struct timespec t = {.tv_sec = (time_t)(due / 1000000000), .tv_nsec = (long)(due % 1000000000)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

static void answer(struct crew_pair *pair, void *ctx)
{
    struct lane l;

    lane_bind(&l, pair->b, &pair->place, ctx);
    crew_meet_all(pair->board);
    lane_accept(&l);
    while (lane_receive(&l))
        lane_send(&l);
    lane_close(&l);
}

static uint64_t ask_once(struct lane *l)
{
    lane_send(l);
    if (lane_receive(l))
        return bench_now_ns();
    fprintf(stderr, "the other side has ended too early\n");
    exit(1);
}

static void ask_all(struct lane *l, uint64_t *each)
{
    const struct bench *b = l->b;
    uint64_t before = bench_now_ns(), interval = (uint64_t)b->interval_us * 1000, due = before;
    bool gap = is(b->load, "gap"), full = is(b->load, "full");

    for (uint64_t i = 0; i < b->count; i++) {
        uint64_t now;

        if (!full) {
            due = interval + (gap ? before : due);
            sleep_until(due);
            before = bench_now_ns();
        }
        now = ask_once(l);
        each[i] = now - before;
        before = now;
    }
}

static void ask(struct crew_pair *pair, void *ctx)
{
    struct lane l;

    prctl(PR_SET_TIMERSLACK, 1UL); /* else each sleep ends 50 microseconds late */
    crew_meet_all(pair->board);
    lane_connect(&l, pair->b, &pair->place, ctx);
    lane_settle(&l);
    for (int i = 0; i < WARM; i++)
        ask_once(&l);
    crew_meet(pair->board); /* the leader looks at the clocks */
    crew_meet(pair->board);
    if (!is(pair->b->load, "idle"))
        ask_all(&l, pair->each);
    crew_meet(pair->board); /* and again */
    crew_meet(pair->board);
    lane_finish(&l);
    lane_close(&l);
}

static void report(const struct crew *c, uint64_t ns, uint64_t cpu_ns)
{
    struct bench total = *c->b;
    double cpu = (double)cpu_ns / 1e9, seconds = (double)ns / 1e9;
    uint64_t *each = crew_samples(c), sum = 0;

    total.count *= (uint64_t)total.peers;
    for (uint64_t i = 0; i < total.count; i++)
        sum += each[i];
    if (!is(total.load, "idle"))
        bench_report_latency(&total, each, sum, cpu);
    if (total.json && is(total.load, "idle")) {
        bench_json_open(total.program);
        printf(", \"seconds\": %.6f, \"cpu_seconds\": %.9f}\n", seconds, cpu);
    }
    if (!total.json)
        printf("CPU: %.3f [ms] in %.3f [s]\n", cpu * 1e3, seconds);
}

static void check_arguments(const struct bench *b)
{
    const char *wrong = lane_refuses(b);

    if (!wrong && !is(b->load, "full") && !is(b->load, "gap") && !is(b->load, "rate") &&
        !is(b->load, "idle"))
        wrong = "the load is one of full, gap, rate, idle";
    else if (!wrong && !b->interval_us != is(b->load, "full"))
        wrong = "the interval is 0 with full, else it is not";
    if (!wrong)
        return;
    fprintf(stderr, "%s: %s\n", b->program, wrong);
    exit(2);
}

/* While the asking ends wait at a barrier, which costs nothing. */
static void measure_idle(struct crew *c, uint64_t *ns, uint64_t *cpu_ns)
{
    sleep_until(bench_now_ns() + SETTLE_US * 1000ull);
    *cpu_ns = crew_cpu_ns(c);
    *ns = bench_now_ns();
    sleep_until(*ns + (uint64_t)c->b->interval_us * 1000);
    *cpu_ns = crew_cpu_ns(c) - *cpu_ns;
    *ns = bench_now_ns() - *ns;
    crew_meet(c->board);
    crew_meet(c->board);
}

static void measure(struct crew *c, uint64_t *ns, uint64_t *cpu_ns)
{
    *cpu_ns = crew_cpu_ns(c);
    *ns = bench_now_ns();
    crew_meet(c->board);
    crew_meet(c->board);
    *cpu_ns = crew_cpu_ns(c) - *cpu_ns;
    *ns = bench_now_ns() - *ns;
}

int main(int argc, char **argv)
{
    uint64_t ns, cpu_ns;
    struct crew c;
    struct bench b;

    bench_args(&b, argc, argv,
               "what transport peers message-size roundtrip-count load interval-us");
    check_arguments(&b);
    crew_start(&c, &b, ask, answer);
    crew_meet_all(c.board);
    crew_meet(c.board);
    if (is(b.load, "idle"))
        measure_idle(&c, &ns, &cpu_ns);
    else
        measure(&c, &ns, &cpu_ns);
    crew_meet(c.board);
    crew_end(&c);
    report(&c, ns, cpu_ns);
    return 0;
}
