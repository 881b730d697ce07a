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
    REST = 64,                     /* sends without one after one that was in vain, */
    REST_MOST = 8192,              /* twice as many each time, up to this */
    MEBI = 1024 * 1024,
    PATIENCE_US = 4000,
};

static char body[3 * MEBI];

static struct zu_pipe *pipe_of(const struct rig *r)
{
    return zu_container_of(r->s->pipes.next, struct zu_pipe, all);
}

static void send_bodies(struct rig *r, int count, int flags)
{
    for (int i = 0; i < count; i++)
        cr_assert_eq(zmq_send(r->s, body, BODY, flags), BODY);
}

/* The same of any size and number: they are not copied. */
static void send_many(struct rig *r, size_t size, int count, int flags)
{
    for (int i = 0; i < count; i++) {
        zmq_msg_t m;

        cr_assert_eq(zmq_msg_init_data(&m, body, size, NULL, NULL), 0);
        cr_assert_eq(zmq_msg_send(&m, r->s, flags), (int)size);
    }
}

/* As rig_meet, and any number of messages may wait. */
static void meet_without_mark(struct rig *r)
{
    rig_open(r, ZMQ_DEALER);
    rig_set(r, ZMQ_SNDHWM, 0);
    rig_dial(r);
    rig_connect(r);
    rig_say_hex(r, RIG_GREETING RIG_READY_DEALER);
    rig_hear_all(r);
}

/*
 * A loop that comes on while its sender waits, on the same thread: it is posted to the sender's
 * socket, and so run by who would go to sleep. Once so many messages lie before it, it takes some.
 */
struct reader {
    struct zu_cmd cmd;
    struct rig *rig;
    uint64_t from, to; /* so many before, and after */
};

static void take(struct zu_cmd *cmd)
{
    struct reader *me = zu_container_of(cmd, struct reader, cmd);
    struct zu_pipe *p = pipe_of(me->rig);

    if (zu_pipe_ahead(p) < me->from) {
        zu_mailbox_post(&me->rig->s->box, cmd);
        return;
    }
    rig_settle(me->rig);
    while (zu_pipe_ahead(p) > me->to) {
        cr_assert(rig_hear(me->rig, SIZE_MAX));
        me->rig->said_size = 0;
    }
    cr_assert_eq(zu_pipe_ahead(p), me->to);
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

Test(ahead, some_progress_is_enough)
{
    static const struct {
        size_t size;
        uint64_t from, to;
        bool enough;
    } all[] = {
        {BODY, 4 * FREE, 4 * FREE - 32, true}, /* two mebibytes are, */
        {BODY, 4 * FREE, 4 * FREE - 30, false},
        {BODY, FREE + 4, FREE, true}, /* or to be no further ahead than one may be at any time */
        {BODY, FREE + 4, FREE + 2, false},
        {MEBI, 10, 8, true},
        {MEBI, 10, 9, false},
        {3 * MEBI, 10, 8, true}, /* two bodies, where they are larger */
        {3 * MEBI, 10, 9, false},
    };

    for (size_t i = 0; i < zu_array_len(all); i++) {
        struct rig r = {.label = "a reader who comes on a little"};
        struct reader reader = {.cmd.run = take, .rig = &r, .from = all[i].from, .to = all[i].to};
        struct zu_pipe *p;

        rig_meet(&r);
        p = pipe_of(&r);
        send_many(&r, all[i].size, (int)all[i].from - 1, ZMQ_DONTWAIT);
        zu_mailbox_post(&r.s->box, &reader.cmd);
        send_many(&r, all[i].size, 1, 0);
        cr_assert_eq(zu_pipe_ahead(p), all[i].to, "%zu", i);
        cr_assert_eq(p->ahead_rest, all[i].enough ? 0 : REST, "%zu", i);
        rig_end(&r, 0);
    }
}

Test(ahead, after_each_wait_in_vain_twice_as_many_sends_do_without)
{
    struct rig r = {.label = "nobody reads for long"};
    struct reader reader = {.cmd.run = take, .rig = &r};
    struct zu_pipe *p;

    meet_without_mark(&r);
    p = pipe_of(&r);
    send_many(&r, BODY, FREE, 0);
    for (uint32_t rest = REST, times = 0; times < 2; rest = ZU_MIN(2 * rest, (uint32_t)REST_MOST)) {
        send_many(&r, BODY, 1, 0);
        cr_assert_eq(p->ahead_rest, rest);
        send_many(&r, BODY, (int)rest, 0);
        cr_assert_eq(p->ahead_rest, 0);
        times += rest == REST_MOST;
    }
    reader.from = zu_pipe_ahead(p) + 1;
    reader.to = reader.from - 32;
    zu_mailbox_post(&r.s->box, &reader.cmd);
    send_many(&r, BODY, 2, 0); /* one is not in vain, and so the next counts as the first */
    cr_assert_eq(zu_pipe_ahead(p), reader.to + 1);
    cr_assert_eq(p->ahead_rest, REST);
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
