/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface becomes its address here, since libraries read names as networks', or look only at
 * some, and to know it has to be asked for anyway.
 */
#include "transports/group.h"

#include "transports/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int name_interface(char out[INET_ADDRSTRLEN], const char *text, size_t size)
{
    struct zu_tcp_point p = {0};
    struct sockaddr_storage a;
    socklen_t a_size;
    int rc;

    if (size == 0 || size >= sizeof p.host)
        return -EINVAL;
    memcpy(p.host, text, size);
    if ((rc = zu_resolve(&a, &a_size, &p, AF_INET, ZU_RESOLVE_INTERFACE)) < 0)
        return rc;
    return inet_ntop(AF_INET, &((struct sockaddr_in *)&a)->sin_addr, out, INET_ADDRSTRLEN) ? 0
                                                                                           : -errno;
}

int zu_group_parse(struct zu_group *out, const char *text)
{
    const char *semicolon = strchr(text, ';'), *group = semicolon ? semicolon + 1 : text;
    const char *colon = strrchr(group, ':');
    struct in_addr a;
    char *end;
    long port;

    memset(out, 0, sizeof *out);
    if (!colon || colon[1] < '0' || colon[1] > '9')
        return -EINVAL;
    port = strtol(colon + 1, &end, 10);
    if (*end || port < 1 || port > UINT16_MAX || (size_t)(colon - group) >= sizeof out->host)
        return -EINVAL;
    out->port = (uint16_t)port;
    memcpy(out->host, group, (size_t)(colon - group));
    if (inet_pton(AF_INET, out->host, &a) != 1 || !IN_MULTICAST(ntohl(a.s_addr)))
        return -EINVAL;
    return semicolon ? name_interface(out->interface, text, (size_t)(semicolon - text)) : 0;
}
