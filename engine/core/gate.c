/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/core/gate.h"

#include "engine/base/alloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

struct zu_origin {
    int connections;
    size_t size;
    char address[];
};

void zu_gate_init(struct zu_gate *g)
{
    zu_list_init(&g->strangers);
    g->stranger_count = 0;
    zu_map_init(&g->origins);
}

void zu_gate_fini(struct zu_gate *g)
{
    zu_map_fini(&g->origins);
}

static int add_origin(struct zu_gate *g, const char *address, size_t size, struct zu_origin **out)
{
    struct zu_origin *o = zu_alloc(sizeof *o + size);
    int rc = -ENOMEM;

    if (!o)
        return rc;
    o->connections = 1;
    o->size = size;
    memcpy(o->address, address, size);
    rc = zu_map_put(&g->origins, o->address, size, o);
    if (rc < 0) {
        zu_free(o);
        return rc;
    }
    *out = o;
    return 0;
}

/* Of an IPv6 address the first half: whoever has one has all that share it. What is no such
 * address, or an IPv4 address in disguise, is as it is. */
static const char *network_of(const char *address, char room[INET6_ADDRSTRLEN])
{
    char text[INET6_ADDRSTRLEN];
    size_t size = strcspn(address, "%"); /* a link-local one tells its interface */
    struct in6_addr a;

    if (size >= sizeof text)
        return address;
    memcpy(text, address, size);
    text[size] = '\0';
    if (inet_pton(AF_INET6, text, &a) != 1 || IN6_IS_ADDR_V4MAPPED(&a))
        return address;
    memset(a.s6_addr + 8, 0, 8);
    return inet_ntop(AF_INET6, &a, room, INET6_ADDRSTRLEN) ? room : address;
}

int zu_gate_count(struct zu_gate *g, const char *address, int most, struct zu_origin **out)
{
    char room[INET6_ADDRSTRLEN];
    size_t size;
    struct zu_origin *o;

    address = network_of(address, room);
    size = strlen(address);

    *out = NULL;
    if (most <= 0 || size == 0) /* an address that nobody can tell counts nowhere */
        return 0;
    o = zu_map_get(&g->origins, address, size);
    if (!o)
        return add_origin(g, address, size, out);
    if (o->connections >= most)
        return -EUSERS;
    o->connections++;
    *out = o;
    return 0;
}

void zu_gate_uncount(struct zu_gate *g, struct zu_origin *o)
{
    if (!o || --o->connections > 0)
        return;
    zu_map_take(&g->origins, o->address, o->size);
    zu_free(o);
}

struct zu_session *zu_gate_enter(struct zu_gate *g, struct zu_session *s, int most)
{
    struct zu_session *oldest;

    zu_list_append(&g->strangers, &s->stranger);
    g->stranger_count++;
    if (most <= 0 || g->stranger_count <= most)
        return NULL;
    oldest = zu_container_of(g->strangers.next, struct zu_session, stranger);
    zu_gate_leave(g, oldest);
    return oldest;
}

void zu_gate_leave(struct zu_gate *g, struct zu_session *s)
{
    if (zu_list_empty(&s->stranger))
        return;
    zu_list_remove(&s->stranger);
    g->stranger_count--;
}
