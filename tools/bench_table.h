/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_table: the results on a terminal: each row as soon as it is known, and at the end what
 * belongs to all of them.
 * Thread: the main one.
 */
#ifndef ZU_TOOLS_BENCH_TABLE_H
#define ZU_TOOLS_BENCH_TABLE_H

#include "tools/bench.h"

void bench_table_head(const struct bench_results *r);
void bench_table_row(const struct bench_results *r, const struct bench_row *row);
/* The distributions as small drawings, and what the words of the table mean. */
void bench_table_end(const struct bench_results *r);

#endif
