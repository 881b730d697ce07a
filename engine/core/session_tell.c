/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told of a connection by ordinary messages: to the peer that it has come
 * (ZMQ_HELLO_MSG), to our own application that it has come (ZMQ_ROUTER_NOTIFY) and that it has gone
 * (that, ZMQ_DISCONNECT_MSG, ZMQ_HICCUP_MSG). They are nobody's messages, so no water mark counts
 * them, and one that finds no memory is not told.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/core/session.h"

void zu_session_tell_hello(struct zu_session *s)
{
    const struct zu_words *w = &s->options->hello;
    struct zu_msg m;

    if (zu_likely(!w->data) || !s->socket->pattern->says_hello || s->raw ||
        zu_msg_init_copy(&m, w->data, w->size) < 0)
        return;
    if (zu_session_say_message(s, &m) < 0)
        zu_msg_close(&m);
}

static bool notifies(const struct zu_session *s, int of)
{
    return s->options->router_notify & of && s->socket->pattern->hears_peers && s->handshook;
}

void zu_session_tell_met(struct zu_session *s)
{
    if (zu_unlikely(notifies(s, ZMQ_NOTIFY_CONNECT)))
        zu_session_notify(s);
}

static void tell(struct zu_session *s, const struct zu_words *w)
{
    struct zu_msg m;

    if (!w->data || zu_msg_init_copy(&m, w->data, w->size) < 0)
        return;
    m.props = zu_session_lend_props(s);
    zu_pipe_write_uncounted(s->pipe, &m);
    zu_msg_close(&m);
}

void zu_session_tell_lost(struct zu_session *s)
{
    const struct zu_pattern *pattern = s->socket->pattern;
    bool again = s->loss != ZU_LOSS_PROTOCOL && s->options->reconnect_ivl > 0 && !s->lingering;

    if (notifies(s, ZMQ_NOTIFY_DISCONNECT))
        zu_session_notify(s);
    if (!s->dialed && pattern->hears_loss)
        tell(s, &s->options->disconnect);
    else if (s->dialed && pattern->hears_hiccup && again)
        tell(s, &s->options->hiccup);
}
