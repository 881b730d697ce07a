/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a review found in the session that needs a kernel, or memory, which plays along.
 */
#include "engine/base/alloc.h"
#include "tests/fault/rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <unistd.h>

TestSuite(regress_session, .timeout = 600);

static bool refuse_all(size_t size)
{
    (void)size;
    return true;
}

/*
 * A message waits for memory, and behind it lies one that is too large: the next try hands the
 * message on and ends the session, for good, with nothing left to be done later.
 */
Test(regress_session, may_end_while_it_tries_again_to_get_memory)
{
    struct rig r = {.label = "dialed, a message and one that is too large"};
    struct zu_op *op;
    int64_t most = 100;
    static const uint8_t words[] = {0, 1, 'a', 0, 101};

    rig_open(&r, ZMQ_DEALER);
    cr_assert_eq(zmq_setsockopt(r.s, ZMQ_MAXMSGSIZE, &most, sizeof most), 0);
    rig_dial(&r);
    rig_connect(&r);
    rig_say_hex(&r, RIG_GREETING RIG_READY_DEALER);
    rig_hear_all(&r);
    op = rig_receiving(&r);
    cr_assert_not_null(op);
    scripted_feed(r.k, op, words, sizeof words);
    zu_alloc_refuse = refuse_all; /* the pipe has no chunk yet */
    rig_round(&r);
    zu_alloc_refuse = NULL;
    cr_assert(!rig_closed(&r));
    rig_pass(&r, 50);
    cr_assert(rig_closed(&r));
    rig_end(&r, 0);
}

/* Time passes, and what the engine says is heard and not answered. */
static void beat_for(struct rig *r, unsigned ms)
{
    for (unsigned i = 0; i < ms; i += 10) {
        rig_pass(r, 10);
        rig_hear_all(r);
    }
}

/* What the peer has said and nobody has read yet may be the answer: it has not been silent. */
Test(regress_session, does_not_end_for_an_answer_that_it_has_not_read)
{
    struct rig r = {.label = "heartbeats, and an answer that waits in the kernel"};
    char byte = 0;

    rig_open(&r, ZMQ_DEALER);
    rig_set(&r, ZMQ_HEARTBEAT_IVL, 100);
    rig_bind(&r);
    rig_accept(&r);
    rig_say_hex(&r, RIG_GREETING RIG_READY_DEALER);
    rig_hear_all(&r);
    cr_assert_eq(write(r.far, &byte, 1), 1);
    beat_for(&r, 1000);
    cr_assert(!rig_closed(&r));
    cr_assert_eq(read(r.fd, &byte, 1), 1);
    beat_for(&r, 300);
    cr_assert(rig_closed(&r));
    rig_end(&r, 0);
}

/* The rest of a message that was cut off in a stream is dropped; what follows must not wait. */
Test(regress_session, hears_of_what_follows_a_message_that_was_cut_off)
{
    struct rig r = {.label = "a message of many parts, a reset, another message"};
    char body[1000] = {0};

    rig_meet(&r);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(zmq_send(r.s, body, sizeof body, i < 99 ? ZMQ_SNDMORE : 0), 1000);
    cr_assert_eq(zu_loop_round(&r.loop, true), 0);
    cr_assert_not_null(rig_sending(&r));
    rig_hang_up(&r, ECONNRESET);
    rig_pass(&r, 1000);
    rig_connect(&r);
    rig_say_hex(&r, RIG_GREETING RIG_READY_DEALER);
    rig_hear_all(&r);
    rig_pass(&r, 10);
    r.said_size = 0;
    cr_assert_eq(zmq_send(r.s, "hello", 5, 0), 5);
    cr_assert(zu_mailbox_peek(&r.loop.box), "nobody was woken");
    rig_hear_all(&r);
    cr_assert_eq(r.said_size, 7);
    rig_end(&r, 0);
}

/* A goodbye wants every byte, so as to leave none unread. */
Test(regress_session, expects_no_more_of_a_large_body_at_a_goodbye)
{
    struct rig r = {.label = "a close amid a large body"};
    static uint8_t bytes[4096] = {2, 0, 0, 0, 0, 0, 0x10}; /* of 1 MiB */

    rig_meet(&r);
    cr_assert_eq(rig_say(&r, bytes, sizeof bytes, sizeof bytes), sizeof bytes);
    cr_assert_eq(r.expected, 512 * 1024);
    rig_close(&r);
    cr_assert_eq(r.expected, 1);
    rig_say(&r, bytes, 100, 100);
    cr_assert_eq(r.expected, 1);
    rig_end(&r, 5000);
}
