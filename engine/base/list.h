/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list: an intrusive doubly linked ring. A head is a node that belongs to no object; a node that
 * is in no list points at itself.
 * Thread: the owner's.
 */
#ifndef ZU_BASE_LIST_H
#define ZU_BASE_LIST_H

#include "engine/base/base.h"

struct zu_list {
    struct zu_list *next, *prev;
};

static inline void zu_list_init(struct zu_list *l)
{
    l->next = l->prev = l;
}

/* True for an empty head, and for a node that is in no list. */
static inline bool zu_list_empty(const struct zu_list *l)
{
    return l->next == l;
}

static inline void zu_list_append(struct zu_list *head, struct zu_list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Harmless for a node that is in no list. */
static inline void zu_list_remove(struct zu_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    zu_list_init(node);
}

static inline struct zu_list *zu_list_pop(struct zu_list *head)
{
    struct zu_list *first = head->next;

    if (first == head)
        return NULL;
    zu_list_remove(first);
    return first;
}

/* The body may remove `it`, and nothing else. */
#define zu_list_each(it, head)                                                                     \
    for (struct zu_list *it = (head)->next, *it##_next = it->next; it != (head);                   \
         it = it##_next, it##_next = it->next)

#endif
