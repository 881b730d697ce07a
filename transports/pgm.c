/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenPGM is driven by calls that do not wait: it has descriptors to be polled, and timers that it
 * looks at in every receive, of who only sends, too. Its windows are as large as what
 * ZMQ_RATE lets through in ZMQ_RECOVERY_IVL; times that no option names are those of its examples.
 *
 * It writes warnings to the standard error unless somebody else takes them: nobody does.
 *
 * By UDP a listener hears what is sent to the group, a speaker what is asked of him alone; all of
 * one machine at the same port. OpenPGM binds either to any address, and then the kernel deals out
 * the questions among speakers and listeners by a hash: of half of all pairs none arrives, and
 * nothing that was lost is ever repaired. So ours listen at a descriptor of their own, which is
 * bound to the group and hears nothing else.
 *
 * For some packets that are not well formed OpenPGM ends the process, so they are kept from it
 * (pgm_filter.h).
 */
#include "transports/pgm.h"

#include "engine/base/alloc.h"
#include "engine/base/random.h"
#include "transports/group.h"
#include "transports/pgm_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pgm/pgm.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    WINDOW_MIN = 32,
    WINDOW_MAX = 1 << 20, /* packets; each is a pointer from the start */
    RETRY_MS = 1,
    UNREAD_MAX = 1 << 16, /* packets; no buffer holds as many */
};

struct pgm {
    pgm_sock_t *sock;
    bool sends;
    struct pgm_msgv_t heard;
    struct pgm_sk_buff_t *held; /* of a reset; ours to free */
};

/* ---- once ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_ready;

static void say_nothing(const int level, const char *restrict text, void *restrict arg)
{
    (void)level, (void)text, (void)arg;
}

static void prepare(void)
{
    pgm_log_set_handler(say_nothing, NULL);
    is_ready = pgm_init(NULL);
}

/* ---- sockets ---- */

static int error_of(pgm_error_t *e)
{
    int rc = -EINVAL;

    if (e && e->code == PGM_ERROR_PERM)
        rc = -EPERM;
    else if (e && e->code == PGM_ERROR_NODEV)
        rc = -ENODEV;
    else if (e && e->code == PGM_ERROR_NOBUFS)
        rc = -ENOBUFS;
    else if (e && e->code == PGM_ERROR_PROTO)
        rc = -EPROTONOSUPPORT;
    if (e)
        pgm_error_free(e);
    return rc;
}

static bool set(pgm_sock_t *s, int option, int value)
{
    return pgm_setsockopt(s, IPPROTO_PGM, option, &value, sizeof value);
}

/* How many packets go in the time in which one may still be asked for. */
static int window(const struct zu_options *o)
{
    int64_t bytes = (int64_t)o->recovery_ivl * o->rate / 8;

    return (int)ZU_MAX(WINDOW_MIN, ZU_MIN(WINDOW_MAX, bytes / o->multicast_maxtpdu));
}

static int bytes_per_second(const struct zu_options *o)
{
    return (int)ZU_MIN((int64_t)o->rate * 1000 / 8, INT32_MAX);
}

/* Of what it missed last a listener hears by SPM alone, and it may miss those that follow at once:
 * so they do not become as rare as in the examples, where half a minute is between two. */
static bool set_sender(pgm_sock_t *s, const struct zu_options *o)
{
    const int beats[] = {pgm_msecs(100), pgm_msecs(100), pgm_msecs(100), pgm_msecs(100),
                         pgm_msecs(1300)};

    return set(s, PGM_SEND_ONLY, 1) && set(s, PGM_TXW_SQNS, window(o)) &&
           set(s, PGM_TXW_MAX_RTE, bytes_per_second(o)) && set(s, PGM_AMBIENT_SPM, pgm_secs(4)) &&
           pgm_setsockopt(s, IPPROTO_PGM, PGM_HEARTBEAT_SPM, beats, sizeof beats);
}

/* Before it has heard SPM of a speaker a listener cannot ask him for anything, and gives up what it
 * missed after NAK_BO_IVL at most: so it asks for one when it first hears him. */
static bool set_listener(pgm_sock_t *s, const struct zu_options *o)
{
    return set(s, PGM_RECV_ONLY, 1) && set(s, PGM_PASSIVE, 0) && set(s, PGM_RXW_SQNS, window(o)) &&
           set(s, PGM_PEER_EXPIRY, pgm_secs(300)) && set(s, PGM_SPMR_EXPIRY, pgm_msecs(1)) &&
           set(s, PGM_NAK_BO_IVL, pgm_msecs(50)) && set(s, PGM_NAK_RPT_IVL, pgm_msecs(200)) &&
           set(s, PGM_NAK_RDATA_IVL, pgm_msecs(200)) && set(s, PGM_NAK_DATA_RETRIES, 50) &&
           set(s, PGM_NAK_NCF_RETRIES, 50);
}

static bool set_up(pgm_sock_t *s, const struct zu_options *o, bool sends, bool udp, int port)
{
    if (udp && !(set(s, PGM_UDP_ENCAP_UCAST_PORT, port) && set(s, PGM_UDP_ENCAP_MCAST_PORT, port)))
        return false;
    if (o->sndbuf >= 0 && !pgm_setsockopt(s, SOL_SOCKET, SO_SNDBUF, &o->sndbuf, sizeof(int)))
        return false;
    if (o->rcvbuf >= 0 && !pgm_setsockopt(s, SOL_SOCKET, SO_RCVBUF, &o->rcvbuf, sizeof(int)))
        return false;
    return set(s, PGM_MTU, o->multicast_maxtpdu) && (sends ? set_sender(s, o) : set_listener(s, o));
}

static int get(pgm_sock_t *s, int option)
{
    int value = -1;
    socklen_t size = sizeof value;

    return pgm_getsockopt(s, IPPROTO_PGM, option, &value, &size) ? value : -1;
}

static bool copy_option(int to, int from, int level, int option)
{
    int value;
    socklen_t size = sizeof value;

    return getsockopt(from, level, option, &value, &size) == 0 &&
           setsockopt(to, level, option, &value, size) == 0;
}

/* See the head. OpenPGM tells its descriptors once it is connected. */
static bool hear_the_group_alone(pgm_sock_t *s, const struct pgm_addrinfo_t *at, uint16_t port,
                                 int rcvbuf)
{
    const struct pgm_group_source_req *from = &at->ai_recv_addrs[0];
    struct group_req group = {.gr_interface = from->gsr_interface, .gr_group = from->gsr_group};
    struct sockaddr_in a = *(const struct sockaddr_in *)&from->gsr_group;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
    int old = get(s, PGM_RECV_SOCK);
    bool done;

    if (fd < 0)
        return false;
    a.sin_port = htons(port);
    done = copy_option(fd, old, SOL_SOCKET, SO_REUSEADDR) &&
           copy_option(fd, old, SOL_SOCKET, SO_REUSEPORT) &&
           copy_option(fd, old, IPPROTO_IP, IP_PKTINFO) &&
           (rcvbuf < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf) == 0) &&
           setsockopt(fd, IPPROTO_IP, MCAST_JOIN_GROUP, &group, sizeof group) == 0 &&
           zu_pgm_filter_attach(fd, true) == 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
           dup3(fd, old, O_CLOEXEC) == old;
    close(fd);
    return done;
}

/* Of a descriptor of OpenPGM's, which may have heard something already. */
static bool hear_what_makes_sense(pgm_sock_t *s, bool udp)
{
    int fd = get(s, PGM_RECV_SOCK);
    char byte;

    if (zu_pgm_filter_attach(fd, udp) < 0)
        return false;
    for (int i = 0; i < UNREAD_MAX && recv(fd, &byte, 1, MSG_DONTWAIT) >= 0; i++)
        continue;
    return true;
}

static void close_on_exec(pgm_sock_t *s)
{
    static const int which[] = {PGM_SEND_SOCK, PGM_RECV_SOCK, PGM_REPAIR_SOCK, PGM_PENDING_SOCK};

    for (size_t i = 0; i < sizeof which / sizeof *which; i++) {
        int fd = get(s, which[i]);

        if (fd >= 0)
            fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
}

static bool join(pgm_sock_t *s, const struct zu_options *o, const struct pgm_addrinfo_t *at)
{
    for (uint32_t i = 0; i < at->ai_recv_addrs_len; i++)
        if (!pgm_setsockopt(s, IPPROTO_PGM, PGM_JOIN_GROUP, &at->ai_recv_addrs[i],
                            sizeof(struct pgm_group_source_req)))
            return false;
    return pgm_setsockopt(s, IPPROTO_PGM, PGM_SEND_GROUP, &at->ai_send_addrs[0],
                          sizeof(struct pgm_group_source_req)) &&
           set(s, PGM_MULTICAST_LOOP, 1) && set(s, PGM_MULTICAST_HOPS, o->multicast_hops) &&
           set(s, PGM_NOBLOCK, 1);
}

static int make(pgm_sock_t **out, const struct zu_options *o, bool sends, bool udp,
                const struct pgm_addrinfo_t *at, uint16_t port)
{
    struct pgm_sockaddr_t own = {.sa_port = port, .sa_addr.sport = DEFAULT_DATA_SOURCE_PORT};
    struct pgm_interface_req_t by = {.ir_interface = at->ai_recv_addrs[0].gsr_interface,
                                     .ir_address = at->ai_recv_addrs[0].gsr_addr};
    pgm_error_t *e = NULL;
    uint8_t id[16];
    pgm_sock_t *s;

    if (!pgm_socket(&s, AF_INET, SOCK_SEQPACKET, udp ? IPPROTO_UDP : IPPROTO_PGM, &e))
        return error_of(e);
    zu_random_fill(id, sizeof id);
    if (set_up(s, o, sends, udp, port) &&
        pgm_gsi_create_from_data(&own.sa_addr.gsi, id, sizeof id) &&
        pgm_bind3(s, &own, sizeof own, &by, sizeof by, &by, sizeof by, &e) && join(s, o, at) &&
        pgm_connect(s, &e) &&
        (sends || !udp ? hear_what_makes_sense(s, udp)
                       : hear_the_group_alone(s, at, port, o->rcvbuf))) {
        close_on_exec(s);
        *out = s;
        return 0;
    }
    pgm_close(s, false);
    return error_of(e);
}

static int open_any(void **out, const char *text, const struct zu_options *o, bool sends, bool udp)
{
    char network[sizeof(struct zu_group)]; /* by an address, so that its name need not be one's */
    struct pgm_addrinfo_t *at = NULL;
    pgm_error_t *e = NULL;
    struct zu_group group;
    struct pgm *p;
    int rc = zu_group_parse(&group, text);

    if (rc < 0)
        return rc;
    snprintf(network, sizeof network, "%s;%s", group.interface, group.host);
    pthread_once(&once, prepare);
    if (!is_ready)
        return -EPROTONOSUPPORT;
    if (!(p = zu_alloc_zero(sizeof *p)))
        return -ENOMEM;
    p->sends = sends;
    if (!pgm_getaddrinfo(network, NULL, &at, &e))
        rc = error_of(e);
    if (rc == 0) {
        rc = make(&p->sock, o, sends, udp, at, group.port);
        pgm_freeaddrinfo(at);
    }
    if (rc < 0)
        zu_free(p);
    else
        *out = p;
    return rc;
}

static int pgm_open(void **out, const char *text, const struct zu_options *o, bool sends)
{
    return open_any(out, text, o, sends, false);
}

static int epgm_open(void **out, const char *text, const struct zu_options *o, bool sends)
{
    return open_any(out, text, o, sends, true);
}

static void drop_held(struct pgm *p)
{
    if (p->held)
        pgm_free_skb(p->held);
    p->held = NULL;
}

static void carrier_close(void *state)
{
    struct pgm *p = state;

    drop_held(p);
    pgm_close(p->sock, p->sends); /* a sender says that it goes */
    zu_free(p);
}

/* ---- pieces ---- */

static int descriptors(void *state, int fd[ZU_CARRIER_FDS])
{
    struct pgm *p = state;

    fd[0] = get(p->sock, PGM_RECV_SOCK);
    fd[1] = get(p->sock, p->sends ? PGM_REPAIR_SOCK : PGM_PENDING_SOCK);
    return 2;
}

static size_t piece_max(void *state)
{
    struct pgm *p = state;
    int most = get(p->sock, PGM_MSS);

    return most > 0 ? (size_t)most : 0;
}

/* How long a call may wait for what it has just said it waits for. */
static uint64_t ms_left(struct pgm *p, int option)
{
    struct timeval left;
    socklen_t size = sizeof left;

    if (!pgm_getsockopt(p->sock, IPPROTO_PGM, option, &left, &size))
        return RETRY_MS;
    return (uint64_t)left.tv_sec * 1000 + (uint64_t)left.tv_usec / 1000 + 1;
}

static int carrier_send(void *state, const void *piece, size_t size, bool ends, uint64_t *wait_ms)
{
    struct pgm *p = state;
    size_t sent;
    int rc = pgm_send(p->sock, piece, size, &sent);

    (void)ends;
    *wait_ms = RETRY_MS;
    switch (rc) {
    case PGM_IO_STATUS_NORMAL: return 0;
    case PGM_IO_STATUS_RATE_LIMITED: *wait_ms = ms_left(p, PGM_RATE_REMAIN); return -EAGAIN;
    case PGM_IO_STATUS_WOULD_BLOCK:
    case PGM_IO_STATUS_CONGESTION: return -EAGAIN;
    default: return -EIO;
    }
}

static int take_reset(struct pgm *p, uint64_t *source)
{
    p->held = p->heard.msgv_skb[0];
    memcpy(source, &p->held->tsi, sizeof *source);
    static_assert(sizeof p->held->tsi == sizeof *source, "a number for each source");
    return -ECONNRESET;
}

/* Of more than one packet, which libzmq never sends, the first is all we take. */
static int carrier_receive(void *state, struct zu_reader *in, uint64_t *source, uint64_t *wait_ms)
{
    struct pgm *p = state;
    size_t size;
    int rc;

    drop_held(p);
    rc = pgm_recvmsgv(p->sock, &p->heard, 1, 0, &size, NULL);
    *wait_ms = ZU_CARRIER_NEVER;
    switch (rc) {
    case PGM_IO_STATUS_NORMAL:
        *in = zu_reader_of(p->heard.msgv_skb[0]->data, p->heard.msgv_skb[0]->len);
        memcpy(source, &p->heard.msgv_skb[0]->tsi, sizeof *source);
        return 0;
    case PGM_IO_STATUS_RESET: return take_reset(p, source);
    case PGM_IO_STATUS_WOULD_BLOCK:
    case PGM_IO_STATUS_TIMER_PENDING: *wait_ms = ms_left(p, PGM_TIME_REMAIN); return -EAGAIN;
    case PGM_IO_STATUS_RATE_LIMITED: *wait_ms = ms_left(p, PGM_RATE_REMAIN); return -EAGAIN;
    default: *wait_ms = 100; return -EAGAIN; /* an error of the network's, which may pass */
    }
}

#define CARRIER(opens)                                                                             \
    {                                                                                              \
        .open = opens, .close = carrier_close, .descriptors = descriptors, .piece_max = piece_max, \
        .send = carrier_send, .receive = carrier_receive                                           \
    }

static const struct zu_carrier by_pgm = CARRIER(pgm_open), by_epgm = CARRIER(epgm_open);

const struct zu_transport zu_pgm = {.scheme = "pgm", .carrier = &by_pgm};
const struct zu_transport zu_epgm = {.scheme = "epgm", .carrier = &by_epgm};
