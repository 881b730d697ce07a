/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/alloc.h"
#include "engine/base/kept.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

static _Atomic size_t requests;

static bool count(size_t size)
{
    (void)size;
    requests++;
    return false;
}

Test(kept, uses_a_freed_piece_again)
{
    size_t capacity, again;
    void *p = zu_kept_alloc(1000000, &capacity);

    zu_kept_free(p, capacity);
    zu_alloc_refuse = count;
    p = zu_kept_alloc(990000, &again);
#ifdef __SANITIZE_ADDRESS__
    cr_assert_eq(requests, 1, "nothing is kept under the sanitizer");
#else
    cr_assert_eq(requests, 0);
    cr_assert_eq(again, capacity);
#endif
    memset(p, 1, 990000);
    zu_kept_free(p, again);
}

Test(kept, a_piece_serves_what_is_a_little_smaller_and_nothing_else)
{
    size_t capacity, other;
    void *p = zu_kept_alloc(100000, &capacity);

    zu_kept_free(p, capacity);
    zu_alloc_refuse = count;
    void *larger = zu_kept_alloc(capacity + 1, &other);

    cr_assert_geq(other, capacity + 1);
    memset(larger, 1, capacity + 1);
    void *small = zu_kept_alloc(40000, &(size_t){0});

    cr_assert_eq(requests, 2);
    zu_alloc_refuse = NULL;
    zu_kept_free(larger, other);
    zu_free(small);
}

static void in_each_size(void (*try)(size_t size))
{
    for (size_t size = ZU_KEPT_MIN; size <= ZU_KEPT_MAX; size += size / 9) {
        try(size);
        try(size + 1);
    }
    try(ZU_KEPT_MAX - 1);
    try(ZU_KEPT_MAX);
    try(ZU_KEPT_MAX + 1);
}

static void is_large_enough(size_t size)
{
    size_t capacity;
    uint8_t *p = zu_kept_alloc(size, &capacity);

    cr_assert_geq(capacity, size);
    cr_assert_leq(capacity, size + size / 8 + 1);
    p[0] = p[capacity - 1] = 1;
    zu_kept_free(p, capacity);
}

Test(kept, rounds_by_an_eighth_at_most)
{
    in_each_size(is_large_enough);
}

#ifndef __SANITIZE_ADDRESS__

static size_t bytes;

static bool count_bytes(size_t size)
{
    requests++;
    bytes += size;
    return false;
}

/* How many of `n` pieces were kept since they were freed. */
static size_t found_again(void **p, size_t *capacity, size_t n, size_t size)
{
    requests = 0;
    zu_alloc_refuse = count_bytes;
    for (size_t i = 0; i < n; i++)
        p[i] = zu_kept_alloc(size, &capacity[i]);
    zu_alloc_refuse = NULL;
    return n - requests;
}

Test(kept, keeps_as_much_as_is_in_use_and_a_little_more)
{
    enum { PIECES = 300, SIZE = 512 * 1024 };
    const size_t spare = ZU_KEPT_SPARE / SIZE;
    void *p[PIECES];
    size_t capacity[PIECES];

    cr_assert_eq(found_again(p, capacity, PIECES, SIZE), 0);
    for (int i = 0; i < PIECES / 2; i++) /* half of it stays in use */
        zu_kept_free(p[i], capacity[i]);
    cr_assert_eq(found_again(p, capacity, PIECES / 2, SIZE), PIECES / 2);
    for (int i = 0; i < PIECES; i++) /* and now nothing */
        zu_kept_free(p[i], capacity[i]);
    size_t again = found_again(p, capacity, PIECES, SIZE);

    cr_assert_leq(again, spare, "%zu", again);
    cr_assert_geq(again, spare - 1, "%zu", again);
    for (int i = 0; i < PIECES; i++)
        zu_kept_free(p[i], capacity[i]);
}

Test(kept, gives_back_what_it_has_too_much_of_whatever_its_size)
{
    enum { PIECES = 64, SIZE = 1024 * 1024 };
    void *p[PIECES], *q[PIECES];
    size_t capacity[PIECES], other[PIECES];

    found_again(p, capacity, PIECES, SIZE);
    found_again(q, other, PIECES, SIZE / 2);
    for (int i = 0; i < PIECES; i++)
        zu_kept_free(p[i], capacity[i]); /* 32 MiB in use: 48 of them are kept */
    for (int i = 0; i < PIECES; i++)
        zu_kept_free(q[i], other[i]);
    size_t large = found_again(p, capacity, PIECES, SIZE);
    size_t small = found_again(q, other, PIECES, SIZE / 2);

    cr_assert_leq(large * SIZE + small * SIZE / 2, ZU_KEPT_SPARE + SIZE, "%zu, %zu", large, small);
    for (int i = 0; i < PIECES; i++) {
        zu_kept_free(p[i], capacity[i]);
        zu_kept_free(q[i], other[i]);
    }
}

Test(kept, makes_room_for_the_sizes_that_are_used_now)
{
    enum { PIECES = 64, SIZE = 512 * 1024, NOW = 3 * 1024 * 1024 };
    void *p[PIECES];
    size_t capacity[PIECES];

    found_again(p, capacity, PIECES, SIZE);
    for (int i = 0; i < PIECES; i++)
        zu_kept_free(p[i], capacity[i]);
    for (int i = 0; i < PIECES; i++) { /* from now on only these, one at a time */
        found_again(p, capacity, 1, NOW);
        zu_kept_free(p[0], capacity[0]);
    }
    cr_assert_eq(found_again(p, capacity, 1, NOW), 1);
    cr_assert_leq(zu_kept_idle(), ZU_KEPT_SPARE + capacity[0], "%zu", zu_kept_idle());
    zu_kept_free(p[0], capacity[0]);
}

#endif

Test(kept, says_when_there_is_no_memory)
{
    size_t capacity;

    cr_assert_null(zu_kept_alloc(SIZE_MAX / 2, &capacity));
}
