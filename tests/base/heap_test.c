/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/heap.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { MANY = 100000 };

struct item {
    struct zu_heap_node node;
    int born; /* how many were inserted before it */
};

static struct item items[MANY];

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static struct item *pop(struct zu_heap *h)
{
    struct item *it = zu_container_of(h->top, struct item, node);

    zu_heap_remove(h, &it->node);
    cr_assert_not(it->node.queued);
    return it;
}

/* Takes all that is left and asserts that it comes by key and then by birth. Gives how many. */
static int drain(struct zu_heap *h)
{
    struct item *last = NULL;
    int n = 0;

    for (; h->top; n++) {
        struct item *it = pop(h);

        if (last) {
            cr_assert(it->node.key >= last->node.key, "keys go back");
            if (it->node.key == last->node.key)
                cr_assert(it->born > last->born, "equal keys changed places");
        }
        last = it;
    }
    return n;
}

Test(heap, gives_the_earliest_first_and_equals_in_order)
{
    struct zu_heap h = {0};
    uint32_t random = 1;

    for (int i = 0; i < MANY; i++) {
        items[i].born = i;
        zu_heap_insert(&h, &items[i].node, next_random(&random) % 1000);
    }
    cr_assert_eq(drain(&h), MANY);
}

Test(heap, stands_any_order_of_a_hundred_thousand)
{
    struct zu_heap h = {0};

    for (int i = 0; i < MANY; i++) { /* each becomes the new top: a chain */
        items[i].born = i;
        zu_heap_insert(&h, &items[i].node, (uint64_t)(MANY - i));
    }
    cr_assert_eq(drain(&h), MANY);
    for (int i = 0; i < MANY; i++) { /* each becomes a child of the first: a fan */
        items[i].born = i;
        zu_heap_insert(&h, &items[i].node, (uint64_t)i);
    }
    cr_assert_eq(drain(&h), MANY);
}

Test(heap, lets_any_node_go_at_any_time)
{
    struct zu_heap h = {0};
    uint32_t random = 7;
    int inside = 0;

    for (int i = 0; i < MANY; i++)
        items[i].born = -1;
    for (int step = 0, born = 0; step < 5 * MANY; step++) {
        struct item *it = &items[next_random(&random) % MANY];

        if (it->node.queued) {
            zu_heap_remove(&h, &it->node);
            inside--;
        } else {
            it->born = born++;
            zu_heap_insert(&h, &it->node, next_random(&random) % 50);
            inside++;
        }
        if (step % 7 == 0 && h.top) { /* as a timer that fires */
            pop(&h);
            inside--;
        }
    }
    cr_assert_eq(drain(&h), inside);
}

Test(heap, lets_a_node_go_that_is_not_there)
{
    struct zu_heap h = {0};
    struct item it = {0};

    zu_heap_remove(&h, &it.node);
    zu_heap_insert(&h, &it.node, 1);
    zu_heap_remove(&h, &it.node);
    zu_heap_remove(&h, &it.node);
    cr_assert_null(h.top);
}

Test(heap, moves_a_node_that_is_there)
{
    struct zu_heap h = {0};
    struct item a = {0}, b = {0};

    zu_heap_insert(&h, &a.node, 5);
    zu_heap_insert(&h, &b.node, 7);
    zu_heap_insert(&h, &a.node, 9);
    cr_assert_eq(pop(&h), &b);
    cr_assert_eq(pop(&h), &a);
    cr_assert_null(h.top);
}
