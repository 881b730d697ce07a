/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ws: the input is a stream of WebSocket frames. Read whole and read from a buffer that grows
 * packet by packet it is the same frames; a header that was read is written as it was, and a body
 * unmasked in pieces is what it is unmasked at once.
 */
#include "tests/fuzz/fuzz.h"

#include "engine/wire/ws.h"

#include <errno.h>

struct stream {
    size_t at;       /* first byte not taken */
    uint64_t skip;   /* of the body under way, not yet here */
    unsigned frames; /* how many headers */
    uint32_t digest; /* of what they say, and where */
    int rc;          /* what the last read answered */
};

static void check_header(const struct zu_ws_head *h, const uint8_t *bytes, size_t size)
{
    uint8_t again[ZU_WS_HEADER_MAX];

    FUZZ_CHECK(h->size <= INT64_MAX);
    FUZZ_CHECK(!zu_ws_is_control(h) || (h->last && h->size <= ZU_WS_CONTROL_MAX));
    FUZZ_CHECK(zu_ws_write(again, h) == size && memcmp(again, bytes, size) == 0);
}

static void check_mask(const struct zu_ws_head *h, const uint8_t *body, size_t size)
{
    uint8_t *whole = fuzz_copy(body, size), *cuts = fuzz_copy(body, size);
    uint32_t state = 0;

    zu_ws_mask(whole, size, h->mask, 0);
    for (size_t at = 0, n; at < size; at += n) {
        n = fuzz_cut(&state, body + at, size - at);
        zu_ws_mask(cuts + at, n, h->mask, at);
    }
    FUZZ_CHECK(size == 0 || memcmp(whole, cuts, size) == 0);
    zu_ws_mask(whole, size, h->mask, 0);
    FUZZ_CHECK(size == 0 || memcmp(whole, body, size) == 0);
    free(whole);
    free(cuts);
}

/* Reads on in a stream of which `size` bytes have come. */
static void read_on(struct stream *s, const uint8_t *data, size_t size)
{
    for (;;) {
        size_t here = size - s->at < s->skip ? size - s->at : (size_t)s->skip, taken;
        struct zu_ws_head h = {.size = UINT64_MAX};

        s->at += here;
        s->skip -= here;
        if (s->skip > 0)
            return;
        uint8_t *copy = fuzz_copy(data + s->at, size - s->at);
        struct zu_reader in = zu_reader_of(copy, size - s->at);

        s->rc = zu_ws_read(&in, &h);
        taken = (size_t)(in.at - copy);
        if (s->rc == 0) {
            check_header(&h, copy, taken);
            check_mask(&h, in.at, h.size < zu_left(&in) ? (size_t)h.size : zu_left(&in));
        }
        free(copy);
        if (s->rc < 0) {
            FUZZ_CHECK(s->rc == -EPROTO || (s->rc == -EAGAIN && size - s->at < ZU_WS_HEADER_MAX));
            FUZZ_CHECK(taken == 0 && h.size == UINT64_MAX);
            return;
        }
        s->digest = (s->digest ^ (uint32_t)h.size ^ h.opcode ^ (uint32_t)s->at) * 0x9e3779b1U;
        s->at += taken;
        s->skip = h.size;
        s->frames++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stream whole = {0}, cuts = {0};
    uint32_t state = 0;

    read_on(&whole, data, size);
    read_on(&cuts, data, 0);
    for (size_t n, come = 0; come < size && cuts.rc != -EPROTO; come += n) {
        n = fuzz_cut(&state, data + come, size - come);
        read_on(&cuts, data, come + n);
    }
    FUZZ_CHECK(whole.at == cuts.at && whole.skip == cuts.skip && whole.rc == cuts.rc);
    FUZZ_CHECK(whole.frames == cuts.frames && whole.digest == cuts.digest);
    return 0;
}
