/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/core/item.h"

#include <criterion/criterion.h>

static uint64_t words[ZU_ITEM_MOST + 1];
static uint8_t body[64];
static struct zu_props *const props = (struct zu_props *)(uintptr_t)0x7766554433221100;

static void fill_body(void)
{
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(0xf0 - i);
}

TestSuite(item, .init = fill_body);

static void expect_same(struct zu_msg *a, struct zu_msg *b)
{
    cr_assert_eq(a->kind, b->kind);
    cr_assert_eq(a->flags, b->flags);
    cr_assert_eq(a->props, b->props);
    cr_assert_eq(memcmp(a->group, b->group, sizeof a->group), 0);
    cr_assert_eq(zu_msg_size(a), zu_msg_size(b));
    if (a->kind == ZU_MSG_INLINE) {
        cr_assert_eq(memcmp(a->small, b->small, a->small_size), 0, "%u bytes", a->small_size);
    } else {
        cr_assert_eq(a->big.data, b->big.data);
        cr_assert_eq(a->big.owner, b->big.owner);
    }
}

/* Writes *m, reads it again, and tells the number of words. */
static size_t carry(struct zu_msg *m)
{
    struct zu_msg got;
    uint64_t *end;

    memset(words, 0xaa, sizeof words);
    memset(&got, 0xbb, sizeof got);
    cr_assert(zu_item_is_usual(m));
    end = zu_item_write(words, m);
    cr_assert_eq((size_t)(end - words), zu_item_words(*words));
    cr_assert_leq(end - words, ZU_ITEM_LONGEST);
    cr_assert_eq(words[ZU_ITEM_LONGEST], UINT64_C(0xaaaaaaaaaaaaaaaa), "written too far");
    cr_assert_not(zu_item_is_special(*words));
    cr_assert_eq(zu_item_size(*words), zu_msg_size(m));
    cr_assert_eq(zu_item_flags(*words), m->flags);
    memset(end, 0xcc, (size_t)(words + ZU_ITEM_MOST + 1 - end) * sizeof *words);
    cr_assert_eq(zu_item_read(words, &got), end);
    expect_same(&got, m);
    cr_assert_eq(got.routing_id, 0, "it does not travel");
    return zu_item_words(*words);
}

Test(item, carries_inline_bodies_of_every_size)
{
    for (size_t size = 0; size <= ZU_MSG_INLINE_MAX; size++) {
        for (unsigned flags = 0; flags <= UINT8_MAX; flags += 0x33) {
            struct zu_msg m;

            zu_msg_init_copy(&m, body, size);
            m.flags = (uint8_t)flags;
            m.routing_id = 77;
            m.props = flags & 1 ? props : NULL;
            cr_assert_eq(carry(&m), size <= 16 ? 4 : 2 + (size + 7) / 8);
        }
    }
}

Test(item, carries_a_large_body_by_its_place_and_its_owner)
{
    for (int kind = ZU_MSG_BODY; kind <= ZU_MSG_SLICE; kind++) {
        struct zu_msg m;

        zu_msg_init_as(&m, (enum zu_msg_kind)kind, 0);
        m.big.data = body;
        m.big.size = kind % 2 ? 34 : UINT32_MAX;
        m.big.owner = kind == ZU_MSG_CONST ? NULL : words;
        m.flags = ZU_MSG_SHARED;
        m.props = props;
        cr_assert_eq(carry(&m), ZU_ITEM_LEAST);
        cr_assert_eq(zu_item_body(words), body);
        cr_assert_eq(zu_item_owner(words), m.big.owner);
    }
}

Test(item, carries_all_of_a_message_that_says_more)
{
    struct zu_msg m, got;

    for (int grouped = 0; grouped < 2; grouped++) {
        if (grouped) {
            zu_msg_init_copy(&m, body, 5);
            strcpy(m.group, "weather");
        } else {
            zu_msg_init_const(&m, body, (size_t)UINT32_MAX + 1);
        }
        m.props = props;
        m.flags = ZU_MSG_MORE;
        cr_assert_not(zu_item_is_usual(&m));
        cr_assert_eq(zu_item_write_whole(words, &m), words + ZU_ITEM_MOST);
        cr_assert_eq(zu_item_words(*words), ZU_ITEM_MOST);
        cr_assert(zu_item_is_special(*words));
        cr_assert_not(zu_item_is_plain(*words, UINT8_MAX));
        cr_assert_eq(zu_item_read_whole(words, &got), words + ZU_ITEM_MOST);
        expect_same(&got, &m);
    }
}

Test(item, what_came_by_a_connection_is_written_without_a_message)
{
    for (size_t size = 0; size <= ZU_MSG_INLINE_MAX; size++) {
        struct zu_msg m, got;

        zu_msg_init_copy(&m, body, size);
        m.props = props;
        m.flags = ZU_MSG_MORE;
        uint64_t *end = zu_item_write_small(words, props, body, size, ZU_MSG_MORE);

        cr_assert_eq(zu_item_read(words, &got), end);
        expect_same(&got, &m);
    }
}

Test(item, a_body_is_encoded_from_its_words)
{
    for (size_t size = 0; size <= ZU_MSG_INLINE_MAX; size++) {
        uint8_t to[ZU_MSG_INLINE_MAX + 8];
        struct zu_msg m;

        zu_msg_init_copy(&m, body, size);
        zu_item_write(words, &m);
        memset(to, 0, sizeof to);
        zu_item_read_inline(words, *words, to);
        cr_assert_eq(memcmp(to, body, size), 0, "%zu bytes", size);
    }
}

Test(item, is_plain_with_none_but_the_flags_that_may_be)
{
    for (unsigned flags = 0; flags <= UINT8_MAX; flags++) {
        uint64_t head = zu_item_head(ZU_MSG_SLICE, (uint8_t)flags);

        cr_assert(zu_item_is_plain(head, (uint8_t)flags));
        cr_assert_eq(zu_item_is_plain(head, ZU_MSG_SHARED), !(flags & ~(unsigned)ZU_MSG_SHARED));
    }
    cr_assert_not(zu_item_is_plain((uint64_t)ZU_ITEM_END << ZU_ITEM_KIND_AT, UINT8_MAX));
}

Test(item, is_packed_once_for_many)
{
    struct zu_packed packed;
    struct zu_msg m;

    zu_msg_init_copy(&m, body, 20);
    m.flags = ZU_MSG_MORE;
    zu_item_pack(&packed, &m);
    cr_assert(packed.more);
    cr_assert_eq(packed.words, carry(&m));
    cr_assert_eq(memcmp(packed.word, words, 5 * sizeof *words), 0);
    strcpy(m.group, "g");
    zu_item_pack(&packed, &m);
    cr_assert_eq(packed.words, 0);
}
