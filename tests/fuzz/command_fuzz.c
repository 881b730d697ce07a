/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command: the input is the body of a command frame. What stands behind the name is read in every
 * way there is, whatever the name; what was understood is written again and must come out as it
 * went in.
 */
#include "tests/fuzz/fuzz.h"

#include "engine/wire/command.h"

#include <errno.h>

static void check_inside(struct zu_reader all, const void *p, size_t size)
{
    const uint8_t *at = p;

    FUZZ_CHECK(at >= all.at && at <= all.end && size <= (size_t)(all.end - at));
}

/* Writers take exactly this room, and nothing when there is a byte less. */
#define CHECK_WRITES(bytes, size, call)                                                            \
    do {                                                                                           \
        uint8_t *out_ = malloc((size) + 1);                                                        \
        struct zu_writer w_ = zu_writer_of(out_, (size)), *out = &w_;                              \
        FUZZ_CHECK(call);                                                                          \
        FUZZ_CHECK(zu_room(out) == 0 && memcmp(out_, (bytes), (size)) == 0);                       \
        w_ = zu_writer_of(out_, (size)-1);                                                         \
        FUZZ_CHECK(!(call) && w_.at == out_);                                                      \
        free(out_);                                                                                \
    } while (0)

static void try_metadata(struct zu_reader rest)
{
    struct zu_reader block = rest;
    struct zu_property p = {0};
    char name[256];
    int rc;

    for (;;) {
        const uint8_t *from = block.at;

        rc = zu_metadata_next(&block, &p);
        if (rc != 1)
            break;
        FUZZ_CHECK((size_t)(block.at - from) == 1 + p.name_size + 4 + p.value_size);
        check_inside(rest, p.name, p.name_size);
        check_inside(rest, p.value, p.value_size);
        memcpy(name, p.name, p.name_size);
        name[p.name_size] = '\0';
        if (strlen(name) == p.name_size)
            CHECK_WRITES(from, (size_t)(block.at - from),
                         zu_metadata_write(out, name, p.value, p.value_size));
    }
    FUZZ_CHECK(rc == -EPROTO ? zu_left(&block) > 0 : rc == 0 && zu_left(&block) == 0);
}

static void try_ping(struct zu_reader rest)
{
    struct zu_ping p = {0};
    int rc = zu_ping_read(rest, &p);
    size_t size = zu_left(&rest);
    uint8_t pong[5 + ZU_PING_CONTEXT_MAX] = "\4PONG", ping[7] = "\4PING";

    FUZZ_CHECK(rc == (size < 2 ? -EPROTO : 0));
    if (rc < 0)
        return;
    FUZZ_CHECK(p.ttl_ms == ((uint32_t)rest.at[0] << 8 | rest.at[1]) * 100U);
    FUZZ_CHECK(p.context_size == ZU_MIN(size - 2, (size_t)ZU_PING_CONTEXT_MAX));
    check_inside(rest, p.context, p.context_size);
    if (p.context_size)
        memcpy(pong + 5, p.context, p.context_size);
    CHECK_WRITES(pong, 5 + p.context_size, zu_pong_write(out, p.context, size - 2));
    memcpy(ping + 5, rest.at, 2);
    CHECK_WRITES(ping, sizeof ping, zu_ping_write(out, (uint16_t)(p.ttl_ms / 100)));
}

static void try_error(struct zu_reader rest)
{
    const char *reason = NULL;
    size_t size = 0;
    int rc = zu_error_read(rest, &reason, &size);
    uint8_t body[6 + 1 + 255] = "\5ERROR";
    char text[256];

    FUZZ_CHECK(rc == (zu_left(&rest) == 0 || zu_left(&rest) - 1 < rest.at[0] ? -EPROTO : 0));
    if (rc < 0)
        return;
    FUZZ_CHECK(size == rest.at[0]);
    check_inside(rest, reason, size);
    memcpy(text, reason, size);
    text[size] = '\0';
    if (strlen(text) != size)
        return;
    memcpy(body + 6, rest.at, 1 + size);
    CHECK_WRITES(body, 7 + size, zu_error_write(out, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zu_reader body = zu_reader_of(data, size), rest = {NULL, NULL};
    enum zu_command_name name = ZU_COMMAND_UNKNOWN;
    int rc = zu_command_read(body, &name, &rest);

    FUZZ_CHECK(rc == (size == 0 || size - 1 < data[0] ? -EPROTO : 0));
    if (rc < 0) {
        FUZZ_CHECK(!rest.at);
        rest = body; /* not a command, but bytes all the same */
    } else {
        FUZZ_CHECK(rest.at == data + 1 + data[0] && rest.end == data + size);
        const char *text = zu_command_text(name);

        FUZZ_CHECK(name == ZU_COMMAND_UNKNOWN ? *text == '\0' : strlen(text) == data[0]);
        FUZZ_CHECK(memcmp(data + 1, text, strlen(text)) == 0);
        if (name != ZU_COMMAND_UNKNOWN)
            CHECK_WRITES(data, (size_t)1 + data[0], zu_command_begin(out, name));
    }
    try_metadata(rest);
    try_ping(rest);
    try_error(rest);
    return 0;
}
