/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers that are slow, or go away and come back, must cost nobody a message that was accepted and
 * is still in a queue of ours.
 */
#include "tests/support/place.h"
#include "tests/support/proc.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

TestSuite(slow, .timeout = 600);

enum { PATIENCE_MS = 60000 };

static enum test_transport transports[] = {TEST_TCP, TEST_IPC};

static void set(void *s, int option, int value)
{
    cr_assert_eq(zmq_setsockopt(s, option, &value, sizeof value), 0);
}

static void *socket_of(void *ctx, int type)
{
    void *s = zmq_socket(ctx, type);

    cr_assert_not_null(s);
    set(s, ZMQ_RCVTIMEO, PATIENCE_MS);
    set(s, ZMQ_SNDTIMEO, PATIENCE_MS);
    return s;
}

/* ---- a receiver that does not read for many heartbeats ---- */

/* A time-out is long enough for a machine that is slow itself; two end while nobody reads. */
enum { NUMBERS = 300000, IVL_MS = 40, TIMEOUT_MS = 2000, QUIET_MS = 2 * TIMEOUT_MS + 500 };

/* Sends all numbers, in a process of its own, with heartbeats of its own. */
static pid_t start_sender(const char *endpoint)
{
    pid_t pid = test_fork();

    if (pid != 0)
        return pid;
    void *ctx = zmq_ctx_new(), *s = socket_of(ctx, ZMQ_PUSH);

    set(s, ZMQ_HEARTBEAT_IVL, IVL_MS);
    set(s, ZMQ_HEARTBEAT_TIMEOUT, TIMEOUT_MS);
    zmq_connect(s, endpoint);
    for (int i = 0; i < NUMBERS; i++)
        if (zmq_send(s, &i, sizeof i, 0) < 0)
            _exit(1);
    zmq_close(s);
    _exit(zmq_ctx_term(ctx) != 0);
}

ParameterizedTestParameters(slow, readers_lose_nothing_to_heartbeats)
{
    return cr_make_param_array(enum test_transport, transports, 2);
}

ParameterizedTest(enum test_transport *transport, slow, readers_lose_nothing_to_heartbeats)
{
    const char *endpoint = test_endpoint(*transport);
    pid_t pid = start_sender(endpoint);
    void *ctx = zmq_ctx_new(), *s = socket_of(ctx, ZMQ_PULL);
    int status, number;

    set(s, ZMQ_HEARTBEAT_IVL, IVL_MS);
    set(s, ZMQ_HEARTBEAT_TIMEOUT, TIMEOUT_MS);
    cr_assert_eq(zmq_bind(s, endpoint), 0);
    for (int i = 0; i < NUMBERS; i++) {
        cr_assert_eq(zmq_recv(s, &number, sizeof number, 0), sizeof number, "%d: %s", i,
                     zmq_strerror(zmq_errno()));
        cr_assert_eq(number, i);
        if (i == 0) /* while nobody reads, many heartbeats are due; nothing else is waited for */
            poll(NULL, 0, QUIET_MS);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    zmq_close(s);
    zmq_ctx_term(ctx);
    test_tmpdir_remove();
}

/* ---- a receiver that dies while a closed socket still sends to it ---- */

enum { PARTS = 5000, PART_SIZE = 4000 };

/* Takes one message, says so, and never reads again. */
static pid_t start_receiver(const char *endpoint, int ready)
{
    pid_t pid = test_fork();
    char part[PART_SIZE];

    if (pid != 0)
        return pid;
    void *ctx = zmq_ctx_new(), *s = socket_of(ctx, ZMQ_PULL);

    set(s, ZMQ_RCVHWM, 10);
    if (zmq_bind(s, endpoint) < 0 || zmq_recv(s, part, sizeof part, 0) < 0)
        _exit(1);
    (void)!write(ready, "x", 1);
    for (;;)
        pause();
}

static void bind_again(void *s, const char *endpoint)
{
    for (int i = 0; i < PATIENCE_MS / 20 && zmq_bind(s, endpoint) < 0; i++) {
        cr_assert_eq(zmq_errno(), EADDRINUSE);
        poll(NULL, 0, 20);
    }
}

ParameterizedTestParameters(slow, a_closed_socket_goes_on_sending_when_its_peer_comes_back)
{
    return cr_make_param_array(enum test_transport, transports, 2);
}

ParameterizedTest(enum test_transport *transport, slow,
                  a_closed_socket_goes_on_sending_when_its_peer_comes_back)
{
    void *ctx = zmq_ctx_new(), *other = zmq_ctx_new(), *push;
    const char *endpoint = test_endpoint(*transport);
    char part[PART_SIZE] = {0};
    int ready[2], got = 0, last = -1;

    cr_assert_eq(pipe(ready), 0);
    pid_t pid = start_receiver(endpoint, ready[1]);

    push = socket_of(ctx, ZMQ_PUSH);
    set(push, ZMQ_SNDHWM, 0);
    set(push, ZMQ_RECONNECT_IVL, 20);
    cr_assert_eq(zmq_connect(push, endpoint), 0);
    for (int i = 0; i < PARTS; i++) {
        memcpy(part, &i, sizeof i);
        cr_assert_eq(zmq_send(push, part, sizeof part, 0), PART_SIZE);
    }
    zmq_close(push);
    cr_assert_eq(read(ready[0], part, 1), 1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);

    void *pull = socket_of(other, ZMQ_PULL);

    bind_again(pull, endpoint);
    while (last != PARTS - 1) { /* what the first one's kernel had taken is lost, and no more */
        int number;

        cr_assert_eq(zmq_recv(pull, part, sizeof part, 0), PART_SIZE, "after %d", last);
        memcpy(&number, part, sizeof number);
        cr_assert(last < 0 || number == last + 1, "%d follows %d", number, last);
        last = number;
        got++;
    }
    cr_assert_gt(got, PARTS / 10);
    zmq_close(pull);
    cr_assert_eq(zmq_ctx_term(ctx), 0);
    cr_assert_eq(zmq_ctx_term(other), 0);
    test_tmpdir_remove();
}
