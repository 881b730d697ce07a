/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap: an intrusive pairing heap of deadlines, the earliest on top. Equal keys leave in the order
 * in which they came.
 * Thread: the owner's.
 */
#ifndef ZU_BASE_HEAP_H
#define ZU_BASE_HEAP_H

#include "engine/base/base.h"

struct zu_heap_node {
    uint64_t key, seq;
    struct zu_heap_node *child, *next, *prev; /* prev: the elder sibling, or the parent */
    bool queued;
};

struct zu_heap {
    struct zu_heap_node *top;
    uint64_t seq;
};

/* Zeroed: an empty heap, a node in none. A node that is queued already moves to the new key. */
void zu_heap_insert(struct zu_heap *h, struct zu_heap_node *n, uint64_t key);
void zu_heap_remove(struct zu_heap *h, struct zu_heap_node *n); /* harmless when not queued */

#endif
