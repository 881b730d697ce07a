/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/group_plays.h"
#include "tests/support/body.h"
#include "tests/support/peer.h"

#include <stdlib.h>
#include <string.h>

void test_group_theirs_hear(const char *at, void *pub, int more)
{
    static struct test_peer peer;
    const char *answer;

    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_SUB);
    PEER(&peer, "text 0 %d A", ZMQ_SUBSCRIBE);
    PEER(&peer, "connect 0 %s", at);
    test_connect(pub, at);
    do {
        SEND(pub, "A first");
        test_peer_tell(&peer, "poll 0 50");
    } while (strcmp(test_peer_answer(&peer), "ok 1") != 0);
    for (int i = 0; i < 50; i++)
        SEND(pub, "%s%d|%0*d|last", i % 2 ? "B" : "A", i, 1 + i * more, 7);
    do {
        test_peer_tell(&peer, "recv 0");
        answer = test_peer_answer(&peer);
    } while (strcmp(answer, "ok A first") == 0);
    cr_expect_str_eq(answer, "ok A0|7|last");
    for (int i = 2; i < 50; i += 2)
        PEER_RECV(&peer, "A%d|%0*d|last", i, 1 + i * more, 7);
}

void test_group_ours_hear(const char *at, int count, int rate)
{
    static struct test_peer peer;
    const char *seen;
    void *sub = test_fast(ZMQ_SUB);

    SUBSCRIBE(sub, "A");
    test_bind(sub, at); /* which is the same */
    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_PUB);
    if (rate)
        PEER(&peer, "set 0 %d %d", ZMQ_RATE, rate);
    PEER(&peer, "connect 0 %s", at);
    do
        PEER(&peer, "send 0 A first");
    while (!test_has_something(sub, 50));
    for (int i = 0; i < count; i++)
        PEER(&peer, "send 0 %s%d|%0*d|last", i % 2 ? "B" : "A", i, 1 + i * 20, 7);
    do
        seen = test_recv(sub, 0);
    while (strcmp(seen, "A first") == 0);
    cr_expect_str_eq(seen, "A0|7|last");
    for (int i = 2; i < count; i += 2)
        RECV(sub, "A%d|%0*d|last", i, 1 + i * 20, 7);
}

void test_group_sends_again(void *pub, void *sub, int size)
{
    size_t room = (size_t)size;
    uint8_t *body = malloc(2 * room);

    for (int i = 0, heard = -1; i < 3; i++) {
        do {
            test_body_fill(body, room, (uint64_t)i);
            OK(zmq_send(pub, body, room, ZMQ_SNDMORE));
            SEND(pub, "%d", i);
        } while (!test_has_something(sub, 20000));
        while (heard != i) { /* or what was given up too early */
            cr_assert_eq(zmq_recv(sub, body + room, room, 0), size);
            heard = atoi(test_recv(sub, 0));
            test_body_fill(body, room, (uint64_t)heard);
            cr_assert_eq(memcmp(body, body + room, room), 0);
        }
    }
    free(body);
}

void test_group_fills(const char *at, void *pub)
{
    void *sub = test_socket(ZMQ_SUB);

    SUBSCRIBE(sub, "");
    SET(sub, ZMQ_RCVHWM, 2);
    test_connect(sub, at);
    test_connect(pub, at);
    test_hears(pub, sub, "first");
    for (int i = 0; i < 100; i++)
        SEND(pub, "%d|of the same message", i);
    for (int i = 0; i < 100; i++)
        RECV(sub, "%d|of the same message", i);
}

void test_group_does_not_mix(const char *at, void *const pub[2])
{
    void *sub = test_fast(ZMQ_SUB);

    SUBSCRIBE(sub, "");
    test_connect(sub, at);
    for (int i = 0; i < 2; i++) {
        test_connect(pub[i], at);
        test_hears(pub[i], sub, i ? "b" : "a");
    }
    for (int i = 0; i < 50; i++) {
        int heard = 0;

        for (int j = 0; j < 2; j++)
            SEND(pub[j], "%d|%d|%d|%01500d|%01500d|end", j, i, j, j, j);
        for (int k = 0; k < 2; k++) {
            const char *seen = test_recv(sub, 0);
            int j = seen[0] == '1';

            cr_assert_str_eq(seen, test_text("%d|%d|%d|%01500d|%01500d|end", j, i, j, j, j));
            heard |= 1 << j;
        }
        cr_assert_eq(heard, 3);
    }
}

void test_group_lingers(const char *at, void *pub)
{
    void *sub = test_fast(ZMQ_SUB);

    SUBSCRIBE(sub, "");
    SET(pub, ZMQ_LINGER, -1);
    SET(pub, ZMQ_RATE, 1000);
    test_connect(sub, at);
    test_connect(pub, at);
    test_hears(pub, sub, "first");
    for (int i = 0; i < 100; i++)
        SEND(pub, "%d|%0500d", i, i);
    test_close(pub);
    for (int i = 0; i < 100; i++)
        RECV(sub, "%d|%0500d", i, i);
    OK(zmq_disconnect(sub, at));
    FAILS(ENOENT, zmq_disconnect(sub, at));
}
