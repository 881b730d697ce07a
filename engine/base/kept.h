/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept: a bounded set of freed pieces of memory, all of one size, for whoever needs such a piece
 * next: one thread allocates what another frees, and the C library's heaps do not like that.
 * Under the address sanitizer nothing is kept: it has to see each piece end.
 * Thread: any. Owner: the process; zeroed is empty.
 */
#ifndef ZU_BASE_KEPT_H
#define ZU_BASE_KEPT_H

#include "engine/base/base.h"

#define ZU_KEPT_MAX 64 /* pieces */

struct zu_kept {
    _Atomic uint32_t put_at, take_at; /* where the next of either looks first */
    _Atomic uint32_t count;           /* a little late */
    _Atomic(void *) piece[ZU_KEPT_MAX];
};

bool zu_kept_put(struct zu_kept *k, void *piece); /* false: full, it is the caller's still */
void *zu_kept_take(struct zu_kept *k);            /* NULL: none was found */

#endif
