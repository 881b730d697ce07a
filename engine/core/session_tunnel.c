/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session whose bytes go through a tunnel. It stands in the kernel's place, so that all that is
 * to be done here is its beginning and its end. A peer that is refused as it begins is told so by
 * the tunnel; whom we accepted is then read to his end, as a close over unread bytes would take our
 * words back.
 */
#include "engine/core/session.h"

#include <errno.h>

static void tell(struct zu_session *s, int res)
{
    s->loss_error = -res;
    s->loss_reason = s->tunnel->reason;
    if (res == -EKEYREJECTED)
        zu_session_event(s, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, 400);
    else
        zu_session_event(s, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL,
                         ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
    s->turned_away = ZU_LOSS_CONNECTION; /* it has been told */
}

void zu_session_tunnel_failed(struct zu_session *s, int res)
{
    bool known = res == -EKEYREJECTED || res == -EPROTO;

    if (known && s->state < ZU_SESSION_ACTIVE && !s->turned_away)
        tell(s, res);
    s->loss_reason = s->tunnel->reason;
    zu_session_fail(s, ZU_LOSS_CONNECTION, -res);
}

static void shaken(struct zu_op *op, int res, uint32_t flags)
{
    struct zu_session *s = zu_container_of(op, struct zu_session, recv_op);

    (void)flags;
    s->recv_busy = false;
    op->done = zu_session_recv_done;
    if (!zu_session_connected(s)) {
        zu_session_settle(s);
    } else if (res == 0) {
        zu_session_begin(s);
    } else if (s->dialed || (res != -EKEYREJECTED && res != -EPROTO)) {
        zu_session_tunnel_failed(s, res);
    } else {
        tell(s, res);
        zu_session_enter(s, ZU_SESSION_GOODBYE);
    }
}

void zu_session_tunnel_start(struct zu_session *s)
{
    int rc = s->transport->tunnel->open(&s->tunnel, s->loop, s->fd, s->options, s->configured,
                                        !s->dialed);

    if (rc < 0) {
        zu_session_fail(s, ZU_LOSS_CONNECTION, -rc);
        return;
    }
    s->kernel = &s->tunnel->kernel;
    s->recv_op.done = shaken;
    s->recv_busy = true;
    s->tunnel->table->shake(s->tunnel, &s->recv_op);
}

static void finished(struct zu_op *op, int res, uint32_t flags)
{
    struct zu_session *s = zu_container_of(op, struct zu_session, send_op);

    (void)flags;
    s->send_busy = false;
    op->done = zu_session_send_done;
    if (s->state == ZU_SESSION_CLOSING)
        zu_session_settle(s);
    else if (res < 0)
        zu_session_fail(s, ZU_LOSS_LOCAL, 0);
}

void zu_session_tunnel_finish(struct zu_session *s)
{
    s->send_op.done = finished;
    s->send_busy = true;
    s->tunnel->table->finish(s->tunnel, &s->send_op);
}

void zu_session_tunnel_end(struct zu_session *s)
{
    s->tunnel->table->close(s->tunnel);
    s->tunnel = NULL;
    s->kernel = s->loop->kernel;
}
