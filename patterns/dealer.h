/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dealer: what DEALER and CLIENT have in common: asks many without turns: the fair queue of
 * what comes, the balance of what goes.
 * Thread: the one inside the socket. Owner: the state of either type's socket.
 */
#ifndef ZU_PATTERNS_DEALER_H
#define ZU_PATTERNS_DEALER_H

#include "engine/core/socket.h"
#include "patterns/fq.h"
#include "patterns/lb.h"

struct zu_dealer {
    struct zu_fq fq;
    struct zu_lb lb;
    bool probe;
};

int zu_dealer_init(struct zu_socket *s);
void zu_dealer_fini(struct zu_socket *s);
void zu_dealer_attach(struct zu_socket *s, struct zu_pipe *p);
void zu_dealer_readable(struct zu_socket *s, struct zu_pipe *p);
void zu_dealer_writable(struct zu_socket *s, struct zu_pipe *p);
void zu_dealer_detach(struct zu_socket *s, struct zu_pipe *p);
int zu_dealer_send(struct zu_socket *s, struct zu_msg *m);
bool zu_dealer_has_out(struct zu_socket *s);

#endif
