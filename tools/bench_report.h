/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_report: the results as files: JSON for programs, a page with drawings for people.
 * Thread: the main one.
 */
#ifndef ZU_TOOLS_BENCH_REPORT_H
#define ZU_TOOLS_BENCH_REPORT_H

#include "tools/bench.h"

#include <stdio.h>

struct bench_machine {
    char cpu[128], kernel[160], date[32];
    long cores;
};

void bench_machine_read(struct bench_machine *m);

void bench_json_write(FILE *to, const struct bench_results *r);

/* One file that needs no other: drawings as SVG, no script. */
void bench_html_write(FILE *to, const struct bench_results *r);

#endif
