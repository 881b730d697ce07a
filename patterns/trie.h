/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trie: a set of byte strings of which all that begin a given string are found in one walk along
 * it. A radix tree: an edge is a string, so a key costs one or two nodes unless it is very long.
 *
 * Each key has a count, kept by the user: 0 means that the key is not in the set. In a linked trie
 * there is room for as many links behind the count. There a node never moves while its count is not
 * 0, so users may keep its cell; in others nodes move, and what was kept of one is worth nothing
 * after the next call that changes the tree.
 *
 * Nothing here recurses: the depth of the tree is chosen by those who choose the keys, peers.
 *
 * Thread: the owner's. Owner: embedded.
 */
#ifndef ZU_PATTERNS_TRIE_H
#define ZU_PATTERNS_TRIE_H

#include "patterns/cells.h"

/* Packed: it stands in a node, and what is behind it there is not its own. */
struct __attribute__((packed, aligned(4))) zu_trie_link {
    void *who;
    uint32_t back; /* where `who` keeps its half */
};

/* The edge, from the parent to here, lies behind it; without links, where they would be. */
struct zu_trie_node {
    uint32_t parent; /* its cell; 0: the root */
    uint32_t kids;   /* by kid_room: the one; or a cell with more of them */
    uint32_t count;  /* the user's; 0: not a key */
    uint8_t edge_size;
    uint8_t kid_room; /* which of several sizes */
    uint16_t kid_count : 15;
    uint16_t has_many : 1; /* links are elsewhere; else there is one at most */
    union {
        struct zu_trie_link one;
        struct __attribute__((packed, aligned(4))) {
            struct zu_trie_link *many;
            uint32_t link_room;
        };
    } links;
};

struct zu_trie {
    struct zu_trie_node root; /* the empty string */
    struct zu_cells cells;
    size_t keys;      /* nodes with a count; kept by the user */
    size_t many;      /* nodes that have many links */
    uint32_t edge_at; /* where the edge begins in a node */
    uint32_t last;    /* cell of the node that was made last, and its key; 0: not known */
    uint32_t last_size;
    uint8_t *last_key; /* NULL: not yet, or no memory */
};

void zu_trie_init(struct zu_trie *t);
void zu_trie_init_linked(struct zu_trie *t);
void zu_trie_fini(struct zu_trie *t);

/* The node of the key, made when there is none. -ENOMEM: nothing has changed. */
int zu_trie_make(struct zu_trie *t, const void *key, size_t size, struct zu_trie_node **out);
struct zu_trie_node *zu_trie_find(const struct zu_trie *t, const void *key,
                                  size_t size); /* or NULL */
/* The count has become 0: takes what is no longer needed out of the tree. */
void zu_trie_prune(struct zu_trie *t, struct zu_trie_node *n);

/*
 * One step of a walk: the node below n on the way along data, or NULL. *at, 0 at the root, is how
 * much of data lies behind. Every node passed, the root included, is a prefix of data; those with a
 * count are keys.
 */
struct zu_trie_node *zu_trie_descend(const struct zu_trie *t, const struct zu_trie_node *n,
                                     const uint8_t *data, size_t size, size_t *at);

/* All nodes, one after another: begin with the root; NULL at the end. Those without a count are no
 * keys. The tree must not change meanwhile. */
struct zu_trie_node *zu_trie_next(const struct zu_trie *t, const struct zu_trie_node *n);

size_t zu_trie_key_size(const struct zu_trie *t, const struct zu_trie_node *n);
void zu_trie_key(const struct zu_trie *t, const struct zu_trie_node *n, uint8_t *out,
                 size_t size); /* size: the above */

/* A node by its cell, 0 for the root, and the other way round. */
static inline struct zu_trie_node *zu_trie_node(const struct zu_trie *t, uint32_t cell)
{
    return cell ? zu_cells_at(&t->cells, cell) : (struct zu_trie_node *)&t->root;
}

uint32_t zu_trie_cell(const struct zu_trie *t, const struct zu_trie_node *n);

/* In a linked trie. */
static inline struct zu_trie_link *zu_trie_links(struct zu_trie_node *n)
{
    return n->has_many ? n->links.many : &n->links.one;
}

/* Room for one more than count; -ENOMEM. */
int zu_trie_reserve_link(struct zu_trie *t, struct zu_trie_node *n);
/* Gives back what count no longer needs. */
void zu_trie_shrink_links(struct zu_trie *t, struct zu_trie_node *n);

#endif
