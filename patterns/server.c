/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server: answers any number of CLIENTs, each by its number.
 */
#define ZMQ_BUILD_DRAFT_API
#include "patterns/server.h"

#include "engine/base/random.h"
#include "patterns/patterns.h"
#include "patterns/single.h"

#include <errno.h>

int zu_server_init(struct zu_socket *s)
{
    struct zu_server *self = zu_socket_state(s);

    zu_fq_init(&self->fq);
    zu_map_init(&self->by_number);
    self->last = zu_random_u32();
    return 0;
}

void zu_server_fini(struct zu_socket *s)
{
    struct zu_server *self = zu_socket_state(s);

    zu_fq_fini(&self->fq);
    zu_map_fini(&self->by_number);
}

static uint32_t number_of(const struct zu_pipe *p)
{
    return (uint32_t)(uintptr_t)p->user;
}

static struct zu_pipe *find(const struct zu_server *self, uint32_t number)
{
    return zu_map_get(&self->by_number, &number, sizeof number);
}

/* Gives the pipe a number. -ENOMEM. */
static int give_number(struct zu_server *self, struct zu_pipe *p)
{
    int rc;

    do {
        self->last += self->last == UINT32_MAX ? 2 : 1; /* 0 is no number */
        rc = zu_map_put(&self->by_number, &self->last, sizeof self->last, p);
    } while (rc == -EEXIST);
    if (rc == 0)
        p->user = (void *)(uintptr_t)self->last;
    return rc;
}

void zu_server_attach(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_server *self = zu_socket_state(s);
    int rc = give_number(self, p);

    if (p->dialed)
        self->dialed = rc == 0 ? number_of(p) : 0;
    if (rc < 0 || zu_fq_add(&self->fq, p) < 0) {
        self->dialed = p->dialed ? 0 : self->dialed;
        zu_socket_refuse_pipe(s, p);
    }
}

void zu_server_readable(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_server *self = zu_socket_state(s);

    zu_fq_wake(&self->fq, p);
}

void zu_server_writable(struct zu_socket *s, struct zu_pipe *p)
{
    (void)s, (void)p; /* asked for each message anew */
}

void zu_server_detach(struct zu_socket *s, struct zu_pipe *p)
{
    struct zu_server *self = zu_socket_state(s);
    uint32_t number = number_of(p);

    zu_fq_remove(&self->fq, p);
    if (number)
        zu_map_take(&self->by_number, &number, sizeof number);
    p->user = NULL;
}

int zu_server_send(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_server *self = zu_socket_state(s);
    uint32_t number = m->routing_id;
    struct zu_pipe *to = find(self, number);
    int rc;

    if (!to)
        return -EHOSTUNREACH;
    m->routing_id = 0; /* it says nothing at the other end */
    rc = zu_pipe_write(to, m);
    if (rc == 0)
        zu_pipe_flush(to);
    else
        m->routing_id = number;
    return rc == -EPIPE ? -EHOSTUNREACH : rc;
}

int zu_server_recv(struct zu_socket *s, struct zu_msg *m)
{
    struct zu_server *self = zu_socket_state(s);
    struct zu_pipe *from;
    int rc = zu_single_read(s, &self->fq, m, &from);

    if (rc == 0)
        m->routing_id = number_of(from);
    return rc;
}

bool zu_server_has_in(struct zu_socket *s)
{
    struct zu_server *self = zu_socket_state(s);

    return zu_single_has_in(s, &self->fq);
}

bool zu_server_has_out(struct zu_socket *s)
{
    (void)s;
    return true; /* who has room is known only once there is a message */
}

int zu_server_end_peer(struct zu_socket *s, uint32_t number)
{
    struct zu_server *self = zu_socket_state(s);
    struct zu_pipe *p = find(self, number);

    if (!p)
        return -EHOSTUNREACH;
    zu_socket_close_pipe(s, p);
    return 0;
}

const struct zu_pattern zu_server = {
    .type = ZMQ_SERVER,
    .name = "SERVER",
    .peers = ZU_PEER(ZMQ_CLIENT),
    .joint = true,
    .says_hello = true,
    .hears_loss = true,
    .size = sizeof(struct zu_server),
    .init = zu_server_init,
    .fini = zu_server_fini,
    .attach = zu_server_attach,
    .readable = zu_server_readable,
    .writable = zu_server_writable,
    .detach = zu_server_detach,
    .send = zu_server_send,
    .recv = zu_server_recv,
    .has_in = zu_server_has_in,
    .has_out = zu_server_has_out,
    .end_peer = zu_server_end_peer,
};
