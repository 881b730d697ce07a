/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tipc: what is bound is a service, and a connect names an instance of one; the kernel finds who
 * has it. A listener is called by its port's own name, <zone.cluster.node:port>, as libzmq has it.
 *
 * A domain that is not said is the whole cluster: since Linux 4.17 no node is in libzmq's default,
 * <1.0.0>, unless its address was given by hand.
 */
#include "transports/tipc.h"

#include "transports/sockstream.h"

#include <errno.h>
#include <linux/tipc.h>
#include <poll.h>
#include <string.h>

enum {
    ZONE_MAX = 0xff,
    CLUSTER_MAX = 0xfff,
    NODE_MAX = 0xfff,
};

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* Is the text of that form, all of it? '#' stands for a number; blanks may stand anywhere. */
static bool scan(const char *text, const char *form, uint32_t *out)
{
    for (; *form; form++) {
        text = skip_blanks(text);
        if (*form != '#') {
            if (*text++ != *form)
                return false;
            continue;
        }
        uint64_t n = 0;
        const char *digits = text;

        for (; *text >= '0' && *text <= '9' && n <= UINT32_MAX; text++)
            n = n * 10 + (uint64_t)(*text - '0');
        if (text == digits || n > UINT32_MAX)
            return false;
        *out++ = (uint32_t)n;
    }
    return *skip_blanks(text) == '\0';
}

static bool node_of(uint32_t *out, const uint32_t part[3])
{
    *out = part[0] << 24 | part[1] << 12 | part[2];
    return part[0] <= ZONE_MAX && part[1] <= CLUSTER_MAX && part[2] <= NODE_MAX;
}

static void put(struct sockaddr_storage *out, socklen_t *size, const struct sockaddr_tipc *a)
{
    memset(out, 0, sizeof *out);
    memcpy(out, a, sizeof *a);
    *size = sizeof *a;
}

/* Where to listen; *size is 0 when that is left to the kernel. */
static int parse_bind(struct sockaddr_storage *out, socklen_t *size, const char *text)
{
    struct sockaddr_tipc a = {
        .family = AF_TIPC, .addrtype = TIPC_ADDR_NAMESEQ, .scope = TIPC_ZONE_SCOPE};
    uint32_t n[3];

    *size = 0;
    if (scan(text, "<*>", n))
        return 0;
    if (!scan(text, "{#,#,#}", n)) {
        if (!scan(text, "{#,#}", n))
            return -EINVAL;
        n[2] = n[1];
    }
    if (n[0] < TIPC_RESERVED_TYPES || n[2] < n[1])
        return -EINVAL;
    a.addr.nameseq = (struct tipc_name_seq){n[0], n[1], n[2]};
    put(out, size, &a);
    return 0;
}

static int parse_connect(struct sockaddr_storage *out, socklen_t *size, const char *text)
{
    struct sockaddr_tipc a = {.family = AF_TIPC, .addrtype = TIPC_ADDR_NAME};
    uint32_t n[5] = {0};

    if (scan(text, "<#.#.#:#>", n)) {
        a.addrtype = TIPC_ADDR_ID;
        a.addr.id.ref = n[3];
        if (!node_of(&a.addr.id.node, n))
            return -EINVAL;
    } else if (scan(text, "{#,#}", n) || scan(text, "{#,#}@#.#.#", n)) {
        a.addr.name.name = (struct tipc_name){n[0], n[1]};
        if (n[0] < TIPC_RESERVED_TYPES || !node_of(&a.addr.name.domain, n + 2))
            return -EINVAL;
    } else {
        return -EINVAL;
    }
    put(out, size, &a);
    return 0;
}

static int check(const char *text, const struct zu_options *o)
{
    struct sockaddr_storage a;
    socklen_t size;

    (void)o;
    return parse_connect(&a, &size, text);
}

static bool family_fits(int family)
{
    return family == AF_TIPC;
}

static int tipc_listen(struct zu_listening *out, const char *text, const struct zu_options *o)
{
    struct sockaddr_storage at;
    socklen_t size = 0;
    int rc = o->use_fd >= 0 ? 0 : parse_bind(&at, &size, text);

    return zu_sockstream_listen(out, rc, AF_TIPC, &at, size, o, family_fits);
}

static int resolve(struct zu_target *out, const char *text, const struct zu_options *o)
{
    (void)o;
    memset(out, 0, sizeof *out);
    return parse_connect(&out->addr, &out->addr_size, text);
}

static int tipc_open(const struct zu_target *t, const struct zu_options *o)
{
    (void)t, (void)o;
    return zu_sockstream_make(AF_TIPC);
}

/* The kernel closes a connection only when the peer has made room, and waits for that. */
static bool may_close(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    return poll(&p, 1, 0) != 0;
}

const struct zu_transport zu_tipc = {
    .scheme = "tipc",
    .takes_time = true,
    .unbinds_typed = true,
    .check = check,
    .listen = tipc_listen,
    .unlisten = zu_sockstream_unlisten,
    .blocks = zu_sockstream_blocks,
    .resolve = resolve,
    .open = tipc_open,
    .admit = zu_sockstream_admit,
    .may_close = may_close,
    .name = zu_sockstream_name,
    .peer_address = zu_sockstream_peer_place,
};
