/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CURVE without a network: the tables of client and server talk to each other, and whatever can be
 * wrong with a command is tried: cut, changed in each byte, said twice, said by somebody else, said
 * at another time.
 */
#define ZMQ_BUILD_DRAFT_API /* ZMQ_ZAP_ENFORCE_DOMAIN */
#include "engine/security/curve.h"
#include "engine/security/mechanisms.h"
#include "include/zmq.h"
#include "tests/support/hex.h"

#include <criterion/criterion.h>
#include <errno.h>

TestSuite(curve, .timeout = 600);

/* ---- two sides ---- */

struct side {
    const struct zu_mechanism *m;
    struct zu_options *o;
    struct zu_handshake_terms terms;
    struct zu_handshake *h;
    uint8_t said[ZU_HANDSHAKE_ROOM]; /* the last command */
    size_t size;
    uint32_t why;
};

static uint8_t server_public[32], server_secret[32], client_public[32], client_secret[32];

static void make_keys(void)
{
    cr_assert_eq(zu_box_ready(), 0);
    zu_box_keypair(server_public, server_secret);
    zu_box_keypair(client_public, client_secret);
}

static void set(struct side *s, int option, const void *value, size_t size)
{
    cr_assert_eq(zu_options_set(&s->o, option, value, size), 0);
}

static void begin(struct side *s, bool server)
{
    *s = (struct side){.o = zu_options_new(ZMQ_DEALER)};
    cr_assert_not_null(s->o);
    if (server) {
        set(s, ZMQ_CURVE_SERVER, &(int){1}, sizeof(int));
        set(s, ZMQ_CURVE_SECRETKEY, server_secret, 32);
        s->m = zu_mechanism_curve.as_server;
    } else {
        set(s, ZMQ_CURVE_SERVERKEY, server_public, 32);
        set(s, ZMQ_CURVE_PUBLICKEY, client_public, 32);
        set(s, ZMQ_CURVE_SECRETKEY, client_secret, 32);
        s->m = &zu_mechanism_curve;
    }
    s->terms = (struct zu_handshake_terms){s->o, "DEALER", true};
    s->h = calloc(1, s->m->size);
    cr_assert_not_null(s->h);
}

static void end(struct side *s)
{
    free(s->h);
    zu_options_drop(s->o);
}

static int speak(struct side *s)
{
    struct zu_writer out = zu_writer_of(s->said, sizeof s->said);
    int rc = s->m->speak(s->h, &s->terms, &out);

    s->size = (size_t)(out.at - s->said);
    return rc;
}

static int hear(struct side *s, const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    struct zu_heard heard = {.why = 0};
    int rc;

    cr_assert_not_null(copy);
    if (size)
        memcpy(copy, bytes, size);
    rc = s->m->hear(s->h, &s->terms, copy, size, &heard);
    s->why = heard.why;
    free(copy);
    return rc;
}

/* `from` says its next command, and `to` takes it. */
static void pass(struct side *from, struct side *to, size_t size)
{
    cr_assert_eq(speak(from), 1);
    cr_assert_eq(from->size, size);
    cr_assert_eq(hear(to, from->said, from->size), 0, "%x", to->why);
}

static void ask(struct side *server, int status)
{
    struct zu_question q = {.count = 0};

    cr_assert(server->m->ask(server->h, &server->terms, &q));
    cr_assert_eq(q.count, 1);
    cr_assert_eq(zu_left(&q.credentials[0]), 32);
    cr_assert_eq(memcmp(q.credentials[0].at, client_public, 32), 0);
    cr_assert(q.optional);
    server->m->answer(server->h, status);
}

enum { PROPERTIES = 35, INITIATE = ZU_CURVE_INITIATE + PROPERTIES };

static void meet(struct side *client, struct side *server)
{
    make_keys();
    begin(client, false);
    begin(server, true);
    pass(client, server, ZU_CURVE_HELLO);
    pass(server, client, ZU_CURVE_WELCOME);
    pass(client, server, INITIATE);
    ask(server, 200);
    pass(server, client, ZU_CURVE_READY + PROPERTIES);
    cr_assert(client->m->done(client->h) && server->m->done(server->h));
    cr_assert_eq(speak(client), 0);
    cr_assert_eq(speak(server), 0);
}

Test(curve, both_sides_come_to_an_end)
{
    struct side client, server;

    meet(&client, &server);
    end(&client);
    end(&server);
}

Test(curve, who_is_refused_hears_why)
{
    struct side client, server;

    make_keys();
    begin(&client, false);
    begin(&server, true);
    pass(&client, &server, ZU_CURVE_HELLO);
    pass(&server, &client, ZU_CURVE_WELCOME);
    pass(&client, &server, INITIATE);
    ask(&server, 400);
    cr_assert_eq(speak(&server), 1);
    cr_assert_eq(hear(&client, server.said, server.size), -EPROTO);
    cr_assert_eq(client.why, 400);
    cr_assert_not(server.m->done(server.h));
    cr_assert_eq(speak(&server), 0);
    end(&client);
    end(&server);
}

/* ---- the bytes of the specification, and of libzmq ---- */

/* s = 32 times 11, and so on: the vectors of docs/wire.md's sources. */
static void key_of(uint8_t secret[32], uint8_t public[32], uint8_t byte, const char *expected)
{
    uint8_t bytes[32];

    memset(secret, byte, 32);
    zu_box_public(public, secret);
    cr_assert_eq(hex_read(bytes, sizeof bytes, expected), 32);
    cr_assert_eq(memcmp(public, bytes, 32), 0);
}

Test(curve, a_message_is_what_libzmq_makes_of_it)
{
    uint8_t s[32], c[32], s_public[32], c_public[32], expected[64], at[ZU_CURVE_MESSAGE + 5];
    struct zu_handshake client = {.last_sealed = 2}, server = {.last_heard = 2};
    uint8_t flags = 0xff;
    uint32_t why = 0;

    cr_assert_eq(zu_box_ready(), 0);
    key_of(s, s_public, 0x33, "7b0d47d93427f8311160781c7c733fd89f88970aef490d8aa0ee19a4cb8a1b14");
    key_of(c, c_public, 0x44, "ff2ee45601ec1b67310c7790404585ae697331eee1c1f8cf2419731c1fff3e6b");
    cr_assert_eq(zu_box_shared(client.key, s_public, c), 0);
    cr_assert_eq(zu_box_shared(server.key, c_public, s), 0);
    zu_curve_ready(&client, false);
    zu_curve_ready(&server, true);
    zu_curve_seal(&client, at, (const uint8_t *)"hello", 5, 0);
    cr_assert_eq(hex_read(expected, sizeof expected,
                          "074d4553534147450000000000000003fccae2cba1476371fadb58907067ac5dd8be0946"
                          "b820"),
                 sizeof at);
    cr_assert_eq(memcmp(at, expected, sizeof at), 0);
    cr_assert_eq(zu_curve_open(&server, at, sizeof at, &flags, &why), 5);
    cr_assert_eq(flags, 0);
    cr_assert_eq(memcmp(at + ZU_CURVE_MESSAGE, "hello", 5), 0);
}

Test(curve, a_hello_is_what_libzmq_makes_of_it)
{
    uint8_t s[32], c[32], s_public[32], c_public[32], key[32], nonce[ZU_BOX_NONCE];
    uint8_t box[80], expected[80], zeros[64] = {0}, one[8] = {[7] = 1};

    cr_assert_eq(zu_box_ready(), 0);
    key_of(s, s_public, 0x11, "7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13");
    key_of(c, c_public, 0x44, "ff2ee45601ec1b67310c7790404585ae697331eee1c1f8cf2419731c1fff3e6b");
    cr_assert_eq(zu_box_shared(key, s_public, c), 0);
    zu_curve_nonce(nonce, "CurveZMQHELLO---", one);
    zu_box_seal(box, zeros, sizeof zeros, nonce, key);
    cr_assert_eq(hex_read(expected, sizeof expected,
                          "cc8c1a0e818651260e7eb0162106329055ca384292192a10e08121f967224e08ae7769f3"
                          "04644ddfe0697fe2661a175ede04a27d0660b6f65b41ee33f10816d9ff8a5b89d2d16a55"
                          "71bbda9b802cf961"),
                 sizeof box);
    cr_assert_eq(memcmp(box, expected, sizeof box), 0);
}

/* ---- what is wrong with a handshake ---- */

enum stage { AT_HELLO, AT_WELCOME, AT_INITIATE, AT_READY, STAGES };

/* Two sides just before that command is taken: who is to take it, and the command. */
static struct side *reach(struct side *client, struct side *server, enum stage stage,
                          const struct side **said)
{
    struct side *const takers[] = {server, client, server, client};
    struct side *const sayers[] = {client, server, client, server};

    begin(client, false);
    begin(server, true);
    for (int i = 0; i <= (int)stage; i++) {
        if (i == AT_READY)
            ask(server, 200);
        cr_assert_eq(speak(sayers[i]), 1);
        if (i < (int)stage)
            cr_assert_eq(hear(takers[i], sayers[i]->said, sayers[i]->size), 0);
    }
    *said = sayers[stage];
    return takers[stage];
}

static void refuse(enum stage stage, const uint8_t *bytes, size_t size, uint32_t why,
                   struct side *taker)
{
    cr_assert_eq(hear(taker, bytes, size), -EPROTO, "stage %d, %zu bytes: taken", stage, size);
    if (why)
        cr_assert_eq(taker->why, why, "stage %d, %zu bytes: %x", stage, size, taker->why);
    cr_assert_neq(taker->why, 0);
    cr_assert_not(taker->m->done(taker->h));
    cr_assert_eq(speak(taker), 0, "stage %d: answered", stage);
}

Test(curve, a_command_that_is_cut_is_refused)
{
    struct side client, server, *taker;
    const struct side *said;

    make_keys();
    for (enum stage stage = AT_HELLO; stage < STAGES; stage++) {
        size_t whole = SIZE_MAX;

        for (size_t size = 0; size < whole; size++) {
            taker = reach(&client, &server, stage, &said);
            whole = said->size;
            refuse(stage, said->said, size, 0, taker);
            end(&client);
            end(&server);
        }
    }
}

Test(curve, a_command_with_more_behind_it_is_refused)
{
    struct side client, server, *taker;
    const struct side *said;

    make_keys();
    for (enum stage stage = AT_HELLO; stage < STAGES; stage++) {
        uint8_t bytes[ZU_HANDSHAKE_ROOM + 1] = {0};

        taker = reach(&client, &server, stage, &said);
        memcpy(bytes, said->said, said->size);
        refuse(stage, bytes, said->size + 1, 0, taker);
        end(&client);
        end(&server);
    }
}

/* The 72 zeros of a HELLO are there for its length alone: nobody looks at them. */
static bool is_padding(enum stage stage, size_t at)
{
    return stage == AT_HELLO && at >= 8 && at < 80;
}

Test(curve, a_command_that_is_changed_anywhere_is_refused)
{
    struct side client, server, *taker;
    const struct side *said;

    make_keys();
    for (enum stage stage = AT_HELLO; stage < STAGES; stage++) {
        size_t whole = SIZE_MAX;

        for (size_t at = 0; at < whole; at++) {
            uint8_t bytes[ZU_HANDSHAKE_ROOM];

            taker = reach(&client, &server, stage, &said);
            whole = said->size;
            memcpy(bytes, said->said, whole);
            bytes[at] ^= 0x20;
            if (!is_padding(stage, at))
                refuse(stage, bytes, whole, 0, taker);
            end(&client);
            end(&server);
        }
    }
}

/* What somebody has overheard in another connection between the same two. */
Test(curve, what_was_said_in_another_connection_is_refused)
{
    struct side client, server, others[2], *taker;
    const struct side *said, *overheard;

    make_keys();
    for (enum stage stage = AT_WELCOME; stage < STAGES; stage++) {
        reach(&others[0], &others[1], stage, &overheard);
        taker = reach(&client, &server, stage, &said);
        refuse(stage, overheard->said, overheard->size, ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC,
               taker);
        for (int i = 0; i < 2; i++)
            end(&others[i]);
        end(&client);
        end(&server);
    }
}

/* A READY that comes before WELCOME is told of as one that does not open, as by libzmq. */
static uint32_t why_of(enum stage stage, enum stage other)
{
    return stage == AT_WELCOME && other == AT_READY ? ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC
                                                    : ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND;
}

Test(curve, a_command_out_of_its_order_is_refused)
{
    struct side client, server, others[2], *taker;
    const struct side *said, *wrong;

    make_keys();
    for (enum stage stage = AT_HELLO; stage < STAGES; stage++) {
        for (enum stage other = AT_HELLO; other < STAGES; other++) {
            if (other == stage)
                continue;
            reach(&others[0], &others[1], other, &wrong);
            taker = reach(&client, &server, stage, &said);
            refuse(stage, wrong->said, wrong->size, why_of(stage, other), taker);
            for (int i = 0; i < 2; i++)
                end(&others[i]);
            end(&client);
            end(&server);
        }
    }
}

Test(curve, an_initiate_said_twice_is_refused)
{
    struct side client, server;

    make_keys();
    begin(&client, false);
    begin(&server, true);
    pass(&client, &server, ZU_CURVE_HELLO);
    pass(&server, &client, ZU_CURVE_WELCOME);
    pass(&client, &server, INITIATE);
    cr_assert_eq(hear(&server, client.said, client.size), -EPROTO);
    cr_assert_eq(server.why, ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED);
    end(&client);
    end(&server);
}

/* A server that knows the client from elsewhere cannot pass on what that one said to it. */
Test(curve, a_vouch_for_another_server_is_refused)
{
    struct side client, server;

    make_keys();
    begin(&client, false);
    begin(&server, true);
    pass(&client, &server, ZU_CURVE_HELLO);
    pass(&server, &client, ZU_CURVE_WELCOME);
    client.o->security->curve_server_key[5] ^= 1; /* whom it now believes to talk to */
    cr_assert_eq(speak(&client), 1);
    cr_assert_eq(hear(&server, client.said, client.size), -EPROTO);
    cr_assert_eq(server.why, ZMQ_PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE);
    end(&client);
    end(&server);
}

/* Who does not own C cannot vouch as if he did. */
Test(curve, a_vouch_by_another_key_is_refused)
{
    struct side client, server;

    make_keys();
    begin(&client, false);
    begin(&server, true);
    set(&client, ZMQ_CURVE_SECRETKEY, server_secret, 32); /* some other one */
    pass(&client, &server, ZU_CURVE_HELLO);
    pass(&server, &client, ZU_CURVE_WELCOME);
    cr_assert_eq(speak(&client), 1);
    cr_assert_eq(hear(&server, client.said, client.size), -EPROTO);
    cr_assert_eq(server.why, ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
    end(&client);
    end(&server);
}

Test(curve, a_key_that_nobody_can_have_says_nothing)
{
    struct side client;
    uint8_t zeros[32] = {0};

    make_keys();
    begin(&client, false);
    set(&client, ZMQ_CURVE_SERVERKEY, zeros, 32);
    cr_assert_eq(speak(&client), -EPROTO);
    end(&client);
}

Test(curve, the_hello_names_its_version_and_its_length)
{
    struct side client, server;

    make_keys();
    for (int i = 0; i < 2; i++) {
        begin(&client, false);
        begin(&server, true);
        cr_assert_eq(speak(&client), 1);
        client.said[6 + i] = 2;
        cr_assert_eq(hear(&server, client.said, client.size), -EPROTO);
        cr_assert_eq(server.why, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO);
        end(&client);
        end(&server);
    }
}

Test(curve, nobody_is_asked_without_the_domain_that_is_enforced)
{
    struct side client, server;
    struct zu_question q = {.count = 0};

    make_keys();
    begin(&client, false);
    begin(&server, true);
    set(&server, ZMQ_ZAP_ENFORCE_DOMAIN, &(int){1}, sizeof(int));
    pass(&client, &server, ZU_CURVE_HELLO);
    pass(&server, &client, ZU_CURVE_WELCOME);
    pass(&client, &server, INITIATE);
    cr_assert_not(server.m->ask(server.h, &server.terms, &q));
    pass(&server, &client, ZU_CURVE_READY + PROPERTIES);
    end(&client);
    end(&server);
}

/* ---- messages ---- */

static size_t seal(struct side *s, uint8_t *at, const char *text, uint8_t flags)
{
    s->m->seal(s->h, at, (const uint8_t *)text, strlen(text), flags);
    return ZU_CURVE_MESSAGE + strlen(text);
}

static int open(struct side *s, const uint8_t *at, size_t size, char *text)
{
    uint8_t *copy = malloc(size ? size : 1), flags = 0;
    ssize_t rc;

    cr_assert_not_null(copy);
    memcpy(copy, at, size);
    s->why = 0;
    rc = s->m->open(s->h, copy, size, &flags, &s->why);
    if (rc >= 0) {
        cr_assert_eq((size_t)rc, size - ZU_CURVE_MESSAGE);
        memcpy(text, copy + ZU_CURVE_MESSAGE, size - ZU_CURVE_MESSAGE);
        text[size - ZU_CURVE_MESSAGE] = '\0';
        rc = flags;
    }
    free(copy);
    return (int)rc;
}

Test(curve, messages_go_both_ways)
{
    struct side client, server;
    uint8_t at[256];
    char text[256];

    meet(&client, &server);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(open(&server, at, seal(&client, at, "to", 1), text), 1);
        cr_assert_str_eq(text, "to");
        cr_assert_eq(open(&client, at, seal(&server, at, "", 2), text), 2);
        cr_assert_str_eq(text, "");
    }
    end(&client);
    end(&server);
}

Test(curve, a_message_is_heard_once_and_in_its_order)
{
    struct side client, server;
    uint8_t first[64], second[64], third[64];
    size_t size;
    char text[64];

    meet(&client, &server);
    size = seal(&client, first, "1", 0);
    seal(&client, second, "2", 0);
    seal(&client, third, "3", 0);
    cr_assert_eq(open(&server, first, size, text), 0);
    cr_assert_eq(open(&server, third, size, text), 0); /* gaps are in order */
    cr_assert_eq(open(&server, third, size, text), -EPROTO);
    cr_assert_eq(server.why, ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE);
    cr_assert_eq(open(&server, second, size, text), -EPROTO);
    cr_assert_eq(server.why, ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE);
    end(&client);
    end(&server);
}

/* A nonce that was not sealed with moves nothing: who has no key cannot silence who has. */
Test(curve, a_message_that_does_not_open_moves_no_nonce)
{
    struct side client, server;
    uint8_t at[64], forged[64];
    size_t size;
    char text[64];

    meet(&client, &server);
    size = seal(&client, at, "true", 0);
    memcpy(forged, at, size);
    memset(forged + 8, 0xff, 8);
    cr_assert_eq(open(&server, forged, size, text), -EPROTO);
    cr_assert_eq(server.why, ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
    cr_assert_eq(open(&server, at, size, text), 0);
    end(&client);
    end(&server);
}

/* Nobody's own words come back to him as the peer's. */
Test(curve, a_message_does_not_open_where_it_came_from)
{
    struct side client, server;
    uint8_t at[64];
    size_t size;
    char text[64];

    meet(&client, &server);
    size = seal(&client, at, "mine", 0);
    cr_assert_eq(open(&client, at, size, text), -EPROTO);
    cr_assert_eq(client.why, ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
    end(&client);
    end(&server);
}

Test(curve, a_message_that_is_cut_or_changed_is_refused)
{
    struct side client, server;
    uint8_t at[64], wrong[64];
    size_t size;
    char text[64];

    meet(&client, &server);
    size = seal(&client, at, "hello", 0);
    for (size_t cut = 0; cut < size; cut++) {
        cr_assert_eq(open(&server, at, cut, text), -EPROTO);
        cr_assert_neq(server.why, 0);
    }
    for (size_t i = 0; i < size; i++) {
        memcpy(wrong, at, size);
        wrong[i] ^= 0x40;
        cr_assert_eq(open(&server, wrong, size, text), -EPROTO, "byte %zu", i);
    }
    cr_assert_eq(open(&server, at, size, text), 0);
    end(&client);
    end(&server);
}

/* The one way to seal is the other, for every size that goes through a border of the cipher; of
 * what is elsewhere, and of what is there already. */
Test(curve, a_box_made_in_place_is_a_box)
{
    enum { MOST = 2200 };
    uint8_t key[32], narrow[32], nonce[ZU_BOX_NONCE], here[ZU_BOX_ROOM + MOST];
    uint8_t plain[MOST], box[ZU_BOX_TAG + MOST];

    cr_assert_eq(zu_box_ready(), 0);
    zu_box_random(key, sizeof key);
    zu_box_random(plain, sizeof plain);
    memcpy(nonce, "CurveZMQMESSAGEC", 16);
    zu_box_narrow(narrow, key, "CurveZMQMESSAGEC");
    for (size_t size = 1; size <= MOST; size++) {
        zu_box_random(nonce + 16, 8);
        zu_box_seal(box, plain, size, nonce, key);
        zu_box_seal_here(here, plain[0], plain + 1, size - 1, nonce + 16, narrow);
        cr_assert_eq(memcmp(here + ZU_BOX_ROOM - ZU_BOX_TAG, box, ZU_BOX_TAG + size), 0, "%zu",
                     size);
        memcpy(here + ZU_BOX_ROOM, plain, size);
        zu_box_seal_here(here, plain[0], here + ZU_BOX_ROOM + 1, size - 1, nonce + 16, narrow);
        cr_assert_eq(memcmp(here + ZU_BOX_ROOM - ZU_BOX_TAG, box, ZU_BOX_TAG + size), 0, "%zu",
                     size);
        cr_assert_eq(zu_box_open_here(here, size, nonce + 16, narrow), 0);
        cr_assert_eq(memcmp(here + ZU_BOX_ROOM, plain, size), 0, "%zu", size);
    }
}
