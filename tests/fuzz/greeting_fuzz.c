/* SPDX-License-Identifier: Apache-2.0 */
/*
 * greeting: the input is what a peer sends. What comes of it must not depend on the packets it
 * comes in, and our answer must be a greeting that we ourselves understand.
 */
#include "tests/fuzz/fuzz.h"

#include "engine/wire/greeting.h"

#include <errno.h>

struct talk {
    struct zu_greeting g;
    uint8_t said[128];
    size_t said_size, taken;
    int rc;
};

static void start(struct talk *t)
{
    memset(t, 0, sizeof *t);
    struct zu_writer w = zu_writer_of(t->said, sizeof t->said);

    zu_greeting_start(&t->g, 6, "CURVE", 4, &w);
    t->said_size = (size_t)(w.at - t->said);
    t->rc = -EAGAIN;
}

static void hear(struct talk *t, const uint8_t *data, size_t size)
{
    uint8_t *copy = fuzz_copy(data, size);
    struct zu_reader in = zu_reader_of(copy, size);
    struct zu_writer w = zu_writer_of(t->said + t->said_size, sizeof t->said - t->said_size);

    t->rc = zu_greeting_feed(&t->g, &in, &w);
    t->said_size = (size_t)(w.at - t->said);
    t->taken += (size_t)(in.at - copy);
    FUZZ_CHECK(in.at >= copy && in.at <= copy + size);
    free(copy);
}

static void check_verdict(const struct talk *t, const uint8_t *data, size_t size)
{
    const struct zu_greeting *g = &t->g;

    FUZZ_CHECK(t->rc == 0 || t->rc == -EAGAIN);
    FUZZ_CHECK(t->taken <= size && t->taken == g->seen_size);
    FUZZ_CHECK(size == 0 || memcmp(g->seen, data, t->taken) == 0);
    FUZZ_CHECK(t->said_size == g->sent);
    if (t->rc == -EAGAIN) {
        FUZZ_CHECK(t->taken == size && g->wanted > size);
        return;
    }
    switch (g->version) {
    case ZU_ZWS_2_0: FUZZ_CHECK(!"no greeting leads there"); break;
    case ZU_ZMTP_1_0_BARE:
        FUZZ_CHECK(t->taken == (data[0] == 0xFF ? 10 : 1) && t->said_size == 10);
        break;
    case ZU_ZMTP_1_0:
    case ZU_ZMTP_2_0:
        FUZZ_CHECK(t->taken == 12 && t->said_size == 12);
        FUZZ_CHECK(data[10] == (g->version == ZU_ZMTP_2_0) && g->peer_socket_type == data[11]);
        break;
    case ZU_ZMTP_3_0:
    case ZU_ZMTP_3_1:
        FUZZ_CHECK(t->taken == 64 && t->said_size == 64);
        FUZZ_CHECK((data[10] == 3 && data[11] == 0) == (g->version == ZU_ZMTP_3_0));
        FUZZ_CHECK(memcmp(g->peer_mechanism, data + 12, ZU_MECHANISM_SIZE) == 0);
        break;
    }
}

/* What we say is understood by ourselves: a whole greeting as 3.1, the beginning of one as that. */
static void check_answer(const struct talk *t)
{
    struct talk echo;

    start(&echo);
    hear(&echo, t->said, t->said_size);
    FUZZ_CHECK(echo.taken == t->said_size);
    if (t->said_size < 64) {
        FUZZ_CHECK(echo.rc == -EAGAIN);
        return;
    }
    FUZZ_CHECK(echo.rc == 0 && echo.g.version == ZU_ZMTP_3_1);
    FUZZ_CHECK(memcmp(echo.g.peer_mechanism, t->g.mechanism, ZU_MECHANISM_SIZE) == 0);
}

static void check_same(const struct talk *a, const struct talk *b)
{
    FUZZ_CHECK(a->rc == b->rc && a->taken == b->taken && a->said_size == b->said_size);
    FUZZ_CHECK(memcmp(a->said, b->said, a->said_size) == 0);
    FUZZ_CHECK(memcmp(&a->g, &b->g, sizeof a->g) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct talk whole, bytes, cuts;
    uint32_t state = 0;

    start(&whole);
    hear(&whole, data, size);
    check_verdict(&whole, data, size);
    check_answer(&whole);

    start(&bytes);
    for (size_t at = 0; at < size && bytes.rc == -EAGAIN; at++)
        hear(&bytes, data + at, 1);
    check_same(&whole, &bytes);

    start(&cuts);
    for (size_t at = 0, n; at < size && cuts.rc == -EAGAIN; at += n) {
        n = fuzz_cut(&state, data + at, size - at);
        hear(&cuts, data + at, n);
    }
    check_same(&whole, &cuts);
    return 0;
}
