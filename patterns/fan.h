/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fan: one message to many. The receivers are chosen at its first part and get every part; a large
 * body is shared among them, not copied. A pipe that is full misses the whole message.
 * Thread: the one inside the socket. Owner: embedded by a pattern.
 *
 * For the first part of a message: zu_fan_begin, choose, then zu_fan_send; for the others
 * zu_fan_send alone.
 */
#ifndef ZU_PATTERNS_FAN_H
#define ZU_PATTERNS_FAN_H

#include "patterns/pipes.h"

struct zu_fan {
    struct zu_socket *socket; /* which counts what is dropped */
    struct zu_pipes pipes;
    uint32_t chosen; /* of these, the first get the message; */
    uint32_t ready;  /* and those before here were not found full. chosen <= ready */
    uint32_t missed; /* behind those, so many full ones should have been chosen; or, */
    bool inverted;   /* all full ones but those */
    bool more;       /* in the middle of a message, */
    bool counts;     /* which is no subscription */
    bool refused;    /* a pipe that should have been chosen is full */
    /* Of a stream for many: see fan.c. */
    bool may_share;      /* what counts is all that the pipes are written */
    uint32_t tapped;     /* of the ready, so many are tapped */
    uint64_t room;       /* messages until one of them might be full */
    uint32_t alike;      /* messages in a row that were for as many as this one, */
    uint32_t wait;       /* and how many must have been */
    uint32_t was;        /* chosen, of the last */
    uint64_t shared;     /* messages since the first was tapped */
    struct zu_log *logs; /* one for each loop */
};

void zu_fan_init(struct zu_fan *fan, struct zu_socket *s);
void zu_fan_fini(struct zu_fan *fan);
int zu_fan_add(struct zu_fan *fan, struct zu_pipe *p);     /* -ENOMEM */
void zu_fan_remove(struct zu_fan *fan, struct zu_pipe *p); /* harmless when it is not in */
void zu_fan_wake(struct zu_fan *fan, struct zu_pipe *p);   /* it became writable; the same */

static inline void zu_fan_begin(struct zu_fan *fan)
{
    fan->chosen = fan->missed = 0;
    fan->refused = fan->inverted = false;
}

void zu_fan_choose_full(struct zu_fan *fan, struct zu_pipe *p); /* the rare half */

/* The pipe is in the fan. To be chosen twice is to be chosen. */
static inline void zu_fan_choose(struct zu_fan *fan, struct zu_pipe *p)
{
    uint32_t at = p->at[ZU_PIPES_OUT];

    if (zu_unlikely(at >= fan->ready))
        zu_fan_choose_full(fan, p);
    else if (at >= fan->chosen)
        zu_pipes_swap(&fan->pipes, at, fan->chosen++);
}

void zu_fan_choose_all(struct zu_fan *fan);   /* that were not found full */
void zu_fan_choose_every(struct zu_fan *fan); /* the full ones, too: for what does not count */
void zu_fan_invert(struct zu_fan *fan);       /* those not chosen are, and the other way round */

/* False: one of the chosen has no room; it will be writable. */
bool zu_fan_has_room(struct zu_fan *fan);

/* Takes the part; *m is a valid empty message after. */
void zu_fan_send(struct zu_fan *fan, struct zu_msg *m, bool counts);

/* The pipe gets no more of the message under way. */
void zu_fan_leave_out(struct zu_fan *fan, struct zu_pipe *p);

#endif
