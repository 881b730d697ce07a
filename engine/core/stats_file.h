/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats file: a context's numbers in a memory file, for other processes to read.
 * Thread: start and stop by any, one at a time; one of its own writes. Owner: the context.
 */
#ifndef ZU_CORE_STATS_FILE_H
#define ZU_CORE_STATS_FILE_H

struct zu_ctx;
struct zu_stats_file;

/* -ENOMEM, -EMFILE ... */
int zu_stats_file_start(struct zu_stats_file **out, struct zu_ctx *ctx);
void zu_stats_file_stop(struct zu_stats_file *f); /* waits for its thread; NULL is harmless */

#endif
