/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of security. Which mechanism holds follows from what was set last: a name, a password or
 * a key makes this side a client of its mechanism, a server flag of 1 a server, and one of 0 leads
 * back to NULL, whatever the mechanism was; but that of GSSAPI stays with GSSAPI.
 */
#include "engine/core/options.h"

#include "engine/base/alloc.h"
#include "engine/base/secret.h"
#include "engine/base/z85.h"
#include "include/zmq.h"

#include <errno.h>
#include <string.h>

static void choose(struct zu_options *o, int mechanism, bool as_server)
{
    o->mechanism = mechanism;
    o->as_server = as_server;
}

const struct zu_keys *zu_options_keys(const struct zu_options *o)
{
    static const struct zu_keys none;

    return o->keys ? o->keys : &none;
}

const struct zu_security *zu_options_security(const struct zu_options *o)
{
    static const struct zu_security none;

    return o->security ? o->security : &none;
}

const struct zu_kerberos *zu_options_kerberos(const struct zu_options *o)
{
    static const struct zu_kerberos none;

    return o->kerberos ? o->kerberos : &none;
}

bool zu_options_copy_security(struct zu_options *to, const struct zu_options *from)
{
    to->keys = from->keys ? zu_secret_alloc(sizeof *to->keys) : NULL;
    to->security = from->security ? zu_memdup(from->security, sizeof *from->security) : NULL;
    to->kerberos = from->kerberos ? zu_memdup(from->kerberos, sizeof *from->kerberos) : NULL;
    if ((from->keys && !to->keys) || (from->security && !to->security) ||
        (from->kerberos && !to->kerberos))
        return false;
    if (from->keys)
        memcpy(to->keys, from->keys, sizeof *to->keys);
    return true;
}

void zu_options_free_security(struct zu_options *o)
{
    zu_free(o->security);
    zu_free(o->kerberos);
    zu_secret_free(o->keys);
}

static int make_security(struct zu_options *o)
{
    if (!o->security)
        o->security = zu_alloc_zero(sizeof *o->security);
    return o->security ? 0 : -ENOMEM;
}

static int make_keys(struct zu_options *o)
{
    static_assert(sizeof *o->keys <= ZU_SECRET_MAX, "they fit");
    if (!o->keys)
        o->keys = zu_secret_alloc(sizeof *o->keys);
    return o->keys ? 0 : -ENOMEM;
}

static int set_text(struct zu_text *text, const void *value, size_t size)
{
    if (!value || size < 1 || size >= sizeof text->bytes)
        return -EINVAL;
    explicit_bzero(text, sizeof *text);
    memcpy(text->bytes, value, size);
    text->size = (uint8_t)size;
    return 0;
}

static int set_server(struct zu_options *o, int mechanism, const void *value, size_t size)
{
    int given;

    if (zu_given_int(&given, value, size) < 0 || given < 0 || given > 1)
        return -EINVAL;
    choose(o, given ? mechanism : ZMQ_NULL, given);
    return 0;
}

static int set_plain_word(struct zu_options *o, struct zu_text *word, const void *value,
                          size_t size)
{
    int rc = 0;

    if (!value && size == 0) {
        choose(o, ZMQ_NULL, false);
        return 0;
    }
    rc = set_text(word, value, size);
    if (rc == 0)
        choose(o, ZMQ_PLAIN, false);
    return rc;
}

enum { KEY = 32, KEY_DIGITS = 40 };

/* 32 bytes; or 40 digits, with or without a NUL. */
static int read_key(uint8_t key[KEY], const void *value, size_t size)
{
    char digits[KEY_DIGITS + 1];
    int rc = -EINVAL;

    if (!value)
        return rc;
    if (size == KEY) {
        memcpy(key, value, KEY);
        return 0;
    }
    if (size != KEY_DIGITS && size != KEY_DIGITS + 1)
        return rc;
    memcpy(digits, value, KEY_DIGITS);
    digits[KEY_DIGITS] = '\0';
    if (strlen(digits) == KEY_DIGITS && (size == KEY_DIGITS || !((const char *)value)[KEY_DIGITS]))
        rc = zu_z85_decode(key, digits);
    explicit_bzero(digits, sizeof digits);
    return rc;
}

static int set_key(struct zu_options *o, uint8_t key[KEY], bool as_server, const void *value,
                   size_t size)
{
    int rc = read_key(key, value, size);

    if (rc == 0)
        choose(o, ZMQ_CURVE, as_server);
    return rc;
}

static int set_secret(struct zu_options *o, int option, const void *value, size_t size)
{
    int rc = make_keys(o);

    if (rc < 0)
        return rc;
    return option == ZMQ_PLAIN_PASSWORD
               ? set_plain_word(o, &o->keys->plain_password, value, size)
               : set_key(o, o->keys->curve_secret_key, o->as_server, value, size);
}

static int set_public(struct zu_options *o, int option, const void *value, size_t size)
{
    int rc = make_security(o);

    if (rc < 0)
        return rc;
    switch (option) {
    case ZMQ_ZAP_DOMAIN: return set_text(&o->security->zap_domain, value, size);
    case ZMQ_PLAIN_USERNAME: return set_plain_word(o, &o->security->plain_username, value, size);
    case ZMQ_CURVE_PUBLICKEY:
        return set_key(o, o->security->curve_public_key, o->as_server, value, size);
    default: return set_key(o, o->security->curve_server_key, false, value, size);
    }
}

/* ---- GSSAPI ---- */

#if ZU_HAS_GSSAPI
static int set_principal(struct zu_options *o, int option, const void *value, size_t size)
{
    bool service = option == ZMQ_GSSAPI_SERVICE_PRINCIPAL;
    int rc = set_text(service ? &o->kerberos->service : &o->kerberos->principal, value, size);

    if (rc == 0)
        choose(o, ZMQ_GSSAPI, !service && o->as_server);
    return rc;
}

static int set_name_type(int *type, const void *value, size_t size)
{
    int given;

    if (zu_given_int(&given, value, size) < 0 || given < ZMQ_GSSAPI_NT_HOSTBASED ||
        given > ZMQ_GSSAPI_NT_KRB5_PRINCIPAL)
        return -EINVAL;
    *type = given;
    return 0;
}

static int set_switch(bool *on, const void *value, size_t size)
{
    int given;

    if (zu_given_int(&given, value, size) < 0 || given < 0 || given > 1)
        return -EINVAL;
    *on = given;
    return 0;
}

static int set_kerberos(struct zu_options *o, int option, const void *value, size_t size)
{
    if (!o->kerberos)
        o->kerberos = zu_alloc_zero(sizeof *o->kerberos);
    if (!o->kerberos)
        return -ENOMEM;
    switch (option) {
    case ZMQ_GSSAPI_PRINCIPAL_NAMETYPE:
        return set_name_type(&o->kerberos->principal_type, value, size);
    case ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE:
        return set_name_type(&o->kerberos->service_type, value, size);
    default: return set_principal(o, option, value, size);
    }
}

static int set_gssapi(struct zu_options *o, int option, const void *value, size_t size)
{
    bool on;
    int rc;

    switch (option) {
    case ZMQ_GSSAPI_PLAINTEXT: return set_switch(&o->gssapi_plaintext, value, size);
    case ZMQ_GSSAPI_SERVER: /* unlike the others' server flags */
        rc = set_switch(&on, value, size);
        if (rc == 0)
            choose(o, ZMQ_GSSAPI, on);
        return rc;
    case ZMQ_GSSAPI_PRINCIPAL:
    case ZMQ_GSSAPI_SERVICE_PRINCIPAL:
    case ZMQ_GSSAPI_PRINCIPAL_NAMETYPE:
    case ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE: return set_kerberos(o, option, value, size);
    default: return -EINVAL;
    }
}
#else
static int set_gssapi(struct zu_options *o, int option, const void *value, size_t size)
{
    (void)o, (void)option, (void)value, (void)size;
    return -EINVAL; /* this build has no Kerberos */
}
#endif

int zu_options_set_security(struct zu_options *o, int option, const void *value, size_t size)
{
    switch (option) {
    case ZMQ_PLAIN_SERVER: return set_server(o, ZMQ_PLAIN, value, size);
    case ZMQ_CURVE_SERVER: return set_server(o, ZMQ_CURVE, value, size);
    case ZMQ_CURVE_SECRETKEY:
    case ZMQ_PLAIN_PASSWORD: return set_secret(o, option, value, size);
    case ZMQ_ZAP_DOMAIN:
    case ZMQ_PLAIN_USERNAME:
    case ZMQ_CURVE_PUBLICKEY:
    case ZMQ_CURVE_SERVERKEY: return set_public(o, option, value, size);
    default: return set_gssapi(o, option, value, size);
    }
}

static int get_text(const struct zu_text *text, void *value, size_t *size)
{
    return zu_answer_bytes(text->bytes, (size_t)text->size + 1, value, size);
}

/* As bytes, or as digits and a NUL, by the room for it. */
static int get_key(const uint8_t key[KEY], void *value, size_t *size)
{
    if (!value || !size || (*size != KEY && *size != KEY_DIGITS + 1))
        return -EINVAL;
    if (*size == KEY)
        memcpy(value, key, KEY);
    else
        zu_z85_encode(value, key, KEY);
    return 0;
}

static int get_gssapi(const struct zu_options *o, int option, void *value, size_t *size)
{
    const struct zu_kerberos *names = zu_options_kerberos(o);

    if (!ZU_HAS_GSSAPI)
        return -EINVAL;
    switch (option) {
    case ZMQ_GSSAPI_SERVER:
        return zu_answer_int(o->mechanism == ZMQ_GSSAPI && o->as_server, value, size);
    case ZMQ_GSSAPI_PLAINTEXT: return zu_answer_int(o->gssapi_plaintext, value, size);
    case ZMQ_GSSAPI_PRINCIPAL: return get_text(&names->principal, value, size);
    case ZMQ_GSSAPI_SERVICE_PRINCIPAL: return get_text(&names->service, value, size);
    case ZMQ_GSSAPI_PRINCIPAL_NAMETYPE: return zu_answer_int(names->principal_type, value, size);
    case ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE:
        return zu_answer_int(names->service_type, value, size);
    default: return -EINVAL;
    }
}

int zu_options_get_security(const struct zu_options *o, int option, void *value, size_t *size)
{
    const struct zu_security *security = zu_options_security(o);

    switch (option) {
    case ZMQ_MECHANISM: return zu_answer_int(o->mechanism, value, size);
    case ZMQ_ZAP_DOMAIN: return get_text(&security->zap_domain, value, size);
    case ZMQ_PLAIN_SERVER:
        return zu_answer_int(o->mechanism == ZMQ_PLAIN && o->as_server, value, size);
    case ZMQ_PLAIN_USERNAME: return get_text(&security->plain_username, value, size);
    case ZMQ_PLAIN_PASSWORD: return get_text(&zu_options_keys(o)->plain_password, value, size);
    case ZMQ_CURVE_SERVER:
        return zu_answer_int(o->mechanism == ZMQ_CURVE && o->as_server, value, size);
    case ZMQ_CURVE_PUBLICKEY: return get_key(security->curve_public_key, value, size);
    case ZMQ_CURVE_SECRETKEY: return get_key(zu_options_keys(o)->curve_secret_key, value, size);
    case ZMQ_CURVE_SERVERKEY: return get_key(security->curve_server_key, value, size);
    default: return get_gssapi(o, option, value, size);
    }
}
