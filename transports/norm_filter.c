/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program for the kernel's packet filter. Each kind of packet has a stretch of it: conditions,
 * and a last line, keep. A condition that does not hold leads to the next stretch, and from the
 * last one to drop. A load from behind the end of a packet drops it.
 */
#include "transports/norm_filter.h"

#include "engine/base/base.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/udp.h>
#include <sys/socket.h>

enum {
    ROOM = 200,
    BEGIN = sizeof(struct udphdr),
    LENGTH = 0, /* places in the filter's memory: the packet's; what a segment may have */
    SEGMENT = 1,
    /* bytes of a packet */
    HEADER_WORDS = 1,
    FLAGS = 12, /* of data; of a command, which */
    CODE = 13,
    SYMBOL = 19,
    FTI = 20, /* an extension: what is to be known of the stream */
    STREAM_HIGH = 22,
    STREAM_LOW = 24,
    SEGMENT_SIZE = 28,
    BLOCK_DATA = 30,
    BLOCK_PARITY = 31,
    PAYLOAD_SIZE = 32,
    PAYLOAD_BEGIN = 34,
    PAYLOAD = 40,
    CC_RATE = 24, /* an extension of a command */
    CC_NODES = 28,
    CC_NODE_SIZE = 8,
    IS_STREAM = 0x20,
    IS_ELSE = 0xfc, /* but for what says that it is a repair */
    REED_SOLOMON = 5,
    FTI_OF_THREE_WORDS = 0x4003,
    CC_RATE_TYPE = 0x80,
    SEGMENT_MAX = 65000,
    SYMBOLS_MAX = 255,
    FEEDBACK_MAX = 1500,
    TO_DROP = 0xff, /* of a condition: to be filled in */
    UNLESS = 0x100, /* of a test: that it does not hold */
};

struct program {
    struct sock_filter line[ROOM];
    unsigned lines, begin;
    uint32_t buffer_max;
};

static void put(struct program *p, unsigned code, unsigned k)
{
    p->line[p->lines++] = (struct sock_filter)BPF_STMT((uint16_t)code, k);
}

/* Of the value that was loaded last. */
static void require(struct program *p, unsigned test, unsigned k)
{
    uint16_t code = (uint16_t)(BPF_JMP | (test & ~(unsigned)UNLESS));

    p->line[p->lines++] = test & UNLESS ? (struct sock_filter)BPF_JUMP(code, k, TO_DROP, 0)
                                        : (struct sock_filter)BPF_JUMP(code, k, 0, TO_DROP);
}

static void load(struct program *p, unsigned size, unsigned at)
{
    put(p, BPF_LD | size | BPF_ABS, BEGIN + at);
}

static void require_value(struct program *p, unsigned size, unsigned at, unsigned value)
{
    load(p, size, at);
    require(p, BPF_JEQ | BPF_K, value);
}

static void require_length(struct program *p, unsigned length)
{
    put(p, BPF_LD | BPF_MEM, LENGTH);
    require(p, BPF_JEQ | BPF_K, length);
}

/* A stretch of the program: for packets that begin with this byte; of commands, 0 or which. */
static void begin(struct program *p, unsigned first, unsigned flavor)
{
    p->begin = p->lines;
    require_value(p, BPF_B, 0, first);
    if (flavor)
        require_value(p, BPF_B, FLAGS, flavor);
}

static void end(struct program *p)
{
    put(p, BPF_RET | BPF_K, UINT32_MAX);
    for (unsigned i = p->begin; i < p->lines - 1; i++) { /* on to the next stretch */
        if (p->line[i].jf == TO_DROP)
            p->line[i].jf = (uint8_t)(p->lines - 1 - i);
        if (p->line[i].jt == TO_DROP)
            p->line[i].jt = (uint8_t)(p->lines - 1 - i);
    }
}

/* What a packet says of its stream is what libnorm makes its buffers by. */
static void check_stream(struct program *p)
{
    require_value(p, BPF_B, HEADER_WORDS, PAYLOAD_SIZE / 4);
    load(p, BPF_B, FLAGS);
    put(p, BPF_ALU | BPF_AND | BPF_K, IS_ELSE);
    require(p, BPF_JEQ | BPF_K, IS_STREAM);
    require_value(p, BPF_B, CODE, REED_SOLOMON);
    require_value(p, BPF_H, FTI, FTI_OF_THREE_WORDS);
    require_value(p, BPF_H, STREAM_HIGH, 0);
    load(p, BPF_W, STREAM_LOW);
    require(p, BPF_JGT | BPF_K | UNLESS, p->buffer_max);
    load(p, BPF_H, SEGMENT_SIZE);
    require(p, BPF_JGE | BPF_K, 1);
    require(p, BPF_JGT | BPF_K | UNLESS, SEGMENT_MAX);
    put(p, BPF_ST, SEGMENT);
    load(p, BPF_B, BLOCK_PARITY);
    put(p, BPF_MISC | BPF_TAX, 0);
    load(p, BPF_B, BLOCK_DATA);
    require(p, BPF_JGE | BPF_K, 1);
    put(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    require(p, BPF_JGT | BPF_K | UNLESS, SYMBOLS_MAX);
    put(p, BPF_MISC | BPF_TAX, 0);
    load(p, BPF_B, SYMBOL);
    require(p, BPF_JGE | BPF_X | UNLESS, 0);
}

/* `is_parity`: the symbol is beyond the block's own. */
static void put_data(struct program *p, bool is_parity)
{
    begin(p, 0x12, 0);
    check_stream(p);
    load(p, BPF_B, BLOCK_DATA);
    put(p, BPF_MISC | BPF_TAX, 0);
    load(p, BPF_B, SYMBOL);
    require(p, BPF_JGE | BPF_X | (is_parity ? 0 : UNLESS), 0);
    put(p, BPF_LDX | BPF_MEM, SEGMENT);
    if (is_parity) {
        put(p, BPF_LD | BPF_MEM, LENGTH);
        put(p, BPF_ALU | BPF_SUB | BPF_K, PAYLOAD); /* it is no shorter: it has a byte 39 */
        require(p, BPF_JGT | BPF_X | UNLESS, 0);
        load(p, BPF_B, PAYLOAD - 1);
    } else {
        load(p, BPF_H, PAYLOAD_SIZE);
        require(p, BPF_JGT | BPF_X | UNLESS, 0);
        put(p, BPF_MISC | BPF_TAX, 0);
        load(p, BPF_H, PAYLOAD_BEGIN);
        require(p, BPF_JGT | BPF_X | UNLESS, 0);
        put(p, BPF_LD | BPF_MEM, LENGTH);
        put(p, BPF_ALU | BPF_SUB | BPF_K, PAYLOAD);
        require(p, BPF_JEQ | BPF_X, 0);
    }
    end(p);
}

static void put_commands(struct program *p)
{
    begin(p, 0x13, 1); /* FLUSH */
    require_value(p, BPF_B, HEADER_WORDS, 5);
    require_value(p, BPF_B, CODE, REED_SOLOMON);
    require_length(p, 20);
    end(p);
    begin(p, 0x13, 2); /* EOT */
    require_value(p, BPF_B, HEADER_WORDS, 4);
    require_length(p, 16);
    end(p);
    begin(p, 0x13, 3); /* SQUELCH */
    require_value(p, BPF_B, HEADER_WORDS, 5);
    require_value(p, BPF_B, CODE, REED_SOLOMON);
    put(p, BPF_LD | BPF_MEM, LENGTH);
    require(p, BPF_JGE | BPF_K, 20);
    put(p, BPF_ALU | BPF_AND | BPF_K, 1);
    require(p, BPF_JEQ | BPF_K, 0);
    end(p);
    begin(p, 0x13, 4); /* CC */
    require_value(p, BPF_B, HEADER_WORDS, CC_NODES / 4);
    require_value(p, BPF_B, CC_RATE, CC_RATE_TYPE);
    put(p, BPF_LD | BPF_MEM, LENGTH);
    require(p, BPF_JGE | BPF_K, CC_NODES);
    put(p, BPF_ALU | BPF_SUB | BPF_K, CC_NODES);
    put(p, BPF_ALU | BPF_AND | BPF_K, CC_NODE_SIZE - 1);
    require(p, BPF_JEQ | BPF_K, 0);
    end(p);
}

/* What is asked for, and what is heard: NACK, ACK; with what congestion control wants, or not. */
static void put_feedback(struct program *p, unsigned kind, unsigned words)
{
    begin(p, kind, 0);
    require_value(p, BPF_B, HEADER_WORDS, words);
    put(p, BPF_LD | BPF_MEM, LENGTH);
    require(p, BPF_JGE | BPF_K, 4 * words);
    require(p, BPF_JGT | BPF_K | UNLESS, FEEDBACK_MAX);
    put(p, BPF_ALU | BPF_AND | BPF_K, 3);
    require(p, BPF_JEQ | BPF_K, 0);
    end(p);
}

int zu_norm_filter_attach(int fd, uint32_t buffer_max)
{
    struct program p = {.buffer_max = buffer_max};
    struct sock_fprog all = {.filter = p.line};

    put(&p, BPF_LD | BPF_W | BPF_LEN, 0);
    put(&p, BPF_ALU | BPF_SUB | BPF_K, BEGIN);
    put(&p, BPF_ST, LENGTH);
    put_data(&p, false);
    put_data(&p, true);
    put_commands(&p);
    put_feedback(&p, 0x14, 6);
    put_feedback(&p, 0x14, 9);
    put_feedback(&p, 0x15, 6);
    put_feedback(&p, 0x15, 9);
    put(&p, BPF_RET | BPF_K, 0);
    all.len = (uint16_t)p.lines;
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof all) < 0 ? -errno : 0;
}
