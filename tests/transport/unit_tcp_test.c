/* SPDX-License-Identifier: Apache-2.0 */
#include "transports/sockstream.h"
#include "transports/tcp.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zmq.h>

#define DEADLINE_MS 60000

static struct zu_options *options(void)
{
    struct zu_options *o = zu_options_new(ZMQ_DEALER);

    cr_assert(o);
    return o;
}

static void set(struct zu_options **o, int option, int value)
{
    cr_assert_eq(zu_options_set(o, option, &value, sizeof value), 0);
}

static void set_text(struct zu_options **o, int option, const char *value)
{
    cr_assert_eq(zu_options_set(o, option, value, strlen(value)), 0);
}

static int get(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;

    cr_assert_eq(getsockopt(fd, level, option, &value, &size), 0);
    return value;
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

/* What listening at `text` gives: the endpoint without its port, or the error. */
static const char *listened(const char *text, const struct zu_options *o)
{
    static char shown[ZU_ENDPOINT_MAX];
    struct zu_listening l;
    int rc = zu_tcp.listen(&l, text, o);

    if (rc < 0) {
        cr_assert(l.fd == -1 || fcntl(l.fd, F_GETFD) == -1, "closed again");
        return strerrorname_np(-rc);
    }
    cr_assert_neq(atoi(strrchr(l.endpoint, ':') + 1), 0);
    memcpy(shown, l.endpoint, sizeof shown);
    *strrchr(shown, ':') = '\0';
    close(l.fd);
    zu_tcp.unlisten(&l);
    return shown;
}

static bool ready(int fd, short events)
{
    struct pollfd p = {fd, events, 0};

    return poll(&p, 1, DEADLINE_MS) == 1;
}

/* Connects as a dialer would. */
static int dial(const char *text, const struct zu_options *o)
{
    struct zu_target t;
    int fd, rc;

    rc = zu_tcp.resolve(&t, text, o);
    cr_assert_eq(rc, 0, "%s: %s", text, strerror(-rc));
    fd = zu_tcp.open(&t, o);
    cr_assert(fd >= 0, "%s: %s", text, strerror(-fd));
    if (connect(fd, (struct sockaddr *)&t.addr, t.addr_size) < 0)
        cr_assert(errno == EINPROGRESS && ready(fd, POLLOUT));
    cr_assert_eq(get(fd, SOL_SOCKET, SO_ERROR), 0);
    return fd;
}

static int take(const struct zu_listening *l)
{
    int fd;

    cr_assert(ready(l->fd, POLLIN));
    fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    cr_assert(fd >= 0);
    return fd;
}

/* Listens at `text`, connects to where that led, and gives both ends. */
struct ends {
    struct zu_listening l;
    int dialed, accepted;
};

static struct ends connected(const char *text, const struct zu_options *o)
{
    struct ends e;
    int rc = zu_tcp.listen(&e.l, text, o);

    cr_assert_eq(rc, 0, "%s: %s", text, strerror(-rc));
    e.dialed = dial(e.l.endpoint + strlen("tcp://"), o);
    e.accepted = take(&e.l);
    return e;
}

static bool ours(int fd)
{
    return fcntl(fd, F_GETFL) & O_NONBLOCK && fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

Test(tcp, listens_where_it_was_told)
{
    struct zu_options *o = options();

    cr_expect_str_eq(listened("127.0.0.1:*", o), "tcp://127.0.0.1");
    cr_expect_str_eq(listened("127.0.0.1:0", o), "tcp://127.0.0.1");
    cr_expect_str_eq(listened("*:*", o), "tcp://0.0.0.0");
    if (if_nametoindex("lo"))
        cr_expect_str_eq(listened("lo:*", o), "tcp://127.0.0.1");
    zu_options_drop(o);
}

Test(tcp, listens_on_both_families_when_ipv6_is_on)
{
    struct zu_options *o = options();
    struct ends e;

    if (!has_ipv6())
        cr_skip_test("no IPv6 here");
    set(&o, ZMQ_IPV6, 1);
    cr_expect_str_eq(listened("*:*", o), "tcp://[::]");
    cr_expect_str_eq(listened("[::1]:*", o), "tcp://[::1]");
    cr_expect_str_eq(listened("::1:*", o), "tcp://[::1]");
    cr_expect_str_eq(listened("127.0.0.1:*", o), "tcp://[::ffff:127.0.0.1]");
    if (if_nametoindex("lo"))
        cr_expect_str_eq(listened("lo:*", o), "tcp://[::1]");

    e = connected("*:*", o);
    cr_expect_eq(get(e.l.fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
    zu_options_drop(o);
}

/* Stands in front of the C library's, to play a kernel without IPv6. */
static bool no_ipv6;

int socket(int family, int type, int protocol)
{
    if (family == AF_INET6 && no_ipv6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    return (int)syscall(SYS_socket, family, type, protocol);
}

Test(tcp, falls_back_to_ipv4_when_the_kernel_has_nothing_else)
{
    struct zu_options *o = options();
    struct zu_target t;

    no_ipv6 = true;
    set(&o, ZMQ_IPV6, 1);
    cr_expect_str_eq(listened("*:*", o), "tcp://0.0.0.0");
    cr_expect_str_eq(listened("127.0.0.1:*", o), "tcp://127.0.0.1");
    cr_expect_str_eq(listened("[::1]:*", o), "ENODEV");
    cr_assert_eq(zu_tcp.resolve(&t, "127.0.0.1:5", o), 0);
    cr_expect_eq(t.addr.ss_family, AF_INET);
    zu_options_drop(o);
}

struct error_case {
    const char *text, *error;
};

Test(tcp, says_why_it_cannot_listen)
{
    static const struct error_case cases[] = {
        {"nosuch0:*", "ENODEV"},
        {"lo cal:*", "ENODEV"},
        {"[::1]:*", "ENODEV"},
        {":*", "ENODEV"},
        {"192.0.2.1:*", "EADDRNOTAVAIL"},
        {"127.0.0.1:abc", "EINVAL"},
        {"127.0.0.1", "EINVAL"},
        {"127.0.0.1:5/path", "EINVAL"},
        {"[fe80::1%nosuch]:*", "EINVAL"},
        {"127.0.0.1:0;127.0.0.1:0", "EINVAL"},
    };
    struct zu_options *o = options();
    const char *error;
    struct zu_listening l;

    for (size_t i = 0; i < zu_array_len(cases); i++)
        cr_expect_str_eq(listened(cases[i].text, o), cases[i].error, "%s", cases[i].text);
    cr_assert_eq(zu_tcp.listen(&l, "127.0.0.1:*", o), 0);
    cr_expect_str_eq(listened(l.endpoint + strlen("tcp://"), o), "EADDRINUSE");
    set_text(&o, ZMQ_BINDTODEVICE, "nosuch0");
    /* Kernels before 5.7 ask for the privilege before they look for the device. */
    error = listened("127.0.0.1:*", o);
    cr_expect(!strcmp(error, "ENODEV") || !strcmp(error, "EPERM"), "%s", error);
    zu_options_drop(o);
}

Test(tcp, leaves_no_descriptor_behind_when_it_fails)
{
    struct zu_options *o = options();
    int next = dup(0);

    close(next);
    listened("192.0.2.1:*", o);
    listened("nosuch0:*", o);
    cr_expect_eq(dup(0), next);
    zu_options_drop(o);
}

Test(tcp, checks_texts_without_looking_names_up)
{
    struct zu_options *o = options();

    cr_expect_eq(zu_tcp.check("nosuch.invalid:5", o), 0);
    cr_expect_eq(zu_tcp.check("[::1]:1234", o), 0);
    cr_expect_eq(zu_tcp.check("*:5", o), -EINVAL);
    cr_expect(zu_tcp.blocks("nosuch.invalid:5", o));
    cr_expect(zu_tcp.blocks("127.0.0.1:0;nosuch.invalid:5", o));
    cr_expect_not(zu_tcp.blocks("127.0.0.1:5", o));
    cr_expect_not(zu_tcp.blocks("lo:0;127.0.0.1:5", o), "a source is no name");
    cr_expect_not(zu_tcp.blocks("[::1]:5", o));
    cr_expect_not(zu_tcp.blocks("not a text", o));
    zu_options_drop(o);
}

Test(tcp, resolves_by_the_ipv6_option)
{
    struct zu_options *o = options();
    struct zu_target t;

    cr_assert_eq(zu_tcp.resolve(&t, "127.0.0.1:5", o), 0);
    cr_expect_eq(t.addr.ss_family, AF_INET);
    cr_expect_eq(t.source_size, 0);
    cr_expect_eq(zu_tcp.resolve(&t, "[::1]:5", o), -ENODEV);
    cr_expect_eq(zu_tcp.resolve(&t, "127.0.0.1:65536", o), -EINVAL);
    cr_expect_eq(zu_tcp.resolve(&t, "localhost:0;127.0.0.1:5", o), -ENODEV, "a source is no name");
    set(&o, ZMQ_IPV6, 1);
    if (has_ipv6()) {
        cr_assert_eq(zu_tcp.resolve(&t, "127.0.0.1:5", o), 0);
        cr_expect_eq(t.addr.ss_family, AF_INET6);
    }
    zu_options_drop(o);
}

Test(tcp, makes_descriptors_that_block_no_one_and_leak_nowhere)
{
    struct zu_options *o = options();
    struct ends e = connected("127.0.0.1:*", o);

    cr_expect(ours(e.l.fd));
    cr_expect(ours(e.dialed));
    zu_options_drop(o);
}

Test(tcp, tunes_both_ends)
{
    struct zu_options *o = options();
    struct ends e;

    set(&o, ZMQ_TOS, 0x28);
    set(&o, ZMQ_SNDBUF, 20000);
    set(&o, ZMQ_RCVBUF, 30000);
    set(&o, ZMQ_TCP_KEEPALIVE, 1);
    set(&o, ZMQ_TCP_KEEPALIVE_CNT, 7);
    set(&o, ZMQ_TCP_KEEPALIVE_IDLE, 77);
    set(&o, ZMQ_TCP_KEEPALIVE_INTVL, 17);
    set(&o, ZMQ_TCP_MAXRT, 12345);
    e = connected("127.0.0.1:*", o);
    cr_assert_eq(zu_tcp.admit(e.accepted, o, true), 0);
    cr_assert_eq(zu_tcp.admit(e.dialed, o, false), 0);
    for (int i = 0; i < 2; i++) {
        int fd = i ? e.dialed : e.accepted;

        cr_expect_eq(get(fd, IPPROTO_TCP, TCP_NODELAY), 1);
        cr_expect_eq(get(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
        cr_expect_eq(get(fd, IPPROTO_TCP, TCP_KEEPCNT), 7);
        cr_expect_eq(get(fd, IPPROTO_TCP, TCP_KEEPIDLE), 77);
        cr_expect_eq(get(fd, IPPROTO_TCP, TCP_KEEPINTVL), 17);
        cr_expect_eq(get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 12345);
        cr_expect_eq(get(fd, IPPROTO_IP, IP_TOS), 0x28);
        /* The kernel doubles what it is asked for. */
        cr_expect_eq(get(fd, SOL_SOCKET, SO_SNDBUF), 40000);
        cr_expect_eq(get(fd, SOL_SOCKET, SO_RCVBUF), 60000);
    }
    cr_expect_eq(get(e.l.fd, SOL_SOCKET, SO_REUSEADDR), 1);
    cr_expect_eq(get(e.l.fd, IPPROTO_IP, IP_TOS), 0x28);
    zu_options_drop(o);
}

Test(tcp, leaves_keepalive_to_the_system_unless_told)
{
    struct zu_options *o = options();
    struct ends e;
    int usual;

    set(&o, ZMQ_TCP_KEEPALIVE_CNT, 77);
    e = connected("127.0.0.1:*", o);
    usual = get(e.dialed, IPPROTO_TCP, TCP_KEEPCNT);
    cr_assert_eq(zu_tcp.admit(e.dialed, o, false), 0);
    cr_expect_eq(get(e.dialed, SOL_SOCKET, SO_KEEPALIVE), 0);
    cr_expect_eq(get(e.dialed, IPPROTO_TCP, TCP_KEEPCNT), usual);
    set(&o, ZMQ_TCP_KEEPALIVE, 1);
    set(&o, ZMQ_TCP_KEEPALIVE_CNT, 100000);
    cr_expect_eq(zu_tcp.admit(e.dialed, o, false), -EINVAL, "what the kernel refuses is told");
    zu_options_drop(o);
}

Test(tcp, sets_the_traffic_class_of_both_families)
{
    struct zu_options *o = options();
    struct ends e;

    if (!has_ipv6())
        cr_skip_test("no IPv6 here");
    set(&o, ZMQ_IPV6, 1);
    set(&o, ZMQ_TOS, 0x128); /* the option takes more than a byte holds */
    e = connected("[::1]:*", o);
    cr_assert_eq(zu_tcp.admit(e.accepted, o, true), 0);
    cr_expect_eq(get(e.accepted, IPPROTO_IPV6, IPV6_TCLASS), 0x28);
    cr_expect_eq(get(e.accepted, IPPROTO_IP, IP_TOS), 0x28);
    cr_expect_eq(get(e.dialed, IPPROTO_IPV6, IPV6_TCLASS), 0x28);
    zu_options_drop(o);
}

Test(tcp, names_both_ends)
{
    char local[ZU_ENDPOINT_MAX], remote[ZU_ENDPOINT_MAX], back[ZU_ENDPOINT_MAX];
    struct zu_options *o = options();
    struct ends e = connected("127.0.0.1:*", o);

    zu_tcp.name(e.dialed, local, remote);
    cr_expect_str_eq(remote, e.l.endpoint);
    cr_expect(strncmp(local, "tcp://127.0.0.1:", 16) == 0, "%s", local);
    zu_tcp.name(e.accepted, back, remote);
    cr_expect_str_eq(remote, local);
    cr_expect_str_eq(back, e.l.endpoint);
    zu_tcp.peer_address(e.accepted, remote);
    cr_expect_str_eq(remote, "127.0.0.1");

    zu_tcp.name(-1, local, remote);
    cr_expect(!local[0] && !remote[0]);
    zu_tcp.name(e.l.fd, local, remote);
    cr_expect_str_eq(local, e.l.endpoint);
    cr_expect_str_eq(remote, "", "a listener has no peer");
    zu_tcp.peer_address(e.l.fd, remote);
    cr_expect_str_eq(remote, "");
    zu_options_drop(o);
}

Test(tcp, names_ipv6_ends_in_brackets)
{
    char local[ZU_ENDPOINT_MAX], remote[ZU_ENDPOINT_MAX];
    struct zu_options *o = options();
    struct ends e;

    if (!has_ipv6())
        cr_skip_test("no IPv6 here");
    set(&o, ZMQ_IPV6, 1);
    e = connected("[::1]:*", o);
    zu_tcp.name(e.dialed, local, remote);
    cr_expect_str_eq(remote, e.l.endpoint);
    cr_expect(strncmp(remote, "tcp://[::1]:", 12) == 0, "%s", remote);
    zu_tcp.peer_address(e.dialed, remote);
    cr_expect_str_eq(remote, "::1");
    zu_options_drop(o);
}

/* Two connections from one port, to two destinations. */
Test(tcp, connects_from_the_source_it_was_given)
{
    char text[128], local[ZU_ENDPOINT_MAX], remote[ZU_ENDPOINT_MAX], first[ZU_ENDPOINT_MAX];
    struct zu_options *o = options();
    struct zu_listening a, b;
    int fd;

    cr_assert_eq(zu_tcp.listen(&a, "127.0.0.1:*", o), 0);
    cr_assert_eq(zu_tcp.listen(&b, "127.0.0.1:*", o), 0);
    snprintf(text, sizeof text, "127.0.0.2:0;%.64s", a.endpoint + 6);
    fd = dial(text, o);
    zu_tcp.name(fd, first, remote);
    cr_expect(strncmp(first, "tcp://127.0.0.2:", 16) == 0, "%s", first);
    snprintf(text, sizeof text, "%.32s;%.64s", first + 6, b.endpoint + 6);
    fd = dial(text, o);
    zu_tcp.name(fd, local, remote);
    cr_expect_str_eq(local, first);
    snprintf(text, sizeof text, "*:*;%.64s", a.endpoint + 6);
    dial(text, o);
    if (if_nametoindex("lo")) {
        snprintf(text, sizeof text, "lo:*;%.64s", a.endpoint + 6);
        fd = dial(text, o);
        zu_tcp.name(fd, local, remote);
        cr_expect(strncmp(local, "tcp://127.0.0.1:", 16) == 0, "%s", local);
    }
    zu_options_drop(o);
}

Test(tcp, reports_a_source_that_is_not_local)
{
    struct zu_options *o = options();
    struct zu_target t;

    cr_assert_eq(zu_tcp.resolve(&t, "192.0.2.1:0;127.0.0.1:5", o), 0);
    cr_expect_eq(zu_tcp.open(&t, o), -EADDRNOTAVAIL);
    zu_options_drop(o);
}

/* What a listener with these filters says to 127.0.0.1, as it is or mapped. */
static int filtered(const char *const *filters, size_t count, bool ipv6)
{
    struct zu_options *o = options();
    struct ends e;
    int rc;

    set(&o, ZMQ_IPV6, ipv6);
    for (size_t i = 0; i < count; i++)
        set_text(&o, ZMQ_TCP_ACCEPT_FILTER, filters[i]);
    e = connected("127.0.0.1:*", o);
    rc = zu_tcp.admit(e.accepted, o, true);
    cr_expect_eq(zu_tcp.admit(e.dialed, o, false), 0, "what we dialed is not filtered");
    close(e.dialed);
    close(e.accepted);
    close(e.l.fd);
    zu_options_drop(o);
    return rc;
}

Test(tcp, lets_in_who_matches_a_filter)
{
    static const char *const one[] = {"127.0.0.1"}, *const net[] = {"127.0.0.0/8"},
                             *const odd[] = {"126.0.0.0/7"}, *const all[] = {"0.0.0.0/0"},
                             *const other[] = {"127.0.0.2"}, *const next[] = {"126.0.0.0/8"},
                             *const close_by[] = {"127.0.0.0/32"},
                             *const either[] = {"10.0.0.0/8", "127.0.0.1/32"};

    for (int ipv6 = 0; ipv6 <= has_ipv6(); ipv6++) {
        cr_expect_eq(filtered(NULL, 0, ipv6), 0);
        cr_expect_eq(filtered(one, 1, ipv6), 0);
        cr_expect_eq(filtered(net, 1, ipv6), 0);
        cr_expect_eq(filtered(odd, 1, ipv6), 0);
        cr_expect_eq(filtered(all, 1, ipv6), 0);
        cr_expect_eq(filtered(either, 2, ipv6), 0);
        cr_expect_eq(filtered(other, 1, ipv6), -EPERM);
        cr_expect_eq(filtered(next, 1, ipv6), -EPERM);
        cr_expect_eq(filtered(close_by, 1, ipv6), -EPERM);
    }
}

Test(tcp, compares_filters_of_either_family)
{
    struct zu_cidr v6 = {.family = AF_INET6, .bits = 128, .addr = {[15] = 1}};
    struct zu_cidr mapped = {.family = AF_INET6, .bits = 104, .addr = {[10] = 0xff, 0xff, 127}};
    struct zu_cidr v4 = {.family = AF_INET, .bits = 0};
    struct zu_options *o = options();
    struct ends e = connected("127.0.0.1:*", o);
    struct zu_options with = {.accept_filters = &v6, .accept_filter_count = 1, .keepalive = -1};

    cr_expect_eq(zu_tcp.admit(e.accepted, &with, true), -EPERM);
    with.accept_filters = &mapped;
    cr_expect_eq(zu_tcp.admit(e.accepted, &with, true), -EPERM, "a block of IPv6 is not IPv4");
    if (has_ipv6()) {
        set(&o, ZMQ_IPV6, 1);
        e = connected("[::1]:*", o);
        with.accept_filters = &v6;
        cr_expect_eq(zu_tcp.admit(e.accepted, &with, true), 0);
        with.accept_filters = &v4;
        cr_expect_eq(zu_tcp.admit(e.accepted, &with, true), -EPERM, "all of IPv4 is not IPv6");
    }
    zu_options_drop(o);
}

/* The address, and the socket address made of it in `room`. */
static const struct sockaddr *address(const char *text, struct sockaddr_storage *room)
{
    struct sockaddr_in *four = (struct sockaddr_in *)room;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)room;

    memset(room, 0, sizeof *room);
    room->ss_family = AF_UNIX;
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
        room->ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1)
        room->ss_family = AF_INET6;
    four->sin_port = (in_port_t)(text[0] + text[1]); /* which says nothing */
    return (struct sockaddr *)room;
}

Test(tcp, knows_by_their_addresses_who_is_on_one_machine)
{
    static const struct {
        const char *a, *b;
        bool apart;
    } cases[] = {
        {"10.0.0.1", "10.0.0.2", true},
        {"10.0.0.1", "10.0.0.1", false},
        {"127.0.0.1", "127.0.0.1", false},
        {"127.0.0.1", "127.1.2.3", false},
        {"10.0.0.1", "127.0.0.1", false},
        {"127.0.0.1", "10.0.0.1", false},
        {"126.0.0.1", "128.0.0.1", true},
        {"fe80::1", "fe80::2", true},
        {"fe80::1", "fe80::1", false},
        {"::1", "::1", false},
        {"::1", "fe80::1", false},
        {"fe80::1", "::1", false},
        {"7f00::1", "7f00::2", true},
        {"::ffff:10.0.0.1", "::ffff:10.0.0.2", true},
        {"::ffff:10.0.0.1", "::ffff:10.0.0.1", false},
        {"::ffff:127.0.0.1", "::ffff:127.0.0.2", false},
        {"::ffff:10.0.0.1", "10.0.0.1", false},
        {"::ffff:10.0.0.1", "10.0.0.2", true},
        {"10.0.0.1", "fe80::1", false},
        {"no address", "no address", false},
        {"10.0.0.1", "no address", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_storage a, b;

        cr_expect_eq(zu_sockstream_is_apart(address(cases[i].a, &a), address(cases[i].b, &b)),
                     cases[i].apart, "%s and %s", cases[i].a, cases[i].b);
    }
}

Test(tcp, a_peer_by_way_of_loopback_is_near_and_a_reset_is_one)
{
    struct zu_options *o = options();
    struct ends e = connected("127.0.0.1:*", o);
    char byte;

    cr_expect(!zu_tcp.is_far(e.dialed));
    cr_expect(!zu_tcp.is_far(e.accepted));
    cr_expect(!zu_tcp.is_far(-1));
    zu_tcp.reset(e.dialed);
    cr_expect_eq(fcntl(e.dialed, F_GETFD), FD_CLOEXEC, "it is open");
    cr_assert(ready(e.accepted, POLLIN));
    cr_expect_eq(recv(e.accepted, &byte, 1, 0), -1);
    cr_expect_eq(errno, ECONNRESET);
    zu_tcp.reset(e.accepted); /* nothing is left to reset */
    zu_options_drop(o);
}

/* A descriptor that already listens, blocking and inherited by children. */
static int listening_fd(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    cr_assert_eq(listen(fd, 5), 0);
    return fd;
}

Test(tcp, adopts_a_descriptor_that_listens)
{
    struct zu_options *o = options();
    struct zu_listening l;
    int fd = listening_fd();

    set(&o, ZMQ_USE_FD, fd);
    cr_assert_eq(zu_tcp.listen(&l, "whatever stands here", o), 0);
    cr_expect_eq(l.fd, fd);
    cr_expect(ours(fd));
    cr_expect(strncmp(l.endpoint, "tcp://127.0.0.1:", 16) == 0, "%s", l.endpoint);
    dial(l.endpoint + 6, o);
    take(&l);
    zu_options_drop(o);
}

Test(tcp, leaves_a_descriptor_that_does_not_fit_to_the_user)
{
    struct zu_options *o = options();
    struct zu_listening l;
    int unlistening = socket(AF_INET, SOCK_STREAM, 0), pipes[2];

    cr_assert_eq(pipe(pipes), 0);
    set(&o, ZMQ_USE_FD, unlistening);
    cr_expect_eq(zu_tcp.listen(&l, "127.0.0.1:*", o), -EINVAL);
    cr_expect_eq(fcntl(unlistening, F_GETFL) & O_NONBLOCK, 0, "neither closed nor changed");
    set(&o, ZMQ_USE_FD, pipes[0]);
    cr_expect_eq(zu_tcp.listen(&l, "127.0.0.1:*", o), -EINVAL);
    close(pipes[0]);
    cr_expect_eq(zu_tcp.listen(&l, "127.0.0.1:*", o), -EBADF);
    zu_options_drop(o);
}
