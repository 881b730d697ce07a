/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gssapi: the input is a peer of GSSAPI; its first byte says which of the roles is ours, and
 * whether all is wrapped. See mechanism.h for the rest. Kerberos is played here, by the token's or
 * the wrapped text's first byte, so that whatever the library may answer is met: the functions of
 * gss.h are these, not those of gss.c.
 */
#include "tests/fuzz/mechanism.h"

#include "engine/base/alloc.h"
#include "engine/security/gss.h"
#include "engine/security/mechanisms.h"
#include "include/zmq.h"

struct zu_gss {
    uint8_t token[300];
    size_t size;
    unsigned steps;
};

int zu_gss_new(struct zu_gss **out, const struct zu_kerberos *names, bool server, bool wraps)
{
    FUZZ_CHECK(strcmp(names->principal.bytes, "me") == 0);
    (void)server, (void)wraps;
    *out = zu_alloc_zero(sizeof **out);
    return *out ? 0 : -ENOMEM;
}

void zu_gss_free(struct zu_gss *g)
{
    zu_free(g);
}

/* 0x80: that is all; 0x40, 0x20: it fails; else: as many bytes are to be said as the rest tells. A
 * client begins by itself. */
int zu_gss_step(struct zu_gss *g, const void *token, size_t size)
{
    uint8_t what = size ? *(const uint8_t *)token : 0;

    FUZZ_CHECK(token || (g->steps == 0 && size == 0));
    free(fuzz_copy(token ? token : "", size));
    g->steps++;
    g->size = (size_t)(what & 0x1f) * 9;
    if (what & 0x60)
        return what & 0x40 ? -EPROTO : -EACCES;
    return what >> 7;
}

const void *zu_gss_token(const struct zu_gss *g, size_t *size)
{
    *size = g->size;
    return g->token;
}

const char *zu_gss_client(const struct zu_gss *g)
{
    FUZZ_CHECK(g->steps > 0);
    return "client";
}

int zu_gss_wrap(struct zu_gss *g, uint8_t *at, const void *text, size_t size, size_t *wrapped)
{
    (void)g;
    memmove(at, text, size);
    memset(at + size, 0, ZU_GSS_WRAP_MAX);
    *wrapped = size + ZU_GSS_WRAP_MAX;
    return 0;
}

/* The first byte says how many of the others are text; more than there are: it is refused. */
int zu_gss_unwrap(struct zu_gss *g, uint8_t *at, size_t *size)
{
    (void)g;
    if (*size == 0 || at[0] > *size - 1)
        return -EPROTO;
    memmove(at + *size - at[0], at + 1, at[0]);
    *size = at[0];
    return 0;
}

/* After the handshake: what goes is as well formed as what a peer says. */
static void traffic(const struct zu_mechanism *m, struct zu_handshake *h, struct zu_reader *in)
{
    const uint8_t *at;
    uint8_t n, flags = 0;
    uint32_t why = 0;

    while (zu_read_u8(in, &n)) {
        uint8_t *copy, room[512];
        ssize_t inside, sealed;

        n = (uint8_t)ZU_MIN((size_t)n, zu_left(in));
        zu_read_bytes(in, &at, n);
        copy = fuzz_copy(at, n);
        inside = m->open(h, copy, n, &flags, &why);
        FUZZ_CHECK(inside <= n && (inside >= 0 || (inside == -EPROTO && why)));
        FUZZ_CHECK(inside < 0 || !(flags & ~(ZU_MSG_MORE | ZU_MSG_COMMAND)));
        free(copy);
        sealed = m->seal(h, room, at, n, flags);
        FUZZ_CHECK(sealed > 0 && (size_t)sealed <= m->seal_head + n + m->seal_tail);
        if (inside < 0)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zu_options *o = zu_options_new(ZMQ_DEALER);
    struct zu_handshake_terms terms = {o, "DEALER", true};

    FUZZ_CHECK(o);
    if (size > 0) {
        zu_options_set(&o, ZMQ_GSSAPI_PRINCIPAL, "me", 2);
        zu_options_set(&o, ZMQ_GSSAPI_SERVICE_PRINCIPAL, "you", 3);
        zu_options_set(&o, ZMQ_GSSAPI_SERVER, &(int){data[0] & 1}, sizeof(int));
        zu_options_set(&o, ZMQ_GSSAPI_PLAINTEXT, &(int){data[0] >> 1 & 1}, sizeof(int));
        terms.options = o;
        fuzz_mechanism(&zu_mechanism_gssapi, &terms, data + 1, size - 1,
                       data[0] & 2 ? NULL : traffic);
    }
    zu_options_drop(o);
    return 0;
}
