/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/alloc.h"
#include "tools/bench_options.h"

#include <criterion/criterion.h>
#include <string.h>

enum { WORDS_MAX = 16 };

static struct bench_options o;
static char why[256], line[512];

/* Words between blanks, as the shell would have them. */
static bool read_words(const char *text)
{
    char *argv[WORDS_MAX], *rest = line;
    int argc = 0;

    snprintf(line, sizeof line, "%s", text);
    why[0] = '\0';
    for (char *word; argc < WORDS_MAX && (word = strsep(&rest, " "));)
        if (*word)
            argv[argc++] = word;
    return bench_options_read(&o, argc, argv, why, sizeof why);
}

static int count_rows(void)
{
    struct bench_results r = {.rows = NULL};

    cr_assert(bench_options_rows(&o, &r));
    zu_free(r.rows);
    return r.row_count;
}

/* Each is refused, and what is said has these words. */
static const struct {
    const char *words, *said;
} refused[] = {
    {"--sizes 16,", " is not a size"},
    {"--sizes ,16", " is not a size"},
    {"--sizes 0", "0 is not a size"},
    {"--sizes -1", "-1 is not a size"},
    {"--sizes 16X", "16X is not a size"},
    {"--sizes 65M", "65M is not a size"},
    {"--sizes 99999999999999999999", "is not a size"},
    {"--sizes 18446744073709551615K", "is not a size"},
    {"--sizes 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "room for 16"},
    {"--sizes 1024,1K", "1K is there twice"},
    {"--transports tcp,ipc,tcp", "tcp is there twice"},
    {"--transports tcp,udp", "udp is not a transport: tcp, ipc, inproc or curve"},
    {"--transports TCP", "TCP is not a transport"},
    {"--pattern pub-sub", "pub-sub is not a pattern"},
    {"--rounds 0", "0 is not a number of rounds"},
    {"--rounds 100", "from 1 to 99"},
    {"--rounds 3x", "3x is not a number of rounds"},
    {"--seconds 0", "0 is not a number of seconds"},
    {"--seconds nan", "nan is not a number of seconds"},
    {"--seconds 61", "from 0.01 to 60"},
    {"--seconds 1s", "1s is not a number of seconds"},
    {"--patience 0", "from 0.1 to 3600"},
    {"--latency --rates 0", "0 is not a rate"},
    {"--latency --rates 1000001", "is not a rate"},
    {"--latency --gaps 10001", "is not a gap"},
    {"--latency --gaps 1,none", "none is not a gap"},
    {"--rates 5", "--rates is for --latency"},
    {"--gaps=none", "--gaps is for --latency"},
    {"--latency --pattern push-pull", "push-pull sends no answers"},
    {"--pattern req-rep", "req-rep waits for each answer"},
    {"--latency --throughput", "one or the other"},
    {"--throughput --latency", "one or the other"},
    {"--throughput --gaps 1", "--gaps is for --latency"},
    {"--against", "--against needs a value"},
    {"--json=", "is empty"},
    {"--json x --html x", "the same file"},
    {"--latency=yes", "--latency takes no value"},
    {"--size 16", "there is no option --size"},
    {"--sizesx=16", "there is no option --sizesx"},
    {"16", "there is no option 16"},
};

Test(bench_options, refusals_say_what_is_wrong)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        cr_assert(!read_words(refused[i].words), "'%s' was taken", refused[i].words);
        cr_assert(strstr(why, refused[i].said), "'%s': said '%s'", refused[i].words, why);
    }
}

Test(bench_options, without_any_everything_is_measured)
{
    cr_assert(read_words(""));
    cr_assert_eq(o.mode, BENCH_BOTH);
    cr_assert(!o.help && !o.quiet && !o.against && !o.library && !o.json && !o.html);
    cr_assert_eq(o.transports.count, BENCH_TRANSPORT_COUNT);
    cr_assert_eq(o.sizes.count, 5);
    cr_assert_eq(o.rounds, 3);
    cr_assert_eq(count_rows(), 25); /* four by five; latency of four, and of inproc by PAIR */
}

Test(bench_options, throughput_comes_first_and_latency_at_full_rate_follows)
{
    struct bench_results r = {.rows = NULL};

    cr_assert(read_words("--transports tcp,ipc --sizes 1,2,3"));
    cr_assert(bench_options_rows(&o, &r));
    cr_assert_eq(r.throughput_count, 6);
    cr_assert_eq(r.row_count, 12);
    for (int i = 0; i < r.row_count; i++) {
        cr_assert_eq(r.rows[i].what.latency, i >= 6);
        cr_assert_eq(r.rows[i].what.load, BENCH_FULL);
    }
    zu_free(r.rows);
}

Test(bench_options, either_can_be_had_alone)
{
    cr_assert(read_words("--throughput --transports tcp --sizes 1"));
    cr_assert_eq(count_rows(), 1);
    cr_assert(read_words("--pattern push-pull --transports tcp --sizes 1"));
    cr_assert_eq(count_rows(), 1); /* which has no latency */
    cr_assert(read_words("--pattern pair --transports tcp --sizes 1"));
    cr_assert_eq(count_rows(), 2);
}

Test(bench_options, values_follow_or_stand_behind_an_equals_sign)
{
    cr_assert(read_words("--sizes=64M,3KiB,1,2K --seconds 0.05 --json=- --rounds=9 --quiet"));
    cr_assert_eq(o.sizes.count, 4);
    cr_assert_eq(o.sizes.values[0], 1);
    cr_assert_eq(o.sizes.values[1], 2048);
    cr_assert_eq(o.sizes.values[2], 3072);
    cr_assert_eq(o.sizes.values[3], 64 * 1024 * 1024);
    cr_assert_float_eq(o.seconds, 0.05, 1e-9);
    cr_assert_str_eq(o.json, "-");
    cr_assert_eq(o.rounds, 9);
    cr_assert(o.quiet);
}

Test(bench_options, the_last_of_two_counts)
{
    cr_assert(read_words("--sizes 1,2 --sizes 3"));
    cr_assert_eq(o.sizes.count, 1);
    cr_assert_eq(o.sizes.values[0], 3);
}

Test(bench_options, transports_keep_the_order_they_are_given_in)
{
    cr_assert(read_words("--transports inproc,tcp --sizes 1"));
    cr_assert_eq(o.transports.count, 2);
    cr_assert_eq(o.transports.values[0], BENCH_INPROC);
    cr_assert_eq(o.transports.values[1], BENCH_TCP);
    cr_assert_eq(count_rows(), 5);
}

/* Full rate, two rates and three gaps; inproc once more with PAIR. */
Test(bench_options, latency_has_a_row_for_each_load)
{
    struct bench_results r = {.rows = NULL};
    struct bench_row *rows;

    cr_assert(read_words("--latency --transports tcp,inproc"));
    cr_assert(bench_options_rows(&o, &r));
    rows = r.rows;
    cr_assert_eq(r.row_count, 18);
    cr_assert_eq(r.throughput_count, 0);
    cr_assert_eq(rows[0].what.load, BENCH_FULL);
    cr_assert_eq(rows[2].what.load, BENCH_RATE);
    cr_assert_eq(rows[2].what.load_value, 5000);
    cr_assert_eq(rows[5].what.load, BENCH_GAP);
    cr_assert_eq(rows[5].what.load_value, 100);
    cr_assert_eq(rows[11].what.pattern, BENCH_REQ_REP);
    cr_assert_eq(rows[12].what.pattern, BENCH_PAIR);
    cr_assert_eq(rows[12].what.transport, BENCH_INPROC);
    zu_free(rows);
}

Test(bench_options, loads_can_be_left_out)
{
    cr_assert(read_words("--latency --rates none --gaps none --pattern pair --transports inproc"));
    cr_assert_eq(count_rows(), 1);
}

/* ---- figures and words ---- */

Test(bench_words, a_median_is_the_middle_or_between_two)
{
    cr_assert_float_eq(bench_median((double[]){3, 1, 2}, 3), 2, 1e-9);
    cr_assert_float_eq(bench_median((double[]){4, 1, 2, 3}, 4), 2.5, 1e-9);
    cr_assert_float_eq(bench_median(NULL, 0), 0, 1e-9);
    cr_assert_float_eq(bench_spread((double[]){90, 100, 120}, 3), 15, 1e-9);
}

Test(bench_words, times_ahead_is_above_one_when_the_first_is_better)
{
    struct bench_row row = {.seen = {{.count = 1, .rounds = {300}}, {.count = 1, .rounds = {100}}}};

    cr_assert_float_eq(bench_ahead(&row), 3, 1e-9);
    row.seen[1].count = 0;
    cr_assert_float_eq(bench_ahead(&row), 0, 1e-9);
}

Test(bench_words, of_latency_too)
{
    static struct histogram ours, theirs;
    struct bench_row row = {.seen = {{.samples = &ours}, {.samples = &theirs}}};

    for (int i = 0; i < 100; i++) {
        histogram_add(&ours, 100);
        histogram_add(&theirs, 400);
    }
    cr_assert_float_eq(bench_ahead_at(&row, 99), 4, 1e-9);
    cr_assert_float_eq(bench_ahead_at(&row, 99.9), 0, 1e-9); /* a thousand are needed */
    cr_assert_float_eq(bench_ahead_at(&row, 100), 4, 1e-9);
}

Test(bench_words, a_percentile_is_known_when_a_sample_lies_above)
{
    static struct histogram h;

    cr_assert(!bench_knows(&h, 50));
    cr_assert(!bench_knows(NULL, 50));
    for (int n = 1; n <= 1000; n++) {
        histogram_add(&h, 1);
        cr_assert_eq(bench_knows(&h, 90), n >= 10);
        cr_assert_eq(bench_knows(&h, 99), n >= 100);
        cr_assert_eq(bench_knows(&h, 99.9), n >= 1000);
        cr_assert(bench_knows(&h, 100));
    }
}

Test(bench_words, numbers_have_three_digits_and_a_unit)
{
    char word[BENCH_WORD];

    cr_assert_str_eq(bench_amount_text(word, 999.4, "/s"), "999 /s");
    cr_assert_str_eq(bench_amount_text(word, 999.6, "/s"), "1.00 k/s");
    cr_assert_str_eq(bench_amount_text(word, 12345678, "B/s"), "12.3 MB/s");
    cr_assert_str_eq(bench_time_text(word, 999), "999 ns");
    cr_assert_str_eq(bench_time_text(word, 46123), "46.1 us");
    cr_assert_str_eq(bench_time_text(word, 1.5e9), "1.50 s");
    cr_assert_str_eq(bench_short_time_text(word, 1e6), "1 ms");
    cr_assert_str_eq(bench_short_amount_text(word, 2e6, "/s"), "2 M/s");
    cr_assert_str_eq(bench_size_text(word, 1024), "1 KiB");
    cr_assert_str_eq(bench_size_text(word, 1025), "1025 B");
}
