/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro_subs: twin of patterns/trie and patterns/subs: a topic added, matched and taken away where
 * there are as many as the argument says, one to a million. Topics are random bytes, numbers in a
 * row, or in families each of which is a chain of beginnings.
 */
#include "bench/gbench.h"
#include "patterns/subs.h"

#include <string.h>

enum { TOPIC_MAX = 80, FAMILY = 64 };

enum kind { RANDOM, SORTED, CHAIN };

static uint64_t scattered(uint64_t i)
{
    i = (i ^ i >> 31) * 0x9e3779b97f4a7c15u;
    i = (i ^ i >> 29) * 0xbf58476d1ce4e5b9u;
    return i ^ i >> 32;
}

static size_t topic_of(enum kind kind, uint64_t i, uint8_t *at)
{
    uint64_t word = scattered(kind == CHAIN ? i / FAMILY : i);

    if (kind == SORTED) {
        memcpy(at, "topic/", 6);
        for (int k = 14; k >= 6; k--, i /= 10)
            at[k] = (uint8_t)('0' + i % 10);
        return 15;
    }
    memcpy(at, &word, sizeof word);
    memset(at + sizeof word, 'c', FAMILY);
    return kind == CHAIN ? sizeof word + i % FAMILY : 20;
}

/* ---- a subscriber's own ---- */

static bool fill_wants(struct zu_trie *t, enum kind kind, uint64_t count)
{
    uint8_t topic[TOPIC_MAX];

    for (uint64_t i = 0; i < count; i++)
        if (zu_wants_add(t, topic, topic_of(kind, i, topic)) < 0)
            return false;
    return true;
}

/* A topic goes and comes back. */
static void replace(struct gbench *g, enum kind kind)
{
    uint64_t count = (uint64_t)gbench_arg(g), i = 0;
    uint8_t topic[TOPIC_MAX];
    struct zu_trie t;

    zu_trie_init(&t);
    if (!fill_wants(&t, kind, count))
        gbench_fail(g, "no memory");
    while (gbench_next(g, 1)) {
        size_t size = topic_of(kind, scattered(i++) % count, topic);

        zu_wants_cancel(&t, topic, size);
        if (zu_wants_add(&t, topic, size) < 0)
            gbench_fail(g, "no memory");
    }
    zu_trie_fini(&t);
}

static void match(struct gbench *g, enum kind kind)
{
    uint64_t count = (uint64_t)gbench_arg(g), i = 0;
    uint8_t topic[TOPIC_MAX];
    struct zu_trie t;

    zu_trie_init(&t);
    if (!fill_wants(&t, kind, count))
        gbench_fail(g, "no memory");
    while (gbench_next(g, 1)) {
        size_t size = topic_of(kind, scattered(i++) % count, topic);

        if (!zu_wants_match(&t, topic, size))
            gbench_fail(g, "a topic is missing");
    }
    zu_trie_fini(&t);
}

static void wants_replace_random(struct gbench *g)
{
    replace(g, RANDOM);
}

static void wants_replace_sorted(struct gbench *g)
{
    replace(g, SORTED);
}

static void wants_replace_chain(struct gbench *g)
{
    replace(g, CHAIN);
}

static void wants_match_random(struct gbench *g)
{
    match(g, RANDOM);
}

static void wants_match_sorted(struct gbench *g)
{
    match(g, SORTED);
}

static void wants_match_chain(struct gbench *g)
{
    match(g, CHAIN);
}

/* All of them added, then all taken away: what a subscriber that comes and goes costs, a topic. */
static void wants_fill_and_empty(struct gbench *g)
{
    int64_t count = gbench_arg(g);
    uint8_t topic[TOPIC_MAX];
    struct zu_trie t;

    zu_trie_init(&t);
    while (gbench_next(g, count)) {
        if (!fill_wants(&t, RANDOM, (uint64_t)count))
            gbench_fail(g, "no memory");
        for (int64_t i = 0; i < count; i++)
            zu_wants_cancel(&t, topic, topic_of(RANDOM, (uint64_t)i, topic));
    }
    zu_trie_fini(&t);
}

/* ---- a publisher's ---- */

struct table {
    struct zu_subs subs;
    struct zu_pipe pipe;
};

static bool table_init(struct table *t, enum kind kind, uint64_t count)
{
    uint8_t topic[TOPIC_MAX];

    memset(t, 0, sizeof *t);
    zu_subs_init(&t->subs, 0);
    t->pipe.user = zu_subscriber_new(&t->pipe);
    for (uint64_t i = 0; t->pipe.user && i < count; i++)
        if (zu_subs_add(&t->subs, topic, topic_of(kind, i, topic), &t->pipe) < 0)
            return false;
    return t->pipe.user != NULL;
}

static void table_fini(struct table *t)
{
    if (t->pipe.user)
        zu_subs_forget(&t->subs, t->pipe.user, UINT32_MAX, NULL, NULL);
    zu_subscriber_drop(t->pipe.user);
    zu_subs_fini(&t->subs);
}

static void subs_replace(struct gbench *g)
{
    uint64_t count = (uint64_t)gbench_arg(g), i = 0;
    uint8_t topic[TOPIC_MAX];
    struct table t;

    if (!table_init(&t, RANDOM, count))
        gbench_fail(g, "no memory");
    while (gbench_next(g, 1)) {
        size_t size = topic_of(RANDOM, scattered(i++) % count, topic);

        zu_subs_cancel(&t.subs, topic, size, &t.pipe);
        if (zu_subs_add(&t.subs, topic, size, &t.pipe) < 0)
            gbench_fail(g, "no memory");
    }
    table_fini(&t);
}

/* The whole walk, as a publisher does it for each message. */
static void subs_match(struct gbench *g)
{
    uint64_t count = (uint64_t)gbench_arg(g), i = 0;
    uint8_t topic[TOPIC_MAX];
    struct table t;

    if (!table_init(&t, SORTED, count))
        gbench_fail(g, "no memory");
    while (gbench_next(g, 1)) {
        size_t size = topic_of(SORTED, scattered(i++) % count, topic), at = 0;
        struct zu_trie_node *n = &t.subs.trie.root;

        for (; n; n = zu_trie_descend(&t.subs.trie, n, topic, size, &at))
            gbench_keep(zu_trie_links(n));
    }
    table_fini(&t);
}

int main(int argc, char **argv)
{
    static const int64_t counts[] = {1, 100, 10000, 1000000};

    gbench_add_args("wants_replace_random", wants_replace_random, counts, 4);
    gbench_add_args("wants_replace_sorted", wants_replace_sorted, counts, 4);
    gbench_add_args("wants_replace_chain", wants_replace_chain, counts, 4);
    gbench_add_args("wants_match_random", wants_match_random, counts, 4);
    gbench_add_args("wants_match_sorted", wants_match_sorted, counts, 4);
    gbench_add_args("wants_match_chain", wants_match_chain, counts, 4);
    gbench_add_args("wants_fill_and_empty", wants_fill_and_empty, counts, 4);
    gbench_add_args("subs_replace", subs_replace, counts, 4);
    gbench_add_args("subs_match", subs_match, counts, 4);
    return gbench_main(argc, argv);
}
