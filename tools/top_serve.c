/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A little HTTP for Prometheus. Nobody waits for a client: each is read and written as it goes, one
 * that says nothing or takes nothing for a while is given up, and where there are too many the one
 * that came first is.
 */
#include "tools/top.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 32, PATIENCE_MS = 5000, SHORTAGE_MS = 100 };

struct client {
    int fd;
    int64_t until_ms; /* to have asked; or to have taken some more */
    char request[4096];
    size_t used;
    char *answer; /* once it has asked */
    size_t size, sent;
};

struct server {
    struct top_process *process;
    int listener;
    struct client *clients[CLIENTS_MAX]; /* who came first is first */
    size_t count;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int listen_at(const char *address, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    int rc = getaddrinfo(address, port, &hints, &found), fd = -1;

    if (rc != 0) {
        fprintf(stderr, "zuring: %s port %s: %s\n", address, port, gai_strerror(rc));
        return -1;
    }
    for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
        if (fd >= 0 && (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 8) < 0)) {
            perror("zuring: listen");
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

/* ---- an answer ---- */

static void draw_up(FILE *to, struct top_process *p)
{
    struct top_view views[TOP_FILES_MAX];
    size_t count = 0;
    bool up = true;

    if (top_refresh(p) < 0)
        top_detach(p);
    for (size_t i = 0; i < TOP_FILES_MAX; i++) {
        if (p->files[i].fd < 0)
            continue;
        if (top_look(&views[count], p->files[i].fd) < 0) {
            up = false;
            continue;
        }
        up = up && top_age_ms(&views[count]) < 1000;
        views[count++].number = i;
    }
    top_prometheus(to, p, views, count, up && count > 0);
    for (size_t i = 0; i < count; i++)
        top_forget(&views[i]);
}

static void put_head(FILE *to, const char *status, const char *more, size_t size)
{
    fprintf(to, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n", status, more,
            size);
}

static void put_figures(FILE *to, struct top_process *p, bool body)
{
    static const char type[] = "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n";
    char *text = NULL;
    size_t size = 0;
    FILE *figures = open_memstream(&text, &size);

    if (!figures)
        return;
    draw_up(figures, p);
    if (fclose(figures) == 0) {
        put_head(to, "200 OK", type, size);
        if (body)
            fwrite(text, 1, size, to);
    }
    free(text);
}

static bool is_path(const char *at, const char *path)
{
    size_t size = strlen(path);

    return strncmp(at, path, size) == 0 && at[size] && strchr(" ?\r\n", at[size]);
}

/* The request's first line is all that matters. */
static void put_answer(FILE *to, struct top_process *p, const char *request)
{
    bool head = strncmp(request, "HEAD ", 5) == 0;
    const char *path = request + (head ? 5 : 4);

    if (!head && strncmp(request, "GET ", 4) != 0)
        put_head(to, "405 Method Not Allowed", "Allow: GET, HEAD\r\n", 0);
    else if (is_path(path, "/metrics") || is_path(path, "/"))
        put_figures(to, p, !head);
    else
        put_head(to, "404 Not Found", "", 0);
}

/* ---- clients ---- */

static void give_up(struct server *s, size_t i)
{
    struct client *c = s->clients[i];

    close(c->fd);
    free(c->answer);
    free(c);
    s->count--;
    memmove(&s->clients[i], &s->clients[i + 1], (s->count - i) * sizeof(struct client *));
}

static void take_client(struct server *s)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct client *c = fd < 0 ? NULL : calloc(1, sizeof *c);

    if (!c) {
        if (fd >= 0)
            close(fd);
        else if (errno != EAGAIN && errno != ECONNABORTED) /* no descriptors, most likely */
            poll(NULL, 0, SHORTAGE_MS);
        return;
    }
    if (s->count == CLIENTS_MAX)
        give_up(s, 0);
    c->fd = fd;
    c->until_ms = now_ms() + PATIENCE_MS;
    s->clients[s->count++] = c;
}

/* False: it is over. */
static bool hear(struct server *s, struct client *c)
{
    ssize_t n = recv(c->fd, c->request + c->used, sizeof c->request - 1 - c->used, 0);
    FILE *to;

    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    c->used += (size_t)n;
    if (!strstr(c->request, "\r\n\r\n") && !strstr(c->request, "\n\n") &&
        c->used < sizeof c->request - 1)
        return true;
    if (!(to = open_memstream(&c->answer, &c->size)))
        return false;
    put_answer(to, s->process, c->request);
    c->until_ms = now_ms() + PATIENCE_MS;
    return fclose(to) == 0 && c->size > 0;
}

static bool tell(struct client *c)
{
    ssize_t n = send(c->fd, c->answer + c->sent, c->size - c->sent, MSG_NOSIGNAL);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    c->sent += (size_t)n;
    c->until_ms = now_ms() + PATIENCE_MS;
    return c->sent < c->size;
}

static void serve_once(struct server *s)
{
    struct pollfd fds[CLIENTS_MAX + 1];
    int64_t until = INT64_MAX, now = now_ms();
    bool knocks;

    for (size_t i = 0; i < s->count; i++) {
        const struct client *c = s->clients[i];

        fds[i] = (struct pollfd){.fd = c->fd, .events = c->answer ? POLLOUT : POLLIN};
        until = c->until_ms < until ? c->until_ms : until;
    }
    fds[s->count] = (struct pollfd){.fd = s->listener, .events = POLLIN};
    poll(fds, s->count + 1, s->count == 0 ? -1 : until > now ? (int)(until - now) : 0);
    now = now_ms();
    knocks = fds[s->count].revents != 0;
    for (size_t i = s->count; i-- > 0;) {
        struct client *c = s->clients[i];
        bool goes_on = now < c->until_ms;

        if (goes_on && fds[i].revents)
            goes_on = c->answer ? tell(c) : hear(s, c);
        if (!goes_on)
            give_up(s, i);
    }
    if (knocks)
        take_client(s);
}

int top_serve(struct top_process *p, const char *address, const char *port)
{
    struct server s = {.process = p, .listener = listen_at(address, port)};

    if (s.listener < 0)
        return EXIT_FAILURE;
    fprintf(stderr, "zuring: serving process %d at http://%s:%s/metrics\n", (int)p->pid, address,
            port);
    for (;;)
        serve_once(&s);
}
