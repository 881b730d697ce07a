/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why no change is missed. What a socket has for a poller changes by commands posted to its
 * mailbox, or by a call on it. Laying a tripwire puts the mailbox to a light sleep in one step,
 * which fails when something was posted since the look; a later post ends that sleep and its `wake`
 * touches; a later call finds that the mailbox peeks true, and so ends the sleep itself and touches
 * (zu_socket_end_sleep). A look of the poller does not end it: there is nothing to run, and it
 * would touch itself without end.
 *
 * The list changes only while no post can be inside `wake`, that is, after the sleep has ended.
 */
#include "engine/core/tripwire.h"

#include "engine/core/socket.h"

void zu_tripwires_touch(struct zu_socket *s)
{
    zu_list_each(it, &s->tripwires)
    {
        struct zu_tripwire *t = zu_container_of(it, struct zu_tripwire, link);

        zu_mailbox_post(t->box, &t->touched);
    }
}

void zu_tripwire_begin(struct zu_tripwire *t, struct zu_socket *s)
{
    zu_socket_end_sleep(s);
    if (s->has_fd)
        zu_socket_listen_again(s);
    t->socket = s;
    zu_list_append(&s->tripwires, &t->link);
    zu_mailbox_post(t->box, &t->touched);
}

void zu_tripwire_end(struct zu_tripwire *t)
{
    struct zu_socket *s = t->socket;

    if (!s)
        return;
    if (!zu_ctx_inherited(s->ctx)) /* else nobody is left to end a wake */
        zu_socket_disarm(s);
    zu_list_remove(&t->link);
    t->socket = NULL;
}

int zu_tripwire_look(struct zu_tripwire *t)
{
    struct zu_socket *s = t->socket;

    if (!s)
        return -ENOTSOCK;
    if (zu_ctx_inherited(s->ctx))
        return -ETERM;
    if (zu_mailbox_has(&s->box))
        zu_socket_run_posted(s);
    return s->stopped ? -ETERM : zu_socket_events(s);
}

bool zu_tripwire_lay(struct zu_tripwire *t)
{
    struct zu_socket *s = t->socket;

    if (!s->asleep)
        s->waiter = NULL; /* else it is that of ZMQ_FD, or nobody's already */
    if (!zu_mailbox_sleep_lightly(&s->box))
        return false;
    s->asleep = true;
    return true;
}

void zu_tripwires_close(struct zu_socket *s)
{
    struct zu_list *l;

    if (zu_list_empty(&s->tripwires))
        return;
    zu_socket_end_sleep(s);
    while ((l = zu_list_pop(&s->tripwires))) {
        struct zu_tripwire *t = zu_container_of(l, struct zu_tripwire, link);

        t->socket = NULL;
        zu_mailbox_post(t->box, &t->touched);
    }
}
