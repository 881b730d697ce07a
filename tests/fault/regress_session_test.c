/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a review found in the session that needs a kernel, or memory, which plays along.
 */
#include "engine/base/alloc.h"
#include "tests/fault/rig.h"

#include <criterion/criterion.h>
#include <unistd.h>

TestSuite(regress_session, .timeout = 60);

static bool refuse_all(size_t size)
{
    (void)size;
    return true;
}

/*
 * A message waits for memory, and behind it lies one that is too large: the next try hands the
 * message on and ends the session, for good, with nothing left to be done later.
 */
Test(regress_session, may_end_while_it_tries_again_to_get_memory)
{
    struct rig r = {.label = "dialed, a message and one that is too large"};
    struct zu_op *op;
    int64_t most = 100;
    static const uint8_t words[] = {0, 1, 'a', 0, 101};

    rig_open(&r, ZMQ_DEALER);
    cr_assert_eq(zmq_setsockopt(r.s, ZMQ_MAXMSGSIZE, &most, sizeof most), 0);
    rig_dial(&r);
    rig_connect(&r);
    rig_say_hex(&r, RIG_GREETING RIG_READY_DEALER);
    rig_hear_all(&r);
    op = rig_receiving(&r);
    cr_assert_not_null(op);
    scripted_feed(r.k, op, words, sizeof words);
    zu_alloc_refuse = refuse_all; /* the pipe has no chunk yet */
    rig_round(&r);
    zu_alloc_refuse = NULL;
    cr_assert(!rig_closed(&r));
    rig_pass(&r, 50);
    cr_assert(rig_closed(&r));
    rig_end(&r, 0);
}

/* Time passes, and what the engine says is heard and not answered. */
static void beat_for(struct rig *r, unsigned ms)
{
    for (unsigned i = 0; i < ms; i += 10) {
        rig_pass(r, 10);
        rig_hear_all(r);
    }
}

/* What the peer has said and nobody has read yet may be the answer: it has not been silent. */
Test(regress_session, does_not_end_for_an_answer_that_it_has_not_read)
{
    struct rig r = {.label = "heartbeats, and an answer that waits in the kernel"};
    char byte = 0;

    rig_open(&r, ZMQ_DEALER);
    rig_set(&r, ZMQ_HEARTBEAT_IVL, 100);
    rig_bind(&r);
    rig_accept(&r);
    rig_say_hex(&r, RIG_GREETING RIG_READY_DEALER);
    rig_hear_all(&r);
    cr_assert_eq(write(r.far, &byte, 1), 1);
    beat_for(&r, 1000);
    cr_assert(!rig_closed(&r));
    cr_assert_eq(read(r.fd, &byte, 1), 1);
    beat_for(&r, 300);
    cr_assert(rig_closed(&r));
    rig_end(&r, 0);
}
