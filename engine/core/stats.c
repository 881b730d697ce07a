/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing is counted twice: what a pipe's two ends count for themselves, and a socket for no pipe
 * in particular, is added up here when somebody asks. A pipe that ends leaves its sums in `past`.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/core/stats.h"

#include <stdio.h>

void zu_stats_loop(const struct zu_loop *loop, struct zuring_loop_stats *out)
{
    struct zu_loop_stats all;
    const struct zu_kernel_stats *k = &all.kernel;

    zu_loop_stats(loop, &all);
    *out = (struct zuring_loop_stats){.rounds = all.rounds,
                                      .connections = all.load,
                                      .enters = k->enters,
                                      .completions = k->completions,
                                      .recvs = k->recvs,
                                      .recv_bytes = k->recv_bytes,
                                      .sends = k->sends,
                                      .send_bytes = k->send_bytes,
                                      .short_sends = k->short_sends,
                                      .block_shortages = k->block_shortages,
                                      .wakes = k->wakes,
                                      .zero_copy_sends = k->zc_sends,
                                      .zero_copy_copied = k->zc_copied};
}

/* One is written while the other is read, so the difference may seem to be less than nothing. */
static uint64_t difference(uint64_t more, uint64_t less)
{
    return more > less ? more - less : 0;
}

static uint64_t waiting(const struct zu_pipe *from, const struct zu_pipe *to)
{
    uint64_t read = zu_count_read(&to->meter.read);
    uint64_t gone = read + zu_count_read(&from->out->replaced);

    return difference(zu_pipe_written(from), gone);
}

/* Without subscriptions. */
static uint64_t received(const struct zu_pipe *p)
{
    uint64_t aside = zu_count_read(&p->meter.aside);

    return difference(zu_count_read(&p->meter.read), aside);
}

/* Of one that dials, every connection but the first. */
static uint64_t reconnects(const struct zu_pipe *p)
{
    return difference(p->connects, !p->redialed);
}

static uint64_t most(const struct zu_queue *q)
{
    return zu_count_read(&q->most);
}

void zu_stats_add_pipe(struct zu_socket_past *sum, const struct zu_pipe *p)
{
    const struct zu_meter *wire = &p->peer->meter;

    sum->sent += zu_pipe_written(p);
    sum->received += received(p);
    sum->conflated += zu_count_read(&p->out->replaced);
    if (!p->local) { /* else the other end is a socket's, and what it counts is told there */
        sum->bytes_out += zu_count_read(&wire->bytes_out);
        sum->bytes_in += zu_count_read(&wire->bytes_in);
        sum->oversized += zu_count_read(&wire->oversized);
        sum->lost += zu_count_read(&wire->lost);
        sum->conflated += zu_count_read(&p->in->replaced);
    }
    sum->reconnects += reconnects(p);
    sum->out_most = ZU_MAX(sum->out_most, most(p->out));
    sum->in_most = ZU_MAX(sum->in_most, most(p->in));
}

static void copy_text(char *to, size_t room, const char *text)
{
    snprintf(to, room, "%s", text ? text : "");
}

void zu_stats_socket(struct zu_socket *s, struct zuring_socket_stats *out)
{
    struct zu_socket_past sum;
    uint64_t connections = 0, out_waits = 0, in_waits = 0;

    pthread_mutex_lock(&s->names);
    sum = s->past;
    zu_list_each(it, &s->pipes)
    {
        const struct zu_pipe *p = zu_container_of(it, struct zu_pipe, all);

        zu_stats_add_pipe(&sum, p);
        connections++;
        out_waits += waiting(p, p->peer);
        in_waits += waiting(p->peer, p);
    }
    zu_list_each(it, &s->ending)
    {
        const struct zu_pipe *p = zu_container_of(it, struct zu_pipe, all)->peer;

        zu_stats_add_pipe(&sum, p);
        out_waits += waiting(p, p->peer);
    }
    pthread_mutex_unlock(&s->names);
    *out = (struct zuring_socket_stats){
        .socket = s->number,
        .type = (uint64_t)s->pattern->type,
        .connections = connections,
        .sent = sum.sent,
        .received = sum.received,
        .bytes_out = sum.bytes_out,
        .bytes_in = sum.bytes_in,
        .out_waiting = out_waits,
        .in_waiting = in_waits,
        .out_most = sum.out_most,
        .in_most = sum.in_most,
        .dropped_water_mark = zu_count_read(&s->drops[ZURING_DROP_WATER_MARK]),
        .dropped_no_route = zu_count_read(&s->drops[ZURING_DROP_NO_ROUTE]),
        .dropped_conflated = sum.conflated,
        .dropped_filtered = zu_count_read(&s->drops[ZURING_DROP_FILTERED]),
        .dropped_oversized = sum.oversized,
        .dropped_lost = sum.lost,
        .dropped_unexpected = zu_count_read(&s->drops[ZURING_DROP_UNEXPECTED]),
        .reconnects = sum.reconnects,
        .events_lost = zu_socket_events_lost(s),
    };
}

void zu_stats_add(struct zuring_context_stats *sum, const struct zuring_socket_stats *one)
{
#define ADD(name) sum->name += one->name
    ADD(sent);
    ADD(received);
    ADD(bytes_out);
    ADD(bytes_in);
    ADD(out_waiting);
    ADD(in_waiting);
    ADD(dropped_water_mark);
    ADD(dropped_no_route);
    ADD(dropped_conflated);
    ADD(dropped_filtered);
    ADD(dropped_oversized);
    ADD(dropped_lost);
    ADD(dropped_unexpected);
    ADD(reconnects);
    ADD(events_lost);
#undef ADD
}

static void add_socket(struct zuring_context_stats *sum, struct zu_socket *s)
{
    struct zuring_socket_stats one;

    zu_stats_socket(s, &one);
    zu_stats_add(sum, &one);
}

void zu_stats_closed(struct zu_ctx *ctx, struct zuring_context_stats *out)
{
    uint64_t closing = 0;

    pthread_mutex_lock(&ctx->sums);
    *out = ctx->past;
    zu_list_each(it, &ctx->closed)
    {
        add_socket(out, zu_container_of(it, struct zu_socket, in_ctx));
        closing++;
    }
    pthread_mutex_unlock(&ctx->sums);
    out->closing = closing;
}

void zu_stats_context(struct zu_ctx *ctx, struct zuring_context_stats *out)
{
    uint64_t open = 0;

    pthread_mutex_lock(&ctx->lock);
    zu_stats_closed(ctx, out);
    zu_list_each(it, &ctx->sockets)
    {
        add_socket(out, zu_container_of(it, struct zu_socket, in_ctx));
        open++;
    }
    pthread_mutex_unlock(&ctx->lock);
    out->sockets = open;
}

void zu_stats_bury(struct zu_socket *s)
{
    struct zu_ctx *ctx = s->ctx;

    pthread_mutex_lock(&ctx->sums);
    zu_list_remove(&s->in_ctx);
    add_socket(&ctx->past, s);
    ctx->past.closed++;
    pthread_mutex_unlock(&ctx->sums);
}

static void tell_pipe(struct zuring_connection_stats *out, const struct zu_socket *s,
                      const struct zu_pipe *p)
{
    static const struct zu_meter none;
    const struct zu_meter *mine = &p->meter, *wire = p->local ? &none : &p->peer->meter;

    *out = (struct zuring_connection_stats){
        .socket = s->number,
        .connection = p->connection,
        .sent = zu_pipe_written(p),
        .received = received(p),
        .bytes_out = zu_count_read(&wire->bytes_out),
        .bytes_in = zu_count_read(&wire->bytes_in),
        .out_waiting = waiting(p, p->peer),
        .in_waiting = waiting(p->peer, p),
        .out_most = most(p->out),
        .in_most = most(p->in),
        .dropped_water_mark = zu_count_read(&mine->dropped),
        .dropped_conflated = zu_count_read(&p->out->replaced) + zu_count_read(&p->in->replaced),
        .dropped_oversized = zu_count_read(&wire->oversized),
        .dropped_lost = zu_count_read(&wire->lost),
        .reconnects = reconnects(p),
        .active_ms = zu_count_read(&wire->active_ms),
        .local_process = p->local,
        .dialed = p->dialed,
    };
    copy_text(out->local, sizeof out->local, p->local_name);
    copy_text(out->remote, sizeof out->remote, p->peer_address ? p->peer_address : p->peer_name);
}

size_t zu_stats_connections(struct zu_socket *s, struct zuring_connection_stats *out, size_t room)
{
    size_t count = 0;

    pthread_mutex_lock(&s->names);
    zu_list_each(it, &s->pipes)
    {
        if (count < room)
            tell_pipe(&out[count], s, zu_container_of(it, struct zu_pipe, all));
        count++;
    }
    pthread_mutex_unlock(&s->names);
    return count;
}
