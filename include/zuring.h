/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zuring.h: what zuring offers beyond zmq.h. Errors are told as there: -1 or NULL, and errno.
 * Thread: any; contexts may be used by any number of threads at once.
 */
#ifndef ZURING_H
#define ZURING_H

#include "zmq.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ZURING_VERSION_MAJOR 0
#define ZURING_VERSION_MINOR 1
#define ZURING_VERSION_PATCH 0

/*
 * Option of a context, for zmq_ctx_set and zmq_ctx_get: how it talks to the kernel. Counts before
 * the context's first connection or bind over a network or ipc; later it is EINVAL. Without it the
 * environment variable ZURING_BACKEND ("io_uring" or "readiness") decides, and without that io_uring
 * is used wherever the running kernel grants it. The value read back is the wish, not what came of
 * it: that is zuring_backend.
 */
#define ZURING_BACKEND           0x5A01
#define ZURING_BACKEND_AUTO      0
#define ZURING_BACKEND_IO_URING  1
#define ZURING_BACKEND_READINESS 2 /* epoll and plain calls, where io_uring is forbidden */

/*
 * Option of a socket, int, for zmq_setsockopt and zmq_getsockopt, from the next bind or connect on:
 * message parts of at least so many bytes are sent to another machine without a copy, where the
 * kernel can (io_uring, tcp): what was sent must then stay as it is until the peer's machine has it,
 * and a free function given to zmq_msg_init_data is called that much later. 128 KiB by itself; 0 and
 * -1: never. What the library copies anyway, parts of up to 4 KiB, is not meant.
 */
#define ZURING_ZERO_COPY_MIN 0x5A02

/*
 * Option of a socket, int, from the next bind on: how many of its connections may be strangers at a
 * time, that is, not through their handshake (the ZAP handler's answer included). When there is one
 * more, that which has been a stranger for longest is given up: HANDSHAKE_FAILED_NO_DETAIL with
 * ECONNABORTED. 16384 by itself, for each bind; 0: no limit.
 */
#define ZURING_HANDSHAKES_MAX 0x5A07

/*
 * Option of a socket, int, from the next bind on: how many connections one address may have at a
 * time, as Peer-Address tells it: a host's over tcp, a process's over ipc. One more is closed as it
 * comes: ACCEPT_FAILED with EUSERS. 0 by itself: no limit.
 */
#define ZURING_CONNECTIONS_PER_ADDRESS 0x5A05

/*
 * Options of a socket for tls:// and wss://, from the next bind or connect on: docs/security.md. The
 * first five are those that zmq.h calls ZMQ_WSS_*, and serve both transports. Texts in PEM; no bytes
 * at all: none. What cannot be used is EINVAL at zmq_bind or zmq_connect.
 */
#define ZURING_TLS_KEY_PEM 103 /* our private key, without a passphrase, */
#define ZURING_TLS_CERT_PEM                                                                        \
    104                             /* its certificate, and those between that and its root: a bind
                                       must have both */
#define ZURING_TLS_TRUST_PEM    105 /* certificates that peers' must lead to; lists of revoked ones */
#define ZURING_TLS_HOSTNAME     106 /* what a server must be called, if not as in the endpoint */
#define ZURING_TLS_TRUST_SYSTEM 107 /* int, 1: what the system trusts is trusted, too */
/* int, 1: zmq_connect takes any server for the right one. For tests: it protects from nobody who can
 * come between. 0 by itself. */
#define ZURING_TLS_INSECURE 0x5A08
/* int, 1: who connects to a bind has to have a certificate that we trust. 0 by itself: nobody is asked
 * for one. */
#define ZURING_TLS_CLIENT_CERTIFICATE 0x5A09

/*
 * Option of a context, for zmq_ctx_set and zmq_ctx_get: 1, and several threads may use at once each
 * of the sockets that are made from then on, whatever its type. Messages of one part are sent and
 * received from any thread. One of several parts has to be ended by the thread that has begun it;
 * until then the same call of another thread is EFSM. zmq_close has to be the last call.
 */
#define ZURING_THREAD_SAFE 0x5A04

/*
 * Option of a context, for zmq_ctx_set and zmq_ctx_get: how many questions may lie with the ZAP
 * handler at a time, answered ones no more than those about peers that left and that he has not come
 * to yet. Who would be asked about then is not let in: HANDSHAKE_FAILED_NO_DETAIL with EBUSY; he may
 * try again. 16384 by itself; 0: no limit.
 */
#define ZURING_ZAP_QUESTIONS_MAX 0x5A0B

/*
 * Option of a context, for zmq_ctx_set and zmq_ctx_get, and, int, of a socket, for zmq_setsockopt and
 * zmq_getsockopt: for how many microseconds at most a thread that waits looks by itself for what
 * comes, before it sleeps. 0 to 1000000; 100 by itself, of which a socket that hears nothing uses
 * none. 0: it sleeps at once. -1: it never sleeps, and needs a core of its own; a signal still ends
 * the call.
 * A socket begins with what its context has then. -1 of a context before its first connection or
 * bind: its I/O threads never sleep, either, and where the kernel lets it tcp polls the device
 * (SO_BUSY_POLL, unless ZMQ_BUSY_POLL says how long), and so do io_uring's waits.
 */
#define ZURING_SPIN 0x5A10

/* This library's own version; zmq_version tells which libzmq it stands in for. Answers 0. */
ZMQ_EXPORT int zuring_version(int *major, int *minor, int *patch); /* EFAULT: a NULL pointer */

/*
 * What the context talks to the kernel by: "io_uring", "readiness", or "none" while it had no need
 * to. Static text. NULL, EFAULT: no context.
 */
ZMQ_EXPORT const char *zuring_backend(void *context);

/* A sentence that says why it is that one, there as long as the context. NULL, EFAULT: no context. */
ZMQ_EXPORT const char *zuring_backend_reason(void *context);

/* What one I/O thread did since it began. Later versions may add fields at the end. */
struct zuring_loop_stats {
    uint64_t rounds;      /* times it went through its work */
    uint64_t connections; /* live now */
    uint64_t enters;      /* system calls that handed over work or waited */
    uint64_t completions; /* requests that the kernel completed */
    uint64_t recvs;       /* receives that brought bytes, or the end of them */
    uint64_t recv_bytes;
    uint64_t sends; /* sends that took bytes */
    uint64_t send_bytes;
    uint64_t short_sends;      /* of these, those that took a part only */
    uint64_t block_shortages;  /* receives that found no free memory and were started again */
    uint64_t wakes;            /* times another thread woke it */
    uint64_t zero_copy_sends;  /* of the sends, those without a copy: ZURING_ZERO_COPY_MIN */
    uint64_t zero_copy_copied; /* of these, those that the kernel copied after all */
};

/*
 * Fills *stats, of which the caller's header knows `size` bytes (sizeof *stats); what this library
 * does not know becomes 0. Numbers of one moment may lag behind each other: the thread goes on
 * meanwhile. Answers 0. EFAULT: no context, or stats is NULL. EINVAL: no I/O thread `loop` (from 0),
 * or they have not started yet; size is not a multiple of 8.
 */
ZMQ_EXPORT int zuring_loop_stats(void *context, int loop, struct zuring_loop_stats *stats,
                                 size_t size);

/* ---- numbers ---- */

/* What one socket has done. Later versions may add fields at the end. */
struct zuring_socket_stats {
    uint64_t socket;      /* its number in this process */
    uint64_t type;        /* ZMQ_PUSH ... */
    uint64_t connections; /* live now, those within the process too */
    uint64_t sent;     /* messages handed to peers; one for three subscribers counts three times */
    uint64_t received; /* messages that the application has taken */
    uint64_t bytes_out, bytes_in;     /* on the wire; none within the process */
    uint64_t out_waiting, in_waiting; /* messages in the queues to and from the peers, now; */
    uint64_t out_most, in_most;       /* message parts that were ever found in one of them */
    /* Messages dropped, by reason: see ZURING_DROP_*. */
    uint64_t dropped_water_mark, dropped_no_route, dropped_conflated, dropped_filtered;
    uint64_t dropped_oversized, dropped_lost, dropped_unexpected;
    uint64_t reconnects;
    uint64_t events_lost; /* of its monitors */
};

/* One connection of a socket. One that was dialed keeps its numbers when it is dialed anew. */
struct zuring_connection_stats {
    uint64_t socket;
    uint64_t
        connection; /* as in struct zuring_event; 0: not connected now, or within the process */
    uint64_t sent, received, bytes_out, bytes_in;
    uint64_t out_waiting, in_waiting, out_most, in_most;
    uint64_t dropped_water_mark, dropped_conflated, dropped_oversized, dropped_lost;
    uint64_t reconnects;
    uint64_t active_ms;     /* when bytes last came or went, by CLOCK_MONOTONIC; 0: never */
    uint64_t local_process; /* 1: the peer is a socket of this context */
    uint64_t dialed;        /* 1: by zmq_connect */
    char local[128], remote[128];
};

/*
 * Fills *stats, of which the caller's header knows `size` bytes. By any thread, while the socket is
 * not closed. Answers 0. ENOTSOCK; EFAULT: stats is NULL; EINVAL: size is not a multiple of 8.
 */
ZMQ_EXPORT int zuring_stats_socket(void *socket, struct zuring_socket_stats *stats, size_t size);

/*
 * The same for its connections: fills up to `count` of an array whose elements have `size` bytes.
 * Answers how many there are, which may be more.
 */
ZMQ_EXPORT int zuring_stats_connections(void *socket, struct zuring_connection_stats *list,
                                        size_t size, int count);

/* All sockets of a context together, those that were closed too. Later versions may add fields at
 * the end. Where it says nothing, as in struct zuring_socket_stats. */
struct zuring_context_stats {
    uint64_t sockets; /* open now; a monitor has one inside */
    uint64_t closing; /* closed, and still sending what was written, or ending connections */
    uint64_t closed;  /* closed, and done with that */
    uint64_t sent, received, bytes_out, bytes_in, out_waiting, in_waiting;
    uint64_t dropped_water_mark, dropped_no_route, dropped_conflated, dropped_filtered;
    uint64_t dropped_oversized, dropped_lost, dropped_unexpected;
    uint64_t reconnects;
    uint64_t events_lost; /* those that were left for a ZMQ_MONITOR function at zmq_close, too */
};

/*
 * Fills *stats, of which the caller's header knows `size` bytes. Answers 0. EFAULT: no context, or
 * stats is NULL; EINVAL: size is not a multiple of 8; ETERM: a forked child.
 */
ZMQ_EXPORT int zuring_stats_context(void *context, struct zuring_context_stats *stats, size_t size);

/*
 * ---- numbers for other processes ----
 *
 * Option of a context, for zmq_ctx_set and zmq_ctx_get: 1: it keeps its numbers in a memory file
 * from now on, which whoever may look into the process finds among its descriptors
 * (/proc/PID/fd/N is "/memfd:zuring-stats"). 0, as at first: it does not. A
 * thread writes them ten times a second; nobody else pays for it. Nobody but that thread can write
 * or shorten the file. ENOMEM, EMFILE: it could not be made.
 */
#define ZURING_STATS_FILE 0x5A06

#define ZURING_STATS_MAGIC "zustats1"

/*
 * How the file begins. Four arrays follow, each `count` elements of `size` bytes from offset `at`:
 * struct zuring_loop_stats, zuring_socket_stats, zuring_connection_stats, and one
 * zuring_context_stats; later versions may make them longer. A reader copies it all, and takes another copy when `sequence` was odd, or is not
 * what it was before. When updated_ns does not move the process has stopped, or hangs.
 */
struct zuring_stats_header {
    char magic[8];
    uint64_t sequence; /* odd while it is written */
    uint64_t size;     /* of all that is there, in bytes */
    uint64_t pid;
    uint64_t updated_ns; /* by CLOCK_MONOTONIC */
    struct {
        uint64_t at, size, count;
    } loops, sockets, connections, context;
};

/*
 * ---- events, version 3 ----
 *
 * zmq_socket_monitor_versioned (socket, "inproc://name", events, ZURING_EVENT_VERSION, type): each
 * event is a message of one part, a struct zuring_event. `events` may have zmq.h's and these.
 */
#define ZURING_EVENT_VERSION 3

/* Messages were dropped: `value` of them, for the reason `value2`, since the last such event about
 * this peer. At most one a second for each peer; what is left is told when the peer goes. */
#define ZURING_EVENT_DROPPED 0x01000000
/* A peer calls itself as another one does that is here: it is not heard until that one has gone and
 * it has connected anew (ZMQ_ROUTER_HANDOVER: it takes over instead, and there is no event). */
#define ZURING_EVENT_ROUTING_ID_REJECTED 0x02000000
/* Nobody can be accepted for want of descriptors or memory (`error`); tried again after `value`
 * milliseconds, and again. Once, until somebody is accepted. */
#define ZURING_EVENT_ACCEPT_PAUSED 0x04000000
/* A mistake of the library's own, at `place`; the connection has ended. Please report it. */
#define ZURING_EVENT_INTERNAL_ERROR 0x08000000
#define ZURING_EVENT_ALL            0x0F01FFFF

/* Why messages are dropped. */
#define ZURING_DROP_WATER_MARK 1 /* the peer's pipe was full, and the socket type does not wait */
#define ZURING_DROP_NO_ROUTE   2 /* nobody has the routing id, or is there to get it */
#define ZURING_DROP_CONFLATED  3 /* replaced by a newer one: ZMQ_CONFLATE */
#define ZURING_DROP_FILTERED   4 /* the peer, or here the application, did not subscribe to it */
#define ZURING_DROP_OVERSIZED  5 /* a peer sent more than ZMQ_MAXMSGSIZE; or it fits no datagram */
#define ZURING_DROP_LOST       6 /* sent, and neither handed to the kernel nor received at the end */
#define ZURING_DROP_UNEXPECTED 7 /* received in a form, or when, the type has no use for it */

/* One event. Texts end with NUL and are cut to fit; "": none, not known. */
struct zuring_event {
    uint32_t size;    /* of the record; later versions may add fields at the end */
    int32_t error;    /* the errno that goes with it, or 0 */
    uint64_t event;   /* one of ZMQ_EVENT_*, ZURING_EVENT_* */
    uint64_t value;   /* as in versions 1 and 2 */
    uint64_t value2;  /* the second one of ZMQ_EVENT_PIPES_STATS and ZURING_EVENT_DROPPED; else 0 */
    uint64_t time_ns; /* when it was raised, by CLOCK_MONOTONIC */
    uint64_t connection; /* which one; no other in this process has or had the number; 0: none */
    uint64_t lost;       /* events that this monitor lost before this one */
    uint8_t bound;       /* 1: of a bind, or of a connection that was accepted */
    uint8_t routing_id_size;
    uint8_t reserved[6];     /* 0 */
    uint8_t routing_id[256]; /* what the peer calls itself */
    char local[128];         /* address of our end */
    char remote[128];        /* address of the peer's */
    char endpoint[256];      /* what was given to zmq_bind or zmq_connect */
    char user_id[256];       /* who the peer is, by its authentication */
    char place[64];          /* of an internal error: file and line */
    char reason[128];        /* in words, why TLS ended the connection, or refused it */
};

/*
 * ---- events by a function ----
 *
 * Option of a socket: zmq_setsockopt (socket, ZMQ_MONITOR, function, sizeof (void *)) has the
 * function called with each event of the socket, whatever is its kind; (socket, ZMQ_MONITOR, NULL,
 * 0) ends that. It is called by the thread that uses the socket, inside its calls on the socket: a
 * call that waits wakes up for it and waits on. So it needs no lock, and delays nobody else. A
 * socket that several threads use calls it by one of them at a time, and the others go on. Of the
 * functions that take a socket it may call zmq_getsockopt and zuring_stats_* alone with its own;
 * others answer EFSM, and so does ZMQ_FD when it was not asked for before.
 * Events after zmq_close are dropped, as are the newest when 512 wait.
 */
#define ZMQ_MONITOR 0x5A03

/* What `event` points out, valid during the call. `addr` is "" when there is none. */
typedef union {
    struct {
        char *addr;
        int fd;
    } connected, listening, accepted, closed, disconnected;
    struct {
        char *addr;
        int err;
    } connect_delayed, bind_failed, accept_failed, close_failed;
    struct {
        char *addr;
        int interval;
    } connect_retried;
    struct { /* of every event */
        char *addr;
        int value;
        const struct zuring_event *record;
    } any;
} zmq_event_data_t;

typedef void(zmq_monitor_fn)(void *s, int event, zmq_event_data_t *data);

/*
 * Ends the connection of one peer, at once: what was not sent to it and what was not received from
 * it is dropped. By the routing id that its messages begin with, at a ROUTER, REP or STREAM; or, at
 * any socket, by the number of the connection, which struct zuring_event tells. One that this side
 * has dialed is dialed again; zmq_disconnect ends that. Of the thread that has the socket. 0, or -1
 * and errno: EHOSTUNREACH: there is no such peer (any more). ENOTSUP: peers of this type have no
 * routing ids. ENOTSOCK, ETERM, EFAULT (a NULL id).
 */
ZMQ_EXPORT int zuring_disconnect_peer(void *socket, const void *routing_id, size_t size);
ZMQ_EXPORT int zuring_disconnect_connection(void *socket, uint64_t connection);

#ifdef __cplusplus
}
#endif

#endif
