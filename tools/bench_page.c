/* SPDX-License-Identifier: Apache-2.0 */
/* The page around the drawings. It is well-formed XML, too, so that a program can read it. */
#include "tools/bench_draw.h"
#include "tools/bench_report.h"

/* Eight colours that also those tell apart who see no red or green; each suits its background. */
static const char style[] =
    ":root{color-scheme:light dark;--bg:#fff;--fg:#1c1c1c;--dim:#5c5c5c;--grid:#e4e4e4;"
    "--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#a8478a;--c4:#b07d00;--c5:#3399d6;--c6:#555;"
    "--c7:#7a4fd0}\n"
    "@media (prefers-color-scheme:dark){:root{--bg:#17191c;--fg:#e6e6e6;--dim:#a5a5a5;"
    "--grid:#33373c;--c0:#56b4e9;--c1:#f08a4b;--c2:#3fc99b;--c3:#e39ac8;--c4:#e6b84a;--c5:#8fb7ff;"
    "--c6:#bbb;--c7:#b79cf5}}\n"
    "body{background:var(--bg);color:var(--fg);font:15px/1.45 system-ui,sans-serif;"
    "max-width:900px;margin:2em auto;padding:0 1em}\n"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}p,dl{color:var(--dim)}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:0 1em}dd{margin:0;"
    "overflow-wrap:anywhere}\n"
    "svg{display:block;width:100%;height:auto}svg text{fill:var(--dim);font-size:13px}\n"
    "svg .title{font-size:13px}.grid{stroke:var(--grid)}\n"
    "polyline{fill:none;stroke:var(--c);stroke-width:2.2;stroke-linejoin:round}\n"
    "circle{fill:var(--c)}.bar{stroke:var(--c);stroke-width:2;opacity:.45}\n"
    ".l1 polyline{stroke-dasharray:7 4}.l1 circle{fill:var(--bg);stroke:var(--c);stroke-width:2}\n"
    ".c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}.c4{--c:var(--c4)}"
    ".c5{--c:var(--c5)}.c6{--c:var(--c6)}.c7{--c:var(--c7)}.plain{--c:var(--fg)}\n"
    "ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.2em 1.4em}\n"
    "li{white-space:nowrap}.sample{display:inline-block;width:40px;height:10px;"
    "margin-right:.5em;vertical-align:middle}\n"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.15em .7em;text-align:right;border-bottom:1px solid var(--grid);"
    "white-space:nowrap}\n"
    "th{color:var(--dim);font-weight:600}.word{text-align:left}\n";

/* ---- pieces ---- */

static void cell(FILE *to, const char *text)
{
    fputs("<td>", to);
    bench_put_html(to, text);
    fputs("</td>", to);
}

static void word_cell(FILE *to, const char *text)
{
    fputs("<td class=\"word\">", to);
    bench_put_html(to, text);
    fputs("</td>", to);
}

static void empty_cells(FILE *to, int count, const char *why)
{
    fprintf(to, "<td class=\"word\" colspan=\"%d\">", count);
    bench_put_html(to, why);
    fputs("</td>", to);
}

static void ratio_cell(FILE *to, double ahead)
{
    char text[BENCH_WORD] = "";

    if (ahead > 0)
        snprintf(text, sizeof text, "%.2f", ahead);
    cell(to, text);
}

static void spread_cell(FILE *to, const struct bench_figures *f)
{
    if (f->count > 1)
        fprintf(to, "<td>%.0f%%</td>", bench_spread(f->rounds, f->count));
    else
        cell(to, "");
}

static void fact(FILE *to, const char *name, const char *text, const char *more)
{
    fprintf(to, "<dt>%s</dt><dd>", name);
    bench_put_html(to, text);
    if (*more) {
        fputs(" &#8212; ", to);
        bench_put_html(to, more);
    }
    fputs("</dd>\n", to);
}

static void facts(FILE *to, const struct bench_results *r)
{
    struct bench_machine m;
    char text[192];

    bench_machine_read(&m);
    fputs("<dl>\n", to);
    for (int i = 0; i < r->library_count; i++) {
        const struct bench_library *l = &r->libraries[i];

        snprintf(text, sizeof text, "%s%s%s", l->name, *l->backend ? " over " : "", l->backend);
        fact(to, i ? "against" : "measured", text, l->file);
    }
    snprintf(text, sizeof text, "%s, %ld cores", m.cpu, m.cores);
    fact(to, "machine", text, m.kernel);
    fact(to, "date", m.date, "");
    snprintf(text, sizeof text, "%d of %g seconds for each figure, the libraries in turn",
             r->options->rounds, r->options->seconds);
    fact(to, "rounds", text, "");
    fputs("</dl>\n", to);
}

static void library_legend(FILE *to, const struct bench_results *r)
{
    for (int i = 0; i < r->library_count && r->library_count > 1; i++) {
        fprintf(to,
                "<li><svg class=\"sample\" viewBox=\"0 0 40 10\"><g class=\"plain l%d\">"
                "<polyline points=\"0,5 40,5\"/></g></svg>",
                i);
        bench_put_html(to, r->libraries[i].name);
        fputs("</li>\n", to);
    }
}

static void legend_entry(FILE *to, int colour, const char *text)
{
    fputs("<li>", to);
    bench_draw_sample(to, colour, 0);
    bench_put_html(to, text);
    fputs("</li>\n", to);
}

/* ---- throughput ---- */

static void throughput_legend(FILE *to, const struct bench_results *r)
{
    fputs("<ul>\n", to);
    for (int t = 0; t < BENCH_TRANSPORT_COUNT; t++)
        for (int i = 0; i < r->throughput_count; i++)
            if ((int)r->rows[i].what.transport == t &&
                (r->rows[i].seen[0].count || r->rows[i].seen[1].count)) {
                legend_entry(to, t, bench_transport_names[t]);
                break;
            }
    library_legend(to, r);
    fputs("</ul>\n", to);
}

static void throughput_cells(FILE *to, const struct bench_row *row, const struct bench_figures *f)
{
    char text[BENCH_WORD];

    if (*f->missing) {
        empty_cells(to, 3, f->missing);
        return;
    }
    cell(to, bench_amount_text(text, bench_rate_of(f), "/s"));
    cell(to, bench_amount_text(text, bench_rate_of(f) * (double)row->what.size, "B/s"));
    spread_cell(to, f);
}

static void throughput_table(FILE *to, const struct bench_results *r)
{
    fputs("<div class=\"scroll\"><table>\n<tr><th colspan=\"2\"></th>", to);
    for (int i = 0; i < r->library_count; i++) {
        fputs("<th colspan=\"3\">", to);
        bench_put_html(to, r->libraries[i].name);
        fputs("</th>", to);
    }
    fputs(r->library_count > 1 ? "<th></th></tr>\n" : "</tr>\n", to);
    fputs("<tr><th class=\"word\">transport</th><th>size</th>", to);
    for (int i = 0; i < r->library_count; i++)
        fputs("<th>messages</th><th>bytes</th><th>&#177;</th>", to);
    fputs(r->library_count > 1 ? "<th>times ahead</th></tr>\n" : "</tr>\n", to);
    for (int i = 0; i < r->throughput_count; i++) {
        const struct bench_row *row = &r->rows[i];
        char text[BENCH_WORD];

        fputs("<tr>", to);
        word_cell(to, bench_transport_names[row->what.transport]);
        cell(to, bench_size_text(text, row->what.size));
        for (int l = 0; l < r->library_count; l++)
            throughput_cells(to, row, &row->seen[l]);
        if (r->library_count > 1)
            ratio_cell(to, bench_ahead(row));
        fputs("</tr>\n", to);
    }
    fputs("</table></div>\n", to);
}

static void throughput(FILE *to, const struct bench_results *r)
{
    fputs("<h2>Messages a second</h2>\n", to);
    bench_draw_throughput(to, r, false);
    throughput_legend(to, r);
    fputs("<h2>Bytes a second</h2>\n", to);
    bench_draw_throughput(to, r, true);
    throughput_legend(to, r);
    fprintf(to,
            "<p>Dots are medians, bars go from the slowest round to the fastest. Pattern: %s. "
            "Bodies are neither written nor read, and inproc does not copy them.</p>\n"
            "<h2>Figures</h2>\n",
            bench_pattern_names[r->rows[0].what.pattern]);
    throughput_table(to, r);
}

/* ---- latency ---- */

static void latency_cells(FILE *to, const struct bench_row *row, const struct bench_figures *f)
{
    char text[BENCH_WORD];

    if (*f->missing) {
        empty_cells(to, BENCH_PERCENTILES + 4, f->missing);
        return;
    }
    for (int p = 0; p < BENCH_PERCENTILES; p++) {
        double percent = bench_percentiles[p];

        cell(to, bench_knows(f->samples, percent)
                     ? bench_time_text(text, (double)histogram_percentile(f->samples, percent))
                     : "-");
    }
    fprintf(to, "<td>%llu</td><td>%.*f%%</td>", (unsigned long long)f->samples->total,
            f->cpu < 0.0995, f->cpu * 100);
    spread_cell(to, f);
    if (bench_outrun(&row->what, f)) {
        fprintf(to, "<td class=\"word\">only %s</td>", bench_amount_text(text, f->achieved, "/s"));
        return;
    }
    cell(to, "");
}

static void latency_row(FILE *to, const struct bench_results *r, const struct bench_row *row)
{
    char name[BENCH_WORD];

    for (int l = 0; l < r->library_count; l++) {
        fputs("<tr>", to);
        word_cell(to, l ? "" : bench_line_text(name, r, (int)(row - r->rows)));
        word_cell(to, r->libraries[l].name);
        latency_cells(to, row, &row->seen[l]);
        fputs("</tr>\n", to);
    }
    if (r->library_count < 2 || !row->seen[0].count || !row->seen[1].count)
        return;
    fputs("<tr><td></td><td class=\"word\">times ahead</td>", to);
    for (int p = 0; p < BENCH_PERCENTILES; p++)
        ratio_cell(to, bench_ahead_at(row, bench_percentiles[p]));
    fputs("<td colspan=\"4\"></td></tr>\n", to);
}

static void latency_table(FILE *to, const struct bench_results *r, int first, int end)
{
    fprintf(to, "<div class=\"scroll\"><table>\n<tr><th class=\"word\">%s</th><th></th>",
            r->options->mode == BENCH_LATENCY ? "load" : "at full rate");
    for (int p = 0; p < BENCH_PERCENTILES; p++)
        fprintf(to, "<th>%s</th>", bench_percentile_names[p]);
    fputs("<th>samples</th><th>CPU</th><th>&#177;</th><th></th></tr>\n", to);
    for (int i = first; i < end; i++)
        latency_row(to, r, &r->rows[i]);
    fputs("</table></div>\n", to);
}

/* One drawing, what its colours mean, and its table. */
static void latency_group(FILE *to, const struct bench_results *r, int first, int end)
{
    bool some = false;

    for (int i = first; i < end; i++)
        some |= r->rows[i].seen[0].count || r->rows[i].seen[1].count;
    bench_draw_latency(to, r, first, end);
    if (some) {
        fputs("<ul>\n", to);
        for (int i = first; i < end; i++) {
            char name[BENCH_WORD];

            if (r->rows[i].seen[0].count || r->rows[i].seen[1].count)
                legend_entry(to, i - first, bench_line_text(name, r, i));
        }
        library_legend(to, r);
        fputs("</ul>\n", to);
    }
    latency_table(to, r, first, end);
}

/* Where the group that begins at a row ends: one case's loads, or as many as there are colours. */
static int group_end(const struct bench_results *r, int first)
{
    int end = first + 1;

    if (r->options->mode != BENCH_LATENCY)
        return first + BENCH_COLOURS < r->row_count ? first + BENCH_COLOURS : r->row_count;
    while (end < r->row_count && r->rows[end].what.load != BENCH_FULL)
        end++;
    return end;
}

static void latency(FILE *to, const struct bench_results *r)
{
    bool all = r->options->mode == BENCH_LATENCY;

    fputs(all ? "<p>One way: half of a round trip. At a fixed rate (N/s) a request's time begins "
                "when it was due, so a stall counts for all that it delayed; after N ms: each "
                "request follows so much idle time. A dash: too few samples to tell. CPU: of the "
                "answering "
                "end, in percent of a core.</p>\n"
              : "<h2>Latency at full rate</h2>\n<p>One way: half of a round trip. --latency has "
                "the latency at fixed rates and after idle gaps. CPU: of the answering end, in "
                "percent of a core.</p>\n",
          to);
    for (int first = r->throughput_count, end; first < r->row_count; first = end) {
        char name[BENCH_WORD];

        end = group_end(r, first);
        if (all)
            fprintf(to, "<h2>%s</h2>\n", bench_group_text(name, &r->rows[first].what));
        latency_group(to, r, first, end);
    }
}

/* ---- the whole ---- */

void bench_html_write(FILE *to, const struct bench_results *r)
{
    static const char *const titles[] = {"Throughput and latency", "Throughput", "Latency"};
    const char *title = titles[r->options->mode];

    fprintf(to,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
            "<meta name=\"viewport\" content=\"width=device-width\"/>"
            "<title>zuring bench: %s</title>\n<style>\n%s</style></head><body>\n<h1>%s</h1>\n",
            title, style, title);
    facts(to, r);
    if (r->throughput_count)
        throughput(to, r);
    if (r->throughput_count < r->row_count)
        latency(to, r);
    fputs("</body></html>\n", to);
}
