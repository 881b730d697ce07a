/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_poller: what is registered stays so, and no change of a socket is missed, whoever made it.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/support/pair.h"

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

TEST_SUITE(poller);

static void *new_poller(void)
{
    void *p = zmq_poller_new();

    cr_assert_not_null(p);
    return p;
}

/* One event, of that socket. */
static void expect_event(void *poller, void *socket, int events)
{
    zmq_poller_event_t e;

    OK(zmq_poller_wait(poller, &e, TEST_DEADLINE_MS));
    cr_expect_eq(e.socket, socket);
    cr_expect_eq(e.events, events);
    cr_expect_eq(e.fd, -1);
}

static void expect_none(void *poller)
{
    zmq_poller_event_t e;

    FAILS(EAGAIN, zmq_poller_wait(poller, &e, 0));
    FAILS(EAGAIN, zmq_poller_wait(poller, &e, 20));
    cr_expect_null(e.socket);
    cr_expect_eq(e.fd, -1);
    cr_expect_eq(e.events, 0);
}

/* ---- arguments ---- */

Test(poller, what_is_no_poller_is_efault)
{
    char garbage[4096] = "garbage";
    void *p = garbage, *none = NULL, *pair = test_socket(ZMQ_PAIR);
    zmq_poller_event_t e;
    int fd;

    FAILS(EFAULT, zmq_poller_destroy(NULL));
    FAILS(EFAULT, zmq_poller_destroy(&none));
    FAILS(EFAULT, zmq_poller_destroy(&p));
    FAILS(EFAULT, zmq_poller_size(NULL));
    FAILS(EFAULT, zmq_poller_add(NULL, pair, NULL, ZMQ_POLLIN));
    FAILS(EFAULT, zmq_poller_modify(garbage, pair, ZMQ_POLLIN));
    FAILS(EFAULT, zmq_poller_remove(NULL, pair));
    FAILS(EFAULT, zmq_poller_add_fd(garbage, 0, NULL, ZMQ_POLLIN));
    FAILS(EFAULT, zmq_poller_modify_fd(NULL, 0, ZMQ_POLLIN));
    FAILS(EFAULT, zmq_poller_remove_fd(NULL, 0));
    FAILS(EFAULT, zmq_poller_wait(NULL, &e, 0));
    FAILS(EFAULT, zmq_poller_wait_all(garbage, &e, 1, 0));
    FAILS(EFAULT, zmq_poller_fd(NULL, &fd));
}

Test(poller, wrong_arguments_are_told)
{
    void *p = new_poller(), *pair = test_socket(ZMQ_PAIR);
    zmq_poller_event_t e;
    int fd;

    FAILS(ENOTSOCK, zmq_poller_add(p, NULL, NULL, ZMQ_POLLIN));
    FAILS(ENOTSOCK, zmq_poller_modify(p, NULL, ZMQ_POLLIN));
    FAILS(ENOTSOCK, zmq_poller_remove(p, NULL));
    FAILS(EBADF, zmq_poller_add_fd(p, -1, NULL, ZMQ_POLLIN));
    FAILS(EBADF, zmq_poller_modify_fd(p, -1, ZMQ_POLLIN));
    FAILS(EBADF, zmq_poller_remove_fd(p, -1));
    FAILS(EINVAL, zmq_poller_add(p, pair, NULL, 0x7fff));
    FAILS(EINVAL, zmq_poller_modify(p, pair, ZMQ_POLLIN));
    FAILS(EINVAL, zmq_poller_remove(p, pair));
    FAILS(EINVAL, zmq_poller_add_fd(p, 0, NULL, 16));
    FAILS(EINVAL, zmq_poller_modify_fd(p, 0, ZMQ_POLLIN));
    FAILS(EINVAL, zmq_poller_remove_fd(p, 0));
    FAILS(EFAULT, zmq_poller_wait(p, NULL, 0));
    FAILS(EFAULT, zmq_poller_wait_all(p, NULL, 1, 0));
    FAILS(EINVAL, zmq_poller_wait_all(p, &e, -1, 0));
    FAILS(EFAULT, zmq_poller_wait(p, &e, -1));
    FAILS(EAGAIN, zmq_poller_wait(p, &e, 0));
    OK(zmq_poller_add(p, pair, NULL, 0));
    FAILS(EINVAL, zmq_poller_add(p, pair, NULL, ZMQ_POLLIN));
    FAILS(EFAULT, zmq_poller_wait(p, &e, -1));
    FAILS(EINVAL, zmq_poller_modify(p, pair, 16));
    FAILS(EINVAL, zmq_poller_fd(p, &fd));
    OK(zmq_poller_destroy(&p));
    cr_expect_null(p);
}

Test(poller, counts_what_is_registered)
{
    void *p = new_poller(), *pair = test_socket(ZMQ_PAIR);

    cr_expect_eq(zmq_poller_size(p), 0);
    OK(zmq_poller_add(p, pair, NULL, ZMQ_POLLIN));
    OK(zmq_poller_add_fd(p, 0, NULL, ZMQ_POLLIN));
    cr_expect_eq(zmq_poller_size(p), 2);
    OK(zmq_poller_remove(p, pair));
    cr_expect_eq(zmq_poller_size(p), 1);
    OK(zmq_poller_remove_fd(p, 0));
    cr_expect_eq(zmq_poller_size(p), 0);
    OK(zmq_poller_destroy(&p));
}

/* ---- sockets ---- */

EACH_TRANSPORT(poller, tells_of_a_message_until_it_is_read)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at), *p = new_poller();
    zmq_poller_event_t e;

    OK(zmq_poller_add(p, pull, &at, ZMQ_POLLIN));
    expect_none(p);
    SEND(push, "x");
    OK(zmq_poller_wait(p, &e, TEST_DEADLINE_MS));
    cr_expect_eq(e.socket, pull);
    cr_expect_eq(e.user_data, &at);
    expect_event(p, pull, ZMQ_POLLIN);
    RECV(pull, "x");
    expect_none(p);
    OK(zmq_poller_destroy(&p));
}

Test(poller, hears_of_what_a_call_on_the_socket_itself_changed)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *rep = test_bound(ZMQ_REP, at), *req = test_socket(ZMQ_REQ), *p = new_poller();

    OK(zmq_poller_add(p, rep, NULL, ZMQ_POLLOUT));
    OK(zmq_poller_add(p, req, NULL, ZMQ_POLLOUT));
    expect_none(p);
    test_connect(req, at);
    expect_event(p, req, ZMQ_POLLOUT);
    SEND(req, "question");
    expect_none(p);
    RECV(rep, "question");
    expect_event(p, rep, ZMQ_POLLOUT);
    SEND(rep, "answer");
    expect_none(p);
    RECV(req, "answer");
    expect_event(p, req, ZMQ_POLLOUT);
    OK(zmq_poller_destroy(&p));
}

Test(poller, tells_in_the_order_of_registration_and_no_more_than_there_is_room_for)
{
    enum { MANY = 5 };
    void *p = new_poller(), *pull[MANY], *push[MANY];
    zmq_poller_event_t e[MANY + 2];
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    for (int i = 0; i < MANY; i++) {
        const char *at = test_endpoint(TEST_INPROC);

        pull[i] = test_bound(ZMQ_PULL, at);
        push[i] = test_connected(ZMQ_PUSH, at);
        OK(zmq_poller_add(p, pull[i], NULL, ZMQ_POLLIN));
        if (i == 2)
            OK(zmq_poller_add_fd(p, fds[1], fds, ZMQ_POLLOUT));
    }
    cr_assert_eq(zmq_poller_wait_all(p, e, MANY + 2, 0), 1);
    cr_expect_eq(e[0].fd, fds[1]);
    for (int i = MANY; i-- > 0;)
        SEND(push[i], "x");
    cr_assert_eq(zmq_poller_wait_all(p, e, MANY + 2, 0), MANY + 1);
    cr_expect_eq(e[0].socket, pull[0]);
    cr_expect_eq(e[2].socket, pull[2]);
    cr_expect_null(e[3].socket);
    cr_expect_eq(e[3].fd, fds[1]);
    cr_expect_eq(e[3].user_data, fds);
    cr_expect_eq(e[MANY].socket, pull[MANY - 1]);
    cr_expect_eq(e[MANY + 1].fd, -1, "cleared");
    cr_expect_eq(e[MANY + 1].events, 0);
    cr_assert_eq(zmq_poller_wait_all(p, e, 2, 0), 2);
    cr_expect_eq(e[1].socket, pull[1]);
    RECV(pull[0], "x");
    RECV(pull[2], "x");
    cr_assert_eq(zmq_poller_wait_all(p, e, 3, 0), 3);
    cr_expect_eq(e[0].socket, pull[1]);
    cr_expect_eq(e[1].fd, fds[1]);
    cr_expect_eq(e[2].socket, pull[3]);
    OK(zmq_poller_destroy(&p));
}

Test(poller, a_change_of_events_counts_at_once)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *a = test_bound(ZMQ_PAIR, at), *b = test_connected(ZMQ_PAIR, at), *p = new_poller();

    OK(zmq_poller_add(p, a, NULL, 0));
    SEND(b, "x");
    expect_none(p);
    OK(zmq_poller_modify(p, a, ZMQ_POLLIN));
    expect_event(p, a, ZMQ_POLLIN);
    OK(zmq_poller_modify(p, a, ZMQ_POLLOUT));
    expect_event(p, a, ZMQ_POLLOUT);
    OK(zmq_poller_modify(p, a, ZMQ_POLLIN | ZMQ_POLLOUT));
    expect_event(p, a, ZMQ_POLLIN | ZMQ_POLLOUT);
    OK(zmq_poller_modify(p, a, 0));
    expect_none(p);
    OK(zmq_poller_remove(p, a));
    OK(zmq_poller_add(p, a, NULL, ZMQ_POLLIN));
    expect_event(p, a, ZMQ_POLLIN);
    OK(zmq_poller_destroy(&p));
    RECV(a, "x");
}

Test(poller, several_watch_the_same_socket_beside_zmq_poll_and_zmq_fd)
{
    const char *at = test_endpoint(TEST_TCP);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    void *p = new_poller(), *q = new_poller();
    zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0}, on_fd = {NULL, -1, ZMQ_POLLIN, 0};
    size_t size = sizeof on_fd.fd;

    OK(zmq_poller_add(p, pull, NULL, ZMQ_POLLIN));
    OK(zmq_poller_add(q, pull, NULL, ZMQ_POLLIN));
    expect_none(p);
    expect_none(q);
    OK(zmq_getsockopt(pull, ZMQ_FD, &on_fd.fd, &size));
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(zmq_poll(&item, 1, 0), 0);
        expect_none(q);
        expect_none(p);
        SEND(push, "x");
        cr_expect_eq(zmq_poll(&on_fd, 1, TEST_DEADLINE_MS), 1);
        expect_event(p, pull, ZMQ_POLLIN);
        expect_event(q, pull, ZMQ_POLLIN);
        cr_expect_eq(zmq_poll(&item, 1, 0), 1);
        RECV(pull, "x");
    }
    OK(zmq_poller_destroy(&p));
    SEND(push, "y");
    expect_event(q, pull, ZMQ_POLLIN);
    OK(zmq_poller_destroy(&q));
    RECV(pull, "y");
}

Test(poller, a_socket_that_is_closed_is_registered_no_more)
{
    void *p = new_poller(), *a = test_socket(ZMQ_PAIR), *b = test_socket(ZMQ_PUB);

    OK(zmq_poller_add(p, a, NULL, ZMQ_POLLIN));
    OK(zmq_poller_add(p, b, NULL, ZMQ_POLLOUT));
    test_close(a);
    if (test_newer())
        cr_expect_eq(zmq_poller_size(p), 1);
    expect_event(p, b, ZMQ_POLLOUT);
    test_close(b);
    OK(zmq_poller_destroy(&p));
}

/* ---- descriptors ---- */

Test(poller, tells_of_descriptors)
{
    void *p = new_poller();
    zmq_poller_event_t e;
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    OK(zmq_poller_add_fd(p, fds[0], &p, ZMQ_POLLIN));
    FAILS(EINVAL, zmq_poller_add_fd(p, fds[0], NULL, ZMQ_POLLIN));
    expect_none(p);
    cr_assert_eq(write(fds[1], "x", 1), 1);
    OK(zmq_poller_wait(p, &e, TEST_DEADLINE_MS));
    cr_expect_null(e.socket);
    cr_expect_eq(e.fd, fds[0]);
    cr_expect_eq(e.user_data, &p);
    cr_expect_eq(e.events, ZMQ_POLLIN);
    OK(zmq_poller_modify_fd(p, fds[0], 0));
    expect_none(p);
    close(fds[1]);
    OK(zmq_poller_modify_fd(p, fds[0], ZMQ_POLLOUT));
    OK(zmq_poller_wait(p, &e, TEST_DEADLINE_MS));
    cr_expect_eq(e.events, ZMQ_POLLERR, "hung up");
    OK(zmq_poller_remove_fd(p, fds[0]));
    FAILS(EAGAIN, zmq_poller_wait(p, &e, 0));
    OK(zmq_poller_add_fd(p, 999, NULL, ZMQ_POLLIN));
    OK(zmq_poller_wait(p, &e, TEST_DEADLINE_MS));
    cr_expect_eq(e.fd, 999);
    cr_expect_eq(e.events, ZMQ_POLLERR, "no such descriptor");
    OK(zmq_poller_destroy(&p));
}

/* ---- waiting ---- */

struct stream {
    void *push[3];
    int count;
};

static void send_stream(void *arg)
{
    struct stream *s = arg;

    for (int i = 0; i < s->count; i++)
        if (zmq_send(s->push[i % 3], &i, sizeof i, 0) < 0)
            return;
}

/* Waits before each receive, so that each message may be the one whose wake is lost. */
EACH_TRANSPORT(poller, loses_no_wake)
{
    struct stream s = {.count = 20001};
    void *p = new_poller(), *pull[3], *thread;
    int next[3] = {0, 1, 2};

    for (int i = 0; i < 3; i++) {
        const char *at = test_endpoint(transport);

        pull[i] = test_bound(ZMQ_PULL, at);
        s.push[i] = test_connected(ZMQ_PUSH, at);
        OK(zmq_poller_add(p, pull[i], &next[i], ZMQ_POLLIN));
    }
    thread = zmq_threadstart(send_stream, &s);
    for (int i = 0, seen; i < s.count; i++) {
        zmq_poller_event_t e;

        OK(zmq_poller_wait(p, &e, TEST_DEADLINE_MS));
        cr_assert_eq(zmq_recv(e.socket, &seen, sizeof seen, ZMQ_DONTWAIT), (int)sizeof seen);
        cr_assert_eq(seen, *(int *)e.user_data);
        *(int *)e.user_data += 3;
    }
    zmq_threadclose(thread);
    OK(zmq_poller_destroy(&p));
}

struct later {
    int fd;
    int64_t at_ms;
};

static void shut_down_later(void *arg)
{
    struct later *l = arg;

    WAIT(test_now_ms() >= l->at_ms);
    if (l->fd < 0)
        zmq_ctx_shutdown(test_ctx());
    else if (write(l->fd, "x", 1) != 1)
        cr_assert_fail("write: %s", strerror(errno));
}

Test(poller, is_woken_by_a_descriptor_while_it_watches_sockets)
{
    void *p = new_poller(), *thread;
    zmq_poller_event_t e;
    struct later l;
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    OK(zmq_poller_add(p, test_bound(ZMQ_PULL, test_endpoint(TEST_TCP)), NULL, ZMQ_POLLIN));
    OK(zmq_poller_add_fd(p, fds[0], NULL, ZMQ_POLLIN));
    l = (struct later){fds[1], test_now_ms() + 30};
    thread = zmq_threadstart(shut_down_later, &l);
    OK(zmq_poller_wait(p, &e, TEST_DEADLINE_MS));
    cr_expect_eq(e.fd, fds[0]);
    zmq_threadclose(thread);
    OK(zmq_poller_destroy(&p));
}

Test(poller, ends_when_the_context_does)
{
    void *p = new_poller(), *thread;
    struct later l = {-1, test_now_ms() + 30};
    zmq_poller_event_t e;

    OK(zmq_poller_add(p, test_bound(ZMQ_PULL, test_endpoint(TEST_INPROC)), NULL, ZMQ_POLLIN));
    thread = zmq_threadstart(shut_down_later, &l);
    FAILS(ETERM, zmq_poller_wait(p, &e, TEST_DEADLINE_MS));
    FAILS(ETERM, zmq_poller_wait(p, &e, 0));
    zmq_threadclose(thread);
    OK(zmq_poller_destroy(&p));
}

static void on_alarm(int number)
{
    (void)number;
}

Test(poller, a_signal_ends_the_wait)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval soon = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}};
    void *p = new_poller();
    zmq_poller_event_t e;

    OK(zmq_poller_add(p, test_bound(ZMQ_PULL, test_endpoint(TEST_INPROC)), NULL, ZMQ_POLLIN));
    cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
    setitimer(ITIMER_REAL, &soon, NULL);
    FAILS(EINTR, zmq_poller_wait(p, &e, TEST_DEADLINE_MS));
    setitimer(ITIMER_REAL, &never, NULL);
    OK(zmq_poller_destroy(&p));
}

/* As many as a server has, and one message at a time, each at another one. */
Test(poller, two_thousand_sockets)
{
    enum { MANY = 2000 };
    static void *pull[MANY], *push[MANY];
    void *ctx = zmq_ctx_new(), *p = new_poller();
    char at[64];

    OK(zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 2 * MANY));
    for (int i = 0; i < MANY; i++) {
        snprintf(at, sizeof at, "inproc://%d", i);
        pull[i] = zmq_socket(ctx, ZMQ_PULL);
        push[i] = zmq_socket(ctx, ZMQ_PUSH);
        OK(zmq_bind(pull[i], at));
        OK(zmq_connect(push[i], at));
        OK(zmq_poller_add(p, pull[i], NULL, ZMQ_POLLIN));
    }
    expect_none(p);
    for (int i = 0; i < 10 * MANY; i++) {
        int k = i * 7 % MANY;

        SEND(push[k], "x");
        expect_event(p, pull[k], ZMQ_POLLIN);
        RECV(pull[k], "x");
    }
    expect_none(p);
    for (int i = 0; i < MANY; i++) {
        if (i % 2)
            OK(zmq_poller_remove(p, pull[i]));
        zmq_close(push[i]);
        zmq_close(pull[i]);
    }
    cr_expect_eq(zmq_poller_size(p), 0);
    OK(zmq_poller_destroy(&p));
    OK(zmq_ctx_term(ctx));
}
