/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe between two owners on one thread: each has a mailbox that the test runs when it pleases.
 */
#include "engine/base/alloc.h"
#include "engine/core/pipe.h"

#include <criterion/criterion.h>
#include <errno.h>

struct owner {
    struct zu_mailbox box;
    int attached, readable, writable, hiccuped, ended, closing, released;
    bool keep; /* do not close the pipe when it has ended */
};

static void on_attached(struct zu_pipe *p)
{
    ((struct owner *)p->owner)->attached++;
}

static void on_readable(struct zu_pipe *p)
{
    ((struct owner *)p->owner)->readable++;
}

static void on_writable(struct zu_pipe *p)
{
    ((struct owner *)p->owner)->writable++;
}

static void on_hiccuped(struct zu_pipe *p)
{
    ((struct owner *)p->owner)->hiccuped++;
}

static void on_closing(struct zu_pipe *p)
{
    ((struct owner *)p->owner)->closing++;
}

static void on_ended(struct zu_pipe *p)
{
    struct owner *o = p->owner;

    o->ended++;
    if (!o->keep)
        zu_pipe_close(p, 0);
}

static void on_released(struct zu_pipe *p)
{
    ((struct owner *)p->owner)->released++;
}

static const struct zu_pipe_sink sink = {.attached = on_attached,
                                         .readable = on_readable,
                                         .writable = on_writable,
                                         .hiccuped = on_hiccuped,
                                         .ended = on_ended,
                                         .closing = on_closing,
                                         .released = on_released};

static void never_asleep(struct zu_mailbox *box)
{
    (void)box;
}

static struct owner a, b;
static struct zu_pipe *end[2];

static struct zu_pipe_end spec_of(struct owner *o, int in_hwm, int out_hwm)
{
    return (struct zu_pipe_end){
        .sink = &sink, .owner = o, .box = &o->box, .in_hwm = in_hwm, .out_hwm = out_hwm};
}

static void make(int a_in, int a_out, int b_in, int b_out)
{
    struct zu_pipe_end spec[2] = {spec_of(&a, a_in, a_out), spec_of(&b, b_in, b_out)};

    a = b = (struct owner){0};
    zu_mailbox_init(&a.box, never_asleep);
    zu_mailbox_init(&b.box, never_asleep);
    cr_assert_eq(zu_pipe_new(end, spec), 0);
}

static void run(void)
{
    while (zu_mailbox_run(&a.box) | zu_mailbox_run(&b.box))
        ;
}

static int write_text(struct zu_pipe *p, const char *text, bool more)
{
    struct zu_msg m;
    int rc;

    cr_assert_eq(zu_msg_init_copy(&m, text, strlen(text)), 0);
    m.flags = more ? ZU_MSG_MORE : 0;
    rc = zu_pipe_write(p, &m);
    zu_msg_close(&m);
    return rc;
}

/* How many messages a pipe takes before it is full. */
static int fill(struct zu_pipe *p)
{
    int n = 0;

    while (n < 100000 && write_text(p, "m", false) == 0)
        n++;
    zu_pipe_flush(p);
    return n;
}

static int read_all(struct zu_pipe *p, int most)
{
    struct zu_msg m;
    int n = 0;

    while (n < most && zu_pipe_read(p, &m) == 0) {
        zu_msg_close(&m);
        n++;
    }
    return n;
}

static void expect_text(struct zu_pipe *p, const char *text)
{
    struct zu_msg m;

    cr_assert_eq(zu_pipe_read(p, &m), 0);
    cr_assert_eq(zu_msg_size(&m), strlen(text));
    cr_assert_arr_eq(zu_msg_data(&m), text, strlen(text));
    zu_msg_close(&m);
}

static void close_both(void)
{
    zu_pipe_close(end[0], 0);
    zu_pipe_close(end[1], 0);
    run();
    cr_assert_eq(a.released + b.released, 2);
}

Test(pipe, carries_messages_in_order)
{
    make(0, 0, 0, 0);
    write_text(end[0], "one", false);
    write_text(end[0], "two", false);
    zu_pipe_flush(end[0]);
    run();
    cr_assert_eq(b.readable, 1, "one wake-up for what was flushed at once");
    expect_text(end[1], "one");
    expect_text(end[1], "two");
    cr_assert_not(zu_pipe_can_read(end[1]));
    close_both();
}

Test(pipe, shows_a_message_only_when_it_is_whole)
{
    make(0, 0, 0, 0);
    write_text(end[0], "head", true);
    zu_pipe_flush(end[0]);
    run();
    cr_assert_not(zu_pipe_can_read(end[1]));
    write_text(end[0], "tail", false);
    zu_pipe_flush(end[0]);
    expect_text(end[1], "head");
    expect_text(end[1], "tail");
    close_both();
}

Test(pipe, takes_an_unfinished_message_back)
{
    make(0, 0, 0, 0);
    write_text(end[0], "whole", false);
    write_text(end[0], "head", true);
    zu_pipe_rollback(end[0]);
    write_text(end[0], "next", false);
    zu_pipe_flush(end[0]);
    expect_text(end[1], "whole");
    expect_text(end[1], "next");
    close_both();
}

Test(pipe, adds_the_water_marks_of_both_ends)
{
    make(3, 5, 7, 11);
    cr_assert_eq(fill(end[0]), 5 + 7);
    cr_assert_eq(fill(end[1]), 3 + 11);
    close_both();
}

Test(pipe, has_no_limit_when_either_side_has_none)
{
    make(0, 5, 0, 11);
    cr_assert_eq(fill(end[0]), 100000);
    close_both();
}

Test(pipe, leaves_the_limit_to_the_one_side_that_has_a_mark)
{
    make(ZU_PIPE_NO_HWM, ZU_PIPE_NO_HWM, 4, 6);
    cr_assert_eq(fill(end[0]), 4);
    cr_assert_eq(fill(end[1]), 6);
    close_both();
}

Test(pipe, gives_room_back_in_halves_of_the_mark)
{
    make(ZU_PIPE_NO_HWM, 20, ZU_PIPE_NO_HWM, ZU_PIPE_NO_HWM);
    cr_assert_eq(fill(end[0]), 20);
    cr_assert_eq(read_all(end[1], 9), 9);
    run();
    cr_assert_eq(a.writable, 0);
    cr_assert_not(zu_pipe_can_write(end[0]));
    cr_assert_eq(read_all(end[1], 1), 1);
    run();
    cr_assert_eq(a.writable, 1);
    cr_assert_eq(fill(end[0]), 10);
    close_both();
}

Test(pipe, finishes_a_message_that_was_begun_below_the_mark)
{
    make(ZU_PIPE_NO_HWM, 1, ZU_PIPE_NO_HWM, ZU_PIPE_NO_HWM);
    cr_assert_eq(write_text(end[0], "a", true), 0);
    cr_assert_eq(write_text(end[0], "b", true), 0);
    cr_assert_eq(write_text(end[0], "c", false), 0);
    cr_assert_eq(write_text(end[0], "d", false), -EAGAIN);
    close_both();
}

Test(pipe, does_not_count_what_was_written_uncounted)
{
    struct zu_msg m;

    make(ZU_PIPE_NO_HWM, 2, ZU_PIPE_NO_HWM, ZU_PIPE_NO_HWM);
    for (int i = 0; i < 100; i++) {
        zu_msg_init(&m);
        cr_assert_eq(zu_pipe_write_uncounted(end[0], &m), 0);
    }
    cr_assert_eq(fill(end[0]), 2);
    cr_assert_eq(read_all(end[1], 100), 100);
    run();
    cr_assert_eq(a.writable, 0, "uncounted items acknowledge nothing");
    close_both();
}

Test(pipe, wakes_a_writer_whose_mark_was_raised)
{
    make(ZU_PIPE_NO_HWM, 2, ZU_PIPE_NO_HWM, ZU_PIPE_NO_HWM);
    cr_assert_eq(fill(end[0]), 2);
    zu_pipe_set_hwms(end[0], 0, 5);
    cr_assert_eq(fill(end[0]), 3);
    close_both();
}

Test(pipe, wakes_a_writer_when_the_reader_raises_its_mark)
{
    make(0, 1, 1, 0);
    cr_assert_eq(fill(end[0]), 2);
    zu_pipe_set_hwms(end[1], 4, 0);
    run();
    cr_assert_eq(a.writable, 1);
    cr_assert_eq(fill(end[0]), 3);
    close_both();
}

/* The reader has read everything and sleeps; under the lower mark its last word must be news. */
Test(pipe, does_not_stall_when_the_mark_is_lowered_over_a_drained_pipe)
{
    make(ZU_PIPE_NO_HWM, 1000, ZU_PIPE_NO_HWM, ZU_PIPE_NO_HWM);
    for (int i = 0; i < 300; i++)
        write_text(end[0], "m", false);
    zu_pipe_flush(end[0]);
    cr_assert_eq(read_all(end[1], 300), 300);
    cr_assert_not(zu_pipe_can_read(end[1]));
    zu_pipe_set_hwms(end[0], 0, 10);
    zu_pipe_can_write(end[0]);
    run();
    cr_assert(zu_pipe_can_write(end[0]));
    close_both();
}

Test(pipe, lets_the_reader_finish_what_was_written_before_the_close)
{
    make(0, 0, 0, 0);
    write_text(end[0], "last", false);
    zu_pipe_close(end[0], 1234);
    run();
    cr_assert_eq(b.closing, 1);
    cr_assert_eq(b.ended, 0);
    cr_assert_eq(zu_pipe_linger(end[1]), 1234);
    cr_assert_eq(write_text(end[1], "x", false), -EPIPE);
    expect_text(end[1], "last");
    cr_assert_not(zu_pipe_can_read(end[1]));
    cr_assert_eq(b.ended, 1);
    run();
    cr_assert_eq(a.released + b.released, 2);
}

Test(pipe, ends_at_once_when_nothing_is_unread)
{
    make(0, 0, 0, 0);
    zu_pipe_close(end[0], 0);
    run();
    cr_assert_eq(b.ended, 1);
    cr_assert_eq(a.released + b.released, 2);
}

Test(pipe, rolls_an_unfinished_message_back_at_the_close)
{
    make(0, 0, 0, 0);
    write_text(end[0], "whole", false);
    write_text(end[0], "head", true);
    zu_pipe_close(end[0], 0);
    run();
    expect_text(end[1], "whole");
    cr_assert_not(zu_pipe_can_read(end[1]));
    cr_assert_eq(b.ended, 1);
}

Test(pipe, frees_itself_when_both_ends_close_at_once)
{
    make(0, 0, 0, 0);
    write_text(end[0], "a", false);
    write_text(end[1], "b", false);
    close_both();
    cr_assert_eq(a.ended + b.ended, 0);
}

Test(pipe, tells_the_other_end_of_a_new_peer)
{
    make(0, 0, 0, 0);
    zu_pipe_hiccup(end[0]);
    run();
    cr_assert_eq(b.hiccuped, 1);
    close_both();
}

Test(pipe, refuses_an_owner_who_is_closing)
{
    make(0, 0, 0, 0);
    zu_mailbox_close(&b.box);
    cr_assert_eq(zu_pipe_hand_over(end[1]), -EPIPE);
    run();
    cr_assert_eq(a.ended, 1);
    cr_assert_eq(a.released + b.released, 2);
}

Test(pipe, hands_an_end_over)
{
    make(0, 0, 0, 0);
    cr_assert_eq(zu_pipe_hand_over(end[1]), 0);
    run();
    cr_assert_eq(b.attached, 1);
    close_both();
}

Test(pipe, keeps_what_was_written_before_anyone_adopted_the_other_end)
{
    struct zu_pipe_end spec[2] = {spec_of(&a, 10, 3),
                                  {.in_hwm = ZU_PIPE_NO_HWM, .out_hwm = ZU_PIPE_NO_HWM}};
    struct zu_pipe_end adopter = spec_of(&b, 4, 5);

    a = b = (struct owner){0};
    zu_mailbox_init(&a.box, never_asleep);
    zu_mailbox_init(&b.box, never_asleep);
    cr_assert_eq(zu_pipe_new(end, spec), 0);
    cr_assert_eq(fill(end[0]), 3);
    zu_pipe_adopt(end[1], &adopter);
    run();
    cr_assert_eq(a.writable, 1, "the binder's mark makes room");
    cr_assert_eq(fill(end[0]), 4);
    cr_assert_eq(read_all(end[1], 100), 7);
    cr_assert_eq(fill(end[1]), 10 + 5);
    close_both();
}

Test(pipe, can_be_adopted_after_its_writer_has_left)
{
    struct zu_pipe_end spec[2] = {spec_of(&a, 0, 0),
                                  {.in_hwm = ZU_PIPE_NO_HWM, .out_hwm = ZU_PIPE_NO_HWM}};
    struct zu_pipe_end adopter = spec_of(&b, 0, 0);

    a = b = (struct owner){0};
    zu_mailbox_init(&a.box, never_asleep);
    zu_mailbox_init(&b.box, never_asleep);
    cr_assert_eq(zu_pipe_new(end, spec), 0);
    write_text(end[0], "left behind", false);
    zu_pipe_close(end[0], -1);
    cr_assert_not(zu_pipe_abandoned(end[1]));
    zu_pipe_adopt(end[1], &adopter);
    expect_text(end[1], "left behind");
    cr_assert_not(zu_pipe_can_read(end[1]));
    cr_assert_eq(b.ended, 1);
}

static bool refuse_all(size_t size)
{
    (void)size;
    return true;
}

Test(pipe, keeps_the_message_with_the_caller_when_memory_has_run_out)
{
    struct zu_msg m;

    make(0, 0, 0, 0);
    zu_msg_init_copy(&m, "kept", 4);
    m.flags = ZU_MSG_MORE;
    zu_alloc_refuse = refuse_all;
    int rc = zu_pipe_write(end[0], &m);

    zu_alloc_refuse = NULL;
    cr_assert_eq(rc, -ENOMEM);
    cr_assert_eq(m.flags, ZU_MSG_MORE);
    cr_assert_eq(zu_pipe_write(end[0], &m), 0);
    close_both();
}

/* ---- runs ---- */

static uint64_t *put_item(uint64_t *at, const char *text, bool more)
{
    struct zu_msg m;

    cr_assert_eq(zu_msg_init_copy(&m, text, strlen(text)), 0);
    m.flags = more ? ZU_MSG_MORE : 0;
    return zu_item_write(at, &m);
}

Test(pipe, room_is_no_more_than_the_water_mark_allows)
{
    uint64_t *at, *end_of_room, messages;
    const uint64_t *item;
    size_t read;

    make(0, 3, 2, 0);
    write_text(end[0], "makes the first chunk", false);
    at = zu_pipe_room(end[0], &end_of_room, &messages);
    cr_assert_eq(messages, 4, "of a limit of five");
    for (int i = 0; i < 4; i++) {
        cr_assert(at < end_of_room);
        at = put_item(at, "m", false);
    }
    zu_pipe_fill(end[0], at, 4, 4);
    zu_pipe_room(end[0], &end_of_room, &messages);
    cr_assert_eq(messages, 0);
    cr_assert_eq(write_text(end[0], "m", false), -EAGAIN);
    zu_pipe_flush(end[0]);
    run();
    cr_assert(zu_pipe_can_read(end[1]));
    item = zu_pipe_run(end[1], &read);
    cr_assert_eq(read, 5);
    for (int i = 0; i < 4; i++)
        item += zu_item_words(*item);
    zu_pipe_take_run(end[1], item, 4, 4); /* past the low water mark, which is three */
    run();
    cr_assert_eq(a.writable, 1);
    cr_assert_eq(write_text(end[0], "m", false), 0);
    close_both();
}

Test(pipe, a_run_may_end_in_the_middle_of_a_message)
{
    uint64_t *at, *whole, *end_of_room, messages;
    size_t read;

    make(0, 0, 0, 0);
    write_text(end[0], "0", false);
    at = zu_pipe_room(end[0], &end_of_room, &messages);
    cr_assert_geq(messages, 1);
    whole = put_item(at, "1", false);
    at = put_item(whole, "2a", true);
    at = put_item(at, "2b", true);
    cr_assert(at < end_of_room);
    zu_pipe_fill(end[0], whole, 1, 1);
    zu_pipe_fill(end[0], at, 2, 0);
    zu_pipe_flush(end[0]);
    run();
    cr_assert(zu_pipe_can_read(end[1]));
    zu_pipe_run(end[1], &read);
    cr_assert_eq(read, 2, "an unfinished message is not shown");
    zu_pipe_rollback(end[0]);
    write_text(end[0], "3", false);
    zu_pipe_flush(end[0]);
    expect_text(end[1], "0");
    expect_text(end[1], "1");
    expect_text(end[1], "3");
    close_both();
}

Test(pipe, says_how_much_is_there_and_comes_back_to_the_rest)
{
    make(0, 0, 0, 0);
    cr_assert_eq(zu_pipe_count(end[1]), 0);
    for (int i = 0; i < 20; i++)
        write_text(end[0], "m", false);
    zu_pipe_flush(end[0]);
    write_text(end[0], "not flushed", false);
    run();
    cr_assert_eq(zu_pipe_count(end[1]), 20);
    cr_assert_eq(read_all(end[1], 9), 9);
    cr_assert_eq(zu_pipe_count(end[1]), 11);
    zu_pipe_read_later(end[1]);
    run();
    cr_assert_eq(b.readable, 2);
    zu_pipe_drain(end[1]);
    cr_assert_eq(zu_pipe_count(end[1]), 0);
    zu_pipe_read_later(end[1]); /* nothing is there: the next flush will tell */
    run();
    cr_assert_eq(b.readable, 2);
    zu_pipe_flush(end[0]);
    run();
    cr_assert_eq(b.readable, 3);
    close_both();
}
