/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A screen for people, what hurts first: who drops messages now, then where most wait, then who is
 * busiest.
 */
#include "tools/top.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A line of either table. */
struct row {
    uint64_t hurt[3]; /* in this order */
    uint64_t index;
    const void *before; /* at the look before */
};

static double seconds(const struct top_view *now, const struct top_view *before)
{
    uint64_t ns = now->head.updated_ns - before->head.updated_ns;

    return now->head.updated_ns > before->head.updated_ns ? (double)ns / 1e9 : 0;
}

static double rate(uint64_t now, uint64_t before, double over)
{
    return over > 0 && now > before ? (double)(now - before) / over : 0;
}

/* Five columns at most: 1234, 12.3k, 4.5M. */
static const char *brief(char out[16], double n)
{
    static const char units[] = " kMGTPE";
    size_t unit = 0;

    while (n >= 9999.5 && unit + 2 < sizeof units) {
        n /= 1000;
        unit++;
    }
    if (unit == 0)
        snprintf(out, 16, "%.0f", n);
    else
        snprintf(out, 16, n < 100 ? "%.1f%c" : "%.0f%c", n, units[unit]);
    return out;
}

#define BRIEF(n) brief((char[16]){0}, (double)(n))

static int worse_first(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    for (size_t i = 0; i < sizeof x->hurt / sizeof *x->hurt; i++)
        if (x->hurt[i] != y->hurt[i])
            return x->hurt[i] < y->hurt[i] ? 1 : -1;
    return x->index > y->index ? 1 : -1;
}

/* The same one of the look before; a new one is compared with nothing. They come in the same order,
 * so it is near where the last one was found. */
static const struct zuring_socket_stats *socket_before(const struct top_view *v, uint64_t number)
{
    static const struct zuring_socket_stats none;
    static uint64_t at;
    uint64_t count = v->head.sockets.count;

    for (uint64_t i = 0; i < count; i++, at++)
        if (v->sockets[at % count].socket == number)
            return &v->sockets[at % count];
    return &none;
}

static const struct zuring_connection_stats *
connection_before(const struct top_view *v, const struct zuring_connection_stats *c)
{
    static const struct zuring_connection_stats none;
    static uint64_t at;
    uint64_t count = v->head.connections.count;

    for (uint64_t i = 0; c->connection && i < count; i++, at++)
        if (v->connections[at % count].connection == c->connection)
            return &v->connections[at % count];
    return c->connection ? &none : c; /* without a number it cannot be told */
}

static void show_loops(FILE *to, const struct top_view *now, const struct top_view *before,
                       double over)
{
    fprintf(to, "%-5s %5s %9s %8s %9s %8s %8s %8s %6s %8s %7s\n", "LOOP", "CONNS", "ROUNDS/s",
            "CALLS/s", "DONE/CALL", "WAKES/s", "IN B/s", "OUT B/s", "SHORT", "SHORTAGE", "COPIED");
    for (uint64_t i = 0; i < now->head.loops.count; i++) {
        static const struct zuring_loop_stats none;
        const struct zuring_loop_stats *n = &now->loops[i];
        const struct zuring_loop_stats *b =
            i < before->head.loops.count ? &before->loops[i] : &none;
        uint64_t calls = n->enters - b->enters;

        fprintf(to, "%-5" PRIu64 " %5s %9s %8s %9.1f %8s %8s %8s %6s %8s %7s\n", i,
                BRIEF(n->connections), BRIEF(rate(n->rounds, b->rounds, over)),
                BRIEF(rate(n->enters, b->enters, over)),
                calls ? (double)(n->completions - b->completions) / (double)calls : 0,
                BRIEF(rate(n->wakes, b->wakes, over)),
                BRIEF(rate(n->recv_bytes, b->recv_bytes, over)),
                BRIEF(rate(n->send_bytes, b->send_bytes, over)), BRIEF(n->short_sends),
                BRIEF(n->block_shortages), BRIEF(n->zero_copy_copied));
    }
}

static void show_sockets(FILE *to, const struct top_view *now, const struct top_view *before,
                         double over, size_t rows)
{
    size_t count = (size_t)now->head.sockets.count;
    struct row *order = calloc(count ? count : 1, sizeof *order);

    fprintf(to, "%-7s %-7s %5s %8s %8s %8s %8s %6s %8s %8s %8s %6s\n", "SOCKET", "TYPE", "CONNS",
            "SENT/s", "RECV/s", "OUT WAIT", "IN WAIT", "MOST", "DROP/s", "DROPPED", "FILTERED",
            "RECONN");
    for (size_t i = 0; order && i < count; i++) {
        const struct zuring_socket_stats *n = &now->sockets[i];
        const struct zuring_socket_stats *b = socket_before(before, n->socket);

        order[i] = (struct row){{top_dropped(n) - top_dropped(b), n->out_waiting + n->in_waiting,
                                 n->sent - b->sent + n->received - b->received},
                                i,
                                b};
    }
    if (order)
        qsort(order, count, sizeof *order, worse_first);
    for (size_t i = 0; order && i < count && (!rows || i < rows); i++) {
        const struct zuring_socket_stats *n = &now->sockets[order[i].index];
        const struct zuring_socket_stats *b = order[i].before;

        fprintf(to, "%-7" PRIu64 " %-7s %5s %8s %8s %8s %8s %6s %8s %8s %8s %6s\n", n->socket,
                top_type_name(n->type), BRIEF(n->connections), BRIEF(rate(n->sent, b->sent, over)),
                BRIEF(rate(n->received, b->received, over)), BRIEF(n->out_waiting),
                BRIEF(n->in_waiting), BRIEF(n->out_most > n->in_most ? n->out_most : n->in_most),
                BRIEF(rate(top_dropped(n), top_dropped(b), over)), BRIEF(top_dropped(n)),
                BRIEF(n->dropped_filtered + n->dropped_conflated), BRIEF(n->reconnects));
    }
    free(order);
}

/* Who dials over ipc has no name; then it is the one that was dialed. */
static const char *peer_of(const struct zuring_connection_stats *c)
{
    const char *colon = strstr(c->remote, "://");

    if (c->local_process)
        return "(in this process)";
    return colon && colon[3] ? c->remote : c->local;
}

/* What hears many, and has no one peer, has its own address shown. */
static const char *note_on(const struct zuring_connection_stats *c)
{
    if (c->local_process)
        return "";
    if (!c->connection)
        return " (not connected)";
    return *c->remote ? "" : " (anybody)";
}

static void show_connections(FILE *to, const struct top_view *now, const struct top_view *before,
                             double over, size_t rows)
{
    size_t count = (size_t)now->head.connections.count;
    struct row *order = calloc(count ? count : 1, sizeof *order);

    fprintf(to, "%-7s %8s %8s %8s %8s %8s %8s %6s %8s  %s\n", "SOCKET", "SENT/s", "RECV/s",
            "OUT B/s", "IN B/s", "OUT WAIT", "IN WAIT", "MOST", "DROPPED", "PEER");
    for (size_t i = 0; order && i < count; i++) {
        const struct zuring_connection_stats *n = &now->connections[i];
        const struct zuring_connection_stats *b = connection_before(before, n);

        order[i] =
            (struct row){{top_dropped_at(n) - top_dropped_at(b), n->out_waiting + n->in_waiting,
                          n->sent - b->sent + n->received - b->received},
                         i,
                         b};
    }
    if (order)
        qsort(order, count, sizeof *order, worse_first);
    for (size_t i = 0; order && i < count && (!rows || i < rows); i++) {
        const struct zuring_connection_stats *n = &now->connections[order[i].index];
        const struct zuring_connection_stats *b = order[i].before;

        fprintf(to, "%-7" PRIu64 " %8s %8s %8s %8s %8s %8s %6s %8s  %s%s\n", n->socket,
                BRIEF(rate(n->sent, b->sent, over)), BRIEF(rate(n->received, b->received, over)),
                BRIEF(rate(n->bytes_out, b->bytes_out, over)),
                BRIEF(rate(n->bytes_in, b->bytes_in, over)), BRIEF(n->out_waiting),
                BRIEF(n->in_waiting), BRIEF(n->out_most > n->in_most ? n->out_most : n->in_most),
                BRIEF(top_dropped_at(n)), peer_of(n), note_on(n));
    }
    free(order);
}

void top_show(FILE *to, const struct top_process *p, const struct top_view *now,
              const struct top_view *before, size_t rows)
{
    double over = seconds(now, before);
    uint64_t age = top_age_ms(now);
    /* The lines between the tables, and the loops, take their part. */
    size_t fixed = 7 + (size_t)now->head.loops.count, half = 0;

    if (rows)
        half = rows > fixed + 4 ? (rows - fixed) / 2 : 2;
    fprintf(to, "zuring top: %s, process %d: %" PRIu64 " sockets, %" PRIu64 " connections", p->name,
            (int)p->pid, now->head.sockets.count, now->head.connections.count);
    if (!top_is_alive(p))
        fprintf(to, "; IT HAS ENDED");
    else if (age > 1000)
        fprintf(to, "; NO NEWS for %.1f s: it was stopped, or hangs", (double)age / 1000);
    fprintf(to, "\n\n");
    show_loops(to, now, before, over);
    fputc('\n', to);
    show_sockets(to, now, before, over, half);
    fputc('\n', to);
    show_connections(to, now, before, over, half);
    fflush(to);
}
