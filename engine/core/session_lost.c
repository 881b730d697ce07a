/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is lost with a connection. Of what went out: the messages of the batch under way that the
 * kernel did not take in whole, and those whose beginning it took and whose rest then had no peer.
 * Of what came in: what was received, and the socket has let go. What is left in a pipe the pipe
 * tells by itself. What the kernel took, and a peer that broke off never read, nobody can tell; nor
 * of how many messages the bytes are that we throw away with a connection we break.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/core/out.h"
#include "engine/core/session.h"
#include "engine/wire/frame.h"

zu_cold void zu_session_lose(struct zu_session *s, uint64_t messages)
{
    s->lost += messages;
    if (s->pipe)
        zu_count(&s->pipe->meter.lost, messages);
    else if (messages)
        zu_socket_lost(s->socket, messages);
}

void zu_session_lose_batch(struct zu_session *s)
{
    uint32_t messages;

    zu_session_claim(s);
    messages = s->batch_messages;
    s->batch_messages = 0;
    if (messages && s->out)
        zu_session_lose(s, zu_out_unsent(s->out, messages, s->version <= ZU_ZMTP_1_0));
}

bool zu_session_hears_subscriptions(const struct zu_session *s)
{
    return s->socket->pattern->peers >> ZMQ_SUB & 1;
}

bool zu_session_is_message(const struct zu_session *s, struct zu_msg *m)
{
    return !(m->flags &
             (ZU_MSG_MORE | ZU_MSG_COMMAND | ZU_MSG_ID | ZU_MSG_SUBSCRIBE | ZU_MSG_CANCEL)) &&
           !(zu_session_hears_subscriptions(s) && zu_msg_is_subscription(m));
}

void zu_session_lose_unread(struct zu_session *s)
{
    if ((!s->paused && !s->in_refused) || s->raw)
        return;

    struct zu_reader r = zu_reader_of(s->in_at, (size_t)(s->in_end - s->in_at));
    uint64_t lost = s->in_whole && zu_session_is_message(s, &s->in_msg);
    bool hears = zu_session_hears_subscriptions(s), refused = s->in_refused_part;
    struct zu_frame f;

    /* What is left behind a message that waits for room, or was too large, and is counted as that,
     * all its parts. Wrapped, it is not known what it is. */
    while (!s->wrapped &&
           (s->version <= ZU_ZMTP_1_0 ? zu_frame_read_v1(&r, &f) : zu_frame_read_v2(&r, &f)) == 0 &&
           f.size <= zu_left(&r)) {
        r.at += f.size;
        if (refused && !(f.flags & ZU_FRAME_COMMAND))
            refused = f.flags & ZU_FRAME_MORE;
        else if (!hears || f.size == 0 || r.at[-(ptrdiff_t)f.size] > 1)
            lost += !(f.flags & (ZU_FRAME_MORE | ZU_FRAME_COMMAND));
    }
    if (lost)
        zu_session_lose(s, lost);
}

void zu_session_tell_lost_messages(struct zu_session *s)
{
    struct zu_event e = {
        .event = ZURING_EVENT_DROPPED, .value = s->lost, .value2 = ZURING_DROP_LOST};

    s->lost = 0;
    if (e.value)
        zu_session_observe(s, &e);
}
