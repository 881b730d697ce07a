/* SPDX-License-Identifier: Apache-2.0 */
/*
 * single: receiving for types whose messages have one part. One of several, which only a peer that
 * breaks the rules can send, is dropped as a whole, and counted.
 * Thread: the one inside the socket. Owner: nobody.
 */
#ifndef ZU_PATTERNS_SINGLE_H
#define ZU_PATTERNS_SINGLE_H

#include "engine/core/socket.h"
#include "patterns/fq.h"

/* As zu_fq_read, and zu_fq_has_in. */
int zu_single_read(struct zu_socket *s, struct zu_fq *fq, struct zu_msg *m, struct zu_pipe **from);
bool zu_single_has_in(struct zu_socket *s, struct zu_fq *fq);

#endif
