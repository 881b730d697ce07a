/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notices: what waits for an XPUB's application: notices of subscriptions, and parts of messages
 * that XSUBs sent. First in, first out, without a limit. They lie in blocks, so that a million that
 * come at once are never copied, and leave nothing behind when they were received.
 *
 * Thread: the one inside the socket. Owner: embedded by a pattern.
 */
#ifndef ZU_PATTERNS_NOTICES_H
#define ZU_PATTERNS_NOTICES_H

#include "engine/core/msg.h"
#include "patterns/subs.h"

struct zu_notice {
    struct zu_msg m;
    struct zu_subscriber *from; /* of a notice in manual mode; counted; or NULL */
    bool is_notice;
};

struct zu_notices_block;

struct zu_notices {
    struct zu_notices_block *head,
        *tail;           /* read from, written to; behind the tail are empty ones */
    uint32_t first, end; /* in the head the oldest; in the tail the next place */
    uint32_t count;
};

void zu_notices_init(struct zu_notices *n);
uint64_t zu_notices_fini(struct zu_notices *n); /* closes what is left; how many messages it was */

int zu_notices_reserve(struct zu_notices *n, uint32_t more); /* -ENOMEM */
/* There is room: it was reserved. */
void zu_notices_put(struct zu_notices *n, const struct zu_notice *notice);
/* The oldest, which is the caller's now. There is one. */
struct zu_notice zu_notices_take(struct zu_notices *n);

#endif
