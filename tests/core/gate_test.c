/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who counts as one at a gate.
 */
#include "engine/core/gate.h"

#include <criterion/criterion.h>
#include <errno.h>

/* Where one of them may come in once, may the other, too? */
static bool are_one(const char *first, const char *second)
{
    struct zu_origin *a = NULL, *b = NULL;
    struct zu_gate g;
    int rc;

    zu_gate_init(&g);
    cr_assert_eq(zu_gate_count(&g, first, 1, &a), 0);
    rc = zu_gate_count(&g, second, 1, &b);
    cr_assert(rc == 0 || rc == -EUSERS);
    zu_gate_uncount(&g, a);
    zu_gate_uncount(&g, b);
    cr_assert_eq(zu_gate_count(&g, first, 1, &a), 0, "who has gone makes room");
    zu_gate_uncount(&g, a);
    zu_gate_fini(&g);
    return rc == -EUSERS;
}

Test(gate, an_ipv4_address_is_one)
{
    cr_expect(are_one("192.0.2.1", "192.0.2.1"));
    cr_expect_not(are_one("192.0.2.1", "192.0.2.2"));
    cr_expect(are_one("::ffff:192.0.2.1", "::ffff:192.0.2.1"));
    cr_expect_not(are_one("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
}

Test(gate, of_ipv6_a_network_of_64_bits_is_one)
{
    cr_expect(are_one("2001:db8::1", "2001:db8::1"));
    cr_expect(are_one("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"));
    cr_expect_not(are_one("2001:db8::1", "2001:db8:0:1::1"));
    cr_expect(are_one("fe80::1%lo", "fe80::2%lo"));
    cr_expect(are_one("::1", "::1"));
}

Test(gate, what_is_no_address_is_as_it_is)
{
    cr_expect(are_one("localhost:0:0:12", "localhost:0:0:12"));
    cr_expect_not(are_one("localhost:0:0:12", "localhost:0:0:13"));
}
