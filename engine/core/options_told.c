/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that say what peers, and our own application, are told of connections: hello,
 * disconnect and hiccup messages, properties of our own, a ROUTER's notices.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/base/alloc.h"
#include "engine/core/options.h"
#include "engine/wire/command.h"
#include "include/zmq.h"

#include <errno.h>
#include <string.h>

enum {
    NAME_MAX_BYTES = 255,
    METADATA_MAX = 3072, /* all of it; see ZU_HANDSHAKE_ROOM */
};

const struct zu_text *zu_options_routing_id(const struct zu_options *o)
{
    static const struct zu_text none;

    return o->routing_id ? o->routing_id : &none;
}

static int set_routing_id(struct zu_options *o, const void *value, size_t size)
{
    if (!value || size < 1 || size >= sizeof o->routing_id->bytes)
        return -EINVAL;
    if (!o->routing_id && !(o->routing_id = zu_alloc(sizeof *o->routing_id)))
        return -ENOMEM;
    memcpy(o->routing_id->bytes, value, size);
    o->routing_id->size = (uint8_t)size;
    return 0;
}

static int set_words(struct zu_words *w, const void *value, size_t size)
{
    uint8_t *copy = NULL;

    if (!value && size > 0)
        return -EINVAL;
    if (size > 0 && !(copy = zu_memdup(value, size)))
        return -ENOMEM;
    zu_free(w->data);
    *w = (struct zu_words){copy, size};
    return 0;
}

static bool has_property(const struct zu_words *w, const char *name)
{
    struct zu_reader block = zu_reader_of(w->data, w->size);
    struct zu_property p;

    while (zu_metadata_next(&block, &p) == 1)
        if (p.name_size == strlen(name) && memcmp(p.name, name, p.name_size) == 0)
            return true;
    return false;
}

/* "X-name:value", kept as it goes on the wire, behind those that were given before. */
static int add_metadata(struct zu_words *w, const void *value, size_t size)
{
    const char *text = value, *colon = text && size ? memchr(text, ':', size) : NULL;
    size_t name_size = colon ? (size_t)(colon - text) : 0;
    char name[NAME_MAX_BYTES + 1];
    uint8_t *more;

    if (name_size < 2 || name_size > NAME_MAX_BYTES || memcmp(text, "X-", 2) != 0 ||
        name_size + 1 == size || size == sizeof(int)) /* libzmq takes "X-:b" for a number */
        return -EINVAL;
    memcpy(name, text, name_size);
    name[name_size] = '\0';
    if (strlen(name) != name_size || size > METADATA_MAX || w->size > METADATA_MAX - size)
        return -EINVAL;
    if (has_property(w, name))
        return 0;
    more = zu_realloc(w->data, w->size + size + 4);
    if (!more)
        return -ENOMEM;
    w->data = more;
    struct zu_writer out = zu_writer_of(w->data + w->size, size + 4);

    zu_metadata_write(&out, name, colon + 1, size - name_size - 1);
    w->size += size + 4; /* the colon's byte is that of the name's size */
    return 0;
}

static int set_router_notify(struct zu_options *o, const void *value, size_t size)
{
    int bits;

    if ((o->type != ZMQ_ROUTER && o->type != ZMQ_REP) || zu_given_int(&bits, value, size) < 0 ||
        bits & ~(ZMQ_NOTIFY_CONNECT | ZMQ_NOTIFY_DISCONNECT))
        return -EINVAL;
    o->router_notify = bits;
    return 0;
}

int zu_options_set_told(struct zu_options *o, int option, const void *value, size_t size)
{
    switch (option) {
    case ZMQ_ROUTING_ID: return set_routing_id(o, value, size);
    case ZMQ_HELLO_MSG: return set_words(&o->hello, value, size);
    case ZMQ_DISCONNECT_MSG: return set_words(&o->disconnect, value, size);
    case ZMQ_HICCUP_MSG: return set_words(&o->hiccup, value, size);
    case ZMQ_METADATA: return add_metadata(&o->metadata, value, size);
    case ZMQ_ROUTER_NOTIFY: return set_router_notify(o, value, size);
    default: return -EINVAL;
    }
}

static bool copy_words(struct zu_words *to, const struct zu_words *from)
{
    if (from->data && !(to->data = zu_memdup(from->data, from->size)))
        return false;
    to->size = from->size;
    return true;
}

bool zu_options_copy_told(struct zu_options *to, const struct zu_options *from)
{
    to->routing_id = NULL;
    to->hello = to->disconnect = to->hiccup = to->metadata = (struct zu_words){NULL, 0};
    if (from->routing_id &&
        !(to->routing_id = zu_memdup(from->routing_id, sizeof *from->routing_id)))
        return false;
    return copy_words(&to->hello, &from->hello) && copy_words(&to->disconnect, &from->disconnect) &&
           copy_words(&to->hiccup, &from->hiccup) && copy_words(&to->metadata, &from->metadata);
}

void zu_options_free_told(struct zu_options *o)
{
    zu_free(o->routing_id);
    zu_free(o->hello.data);
    zu_free(o->disconnect.data);
    zu_free(o->hiccup.data);
    zu_free(o->metadata.data);
}
