/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssl: a context for each way (dialing, accepting) that a set of options is used; of it a
 * connection, whose reads and writes go through a BIO of our own, straight from and into the
 * caller's memory.
 *
 * TLS 1.3 and nothing older; so there is no renegotiation, and no compression. No tickets: each
 * connection shows its certificates, and a stolen memory of one opens no other. Of words between
 * records (new keys, tickets of a server) a peer may send a few before there are bytes again.
 *
 * The library is told to leave nothing for the end of the process: loops may run then.
 */
#include "transports/openssl.h"

#include "engine/base/alloc.h"
#include "engine/base/kept.h"
#include "engine/base/secret.h"
#include "transports/ktls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>

enum {
    WORDS_MAX = 32,
    SECRET_MAX = 48 /* a hash of SHA-384 */,
    REFUSED = 1000 /* OpenSSL's number of the alerts' first */
};

struct zu_openssl {
    SSL *ssl;
    struct zu_openssl_wire *wire;
    bool open;      /* the handshake is over */
    unsigned words; /* of the peer after it, since there were bytes */
    bool asks_keys; /* the peer wants us to change ours */
    bool has_alert;
    uint8_t alert[2]; /* the last we gave */
    uint8_t *secret;  /* what seals our records comes of; until it is asked for, or NULL */
    const char *reason;
};

/* ---- the wire ---- */

/* Room for `more` bytes in `out`. -ENOMEM. */
static int reserve(struct zu_openssl_wire *w, size_t more)
{
    size_t room;
    uint8_t *bytes;

    if (more <= w->out_room - w->filled)
        return 0;
    if (w->lent)
        return -ENOMEM;
    bytes = zu_kept_alloc(w->filled + more, &room);
    if (!bytes)
        return -ENOMEM;
    if (w->filled)
        memcpy(bytes, w->out, w->filled);
    if (w->out)
        zu_kept_free(w->out, w->out_room);
    w->out = bytes;
    w->out_room = room;
    return 0;
}

static int wire_read(BIO *b, char *to, int size)
{
    struct zu_openssl_wire *w = BIO_get_data(b);
    size_t n = size < 0 ? 0 : ZU_MIN((size_t)size, zu_left(&w->in));

    BIO_clear_retry_flags(b);
    if (n == 0) {
        BIO_set_retry_read(b);
        return -1;
    }
    memcpy(to, w->in.at, n);
    w->in.at += n;
    return (int)n;
}

static int wire_write(BIO *b, const char *from, int size)
{
    struct zu_openssl_wire *w = BIO_get_data(b);

    BIO_clear_retry_flags(b);
    if (w->hushed)
        return size;
    if (size <= 0 || reserve(w, (size_t)size) < 0)
        return -1;
    memcpy(w->out + w->filled, from, (size_t)size);
    w->filled += (size_t)size;
    return size;
}

static long wire_control(BIO *b, int what, long n, void *p)
{
    (void)b;
    (void)n;
    (void)p;
    return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *wire_method;

static void init(void)
{
    BIO_METHOD *m;

    if (!OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL) ||
        !(m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "zuring")))
        return;
    BIO_meth_set_read(m, wire_read);
    BIO_meth_set_write(m, wire_write);
    BIO_meth_set_ctrl(m, wire_control);
    wire_method = m;
}

static bool is_ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, init);
    return wire_method != NULL;
}

/* ---- what is prepared ---- */

/* A key with a passphrase is none that we can use; nobody is asked at a terminal. */
static int no_passphrase(char *to, int size, int writing, void *self)
{
    (void)to;
    (void)size;
    (void)writing;
    (void)self;
    return -1;
}

static BIO *text_of(const char *text)
{
    return BIO_new_mem_buf(text, -1);
}

static bool use_key(SSL_CTX *ctx, const char *text)
{
    BIO *b = text_of(text);
    EVP_PKEY *key = b ? PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL) : NULL;
    bool good = key && SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;

    EVP_PKEY_free(key);
    BIO_free(b);
    return good;
}

/* A certificate and those that lead to its root. */
static bool use_chain(SSL_CTX *ctx, const char *text)
{
    BIO *b = text_of(text);
    X509 *x = b ? PEM_read_bio_X509(b, NULL, no_passphrase, NULL) : NULL;
    bool good = x && SSL_CTX_use_certificate(ctx, x) == 1;
    unsigned long e;

    X509_free(x);
    while (good && (x = PEM_read_bio_X509(b, NULL, no_passphrase, NULL))) {
        good = SSL_CTX_add1_chain_cert(ctx, x) == 1;
        X509_free(x);
    }
    BIO_free(b);
    /* The text's end is told as an error, too; any other is one. */
    e = ERR_peek_last_error();
    return good && ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

/* A certificate that OpenSSL cannot make out (of a kind it does not know; or for want of memory
 * just now, which it would not forget) proves nothing. To ask also has it worked out for all
 * threads. */
static bool is_usable(X509 *x)
{
    return X509_get0_pubkey(x) != NULL && !(X509_get_extension_flags(x) & EXFLAG_INVALID);
}

/* Certificates, at least one that can be used, and lists of revoked ones. */
static bool trust(SSL_CTX *ctx, const char *text)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    BIO *b = text_of(text);
    STACK_OF(X509_INFO) *all = b ? PEM_X509_INFO_read_bio(b, NULL, no_passphrase, NULL) : NULL;
    bool good = all != NULL, some = false;

    for (int i = 0; good && i < sk_X509_INFO_num(all); i++) {
        X509_INFO *it = sk_X509_INFO_value(all, i);

        if (it->x509 && is_usable(it->x509)) {
            some = true;
            good = X509_STORE_add_cert(store, it->x509) == 1;
        }
        if (good && it->crl)
            good = X509_STORE_add_crl(store, it->crl) == 1 &&
                   X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1;
    }
    sk_X509_INFO_pop_free(all, X509_INFO_free);
    BIO_free(b);
    /* Who is trusted is, also where somebody else has signed that he may be. */
    return good && some && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
}

/* Of each word of the handshake, of those after it, and of alerts. */
static void heard_word(int sent, int version, int type, const void *bytes, size_t size, SSL *ssl,
                       void *self)
{
    struct zu_openssl *s = SSL_get_app_data(ssl);

    (void)version;
    (void)self;
    if (!s || !s->open)
        return;
    if (!sent && type == SSL3_RT_HANDSHAKE) {
        s->words++;
        s->asks_keys |= size == 5 && *(const uint8_t *)bytes == SSL3_MT_KEY_UPDATE &&
                        ((const uint8_t *)bytes)[4] == SSL_KEY_UPDATE_REQUESTED;
    }
    if (sent && type == SSL3_RT_ALERT && size == sizeof s->alert) {
        s->has_alert = true;
        memcpy(s->alert, bytes, size);
    }
}

/* ---- keys for the kernel ---- */

/* A line of all secrets as they come up: which, of which connection, and the secret, in hex. Ours
 * is what seals what we send. */
static void heard_secret(const SSL *ssl, const char *line)
{
    static const char *const ours[] = {"CLIENT_TRAFFIC_SECRET_0 ", "SERVER_TRAFFIC_SECRET_0 "};
    struct zu_openssl *s = SSL_get_app_data(ssl);
    const char *mine = ours[SSL_is_server(ssl)], *hex = strrchr(line, ' ');

    if (!s || s->secret || strncmp(line, mine, strlen(mine)) != 0)
        return;
    s->secret = zu_secret_alloc(SECRET_MAX);
    for (size_t i = 0; s->secret && i < SECRET_MAX && hex[1] && hex[2]; i++, hex += 2)
        s->secret[i] = (uint8_t)(OPENSSL_hexchar2int((unsigned char)hex[1]) << 4 |
                                 OPENSSL_hexchar2int((unsigned char)hex[2]));
}

/* RFC 8446's HKDF-Expand-Label, which needs one round of HMAC for what is no longer than a hash. */
static bool expand(const EVP_MD *md, const uint8_t *secret, const char *label, uint8_t *to,
                   size_t size)
{
    uint8_t info[32], made[EVP_MAX_MD_SIZE];
    size_t label_size = strlen(label), n = 0;
    bool good;

    info[n++] = 0;
    info[n++] = (uint8_t)size;
    info[n++] = (uint8_t)label_size;
    memcpy(info + n, label, label_size);
    n += label_size;
    info[n++] = 0; /* no context */
    info[n++] = 1; /* the first round */
    good = HMAC(md, secret, EVP_MD_get_size(md), info, n, made, NULL) != NULL;
    if (good)
        memcpy(to, made, size);
    OPENSSL_cleanse(made, sizeof made);
    return good;
}

bool zu_openssl_keys(struct zu_openssl *s, struct zu_openssl_keys *k)
{
    const SSL_CIPHER *c = SSL_get_current_cipher(s->ssl);
    const EVP_MD *md = c ? SSL_CIPHER_get_handshake_digest(c) : NULL;
    bool good = false;

    memset(k, 0, sizeof *k);
    if (s->secret && md) {
        k->suite = SSL_CIPHER_get_protocol_id(c);
        good = expand(md, s->secret, "tls13 key", k->key, k->suite == 0x1301 ? 16 : 32) &&
               expand(md, s->secret, "tls13 iv", k->iv, sizeof k->iv);
        ERR_clear_error();
    }
    zu_secret_free(s->secret);
    s->secret = NULL;
    return good;
}

void zu_openssl_forget_keys(struct zu_openssl_keys *k)
{
    OPENSSL_cleanse(k, sizeof *k);
}

void zu_openssl_hush(struct zu_openssl *s)
{
    s->wire->hushed = true;
}

bool zu_openssl_alert(struct zu_openssl *s, uint8_t alert[2])
{
    bool has = s->has_alert;

    s->has_alert = false;
    memcpy(alert, s->alert, sizeof s->alert);
    return has;
}

/* ---- what is prepared, again ---- */

static bool set_up(SSL_CTX *ctx, const struct zu_tls *t, bool accepts)
{
    bool asks = accepts ? t->client_certificate : !t->insecure;

    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_msg_callback(ctx, heard_word);
    if (zu_ktls_is_there())
        SSL_CTX_set_keylog_callback(ctx, heard_secret);
    if (asks)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (accepts ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                           NULL);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_num_tickets(ctx, 0) != 1 || !t->key != !t->certificate)
        return false;
    if (accepts && !t->key)
        return false;
    if (asks && !t->trust && !t->trust_system)
        return false; /* there would be nobody to let in, or to connect to */
    if (t->certificate && (!use_chain(ctx, t->certificate) || !use_key(ctx, t->key)))
        return false;
    if (t->trust && !trust(ctx, t->trust))
        return false;
    return !t->trust_system || SSL_CTX_set_default_verify_paths(ctx) == 1;
}

static void unprepare(void *prepared)
{
    SSL_CTX_free(prepared);
}

int zu_openssl_prepare(const struct zu_options *o, bool accepts)
{
    struct zu_tls *t = o->tls;
    void **prepared = t ? (accepts ? &t->accepting : &t->dialing) : NULL;
    SSL_CTX *ctx;
    bool good;
    int rc;

    if (!prepared)
        return -EINVAL;
    if (*prepared)
        return 0;
    ERR_set_mark(); /* the program may use OpenSSL, too: what it has not read yet stays */
    ctx = is_ready() ? SSL_CTX_new(accepts ? TLS_server_method() : TLS_client_method()) : NULL;
    good = ctx && set_up(ctx, t, accepts);
    rc = !ctx || ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE ? -ENOMEM : -EINVAL;
    ERR_pop_to_mark();
    if (!good) {
        SSL_CTX_free(ctx);
        return rc;
    }
    t->unprepare = unprepare;
    *prepared = ctx;
    return 0;
}

/* ---- a connection ---- */

/* Whom the certificate has to name, and the server is told that we look for. */
static bool expect_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *p = SSL_get0_param(ssl);

    if (X509_VERIFY_PARAM_set1_ip_asc(p, host) == 1)
        return true;
    X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(p, host, 0) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

int zu_openssl_new(struct zu_openssl **out, struct zu_openssl_wire *wire,
                   const struct zu_options *o, bool accepted, const char *host)
{
    struct zu_openssl *s = zu_alloc_zero(sizeof *s);
    BIO *b = BIO_new(wire_method);

    if (s)
        s->ssl = SSL_new(accepted ? o->tls->accepting : o->tls->dialing);
    if (o->tls->hostname)
        host = o->tls->hostname;
    if (!s || !s->ssl || !b || (!accepted && !expect_host(s->ssl, host))) {
        ERR_clear_error();
        BIO_free(b);
        zu_openssl_free(s);
        return -ENOMEM;
    }
    BIO_set_data(b, wire);
    BIO_set_init(b, 1);
    SSL_set_bio(s->ssl, b, b);
    SSL_set_app_data(s->ssl, s);
    if (accepted)
        SSL_set_accept_state(s->ssl);
    else
        SSL_set_connect_state(s->ssl);
    s->wire = wire;
    *out = s;
    return 0;
}

void zu_openssl_free(struct zu_openssl *s)
{
    if (s) {
        SSL_free(s->ssl);
        zu_secret_free(s->secret);
    }
    zu_free(s);
}

const char *zu_openssl_reason(const struct zu_openssl *s)
{
    return s->reason;
}

/* Is the alert about who we say we are? */
static bool is_refusal(int alert)
{
    switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
    case SSL_AD_UNRECOGNIZED_NAME: return true;
    default: return false;
    }
}

/* What became of a call that did not succeed. */
static int judge(struct zu_openssl *s, int rc)
{
    int error = SSL_get_error(s->ssl, rc);
    unsigned long e = ERR_peek_error();
    long verified = SSL_get_verify_result(s->ssl);
    int why = ERR_GET_REASON(e);

    ERR_clear_error();
    if (error == SSL_ERROR_WANT_READ)
        return -EAGAIN;
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (error == SSL_ERROR_SYSCALL) /* the wire's, which only memory can fail */
        return -ENOMEM;
    if (why == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
        s->reason = X509_verify_cert_error_string(verified);
        return -EKEYREJECTED;
    }
    s->reason = e ? ERR_reason_error_string(e) : NULL;
    if (ERR_GET_LIB(e) == ERR_LIB_SSL && (why == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE ||
                                          (why >= REFUSED && is_refusal(why - REFUSED))))
        return -EKEYREJECTED;
    return why == ERR_R_MALLOC_FAILURE ? -ENOMEM : -EPROTO;
}

int zu_openssl_shake(struct zu_openssl *s)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(s->ssl);

    if (rc == 1) {
        s->open = true;
        return 0;
    }
    rc = judge(s, rc);
    return rc == 0 ? -EPROTO : rc; /* the peer's goodbye, before he came */
}

static bool must_change_keys(const struct zu_openssl *s)
{
    return s->asks_keys && s->wire->hushed;
}

ssize_t zu_openssl_read(struct zu_openssl *s, void *bytes, size_t size)
{
    size_t n = 0;
    int rc;

    ERR_clear_error();
    rc = SSL_read_ex(s->ssl, bytes, size, &n);
    if (rc == 1 && !must_change_keys(s)) {
        s->words = 0;
        return (ssize_t)n;
    }
    if (must_change_keys(s)) {
        ERR_clear_error();
        s->reason = "the peer asks for new keys, and the kernel keeps its own";
        return -EPROTO;
    }
    rc = judge(s, rc);
    if (rc == -EAGAIN && s->words > WORDS_MAX) {
        s->reason = "too many words between records";
        return -EPROTO;
    }
    return rc;
}

int zu_openssl_write(struct zu_openssl *s, const void *bytes, size_t size)
{
    size_t n = 0;
    int rc = reserve(s->wire, size + ZU_OPENSSL_MARGIN);

    if (rc < 0)
        return rc;
    ERR_clear_error();
    rc = SSL_write_ex(s->ssl, bytes, size, &n);
    if (rc == 1)
        return 0;
    judge(s, rc);
    return -EPROTO; /* for want of memory, too: OpenSSL would fail ever after */
}

void zu_openssl_finish(struct zu_openssl *s)
{
    ERR_clear_error();
    SSL_shutdown(s->ssl);
    ERR_clear_error();
}
