/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map: from a string of bytes to a pointer; open addressing, keys copied in.
 * Thread: the owner's.
 */
#ifndef ZU_BASE_MAP_H
#define ZU_BASE_MAP_H

#include "engine/base/base.h"

struct zu_map_slot;

struct zu_map {
    struct zu_map_slot *slots;
    size_t count, used, mask; /* used: slots that hold a key or the mark of a removed one */
    uint64_t seed;            /* so that peers who choose ids cannot choose collisions */
};

void zu_map_init(struct zu_map *m);
void zu_map_fini(struct zu_map *m); /* the values are the caller's */
void *zu_map_get(const struct zu_map *m, const void *key, size_t len);      /* NULL: not there */
int zu_map_put(struct zu_map *m, const void *key, size_t len, void *value); /* -EEXIST, -ENOMEM */
void *zu_map_take(struct zu_map *m, const void *key, size_t len); /* removed; NULL: not there */

/* Calls `each` with every entry, in no order; the map must not change meanwhile. */
void zu_map_each(const struct zu_map *m,
                 void (*each)(void *arg, const void *key, size_t len, void *value), void *arg);

#endif
