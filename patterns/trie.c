/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trie: most nodes of a large tree have one key, no kid and a short edge: they are 80 bytes and one
 * allocation. Kids are one pointer; then a short array, unsorted, whose first bytes memchr
 * searches in one go; then a table by first byte.
 *
 * Edges are cut at EDGE_MAX: were they not, a peer with one huge topic could make each tiny topic
 * that splits and heals its edge cost a copy of megabytes.
 *
 * Whatever can fail is done before anything is changed. Taking out never needs memory: where two
 * edges could become one but memory for it is refused, the node between them just stays.
 */
#include "patterns/trie.h"

#include "engine/base/alloc.h"

#include <errno.h>
#include <string.h>

#define FEW_MIN 2
#define FEW_MAX 64
#define ALL     256

#define EDGE_MAX 1024

static const uint8_t *edge_of(const struct zu_trie_node *n)
{
    return n->edge_size <= ZU_TRIE_NEAR ? n->edge.near : n->edge.far;
}

static uint8_t *few_bytes(const struct zu_trie_node *n)
{
    return (uint8_t *)(n->kids.few + n->kid_room);
}

/* ---- kids ---- */

/* Where n keeps the kid whose edge begins with `byte`; NULL: it has none. */
static struct zu_trie_node **kid_place(const struct zu_trie_node *n, uint8_t byte)
{
    struct zu_trie_node *const *place = NULL;

    if (n->kid_count == 0)
        return NULL;
    if (n->kid_room == 0) {
        place = edge_of(n->kids.one)[0] == byte ? &n->kids.one : NULL;
    } else if (n->kid_room == ALL) {
        place = n->kids.all[byte] ? &n->kids.all[byte] : NULL;
    } else {
        const uint8_t *hit = memchr(few_bytes(n), byte, n->kid_count);

        place = hit ? &n->kids.few[hit - few_bytes(n)] : NULL;
    }
    return (struct zu_trie_node **)place;
}

/* The kids one by one: *cursor is 0 first. NULL at the end. */
static struct zu_trie_node *next_kid(const struct zu_trie_node *n, uint32_t *cursor)
{
    if (n->kid_room == ALL) {
        while (*cursor < ALL)
            if (n->kids.all[(*cursor)++])
                return n->kids.all[*cursor - 1];
        return NULL;
    }
    if (*cursor >= n->kid_count)
        return NULL;
    return n->kid_room ? n->kids.few[(*cursor)++] : ((*cursor)++, n->kids.one);
}

/* What *cursor is after next_kid gave this kid. */
static uint32_t cursor_behind(const struct zu_trie_node *n, const struct zu_trie_node *kid)
{
    uint8_t byte = edge_of(kid)[0];

    if (n->kid_room == 0)
        return 1;
    if (n->kid_room == ALL)
        return byte + 1u;
    return (uint32_t)(kid_place(n, byte) - n->kids.few) + 1;
}

/* There is room. */
static void put_kid(struct zu_trie_node *n, struct zu_trie_node *kid)
{
    uint8_t byte = edge_of(kid)[0];

    if (n->kid_room == ALL) {
        n->kids.all[byte] = kid;
    } else if (n->kid_room == 0) {
        n->kids.one = kid;
    } else {
        n->kids.few[n->kid_count] = kid;
        few_bytes(n)[n->kid_count] = byte;
    }
    n->kid_count++;
    kid->parent = n;
}

/* Moves the kids into the form that has this much room. -ENOMEM: all is as it was. */
static int set_kid_room(struct zu_trie_node *n, uint16_t room)
{
    struct zu_trie_node was = *n, *kid;
    struct zu_trie_node **block = NULL;
    uint32_t cursor = 0;

    if (room == ALL)
        block = zu_alloc_zero(ALL * sizeof *block);
    else if (room > 0)
        block = zu_alloc(room * (sizeof *block + 1));
    if (room > 0 && !block)
        return -ENOMEM;
    n->kids.few = block;
    n->kid_room = room;
    n->kid_count = 0;
    while ((kid = next_kid(&was, &cursor)))
        put_kid(n, kid);
    if (was.kid_room)
        zu_free(was.kids.few);
    return 0;
}

static int reserve_kid(struct zu_trie_node *n)
{
    if (n->kid_count == 0 || n->kid_count < n->kid_room)
        return 0;
    if (n->kid_room == FEW_MAX)
        return set_kid_room(n, ALL);
    return set_kid_room(n, n->kid_room ? n->kid_room * 2 : FEW_MIN);
}

static void drop_kid(struct zu_trie_node *n, const struct zu_trie_node *kid)
{
    struct zu_trie_node **place = kid_place(n, edge_of(kid)[0]);

    n->kid_count--;
    if (n->kid_room == 0 || n->kid_room == ALL) {
        *place = NULL;
    } else {
        few_bytes(n)[place - n->kids.few] = few_bytes(n)[n->kid_count];
        *place = n->kids.few[n->kid_count];
    }
}

/* After kids went. Refused memory only means that it stays roomy. */
static void shrink_kids(struct zu_trie_node *n)
{
    if (n->kid_count <= 1 && n->kid_room)
        (void)set_kid_room(n, 0);
    else if (n->kid_room == ALL && n->kid_count <= FEW_MAX / 2)
        (void)set_kid_room(n, FEW_MAX);
    else if (n->kid_room > FEW_MIN && n->kid_room < ALL && n->kid_count <= n->kid_room / 4)
        (void)set_kid_room(n, n->kid_room / 2);
}

/* ---- nodes ---- */

static struct zu_trie_node *new_node(const uint8_t *edge, uint32_t size)
{
    struct zu_trie_node *n = zu_alloc_zero(sizeof *n);

    if (!n)
        return NULL;
    uint8_t *to = n->edge.near;

    if (size > ZU_TRIE_NEAR && !(to = n->edge.far = zu_alloc(size))) {
        zu_free(n);
        return NULL;
    }
    memcpy(to, edge, size);
    n->edge_size = size;
    return n;
}

static void free_node(struct zu_trie_node *n)
{
    if (n->edge_size > ZU_TRIE_NEAR)
        zu_free(n->edge.far);
    if (n->kid_room)
        zu_free(n->kids.few);
    if (n->link_room)
        zu_free(n->links.many);
    zu_free(n);
}

/* Takes the first `size` bytes, not all, off the edge. */
static void shorten_edge(struct zu_trie_node *n, uint32_t size)
{
    uint32_t left = n->edge_size - size;

    if (n->edge_size <= ZU_TRIE_NEAR) {
        memmove(n->edge.near, n->edge.near + size, left);
    } else if (left <= ZU_TRIE_NEAR) {
        uint8_t *far = n->edge.far;

        memcpy(n->edge.near, far + size, left);
        zu_free(far);
    } else {
        memmove(n->edge.far, n->edge.far + size, left);
    }
    n->edge_size = left;
}

/* Puts what is on above's edge before n's own. False: it cannot be, and all is as it was. */
static bool lengthen_edge(struct zu_trie_node *n, const struct zu_trie_node *above)
{
    uint32_t size = above->edge_size + n->edge_size;
    uint8_t near[ZU_TRIE_NEAR], *to = near;

    if (size > EDGE_MAX || (size > ZU_TRIE_NEAR && !(to = zu_alloc(size))))
        return false;
    memcpy(to, edge_of(above), above->edge_size);
    memcpy(to + above->edge_size, edge_of(n), n->edge_size);
    if (n->edge_size > ZU_TRIE_NEAR)
        zu_free(n->edge.far);
    if (size > ZU_TRIE_NEAR)
        n->edge.far = to;
    else
        memcpy(n->edge.near, near, size);
    n->edge_size = size;
    return true;
}

/* ---- the tree ---- */

void zu_trie_init(struct zu_trie *t)
{
    memset(t, 0, sizeof *t);
}

void zu_trie_fini(struct zu_trie *t)
{
    struct zu_trie_node *n = &t->root;

    for (;;) {
        uint32_t cursor = 0;
        struct zu_trie_node *kid = next_kid(n, &cursor), *parent = n->parent;

        if (kid) {
            n = kid;
        } else if (parent) {
            drop_kid(parent, n);
            free_node(n);
            n = parent;
        } else {
            break;
        }
    }
    if (n->kid_room)
        zu_free(n->kids.few);
    if (n->link_room)
        zu_free(n->links.many);
    zu_trie_init(t);
}

/* Frees a branch that is in no tree. */
static void free_branch(struct zu_trie_node *n)
{
    while (n) {
        struct zu_trie_node *kid = n->kid_count ? n->kids.one : NULL;

        free_node(n);
        n = kid;
    }
}

/* The nodes for a new key's own bytes, at least one: returns the first, *last is the key's. */
static struct zu_trie_node *new_branch(const uint8_t *bytes, size_t size,
                                       struct zu_trie_node **last)
{
    struct zu_trie_node *first = NULL, *above = NULL;

    while (size > 0) {
        uint32_t piece = (uint32_t)ZU_MIN(size, EDGE_MAX);
        struct zu_trie_node *n = new_node(bytes, piece);

        if (!n) {
            free_branch(first);
            return NULL;
        }
        if (above)
            put_kid(above, n); /* the first kid needs no memory */
        else
            first = n;
        above = n;
        bytes += piece;
        size -= piece;
    }
    *last = above;
    return first;
}

static int add_branch(struct zu_trie_node *parent, const uint8_t *bytes, size_t size,
                      struct zu_trie_node **out)
{
    struct zu_trie_node *last, *first = new_branch(bytes, size, &last);

    if (!first)
        return -ENOMEM;
    if (reserve_kid(parent) < 0) {
        free_branch(first);
        return -ENOMEM;
    }
    put_kid(parent, first);
    *out = last;
    return 0;
}

/* How far the edge of n, at least one byte of it, goes along the key. */
static uint32_t common(const struct zu_trie_node *n, const uint8_t *key, size_t size)
{
    const uint8_t *edge = edge_of(n);
    uint32_t most = size < n->edge_size ? (uint32_t)size : n->edge_size, i = 1;

    while (i < most && edge[i] == key[i])
        i++;
    return i;
}

/* Puts a node between n and its parent, `size` bytes along n's edge, with a branch for the rest of
 * the key when there is a rest. */
static int split(struct zu_trie_node *n, uint32_t size, const uint8_t *rest, size_t rest_size,
                 struct zu_trie_node **out)
{
    struct zu_trie_node *mid = new_node(edge_of(n), size), *last = mid;

    if (!mid)
        return -ENOMEM;
    if (rest_size > 0) {
        struct zu_trie_node *first = new_branch(rest, rest_size, &last);

        if (!first)
            goto free_mid;
        put_kid(mid, first);
        if (reserve_kid(mid) < 0)
            goto free_both;
    }
    *kid_place(n->parent, edge_of(n)[0]) = mid;
    mid->parent = n->parent;
    shorten_edge(n, size);
    put_kid(mid, n);
    *out = last;
    return 0;
free_both:
    free_branch(mid->kids.one);
free_mid:
    free_node(mid);
    return -ENOMEM;
}

int zu_trie_make(struct zu_trie *t, const void *key, size_t size, struct zu_trie_node **out)
{
    struct zu_trie_node *n = &t->root;
    const uint8_t *at = key, *end = at + size;

    while (at < end) {
        struct zu_trie_node **place = kid_place(n, *at);

        if (!place)
            return add_branch(n, at, (size_t)(end - at), out);
        n = *place;
        uint32_t same = common(n, at, (size_t)(end - at));

        at += same;
        if (same < n->edge_size)
            return split(n, same, at, (size_t)(end - at), out);
    }
    *out = n;
    return 0;
}

struct zu_trie_node *zu_trie_descend(const struct zu_trie_node *n, const uint8_t *data, size_t size,
                                     size_t *at)
{
    if (*at == size)
        return NULL;
    struct zu_trie_node **place = kid_place(n, data[*at]);

    if (!place || (*place)->edge_size > size - *at ||
        memcmp(edge_of(*place), data + *at, (*place)->edge_size) != 0)
        return NULL;
    *at += (*place)->edge_size;
    return *place;
}

struct zu_trie_node *zu_trie_find(struct zu_trie *t, const void *key, size_t size)
{
    struct zu_trie_node *n = &t->root;
    size_t at = 0;

    while (n && at < size)
        n = zu_trie_descend(n, key, size, &at);
    return n;
}

void zu_trie_prune(struct zu_trie *t, struct zu_trie_node *n)
{
    while (n != &t->root && n->count == 0 && n->kid_count == 0) {
        struct zu_trie_node *parent = n->parent;

        drop_kid(parent, n);
        shrink_kids(parent);
        free_node(n);
        n = parent;
    }
    if (n == &t->root || n->count != 0 || n->kid_count != 1)
        return;
    uint32_t cursor = 0;
    struct zu_trie_node *kid = next_kid(n, &cursor);

    if (!lengthen_edge(kid, n))
        return;
    *kid_place(n->parent, edge_of(n)[0]) = kid;
    kid->parent = n->parent;
    free_node(n);
}

struct zu_trie_node *zu_trie_next(const struct zu_trie *t, const struct zu_trie_node *n)
{
    uint32_t cursor = 0;
    struct zu_trie_node *kid = next_kid(n, &cursor);

    while (!kid && n != &t->root) {
        cursor = cursor_behind(n->parent, n);
        n = n->parent;
        kid = next_kid(n, &cursor);
    }
    return kid;
}

size_t zu_trie_key_size(const struct zu_trie_node *n)
{
    size_t size = 0;

    for (; n; n = n->parent)
        size += n->edge_size;
    return size;
}

void zu_trie_key(const struct zu_trie_node *n, uint8_t *out, size_t size)
{
    for (; n; n = n->parent) {
        size -= n->edge_size;
        memcpy(out + size, edge_of(n), n->edge_size);
    }
}

/* ---- links ---- */

int zu_trie_reserve_link(struct zu_trie_node *n)
{
    if (n->count == 0 || n->count < n->link_room)
        return 0;
    if (n->count > UINT32_MAX / 2)
        return -ENOMEM;
    uint32_t room = n->link_room ? n->link_room * 2 : 4;
    struct zu_trie_link *many =
        zu_realloc(n->link_room ? n->links.many : NULL, room * sizeof *many);

    if (!many)
        return -ENOMEM;
    if (n->link_room == 0)
        many[0] = n->links.one;
    n->links.many = many;
    n->link_room = room;
    return 0;
}

void zu_trie_shrink_links(struct zu_trie_node *n)
{
    if (n->link_room == 0)
        return;
    if (n->count <= 1) {
        struct zu_trie_link *many = n->links.many;

        n->links.one = many[0];
        n->link_room = 0;
        zu_free(many);
    } else if (n->count <= n->link_room / 4) {
        struct zu_trie_link *many = zu_realloc(n->links.many, n->link_room / 2 * sizeof *many);

        if (many) {
            n->links.many = many;
            n->link_room /= 2;
        }
    }
}
