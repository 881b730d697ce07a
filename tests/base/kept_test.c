/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/kept.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

static struct zu_kept k;
static int pieces[2 * ZU_KEPT_MAX];

#ifndef __SANITIZE_ADDRESS__

Test(kept, gives_back_what_was_put)
{
    cr_assert_null(zu_kept_take(&k));
    cr_assert(zu_kept_put(&k, &pieces[0]));
    cr_assert(zu_kept_put(&k, &pieces[1]));
    int *a = zu_kept_take(&k), *b = zu_kept_take(&k);

    cr_assert((a == &pieces[0] && b == &pieces[1]) || (a == &pieces[1] && b == &pieces[0]));
    cr_assert_null(zu_kept_take(&k));
}

Test(kept, is_bounded_and_finds_all_of_it)
{
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < ZU_KEPT_MAX; i++)
            cr_assert(zu_kept_put(&k, &pieces[i]), "%d", i);
        cr_assert_not(zu_kept_put(&k, &pieces[ZU_KEPT_MAX]));
        for (int i = 0; i < ZU_KEPT_MAX; i++)
            cr_assert_not_null(zu_kept_take(&k), "%d", i);
        cr_assert_null(zu_kept_take(&k));
        cr_assert(zu_kept_put(&k, &pieces[0])); /* the next round begins elsewhere */
        cr_assert_eq(zu_kept_take(&k), &pieces[0]);
    }
}

static void *exchange(void *arg)
{
    int *mine = arg;

    for (int i = 0; i < 100000; i++) {
        if (mine && zu_kept_put(&k, mine))
            mine = NULL;
        if (!mine && (mine = zu_kept_take(&k)) != NULL)
            ++*mine; /* nobody else has it */
    }
    return mine;
}

Test(kept, gives_a_piece_to_one_thread)
{
    enum { THREADS = 4 };
    pthread_t t[THREADS];
    int *left, found = 0;

    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&t[i], NULL, exchange, &pieces[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        void *mine;

        pthread_join(t[i], &mine);
        found += mine != NULL;
    }
    while ((left = zu_kept_take(&k)))
        found++;
    cr_assert_eq(found, THREADS, "none is lost, none is there twice");
}

#else

Test(kept, keeps_nothing_under_the_address_sanitizer)
{
    cr_assert_not(zu_kept_put(&k, &pieces[0]));
    cr_assert_null(zu_kept_take(&k));
}

#endif
