/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody sits on the line between a client and a server of CURVE, passes on what they say, and
 * says something of his own when it suits him.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/support/pair.h"
#include "tests/support/rawpeer.h"

#include <sys/socket.h>

TEST_SUITE(injected);

/* The server, its handler, the client, and the two ends that the one between has. */
struct line {
    void *server, *handler, *client;
    int listener, to_client, to_server;
};

static struct line begin(void)
{
    char server_public[41], server_secret[41], client_public[41], client_secret[41], at[160];
    struct line l = {.server = test_socket(ZMQ_PULL), .client = test_socket(ZMQ_PUSH)};
    size_t size = sizeof at;

    l.handler = test_bound(ZMQ_REP, "inproc://zeromq.zap.01");
    OK(zmq_curve_keypair(server_public, server_secret));
    OK(zmq_curve_keypair(client_public, client_secret));
    SET(l.server, ZMQ_CURVE_SERVER, 1);
    SET_TEXT(l.server, ZMQ_CURVE_SECRETKEY, server_secret);
    SET_TEXT(l.client, ZMQ_CURVE_SERVERKEY, server_public);
    SET_TEXT(l.client, ZMQ_CURVE_PUBLICKEY, client_public);
    SET_TEXT(l.client, ZMQ_CURVE_SECRETKEY, client_secret);
    SET(l.client, ZMQ_LINGER, 0);
    test_bind(l.server, "tcp://127.0.0.1:*");
    OK(zmq_getsockopt(l.server, ZMQ_LAST_ENDPOINT, at, &size));
    l.to_server = raw_dial(at);
    l.listener = raw_listen(false, at, sizeof at);
    test_connect(l.client, at);
    l.to_client = raw_accept(l.listener);
    return l;
}

static void pass_on(int from, int to)
{
    char bytes[4096];
    ssize_t n = recv(from, bytes, sizeof bytes, MSG_DONTWAIT);

    if (n > 0)
        raw_send_bytes(to, bytes, (size_t)n);
}

/* Until the server asks its handler about the client. */
static bool is_asked(struct line *l)
{
    pass_on(l->to_client, l->to_server);
    pass_on(l->to_server, l->to_client);
    return test_events(l->handler) & ZMQ_POLLIN;
}

Test(injected, a_message_begun_while_the_handler_thinks_is_not_delivered_in_the_clear)
{
    struct line l = begin();
    zmq_msg_t part;
    int more = 1;

    WAIT(is_asked(&l));
    while (more) {
        zmq_msg_init(&part);
        OK(zmq_msg_recv(&part, l.handler, 0));
        more = zmq_msg_more(&part);
        zmq_msg_close(&part);
    }
    raw_send(l.to_server, "00 05 'fa'");
    raw_expect_quiet(l.to_server, RAW_QUIET_MS); /* it is heard, and is not all there */
    SEND(l.handler, "1.0|1|200|OK||");
    cr_assert(raw_readable(l.to_server, RAW_DEADLINE_MS)); /* READY, or the end */
    raw_send(l.to_server, "'ked'");
    raw_expect_end(l.to_server);
    RECV_GIVES(EAGAIN, l.server);
    raw_close(&l.to_server);
    raw_close(&l.to_client);
    raw_close(&l.listener);
}
