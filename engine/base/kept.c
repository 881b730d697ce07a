/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request is rounded up to one of eight sizes for each doubling; pages that nobody touches cost
 * nothing. So any kept piece of a size serves any request for it, and a stack for each size is all
 * there is.
 *
 * The stacks have one lock, which nobody waits for: who does not get it does without, and asks the
 * C library. So a fork that finds it taken does no harm in the child.
 *
 * Under the address sanitizer nothing is kept: it has to see each body end.
 */
#include "engine/base/kept.h"

#include "engine/base/alloc.h"
#include "engine/base/base.h"

#ifdef __SANITIZE_ADDRESS__
#define KEEPS false
#else
#define KEEPS true
#endif

enum {
    MIN_BITS = 11, /* of ZU_KEPT_MIN */
    MAX_BITS = 26, /* of ZU_KEPT_MAX */
    STEP_BITS = 3, /* sizes in a doubling, as a power of two */
    SIZES = (MAX_BITS - MIN_BITS + 1) << STEP_BITS,
};

/* A kept piece, in its own memory. */
struct piece {
    struct piece *next;
    size_t capacity;
};

static _Atomic uint32_t taken; /* the lock */
static _Atomic size_t in_use;  /* bytes; a little late */
static struct piece *stacks[SIZES];
static _Atomic size_t kept; /* bytes; changed under the lock */

static unsigned bits_of(size_t size)
{
    return (unsigned)(63 - __builtin_clzll(size));
}

/* Up to the next of the sizes. */
static size_t round_up(size_t size)
{
    size_t step = (size_t)1 << (bits_of(size) - STEP_BITS);

    return (size + step - 1) & ~(step - 1);
}

/* Of one of the sizes. */
static struct piece **stack_of(size_t capacity)
{
    unsigned bits = bits_of(capacity);
    size_t step = (capacity >> (bits - STEP_BITS)) & ((1u << STEP_BITS) - 1);

    return &stacks[((bits - MIN_BITS) << STEP_BITS) + step];
}

static bool is_kept(size_t capacity)
{
    return KEEPS && capacity >= ZU_KEPT_MIN && capacity <= ZU_KEPT_MAX;
}

static bool try_lock(void)
{
    /* [KE1] acquire, pairs with [KE2]: who had it is done with the stacks and what is in them. */
    return atomic_exchange_explicit(&taken, 1, memory_order_acquire) == 0;
}

static void unlock(void)
{
    atomic_store_explicit(&taken, 0, memory_order_release); /* [KE2] */
}

/* Relaxed, as all of it: who needs it exactly has the lock. */
static void change_kept(size_t change)
{
    atomic_store_explicit(&kept, zu_kept_idle() + change, memory_order_relaxed);
}

static struct piece *pop(struct piece **stack)
{
    struct piece *p = *stack;

    if (p) {
        *stack = p->next;
        change_kept(-p->capacity);
    }
    return p;
}

/* There is no room for another: one piece less. It may be of a size that nobody asks for any more,
 * and would keep out for ever what is asked for now. */
static struct piece *pop_any(void)
{
    struct piece *p = NULL;

    for (size_t i = SIZES; !p && i-- > 0;)
        p = pop(&stacks[i]);
    return p;
}

static void push(struct piece *p, size_t capacity)
{
    struct piece **stack = stack_of(capacity);

    *p = (struct piece){*stack, capacity};
    *stack = p;
    change_kept(capacity);
}

/* Relaxed: a number, and nothing is inferred from it but how much to keep. */
static size_t use(size_t change)
{
    return atomic_fetch_add_explicit(&in_use, change, memory_order_relaxed) + change;
}

void *zu_kept_alloc(size_t size, size_t *capacity)
{
    void *p = NULL;

    *capacity = size >= ZU_KEPT_MIN && size <= ZU_KEPT_MAX ? round_up(size) : size;
    if (is_kept(*capacity) && try_lock()) {
        p = pop(stack_of(*capacity));
        unlock();
    }
    if (!p)
        p = zu_alloc_aligned(ZU_CACHE_LINE, *capacity);
    if (p)
        use(*capacity);
    return p;
}

void zu_kept_free(void *p, size_t capacity)
{
    size_t may = use(-capacity) + ZU_KEPT_SPARE;
    struct piece *surplus = NULL;

    if (is_kept(capacity) && try_lock()) {
        if (zu_kept_idle() + capacity > may)
            surplus = pop_any();
        if (zu_kept_idle() + capacity <= may) {
            push(p, capacity);
            p = NULL;
        }
        unlock();
    }
    zu_free(surplus);
    zu_free(p);
}

size_t zu_kept_idle(void)
{
    return atomic_load_explicit(&kept, memory_order_relaxed);
}

size_t zu_kept_in_use(void)
{
    return atomic_load_explicit(&in_use, memory_order_relaxed);
}
