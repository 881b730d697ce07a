/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of every size that matters, and many messages, between ours and the distribution's
 * libzmq.
 */
#include "tests/support/body.h"
#include "tests/support/peer.h"

#include <inttypes.h>
#include <stdlib.h>

INTEROP_SUITE(interop_bodies);

static const size_t sizes[] = {0,     1,     8,      32,      33,       34,      63,   64,
                               254,   255,   256,    8183,    8191,     8192,    8193, 65535,
                               65536, 65537, 100000, 1048576, 16777217, 67108864};

enum { SIZES = sizeof sizes / sizeof *sizes };

static void send_body(void *socket, size_t size, uint64_t seed)
{
    zmq_msg_t part;

    OK(zmq_msg_init_size(&part, size));
    test_body_fill(zmq_msg_data(&part), size, seed);
    OK(zmq_msg_send(&part, socket, 0));
}

static const char *take(void *socket)
{
    zmq_msg_t part;
    const char *text;

    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, socket, 0) < 0)
        return test_error(errno);
    text = test_text("ok %zu %016" PRIx64 "%s", zmq_msg_size(&part),
                     test_body_hash(zmq_msg_data(&part), zmq_msg_size(&part)),
                     zmq_msg_more(&part) ? " more" : "");
    zmq_msg_close(&part);
    return text;
}

static const char *expected(size_t size, uint64_t seed)
{
    void *data = malloc(size + 1);
    const char *text;

    cr_assert_not_null(data);
    test_body_fill(data, size, seed);
    text = test_text("ok %zu %016" PRIx64, size, test_body_hash(data, size));
    free(data);
    return text;
}

static void open_dealers(enum test_transport transport, bool ours_binds, struct test_peer *peer,
                         void **ours)
{
    const char *at = test_endpoint(transport);

    test_peer_start(peer);
    PEER(peer, "open 0 %d", ZMQ_DEALER);
    *ours = test_socket(ZMQ_DEALER);
    SET(*ours, ZMQ_SNDTIMEO, 2 * TEST_DEADLINE_MS);
    SET(*ours, ZMQ_RCVTIMEO, 2 * TEST_DEADLINE_MS);
    if (ours_binds) {
        test_bind(*ours, at);
        PEER(peer, "connect 0 %s", at);
    } else {
        PEER(peer, "bind 0 %s", at);
        test_connect(*ours, at);
    }
}

EACH_STREAM(interop_bodies, of_all_sizes_arrive_whole)
{
    static struct test_peer peer;
    void *ours;

    open_dealers(transport, true, &peer, &ours);
    for (int i = 0; i < SIZES; i++) {
        const char *want = expected(sizes[i], (uint64_t)i);

        send_body(ours, sizes[i], (uint64_t)i);
        PEER_SAYS(&peer, want, "take 0");
        PEER(&peer, "body 0 %zu %d", sizes[i], i);
        cr_assert_str_eq(take(ours), want, "%zu", sizes[i]);
    }
}

EACH_STREAM(interop_bodies, of_all_sizes_mix_in_one_message)
{
    static struct test_peer peer;
    void *ours;

    open_dealers(transport, false, &peer, &ours);
    for (int i = 0; i < SIZES - 2; i++) {
        zmq_msg_t part;

        OK(zmq_msg_init_size(&part, sizes[i]));
        test_body_fill(zmq_msg_data(&part), sizes[i], (uint64_t)i);
        OK(zmq_msg_send(&part, ours, i < SIZES - 3 ? ZMQ_SNDMORE : 0));
    }
    for (int i = 0; i < SIZES - 2; i++)
        PEER_SAYS(&peer,
                  test_text("%s%s", expected(sizes[i], (uint64_t)i), i < SIZES - 3 ? " more" : ""),
                  "take 0");
}

struct stream_of {
    uint64_t count;
    size_t size;
};

static const struct stream_of streams[] = {
    {200000, 16}, {50000, 200}, {20000, 5000}, {2000, 100000}};

EACH_STREAM(interop_bodies, many_messages_arrive_in_order)
{
    static struct test_peer peer;
    void *ours;

    open_dealers(transport, true, &peer, &ours);
    for (size_t k = 0; k < sizeof streams / sizeof *streams; k++) {
        uint64_t count = streams[k].count;
        size_t size = streams[k].size;
        char *body = calloc(1, size);

        test_peer_tell(&peer, "count 0 %" PRIu64 " %zu", count, size);
        for (uint64_t i = 0; i < count; i++) {
            memcpy(body, &i, 8);
            cr_assert_eq(zmq_send(ours, body, size, 0), (int)size, "%s", test_error(errno));
        }
        cr_assert_str_eq(test_peer_answer(&peer), "ok");
        test_peer_tell(&peer, "flood 0 %" PRIu64 " %zu", count, size);
        for (uint64_t i = 0; i < count; i++) {
            cr_assert_eq(zmq_recv(ours, body, size, 0), (int)size, "at %" PRIu64 ": %s", i,
                         test_error(errno));
            cr_assert_eq(memcmp(body, &i, 8), 0, "out of order at %" PRIu64, i);
        }
        cr_assert_str_eq(test_peer_answer(&peer), "ok");
        free(body);
    }
}

EACH_STREAM(interop_bodies, both_directions_may_be_busy_at_once)
{
    enum { MANY = 100000 };
    static struct test_peer peer;
    void *ours;
    uint64_t sent = 0, received = 0;

    open_dealers(transport, true, &peer, &ours);
    PEER(&peer, "set 0 %d 0", ZMQ_SNDHWM); /* it cannot receive while it sends */
    test_peer_tell(&peer, "flood 0 %d 64", MANY);
    test_peer_tell(&peer, "count 0 %d 64", MANY);
    while (sent < MANY || received < MANY) {
        zmq_pollitem_t item = {.socket = ours,
                               .events = (short)(ZMQ_POLLIN | (sent < MANY ? ZMQ_POLLOUT : 0))};
        uint64_t body[8] = {sent};

        cr_assert_eq(zmq_poll(&item, 1, TEST_DEADLINE_MS), 1);
        if (item.revents & ZMQ_POLLOUT && zmq_send(ours, body, sizeof body, ZMQ_DONTWAIT) > 0)
            sent++;
        if (item.revents & ZMQ_POLLIN) {
            cr_assert_eq(zmq_recv(ours, body, sizeof body, ZMQ_DONTWAIT), (int)sizeof body);
            cr_assert_eq(body[0], received++);
        }
    }
    cr_assert_str_eq(test_peer_answer(&peer), "ok");
    cr_assert_str_eq(test_peer_answer(&peer), "ok");
}

EACH_STREAM(interop_bodies, a_message_that_is_too_large_costs_the_connection)
{
    static struct test_peer peer;
    const char *at = test_endpoint(transport);
    void *ours = test_socket(ZMQ_PULL);
    int64_t max = 100;

    OK(zmq_setsockopt(ours, ZMQ_MAXMSGSIZE, &max, sizeof max));
    test_bind(ours, at);
    test_peer_start(&peer);
    PEER(&peer, "open 0 %d", ZMQ_PUSH);
    PEER(&peer, "set 0 %d 10", ZMQ_RECONNECT_IVL);
    PEER(&peer, "connect 0 %s", at);
    PEER(&peer, "body 0 100 1");
    cr_assert_eq(zmq_recv(ours, NULL, 0, 0), 100);
    PEER(&peer, "body 0 101 1");
    /* The connection is lost and made again; what is said then comes through. */
    do {
        PEER(&peer, "send 0 again");
        test_pause();
    } while (!(test_events(ours) & ZMQ_POLLIN));
    RECV(ours, "again");
}
