/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    DRAWN_PER_DECADE = 8, /* columns of a drawing for each factor of ten */
    DRAWN_MAX = 80,
};

static void show_libraries(const struct bench_results *r)
{
    for (int i = 0; i < r->library_count; i++) {
        const struct bench_library *l = &r->libraries[i];

        printf("%s%s%s: %s\n", l->name, *l->backend ? " over " : "", l->backend, l->file);
    }
    printf("\n");
}

/* ---- throughput ---- */

static void throughput_head(const struct bench_results *r)
{
    printf("%-9s %9s", "", "");
    for (int i = 0; i < r->library_count; i++)
        printf("   %-*s", r->library_count > 1 ? 29 : 0, r->libraries[i].name);
    printf("%s\n%-9s %9s", r->library_count > 1 ? "   times" : "", "transport", "size");
    for (int i = 0; i < r->library_count; i++)
        printf("   %11s %11s %6s", "messages", "bytes", "±"); /* which is two bytes long */
    printf("%s\n", r->library_count > 1 ? "   ahead" : "");
}

static void throughput_cell(const struct bench_row *row, const struct bench_figures *f)
{
    char messages[BENCH_WORD], bytes[BENCH_WORD], spread[BENCH_WORD] = "-";
    double rate = bench_rate_of(f);

    if (*f->missing) {
        printf("   %-29.29s", f->missing);
        return;
    }
    if (f->count > 1)
        snprintf(spread, sizeof spread, "%.0f%%", bench_spread(f->rounds, f->count));
    printf("   %11s %11s %5s", bench_amount_text(messages, rate, "/s"),
           bench_amount_text(bytes, rate * (double)row->what.size, "B/s"), spread);
}

static void throughput_row(const struct bench_results *r, const struct bench_row *row)
{
    char size[BENCH_WORD];

    printf("%-9s %9s", bench_transport_names[row->what.transport],
           bench_size_text(size, row->what.size));
    for (int i = 0; i < r->library_count; i++)
        throughput_cell(row, &row->seen[i]);
    if (r->library_count > 1 && bench_ahead(row) > 0)
        printf("   %5.2f", bench_ahead(row));
    printf("\n");
}

/* ---- latency: a line for each library, and one for the ratio ---- */

/* The first line of the rows that differ in their load only. */
static void latency_group(const struct bench_row *row)
{
    char group[BENCH_WORD];

    printf("%-35s", bench_group_text(group, &row->what));
}

static void latency_head(const struct bench_row *row)
{
    printf("\n");
    latency_group(row);
    for (int p = 0; p < BENCH_PERCENTILES; p++)
        printf(" %8s", bench_percentile_names[p]);
    printf(" %8s %5s %6s\n", "samples", "CPU", "±"); /* which is two bytes long */
}

static void latency_line(const struct bench_row *row, const struct bench_figures *f)
{
    char word[BENCH_WORD];

    if (*f->missing) {
        printf(" %s\n", f->missing);
        return;
    }
    for (int p = 0; p < BENCH_PERCENTILES; p++) {
        double percent = bench_percentiles[p];

        printf(" %8s",
               bench_knows(f->samples, percent)
                   ? bench_time_text(word, (double)histogram_percentile(f->samples, percent))
                   : "-");
    }
    printf(" %8llu %4.*f%%", (unsigned long long)f->samples->total, f->cpu < 0.0995, f->cpu * 100);
    if (f->count > 1)
        printf(" %4.0f%%", bench_spread(f->rounds, f->count));
    if (bench_outrun(&row->what, f))
        printf("  only %s", bench_amount_text(word, f->achieved, "/s"));
    printf("\n");
}

static void latency_row(const struct bench_results *r, const struct bench_row *row)
{
    char load[BENCH_WORD];

    if (row->what.load == BENCH_FULL)
        latency_head(row);
    for (int i = 0; i < r->library_count; i++) {
        printf("  %-12s %-20s", i ? "" : bench_load_text(load, &row->what), r->libraries[i].name);
        latency_line(row, &row->seen[i]);
    }
    if (r->library_count < 2 || !row->seen[0].samples || !row->seen[1].samples)
        return;
    printf("  %-12s %-20s", "", "times ahead");
    for (int p = 0; p < BENCH_PERCENTILES; p++) {
        double ahead = bench_ahead_at(row, bench_percentiles[p]);

        if (ahead > 0)
            printf(" %8.2f", ahead);
        else
            printf(" %8s", "-");
    }
    printf("\n");
}

/* ---- the drawings: latency from left to right in steps that grow, height for how many ---- */

struct axis {
    double low; /* log10 of the first column's ns */
    int columns;
};

static struct axis common_axis(const struct bench_results *r)
{
    uint64_t low = UINT64_MAX, high = 0;
    struct axis a = {0, 0};

    for (int i = 0; i < r->row_count; i++)
        for (int l = 0; l < r->library_count; l++) {
            const struct histogram *h = r->rows[i].seen[l].samples;

            if (!h || !h->total || *r->rows[i].seen[l].missing)
                continue;
            low = h->min < low ? h->min : low;
            high = h->max > high ? h->max : high;
        }
    if (!high)
        return a;
    a.low = floor(log10((double)(low ? low : 1)));
    a.columns = (int)(ceil(log10((double)high + 1) - a.low) * DRAWN_PER_DECADE);
    a.columns = a.columns > DRAWN_MAX ? DRAWN_MAX : a.columns;
    return a;
}

static uint64_t column_start(struct axis a, int column)
{
    return (uint64_t)llround(pow(10, a.low + (double)column / DRAWN_PER_DECADE));
}

static void draw_one(const struct histogram *h, struct axis a)
{
    static const char *const heights[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    uint64_t counts[DRAWN_MAX], most = 1;

    for (int i = 0; i < a.columns; i++) {
        counts[i] = histogram_between(h, i ? column_start(a, i) : 0,
                                      i + 1 < a.columns ? column_start(a, i + 1) : UINT64_MAX);
        most = counts[i] > most ? counts[i] : most;
    }
    for (int i = 0; i < a.columns; i++)
        fputs(counts[i] ? heights[(counts[i] * 8 - 1) / most] : " ", stdout);
    printf("\n");
}

static void draw_axis(struct axis a, const struct bench_row *row)
{
    printf("\n");
    latency_group(row);
    printf(" ");
    for (int i = 0; i < a.columns; i += DRAWN_PER_DECADE) {
        char word[BENCH_WORD], mark[BENCH_WORD + 1];
        double ns = pow(10, a.low + i / DRAWN_PER_DECADE);

        snprintf(mark, sizeof mark, "|%s", bench_short_time_text(word, ns));
        printf("%-*s", DRAWN_PER_DECADE, mark);
    }
    printf("\n");
}

static void draw_all(const struct bench_results *r)
{
    struct axis a = common_axis(r);
    char load[BENCH_WORD];

    for (int i = r->throughput_count; i < r->row_count && a.columns; i++) {
        const struct bench_row *row = &r->rows[i];

        if (row->what.load == BENCH_FULL && (row->seen[0].count || row->seen[1].count))
            draw_axis(a, row);
        for (int l = 0; l < r->library_count; l++) {
            if (*row->seen[l].missing)
                continue;
            printf("  %-12s %-20s ", bench_load_text(load, &row->what), r->libraries[l].name);
            draw_one(row->seen[l].samples, a);
        }
    }
}

/* ---- the whole ---- */

void bench_table_head(const struct bench_results *r)
{
    show_libraries(r);
    if (r->throughput_count)
        throughput_head(r);
    fflush(stdout);
}

void bench_table_row(const struct bench_results *r, const struct bench_row *row)
{
    if (row->what.latency)
        latency_row(r, row);
    else
        throughput_row(r, row);
    fflush(stdout);
}

void bench_table_end(const struct bench_results *r)
{
    const struct bench_options *o = r->options;
    int repeated = 0;

    draw_all(r);
    printf("\n%d rounds of %g s in turn; ± is half of their spread.\n", o->rounds, o->seconds);
    if (r->throughput_count)
        printf("Throughput: medians. Bodies are neither written nor read, and inproc does not copy "
               "them.\n");
    if (r->throughput_count < r->row_count)
        printf("Latency: one way, the samples of all rounds. A dash: too few samples to tell.\n"
               "CPU: of the answering end, in percent of a core.\n"
               "The drawings: how often (height) each latency (to the right) was seen.\n");
    if (o->mode == BENCH_LATENCY)
        printf("N/s: from the time that each request was due.\n");
    for (int i = 0; i < r->row_count; i++)
        for (int l = 0; l < r->library_count; l++)
            repeated += r->rows[i].seen[l].repeated;
    if (repeated)
        printf("Runs that hung or crashed and were done again: %d.\n", repeated);
}
