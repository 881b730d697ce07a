/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a received message keeps alive besides itself, as docs/tuning.md has it: an application that
 * keeps one message of many must not keep the memory of all of them. Measured as the heap sees it.
 */
#include "engine/base/kept.h"
#include "tests/fault/rig.h"

#include <criterion/criterion.h>
#include <malloc.h>
#include <stdlib.h>

TestSuite(kept, .timeout = 600);

enum {
    NOISE = 128 * 1024, /* queues, and what the allocator rounds up */
    PIECE = 64,         /* of each allocation: headers */
    SLAB = 8 * 1024,
    BLOCK = 64 * 1024,
    KEPT_MAX = 256,
};

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t heap_bytes(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd - zu_kept_idle();
}

static struct rig r;
static zmq_msg_t kept[KEPT_MAX];
static size_t kept_count;
static uint8_t *wire; /* what a PUSH says: `count` messages of a size */
static size_t wire_size;

static void begin(void)
{
    rig_open(&r, ZMQ_PULL);
    rig_bind(&r);
    rig_accept(&r);
    rig_say_hex(&r, RIG_GREETING "04 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'PUSH'");
    rig_hear_all(&r);
    kept_count = 0;
}

static void write_messages(size_t size, size_t count)
{
    uint8_t *at = wire = malloc(count * (size + 9));

    for (size_t i = 0; i < count; i++) {
        *at++ = 2;
        for (int shift = 56; shift >= 0; shift -= 8)
            *at++ = (uint8_t)((uint64_t)size >> shift);
        memset(at, (int)i, size);
        at += size;
    }
    wire_size = (size_t)(at - wire);
}

/* The messages come, in pieces of `most` bytes; the last of them is kept, if `keeps`. */
static void hear_messages(size_t size, size_t count, size_t most, bool keeps)
{
    zmq_msg_t m;
    size_t got = 0;

    cr_assert_eq(rig_say(&r, wire, wire_size, most), wire_size);
    zmq_msg_init(&m);
    while (zmq_msg_recv(&m, r.s, ZMQ_DONTWAIT) >= 0) {
        cr_assert_eq(zmq_msg_size(&m), size);
        if (++got == count && keeps) {
            zmq_msg_init(&kept[kept_count]);
            zmq_msg_move(&kept[kept_count++], &m);
        }
    }
    zmq_msg_close(&m);
    rig_settle(&r);
    cr_assert_eq(got, count);
}

/* One message of `count` is kept, `times` times over: each keeps at most `bound` bytes. */
static void check(size_t size, size_t count, size_t most, size_t times, size_t bound)
{
    size_t before, grown;

    begin();
    write_messages(size, count);
    for (int warm = 0; warm < 3; warm++)
        hear_messages(size, count, most, false);
    before = heap_bytes();
    for (size_t i = 0; i < times; i++)
        hear_messages(size, count, most, true);
    grown = heap_bytes() - before;
    cr_expect_leq(grown, times * (bound + PIECE) + NOISE, "%zu of %zu bytes keep %zu each", times,
                  size, grown / times);
    cr_expect_geq(grown + NOISE, size > 33 ? times * size : 0, "what is kept is seen");
    while (kept_count)
        zmq_msg_close(&kept[--kept_count]);
    hear_messages(size, count, most, false);
    cr_expect_leq(heap_bytes(), before + NOISE, "all of it is given back");
    free(wire);
    rig_end(&r, 0);
}

Test(kept, the_smallest_keep_nothing)
{
    check(33, 500, SIZE_MAX, 200, 0);
}

Test(kept, one_of_many_small_ones_keeps_its_slab)
{
    check(34, 1000, SIZE_MAX, 200, SLAB);
    check(256, 1000, SIZE_MAX, 200, SLAB);
    check(2048, 1000, SIZE_MAX, 100, SLAB);
}

Test(kept, one_above_the_slabs_keeps_itself)
{
    check(2049, 500, SIZE_MAX, 200, 2049 + 2049 / 8);
    check(8191, 100, SIZE_MAX, 200, 8191 + 8191 / 8);
}

Test(kept, one_of_an_eighth_of_a_block_keeps_the_block)
{
    check(8192, 100, SIZE_MAX, 100, BLOCK);
    check(60000, 10, SIZE_MAX, 100, BLOCK);
}

/* In pieces, so that none is whole in a block. */
Test(kept, one_that_comes_in_pieces_keeps_itself)
{
    check(8192, 100, 5000, 100, 8192 + 8192 / 8);
    check(31000, 20, 20000, 100, 31000 + 31000 / 8);
}

Test(kept, a_large_one_keeps_itself_and_what_is_received_with_it)
{
    check(100 * 1000, 4, 50000, 50, 112500 + 4096);
    check(1000 * 1000, 2, 50000, 20, 1125000 + 4096);
}

Test(kept, a_large_one_where_larger_ones_lay_keeps_an_eighth_more_at_most)
{
    const size_t large = 190 * 1000, small = 100 * 1000;
    size_t before;

    begin();
    for (int i = 0; i < 8; i++) { /* of these, the freed memory is kept for the next */
        write_messages(large, 10);
        hear_messages(large, 10, 50000, false);
        free(wire);
    }
    before = heap_bytes();
    write_messages(small, 1);
    for (int i = 0; i < 50; i++)
        hear_messages(small, 1, 50000, true);
    cr_expect_leq(heap_bytes() - before, 50 * (small + small / 8 + 4096) + NOISE);
    while (kept_count)
        zmq_msg_close(&kept[--kept_count]);
    free(wire);
    rig_end(&r, 0);
}
