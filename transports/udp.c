/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything about an endpoint is found out on the caller's thread, names included, so that errors
 * are the caller's. An IPv4 address stays one where IPv6 is allowed, too: a multicast group of IPv4
 * cannot be joined by way of IPv6.
 */
#define ZMQ_BUILD_DRAFT_API
#include "transports/udp.h"

#include "engine/core/msg.h"
#include "include/zmq.h"
#include "transports/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct place {
    struct sockaddr_storage addr;
    socklen_t size;
    bool multicast;
    char interface[ZU_TCP_HOST_SIZE]; /* "": none was named */
};

static struct sockaddr_in *v4_of(struct sockaddr_storage *a)
{
    return (struct sockaddr_in *)a;
}

static struct sockaddr_in6 *v6_of(struct sockaddr_storage *a)
{
    return (struct sockaddr_in6 *)a;
}

/* A mapped address becomes the IPv4 address that it is. */
static void unmap(struct sockaddr_storage *a, socklen_t *size)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = v6_of(a)->sin6_port};

    if (a->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6_of(a)->sin6_addr))
        return;
    memcpy(&v4.sin_addr, &v6_of(a)->sin6_addr.s6_addr[12], sizeof v4.sin_addr);
    memset(a, 0, sizeof *a);
    memcpy(a, &v4, sizeof v4);
    *size = sizeof v4;
}

static bool is_multicast(struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET)
        return IN_MULTICAST(ntohl(v4_of(a)->sin_addr.s_addr));
    return IN6_IS_ADDR_MULTICAST(&v6_of(a)->sin6_addr);
}

/* "[interface;]host:port" */
static int parse(struct place *out, const char *text, const struct zu_options *o, bool bind)
{
    const char *semicolon = strchr(text, ';');
    struct zu_tcp_point p;
    int rc;

    memset(out, 0, sizeof *out);
    if (semicolon) {
        size_t size = (size_t)(semicolon - text);

        if (size == 0 || size >= sizeof out->interface)
            return -EINVAL;
        memcpy(out->interface, text, size);
        text = semicolon + 1;
    }
    if ((rc = zu_tcp_parse_bind(&p, text)) < 0)
        return rc;
    if (!bind && (p.any_host || p.any_port))
        return -EINVAL;
    rc = zu_resolve(&out->addr, &out->size, &p, zu_resolve_family(o->ipv6),
                    ZU_RESOLVE_NAME | (bind ? ZU_RESOLVE_ANY | ZU_RESOLVE_INTERFACE : 0));
    if (rc < 0)
        return bind || rc != -ENODEV ? rc : -EINVAL;
    unmap(&out->addr, &out->size);
    out->multicast = is_multicast(&out->addr);
    return out->interface[0] && !out->multicast ? -EINVAL : 0;
}

/* ---- multicast ---- */

/* The interface by its name, or its IPv4 address; both 0: the system's choice. */
static int find_interface(const struct place *at, int *index, struct in_addr *addr)
{
    *index = 0;
    addr->s_addr = INADDR_ANY;
    if (!at->interface[0] || strcmp(at->interface, "*") == 0)
        return 0;
    *index = (int)if_nametoindex(at->interface);
    if (*index || (at->addr.ss_family == AF_INET && inet_pton(AF_INET, at->interface, addr) == 1))
        return 0;
    return -ENODEV;
}

static int set(int fd, int level, int option, const void *value, socklen_t size)
{
    return setsockopt(fd, level, option, value, size) < 0 ? -errno : 0;
}

static int join_group(int fd, struct place *at)
{
    struct ip_mreqn v4;
    struct ipv6_mreq v6;
    int index, rc = find_interface(at, &index, &v4.imr_address);

    if (rc < 0)
        return rc;
    if (at->addr.ss_family == AF_INET) {
        v4.imr_multiaddr = v4_of(&at->addr)->sin_addr;
        v4.imr_ifindex = index;
        return set(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &v4, sizeof v4);
    }
    v6.ipv6mr_multiaddr = v6_of(&at->addr)->sin6_addr;
    v6.ipv6mr_interface = (unsigned)index;
    return set(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &v6, sizeof v6);
}

/* How what is sent to a group leaves. */
static int aim_at_group(int fd, const struct place *at, const struct zu_options *o)
{
    struct ip_mreqn via;
    int loop = o->multicast_loop, hops = o->multicast_hops, index;
    int rc = find_interface(at, &index, &via.imr_address);

    if (rc < 0)
        return rc;
    if (at->addr.ss_family == AF_INET) {
        via.imr_multiaddr.s_addr = INADDR_ANY;
        via.imr_ifindex = index;
        if ((rc = set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, sizeof loop)) < 0 ||
            (rc = set(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops)) < 0)
            return rc;
        return at->interface[0] ? set(fd, IPPROTO_IP, IP_MULTICAST_IF, &via, sizeof via) : 0;
    }
    if ((rc = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &loop, sizeof loop)) < 0 ||
        (rc = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops)) < 0)
        return rc;
    return index ? set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index) : 0;
}

/* ---- names ---- */

/* "address:port", in numbers; "": there is no such address. */
static void write_point(char *out, size_t room, struct sockaddr_storage a, socklen_t size)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];

    *out = '\0';
    unmap(&a, &size);
    if (getnameinfo((const struct sockaddr *)&a, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(out, room, a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static void write_name(char out[ZU_ENDPOINT_MAX], struct sockaddr_storage a, socklen_t size)
{
    static const char scheme[] = "udp://";

    memcpy(out, scheme, sizeof scheme);
    write_point(out + sizeof scheme - 1, ZU_ENDPOINT_MAX - sizeof scheme + 1, a, size);
}

/* A group is called so, whatever the descriptor is bound to. */
static void name_ends(char local[ZU_ENDPOINT_MAX], char remote[ZU_ENDPOINT_MAX], int fd,
                      const struct place *at, bool bound)
{
    struct sockaddr_storage own;
    socklen_t size = sizeof own;

    *local = *remote = '\0';
    if (!bound)
        write_name(remote, at->addr, at->size);
    if (bound && at->multicast)
        write_name(local, at->addr, at->size);
    else if (getsockname(fd, (struct sockaddr *)&own, &size) == 0)
        write_name(local, own, size);
}

/* ---- descriptors ---- */

static int make(const struct place *at, const struct zu_options *o)
{
    int fd = socket(at->addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    int off = 0, rc = 0;

    if (fd < 0)
        return -errno;
    if (at->addr.ss_family == AF_INET6)
        rc = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (rc == 0 && o->bind_device[0])
        rc =
            set(fd, SOL_SOCKET, SO_BINDTODEVICE, o->bind_device, (socklen_t)strlen(o->bind_device));
    if (rc == 0 && o->sndbuf >= 0)
        rc = set(fd, SOL_SOCKET, SO_SNDBUF, &o->sndbuf, sizeof o->sndbuf);
    if (rc == 0 && o->rcvbuf >= 0)
        rc = set(fd, SOL_SOCKET, SO_RCVBUF, &o->rcvbuf, sizeof o->rcvbuf);
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

/* A group is heard at its port, whatever address the datagram came to; others may hear it, too. */
static int listen_to_group(int fd, struct place *at)
{
    struct sockaddr_storage any = at->addr;
    int on = 1, rc;

    if (any.ss_family == AF_INET)
        v4_of(&any)->sin_addr.s_addr = INADDR_ANY;
    else
        v6_of(&any)->sin6_addr = in6addr_any;
    if ((rc = set(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)) < 0 ||
        (rc = set(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on)) < 0)
        return rc;
    if (bind(fd, (const struct sockaddr *)&any, at->size) < 0)
        return -errno;
    return join_group(fd, at);
}

/* The one that the kernel would choose for the first datagram, so that it can be told; if there is
 * none now there may be one then. */
static void take_a_port(int fd, const struct place *at)
{
    struct sockaddr_storage any = {.ss_family = at->addr.ss_family};

    (void)!bind(fd, (const struct sockaddr *)&any, at->size);
}

static int prepare(int fd, struct place *at, const struct zu_options *o, bool to_bind)
{
    int rc;

    if (!to_bind) {
        rc = at->multicast ? aim_at_group(fd, at, o) : 0;
        take_a_port(fd, at);
        return rc;
    }
    if (at->multicast)
        return listen_to_group(fd, at);
    return bind(fd, (const struct sockaddr *)&at->addr, at->size) < 0 ? -errno : 0;
}

static int udp_open(struct zu_target *to, char local[ZU_ENDPOINT_MAX], char remote[ZU_ENDPOINT_MAX],
                    const char *text, const struct zu_options *o, bool bind)
{
    bool fits = bind ? o->type == ZMQ_DISH || o->type == ZMQ_DGRAM : o->type == ZMQ_RADIO;
    struct place at;
    int fd, rc;

    if (!fits)
        return -ENOCOMPATPROTO;
    if ((rc = parse(&at, text, o, bind)) < 0)
        return rc;
    if ((fd = make(&at, o)) < 0)
        return fd;
    if ((rc = prepare(fd, &at, o, bind)) < 0) {
        close(fd);
        return rc;
    }
    memset(to, 0, sizeof *to);
    if (!bind) {
        to->addr = at.addr;
        to->addr_size = at.size;
    }
    name_ends(local, remote, fd, &at, bind);
    return fd;
}

/* ---- datagrams ---- */

/* "address:port", with or without a NUL at the end: where a DGRAM's message goes. */
static int read_address(struct zu_target *to, struct zu_msg *m, const struct zu_options *o)
{
    char text[ZU_TCP_HOST_SIZE];
    size_t size = zu_msg_size(m);
    struct zu_tcp_point p;
    int rc;

    if (size >= sizeof text)
        return -EINVAL;
    memcpy(text, zu_msg_data(m), size);
    text[size] = '\0';
    if ((rc = zu_tcp_parse_bind(&p, text)) < 0)
        return rc;
    /* In numbers only: a name would have to be looked up here, on the loop. */
    return zu_resolve(&to->addr, &to->addr_size, &p, zu_resolve_family(o->ipv6), 0);
}

static int datagram_write(struct zu_writer *out, struct zu_target *to, struct zu_msg *head,
                          struct zu_msg *body, const struct zu_options *o)
{
    int rc = to ? read_address(to, head, o) : 0;

    if (rc < 0)
        return rc;
    if (!to && (zu_msg_size(head) > ZU_GROUP_MAX || !zu_write_u8(out, (uint8_t)zu_msg_size(head)) ||
                !zu_write_bytes(out, zu_msg_data(head), zu_msg_size(head))))
        return -EMSGSIZE;
    return zu_write_bytes(out, zu_msg_data(body), zu_msg_size(body)) ? 0 : -EMSGSIZE;
}

static int write_address(struct zu_msg *m, const struct zu_target *from)
{
    char text[NI_MAXHOST + NI_MAXSERV + 4];

    write_point(text, sizeof text, from->addr, from->addr_size);
    if (!*text)
        return -EINVAL;
    return zu_msg_init_copy(m, text, strlen(text) + 1); /* the NUL, too, as libzmq has it */
}

static int datagram_read(struct zu_reader *in, const struct zu_target *from, struct zu_msg *head,
                         const struct zu_options *o)
{
    const uint8_t *group;
    uint8_t size;

    if (o->type == ZMQ_DGRAM)
        return write_address(head, from);
    if (!zu_read_u8(in, &size) || !zu_read_bytes(in, &group, size) || memchr(group, 0, size))
        return -EPROTO;
    return zu_msg_init_copy(head, group, size);
}

const struct zu_transport zu_udp = {.scheme = "udp",
                                    .datagram_open = udp_open,
                                    .datagram_write = datagram_write,
                                    .datagram_read = datagram_read};
