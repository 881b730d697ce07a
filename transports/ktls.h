/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ktls: TLS in the kernel, for what a connection sends: its bytes go to the kernel as they are, and
 * it seals them. What comes is opened by OpenSSL all the same.
 *
 * Thread: any; of a descriptor its own.
 */
#ifndef ZU_TRANSPORTS_KTLS_H
#define ZU_TRANSPORTS_KTLS_H

#include "engine/base/base.h"

#include <sys/socket.h>

struct zu_openssl_keys;

bool zu_ktls_is_there(void); /* asked once in a process */

/* From now on the kernel seals what is sent on the connection. Else a negative errno: it does not
 * (not with this suite), and all is as before. */
int zu_ktls_start(int fd, const struct zu_openssl_keys *k);

/* A word that is no data, as it is sent where the kernel seals. */
struct zu_ktls_alert {
    uint8_t bytes[2];
    struct iovec piece;
    struct msghdr message;
    union {
        struct cmsghdr head;
        uint8_t room[CMSG_SPACE(1)];
    } control;
};

void zu_ktls_alert_init(struct zu_ktls_alert *a, const uint8_t bytes[2]);

#endif
