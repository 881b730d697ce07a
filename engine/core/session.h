/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: one peer of a socket: greeting, handshake, traffic, close. It sits between a pipe and a
 * connected descriptor, has at most one send and one receive in flight, and outlives its
 * connections when a dialer keeps it.
 *
 * The state machine is in session.c, what comes in in session_in.c, what goes out in session_fill.c
 * and session_out.c, the words before the traffic in session_handshake.c, the question to the ZAP
 * handler in session_zap.c, what a tunnel adds in session_tunnel.c, heartbeats in session_beat.c,
 * messages that nobody sent in session_tell.c, those that nobody will get in session_lost.c,
 * WebSockets in session_web.c.
 *
 * Thread: the loop it lives on. Owner: its parent (a dialer or a listener) holds one count, the
 * loop another while it runs.
 */
#ifndef ZU_CORE_SESSION_H
#define ZU_CORE_SESSION_H

#include "engine/core/mechanism.h"
#include "engine/core/socket.h"
#include "engine/core/tunnel.h"
#include "engine/wire/greeting.h"

/* IDLE: no connection. GREETING, HANDSHAKE: words before the traffic (HANDSHAKE also waits for the
 * identity frame of an old peer). ASKING: somebody else has been asked about the peer: the ZAP
 * handler, or an errand is away. ACTIVE: traffic. DRAINING: the socket has let go; what it wrote
 * still goes out. GOODBYE: all is sent and the writing side shut; reading until the peer's end.
 * CLOSING: waiting for the kernel to give back what is in flight. OVER: nothing will happen. */
#define ZU_SESSION_STATES(X)                                                                       \
    X(IDLE) X(GREETING) X(HANDSHAKE) X(ASKING) X(ACTIVE) X(DRAINING) X(GOODBYE) X(CLOSING) X(OVER)

#define ZU_SESSION_STATE(name) ZU_SESSION_##name,
enum zu_session_state { ZU_SESSION_STATES(ZU_SESSION_STATE) };
#undef ZU_SESSION_STATE

/* Why a connection ended. */
enum zu_loss {
    ZU_LOSS_NONE,
    ZU_LOSS_LOCAL,      /* this side wanted it */
    ZU_LOSS_CONNECTION, /* the peer closed, or the line broke */
    ZU_LOSS_TIMEOUT,    /* handshake or heartbeat */
    ZU_LOSS_PROTOCOL,   /* the peer broke the rules: never again */
};

struct zu_origin;
struct zu_session;
struct zu_out;  /* out.h: what is being sent */
struct zu_beat; /* session_beat.c: heartbeats, when there are any */
struct zu_web;  /* web.h: on a WebSocket */

/* Who made the session. Called on the session's loop. */
struct zu_session_parent {
    /* The connection is gone, its descriptor closed. The session is IDLE: it may be started again,
     * or stopped. Only a dialer's session comes to that. */
    void (*lost)(struct zu_session *s, enum zu_loss why);
    /* The session is OVER: all is done. The parent drops its count in time. */
    void (*over)(struct zu_session *s);
    /* It is ACTIVE: whoever is at the other end has come in. Or NULL. */
    void (*met)(struct zu_session *s);
};

struct zu_session {
    _Atomic uint32_t refs;
    uint8_t state;       /* enum zu_session_state */
    uint8_t version;     /* enum zu_zmtp_version, once the greeting is over */
    uint8_t loss;        /* enum zu_loss: why it is CLOSING */
    uint8_t turned_away; /* enum zu_loss: the peer is not let in; what is said still goes out */
    /* These eight stay as they are while messages go to and fro: who sends by hand reads them. */
    bool dialed;
    bool sealed;        /* the traffic is, by the mechanism */
    bool wrapped;       /* sealed, or in a WebSocket's frames: it goes the long way */
    bool handy;         /* callers may send and receive by hand */
    bool raw;           /* bytes as they are: see zu_options */
    bool handshook;     /* this connection got through its handshake */
    bool was_handshook; /* the connection before did */
    bool had_pipe;      /* which ended with its connection */

    struct zu_loop *loop;
    struct zu_kernel *kernel;   /* the connection's: the loop's, or its tunnel's */
    struct zu_tunnel *tunnel;   /* or NULL */
    struct zu_socket *socket;   /* counted */
    struct zu_options *options; /* counted */
    const struct zu_transport *transport;
    const struct zu_session_parent *parent;
    void *parent_self;
    uint64_t endpoint; /* of the zmq_connect; 0: accepted */
    struct zu_pipe *pipe;
    uint64_t bytes_in, bytes_out; /* before there is a pipe, whose meter then has them */
    struct zu_cmd start_cmd, stop_cmd, over_cmd;
    struct zu_cmd give_up_cmd; /* takes a count; one who has come in meanwhile stays */
    struct zu_list stranger;   /* these two are the gate's: see gate.h */
    struct zu_origin *origin;
    bool stop_outright; /* unbind: what is queued to the peer is dropped */
    struct zu_list in_parent;

    /* The connection. */
    int fd;
    uint64_t connection;
    struct zu_op recv_op, send_op;
    bool recv_busy, send_busy;
    bool lingering; /* the socket has let go of the pipe, or was closed */
    bool paused;    /* the pipe to the socket is full: in_msg waits, and reading with it */
    bool send_dead; /* the peer takes nothing any more; what it sent is still read */
    bool eof;
    bool deaf;              /* GOODBYE: what comes is not looked at any more */
    struct zu_timer timer;  /* handshake, then goodbye */
    struct zu_timer linger; /* how long what is queued may take */
    uint64_t goodbye_ms;    /* when a peer that hears no more of us last showed that it is there */
    struct zu_timer retry;  /* memory ran out; try again */
    struct zu_props *props;
    uint32_t props_credit; /* counts on props that no message has yet */

    /* Coming in. */
    struct zu_block *in_block;
    uint8_t *in_at, *in_end;
    struct zu_msg in_msg; /* being filled, or waiting for room; CLOSED: none */
    size_t in_filled;
    int in_expected;      /* what the transport was told to expect */
    bool in_whole;        /* in_msg is complete, and not delivered yet */
    bool in_refused;      /* a message was too large, and in_at is behind what was refused of it */
    bool in_refused_part; /* it was not its last part */
    bool in_wrapped;      /* in_msg is to be unwrapped when it is complete */
    bool in_place;        /* in_msg is received straight into; it has memory behind its body */
    bool large;           /* a part of a large body came last */
    uint8_t in_stash[16]; /* the first bytes of a header */
    uint8_t in_stash_size;
    uint32_t screen_at;
    struct zu_slab *slab; /* for small bodies: the loop's, or that of a caller who receives */

    /* With the pipe's intake. */
    struct zu_watch watch;
    bool near;         /* a caller asked for the intake: it is left to him when nothing is there */
    bool watched;      /* the watch has begun */
    bool lent_out;     /* a caller may sleep in a poll of the descriptor, whoever has the intake */
    bool by_hand;      /* a caller receives, now */
    bool given_up;     /* a caller has left something to be done; */
    int given_res;     /* what his receive said, unless 1; */
    int given_error;   /* what parsing said */
    uint32_t turns;    /* receives of the loop's since a caller last had the intake */
    uint32_t cancels;  /* of receives, to make way for a caller; the kernel may have them still */
    uint64_t heard_ms; /* when a caller last heard something; anyone may look */
    /* A caller who keeps the intake between his calls counts his looks, from 1; 0: nobody does. */
    uint64_t looks, looks_before; /* and what the loop found when it last looked after him */
    struct zu_timer absence;

    /* Going out. */
    struct zu_tap *tap; /* of the pipe, which has it still: what goes out is in a log; or NULL */
    struct zu_out *out;
    struct zu_out *unsent;  /* what a caller could not send; with the pipe's token, as all below */
    uint64_t by_hand_ns;    /* when a caller last sent by itself, */
    uint64_t by_hand_read;  /* how many it had read by then, */
    uint64_t by_hand_heard; /* how often its thread had heard something anywhere, */
    uint32_t by_hand_rest;  /* and how many times it is left to the loop */
    uint32_t zero_copy_min; /* bodies from this size on go without a copy; 0: not known yet */
    uint32_t lent_count;    /* batches that the kernel has, and tells when it needs no more */
    struct zu_later pump_later;
    struct zu_later gathered; /* see session_out.c */
    uint32_t gather_parts;    /* how many are enough */
    uint32_t stream_parts;    /* small ones taken since the pipe was last found empty */
    uint32_t batch_parts;     /* small ones, in the last batch, */
    uint32_t batch_bytes;     /* which was this large */
    uint32_t batch_messages;  /* that count and end in the batch under way */
    uint32_t progress;        /* bytes of batches with large bodies since the writer was told */
    uint64_t lost;            /* messages, with this connection: see session_lost.c */
    bool out_skip_rest;       /* after a reconnect: the rest of a half-sent message */
    bool out_part;            /* the last frame encoded had MORE */

    struct zu_greeting *greeting; /* until the traffic begins */
    const struct zu_mechanism *mechanism;
    struct zu_handshake *handshake;
    struct zu_pipe *zap; /* to the ZAP handler, while it is asked */
    struct zu_beat *beat;
    struct zu_web *web;           /* NULL: ZMTP */
    int loss_error;               /* for events: the errno with which the connection was lost; */
    const char *loss_reason;      /* in words, where its tunnel knows them, else NULL; */
    const char *configured;       /* what zmq_bind or zmq_connect was given, the parent's; */
    char *local_name, *peer_name; /* and what the connection's ends are called, once known */
};

/* A session without a connection and without a pipe. -ENOMEM. */
int zu_session_new(struct zu_session **out, struct zu_loop *loop, struct zu_socket *socket,
                   const struct zu_transport *transport, struct zu_options *options,
                   const struct zu_session_parent *parent, void *parent_self, uint64_t endpoint);
/* Its pipe; the socket's end is the caller's to hand on. -ENOMEM. */
int zu_session_make_pipe(struct zu_session *s, struct zu_pipe **socket_end);
void zu_session_hold(struct zu_session *s);
void zu_session_drop(struct zu_session *s);

/* The session takes fd, connected and admitted, and begins the greeting. `connection` was given its
 * number by the caller, who told of it. */
void zu_session_start(struct zu_session *s, int fd);
/* Ends it: outright (drop what is queued), or by way of the rules of linger. */
void zu_session_stop(struct zu_session *s, bool outright);

/* ---- between the session's files ---- */

/* Until what memory, ours or the kernel's, refused is tried again. */
#define ZU_SESSION_RETRY_MS 10

/* session.c */
void zu_session_fail(struct zu_session *s, enum zu_loss why, int err);  /* the connection goes */
void zu_session_break(struct zu_session *s, enum zu_loss why, int err); /* the same, for what came
                                                                           in: tells more of it */
void zu_session_enter(struct zu_session *s, enum zu_session_state state);
void zu_session_begin(struct zu_session *s); /* the greeting, as bytes may go both ways */
void zu_session_event(struct zu_session *s, uint32_t event, uint64_t value);
void zu_session_observe(struct zu_session *s, struct zu_event *e); /* adds who is concerned */
void zu_session_send_died(struct zu_session *s); /* the peer takes nothing any more */
void zu_session_settle(struct zu_session *s);    /* is DRAINING or CLOSING over? */
static inline bool zu_session_connected(const struct zu_session *s)
{
    return s->state >= ZU_SESSION_GREETING && s->state <= ZU_SESSION_GOODBYE;
}

/* Bytes came, or went; who has the intake counts the ones, who has the token the others. */
static inline void zu_session_count_in(struct zu_session *s, size_t bytes, uint64_t now_ms)
{
    struct zu_pipe *p = s->pipe;

    if (zu_likely(p != NULL))
        zu_count_set(&p->meter.active_ms, now_ms);
    zu_count_lightly(zu_likely(p != NULL) ? &p->meter.bytes_in : &s->bytes_in, bytes);
}

static inline void zu_session_count_out(struct zu_session *s, size_t bytes, uint64_t now_ms)
{
    struct zu_pipe *p = s->pipe;

    if (zu_likely(p != NULL))
        zu_count_set(&p->meter.active_ms, now_ms);
    zu_count_lightly(zu_likely(p != NULL) ? &p->meter.bytes_out : &s->bytes_out, bytes);
}

/* session_in.c */
void zu_session_expect(struct zu_session *s);     /* tells the transport how much is to come, */
void zu_session_expect_any(struct zu_session *s); /* or that any of it counts */
void zu_session_receive(struct zu_session *s);    /* parse what is there, then receive more */
void zu_session_in_reset(struct zu_session *s);
void zu_session_recv_done(struct zu_op *op, int res, uint32_t flags);
/* Of the body that is received in place. */
static inline size_t zu_session_missing(const struct zu_session *s)
{
    return s->in_place ? s->in_msg.big.size - s->in_filled : 0;
}

enum { ZU_SESSION_LONG = 128 * 1024 }; /* when less is missing, the kernel tells of any bytes */
enum { ZU_SESSION_AHEAD = 4096 };      /* what is received together with a large body */
/* Parses what is there. 0: all of it; -EAGAIN: the pipe is full; -EBUSY: a command, which is not
 * for a caller; else the connection must end. */
int zu_session_parse(struct zu_session *s);
void zu_session_begin_recv(struct zu_session *s);
/* `n` bytes have come, into the block or, without one, in place. 0, or what they are worth. */
int zu_session_took(struct zu_session *s, struct zu_block *b, size_t n);
enum zu_loss zu_session_loss_of(int err); /* what an error of these functions means */
struct zu_props *zu_session_lend_props(struct zu_session *s);

/* session_hand.c */
/* True: the intake is left to callers, and watched. Else the loop goes on to receive. */
bool zu_session_leave_intake(struct zu_session *s);
void zu_session_seen(struct zu_watch *w);
void zu_session_asked(struct zu_pipe *p);
/* A caller keeps the intake, BUSY, from here on; or does so no more. */
void zu_session_keep_intake(struct zu_session *s, bool kept);
void zu_session_look_after(struct zu_timer *absence);
void zu_session_claim_intake(struct zu_session *s); /* until zu_session_receive is called */
/* No caller receives, nor will. True: nobody does, and somebody should go on. */
bool zu_session_unwatch(struct zu_session *s);
/* What a caller found: see zu_session_receive_now. */
enum zu_took {
    ZU_TOOK_NOTHING,
    ZU_TOOK_SOME,
    ZU_TOOK_GIVEN_UP, /* the intake is the loop's from now on; something may have come before */
    ZU_TOOK_STREAM,   /* the same: it is better there */
};
/* By hand: on a caller's thread, which has the intake BUSY. Into a slab and a block of his, which
 * may be another one, or none, after. The session is not to be touched once the intake is given
 * up. */
enum zu_took zu_session_receive_now(struct zu_session *s, struct zu_slab *slab,
                                    struct zu_block **b);
void zu_session_return_intake(struct zu_session *s); /* the loop's, until he is asked for it */

/* session_lost.c */
/* So many messages are lost with the connection: counted, and told when it ends. */
void zu_session_lose(struct zu_session *s, uint64_t messages);
bool zu_session_hears_subscriptions(const struct zu_session *s);
/* Does the part, which has come, end a message, and is that no subscription? */
bool zu_session_is_message(const struct zu_session *s, struct zu_msg *m);
void zu_session_lose_batch(struct zu_session *s);  /* what the kernel did not take of it */
void zu_session_lose_unread(struct zu_session *s); /* what was received and not handed on */
void zu_session_tell_lost_messages(struct zu_session *s);

/* session_fill.c */
/* Moves what the socket wrote into the batch. */
int zu_session_fill(struct zu_session *s, struct zu_out *o);
/* One message, ahead of what is in the pipe. 0: it is taken; -ENOBUFS, -ENOMEM. */
int zu_session_encode(struct zu_session *s, struct zu_out *o, struct zu_msg *m);
/* Writes the header of a frame, at most ZU_ZWS_HEADER_MAX bytes; flags: enum zu_frame_flag. */
size_t zu_session_write_head(const struct zu_session *s, uint8_t *at, size_t size, uint8_t flags);
/* Many came since the pipe was last found empty. */
bool zu_session_is_streaming(const struct zu_session *s);

/* session_out.c */
void zu_session_pump(struct zu_session *s); /* encode and send, unless a send is in flight */
void zu_session_pump_soon(struct zu_session *s);
void zu_session_send_now(struct zu_pipe *p); /* the same by a thread that wrote: see zu_token */
void zu_session_claim(struct zu_session *s); /* no such thread is at work, nor will be */
void zu_session_pump_later(struct zu_later *l);
void zu_session_gathered(struct zu_later *l);
void zu_session_send_done(struct zu_op *op, int res, uint32_t flags);
/* Queues bytes ahead of all traffic. -ENOMEM. */
int zu_session_say(struct zu_session *s, const void *bytes, size_t size);
int zu_session_say_first(struct zu_session *s, const void *bytes, size_t size); /* of all */
int zu_session_say_command(struct zu_session *s, const void *body, size_t size);
int zu_session_say_message(struct zu_session *s, struct zu_msg *m); /* on 0 *m is taken */
void zu_session_out_cancel(struct zu_session *s);                   /* what is in flight */
bool zu_session_out_idle(const struct zu_session *s);
void zu_session_out_reset(struct zu_session *s);

/* session_handshake.c */
int zu_session_greet(struct zu_session *s);
/* Takes greeting bytes from in_at. 0: the greeting is over; -EAGAIN; -EPROTO, -ENOMEM. */
int zu_session_hear_greeting(struct zu_session *s);
/* A whole frame of the handshake, borrowed. 0; 1: it is the first of the traffic; -EPROTO. */
int zu_session_hear_handshake(struct zu_session *s, struct zu_msg *m);
int zu_session_begin_traffic(struct zu_session *s);
/* Both sides know what they speak: the mechanism begins, or the identity of a peer without. */
int zu_session_begin_handshake(struct zu_session *s);
void zu_session_forget_handshake(struct zu_session *s);
/* What was sealed in a frame's body is opened in place: how many bytes, the last of it, and their
 * flags. -EPROTO, told; -ENOMEM. */
ssize_t zu_session_open(struct zu_session *s, uint8_t *at, size_t size, uint8_t *flags);
/* The ZAP handler has answered: 200, or 400 or 500. 0, or what ends the connection. */
int zu_session_answered(struct zu_session *s, int status);
/* The peer is not let in: tells why, and ends the connection once all is sent that was said. */
void zu_session_turn_away(struct zu_session *s, enum zu_loss why, uint32_t event, uint64_t value);
int zu_session_make_props(struct zu_session *s, struct zu_props **out);
void zu_session_notify(struct zu_session *s); /* STREAM: a connection came, or went */

/* session_tell.c: messages that nobody sent; one that finds no memory is not told */
void zu_session_tell_hello(struct zu_session *s); /* the peer: a connection came */
void zu_session_tell_met(struct zu_session *s);   /* the application: the same */
void zu_session_tell_lost(struct zu_session *s);  /* the application: it went */

/* session_zap.c */
/* 0: the ZAP handler is asked. -ECONNREFUSED: nobody handles it. -EBUSY: he has as many questions
 * as he may have. -ENOMEM. */
int zu_session_ask(struct zu_session *s, const struct zu_question *q);
void zu_session_ask_stop(struct zu_session *s);

/* session_tunnel.c: of a session whose bytes go through one */
void zu_session_tunnel_start(struct zu_session *s);  /* and then the greeting */
void zu_session_tunnel_finish(struct zu_session *s); /* ends our side, and the descriptor's */
void zu_session_tunnel_end(struct zu_session *s);    /* nothing is in flight: it goes */
void zu_session_tunnel_failed(struct zu_session *s, int res); /* a receive did */

/* session_beat.c */
int zu_session_beat_start(struct zu_session *s);
void zu_session_beat_stop(struct zu_session *s);
void zu_session_beat_heard(struct zu_session *s);
/* A command frame amid the traffic. 0: done with; 1: *m is now an item for the socket; -EPROTO. */
int zu_session_hear_command(struct zu_session *s, struct zu_msg *m);

#endif
