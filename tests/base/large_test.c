/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/alloc.h"
#include "engine/base/large.h"

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

Test(large, uses_a_freed_piece_again)
{
    size_t capacity, again;
    void *p = zu_large_alloc(1000000, &capacity);

    zu_large_free(p, capacity);
    zu_alloc_refuse = count;
    p = zu_large_alloc(900000, &again);
#ifdef __SANITIZE_ADDRESS__
    cr_assert_eq(requests, 1, "nothing is kept under the sanitizer");
#else
    cr_assert_eq(requests, 0);
    cr_assert_eq(again, capacity);
#endif
    memset(p, 1, 900000);
    zu_large_free(p, again);
}

Test(large, does_not_use_a_piece_that_is_too_small_or_far_too_large)
{
    size_t capacity;
    void *p = zu_large_alloc(100000, &capacity);

    zu_large_free(p, capacity);
    zu_alloc_refuse = count;
    void *larger = zu_large_alloc(100001, &capacity);

    cr_assert_geq(capacity, 100001);
    memset(larger, 1, 100001);
    void *small = zu_large_alloc(40000, &(size_t){0});

    cr_assert_eq(requests, 2);
    zu_alloc_refuse = NULL;
    zu_large_free(larger, capacity);
    zu_free(small);
}

Test(large, keeps_a_bounded_number_of_pieces)
{
    enum { PIECES = 3 * ZU_LARGE_KEPT };
    void *p[PIECES];
    size_t capacity[PIECES];

    for (int i = 0; i < PIECES; i++)
        p[i] = zu_large_alloc(50000, &capacity[i]);
    for (int i = 0; i < PIECES; i++)
        zu_large_free(p[i], capacity[i]);
    zu_alloc_refuse = count;
    for (int i = 0; i < PIECES; i++)
        p[i] = zu_large_alloc(50000, &capacity[i]);
    cr_assert_geq(requests, PIECES - ZU_LARGE_KEPT);
    zu_alloc_refuse = NULL;
    for (int i = 0; i < PIECES; i++)
        zu_large_free(p[i], capacity[i]);
}

Test(large, says_when_there_is_no_memory)
{
    size_t capacity;

    cr_assert_null(zu_large_alloc(SIZE_MAX / 2, &capacity));
}
