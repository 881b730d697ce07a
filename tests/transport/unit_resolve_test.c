/* SPDX-License-Identifier: Apache-2.0 */
#include "transports/resolve.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define ALL (ZU_RESOLVE_ANY | ZU_RESOLVE_INTERFACE | ZU_RESOLVE_NAME)

/* "127.0.0.1:5", "::1:5", "fe80::1%1:5", or the error. */
static const char *resolved(const char *text, int family, unsigned allow)
{
    static char shown[128];
    char host[INET6_ADDRSTRLEN];
    struct sockaddr_storage a;
    struct zu_tcp_point p;
    socklen_t size = 0;
    int rc;

    if ((rc = zu_tcp_parse_bind(&p, text)) == 0)
        rc = zu_resolve(&a, &size, &p, family, allow);
    if (rc < 0)
        return strerrorname_np(-rc);
    cr_assert_eq(a.ss_family, family);
    if (family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a;

        cr_assert_eq(size, sizeof *v4);
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(shown, sizeof shown, "%s:%u", host, ntohs(v4->sin_port));
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a;
        char zone[16] = "";

        cr_assert_eq(size, sizeof *v6);
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        if (v6->sin6_scope_id)
            snprintf(zone, sizeof zone, "%%%u", v6->sin6_scope_id);
        snprintf(shown, sizeof shown, "%s%s:%u", host, zone, ntohs(v6->sin6_port));
    }
    return shown;
}

struct number_case {
    const char *text, *v4, *v6;
};

Test(resolve, reads_numbers_itself)
{
    static const struct number_case cases[] = {
        {"127.0.0.1:5", "127.0.0.1:5", "::ffff:127.0.0.1:5"},
        {"[127.0.0.1]:5", "127.0.0.1:5", "::ffff:127.0.0.1:5"},
        {"127.1:5", "127.0.0.1:5", "::ffff:127.0.0.1:5"},
        {"0x7f000001:5", "127.0.0.1:5", "::ffff:127.0.0.1:5"},
        {"0.0.0.0:5", "0.0.0.0:5", "::ffff:0.0.0.0:5"},
        {"[::1]:70000", "ENODEV", "::1:4464"},
        {"::1:5", "ENODEV", "::1:5"},
        {"[::]:5", "ENODEV", ":::5"},
        {"[::ffff:10.0.0.1]:5", "ENODEV", "::ffff:10.0.0.1:5"},
        {"[::1:5", "ENODEV", "ENODEV"},
        {":5", "ENODEV", "ENODEV"},
        {"127.0.0.1 x:5", "ENODEV", "ENODEV"},
        {"*:5", "ENODEV", "ENODEV"},
    };

    for (size_t i = 0; i < zu_array_len(cases); i++) {
        const struct number_case *c = &cases[i];

        cr_expect_str_eq(resolved(c->text, AF_INET, 0), c->v4, "%s", c->text);
        cr_expect_str_eq(resolved(c->text, AF_INET6, 0), c->v6, "%s", c->text);
    }
}

Test(resolve, takes_a_wildcard_only_where_allowed)
{
    cr_expect_str_eq(resolved("*:5", AF_INET, ZU_RESOLVE_ANY), "0.0.0.0:5");
    cr_expect_str_eq(resolved("*:*", AF_INET6, ZU_RESOLVE_ANY), ":::0");
    cr_expect_str_eq(resolved("*:5", AF_INET, ZU_RESOLVE_INTERFACE | ZU_RESOLVE_NAME), "ENODEV");
}

Test(resolve, knows_zones_by_name_and_by_number)
{
    char expected[64];

    if (!if_nametoindex("lo"))
        cr_skip_test("no loopback interface");
    snprintf(expected, sizeof expected, "fe80::1%%%u:5", if_nametoindex("lo"));
    cr_expect_str_eq(resolved("[fe80::1%lo]:5", AF_INET6, 0), expected);
    cr_expect_str_eq(resolved("fe80::1%lo:5", AF_INET6, 0), expected);
    cr_expect_str_eq(resolved("[fe80::1%7]:5", AF_INET6, 0), "fe80::1%7:5");
    cr_expect_str_eq(resolved("[fe80::1%lo]:5", AF_INET, 0), "ENODEV");
    /* An unknown zone is a mistake in the text, whatever the family. */
    cr_expect_str_eq(resolved("[fe80::1%nosuch]:5", AF_INET6, 0), "EINVAL");
    cr_expect_str_eq(resolved("[fe80::1%nosuch]:5", AF_INET, 0), "EINVAL");
    cr_expect_str_eq(resolved("[fe80::1%0]:5", AF_INET6, 0), "EINVAL");
    cr_expect_str_eq(resolved("[fe80::1%7x]:5", AF_INET6, 0), "EINVAL");
    cr_expect_str_eq(resolved("[fe80::1%99999999999999]:5", AF_INET6, 0), "EINVAL");
}

Test(resolve, knows_interfaces_by_name)
{
    if (!if_nametoindex("lo"))
        cr_skip_test("no loopback interface");
    cr_expect_str_eq(resolved("lo:5", AF_INET, ZU_RESOLVE_INTERFACE), "127.0.0.1:5");
    cr_expect_str_eq(resolved("lo:5", AF_INET, 0), "ENODEV");
    cr_expect_str_eq(resolved("nosuch0:5", AF_INET, ZU_RESOLVE_INTERFACE), "ENODEV");
}

Test(resolve, asks_for_names_only_where_allowed)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *all;

    cr_expect_str_eq(resolved("localhost:5", AF_INET, ZU_RESOLVE_ANY | ZU_RESOLVE_INTERFACE),
                     "ENODEV");
    cr_expect_str_eq(resolved("lo cal:5", AF_INET, ALL), "ENODEV");
    if (getaddrinfo("localhost", NULL, &hints, &all) != 0)
        cr_skip_test("this machine does not know localhost");
    freeaddrinfo(all);
    cr_expect_str_eq(resolved("localhost:5", AF_INET, ALL), "127.0.0.1:5");
}

Test(resolve, says_what_may_block)
{
    static const char *const names[] = {"localhost:5", "256.1.1.1:5", "a:5", "1.2.3.4.5:5"};
    static const char *const others[] = {"127.0.0.1:5", "127.1:5", "[::1]:5", "::1:5",
                                         ":5",          "*:5",     "[::1:5",  "a:b:c:5"};
    struct zu_tcp_point p;

    for (size_t i = 0; i < zu_array_len(names); i++) {
        cr_assert_eq(zu_tcp_parse_bind(&p, names[i]), 0);
        cr_expect(zu_resolve_blocks(&p), "%s", names[i]);
    }
    for (size_t i = 0; i < zu_array_len(others); i++) {
        cr_assert_eq(zu_tcp_parse_bind(&p, others[i]), 0);
        cr_expect_not(zu_resolve_blocks(&p), "%s", others[i]);
    }
}

Test(resolve, wishes_for_ipv6_only_when_told_to)
{
    int fd = socket(AF_INET6, SOCK_STREAM, 0);

    cr_expect_eq(zu_resolve_family(false), AF_INET);
    cr_expect_eq(zu_resolve_family(true), fd < 0 && errno == EAFNOSUPPORT ? AF_INET : AF_INET6);
}
