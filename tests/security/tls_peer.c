/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/security/tls_peer.h"

#include "tests/support/plain.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* What became of the last call, for the message of a test that fails. */
static const char *why(const struct tls_peer *p, int rc)
{
    int error = SSL_get_error(p->ssl, rc), number = errno;
    unsigned long e = ERR_peek_error();

    return test_text("SSL error %d, %s, errno %d %s, in %s", error,
                     e ? ERR_error_string(e, NULL) : "no reason", number, strerror(number),
                     SSL_state_string_long(p->ssl));
}

/* The call on the peer's connection succeeds; else the test says what OpenSSL says. */
#define GOES(p, call)                                                                              \
    do {                                                                                           \
        int rc_;                                                                                   \
        ERR_clear_error();                                                                         \
        errno = 0;                                                                                 \
        rc_ = (call);                                                                              \
        cr_assert(rc_ == 1, "%s: %s", #call, why(p, rc_));                                         \
    } while (0)

static void make(struct tls_peer *p, int fd, enum test_identity who)
{
    struct timeval patience = {TEST_DEADLINE_MS / 1000, 0};

    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes, it does not send */
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    p->fd = fd;
    p->ctx = SSL_CTX_new(TLS_method());
    cr_assert_not_null(p->ctx);
    if (who != TLS_NOBODY) {
        BIO *key = BIO_new_mem_buf(test_key(who), -1), *cert = BIO_new_mem_buf(test_cert(who), -1);
        EVP_PKEY *k = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
        X509 *x = PEM_read_bio_X509(cert, NULL, NULL, NULL);

        cr_assert_eq(SSL_CTX_use_certificate(p->ctx, x), 1);
        cr_assert_eq(SSL_CTX_use_PrivateKey(p->ctx, k), 1);
        EVP_PKEY_free(k);
        X509_free(x);
        BIO_free(key);
        BIO_free(cert);
    }
    p->ssl = SSL_new(p->ctx);
    cr_assert_not_null(p->ssl);
    SSL_set_fd(p->ssl, fd);
}

struct tls_peer tls_dial(const char *endpoint, enum test_identity who)
{
    struct tls_peer p;

    make(&p, test_plain_connect(endpoint), who);
    GOES(&p, SSL_connect(p.ssl));
    return p;
}

struct tls_peer tls_dial_by(const char *endpoint, const char *suite)
{
    struct tls_peer p;

    make(&p, test_plain_connect(endpoint), TLS_NOBODY);
    GOES(&p, SSL_set_ciphersuites(p.ssl, suite));
    GOES(&p, SSL_connect(p.ssl));
    return p;
}

bool tls_dial_old(const char *endpoint)
{
    struct tls_peer p;
    bool good;

    make(&p, test_plain_connect(endpoint), TLS_NOBODY);
    SSL_set_max_proto_version(p.ssl, TLS1_2_VERSION);
    good = SSL_connect(p.ssl) == 1;
    tls_hang_up(&p);
    return good;
}

bool tls_take(struct tls_peer *p, int listener, enum test_identity who)
{
    make(p, test_plain_accept(listener), who);
    return SSL_accept(p->ssl) == 1;
}

void tls_say(struct tls_peer *p, const void *bytes, size_t size)
{
    size_t n;

    GOES(p, SSL_write_ex(p->ssl, bytes, size, &n));
    cr_assert_eq(n, size);
}

void tls_hear(struct tls_peer *p, void *bytes, size_t size)
{
    for (size_t at = 0, n; at < size; at += n)
        GOES(p, SSL_read_ex(p->ssl, (char *)bytes + at, size - at, &n));
}

bool tls_hear_end(struct tls_peer *p)
{
    char bytes[4096];
    size_t n;
    int rc;

    while ((rc = SSL_read_ex(p->ssl, bytes, sizeof bytes, &n)) == 1)
        ;
    return SSL_get_error(p->ssl, rc) == SSL_ERROR_ZERO_RETURN;
}

int tls_hear_alert(struct tls_peer *p)
{
    int why;

    ERR_clear_error();
    cr_assert_not(tls_hear_end(p));
    why = ERR_GET_REASON(ERR_peek_error());
    return why > SSL_AD_REASON_OFFSET ? why - SSL_AD_REASON_OFFSET : 0;
}

bool tls_renew_keys(struct tls_peer *p, bool both)
{
    return SSL_key_update(p->ssl, both ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) ==
               1 &&
           SSL_do_handshake(p->ssl) == 1;
}

void tls_say_goodbye(struct tls_peer *p)
{
    SSL_shutdown(p->ssl);
}

void tls_hang_up(struct tls_peer *p)
{
    close(p->fd);
    SSL_free(p->ssl);
    SSL_CTX_free(p->ctx);
    p->fd = -1;
}

void tls_shake_zmtp(struct tls_peer *p, const char *type)
{
    unsigned char bytes[64] = {0xff, [9] = 0x7f, 3, 1, 'N', 'U', 'L', 'L'}, head[2];
    size_t size = strlen(type), all = 6 + 1 + 11 + 4 + size;
    unsigned char ready[64] = {4,   (unsigned char)all,
                               5,   'R',
                               'E', 'A',
                               'D', 'Y',
                               11,  'S',
                               'o', 'c',
                               'k', 'e',
                               't', '-',
                               'T', 'y',
                               'p', 'e',
                               0,   0,
                               0,   (unsigned char)size};

    tls_say(p, bytes, sizeof bytes);
    tls_hear(p, bytes, sizeof bytes);
    memcpy(ready + 24, type, size);
    tls_say(p, ready, all + 2);
    tls_hear(p, head, 2);
    cr_assert_eq(head[0], 4);
    cr_assert_leq(head[1], sizeof bytes);
    tls_hear(p, bytes, head[1]);
    cr_assert_arr_eq(bytes, "\5READY", 6);
}

void tls_say_part(struct tls_peer *p, const char *text)
{
    unsigned char frame[2 + 255] = {0, (unsigned char)strlen(text)};

    memcpy(frame + 2, text, frame[1]);
    tls_say(p, frame, 2u + frame[1]);
}

void tls_hear_part(struct tls_peer *p, const char *text)
{
    unsigned char frame[2 + 255];

    tls_hear(p, frame, 2 + strlen(text));
    cr_assert_eq(frame[0], 0);
    cr_assert_eq(frame[1], strlen(text));
    cr_assert_arr_eq(frame + 2, text, strlen(text));
}
