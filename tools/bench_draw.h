/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_draw: the drawings of the page, each one SVG. Colours and strokes are named by classes, so
 * that the page decides about light and dark: c0, c1, ... for what a colour tells apart, l0 and l1
 * for the library.
 * Thread: the main one.
 */
#ifndef ZU_TOOLS_BENCH_DRAW_H
#define ZU_TOOLS_BENCH_DRAW_H

#include "tools/bench.h"

#include <stdio.h>

enum { BENCH_COLOURS = 8 };

/* `text` with what HTML takes for its own replaced. */
void bench_put_html(FILE *to, const char *text);

/* A line for each transport (its number is its colour) and library. */
void bench_draw_throughput(FILE *to, const struct bench_results *r, bool bytes);

/* What a line of the distributions is called: its load, or its group where all have the same. */
const char *bench_line_text(char out[BENCH_WORD], const struct bench_results *r, int row);

/* A line for each row and library. Rows [first, end): the colour is the place among these. */
void bench_draw_latency(FILE *to, const struct bench_results *r, int first, int end);

/* A word's sample: a short line of that colour and library. */
void bench_draw_sample(FILE *to, int colour, int library);

#endif
