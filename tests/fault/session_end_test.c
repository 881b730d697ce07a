/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way in which a connection is ended from this side, at every stage, with every linger; what
 * the kernel makes of a cancel; and requests that complete in any order.
 */
#include "tests/fault/stages.h"
#include "tests/support/hex.h"

#include <criterion/criterion.h>
#include <errno.h>

TestSuite(session_end, .timeout = 600);

enum how { CLOSE, LET_GO, TERM, HOWS }; /* LET_GO: zmq_unbind, or zmq_disconnect */

static const char *const how_names[HOWS] = {"zmq_close", "let go", "zmq_ctx_shutdown"};

static void do_end(struct rig *r, const struct stage_way *w, enum how how)
{
    switch (how) {
    case CLOSE: rig_close(r); break;
    case LET_GO:
        RIG_CHECK(r, (w->dialed ? zmq_disconnect : zmq_unbind)(r->s, RIG_ENDPOINT) == 0);
        rig_settle(r);
        break;
    case TERM:
        RIG_CHECK(r, zmq_ctx_shutdown(r->ctx) == 0);
        RIG_CHECK(r, zmq_send(r->s, "", 0, ZMQ_DONTWAIT) == -1 && errno == ETERM);
        rig_close(r);
        break;
    case HOWS: break;
    }
}

/* The stages at which the socket is open. */
static bool may_end(enum stage stage)
{
    return stage != STAGE_DRAINING && stage != STAGE_GOODBYE;
}

/* The kernel takes the rest of what is under way, and the peer, seeing our end, ends too. */
static void let_all_out(struct rig *r)
{
    for (int i = 0; i < 20 && r->ctx->live; i++) {
        rig_hear_all(r);
        if (rig_receiving(r))
            rig_hang_up(r, 0);
    }
}

/* Linger 0: at once, whatever is under way; only the kernel's own answers are waited for. */
static void end_outright(const struct stage_way *w, enum stage stage, enum how how)
{
    struct rig r = {.label = stage_label(w, stage, how_names[how], 0)};

    stage_reach(&r, w, stage);
    rig_set(&r, ZMQ_LINGER, 0);
    if (stage != STAGE_CLOSING) /* which has let go already */
        do_end(&r, w, how);
    scripted_on_cancel(r.k, SCRIPTED_CANCEL_ENDS);
    rig_end(&r, 0);
}

/* Linger n: at most n milliseconds, though the peer takes nothing. */
static void end_in_time(const struct stage_way *w, enum stage stage, enum how how)
{
    struct rig r = {.label = stage_label(w, stage, how_names[how], 200)};

    stage_reach(&r, w, stage);
    rig_set(&r, ZMQ_LINGER, 200);
    if (stage != STAGE_CLOSING)
        do_end(&r, w, how);
    if (r.s)
        rig_close(&r);
    rig_pass(&r, 150);
    if (stage == STAGE_SENDING || stage == STAGE_SENDING_MANY)
        cr_assert(how == LET_GO && !w->dialed ? rig_closed(&r) : !rig_closed(&r),
                  "%s: not as long as linger says", r.label);
    rig_end(&r, 60);
}

/* Linger for ever: all goes out, and the end comes when the peer has ended. */
static void end_when_all_is_out(const struct stage_way *w, enum stage stage, enum how how)
{
    struct rig r = {.label = stage_label(w, stage, how_names[how], -1)};

    stage_reach(&r, w, stage);
    rig_set(&r, ZMQ_LINGER, -1);
    if (stage != STAGE_CLOSING)
        do_end(&r, w, how);
    if (r.s)
        rig_close(&r);
    let_all_out(&r);
    rig_end(&r, 0);
}

/* An end that this side wants is no event of the connection; only a listener's own end is one. */
Test(session_end, the_observer_hears_of_no_end_that_was_wanted)
{
    for (size_t w = 0; w < STAGE_WAYS; w++) {
        for (int how = 0; how < HOWS; how++) {
            struct rig r = {.label = stage_label(&stage_ways[w], STAGE_ACTIVE, how_names[how], 0)};

            stage_reach(&r, &stage_ways[w], STAGE_ACTIVE);
            rig_set(&r, ZMQ_LINGER, 0);
            do_end(&r, &stage_ways[w], (enum how)how);
            if (r.s)
                rig_close(&r);
            cr_assert_str_eq(r.events,
                             stage_ways[w].dialed
                                 ? "CONNECT_DELAYED CONNECTED HANDSHAKE_SUCCEEDED "
                                 : "LISTENING ACCEPTED HANDSHAKE_SUCCEEDED CLOSED ",
                             "%s: %s", r.label, r.events);
            rig_end(&r, 1);
        }
    }
}

static void at_every_stage(void (*ends)(const struct stage_way *w, enum stage stage, enum how how))
{
    for (size_t w = 0; w < STAGE_WAYS; w++)
        for (int stage = 0; stage < STAGES; stage++)
            for (int how = 0; how < HOWS; how++)
                if (may_end((enum stage)stage))
                    ends(&stage_ways[w], (enum stage)stage, (enum how)how);
    rig_leaks(&(struct rig){.label = "ended"});
}

Test(session_end, without_linger_it_ends_at_once_at_every_stage)
{
    at_every_stage(end_outright);
}

Test(session_end, with_linger_it_ends_in_time_at_every_stage)
{
    at_every_stage(end_in_time);
}

Test(session_end, with_time_without_end_it_ends_when_all_is_out)
{
    at_every_stage(end_when_all_is_out);
}

/* ---- what was written is not lost ---- */

/* What a DEALER's peer must see: its greeting and READY (10 + 54 + 44), then the messages. */
static void check_said(struct rig *r, size_t from, const char *hex)
{
    uint8_t expected[256];
    size_t size = hex_read(expected, sizeof expected, hex);

    RIG_CHECK(r, r->said_size == from + size);
    RIG_CHECK(r, memcmp(r->said + from, expected, size) == 0);
}

static size_t greeting_size(void)
{
    struct rig r = {.label = "greeting"};
    size_t size;

    rig_open(&r, ZMQ_DEALER);
    rig_bind(&r);
    rig_accept(&r);
    stage_greet(&r);
    size = r.said_size;
    rig_end(&r, 0);
    return size;
}

Test(session_end, what_was_written_before_the_connection_and_the_close_arrives)
{
    struct rig r = {.label = "written early"};
    size_t from = greeting_size();

    rig_open(&r, ZMQ_DEALER);
    rig_dial(&r);
    cr_assert_eq(zmq_send(r.s, "one", 3, ZMQ_DONTWAIT), 3);
    cr_assert_eq(zmq_send(r.s, "two", 3, ZMQ_DONTWAIT), 3);
    rig_close(&r);
    rig_pass(&r, 5000);
    rig_connect(&r);
    stage_greet(&r);
    check_said(&r, from, "00 03 'one' 00 03 'two'");
    rig_hang_up(&r, 0);
    rig_end(&r, 1);
}

Test(session_end, what_was_written_survives_refusals_and_lost_connections)
{
    struct rig r = {.label = "refused"};
    size_t from = greeting_size();

    rig_open(&r, ZMQ_DEALER);
    rig_dial(&r);
    cr_assert_eq(zmq_send(r.s, "one", 3, ZMQ_DONTWAIT), 3);
    rig_close(&r);
    for (int i = 0; i < 5; i++) {
        scripted_complete(r.k, scripted_find(r.k, ZU_OP_CONNECT, r.fd), -ECONNREFUSED, 0);
        rig_pass(&r, 250);
        rig_connect(&r);
        rig_say_hex(&r, RIG_GREETING);
        rig_hang_up(&r, i % 2 ? ECONNRESET : 0);
        rig_pass(&r, 250);
    }
    r.said_size = 0;
    rig_connect(&r);
    stage_greet(&r);
    check_said(&r, from, "00 03 'one'");
    rig_hang_up(&r, 0);
    rig_end(&r, 1);
}

/* A message of several parts that was half sent when the connection went is not continued. */
Test(session_end, a_new_connection_begins_with_a_whole_message)
{
    static char large[200 * 1024];
    struct rig r = {.label = "half a message"};
    size_t from = greeting_size();

    rig_open(&r, ZMQ_DEALER);
    rig_dial(&r);
    rig_connect(&r);
    stage_greet(&r);
    cr_assert_eq(zmq_send(r.s, large, sizeof large, ZMQ_DONTWAIT | ZMQ_SNDMORE), sizeof large);
    cr_assert_eq(zmq_send(r.s, "tail", 4, ZMQ_DONTWAIT), 4);
    cr_assert_eq(zmq_send(r.s, "next", 4, ZMQ_DONTWAIT), 4);
    rig_settle(&r);
    cr_assert(rig_hear(&r, 1000));
    rig_hang_up(&r, ECONNRESET);
    if (rig_sending(&r))
        scripted_complete(r.k, rig_sending(&r), -ECONNRESET, 0);
    rig_settle(&r);
    r.said_size = 0;
    rig_pass(&r, 250);
    rig_connect(&r);
    stage_greet(&r);
    check_said(&r, from, "00 04 'next'");
    rig_end(&r, 0);
}

/* The same where the pipe goes with its connection (ZMQ_IMMEDIATE): the next pipe has nothing in it
 * that would have to be skipped. */
Test(session_end, a_new_pipe_begins_with_its_first_message)
{
    static char large[200 * 1024];
    struct rig r = {.label = "half a message, immediate"};
    size_t from = greeting_size();

    rig_open(&r, ZMQ_DEALER);
    rig_set(&r, ZMQ_IMMEDIATE, 1);
    rig_dial(&r);
    rig_connect(&r);
    stage_greet(&r);
    cr_assert_eq(zmq_send(r.s, large, sizeof large, ZMQ_DONTWAIT | ZMQ_SNDMORE), sizeof large);
    cr_assert_eq(zmq_send(r.s, "tail", 4, ZMQ_DONTWAIT), 4);
    rig_settle(&r);
    cr_assert(rig_hear(&r, 1000));
    rig_hang_up(&r, ECONNRESET);
    if (rig_sending(&r))
        scripted_complete(r.k, rig_sending(&r), -ECONNRESET, 0);
    rig_settle(&r);
    cr_assert(zmq_send(r.s, "void", 4, ZMQ_DONTWAIT) == -1 && errno == EAGAIN);
    r.said_size = 0;
    rig_pass(&r, 250);
    rig_connect(&r);
    stage_greet(&r);
    cr_assert_eq(zmq_send(r.s, "next", 4, ZMQ_DONTWAIT), 4);
    rig_hear_all(&r);
    check_said(&r, from, "00 04 'next'");
    rig_end(&r, 0);
}

/* ---- peers that do not do their part ---- */

static void fill_up(struct rig *r)
{
    static char body[3000];

    while (zmq_send(r->s, body, sizeof body, ZMQ_DONTWAIT) >= 0)
        rig_settle(r);
    RIG_CHECK(r, errno == EAGAIN);
}

Test(session_end, a_peer_that_never_reads_holds_nobody_up)
{
    for (size_t w = 0; w < STAGE_WAYS; w++) {
        struct rig r = {.label = stage_label(&stage_ways[w], STAGE_SENDING, "never reads", 0)};

        rig_open(&r, ZMQ_DEALER);
        rig_set(&r, ZMQ_SNDHWM, 10);
        rig_set(&r, ZMQ_LINGER, 300);
        stage_meet(&r, &stage_ways[w]);
        stage_greet(&r);
        fill_up(&r);
        rig_close(&r);
        rig_pass(&r, 290);
        cr_assert(!rig_closed(&r) && r.ctx->live > 0, "%s: cut short", r.label);
        rig_pass(&r, 20);
        cr_assert_eq(r.ctx->live, 0, "%s: still there", r.label);
        rig_end(&r, 1);
    }
    rig_leaks(&(struct rig){.label = "never reads"});
}

Test(session_end, a_peer_that_says_nothing_is_given_up_on)
{
    for (size_t w = 0; w < STAGE_WAYS; w++) {
        for (int stage = STAGE_GREETING; stage <= STAGE_HANDSHAKE; stage++) {
            struct rig r = {.label = stage_label(&stage_ways[w], (enum stage)stage, "silent", 0)};

            stage_reach(&r, &stage_ways[w], (enum stage)stage);
            rig_pass(&r, 29990);
            cr_assert(!rig_closed(&r), "%s: cut short", r.label);
            rig_pass(&r, 20);
            cr_assert(rig_closed(&r), "%s: still there", r.label);
            cr_assert_str_eq(r.events,
                             stage_ways[w].dialed
                                 ? "CONNECT_DELAYED CONNECTED HANDSHAKE_FAILED(110) "
                                   "DISCONNECTED CONNECT_RETRIED "
                                 : "LISTENING ACCEPTED HANDSHAKE_FAILED(110) DISCONNECTED ",
                             "%s: %s", r.label, r.events);
            rig_end(&r, 0);
        }
    }
}

/* One that goes on talking after our end: it is read and dropped, and not for ever. */
Test(session_end, a_peer_that_talks_on_after_our_end_is_heard_out_and_left)
{
    struct rig r = {.label = "talks on"};
    char byte;
    unsigned ms = 0;

    stage_reach(&r, &stage_ways[0], STAGE_GOODBYE);
    cr_assert_eq(recv(r.far, &byte, 1, MSG_DONTWAIT), 0, "we have not shut");
    for (; rig_receiving(&r) && ms < 2000; ms += 10) {
        rig_say_hex(&r, "00 05 'still' 00 05 'there'");
        rig_pass(&r, 10);
    }
    cr_assert(ms >= 300 && ms < 1500, "it was given %u ms", ms);
    rig_end(&r, 1);
}

/* Its close, too, comes at once when it has nothing more to say. */
Test(session_end, a_peer_that_ends_after_our_end_is_done_with_at_once)
{
    struct rig r = {.label = "ends"};

    stage_reach(&r, &stage_ways[0], STAGE_GOODBYE);
    rig_say_hex(&r, "00 05 'still'");
    rig_hang_up(&r, 0);
    cr_assert_eq(r.ctx->live, 0);
    rig_end(&r, 1);
}

/* Even when nothing can be sent any more, and the peer does not say that it has gone. */
Test(session_end, a_connection_dead_for_sending_does_not_hold_up_the_end)
{
    static const int deaths[] = {EPIPE, ENOMEM, EIO, 4095};

    for (size_t i = 0; i < zu_array_len(deaths); i++) {
        struct rig r = {.label = stage_label(&stage_ways[0], STAGE_SENDING, "dead", deaths[i])};

        stage_reach(&r, &stage_ways[0], STAGE_SENDING);
        scripted_complete(r.k, rig_sending(&r), -deaths[i], 0);
        rig_settle(&r);
        if (rig_receiving(&r)) /* a PING that would be answered, if it could */
            rig_say_hex(&r, "04 0c 04 'PING' 00 00 'abcde'");
        rig_close(&r);
        rig_end(&r, 1000);
    }
}

/* But what it said before is not lost, however late it is read. */
Test(session_end, what_a_dead_peer_said_waits_until_it_is_read)
{
    struct rig r = {.label = "dead and stalled"};
    int before = 0, after = 0;
    char byte;

    stage_reach(&r, &stage_ways[0], STAGE_STALLED);
    cr_assert_eq(zmq_send(r.s, "any", 3, ZMQ_DONTWAIT), 3);
    rig_settle(&r);
    scripted_complete(r.k, rig_sending(&r), -EPIPE, 0);
    rig_pass(&r, 5000);
    cr_assert(!rig_closed(&r), "cut off");
    for (int i = 0; i < 200; i++) {
        before += zmq_recv(r.s, &byte, 1, ZMQ_DONTWAIT) == 1;
        rig_settle(&r);
    }
    cr_assert_eq(before, 64, "%d of 64", before);
    rig_say_hex(&r, "00 01 'y'");
    after += zmq_recv(r.s, &byte, 1, ZMQ_DONTWAIT) == 1;
    cr_assert(after == 1 && byte == 'y');
    rig_pass(&r, 1000); /* and now it says nothing more, nor that it has gone */
    cr_assert(rig_closed(&r), "kept for ever");
    rig_end(&r, 0);
}

/* ---- cancels ---- */

/* How a request that was cancelled may come back all the same. */
static const int late_receives[] = {-ECANCELED, 0, 5, -ECONNRESET, -EINTR, -ENOBUFS};
static const int late_sends[] = {-ECANCELED, 1, 9, -EPIPE, -EINTR, -EAGAIN};

static void come_back(struct rig *r, struct zu_op *op, int res)
{
    if (res > 0 && (op->kind == ZU_OP_RECV || op->kind == ZU_OP_RECV_BLOCK))
        scripted_feed(r->k, op, "\0\3abc", (size_t)res);
    else if (res > 0)
        scripted_take(r->k, op, NULL, (size_t)res);
    else
        scripted_complete(r->k, op, res, 0);
}

static void cancel_late(const struct stage_way *w, int received, int sent, int order)
{
    struct rig r = {.label = stage_label(w, STAGE_CLOSING, "late", received * 1000 + sent)};
    struct zu_op *recv, *send;

    stage_reach(&r, w, STAGE_CLOSING);
    recv = rig_receiving(&r);
    send = rig_sending(&r);
    cr_assert(recv && send && scripted_cancelled(r.k, recv) && scripted_cancelled(r.k, send));
    if (order & 1)
        come_back(&r, recv, received);
    else
        come_back(&r, send, sent);
    if (order & 2)
        rig_settle(&r);
    cr_assert(!rig_closed(&r), "%s: closed under a request", r.label);
    if (order & 1)
        come_back(&r, send, sent);
    else
        come_back(&r, recv, received);
    rig_settle(&r);
    cr_assert(rig_closed(&r), "%s: still open", r.label);
    cr_assert_not(scripted_forgotten(r.k, r.fd) == 0, "%s: not forgotten", r.label);
    rig_end(&r, 0);
}

Test(session_end, a_cancel_comes_in_time_or_too_late_in_any_order)
{
    for (size_t w = 0; w < STAGE_WAYS; w++)
        for (size_t i = 0; i < zu_array_len(late_receives); i++)
            for (size_t j = 0; j < zu_array_len(late_sends); j++)
                for (int order = 0; order < 4; order++)
                    cancel_late(&stage_ways[w], late_receives[i], late_sends[j], order);
    rig_leaks(&(struct rig){.label = "late"});
}

Test(session_end, a_connect_that_succeeds_after_its_cancel_is_closed)
{
    static const int results[] = {0, -ECANCELED, -ECONNREFUSED, -EINPROGRESS};

    for (size_t i = 0; i < zu_array_len(results); i++) {
        struct rig r = {.label = stage_label(&stage_ways[1], STAGE_CONNECTING, "late", results[i])};
        struct zu_op *op;

        rig_open(&r, ZMQ_DEALER);
        rig_set(&r, ZMQ_LINGER, 0);
        rig_dial(&r);
        scripted_on_cancel(r.k, SCRIPTED_CANCEL_NOTED);
        rig_close(&r);
        op = scripted_find(r.k, ZU_OP_CONNECT, r.fd);
        cr_assert(op && scripted_cancelled(r.k, op), "%s: not cancelled", r.label);
        cr_assert(!rig_closed(&r), "%s: closed under a request", r.label);
        scripted_complete(r.k, op, results[i], 0);
        rig_settle(&r);
        cr_assert(rig_closed(&r), "%s: still open", r.label);
        rig_end(&r, 1);
    }
    rig_leaks(&(struct rig){.label = "late connect"});
}

Test(session_end, a_connect_that_takes_too_long_is_called_off_and_tried_again)
{
    static const int results[] = {0, -ECANCELED, -ETIMEDOUT};

    for (size_t i = 0; i < zu_array_len(results); i++) {
        struct rig r = {.label = stage_label(&stage_ways[1], STAGE_CONNECTING, "slow", results[i])};
        struct zu_op *op;

        rig_open(&r, ZMQ_DEALER);
        rig_set(&r, ZMQ_CONNECT_TIMEOUT, 500);
        rig_dial(&r);
        scripted_on_cancel(r.k, SCRIPTED_CANCEL_NOTED);
        rig_pass(&r, 490);
        op = scripted_find(r.k, ZU_OP_CONNECT, r.fd);
        cr_assert(op && !scripted_cancelled(r.k, op), "%s: too early", r.label);
        rig_pass(&r, 20);
        cr_assert(scripted_cancelled(r.k, op), "%s: not cancelled", r.label);
        scripted_complete(r.k, op, results[i], 0);
        rig_settle(&r);
        cr_assert_str_eq(r.events, "CONNECT_DELAYED CLOSED CONNECT_RETRIED ", "%s", r.events);
        rig_pass(&r, 250);
        rig_connect(&r);
        stage_greet(&r);
        stage_talk(&r);
        rig_end(&r, 0);
    }
}

Test(session_end, a_peer_that_is_accepted_after_the_cancel_is_hung_up_on)
{
    for (int more = 0; more < 2; more++) {
        struct rig r = {.label = "late accept"};
        struct zu_op *op;
        int ends[2];

        rig_open(&r, ZMQ_DEALER);
        rig_bind(&r);
        op = scripted_find(r.k, ZU_OP_ACCEPT, r.listener);
        scripted_on_cancel(r.k, SCRIPTED_CANCEL_NOTED);
        rig_close(&r);
        cr_assert(scripted_cancelled(r.k, op));
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        r.far = ends[1];
        scripted_complete(r.k, op, ends[0], more ? ZU_OP_MORE : 0);
        rig_settle(&r);
        cr_assert(rig_closed(&r), "still open");
        if (more)
            scripted_complete(r.k, op, -ECANCELED, 0);
        rig_end(&r, 1);
    }
}

/* ---- orders of completion ---- */

enum outcome { GOOD, AGAIN, FAILED, OUTCOMES };

static void play_receive(struct rig *r, struct zu_op *op, enum outcome outcome)
{
    static const uint8_t zeros[4] = {0}; /* as good as any bytes: two empty messages, or rubbish */

    if (outcome == GOOD)
        scripted_feed(r->k, op, zeros, sizeof zeros);
    else
        scripted_complete(r->k, op, outcome == AGAIN ? -EAGAIN : 0, 0);
}

static void play_send(struct rig *r, struct zu_op *op, enum outcome outcome)
{
    if (outcome == GOOD)
        scripted_take(r->k, op, NULL, SIZE_MAX);
    else
        scripted_complete(r->k, op, outcome == AGAIN ? -EAGAIN : -EPIPE, 0);
}

static void play_pair(const struct stage_way *w, enum stage stage, int recv_as, int send_as,
                      int order)
{
    struct rig r = {.label = stage_label(w, stage, "pair", recv_as * 100 + send_as * 10 + order)};
    struct zu_op *recv, *send;

    stage_reach(&r, w, stage);
    recv = rig_receiving(&r);
    send = rig_sending(&r);
    if (order & 1 && recv)
        play_receive(&r, recv, (enum outcome)recv_as);
    if (order & 2)
        rig_settle(&r);
    if (send && rig_sending(&r) == send)
        play_send(&r, send, (enum outcome)send_as);
    if (order & 2)
        rig_settle(&r);
    if (!(order & 1) && recv && rig_receiving(&r) == recv)
        play_receive(&r, recv, (enum outcome)recv_as);
    rig_settle(&r);
    stage_end(&r, w);
}

Test(session_end, requests_complete_in_every_order_at_every_stage)
{
    for (size_t w = 0; w < STAGE_WAYS; w++)
        for (int stage = STAGE_GREETING; stage < STAGES; stage++)
            for (int outcomes = 0; outcomes < OUTCOMES * OUTCOMES; outcomes++)
                for (int order = 0; order < 4; order++)
                    play_pair(&stage_ways[w], (enum stage)stage, outcomes / OUTCOMES,
                              outcomes % OUTCOMES, order);
    rig_leaks(&(struct rig){.label = "orders"});
}
