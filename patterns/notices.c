/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notices: a chain of blocks. The one that was read to its end is freed; the last one is kept.
 */
#include "patterns/notices.h"

#include "engine/base/alloc.h"

#include <errno.h>

#define IN_BLOCK 16

struct zu_notices_block {
    struct zu_notices_block *next;
    struct zu_notice item[IN_BLOCK];
};

void zu_notices_init(struct zu_notices *n)
{
    *n = (struct zu_notices){0};
}

uint64_t zu_notices_fini(struct zu_notices *n)
{
    uint64_t messages = 0;

    while (n->count > 0) {
        struct zu_notice left = zu_notices_take(n);

        messages += !left.is_notice && !(left.m.flags & ZU_MSG_MORE);
        zu_msg_close(&left.m);
        zu_subscriber_drop(left.from);
    }
    while (n->head) {
        struct zu_notices_block *gone = n->head;

        n->head = gone->next;
        zu_free(gone);
    }
    zu_notices_init(n);
    return messages;
}

int zu_notices_reserve(struct zu_notices *n, uint32_t more)
{
    struct zu_notices_block **last = n->tail ? &n->tail->next : &n->head;
    uint64_t room = n->tail ? IN_BLOCK - n->end : 0;

    if (more > UINT32_MAX - n->count)
        return -ENOMEM;
    for (; *last; last = &(*last)->next)
        room += IN_BLOCK;
    for (; room < more; room += IN_BLOCK) {
        struct zu_notices_block *b = zu_alloc(sizeof *b);

        if (!b)
            return -ENOMEM; /* what is there already will be used another time */
        b->next = NULL;
        *last = b;
        last = &b->next;
    }
    return 0;
}

void zu_notices_put(struct zu_notices *n, const struct zu_notice *notice)
{
    if (!n->tail) {
        n->tail = n->head;
    } else if (n->end == IN_BLOCK) {
        n->tail = n->tail->next;
        n->end = 0;
    }
    n->tail->item[n->end++] = *notice;
    n->count++;
}

struct zu_notice zu_notices_take(struct zu_notices *n)
{
    struct zu_notice taken = n->head->item[n->first++];

    if (--n->count == 0) {
        n->first = n->end = 0; /* head and tail are one */
    } else if (n->first == IN_BLOCK) {
        struct zu_notices_block *gone = n->head;

        n->head = gone->next;
        n->first = 0;
        zu_free(gone);
    }
    return taken;
}
