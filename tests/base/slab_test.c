/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/alloc.h"
#include "engine/base/slab.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

Test(slab, puts_bodies_side_by_side)
{
    struct zu_slab s = {0};
    struct zu_block *first, *second;
    uint8_t *a = zu_slab_take(&s, 34, &first), *b = zu_slab_take(&s, 100, &second);

    cr_assert_eq(first, second);
    cr_assert_geq(b, a + 34);
    cr_assert_eq((uintptr_t)b % 8, 0);
    zu_block_drop(first);
    zu_block_drop(second);
    zu_slab_fini(&s);
}

Test(slab, begins_a_new_block_when_one_is_full)
{
    struct zu_slab s = {0};
    struct zu_block *first, *owner;

    memset(zu_slab_take(&s, ZU_SLAB_MAX, &first), 1, ZU_SLAB_MAX);
    do
        memset(zu_slab_take(&s, ZU_SLAB_MAX, &owner), 2, ZU_SLAB_MAX);
    while (owner == first && (zu_block_drop(owner), true));
    cr_assert_eq(first->data[0], 1, "what was handed out lives on");
    cr_assert(zu_block_sole(first), "and nothing else keeps its block");
    zu_block_drop(first);
    zu_block_drop(owner);
    zu_slab_fini(&s);
}

Test(slab, has_counts_enough_for_the_smallest_bodies)
{
    struct zu_slab s = {0};
    struct zu_block *owner, *blocks[ZU_SLAB_SIZE];
    size_t n = 0;

    zu_slab_take(&s, 1, &owner);
    blocks[n++] = owner;
    for (zu_slab_take(&s, 1, &owner); owner == blocks[0]; zu_slab_take(&s, 1, &owner))
        blocks[n++] = owner;
    cr_assert_eq(n, ZU_SLAB_SIZE / 8);
    for (size_t i = 0; i < n; i++)
        zu_block_drop(blocks[i]);
    zu_block_drop(owner);
    zu_slab_fini(&s);
}

static bool refuse(size_t size)
{
    (void)size;
    return true;
}

Test(slab, keeps_what_it_has_when_there_is_no_memory)
{
    struct zu_slab s = {0};
    struct zu_block *first, *owner;

    zu_slab_take(&s, ZU_SLAB_MAX, &first);
    zu_alloc_refuse = refuse;
    while (zu_slab_take(&s, ZU_SLAB_MAX, &owner))
        zu_block_drop(owner);
    cr_assert_eq(s.block, first);
    zu_alloc_refuse = NULL;
    cr_assert_not_null(zu_slab_take(&s, ZU_SLAB_MAX, &owner));
    cr_assert_neq(owner, first);
    zu_block_drop(owner);
    zu_block_drop(first);
    zu_slab_fini(&s);
}

/* ---- a thread's own ---- */

static void *take_in_thread(void *arg)
{
    struct zu_block **owner = arg;

    return zu_slab_take(zu_slab_of_thread(), 100, owner);
}

Test(slab, of_a_thread_is_its_own_and_ends_with_it)
{
    struct zu_block *mine, *others;
    pthread_t thread;
    void *body;

    cr_assert_eq(zu_slab_of_thread(), zu_slab_of_thread());
    cr_assert_not_null(zu_slab_take(zu_slab_of_thread(), 100, &mine));
    cr_assert_eq(pthread_create(&thread, NULL, take_in_thread, &others), 0);
    cr_assert_eq(pthread_join(thread, &body), 0);
    cr_assert_neq(mine, others);
    memset(body, 1, 100);
    cr_assert(zu_block_sole(others), "only the body keeps the block of a thread that has ended");
    zu_block_drop(others);
    zu_block_drop(mine);
}

Test(slab, counts_of_one_block_are_dropped_together)
{
    struct zu_slab s = {0};
    struct zu_block *first, *second;
    struct zu_tally tally = {0};

    zu_slab_take(&s, 100, &first);
    zu_slab_take(&s, 100, &first);
    zu_slab_take(&s, 100, &first);
    zu_slab_fini(&s);
    zu_slab_take(&s, 100, &second);
    zu_slab_fini(&s);
    zu_tally_drop(&tally, first);
    zu_tally_drop(&tally, first);
    cr_assert_not(zu_block_sole(first));
    zu_tally_drop(&tally, second);
    cr_assert(zu_block_sole(first));
    zu_block_drop(first);
    zu_tally_settle(&tally); /* a leak otherwise */
    cr_assert_null(tally.block);
}
