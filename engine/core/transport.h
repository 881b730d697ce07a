/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport: CONTRACT: what a scheme must provide. A stream transport turns endpoint texts into
 * descriptors and the core does the rest (accept, connect, reconnect, receive, send); so does one
 * without connections (udp); a local one (inproc) joins sockets of one context and knows no
 * descriptor.
 */
#ifndef ZU_CORE_TRANSPORT_H
#define ZU_CORE_TRANSPORT_H

#include "engine/base/bytes.h"
#include "engine/core/options.h"

#include <sys/socket.h>

struct zu_ctx;
struct zu_msg;
struct zu_pipe;
struct zu_pipe_end;
struct zu_socket;
struct zu_tunnel_table;

#define ZU_ENDPOINT_MAX 512 /* the longest text that LAST_ENDPOINT or an event shows, with NUL */

/* A listening descriptor, and what will have to be tidied up after it. */
struct zu_listening {
    int fd;
    char endpoint[ZU_ENDPOINT_MAX]; /* what LAST_ENDPOINT says: scheme://, real address and port */
    char *unlink_path, *rmdir_path; /* or NULL */
};

/* Where a connect goes: the result of a look-up. */
struct zu_target {
    struct sockaddr_storage addr;
    socklen_t addr_size;
    struct sockaddr_storage source; /* to bind to before connecting; */
    socklen_t source_size;          /* 0: none */
};

/*
 * A dialogue with a proxy, on a connection to it, before the first byte of ours. Pure: bytes in,
 * bytes out. What `feed` leaves in *in is the peer's already.
 */
struct zu_proxy {
    size_t size; /* of the state, zeroed */
    /* What to say first; `text` is where the user wanted to go. -EINVAL: not to be had this way. */
    int (*start)(void *state, const char *text, const struct zu_options *o, struct zu_writer *out);
    /* 0: through. -EAGAIN: more bytes. Else the attempt has failed. */
    int (*feed)(void *state, struct zu_reader *in, struct zu_writer *out);
};

#define ZU_PROXY_ROOM   1024 /* bytes that a writer for it has */
#define ZU_DATAGRAM_MAX 8192 /* bytes; what is larger is not sent, and cut when it comes */

#define ZU_CARRIER_FDS   4
#define ZU_CARRIER_NEVER UINT64_MAX
#define ZU_PIECE_MAX     65000 /* bytes */
#define ZU_PIECE_ALIGN   16

/* How the parts of messages lie in pieces: see multicast.h. */
enum zu_framing { ZU_FRAMING_POINTED, ZU_FRAMING_MARKED };

/*
 * What carries pieces of bytes to a group, each whole and those of one source in their order, or
 * tells that some are lost. Of its calls only `open` may block.
 */
struct zu_carrier {
    enum zu_framing framing;
    /* On the caller's thread. *out is what the others are given. `sends`: else it listens. */
    int (*open)(void **out, const char *text, const struct zu_options *o, bool sends);
    void (*close)(void *state);
    /* What is to be polled for POLLIN; how many. */
    int (*descriptors)(void *state, int fd[ZU_CARRIER_FDS]);
    size_t (*piece_max)(void *state);
    /* The piece lies at a multiple of ZU_PIECE_ALIGN; OpenPGM's checksum wants it. `ends`: a part
     * does, with it. -EAGAIN: the same again in *wait_ms, or when a descriptor tells. Any other
     * error is the one piece's. */
    int (*send)(void *state, const void *piece, size_t size, bool ends, uint64_t *wait_ms);
    /* Whether all that it took is on its way; if not, a descriptor tells when to ask again, and
     * what is to be received comes first. NULL: always. */
    bool (*sent)(void *state);
    /* 0: *in is a piece of *source's, until the next call. -ECONNRESET: *source's are not complete.
     * -EAGAIN: there is none; again in *wait_ms, or when a descriptor tells. */
    int (*receive)(void *state, struct zu_reader *in, uint64_t *source, uint64_t *wait_ms);
    /* What came makes no sense: the source's next piece is to be one that begins with a part, as
     * its first is, and the one after a loss. NULL: where pieces say by themselves where to. */
    void (*resume)(void *state, uint64_t source);
};

struct zu_transport {
    const char *scheme; /* "tcp" in tcp://host:port */
    bool takes_time;    /* to connect: ZMQ_CONNECT_TIMEOUT and CONNECT_DELAYED mean something */

    bool unbinds_typed; /* zmq_unbind knows an endpoint by what zmq_bind was given, too */

    /*
     * All texts are what stands after "://". Errors are negative errnos, as zmq_bind and
     * zmq_connect report them (spec: api 3.1, wire 18).
     */

    /* zmq_connect: is the text one of ours? Looks no name up, touches nothing. */
    int (*check)(const char *text, const struct zu_options *o);

    /* zmq_bind, on the caller's thread; may block for a name. The descriptor listens, and is
     * non-blocking and close-on-exec. On an error `fd` and `endpoint` tell what the one was called
     * that has been closed again, or -1, and "" when it had no name yet. */
    int (*listen)(struct zu_listening *out, const char *text, const struct zu_options *o);
    /* After the descriptor was closed. Frees what listen left, and removes it or says why not. */
    int (*unlisten)(struct zu_listening *l);

    /* Whether `resolve` would have to look a name up, and so must not run on a loop. */
    bool (*blocks)(const char *text, const struct zu_options *o);
    /* Text to address, anew for every attempt. May block when `blocks` says so. */
    int (*resolve)(struct zu_target *out, const char *text, const struct zu_options *o);
    /* A new descriptor, ready to connect to the target: made, tuned, bound to the source. */
    int (*open)(const struct zu_target *t, const struct zu_options *o);

    /*
     * A descriptor that has just been accepted (`accepted`) or connected: tunes it, and says
     * whether the peer is let in: -EPERM when a filter refuses it, another errno when tuning
     * failed.
     */
    int (*admit)(int fd, const struct zu_options *o, bool accepted);

    /* Does the peer's machine still answer, though nothing can be sent? NULL: as long as there is a
     * connection. */
    bool (*answers)(int fd);

    /* So many bytes are expected: the kernel need not tell before they are there, or it wants them
     * taken, or the peer has ended. 1 as long as nobody said otherwise. NULL: it tells of any. */
    void (*expect)(int fd, int bytes);

    /* Is the peer on another machine, as far as addresses tell? NULL: it never is. */
    bool (*is_far)(int fd);
    /* Ends the connection at once, and with it what the kernel has not delivered. NULL: there is
     * no need, as closing does that. */
    void (*reset)(int fd);

    /* Endpoint texts of a connected descriptor, with the scheme: its own and the peer's. */
    void (*name)(int fd, char local[ZU_ENDPOINT_MAX], char remote[ZU_ENDPOINT_MAX]);
    /* What the message property Peer-Address says; "" when nothing is known. */
    void (*peer_address)(int fd, char out[ZU_ENDPOINT_MAX]);

    /*
     * A connection of its kind has no side that could be shut by itself: it is closed at once, and
     * this says whether that will not wait for the peer. NULL: it has.
     */
    bool (*may_close)(int fd);

    /* What LAST_ENDPOINT would say for an address written otherwise; may block; or NULL. */
    int (*canonical)(char out[ZU_ENDPOINT_MAX], const char *text, const struct zu_options *o);

    /*
     * Of a web transport: ZWS is spoken on its descriptors, not ZMTP (session_web.c); and of the
     * text, checked before, which host and path a request of HTTP names. NULL: ZMTP.
     */
    void (*web)(const char *text, char host[ZU_ENDPOINT_MAX], char path[ZU_ENDPOINT_MAX]);

    /* What the bytes of its connections go through: tunnel.h. NULL: nothing. */
    const struct zu_tunnel_table *tunnel;

    /* Used when options->socks_proxy is set, which is then what is resolved; or NULL. */
    const struct zu_proxy *proxy;

    /*
     * A transport without connections has these, and nothing else: datagrams.h. The descriptor, or
     * a negative errno, on the caller's thread; may block for a name. *out says where all that is
     * sent goes, or has size 0; `local` and `remote` the addresses, with the scheme: `remote` ""
     * where it is nobody's in particular. -ENOCOMPATPROTO: not for that type, or not that way.
     */
    int (*datagram_open)(struct zu_target *out, char local[ZU_ENDPOINT_MAX],
                         char remote[ZU_ENDPOINT_MAX], const char *text, const struct zu_options *o,
                         bool bind);
    /* A message of two parts as a datagram. `to`, unless it is NULL, is to be told by the first
     * part. -EINVAL, -EMSGSIZE: it is none that can be sent. */
    int (*datagram_write)(struct zu_writer *out, struct zu_target *to, struct zu_msg *head,
                          struct zu_msg *body, const struct zu_options *o);
    /* The other way round: makes *head, and leaves the body in *in. -EPROTO, -ENOMEM: drop it. */
    int (*datagram_read)(struct zu_reader *in, const struct zu_target *from, struct zu_msg *head,
                         const struct zu_options *o);

    /* A transport of reliable multicast has this, and nothing else: multicast.h. */
    const struct zu_carrier *carrier;

    /*
     * A local transport has these, and none of the above. `id` is what the pipes of a connect
     * carry.
     */
    int (*local_bind)(struct zu_socket *s, const char *text);
    int (*local_connect)(struct zu_socket *s, const char *text, uint64_t id);
    int (*local_unbind)(struct zu_socket *s, const char *text); /* -ENOENT */
    /* Any thread. Joins `mine`, an end that is no socket's, as a socket of that type would be, to
     * whoever has bound the text; no water mark holds between them. -ECONNREFUSED: nobody has, or
     * one that has no use for such a peer. -ENOMEM. */
    int (*local_join)(struct zu_ctx *ctx, const char *text, int type,
                      const struct zu_pipe_end *mine, struct zu_pipe **out);
    /* The context ends, and no socket is open: what still waits for a bind is given up. */
    void (*local_term)(struct zu_ctx *ctx);
};

#endif
