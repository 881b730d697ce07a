/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame_v2: the input is a stream of version 2 frames.
 */
#include "tests/fuzz/frames.h"

static size_t write_v2(uint8_t *out, const struct zu_frame *f)
{
    return zu_frame_write_v2(out, f->size, f->flags);
}

/* The short way in the header and the long way agree. */
static int read_v2(struct zu_reader *in, struct zu_frame *f)
{
    struct zu_reader other_in = *in;
    struct zu_frame other = *f;
    int rc = zu_frame_read_v2(in, f);

    FUZZ_CHECK(zu_frame_read_v2_rare(&other_in, &other) == rc);
    FUZZ_CHECK(other_in.at == in->at && other.size == f->size && other.flags == f->flags);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_stream(read_v2, write_v2, data, size);
    return 0;
}
