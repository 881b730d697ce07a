/* SPDX-License-Identifier: Apache-2.0 */
/*
 * udp: RADIO to DISH, to one host and to a group, and DGRAM; and what strangers may send.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/support/pair.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

TEST_SUITE(udp);

#define NEWER_ONLY()                                                                               \
    do {                                                                                           \
        if (!test_newer())                                                                         \
            cr_skip_test("draft");                                                                 \
    } while (0)

/* A port that nobody has at the moment. */
static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&a, size), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static const char *text_of(const char *format, int port)
{
    static char text[4][128];
    static int next;

    next = (next + 1) % 4;
    snprintf(text[next], sizeof text[next], format, port);
    return text[next];
}

/* 0, or -1 and errno. */
static int send_group(void *radio, const char *group, const void *body, size_t size)
{
    zmq_msg_t m;

    OK(zmq_msg_init_buffer(&m, body, size));
    OK(zmq_msg_set_group(&m, group));
    if (zmq_msg_send(&m, radio, 0) >= 0)
        return 0;
    zmq_msg_close(&m);
    return -1;
}

static void expect_group(void *dish, const char *group, const char *body)
{
    zmq_msg_t m;

    zmq_msg_init(&m);
    OK(zmq_msg_recv(&m, dish, 0));
    cr_assert_eq(zmq_msg_size(&m), strlen(body));
    cr_expect_eq(memcmp(zmq_msg_data(&m), body, strlen(body)), 0);
    cr_expect_str_eq(zmq_msg_group(&m), group);
    zmq_msg_close(&m);
}

/* ---- one host ---- */

Test(udp, a_dish_hears_the_groups_it_has_joined)
{
    int port = free_port();
    void *radio = test_socket(ZMQ_RADIO), *dish = test_socket(ZMQ_DISH);
    static char large[8192];

    NEWER_ONLY();
    test_bind(dish, text_of("udp://127.0.0.1:%d", port));
    test_connect(radio, text_of("udp://127.0.0.1:%d", port));
    OK(zmq_join(dish, "a"));
    OK(zmq_join(dish, "a name that is longer than sixteen bytes"));
    OK(send_group(radio, "b", "no", 2));
    OK(send_group(radio, "", "no", 2));
    OK(send_group(radio, "a", large, sizeof large)); /* with its group it is too large */
    OK(send_group(radio, "a", "yes", 3));
    OK(send_group(radio, "a name that is longer than sixteen bytes", "", 0));
    expect_group(dish, "a", "yes");
    expect_group(dish, "a name that is longer than sixteen bytes", "");
    OK(send_group(radio, "a", large, sizeof large - 2));
    cr_expect_eq(zmq_recv(dish, large, sizeof large, 0), sizeof large - 2);
    OK(zmq_leave(dish, "a"));
    OK(send_group(radio, "a", "left", 4));
    OK(zmq_join(dish, "end"));
    OK(send_group(radio, "end", "", 0));
    expect_group(dish, "end", "");
    RECV_GIVES(EAGAIN, dish);
}

Test(udp, what_was_sent_goes_out_before_the_close)
{
    int port = free_port();
    void *radio = test_socket(ZMQ_RADIO), *dish = test_socket(ZMQ_DISH);

    NEWER_ONLY();
    test_bind(dish, text_of("udp://127.0.0.1:%d", port));
    OK(zmq_join(dish, "a"));
    test_connect(radio, text_of("udp://127.0.0.1:%d", port));
    for (int i = 0; i < 100; i++)
        OK(send_group(radio, "a", "x", 1));
    test_close(radio);
    for (int i = 0; i < 100; i++)
        expect_group(dish, "a", "x");
    OK(zmq_unbind(dish, text_of("udp://127.0.0.1:%d", port)));
    FAILS(ENOENT, zmq_unbind(dish, text_of("udp://127.0.0.1:%d", port)));
    WAIT(zmq_bind(dish, text_of("udp://127.0.0.1:%d", port)) == 0);
}

Test(udp, each_type_has_its_direction)
{
    void *radio = test_socket(ZMQ_RADIO), *dish = test_socket(ZMQ_DISH);
    void *dgram = test_socket(ZMQ_DGRAM), *pair = test_socket(ZMQ_PAIR);
    int port = free_port();

    NEWER_ONLY();
    FAILS(ENOCOMPATPROTO, zmq_bind(radio, "udp://*:5556"));
    FAILS(ENOCOMPATPROTO, zmq_connect(dish, "udp://127.0.0.1:5556"));
    FAILS(ENOCOMPATPROTO, zmq_connect(dgram, "udp://127.0.0.1:5556"));
    FAILS(ENOCOMPATPROTO, zmq_bind(pair, "udp://*:5556"));
    FAILS(ENOCOMPATPROTO, zmq_connect(pair, "udp://127.0.0.1:5556"));
    FAILS(EINVAL, zmq_connect(radio, "udp://*:5556"));
    FAILS(EINVAL, zmq_connect(radio, "udp://127.0.0.1"));
    FAILS(EINVAL, zmq_connect(radio, "udp://lo;127.0.0.1:5556"));
    FAILS(EINVAL, zmq_bind(dish, ";127.0.0.1:5556"));
    FAILS(ENODEV, zmq_bind(dish, "udp://no-such-interface-0;239.1.2.3:5556"));
    test_bind(dish, text_of("udp://127.0.0.1:%d", port));
    FAILS(EADDRINUSE, zmq_bind(dgram, text_of("udp://127.0.0.1:%d", port)));
}

/* ---- strangers ---- */

static int stranger(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    cr_assert_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

Test(udp, datagrams_that_are_cut_short_or_strange_are_dropped)
{
    int port = free_port(), fd;
    void *dish = test_socket(ZMQ_DISH);
    static char flood[9000];

    NEWER_ONLY();
    test_bind(dish, text_of("udp://127.0.0.1:%d", port));
    OK(zmq_join(dish, "ab"));
    fd = stranger(port);
    cr_assert_eq(send(fd, "", 0, 0), 0);
    cr_assert_eq(send(fd, "\2", 1, 0), 1);
    cr_assert_eq(send(fd, "\2a", 2, 0), 2);
    cr_assert_eq(send(fd,
                      "\xff"
                      "ab",
                      3, 0),
                 3);
    cr_assert_eq(send(fd, "\2a\0body", 7, 0), 7);
    memset(flood, 2, sizeof flood);
    cr_assert_eq(send(fd, flood, sizeof flood, 0), (ssize_t)sizeof flood);
    cr_assert_eq(send(fd, "\2ab", 3, 0), 3);
    cr_assert_eq(send(fd,
                      "\2ab"
                      "3",
                      4, 0),
                 4); /* numbered: some are lost, and out of order */
    cr_assert_eq(send(fd,
                      "\2ab"
                      "1",
                      4, 0),
                 4);
    expect_group(dish, "ab", "");
    expect_group(dish, "ab", "3");
    expect_group(dish, "ab", "1");
    RECV_GIVES(EAGAIN, dish);
    close(fd);
}

Test(udp, a_flood_is_lost_and_the_rest_arrives)
{
    int port = free_port(), fd, seen = 0;
    void *dish = test_socket(ZMQ_DISH);
    char text[16];

    NEWER_ONLY();
    SET(dish, ZMQ_RCVHWM, 10);
    test_bind(dish, text_of("udp://127.0.0.1:%d", port));
    OK(zmq_join(dish, "g"));
    fd = stranger(port);
    for (int i = 0; i < 20000; i++)
        (void)!send(fd, "\1gx", 3, MSG_DONTWAIT);
    for (int size = 0; size != 4; size = zmq_recv(dish, text, sizeof text, 0)) {
        cr_assert_geq(size, 0, "after %d: %s", seen, test_error(errno));
        seen += size == 1;
        /* Behind the flood there is room, sooner or later; this one is not lost for ever. */
        cr_assert_eq(send(fd, "\1glast", 6, 0), 6);
    }
    cr_expect_gt(seen, 10);
    cr_expect_leq(seen, 20000);
    close(fd);
}

/* ---- DGRAM ---- */

Test(udp, dgrams_talk_by_address)
{
    int port[2] = {free_port(), free_port()};
    void *a = test_socket(ZMQ_DGRAM), *b = test_socket(ZMQ_DGRAM);
    char address[64], body[64];
    int fd;

    NEWER_ONLY();
    SEND_GIVES(EINVAL, a, "no address");
    FAILS(EAGAIN, zmq_send(a, "127.0.0.1:9", 11, ZMQ_SNDMORE | ZMQ_DONTWAIT));
    cr_expect_eq(test_events(a), 0);
    test_bind(a, text_of("udp://127.0.0.1:%d", port[0]));
    test_bind(b, text_of("udp://127.0.0.1:%d", port[1]));
    cr_expect_eq(test_events(a), ZMQ_POLLOUT);
    SEND(a, "%s|hello", text_of("127.0.0.1:%d", port[1]));
    cr_assert_eq(zmq_recv(b, address, sizeof address, 0),
                 (int)strlen(text_of("127.0.0.1:%d", port[0])) + 1);
    cr_expect_str_eq(address, text_of("127.0.0.1:%d", port[0]));
    cr_expect_eq(zmq_recv(b, body, sizeof body, 0), 5);
    cr_expect_eq(test_get(b, ZMQ_RCVMORE), 0);
    SEND(a, "nonsense|lost");
    SEND(a, "example.org:7|lost: names are not looked up here");
    OK(zmq_send(b, address, strlen(address) + 1, ZMQ_SNDMORE)); /* as it came, with its NUL */
    FAILS(EINVAL, zmq_send(b, "x", 1, ZMQ_SNDMORE));
    OK(zmq_send(b, "back", 4, 0));
    cr_assert_gt(zmq_recv(a, address, sizeof address, 0), 0);
    cr_expect_str_eq(address, text_of("127.0.0.1:%d", port[1]));
    cr_expect_eq(zmq_recv(a, body, sizeof body, 0), 4);
    FAILS(ENOTSUP, zmq_join(a, "x"));
    cr_expect_eq(test_get(a, ZMQ_THREAD_SAFE), 0);
    fd = stranger(port[0]);
    cr_assert_eq(send(fd, "", 0, 0), 0);
    cr_assert_gt(zmq_recv(a, address, sizeof address, 0), 0);
    cr_expect_eq(zmq_recv(a, body, sizeof body, 0), 0, "an empty one is one, too");
    close(fd);
}

/* ---- groups of hosts ---- */

static bool has_multicast(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bool has;

    to.sin_addr.s_addr = inet_addr("239.192.7.1");
    has = sendto(fd, "", 0, 0, (struct sockaddr *)&to, sizeof to) == 0;
    close(fd);
    return has;
}

Test(udp, a_group_is_heard_by_all_that_bind_to_it)
{
    int port = free_port();
    void *radio = test_socket(ZMQ_RADIO), *dish[2];
    const char *at = text_of("udp://239.192.7.1:%d", port);

    NEWER_ONLY();
    if (!has_multicast())
        cr_skip_test("no multicast here");
    for (int i = 0; i < 2; i++) {
        dish[i] = test_socket(ZMQ_DISH);
        test_bind(dish[i], at);
        OK(zmq_join(dish[i], "tv"));
    }
    SET(radio, ZMQ_MULTICAST_HOPS, 2);
    test_connect(radio, at);
    OK(send_group(radio, "tv", "news", 4));
    expect_group(dish[0], "tv", "news");
    expect_group(dish[1], "tv", "news");
}

Test(udp, a_group_by_way_of_an_interface)
{
    int port = free_port();
    void *radio = test_socket(ZMQ_RADIO), *dish = test_socket(ZMQ_DISH);

    NEWER_ONLY();
    test_bind(dish, text_of("udp://lo;239.192.7.2:%d", port));
    OK(zmq_join(dish, "tv"));
    test_connect(radio, text_of("udp://127.0.0.1;239.192.7.2:%d", port));
    OK(send_group(radio, "tv", "news", 4));
    expect_group(dish, "tv", "news");
}

Test(udp, without_the_loop_this_host_hears_nothing)
{
    int port = free_port();
    void *quiet = test_socket(ZMQ_RADIO), *loud = test_socket(ZMQ_RADIO);
    void *dish = test_socket(ZMQ_DISH);
    const char *at = text_of("udp://239.192.7.3:%d", port);

    NEWER_ONLY();
    if (!has_multicast())
        cr_skip_test("no multicast here");
    test_bind(dish, at);
    OK(zmq_join(dish, "tv"));
    SET(quiet, ZMQ_MULTICAST_LOOP, 0);
    test_connect(quiet, at);
    test_connect(loud, at);
    OK(send_group(quiet, "tv", "lost", 4));
    test_close(quiet); /* it is out now, or soon */
    OK(send_group(loud, "tv", "heard", 5));
    expect_group(dish, "tv", "heard");
}
