/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slab: small bodies side by side in one counted block, so that there is one request for memory for
 * many messages, and none of them crosses threads alone. A message that is kept keeps its block,
 * ZU_SLAB_SIZE bytes, and no more.
 * Thread: the owner's; the counts that it hands out may be dropped by any. Owner: a loop, a socket.
 */
#ifndef ZU_BASE_SLAB_H
#define ZU_BASE_SLAB_H

#include "engine/base/block.h"

#define ZU_SLAB_SIZE (8 * 1024)
#define ZU_SLAB_MAX  (2 * 1024) /* bodies larger than this are not for here */

struct zu_slab {
    struct zu_block *block; /* or NULL: the next take makes one */
    uint32_t used;
    uint32_t spare; /* counts on the block that nobody was given yet */
};

/* Memory for `size` bytes, 8-byte aligned, and one count on *owner for it. NULL: no memory. */
void *zu_slab_take(struct zu_slab *s, size_t size, struct zu_block **owner);
void zu_slab_fini(struct zu_slab *s); /* what was handed out lives on */

#endif
