/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/core/out.h"

#include "engine/base/alloc.h"

struct zu_out *zu_out_new(void)
{
    struct zu_out *o = zu_alloc(sizeof *o);

    if (!o)
        return NULL;
    zu_list_init(&o->free);
    o->held_count = 0;
    o->loan = ZU_LOAN_NONE;
    zu_out_clear(o);
    return o;
}

void zu_out_free(struct zu_out *o)
{
    zu_out_clear(o);
    zu_free(o);
}

void zu_out_clear(struct zu_out *o)
{
    for (uint32_t i = 0; i < o->held_count; i++)
        zu_msg_close(&o->held[i]);
    o->held_count = o->piece_count = o->piece_at = o->frozen = o->filled = 0;
    o->bytes = 0;
}

void zu_out_add_bytes(struct zu_out *o, size_t n)
{
    struct iovec *last = o->piece_count > o->frozen ? &o->pieces[o->piece_count - 1] : NULL;
    uint8_t *at = o->block + o->filled;

    if (last && (uint8_t *)last->iov_base + last->iov_len == at)
        last->iov_len += n;
    else
        o->pieces[o->piece_count++] = (struct iovec){at, n};
    o->filled += (uint32_t)n;
    o->bytes += n;
}

void zu_out_add_body(struct zu_out *o, const void *body, size_t size, const struct zu_msg *holder)
{
    o->pieces[o->piece_count++] = (struct iovec){(void *)(uintptr_t)body, size};
    o->bytes += size;
    o->held[o->held_count++] = *holder;
}

bool zu_out_advance(struct zu_out *o, size_t n)
{
    while (o->piece_at < o->piece_count) {
        struct iovec *p = &o->pieces[o->piece_at];

        if (n < p->iov_len) {
            p->iov_base = (uint8_t *)p->iov_base + n;
            p->iov_len -= n;
            return false;
        }
        n -= p->iov_len;
        o->piece_at++;
    }
    return true;
}
