/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is no context, no socket, no buffer: an error each, and the process goes on.
 */
#include "tests/support/pair.h"

#include <sys/uio.h>

TEST_SUITE(null);

Test(null, contexts_are_efault)
{
    FAILS(EFAULT, zmq_ctx_term(NULL));
    FAILS(EFAULT, zmq_ctx_shutdown(NULL));
    FAILS(EFAULT, zmq_ctx_set(NULL, ZMQ_IO_THREADS, 1));
    FAILS(EFAULT, zmq_ctx_get(NULL, ZMQ_IO_THREADS));
    FAILS(EFAULT, zmq_term(NULL));
    FAILS(EFAULT, zmq_ctx_destroy(NULL));
    errno = 0;
    cr_expect_null(zmq_socket(NULL, ZMQ_PAIR));
    cr_expect_eq(errno, EFAULT);
}

Test(null, sockets_are_enotsock)
{
    struct iovec part = {NULL, 0};
    size_t count = 1, size = sizeof(int);
    int value = 0;
    zmq_msg_t msg;

    zmq_msg_init(&msg);
    FAILS(ENOTSOCK, zmq_close(NULL));
    FAILS(ENOTSOCK, zmq_setsockopt(NULL, ZMQ_LINGER, &value, sizeof value));
    FAILS(ENOTSOCK, zmq_getsockopt(NULL, ZMQ_LINGER, &value, &size));
    FAILS(ENOTSOCK, zmq_bind(NULL, "inproc://a"));
    FAILS(ENOTSOCK, zmq_connect(NULL, "inproc://a"));
    FAILS(ENOTSOCK, zmq_unbind(NULL, "inproc://a"));
    FAILS(ENOTSOCK, zmq_disconnect(NULL, "inproc://a"));
    FAILS(ENOTSOCK, zmq_send(NULL, "", 0, 0));
    FAILS(ENOTSOCK, zmq_send_const(NULL, "", 0, 0));
    FAILS(ENOTSOCK, zmq_recv(NULL, &value, sizeof value, 0));
    FAILS(ENOTSOCK, zmq_msg_send(&msg, NULL, 0));
    FAILS(ENOTSOCK, zmq_msg_recv(&msg, NULL, 0));
    FAILS(ENOTSOCK, zmq_sendmsg(NULL, &msg, 0));
    FAILS(ENOTSOCK, zmq_recvmsg(NULL, &msg, 0));
    FAILS(ENOTSOCK, zmq_sendiov(NULL, &part, 1, 0));
    FAILS(ENOTSOCK, zmq_recviov(NULL, &part, &count, 0));
    FAILS(ENOTSOCK, zmq_socket_monitor(NULL, "inproc://a", ZMQ_EVENT_ALL));
    zmq_msg_close(&msg);
}

Test(null, garbage_is_no_socket)
{
    char garbage[4096] = "garbage";

    FAILS(ENOTSOCK, zmq_close(garbage));
    FAILS(ENOTSOCK, zmq_send(garbage, "", 0, 0));
    FAILS(ENOTSOCK, zmq_bind(garbage, "inproc://a"));
}

Test(null, vectors_are_einval)
{
    void *pair = test_socket(ZMQ_PAIR);
    struct iovec part = {NULL, 0};
    size_t none = 0;

    FAILS(EINVAL, zmq_sendiov(pair, NULL, 1, 0));
    FAILS(EINVAL, zmq_sendiov(pair, &part, 0, 0));
    FAILS(EINVAL, zmq_recviov(pair, NULL, &none, 0));
    FAILS(EINVAL, zmq_recviov(pair, &part, NULL, 0));
    FAILS(EINVAL, zmq_recviov(pair, &part, &none, 0));
}

Test(null, bytes_are_an_empty_part)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *a = test_bound(ZMQ_PAIR, at), *b = test_connected(ZMQ_PAIR, at);

    cr_expect_eq(zmq_send(a, NULL, 0, 0), 0);
    cr_expect_eq(zmq_send(a, "cut away", 8, 0), 8);
    cr_expect_eq(zmq_recv(b, NULL, 0, 0), 0);
    cr_expect_eq(zmq_recv(b, NULL, 0, 0), 8);
}

Test(null, endpoints_and_values_are_errors)
{
    void *pair = test_socket(ZMQ_PAIR);
    size_t size = sizeof(int);
    int value;

    FAILS(EINVAL, zmq_unbind(pair, NULL));
    FAILS(EINVAL, zmq_disconnect(pair, NULL));
    if (!test_newer())
        cr_skip_test("4.3.4 ends here");
    FAILS(EINVAL, zmq_bind(pair, NULL));
    FAILS(EINVAL, zmq_connect(pair, NULL));
    FAILS(EINVAL, zmq_setsockopt(pair, ZMQ_LINGER, NULL, sizeof value));
    FAILS(EINVAL, zmq_getsockopt(pair, ZMQ_LINGER, NULL, &size));
    FAILS(EINVAL, zmq_getsockopt(pair, ZMQ_LINGER, &value, NULL));
    cr_expect_eq(zmq_has(NULL), 0);
    cr_expect_null(zmq_threadstart(NULL, NULL));
    zmq_threadclose(NULL);
    zmq_atomic_counter_destroy(NULL);
    FAILS(EFAULT, zmq_timers_destroy(NULL));
    cr_expect_eq(zmq_stopwatch_stop(NULL), 0);
    cr_expect_null(zmq_z85_encode(NULL, NULL, 0));
    cr_expect_null(zmq_z85_decode(NULL, NULL));
}
