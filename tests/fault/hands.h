/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hands: what the tests of what goes by hand (engine/core/by_hand.h) have in common. Their socket
 * waits for a millisecond.
 * Thread: the test's.
 */
#ifndef ZU_TESTS_FAULT_HANDS_H
#define ZU_TESTS_FAULT_HANDS_H

#include "tests/fault/rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <zmq.h>

/* Is there something for the loop to do? */
static inline bool is_woken(struct rig *r)
{
    return zu_mailbox_peek(&r->loop.box);
}

static inline void send_text(struct rig *r, const char *text)
{
    cr_assert_eq(zmq_send(r->s, text, strlen(text), ZMQ_DONTWAIT), (int)strlen(text));
}

/* Waits: does this text come? NULL: nothing may. */
static inline bool hears(struct rig *r, const char *text)
{
    static char got[256 * 1024];
    int n = zmq_recv(r->s, got, sizeof got, 0);

    if (!text)
        return n < 0 && errno == EAGAIN;
    return n == (int)strlen(text) && !memcmp(got, text, (size_t)n);
}

/* Who waits asks for the intake: the loop leaves it. */
static inline void ask_for_intake(struct rig *r)
{
    cr_assert(hears(r, NULL));
    rig_settle(r);
    cr_assert(scripted_watches(r->k));
    cr_assert_null(rig_receiving(r));
}

#endif
