/* SPDX-License-Identifier: Apache-2.0 */
/*
 * by hand: a thread that waits for messages of sockets with few connections receives them itself.
 * For as long as the call lasts it holds the intakes (pipe.h) of those that are free; what comes is
 * parsed by the session's own code, on this thread, and written into the pipe as ever, so that the
 * socket finds it as if a loop had done it. What is not free, or turns out to be anything but lone
 * messages, is the loops'.
 *
 *     zu_hands_init(&h);
 *     zu_hands_add(&h, socket);            for each socket
 *     if (h.count) {
 *         zu_hands_begin(&h, NULL);
 *         do
 *             came = zu_hands_look(&h) || something was posted;
 *         while (!came && zu_hands_spin(&h, deadline_ns));
 *         if (!came) { sleep, with h.fds and the mask h.mask; zu_hands_look(&h); }
 *         zu_hands_end(&h);
 *     }
 *
 * Who asks again and again without waiting keeps the intakes between his calls. While he does the
 * loop looks every other millisecond whether he still comes.
 *
 * A socket that threads share (joint.h) gives its intakes to one thread at a time, whose they are
 * until he ends, and whose `hands` of it nobody else touches. To take them he has its lock, and to
 * ask without waiting; to look, to spin and to give them back he needs none.
 *
 * A signal that comes meanwhile waits: it ends the sleep, or is handled at the end. A handler that
 * ran amid the spin would be forgotten by the time of the sleep.
 *
 * Thread: the sockets'. Owner: the call.
 */
#ifndef ZU_CORE_BY_HAND_H
#define ZU_CORE_BY_HAND_H

#include "engine/core/socket.h"

#include <poll.h>
#include <signal.h>

enum { ZU_HANDS_MAX = 4 };

struct zu_hands {
    uint32_t count;
    struct zu_pipe *ends[ZU_HANDS_MAX]; /* sessions', HELD */
    struct pollfd fds[ZU_HANDS_MAX];
    struct zu_socket *first;               /* whose spins are learnt from; NULL: it has gone */
    struct zu_socket *joint[ZU_HANDS_MAX]; /* which are ours alone, and held */
    uint32_t joint_count;
    int spin_us; /* as the first one's option says, which another thread may change */
    uint32_t looks;
    struct zu_block *block;
    uint64_t start_ns;
    sigset_t before;      /* the thread's signal mask, */
    const sigset_t *mask; /* and that with which it sleeps; NULL: it has not begun */
};

/* Pipes came or went: with few of them a lone message is sent by who wrote it. */
void zu_hands_settle(struct zu_socket *s);

void zu_hands_init(struct zu_hands *h);
/* Takes what is free of the socket's, and asks for what is not. */
void zu_hands_add(struct zu_hands *h, struct zu_socket *s);
/* Of the spins with what is in the hands, if anything is. */
void zu_hands_learn_from(struct zu_hands *h, struct zu_socket *s);
/* Is there anything to wait by hand for? Also none, by who never sleeps. */
static inline bool zu_hands_are_of_use(const struct zu_hands *h)
{
    return h->count > 0 || (h->first && h->spin_us < 0);
}
void zu_hands_begin(struct zu_hands *h, const sigset_t *mask); /* NULL: the thread's own */
static inline bool zu_hands_have_begun(const struct zu_hands *h)
{
    return h->mask != NULL;
}
/* Receives what is there. True: something came, or an intake went. */
bool zu_hands_look(struct zu_hands *h);
/* True: another look is worth its time. */
bool zu_hands_spin(struct zu_hands *h, uint64_t deadline_ns);
/* The intakes are free again, and watched; there are none in the hands. Then it does nothing. */
void zu_hands_end(struct zu_hands *h);

/* How often the calling thread has heard something by hand, of any socket. */
uint64_t zu_hands_heard(void);

/* For a call that does not wait and has found nothing. True: something has come. */
bool zu_hands_ask(struct zu_socket *s);
/* What such calls have kept is free again. */
void zu_hands_release(struct zu_socket *s);
/* Something was posted to the loops that what is sent and received from here on must not overtake:
 * it is theirs, until they have seen to that. */
void zu_hands_fall_in(struct zu_socket *s);

#endif
