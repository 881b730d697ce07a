/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xsub: what SUB and XSUB have in common: the set of what is wanted, telling every publisher of
 * it, and the fair queue of what comes.
 * Thread: the one inside the socket. Owner: the state of either type's socket.
 */
#ifndef ZU_PATTERNS_XSUB_H
#define ZU_PATTERNS_XSUB_H

#include "engine/core/socket.h"
#include "patterns/fan.h"
#include "patterns/fq.h"
#include "patterns/trie.h"

struct zu_xsub {
    struct zu_fq fq;
    struct zu_fan fan;     /* subscriptions, and what an XSUB sends */
    struct zu_trie wanted; /* with counts */
    struct zu_msg held;    /* XSUB: a part sent that waits for the next one; or CLOSED */
    bool held_counts;
    bool sending; /* XSUB: in the middle of a message */
    bool only_first, verbose_cancel;
};

int zu_xsub_init(struct zu_socket *s);
void zu_xsub_fini(struct zu_socket *s);
void zu_xsub_attach(struct zu_socket *s, struct zu_pipe *p);
void zu_xsub_readable(struct zu_socket *s, struct zu_pipe *p);
void zu_xsub_writable(struct zu_socket *s, struct zu_pipe *p);
void zu_xsub_hiccuped(struct zu_socket *s, struct zu_pipe *p);
void zu_xsub_detach(struct zu_socket *s, struct zu_pipe *p);

/* Tells every publisher: flag is ZU_MSG_SUBSCRIBE or ZU_MSG_CANCEL. -ENOMEM: nobody was told. */
int zu_xsub_tell_all(struct zu_socket *s, const void *topic, size_t size, uint8_t flag);

/* ZMQ_TOPICS_COUNT. */
int zu_xsub_get(struct zu_socket *s, int option, void *value, size_t *size);

#endif
