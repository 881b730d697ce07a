/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context is given a transport whose descriptors are the ends of socket pairs (so that
 * shutdown, names and the length of queues work), and the one loop that the test drives in place of
 * those it would start.
 */
#include "tests/fault/rig.h"

#include "engine/base/alloc.h"
#include "engine/security/mechanisms.h"
#include "patterns/patterns.h"
#include "tests/support/hex.h"
#include "transports/inproc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static struct rig *current;

_Noreturn void rig_fail(const struct rig *r, const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s: does not hold: %s\n  events: %s\n", file, line,
            r->label ? r->label : "", what, r->events);
    fflush(stderr);
    abort();
}

/* How many of the low descriptors are open; a test needs no more. */
static int descriptors(void)
{
    struct pollfd all[64];
    int count = 0;

    for (int fd = 0; fd < 64; fd++)
        all[fd] = (struct pollfd){.fd = fd};
    poll(all, 64, 0);
    for (int fd = 0; fd < 64; fd++)
        count += !(all[fd].revents & POLLNVAL);
    return count;
}

/* ---- the transport ---- */

static int make_pair(struct rig *r)
{
    int ends[2];

    if (r->far >= 0)
        close(r->far);
    RIG_CHECK(r, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    r->fd = ends[0];
    r->far = ends[1];
    return r->fd;
}

static int rig_check(const char *text, const struct zu_options *o)
{
    (void)text;
    return current->prepare ? current->prepare(o, false) : 0;
}

static int rig_listen(struct zu_listening *out, const char *text, const struct zu_options *o)
{
    int rc = current->prepare ? current->prepare(o, true) : 0;

    if (rc < 0)
        return rc;
    memset(out, 0, sizeof *out);
    out->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    snprintf(out->endpoint, sizeof out->endpoint, "rig://%s", text);
    current->listener = out->fd;
    return out->fd < 0 ? -errno : 0;
}

static int rig_unlisten(struct zu_listening *l)
{
    (void)l;
    current->listener = -1;
    return 0;
}

static bool rig_blocks(const char *text, const struct zu_options *o)
{
    (void)text, (void)o;
    return false;
}

static int rig_resolve(struct zu_target *out, const char *text, const struct zu_options *o)
{
    (void)text, (void)o;
    memset(out, 0, sizeof *out);
    return current->look_rc;
}

static int rig_open_fd(const struct zu_target *t, const struct zu_options *o)
{
    (void)t, (void)o;
    return make_pair(current);
}

static int rig_admit(int fd, const struct zu_options *o, bool accepted)
{
    (void)fd, (void)o, (void)accepted;
    return current->admit_rc;
}

static void rig_name(int fd, char local[ZU_ENDPOINT_MAX], char remote[ZU_ENDPOINT_MAX])
{
    (void)fd;
    strcpy(local, "rig://here");
    strcpy(remote, "rig://there");
}

static void rig_peer_address(int fd, char out[ZU_ENDPOINT_MAX])
{
    (void)fd;
    strcpy(out, "there");
}

static void rig_expect(int fd, int bytes)
{
    (void)fd;
    current->expected = bytes;
}

static bool rig_is_far(int fd)
{
    (void)fd;
    return current->far_away;
}

static void rig_reset(int fd)
{
    RIG_CHECK(current, fd == current->fd);
    current->resets++;
}

static void rig_host(const char *text, char host[ZU_ENDPOINT_MAX], char path[ZU_ENDPOINT_MAX])
{
    snprintf(host, ZU_ENDPOINT_MAX, "%s", text);
    strcpy(path, "/");
}

static const struct zu_transport rig_transport = {
    .scheme = "rig",
    .takes_time = true,
    .check = rig_check,
    .listen = rig_listen,
    .unlisten = rig_unlisten,
    .blocks = rig_blocks,
    .resolve = rig_resolve,
    .open = rig_open_fd,
    .admit = rig_admit,
    .name = rig_name,
    .peer_address = rig_peer_address,
    .expect = rig_expect,
    .is_far = rig_is_far,
    .reset = rig_reset,
};

static struct zu_transport rig_web;    /* the same with WebSockets */
static struct zu_transport rig_sealed; /* the same with a tunnel */

/* ---- the observer ---- */

static const char *event_name(uint32_t event)
{
    switch (event) {
    case ZMQ_EVENT_CONNECTED: return "CONNECTED";
    case ZMQ_EVENT_CONNECT_DELAYED: return "CONNECT_DELAYED";
    case ZMQ_EVENT_CONNECT_RETRIED: return "CONNECT_RETRIED";
    case ZMQ_EVENT_LISTENING: return "LISTENING";
    case ZMQ_EVENT_BIND_FAILED: return "BIND_FAILED";
    case ZMQ_EVENT_ACCEPTED: return "ACCEPTED";
    case ZMQ_EVENT_ACCEPT_FAILED: return "ACCEPT_FAILED";
    case ZMQ_EVENT_CLOSED: return "CLOSED";
    case ZMQ_EVENT_DISCONNECTED: return "DISCONNECTED";
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return "HANDSHAKE_FAILED";
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return "HANDSHAKE_SUCCEEDED";
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: return "HANDSHAKE_FAILED_PROTOCOL";
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return "HANDSHAKE_FAILED_AUTH";
    default: return "?";
    }
}

/* Errnos are part of the text; descriptors and times are not, nor events that libzmq has not. */
static void observe(struct zu_observer *o, const struct zu_event *e)
{
    struct rig *r = zu_container_of(o, struct rig, observer);
    size_t room = sizeof r->events - r->events_size;
    bool tells = e->event & (ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL);
    int n;

    if (e->event & ~(uint32_t)ZMQ_EVENT_ALL)
        return;
    n = snprintf(r->events + r->events_size, room, tells ? "%s(%u) " : "%s ", event_name(e->event),
                 (unsigned)e->value);
    if (n > 0 && (size_t)n < room)
        r->events_size += (size_t)n;
}

/* ---- life ---- */

static const struct zu_transport *const rig_transports[] = {&rig_transport, &rig_web, &rig_sealed,
                                                            &zu_inproc, NULL};

static const struct zu_tables rig_tables = {
    .transports = rig_transports, .patterns = zu_patterns, .mechanisms = zu_mechanisms};

void rig_open(struct rig *r, int type)
{
    const char *label = r->label;

    memset(r, 0, sizeof *r);
    r->label = label;
    r->descriptors = descriptors();
    r->listener = r->fd = r->far = -1;
    r->observer.event = observe;
    current = r;
    rig_web = rig_transport;
    rig_web.scheme = "web";
    rig_web.web = rig_host;
    rig_sealed = rig_transport;
    rig_sealed.scheme = "sealed";
    RIG_CHECK(r, zu_ctx_new(&r->ctx, &rig_tables) == 0);
    RIG_CHECK(r, zu_loop_init(&r->loop, &zu_kernel_scripted, scripted_clock) == 0);
    r->k = r->loop.kernel;
    r->ctx->loops = zu_alloc(sizeof(struct zu_loop *));
    r->ctx->loops[0] = &r->loop;
    r->ctx->loop_count = 1;
    r->ctx->kernel = &zu_kernel_scripted;
    RIG_CHECK(r, zu_socket_new(&r->s, r->ctx, zu_ctx_pattern(r->ctx, type)) == 0);
    atomic_store(&r->s->observer, &r->observer);
}

void rig_set(struct rig *r, int option, int value)
{
    RIG_CHECK(r, zmq_setsockopt(r->s, option, &value, sizeof value) == 0);
}

void rig_round(struct rig *r)
{
    RIG_CHECK(r, zu_loop_round(&r->loop, false) == 0);
}

void rig_settle(struct rig *r)
{
    for (int i = 0; i < 6; i++)
        rig_round(r);
}

void rig_pass(struct rig *r, unsigned ms)
{
    while (ms-- > 0) {
        scripted_pass(1);
        rig_round(r);
    }
    rig_settle(r);
}

static const char *endpoint(const struct rig *r)
{
    rig_sealed.tunnel = r->tunnel;
    if (r->tunnel)
        return "sealed://peer:1";
    return r->is_web ? "web://peer" : RIG_ENDPOINT;
}

void rig_bind(struct rig *r)
{
    RIG_CHECK(r, zmq_bind(r->s, endpoint(r)) == 0);
    rig_settle(r);
}

void rig_accept(struct rig *r)
{
    struct zu_op *op = scripted_find(r->k, ZU_OP_ACCEPT, r->listener);

    RIG_CHECK(r, op != NULL);
    scripted_complete(r->k, op, make_pair(r), ZU_OP_MORE);
    rig_settle(r);
}

void rig_dial(struct rig *r)
{
    RIG_CHECK(r, zmq_connect(r->s, endpoint(r)) == 0);
    rig_settle(r);
}

void rig_connect(struct rig *r)
{
    struct zu_op *op = scripted_find(r->k, ZU_OP_CONNECT, r->fd);

    RIG_CHECK(r, op != NULL);
    scripted_complete(r->k, op, 0, 0);
    rig_settle(r);
}

/* ---- the peer ---- */

struct zu_op *rig_receiving(struct rig *r)
{
    struct zu_op *op = scripted_find(r->k, ZU_OP_RECV_BLOCK, r->fd);

    return op ? op : scripted_find(r->k, ZU_OP_RECV, r->fd);
}

struct zu_op *rig_sending(struct rig *r)
{
    struct zu_op *op = scripted_find(r->k, ZU_OP_SEND, r->fd);

    if (zu_unlikely(r->far_away && !op)) /* a look that the counts need not count */
        op = scripted_find(r->k, ZU_OP_SENDMSG_ZC, r->fd);
    return op ? op : scripted_find(r->k, ZU_OP_SENDMSG, r->fd);
}

static struct zu_op *wait_for(struct rig *r, struct zu_op *(*find)(struct rig *r))
{
    struct zu_op *op = find(r);

    for (unsigned ms = 0; !op && ms < r->patience_ms; ms++) {
        rig_pass(r, 1);
        op = find(r);
    }
    return op;
}

size_t rig_say(struct rig *r, const void *bytes, size_t size, size_t most)
{
    const uint8_t *at = bytes;
    size_t left = size;
    struct zu_op *op;

    while (left && (op = wait_for(r, rig_receiving))) {
        size_t n = scripted_feed(r->k, op, at, ZU_MIN(left, most));

        at += n;
        left -= n;
        rig_round(r);
    }
    rig_settle(r);
    return size - left;
}

void rig_say_hex(struct rig *r, const char *hex)
{
    uint8_t bytes[4096];
    size_t size = hex_read(bytes, sizeof bytes, hex);

    RIG_CHECK(r, rig_say(r, bytes, size, SIZE_MAX) == size);
}

void rig_hang_up(struct rig *r, int err)
{
    struct zu_op *op = rig_receiving(r);

    RIG_CHECK(r, op != NULL);
    scripted_complete(r->k, op, -err, 0);
    rig_settle(r);
}

bool rig_hear(struct rig *r, size_t most)
{
    struct zu_op *op = rig_sending(r);
    size_t size;

    if (!op)
        return false;
    size = ZU_MIN(scripted_send_size(op), most);
    if (r->said_room - r->said_size < size) {
        r->said_room = (r->said_size + size) * 2;
        r->said = realloc(r->said, r->said_room);
        RIG_CHECK(r, r->said != NULL);
    }
    r->said_size += scripted_take(r->k, op, r->said + r->said_size, size);
    rig_round(r);
    return true;
}

size_t rig_give_back(struct rig *r, bool copied)
{
    struct zu_op *op;
    size_t n = 0;

    for (; (op = scripted_lent(r->k, 0)); n++)
        RIG_CHECK(r, scripted_free(r->k, op, copied));
    rig_settle(r);
    return n;
}

void rig_hear_all(struct rig *r)
{
    do {
        rig_settle(r);
        wait_for(r, rig_sending);
    } while (rig_hear(r, SIZE_MAX));
}

void rig_meet(struct rig *r)
{
    rig_open(r, ZMQ_DEALER);
    rig_dial(r);
    rig_connect(r);
    rig_say_hex(r, RIG_GREETING RIG_READY_DEALER);
    rig_hear_all(r);
    r->said_size = 0;
}

/* What a tunnel says by the way, without a request, is dropped. */
bool rig_closed(const struct rig *r)
{
    char bytes[256];
    ssize_t n;

    if (r->far < 0)
        return true;
    while ((n = recv(r->far, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        ;
    return n == 0 || errno != EAGAIN;
}

/* ---- the end ---- */

void rig_close(struct rig *r)
{
    RIG_CHECK(r, zmq_close(r->s) == 0);
    r->s = NULL;
    rig_settle(r);
}

/* What a test that plays a late cancel left undecided. */
static void finish_cancelled(struct rig *r)
{
    struct zu_op *op = scripted_find(r->k, ZU_OP_IDLE, -1);

    if (op && scripted_cancelled(r->k, op))
        scripted_complete(r->k, op, -ECANCELED, 0);
}

void rig_end(struct rig *r, unsigned ms)
{
    scripted_on_cancel(r->k, SCRIPTED_CANCEL_ENDS);
    if (r->s && ms == 0)
        rig_set(r, ZMQ_LINGER, 0);
    if (r->s)
        rig_close(r);
    for (unsigned i = 0; r->ctx->live && i < ms + 20; i++) {
        finish_cancelled(r);
        if (r->resets)
            rig_give_back(r, false); /* as a reset makes the kernel do */
        scripted_pass(1);
        rig_round(r);
    }
    rig_settle(r);
    RIG_CHECK(r, r->ctx->live == 0);
    RIG_CHECK(r, scripted_find(r->k, ZU_OP_IDLE, -1) == NULL && !scripted_lent(r->k, 0));
    /* Fewer than none: a session may give back a block that it made itself. */
    RIG_CHECK(r, (ptrdiff_t)scripted_blocks_out(r->k) <= 0);
    RIG_CHECK(r, r->loop.timers.top == NULL && zu_list_empty(&r->loop.later));
    RIG_CHECK(r, atomic_load(&r->loop.load) == 0);
    RIG_CHECK(r, zu_list_empty(&r->ctx->sockets));
    zu_free(r->ctx->loops);
    r->ctx->loops = NULL;
    r->ctx->loop_count = 0;
    RIG_CHECK(r, zu_ctx_term(r->ctx) == 0);
    zu_loop_fini(&r->loop);
    if (r->far >= 0)
        close(r->far);
    free(r->said);
    RIG_CHECK(r, descriptors() == r->descriptors);
}

void rig_leaks(const struct rig *r)
{
    if (__lsan_do_recoverable_leak_check)
        RIG_CHECK(r, __lsan_do_recoverable_leak_check() == 0);
}
