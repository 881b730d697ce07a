/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base: the handful of words the compiler lacks.
 * Thread: any. Owner: nobody.
 */
#ifndef ZU_BASE_BASE_H
#define ZU_BASE_BASE_H

#include <assert.h> /* for static_assert alone */
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZU_CACHE_LINE 64

#define zu_container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define zu_array_len(a)                    (sizeof(a) / sizeof((a)[0]))
#define zu_likely(x)                       __builtin_expect(!!(x), 1)
#define zu_unlikely(x)                     __builtin_expect(!!(x), 0)
#define zu_cold                            __attribute__((cold, noinline))
#define zu_apart                           __attribute__((noinline)) /* from a usual way */
#define zu_inline                          inline __attribute__((always_inline))

/* Each argument is worked out once: it may be a look at the clock. */
#define ZU_MIN(a, b) zu_pick_(<, a, b, __COUNTER__)
#define ZU_MAX(a, b) zu_pick_(>, a, b, __COUNTER__)
/* With names of their own, so that an argument may be one of these, too. */
#define zu_pick_(is, a, b, n)  zu_pick__(is, a, b, n)
#define zu_pick__(is, a, b, n) zu_pick___(is, a, b, zu_a_##n, zu_b_##n)
#define zu_pick___(is, a, b, one, two)                                                             \
    __extension__({                                                                                \
        __typeof__(a) one = (a);                                                                   \
        __typeof__(b) two = (b);                                                                   \
        one is two ? one : two;                                                                    \
    })

/* For a thread that looks at a word again and again: leaves the core to its other half. */
static inline void zu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/*
 * Our own mistakes. A debug build stops where one is found; a release build goes on and gives up
 * the smallest owner: `if (zu_bug(cond)) return -EFAULT;`. Never for what a peer, the kernel, the
 * caller or memory can do.
 */
#define ZU_TEXT(x)    ZU_TEXT_OF(x)
#define ZU_TEXT_OF(x) #x

extern _Thread_local const char *zu_bug_place; /* of the last one that this thread found; or NULL */
bool zu_bug_found(const char *place);          /* true */

#ifdef ZU_DEBUG
#define zu_bug(cond)    ((cond) ? (__builtin_trap(), true) : false)
#define zu_assert(cond) ((cond) ? (void)0 : __builtin_trap())
#else
/* What it answers is known here, so that the compiler does not think of what comes after it. */
#define zu_bug(cond)                                                                               \
    (zu_unlikely(cond) ? (zu_bug_found(__FILE__ ":" ZU_TEXT(__LINE__)), true) : false)
#define zu_assert(cond) ((void)0)
#endif

#endif
