/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msg: one message part, 64 bytes, the inside of a zmq_msg_t. A body of up to 33 bytes lies in the
 * struct itself; a larger one is somewhere else and counted, so that copies share it.
 * Thread: one at a time for a message; copies that share a body may be anywhere.
 * Owner: whoever holds the struct. A message may be moved by copying its 64 bytes and forgetting
 * the old ones: nothing in it points at itself.
 */
#ifndef ZU_CORE_MSG_H
#define ZU_CORE_MSG_H

#include "engine/base/base.h"
#include "engine/base/block.h"
#include "engine/base/slab.h"
#include "include/zmq.h"

#include <endian.h>
#include <limits.h>
#include <string.h>

#define ZU_MSG_INLINE_MAX 33

/* Kinds double as the mark of a valid message: a zeroed or closed struct has none of them. */
enum zu_msg_kind {
    ZU_MSG_CLOSED = 0,
    ZU_MSG_INLINE = 101, /* body in the struct */
    ZU_MSG_BODY = 102,   /* header and body in one allocation, counted */
    ZU_MSG_LENT = 103,   /* the caller's memory, given back by his function, counted */
    ZU_MSG_CONST = 104,  /* the caller's memory, there for ever */
    ZU_MSG_SLICE = 105,  /* a piece of a receive block, which is counted */
};

enum zu_msg_flag {
    ZU_MSG_MORE = 0x01,      /* further parts follow */
    ZU_MSG_COMMAND = 0x02,   /* a ZMTP command other than the two below; body as on the wire */
    ZU_MSG_ID = 0x04,        /* a peer's routing id, the first item of a pipe; not counted */
    ZU_MSG_SUBSCRIBE = 0x08, /* body: the topic, without a leading byte */
    ZU_MSG_CANCEL = 0x10,
    ZU_MSG_UNCOUNTED = 0x20, /* in a pipe: does not count against its water marks */
    ZU_MSG_TAP = 0x40,       /* in a pipe: no message, but where messages are: see log.h */
    ZU_MSG_SHARED = 0x80,    /* what ZMQ_SHARED answers: has been copied */
};

struct zu_props;

struct zu_msg {
    union { /* two views of one layout: the body lies in it, or `big` says where it is */
        struct {
            struct zu_props *props; /* of the connection it came by; counted; or NULL */
            uint8_t small[ZU_MSG_INLINE_MAX];
            uint8_t small_size;
            uint8_t kind;
            uint8_t flags;
            uint32_t routing_id;
            char group[16];
        };
        struct {
            struct zu_props *same_props;
            struct {
                uint8_t *data;
                size_t size;
                void *owner; /* struct zu_body, zu_lent or zu_block, by kind */
            } big;
        };
    };
};

static_assert(sizeof(struct zu_msg) == sizeof(zmq_msg_t), "zmq_msg_t is 64 bytes");
static_assert(offsetof(struct zu_msg, small) == 8 && offsetof(struct zu_msg, kind) == 42,
              "applications have seen the inline body at 8");

/*
 * A message is written in pieces and copied soon after. A load that wants the bytes of several
 * stores that are not in the cache yet has to wait for them, a dozen nanoseconds a message. So what
 * stands behind the body is written as one word of 8 bytes, its *tail*, and a message is copied in
 * words: each of them comes from one store.
 */
#define ZU_MSG_TAIL_AT 40

static_assert(offsetof(struct zu_msg, small_size) == ZU_MSG_TAIL_AT + 1 &&
                  offsetof(struct zu_msg, routing_id) == ZU_MSG_TAIL_AT + 4,
              "the tail is a word");

/* The tail of a message whose body ends before it and that has no routing id. */
static inline uint64_t zu_msg_tail(size_t small_size, enum zu_msg_kind kind)
{
    return htole64((uint64_t)small_size << 8 | (uint64_t)kind << 16);
}

/* Everything but the body. */
static inline void zu_msg_init_as(struct zu_msg *m, enum zu_msg_kind kind, size_t small_size)
{
    uint64_t tail = zu_msg_tail(small_size, kind);

    m->props = NULL;
    memcpy((uint8_t *)m + ZU_MSG_TAIL_AT, &tail, sizeof tail);
    memset(m->group, 0, sizeof m->group);
}

static inline void zu_msg_init(struct zu_msg *m)
{
    zu_msg_init_as(m, ZU_MSG_INLINE, 0);
}

static inline void zu_msg_set_flags(struct zu_msg *m, uint8_t flags)
{
    uint64_t tail;

    memcpy(&tail, (uint8_t *)m + ZU_MSG_TAIL_AT, sizeof tail);
    tail = htole64((le64toh(tail) & ~((uint64_t)UINT8_MAX << 24)) | (uint64_t)flags << 24);
    __asm__("" : "+r"(tail)); /* or the compiler sees through it, and stores the one byte */
    memcpy((uint8_t *)m + ZU_MSG_TAIL_AT, &tail, sizeof tail);
}

static inline bool zu_msg_valid(const struct zu_msg *m)
{
    return m->kind >= ZU_MSG_INLINE && m->kind <= ZU_MSG_SLICE;
}

static inline size_t zu_msg_size(const struct zu_msg *m)
{
    return zu_likely(m->kind == ZU_MSG_INLINE) ? m->small_size : m->big.size;
}

static inline void *zu_msg_data(struct zu_msg *m)
{
    return zu_likely(m->kind == ZU_MSG_INLINE) ? m->small : m->big.data;
}

/* Nothing but a body: it came by no connection, and of the flags it has none, or SHARED. */
static inline bool zu_msg_is_plain(const struct zu_msg *m)
{
    uint16_t kind_and_flags;

    memcpy(&kind_and_flags, &m->kind, sizeof kind_and_flags);
    kind_and_flags = (uint16_t)(le16toh(kind_and_flags) & ~(ZU_MSG_SHARED << 8));
    return !m->props && (uint16_t)(kind_and_flags - ZU_MSG_INLINE) <= ZU_MSG_SLICE - ZU_MSG_INLINE;
}

/* A plain message without a group was moved elsewhere: it is empty. */
static inline void zu_msg_was_plain(struct zu_msg *m)
{
    uint64_t tail = zu_msg_tail(0, ZU_MSG_INLINE);

    memcpy((uint8_t *)m + ZU_MSG_TAIL_AT, &tail, sizeof tail);
}

/* What a call that sends or receives a message of this size answers. */
static inline int zu_msg_answer(size_t size)
{
    return (int)ZU_MIN(size, (size_t)INT_MAX);
}

/* Each makes a valid message of uninitialised memory, or gives a negative errno and makes none. */
int zu_msg_init_size(struct zu_msg *m, size_t size); /* body uninitialised; -ENOMEM */
int zu_msg_init_copy(struct zu_msg *m, const void *data, size_t size);
/* The same, with a body that is not large taken from the slab, if there is one. */
int zu_msg_init_size_from(struct zu_msg *m, size_t size, struct zu_slab *slab);
int zu_msg_init_copy_from(struct zu_msg *m, const void *data, size_t size, struct zu_slab *slab);
int zu_msg_init_lent(struct zu_msg *m, void *data, size_t size, zmq_free_fn *ffn, void *hint);
void zu_msg_init_const(struct zu_msg *m, const void *data, size_t size);
/* A piece of a block, on which the caller's count becomes the message's. */
void zu_msg_init_slice(struct zu_msg *m, struct zu_block *b, uint8_t *data, size_t size);

/* Gives back what the message holds; the struct is no message after. Any kind but CLOSED. */
void zu_msg_close_big(struct zu_msg *m); /* the rare half of the next one */
static inline void zu_msg_close(struct zu_msg *m)
{
    if (zu_unlikely(m->kind != ZU_MSG_INLINE || m->props != NULL))
        zu_msg_close_big(m);
    m->kind = ZU_MSG_CLOSED;
}

/* The same, and the struct is an empty message. */
static inline void zu_msg_reset(struct zu_msg *m)
{
    zu_msg_close(m);
    zu_msg_init(m);
}

/* The struct alone: nothing is counted. */
static inline void zu_msg_copy_words(struct zu_msg *dst, const struct zu_msg *src)
{
    for (size_t at = 0; at < sizeof *dst; at += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, (const uint8_t *)src + at, sizeof word);
        __asm__("" : "+r"(word)); /* or the compiler makes two words one load */
        memcpy((uint8_t *)dst + at, &word, sizeof word);
    }
}

/* The same of what has to be closed: of *dst that may be asked for, and nothing else. */
static inline void zu_msg_copy_holdings(struct zu_msg *dst, const struct zu_msg *src)
{
    dst->props = src->props;
    dst->big.owner = src->big.owner;
    memcpy((uint8_t *)dst + ZU_MSG_TAIL_AT, (const uint8_t *)src + ZU_MSG_TAIL_AT,
           sizeof(uint64_t));
}

/* *dst is uninitialised or worthless before; *src is a valid empty message after. */
static inline void zu_msg_take(struct zu_msg *dst, struct zu_msg *src)
{
    zu_msg_copy_words(dst, src);
    zu_msg_init(src);
}

/* *dst is uninitialised or worthless before. Shares a large body; both are SHARED after. */
void zu_msg_share(struct zu_msg *dst, struct zu_msg *src);
/* The counts for `copies` more of it, which the caller makes with zu_msg_copy_words. */
void zu_msg_hold(struct zu_msg *m, uint32_t copies);

/* The group of a RADIO's or DISH's message: up to ZU_GROUP_MAX bytes without a NUL; "": none. */
#define ZU_GROUP_MAX 255
const char *zu_msg_group(const struct zu_msg *m);
int zu_msg_set_group(struct zu_msg *m, const char *group, size_t size); /* -ENOMEM */

/* Properties: see props.h. Takes a count of its own; p may be NULL. Replaces what was there. */
void zu_msg_set_props(struct zu_msg *m, struct zu_props *p);

/* Is it one in the form of a message, where such are expected? */
static inline bool zu_msg_is_subscription(struct zu_msg *m)
{
    return zu_msg_size(m) > 0 && *(const uint8_t *)zu_msg_data(m) <= 1;
}

#endif
