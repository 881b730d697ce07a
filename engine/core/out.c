/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/core/out.h"

#include "engine/base/alloc.h"
#include "engine/base/kept.h"
#include "engine/wire/frame.h"

#define MARKS_KEPT 1024 /* room for more is not kept */

/* Bytes of the batch up to the end of each message. */
struct zu_marks {
    uint32_t count, room;
    bool lost; /* there was no memory for all */
    size_t end[];
};

struct zu_out *zu_out_new(void)
{
    size_t capacity;
    struct zu_out *o = zu_kept_alloc(sizeof *o, &capacity);

    if (!o)
        return NULL;
    zu_list_init(&o->spare.link);
    o->spare.capacity = capacity;
    o->held_count = 0;
    o->marks = NULL;
    o->run.block = NULL;
    o->loan = ZU_LOAN_NONE;
    zu_out_clear(o);
    return o;
}

void zu_out_forget_marks(struct zu_out *o)
{
    zu_free(o->marks);
    o->marks = NULL;
}

void zu_out_free(struct zu_out *o)
{
    zu_out_clear(o);
    zu_out_forget_marks(o);
    zu_kept_free(o, o->spare.capacity);
}

void zu_out_clear(struct zu_out *o)
{
    for (uint32_t i = 0; i < o->held_count; i++)
        zu_msg_close(&o->held[i]);
    o->held_count = o->piece_count = o->piece_at = o->frozen = o->filled = 0;
    o->bytes = o->frames_at = o->frames_bytes = 0;
    if (o->run.block) {
        zu_log_block_drop(o->run.block);
        o->run.block = NULL;
    }
    if (zu_unlikely(o->marks != NULL)) {
        o->marks->count = 0;
        o->marks->lost = false;
        if (o->marks->room > MARKS_KEPT) {
            zu_free(o->marks);
            o->marks = NULL;
        }
    }
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

void zu_out_add_run(struct zu_out *o, const struct zu_log_run *run)
{
    o->pieces[o->piece_count++] = (struct iovec){(void *)(uintptr_t)run->at, run->bytes};
    o->run = *run;
    o->run_at = o->bytes;
    o->bytes += run->bytes;
    zu_log_block_hold(run->block);
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

/* ---- which messages are on their way ---- */

void zu_out_mark(struct zu_out *o, size_t size)
{
    struct zu_marks *k = o->marks;

    if (!k || k->count == k->room) {
        uint32_t room = k ? k->room * 2 : 64;

        k = zu_realloc(o->marks, sizeof *k + room * sizeof *k->end);
        if (!k) {
            if (o->marks)
                o->marks->lost = true;
            return;
        }
        if (!o->marks)
            *k = (struct zu_marks){0};
        k->room = room;
        o->marks = k;
    }
    k->end[k->count++] = o->bytes + size;
}

static size_t sent_bytes(const struct zu_out *o)
{
    size_t left = 0;

    for (uint32_t i = o->piece_at; i < o->piece_count; i++)
        left += o->pieces[i].iov_len;
    return o->bytes - left;
}

static uint32_t marked_beyond(const struct zu_marks *k, size_t sent)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < k->count; i++)
        n += k->end[i] > sent;
    return n;
}

/* Headers, and bodies that were copied, lie in the block one behind the other. */
static uint32_t framed_beyond(const struct zu_out *o, size_t sent, bool v1)
{
    struct zu_reader r = zu_reader_of(o->block + o->frames_at, o->filled - o->frames_at);
    size_t at = o->frames_bytes;
    uint32_t n = 0;
    struct zu_frame f;

    for (;;) {
        const uint8_t *head = r.at;

        if ((v1 ? zu_frame_read_v1(&r, &f) : zu_frame_read_v2(&r, &f)) < 0)
            return n;
        at += (size_t)(r.at - head) + (size_t)f.size;
        if (f.size <= ZU_OUT_COPY)
            r.at += ZU_MIN((size_t)f.size, zu_left(&r));
        n += at > sent && !(f.flags & (ZU_FRAME_MORE | ZU_FRAME_COMMAND));
    }
}

/* Of those in a log. */
static uint32_t run_beyond(const struct zu_out *o, size_t sent)
{
    struct zu_reader r = zu_reader_of(o->run.at, o->run.bytes);
    struct zu_frame f;
    uint32_t n = 0;

    while (zu_frame_read_v2(&r, &f) == 0) {
        r.at += f.size;
        n += o->run_at + (size_t)(r.at - o->run.at) > sent;
    }
    return n;
}

uint32_t zu_out_unsent(const struct zu_out *o, uint32_t messages, bool v1)
{
    size_t sent = sent_bytes(o);
    uint32_t n;

    if (o->marks && o->marks->count)
        n = o->marks->lost ? messages : marked_beyond(o->marks, sent);
    else
        n = framed_beyond(o, sent, v1) + (o->run.block ? run_beyond(o, sent) : 0);
    return ZU_MIN(n, messages);
}
