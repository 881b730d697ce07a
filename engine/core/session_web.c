/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session on a WebSocket. In the place of the greeting stands the upgrade, by which both sides
 * also choose the mechanism; then each ZMTP frame is a message of the WebSocket: a byte of flags,
 * and the body (wire spec, 14). Below the frames nothing is as in ZMTP, above them all of it.
 *
 * A message may come in several frames, as browsers send large ones: they are gathered, and
 * unwrapped when the last is there. Control frames may stand between them. What is in a control
 * frame, or in one of several, is unmasked when all of it has come.
 *
 * Close is the last word of either side. Who hears one says his own and ends the connection; we
 * begin with it when the socket has let go and all is sent.
 */
#include "engine/base/alloc.h"
#include "engine/base/random.h"
#include "engine/core/web.h"
#include "engine/wire/frame.h"

#include <errno.h>
#include <stdio.h>

enum {
    COMMAND = 2,               /* in the byte of flags; MORE is 1 as everywhere */
    CLOSE_MS = 500,            /* how long a peer that has said Close may take to hear ours */
    CLOSE_NORMALLY = 1000,     /* the code in our Close */
    HANDSHAKE_MAX = 64 * 1024, /* of a message before the traffic */
};

static const char *const bare_name = "ZWS2.0";

static struct zu_reader text_of(const struct zu_web *w, size_t size)
{
    return zu_reader_of(w->text, size);
}

/* ---- the upgrade ---- */

/* What is spoken inside: our mechanism, and none, as long as nobody is to be asked about the peer:
 * then he would come in unasked. */
struct names {
    char ours[32];
    const char *list[3];
};

static void name_protocols(const struct zu_session *s, struct names *n)
{
    bool bare =
        s->options->mechanism == ZMQ_NULL && zu_options_security(s->options)->zap_domain.size == 0;

    snprintf(n->ours, sizeof n->ours, "%s/%s", bare_name, s->mechanism->name);
    n->list[0] = n->ours;
    n->list[1] = bare ? bare_name : NULL;
    n->list[2] = NULL;
}

static int ask(struct zu_session *s)
{
    uint8_t bytes[2 * ZU_ENDPOINT_MAX + ZU_UPGRADE_OURS_MAX], nonce[ZU_UPGRADE_NONCE];
    struct zu_writer out = zu_writer_of(bytes, sizeof bytes);
    char host[ZU_ENDPOINT_MAX], path[ZU_ENDPOINT_MAX], offered[64];
    struct names n;

    name_protocols(s, &n);
    snprintf(offered, sizeof offered, "%s%s%s", n.ours, n.list[1] ? "," : "",
             n.list[1] ? n.list[1] : "");
    zu_random_fill(nonce, sizeof nonce);
    zu_upgrade_make_key(s->web->key, nonce);
    s->transport->web(strstr(s->configured, "://") + 3, host, path);
    if (zu_bug(!zu_upgrade_ask(&out, host, path, s->web->key, offered)))
        return -EFAULT;
    return zu_session_say(s, bytes, (size_t)(out.at - bytes));
}

int zu_session_web_greet(struct zu_session *s)
{
    struct zu_web *w = zu_alloc_zero(sizeof *w);

    if (!w)
        return -ENOMEM;
    s->web = w;
    s->version = ZU_ZWS_2_0;
    s->wrapped = true;
    w->client = s->dialed;
    w->text = zu_alloc(ZU_UPGRADE_MAX);
    if (!w->text)
        return -ENOMEM;
    return w->client ? ask(s) : 0;
}

void zu_session_web_forget(struct zu_session *s)
{
    if (!s->web)
        return;
    zu_free(s->web->text);
    zu_free(s->web->pieces);
    zu_free(s->web);
    s->web = NULL;
}

/* Who wanted something else, or another protocol, is told so, and that is all. */
static int refuse(struct zu_session *s, int error)
{
    uint8_t bytes[ZU_UPGRADE_OURS_MAX];
    struct zu_writer out = zu_writer_of(bytes, sizeof bytes);
    int rc = -EFAULT;

    if (zu_upgrade_refuse(&out, error))
        rc = zu_session_say(s, bytes, (size_t)(out.at - bytes));
    if (rc < 0)
        return rc;
    s->in_at = s->in_end;
    zu_session_enter(s, ZU_SESSION_HANDSHAKE);
    zu_session_turn_away(s, ZU_LOSS_PROTOCOL, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL,
                         ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED);
    return -EAGAIN;
}

static int hear_request(struct zu_session *s, const struct names *n, size_t size)
{
    uint8_t bytes[ZU_UPGRADE_OURS_MAX];
    struct zu_writer out = zu_writer_of(bytes, sizeof bytes);
    struct zu_upgrade u;
    int rc = zu_upgrade_hear_request(text_of(s->web, size), n->list, &u);

    if (rc < 0)
        return refuse(s, rc);
    s->web->bare = u.chosen == 1;
    if (zu_bug(!zu_upgrade_answer(&out, u.key, n->list[u.chosen])))
        return -EFAULT;
    return zu_session_say(s, bytes, (size_t)(out.at - bytes));
}

static int hear_answer(struct zu_session *s, const struct names *n, size_t size)
{
    struct zu_upgrade u;
    int rc = zu_upgrade_hear_answer(text_of(s->web, size), n->list, s->web->key, &u);

    if (rc == -EPROTO)
        zu_session_event(s, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED);
    s->web->bare = rc == 0 && u.chosen == 1;
    return rc;
}

/* Takes what is there of the text. Its size once all of it is; 0: more has to come. */
static size_t take_text(struct zu_session *s)
{
    struct zu_web *w = s->web;
    size_t had = w->text_size, n = ZU_MIN((size_t)(s->in_end - s->in_at), ZU_UPGRADE_MAX - had);
    size_t end;

    memcpy(w->text + had, s->in_at, n);
    w->text_size += n;
    end = zu_upgrade_end(w->text, w->text_size, had);
    s->in_at += end ? end - had : n; /* what stands behind it are frames already */
    return end;
}

int zu_session_web_hear_greeting(struct zu_session *s)
{
    struct zu_web *w = s->web;
    size_t end = take_text(s);
    struct names n;
    int rc;

    if (!end && w->text_size < ZU_UPGRADE_MAX)
        return -EAGAIN;
    name_protocols(s, &n);
    if (!end && w->client)
        zu_session_event(s, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED);
    if (!end)
        return w->client ? -EPROTO : refuse(s, -EPROTO);
    rc = w->client ? hear_answer(s, &n, end) : hear_request(s, &n, end);
    if (rc < 0)
        return rc;
    zu_free(w->text);
    w->text = NULL;
    zu_session_event(s, ZMQ_EVENT_HANDSHAKE_SUCCEEDED,
                     0); /* and again when the mechanism is done */
    return zu_session_begin_handshake(s);
}

/* ---- what is said ---- */

/* A mask for the next frame. */
static void take_mask(struct zu_web *w)
{
    if (w->masks_left == 0) {
        zu_random_fill(w->masks, sizeof w->masks / 2);
        zu_random_fill(w->masks[ZU_WEB_MASKS / 2], sizeof w->masks / 2);
        w->masks_left = ZU_WEB_MASKS;
    }
    memcpy(w->mask, w->masks[--w->masks_left], sizeof w->mask);
}

static size_t write_head(struct zu_web *w, uint8_t *at, uint8_t opcode, size_t size)
{
    struct zu_ws_head h = {.size = size, .opcode = opcode, .last = true, .masked = w->client};

    if (w->client) {
        take_mask(w);
        memcpy(h.mask, w->mask, sizeof h.mask);
    }
    return zu_ws_write(at, &h);
}

size_t zu_session_web_write_head(const struct zu_session *s, uint8_t *at, size_t size,
                                 uint8_t flags)
{
    struct zu_web *w = s->web;
    size_t head = write_head(w, at, ZU_WS_BINARY, size + 1);

    at[head] = (uint8_t)((flags & ZU_FRAME_MORE) | (flags & ZU_FRAME_COMMAND ? COMMAND : 0));
    if (w->client)
        zu_ws_mask(at + head, 1, w->mask, 0);
    return head + 1;
}

void zu_session_web_mask(const struct zu_session *s, uint8_t *body, size_t size)
{
    if (s->web->client)
        zu_ws_mask(body, size, s->web->mask, 1);
}

static int say_control(struct zu_session *s, uint8_t opcode, const void *body, size_t size)
{
    uint8_t frame[ZU_WS_HEADER_MAX + ZU_WS_CONTROL_MAX];
    size_t head;

    zu_session_claim(s); /* a caller takes masks, too */
    head = write_head(s->web, frame, opcode, size);
    if (size)
        memcpy(frame + head, body, size);
    if (s->web->client)
        zu_ws_mask(frame + head, size, s->web->mask, 0);
    return zu_session_say(s, frame, head + size);
}

int zu_session_web_ping(struct zu_session *s)
{
    return say_control(s, ZU_WS_PING, NULL, 0);
}

bool zu_session_web_says_close(struct zu_session *s)
{
    static const uint8_t code[] = {CLOSE_NORMALLY >> 8, CLOSE_NORMALLY & 0xff};

    if (!s->web || s->web->close_said || s->send_dead)
        return false;
    s->web->close_said = true;
    return say_control(s, ZU_WS_CLOSE, code, sizeof code) == 0;
}

/* ---- what is heard ---- */

/* What may not come now, whatever it is. */
static bool is_in_order(const struct zu_web *w, const struct zu_ws_head *h)
{
    if (h->masked == w->client)
        return false;
    return zu_ws_is_control(h) || (h->opcode == ZU_WS_MORE) == w->in_pieces;
}

/* All the frames of a message together must not be longer than one could be. */
static bool is_too_long(const struct zu_session *s, uint64_t size)
{
    int64_t max = s->options->maxmsgsize;
    size_t before = s->web->pieces_size;

    if (s->state < ZU_SESSION_ACTIVE && (max < 0 || max > HANDSHAKE_MAX))
        max = HANDSHAKE_MAX;
    return size > SIZE_MAX / 4 || (max >= 0 && before + size > (uint64_t)max + 1);
}

int zu_session_web_read_head(struct zu_session *s, struct zu_reader *in, struct zu_frame *f)
{
    struct zu_web *w = s->web;
    struct zu_reader at = *in;
    struct zu_ws_head h;
    uint8_t flags = 0;
    int rc = zu_ws_read(&at, &h);
    bool whole;

    if (rc < 0)
        return rc;
    if (!is_in_order(w, &h))
        return -EPROTO;
    whole = h.opcode == ZU_WS_BINARY && h.last;
    if (whole && h.size == 0)
        return -EPROTO;
    if (whole && !zu_read_u8(&at, &flags))
        return -EAGAIN;
    if (!whole && !zu_ws_is_control(&h) && is_too_long(s, h.size))
        return -EMSGSIZE;
    if (h.masked && whole)
        flags ^= h.mask[0];
    w->head = h;
    w->flags_taken = whole;
    f->size = h.size - w->flags_taken;
    f->flags = (uint8_t)((flags & ZU_FRAME_MORE) | (flags & COMMAND ? ZU_FRAME_COMMAND : 0));
    *in = at;
    return 0;
}

bool zu_session_web_is_whole(const struct zu_session *s)
{
    return s->web->flags_taken;
}

bool zu_session_web_is_control(const struct zu_session *s)
{
    return zu_ws_is_control(&s->web->head);
}

void zu_session_web_unmask(struct zu_session *s, uint8_t *at, size_t size)
{
    if (s->web->head.masked)
        zu_ws_mask(at, size, s->web->head.mask, s->web->flags_taken);
}

/* The peer says that it is the end. What is said to it still goes out, and nothing else. */
static int hear_close(struct zu_session *s, const uint8_t *body, size_t size)
{
    struct zu_web *w = s->web;

    w->close_heard = true;
    if (!w->close_said)
        say_control(s, ZU_WS_CLOSE, body, size);
    w->close_said = true;
    s->turned_away = ZU_LOSS_CONNECTION;
    s->in_whole = true; /* it is not done with: a watch that ends here must not begin to receive */
    zu_session_enter(s, ZU_SESSION_HANDSHAKE);
    s->in_whole = false;
    zu_timer_set(s->loop, &s->timer, CLOSE_MS);
    zu_session_pump_soon(s);
    return 0;
}

static int hear_control(struct zu_session *s, struct zu_msg *m)
{
    const uint8_t *body = zu_msg_data(m);
    size_t size = zu_msg_size(m);

    switch (s->web->head.opcode) {
    case ZU_WS_CLOSE: return size == 1 ? -EPROTO : hear_close(s, body, size);
    case ZU_WS_PING: /* as with PING: who does not read answers gets fewer of them */
        say_control(s, ZU_WS_PONG, body, size);
        return 0;
    default: return 0;
    }
}

/* Puts *m behind what came before. */
static int gather(struct zu_web *w, struct zu_msg *m)
{
    size_t size = zu_msg_size(m), need = w->pieces_size + size;

    if (need > w->pieces_room) {
        size_t room = ZU_MAX(need, 2 * w->pieces_room);
        uint8_t *more = zu_realloc(w->pieces, room);

        if (!more)
            return -ENOMEM;
        w->pieces = more;
        w->pieces_room = room;
    }
    if (size)
        memcpy(w->pieces + w->pieces_size, zu_msg_data(m), size);
    w->pieces_size = need;
    w->in_pieces = true;
    return 0;
}

/* The last frame has come: *m becomes what all were. */
static int make_whole(struct zu_web *w, struct zu_msg *m)
{
    struct zu_msg whole;
    uint8_t flags;
    int rc;

    if (w->pieces_size == 0)
        return -EPROTO;
    flags = w->pieces[0];
    rc = zu_msg_init_copy(&whole, w->pieces + 1, w->pieces_size - 1);
    if (rc < 0)
        return rc;
    whole.flags |= (uint8_t)((flags & ZU_FRAME_MORE ? ZU_MSG_MORE : 0) |
                             (flags & COMMAND ? ZU_MSG_COMMAND : 0));
    zu_msg_close(m);
    *m = whole;
    zu_free(w->pieces);
    w->pieces = NULL;
    w->pieces_size = w->pieces_room = 0;
    w->in_pieces = false;
    return 1;
}

int zu_session_web_unwrap(struct zu_session *s, struct zu_msg *m)
{
    struct zu_web *w = s->web;
    int rc;

    zu_session_web_unmask(s, zu_msg_data(m), zu_msg_size(m));
    if (zu_ws_is_control(&w->head))
        return hear_control(s, m);
    if (w->flags_taken)
        return 1;
    rc = gather(w, m);
    return rc < 0 || !w->head.last ? rc : make_whole(w, m);
}
