/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/alloc.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

static size_t asked;

static bool refuse_above_100(size_t size)
{
    asked = size;
    return size > 100;
}

static void unrefuse(void)
{
    zu_alloc_refuse = NULL;
}

TestSuite(alloc, .fini = unrefuse);

Test(alloc, gives_a_pointer_of_its_own_for_nothing)
{
    void *a = zu_alloc(0), *b = zu_alloc(0), *c = zu_memdup(NULL, 0);

    cr_assert(a && b && c);
    cr_assert(a != b && b != c && a != c);
    zu_free(a);
    zu_free(b);
    zu_free(c);
    zu_free(NULL);
}

Test(alloc, zeroes_when_asked)
{
    char *p = zu_alloc(64), *q;

    memset(p, 0x55, 64);
    zu_free(p);
    q = zu_alloc_zero(64);
    for (int i = 0; i < 64; i++)
        cr_assert_eq(q[i], 0);
    zu_free(q);
}

Test(alloc, aligns_as_asked)
{
    for (size_t align = sizeof(void *); align <= 4096; align *= 2) {
        void *p = zu_alloc_aligned(align, 24);

        cr_assert(p);
        cr_assert_eq((uintptr_t)p % align, 0, "%zu", align);
        memset(p, 1, 24);
        zu_free(p);
    }
}

Test(alloc, keeps_the_bytes_when_it_moves_them)
{
    char *s = zu_strdup("seventeen letters");

    s = zu_realloc(s, 100000);
    cr_assert_str_eq(s, "seventeen letters");
    zu_free(s);
}

Test(alloc, refuses_sizes_that_no_object_can_have)
{
    volatile size_t absurd = SIZE_MAX;
    char *p = zu_strdup("x");

    cr_assert_null(zu_alloc(absurd));
    cr_assert_null(zu_alloc(absurd / 2 + 1));
    cr_assert_null(zu_alloc_zero(absurd));
    cr_assert_null(zu_alloc_aligned(64, absurd - 10));
    cr_assert_null(zu_realloc(p, absurd));
    cr_assert_str_eq(p, "x");
    zu_free(p);
}

Test(alloc, asks_a_test_before_every_request)
{
    char big[101] = {0};
    char *p = zu_alloc(1);

    zu_alloc_refuse = refuse_above_100;
    cr_assert_null(zu_alloc(101));
    cr_assert_null(zu_alloc_zero(102));
    cr_assert_eq(asked, 102);
    cr_assert_null(zu_alloc_aligned(16, 103));
    cr_assert_null(zu_memdup(big, sizeof big));
    memset(big, 'a', sizeof big - 1);
    cr_assert_null(zu_strdup(big));
    cr_assert_null(zu_realloc(p, 104));
    cr_assert_eq(asked, 104);
    p = zu_realloc(p, 100);
    cr_assert(p);
    zu_free(p);
}
