/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/alloc.h"
#include "engine/core/props.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct zu_props *p;

static bool refuse_all(size_t size)
{
    (void)size;
    return true;
}

static void make(void)
{
    p = zu_props_new();
    cr_assert(p);
}

static void drop(void)
{
    zu_alloc_refuse = NULL;
    zu_props_drop(p, 1);
}

TestSuite(props, .init = make, .fini = drop);

static void add(const char *name, const char *value)
{
    cr_assert_eq(zu_props_add(p, name, strlen(name), value, strlen(value)), 0);
}

Test(props, answers_by_name)
{
    cr_assert_null(zu_props_get(p, "Socket-Type"));
    add("Socket-Type", "DEALER");
    add("User-Id", "");
    cr_assert_str_eq(zu_props_get(p, "Socket-Type"), "DEALER");
    cr_assert_str_eq(zu_props_get(p, "User-Id"), "");
    cr_assert_null(zu_props_get(p, "Socket"));
    cr_assert_null(zu_props_get(p, "Socket-Type-2"));
    cr_assert_null(zu_props_get(p, ""));
}

Test(props, keeps_the_first_value_of_a_name)
{
    add("User-Id", "alice");
    add("User-Id", "mallory");
    cr_assert_str_eq(zu_props_get(p, "User-Id"), "alice");
}

Test(props, knows_the_routing_id_by_both_of_its_names)
{
    add("Identity", "me");
    cr_assert_str_eq(zu_props_get(p, "Identity"), "me");
    cr_assert_str_eq(zu_props_get(p, "Routing-Id"), "me");
    drop();
    make();
    cr_assert_null(zu_props_get(p, "Routing-Id"));
    add("Routing-Id", "you");
    cr_assert_str_eq(zu_props_get(p, "Identity"), "you");
    add("Identity", "nobody");
    cr_assert_str_eq(zu_props_get(p, "Identity"), "nobody");
    cr_assert_str_eq(zu_props_get(p, "Routing-Id"), "you");
}

Test(props, takes_bytes_that_are_not_terminated)
{
    static const char bytes[] = {'a', 'b', 'c', 0, 'd', 'e', 'f'};
    const char *value;

    cr_assert_eq(zu_props_add(p, bytes, 2, bytes + 1, 5), 0);
    value = zu_props_get(p, "ab");
    cr_assert_eq(memcmp(value, "bc\0de", 6), 0);
    cr_assert_eq(zu_props_add(p, "empty", 5, NULL, 0), 0);
    cr_assert_str_eq(zu_props_get(p, "empty"), "");
}

Test(props, has_a_descriptor_or_none)
{
    cr_assert_eq(zu_props_fd(p), -1);
    zu_props_set_fd(p, 7);
    cr_assert_eq(zu_props_fd(p), 7);
}

Test(props, stays_until_the_last_count_is_dropped)
{
    add("User-Id", "alice");
    zu_props_hold(p, 1000);
    zu_props_drop(p, 600);
    for (int i = 0; i < 400; i++)
        zu_props_drop(p, 1);
    cr_assert_str_eq(zu_props_get(p, "User-Id"), "alice");
}

Test(props, changes_nothing_when_memory_runs_out)
{
    add("Socket-Type", "PUB");
    zu_alloc_refuse = refuse_all;
    cr_assert_null(zu_props_new());
    cr_assert_eq(zu_props_add(p, "User-Id", 7, "alice", 5), -ENOMEM);
    cr_assert_null(zu_props_get(p, "User-Id"));
    cr_assert_eq(zu_props_add(p, "User-Id", 7, "alice", SIZE_MAX - 3), -ENOMEM);
    zu_alloc_refuse = NULL;
    add("User-Id", "alice");
    cr_assert_str_eq(zu_props_get(p, "Socket-Type"), "PUB");
    cr_assert_str_eq(zu_props_get(p, "User-Id"), "alice");
}
