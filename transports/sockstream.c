/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockstream: straight-line system calls. Nothing is kept here: what the kernel can tell about a
 * descriptor is asked of the kernel.
 */
#include "transports/sockstream.h"

#include "engine/base/alloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/tipc.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

int zu_sockstream_make(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return fd < 0 ? -errno : fd;
}

static int get_int(int fd, int level, int option, int *value)
{
    socklen_t size = sizeof *value;

    return getsockopt(fd, level, option, value, &size) < 0 ? -errno : 0;
}

static int set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

int zu_sockstream_adopt(int fd, bool (*family_fits)(int family))
{
    int status = fcntl(fd, F_GETFL), descriptor = fcntl(fd, F_GETFD);
    int family, type, listening;

    if (status < 0 || descriptor < 0)
        return -errno;
    if (get_int(fd, SOL_SOCKET, SO_DOMAIN, &family) < 0 ||
        get_int(fd, SOL_SOCKET, SO_TYPE, &type) < 0 ||
        get_int(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening) < 0)
        return -EINVAL; /* a file, say */
    if (!family_fits(family) || type != SOCK_STREAM || !listening)
        return -EINVAL;
    if (fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, descriptor | FD_CLOEXEC) < 0)
        return -errno;
    return 0;
}

enum {
    /* What the kernel may hold that is not on its way yet. Left to itself it takes 4 MB, far more
     * than any water mark meant; what is on its way, and so the speed, is not limited by it. */
    UNSENT_MAX = 128 * 1024,
    BUSY_POLL_US = 50,
    /* Probes of a closed window that may be unanswered; the last one's answer may be on its way. */
    UNANSWERED_MAX = 1,
};

/* ---- Names ---- */

static void text_inet(char out[ZU_ENDPOINT_MAX], const struct sockaddr_storage *a, socklen_t size)
{
    bool brackets = a->ss_family == AF_INET6;
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1], port[8];

    out[0] = '\0';
    if (getnameinfo((const struct sockaddr *)a, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(out, ZU_ENDPOINT_MAX, "tcp://%s%s%s:%s", brackets ? "[" : "", host,
                 brackets ? "]" : "", port);
}

/* The kernel's size says where a name ends: an abstract one has no NUL, a path may lack it. */
static void text_unix(char out[ZU_ENDPOINT_MAX], const struct sockaddr_storage *a, socklen_t size)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)a;
    size_t before = offsetof(struct sockaddr_un, sun_path);
    size_t left = size > before ? size - before : 0;

    if (left > 1 && un->sun_path[0] == '\0')
        snprintf(out, ZU_ENDPOINT_MAX, "ipc://@%.*s", (int)(left - 1), un->sun_path + 1);
    else
        snprintf(out, ZU_ENDPOINT_MAX, "ipc://%.*s", (int)left, left ? un->sun_path : "");
}

static void text_vsock(char out[ZU_ENDPOINT_MAX], const struct sockaddr_storage *a)
{
    const struct sockaddr_vm *vm = (const struct sockaddr_vm *)a;

    if (vm->svm_cid == VMADDR_CID_ANY)
        snprintf(out, ZU_ENDPOINT_MAX, "vsock://*:%u", vm->svm_port);
    else
        snprintf(out, ZU_ENDPOINT_MAX, "vsock://%u:%u", vm->svm_cid, vm->svm_port);
}

/* The kernel knows its sockets by port; services are names for them. */
static void text_tipc(char out[ZU_ENDPOINT_MAX], const struct sockaddr_storage *a)
{
    const struct sockaddr_tipc *t = (const struct sockaddr_tipc *)a;
    uint32_t node = t->addr.id.node;

    if (t->addrtype == TIPC_ADDR_ID)
        snprintf(out, ZU_ENDPOINT_MAX, "tipc://<%u.%u.%u:%u>", node >> 24, node >> 12 & 0xfff,
                 node & 0xfff, t->addr.id.ref);
}

void zu_sockstream_text(char out[ZU_ENDPOINT_MAX], const struct sockaddr_storage *a, socklen_t size)
{
    out[0] = '\0';
    if (size < sizeof a->ss_family)
        return;
    if (a->ss_family == AF_INET || a->ss_family == AF_INET6)
        text_inet(out, a, size);
    else if (a->ss_family == AF_UNIX)
        text_unix(out, a, size);
    else if (a->ss_family == AF_VSOCK)
        text_vsock(out, a);
    else if (a->ss_family == AF_TIPC)
        text_tipc(out, a);
}

int zu_sockstream_own_name(int fd, char local[ZU_ENDPOINT_MAX])
{
    struct sockaddr_storage a;
    socklen_t size = sizeof a;

    local[0] = '\0';
    if (getsockname(fd, (struct sockaddr *)&a, &size) < 0)
        return -errno;
    zu_sockstream_text(local, &a, size);
    return local[0] ? 0 : -EINVAL;
}

void zu_sockstream_name(int fd, char local[ZU_ENDPOINT_MAX], char remote[ZU_ENDPOINT_MAX])
{
    struct sockaddr_storage a;
    socklen_t size = sizeof a;

    zu_sockstream_own_name(fd, local);
    remote[0] = '\0';
    if (getpeername(fd, (struct sockaddr *)&a, &size) == 0)
        zu_sockstream_text(remote, &a, size);
}

void zu_sockstream_peer_place(int fd, char out[ZU_ENDPOINT_MAX])
{
    char local[ZU_ENDPOINT_MAX], remote[ZU_ENDPOINT_MAX];
    const char *place;

    zu_sockstream_name(fd, local, remote);
    place = strstr(remote, "://");
    snprintf(out, ZU_ENDPOINT_MAX, "%s", place ? place + 3 : "");
}

/* ---- Listening ---- */

int zu_sockstream_listen(struct zu_listening *out, int rc, int family,
                         const struct sockaddr_storage *at, socklen_t size,
                         const struct zu_options *o, bool (*family_fits)(int family))
{
    bool given = o->use_fd >= 0;
    int fd = o->use_fd;

    memset(out, 0, sizeof *out);
    out->fd = -1;
    if (rc < 0)
        return rc;
    if (given && (rc = zu_sockstream_adopt(fd, family_fits)) < 0)
        return rc;
    if (!given && (fd = zu_sockstream_make(family)) < 0)
        return fd;
    if (!given &&
        ((size && bind(fd, (const struct sockaddr *)at, size) < 0) || listen(fd, o->backlog) < 0))
        rc = -errno;
    if (rc == 0)
        rc = zu_sockstream_own_name(fd, out->endpoint);
    if (rc < 0 && !given)
        close(fd);
    if (rc == 0 || !given)
        out->fd = fd;
    return rc;
}

int zu_sockstream_unlisten(struct zu_listening *l)
{
    (void)l;
    return 0;
}

bool zu_sockstream_blocks(const char *text, const struct zu_options *o)
{
    (void)text, (void)o;
    return false;
}

int zu_sockstream_admit(int fd, const struct zu_options *o, bool accepted)
{
    (void)fd, (void)o, (void)accepted;
    return 0;
}

/* ---- Tuning ---- */

static int tune_service(int fd, int family, const struct zu_options *o)
{
    int tos = o->tos & 0xff; /* the option takes any number, IPV6_TCLASS a byte */
    int rc;

    if (o->tos > 0) {
        if ((rc = set_int(fd, IPPROTO_IP, IP_TOS, tos)) < 0)
            return rc;
        if (family == AF_INET6 && (rc = set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, tos)) < 0)
            return rc;
    }
    return o->priority > 0 ? set_int(fd, SOL_SOCKET, SO_PRIORITY, o->priority) : 0;
}

int zu_sockstream_tune_early(int fd, int family, const struct zu_options *o)
{
    int rc;

    if (family == AF_INET6 && (rc = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)) < 0)
        return rc;
    if ((rc = tune_service(fd, family, o)) < 0)
        return rc;
    if (o->bind_device[0] && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, o->bind_device,
                                        (socklen_t)strlen(o->bind_device)) < 0)
        return -errno;
    if (o->sndbuf >= 0 && (rc = set_int(fd, SOL_SOCKET, SO_SNDBUF, o->sndbuf)) < 0)
        return rc;
    if (o->rcvbuf >= 0 && (rc = set_int(fd, SOL_SOCKET, SO_RCVBUF, o->rcvbuf)) < 0)
        return rc;
    return 0;
}

static int tune_keepalive(int fd, const struct zu_options *o)
{
    int rc;

    if (o->keepalive < 0)
        return 0; /* as the system has it; then the details do not count either */
    if ((rc = set_int(fd, SOL_SOCKET, SO_KEEPALIVE, o->keepalive)) < 0)
        return rc;
    if (o->keepalive_cnt >= 0 && (rc = set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, o->keepalive_cnt)) < 0)
        return rc;
    if (o->keepalive_idle >= 0 &&
        (rc = set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, o->keepalive_idle)) < 0)
        return rc;
    if (o->keepalive_intvl >= 0)
        return set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, o->keepalive_intvl);
    return 0;
}

int zu_sockstream_tune(int fd, const struct zu_options *o, bool accepted)
{
    int family, rc;

    if ((rc = set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1)) < 0)
        return rc;
    if (o->sndbuf < 0)
        set_int(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_MAX);
    if ((rc = tune_keepalive(fd, o)) < 0)
        return rc;
    if (o->tcp_maxrt > 0 && (rc = set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, o->tcp_maxrt)) < 0)
        return rc;
    if (o->busy_poll > 0 && (rc = set_int(fd, SOL_SOCKET, SO_BUSY_POLL, o->busy_poll)) < 0)
        return rc;
    if (o->busy_poll == 0 && o->spin_us < 0)
        set_int(fd, SOL_SOCKET, SO_BUSY_POLL, BUSY_POLL_US); /* or not: it may be a privilege */
    if (!accepted)
        return 0;
    if ((rc = get_int(fd, SOL_SOCKET, SO_DOMAIN, &family)) < 0)
        return rc;
    return tune_service(fd, family, o);
}

void zu_sockstream_expect(int fd, int bytes)
{
    set_int(fd, SOL_SOCKET, SO_RCVLOWAT, bytes);
}

bool zu_sockstream_answers(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;

    /* Every answer, also to a probe of a closed window, puts both counts back to 0. */
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_FIN_WAIT1) &&
           info.tcpi_retransmits == 0 && info.tcpi_probes <= UNANSWERED_MAX;
}

/* ---- Where the peer is ---- */

/* The 4 or 16 bytes of an address, which is an IPv4 address when it is mapped; 0: of none. */
static size_t bytes_of(const struct sockaddr *a, const uint8_t **out)
{
    const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;

    if (a->sa_family == AF_INET) {
        *out = (const uint8_t *)&((const struct sockaddr_in *)(const void *)a)->sin_addr;
        return 4;
    }
    if (a->sa_family != AF_INET6)
        return 0;
    *out = six->s6_addr + (IN6_IS_ADDR_V4MAPPED(six) ? 12 : 0);
    return IN6_IS_ADDR_V4MAPPED(six) ? 4 : 16;
}

static bool is_loopback(const uint8_t *bytes, size_t size)
{
    return size == 4 ? bytes[0] == 127 : !memcmp(bytes, &in6addr_loopback, 16);
}

bool zu_sockstream_is_apart(const struct sockaddr *a, const struct sockaddr *b)
{
    const uint8_t *mine, *theirs;
    size_t size = bytes_of(a, &mine);

    return size && size == bytes_of(b, &theirs) && !is_loopback(mine, size) &&
           !is_loopback(theirs, size) && memcmp(mine, theirs, size) != 0;
}

bool zu_sockstream_is_far(int fd)
{
    struct sockaddr_storage mine, theirs;
    socklen_t mine_size = sizeof mine, theirs_size = sizeof theirs;

    return getsockname(fd, (struct sockaddr *)&mine, &mine_size) == 0 &&
           getpeername(fd, (struct sockaddr *)&theirs, &theirs_size) == 0 &&
           zu_sockstream_is_apart((struct sockaddr *)&mine, (struct sockaddr *)&theirs);
}

void zu_sockstream_reset(int fd)
{
    /* Not SO_LINGER and close: a forked child may have the descriptor, too. */
    connect(fd, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr));
}

/* ---- Filters ---- */

int zu_sockstream_filter_address(int fd, const struct zu_options *o)
{
    struct sockaddr_storage a;
    socklen_t size = sizeof a;
    const void *addr;

    if (o->accept_filter_count == 0)
        return 0;
    if (getpeername(fd, (struct sockaddr *)&a, &size) < 0)
        return -errno;
    if (a.ss_family == AF_INET)
        addr = &((const struct sockaddr_in *)&a)->sin_addr;
    else if (a.ss_family == AF_INET6)
        addr = &((const struct sockaddr_in6 *)&a)->sin6_addr;
    else
        return -EPERM;
    for (size_t i = 0; i < o->accept_filter_count; i++)
        if (zu_cidr_match(&o->accept_filters[i], a.ss_family, addr))
            return 0;
    return -EPERM;
}

static bool gid_listed(const struct zu_options *o, const gid_t *have, size_t count)
{
    for (size_t i = 0; i < o->filter_gid_count; i++)
        for (size_t j = 0; j < count; j++)
            if (o->filter_gids[i] == have[j])
                return true;
    return false;
}

/* The groups that the peer's process had when it connected, as the kernel remembers them. */
static bool process_groups_listed(int fd, const struct zu_options *o)
{
    gid_t few[64], *groups = few;
    socklen_t size = sizeof few;
    bool listed = false;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0) {
        if (errno != ERANGE || !(groups = zu_alloc(size))) /* ERANGE: size says how many */
            return false;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
            goto done;
    }
    listed = gid_listed(o, groups, size / sizeof *groups);
done:
    if (groups != few)
        zu_free(groups);
    return listed;
}

/* The user's name, which the group database is asked by. The room is the caller's. */
static const char *user_name(uid_t uid, char *room, size_t size)
{
    struct passwd entry, *found = NULL;

    return getpwuid_r(uid, &entry, room, size, &found) == 0 && found ? found->pw_name : NULL;
}

/*
 * The groups that the group database gives the user. A process in a container often has none of
 * them, and has always been let in all the same. This reads files (or what the system is set up to
 * ask instead), so it is the last resort, and only where a group filter is set.
 */
static bool user_groups_listed(const struct ucred *peer, const struct zu_options *o)
{
    char room[4096];
    const char *user = user_name(peer->uid, room, sizeof room);
    gid_t few[64], *groups = few;
    int count = zu_array_len(few);
    bool listed = false;

    if (!user)
        return false;
    if (getgrouplist(user, peer->gid, groups, &count) < 0) {
        /* Now count is what it takes; should it grow meanwhile, we go without. */
        if (count <= 0 || !(groups = zu_alloc((size_t)count * sizeof *groups)))
            return false;
        if (getgrouplist(user, peer->gid, groups, &count) < 0)
            goto done;
    }
    listed = gid_listed(o, groups, (size_t)count);
done:
    if (groups != few)
        zu_free(groups);
    return listed;
}

int zu_sockstream_filter_credentials(int fd, const struct zu_options *o)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (!o->filter_uid_count && !o->filter_gid_count && !o->filter_pid_count)
        return 0;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return -errno;
    for (size_t i = 0; i < o->filter_uid_count; i++)
        if (o->filter_uids[i] == peer.uid)
            return 0;
    for (size_t i = 0; i < o->filter_pid_count; i++)
        if (o->filter_pids[i] == peer.pid)
            return 0;
    if (o->filter_gid_count && (gid_listed(o, &peer.gid, 1) || process_groups_listed(fd, o) ||
                                user_groups_listed(&peer, o)))
        return 0;
    return -EPERM;
}
