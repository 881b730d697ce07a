/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session gathers (engine/core/session_out.c): a stream of small messages waits a little, so
 * that more of them go together; nobody else waits.
 */
#include "tests/fault/rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <zmq.h>

TestSuite(gather, .timeout = 600);

enum { STREAM = 16 }; /* that many make a stream */

static void send_small(struct rig *r, int count)
{
    for (int i = 0; i < count; i++)
        cr_assert_eq(zmq_send(r->s, "small", 5, 0), 5);
}

static bool is_woken(struct rig *r)
{
    return zu_mailbox_peek(&r->loop.box);
}

/* A round of a loop that may sleep, after `us` microseconds. */
static void step(struct rig *r, unsigned us)
{
    scripted_pass_us(us);
    cr_assert_eq(zu_loop_round(&r->loop, true), 0);
}

/* What the pending send holds goes out; how many messages that are. */
static int goes_out(struct rig *r)
{
    struct zu_op *op = rig_sending(r);
    int count;

    if (!op)
        return 0;
    count = (int)(op->len / 7);
    cr_assert_eq(op->len % 7, 0);
    scripted_complete(r->k, op, (int)op->len, 0);
    return count;
}

/* From here on a stream is gathered: its last batch was small. */
static void stream(struct rig *r)
{
    send_small(r, STREAM);
    step(r, 0);
    cr_assert_eq(goes_out(r), STREAM);
    step(r, 0);
    cr_assert_null(rig_sending(r));
}

Test(gather, a_stream_waits_a_little_and_nobody_has_to_wake_us)
{
    struct rig r = {.label = "a stream"};

    rig_meet(&r);
    for (int i = 0; i < 3; i++) {
        stream(&r);
        send_small(&r, 2 * STREAM);
        cr_assert_not(is_woken(&r));
        step(&r, ZU_LOOP_NAP_US - 1);
        cr_assert_null(rig_sending(&r));
        cr_assert_eq(scripted_last_timeout(r.k), 1);
        step(&r, 1);
        cr_assert_eq(goes_out(&r), 2 * STREAM);
        step(&r, 0);
        step(&r, ZU_LOOP_NAP_US); /* nothing came: the stream is over */
        cr_assert_eq(scripted_last_timeout(r.k), 0);
    }
    rig_end(&r, 0);
}

Test(gather, what_is_enough_does_not_wait)
{
    struct rig r = {.label = "a fast stream"};

    rig_meet(&r);
    stream(&r);
    send_small(&r, 499); /* half of the water mark is 500 */
    cr_assert_not(is_woken(&r));
    send_small(&r, 1);
    cr_assert(is_woken(&r));
    step(&r, 0);
    cr_assert_eq(goes_out(&r), 500);
    rig_end(&r, 0);
}

Test(gather, half_of_a_small_water_mark_is_enough)
{
    struct rig r = {.label = "a fast stream below a mark of 20"};

    rig_open(&r, ZMQ_DEALER);
    rig_set(&r, ZMQ_SNDHWM, 20);
    rig_dial(&r);
    rig_connect(&r);
    rig_say_hex(&r, RIG_GREETING RIG_READY_DEALER);
    rig_hear_all(&r);
    stream(&r);
    send_small(&r, 9);
    cr_assert_not(is_woken(&r));
    send_small(&r, 1);
    cr_assert(is_woken(&r));
    step(&r, 0);
    cr_assert_eq(goes_out(&r), 10);
    rig_end(&r, 0);
}

Test(gather, a_stream_that_has_ended_asks_to_be_woken_again)
{
    struct rig r = {.label = "a stream that ends"};

    rig_meet(&r);
    stream(&r);
    step(&r, ZU_LOOP_NAP_US);
    send_small(&r, 1);
    cr_assert(is_woken(&r));
    step(&r, 0);
    cr_assert_eq(goes_out(&r), 1);
    rig_end(&r, 0);
}

Test(gather, who_sends_now_and_then_never_waits)
{
    struct rig r = {.label = "bursts that are no stream"};

    rig_meet(&r);
    for (int i = 0; i < 10; i++) {
        send_small(&r, STREAM - 1);
        cr_assert(is_woken(&r));
        step(&r, 0);
        cr_assert_eq(goes_out(&r), STREAM - 1);
        step(&r, 0);
    }
    rig_end(&r, 0);
}

Test(gather, what_the_session_has_to_say_takes_along_what_is_there)
{
    struct rig r = {.label = "a PING while a stream is gathered"};

    rig_meet(&r);
    stream(&r);
    send_small(&r, 3);
    scripted_feed(r.k, rig_receiving(&r), "\4\7\4PING\0\0", 9);
    step(&r, 0);
    cr_assert_not_null(rig_sending(&r));
    cr_assert_eq(rig_sending(&r)->len, 7 + 3 * 7); /* the PONG, and the messages */
    rig_end(&r, 0);
}

Test(gather, who_closes_waits_for_nothing)
{
    struct rig r = {.label = "a close while a stream is gathered"};

    rig_meet(&r);
    stream(&r);
    send_small(&r, 3);
    cr_assert_eq(zmq_close(r.s), 0);
    r.s = NULL;
    step(&r, 0);
    cr_assert_eq(goes_out(&r), 3);
    rig_settle(&r);
    rig_hang_up(&r, 0);
    rig_end(&r, 100);
}

Test(gather, a_lost_connection_ends_it)
{
    struct rig r = {.label = "a reset while a stream is gathered"};

    rig_meet(&r);
    stream(&r);
    send_small(&r, 3);
    rig_hang_up(&r, ECONNRESET);
    rig_pass(&r, 1000); /* the next connection is made */
    rig_connect(&r);
    rig_say_hex(&r, RIG_GREETING RIG_READY_DEALER);
    r.said_size = 0;
    rig_hear_all(&r);
    cr_assert_geq(r.said_size, 3 * 7);
    cr_assert_arr_eq(r.said + r.said_size - 3 * 7, "\0\5small\0\5small\0\5small", 3 * 7);
    rig_end(&r, 0);
}
