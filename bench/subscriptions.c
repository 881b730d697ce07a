/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subscriptions: what `topics` subscriptions of one SUB at one XPUB cost, over tcp and in two
 * processes. In turn: all are made, until the publisher's application has heard of each; the memory
 * of both sides; messages that match one topic each, until the subscriber has them; messages that
 * match none, which the publisher looks up and drops; and all are taken back.
 *
 * What kind of topics:
 *     random   24 bytes that have nothing in common
 *     sorted   "topic/" and a number, one after the other
 *     prefix   two hundred bytes that all share, then a number in no order
 *     chain    in families of 200: each topic is the one before and a byte more, so that the
 *              longest begins with all others and a message of it matches all of them
 *     exact    as random, and the messages are the topics themselves; in the others they go on
 *
 * No water mark loses a subscription (libzmq drops one that finds the pipe full), and the publisher
 * waits when the subscriber is behind (ZMQ_XPUB_NODROP), so every count is exact. Memory is Pss
 * after minus before, without what the allocator holds for nobody (malloc_trim): messages that were
 * on their way are not in it. Each topic is made anew when it is needed, in a few nanoseconds.
 */
#include "bench/memory.h"
#include "bench/sides.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

enum {
    FAMILY = 200, /* of a chain; and what topics of `prefix` share */
    BODY = 8,     /* what a message has behind its topic */
    TOPIC_MAX = 256,
    MESSAGES = 200000, /* of either kind; of a chain's fewer */
};

struct result {
    uint64_t subscribed_ns, cancelled_ns, matched_ns, filtered_ns; /* all of them together */
    double publisher_bytes, subscriber_bytes;                      /* for each topic */
};

/* Different for different i; the way back is not hard, but nothing here looks for it. */
static uint64_t scattered(uint64_t i)
{
    i = (i ^ i >> 31) * 0x9e3779b97f4a7c15u;
    i = (i ^ i >> 29) * 0xbf58476d1ce4e5b9u;
    return i ^ i >> 32;
}

static void put_random(char *at, uint64_t i, int size)
{
    uint64_t word = 0;

    for (int k = 0; k < size; k++) {
        if (k % 8 == 0)
            word = scattered(i * 4 + (uint64_t)k / 8 + 1);
        at[k] = (char)('0' + (word & 63)); /* 64 letters */
        word >>= 8;
    }
}

/* The topic of that number; its size. */
static size_t topic_of(const struct bench *b, uint64_t i, char *at)
{
    switch (b->what[0]) {
    case 's': return (size_t)snprintf(at, TOPIC_MAX, "topic/%09llu", (unsigned long long)i);
    case 'p':
        memset(at, 'p', FAMILY);
        put_random(at + FAMILY, i, 11);
        return FAMILY + 11;
    case 'c':
        put_random(at, i / FAMILY, 11);
        memset(at + 11, 'c', FAMILY);
        return 11 + (size_t)(i % FAMILY);
    default: put_random(at, i, 24); return 24;
    }
}

static bool is_kind(const char *what)
{
    static const char *const kinds[] = {"random", "sorted", "prefix", "chain", "exact"};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(what, kinds[i]) == 0)
            return true;
    return false;
}

static uint64_t messages_of(const struct bench *b)
{
    return b->what[0] == 'c' ? MESSAGES / 10 : MESSAGES;
}

static double held_bytes(void)
{
    malloc_trim(0);
    return memory_settled_bytes();
}

/* ---- the subscriber ---- */

static void subscribe_all(const struct bench *b, void *s, int option)
{
    char topic[TOPIC_MAX];

    for (uint64_t i = 0; i < b->count; i++)
        bench_check(zmq_setsockopt(s, option, topic, topic_of(b, i, topic)) == 0,
                    "zmq_setsockopt of a topic");
}

static void receive(void *s, uint64_t count)
{
    zmq_msg_t m;

    zmq_msg_init(&m);
    for (uint64_t i = 0; i < count; i++)
        bench_check(zmq_msg_recv(&m, s, 0) >= 0, "zmq_msg_recv");
    zmq_msg_close(&m);
}

static void subscriber(const struct bench *b, int fd)
{
    void *ctx = bench_context(b), *s = bench_socket(b, ctx, ZMQ_SUB);
    char endpoint[256];
    double base, bytes;
    int none = 0;

    bench_check(zmq_setsockopt(s, ZMQ_SNDHWM, &none, sizeof none) == 0, "ZMQ_SNDHWM");
    bench_check(zmq_setsockopt(s, ZMQ_SUBSCRIBE, "!", 1) == 0, "ZMQ_SUBSCRIBE");
    sides_hear(fd, endpoint, sizeof endpoint);
    bench_check(zmq_connect(s, endpoint) == 0, "zmq_connect");
    sides_await(fd);
    base = held_bytes();
    sides_signal(fd);
    sides_await(fd);
    subscribe_all(b, s, ZMQ_SUBSCRIBE);
    sides_await(fd);
    bytes = (held_bytes() - base) / (double)b->count;
    sides_say(fd, &bytes, sizeof bytes);
    receive(s, messages_of(b));
    sides_signal(fd);
    receive(s, 1); /* "!" behind those that nobody wants */
    sides_signal(fd);
    sides_await(fd);
    subscribe_all(b, s, ZMQ_UNSUBSCRIBE);
    sides_await(fd);
    bench_end(ctx, s);
}

/* ---- the publisher ---- */

static void *bind_xpub(const struct bench *b, void *ctx, int fd)
{
    void *s = bench_socket(b, ctx, ZMQ_XPUB);
    char endpoint[256] = {0};
    size_t size = sizeof endpoint;
    int none = 0, yes = 1;

    bench_check(zmq_setsockopt(s, ZMQ_RCVHWM, &none, sizeof none) == 0, "ZMQ_RCVHWM");
    bench_check(zmq_setsockopt(s, ZMQ_XPUB_NODROP, &yes, sizeof yes) == 0, "ZMQ_XPUB_NODROP");
    bench_check(zmq_bind(s, b->endpoint) == 0, b->endpoint);
    bench_check(zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0, "ZMQ_LAST_ENDPOINT");
    sides_say(fd, endpoint, sizeof endpoint);
    receive(s, 1);
    return s;
}

/* Messages of some topic, or of what looks like one but for one byte. */
static void publish(const struct bench *b, void *s, bool wanted)
{
    bool exact = b->what[0] == 'e';

    for (uint64_t i = 0, n = messages_of(b); i < n; i++) {
        char m[TOPIC_MAX + BODY] = {0};
        uint64_t which = scattered(i) % b->count;

        if (b->what[0] == 'c') { /* the longest of a family */
            which += FAMILY - 1 - which % FAMILY;
            which = which < b->count ? which : b->count - 1;
        }
        size_t size = topic_of(b, which, m);

        if (!wanted && b->what[0] == 'c')
            m[10] ^= (char)0x80; /* before the family begins */
        else if (!wanted)
            m[size - 1] ^= (char)0x80; /* nobody has topics with such a byte */
        if (!exact)
            size += BODY;
        bench_check(zmq_send(s, m, size, 0) == (int)size, "zmq_send");
    }
}

static uint64_t publish_all(const struct bench *b, void *s, bool wanted, int fd)
{
    uint64_t start = bench_now_ns();

    publish(b, s, wanted);
    if (!wanted) { /* their price is that of the calls: nobody else has to do with them */
        start = bench_now_ns() - start;
        bench_check(zmq_send(s, "!", 1, 0) == 1, "zmq_send");
    }
    sides_await(fd);
    return wanted ? bench_now_ns() - start : start;
}

static uint64_t hear_all(const struct bench *b, void *s, int fd)
{
    uint64_t start = bench_now_ns();

    sides_signal(fd);
    receive(s, b->count);
    return bench_now_ns() - start;
}

static void report(const struct bench *b, const struct result *r)
{
    double n = (double)b->count, m = (double)messages_of(b);
    double subscribed = (double)r->subscribed_ns / n, cancelled = (double)r->cancelled_ns / n;
    double matched = (double)r->matched_ns / m, filtered = (double)r->filtered_ns / m;

    if (b->json) {
        bench_json_open(b->program);
        printf(", \"topics\": %llu, \"subscribe_ns\": %.1f, \"unsubscribe_ns\": %.1f, "
               "\"matched_ns\": %.1f, \"filtered_ns\": %.1f, \"publisher_bytes\": %.1f, "
               "\"subscriber_bytes\": %.1f}\n",
               (unsigned long long)b->count, subscribed, cancelled, matched, filtered,
               r->publisher_bytes, r->subscriber_bytes);
        return;
    }
    printf("topics: %llu, %s\n", (unsigned long long)b->count, b->what);
    printf("until the publisher had heard of it: %.1f [ns] a topic\n", subscribed);
    printf("memory of the publisher: %.1f [B] a topic\n", r->publisher_bytes);
    printf("memory of the subscriber: %.1f [B] a topic\n", r->subscriber_bytes);
    printf("a message that matches, delivered: %.1f [ns]\n", matched);
    printf("a message that nobody wants: %.1f [ns]\n", filtered);
    printf("until the publisher had heard that it is taken back: %.1f [ns] a topic\n", cancelled);
}

int main(int argc, char **argv)
{
    struct result r;
    struct sides sides;
    struct bench b;
    double base;
    void *ctx, *s;

    bench_args(&b, argc, argv, "what bind-to topics");
    if (!is_kind(b.what)) {
        fprintf(stderr, "%s: random, sorted, prefix, chain or exact\n", b.program);
        return 2;
    }
    sides_start(&sides, &b, subscriber);
    ctx = bench_context(&b);
    s = bind_xpub(&b, ctx, sides.fd);
    base = held_bytes();
    sides_signal(sides.fd);
    sides_await(sides.fd);
    r.subscribed_ns = hear_all(&b, s, sides.fd);
    r.publisher_bytes = (held_bytes() - base) / (double)b.count;
    sides_signal(sides.fd);
    sides_hear(sides.fd, &r.subscriber_bytes, sizeof r.subscriber_bytes);
    r.matched_ns = publish_all(&b, s, true, sides.fd);
    r.filtered_ns = publish_all(&b, s, false, sides.fd);
    r.cancelled_ns = hear_all(&b, s, sides.fd);
    sides_signal(sides.fd);
    bench_end(ctx, s);
    sides_end(&sides);
    report(&b, &r);
    return 0;
}
