/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending without a copy (engine/core/session_out.c): what is lent to the kernel stays as it is,
 * byte for byte, until the kernel says that it is free again, in whatever order it says so, and
 * whatever becomes of the connection meanwhile; and what it refuses is sent all the same. The
 * scripted kernel compares the bytes, and each message says when it is let go.
 */
#include "include/zuring.h"
#include "tests/fault/rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <zmq.h>

TestSuite(zero_copy, .timeout = 600);

enum { BODY = 40 * 1024, FRAME = 9 + BODY, LENT_MAX = 16 };

static int let_go; /* messages that were */

static void free_body(void *data, void *hint)
{
    (void)hint;
    memset(data, 0xdb, BODY); /* nobody may look at it any more */
    free(data);
    let_go++;
}

/* A body that is told by its number. */
static uint8_t body_byte(unsigned number, size_t i)
{
    return (uint8_t)(number * 31 + i * 7 + (i >> 8));
}

static void send_body(struct rig *r, unsigned number)
{
    uint8_t *data = malloc(BODY);
    zmq_msg_t m;

    for (size_t i = 0; i < BODY; i++)
        data[i] = body_byte(number, i);
    cr_assert_eq(zmq_msg_init_data(&m, data, BODY, free_body, NULL), 0);
    cr_assert_eq(zmq_msg_send(&m, r->s, ZMQ_DONTWAIT), BODY);
    rig_settle(r);
}

/* What was heard since is the frames of these bodies, from `first` on, and no more. */
static void check_heard(struct rig *r, unsigned first, unsigned count)
{
    static const uint8_t head[9] = {2, [6] = 0, BODY >> 8};

    cr_assert_eq(r->said_size, (size_t)count * FRAME, "%s: %zu bytes", r->label, r->said_size);
    for (unsigned n = 0; n < count; n++) {
        const uint8_t *at = r->said + (size_t)n * FRAME;

        cr_assert_arr_eq(at, head, sizeof head);
        for (size_t i = 0; i < BODY; i++)
            cr_assert_eq(at[9 + i], body_byte(first + n, i), "%s: body %u at %zu", r->label,
                         first + n, i);
    }
    r->said_size = 0;
}

static void reconnect(struct rig *r)
{
    rig_connect(r);
    rig_say_hex(r, RIG_GREETING RIG_READY_DEALER);
    rig_hear_all(r);
    r->said_size = 0;
}

/* A DEALER whose peer is on another machine. */
static void meet_with(struct rig *r, int min)
{
    rig_open(r, ZMQ_DEALER);
    rig_set(r, ZURING_ZERO_COPY_MIN, min);
    r->far_away = true;
    let_go = 0;
    rig_dial(r);
    reconnect(r);
}

static void meet(struct rig *r)
{
    meet_with(r, BODY);
}

static bool is_lending(struct rig *r)
{
    struct zu_op *op = rig_sending(r);

    cr_assert_not_null(op, "%s: nothing is sent", r->label);
    return op->kind == ZU_OP_SENDMSG_ZC;
}

static size_t lent(struct rig *r)
{
    size_t n = 0;

    while (scripted_lent(r->k, n))
        n++;
    return n;
}

/* Sends a body; all of it is taken, and is lent. */
static void lend_body(struct rig *r, unsigned number)
{
    send_body(r, number);
    cr_assert(is_lending(r), "%s", r->label);
    rig_hear_all(r);
}

static void give_back(struct rig *r, size_t n)
{
    cr_assert(scripted_free(r->k, scripted_lent(r->k, n), false), "%s: was changed", r->label);
    rig_settle(r);
}

Test(zero_copy, what_is_lent_is_kept_until_it_is_free)
{
    struct rig r = {.label = "one body"};

    meet(&r);
    lend_body(&r, 1);
    check_heard(&r, 1, 1);
    cr_assert_eq(let_go, 0);
    rig_pass(&r, 1000);
    cr_assert_eq(let_go, 0);
    cr_assert_eq(rig_give_back(&r, false), 1);
    cr_assert_eq(let_go, 1);
    cr_assert_eq(r.k->stats.zc_sends, 1);
    cr_assert_eq(r.k->stats.zc_copied, 0);
    rig_end(&r, 0);
    cr_assert_eq(r.resets, 0);
}

/* Three batches in flight come back in each of the six orders, while others are sent. */
Test(zero_copy, batches_become_free_in_any_order)
{
    static const uint8_t orders[6][3] = {{0, 0, 0}, {0, 1, 0}, {1, 0, 0},
                                         {1, 1, 0}, {2, 0, 0}, {2, 1, 0}};
    struct rig r = {.label = "any order"};
    unsigned number = 0;

    meet(&r);
    for (int i = 0; i < 6; i++) {
        for (int j = 0; j < 3; j++)
            lend_body(&r, number++);
        check_heard(&r, number - 3, 3);
        for (int j = 0; j < 3; j++) {
            give_back(&r, orders[i][j]);
            cr_assert_eq(let_go, i * 3 + j + 1);
            cr_assert_eq(zmq_send(r.s, "small", 5, 0), 5);
            rig_hear_all(&r);
            cr_assert_eq(r.said_size, 7);
            r.said_size = 0;
        }
    }
    rig_end(&r, 0);
}

/* The result and the notification of one send come in one round, and the next result before. */
Test(zero_copy, a_notification_comes_with_its_result_or_with_the_next)
{
    struct rig r = {.label = "together"};

    meet(&r);
    send_body(&r, 0);
    cr_assert(is_lending(&r));
    scripted_take(r.k, rig_sending(&r), NULL, SIZE_MAX);
    cr_assert(scripted_free(r.k, scripted_lent(r.k, 0), false));
    rig_settle(&r);
    cr_assert_eq(let_go, 1);
    lend_body(&r, 1);
    send_body(&r, 2);
    cr_assert(scripted_free(r.k, scripted_lent(r.k, 0), false));
    scripted_take(r.k, rig_sending(&r), NULL, SIZE_MAX);
    rig_settle(&r);
    cr_assert_eq(let_go, 2);
    cr_assert_eq(rig_give_back(&r, false), 1);
    cr_assert_eq(let_go, 3);
    rig_end(&r, 0);
}

/* A send that takes a part: the rest goes the ordinary way, from the same memory, and neither the
 * rest's end nor the loan's lets go of it alone. */
Test(zero_copy, a_short_send_loses_nothing)
{
    static const size_t parts[] = {0, 1, 8, 9, 10, 9 + BODY / 2, FRAME - 1};

    for (size_t i = 0; i < zu_array_len(parts); i++) {
        for (int late = 0; late < 3; late++) {
            struct rig r = {.label = "a short send"};

            meet(&r);
            send_body(&r, 5);
            cr_assert(is_lending(&r));
            rig_hear(&r, parts[i]);
            cr_assert(!is_lending(&r));
            if (late == 0)
                give_back(&r, 0);
            cr_assert_eq(let_go, 0);
            if (late == 1) {
                rig_hear(&r, 1);
                give_back(&r, 0);
            }
            rig_hear_all(&r);
            cr_assert_eq(let_go, late < 2);
            rig_give_back(&r, false);
            cr_assert_eq(let_go, 1);
            check_heard(&r, 5, 1);
            lend_body(&r, 6); /* and it goes on lending */
            check_heard(&r, 6, 1);
            rig_give_back(&r, false);
            rig_end(&r, 0);
        }
    }
}

/* Whatever the kernel refuses is sent by copying, and so is everything after it; with or without a
 * notification for the refusal. */
Test(zero_copy, what_is_refused_is_copied)
{
    static const int errors[] = {ENOMEM, ENOBUFS, EINVAL, EOPNOTSUPP, EAGAIN, EINTR, EFAULT, EPERM};

    for (size_t i = 0; i < zu_array_len(errors); i++) {
        for (int told = 0; told < 2; told++) {
            struct rig r = {.label = strerrorname_np(errors[i])};

            meet(&r);
            send_body(&r, 1);
            cr_assert(is_lending(&r));
            scripted_complete(r.k, rig_sending(&r), -errors[i], told ? ZU_OP_MORE : 0);
            rig_settle(&r);
            cr_assert(!is_lending(&r), "%s", r.label);
            rig_hear_all(&r);
            cr_assert_eq(let_go, !told);
            cr_assert_eq(rig_give_back(&r, false), (size_t)told);
            cr_assert_eq(let_go, 1);
            send_body(&r, 2);
            cr_assert(!is_lending(&r), "%s", r.label);
            rig_hear_all(&r);
            check_heard(&r, 1, 2);
            cr_assert_eq(r.k->stats.zc_sends, 0);
            rig_end(&r, 0);
        }
    }
}

Test(zero_copy, a_kernel_that_copies_is_lent_no_more)
{
    struct rig r = {.label = "copied"};

    meet(&r);
    lend_body(&r, 1);
    send_body(&r, 2);
    cr_assert(is_lending(&r));
    cr_assert_eq(rig_give_back(&r, true), 1);
    rig_hear_all(&r);
    cr_assert_eq(rig_give_back(&r, false), 1);
    cr_assert_eq(let_go, 2);
    send_body(&r, 3);
    cr_assert(!is_lending(&r));
    rig_hear_all(&r);
    check_heard(&r, 1, 3);
    cr_assert_eq(r.k->stats.zc_sends, 2);
    cr_assert_eq(r.k->stats.zc_copied, 1);
    rig_hang_up(&r, ECONNRESET);
    rig_pass(&r, 1000);
    reconnect(&r); /* the next connection is tried anew */
    lend_body(&r, 4);
    rig_give_back(&r, false);
    rig_end(&r, 0);
}

Test(zero_copy, who_has_lent_much_copies_the_rest)
{
    struct rig r = {.label = "a peer that acknowledges nothing"};

    meet(&r);
    for (unsigned i = 0; i < LENT_MAX; i++)
        lend_body(&r, i);
    for (unsigned i = LENT_MAX; i < LENT_MAX + 3; i++) {
        send_body(&r, i);
        cr_assert(!is_lending(&r));
        rig_hear_all(&r);
    }
    cr_assert_eq(let_go, 3);
    give_back(&r, 7);
    lend_body(&r, LENT_MAX + 3);
    check_heard(&r, 0, LENT_MAX + 4);
    cr_assert_eq(rig_give_back(&r, false), LENT_MAX);
    cr_assert_eq(let_go, LENT_MAX + 4);
    rig_end(&r, 0);
}

Test(zero_copy, the_option_says_from_which_size_on)
{
    static const struct {
        int min;
        bool far_away, lends;
    } cases[] = {{BODY - 1, true, true}, {BODY, true, true}, {BODY + 1, true, false},
                 {0, true, false},       {-1, true, false},  {1, true, true},
                 {1, false, false}};

    for (size_t i = 0; i < zu_array_len(cases); i++) {
        struct rig r = {.label = "the option"};

        meet_with(&r, cases[i].min);
        r.far_away = cases[i].far_away;
        send_body(&r, 1);
        cr_assert_eq(is_lending(&r), cases[i].lends, "%d", cases[i].min);
        rig_hear_all(&r);
        rig_give_back(&r, false);
        rig_end(&r, 0);
    }
}

Test(zero_copy, never_is_never_however_large_a_body_is)
{
    struct rig r = {.label = "4 GiB"};
    static uint8_t bytes[1]; /* nobody looks at them */
    zmq_msg_t m;

    meet(&r);
    r.far_away = false;
    cr_assert_eq(zmq_msg_init_data(&m, bytes, (size_t)UINT32_MAX + 1, NULL, NULL), 0);
    cr_assert_neq(zmq_msg_send(&m, r.s, ZMQ_DONTWAIT), -1);
    rig_settle(&r);
    cr_assert(!is_lending(&r));
    rig_end(&r, 0);
}

Test(zero_copy, a_raw_peer_is_lent_nothing)
{
    struct rig r = {.label = "STREAM"};
    zmq_msg_t id;

    rig_open(&r, ZMQ_STREAM);
    rig_set(&r, ZURING_ZERO_COPY_MIN, 1);
    r.far_away = true;
    rig_bind(&r);
    rig_accept(&r);
    zmq_msg_init(&id);
    cr_assert_eq(zmq_msg_recv(&id, r.s, ZMQ_DONTWAIT), 5);
    cr_assert_eq(zmq_recv(r.s, NULL, 0, ZMQ_DONTWAIT), 0);
    cr_assert_eq(zmq_msg_send(&id, r.s, ZMQ_SNDMORE), 5);
    send_body(&r, 1);
    cr_assert(!is_lending(&r));
    rig_end(&r, 0);
}

/* ---- the end of a connection ---- */

/* How far a loan is when the connection ends: no result yet; the result and no notification; the
 * notification outstanding while the rest is sent. */
enum how_far { ASKED, OPEN, REST, HOW_FAR };

static void lend_so_far(struct rig *r, enum how_far far)
{
    lend_body(r, 0);
    send_body(r, 1);
    cr_assert(is_lending(r));
    if (far == OPEN)
        rig_hear(r, SIZE_MAX);
    if (far == REST)
        rig_hear(r, 1000);
    cr_assert_eq(lent(r), far == ASKED ? 1 : 2);
}

/* The connection breaks. It is reset, nothing is let go before the kernel has said so, and only
 * then there is another, on which lending goes on. */
Test(zero_copy, a_broken_connection_waits_for_what_it_lent)
{
    for (enum how_far far = ASKED; far < HOW_FAR; far++) {
        for (int first = 0; first < 2; first++) {
            struct rig r = {.label = "a reset"};

            meet(&r);
            lend_so_far(&r, far);
            rig_hang_up(&r, ECONNRESET);
            rig_pass(&r, 1000);
            cr_assert_eq(r.resets, 1);
            cr_assert_eq(let_go, 0);
            cr_assert(!rig_closed(&r));
            while (lent(&r)) {
                cr_assert(!rig_closed(&r));
                give_back(&r, first ? 0 : lent(&r) - 1);
            }
            cr_assert_eq(let_go, 2);
            cr_assert(rig_closed(&r));
            rig_pass(&r, 1000);
            reconnect(&r);
            lend_body(&r, 2);
            rig_give_back(&r, false);
            rig_end(&r, 0);
        }
    }
}

/* The kernel's answer to the cancel is a part, and a notification follows. */
Test(zero_copy, a_cancelled_send_may_have_sent_a_part)
{
    struct rig r = {.label = "a cancel that comes late"};

    meet(&r);
    scripted_on_cancel(r.k, SCRIPTED_CANCEL_NOTED);
    send_body(&r, 1);
    rig_hang_up(&r, 0);
    cr_assert(scripted_cancelled(r.k, rig_sending(&r)));
    cr_assert_eq(r.resets, 1);
    rig_hear(&r, 100);
    rig_settle(&r);
    cr_assert_eq(let_go, 0);
    cr_assert(!rig_closed(&r));
    cr_assert_eq(rig_give_back(&r, false), 1);
    cr_assert_eq(let_go, 1);
    cr_assert(rig_closed(&r));
    rig_end(&r, 0);
}

/* A send that says that the peer is gone: the rest of what came is read first. */
Test(zero_copy, a_peer_that_takes_no_more_is_read_to_its_end)
{
    for (int told = 0; told < 2; told++) {
        struct rig r = {.label = "EPIPE"};

        meet(&r);
        lend_body(&r, 1);
        send_body(&r, 2);
        scripted_complete(r.k, rig_sending(&r), -EPIPE, told ? ZU_OP_MORE : 0);
        rig_settle(&r);
        cr_assert_eq(let_go, !told);
        rig_say_hex(&r, "00 04 'last'");
        cr_assert_eq(r.resets, 0);
        rig_hang_up(&r, 0);
        cr_assert_eq(r.resets, 1);
        cr_assert_eq(rig_give_back(&r, false), (size_t)told + 1);
        cr_assert_eq(let_go, 2);
        rig_end(&r, 0);
    }
}

/* zmq_close with time: all is sent, and the connection ends once the peer's machine has it all;
 * what is lent is free then. */
Test(zero_copy, a_close_with_linger_resets_nothing)
{
    struct rig r = {.label = "a goodbye"};

    meet(&r);
    lend_body(&r, 0);
    send_body(&r, 1);
    rig_close(&r);
    rig_hear_all(&r);
    check_heard(&r, 0, 2);
    cr_assert_eq(let_go, 0);
    cr_assert_eq(rig_give_back(&r, false), 2);
    rig_hang_up(&r, 0);
    cr_assert(rig_closed(&r));
    cr_assert_eq(r.resets, 0);
    rig_end(&r, 0);
    cr_assert_eq(let_go, 2);
}

/* A peer that acknowledges nothing: when the linger is over the connection is reset, and the end
 * waits for the kernel alone. */
Test(zero_copy, linger_ends_what_a_peer_does_not_acknowledge)
{
    for (enum how_far far = ASKED; far < HOW_FAR; far++) {
        for (int linger = 0; linger <= 200; linger += 200) {
            struct rig r = {.label = "linger"};

            meet(&r);
            rig_set(&r, ZMQ_LINGER, linger);
            lend_so_far(&r, far);
            rig_close(&r);
            if (linger)
                rig_pass(&r, 150);
            cr_assert_eq(r.resets, linger == 0);
            if (linger)
                rig_pass(&r, 60);
            cr_assert_eq(r.resets, 1);
            rig_pass(&r, 1000);
            cr_assert_eq(r.ctx->live, 1);
            rig_give_back(&r, false);
            cr_assert(rig_closed(&r));
            cr_assert_eq(r.ctx->live, 0);
            cr_assert_eq(let_go, 2);
            rig_end(&r, 0);
        }
    }
}

/* Parts that are copied and parts that are lent, in one batch; and what the session says itself. */
Test(zero_copy, small_parts_go_with_large_ones)
{
    struct rig r = {.label = "parts"};

    meet(&r);
    cr_assert_eq(zmq_send(r.s, "head", 4, ZMQ_SNDMORE), 4);
    send_body(&r, 1);
    cr_assert(is_lending(&r));
    cr_assert_eq(scripted_send_size(rig_sending(&r)), 6 + FRAME);
    scripted_feed(r.k, rig_receiving(&r), "\4\7\4PING\0\0", 9); /* the PONG goes behind it */
    rig_settle(&r);
    rig_hear(&r, SIZE_MAX);
    rig_settle(&r);
    cr_assert_eq(lent(&r), 1);
    cr_assert(!is_lending(&r));
    rig_hear_all(&r);
    cr_assert_eq(r.said_size, 6 + FRAME + 7);
    cr_assert_arr_eq(r.said, "\1\4head", 6);
    cr_assert_arr_eq(r.said + 6 + FRAME, "\4\5\4PONG", 7);
    cr_assert_eq(let_go, 0);
    cr_assert_eq(rig_give_back(&r, false), 1);
    cr_assert_eq(let_go, 1);
    rig_end(&r, 0);
}
