/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve: hosts to addresses: numbers, names of network interfaces, names that the system's
 * resolver knows.
 * Thread: any; a look-up of a name blocks for as long as the system's resolver does, so a loop asks
 * zu_resolve_blocks first.
 */
#ifndef ZU_TRANSPORTS_RESOLVE_H
#define ZU_TRANSPORTS_RESOLVE_H

#include "transports/tcp_address.h"

#include <sys/socket.h>

/* What may stand where the host is; an address in numbers always may. */
enum zu_resolve_allow {
    ZU_RESOLVE_ANY = 1,       /* '*' */
    ZU_RESOLVE_INTERFACE = 2, /* "lo", "eth0": its first address of the family */
    ZU_RESOLVE_NAME = 4,      /* "example.org": the first answer */
};

/* AF_INET6 when that is wished for and the kernel has it, else AF_INET. */
int zu_resolve_family(bool ipv6);

/* Whether zu_resolve of this point would ask the system's resolver, were it allowed to. */
bool zu_resolve_blocks(const struct zu_tcp_point *p);

/*
 * Address and port of a point, in the family given; an IPv4 address becomes a mapped one where the
 * family is AF_INET6. -EINVAL: no such zone. -ENODEV: no such host. -ENOMEM, and what the system's
 * resolver met.
 */
int zu_resolve(struct sockaddr_storage *out, socklen_t *size, const struct zu_tcp_point *p,
               int family, unsigned allow);

#endif
