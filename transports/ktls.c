/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ktls: the kernel's upper layer protocol "tls", a module that is there or is not. What a kernel
 * that has it would not take (a suite, new keys) it refuses, and then OpenSSL seals as it does
 * everywhere else.
 */
#include "transports/ktls.h"

#include "transports/openssl.h"

#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

enum { ALERT = 21 };

static bool is_there;

/* A socket without a connection is not given it, but is told why. */
static void look(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    is_there =
        fd >= 0 && setsockopt(fd, SOL_TCP, TCP_ULP, "tls", sizeof "tls") < 0 && errno == ENOTCONN;
    if (fd >= 0)
        close(fd);
}

bool zu_ktls_is_there(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, look);
    return is_there;
}

/* A nonce is the salt, which never changes, and after it what is made different by each record. */
#define FILL(to, type, k)                                                                          \
    do {                                                                                           \
        (to)->info.version = TLS_1_3_VERSION;                                                      \
        (to)->info.cipher_type = (type);                                                           \
        memcpy((to)->salt, (k)->iv, sizeof((to)->salt));                                           \
        memcpy((to)->iv, (k)->iv + sizeof((to)->salt), sizeof((to)->iv));                          \
        memcpy((to)->key, (k)->key, sizeof((to)->key));                                            \
    } while (0)

int zu_ktls_start(int fd, const struct zu_openssl_keys *k)
{
    union {
        struct tls12_crypto_info_aes_gcm_128 aes128;
        struct tls12_crypto_info_aes_gcm_256 aes256;
    } u = {.aes256.info.version = 0};
    socklen_t size;
    int rc;

    switch (k->suite) {
    case 0x1301:
        FILL(&u.aes128, TLS_CIPHER_AES_GCM_128, k);
        size = sizeof u.aes128;
        break;
    case 0x1302:
        FILL(&u.aes256, TLS_CIPHER_AES_GCM_256, k);
        size = sizeof u.aes256;
        break;
    default: return -EOPNOTSUPP;
    }
    rc = setsockopt(fd, SOL_TCP, TCP_ULP, "tls", sizeof "tls");
    if (rc == 0)
        rc = setsockopt(fd, SOL_TLS, TLS_TX, &u, size);
    rc = rc < 0 ? -errno : 0;
    explicit_bzero(&u, sizeof u);
    return rc;
}

void zu_ktls_alert_init(struct zu_ktls_alert *a, const uint8_t bytes[2])
{
    memset(a, 0, sizeof *a);
    memcpy(a->bytes, bytes, sizeof a->bytes);
    a->piece = (struct iovec){a->bytes, sizeof a->bytes};
    a->message = (struct msghdr){.msg_iov = &a->piece,
                                 .msg_iovlen = 1,
                                 .msg_control = &a->control,
                                 .msg_controllen = sizeof a->control};
    a->control.head = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(1), .cmsg_level = SOL_TLS, .cmsg_type = TLS_SET_RECORD_TYPE};
    *CMSG_DATA(&a->control.head) = ALERT;
}
