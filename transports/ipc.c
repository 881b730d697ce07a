/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc: sockets in the file system.
 *
 * A bind takes the name from whoever has it, alive or dead, for the leftovers of a process that
 * crashed must not keep its successor out. The price: a close must not unlink a name that was
 * given, since another may be listening there by then. Only names that we made up, in a directory
 * of our own, are tidied up.
 */
#include "transports/ipc.h"

#include "engine/base/alloc.h"
#include "transports/sockstream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The kernel's address of a text. -EINVAL: no name; -ENAMETOOLONG. */
static int address(struct sockaddr_storage *out, socklen_t *size, const char *text)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t length = strlen(text);

    if (length == 0 || strcmp(text, "@") == 0)
        return -EINVAL;
    if (length >= sizeof un.sun_path)
        return -ENAMETOOLONG;
    memcpy(un.sun_path, text, length);
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (text[0] == '@')
        un.sun_path[0] = '\0'; /* abstract: the size ends the name, a NUL would belong to it */
    else
        *size += 1;
    memset(out, 0, sizeof *out);
    memcpy(out, &un, sizeof un);
    return 0;
}

static int check(const char *text, const struct zu_options *o)
{
    struct sockaddr_storage a;
    socklen_t size;

    (void)o;
    return address(&a, &size, text);
}

/* Where temporary directories go; "" is the working directory. */
static const char *temporary_place(void)
{
    static const char *const variables[] = {"TMPDIR", "TEMPDIR", "TMP"};
    struct stat st;

    for (size_t i = 0; i < zu_array_len(variables); i++) {
        const char *place = getenv(variables[i]);

        if (place && place[0] && stat(place, &st) == 0 && S_ISDIR(st.st_mode))
            return place;
    }
    return "";
}

static int unlisten(struct zu_listening *l)
{
    int rc = 0;

    if (l->unlink_path && unlink(l->unlink_path) < 0)
        rc = -errno;
    if (l->rmdir_path && rmdir(l->rmdir_path) < 0 && rc == 0)
        rc = -errno;
    zu_free(l->unlink_path);
    zu_free(l->rmdir_path);
    l->unlink_path = l->rmdir_path = NULL;
    return rc;
}

/* Makes a directory for one socket and says what the socket is to be called. */
static int make_wildcard(struct zu_listening *l, char *path, size_t size)
{
    const char *place = temporary_place();
    const char *slash = place[0] && place[strlen(place) - 1] != '/' ? "/" : "";
    int length = snprintf(path, size, "%s%stmpXXXXXX", place, slash);
    int rc = -ENOMEM;

    if (length < 0 || (size_t)length + sizeof "/socket" > size)
        return -ENAMETOOLONG;
    if (!mkdtemp(path))
        return -errno;
    if (!(l->rmdir_path = zu_strdup(path)))
        goto remove;
    memcpy(path + length, "/socket", sizeof "/socket");
    if (!(l->unlink_path = zu_strdup(path)))
        goto tidy;
    return 0;
tidy:
    unlisten(l);
    return rc;
remove:
    rmdir(path);
    return rc;
}

static int listen_at(struct zu_listening *l, const char *path, const struct zu_options *o)
{
    struct sockaddr_storage at;
    socklen_t size;
    int fd, rc;

    if ((rc = address(&at, &size, path)) < 0)
        return rc;
    if ((fd = zu_sockstream_make(AF_UNIX)) < 0)
        return fd;
    if (path[0] != '@')
        unlink(path); /* mostly not there; what cannot go makes the bind fail */
    if (bind(fd, (const struct sockaddr *)&at, size) < 0) {
        rc = -errno;
        goto close_fd;
    }
    if (listen(fd, o->backlog) < 0) {
        rc = -errno;
        goto unlink_path;
    }
    if ((rc = zu_sockstream_own_name(fd, l->endpoint)) < 0)
        goto unlink_path;
    l->fd = fd;
    return 0;
unlink_path:
    if (path[0] != '@')
        unlink(path);
close_fd:
    close(fd);
    l->fd = fd;
    zu_sockstream_text(l->endpoint, &at, size);
    return rc;
}

static bool family_fits(int family)
{
    return family == AF_UNIX;
}

static int adopt(struct zu_listening *l, int fd)
{
    int rc;

    if ((rc = zu_sockstream_adopt(fd, family_fits)) < 0)
        return rc;
    if ((rc = zu_sockstream_own_name(fd, l->endpoint)) < 0)
        return rc;
    l->fd = fd;
    return 0;
}

static int ipc_listen(struct zu_listening *out, const char *text, const struct zu_options *o)
{
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    int rc;

    memset(out, 0, sizeof *out);
    out->fd = -1;
    if (o->use_fd >= 0)
        return adopt(out, o->use_fd);
    if (text[0] != '*')
        return listen_at(out, text, o);
    if ((rc = make_wildcard(out, path, sizeof path)) < 0)
        return rc;
    if ((rc = listen_at(out, path, o)) < 0)
        unlisten(out);
    return rc;
}

static bool blocks(const char *text, const struct zu_options *o)
{
    (void)text, (void)o;
    return false;
}

static int resolve(struct zu_target *out, const char *text, const struct zu_options *o)
{
    (void)o;
    memset(out, 0, sizeof *out);
    return address(&out->addr, &out->addr_size, text);
}

static int ipc_open(const struct zu_target *t, const struct zu_options *o)
{
    (void)t, (void)o;
    return zu_sockstream_make(AF_UNIX);
}

static int admit(int fd, const struct zu_options *o, bool accepted)
{
    return accepted ? zu_sockstream_filter_credentials(fd, o) : 0;
}

/* There is no address: what is known is who the peer is. */
static void peer_address(int fd, char out[ZU_ENDPOINT_MAX])
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    out[0] = '\0';
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
        snprintf(out, ZU_ENDPOINT_MAX, "localhost:%lu:%lu:%ld", (unsigned long)peer.uid,
                 (unsigned long)peer.gid, (long)peer.pid);
}

const struct zu_transport zu_ipc = {
    .scheme = "ipc",
    .check = check,
    .listen = ipc_listen,
    .unlisten = unlisten,
    .blocks = blocks,
    .resolve = resolve,
    .open = ipc_open,
    .admit = admit,
    .name = zu_sockstream_name,
    .peer_address = peer_address,
};
