/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pairing heap: each node is not later than its children, and the children of a node are a list.
 * Two heaps become one by making the later top the first child of the earlier. Taking a node out
 * leaves its children, which are joined two by two from the left and then, one after the other,
 * from the right; that order is what makes removal cheap in the long run. Both passes are loops: a
 * top with a hundred thousand children must not need a hundred thousand stack frames.
 *
 * Equal keys are told apart by the number that each node gets when it comes in.
 */
#include "engine/base/heap.h"

static bool earlier(const struct zu_heap_node *a, const struct zu_heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->seq < b->seq;
}

/* Two tops, neither NULL, without siblings. Gives the one that is the top of both. */
static struct zu_heap_node *join(struct zu_heap_node *a, struct zu_heap_node *b)
{
    if (earlier(b, a)) {
        struct zu_heap_node *swap = a;

        a = b;
        b = swap;
    }
    b->next = a->child;
    if (b->next)
        b->next->prev = b;
    b->prev = a;
    a->child = b;
    a->next = a->prev = NULL;
    return a;
}

/* Joins a list of siblings to one heap. NULL: the list was empty. */
static struct zu_heap_node *join_all(struct zu_heap_node *n)
{
    struct zu_heap_node *pairs = NULL; /* last pair first */
    struct zu_heap_node *top;

    while (n) {
        struct zu_heap_node *a = n, *b = n->next;

        n = b ? b->next : NULL;
        if (b)
            a = join(a, b);
        a->next = pairs;
        pairs = a;
    }
    if (!pairs)
        return NULL;
    top = pairs;
    pairs = pairs->next;
    top->next = top->prev = NULL;
    while (pairs) {
        struct zu_heap_node *a = pairs;

        pairs = a->next;
        top = join(top, a);
    }
    return top;
}

/* Takes a node that is not the top away from its parent and siblings; its children stay with it. */
static void cut(struct zu_heap_node *n)
{
    if (n->prev->child == n)
        n->prev->child = n->next;
    else
        n->prev->next = n->next;
    if (n->next)
        n->next->prev = n->prev;
}

void zu_heap_insert(struct zu_heap *h, struct zu_heap_node *n, uint64_t key)
{
    zu_heap_remove(h, n);
    n->key = key;
    n->seq = h->seq++;
    n->child = n->next = n->prev = NULL;
    n->queued = true;
    h->top = h->top ? join(h->top, n) : n;
}

void zu_heap_remove(struct zu_heap *h, struct zu_heap_node *n)
{
    struct zu_heap_node *rest;

    if (!n->queued)
        return;
    if (n == h->top) {
        h->top = join_all(n->child);
    } else {
        cut(n);
        rest = join_all(n->child);
        if (rest)
            h->top = join(h->top, rest);
    }
    n->child = n->next = n->prev = NULL;
    n->queued = false;
}
