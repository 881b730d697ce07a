/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve: cheapest first. Numbers are read here, without the system's resolver, so that a loop can
 * be sure that they touch neither files nor the network; "127.1" and "0x7f000001" are IPv4 numbers,
 * too, as they are to the system's resolver. Interfaces come before names, since a program that
 * binds to "eth0" does not mean a host of that name.
 */
#include "transports/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

/* Where a host was found; the port and the zone are added at the end. */
union found {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
};

int zu_resolve_family(bool ipv6)
{
    int fd;

    if (!ipv6)
        return AF_INET;
    fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno == EAFNOSUPPORT ? AF_INET : AF_INET6;
    close(fd);
    return AF_INET6;
}

static bool numeric_v4(const char *host, struct in_addr *out)
{
    /* inet_aton would let a blank and anything behind it pass. */
    return host[0] && !strpbrk(host, " \t\n\v\f\r") && inet_aton(host, out);
}

static bool numeric(union found *f, const char *host, int family)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (numeric_v4(host, &v4)) {
        f->any.sa_family = (sa_family_t)family;
        if (family == AF_INET) {
            f->v4.sin_addr = v4;
        } else {
            f->v6.sin6_addr.s6_addr[10] = f->v6.sin6_addr.s6_addr[11] = 0xff;
            memcpy(&f->v6.sin6_addr.s6_addr[12], &v4, sizeof v4);
        }
        return true;
    }
    if (family != AF_INET6 || inet_pton(AF_INET6, host, &v6) != 1)
        return false;
    f->v6.sin6_family = AF_INET6;
    f->v6.sin6_addr = v6;
    return true;
}

bool zu_resolve_blocks(const struct zu_tcp_point *p)
{
    struct in_addr v4;

    /* No name has a colon in it: those are IPv6 addresses, well-formed or not. */
    return p->host[0] && !p->any_host && !strchr(p->host, ':') && !numeric_v4(p->host, &v4);
}

static void any_host(union found *f, int family)
{
    f->any.sa_family = (sa_family_t)family; /* both wildcards are all zeros */
}

static int interface(union found *f, const char *host, int family)
{
    struct ifaddrs *all;
    int rc = -ENODEV;

    if (getifaddrs(&all) < 0)
        return -errno;
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != family || strcmp(i->ifa_name, host) != 0)
            continue;
        memcpy(f, i->ifa_addr, family == AF_INET ? sizeof f->v4 : sizeof f->v6);
        rc = 0;
        break;
    }
    freeifaddrs(all);
    return rc;
}

static int name(union found *f, const char *host, int family)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    struct addrinfo *all;
    int rc;

    if (family == AF_INET6)
        hints.ai_flags = AI_V4MAPPED;
    rc = getaddrinfo(host, NULL, &hints, &all);
    switch (rc) {
    case 0: break;
    case EAI_MEMORY: return -ENOMEM;
    case EAI_SYSTEM: return errno ? -errno : -ENODEV;
    default: return -ENODEV;
    }
    rc = -ENODEV;
    if (all->ai_addrlen <= sizeof *f) {
        memcpy(f, all->ai_addr, all->ai_addrlen);
        rc = 0;
    }
    freeaddrinfo(all);
    return rc;
}

static int host(union found *f, const struct zu_tcp_point *p, int family, unsigned allow)
{
    int rc;

    if (p->any_host) {
        any_host(f, family);
        return allow & ZU_RESOLVE_ANY ? 0 : -ENODEV;
    }
    if (numeric(f, p->host, family))
        return 0;
    if (allow & ZU_RESOLVE_INTERFACE && (rc = interface(f, p->host, family)) != -ENODEV)
        return rc;
    if (allow & ZU_RESOLVE_NAME && zu_resolve_blocks(p))
        return name(f, p->host, family);
    return -ENODEV;
}

/* A zone is the name or the number of an interface. 0 when there is none. */
static uint32_t zone_index(const char *zone)
{
    uint32_t index = if_nametoindex(zone);

    if (index)
        return index;
    for (; *zone >= '0' && *zone <= '9'; zone++) {
        if (index > (INT32_MAX - 9) / 10)
            return 0;
        index = index * 10 + (uint32_t)(*zone - '0');
    }
    return *zone ? 0 : index;
}

int zu_resolve(struct sockaddr_storage *out, socklen_t *size, const struct zu_tcp_point *p,
               int family, unsigned allow)
{
    union found f;
    uint32_t zone = 0;
    int rc;

    memset(&f, 0, sizeof f);
    if (p->zone[0] && (zone = zone_index(p->zone)) == 0)
        return -EINVAL;
    if ((rc = host(&f, p, family, allow)) < 0)
        return rc;
    if (f.any.sa_family == AF_INET) {
        f.v4.sin_port = htons(p->port);
        *size = sizeof f.v4;
    } else {
        f.v6.sin6_port = htons(p->port);
        if (zone)
            f.v6.sin6_scope_id = zone;
        *size = sizeof f.v6;
    }
    *out = f.storage;
    return 0;
}
