/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of security. Which mechanism holds follows from what was set last: a name, a password or
 * a key makes this side a client of its mechanism, a server flag of 1 a server, and one of 0 leads
 * back to NULL, whatever the mechanism was.
 */
#include "engine/core/options.h"

#include "include/zmq.h"

#include <errno.h>
#include <string.h>

static void choose(struct zu_options *o, int mechanism, bool as_server)
{
    o->mechanism = mechanism;
    o->as_server = as_server;
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

int zu_options_set_security(struct zu_options *o, int option, const void *value, size_t size)
{
    switch (option) {
    case ZMQ_ZAP_DOMAIN: return set_text(&o->zap_domain, value, size);
    case ZMQ_PLAIN_SERVER: return set_server(o, ZMQ_PLAIN, value, size);
    case ZMQ_PLAIN_USERNAME: return set_plain_word(o, &o->plain_username, value, size);
    case ZMQ_PLAIN_PASSWORD: return set_plain_word(o, &o->plain_password, value, size);
    default: return -EINVAL;
    }
}

static int get_text(const struct zu_text *text, void *value, size_t *size)
{
    return zu_answer_bytes(text->bytes, (size_t)text->size + 1, value, size);
}

int zu_options_get_security(const struct zu_options *o, int option, void *value, size_t *size)
{
    switch (option) {
    case ZMQ_MECHANISM: return zu_answer_int(o->mechanism, value, size);
    case ZMQ_ZAP_DOMAIN: return get_text(&o->zap_domain, value, size);
    case ZMQ_PLAIN_SERVER:
        return zu_answer_int(o->mechanism == ZMQ_PLAIN && o->as_server, value, size);
    case ZMQ_PLAIN_USERNAME: return get_text(&o->plain_username, value, size);
    case ZMQ_PLAIN_PASSWORD: return get_text(&o->plain_password, value, size);
    default: return -EINVAL;
    }
}

void zu_options_wipe(struct zu_options *o)
{
    explicit_bzero(&o->plain_password, sizeof o->plain_password);
}
