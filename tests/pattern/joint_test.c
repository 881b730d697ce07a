/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SERVER, CLIENT, RADIO, DISH, SCATTER, GATHER, PEER, CHANNEL: what each does, and that several
 * threads may use one at once.
 */
#define ZMQ_BUILD_DRAFT_API
#include "include/zuring.h"
#include "tests/support/pair.h"

#include <semaphore.h>
#include <stdio.h>
#include <time.h>

TEST_SUITE(joint);

#define NEWER_ONLY()                                                                               \
    do {                                                                                           \
        if (!test_newer())                                                                         \
            cr_skip_test("draft");                                                                 \
    } while (0)

/* To a peer by its number, or to a group. */
static int send_to(void *s, uint32_t id, const char *group, const char *text)
{
    zmq_msg_t m;
    int rc;

    OK(zmq_msg_init_buffer(&m, text, strlen(text)));
    if (id)
        OK(zmq_msg_set_routing_id(&m, id));
    if (group)
        OK(zmq_msg_set_group(&m, group));
    rc = zmq_msg_send(&m, s, ZMQ_DONTWAIT);
    if (rc < 0) {
        int error = errno;

        cr_expect_eq(zmq_msg_size(&m), strlen(text), "the caller's still");
        cr_expect_eq(zmq_msg_routing_id(&m), id);
        cr_expect_str_eq(zmq_msg_group(&m), group ? group : "");
        zmq_msg_close(&m);
        errno = error;
    }
    return rc;
}

/* The number it came with. */
static uint32_t recv_from(void *s, const char *expected)
{
    zmq_msg_t m;
    uint32_t id;

    zmq_msg_init(&m);
    OK(zmq_msg_recv(&m, s, 0));
    cr_assert_eq(zmq_msg_size(&m), strlen(expected));
    cr_assert_eq(memcmp(zmq_msg_data(&m), expected, strlen(expected)), 0);
    id = zmq_msg_routing_id(&m);
    zmq_msg_close(&m);
    return id;
}

static void recv_in(void *s, const char *group, const char *expected)
{
    zmq_msg_t m;

    zmq_msg_init(&m);
    OK(zmq_msg_recv(&m, s, 0));
    cr_assert_eq(zmq_msg_size(&m), strlen(expected));
    cr_assert_eq(memcmp(zmq_msg_data(&m), expected, strlen(expected)), 0);
    cr_expect_str_eq(zmq_msg_group(&m), group);
    zmq_msg_close(&m);
}

/* ---- each type ---- */

Test(joint, idle_ones_say_what_libzmqs_say)
{
    static const struct {
        int type, events, sends, receives; /* the last two: 0, or an error */
    } all[] = {
        {ZMQ_SERVER, ZMQ_POLLOUT, EHOSTUNREACH, EAGAIN},
        {ZMQ_PEER, ZMQ_POLLOUT, EHOSTUNREACH, EAGAIN},
        {ZMQ_CLIENT, 0, EAGAIN, EAGAIN},
        {ZMQ_CHANNEL, 0, EAGAIN, EAGAIN},
        {ZMQ_RADIO, ZMQ_POLLOUT, 0, ENOTSUP},
        {ZMQ_DISH, ZMQ_POLLOUT, ENOTSUP, EAGAIN},
        {ZMQ_GATHER, 0, ENOTSUP, EAGAIN},
        {ZMQ_SCATTER, 0, EAGAIN, ENOTSUP},
    };
    size_t size = sizeof(int);
    int fd;

    NEWER_ONLY();
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        void *s = test_socket(all[i].type);

        cr_expect_eq(test_events(s), all[i].events, "type %d", all[i].type);
        SEND_GIVES(all[i].sends, s, "x");
        RECV_GIVES(all[i].receives, s);
        FAILS(EINVAL, zmq_send(s, "x", 1, ZMQ_SNDMORE | ZMQ_DONTWAIT));
        cr_expect_eq(test_get(s, ZMQ_THREAD_SAFE), 1);
        cr_expect_eq(test_get(s, ZMQ_TYPE), all[i].type);
        FAILS(EINVAL, zmq_getsockopt(s, ZMQ_FD, &fd, &size));
        cr_expect_eq(test_get(s, ZMQ_LINGER), all[i].type == ZMQ_DISH ? 0 : -1);
        test_close(s);
    }
    cr_expect_eq(test_get(test_socket(ZMQ_PAIR), ZMQ_THREAD_SAFE), 0);
}

EACH_TRANSPORT(joint, a_server_answers_each_client_by_its_number)
{
    const char *at = test_endpoint(transport);
    void *server = test_bound(ZMQ_SERVER, at), *one, *other;
    uint32_t first, second;

    NEWER_ONLY();
    one = test_connected(ZMQ_CLIENT, at);
    other = test_connected(ZMQ_CLIENT, at);
    SEND(one, "one");
    first = recv_from(server, "one");
    SEND(other, "other");
    second = recv_from(server, "other");
    cr_assert_neq(first, 0);
    cr_assert_neq(first, second);
    OK(send_to(server, second, NULL, "for the other"));
    OK(send_to(server, first, NULL, "for the one"));
    cr_expect_eq(recv_from(one, "for the one"), 0);
    cr_expect_eq(recv_from(other, "for the other"), 0);
    FAILS(EHOSTUNREACH, send_to(server, first + second, NULL, "for nobody"));
    FAILS(EHOSTUNREACH, zmq_send(server, "x", 1, 0));
    OK(zmq_disconnect_peer(server, first));
    FAILS(EHOSTUNREACH, zmq_disconnect_peer(server, first));
    FAILS(EHOSTUNREACH, send_to(server, first, NULL, "gone"));
    FAILS(ENOTSUP, zmq_disconnect_peer(one, first));
    test_close(other);
    WAIT(send_to(server, second, NULL, "gone") == -1 && errno == EHOSTUNREACH);
}

EACH_TRANSPORT(joint, peers_know_whom_they_dial)
{
    const char *at = test_endpoint(transport);
    void *bound = test_bound(ZMQ_PEER, at), *dialer = test_socket(ZMQ_PEER);
    uint32_t id, back;

    NEWER_ONLY();
    id = zmq_connect_peer(dialer, at);
    cr_assert_neq(id, 0);
    OK(send_to(dialer, id, NULL, "hello"));
    back = recv_from(bound, "hello");
    OK(send_to(bound, back, NULL, "hello yourself"));
    cr_expect_eq(recv_from(dialer, "hello yourself"), id);
    SET(dialer, ZMQ_IMMEDIATE, 1);
    cr_expect_eq(zmq_connect_peer(dialer, at), 0);
    cr_expect_eq(errno, EFAULT);
    cr_expect_eq(zmq_connect_peer(test_socket(ZMQ_SERVER), at), 0);
    cr_expect_eq(errno, ENOTSUP);
    SET(dialer, ZMQ_IMMEDIATE, 0);
    cr_expect_eq(zmq_connect_peer(dialer, "nonsense"), 0);
    cr_expect_eq(errno, EINVAL);
    cr_expect_eq(zmq_connect_peer(NULL, at), 0);
    cr_expect_eq(errno, ENOTSOCK);
    OK(zmq_disconnect_peer(dialer, id));
    FAILS(EHOSTUNREACH, send_to(dialer, id, NULL, "gone"));
}

EACH_TRANSPORT(joint, scatter_hands_out_and_gather_takes_in_turn)
{
    const char *at[2] = {test_endpoint(transport), test_endpoint(transport)};
    void *scatter = test_socket(ZMQ_SCATTER), *gather[2];

    NEWER_ONLY();
    for (int i = 0; i < 2; i++) {
        gather[i] = test_bound(ZMQ_GATHER, at[i]);
        test_connect(scatter, at[i]);
    }
    for (int i = 0; i < 4; i++)
        SEND(scatter, "%d", i);
    RECV(gather[0], "0");
    RECV(gather[0], "2");
    RECV(gather[1], "1");
    RECV(gather[1], "3");
}

EACH_TRANSPORT(joint, a_channel_has_one_peer)
{
    const char *at = test_endpoint(transport);
    void *a = test_bound(ZMQ_CHANNEL, at), *b = test_connected(ZMQ_CHANNEL, at);

    NEWER_ONLY();
    SEND(a, "to b");
    SEND(b, "to a");
    RECV(b, "to b");
    RECV(a, "to a");
}

/* ---- groups ---- */

/*
 * Sends to the group until the dish has it: the joining takes its time, and a radio that may not
 * drop may be full meanwhile.
 */
static void meet(void *radio, void *dish, const char *group)
{
    int64_t until_ms = test_now_ms() + TEST_DEADLINE_MS;
    int times = 0;

    while (!(test_events(dish) & ZMQ_POLLIN)) {
        cr_assert_lt(test_now_ms(), until_ms);
        if (send_to(radio, 0, group, "?") < 0)
            cr_assert_eq(errno, EAGAIN);
        test_pause_longer(times++);
    }
    WAIT(send_to(radio, 0, group, "met") == 3);
    for (;;) {
        zmq_msg_t m;
        bool last;

        zmq_msg_init(&m);
        OK(zmq_msg_recv(&m, dish, 0));
        last = zmq_msg_size(&m) == 3;
        zmq_msg_close(&m);
        if (last)
            return;
    }
}

EACH_TRANSPORT(joint, a_dish_hears_the_groups_it_has_joined)
{
    static const char long_name[] = "a name that is longer than sixteen bytes";
    const char *at = test_endpoint(transport);
    void *radio = test_bound(ZMQ_RADIO, at), *dish = test_socket(ZMQ_DISH);

    NEWER_ONLY();
    OK(zmq_join(dish, "news"));
    OK(zmq_join(dish, long_name));
    test_connect(dish, at);
    meet(radio, dish, long_name);
    OK(send_to(radio, 0, "new", "a group is no prefix"));
    OK(send_to(radio, 0, "newspaper", "nor this one"));
    OK(zmq_send(radio, "no group", 8, 0));
    OK(send_to(radio, 0, "news", "yes"));
    recv_in(dish, "news", "yes");
    OK(send_to(radio, 0, long_name, "and yes"));
    recv_in(dish, long_name, "and yes");
    OK(zmq_leave(dish, "news"));
    OK(zmq_join(dish, ""));
    meet(radio, dish, "");
    OK(send_to(radio, 0, "news", "left"));
    OK(send_to(radio, 0, long_name, "still"));
    recv_in(dish, long_name, "still");
    RECV_GIVES(EAGAIN, dish);
}

Test(joint, joining_has_its_rules)
{
    void *dish = test_socket(ZMQ_DISH), *radio = test_socket(ZMQ_RADIO);
    char name[257];

    NEWER_ONLY();
    memset(name, 'n', 256);
    name[256] = '\0';
    FAILS(EINVAL, zmq_join(dish, name));
    OK(zmq_join(dish, name + 1));
    FAILS(EINVAL, zmq_join(dish, name + 1));
    OK(zmq_leave(dish, name + 1));
    FAILS(EINVAL, zmq_leave(dish, name + 1));
    FAILS(EINVAL, zmq_leave(dish, "never"));
    FAILS(EINVAL, zmq_join(dish, NULL));
    FAILS(ENOTSUP, zmq_join(radio, "x"));
    FAILS(ENOTSUP, zmq_leave(radio, "x"));
    FAILS(ENOTSOCK, zmq_join(NULL, "x"));
}

EACH_TRANSPORT(joint, a_radio_may_wait_for_a_slow_dish)
{
    const char *at = test_endpoint(transport);
    void *radio = test_socket(ZMQ_RADIO), *dish = test_socket(ZMQ_DISH);
    int sent = 0, seen = 0;

    NEWER_ONLY();
    SET(radio, ZMQ_XPUB_NODROP, 1);
    SET(radio, ZMQ_SNDHWM, 2);
    SET(radio, ZMQ_SNDBUF, 1 << 14);
    SET(dish, ZMQ_RCVHWM, 2);
    SET(dish, ZMQ_RCVBUF, 1 << 14);
    OK(zmq_join(dish, "g"));
    test_bind(radio, at);
    test_connect(dish, at);
    meet(radio, dish, "g");
    while (send_to(radio, 0, "g", "filler") >= 0 && sent < 1000000)
        sent++;
    cr_expect_eq(errno, EAGAIN);
    for (; seen < sent; seen++)
        recv_in(dish, "g", "filler");
    RECV_GIVES(EAGAIN, dish);
}

EACH_STREAM(joint, a_dish_joins_again_after_the_radio_came_back)
{
    const char *at = test_endpoint(transport);
    void *radio = test_bound(ZMQ_RADIO, at), *dish = test_socket(ZMQ_DISH);

    NEWER_ONLY();
    SET(dish, ZMQ_RECONNECT_IVL, 10);
    OK(zmq_join(dish, "g"));
    test_connect(dish, at);
    meet(radio, dish, "g");
    test_close(radio);
    radio = test_socket(ZMQ_RADIO);
    WAIT(zmq_bind(radio, at) == 0);
    meet(radio, dish, "g");
}

/* ---- waiting and polling ---- */

Test(joint, waits_as_long_as_it_was_told_to)
{
    void *client = test_socket(ZMQ_CLIENT);
    int64_t start_ms = test_now_ms();

    NEWER_ONLY();
    SET(client, ZMQ_RCVTIMEO, 30);
    SET(client, ZMQ_SNDTIMEO, 30);
    FAILS(EAGAIN, zmq_recv(client, NULL, 0, 0));
    cr_expect_geq(test_now_ms(), start_ms + 30);
    FAILS(EAGAIN, zmq_send(client, NULL, 0, 0));
    cr_expect_geq(test_now_ms(), start_ms + 60);
}

EACH_TRANSPORT(joint, is_polled_beside_others)
{
    const char *at = test_endpoint(transport), *pair_at = test_endpoint(TEST_INPROC);
    void *server = test_bound(ZMQ_SERVER, at), *client = test_connected(ZMQ_CLIENT, at);
    void *a = test_bound(ZMQ_PAIR, pair_at), *b = test_connected(ZMQ_PAIR, pair_at);
    zmq_pollitem_t items[] = {{server, 0, ZMQ_POLLIN, 9},
                              {a, 0, ZMQ_POLLIN, 9},
                              {server, 0, ZMQ_POLLOUT, 9},
                              {NULL, 0, 0, 9},
                              {client, 0, 0, 9}};

    NEWER_ONLY();
    cr_expect_eq(zmq_poll(items, 2, 0), 0);
    cr_expect_eq(zmq_poll(items, 2, 20), 0);
    cr_expect_eq(items[0].revents, 0);
    SEND(client, "x");
    cr_expect_eq(zmq_poll(items, 2, TEST_DEADLINE_MS), 1);
    cr_expect_eq(items[0].revents, ZMQ_POLLIN);
    SEND(b, "y");
    cr_expect_eq(zmq_poll(items, 5, TEST_DEADLINE_MS), 3);
    cr_expect_eq(items[0].revents, ZMQ_POLLIN);
    cr_expect_eq(items[1].revents, ZMQ_POLLIN);
    cr_expect_eq(items[2].revents, ZMQ_POLLOUT);
    cr_expect_eq(items[4].revents, 0);
    RECV(server, "x");
    RECV(a, "y");
    cr_expect_eq(zmq_poll(items, 2, 0), 0);
}

EACH_TRANSPORT(joint, a_pollers_descriptor_tells_when_to_look)
{
    const char *at = test_endpoint(transport);
    void *server = test_bound(ZMQ_SERVER, at), *client = test_socket(ZMQ_CLIENT);
    void *p = zmq_poller_new();
    zmq_pollitem_t on_fd = {NULL, -1, ZMQ_POLLIN, 0};
    zmq_poller_event_t e;

    NEWER_ONLY();
    OK(zmq_poller_add(p, server, NULL, ZMQ_POLLIN));
    OK(zmq_poller_fd(p, &on_fd.fd));
    test_connect(client, at);
    for (int i = 0; i < 100; i++) {
        SEND(client, "x");
        while (zmq_poller_wait(p, &e, 0) < 0) {
            cr_assert_eq(errno, EAGAIN);
            cr_assert_eq(zmq_poll(&on_fd, 1, TEST_DEADLINE_MS), 1);
        }
        cr_expect_eq(e.socket, server);
        cr_expect_eq(zmq_poll(&on_fd, 1, 0), 1, "it was not read yet");
        RECV(server, "x");
        FAILS(EAGAIN, zmq_poller_wait(p, &e, 0));
        cr_expect_eq(zmq_poll(&on_fd, 1, 0), 0);
    }
    OK(zmq_poller_destroy(&p));
}

struct wait {
    void *socket;
    int rc, error;
};

static void wait_for_message(void *arg)
{
    struct wait *w = arg;

    w->rc = zmq_recv(w->socket, NULL, 0, 0);
    w->error = errno;
}

Test(joint, a_shutdown_ends_every_wait)
{
    void *gather = test_bound(ZMQ_GATHER, test_endpoint(TEST_TCP));
    struct wait w[3] = {{gather, 0, 0}, {gather, 0, 0}, {gather, 0, 0}};
    void *thread[3];

    NEWER_ONLY();
    for (int i = 0; i < 3; i++)
        thread[i] = zmq_threadstart(wait_for_message, &w[i]);
    test_pause();
    zmq_ctx_shutdown(test_ctx());
    for (int i = 0; i < 3; i++) {
        zmq_threadclose(thread[i]);
        cr_expect_eq(w[i].rc, -1);
        cr_expect_eq(w[i].error, ETERM);
    }
    FAILS(ETERM, zmq_recv(gather, NULL, 0, 0));
}

Test(joint, other_threads_calls_go_on_while_one_waits)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *client = test_connected(ZMQ_CLIENT, at), *thread;
    struct wait w = {client, 0, 0};
    void *server;

    NEWER_ONLY();
    thread = zmq_threadstart(wait_for_message, &w);
    test_pause();
    for (int i = 0; i < 10; i++)
        SEND(client, "%d", i);
    server = test_bound(ZMQ_SERVER, at);
    for (int i = 0; i < 10; i++) {
        char text[2] = {(char)('0' + i), '\0'};
        uint32_t id = recv_from(server, text);

        if (i == 9)
            OK(send_to(server, id, NULL, "answer"));
    }
    zmq_threadclose(thread);
    cr_expect_eq(w.rc, 6);
}

/* ---- any type ---- */

struct timed {
    void *socket;
    bool sends;
    int rc, error;
    int64_t took_ms, worked_ms;
};

static int64_t worked_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void wait_in_vain(void *arg)
{
    struct timed *w = arg;
    int64_t start_ms = test_now_ms(), before_ms = worked_ms();

    w->rc = w->sends ? zmq_send(w->socket, "x", 1, 0) : zmq_recv(w->socket, NULL, 0, 0);
    w->error = errno;
    w->took_ms = test_now_ms() - start_ms;
    w->worked_ms = worked_ms() - before_ms;
}

Test(joint, who_waits_together_times_out_and_works_for_nothing_meanwhile)
{
    static const struct {
        int type, threads, senders;
        bool has_fd;
    } all[] = {
        {ZMQ_PULL, 2, 0, false},   {ZMQ_PUSH, 2, 2, false},  {ZMQ_DEALER, 2, 1, false},
        {ZMQ_ROUTER, 3, 0, false}, {ZMQ_PAIR, 3, 1, false},  {ZMQ_GATHER, 2, 0, false},
        {ZMQ_PULL, 1, 0, true},    {ZMQ_DEALER, 1, 1, true}, {ZMQ_DEALER, 4, 2, true},
    };
    enum { TIMEOUT_MS = 500 };
    size_t size = sizeof(int);
    int fd;

    NEWER_ONLY();
    OK(zmq_ctx_set(test_ctx(), ZURING_THREAD_SAFE, 1));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        void *s = test_socket(all[i].type), *thread[4];
        struct timed w[4];

        SET(s, ZMQ_RCVTIMEO, TIMEOUT_MS);
        SET(s, ZMQ_SNDTIMEO, TIMEOUT_MS);
        if (all[i].has_fd)
            OK(zmq_getsockopt(s, ZMQ_FD, &fd, &size));
        for (int t = 0; t < all[i].threads; t++) {
            w[t] = (struct timed){s, t < all[i].senders, 0, 0, 0, 0};
            thread[t] = zmq_threadstart(wait_in_vain, &w[t]);
        }
        for (int t = 0; t < all[i].threads; t++) {
            zmq_threadclose(thread[t]);
            cr_expect_eq(w[t].rc, -1);
            cr_expect_eq(w[t].error, EAGAIN, "%s", test_error(w[t].error));
            cr_expect_geq(w[t].took_ms, TIMEOUT_MS);
            cr_expect_lt(w[t].worked_ms, TIMEOUT_MS / 2, "type %d worked for %d ms", all[i].type,
                         (int)w[t].worked_ms);
        }
        test_close(s);
    }
}

struct turns {
    void *socket;
    sem_t asked;
    int rounds, faults;
};

static void take_answers(void *arg)
{
    struct turns *t = arg;

    for (int i = 0; i < t->rounds; i++) {
        sem_wait(&t->asked);
        t->faults += zmq_recv(t->socket, NULL, 0, 0) != 6;
    }
}

/* One thread's answer is what another one's next question waits for. */
EACH_TRANSPORT(joint, what_one_waited_for_lets_another_go_on)
{
    const char *at = test_endpoint(transport);
    struct turns t = {.rounds = 100};
    zmq_pollitem_t item = {NULL, 0, ZMQ_POLLOUT, 0};
    void *rep, *thread;

    NEWER_ONLY();
    OK(zmq_ctx_set(test_ctx(), ZURING_THREAD_SAFE, 1));
    rep = test_bound(ZMQ_REP, at);
    t.socket = item.socket = test_connected(ZMQ_REQ, at);
    sem_init(&t.asked, 0, 0);
    thread = zmq_threadstart(take_answers, &t);
    for (int i = 0; i < t.rounds; i++) {
        SEND(t.socket, "question");
        sem_post(&t.asked);
        RECV(rep, "question");
        SEND(rep, "answer");
        cr_assert_eq(zmq_poll(&item, 1, TEST_DEADLINE_MS), 1);
    }
    zmq_threadclose(thread);
    cr_expect_eq(t.faults, 0);
    sem_destroy(&t.asked);
}

struct send {
    void *socket;
    int flags, rc, error;
};

static void send_part(void *arg)
{
    struct send *a = arg;

    a->rc = zmq_send(a->socket, "other", 5, a->flags);
    a->error = errno;
}

static void recv_part(void *arg)
{
    struct send *a = arg;

    a->rc = zmq_recv(a->socket, NULL, 0, ZMQ_DONTWAIT);
    a->error = errno;
}

static void in_another_thread(void (*what)(void *arg), struct send *a)
{
    zmq_threadclose(zmq_threadstart(what, a));
}

EACH_TRANSPORT(joint, threads_cannot_mix_the_parts_of_messages)
{
    const char *at = test_endpoint(transport);
    struct send s;
    void *a, *b;

    NEWER_ONLY();
    OK(zmq_ctx_set(test_ctx(), ZURING_THREAD_SAFE, 1));
    cr_expect_eq(zmq_ctx_get(test_ctx(), ZURING_THREAD_SAFE), 1);
    a = test_bound(ZMQ_PAIR, at);
    b = test_connected(ZMQ_PAIR, at);
    cr_expect_eq(test_get(a, ZMQ_THREAD_SAFE), 1);
    OK(zmq_send(a, "one", 3, ZMQ_SNDMORE));
    s = (struct send){a, 0, 0, 0};
    in_another_thread(send_part, &s);
    cr_expect_eq(s.rc, -1);
    cr_expect_eq(s.error, EFSM, "%s", test_error(s.error));
    OK(zmq_send(a, "two", 3, 0));
    in_another_thread(send_part, &s);
    cr_expect_eq(s.rc, 5);
    cr_expect_eq(zmq_recv(b, NULL, 0, 0), 3);
    s = (struct send){b, 0, 0, 0};
    in_another_thread(recv_part, &s);
    cr_expect_eq(s.rc, -1);
    cr_expect_eq(s.error, EFSM, "%s", test_error(s.error));
    RECV(b, "two");
    RECV(b, "other");
    in_another_thread(recv_part, &s);
    cr_expect_eq(s.error, EAGAIN);
    OK(zmq_ctx_set(test_ctx(), ZURING_THREAD_SAFE, 0));
    cr_expect_eq(test_get(test_socket(ZMQ_PAIR), ZMQ_THREAD_SAFE), 0);
}

/* Nobody else ends what a thread has begun, not even one that has got the place of an ended one. */
EACH_TRANSPORT(joint, a_thread_that_ends_leaves_its_message_open)
{
    const char *at = test_endpoint(transport);
    struct send s, r;
    void *a, *b;

    NEWER_ONLY();
    OK(zmq_ctx_set(test_ctx(), ZURING_THREAD_SAFE, 1));
    a = test_bound(ZMQ_PAIR, at);
    b = test_connected(ZMQ_PAIR, at);
    OK(zmq_send(b, "one", 3, ZMQ_SNDMORE));
    OK(zmq_send(b, "two", 3, 0));
    WAIT(test_events(a) & ZMQ_POLLIN);
    s = (struct send){a, ZMQ_SNDMORE, 0, 0};
    r = (struct send){a, 0, 0, 0};
    in_another_thread(send_part, &s);
    in_another_thread(recv_part, &r);
    cr_assert_eq(s.rc, 5);
    cr_assert_eq(r.rc, 3);
    s.flags = 0;
    for (int i = 0; i < 4; i++) {
        in_another_thread(send_part, &s);
        in_another_thread(recv_part, &r);
        cr_expect_eq(s.rc, -1);
        cr_expect_eq(s.error, EFSM, "%s", test_error(s.error));
        cr_expect_eq(r.rc, -1);
        cr_expect_eq(r.error, EFSM, "%s", test_error(r.error));
    }
}

EACH_TRANSPORT(joint, usual_types_still_do_what_they_do)
{
    const char *at = test_endpoint(transport);
    void *router, *req, *p = zmq_poller_new();
    zmq_pollitem_t item = {NULL, 0, ZMQ_POLLIN, 0}, on_fd = {NULL, 0, ZMQ_POLLIN, 0};
    size_t size = sizeof on_fd.fd;
    zmq_poller_event_t e;

    NEWER_ONLY();
    OK(zmq_ctx_set(test_ctx(), ZURING_THREAD_SAFE, 1));
    router = item.socket = test_bound(ZMQ_ROUTER, at);
    req = test_socket(ZMQ_REQ);
    SET_TEXT(req, ZMQ_ROUTING_ID, "R");
    OK(zmq_getsockopt(router, ZMQ_FD, &on_fd.fd, &size));
    test_connect(req, at);
    OK(zmq_poller_add(p, req, NULL, ZMQ_POLLIN));
    FAILS(EAGAIN, zmq_poller_wait(p, &e, 0));
    SEND(req, "question");
    SEND_GIVES(EFSM, req, "again");
    cr_expect_eq(zmq_poll(&on_fd, 1, TEST_DEADLINE_MS), 1);
    cr_expect_eq(zmq_poll(&item, 1, TEST_DEADLINE_MS), 1);
    RECV(router, "R||question");
    SEND(router, "R||answer");
    OK(zmq_poller_wait(p, &e, TEST_DEADLINE_MS));
    RECV(req, "answer");
    OK(zmq_poller_destroy(&p));
}
