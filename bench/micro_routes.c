/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro_routes: twin of patterns/routes and engine/base/map: a routing id entered, found and taken
 * out where there are as many as the argument says, one to a million. The ids are those that a
 * ROUTER gives to peers without one: five bytes.
 */
#include "bench/gbench.h"
#include "engine/base/alloc.h"
#include "engine/base/map.h"
#include "patterns/routes.h"

#include <string.h>

enum { ID_SIZE = 5 };

static uint64_t scattered(uint64_t i)
{
    i = (i ^ i >> 31) * 0x9e3779b97f4a7c15u;
    i = (i ^ i >> 29) * 0xbf58476d1ce4e5b9u;
    return i ^ i >> 32;
}

static void id_of(uint64_t i, uint8_t id[ID_SIZE])
{
    id[0] = 0;
    for (int k = 1; k < ID_SIZE; k++)
        id[k] = (uint8_t)(i >> (32 - 8 * k));
}

static bool fill(struct zu_map *m, uint64_t count)
{
    uint8_t id[ID_SIZE];

    for (uint64_t i = 0; i < count; i++) {
        id_of(i, id);
        if (zu_map_put(m, id, ID_SIZE, m) < 0)
            return false;
    }
    return true;
}

static void find(struct gbench *g)
{
    uint64_t count = (uint64_t)gbench_arg(g), i = 0;
    struct zu_routes r;
    uint8_t id[ID_SIZE];

    zu_routes_init(&r);
    if (!fill(&r.by_id, count))
        gbench_fail(g, "no memory");
    while (gbench_next(g, 1)) {
        id_of(scattered(i++) % count, id);
        if (!zu_routes_find(&r, id, ID_SIZE))
            gbench_fail(g, "an id is missing");
    }
    zu_routes_fini(&r);
}

/* What a message to an unknown peer costs. */
static void find_none(struct gbench *g)
{
    uint64_t count = (uint64_t)gbench_arg(g), i = 0;
    struct zu_routes r;
    uint8_t id[ID_SIZE];

    zu_routes_init(&r);
    if (!fill(&r.by_id, count))
        gbench_fail(g, "no memory");
    while (gbench_next(g, 1)) {
        id_of(count + scattered(i++) % count, id);
        if (zu_routes_find(&r, id, ID_SIZE))
            gbench_fail(g, "an id too many");
    }
    zu_routes_fini(&r);
}

/* A peer goes and comes back. */
static void take_and_put(struct gbench *g)
{
    uint64_t count = (uint64_t)gbench_arg(g), i = 0;
    uint8_t id[ID_SIZE];
    struct zu_map m;

    zu_map_init(&m);
    if (!fill(&m, count))
        gbench_fail(g, "no memory");
    while (gbench_next(g, 1)) {
        id_of(scattered(i++) % count, id);
        if (!zu_map_take(&m, id, ID_SIZE) || zu_map_put(&m, id, ID_SIZE, &m) < 0)
            gbench_fail(g, "an id is missing, or no memory");
    }
    zu_map_fini(&m);
}

/* All of them, from none, and back to none. */
static void fill_and_empty(struct gbench *g)
{
    int64_t count = gbench_arg(g);
    uint8_t id[ID_SIZE];
    struct zu_map m;

    zu_map_init(&m);
    while (gbench_next(g, count)) {
        if (!fill(&m, (uint64_t)count))
            gbench_fail(g, "no memory");
        for (int64_t i = 0; i < count; i++) {
            id_of((uint64_t)i, id);
            zu_map_take(&m, id, ID_SIZE);
        }
    }
    zu_map_fini(&m);
}

/* A pipe that comes without an id, gets one, and goes: all of routes' own work for a peer. */
static void attach_and_detach(struct gbench *g)
{
    uint64_t count = (uint64_t)gbench_arg(g), i = 0;
    struct zu_pipe *pipe = zu_alloc_aligned(alignof(struct zu_pipe), count * sizeof *pipe);
    struct zu_routes r;
    bool failed = !pipe;

    zu_routes_init(&r);
    if (pipe)
        memset(pipe, 0, count * sizeof *pipe);
    for (uint64_t k = 0; !failed && k < count; k++)
        failed = zu_routes_attach_raw(&r, &pipe[k]) < 0;
    if (failed)
        gbench_fail(g, "no memory");
    while (gbench_next(g, 1)) {
        struct zu_pipe *p = &pipe[scattered(i++) % count];

        zu_routes_detach(&r, p);
        if (zu_routes_attach_raw(&r, p) < 0)
            gbench_fail(g, "no memory");
    }
    for (uint64_t k = 0; !failed && k < count; k++)
        zu_routes_detach(&r, &pipe[k]);
    zu_routes_fini(&r);
    zu_free(pipe);
}

int main(int argc, char **argv)
{
    static const int64_t counts[] = {1, 100, 10000, 1000000};

    gbench_add_args("routes_find", find, counts, 4);
    gbench_add_args("routes_find_none", find_none, counts, 4);
    gbench_add_args("routes_attach_and_detach", attach_and_detach, counts, 3); /* a pipe is large */
    gbench_add_args("map_take_and_put", take_and_put, counts, 4);
    gbench_add_args("map_fill_and_empty", fill_and_empty, counts, 4);
    return gbench_main(argc, argv);
}
