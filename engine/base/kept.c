/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots in a circle. A piece is put and taken by a single exchange of its slot, so whoever got it
 * is its only owner, and there is no lock that a fork could leave taken. Where to look first, and
 * whether to look at all, is a guess that all threads share.
 */
#include "engine/base/kept.h"

#ifdef __SANITIZE_ADDRESS__
#define KEEPS false
#else
#define KEEPS true
#endif

/* Relaxed, here and where it is asked: how many there are decides nothing but whether to look. */
static void count(struct zu_kept *k, uint32_t change)
{
    atomic_fetch_add_explicit(&k->count, change, memory_order_relaxed);
}

bool zu_kept_put(struct zu_kept *k, void *piece)
{
    if (!KEEPS || atomic_load_explicit(&k->count, memory_order_relaxed) >= ZU_KEPT_MAX)
        return false;
    for (int i = 0; i < ZU_KEPT_MAX; i++) {
        /* Relaxed: a guess. */
        uint32_t at = atomic_fetch_add_explicit(&k->put_at, 1, memory_order_relaxed);
        void *none = NULL;

        /* [KE1] release, pairs with [KE2]: we are done with its bytes. */
        if (atomic_compare_exchange_strong_explicit(&k->piece[at % ZU_KEPT_MAX], &none, piece,
                                                    memory_order_release, memory_order_relaxed)) {
            count(k, 1);
            return true;
        }
    }
    return false;
}

void *zu_kept_take(struct zu_kept *k)
{
    if (!KEEPS || atomic_load_explicit(&k->count, memory_order_relaxed) == 0)
        return NULL;
    for (int i = 0; i < ZU_KEPT_MAX; i++) {
        /* Relaxed: a guess, and whether the slot is worth an exchange. */
        uint32_t at = atomic_fetch_add_explicit(&k->take_at, 1, memory_order_relaxed);
        _Atomic(void *) *slot = &k->piece[at % ZU_KEPT_MAX];
        void *piece;

        if (!atomic_load_explicit(slot, memory_order_relaxed))
            continue;
        /* [KE2] acquire, pairs with [KE1]. */
        piece = atomic_exchange_explicit(slot, NULL, memory_order_acquire);
        if (piece) {
            count(k, UINT32_MAX); /* one less */
            return piece;
        }
    }
    return NULL;
}
