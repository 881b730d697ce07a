/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every errno of every request, at every stage of a connection's life: what the kernel may say and
 * what it never should. Whatever comes, the connection goes on or ends cleanly, the observer hears
 * of it in order, and nothing is left behind.
 */
#include "tests/fault/stages.h"

#include <criterion/criterion.h>
#include <errno.h>

TestSuite(session_errno, .timeout = 600);

static const int errnos[] = {ECONNRESET, EPIPE,  ETIMEDOUT, EHOSTUNREACH, ENETDOWN,     ENETUNREACH,
                             ENOBUFS,    ENOMEM, EMFILE,    ENFILE,       ECONNABORTED, EPROTO,
                             EINTR,      EAGAIN, ECANCELED, EIO,          EBADF,        EINVAL,
                             ENOTCONN,   EPERM,  ENOTSOCK,  EACCES,       ECONNREFUSED, 4095};

enum { RETRY_MS = 20 }; /* a shortage may be waited out for so long */

/* Nothing has happened but that the kernel was short of time or memory for it: asked again. */
static bool passes(int err)
{
    return err == EINTR || err == EAGAIN || err == ENOBUFS;
}

/* What the observer has heard when a connection that had come to the stage is lost to `err`. */
static const char *heard_after_loss(const struct stage_way *w, enum stage stage, int err)
{
    static char text[512];
    const char *before = w->dialed ? "CONNECT_DELAYED CONNECTED " : "LISTENING ACCEPTED ";
    const char *closed = w->dialed ? "" : "CLOSED ";
    const char *after = w->dialed ? "CONNECT_RETRIED " : "";

    if (stage == STAGE_GREETING || stage == STAGE_HANDSHAKE)
        snprintf(text, sizeof text, "%sHANDSHAKE_FAILED(%d) DISCONNECTED %s", before, err, after);
    else if (stage == STAGE_GOODBYE)
        snprintf(text, sizeof text, "%sHANDSHAKE_SUCCEEDED %s", before, closed);
    else if (stage == STAGE_CLOSING)
        snprintf(text, sizeof text, "%sHANDSHAKE_SUCCEEDED %s", before, closed);
    else if (stage == STAGE_DRAINING) /* all of it was on its way: nothing to come back for */
        snprintf(text, sizeof text, "%sHANDSHAKE_SUCCEEDED %sDISCONNECTED ", before, closed);
    else
        snprintf(text, sizeof text, "%sHANDSHAKE_SUCCEEDED DISCONNECTED %s", before, after);
    return text;
}

static void check_loss(struct rig *r, const struct stage_way *w, enum stage stage, int err)
{
    const char *expected = heard_after_loss(w, stage, err);

    cr_assert(rig_closed(r), "%s: still open", r->label);
    cr_assert_str_eq(r->events, expected, "%s:\n  heard    %s\n  expected %s", r->label, r->events,
                     expected);
}

/* The peer ends a connection that is over for sending, so that what it said can be read before. */
static void let_peer_end(struct rig *r)
{
    if (!rig_closed(r) && rig_receiving(r))
        rig_hang_up(r, 0);
}

static void receive_fails(const struct stage_way *w, enum stage stage, int err)
{
    struct rig r = {.label = stage_label(w, stage, "receive", err)};
    struct zu_op *op;

    stage_reach(&r, w, stage);
    op = rig_receiving(&r);
    if (op) {
        scripted_complete(r.k, op, -err, 0);
        rig_settle(&r);
        if (stage == STAGE_CLOSING) {
            struct zu_op *send = rig_sending(&r);

            if (send) {
                cr_assert(!rig_closed(&r), "%s: closed under a request", r.label);
                scripted_complete(r.k, send, -ECANCELED, 0);
                rig_settle(&r);
            }
            check_loss(&r, w, stage, err);
        } else if (passes(err)) {
            rig_pass(&r, RETRY_MS);
            cr_assert_not_null(rig_receiving(&r), "%s: receives no more", r.label);
        } else {
            check_loss(&r, w, stage, err);
        }
    }
    stage_end(&r, w);
}

static void send_fails(const struct stage_way *w, enum stage stage, int err)
{
    struct rig r = {.label = stage_label(w, stage, "send", err)};
    struct zu_op *op;

    stage_reach(&r, w, stage);
    op = rig_sending(&r);
    if (op) {
        scripted_complete(r.k, op, -err, 0);
        rig_settle(&r);
        if (passes(err) && stage != STAGE_CLOSING) {
            rig_pass(&r, RETRY_MS);
            cr_assert_not_null(rig_sending(&r), "%s: sends no more", r.label);
        } else if (stage != STAGE_CLOSING) {
            cr_assert_null(rig_sending(&r), "%s: still sends", r.label);
            let_peer_end(&r);
            cr_assert(rig_closed(&r), "%s: still open", r.label);
        }
    }
    stage_end(&r, w);
}

static void connect_fails(int err)
{
    static const struct stage_way dialed = {.dialed = true};
    struct rig r = {.label = stage_label(&dialed, STAGE_CONNECTING, "connect", err)};

    stage_reach(&r, &dialed, STAGE_CONNECTING);
    scripted_complete(r.k, scripted_find(r.k, ZU_OP_CONNECT, r.fd), -err, 0);
    rig_settle(&r);
    cr_assert(rig_closed(&r), "%s: still open", r.label);
    cr_assert_str_eq(r.events, "CONNECT_DELAYED CLOSED CONNECT_RETRIED ", "%s: %s", r.label,
                     r.events);
    rig_pass(&r, 250); /* and again */
    rig_connect(&r);
    stage_greet(&r);
    cr_assert_str_eq(r.events,
                     "CONNECT_DELAYED CLOSED CONNECT_RETRIED CONNECT_DELAYED CONNECTED "
                     "HANDSHAKE_SUCCEEDED ",
                     "%s: %s", r.label, r.events);
    stage_end(&r, &dialed);
}

/* However accept fails, who comes later is let in, and a kernel that says it for ever is not asked
 * without a pause, unless what it says is about one peer alone. */
static void accept_fails(int err)
{
    static const struct stage_way accepted = {.dialed = false};
    struct rig r = {.label = stage_label(&accepted, STAGE_CONNECTING, "accept", err)};
    char expected[256];
    struct zu_op *op;

    stage_reach(&r, &accepted, STAGE_CONNECTING);
    op = scripted_find(r.k, ZU_OP_ACCEPT, r.listener);
    cr_assert_not_null(op);
    scripted_complete(r.k, op, -err, 0);
    rig_settle(&r);
    snprintf(expected, sizeof expected, "LISTENING ACCEPT_FAILED(%d) ", err);
    cr_assert_str_eq(r.events, expected, "%s: %s", r.label, r.events);
    rig_pass(&r, 1100);
    rig_accept(&r);
    stage_greet(&r);
    snprintf(expected, sizeof expected, "LISTENING ACCEPT_FAILED(%d) ACCEPTED HANDSHAKE_SUCCEEDED ",
             err);
    cr_assert_str_eq(r.events, expected, "%s: %s", r.label, r.events);
    stage_end(&r, &accepted);
}

static void at_every_stage(void (*fails)(const struct stage_way *w, enum stage stage, int err))
{
    for (size_t w = 0; w < STAGE_WAYS; w++)
        for (int stage = STAGE_GREETING; stage < STAGES; stage++)
            for (size_t i = 0; i < zu_array_len(errnos); i++)
                fails(&stage_ways[w], (enum stage)stage, errnos[i]);
    rig_leaks(&(struct rig){.label = "all stages"});
}

Test(session_errno, a_receive_fails_at_every_stage_with_every_errno)
{
    at_every_stage(receive_fails);
}

Test(session_errno, a_send_fails_at_every_stage_with_every_errno)
{
    at_every_stage(send_fails);
}

Test(session_errno, a_connect_fails_with_every_errno)
{
    for (size_t i = 0; i < zu_array_len(errnos); i++)
        connect_fails(errnos[i]);
    rig_leaks(&(struct rig){.label = "connect"});
}

Test(session_errno, an_accept_fails_with_every_errno)
{
    for (size_t i = 0; i < zu_array_len(errnos); i++)
        accept_fails(errnos[i]);
    rig_leaks(&(struct rig){.label = "accept"});
}

Test(session_errno, an_accept_that_keeps_failing_does_not_spin)
{
    static const int about_us[] = {EMFILE, ENFILE, ENOMEM,   ENOBUFS, EIO,
                                   EBADF,  EINVAL, ENOTSOCK, EACCES,  4095};

    for (size_t i = 0; i < zu_array_len(about_us); i++) {
        struct rig r = {.label =
                            stage_label(&stage_ways[0], STAGE_CONNECTING, "accept", about_us[i])};
        struct zu_op *op;

        rig_open(&r, ZMQ_DEALER);
        rig_bind(&r);
        op = scripted_find(r.k, ZU_OP_ACCEPT, r.listener);
        scripted_complete(r.k, op, -about_us[i], 0);
        rig_settle(&r);
        cr_assert_null(scripted_find(r.k, ZU_OP_ACCEPT, r.listener), "%s: no pause", r.label);
        rig_pass(&r, 1100);
        cr_assert_not_null(scripted_find(r.k, ZU_OP_ACCEPT, r.listener), "%s: no more", r.label);
        rig_end(&r, 0);
    }
}

Test(session_errno, nor_does_one_that_fails_for_each_peer_in_turn)
{
    struct rig r = {.label = "EPERM from every accept"};

    rig_open(&r, ZMQ_DEALER);
    scripted_refuse(r.k, ZU_OP_ACCEPT, EPERM, 1000000);
    rig_bind(&r);
    rig_pass(&r, 1000);
    cr_assert_lt(r.loop.kernel->stats.completions, 100);
    scripted_refuse(r.k, ZU_OP_ACCEPT, 0, 0);
    rig_pass(&r, 200);
    rig_accept(&r);
    stage_greet(&r);
    rig_end(&r, 1000);
}

/* Descriptors run out while peers wait at the door: they are let in once there are some again. */
Test(session_errno, descriptors_run_out_at_the_door_and_come_back)
{
    struct rig r = {.label = "EMFILE at accept"};

    rig_open(&r, ZMQ_DEALER);
    rig_bind(&r);
    scripted_refuse(r.k, ZU_OP_ACCEPT, EMFILE, 2); /* the next two starts */
    scripted_complete(r.k, scripted_find(r.k, ZU_OP_ACCEPT, r.listener), -EMFILE, 0);
    rig_pass(&r, 350);
    cr_assert_str_eq(r.events, "LISTENING ACCEPT_FAILED(24) ACCEPT_FAILED(24) ACCEPT_FAILED(24) ");
    rig_accept(&r);
    stage_greet(&r);
    rig_end(&r, 1000);
}

Test(session_errno, a_peer_that_is_not_let_in_is_hung_up_on)
{
    for (size_t i = 0; i < zu_array_len(errnos); i++) {
        struct rig r = {.label = stage_label(&stage_ways[0], STAGE_CONNECTING, "admit", errnos[i])};
        char expected[128];

        rig_open(&r, ZMQ_DEALER);
        rig_bind(&r);
        r.admit_rc = -errnos[i];
        rig_accept(&r);
        cr_assert(rig_closed(&r), "%s: still open", r.label);
        snprintf(expected, sizeof expected, "LISTENING ACCEPT_FAILED(%d) ", errnos[i]);
        cr_assert_str_eq(r.events, expected, "%s", r.events);
        r.admit_rc = 0;
        rig_accept(&r);
        stage_greet(&r);
        rig_end(&r, 1000);
    }
}

Test(session_errno, a_look_up_fails_until_it_does_not)
{
    for (size_t i = 0; i < zu_array_len(errnos); i++) {
        struct rig r = {.label =
                            stage_label(&stage_ways[1], STAGE_CONNECTING, "look-up", errnos[i])};

        rig_open(&r, ZMQ_DEALER);
        r.look_rc = -errnos[i];
        rig_dial(&r);
        cr_assert_str_eq(r.events, "CONNECT_RETRIED ", "%s: %s", r.label, r.events);
        r.look_rc = 0;
        rig_pass(&r, 250);
        rig_connect(&r);
        stage_greet(&r);
        rig_end(&r, 1000);
    }
}

/* The errors that a kernel gives for one request and not the next: the conversation goes on. */
Test(session_errno, what_passes_leaves_the_conversation_whole)
{
    static const int kinds[] = {ZU_OP_RECV, ZU_OP_RECV_BLOCK, ZU_OP_SEND, ZU_OP_SENDMSG};

    for (size_t w = 0; w < STAGE_WAYS; w++) {
        for (size_t i = 0; i < zu_array_len(errnos); i++) {
            struct rig r = {.label = stage_label(&stage_ways[w], STAGE_ACTIVE, "all", errnos[i])};

            if (!passes(errnos[i]))
                continue;
            rig_open(&r, ZMQ_DEALER);
            r.patience_ms = 3 * RETRY_MS;
            for (size_t k = 0; k < zu_array_len(kinds); k++)
                scripted_refuse(r.k, (enum zu_op_kind)kinds[k], errnos[i], 3);
            stage_meet(&r, &stage_ways[w]);
            stage_greet(&r);
            for (size_t k = 0; k < zu_array_len(kinds); k++)
                scripted_refuse(r.k, (enum zu_op_kind)kinds[k], errnos[i], 3);
            stage_talk(&r);
            rig_end(&r, 1000);
        }
    }
}
