/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/record.h"

#include "engine/base/base.h"

#include <string.h>

/* As much of the text as there is room for, and its NUL; the rest is zero already. */
#define PUT_TEXT(to, text)                                                                         \
    do {                                                                                           \
        if (text)                                                                                  \
            memcpy((to), (text), ZU_MIN(strlen(text), sizeof(to) - 1));                            \
    } while (0)

void zu_event_record(struct zuring_event *out, const struct zu_event *e)
{
    static_assert(sizeof *out == 1280, "the layout is a promise");
    *out = (struct zuring_event){.size = sizeof *out,
                                 .error = e->error,
                                 .event = e->event,
                                 .value = e->value,
                                 .value2 = e->value2,
                                 .time_ns = e->time_ns,
                                 .connection = e->connection,
                                 .lost = e->lost,
                                 .bound = e->bound,
                                 .routing_id_size = e->routing_id_size};
    if (e->routing_id_size)
        memcpy(out->routing_id, e->routing_id, e->routing_id_size);
    PUT_TEXT(out->local, e->local);
    PUT_TEXT(out->remote, e->address);
    PUT_TEXT(out->endpoint, e->endpoint);
    PUT_TEXT(out->user_id, e->user_id);
    PUT_TEXT(out->place, e->place);
    PUT_TEXT(out->reason, e->reason);
}
