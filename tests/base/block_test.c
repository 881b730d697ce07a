/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/alloc.h"
#include "engine/base/block.h"

#include <criterion/criterion.h>
#include <string.h>

static bool refuse_all(size_t size)
{
    (void)size;
    return true;
}

Test(block, is_sole_until_it_is_held)
{
    struct zu_block *b = zu_block_new(4096);

    cr_assert(b);
    cr_assert_eq(b->size, 4096);
    memset(b->data, 1, 4096);
    cr_assert(zu_block_sole(b));
    zu_block_hold(b);
    zu_block_hold(b);
    cr_assert_not(zu_block_sole(b));
    zu_block_drop(b);
    cr_assert_not(zu_block_sole(b));
    zu_block_drop(b);
    cr_assert(zu_block_sole(b));
    cr_assert_eq(b->data[4095], 1);
    zu_block_drop(b); /* the leak checker sees whether this was the last */
}

Test(block, is_null_without_memory)
{
    zu_alloc_refuse = refuse_all;
    cr_assert_null(zu_block_new(16));
    zu_alloc_refuse = NULL;
}
