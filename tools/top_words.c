/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers for programs: JSON, an object a line, and Prometheus' text format.
 */
#include "tools/top.h"

#include <inttypes.h>

/* Both formats escape alike what can stand in a text that is tidy. */
static void put_text(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', to);
        fputc(*text, to);
    }
}

/* ---- JSON ---- */

#define JSON_FIELD(name, kind, help) fprintf(to, ",\"" #name "\":%" PRIu64, x->name);

static void json_loop(FILE *to, const struct zuring_loop_stats *x, uint64_t number)
{
    fprintf(to, "{\"loop\":%" PRIu64, number);
    TOP_LOOP_FIELDS(JSON_FIELD)
    fputc('}', to);
}

static void json_context(FILE *to, const struct zuring_context_stats *x, size_t number)
{
    fprintf(to, "],\"totals\":{\"context\":%zu", number);
    TOP_CONTEXT_FIELDS(JSON_FIELD)
    fputc('}', to);
}

static void json_socket(FILE *to, const struct zuring_socket_stats *x)
{
    fprintf(to, "{\"socket\":%" PRIu64 ",\"type\":\"%s\"", x->socket, top_type_name(x->type));
    TOP_SOCKET_FIELDS(JSON_FIELD)
    fputc('}', to);
}

static void json_connection(FILE *to, const struct zuring_connection_stats *x)
{
    fprintf(to, "{\"socket\":%" PRIu64 ",\"connection\":%" PRIu64, x->socket, x->connection);
    TOP_CONNECTION_FIELDS(JSON_FIELD)
    fprintf(to, ",\"active_ms\":%" PRIu64 ",\"local_process\":%s,\"dialed\":%s", x->active_ms,
            x->local_process ? "true" : "false", x->dialed ? "true" : "false");
    fputs(",\"local\":\"", to);
    put_text(to, x->local);
    fputs("\",\"remote\":\"", to);
    put_text(to, x->remote);
    fputs("\"}", to);
}

static void json_view(FILE *to, const struct top_view *v, size_t number)
{
    fprintf(to, "{\"updated_ns\":%" PRIu64 ",\"age_ms\":%" PRIu64 ",\"loops\":[",
            v->head.updated_ns, top_age_ms(v));
    for (uint64_t i = 0; i < v->head.loops.count; i++) {
        fputs(i ? "," : "", to);
        json_loop(to, &v->loops[i], i);
    }
    fputs("],\"sockets\":[", to);
    for (uint64_t i = 0; i < v->head.sockets.count; i++) {
        fputs(i ? "," : "", to);
        json_socket(to, &v->sockets[i]);
    }
    fputs("],\"connections\":[", to);
    for (uint64_t i = 0; i < v->head.connections.count; i++) {
        fputs(i ? "," : "", to);
        json_connection(to, &v->connections[i]);
    }
    if (v->head.context.count)
        json_context(to, v->context, number);
    else
        fputc(']', to);
    fputc('}', to);
}

void top_json(FILE *to, const struct top_process *p, const struct top_view *views, size_t count)
{
    fprintf(to, "{\"pid\":%d,\"name\":\"", (int)p->pid);
    put_text(to, p->name);
    fputs("\",\"contexts\":[", to);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? "," : "", to);
        json_view(to, &views[i], views[i].number);
    }
    fputs("]}\n", to);
    fflush(to);
}

/* ---- Prometheus ---- */

#define KIND_C                      "counter"
#define KIND_G                      "gauge"
#define SUFFIX_C                    "_total"
#define SUFFIX_G                    ""
#define METRIC_OF(what, name, kind) "zuring_" what "_" #name SUFFIX_##kind
#define METRIC_HEAD(what, name, kind, help)                                                        \
    fputs("# HELP " METRIC_OF(what, name, kind) " " help "\n# TYPE " METRIC_OF(                    \
              what, name, kind) " " KIND_##kind "\n",                                              \
          to);

#define EACH(array, number)                                                                        \
    for (size_t v = 0; v < count; v++)                                                             \
        for (uint64_t i = 0; i < views[v].head.number.count; i++)

#define LOOP_METRIC(name, kind, help)                                                              \
    METRIC_HEAD("loop", name, kind, help)                                                          \
    EACH(loops, loops)                                                                             \
    fprintf(to,                                                                                    \
            METRIC_OF("loop", name, kind) "{context=\"%zu\",loop=\"%" PRIu64 "\"} %" PRIu64 "\n",  \
            views[v].number, i, views[v].loops[i].name);

#define SOCKET_METRIC(name, kind, help)                                                            \
    METRIC_HEAD("socket", name, kind, help)                                                        \
    EACH(sockets, sockets)                                                                         \
    fprintf(to,                                                                                    \
            METRIC_OF("socket", name, kind) "{context=\"%zu\",socket=\"%" PRIu64                   \
                                            "\",type=\"%s\"} %" PRIu64 "\n",                       \
            views[v].number, views[v].sockets[i].socket, top_type_name(views[v].sockets[i].type),  \
            views[v].sockets[i].name);

/* No two alike: by the connection's number, or where there is none by its place. */
static void put_labels(FILE *to, size_t context, uint64_t place,
                       const struct zuring_connection_stats *c)
{
    fprintf(to, "{context=\"%zu\",socket=\"%" PRIu64 "\",%s=\"%" PRIu64 "\",remote=\"", context,
            c->socket, c->connection ? "connection" : "pipe",
            c->connection ? c->connection : place);
    put_text(to, c->remote);
    fputs("\"}", to);
}

#define CONNECTION_METRIC(name, kind, help)                                                        \
    METRIC_HEAD("connection", name, kind, help)                                                    \
    EACH(connections, connections)                                                                 \
    {                                                                                              \
        fputs(METRIC_OF("connection", name, kind), to);                                            \
        put_labels(to, views[v].number, i, &views[v].connections[i]);                              \
        fprintf(to, " %" PRIu64 "\n", views[v].connections[i].name);                               \
    }

static void put_loops(FILE *to, const struct top_view *views, size_t count)
{
    TOP_LOOP_FIELDS(LOOP_METRIC)
}

#define CONTEXT_METRIC(name, kind, help)                                                           \
    METRIC_HEAD("context", name, kind, help)                                                       \
    EACH(context, context)                                                                         \
    fprintf(to, METRIC_OF("context", name, kind) "{context=\"%zu\"} %" PRIu64 "\n",                \
            views[v].number, views[v].context[i].name);

static void put_contexts(FILE *to, const struct top_view *views, size_t count)
{
    TOP_CONTEXT_FIELDS(CONTEXT_METRIC)
}

static void put_sockets(FILE *to, const struct top_view *views, size_t count)
{
    TOP_SOCKET_FIELDS(SOCKET_METRIC)
}

static void put_connections(FILE *to, const struct top_view *views, size_t count)
{
    TOP_CONNECTION_FIELDS(CONNECTION_METRIC)
}

void top_prometheus(FILE *to, const struct top_process *p, const struct top_view *views,
                    size_t count, bool up)
{
    fprintf(to,
            "# HELP zuring_up Whether the process writes its numbers\n# TYPE zuring_up gauge\n"
            "zuring_up{pid=\"%d\"} %d\n",
            (int)p->pid, up);
    put_contexts(to, views, count);
    put_loops(to, views, count);
    put_sockets(to, views, count);
    put_connections(to, views, count);
}
