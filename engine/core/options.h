/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options: what can be set on a socket. A socket owns one set; endpoints share it as it was at
 * their zmq_bind or zmq_connect (copy on write), so a set that more than one holds never changes.
 * Thread: the owner's while it holds it alone; read by any after. Owner: counted.
 */
#ifndef ZU_CORE_OPTIONS_H
#define ZU_CORE_OPTIONS_H

#include "engine/base/base.h"

#include <sys/types.h>

enum { ZU_SPIN_US = 100, ZU_SPIN_MAX_US = 1000000 }; /* see ZURING_SPIN in zuring.h */

struct zu_cidr {    /* one ZMQ_TCP_ACCEPT_FILTER */
    uint8_t family; /* AF_INET, AF_INET6 */
    uint8_t bits;
    uint8_t addr[16];
};

struct zu_words { /* a body; data NULL: none */
    uint8_t *data;
    size_t size;
};

struct zu_text { /* of 0 to 255 bytes of any kind, and a NUL behind them */
    uint8_t size;
    char bytes[256];
};

struct zu_security { /* what most sockets never set */
    struct zu_text zap_domain;
    struct zu_text plain_username;
    uint8_t curve_public_key[32], curve_server_key[32];
};

struct zu_kerberos { /* ZMQ_GSSAPI_*PRINCIPAL*: names, and of which of ZMQ_GSSAPI_NT_* */
    struct zu_text principal, service;
    int principal_type, service_type;
};

struct zu_keys { /* in memory for secrets */
    uint8_t curve_secret_key[32];
    struct zu_text plain_password;
};

/* Certificates: options_tls.c. Once shared it changes no more, but for the two that are prepared,
 * which the socket's thread makes before anybody else may look for them. */
struct zu_tls {
    _Atomic uint32_t refs;
    bool trust_system, insecure, client_certificate;
    char *key; /* a text in memory for secrets; all four may be NULL */
    char *certificate, *trust, *hostname;
    void *dialing, *accepting; /* what the transport made of it for zmq_connect, and for zmq_bind */
    void (*unprepare)(void *prepared);
};

struct zu_options {
    _Atomic uint32_t refs;
    int type; /* of the socket: ZMQ_PAIR ... */

    uint64_t affinity;
    int sndhwm, rcvhwm;
    int linger; /* ms; -1 for ever */
    int sndtimeo, rcvtimeo;
    int reconnect_ivl, reconnect_ivl_max;
    int backlog;
    int64_t maxmsgsize; /* negative: no limit */
    bool ipv6, immediate, conflate, invert_matching;
    int handshake_ivl;
    int heartbeat_ivl, heartbeat_timeout; /* ms; timeout -1: as ivl */
    int heartbeat_ttl;                    /* tenths of a second */
    int connect_timeout;
    int multicast_hops, rate, recovery_ivl, multicast_maxtpdu; /* kept for the asking */
    bool multicast_loop, loopback_fastpath;                    /* these, too */
    int norm_mode, norm_buffer_size, norm_segment_size;
    int norm_block_size, norm_num_parity, norm_num_autoparity;
    bool norm_unicast_nack, norm_push;

    /* Kernel sockets. */
    int sndbuf, rcvbuf;
    int tos, priority;
    int busy_poll; /* microseconds */
    int keepalive, keepalive_cnt, keepalive_idle, keepalive_intvl;
    int tcp_maxrt;
    int zero_copy_min; /* bytes; 0 and less: never */
    int spin_us;       /* -1: for ever */
    int use_fd;
    char bind_device[17];
    char *socks_proxy; /* host:port, or NULL */
    char *socks_username, *socks_password;
    struct zu_cidr *accept_filters;
    size_t accept_filter_count;
    uid_t *filter_uids;
    gid_t *filter_gids;
    pid_t *filter_pids;
    size_t filter_uid_count, filter_gid_count, filter_pid_count;

    /* What peers, and applications, are told of connections. */
    struct zu_text *routing_id;                /* or NULL: see zu_options_routing_id */
    struct zu_words hello, disconnect, hiccup; /* ZMQ_HELLO_MSG and its kind */
    struct zu_words metadata;                  /* ZMQ_METADATA, as READY carries it */
    int router_notify;                         /* ZMQ_NOTIFY_* bits */
    /* Security. */
    int mechanism;  /* ZMQ_NULL ... */
    bool as_server; /* of the mechanism, whoever binds */
    bool zap_enforce_domain;
    bool gssapi_plaintext;
    int handshakes_max, connections_per_address; /* of a bind; 0: no limit */
    struct zu_security *security;                /* or NULL: see zu_options_security */
    struct zu_keys *keys;                        /* or NULL: see zu_options_keys */
    struct zu_kerberos *kerberos;                /* or NULL: see zu_options_kerberos */
    struct zu_tls *tls;                          /* or NULL */

    int reconnect_stop;      /* ZMQ_RECONNECT_STOP_* bits */
    int in_batch, out_batch; /* bytes; what a raw socket hands out at most in one part */
    bool raw;                /* bytes as they are, no ZMTP: STREAM, and ZMQ_ROUTER_RAW */
};

struct zu_options *zu_options_new(int type); /* defaults for the type; one count; NULL: no memory */
void zu_options_hold(struct zu_options *o);
void zu_options_drop(struct zu_options *o);

/* Does the address (16 bytes for AF_INET6, 4 for AF_INET) lie in the block? A mapped IPv4 address
 * counts as the IPv4 address that it is. */
bool zu_cidr_match(const struct zu_cidr *block, int family, const void *addr);

/*
 * Sets one of the options that every socket type has. When someone else holds *o too, it is copied
 * first and *o replaced. -EINVAL: unknown number, wrong length, out of range; -ENOMEM. A failing
 * call changes nothing.
 */
int zu_options_set(struct zu_options **o, int option, const void *value, size_t size);

/*
 * Answers what needs no socket (not RCVMORE, FD, EVENTS, LAST_ENDPOINT). By libzmq's rules for
 * *size: see the table's general rules.
 */
int zu_options_get(const struct zu_options *o, int option, void *value, size_t *size);

/* options_told.c: the same for what is told. -EINVAL: none of these. */
const struct zu_text *zu_options_routing_id(const struct zu_options *o); /* of no bytes: unset */
int zu_options_set_told(struct zu_options *o, int option, const void *value, size_t size);
bool zu_options_copy_told(struct zu_options *to, const struct zu_options *from); /* false: memory */
void zu_options_free_told(struct zu_options *o);
/* options_security.c: the same for mechanisms and ZAP. -EINVAL: none of these. */
int zu_options_set_security(struct zu_options *o, int option, const void *value, size_t size);
int zu_options_get_security(const struct zu_options *o, int option, void *value, size_t *size);
bool zu_options_copy_security(struct zu_options *to, const struct zu_options *from);
void zu_options_free_security(struct zu_options *o);
/* Zeros where none were set. */
const struct zu_security *zu_options_security(const struct zu_options *o);
const struct zu_keys *zu_options_keys(const struct zu_options *o);
const struct zu_kerberos *zu_options_kerberos(const struct zu_options *o);

/* options_tls.c: the same for TLS, where this build has it. */
int zu_options_set_tls(struct zu_options *o, int option, const void *value, size_t size);
int zu_options_get_tls(const struct zu_options *o, int option, void *value, size_t *size);
void zu_options_share_tls(struct zu_options *to, const struct zu_options *from);
void zu_options_free_tls(struct zu_options *o);

/* The rules for answers, for those who answer the other options. -EINVAL: the buffer is small. */
int zu_answer_int(int v, void *value, size_t *size);      /* *size must be 4 */
int zu_answer_int_wide(int v, void *value, size_t *size); /* *size at least 4; cleared, becomes 4 */
int zu_answer_text(const char *text, void *value, size_t *size);
int zu_answer_bytes(const void *bytes, size_t n, void *value, size_t *size);
/* The rules for values given. */
int zu_given_int(int *v, const void *value, size_t size);   /* exactly 4 */
int zu_given_flag(bool *v, const void *value, size_t size); /* an int of 0 or more */

#endif
