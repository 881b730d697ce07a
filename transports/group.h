/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group: [interface;]group:port, where multicast goes: an IPv4 group in numbers, and an interface
 * by its name or its address.
 * Thread: any.
 */
#ifndef ZU_TRANSPORTS_GROUP_H
#define ZU_TRANSPORTS_GROUP_H

#include <netinet/in.h>
#include <stdint.h>

struct zu_group {
    char interface[INET_ADDRSTRLEN]; /* its address; empty: any */
    char host[INET_ADDRSTRLEN];
    uint16_t port;
};

/* -EINVAL: not such a text. -ENODEV: no such interface. */
int zu_group_parse(struct zu_group *out, const char *text);

#endif
