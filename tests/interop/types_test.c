/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each pair of compatible socket types, ours against the distribution's libzmq in another process,
 * whoever plays which part and whoever binds, over tcp and ipc.
 */
#include "tests/support/peer.h"

#include <criterion/parameterized.h>

INTEROP_SUITE(interop_types);

/*
 * The first speaks, the second hears; where `answers`, the second then speaks back. The prefixes
 * are what each has to write, or finds, before the text itself.
 */
struct talk_kind {
    int first, second;
    const char *ask, *heard, *reply, *answered;
    bool answers;
};

static const struct talk_kind kinds[] = {
    {ZMQ_PAIR, ZMQ_PAIR, "", "", "", "", true},
    {ZMQ_PUSH, ZMQ_PULL, "", "", "", "", false},
    {ZMQ_PUB, ZMQ_SUB, "", "", "", "", false},
    {ZMQ_PUB, ZMQ_XSUB, "", "", "", "", false},
    {ZMQ_XPUB, ZMQ_SUB, "", "", "", "", false},
    {ZMQ_XPUB, ZMQ_XSUB, "", "", "", "", false},
    {ZMQ_REQ, ZMQ_REP, "", "", "", "", true},
    {ZMQ_REQ, ZMQ_ROUTER, "", "first||", "first||", "", true},
    {ZMQ_DEALER, ZMQ_REP, "|", "", "", "|", true},
    {ZMQ_DEALER, ZMQ_DEALER, "", "", "", "", true},
    {ZMQ_DEALER, ZMQ_ROUTER, "", "first|", "first|", "", true},
    {ZMQ_ROUTER, ZMQ_ROUTER, "second|", "first|", "first|", "second|", true},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

struct combination {
    int kind, transport;
    int ours_is_second, ours_binds;
};

/* One side of the talk: ours when `peer` is NULL. */
struct side {
    struct test_peer *peer;
    void *socket;
};

static void make(struct side *s, int type)
{
    if (s->peer)
        PEER(s->peer, "open 0 %d", type);
    else
        s->socket = test_socket(type);
}

static void set_text(struct side *s, int option, const char *text)
{
    if (s->peer)
        PEER(s->peer, "text 0 %d %s", option, text);
    else
        SET_TEXT(s->socket, option, text);
}

static void set_number(struct side *s, int option, int number)
{
    if (s->peer)
        PEER(s->peer, "set 0 %d %d", option, number);
    else
        SET(s->socket, option, number);
}

static void attach(struct side *s, bool binds, const char *at)
{
    if (s->peer)
        PEER(s->peer, "%s 0 %s", binds ? "bind" : "connect", at);
    else if (binds)
        test_bind(s->socket, at);
    else
        test_connect(s->socket, at);
}

static void say(struct side *s, const char *prefix, const char *text)
{
    if (s->peer)
        PEER(s->peer, "send 0 %s%s", prefix, text);
    else
        SEND(s->socket, "%s%s", prefix, text);
}

static const char *hear(struct side *s)
{
    const char *answer;

    if (!s->peer)
        return test_recv(s->socket, 0);
    test_peer_tell(s->peer, "recv 0");
    answer = test_peer_answer(s->peer);
    return strncmp(answer, "ok ", 3) == 0 ? answer + 3 : answer;
}

static void hears(struct side *s, const char *prefix, const char *text)
{
    const char *expected = test_text("%s%s", prefix, text), *seen = hear(s);

    cr_assert_str_eq(seen, expected, "%s received \"%s\" instead of \"%s\"",
                     s->peer ? "the peer" : "ours", seen, expected);
}

static bool has_something(struct side *s)
{
    zmq_pollitem_t item = {.socket = s->socket, .events = ZMQ_POLLIN};

    if (!s->peer)
        return zmq_poll(&item, 1, 5) == 1;
    test_peer_tell(s->peer, "poll 0 5");
    return strcmp(test_peer_answer(s->peer), "ok 1") == 0;
}

/* Until the subscription has arrived what is published is lost. */
static void meet(struct side *publisher, struct side *subscriber)
{
    const char *text;

    do {
        say(publisher, "", "hello?");
    } while (!has_something(subscriber));
    say(publisher, "", "met");
    while (strcmp(text = hear(subscriber), "met") != 0)
        cr_assert_str_eq(text, "hello?");
}

static bool subscribes(int type)
{
    return type == ZMQ_SUB || type == ZMQ_XSUB;
}

static void introduce(const struct talk_kind *kind, struct side *first, struct side *second,
                      bool first_binds)
{
    struct side *binder = first_binds ? first : second, *connecter = first_binds ? second : first;

    if (kind->second == ZMQ_SUB)
        set_text(second, ZMQ_SUBSCRIBE, "");
    if (kind->second == ZMQ_XSUB)
        say(second, "", "+");
    if (subscribes(kind->second))
        meet(first, second);
    if (kind->first != ZMQ_ROUTER)
        return;
    hears(binder, first_binds ? "second|" : "first|", ""); /* the probe */
    say(binder, first_binds ? "second|" : "first|", "hello");
    hears(connecter, first_binds ? "first|" : "second|", "hello");
}

static void converse(const struct talk_kind *kind, struct side *first, struct side *second)
{
    static const char *const texts[] = {"one", "two|parts", "", "|", "a||b", "||", "-+|+-", "end"};
    enum { TEXTS = sizeof texts / sizeof *texts };

    for (int round = 0; round < 3; round++)
        for (int i = 0; i < TEXTS; i++) {
            say(first, kind->ask, texts[i]);
            hears(second, kind->heard, texts[i]);
            if (!kind->answers)
                continue;
            say(second, kind->reply, texts[TEXTS - 1 - i]);
            hears(first, kind->answered, texts[TEXTS - 1 - i]);
        }
}

ParameterizedTestParameters(interop_types, understand_each_other)
{
    static struct combination all[KINDS * 8];

    for (int i = 0; i < KINDS * 8; i++)
        all[i] = (struct combination){i / 8, i & 1 ? TEST_TCP : TEST_IPC, i >> 1 & 1, i >> 2 & 1};
    return cr_make_param_array(struct combination, all, KINDS * 8);
}

ParameterizedTest(struct combination *c, interop_types, understand_each_other)
{
    const struct talk_kind *kind = &kinds[c->kind];
    const char *at = test_endpoint((enum test_transport)c->transport);
    static struct test_peer peer;
    struct side ours = {0}, theirs = {.peer = &peer};
    struct side *first = c->ours_is_second ? &theirs : &ours;
    struct side *second = c->ours_is_second ? &ours : &theirs;
    bool first_binds = c->ours_is_second != c->ours_binds;

    test_peer_start(&peer);
    make(first, kind->first);
    make(second, kind->second);
    set_text(first, ZMQ_ROUTING_ID, "first");
    set_text(second, ZMQ_ROUTING_ID, "second");
    if (kind->first == ZMQ_ROUTER)
        set_number(first_binds ? second : first, ZMQ_PROBE_ROUTER, 1);
    if (first_binds) {
        attach(first, true, at);
        attach(second, false, at);
    } else {
        attach(second, true, at);
        attach(first, false, at);
    }
    introduce(kind, first, second, first_binds);
    converse(kind, first, second);
}
