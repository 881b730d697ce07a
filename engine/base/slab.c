/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All the counts a block can ever need are on it from the start, and those that were not handed out
 * are taken off together when the next block is begun: handing one out costs no atomic operation.
 *
 * A thread's slab is made when it is first asked for, and given up by the thread's end. The model
 * says that the variable lies where the program's own do: found without a call.
 */
#include "engine/base/slab.h"

#include <pthread.h>

enum { COUNTS = ZU_SLAB_SIZE / ZU_SLAB_ALIGN };

void zu_slab_fini(struct zu_slab *s)
{
    if (s->block)
        zu_block_drop_many(s->block, s->spare);
    *s = (struct zu_slab){0};
}

zu_cold bool zu_slab_renew(struct zu_slab *s)
{
    struct zu_block *fresh = zu_block_new(ZU_SLAB_SIZE);

    if (!fresh)
        return false;
    zu_slab_fini(s);
    zu_block_hold_many(fresh, COUNTS); /* with the first one: one more than can be handed out */
    *s = (struct zu_slab){.block = fresh, .room = ZU_SLAB_SIZE, .spare = COUNTS + 1};
    return true;
}

static _Thread_local struct {
    struct zu_slab slab;
    bool known; /* its end is seen to */
} mine __attribute__((tls_model("initial-exec")));

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

static void end_of_thread(void *arg)
{
    (void)arg;
    mine.known = false; /* what still runs in this thread would begin anew */
    zu_slab_fini(&mine.slab);
}

static void make_key(void)
{
    has_key = pthread_key_create(&key, end_of_thread) == 0;
}

static zu_cold bool see_to_the_end(void)
{
    pthread_once(&key_once, make_key);
    mine.known = has_key && pthread_setspecific(key, &mine) == 0;
    return mine.known;
}

struct zu_slab *zu_slab_of_thread(void)
{
    return zu_likely(mine.known) || see_to_the_end() ? &mine.slab : NULL;
}
