/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes: a bounded reader and a bounded writer. No call goes past the end, so a parser of a
 * stranger's bytes is a chain of calls that may each say no.
 * Thread: the owner's. Owner: nobody; both only point.
 */
#ifndef ZU_BASE_BYTES_H
#define ZU_BASE_BYTES_H

#include "engine/base/base.h"

#include <string.h>

/*
 * Copies a body that most likely is small. Where the compiler knows no size but a bound of it, gcc
 * puts a `rep movs` in the place of memcpy, which takes longer to begin than such a body to copy.
 */
static inline void zu_copy_body(uint8_t *to, const uint8_t *from, size_t size)
{
    enum { STEP = 32, STEPS_MAX = 256 };

    if (zu_unlikely(size < STEP || size > STEPS_MAX)) {
        memcpy(to, from, size);
        return;
    }
    for (size_t at = 0; at < size - STEP; at += STEP)
        memcpy(to + at, from + at, STEP);
    memcpy(to + size - STEP, from + size - STEP, STEP);
}

struct zu_reader {
    const uint8_t *at, *end;
};

static inline struct zu_reader zu_reader_of(const void *p, size_t size)
{
    return (struct zu_reader){p, (const uint8_t *)p + size};
}

static inline size_t zu_left(const struct zu_reader *r)
{
    return (size_t)(r->end - r->at);
}

static inline bool zu_read_u8(struct zu_reader *r, uint8_t *v)
{
    if (r->at == r->end)
        return false;
    *v = *r->at++;
    return true;
}

/* An unsigned number of `n` (1 to 8) bytes, most significant first. */
static inline bool zu_read_be(struct zu_reader *r, uint64_t *v, size_t n)
{
    uint64_t x = 0;

    if (zu_left(r) < n)
        return false;
    for (size_t i = 0; i < n; i++)
        x = x << 8 | r->at[i];
    r->at += n;
    *v = x;
    return true;
}

/* Borrows the next `n` bytes. */
static inline bool zu_read_bytes(struct zu_reader *r, const uint8_t **p, size_t n)
{
    if (zu_left(r) < n)
        return false;
    *p = r->at;
    r->at += n;
    return true;
}

struct zu_writer {
    uint8_t *at, *end;
};

static inline struct zu_writer zu_writer_of(void *p, size_t size)
{
    return (struct zu_writer){p, (uint8_t *)p + size};
}

static inline size_t zu_room(const struct zu_writer *w)
{
    return (size_t)(w->end - w->at);
}

static inline bool zu_write_u8(struct zu_writer *w, uint8_t v)
{
    if (w->at == w->end)
        return false;
    *w->at++ = v;
    return true;
}

static inline bool zu_write_be(struct zu_writer *w, uint64_t v, size_t n)
{
    if (zu_room(w) < n)
        return false;
    for (size_t i = n; i-- > 0; v >>= 8)
        w->at[i] = (uint8_t)v;
    w->at += n;
    return true;
}

static inline bool zu_write_bytes(struct zu_writer *w, const void *p, size_t n)
{
    if (zu_room(w) < n)
        return false;
    if (n)
        memcpy(w->at, p, n);
    w->at += n;
    return true;
}

#endif
