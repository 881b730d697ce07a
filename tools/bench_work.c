/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream is sent in batches that the near end orders from the far one. The first ones grow until
 * one takes long enough to tell the rate; they warm up what there is to warm up, and are not
 * counted. The last one is as long as was asked for, and its time runs at the receiver, from its
 * first message to its last.
 *
 * Latency is half of a round trip; where requests have due times, what a request was late by when
 * it was sent is added to that, so that a stall is counted for all the requests it delayed
 * (the correction of coordinated omission). A due time is met by sleeping until shortly before it
 * and then watching the clock, since a sleep ends late by as much as a message takes.
 */
#include "tools/bench_work.h"
#include "engine/base/alloc.h"
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
    WARM_REQUESTS = 100,   /* and as many as fit into a tenth of the time */
    BATCH_BYTES = 1 << 20, /* the first batch */
    TRIES = 3,             /* for a batch of the wanted length */
    OUTRUN = 3,            /* a rate that cannot be held ends after so many times its time */
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

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
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

static void far_answers(struct end *e)
{
    zmq_msg_t m;
    char done = 0;

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

/* Each as soon as the last one is answered. Answers how many there were. */
static uint64_t ask_at_once(struct end *e, zmq_msg_t *m, struct histogram *h, double seconds)
{
    uint64_t before = now_ns(), end = before + (uint64_t)(seconds * (double)SECOND_NS), n = 0;

    do {
        uint64_t now = ask(e, m);

        histogram_add(h, (now - before) / 2);
        before = now;
        n++;
    } while (before < end || n < WARM_REQUESTS);
    return n;
}

static uint64_t ask_at_rate(struct end *e, zmq_msg_t *m, struct histogram *h)
{
    unsigned per_second = e->job->what.load_value;
    uint64_t count = (uint64_t)(e->job->seconds * per_second), n, start = now_ns();
    uint64_t end = start + (uint64_t)(e->job->seconds * OUTRUN * (double)SECOND_NS);

    count = count < BENCH_GAP_REQUESTS ? BENCH_GAP_REQUESTS : count;
    for (n = 0; n < count; n++) {
        uint64_t due = start + (n + 1) * SECOND_NS / per_second, sent, now = now_ns();

        if (due > now + WATCH_NS)
            sleep_until(due - WATCH_NS);
        while ((sent = now_ns()) < due)
            ;
        now = ask(e, m);
        histogram_add(h, sent - due + (now - sent) / 2);
        if (now > end && n + 1 >= BENCH_GAP_REQUESTS)
            return n + 1;
    }
    return n;
}

static uint64_t ask_after_gaps(struct end *e, zmq_msg_t *m, struct histogram *h)
{
    uint64_t gap = e->job->what.load_value * (SECOND_NS / 1000), start = now_ns(), now = start;
    uint64_t end = start + (uint64_t)(e->job->seconds * (double)SECOND_NS), n;

    for (n = 0; now < end || n < BENCH_GAP_REQUESTS; n++) {
        uint64_t sent;

        sleep_until(now + gap);
        sent = now_ns();
        now = ask(e, m);
        histogram_add(h, (now - sent) / 2);
    }
    return n;
}

/* Requests a second; the answer says how the rate was held. */
static double near_requests(struct end *e, struct histogram *h)
{
    uint64_t n, start;
    zmq_msg_t m;
    double rate;
    char done;

    check(e, e->z->zmq_msg_init_size(&m, e->job->what.size) == 0, "zmq_msg_init_size");
    memset(e->z->zmq_msg_data(&m), 0, e->job->what.size);
    ask_at_once(e, &m, h, e->job->seconds / 10);
    memset(h, 0, sizeof *h);
    start = now_ns();
    if (e->job->what.load == BENCH_RATE)
        n = ask_at_rate(e, &m, h);
    else if (e->job->what.load == BENCH_GAP)
        n = ask_after_gaps(e, &m, h);
    else
        n = ask_at_once(e, &m, h, e->job->seconds);
    rate = (double)n * (double)SECOND_NS / (double)(now_ns() - start);
    e->z->zmq_msg_close(&m);
    check(e, e->z->zmq_msg_init_size(&m, 0) == 0, "zmq_msg_init_size");
    send_message(e, &m); /* the end */
    hear(e, &done, sizeof done);
    return rate;
}

double bench_expected_seconds(const struct bench_job *job)
{
    double gaps = job->what.load_value * BENCH_GAP_REQUESTS / 1000.0;

    if (job->what.load == BENCH_GAP && gaps > job->seconds)
        return gaps;
    return job->what.load == BENCH_RATE ? job->seconds * OUTRUN : job->seconds;
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

static double run_near(struct end *e, struct histogram *h)
{
    struct meeting m;
    double figure;

    open_socket(e);
    bind_near(e, &m);
    say(e, &m, sizeof m);
    figure = e->job->what.latency ? near_requests(e, h) : near_stream(e);
    close_socket(e);
    return figure;
}

static void *far_thread(void *arg)
{
    run_far(arg);
    return NULL;
}

/* The same two ends in one process: they share the context, which inproc needs. */
static double run_both(struct end *near, struct histogram *h)
{
    struct bench_job job = *near->job;
    struct end far = *near;
    pthread_t thread;
    double figure;
    int fd[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
        fail("socketpair: %s", strerror(errno));
    job.part = BENCH_FAR;
    far.job = &job;
    near->peer = fd[0];
    far.peer = fd[1];
    if (pthread_create(&thread, NULL, far_thread, &far) != 0)
        fail("a second thread cannot be had");
    figure = run_near(near, h);
    pthread_join(thread, NULL);
    close(fd[0]);
    close(fd[1]);
    return figure;
}

static void run(const struct bench_zmq *z, const struct bench_job *job, struct bench_answer *a,
                struct histogram *h)
{
    struct end e = {.z = z, .job = job, .peer = BENCH_PEER, .ctx = z->zmq_ctx_new()};

    if (!e.ctx)
        fail("zmq_ctx_new: %s", z->zmq_strerror(z->zmq_errno()));
    if (job->part == BENCH_FAR)
        run_far(&e);
    else
        a->figure = job->what.transport == BENCH_INPROC ? run_both(&e, h) : run_near(&e, h);
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
