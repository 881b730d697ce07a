/* SPDX-License-Identifier: Apache-2.0 */
#include "transports/tcp_address.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "host", "host%zone", then ":port" or ":*"; a wildcard host is "<any>". */
static const char *shown(const struct zu_tcp_point *p)
{
    static char texts[4][512];
    static unsigned next;
    char *text = texts[next++ % 4], port[8];

    snprintf(port, sizeof port, "%u", p->port);
    snprintf(text, sizeof texts[0], "%s%s%s:%s", p->any_host ? "<any>" : p->host,
             p->zone[0] ? "%" : "", p->zone, p->any_port ? "*" : port);
    return text;
}

struct bind_case {
    const char *text, *point; /* NULL: EINVAL */
};

static const struct bind_case binds[] = {
    {"127.0.0.1:5555", "127.0.0.1:5555"},
    {"127.0.0.1:*", "127.0.0.1:*"},
    {"127.0.0.1:0", "127.0.0.1:0"},
    {"*:5", "<any>:5"},
    {"*:*", "<any>:*"},
    {"[*]:5", "<any>:5"},
    {"eth0:1:5", "eth0:1:5"},
    {"localhost:5", "localhost:5"},
    {"lo cal:5", "lo cal:5"}, /* no such host, but that is not ours to say */
    {"a*b:5", "a*b:5"},
    {":5", ":5"},
    /* IPv6: the last colon counts, brackets are a courtesy */
    {"::1:5", "::1:5"},
    {"[::1]:5", "::1:5"},
    {"[::1:5", "[::1:5"},
    {"::1]:5", "::1]:5"},
    {"[]:5", ":5"},
    {"[:5", "[:5"},
    {"[::]:*", ":::*"},
    {"[::1]", "[::1"}, /* whose host is "[:" and whose port is "1]" */
    /* zones */
    {"[fe80::1%eth0]:5", "fe80::1%eth0:5"},
    {"fe80::1%2:5", "fe80::1%2:5"},
    {"[fe80::1%]:5", NULL},
    {"%:5", NULL},
    {"%lo:5", "%lo:5"},
    {"a%fifteen-letters:5", "a%fifteen-letters:5"},
    {"a%sixteen-letters!:5", NULL},
    /* ports: the number that the text begins with, cut to 16 bits */
    {"a:80x", "a:80"},
    {"a:5.5", "a:5"},
    {"a:5*", "a:5"},
    {"a:00005", "a:5"},
    {"a: 5", "a:5"},
    {"a:\t\n\v\f\r5", "a:5"},
    {"a:+5", "a:5"},
    {"a:-1", "a:65535"},
    {"a:-65535", "a:1"},
    {"a:65535", "a:65535"},
    {"a:65537", "a:1"},
    {"a:70000", "a:4464"},
    {"a:99999999999", "a:59391"},
    {"a:9223372036854775807", "a:65535"},
    {"a:9223372036854775808", "a:65535"},
    {"a:99999999999999999999999999999999", "a:65535"},
    {"a:-99999999999999999999999999999999", NULL},
    {"a:65536", NULL}, /* the cut makes it 0, which no one asked for */
    {"a:00", NULL},
    {"a:0x10", NULL},
    {"a:0 ", NULL},
    {"a:-", NULL},
    {"a:+-5", NULL},
    {"a:x80", NULL},
    {"a:*5", NULL},
    {"a:**", NULL},
    {"a:", NULL},
    {"a", NULL},
    {"", NULL},
    {":", NULL},
    {"::", NULL},
    /* paths and sources have no meaning here */
    {"127.0.0.1:5/path", NULL},
    {"127.0.0.1/path:5", NULL},
    {"/", NULL},
    {"127.0.0.1:1;127.0.0.1:5", NULL},
    {"127.0.0.1:5;", NULL},
};

Test(tcp_address, of_a_bind_is_parted_at_the_last_colon)
{
    for (size_t i = 0; i < zu_array_len(binds); i++) {
        struct zu_tcp_point p;
        int rc = zu_tcp_parse_bind(&p, binds[i].text);

        cr_expect_eq(rc, binds[i].point ? 0 : -EINVAL, "%s: %d", binds[i].text, rc);
        if (rc == 0 && binds[i].point)
            cr_expect_str_eq(shown(&p), binds[i].point, "%s gave %s", binds[i].text, shown(&p));
    }
}

struct connect_case {
    const char *text, *from, *to; /* from "": no source; to NULL: EINVAL */
};

static const struct connect_case connects[] = {
    {"127.0.0.1:5", "", "127.0.0.1:5"},
    {"127.0.0.1:0", "", "127.0.0.1:0"},
    {"[::1]:5", "", "::1:5"},
    {"10.0.0.1:1;127.0.0.1:5", "10.0.0.1:1", "127.0.0.1:5"},
    {"10.0.0.1:0;127.0.0.1:5", "10.0.0.1:0", "127.0.0.1:5"},
    {"lo:*;127.0.0.1:5", "lo:*", "127.0.0.1:5"},
    {"*:0;127.0.0.1:5", "<any>:0", "127.0.0.1:5"},
    {"[fe80::1%lo]:1;[::1]:5", "fe80::1%lo:1", "::1:5"},
    {"*:5", "", NULL},
    {"127.0.0.1:*", "", NULL},
    {"10.0.0.1:1;*:5", "", NULL},
    {"10.0.0.1:1;127.0.0.1:*", "", NULL},
    {"10.0.0.1:1;", "", NULL},
    {"10.0.0.1;127.0.0.1:5", "", NULL},
    {";127.0.0.1:5", "", NULL},
    {"10.0.0.1:abc;127.0.0.1:5", "", NULL},
    {"10.0.0.1:1;10.0.0.2:2;127.0.0.1:/5", "", NULL},
    {"a:65536", "", NULL},
    {"", "", NULL},
};

Test(tcp_address, of_a_connect_may_have_a_source)
{
    for (size_t i = 0; i < zu_array_len(connects); i++) {
        const struct connect_case *c = &connects[i];
        struct zu_tcp_address a;
        int rc = zu_tcp_parse_connect(&a, c->text);

        cr_expect_eq(rc, c->to ? 0 : -EINVAL, "%s: %d", c->text, rc);
        if (rc < 0 || !c->to)
            continue;
        cr_expect_str_eq(shown(&a.to), c->to, "%s leads to %s", c->text, shown(&a.to));
        cr_expect_eq(a.sourced, c->from[0] != '\0', "%s", c->text);
        if (a.sourced)
            cr_expect_str_eq(shown(&a.from), c->from, "%s comes from %s", c->text, shown(&a.from));
    }
}

/* What zmq_connect answers, which is less than it takes to connect. */
static const char *const accepted[] = {
    "127.0.0.1:5",
    "127.0.0.1:0",
    "localhost:1234",
    "localhost:80x",
    "localhost:70000",
    ":5",
    "::1:5",
    "[::1]:1234",
    "[::1]",
    "[::1:5",
    "::1]:5",
    "[]:5",
    "[fe80::1%nope]:5",
    "a%b:5",
    "lo:5",
    "127.0.0.1:1;127.0.0.1:5",
    "lo:*;127.0.0.1:5",
    "lo:0;127.0.0.1:5",
    "*:*;127.0.0.1:5",
    "*:0;127.0.0.1:5",
    "127.0.0.1;127.0.0.1:5",
    "127.0.0.1:abc;127.0.0.1:5",
    "127.0.0.1:65536",
    "a_b:5",
    "a..b:5",
    "256.1.1.1:5",
    "a*b:5",
    "a.b*:5",
    "a:b:5",
    "127.0.0.1:5*",
    "127.0.0.1:5.5",
};

static const char *const refused[] = {
    "",
    "*:5",
    "*:*",
    "*:0",
    "*.a:5",
    "127.0.0.1:*",
    "127.0.0.1:1;127.0.0.1:*",
    "127.0.0.1:1;*:5",
    "localhost :1234",
    "lo cal:5",
    "localhost:invalid",
    "localhost:x80",
    "localhost:-1",
    "localhost:",
    "localhost",
    "a/b:5",
    "127.0.0.1:5/path",
    "127.0.0.1/path:5",
    ";127.0.0.1:5",
    "127.0.0.1: 5",
    "127.0.0.1:+5",
    "-:5",
    "...:5",
    "%:5",
    "_a:5",
    "]a:5",
    "a@b:5",
    "127.0.0.1:0 ",
    "\xc3\xa4:5",
    "127.0.0.1:*5",
    "127.0.0.1:]5",
    "127.0.0.1:.5",
    "127.0.0.1:5:",
};

Test(tcp_address, is_checked_for_its_shape_only_when_connecting)
{
    for (size_t i = 0; i < zu_array_len(accepted); i++)
        cr_expect_eq(zu_tcp_check(accepted[i]), 0, "refused: %s", accepted[i]);
    for (size_t i = 0; i < zu_array_len(refused); i++)
        cr_expect_eq(zu_tcp_check(refused[i]), -EINVAL, "accepted: %s", refused[i]);
}

Test(tcp_address, is_refused_when_the_host_is_longer_than_any)
{
    char text[2 * ZU_TCP_HOST_SIZE];
    struct zu_tcp_point p;

    for (size_t size = ZU_TCP_HOST_SIZE - 2; size < ZU_TCP_HOST_SIZE + 2; size++) {
        memset(text, 'a', size);
        strcpy(text + size, ":5");
        cr_expect_eq(zu_tcp_parse_bind(&p, text), size < ZU_TCP_HOST_SIZE ? 0 : -EINVAL, "%zu",
                     size);
    }
}

Test(tcp_address, is_split_for_a_proxy)
{
    char host[ZU_TCP_HOST_SIZE];
    uint16_t port = 0;

    cr_assert_eq(zu_tcp_split("lo:0;[2001:db8::1]:5555", host, sizeof host, &port), 0);
    cr_expect_str_eq(host, "2001:db8::1");
    cr_expect_eq(port, 5555);
    cr_assert_eq(zu_tcp_split("example.org:80", host, sizeof host, &port), 0);
    cr_expect_str_eq(host, "example.org");
    cr_expect_eq(port, 80);
    cr_expect_eq(zu_tcp_split("example.org:80", host, strlen("example.org"), &port), -EINVAL);
    cr_expect_eq(zu_tcp_split("example.org", host, sizeof host, &port), -EINVAL);
}

/* Every text of up to five characters out of those that mean something here. */
Test(tcp_address, survives_every_short_text)
{
    static const char alphabet[] = "a5*:;%[]/-0 ";
    size_t base = sizeof alphabet - 1;
    struct zu_tcp_address a;
    struct zu_tcp_point p;

    for (size_t length = 1, count = base; length <= 5; length++, count *= base)
        for (size_t n = 0; n < count; n++) {
            char *text = malloc(length + 1); /* so that a sanitizer sees a step too far */
            size_t rest = n;

            cr_assert(text);
            for (size_t i = 0; i < length; i++, rest /= base)
                text[i] = alphabet[rest % base];
            text[length] = '\0';
            if (zu_tcp_parse_bind(&p, text) == 0)
                cr_assert(strchr(text, ':') && !strpbrk(text, "/;"), "%s", text);
            if (zu_tcp_parse_connect(&a, text) == 0)
                cr_assert(!a.to.any_host && !a.to.any_port && a.sourced == !!strchr(text, ';'),
                          "%s", text);
            zu_tcp_check(text);
            free(text);
        }
}
