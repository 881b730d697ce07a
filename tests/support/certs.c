/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/certs.h"

#include "include/zuring.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HERE "DNS:localhost,IP:127.0.0.1,IP:::1"

enum { DAY = 24 * 3600, HOUR = 3600 };

/* Who: signed by whom, from when to when, called what. */
static const struct {
    const char *name, *hosts;
    enum test_identity signer;
    long from, to;
} who_is[TEST_IDENTITIES] = {
    [TEST_CA] = {"Test CA", NULL, TEST_CA, -HOUR, DAY},
    [TEST_OTHER_CA] = {"Other CA", NULL, TEST_OTHER_CA, -HOUR, DAY},
    [TEST_SERVER] = {"server", HERE, TEST_CA, -HOUR, DAY},
    [TEST_CLIENT] = {"client", NULL, TEST_CA, -HOUR, DAY},
    [TEST_EXPIRED] = {"expired", HERE, TEST_CA, -2 * DAY, -DAY},
    [TEST_EARLY] = {"early", HERE, TEST_CA, DAY, 2 * DAY},
    [TEST_ELSEWHERE] = {"elsewhere", "DNS:elsewhere.example,IP:192.0.2.1", TEST_CA, -HOUR, DAY},
    [TEST_FOREIGN] = {"foreign", HERE, TEST_OTHER_CA, -HOUR, DAY},
    [TEST_OWN] = {"own", HERE, TEST_OWN, -HOUR, DAY},
    [TEST_REVOKED] = {"revoked", HERE, TEST_CA, -HOUR, DAY},
};

static struct made {
    EVP_PKEY *key;
    X509 *cert;
    char *key_pem, *cert_pem;
} all[TEST_IDENTITIES];

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "certificates: %s\n", what);
    abort();
}

/* What was written, as a text that stays. */
static char *text_of(BIO *b)
{
    char *bytes;
    long size = BIO_get_mem_data(b, &bytes);
    char *text = calloc(1, (size_t)size + 1);

    need(text, "memory");
    memcpy(text, bytes, (size_t)size);
    BIO_free(b);
    return text;
}

static void extend(X509 *x, X509 *signer, int what, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, signer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, what, value);
    need(e && X509_add_ext(x, e, -1) == 1, value);
    X509_EXTENSION_free(e);
}

static void write_pem(struct made *m)
{
    BIO *key = BIO_new(BIO_s_mem()), *cert = BIO_new(BIO_s_mem());

    need(key && cert, "memory");
    need(PEM_write_bio_PrivateKey(key, m->key, NULL, NULL, 0, NULL, NULL) == 1, "a key as text");
    need(PEM_write_bio_X509(cert, m->cert) == 1, "a certificate as text");
    m->key_pem = text_of(key);
    m->cert_pem = text_of(cert);
}

static struct made *made(enum test_identity who)
{
    struct made *m = &all[who], *signer;
    bool root = who_is[who].signer == who;
    X509_NAME *name;

    if (m->cert)
        return m;
    m->key = EVP_EC_gen("P-256");
    m->cert = X509_new();
    need(m->key && m->cert, "a key");
    signer = root ? m : made(who_is[who].signer);
    X509_set_version(m->cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(m->cert), who + 1);
    X509_gmtime_adj(X509_getm_notBefore(m->cert), who_is[who].from);
    X509_gmtime_adj(X509_getm_notAfter(m->cert), who_is[who].to);
    name = X509_get_subject_name(m->cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)who_is[who].name,
                               -1, -1, 0);
    X509_set_issuer_name(m->cert, X509_get_subject_name(signer->cert));
    X509_set_pubkey(m->cert, m->key);
    if (who <= TEST_OTHER_CA) {
        extend(m->cert, signer->cert, NID_basic_constraints, "critical,CA:TRUE");
        extend(m->cert, signer->cert, NID_key_usage, "critical,keyCertSign,cRLSign");
    }
    if (who_is[who].hosts)
        extend(m->cert, signer->cert, NID_subject_alt_name, who_is[who].hosts);
    need(X509_sign(m->cert, signer->key, EVP_sha256()) > 0, "a signature");
    write_pem(m);
    return m;
}

const char *test_key(enum test_identity who)
{
    return made(who)->key_pem;
}

const char *test_cert(enum test_identity who)
{
    return made(who)->cert_pem;
}

const char *test_revocations(void)
{
    static char *text;
    X509_CRL *list = X509_CRL_new();
    X509_REVOKED *one = X509_REVOKED_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -HOUR), *then = X509_gmtime_adj(NULL, DAY);
    BIO *b = BIO_new(BIO_s_mem());

    need(list && one && now && then && b, "memory");
    if (!text) {
        X509_CRL_set_version(list, 1);
        X509_CRL_set_issuer_name(list, X509_get_subject_name(made(TEST_CA)->cert));
        X509_CRL_set1_lastUpdate(list, now);
        X509_CRL_set1_nextUpdate(list, then);
        X509_REVOKED_set_serialNumber(one, X509_get_serialNumber(made(TEST_REVOKED)->cert));
        X509_REVOKED_set_revocationDate(one, now);
        X509_CRL_add0_revoked(list, one);
        X509_CRL_sort(list);
        need(X509_CRL_sign(list, made(TEST_CA)->key, EVP_sha256()) > 0, "a signature");
        need(PEM_write_bio_X509_CRL(b, list) == 1, "revocations as text");
        text = text_of(b);
    }
    ASN1_TIME_free(now);
    ASN1_TIME_free(then);
    X509_CRL_free(list);
    return text;
}

static void set(void *socket, int option, const char *text)
{
    need(zmq_setsockopt(socket, option, text, strlen(text)) == 0, "an option");
}

void test_be(void *socket, enum test_identity who)
{
    set(socket, ZURING_TLS_KEY_PEM, test_key(who));
    set(socket, ZURING_TLS_CERT_PEM, test_cert(who));
}

void test_trust(void *socket, enum test_identity who)
{
    set(socket, ZURING_TLS_TRUST_PEM, test_cert(who));
}

void test_certify(void *socket)
{
    test_be(socket, TEST_SERVER);
    test_trust(socket, TEST_CA);
}
