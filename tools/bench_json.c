/* SPDX-License-Identifier: Apache-2.0 */
#include "include/zuring.h"
#include "tools/bench_report.h"

#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* ---- the machine ---- */

static bool read_cpu(char *out, size_t room)
{
    FILE *f = fopen("/proc/cpuinfo", "re");
    bool found = false;
    char line[256];

    while (f && !found && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');

        found = colon && strncmp(line, "model name", 10) == 0;
        if (found)
            snprintf(out, room, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    }
    if (f)
        fclose(f);
    return found;
}

void bench_machine_read(struct bench_machine *m)
{
    time_t now = time(NULL);
    struct utsname u;
    struct tm tm;

    memset(m, 0, sizeof *m);
    if (uname(&u) == 0)
        snprintf(m->kernel, sizeof m->kernel, "%s %s", u.sysname, u.release);
    if (!read_cpu(m->cpu, sizeof m->cpu)) /* some machines do not say */
        snprintf(m->cpu, sizeof m->cpu, "%s", u.machine);
    m->cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (gmtime_r(&now, &tm))
        strftime(m->date, sizeof m->date, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* ---- JSON ---- */

static void put_text(FILE *to, const char *text)
{
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(to, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(to, "\\u%04x", (unsigned char)*text);
        else
            fputc(*text, to);
    }
    fputc('"', to);
}

static void put_member(FILE *to, const char *name, const char *text)
{
    fprintf(to, "\"%s\": ", name);
    put_text(to, text);
}

static void put_numbers(FILE *to, const char *name, const double *values, int count)
{
    fprintf(to, ", \"%s\": [", name);
    for (int i = 0; i < count; i++)
        fprintf(to, "%s%.1f", i ? ", " : "", values[i]);
    fprintf(to, "]");
}

static void put_library(FILE *to, const struct bench_library *l, bool first)
{
    fprintf(to, "%s\n    {", first ? "" : ",");
    put_member(to, "name", l->name);
    fprintf(to, ", ");
    put_member(to, "role", first ? "measured" : "against");
    fprintf(to, ", ");
    put_member(to, "file", l->file);
    if (*l->backend) {
        fprintf(to, ", ");
        put_member(to, "backend", l->backend);
    }
    fprintf(to, ", \"curve\": %s}", l->curve ? "true" : "false");
}

/* Percent and ns, as far as there are samples to tell. */
static void put_distribution(FILE *to, const struct histogram *h)
{
    fprintf(to, ",\n       \"distribution\": [[0, %llu]", (unsigned long long)h->min);
    for (double above = 75; bench_knows(h, 100 - above); above /= above > 50.1 ? 1.5 : 2)
        fprintf(to, ", [%.6g, %llu]", 100 - above,
                (unsigned long long)histogram_percentile(h, 100 - above));
    fprintf(to, ", [100, %llu]]", (unsigned long long)h->max);
}

static void put_latency(FILE *to, const struct bench_figures *f)
{
    const struct histogram *h = f->samples;

    fprintf(to, ", \"samples\": %llu, \"requests_per_second\": %.1f, \"cpu_percent\": %.3f",
            (unsigned long long)h->total, f->achieved, f->cpu * 100);
    for (int p = 0; p < BENCH_PERCENTILES; p++) {
        fprintf(to, ", \"%s_ns\": ", bench_percentile_names[p]);
        if (bench_knows(h, bench_percentiles[p]))
            fprintf(to, "%llu", (unsigned long long)histogram_percentile(h, bench_percentiles[p]));
        else
            fprintf(to, "null");
    }
    put_numbers(to, "rounds_p50_ns", f->rounds, f->count);
    put_numbers(to, "rounds_p99_ns", f->p99, f->count);
    put_distribution(to, h);
}

static void put_figures(FILE *to, const struct bench_row *row, const struct bench_figures *f)
{
    fprintf(to, ", \"repeated\": %d, ", f->repeated);
    if (*f->missing) {
        put_member(to, "missing", f->missing);
        return;
    }
    fprintf(to, "\"spread_percent\": %.1f", bench_spread(f->rounds, f->count));
    if (row->what.latency) {
        put_latency(to, f);
        return;
    }
    fprintf(to, ", \"messages_per_second\": %.1f, \"bytes_per_second\": %.1f", bench_rate_of(f),
            bench_rate_of(f) * (double)row->what.size);
    put_numbers(to, "rounds", f->rounds, f->count);
}

static void put_ahead(FILE *to, const struct bench_row *row)
{
    bool some = false;

    if (!row->what.latency) {
        if (bench_ahead(row) > 0)
            fprintf(to, ", \"times_ahead\": %.3f", bench_ahead(row));
        return;
    }
    for (int p = 0; p < BENCH_PERCENTILES; p++) {
        double ahead = bench_ahead_at(row, bench_percentiles[p]);

        if (ahead <= 0)
            continue;
        fprintf(to, "%s\"%s\": %.3f", some ? ", " : ", \"times_ahead\": {",
                bench_percentile_names[p], ahead);
        some = true;
    }
    if (some)
        fprintf(to, "}");
}

static void put_row(FILE *to, const struct bench_results *r, const struct bench_row *row)
{
    const struct bench_case *c = &row->what;
    char load[BENCH_WORD];

    fprintf(to, "\n    {");
    put_member(to, "kind", c->latency ? "latency" : "throughput");
    fprintf(to, ", ");
    put_member(to, "transport", bench_transport_names[c->transport]);
    fprintf(to, ", ");
    put_member(to, "pattern", bench_pattern_names[c->pattern]);
    fprintf(to, ", \"size\": %zu", c->size);
    if (c->latency) {
        fprintf(to, ", ");
        put_member(to, "load", bench_load_text(load, c));
    }
    if (c->load != BENCH_FULL)
        fprintf(to, ", \"%s\": %u", c->load == BENCH_RATE ? "rate" : "gap_ms", c->load_value);
    fprintf(to, ", \"results\": [");
    for (int i = 0; i < r->library_count; i++) {
        fprintf(to, "%s\n      {", i ? "," : "");
        put_member(to, "library", r->libraries[i].name);
        put_figures(to, row, &row->seen[i]);
        fprintf(to, "}");
    }
    fprintf(to, "]");
    if (r->library_count > 1)
        put_ahead(to, row);
    fprintf(to, "}");
}

void bench_json_write(FILE *to, const struct bench_results *r)
{
    const struct bench_options *o = r->options;
    struct bench_machine m;

    bench_machine_read(&m);
    fprintf(to,
            "{\"program\": \"zuring bench\", \"version\": \"%d.%d.%d\", \"kind\": \"%s\",\n  "
            "\"rounds\": %d, \"seconds\": %g,\n  \"machine\": {",
            ZURING_VERSION_MAJOR, ZURING_VERSION_MINOR, ZURING_VERSION_PATCH,
            o->mode == BENCH_BOTH      ? "both"
            : o->mode == BENCH_LATENCY ? "latency"
                                       : "throughput",
            o->rounds, o->seconds);
    put_member(to, "cpu", m.cpu);
    fprintf(to, ", \"cores\": %ld, ", m.cores);
    put_member(to, "kernel", m.kernel);
    fprintf(to, "},\n  ");
    put_member(to, "date", m.date);
    fprintf(to, ",\n  \"libraries\": [");
    for (int i = 0; i < r->library_count; i++)
        put_library(to, &r->libraries[i], i == 0);
    fprintf(to, "],\n  \"rows\": [");
    for (int i = 0; i < r->row_count; i++) {
        put_row(to, r, &r->rows[i]);
        if (i + 1 < r->row_count)
            fputc(',', to);
    }
    fprintf(to, "]}\n");
}
