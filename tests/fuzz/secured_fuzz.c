/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secured: a whole session of a server of PLAIN or CURVE, with a ZAP handler in the same context.
 * The first byte chooses the type of our socket and the mechanism, the second what the handler says
 * and how far the peer goes before the input is what it says.
 *
 * PLAIN: the input is all that the peer says, from the first byte of its greeting. CURVE: the peer
 * is a true client, until instead of
 *     0  HELLO, 1 INITIATE, or 2 while the handler is asked,
 * it says the input; so nothing of it may ever be received. 3: the handshake is a true one, and the
 * input makes the traffic: flags, a size, and so many bytes, to be sealed or to be said as they
 * are. Said in one piece and in packets this must come to the same.
 */
#include "tests/fuzz/session.h"

#include "engine/security/curve.h"
#include "engine/security/mechanisms.h"
#include "engine/wire/frame.h"
#include "tests/support/hex.h"

enum { TYPES = ZMQ_STREAM, GREETING = 64, TRAFFIC_MAX = 256 * 1024 };
enum stage { SAY_HELLO, SAY_INITIATE, BE_ASKED_ABOUT, TALK };
enum reply { YES, LATER, NO, ERROR, GARBAGE, NEVER, NOBODY, GONE };

static const char *const partners[TYPES] = {
    [ZMQ_PAIR] = "PAIR", [ZMQ_PUB] = "SUB",       [ZMQ_SUB] = "PUB",    [ZMQ_REQ] = "REP",
    [ZMQ_REP] = "REQ",   [ZMQ_DEALER] = "DEALER", [ZMQ_ROUTER] = "REQ", [ZMQ_PULL] = "PUSH",
    [ZMQ_PUSH] = "PULL", [ZMQ_XPUB] = "XSUB",     [ZMQ_XSUB] = "XPUB"};

static const struct zu_mechanism *const client_mechanism = &zu_mechanism_curve;
static uint8_t server_secret[ZU_BOX_KEY], server_public[ZU_BOX_KEY];
static uint8_t client_secret[ZU_BOX_KEY], client_public[ZU_BOX_KEY];

struct peer {
    struct zu_options *o;
    struct zu_handshake_terms terms;
    struct zu_handshake *h;
    size_t heard; /* of what the session has said */
    bool refused;
};

/* What is said, before it is: true to what the input meant. */
struct words {
    uint8_t *bytes;
    size_t size, parts; /* messages' parts that were sealed */
};

/* ---- the handler ---- */

static struct {
    struct zu_socket *s;
    enum reply reply;
} handler;

static void begin_handler(struct rig *r, enum reply reply)
{
    handler.reply = reply;
    handler.s = NULL;
    if (reply == NOBODY)
        return;
    FUZZ_CHECK(zu_socket_new(&handler.s, r->ctx, zu_ctx_pattern(r->ctx, ZMQ_REP)) == 0);
    FUZZ_CHECK(zmq_bind(handler.s, "inproc://zeromq.zap.01") == 0);
}

static void end_handler(void)
{
    if (handler.s)
        FUZZ_CHECK(zmq_close(handler.s) == 0);
    handler.s = NULL;
}

static void reply(const char *const parts[], int count)
{
    for (int i = 0; i < count; i++)
        FUZZ_CHECK(zmq_send(handler.s, parts[i], strlen(parts[i]),
                            ZMQ_DONTWAIT | (i + 1 < count ? ZMQ_SNDMORE : 0)) >= 0);
}

/* Answers whoever asks. */
static void handle(struct rig *r)
{
    static const char *const statuses[] = {
        [YES] = "200", [LATER] = "300", [NO] = "400", [ERROR] = "500", [GARBAGE] = "2000"};
    char version[8] = "", id[256];
    int more = 1;

    if (!handler.s || handler.reply == NEVER || zmq_recv(handler.s, version, 7, ZMQ_DONTWAIT) < 0)
        return;
    if (handler.reply == GONE) {
        end_handler();
        rig_settle(r);
        return;
    }
    for (size_t size = sizeof more; more; zmq_getsockopt(handler.s, ZMQ_RCVMORE, &more, &size))
        FUZZ_CHECK(zmq_recv(handler.s, id, sizeof id, ZMQ_DONTWAIT) >= 0);
    FUZZ_CHECK(strcmp(version, "1.0") == 0);
    reply((const char *[]){"1.0", "1", statuses[handler.reply], "said so", "joe", ""}, 6);
    rig_settle(r);
}

/* ---- our socket ---- */

static void set_key(struct zu_options **o, int option, const uint8_t *key)
{
    FUZZ_CHECK(zu_options_set(o, option, key, ZU_BOX_KEY) == 0);
}

static void make_keys(void)
{
    if (server_secret[0])
        return;
    FUZZ_CHECK(zu_box_ready() == 0);
    memset(server_secret, 11, sizeof server_secret);
    memset(client_secret, 22, sizeof client_secret);
    zu_box_public(server_public, server_secret);
    zu_box_public(client_public, client_secret);
}

static void open_secured(struct rig *r, int type, bool curve, enum reply reply)
{
    make_keys();
    open_session(r, type);
    rig_set(r, curve ? ZMQ_CURVE_SERVER : ZMQ_PLAIN_SERVER, 1);
    if (curve)
        FUZZ_CHECK(zmq_setsockopt(r->s, ZMQ_CURVE_SECRETKEY, server_secret, ZU_BOX_KEY) == 0);
    begin_handler(r, reply);
    rig_bind(r);
    rig_accept(r);
}

/* ---- a true client ---- */

static void begin_peer(struct peer *p, int type)
{
    *p = (struct peer){.o = zu_options_new(ZMQ_DEALER)};
    FUZZ_CHECK(p->o);
    set_key(&p->o, ZMQ_CURVE_SERVERKEY, server_public);
    set_key(&p->o, ZMQ_CURVE_PUBLICKEY, client_public);
    set_key(&p->o, ZMQ_CURVE_SECRETKEY, client_secret);
    p->terms = (struct zu_handshake_terms){p->o, partners[type], false};
    p->h = calloc(1, client_mechanism->size);
    FUZZ_CHECK(p->h);
}

static void end_peer(struct peer *p)
{
    free(p->h);
    zu_options_drop(p->o);
}

static void greet(struct rig *r)
{
    uint8_t bytes[GREETING];

    FUZZ_CHECK(hex_read(bytes, sizeof bytes, "ff 00*7 01 7f 03 01 'CURVE' 00*15 00*32") ==
               GREETING);
    FUZZ_CHECK(rig_say(r, bytes, sizeof bytes, SIZE_MAX) == GREETING);
    rig_hear_all(r);
}

static void say_command(struct rig *r, struct peer *p)
{
    uint8_t bytes[ZU_FRAME_HEADER_MAX + 1024], *body = bytes + ZU_FRAME_HEADER_MAX;
    struct zu_writer out = zu_writer_of(body, 1024);
    size_t size, head;

    FUZZ_CHECK(client_mechanism->speak(p->h, &p->terms, &out) == 1);
    size = (size_t)(out.at - body);
    head = zu_frame_write_v2(bytes, size, ZU_FRAME_COMMAND);
    memmove(bytes + head, body, size);
    FUZZ_CHECK(rig_say(r, bytes, head + size, SIZE_MAX) == head + size);
    rig_hear_all(r);
}

static void hear_command(struct rig *r, struct peer *p)
{
    struct zu_heard heard = {.why = 0};
    struct zu_reader in;
    struct zu_frame f;
    uint8_t *copy;

    rig_hear_all(r);
    if (p->heard == 0)
        p->heard = GREETING;
    FUZZ_CHECK(r->said_size >= p->heard);
    in = zu_reader_of(r->said + p->heard, r->said_size - p->heard);
    p->refused = zu_frame_read_v2(&in, &f) < 0;
    if (p->refused)
        return;
    FUZZ_CHECK(f.flags == ZU_FRAME_COMMAND && f.size <= zu_left(&in));
    copy = fuzz_copy(in.at, f.size);
    p->refused = client_mechanism->hear(p->h, &p->terms, copy, f.size, &heard) < 0;
    p->heard = (size_t)(in.at - r->said) + f.size;
    free(copy);
}

/* As far as it goes. False: the session did not let it. */
static bool introduce(struct rig *r, struct peer *p, enum stage stage)
{
    greet(r);
    if (stage == SAY_HELLO)
        return true;
    say_command(r, p);
    hear_command(r, p);
    FUZZ_CHECK(!p->refused);
    if (stage == SAY_INITIATE)
        return true;
    say_command(r, p);
    if (stage == BE_ASKED_ABOUT)
        return true;
    handle(r);
    hear_command(r, p);
    FUZZ_CHECK(p->refused == (handler.reply != YES && handler.reply != NOBODY));
    return !p->refused;
}

/* ---- what is said ---- */

/* Flags: 1 MORE, 2 a command, 4 in a command's frame; 8 to 32: so many times longer, as a power of
 * two; 128: as it is. */
static void make_words(struct words *w, struct peer *p, struct zu_reader *in)
{
    uint8_t flags, n;
    const uint8_t *at;

    while (zu_read_u8(in, &flags) && zu_read_u8(in, &n)) {
        uint8_t *to = w->bytes + w->size, seal = flags & ZU_MSG_MORE;
        size_t size = (size_t)n << (flags >> 3 & 7), head;

        if (w->size + size + 64 > TRAFFIC_MAX)
            return;
        n = (uint8_t)ZU_MIN((size_t)n, zu_left(in));
        zu_read_bytes(in, &at, n);
        if (flags & 128) {
            if (n)
                memcpy(to, at, n);
            w->size += n;
            continue;
        }
        head = zu_frame_write_v2(to, ZU_CURVE_MESSAGE + size, flags & 4 ? ZU_FRAME_COMMAND : 0);
        memset(to + head, n, ZU_CURVE_MESSAGE + size);
        if (n)
            memcpy(to + head + ZU_CURVE_MESSAGE, at, ZU_MIN((size_t)n, size));
        seal |= flags & 2 ? ZU_MSG_COMMAND : 0;
        client_mechanism->seal(p->h, to + head, to + head + ZU_CURVE_MESSAGE, size, seal);
        w->size += head + ZU_CURVE_MESSAGE + size;
        w->parts += !(flags & 6);
    }
}

static void say_words(struct rig *r, int type, struct outcome *o, const struct words *w, bool cut)
{
    uint32_t state = 0;

    if (!cut)
        say_all(r, type, o, w->bytes, w->size, handle);
    for (size_t at = 0, n; cut && at < w->size; at += n) {
        n = fuzz_cut(&state, (const uint8_t[]){0}, w->size - at) * (1 + w->size / 512);
        n = ZU_MIN(n, w->size - at);
        say_all(r, type, o, w->bytes + at, n, handle);
    }
    handle(r);
}

static struct outcome meet_server(const uint8_t *data, size_t size, bool cut)
{
    struct outcome o = {.received = 0xcbf29ce484222325U, .said = 0xcbf29ce484222325U};
    int type = (data[0] & 127) % TYPES;
    bool curve = data[0] >> 7;
    enum stage stage = curve ? (enum stage)(data[1] >> 3 & 3) : SAY_HELLO;
    enum reply answer = (enum reply)(data[1] & 7);
    struct zu_reader in = zu_reader_of(data + 2, size - 2);
    struct words w = {.bytes = malloc(TRAFFIC_MAX)};
    struct peer p;
    struct rig r;
    bool met;

    FUZZ_CHECK(w.bytes);
    open_secured(&r, type, curve, answer);
    begin_peer(&p, type);
    met = curve && introduce(&r, &p, stage) && stage == TALK;
    if (met) {
        make_words(&w, &p, &in);
    } else {
        w.size = ZU_MIN(size - 2, (size_t)TRAFFIC_MAX);
        memcpy(w.bytes, data + 2, w.size);
    }
    say_words(&r, type, &o, &w, cut);
    receive_all(&r, type, &o);
    /* Nobody comes in who has not said, and been found, who he is. */
    FUZZ_CHECK(o.messages == 0 || met || (!curve && answer == YES));
    FUZZ_CHECK(!met || (type != ZMQ_PULL && type != ZMQ_PAIR && type != ZMQ_DEALER) ||
               o.messages <= w.parts);
    end_handler();
    end_session(&r, type, &o);
    end_peer(&p);
    free(w.bytes);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, cuts;

    if (size < 2)
        return 0;
    whole = meet_server(data, size, false);
    cuts = meet_server(data, size, true);
    if (!(data[0] >> 7) || (data[1] >> 3 & 3) != TALK || takes_turns((data[0] & 127) % TYPES))
        return 0; /* what a handler is asked about, and when, is another thing in packets */
    check_same((data[0] & 127) % TYPES, &whole, &cuts, false);
    return 0;
}
