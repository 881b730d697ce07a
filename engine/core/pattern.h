/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern: CONTRACT: what a socket type must provide: which pipe a message goes to, which one the
 * next comes from, and what is in order when.
 * Thread: all of it runs on the thread that is inside a call on the socket.
 */
#ifndef ZU_CORE_PATTERN_H
#define ZU_CORE_PATTERN_H

#include "engine/core/pipe.h"

struct zu_socket;

struct zu_pattern {
    int type;         /* ZMQ_PAIR ... */
    const char *name; /* Socket-Type in the handshake */
    uint32_t peers;   /* bit n: type n may be at the other end */
    bool sends_id;    /* READY carries Identity: REQ, DEALER, ROUTER */
    bool wants_id;    /* the first item of each pipe is the peer's routing id (ZU_MSG_ID) */
    bool joint;       /* several threads may use a socket of it; it knows no parts */
    bool says_hello;  /* ZMQ_HELLO_MSG counts */
    bool hears_loss, hears_hiccup, hears_peers; /* ZMQ_DISCONNECT_MSG; _HICCUP_MSG; ROUTER_NOTIFY */
    bool subscribes;                            /* SUB, XSUB: a reconnect hiccups the pipe */
    bool conflates_in,
        conflates_out; /* ZMQ_CONFLATE keeps the newest of what comes; of what goes */
    bool once;         /* a second zmq_connect to the same text does nothing: DEALER SUB PUB REQ */
    bool no_linger;    /* ZMQ_LINGER starts at 0 */
    size_t size;       /* of the state, zeroed, at zu_socket_state (s) */

    int (*init)(struct zu_socket *s);  /* may be NULL; -ENOMEM */
    void (*fini)(struct zu_socket *s); /* all pipes are gone; may be NULL */

    /*
     * A new pipe, ready for use. `dialed` is in the pipe. A pattern that will not have it closes it
     * (zu_socket_close_pipe) or leaves it alone for ever; one that has no memory for it, now or
     * later, refuses it (zu_socket_refuse_pipe).
     */
    void (*attach)(struct zu_socket *s, struct zu_pipe *p);
    void (*readable)(struct zu_socket *s, struct zu_pipe *p);
    void (*writable)(struct zu_socket *s, struct zu_pipe *p);
    void (*hiccuped)(struct zu_socket *s, struct zu_pipe *p); /* may be NULL */
    /* The pipe goes after this call, whoever ended it: forget it. Unread items go with it. */
    void (*detach)(struct zu_socket *s, struct zu_pipe *p);

    /*
     * One part. 0: taken, *m is a valid empty message. -EAGAIN: not now. -EFSM, -EHOSTUNREACH,
     * -ENOTSUP, -EINVAL, -ENOMEM. On error *m is the caller's still, untouched.
     */
    int (*send)(struct zu_socket *s, struct zu_msg *m);
    /* One part into *m (uninitialised before). -EAGAIN: nothing now (and *m stays worthless). */
    int (*recv)(struct zu_socket *s, struct zu_msg *m);
    /* zmq_msg_send and zmq_msg_recv as a whole: see zu_socket_send_msg. May be NULL: only where a
     * message that is as most are can be dealt with in one piece of code; any other is for
     * zu_socket_send_any and zu_socket_recv_any. */
    int (*send_msg)(struct zu_socket *s, struct zu_msg *m, int flags);
    int (*recv_msg)(struct zu_socket *s, struct zu_msg *m, int flags);
    bool (*has_in)(struct zu_socket *s);
    bool (*has_out)(struct zu_socket *s);

    /* The peer of that routing id; NULL: none. NULL, the function: not for this type. */
    struct zu_pipe *(*peer)(struct zu_socket *s, const void *id, size_t size);
    /* zmq_socket_get_peer_state: ZMQ_POLLOUT or 0; -EHOSTUNREACH. NULL: not for this type. */
    int (*peer_state)(struct zu_socket *s, const void *id, size_t size);

    /* zmq_join, zmq_leave: -EINVAL: twice, or not joined; -ENOMEM. NULL: not for this type. */
    int (*join)(struct zu_socket *s, const char *group, size_t size);
    int (*leave)(struct zu_socket *s, const char *group, size_t size);
    /* The number of the peer that the socket's last zmq_connect made; zmq_disconnect_peer:
     * -EHOSTUNREACH. NULL: not for this type. */
    uint32_t (*dialed_peer)(struct zu_socket *s);
    int (*end_peer)(struct zu_socket *s, uint32_t id);

    /* -EINVAL: not an option of this type; then the common ones are tried. May be NULL. */
    int (*set)(struct zu_socket *s, int option, const void *value, size_t size);
    int (*get)(struct zu_socket *s, int option, void *value, size_t *size);

    /*
     * For sessions, on their loop: is this item, received from a peer, in order for the type? `at`
     * is the session's own memory for it, 0 at the start of each connection. -EPROTO ends the
     * connection. May be NULL: everything is. (REQ: an optional id, a delimiter, a body.)
     */
    int (*screen)(uint32_t *at, const struct zu_msg *m);
};

#endif
