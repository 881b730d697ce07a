/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear probing over a power of two of slots, at most three quarters of them used, so that every
 * search meets an empty slot. A removed key leaves a mark, unless the slot behind it is empty: then
 * no search needs to walk across, and the marks just before it go with it. Marks are otherwise
 * swept out when the table is built anew, at twice the size its keys need: when it is too full of
 * keys and marks, so that marks alone do not make it grow, and when most of it is empty.
 *
 * The hash is SipHash with one round a word and three at the end, keyed by a random seed. A faster
 * multiply-and-shift hash would not do: keys are chosen by peers, and for those hashes there are
 * pairs of keys that collide under every seed.
 */
#include "engine/base/map.h"

#include "engine/base/alloc.h"
#include "engine/base/random.h"

#include <errno.h>
#include <string.h>

#define SLOTS_MIN 8
#define SPARSE    8 /* one key in so many slots: too few */

struct zu_map_slot {
    void *key; /* NULL: empty; &removed_mark: a key was here */
    size_t len;
    uint64_t hash;
    void *value;
};

static char removed_mark;

struct sip {
    uint64_t a, b, c, d;
};

static inline uint64_t turn(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(struct sip *s)
{
    s->a += s->b;
    s->c += s->d;
    s->b = turn(s->b, 13) ^ s->a;
    s->d = turn(s->d, 16) ^ s->c;
    s->a = turn(s->a, 32) + s->d;
    s->c += s->b;
    s->d = turn(s->d, 21) ^ s->a;
    s->b = turn(s->b, 17) ^ s->c;
    s->c = turn(s->c, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->d ^= word;
    sip_round(s);
    s->a ^= word;
}

static uint64_t hash_of(uint64_t seed, const void *key, size_t len)
{
    uint64_t key2 = seed * 0x9e3779b97f4a7c15u + 1;
    struct sip s = {seed ^ 0x736f6d6570736575u, key2 ^ 0x646f72616e646f6du,
                    seed ^ 0x6c7967656e657261u, key2 ^ 0x7465646279746573u};
    const uint8_t *p = key;
    uint64_t word;
    size_t left = len;

    for (; left >= sizeof word; left -= sizeof word, p += sizeof word) {
        memcpy(&word, p, sizeof word);
        sip_word(&s, word);
    }
    word = 0;
    if (left)
        memcpy(&word, p, left);
    sip_word(&s, word);
    sip_word(&s, len);
    s.c ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

static bool holds_key(const struct zu_map_slot *s)
{
    return s->key && s->key != &removed_mark;
}

static struct zu_map_slot *find(const struct zu_map *m, const void *key, size_t len, uint64_t hash)
{
    if (!m->slots)
        return NULL;
    for (size_t i = hash & m->mask; m->slots[i].key; i = (i + 1) & m->mask) {
        struct zu_map_slot *s = &m->slots[i];

        if (s->hash == hash && s->len == len && holds_key(s) &&
            (len == 0 || memcmp(s->key, key, len) == 0))
            return s;
    }
    return NULL;
}

/* The first slot on the key's way that holds none. */
static struct zu_map_slot *place_for(const struct zu_map *m, uint64_t hash)
{
    size_t i = hash & m->mask;

    while (holds_key(&m->slots[i]))
        i = (i + 1) & m->mask;
    return &m->slots[i];
}

/* A table in which one more key finds room, and no marks are left. */
static int rebuild(struct zu_map *m)
{
    struct zu_map built = *m;
    size_t slots = SLOTS_MIN;

    while (slots / 2 < m->count + 1)
        slots *= 2;
    built.mask = slots - 1;
    built.used = m->count;
    built.slots = zu_alloc_zero(slots * sizeof *built.slots);
    if (!built.slots)
        return -ENOMEM;
    for (size_t i = 0; m->slots && i <= m->mask; i++) {
        if (holds_key(&m->slots[i]))
            *place_for(&built, m->slots[i].hash) = m->slots[i];
    }
    zu_free(m->slots);
    *m = built;
    return 0;
}

void zu_map_init(struct zu_map *m)
{
    *m = (struct zu_map){.seed = (uint64_t)zu_random_u32() << 32 | zu_random_u32()};
}

void zu_map_fini(struct zu_map *m)
{
    for (size_t i = 0; m->slots && i <= m->mask; i++) {
        if (holds_key(&m->slots[i]))
            zu_free(m->slots[i].key);
    }
    zu_free(m->slots);
    *m = (struct zu_map){.seed = m->seed};
}

void *zu_map_get(const struct zu_map *m, const void *key, size_t len)
{
    struct zu_map_slot *s = m->count ? find(m, key, len, hash_of(m->seed, key, len)) : NULL;

    return s ? s->value : NULL;
}

int zu_map_put(struct zu_map *m, const void *key, size_t len, void *value)
{
    uint64_t hash = hash_of(m->seed, key, len);
    struct zu_map_slot *s;
    void *copy;
    int rc;

    if (find(m, key, len, hash))
        return -EEXIST;
    if ((!m->slots || m->used >= (m->mask + 1) / 4 * 3) && (rc = rebuild(m)) < 0)
        return rc;
    copy = zu_memdup(key, len);
    if (!copy)
        return -ENOMEM;
    s = place_for(m, hash);
    m->used += s->key == NULL;
    m->count++;
    *s = (struct zu_map_slot){.key = copy, .len = len, .hash = hash, .value = value};
    return 0;
}

/* Slot i became a mark. If nothing lies behind it, it and the marks before it need not stay. */
static void sweep_back(struct zu_map *m, size_t i)
{
    if (m->slots[(i + 1) & m->mask].key)
        return;
    for (; m->slots[i].key == &removed_mark; i = (i - 1) & m->mask) {
        m->slots[i].key = NULL;
        m->used--;
    }
}

void *zu_map_take(struct zu_map *m, const void *key, size_t len)
{
    struct zu_map_slot *s = m->count ? find(m, key, len, hash_of(m->seed, key, len)) : NULL;
    void *value;

    if (!s)
        return NULL;
    value = s->value;
    zu_free(s->key);
    *s = (struct zu_map_slot){.key = &removed_mark};
    m->count--;
    sweep_back(m, (size_t)(s - m->slots));
    if (m->mask >= SLOTS_MIN && m->count < m->mask / SPARSE)
        (void)rebuild(m); /* without memory it stays as large as it is */
    return value;
}

void zu_map_each(const struct zu_map *m,
                 void (*each)(void *arg, const void *key, size_t len, void *value), void *arg)
{
    for (size_t i = 0; m->slots && i <= m->mask; i++) {
        struct zu_map_slot *s = &m->slots[i];

        if (holds_key(s))
            each(arg, s->key, s->len, s->value);
    }
}
