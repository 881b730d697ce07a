/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/alloc.h"
#include "engine/base/map.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MANY = 100000 };

static char values[MANY];
static bool inside[MANY]; /* the reference: which keys are there */
static size_t requests_left;

static bool refuse_after(size_t size)
{
    (void)size;
    return requests_left-- == 0;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Keys of one to forty bytes, different for different i. */
static size_t key_of(char key[64], uint32_t i)
{
    size_t len = (size_t)snprintf(key, 64, "%u", i);

    for (size_t pad = i % 34; pad > 0; pad--)
        key[len++] = '\0';
    return len;
}

static void count_entry(void *arg, const void *key, size_t len, void *value)
{
    char expected[64];
    size_t i = (size_t)((char *)value - values);

    cr_assert_eq(key_of(expected, (uint32_t)i), len);
    cr_assert_eq(memcmp(expected, key, len), 0);
    cr_assert(inside[i]);
    ++*(size_t *)arg;
}

static void expect_as_the_reference(const struct zu_map *m, size_t count)
{
    char key[64];
    size_t seen = 0;

    for (uint32_t i = 0; i < MANY; i++) {
        size_t len = key_of(key, i);

        cr_assert_eq(zu_map_get(m, key, len), inside[i] ? &values[i] : NULL, "key %u", i);
    }
    zu_map_each(m, count_entry, &seen);
    cr_assert_eq(seen, count);
    cr_assert_eq(m->count, count);
}

Test(map, holds_what_a_plain_table_holds)
{
    struct zu_map m;
    uint32_t random = 3;
    size_t count = 0;
    char key[64];

    zu_map_init(&m);
    for (int step = 0; step < 10 * MANY; step++) {
        uint32_t i = next_random(&random) % MANY;
        size_t len = key_of(key, i);

        if (next_random(&random) % 8 < 5) {
            cr_assert_eq(zu_map_put(&m, key, len, &values[i]), inside[i] ? -EEXIST : 0);
            count += !inside[i];
            inside[i] = true;
        } else {
            cr_assert_eq(zu_map_take(&m, key, len), inside[i] ? &values[i] : NULL);
            count -= inside[i];
            inside[i] = false;
        }
    }
    expect_as_the_reference(&m, count);
    for (uint32_t i = 0; i < MANY; i++) {
        zu_map_take(&m, key, key_of(key, i));
        inside[i] = false;
    }
    expect_as_the_reference(&m, 0);
    zu_map_fini(&m);
}

Test(map, answers_before_anything_was_put)
{
    struct zu_map m;
    size_t seen = 0;

    zu_map_init(&m);
    cr_assert_null(zu_map_get(&m, "a", 1));
    cr_assert_null(zu_map_take(&m, "a", 1));
    zu_map_each(&m, count_entry, &seen);
    cr_assert_eq(seen, 0);
    zu_map_fini(&m);
}

Test(map, copies_its_keys_and_knows_the_empty_one)
{
    struct zu_map m;
    char key[] = "key";

    zu_map_init(&m);
    cr_assert_eq(zu_map_put(&m, key, 3, &values[1]), 0);
    cr_assert_eq(zu_map_put(&m, NULL, 0, &values[2]), 0);
    cr_assert_eq(zu_map_put(&m, "", 0, &values[3]), -EEXIST);
    key[0] = 'x';
    cr_assert_eq(zu_map_get(&m, "key", 3), &values[1]);
    cr_assert_eq(zu_map_get(&m, "", 0), &values[2]);
    cr_assert_null(zu_map_get(&m, "key", 2));
    zu_map_fini(&m);
    cr_assert_null(zu_map_get(&m, "key", 3));
}

Test(map, does_not_grow_by_what_comes_and_goes)
{
    struct zu_map m;
    char key[64];

    zu_map_init(&m);
    for (uint32_t i = 0; i < MANY; i++) {
        size_t len = key_of(key, i);

        cr_assert_eq(zu_map_put(&m, key, len, &values[i]), 0);
        if (i >= 4) {
            len = key_of(key, i - 4);
            cr_assert_eq(zu_map_take(&m, key, len), &values[i - 4]);
        }
    }
    cr_assert_eq(m.count, 4);
    cr_assert(m.mask < 64, "%zu slots for 4 keys", m.mask + 1);
    zu_map_fini(&m);
}

Test(map, gives_room_back_after_a_crowd)
{
    struct zu_map m;
    char key[64];

    zu_map_init(&m);
    for (uint32_t i = 0; i < MANY; i++)
        zu_map_put(&m, key, key_of(key, i), &values[i]);
    cr_assert(m.mask >= MANY);
    for (uint32_t i = 0; i + 5 < MANY; i++)
        cr_assert_eq(zu_map_take(&m, key, key_of(key, i)), &values[i]);
    cr_assert(m.mask < 128, "%zu slots for 5 keys", m.mask + 1);
    for (uint32_t i = MANY - 5; i < MANY; i++)
        cr_assert_eq(zu_map_get(&m, key, key_of(key, i)), &values[i]);
    zu_map_fini(&m);
}

Test(map, forgets_without_memory)
{
    struct zu_map m;
    char key[64];

    zu_map_init(&m);
    for (uint32_t i = 0; i < 1000; i++) {
        zu_map_put(&m, key, key_of(key, i), &values[i]);
        inside[i] = true;
    }
    zu_alloc_refuse = refuse_after;
    for (uint32_t i = 0; i < 990; i++) {
        requests_left = 0;
        cr_assert_eq(zu_map_take(&m, key, key_of(key, i)), &values[i]);
        inside[i] = false;
    }
    zu_alloc_refuse = NULL;
    expect_as_the_reference(&m, 10);
    zu_map_fini(&m);
}

Test(map, changes_nothing_when_memory_runs_out)
{
    struct zu_map m;
    char key[64];
    uint32_t put = 0;

    zu_map_init(&m);
    zu_alloc_refuse = refuse_after;
    for (size_t allowed = 0; put < 1000; allowed = (allowed + 1) % 3) {
        size_t len = key_of(key, put);
        int rc;

        requests_left = allowed;
        rc = zu_map_put(&m, key, len, &values[put]);
        cr_assert(rc == 0 || rc == -ENOMEM);
        if (rc == 0)
            inside[put++] = true;
        cr_assert_eq(m.count, put);
    }
    zu_alloc_refuse = NULL;
    expect_as_the_reference(&m, put);
    zu_map_fini(&m);
}
