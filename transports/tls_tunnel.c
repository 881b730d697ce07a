/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session's requests, and the loop's that come of them. There is at most one of each kind at a
 * time: `asked` is to be filled with the peer's bytes, or is the handshake; `told` is to be sent,
 * or is the end. Nothing is in flight on the descriptor but for one of these, so when both have
 * completed the tunnel may go.
 *
 * In: the loop receives a block of records; what is in them goes into a block of plain bytes, or
 * straight into the message that the session receives in place. What that has no room for waits in
 * the records until the session asks again.
 *
 * Out: up to BATCH bytes of what the session sends are sealed into records, one beside the other,
 * and sent at once; the session hears how many bytes that were, as of a short send, and goes on
 * with the rest. Pieces of whole records are sealed from where they lie; smaller ones are copied
 * side by side first, so that a header does not become a record of its own. Where the kernel
 * refuses for want of memory the records stay, and so does `ahead`, how much is in them of what the
 * session will ask for again.
 *
 * By hand: a caller with the session's token seals and sends, one with its intake receives and
 * opens. What the two share, OpenSSL's state and the bytes for the peer, has a latch, under which a
 * record is both sealed and sent. The loop waits for it; a caller who cannot have it at once leaves
 * his work to the loop, or looks again. Records that the kernel does not take from him stay, as
 * above. He receives no more than he has room for; plain bytes that are left all the same, of which
 * no watch would tell, are for the loop (`more`).
 *
 * After a failure nothing of the peer's is believed any more: it is received and dropped.
 */
#include "transports/tls_tunnel.h"

#include "engine/base/alloc.h"
#include "engine/base/latch.h"
#include "transports/ktls.h"
#include "transports/openssl.h"
#include "transports/tls_options.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
    BATCH = 8 * ZU_OPENSSL_RECORD,
    STRANGER_MAX = 64 * 1024, /* bytes of a handshake: the longest honest one is far shorter */
    WORDS_MAX = 4 * 1024,     /* bytes that nobody asked to be sent, and that find no way out */
    NOTHING = 1,
};

struct tls {
    struct zu_tunnel tunnel;
    struct zu_loop *loop;
    struct zu_kernel *under; /* the loop's */
    int fd;
    struct zu_later later;
    bool accepted;

    /* What both ways share. */
    struct zu_latch latch;
    struct zu_openssl *state;
    struct zu_openssl_wire wire; /* but for `in` */
    size_t sent;                 /* of the wire's bytes, */
    size_t ahead;                /* and those of the session's in them */
    bool failed;                 /* no word of the peer counts any more; of who receives */

    /* In. */
    struct zu_op recv;
    bool recv_busy;
    bool by_hand;           /* a caller receives, now */
    int after;              /* what is to be told behind the last plain byte; or NOTHING */
    struct zu_block *block; /* where the wire's bytes lie */
    size_t heard;           /* bytes of a stranger's handshake */
    struct zu_op *asked;    /* the session's request; or its handshake */
    bool shaking;
    int result; /* of the handshake, once it is known, but for what is to be sent before */
    uint8_t *to;
    size_t size; /* of it; `to` NULL: a block is to be brought */
    bool asked_cancelled;

    /* Out. */
    struct zu_op send;
    bool send_busy;
    struct zu_op *told; /* the session's request; or its end */
    bool finishing;
    struct iovec one;
    const struct iovec *pieces;
    size_t piece_count;
    bool told_cancelled;

    /* Where the kernel seals: what the session sends goes to it as it is. */
    bool in_kernel;
    struct msghdr message;
    struct zu_ktls_alert alert;
};

static struct tls *tls_of(struct zu_kernel *k)
{
    return zu_container_of(k, struct tls, tunnel.kernel);
}

/* ---- completions ---- */

static void complete_asked(struct tls *t, int res, uint32_t flags, struct zu_block *b)
{
    struct zu_op *op = t->asked;

    t->asked = NULL;
    t->asked_cancelled = t->shaking = false;
    op->block = b;
    op->done(op, res, flags);
}

static void complete_told(struct tls *t, int res)
{
    struct zu_op *op = t->told;

    t->told = NULL;
    t->told_cancelled = t->finishing = false;
    op->done(op, res, 0);
}

static void drop_records(struct tls *t)
{
    if (t->block && t->by_hand)
        zu_block_drop(t->block); /* he has brought it himself */
    else if (t->block)
        zu_kernel_give_block(t->under, t->block);
    t->block = NULL;
    t->wire.in = (struct zu_reader){NULL, NULL};
}

static void fail(struct tls *t)
{
    t->failed = true;
    t->tunnel.reason = zu_openssl_reason(t->state);
    drop_records(t);
}

/* ---- out ---- */

/* With the latch, as all that has to do with records. */
static void start_send(struct tls *t)
{
    t->send_busy = t->wire.lent = true;
    t->under->table->send(t->under, &t->send, t->fd, t->wire.out + t->sent,
                          t->wire.filled - t->sent);
}

static bool has_records(const struct tls *t)
{
    return t->sent < t->wire.filled;
}

/* Where in the session's pieces we are. */
struct place {
    const struct iovec *piece, *end;
    size_t at; /* in the piece */
};

static struct place place_of(const struct tls *t, size_t skip)
{
    struct place p = {t->pieces, t->pieces + t->piece_count, 0};

    while (p.piece < p.end && skip >= p.piece->iov_len)
        skip -= p.piece++->iov_len;
    p.at = p.piece < p.end ? skip : 0;
    return p;
}

/* The next bytes of a record, in one piece; copied to `room` unless they are. */
static size_t take_record(struct place *p, uint8_t *room, const uint8_t **out)
{
    size_t filled = 0;

    while (p->piece < p->end && filled < ZU_OPENSSL_RECORD) {
        const uint8_t *from = (const uint8_t *)p->piece->iov_base + p->at;
        size_t left = p->piece->iov_len - p->at;
        size_t n = ZU_MIN(left, ZU_OPENSSL_RECORD - filled);

        p->at += n;
        if (n == left) {
            p->piece++;
            p->at = 0;
        }
        if (filled == 0 && (n == ZU_OPENSSL_RECORD || p->piece == p->end)) {
            *out = from;
            return n;
        }
        memcpy(room + filled, from, n);
        filled += n;
    }
    *out = room;
    return filled;
}

/* Seals what comes next of the session's bytes. 0; -ENOBUFS: there is no memory for any. */
static int seal(struct tls *t)
{
    struct place p = place_of(t, t->ahead);
    uint8_t room[ZU_OPENSSL_RECORD];
    const uint8_t *bytes;

    while (t->ahead < BATCH && p.piece < p.end) {
        size_t n = take_record(&p, room, &bytes);
        int rc = n ? zu_openssl_write(t->state, bytes, n) : 0;

        if (rc == -ENOMEM && has_records(t))
            return 0;
        if (rc < 0)
            return rc == -ENOMEM ? -ENOBUFS : -EIO;
        t->ahead += n;
    }
    return 0;
}

/* 1: a send is under way. 0: there is nothing to be sent; or why nothing will be. */
static int send_what_is_told(struct tls *t)
{
    int rc = 0;

    if (t->failed && !t->finishing)
        return -EPIPE; /* what the receive says counts */
    if (!has_records(t) && !t->finishing)
        rc = seal(t);
    if (rc < 0 || !has_records(t) || (t->finishing && t->failed))
        return rc;
    start_send(t);
    return 1;
}

/* The session's request that is to be sent goes on. */
static void go_on_telling(struct tls *t)
{
    int rc = -ECANCELED;

    if (t->send_busy)
        return;
    if (!t->told_cancelled) {
        zu_latch_take(&t->latch);
        rc = send_what_is_told(t);
        zu_latch_give(&t->latch);
    }
    if (rc == 0 && t->finishing && shutdown(t->fd, SHUT_WR) < 0)
        rc = -errno;
    if (rc != 1)
        complete_told(t, rc);
}

/* So many bytes of the records have gone. How many of the session's these were, once all have. */
static size_t went(struct tls *t, size_t bytes)
{
    size_t ahead = t->ahead;

    t->sent += bytes;
    if (has_records(t))
        return 0;
    zu_openssl_release(&t->wire);
    t->sent = t->ahead = 0;
    return ahead;
}

static void sent_some(struct tls *t, int res)
{
    size_t ahead;
    bool all;

    zu_latch_take(&t->latch);
    t->wire.lent = false;
    ahead = went(t, (size_t)ZU_MAX(res, 0));
    all = !has_records(t);
    zu_latch_give(&t->latch);
    if (!all && res < 0 && res != -EINTR)
        complete_told(t, res);
    else if (!all || t->finishing) /* a short send goes on, and one that was interrupted */
        go_on_telling(t);
    else
        complete_told(t, (int)ahead);
}

/* ---- the handshake ---- */

static void receive(struct tls *t)
{
    t->recv_busy = true;
    t->under->table->recv_block(t->under, &t->recv, t->fd);
}

static void hand_over(struct tls *t);

/* What was to be said is said before it is told how it went. */
static void go_on_shaking(struct tls *t)
{
    if (t->recv_busy || t->send_busy)
        return;
    if (t->asked_cancelled) {
        complete_asked(t, -ECANCELED, 0, NULL);
        return;
    }
    if (t->result == -EAGAIN && (t->heard || !t->accepted)) { /* a mute one costs no handshake */
        t->result = zu_openssl_shake(t->state);
        if (t->result == -EAGAIN && t->heard > STRANGER_MAX)
            t->result = -EPROTO;
        if (t->result < 0 && t->result != -EAGAIN)
            fail(t);
    }
    if (has_records(t)) {
        start_send(t);
        return;
    }
    zu_openssl_release(&t->wire);
    t->sent = 0;
    if (t->result != -EAGAIN) {
        if (t->result == 0)
            hand_over(t);
        t->tunnel.kernel.more = true; /* the peer's first bytes may be there already */
        complete_asked(t, t->result, 0, NULL);
        return;
    }
    drop_records(t);
    receive(t);
}

static void send_done(struct zu_op *op, int res, uint32_t flags)
{
    struct tls *t = zu_container_of(op, struct tls, send);

    (void)flags;
    t->send_busy = false;
    if (t->in_kernel) { /* the last word. No shutdown: records may wait behind it */
        complete_told(t, res < 0 ? res : 0);
        return;
    }
    if (!t->shaking) {
        sent_some(t, res);
        return;
    }
    t->wire.lent = false;
    if (res > 0)
        t->sent += (size_t)res;
    if (res < 0 && res != -EINTR) {
        t->sent = t->wire.filled; /* whom we cannot tell, we need not */
        if (t->result == -EAGAIN || t->result == 0)
            t->result = res;
        t->failed = true;
    }
    go_on_shaking(t);
}

/* ---- in ---- */

/* Plain bytes, as many as there are or as there is room for. Sets `more`. */
static ssize_t open_records(struct tls *t, uint8_t *to, size_t size)
{
    size_t filled = 0;
    ssize_t n = 0;

    while (filled < size && (n = zu_openssl_read(t->state, to + filled, size - filled)) > 0)
        filled += (size_t)n;
    t->after = filled > 0 && n <= 0 && n != -EAGAIN ? (int)n : NOTHING;
    t->tunnel.kernel.more = filled == size || t->after != NOTHING;
    return filled ? (ssize_t)filled : n;
}

/* What was said while receiving, that keys were changed, or why the peer is not believed any more,
 * goes out at once, if it can; else before what the session says next. False: it grows too long. */
static bool say_words(struct tls *t)
{
    uint8_t alert[2];
    ssize_t n;

    if (t->in_kernel) {
        if (zu_openssl_alert(t->state, alert)) {
            zu_ktls_alert_init(&t->alert, alert);
            (void)!sendmsg(t->fd, &t->alert.message, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
        return true;
    }
    if (!has_records(t) || t->wire.lent || t->ahead)
        return true;
    n = send(t->fd, t->wire.out + t->sent, t->wire.filled - t->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        t->sent += (size_t)n;
    if (!has_records(t)) {
        zu_openssl_release(&t->wire);
        t->sent = 0;
    }
    return t->wire.filled - t->sent <= WORDS_MAX;
}

/* With the latch: what can be had without receiving. -EAGAIN: nothing, and all records were taken.
 * 0: the peer's goodbye; or why he is not believed any more. */
static ssize_t open_some(struct tls *t, uint8_t *to, size_t size)
{
    ssize_t n = t->after;

    if (n == NOTHING)
        n = open_records(t, to, size);
    if (!say_words(t) && n > 0)
        t->after = -EPROTO;
    if (zu_left(&t->wire.in) == 0)
        drop_records(t);
    if (n < 0 && n != -EAGAIN)
        fail(t);
    return n;
}

/* The session's request that is to be filled goes on: with what is there, or what is to come. */
static void go_on_asking(struct tls *t)
{
    struct zu_block *b = NULL;
    ssize_t n;

    if (t->recv_busy)
        return;
    if (t->asked_cancelled && (t->failed || !t->block)) {
        complete_asked(t, -ECANCELED, 0, NULL);
        return;
    }
    if (t->failed) {
        drop_records(t);
        receive(t);
        return;
    }
    if (!t->to && !(b = zu_block_new(ZU_RECV_BLOCK_SIZE))) {
        t->tunnel.kernel.more = true;
        complete_asked(t, -ENOBUFS, 0, NULL);
        return;
    }
    zu_latch_take(&t->latch);
    n = b ? open_some(t, b->data, ZU_RECV_BLOCK_SIZE) : open_some(t, t->to, t->size);
    zu_latch_give(&t->latch);
    if (b && n <= 0)
        zu_block_drop(b);
    if (n == -EAGAIN && !t->asked_cancelled) {
        receive(t);
        return;
    }
    if (n == -EAGAIN)
        n = -ECANCELED;
    complete_asked(t, (int)n, n > 0 && b ? ZU_OP_BLOCK : 0, n > 0 ? b : NULL);
}

/* With the latch. The peer has gone, and did not say that he had no more to say. */
static int cut_off(struct tls *t)
{
    if (t->failed)
        return 0;
    t->failed = true;
    t->tunnel.reason = "the connection ended within TLS";
    return -ECONNRESET;
}

static void recv_done(struct zu_op *op, int res, uint32_t flags)
{
    struct tls *t = zu_container_of(op, struct tls, recv);

    t->recv_busy = false;
    if (flags & ZU_OP_BLOCK) {
        t->block = zu_kernel_block(op);
        t->wire.in = zu_reader_of(t->block->data, res > 0 ? (size_t)res : 0);
    }
    if (res > 0 || res == -EINTR || (res == -ECANCELED && t->asked_cancelled)) {
        if (t->shaking && res > 0)
            t->heard += (size_t)res;
        if (t->shaking)
            go_on_shaking(t);
        else
            go_on_asking(t);
        return;
    }
    drop_records(t);
    if (res == 0) {
        zu_latch_take(&t->latch);
        res = cut_off(t);
        zu_latch_give(&t->latch);
    }
    complete_asked(t, res, 0, NULL);
}

static void run_later(struct zu_later *l)
{
    struct tls *t = zu_container_of(l, struct tls, later);
    bool asks = t->asked; /* else the tunnel may go with what is told */

    if (t->told)
        go_on_telling(t);
    if (asks && t->shaking)
        go_on_shaking(t);
    else if (asks)
        go_on_asking(t);
}

/* ---- the table of the boundary ---- */

static void ask(struct tls *t, struct zu_op *op, void *to, size_t size)
{
    t->asked = op;
    t->to = to;
    t->size = size;
    if (t->tunnel.kernel.more || t->failed)
        zu_loop_later(t->loop, &t->later);
    else
        receive(t);
}

static void tls_recv(struct zu_kernel *k, struct zu_op *op, int fd, void *buf, size_t len)
{
    (void)fd;
    ask(tls_of(k), op, buf, len);
}

static void tls_recv_block(struct zu_kernel *k, struct zu_op *op, int fd)
{
    (void)fd;
    ask(tls_of(k), op, NULL, 0);
}

static void tell(struct tls *t, struct zu_op *op, const struct iovec *pieces, size_t count)
{
    t->told = op;
    t->pieces = pieces;
    t->piece_count = count;
    zu_latch_take(&t->latch);
    if (!t->failed && (has_records(t) || seal(t) == 0))
        start_send(t);
    else
        zu_loop_later(t->loop, &t->later);
    zu_latch_give(&t->latch);
}

static void tls_send(struct zu_kernel *k, struct zu_op *op, int fd, const void *buf, size_t len)
{
    struct tls *t = tls_of(k);

    (void)fd;
    t->one = (struct iovec){(void *)(uintptr_t)buf, len};
    tell(t, op, &t->one, 1);
}

static void tls_sendmsg(struct zu_kernel *k, struct zu_op *op, int fd, const struct msghdr *msg)
{
    (void)fd;
    tell(tls_of(k), op, msg->msg_iov, msg->msg_iovlen);
}

static void tls_cancel(struct zu_kernel *k, struct zu_op *op)
{
    struct tls *t = tls_of(k);

    if (op == t->asked)
        t->asked_cancelled = true;
    else if (op == t->told)
        t->told_cancelled = true;
    else if (t->in_kernel)
        t->under->table->cancel(t->under, op);
    if (op != t->asked && op != t->told)
        return;
    if (op == t->asked && t->recv_busy)
        t->under->table->cancel(t->under, &t->recv);
    else if (t->send_busy && (op == t->told || t->shaking))
        t->under->table->cancel(t->under, &t->send);
    else
        zu_loop_later(t->loop, &t->later);
}

static void tls_forget(struct zu_kernel *k, int fd)
{
    struct tls *t = tls_of(k);

    t->under->table->forget(t->under, fd);
}

static void tls_give_block(struct zu_kernel *k, struct zu_block *b)
{
    (void)k;
    zu_block_drop(b); /* plain bytes, in a block that no boundary brought */
}

/* ---- by hand: see the top ---- */

static ssize_t send_now(struct tls *t, const struct msghdr *msg)
{
    struct iovec records;
    ssize_t n;

    t->pieces = msg->msg_iov;
    t->piece_count = msg->msg_iovlen;
    if (seal(t) < 0)
        return -EAGAIN;
    records = (struct iovec){t->wire.out + t->sent, t->wire.filled - t->sent};
    n = t->under->table->try_send(t->under, t->fd,
                                  &(struct msghdr){.msg_iov = &records, .msg_iovlen = 1});
    if (n > 0)
        n = (ssize_t)went(t, (size_t)n);
    return n > 0 ? n : -EAGAIN;
}

static ssize_t tls_try_send(struct zu_kernel *k, int fd, const struct msghdr *msg)
{
    struct tls *t = tls_of(k);
    ssize_t n = -EAGAIN;

    if (!zu_latch_try(&t->latch))
        return n;
    if (!t->failed)
        n = t->in_kernel ? t->under->table->try_send(t->under, fd, msg) : send_now(t, msg);
    zu_latch_give(&t->latch);
    return n;
}

/* 1: records are there. */
static ssize_t receive_now(struct tls *t, size_t size)
{
    struct zu_block *b = zu_block_new((uint32_t)ZU_MIN(size, (size_t)ZU_RECV_BLOCK_SIZE));
    ssize_t n = b ? t->under->table->try_recv(t->under, t->fd, b->data, b->size) : -ENOBUFS;

    if (n <= 0) {
        if (b)
            zu_block_drop(b);
        return n == 0 ? cut_off(t) : n;
    }
    t->block = b;
    t->wire.in = zu_reader_of(b->data, (size_t)n);
    return 1;
}

static ssize_t tls_try_recv(struct zu_kernel *k, int fd, void *buf, size_t len)
{
    struct tls *t = tls_of(k);
    ssize_t n = 1;

    (void)fd;
    if (!zu_latch_try(&t->latch)) {
        zu_give_way(0); /* he finds that there is something, and looks again at once */
        return -EAGAIN;
    }
    t->by_hand = true;
    if (!k->more)
        n = receive_now(t, len);
    if (n > 0)
        n = open_some(t, buf, len);
    t->by_hand = false;
    zu_latch_give(&t->latch);
    return n;
}

static int tls_watch(struct zu_kernel *k, struct zu_watch *w, enum zu_watching how)
{
    struct tls *t = tls_of(k);

    return t->under->table->watch(t->under, w, how);
}

static const struct zu_kernel_table tls_table = {
    .name = "tls",
    .recv = tls_recv,
    .recv_block = tls_recv_block,
    .send = tls_send,
    .sendmsg = tls_sendmsg,
    .try_send = tls_try_send,
    .try_recv = tls_try_recv,
    .watch = tls_watch,
    .cancel = tls_cancel,
    .forget = tls_forget,
    .give_block = tls_give_block,
};

/* ---- where the kernel seals ---- */

static void ktls_sendmsg(struct zu_kernel *k, struct zu_op *op, int fd, const struct msghdr *msg)
{
    struct tls *t = tls_of(k);
    bool failed;

    zu_latch_take(&t->latch); /* a caller may receive */
    failed = t->failed;
    zu_latch_give(&t->latch);
    if (failed)
        tls_sendmsg(k, op, fd, msg);
    else
        t->under->table->sendmsg_some(t->under, op, fd, msg);
}

static void ktls_send(struct zu_kernel *k, struct zu_op *op, int fd, const void *buf, size_t len)
{
    struct tls *t = tls_of(k);

    t->one = (struct iovec){(void *)(uintptr_t)buf, len};
    t->message = (struct msghdr){.msg_iov = &t->one, .msg_iovlen = 1};
    ktls_sendmsg(k, op, fd, &t->message);
}

static const struct zu_kernel_table ktls_table = {
    .name = "tls, sealed by the kernel",
    .recv = tls_recv,
    .recv_block = tls_recv_block,
    .send = ktls_send,
    .sendmsg = ktls_sendmsg,
    .try_send = tls_try_send,
    .try_recv = tls_try_recv,
    .watch = tls_watch,
    .cancel = tls_cancel,
    .forget = tls_forget,
    .give_block = tls_give_block,
};

/* All that OpenSSL had to say is on its way. */
static void hand_over(struct tls *t)
{
    struct zu_openssl_keys keys;

    if (zu_openssl_keys(t->state, &keys) && zu_ktls_start(t->fd, &keys) == 0) {
        zu_openssl_hush(t->state);
        t->tunnel.kernel.table = &ktls_table;
        t->in_kernel = true;
    }
    zu_openssl_forget_keys(&keys);
}

static bool say_goodbye(struct tls *t)
{
    uint8_t alert[2];

    if (!t->in_kernel || t->failed || !zu_openssl_alert(t->state, alert))
        return false;
    zu_ktls_alert_init(&t->alert, alert);
    t->send_busy = true;
    t->under->table->sendmsg_some(t->under, &t->send, t->fd, &t->alert.message);
    return true;
}

/* ---- the tunnel's own ---- */

static int tls_open(struct zu_tunnel **out, struct zu_loop *loop, int fd,
                    const struct zu_options *o, const char *endpoint, bool accepted)
{
    struct tls *t = zu_alloc_zero(sizeof *t);
    char host[ZU_TLS_HOST_SIZE] = "";
    int rc;

    if (!t)
        return -ENOMEM;
    if (!accepted)
        zu_tls_host_of(host, endpoint);
    t->tunnel.kernel.table = &tls_table;
    t->tunnel.kernel.by_hand = loop->kernel->by_hand;
    t->tunnel.table = &zu_tls_tunnel;
    t->loop = loop;
    t->under = loop->kernel;
    t->fd = fd;
    t->recv.done = recv_done;
    t->send.done = send_done;
    t->later.run = run_later;
    t->result = -EAGAIN;
    t->after = NOTHING;
    zu_list_init(&t->later.link);
    t->accepted = accepted;
    rc = zu_openssl_new(&t->state, &t->wire, o, accepted, host);
    if (rc < 0) {
        zu_free(t);
        return rc;
    }
    *out = &t->tunnel;
    return 0;
}

static void tls_shake(struct zu_tunnel *tunnel, struct zu_op *op)
{
    struct tls *t = zu_container_of(tunnel, struct tls, tunnel);

    t->asked = op;
    t->shaking = true;
    zu_loop_later(t->loop, &t->later);
}

static void tls_finish(struct zu_tunnel *tunnel, struct zu_op *op)
{
    struct tls *t = zu_container_of(tunnel, struct tls, tunnel);

    t->told = op;
    t->finishing = true;
    t->piece_count = 0;
    if (!t->failed)
        zu_openssl_finish(t->state);
    if (say_goodbye(t))
        return;
    zu_loop_later(t->loop, &t->later);
}

static void tls_close(struct zu_tunnel *tunnel)
{
    struct tls *t = zu_container_of(tunnel, struct tls, tunnel);

    zu_list_remove(&t->later.link);
    drop_records(t);
    zu_openssl_free(t->state);
    zu_openssl_release(&t->wire);
    zu_free(t);
}

const struct zu_tunnel_table zu_tls_tunnel = {
    .open = tls_open, .shake = tls_shake, .finish = tls_finish, .close = tls_close};
