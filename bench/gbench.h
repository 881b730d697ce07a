/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gbench: google-benchmark for C, and the only door to C++ in the tree. A bench is a function that
 * does its work in batches: between two calls of gbench_next, `batch` items.
 *
 *     static void frame_read(struct gbench *g)
 *     {
 *         while (gbench_next(g, 64))
 *             for (int i = 0; i < 64; i++)
 *                 ...
 *     }
 *
 * Thread: the one that runs gbench_main.
 */
#ifndef ZU_BENCH_GBENCH_H
#define ZU_BENCH_GBENCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gbench; /* one measurement under way */

/* `name` and `fn` have to stay. With arguments the bench runs once for each (gbench_arg). */
void gbench_add(const char *name, void (*fn)(struct gbench *g));
void gbench_add_args(const char *name, void (*fn)(struct gbench *g), const int64_t *args,
                     int count);

/* True: do `batch` items more. The time between two calls is what is measured. */
bool gbench_next(struct gbench *g, int64_t batch);
int64_t gbench_arg(const struct gbench *g);
/* Ends the bench as failed. gbench_next then says false. */
void gbench_fail(struct gbench *g, const char *why);

/* The compiler must believe that someone looks at *p. */
static inline void gbench_keep(const void *p)
{
    __asm__ volatile("" : : "g"(p) : "memory");
}

/* Runs what was added, with google-benchmark's own options. The exit status. */
int gbench_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
