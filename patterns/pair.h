/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pair: what PAIR and CHANNEL have in common: talks to one peer, the first that comes, until
 * that one goes.
 * Thread: the one inside the socket. Owner: the state of either type's socket.
 */
#ifndef ZU_PATTERNS_PAIR_H
#define ZU_PATTERNS_PAIR_H

#include "engine/core/socket.h"
#include "patterns/fq.h"
#include "patterns/lb.h"

struct zu_pair {
    struct zu_fq fq;
    struct zu_lb lb;
    struct zu_pipes mute; /* came too late */
};

int zu_pair_init(struct zu_socket *s);
void zu_pair_fini(struct zu_socket *s);
void zu_pair_attach(struct zu_socket *s, struct zu_pipe *p);
void zu_pair_readable(struct zu_socket *s, struct zu_pipe *p);
void zu_pair_writable(struct zu_socket *s, struct zu_pipe *p);
void zu_pair_detach(struct zu_socket *s, struct zu_pipe *p);
int zu_pair_send(struct zu_socket *s, struct zu_msg *m);
bool zu_pair_has_out(struct zu_socket *s);

#endif
