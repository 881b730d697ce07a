/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The question to the ZAP handler: who has bound inproc://zeromq.zap.01 in this context. It is put
 * into a pipe between the session's loop and the handler's socket, one pipe a question, so nothing
 * ever waits: the session is ASKING until the answer is in the pipe, the peer goes, or the
 * handshake's time is over. A handler that leaves without an answer is as one that never answers.
 * Nobody else reads the pipe, so the one answer needs no number.
 *
 * A question stays with the handler until he has taken it, also when the peer that it was about has
 * left meanwhile. So that a handler who is slow, or stuck, holds no memory without end for a crowd
 * that comes, says who it is and leaves, a context asks no more than so many at a time.
 *
 * What the handler says of the peer, its user id and properties, comes before what the peer says of
 * itself, whichever was heard first.
 */
#include "engine/core/props.h"
#include "engine/core/session.h"
#include "engine/wire/command.h"
#include "engine/wire/zap.h"

#include <errno.h>

/* ---- the question ---- */

static int write_part(struct zu_pipe *p, const void *data, size_t size, bool more)
{
    struct zu_msg m;
    int rc = zu_msg_init_copy(&m, data, size);

    if (rc < 0)
        return rc;
    m.flags |= more ? ZU_MSG_MORE : 0;
    rc = zu_pipe_write(p, &m);
    zu_msg_close(&m);
    return rc;
}

static int write_question(struct zu_session *s, struct zu_pipe *p, const struct zu_question *q)
{
    const struct zu_text *domain = &zu_options_security(s->options)->zap_domain;
    const struct zu_text *id = zu_options_routing_id(s->options);
    char address[ZU_ENDPOINT_MAX] = "";
    int rc = 0;

    s->transport->peer_address(s->fd, address);
    if (!address[0]) /* it has gone, and nobody could say of an unknown place that it may not */
        return -ENOTCONN;
    const struct {
        const void *bytes;
        size_t size;
    } parts[] = {{"", 0},
                 {ZU_ZAP_VERSION, strlen(ZU_ZAP_VERSION)},
                 {ZU_ZAP_REQUEST, strlen(ZU_ZAP_REQUEST)},
                 {domain->bytes, domain->size},
                 {address, strlen(address)},
                 {id->bytes, id->size},
                 {s->mechanism->name, strlen(s->mechanism->name)}};

    for (size_t i = 0; i < zu_array_len(parts) && rc == 0; i++)
        rc = write_part(p, parts[i].bytes, parts[i].size,
                        i + 1 < zu_array_len(parts) || q->count > 0);
    for (size_t i = 0; i < q->count && rc == 0; i++)
        rc = write_part(p, q->credentials[i].at, zu_left(&q->credentials[i]), i + 1 < q->count);
    return rc;
}

/* ---- the answer ---- */

static int take_properties(struct zu_props *p, const struct zu_zap_reply *reply)
{
    struct zu_reader block = reply->metadata;
    struct zu_property one;
    int rc = zu_props_add(p, "User-Id", 7, reply->user_id.at, zu_left(&reply->user_id));

    while (rc == 0 && zu_metadata_next(&block, &one) == 1)
        rc = zu_props_add(p, one.name, one.name_size, one.value, one.value_size);
    return rc;
}

static int keep_properties(struct zu_session *s, const struct zu_zap_reply *reply)
{
    struct zu_props *p;
    int rc = zu_session_make_props(s, &p);

    if (rc == 0)
        rc = take_properties(p, reply);
    if (rc == 0 && s->props)
        rc = zu_props_add_all(p, s->props);
    if (rc < 0) {
        if (p)
            zu_props_drop(p, 1);
        return rc;
    }
    if (s->props)
        zu_props_drop(s->props, 1); /* no message has come by it yet */
    s->props = p;
    return 0;
}

static int take_answer(struct zu_session *s, const struct zu_reader *parts, size_t count)
{
    struct zu_zap_reply reply = {.status = 0};
    uint32_t why = zu_zap_read(parts, count, &reply);
    int rc;

    if (why) {
        zu_session_turn_away(s, ZU_LOSS_CONNECTION, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, why);
        return 0;
    }
    if (reply.status == 300) { /* try again later: the peer is not told why */
        zu_session_turn_away(s, ZU_LOSS_CONNECTION, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, 300);
        return 0;
    }
    rc = reply.status == 200 ? keep_properties(s, &reply) : 0;
    return rc < 0 ? rc : zu_session_answered(s, reply.status);
}

static void zap_readable(struct zu_pipe *p)
{
    struct zu_session *s = p->user;
    struct zu_msg parts[ZU_ZAP_REPLY_PARTS], m;
    struct zu_reader readers[ZU_ZAP_REPLY_PARTS];
    size_t count = 0, kept;
    bool more = true;
    int rc;

    for (; more && zu_pipe_read(p, &m) == 0; count++) {
        more = m.flags & ZU_MSG_MORE;
        if (count < ZU_ZAP_REPLY_PARTS)
            parts[count] = m;
        else
            zu_msg_close(&m);
    }
    if (count == 0)
        return;
    kept = ZU_MIN(count, (size_t)ZU_ZAP_REPLY_PARTS);
    for (size_t i = 0; i < kept; i++)
        readers[i] = zu_reader_of(zu_msg_data(&parts[i]), zu_msg_size(&parts[i]));
    zu_session_hold(s);
    zu_session_ask_stop(s);
    rc = take_answer(s, readers, count);
    for (size_t i = 0; i < kept; i++)
        zu_msg_close(&parts[i]);
    if (rc < 0)
        zu_session_fail(s, zu_session_loss_of(rc), -rc);
    zu_session_drop(s);
}

static void zap_writable(struct zu_pipe *p)
{
    (void)p; /* nothing that was to be written ever waits */
}

static void zap_ended(struct zu_pipe *p)
{
    struct zu_session *s = p->user;
    bool anew = zu_pipe_linger(p) == ZU_LINGER_ANEW; /* the handler had no memory for us */

    zu_session_ask_stop(s);
    if (anew)
        zu_session_fail(s, ZU_LOSS_CONNECTION, ENOMEM);
}

void zu_session_ask_stop(struct zu_session *s)
{
    struct zu_pipe *p = s->zap;

    s->zap = NULL;
    if (p)
        zu_pipe_close(p, 0);
}

/* The handler is done with it, and so are we. On whichever thread was last. */
static void zap_released(struct zu_pipe *p)
{
    struct zu_ctx *ctx = p->owner;

    if (ctx) /* relaxed: it guards nothing */
        atomic_fetch_sub_explicit(&ctx->questions, 1, memory_order_relaxed);
}

/* Relaxed: some loops may be one too far at once. */
static bool has_too_much_to_do(const struct zu_ctx *ctx)
{
    int most = ctx->questions_max;

    return most > 0 && atomic_load_explicit(&ctx->questions, memory_order_relaxed) >= most;
}

int zu_session_ask(struct zu_session *s, const struct zu_question *q)
{
    static const struct zu_pipe_sink sink = {.readable = zap_readable,
                                             .writable = zap_writable,
                                             .ended = zap_ended,
                                             .released = zap_released};
    static const size_t scheme = sizeof "inproc" - 1;
    struct zu_ctx *ctx = s->socket->ctx;
    const struct zu_transport *t = zu_ctx_transport(ctx, ZU_ZAP_ENDPOINT, scheme);
    struct zu_pipe_end mine = {.sink = &sink, .box = &s->loop->box};
    int rc = -ECONNREFUSED;

    if (has_too_much_to_do(ctx))
        return -EBUSY;
    if (t)
        rc = t->local_join(ctx, ZU_ZAP_ENDPOINT + scheme + 3, ZMQ_REQ, &mine, &s->zap);
    if (rc < 0)
        return rc;
    s->zap->user = s;
    s->zap->owner = ctx; /* which outlives it */
    atomic_fetch_add_explicit(&ctx->questions, 1, memory_order_relaxed);
    rc = write_question(s, s->zap, q);
    if (rc < 0)
        zu_session_ask_stop(s);
    else
        zu_pipe_flush(s->zap);
    return rc;
}
