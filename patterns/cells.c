/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cells: pages of up to 16 KiB, each for cells of one size, of which there are a few classes. Pages
 * are small at first and grow with what is there, so that neither a single cell nor a million of
 * them leaves much unused. A page whose last cell goes is freed at once.
 *
 * The pages of a class that have room are a ring of numbers, `open` names one of them; a page that
 * becomes full leaves it, one that was full and loses a cell comes back. Free cells of a page form
 * a list, each holds the place of the next; behind `fresh` no cell was ever taken.
 */
#include "patterns/cells.h"

#include "engine/base/alloc.h"

#define UNIT       sizeof(uint64_t)
#define UNITS_MIN  32u                    /* of a page, its head included */
#define UNITS_MAX  (1u << ZU_CELLS_SHIFT) /* 16 KiB */
#define SLACK      8u                     /* a new page is this part of what is there already */
#define PAGES_MAX  (1u << (32 - ZU_CELLS_SHIFT))
#define HEAD_UNITS ((uint32_t)(sizeof(struct zu_cells_page) / UNIT))

struct zu_cells_page {
    uint32_t next, prev; /* in the ring, while there is room */
    uint16_t free;       /* place of the first free cell; 0: none */
    uint16_t fresh;      /* place of the first that was never taken */
    uint16_t end;        /* units of the page */
    uint16_t used;       /* cells taken */
    uint8_t class;
    uint8_t unused[7];
};

static_assert(sizeof(struct zu_cells_page) % UNIT == 0, "cells stand at whole units");

/* In units. */
static const uint8_t class_units[ZU_CELLS_CLASSES] = {
    2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48, 64, 80, 96, 128, 132};

static_assert(ZU_CELLS_MAX == 132 * UNIT, "the largest class");

void zu_cells_init(struct zu_cells *c)
{
    *c = (struct zu_cells){.lowest = 1};
}

void zu_cells_fini(struct zu_cells *c)
{
    for (uint32_t i = 1; i < c->page_count; i++)
        zu_free(c->pages[i]);
    zu_free(c->pages);
    zu_cells_init(c);
}

static uint8_t class_of(size_t size)
{
    uint8_t class = 0;

    while (class_units[class] * UNIT < size)
        class ++;
    return class;
}

/* ---- the ring of pages with room ---- */

static void put_in_ring(struct zu_cells *c, uint32_t number)
{
    struct zu_cells_page *page = c->pages[number];
    uint32_t *open = &c->open[page->class];

    if (*open == 0) {
        page->next = page->prev = number;
    } else {
        page->next = *open;
        page->prev = c->pages[*open]->prev;
        c->pages[page->prev]->next = number;
        c->pages[page->next]->prev = number;
    }
    *open = number;
}

static void take_from_ring(struct zu_cells *c, uint32_t number)
{
    struct zu_cells_page *page = c->pages[number];
    uint32_t *open = &c->open[page->class];

    c->pages[page->prev]->next = page->next;
    c->pages[page->next]->prev = page->prev;
    if (*open == number)
        *open = page->next == number ? 0 : page->next;
}

static bool has_room(const struct zu_cells_page *page)
{
    return page->free != 0 || page->fresh + class_units[page->class] <= page->end;
}

/* ---- pages ---- */

/* A number that no page has. 0: no memory. */
static uint32_t free_number(struct zu_cells *c)
{
    while (c->lowest < c->page_count && c->pages[c->lowest])
        c->lowest++;
    if (c->lowest < c->page_count)
        return c->lowest;
    if (c->lowest == c->page_room || c->page_room == 0) {
        uint32_t room = c->page_room ? c->page_room * 2 : 4;
        struct zu_cells_page **pages =
            room > PAGES_MAX ? NULL : zu_realloc(c->pages, room * sizeof(*pages));

        if (!pages)
            return 0;
        pages[0] = NULL;
        c->pages = pages;
        c->page_room = room;
    }
    c->page_count = c->lowest + 1;
    c->pages[c->lowest] = NULL;
    return c->lowest;
}

static bool add_page(struct zu_cells *c, uint8_t class)
{
    uint32_t number = free_number(c), units = ZU_MIN(c->units / SLACK, UNITS_MAX);

    if (number == 0)
        return false;
    units = ZU_MAX(units, ZU_MAX(UNITS_MIN, HEAD_UNITS + class_units[class]));
    struct zu_cells_page *page = zu_alloc(units * UNIT);

    if (!page)
        return false;
    *page = (struct zu_cells_page){
        .fresh = (uint16_t)HEAD_UNITS, .end = (uint16_t)units, .class = class};
    c->pages[number] = page;
    c->units += units;
    c->live++;
    put_in_ring(c, number);
    return true;
}

static void remove_page(struct zu_cells *c, uint32_t number)
{
    struct zu_cells_page *page = c->pages[number];

    c->units -= page->end;
    c->pages[number] = NULL;
    c->lowest = ZU_MIN(c->lowest, number);
    zu_free(page);
    if (--c->live == 0)
        zu_cells_fini(c);
}

/* ---- cells ---- */

uint32_t zu_cells_take(struct zu_cells *c, size_t size)
{
    /* A request for memory like any other: tests may refuse each. */
    if (size > ZU_CELLS_MAX || zu_unlikely(zu_alloc_refuse && zu_alloc_refuse(size)))
        return 0;
    uint8_t class = class_of(size);

    if (c->open[class] == 0 && !add_page(c, class))
        return 0;
    uint32_t number = c->open[class], place;
    struct zu_cells_page *page = c->pages[number];

    if (page->free) {
        place = page->free;
        page->free = *(uint16_t *)(void *)((uint64_t *)(void *)page + place);
    } else {
        place = page->fresh;
        page->fresh += class_units[class];
    }
    page->used++;
    if (!has_room(page))
        take_from_ring(c, number);
    return number << ZU_CELLS_SHIFT | place;
}

void zu_cells_give(struct zu_cells *c, uint32_t cell)
{
    uint32_t number = cell >> ZU_CELLS_SHIFT;
    struct zu_cells_page *page = c->pages[number];

    if (!has_room(page))
        put_in_ring(c, number);
    *(uint16_t *)zu_cells_at(c, cell) = page->free;
    page->free = (uint16_t)(cell & (UNITS_MAX - 1));
    if (--page->used > 0)
        return;
    take_from_ring(c, number);
    remove_page(c, number);
}

size_t zu_cells_size(const struct zu_cells *c, uint32_t cell)
{
    return class_units[c->pages[cell >> ZU_CELLS_SHIFT]->class] * UNIT;
}
