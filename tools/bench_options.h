/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_options: the words after `zuring bench`, and what is measured when there are none.
 * Thread: the main one.
 */
#ifndef ZU_TOOLS_BENCH_OPTIONS_H
#define ZU_TOOLS_BENCH_OPTIONS_H

#include "tools/bench.h"

#include <stdio.h>

/* False: `why` has a sentence for the user. Texts in `o` point into `argv`. */
bool bench_options_read(struct bench_options *o, int argc, char **argv, char *why, size_t room);

/* Gives the results the rows that the options ask for; memory for zu_free. False: there is none. */
bool bench_options_rows(const struct bench_options *o, struct bench_results *r);

void bench_options_help(FILE *to);

#endif
