/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trie: a million keys are as many nodes and more, so a node is small: it lies in a cell, names
 * others by their cells, which are half of a pointer each, and has its edge in itself. Most nodes
 * of a large tree have one key, no kid and a short edge: 24 bytes, and 40 with a link.
 *
 * Kids are one cell's name; then a short array, unsorted, whose first bytes are searched eight in
 * one go; then a table by first byte. The array stands in the node, before its edge, so that a step
 * of a walk looks at one place in memory; in the root, and in a node that may not move when its
 * array must grow, it is in a cell of its own, and so is every table.
 *
 * Topics come in an order, as a rule: the next one begins as the last one did. So the way to a new
 * key begins at the one that was made last, and goes up from there as far as the two differ.
 *
 * Edges are cut at EDGE_MAX: were they not, a peer with one huge topic could make each tiny topic
 * that splits and heals its edge cost a copy of megabytes.
 *
 * Whatever can fail is done before anything is changed. Taking out never needs memory: where two
 * edges could become one but memory for it is refused, the node between them just stays. It stays,
 * too, above a key of a linked trie whose cell has no room for the longer edge, since that key may
 * not move: one such node a key at most, for as soon as the lower one is no key they are joined.
 */
#include "patterns/trie.h"

#include "engine/base/alloc.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define EDGE_MAX 240 /* with a node before it no more than ZU_CELLS_MAX, and it fits edge_size */

#define LAST_MAX  256 /* bytes of a key that is remembered */
#define LAST_KEYS 32  /* a tree with fewer remembers none */

/* How many kids there is room for: of kid_room, or when it is beyond ALL, of what it is beyond. */
static const uint16_t rooms[] = {1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 256};

enum { ONE = 0, FEW_MIN = 1, FEW_MAX = 10, ALL = 11, ALL_ROOM = 256 };

/* The bytes are read in whole words. */
#define FEW_SIZE(room) ((room) * sizeof(uint32_t) + (((room) + 7u) & ~7u))

/* Bytes of the array that stands in a node, by kid_room. */
static const uint16_t inside[ALL + FEW_MAX + 1] = {
    [ALL + 1] = FEW_SIZE(2),  [ALL + 2] = FEW_SIZE(4),  [ALL + 3] = FEW_SIZE(6),
    [ALL + 4] = FEW_SIZE(8),  [ALL + 5] = FEW_SIZE(12), [ALL + 6] = FEW_SIZE(16),
    [ALL + 7] = FEW_SIZE(24), [ALL + 8] = FEW_SIZE(32), [ALL + 9] = FEW_SIZE(48),
    [ALL + 10] = FEW_SIZE(64)};

static_assert(sizeof(struct zu_trie_node) + FEW_SIZE(64) + EDGE_MAX <= ZU_CELLS_MAX, "a cell");

static uint8_t *edge_of(const struct zu_trie *t, const struct zu_trie_node *n)
{
    return (uint8_t *)(uintptr_t)n + t->edge_at + inside[n->kid_room];
}

/* ---- kids ---- */

static uint8_t room_of(const struct zu_trie_node *n)
{
    return n->kid_room > ALL ? n->kid_room - ALL : n->kid_room;
}

static bool has_kids_cell(const struct zu_trie_node *n)
{
    return n->kid_room != ONE && n->kid_room <= ALL;
}

/* Of a few or all: the cells; of a few then as many first bytes; in no order. */
static uint32_t *kids_of(const struct zu_trie *t, const struct zu_trie_node *n)
{
    if (has_kids_cell(n))
        return zu_cells_at(&t->cells, n->kids);
    return (uint32_t *)(void *)((uint8_t *)(uintptr_t)n + t->edge_at);
}

static uint8_t *few_bytes(uint32_t *few, uint8_t room)
{
    return (uint8_t *)(few + rooms[room]);
}

static size_t kids_size(uint8_t room)
{
    return room == ALL ? ALL_ROOM * sizeof(uint32_t) : FEW_SIZE(rooms[room]);
}

/* NULL: none of the first `count` bytes is the one. */
static uint32_t *few_slot(uint32_t *few, const uint8_t *bytes, uint32_t count, uint8_t byte)
{
    const uint64_t ones = UINT64_MAX / UINT8_MAX, tops = ones << 7;

    for (uint32_t i = 0; i < count; i += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, bytes + i, sizeof word);
        word = le64toh(word) ^ ones * byte;
        /* The lowest byte that is 0 has its top bit set here; higher ones may, too. */
        word = (word - ones) & ~word & tops;
        if (word) {
            i += (uint32_t)__builtin_ctzll(word) / 8;
            return i < count ? &few[i] : NULL;
        }
    }
    return NULL;
}

/* Where n keeps the kid whose edge begins with `byte`; NULL: it has none. */
static uint32_t *kid_slot(const struct zu_trie *t, const struct zu_trie_node *n, uint8_t byte)
{
    uint32_t *kids = (uint32_t *)(uintptr_t)&n->kids;

    if (n->kid_count == 0)
        return NULL;
    if (n->kid_room == ONE)
        return *edge_of(t, zu_trie_node(t, n->kids)) == byte ? kids : NULL;
    kids = kids_of(t, n);
    if (n->kid_room == ALL)
        return kids[byte] ? &kids[byte] : NULL;
    return few_slot(kids, few_bytes(kids, room_of(n)), n->kid_count, byte);
}

/* The kids one by one: *cursor is 0 first. 0 at the end. */
static uint32_t next_kid(const struct zu_trie *t, const struct zu_trie_node *n, uint32_t *cursor)
{
    if (n->kid_room == ONE)
        return n->kid_count && (*cursor)++ == 0 ? n->kids : 0;
    const uint32_t *kids = kids_of(t, n);

    if (n->kid_room != ALL)
        return *cursor < n->kid_count ? kids[(*cursor)++] : 0;
    while (*cursor < ALL_ROOM)
        if (kids[(*cursor)++])
            return kids[*cursor - 1];
    return 0;
}

/* What *cursor is after next_kid gave this kid. */
static uint32_t cursor_behind(const struct zu_trie *t, const struct zu_trie_node *n,
                              const struct zu_trie_node *kid)
{
    if (n->kid_room == ONE)
        return 1;
    return (uint32_t)(kid_slot(t, n, *edge_of(t, kid)) - kids_of(t, n)) + 1;
}

/* There is room. */
static void put_kid(struct zu_trie *t, uint32_t cell, uint32_t kid)
{
    struct zu_trie_node *n = zu_trie_node(t, cell), *k = zu_trie_node(t, kid);
    uint8_t byte = *edge_of(t, k);

    if (n->kid_room == ONE) {
        n->kids = kid;
    } else if (n->kid_room == ALL) {
        kids_of(t, n)[byte] = kid;
    } else {
        uint32_t *few = kids_of(t, n);

        few[n->kid_count] = kid;
        few_bytes(few, room_of(n))[n->kid_count] = byte;
    }
    n->kid_count++;
    k->parent = cell;
}

static void drop_kid(struct zu_trie *t, struct zu_trie_node *n, const struct zu_trie_node *kid)
{
    uint32_t *slot = kid_slot(t, n, *edge_of(t, kid));

    n->kid_count--;
    if (n->kid_room == ONE || n->kid_room == ALL) {
        *slot = 0;
    } else {
        uint32_t *few = kids_of(t, n);
        uint8_t *bytes = few_bytes(few, room_of(n));

        bytes[slot - few] = bytes[n->kid_count];
        *slot = few[n->kid_count];
    }
}

/* ---- nodes move ---- */

/* Nobody else knows where it is. */
static bool may_move(const struct zu_trie *t, const struct zu_trie_node *n)
{
    return n != &t->root && (n->count == 0 || t->edge_at < sizeof *n);
}

/* Those around the node learn that it is in that cell, and the cell it was in is free. The slot in
 * its parent is the caller's to set. */
static void moved(struct zu_trie *t, uint32_t from, uint32_t to)
{
    const struct zu_trie_node *n = zu_trie_node(t, to);
    uint32_t cursor = 0, kid;

    while ((kid = next_kid(t, n, &cursor)))
        zu_trie_node(t, kid)->parent = to;
    if (t->last == from)
        t->last = to;
    zu_cells_give(&t->cells, from);
}

/* Kids and their first bytes, on their way from one form to another. */
struct litter {
    uint32_t kid[ALL_ROOM];
    uint8_t byte[ALL_ROOM];
    uint32_t count;
};

static void gather_kids(const struct zu_trie *t, const struct zu_trie_node *n, struct litter *l)
{
    uint32_t cursor = 0, kid;

    l->count = 0;
    while ((kid = next_kid(t, n, &cursor))) {
        l->byte[l->count] = *edge_of(t, zu_trie_node(t, kid));
        l->kid[l->count++] = kid;
    }
}

static void put_litter(struct zu_trie *t, struct zu_trie_node *n, const struct litter *l)
{
    uint32_t *kids = n->kid_room == ONE ? &n->kids : kids_of(t, n);

    if (n->kid_room != ONE)
        memset(kids, 0, kids_size(room_of(n)));
    for (uint32_t i = 0; i < l->count; i++) {
        kids[n->kid_room == ALL ? l->byte[i] : i] = l->kid[i];
        if (n->kid_room != ONE && n->kid_room != ALL)
            few_bytes(kids, room_of(n))[i] = l->byte[i];
    }
}

/*
 * The kids of the node in *cell get the form that has this much room, and it may be in another cell
 * then. -ENOMEM: all is as it was; never for ONE.
 */
static int set_kid_room(struct zu_trie *t, uint32_t *cell, uint8_t room)
{
    struct zu_trie_node *n = zu_trie_node(t, *cell);
    bool few = room >= FEW_MIN && room <= FEW_MAX, within = few && may_move(t, n);
    uint32_t kids_cell = 0, to = *cell, old = has_kids_cell(n) ? n->kids : 0;
    size_t size = t->edge_at + (within ? kids_size(room) : 0) + n->edge_size;
    struct litter l;

    if (room != ONE && !within && !(kids_cell = zu_cells_take(&t->cells, kids_size(room))))
        return -ENOMEM;
    if (may_move(t, n) && (within || n->kid_room > ALL)) {
        to = zu_cells_take(&t->cells, size);
        if (!to && within)
            return -ENOMEM;
        to = to ? to : *cell; /* it only becomes smaller: it may as well stay */
    }
    uint32_t *slot = to == *cell ? NULL : kid_slot(t, zu_trie_node(t, n->parent), *edge_of(t, n));
    struct zu_trie_node *m = zu_trie_node(t, to);
    const uint8_t *edge = edge_of(t, n);

    gather_kids(t, n, &l);
    if (m != n)
        memcpy(m, n, t->edge_at);
    m->kid_room = within ? room + ALL : room;
    memmove(edge_of(t, m), edge, m->edge_size);
    m->kids = kids_cell;
    put_litter(t, m, &l);
    if (old)
        zu_cells_give(&t->cells, old);
    if (slot) {
        *slot = to;
        moved(t, *cell, to);
        *cell = to;
    }
    return 0;
}

/* The node may be in another cell then. */
static int reserve_kid(struct zu_trie *t, uint32_t *cell)
{
    const struct zu_trie_node *n = zu_trie_node(t, *cell);

    return n->kid_count < rooms[room_of(n)] ? 0 : set_kid_room(t, cell, room_of(n) + 1);
}

/* After kids went. Refused memory only means that it stays roomy. Where the node is now. */
static uint32_t shrink_kids(struct zu_trie *t, uint32_t cell)
{
    const struct zu_trie_node *n = zu_trie_node(t, cell);
    uint8_t room = room_of(n);

    while (room > ONE && n->kid_count <= rooms[room - 1] / 4 * 3)
        room--;
    if (n->kid_count <= 1)
        room = ONE;
    if (room != room_of(n))
        (void)set_kid_room(t, &cell, room);
    return cell;
}

/* ---- nodes ---- */

/* `room`: for that many kids, ONE or a few. 0: no memory. */
static uint32_t new_node(struct zu_trie *t, const uint8_t *edge, size_t size, uint8_t room)
{
    uint8_t kid_room = room == ONE ? ONE : ALL + room;
    uint32_t cell = zu_cells_take(&t->cells, t->edge_at + inside[kid_room] + size);

    if (!cell)
        return 0;
    struct zu_trie_node *n = zu_trie_node(t, cell);

    memset(n, 0, t->edge_at + inside[kid_room]);
    n->kid_room = kid_room;
    n->edge_size = (uint8_t)size;
    memcpy(edge_of(t, n), edge, size);
    return cell;
}

static void free_links(struct zu_trie *t, struct zu_trie_node *n)
{
    if (!n->has_many)
        return;
    zu_free(n->links.many);
    n->has_many = false;
    t->many--;
}

static void free_node(struct zu_trie *t, uint32_t cell)
{
    struct zu_trie_node *n = zu_trie_node(t, cell);

    if (has_kids_cell(n))
        zu_cells_give(&t->cells, n->kids);
    free_links(t, n);
    if (t->last == cell)
        t->last = 0;
    zu_cells_give(&t->cells, cell);
}

/* Takes the first `size` bytes, not all, off the edge. */
static void shorten_edge(struct zu_trie *t, struct zu_trie_node *n, size_t size)
{
    n->edge_size -= (uint8_t)size;
    memmove(edge_of(t, n), edge_of(t, n) + size, n->edge_size);
}

/* Puts what is on above's edge before the node's own. Where it is now; 0: it cannot be, and all is
 * as it was. */
static uint32_t lengthen_edge(struct zu_trie *t, uint32_t cell, const struct zu_trie_node *above)
{
    struct zu_trie_node *n = zu_trie_node(t, cell);
    size_t edge_size = (size_t)above->edge_size + n->edge_size;
    size_t size = t->edge_at + inside[n->kid_room] + edge_size;

    if (edge_size > EDGE_MAX)
        return 0;
    if (size > zu_cells_size(&t->cells, cell)) {
        uint32_t to = may_move(t, n) ? zu_cells_take(&t->cells, size) : 0;

        if (!to)
            return 0;
        memcpy(zu_trie_node(t, to), n, size - above->edge_size);
        moved(t, cell, to);
        n = zu_trie_node(t, to);
        cell = to;
    }
    uint8_t *edge = edge_of(t, n);

    memmove(edge + above->edge_size, edge, n->edge_size);
    memcpy(edge, edge_of(t, above), above->edge_size);
    n->edge_size = (uint8_t)edge_size;
    return cell;
}

/* ---- the tree ---- */

void zu_trie_init(struct zu_trie *t)
{
    memset(t, 0, sizeof *t);
    zu_cells_init(&t->cells);
    t->edge_at = offsetof(struct zu_trie_node, links);
}

void zu_trie_init_linked(struct zu_trie *t)
{
    zu_trie_init(t);
    t->edge_at = sizeof(struct zu_trie_node);
}

void zu_trie_fini(struct zu_trie *t)
{
    uint32_t edge_at = t->edge_at;

    for (struct zu_trie_node *n = &t->root; n && t->many > 0; n = zu_trie_next(t, n))
        free_links(t, n);
    zu_cells_fini(&t->cells);
    zu_free(t->last_key);
    zu_trie_init(t);
    t->edge_at = edge_at;
}

uint32_t zu_trie_cell(const struct zu_trie *t, const struct zu_trie_node *n)
{
    return n == &t->root ? 0 : *kid_slot(t, zu_trie_node(t, n->parent), *edge_of(t, n));
}

/* Frees a branch that is in no tree. */
static void free_branch(struct zu_trie *t, uint32_t cell)
{
    while (cell) {
        const struct zu_trie_node *n = zu_trie_node(t, cell);
        uint32_t kid = n->kid_count ? n->kids : 0;

        free_node(t, cell);
        cell = kid;
    }
}

/* The nodes for a new key's own bytes, at least one: the first, *last is the key's. 0: no memory.
 */
static uint32_t new_branch(struct zu_trie *t, const uint8_t *bytes, size_t size, uint32_t *last)
{
    uint32_t first = 0, above = 0;

    while (size > 0) {
        size_t piece = ZU_MIN(size, (size_t)EDGE_MAX);
        uint32_t cell = new_node(t, bytes, piece, ONE);

        if (!cell) {
            free_branch(t, first);
            return 0;
        }
        if (above)
            put_kid(t, above, cell); /* the first kid needs no memory */
        else
            first = cell;
        above = cell;
        bytes += piece;
        size -= piece;
    }
    *last = above;
    return first;
}

static int add_branch(struct zu_trie *t, uint32_t parent, const uint8_t *bytes, size_t size,
                      uint32_t *out)
{
    uint32_t last, first = new_branch(t, bytes, size, &last);

    if (!first)
        return -ENOMEM;
    if (reserve_kid(t, &parent) < 0) {
        free_branch(t, first);
        return -ENOMEM;
    }
    put_kid(t, parent, first);
    *out = last;
    return 0;
}

/* How far an edge, at least one byte of it, goes along the key. */
static size_t common(const uint8_t *edge, size_t edge_size, const uint8_t *key, size_t size)
{
    size_t most = ZU_MIN(size, edge_size), i = 1;

    while (i + sizeof(uint64_t) <= most && memcmp(edge + i, key + i, sizeof(uint64_t)) == 0)
        i += sizeof(uint64_t);
    while (i < most && edge[i] == key[i])
        i++;
    return i;
}

/* Puts a node into the slot, above the one that is there, `size` bytes along its edge, with a
 * branch for the rest of the key when there is a rest. */
static int split(struct zu_trie *t, uint32_t *slot, size_t size, const uint8_t *rest,
                 size_t rest_size, uint32_t *out)
{
    uint32_t cell = *slot, first, last;
    struct zu_trie_node *n = zu_trie_node(t, cell);
    uint32_t mid = last = new_node(t, edge_of(t, n), size, rest_size > 0 ? FEW_MIN : ONE);

    if (!mid)
        return -ENOMEM;
    if (rest_size > 0) {
        first = new_branch(t, rest, rest_size, &last);
        if (!first) {
            free_node(t, mid);
            return -ENOMEM;
        }
        put_kid(t, mid, first);
    }
    *slot = mid;
    zu_trie_node(t, mid)->parent = n->parent;
    shorten_edge(t, n, size);
    put_kid(t, mid, cell);
    *out = last;
    return 0;
}

/* Where the way to the key may begin: the cell; *at is how much of the key lies behind. */
static uint32_t near_last(const struct zu_trie *t, const uint8_t *key, size_t size, size_t *at)
{
    size_t depth = t->last_size, same;
    uint32_t cell = t->last;

    *at = 0;
    if (!cell || size == 0 || depth == 0 || *key != *t->last_key)
        return 0;
    same = common(t->last_key, depth, key, size);
    if (same < depth / 2)
        return 0; /* from the root it is nearer */
    while (depth > same) {
        const struct zu_trie_node *n = zu_trie_node(t, cell);

        depth -= n->edge_size;
        cell = n->parent;
    }
    *at = depth;
    return cell;
}

static void remember(struct zu_trie *t, uint32_t cell, const void *key, size_t size)
{
    if (!t->last_key && t->keys >= LAST_KEYS)
        t->last_key = zu_alloc(LAST_MAX); /* without it all is as well, but slower */
    t->last = t->last_key && size <= LAST_MAX ? cell : 0;
    if (!t->last)
        return;
    memcpy(t->last_key, key, size);
    t->last_size = (uint32_t)size;
}

static int make(struct zu_trie *t, uint32_t cell, const uint8_t *at, const uint8_t *end,
                uint32_t *out)
{
    struct zu_trie_node *n = zu_trie_node(t, cell);

    while (at < end) {
        uint32_t *slot = kid_slot(t, n, *at);

        if (!slot)
            return add_branch(t, cell, at, (size_t)(end - at), out);
        cell = *slot;
        n = zu_trie_node(t, cell);
        size_t same = common(edge_of(t, n), n->edge_size, at, (size_t)(end - at));

        at += same;
        if (same < n->edge_size)
            return split(t, slot, same, at, (size_t)(end - at), out);
    }
    *out = cell;
    return 0;
}

int zu_trie_make(struct zu_trie *t, const void *key, size_t size, struct zu_trie_node **out)
{
    const uint8_t *bytes = key;
    uint32_t cell;
    size_t at;
    int rc;

    cell = near_last(t, bytes, size, &at);
    rc = make(t, cell, bytes + at, bytes + size, &cell);
    if (rc < 0)
        return rc;
    remember(t, cell, key, size);
    *out = zu_trie_node(t, cell);
    return 0;
}

struct zu_trie_node *zu_trie_descend(const struct zu_trie *t, const struct zu_trie_node *n,
                                     const uint8_t *data, size_t size, size_t *at)
{
    if (*at == size)
        return NULL;
    const uint32_t *slot = kid_slot(t, n, data[*at]);

    if (!slot)
        return NULL;
    struct zu_trie_node *kid = zu_trie_node(t, *slot);

    if (kid->edge_size > size - *at ||
        common(edge_of(t, kid), kid->edge_size, data + *at, kid->edge_size) < kid->edge_size)
        return NULL;
    *at += kid->edge_size;
    return kid;
}

struct zu_trie_node *zu_trie_find(const struct zu_trie *t, const void *key, size_t size)
{
    const struct zu_trie_node *n = &t->root;
    size_t at = 0;

    while (n && at < size)
        n = zu_trie_descend(t, n, key, size, &at);
    return (struct zu_trie_node *)(uintptr_t)n;
}

/* A node that is no key and has one kid: the two become one. */
static void join(struct zu_trie *t, const struct zu_trie_node *n)
{
    if (n == &t->root || n->count != 0 || n->kid_count != 1)
        return;
    uint32_t *slot = kid_slot(t, zu_trie_node(t, n->parent), *edge_of(t, n));
    uint32_t cursor = 0, cell = *slot, kid = lengthen_edge(t, next_kid(t, n, &cursor), n);

    if (!kid)
        return;
    zu_trie_node(t, kid)->parent = n->parent;
    *slot = kid;
    free_node(t, cell);
}

void zu_trie_prune(struct zu_trie *t, struct zu_trie_node *n)
{
    while (n != &t->root && n->count == 0 && n->kid_count == 0) {
        uint32_t cell = zu_trie_cell(t, n), parent = n->parent;

        drop_kid(t, zu_trie_node(t, parent), n);
        free_node(t, cell);
        n = zu_trie_node(t, shrink_kids(t, parent));
    }
    if (n == &t->root || n->count != 0)
        return;
    const struct zu_trie_node *parent = zu_trie_node(t, n->parent);

    if (n->kid_count == 1)
        join(t, n);
    join(t, parent); /* it may have stayed because n was a key */
}

struct zu_trie_node *zu_trie_next(const struct zu_trie *t, const struct zu_trie_node *n)
{
    uint32_t cursor = 0, kid = next_kid(t, n, &cursor);

    while (!kid && n != &t->root) {
        const struct zu_trie_node *parent = zu_trie_node(t, n->parent);

        cursor = cursor_behind(t, parent, n);
        n = parent;
        kid = next_kid(t, n, &cursor);
    }
    return kid ? zu_trie_node(t, kid) : NULL;
}

size_t zu_trie_key_size(const struct zu_trie *t, const struct zu_trie_node *n)
{
    size_t size = 0;

    for (; n != &t->root; n = zu_trie_node(t, n->parent))
        size += n->edge_size;
    return size;
}

void zu_trie_key(const struct zu_trie *t, const struct zu_trie_node *n, uint8_t *out, size_t size)
{
    for (; n != &t->root; n = zu_trie_node(t, n->parent)) {
        size -= n->edge_size;
        memcpy(out + size, edge_of(t, n), n->edge_size);
    }
}

/* ---- links ---- */

int zu_trie_reserve_link(struct zu_trie *t, struct zu_trie_node *n)
{
    uint32_t had = n->has_many ? n->links.link_room : 1;

    if (n->count < had)
        return 0;
    if (n->count > UINT32_MAX / 2)
        return -ENOMEM;
    uint32_t room = n->has_many ? had * 2 : 4;
    struct zu_trie_link *many = zu_realloc(n->has_many ? n->links.many : NULL, room * sizeof *many);

    if (!many)
        return -ENOMEM;
    if (!n->has_many) {
        many[0] = n->links.one;
        n->has_many = true;
        t->many++;
    }
    n->links.many = many;
    n->links.link_room = room;
    return 0;
}

void zu_trie_shrink_links(struct zu_trie *t, struct zu_trie_node *n)
{
    struct zu_trie_link *many = n->links.many;

    if (!n->has_many)
        return;
    if (n->count <= 1) {
        struct zu_trie_link last = many[0];

        free_links(t, n);
        n->links.one = last;
    } else if (n->count <= n->links.link_room / 4) {
        many = zu_realloc(many, n->links.link_room / 2 * sizeof *many);
        if (many) {
            n->links.many = many;
            n->links.link_room /= 2;
        }
    }
}
