/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counts: how many instructions a message costs. One row a run, on one thread, over the scripted
 * boundary or inproc, so that the same build gives the same number every time:
 *
 *     valgrind --tool=callgrind --toggle-collect=counted counts ROW
 *
 * prints on its last line how many messages went; counts.py divides and compares.
 */
#include "engine/base/alloc.h"
#include "tests/fault/rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READY_SUB      "04 19 05 'READY' 0b 'Socket-Type' 00 00 00 03 'SUB' "
#define READY_OF(type) "04 1a 05 'READY' 0b 'Socket-Type' 00 00 00 04 '" type "' "

enum { ROUNDS = 200, BURST = 100, MANY = 20, FEED_MAX = 64 * 1024 };

struct row {
    const char *name;
    void (*prepare)(const struct row *row);
    void (*round)(const struct row *row);
    int messages; /* a round */
    size_t size;  /* of each */
    bool copied;  /* zmq_send, not zmq_msg_send */
};

static struct rig rig;
static void *left, *right; /* of the inproc rows */
static uint8_t feed[FEED_MAX];
static size_t feed_size;

static void fail(const char *what)
{
    fprintf(stderr, "counts: %s\n", what);
    exit(1);
}

/* ---- rows that send ---- */

static void prepare_push(const struct row *row)
{
    (void)row;
    rig_open(&rig, ZMQ_PUSH);
    rig_dial(&rig);
    rig_connect(&rig);
    rig_say_hex(&rig, RIG_GREETING READY_OF("PULL"));
    rig_hear_all(&rig);
}

static void send_one(void *socket, const struct row *row)
{
    zmq_msg_t m;
    int rc;

    if (row->copied) {
        rc = zmq_send(socket, feed, row->size, ZMQ_DONTWAIT);
    } else {
        zmq_msg_init_size(&m, row->size);
        rc = zmq_msg_send(&m, socket, ZMQ_DONTWAIT);
    }
    if (rc != (int)row->size)
        fail("a message was refused");
}

/* All that is sent to the peer at hand; how many bytes. */
static size_t take_all(void)
{
    struct zu_op *op;
    size_t bytes = 0;

    while ((op = rig_sending(&rig))) {
        bytes += op->len;
        scripted_take(rig.k, op, NULL, SIZE_MAX);
        rig_round(&rig);
    }
    return bytes;
}

static void round_push(const struct row *row)
{
    for (int i = 0; i < row->messages; i++)
        send_one(rig.s, row);
    rig_round(&rig);
    take_all();
}

static int subscribers[MANY];

/* A stream for many, from a log. */
static void prepare_publish(const struct row *row)
{
    (void)row;
    rig_open(&rig, ZMQ_PUB);
    rig_bind(&rig);
    for (int i = 0; i < MANY; i++) {
        rig_accept(&rig);
        subscribers[i] = rig.fd;
        rig_say_hex(&rig, RIG_GREETING READY_SUB "00 01 01 ");
        rig_hear_all(&rig);
    }
}

static void round_publish(const struct row *row)
{
    size_t each = (size_t)row->messages / MANY;

    for (size_t i = 0; i < each; i++)
        send_one(rig.s, row);
    rig_round(&rig);
    for (int i = 0; i < MANY; i++) {
        rig.fd = subscribers[i];
        if (take_all() < each * row->size)
            fail("not all of it was published");
    }
}

/* ---- rows that receive ---- */

static void prepare_pull(const struct row *row)
{
    rig_open(&rig, ZMQ_PULL);
    rig_bind(&rig);
    rig_accept(&rig);
    rig_say_hex(&rig, RIG_GREETING READY_OF("PUSH"));
    rig_hear_all(&rig);
    for (int i = 0; i < row->messages; i++) {
        uint8_t *at = feed + feed_size;

        if (row->size <= 255) {
            at[1] = (uint8_t)row->size;
            feed_size += 2;
        } else {
            at[0] = 2;
            at[7] = (uint8_t)(row->size >> 8);
            at[8] = (uint8_t)row->size;
            feed_size += 9;
        }
        feed_size += row->size;
    }
}

static void receive_all(void *socket, int expected)
{
    zmq_msg_t m;
    int count = 0;

    zmq_msg_init(&m);
    while (zmq_msg_recv(&m, socket, ZMQ_DONTWAIT) >= 0)
        count++;
    zmq_msg_close(&m);
    if (count != expected)
        fail("a message is missing");
}

static void round_pull(const struct row *row)
{
    struct zu_op *op = rig_receiving(&rig);

    if (!op || scripted_feed(rig.k, op, feed, feed_size) != feed_size)
        fail("it does not receive");
    rig_round(&rig);
    receive_all(rig.s, row->messages);
}

/* ---- inproc ---- */

static void prepare_inproc(const struct row *row)
{
    void *ctx = zmq_ctx_new();

    (void)row;
    left = zmq_socket(ctx, ZMQ_PUSH);
    right = zmq_socket(ctx, ZMQ_PULL);
    if (zmq_bind(right, "inproc://counts") || zmq_connect(left, "inproc://counts"))
        fail("inproc");
}

static void round_inproc(const struct row *row)
{
    for (int i = 0; i < row->messages; i++)
        send_one(left, row);
    receive_all(right, row->messages);
}

/* ---- many at one, and back: left is the one, over inproc ---- */

static void *many[MANY];

static void prepare_crowd(int one, int other)
{
    void *ctx = zmq_ctx_new();

    left = zmq_socket(ctx, one);
    if (zmq_bind(left, "inproc://crowd"))
        fail("inproc");
    for (int i = 0; i < MANY; i++) {
        many[i] = zmq_socket(ctx, other);
        if (other == ZMQ_SUB && zmq_setsockopt(many[i], ZMQ_SUBSCRIBE, "", 0))
            fail("subscribe");
        if (zmq_connect(many[i], "inproc://crowd"))
            fail("inproc");
    }
}

static void prepare_fan_out(const struct row *row)
{
    (void)row;
    prepare_crowd(ZMQ_PUB, ZMQ_SUB);
}

static void round_fan_out(const struct row *row)
{
    for (int i = 0; i < row->messages / MANY; i++)
        send_one(left, row);
    for (int i = 0; i < MANY; i++)
        receive_all(many[i], row->messages / MANY);
}

static void prepare_fan_in(const struct row *row)
{
    (void)row;
    prepare_crowd(ZMQ_PULL, ZMQ_PUSH);
}

static void round_fan_in(const struct row *row)
{
    for (int i = 0; i < row->messages; i++)
        send_one(many[i % MANY], row);
    receive_all(left, row->messages);
}

static void prepare_requests(const struct row *row)
{
    (void)row;
    prepare_crowd(ZMQ_ROUTER, ZMQ_DEALER);
}

/* There and back. */
static void round_requests(const struct row *row)
{
    zmq_msg_t m;

    for (int i = 0; i < row->messages; i++)
        send_one(many[i % MANY], row);
    zmq_msg_init(&m);
    while (zmq_msg_recv(&m, left, ZMQ_DONTWAIT) >= 0)
        if (zmq_msg_send(&m, left, ZMQ_DONTWAIT | (zmq_msg_more(&m) ? ZMQ_SNDMORE : 0)) < 0)
            fail("an answer was refused");
    zmq_msg_close(&m);
    for (int i = 0; i < MANY; i++)
        receive_all(many[i], row->messages / MANY);
}

/* ---- */

static const struct row rows[] = {
    {"push_16", prepare_push, round_push, BURST, 16, false},
    {"push_256", prepare_push, round_push, BURST, 256, false},
    {"push_1024", prepare_push, round_push, BURST / 2, 1024, false},
    {"push_64k", prepare_push, round_push, 4, 65536, false},
    {"push_16_copied", prepare_push, round_push, BURST, 16, true},
    {"push_256_copied", prepare_push, round_push, BURST, 256, true},
    {"push_16_alone", prepare_push, round_push, 1, 16, false},
    {"pull_16", prepare_pull, round_pull, BURST, 16, false},
    {"pull_256", prepare_pull, round_pull, BURST, 256, false},
    {"pull_1024", prepare_pull, round_pull, BURST / 2, 1024, false},
    {"pull_16k", prepare_pull, round_pull, 3, 16384, false},
    {"pull_16_alone", prepare_pull, round_pull, 1, 16, false},
    {"inproc_16", prepare_inproc, round_inproc, BURST, 16, false},
    {"inproc_256", prepare_inproc, round_inproc, BURST, 256, false},
    {"inproc_16_alone", prepare_inproc, round_inproc, 1, 16, false},
    {"publish_64", prepare_publish, round_publish, MANY *BURST, 64, false},
    {"fan_out_64", prepare_fan_out, round_fan_out, MANY *BURST, 64, false},
    {"fan_in_64", prepare_fan_in, round_fan_in, MANY *BURST / 2, 64, false},
    {"requests_16", prepare_requests, round_requests, MANY * 16, 16, false},
};

/* What is counted: callgrind knows it by its name. */
__attribute__((noinline)) void counted(const struct row *row);
void counted(const struct row *row)
{
    for (int i = 0; i < ROUNDS; i++)
        row->round(row);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < zu_array_len(rows); i++) {
        if (argc < 2) {
            puts(rows[i].name);
        } else if (strcmp(argv[1], rows[i].name) == 0) {
            rows[i].prepare(&rows[i]);
            for (int warm = 0; warm < 20; warm++)
                rows[i].round(&rows[i]);
            counted(&rows[i]);
            printf("messages %d\n", ROUNDS * rows[i].messages);
            return 0;
        }
    }
    return argc < 2 ? 0 : 2;
}
