/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A short list in the order of arrival, searched from the front: a connection has about five
 * properties, and they are asked for one message in many. Only the count changes once it is shared.
 */
#include "engine/core/props.h"

#include "engine/base/alloc.h"
#include "engine/base/base.h"

#include <errno.h>
#include <string.h>

struct prop {
    struct prop *next;
    const char *value; /* behind the name, and NUL-terminated as it is */
    size_t name_size, value_size;
    char name[];
};

struct zu_props {
    _Atomic uint32_t refs;
    int fd;
    struct prop *first;
    struct zu_props *inner; /* with a group: what is known of the peer, or NULL */
    char group[];
};

struct zu_props *zu_props_new(void)
{
    return zu_props_with_group(NULL, "", 0);
}

struct zu_props *zu_props_with_group(struct zu_props *inner, const char *group, size_t size)
{
    struct zu_props *p = zu_alloc_zero(sizeof *p + size + 1);

    if (!p)
        return NULL;
    atomic_init(&p->refs, 1);
    p->fd = -1;
    if (size)
        memcpy(p->group, group, size);
    p->inner = inner;
    if (inner)
        zu_props_hold(inner, 1);
    return p;
}

const char *zu_props_group(const struct zu_props *p)
{
    return p->group[0] ? p->group : NULL;
}

struct zu_props *zu_props_inner(const struct zu_props *p)
{
    return p->inner;
}

void zu_props_hold(struct zu_props *p, uint32_t count)
{
    /* Relaxed: the caller has a count already, so nothing can end meanwhile. */
    atomic_fetch_add_explicit(&p->refs, count, memory_order_relaxed);
}

void zu_props_drop(struct zu_props *p, uint32_t count)
{
    /* [PR1] acq_rel, pairs with itself in other threads: they are done with it before it goes. */
    if (atomic_fetch_sub_explicit(&p->refs, count, memory_order_acq_rel) != count)
        return;
    while (p->first) {
        struct prop *gone = p->first;

        p->first = gone->next;
        zu_free(gone);
    }
    if (p->inner)
        zu_props_drop(p->inner, 1);
    zu_free(p);
}

/* Where the property is linked, or where a new one would be. */
static struct prop **find(struct zu_props *p, const char *name, size_t name_size)
{
    struct prop **at = &p->first;

    while (*at && ((*at)->name_size != name_size || memcmp((*at)->name, name, name_size) != 0))
        at = &(*at)->next;
    return at;
}

int zu_props_add(struct zu_props *p, const char *name, size_t name_size, const void *value,
                 size_t value_size)
{
    struct prop **at = find(p, name, name_size);
    struct prop *new;
    char *copy;

    if (*at)
        return 0;
    if (name_size > PTRDIFF_MAX / 4 || value_size > PTRDIFF_MAX / 4)
        return -ENOMEM;
    new = zu_alloc(sizeof *new + name_size + value_size + 2);
    if (!new)
        return -ENOMEM;
    memcpy(new->name, name, name_size);
    new->name[name_size] = 0;
    copy = new->name + name_size + 1;
    if (value_size)
        memcpy(copy, value, value_size);
    copy[value_size] = 0;
    new->value = copy;
    new->name_size = name_size;
    new->value_size = value_size;
    new->next = NULL;
    *at = new;
    return 0;
}

int zu_props_add_all(struct zu_props *p, const struct zu_props *more)
{
    int rc = 0;

    for (const struct prop *at = more->first; at && rc == 0; at = at->next)
        rc = zu_props_add(p, at->name, at->name_size, at->value, at->value_size);
    return rc;
}

const char *zu_props_get_sized(const struct zu_props *p, const char *name, size_t *size)
{
    /* One thing under two names: the first is the wire's, the second the interface's. */
    static const char *const id_names[] = {"Identity", "Routing-Id"};

    p = p->inner ? p->inner : p;
    struct zu_props *set = (struct zu_props *)(uintptr_t)p; /* find() changes nothing */
    struct prop *found = *find(set, name, strlen(name));

    for (size_t i = 0; !found && i < zu_array_len(id_names); i++) {
        if (strcmp(name, id_names[i]) == 0)
            found = *find(set, id_names[1 - i], strlen(id_names[1 - i]));
    }
    *size = found ? found->value_size : 0;
    return found ? found->value : NULL;
}

const char *zu_props_get(const struct zu_props *p, const char *name)
{
    size_t size;

    return zu_props_get_sized(p, name, &size);
}

void zu_props_set_fd(struct zu_props *p, int fd)
{
    p->fd = fd;
}

int zu_props_fd(const struct zu_props *p)
{
    return p->inner ? p->inner->fd : p->fd;
}
