/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trie: a set of byte strings of which all that begin a given string are found in one walk along
 * it. A radix tree: an edge is a string, so a key costs one or two nodes unless it is very long.
 *
 * Each key has a count, kept by the user: 0 means that the key is not in the set. Behind the count
 * there is room for as many links. A node never moves while its count is not 0, so users may keep
 * pointers to it.
 *
 * Nothing here recurses: the depth of the tree is chosen by those who choose the keys, peers.
 *
 * Thread: the owner's. Owner: embedded.
 */
#ifndef ZU_PATTERNS_TRIE_H
#define ZU_PATTERNS_TRIE_H

#include "engine/base/base.h"

#define ZU_TRIE_NEAR 16 /* edges of up to this many bytes lie in the node */

struct zu_trie_kids;

struct zu_trie_link {
    void *who;
    uint32_t back; /* where `who` keeps its half */
};

struct zu_trie_node {
    struct zu_trie_node *parent;
    union { /* by kid_room: 0, up to 64, 256 */
        struct zu_trie_node *one;
        struct zu_trie_node **few; /* kid_room pointers, then kid_room first bytes; in no order */
        struct zu_trie_node **all; /* by first byte */
    } kids;
    union {
        uint8_t near[ZU_TRIE_NEAR];
        uint8_t *far;
    } edge; /* from the parent to here */
    uint32_t edge_size;
    uint16_t kid_count, kid_room;

    uint32_t count;     /* the user's; 0: not a key */
    uint32_t link_room; /* 0: one link, in the node */
    union {
        struct zu_trie_link one;
        struct zu_trie_link *many;
    } links;
};

struct zu_trie {
    struct zu_trie_node root; /* the empty string */
    size_t keys;              /* nodes with a count; kept by the user */
};

void zu_trie_init(struct zu_trie *t);
void zu_trie_fini(struct zu_trie *t);

/* The node of the key, made when there is none. -ENOMEM: nothing has changed. */
int zu_trie_make(struct zu_trie *t, const void *key, size_t size, struct zu_trie_node **out);
struct zu_trie_node *zu_trie_find(struct zu_trie *t, const void *key, size_t size); /* or NULL */
/* The count has become 0: takes what is no longer needed out of the tree. */
void zu_trie_prune(struct zu_trie *t, struct zu_trie_node *n);

/*
 * One step of a walk: the node below n on the way along data, or NULL. *at, 0 at the root, is how
 * much of data lies behind. Every node passed, the root included, is a prefix of data; those with a
 * count are keys.
 */
struct zu_trie_node *zu_trie_descend(const struct zu_trie_node *n, const uint8_t *data, size_t size,
                                     size_t *at);

/* All nodes, one after another: begin with the root; NULL at the end. Those without a count are no
 * keys. The tree must not change meanwhile. */
struct zu_trie_node *zu_trie_next(const struct zu_trie *t, const struct zu_trie_node *n);

size_t zu_trie_key_size(const struct zu_trie_node *n);
void zu_trie_key(const struct zu_trie_node *n, uint8_t *out, size_t size); /* size: the above */

static inline struct zu_trie_link *zu_trie_links(struct zu_trie_node *n)
{
    return n->link_room ? n->links.many : &n->links.one;
}

int zu_trie_reserve_link(struct zu_trie_node *n);  /* room for one more than count; -ENOMEM */
void zu_trie_shrink_links(struct zu_trie_node *n); /* gives back what count no longer needs */

#endif
