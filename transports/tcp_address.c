/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp_address: the last ':' of a point parts host and port, so that an IPv6 address needs no
 * brackets; the first ';' parts source and destination. Everything is done on spans of the caller's
 * text and copied out at the end into arrays of fixed size.
 */
#include "transports/tcp_address.h"

#include <errno.h>
#include <string.h>

struct span {
    const char *at;
    size_t size;
};

static struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

/* The place of the last (or first) `c`, or `size` when there is none. */
static size_t last_of(struct span s, char c)
{
    for (size_t i = s.size; i-- > 0;)
        if (s.at[i] == c)
            return i;
    return s.size;
}

static size_t first_of(struct span s, char c)
{
    for (size_t i = 0; i < s.size; i++)
        if (s.at[i] == c)
            return i;
    return s.size;
}

/* Before and behind the character at `i`. */
static struct span head(struct span s, size_t i)
{
    return (struct span){s.at, i};
}

static struct span tail(struct span s, size_t i)
{
    return (struct span){s.at + i + 1, s.size - i - 1};
}

static bool equals(struct span s, char c)
{
    return s.size == 1 && s.at[0] == c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Copies a span out as text. */
static bool copy(char *out, size_t size, struct span s)
{
    if (s.size >= size)
        return false;
    memcpy(out, s.at, s.size);
    out[s.size] = '\0';
    return true;
}

/*
 * The low 16 bits of the number that a text begins with, 0 when it begins with none: "80x" is 80,
 * "70000" is 4464, "-1" is 65535. Odd, but what existing configurations were written against.
 * A number too large for 64 bits is taken as the largest (or smallest) of them.
 */
static uint16_t number_cut(struct span s)
{
    uint64_t value = 0;
    bool negative;
    size_t i = 0;

    while (i < s.size && is_space(s.at[i]))
        i++;
    negative = i < s.size && s.at[i] == '-';
    if (i < s.size && (s.at[i] == '-' || s.at[i] == '+'))
        i++;
    for (; i < s.size && is_digit(s.at[i]); i++) {
        uint64_t digit = (uint64_t)(s.at[i] - '0');

        if (value > (INT64_MAX - digit) / 10)
            return negative ? 0 : UINT16_MAX;
        value = value * 10 + digit;
    }
    return (uint16_t)(negative ? 0 - value : value);
}

static int parse_port(struct zu_tcp_point *out, struct span s)
{
    out->any_port = equals(s, '*');
    out->port = out->any_port ? 0 : number_cut(s);
    if (out->port || out->any_port || equals(s, '0'))
        return 0;
    return -EINVAL; /* no number, or one that the cut made 0 by accident */
}

static int parse_point(struct zu_tcp_point *out, struct span s)
{
    size_t colon = last_of(s, ':');
    struct span host;
    size_t percent;

    memset(out, 0, sizeof *out);
    if (first_of(s, '/') < s.size || colon == s.size)
        return -EINVAL;
    host = head(s, colon);
    if (host.size >= 2 && host.at[0] == '[' && host.at[host.size - 1] == ']')
        host = (struct span){host.at + 1, host.size - 2};
    percent = last_of(host, '%');
    if (percent < host.size) {
        struct span zone = tail(host, percent);

        if (zone.size == 0 || !copy(out->zone, sizeof out->zone, zone))
            return -EINVAL;
        host = head(host, percent);
    }
    if (!copy(out->host, sizeof out->host, host))
        return -EINVAL;
    out->any_host = equals(host, '*');
    return parse_port(out, tail(s, colon));
}

int zu_tcp_check(const char *text)
{
    struct span all = span_of(text), to = all;
    size_t semicolon = first_of(all, ';');
    size_t colon;

    if (all.size == 0 || !(is_alnum(text[0]) || strchr("[:*", text[0])))
        return -EINVAL;
    for (size_t i = 0; i < all.size; i++)
        if (!is_alnum(text[i]) && !strchr(".-:%;[]_*", text[i]))
            return -EINVAL;
    if (semicolon < all.size)
        to = tail(all, semicolon);
    if (to.size > 0 && to.at[0] == '*')
        return -EINVAL; /* anywhere is a place to come from, not to go to */
    colon = last_of(all, ':');
    if (colon + 1 >= all.size || !is_digit(all.at[colon + 1]))
        return -EINVAL;
    return 0;
}

int zu_tcp_parse_bind(struct zu_tcp_point *out, const char *text)
{
    struct span all = span_of(text);

    if (first_of(all, ';') < all.size)
        return -EINVAL;
    return parse_point(out, all);
}

int zu_tcp_parse_connect(struct zu_tcp_address *out, const char *text)
{
    struct span all = span_of(text);
    size_t semicolon = first_of(all, ';');
    int rc;

    memset(out, 0, sizeof *out);
    if (semicolon < all.size) {
        if ((rc = parse_point(&out->from, head(all, semicolon))) < 0)
            return rc;
        out->sourced = true;
        all = tail(all, semicolon);
    }
    if ((rc = parse_point(&out->to, all)) < 0)
        return rc;
    return out->to.any_host || out->to.any_port ? -EINVAL : 0;
}

int zu_tcp_split(const char *text, char *host, size_t size, uint16_t *port)
{
    struct zu_tcp_address a;
    int rc = zu_tcp_parse_connect(&a, text);

    if (rc < 0)
        return rc;
    if (!copy(host, size, span_of(a.to.host)))
        return -EINVAL;
    *port = a.to.port;
    return 0;
}
