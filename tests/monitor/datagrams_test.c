/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of what knows no connections, udp and multicast: bytes, drops by reason, an end's own
 * number and addresses; and that version 3 of a monitor says the same.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/monitor/numbers.h"
#include "tests/monitor/watch.h"
#include "tests/support/group.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

TEST_SUITE(stats_datagrams);

enum { MANY = 50 };

static const char anywhere[] = "udp://127.0.0.1:*";

static struct zuring_loop_stats loop(void)
{
    struct zuring_loop_stats stats;

    OK(zuring_loop_stats(test_ctx(), 0, &stats, sizeof stats));
    return stats;
}

static void say(void *radio, const char *group, const void *body, size_t size)
{
    zmq_msg_t m;

    OK(zmq_msg_init_buffer(&m, body, size));
    OK(zmq_msg_set_group(&m, group));
    cr_assert_eq(zmq_msg_send(&m, radio, 0), (int)size);
}

/* Until it is heard: a machine that has much to do loses datagrams. How often it was said. */
static uint64_t until_heard(void *radio, void *dish, const char *group, const char *body)
{
    uint64_t times = 0;

    do {
        say(radio, group, body, strlen(body));
        times++;
    } while (!test_has_something(dish, 1000));
    RECV(dish, "%s", body);
    return times;
}

/* What came late is read, too. */
static uint64_t unread(void *socket)
{
    char got[64];

    while (zmq_recv(socket, got, sizeof got, ZMQ_DONTWAIT) >= 0)
        continue;
    return of(socket).in_waiting;
}

static void *dish_of(const char *group)
{
    void *dish = test_bound(ZMQ_DISH, anywhere);

    OK(zmq_join(dish, group));
    return dish;
}

static void expect_one_way(const struct zuring_connection_stats *in,
                           const struct zuring_connection_stats *out)
{
    cr_assert_eq(in->bytes_out + out->bytes_in, 0);
    cr_assert_gt(in->active_ms, 0);
    cr_assert_gt(out->active_ms, 0);
    cr_assert_neq(in->connection, 0);
    cr_assert_neq(out->connection, 0);
    cr_assert_neq(in->connection, out->connection);
}

/* ---- udp ---- */

Test(stats_datagrams, counts_what_a_radio_says_and_a_dish_hears)
{
    enum { EACH = 1 + 2 + 10 }; /* the group's size, the group, the body */
    void *dish = dish_of("tv"), *radio = test_connected(ZMQ_RADIO, only_connection(dish).local);
    struct zuring_connection_stats in, out;
    uint64_t said = 0;

    cr_assert_eq(only_connection(dish).active_ms, 0);
    cr_assert_eq(only_connection(radio).active_ms, 0);
    for (int i = 0; i < MANY; i++)
        said += until_heard(radio, dish, "tv", "0123456789");
    WAIT(of(radio).bytes_out == said * EACH); /* it may be heard before it is counted */
    WAIT(unread(dish) == 0 && of(dish).bytes_in == of(dish).received * EACH);
    in = only_connection(dish);
    out = only_connection(radio);
    cr_assert_geq(of(dish).received, MANY);
    cr_assert_leq(of(dish).received, said);
    cr_assert_eq(of(radio).sent, said);
    cr_assert_eq(in.bytes_in, in.received * EACH);
    cr_assert_eq(out.bytes_out, said * EACH);
    expect_one_way(&in, &out);
    cr_assert_eq(out.reconnects + in.reconnects, 0);
    cr_assert(strncmp(in.local, "udp://127.0.0.1:", 16) == 0 && atoi(in.local + 16) > 0, "%s",
              in.local);
    cr_assert_str_eq(in.remote, "", "whoever speaks there");
    cr_assert_str_eq(out.remote, in.local);
    cr_assert(strncmp(out.local, "udp://0.0.0.0:", 14) == 0 && atoi(out.local + 14) > 0, "%s",
              out.local);
    WAIT(loop().recv_bytes >= MANY * EACH && loop().send_bytes >= MANY * EACH);
    cr_assert_geq(loop().recvs, MANY);
    cr_assert_geq(loop().sends, MANY);
}

Test(stats_datagrams, calls_a_group_by_its_address)
{
    void *dish = test_socket(ZMQ_DISH), *radio = test_socket(ZMQ_RADIO);

    test_bind(dish, "udp://lo;239.192.7.9:*");
    test_connect(radio, "udp://lo;239.192.7.9:5999");
    cr_assert(strncmp(only_connection(dish).local, "udp://239.192.7.9:", 18) == 0, "%s",
              only_connection(dish).local);
    cr_assert_str_eq(only_connection(radio).remote, "udp://239.192.7.9:5999");
}

Test(stats_datagrams, counts_what_dgrams_say_to_each_other)
{
    void *a = test_bound(ZMQ_DGRAM, anywhere), *b = test_bound(ZMQ_DGRAM, anywhere);
    char b_is_at[64], address[64];
    uint64_t said = 0, answered = 0;

    snprintf(b_is_at, sizeof b_is_at, "%s", only_connection(b).local + strlen("udp://"));
    while (of(a).received < MANY) {
        SEND(a, "%s|hello", b_is_at);
        said++;
        if (!test_has_something(b, 1000))
            continue; /* a machine that has much to do loses datagrams */
        cr_assert_gt(zmq_recv(b, address, sizeof address, 0), 0);
        cr_assert_eq(zmq_recv(b, NULL, 0, 0), 5);
        OK(zmq_send(b, address, strlen(address), ZMQ_SNDMORE));
        OK(zmq_send(b, "back", 4, 0));
        answered++;
        if (!test_has_something(a, 1000))
            continue;
        cr_assert_gt(zmq_recv(a, address, sizeof address, 0), 0);
        cr_assert_eq(zmq_recv(a, NULL, 0, 0), 4);
    }
    SEND(a, "nonsense|goes nowhere");
    WAIT(of(a).dropped_lost == 1);
    WAIT(of(a).bytes_out == said * 5 && of(b).bytes_out == answered * 4);
    WAIT(unread(a) == 0 && of(a).bytes_in == of(a).received * 4);
    WAIT(unread(b) == 0 && of(b).bytes_in == of(b).received * 5);
    cr_assert_eq(of(a).sent, said + 1);
    cr_assert_eq(of(b).sent, answered);
    cr_assert_eq(only_connection(a).dropped_lost, 1);
    cr_assert_neq(only_connection(a).connection, only_connection(b).connection);
    cr_assert_str_eq(only_connection(a).remote, "");
}

/* Its number is never another's. */
Test(stats_datagrams, a_new_bind_is_another_end)
{
    void *dish = test_bound(ZMQ_DISH, anywhere), *radio;
    struct zuring_connection_stats first = only_connection(dish);

    OK(zmq_join(dish, "tv"));
    radio = test_connected(ZMQ_RADIO, first.local);
    until_heard(radio, dish, "tv", "one");
    OK(zmq_unbind(dish, anywhere));
    WAIT((test_catch_up(dish), of(dish).connections == 0));
    cr_assert_geq(of(dish).bytes_in, 6, "what has gone stays in the sum");
    test_bind(dish, anywhere);
    cr_assert_gt(only_connection(dish).connection, first.connection);
    cr_assert_eq(only_connection(dish).bytes_in, 0);
}

static int stranger(const char *endpoint)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    a.sin_port = htons((uint16_t)atoi(strrchr(endpoint, ':') + 1));
    cr_assert_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

Test(stats_datagrams, counts_what_is_dropped_by_reason)
{
    static char large[8192];
    void *dish = dish_of("a"), *radio = test_connected(ZMQ_RADIO, only_connection(dish).local);
    int fd = stranger(only_connection(dish).local);
    uint64_t said;

    say(radio, "a", large, sizeof large); /* with its group it does not fit */
    WAIT(of(radio).dropped_oversized == 1);
    said = until_heard(radio, dish, "a", "yes");
    WAIT(of(radio).bytes_out == said * 5);
    cr_assert_eq(of(radio).sent, said + 1);
    WAIT(({ /* no group is that short */
            cr_assert_eq(send(fd, "\7a", 2, 0), 2);
            cr_assert_eq(send(fd, "", 0, 0), 0);
            of(dish).dropped_lost > 1;
    }));
    WAIT(({
        say(radio, "other", "no", 2);
        test_catch_up(dish);
        of(dish).dropped_filtered > 0;
    }));
    cr_assert_geq(of(dish).received, 2);
    cr_assert_geq(of(dish).bytes_in, 5 + 2 + 8);
    cr_assert_eq(of(radio).dropped_oversized, 1);
    cr_assert_eq(of(radio).dropped_lost, 0);
    cr_assert_eq(only_connection(radio).dropped_oversized, 1);
    cr_assert_gt(only_connection(dish).dropped_lost, 1);
    close(fd);
}

/* Nobody reads, nor will for as long as this takes: it is counted all the same. */
Test(stats_datagrams, counts_what_the_kernel_drops_while_the_queue_is_full)
{
    void *dish = test_socket(ZMQ_DISH);
    uint64_t said = 0, heard = 0;
    char got[16];
    int fd;

    SET(dish, ZMQ_RCVHWM, 1);
    SET(dish, ZMQ_RCVBUF, 4096);
    test_bind(dish, anywhere);
    OK(zmq_join(dish, "a"));
    fd = stranger(only_connection(dish).local);
    WAIT(({
        for (int i = 0; i < 10; i++)
            said += send(fd, "\1a0", 3, MSG_DONTWAIT) == 3;
        of(dish).dropped_lost > 0;
    }));
    WAIT(({
        while (zmq_recv(dish, got, sizeof got, ZMQ_DONTWAIT) == 1)
            heard++;
        of(dish).in_waiting == 0 && of(dish).bytes_in > 3;
    }));
    cr_assert_gt(heard, 0);
    cr_assert_leq(of(dish).received + of(dish).dropped_lost, said);
    close(fd);
}

/* ---- version 3 of a monitor ---- */

static struct zuring_event next(void *reader)
{
    struct zuring_event r;

    cr_assert_eq(zmq_recv(reader, &r, sizeof r, 0), (int)sizeof r);
    return r;
}

static void *watch_drops(void *socket)
{
    const char *name = watch_name();

    OK(zmq_socket_monitor_versioned(socket, name, ZURING_EVENT_DROPPED, ZURING_EVENT_VERSION,
                                    ZMQ_PAIR));
    return watch_reader(ZMQ_PAIR, name);
}

Test(stats_datagrams, a_monitor_is_told_at_the_end)
{
    static char large[8192];
    void *dish = dish_of("a"), *radio = test_connected(ZMQ_RADIO, only_connection(dish).local);
    struct zuring_connection_stats in = only_connection(dish), out = only_connection(radio);
    void *of_dish = watch_drops(dish), *of_radio = watch_drops(radio);
    int fd = stranger(in.local);
    struct zuring_event e;

    say(radio, "a", large, sizeof large);
    say(radio, "a", large, sizeof large);
    WAIT(of(radio).dropped_oversized == 2);
    WAIT(({
        cr_assert_eq(send(fd, "\7a", 2, 0), 2);
        of(dish).dropped_lost > 0;
    }));
    test_close(radio);
    e = next(of_radio);
    cr_assert_eq(e.event, ZURING_EVENT_DROPPED);
    cr_assert_eq(e.value, 2);
    cr_assert_eq(e.value2, ZURING_DROP_OVERSIZED);
    cr_assert_eq(e.connection, out.connection);
    cr_assert_str_eq(e.local, out.local);
    cr_assert_str_eq(e.remote, out.remote);
    cr_assert_str_eq(e.endpoint, in.local);
    cr_assert_eq(e.bound, 0);
    OK(zmq_unbind(dish, anywhere));
    e = next(of_dish);
    cr_assert_gt(e.value, 0);
    cr_assert_eq(e.value2, ZURING_DROP_LOST);
    cr_assert_eq(e.connection, in.connection);
    cr_assert_str_eq(e.local, in.local);
    cr_assert_str_eq(e.remote, "");
    cr_assert_str_eq(e.endpoint, anywhere);
    cr_assert_eq(e.bound, 1);
    close(fd);
}

/* ---- multicast ---- */

/* Each by itself; where it was not built in there is nothing to see. */
static void counts_what_is_said_to_a_group(const char *scheme, const char *feature)
{
    static char large[2000];
    int64_t most = sizeof large / 2;
    int heard = 0;
    void *pub, *sub;
    struct zuring_connection_stats in, out;
    const char *at;

    if (!zmq_has(feature))
        cr_skip_test("%s is not built in", feature);
    at = test_group(scheme);
    pub = test_fast(ZMQ_PUB);
    sub = test_fast(ZMQ_SUB);
    SUBSCRIBE(sub, "");
    OK(zmq_setsockopt(sub, ZMQ_MAXMSGSIZE, &most, sizeof most));
    SET(pub, ZMQ_LINGER, 0);
    test_connect(sub, at);
    test_bind(pub, at); /* which is the same */
    test_hears(pub, sub, "first");
    WAIT(({ /* on a machine that is too slow some are given up */
            SEND(pub, "0123456789");
            heard += strcmp(test_recv(sub, ZMQ_DONTWAIT), "0123456789") == 0;
            heard >= MANY;
    }));
    WAIT(of(pub).bytes_out >= of(sub).bytes_in);
    in = only_connection(sub);
    out = only_connection(pub);
    cr_assert_gt(in.bytes_in, MANY * 10);
    cr_assert_gt(out.bytes_out, MANY * 10);
    expect_one_way(&in, &out);
    cr_assert_str_eq(in.local, at);
    cr_assert_str_eq(in.remote, "");
    cr_assert_str_eq(out.remote, at);
    cr_assert_str_eq(out.local, "");
    cr_assert_geq(loop().recv_bytes, in.bytes_in);
    cr_assert_geq(loop().send_bytes, out.bytes_out);
    WAIT(({
        cr_assert_eq(zmq_send(pub, large, sizeof large, 0), (int)sizeof large);
        of(sub).dropped_oversized > 0;
    }));
    WAIT(({
        SEND(pub, "again");
        strcmp(test_recv(sub, ZMQ_DONTWAIT), "again") == 0;
    }));
}

Test(stats_datagrams, counts_what_norm_carries)
{
    counts_what_is_said_to_a_group("norm", "norm");
}

Test(stats_datagrams, counts_what_epgm_carries)
{
    counts_what_is_said_to_a_group("epgm", "pgm");
}
