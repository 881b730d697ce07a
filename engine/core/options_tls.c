/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of TLS: who this side is, and whom it believes. Most sockets have none, so all of it is
 * one counted piece, which the sets of a socket share; a change makes another. What a transport
 * makes of it, at the first bind or connect, is kept with it, so that a thousand connects parse
 * one certificate once.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/core/options.h"

#include "engine/base/alloc.h"
#include "engine/base/secret.h"
#include "include/zuring.h"

#include <errno.h>
#include <string.h>

static struct zu_tls *new_tls(void)
{
    struct zu_tls *t = zu_alloc_zero(sizeof *t);

    if (t)
        atomic_init(&t->refs, 1);
    return t;
}

static struct zu_tls *hold(struct zu_tls *t)
{
    if (t) /* relaxed: who holds has a count already */
        atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

static void drop(struct zu_tls *t)
{
    /* [TL1] acq_rel, pairs with itself: the reads of all others are over. */
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (t->dialing)
        t->unprepare(t->dialing);
    if (t->accepting)
        t->unprepare(t->accepting);
    zu_secret_free(t->key);
    zu_free(t->certificate);
    zu_free(t->trust);
    zu_free(t->hostname);
    zu_free(t);
}

void zu_options_share_tls(struct zu_options *to, const struct zu_options *from)
{
    to->tls = hold(from->tls);
}

void zu_options_free_tls(struct zu_options *o)
{
    drop(o->tls);
}

/* A text of `size` bytes, perhaps with its NUL; none: NULL. What stood behind another NUL would be
 * overlooked, and be it who is revoked. */
static int copy_text(char **to, const void *bytes, size_t size, void *(*alloc)(size_t))
{
    *to = NULL;
    if (size == 0)
        return 0;
    if (!bytes || size == SIZE_MAX)
        return -EINVAL;
    size -= ((const char *)bytes)[size - 1] == '\0';
    if (size == 0)
        return 0;
    if (memchr(bytes, '\0', size))
        return -EINVAL;
    *to = alloc(size + 1);
    if (!*to)
        return -ENOMEM;
    memcpy(*to, bytes, size);
    (*to)[size] = '\0';
    return 0;
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) : 0;
}

static int set_switch(bool *v, const void *value, size_t size)
{
    int given;

    if (zu_given_int(&given, value, size) < 0 || given < 0 || given > 1)
        return -EINVAL;
    *v = given;
    return 0;
}

/* `value` where it is the one that is set, else what there was. */
static int replace(char **to, const char *old, bool chosen, const void *value, size_t size,
                   void *(*alloc)(size_t))
{
    return chosen ? copy_text(to, value, size, alloc) : copy_text(to, old, text_size(old), alloc);
}

static int change(struct zu_tls *t, const struct zu_tls *old, int option, const void *value,
                  size_t size)
{
    int rc = replace(&t->key, old->key, option == ZMQ_WSS_KEY_PEM, value, size, zu_secret_alloc);

    t->trust_system = old->trust_system;
    t->insecure = old->insecure;
    t->client_certificate = old->client_certificate;
    if (rc == 0)
        rc = replace(&t->certificate, old->certificate, option == ZMQ_WSS_CERT_PEM, value, size,
                     zu_alloc);
    if (rc == 0)
        rc = replace(&t->trust, old->trust, option == ZMQ_WSS_TRUST_PEM, value, size, zu_alloc);
    if (rc == 0)
        rc =
            replace(&t->hostname, old->hostname, option == ZMQ_WSS_HOSTNAME, value, size, zu_alloc);
    if (rc == 0 && option == ZMQ_WSS_TRUST_SYSTEM)
        rc = set_switch(&t->trust_system, value, size);
    if (rc == 0 && option == ZURING_TLS_INSECURE)
        rc = set_switch(&t->insecure, value, size);
    if (rc == 0 && option == ZURING_TLS_CLIENT_CERTIFICATE)
        rc = set_switch(&t->client_certificate, value, size);
    return rc;
}

static bool is_ours(int option)
{
    switch (option) {
    case ZMQ_WSS_KEY_PEM:
    case ZMQ_WSS_CERT_PEM:
    case ZMQ_WSS_TRUST_PEM:
    case ZMQ_WSS_HOSTNAME:
    case ZMQ_WSS_TRUST_SYSTEM:
    case ZURING_TLS_INSECURE:
    case ZURING_TLS_CLIENT_CERTIFICATE: return ZU_HAS_TLS;
    default: return false;
    }
}

int zu_options_set_tls(struct zu_options *o, int option, const void *value, size_t size)
{
    static const struct zu_tls none;
    struct zu_tls *t;
    int rc;

    if (!is_ours(option))
        return -EINVAL;
    if (!(t = new_tls()))
        return -ENOMEM;
    rc = change(t, o->tls ? o->tls : &none, option, value, size);
    if (rc < 0) {
        drop(t);
        return rc;
    }
    drop(o->tls);
    o->tls = t;
    return 0;
}

int zu_options_get_tls(const struct zu_options *o, int option, void *value, size_t *size)
{
    if (!is_ours(option))
        return -EINVAL;
    switch (option) {
    case ZURING_TLS_INSECURE: return zu_answer_int(o->tls && o->tls->insecure, value, size);
    case ZURING_TLS_CLIENT_CERTIFICATE:
        return zu_answer_int(o->tls && o->tls->client_certificate, value, size);
    default: return -EINVAL; /* what libzmq does not tell either */
    }
}
