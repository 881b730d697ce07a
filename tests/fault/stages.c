/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each stage is reached by what a peer and an application would do, not by setting states.
 */
#include "tests/fault/stages.h"

#include "tests/support/hex.h"

#include <errno.h>

const struct stage_way stage_ways[STAGE_WAYS] = {{.dialed = false}, {.dialed = true}};

const char *const stage_names[STAGES] = {
    "CONNECTING", "GREETING", "HANDSHAKE", "ACTIVE",  "SENDING", "SENDING_MANY",
    "RECEIVING",  "STALLED",  "DRAINING",  "GOODBYE", "CLOSING",
};

const char *stage_label(const struct stage_way *w, enum stage stage, const char *what, int number)
{
    static char text[128];

    snprintf(text, sizeof text, "%s %s: %s, %d", w->dialed ? "dialed" : "accepted",
             stage_names[stage], what, number);
    return text;
}

void stage_meet(struct rig *r, const struct stage_way *w)
{
    if (w->dialed) {
        rig_dial(r);
        rig_connect(r);
    } else {
        rig_bind(r);
        rig_accept(r);
    }
}

void stage_greet(struct rig *r)
{
    rig_say_hex(r, RIG_GREETING);
    rig_hear_all(r);
    rig_say_hex(r, RIG_READY_DEALER);
    rig_hear_all(r);
}

static void send_text(struct rig *r, const char *text, int flags)
{
    RIG_CHECK(r, zmq_send(r->s, text, strlen(text), flags | ZMQ_DONTWAIT) == (int)strlen(text));
}

static void send_many(struct rig *r)
{
    static const char large[6000];

    for (int i = 0; i < 3; i++) {
        send_text(r, "head", ZMQ_SNDMORE);
        RIG_CHECK(r, zmq_send(r->s, large, sizeof large, ZMQ_DONTWAIT) == (int)sizeof large);
    }
}

/* Messages until neither the pipe nor the socket takes any more. */
static void stall(struct rig *r)
{
    static const uint8_t message[] = {0, 1, 'x'};
    static uint8_t many[sizeof message * 64];

    for (size_t i = 0; i < sizeof many; i++)
        many[i] = message[i % sizeof message];
    while (rig_receiving(r))
        rig_say(r, many, sizeof many, SIZE_MAX);
}

static void begin_long_message(struct rig *r)
{
    static uint8_t head[9 + 1000] = {2, 0, 0, 0, 0, 0, 1, 0x86, 0xa0}; /* 100000 bytes */

    RIG_CHECK(r, rig_say(r, head, sizeof head, SIZE_MAX) == sizeof head);
    RIG_CHECK(r, scripted_find(r->k, ZU_OP_RECV, r->fd) != NULL);
}

/* The socket lets go of the connection outright while both directions are busy. */
static void cut(struct rig *r, const struct stage_way *w)
{
    scripted_on_cancel(r->k, SCRIPTED_CANCEL_NOTED);
    rig_set(r, ZMQ_LINGER, 0);
    RIG_CHECK(r, (w->dialed ? zmq_disconnect : zmq_unbind)(r->s, RIG_ENDPOINT) == 0);
    rig_settle(r);
    if (r->listener >= 0) /* the accept, which is not what is tried here */
        scripted_complete(r->k, scripted_find(r->k, ZU_OP_ACCEPT, r->listener), -ECANCELED, 0);
    rig_settle(r);
}

void stage_reach(struct rig *r, const struct stage_way *w, enum stage stage)
{
    rig_open(r, ZMQ_DEALER);
    if (stage == STAGE_STALLED)
        rig_set(r, ZMQ_RCVHWM, 1);
    if (stage == STAGE_CONNECTING) {
        (w->dialed ? rig_dial : rig_bind)(r);
        return;
    }
    stage_meet(r, w);
    if (stage == STAGE_GREETING)
        return;
    rig_say_hex(r, RIG_GREETING);
    if (stage == STAGE_HANDSHAKE) {
        rig_hear(r, 10); /* the signature: the rest and READY are under way */
        rig_settle(r);
        return;
    }
    rig_hear_all(r);
    rig_say_hex(r, RIG_READY_DEALER);
    rig_hear_all(r);
    switch (stage) {
    case STAGE_SENDING: send_text(r, "message", 0); break;
    case STAGE_SENDING_MANY:
        send_many(r);
        rig_settle(r);
        RIG_CHECK(r, scripted_find(r->k, ZU_OP_SENDMSG, r->fd) != NULL);
        break;
    case STAGE_RECEIVING: begin_long_message(r); break;
    case STAGE_STALLED: stall(r); break;
    case STAGE_DRAINING:
        send_many(r);
        rig_close(r);
        break;
    case STAGE_GOODBYE: rig_close(r); break;
    case STAGE_CLOSING:
        send_text(r, "message", 0);
        rig_settle(r);
        cut(r, w);
        break;
    case STAGE_CONNECTING:
    case STAGE_GREETING:
    case STAGE_HANDSHAKE:
    case STAGE_ACTIVE:
    case STAGES: break;
    }
    rig_settle(r);
}

void stage_talk(struct rig *r)
{
    char body[16];
    size_t before = r->said_size;

    rig_say_hex(r, "00 05 'there'");
    RIG_CHECK(r, zmq_recv(r->s, body, sizeof body, ZMQ_DONTWAIT) == 5);
    RIG_CHECK(r, memcmp(body, "there", 5) == 0);
    send_text(r, "back", 0);
    rig_hear_all(r);
    RIG_CHECK(r, r->said_size == before + 6);
    RIG_CHECK(r, memcmp(r->said + before, "\0\4back", 6) == 0);
}

void stage_end(struct rig *r, const struct stage_way *w)
{
    (void)w;
    rig_pass(r, 20); /* what waits for memory goes on */
    if (r->s)
        rig_set(r, ZMQ_LINGER, 0);
    else if (!rig_closed(r) && rig_receiving(r))
        rig_hang_up(r, ECONNRESET);
    rig_end(r, 1000);
}
