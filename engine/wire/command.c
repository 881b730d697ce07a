/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command: one list has every name, in the enum's order. Readers look at a copy and give out what
 * they found by their last lines; writers ask for all the room first, so that a body is written
 * whole or not at all.
 */
#include "engine/wire/command.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *text;
    uint8_t size;
} names[] = {
#define NAME(n) [ZU_COMMAND_##n] = {#n, sizeof #n - 1}
    [ZU_COMMAND_UNKNOWN] = {"", 0},
    NAME(READY),
    NAME(ERROR),
    NAME(SUBSCRIBE),
    NAME(CANCEL),
    NAME(PING),
    NAME(PONG),
    NAME(JOIN),
    NAME(LEAVE),
    NAME(HELLO),
    NAME(WELCOME),
    NAME(INITIATE),
    NAME(MESSAGE),
#undef NAME
};

int zu_command_read(struct zu_reader body, enum zu_command_name *name, struct zu_reader *rest)
{
    const uint8_t *text;
    uint8_t size;

    if (!zu_read_u8(&body, &size) || !zu_read_bytes(&body, &text, size))
        return -EPROTO;
    *name = ZU_COMMAND_UNKNOWN;
    for (size_t i = ZU_COMMAND_UNKNOWN + 1; i < zu_array_len(names); i++)
        if (names[i].size == size && memcmp(names[i].text, text, size) == 0)
            *name = (enum zu_command_name)i;
    *rest = body;
    return 0;
}

int zu_metadata_next(struct zu_reader *block, struct zu_property *p)
{
    struct zu_reader at = *block;
    const uint8_t *name, *value;
    uint8_t name_size;
    uint64_t value_size;

    if (!zu_read_u8(&at, &name_size))
        return 0;
    if (!zu_read_bytes(&at, &name, name_size) || !zu_read_be(&at, &value_size, 4) ||
        !zu_read_bytes(&at, &value, (size_t)value_size))
        return -EPROTO;
    *p = (struct zu_property){(const char *)name, name_size, value, (size_t)value_size};
    *block = at;
    return 1;
}

bool zu_metadata_write(struct zu_writer *out, const char *name, const void *value, size_t size)
{
    size_t name_size = strlen(name), room = zu_room(out);

    if (name_size > UINT8_MAX || size > UINT32_MAX)
        return false;
    if (room < 1 + name_size + 4 || room - (1 + name_size + 4) < size)
        return false;
    zu_write_u8(out, (uint8_t)name_size);
    zu_write_bytes(out, name, name_size);
    zu_write_be(out, size, 4);
    zu_write_bytes(out, value, size);
    return true;
}

bool zu_command_begin(struct zu_writer *out, enum zu_command_name name)
{
    if (zu_bug((size_t)name >= zu_array_len(names) || name == ZU_COMMAND_UNKNOWN))
        return false;
    if (zu_room(out) < 1 + (size_t)names[name].size)
        return false;
    zu_write_u8(out, names[name].size);
    zu_write_bytes(out, names[name].text, names[name].size);
    return true;
}

const char *zu_command_text(enum zu_command_name name)
{
    return (size_t)name < zu_array_len(names) ? names[name].text : "";
}

int zu_ping_read(struct zu_reader rest, struct zu_ping *p)
{
    uint64_t tenths;

    if (!zu_read_be(&rest, &tenths, 2))
        return -EPROTO;
    p->ttl_ms = (uint32_t)tenths * 100; /* 65535 tenths need 23 bits */
    p->context = rest.at;
    p->context_size = ZU_MIN(zu_left(&rest), (size_t)ZU_PING_CONTEXT_MAX);
    return 0;
}

bool zu_ping_write(struct zu_writer *out, uint16_t ttl_tenths)
{
    struct zu_writer w = *out;

    if (!zu_command_begin(&w, ZU_COMMAND_PING) || !zu_write_be(&w, ttl_tenths, 2))
        return false;
    *out = w;
    return true;
}

bool zu_pong_write(struct zu_writer *out, const uint8_t *context, size_t size)
{
    struct zu_writer w = *out;

    if (!zu_command_begin(&w, ZU_COMMAND_PONG) ||
        !zu_write_bytes(&w, context, ZU_MIN(size, (size_t)ZU_PING_CONTEXT_MAX)))
        return false;
    *out = w;
    return true;
}

int zu_error_read(struct zu_reader rest, const char **reason, size_t *size)
{
    const uint8_t *text;
    uint8_t n;

    if (!zu_read_u8(&rest, &n) || !zu_read_bytes(&rest, &text, n))
        return -EPROTO;
    *reason = (const char *)text;
    *size = n;
    return 0;
}

bool zu_error_write(struct zu_writer *out, const char *reason)
{
    struct zu_writer w = *out;
    size_t size = strlen(reason);

    if (size > UINT8_MAX || !zu_command_begin(&w, ZU_COMMAND_ERROR) ||
        !zu_write_u8(&w, (uint8_t)size) || !zu_write_bytes(&w, reason, size))
        return false;
    *out = w;
    return true;
}
