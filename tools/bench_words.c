/* SPDX-License-Identifier: Apache-2.0 */
/* The names, numbers and words that the command's files share. */
#include "tools/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BENCH_TEXT_OF(name, text) [BENCH_##name] = text,
const char *const bench_transport_names[] = {BENCH_TRANSPORTS(BENCH_TEXT_OF)};
const char *const bench_pattern_names[] = {BENCH_PATTERNS(BENCH_TEXT_OF)};
#undef BENCH_TEXT_OF

const double bench_percentiles[] = {50, 90, 99, 99.9, 100};
const char *const bench_percentile_names[] = {"p50", "p90", "p99", "p99.9", "max"};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(const double *values, int count)
{
    double sorted[BENCH_ROUNDS_MAX];

    if (!count)
        return 0;
    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

double bench_spread(const double *values, int count)
{
    double low = values[0], high = values[0], middle = bench_median(values, count);

    for (int i = 1; i < count; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    return middle > 0 ? (high - low) / 2 / middle * 100 : 0;
}

double bench_rate_of(const struct bench_figures *f)
{
    return bench_median(f->rounds, f->count);
}

double bench_ahead(const struct bench_row *row)
{
    double ours = bench_rate_of(&row->seen[0]), theirs = bench_rate_of(&row->seen[1]);

    return theirs > 0 ? ours / theirs : 0;
}

bool bench_knows(const struct histogram *h, double percent)
{
    return h && h->total > 0 && (percent >= 100 || (double)h->total * (100 - percent) >= 99.999);
}

double bench_ahead_at(const struct bench_row *row, double percent)
{
    const struct histogram *ours = row->seen[0].samples, *theirs = row->seen[1].samples;
    uint64_t mine;

    if (!bench_knows(ours, percent) || !bench_knows(theirs, percent))
        return 0;
    mine = histogram_percentile(ours, percent);
    return mine ? (double)histogram_percentile(theirs, percent) / (double)mine : 0;
}

bool bench_outrun(const struct bench_case *c, const struct bench_figures *f)
{
    return c->load == BENCH_RATE && f->achieved < 0.95 * c->load_value;
}

const char *bench_size_text(char out[BENCH_WORD], size_t size)
{
    if (size >= 1024 * 1024 && size % (1024 * 1024) == 0)
        snprintf(out, BENCH_WORD, "%zu MiB", size >> 20);
    else if (size >= 1024 && size % 1024 == 0)
        snprintf(out, BENCH_WORD, "%zu KiB", size >> 10);
    else
        snprintf(out, BENCH_WORD, "%zu B", size);
    return out;
}

static const char *const prefixes[] = {"", "k", "M", "G", "T"};

const char *bench_amount_text(char out[BENCH_WORD], double value, const char *unit)
{
    int i = 0;

    while (value >= 999.5 && i < 4) {
        value /= 1000;
        i++;
    }
    snprintf(out, BENCH_WORD, "%.*f %s%s",
             value < 9.995   ? 2
             : value < 99.95 ? 1
                             : 0,
             value, prefixes[i], unit);
    return out;
}

static const char *const units[] = {"ns", "us", "ms", "s"};

const char *bench_time_text(char out[BENCH_WORD], double ns)
{
    int i = 0;

    while (ns >= 999.5 && i < 3) {
        ns /= 1000;
        i++;
    }
    snprintf(out, BENCH_WORD, "%.*f %s",
             i == 0 || ns >= 99.95 ? 0
             : ns < 9.995          ? 2
                                   : 1,
             ns, units[i]);
    return out;
}

const char *bench_short_amount_text(char out[BENCH_WORD], double value, const char *unit)
{
    int i = 0;

    for (; value > 999.5 && i < 4; i++)
        value /= 1000;
    snprintf(out, BENCH_WORD, "%.3g %s%s", value, prefixes[i], unit);
    return out;
}

const char *bench_short_time_text(char out[BENCH_WORD], double ns)
{
    int i = 0;

    for (; ns > 999.5 && i < 3; i++)
        ns /= 1000;
    snprintf(out, BENCH_WORD, "%.3g %s", ns, units[i]);
    return out;
}

const char *bench_group_text(char out[BENCH_WORD], const struct bench_case *c)
{
    char size[BENCH_WORD];

    snprintf(out, BENCH_WORD, "%s, %s, %.16s", bench_transport_names[c->transport],
             bench_pattern_names[c->pattern], bench_size_text(size, c->size));
    return out;
}

const char *bench_load_text(char out[BENCH_WORD], const struct bench_case *c)
{
    if (c->load == BENCH_RATE)
        snprintf(out, BENCH_WORD, "%u/s", c->load_value);
    else if (c->load == BENCH_GAP)
        snprintf(out, BENCH_WORD, "after %u ms", c->load_value);
    else
        snprintf(out, BENCH_WORD, "full rate");
    return out;
}
