/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sixteen threads and one socket of each joint type, then of every other type, made joint by the
 * context. Four make guests of their own, that connect to it, talk and go; four connect it and
 * disconnect it; the others send and receive, and wait for as long as it takes. Once all of it has
 * happened the context is shut down: each thread hears ETERM, wherever it is; then one closes.
 */
#define ZMQ_BUILD_DRAFT_API
#include "include/zuring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    THREADS = 16,
    GUESTS = 4,   /* the first of them */
    DIALERS = 4,  /* the next */
    ROUNDS = 6,   /* of each of these */
    HEARD = 16,   /* messages that arrived anywhere */
    LONGEST = 10, /* a guest's stay, as a power of two of milliseconds */
    DEADLINE_S = 600,
};

/* A guest of the second type can talk to a socket of the first. */
static const int joint[][2] = {
    {ZMQ_CLIENT, ZMQ_SERVER},  {ZMQ_SERVER, ZMQ_CLIENT}, {ZMQ_SCATTER, ZMQ_GATHER},
    {ZMQ_GATHER, ZMQ_SCATTER}, {ZMQ_PEER, ZMQ_PEER},     {ZMQ_CHANNEL, ZMQ_CHANNEL},
    {ZMQ_RADIO, ZMQ_DISH},     {ZMQ_DISH, ZMQ_RADIO},
};
static const int others[][2] = {
    {ZMQ_PAIR, ZMQ_PAIR},     {ZMQ_PUB, ZMQ_SUB},       {ZMQ_SUB, ZMQ_PUB},
    {ZMQ_XPUB, ZMQ_XSUB},     {ZMQ_XSUB, ZMQ_XPUB},     {ZMQ_REQ, ZMQ_REP},
    {ZMQ_REP, ZMQ_REQ},       {ZMQ_DEALER, ZMQ_ROUTER}, {ZMQ_ROUTER, ZMQ_DEALER},
    {ZMQ_STREAM, ZMQ_STREAM}, {ZMQ_PUSH, ZMQ_PULL},     {ZMQ_PULL, ZMQ_PUSH},
};

static void *ctx, *shared;
static int type, guest_type;
static char at[256], elsewhere[256]; /* where the shared one is bound, and another that it dials */
static _Atomic uint32_t last_id;     /* of who spoke to it last */
static _Atomic int rounds[THREADS];  /* of guests and dialers */
static _Atomic int heard, ended, faults;

static void fault(const char *what)
{
    fprintf(stderr, "%s, type %d over %s: %s\n", what, type, at, zmq_strerror(errno));
    atomic_fetch_add(&faults, 1);
}

static void pause_ms(int ms)
{
    zmq_poll(NULL, 0, ms);
}

static void *make(int of)
{
    void *s = zmq_socket(ctx, of);
    int zero = 0, one = 1;

    if (!s)
        return NULL;
    zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero);
    if (of == ZMQ_SUB)
        zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0);
    if (of == ZMQ_XSUB)
        zmq_send(s, "\1", 1, ZMQ_DONTWAIT);
    if (of == ZMQ_DISH)
        zmq_join(s, "all");
    if (of == ZMQ_REQ) { /* an answer that its guest took away is not waited for */
        zmq_setsockopt(s, ZMQ_REQ_CORRELATE, &one, sizeof one);
        zmq_setsockopt(s, ZMQ_REQ_RELAXED, &one, sizeof one);
    }
    return s;
}

/* What a type may say to a call that comes at the wrong time, or that it does not know. */
static bool is_usual(int error)
{
    return error == EAGAIN || error == EFSM || error == ENOTSUP || error == EHOSTUNREACH;
}

/* One message, all its parts. False: the context was shut down. */
static bool hear(void *s, int flags)
{
    bool more;
    zmq_msg_t m;

    do {
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, s, flags) < 0) {
            int error = errno;

            zmq_msg_close(&m);
            if (!is_usual(error) && error != ETERM)
                fault("recv");
            if (error != ETERM && !(flags & ZMQ_DONTWAIT))
                pause_ms(1);
            return error != ETERM;
        }
        if (s == shared && zmq_msg_routing_id(&m))
            atomic_store(&last_id, zmq_msg_routing_id(&m));
        atomic_fetch_add(&heard, 1);
        more = zmq_msg_more(&m);
        zmq_msg_close(&m);
    } while (more);
    return true;
}

/* One message. False: as above. */
static bool say(void *s, int of, int flags)
{
    bool addressed = of == ZMQ_SERVER || of == ZMQ_PEER;
    uint32_t id = s == shared ? atomic_load(&last_id) : 0;
    zmq_msg_t m;

    if (addressed && id == 0) /* to nobody yet */
        return hear(s, ZMQ_DONTWAIT);
    zmq_msg_init_buffer(&m, "x", 1);
    if ((addressed && zmq_msg_set_routing_id(&m, id)) ||
        (of == ZMQ_RADIO && zmq_msg_set_group(&m, "all")))
        fault("message");
    if (zmq_msg_send(&m, s, flags) >= 0)
        return true;
    int error = errno;

    zmq_msg_close(&m);
    errno = error;
    if (!is_usual(error) && error != ETERM)
        fault("send");
    if (error != ETERM)
        pause_ms(1);
    return error != ETERM;
}

/* ---- the threads ---- */

/* The stays get longer until the machine is fast enough for one. */
static void be_guests(int me)
{
    bool going_on = true;

    for (int i = 0; going_on; i++) {
        void *s = make(guest_type);

        if (!s)
            break;
        if (zmq_connect(s, at) < 0) {
            going_on = errno != ETERM;
            if (going_on)
                fault("connect a guest");
        }
        uint32_t id = guest_type == ZMQ_PEER && going_on ? zmq_connect_peer(s, at) : 0;

        for (int stay = 1 << i % (LONGEST + 1); going_on && stay > 0; stay--) {
            if (id) {
                zmq_msg_t m;

                zmq_msg_init_buffer(&m, "x", 1);
                if (zmq_msg_set_routing_id(&m, id) || zmq_msg_send(&m, s, ZMQ_DONTWAIT) < 0)
                    zmq_msg_close(&m);
            }
            going_on = say(s, guest_type, ZMQ_DONTWAIT) && hear(s, ZMQ_DONTWAIT);
            pause_ms(1);
        }
        if (zmq_close(s))
            fault("close");
        atomic_fetch_add(&rounds[me], 1);
    }
}

static void dial(int me)
{
    bool going_on = true;

    while (going_on) {
        if (type == ZMQ_PEER && me % 2) {
            uint32_t id = zmq_connect_peer(shared, elsewhere);

            going_on = id != 0 || errno != ETERM;
            pause_ms(1);
            if (id && zmq_disconnect_peer(shared, id) < 0 && errno != ETERM &&
                errno != EHOSTUNREACH)
                fault("disconnect a peer");
        } else {
            if (zmq_connect(shared, elsewhere) < 0 && errno != ETERM)
                fault("connect");
            pause_ms(1);
            if (zmq_disconnect(shared, elsewhere) < 0) {
                going_on = errno != ETERM;
                if (going_on && errno != ENOENT) /* another one has done it */
                    fault("disconnect");
            }
        }
        atomic_fetch_add(&rounds[me], 1);
    }
}

/* A datagram to itself: an address and a body. False: the context was shut down. */
static bool throw_one(void)
{
    const char *to = at + strlen("udp://");

    if (zmq_send(shared, to, strlen(to), ZMQ_SNDMORE) >= 0 && zmq_send(shared, "x", 1, 0) >= 0)
        return true;
    if (!is_usual(errno) && errno != ETERM)
        fault("throw");
    return errno != ETERM;
}

static void *throw_and_catch(void *arg)
{
    bool going_on = true;

    while (going_on)
        going_on = (intptr_t)arg % 2 ? throw_one() : hear(shared, 0);
    atomic_fetch_add(&ended, 1);
    return NULL;
}

static void *run(void *arg)
{
    int me = (int)(intptr_t)arg;
    bool going_on = true;

    if (me < GUESTS)
        be_guests(me);
    else if (me < GUESTS + DIALERS)
        dial(me);
    else
        while (going_on)
            going_on = me % 2 ? say(shared, type, 0) && (me % 4 == 1 || hear(shared, ZMQ_DONTWAIT))
                              : hear(shared, 0);
    atomic_fetch_add(&ended, 1);
    return NULL;
}

/* ---- one type ---- */

static bool all_has_happened(void)
{
    for (int i = 0; i < GUESTS + DIALERS; i++)
        if (atomic_load(&rounds[i]) < ROUNDS)
            return false;
    return atomic_load(&heard) >= HEARD;
}

/* Who the shared one dials is this thread's: it takes what comes. */
static void wait_until_all_has_happened(void *host)
{
    time_t begin = time(NULL);

    while (!all_has_happened()) {
        if (time(NULL) - begin > DEADLINE_S) {
            fault("not all of it happened");
            return;
        }
        hear(host, ZMQ_DONTWAIT);
        pause_ms(1);
    }
}

static void *open_at(int of, const char *where, char text[256])
{
    size_t size = 256;
    void *s = make(of);

    if (!s || zmq_bind(s, where) || zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, text, &size))
        fault("bind");
    return s;
}

static void try_pair(const int pair[2], bool by_option, bool over_tcp)
{
    pthread_t thread[THREADS];
    void *host;

    ctx = zmq_ctx_new();
    if (by_option)
        zmq_ctx_set(ctx, ZURING_THREAD_SAFE, 1);
    type = pair[0];
    guest_type = pair[1];
    atomic_store(&last_id, 0);
    atomic_store(&heard, 0);
    atomic_store(&ended, 0);
    for (int i = 0; i < THREADS; i++)
        atomic_store(&rounds[i], 0);
    shared = open_at(type, over_tcp ? "tcp://127.0.0.1:*" : "inproc://shared", at);
    host = open_at(guest_type, over_tcp ? "tcp://127.0.0.1:*" : "inproc://elsewhere", elsewhere);
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, run, (void *)i);
    wait_until_all_has_happened(host);
    if (atomic_load(&ended) != 0)
        fault("ended before it was told to");
    zmq_ctx_shutdown(ctx);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    if (zmq_close(shared) || zmq_close(host) || zmq_ctx_term(ctx))
        fault("the end of all");
}

/* DGRAM, which is connected to nobody. */
static void try_datagrams(void)
{
    struct sockaddr_in free_one = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof free_one;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    pthread_t thread[THREADS];
    time_t begin = time(NULL);

    if (bind(fd, (struct sockaddr *)&free_one, size) ||
        getsockname(fd, (struct sockaddr *)&free_one, &size))
        fault("no port");
    close(fd);
    snprintf(at, sizeof at, "udp://127.0.0.1:%d", ntohs(free_one.sin_port));
    ctx = zmq_ctx_new();
    zmq_ctx_set(ctx, ZURING_THREAD_SAFE, 1);
    type = ZMQ_DGRAM;
    atomic_store(&heard, 0);
    atomic_store(&ended, 0);
    shared = make(ZMQ_DGRAM);
    if (zmq_bind(shared, at))
        fault("bind");
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, throw_and_catch, (void *)i);
    while (atomic_load(&heard) < HEARD && time(NULL) - begin <= DEADLINE_S)
        pause_ms(1);
    if (atomic_load(&heard) < HEARD || atomic_load(&ended) != 0)
        fault("not all of it happened");
    zmq_ctx_shutdown(ctx);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    if (zmq_close(shared) || zmq_ctx_term(ctx))
        fault("the end of all");
}

int main(void)
{
    for (int over_tcp = 0; over_tcp < 2; over_tcp++) {
        for (size_t i = 0; i < sizeof joint / sizeof joint[0]; i++)
            try_pair(joint[i], false, over_tcp);
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            if (over_tcp || others[i][0] != ZMQ_STREAM)
                try_pair(others[i], true, over_tcp);
    }
    try_datagrams();
    return atomic_load(&faults) != 0;
}
