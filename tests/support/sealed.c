/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/sealed.h"

#include "engine/base/alloc.h"
#include "engine/base/kept.h"
#include "transports/ktls.h"
#include "transports/openssl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct zu_openssl {
    struct zu_openssl_wire *wire;
    uint8_t said, heard;
    uint8_t record[SEALED_HEAD + SEALED_MAX]; /* of the peer's, as far as it has come */
    size_t filled, taken;                     /* of its bytes */
    bool inside;
    const char *reason;
};

void (*sealed_inside)(void);

static void enter(struct zu_openssl *s)
{
    if (s->inside)
        abort();
    s->inside = true;
    if (sealed_inside)
        sealed_inside();
}

static void leave(struct zu_openssl *s)
{
    s->inside = false;
}

static size_t write_record(uint8_t *to, enum sealed_kind kind, uint8_t number, const void *bytes,
                           size_t size)
{
    to[0] = (uint8_t)kind;
    to[1] = number;
    to[2] = (uint8_t)(size >> 8);
    to[3] = (uint8_t)size;
    if (size)
        memcpy(to + SEALED_HEAD, bytes, size);
    return SEALED_HEAD + size;
}

static size_t size_of(const uint8_t *record)
{
    return (size_t)record[2] << 8 | record[3];
}

/* ---- the peer ---- */

size_t sealed_say(struct sealed_peer *p, uint8_t *to, enum sealed_kind kind, const void *bytes,
                  size_t size)
{
    return write_record(to, kind, p->said++, bytes, size);
}

size_t sealed_hear(struct sealed_peer *p, const uint8_t *from, size_t size, uint8_t *to,
                   size_t *filled)
{
    size_t at = 0, inside;

    while (size - at >= SEALED_HEAD && size - at >= SEALED_HEAD + (inside = size_of(from + at))) {
        if (from[at + 1] != p->heard++ || from[at] > SEALED_END || p->ended)
            abort(); /* records out of their order */
        p->answers += from[at] == SEALED_ANSWER;
        p->ended = from[at] == SEALED_END;
        memcpy(to + *filled, from + at + SEALED_HEAD, inside);
        *filled += inside;
        at += SEALED_HEAD + inside;
    }
    return at;
}

/* ---- transports/openssl.h ---- */

int zu_openssl_prepare(const struct zu_options *o, bool accepts)
{
    (void)o, (void)accepts;
    return 0;
}

int zu_openssl_new(struct zu_openssl **out, struct zu_openssl_wire *wire,
                   const struct zu_options *o, bool accepted, const char *host)
{
    struct zu_openssl *s = zu_alloc_zero(sizeof *s);

    (void)o, (void)accepted, (void)host;
    if (!s)
        return -ENOMEM;
    s->wire = wire;
    *out = s;
    return 0;
}

void zu_openssl_free(struct zu_openssl *s)
{
    zu_free(s);
}

int zu_openssl_shake(struct zu_openssl *s)
{
    (void)s;
    return 0;
}

bool zu_openssl_keys(struct zu_openssl *s, struct zu_openssl_keys *k)
{
    (void)s, (void)k;
    return false;
}

void zu_openssl_hush(struct zu_openssl *s)
{
    (void)s;
}

void zu_openssl_forget_keys(struct zu_openssl_keys *k)
{
    (void)k;
}

static int put(struct zu_openssl *s, enum sealed_kind kind, const void *bytes, size_t size)
{
    struct zu_openssl_wire *w = s->wire;
    size_t room;
    uint8_t *more;

    if (SEALED_HEAD + size > w->out_room - w->filled) {
        if (w->lent)
            return -ENOMEM;
        more = zu_kept_alloc(w->filled + ZU_OPENSSL_RECORD + ZU_OPENSSL_MARGIN, &room);
        if (!more)
            return -ENOMEM;
        if (w->out) {
            memcpy(more, w->out, w->filled);
            zu_kept_free(w->out, w->out_room);
        }
        w->out = more;
        w->out_room = room;
    }
    w->filled += write_record(w->out + w->filled, kind, s->said++, bytes, size);
    return 0;
}

/* False: not all of a record is there. */
static bool fill(struct zu_openssl *s)
{
    size_t all = SEALED_HEAD, n;

    while (s->filled < all || s->filled < (all = SEALED_HEAD + size_of(s->record))) {
        n = ZU_MIN(all - s->filled, zu_left(&s->wire->in));
        if (n == 0)
            return false;
        memcpy(s->record + s->filled, s->wire->in.at, n);
        s->wire->in.at += n;
        s->filled += n;
    }
    return true;
}

static void next_record(struct zu_openssl *s)
{
    s->heard++;
    s->filled = s->taken = 0;
}

static ssize_t read_record(struct zu_openssl *s, void *bytes, size_t size)
{
    size_t n = ZU_MIN(size_of(s->record) - s->taken, size);

    if (s->record[1] != s->heard || s->record[0] > SEALED_END) {
        s->reason = "it is broken";
        put(s, SEALED_END, NULL, 0);
        return -EPROTO;
    }
    if (s->record[0] == SEALED_END)
        return 0;
    memcpy(bytes, s->record + SEALED_HEAD + s->taken, n);
    s->taken += n;
    if (s->record[0] == SEALED_ASK)
        put(s, SEALED_ANSWER, NULL, 0);
    if (s->taken == size_of(s->record))
        next_record(s);
    return n ? (ssize_t)n : -EAGAIN;
}

ssize_t zu_openssl_read(struct zu_openssl *s, void *bytes, size_t size)
{
    ssize_t n = -EAGAIN;

    enter(s);
    while (n == -EAGAIN && fill(s))
        n = read_record(s, bytes, size);
    leave(s);
    return n;
}

int zu_openssl_write(struct zu_openssl *s, const void *bytes, size_t size)
{
    int rc;

    enter(s);
    rc = put(s, SEALED_DATA, bytes, size);
    leave(s);
    return rc;
}

void zu_openssl_finish(struct zu_openssl *s)
{
    enter(s);
    put(s, SEALED_END, NULL, 0);
    leave(s);
}

bool zu_openssl_alert(struct zu_openssl *s, uint8_t alert[2])
{
    (void)s, (void)alert;
    return false;
}

const char *zu_openssl_reason(const struct zu_openssl *s)
{
    return s->reason;
}

/* ---- transports/ktls.h ---- */

int zu_ktls_start(int fd, const struct zu_openssl_keys *k)
{
    (void)fd, (void)k;
    return -EOPNOTSUPP;
}

void zu_ktls_alert_init(struct zu_ktls_alert *a, const uint8_t bytes[2])
{
    (void)a, (void)bytes;
}
