/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockstream: what the transports over kernel streams share: descriptors made, tuned, named, and
 * peers let in. Every descriptor is non-blocking and closed on exec.
 * Thread: any. Owner: none; a descriptor that is returned is the caller's. Errors: negative errno.
 */
#ifndef ZU_TRANSPORTS_SOCKSTREAM_H
#define ZU_TRANSPORTS_SOCKSTREAM_H

#include "engine/core/transport.h"

/* A new stream socket: the descriptor or an error. */
int zu_sockstream_make(int family);

/*
 * Takes over a descriptor that the user made (ZMQ_USE_FD): 0, and it is ours; on an error it is
 * still the user's. -EBADF: none; -EINVAL: not listening, or of another family.
 */
int zu_sockstream_adopt(int fd, bool (*family_fits)(int family));

/*
 * The endpoint text of an address: tcp://127.0.0.1:5, tcp://[::1]:5, ipc:///path, ipc://@name,
 * vsock://3:5, tipc://<0.0.0:5>; "" for what is none of these.
 */
void zu_sockstream_text(char out[ZU_ENDPOINT_MAX], const struct sockaddr_storage *a,
                        socklen_t size);
/* The same of a descriptor's own end and of its peer's; "" where the kernel knows none. */
void zu_sockstream_name(int fd, char local[ZU_ENDPOINT_MAX], char remote[ZU_ENDPOINT_MAX]);
/* For a listener: 0, or why its own end cannot be told. */
int zu_sockstream_own_name(int fd, char local[ZU_ENDPOINT_MAX]);

/*
 * What the transports do that have nothing but an address of the kernel's: as the members of the
 * same names. `rc` is what parsing the text has answered; `size` 0: no address, the kernel has one.
 */
int zu_sockstream_listen(struct zu_listening *out, int rc, int family,
                         const struct sockaddr_storage *at, socklen_t size,
                         const struct zu_options *o, bool (*family_fits)(int family));
int zu_sockstream_unlisten(struct zu_listening *l);                         /* nothing is left */
bool zu_sockstream_blocks(const char *text, const struct zu_options *o);    /* never */
int zu_sockstream_admit(int fd, const struct zu_options *o, bool accepted); /* everyone */
/* The peer's endpoint text, without the scheme. */
void zu_sockstream_peer_place(int fd, char out[ZU_ENDPOINT_MAX]);

/* TCP before bind or connect: what must be set early, and what a connection inherits. */
int zu_sockstream_tune_early(int fd, int family, const struct zu_options *o);
/* TCP once there is a connection. */
int zu_sockstream_tune(int fd, const struct zu_options *o, bool accepted);

/* SO_RCVLOWAT. */
void zu_sockstream_expect(int fd, int bytes);
/* Whether the peer's machine answers what TCP sends or probes with. */
bool zu_sockstream_answers(int fd);

/*
 * Whether two ends of a TCP connection are on two machines, as far as addresses tell: neither is a
 * loopback address, and they are not the same. A machine's other address is not recognised.
 */
bool zu_sockstream_is_apart(const struct sockaddr *a, const struct sockaddr *b);
/* The same of a connected descriptor. */
bool zu_sockstream_is_far(int fd);
/* Resets a TCP connection, whoever else has it open: what is not acknowledged is dropped. */
void zu_sockstream_reset(int fd);

/* The accept filter of TCP: 0, or -EPERM when the peer matches none of a list that is not empty. */
int zu_sockstream_filter_address(int fd, const struct zu_options *o);
/* The user, group and process filters of AF_UNIX, likewise. */
int zu_sockstream_filter_credentials(int fd, const struct zu_options *o);

#endif
