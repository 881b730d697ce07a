/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_socket and what is done with one. Every function checks the handle, calls one inner function,
 * and turns its answer into -1 and errno.
 */
#include "engine/base/err.h"
#include "engine/core/socket.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/uio.h>

static int size_answer(size_t size)
{
    return size > INT_MAX ? INT_MAX : (int)size;
}

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

int zmq_close(void *socket)
{
    int rc = zu_socket_check(socket);

    return zu_return(rc < 0 ? rc : zu_socket_close(socket));
}

int zmq_setsockopt(void *socket, int option, const void *value, size_t size)
{
    int rc = zu_socket_check(socket);

    return zu_return(rc < 0 ? rc : zu_socket_set(socket, option, value, size));
}

int zmq_getsockopt(void *socket, int option, void *value, size_t *size)
{
    int rc = zu_socket_check(socket);

    if (rc == 0 && (!value || !size))
        rc = -EINVAL;
    return zu_return(rc < 0 ? rc : zu_socket_get(socket, option, value, size));
}

int zmq_bind(void *socket, const char *endpoint)
{
    int rc = zu_socket_check(socket);

    return zu_return(rc < 0 ? rc : zu_socket_bind(socket, endpoint));
}

int zmq_connect(void *socket, const char *endpoint)
{
    int rc = zu_socket_check(socket);

    return zu_return(rc < 0 ? rc : zu_socket_connect(socket, endpoint));
}

int zmq_unbind(void *socket, const char *endpoint)
{
    int rc = zu_socket_check(socket);

    return zu_return(rc < 0 ? rc : zu_socket_unbind(socket, endpoint));
}

int zmq_disconnect(void *socket, const char *endpoint)
{
    return zmq_unbind(socket, endpoint);
}

/* ---- sending ---- */

/* Sends *m, which is ours: closed whatever comes of it. The size, or -1. */
static int send_own(void *socket, struct zu_msg *m, int flags)
{
    size_t size = zu_msg_size(m);
    int rc = zu_socket_send(socket, m, flags);

    if (zu_unlikely(rc < 0)) {
        zu_msg_close(m);
        return zu_return(rc);
    }
    return size_answer(size);
}

int zmq_send(void *socket, const void *data, size_t size, int flags)
{
    struct zu_msg m;
    int rc = zu_socket_check(socket);

    if (zu_likely(rc == 0))
        rc = zu_msg_init_copy_from(&m, data, size, &((struct zu_socket *)socket)->slab);
    return rc < 0 ? zu_return(rc) : send_own(socket, &m, flags);
}

int zmq_send_const(void *socket, const void *data, size_t size, int flags)
{
    struct zu_msg m;
    int rc = zu_socket_check(socket);

    if (rc < 0)
        return zu_return(rc);
    zu_msg_init_const(&m, data, size);
    return send_own(socket, &m, flags);
}

int zmq_sendmsg(void *socket, zmq_msg_t *msg, int flags)
{
    return zmq_msg_send(msg, socket, flags);
}

int zmq_sendiov(void *socket, struct iovec *iov, size_t count, int flags)
{
    int rc = zu_socket_check(socket);

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

int zmq_recv(void *socket, void *data, size_t size, int flags)
{
    struct zu_msg m;
    int rc = zu_socket_check(socket);

    if (zu_likely(rc == 0))
        rc = zu_socket_recv(socket, &m, flags);
    if (zu_unlikely(rc < 0))
        return zu_return(rc);
    size_t whole = zu_msg_size(&m), here = ZU_MIN(whole, size);

    if (here)
        memcpy(data, zu_msg_data(&m), here);
    zu_socket_spend(socket, &m);
    return size_answer(whole);
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
    int rc = zu_socket_check(socket);

    if (rc == 0 && (!count || *count == 0 || !iov))
        rc = -EINVAL;
    if (rc < 0)
        return zu_return(rc);
    room = *count;
    *count = 0;
    for (; more && parts < room; parts++, *count = parts) {
        rc = zu_socket_recv(socket, &m, flags);
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
