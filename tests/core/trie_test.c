/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trie and subs: the subscription structure against a naive one, at a million prefixes, with peers
 * that mean harm, and with memory that runs out.
 */
#include "patterns/subs.h"
#include "patterns/trie.h"

#include "engine/base/alloc.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(trie, .timeout = 600);
TestSuite(subs, .timeout = 600);

/* A million; but the address sanitizer keeps a stack for each request for memory, and looking
 * through it takes many times as long as the trie does. */
#ifdef __SANITIZE_ADDRESS__
#define PREFIXES 100000
#else
#define PREFIXES 1000000
#endif

/* ---- helpers ---- */

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint32_t pick(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % below;
}

#define TOPIC_MAX 4000

struct topic {
    uint8_t bytes[TOPIC_MAX];
    size_t size;
};

/* Topics that share beginnings: few letters; now and then one beyond several nodes' edges. */
static void make_topics(struct topic *t, size_t count, uint32_t letters)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t kind = pick(8);

        t[i].size = kind == 0 ? pick(TOPIC_MAX) : kind == 1 ? pick(60) : pick(7);
        for (size_t j = 0; j < t[i].size; j++)
            t[i].bytes[j] = (uint8_t)('a' + (kind == 0 && j < 3000 ? 0 : pick(letters)));
        for (size_t k = 0; k < i; k++)
            if (t[k].size == t[i].size && memcmp(t[k].bytes, t[i].bytes, t[i].size) == 0) {
                i--; /* had that one: another */
                break;
            }
    }
}

static bool begins(const struct topic *data, const struct topic *prefix)
{
    return prefix->size <= data->size && memcmp(data->bytes, prefix->bytes, prefix->size) == 0;
}

static int fail_after = -1;

static bool refuse(size_t size)
{
    (void)size;
    return fail_after >= 0 && fail_after-- == 0;
}

static bool refuse_all(size_t size)
{
    (void)size;
    return true;
}

/* Every key of the trie is one of the topics, with that count, and no other is there. */
static void check_keys(const struct zu_trie *t, const struct topic *topics, const uint32_t *count,
                       size_t total)
{
    size_t seen = 0, present = 0;

    for (const struct zu_trie_node *n = &t->root; n; n = zu_trie_next(t, n)) {
        static uint8_t key[TOPIC_MAX];
        size_t size = zu_trie_key_size(t, n), i = 0;

        if (n->count == 0)
            continue;
        seen++;
        cr_assert_leq(size, TOPIC_MAX);
        zu_trie_key(t, n, key, size);
        while (i < total && (topics[i].size != size || memcmp(topics[i].bytes, key, size) != 0))
            i++;
        cr_assert_lt(i, total, "a key that nobody added");
        cr_assert_eq(n->count, count[i]);
    }
    for (size_t i = 0; i < total; i++)
        present += count[i] > 0;
    cr_assert_eq(seen, present);
    cr_assert_eq(t->keys, present);
}

/* ---- one subscriber's own ---- */

#define TOPICS 120

static struct topic topics[TOPICS];

Test(trie, agrees_with_a_naive_multiset)
{
    for (uint32_t letters = 1; letters <= 26; letters += 5) {
        struct zu_trie t;
        uint32_t count[TOPICS] = {0};

        make_topics(topics, letters == 1 ? 20 : TOPICS, letters);
        size_t total = letters == 1 ? 20 : TOPICS;

        zu_trie_init(&t);
        for (int round = 0; round < 20000; round++) {
            uint32_t i = pick((uint32_t)total);
            const struct topic *topic = &topics[i];

            if (pick(2)) {
                int was = zu_wants_add(&t, topic->bytes, topic->size);

                cr_assert_eq(was, count[i]++ ? ZU_SUBS_FURTHER : ZU_SUBS_FIRST);
            } else {
                enum zu_subs_change was = zu_wants_cancel(&t, topic->bytes, topic->size);

                cr_assert_eq(was, count[i] == 0   ? ZU_SUBS_UNKNOWN
                                  : count[i] == 1 ? ZU_SUBS_LAST
                                                  : ZU_SUBS_LEFT);
                count[i] -= count[i] > 0;
            }
            const struct topic *data = &topics[pick((uint32_t)total)];
            bool hit = false;

            for (size_t k = 0; k < total; k++)
                hit |= count[k] > 0 && begins(data, &topics[k]);
            cr_assert_eq(zu_wants_match(&t, data->bytes, data->size), hit);
            if (round % 1000 == 0)
                check_keys(&t, topics, count, total);
        }
        check_keys(&t, topics, count, total);
        zu_trie_fini(&t);
    }
}

/* Keys that come one behind the other, each near the one before, while others near it go. */
Test(trie, agrees_with_a_naive_multiset_when_keys_come_in_an_order)
{
    static struct topic near[TOPICS];
    uint32_t count[TOPICS] = {0};
    struct zu_trie t;

    for (uint32_t i = 0; i < TOPICS; i++) { /* families of six: a chain, and its last one's twin */
        near[i].size = (size_t)sprintf((char *)near[i].bytes, "a/long/beginning/%u/", i / 6);
        for (uint32_t k = 0; k < i % 6 % 5; k++)
            near[i].bytes[near[i].size++] = (uint8_t)('a' + i % 6 / 5);
        memset(near[i].bytes + near[i].size, i % 6 == 5 ? 'y' : 'x', 30);
        near[i].size += i % 6 >= 4 ? 30 : 0;
    }
    zu_trie_init(&t);
    for (int round = 0; round < 100000; round++) {
        uint32_t i = pick(TOPICS);

        for (uint32_t k = i; k < TOPICS && k < i + 5; k++) {
            uint32_t gone = (k / 6 * 6 + pick(6)) % TOPICS;

            cr_assert_eq(zu_wants_add(&t, near[k].bytes, near[k].size),
                         count[k]++ ? ZU_SUBS_FURTHER : ZU_SUBS_FIRST);
            while (count[gone] > 0) {
                zu_wants_cancel(&t, near[gone].bytes, near[gone].size);
                count[gone]--;
            }
        }
        if (round % 200 == 0)
            check_keys(&t, near, count, TOPICS);
    }
    zu_trie_fini(&t);
}

Test(trie, matches_nothing_when_empty_and_everything_by_the_empty_prefix)
{
    struct zu_trie t;

    zu_trie_init(&t);
    cr_assert(!zu_wants_match(&t, "", 0));
    cr_assert(!zu_wants_match(&t, "x", 1));
    cr_assert_eq(zu_wants_add(&t, "", 0), ZU_SUBS_FIRST);
    cr_assert(zu_wants_match(&t, "", 0));
    cr_assert(zu_wants_match(&t, "x", 1));
    cr_assert_eq(zu_wants_cancel(&t, "", 0), ZU_SUBS_LAST);
    cr_assert(!zu_wants_match(&t, "x", 1));
    zu_trie_fini(&t);
}

Test(trie, knows_every_byte_and_forgets_it_again)
{
    struct zu_trie t;
    zu_trie_init(&t);
    for (int times = 0; times < 3; times++) {
        for (int i = 0; i < 256; i++) {
            uint8_t topic[3] = {7, (uint8_t)(i * 37), 9};

            cr_assert_eq(zu_wants_add(&t, topic, sizeof topic), ZU_SUBS_FIRST);
        }
        for (int i = 0; i < 256; i++) {
            uint8_t topic[3] = {7, (uint8_t)i, 9};

            cr_assert(zu_wants_match(&t, topic, 3));
            cr_assert(!zu_wants_match(&t, topic, 2));
            topic[2] = 8;
            cr_assert(!zu_wants_match(&t, topic, 3));
        }
        for (int i = 0; i < 256; i++) {
            uint8_t topic[3] = {7, (uint8_t)(i * 11), 9};

            cr_assert_eq(zu_wants_cancel(&t, topic, sizeof topic), ZU_SUBS_LAST);
            cr_assert_eq(zu_wants_cancel(&t, topic, sizeof topic), ZU_SUBS_UNKNOWN);
        }
        cr_assert_eq(t.keys, 0);
    }
    cr_assert_eq(t.root.kid_room, 0, "an empty tree holds no memory");
    cr_assert_eq(t.root.kid_count, 0);
    zu_trie_fini(&t);
}

static int topic_number(char *out, uint32_t i)
{
    return sprintf(out, "market/%u/symbol/%u/", i * 2654435761u % 1000, i);
}

Test(trie, bears_a_million_prefixes)
{
    struct zu_trie t;
    char text[64];
    size_t found = 0;

    zu_trie_init(&t);
    for (uint32_t i = 0; i < PREFIXES; i++)
        cr_assert_eq(zu_wants_add(&t, text, (size_t)topic_number(text, i)), ZU_SUBS_FIRST);
    cr_assert_eq(t.keys, PREFIXES);
    for (uint32_t i = 0; i < PREFIXES; i++) {
        int size = topic_number(text, i);

        cr_assert(!zu_wants_match(&t, text, (size_t)size - 1));
        text[size] = 'x';
        cr_assert(zu_wants_match(&t, text, (size_t)size + 1));
    }
    for (struct zu_trie_node *n = &t.root; n; n = zu_trie_next(&t, n))
        found += n->count > 0;
    cr_assert_eq(found, PREFIXES);
    for (uint32_t i = 0; i < PREFIXES; i += 2)
        cr_assert_eq(zu_wants_cancel(&t, text, (size_t)topic_number(text, i)), ZU_SUBS_LAST);
    for (uint32_t i = 0; i < PREFIXES; i++)
        cr_assert_eq(zu_wants_match(&t, text, (size_t)topic_number(text, i)), i % 2 == 1);
    zu_trie_fini(&t);
}

Test(trie, does_not_recurse_into_a_peers_depths)
{
    static uint8_t deep[100000];
    struct zu_trie t;

    memset(deep, 'a', sizeof deep);
    zu_trie_init(&t);
    for (size_t size = 1; size <= sizeof deep; size += 17)
        cr_assert_eq(zu_wants_add(&t, deep, size), ZU_SUBS_FIRST);
    size_t nodes = 0;

    for (struct zu_trie_node *n = &t.root; n; n = zu_trie_next(&t, n))
        nodes++;
    cr_assert_geq(nodes, sizeof deep / 17);
    zu_trie_fini(&t);
}

/* A peer that has one huge topic makes no tiny one dear: were an edge of 16 MiB copied for each,
 * this would move six terabytes. */
Test(trie, splits_a_huge_topic_cheaply)
{
#ifdef __SANITIZE_ADDRESS__
    enum { TIMES = 40000 }; /* each takes several times as long */
#else
    enum { TIMES = 200000 };
#endif
    size_t size = 16u << 20;
    uint8_t *huge = calloc(1, size);
    struct zu_trie t;

    cr_assert_not_null(huge);
    zu_trie_init(&t);
    cr_assert_eq(zu_wants_add(&t, huge, size), ZU_SUBS_FIRST);
    for (int i = 0; i < TIMES; i++) {
        cr_assert_eq(zu_wants_add(&t, "\0\1", 2), ZU_SUBS_FIRST);
        cr_assert_eq(zu_wants_cancel(&t, "\0\1", 2), ZU_SUBS_LAST);
    }
    cr_assert(zu_wants_match(&t, huge, size));
    cr_assert(!zu_wants_match(&t, huge, size - 1));
    cr_assert_eq(zu_wants_cancel(&t, huge, size), ZU_SUBS_LAST);
    zu_trie_fini(&t);
    free(huge);
}

Test(trie, is_as_it_was_when_memory_is_refused)
{
    struct zu_trie t;
    uint32_t count[TOPICS] = {0};
    size_t refused = 0;

    make_topics(topics, TOPICS, 3);
    zu_trie_init(&t);
    zu_alloc_refuse = refuse;
    for (int round = 0; round < 20000; round++) {
        uint32_t i = pick(TOPICS);

        fail_after = (int)pick(4);
        if (pick(2)) {
            int rc = zu_wants_add(&t, topics[i].bytes, topics[i].size);

            cr_assert(rc == -ENOMEM || rc == (count[i] ? ZU_SUBS_FURTHER : ZU_SUBS_FIRST));
            refused += rc < 0;
            count[i] += rc >= 0;
        } else if (count[i] > 0) { /* to cancel needs no memory */
            enum zu_subs_change was = zu_wants_cancel(&t, topics[i].bytes, topics[i].size);

            cr_assert_eq(was, --count[i] ? ZU_SUBS_LEFT : ZU_SUBS_LAST);
        }
        if (round % 500 == 0)
            check_keys(&t, topics, count, TOPICS);
    }
    zu_alloc_refuse = NULL;
    cr_assert_gt(refused, 100);
    check_keys(&t, topics, count, TOPICS);
    zu_trie_fini(&t);
}

/* ---- a publisher's ---- */

#define PIPES 24

struct table {
    struct zu_subs subs;
    struct zu_pipe pipe[PIPES];
    bool has[TOPICS][PIPES]; /* the naive one */
};

static void table_init(struct table *t)
{
    memset(t, 0, sizeof *t);
    zu_subs_init(&t->subs, 1);
    for (int i = 0; i < PIPES; i++) {
        t->pipe[i].user = zu_subscriber_new(&t->pipe[i]);
        cr_assert_not_null(t->pipe[i].user);
    }
}

static uint32_t holders(const struct table *t, size_t topic)
{
    uint32_t n = 0;

    for (int i = 0; i < PIPES; i++)
        n += t->has[topic][i];
    return n;
}

static void table_fini(struct table *t)
{
    for (int i = 0; i < PIPES; i++) {
        zu_subs_forget(&t->subs, t->pipe[i].user, UINT32_MAX, NULL, NULL);
        zu_subscriber_drop(t->pipe[i].user);
    }
    cr_assert_eq(t->subs.trie.keys, 0);
    zu_subs_fini(&t->subs);
}

static void check_match(struct table *t, const struct topic *data)
{
    bool want[PIPES] = {0}, got[PIPES] = {0};
    size_t at = 0;

    for (size_t k = 0; k < TOPICS; k++)
        for (int i = 0; i < PIPES; i++)
            want[i] |= t->has[k][i] && begins(data, &topics[k]);
    for (struct zu_trie_node *n = &t->subs.trie.root; n;
         n = zu_trie_descend(&t->subs.trie, n, data->bytes, data->size, &at))
        for (uint32_t i = 0; i < n->count; i++)
            got[((struct zu_subscriber *)zu_trie_links(n)[i].who)->pipe - t->pipe] = true;
    cr_assert_arr_eq(got, want, sizeof got);
}

static void check_table(struct table *t)
{
    uint32_t count[TOPICS];

    for (size_t k = 0; k < TOPICS; k++)
        count[k] = holders(t, k);
    check_keys(&t->subs.trie, topics, count, TOPICS);
}

struct lost {
    struct table *t;
    int pipe;
    uint32_t seen;
};

static void on_lost(void *arg, const struct zu_trie_node *node, bool last)
{
    struct lost *lost = arg;
    static uint8_t key[TOPIC_MAX];
    size_t size = zu_trie_key_size(&lost->t->subs.trie, node), k = 0;

    zu_trie_key(&lost->t->subs.trie, node, key, size);
    while (topics[k].size != size || memcmp(topics[k].bytes, key, size) != 0)
        cr_assert_lt(++k, TOPICS);
    cr_assert(lost->t->has[k][lost->pipe], "a topic that the pipe never had");
    lost->t->has[k][lost->pipe] = false;
    cr_assert_eq(last, holders(lost->t, k) == 0);
    lost->seen++;
}

static void forget(struct table *t, int pipe)
{
    struct lost lost = {.t = t, .pipe = pipe};
    uint32_t had = 0;

    for (size_t k = 0; k < TOPICS; k++)
        had += t->has[k][pipe];
    while (zu_subs_forget(&t->subs, t->pipe[pipe].user, 1 + pick(3), on_lost, &lost)) {
        cr_assert_lt(lost.seen, had);
        check_match(t, &topics[pick(TOPICS)]); /* half forgotten it is in order, too */
    }
    cr_assert_eq(lost.seen, had);
}

static void random_step(struct table *t, bool may_fail)
{
    uint32_t k = pick(TOPICS);
    int i = (int)pick(PIPES);
    const struct topic *topic = &topics[k];
    uint32_t others = holders(t, k) - t->has[k][i];

    if (pick(200) == 0) {
        forget(t, i);
    } else if (pick(2)) {
        int was = zu_subs_add(&t->subs, topic->bytes, topic->size, &t->pipe[i]);

        if (may_fail && was == -ENOMEM)
            return;
        cr_assert_eq(was, t->has[k][i] ? ZU_SUBS_REPEATED
                          : others     ? ZU_SUBS_FURTHER
                                       : ZU_SUBS_FIRST);
        t->has[k][i] = true;
    } else {
        enum zu_subs_change was = zu_subs_cancel(&t->subs, topic->bytes, topic->size, &t->pipe[i]);

        cr_assert_eq(was, !t->has[k][i] ? ZU_SUBS_UNKNOWN : others ? ZU_SUBS_LEFT : ZU_SUBS_LAST);
        t->has[k][i] = false;
    }
}

Test(subs, agrees_with_a_naive_table)
{
    static struct table t;
    make_topics(topics, TOPICS, 3);
    table_init(&t);
    for (int round = 0; round < 60000; round++) {
        random_step(&t, false);
        check_match(&t, &topics[pick(TOPICS)]);
        if (round % 1000 == 0)
            check_table(&t);
    }
    table_fini(&t);
}

Test(subs, is_as_it_was_when_memory_is_refused)
{
    static struct table t;
    make_topics(topics, TOPICS, 3);
    table_init(&t);
    zu_alloc_refuse = refuse;
    for (int round = 0; round < 30000; round++) {
        fail_after = (int)pick(5);
        random_step(&t, true);
        check_match(&t, &topics[pick(TOPICS)]);
        if (round % 1000 == 0)
            check_table(&t);
    }
    zu_alloc_refuse = refuse_all; /* neither cancelling nor leaving needs any */
    for (size_t k = 0; k < TOPICS; k += 2)
        for (int i = 0; i < PIPES; i++) {
            zu_subs_cancel(&t.subs, topics[k].bytes, topics[k].size, &t.pipe[i]);
            t.has[k][i] = false;
        }
    check_table(&t);
    table_fini(&t);
    zu_alloc_refuse = NULL;
}

/* Beside a pipe with a million topics one with a few comes and goes for the price of its few: ten
 * thousand times would be ten thousand million steps else. */
Test(subs, a_pipe_that_goes_costs_what_it_had)
{
    static struct table t;
    char text[64];
    table_init(&t);
    for (uint32_t i = 0; i < PREFIXES; i++)
        cr_assert_eq(zu_subs_add(&t.subs, text, (size_t)topic_number(text, i), &t.pipe[0]),
                     ZU_SUBS_FIRST);
    for (uint32_t i = 0; i < 10000; i++) {
        for (uint32_t k = 0; k < 3; k++) {
            int size = topic_number(text, (i * 97 + k) % PREFIXES);

            cr_assert_eq(zu_subs_add(&t.subs, text, (size_t)size, &t.pipe[1]), ZU_SUBS_FURTHER);
        }
        cr_assert(!zu_subs_forget(&t.subs, t.pipe[1].user, UINT32_MAX, NULL, NULL));
    }
    cr_assert_eq(t.subs.trie.keys, PREFIXES);
    table_fini(&t);
}

/* The same for a topic that ten thousand others have. */
Test(subs, many_pipes_share_a_topic)
{
    enum { MANY = 10000 };
    struct zu_pipe *pipe = zu_alloc_aligned(alignof(struct zu_pipe), MANY * sizeof *pipe);
    struct zu_subs subs;

    cr_assert_not_null(pipe);
    memset(pipe, 0, MANY * sizeof *pipe);
    zu_subs_init(&subs, 0);
    for (int i = 0; i < MANY; i++) {
        pipe[i].user = zu_subscriber_new(&pipe[i]);
        cr_assert_eq(zu_subs_add(&subs, "topic", 5, &pipe[i]), i ? ZU_SUBS_FURTHER : ZU_SUBS_FIRST);
    }
    cr_assert_eq(zu_trie_find(&subs.trie, "topic", 5)->count, MANY);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(zu_subs_add(&subs, "topic", 5, &pipe[i]), ZU_SUBS_REPEATED);
    for (int i = 0; i < MANY; i++) {
        zu_subs_forget(&subs, pipe[i].user, UINT32_MAX, NULL, NULL);
        zu_subscriber_drop(pipe[i].user);
    }
    cr_assert_eq(subs.trie.keys, 0);
    zu_subs_fini(&subs);
    zu_free(pipe);
}
