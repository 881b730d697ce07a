/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pull: what PULL and GATHER have in common: takes one message from each peer in turn.
 * Thread: the one inside the socket. Owner: the state of either type's socket.
 */
#ifndef ZU_PATTERNS_PULL_H
#define ZU_PATTERNS_PULL_H

#include "engine/core/socket.h"
#include "patterns/fq.h"

struct zu_pull {
    struct zu_fq fq;
};

int zu_pull_init(struct zu_socket *s);
void zu_pull_fini(struct zu_socket *s);
void zu_pull_attach(struct zu_socket *s, struct zu_pipe *p);
void zu_pull_readable(struct zu_socket *s, struct zu_pipe *p);
void zu_pull_writable(struct zu_socket *s, struct zu_pipe *p);
void zu_pull_detach(struct zu_socket *s, struct zu_pipe *p);
int zu_pull_send(struct zu_socket *s, struct zu_msg *m);
bool zu_pull_has_out(struct zu_socket *s);

#endif
