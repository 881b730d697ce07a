/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subs: that a pipe wants a topic is written down twice, at the topic and at the pipe, and each
 * half knows the index of the other. So matching sees an array of pipes, a pipe that goes costs its
 * own topics, and either half is removed by moving the last one of its array into the gap.
 *
 * Whether a pipe already has a topic is looked up in the shorter of the two arrays. One of them is
 * short wherever there are many topics or many pipes; only many pipes with the same many topics
 * make it long.
 */
#include "patterns/subs.h"

#include "engine/base/alloc.h"

#include <errno.h>

/* ---- one subscriber's own ---- */

int zu_wants_add(struct zu_trie *t, const void *topic, size_t size)
{
    struct zu_trie_node *n;
    int rc = zu_trie_make(t, topic, size, &n);

    if (rc < 0)
        return rc;
    if (n->count == UINT32_MAX)
        return -ENOMEM;
    if (n->count++ > 0)
        return ZU_SUBS_FURTHER;
    t->keys++;
    return ZU_SUBS_FIRST;
}

enum zu_subs_change zu_wants_cancel(struct zu_trie *t, const void *topic, size_t size)
{
    struct zu_trie_node *n = zu_trie_find(t, topic, size);

    if (!n || n->count == 0)
        return ZU_SUBS_UNKNOWN;
    if (--n->count > 0)
        return ZU_SUBS_LEFT;
    t->keys--;
    zu_trie_prune(t, n);
    return ZU_SUBS_LAST;
}

bool zu_wants_match(const struct zu_trie *t, const void *data, size_t size)
{
    const struct zu_trie_node *n = &t->root;
    size_t at = 0;

    while (n && n->count == 0)
        n = zu_trie_descend(t, n, data, size, &at);
    return n != NULL;
}

/* ---- subscribers ---- */

struct zu_subscriber *zu_subscriber_new(struct zu_pipe *p)
{
    struct zu_subscriber *s = zu_alloc_zero(sizeof *s);

    if (!s)
        return NULL;
    s->pipe = p;
    s->refs = 1;
    return s;
}

void zu_subscriber_drop(struct zu_subscriber *s)
{
    if (!s || --s->refs > 0)
        return;
    for (size_t i = 0; i < ZU_SUBS_TABLES; i++)
        zu_free(s->lists[i].topic);
    zu_free(s);
}

/* ---- a publisher's ---- */

void zu_subs_init(struct zu_subs *t, uint8_t table)
{
    zu_trie_init_linked(&t->trie);
    t->table = table;
}

void zu_subs_fini(struct zu_subs *t)
{
    zu_trie_fini(&t->trie);
}

static struct zu_subs_list *list_of(const struct zu_subs *t, struct zu_subscriber *s)
{
    return &s->lists[t->table];
}

static int reserve_topic(struct zu_subs_list *list)
{
    if (list->count < list->room)
        return 0;
    if (list->room > UINT32_MAX / 2)
        return -ENOMEM;
    uint32_t room = list->room ? list->room * 2 : 4;
    struct zu_subs_topic *topic = zu_realloc(list->topic, room * sizeof *topic);

    if (!topic)
        return -ENOMEM;
    list->topic = topic;
    list->room = room;
    return 0;
}

static void shrink_list(struct zu_subs_list *list)
{
    if (list->count > list->room / 4 || list->room <= 4)
        return;
    struct zu_subs_topic *topic = zu_realloc(list->topic, list->room / 2 * sizeof *topic);

    if (topic) {
        list->topic = topic;
        list->room /= 2;
    }
}

/* Which of n's links is the subscriber's. False: none. */
static bool find_link(const struct zu_subs *t, struct zu_trie_node *n, struct zu_subscriber *s,
                      uint32_t *at)
{
    const struct zu_subs_list *list = list_of(t, s);
    const struct zu_trie_link *link = zu_trie_links(n);

    if (n->count <= list->count) {
        for (uint32_t i = 0; i < n->count; i++) {
            *at = i;
            if (link[i].who == s)
                return true;
        }
        return false;
    }
    uint32_t cell = zu_trie_cell(&t->trie, n);

    for (uint32_t i = 0; i < list->count; i++) {
        *at = list->topic[i].at;
        if (list->topic[i].cell == cell)
            return true;
    }
    return false;
}

int zu_subs_add(struct zu_subs *t, const void *topic, size_t size, struct zu_pipe *p)
{
    struct zu_subs_list *list = list_of(t, p->user);
    struct zu_trie_node *n;
    uint32_t at;
    int rc = reserve_topic(list);

    if (rc < 0 || (rc = zu_trie_make(&t->trie, topic, size, &n)) < 0)
        return rc;
    if (n->count > 0) { /* a node that was just made has none, and needs no more memory */
        if (find_link(t, n, p->user, &at))
            return ZU_SUBS_REPEATED;
        if ((rc = zu_trie_reserve_link(&t->trie, n)) < 0)
            return rc;
    }
    list->topic[list->count] = (struct zu_subs_topic){zu_trie_cell(&t->trie, n), n->count};
    zu_trie_links(n)[n->count] = (struct zu_trie_link){p->user, list->count};
    list->count++;
    if (n->count++ > 0)
        return ZU_SUBS_FURTHER;
    t->trie.keys++;
    return ZU_SUBS_FIRST;
}

/* Removes n's half. */
static void unlink_pipe(struct zu_subs *t, struct zu_trie_node *n, uint32_t at)
{
    struct zu_trie_link *link = zu_trie_links(n);

    if (at != --n->count) {
        link[at] = link[n->count];
        list_of(t, link[at].who)->topic[link[at].back].at = at;
    }
    zu_trie_shrink_links(&t->trie, n);
}

/* Removes the pipe's half. */
static void unlink_topic(const struct zu_subs *t, struct zu_subs_list *list, uint32_t at)
{
    if (at == --list->count)
        return;
    list->topic[at] = list->topic[list->count];
    zu_trie_links(zu_trie_node(&t->trie, list->topic[at].cell))[list->topic[at].at].back = at;
}

enum zu_subs_change zu_subs_cancel(struct zu_subs *t, const void *topic, size_t size,
                                   struct zu_pipe *p)
{
    struct zu_subs_list *list = list_of(t, p->user);
    struct zu_trie_node *n = zu_trie_find(&t->trie, topic, size);
    uint32_t at;

    if (!n || n->count == 0 || !find_link(t, n, p->user, &at))
        return ZU_SUBS_UNKNOWN;
    unlink_topic(t, list, zu_trie_links(n)[at].back);
    shrink_list(list);
    unlink_pipe(t, n, at);
    if (n->count > 0)
        return ZU_SUBS_LEFT;
    t->trie.keys--;
    zu_trie_prune(&t->trie, n);
    return ZU_SUBS_LAST;
}

bool zu_subs_forget(struct zu_subs *t, struct zu_subscriber *s, uint32_t most,
                    void (*each)(void *arg, const struct zu_trie_node *topic, bool last), void *arg)
{
    struct zu_subs_list *list = list_of(t, s);

    for (; most > 0 && list->count > 0; most--) {
        const struct zu_subs_topic *topic = &list->topic[--list->count];
        struct zu_trie_node *n = zu_trie_node(&t->trie, topic->cell);

        unlink_pipe(t, n, topic->at);
        if (each)
            each(arg, n, n->count == 0);
        if (n->count > 0)
            continue;
        t->trie.keys--;
        zu_trie_prune(&t->trie, n);
    }
    if (list->count > 0) {
        shrink_list(list);
        return true;
    }
    zu_free(list->topic);
    *list = (struct zu_subs_list){0};
    return false;
}
