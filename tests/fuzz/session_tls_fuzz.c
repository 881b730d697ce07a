/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_tls: the input is a peer of a connection in TLS. Its first byte chooses the type of our
 * socket, who has dialed, and what the rest is, until the peer hangs up:
 *     0  all he says, from the first byte of a TLS handshake on
 *     1  after a true handshake, which a true TLS of his does, what he says beside it
 *     2  what he says within TLS, from the first byte of ZMTP's greeting on
 * In 0 and 1 nothing can come through, as he has no keys.
 */
#include "tests/fuzz/session.h"

#include "include/zuring.h"
#include "tests/support/certs.h"
#include "transports/openssl.h"
#include "transports/tls_tunnel.h"

enum { TYPES = ZMQ_XSUB + 1, STAGES = 3, SHAKES_MAX = 20 };
enum stage { STRANGE, BESIDE, WITHIN };

struct way {
    int type;
    bool dials; /* our socket does */
    enum stage stage;
};

struct peer {
    struct zu_openssl *tls;
    struct zu_openssl_wire wire;
    size_t heard; /* of what the session has said */
};

/* Who both sides are. Of all that a connection needs, making this takes the longest by far; it is
 * made once, prepared for both, and changes no more. */
static const struct zu_options *identity(void)
{
    static const int yes = 1;
    static struct zu_options *o;
    const char *key = test_key(TEST_SERVER), *cert = test_cert(TEST_SERVER);

    if (o)
        return o;
    FUZZ_CHECK((o = zu_options_new(ZMQ_PAIR)) != NULL);
    FUZZ_CHECK(zu_options_set(&o, ZURING_TLS_KEY_PEM, key, strlen(key)) == 0);
    FUZZ_CHECK(zu_options_set(&o, ZURING_TLS_CERT_PEM, cert, strlen(cert)) == 0);
    FUZZ_CHECK(zu_options_set(&o, ZURING_TLS_INSECURE, &yes, sizeof yes) == 0);
    FUZZ_CHECK(zu_openssl_prepare(o, true) == 0);
    FUZZ_CHECK(zu_openssl_prepare(o, false) == 0);
    return o;
}

static void open_peer(struct peer *p, bool accepts)
{
    memset(p, 0, sizeof *p);
    FUZZ_CHECK(zu_openssl_new(&p->tls, &p->wire, identity(), accepts, "peer") == 0);
}

static void close_peer(struct peer *p)
{
    zu_openssl_free(p->tls);
    zu_openssl_release(&p->wire);
}

/* What TLS has for the session, on a copy: to hear it the session must run. */
static size_t take_records(struct peer *p, uint8_t **out)
{
    size_t size = p->wire.filled;

    *out = fuzz_copy(p->wire.out, size);
    zu_openssl_release(&p->wire);
    return size;
}

static void shake(struct rig *r, struct peer *p)
{
    int rc = -EAGAIN;

    for (int i = 0; rc == -EAGAIN; i++) {
        uint8_t *records;
        size_t size;

        FUZZ_CHECK(i < SHAKES_MAX);
        if (r->said)
            p->wire.in = zu_reader_of(r->said + p->heard, r->said_size - p->heard);
        rc = zu_openssl_shake(p->tls);
        p->heard = r->said_size - zu_left(&p->wire.in);
        size = take_records(p, &records);
        FUZZ_CHECK(rig_say(r, records, size, SIZE_MAX) == size);
        free(records);
        rig_settle(r);
        rig_hear_all(r);
    }
    FUZZ_CHECK(rc == 0);
}

/* The input as one record or as many. */
static size_t seal(struct peer *p, const uint8_t *data, size_t size, bool cut, uint8_t **out)
{
    uint32_t state = 0;

    for (size_t at = 0, n; at < size; at += n) {
        n = cut ? fuzz_cut(&state, data + at, size - at)
                : ZU_MIN(size - at, (size_t)ZU_OPENSSL_RECORD);
        FUZZ_CHECK(zu_openssl_write(p->tls, data + at, n) == 0);
    }
    return take_records(p, out);
}

static struct outcome be_met(struct way w, const uint8_t *data, size_t size, bool cut)
{
    struct peer p = {.heard = 0};
    struct outcome o;
    struct rig r;
    uint8_t *said;

    open_session(&r, w.type);
    zu_options_share_tls(r.s->options, identity());
    r.tunnel = &zu_tls_tunnel;
    r.prepare = zu_openssl_prepare;
    if (w.dials) {
        rig_dial(&r);
        rig_connect(&r);
        rig_hear_all(&r);
    } else {
        rig_bind(&r);
        rig_accept(&r);
    }
    if (w.stage != STRANGE) {
        open_peer(&p, w.dials);
        shake(&r, &p);
    }
    if (w.stage == WITHIN) {
        size = seal(&p, data, size, cut, &said);
        o = meet(&r, w.type, said, size, false);
        free(said);
    } else {
        o = meet(&r, w.type, data, size, cut);
        FUZZ_CHECK(o.messages == 0 && !strstr(r.events, "HANDSHAKE_SUCCEEDED"));
    }
    if (w.stage != STRANGE)
        close_peer(&p);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct way w = {data[0] % TYPES, data[0] / TYPES % 2, data[0] / TYPES / 2 % STAGES};
    struct outcome whole = be_met(w, data + 1, size - 1, false);
    struct outcome cuts = be_met(w, data + 1, size - 1, true);

    if (!takes_turns(w.type))
        check_same(w.type, &whole, &cuts, false);
    return 0;
}
