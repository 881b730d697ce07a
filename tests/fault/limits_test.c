/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process runs out of descriptors, forks, is interrupted, loads and unloads the library:
 * whatever happens, calls answer and nothing is left behind.
 */
#include "tests/support/pair.h"
#include "tests/support/plain.h"
#include "tests/support/proc.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

TEST_SUITE(limits);

static void lower_descriptor_limit(rlim_t limit)
{
    struct rlimit r;

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &r), 0);
    r.rlim_cur = limit;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
}

Test(limits, sockets_end_at_the_descriptor_limit_and_come_again)
{
    enum { TRIES = 400 };
    void *ctx = zmq_ctx_new(), *sockets[TRIES];
    int count = 0, error = 0;

    lower_descriptor_limit(100);
    while (count < TRIES && (sockets[count] = zmq_socket(ctx, ZMQ_PULL))) {
        size_t size = sizeof(int);
        int fd;

        /* Where a socket needs no descriptor, asking for one is what fails. */
        if (zmq_getsockopt(sockets[count], ZMQ_FD, &fd, &size) < 0) {
            error = errno;
            zmq_close(sockets[count]);
            break;
        }
        count++;
    }
    error = error ? error : errno;
    cr_assert_lt(count, TRIES);
    cr_assert_eq(error, EMFILE, "%s", test_error(error));
    for (int i = 0; i < 5; i++) { /* and so on, without harm */
        void *one_more = zmq_socket(ctx, ZMQ_PULL);

        if (one_more) {
            FAILS(EMFILE, test_get(one_more, ZMQ_FD));
            OK(zmq_close(one_more));
        } else {
            cr_assert_eq(errno, EMFILE);
        }
    }
    while (count > 0)
        OK(zmq_close(sockets[--count]));
    OK(zmq_ctx_term(ctx));
    ctx = zmq_ctx_new();
    sockets[0] = zmq_socket(ctx, ZMQ_PULL);
    cr_assert_not_null(sockets[0]);
    cr_assert_geq(test_get(sockets[0], ZMQ_FD), 0);
    OK(zmq_close(sockets[0]));
    OK(zmq_ctx_term(ctx));
}

Test(limits, a_context_without_descriptors_gives_an_error)
{
    void *ctx, *socket = NULL;

    lower_descriptor_limit(64);
    test_take_descriptors(0);
    ctx = zmq_ctx_new();
    if (ctx) {
        socket = zmq_socket(ctx, ZMQ_PULL);
        if (socket)
            FAILS(EMFILE, zmq_bind(socket, "tcp://127.0.0.1:*"));
        else
            cr_assert_eq(errno, EMFILE, "%s", test_error(errno));
    } else {
        cr_assert_eq(errno, EMFILE, "%s", test_error(errno));
    }
    test_give_descriptors();
    if (socket)
        OK(zmq_close(socket));
    if (ctx)
        OK(zmq_ctx_term(ctx));
}

EACH_STREAM(limits, bind_without_descriptors_is_an_error_and_works_later)
{
    const char *at = test_endpoint(transport);
    void *pull = test_socket(ZMQ_PULL), *push;

    if (!test_newer())
        cr_skip_test("4.3.4 ends the process");
    lower_descriptor_limit(256);
    OK(test_get(pull, ZMQ_FD));
    test_take_descriptors(0);
    FAILS(EMFILE, zmq_bind(pull, at));
    test_give_descriptors();
    test_bind(pull, at);
    push = test_connected(ZMQ_PUSH, at);
    SEND(push, "x");
    RECV(pull, "x");
}

EACH_STREAM(limits, connect_tries_again_until_there_are_descriptors)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_socket(ZMQ_PUSH);

    lower_descriptor_limit(256);
    SET(push, ZMQ_RECONNECT_IVL, 10);
    OK(test_get(pull, ZMQ_FD));
    OK(test_get(push, ZMQ_FD));
    SEND(test_connected(ZMQ_PUSH, at), "first"); /* see test_take_descriptors */
    RECV(pull, "first");
    test_take_descriptors(0);
    test_connect(push, at);
    SEND_GIVES(0, push, "patience");
    RECV_GIVES(EAGAIN, pull);
    test_give_descriptors();
    RECV(pull, "patience");
}

EACH_STREAM(limits, accept_goes_on_when_there_are_descriptors_again)
{
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at), *second;

    if (!test_newer())
        cr_skip_test("4.3.4 ends the process");
    lower_descriptor_limit(256);
    SEND(push, "1");
    RECV(pull, "1");
    second = test_socket(ZMQ_PUSH);
    SET(second, ZMQ_RECONNECT_IVL, 10);
    OK(test_get(second, ZMQ_FD));
    OK(test_get(push, ZMQ_FD));
    OK(test_get(pull, ZMQ_FD));
    test_take_descriptors(1); /* enough to connect, not to accept */
    test_connect(second, at);
    for (int i = 0; i < 50; i++) { /* meanwhile the others are served */
        SEND(push, "%d", i);
        RECV(pull, "%d", i);
    }
    test_give_descriptors();
    WAIT(test_send(second, ZMQ_DONTWAIT, "2") == 0);
    RECV(pull, "2");
}

Test(limits, sockets_end_at_max_sockets)
{
    void *ctx = zmq_ctx_new(), *sockets[3];

    OK(zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 2));
    sockets[0] = zmq_socket(ctx, ZMQ_PULL);
    sockets[1] = zmq_socket(ctx, ZMQ_PULL);
    cr_assert_not_null(sockets[0]);
    cr_assert_not_null(sockets[1]);
    for (int i = 0; i < 3; i++) {
        cr_assert_null(zmq_socket(ctx, ZMQ_PULL));
        cr_assert_eq(errno, EMFILE);
    }
    OK(zmq_close(sockets[0]));
    WAIT((sockets[0] = zmq_socket(ctx, ZMQ_PULL))); /* its place is free again */
    OK(zmq_close(sockets[0]));
    OK(zmq_close(sockets[1]));
    OK(zmq_ctx_term(ctx));
}

/* What a child of fork does; its exit status is the number of the line that failed. */
static int live_as_a_child(void *inherited_ctx, void *inherited_socket)
{
    void *ctx, *a, *b;
    char octet = 0;

    alarm(120);
    if (zmq_close(inherited_socket) < 0)
        return 2;
    if (zmq_ctx_term(inherited_ctx) < 0 && test_newer())
        return 3;
    ctx = zmq_ctx_new();
    a = zmq_socket(ctx, ZMQ_PAIR);
    b = zmq_socket(ctx, ZMQ_PAIR);
    if (!ctx || !a || !b)
        return 4;
    if (zmq_bind(a, "tcp://127.0.0.1:*") < 0)
        return 5;
    if (zmq_bind(a, "inproc://own") < 0 || zmq_connect(b, "inproc://own") < 0)
        return 6;
    if (zmq_send(b, "x", 1, 0) != 1 || zmq_recv(a, &octet, 1, 0) != 1 || octet != 'x')
        return 7;
    zmq_close(a);
    zmq_close(b);
    return zmq_ctx_term(ctx) < 0 ? 8 : 0;
}

EACH_STREAM(limits, a_child_of_fork_does_not_disturb_its_parent)
{
    const char *at = test_endpoint(transport);
    void *ctx = zmq_ctx_new(), *push = zmq_socket(ctx, ZMQ_PUSH);
    void *pull = test_bound(ZMQ_PULL, at);
    int status = -1;
    pid_t child;

    test_connect(push, at);
    OK(test_get(push, ZMQ_FD));
    SEND(push, "before");
    RECV(pull, "before");
    child = test_fork();
    if (child == 0)
        _exit(live_as_a_child(ctx, push));
    cr_assert_gt(child, 0);
    for (int i = 0; i < 200; i++) {
        SEND(push, "%d", i);
        RECV(pull, "%d", i);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
    SEND(push, "after");
    RECV(pull, "after");
    SET(push, ZMQ_LINGER, 0);
    OK(zmq_close(push));
    OK(zmq_ctx_term(ctx));
}

static atomic_int alarms;

static void on_alarm(int number)
{
    (void)number;
    atomic_fetch_add(&alarms, 1);
}

static void storm(int flags)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
    struct itimerval often = {{0, 2000}, {0, 2000}};

    cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
    cr_assert_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
}

static void calm(void)
{
    struct itimerval never = {{0, 0}, {0, 0}};

    cr_assert_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
}

/* Only this thread may be hit; the library's own threads block every signal. */
static void every_wait_is_interrupted(int flags)
{
    const char *at = test_endpoint(TEST_TCP);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_bound(ZMQ_PUSH, test_endpoint(TEST_TCP));
    void *peer = test_connected(ZMQ_PUSH, at);
    zmq_pollitem_t item = {.socket = pull, .events = ZMQ_POLLIN};
    char octet;

    SEND(peer, "x");
    RECV(pull, "x");
    storm(flags);
    for (int i = 0; i < 30; i++) {
        int rc = zmq_recv(pull, &octet, 1, 0), error = errno;

        cr_assert(rc == -1 && error == EINTR, "recv: %s", test_error(error));
        rc = zmq_send(push, "x", 1, 0), error = errno;
        cr_assert(rc == -1 && error == EINTR, "send: %s", test_error(error));
        rc = zmq_poll(&item, 1, -1), error = errno;
        cr_assert(rc == -1 && error == EINTR, "poll: %s", test_error(error));
    }
    calm();
    cr_assert_gt(atomic_load(&alarms), 0);
    SEND(peer, "y");
    RECV(pull, "y");
}

Test(limits, signals_interrupt_every_wait)
{
    every_wait_is_interrupted(0);
}

Test(limits, signals_interrupt_every_wait_though_they_restart_calls)
{
    every_wait_is_interrupted(SA_RESTART);
}

EACH_STREAM(limits, a_storm_of_signals_loses_no_message)
{
    enum { MANY = 2000 };
    const char *at = test_endpoint(transport);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    int number;

    storm(SA_RESTART);
    for (int i = 0; i < MANY; i++) {
        while (zmq_send(push, &i, sizeof i, 0) < 0)
            cr_assert_eq(errno, EINTR, "%s", test_error(errno));
        while (zmq_recv(pull, &number, sizeof number, 0) < 0)
            cr_assert_eq(errno, EINTR, "%s", test_error(errno));
        cr_assert_eq(number, i);
    }
    calm();
}

static void use_a_context_once(const char *tcp)
{
    void *ctx = zmq_ctx_new(), *a = zmq_socket(ctx, ZMQ_PAIR), *b = zmq_socket(ctx, ZMQ_PAIR);
    char octet;

    cr_assert(ctx && a && b, "%s", test_error(errno));
    SET(a, ZMQ_RCVTIMEO, TEST_DEADLINE_MS);
    test_bind(a, "inproc://x");
    test_bind(a, tcp);
    test_connect(b, "inproc://x");
    SEND(b, "x");
    cr_assert_eq(zmq_recv(a, &octet, 1, 0), 1);
    OK(zmq_close(a));
    OK(zmq_close(b));
    OK(zmq_ctx_term(ctx));
}

Test(limits, contexts_come_and_go_and_leave_nothing, .timeout = 600)
{
    const char *at = test_endpoint(TEST_TCP);
    int descriptors, threads = test_threads();
    size_t resident_kib;

    for (int i = 0; i < 50; i++)
        use_a_context_once(at);
    WAIT(test_threads() == threads);
    descriptors = test_descriptors();
    resident_kib = test_resident_kib();
    for (int i = 0; i < 500; i++)
        use_a_context_once(at);
    WAIT(test_threads() == threads);
    cr_assert_eq(test_descriptors(), descriptors);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed, and tells of leaks itself */
    cr_assert_lt(test_resident_kib(), resident_kib + 2048);
#endif
}

Test(limits, connections_come_and_go_and_leave_nothing, .timeout = 600)
{
    const char *at = test_endpoint(TEST_TCP);
    void *pull = test_bound(ZMQ_PULL, at);
    int descriptors = 0;

    for (int i = 0; i < 200; i++) {
        void *push = test_connected(ZMQ_PUSH, at);

        SEND(push, "%d", i);
        RECV(pull, "%d", i);
        test_close(push);
        if (i == 20) {
            WAIT(test_descriptors() < 100 && test_events(pull) == 0);
            descriptors = test_descriptors();
        }
    }
    WAIT(test_events(pull) == 0 && test_descriptors() <= descriptors + 2);
}

struct busy {
    pthread_t thread;
    void *ctx;
    const char *at;
    int type;
    atomic_bool has_moved;
};

static void *be_busy(void *arg)
{
    struct busy *b = arg;
    void *socket = zmq_socket(b->ctx, b->type);
    char body[300] = "";

    if (!socket)
        return NULL;
    test_fit_out(socket);
    test_set(socket, ZMQ_LINGER, 0);
    zmq_connect(socket, b->at);
    while ((b->type == ZMQ_PUSH ? zmq_send(socket, body, sizeof body, 0)
                                : zmq_recv(socket, body, sizeof body, 0)) >= 0)
        atomic_store(&b->has_moved, true);
    zmq_close(socket);
    return NULL;
}

EACH_TRANSPORT(limits, a_context_ends_with_traffic_under_way_in_eight_threads)
{
    enum { THREADS = 8 };
    const char *at = test_endpoint(transport);
    void *ctx = zmq_ctx_new(), *front, *back;
    const char *back_at = test_endpoint(transport);
    static struct busy all[THREADS];
    char body[300];

    front = zmq_socket(ctx, ZMQ_PULL);
    back = zmq_socket(ctx, ZMQ_PUSH);
    test_fit_out(front);
    test_fit_out(back);
    SET(front, ZMQ_LINGER, 0);
    SET(back, ZMQ_LINGER, 0);
    test_bind(front, at);
    test_bind(back, back_at);
    for (int i = 0; i < THREADS; i++) {
        all[i] = (struct busy){
            .ctx = ctx, .at = i % 2 ? at : back_at, .type = i % 2 ? ZMQ_PUSH : ZMQ_PULL};
        cr_assert_eq(pthread_create(&all[i].thread, NULL, be_busy, &all[i]), 0);
    }
    for (bool have_all = false; !have_all;) {
        cr_assert_geq(zmq_recv(front, body, sizeof body, 0), 0);
        zmq_send(back, body, sizeof body, ZMQ_DONTWAIT);
        have_all = true;
        for (int i = 0; i < THREADS; i++)
            have_all = have_all && atomic_load(&all[i].has_moved);
    }
    OK(zmq_ctx_shutdown(ctx));
    for (int i = 0; i < THREADS; i++)
        pthread_join(all[i].thread, NULL);
    OK(zmq_close(front));
    OK(zmq_close(back));
    OK(zmq_ctx_term(ctx));
}

static void *open_and_close(void *arg)
{
    void *socket = zmq_socket(arg, ZMQ_PUSH);

    if (!socket)
        return NULL;
    test_set(socket, ZMQ_LINGER, 0);
    zmq_connect(socket, "tcp://127.0.0.1:9");
    zmq_send(socket, "x", 1, ZMQ_DONTWAIT);
    zmq_close(socket);
    return NULL;
}

Test(limits, a_hundred_threads_open_and_close_at_once)
{
    enum { THREADS = 100, ROUNDS = 5 };
    pthread_t threads[THREADS];

    for (int round = 0; round < ROUNDS; round++) {
        void *ctx = zmq_ctx_new();

        OK(zmq_ctx_set(ctx, ZMQ_IO_THREADS, 4));
        for (int i = 0; i < THREADS; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, open_and_close, ctx), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        OK(zmq_ctx_term(ctx));
    }
}

Test(limits, without_io_threads_inproc_works_and_tcp_does_not)
{
    void *ctx = zmq_ctx_new(), *a, *b;
    int threads = test_threads();
    char octet;

    OK(zmq_ctx_set(ctx, ZMQ_IO_THREADS, 0));
    a = zmq_socket(ctx, ZMQ_PAIR);
    b = zmq_socket(ctx, ZMQ_PAIR);
    FAILS(EMTHREAD, zmq_bind(a, "tcp://127.0.0.1:*"));
    FAILS(EMTHREAD, zmq_connect(a, "tcp://127.0.0.1:9"));
    FAILS(EMTHREAD, zmq_bind(a, test_endpoint(TEST_IPC)));
    test_bind(a, "inproc://x");
    test_connect(b, "inproc://x");
    SEND(b, "x");
    cr_assert_eq(zmq_recv(a, &octet, 1, 0), 1);
    if (test_newer()) /* 4.3.4 has its reaper */
        cr_assert_eq(test_threads(), threads);
    OK(zmq_close(a));
    OK(zmq_close(b));
    OK(zmq_ctx_term(ctx));
}

Test(limits, a_context_without_sockets_has_no_threads_and_few_descriptors)
{
    int threads = test_threads(), descriptors = test_descriptors();
    void *ctx = zmq_ctx_new();

    cr_assert_eq(test_threads(), threads);
    cr_assert_leq(test_descriptors(), descriptors + 2);
    OK(zmq_ctx_term(ctx));
    cr_assert_eq(test_threads(), threads);
    cr_assert_eq(test_descriptors(), descriptors);
}

static const char *path_of_library(void)
{
    const char *folder = getenv("ZURING_DROPIN_DIR");
    Dl_info info;

    if (folder)
        return test_text("%s/libzmq.so.5", folder);
    cr_assert(dladdr(dlsym(RTLD_DEFAULT, "zmq_version"), &info));
    return test_text("%s", info.dli_fname);
}

typedef void *ctx_new_fn(void);
typedef int ctx_term_fn(void *);
typedef void *socket_fn(void *, int);
typedef int close_fn(void *);
typedef int bind_fn(void *, const char *);

/* dlsym answers with an object pointer; POSIX says that it may be used as a function's. */
#define FIND(library, type, name)                                                                  \
    __extension__({                                                                                \
        void *found_ = dlsym((library), (name));                                                   \
        type *function_;                                                                           \
        memcpy(&function_, &found_, sizeof function_);                                             \
        function_;                                                                                 \
    })

static int load_and_unload(const char *path)
{
    int descriptors = test_descriptors(), threads = test_threads();
    void *library, *ctx, *socket;

    alarm(120);
    for (int i = 0; i < 20; i++) {
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (!library)
            return 2;
        if (test_threads() != threads || test_descriptors() != descriptors)
            return 3;
        if (dlclose(library) != 0)
            return 4;
        if (test_threads() != threads || test_descriptors() != descriptors)
            return 5;
    }
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    ctx = FIND(library, ctx_new_fn, "zmq_ctx_new")();
    socket = FIND(library, socket_fn, "zmq_socket")(ctx, ZMQ_PULL);
    if (!ctx || !socket || FIND(library, bind_fn, "zmq_bind")(socket, "tcp://127.0.0.1:*") < 0)
        return 6;
    if (dlclose(library) != 0)
        return 7;
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* the context has lived on */
    if (FIND(library, close_fn, "zmq_close")(socket) < 0)
        return 8;
    if (FIND(library, ctx_term_fn, "zmq_ctx_term")(ctx) < 0)
        return 9;
    return dlclose(library) == 0 ? 0 : 10;
}

Test(limits, loading_and_unloading_the_library_leaves_nothing)
{
    const char *path = path_of_library();
    int status = -1;
    pid_t child;

    if (!test_newer())
        cr_skip_test("4.3.4 does not survive its own unloading");
    child = test_fork();
    if (child == 0)
        _exit(load_and_unload(path));
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
}
