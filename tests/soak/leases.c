/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leases: callers take the token and the intake of connections (engine/core/pipe.h) and give them
 * back, as often as is wanted, with delays that chance has before, amid and behind each.
 *
 * ROUTERs, in two threads, echo what DEALERs say. Each of these says lone messages, to one ROUTER
 * or to two at once, and waits for the echoes in every way there is; between them it computes,
 * sleeps, or closes a socket, with an echo under way or without, and begins anew. All echoes must
 * come, in order. For the thread sanitizer, which sees what of a hand-over is not ordered.
 *
 *     leases [--leases N] [--transport tcp|ipc] [--seed N]
 *
 * The linker has the engine's calls that take and give back go by way of this program.
 */
#include "engine/core/pipe.h"
#include "engine/core/session.h"
#include "include/zmq.h"
#include "tests/soak/waits.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ROUTERS = 3, /* the first has a thread of its own, the others share one */
    ASKERS = 3,
    SPOKEN_TO = 2,     /* ROUTERs, by each asker: none has more connections than go by hand */
    QUIET_MS = 120000, /* nothing for so long: lost */
    BUSY_US = 1000,    /* at most; or others, which have to answer, do not get a core */
    DELAY_US = 30,
    PAUSE_US = 60,
    SLEEP_US = 300,
};

/* ---- what is taken and given back ---- */

enum event {
    TOKEN_TAKEN,
    TOKEN_LEFT,
    TOKEN_GIVEN_UP,
    INTAKE_TAKEN,
    INTAKE_LEFT,
    INTAKE_GIVEN_UP, /* else the loop has taken it back */
    EVENTS,
};

static _Atomic uint64_t count_of[EVENTS];
static uint64_t seed = 1;
static _Atomic uint64_t threads;
static _Thread_local uint64_t thread_random;
static _Thread_local bool is_caller; /* no loop */

/* Relaxed, here and below: what is counted must order nothing. */
static void count(enum event e)
{
    if (is_caller)
        atomic_fetch_add_explicit(&count_of[e], 1, memory_order_relaxed);
}

static uint64_t counted(enum event e)
{
    return atomic_load_explicit(&count_of[e], memory_order_relaxed);
}

static void delay(void)
{
    if (!thread_random)
        thread_random =
            seed * 2654435761u + 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed);
    switch (chance(&thread_random, 64)) {
    case 0: compute(chance(&thread_random, DELAY_US)); break;
    case 1: sched_yield(); break;
    }
}

bool __real_zu_pipe_take_intake(struct zu_pipe *p, enum zu_intake from, enum zu_intake to);
bool __wrap_zu_pipe_take_intake(struct zu_pipe *p, enum zu_intake from, enum zu_intake to);
void __real_zu_pipe_put_intake(struct zu_pipe *p, enum zu_intake to);
void __wrap_zu_pipe_put_intake(struct zu_pipe *p, enum zu_intake to);
void __real_zu_session_send_now(struct zu_pipe *p);
void __wrap_zu_session_send_now(struct zu_pipe *p);
void __real_zu_pipe_leave(struct zu_pipe *p);
void __wrap_zu_pipe_leave(struct zu_pipe *p);
void __real_zu_pipe_give_up(struct zu_pipe *p);
void __wrap_zu_pipe_give_up(struct zu_pipe *p);

bool __wrap_zu_pipe_take_intake(struct zu_pipe *p, enum zu_intake from, enum zu_intake to)
{
    bool taken;

    delay();
    taken = __real_zu_pipe_take_intake(p, from, to);
    if (taken && from == ZU_INTAKE_FREE)
        count(INTAKE_TAKEN);
    delay();
    return taken;
}

void __wrap_zu_pipe_put_intake(struct zu_pipe *p, enum zu_intake to)
{
    delay();
    if (to != ZU_INTAKE_HELD)
        count(to == ZU_INTAKE_FREE ? INTAKE_LEFT : INTAKE_GIVEN_UP);
    __real_zu_pipe_put_intake(p, to);
    delay();
}

void __wrap_zu_session_send_now(struct zu_pipe *p) /* by who has just taken the token */
{
    count(TOKEN_TAKEN);
    delay();
    __real_zu_session_send_now(p);
}

void __wrap_zu_pipe_leave(struct zu_pipe *p)
{
    delay();
    count(TOKEN_LEFT);
    __real_zu_pipe_leave(p);
    delay();
}

void __wrap_zu_pipe_give_up(struct zu_pipe *p)
{
    delay();
    count(TOKEN_GIVEN_UP);
    __real_zu_pipe_give_up(p);
    delay();
}

/* ---- who echoes ---- */

struct word {
    uint32_t asker, generation;
    uint64_t number;
};

static char endpoint[ROUTERS][256];
static void *routers[ROUTERS];
static _Atomic bool over, heard_all;
static _Atomic uint64_t echoes, restarts;

struct answerer {
    int first, count; /* of the ROUTERs */
};

static bool echo(void *s, uint64_t *random, bool waits)
{
    uint8_t id[256];
    struct word word;
    int size = waits ? hear(s, id, sizeof id, random, chance(random, BUSY_US))
                     : zmq_recv(s, id, sizeof id, ZMQ_DONTWAIT);

    if (size < 0 && errno != EAGAIN)
        fail("zmq_recv: %s", zmq_strerror(errno));
    if (size < 0)
        return false;
    if (zmq_recv(s, &word, sizeof word, 0) != sizeof word)
        fail("a foreign message");
    if (zmq_send(s, id, (size_t)size, ZMQ_SNDMORE) != size ||
        zmq_send(s, &word, sizeof word, 0) != sizeof word)
        fail("no echo: %s", zmq_strerror(errno));
    return true;
}

/* For either of two: by a poll that sleeps, or by polls that do not. */
static void wait_for_two(void **s, uint64_t *random)
{
    zmq_pollitem_t items[] = {{s[0], 0, ZMQ_POLLIN, 0}, {s[1], 0, ZMQ_POLLIN, 0}};
    uint64_t until = now_us() + chance(random, BUSY_US);
    int n, ms = chance(random, 2) ? LOOK_MS : 0;

    do
        n = zmq_poll(items, 2, ms);
    while (n == 0 && now_us() < until);
    if (n < 0)
        fail("zmq_poll: %s", zmq_strerror(errno));
}

static void *run_answerer(void *arg)
{
    struct answerer *a = arg;
    uint64_t random = seed * 7919 + (uint64_t)a->first + 1;

    is_caller = true;
    while (!atomic_load(&heard_all)) {
        if (a->count > 1)
            wait_for_two(&routers[a->first], &random);
        for (int i = 0; i < a->count; i++)
            while (echo(routers[a->first + i], &random, a->count == 1)) {
                atomic_fetch_add_explicit(&echoes, 1, memory_order_relaxed);
                compute(chance(&random, PAUSE_US));
            }
    }
    return NULL;
}

/* ---- who asks ---- */

struct asker {
    uint32_t index;
    uint64_t random;
    void *ctx;
    struct way {
        void *s;
        uint32_t generation;
        uint64_t asked, heard;
    } to[SPOKEN_TO];
};

static void open_way(struct asker *a, int i)
{
    struct way *way = &a->to[i];

    way->generation++;
    way->asked = way->heard = 0;
    way->s = zmq_socket(a->ctx, ZMQ_DEALER);
    if (!way->s)
        fail("zmq_socket: %s", zmq_strerror(errno));
    set(way->s, ZMQ_RCVTIMEO, LOOK_MS);
    if (zmq_connect(way->s, endpoint[(a->index + (uint32_t)i) % ROUTERS]))
        fail("zmq_connect: %s", zmq_strerror(errno));
}

static void ask(struct asker *a, struct way *way)
{
    struct word word = {a->index, way->generation, way->asked++};

    if (zmq_send(way->s, &word, sizeof word, 0) != sizeof word)
        fail("zmq_send: %s", zmq_strerror(errno));
}

static void hear_echoes(struct asker *a, struct way *way)
{
    uint64_t until = now_us() + QUIET_MS * UINT64_C(1000);
    struct word word;

    while (way->heard < way->asked) {
        if (hear(way->s, &word, sizeof word, &a->random, chance(&a->random, BUSY_US)) < 0) {
            if (now_us() > until)
                fail("asker %u: the echo of %llu did not come", a->index,
                     (unsigned long long)way->heard);
            continue;
        }
        if (word.asker != a->index || word.generation != way->generation ||
            word.number != way->heard)
            fail("asker %u: the echo of %llu came in place of %llu", a->index,
                 (unsigned long long)word.number, (unsigned long long)way->heard);
        way->heard++;
    }
}

static void reopen(struct asker *a, int i)
{
    set(a->to[i].s, ZMQ_LINGER, chance(&a->random, 2) ? 0 : -1);
    if (chance(&a->random, 2))
        ask(a, &a->to[i]);
    zmq_close(a->to[i].s);
    open_way(a, i);
    atomic_fetch_add_explicit(&restarts, 1, memory_order_relaxed);
}

static void pause_a_while(struct asker *a)
{
    uint64_t dice = chance(&a->random, 400);

    if (dice < SPOKEN_TO)
        reopen(a, (int)dice);
    else if (dice < 10)
        usleep((useconds_t)chance(&a->random, SLEEP_US));
    else if (dice < 250)
        compute(chance(&a->random, PAUSE_US));
}

static void *run_asker(void *arg)
{
    struct asker *a = arg;

    is_caller = true;
    for (int i = 0; i < SPOKEN_TO; i++)
        open_way(a, i);
    while (!atomic_load(&over)) {
        uint64_t dice = chance(&a->random, 8);

        for (uint64_t i = 0; i < SPOKEN_TO; i++)
            if (dice % SPOKEN_TO == i || dice < SPOKEN_TO) /* one of them, or both */
                ask(a, &a->to[i]);
        for (int i = 0; i < SPOKEN_TO; i++)
            hear_echoes(a, &a->to[i]);
        pause_a_while(a);
    }
    for (int i = 0; i < SPOKEN_TO; i++)
        zmq_close(a->to[i].s);
    return NULL;
}

/* ---- all of it ---- */

struct wish {
    uint64_t leases;
    const char *transport;
};

static struct wish wishes(int argc, char **argv)
{
    struct wish w = {.leases = 100000, .transport = "tcp"};
    bool good = argc % 2 == 1;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--leases") == 0)
            w.leases = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--transport") == 0)
            w.transport = argv[i + 1];
        else
            good = false;
    }
    if (!good || w.leases == 0) {
        fprintf(stderr, "usage: %s [--leases N] [--transport tcp|ipc] [--seed N]\n", argv[0]);
        exit(2);
    }
    return w;
}

static void bind_routers(void *ctx, const char *transport)
{
    const char *any = strcmp(transport, "ipc") == 0 ? "ipc://*" : "tcp://127.0.0.1:*";

    for (int i = 0; i < ROUTERS; i++) {
        size_t size = sizeof endpoint[i];

        routers[i] = zmq_socket(ctx, ZMQ_ROUTER);
        set(routers[i], ZMQ_RCVTIMEO, LOOK_MS);
        set(routers[i], ZMQ_LINGER, 0);
        if (zmq_bind(routers[i], any) ||
            zmq_getsockopt(routers[i], ZMQ_LAST_ENDPOINT, endpoint[i], &size))
            fail("zmq_bind %s: %s", any, zmq_strerror(errno));
    }
}

static uint64_t leases_taken(void)
{
    return counted(TOKEN_TAKEN) + counted(INTAKE_TAKEN);
}

static void await_leases(uint64_t wanted)
{
    uint64_t before = 0, since = now_us();

    while (leases_taken() < wanted) {
        if (leases_taken() != before) {
            before = leases_taken();
            since = now_us();
        }
        if (now_us() - since > QUIET_MS * UINT64_C(1000))
            fail("nobody takes anything, after %llu leases", (unsigned long long)before);
        usleep(10000);
    }
}

static void tell(const char *transport)
{
    uint64_t intakes = counted(INTAKE_TAKEN), left = counted(INTAKE_LEFT),
             given_up = counted(INTAKE_GIVEN_UP);

    printf("%s: %llu tokens taken, %llu left, %llu given up; %llu intakes taken, %llu left, %llu "
           "given up, %llu taken back; %llu echoes, %llu restarts\n",
           transport, (unsigned long long)counted(TOKEN_TAKEN),
           (unsigned long long)counted(TOKEN_LEFT), (unsigned long long)counted(TOKEN_GIVEN_UP),
           (unsigned long long)intakes, (unsigned long long)left, (unsigned long long)given_up,
           (unsigned long long)(intakes - left - given_up), (unsigned long long)echoes,
           (unsigned long long)restarts);
    if (counted(TOKEN_TAKEN) != counted(TOKEN_LEFT) + counted(TOKEN_GIVEN_UP))
        fail("a token was not given back");
    if (counted(TOKEN_LEFT) == 0 || left == 0 || left + given_up > intakes)
        fail("the numbers cannot be");
}

int main(int argc, char **argv)
{
    struct wish wish = wishes(argc, argv);
    struct answerer answerers[] = {{0, 1}, {1, ROUTERS - 1}};
    struct asker askers[ASKERS] = {0};
    pthread_t answering[2], asking[ASKERS];
    void *bound = zmq_ctx_new(), *connected = zmq_ctx_new();

    zmq_ctx_set(connected, ZMQ_IO_THREADS, 2);
    bind_routers(bound, wish.transport);
    for (int i = 0; i < 2; i++)
        pthread_create(&answering[i], NULL, run_answerer, &answerers[i]);
    for (uint32_t i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.index = i, .random = seed * 40503 + i + 1, .ctx = connected};
        pthread_create(&asking[i], NULL, run_asker, &askers[i]);
    }
    await_leases(wish.leases);
    atomic_store(&over, true);
    for (int i = 0; i < ASKERS; i++)
        pthread_join(asking[i], NULL);
    zmq_ctx_term(connected);
    atomic_store(&heard_all, true);
    for (int i = 0; i < 2; i++)
        pthread_join(answering[i], NULL);
    for (int i = 0; i < ROUTERS; i++)
        zmq_close(routers[i]);
    zmq_ctx_term(bound);
    tell(wish.transport);
    return 0;
}
