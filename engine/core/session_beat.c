/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heartbeats (ZMTP 3): a PING each interval, a PONG for each PING, and two deadlines: for an answer
 * to our PING, and the time to live that the peer's PING named. Anything that comes in calls both
 * off. And the other commands that may stand amid the traffic.
 *
 * A slow application is no dead peer. While our own pipe is full we do not listen, and what waits
 * in the kernel we have not heard yet, so nothing we fail to hear counts. And while the peer's
 * machine has not taken all we sent, because its application does not read and its buffers are
 * full, an answer cannot be expected: then what counts is whether that machine answers (libzmq ends
 * such connections, and loses what was under way). When either is over the peer has the whole time
 * again, for its words are behind all that waited. The last word is no exception: a connection that
 * was closed too early answers a late PONG with a reset, and what was not taken by then is lost.
 */
#define ZMQ_BUILD_DRAFT_API /* ZMQ_DISH */
#include "engine/base/alloc.h"
#include "engine/core/web.h"
#include "engine/wire/command.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

struct zu_beat {
    struct zu_session *session;
    struct zu_timer interval, answer, ttl;
    uint64_t answer_since_ms, ttl_since_ms; /* when they were set */
    uint32_t ttl_ms;
    bool blocked; /* something waited to be taken, when the answer began to be waited for */
};

static void on_deadline(struct zu_session *s)
{
    zu_session_fail(s, ZU_LOSS_TIMEOUT, ETIMEDOUT);
}

static int answer_ms(const struct zu_session *s)
{
    int timeout = s->options->heartbeat_timeout;

    return timeout == -1 ? s->options->heartbeat_ivl : timeout;
}

/* Do we lag behind the peer? While we do not listen, or have not read what it has said, its words
 * may be there already. */
static bool is_unheard(const struct zu_session *s)
{
    int unread = 0;

    return s->paused || (ioctl(s->fd, FIONREAD, &unread) == 0 && unread > 0);
}

/* There is something that the peer's machine has no room for. What is on its way to it is none of
 * that: of a peer that takes all and is silent a PING is nearly always on its way, for small things
 * are acknowledged late. */
static bool is_held_back(const struct zu_session *s)
{
    int unsent = 0;

    return s->transport->answers && ioctl(s->fd, SIOCOUTQNSD, &unsent) == 0 && unsent > 0;
}

/* An answer cannot be expected now, or could not be until just now: then it has its time anew. */
static bool is_excused(struct zu_beat *b)
{
    struct zu_session *s = b->session;
    bool was_blocked = b->blocked;

    /* Of a transport within the machine the count is what the peer's application has not read: our
     * own PING is in it, so it tells nothing. */
    b->blocked = s->send_busy || is_held_back(s);
    return is_unheard(s) || ((was_blocked || b->blocked) &&
                             (!s->transport->answers || s->transport->answers(s->fd)));
}

/* By a caller, who leaves the timers alone. */
static bool was_heard(const struct zu_beat *b, uint64_t since_ms)
{
    return zu_count_read(&b->session->heard_ms) >= since_ms;
}

static void await_answer(struct zu_beat *b)
{
    b->answer_since_ms = zu_loop_clock_ms(b->session->loop);
    zu_timer_set(b->session->loop, &b->answer, (uint64_t)answer_ms(b->session));
}

static void begin_ttl(struct zu_beat *b)
{
    b->ttl_since_ms = zu_loop_clock_ms(b->session->loop);
    zu_timer_set(b->session->loop, &b->ttl, b->ttl_ms);
}

static void on_answer(struct zu_timer *t)
{
    struct zu_beat *b = zu_container_of(t, struct zu_beat, answer);

    struct zu_session *s = b->session;

    zu_session_claim_intake(s);
    if (!was_heard(b, b->answer_since_ms)) {
        if (!is_excused(b)) {
            on_deadline(s);
            return;
        }
        await_answer(b);
    }
    zu_session_receive(s);
}

static void on_ttl(struct zu_timer *t)
{
    struct zu_beat *b = zu_container_of(t, struct zu_beat, ttl);

    struct zu_session *s = b->session;

    zu_session_claim_intake(s);
    if (!was_heard(b, b->ttl_since_ms)) {
        if (!is_unheard(s)) {
            on_deadline(s);
            return;
        }
        begin_ttl(b);
    }
    zu_session_receive(s);
}

static void say_ping(struct zu_session *s)
{
    uint8_t body[16];
    struct zu_writer out = zu_writer_of(body, sizeof body);

    if (s->web)
        zu_session_web_ping(s); /* it cannot name a time to live */
    else if (zu_ping_write(&out, (uint16_t)s->options->heartbeat_ttl))
        zu_session_say_command(s, body, (size_t)(out.at - body));
}

static void on_interval(struct zu_timer *t)
{
    struct zu_beat *b = zu_container_of(t, struct zu_beat, interval);
    struct zu_session *s = b->session;
    int timeout = answer_ms(s);

    zu_timer_set(s->loop, &b->interval, (uint64_t)s->options->heartbeat_ivl);
    /* Behind a blocked send one PING is enough. */
    if (!(s->send_busy && zu_timer_is_set(&b->answer)))
        say_ping(s);
    if (timeout > 0 && !zu_timer_is_set(&b->answer)) {
        b->blocked = s->send_busy;
        await_answer(b);
    }
}

static int make_beat(struct zu_session *s)
{
    if (s->beat)
        return 0;
    s->beat = zu_alloc_zero(sizeof *s->beat);
    if (!s->beat)
        return -ENOMEM;
    s->beat->session = s;
    s->beat->interval.fire = on_interval;
    s->beat->answer.fire = on_answer;
    s->beat->ttl.fire = on_ttl;
    return 0;
}

int zu_session_beat_start(struct zu_session *s)
{
    int rc;

    if (s->options->heartbeat_ivl <= 0)
        return 0;
    rc = make_beat(s);
    if (rc == 0)
        zu_timer_set(s->loop, &s->beat->interval, (uint64_t)s->options->heartbeat_ivl);
    return rc;
}

void zu_session_beat_stop(struct zu_session *s)
{
    if (!s->beat)
        return;
    zu_timer_clear(s->loop, &s->beat->interval);
    zu_timer_clear(s->loop, &s->beat->answer);
    zu_timer_clear(s->loop, &s->beat->ttl);
    zu_free(s->beat);
    s->beat = NULL;
}

void zu_session_beat_heard(struct zu_session *s)
{
    if (zu_likely(!s->beat))
        return;
    if (s->by_hand) {
        zu_count_set(&s->heard_ms, zu_loop_clock_ms(s->loop));
        return;
    }
    zu_timer_clear(s->loop, &s->beat->answer);
    zu_timer_clear(s->loop, &s->beat->ttl);
}

static int hear_ping(struct zu_session *s, struct zu_reader rest)
{
    struct zu_ping ping;
    uint8_t body[ZU_PING_CONTEXT_MAX + 8];
    struct zu_writer out = zu_writer_of(body, sizeof body);
    int rc = zu_ping_read(rest, &ping);

    if (rc < 0)
        return rc;
    if (ping.ttl_ms > 0) {
        rc = make_beat(s);
        if (rc < 0)
            return rc;
        s->beat->ttl_ms = ping.ttl_ms;
        begin_ttl(s->beat);
    }
    /* A peer that pings without reading answers gets fewer of them, and no say in our memory. */
    if (zu_pong_write(&out, ping.context, ping.context_size))
        zu_session_say_command(s, body, (size_t)(out.at - body));
    return 0;
}

/* Makes the command an item for the socket: the topic, marked. */
static int hear_subscription(struct zu_session *s, struct zu_msg *m, struct zu_reader topic,
                             int type, uint8_t mark)
{
    struct zu_msg item;

    if (!(s->socket->pattern->peers >> type & 1))
        return 0; /* not a publisher: as any command it does not know */
    if (type == ZMQ_DISH && zu_left(&topic) > ZU_GROUP_MAX)
        return 0; /* nothing can be sent there */
    int rc = zu_msg_init_copy(&item, topic.at, zu_left(&topic));

    if (rc < 0)
        return rc;
    item.flags |= mark;
    zu_msg_close(m);
    *m = item;
    return 1;
}

int zu_session_hear_command(struct zu_session *s, struct zu_msg *m)
{
    struct zu_reader rest;
    enum zu_command_name name;

    if (zu_command_read(zu_reader_of(zu_msg_data(m), zu_msg_size(m)), &name, &rest) < 0)
        return 0; /* libzmq drops what it cannot read, and so do we */
    switch (name) {
    case ZU_COMMAND_PING: return hear_ping(s, rest);
    case ZU_COMMAND_SUBSCRIBE: return hear_subscription(s, m, rest, ZMQ_SUB, ZU_MSG_SUBSCRIBE);
    case ZU_COMMAND_CANCEL: return hear_subscription(s, m, rest, ZMQ_SUB, ZU_MSG_CANCEL);
    case ZU_COMMAND_JOIN: return hear_subscription(s, m, rest, ZMQ_DISH, ZU_MSG_SUBSCRIBE);
    case ZU_COMMAND_LEAVE: return hear_subscription(s, m, rest, ZMQ_DISH, ZU_MSG_CANCEL);
    default: return 0;
    }
}
