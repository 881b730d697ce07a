/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ZMQ_MONITOR: events by a function that the thread of the socket calls inside its own calls.
 */
#define ZMQ_BUILD_DRAFT_API
#include "include/zuring.h"
#include "tests/monitor/watch.h"
#include "tests/support/plain.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

TEST_SUITE(callback);

static struct {
    void *socket;
    pthread_t thread; /* the only one that may call */
    int events[64];
    int count;
    int last_value;
    char addr[256];
    struct zuring_event record;
    int error; /* of what the function tried */
    int type;
    void *poller;
} seen;

static atomic_bool has_gone; /* the function was told DISCONNECTED */

static void note(void *s, int event, zmq_event_data_t *data)
{
    size_t size = sizeof seen.type;

    cr_assert_eq(s, seen.socket);
    cr_assert(pthread_equal(pthread_self(), seen.thread));
    cr_assert_lt(seen.count, 64);
    seen.events[seen.count++] = event;
    if (event == ZMQ_EVENT_DISCONNECTED)
        atomic_store(&has_gone, true);
    seen.last_value = data->any.value;
    strncpy(seen.addr, data->any.addr, sizeof seen.addr - 1);
    seen.record = *data->any.record;
    cr_assert_eq(data->connected.addr, data->any.addr);
    cr_assert_eq(data->connected.fd, data->any.value);
    cr_assert_eq(zmq_getsockopt(s, ZMQ_TYPE, &seen.type, &size), 0);
    seen.error = zmq_send(s, "no", 2, ZMQ_DONTWAIT) == -1 ? errno : 0;
}

static void *called(int type)
{
    void *s = test_socket(type);

    memset(&seen, 0, sizeof seen);
    seen.socket = s;
    seen.thread = pthread_self();
    OK(zmq_setsockopt(s, ZMQ_MONITOR, (void *)note, sizeof(void *)));
    return s;
}

static bool was_called_with(int event)
{
    for (int i = 0; i < seen.count; i++)
        if (seen.events[i] == event)
            return true;
    return false;
}

EACH_STREAM(callback, is_called_with_each_event)
{
    const char *at = test_endpoint(transport);
    void *s = called(ZMQ_PULL);
    int peer;

    test_bind(s, at);
    WAIT((test_catch_up(s), was_called_with(ZMQ_EVENT_LISTENING)));
    cr_assert_str_eq(seen.addr, at);
    cr_assert_gt(seen.last_value, 0);
    cr_assert_eq(seen.type, ZMQ_PULL);
    cr_assert_eq(seen.record.event, ZMQ_EVENT_LISTENING);
    cr_assert_str_eq(seen.record.endpoint, at);
    peer = test_plain_connect(at);
    WAIT((test_catch_up(s), was_called_with(ZMQ_EVENT_ACCEPTED)));
    cr_assert_neq(seen.record.connection, 0);
    close(peer);
    WAIT((test_catch_up(s), was_called_with(ZMQ_EVENT_DISCONNECTED)));
    cr_assert_eq(seen.error, EFSM, "the socket's other functions are closed to it");
    SEND_GIVES(ENOTSUP, s, "and open again behind");
}

/* The receive waits; the function is called meanwhile, and the receive goes on. */
EACH_STREAM(callback, wakes_a_call_that_waits_which_then_waits_on)
{
    const char *at = test_endpoint(transport);
    void *s = called(ZMQ_PULL), *push;

    test_bind(s, at);
    push = test_connected(ZMQ_PUSH, at);
    SEND(push, "one");
    RECV(s, "one");
    SET(s, ZMQ_RCVTIMEO, 200);
    cr_assert_eq(zmq_recv(s, NULL, 0, 0), -1);
    cr_assert_eq(errno, EAGAIN);
    cr_assert(was_called_with(ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
    SEND(push, "two");
    SET(s, ZMQ_RCVTIMEO, TEST_DEADLINE_MS);
    RECV(s, "two");
}

/* Nobody sends before the function has been told of one who came and went. */
static void *dial_and_send(void *at)
{
    int fd = test_plain_connect(at);
    int64_t until_ms = test_now_ms() + TEST_DEADLINE_MS;
    void *push;

    while (!atomic_load(&has_gone) && test_now_ms() < until_ms)
        test_pause();
    close(fd);
    if (!atomic_load(&has_gone))
        return NULL;
    push = zmq_socket(test_ctx(), ZMQ_PUSH);
    zmq_connect(push, at);
    zmq_send(push, "enough", 6, 0);
    zmq_close(push);
    return NULL;
}

EACH_STREAM(callback, is_called_while_a_receive_waits)
{
    char at[256];
    void *s = called(ZMQ_PULL);
    pthread_t other;

    snprintf(at, sizeof at, "%s", test_endpoint(transport));
    SET(s, ZMQ_HANDSHAKE_IVL, 200);
    SET(s, ZMQ_RCVTIMEO, 2 * TEST_DEADLINE_MS);
    test_bind(s, at);
    pthread_create(&other, NULL, dial_and_send, at);
    RECV(s, "enough");
    cr_assert(was_called_with(ZMQ_EVENT_ACCEPTED));
    pthread_join(other, NULL);
}

Test(callback, is_not_called_any_more_once_it_was_taken_away)
{
    void *s = called(ZMQ_PULL);
    int before;

    test_bind(s, test_endpoint(TEST_TCP));
    WAIT((test_catch_up(s), seen.count > 0));
    before = seen.count;
    OK(zmq_setsockopt(s, ZMQ_MONITOR, NULL, 0));
    test_bind(s, test_endpoint(TEST_IPC));
    test_catch_up(s);
    cr_assert_eq(seen.count, before);
    OK(zmq_setsockopt(s, ZMQ_MONITOR, (void *)note, sizeof(void *)));
    test_catch_up(s);
    cr_assert_eq(seen.count, before, "what happened meanwhile is not told");
    test_bind(s, test_endpoint(TEST_TCP));
    WAIT((test_catch_up(s), seen.count > before));
}

Test(callback, goes_together_with_a_monitor)
{
    const char *at = test_endpoint(TEST_TCP);
    void *s = called(ZMQ_PULL), *reader = watch(s, ZMQ_EVENT_ALL);

    test_bind(s, at);
    EVENTS(reader, "LISTENING=*@%s", at);
    WAIT((test_catch_up(s), was_called_with(ZMQ_EVENT_LISTENING)));
    OK(zmq_socket_monitor(s, NULL, 0));
    EVENTS(reader, "MONITOR_STOPPED");
    OK(zmq_unbind(s, at));
    WAIT((test_catch_up(s), was_called_with(ZMQ_EVENT_CLOSED)));
}

static void ask_for_everything(void *s, int event, zmq_event_data_t *data)
{
    zmq_pollitem_t item = {.socket = s, .events = ZMQ_POLLIN};
    struct zuring_connection_stats connection;
    struct zuring_context_stats context;
    struct zuring_socket_stats stats;
    int value = 1;
    size_t size = sizeof value;

    (void)event, (void)data;
    seen.count++;
    FAILS(EFSM, zmq_close(s));
    FAILS(EFSM, zmq_bind(s, "inproc://x"));
    FAILS(EFSM, zmq_unbind(s, "inproc://x"));
    FAILS(EFSM, zmq_connect(s, "inproc://x"));
    FAILS(EFSM, zmq_disconnect(s, "inproc://x"));
    FAILS(EFSM, zmq_setsockopt(s, ZMQ_MONITOR, NULL, 0));
    FAILS(EFSM, zmq_setsockopt(s, ZMQ_SNDHWM, &value, sizeof value));
    FAILS(EFSM, zmq_send(s, "x", 1, ZMQ_DONTWAIT));
    FAILS(EFSM, zmq_recv(s, NULL, 0, ZMQ_DONTWAIT));
    FAILS(EFSM, zmq_socket_monitor(s, NULL, 0));
    FAILS(EFSM, zmq_socket_monitor_versioned(s, NULL, 0, ZURING_EVENT_VERSION, ZMQ_PAIR));
    FAILS(EFSM, zmq_socket_monitor_pipes_stats(s));
    FAILS(EFSM, zmq_socket_get_peer_state(s, "x", 1));
    FAILS(EFSM, zmq_disconnect_peer(s, 1));
    FAILS(EFSM, zmq_join(s, "x"));
    FAILS(EFSM, zmq_leave(s, "x"));
    FAILS(EFSM, zmq_poller_add(seen.poller, s, NULL, ZMQ_POLLIN));
    FAILS(EFSM, zuring_disconnect_connection(s, 1));
    FAILS(EFSM, zuring_disconnect_peer(s, "x", 1));
    FAILS(EFSM, zmq_poll(&item, 1, 0));
    OK(zmq_getsockopt(s, ZMQ_EVENTS, &value, &size));
    OK(zmq_getsockopt(s, ZMQ_RCVMORE, &value, &size));
    size = sizeof value;
    FAILS(seen.type == ZMQ_SERVER ? EINVAL : EFSM, zmq_getsockopt(s, ZMQ_FD, &value, &size));
    OK(zuring_stats_socket(s, &stats, sizeof stats));
    OK(zuring_stats_connections(s, &connection, sizeof connection, 1));
    OK(zuring_stats_context(test_ctx(), &context, sizeof context));
}

Test(callback, may_only_ask_its_own_socket)
{
    void *s = called(ZMQ_DEALER);

    seen.poller = zmq_poller_new();
    OK(zmq_setsockopt(s, ZMQ_MONITOR, (void *)ask_for_everything, sizeof(void *)));
    test_bind(s, test_endpoint(TEST_TCP));
    WAIT((test_catch_up(s), seen.count > 0));
    test_close(s); /* and here it may be called a last time */
    zmq_poller_destroy(&seen.poller);
}

Test(callback, may_only_ask_its_own_socket_of_several_threads)
{
    void *s = called(ZMQ_SERVER);

    seen.poller = zmq_poller_new();
    seen.type = ZMQ_SERVER;
    OK(zmq_setsockopt(s, ZMQ_MONITOR, (void *)ask_for_everything, sizeof(void *)));
    test_bind(s, test_endpoint(TEST_TCP));
    WAIT((test_catch_up(s), seen.count > 0));
    test_close(s);
    zmq_poller_destroy(&seen.poller);
}

static void *waiting, *beside; /* pollers: the one that is waited in, and another */

static void use_pollers(void *s, int event, zmq_event_data_t *data)
{
    zmq_poller_event_t e;
    void *p = waiting, *b = beside;
    int fd;

    (void)event, (void)data;
    if (seen.count++ > 0)
        return;
    FAILS(EFSM, zmq_poller_wait(p, &e, 0));
    FAILS(EFSM, zmq_poller_wait_all(p, &e, 1, 0));
    FAILS(EFSM, zmq_poller_size(p));
    FAILS(EFSM, zmq_poller_add(p, s, NULL, ZMQ_POLLIN));
    FAILS(EFSM, zmq_poller_modify(p, s, ZMQ_POLLOUT));
    FAILS(EFSM, zmq_poller_remove(p, s));
    FAILS(EFSM, zmq_poller_add_fd(p, 0, NULL, ZMQ_POLLIN));
    FAILS(EFSM, zmq_poller_modify_fd(p, 0, ZMQ_POLLIN));
    FAILS(EFSM, zmq_poller_remove_fd(p, 0));
    FAILS(EFSM, zmq_poller_fd(p, &fd));
    FAILS(EFSM, zmq_poller_destroy(&p));
    FAILS(EFSM, zmq_poller_wait(b, &e, 0));
    FAILS(EFSM, zmq_poller_modify(b, s, ZMQ_POLLOUT));
    FAILS(EFSM, zmq_poller_remove(b, s));
    FAILS(EFSM, zmq_poller_destroy(&b));
    cr_assert_eq(zmq_poller_size(b), 1);
}

/* The function is called while the poller goes through its sockets. */
static void check_pollers(int type)
{
    void *s = called(type);
    zmq_poller_event_t e;

    waiting = zmq_poller_new();
    beside = zmq_poller_new();
    OK(zmq_poller_add(waiting, s, NULL, ZMQ_POLLIN));
    OK(zmq_poller_add(beside, s, NULL, ZMQ_POLLIN));
    OK(zmq_setsockopt(s, ZMQ_MONITOR, (void *)use_pollers, sizeof(void *)));
    test_bind(s, test_endpoint(TEST_TCP));
    WAIT((zmq_poller_wait(waiting, &e, 0), seen.count > 0));
    FAILS(EAGAIN, zmq_poller_wait(waiting, &e, 0));
    FAILS(EAGAIN, zmq_poller_wait(beside, &e, 0));
    cr_assert_eq(zmq_poller_size(waiting), 1);
    OK(zmq_poller_remove(waiting, s));
    OK(zmq_poller_destroy(&waiting));
    OK(zmq_poller_destroy(&beside));
}

Test(callback, may_not_use_a_poller_that_has_its_socket)
{
    check_pollers(ZMQ_DEALER);
}

Test(callback, may_not_use_a_poller_that_has_its_socket_of_several_threads)
{
    check_pollers(ZMQ_SERVER);
}

static struct {
    void *socket; /* which the function closes, */
    int when;     /* with this event */
} to_close;

static void close_another(void *s, int event, zmq_event_data_t *data)
{
    (void)s, (void)data;
    if (event != to_close.when || !to_close.socket)
        return;
    test_close(to_close.socket);
    to_close.socket = NULL;
}

static void *dial_later(void *at)
{
    test_pause();
    return (void *)(intptr_t)test_plain_connect(at);
}

/* In the first look; while it waits; while it waits, with a ZMQ_FD; and who is listed first. */
static void check_poll_with_a_close(int when, bool has_fd, bool first)
{
    const char *at = test_endpoint(TEST_TCP);
    void *s = test_socket(ZMQ_PULL), *other = test_bound(ZMQ_PULL, test_endpoint(TEST_TCP));
    zmq_pollitem_t items[] = {{first ? other : s, 0, ZMQ_POLLIN, 0},
                              {first ? s : other, 0, ZMQ_POLLIN, 0},
                              {first ? other : s, 0, ZMQ_POLLIN, 0}};
    pthread_t thread;
    void *fd;

    if (has_fd)
        cr_assert_geq(test_get(s, ZMQ_FD), 0);
    to_close.socket = other;
    to_close.when = when;
    OK(zmq_setsockopt(s, ZMQ_MONITOR, (void *)close_another, sizeof(void *)));
    test_bind(s, at);
    pthread_create(&thread, NULL, dial_later, (void *)at);
    FAILS(ENOTSOCK, zmq_poll(items, 3, TEST_DEADLINE_MS));
    pthread_join(thread, &fd);
    close((int)(intptr_t)fd);
    test_close(s);
}

Test(callback, may_close_what_its_thread_polls)
{
    for (int i = 0; i < 8; i++)
        check_poll_with_a_close(i & 1 ? ZMQ_EVENT_LISTENING : ZMQ_EVENT_ACCEPTED, i & 2, i & 4);
}

/* ---- a socket of several threads ---- */

struct both {
    void *own, *other;
    atomic_bool called;
    int own_error, sent, sent_error;
};

static struct both both[2];
static atomic_int inside;

/* Each of the two functions is inside before either uses the other's socket. */
static void meet_and_send(void *s, int event, zmq_event_data_t *data)
{
    struct both *b = s == both[0].own ? &both[0] : &both[1];
    int64_t until_ms = test_now_ms() + TEST_DEADLINE_MS;

    (void)event, (void)data;
    if (atomic_exchange(&b->called, true))
        return;
    atomic_fetch_add(&inside, 1);
    while (atomic_load(&inside) < 2 && test_now_ms() < until_ms)
        test_pause();
    b->own_error = zmq_send(s, "x", 1, ZMQ_DONTWAIT) == -1 ? errno : 0;
    b->sent = zmq_send(b->other, "x", 1, ZMQ_DONTWAIT);
    b->sent_error = errno;
}

static void *bind_and_ask(void *arg)
{
    struct both *b = arg;
    int64_t until_ms = test_now_ms() + TEST_DEADLINE_MS;

    zmq_bind(b->own, "tcp://127.0.0.1:*");
    while (!atomic_load(&b->called) && test_now_ms() < until_ms)
        test_catch_up(b->own);
    return NULL;
}

Test(callback, of_one_joint_socket_may_use_another_one_whose_function_uses_it)
{
    pthread_t thread[2];

    for (int i = 0; i < 2; i++) {
        both[i].own = both[!i].other = test_socket(ZMQ_CLIENT);
        OK(zmq_setsockopt(both[i].own, ZMQ_MONITOR, (void *)meet_and_send, sizeof(void *)));
    }
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, bind_and_ask, &both[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    cr_assert_eq(atomic_load(&inside), 2);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(both[i].own_error, EFSM);
        cr_expect_eq(both[i].sent, -1);
        cr_expect_eq(both[i].sent_error, EAGAIN, "%s", test_error(both[i].sent_error));
    }
}

enum { BINDS = 20 };

static struct {
    void *socket;
    atomic_int now, count, overlaps; /* how many are inside; calls; two at a time */
    atomic_bool entered, may_end;
    char addr[BINDS][64];
} calls;

static void note_each(void *s, int event, zmq_event_data_t *data)
{
    int at;

    cr_assert_eq(s, calls.socket);
    if (event != ZMQ_EVENT_LISTENING)
        return;
    if (atomic_fetch_add(&calls.now, 1) > 0)
        atomic_fetch_add(&calls.overlaps, 1);
    at = atomic_load(&calls.count);
    snprintf(calls.addr[at % BINDS], sizeof calls.addr[0], "%s", data->any.addr);
    test_catch_up(s); /* it may ask */
    atomic_fetch_sub(&calls.now, 1);
    atomic_fetch_add(&calls.count, 1);
}

static void *ask_until_all_is_told(void *arg)
{
    int64_t until_ms = test_now_ms() + TEST_DEADLINE_MS;

    while (atomic_load(&calls.count) < BINDS && test_now_ms() < until_ms)
        test_catch_up(arg);
    return NULL;
}

Test(callback, of_a_joint_socket_is_called_in_turn)
{
    char at[BINDS][64];
    size_t size;
    pthread_t thread[3];
    void *s = calls.socket = test_socket(ZMQ_SERVER);

    OK(zmq_setsockopt(s, ZMQ_MONITOR, (void *)note_each, sizeof(void *)));
    for (int i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, ask_until_all_is_told, s);
    for (int i = 0; i < BINDS; i++) {
        test_bind(s, "tcp://127.0.0.1:*");
        size = sizeof at[i];
        OK(zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, at[i], &size));
    }
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    cr_assert_eq(atomic_load(&calls.count), BINDS);
    cr_expect_eq(atomic_load(&calls.overlaps), 0);
    for (int i = 0; i < BINDS; i++)
        cr_expect_str_eq(calls.addr[i], at[i]);
}

static void stay_inside(void *s, int event, zmq_event_data_t *data)
{
    int64_t until_ms = test_now_ms() + TEST_DEADLINE_MS;

    (void)s, (void)event, (void)data;
    if (atomic_exchange(&calls.entered, true))
        return;
    while (!atomic_load(&calls.may_end) && test_now_ms() < until_ms)
        test_pause();
}

static void *bind_and_stay(void *s)
{
    int64_t until_ms = test_now_ms() + TEST_DEADLINE_MS;

    zmq_bind(s, "tcp://127.0.0.1:*");
    while (!atomic_load(&calls.entered) && test_now_ms() < until_ms)
        test_catch_up(s);
    return NULL;
}

/* Other threads' calls go on; what was not told to one function is not told to the next. */
Test(callback, of_a_joint_socket_may_be_changed_while_another_thread_is_inside)
{
    void *s = test_socket(ZMQ_SERVER);
    char at[64];
    size_t size = sizeof at;
    pthread_t thread;

    calls.socket = s;
    OK(zmq_setsockopt(s, ZMQ_MONITOR, (void *)stay_inside, sizeof(void *)));
    pthread_create(&thread, NULL, bind_and_stay, s);
    WAIT(atomic_load(&calls.entered));
    test_bind(s, "tcp://127.0.0.1:*");
    test_catch_up(s);
    OK(zmq_setsockopt(s, ZMQ_MONITOR, NULL, 0));
    OK(zmq_setsockopt(s, ZMQ_MONITOR, (void *)note_each, sizeof(void *)));
    atomic_store(&calls.may_end, true);
    pthread_join(thread, NULL);
    test_bind(s, "tcp://127.0.0.1:*");
    OK(zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, at, &size));
    WAIT((test_catch_up(s), atomic_load(&calls.count) > 0));
    cr_expect_eq(atomic_load(&calls.count), 1);
    cr_expect_str_eq(calls.addr[0], at);
}

static void ask_for_the_descriptor(void *s, int event, zmq_event_data_t *data)
{
    int fd;
    size_t size = sizeof fd;

    (void)event, (void)data;
    OK(zmq_getsockopt(s, ZMQ_FD, &fd, &size));
    seen.count++;
}

/* Inside the function it cannot be made. */
Test(callback, may_ask_for_the_descriptor_that_there_is)
{
    void *s = called(ZMQ_DEALER);

    cr_assert_geq(test_get(s, ZMQ_FD), 0);
    OK(zmq_setsockopt(s, ZMQ_MONITOR, (void *)ask_for_the_descriptor, sizeof(void *)));
    test_bind(s, test_endpoint(TEST_TCP));
    WAIT((test_catch_up(s), seen.count > 0));
}

Test(callback, refuses_what_is_no_function)
{
    void *s = test_socket(ZMQ_PULL);

    FAILS(EINVAL, zmq_setsockopt(s, ZMQ_MONITOR, (void *)note, 1));
    FAILS(ENOTSOCK, zmq_setsockopt(NULL, ZMQ_MONITOR, (void *)note, sizeof(void *)));
    OK(zmq_setsockopt(s, ZMQ_MONITOR, NULL, 0));
}

/* ---- a socket that a waiting poller may have in hand ---- */

static void *held, *poller_of_held;

static void close_held(void *s, int event, zmq_event_data_t *data)
{
    (void)s, (void)event, (void)data;
    if (held)
        cr_assert_eq(zmq_close(held), 0);
    held = NULL;
}

static void greet(void *from, void *to)
{
    SEND(from, "lone");
    RECV(to, "lone");
}

Test(callback, may_close_what_a_poller_waits_for)
{
    for (int i = 0; i < 20; i++) {
        void *bound = test_bound(ZMQ_PAIR, test_endpoint(TEST_TCP)), *other, *peer, *caller;
        const char *endpoint = test_endpoint(TEST_TCP);
        zmq_poller_event_t e;
        char at[256];
        size_t size = sizeof at;

        OK(zmq_getsockopt(bound, ZMQ_LAST_ENDPOINT, at, &size));
        OK(zmq_setsockopt(bound, ZMQ_MONITOR, (void *)close_held, sizeof(void *)));
        peer = test_bound(ZMQ_PAIR, endpoint);
        other = zmq_socket(test_ctx(), ZMQ_PAIR); /* it is closed here, not by test_end */
        cr_assert_not_null(other);
        SET(other, ZMQ_RCVTIMEO, TEST_DEADLINE_MS);
        OK(zmq_connect(other, endpoint));
        for (int j = 0; j < 5; j++)
            greet(peer, other);
        poller_of_held = zmq_poller_new();
        cr_assert_not_null(poller_of_held);
        OK(zmq_poller_add(poller_of_held, other, NULL, ZMQ_POLLIN));
        OK(zmq_poller_add(poller_of_held, bound, NULL, ZMQ_POLLIN));
        held = other;
        caller = test_connected(ZMQ_PAIR, at);
        SEND(caller, "hello");
        OK(zmq_poller_wait(poller_of_held, &e, TEST_DEADLINE_MS));
        cr_assert_eq(e.socket, bound);
        cr_assert_null(held);
        cr_assert_eq(zmq_poller_size(poller_of_held), 1);
        OK(zmq_poller_destroy(&poller_of_held));
        test_end();
    }
}

static int told;
static bool was_blocked; /* a signal, while the function ran */

static void look_at_mask(void *s, int event, zmq_event_data_t *data)
{
    sigset_t mask;

    (void)s, (void)event, (void)data;
    told++;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    was_blocked |= sigismember(&mask, SIGUSR1);
}

static void wait_in_poll(void *s)
{
    zmq_pollitem_t item = {.socket = s, .events = ZMQ_POLLIN};

    cr_assert_eq(zmq_poll(&item, 1, 50), 0);
}

static void wait_in_poller(void *s)
{
    void *poller = zmq_poller_new();
    zmq_poller_event_t e;

    OK(zmq_poller_add(poller, s, NULL, ZMQ_POLLIN));
    cr_assert_eq(zmq_poller_wait(poller, &e, 50), -1);
    cr_assert_eq(errno, EAGAIN);
    OK(zmq_poller_destroy(&poller));
}

static void wait_in_recv(void *s)
{
    RECV_GIVES(EAGAIN, s);
    SET(s, ZMQ_RCVTIMEO, 50);
    cr_assert_eq(zmq_recv(s, NULL, 0, 0), -1);
    cr_assert_eq(errno, EAGAIN);
    SET(s, ZMQ_RCVTIMEO, TEST_DEADLINE_MS);
}

/* Who waits by hand has signals blocked, and his connections to himself: not for a function, which
 * may take long. */
static void check_mask(void (*wait)(void *s))
{
    const char *at = test_endpoint(TEST_TCP);
    void *dealer = test_bound(ZMQ_DEALER, at), *s = test_socket(ZMQ_DEALER);

    SET(s, ZMQ_RECONNECT_IVL, 10);
    test_connect(s, at);
    for (int i = 0; i < 10; i++) {
        SEND(dealer, "lone");
        RECV(s, "lone");
    }
    told = 0;
    was_blocked = false;
    OK(zmq_setsockopt(s, ZMQ_MONITOR, (void *)look_at_mask, sizeof(void *)));
    test_connect(s, "tcp://127.0.0.1:1"); /* refused, again and again */
    WAIT((wait(s), told >= 20));
    cr_assert_not(was_blocked);
}

Test(callback, is_not_called_with_signals_blocked)
{
    check_mask(wait_in_recv);
    check_mask(wait_in_poll);
    check_mask(wait_in_poller);
}

Test(callback, nor_of_a_joint_socket)
{
    OK(zmq_ctx_set(test_ctx(), ZURING_THREAD_SAFE, 1));
    check_mask(wait_in_recv);
    check_mask(wait_in_poll);
    check_mask(wait_in_poller);
}
