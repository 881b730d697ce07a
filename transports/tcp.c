/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp: texts by tcp_address, hosts by resolve, descriptors by sockstream; here is the order in
 * which they are asked.
 */
#include "transports/tcp.h"

#include "transports/resolve.h"
#include "transports/socks.h"
#include "transports/sockstream.h"
#include "transports/tcp_address.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

static int check(const char *text, const struct zu_options *o)
{
    (void)o; /* an IPv6 address is fine with IPv6 off: it fails at each attempt */
    return zu_tcp_check(text);
}

static bool family_fits(int family)
{
    return family == AF_INET || family == AF_INET6;
}

/* A socket that was tuned and may be bound to an address still in use by dying connections. */
static int make_reusing(int family, const struct zu_options *o)
{
    int fd = zu_sockstream_make(family);
    int one = 1;
    int rc;

    if (fd < 0)
        return fd;
    rc = zu_sockstream_tune_early(fd, family, o);
    if (rc == 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0)
        rc = -errno;
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

/* *was: what the descriptor was called that could not be used. */
static int make_listener(const char *text, const struct zu_options *o, int *was)
{
    struct zu_tcp_point point;
    struct sockaddr_storage at;
    socklen_t size;
    int fd, rc;

    if ((rc = zu_tcp_parse_bind(&point, text)) < 0)
        return rc;
    rc = zu_resolve(&at, &size, &point, zu_resolve_family(o->ipv6),
                    ZU_RESOLVE_ANY | ZU_RESOLVE_INTERFACE | ZU_RESOLVE_NAME);
    if (rc < 0)
        return rc;
    if ((fd = make_reusing(at.ss_family, o)) < 0)
        return fd;
    if (bind(fd, (const struct sockaddr *)&at, size) == 0 && listen(fd, o->backlog) == 0)
        return fd;
    rc = -errno;
    close(fd);
    *was = fd;
    return rc;
}

static int tcp_listen(struct zu_listening *out, const char *text, const struct zu_options *o)
{
    int fd, rc;

    memset(out, 0, sizeof *out);
    out->fd = -1;
    if (o->use_fd >= 0) {
        if ((rc = zu_sockstream_adopt(o->use_fd, family_fits)) < 0)
            return rc;
        fd = o->use_fd;
    } else if ((fd = make_listener(text, o, &out->fd)) < 0) {
        return fd;
    }
    if ((rc = zu_sockstream_own_name(fd, out->endpoint)) < 0) {
        if (fd != o->use_fd)
            close(fd);
        return rc;
    }
    out->fd = fd;
    return 0;
}

static int unlisten(struct zu_listening *l)
{
    (void)l; /* a closed TCP listener leaves nothing behind */
    return 0;
}

static bool blocks(const char *text, const struct zu_options *o)
{
    struct zu_tcp_address a;

    (void)o;
    /* The source is never a name: it is asked of the machine's own interfaces. */
    return zu_tcp_parse_connect(&a, text) == 0 && zu_resolve_blocks(&a.to);
}

static int resolve(struct zu_target *out, const char *text, const struct zu_options *o)
{
    struct zu_tcp_address a;
    int family, rc;

    memset(out, 0, sizeof *out);
    if ((rc = zu_tcp_parse_connect(&a, text)) < 0)
        return rc;
    family = zu_resolve_family(o->ipv6);
    rc = zu_resolve(&out->addr, &out->addr_size, &a.to, family, ZU_RESOLVE_NAME);
    if (rc < 0 || !a.sourced)
        return rc;
    return zu_resolve(&out->source, &out->source_size, &a.from, family,
                      ZU_RESOLVE_ANY | ZU_RESOLVE_INTERFACE);
}

static int tcp_open(const struct zu_target *t, const struct zu_options *o)
{
    /* Reuse lets several connections leave from one source port to different destinations. */
    int fd = make_reusing(t->addr.ss_family, o);
    int rc;

    if (fd < 0 || t->source_size == 0)
        return fd;
    if (bind(fd, (const struct sockaddr *)&t->source, t->source_size) == 0)
        return fd;
    rc = -errno;
    close(fd);
    return rc;
}

static int admit(int fd, const struct zu_options *o, bool accepted)
{
    int rc;

    if (accepted && (rc = zu_sockstream_filter_address(fd, o)) < 0)
        return rc;
    return zu_sockstream_tune(fd, o, accepted);
}

static void peer_address(int fd, char out[ZU_ENDPOINT_MAX])
{
    struct sockaddr_storage a;
    socklen_t size = sizeof a;

    if (getpeername(fd, (struct sockaddr *)&a, &size) < 0 ||
        getnameinfo((const struct sockaddr *)&a, size, out, ZU_ENDPOINT_MAX, NULL, 0,
                    NI_NUMERICHOST) != 0)
        out[0] = '\0';
}

static int canonical(char out[ZU_ENDPOINT_MAX], const char *text, const struct zu_options *o)
{
    struct zu_tcp_point p;
    struct sockaddr_storage addr;
    socklen_t size;
    int rc = zu_tcp_parse_bind(&p, text);

    if (rc == 0)
        rc = zu_resolve(&addr, &size, &p, zu_resolve_family(o->ipv6),
                        ZU_RESOLVE_NAME | ZU_RESOLVE_INTERFACE);
    if (rc == 0)
        zu_sockstream_text(out, &addr, size);
    return rc;
}

/* ---- by way of a proxy ---- */

static int proxy_start(void *state, const char *text, const struct zu_options *o,
                       struct zu_writer *out)
{
    char host[ZU_TCP_HOST_SIZE];
    uint16_t port;
    int rc = zu_tcp_split(text, host, sizeof host, &port);

    if (rc < 0)
        return rc;
    return zu_socks_start(state, host, port, o->socks_username, o->socks_password, out);
}

static int proxy_feed(void *state, struct zu_reader *in, struct zu_writer *out)
{
    int rc = zu_socks_feed(state, in, out);

    /* ECONNREFUSED is for the connection itself: ZMQ_RECONNECT_STOP_CONN_REFUSED looks at it. */
    return rc == -ECONNREFUSED ? -ECONNABORTED : rc;
}

const struct zu_proxy zu_tcp_proxy = {
    .size = sizeof(struct zu_socks), .start = proxy_start, .feed = proxy_feed};

const struct zu_transport zu_tcp = {
    .scheme = "tcp",
    .takes_time = true,
    .canonical = canonical,
    .proxy = &zu_tcp_proxy,
    .check = check,
    .listen = tcp_listen,
    .unlisten = unlisten,
    .blocks = blocks,
    .resolve = resolve,
    .open = tcp_open,
    .admit = admit,
    .answers = zu_sockstream_answers,
    .expect = zu_sockstream_expect,
    .is_far = zu_sockstream_is_far,
    .reset = zu_sockstream_reset,
    .name = zu_sockstream_name,
    .peer_address = peer_address,
};
