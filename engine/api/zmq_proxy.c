/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_proxy: carries messages between two sockets, with the public calls only, as any program
 * could.
 *
 * A message is taken from one side only while the other has room for it, so no send of a first part
 * blocks, the control socket is heard while a side is full, and what the full side cannot take
 * stays where it is. And a side is not asked for input while the other has no room for what is
 * known to wait there: such a poll would return at once, again and again.
 */
#include "engine/base/err.h"

#include <stdbool.h>
#include <string.h>

#define BURST_MAX 1000 /* messages one way before the other way and the control have their turn */

struct side {
    void *socket;
    uint64_t received, received_bytes, sent, sent_bytes; /* messages, not parts */
};

struct way {
    struct side *from, *to;
    bool waiting; /* `from` has something, `to` had no room */
};

struct proxy {
    struct side front, back;
    struct way there, back_again;
    bool one_socket; /* front and back are the same: only one way */
    void *capture, *control;
    int control_type;
    bool paused, terminated;
};

/* ---- sockets ---- */

static int get_int(void *socket, int option, int *value)
{
    size_t size = sizeof *value;

    return zmq_getsockopt(socket, option, value, &size);
}

/* ---- messages ---- */

/* A copy, which shares the body; the message itself goes on. */
static int capture_part(struct proxy *p, zmq_msg_t *part, int flags)
{
    zmq_msg_t copy;
    int rc;

    if (!p->capture)
        return 0;
    zmq_msg_init(&copy);
    rc = zmq_msg_copy(&copy, part);
    if (rc == 0)
        rc = zmq_msg_send(&copy, p->capture, flags);
    zmq_msg_close(&copy);
    return rc < 0 ? -1 : 0;
}

/* One part, which was received into `part`, goes on. 1: more follow; 0: that was the last. */
static int carry_part(struct proxy *p, struct way *w, zmq_msg_t *part)
{
    int more = zmq_msg_more(part), flags = more ? ZMQ_SNDMORE : 0;
    size_t size = zmq_msg_size(part);

    if (capture_part(p, part, flags) < 0 || zmq_msg_send(part, w->to->socket, flags) < 0)
        return -1;
    w->from->received_bytes += size;
    w->to->sent_bytes += size;
    return more;
}

/* A whole message. 1: carried; 0: there is none. */
static int carry_message(struct proxy *p, struct way *w)
{
    zmq_msg_t part;
    int rc;

    zmq_msg_init(&part);
    rc = zmq_msg_recv(&part, w->from->socket, ZMQ_DONTWAIT);
    if (rc < 0) {
        zmq_msg_close(&part);
        return errno == EAGAIN ? 0 : -1;
    }
    while ((rc = carry_part(p, w, &part)) > 0)
        if ((rc = zmq_msg_recv(&part, w->from->socket, 0)) < 0)
            break;
    zmq_msg_close(&part);
    if (rc < 0)
        return -1;
    w->from->received++;
    w->to->sent++;
    return 1;
}

/* As many as there are, as there is room for, and as is fair. */
static int carry(struct proxy *p, struct way *w)
{
    int events, rc = 1;

    w->waiting = false;
    if (get_int(w->from->socket, ZMQ_EVENTS, &events) < 0)
        return -1;
    if (!(events & ZMQ_POLLIN))
        return 0;
    for (int i = 0; i < BURST_MAX && rc > 0; i++) {
        if (get_int(w->to->socket, ZMQ_EVENTS, &events) < 0)
            return -1;
        /* A socket that answers itself may have room only once it has received: REP. */
        if (!p->one_socket && !(events & ZMQ_POLLOUT)) {
            w->waiting = true;
            return 0;
        }
        rc = carry_message(p, w);
    }
    return rc < 0 ? -1 : 0;
}

/* ---- control ---- */

/* The command's text, and the whole message is read. Text of several parts is none we know. */
static int read_command(struct proxy *p, char *text, size_t size)
{
    int more = 0, rc = zmq_recv(p->control, text, size - 1, ZMQ_DONTWAIT);
    bool known = rc >= 0 && (size_t)rc < size;

    if (rc < 0)
        return -1;
    text[known ? rc : 0] = '\0';
    while (get_int(p->control, ZMQ_RCVMORE, &more) == 0 && more) {
        text[0] = '\0';
        if (zmq_recv(p->control, NULL, 0, 0) < 0)
            return -1;
    }
    return more ? -1 : 0; /* more: the question itself failed */
}

static int send_statistics(struct proxy *p)
{
    const struct side *f = &p->front, *b = p->one_socket ? &p->front : &p->back;
    const uint64_t numbers[8] = {f->received, f->received_bytes, f->sent, f->sent_bytes,
                                 b->received, b->received_bytes, b->sent, b->sent_bytes};

    for (int i = 0; i < 8; i++)
        if (zmq_send(p->control, &numbers[i], sizeof numbers[i], i < 7 ? ZMQ_SNDMORE : 0) < 0)
            return -1;
    return 0;
}

static int obey(struct proxy *p)
{
    char text[16];

    if (read_command(p, text, sizeof text) < 0)
        return errno == EAGAIN ? 0 : -1;
    if (strcmp(text, "STATISTICS") == 0)
        return send_statistics(p);
    if (strcmp(text, "PAUSE") == 0)
        p->paused = true;
    else if (strcmp(text, "RESUME") == 0)
        p->paused = false;
    else if (strcmp(text, "TERMINATE") == 0)
        p->terminated = true;
    /* A REP would hear nothing more before it has answered, whatever it was asked. */
    if (p->control_type == ZMQ_REP && zmq_send(p->control, "", 0, 0) < 0)
        return -1;
    return 0;
}

/* ---- the loop ---- */

/* Room where a message waits for it, else input. A paused proxy asks for nothing but ETERM. */
static int wait_for_work(struct proxy *p, bool *command)
{
    const struct way *t = &p->there, *b = &p->back_again;
    zmq_pollitem_t items[3] = {{.socket = p->front.socket},
                               {.socket = p->back.socket},
                               {.socket = p->control, .events = ZMQ_POLLIN}};

    if (!p->paused && p->one_socket) {
        items[0].events = ZMQ_POLLIN;
    } else if (!p->paused) {
        items[0].events = (short)((t->waiting ? 0 : ZMQ_POLLIN) | (b->waiting ? ZMQ_POLLOUT : 0));
        items[1].events = (short)((b->waiting ? 0 : ZMQ_POLLIN) | (t->waiting ? ZMQ_POLLOUT : 0));
    }
    if (zmq_poll(items, p->control ? 3 : 2, -1) < 0)
        return -1;
    *command = items[2].revents != 0;
    return 0;
}

static int run_proxy(struct proxy *p)
{
    bool command;

    while (!p->terminated) {
        command = false;
        if (wait_for_work(p, &command) < 0 || (command && obey(p) < 0))
            return -1;
        if (p->paused || p->terminated)
            continue;
        if (carry(p, &p->there) < 0 || (!p->one_socket && carry(p, &p->back_again) < 0))
            return -1;
    }
    return 0;
}

int zmq_proxy_steerable(void *frontend, void *backend, void *capture, void *control)
{
    struct proxy p = {.front.socket = frontend,
                      .back.socket = backend,
                      .one_socket = frontend == backend,
                      .capture = capture,
                      .control = control};

    if (!frontend || !backend)
        return zu_return(-EFAULT);
    if (control && get_int(control, ZMQ_TYPE, &p.control_type) < 0)
        return -1;
    p.there = (struct way){.from = &p.front, .to = p.one_socket ? &p.front : &p.back};
    p.back_again = (struct way){.from = &p.back, .to = &p.front};
    return run_proxy(&p);
}

int zmq_proxy(void *frontend, void *backend, void *capture)
{
    return zmq_proxy_steerable(frontend, backend, capture, NULL);
}

int zmq_device(int type, void *frontend, void *backend)
{
    (void)type; /* the sockets' own types decide */
    return zmq_proxy(frontend, backend, NULL);
}
