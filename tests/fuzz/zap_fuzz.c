/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zap: the input is a ZAP handler's reply: parts, each behind a byte that says how long it is. What
 * is let through has the form that it must have, and is borrowed from the input.
 */
#include "tests/fuzz/fuzz.h"

#include "engine/wire/command.h"
#include "engine/wire/zap.h"
#include "include/zmq.h"

enum { PARTS_MAX = 16 };

static void check_inside(struct zu_reader all, struct zu_reader part)
{
    FUZZ_CHECK(part.at >= all.at && part.end <= all.end && part.at <= part.end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = fuzz_copy(data, size);
    struct zu_reader all = zu_reader_of(copy, size), in = all, parts[PARTS_MAX];
    struct zu_zap_reply reply = {.status = 0};
    struct zu_property p;
    size_t count = 0;
    const uint8_t *at;
    uint8_t n;
    uint32_t why;

    while (count < PARTS_MAX && zu_read_u8(&in, &n)) {
        n = (uint8_t)ZU_MIN((size_t)n, zu_left(&in));
        zu_read_bytes(&in, &at, n);
        parts[count++] = zu_reader_of(at, n);
    }
    why = zu_zap_read(parts, count, &reply);
    FUZZ_CHECK((why == ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY) == (count != ZU_ZAP_REPLY_PARTS));
    FUZZ_CHECK(why == 0 || (why >= ZMQ_PROTOCOL_ERROR_ZAP_UNSPECIFIED &&
                            why <= ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA));
    if (why == 0) {
        FUZZ_CHECK(reply.status >= 200 && reply.status <= 500 && reply.status % 100 == 0);
        check_inside(all, reply.user_id);
        check_inside(all, reply.metadata);
        while (zu_metadata_next(&reply.metadata, &p) == 1)
            ;
        FUZZ_CHECK(zu_left(&reply.metadata) == 0);
    }
    free(copy);
    return 0;
}
