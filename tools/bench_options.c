/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table has a row for each option and a function that takes its text. Defaults are put in last,
 * since they depend on --latency, which may stand anywhere.
 */
#include "tools/bench_options.h"
#include "engine/base/alloc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_MAX_KIB = 65536, RATE_MAX = 1000000, GAP_MAX_MS = 10000 };
static const double seconds_min = 0.01, seconds_max = 60, patience_max = 3600;

struct reading {
    struct bench_options *o;
    char *why;
    size_t room;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct reading *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->why, r->room, format, args);
    va_end(args);
    return false;
}

/* ---- the texts of options ---- */

/* A whole number at the start of `text`; what follows it in *end. */
static bool whole(const char *text, uint64_t *out, char **end)
{
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoull(text, end, 10);
    return !errno;
}

/* "16", "64K", "64KiB", "1M"; 0: it is none. */
static unsigned size_of(const char *text)
{
    uint64_t n, unit = 1;
    char *end;

    if (!whole(text, &n, &end))
        return 0;
    if (*end == 'K' || *end == 'k')
        unit = 1024;
    else if (*end == 'M' || *end == 'm')
        unit = (uint64_t)1024 * 1024;
    if (unit > 1 && (strcmp(++end, "iB") == 0 || strcmp(end, "B") == 0))
        end += strlen(end);
    return *end || n > SIZE_MAX_KIB * 1024ull / unit ? 0 : (unsigned)(n * unit);
}

static unsigned number_of(const char *text)
{
    uint64_t n;
    char *end;

    return whole(text, &n, &end) && !*end && n <= INT_MAX ? (unsigned)n : 0;
}

static int index_of(const char *text, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return -1;
}

static unsigned transport_of(const char *text)
{
    return (unsigned)(index_of(text, bench_transport_names, BENCH_TRANSPORT_COUNT) + 1);
}

/* Words between commas, each made a number by `value_of`; 0 and more than `max` are refused. */
static bool take_list(struct reading *r, struct bench_list *list, const char *text, unsigned max,
                      unsigned (*value_of)(const char *text), const char *expected)
{
    list->count = 0;
    while (text) {
        const char *comma = strchr(text, ',');
        size_t length = comma ? (size_t)(comma - text) : strlen(text);
        char word[32];
        unsigned value = 0;

        if (length < sizeof word) {
            memcpy(word, text, length);
            word[length] = '\0';
            value = value_of(word);
        }
        if (!value || value > max)
            return refuse(r, "%.*s is not %s", (int)(length < 200 ? length : 200), text, expected);
        if (list->count == BENCH_LIST_MAX)
            return refuse(r, "a list has room for %d entries", BENCH_LIST_MAX);
        for (int i = 0; i < list->count; i++)
            if (list->values[i] == value)
                return refuse(r, "%s is there twice", word);
        list->values[list->count++] = value;
        text = comma ? comma + 1 : NULL;
    }
    return true;
}

static bool take_transports(struct reading *r, const char *text)
{
    struct bench_list *list = &r->o->transports;

    if (!take_list(r, list, text, BENCH_TRANSPORT_COUNT, transport_of,
                   "a transport: tcp, ipc, inproc or curve (tcp with CURVE)"))
        return false;
    for (int i = 0; i < list->count; i++)
        list->values[i]--; /* 0 is a transport, too */
    return true;
}

static int compare(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

    return (x > y) - (x < y);
}

/* In their order, whatever order they are given in: they become the points of a curve. */
static bool take_sizes(struct reading *r, const char *text)
{
    struct bench_list *list = &r->o->sizes;

    if (!take_list(r, list, text, SIZE_MAX_KIB * 1024, size_of,
                   "a size: from 1 to 64M bytes, like 16 or 64K"))
        return false;
    qsort(list->values, (size_t)list->count, sizeof list->values[0], compare);
    return true;
}

/* -1 stands for "none" until the defaults are put in, which fill what is 0. */
static bool take_optional(struct reading *r, struct bench_list *list, const char *text,
                          unsigned max, const char *expected)
{
    if (strcmp(text, "none") != 0)
        return take_list(r, list, text, max, number_of, expected);
    list->count = -1;
    return true;
}

static bool take_rates(struct reading *r, const char *text)
{
    return take_optional(r, &r->o->rates, text, RATE_MAX,
                         "a rate: from 1 to 1000000 requests a second, or none");
}

static bool take_gaps(struct reading *r, const char *text)
{
    return take_optional(r, &r->o->gaps, text, GAP_MAX_MS,
                         "a gap: from 1 to 10000 milliseconds, or none");
}

static bool take_pattern(struct reading *r, const char *text)
{
    r->o->pattern = index_of(text, bench_pattern_names, BENCH_PATTERN_COUNT);
    if (r->o->pattern >= 0)
        return true;
    return refuse(r, "%.200s is not a pattern: push-pull, req-rep, pair or dealer-router", text);
}

static bool take_rounds(struct reading *r, const char *text)
{
    unsigned n = number_of(text);

    r->o->rounds = (int)n;
    return (n && n <= BENCH_ROUNDS_MAX) ||
           refuse(r, "%.200s is not a number of rounds: from 1 to %d", text, BENCH_ROUNDS_MAX);
}

static bool number_between(const char *text, double *out, double min, double max)
{
    char *end;

    *out = strtod(text, &end);
    return end != text && !*end && *out >= min && *out <= max;
}

static bool take_seconds(struct reading *r, const char *text)
{
    return number_between(text, &r->o->seconds, seconds_min, seconds_max) ||
           refuse(r, "%.200s is not a number of seconds: from 0.01 to 60", text);
}

static bool take_patience(struct reading *r, const char *text)
{
    return number_between(text, &r->o->patience, 0.1, patience_max) ||
           refuse(r, "%.200s is not a number of seconds: from 0.1 to 3600", text);
}

#define TAKE_TEXT(field, what)                                                                     \
    static bool take_##field(struct reading *r, const char *text)                                  \
    {                                                                                              \
        r->o->field = text;                                                                        \
        return *text || refuse(r, what " is empty");                                               \
    }
TAKE_TEXT(library, "the name of the library")
TAKE_TEXT(against, "the name of the library")
TAKE_TEXT(address, "the address")
TAKE_TEXT(json, "the name of the file")
TAKE_TEXT(html, "the name of the file")

static const struct option {
    const char *name;
    bool (*take)(struct reading *r, const char *text); /* NULL: a word that takes no value */
    bool latency;                                      /* is for --latency only */
} options[] = {
    {"--help", NULL, false},
    {"--latency", NULL, false},
    {"--throughput", NULL, false},
    {"--quiet", NULL, false},
    {"--transports", take_transports, false},
    {"--sizes", take_sizes, false},
    {"--pattern", take_pattern, false},
    {"--rounds", take_rounds, false},
    {"--seconds", take_seconds, false},
    {"--patience", take_patience, false},
    {"--rates", take_rates, true},
    {"--gaps", take_gaps, true},
    {"--library", take_library, false},
    {"--against", take_against, false},
    {"--address", take_address, false},
    {"--json", take_json, false},
    {"--html", take_html, false},
};

static const struct option *option_of(const char *word, size_t length)
{
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (strlen(options[i].name) == length && memcmp(options[i].name, word, length) == 0)
            return &options[i];
    return NULL;
}

/* ---- the whole line ---- */

static bool set_flag(struct reading *r, const char *name)
{
    enum bench_mode mode = name[2] == 'l' ? BENCH_LATENCY : BENCH_THROUGHPUT;

    if (strcmp(name, "--help") == 0)
        r->o->help = true;
    else if (strcmp(name, "--quiet") == 0)
        r->o->quiet = true;
    else if (r->o->mode != BENCH_BOTH && r->o->mode != mode)
        return refuse(r, "--latency and --throughput are one or the other; both are measured "
                         "without either, latency at full rate");
    else
        r->o->mode = mode;
    return true;
}

static void fill(struct bench_list *list, const unsigned *values, int count)
{
    if (list->count) { /* given; -1 is none */
        list->count = list->count < 0 ? 0 : list->count;
        return;
    }
    memcpy(list->values, values, (size_t)count * sizeof *values);
    list->count = count;
}

static void put_defaults(struct bench_options *o)
{
    static const unsigned transports[] = {BENCH_TCP, BENCH_IPC, BENCH_INPROC, BENCH_CURVE};
    static const unsigned sizes[] = {16, 256, 1024, 65536, 1048576}, size[] = {64};
    static const unsigned rates[] = {1000, 5000}, gaps[] = {1, 10, 100};

    fill(&o->transports, transports, 4);
    o->latency_sizes = o->sizes;
    fill(&o->sizes, sizes, 5);
    fill(&o->latency_sizes, size, 1);
    if (!o->seconds) /* three rounds of latency at 1000/s have the samples for p99.9 */
        o->seconds = o->mode == BENCH_LATENCY ? 0.35 : 0.3;
    if (o->mode != BENCH_LATENCY)
        return; /* full rate only */
    fill(&o->rates, rates, 2);
    fill(&o->gaps, gaps, 3);
}

static bool check_whole(struct reading *r, const char *latency_only)
{
    struct bench_options *o = r->o;
    bool one_way = o->pattern == BENCH_PUSH_PULL, in_turn = o->pattern == BENCH_REQ_REP;

    if (latency_only && o->mode != BENCH_LATENCY)
        return refuse(r, "%s is for --latency", latency_only);
    if (o->mode == BENCH_LATENCY && one_way)
        return refuse(r, "push-pull sends no answers, so it has no latency: take req-rep, pair or "
                         "dealer-router");
    if (o->mode != BENCH_LATENCY && in_turn)
        return refuse(r, "req-rep waits for each answer, so it has no throughput: take --latency, "
                         "or push-pull, pair or dealer-router");
    if (o->json && o->html && strcmp(o->json, o->html) == 0)
        return refuse(r, "--json and --html are the same file");
    if (one_way)
        o->mode = BENCH_THROUGHPUT;
    return true;
}

bool bench_options_read(struct bench_options *o, int argc, char **argv, char *why, size_t room)
{
    struct reading r = {o, why, room};
    const char *latency_only = NULL;

    memset(o, 0, sizeof *o);
    o->pattern = -1;
    o->rounds = 3;
    o->patience = 15;
    o->address = "127.0.0.1";
    for (int i = 0; i < argc; i++) {
        size_t length = strcspn(argv[i], "=");
        const char *value = argv[i][length] ? argv[i] + length + 1 : NULL;
        const struct option *option = option_of(argv[i], length);

        if (!option)
            return refuse(&r, "there is no option %.200s; zuring bench --help has them", argv[i]);
        if (option->latency)
            latency_only = option->name;
        if (!option->take) {
            if (value)
                return refuse(&r, "%s takes no value", option->name);
            if (!set_flag(&r, option->name))
                return false;
            continue;
        }
        if (!value && !(value = ++i < argc ? argv[i] : NULL))
            return refuse(&r, "%s needs a value; zuring bench --help has them", option->name);
        if (!option->take(&r, value))
            return false;
    }
    put_defaults(o);
    return check_whole(&r, latency_only);
}

/* ---- cases ---- */

/* The loads of one pattern, transport and size; `rows` may be NULL to count only. */
static int add_loads(const struct bench_options *o, struct bench_case c, struct bench_row *rows)
{
    int n = 0, loads = c.latency ? 1 + o->rates.count + o->gaps.count : 1;

    for (; n < loads && rows; n++) {
        if (n > o->rates.count) {
            c.load = BENCH_GAP;
            c.load_value = o->gaps.values[n - 1 - o->rates.count];
        } else if (n > 0) {
            c.load = BENCH_RATE;
            c.load_value = o->rates.values[n - 1];
        }
        rows[n].what = c;
    }
    return loads;
}

static int add_cases(const struct bench_options *o, bool latency, struct bench_row *rows)
{
    const struct bench_list *sizes = latency ? &o->latency_sizes : &o->sizes;
    int n = 0;

    if (o->mode == (latency ? BENCH_THROUGHPUT : BENCH_LATENCY))
        return 0;
    for (int t = 0; t < o->transports.count; t++)
        for (int s = 0; s < sizes->count; s++) {
            struct bench_case c = {.latency = latency,
                                   .transport = o->transports.values[t],
                                   .pattern = latency ? BENCH_REQ_REP : BENCH_PUSH_PULL,
                                   .size = sizes->values[s]};

            if (o->pattern >= 0)
                c.pattern = (enum bench_pattern)o->pattern;
            n += add_loads(o, c, rows ? rows + n : NULL);
            /* Between threads PAIR is what people use; it has no REQ and REP to pass. */
            if (latency && o->pattern < 0 && c.transport == BENCH_INPROC) {
                c.pattern = BENCH_PAIR;
                n += add_loads(o, c, rows ? rows + n : NULL);
            }
        }
    return n;
}

bool bench_options_rows(const struct bench_options *o, struct bench_results *r)
{
    r->throughput_count = add_cases(o, false, NULL);
    r->row_count = r->throughput_count + add_cases(o, true, NULL);
    r->rows = zu_alloc_zero((size_t)r->row_count * sizeof *r->rows);
    if (!r->rows)
        return false;
    add_cases(o, false, r->rows);
    add_cases(o, true, r->rows + r->throughput_count);
    return true;
}

void bench_options_help(FILE *to)
{
    fputs(
        "zuring bench [OPTION...]     messages a second, over sizes; and latency at full rate\n"
        "\n"
        "  --latency            latency alone: at full rate, at fixed rates, after idle gaps\n"
        "  --throughput         messages a second alone\n"
        "  --against LIBRARY    measure this one in turn: a libzmq.so.5, or the folder it is in\n"
        "  --library LIBRARY    measure this one instead of zuring's own\n"
        "  --transports LIST    of tcp,ipc,inproc,curve (tcp with CURVE)       all of them\n"
        "  --sizes LIST         bytes, like 16,64K,1M        16,256,1K,64K,1M; for latency 64\n"
        "  --pattern PATTERN    push-pull, pair, dealer-router                      push-pull\n"
        "                       for latency req-rep, pair, dealer-router              req-rep\n"
        "                                                      and pair, between threads\n"
        "  --rounds N           times each figure is measured                               3\n"
        "  --seconds S          how long a round takes                 0.3; with --latency 0.35\n"
        "  --rates LIST         with --latency: requests a second, or none          1000,5000\n"
        "  --gaps LIST          with --latency: idle ms before each, or none         1,10,100\n"
        "  --address HOST:PORT  of tcp and curve; without a port any free one       127.0.0.1\n"
        "  --patience S         after which a run that hangs is killed and done again        15\n"
        "  --html FILE          draw the curves and the distributions\n"
        "  --json FILE          every figure; - is standard output, in place of the table\n"
        "  --quiet              no progress\n"
        "\n"
        "Shown are the medians of all rounds and half of their spread. The ends over tcp, ipc and\n"
        "curve are two processes, over inproc two threads; the library's defaults are untouched.\n"
        "ZURING_BACKEND=io_uring or readiness     how zuring talks to the kernel\n",
        to);
}
