/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rawpeer: every wait is a poll with what is left of one deadline. A mismatch is shown as two rows
 * of hexadecimal for each 16 bytes, from the row that differs first.
 */
#include "tests/support/rawpeer.h"

#include "tests/support/hex.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { SCRIPT_MAX = 4096, ROW = 16 };

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_un un;
};

static const char *const way_names[RAW_WAYS] = {"it dials tcp", "it listens on tcp", "it dials ipc",
                                                "it listens on ipc"};
static const char *way_now = "no socket"; /* for messages: which of a test's ways this is */

static void fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fail(const char *file, int line, const char *format, ...)
{
    char text[8192];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cr_assert_fail("%s:%d (raw peer: %s): %s", file, line, way_now, text);
}

int64_t raw_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* False: the deadline is over. */
static bool wait_readable(int fd, int64_t until_ms)
{
    for (;;) {
        int64_t left = until_ms - raw_now_ms();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int rc = poll(&p, 1, left > 0 ? (int)left : 0);

        if (rc > 0)
            return true;
        if (rc == 0)
            return false;
        cr_assert_eq(errno, EINTR, "poll: %s", strerror(errno));
    }
}

/* -------- connections -------- */

static socklen_t address_of(union address *a, const char *endpoint)
{
    int port;

    memset(a, 0, sizeof *a);
    if (sscanf(endpoint, "tcp://127.0.0.1:%d", &port) == 1) {
        a->in.sin_family = AF_INET;
        a->in.sin_port = htons((uint16_t)port);
        a->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof a->in;
    }
    cr_assert(strncmp(endpoint, "ipc://", 6) == 0 && strlen(endpoint) < sizeof a->un.sun_path);
    a->un.sun_family = AF_UNIX;
    strcpy(a->un.sun_path, endpoint + 6);
    return sizeof a->un;
}

static int new_fd(const union address *a)
{
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    cr_assert_geq(fd, 0, "socket: %s", strerror(errno));
    if (a->any.sa_family == AF_INET) /* so that each send is a packet */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

int raw_listen(bool ipc, char *endpoint, size_t size)
{
    union address a;
    socklen_t n;
    static unsigned count;

    if (ipc)
        snprintf(endpoint, size, "ipc:///tmp/rawpeer-%d-%u", (int)getpid(), count++);
    else
        snprintf(endpoint, size, "tcp://127.0.0.1:0");
    n = address_of(&a, endpoint);
    if (ipc)
        unlink(a.un.sun_path); /* of a process that was killed, and had this one's number */
    int fd = new_fd(&a);

    cr_assert_eq(bind(fd, &a.any, n), 0, "bind %s: %s", endpoint, strerror(errno));
    cr_assert_eq(listen(fd, 16), 0);
    if (!ipc) {
        cr_assert_eq(getsockname(fd, &a.any, &n), 0);
        snprintf(endpoint, size, "tcp://127.0.0.1:%d", ntohs(a.in.sin_port));
    }
    return fd;
}

int raw_accept(int listener)
{
    int one = 1;

    cr_assert(wait_readable(listener, raw_now_ms() + RAW_DEADLINE_MS), "nobody connected");
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    cr_assert_geq(fd, 0, "accept: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* ipc: refused, not needed */
    return fd;
}

int raw_dial(const char *endpoint)
{
    union address a;
    socklen_t n = address_of(&a, endpoint);
    int fd = new_fd(&a);

    cr_assert_eq(connect(fd, &a.any, n), 0, "connect %s: %s", endpoint, strerror(errno));
    return fd;
}

void raw_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* -------- bytes -------- */

void raw_send_bytes(int fd, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    while (size > 0) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        int rc = poll(&p, 1, RAW_DEADLINE_MS);

        if (rc < 0 && errno == EINTR)
            continue;
        cr_assert_gt(rc, 0, "no room to send");
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
            return;
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        cr_assert_gt(n, 0, "send: %s", strerror(errno));
        at += n;
        size -= (size_t)n;
    }
}

void raw_send(int fd, const char *hex)
{
    uint8_t bytes[SCRIPT_MAX];

    raw_send_bytes(fd, bytes, hex_read(bytes, sizeof bytes, hex));
}

void raw_drip(int fd, const char *hex)
{
    uint8_t bytes[SCRIPT_MAX];
    size_t size = hex_read(bytes, sizeof bytes, hex);

    for (size_t i = 0; i < size; i++)
        raw_send_bytes(fd, bytes + i, 1);
}

static void print_row(char **at, const char *end, const char *what, size_t from,
                      const uint8_t *bytes, size_t size)
{
    *at += snprintf(*at, (size_t)(end - *at), "\n  %s %4zu:", what, from);
    for (size_t i = from; i < from + ROW && i < size; i++)
        *at += snprintf(*at, (size_t)(end - *at), " %02x", bytes[i]);
    *at += snprintf(*at, (size_t)(end - *at), "  ");
    for (size_t i = from; i < from + ROW && i < size; i++)
        *at += snprintf(*at, (size_t)(end - *at), "%c", isprint(bytes[i]) ? bytes[i] : '.');
}

static void show_difference(const char *file, int line, const char *why, const uint8_t *want,
                            size_t want_size, const uint8_t *got, size_t got_size)
{
    char text[1024], *at = text, *end = text + sizeof text;
    size_t most = want_size > got_size ? want_size : got_size, i = 0;

    while (i < want_size && i < got_size && want[i] == got[i])
        i++;
    *at = '\0';
    for (size_t row = i / ROW * ROW; row < most && row < i / ROW * ROW + 3 * ROW; row += ROW) {
        print_row(&at, end, "want", row, want, want_size);
        print_row(&at, end, "got ", row, got, got_size);
    }
    fail(file, line, "%s; expected %zu bytes, got %zu, they differ at %zu:%s", why, want_size,
         got_size, i, text);
}

void raw_expect_bytes_at(const char *file, int line, int fd, const void *bytes, size_t size)
{
    int64_t until_ms = raw_now_ms() + RAW_DEADLINE_MS;
    uint8_t *got = malloc(size + 1);
    const char *why = "other bytes";
    size_t n = 0;

    cr_assert_not_null(got);
    while (n < size) {
        if (!wait_readable(fd, until_ms)) {
            why = "nothing more came";
            break;
        }
        ssize_t rc = recv(fd, got + n, size - n, MSG_DONTWAIT);

        if (rc < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (rc <= 0) {
            why = rc == 0 ? "the connection ended" : strerror(errno);
            break;
        }
        n += (size_t)rc;
        if (memcmp(got, bytes, n) != 0)
            break; /* say so at once */
    }
    if (n < size || memcmp(got, bytes, n) != 0)
        show_difference(file, line, why, bytes, size, got, n);
    free(got);
}

void raw_expect_at(const char *file, int line, int fd, const char *hex)
{
    uint8_t bytes[SCRIPT_MAX];

    raw_expect_bytes_at(file, line, fd, bytes, hex_read(bytes, sizeof bytes, hex));
}

void raw_read(int fd, void *bytes, size_t size)
{
    int64_t until_ms = raw_now_ms() + RAW_DEADLINE_MS;
    uint8_t *at = bytes;

    while (size > 0) {
        cr_assert(wait_readable(fd, until_ms), "nothing more came");
        ssize_t n = recv(fd, at, size, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        cr_assert_gt(n, 0, "recv: %s", n ? strerror(errno) : "the connection ended");
        at += n;
        size -= (size_t)n;
    }
}

bool raw_readable(int fd, int ms)
{
    return wait_readable(fd, raw_now_ms() + ms);
}

/* Whether so many bytes come and are these. They stay where they are. */
static bool is_next(int fd, const uint8_t *bytes, size_t size)
{
    int64_t until_ms = raw_now_ms() + RAW_DEADLINE_MS;
    uint8_t next[SCRIPT_MAX];
    ssize_t n = 0;

    while (wait_readable(fd, until_ms) && raw_now_ms() < until_ms) {
        n = recv(fd, next, size, MSG_PEEK | MSG_DONTWAIT);
        if (n <= 0 || (size_t)n == size)
            break;
        poll(NULL, 0, 1); /* it came in pieces */
    }
    return n > 0 && (size_t)n == size && memcmp(next, bytes, size) == 0;
}

void raw_expect_among_at(const char *file, int line, int fd, const char *hex, const char *other)
{
    uint8_t wanted[SCRIPT_MAX], before[SCRIPT_MAX];
    size_t size = hex_read(wanted, sizeof wanted, hex), at = 0;
    size_t most = hex_read(before, sizeof before, other);

    while (at < size && at < most && wanted[at] == before[at])
        at++;
    cr_assert(at < size && at < most);
    while (is_next(fd, before, at + 1))
        raw_expect_bytes_at(file, line, fd, before, most);
    raw_expect_bytes_at(file, line, fd, wanted, size);
}

void raw_expect_close_at(const char *file, int line, int fd, bool discard)
{
    int64_t until_ms = raw_now_ms() + RAW_DEADLINE_MS;
    uint8_t bytes[256];

    for (;;) {
        if (!wait_readable(fd, until_ms)) {
            fail(file, line, "the connection stays");
            return;
        }
        ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

        if (n == 0 || (n < 0 && (errno == ECONNRESET || errno == EPIPE)))
            return;
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n < 0)
            fail(file, line, "recv: %s", strerror(errno));
        else if (!discard)
            show_difference(file, line, "bytes instead of an end", NULL, 0, bytes, (size_t)n);
    }
}

void raw_expect_quiet_at(const char *file, int line, int fd, int ms)
{
    uint8_t bytes[256];

    if (!wait_readable(fd, raw_now_ms() + ms))
        return;
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (n > 0)
        show_difference(file, line, "bytes instead of quiet", NULL, 0, bytes, (size_t)n);
    fail(file, line, "an end, or a connection, instead of quiet");
}

/* -------- ZMTP -------- */

void raw_greet_at(const char *file, int line, int fd, int minor)
{
    raw_send(fd, minor ? RAW_SIGNATURE RAW_NULL(01) : RAW_SIGNATURE RAW_NULL(00));
    raw_expect_at(file, line, fd, RAW_SIGNATURE RAW_NULL(01));
}

static size_t write_property(uint8_t *out, const char *name, const char *value)
{
    size_t n = strlen(name), v = strlen(value);

    out[0] = (uint8_t)n;
    memcpy(out + 1, name, n);
    memset(out + 1 + n, 0, 3);
    out[1 + n + 3] = (uint8_t)v;
    memcpy(out + 1 + n + 4, value, v);
    return 1 + n + 4 + v;
}

static size_t write_ready(uint8_t *out, const char *type, const char *identity)
{
    size_t n = 2;

    memcpy(out + n, "\5READY", 6);
    n += 6;
    n += write_property(out + n, "Socket-Type", type);
    if (identity)
        n += write_property(out + n, "Identity", identity);
    cr_assert_leq(n - 2, 255);
    out[0] = 4;
    out[1] = (uint8_t)(n - 2);
    return n;
}

void raw_send_ready(int fd, const char *type, const char *identity)
{
    uint8_t bytes[512];

    raw_send_bytes(fd, bytes, write_ready(bytes, type, identity));
}

void raw_expect_ready_at(const char *file, int line, int fd, const char *type, const char *identity)
{
    uint8_t bytes[512];

    raw_expect_bytes_at(file, line, fd, bytes, write_ready(bytes, type, identity));
}

static size_t write_header(uint8_t out[9], bool last, size_t size)
{
    out[0] = !last;
    if (size <= 255) {
        out[1] = (uint8_t)size;
        return 2;
    }
    out[0] |= 2;
    for (int i = 0; i < 8; i++)
        out[1 + i] = (uint8_t)((uint64_t)size >> (56 - 8 * i));
    return 9;
}

void raw_send_part(int fd, bool last, const void *body, size_t size)
{
    uint8_t header[9];

    raw_send_bytes(fd, header, write_header(header, last, size));
    raw_send_bytes(fd, body, size);
}

void raw_expect_part_at(const char *file, int line, int fd, bool last, const void *body,
                        size_t size)
{
    uint8_t header[9];

    raw_expect_bytes_at(file, line, fd, header, write_header(header, last, size));
    raw_expect_bytes_at(file, line, fd, body, size);
}

/* -------- a socket and a raw peer -------- */

void raw_open(struct raw_talk *t, int type)
{
    *t = (struct raw_talk){.listener = -1, .fd = -1};
    t->ctx = zmq_ctx_new();
    cr_assert_not_null(t->ctx);
    t->socket = zmq_socket(t->ctx, type);
    cr_assert_not_null(t->socket, "socket type %d: %s", type, zmq_strerror(zmq_errno()));
    raw_set(t, ZMQ_LINGER, 0);
    raw_set(t, ZMQ_SNDTIMEO, RAW_DEADLINE_MS);
    raw_set(t, ZMQ_RCVTIMEO, RAW_DEADLINE_MS);
    raw_set(t, ZMQ_RECONNECT_IVL, 10);
}

void raw_meet(struct raw_talk *t, enum raw_way way)
{
    bool ipc = way == RAW_DIALS_IPC || way == RAW_LISTENS_IPC;
    size_t size = sizeof t->endpoint;

    way_now = way_names[way];
    if (way == RAW_LISTENS_TCP || way == RAW_LISTENS_IPC) {
        t->listener = raw_listen(ipc, t->endpoint, size);
        cr_assert_eq(zmq_connect(t->socket, t->endpoint), 0, "%s", zmq_strerror(zmq_errno()));
    } else {
        static unsigned count;

        snprintf(t->endpoint, size, "ipc:///tmp/rawpeer-z%d-%u", (int)getpid(), count++);
        if (!ipc)
            snprintf(t->endpoint, size, "tcp://127.0.0.1:*");
        cr_assert_eq(zmq_bind(t->socket, t->endpoint), 0, "%s", zmq_strerror(zmq_errno()));
        cr_assert_eq(zmq_getsockopt(t->socket, ZMQ_LAST_ENDPOINT, t->endpoint, &size), 0);
    }
    raw_again(t);
}

void raw_again(struct raw_talk *t)
{
    raw_close(&t->fd);
    t->fd = t->listener >= 0 ? raw_accept(t->listener) : raw_dial(t->endpoint);
}

void raw_end(struct raw_talk *t)
{
    raw_close(&t->fd);
    raw_close(&t->listener);
    cr_assert_eq(zmq_close(t->socket), 0);
    cr_assert_eq(zmq_ctx_term(t->ctx), 0);
    if (strncmp(t->endpoint, "ipc://", 6) == 0)
        unlink(t->endpoint + 6);
}

void raw_shake(struct raw_talk *t, enum raw_way way, int type, int minor, const char *name,
               const char *identity, const char *peer, const char *peer_identity)
{
    raw_open(t, type);
    raw_meet(t, way);
    raw_greet(t->fd, minor);
    raw_expect_ready(t->fd, name, identity);
    raw_send_ready(t->fd, peer, peer_identity);
}

void raw_use_until_it_speaks(struct raw_talk *t)
{
    int64_t until_ms = raw_now_ms() + RAW_DEADLINE_MS;

    do {
        int events;
        size_t size = sizeof events;

        cr_assert_eq(zmq_getsockopt(t->socket, ZMQ_EVENTS, &events, &size), 0);
    } while (!raw_readable(t->fd, 2) && raw_now_ms() < until_ms);
}

bool raw_better(void)
{
    int major, minor, patch;

    zmq_version(&major, &minor, &patch);
    return major > 4 || minor > 3 || patch > 4;
}

void raw_set(struct raw_talk *t, int option, int value)
{
    cr_assert_eq(zmq_setsockopt(t->socket, option, &value, sizeof value), 0, "option %d: %s",
                 option, zmq_strerror(zmq_errno()));
}

void raw_set_text(struct raw_talk *t, int option, const char *value)
{
    cr_assert_eq(zmq_setsockopt(t->socket, option, value, strlen(value)), 0, "option %d: %s",
                 option, zmq_strerror(zmq_errno()));
}

void raw_zmq_send(struct raw_talk *t, const char *part, bool more)
{
    int rc = zmq_send(t->socket, part, strlen(part), more ? ZMQ_SNDMORE : 0);

    cr_assert_eq(rc, (int)strlen(part), "zmq_send: %s", zmq_strerror(zmq_errno()));
}

void raw_zmq_expect_at(const char *file, int line, struct raw_talk *t, const void *part,
                       size_t size, bool more)
{
    zmq_msg_t msg;

    zmq_msg_init(&msg);
    if (zmq_msg_recv(&msg, t->socket, 0) < 0)
        fail(file, line, "zmq_msg_recv: %s", zmq_strerror(zmq_errno()));
    if (zmq_msg_size(&msg) != size || memcmp(zmq_msg_data(&msg), part, size) != 0)
        show_difference(file, line, "another part", part, size, zmq_msg_data(&msg),
                        zmq_msg_size(&msg));
    if (zmq_msg_more(&msg) != more)
        fail(file, line, "%s", more ? "the message ends here" : "the message goes on");
    zmq_msg_close(&msg);
}
