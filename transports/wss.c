/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wss: ws in all that concerns descriptors, addresses and what is said on them, with a tunnel for
 * the bytes. Certificates that cannot be used are refused where the endpoint is given.
 */
#include "transports/wss.h"

#include "transports/sockstream.h"
#include "transports/tls_options.h"
#include "transports/tls_tunnel.h"
#include "transports/ws.h"

#include <string.h>

/* An endpoint text of ws's becomes one of ours. */
static void rename_scheme(char endpoint[ZU_ENDPOINT_MAX])
{
    size_t size = strlen(endpoint);

    if (strncmp(endpoint, "ws://", 5) != 0 || size + 1 >= ZU_ENDPOINT_MAX)
        return;
    memmove(endpoint + 2, endpoint + 1, size); /* its NUL, too */
    endpoint[1] = 's';
}

static int check(const char *text, const struct zu_options *o)
{
    int rc = zu_ws.check(text, o);

    return rc < 0 ? rc : zu_tls_check(text, o);
}

static int wss_listen(struct zu_listening *out, const char *text, const struct zu_options *o)
{
    int rc = zu_tls_prepare(o);

    memset(out, 0, sizeof *out);
    out->fd = -1;
    if (rc == 0)
        rc = zu_ws.listen(out, text, o);
    rename_scheme(out->endpoint);
    return rc;
}

static int unlisten(struct zu_listening *l)
{
    return zu_ws.unlisten(l);
}

static bool blocks(const char *text, const struct zu_options *o)
{
    return zu_ws.blocks(text, o);
}

static int resolve(struct zu_target *out, const char *text, const struct zu_options *o)
{
    return zu_ws.resolve(out, text, o);
}

static int wss_open(const struct zu_target *t, const struct zu_options *o)
{
    return zu_ws.open(t, o);
}

static int admit(int fd, const struct zu_options *o, bool accepted)
{
    return zu_ws.admit(fd, o, accepted);
}

static void name(int fd, char local[ZU_ENDPOINT_MAX], char remote[ZU_ENDPOINT_MAX])
{
    zu_ws.name(fd, local, remote);
    rename_scheme(local);
    rename_scheme(remote);
}

static void peer_address(int fd, char out[ZU_ENDPOINT_MAX])
{
    zu_ws.peer_address(fd, out);
}

static int canonical(char out[ZU_ENDPOINT_MAX], const char *text, const struct zu_options *o)
{
    int rc = zu_ws.canonical(out, text, o);

    if (rc == 0)
        rename_scheme(out);
    return rc;
}

static void web(const char *text, char host[ZU_ENDPOINT_MAX], char path[ZU_ENDPOINT_MAX])
{
    zu_ws.web(text, host, path);
}

/* Of bytes in records the kernel cannot be told how many there will be: no `expect`. */
const struct zu_transport zu_wss = {
    .scheme = "wss",
    .takes_time = true,
    .canonical = canonical,
    .tunnel = &zu_tls_tunnel,
    .check = check,
    .listen = wss_listen,
    .unlisten = unlisten,
    .blocks = blocks,
    .resolve = resolve,
    .open = wss_open,
    .admit = admit,
    .answers = zu_sockstream_answers,
    .is_far = zu_sockstream_is_far,
    .reset = zu_sockstream_reset,
    .name = name,
    .peer_address = peer_address,
    .web = web,
};
