/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/alloc.h"
#include "engine/core/msg.h"
#include "engine/core/props.h"

#include <criterion/criterion.h>
#include <errno.h>

static int given_back;
static void *last_data, *last_hint;

static void give_back(void *data, void *hint)
{
    given_back++;
    last_data = data;
    last_hint = hint;
}

static bool refuse_all(size_t size)
{
    (void)size;
    return true;
}

static bool is_inside(struct zu_msg *m)
{
    uint8_t *data = zu_msg_data(m);

    return data >= (uint8_t *)m && data < (uint8_t *)(m + 1);
}

Test(msg, is_valid_from_its_making_to_its_closing)
{
    struct zu_msg m;

    memset(&m, 0, sizeof m);
    cr_assert_not(zu_msg_valid(&m));
    zu_msg_init(&m);
    cr_assert(zu_msg_valid(&m));
    cr_assert_eq(zu_msg_size(&m), 0);
    zu_msg_close(&m);
    cr_assert_not(zu_msg_valid(&m));
    zu_msg_init_size(&m, 1000);
    cr_assert(zu_msg_valid(&m));
    zu_msg_close(&m);
    cr_assert_not(zu_msg_valid(&m));
}

Test(msg, holds_33_bytes_in_itself_and_aligns_the_others)
{
    struct zu_msg m;

    for (size_t size = 0; size < 100; size++) {
        cr_assert_eq(zu_msg_init_size(&m, size), 0);
        cr_assert_eq(zu_msg_size(&m), size);
        cr_assert_eq(is_inside(&m), size <= 33, "%zu", size);
        cr_assert_eq((uintptr_t)zu_msg_data(&m) % (size <= 33 ? 1 : 16), 0);
        memset(zu_msg_data(&m), 0xff, size);
        cr_assert(zu_msg_valid(&m) && zu_msg_size(&m) == size && !m.props && !m.flags);
        zu_msg_close(&m);
    }
}

Test(msg, copies_a_body)
{
    uint8_t bytes[300];
    struct zu_msg m;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        cr_assert_eq(zu_msg_init_copy(&m, size ? bytes : NULL, size), 0);
        cr_assert_eq(zu_msg_size(&m), size);
        cr_assert_eq(memcmp(zu_msg_data(&m), bytes, size), 0);
        zu_msg_close(&m);
    }
}

Test(msg, refuses_absurd_sizes)
{
    struct zu_msg m;

    for (size_t less = 0; less < 64; less++)
        cr_assert_eq(zu_msg_init_size(&m, SIZE_MAX - less), -ENOMEM, "%zu", less);
    for (size_t less = 0; less < 16; less++)
        cr_assert_eq(zu_msg_init_size(&m, PTRDIFF_MAX - less), -ENOMEM, "%zu", less);
    cr_assert_eq(zu_msg_init_copy(&m, "x", SIZE_MAX), -ENOMEM);
}

Test(msg, is_not_made_without_memory)
{
    struct zu_msg m;
    char data[1];

    zu_alloc_refuse = refuse_all;
    cr_assert_eq(zu_msg_init_size(&m, 33), 0);
    cr_assert_eq(zu_msg_init_size(&m, 34), -ENOMEM);
    cr_assert_eq(zu_msg_init_lent(&m, data, 1, give_back, NULL), -ENOMEM);
    cr_assert_eq(zu_msg_init_lent(&m, data, 1, NULL, NULL), 0);
    zu_alloc_refuse = NULL;
    cr_assert_eq(given_back, 0, "a refused body stays the caller's");
}

Test(msg, gives_a_lent_body_back_once_with_its_last_holder)
{
    struct zu_msg m[4];
    char data[5], hint;

    cr_assert_eq(zu_msg_init_lent(&m[0], data, sizeof data, give_back, &hint), 0);
    cr_assert_eq(zu_msg_data(&m[0]), data);
    cr_assert_eq(zu_msg_size(&m[0]), sizeof data);
    cr_assert_not(m[0].flags & ZU_MSG_SHARED);
    zu_msg_share(&m[1], &m[0]);
    zu_msg_share(&m[2], &m[1]);
    zu_msg_take(&m[3], &m[0]);
    for (int i = 1; i < 4; i++) {
        cr_assert(m[i].flags & ZU_MSG_SHARED);
        cr_assert_eq(zu_msg_data(&m[i]), data);
        cr_assert_eq(given_back, 0);
        zu_msg_close(&m[i]);
    }
    cr_assert_eq(given_back, 1);
    cr_assert(last_data == data && last_hint == &hint);
    zu_msg_close(&m[0]); /* it was moved away and is empty */
    cr_assert_eq(given_back, 1);
}

Test(msg, gives_back_even_nothing)
{
    struct zu_msg m;

    cr_assert_eq(zu_msg_init_lent(&m, NULL, 0, give_back, &m), 0);
    cr_assert_eq(zu_msg_size(&m), 0);
    zu_msg_close(&m);
    cr_assert_eq(given_back, 1);
    cr_assert(last_data == NULL && last_hint == &m);
}

Test(msg, never_gives_constant_data_back)
{
    static const char text[] = "for ever";
    struct zu_msg m, copy;

    cr_assert_eq(zu_msg_init_lent(&m, (void *)(uintptr_t)text, sizeof text, NULL, NULL), 0);
    cr_assert_eq(m.kind, ZU_MSG_CONST);
    zu_msg_share(&copy, &m);
    cr_assert_eq(zu_msg_data(&copy), text);
    cr_assert_not(copy.flags & ZU_MSG_SHARED);
    zu_msg_close(&m);
    zu_msg_close(&copy);
    zu_msg_init_const(&m, text, 3);
    cr_assert(zu_msg_data(&m) == text && zu_msg_size(&m) == 3);
    zu_msg_close(&m);
}

Test(msg, shares_a_large_body_and_copies_a_small_one)
{
    struct zu_msg large, small, copy;

    zu_msg_init_size(&large, 34);
    memset(zu_msg_data(&large), 'L', 34);
    zu_msg_share(&copy, &large);
    cr_assert_eq(zu_msg_data(&copy), zu_msg_data(&large));
    cr_assert(copy.flags & large.flags & ZU_MSG_SHARED);
    zu_msg_close(&large);
    cr_assert_eq(*(char *)zu_msg_data(&copy), 'L');
    zu_msg_close(&copy);

    zu_msg_init_copy(&small, "small", 5);
    zu_msg_share(&copy, &small);
    cr_assert(is_inside(&copy));
    cr_assert_eq(memcmp(zu_msg_data(&copy), "small", 5), 0);
    cr_assert_not((copy.flags | small.flags) & ZU_MSG_SHARED);
    zu_msg_close(&small);
    zu_msg_close(&copy);
}

Test(msg, keeps_the_block_it_is_a_slice_of)
{
    struct zu_block *b = zu_block_new(1000);
    struct zu_msg m, copy;

    memset(b->data, 'b', 1000);
    zu_block_hold(b);
    zu_msg_init_slice(&m, b, b->data + 100, 300);
    cr_assert_not(zu_block_sole(b));
    cr_assert(zu_msg_data(&m) == b->data + 100 && zu_msg_size(&m) == 300);
    zu_msg_share(&copy, &m);
    cr_assert(copy.flags & ZU_MSG_SHARED);
    zu_msg_close(&m);
    cr_assert_not(zu_block_sole(b));
    zu_msg_close(&copy);
    cr_assert(zu_block_sole(b));
    zu_block_drop(b);
}

Test(msg, leaves_an_empty_one_behind_when_it_moves)
{
    struct zu_msg a, b;

    zu_msg_init_copy(&a, "moves", 5);
    a.flags = ZU_MSG_MORE;
    zu_msg_take(&b, &a);
    cr_assert_eq(memcmp(zu_msg_data(&b), "moves", 5), 0);
    cr_assert_eq(b.flags, ZU_MSG_MORE);
    cr_assert(zu_msg_valid(&a) && zu_msg_size(&a) == 0 && a.flags == 0);
    zu_msg_close(&a);
    zu_msg_close(&b);
}

Test(msg, carries_flags_group_and_routing_id_to_its_copies)
{
    struct zu_msg a, b;

    zu_msg_init_size(&a, 50);
    a.flags |= ZU_MSG_MORE;
    a.routing_id = 0xdeadbeef;
    memcpy(a.group, "group", 6);
    zu_msg_share(&b, &a);
    cr_assert(b.flags & ZU_MSG_MORE);
    cr_assert_eq(b.routing_id, 0xdeadbeef);
    cr_assert_str_eq(b.group, "group");
    zu_msg_close(&a);
    zu_msg_close(&b);
}

/* The set goes with its last message: a sanitizer sees a count that is missing or too many. */
Test(msg, holds_its_properties)
{
    struct zu_props *p = zu_props_new(), *other = zu_props_new();
    struct zu_msg a, b, c;

    zu_props_add(p, "User-Id", 7, "alice", 5);
    zu_msg_init_copy(&a, "small", 5);
    zu_msg_init_size(&b, 100);
    zu_msg_set_props(&a, p);
    zu_msg_set_props(&a, p);
    zu_msg_set_props(&b, other);
    zu_msg_set_props(&b, p);
    zu_props_drop(p, 1);
    zu_props_drop(other, 1);
    zu_msg_share(&c, &a);
    zu_msg_close(&a);
    cr_assert_null(a.props);
    cr_assert_str_eq(zu_props_get(c.props, "User-Id"), "alice");
    zu_msg_set_props(&c, NULL);
    zu_msg_close(&c);
    cr_assert_str_eq(zu_props_get(b.props, "User-Id"), "alice");
    zu_msg_close(&b);
}
