/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subs: subscriptions, in the two forms that publish-subscribe needs: what a subscriber wants, with
 * counts (the functions on struct zu_trie), and who wants what at a publisher (struct zu_subs).
 * Thread: the one inside the socket. Owner: embedded by a pattern.
 */
#ifndef ZU_PATTERNS_SUBS_H
#define ZU_PATTERNS_SUBS_H

#include "engine/core/pipe.h"
#include "patterns/trie.h"

/* What became of a topic. */
enum zu_subs_change {
    ZU_SUBS_FIRST,    /* added; nobody had it */
    ZU_SUBS_FURTHER,  /* added to others */
    ZU_SUBS_REPEATED, /* this pipe had it: nothing has changed */
    ZU_SUBS_LAST,     /* taken away; nobody has it now */
    ZU_SUBS_LEFT,     /* taken away; others remain */
    ZU_SUBS_UNKNOWN,  /* was not there: nothing has changed */
};

/* ---- one subscriber's own: a multiset of prefixes ---- */

/* An enum zu_subs_change, or -ENOMEM: nothing has changed. */
int zu_wants_add(struct zu_trie *t, const void *topic, size_t size);
enum zu_subs_change zu_wants_cancel(struct zu_trie *t, const void *topic, size_t size);
bool zu_wants_match(const struct zu_trie *t, const void *data, size_t size); /* any prefix? */
static inline bool zu_wants_all(const struct zu_trie *t) /* the empty prefix is in it */
{
    return t->root.count > 0;
}

/* ---- a publisher's: prefix to pipes ---- */

#define ZU_SUBS_TABLES 2 /* a pipe may be in this many tables */

/* One topic of a pipe: the cell of its node, and which of the node's links is this pipe's. */
struct zu_subs_topic {
    uint32_t cell, at;
};

struct zu_subs_list {
    struct zu_subs_topic *topic;
    uint32_t count, room;
};

/* What pipe->user of a subscribing pipe points at, and each of its topics' links. Counted: notices
 * outlive their pipe, and so do its topics, which take their time to be forgotten. */
struct zu_subscriber {
    struct zu_pipe *pipe; /* NULL: gone */
    uint32_t refs;
    struct zu_subscriber *next; /* its holder's, once it is gone */
    struct zu_subs_list lists[ZU_SUBS_TABLES];
};

struct zu_subscriber *zu_subscriber_new(struct zu_pipe *p); /* one count; NULL: no memory */
void zu_subscriber_drop(struct zu_subscriber *s);

struct zu_subs {
    struct zu_trie trie;
    uint8_t table; /* which of a subscriber's lists is for this one */
};

void zu_subs_init(struct zu_subs *t, uint8_t table);
void zu_subs_fini(struct zu_subs *t); /* subscribers are dropped, but need not be forgotten */

/* An enum zu_subs_change, or -ENOMEM: nothing has changed. */
int zu_subs_add(struct zu_subs *t, const void *topic, size_t size, struct zu_pipe *p);
enum zu_subs_change zu_subs_cancel(struct zu_subs *t, const void *topic, size_t size,
                                   struct zu_pipe *p);

/*
 * Takes a subscriber out of up to `most` of its topics, each at the same small price whatever else
 * there is. False: it has none any more. `each`, when not NULL, is told of every one, whose key can
 * still be read, and whether nobody has it now.
 */
bool zu_subs_forget(struct zu_subs *t, struct zu_subscriber *s, uint32_t most,
                    void (*each)(void *arg, const struct zu_trie_node *topic, bool last),
                    void *arg);

#endif
