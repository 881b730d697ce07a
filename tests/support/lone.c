/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/lone.h"

#include "include/zuring.h"
#include "tests/support/pair.h"
#include "tests/support/wait.h"

#include <pthread.h>
#include <string.h>

enum { ROW = 5, STREAMS = 200, IN_A_STREAM = 40, WORD_EACH = 10, BODY_MAX = 20000 };

/* Answers until it hears "end". */
static void *run_echo(void *socket)
{
    char text[8];
    int n;

    do {
        n = zmq_recv(socket, text, sizeof text, 0);
        if (n < 0 || zmq_send(socket, text, (size_t)n, 0) != n)
            return "no echo";
    } while (n != 3);
    return NULL;
}

static uint64_t rounds(void)
{
    struct zuring_loop_stats s;

    OK(zuring_loop_stats(test_ctx(), 0, &s, sizeof s));
    return s.rounds;
}

/* The pauses are for a loop that is late to tell. */
static bool rests_the_loop(void *socket)
{
    uint64_t before = rounds();

    for (int i = 0; i < ROW; i++) {
        SEND(socket, "lone");
        RECV(socket, "lone");
        test_pause();
    }
    return rounds() == before;
}

void test_goes_by_hand(void *first, void *second)
{
    pthread_t echo;
    void *failure;

    cr_assert_eq(pthread_create(&echo, NULL, run_echo, second), 0);
    WAIT(rests_the_loop(first));
    SEND(first, "end");
    RECV(first, "end");
    pthread_join(echo, &failure);
    cr_assert_null(failure, "%s", (const char *)failure);
}

static void send_number(void *socket, uint32_t number)
{
    static uint8_t body[BODY_MAX];
    size_t size = sizeof number + number * 7919 % (number % 8 ? 100 : BODY_MAX - sizeof number);

    memset(body, (int)number, size);
    memcpy(body, &number, sizeof number);
    cr_assert_eq(zmq_send(socket, body, size, 0), (int)size);
}

static void hear_number(void *socket, uint32_t number)
{
    static uint8_t body[BODY_MAX];
    int size = zmq_recv(socket, body, sizeof body, 0);

    cr_assert_geq(size, (int)sizeof number);
    cr_assert_eq(memcmp(body, &number, sizeof number), 0);
    for (int i = sizeof number; i < size; i++)
        cr_assert_eq(body[i], (uint8_t)number);
}

void test_speaks_amid_a_stream(void *first, void *second)
{
    uint32_t words = 0, number = 0;

    for (int i = 0; i < STREAMS; i++) {
        for (uint32_t j = 0; j < IN_A_STREAM; j++) {
            send_number(second, number + j);
            if (j % WORD_EACH == 0)
                send_number(first, words++);
        }
        for (uint32_t j = 0; j < IN_A_STREAM; j++)
            hear_number(first, number++);
        for (uint32_t j = IN_A_STREAM / WORD_EACH; j > 0; j--)
            hear_number(second, words - j);
    }
}
