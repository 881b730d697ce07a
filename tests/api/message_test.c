/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_msg_*: bodies and who owns them, without a wire.
 */
#include "tests/support/pair.h"

#include <limits.h>
#include <stdint.h>

TEST_SUITE(message);

static int freed;
static void *freed_data, *freed_hint;

static void free_fn(void *data, void *hint)
{
    freed++;
    freed_data = data;
    freed_hint = hint;
}

static void make(zmq_msg_t *msg, const char *text)
{
    size_t size = strlen(text);

    cr_assert_eq(zmq_msg_init_size(msg, size), 0);
    memcpy(zmq_msg_data(msg), text, size);
}

static bool is(zmq_msg_t *msg, const char *text)
{
    return zmq_msg_size(msg) == strlen(text) && !memcmp(zmq_msg_data(msg), text, strlen(text));
}

static const char long_text[] =
    "more than thirty-three bytes, so it does not fit inside the struct";

static bool lies_inside(zmq_msg_t *msg)
{
    uintptr_t at = (uintptr_t)zmq_msg_data(msg), start = (uintptr_t)msg;

    return at >= start && at + zmq_msg_size(msg) <= start + sizeof *msg;
}

Test(message, begins_empty)
{
    zmq_msg_t msg;

    memset(&msg, 0xff, sizeof msg);
    OK(zmq_msg_init(&msg));
    cr_expect_eq(zmq_msg_size(&msg), 0);
    cr_expect_eq(zmq_msg_more(&msg), 0);
    cr_expect_eq(zmq_msg_get(&msg, ZMQ_MORE), 0);
    cr_expect_eq(zmq_msg_get(&msg, ZMQ_SHARED), 0);
    OK(zmq_msg_close(&msg));
}

Test(message, has_bodies_of_any_size)
{
    const size_t sizes[] = {0, 1, 32, 33, 34, 64, 4096, 1 << 20};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        zmq_msg_t msg;

        OK(zmq_msg_init_size(&msg, sizes[i]));
        cr_expect_eq(zmq_msg_size(&msg), sizes[i]);
        cr_expect_eq((uintptr_t)zmq_msg_data(&msg) % 8, 0);
        cr_expect_eq(lies_inside(&msg), sizes[i] <= 33, "%zu bytes", sizes[i]);
        memset(zmq_msg_data(&msg), 0x5a, sizes[i]);
        OK(zmq_msg_close(&msg));
    }
}

Test(message, that_is_absurdly_large_is_out_of_memory)
{
    zmq_msg_t msg;

    FAILS(ENOMEM, zmq_msg_init_size(&msg, SIZE_MAX));
    FAILS(ENOMEM, zmq_msg_init_size(&msg, SIZE_MAX - 8));
    FAILS(ENOMEM, zmq_msg_init_size(&msg, SIZE_MAX / 2));
}

Test(message, can_be_moved_by_copying_its_64_bytes)
{
    zmq_msg_t msg, elsewhere;

    make(&msg, "small");
    memcpy(&elsewhere, &msg, sizeof msg);
    memset(&msg, 0, sizeof msg);
    cr_expect(is(&elsewhere, "small"));
    OK(zmq_msg_close(&elsewhere));
    make(&msg, long_text);
    memcpy(&elsewhere, &msg, sizeof msg);
    memset(&msg, 0, sizeof msg);
    cr_expect(is(&elsewhere, long_text));
    OK(zmq_msg_close(&elsewhere));
}

Test(message, gives_lent_data_back_once_when_the_last_copy_goes)
{
    char data[100] = "lent";
    zmq_msg_t msg, copy, moved;

    OK(zmq_msg_init_data(&msg, data, sizeof data, free_fn, &freed));
    cr_expect_eq(zmq_msg_data(&msg), data);
    cr_expect_eq(zmq_msg_get(&msg, ZMQ_SHARED), 0);
    OK(zmq_msg_init(&copy));
    OK(zmq_msg_copy(&copy, &msg));
    cr_expect_eq(zmq_msg_data(&copy), data, "shared");
    cr_expect_eq(zmq_msg_get(&msg, ZMQ_SHARED), 1);
    cr_expect_eq(zmq_msg_get(&copy, ZMQ_SHARED), 1);
    OK(zmq_msg_close(&msg));
    cr_expect_eq(freed, 0);
    OK(zmq_msg_init(&moved));
    OK(zmq_msg_move(&moved, &copy));
    cr_expect_eq(zmq_msg_size(&copy), 0);
    OK(zmq_msg_close(&copy));
    cr_expect_eq(freed, 0);
    OK(zmq_msg_close(&moved));
    cr_expect_eq(freed, 1);
    cr_expect_eq(freed_data, data);
    cr_expect_eq(freed_hint, &freed);
}

Test(message, gives_back_nothing_at_all_too)
{
    zmq_msg_t msg;

    OK(zmq_msg_init_data(&msg, NULL, 0, free_fn, NULL));
    cr_expect_eq(zmq_msg_size(&msg), 0);
    OK(zmq_msg_close(&msg));
    cr_expect_eq(freed, 1);
    cr_expect_null(freed_data);
}

Test(message, without_a_function_is_constant)
{
    static char constant[] = "for ever";
    zmq_msg_t msg, copy;

    OK(zmq_msg_init_data(&msg, constant, sizeof constant, NULL, NULL));
    cr_expect_eq(zmq_msg_data(&msg), constant);
    cr_expect_eq(zmq_msg_get(&msg, ZMQ_SHARED), 1);
    OK(zmq_msg_init(&copy));
    OK(zmq_msg_copy(&copy, &msg));
    cr_expect_eq(zmq_msg_data(&copy), constant);
    OK(zmq_msg_close(&msg));
    OK(zmq_msg_close(&copy));
    cr_expect_str_eq(constant, "for ever");
}

Test(message, copies_share_large_bodies_and_copy_small_ones)
{
    zmq_msg_t msg, copy;

    make(&msg, long_text);
    make(&copy, "something else that is longer than what fits into the struct");
    OK(zmq_msg_copy(&copy, &msg));
    cr_expect_eq(zmq_msg_data(&copy), zmq_msg_data(&msg));
    cr_expect_eq(zmq_msg_get(&copy, ZMQ_SHARED), 1);
    OK(zmq_msg_close(&msg));
    cr_expect(is(&copy, long_text), "outlives the first");
    make(&msg, "small");
    OK(zmq_msg_copy(&copy, &msg));
    cr_expect_neq(zmq_msg_data(&copy), zmq_msg_data(&msg));
    cr_expect_eq(zmq_msg_get(&copy, ZMQ_SHARED), 0);
    cr_expect(is(&copy, "small"));
    cr_expect(is(&msg, "small"));
    OK(zmq_msg_close(&msg));
    OK(zmq_msg_close(&copy));
}

Test(message, moving_releases_the_target_and_empties_the_source)
{
    char data[40] = "";
    zmq_msg_t from, to;

    OK(zmq_msg_init_data(&to, data, sizeof data, free_fn, NULL));
    make(&from, long_text);
    OK(zmq_msg_move(&to, &from));
    cr_expect_eq(freed, 1);
    cr_expect(is(&to, long_text));
    cr_expect_eq(zmq_msg_size(&from), 0);
    OK(zmq_msg_close(&from));
    OK(zmq_msg_close(&to));
}

Test(message, that_is_none_is_efault)
{
    zmq_msg_t none, msg;

    memset(&none, 0, sizeof none);
    OK(zmq_msg_init(&msg));
    FAILS(EFAULT, zmq_msg_close(&none));
    FAILS(EFAULT, zmq_msg_move(&msg, &none));
    FAILS(EFAULT, zmq_msg_move(&none, &msg));
    FAILS(EFAULT, zmq_msg_copy(&msg, &none));
    FAILS(EFAULT, zmq_msg_copy(&none, &msg));
    OK(zmq_msg_close(&msg));
    FAILS(EFAULT, zmq_msg_close(&msg));
}

Test(message, that_is_closed_is_empty_and_ends_no_process)
{
    zmq_msg_t msg;
    void *push = test_socket(ZMQ_PUSH), *pull = test_socket(ZMQ_PULL);

    if (!test_newer())
        cr_skip_test("4.3.4 aborts");
    make(&msg, long_text);
    OK(zmq_msg_close(&msg));
    cr_expect_eq(zmq_msg_size(&msg), 0);
    cr_expect_null(zmq_msg_data(&msg));
    cr_expect_eq(zmq_msg_more(&msg), 0);
    FAILS(EFAULT, zmq_msg_get(&msg, ZMQ_MORE));
    cr_expect_null(zmq_msg_gets(&msg, "Socket-Type"));
    FAILS(EFAULT, zmq_msg_send(&msg, push, ZMQ_DONTWAIT));
    FAILS(EFAULT, zmq_msg_recv(&msg, pull, ZMQ_DONTWAIT));
    cr_expect_eq(zmq_msg_size(NULL), 0);
    cr_expect_null(zmq_msg_data(NULL));
    FAILS(EFAULT, zmq_msg_init(NULL));
    FAILS(EFAULT, zmq_msg_init_size(NULL, 1));
    FAILS(EFAULT, zmq_msg_close(NULL));
    FAILS(EFAULT, zmq_msg_send(NULL, push, ZMQ_DONTWAIT));
}

Test(message, onto_itself_stays_what_it_is)
{
    zmq_msg_t msg;

    if (!test_newer())
        cr_skip_test("not allowed in 4.3.4");
    make(&msg, long_text);
    OK(zmq_msg_move(&msg, &msg));
    cr_expect(is(&msg, long_text));
    OK(zmq_msg_copy(&msg, &msg));
    cr_expect(is(&msg, long_text));
    OK(zmq_msg_close(&msg));
}

Test(message, knows_three_properties_and_lets_none_be_set)
{
    zmq_msg_t msg;

    OK(zmq_msg_init(&msg));
    FAILS(EINVAL, zmq_msg_get(&msg, ZMQ_SRCFD));
    FAILS(EINVAL, zmq_msg_get(&msg, 0));
    FAILS(EINVAL, zmq_msg_get(&msg, 99));
    FAILS(EINVAL, zmq_msg_set(&msg, ZMQ_MORE, 1));
    FAILS(EINVAL, zmq_msg_set(&msg, 99, 1));
    errno = 0;
    cr_expect_null(zmq_msg_gets(&msg, "Socket-Type"));
    cr_expect_eq(errno, EINVAL);
    OK(zmq_msg_close(&msg));
}

Test(message, is_empty_after_it_was_sent_and_still_the_callers_when_it_was_not)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *a = test_bound(ZMQ_PAIR, at), *b;
    zmq_msg_t msg;

    make(&msg, long_text);
    FAILS(EAGAIN, zmq_msg_send(&msg, a, ZMQ_DONTWAIT));
    cr_expect(is(&msg, long_text));
    b = test_connected(ZMQ_PAIR, at);
    cr_expect_eq(zmq_msg_send(&msg, a, ZMQ_SNDMORE), (int)strlen(long_text));
    cr_expect_eq(zmq_msg_size(&msg), 0);
    cr_expect_eq(zmq_msg_send(&msg, a, 0), 0, "an empty one is a message, too");
    cr_expect_eq(zmq_msg_recv(&msg, b, 0), (int)strlen(long_text));
    cr_expect(is(&msg, long_text));
    cr_expect_eq(zmq_msg_more(&msg), 1);
    cr_expect_eq(zmq_msg_get(&msg, ZMQ_MORE), 1);
    cr_expect_eq(zmq_msg_recv(&msg, b, 0), 0);
    cr_expect_eq(zmq_msg_more(&msg), 0);
    FAILS(EAGAIN, zmq_msg_recv(&msg, b, ZMQ_DONTWAIT));
    OK(zmq_msg_close(&msg));
}

Test(message, received_into_releases_what_it_had)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *a = test_bound(ZMQ_PAIR, at), *b = test_connected(ZMQ_PAIR, at);
    char data[40] = "";
    zmq_msg_t msg;

    OK(zmq_msg_init_data(&msg, data, sizeof data, free_fn, NULL));
    SEND(a, "new");
    cr_expect_eq(zmq_msg_recv(&msg, b, 0), 3);
    cr_expect_eq(freed, 1);
    cr_expect(is(&msg, "new"));
    OK(zmq_msg_close(&msg));
}

Test(message, received_into_for_nothing_is_empty)
{
    void *a = test_bound(ZMQ_PAIR, test_endpoint(TEST_INPROC)), *out = test_socket(ZMQ_PUSH);
    char data[40] = "";
    zmq_msg_t msg;

    OK(zmq_msg_init_data(&msg, data, sizeof data, free_fn, NULL));
    FAILS(ENOTSUP, zmq_msg_recv(&msg, out, ZMQ_DONTWAIT));
    cr_expect_eq(zmq_msg_size(&msg), sizeof data, "nobody looked");
    FAILS(EAGAIN, zmq_msg_recv(&msg, a, ZMQ_DONTWAIT));
    cr_expect_eq(zmq_msg_size(&msg), 0);
    cr_expect_eq(freed, 1);
    OK(zmq_msg_close(&msg));
}

/* Bodies of every kind, each number another one: OWN, the first, are the library's. */
enum { OWN, COPIED, CONSTANT, LENT, KINDS };

static const size_t sizes[] = {0, 1, 16, 17, 33, 34, 2048, 5000};
static char bytes[5000];

enum { BODIES = KINDS * (sizeof sizes / sizeof sizes[0]) };

static void make_any(zmq_msg_t *msg, int number)
{
    size_t size = sizes[number / KINDS];
    zmq_msg_t other;

    switch (number % KINDS) {
    case CONSTANT: OK(zmq_msg_init_data(msg, bytes, size, NULL, NULL)); return;
    case LENT: OK(zmq_msg_init_data(msg, bytes, size, free_fn, NULL)); return;
    }
    OK(zmq_msg_init_size(msg, size));
    if (size)
        memcpy(zmq_msg_data(msg), bytes, size);
    if (number % KINDS == OWN)
        return;
    OK(zmq_msg_init(&other));
    OK(zmq_msg_copy(&other, msg));
    OK(zmq_msg_close(msg));
    *msg = other;
}

static void send_any(void *s, int number, int flags)
{
    zmq_msg_t msg;

    make_any(&msg, number);
    cr_assert_eq(zmq_msg_send(&msg, s, flags), (int)sizes[number / KINDS]);
    cr_expect_eq(zmq_msg_size(&msg), 0);
    OK(zmq_msg_close(&msg));
}

static void expect_any(void *s, zmq_msg_t *msg, int number, int more)
{
    size_t size = sizes[number / KINDS];

    cr_assert_eq(zmq_msg_recv(msg, s, 0), (int)size);
    cr_expect(zmq_msg_size(msg) == size && (!size || !memcmp(zmq_msg_data(msg), bytes, size)),
              "body %d", number);
    cr_expect_eq(zmq_msg_more(msg), more);
    cr_expect_eq(test_get(s, ZMQ_RCVMORE), more);
}

/* Every kind after every other one, into the same message; and as the first of two parts. */
static void send_all_kinds(int from, int to)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *b = test_bound(to, at), *a = test_connected(from, at);
    zmq_msg_t msg;

    OK(zmq_msg_init(&msg));
    for (int i = 0; i < BODIES * BODIES; i++) {
        int first = i / BODIES, second = i % BODIES, parts = i % 3 == 0;

        send_any(a, first, parts ? ZMQ_SNDMORE : 0);
        send_any(a, second, 0);
        expect_any(b, &msg, first, parts);
        expect_any(b, &msg, second, 0);
    }
    OK(zmq_msg_close(&msg));
    cr_expect_eq(freed, 2 * BODIES * BODIES / KINDS);
}

Test(message, of_every_kind_arrives_as_it_is)
{
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    send_all_kinds(ZMQ_PUSH, ZMQ_PULL);
    freed = 0;
    send_all_kinds(ZMQ_DEALER, ZMQ_DEALER);
    freed = 0;
    send_all_kinds(ZMQ_PAIR, ZMQ_PAIR);
}

/* What came with a MORE goes on without one, unless its sender says so. */
Test(message, passed_on_begins_anew)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *b = test_bound(ZMQ_PULL, at), *a = test_connected(ZMQ_PUSH, at);
    zmq_msg_t msg;

    SEND(a, "first|second");
    OK(zmq_msg_init(&msg));
    cr_expect_eq(zmq_msg_recv(&msg, b, 0), 5);
    cr_expect_eq(zmq_msg_more(&msg), 1);
    cr_expect_eq(zmq_msg_send(&msg, a, 0), 5);
    cr_expect_eq(zmq_msg_recv(&msg, b, 0), 6);
    cr_expect_eq(zmq_msg_recv(&msg, b, 0), 5);
    cr_expect_eq(zmq_msg_more(&msg), 0);
    cr_expect(is(&msg, "first"));
    OK(zmq_msg_close(&msg));
}

Test(message, the_older_names_do_the_same)
{
    const char *at = test_endpoint(TEST_INPROC);
    void *a = test_bound(ZMQ_PAIR, at), *b = test_connected(ZMQ_PAIR, at);
    zmq_msg_t msg;

    make(&msg, "old");
    cr_expect_eq(zmq_sendmsg(a, &msg, 0), 3);
    cr_expect_eq(zmq_recvmsg(b, &msg, 0), 3);
    cr_expect(is(&msg, "old"));
    OK(zmq_msg_close(&msg));
}
