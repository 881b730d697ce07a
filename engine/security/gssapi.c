/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GSSAPI, that is Kerberos: both sides say INITIATE with tokens of the library's, the client first,
 * until they know each other; then the server asks the ZAP handler and says READY, and the client
 * does. Each step of the introduction may ask a KDC or read files, so it is an errand.
 *
 *   INITIATE:  token size 4 | token
 *   MESSAGE:   size 4 | wrapped: flags 1 | body
 *
 * All is wrapped from READY on, unless ZMQ_GSSAPI_PLAINTEXT is set. READY is so, too, in MESSAGE. A
 * client that has nothing more to say to the server's last token says an empty frame.
 *
 * Subscriptions: libzmq has written them as a topic behind flags of their own since 4.3.5, and as a
 * topic and nothing that tells what it is for before. Here they go as messages that begin with 1 or
 * 0, which each of them understands.
 *
 * Kerberos' state is one for both ways, and no two threads may use it at once: who wraps and who
 * unwraps wait for each other.
 */
#include "engine/base/alloc.h"
#include "engine/base/latch.h"
#include "engine/core/errand.h"
#include "engine/core/msg.h"
#include "engine/security/gss.h"
#include "engine/security/handshake.h"
#include "engine/security/mechanisms.h"
#include "engine/wire/command.h"
#include "include/zmq.h"

#include <errno.h>

enum {
    HEAD = 8 + 4,      /* MESSAGE and the size; what was wrapped is behind it */
    BEFORE = HEAD + 1, /* and flags; here a body lies before it is sealed */
};

enum { MORE = 1, COMMAND = 2, SUBSCRIBE = 4, CANCEL = 8 }; /* flags */

enum state {
    FRESH,
    WANT_TOKEN,  /* a server's first */
    MUST_STEP,   /* a client's first */
    STEPPING,    /* the errand is away, or back; nobody may say a word */
    WANT_LAST,   /* server: whatever the client says to the last token */
    MUST_ASK,    /* server */
    WANT_ANSWER, /* server: the ZAP handler's */
    WANT_READY,
    SAY_READY,
    REFUSED, /* server: GSSAPI has no word for it */
    DONE,
};

/* One step, and what it is made with; on a thread, or at home. */
struct step {
    struct zu_errand errand;
    struct zu_options *options; /* counted: the names are in it */
    struct zu_gss *gss;
    uint8_t *token; /* the other side's; NULL: it is to begin */
    size_t size;
    int rc; /* of the last one */
};

struct zu_handshake {
    enum state state;
    bool server, clear; /* clear: nothing is wrapped */
    struct step *step;
    struct zu_latch latch; /* once the traffic has begun: who uses its gss */
};

/* ---- steps ---- */

static void run_step(struct zu_errand *e)
{
    struct step *s = zu_container_of(e, struct step, errand);

    s->rc = zu_gss_step(s->gss, s->token, s->size);
}

static void free_step(struct zu_errand *e)
{
    struct step *s = zu_container_of(e, struct step, errand);

    zu_gss_free(s->gss);
    zu_options_drop(s->options);
    zu_free(s->token);
    zu_free(s);
}

static int make_step(struct zu_handshake *h, struct zu_options *o)
{
    struct step *s = zu_alloc_zero(sizeof *s);

    if (!s)
        return -ENOMEM;
    s->errand.run = run_step;
    s->errand.drop = free_step;
    if (zu_gss_new(&s->gss, zu_options_kerberos(o), h->server, !h->clear) < 0) {
        zu_free(s);
        return -ENOMEM;
    }
    zu_options_hold(o);
    s->options = o;
    h->step = s;
    return 0;
}

static int send_errand(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                       struct zu_errand **out)
{
    int rc = 0;

    if (h->state == FRESH) {
        h->server = terms->options->as_server;
        h->clear = terms->options->gssapi_plaintext;
        h->state = h->server ? WANT_TOKEN : MUST_STEP;
    }
    if (h->state != MUST_STEP)
        return 0;
    if (!h->step)
        rc = make_step(h, terms->options);
    if (rc < 0)
        return rc;
    h->state = STEPPING;
    *out = &h->step->errand;
    return 1;
}

static void end(struct zu_handshake *h)
{
    if (h->step)
        zu_errand_end(&h->step->errand);
}

/* ---- what goes ---- */

/* A topic behind the name of a command becomes one behind 1 or 0, and what wraps it its flags. */
static bool shorten(uint8_t *body, size_t size, uint8_t **text, size_t *text_size)
{
    enum zu_command_name name;
    struct zu_reader rest;

    if (zu_command_read(zu_reader_of(body, size), &name, &rest) < 0 ||
        (name != ZU_COMMAND_SUBSCRIBE && name != ZU_COMMAND_CANCEL))
        return false;
    *text_size = 2 + zu_left(&rest);
    *text = body + size - *text_size;
    (*text)[0] = 0;
    (*text)[1] = name == ZU_COMMAND_SUBSCRIBE;
    return true;
}

static ssize_t seal(struct zu_handshake *h, uint8_t *at, const uint8_t *from, size_t size,
                    uint8_t flags)
{
    uint8_t *text = at + HEAD;
    size_t text_size = 1 + size, wrapped;
    struct zu_writer head = zu_writer_of(at, HEAD);
    int rc;

    if (from != at + BEFORE)
        memcpy(at + BEFORE, from, size);
    text[0] = (flags & ZU_MSG_MORE ? MORE : 0) | (flags & ZU_MSG_COMMAND ? COMMAND : 0);
    if (flags & ZU_MSG_COMMAND)
        shorten(at + BEFORE, size, &text, &text_size);
    zu_latch_take(&h->latch);
    rc = zu_gss_wrap(h->step->gss, at + HEAD, text, text_size, &wrapped);
    zu_latch_give(&h->latch);
    if (rc < 0)
        return rc;
    zu_command_begin(&head, ZU_COMMAND_MESSAGE);
    zu_write_be(&head, wrapped, 4);
    return (ssize_t)(HEAD + wrapped);
}

static int refuse(uint32_t *why, uint32_t reason)
{
    *why = reason;
    return -EPROTO;
}

/* The reverse of shorten, for the flags of libzmq since 4.3.5: the topic is the last `size` bytes
 * before `end`, and in front of it is room for `room` bytes. */
static ssize_t name_topic(uint8_t *end, size_t size, size_t room, uint8_t bits, uint32_t *why)
{
    enum zu_command_name name = bits & SUBSCRIBE ? ZU_COMMAND_SUBSCRIBE : ZU_COMMAND_CANCEL;
    size_t before = 1 + strlen(zu_command_text(name));
    struct zu_writer w;

    if (before > room)
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE);
    w = zu_writer_of(end - size - before, before);
    zu_command_begin(&w, name);
    return (ssize_t)(before + size);
}

static ssize_t open(struct zu_handshake *h, uint8_t *at, size_t size, uint8_t *flags, uint32_t *why)
{
    struct zu_reader r = zu_reader_of(at, size);
    enum zu_command_name name;
    uint64_t wrapped;
    size_t inside;
    uint8_t bits;
    int rc;

    if (size <= 1 || zu_command_read(r, &name, &r) < 0)
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED);
    if (name != ZU_COMMAND_MESSAGE)
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND);
    if (!zu_read_be(&r, &wrapped, 4) || wrapped != zu_left(&r))
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE);
    inside = (size_t)wrapped;
    zu_latch_take(&h->latch);
    rc = zu_gss_unwrap(h->step->gss, at + HEAD, &inside);
    zu_latch_give(&h->latch);
    if (rc == -ENOMEM)
        return rc;
    if (rc < 0)
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
    if (inside == 0)
        return refuse(why, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE);
    bits = at[size - inside--];
    *flags = (bits & MORE ? ZU_MSG_MORE : 0) | (bits & COMMAND ? ZU_MSG_COMMAND : 0);
    if (!(bits & (SUBSCRIBE | CANCEL)))
        return (ssize_t)inside;
    *flags = ZU_MSG_COMMAND;
    return name_topic(at + size, inside, size - inside, bits, why);
}

static bool seals(const struct zu_handshake *h)
{
    return !h->clear;
}

/* ---- what is said ---- */

static int say_token(struct zu_handshake *h, struct zu_writer *out)
{
    size_t size;
    const void *token = zu_gss_token(h->step->gss, &size);
    bool over = h->step->rc == 1, fits;

    h->state = !over ? WANT_TOKEN : h->server ? WANT_LAST : WANT_READY;
    if (over && !h->server && size == 0)
        return 1; /* an empty frame */
    fits = zu_command_begin(out, ZU_COMMAND_INITIATE) && zu_write_be(out, size, 4) &&
           zu_write_bytes(out, token, size);
    return fits ? 1 : -ENOBUFS;
}

static int say_ready(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                     struct zu_writer *out)
{
    size_t before = h->clear ? 0 : BEFORE, behind = h->clear ? 0 : ZU_GSS_WRAP_MAX;
    struct zu_writer w;
    ssize_t size;

    if (zu_room(out) < before + behind)
        return -ENOBUFS;
    w = zu_writer_of(out->at + before, zu_room(out) - before - behind);
    if (!zu_command_begin(&w, ZU_COMMAND_READY) || !zu_handshake_metadata(&w, terms))
        return -ENOBUFS;
    h->state = h->server ? WANT_READY : DONE;
    size = w.at - out->at - (ssize_t)before;
    if (!h->clear)
        size = seal(h, out->at, out->at + BEFORE, (size_t)size, ZU_MSG_COMMAND);
    if (size < 0)
        return (int)size;
    out->at += size;
    return 1;
}

static int speak(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                 struct zu_writer *out)
{
    switch (h->state) {
    case STEPPING: /* it is over */
        if (h->step->rc < 0)
            return h->step->rc;
        return say_token(h, out);
    case SAY_READY: return say_ready(h, terms, out);
    default: return 0;
    }
}

/* ---- what is heard ---- */

static int hear_initiate(struct zu_handshake *h, struct zu_options *o, struct zu_reader rest,
                         struct zu_heard *heard)
{
    uint8_t *token;
    uint64_t size;

    if (!zu_read_be(&rest, &size, 4) || size != zu_left(&rest))
        return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE);
    token = zu_alloc(size + 1); /* of no bytes is one, too */
    if (!token || (!h->step && make_step(h, o) < 0)) {
        zu_free(token);
        return -ENOMEM;
    }
    memcpy(token, rest.at, size);
    zu_free(h->step->token);
    h->step->token = token;
    h->step->size = size;
    h->state = MUST_STEP;
    return 0;
}

/* READY, as it is or in MESSAGE. */
static int hear_ready(struct zu_handshake *h, uint8_t *at, size_t size, struct zu_heard *heard)
{
    enum zu_command_name name = ZU_COMMAND_UNKNOWN;
    struct zu_reader rest;
    uint8_t flags;
    ssize_t inside = (ssize_t)size;

    if (!h->clear)
        inside = open(h, at, size, &flags, &heard->why);
    if (inside < 0)
        return (int)inside;
    if (zu_command_read(zu_reader_of(at + size - inside, (size_t)inside), &name, &rest) < 0 ||
        name != ZU_COMMAND_READY)
        return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND);
    h->state = h->server ? DONE : SAY_READY;
    heard->metadata = rest;
    heard->why = ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA;
    return 0;
}

static int hear(struct zu_handshake *h, const struct zu_handshake_terms *terms, uint8_t *command,
                size_t size, struct zu_heard *heard)
{
    enum zu_command_name name;
    struct zu_reader rest;

    if (h->state == WANT_LAST) { /* whatever it is: the client has come to the end, too */
        h->state = MUST_ASK;
        return 0;
    }
    if (h->state != WANT_TOKEN && h->state != WANT_READY)
        return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED);
    if (size <= 1 || zu_command_read(zu_reader_of(command, size), &name, &rest) < 0)
        return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED);
    if (h->state == WANT_READY)
        return hear_ready(h, command, size, heard);
    if (name == ZU_COMMAND_INITIATE)
        return hear_initiate(h, terms->options, rest, heard);
    return zu_handshake_refuse(heard, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND);
}

/* ---- the ZAP handler ---- */

static bool ask(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                struct zu_question *q)
{
    const struct zu_options *o = terms->options;
    const char *client;

    if (h->state != MUST_ASK)
        return false;
    if (o->zap_enforce_domain && zu_options_security(o)->zap_domain.size == 0) {
        h->state = SAY_READY; /* as under CURVE */
        return false;
    }
    h->state = WANT_ANSWER;
    client = zu_gss_client(h->step->gss);
    q->credentials[0] = zu_reader_of(client, strlen(client));
    q->count = 1;
    q->optional = !o->zap_enforce_domain;
    return true;
}

static void answer(struct zu_handshake *h, int status)
{
    h->state = status == 200 ? SAY_READY : REFUSED;
}

static bool done(const struct zu_handshake *h)
{
    return h->state == DONE;
}

const struct zu_mechanism zu_mechanism_gssapi = {.name = "GSSAPI",
                                                 .size = sizeof(struct zu_handshake),
                                                 .errand = send_errand,
                                                 .speak = speak,
                                                 .hear = hear,
                                                 .ask = ask,
                                                 .answer = answer,
                                                 .done = done,
                                                 .end = end,
                                                 .seals = seals,
                                                 .seal_head = BEFORE,
                                                 .seal_tail = ZU_GSS_WRAP_MAX,
                                                 .seal = seal,
                                                 .open = open};
