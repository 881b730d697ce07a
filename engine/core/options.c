/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options: most options are one number in the struct, and one line in options.def says all about
 * them: default, range, where it lies. The few that are bytes, texts, lists or two views of one
 * field are functions below. Options that this build cannot honour (security it does not have,
 * transports it does not have) are unknown numbers: a caller that asks for protection hears EINVAL
 * instead of going on without.
 */
#define ZMQ_BUILD_DRAFT_API /* some draft numbers work in every libzmq */
#include "engine/core/options.h"

#include "engine/base/alloc.h"
#include "include/zuring.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

enum kind { INT, SWITCH, ANY, WIDE };

struct number {
    int option;
    uint8_t kind;
    uint16_t at; /* offset of the field */
    int least, most;
    int fallback;
};

#define ZU_OPTION(option, kind, field, least, most, fallback)                                      \
    {option, kind, offsetof(struct zu_options, field), least, most, fallback},
static const struct number numbers[] = {
#include "engine/core/options.def"
};
#undef ZU_OPTION

#define KIND_SIZE(kind) ((kind) == WIDE ? 8 : (kind) == INT ? sizeof(int) : sizeof(bool))
#define ZU_OPTION(option, kind, field, least, most, fallback)                                      \
    static_assert(sizeof(((struct zu_options *)0)->field) == KIND_SIZE(kind),                      \
                  "the kind of " #option " fits its field");
#include "engine/core/options.def"
#undef ZU_OPTION

#define TEXT_MAX   255     /* of what libzmq limits at all */
#define TTL_MS_MAX 6553599 /* two bytes of tenths of a second on the wire */

static const struct number *find_number(int option)
{
    for (size_t i = 0; i < zu_array_len(numbers); i++)
        if (numbers[i].option == option)
            return &numbers[i];
    return NULL;
}

static void *field_of(const struct zu_options *o, const struct number *n)
{
    return (char *)o + n->at;
}

/* ---- life ---- */

struct zu_options *zu_options_new(int type)
{
    struct zu_options *o = zu_alloc_zero(sizeof *o);

    if (!o)
        return NULL;
    atomic_init(&o->refs, 1);
    o->type = type;
    for (size_t i = 0; i < zu_array_len(numbers); i++) {
        const struct number *n = &numbers[i];
        int64_t wide = n->fallback;

        switch ((enum kind)n->kind) {
        case INT: memcpy(field_of(o, n), &n->fallback, sizeof n->fallback); break;
        case WIDE: memcpy(field_of(o, n), &wide, sizeof wide); break;
        case SWITCH:
        case ANY: *(bool *)field_of(o, n) = n->fallback != 0; break;
        }
    }
    if (type == ZMQ_SUB || type == ZMQ_XSUB || type == ZMQ_DISH)
        o->linger = 0; /* what they send are subscriptions, which nobody will miss */
    o->raw = type == ZMQ_STREAM;
    return o;
}

static void free_options(struct zu_options *o)
{
    zu_free(o->socks_proxy);
    zu_free(o->socks_username);
    zu_free(o->socks_password);
    zu_free(o->accept_filters);
    zu_free(o->filter_uids);
    zu_free(o->filter_gids);
    zu_free(o->filter_pids);
    zu_options_free_told(o);
    zu_options_free_security(o);
    zu_options_free_tls(o);
    zu_free(o);
}

void zu_options_hold(struct zu_options *o)
{
    /* Relaxed: who holds has a count already, so the set cannot go away under this. */
    atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
}

void zu_options_drop(struct zu_options *o)
{
    if (!o)
        return;
    /* [O1] acq_rel, pairs with itself and with [O2]: the reads of all others are over. */
    if (atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) != 1)
        return;
    free_options(o);
}

static bool copy_bytes(void *to, const void *from, size_t size)
{
    void *copy = NULL;

    if (from && !(copy = zu_memdup(from, size)))
        return false;
    memcpy(to, &copy, sizeof copy);
    return true;
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static struct zu_options *copy_options(const struct zu_options *o)
{
    struct zu_options *c = zu_alloc(sizeof *c);
    bool good;

    if (!c)
        return NULL;
    static_assert(offsetof(struct zu_options, refs) == 0, "the count is not copied");
    memcpy((char *)c + offsetof(struct zu_options, type),
           (const char *)o + offsetof(struct zu_options, type),
           sizeof *o - offsetof(struct zu_options, type));
    atomic_init(&c->refs, 1);
    /* Own pointers only, before anything can fail and free them. */
    c->socks_proxy = c->socks_username = c->socks_password = NULL;
    c->accept_filters = NULL;
    c->security = NULL;
    c->keys = NULL;
    c->kerberos = NULL;
    zu_options_share_tls(c, o);
    c->filter_uids = NULL;
    c->filter_gids = NULL;
    c->filter_pids = NULL;
    good =
        zu_options_copy_told(c, o) && zu_options_copy_security(c, o) &&
        copy_bytes(&c->socks_proxy, o->socks_proxy, text_size(o->socks_proxy)) &&
        copy_bytes(&c->socks_username, o->socks_username, text_size(o->socks_username)) &&
        copy_bytes(&c->socks_password, o->socks_password, text_size(o->socks_password)) &&
        copy_bytes(&c->accept_filters, o->accept_filters,
                   o->accept_filter_count * sizeof *o->accept_filters) &&
        copy_bytes(&c->filter_uids, o->filter_uids, o->filter_uid_count * sizeof *o->filter_uids) &&
        copy_bytes(&c->filter_gids, o->filter_gids, o->filter_gid_count * sizeof *o->filter_gids) &&
        copy_bytes(&c->filter_pids, o->filter_pids, o->filter_pid_count * sizeof *o->filter_pids);
    if (good)
        return c;
    free_options(c);
    return NULL;
}

/* ---- the rules for values given ---- */

int zu_given_int(int *v, const void *value, size_t size)
{
    if (size != sizeof *v || !value)
        return -EINVAL;
    memcpy(v, value, sizeof *v); /* nobody promised that it is aligned */
    return 0;
}

int zu_given_flag(bool *v, const void *value, size_t size)
{
    int given;
    int rc = zu_given_int(&given, value, size);

    if (rc < 0)
        return rc;
    if (given < 0)
        return -EINVAL;
    *v = given != 0;
    return 0;
}

static int set_number(struct zu_options *o, const struct number *n, const void *value, size_t size)
{
    int given;

    if (n->kind == WIDE) {
        if (size != 8 || !value)
            return -EINVAL;
        memcpy(field_of(o, n), value, 8);
        return 0;
    }
    if (zu_given_int(&given, value, size) < 0)
        return -EINVAL;
    if (n->kind != ANY && (given < n->least || given > n->most))
        return -EINVAL;
    if (n->kind == INT)
        memcpy(field_of(o, n), &given, sizeof given);
    else
        *(bool *)field_of(o, n) = given != 0;
    return 0;
}

static int set_ipv4only(struct zu_options *o, const void *value, size_t size)
{
    int given;

    if (zu_given_int(&given, value, size) < 0 || given < 0 || given > 1)
        return -EINVAL;
    o->ipv6 = !given;
    return 0;
}

/* ZMQ_ROUTER_RAW: what STREAM was before it was a type. There is no way back. */
static int set_raw(struct zu_options *o, const void *value, size_t size)
{
    bool raw;

    if ((o->type != ZMQ_ROUTER && o->type != ZMQ_REP) || zu_given_flag(&raw, value, size) < 0)
        return -EINVAL;
    o->raw = o->raw || raw;
    return 0;
}

static int set_heartbeat_ttl(struct zu_options *o, const void *value, size_t size)
{
    int ms;

    if (zu_given_int(&ms, value, size) < 0 || ms < 0 || ms > TTL_MS_MAX)
        return -EINVAL;
    o->heartbeat_ttl = ms / 100;
    return 0;
}

static int set_bind_device(struct zu_options *o, const void *value, size_t size)
{
    if (!value && size == 0) {
        o->bind_device[0] = '\0';
        return 0;
    }
    if (!value || size < 1 || size >= sizeof o->bind_device)
        return -EINVAL;
    memcpy(o->bind_device, value, size);
    o->bind_device[size] = '\0';
    return 0;
}

/* Text of `size` bytes with or without a NUL among them; size 0 clears. */
static int replace_text(char **field, const void *value, size_t size)
{
    char *text = NULL;

    if (size > 0) {
        if (!(text = zu_alloc(size + 1)))
            return -ENOMEM;
        memcpy(text, value, size);
        text[size] = '\0';
    }
    zu_free(*field);
    *field = text;
    return 0;
}

static int set_socks_proxy(struct zu_options *o, const void *value, size_t size)
{
    if (size == SIZE_MAX || (size == 0) != (value == NULL))
        return -EINVAL; /* an empty proxy is a mistake, no proxy is NULL */
    return replace_text(&o->socks_proxy, value, size);
}

static int set_socks_word(char **field, const void *value, size_t size)
{
    if (value && size > TEXT_MAX)
        return -EINVAL;
    return replace_text(field, value, value ? size : 0);
}

/* Appends one item to a list, or clears it when nothing is given. */
static int set_filter(void *list, size_t *count, const void *value, size_t size, size_t item)
{
    char *items;

    memcpy(&items, list, sizeof items);
    if (!value && size == 0) {
        zu_free(items);
        items = NULL;
        *count = 0;
    } else {
        if (!value || size != item)
            return -EINVAL;
        if (!(items = zu_realloc(items, (*count + 1) * item)))
            return -ENOMEM;
        memcpy(items + *count * item, value, item);
        ++*count;
    }
    memcpy(list, &items, sizeof items);
    return 0;
}

/* ---- address blocks ---- */

/* Digits only, at most `most`. */
static int parse_bits(uint8_t *bits, const char *text, unsigned most)
{
    unsigned n = 0;

    if (*text == '\0')
        return -EINVAL;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        n = n * 10 + (unsigned)(*text - '0');
        if (n > most)
            return -EINVAL;
    }
    *bits = (uint8_t)n;
    return 0;
}

/* address or address/bits, IPv6 with or without brackets. Changes the text. */
static int parse_cidr(struct zu_cidr *out, char *text, bool ipv6)
{
    struct zu_cidr c = {0};
    char *mask = strchr(text, '/');
    size_t size;

    if (mask)
        *mask++ = '\0';
    size = strlen(text);
    if (text[0] == '[' && text[size - 1] == ']') {
        text[size - 1] = '\0';
        text++;
    }
    if (inet_pton(AF_INET, text, c.addr) == 1)
        c.family = AF_INET;
    else if (ipv6 && inet_pton(AF_INET6, text, c.addr) == 1)
        c.family = AF_INET6;
    else
        return -EINVAL;
    c.bits = c.family == AF_INET ? 32 : 128;
    if (mask && parse_bits(&c.bits, mask, c.bits) < 0)
        return -EINVAL;
    *out = c;
    return 0;
}

static int set_accept_filter(struct zu_options *o, const void *value, size_t size)
{
    char text[TEXT_MAX + 1];
    struct zu_cidr c;

    if (!value && size == 0)
        return set_filter(&o->accept_filters, &o->accept_filter_count, NULL, 0, sizeof c);
    if (!value || size < 1 || size > TEXT_MAX)
        return -EINVAL;
    memcpy(text, value, size);
    text[size] = '\0';
    if (parse_cidr(&c, text, o->ipv6) < 0)
        return -EINVAL;
    return set_filter(&o->accept_filters, &o->accept_filter_count, &c, sizeof c, sizeof c);
}

bool zu_cidr_match(const struct zu_cidr *block, int family, const void *addr)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const uint8_t *a = addr;
    unsigned whole = block->bits / 8, rest = block->bits % 8;

    if (family == AF_INET6 && block->family == AF_INET && !memcmp(a, mapped, sizeof mapped)) {
        a += sizeof mapped;
        family = AF_INET;
    }
    if (family != block->family || memcmp(a, block->addr, whole) != 0)
        return false;
    return rest == 0 || (a[whole] ^ block->addr[whole]) >> (8 - rest) == 0;
}

/* ---- set ---- */

static int set_alone(struct zu_options *o, int option, const void *value, size_t size)
{
    const struct number *n = find_number(option);
    int rc;

    if (n)
        return set_number(o, n, value, size);
    switch (option) {
    case ZMQ_IPV4ONLY: return set_ipv4only(o, value, size);
    case ZMQ_ROUTER_RAW: return set_raw(o, value, size);
    case ZMQ_HEARTBEAT_TTL: return set_heartbeat_ttl(o, value, size);
    case ZMQ_BUSY_POLL: return zu_given_int(&o->busy_poll, value, size);
    case ZMQ_BINDTODEVICE: return set_bind_device(o, value, size);
    case ZMQ_SOCKS_PROXY: return set_socks_proxy(o, value, size);
    case ZMQ_SOCKS_USERNAME: return set_socks_word(&o->socks_username, value, size);
    case ZMQ_SOCKS_PASSWORD: return set_socks_word(&o->socks_password, value, size);
    case ZMQ_TCP_ACCEPT_FILTER: return set_accept_filter(o, value, size);
    case ZMQ_IPC_FILTER_PID:
        return set_filter(&o->filter_pids, &o->filter_pid_count, value, size, sizeof(pid_t));
    case ZMQ_IPC_FILTER_UID:
        return set_filter(&o->filter_uids, &o->filter_uid_count, value, size, sizeof(uid_t));
    case ZMQ_IPC_FILTER_GID:
        return set_filter(&o->filter_gids, &o->filter_gid_count, value, size, sizeof(gid_t));
    default:
        rc = zu_options_set_told(o, option, value, size);
        if (rc == -EINVAL)
            rc = zu_options_set_security(o, option, value, size);
        return rc == -EINVAL ? zu_options_set_tls(o, option, value, size) : rc;
    }
}

int zu_options_set(struct zu_options **o, int option, const void *value, size_t size)
{
    struct zu_options *copy;
    int rc;

    /*
     * [O2] acquire, pairs with [O1]: a set that is ours alone may change once the reads of those
     * who dropped it are over. Only a holder can add holders, so alone it stays.
     */
    if (atomic_load_explicit(&(*o)->refs, memory_order_acquire) == 1)
        return set_alone(*o, option, value, size);

    if (!(copy = copy_options(*o)))
        return -ENOMEM;
    if ((rc = set_alone(copy, option, value, size)) < 0) {
        zu_options_drop(copy);
        return rc;
    }
    zu_options_drop(*o);
    *o = copy;
    return 0;
}

/* ---- get ---- */

int zu_answer_int(int v, void *value, size_t *size)
{
    if (!value || !size || *size != sizeof v)
        return -EINVAL;
    memcpy(value, &v, sizeof v);
    return 0;
}

int zu_answer_int_wide(int v, void *value, size_t *size)
{
    if (!value || !size || *size < sizeof v)
        return -EINVAL;
    memset(value, 0, *size);
    memcpy(value, &v, sizeof v);
    *size = sizeof v;
    return 0;
}

int zu_answer_bytes(const void *bytes, size_t n, void *value, size_t *size)
{
    if (!value || !size || *size < n)
        return -EINVAL;
    memset(value, 0, *size);
    memcpy(value, bytes, n);
    *size = n;
    return 0;
}

int zu_answer_text(const char *text, void *value, size_t *size)
{
    return text ? zu_answer_bytes(text, strlen(text) + 1, value, size)
                : zu_answer_bytes("", 1, value, size);
}

static int get_number(const struct zu_options *o, const struct number *n, void *value, size_t *size)
{
    int v;

    switch ((enum kind)n->kind) {
    case WIDE:
        if (!value || !size || *size != 8)
            return -EINVAL;
        memcpy(value, field_of(o, n), 8);
        return 0;
    case INT: memcpy(&v, field_of(o, n), sizeof v); return zu_answer_int(v, value, size);
    case SWITCH:
    case ANY: return zu_answer_int(*(bool *)field_of(o, n), value, size);
    }
    return -EINVAL;
}

int zu_options_get(const struct zu_options *o, int option, void *value, size_t *size)
{
    const struct number *n = find_number(option);
    int rc;

    if (n)
        return get_number(o, n, value, size);
    switch (option) {
    case ZMQ_TYPE: return zu_answer_int(o->type, value, size);
    case ZMQ_IPV4ONLY: return zu_answer_int(!o->ipv6, value, size);
    case ZMQ_HEARTBEAT_TTL: return zu_answer_int(o->heartbeat_ttl * 100, value, size);
    case ZMQ_ROUTING_ID:
        return zu_answer_bytes(zu_options_routing_id(o)->bytes, zu_options_routing_id(o)->size,
                               value, size);
    case ZMQ_BINDTODEVICE: return zu_answer_text(o->bind_device, value, size);
    case ZMQ_SOCKS_PROXY: return zu_answer_text(o->socks_proxy, value, size);
    case ZMQ_SOCKS_USERNAME: return zu_answer_text(o->socks_username, value, size);
    case ZMQ_SOCKS_PASSWORD: return zu_answer_text(o->socks_password, value, size);
    case ZMQ_ROUTER_NOTIFY: return zu_answer_int(o->router_notify, value, size);
    default:
        rc = zu_options_get_security(o, option, value, size);
        return rc == -EINVAL ? zu_options_get_tls(o, option, value, size) : rc;
    }
}
