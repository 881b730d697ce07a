/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command: the bodies of command frames, to structs and back; and the metadata of a handshake.
 * What is read is borrowed from the bytes that were given. No I/O, no allocation (wire spec, 4, 11,
 * 12).
 */
#ifndef ZU_WIRE_COMMAND_H
#define ZU_WIRE_COMMAND_H

#include "engine/base/bytes.h"
#include "engine/wire/zmtp.h"

enum zu_command_name {
    ZU_COMMAND_UNKNOWN,
    ZU_COMMAND_READY,
    ZU_COMMAND_ERROR,
    ZU_COMMAND_SUBSCRIBE,
    ZU_COMMAND_CANCEL,
    ZU_COMMAND_PING,
    ZU_COMMAND_PONG,
    ZU_COMMAND_JOIN,
    ZU_COMMAND_LEAVE,
    ZU_COMMAND_HELLO,
    ZU_COMMAND_WELCOME,
    ZU_COMMAND_INITIATE,
    ZU_COMMAND_MESSAGE,
};

/*
 * Which command a body is; *rest is what stands behind the name. -EPROTO: empty, or shorter than
 * its name. Names are compared whole and with their case; all others are ZU_COMMAND_UNKNOWN.
 */
int zu_command_read(struct zu_reader body, enum zu_command_name *name, struct zu_reader *rest);

/* One property of a metadata block, borrowed. */
struct zu_property {
    const char *name; /* not terminated */
    size_t name_size;
    const uint8_t *value;
    size_t value_size;
};

/* 1: *p is the next property. 0: the block is over. -EPROTO: malformed. */
int zu_metadata_next(struct zu_reader *block, struct zu_property *p);

/* Appends one property; false: no room. */
bool zu_metadata_write(struct zu_writer *out, const char *name, const void *value, size_t size);

/* Appends name byte count and name, as every command body begins; false: no room. */
bool zu_command_begin(struct zu_writer *out, enum zu_command_name name);
const char *zu_command_text(enum zu_command_name name);

/* The body of PING behind its name: -EPROTO when it is short. The context is cut at 16 bytes. */
struct zu_ping {
    uint32_t ttl_ms;
    const uint8_t *context;
    size_t context_size;
};
int zu_ping_read(struct zu_reader rest, struct zu_ping *p);
bool zu_ping_write(struct zu_writer *out, uint16_t ttl_tenths);                 /* the whole body */
bool zu_pong_write(struct zu_writer *out, const uint8_t *context, size_t size); /* the whole body */

/* The reason of ERROR, borrowed. -EPROTO: malformed. */
int zu_error_read(struct zu_reader rest, const char **reason, size_t *size);
bool zu_error_write(struct zu_writer *out, const char *reason);

#endif
