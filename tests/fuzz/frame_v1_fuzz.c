/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame_v1: the input is a stream of version 1 frames.
 */
#include "tests/fuzz/frames.h"

static size_t write_v1(uint8_t *out, const struct zu_frame *f)
{
    FUZZ_CHECK(!(f->flags & ZU_FRAME_COMMAND)); /* version 1 has none */
    return zu_frame_write_v1(out, f->size, f->flags & ZU_FRAME_MORE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_stream(zu_frame_read_v1, write_v1, data, size);
    return 0;
}
