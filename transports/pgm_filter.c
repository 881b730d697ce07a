/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program for the kernel's packet filter. A packet's type and its options are one number, and
 * each that may come has a stretch of the program: conditions, which lead to its own last line,
 * drop, and the line before that, keep. A load from behind the end of a packet drops it.
 *
 * X is where the packet begins, behind the header of UDP or IP.
 */
#include "transports/pgm_filter.h"

#include "engine/base/base.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    ROOM = 400,
    LENGTH = 0, /* places in the filter's memory: of the packet, of PGM's */
    VALUE = 1,
    BEGIN = 2,
    /* bytes of a packet */
    KIND = 4,
    TSDU_LENGTH = 14,
    HEADER = 16,
    DATA = HEADER + 8,
    SPM_AFI = HEADER + 12,
    NAK_AFI = HEADER + 4,
    NAK_GROUP_AFI = HEADER + 12,
    OPTIONS = 36, /* of an SPM, a NAK or an NCF, when addresses are of IPv4 */
    OPTION = OPTIONS + 4,
    IPV4 = 1,
    OPT_LENGTH = 0x0004, /* and that it has four bytes */
    OPT_FIN = 0x8e04,    /* the same, and that it is the last */
    OPT_NAK_LIST = 0x82, /* the last, too */
    NAK_LIST_MIN = OPTION + 8,
    TO_DROP = 0xff, /* of a condition: to be filled in */
};

struct program {
    struct sock_filter line[ROOM];
    unsigned lines;
};

static void put(struct program *p, unsigned code, unsigned k)
{
    p->line[p->lines++] = (struct sock_filter)BPF_STMT((uint16_t)code, k);
}

/* Of the value that was loaded last. */
static void require(struct program *p, unsigned test, unsigned k)
{
    p->line[p->lines++] = (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | test), k, 0, TO_DROP);
}

static void require_two_bytes(struct program *p, unsigned at, unsigned value)
{
    put(p, BPF_LD | BPF_H | BPF_IND, at);
    require(p, BPF_JEQ | BPF_K, value);
}

/* What was loaded last and `more` are the packet's length. */
static void require_length(struct program *p, unsigned more)
{
    put(p, BPF_ALU | BPF_ADD | BPF_K, more);
    put(p, BPF_ST, VALUE);
    put(p, BPF_LDX | BPF_MEM, VALUE);
    put(p, BPF_LD | BPF_MEM, LENGTH);
    require(p, BPF_JEQ | BPF_X, 0);
    put(p, BPF_LDX | BPF_MEM, BEGIN);
}

static void require_size(struct program *p, unsigned size)
{
    put(p, BPF_LD | BPF_IMM, 0);
    require_length(p, size);
}

static void check_data(struct program *p)
{
    put(p, BPF_LD | BPF_H | BPF_IND, TSDU_LENGTH);
    require_length(p, DATA);
}

static void check_spm(struct program *p)
{
    require_two_bytes(p, SPM_AFI, IPV4);
    require_size(p, OPTIONS);
}

static void check_spm_of_the_end(struct program *p)
{
    require_two_bytes(p, SPM_AFI, IPV4);
    require_two_bytes(p, OPTIONS, OPT_LENGTH);
    require_two_bytes(p, OPTIONS + 2, OPTION + 4 - OPTIONS);
    require_two_bytes(p, OPTION, OPT_FIN);
    require_size(p, OPTION + 4);
}

static void check_nak(struct program *p)
{
    require_two_bytes(p, NAK_AFI, IPV4);
    require_two_bytes(p, NAK_GROUP_AFI, IPV4);
    require_size(p, OPTIONS);
}

static void check_nak_list(struct program *p)
{
    require_two_bytes(p, NAK_AFI, IPV4);
    require_two_bytes(p, NAK_GROUP_AFI, IPV4);
    require_two_bytes(p, OPTIONS, OPT_LENGTH);
    put(p, BPF_LD | BPF_H | BPF_IND, OPTIONS + 2);
    require_length(p, OPTIONS);
    put(p, BPF_LD | BPF_B | BPF_IND, OPTION);
    require(p, BPF_JEQ | BPF_K, OPT_NAK_LIST);
    put(p, BPF_LD | BPF_B | BPF_IND, OPTION + 1);
    require_length(p, OPTION);
    put(p, BPF_LD | BPF_MEM, LENGTH);
    require(p, BPF_JGE | BPF_K, NAK_LIST_MIN);
    put(p, BPF_ALU | BPF_AND | BPF_K, 3);
    require(p, BPF_JEQ | BPF_K, 0);
}

static void check_spmr(struct program *p)
{
    require_size(p, HEADER);
}

/* ODATA, RDATA; SPM; NAK, NNAK, NCF; SPMR. Of the options 1 says that there are some, 2 that they
 * are the network's, too. */
static const struct {
    uint16_t kind;
    void (*check)(struct program *p);
} known[] = {
    {0x0400, check_data},
    {0x0500, check_data},
    {0x0000, check_spm},
    {0x0001, check_spm_of_the_end},
    {0x0003, check_spm_of_the_end},
    {0x0800, check_nak},
    {0x0900, check_nak},
    {0x0a00, check_nak},
    {0x0801, check_nak_list},
    {0x0901, check_nak_list},
    {0x0a01, check_nak_list},
    {0x0803, check_nak_list},
    {0x0903, check_nak_list},
    {0x0a03, check_nak_list},
    {0x0c00, check_spmr},
};

static void put_kind(struct program *p, uint16_t kind, void (*check)(struct program *p))
{
    unsigned begin;

    put(p, BPF_LD | BPF_H | BPF_IND, KIND);
    begin = p->lines;
    require(p, BPF_JEQ | BPF_K, kind);
    check(p);
    put(p, BPF_RET | BPF_K, UINT32_MAX);
    put(p, BPF_RET | BPF_K, 0);
    for (unsigned i = begin; i < p->lines; i++)
        if (p->line[i].jf == TO_DROP)
            p->line[i].jf = (uint8_t)(p->lines - 2 - i);
    p->line[begin].jf++; /* another kind: what follows */
}

int zu_pgm_filter_attach(int fd, bool udp)
{
    struct program p = {.lines = 0};
    struct sock_fprog all = {.filter = p.line};

    if (udp)
        put(&p, BPF_LDX | BPF_IMM, sizeof(struct udphdr));
    else
        put(&p, BPF_LDX | BPF_B | BPF_MSH, 0); /* the size of IP's */
    put(&p, BPF_STX, BEGIN);
    put(&p, BPF_LD | BPF_W | BPF_LEN, 0);
    put(&p, BPF_ALU | BPF_SUB | BPF_X, 0);
    put(&p, BPF_ST, LENGTH);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        put_kind(&p, known[i].kind, known[i].check);
    put(&p, BPF_RET | BPF_K, 0);
    all.len = (uint16_t)p.lines;
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof all) < 0 ? -errno : 0;
}
