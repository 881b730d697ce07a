/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epgm, between ours, and between ours and the distribution's libzmq, both ways. A listener hears
 * nothing of what was said before it came, so first is said again and again what is to be heard.
 *
 * libzmq's listeners take away half of what speakers are asked (see pgm.c), and what a listener
 * misses before it knows its speaker it cannot ask for: so a listener comes before its speaker, and
 * but for one test no more is under way than the kernel holds for one that sleeps.
 */
#include "tests/support/group_plays.h"
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
    test_group_theirs_hear(group(), test_fast(ZMQ_PUB), 20);
}

Test(interop_multicast, of_theirs_is_heard_by_ours)
{
    test_group_ours_hear(group(), 50, 1000000);
}

/*
 * One loop speaks and listens, in turns of more packets than the listener has room for: so some of
 * each message are lost, and it is whole only if they are sent again.
 */
Test(interop_multicast, what_was_lost_is_asked_for_and_sent_again)
{
    const char *at = group();
    void *pub = test_fast(ZMQ_XPUB), *sub = test_fast(ZMQ_XSUB);

    SET(sub, ZMQ_RCVBUF, 65536);
    test_connect(sub, at);
    test_connect(pub, at);
    test_hears(pub, sub, "first");
    test_group_sends_again(pub, sub, 200000);
    RECV_GIVES(EAGAIN, pub);
}

Test(interop_multicast, a_subscriber_that_is_full_takes_the_rest_of_a_piece_later)
{
    test_group_fills(group(), test_fast(ZMQ_PUB));
}

Test(interop_multicast, parts_of_two_speakers_do_not_mix)
{
    test_group_does_not_mix(group(), (void *const[]){test_fast(ZMQ_PUB), test_fast(ZMQ_PUB)});
}

Test(interop_multicast, what_was_said_goes_out_before_the_close)
{
    test_group_lingers(group(), test_socket(ZMQ_PUB));
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
