/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pair: one context a process, for Criterion gives each test a process of its own. Open sockets
 * are listed so that a test need not close them.
 */
#include "tests/support/pair.h"

#if ZU_HAS_TLS
#include "tests/support/certs.h"
#endif

#include <stdio.h>
#include <stdlib.h>

enum { SOCKETS_MAX = 1024 };

static void *ctx;
static void *sockets[SOCKETS_MAX];
static int sockets_count;
static bool certified;

void *test_ctx(void)
{
    if (!ctx)
        ctx = zmq_ctx_new();
    cr_assert_not_null(ctx);
    return ctx;
}

void test_over(enum test_transport transport)
{
    certified = transport == TEST_TLS;
}

void test_fit_out(void *socket)
{
#if ZU_HAS_TLS
    if (certified)
        test_certify(socket);
#endif
    (void)socket;
}

void *test_untimed(int type)
{
    void *socket = zmq_socket(test_ctx(), type);

    cr_assert_not_null(socket, "zmq_socket(%d): %s", type, test_error(errno));
    cr_assert_lt(sockets_count, SOCKETS_MAX);
    sockets[sockets_count++] = socket;
    test_fit_out(socket);
    return socket;
}

void *test_socket(int type)
{
    void *socket = test_untimed(type);

    SET(socket, ZMQ_RCVTIMEO, TEST_DEADLINE_MS);
    SET(socket, ZMQ_SNDTIMEO, TEST_DEADLINE_MS);
    return socket;
}

void test_close(void *socket)
{
    for (int i = 0; i < sockets_count; i++)
        if (sockets[i] == socket) {
            memmove(sockets + i, sockets + i + 1,
                    (size_t)(sockets_count - i - 1) * sizeof *sockets);
            sockets_count--;
            break;
        }
    OK(zmq_close(socket));
}

void test_end(void)
{
    while (sockets_count > 0) {
        sockets_count--;
        test_set(sockets[sockets_count], ZMQ_LINGER, 0);
        zmq_close(sockets[sockets_count]);
    }
    if (ctx)
        zmq_ctx_term(ctx);
    ctx = NULL;
    test_tmpdir_remove();
}

void test_bind(void *socket, const char *endpoint)
{
    cr_assert_eq(zmq_bind(socket, endpoint), 0, "bind %s: %s", endpoint, test_error(errno));
}

void test_connect(void *socket, const char *endpoint)
{
    cr_assert_eq(zmq_connect(socket, endpoint), 0, "connect %s: %s", endpoint, test_error(errno));
}

void *test_bound(int type, const char *endpoint)
{
    void *socket = test_socket(type);

    test_bind(socket, endpoint);
    return socket;
}

void *test_connected(int type, const char *endpoint)
{
    void *socket = test_socket(type);

    test_connect(socket, endpoint);
    return socket;
}

bool test_newer(void)
{
    int major, minor, patch;

    zmq_version(&major, &minor, &patch);
    return ZMQ_MAKE_VERSION(major, minor, patch) >= ZMQ_MAKE_VERSION(4, 3, 5);
}

static bool all_heard(bool *heard, void *const *subs, int count)
{
    bool all = true;

    for (int i = 0; i < count; i++) {
        if (test_events(subs[i]) & ZMQ_POLLIN)
            heard[i] = true;
        all = all && heard[i];
    }
    return all;
}

void test_pause_longer(int times)
{
    for (int i = 0; i <= times / 4; i++)
        test_pause();
}

void test_meet(void *pub, void *const *subs, int count)
{
    bool *heard = calloc((size_t)count, sizeof *heard);
    int64_t until_ms = test_now_ms() + TEST_DEADLINE_MS;
    int times = 0;

    while (!all_heard(heard, subs, count)) {
        cr_assert_lt(test_now_ms(), until_ms, "a subscriber heard nothing");
        SEND(pub, "hello?");
        test_pause_longer(times++);
    }
    free(heard);
    SEND(pub, "met");
    for (int i = 0; i < count; i++) {
        const char *text;

        while (strcmp(text = test_recv(subs[i], 0), "hello?") == 0)
            continue;
        cr_assert_str_eq(text, "met");
    }
}
