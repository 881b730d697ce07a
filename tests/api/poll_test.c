/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_poll on descriptors, on sockets, and on both.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/support/pair.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

TEST_SUITE(poll_call);

static zmq_pollitem_t on_fd(int fd, short events)
{
    return (zmq_pollitem_t){NULL, fd, events, 0x55};
}

static zmq_pollitem_t on_socket(void *socket, short events)
{
    return (zmq_pollitem_t){socket, 12345, events, 0x55}; /* the descriptor means nothing */
}

static void make_pipe(int fds[2])
{
    cr_assert_eq(pipe(fds), 0);
}

/* ---- arguments ---- */

Test(poll_call, wrong_arguments_are_told)
{
    char no_socket[4096] = "";
    zmq_pollitem_t items[2] = {on_fd(0, ZMQ_POLLIN), on_socket(no_socket, ZMQ_POLLIN)};

    FAILS(EINVAL, zmq_poll(items, -1, 0));
    FAILS(EFAULT, zmq_poll(NULL, 1, 0));
    FAILS(ENOTSOCK, zmq_poll(items, 2, 0));
}

Test(poll_call, without_items_it_sleeps)
{
    int64_t start_ms = test_now_ms();

    cr_expect_eq(zmq_poll(NULL, 0, 0), 0);
    cr_expect_eq(zmq_poll(NULL, 0, 50), 0);
    cr_expect_geq(test_now_ms(), start_ms + 50);
}

/* ---- descriptors ---- */

Test(poll_call, sees_what_descriptors_are_ready_for)
{
    int fds[2];
    zmq_pollitem_t items[2];

    make_pipe(fds);
    items[0] = on_fd(fds[0], ZMQ_POLLIN | ZMQ_POLLOUT);
    items[1] = on_fd(fds[1], ZMQ_POLLIN | ZMQ_POLLOUT);
    cr_expect_eq(zmq_poll(items, 2, 0), 1);
    cr_expect_eq(items[0].revents, 0, "overwritten");
    cr_expect_eq(items[1].revents, ZMQ_POLLOUT);
    cr_assert_eq(write(fds[1], "x", 1), 1);
    cr_expect_eq(zmq_poll(items, 2, -1), 2);
    cr_expect_eq(items[0].revents, ZMQ_POLLIN);
    cr_expect_eq(zmq_poll(items, 1, -1), 1);
    items[0].events = 0;
    cr_expect_eq(zmq_poll(items, 1, 0), 0);
    cr_expect_eq(items[0].revents, 0);
}

Test(poll_call, tells_of_errors_whether_asked_or_not)
{
    int fds[2];
    zmq_pollitem_t item = on_fd(999, ZMQ_POLLIN);

    cr_expect_eq(zmq_poll(&item, 1, -1), 1);
    cr_expect_eq(item.revents, ZMQ_POLLERR, "no such descriptor");
    make_pipe(fds);
    item = on_fd(fds[0], 0);
    close(fds[1]);
    cr_expect_eq(zmq_poll(&item, 1, -1), 1);
    cr_expect_eq(item.revents, ZMQ_POLLERR, "hung up");
    item = on_fd(-1, ZMQ_POLLIN);
    cr_expect_eq(zmq_poll(&item, 1, 0), 0);
    cr_expect_eq(item.revents, 0, "nothing to look at");
}

Test(poll_call, sees_urgent_data)
{
    int fds[2];
    zmq_pollitem_t item;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 || send(fds[0], "!", 1, MSG_OOB) != 1)
        cr_skip_test("no urgent data here");
    item = on_fd(fds[1], ZMQ_POLLPRI);
    cr_expect_eq(zmq_poll(&item, 1, 5000), 1);
    cr_expect_eq(item.revents, ZMQ_POLLPRI);
}

Test(poll_call, waits_until_the_time_is_up)
{
    int fds[2];
    zmq_pollitem_t item;
    int64_t start_ms;

    make_pipe(fds);
    item = on_fd(fds[0], ZMQ_POLLIN);
    start_ms = test_now_ms();
    cr_expect_eq(zmq_poll(&item, 1, 60), 0);
    cr_expect_geq(test_now_ms(), start_ms + 60);
    cr_expect_eq(item.revents, 0);
}

struct later {
    int fd;
    void *socket;
    int64_t at_ms;
};

static void write_later(void *arg)
{
    struct later *l = arg;

    WAIT(test_now_ms() >= l->at_ms);
    if (l->socket)
        zmq_send(l->socket, "x", 1, 0);
    else if (write(l->fd, "x", 1) != 1)
        cr_assert_fail("write: %s", strerror(errno));
}

Test(poll_call, is_woken_by_a_descriptor_while_it_watches_sockets)
{
    void *pull = test_bound(ZMQ_PULL, test_endpoint(TEST_TCP));
    zmq_pollitem_t items[2];
    struct later l;
    void *thread;
    int fds[2];

    make_pipe(fds);
    items[0] = on_socket(pull, ZMQ_POLLIN);
    items[1] = on_fd(fds[0], ZMQ_POLLIN);
    l = (struct later){fds[1], NULL, test_now_ms() + 30};
    thread = zmq_threadstart(write_later, &l);
    cr_expect_eq(zmq_poll(items, 2, TEST_DEADLINE_MS), 1);
    cr_expect_eq(items[0].revents, 0);
    cr_expect_eq(items[1].revents, ZMQ_POLLIN);
    zmq_threadclose(thread);
}

EACH_TRANSPORT(poll_call, is_woken_by_a_socket_while_it_watches_descriptors)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    zmq_pollitem_t items[2];
    struct later l;
    void *thread;
    int fds[2];

    make_pipe(fds);
    items[0] = on_fd(fds[0], ZMQ_POLLIN);
    items[1] = on_socket(pull, ZMQ_POLLIN);
    l = (struct later){-1, push, test_now_ms() + 30};
    thread = zmq_threadstart(write_later, &l);
    cr_expect_eq(zmq_poll(items, 2, TEST_DEADLINE_MS), 1);
    cr_expect_eq(items[0].revents, 0);
    cr_expect_eq(items[1].revents, ZMQ_POLLIN);
    zmq_threadclose(thread);
    RECV(pull, "x");
}

/* ---- sockets ---- */

Test(poll_call, answers_only_what_was_asked_of_a_socket)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *a = test_bound(ZMQ_PAIR, at), *b = test_connected(ZMQ_PAIR, at);
    zmq_pollitem_t items[4];

    SEND(b, "x");
    items[0] = on_socket(a, ZMQ_POLLIN);
    items[1] = on_socket(a, ZMQ_POLLIN | ZMQ_POLLOUT);
    items[2] = on_socket(a, ZMQ_POLLOUT);
    items[3] = on_socket(a, 0);
    cr_expect_eq(zmq_poll(items, 4, -1), 3, "the same socket four times");
    cr_expect_eq(items[0].revents, ZMQ_POLLIN);
    cr_expect_eq(items[1].revents, ZMQ_POLLIN | ZMQ_POLLOUT);
    cr_expect_eq(items[2].revents, ZMQ_POLLOUT);
    cr_expect_eq(items[3].revents, 0);
    cr_expect_eq(zmq_poll(&items[3], 1, 20), 0, "not asked for anything");
}

Test(poll_call, is_woken_by_a_socket_that_is_listed_twice)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    zmq_pollitem_t items[2] = {on_socket(pull, ZMQ_POLLIN), on_socket(pull, ZMQ_POLLIN)};
    struct later l = {-1, push, test_now_ms() + 30};
    void *thread = zmq_threadstart(write_later, &l);

    cr_expect_eq(zmq_poll(items, 2, TEST_DEADLINE_MS), 2);
    zmq_threadclose(thread);
    cr_expect_eq(zmq_poll(items, 2, 0), 2, "it is still there");
}

Test(poll_call, waits_on_when_what_woke_it_was_not_asked_for)
{
    const char *at = test_endpoint(TEST_TCP);
    void *pull = test_bound(ZMQ_PULL, at);
    zmq_pollitem_t item = on_socket(pull, ZMQ_POLLIN);
    int64_t start_ms = test_now_ms();

    /* Connections come and go meanwhile: commands, but no message. */
    test_connected(ZMQ_PUSH, at);
    cr_expect_eq(zmq_poll(&item, 1, 100), 0);
    cr_expect_geq(test_now_ms(), start_ms + 100);
}

struct stream {
    void *push;
    int count;
};

static void send_stream(void *arg)
{
    struct stream *s = arg;

    for (int i = 0; i < s->count; i++)
        if (zmq_send(s->push, &i, sizeof i, 0) < 0)
            return;
}

/* Polls before each receive, so that each message may be the one whose wake is lost. */
EACH_TRANSPORT(poll_call, loses_no_wake)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at);
    struct stream s = {test_connected(ZMQ_PUSH, at), 20000};
    zmq_pollitem_t item = on_socket(pull, ZMQ_POLLIN);
    void *thread = zmq_threadstart(send_stream, &s);

    for (int i = 0, seen; i < s.count; i++) {
        cr_assert_eq(zmq_poll(&item, 1, TEST_DEADLINE_MS), 1, "message %d", i);
        cr_assert_eq(zmq_recv(pull, &seen, sizeof seen, ZMQ_DONTWAIT), (int)sizeof seen);
        cr_assert_eq(seen, i);
    }
    zmq_threadclose(thread);
}

Test(poll_call, many_items_of_both_kinds)
{
    enum { MANY = 300 };
    static zmq_pollitem_t items[2 * MANY];
    static int fds[MANY][2];
    struct rlimit limit;
    void *pair = test_socket(ZMQ_PAIR);

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < 2 * MANY + 100)
        cr_skip_test("too few descriptors");
    for (int i = 0; i < MANY; i++) {
        make_pipe(fds[i]);
        items[2 * i] = on_fd(fds[i][0], ZMQ_POLLIN);
        items[2 * i + 1] = on_socket(pair, ZMQ_POLLIN | ZMQ_POLLOUT);
    }
    cr_expect_eq(zmq_poll(items, 2 * MANY, 0), 0);
    cr_expect_eq(zmq_poll(items, 2 * MANY, 10), 0);
    for (int i = 0; i < MANY; i += 3)
        cr_assert_eq(write(fds[i][1], "x", 1), 1);
    cr_expect_eq(zmq_poll(items, 2 * MANY, -1), MANY / 3);
    for (int i = 0; i < MANY; i++)
        cr_expect_eq(items[2 * i].revents, i % 3 ? 0 : ZMQ_POLLIN, "descriptor %d", i);
}

/* ---- ends ---- */

static void shut_down_later(void *arg)
{
    struct later *l = arg;

    WAIT(test_now_ms() >= l->at_ms);
    zmq_ctx_shutdown(l->socket);
}

Test(poll_call, ends_when_the_context_does)
{
    void *pull = test_bound(ZMQ_PULL, test_endpoint(TEST_INPROC));
    zmq_pollitem_t item = on_socket(pull, ZMQ_POLLIN), none = on_socket(pull, 0);
    struct later l = {-1, test_ctx(), test_now_ms() + 30};
    void *thread = zmq_threadstart(shut_down_later, &l);

    FAILS(ETERM, zmq_poll(&item, 1, -1));
    zmq_threadclose(thread);
    FAILS(ETERM, zmq_poll(&item, 1, 0));
    FAILS(ETERM, zmq_poll(&none, 1, 0));
}

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    signals++;
}

static void hear(int number)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    cr_assert_eq(sigaction(number, &action, NULL), 0);
}

struct target {
    pthread_t thread;
    volatile bool *done;
};

/* Again and again: the first may come before the sleep. */
static void send_signals(void *arg)
{
    struct target *t = arg;

    while (!*t->done) {
        pthread_kill(t->thread, SIGUSR1);
        test_pause();
    }
}

static void expect_eintr(zmq_pollitem_t *items, int count)
{
    volatile bool done = false;
    struct target t = {pthread_self(), &done};
    void *thread;
    int rc, error;

    hear(SIGUSR1);
    thread = zmq_threadstart(send_signals, &t);
    rc = zmq_poll(items, count, TEST_DEADLINE_MS);
    error = errno;
    done = true;
    zmq_threadclose(thread);
    cr_expect_eq(rc, -1);
    cr_expect_eq(error, EINTR, "%s", test_error(error));
    cr_expect_gt(signals, 0);
}

Test(poll_call, a_signal_ends_the_wait_on_sockets_also_with_restart)
{
    zmq_pollitem_t item = on_socket(test_bound(ZMQ_PULL, test_endpoint(TEST_INPROC)), ZMQ_POLLIN);

    expect_eintr(&item, 1);
}

Test(poll_call, a_signal_ends_the_wait_on_descriptors)
{
    zmq_pollitem_t item;
    int fds[2];

    make_pipe(fds);
    item = on_fd(fds[0], ZMQ_POLLIN);
    expect_eintr(&item, 1);
}

/* ---- a signal mask ---- */

/* Debian's library has it not. */
static int (*ppoll_call)(zmq_pollitem_t *, int, long, const sigset_t *);

static void need_ppoll(void)
{
    if (!test_newer())
        cr_skip_test("not in 4.3.4");
#if ZMQ_VERSION_PATCH >= 5
    ppoll_call = zmq_ppoll;
#endif
    cr_assert_not_null((void *)ppoll_call);
}

Test(poll_call, with_a_mask_hears_only_what_the_mask_lets_through)
{
    void *pull = test_bound(ZMQ_PULL, test_endpoint(TEST_INPROC));
    zmq_pollitem_t items[2] = {on_socket(pull, ZMQ_POLLIN)};
    sigset_t blocked, open;
    int fds[2];

    need_ppoll();
    make_pipe(fds);
    items[1] = on_fd(fds[0], ZMQ_POLLIN);
    hear(SIGUSR1);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &blocked, &open);
    pthread_kill(pthread_self(), SIGUSR1);
    cr_expect_eq(zmq_poll(items, 2, 20), 0, "blocked");
    cr_expect_eq(ppoll_call(items, 2, 20, NULL), 0, "blocked");
    cr_expect_eq(ppoll_call(items, 2, 20, &blocked), 0, "blocked");
    cr_expect_eq(signals, 0);
    FAILS(EINTR, ppoll_call(items, 2, -1, &open));
    cr_expect_eq(signals, 1);
    pthread_kill(pthread_self(), SIGUSR1);
    FAILS(EINTR, ppoll_call(items, 1, 0, &open));
    cr_expect_eq(signals, 2);
    pthread_kill(pthread_self(), SIGUSR1);
    FAILS(EINTR, ppoll_call(NULL, 0, -1, &open));
    cr_expect_eq(signals, 3);
}
