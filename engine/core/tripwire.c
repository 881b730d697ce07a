/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why no change is missed. What a socket has for a poller changes by commands posted to its
 * mailbox, or by a call on it. Laying a tripwire puts the mailbox to sleep in one step, which fails
 * when something was posted since the look; a later post ends that sleep and its `wake` touches. A
 * later call finds that the mailbox peeks true, since the sleep is a light one, and so ends the
 * sleep itself and touches (zu_socket_end_sleep). A look of the poller, or of a thread that waits
 * in a call, does not end it: there is nothing to run, and it would touch itself without end.
 *
 * At a socket that is joint by its type the sleep is an ordinary one, or each send would wake who
 * waits to receive. There a send or a receive makes nothing possible that was not, but by commands
 * that it runs, whose post has touched already; all other calls touch at their end
 * (zu_socket_leave). To look and to lay is one step under the socket's lock.
 *
 * The list changes only while no post can be inside `wake`, that is, after the sleep has ended.
 */
#include "engine/core/tripwire.h"

#include "engine/core/joint.h"

#include <errno.h>

static void lock(struct zu_socket *s)
{
    if (s->joint)
        pthread_mutex_lock(&s->lock);
}

static void unlock(struct zu_socket *s)
{
    if (s->joint)
        pthread_mutex_unlock(&s->lock);
}

void zu_tripwires_touch(struct zu_socket *s)
{
    zu_list_each(it, &s->tripwires)
    {
        struct zu_tripwire *t = zu_container_of(it, struct zu_tripwire, link);

        zu_mailbox_post(t->box, &t->touched);
    }
}

static bool lay(struct zu_socket *s)
{
    if (!s->asleep)
        s->waiter = NULL; /* else it is that of ZMQ_FD, or nobody's already */
    if (!(s->pattern->joint ? zu_mailbox_sleep(&s->box) : zu_mailbox_sleep_lightly(&s->box)))
        return false;
    s->asleep = true;
    return true;
}

bool zu_tripwire_lay_held(struct zu_tripwire *t)
{
    return lay(t->socket);
}

/*
 * The sleep ends, without a touch if that can be: who else has a tripwire here must not look again
 * each time another one begins or ends. True: they have to be laid again.
 */
static bool lift(struct zu_socket *s)
{
    bool lain = s->asleep && zu_mailbox_awake(&s->box);

    if (lain)
        s->asleep = false;
    else
        zu_socket_end_sleep(s); /* a post has touched */
    return lain;
}

static void lay_again(struct zu_socket *s, bool lain)
{
    if (s->has_fd)
        zu_socket_listen_again(s); /* may run something, and find itself asleep after */
    if (lain && !zu_list_empty(&s->tripwires) && (s->has_fd || !lay(s)))
        zu_tripwires_touch(s);
}

void zu_tripwire_begin_held(struct zu_tripwire *t, struct zu_socket *s)
{
    bool lain = lift(s);

    t->socket = s;
    zu_list_append(&s->tripwires, &t->link);
    lay_again(s, lain);
    zu_mailbox_post(t->box, &t->touched);
}

void zu_tripwire_begin(struct zu_tripwire *t, struct zu_socket *s)
{
    lock(s);
    zu_tripwire_begin_held(t, s);
    unlock(s);
}

void zu_tripwire_end_held(struct zu_tripwire *t)
{
    struct zu_socket *s = t->socket;
    bool lain = lift(s);

    zu_list_remove(&t->link);
    t->socket = NULL;
    lay_again(s, lain);
}

void zu_tripwire_end(struct zu_tripwire *t)
{
    struct zu_socket *s = t->socket;

    if (!s)
        return;
    if (zu_ctx_inherited(s->ctx)) { /* nobody is left to end a wake, or to give a lock back */
        zu_list_remove(&t->link);
        t->socket = NULL;
        return;
    }
    lock(s);
    zu_tripwire_end_held(t);
    unlock(s);
}

int zu_tripwire_look(struct zu_tripwire *t, int wanted)
{
    struct zu_socket *s = t->socket;
    int rc;

    if (!s)
        return -ENOTSOCK;
    if (zu_ctx_inherited(s->ctx))
        return -ETERM;
    if (zu_unlikely(zu_socket_check(s) < 0) &&
        zu_joint_check(s) == -EFSM) /* from within its ZMQ_MONITOR function */
        return -EFSM;
    lock(s);
    if (zu_mailbox_has(&s->box))
        zu_socket_run_posted(s);
    rc = s->stopped ? -ETERM : zu_socket_events(s) & wanted;
    if (rc == 0 && !lay(s))
        rc = -EAGAIN;
    if (s->joint)
        zu_joint_leave(s);
    return rc;
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
