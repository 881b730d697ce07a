/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies outside the 64 bytes, and the counts on it. A body of the library's own is one
 * allocation, the count in front of the bytes, so that a large message costs one request of memory
 * and one line more than its bytes. Lent memory needs a record of whom to give it back to.
 *
 * Whoever finds that his is the only count frees without a locked subtraction: no one else is left
 * who could change it, and most bodies are never shared.
 */
#include "engine/core/msg.h"

#include "engine/base/alloc.h"
#include "engine/base/kept.h"
#include "engine/core/props.h"

#include <errno.h>

struct zu_body {
    _Atomic uint32_t refs;
    size_t capacity; /* see kept.h */
    alignas(16) uint8_t data[];
};

struct zu_lent {
    _Atomic uint32_t refs;
    zmq_free_fn *ffn;
    void *data, *hint;
};

static void hold(_Atomic uint32_t *refs, uint32_t count)
{
    /* Relaxed: the caller has a count already, so nothing can end meanwhile. */
    atomic_fetch_add_explicit(refs, count, memory_order_relaxed);
}

/* True: it was the last. */
static bool drop(_Atomic uint32_t *refs)
{
    /* [BR1] acquire, pairs with [BR2]: the others are done with the bytes. */
    return atomic_load_explicit(refs, memory_order_acquire) == 1 ||
           /* [BR2] acq_rel: release, we are done with the bytes; acquire, pairs with the same of
            * the others, who must be done before the last one frees. */
           atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

static void drop_body(struct zu_body *b)
{
    if (drop(&b->refs))
        zu_kept_free(b, b->capacity);
}

static void drop_lent(struct zu_lent *l)
{
    if (!drop(&l->refs))
        return;
    l->ffn(l->data, l->hint);
    zu_free(l);
}

static void init_big(struct zu_msg *m, enum zu_msg_kind kind, void *data, size_t size, void *owner)
{
    zu_msg_init_as(m, kind, 0);
    m->big.data = data;
    m->big.size = size;
    m->big.owner = owner;
}

static int init_body(struct zu_msg *m, size_t size)
{
    struct zu_body *b;
    size_t capacity;

    if (size > PTRDIFF_MAX - sizeof *b)
        return -ENOMEM;
    b = zu_kept_alloc(sizeof *b + size, &capacity);
    if (!b)
        return -ENOMEM;
    atomic_init(&b->refs, 1);
    b->capacity = capacity;
    init_big(m, ZU_MSG_BODY, b->data, size, b);
    return 0;
}

int zu_msg_init_size(struct zu_msg *m, size_t size)
{
    if (size > ZU_MSG_INLINE_MAX)
        return init_body(m, size);
    zu_msg_init_as(m, ZU_MSG_INLINE, size);
    return 0;
}

int zu_msg_init_size_from(struct zu_msg *m, size_t size, struct zu_slab *slab)
{
    struct zu_block *owner;
    void *data;

    if (size <= ZU_MSG_INLINE_MAX || size > ZU_SLAB_MAX || zu_unlikely(!slab))
        return zu_msg_init_size(m, size);
    data = zu_slab_take(slab, size, &owner);
    if (!data)
        return -ENOMEM;
    zu_msg_init_slice(m, owner, data, size);
    return 0;
}

int zu_msg_init_copy_from(struct zu_msg *m, const void *data, size_t size, struct zu_slab *slab)
{
    int rc = zu_msg_init_size_from(m, size, slab);

    if (rc == 0 && size)
        memcpy(zu_msg_data(m), data, size);
    return rc;
}

int zu_msg_init_copy(struct zu_msg *m, const void *data, size_t size)
{
    int rc = zu_msg_init_size(m, size);

    if (rc == 0 && size)
        memcpy(zu_msg_data(m), data, size);
    return rc;
}

int zu_msg_init_lent(struct zu_msg *m, void *data, size_t size, zmq_free_fn *ffn, void *hint)
{
    struct zu_lent *l;

    if (!ffn) {
        zu_msg_init_const(m, data, size);
        return 0;
    }
    l = zu_alloc(sizeof *l);
    if (!l)
        return -ENOMEM;
    atomic_init(&l->refs, 1);
    l->ffn = ffn;
    l->data = data;
    l->hint = hint;
    init_big(m, ZU_MSG_LENT, data, size, l);
    return 0;
}

void zu_msg_init_const(struct zu_msg *m, const void *data, size_t size)
{
    init_big(m, ZU_MSG_CONST, (void *)(uintptr_t)data, size, NULL);
}

void zu_msg_init_slice(struct zu_msg *m, struct zu_block *b, uint8_t *data, size_t size)
{
    init_big(m, ZU_MSG_SLICE, data, size, b);
}

void zu_msg_close_big(struct zu_msg *m)
{
    switch ((enum zu_msg_kind)m->kind) {
    case ZU_MSG_BODY: drop_body(m->big.owner); break;
    case ZU_MSG_LENT: drop_lent(m->big.owner); break;
    case ZU_MSG_SLICE: zu_block_drop(m->big.owner); break;
    case ZU_MSG_CLOSED:
    case ZU_MSG_INLINE:
    case ZU_MSG_CONST: break;
    }
    if (m->props)
        zu_props_drop(m->props, 1);
    m->props = NULL;
    m->kind = ZU_MSG_CLOSED;
}

void zu_msg_hold(struct zu_msg *m, uint32_t copies)
{
    uint8_t shared = m->flags | ZU_MSG_SHARED;

    switch ((enum zu_msg_kind)m->kind) {
    case ZU_MSG_BODY: hold(&((struct zu_body *)m->big.owner)->refs, copies); break;
    case ZU_MSG_LENT: hold(&((struct zu_lent *)m->big.owner)->refs, copies); break;
    case ZU_MSG_SLICE: zu_block_hold_many(m->big.owner, copies); break;
    case ZU_MSG_CLOSED:
    case ZU_MSG_INLINE:
    case ZU_MSG_CONST: shared = m->flags; break;
    }
    if (shared != m->flags)
        zu_msg_set_flags(m, shared);
    if (m->props)
        zu_props_hold(m->props, copies);
}

void zu_msg_share(struct zu_msg *dst, struct zu_msg *src)
{
    zu_msg_hold(src, 1);
    zu_msg_copy_words(dst, src);
}

void zu_msg_set_props(struct zu_msg *m, struct zu_props *p)
{
    if (p)
        zu_props_hold(p, 1);
    if (m->props)
        zu_props_drop(m->props, 1);
    m->props = p;
}

const char *zu_msg_group(const struct zu_msg *m)
{
    const char *group = m->props ? zu_props_group(m->props) : NULL;

    return group ? group : m->group;
}

/* A name that has no room in the message goes in front of the peer's properties. */
int zu_msg_set_group(struct zu_msg *m, const char *group, size_t size)
{
    struct zu_props *peers = m->props, *named = NULL;

    if (peers && zu_props_group(peers))
        peers = zu_props_inner(peers);
    if (size >= sizeof m->group && !(named = zu_props_with_group(peers, group, size)))
        return -ENOMEM;
    if (named || peers != m->props)
        zu_msg_set_props(m, named ? named : peers);
    if (named)
        zu_props_drop(named, 1);
    memset(m->group, 0, sizeof m->group);
    if (!named)
        memcpy(m->group, group, size);
    return 0;
}
