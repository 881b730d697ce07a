/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames: the property that both framings share. A stream of frames is read whole and read from a
 * buffer that grows packet by packet; both must find the same frames.
 */
#ifndef ZU_TESTS_FUZZ_FRAMES_H
#define ZU_TESTS_FUZZ_FRAMES_H

#include "tests/fuzz/fuzz.h"

#include "engine/wire/frame.h"

#include <errno.h>

typedef int frame_reader(struct zu_reader *in, struct zu_frame *f);
typedef size_t frame_writer(uint8_t *out, const struct zu_frame *f);

struct frame_stream {
    frame_reader *read;
    frame_writer *write;
    size_t at;       /* first byte not taken */
    uint64_t skip;   /* of the body under way, not yet here */
    unsigned frames; /* how many headers */
    uint32_t digest; /* of sizes, flags and places */
    int rc;          /* what the last read answered */
};

/* The canonical header of a frame that was read: read again it is the same, and never longer. */
static inline void check_canonical(const struct frame_stream *s, const struct zu_frame *f,
                                   size_t header_size)
{
    uint8_t *header = malloc(ZU_FRAME_HEADER_MAX);
    struct zu_frame again;

    FUZZ_CHECK(header);
    size_t n = s->write(header, f);
    FUZZ_CHECK(n <= header_size && n <= ZU_FRAME_HEADER_MAX);
    struct zu_reader in = zu_reader_of(header, n);

    FUZZ_CHECK(s->read(&in, &again) == 0 && zu_left(&in) == 0);
    FUZZ_CHECK(again.size == f->size && again.flags == f->flags);
    free(header);
}

/* Reads on in a stream of which `size` bytes have come. */
static inline void read_frames(struct frame_stream *s, const uint8_t *data, size_t size)
{
    for (;;) {
        size_t here = size - s->at < s->skip ? size - s->at : (size_t)s->skip;
        struct zu_frame f = {UINT64_MAX, 0xFF};

        s->at += here;
        s->skip -= here;
        if (s->skip > 0)
            return;
        uint8_t *copy = fuzz_copy(data + s->at, size - s->at);
        struct zu_reader in = zu_reader_of(copy, size - s->at);

        s->rc = s->read(&in, &f);
        size_t header_size = (size_t)(in.at - copy);
        free(copy);
        if (s->rc < 0) {
            FUZZ_CHECK(s->rc == -EAGAIN || s->rc == -EPROTO);
            FUZZ_CHECK(header_size == 0 && f.size == UINT64_MAX && f.flags == 0xFF);
            FUZZ_CHECK(s->rc == -EPROTO || size - s->at < ZU_FRAME_HEADER_MAX);
            return;
        }
        FUZZ_CHECK(header_size >= 2 && header_size <= ZU_FRAME_HEADER_MAX);
        FUZZ_CHECK(f.size <= INT64_MAX && !(f.flags & ~(ZU_FRAME_MORE | ZU_FRAME_COMMAND)));
        check_canonical(s, &f, header_size);
        s->digest = (s->digest ^ (uint32_t)(f.size >> 32) ^ (uint32_t)f.size ^
                     (uint32_t)f.flags << 24 ^ (uint32_t)s->at) *
                    0x9e3779b1U;
        s->at += header_size;
        s->skip = f.size;
        s->frames++;
    }
}

static inline void check_stream(frame_reader *read, frame_writer *write, const uint8_t *data,
                                size_t size)
{
    struct frame_stream whole = {.read = read, .write = write};
    struct frame_stream cuts = whole;
    uint32_t state = 0;

    read_frames(&whole, data, size);
    read_frames(&cuts, data, 0);
    for (size_t n, come = 0; come < size && cuts.rc != -EPROTO; come += n) {
        n = fuzz_cut(&state, data + come, size - come);
        read_frames(&cuts, data, come + n);
    }
    FUZZ_CHECK(whole.at == cuts.at && whole.skip == cuts.skip && whole.rc == cuts.rc);
    FUZZ_CHECK(whole.frames == cuts.frames && whole.digest == cuts.digest);
}

#endif
