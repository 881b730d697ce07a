/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel boundary: what holds for io_uring holds for readiness. Bytes and connections. */
#include "tests/io/drive.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/un.h>

/* Accept */

struct arrivals {
    struct request q;
    int fds[256];
    unsigned count;
};

static void arrived(struct zu_op *op, int res, uint32_t flags)
{
    struct arrivals *a = zu_container_of(op, struct arrivals, q.op);

    request_done(op, res, flags);
    if (res >= 0)
        a->fds[a->count++] = res;
}

BOTH(accept_brings_every_connection_until_it_is_cancelled)
{
    struct zu_kernel *k = opened(table);
    struct arrivals a = {.q.op.done = arrived};
    struct sockaddr_in at;
    int l = listener(&at, 256), out[200];

    table->accept(k, &a.q.op, l);
    for (int i = 0; i < 200; i++) {
        out[i] = tcp_socket();
        connect(out[i], (struct sockaddr *)&at, sizeof(at));
    }
    DRIVE(k, a.count == 200);
    CR_EQ_INT(a.q.finals, 0);
    for (int i = 0; i < 200; i++) {
        cr_assert(fcntl(a.fds[i], F_GETFL) & O_NONBLOCK);
        cr_assert(fcntl(a.fds[i], F_GETFD) & FD_CLOEXEC);
        close(a.fds[i]);
        close(out[i]);
    }
    table->cancel(k, &a.q.op);
    FINAL(k, &a.q);
    CR_EQ_INT(a.q.res, -ECANCELED);
    CR_EQ_INT(a.q.finals, 1);
    shut(k, l);
    table->close(k);
}

struct stopper {
    struct arrivals a;
    struct zu_kernel *k;
};

static void stop_at_three(struct zu_op *op, int res, uint32_t flags)
{
    struct stopper *s = zu_container_of(op, struct stopper, a.q.op);

    arrived(op, res, flags);
    if (s->a.count == 3)
        s->k->table->cancel(s->k, op);
}

BOTH(accept_can_be_cancelled_by_a_connection_it_brought)
{
    struct zu_kernel *k = opened(table);
    struct stopper s = {.a.q.op.done = stop_at_three, .k = k};
    struct sockaddr_in at;
    int l = listener(&at, 64), out[20];

    for (int i = 0; i < 20; i++) {
        out[i] = tcp_socket();
        connect(out[i], (struct sockaddr *)&at, sizeof(at));
    }
    table->accept(k, &s.a.q.op, l);
    FINAL(k, &s.a.q);
    CR_EQ_INT(s.a.q.res, -ECANCELED);
    cr_assert_geq(s.a.count, 3);
    for (unsigned i = 0; i < s.a.count; i++)
        close(s.a.fds[i]);
    for (int i = 0; i < 20; i++)
        close(out[i]);
    shut(k, l);
    table->close(k);
}

BOTH(accept_ends_when_descriptors_run_out_and_can_be_started_again)
{
    struct zu_kernel *k = opened(table);
    struct arrivals a = {.q.op.done = arrived};
    struct rlimit lim, tight;
    struct sockaddr_in at;
    int l = listener(&at, 16), out = tcp_socket();

    getrlimit(RLIMIT_NOFILE, &lim);
    tight = lim;
    tight.rlim_cur = (rlim_t)out + 1;
    for (int fd = 0; fd < out; fd++)
        fcntl(fd, F_DUPFD, 0); /* no gaps below */
    setrlimit(RLIMIT_NOFILE, &tight);
    connect(out, (struct sockaddr *)&at, sizeof(at));
    table->accept(k, &a.q.op, l);
    FINAL(k, &a.q);
    CR_EQ_INT(a.q.res, -EMFILE);
    CR_EQ_INT(a.count, 0);
    setrlimit(RLIMIT_NOFILE, &lim);
    table->accept(k, &a.q.op, l);
    DRIVE(k, a.count == 1);
    table->cancel(k, &a.q.op);
    DRIVE(k, a.q.finals == 2);
    table->close(k);
}

/* Connect */

BOTH(connect_reaches_a_listener)
{
    struct zu_kernel *k = opened(table);
    struct sockaddr_in at;
    struct request q;
    int l = listener(&at, 4), fd = tcp_socket();

    table->connect(k, &fresh(&q)->op, fd, (struct sockaddr *)&at, sizeof(at));
    CR_EQ_INT(q.heard, 0); /* never inside the start */
    FINAL(k, &q);
    CR_EQ_INT(q.res, 0);
    shut(k, fd);
    close(l);
    table->close(k);
}

BOTH(connect_tells_why_it_failed)
{
    struct zu_kernel *k = opened(table);
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/zuring"};
    struct sockaddr_in at;
    struct request q;
    int l = listener(&at, 4), fd = tcp_socket();

    close(l); /* nobody listens there now */
    table->connect(k, &fresh(&q)->op, fd, (struct sockaddr *)&at, sizeof(at));
    FINAL(k, &q);
    CR_EQ_INT(q.res, -ECONNREFUSED);
    shut(k, fd);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    table->connect(k, &fresh(&q)->op, fd, (struct sockaddr *)&un, sizeof(un));
    FINAL(k, &q);
    CR_EQ_INT(q.res, -ENOENT);
    shut(k, fd);
    table->close(k);
}

BOTH(connect_to_a_full_unix_listener_says_so)
{
    struct zu_kernel *k = opened(table);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    socklen_t size = sizeof(un);
    struct request q;
    int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fds[8], n = 0;

    CR_EQ_INT(bind(l, (struct sockaddr *)&un, sizeof(sa_family_t)), 0); /* a name is found for us */
    CR_EQ_INT(getsockname(l, (struct sockaddr *)&un, &size), 0);
    CR_EQ_INT(listen(l, 0), 0);
    do
        fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    while (connect(fds[n], (struct sockaddr *)&un, size) == 0 && ++n < 7);
    CR_EQ_INT(errno, EAGAIN);
    table->connect(k, &fresh(&q)->op, fds[n], (struct sockaddr *)&un, size);
    FINAL(k, &q);
    CR_EQ_INT(q.res, -EAGAIN);
    close(accept(l, NULL, NULL));
    table->connect(k, &fresh(&q)->op, fds[n], (struct sockaddr *)&un, size);
    FINAL(k, &q);
    CR_EQ_INT(q.res, 0);
    table->close(k);
    while (n >= 0)
        close(fds[n--]);
    close(l);
}

/* Receive and send */

BOTH(a_byte_sent_is_received)
{
    struct zu_kernel *k = opened(table);
    struct request in, out;
    char buf[8] = "";
    int sv[2];

    tcp_pair(sv);
    table->recv(k, &fresh(&in)->op, sv[1], buf, sizeof(buf));
    table->enter(k, 0);
    CR_EQ_INT(in.heard, 0);
    table->send(k, &fresh(&out)->op, sv[0], "abc", 3);
    FINAL(k, &in);
    FINAL(k, &out);
    CR_EQ_INT(out.res, 3);
    CR_EQ_INT(in.res, 3);
    cr_assert_str_eq(buf, "abc");
    CR_EQ_INT(k->stats.sends, 1);
    CR_EQ_INT(k->stats.send_bytes, 3);
    CR_EQ_INT(k->stats.recvs, 1);
    CR_EQ_INT(k->stats.recv_bytes, 3);
    shut(k, sv[0]);
    shut(k, sv[1]);
    table->close(k);
}

BOTH(sendmsg_sends_its_pieces_in_order)
{
    struct zu_kernel *k = opened(table);
    struct iovec iov[] = {{"one ", 4}, {NULL, 0}, {"two ", 4}, {"three", 5}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 4};
    struct request q;
    char buf[32] = "";
    int sv[2];

    pair_of(SOCK_STREAM, sv);
    table->sendmsg(k, &fresh(&q)->op, sv[0], &msg);
    FINAL(k, &q);
    CR_EQ_INT(q.res, 13);
    CR_EQ_INT(k->stats.short_sends, 0);
    CR_EQ_INT(read(sv[1], buf, sizeof(buf)), 13);
    cr_assert_str_eq(buf, "one two three");
    shut(k, sv[0]);
    close(sv[1]);
    table->close(k);
}

#define BODY (12u << 20)

/* One direction of a connection: sends a body from one end, receives it at the other. */
struct flow {
    struct zu_kernel *k;
    struct zu_op send, recv;
    int from, to;
    size_t sent, got;
    uint8_t *body;
    uint8_t in[100 * 1000];
    uint32_t seed;
};

static void flow_send(struct flow *f)
{
    f->k->table->send(f->k, &f->send, f->from, f->body + f->sent, BODY - f->sent);
}

static void flow_sent(struct zu_op *op, int res, uint32_t flags)
{
    struct flow *f = zu_container_of(op, struct flow, send);

    cr_assert_eq(flags, 0);
    cr_assert_gt(res, 0, "send: %d", res);
    if ((f->sent += (size_t)res) < BODY)
        flow_send(f);
}

static void flow_recv(struct flow *f)
{
    f->seed = f->seed * 1664525 + 1013904223;
    f->k->table->recv(f->k, &f->recv, f->to, f->in, 1 + f->seed % sizeof(f->in));
}

static void flow_got(struct zu_op *op, int res, uint32_t flags)
{
    struct flow *f = zu_container_of(op, struct flow, recv);

    cr_assert_eq(flags, 0);
    cr_assert_gt(res, 0, "recv: %d", res);
    cr_assert(memcmp(f->in, f->body + f->got, (size_t)res) == 0);
    if ((f->got += (size_t)res) < BODY)
        flow_recv(f);
}

static void flow_start(struct flow *f, struct zu_kernel *k, int from, int to, uint32_t seed)
{
    f->k = k;
    f->send.done = flow_sent;
    f->recv.done = flow_got;
    f->from = from;
    f->to = to;
    f->seed = seed;
    f->body = malloc(BODY);
    for (size_t i = 0; i < BODY; i++)
        f->body[i] = (uint8_t)((i * 2654435761u + seed) >> 13);
    flow_send(f);
    flow_recv(f);
}

static void large_bodies(const struct zu_kernel_table *table, int sv[2])
{
    struct zu_kernel *k = opened(table);
    struct flow *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
    int small = 20000;

    for (int i = 0; i < 2; i++)
        setsockopt(sv[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    flow_start(a, k, sv[0], sv[1], 1);
    flow_start(b, k, sv[1], sv[0], 2);
    DRIVE(k, a->got == BODY && b->got == BODY && a->sent == BODY && b->sent == BODY);
    CR_EQ_INT(k->stats.send_bytes, 2 * BODY);
    CR_EQ_INT(k->stats.recv_bytes, 2 * BODY);
    free(a->body);
    free(b->body);
    free(a);
    free(b);
    shut(k, sv[0]);
    shut(k, sv[1]);
    table->close(k);
}

BOTH(large_bodies_cross_tcp_in_both_directions_at_once)
{
    int sv[2];

    tcp_pair(sv);
    large_bodies(table, sv);
}

BOTH(large_bodies_cross_a_unix_socket_in_both_directions_at_once)
{
    int sv[2];

    pair_of(SOCK_STREAM, sv);
    large_bodies(table, sv);
}

BOTH(two_datagrams_are_two_receives)
{
    struct zu_kernel *k = opened(table);
    struct request q;
    char buf[64];
    int sv[2];

    pair_of(SOCK_DGRAM, sv);
    table->recv(k, &fresh(&q)->op, sv[1], buf, sizeof(buf));
    table->enter(k, 0); /* it waits */
    CR_EQ_INT(write(sv[0], "12", 2), 2);
    CR_EQ_INT(write(sv[0], "345", 3), 3);
    FINAL(k, &q);
    CR_EQ_INT(q.res, 2);
    table->recv(k, &fresh(&q)->op, sv[1], buf, sizeof(buf));
    FINAL(k, &q);
    CR_EQ_INT(q.res, 3);
    shut(k, sv[1]);
    close(sv[0]);
    table->close(k);
}

/* A writer of numbered bytes in pieces and at moments of chance; then the end of the stream. */
#define STREAM (3u << 20)

static void *write_stream(void *arg)
{
    int fd = (int)(intptr_t)arg;
    unsigned seed = 7;
    uint8_t buf[5000];
    size_t at = 0;

    while (at < STREAM) {
        size_t n = ZU_MIN(1 + (size_t)rand_r(&seed) % sizeof(buf), STREAM - at), off = 0;

        for (size_t i = 0; i < n; i++)
            buf[i] = (uint8_t)((at + i) % 251);
        while (off < n) {
            ssize_t rc = write(fd, buf + off, n - off);

            if (rc > 0)
                off += (size_t)rc;
            else
                poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 100);
        }
        at += n;
        for (int spin = rand_r(&seed) % 3000; spin > 0; spin--)
            __asm__ volatile("" ::: "memory");
    }
    shutdown(fd, SHUT_WR);
    return NULL;
}

static void read_stream(const struct zu_kernel_table *table, int sv[2], bool blocks)
{
    struct zu_kernel *k = opened(table);
    static uint8_t buf[ZU_RECV_BLOCK_SIZE];
    pthread_t writer;
    struct request q;
    size_t at = 0;

    pthread_create(&writer, NULL, write_stream, (void *)(intptr_t)sv[0]);
    for (;;) {
        if (blocks)
            table->recv_block(k, &fresh(&q)->op, sv[1]);
        else
            table->recv(k, &fresh(&q)->op, sv[1], buf, sizeof(buf));
        FINAL(k, &q);
        cr_assert_geq(q.res, 0);
        if (q.res == 0)
            break;
        for (int i = 0; i < q.res; i++, at++)
            cr_assert_eq((q.block ? q.block->data : buf)[i], at % 251);
        if (q.block)
            zu_kernel_give_block(k, q.block);
    }
    CR_EQ_INT(at, STREAM);
    pthread_join(writer, NULL);
    shut(k, sv[1]);
    close(sv[0]);
    table->close(k);
}

BOTH(a_stream_in_chance_pieces_arrives_whole_by_tcp)
{
    int sv[2];

    tcp_pair(sv);
    read_stream(table, sv, false);
}

BOTH(a_stream_in_chance_pieces_arrives_whole_by_unix_socket)
{
    int sv[2];

    pair_of(SOCK_STREAM, sv);
    read_stream(table, sv, false);
}

BOTH(a_stream_in_chance_pieces_arrives_whole_in_blocks)
{
    int sv[2];

    tcp_pair(sv);
    read_stream(table, sv, true);
}

/* The end of a peer */

BOTH(what_a_peer_sent_before_it_closed_is_received_and_then_the_end)
{
    for (int kind = 0; kind < 4; kind++) {
        struct zu_kernel *k = opened(table);
        struct request q;
        char buf[64];
        int sv[2];

        if (kind & 1)
            tcp_pair(sv);
        else
            pair_of(SOCK_STREAM, sv);
        table->recv(k, &fresh(&q)->op, sv[1], buf, sizeof(buf));
        if (kind & 2)
            table->enter(k, 0); /* it waits already */
        CR_EQ_INT(write(sv[0], "last", 4), 4);
        close(sv[0]);
        FINAL(k, &q);
        CR_EQ_INT(q.res, 4);
        for (int i = 0; i < 2; i++) {
            table->recv(k, &fresh(&q)->op, sv[1], buf, sizeof(buf));
            FINAL(k, &q);
            CR_EQ_INT(q.res, 0);
            table->recv_block(k, &fresh(&q)->op, sv[1]);
            FINAL(k, &q);
            CR_EQ_INT(q.res, 0);
            cr_assert_null(q.block);
        }
        shut(k, sv[1]);
        table->close(k);
    }
}

BOTH(a_reset_is_told)
{
    struct zu_kernel *k = opened(table);
    struct linger hard = {.l_onoff = 1};
    struct request in, out;
    char buf[64];
    int sv[2];

    tcp_pair(sv);
    table->recv(k, &fresh(&in)->op, sv[1], buf, sizeof(buf));
    table->enter(k, 0);
    setsockopt(sv[0], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(sv[0]);
    FINAL(k, &in);
    CR_EQ_INT(in.res, -ECONNRESET);
    table->send(k, &fresh(&out)->op, sv[1], "x", 1); /* and no signal */
    FINAL(k, &out);
    CR_EQ_INT(out.res, -EPIPE);
    shut(k, sv[1]);
    table->close(k);
}

/* Poll */

BOTH(poll_tells_what_is_ready)
{
    struct zu_kernel *k = opened(table);
    struct request in, out, hup;
    int sv[2];

    tcp_pair(sv);
    table->poll(k, &fresh(&in)->op, sv[1], POLLIN);
    table->poll(k, &fresh(&out)->op, sv[1], POLLOUT);
    FINAL(k, &out);
    CR_EQ_INT(out.res, POLLOUT);
    CR_EQ_INT(in.heard, 0);
    CR_EQ_INT(write(sv[0], "x", 1), 1);
    FINAL(k, &in);
    CR_EQ_INT(in.res, POLLIN);
    table->poll(k, &fresh(&hup)->op, sv[1], POLLRDHUP);
    table->enter(k, 0);
    CR_EQ_INT(hup.heard, 0);
    close(sv[0]);
    FINAL(k, &hup);
    cr_assert(hup.res & POLLRDHUP);
    shut(k, sv[1]);
    table->close(k);
}

BOTH(poll_works_beside_a_receive_and_a_send_that_wait)
{
    struct zu_kernel *k = opened(table);
    struct request in, out, in_poll, out_poll;
    static char big[4 << 20], sink[1 << 16];
    char buf[8];
    int sv[2];

    pair_of(SOCK_STREAM, sv);
    table->recv(k, &fresh(&in)->op, sv[1], buf, sizeof(buf));
    while (write(sv[1], big, sizeof(big)) > 0)
        ; /* full */
    table->send(k, &fresh(&out)->op, sv[1], big, 1);
    table->poll(k, &fresh(&in_poll)->op, sv[1], POLLIN);
    table->poll(k, &fresh(&out_poll)->op, sv[1], POLLOUT);
    for (int i = 0; i < 3; i++)
        table->enter(k, 1000);
    CR_EQ_INT(in.heard + out.heard + in_poll.heard + out_poll.heard, 0);
    while (read(sv[0], sink, sizeof(sink)) > 0)
        ;
    FINAL(k, &out);
    FINAL(k, &out_poll);
    CR_EQ_INT(out.res, 1);
    cr_assert(out_poll.res & POLLOUT);
    CR_EQ_INT(write(sv[0], "0123456789", 10), 10); /* more than the receive takes */
    FINAL(k, &in);
    FINAL(k, &in_poll);
    CR_EQ_INT(in.res, 8);
    cr_assert(in_poll.res & POLLIN);
    shut(k, sv[1]);
    close(sv[0]);
    table->close(k);
}

/* More completions at once than the completion queue holds. */
BOTH(six_thousand_polls_complete_once_each)
{
    struct zu_kernel *k = opened(table);
    struct request *q = calloc(6000, sizeof(*q));
    int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);

    for (unsigned i = 0; i < 6000; i++)
        table->poll(k, &fresh(&q[i])->op, fd, POLLIN);
    DRIVE(k, finals_of(q, 6000) == 6000);
    for (unsigned i = 0; i < 6000; i++) {
        CR_EQ_INT(q[i].heard, 1);
        CR_EQ_INT(q[i].res, POLLIN);
    }
    CR_EQ_INT(k->stats.completions, 6000);
    free(q);
    shut(k, fd);
    table->close(k);
}
