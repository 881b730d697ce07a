/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipe: a conversation between a socket and a session, or between two sockets (inproc): two queues
 * and two ends. Each end belongs to one owner (a socket, or a session on its loop) and is touched
 * only by the owner's thread. Water marks are counted here, as libzmq counts them.
 *
 * The end of a pipe, one way:
 *   1. zu_pipe_close (a): nothing more is written or read at end a; its owner forgets it at once.
 *      What was written stays readable at b.
 *   2. b can no longer write (zu_pipe_can_write is false); it reads what is left.
 *   3. When nothing is left, b's owner hears `ended` once, must call zu_pipe_close (b) in it, and
 *      forgets it. It may hear it from within a read, which then says that nothing is there.
 * The memory goes with the last of: both ends closed, no command of the pipe under way.
 */
#ifndef ZU_CORE_PIPE_H
#define ZU_CORE_PIPE_H

#include "engine/base/list.h"
#include "engine/base/mailbox.h"
#include "engine/core/log.h"
#include "engine/core/meter.h"
#include "engine/core/queue.h"

#include <errno.h>

struct zu_pipe;

/* What the owner of an end is told, always on its own thread, from its mailbox or from a read. */
struct zu_pipe_sink {
    void (*attached)(struct zu_pipe *p); /* the other side handed this end over; see below */
    void (*readable)(struct zu_pipe *p); /* was empty; now zu_pipe_can_read may say true */
    void (*writable)(struct zu_pipe *p); /* was full; now there is room */
    void (*hiccuped)(struct zu_pipe *p); /* the peer behind it is a new one: subscribe again */
    void (*ended)(struct zu_pipe *p);    /* see above */
    void (*closing)(struct zu_pipe *p);  /* the other end closed; items may be left. Or NULL */
    /* On the thread at the other end, which has the token: it does the reader's work; then it calls
     * zu_pipe_leave or zu_pipe_give_up. Or NULL. */
    void (*work)(struct zu_pipe *p);
    /* A caller asks for the intake, or has given it up with something to be done. Or NULL. */
    void (*asked)(struct zu_pipe *p);
    /* Both ends are closed, and no command will reach them any more; so many messages to or from
     * this end were never read. From any thread. Or NULL. */
    void (*left)(struct zu_pipe *p, uint64_t messages);
    void (*released)(struct zu_pipe *p); /* the same, last of all */
};

/*
 * Who works an end that belongs to a loop. While there is nothing to do for it the loop leaves the
 * token, and a thread that writes into the pipe may take it and do the work by itself instead of
 * waking the loop. LOOP for ever where that is not wanted.
 */
enum zu_token {
    ZU_TOKEN_LOOP,
    ZU_TOKEN_FREE,   /* and the reader is asleep */
    ZU_TOKEN_CALLER, /* for a few microseconds: what it does does not block */
};

/*
 * Who receives for an end that belongs to a loop. While nothing is there to be received the loop
 * leaves the intake, watching; a caller who waits may take it, and look for himself. LOOP for ever
 * where nobody asked.
 */
enum zu_intake {
    ZU_INTAKE_LOOP,
    ZU_INTAKE_FREE, /* and watched */
    ZU_INTAKE_HELD, /* a caller waits, and watches by himself: any thread may take it from him */
    ZU_INTAKE_BUSY, /* he receives, for a few microseconds */
};

struct zu_pipe {
    /* One line, and all of it that most messages touch: with many pipes each line is waited for. */
    alignas(ZU_CACHE_LINE) struct zu_queue *in;
    struct zu_queue *out;
    uint64_t write_until;  /* meter.written up to which nobody need be asked for room */
    uint64_t next_ack;     /* meter.read at which the writer is told */
    uint64_t peer_read;    /* what the writer last knew of meter.read at the other end */
    bool writing_part;     /* the last item written had MORE */
    bool peer_gone;        /* the other end closed */
    bool ended;            /* and there is nothing left to read */
    bool closed;           /* this end closed */
    struct zu_meter meter; /* what anyone may look at; only the beginning is in the line */

    /* Set by who makes the pipe, before the other end's owner sees it. */
    const struct zu_pipe_sink *sink;
    void *owner;                      /* the socket or session */
    _Atomic(struct zu_mailbox *) box; /* the owner's; or a closed one until it is adopted */

    /* The owner's own, free to use. */
    void *user;         /* a session's or a pattern's record for this end */
    struct zu_list all; /* in the socket's list of pipes; a session's: of those that are ending */
    uint32_t at[3];     /* a pattern's indexes: fair queue, load balance, fan */
    uint8_t *id;        /* peer's routing id, counted bytes, of the pattern; or NULL */
    uint8_t id_size;
    bool local;               /* the other end is a socket's too: inproc */
    bool by_hand;             /* who writes here does the reader's work, if he can: see zu_token */
    bool dialed;              /* made by a zmq_connect of this owner, */
    bool redialed;            /* after one whose connection has ended */
    bool terminated;          /* pattern's mark */
    bool may_tap;             /* the session there sends plain frames, and can from a log */
    bool takes_all;           /* every message: nobody there can join or subscribe */
    uint32_t rest, rest_next; /* waits in which its intake is not asked for: by_hand.c */
    uint32_t ahead_rest, ahead_rest_next; /* sends that do not wait for the reader: socket_io.c */
    uint64_t endpoint; /* of the socket's end: which zmq_connect it came from; 0: accepted */
    /* Of a socket's end, by the session at the other: see zu_socket_name_peer. */
    char *local_name, *peer_name;       /* as events have them; or NULL */
    char *peer_address;                 /* where that is another one */
    char *bound_name;                   /* what zmq_bind was given, where local_name is another */
    uint64_t connection;                /* 0: none at the moment */
    uint64_t last_connection;           /* or what there was */
    uint64_t connects;                  /* how many there were */
    uint64_t drops_told, drops_told_ms; /* of meter.dropped, and when */

    /* What is written is in a log, for as long as there is a tap: see zu_pipe_tap. */
    struct zu_tap *tap;
    uint64_t tapped_at; /* log->messages then, */
    struct zu_log *log; /* of the tap, or the last one: it is the socket's */

    /* pipe.c's own. */
    struct zu_pipe *peer;
    struct zu_pipe_pair *pair;
    _Atomic uint32_t token; /* enum zu_token */
    uint32_t in_limit;      /* the water mark that next_ack was worked out from */
    struct zu_cmd attach_cmd, readable_cmd, writable_cmd, hiccup_cmd, ended_cmd;
};

/* What zu_pipe_new needs to know of one end. All zero but for the water marks: nobody's yet. */
struct zu_pipe_end {
    const struct zu_pipe_sink *sink;
    void *owner;
    struct zu_mailbox *box;
    int in_hwm, out_hwm; /* messages it adds to the limit of either queue; 0: no limit at all;
                            ZU_PIPE_NO_HWM: adds nothing */
    bool latest_only_in; /* conflate what this end reads */
};

#define ZU_PIPE_NO_HWM (-1)

/* Two open ends; one that belongs to a loop is the second. A queue's limit is what its writer and
 * its reader add to it. -ENOMEM. */
int zu_pipe_new(struct zu_pipe *ends[2], const struct zu_pipe_end spec[2]);

/*
 * Posts the end to its owner, who hears `attached`. By the thread that made the pipe and holds the
 * other end. -EPIPE: the owner is closing; then the end is already closed, and `ended` follows.
 */
int zu_pipe_hand_over(struct zu_pipe *p);

/*
 * The end was nobody's (an inproc connect that waits for its bind) and is `spec`'s from now on.
 * What was written meanwhile is there to be read; the owner looks at once. By one thread, once.
 */
void zu_pipe_adopt(struct zu_pipe *p, const struct zu_pipe_end *spec);

/* For an end that is nobody's yet. Looks at the first item without ending anything; false: none. */
bool zu_pipe_peek_only(struct zu_pipe *p, struct zu_msg *m);
/* The other end closed and left nothing but, perhaps, its routing id. */
bool zu_pipe_abandoned(struct zu_pipe *p);

/* The rare halves of the functions below. */
bool zu_pipe_found_empty(struct zu_pipe *p);
void zu_pipe_acknowledge(struct zu_pipe *p);
bool zu_pipe_find_room(struct zu_pipe *p);
int zu_pipe_write_slow(struct zu_pipe *p, struct zu_msg *m);
void zu_pipe_wake_reader(struct zu_pipe *p);
/* Such at the end of a call that answers `answer`, and need not save a register for them. */
int zu_pipe_acknowledge_last(struct zu_pipe *p, int answer);
int zu_pipe_wake_reader_last(struct zu_pipe *p, int answer); /* after zu_queue_publish said true */

/* Reading. False with nothing unread; when the pipe is also over, `ended` was called before. */
static inline bool zu_pipe_can_read(struct zu_pipe *p)
{
    return zu_likely(!p->closed && zu_queue_ready(p->in)) || zu_pipe_found_empty(p);
}

/* For who looks again by himself: no `readable` comes, unless zu_pipe_wake_at is asked for it. */
static inline bool zu_pipe_has(struct zu_pipe *p)
{
    return !p->closed && zu_queue_has(p->in);
}

/* After zu_pipe_has said false: `readable` comes when `count` parts are there, or never. */
static inline void zu_pipe_wake_at(struct zu_pipe *p, uint32_t count)
{
    zu_queue_wake_at(p->in, count);
}

static inline void zu_pipe_count_read(struct zu_pipe *p, uint64_t messages)
{
    uint64_t read = p->meter.read + messages;

    zu_count_set(&p->meter.read, read);
    if (zu_unlikely(read >= p->next_ack))
        zu_pipe_acknowledge(p);
}

/* 0: *m (uninitialised before) is the next part. -EAGAIN: nothing now. */
static inline int zu_pipe_read(struct zu_pipe *p, struct zu_msg *m)
{
    if (!zu_pipe_can_read(p))
        return -EAGAIN;
    zu_queue_read(p->in, m);
    if (!(m->flags & (ZU_MSG_MORE | ZU_MSG_UNCOUNTED)))
        zu_pipe_count_read(p, 1);
    if (zu_unlikely(m->flags & ZU_MSG_UNCOUNTED))
        m->flags &= (uint8_t)~ZU_MSG_UNCOUNTED;
    return 0;
}

/* True: the next part is a whole message that lies at hand. False: zu_pipe_read has to find out. */
static inline bool zu_pipe_is_easy(const struct zu_pipe *p)
{
    return !p->closed && p->in->known > 0 && zu_item_is_plain(*p->in->head_at, ZU_MSG_SHARED);
}

/* Takes it, if it is. */
static inline bool zu_pipe_take(struct zu_pipe *p, struct zu_msg *m)
{
    if (!zu_pipe_is_easy(p))
        return false;
    zu_queue_take(p->in, m);
    zu_pipe_count_read(p, 1);
    return true;
}

/* Takes what is known to be easy, at the end of a call that answers the size of it. */
static zu_inline int zu_pipe_take_last(struct zu_pipe *p, struct zu_msg *m)
{
    struct zu_queue *q = p->in;
    int size = zu_msg_answer(zu_item_size(*q->head_at));
    uint64_t read = p->meter.read + 1;

    zu_queue_take(q, m);
    zu_count_set(&p->meter.read, read);
    return zu_likely(read < p->next_ack) ? size : zu_pipe_acknowledge_last(p, size);
}

/*
 * After zu_pipe_can_read said true: see zu_queue_run. The first `parts` of them, which end at `at`,
 * are taken, with `messages` last parts that count among them; what they held is the caller's.
 */
static inline const uint64_t *zu_pipe_run(struct zu_pipe *p, size_t *count)
{
    return zu_queue_run(p->in, count);
}

static inline void zu_pipe_take_run(struct zu_pipe *p, const uint64_t *at, size_t parts,
                                    size_t messages)
{
    zu_queue_take_run(p->in, at, parts);
    zu_pipe_count_read(p, messages);
}

/* What the next part is, in *m; the pipe has it still. False: nothing now. */
bool zu_pipe_peek(struct zu_pipe *p, struct zu_msg *m);
/* Reads and closes the rest of the message whose first parts were read. */
void zu_pipe_skip_rest(struct zu_pipe *p);
/* How many parts are there now. Who reads no more than that comes to an end, however fast the other
 * end writes; what is left then is for zu_pipe_read_later. */
uint64_t zu_pipe_count(const struct zu_pipe *p);
/* Reads and closes everything that is there now; how many messages that count it was. */
uint64_t zu_pipe_drain(struct zu_pipe *p);
/* For who stops reading before the end: unless the pipe is empty by now, `readable` comes once
 * more, from the owner's mailbox. */
void zu_pipe_read_later(struct zu_pipe *p);

/* Writing. Room for a message; true also in the middle of one. */
static inline bool zu_pipe_can_write(struct zu_pipe *p)
{
    return zu_likely(p->meter.written < p->write_until) || zu_pipe_find_room(p);
}

static inline void zu_pipe_wrote(struct zu_pipe *p, bool more)
{
    if (zu_unlikely(p->writing_part != more))
        p->writing_part = more;
    zu_count_lightly(&p->meter.written, !more);
}

/* True: the struct was taken, *m is not touched. False: zu_pipe_write has to find out. `more` is
 * what its flags say. */
static inline bool zu_pipe_put(struct zu_pipe *p, const struct zu_msg *m, bool more)
{
    if (zu_unlikely(p->meter.written >= p->write_until || !zu_queue_put(p->out, m, !more)))
        return false;
    zu_pipe_wrote(p, more);
    return true;
}

/* The same of a message that many get, each with a count that the caller has for it. */
static inline bool zu_pipe_put_packed(struct zu_pipe *p, const struct zu_packed *m)
{
    if (zu_unlikely(p->meter.written >= p->write_until || !zu_queue_put_packed(p->out, m)))
        return false;
    zu_pipe_wrote(p, m->more);
    return true;
}

/* Asks for the memory that writing will touch: see zu_queue_fetch. */
static inline void zu_pipe_fetch(const struct zu_pipe *p)
{
    __builtin_prefetch(&p->out, 1);
}

/*
 * 0: the part was taken (*m is a valid empty message after). -EAGAIN: full; `writable` will come.
 * -EPIPE: the other end is closed. -ENOMEM. On error *m is untouched.
 */
static inline int zu_pipe_write(struct zu_pipe *p, struct zu_msg *m)
{
    if (zu_unlikely(!zu_pipe_put(p, m, m->flags & ZU_MSG_MORE)))
        return zu_pipe_write_slow(p, m);
    zu_msg_init(m);
    return 0;
}

/*
 * Many at once: items may be written from here on while they begin before *end, and with them the
 * last parts of at most `*messages`. Those that were are told to zu_pipe_fill, twice where the last
 * of them are parts of a message that is not complete.
 */
static inline uint64_t *zu_pipe_room(const struct zu_pipe *p, uint64_t **end, uint64_t *messages)
{
    uint64_t written = p->meter.written;

    *messages = written < p->write_until ? p->write_until - written : 0;
    return zu_queue_room(p->out, end);
}

static inline void zu_pipe_fill(struct zu_pipe *p, uint64_t *at, size_t parts, size_t messages)
{
    if (parts == 0)
        return;
    zu_queue_wrote(p->out, at, parts, messages > 0);
    p->writing_part = messages == 0;
    zu_count(&p->meter.written, messages);
}

/* The owner, a loop: nobody else works this end from now on. It may have to wait for a caller. */
void zu_pipe_claim(struct zu_pipe *p);
/* Who has the token, when the reader is asleep: it is anybody's. */
void zu_pipe_leave(struct zu_pipe *p);
/* A caller, with work left: it is the loop's. */
void zu_pipe_give_up(struct zu_pipe *p);
/* A caller: what he writes from here on comes behind all that he has posted to the loop. */
void zu_pipe_fall_in(struct zu_pipe *p);

/*
 * The intake of a session's end. A caller: from FREE or HELD to BUSY; false: it is not so. Puts
 * what it is from now on; who had it BUSY, and its loop. Asks the loop for it, or to look after it,
 * which is put before.
 */
bool zu_pipe_take_intake(struct zu_pipe *p, enum zu_intake from, enum zu_intake to);
void zu_pipe_put_intake(struct zu_pipe *p, enum zu_intake to);
/* A caller: BUSY from FREE or HELD, also by another caller, who is waited for while he is BUSY.
 * False: it is the loop's. */
bool zu_pipe_seize_intake(struct zu_pipe *p);
/* For who waits with an intake: the pipe stays in memory until it is dropped. */
void zu_pipe_hold(struct zu_pipe *p);
void zu_pipe_drop(struct zu_pipe *p);
enum zu_intake zu_pipe_intake(const struct zu_pipe *p); /* to who is not its loop, a hint */
void zu_pipe_ask_intake(struct zu_pipe *p);
/* The loop: if it is FREE it is LOOP from now on. A caller who is BUSY is waited for. */
bool zu_pipe_claim_free_intake(struct zu_pipe *p);
/* The loop: it is LOOP from now on. It may have to wait for a caller who is BUSY. */
void zu_pipe_claim_intake(struct zu_pipe *p);

/*
 * For who is not to be far ahead of the reader, whatever the water mark is: how many messages lie
 * before it, a little late; and a wish: `writable` comes when the reader next tells of progress.
 */
static inline uint64_t zu_pipe_ahead(const struct zu_pipe *p)
{
    return p->meter.written - zu_count_read(&p->peer->meter.read);
}
void zu_pipe_ask_progress(struct zu_pipe *p);
void zu_pipe_tell_progress(struct zu_pipe *p);

/* As zu_pipe_write, but no water mark refuses it and it does not count: subscriptions, ids. */
int zu_pipe_write_uncounted(struct zu_pipe *p, struct zu_msg *m);
/* What this end wants to read last when the other one closes, once. Takes m, a heap block. */
void zu_pipe_ask_farewell(struct zu_pipe *p, struct zu_msg *m);
/* Takes back the parts of a message whose last part was not written. */
void zu_pipe_rollback(struct zu_pipe *p);
/* Lets the other end see whole messages written so far. */
static zu_inline void zu_pipe_flush(struct zu_pipe *p)
{
    if (zu_queue_flush(p->out))
        zu_pipe_wake_reader(p);
}

/* The same at the end of a call that has just put a whole message. */
static zu_inline int zu_pipe_flush_last(struct zu_pipe *p, int answer)
{
    return zu_queue_publish(p->out) ? zu_pipe_wake_reader_last(p, answer) : answer;
}

/*
 * A writer to many, one whose pipe may be tapped: what it writes from here on is in the log, which
 * is of the reader's loop, and nothing is written into the pipe, nor is it closed, until it is
 * untapped. Both with the lock of those who ask for numbers. -ENOMEM: nothing has changed.
 */
bool zu_pipe_may_tap(const struct zu_pipe *p);
int zu_pipe_tap(struct zu_pipe *p, struct zu_log *log);
void zu_pipe_untap(struct zu_pipe *p);
struct zu_mailbox *zu_pipe_peer_box(const struct zu_pipe *p);
/* For how many more messages there is room, of one that is tapped. */
uint64_t zu_pipe_tap_room(struct zu_pipe *p);
/* Messages that count, written so far; by the owner, or who asks for numbers, with the lock. */
static inline uint64_t zu_pipe_written(const struct zu_pipe *p)
{
    uint64_t written = zu_count_read(&p->meter.written);

    return p->tap ? written + zu_count_read(&p->log->messages) - p->tapped_at : written;
}

/* Reader. The next item is a tap, which it has still; or NULL. */
static inline struct zu_tap *zu_pipe_next_tap(const struct zu_pipe *p)
{
    const struct zu_queue *q = p->in;

    if (zu_likely(q->known == 0 || !(zu_item_flags(*q->head_at) & ZU_MSG_TAP)))
        return NULL;
    return (struct zu_tap *)(uintptr_t)zu_item_body(q->head_at);
}

/* Messages that went out, and that came in, and are not acknowledged yet; a moment old. */
void zu_pipe_depths(const struct zu_pipe *p, uint64_t *out, uint64_t *in);

/* New water marks for an open pipe, from this end's owner: what this end reads, what it writes. */
void zu_pipe_set_hwms(struct zu_pipe *p, int in_hwm, int out_hwm);

/* Tells the other end that its peer is a new one. */
void zu_pipe_hiccup(struct zu_pipe *p);

/*
 * Ends this end, see above; rolls an unfinished message back. `linger_ms`, for a session's end at
 * the other side: how long it may keep sending (-1: for ever; 0: drop what was written;
 * ZU_LINGER_ANEW: the connection is to end now, and a dialed one to come back with another pipe).
 */
#define ZU_LINGER_ANEW (-2)
void zu_pipe_close(struct zu_pipe *p, int linger_ms);
/* What the other end said in its zu_pipe_close. Valid once peer_gone. */
int zu_pipe_linger(const struct zu_pipe *p);

#endif
