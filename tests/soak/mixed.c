/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mixed: lone messages and streams on the same sockets, by callers who wait in every way there is,
 * and peers that stall, restart and half-close: every message is accounted for.
 *
 * A ROUTER echoes what numbered DEALERs say. Each of these sends, as chance has it, one message and
 * waits for its echo; or a stream, and then waits for all of its echoes; computes for a while; or
 * says some more, closes at once, and begins anew with another generation. Over tcp there is a
 * plain socket, too, that ends its own direction behind its last message. The ROUTER must hear each
 * generation in order and to its last message, a DEALER all of its echoes in order, and a timer's
 * signals interrupt everybody.
 *
 *     mixed [--seconds N] [--transport tcp|ipc|ws] [--mechanism null|curve] [--seed N]
 *
 * Uses zmq.h alone: LD_LIBRARY_PATH chooses the library, which need not have a zmq_poller.
 */
#include "tests/soak/waits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <zmq.h>

enum {
    DEALERS = 3,
    PLAIN = DEALERS, /* the number of the plain socket */
    SPEAKERS,
    GENERATIONS = 64, /* of one speaker that may be under way at a time */
    STREAM_MAX = 900, /* less than one water mark */
    LAST_MAX = 100,   /* said before a socket is closed */
    QUIET_MS = 60000, /* nothing for so long: lost */
    SIGNAL_US = 3000,
    SIZE_MAX_LONE = 3000, /* some do not fit where others do */
};

struct word {
    uint32_t speaker, generation;
    uint64_t number;
};

struct generation {
    _Atomic uint64_t sent, got;
};

struct world {
    char endpoint[128];
    int port;
    void *ctx, *router;
    bool sealed;
    char keys[2][2][41]; /* of the ROUTER, and of all others: public, secret */
    _Atomic bool over, heard_all;
    struct generation of[SPEAKERS][GENERATIONS];
    _Atomic uint64_t lone, streams, restarts, unreachable;
};

struct speaker {
    struct world *w;
    uint32_t index, generation;
    uint64_t number, heard, random;
    void *ctx, *s;
};

static void end(void *ctx)
{
    while (zmq_ctx_term(ctx))
        if (!was_interrupted())
            fail("zmq_ctx_term: %s", zmq_strerror(errno));
}

/* ---- who echoes ---- */

static void account(struct world *w, const struct word *word)
{
    struct generation *g;
    uint64_t got;

    if (word->speaker >= SPEAKERS)
        fail("a foreign message");
    g = &w->of[word->speaker][word->generation % GENERATIONS];
    got = atomic_load(&g->got);
    if (word->number != got)
        fail("speaker %u, generation %u: message %llu came in place of %llu", word->speaker,
             word->generation, (unsigned long long)word->number, (unsigned long long)got);
    atomic_store(&g->got, got + 1);
}

static void echo(struct world *w, void *s, const void *id, size_t id_size, const void *body,
                 size_t size)
{
    int rc;

    do
        rc = zmq_send(s, id, id_size, ZMQ_SNDMORE);
    while (rc < 0 && was_interrupted());
    if (rc < 0 && errno == EHOSTUNREACH) { /* it has closed */
        atomic_fetch_add(&w->unreachable, 1);
        return;
    }
    if (rc < 0)
        fail("no way back: %s", zmq_strerror(errno));
    do
        rc = zmq_send(s, body, size, 0);
    while (rc < 0 && was_interrupted());
    if (rc < 0)
        fail("no echo: %s", zmq_strerror(errno));
}

static void *run_echo(void *arg)
{
    struct world *w = arg;
    void *s = w->router;
    uint64_t random = (uint64_t)w->port * 7919 + 1;
    uint8_t id[256], body[SIZE_MAX_LONE];

    while (!atomic_load(&w->heard_all)) {
        int id_size = hear(s, id, sizeof id, &random, LOOK_MS * 1000), size;

        if (id_size < 0)
            continue;
        do
            size = zmq_recv(s, body, sizeof body, 0);
        while (size < 0 && was_interrupted());
        if (size < (int)sizeof(struct word))
            fail("a message of %d bytes", size);
        account(w, (const struct word *)body);
        echo(w, s, id, (size_t)id_size, body, (size_t)size);
        if (chance(&random, 5000) == 0)
            usleep((useconds_t)chance(&random, 20000));
    }
    return NULL;
}

static void seal(struct world *w, void *s, int owner)
{
    static const int own[] = {ZMQ_CURVE_PUBLICKEY, ZMQ_CURVE_SECRETKEY};

    if (!w->sealed)
        return;
    for (int i = 0; i < 2; i++)
        if (zmq_setsockopt(s, own[i], w->keys[owner][i], 41))
            fail("a key: %s", zmq_strerror(errno));
    if (owner == 0)
        set(s, ZMQ_CURVE_SERVER, 1);
    else if (zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, w->keys[0][0], 41))
        fail("a key: %s", zmq_strerror(errno));
}

static void bind_router(struct world *w)
{
    void *s;

    w->ctx = zmq_ctx_new();
    w->router = s = zmq_socket(w->ctx, ZMQ_ROUTER);
    set(s, ZMQ_ROUTER_MANDATORY, 1);
    set(s, ZMQ_RCVTIMEO, LOOK_MS);
    set(s, ZMQ_HEARTBEAT_IVL, 5);
    set(s, ZMQ_HEARTBEAT_TIMEOUT, QUIET_MS);
    set(s, ZMQ_LINGER, 0);
    seal(w, s, 0);
    if (zmq_bind(s, w->endpoint))
        fail("zmq_bind %s: %s", w->endpoint, zmq_strerror(errno));
}

/* ---- who speaks ---- */

static void open_socket(struct speaker *p)
{
    struct generation *g;
    uint64_t until = now_us() + QUIET_MS * UINT64_C(1000);

    p->generation++;
    p->number = p->heard = 0;
    g = &p->w->of[p->index][p->generation % GENERATIONS];
    while (atomic_load(&g->got) != atomic_load(&g->sent)) {
        if (now_us() > until)
            fail("speaker %u, generation %u: %llu of %llu came", p->index,
                 p->generation - GENERATIONS, (unsigned long long)atomic_load(&g->got),
                 (unsigned long long)atomic_load(&g->sent));
        usleep(1000);
    }
    atomic_store(&g->sent, 0);
    atomic_store(&g->got, 0);
    p->s = zmq_socket(p->ctx, ZMQ_DEALER);
    if (!p->s)
        fail("zmq_socket: %s", zmq_strerror(errno));
    set(p->s, ZMQ_RCVTIMEO, LOOK_MS);
    set(p->s, ZMQ_HEARTBEAT_IVL, (int)p->index * 5);
    set(p->s, ZMQ_HEARTBEAT_TIMEOUT, QUIET_MS);
    seal(p->w, p->s, 1);
    if (zmq_connect(p->s, p->w->endpoint))
        fail("zmq_connect: %s", zmq_strerror(errno));
}

static void say(struct speaker *p)
{
    uint8_t body[SIZE_MAX_LONE] = {0};
    struct word word = {p->index, p->generation, p->number++};
    size_t size = sizeof word;
    int rc;

    if (chance(&p->random, 8) == 0)
        size += chance(&p->random, sizeof body - sizeof word);
    memcpy(body, &word, sizeof word);
    atomic_store(&p->w->of[p->index][p->generation % GENERATIONS].sent, p->number);
    do
        rc = zmq_send(p->s, body, size, 0);
    while (rc < 0 && was_interrupted());
    if (rc != (int)size)
        fail("zmq_send: %s", zmq_strerror(errno));
}

static void hear_echo(struct speaker *p)
{
    uint64_t until = now_us() + QUIET_MS * UINT64_C(1000);
    uint8_t body[SIZE_MAX_LONE];
    struct word word;

    while (hear(p->s, body, sizeof body, &p->random, LOOK_MS * 1000) < 0)
        if (now_us() > until)
            fail("speaker %u: the echo of %llu did not come", p->index,
                 (unsigned long long)p->heard);
    memcpy(&word, body, sizeof word);
    if (word.speaker != p->index || word.generation != p->generation || word.number != p->heard)
        fail("speaker %u: the echo of %llu came in place of %llu", p->index,
             (unsigned long long)word.number, (unsigned long long)p->heard);
    p->heard++;
}

static void say_some(struct speaker *p, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        say(p);
    while (p->heard < p->number)
        hear_echo(p);
}

static void *run_dealer(void *arg)
{
    struct speaker *p = arg;

    p->ctx = zmq_ctx_new();
    open_socket(p);
    while (!atomic_load(&p->w->over)) {
        uint64_t dice = chance(&p->random, 400);

        if (dice == 0) {
            for (uint64_t i = chance(&p->random, LAST_MAX); i > 0; i--)
                say(p);
            zmq_close(p->s);
            open_socket(p);
            atomic_fetch_add(&p->w->restarts, 1);
        } else if (dice < 5) {
            say_some(p, 2 + chance(&p->random, STREAM_MAX - 1));
            atomic_fetch_add(&p->w->streams, 1);
        } else if (dice < 10) {
            compute(chance(&p->random, 3000));
        } else if (dice < 14) {
            usleep((useconds_t)chance(&p->random, 5000));
        } else {
            say_some(p, 1 + (dice < 40) * chance(&p->random, 20));
            atomic_fetch_add(&p->w->lone, 1);
        }
    }
    zmq_close(p->s);
    end(p->ctx);
    return NULL;
}

/* To the other threads. */
static void leave_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
}

/* ---- a plain socket, which ends its own direction first ---- */

static void write_all(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;

    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            fail("plain socket: %s", strerror(errno));
        at += n;
        size -= (size_t)n;
    }
}

static void shake_hands(int fd)
{
    static const char ready[] = "\4\x1c\5READY\13Socket-Type\0\0\0\6DEALER";
    uint8_t greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'N', 'U', 'L', 'L'};

    write_all(fd, greeting, sizeof greeting);
    write_all(fd, ready, sizeof ready - 1);
}

static void drain(int fd)
{
    uint8_t buf[4096];
    ssize_t n;

    do
        n = recv(fd, buf, sizeof buf, 0);
    while (n > 0 || (n < 0 && errno == EINTR));
}

static void half_close_once(struct speaker *p)
{
    struct generation *g = &p->w->of[p->index][p->generation % GENERATIONS];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)p->w->port)};
    uint64_t count = 1 + chance(&p->random, 50);
    uint64_t until = now_us() + QUIET_MS * UINT64_C(1000);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&a, sizeof a))
        fail("plain socket: %s", strerror(errno));
    shake_hands(fd);
    atomic_store(&g->sent, count);
    for (uint64_t i = 0; i < count; i++) {
        struct word word = {p->index, p->generation, i};
        uint8_t frame[2 + sizeof word] = {0, sizeof word};

        memcpy(frame + 2, &word, sizeof word);
        write_all(fd, frame, sizeof frame);
        if (chance(&p->random, 4) == 0)
            usleep((useconds_t)chance(&p->random, 300));
    }
    shutdown(fd, SHUT_WR);
    drain(fd);
    close(fd);
    while (atomic_load(&g->got) != count) {
        if (now_us() > until)
            fail("plain socket: %llu of %llu came", (unsigned long long)atomic_load(&g->got),
                 (unsigned long long)count);
        usleep(1000);
    }
    atomic_store(&g->sent, 0);
    atomic_store(&g->got, 0);
    p->generation++;
}

static void *run_plain(void *arg)
{
    struct speaker *p = arg;
    leave_signals();
    while (!atomic_load(&p->w->over)) {
        half_close_once(p);
        usleep((useconds_t)chance(&p->random, 20000));
    }
    return NULL;
}

/* ---- all of it ---- */

static void on_signal(int number)
{
    (void)number;
}

static void interrupt_everybody(void)
{
    struct sigaction act = {.sa_handler = on_signal};
    struct itimerval every = {.it_interval.tv_usec = SIGNAL_US, .it_value.tv_usec = SIGNAL_US};

    sigaction(SIGALRM, &act, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

/* A port that was free a moment ago, below those that connects take theirs from. */
static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0), port = 0;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (uint32_t i = 0; i < 1000 && !port; i++) {
        int n = 12000 + (int)(((uint32_t)getpid() * 131u + i) % 18000u);

        a.sin_port = htons((uint16_t)n);
        if (bind(fd, (struct sockaddr *)&a, sizeof a) == 0)
            port = n;
    }
    close(fd);
    return port;
}

static void await_all(struct world *w)
{
    uint64_t until = now_us() + QUIET_MS * UINT64_C(1000);

    for (int i = 0; i < SPEAKERS; i++)
        for (int j = 0; j < GENERATIONS; j++)
            while (atomic_load(&w->of[i][j].got) != atomic_load(&w->of[i][j].sent)) {
                if (now_us() > until)
                    fail("speaker %d: %llu of %llu came", i,
                         (unsigned long long)atomic_load(&w->of[i][j].got),
                         (unsigned long long)atomic_load(&w->of[i][j].sent));
                usleep(1000);
            }
}

struct wish {
    unsigned seconds, seed;
    const char *transport;
    bool sealed;
};

static struct wish wishes(int argc, char **argv)
{
    struct wish w = {.seconds = 10, .seed = 1, .transport = "tcp"};
    bool good = argc % 2 == 1;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seconds") == 0)
            w.seconds = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            w.seed = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--transport") == 0)
            w.transport = argv[i + 1];
        else if (strcmp(argv[i], "--mechanism") == 0)
            w.sealed = strcmp(argv[i + 1], "curve") == 0;
        else
            good = false;
    }
    if (!good || w.seconds == 0) {
        fprintf(stderr,
                "usage: %s [--seconds N] [--transport tcp|ipc|ws] "
                "[--mechanism null|curve] [--seed N]\n",
                argv[0]);
        exit(2);
    }
    return w;
}

static void say_so_far(struct world *w, unsigned second)
{
    printf("%u s: %llu times lone, %llu streams, %llu restarts, %llu too late for an echo, %llu "
           "interrupted\n",
           second, (unsigned long long)w->lone, (unsigned long long)w->streams,
           (unsigned long long)w->restarts, (unsigned long long)w->unreachable,
           (unsigned long long)interruptions());
}

int main(int argc, char **argv)
{
    static struct world w;
    struct wish wish = wishes(argc, argv);
    struct speaker speakers[SPEAKERS];
    pthread_t echoes, threads[SPEAKERS];
    uint64_t until = now_us() + wish.seconds * UINT64_C(1000000);
    unsigned count = strcmp(wish.transport, "tcp") || wish.sealed ? DEALERS : SPEAKERS, second = 0;
    char folder[] = "/tmp/mixed-XXXXXX";

    setvbuf(stdout, NULL, _IOLBF, 0);
    w.port = free_port();
    if (!mkdtemp(folder))
        fail("%s: %s", folder, strerror(errno));
    if (strcmp(wish.transport, "ipc") == 0)
        snprintf(w.endpoint, sizeof w.endpoint, "ipc://%s/s", folder);
    else
        snprintf(w.endpoint, sizeof w.endpoint, "%s://127.0.0.1:%d", wish.transport, w.port);
    w.sealed = wish.sealed;
    for (int i = 0; i < 2; i++)
        if (wish.sealed && zmq_curve_keypair(w.keys[i][0], w.keys[i][1]))
            fail("zmq_curve_keypair: %s", zmq_strerror(errno));
    bind_router(&w);
    interrupt_everybody();
    pthread_create(&echoes, NULL, run_echo, &w);
    for (unsigned i = 0; i < count; i++) {
        speakers[i] = (struct speaker){&w, i, 0, 0, 0, wish.seed * 2654435761u + i + 1, NULL, NULL};
        pthread_create(&threads[i], NULL, i == PLAIN ? run_plain : run_dealer, &speakers[i]);
    }
    leave_signals();
    while (now_us() < until) {
        usleep(100000);
        if (++second % 100 == 0)
            say_so_far(&w, second / 10);
    }
    atomic_store(&w.over, true);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    await_all(&w);
    atomic_store(&w.heard_all, true);
    pthread_join(echoes, NULL);
    zmq_close(w.router);
    end(w.ctx);
    rmdir(folder);
    say_so_far(&w, wish.seconds);
    return 0;
}
