/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cells: every cell is its holder's alone, whole pages go as soon as nobody holds one of them, and
 * refused memory changes nothing.
 */
#include "patterns/cells.h"

#include "engine/base/alloc.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(cells, .timeout = 600);

enum { HELD = 3000 };

static struct held {
    uint32_t cell;
    uint8_t mark;
    uint16_t size;
} held[HELD];

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint32_t pick(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % below;
}

static bool refuse_all(size_t size)
{
    (void)size;
    return true;
}

static void check(const struct zu_cells *c, const struct held *h)
{
    const uint8_t *at = zu_cells_at(c, h->cell);

    cr_assert_eq((uintptr_t)at % 8, 0);
    cr_assert_geq(zu_cells_size(c, h->cell), h->size);
    for (uint16_t i = 0; i < h->size; i++)
        cr_assert_eq(at[i], h->mark, "a byte of another's");
}

static void take(struct zu_cells *c, struct held *h)
{
    h->size = (uint16_t)(pick(8) ? 1 + pick(60) : 1 + pick(ZU_CELLS_MAX));
    h->mark = (uint8_t)pick(256);
    h->cell = zu_cells_take(c, h->size);
    cr_assert_neq(h->cell, 0);
    memset(zu_cells_at(c, h->cell), h->mark, h->size);
}

static void give(struct zu_cells *c, struct held *h)
{
    check(c, h);
    zu_cells_give(c, h->cell);
    h->cell = 0;
}

Test(cells, are_their_holders_alone)
{
    struct zu_cells c;

    zu_cells_init(&c);
    for (int times = 0; times < 4; times++) {
        for (int round = 0; round < 60000; round++) {
            struct held *h = &held[pick(HELD)];

            if (h->cell)
                give(&c, h);
            else
                take(&c, h);
        }
        for (int i = 0; i < HELD; i++)
            if (held[i].cell)
                give(&c, &held[i]);
        cr_assert_null(c.pages, "without a cell there is no memory");
        cr_assert_eq(c.units, 0);
    }
    cr_assert_eq(zu_cells_take(&c, ZU_CELLS_MAX + 1), 0);
    zu_cells_fini(&c);
}

Test(cells, cost_little_more_than_what_was_asked_for)
{
    enum { MANY = 100000, SIZE = 24 };
    struct zu_cells c;

    zu_cells_init(&c);
    cr_assert_neq(zu_cells_take(&c, SIZE), 0);
    cr_assert_leq(c.units * 8, 256);
    for (int i = 1; i < MANY; i++)
        cr_assert_neq(zu_cells_take(&c, SIZE), 0);
    cr_assert_leq(c.units * 8, MANY * SIZE * 51 / 50);
    zu_cells_fini(&c);
}

Test(cells, a_refused_one_changes_nothing)
{
    struct zu_cells c;
    uint32_t cell;

    zu_cells_init(&c);
    zu_alloc_refuse = refuse_all;
    cr_assert_eq(zu_cells_take(&c, 16), 0);
    cr_assert_null(c.pages);
    zu_alloc_refuse = NULL;
    cell = zu_cells_take(&c, 16);
    cr_assert_neq(cell, 0);
    zu_alloc_refuse = refuse_all;
    cr_assert_eq(zu_cells_take(&c, 1000), 0);
    zu_cells_give(&c, cell); /* needs none */
    zu_alloc_refuse = NULL;
    cr_assert_null(c.pages);
    zu_cells_fini(&c);
}
