/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench: `zuring bench`, a measuring command for users. What its files share: what is measured
 * (a case), how (the options), and what was seen (a row).
 *
 * One process asks and tells; it starts fresh ones, the workers, for each run: bench_run.h. A
 * worker has loaded one library: bench_library.h. It is one end of a case, or both ends of an
 * inproc one: bench_work.h.
 * Thread: the main one.
 */
#ifndef ZU_TOOLS_BENCH_H
#define ZU_TOOLS_BENCH_H

#include "tools/histogram.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BENCH_LIST_MAX = 16,    /* entries of --sizes, --rates, --gaps */
    BENCH_ROUNDS_MAX = 99,  /* --rounds */
    BENCH_GAP_REQUESTS = 5, /* fewer would tell nothing, however short --seconds is */
};

/* Its own words on the command line and in what is written. */
#define BENCH_TRANSPORTS(X) X(TCP, "tcp") X(IPC, "ipc") X(INPROC, "inproc") X(CURVE, "curve")
#define BENCH_PATTERNS(X)                                                                          \
    X(PUSH_PULL, "push-pull")                                                                      \
    X(REQ_REP, "req-rep") X(PAIR, "pair") X(DEALER_ROUTER, "dealer-router")

#define BENCH_NAME_IT(name, text) BENCH_##name,
enum bench_transport { BENCH_TRANSPORTS(BENCH_NAME_IT) BENCH_TRANSPORT_COUNT };
enum bench_pattern { BENCH_PATTERNS(BENCH_NAME_IT) BENCH_PATTERN_COUNT };
#undef BENCH_NAME_IT

extern const char *const bench_transport_names[BENCH_TRANSPORT_COUNT];
extern const char *const bench_pattern_names[BENCH_PATTERN_COUNT];

enum bench_load {
    BENCH_FULL, /* the next request as soon as the answer is there */
    BENCH_RATE, /* at fixed times, `load_value` a second */
    BENCH_GAP,  /* `load_value` ms after the answer */
};

struct bench_case {
    bool latency; /* else throughput: as fast as it goes, one way */
    enum bench_transport transport;
    enum bench_pattern pattern;
    enum bench_load load;
    unsigned load_value;
    size_t size;
};

struct bench_list {
    unsigned values[BENCH_LIST_MAX];
    int count;
};

enum bench_mode {
    BENCH_BOTH,       /* throughput, and latency at full rate */
    BENCH_THROUGHPUT, /* alone */
    BENCH_LATENCY,    /* alone, under every load */
};

struct bench_options {
    bool help, quiet;
    enum bench_mode mode;
    struct bench_list transports, sizes, latency_sizes, rates, gaps;
    int pattern; /* -1: whatever suits */
    int rounds;
    double seconds, patience;
    const char *library, *against; /* NULL: zuring's own; nothing */
    const char *address;           /* of tcp and curve: HOST or HOST:PORT */
    const char *json, *html;       /* files, "-" is standard output; or NULL */
};

/* What is known of a library. */
struct bench_library {
    char name[64];       /* "libzmq 4.3.4": tells it from the other one */
    char file[PATH_MAX]; /* as it was given, and then what was loaded */
    char backend[32];    /* zuring's, or "" */
    bool curve;
};

/* What was seen of one library in one case. */
struct bench_figures {
    int count;                       /* rounds that have a figure */
    double rounds[BENCH_ROUNDS_MAX]; /* messages a second; or median latency in ns */
    double p99[BENCH_ROUNDS_MAX];    /* latency */
    double achieved;                 /* requests a second, mean of the rounds; latency */
    double cpu;                      /* share of a core at the answering end, mean; latency */
    struct histogram *samples;       /* of all rounds; latency */
    int repeated;                    /* runs that hung or crashed and were done again */
    char missing[160];               /* why there is no figure, or "" */
};

struct bench_row {
    struct bench_case what;
    struct bench_figures seen[2];
};

struct bench_results {
    const struct bench_options *options;
    struct bench_library libraries[2];
    int library_count;
    struct bench_row *rows;
    int row_count, throughput_count; /* those of throughput come first */
};

/* ---- figures ---- */

double bench_median(const double *values, int count);
/* Half of the distance from the smallest to the largest, in percent of the median. */
double bench_spread(const double *values, int count);
/* What is shown for a throughput row: the median. 0: there is none. */
double bench_rate_of(const struct bench_figures *f);
/* How many times the first library is ahead of the second. 0: one has no figure. */
double bench_ahead(const struct bench_row *row);
/* The same for a percentile of the latency. */
double bench_ahead_at(const struct bench_row *row, double percent);

/*
 * Whether there are samples enough for the percentile: one at least lies above it. 100 is the
 * maximum, for which one sample is enough.
 */
bool bench_knows(const struct histogram *h, double percent);

/* Whether a rate was asked for that the library did not hold. */
bool bench_outrun(const struct bench_case *c, const struct bench_figures *f);

/* The percentiles that are shown, the last one the maximum. */
enum { BENCH_PERCENTILES = 5 };
extern const double bench_percentiles[BENCH_PERCENTILES];
extern const char *const bench_percentile_names[BENCH_PERCENTILES];

/* ---- words; each fills `out` and answers it ---- */

enum { BENCH_WORD = 48 };
const char *bench_size_text(char out[BENCH_WORD], size_t size);                      /* "64 KiB" */
const char *bench_amount_text(char out[BENCH_WORD], double value, const char *unit); /* "2.1 M/s" */
const char *bench_time_text(char out[BENCH_WORD], double ns);                        /* "46.1 us" */
/* The same of round numbers, for axes: "10 us", "2 M/s". */
const char *bench_short_amount_text(char out[BENCH_WORD], double value, const char *unit);
const char *bench_short_time_text(char out[BENCH_WORD], double ns);
const char *bench_group_text(char out[BENCH_WORD],
                             const struct bench_case *c); /* "tcp, pair, 64 B" */
const char *bench_load_text(char out[BENCH_WORD], const struct bench_case *c); /* "after 10 ms" */

/* ---- the command ---- */

/* `argv` without the words "zuring bench". The status for the shell. */
int bench_main(int argc, char **argv);

#endif
