/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus asks one question at a time, so one connection at a time is served, and one that does
 * not ask within a second is given up.
 */
#include "tools/top.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int listen_at(const char *address, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    int rc = getaddrinfo(address, port, &hints, &found), fd = -1;

    if (rc != 0) {
        fprintf(stderr, "zuring: %s port %s: %s\n", address, port, gai_strerror(rc));
        return -1;
    }
    for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
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

/* The text of all that is to be told; freed by the caller. */
static char *draw_up(struct top_process *p, size_t *size)
{
    struct top_view views[TOP_FILES_MAX];
    char *text = NULL;
    size_t count = 0;
    FILE *to = open_memstream(&text, size);

    if (!to)
        return NULL;
    if (!top_is_alive(p))
        top_detach(p);
    for (size_t i = 0; i < p->count; i++)
        count += top_look(&views[count], p->files[i]) == 0;
    top_prometheus(to, p, views, count);
    for (size_t i = 0; i < count; i++)
        top_forget(&views[i]);
    fclose(to);
    return text;
}

static void send_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        text += n;
        size -= (size_t)n;
    }
}

/* The request's first line is all that matters. */
static bool read_request(int fd, char *line, size_t room)
{
    size_t used = 0;

    while (used < room - 1) {
        ssize_t n = recv(fd, line + used, room - 1 - used, 0);

        if (n <= 0)
            return false;
        used += (size_t)n;
        line[used] = '\0';
        if (strstr(line, "\r\n\r\n") || strstr(line, "\n\n"))
            return true;
    }
    return true;
}

static void answer(struct top_process *p, int fd)
{
    static const char wrong[] = "HTTP/1.1 404 Not Found\r\nConnection: close\r\n"
                                "Content-Length: 0\r\n\r\n";
    char line[4096], head[256];
    size_t size = 0;
    char *text;

    if (!read_request(fd, line, sizeof line))
        return;
    if (strncmp(line, "GET /metrics", 12) != 0 && strncmp(line, "GET / ", 6) != 0) {
        send_all(fd, wrong, sizeof wrong - 1);
        return;
    }
    text = draw_up(p, &size);
    if (!text)
        return;
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
             "Content-Length: %zu\r\nConnection: close\r\n\r\n",
             size);
    send_all(fd, head, strlen(head));
    send_all(fd, text, size);
    free(text);
}

int top_serve(struct top_process *p, const char *address, const char *port)
{
    struct timeval patience = {.tv_sec = 1};
    int listener = listen_at(address, port);

    if (listener < 0)
        return EXIT_FAILURE;
    fprintf(stderr, "zuring: serving process %d at http://%s:%s/metrics\n", (int)p->pid, address,
            port);
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        answer(p, fd);
        close(fd);
    }
}
