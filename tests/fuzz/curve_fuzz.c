/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curve: a peer of CURVE. The first byte chooses. 0, 1: what a peer says to our client, to our
 * server, as it is (mechanism.h). 2: a true conversation, of which the input changes bytes: for
 * each command, and then for messages, how many changes, and of each the place (2 bytes) and what
 * is flipped there; and by how much it is cut. What was changed must not be taken, and what was not
 * must be.
 */
#include "tests/fuzz/mechanism.h"

#include "engine/security/curve.h"
#include "engine/security/mechanisms.h"
#include "include/zmq.h"

enum {
    MESSAGES_MAX = 8,
    KEY_END = 111, /* of HELLO's key, the last byte: X25519 does not look at its highest bit */
};

struct side {
    const struct zu_mechanism *m;
    struct zu_handshake_terms terms;
    struct zu_options *o;
    struct zu_handshake *h;
};

static uint8_t server_secret[ZU_BOX_KEY], server_public[ZU_BOX_KEY];
static uint8_t client_secret[ZU_BOX_KEY], client_public[ZU_BOX_KEY];

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

static void open_side(struct side *s, bool server)
{
    s->o = zu_options_new(ZMQ_DEALER);
    FUZZ_CHECK(s->o);
    if (server) {
        zu_options_set(&s->o, ZMQ_CURVE_SERVER, &(int){1}, sizeof(int));
        zu_options_set(&s->o, ZMQ_CURVE_SECRETKEY, server_secret, sizeof server_secret);
    } else {
        zu_options_set(&s->o, ZMQ_CURVE_SERVERKEY, server_public, sizeof server_public);
        zu_options_set(&s->o, ZMQ_CURVE_PUBLICKEY, client_public, sizeof client_public);
        zu_options_set(&s->o, ZMQ_CURVE_SECRETKEY, client_secret, sizeof client_secret);
    }
    s->m = server ? zu_mechanism_curve.as_server : &zu_mechanism_curve;
    s->terms = (struct zu_handshake_terms){s->o, "DEALER", true};
    s->h = calloc(1, s->m->size);
    FUZZ_CHECK(s->h);
}

static void close_side(struct side *s)
{
    free(s->h);
    zu_options_drop(s->o);
}

/* True: something that counts is not as it was. */
static bool change(struct zu_reader *in, uint8_t *bytes, size_t *size, bool is_hello)
{
    uint8_t count = 0, cut = 0, flip;
    uint64_t place;
    uint8_t *before = fuzz_copy(bytes, *size);
    bool changed = false;
    size_t gone;

    zu_read_u8(in, &count);
    for (int i = 0; i < count % 4 && zu_read_be(in, &place, 2) && zu_read_u8(in, &flip); i++)
        bytes[place % *size] ^= flip;
    if (is_hello)
        bytes[KEY_END] = (uint8_t)((bytes[KEY_END] & 0x7f) | (before[KEY_END] & 0x80));
    zu_read_u8(in, &cut);
    for (size_t i = 0; i < *size; i++)
        changed |= bytes[i] != before[i] && !(is_hello && i >= 8 && i < 80); /* zeros, unread */
    free(before);
    *size -= gone = cut % *size;
    return changed || gone > 0;
}

/* One side says its next command, which the input changes, and the other hears it. */
static bool say(struct zu_reader *in, struct side *from, struct side *to, bool is_hello)
{
    uint8_t body[ZU_HANDSHAKE_ROOM];
    struct zu_writer out = zu_writer_of(body, sizeof body);
    size_t size;
    bool changed;
    int rc;

    FUZZ_CHECK(from->m->speak(from->h, &from->terms, &out) == 1);
    size = (size_t)(out.at - body);
    changed = change(in, body, &size, is_hello);
    rc = fuzz_hear(to->m, to->h, &to->terms, body, size);
    FUZZ_CHECK((rc == 0) == !changed);
    return rc == 0;
}

static bool shake(struct zu_reader *in, struct side *client, struct side *server)
{
    return say(in, client, server, true) && say(in, server, client, false) &&
           say(in, client, server, false) &&
           (fuzz_ask(server->m, server->h, &server->terms, 200), say(in, server, client, false));
}

static void talk(struct zu_reader *in, struct side *from, struct side *to)
{
    uint8_t at[ZU_CURVE_MESSAGE + UINT8_MAX], flags, n;
    uint32_t why = 0;

    for (int i = 0; i < MESSAGES_MAX && zu_read_u8(in, &n); i++) {
        size_t size = (size_t)ZU_CURVE_MESSAGE + n;
        uint8_t *copy;
        bool changed;
        ssize_t rc;

        memset(at + ZU_CURVE_MESSAGE, n, n);
        from->m->seal(from->h, at, at + ZU_CURVE_MESSAGE, n, n & 3);
        changed = change(in, at, &size, false);
        copy = fuzz_copy(at, size);
        rc = to->m->open(to->h, copy, size, &flags, &why);
        FUZZ_CHECK((rc == n) == !changed && (rc == n || rc == -EPROTO));
        FUZZ_CHECK(rc < 0 || flags == (n & 3));
        for (size_t k = 0; rc == n && k < n; k++)
            FUZZ_CHECK(copy[ZU_CURVE_MESSAGE + k] == n);
        free(copy);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zu_reader in = zu_reader_of(data, size);
    struct side client, server;
    uint8_t mode;

    make_keys();
    if (!zu_read_u8(&in, &mode))
        return 0;
    open_side(&client, false);
    open_side(&server, true);
    if (mode % 3 == 0)
        fuzz_mechanism(client.m, &client.terms, in.at, zu_left(&in), NULL);
    else if (mode % 3 == 1)
        fuzz_mechanism(server.m, &server.terms, in.at, zu_left(&in), NULL);
    else if (shake(&in, &client, &server))
        talk(&in, mode & 4 ? &server : &client, mode & 4 ? &client : &server);
    close_side(&client);
    close_side(&server);
    return 0;
}
