/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names are the context's, under its lock. A connect to a bound name makes a pipe and hands its
 * other end to the binder. A connect that comes first makes the pipe all the same, with an end that
 * is nobody's: the connecter writes into it up to its own water mark, and the bind adopts it.
 *
 * Where a side wants to know its peer's routing id, the first item of the pipe tells it. A
 * connecter that comes first cannot know and always tells; a binder that does not care drops it.
 */
#include "transports/inproc.h"

#include "engine/base/alloc.h"
#include "engine/core/socket.h"

#include <errno.h>

struct bound {
    struct zu_socket *socket;
    struct zu_options *options; /* as they were at the bind; counted */
};

/* A connect that waits for its bind, on ctx->connecting. */
struct pending {
    struct zu_list link;
    struct zu_pipe *far; /* the end that is nobody's */
    bool wants_id;
    char name[];
};

static struct zu_pipe_end end_of(struct zu_socket *s, const struct zu_options *o, bool latest_only)
{
    return (struct zu_pipe_end){.sink = zu_socket_sink(),
                                .owner = s,
                                .box = &s->box,
                                .in_hwm = o->rcvhwm,
                                .out_hwm = o->sndhwm,
                                .latest_only_in = latest_only};
}

static int write_id(struct zu_pipe *p, const struct zu_options *o)
{
    const struct zu_text *id = zu_options_routing_id(o);
    struct zu_msg m;
    int rc = zu_msg_init_copy(&m, id->bytes, id->size);

    if (rc < 0)
        return rc;
    m.flags |= ZU_MSG_ID;
    rc = zu_pipe_write_uncounted(p, &m);
    zu_msg_close(&m);
    return rc;
}

/*
 * What a side tells: its hello, to be read first; and what a binder wants to hear when the
 * connecter goes. What finds no memory is not told.
 */
static void write_hello(struct zu_pipe *p, const struct zu_socket *s, const struct zu_options *o)
{
    struct zu_msg m;

    if (!o->hello.data || !s->pattern->says_hello ||
        zu_msg_init_copy(&m, o->hello.data, o->hello.size) < 0)
        return;
    zu_pipe_write_uncounted(p, &m);
    zu_msg_close(&m);
}

static void ask_farewell(struct zu_pipe *p, const struct zu_socket *binder,
                         const struct zu_options *o)
{
    struct zu_msg *m;

    if (!o->disconnect.data || !binder->pattern->hears_loss || !(m = zu_alloc(sizeof *m)))
        return;
    if (zu_msg_init_copy(m, o->disconnect.data, o->disconnect.size) == 0)
        zu_pipe_ask_farewell(p, m);
    else
        zu_free(m);
}

/* Does a message from the one to the other replace the one that waits? Either side may want it. */
static bool latest_only(const struct zu_socket *from, const struct zu_options *from_options,
                        const struct zu_socket *to, const struct zu_options *to_options)
{
    return (from && from_options->conflate && from->pattern->conflates_out) ||
           (to && to_options->conflate && to->pattern->conflates_in);
}

/* ---- bind ---- */

/* The lock is held. */
static void adopt(struct zu_socket *s, struct pending *w)
{
    struct zu_pipe_end mine = end_of(s, s->options, false);
    struct zu_msg id;

    zu_list_remove(&w->link);
    if (zu_pipe_abandoned(w->far)) {
        zu_pipe_close(w->far, 0);
        zu_free(w);
        return;
    }
    zu_socket_hold(s); /* the pipe's */
    zu_pipe_adopt(w->far, &mine);
    if (w->wants_id)
        write_id(w->far, s->options);
    write_hello(w->far, s, s->options);
    ask_farewell(w->far, s, s->options);
    zu_pipe_flush(w->far);
    if (!s->pattern->wants_id && zu_pipe_peek_only(w->far, &id) && (id.flags & ZU_MSG_ID) &&
        zu_pipe_read(w->far, &id) == 0)
        zu_msg_close(&id);
    zu_socket_adopt(s, w->far);
    zu_free(w);
}

static int inproc_bind(struct zu_socket *s, const char *name)
{
    struct zu_ctx *ctx = s->ctx;
    struct bound *b = zu_alloc(sizeof *b);
    int rc;

    if (!b)
        return -ENOMEM;
    *b = (struct bound){s, s->options};
    pthread_mutex_lock(&ctx->lock);
    rc = zu_map_put(&ctx->names, name, strlen(name), b);
    if (rc == 0) {
        zu_options_hold(b->options);
        zu_list_each(it, &ctx->connecting)
        {
            struct pending *w = zu_container_of(it, struct pending, link);

            if (strcmp(w->name, name) == 0)
                adopt(s, w);
        }
    }
    pthread_mutex_unlock(&ctx->lock);
    if (rc < 0)
        zu_free(b);
    return rc == -EEXIST ? -EADDRINUSE : rc;
}

static int inproc_unbind(struct zu_socket *s, const char *name)
{
    struct zu_ctx *ctx = s->ctx;
    struct bound *b;

    pthread_mutex_lock(&ctx->lock);
    b = zu_map_get(&ctx->names, name, strlen(name));
    if (b && b->socket == s)
        zu_map_take(&ctx->names, name, strlen(name));
    else
        b = NULL;
    pthread_mutex_unlock(&ctx->lock);
    if (!b)
        return -ENOENT;
    zu_options_drop(b->options);
    zu_free(b);
    return 0;
}

/* ---- connect ---- */

/* Before anything is written. Either end's application writes to the other's: they wait for each
 * other a moment, unless they have to share one CPU. */
static void make_local(const struct zu_ctx *ctx, struct zu_pipe *ends[2])
{
    for (int i = 0; i < 2; i++) {
        ends[i]->local = true;
        ends[i]->in->patient = !ctx->one_cpu;
        if (!ends[i]->in->latest_only && zu_barrier_ready())
            zu_queue_make_light(ends[i]->in);
    }
}

/* The lock is held, so the binder cannot be on its way out. */
static int join(struct zu_socket *s, struct bound *b, struct zu_pipe **mine)
{
    struct zu_socket *peer = b->socket;
    bool latest_only_there = latest_only(s, s->options, peer, b->options);
    bool latest_only_back = latest_only(peer, b->options, s, s->options);
    struct zu_pipe_end spec[2] = {end_of(s, s->options, latest_only_back),
                                  end_of(peer, b->options, latest_only_there)};
    struct zu_pipe *ends[2];
    int rc = zu_pipe_new(ends, spec);

    if (rc < 0)
        return rc;
    make_local(s->ctx, ends);
    zu_socket_hold(s);
    zu_socket_hold(peer);
    if (peer->pattern->wants_id && !latest_only_there)
        rc = write_id(ends[0], s->options);
    if (rc == 0 && s->pattern->wants_id && !latest_only_back)
        rc = write_id(ends[1], b->options);
    if (rc < 0) {
        zu_pipe_close(ends[1], 0);
        zu_pipe_close(ends[0], 0);
        return rc;
    }
    write_hello(ends[0], s, s->options);
    write_hello(ends[1], peer, b->options);
    ask_farewell(ends[1], peer, b->options);
    zu_pipe_flush(ends[1]);
    zu_pipe_hand_over(ends[1]);
    zu_pipe_flush(ends[0]);
    *mine = ends[0];
    return 0;
}

/* Those whose connecter has left and written nothing will never matter to anyone. */
static void sweep(struct zu_ctx *ctx)
{
    zu_list_each(it, &ctx->connecting)
    {
        struct pending *w = zu_container_of(it, struct pending, link);

        if (!zu_pipe_abandoned(w->far))
            continue;
        zu_list_remove(&w->link);
        zu_pipe_close(w->far, 0);
        zu_free(w);
    }
}

static int wait_for_bind(struct zu_socket *s, const char *name, struct zu_pipe **mine)
{
    size_t size = strlen(name) + 1;
    struct pending *w = zu_alloc(sizeof *w + size);
    bool latest_only_there = latest_only(s, s->options, NULL, NULL);
    struct zu_pipe_end spec[2] = {
        end_of(s, s->options, latest_only(NULL, NULL, s, s->options)),
        {.in_hwm = ZU_PIPE_NO_HWM, .out_hwm = ZU_PIPE_NO_HWM, .latest_only_in = latest_only_there}};
    struct zu_pipe *ends[2];
    int rc = -ENOMEM;

    if (!w)
        return rc;
    memcpy(w->name, name, size);
    rc = zu_pipe_new(ends, spec);
    if (rc < 0) {
        zu_free(w);
        return rc;
    }
    make_local(s->ctx, ends);
    zu_socket_hold(s);
    rc = latest_only_there ? 0 : write_id(ends[0], s->options);
    if (rc < 0) {
        zu_pipe_close(ends[1], 0);
        zu_pipe_close(ends[0], 0);
        zu_free(w);
        return rc;
    }
    write_hello(ends[0], s, s->options);
    zu_pipe_flush(ends[0]);
    w->far = ends[1];
    w->wants_id = s->pattern->wants_id;
    sweep(s->ctx);
    zu_list_append(&s->ctx->connecting, &w->link);
    *mine = ends[0];
    return 0;
}

static int inproc_connect(struct zu_socket *s, const char *name, uint64_t id)
{
    struct zu_ctx *ctx = s->ctx;
    struct zu_pipe *mine = NULL;
    struct bound *b;
    int rc;

    pthread_mutex_lock(&ctx->lock);
    b = zu_map_get(&ctx->names, name, strlen(name));
    rc = b ? join(s, b, &mine) : wait_for_bind(s, name, &mine);
    pthread_mutex_unlock(&ctx->lock);
    if (rc < 0)
        return rc;
    mine->endpoint = id;
    mine->dialed = true;
    s->refused = false;
    zu_socket_adopt(s, mine);
    return s->refused ? -ENOMEM : 0;
}

/* The lock is held. */
static int join_stranger(struct bound *b, const struct zu_pipe_end *mine, struct zu_pipe **out)
{
    struct zu_socket *peer = b->socket;
    struct zu_pipe_end spec[2] = {*mine, end_of(peer, b->options, false)};
    struct zu_pipe *ends[2];
    int rc;

    spec[1].in_hwm = spec[1].out_hwm = 0;
    rc = zu_pipe_new(ends, spec);
    if (rc < 0)
        return rc;
    zu_socket_hold(peer);
    if (peer->pattern->wants_id)
        rc = write_id(ends[0], &(struct zu_options){0});
    if (rc < 0) {
        zu_pipe_close(ends[1], 0);
        zu_pipe_close(ends[0], 0);
        return rc;
    }
    zu_pipe_flush(ends[0]);
    zu_pipe_hand_over(ends[1]);
    *out = ends[0];
    return 0;
}

static int inproc_join(struct zu_ctx *ctx, const char *name, int type,
                       const struct zu_pipe_end *mine, struct zu_pipe **out)
{
    struct bound *b;
    int rc = -ECONNREFUSED;

    pthread_mutex_lock(&ctx->lock);
    b = zu_map_get(&ctx->names, name, strlen(name));
    if (b && b->socket->pattern->peers >> type & 1)
        rc = join_stranger(b, mine, out);
    pthread_mutex_unlock(&ctx->lock);
    return rc;
}

static void inproc_term(struct zu_ctx *ctx)
{
    struct zu_list *l;

    pthread_mutex_lock(&ctx->lock);
    while ((l = zu_list_pop(&ctx->connecting))) {
        struct pending *w = zu_container_of(l, struct pending, link);

        zu_pipe_close(w->far, 0);
        zu_free(w);
    }
    pthread_mutex_unlock(&ctx->lock);
}

const struct zu_transport zu_inproc = {.scheme = "inproc",
                                       .local_bind = inproc_bind,
                                       .local_connect = inproc_connect,
                                       .local_unbind = inproc_unbind,
                                       .local_join = inproc_join,
                                       .local_term = inproc_term};
