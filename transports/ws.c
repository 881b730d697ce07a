/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ws: what stands before the path is an address of tcp's, and tcp does what is to be done with it.
 * A listener does not look at the path that a peer asks for; its own is only part of its name.
 */
#include "transports/ws.h"

#include "include/zmq.h"
#include "transports/sockstream.h"
#include "transports/tcp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = ZU_ENDPOINT_MAX - 64 }; /* so that it fits with the longest address in it */

/* What tcp is to be asked. */
struct point {
    char text[ZU_ENDPOINT_MAX];
};

static const char *path_of(const char *text)
{
    const char *path = strchr(text, '/');

    return path ? path : "/";
}

/* -EINVAL: the path could not stand in a line of HTTP. */
static int split(struct point *out, const char *text)
{
    size_t size = strcspn(text, "/");

    if (strlen(text) > TEXT_MAX)
        return -EINVAL;
    for (const char *at = text + size; *at; at++)
        if (*at <= ' ' || *at == '#' || *at > '~')
            return -EINVAL;
    memcpy(out->text, text, size);
    out->text[size] = '\0';
    return 0;
}

/* The text of an address of tcp's becomes one of ours. */
static void rename_point(char text[ZU_ENDPOINT_MAX], const char *path)
{
    struct point was;

    if (!text[0])
        return;
    memcpy(was.text, text, sizeof was.text);
    snprintf(text, ZU_ENDPOINT_MAX, "ws://%s%s", was.text + strlen("tcp://"), path);
}

/* There are no bytes as they are on a WebSocket. */
static int check(const char *text, const struct zu_options *o)
{
    struct point p;
    int rc = split(&p, text);

    if (rc < 0)
        return rc;
    return o->raw ? -ENOCOMPATPROTO : zu_tcp.check(p.text, o);
}

static int ws_listen(struct zu_listening *out, const char *text, const struct zu_options *o)
{
    struct point p;
    int rc = split(&p, text);

    memset(out, 0, sizeof *out);
    out->fd = -1;
    if (rc < 0 || o->raw)
        return rc < 0 ? rc : -ENOCOMPATPROTO;
    rc = zu_tcp.listen(out, p.text, o);
    rename_point(out->endpoint, path_of(text));
    return rc;
}

static int unlisten(struct zu_listening *l)
{
    return zu_tcp.unlisten(l);
}

static bool blocks(const char *text, const struct zu_options *o)
{
    struct point p;

    return split(&p, text) == 0 && zu_tcp.blocks(p.text, o);
}

static int resolve(struct zu_target *out, const char *text, const struct zu_options *o)
{
    struct point p;
    int rc = split(&p, text);

    return rc < 0 ? rc : zu_tcp.resolve(out, p.text, o);
}

static int ws_open(const struct zu_target *t, const struct zu_options *o)
{
    return zu_tcp.open(t, o);
}

static int admit(int fd, const struct zu_options *o, bool accepted)
{
    return zu_tcp.admit(fd, o, accepted);
}

/* The descriptor does not know of a path. */
static void name(int fd, char local[ZU_ENDPOINT_MAX], char remote[ZU_ENDPOINT_MAX])
{
    zu_tcp.name(fd, local, remote);
    rename_point(local, "/");
    rename_point(remote, "/");
}

static void peer_address(int fd, char out[ZU_ENDPOINT_MAX])
{
    zu_tcp.peer_address(fd, out);
}

static int canonical(char out[ZU_ENDPOINT_MAX], const char *text, const struct zu_options *o)
{
    struct point p;
    int rc = split(&p, text);

    if (rc == 0)
        rc = zu_tcp.canonical(out, p.text, o);
    if (rc == 0)
        rename_point(out, path_of(text));
    return rc;
}

/* The host is as the user wrote it, without the address that he wants to come from. */
static void web(const char *text, char host[ZU_ENDPOINT_MAX], char path[ZU_ENDPOINT_MAX])
{
    size_t size = strcspn(text, "/");
    const char *from = memchr(text, ';', size), *to = from ? from + 1 : text;

    size -= (size_t)(to - text);
    snprintf(host, ZU_ENDPOINT_MAX, "%.*s", (int)size, to);
    snprintf(path, ZU_ENDPOINT_MAX, "%s", path_of(text));
}

const struct zu_transport zu_ws = {
    .scheme = "ws",
    .takes_time = true,
    .canonical = canonical,
    .check = check,
    .listen = ws_listen,
    .unlisten = unlisten,
    .blocks = blocks,
    .resolve = resolve,
    .open = ws_open,
    .admit = admit,
    .answers = zu_sockstream_answers,
    .expect = zu_sockstream_expect,
    .is_far = zu_sockstream_is_far,
    .reset = zu_sockstream_reset,
    .name = name,
    .peer_address = peer_address,
    .web = web,
};
