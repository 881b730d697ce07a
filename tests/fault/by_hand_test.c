/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a thread sends by itself (engine/core/session_out.c): lone messages, and never a stream.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/fault/hands.h"

#include <criterion/criterion.h>
#include <zmq.h>

TestSuite(by_hand, .timeout = 60);

static uint8_t sent[64 * 1024];

/* `room`: what the kernel takes at once. */
static void shake_hands(struct rig *r, size_t room)
{
    scripted_by_hand(r->k, room);
    rig_dial(r);
    rig_connect(r);
    rig_say_hex(r, RIG_GREETING RIG_READY_DEALER);
    rig_hear_all(r);
    rig_settle(r);
}

/* A DEALER and a peer between whom nothing is under way. `room`: the same, from then on. */
static void meet(struct rig *r, int water_mark, size_t room)
{
    rig_open(r, ZMQ_DEALER);
    rig_set(r, ZMQ_SNDHWM, water_mark);
    shake_hands(r, 0);
    r->said_size = 0;
    scripted_by_hand(r->k, room);
    scripted_pass(1);
}

/* What callers have sent since, is that these bytes? */
static bool went(struct rig *r, const char *bytes, size_t size)
{
    return scripted_sent_by_hand(r->k, sent, sizeof sent) == size && !memcmp(sent, bytes, size);
}

/* What the loop sends is that. */
static bool goes(struct rig *r, const char *bytes, size_t size)
{
    bool same;

    rig_settle(r);
    rig_hear_all(r);
    rig_settle(r);
    same = r->said_size == size && !memcmp(r->said, bytes, size);
    r->said_size = 0;
    return same;
}

#define WENT(r, bytes) went(r, bytes, sizeof bytes - 1)
#define GOES(r, bytes) goes(r, bytes, sizeof bytes - 1)

/* What a connection says before its traffic, and how much of that without a batch. */
static size_t say_first_words(size_t room, uint8_t words[256], size_t *size)
{
    struct rig r = {.label = "first words"};
    size_t n;

    rig_open(&r, ZMQ_DEALER);
    shake_hands(&r, room);
    n = scripted_sent_by_hand(r.k, words, 256);
    cr_assert_leq(n + r.said_size, 256);
    memcpy(words + n, r.said, r.said_size);
    *size = n + r.said_size;
    rig_end(&r, 0);
    return n;
}

Test(by_hand, first_words_need_no_batch_but_for_what_the_kernel_does_not_take)
{
    enum { SIGNATURE = 10 }; /* nobody has heard anything yet: that is all */
    uint8_t words[256], same[256];
    size_t size, same_size;

    cr_assert_eq(say_first_words(0, words, &size), 0);
    for (size_t room = 1; room <= SIGNATURE + 2; room++) {
        cr_assert_eq(say_first_words(room, same, &same_size), ZU_MIN(room, (size_t)SIGNATURE));
        cr_assert_eq(same_size, size, "%zu", room);
        cr_assert_arr_eq(same, words, size, "%zu", room);
    }
}

Test(by_hand, a_lone_message_needs_no_loop)
{
    struct rig r = {.label = "lone messages"};

    meet(&r, 1000, SIZE_MAX);
    for (int i = 0; i < 100; i++) {
        send_text(&r, "lone");
        cr_assert(WENT(&r, "\0\4lone"), "%d", i);
        cr_assert_not(is_woken(&r));
        scripted_pass(1);
    }
    rig_end(&r, 0);
}

Test(by_hand, nor_does_one_of_a_socket_that_threads_share)
{
    struct rig r = {.label = "lone messages of a CLIENT"};

    rig_open(&r, ZMQ_CLIENT);
    scripted_by_hand(r.k, 0);
    rig_dial(&r);
    rig_connect(&r);
    rig_say_hex(&r, RIG_GREETING RIG_READY_SERVER);
    rig_hear_all(&r);
    rig_settle(&r);
    scripted_by_hand(r.k, SIZE_MAX);
    for (int i = 0; i < 100; i++) {
        scripted_pass(1);
        send_text(&r, "lone");
        cr_assert(WENT(&r, "\0\4lone"), "%d", i);
        cr_assert_not(is_woken(&r));
    }
    rig_end(&r, 0);
}

Test(by_hand, nor_do_bytes_without_frames)
{
    struct rig r = {.label = "bytes of a STREAM"};
    char name[256];
    int size;

    rig_open(&r, ZMQ_STREAM);
    scripted_by_hand(r.k, SIZE_MAX);
    rig_dial(&r);
    rig_connect(&r);
    rig_settle(&r);
    size = zmq_recv(r.s, name, sizeof name, ZMQ_DONTWAIT);
    cr_assert_gt(size, 0);
    cr_assert_eq(zmq_recv(r.s, NULL, 0, ZMQ_DONTWAIT), 0);
    for (int i = 0; i < 100; i++) {
        scripted_pass(1);
        cr_assert_eq(zmq_send(r.s, name, (size_t)size, ZMQ_SNDMORE), size);
        send_text(&r, "GET /");
        cr_assert(WENT(&r, "GET /"), "%d", i);
        cr_assert_not(is_woken(&r));
    }
    scripted_by_hand(r.k, 2); /* what is not taken is the loop's */
    scripted_pass(1);
    cr_assert_eq(zmq_send(r.s, name, (size_t)size, ZMQ_SNDMORE), size);
    send_text(&r, "GET /");
    cr_assert(WENT(&r, "GE"));
    cr_assert(GOES(&r, "T /"));
    cr_assert_eq(zmq_send(r.s, name, (size_t)size, ZMQ_SNDMORE), size);
    send_text(&r, ""); /* it is to close */
    rig_settle(&r);
    cr_assert(rig_closed(&r));
    rig_end(&r, 5000);
}

Test(by_hand, messages_close_behind_each_other_are_the_loops)
{
    struct rig r = {.label = "a stream"};

    meet(&r, 1000, SIZE_MAX);
    send_text(&r, "1");
    cr_assert(WENT(&r, "\0\1"
                       "1"));
    send_text(&r, "2");
    cr_assert(is_woken(&r));
    send_text(&r, "3");
    cr_assert(WENT(&r, ""));
    cr_assert(GOES(&r, "\0\1"
                       "2\0\1"
                       "3"));
    /* And so are some more, each of which wakes it, until it is tried again. */
    for (int i = 0; i < 64; i++) {
        scripted_pass(1);
        send_text(&r, "more");
        cr_assert(is_woken(&r), "%d", i);
        cr_assert(GOES(&r, "\0\4more"));
    }
    scripted_pass(1);
    send_text(&r, "lone");
    cr_assert(WENT(&r, "\0\4lone"));
    rig_end(&r, 0);
}

/* The peer says something; the application reads it, or not. */
static void hear(struct rig *r, bool reads)
{
    char got[8];

    rig_say_hex(r, "00 02 'hi' ");
    rig_settle(r);
    if (reads)
        cr_assert_eq(zmq_recv(r->s, got, sizeof got, ZMQ_DONTWAIT), 2);
}

Test(by_hand, an_answer_may_follow_sooner)
{
    struct rig r = {.label = "answers"};

    meet(&r, 1000, SIZE_MAX);
    for (int i = 0; i < 20; i++) {
        send_text(&r, "lone");
        cr_assert(WENT(&r, "\0\4lone"), "%d", i);
        hear(&r, true);
        scripted_pass_us(6);
    }
    send_text(&r, "lone");
    cr_assert(WENT(&r, "\0\4lone"));
    scripted_pass_us(6);
    send_text(&r, "nobody asked");
    cr_assert(WENT(&r, ""));
    cr_assert(GOES(&r, "\0\14nobody asked"));
    rig_end(&r, 0);
}

Test(by_hand, who_takes_turns_is_no_stream)
{
    struct rig r = {.label = "turns"};

    meet(&r, 1000, SIZE_MAX);
    for (int i = 0; i < 20; i++) {
        send_text(&r, "mine");
        cr_assert(WENT(&r, "\0\4mine"), "%d", i);
        hear(&r, true);
        scripted_pass_us(2);
    }
    send_text(&r, "one");
    cr_assert(WENT(&r, "\0\3one"));
    scripted_pass_us(20);
    send_text(&r, "two"); /* from here on two are under way */
    cr_assert(WENT(&r, "\0\3two"));
    hear(&r, true);
    scripted_pass_us(2);
    send_text(&r, "soon");
    cr_assert(WENT(&r, ""));
    cr_assert(GOES(&r, "\0\4soon"));
    rig_end(&r, 0);
}

Test(by_hand, who_has_more_to_answer_leaves_it_to_the_loop)
{
    struct rig r = {.label = "a backlog"};

    meet(&r, 1000, SIZE_MAX);
    hear(&r, false);
    hear(&r, true);
    send_text(&r, "one of two");
    cr_assert(WENT(&r, ""));
    cr_assert(GOES(&r, "\0\12one of two"));
    rig_end(&r, 0);
}

Test(by_hand, what_the_kernel_does_not_take_goes_first)
{
    for (size_t room = 0; room < 7; room++) {
        struct rig r = {.label = "a short send"};

        meet(&r, 1000, room);
        send_text(&r, "first");
        cr_assert(went(&r, "\0\5first", room));
        cr_assert(is_woken(&r));
        send_text(&r, "second");
        cr_assert(goes(&r, &"\0\5first\0\6second"[room], 15 - room), "%zu", room);
        rig_end(&r, 0);
    }
}

Test(by_hand, parts_of_a_message_go_together)
{
    struct rig r = {.label = "three parts"};

    meet(&r, 1000, SIZE_MAX);
    cr_assert_eq(zmq_send(r.s, "x", 1, ZMQ_SNDMORE), 1);
    cr_assert_eq(zmq_send(r.s, "y", 1, ZMQ_SNDMORE), 1);
    cr_assert(WENT(&r, ""));
    send_text(&r, "z");
    cr_assert(WENT(&r, "\1\1x\1\1y\0\1z"));
    cr_assert_not(is_woken(&r));
    rig_end(&r, 0);
}

Test(by_hand, what_may_be_lent_is_the_loops)
{
    static char large[200 * 1024];
    struct rig r = {.label = "a large body"};

    meet(&r, 1000, SIZE_MAX);
    r.far_away = true;
    cr_assert_eq(zmq_send(r.s, large, sizeof large, 0), (int)sizeof large);
    cr_assert(WENT(&r, ""));
    cr_assert(is_woken(&r));
    rig_settle(&r);
    rig_hear_all(&r);
    cr_assert_eq(r.said_size, 9 + sizeof large);
    rig_give_back(&r, false);
    rig_end(&r, 0);
}

Test(by_hand, what_went_is_no_more_in_the_pipe)
{
    struct rig r = {.label = "more than the water mark"};

    meet(&r, 3, SIZE_MAX);
    for (int i = 0; i < 20; i++) {
        send_text(&r, "lone");
        cr_assert(WENT(&r, "\0\4lone"), "%d", i);
        scripted_pass(1);
    }
    rig_end(&r, 0);
}

Test(by_hand, a_connection_that_is_lost_takes_the_rest_along)
{
    struct rig r = {.label = "a loss behind a short send"};

    meet(&r, 1000, 3);
    send_text(&r, "first");
    rig_hang_up(&r, ECONNRESET);
    rig_end(&r, 0);
}

Test(by_hand, what_the_session_says_comes_behind_it)
{
    struct rig r = {.label = "a PONG behind a short send"};

    meet(&r, 1000, 3);
    send_text(&r, "first");
    rig_say_hex(&r, "04 07 04 'PING' 00 00 ");
    cr_assert(GOES(&r, "irst\4\5\4PONG"));
    rig_end(&r, 0);
}
