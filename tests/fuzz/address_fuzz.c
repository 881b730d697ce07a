/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address: the input is what stands behind tcp:// in an endpoint, up to its first NUL. A point that
 * was understood is written in its plainest form, with brackets, and must be the same when read.
 */
#include "tests/fuzz/fuzz.h"

#include "transports/tcp_address.h"

#include <errno.h>

static void check_point(const struct zu_tcp_point *p, const char *text)
{
    FUZZ_CHECK(memchr(p->host, 0, sizeof p->host) && memchr(p->zone, 0, sizeof p->zone));
    FUZZ_CHECK(strstr(text, p->host) && strstr(text, p->zone));
    FUZZ_CHECK(p->any_host == (strcmp(p->host, "*") == 0));
    FUZZ_CHECK(!p->any_port || p->port == 0);
    FUZZ_CHECK(!strchr(p->host, '/') && !strchr(p->zone, '/'));
}

static void check_same(const struct zu_tcp_point *a, const struct zu_tcp_point *b)
{
    FUZZ_CHECK(strcmp(a->host, b->host) == 0 && strcmp(a->zone, b->zone) == 0);
    FUZZ_CHECK(a->any_host == b->any_host && a->any_port == b->any_port && a->port == b->port);
}

/* Written in its plainest form, it is the same point. */
static void try_again(const struct zu_tcp_point *p)
{
    char text[ZU_TCP_HOST_SIZE + ZU_TCP_ZONE_SIZE + 16], port[8] = "*";
    struct zu_tcp_point again;

    if (!p->any_port)
        snprintf(port, sizeof port, "%u", p->port);
    snprintf(text, sizeof text, "[%s%s%s]:%s", p->host, p->zone[0] ? "%" : "", p->zone, port);
    FUZZ_CHECK(zu_tcp_parse_bind(&again, text) == 0);
    check_same(p, &again);
}

static void try_bind(const char *text)
{
    struct zu_tcp_point p;
    int rc = zu_tcp_parse_bind(&p, text);

    FUZZ_CHECK(rc == 0 || rc == -EINVAL);
    if (rc < 0)
        return;
    FUZZ_CHECK(strchr(text, ':') && !strpbrk(text, "/;"));
    check_point(&p, text);
    try_again(&p);
}

static void try_connect(const char *text)
{
    struct zu_tcp_address a;
    struct zu_tcp_point alone;
    const char *semicolon = strchr(text, ';'), *to = semicolon ? semicolon + 1 : text;
    char host[ZU_TCP_HOST_SIZE] = "untouched";
    uint16_t port = 0;
    int rc = zu_tcp_parse_connect(&a, text);

    FUZZ_CHECK(rc == 0 || rc == -EINVAL);
    FUZZ_CHECK(zu_tcp_split(text, host, sizeof host, &port) == rc);
    if (rc < 0)
        return;
    FUZZ_CHECK(a.sourced == (semicolon != NULL));
    FUZZ_CHECK(!a.to.any_host && !a.to.any_port);
    FUZZ_CHECK(strcmp(host, a.to.host) == 0 && port == a.to.port);
    FUZZ_CHECK(zu_tcp_split(text, host, strlen(a.to.host), &port) == -EINVAL);
    check_point(&a.to, to);
    if (!strchr(to, ';')) { /* a destination is what a bind would make of it */
        FUZZ_CHECK(zu_tcp_parse_bind(&alone, to) == 0);
        check_same(&a.to, &alone);
        try_again(&a.to);
    }
    if (!semicolon)
        return;
    char *from = (char *)fuzz_copy((const uint8_t *)text, (size_t)(semicolon - text) + 1);

    from[semicolon - text] = '\0';
    FUZZ_CHECK(zu_tcp_parse_bind(&alone, from) == 0);
    check_same(&a.from, &alone);
    check_point(&a.from, from);
    free(from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t length = nul ? (size_t)(nul - data) : size;
    char *text = malloc(length + 1);
    int rc;

    FUZZ_CHECK(text);
    if (length)
        memcpy(text, data, length);
    text[length] = '\0';
    rc = zu_tcp_check(text);
    FUZZ_CHECK(rc == 0 || rc == -EINVAL);
    try_bind(text);
    try_connect(text);
    free(text);
    return 0;
}
