/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/ring.h"

#include "engine/base/alloc.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { COUNT = 8 };

static struct zu_event_ring ring;

static void setup(void)
{
    cr_assert_eq(zu_event_ring_init(&ring, COUNT), 0);
}

static void teardown(void)
{
    zu_event_ring_fini(&ring);
}

TestSuite(ring, .init = setup, .fini = teardown);

static bool put(uint32_t event, const char *local, const char *remote)
{
    struct zu_event e = {.event = event,
                         .value = event * UINT64_C(10000000000),
                         .local = local,
                         .remote = remote,
                         .bound = event & 1,
                         .connection = event + 7};

    return zu_event_ring_put(&ring, &e);
}

static void take(uint32_t event, const char *local, const char *remote)
{
    struct zu_event e;

    cr_assert(zu_event_ring_peek(&ring, &e));
    cr_assert_eq(e.event, event);
    cr_assert_eq(e.value, event * UINT64_C(10000000000));
    cr_assert_str_eq(e.local, local);
    cr_assert_str_eq(e.remote, remote);
    cr_assert_eq(e.bound, event & 1);
    cr_assert_eq(e.connection, event + 7);
    zu_event_ring_drop(&ring);
}

Test(ring, gives_back_whole_events_in_their_order)
{
    struct zu_event e;

    cr_assert_not(zu_event_ring_peek(&ring, &e));
    for (uint32_t i = 0; i < 5 * COUNT; i += 3) {
        put(i, "tcp://127.0.0.1:1", "");
        put(i + 1, "", "ipc:///somewhere");
        put(i + 2, "", "");
        take(i, "tcp://127.0.0.1:1", "");
        take(i + 1, "", "ipc:///somewhere");
        take(i + 2, "", "");
        cr_assert_not(zu_event_ring_peek(&ring, &e));
    }
}

Test(ring, shows_an_event_until_it_is_dropped)
{
    struct zu_event e;

    put(1, "a", "b");
    put(2, "c", "d");
    cr_assert(zu_event_ring_peek(&ring, &e));
    cr_assert_eq(e.event, 1);
    take(1, "a", "b");
    take(2, "c", "d");
}

Test(ring, refuses_and_counts_the_newest_when_full)
{
    for (uint32_t i = 0; i < COUNT; i++)
        cr_assert(put(i, "", ""));
    for (uint32_t i = 0; i < 5; i++)
        cr_assert_not(put(100 + i, "", ""));
    cr_assert_eq(zu_event_ring_lost(&ring), 5);
    take(0, "", "");
    cr_assert(put(COUNT, "", ""));
    cr_assert_not(put(200, "", ""));
    cr_assert_eq(zu_event_ring_lost(&ring), 6);
    for (uint32_t i = 1; i <= COUNT; i++)
        take(i, "", "");
}

Test(ring, keeps_texts_of_any_length)
{
    char local[512], remote[512];

    for (size_t size = 60; size < sizeof local; size += 13) {
        memset(local, 'l', size);
        memset(remote, 'r', size);
        local[size] = remote[size] = '\0';
        cr_assert(put(1, local, remote));
        cr_assert(put(2, "", remote));
        take(1, local, remote);
        take(2, "", remote);
    }
    cr_assert_eq(zu_event_ring_lost(&ring), 0);
    put(3, local, remote); /* and what nobody takes is given back at the end */
}

static bool refuse(size_t size)
{
    (void)size;
    return true;
}

Test(ring, loses_and_counts_what_has_no_memory)
{
    char local[300];

    memset(local, 'l', sizeof local - 1);
    local[sizeof local - 1] = '\0';
    zu_alloc_refuse = refuse;
    cr_assert_not(put(1, local, ""));
    cr_assert(put(2, "short", ""));
    zu_alloc_refuse = NULL;
    cr_assert_eq(zu_event_ring_lost(&ring), 1);
    take(2, "short", "");
}

Test(ring, goes_on_when_its_numbers_wrap)
{
    uint32_t near = UINT32_MAX - 3;

    ring.head = near;
    atomic_store(&ring.tail, near);
    for (uint32_t i = 0; i < 3 * COUNT; i += 2) {
        cr_assert(put(i, "", "x"));
        cr_assert(put(i + 1, "y", ""));
        take(i, "", "x");
        take(i + 1, "y", "");
    }
}
