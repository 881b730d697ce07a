/* SPDX-License-Identifier: Apache-2.0 */
/*
 * norm, between ours, and between ours and the distribution's libzmq, both ways.
 *
 * What is said in a test is less than a speaker keeps, so what a slow listener misses it gets; and
 * where more than a packet's worth is said by libzmq, its speaker stops for ever: it says little.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/support/body.h"
#include "tests/support/group_plays.h"
#include "tests/support/peer.h"

#include <linux/filter.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

INTEROP_SUITE(interop_norm);

/* Whose rate does not begin with what a modem has. */
static void *speaker(int type)
{
    void *s = test_fast(type);

    SET(s, ZMQ_RATE, 20000);
    SET(s, ZMQ_NORM_MODE, ZMQ_NORM_FIXED);
    return s;
}

static const char *group(void)
{
    return test_group("norm");
}

Test(interop_norm, of_ours_is_heard_by_theirs)
{
    test_group_theirs_hear(group(), speaker(ZMQ_PUB), 70);
}

Test(interop_norm, of_theirs_is_heard_by_ours)
{
    test_group_ours_hear(group(), 20, 0);
}

Test(interop_norm, parts_of_any_size_come_in_their_order)
{
    static const size_t sizes[] = {0, 1, 255, 256, 1390, 1400, 1401, 70000, 200000};
    enum { COUNT = sizeof sizes / sizeof *sizes, MOST = 200000 };
    const char *at = group();
    void *pub = speaker(ZMQ_XPUB), *sub = test_fast(ZMQ_XSUB);
    uint8_t *body = malloc(2 * MOST);

    test_connect(sub, at);
    test_connect(pub, at);
    test_hears(pub, sub, "first");
    for (size_t i = 0; i < COUNT; i++) {
        test_body_fill(body, sizes[i], i);
        OK(zmq_send(pub, body, sizes[i], ZMQ_SNDMORE));
        test_body_fill(body, sizes[COUNT - 1 - i], COUNT + i);
        OK(zmq_send(pub, body, sizes[COUNT - 1 - i], i % 2 ? 0 : ZMQ_SNDMORE));
        if (i % 2 == 0)
            OK(zmq_send(pub, "", 0, 0));
    }
    for (size_t i = 0; i < COUNT; i++) {
        test_body_fill(body, sizes[i], i);
        cr_assert_eq(zmq_recv(sub, body + MOST, MOST, 0), (int)sizes[i]);
        cr_assert_eq(memcmp(body, body + MOST, sizes[i]), 0);
        test_body_fill(body, sizes[COUNT - 1 - i], COUNT + i);
        cr_assert_eq(zmq_recv(sub, body + MOST, MOST, 0), (int)sizes[COUNT - 1 - i]);
        cr_assert_eq(memcmp(body, body + MOST, sizes[COUNT - 1 - i]), 0);
        cr_assert_eq(test_get(sub, ZMQ_RCVMORE), i % 2 == 0);
        if (i % 2 == 0)
            cr_assert_eq(zmq_recv(sub, body + MOST, MOST, 0), 0);
    }
    RECV_GIVES(EAGAIN, pub);
    free(body);
}

Test(interop_norm, a_listener_that_comes_late_begins_with_a_message)
{
    const char *at = group();
    void *pub = speaker(ZMQ_PUB), *early = test_fast(ZMQ_SUB), *late = test_fast(ZMQ_SUB);
    const char *seen;
    int i = 0;

    SUBSCRIBE(early, "");
    SUBSCRIBE(late, "");
    test_connect(early, at);
    test_connect(pub, at);
    test_hears(pub, early, "first");
    OK(zmq_send(pub, "a part", 6, ZMQ_SNDMORE));
    test_connect(late, at);
    SEND(pub, "whose message began before");
    do
        SEND(pub, "%d|%02000d|end", i, i);
    while (i++, !test_has_something(late, 20));
    seen = test_recv(late, 0);
    if (strcmp(seen, "a part|whose message began before") == 0)
        seen = test_recv(late, 0);
    i = atoi(seen);
    cr_assert_str_eq(seen, test_text("%d|%02000d|end", i, i));
}

/* One in eight of the packets that come to the group in this process. */
static void lose_some(const char *at)
{
    struct sock_filter line[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_RANDOM),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 7), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, UINT32_MAX)};
    struct sock_fprog all = {sizeof line / sizeof *line, line};
    struct sockaddr_in to = test_group_of(at), a;
    int found = 0;

    for (int fd = 0; fd < 1024; fd++) {
        socklen_t size = sizeof a;

        if (getsockname(fd, (struct sockaddr *)&a, &size) == 0 && a.sin_family == AF_INET &&
            a.sin_port == to.sin_port && a.sin_addr.s_addr == to.sin_addr.s_addr) {
            OK(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof all));
            found++;
        }
    }
    cr_assert_geq(found, 2);
}

Test(interop_norm, what_was_lost_is_asked_for_and_sent_again)
{
    const char *at = group();
    void *pub = speaker(ZMQ_PUB), *sub = test_fast(ZMQ_SUB);

    SUBSCRIBE(sub, "");
    test_connect(sub, at);
    test_connect(pub, at);
    test_hears(pub, sub, "first");
    lose_some(at);
    test_group_sends_again(pub, sub, 100000);
}

Test(interop_norm, a_subscriber_that_is_full_takes_the_rest_later)
{
    test_group_fills(group(), speaker(ZMQ_PUB));
}

Test(interop_norm, parts_of_two_speakers_do_not_mix)
{
    test_group_does_not_mix(group(), (void *const[]){speaker(ZMQ_PUB), speaker(ZMQ_PUB)});
}

Test(interop_norm, what_was_said_goes_out_before_the_close)
{
    test_group_lingers(group(), speaker(ZMQ_PUB));
}

Test(interop_norm, each_way_of_sending_sends)
{
    static const struct {
        int option, value;
    } ways[] = {
        {ZMQ_NORM_MODE, ZMQ_NORM_FIXED},
        {ZMQ_NORM_MODE, ZMQ_NORM_CC},
        {ZMQ_NORM_MODE, ZMQ_NORM_CCL},
        {ZMQ_NORM_MODE, ZMQ_NORM_CCE},
        {ZMQ_NORM_MODE, ZMQ_NORM_CCE_ECNONLY},
        {ZMQ_NORM_UNICAST_NACK, 1},
        {ZMQ_NORM_BUFFER_SIZE, 100},
        {ZMQ_NORM_SEGMENT_SIZE, 100},
        {ZMQ_NORM_BLOCK_SIZE, 251},
        {ZMQ_NORM_NUM_PARITY, 0},
        {ZMQ_NORM_NUM_PARITY, 239},
        {ZMQ_NORM_NUM_AUTOPARITY, 2},
        {ZMQ_NORM_NUM_AUTOPARITY, 254},
        {ZMQ_NORM_PUSH, 1},
    };

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const char *at = group();
        void *pub = test_socket(ZMQ_PUB), *sub = test_socket(ZMQ_SUB);

        SUBSCRIBE(sub, "");
        SET(pub, ways[i].option, ways[i].value);
        SET(sub, ways[i].option, ways[i].value);
        test_connect(sub, at);
        test_connect(pub, at);
        test_hears(pub, sub, "first");
        SEND(pub, "%0400d|%d", 0, ways[i].value);
        RECV(sub, "%0400d|%d", 0, ways[i].value);
        test_close(pub);
        test_close(sub);
    }
}

/* ---- by hand ---- */

/* Hears the group, and speaks to it. */
static int open_by_hand(struct sockaddr_in to)
{
    struct ip_mreq mreq = {.imr_multiaddr = to.sin_addr,
                           .imr_interface.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1;

    OK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    OK(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one));
    OK(bind(fd, (struct sockaddr *)&to, sizeof to));
    OK(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof mreq));
    OK(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &mreq.imr_interface, sizeof(struct in_addr)));
    return fd;
}

/* One of the kind, once the speaker has said it. */
static size_t catch_packet(int fd, uint8_t *packet, size_t room, uint8_t kind)
{
    ssize_t size;

    do
        OK(size = recv(fd, packet, room, 0));
    while (packet[0] != kind);
    return (size_t)size;
}

static void say_by_hand(int fd, struct sockaddr_in to, const uint8_t *packet, size_t size)
{
    OK(sendto(fd, packet, size, 0, (struct sockaddr *)&to, sizeof to));
}

/* Cut anywhere, or by somebody else, with any byte of the header changed. For some of them libnorm
 * by itself ends the process, or turns for ever. */
static void say_nonsense(int fd, struct sockaddr_in to, uint8_t *packet, size_t size)
{
    enum { HEADER = 40, SPEAKER = 7 };
    static const uint8_t values[] = {0, 1, 8, 0x7f, 0x80, 0xff};

    for (size_t i = 0; i < size; i++)
        say_by_hand(fd, to, packet, i);
    packet[SPEAKER] ^= 1;
    for (size_t i = 0; i < size; i++)
        say_by_hand(fd, to, packet, i);
    for (size_t i = 0; i < HEADER && i < size; i++)
        for (size_t j = 0; i != SPEAKER && j < sizeof values; j++) {
            uint8_t before = packet[i];

            packet[i] = values[j];
            say_by_hand(fd, to, packet, size);
            packet[i] = before;
        }
}

Test(interop_norm, what_is_not_well_formed_is_not_heard)
{
    static const uint8_t kinds[] = {0x12, 0x13}; /* data, a command */
    const char *at = group(), *seen = "";
    struct sockaddr_in to = test_group_of(at);
    int fd = open_by_hand(to);
    void *pub = speaker(ZMQ_PUB), *sub = test_fast(ZMQ_SUB);
    uint8_t packet[2][2048];
    size_t size[2];

    SUBSCRIBE(sub, "sane");
    test_connect(sub, at);
    test_connect(pub, at);
    test_hears(pub, sub, "sane");
    for (size_t i = 0; i < sizeof kinds; i++) {
        SEND(pub, "sane");
        size[i] = catch_packet(fd, packet[i], sizeof packet[i], kinds[i]);
    }
    for (size_t i = 0; i < sizeof kinds; i++)
        say_nonsense(fd, to, packet[i], size[i]);
    while (strcmp(seen, "sane at last") != 0) {
        SEND(pub, "sane at last");
        if (test_has_something(sub, 50))
            seen = test_recv(sub, 0);
    }
    close(fd);
}

Test(interop_norm, is_refused_what_is_no_group_or_no_type_or_no_size)
{
    static const char *const bad[] = {
        "239.192.1.1",
        "127.0.0.1;239.192.1.1",
        "239.192.1.1:0",
        "239.192.1.1:65536",
        "239.192.1.1:x",
        "127.0.0.1;10.0.0.1:5",
        "127.0.0.1;example.org:5",
        ";239.192.1.1:5",
        "239.192.1.1:5x",
        "0,239.192.1.1:5",
        "4294967295,239.192.1.1:5",
        ",239.192.1.1:5",
        "x,239.192.1.1:5",
        "1,2,239.192.1.1:5",
        "-1,239.192.1.1:5",
    };
    void *pub = test_socket(ZMQ_PUB), *push = test_socket(ZMQ_PUSH);

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        FAILS(EINVAL, zmq_connect(pub, test_text("norm://%s", bad[i])));
    FAILS(ENODEV, zmq_connect(pub, "norm://no-such-interface;239.192.1.1:5"));
    FAILS(ENODEV, zmq_connect(pub, "norm://192.0.2.200;239.192.1.1:5"));
    FAILS(ENOCOMPATPROTO, zmq_connect(push, "norm://127.0.0.1;239.192.1.1:5"));
    FAILS(ENOCOMPATPROTO, zmq_bind(push, "norm://1,127.0.0.1;239.192.1.1:5"));
    SET(pub, ZMQ_NORM_SEGMENT_SIZE, 65001);
    FAILS(EINVAL, zmq_connect(pub, "norm://127.0.0.1;239.192.1.1:5"));
    SET(pub, ZMQ_NORM_SEGMENT_SIZE, 1400);
    SET(pub, ZMQ_NORM_NUM_PARITY, 240);
    FAILS(EINVAL, zmq_connect(pub, "norm://127.0.0.1;239.192.1.1:5"));
    cr_expect_eq(zmq_has("norm"), 1);
}
