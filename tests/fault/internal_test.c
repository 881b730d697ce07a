/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mistake of the library's own: the connection ends, and the observer is told where it was
 * found. There is none to be had, so a mechanism of the test's makes one, by what zu_bug does in a
 * release.
 */
#include "engine/security/mechanisms.h"
#include "include/zuring.h"
#include "patterns/patterns.h"
#include "tests/fault/rig.h"

#include <criterion/criterion.h>

TestSuite(internal, .timeout = 600);

static struct {
    struct zu_observer observer;
    int count;
    char place[64];
    int error;
    uint64_t connection;
} seen;

static void observe(struct zu_observer *o, const struct zu_event *e)
{
    (void)o;
    if (e->event != ZURING_EVENT_INTERNAL_ERROR)
        return;
    seen.count++;
    seen.error = e->error;
    seen.connection = e->connection;
    snprintf(seen.place, sizeof seen.place, "%s", e->place ? e->place : "(none)");
}

static int hear_wrongly(struct zu_handshake *h, const struct zu_handshake_terms *terms,
                        uint8_t *command, size_t size, struct zu_heard *heard)
{
    (void)h, (void)terms, (void)command, (void)size, (void)heard;
    return zu_bug_found("somewhere/in_the_test.c:42") ? -EFAULT : 0;
}

Test(internal, a_mistake_of_our_own_ends_one_connection_and_is_told)
{
    struct zu_mechanism wrong = zu_mechanism_null;
    const struct zu_mechanism *mechanisms[] = {&wrong, &wrong, &wrong, &wrong};
    struct rig r = {.label = "a mistake"};
    struct zu_tables tables;

    wrong.hear = hear_wrongly;
    rig_open(&r, ZMQ_DEALER);
    tables = *r.ctx->tables;
    tables.mechanisms = mechanisms;
    r.ctx->tables = &tables;
    seen.observer.event = observe;
    atomic_store(&r.s->observer, &seen.observer);
    rig_bind(&r);
    rig_accept(&r);
    rig_say_hex(&r, RIG_GREETING RIG_READY_DEALER);
    rig_settle(&r);
    cr_assert_eq(seen.count, 1);
    cr_assert_str_eq(seen.place, "in_the_test.c:42");
    cr_assert_eq(seen.error, EFAULT);
    cr_assert_neq(seen.connection, 0);
    cr_assert(rig_closed(&r));
    rig_end(&r, 1000);
}
