/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guarded: a socket of ours and one of the peer's (its socket 0), between which a mechanism stands;
 * whoever serves has a ZAP handler: the test's own thread, or the peer's socket 1.
 * Thread: the test's main thread. Owner: the test; all is closed at its end.
 */
#ifndef ZU_TESTS_INTEROP_GUARDED_H
#define ZU_TESTS_INTEROP_GUARDED_H

#include "tests/support/peer.h"

/* Ours; nothing is set yet. *handler: ours, or NULL, if the peer has it. */
void *guarded_begin(struct test_peer *peer, int our_type, int their_type, bool ours_serves,
                    void **handler);
void guarded_meet(struct test_peer *peer, void *ours, int transport, bool ours_binds);

/* What the handler is asked; it answers that. */
const char *guarded_question(struct test_peer *peer, void *handler);
void guarded_answer(struct test_peer *peer, void *handler, const char *text);

/* A message goes each way; bodies of these sizes do. */
void guarded_converse(struct test_peer *peer, void *ours);
void guarded_exchange(struct test_peer *peer, void *ours, const size_t *sizes, size_t count);

#endif
