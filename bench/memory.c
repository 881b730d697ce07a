/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/memory.h"

#include "bench/common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SETTLE_MS = 200, SETTLE_ROUNDS = 25 };

double memory_bytes(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    double kib = -1;

    bench_check(f != NULL, "/proc/self/smaps_rollup");
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "Pss:", 4) == 0)
            kib = strtod(line + 4, NULL);
    fclose(f);
    return kib * 1024;
}

double memory_settled_bytes(void)
{
    struct timespec step = {0, SETTLE_MS * 1000000L};
    double before = memory_bytes(), now = before;

    for (int i = 0; i < SETTLE_ROUNDS; i++) {
        nanosleep(&step, NULL);
        now = memory_bytes();
        if (now > before * 0.998 && now < before * 1.002)
            break;
        before = now;
    }
    return now;
}
