/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push: what PUSH and SCATTER have in common: hands work out, one message to each peer in turn.
 * Thread: the one inside the socket. Owner: the state of either type's socket.
 */
#ifndef ZU_PATTERNS_PUSH_H
#define ZU_PATTERNS_PUSH_H

#include "engine/core/socket.h"
#include "patterns/lb.h"

struct zu_push {
    struct zu_lb lb;
};

int zu_push_init(struct zu_socket *s);
void zu_push_fini(struct zu_socket *s);
void zu_push_attach(struct zu_socket *s, struct zu_pipe *p);
void zu_push_readable(struct zu_socket *s, struct zu_pipe *p);
void zu_push_writable(struct zu_socket *s, struct zu_pipe *p);
void zu_push_detach(struct zu_socket *s, struct zu_pipe *p);
int zu_push_send(struct zu_socket *s, struct zu_msg *m);
int zu_push_recv(struct zu_socket *s, struct zu_msg *m);
bool zu_push_has_in(struct zu_socket *s);
bool zu_push_has_out(struct zu_socket *s);

#endif
