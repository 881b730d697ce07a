/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socks: the input is what a proxy says. Each way of asking it meets the whole input in one piece
 * and in packets, which must come to the same.
 */
#include "tests/fuzz/fuzz.h"

#include "transports/socks.h"

#include <errno.h>

static const struct {
    const char *host, *user, *pass;
} asks[] = {
    {"example.org", NULL, NULL},
    {"127.0.0.1", "user", "secret"},
    {"::1", "user", NULL},
};

struct dialogue {
    struct zu_socks s;
    uint8_t said[ZU_SOCKS_OUT_MAX];
    size_t said_size, taken;
    int rc;
};

static void start(struct dialogue *d, size_t ask)
{
    memset(d, 0, sizeof *d);
    struct zu_writer w = zu_writer_of(d->said, sizeof d->said);

    FUZZ_CHECK(zu_socks_start(&d->s, asks[ask].host, 5555, asks[ask].user, asks[ask].pass, &w) ==
               0);
    d->said_size = (size_t)(w.at - d->said);
    d->rc = -EAGAIN;
}

static void hear(struct dialogue *d, const uint8_t *data, size_t size)
{
    uint8_t *copy = fuzz_copy(data, size);
    struct zu_reader in = zu_reader_of(copy, size);
    struct zu_writer w = zu_writer_of(d->said + d->said_size, sizeof d->said - d->said_size);

    d->rc = zu_socks_feed(&d->s, &in, &w);
    FUZZ_CHECK(in.at >= copy && in.at <= copy + size);
    FUZZ_CHECK(d->rc != -EAGAIN || in.at == copy + size);
    d->said_size = (size_t)(w.at - d->said);
    d->taken += (size_t)(in.at - copy);
    free(copy);
}

/* What is over stays over, and takes and says nothing more. */
static void check_over(struct dialogue *d, const uint8_t *data, size_t size)
{
    struct dialogue before = *d;

    hear(d, data, size);
    FUZZ_CHECK(before.rc == 0 ? d->rc == 0 : d->rc < 0 && d->rc != -EAGAIN);
    FUZZ_CHECK(d->taken == before.taken && d->said_size == before.said_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t ask = 0; ask < zu_array_len(asks); ask++) {
        struct dialogue whole, cuts;
        uint32_t state = 0;

        start(&whole, ask);
        hear(&whole, data, size);
        FUZZ_CHECK(whole.rc == 0 || whole.rc == -EAGAIN || whole.rc == -ECONNREFUSED ||
                   whole.rc == -EPROTO);
        start(&cuts, ask);
        for (size_t at = 0, n; at < size && cuts.rc == -EAGAIN; at += n) {
            n = fuzz_cut(&state, data + at, size - at);
            hear(&cuts, data + at, n);
        }
        FUZZ_CHECK(whole.rc == cuts.rc && whole.taken == cuts.taken);
        FUZZ_CHECK(whole.said_size == cuts.said_size);
        FUZZ_CHECK(memcmp(whole.said, cuts.said, whole.said_size) == 0);
        if (whole.rc != -EAGAIN)
            check_over(&whole, data, size);
    }
    return 0;
}
