/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel boundary: receives that get their memory only when there are bytes. */
#include "engine/base/alloc.h"
#include "tests/io/drive.h"

#include <stdio.h>

BOTH(blocks_stay_valid_while_they_are_held)
{
    struct zu_kernel *k = opened(table);
    struct zu_block *held[200];
    struct request q;
    char text[32];
    int sv[2];

    tcp_pair(sv);
    for (int i = 0; i < 200; i++) {
        snprintf(text, sizeof(text), "message %d", i);
        CR_EQ_INT(write(sv[0], text, sizeof(text)), sizeof(text));
        table->recv_block(k, &fresh(&q)->op, sv[1]);
        FINAL(k, &q);
        CR_EQ_INT(q.res, sizeof(text));
        held[i] = q.block;
        cr_assert_not_null(held[i]);
        CR_EQ_INT(held[i]->size, ZU_RECV_BLOCK_SIZE);
    }
    for (int i = 0; i < 200; i++) {
        snprintf(text, sizeof(text), "message %d", i);
        cr_assert_str_eq((char *)held[i]->data, text);
        for (int j = 0; j < i; j++)
            cr_assert_neq(held[i], held[j]);
        if (i % 2)
            zu_kernel_give_block(k, held[i]);
    }
    shut(k, sv[1]);
    close(sv[0]);
    table->close(k);
    for (int i = 0; i < 200; i += 2) { /* a block outlives its boundary */
        snprintf(text, sizeof(text), "message %d", i);
        cr_assert_str_eq((char *)held[i]->data, text);
        zu_block_drop(held[i]);
    }
}

BOTH(a_block_that_somebody_else_holds_is_not_received_into)
{
    struct zu_kernel *k = opened(table);
    struct zu_block *kept;
    struct request q;
    int sv[2];

    tcp_pair(sv);
    CR_EQ_INT(write(sv[0], "keep", 5), 5);
    table->recv_block(k, &fresh(&q)->op, sv[1]);
    FINAL(k, &q);
    kept = q.block;
    zu_block_hold(kept);
    zu_kernel_give_block(k, q.block);
    for (int i = 0; i < 100; i++) {
        CR_EQ_INT(write(sv[0], "over", 5), 5);
        table->recv_block(k, &fresh(&q)->op, sv[1]);
        FINAL(k, &q);
        cr_assert_neq(q.block, kept);
        zu_kernel_give_block(k, q.block);
    }
    cr_assert_str_eq((char *)kept->data, "keep");
    zu_block_drop(kept);
    shut(k, sv[1]);
    close(sv[0]);
    table->close(k);
}

#define MANY 2000

/* Far more receives than submission entries, completion entries, or blocks. */
BOTH(thousands_of_receives_share_a_few_blocks)
{
    struct zu_kernel *k = opened(table);
    struct request *q = calloc(MANY, sizeof(*q));
    int(*sv)[2] = calloc(MANY, sizeof(*sv));

    raise_fd_limit();
    for (unsigned i = 0; i < MANY; i++) {
        pair_of(SOCK_STREAM, sv[i]);
        table->recv_block(k, &fresh(&q[i])->op, sv[i][1]);
    }
    for (int i = 0; i < 20; i++)
        table->enter(k, 0);
    CR_EQ_INT(finals_of(q, MANY), 0);
    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MANY; i++)
            CR_EQ_INT(write(sv[i][0], &i, sizeof(i)), sizeof(i));
        DRIVE(k, finals_of(q, MANY) == MANY);
        for (unsigned i = 0; i < MANY; i++) {
            CR_EQ_INT(q[i].res, sizeof(i));
            cr_assert(memcmp(q[i].block->data, &i, sizeof(i)) == 0);
            zu_kernel_give_block(k, q[i].block);
            table->recv_block(k, &fresh(&q[i])->op, sv[i][1]);
        }
    }
    if (table == &zu_kernel_ring) {
        cr_assert_gt(k->stats.block_shortages, 0);
        cr_assert_lt(k->stats.enters, 500); /* for there are many blocks by now */
    }
    for (unsigned i = 0; i < MANY; i++)
        table->cancel(k, &q[i].op);
    DRIVE(k, finals_of(q, MANY) == MANY);
    for (unsigned i = 0; i < MANY; i++) {
        CR_EQ_INT(q[i].res, -ECANCELED);
        CR_EQ_INT(q[i].heard, 1);
        shut(k, sv[i][1]);
        close(sv[i][0]);
    }
    table->close(k);
    free(q);
    free(sv);
}

static bool refuse_blocks(size_t size)
{
    return size >= ZU_RECV_BLOCK_SIZE;
}

BOTH(a_receive_waits_for_memory_and_does_not_fail)
{
    struct zu_kernel *k = opened(table);
    struct zu_block *held[64];
    struct request q;
    unsigned n = 0;
    int sv[2];

    tcp_pair(sv);
    zu_alloc_refuse = refuse_blocks;
    for (;; n++) { /* until there is none left */
        cr_assert_lt(n, 64);
        CR_EQ_INT(write(sv[0], "x", 1), 1);
        table->recv_block(k, &fresh(&q)->op, sv[1]);
        for (int i = 0; i < 10 && !q.finals; i++)
            table->enter(k, 20000);
        if (!q.finals)
            break;
        held[n] = q.block;
    }
    cr_assert_gt(k->stats.block_shortages, 0);
    if (n > 0) { /* one comes back */
        zu_kernel_give_block(k, held[--n]);
        FINAL(k, &q);
        CR_EQ_INT(q.res, 1);
        held[n++] = q.block;
        CR_EQ_INT(write(sv[0], "x", 1), 1);
        table->recv_block(k, &fresh(&q)->op, sv[1]);
        for (int i = 0; i < 5; i++)
            table->enter(k, 5000);
        CR_EQ_INT(q.heard, 0);
    }
    zu_alloc_refuse = NULL; /* there is memory again, and nobody tells */
    FINAL(k, &q);
    CR_EQ_INT(q.res, 1);
    zu_block_drop(q.block);
    while (n > 0)
        zu_block_drop(held[--n]);
    shut(k, sv[1]);
    close(sv[0]);
    table->close(k);
}

BOTH(a_receive_that_waits_for_memory_can_be_cancelled)
{
    struct zu_kernel *k;
    struct request q[80];
    int sv[2];

    zu_alloc_refuse = refuse_blocks;
    k = opened(table);
    tcp_pair(sv);
    CR_EQ_INT(write(sv[0], "x", 1), 1);
    for (unsigned i = 0; i < 80; i++)
        table->recv_block(k, &fresh(&q[i])->op, sv[1]);
    for (int i = 0; i < 3; i++)
        table->enter(k, 1000);
    CR_EQ_INT(finals_of(q, 80), 0);
    for (unsigned i = 0; i < 80; i++)
        table->cancel(k, &q[i].op);
    DRIVE(k, finals_of(q, 80) == 80);
    for (unsigned i = 0; i < 80; i++)
        CR_EQ_INT(q[i].res, -ECANCELED);
    zu_alloc_refuse = NULL;
    shut(k, sv[1]);
    close(sv[0]);
    table->close(k);
}

/* A crowd that says a word each must not cost as many blocks as it has members. */
Test(ready, a_round_receives_into_so_many_blocks_and_no_more)
{
    enum { CROWD = 200, MOST = 64 };
    const struct zu_kernel_table *table = &zu_kernel_ready;
    struct zu_kernel *k = opened(table);
    static struct request q[CROWD];
    int sv[CROWD][2];

    raise_fd_limit();
    for (int i = 0; i < CROWD; i++) {
        pair_of(SOCK_STREAM, sv[i]);
        CR_EQ_INT(write(sv[i][0], "word", 5), 5);
        table->recv_block(k, &fresh(&q[i])->op, sv[i][1]);
    }
    for (unsigned heard = 0, now; heard < CROWD; heard = now) {
        cr_assert_eq(table->enter(k, -1), 0);
        now = finals_of(q, CROWD);
        cr_assert_eq(now - heard, ZU_MIN(CROWD - heard, (unsigned)MOST), "%u after %u", now, heard);
    }
    for (int i = 0; i < CROWD; i++) {
        CR_EQ_INT(q[i].res, 5);
        zu_kernel_give_block(k, q[i].block);
        shut(k, sv[i][1]);
        close(sv[i][0]);
    }
    table->close(k);
}
