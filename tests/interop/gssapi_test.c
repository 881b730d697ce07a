/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GSSAPI between ours and the distribution's libzmq in another process, whoever is the server and
 * whoever binds, wrapped and not. Run in a realm of its own (tests/support/kdc.py).
 */
#include "tests/support/body.h"
#include "tests/support/peer.h"

#include <criterion/parameterized.h>
#include <inttypes.h>
#include <stdlib.h>

INTEROP_SUITE(interop_gssapi);

#define HANDLER  "inproc://zeromq.zap.01"
#define QUESTION "GSSAPI|friend@ZURING.TEST"

static struct test_peer peer;

struct combination {
    int transport, ours_serves, ours_binds, clear;
};

static struct combination *combinations(size_t *count)
{
    static struct combination all[16];

    for (int i = 0; i < 16; i++)
        all[i] =
            (struct combination){i & 1 ? TEST_TCP : TEST_IPC, i >> 1 & 1, i >> 2 & 1, i >> 3 & 1};
    *count = 16;
    return all;
}

static void set_up(const struct combination *c, void *ours)
{
    SET(ours, ZMQ_GSSAPI_PLAINTEXT, c->clear);
    PEER(&peer, "set 0 %d %d", ZMQ_GSSAPI_PLAINTEXT, c->clear);
    if (c->ours_serves) {
        SET(ours, ZMQ_GSSAPI_SERVER, 1);
        SET_TEXT(ours, ZMQ_GSSAPI_PRINCIPAL, "server@localhost");
        PEER(&peer, "text 0 %d server@localhost", ZMQ_GSSAPI_SERVICE_PRINCIPAL);
        PEER(&peer, "text 0 %d friend", ZMQ_GSSAPI_PRINCIPAL);
        PEER(&peer, "set 0 %d %d", ZMQ_GSSAPI_PRINCIPAL_NAMETYPE, ZMQ_GSSAPI_NT_USER_NAME);
    } else {
        PEER(&peer, "set 0 %d 1", ZMQ_GSSAPI_SERVER);
        PEER(&peer, "text 0 %d server@localhost", ZMQ_GSSAPI_PRINCIPAL);
        SET_TEXT(ours, ZMQ_GSSAPI_SERVICE_PRINCIPAL, "server@localhost");
        SET_TEXT(ours, ZMQ_GSSAPI_PRINCIPAL, "friend");
        SET(ours, ZMQ_GSSAPI_PRINCIPAL_NAMETYPE, ZMQ_GSSAPI_NT_USER_NAME);
    }
}

static void meet(const struct combination *c, void *ours)
{
    const char *at = test_endpoint((enum test_transport)c->transport);

    if (c->ours_binds) {
        test_bind(ours, at);
        PEER(&peer, "connect 0 %s", at);
    } else {
        PEER(&peer, "bind 0 %s", at);
        test_connect(ours, at);
    }
}

/* The handler of whoever serves is asked about the client, and gives that answer. */
static void handle(void *handler, const char *answer)
{
    const char *asked, *end;

    if (handler) {
        asked = test_recv(handler, 0);
    } else {
        test_peer_tell(&peer, "recv 1");
        asked = test_peer_answer(&peer);
    }
    end = strstr(asked, "GSSAPI");
    cr_assert(end && strcmp(end, QUESTION) == 0, "%s", asked);
    if (handler)
        SEND(handler, "%s", answer);
    else
        PEER(&peer, "send 1 %s", answer);
}

static void *begin(const struct combination *c, int ours_type, int their_type, void **handler)
{
    void *ours = test_socket(ours_type);

    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", their_type);
    *handler = NULL;
    if (c->ours_serves) {
        *handler = test_bound(ZMQ_REP, HANDLER);
    } else {
        PEER(&peer, "open 1 %d", ZMQ_REP);
        PEER(&peer, "bind 1 " HANDLER);
    }
    set_up(c, ours);
    meet(c, ours);
    return ours;
}

static const char *body_text(const void *data, size_t size)
{
    return test_text("ok %zu %016" PRIx64, size, test_body_hash(data, size));
}

static void exchange_bodies(void *ours)
{
    static const size_t sizes[] = {0,    1,     33,    170,   195,   196,    255,
                                   4096, 32735, 32768, 65536, 70000, 200000, 2000000};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t size = sizes[i];
        char *data = malloc(size + 1), *back = malloc(size + 1);

        cr_assert(data && back);
        test_body_fill(data, size, i);
        cr_assert_eq(zmq_send(ours, data, size, 0), (int)size);
        PEER_SAYS(&peer, body_text(data, size), "take 0");
        PEER(&peer, "body 0 %zu %zu", size, i);
        cr_assert_eq(zmq_recv(ours, back, size + 1, 0), (int)size);
        cr_assert_eq(memcmp(data, back, size), 0, "%zu", size);
        free(data);
        free(back);
    }
}

#define EACH_COMBINATION(name)                                                                     \
    ParameterizedTestParameters(interop_gssapi, name)                                              \
    {                                                                                              \
        size_t count;                                                                              \
        struct combination *all = combinations(&count);                                            \
        return cr_make_param_array(struct combination, all, count);                                \
    }                                                                                              \
    ParameterizedTest(struct combination *c, interop_gssapi, name)

EACH_COMBINATION(messages)
{
    void *handler, *ours = begin(c, ZMQ_DEALER, ZMQ_DEALER, &handler);

    handle(handler, "1.0|1|200|OK|joe|");
    SEND(ours, "to|you");
    PEER_RECV(&peer, "to|you");
    PEER(&peer, "send 0 to|me");
    RECV(ours, "to|me");
    exchange_bodies(ours);
}

/* A subscriber of libzmq 4.3.4's does not tell, when it wraps, whether it subscribes. */
EACH_COMBINATION(subscriptions)
{
    void *handler, *ours;
    bool theirs_subscribes = c->ours_serves;

    if (theirs_subscribes && !c->clear)
        return;
    ours = begin(c, theirs_subscribes ? ZMQ_XPUB : ZMQ_SUB, theirs_subscribes ? ZMQ_SUB : ZMQ_XPUB,
                 &handler);
    handle(handler, "1.0|1|200|OK|joe|");
    if (theirs_subscribes) {
        PEER(&peer, "text 0 %d topic", ZMQ_SUBSCRIBE);
        while (!(test_events(ours) & ZMQ_POLLIN)) /* libzmq hears of a peer inside calls only */
            PEER_SAYS(&peer, "ok 0", "poll 0 10");
        RECV(ours, "+topic");
        SEND(ours, "topic|one");
        PEER_RECV(&peer, "topic|one");
    } else {
        SUBSCRIBE(ours, "topic");
        test_peer_tell(&peer, "recv 0");
        while (!test_peer_has_answered(&peer)) /* who was dialed hears of it inside calls only */
            test_catch_up(ours);
        cr_assert_str_eq(test_peer_answer(&peer), "ok +topic");
        PEER(&peer, "send 0 topic|one");
        RECV(ours, "topic|one");
        UNSUBSCRIBE(ours, "topic");
        PEER_RECV(&peer, "-topic");
    }
}

/* (A server of libzmq 4.3.4's lets in whom its handler refuses, so ours is the one.) */
EACH_COMBINATION(who_is_refused_stays_out)
{
    void *handler, *ours;

    if (!c->ours_serves)
        return;
    ours = begin(c, ZMQ_DEALER, ZMQ_DEALER, &handler);
    handle(handler, "1.0|1|400|no||");
    PEER_SAYS(&peer, "ok 0", "poll 0 100");
    RECV_GIVES(EAGAIN, ours);
}
