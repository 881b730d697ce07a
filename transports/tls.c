/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls: tcp in all that concerns descriptors and addresses, with a tunnel for the bytes.
 * Certificates that cannot be used are refused where the endpoint is given.
 */
#include "transports/tls.h"

#include "transports/sockstream.h"
#include "transports/tcp.h"
#include "transports/tls_options.h"
#include "transports/tls_tunnel.h"

#include <string.h>

/* An endpoint text of tcp's becomes one of ours. */
static void rename_scheme(char endpoint[ZU_ENDPOINT_MAX])
{
    if (strncmp(endpoint, "tcp://", 6) == 0)
        memcpy(endpoint, "tls", 3);
}

static int check(const char *text, const struct zu_options *o)
{
    int rc = zu_tcp.check(text, o);

    return rc < 0 ? rc : zu_tls_check(text, o);
}

static int tls_listen(struct zu_listening *out, const char *text, const struct zu_options *o)
{
    int rc = zu_tls_prepare(o);

    memset(out, 0, sizeof *out);
    out->fd = -1;
    if (rc == 0)
        rc = zu_tcp.listen(out, text, o);
    rename_scheme(out->endpoint);
    return rc;
}

static int unlisten(struct zu_listening *l)
{
    return zu_tcp.unlisten(l);
}

static bool blocks(const char *text, const struct zu_options *o)
{
    return zu_tcp.blocks(text, o);
}

static int resolve(struct zu_target *out, const char *text, const struct zu_options *o)
{
    return zu_tcp.resolve(out, text, o);
}

static int tls_open(const struct zu_target *t, const struct zu_options *o)
{
    return zu_tcp.open(t, o);
}

static int admit(int fd, const struct zu_options *o, bool accepted)
{
    return zu_tcp.admit(fd, o, accepted);
}

static void name(int fd, char local[ZU_ENDPOINT_MAX], char remote[ZU_ENDPOINT_MAX])
{
    zu_tcp.name(fd, local, remote);
    rename_scheme(local);
    rename_scheme(remote);
}

static void peer_address(int fd, char out[ZU_ENDPOINT_MAX])
{
    zu_tcp.peer_address(fd, out);
}

static int canonical(char out[ZU_ENDPOINT_MAX], const char *text, const struct zu_options *o)
{
    int rc = zu_tcp.canonical(out, text, o);

    if (rc == 0)
        rename_scheme(out);
    return rc;
}

/* Of bytes in records the kernel cannot be told how many there will be: no `expect`. */
const struct zu_transport zu_tls = {
    .scheme = "tls",
    .takes_time = true,
    .canonical = canonical,
    .proxy = &zu_tcp_proxy,
    .tunnel = &zu_tls_tunnel,
    .check = check,
    .listen = tls_listen,
    .unlisten = unlisten,
    .blocks = blocks,
    .resolve = resolve,
    .open = tls_open,
    .admit = admit,
    .answers = zu_sockstream_answers,
    .is_far = zu_sockstream_is_far,
    .reset = zu_sockstream_reset,
    .name = name,
    .peer_address = peer_address,
};
