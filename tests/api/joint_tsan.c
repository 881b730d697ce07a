/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sixteen threads at one socket of each joint type, sending, receiving, polling, setting,
 * connecting and joining as they like; every message arrives once. Then the same of every other
 * type, made joint by the context.
 */
#define ZMQ_BUILD_DRAFT_API
#include "include/zuring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 16, MESSAGES = 1500, TIMEOUT_MS = 120000 };

static void *ctx, *a, *b; /* all threads use both */
static char at[256];
static _Atomic int faults;
static _Atomic long sum; /* of what was sent, less what was received */

static void fault(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, zmq_strerror(errno));
    atomic_fetch_add(&faults, 1);
}

static void *make(int type)
{
    void *s = zmq_socket(ctx, type);
    int timeout = TIMEOUT_MS, linger = 0, hwm = 100;

    zmq_setsockopt(s, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt(s, ZMQ_SNDTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(s, ZMQ_SNDHWM, &hwm, sizeof hwm);
    return s;
}

/* `a` is bound, `b` connected. */
static void open_pair(int bound, int connected, const char *where)
{
    size_t size = sizeof at;

    a = make(bound);
    b = make(connected);
    if (zmq_bind(a, where) || zmq_getsockopt(a, ZMQ_LAST_ENDPOINT, at, &size) || zmq_connect(b, at))
        fault(where);
}

static void run(void *(*what)(void *))
{
    pthread_t thread[THREADS];

    atomic_store(&sum, 0);
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, what, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    if (atomic_load(&sum) != 0)
        fault("not every message arrived once");
    zmq_close(a);
    zmq_close(b);
}

/* Calls that others make meanwhile. */
static void disturb(void *s)
{
    zmq_pollitem_t item = {s, 0, ZMQ_POLLIN | ZMQ_POLLOUT, 0};
    int value = 100;
    size_t size = sizeof value;

    zmq_poll(&item, 1, 0);
    zmq_setsockopt(s, ZMQ_RCVHWM, &value, sizeof value);
    zmq_getsockopt(s, ZMQ_EVENTS, &value, &size);
}

/* Odd ones send by b, even ones receive by a: SCATTER to GATHER. */
static void *one_way(void *arg)
{
    intptr_t me = (intptr_t)arg;
    int value;

    for (int i = 0; i < MESSAGES; i++) {
        if (me % 2 && zmq_send(b, &i, sizeof i, 0) != sizeof i)
            fault("send");
        if (me % 2 == 0 && zmq_recv(a, &value, sizeof value, 0) != sizeof value)
            fault("recv");
        atomic_fetch_add(&sum, me % 2 ? i : -value);
        if (i % 256 == 0)
            disturb(me % 4 < 2 ? a : b);
    }
    return NULL;
}

/* Even ones answer whatever `a` hears, odd ones ask by `b` and take any answer. */
static void *ask_and_answer(void *arg)
{
    intptr_t me = (intptr_t)arg;
    zmq_msg_t m;

    for (int i = 0; i < MESSAGES / 2; i++) {
        zmq_msg_init(&m);
        if (me % 2 && (zmq_send(b, "?", 1, 0) != 1 || zmq_msg_recv(&m, b, 0) != 1))
            fault("ask");
        if (me % 2 == 0 && (zmq_msg_recv(&m, a, 0) != 1 || zmq_msg_routing_id(&m) == 0 ||
                            zmq_msg_send(&m, a, 0) != 1))
            fault("answer");
        zmq_msg_close(&m);
        if (i % 128 == 0)
            disturb(me % 4 < 2 ? a : b);
    }
    return NULL;
}

/* The same of PEERs, each asker with a connection of its own. */
static void *dial_and_ask(void *arg)
{
    intptr_t me = (intptr_t)arg;
    uint32_t id = me % 2 ? zmq_connect_peer(b, at) : 0;
    zmq_msg_t m;

    for (int i = 0; i < MESSAGES / 4; i++) {
        zmq_msg_init(&m);
        if (me % 2) {
            zmq_msg_init_buffer(&m, "?", 1);
            if (zmq_msg_set_routing_id(&m, id) || zmq_msg_send(&m, b, 0) != 1 ||
                zmq_msg_recv(&m, b, 0) != 1)
                fault("ask a peer");
        } else if (zmq_msg_recv(&m, a, 0) != 1 || zmq_msg_send(&m, a, 0) != 1) {
            fault("answer a peer");
        }
        zmq_msg_close(&m);
    }
    return NULL;
}

/* Both ends send and receive: CHANNEL. */
static void *talk(void *arg)
{
    void *s = (intptr_t)arg % 2 ? a : b;
    int value = 0;

    for (int i = 0; i < MESSAGES / 2; i++) {
        if (zmq_send(s, &i, sizeof i, 0) != sizeof i ||
            zmq_recv(s, &value, sizeof value, 0) != sizeof value)
            fault("talk");
        atomic_fetch_add(&sum, i - value);
    }
    return NULL;
}

/* Radios drop; what comes is of a group that somebody has joined. */
static void *join_and_send(void *arg)
{
    intptr_t me = (intptr_t)arg;
    char group[32];
    zmq_msg_t m;

    snprintf(group, sizeof group, "group of thread number %d", (int)me);
    for (int i = 0; i < MESSAGES / 4; i++) {
        zmq_msg_init_buffer(&m, &i, sizeof i);
        zmq_msg_set_group(&m, group);
        if ((i % 2 ? zmq_leave : zmq_join)(b, group) < 0)
            fault("join");
        if (zmq_msg_send(&m, a, 0) < 0) {
            fault("radio");
            zmq_msg_close(&m);
        }
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, b, ZMQ_DONTWAIT) < 0 && errno != EAGAIN)
            fault("dish");
        zmq_msg_close(&m);
    }
    return NULL;
}

/* Whatever a type makes of it. */
static void *hammer(void *arg)
{
    intptr_t me = (intptr_t)arg;
    void *s = me % 2 ? a : b;
    zmq_msg_t m;

    for (int i = 0; i < MESSAGES / 8; i++) {
        if (me % 4 < 2 &&
            zmq_send(s, "x", 1, i % 8 ? ZMQ_DONTWAIT : ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0 &&
            errno != EAGAIN && errno != EFSM && errno != ENOTSUP && errno != EHOSTUNREACH)
            fault("hammer: send");
        zmq_msg_init(&m);
        if (me % 4 >= 2 && zmq_msg_recv(&m, s, ZMQ_DONTWAIT) < 0 && errno != EAGAIN &&
            errno != EFSM && errno != ENOTSUP)
            fault("hammer: recv");
        zmq_msg_close(&m);
        if (i % 64 == 0)
            disturb(s);
        if (i % 100 == me && (zmq_connect(b, at) < 0 || zmq_disconnect(b, at) < 0) &&
            errno != ENOENT)
            fault("hammer: connect");
    }
    return NULL;
}

static void try_all_types(const char *where)
{
    static const int pairs[][2] = {
        {ZMQ_PAIR, ZMQ_PAIR},     {ZMQ_PUB, ZMQ_SUB},    {ZMQ_XPUB, ZMQ_XSUB},
        {ZMQ_REP, ZMQ_REQ},       {ZMQ_ROUTER, ZMQ_REQ}, {ZMQ_ROUTER, ZMQ_DEALER},
        {ZMQ_DEALER, ZMQ_DEALER}, {ZMQ_PULL, ZMQ_PUSH},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        open_pair(pairs[i][0], pairs[i][1], where);
        if (pairs[i][1] == ZMQ_SUB)
            zmq_setsockopt(b, ZMQ_SUBSCRIBE, "", 0);
        run(hammer);
    }
    open_pair(ZMQ_PULL, ZMQ_PUSH, where);
    run(one_way);
    open_pair(ZMQ_DEALER, ZMQ_DEALER, where);
    run(one_way);
    open_pair(ZMQ_PAIR, ZMQ_PAIR, where);
    run(talk);
}

static void find_udp_port(char endpoint[sizeof at])
{
    struct sockaddr_in free_one = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof free_one;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (bind(fd, (struct sockaddr *)&free_one, size) ||
        getsockname(fd, (struct sockaddr *)&free_one, &size))
        fault("no port");
    close(fd);
    snprintf(endpoint, sizeof at, "udp://127.0.0.1:%d", ntohs(free_one.sin_port));
}

/* The same as over a connection, but the DISH is bound, and what is lost is lost. */
static void open_datagrams(void)
{
    find_udp_port(at);
    a = make(ZMQ_RADIO);
    b = make(ZMQ_DISH);
    if (zmq_bind(b, at) || zmq_connect(a, at))
        fault(at);
}

static void *open_dgram(char endpoint[sizeof at])
{
    void *s = make(ZMQ_DGRAM);

    find_udp_port(endpoint);
    if (zmq_bind(s, endpoint))
        fault(endpoint);
    return s;
}

/* An address and a body. Who has begun a message ends it; another one hears EFSM meanwhile. */
static void throw_one(const char *to)
{
    if (zmq_send(a, to, strlen(to), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        if (errno != EAGAIN && errno != EFSM)
            fault("an address");
    } else if (zmq_send(a, "x", 1, 0) != 1) {
        fault("a datagram");
    }
}

static void catch_one(void)
{
    zmq_msg_t m;
    int more = 1;

    for (int flags = ZMQ_DONTWAIT; more; flags = 0) {
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, b, flags) < 0) {
            if (!flags || (errno != EAGAIN && errno != EFSM))
                fault("catch a datagram");
            more = 0;
        } else {
            more = zmq_msg_more(&m);
        }
        zmq_msg_close(&m);
    }
}

/* DGRAM: threads send by a and receive by b. */
static void *throw_and_catch(void *arg)
{
    intptr_t me = (intptr_t)arg;

    for (int i = 0; i < MESSAGES / 4; i++) {
        if (me % 2)
            throw_one(at + strlen("udp://"));
        else
            catch_one();
        if (i % 64 == 0)
            disturb(me % 4 < 2 ? a : b);
    }
    return NULL;
}

int main(void)
{
    static const char *const where[] = {"tcp://127.0.0.1:*", "inproc://joint"};
    char from[sizeof at];

    ctx = zmq_ctx_new();
    for (int i = 0; i < 2; i++) {
        open_pair(ZMQ_GATHER, ZMQ_SCATTER, where[i]);
        run(one_way);
        open_pair(ZMQ_SERVER, ZMQ_CLIENT, where[i]);
        run(ask_and_answer);
        open_pair(ZMQ_PEER, ZMQ_PEER, where[i]);
        run(dial_and_ask);
        open_pair(ZMQ_CHANNEL, ZMQ_CHANNEL, where[i]);
        run(talk);
        open_pair(ZMQ_RADIO, ZMQ_DISH, where[i]);
        run(join_and_send);
    }
    open_datagrams();
    run(join_and_send);
    zmq_ctx_set(ctx, ZURING_THREAD_SAFE, 1);
    for (int i = 0; i < 2; i++)
        try_all_types(where[i]);
    open_pair(ZMQ_STREAM, ZMQ_STREAM, where[0]);
    run(hammer);
    a = open_dgram(from);
    b = open_dgram(at);
    run(throw_and_catch);
    zmq_ctx_term(ctx);
    return atomic_load(&faults) != 0;
}
