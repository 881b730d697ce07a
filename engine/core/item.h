/* SPDX-License-Identifier: Apache-2.0 */
/*
 * item: a message part as it lies in a queue: in as few words as it takes, so that a cache line
 * that goes from core to core carries two of them.
 *
 * The first word, the *head*, is the message's tail (msg.h), with the number of words in place of
 * the body's 33rd byte, and the size of a large body in place of the routing id, which does not
 * travel. Then the properties, then the words of an inline body, at least two; or where a large
 * body is, and its owner.
 *
 * Two heads are special: END says that the queue goes on in another chunk; WHOLE, that the struct
 * follows as it is, for the few messages that say more: a group, or 4 GiB and more.
 *
 * Thread: whoever has the memory. Owner: an item owns what the message owned.
 */
#ifndef ZU_CORE_ITEM_H
#define ZU_CORE_ITEM_H

#include "engine/core/msg.h"

/* In the place of a kind. */
enum { ZU_ITEM_END = 0, ZU_ITEM_WHOLE = 1 };

/* Words. */
enum {
    ZU_ITEM_LEAST = 2 + 2,                             /* the usual ones; */
    ZU_ITEM_LONGEST = 2 + (ZU_MSG_INLINE_MAX + 7) / 8, /* the longest body in it; */
    ZU_ITEM_MOST = 1 + sizeof(struct zu_msg) / 8,      /* a WHOLE one */
};

#define ZU_ITEM_SHORT 16 /* bytes: the inline bodies of an item that is not longer than others */

/* The bits of a head: the item's words, then as in the tail. */
#define ZU_ITEM_SMALL_AT 8
#define ZU_ITEM_KIND_AT  16
#define ZU_ITEM_FLAGS_AT 24
#define ZU_ITEM_SIZE_AT  32

static_assert(offsetof(struct zu_msg, small) + ZU_MSG_INLINE_MAX - 1 == ZU_MSG_TAIL_AT &&
                  (ZU_MSG_INLINE_MAX - 1) % 8 == 0,
              "an inline body is whole words and the first byte of the tail");

static inline uint8_t zu_item_words(uint64_t head)
{
    return (uint8_t)head;
}

static inline uint8_t zu_item_kind(uint64_t head)
{
    return (uint8_t)(head >> ZU_ITEM_KIND_AT);
}

static inline uint8_t zu_item_flags(uint64_t head)
{
    return (uint8_t)(head >> ZU_ITEM_FLAGS_AT);
}

static inline bool zu_item_is_special(uint64_t head)
{
    return zu_item_kind(head) < ZU_MSG_INLINE;
}

/* Not special, and of the flags none but those in `may`. */
static inline bool zu_item_is_plain(uint64_t head, uint8_t may)
{
    uint16_t kind_and_flags = (uint16_t)(head >> ZU_ITEM_KIND_AT) & (uint16_t) ~(may << 8);

    return (uint16_t)(kind_and_flags - ZU_MSG_INLINE) <= ZU_MSG_SLICE - ZU_MSG_INLINE;
}

/* An inline body of at most ZU_ITEM_SHORT bytes. Of a head or a tail. */
static inline bool zu_item_is_short(uint64_t head)
{
    uint16_t small_and_kind = (uint16_t)(head >> ZU_ITEM_SMALL_AT);

    return (uint16_t)(small_and_kind - (ZU_MSG_INLINE << 8)) <= ZU_ITEM_SHORT;
}

/* Of an item that is not special. */
static inline size_t zu_item_size(uint64_t head)
{
    return zu_item_kind(head) == ZU_MSG_INLINE ? (uint8_t)(head >> ZU_ITEM_SMALL_AT)
                                               : (size_t)(head >> ZU_ITEM_SIZE_AT);
}

static inline uint64_t zu_item_head(enum zu_msg_kind kind, uint8_t flags)
{
    return (uint64_t)kind << ZU_ITEM_KIND_AT | (uint64_t)flags << ZU_ITEM_FLAGS_AT | ZU_ITEM_LEAST;
}

/* One word, by one load and one store: see msg.h. */
static inline void zu_item_copy_word(void *to, const void *from)
{
    uint64_t word;

    memcpy(&word, from, sizeof word);
    __asm__("" : "+r"(word)); /* or the compiler makes two words one */
    memcpy(to, &word, sizeof word);
}

/* Writes the item of a small body that came by a connection, behind which ZU_MSG_INLINE_MAX bytes
 * can be read in any case. Returns its end. */
static inline uint64_t *zu_item_write_small(uint64_t *at, struct zu_props *props,
                                            const uint8_t *body, size_t size, uint8_t flags)
{
    uint64_t words = ZU_ITEM_LEAST;

    at[1] = (uintptr_t)props;
    if (zu_likely(size <= ZU_ITEM_SHORT)) {
        memcpy(at + 2, body, ZU_ITEM_SHORT); /* a size known to the compiler is no call */
    } else {
        memcpy(at + 2, body, ZU_MSG_INLINE_MAX);
        words = 2 + (size + 7) / 8;
    }
    at[0] = zu_item_head(ZU_MSG_INLINE, flags) - ZU_ITEM_LEAST + words +
            ((uint64_t)size << ZU_ITEM_SMALL_AT);
    return at + words;
}

/* The same of a body that lies in a slab. */
static inline uint64_t *zu_item_write_slice(uint64_t *at, struct zu_props *props, const void *body,
                                            size_t size, struct zu_block *owner, uint8_t flags)
{
    at[0] = zu_item_head(ZU_MSG_SLICE, flags) | (uint64_t)size << ZU_ITEM_SIZE_AT;
    at[1] = (uintptr_t)props;
    at[2] = (uintptr_t)body;
    at[3] = (uintptr_t)owner;
    return at + ZU_ITEM_LEAST;
}

/* False: it has to be written as a WHOLE item. */
static inline bool zu_item_is_usual(const struct zu_msg *m)
{
    return !m->group[0] && (zu_likely(m->kind == ZU_MSG_INLINE) || m->big.size <= UINT32_MAX);
}

/* The item of a message whose inline body is longer than ZU_ITEM_SHORT. */
static inline uint64_t *zu_item_write_long(uint64_t *at, const struct zu_msg *m, uint64_t head)
{
    uint64_t words = 2 + ((uint64_t)m->small_size + 7) / 8;

    at[0] = head - ZU_ITEM_LEAST + words;
    for (size_t i = 0; i < ZU_MSG_INLINE_MAX / 8; i++)
        zu_item_copy_word(at + 2 + i, m->small + 8 * i);
    at[6] = m->small[ZU_MSG_INLINE_MAX - 1];
    return at + words;
}

/*
 * Writes a usual message, at most ZU_ITEM_LONGEST words, some of them perhaps behind the end of the
 * item. Returns that end. What the message held is the item's.
 */
static inline uint64_t *zu_item_write(uint64_t *at, const struct zu_msg *m)
{
    uint64_t tail, head;

    memcpy(&tail, (const uint8_t *)m + ZU_MSG_TAIL_AT, sizeof tail);
    head = (le64toh(tail) & 0xffffff00u) | ZU_ITEM_LEAST;
    at[1] = (uintptr_t)m->props;
    if (zu_likely(zu_item_is_short(head))) {
        zu_item_copy_word(at + 2, m->small);
        zu_item_copy_word(at + 3, m->small + 8);
    } else if (zu_likely(zu_item_kind(head) != ZU_MSG_INLINE)) {
        head |= (uint64_t)m->big.size << ZU_ITEM_SIZE_AT;
        at[2] = (uintptr_t)m->big.data;
        at[3] = (uintptr_t)m->big.owner;
    } else {
        return zu_item_write_long(at, m, head);
    }
    at[0] = head;
    return at + ZU_ITEM_LEAST;
}

/* ZU_ITEM_MOST words. */
static inline uint64_t *zu_item_write_whole(uint64_t *at, const struct zu_msg *m)
{
    *at = (uint64_t)ZU_ITEM_WHOLE << ZU_ITEM_KIND_AT | ZU_ITEM_MOST;
    memcpy(at + 1, m, sizeof *m);
    return at + ZU_ITEM_MOST;
}

/* Of a large body. */
static inline const void *zu_item_body(const uint64_t *at)
{
    return (const void *)(uintptr_t)at[2];
}

static inline void *zu_item_owner(const uint64_t *at)
{
    return (void *)(uintptr_t)at[3];
}

/* The inline body of an item: whole words, at least two, are written at `to`, those behind the body
 * are worthless. */
static inline void zu_item_read_inline(const uint64_t *at, uint64_t head, uint8_t *to)
{
    const uint64_t *end = at + zu_item_words(head);

    zu_item_copy_word(to, at + 2);
    zu_item_copy_word(to + 8, at + 3);
    for (at += ZU_ITEM_LEAST, to += ZU_ITEM_SHORT; zu_unlikely(at < end); at++, to += 8)
        zu_item_copy_word(to, at);
}

/* What is behind the short ones of an inline body. */
static inline void zu_item_read_long(const uint64_t *at, struct zu_msg *m)
{
    uint8_t words = zu_item_words(at[0]);

    zu_item_copy_word(m->small + 16, at + 4);
    if (words > 5)
        zu_item_copy_word(m->small + 24, at + 5);
    if (words > 6)
        m->small[ZU_MSG_INLINE_MAX - 1] = (uint8_t)at[6];
}

/* Makes a message of an item that is not special: *m is uninitialised before. Returns the item's
 * end. */
static inline const uint64_t *zu_item_read(const uint64_t *at, struct zu_msg *m)
{
    uint64_t head = at[0], tail = htole64(head & 0xffffff00u);

    memcpy((uint8_t *)m + ZU_MSG_TAIL_AT, &tail, sizeof tail);
    m->props = (struct zu_props *)(uintptr_t)at[1];
    memset(m->group, 0, sizeof m->group);
    zu_item_copy_word(m->small, at + 2); /* the body's beginning, or where it is */
    if (zu_likely(zu_item_kind(head) != ZU_MSG_INLINE)) {
        m->big.size = (size_t)(head >> ZU_ITEM_SIZE_AT);
        m->big.owner = (void *)(uintptr_t)at[3];
        return at + ZU_ITEM_LEAST;
    }
    zu_item_copy_word(m->small + 8, at + 3);
    /* Not by its words: where the next one is, is known before this one is there. */
    if (zu_likely(zu_item_is_short(head)))
        return at + ZU_ITEM_LEAST;
    zu_item_read_long(at, m);
    return at + zu_item_words(head);
}

static inline const uint64_t *zu_item_read_whole(const uint64_t *at, struct zu_msg *m)
{
    memcpy(m, at + 1, sizeof *m);
    return at + ZU_ITEM_MOST;
}

/* The same message for many queues: made once, and copied. */
struct zu_packed {
    uint64_t word[ZU_ITEM_LONGEST];
    uint32_t words; /* 0: the message is none that can be */
    bool more;
};

static inline void zu_item_pack(struct zu_packed *p, const struct zu_msg *m)
{
    p->words = zu_item_is_usual(m) ? (uint32_t)(zu_item_write(p->word, m) - p->word) : 0;
    p->more = m->flags & ZU_MSG_MORE;
}

#endif
