/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq.h: the messaging interface, source and binary compatible with libzmq 4.3.5.
 *
 * Errors: a function that answers int gives -1, one that answers a pointer gives NULL, and errno
 * says why. A call that succeeds may leave any errno.
 * Threads: a context may be used by any number of threads at once. A socket, a message, a set of
 * timers, a poller: by one thread at a time, with a full fence (a lock, a join) when it changes
 * hands. What ZMQ_THREAD_SAFE reads 1 of: by any number at once.
 * Lengths are bytes and times milliseconds, where nothing else is said; a time of -1 is no limit.
 *
 * What is declared under ZMQ_BUILD_DRAFT_API may still change.
 */
#ifndef __ZMQ_H_INCLUDED__ /* libzmq's own guard: whichever header comes first, one is enough */
#define __ZMQ_H_INCLUDED__

#define ZMQ_VERSION_MAJOR 4
#define ZMQ_VERSION_MINOR 3
#define ZMQ_VERSION_PATCH 5

#define ZMQ_MAKE_VERSION(major, minor, patch) ((major)*10000 + (minor)*100 + (patch))
#define ZMQ_VERSION                           ZMQ_MAKE_VERSION(ZMQ_VERSION_MAJOR, ZMQ_VERSION_MINOR, ZMQ_VERSION_PATCH)

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ZMQ_DEFINED_STDINT 1

#ifndef ZMQ_EXPORT
#if defined(__GNUC__)
#define ZMQ_EXPORT __attribute__((visibility("default")))
#else
#define ZMQ_EXPORT
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* --- Errors ---------------------------------------------------------------------------------- */

/* Far above every errno of the system. All others that these calls give are the system's own. */
#define ZMQ_HAUSNUMERO 156384712

#define EFSM           (ZMQ_HAUSNUMERO + 51) /* not in this state: REQ and REP take turns */
#define ENOCOMPATPROTO (ZMQ_HAUSNUMERO + 52) /* the transport is not for this socket type */
#define ETERM          (ZMQ_HAUSNUMERO + 53) /* the context was shut down or terminated */
#define EMTHREAD       (ZMQ_HAUSNUMERO + 54) /* no I/O thread, or none that the affinity allows */

ZMQ_EXPORT int zmq_errno(void);
/* Static or thread-local text, never NULL. Knows the numbers above and the system's. */
ZMQ_EXPORT const char *zmq_strerror(int errnum);
/* The version of the interface that the library at run time offers; no pointer may be NULL. */
ZMQ_EXPORT void zmq_version(int *major, int *minor, int *patch);

/* --- Context --------------------------------------------------------------------------------- */

/* Options of a context. What concerns I/O threads counts only before the first of them starts. */
#define ZMQ_IO_THREADS                 1  /* 0: inproc only */
#define ZMQ_MAX_SOCKETS                2  /* more than that: EMFILE */
#define ZMQ_SOCKET_LIMIT               3  /* get: the largest ZMQ_MAX_SOCKETS */
#define ZMQ_THREAD_PRIORITY            3  /* set only */
#define ZMQ_THREAD_SCHED_POLICY        4  /* SCHED_* */
#define ZMQ_MAX_MSGSZ                  5  /* kept for the asking, limits nothing */
#define ZMQ_MSG_T_SIZE                 6  /* get: sizeof (zmq_msg_t) */
#define ZMQ_THREAD_AFFINITY_CPU_ADD    7  /* set only: a CPU that I/O threads may run on */
#define ZMQ_THREAD_AFFINITY_CPU_REMOVE 8  /* set only */
#define ZMQ_THREAD_NAME_PREFIX         9  /* a number, put before the names of I/O threads */
#define ZMQ_BLOCKY                     70 /* 0: sockets begin with a linger of 0, not -1 */
/* ZMQ_IPV6 is a context option, too: what sockets begin with. */

#define ZMQ_IO_THREADS_DFLT          1
#define ZMQ_MAX_SOCKETS_DFLT         1023
#define ZMQ_THREAD_PRIORITY_DFLT     (-1)
#define ZMQ_THREAD_SCHED_POLICY_DFLT (-1)

/* Starts no thread; the first bind or connect over a network or ipc does. ENOMEM. */
ZMQ_EXPORT void *zmq_ctx_new(void);
/*
 * Waits until every socket is closed and what it still had to send is sent or its linger is over,
 * then frees the context. Calls that block on its sockets end with ETERM. EFAULT; EINTR: call again.
 */
ZMQ_EXPORT int zmq_ctx_term(void *context);
/* Makes every call on its sockets but zmq_close answer ETERM, at once. Never blocks. EFAULT. */
ZMQ_EXPORT int zmq_ctx_shutdown(void *context);
ZMQ_EXPORT int zmq_ctx_set(void *context, int option, int value); /* EFAULT, EINVAL */
ZMQ_EXPORT int zmq_ctx_get(void *context, int option);            /* EFAULT, EINVAL */

/* Older names: a new context with that many I/O threads; zmq_ctx_term, twice. */
ZMQ_EXPORT void *zmq_init(int io_threads);
ZMQ_EXPORT int zmq_term(void *context);
ZMQ_EXPORT int zmq_ctx_destroy(void *context);

/* --- Messages -------------------------------------------------------------------------------- */

/*
 * One part of a message. Opaque; begins with one of zmq_msg_init*, ends with zmq_msg_close.
 * Bodies of up to 33 bytes lie inside it, so their address moves when the struct is moved.
 */
typedef struct zmq_msg_t {
#if defined(__GNUC__)
    unsigned char _[64] __attribute__((aligned(sizeof(void *))));
#else
    unsigned char _[64];
#endif
} zmq_msg_t;

/* Gives a body back. May run in an I/O thread. */
typedef void(zmq_free_fn)(void *data, void *hint);

/* For zmq_msg_get. */
#define ZMQ_MORE   1 /* further parts follow */
#define ZMQ_SRCFD  2 /* the descriptor it came by; EINVAL when there is none */
#define ZMQ_SHARED 3 /* the body is shared with a copy, or constant */

ZMQ_EXPORT int zmq_msg_init(zmq_msg_t *msg);                   /* empty; never fails */
ZMQ_EXPORT int zmq_msg_init_size(zmq_msg_t *msg, size_t size); /* body not cleared; ENOMEM */
/*
 * The message has `data` from now on, and calls free_fn(data, hint) once when its last copy is
 * gone; NULL: the data are constant and stay for ever. On failure (ENOMEM) they stay the caller's.
 */
ZMQ_EXPORT int zmq_msg_init_data(zmq_msg_t *msg, void *data, size_t size, zmq_free_fn *free_fn,
                                 void *hint);
/* Size of the body. On success the message is empty; on failure it is still the caller's. */
ZMQ_EXPORT int zmq_msg_send(zmq_msg_t *msg, void *socket, int flags);
/* Size of the body, which replaces what the message had. Same errors as zmq_recv, and EFAULT. */
ZMQ_EXPORT int zmq_msg_recv(zmq_msg_t *msg, void *socket, int flags);
ZMQ_EXPORT int zmq_msg_close(zmq_msg_t *msg);                   /* EFAULT: no message */
ZMQ_EXPORT int zmq_msg_move(zmq_msg_t *to, zmq_msg_t *from);    /* `from` is empty then; EFAULT */
ZMQ_EXPORT int zmq_msg_copy(zmq_msg_t *to, zmq_msg_t *from);    /* shares the body; EFAULT */
ZMQ_EXPORT void *zmq_msg_data(zmq_msg_t *msg);                  /* NULL: no message */
ZMQ_EXPORT size_t zmq_msg_size(const zmq_msg_t *msg);           /* 0: no message, too */
ZMQ_EXPORT int zmq_msg_more(const zmq_msg_t *msg);              /* 0 or 1 */
ZMQ_EXPORT int zmq_msg_get(const zmq_msg_t *msg, int property); /* EINVAL, EFAULT */
ZMQ_EXPORT int zmq_msg_set(zmq_msg_t *msg, int property, int value); /* EINVAL: none can be set */
/* Text that lives as long as the message or a copy. EINVAL: not known of this message. */
ZMQ_EXPORT const char *zmq_msg_gets(const zmq_msg_t *msg, const char *property);

/* --- Sockets --------------------------------------------------------------------------------- */

#define ZMQ_PAIR   0  /* one peer */
#define ZMQ_PUB    1  /* publishes to SUB and XSUB */
#define ZMQ_SUB    2  /* hears what it subscribed to */
#define ZMQ_REQ    3  /* asks, then hears the answer */
#define ZMQ_REP    4  /* hears a question, then answers */
#define ZMQ_DEALER 5  /* asks of many without turns */
#define ZMQ_ROUTER 6  /* answers many by routing id */
#define ZMQ_PULL   7  /* hears from PUSH, fairly */
#define ZMQ_PUSH   8  /* feeds PULL, in turn */
#define ZMQ_XPUB   9  /* PUB that hears the subscriptions */
#define ZMQ_XSUB   10 /* SUB that subscribes by message */
#define ZMQ_STREAM 11 /* plain TCP peers by routing id */

#define ZMQ_XREQ ZMQ_DEALER
#define ZMQ_XREP ZMQ_ROUTER

/* Options of a socket: type and unit of the value; r and w: may be read, written. */
#define ZMQ_AFFINITY                          4 /* rw uint64_t: bit n allows I/O thread n; 0: all */
#define ZMQ_ROUTING_ID                        5 /* rw 1 to 255 bytes: our name at a ROUTER */
#define ZMQ_SUBSCRIBE                         6 /*  w bytes: SUB hears what begins so; empty: everything */
#define ZMQ_UNSUBSCRIBE                       7 /*  w bytes */
#define ZMQ_RATE                              8 /* rw int, kbit/s: multicast */
#define ZMQ_RECOVERY_IVL                      9 /* rw int, ms: multicast */
#define ZMQ_SNDBUF                            11 /* rw int, bytes: SO_SNDBUF; -1: the system's choice */
#define ZMQ_RCVBUF                            12 /* rw int, bytes: SO_RCVBUF; -1: the system's choice */
#define ZMQ_RCVMORE                           13 /* r  int: the part last received has more behind it */
#define ZMQ_FD                                14 /* r  int: readable when ZMQ_EVENTS may have changed */
#define ZMQ_EVENTS                            15 /* r  int: ZMQ_POLLIN, ZMQ_POLLOUT; read after each call */
#define ZMQ_TYPE                              16 /* r  int: ZMQ_PAIR ... */
#define ZMQ_LINGER                            17 /* rw int, ms: how long unsent messages outlive zmq_close */
#define ZMQ_RECONNECT_IVL                     18 /* rw int, ms: 100; 0 and -1: never again */
#define ZMQ_BACKLOG                           19 /* rw int: of listen(2) */
#define ZMQ_RECONNECT_IVL_MAX                 21 /* rw int, ms: doubles up to that; 0: constant */
#define ZMQ_MAXMSGSIZE                        22 /* rw int64_t: a peer that sends more is cut off; -1: no limit */
#define ZMQ_SNDHWM                            23 /* rw int: messages queued for a peer; 0: no limit */
#define ZMQ_RCVHWM                            24 /* rw int: messages queued from a peer; 0: no limit */
#define ZMQ_MULTICAST_HOPS                    25 /* rw int: time to live */
#define ZMQ_RCVTIMEO                          27 /* rw int, ms: then EAGAIN */
#define ZMQ_SNDTIMEO                          28 /* rw int, ms: then EAGAIN */
#define ZMQ_LAST_ENDPOINT                     32 /* r  text: where the last bind or connect really went */
#define ZMQ_ROUTER_MANDATORY                  33 /*  w int: ROUTER says EHOSTUNREACH instead of dropping */
#define ZMQ_TCP_KEEPALIVE                     34 /* rw int: -1 the system's choice, 0 off, 1 on */
#define ZMQ_TCP_KEEPALIVE_CNT                 35 /* rw int: probes; -1: the system's choice */
#define ZMQ_TCP_KEEPALIVE_IDLE                36 /* rw int, seconds */
#define ZMQ_TCP_KEEPALIVE_INTVL               37 /* rw int, seconds */
#define ZMQ_IMMEDIATE                         39 /* rw int: queue only for completed connections */
#define ZMQ_XPUB_VERBOSE                      40 /*  w int: hear repeated subscriptions */
#define ZMQ_ROUTER_RAW                        41 /*  w int */
#define ZMQ_IPV6                              42 /* rw int: IPv6 beside IPv4 */
#define ZMQ_MECHANISM                         43 /* r  int: ZMQ_NULL ... */
#define ZMQ_PLAIN_SERVER                      44 /* rw int */
#define ZMQ_PLAIN_USERNAME                    45 /* rw text */
#define ZMQ_PLAIN_PASSWORD                    46 /* rw text */
#define ZMQ_CURVE_SERVER                      47 /* rw int */
#define ZMQ_CURVE_PUBLICKEY                   48 /* rw key: 32 bytes, or 40 characters of Z85, or 41 with NUL */
#define ZMQ_CURVE_SECRETKEY                   49 /* rw key */
#define ZMQ_CURVE_SERVERKEY                   50 /* rw key */
#define ZMQ_PROBE_ROUTER                      51 /*  w int: an empty message on every new connection */
#define ZMQ_REQ_CORRELATE                     52 /*  w int: number the requests */
#define ZMQ_REQ_RELAXED                       53 /*  w int: a new request gives the old one up */
#define ZMQ_CONFLATE                          54 /* rw int: keep the newest message only */
#define ZMQ_ZAP_DOMAIN                        55 /* rw text: not empty: ask for authentication */
#define ZMQ_ROUTER_HANDOVER                   56 /*  w int: a new peer takes over a routing id in use */
#define ZMQ_TOS                               57 /* rw int: IP_TOS */
#define ZMQ_CONNECT_ROUTING_ID                61 /*  w bytes: the name of the next zmq_connect's peer */
#define ZMQ_GSSAPI_SERVER                     62 /* rw int */
#define ZMQ_GSSAPI_PRINCIPAL                  63 /* rw text */
#define ZMQ_GSSAPI_SERVICE_PRINCIPAL          64 /* rw text */
#define ZMQ_GSSAPI_PLAINTEXT                  65 /* rw int */
#define ZMQ_HANDSHAKE_IVL                     66 /* rw int, ms: 30000; 0: no limit */
#define ZMQ_SOCKS_PROXY                       68 /* rw text, host:port; NULL: none */
#define ZMQ_XPUB_NODROP                       69 /*  w int: full subscribers block instead of losing */
#define ZMQ_XPUB_MANUAL                       71 /*  w int: subscriptions take effect by ZMQ_SUBSCRIBE only */
#define ZMQ_XPUB_WELCOME_MSG                  72 /*  w bytes: for every new subscriber */
#define ZMQ_STREAM_NOTIFY                     73 /*  w int: tell of connections and their ends */
#define ZMQ_INVERT_MATCHING                   74 /* rw int: hear what does not match */
#define ZMQ_HEARTBEAT_IVL                     75 /* rw int, ms: between PINGs; 0: none */
#define ZMQ_HEARTBEAT_TTL                     76 /* rw int, ms in steps of 100: when the peer gives us up */
#define ZMQ_HEARTBEAT_TIMEOUT                 77 /* rw int, ms: when we give the peer up */
#define ZMQ_XPUB_VERBOSER                     78 /*  w int: hear repeated unsubscriptions, too */
#define ZMQ_CONNECT_TIMEOUT                   79 /* rw int, ms: 0: the system's choice */
#define ZMQ_TCP_MAXRT                         80 /* rw int, ms: TCP_USER_TIMEOUT */
#define ZMQ_THREAD_SAFE                       81 /* r  int: may several threads use this socket at once */
#define ZMQ_MULTICAST_MAXTPDU                 84 /* rw int, bytes */
#define ZMQ_VMCI_BUFFER_SIZE                  85 /* the vmci transport is not here: EINVAL */
#define ZMQ_VMCI_BUFFER_MIN_SIZE              86
#define ZMQ_VMCI_BUFFER_MAX_SIZE              87
#define ZMQ_VMCI_CONNECT_TIMEOUT              88
#define ZMQ_USE_FD                            89 /* rw int: a listening descriptor that the next bind adopts */
#define ZMQ_GSSAPI_PRINCIPAL_NAMETYPE         90 /* rw int: ZMQ_GSSAPI_NT_* */
#define ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE 91
#define ZMQ_BINDTODEVICE                      92 /* rw text: name of a network interface */

/* Deprecated options, and older names of options. */
#define ZMQ_IPV4ONLY                31 /* rw int: the opposite of ZMQ_IPV6 */
#define ZMQ_TCP_ACCEPT_FILTER       38 /*  w text, address/bits: who may connect; NULL: all */
#define ZMQ_IPC_FILTER_PID          58 /*  w pid_t; NULL: all */
#define ZMQ_IPC_FILTER_UID          59 /*  w uid_t */
#define ZMQ_IPC_FILTER_GID          60 /*  w gid_t */
#define ZMQ_IDENTITY                ZMQ_ROUTING_ID
#define ZMQ_CONNECT_RID             ZMQ_CONNECT_ROUTING_ID
#define ZMQ_DELAY_ATTACH_ON_CONNECT ZMQ_IMMEDIATE
#define ZMQ_FAIL_UNROUTABLE         ZMQ_ROUTER_MANDATORY
#define ZMQ_ROUTER_BEHAVIOR         ZMQ_ROUTER_MANDATORY

/* Values of ZMQ_MECHANISM. */
#define ZMQ_NULL   0
#define ZMQ_PLAIN  1
#define ZMQ_CURVE  2
#define ZMQ_GSSAPI 3

/* Values of the GSSAPI name types. */
#define ZMQ_GSSAPI_NT_HOSTBASED      0
#define ZMQ_GSSAPI_NT_USER_NAME      1
#define ZMQ_GSSAPI_NT_KRB5_PRINCIPAL 2

/* For a message on a RADIO, a DISH. */
#define ZMQ_GROUP_MAX_LENGTH 255

/* Flags of send and receive. */
#define ZMQ_DONTWAIT 1 /* EAGAIN instead of blocking */
#define ZMQ_SNDMORE  2 /* further parts of this message follow */
#define ZMQ_NOBLOCK  ZMQ_DONTWAIT

/* EFAULT: no context. EINVAL: no such type. EMFILE: ZMQ_MAX_SOCKETS or descriptors. ETERM, ENOMEM. */
ZMQ_EXPORT void *zmq_socket(void *context, int type);
/* Returns at once; unsent messages follow ZMQ_LINGER. ENOTSOCK. */
ZMQ_EXPORT int zmq_close(void *socket);
/* EINVAL: no such option, not for this type, wrong length, out of range. ENOTSOCK, ETERM. */
ZMQ_EXPORT int zmq_setsockopt(void *socket, int option, const void *value, size_t size);
ZMQ_EXPORT int zmq_getsockopt(void *socket, int option, void *value, size_t *size);
/*
 * Endpoints are transport://address. EINVAL, EPROTONOSUPPORT, ENOCOMPATPROTO, EADDRINUSE,
 * EADDRNOTAVAIL, ENODEV, ENAMETOOLONG, EMTHREAD, ENOTSOCK, ETERM, or what the system's bind says.
 * zmq_connect reports no failures of the network: it tries until it succeeds.
 */
ZMQ_EXPORT int zmq_bind(void *socket, const char *endpoint);
ZMQ_EXPORT int zmq_connect(void *socket, const char *endpoint);
/* By the text of ZMQ_LAST_ENDPOINT. ENOENT: not bound, not connected there. EINVAL, ENOTSOCK, ETERM. */
ZMQ_EXPORT int zmq_unbind(void *socket, const char *endpoint);
ZMQ_EXPORT int zmq_disconnect(void *socket, const char *endpoint);

/*
 * Sends a copy: its size. EAGAIN: no room, with ZMQ_DONTWAIT or after ZMQ_SNDTIMEO. ENOTSUP: a type
 * that only receives. EFSM, EHOSTUNREACH, EINVAL, ENOMEM, ENOTSOCK, ETERM, EINTR.
 */
ZMQ_EXPORT int zmq_send(void *socket, const void *data, size_t size, int flags);
/* The same without a copy, for data that stay as they are for ever. */
ZMQ_EXPORT int zmq_send_const(void *socket, const void *data, size_t size, int flags);
/*
 * Receives one part: its size, which may be larger than what fitted into `data`; the rest is lost.
 * EAGAIN: nothing there, with ZMQ_DONTWAIT or after ZMQ_RCVTIMEO. ENOTSUP: a type that only sends.
 * EFSM, ENOTSOCK, ETERM, EINTR.
 */
ZMQ_EXPORT int zmq_recv(void *socket, void *data, size_t size, int flags);

/* Deprecated forms of zmq_msg_send and zmq_msg_recv. */
ZMQ_EXPORT int zmq_sendmsg(void *socket, zmq_msg_t *msg, int flags);
ZMQ_EXPORT int zmq_recvmsg(void *socket, zmq_msg_t *msg, int flags);

struct iovec; /* of <sys/uio.h> */

/* One part for each element; the size of the last one. EINVAL: none. */
ZMQ_EXPORT int zmq_sendiov(void *socket, struct iovec *parts, size_t count, int flags);
/* Up to *count parts, in memory that the caller frees with free(); *count and result: how many. */
ZMQ_EXPORT int zmq_recviov(void *socket, struct iovec *parts, size_t *count, int flags);

/* --- Monitor --------------------------------------------------------------------------------- */

/* What becomes of connections. The comment says what the event's value is. */
#define ZMQ_EVENT_CONNECTED                  0x0001 /* descriptor */
#define ZMQ_EVENT_CONNECT_DELAYED            0x0002 /* errno */
#define ZMQ_EVENT_CONNECT_RETRIED            0x0004 /* ms until the next try */
#define ZMQ_EVENT_LISTENING                  0x0008 /* descriptor */
#define ZMQ_EVENT_BIND_FAILED                0x0010 /* errno */
#define ZMQ_EVENT_ACCEPTED                   0x0020 /* descriptor */
#define ZMQ_EVENT_ACCEPT_FAILED              0x0040 /* errno */
#define ZMQ_EVENT_CLOSED                     0x0080 /* descriptor */
#define ZMQ_EVENT_CLOSE_FAILED               0x0100 /* errno */
#define ZMQ_EVENT_DISCONNECTED               0x0200 /* descriptor */
#define ZMQ_EVENT_MONITOR_STOPPED            0x0400 /* 0 */
#define ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL 0x0800 /* errno */
#define ZMQ_EVENT_HANDSHAKE_SUCCEEDED        0x1000 /* 0 */
#define ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL  0x2000 /* ZMQ_PROTOCOL_ERROR_* */
#define ZMQ_EVENT_HANDSHAKE_FAILED_AUTH      0x4000 /* 300, 400 or 500 */
#define ZMQ_EVENT_ALL                        0xFFFF

#define ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED                   0x10000000
#define ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND            0x10000001
#define ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE              0x10000002
#define ZMQ_PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE                  0x10000003
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED 0x10000011
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE     0x10000012
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO       0x10000013
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE    0x10000014
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR       0x10000015
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY       0x10000016
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME     0x10000017
#define ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA              0x10000018
#define ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC                 0x11000001
#define ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH            0x11000002
#define ZMQ_PROTOCOL_ERROR_ZAP_UNSPECIFIED                    0x20000000
#define ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY                0x20000001
#define ZMQ_PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID                 0x20000002
#define ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION                    0x20000003
#define ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE            0x20000004
#define ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA               0x20000005
#define ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED                     0x30000000

/*
 * Has a PAIR bound to `endpoint` (inproc) send two parts for each event: uint16_t event and uint32_t
 * value, host order, no gap; then the endpoint's text. NULL ends it. EINVAL, EPROTONOSUPPORT,
 * EADDRINUSE, EMFILE, ENOTSOCK, ETERM.
 */
ZMQ_EXPORT int zmq_socket_monitor(void *socket, const char *endpoint, int events);

/* --- Polling --------------------------------------------------------------------------------- */

#define ZMQ_POLLIN  1
#define ZMQ_POLLOUT 2
#define ZMQ_POLLERR 4 /* descriptors only; reported whether asked for or not */
#define ZMQ_POLLPRI 8 /* descriptors only */

#define ZMQ_POLLITEMS_DFLT 16

typedef int zmq_fd_t;

typedef struct zmq_pollitem_t {
    void *socket; /* NULL: the descriptor counts */
    zmq_fd_t fd;
    short events;  /* asked for */
    short revents; /* answered; always overwritten */
} zmq_pollitem_t;

/*
 * How many items have something; 0 when the time is up. Without items it sleeps.
 * EFAULT, EINVAL, ENOTSOCK, ETERM, EINTR.
 */
ZMQ_EXPORT int zmq_poll(zmq_pollitem_t *items, int count, long timeout);

/* --- Proxies --------------------------------------------------------------------------------- */

/*
 * Carries messages between two sockets until an error, ETERM in the end; `capture` (or NULL) gets a
 * copy of each. The steerable one ends with 0 when `control` (or NULL) brings TERMINATE, and
 * understands PAUSE, RESUME and STATISTICS. EFAULT, ENOTSOCK, EINTR.
 */
ZMQ_EXPORT int zmq_proxy(void *frontend, void *backend, void *capture);
ZMQ_EXPORT int zmq_proxy_steerable(void *frontend, void *backend, void *capture, void *control);

/* Deprecated: a proxy; the type means nothing. */
#define ZMQ_STREAMER  1
#define ZMQ_FORWARDER 2
#define ZMQ_QUEUE     3

ZMQ_EXPORT int zmq_device(int type, void *frontend, void *backend);

/* --- Capabilities and security --------------------------------------------------------------- */

#define ZMQ_HAS_CAPABILITIES 1

/* 1 when this build can do "ipc", "tipc", "vsock", "curve", "draft" ...; else 0. */
ZMQ_EXPORT int zmq_has(const char *capability);

/*
 * Z85. `size` is a multiple of 4, the text's length one of 5. `text` gets size * 5 / 4 + 1 bytes,
 * `data` four fifths of the text's length. Answers its first argument; NULL with EINVAL.
 */
ZMQ_EXPORT char *zmq_z85_encode(char *text, const uint8_t *data, size_t size);
ZMQ_EXPORT uint8_t *zmq_z85_decode(uint8_t *data, const char *text);

/* Keys as text of 40 characters and NUL: arrays of 41. EINVAL; ENOTSUP: built without CURVE. */
ZMQ_EXPORT int zmq_curve_keypair(char *public_key, char *secret_key);
ZMQ_EXPORT int zmq_curve_public(char *public_key, const char *secret_key);

/* --- Atomic counters ------------------------------------------------------------------------- */

/* Any thread. */
ZMQ_EXPORT void *zmq_atomic_counter_new(void); /* 0; NULL: ENOMEM */
ZMQ_EXPORT void zmq_atomic_counter_set(void *counter, int value);
ZMQ_EXPORT int zmq_atomic_counter_inc(void *counter); /* the value before */
ZMQ_EXPORT int zmq_atomic_counter_dec(void *counter); /* 0 when it has reached 0, else 1 */
ZMQ_EXPORT int zmq_atomic_counter_value(void *counter);
ZMQ_EXPORT void zmq_atomic_counter_destroy(void **counter); /* *counter is NULL then */

/* --- Timers ---------------------------------------------------------------------------------- */

#define ZMQ_HAVE_TIMERS

typedef void(zmq_timer_fn)(int timer_id, void *arg);

ZMQ_EXPORT void *zmq_timers_new(void);              /* ENOMEM */
ZMQ_EXPORT int zmq_timers_destroy(void **timers_p); /* *timers_p is NULL then; EFAULT */
/* Every `interval` ms until it is cancelled; a number above 0 that names it. EFAULT, ENOMEM. */
ZMQ_EXPORT int zmq_timers_add(void *timers, size_t interval, zmq_timer_fn handler, void *arg);
ZMQ_EXPORT int zmq_timers_cancel(void *timers, int timer_id); /* EFAULT; EINVAL: no such timer */
ZMQ_EXPORT int zmq_timers_set_interval(void *timers, int timer_id, size_t interval); /* from now */
ZMQ_EXPORT int zmq_timers_reset(void *timers, int timer_id);                         /* from now */
ZMQ_EXPORT long zmq_timers_timeout(void *timers); /* ms to the next one; -1: none; EFAULT */
ZMQ_EXPORT int zmq_timers_execute(void *timers);  /* runs the handlers that are due; EFAULT */

/* --- Small helpers --------------------------------------------------------------------------- */

/* A stopwatch, in microseconds; _stop frees it. */
ZMQ_EXPORT void *zmq_stopwatch_start(void);
ZMQ_EXPORT unsigned long zmq_stopwatch_intermediate(void *watch);
ZMQ_EXPORT unsigned long zmq_stopwatch_stop(void *watch);

ZMQ_EXPORT void zmq_sleep(int seconds);

typedef void(zmq_thread_fn)(void *);

/* A thread with all signals blocked; _close waits for its end and frees it. NULL: EAGAIN, ENOMEM. */
ZMQ_EXPORT void *zmq_threadstart(zmq_thread_fn *function, void *arg);
ZMQ_EXPORT void zmq_threadclose(void *thread);

/* ============================================================================================= */
#ifdef ZMQ_BUILD_DRAFT_API

/* For zmq_msg_gets; besides these, whatever the peer or its authentication told. */
#define ZMQ_MSG_PROPERTY_ROUTING_ID   "Routing-Id"
#define ZMQ_MSG_PROPERTY_SOCKET_TYPE  "Socket-Type"
#define ZMQ_MSG_PROPERTY_USER_ID      "User-Id"
#define ZMQ_MSG_PROPERTY_PEER_ADDRESS "Peer-Address"

/* Socket types that several threads may use at once (but DGRAM), and that know no parts. */
#define ZMQ_SERVER  12
#define ZMQ_CLIENT  13
#define ZMQ_RADIO   14
#define ZMQ_DISH    15
#define ZMQ_GATHER  16
#define ZMQ_SCATTER 17
#define ZMQ_DGRAM   18
#define ZMQ_PEER    19
#define ZMQ_CHANNEL 20

/* Options of a socket. */
#define ZMQ_ZAP_ENFORCE_DOMAIN       93  /* rw int */
#define ZMQ_LOOPBACK_FASTPATH        94  /* rw int: means nothing here */
#define ZMQ_METADATA                 95  /*  w text, X-name:value: told to every peer */
#define ZMQ_MULTICAST_LOOP           96  /* rw int */
#define ZMQ_ROUTER_NOTIFY            97  /* rw int: ZMQ_NOTIFY_* */
#define ZMQ_XPUB_MANUAL_LAST_VALUE   98  /*  w int */
#define ZMQ_SOCKS_USERNAME           99  /* rw text */
#define ZMQ_SOCKS_PASSWORD           100 /* rw text */
#define ZMQ_IN_BATCH_SIZE            101 /* rw int, bytes */
#define ZMQ_OUT_BATCH_SIZE           102 /* rw int, bytes */
#define ZMQ_WSS_KEY_PEM              103 /*  w text */
#define ZMQ_WSS_CERT_PEM             104 /*  w text */
#define ZMQ_WSS_TRUST_PEM            105 /*  w text */
#define ZMQ_WSS_HOSTNAME             106 /*  w text */
#define ZMQ_WSS_TRUST_SYSTEM         107 /*  w int */
#define ZMQ_ONLY_FIRST_SUBSCRIBE     108 /*  w int */
#define ZMQ_RECONNECT_STOP           109 /* rw int: ZMQ_RECONNECT_STOP_* */
#define ZMQ_HELLO_MSG                110 /*  w bytes: the peer's first message */
#define ZMQ_DISCONNECT_MSG           111 /*  w bytes: what we receive when a peer is lost */
#define ZMQ_PRIORITY                 112 /* rw int: SO_PRIORITY */
#define ZMQ_BUSY_POLL                113 /*  w int, microseconds: SO_BUSY_POLL */
#define ZMQ_HICCUP_MSG               114 /*  w bytes: what we receive when we lost a peer */
#define ZMQ_XSUB_VERBOSE_UNSUBSCRIBE 115 /*  w int */
#define ZMQ_TOPICS_COUNT             116 /* r  int: subscriptions of a SUB, at a PUB */
#define ZMQ_NORM_MODE                117 /* in a build with norm, else EINVAL */
#define ZMQ_NORM_UNICAST_NACK        118
#define ZMQ_NORM_BUFFER_SIZE         119
#define ZMQ_NORM_SEGMENT_SIZE        120
#define ZMQ_NORM_BLOCK_SIZE          121
#define ZMQ_NORM_NUM_PARITY          122
#define ZMQ_NORM_NUM_AUTOPARITY      123
#define ZMQ_NORM_PUSH                124

#define ZMQ_RECONNECT_STOP_CONN_REFUSED     0x1
#define ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED 0x2
#define ZMQ_RECONNECT_STOP_AFTER_DISCONNECT 0x4

#define ZMQ_NOTIFY_CONNECT    1
#define ZMQ_NOTIFY_DISCONNECT 2

#define ZMQ_NORM_FIXED       0
#define ZMQ_NORM_CC          1
#define ZMQ_NORM_CCL         2
#define ZMQ_NORM_CCE         3
#define ZMQ_NORM_CCE_ECNONLY 4

/* Options of a context. */
#define ZMQ_ZERO_COPY_RECV 10

/* Options of a context by pointer and length; the name prefix as text. EFAULT, EINVAL. */
ZMQ_EXPORT int zmq_ctx_set_ext(void *context, int option, const void *value, size_t size);
ZMQ_EXPORT int zmq_ctx_get_ext(void *context, int option, void *value, size_t *size);

/* DISH only. EINVAL: joined already, not joined, too long. ENOTSUP, ENOTSOCK. */
ZMQ_EXPORT int zmq_join(void *socket, const char *group);
ZMQ_EXPORT int zmq_leave(void *socket, const char *group);

/* PEER only: connects; the peer's routing number, or 0. */
ZMQ_EXPORT uint32_t zmq_connect_peer(void *socket, const char *endpoint);
/* SERVER and PEER only. EHOSTUNREACH, ENOTSUP, ENOTSOCK. */
ZMQ_EXPORT int zmq_disconnect_peer(void *socket, uint32_t routing_id);

ZMQ_EXPORT int zmq_msg_set_routing_id(zmq_msg_t *msg, uint32_t routing_id); /* EINVAL: 0 */
ZMQ_EXPORT uint32_t zmq_msg_routing_id(zmq_msg_t *msg);                     /* 0: none */
ZMQ_EXPORT int zmq_msg_set_group(zmq_msg_t *msg, const char *group);
ZMQ_EXPORT const char *zmq_msg_group(zmq_msg_t *msg);
ZMQ_EXPORT int zmq_msg_init_buffer(zmq_msg_t *msg, const void *data, size_t size); /* a copy */

/* zmq_poll with another signal mask while it waits. Strict ISO C has no sigset_t. */
#if !defined(__STRICT_ANSI__) || defined(_POSIX_C_SOURCE) || defined(_GNU_SOURCE)
ZMQ_EXPORT int zmq_ppoll(zmq_pollitem_t *items, int count, long timeout, const sigset_t *mask);
#endif

#define ZMQ_HAVE_POLLER

typedef struct zmq_poller_event_t {
    void *socket; /* NULL: a descriptor */
    zmq_fd_t fd;  /* -1: a socket */
    void *user_data;
    short events;
} zmq_poller_event_t;

/* Items that stay registered. EFAULT, ENOTSOCK, EBADF, EINVAL, ENOMEM. */
ZMQ_EXPORT void *zmq_poller_new(void);
ZMQ_EXPORT int zmq_poller_destroy(void **poller_p);
ZMQ_EXPORT int zmq_poller_size(void *poller);
ZMQ_EXPORT int zmq_poller_add(void *poller, void *socket, void *user_data, short events);
ZMQ_EXPORT int zmq_poller_modify(void *poller, void *socket, short events);
ZMQ_EXPORT int zmq_poller_remove(void *poller, void *socket);
ZMQ_EXPORT int zmq_poller_add_fd(void *poller, zmq_fd_t fd, void *user_data, short events);
ZMQ_EXPORT int zmq_poller_modify_fd(void *poller, zmq_fd_t fd, short events);
ZMQ_EXPORT int zmq_poller_remove_fd(void *poller, zmq_fd_t fd);
/* 0 and one event; -1 with EAGAIN when the time is up. */
ZMQ_EXPORT int zmq_poller_wait(void *poller, zmq_poller_event_t *event, long timeout);
/* The number of events, never 0; -1 with EAGAIN when the time is up. */
ZMQ_EXPORT int zmq_poller_wait_all(void *poller, zmq_poller_event_t *events, int count,
                                   long timeout);
ZMQ_EXPORT int zmq_poller_fd(void *poller, zmq_fd_t *fd); /* thread-safe sockets only */

/* ROUTER only: ZMQ_POLLOUT when that peer has room. EHOSTUNREACH, ENOTSUP, ENOTSOCK. */
ZMQ_EXPORT int zmq_socket_get_peer_state(void *socket, const void *routing_id, size_t size);

#define ZMQ_EVENT_PIPES_STATS           0x10000
#define ZMQ_CURRENT_EVENT_VERSION       1
#define ZMQ_CURRENT_EVENT_VERSION_DRAFT 2
#define ZMQ_EVENT_ALL_V1                ZMQ_EVENT_ALL
#define ZMQ_EVENT_ALL_V2                (ZMQ_EVENT_ALL_V1 | ZMQ_EVENT_PIPES_STATS)

/* Version 2 has parts of uint64_t: event, number of values, values; then both endpoints' texts. */
ZMQ_EXPORT int zmq_socket_monitor_versioned(void *socket, const char *endpoint, uint64_t events,
                                            int version, int type);
ZMQ_EXPORT int zmq_socket_monitor_pipes_stats(void *socket);

#endif /* ZMQ_BUILD_DRAFT_API */

#ifdef __cplusplus
}
#endif

#endif
