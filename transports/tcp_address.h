/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp_address: the text behind tcp:// taken apart, and no more: nothing is looked up, nothing is
 * allocated. A text is a point (host and port), for a connect with an optional source point before
 * it: "source_host:port;host:port".
 * Thread: any. Owner: nobody; results are plain values.
 */
#ifndef ZU_TRANSPORTS_TCP_ADDRESS_H
#define ZU_TRANSPORTS_TCP_ADDRESS_H

#include "engine/base/base.h"

#define ZU_TCP_HOST_SIZE 256 /* a DNS name has at most 253 characters */
#define ZU_TCP_ZONE_SIZE 16  /* as the kernel's names of interfaces */

struct zu_tcp_point {
    char host[ZU_TCP_HOST_SIZE]; /* without brackets and zone; may be empty */
    char zone[ZU_TCP_ZONE_SIZE]; /* what stood behind '%', a name or a number; "": none */
    bool any_host;               /* "*" */
    bool any_port;               /* "*", as opposed to a number */
    uint16_t port;
};

struct zu_tcp_address {
    struct zu_tcp_point to;
    struct zu_tcp_point from; /* valid when sourced */
    bool sourced;
};

/*
 * What zmq_connect asks: characters and shape only. Texts that can never lead anywhere pass here,
 * and fail at each attempt, because programs written for libzmq count on it. 0 or -EINVAL.
 */
int zu_tcp_check(const char *text);

/* A point to listen at. -EINVAL: no port, a port that is no number, a path, a source. */
int zu_tcp_parse_bind(struct zu_tcp_point *out, const char *text);

/* Where to connect to, and from where. -EINVAL as above, and for a wildcard as destination. */
int zu_tcp_parse_connect(struct zu_tcp_address *out, const char *text);

/*
 * The destination of a connect, for a proxy to look up: the host without brackets, zone and source.
 * -EINVAL as above, or when `size` is too small for the host.
 */
int zu_tcp_split(const char *text, char *host, size_t size, uint16_t *port);

#endif
