/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipes: membership is checked both ways, pipe to place and place to pipe, so a pipe that was never
 * added needs no mark: whatever its `at` says, the array does not agree.
 */
#include "patterns/pipes.h"

#include "engine/base/alloc.h"

#include <errno.h>

void zu_pipes_init(struct zu_pipes *a, enum zu_pipes_kind kind)
{
    *a = (struct zu_pipes){.kind = (uint8_t)kind};
}

void zu_pipes_fini(struct zu_pipes *a)
{
    zu_free(a->item);
    a->item = NULL;
    a->count = a->room = 0;
}

int zu_pipes_add(struct zu_pipes *a, struct zu_pipe *p)
{
    if (a->count == a->room) {
        uint32_t room = a->room ? a->room * 2 : 4;
        struct zu_pipe **item = zu_realloc(a->item, room * sizeof *item);

        if (!item)
            return -ENOMEM;
        a->item = item;
        a->room = room;
    }
    p->at[a->kind] = a->count;
    a->item[a->count++] = p;
    return 0;
}

void zu_pipes_remove(struct zu_pipes *a, struct zu_pipe *p)
{
    zu_pipes_swap(a, p->at[a->kind], a->count - 1);
    a->count--;
}
