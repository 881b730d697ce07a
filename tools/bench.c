/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command: reads its options, asks each library what it is, measures row by row and tells.
 * Within a row the libraries take turns, and who begins changes from round to round, so that a
 * machine that becomes slower or faster does so for both.
 */
#include "tools/bench.h"
#include "engine/base/alloc.h"
#include "tools/bench_options.h"
#include "tools/bench_report.h"
#include "tools/bench_run.h"
#include "tools/bench_table.h"
#include "tools/dropin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    ATTEMPTS = 3,
    DESCRIBE_S = 30, /* for a library to be loaded and to tell its version */
    EXIT_USAGE = 2,
};

struct bench {
    struct bench_options options;
    struct bench_results results;
    FILE *json, *html;         /* NULL: not asked for */
    struct histogram *scratch; /* of the run that is going on */
    struct timespec begun;
    int runs_done, runs, width; /* width: of the terminal that shows progress; 0: it is none */
    bool shown;                 /* there is a line of progress on the terminal */
    bool failed;                /* some row has no figure that should have one */
};

static void complain(const char *what, const char *why)
{
    fprintf(stderr, "zuring bench: %s%s%s\n", what, *what ? ": " : "", why);
}

/* ---- progress ---- */

static void find_terminal(struct bench *b)
{
    struct winsize size;

    if (!b->options.quiet && isatty(STDERR_FILENO))
        b->width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

static void hide_progress(struct bench *b)
{
    if (b->shown)
        fprintf(stderr, "\r\033[K");
    b->shown = false;
}

static double seconds_left(const struct bench *b)
{
    struct timespec now;
    double spent;

    clock_gettime(CLOCK_MONOTONIC, &now);
    spent = (double)(now.tv_sec - b->begun.tv_sec) + (double)(now.tv_nsec - b->begun.tv_nsec) / 1e9;
    return spent / b->runs_done * (b->runs - b->runs_done);
}

/* A line that is written over and over on a terminal; elsewhere one for each row. */
static void show_progress(struct bench *b, const struct bench_row *row, int round, int library)
{
    char size[BENCH_WORD], load[BENCH_WORD], left[BENCH_WORD] = "", line[256];
    const struct bench_case *c = &row->what;

    if (b->options.quiet || (!b->width && (round > 0 || library > 0)))
        return;
    if (b->runs_done >= 3)
        snprintf(left, sizeof left, ", about %.0f s left", seconds_left(b));
    snprintf(line, sizeof line, "[%d/%d] %s %s%s%s", (int)(row - b->results.rows) + 1,
             b->results.row_count, bench_transport_names[c->transport],
             bench_size_text(size, c->size), c->latency ? ", latency " : "",
             c->latency ? bench_load_text(load, c) : "");
    if (!b->width) {
        fprintf(stderr, "%s%s\n", line, left);
        return;
    }
    snprintf(line + strlen(line), sizeof line - strlen(line), ", round %d of %d, %s%s", round + 1,
             b->options.rounds, b->results.libraries[library].name, left);
    hide_progress(b);
    fprintf(stderr, "%.*s", b->width - 1, line);
    b->shown = true;
}

/* ---- libraries ---- */

static bool set_file(struct bench_library *l, const char *before, const char *name,
                     const char *behind)
{
    int n = snprintf(l->file, sizeof l->file, "%s%s%s", before, name, behind);

    if (n > 0 && (size_t)n < sizeof l->file)
        return true;
    complain(name, strerror(ENAMETOOLONG));
    return false;
}

/* The file that the user means; NULL: zuring's own. False: something was said. */
static bool find_library(struct bench_library *l, const char *given)
{
    char found[PATH_MAX];
    struct stat st;

    if (!given)
        return dropin_find(found) && set_file(l, "", found, "/" DROPIN_NAME);
    if (stat(given, &st) == 0) {
        /* Without a slash the loader would look elsewhere. */
        const char *here = strchr(given, '/') ? "" : "./";

        if (!S_ISDIR(st.st_mode))
            return set_file(l, here, given, "");
        if (dropin_is_in(given))
            return set_file(l, here, given, "/" DROPIN_NAME);
        complain(given, "there is no " DROPIN_NAME " in this folder");
        return false;
    }
    if (!strchr(given, '/'))
        return set_file(l, "", given, ""); /* a bare name: the loader knows where */
    fprintf(stderr, "zuring bench: %s: %s; name a " DROPIN_NAME " or the folder it is in\n", given,
            strerror(errno));
    return false;
}

static bool describe_library(struct bench *b, struct bench_library *l)
{
    struct bench_job job = {.part = BENCH_DESCRIBE, .patience = DESCRIBE_S};
    struct bench_answer answer;

    memcpy(job.file, l->file, sizeof job.file);
    if (bench_run(&job, &answer, NULL) != BENCH_GOOD) {
        complain(answer.good ? l->file : "", answer.why);
        return false;
    }
    *l = answer.library;
    if (l != b->results.libraries && strcmp(l->name, b->results.libraries[0].name) == 0)
        snprintf(l->name + strlen(l->name), sizeof l->name - strlen(l->name), ", other");
    return true;
}

static bool open_libraries(struct bench *b)
{
    struct bench_results *r = &b->results;

    r->library_count = b->options.against ? 2 : 1;
    for (int i = 0; i < r->library_count; i++)
        if (!find_library(&r->libraries[i], i ? b->options.against : b->options.library) ||
            !describe_library(b, &r->libraries[i]))
            return false;
    return true;
}

/* ---- files; opened before anything is measured, emptied when there is something to write ---- */

static bool open_file(FILE **out, const char *name)
{
    int fd;

    if (!name)
        return true;
    if (strcmp(name, "-") == 0) {
        *out = stdout;
        return true;
    }
    fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0 && (*out = fdopen(fd, "w")))
        return true;
    complain(name, strerror(errno));
    if (fd >= 0)
        close(fd);
    return false;
}

static bool write_file(FILE *to, const char *name, const struct bench_results *r,
                       void (*write)(FILE *to, const struct bench_results *r))
{
    bool good = true;

    if (!to)
        return true;
    if (to != stdout && ftruncate(fileno(to), 0) < 0 && errno != EINVAL) /* a pipe has no length */
        good = false;
    write(to, r);
    good &= fflush(to) == 0 && !ferror(to);
    if (!good)
        complain(name, strerror(errno));
    return good;
}

/* ---- measuring ---- */

static void name_endpoint(const struct bench *b, struct bench_job *job)
{
    const char *address = b->options.address, *bracket = strrchr(address, ']');
    bool has_port = strchr(bracket ? bracket : address, ':');

    if (job->what.transport == BENCH_INPROC)
        snprintf(job->endpoint, sizeof job->endpoint, "inproc://bench");
    else if (job->what.transport == BENCH_IPC) /* abstract: it leaves no file behind */
        snprintf(job->endpoint, sizeof job->endpoint, "ipc://@zuring-bench-%d", (int)getpid());
    else
        snprintf(job->endpoint, sizeof job->endpoint, "tcp://%s%s", address, has_port ? "" : ":*");
}

static void take_figures(struct bench *b, const struct bench_row *row, struct bench_figures *f,
                         const struct bench_answer *answer)
{
    int n = f->count++;

    if (!row->what.latency) {
        f->rounds[n] = answer->figure;
        return;
    }
    f->rounds[n] = (double)histogram_percentile(b->scratch, 50);
    f->p99[n] = (double)histogram_percentile(b->scratch, 99);
    f->achieved += (answer->figure - f->achieved) / f->count; /* the mean of those so far */
    f->cpu += (answer->cpu - f->cpu) / f->count;
    histogram_merge(f->samples, b->scratch);
}

/* False: nothing can be measured here, and it was said why. */
static bool measure_once(struct bench *b, struct bench_row *row, int library)
{
    struct bench_figures *f = &row->seen[library];
    const struct bench_library *l = &b->results.libraries[library];
    struct bench_job job = {.part = BENCH_NEAR,
                            .what = row->what,
                            .seconds = b->options.seconds,
                            .patience = b->options.patience};
    struct bench_answer answer;

    memcpy(job.file, l->file, sizeof job.file);
    name_endpoint(b, &job);
    for (int attempt = 1;; attempt++) {
        enum bench_outcome outcome =
            bench_run(&job, &answer, row->what.latency ? b->scratch : NULL);

        if (outcome == BENCH_GOOD) {
            take_figures(b, row, f, &answer);
            return true;
        }
        hide_progress(b);
        fprintf(stderr, "zuring bench: %s %zu bytes, %s: %s%s\n",
                bench_transport_names[row->what.transport], row->what.size, l->name, answer.why,
                outcome == BENCH_LOST && attempt < ATTEMPTS ? "; once more" : "");
        if (outcome == BENCH_REFUSED)
            return false;
        if (attempt == ATTEMPTS)
            break;
        f->repeated++;
    }
    b->failed = true;
    zu_free(f->samples); /* some rounds are not the rounds that were asked for */
    f->samples = NULL;
    f->count = 0;
    snprintf(f->missing, sizeof f->missing, "%.*s, %d times", (int)strcspn(answer.why, ":"),
             answer.why, ATTEMPTS);
    return true;
}

static bool measure_row(struct bench *b, struct bench_row *row)
{
    int count = b->results.library_count;

    for (int i = 0; i < count; i++) {
        struct bench_figures *f = &row->seen[i];

        if (row->what.transport == BENCH_CURVE && !b->results.libraries[i].curve)
            snprintf(f->missing, sizeof f->missing, "no curve in this library");
        else if (row->what.latency && !(f->samples = zu_alloc_zero(sizeof *f->samples))) {
            complain("", "no memory for the samples");
            return false;
        }
    }
    for (int round = 0; round < b->options.rounds; round++)
        for (int turn = 0; turn < count; turn++) {
            int library = (round + turn) % count;

            show_progress(b, row, round, turn);
            if (!*row->seen[library].missing && !measure_once(b, row, library))
                return false;
            b->runs_done++;
        }
    return true;
}

static bool measure(struct bench *b)
{
    bool table = b->json != stdout && b->html != stdout;

    b->runs = b->results.row_count * b->options.rounds * b->results.library_count;
    clock_gettime(CLOCK_MONOTONIC, &b->begun);
    if (table)
        bench_table_head(&b->results);
    for (int i = 0; i < b->results.row_count; i++) {
        bool good = measure_row(b, &b->results.rows[i]);

        hide_progress(b);
        if (!good)
            return false;
        if (table)
            bench_table_row(&b->results, &b->results.rows[i]);
    }
    if (table)
        bench_table_end(&b->results);
    return true;
}

/* ---- the whole ---- */

static bool prepare(struct bench *b)
{
    b->results.options = &b->options;
    b->scratch = zu_alloc_zero(sizeof *b->scratch);
    if (!b->scratch || !bench_options_rows(&b->options, &b->results)) {
        complain("", "no memory for the results");
        return false;
    }
    find_terminal(b);
    return open_file(&b->json, b->options.json) && open_file(&b->html, b->options.html) &&
           open_libraries(b);
}

static void release(struct bench *b)
{
    for (int i = 0; b->results.rows && i < b->results.row_count; i++)
        for (int l = 0; l < 2; l++)
            zu_free(b->results.rows[i].seen[l].samples);
    zu_free(b->results.rows);
    zu_free(b->scratch);
    if (b->json && b->json != stdout)
        fclose(b->json);
    if (b->html && b->html != stdout)
        fclose(b->html);
}

int bench_main(int argc, char **argv)
{
    struct bench b = {.json = NULL};
    bool good;
    char why[512];

    if (!bench_options_read(&b.options, argc, argv, why, sizeof why)) {
        complain("", why);
        return EXIT_USAGE;
    }
    if (b.options.help) {
        bench_options_help(stdout);
        return EXIT_SUCCESS;
    }
    good = prepare(&b) && measure(&b) &&
           write_file(b.json, b.options.json, &b.results, bench_json_write) &&
           write_file(b.html, b.options.html, &b.results, bench_html_write);
    good &= fflush(stdout) == 0;
    release(&b);
    return good && !b.failed ? EXIT_SUCCESS : EXIT_FAILURE;
}
