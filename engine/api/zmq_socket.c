/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_socket and what is done with one. Every function checks the handle, calls one inner function,
 * and turns its answer into -1 and errno.
 */
#include "engine/base/err.h"
#include "engine/core/joint.h"

#include <stdlib.h>
#include <sys/uio.h>

void *zmq_socket(void *context, int type)
{
    const struct zu_pattern *pattern;
    struct zu_socket *s;
    int rc = zu_ctx_check(context);

    if (rc < 0 || zu_ctx_inherited(context)) {
        errno = rc < 0 ? -rc : ETERM;
        return NULL;
    }
    pattern = zu_ctx_pattern(context, type);
    rc = pattern ? zu_socket_new(&s, context, pattern) : -EINVAL;
    return zu_return(rc) < 0 ? NULL : s;
}

/* Who still waits for the lock of a joint socket has made a mistake, but the memory is there. */
static int close_joint(struct zu_socket *s)
{
    struct zu_ctx *ctx;
    int rc = zu_joint_enter(s);

    if (rc == -ETERM)
        return zu_socket_close(s); /* a parent's */
    if (rc < 0)
        return rc;
    zu_joint_leave(s); /* after what is due */
    pthread_mutex_lock(&s->lock);
    ctx = s->ctx;
    zu_ctx_begin(ctx); /* it is asked for by the last drop */
    zu_socket_hold(s);
    zu_socket_close(s);
    pthread_mutex_unlock(&s->lock);
    zu_socket_drop(s);
    zu_ctx_end(ctx);
    return 0;
}

int zmq_close(void *socket)
{
    return zu_return(zu_socket_check(socket) < 0 ? close_joint(socket) : zu_socket_close(socket));
}

/* The one call that a function run inside another may make. */
int zmq_getsockopt(void *socket, int option, void *value, size_t *size)
{
    int rc = zu_socket_enter_to_ask(socket);

    if (rc < 0)
        return zu_return(rc);
    rc = value && size ? zu_socket_get(socket, option, value, size) : -EINVAL;
    zu_socket_leave(socket);
    return zu_return(rc);
}

static int on_endpoint(void *socket, const char *endpoint,
                       int (*call)(struct zu_socket *s, const char *endpoint))
{
    int rc = zu_socket_enter(socket);

    if (rc < 0)
        return zu_return(rc);
    rc = call(socket, endpoint);
    zu_socket_leave(socket);
    return zu_return(rc);
}

int zmq_bind(void *socket, const char *endpoint)
{
    return on_endpoint(socket, endpoint, zu_socket_bind);
}

int zmq_connect(void *socket, const char *endpoint)
{
    return on_endpoint(socket, endpoint, zu_socket_connect);
}

int zmq_unbind(void *socket, const char *endpoint)
{
    return on_endpoint(socket, endpoint, zu_socket_unbind);
}

int zmq_disconnect(void *socket, const char *endpoint)
{
    return zmq_unbind(socket, endpoint);
}

/* ---- sending ---- */

/* Sends *m, which is ours: closed whatever comes of it. The size, or -1. */
static int send_own(void *socket, struct zu_msg *m, int flags)
{
    int rc = zu_socket_send_msg(socket, m, flags);

    if (zu_unlikely(rc < 0))
        zu_msg_close(m);
    return zu_return(rc);
}

/* The same for a joint socket, if it is one. */
static zu_cold int send_own_joint(void *socket, struct zu_msg *m, int flags)
{
    size_t size = zu_msg_size(m);
    int rc = zu_joint_send(socket, m, flags);

    zu_msg_close(m);
    return rc < 0 ? zu_return(rc) : zu_msg_answer(size);
}

static zu_cold int send_joint(void *socket, const void *data, size_t size, int flags)
{
    struct zu_msg m;
    int rc = zu_joint_check(socket);

    if (rc == 0)
        rc = zu_msg_init_copy_from(&m, data, size, zu_slab_of_thread());
    return rc < 0 ? zu_return(rc) : send_own_joint(socket, &m, flags);
}

int zmq_send(void *socket, const void *data, size_t size, int flags)
{
    struct zu_msg m;
    int rc;

    if (zu_unlikely(zu_socket_check(socket) < 0))
        return send_joint(socket, data, size, flags);
    rc = zu_msg_init_copy_from(&m, data, size, &((struct zu_socket *)socket)->slab);
    return rc < 0 ? zu_return(rc) : send_own(socket, &m, flags);
}

int zmq_send_const(void *socket, const void *data, size_t size, int flags)
{
    struct zu_msg m;

    zu_msg_init_const(&m, data, size);
    return zu_socket_check(socket) < 0 ? send_own_joint(socket, &m, flags)
                                       : send_own(socket, &m, flags);
}

int zmq_sendmsg(void *socket, zmq_msg_t *msg, int flags)
{
    return zmq_msg_send(msg, socket, flags);
}

static int check_either(const void *socket)
{
    return zu_joint_check(socket);
}

int zmq_sendiov(void *socket, struct iovec *iov, size_t count, int flags)
{
    int rc = check_either(socket);

    if (rc == 0 && (!iov || count == 0))
        rc = -EINVAL;
    if (rc < 0)
        return zu_return(rc);
    for (size_t i = 0; i < count && rc >= 0; i++) {
        int last = i + 1 == count ? flags & ~ZMQ_SNDMORE : flags;

        rc = zmq_send(socket, iov[i].iov_base, iov[i].iov_len, last);
    }
    return rc;
}

/* ---- receiving ---- */

static zu_cold int recv_joint(void *socket, void *data, size_t size, int flags)
{
    struct zu_msg m;
    int rc = zu_joint_recv(socket, &m, flags);

    if (rc < 0)
        return zu_return(rc);
    size_t whole = zu_msg_size(&m), here = ZU_MIN(whole, size);

    if (here)
        memcpy(data, zu_msg_data(&m), here);
    zu_msg_close(&m);
    return zu_msg_answer(whole);
}

int zmq_recv(void *socket, void *data, size_t size, int flags)
{
    struct zu_msg m;
    int rc;

    if (zu_unlikely(zu_socket_check(socket) < 0))
        return recv_joint(socket, data, size, flags);
    rc = zu_socket_recv(socket, &m, flags);
    if (zu_unlikely(rc < 0))
        return zu_return(rc);
    size_t whole = zu_msg_size(&m), here = ZU_MIN(whole, size);

    if (here)
        memcpy(data, zu_msg_data(&m), here);
    zu_socket_spend(socket, &m);
    return zu_msg_answer(whole);
}

int zmq_recvmsg(void *socket, zmq_msg_t *msg, int flags)
{
    return zmq_msg_recv(msg, socket, flags);
}

/* The caller frees the buffers with free(), so they are malloc's. */
int zmq_recviov(void *socket, struct iovec *iov, size_t *count, int flags)
{
    struct zu_msg m;
    size_t room = 0, parts = 0;
    bool more = true;
    int rc = check_either(socket);

    if (rc == 0 && (!count || *count == 0 || !iov))
        rc = -EINVAL;
    if (rc < 0)
        return zu_return(rc);
    room = *count;
    *count = 0;
    for (; more && parts < room; parts++, *count = parts) {
        rc = zu_joint_is(socket) ? zu_joint_recv(socket, &m, flags)
                                 : zu_socket_recv(socket, &m, flags);
        if (rc < 0)
            return zu_return(rc);
        iov[parts].iov_len = zu_msg_size(&m);
        iov[parts].iov_base = malloc(ZU_MAX(iov[parts].iov_len, (size_t)1));
        more = m.flags & ZU_MSG_MORE;
        if (iov[parts].iov_base)
            memcpy(iov[parts].iov_base, zu_msg_data(&m), iov[parts].iov_len);
        zu_msg_close(&m);
        if (!iov[parts].iov_base)
            return zu_return(-ENOMEM);
    }
    return (int)parts;
}
