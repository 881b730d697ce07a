/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epgm, between ours, and between ours and the distribution's libzmq, both ways. A listener hears
 * nothing of what was said before it came, so first is said again and again what is to be heard.
 *
 * libzmq's listeners take away half of what speakers are asked (see pgm.c), and what a listener
 * misses before it knows its speaker it cannot ask for: so a listener comes before its speaker, and
 * but for one test no more is under way than the kernel holds for one that sleeps.
 */
#include "tests/support/body.h"
#include "tests/support/group.h"
#include "tests/support/peer.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* What OpenPGM says of loopback goes to where the peer answers. */
static void be_quiet(void)
{
    setenv("PGM_MIN_LOG_LEVEL", "FATAL", 1);
}

TestSuite(interop_multicast, .init = be_quiet, .fini = test_peer_end, .timeout = 600);

static const char *group(void)
{
    return test_group("epgm");
}

Test(interop_multicast, of_ours_is_heard_by_theirs)
{
    static struct test_peer peer;
    const char *at = group(), *answer;
    void *pub = test_fast(ZMQ_PUB);

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
        SEND(pub, "%s%d|%0*d|last", i % 2 ? "B" : "A", i, 1 + i * 20, 7);
    do {
        test_peer_tell(&peer, "recv 0");
        answer = test_peer_answer(&peer);
    } while (strcmp(answer, "ok A first") == 0);
    cr_expect_str_eq(answer, "ok A0|7|last");
    for (int i = 2; i < 50; i += 2)
        PEER_RECV(&peer, "A%d|%0*d|last", i, 1 + i * 20, 7);
}

Test(interop_multicast, of_theirs_is_heard_by_ours)
{
    static struct test_peer peer;
    const char *at = group(), *seen;
    void *sub = test_fast(ZMQ_SUB);

    SUBSCRIBE(sub, "A");
    test_bind(sub, at); /* which is the same */
    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_PUB);
    PEER(&peer, "set 0 %d 1000000", ZMQ_RATE);
    PEER(&peer, "connect 0 %s", at);
    do
        PEER(&peer, "send 0 A first");
    while (!test_has_something(sub, 50));
    for (int i = 0; i < 50; i++)
        PEER(&peer, "send 0 %s%d|%0*d|last", i % 2 ? "B" : "A", i, 1 + i * 20, 7);
    do
        seen = test_recv(sub, 0);
    while (strcmp(seen, "A first") == 0);
    cr_expect_str_eq(seen, "A0|7|last");
    for (int i = 2; i < 50; i += 2)
        RECV(sub, "A%d|%0*d|last", i, 1 + i * 20, 7);
}

/*
 * One loop speaks and listens, in turns of more packets than the listener has room for: so some of
 * each message are lost, and it is whole only if they are sent again. On a machine that is too slow
 * for all to come within the times of the protocol the message is given up, and said once more.
 */
Test(interop_multicast, what_was_lost_is_asked_for_and_sent_again)
{
    enum { SIZE = 200000 };
    const char *at = group();
    void *pub = test_fast(ZMQ_XPUB), *sub = test_fast(ZMQ_XSUB);
    uint8_t *body = malloc(2 * SIZE);

    SET(sub, ZMQ_RCVBUF, 65536);
    test_connect(sub, at);
    test_connect(pub, at);
    test_hears(pub, sub, "first");
    for (int i = 0, heard = -1; i < 3; i++) {
        do {
            test_body_fill(body, SIZE, (uint64_t)i);
            OK(zmq_send(pub, body, SIZE, ZMQ_SNDMORE));
            SEND(pub, "%d", i);
        } while (!test_has_something(sub, 20000));
        while (heard != i) { /* or what was given up too early */
            cr_assert_eq(zmq_recv(sub, body + SIZE, SIZE, 0), SIZE);
            heard = atoi(test_recv(sub, 0));
            test_body_fill(body, SIZE, (uint64_t)heard);
            cr_assert_eq(memcmp(body, body + SIZE, SIZE), 0);
        }
    }
    RECV_GIVES(EAGAIN, pub);
    free(body);
}

Test(interop_multicast, a_subscriber_that_is_full_takes_the_rest_of_a_piece_later)
{
    const char *at = group();
    void *pub = test_fast(ZMQ_PUB), *sub = test_socket(ZMQ_SUB);

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

Test(interop_multicast, parts_of_two_speakers_do_not_mix)
{
    const char *at = group();
    void *pub[2] = {test_fast(ZMQ_PUB), test_fast(ZMQ_PUB)}, *sub = test_fast(ZMQ_SUB);

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

Test(interop_multicast, what_was_said_goes_out_before_the_close)
{
    const char *at = group();
    void *pub = test_socket(ZMQ_PUB), *sub = test_fast(ZMQ_SUB);

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

Test(interop_multicast, is_refused_what_is_no_group_or_no_type)
{
    static const char *const bad[] = {
        "239.192.1.1",    "127.0.0.1;239.192.1.1", "239.192.1.1:0",           "239.192.1.1:65536",
        "239.192.1.1:x",  "127.0.0.1;10.0.0.1:5",  "127.0.0.1;example.org:5", ";239.192.1.1:5",
        "239.192.1.1:5x",
    };
    void *pub = test_socket(ZMQ_PUB), *push = test_socket(ZMQ_PUSH);

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        FAILS(EINVAL, zmq_connect(pub, test_text("epgm://%s", bad[i])));
    FAILS(ENODEV, zmq_connect(pub, "epgm://no-such-interface;239.192.1.1:5"));
    FAILS(ENOCOMPATPROTO, zmq_connect(push, "epgm://127.0.0.1;239.192.1.1:5"));
    FAILS(ENOCOMPATPROTO, zmq_bind(push, "pgm://127.0.0.1;239.192.1.1:5"));
    cr_expect_eq(zmq_has("pgm"), 1);
}

/* ---- by hand ---- */

/* A packet of data, or what has another kind and looks like it. `kind`: type and options. */
static void say_by_hand(int fd, struct sockaddr_in to, unsigned speaker, unsigned kind,
                        unsigned number, const char *what, size_t size)
{
    uint8_t packet[256] = {
        [1] = (uint8_t)speaker, [4] = (uint8_t)(kind >> 8), [5] = (uint8_t)kind, [8] = 'z', 'u',
        [15] = (uint8_t)size,   [19] = (uint8_t)number};
    uint32_t sum = 0;
    uint16_t two;

    memcpy(packet + 2, &to.sin_port, 2);
    memcpy(packet + 24, what, size);
    for (size_t i = 0; i < sizeof packet; i += 2) {
        memcpy(&two, packet + i, 2);
        sum += two;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    two = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
    memcpy(packet + 6, &two, 2);
    cr_assert_gt(sendto(fd, packet, 24 + size, 0, (struct sockaddr *)&to, sizeof to), 0);
}

/* OpenPGM by itself ends the process for the second. */
Test(interop_multicast, what_makes_no_sense_is_not_heard)
{
    static const char great[] = "\0\0\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0body";
    static const unsigned kinds[] = {0x0000, 0x0401, 0x0501, 0x0001, 0x0003, 0x0803, 0x0a01,
                                     0x0480, 0x0440, 0x0d00, 0x0100, 0xff00, 0x4400, 0x0c01};
    const char *at = group();
    struct sockaddr_in to = test_group_of(at);
    struct in_addr by = {htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    void *sub = test_socket(ZMQ_SUB);
    unsigned said = 0;

    OK(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by));
    SUBSCRIBE(sub, "");
    test_connect(sub, at);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        say_by_hand(fd, to, 1, kinds[i], 0, "something", 9);
    say_by_hand(fd, to, 2, 0x0400, 0, great, sizeof great - 1);
    say_by_hand(fd, to, 2, 0x0400, 1, "\x7f\xffx", 3);
    say_by_hand(fd, to, 2, 0x0400, 2, "", 0);
    say_by_hand(fd, to, 2, 0x0400, 3, "\0", 1);
    say_by_hand(fd, to, 2, 0x0400, 4, "\0\4xxxx\5\0sane", 12);
    RECV(sub, "sane");
    do
        say_by_hand(fd, to, 3, 0x0400, said++, "\0\0\6\0other", 9);
    while (!test_has_something(sub, 50));
    RECV(sub, "other");
    close(fd);
}
