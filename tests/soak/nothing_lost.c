/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nothing_lost: every message that was accepted arrives, once and in order, also when its sender
 * closes and terminates while the receiver is behind.
 *
 * A run is two processes. In the shape `push` one sends numbered messages of 16 bytes by PUSH and
 * the other receives them by PULL; in the shape `dealer` both send and receive at once. The number
 * of the run decides who binds, whether the connect comes before the bind, and whether there are
 * heartbeats. The receiver stops reading shortly before the end until the sender says that it is
 * about to close, so that there is always something under way at that moment.
 *
 *     nothing_lost [--runs N] [--first N] [--messages N] [--transport tcp|ipc]
 *                  [--shape push|dealer] [--heartbeats on|off]
 *
 * Uses zmq.h alone: LD_LIBRARY_PATH chooses the library.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <arpa/inet.h>

enum {
    QUIET_MS = 60000,      /* nothing to receive or no room to send for so long: lost */
    RUN_MS = 540000,       /* for a whole run */
    BEHIND_MAX = 900,      /* less than one water mark, so that the sender can end */
    HEARTBEAT_IVL_MS = 10, /* many a second, so that some are unread at the close */
    HEARTBEAT_TIMEOUT_MS = 60000,
    BURST = 64,
};

struct word {
    uint32_t run, side;
    uint64_t number;
};

struct plan {
    uint32_t run;
    uint64_t messages;
    bool dealer, ipc;
    bool connect_first; /* before the other binds */
    bool first_binds;   /* side 0, the sender of `push`, is the one that binds */
    bool heartbeats;
    uint64_t behind; /* messages that are unread when the other closes */
    char endpoint[128];
    int turn[2];    /* whoever is first in place says so to the other */
    int closing[2]; /* side 0 to side 1 */
};

static _Noreturn void fail(const struct plan *p, int side, const char *what, uint64_t at)
{
    int error = errno;

    fprintf(stderr, "run %u, side %d: %s at message %llu of %llu: %s\n", p->run, side, what,
            (unsigned long long)at, (unsigned long long)p->messages, zmq_strerror(error));
    _exit(1);
}

static void set(const struct plan *p, int side, void *s, int option, int value)
{
    if (zmq_setsockopt(s, option, &value, sizeof value))
        fail(p, side, "zmq_setsockopt", 0);
}

static void hear(const struct plan *p, int side, int fd)
{
    struct pollfd f = {fd, POLLIN, 0};
    char c;

    if (poll(&f, 1, QUIET_MS) != 1 || read(fd, &c, 1) != 1)
        fail(p, side, "the other side's sign did not come", 0);
}

static void say(const struct plan *p, int side, int fd)
{
    if (write(fd, "x", 1) != 1)
        fail(p, side, "pipe", 0);
}

/* Opens this side's socket when its turn has come. */
static void *open_socket(const struct plan *p, int side, void *ctx)
{
    int type = p->dealer ? ZMQ_DEALER : side == 0 ? ZMQ_PUSH : ZMQ_PULL;
    bool binds = (side == 0) == p->first_binds;
    bool waits = binds == p->connect_first;
    void *s = zmq_socket(ctx, type);

    if (!s)
        fail(p, side, "zmq_socket", 0);
    set(p, side, s, ZMQ_RCVTIMEO, QUIET_MS);
    set(p, side, s, ZMQ_SNDTIMEO, QUIET_MS);
    if (p->heartbeats) {
        set(p, side, s, ZMQ_HEARTBEAT_IVL, HEARTBEAT_IVL_MS);
        set(p, side, s, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
    }
    if (waits)
        hear(p, side, p->turn[0]);
    if ((binds ? zmq_bind : zmq_connect)(s, p->endpoint))
        fail(p, side, binds ? "zmq_bind" : "zmq_connect", 0);
    if (!waits)
        say(p, side, p->turn[1]);
    return s;
}

static bool send_one(const struct plan *p, int side, void *s, uint64_t number, int flags)
{
    struct word w = {p->run, (uint32_t)side, number};

    if (zmq_send(s, &w, sizeof w, flags) == (int)sizeof w)
        return true;
    if (!(flags & ZMQ_DONTWAIT) || errno != EAGAIN)
        fail(p, side, "zmq_send", number);
    return false;
}

static bool recv_one(const struct plan *p, int side, void *s, uint64_t number, int flags)
{
    struct word w;
    int size = zmq_recv(s, &w, sizeof w, flags);

    if (size < 0 && flags & ZMQ_DONTWAIT && errno == EAGAIN)
        return false;
    if (size < 0)
        fail(p, side, "nothing came", number);
    if (size != (int)sizeof w || w.run != p->run || w.side != (uint32_t)!side) {
        errno = EPROTO;
        fail(p, side, "a foreign message", number);
    }
    if (w.number != number) {
        fprintf(stderr, "run %u: number %llu came\n", p->run, (unsigned long long)w.number);
        errno = EPROTO;
        fail(p, side, "lost, doubled or out of order", number);
    }
    return true;
}

/* Nothing may come after the last one. */
static void recv_end(const struct plan *p, int side, void *s)
{
    char c[64];

    if (zmq_recv(s, c, sizeof c, ZMQ_DONTWAIT) >= 0) {
        errno = EPROTO;
        fail(p, side, "more than was sent", p->messages);
    }
}

static void push(const struct plan *p, void *s)
{
    for (uint64_t i = 0; i < p->messages; i++)
        send_one(p, 0, s, i, 0);
}

static void pull(const struct plan *p, void *s)
{
    for (uint64_t i = 0; i < p->messages; i++) {
        if (i == p->messages - p->behind)
            hear(p, 1, p->closing[0]);
        recv_one(p, 1, s, i, 0);
    }
    recv_end(p, 1, s);
}

static void wait_for_progress(const struct plan *p, int side, void *s, bool in, bool out,
                              uint64_t at)
{
    zmq_pollitem_t item = {s, 0, (short)((in ? ZMQ_POLLIN : 0) | (out ? ZMQ_POLLOUT : 0)), 0};

    if (zmq_poll(&item, 1, QUIET_MS) != 1) {
        errno = ETIMEDOUT;
        fail(p, side, "neither came nor went anything", at);
    }
}

/* Both directions at once. Side 1 has sent all before it falls behind, so side 0 can end. */
static void converse(const struct plan *p, int side, void *s)
{
    uint64_t sent = 0, got = 0, stop = side == 1 ? p->messages - p->behind : p->messages;

    while (sent < p->messages || got < p->messages) {
        uint64_t before = sent + got;

        for (int i = 0; i < BURST && sent < p->messages; i++)
            sent += send_one(p, side, s, sent, ZMQ_DONTWAIT);
        for (int i = 0; i < BURST && got < stop; i++)
            got += recv_one(p, side, s, got, ZMQ_DONTWAIT);
        if (side == 1 && sent == p->messages && got == stop && stop < p->messages) {
            hear(p, side, p->closing[0]);
            stop = p->messages;
        } else if (sent + got == before) {
            wait_for_progress(p, side, s, got < stop, sent < p->messages, got);
        }
    }
    recv_end(p, side, s);
}

static void play(const struct plan *p, int side)
{
    void *ctx = zmq_ctx_new();
    void *s = open_socket(p, side, ctx);

    if (p->dealer)
        converse(p, side, s);
    else
        (side == 0 ? push : pull)(p, s);
    if (side == 0)
        say(p, side, p->closing[1]);
    if (zmq_close(s))
        fail(p, side, "zmq_close", p->messages);
    if (zmq_ctx_term(ctx))
        fail(p, side, "zmq_ctx_term", p->messages);
    _exit(0);
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* A port that was free a moment ago, below those that connects take theirs from. */
static int free_port(uint32_t run)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0), port = 0;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (uint32_t i = 0; i < 1000 && !port; i++) {
        int n = 12000 + (int)(((uint32_t)getpid() * 131u + run * 7u + i) % 18000u);

        a.sin_port = htons((uint16_t)n);
        if (bind(fd, (struct sockaddr *)&a, sizeof a) == 0)
            port = n;
    }
    close(fd);
    return port;
}

/* True: the process ended well before the deadline. */
static bool ended_well(pid_t pid, uint64_t deadline)
{
    struct timespec step = {0, 1000000};
    int status;

    for (;;) {
        pid_t got = waitpid(pid, &status, WNOHANG);

        if (got == pid)
            return WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (got < 0)
            return false;
        if (now_ms() > deadline) {
            fprintf(stderr, "process %d did not end\n", (int)pid);
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return false;
        }
        nanosleep(&step, NULL);
    }
}

static bool run_once(struct plan *p, const char *folder)
{
    uint64_t deadline = now_ms() + RUN_MS;
    pid_t pid[2];
    bool good;

    if (p->ipc)
        snprintf(p->endpoint, sizeof p->endpoint, "ipc://%s/%u", folder, p->run);
    else
        snprintf(p->endpoint, sizeof p->endpoint, "tcp://127.0.0.1:%d", free_port(p->run));
    if (pipe(p->turn) || pipe(p->closing))
        return false;
    for (int side = 0; side < 2; side++) {
        pid[side] = fork();
        if (pid[side] == 0)
            play(p, side);
    }
    good = ended_well(pid[0], deadline);
    if (!good)
        deadline = now_ms() + 2 * QUIET_MS; /* time to say what is missing */
    good &= ended_well(pid[1], deadline);
    for (int i = 0; i < 2; i++) {
        close(p->turn[i]);
        close(p->closing[i]);
    }
    return good;
}

static void describe(const struct plan *p, const char *word)
{
    printf("%s run %u: %s %s, side %d binds, connect %s bind, heartbeats %s, %llu unread at the "
           "close\n",
           word, p->run, p->dealer ? "dealer" : "push", p->ipc ? "ipc" : "tcp", !p->first_binds,
           p->connect_first ? "before" : "after", p->heartbeats ? "on" : "off",
           (unsigned long long)p->behind);
}

struct wish {
    uint32_t runs, first;
    uint64_t messages;
    const char *transport, *shape, *heartbeats; /* NULL: all */
};

static struct wish wishes(int argc, char **argv)
{
    struct wish w = {.runs = 8, .messages = 1000000};

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--runs") == 0)
            w.runs = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--first") == 0)
            w.first = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--messages") == 0)
            w.messages = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--transport") == 0)
            w.transport = argv[i + 1];
        else if (strcmp(argv[i], "--shape") == 0)
            w.shape = argv[i + 1];
        else if (strcmp(argv[i], "--heartbeats") == 0)
            w.heartbeats = argv[i + 1];
        else
            w.runs = 0;
    }
    if (argc % 2 == 0 || w.runs == 0 || w.messages <= BEHIND_MAX) {
        fprintf(stderr,
                "usage: %s [--runs N] [--first N] [--messages N (more than %d)] "
                "[--transport tcp|ipc] [--shape push|dealer] [--heartbeats on|off]\n",
                argv[0], BEHIND_MAX);
        exit(2);
    }
    return w;
}

/* One number decides everything, so that a run that failed can be repeated by --first. */
static struct plan planned(const struct wish *w, uint32_t run)
{
    struct plan p = {.run = run, .messages = w->messages};

    p.ipc = w->transport ? strcmp(w->transport, "ipc") == 0 : run & 1;
    p.dealer = w->shape ? strcmp(w->shape, "dealer") == 0 : run >> 1 & 1;
    p.connect_first = run >> 2 & 1;
    p.first_binds = run >> 3 & 1;
    p.heartbeats = w->heartbeats ? strcmp(w->heartbeats, "on") == 0 : run % 5 != 4;
    p.behind = 1 + (run * 2654435761u >> 8) % BEHIND_MAX;
    return p;
}

int main(int argc, char **argv)
{
    struct wish w = wishes(argc, argv);
    char folder[] = "/tmp/nothing_lost-XXXXXX";
    uint64_t began = now_ms();
    uint32_t bad = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    for (uint32_t run = w.first; run < w.first + w.runs; run++) {
        struct plan p = planned(&w, run);
        uint64_t start = now_ms();
        bool good;

        fflush(NULL);
        good = run_once(&p, folder);
        bad += !good;
        if (!good)
            describe(&p, "FAILED");
        else if (w.runs <= 16 || run % 10 == 9)
            printf("run %u: well, %llu ms\n", run, (unsigned long long)(now_ms() - start));
        if (p.ipc)
            unlink(p.endpoint + strlen("ipc://"));
    }
    rmdir(folder);
    printf("%u of %u runs delivered every one of their %llu messages, %.1f s\n", w.runs - bad,
           w.runs, (unsigned long long)w.messages, (double)(now_ms() - began) / 1e3);
    return bad != 0;
}
