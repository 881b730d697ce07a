/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record is made of, at its edges.
 */
#include "monitor/record.h"

#include <criterion/criterion.h>
#include <string.h>

Test(event_record, has_whatever_the_event_has)
{
    struct zuring_event r;
    struct zu_event e = {.event = ZURING_EVENT_INTERNAL_ERROR,
                         .error = 14,
                         .user_id = "alice",
                         .place = "session.c:1",
                         .routing_id = "\0\1",
                         .routing_id_size = 2};

    memset(&r, 0xff, sizeof r);
    zu_event_record(&r, &e);
    cr_assert_eq(r.error, 14);
    cr_assert_str_eq(r.user_id, "alice");
    cr_assert_str_eq(r.place, "session.c:1");
    cr_assert_arr_eq(r.routing_id, "\0\1\0", 3);
    cr_assert_str_eq(r.local, "");
    cr_assert_str_eq(r.remote, "");
}

Test(event_record, cuts_texts_to_fit)
{
    static char text[1000];
    struct zuring_event r;
    struct zu_event e = {.local = text, .address = text, .endpoint = text, .user_id = text};

    memset(text, 'x', sizeof text - 1);
    zu_event_record(&r, &e);
    cr_assert_eq(strlen(r.local), sizeof r.local - 1);
    cr_assert_eq(strlen(r.remote), sizeof r.remote - 1);
    cr_assert_eq(strlen(r.endpoint), sizeof r.endpoint - 1);
    cr_assert_eq(strlen(r.user_id), sizeof r.user_id - 1);
}
