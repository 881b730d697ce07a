/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_msg_*: the message functions. A struct that is no message (closed, or never initialised and
 * by luck without the mark) is EFAULT, or empty where no error can be told; it never ends the
 * process.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/base/err.h"
#include "engine/core/joint.h"
#include "engine/core/msg.h"
#include "engine/core/props.h"

#include <string.h>

static struct zu_msg *inside(zmq_msg_t *msg)
{
    return (struct zu_msg *)msg;
}

/* The message, or NULL when it is none. */
static const struct zu_msg *valid(const zmq_msg_t *msg)
{
    const struct zu_msg *m = (const struct zu_msg *)msg;

    return m && zu_msg_valid(m) ? m : NULL;
}

/* ---- begin and end ---- */

int zmq_msg_init(zmq_msg_t *msg)
{
    if (!msg)
        return zu_return(-EFAULT);
    zu_msg_init(inside(msg));
    return 0;
}

static zu_apart int init_elsewhere(zmq_msg_t *msg, size_t size)
{
    return zu_return(zu_msg_init_size_from(inside(msg), size, zu_slab_of_thread()));
}

int zmq_msg_init_size(zmq_msg_t *msg, size_t size)
{
    if (!msg)
        return zu_return(-EFAULT);
    if (size > ZU_MSG_INLINE_MAX)
        return init_elsewhere(msg, size);
    zu_msg_init_as(inside(msg), ZU_MSG_INLINE, size);
    return 0;
}

int zmq_msg_init_buffer(zmq_msg_t *msg, const void *data, size_t size)
{
    if (!msg || (!data && size > 0))
        return zu_return(-EFAULT);
    return zu_return(zu_msg_init_copy_from(inside(msg), data, size, zu_slab_of_thread()));
}

int zmq_msg_init_data(zmq_msg_t *msg, void *data, size_t size, zmq_free_fn *free_fn, void *hint)
{
    if (!msg)
        return zu_return(-EFAULT);
    if (free_fn)
        return zu_return(zu_msg_init_lent(inside(msg), data, size, free_fn, hint));
    zu_msg_init_const(inside(msg), data, size);
    return 0;
}

int zmq_msg_close(zmq_msg_t *msg)
{
    if (!valid(msg))
        return zu_return(-EFAULT);
    zu_msg_close(inside(msg));
    return 0;
}

int zmq_msg_move(zmq_msg_t *to, zmq_msg_t *from)
{
    if (!valid(to) || !valid(from))
        return zu_return(-EFAULT);
    if (to == from)
        return 0;
    zu_msg_close(inside(to));
    zu_msg_take(inside(to), inside(from));
    return 0;
}

int zmq_msg_copy(zmq_msg_t *to, zmq_msg_t *from)
{
    if (!valid(to) || !valid(from))
        return zu_return(-EFAULT);
    if (to == from)
        return 0;
    zu_msg_close(inside(to));
    zu_msg_share(inside(to), inside(from));
    return 0;
}

/* ---- send and receive ---- */

static zu_cold int send_joint(zmq_msg_t *msg, void *socket, int flags)
{
    int rc = zu_joint_check(socket), size;

    if (rc == 0 && !valid(msg))
        rc = -EFAULT;
    if (rc < 0)
        return zu_return(rc);
    size = zu_msg_answer(zu_msg_size(inside(msg)));
    rc = zu_joint_send(socket, inside(msg), flags);
    return rc < 0 ? zu_return(rc) : size;
}

int zmq_msg_send(zmq_msg_t *msg, void *socket, int flags)
{
    if (zu_unlikely(zu_socket_check(socket) < 0))
        return send_joint(msg, socket, flags);
    return zu_return(msg ? zu_socket_send_msg(socket, inside(msg), flags) : -EFAULT);
}

static zu_cold int recv_joint(zmq_msg_t *msg, void *socket, int flags)
{
    struct zu_msg got;
    int rc = zu_joint_check(socket);

    if (rc == 0)
        rc = valid(msg) ? zu_joint_recv(socket, &got, flags) : -EFAULT;
    if (rc < 0)
        return zu_return(rc);
    zu_msg_close(inside(msg));
    *inside(msg) = got;
    return zu_msg_answer(zu_msg_size(&got));
}

int zmq_msg_recv(zmq_msg_t *msg, void *socket, int flags)
{
    if (zu_unlikely(zu_socket_check(socket) < 0))
        return recv_joint(msg, socket, flags);
    return zu_return(msg ? zu_socket_recv_msg(socket, inside(msg), flags) : -EFAULT);
}

/* ---- what is in it ---- */

void *zmq_msg_data(zmq_msg_t *msg)
{
    return valid(msg) ? zu_msg_data(inside(msg)) : NULL;
}

size_t zmq_msg_size(const zmq_msg_t *msg)
{
    const struct zu_msg *m = valid(msg);

    return m ? zu_msg_size(m) : 0;
}

int zmq_msg_more(const zmq_msg_t *msg)
{
    const struct zu_msg *m = valid(msg);

    return m && m->flags & ZU_MSG_MORE;
}

static int source_fd(const struct zu_msg *m)
{
    int fd = m->props ? zu_props_fd(m->props) : -1;

    return fd >= 0 ? fd : -EINVAL;
}

int zmq_msg_get(const zmq_msg_t *msg, int property)
{
    const struct zu_msg *m = valid(msg);

    if (!m)
        return zu_return(-EFAULT);
    switch (property) {
    case ZMQ_MORE: return (m->flags & ZU_MSG_MORE) != 0;
    case ZMQ_SRCFD: return zu_return(source_fd(m));
    case ZMQ_SHARED: return m->kind == ZU_MSG_CONST || m->flags & ZU_MSG_SHARED;
    default: return zu_return(-EINVAL);
    }
}

int zmq_msg_set(zmq_msg_t *msg, int property, int value)
{
    (void)msg;
    (void)property;
    (void)value;
    return zu_return(-EINVAL);
}

const char *zmq_msg_gets(const zmq_msg_t *msg, const char *property)
{
    const struct zu_msg *m = valid(msg);
    const char *text = m && m->props && property ? zu_props_get(m->props, property) : NULL;

    if (!text)
        errno = m ? EINVAL : EFAULT;
    return text;
}

/* ---- what some socket types read and write beside the body ---- */

int zmq_msg_set_routing_id(zmq_msg_t *msg, uint32_t routing_id)
{
    if (!valid(msg))
        return zu_return(-EFAULT);
    if (routing_id == 0)
        return zu_return(-EINVAL);
    inside(msg)->routing_id = routing_id;
    return 0;
}

uint32_t zmq_msg_routing_id(zmq_msg_t *msg)
{
    const struct zu_msg *m = valid(msg);

    return m ? m->routing_id : 0;
}

int zmq_msg_set_group(zmq_msg_t *msg, const char *group)
{
    if (!valid(msg) || !group)
        return zu_return(-EFAULT);
    return zu_return(zu_msg_set_group(inside(msg), group, strnlen(group, ZU_GROUP_MAX)));
}

const char *zmq_msg_group(zmq_msg_t *msg)
{
    const struct zu_msg *m = valid(msg);

    return m ? zu_msg_group(m) : "";
}
