/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server: what SERVER and PEER have in common: each peer has a number, which a message from it
 * brings and a message to it has to have. Numbers are never 0, and not used twice while they are in
 * use.
 * Thread: the one inside the socket. Owner: the state of either type's socket.
 */
#ifndef ZU_PATTERNS_SERVER_H
#define ZU_PATTERNS_SERVER_H

#include "engine/base/map.h"
#include "engine/core/socket.h"
#include "patterns/fq.h"

struct zu_server {
    struct zu_fq fq;
    struct zu_map by_number; /* pipe->user has it, too */
    uint32_t last;           /* given */
    uint32_t dialed;         /* the last one given to a peer that was dialed; 0: refused */
};

int zu_server_init(struct zu_socket *s);
void zu_server_fini(struct zu_socket *s);
void zu_server_attach(struct zu_socket *s, struct zu_pipe *p);
void zu_server_readable(struct zu_socket *s, struct zu_pipe *p);
void zu_server_writable(struct zu_socket *s, struct zu_pipe *p);
void zu_server_detach(struct zu_socket *s, struct zu_pipe *p);
int zu_server_send(struct zu_socket *s, struct zu_msg *m);
int zu_server_recv(struct zu_socket *s, struct zu_msg *m);
bool zu_server_has_in(struct zu_socket *s);
bool zu_server_has_out(struct zu_socket *s);
int zu_server_end_peer(struct zu_socket *s, uint32_t number);

#endif
