/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream is sent in batches that the near end orders from the far one. The first ones grow until
 * one takes long enough to tell the rate; they warm up what there is to warm up, and are not
 * counted. The last one is as long as was asked for, and its time runs at the receiver, from its
 * first message to its last.
 *
 * Requests are sent when bench_due.h says so. A fixed time is met by sleeping until shortly before
 * it and then watching the clock, since a sleep ends late by as much as a message takes. That is
 * why only the answering end's use of the processor is told.
 */
#include "tools/bench_work.h"
#include "engine/base/alloc.h"
#include "tools/bench_due.h"
#include "tools/bench_library.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ull

enum {
    KEY_TEXT = 41,         /* a key of CURVE in Z85, with its end */
    WATCH_NS = 80000,      /* before a due time the clock is watched, and no more slept */
    BATCH_BYTES = 1 << 20, /* the first batch */
    TRIES = 3,             /* for a batch of the wanted length */
};

struct end {
    const struct bench_zmq *z;
    const struct bench_job *job;
    void *ctx, *socket;
    int peer;
    bool routes;  /* is a ROUTER: an id comes and goes before each message */
    zmq_msg_t id; /* of a ROUTER's peer */
};

/* What the near end tells the far one when it can be connected to. */
struct meeting {
    char endpoint[256];
    char server_key[KEY_TEXT];
};

static uint64_t read_clock(clockid_t clock)
{
    struct timespec t = {0, 0};

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static uint64_t now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static void sleep_until(uint64_t due)
{
    struct timespec t = {.tv_sec = (time_t)(due / SECOND_NS), .tv_nsec = (long)(due % SECOND_NS)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

/* ---- beside the measured sockets ---- */

bool bench_say(int fd, const void *data, size_t size)
{
    for (const char *p = data; size > 0;) {
        ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            return false;
        p += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

bool bench_hear(int fd, void *data, size_t size)
{
    for (char *p = data; size > 0;) {
        ssize_t n = recv(fd, p, size, 0);

        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        p += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Tells who started us why nothing comes, and ends. From either thread. */
__attribute__((format(printf, 1, 2))) static _Noreturn void fail(const char *format, ...)
{
    struct bench_answer answer = {.good = false};
    va_list args;

    va_start(args, format);
    vsnprintf(answer.why, sizeof answer.why, format, args);
    va_end(args);
    bench_say(BENCH_CONTROL, &answer, sizeof answer);
    _exit(1);
}

static void check(const struct end *e, bool good, const char *call)
{
    if (!good)
        fail("%s: %s", call, e->z->zmq_strerror(e->z->zmq_errno()));
}

/* The other end tells by itself why it has gone: it is not for us to speak first. */
static void say(const struct end *e, const void *data, size_t size)
{
    if (!bench_say(e->peer, data, size))
        _exit(1);
}

static void hear(const struct end *e, void *data, size_t size)
{
    if (!bench_hear(e->peer, data, size))
        _exit(1);
}

/* ---- sockets ---- */

static void set(const struct end *e, int option, const void *value, size_t size, const char *name)
{
    check(e, e->z->zmq_setsockopt(e->socket, option, value, size) == 0, name);
}

static void open_socket(struct end *e)
{
    static const int types[][2] = {
        /* near, far */
        [BENCH_PUSH_PULL] = {ZMQ_PULL, ZMQ_PUSH},
        [BENCH_REQ_REP] = {ZMQ_REQ, ZMQ_REP},
        [BENCH_PAIR] = {ZMQ_PAIR, ZMQ_PAIR},
        [BENCH_DEALER_ROUTER] = {ZMQ_ROUTER, ZMQ_DEALER}, /* of latency the other way round */
    };
    const struct bench_case *c = &e->job->what;
    bool far = e->job->part == BENCH_FAR;
    int type = types[c->pattern][far != (c->latency && c->pattern == BENCH_DEALER_ROUTER)];

    e->routes = type == ZMQ_ROUTER;
    e->socket = e->z->zmq_socket(e->ctx, type);
    check(e, e->socket != NULL, "zmq_socket");
    check(e, e->z->zmq_msg_init(&e->id) == 0, "zmq_msg_init");
}

static void close_socket(struct end *e)
{
    int linger = 0;

    e->z->zmq_msg_close(&e->id);
    set(e, ZMQ_LINGER, &linger, sizeof linger, "ZMQ_LINGER"); /* all was received */
    check(e, e->z->zmq_close(e->socket) == 0, "zmq_close");
}

static void secure_near(struct end *e, struct meeting *m)
{
    char secret[KEY_TEXT];
    int yes = 1;

    check(e, e->z->zmq_curve_keypair(m->server_key, secret) == 0, "zmq_curve_keypair");
    set(e, ZMQ_CURVE_SERVER, &yes, sizeof yes, "ZMQ_CURVE_SERVER");
    set(e, ZMQ_CURVE_SECRETKEY, secret, sizeof secret, "ZMQ_CURVE_SECRETKEY");
}

static void secure_far(struct end *e, const struct meeting *m)
{
    char public[KEY_TEXT], secret[KEY_TEXT];

    check(e, e->z->zmq_curve_keypair(public, secret) == 0, "zmq_curve_keypair");
    set(e, ZMQ_CURVE_SERVERKEY, m->server_key, KEY_TEXT, "ZMQ_CURVE_SERVERKEY");
    set(e, ZMQ_CURVE_PUBLICKEY, public, sizeof public, "ZMQ_CURVE_PUBLICKEY");
    set(e, ZMQ_CURVE_SECRETKEY, secret, sizeof secret, "ZMQ_CURVE_SECRETKEY");
}

static void bind_near(struct end *e, struct meeting *m)
{
    size_t size = sizeof m->endpoint;

    memset(m, 0, sizeof *m);
    if (e->job->what.transport == BENCH_CURVE)
        secure_near(e, m);
    if (e->z->zmq_bind(e->socket, e->job->endpoint) != 0)
        fail("cannot bind %s: %s; another address or port: --address HOST:PORT", e->job->endpoint,
             e->z->zmq_strerror(e->z->zmq_errno()));
    check(e, e->z->zmq_getsockopt(e->socket, ZMQ_LAST_ENDPOINT, m->endpoint, &size) == 0,
          "ZMQ_LAST_ENDPOINT");
}

/* ---- messages; those of a ROUTER come after an id, which `id` keeps for the answer ---- */

/* False: it is the empty one that ends the requests. */
static bool receive(struct end *e, zmq_msg_t *m)
{
    if (e->routes)
        check(e, e->z->zmq_msg_recv(&e->id, e->socket, 0) >= 0, "zmq_msg_recv");
    check(e, e->z->zmq_msg_recv(m, e->socket, 0) >= 0, "zmq_msg_recv");
    if (e->z->zmq_msg_size(m) == e->job->what.size)
        return true;
    if (e->z->zmq_msg_size(m) == 0)
        return false;
    fail("received %zu bytes instead of %zu", e->z->zmq_msg_size(m), e->job->what.size);
}

static void send_message(struct end *e, zmq_msg_t *m)
{
    if (e->routes)
        check(e, e->z->zmq_msg_send(&e->id, e->socket, ZMQ_SNDMORE) >= 0, "zmq_msg_send");
    check(e, e->z->zmq_msg_send(m, e->socket, 0) >= 0, "zmq_msg_send");
}

/* ---- throughput ---- */

static void far_stream(struct end *e)
{
    uint64_t count;
    zmq_msg_t m;

    for (hear(e, &count, sizeof count); count > 0; hear(e, &count, sizeof count))
        for (uint64_t i = 0; i < count; i++) {
            check(e, e->z->zmq_msg_init_size(&m, e->job->what.size) == 0, "zmq_msg_init_size");
            check(e, e->z->zmq_msg_send(&m, e->socket, 0) >= 0, "zmq_msg_send");
        }
}

static void receive_one(struct end *e, zmq_msg_t *m)
{
    if (!receive(e, m))
        fail("received an empty message");
}

/* Messages a second of a batch that was ordered; `ns` becomes how long it took. */
static double batch(struct end *e, uint64_t count, uint64_t *ns)
{
    uint64_t start;
    zmq_msg_t m;

    say(e, &count, sizeof count);
    check(e, e->z->zmq_msg_init(&m) == 0, "zmq_msg_init");
    receive_one(e, &m);
    start = now_ns();
    for (uint64_t i = 1; i < count; i++)
        receive_one(e, &m);
    *ns = now_ns() - start;
    *ns += !*ns;
    e->z->zmq_msg_close(&m);
    return (double)(count - 1) * (double)SECOND_NS / (double)*ns;
}

static double near_stream(struct end *e)
{
    uint64_t count = BATCH_BYTES / e->job->what.size, ns, stop = 0;
    double wanted = e->job->seconds, rate;

    count = count < 4 ? 4 : count > 1000 ? 1000 : count;
    for (;;) {
        double more;

        rate = batch(e, count, &ns);
        if ((double)ns >= wanted / 8 * (double)SECOND_NS)
            break;
        more = wanted / 6 * (double)SECOND_NS / (double)ns;
        count = (uint64_t)((double)count * (more > 10 ? 10 : more) + 1);
    }
    for (int i = 0; i < TRIES && (i == 0 || (double)ns < wanted / 2 * (double)SECOND_NS); i++) {
        count = (uint64_t)(rate * wanted); /* a stall may have made it look slow: then once more */
        rate = batch(e, count < 4 ? 4 : count, &ns);
    }
    say(e, &stop, sizeof stop);
    return rate;
}

/* ---- latency ---- */

/* Of the answering end: of its thread where both ends are one process. */
static clockid_t far_clock(const struct end *e)
{
    bool thread = e->job->what.transport == BENCH_INPROC;
    clockid_t clock;

    if (thread ? pthread_getcpuclockid(pthread_self(), &clock) != 0
               : clock_getcpuclockid(getpid(), &clock) != 0)
        fail("the answering end has no clock of the processor");
    return clock;
}

static void far_answers(struct end *e)
{
    clockid_t clock = far_clock(e);
    zmq_msg_t m;
    char done = 0;

    say(e, &clock, sizeof clock);
    check(e, e->z->zmq_msg_init(&m) == 0, "zmq_msg_init");
    while (receive(e, &m))
        send_message(e, &m);
    e->z->zmq_msg_close(&m);
    say(e, &done, sizeof done);
}

/* To and fro: the message is the same one all the time. Answers the time of the reply. */
static uint64_t ask(struct end *e, zmq_msg_t *m)
{
    send_message(e, m);
    receive_one(e, m);
    return now_ns();
}

/* Answers when it is over. `watch` the clock at its end: what is to be idle time is without. */
static uint64_t wait_until(uint64_t due, bool watch)
{
    uint64_t now = now_ns();

    if (!watch)
        sleep_until(due);
    else if (due > now + WATCH_NS)
        sleep_until(due - WATCH_NS);
    do
        now = now_ns();
    while (now < due);
    return now;
}

/* Answers how many there were. */
static uint64_t ask_all(struct end *e, zmq_msg_t *m, struct histogram *h,
                        const struct bench_case *c, double seconds)
{
    uint64_t now = now_ns(), due;
    struct bench_due d;

    bench_due_begin(&d, c, seconds, now);
    while (bench_due_next(&d, now, &due)) {
        uint64_t sent = due > now ? wait_until(due, c->load == BENCH_RATE) : now;

        now = ask(e, m);
        histogram_add(h, bench_due_latency(&d, due, sent, now));
    }
    return d.asked;
}

/* Requests a second; the answer says how the rate was held. */
static void near_requests(struct end *e, struct bench_answer *a, struct histogram *h)
{
    const struct bench_case warm = {.load = BENCH_FULL}, *c = &e->job->what;
    uint64_t n, start, cpu;
    clockid_t clock;
    zmq_msg_t m;
    char done;

    hear(e, &clock, sizeof clock);
    check(e, e->z->zmq_msg_init_size(&m, c->size) == 0, "zmq_msg_init_size");
    memset(e->z->zmq_msg_data(&m), 0, c->size);
    ask_all(e, &m, h, &warm, e->job->seconds / 10);
    memset(h, 0, sizeof *h);
    start = now_ns();
    cpu = read_clock(clock);
    n = ask_all(e, &m, h, c, e->job->seconds);
    cpu = read_clock(clock) - cpu;
    start = now_ns() - start;
    a->figure = (double)n * (double)SECOND_NS / (double)start;
    a->cpu = (double)cpu / (double)start;
    e->z->zmq_msg_close(&m);
    check(e, e->z->zmq_msg_init_size(&m, 0) == 0, "zmq_msg_init_size");
    send_message(e, &m); /* the end */
    hear(e, &done, sizeof done);
}

double bench_expected_seconds(const struct bench_job *job)
{
    return bench_due_seconds(&job->what, job->seconds);
}

/* ---- the ends ---- */

static void run_far(struct end *e)
{
    struct meeting m;

    open_socket(e);
    hear(e, &m, sizeof m);
    if (e->job->what.transport == BENCH_CURVE)
        secure_far(e, &m);
    check(e, e->z->zmq_connect(e->socket, m.endpoint) == 0, m.endpoint);
    if (e->job->what.latency)
        far_answers(e);
    else
        far_stream(e);
    close_socket(e);
}

static void run_near(struct end *e, struct bench_answer *a, struct histogram *h)
{
    struct meeting m;

    open_socket(e);
    bind_near(e, &m);
    say(e, &m, sizeof m);
    if (e->job->what.latency)
        near_requests(e, a, h);
    else
        a->figure = near_stream(e);
    close_socket(e);
}

static void *far_thread(void *arg)
{
    run_far(arg);
    return NULL;
}

/* The same two ends in one process: they share the context, which inproc needs. */
static void run_both(struct end *near, struct bench_answer *a, struct histogram *h)
{
    struct bench_job job = *near->job;
    struct end far = *near;
    pthread_t thread;
    int fd[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
        fail("socketpair: %s", strerror(errno));
    job.part = BENCH_FAR;
    far.job = &job;
    near->peer = fd[0];
    far.peer = fd[1];
    if (pthread_create(&thread, NULL, far_thread, &far) != 0)
        fail("a second thread cannot be had");
    run_near(near, a, h);
    pthread_join(thread, NULL);
    close(fd[0]);
    close(fd[1]);
}

static void run(const struct bench_zmq *z, const struct bench_job *job, struct bench_answer *a,
                struct histogram *h)
{
    struct end e = {.z = z, .job = job, .peer = BENCH_PEER, .ctx = z->zmq_ctx_new()};

    if (!e.ctx)
        fail("zmq_ctx_new: %s", z->zmq_strerror(z->zmq_errno()));
    if (job->part == BENCH_FAR)
        run_far(&e);
    else if (job->what.transport == BENCH_INPROC)
        run_both(&e, a, h);
    else
        run_near(&e, a, h);
    check(&e, z->zmq_ctx_term(e.ctx) == 0, "zmq_ctx_term");
}

int bench_worker(void)
{
    struct bench_answer answer = {.good = true};
    struct histogram *h;
    struct bench_job job;
    struct bench_zmq z;

    if (!bench_hear(BENCH_CONTROL, &job, sizeof job)) {
        fprintf(stderr, "zuring: " BENCH_WORKER " is what zuring bench starts by itself\n");
        return 1;
    }
    prctl(PR_SET_TIMERSLACK, 1UL); /* else each sleep ends 50 microseconds late */
    h = zu_alloc_zero(sizeof *h);
    if (!h)
        fail("no memory for a histogram");
    if (!bench_zmq_open(&z, job.file, answer.why, sizeof answer.why))
        fail("%s", answer.why);
    if (job.part == BENCH_DESCRIBE)
        bench_zmq_describe(&z, &answer.library);
    else
        run(&z, &job, &answer, h);
    bench_say(BENCH_CONTROL, &answer, sizeof answer);
    if (job.part == BENCH_NEAR && job.what.latency)
        bench_say(BENCH_CONTROL, h, sizeof *h);
    zu_free(h);
    return 0;
}
