/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who streams large bodies and is far ahead of the loop waits for it (zu_socket_wait_if_ahead): a
 * moment, if it comes on; and never where he said that he would not.
 */
#include "engine/base/clock.h"
#include "include/zuring.h"
#include "tests/fault/rig.h"

#include <criterion/criterion.h>
#include <zmq.h>

TestSuite(ahead, .timeout = 600);

enum {
    BODY = 64 * 1024,
    FREE = 4 * 1024 * 1024 / BODY, /* so many lie before the loop without a wait */
    REST = 64,                     /* sends without one after one that was in vain */
    PATIENCE_US = 4000,
};

static char body[BODY];

static struct zu_pipe *pipe_of(const struct rig *r)
{
    return zu_container_of(r->s->pipes.next, struct zu_pipe, all);
}

static void send_bodies(struct rig *r, int count, int flags)
{
    for (int i = 0; i < count; i++)
        cr_assert_eq(zmq_send(r->s, body, BODY, flags), BODY);
}

Test(ahead, a_reader_who_does_not_come_on_is_waited_for_once)
{
    struct rig r = {.label = "nobody reads"};
    struct zu_pipe *p;
    uint64_t began_ns;

    rig_meet(&r);
    p = pipe_of(&r);
    send_bodies(&r, FREE, 0);
    cr_assert_eq(p->ahead_rest, 0);
    began_ns = zu_now_ns();
    send_bodies(&r, 1, 0);
    cr_assert_geq(zu_now_ns() - began_ns, PATIENCE_US * 1000);
    cr_assert_eq(p->ahead_rest, REST);
    send_bodies(&r, REST, 0);
    cr_assert_eq(p->ahead_rest, 0);
    send_bodies(&r, 1, 0);
    cr_assert_eq(p->ahead_rest, 2 * REST);
    rig_end(&r, 0);
}

Test(ahead, who_would_not_wait_does_not)
{
    struct rig r = {.label = "nobody reads, nobody waits"};
    struct zu_pipe *p;

    rig_meet(&r);
    p = pipe_of(&r);
    send_bodies(&r, 4 * FREE, ZMQ_DONTWAIT);
    cr_assert_eq(p->ahead_rest, 0);
    send_bodies(&r, 1, ZMQ_SNDMORE); /* a message is not held up in the middle */
    cr_assert_eq(p->ahead_rest, 0);
    send_bodies(&r, 1, 0);
    cr_assert_eq(p->ahead_rest, REST);
    rig_end(&r, 0);
}

Test(ahead, nor_does_who_may_wait_for_no_time)
{
    struct rig r = {.label = "a time-out of 0"};

    rig_meet(&r);
    rig_set(&r, ZMQ_SNDTIMEO, 0);
    send_bodies(&r, 4 * FREE, 0);
    cr_assert_eq(pipe_of(&r)->ahead_rest, 0);
    rig_set(&r, ZMQ_SNDTIMEO, 100);
    rig_set(&r, ZURING_SPIN, -1); /* nor who never sleeps */
    send_bodies(&r, 1, 0);
    cr_assert_eq(pipe_of(&r)->ahead_rest, 0);
    rig_set(&r, ZURING_SPIN, 0);
    send_bodies(&r, 1, 0);
    cr_assert_eq(pipe_of(&r)->ahead_rest, REST);
    rig_end(&r, 0);
}

Test(ahead, small_messages_are_as_far_ahead_as_they_like)
{
    struct rig r = {.label = "small ones"};

    rig_meet(&r);
    for (int i = 0; i < 200; i++)
        cr_assert_eq(zmq_send(r.s, body, 1024, 0), 1024);
    cr_assert_eq(pipe_of(&r)->ahead_rest, 0);
    rig_end(&r, 0);
}

/* The session tells its writer of each mebibyte that it takes. */
Test(ahead, a_reader_who_comes_on_says_so)
{
    struct rig r = {.label = "a reader"};
    struct zu_pipe *p;
    uint64_t before;
    int told = 0;

    rig_meet(&r);
    p = pipe_of(&r);
    send_bodies(&r, FREE, ZMQ_DONTWAIT);
    before = zu_pipe_ahead(p);
    cr_assert_eq(before, FREE);
    zu_pipe_ask_progress(p);
    while (zu_pipe_ahead(p) > 0) {
        rig_settle(&r);
        if (zu_mailbox_peek(&r.s->box)) {
            cr_assert_geq(before - zu_pipe_ahead(p), 1024 * 1024 / BODY);
            before = zu_pipe_ahead(p);
            told++;
            cr_assert_eq(zu_socket_catch_up(r.s), 0);
            zu_pipe_ask_progress(p);
        }
        cr_assert(rig_hear(&r, SIZE_MAX));
    }
    cr_assert_geq(told, 3);
    cr_assert_leq(told, 4);
    rig_end(&r, 0);
}
