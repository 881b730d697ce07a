/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each mechanism between ours and the distribution's libzmq in another process, whoever is the
 * server and whoever binds. The ZAP handler is the test's own thread, or a socket of the peer that
 * is driven from here.
 */
#include "tests/support/peer.h"

#include <criterion/parameterized.h>

INTEROP_SUITE(interop_security);

#define HANDLER "inproc://zeromq.zap.01"

static struct test_peer peer;

struct combination {
    int transport, ours_serves, ours_binds;
};

static struct combination *combinations(size_t *count)
{
    static struct combination all[8];

    for (int i = 0; i < 8; i++)
        all[i] = (struct combination){i & 1 ? TEST_TCP : TEST_IPC, i >> 1 & 1, i >> 2};
    *count = 8;
    return all;
}

/* Ours is made and the peer's, with nothing set yet; and the handler of whoever serves. */
static void *begin(const struct combination *c, void **handler)
{
    void *ours = test_socket(ZMQ_DEALER);

    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_DEALER);
    *handler = NULL;
    if (c->ours_serves) {
        *handler = test_bound(ZMQ_REP, HANDLER);
    } else {
        PEER(&peer, "open 1 %d", ZMQ_REP);
        PEER(&peer, "bind 1 " HANDLER);
    }
    return ours;
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

/* The handler of whoever serves is asked, by a request with that end, and gives that answer. */
static void handle(void *handler, const char *end, const char *answer)
{
    const char *asked;

    if (handler) {
        asked = test_recv(handler, 0);
    } else {
        test_peer_tell(&peer, "recv 1");
        asked = test_peer_answer(&peer);
    }
    cr_assert_geq(strlen(asked), strlen(end), "%s", asked);
    cr_assert_str_eq(asked + strlen(asked) - strlen(end), end, "%s", asked);
    if (handler)
        SEND(handler, "%s", answer);
    else
        PEER(&peer, "send 1 %s", answer);
}

static void converse(void *ours)
{
    SEND(ours, "to|you");
    PEER_RECV(&peer, "to|you");
    PEER(&peer, "send 0 to|me");
    RECV(ours, "to|me");
}

/* Neither has anybody to send to: who dialed has given up, and whoever was dialed has nobody. */
static void stay_apart(void *ours)
{
    WAIT(!(test_events(ours) & ZMQ_POLLOUT));
    PEER_SAYS(&peer, "ok 0", "poll 0 100");
    RECV_GIVES(EAGAIN, ours);
}

#define EACH_COMBINATION(name)                                                                     \
    ParameterizedTestParameters(interop_security, name)                                            \
    {                                                                                              \
        size_t count;                                                                              \
        struct combination *all = combinations(&count);                                            \
        return cr_make_param_array(struct combination, all, count);                                \
    }                                                                                              \
    ParameterizedTest(struct combination *c, interop_security, name)

EACH_COMBINATION(null_with_a_domain)
{
    void *handler, *ours = begin(c, &handler);

    if (c->ours_serves)
        SET_TEXT(ours, ZMQ_ZAP_DOMAIN, "TEST");
    else
        PEER(&peer, "text 0 %d TEST", ZMQ_ZAP_DOMAIN);
    meet(c, ours);
    handle(handler, "||NULL", "1.0|1|200|OK|me|");
    converse(ours);
}

static void set_plain(const struct combination *c, void *ours)
{
    if (c->ours_serves) {
        SET(ours, ZMQ_PLAIN_SERVER, 1);
        PEER(&peer, "text 0 %d joe", ZMQ_PLAIN_USERNAME);
        PEER(&peer, "text 0 %d pw", ZMQ_PLAIN_PASSWORD);
    } else {
        SET_TEXT(ours, ZMQ_PLAIN_USERNAME, "joe");
        SET_TEXT(ours, ZMQ_PLAIN_PASSWORD, "pw");
        PEER(&peer, "set 0 %d 1", ZMQ_PLAIN_SERVER);
    }
}

EACH_COMBINATION(plain)
{
    void *handler, *ours = begin(c, &handler);

    set_plain(c, ours);
    meet(c, ours);
    handle(handler, "||PLAIN|joe|pw", "1.0|1|200|OK|joe|");
    converse(ours);
}

EACH_COMBINATION(plain_refused)
{
    void *handler, *ours = begin(c, &handler);

    set_plain(c, ours);
    meet(c, ours);
    handle(handler, "||PLAIN|joe|pw", "1.0|1|400|no||");
    stay_apart(ours);
}
