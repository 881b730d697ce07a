/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnorm has a thread for each of its instances, and we an instance for each endpoint: the thread
 * sends, hears and repairs, and tells of it by events, and a descriptor. A speaker's messages are
 * one stream, as long as he lives; each part is what NORM calls a message, so a listener who lost
 * something finds where the next one begins. Calls take turns with the thread by a lock of its,
 * which it keeps for as long as a packet needs.
 *
 * For packets that are not well formed libnorm writes beyond its memory, so they are kept from it
 * (norm_filter.h). Its sockets' descriptors, which it does not tell, are known by the size of a
 * buffer that only it is told to set.
 *
 * Its header is C++ in two declarations, of functions that are not used here.
 */
#define ZMQ_BUILD_DRAFT_API
#include "transports/norm.h"

#include "engine/base/alloc.h"
#include "engine/base/list.h"
#include "engine/base/random.h"
#include "transports/group.h"
#include "transports/norm_filter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#define NormGetRxBindAddress(a, b, c, d) zu_norm_unused_1(void)
#define NormStreamGetVacancy(a, b)       zu_norm_unused_2(void)
#include <normApi.h>

enum {
    SEGMENT_MAX = 65000,     /* bytes; a datagram holds headers, too */
    BLOCK_MAX = 255,         /* segments, and those of parity; more takes other codes */
    BUFFER_MAX_KB = 1 << 16, /* which each listener has, too */
    OBJECTS_MAX = 8,         /* that one speaker may have begun; ours, and libzmq's, have one */
    FULL_MS = 100,           /* should no event come */
    MARK_MIN = 16384,        /* bytes of a buffer, by which it is known */
    UNREAD_MAX = 1 << 16,    /* packets; no buffer holds as many */
};

/* What one speaker says. It is known to libnorm, too, as what belongs to the object. */
struct stream {
    struct zu_list link;
    NormObjectHandle object; /* counted */
    uint64_t id;
    bool ready, begun, over; /* has something; a message's begin was found; there will be no more */
};

struct norm {
    NormInstanceHandle instance;
    NormSessionHandle session;
    bool sends, is_full, is_asked, is_sent;
    NormObjectHandle out;
    size_t written;             /* of the piece that is to be sent */
    struct zu_list ready, idle; /* streams */
    uint64_t last_id;
    char piece[ZU_PIECE_MAX]; /* that was heard */
};

/* ---- sockets ---- */

static void close_all(struct norm *n)
{
    struct zu_list *both[] = {&n->ready, &n->idle};

    for (int i = 0; i < 2; i++)
        zu_list_each(it, both[i])
        {
            struct stream *s = zu_container_of(it, struct stream, link);

            NormObjectRelease(s->object);
            zu_free(s);
        }
    if (n->session != NORM_SESSION_INVALID)
        NormDestroySession(n->session);
    if (n->instance != NORM_INSTANCE_INVALID)
        NormDestroyInstance(n->instance);
    zu_free(n);
}

static void carrier_close(void *state)
{
    close_all(state);
}

static void set_mode(NormSessionHandle s, const struct zu_options *o)
{
    int mode = o->norm_mode;

    if (mode == ZMQ_NORM_FIXED) {
        NormSetCongestionControl(s, false, true);
        NormSetTxRate(s, 1000.0 * o->rate);
        return;
    }
    NormSetCongestionControl(s, true, true);
    if (mode != ZMQ_NORM_CC)
        NormSetEcnSupport(s, mode == ZMQ_NORM_CCE || mode == ZMQ_NORM_CCE_ECNONLY,
                          mode == ZMQ_NORM_CCE_ECNONLY, mode == ZMQ_NORM_CCL);
}

static int start_sender(struct norm *n, const struct zu_options *o, uint32_t buffer)
{
    uint16_t id = (uint16_t)zu_random_u32();

    if (o->norm_segment_size > SEGMENT_MAX || o->norm_block_size + o->norm_num_parity > BLOCK_MAX)
        return -EINVAL;
    if (!NormStartSender(n->session, id, buffer, (UINT16)o->norm_segment_size,
                         (UINT16)o->norm_block_size, (UINT16)o->norm_num_parity, 0))
        return -ENODEV;
    NormSetAutoParity(n->session,
                      (unsigned char)ZU_MIN(o->norm_num_autoparity, o->norm_num_parity));
    n->out = NormStreamOpen(n->session, buffer, NULL, 0);
    if (n->out == NORM_OBJECT_INVALID)
        return -ENOMEM;
    NormStreamSetPushEnable(n->out, o->norm_push);
    return 0;
}

static int start_listener(struct norm *n, const struct zu_options *o, uint32_t buffer)
{
    NormSetRxCacheLimit(n->session, OBJECTS_MAX);
    NormSetDefaultUnicastNack(n->session, o->norm_unicast_nack);
    if (!NormStartReceiver(n->session, buffer))
        return -ENODEV;
    return 0;
}

typedef bool set_buffer(NormSessionHandle session, unsigned size);

static int buffer_of(int fd, int option)
{
    int value;
    socklen_t size = sizeof value;

    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

/* Whether this one's buffer changes with the session's; what is looked at is a copy, which nobody
 * else closes. */
static int copy_if(int fd, NormSessionHandle s, int option, set_buffer *set, unsigned mark)
{
    int copy;

    if (buffer_of(fd, option) != (int)(2 * mark)) /* the kernel adds as much */
        return -1;
    if ((copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
        return -1;
    set(s, mark + 1);
    if (buffer_of(copy, option) == (int)(2 * (mark + 1)))
        return copy;
    set(s, mark);
    close(copy);
    return -1;
}

static int find_socket(NormSessionHandle s, int option, set_buffer *set)
{
    unsigned mark = MARK_MIN + zu_random_u32() % MARK_MIN;
    DIR *all = opendir("/proc/self/fd");
    struct dirent *one;
    int found = -1;

    set(s, mark);
    while (all && found < 0 && (one = readdir(all)))
        if (*one->d_name != '.')
            found = copy_if((int)strtol(one->d_name, NULL, 10), s, option, set, mark);
    if (all)
        closedir(all);
    return found;
}

/* `wanted`: the buffer's size, or -1. */
static int guard(struct norm *n, int option, set_buffer *set, int wanted, uint32_t buffer)
{
    int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), usual = buffer_of(other, option) / 2;
    int fd = find_socket(n->session, option, set), rc = fd < 0 ? -ENOTSUP : 0;
    char byte;

    if (fd >= 0)
        rc = zu_norm_filter_attach(fd, buffer);
    for (int i = 0; fd >= 0 && i < UNREAD_MAX && recv(fd, &byte, 1, MSG_DONTWAIT) >= 0; i++)
        continue;
    set(n->session, (unsigned)(wanted > 0 ? wanted : usual));
    if (fd >= 0)
        close(fd);
    if (other >= 0)
        close(other);
    return rc;
}

/* Before its thread has heard anything. */
static int start_guarded(struct norm *n, const struct zu_options *o, uint32_t buffer)
{
    uint32_t most = 2 * ZU_MAX(buffer, 1024u * BUFFER_MAX_KB);
    bool stands = NormSuspendInstance(n->instance);
    int rc = n->sends ? start_sender(n, o, buffer) : start_listener(n, o, buffer);

    if (rc == 0)
        rc = guard(n, SO_RCVBUF, NormSetRxSocketBuffer, o->rcvbuf, most);
    if (rc == 0)
        rc = guard(n, SO_SNDBUF, NormSetTxSocketBuffer, o->sndbuf, most);
    if (stands)
        NormResumeInstance(n->instance);
    return rc;
}

/* Bound to the group, so that a session does not hear what is said to others at its port. */
static int start(struct norm *n, const struct zu_options *o, const struct zu_group *g, uint32_t id)
{
    uint32_t buffer = 1024 * (uint32_t)ZU_MIN(o->norm_buffer_size, BUFFER_MAX_KB);
    int fd;

    if ((n->instance = NormCreateInstance(false)) == NORM_INSTANCE_INVALID)
        return -ENOMEM;
    if ((fd = NormGetDescriptor(n->instance)) >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    n->session = NormCreateSession(n->instance, g->host, g->port, id);
    if (n->session == NORM_SESSION_INVALID)
        return -EINVAL;
    NormSetRxPortReuse(n->session, true, g->host, NULL, 0);
    if (*g->interface && !NormSetMulticastInterface(n->session, g->interface))
        return -ENODEV;
    NormSetTTL(n->session, (unsigned char)ZU_MIN(o->multicast_hops, UINT8_MAX));
    NormSetMulticastLoopback(n->session, true);
    set_mode(n->session, o);
    return start_guarded(n, o, buffer);
}

/* A speaker is known by his number. libnorm's own choice is the same for all of a machine. */
static int parse_id(const char **text, uint32_t *id)
{
    unsigned long number;
    char *end;

    if (!strchr(*text, ',')) {
        *id = 1 + zu_random_u32() % (UINT32_MAX - 1);
        return 0;
    }
    if (**text < '0' || **text > '9')
        return -EINVAL;
    number = strtoul(*text, &end, 10);
    if (*end != ',' || number == NORM_NODE_NONE || number >= NORM_NODE_ANY)
        return -EINVAL;
    *id = (uint32_t)number;
    *text = end + 1;
    return 0;
}

static void be_quiet(void)
{
    NormSetDebugLevel(0);
}

static int carrier_open(void **out, const char *text, const struct zu_options *o, bool sends)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    sigset_t all, before;
    struct zu_group group;
    struct norm *n;
    uint32_t id;
    int rc = parse_id(&text, &id);

    if (rc < 0 || (rc = zu_group_parse(&group, text)) < 0)
        return rc;
    if (!(n = zu_alloc_zero(sizeof *n)))
        return -ENOMEM;
    n->sends = sends;
    zu_list_init(&n->ready);
    zu_list_init(&n->idle);
    pthread_once(&once, be_quiet);
    sigfillset(&all); /* its thread takes no signal of the user's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = start(n, o, &group, id);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc < 0)
        close_all(n);
    else
        *out = n;
    return rc;
}

static int descriptors(void *state, int fd[ZU_CARRIER_FDS])
{
    struct norm *n = state;

    fd[0] = NormGetDescriptor(n->instance);
    return 1;
}

static size_t piece_max(void *state)
{
    (void)state;
    return ZU_PIECE_MAX;
}

/* ---- events ---- */

static void put_stream(struct norm *n, struct stream *s, bool ready)
{
    zu_list_remove(&s->link);
    s->ready = ready;
    zu_list_append(ready ? &n->ready : &n->idle, &s->link);
}

static void end_stream(struct stream *s)
{
    zu_list_remove(&s->link);
    NormObjectSetUserData(s->object, NULL);
    NormObjectRelease(s->object);
    zu_free(s);
}

/* One that finds no memory, or is no stream, is not heard. */
static void begin_stream(struct norm *n, NormObjectHandle object)
{
    struct stream *s =
        NormObjectGetType(object) == NORM_OBJECT_STREAM ? zu_alloc_zero(sizeof *s) : NULL;

    if (!s) {
        NormObjectCancel(object);
        return;
    }
    s->object = object;
    s->id = ++n->last_id;
    zu_list_init(&s->link);
    NormObjectRetain(object);
    NormObjectSetUserData(object, s);
    put_stream(n, s, false);
}

/* Of an object that is not ours nothing is known. */
static void note_stream(struct norm *n, NormObjectHandle object, bool over)
{
    struct stream *s = (struct stream *)NormObjectGetUserData(object);

    if (!s)
        return;
    s->over = s->over || over;
    if (!s->ready)
        put_stream(n, s, true);
}

/* A speaker who is silent for minutes has gone, and libnorm would remember him for ever. When he
 * speaks again he is another. */
static void take_events(struct norm *n)
{
    NormEvent e;

    while (NormGetNextEvent(n->instance, &e, false)) {
        switch (e.type) {
        case NORM_TX_QUEUE_VACANCY: n->is_full = false; break;
        case NORM_TX_QUEUE_EMPTY:
            n->is_full = false;
            n->is_sent = true;
            break;
        case NORM_RX_OBJECT_NEW: begin_stream(n, e.object); break;
        case NORM_RX_OBJECT_UPDATED: note_stream(n, e.object, false); break;
        case NORM_RX_OBJECT_COMPLETED:
        case NORM_RX_OBJECT_ABORTED: note_stream(n, e.object, true); break;
        case NORM_REMOTE_SENDER_INACTIVE: NormNodeDelete(e.sender); break;
        default: break;
        }
    }
}

/* ---- pieces ---- */

static int carrier_send(void *state, const void *piece, size_t size, bool ends, uint64_t *wait_ms)
{
    struct norm *n = state;

    n->written +=
        NormStreamWrite(n->out, (const char *)piece + n->written, (unsigned)(size - n->written));
    if (n->written < size) {
        n->is_full = true; /* until an event says otherwise: see carrier_receive */
        *wait_ms = FULL_MS;
        return -EAGAIN;
    }
    n->written = 0;
    if (ends)
        NormStreamFlush(n->out, true, NORM_FLUSH_ACTIVE);
    return 0;
}

/* That nothing is left is told also of what was there before: what is told once it was asked for,
 * with the thread standing still, is not. */
static bool carrier_sent(void *state)
{
    struct norm *n = state;

    if (!n->is_asked) {
        bool stands = NormSuspendInstance(n->instance);

        take_events(n);
        n->is_asked = true;
        n->is_sent = false;
        NormStreamFlush(n->out, false, NORM_FLUSH_ACTIVE);
        if (stands)
            NormResumeInstance(n->instance);
    }
    return n->is_sent;
}

/* 0: something is in n->piece. -EAGAIN: there is nothing. -ECONNRESET: something was lost. */
static int read_stream(struct norm *n, struct stream *s, unsigned *size)
{
    if (!s->begun)
        s->begun = NormStreamSeekMsgStart(s->object);
    *size = s->begun ? sizeof n->piece : 0;
    if (s->begun && !NormStreamRead(s->object, n->piece, size)) {
        s->begun = false;
        return -ECONNRESET;
    }
    return *size > 0 ? 0 : -EAGAIN;
}

static int carrier_receive(void *state, struct zu_reader *in, uint64_t *source, uint64_t *wait_ms)
{
    struct norm *n = state;
    bool was_full = n->is_full;

    take_events(n);
    while (!zu_list_empty(&n->ready)) {
        struct stream *s = zu_container_of(n->ready.next, struct stream, link);
        unsigned size;
        int rc = read_stream(n, s, &size);

        *source = s->id;
        if (rc == 0)
            *in = zu_reader_of((const uint8_t *)n->piece, size);
        if (rc != -EAGAIN) {
            put_stream(n, s, true); /* others have their turn */
            return rc;
        }
        if (s->over) {
            end_stream(s);
            return -ECONNRESET; /* of a message that has no end */
        }
        put_stream(n, s, false);
    }
    *wait_ms = was_full && !n->is_full ? 0 : ZU_CARRIER_NEVER;
    return -EAGAIN;
}

static void carrier_resume(void *state, uint64_t source)
{
    struct norm *n = state;
    struct zu_list *both[] = {&n->ready, &n->idle};

    for (int i = 0; i < 2; i++)
        zu_list_each(it, both[i])
        {
            struct stream *s = zu_container_of(it, struct stream, link);

            if (s->id == source)
                s->begun = false;
        }
}

static const struct zu_carrier by_norm = {
    .framing = ZU_FRAMING_MARKED,
    .open = carrier_open,
    .close = carrier_close,
    .descriptors = descriptors,
    .piece_max = piece_max,
    .send = carrier_send,
    .sent = carrier_sent,
    .receive = carrier_receive,
    .resume = carrier_resume,
};

const struct zu_transport zu_norm = {.scheme = "norm", .carrier = &by_norm};
