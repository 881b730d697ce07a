/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/alloc.h"
#include "engine/base/kept.h"
#include "engine/core/queue.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>

static struct zu_queue q;
static int given_back;            /* lent bodies that came home */
static size_t requests, sizes;    /* of memory, and their bytes */
static size_t allowed = SIZE_MAX; /* so many requests, then no more */

static bool count_requests(size_t size)
{
    if (allowed == 0)
        return true;
    allowed--;
    requests++;
    sizes += size;
    return false;
}

static void open_queue(void)
{
    zu_queue_init(&q, false);
    zu_alloc_refuse = count_requests;
}

static void open_latest(void)
{
    zu_queue_init(&q, true);
    zu_alloc_refuse = count_requests;
}

static void open_light(void)
{
    open_queue();
    if (zu_barrier_ready()) /* without it they are ordinary */
        zu_queue_make_light(&q);
}

static void close_queue(void)
{
    zu_queue_fini(&q);
    zu_alloc_refuse = NULL;
}

TestSuite(queue, .init = open_queue, .fini = close_queue);
TestSuite(queue_light, .init = open_light, .fini = close_queue);
TestSuite(queue_latest_only, .init = open_latest, .fini = close_queue);

/* A test of an ordinary queue and of a light one. */
#define BOTH(name)                                                                                 \
    static void name(void);                                                                        \
    Test(queue, name)                                                                              \
    {                                                                                              \
        name();                                                                                    \
    }                                                                                              \
    Test(queue_light, name)                                                                        \
    {                                                                                              \
        name();                                                                                    \
    }                                                                                              \
    static void name(void)

static void give_back(void *data, void *hint)
{
    (void)data;
    (void)hint;
    given_back++;
}

static int try_write(uint32_t number, bool complete)
{
    struct zu_msg m;
    int rc;

    zu_msg_init_copy(&m, &number, sizeof number);
    rc = zu_queue_write(&q, &m, complete);
    if (rc == 0)
        cr_assert(zu_msg_valid(&m) && zu_msg_size(&m) == 0, "what was taken is not empty");
    else
        cr_assert(zu_msg_size(&m) == sizeof number && memcmp(m.small, &number, 4) == 0);
    return rc;
}

static void write_number(uint32_t number, bool complete)
{
    cr_assert_eq(try_write(number, complete), 0);
}

static void write_lent(bool complete)
{
    static char data[100];
    struct zu_msg m;

    zu_msg_init_lent(&m, data, sizeof data, give_back, NULL);
    cr_assert_eq(zu_queue_write(&q, &m, complete), 0);
}

static uint32_t number_in(struct zu_msg *m)
{
    uint32_t number;

    cr_assert_eq(zu_msg_size(m), sizeof number);
    memcpy(&number, zu_msg_data(m), sizeof number);
    zu_msg_close(m);
    return number;
}

static void expect_number(uint32_t number)
{
    struct zu_msg m;

    cr_assert(zu_queue_read(&q, &m), "%u is missing", number);
    cr_assert_eq(number_in(&m), number);
}

static void expect_nothing(void)
{
    struct zu_msg m;

    cr_assert_not(zu_queue_ready(&q));
    cr_assert_not(zu_queue_read(&q, &m));
}

BOTH(has_no_memory_before_it_is_used)
{
    expect_nothing();
    cr_assert_not(zu_queue_flush(&q));
    cr_assert_eq(requests, 0);
}

BOTH(keeps_the_order_over_every_chunk_border)
{
    for (uint32_t batch = 1; batch < 600; batch += 1 + batch / 9) {
        for (uint32_t i = 0; i < batch; i++)
            write_number(i, true);
        cr_assert(zu_queue_flush(&q));
        for (uint32_t i = 0; i < batch; i++)
            expect_number(i);
        expect_nothing();
    }
}

BOTH(shows_nothing_before_it_is_flushed)
{
    write_number(1, true);
    expect_nothing();
    cr_assert(zu_queue_flush(&q));
    expect_number(1);
    expect_nothing();
}

BOTH(shows_nothing_of_an_unfinished_message)
{
    write_number(1, true);
    write_number(2, false);
    write_number(3, false);
    cr_assert(zu_queue_flush(&q));
    expect_number(1);
    expect_nothing();
    cr_assert_not(zu_queue_flush(&q), "nothing new is complete");
    write_number(4, true);
    cr_assert(zu_queue_flush(&q));
    expect_number(2);
    expect_number(3);
    expect_number(4);
    expect_nothing();
}

BOTH(asks_to_wake_once_a_sleep)
{
    write_number(1, true);
    cr_assert(zu_queue_flush(&q), "the reader starts asleep");
    write_number(2, true);
    cr_assert_not(zu_queue_flush(&q));
    expect_number(1);
    expect_number(2);
    write_number(3, true);
    cr_assert_not(zu_queue_flush(&q), "a reader that was not told of an end is awake");
    expect_number(3);
    expect_nothing();
    expect_nothing();
    cr_assert_not(zu_queue_flush(&q), "nothing was published");
    write_number(4, true);
    cr_assert(zu_queue_flush(&q));
    expect_number(4);
}

BOTH(lets_the_reader_stay_awake)
{
    write_number(1, true);
    zu_queue_flush(&q);
    cr_assert(zu_queue_has(&q));
    expect_number(1);
    cr_assert_not(zu_queue_has(&q));
    write_number(2, true);
    cr_assert_not(zu_queue_flush(&q), "it is not asleep");
    cr_assert(zu_queue_has(&q));
    expect_number(2);
    expect_nothing();
    write_number(3, true);
    cr_assert(zu_queue_flush(&q), "it is asleep");
    expect_number(3);
}

/* Writes one number when it sees that the reader has begun to look for it. */
static _Atomic bool looking;

static void *write_soon(void *arg)
{
    while (!atomic_load(&looking))
        sched_yield();
    write_number(7, true);
    *(bool *)arg = zu_queue_flush(&q);
    return NULL;
}

/* How many of 200 messages, written while the reader looks, find it awake. */
static int found_awake(void)
{
    int awake = 0;

    for (int i = 0; i < 200; i++) {
        pthread_t writer;
        bool woken = false;

        atomic_store(&looking, false);
        cr_assert_eq(pthread_create(&writer, NULL, write_soon, &woken), 0);
        q.patience = 4000000000; /* what it would have learnt, and much more */
        write_number(1, true);
        zu_queue_flush(&q);
        expect_number(1);
        atomic_store(&looking, true);
        zu_queue_ready(&q); /* falls asleep, or waits until the other one has written */
        pthread_join(writer, NULL);
        awake += !woken;
        expect_number(7);
    }
    return awake;
}

Test(queue, a_patient_reader_waits_before_it_falls_asleep)
{
    q.patient = true;
    cr_assert_eq(found_awake(), 200);
}

Test(queue, wakes_a_reader_who_is_awake_at_the_number_he_named)
{
    write_number(1, true);
    zu_queue_flush(&q);
    expect_number(1);
    cr_assert_not(zu_queue_has(&q));
    zu_queue_wake_at(&q, 3);
    for (uint32_t i = 2; i <= 5; i++) {
        write_number(i, true);
        cr_assert_eq(zu_queue_flush(&q), i == 4, "%u", i); /* the third, and once */
    }
    for (uint32_t i = 2; i <= 5; i++)
        expect_number(i);
    zu_queue_wake_at(&q, 2);
    write_number(6, true);
    write_number(7, true);
    write_number(8, true);
    cr_assert(zu_queue_flush(&q), "that and more");
    for (uint32_t i = 6; i <= 8; i++)
        expect_number(i);
}

static uint32_t peek_number(void)
{
    struct zu_msg m;

    zu_queue_peek(&q, &m);
    return number_in(&m);
}

BOTH(shows_the_next_item_until_it_is_read)
{
    write_number(1, true);
    write_number(2, true);
    zu_queue_flush(&q);
    cr_assert(zu_queue_ready(&q));
    cr_assert_eq(peek_number(), 1);
    cr_assert_eq(peek_number(), 1);
    expect_number(1);
    cr_assert(zu_queue_ready(&q));
    cr_assert_eq(peek_number(), 2);
    expect_number(2);
}

BOTH(shows_the_first_item_of_the_next_chunk)
{
    for (uint32_t i = 0; i < 1000; i++)
        write_number(i, true);
    zu_queue_flush(&q);
    for (uint32_t i = 0; i < 1000; i++) {
        cr_assert(zu_queue_ready(&q));
        cr_assert_eq(peek_number(), i);
        expect_number(i);
    }
    expect_nothing();
}

BOTH(closes_the_parts_of_an_unfinished_message)
{
    write_number(1, true);
    write_lent(false);
    write_number(3, false);
    write_lent(false);
    zu_queue_unwrite(&q);
    cr_assert_eq(given_back, 2);
    zu_queue_unwrite(&q);
    cr_assert_eq(given_back, 2, "a complete message stays");
    zu_queue_flush(&q);
    expect_number(1);
    expect_nothing();
    zu_queue_unwrite(&q);
    expect_nothing();
}

BOTH(takes_parts_back_over_every_chunk_border)
{
    for (uint32_t before = 0; before < 180; before += 1 + before / 20) {
        for (uint32_t parts = 1; parts < 300; parts += 1 + parts / 5) {
            for (uint32_t i = 0; i < before; i++)
                write_number(i, true);
            given_back = 0;
            for (uint32_t i = 0; i < parts; i++)
                write_lent(false);
            zu_queue_flush(&q);
            for (uint32_t i = 0; i < before / 2; i++) /* the reader frees what it may */
                expect_number(i);
            zu_queue_unwrite(&q);
            cr_assert_eq(given_back, (int)parts);
            write_number(7, true);
            zu_queue_flush(&q);
            for (uint32_t i = before / 2; i < before; i++)
                expect_number(i);
            expect_number(7);
            expect_nothing();
        }
        close_queue(); /* each once from its very first chunk */
        open_queue();
    }
}

static char letters[100];

/* Items of every length, so that each meets each place in a chunk. */
static void write_letters(uint32_t number)
{
    struct zu_msg m;

    memset(letters, 'a' + (int)(number % 26), sizeof letters);
    zu_msg_init_copy(&m, letters, number % 67);
    if (number % 11 == 0)
        strcpy(m.group, "group");
    cr_assert_eq(zu_queue_write(&q, &m, true), 0);
}

static void expect_letters(uint32_t number)
{
    struct zu_msg m;

    memset(letters, 'a' + (int)(number % 26), sizeof letters);
    cr_assert(zu_queue_read(&q, &m), "%u is missing", number);
    cr_assert_eq(zu_msg_size(&m), number % 67);
    cr_assert_eq(memcmp(zu_msg_data(&m), letters, number % 67), 0);
    cr_assert_str_eq(m.group, number % 11 ? "" : "group");
    zu_msg_close(&m);
}

BOTH(carries_items_of_every_length)
{
    uint32_t written = 0, read = 0, random = 3;

    while (written < 20000) {
        random = random * 1664525u + 1013904223u;
        for (uint32_t n = (random >> 8) % ((random >> 20) % 16 ? 7 : 300); n > 0; n--)
            write_letters(written++);
        zu_queue_flush(&q);
        for (uint32_t n = (random >> 12) % ((random >> 24) % 16 ? 9 : 300); n > 0 && read < written;
             n--)
            expect_letters(read++);
    }
    while (read < written)
        expect_letters(read++);
    expect_nothing();
}

/* A plain array beside the queue: what is written, complete, published and read. */
BOTH(is_an_array_to_whoever_looks_from_outside)
{
    static uint32_t model[1 << 20];
    uint32_t tail = 0, complete = 0, published = 0, head = 0, number = 0, random = 5;
    bool asleep = true;

    while (tail + 300 < zu_array_len(model)) {
        uint32_t times = (random = random * 1664525u + 1013904223u) >> 8;

        switch (times % 8) {
        case 0:
        case 1:
        case 2: /* a message, seldom a long one */
            times = times / 8 % (times % 64 ? 6 : 200);
            for (uint32_t i = 0; i <= times; i++) {
                model[tail++] = ++number;
                write_number(number, i == times);
            }
            complete = tail;
            break;
        case 3: /* some parts without an end */
            for (times = times / 8 % 50; times > 0; times--) {
                model[tail++] = ++number;
                write_number(number, false);
            }
            break;
        case 4:
            zu_queue_unwrite(&q);
            tail = complete;
            break;
        case 5:
            cr_assert_eq(zu_queue_flush(&q), asleep && complete > published);
            asleep = asleep && complete == published;
            published = complete;
            break;
        default:
            for (times = times / 8 % 90; times > 0 && head < published; times--)
                expect_number(model[head++]);
            if (times > 0) {
                expect_nothing();
                asleep = true;
            }
        }
    }
}

BOTH(asks_for_no_memory_while_the_reader_keeps_up)
{
    for (uint32_t i = 0; i < 1000; i++) {
        write_number(i, true);
        cr_assert(zu_queue_flush(&q));
        expect_number(i);
        expect_nothing();
    }
    cr_assert_eq(requests, 1);
    cr_assert(sizes < 1024, "%zu bytes", sizes);
}

BOTH(uses_a_chunk_again_while_a_stream_flows)
{
    uint32_t read = 0;

    for (uint32_t i = 0; i < 100000; i++) {
        write_number(i, true);
        zu_queue_flush(&q);
        if (i >= 100)
            expect_number(read++);
    }
    cr_assert(requests <= 5, "%zu requests", requests);
}

BOTH(gives_memory_back_when_a_burst_is_over)
{
    for (uint32_t i = 0; i < 1000; i++)
        write_number(i, true);
    zu_queue_flush(&q);
    for (uint32_t i = 0; i < 1000; i++)
        expect_number(i);
    expect_nothing();
    for (uint32_t i = 0; i < 1000; i++) {
        if (i == 500)
            requests = sizes = 0;
        write_number(i, true);
        zu_queue_flush(&q);
        expect_number(i);
        expect_nothing();
    }
    cr_assert_eq(requests, 0);
    /* Back in the smallest chunk: the next step of growth is the first one. */
    for (uint32_t i = 0; i < 20; i++)
        write_number(i, true);
    cr_assert_lt(zu_kept_in_use(), 4096, "%zu bytes", zu_kept_in_use());
    cr_assert_null(atomic_load(&q.spare));
}

BOTH(changes_nothing_when_memory_runs_out)
{
    uint32_t written = 0, read = 0;

    for (size_t granted = 0; granted < 20; granted++) {
        allowed = 0;
        while (try_write(written, written % 3 == 2) == 0)
            written++;
        cr_assert_eq(try_write(written, true), -ENOMEM);
        zu_queue_flush(&q);
        for (; read + 3 <= written - written % 3 && granted % 3; read++)
            expect_number(read);
        allowed = 1;
        cr_assert_eq(try_write(written, written % 3 == 2), 0, "%zu", granted);
        written++;
    }
    allowed = 0;
    while (written % 3 && try_write(written, written % 3 == 2) == 0)
        written++;
    zu_queue_flush(&q);
    for (; read < written - written % 3; read++)
        expect_number(read);
    expect_nothing();
}

BOTH(needs_no_memory_where_the_reader_has_read_all)
{
    for (uint32_t i = 0; i < 40; i++)
        write_number(i, true);
    zu_queue_flush(&q);
    for (uint32_t i = 0; i < 40; i++)
        expect_number(i);
    allowed = 0;
    for (uint32_t i = 0; i < 500; i++) {
        expect_nothing();
        write_number(i, true);
        zu_queue_flush(&q);
        expect_number(i);
    }
}

BOTH(closes_what_is_left_at_the_end)
{
    struct zu_msg m;

    for (int i = 0; i < 50; i++)
        write_lent(true);
    zu_queue_flush(&q);
    for (int i = 0; i < 10; i++) {
        cr_assert(zu_queue_read(&q, &m));
        zu_msg_close(&m);
    }
    for (int i = 0; i < 50; i++)
        write_lent(true);
    for (int i = 0; i < 7; i++)
        write_lent(false);
    cr_assert_eq(given_back, 10);
    zu_queue_fini(&q);
    cr_assert_eq(given_back, 107);
    open_queue();
}

Test(queue_latest_only, keeps_the_newest)
{
    for (uint32_t i = 1; i <= 5; i++) {
        write_number(i, true);
        cr_assert_eq(zu_queue_flush(&q), i == 1);
    }
    expect_number(5);
    expect_nothing();
    write_number(6, true);
    write_number(7, true);
    expect_nothing();
    cr_assert(zu_queue_flush(&q));
    cr_assert_not(zu_queue_flush(&q));
    expect_number(7);
    expect_nothing();
}

Test(queue_latest_only, gives_the_newest_even_to_who_looked_before)
{
    write_number(1, true);
    zu_queue_flush(&q);
    cr_assert(zu_queue_ready(&q));
    write_number(2, true);
    zu_queue_flush(&q);
    expect_number(2);
    expect_nothing();
}

Test(queue_latest_only, shows_an_item_that_stays_while_newer_ones_come)
{
    write_number(1, true);
    zu_queue_flush(&q);
    cr_assert(zu_queue_ready(&q));
    cr_assert_eq(peek_number(), 1);
    for (uint32_t i = 2; i < 6; i++) {
        write_number(i, true);
        zu_queue_flush(&q);
        cr_assert_eq(peek_number(), 1);
    }
    expect_number(1);
    expect_number(5);
    expect_nothing();
}

Test(queue_latest_only, asks_to_wake_once_a_sleep)
{
    expect_nothing();
    write_number(1, true);
    cr_assert(zu_queue_flush(&q));
    write_number(2, true);
    cr_assert_not(zu_queue_flush(&q));
    expect_number(2);
    write_number(3, true);
    cr_assert_not(zu_queue_flush(&q), "the reader was not told of an end");
    expect_number(3);
    expect_nothing();
    write_number(4, true);
    cr_assert(zu_queue_flush(&q));
    expect_number(4);
}

Test(queue_latest_only, has_one_piece_of_memory_for_ever)
{
    allowed = 0;
    cr_assert_eq(try_write(1, true), -ENOMEM);
    allowed = SIZE_MAX;
    for (uint32_t i = 0; i < 1000; i++) {
        write_number(i, true);
        zu_queue_flush(&q);
        zu_queue_unwrite(&q);
        if (i % 3 == 0)
            expect_number(i);
    }
    cr_assert_eq(requests, 1);
}

Test(queue_latest_only, closes_what_is_replaced_and_what_is_left)
{
    struct zu_msg m;

    write_lent(true);
    write_lent(true);
    cr_assert_eq(given_back, 1, "replaced before it was published");
    zu_queue_flush(&q);
    write_lent(true);
    zu_queue_flush(&q);
    cr_assert_eq(given_back, 2, "replaced before it was read");
    cr_assert(zu_queue_ready(&q));
    zu_queue_peek(&q, &m);
    write_lent(true);
    zu_queue_flush(&q);
    write_lent(true);
    cr_assert_eq(given_back, 2);
    zu_queue_fini(&q); /* one shown to the reader, one published, one not even that */
    cr_assert_eq(given_back, 5);
    open_queue();
}
