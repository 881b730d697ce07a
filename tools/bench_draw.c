/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every axis is the logarithm of what it shows: of the size to the base of two, of rates and times
 * to that of ten, and of how few samples lie above for percentiles. A chart knows which part of
 * them it shows, and at() puts a point to its place.
 */
#include "tools/bench_draw.h"

#include <math.h>

enum {
    WIDTH = 840,
    HEIGHT = 380,
    LEFT = 84, /* margins, with room for the labels */
    RIGHT = 24,
    TOP = 16,
    BOTTOM = 50,
    LABELS_MAX = 12, /* so many find place along the bottom */
};

struct chart {
    FILE *to;
    double x_low, x_high, y_low, y_high; /* logarithms */
};

struct point {
    double x, y;
};

void bench_put_html(FILE *to, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&': fputs("&amp;", to); break;
        case '<': fputs("&lt;", to); break;
        case '>': fputs("&gt;", to); break;
        case '"': fputs("&quot;", to); break;
        default: fputc((unsigned char)*text < ' ' ? ' ' : *text, to);
        }
}

static struct point at(const struct chart *c, double x, double y)
{
    return (struct point){LEFT + (x - c->x_low) / (c->x_high - c->x_low) * (WIDTH - LEFT - RIGHT),
                          HEIGHT - BOTTOM -
                              (y - c->y_low) / (c->y_high - c->y_low) * (HEIGHT - TOP - BOTTOM)};
}

static void begin(const struct chart *c, const char *label, const char *x_title)
{
    fprintf(c->to,
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n"
            "<text class=\"title\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
            WIDTH, HEIGHT, label, LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 8, x_title);
}

static void x_mark(const struct chart *c, double x, const char *text)
{
    struct point p = at(c, x, c->y_low);

    fprintf(c->to,
            "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%.1f\"/>"
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
            p.x, p.x, TOP, p.y, p.x, p.y + 18, text);
}

static void y_mark(const struct chart *c, double y, const char *text)
{
    struct point p = at(c, c->x_low, y);

    fprintf(c->to,
            "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
            "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
            LEFT, WIDTH - RIGHT, p.y, p.y, LEFT - 8, p.y + 4, text);
}

/* Lines at 1, 2 and 5 of each decade, or at 1 only where these would be too close. */
static void y_marks(const struct chart *c, const char *(*text_of)(char out[BENCH_WORD], double v))
{
    static const double steps[] = {1, 2, 5};
    int count = c->y_high - c->y_low < 4.2 ? 3 : 1;

    for (double decade = floor(c->y_low); decade <= c->y_high; decade++)
        for (int i = 0; i < count; i++) {
            double y = decade + log10(steps[i]);
            char text[BENCH_WORD];

            if (y > c->y_low - 1e-4 && y < c->y_high + 1e-4)
                y_mark(c, y, text_of(text, pow(10, y)));
        }
}

/* Widens [low, high], which may be empty, to the nearest of 1, 2 and 5 outside. */
static void round_out(double *low, double *high)
{
    static const double steps[] = {0, 0.30103, 0.69897, 1};
    double down = floor(*low), up = floor(*high);
    int i = 3, j = 0;

    while (i > 0 && down + steps[i] > *low - 0.01)
        i--;
    while (j < 3 && up + steps[j] < *high + 0.01)
        j++;
    *low = down + steps[i];
    *high = up + steps[j];
}

static void begin_line(FILE *to, const char *library, const char *name, int colour, int style)
{
    fprintf(to, "<g class=\"curve c%d l%d\" data-library=\"", colour % BENCH_COLOURS, style);
    bench_put_html(to, library);
    fprintf(to, "\" data-name=\"%s\">", name);
}

void bench_draw_sample(FILE *to, int colour, int library)
{
    fprintf(to,
            "<svg class=\"sample\" viewBox=\"0 0 40 10\"><g class=\"c%d l%d\">"
            "<polyline points=\"0,5 40,5\"/></g></svg>",
            colour % BENCH_COLOURS, library);
}

/* ---- throughput ---- */

static const char *rate_mark(char out[BENCH_WORD], double v)
{
    return bench_short_amount_text(out, v, "/s");
}

static const char *bytes_mark(char out[BENCH_WORD], double v)
{
    return bench_short_amount_text(out, v, "B/s");
}

static double unit_of(const struct bench_row *row, bool bytes)
{
    return bytes ? (double)row->what.size : 1;
}

/* What the chart has to show. False: nothing. */
static bool fit_throughput(struct chart *c, const struct bench_results *r, bool bytes)
{
    bool some = false;

    for (int i = 0; i < r->throughput_count; i++)
        for (int l = 0; l < r->library_count; l++) {
            const struct bench_figures *f = &r->rows[i].seen[l];

            for (int n = 0; n < f->count; n++) {
                double x = log2((double)r->rows[i].what.size);
                double y = log10(fmax(f->rounds[n] * unit_of(&r->rows[i], bytes), 1));

                c->x_low = some ? fmin(c->x_low, x) : x;
                c->x_high = some ? fmax(c->x_high, x) : x;
                c->y_low = some ? fmin(c->y_low, y) : y;
                c->y_high = some ? fmax(c->y_high, y) : y;
                some = true;
            }
        }
    c->x_low -= 0.5; /* air, also around a single size */
    c->x_high += 0.5;
    round_out(&c->y_low, &c->y_high);
    return some;
}

/* The sizes that were measured, from the smallest, but for labels that would touch the last one. */
static void size_marks(const struct chart *c, const struct bench_results *r)
{
    double apart = (c->x_high - c->x_low) / LABELS_MAX, least = 0;

    for (;;) {
        size_t next = 0;
        char text[BENCH_WORD];

        for (int i = 0; i < r->throughput_count; i++) {
            size_t size = r->rows[i].what.size;

            if (log2((double)size) >= least && (!next || size < next))
                next = size;
        }
        if (!next)
            return;
        x_mark(c, log2((double)next), bench_size_text(text, next));
        least = log2((double)next) + apart;
    }
}

/* A dot at the median, a bar from the slowest round to the fastest. */
static void draw_point(const struct chart *c, const struct bench_results *r, int row, int library,
                       bool bytes)
{
    const struct bench_case *what = &r->rows[row].what;
    const struct bench_figures *f = &r->rows[row].seen[library];
    double unit = unit_of(&r->rows[row], bytes), low = f->rounds[0], high = low;
    double x = log2((double)what->size), middle = bench_rate_of(f);
    char size[BENCH_WORD], amount[BENCH_WORD];
    struct point a, b, p;

    for (int i = 1; i < f->count; i++) {
        low = fmin(low, f->rounds[i]);
        high = fmax(high, f->rounds[i]);
    }
    a = at(c, x, log10(fmax(low * unit, 1)));
    b = at(c, x, log10(fmax(high * unit, 1)));
    p = at(c, x, log10(fmax(middle * unit, 1)));
    fprintf(c->to,
            "<line class=\"bar\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
            "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>%s, %s, ",
            a.x, b.x, a.y, b.y, p.x, p.y, bench_transport_names[what->transport],
            bench_size_text(size, what->size));
    bench_put_html(c->to, r->libraries[library].name);
    fprintf(c->to, ": %s, &#177;%.0f%%</title></circle>",
            bench_amount_text(amount, middle * unit, bytes ? "B/s" : "/s"),
            bench_spread(f->rounds, f->count));
}

static void draw_transport(const struct chart *c, const struct bench_results *r, int transport,
                           int library, bool bytes)
{
    int points = 0;

    for (int pass = 0; pass < 2; pass++) { /* the line lies under the dots */
        for (int i = 0; i < r->throughput_count; i++) {
            const struct bench_row *row = &r->rows[i];
            const struct bench_figures *f = &row->seen[library];
            struct point p;

            if ((int)row->what.transport != transport || !f->count)
                continue;
            p = at(c, log2((double)row->what.size),
                   log10(fmax(bench_rate_of(f) * unit_of(row, bytes), 1)));
            if (pass) {
                draw_point(c, r, i, library, bytes);
                continue;
            }
            if (!points++) {
                begin_line(c->to, r->libraries[library].name, bench_transport_names[transport],
                           transport, library);
                fprintf(c->to, "<polyline points=\"");
            }
            fprintf(c->to, "%.1f,%.1f ", p.x, p.y);
        }
        if (!pass && points)
            fprintf(c->to, "\"/>");
    }
    if (points)
        fprintf(c->to, "</g>\n");
}

void bench_draw_throughput(FILE *to, const struct bench_results *r, bool bytes)
{
    struct chart c = {.to = to};

    if (!fit_throughput(&c, r, bytes))
        return;
    begin(&c, bytes ? "bytes a second over sizes" : "messages a second over sizes",
          "size of a message");
    size_marks(&c, r);
    y_marks(&c, bytes ? bytes_mark : rate_mark);
    for (int t = 0; t < BENCH_TRANSPORT_COUNT; t++)
        for (int l = r->library_count - 1; l >= 0; l--) /* the measured one lies on top */
            draw_transport(&c, r, t, l, bytes);
    fprintf(to, "</svg>\n");
}

/* ---- latency ---- */

static void percentile_marks(const struct chart *c)
{
    static const char *const texts[] = {"0 %",     "90 %",     "99 %",     "99.9 %",
                                        "99.99 %", "99.999 %", "99.9999 %"};

    for (int i = 0; i < 7 && i <= c->x_high; i++)
        x_mark(c, i, texts[i]);
    x_mark(c, log10(2), "50 %");
}

/* False: there is nothing to show. */
static bool fit_latency(struct chart *c, const struct bench_results *r, int first, int end)
{
    bool some = false;

    c->x_low = 0;
    c->x_high = 1;
    for (int i = first; i < end; i++)
        for (int l = 0; l < r->library_count; l++) {
            const struct histogram *h = r->rows[i].seen[l].samples;
            double low, high;

            if (!r->rows[i].seen[l].count)
                continue;
            low = log10(fmax((double)h->min, 1));
            high = log10(fmax((double)h->max, 1));
            c->y_low = some ? fmin(c->y_low, low) : low;
            c->y_high = some ? fmax(c->y_high, high) : high;
            c->x_high = fmax(c->x_high, log10((double)h->total));
            some = true;
        }
    round_out(&c->y_low, &c->y_high);
    return some;
}

/* From the smallest sample to the largest, at the place of the only one above all others. */
static void draw_distribution(const struct chart *c, const struct histogram *h)
{
    const double step = 0.04;
    double end = log10((double)h->total);

    fprintf(c->to, "<polyline points=\"");
    for (double x = 0; x < end; x += step) {
        double ns =
            x > 0 ? (double)histogram_percentile(h, 100 - 100 * pow(10, -x)) : (double)h->min;
        struct point p = at(c, x, log10(fmax(ns, 1)));

        fprintf(c->to, "%.1f,%.1f ", p.x, p.y);
    }
    fprintf(c->to, "%.1f,%.1f\"/>", at(c, end, 0).x, at(c, 0, log10(fmax((double)h->max, 1))).y);
}

const char *bench_line_text(char out[BENCH_WORD], const struct bench_results *r, int row)
{
    if (r->options->mode == BENCH_LATENCY)
        return bench_load_text(out, &r->rows[row].what);
    return bench_group_text(out, &r->rows[row].what);
}

void bench_draw_latency(FILE *to, const struct bench_results *r, int first, int end)
{
    struct chart c = {.to = to};

    if (!fit_latency(&c, r, first, end))
        return;
    begin(&c, "latency over percentiles", "percentile");
    percentile_marks(&c);
    y_marks(&c, bench_short_time_text);
    for (int l = r->library_count - 1; l >= 0; l--)
        for (int i = first; i < end; i++) {
            const struct bench_figures *f = &r->rows[i].seen[l];
            char name[BENCH_WORD];

            if (!f->count)
                continue;
            begin_line(to, r->libraries[l].name, bench_line_text(name, r, i), i - first, l);
            draw_distribution(&c, f->samples);
            fprintf(to, "</g>\n");
        }
    fprintf(to, "</svg>\n");
}
