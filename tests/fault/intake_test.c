/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a thread receives by itself (engine/core/by_hand.h): lone messages, with the loop's own
 * parser, and nothing else; and whose the intake is in between.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/fault/hands.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <unistd.h>
#include <zmq.h>

TestSuite(intake, .timeout = 110);

enum { LONE_MAX = 32, TURNS_MAX = 16, REST = 64 };

/* A socket that has dialed. */
static void dial(struct rig *r, int type, int water_mark)
{
    rig_open(r, type);
    rig_set(r, ZMQ_RCVHWM, water_mark);
    rig_set(r, ZMQ_RCVTIMEO, 1);
    scripted_by_hand(r->k, SIZE_MAX);
    rig_dial(r);
    rig_connect(r);
}

/* Its peer has been left the intake. */
static void leave(struct rig *r)
{
    rig_hear_all(r);
    rig_settle(r);
    r->said_size = 0;
    cr_assert_not(scripted_watches(r->k));
    ask_for_intake(r);
}

/* A DEALER, or a CLIENT, which threads may share; and its peer. */
static void meet_as(struct rig *r, int type, int water_mark)
{
    dial(r, type, water_mark);
    rig_say_hex(r,
                type == ZMQ_CLIENT ? RIG_GREETING RIG_READY_SERVER : RIG_GREETING RIG_READY_DEALER);
    leave(r);
}

static void meet(struct rig *r, int water_mark)
{
    meet_as(r, ZMQ_DEALER, water_mark);
}

#define PUT(r, bytes) scripted_put((r)->k, bytes, sizeof bytes - 1)

static void receive_by_hand(int type)
{
    struct rig r = {.label = "lone messages"};

    meet_as(&r, type, 1000);
    for (int i = 0; i < 100; i++) {
        PUT(&r, "\0\4lone");
        cr_assert(hears(&r, "lone"), "%d", i);
        cr_assert_not(is_woken(&r));
        cr_assert(scripted_watches(r.k));
    }
    cr_assert(hears(&r, NULL));
    rig_end(&r, 0);
}

Test(intake, who_waits_receives_by_himself)
{
    receive_by_hand(ZMQ_DEALER);
}

Test(intake, who_waits_for_a_joint_socket_receives_by_himself)
{
    receive_by_hand(ZMQ_CLIENT);
}

Test(intake, while_nobody_waits_the_loop_receives)
{
    struct rig r = {.label = "nobody waits"};

    meet(&r, 1000);
    for (int i = 0; i < 100; i++) {
        scripted_see(r.k);
        cr_assert_not_null(rig_receiving(&r), "%d", i);
        rig_say_hex(&r, "00 04 'lone' ");
        cr_assert(hears(&r, "lone"));
        cr_assert(hears(&r, NULL)); /* it was late, but he will wait again */
        cr_assert(scripted_watches(r.k));
    }
    rig_end(&r, 0);
}

/* Messages come, and nobody waits: the intake is not left any more. */
static void do_not_come(struct rig *r)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        scripted_see(r->k);
        rig_say_hex(r, "00 04 'lone' ");
    }
    cr_assert_not(scripted_watches(r->k));
    cr_assert_not_null(rig_receiving(r));
    for (int i = 0; i < TURNS_MAX; i++)
        cr_assert(hears(r, "lone"));
}

Test(intake, it_is_left_to_nobody_who_does_not_come)
{
    struct rig r = {.label = "a caller who has gone"};

    meet(&r, 1000);
    do_not_come(&r);
    rig_end(&r, 0);
}

/* It was meant for the receive before. */
Test(intake, a_cancel_that_comes_late_ends_nothing)
{
    struct rig r = {.label = "a late cancel"};

    meet(&r, 1000);
    do_not_come(&r);
    scripted_on_cancel(r.k, SCRIPTED_CANCEL_NOTED);
    cr_assert(hears(&r, NULL)); /* here he is again */
    rig_settle(&r);
    cr_assert(scripted_cancelled(r.k, rig_receiving(&r)));
    rig_say_hex(&r, "00 04 'more' "); /* that had come already */
    cr_assert(hears(&r, "more"));
    scripted_see(r.k);
    scripted_complete(r.k, rig_receiving(&r), -ECANCELED, 0);
    rig_settle(&r);
    cr_assert_not(rig_closed(&r));
    cr_assert(scripted_watches(r.k));
    PUT(&r, "\0\4last");
    cr_assert(hears(&r, "last"));
    rig_end(&r, 0);
}

/* What came by a receive that closing finds is counted, and no end of the connection. */
Test(intake, a_close_goes_on_to_receive)
{
    struct rig r = {.label = "a close while a caller might receive"};

    meet(&r, 1000);
    cr_assert_null(rig_receiving(&r));
    rig_close(&r);
    rig_round(&r);
    cr_assert_not_null(rig_receiving(&r));
    rig_settle(&r);
    rig_end(&r, 5000);
}

Test(intake, what_is_under_way_to_and_fro_is_no_stream)
{
    struct rig r = {.label = "several requests at once"};

    meet(&r, 1000);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < LONE_MAX; i++)
            PUT(&r, "\0\4many");
        for (int i = 0; i < LONE_MAX; i++)
            cr_assert(hears(&r, "many"), "%d", i);
        cr_assert_not(is_woken(&r));
        cr_assert(scripted_watches(r.k));
    }
    cr_assert(hears(&r, NULL));
    rig_end(&r, 0);
}

Test(intake, a_stream_is_the_loops)
{
    struct rig r = {.label = "a stream"};

    meet(&r, 1000);
    for (int i = 0; i <= LONE_MAX; i++)
        PUT(&r, "\0\4many");
    for (int i = 0; i <= LONE_MAX; i++)
        cr_assert(hears(&r, "many"));
    cr_assert(is_woken(&r));
    rig_settle(&r);
    cr_assert_not(scripted_watches(r.k));
    for (int i = 0; i < REST; i++) { /* and for a while nobody asks for it */
        cr_assert_not_null(rig_receiving(&r));
        cr_assert(hears(&r, NULL));
        cr_assert_not(is_woken(&r), "%d", i);
    }
    ask_for_intake(&r);
    rig_end(&r, 0);
}

/* The loop is told of each piece, as much as it asks for. */
static void say_unwaited(struct rig *r, const char *bytes, size_t size)
{
    while (size > 0) {
        struct zu_op *op;
        size_t n;

        scripted_see(r->k);
        op = rig_receiving(r);
        cr_assert_not_null(op);
        n = scripted_feed(r->k, op, bytes, size);
        rig_settle(r);
        bytes += n;
        size -= n;
    }
}

/* A message in two pieces; the second by hand, or by the loop. */
static void cut(const char *bytes, size_t size, const char *text, size_t at, bool by_hand)
{
    struct rig r = {.label = "a message in two pieces"};

    meet(&r, 1000);
    scripted_put(r.k, bytes, at);
    cr_assert(hears(&r, NULL));
    cr_assert_not(is_woken(&r));
    if (by_hand) {
        scripted_put(r.k, bytes + at, size - at);
    } else {
        say_unwaited(&r, bytes + at, size - at);
    }
    cr_assert(hears(&r, text), "%zu", at);
    PUT(&r, "\0\4next");
    cr_assert(hears(&r, "next"));
    rig_end(&r, 0);
}

Test(intake, a_message_may_come_in_pieces)
{
    static char large[9 + 100000];
    static const char small[] = "\0\14a small text";

    for (size_t at = 1; at < sizeof small - 1; at++) {
        cut(small, sizeof small - 1, &small[2], at, true);
        cut(small, sizeof small - 1, &small[2], at, false);
    }
    memset(large, 'x', sizeof large - 1);
    memcpy(large, "\2\0\0\0\0\0\1\206\237", 9); /* 99,999 */
    for (size_t at = 1; at < sizeof large - 1; at += at < 12 ? 1 : 20011) {
        cut(large, sizeof large - 1, &large[9], at, true);
        cut(large, sizeof large - 1, &large[9], at, false);
    }
}

static void feed(struct rig *r, const char *bytes, size_t size)
{
    while (size > 0) {
        struct zu_op *op = rig_receiving(r);
        size_t n;

        cr_assert_not_null(op);
        n = scripted_feed(r->k, op, bytes, size);
        rig_settle(r);
        bytes += n;
        size -= n;
    }
}

/*
 * Of 250,000 bytes a fifth is there, which a caller has read, or the loop. The rest is the loop's,
 * whom the kernel need not tell of each piece; while it was left to callers, it did.
 */
static void begin_long(bool by_hand)
{
    enum { BODY = 250000, FIRST = 9 + 50000 };
    static char large[9 + BODY + 1];
    struct rig r = {.label = "a long body"};

    memset(large, 'x', sizeof large - 1);
    memcpy(large, "\2\0\0\0\0\0\3\320\220", 9);
    meet(&r, 1000);
    if (by_hand) {
        scripted_put(r.k, large, FIRST);
    } else {
        scripted_see(r.k);
        feed(&r, large, FIRST);
        cr_assert(scripted_watches(r.k));
        cr_assert_leq(r.expected, 1);
    }
    cr_assert(hears(&r, NULL));
    cr_assert(is_woken(&r));
    rig_settle(&r);
    cr_assert_not(scripted_watches(r.k));
    cr_assert_eq(r.expected, sizeof large - 1 - FIRST);
    feed(&r, large + FIRST, sizeof large - 1 - FIRST);
    cr_assert(hears(&r, &large[9]));
    rig_end(&r, 0);
}

Test(intake, a_long_body_is_the_loops)
{
    begin_long(true);
    begin_long(false);
}

Test(intake, a_command_is_the_loops)
{
    struct rig r = {.label = "a PING"};

    meet(&r, 1000);
    PUT(&r, "\0\6before\4\7\4PING\0\0\0\5after");
    cr_assert(hears(&r, "before"));
    cr_assert(is_woken(&r));
    rig_settle(&r);
    rig_hear_all(&r);
    cr_assert_eq(r.said_size, 7);
    cr_assert_arr_eq(r.said, "\4\5\4PONG", 7);
    cr_assert(hears(&r, "after"));
    rig_settle(&r);
    cr_assert(scripted_watches(r.k)); /* and then it is left again */
    rig_end(&r, 0);
}

Test(intake, how_a_connection_ended_is_not_forgotten)
{
    static const int ends[] = {0, -ECONNRESET, -ETIMEDOUT};

    for (size_t i = 0; i < zu_array_len(ends); i++) {
        struct rig r = {.label = "an end"};

        meet(&r, 1000);
        PUT(&r, "\0\4last");
        cr_assert(hears(&r, "last"));
        scripted_put_end(r.k, ends[i]);
        cr_assert(hears(&r, NULL));
        cr_assert(is_woken(&r));
        rig_settle(&r);
        cr_assert(rig_closed(&r));
        cr_assert_not_null(strstr(r.events, "DISCONNECTED"));
        rig_end(&r, 0);
    }
}

Test(intake, who_breaks_the_rules_is_sent_away)
{
    struct rig r = {.label = "no frame"};

    meet(&r, 1000);
    PUT(&r, "\0\4last\377\377\377\377\377\377\377\377\377\377");
    cr_assert(hears(&r, "last"));
    rig_settle(&r);
    cr_assert(rig_closed(&r));
    rig_end(&r, 0);
}

Test(intake, what_finds_no_room_waits)
{
    struct rig r = {.label = "a low water mark"};

    meet(&r, 2);
    PUT(&r, "\0\1"
            "1\0\1"
            "2\0\1"
            "3\0\1"
            "4\0\1"
            "5\0\1"
            "6");
    for (int i = 1; i <= 6; i++) {
        cr_assert(hears(&r, (char[]){(char)('0' + i), 0}), "%d", i);
        rig_settle(&r);
    }
    ask_for_intake(&r);
    rig_end(&r, 0);
}

Test(intake, what_was_heard_by_hand_was_heard)
{
    struct rig r = {.label = "heartbeats"};

    rig_open(&r, ZMQ_DEALER);
    rig_set(&r, ZMQ_RCVTIMEO, 1);
    rig_set(&r, ZMQ_HEARTBEAT_IVL, 100);
    rig_set(&r, ZMQ_HEARTBEAT_TIMEOUT, 50);
    scripted_by_hand(r.k, SIZE_MAX);
    rig_dial(&r);
    rig_connect(&r);
    rig_say_hex(&r, RIG_GREETING RIG_READY_DEALER);
    rig_hear_all(&r);
    ask_for_intake(&r);
    for (int i = 0; i < 5; i++) {
        rig_pass(&r, 110); /* it asks whether anybody is there */
        rig_hear_all(&r);
        PUT(&r, "\0\4here");
        cr_assert(hears(&r, "here"));
        rig_pass(&r, 60);
        cr_assert_null(strstr(r.events, "DISCONNECTED"), "%d", i);
        cr_assert(scripted_watches(r.k));
        rig_pass(&r, 30);
        rig_hear_all(&r);
    }
    for (int i = 0; i < 20; i++) {
        rig_pass(&r, 10);
        rig_hear_all(&r);
    }
    cr_assert_not_null(strstr(r.events, "DISCONNECTED")); /* nothing was */
    rig_end(&r, 0);
}

/* Asks without waiting, until it keeps the intake. */
static void keep(struct rig *r)
{
    while (scripted_watches(r->k)) { /* or for as long as a test may take: it may be slow here */
        for (int i = 0; i < 1000; i++)
            cr_assert_eq(zmq_recv(r->s, NULL, 0, ZMQ_DONTWAIT), -1);
        rig_settle(r);
    }
}

static bool finds(struct rig *r, const char *text)
{
    char got[64];
    int n = zmq_recv(r->s, got, sizeof got, ZMQ_DONTWAIT);

    return n == (int)strlen(text) && !memcmp(got, text, (size_t)n);
}

static void ask_again_and_again(int type)
{
    struct rig r = {.label = "no waiting"};
    zmq_pollitem_t item = {.events = ZMQ_POLLIN};

    meet_as(&r, type, 1000);
    keep(&r);
    cr_assert_null(rig_receiving(&r));
    for (int i = 0; i < 10; i++) {
        PUT(&r, "\0\4lone");
        cr_assert(finds(&r, "lone"));
        cr_assert_not(is_woken(&r));
        rig_pass(&r, 1);
        cr_assert_not(scripted_watches(r.k));
    }
    item.socket = r.s;
    PUT(&r, "\0\4poll");
    cr_assert_eq(zmq_poll(&item, 1, 0), 1);
    cr_assert(finds(&r, "poll"));
    cr_assert(hears(&r, NULL)); /* but not beyond a wait */
    cr_assert(scripted_watches(r.k));
    keep(&r);
    rig_end(&r, 0);
}

Test(intake, who_asks_again_and_again_keeps_it)
{
    ask_again_and_again(ZMQ_DEALER);
}

Test(intake, who_asks_a_joint_socket_again_and_again_keeps_it)
{
    ask_again_and_again(ZMQ_CLIENT);
}

/* ---- raw bytes ---- */

/* What comes is told with the connection's name ahead of it. */
static bool hears_raw(struct rig *r, const char *bytes)
{
    char name[256];

    return zmq_recv(r->s, name, sizeof name, 0) > 0 && hears(r, bytes);
}

static void meet_raw(struct rig *r, int type)
{
    dial(r, type, 1000);
    rig_settle(r);
    cr_assert(hears_raw(r, "")); /* the connection is there */
    leave(r);
}

Test(intake, bytes_without_frames_are_received_by_hand)
{
    struct rig r = {.label = "a STREAM"};

    meet_raw(&r, ZMQ_STREAM);
    for (int i = 0; i < 100; i++) {
        PUT(&r, "GET /");
        cr_assert(hears_raw(&r, "GET /"), "%d", i);
        cr_assert_not(is_woken(&r));
        cr_assert(scripted_watches(r.k));
    }
    scripted_put_end(r.k, 0);
    cr_assert(hears(&r, NULL));
    cr_assert(is_woken(&r));
    rig_settle(&r);
    cr_assert(hears_raw(&r, "")); /* it is gone */
    rig_end(&r, 0);
}

Test(intake, many_bytes_without_frames_are_a_stream)
{
    enum { MANY = 32 * 1024 };
    static char many[MANY + 1];
    struct rig r = {.label = "a STREAM of bytes"};

    memset(many, 'x', MANY);
    meet_raw(&r, ZMQ_STREAM);
    for (size_t size = MANY - 1; size <= MANY; size++) {
        scripted_put(r.k, many, size);
        for (size_t at = 0, n; at < size; at += n) {
            n = ZU_MIN(size - at, (size_t)8192);
            cr_assert(hears_raw(&r, &many[MANY - n]));
        }
        cr_assert_eq(is_woken(&r), size == MANY);
    }
    rig_settle(&r);
    cr_assert_not(scripted_watches(r.k));
    cr_assert_not_null(rig_receiving(&r));
    rig_end(&r, 0);
}

/* ---- in a poller ---- */

/* Waits for so long: is there something at the rig's socket? */
static bool polls(struct rig *r, void *poller, long timeout_ms)
{
    zmq_poller_event_t e;
    int rc = zmq_poller_wait(poller, &e, timeout_ms);

    cr_assert(rc == 0 || errno == EAGAIN);
    return rc == 0 && e.socket == r->s && e.events == ZMQ_POLLIN;
}

static void *poller_of(void *socket)
{
    void *poller = zmq_poller_new();

    cr_assert_not_null(poller);
    cr_assert_eq(zmq_poller_add(poller, socket, NULL, ZMQ_POLLIN), 0);
    return poller;
}

static void receive_in_a_poller(int type)
{
    struct rig r = {.label = "lone messages for a poller"};
    zmq_pollitem_t item = {.events = ZMQ_POLLIN};
    int pipe_ends[2];
    void *poller;

    meet_as(&r, type, 1000);
    poller = poller_of(r.s);
    item.socket = r.s;
    cr_assert_eq(pipe(pipe_ends), 0);
    for (int i = 0; i < 100; i++) {
        if (i == 50) /* and beside a descriptor */
            cr_assert_eq(zmq_poller_add_fd(poller, pipe_ends[0], NULL, ZMQ_POLLIN), 0);
        PUT(&r, "\0\4lone");
        cr_assert(i % 2 ? polls(&r, poller, 1000) : zmq_poll(&item, 1, 1000) == 1, "%d", i);
        cr_assert(scripted_watches(r.k)); /* nothing outlives the call */
        cr_assert(finds(&r, "lone"));
        cr_assert_not(polls(&r, poller, 1));
        cr_assert_not(is_woken(&r));
        cr_assert(scripted_watches(r.k));
    }
    cr_assert_eq(zmq_poller_destroy(&poller), 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    rig_end(&r, 0);
}

Test(intake, who_waits_in_a_poller_receives_by_himself)
{
    receive_in_a_poller(ZMQ_DEALER);
}

Test(intake, who_waits_for_a_joint_socket_in_a_poller_receives_by_himself)
{
    receive_in_a_poller(ZMQ_CLIENT);
}

Test(intake, who_asks_a_poller_again_and_again_keeps_it)
{
    struct rig r = {.label = "a poller that does not wait"};
    void *poller;

    meet(&r, 1000);
    poller = poller_of(r.s);
    while (scripted_watches(r.k)) {
        for (int i = 0; i < 1000; i++)
            cr_assert_not(polls(&r, poller, 0));
        rig_settle(&r);
    }
    for (int i = 0; i < 10; i++) {
        PUT(&r, "\0\4lone");
        cr_assert(polls(&r, poller, 0));
        cr_assert(finds(&r, "lone"));
        cr_assert_not(is_woken(&r));
    }
    cr_assert_not(polls(&r, poller, 1)); /* but not beyond a wait */
    cr_assert(scripted_watches(r.k));
    cr_assert_eq(zmq_poller_destroy(&poller), 0);
    rig_end(&r, 0);
}

/* Something lies there, and who waits in this poller leaves it to the loop. */
static void leaves_it(struct rig *r, void *poller)
{
    PUT(r, "\0\4loop");
    cr_assert_not(polls(r, poller, 1));
    cr_assert(scripted_watches(r->k));
    cr_assert(hears(r, "loop"));
}

Test(intake, a_poller_of_many_or_with_a_descriptor_leaves_it_to_the_loop)
{
    struct rig r = {.label = "other pollers"};
    void *poller, *others[4];
    int fd;

    meet(&r, 1000);
    poller = poller_of(r.s);
    for (int i = 0; i < 4; i++) {
        others[i] = zmq_socket(r.ctx, i < 3 ? ZMQ_PULL : ZMQ_SERVER);
        cr_assert_eq(zmq_poller_add(poller, others[i], NULL, ZMQ_POLLIN), 0);
    }
    leaves_it(&r, poller);
    cr_assert_eq(zmq_poller_remove(poller, others[0]), 0);
    PUT(&r, "\0\4lone");
    cr_assert(polls(&r, poller, 1000));
    cr_assert(finds(&r, "lone"));
    cr_assert_eq(zmq_poller_fd(poller, &fd), 0);
    leaves_it(&r, poller);
    cr_assert_eq(zmq_poller_destroy(&poller), 0);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(zmq_close(others[i]), 0);
    rig_end(&r, 0);
}

Test(intake, who_goes_away_keeps_nothing)
{
    struct rig r = {.label = "a caller who computes"};

    meet(&r, 1000);
    keep(&r);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(zmq_recv(r.s, NULL, 0, ZMQ_DONTWAIT), -1);
        rig_pass(&r, 1);
        cr_assert_not(scripted_watches(r.k), "%d", i);
    }
    rig_pass(&r, 6);
    cr_assert(scripted_watches(r.k)); /* it is left to the next one, and watched */
    scripted_see(r.k);
    rig_say_hex(&r, "00 04 'late' ");
    cr_assert(finds(&r, "late"));
    rig_end(&r, 0);
}

/* Milliseconds until the PING that is there is answered. What watches is told of it. */
static int until_pong(struct rig *r)
{
    int ms = 0;

    r->said_size = 0;
    for (;; ms++) {
        if (scripted_watches(r->k))
            scripted_see(r->k);
        rig_settle(r);
        if (rig_receiving(r) && r->said_size == 0)
            rig_say_hex(r, "04 07 04 'PING' 00 00 ");
        rig_settle(r);
        rig_hear_all(r);
        if (r->said_size == 7)
            break;
        cr_assert_lt(ms, 20);
        rig_pass(r, 1);
    }
    cr_assert_arr_eq(r->said, "\4\5\4PONG", 7);
    return ms;
}

Test(intake, who_goes_away_lets_no_peer_wait)
{
    struct rig r = {.label = "a peer who gives 20 ms for an answer"};

    meet(&r, 1000);
    for (int i = 0; i < 10; i++) {
        cr_assert_lt(until_pong(&r), 1); /* nobody waits */
        ask_for_intake(&r);
        keep(&r);
        cr_assert_lt(until_pong(&r), 6); /* nobody comes again */
        ask_for_intake(&r);
    }
    rig_end(&r, 0);
}

Test(intake, who_waits_or_asks_for_a_descriptor_keeps_nothing)
{
    struct rig r = {.label = "other ways to wait"};
    int fd;

    meet(&r, 1000);
    keep(&r);
    cr_assert(hears(&r, NULL));
    cr_assert(scripted_watches(r.k));
    keep(&r);
    cr_assert_eq(zmq_getsockopt(r.s, ZMQ_FD, &fd, &(size_t){sizeof fd}), 0);
    cr_assert(scripted_watches(r.k));
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(zmq_recv(r.s, NULL, 0, ZMQ_DONTWAIT), -1);
    cr_assert(scripted_watches(r.k));
    rig_end(&r, 0);
}

Test(intake, what_is_kept_ends_with_the_connection)
{
    for (int how = 0; how < 3; how++) {
        struct rig r = {.label = "an end of what is kept"};

        meet(&r, 1000);
        keep(&r);
        if (how == 0)
            rig_close(&r);
        else if (how == 1)
            cr_assert_eq(zmq_disconnect(r.s, RIG_ENDPOINT), 0);
        rig_settle(&r);
        rig_end(&r, 5000);
    }
}

Test(intake, it_ends_with_the_connection_however_that_ends)
{
    for (int how = 0; how < 3; how++) {
        struct rig r = {.label = "an end from this side"};

        meet(&r, 1000);
        if (how == 0)
            rig_close(&r);
        else if (how == 1)
            cr_assert_eq(zmq_disconnect(r.s, RIG_ENDPOINT), 0);
        rig_settle(&r);
        cr_assert_eq(scripted_watches(r.k), how == 2);
        rig_end(&r, 5000);
    }
}
