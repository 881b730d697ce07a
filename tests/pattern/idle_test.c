/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a socket of each type answers before it has a peer.
 */
#include "tests/support/pair.h"

#include <criterion/parameterized.h>

TEST_SUITE(idle);

struct idle {
    int type, events, send_error, recv_error;
};

#define IDLE_TYPES(X)                                                                              \
    X(ZMQ_PAIR, 0, EAGAIN, EAGAIN)                                                                 \
    X(ZMQ_PUB, ZMQ_POLLOUT, 0, ENOTSUP)                                                            \
    X(ZMQ_SUB, 0, ENOTSUP, EAGAIN)                                                                 \
    X(ZMQ_REQ, 0, EAGAIN, EFSM)                                                                    \
    X(ZMQ_REP, 0, EFSM, EAGAIN)                                                                    \
    X(ZMQ_DEALER, 0, EAGAIN, EAGAIN)                                                               \
    X(ZMQ_ROUTER, ZMQ_POLLOUT, 0, EAGAIN)                                                          \
    X(ZMQ_PULL, 0, ENOTSUP, EAGAIN)                                                                \
    X(ZMQ_PUSH, 0, EAGAIN, ENOTSUP)                                                                \
    X(ZMQ_XPUB, ZMQ_POLLOUT, 0, EAGAIN)                                                            \
    X(ZMQ_XSUB, ZMQ_POLLOUT, 0, EAGAIN)                                                            \
    X(ZMQ_STREAM, ZMQ_POLLOUT, 0, EAGAIN)

ParameterizedTestParameters(idle, answers_as_its_type_does)
{
#define IDLE_ROW(...) {__VA_ARGS__},
    static struct idle all[] = {IDLE_TYPES(IDLE_ROW)};
#undef IDLE_ROW
    return cr_make_param_array(struct idle, all, sizeof all / sizeof *all);
}

ParameterizedTest(struct idle *one, idle, answers_as_its_type_does)
{
    void *socket = test_socket(one->type);

    cr_assert_eq(test_get(socket, ZMQ_TYPE), one->type);
    cr_assert_eq(test_get(socket, ZMQ_RCVMORE), 0);
    cr_assert_eq(test_events(socket), one->events, "type %d", one->type);
    RECV_GIVES(one->recv_error, socket);
    SEND_GIVES(one->send_error, socket, "x");
    RECV_GIVES(one->recv_error, socket);
    cr_assert_eq(test_events(socket), one->events, "type %d, after sending", one->type);
}

ParameterizedTestParameters(idle, lingers_for_ever_unless_it_subscribes)
{
#define IDLE_ROW(...) {__VA_ARGS__},
    static struct idle all[] = {IDLE_TYPES(IDLE_ROW)};
#undef IDLE_ROW
    return cr_make_param_array(struct idle, all, sizeof all / sizeof *all);
}

ParameterizedTest(struct idle *one, idle, lingers_for_ever_unless_it_subscribes)
{
    bool subscribes = one->type == ZMQ_SUB || one->type == ZMQ_XSUB;
    void *socket = test_socket(one->type);
    void *ctx = zmq_ctx_new(), *impatient;

    cr_assert_eq(test_get(socket, ZMQ_LINGER), subscribes ? 0 : -1);
    OK(zmq_ctx_set(ctx, ZMQ_BLOCKY, 0));
    impatient = zmq_socket(ctx, one->type);
    cr_assert_eq(test_get(impatient, ZMQ_LINGER), 0);
    OK(zmq_close(impatient));
    OK(zmq_ctx_term(ctx));
}

Test(idle, unknown_types_are_refused)
{
    static const int types[] = {-1, 21, 99};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        cr_assert_null(zmq_socket(test_ctx(), types[i]));
        cr_assert_eq(errno, EINVAL);
    }
}
