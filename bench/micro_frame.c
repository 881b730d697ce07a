/* SPDX-License-Identifier: Apache-2.0 */
/* micro_frame: twin of engine/wire/frame: what a header costs, written and read. */
#include "bench/gbench.h"
#include "engine/wire/frame.h"

enum { BATCH = 256 };

static void frame_write(struct gbench *g)
{
    uint64_t size = (uint64_t)gbench_arg(g);
    uint8_t out[ZU_FRAME_HEADER_MAX];

    while (gbench_next(g, BATCH)) {
        for (int i = 0; i < BATCH; i++) {
            zu_frame_write_v2(out, size, 0);
            gbench_keep(out);
        }
    }
}

/* A stream of headers without bodies, as the session's loop over a receive sees them. */
static void frame_read(struct gbench *g)
{
    uint8_t stream[BATCH * ZU_FRAME_HEADER_MAX];
    size_t size = 0;
    struct zu_frame f;

    for (int i = 0; i < BATCH; i++)
        size += zu_frame_write_v2(stream + size, (uint64_t)gbench_arg(g), 0);
    while (gbench_next(g, BATCH)) {
        struct zu_reader in = zu_reader_of(stream, size);

        while (zu_left(&in)) {
            if (zu_frame_read_v2(&in, &f)) {
                gbench_fail(g, "a header was refused");
                return;
            }
            gbench_keep(&f);
        }
    }
}

int main(int argc, char **argv)
{
    static const int64_t sizes[] = {16, 255, 256, 1 << 20};

    gbench_add_args("frame_write", frame_write, sizes, 4);
    gbench_add_args("frame_read", frame_read, sizes, 4);
    return gbench_main(argc, argv);
}
