/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is another process's: whatever stands in it is checked before it is believed, and
 * elements are taken by the size that the file says, so that one of a later version is understood.
 */
#include "tools/top.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    TRIES = 200,
    SIZE_MAX_SANE = 64 << 20, /* a context writes no more */
    ELEMENT_MAX = 64 * 1024,
    GROWTH_MAX = 2, /* what we keep may be so much larger than the file, and no more */
};

/* As the process itself, in the innermost namespace that it is in, is called. */
static pid_t own_pid(pid_t pid)
{
    char path[64], line[256];
    long own = pid;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    f = fopen(path, "re");
    if (!f)
        return pid;
    while (fgets(line, sizeof line, f)) {
        const char *last = strrchr(line, '\t');

        if (strncmp(line, "NSpid:", 6) == 0 && last)
            own = strtol(last, NULL, 10);
    }
    fclose(f);
    return (pid_t)own;
}

/* A process that was forked has its parent's files, which its parent goes on writing. */
static bool is_of(int file, pid_t own)
{
    uint64_t pid;

    return pread(file, &pid, sizeof pid, offsetof(struct zuring_stats_header, pid)) !=
               (ssize_t)sizeof pid ||
           pid == 0 || pid == (uint64_t)own;
}

/* The place of the file, or a free one. NULL: there are too many. */
static struct top_file *place_of(struct top_process *p, uint64_t inode)
{
    struct top_file *free_one = NULL;

    for (size_t i = 0; i < TOP_FILES_MAX; i++) {
        struct top_file *f = &p->files[i];

        if (f->fd >= 0 && f->inode == inode)
            return f;
        if (f->fd < 0 && !free_one)
            free_one = f;
    }
    return free_one;
}

/* Has the file at `path` in its place. 0, also when it is not the process's. */
static int keep_file(struct top_process *p, const char *path, bool *seen)
{
    struct top_file *f;
    struct stat st;

    if (stat(path, &st) < 0)
        return -errno;
    if (!(f = place_of(p, st.st_ino)))
        return 0;
    if (f->fd < 0) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
            return -errno;
        if (!is_of(fd, p->own_pid)) {
            close(fd);
            return 0;
        }
        *f = (struct top_file){fd, st.st_ino};
    }
    seen[f - p->files] = true;
    return 0;
}

static int open_files(struct top_process *p, DIR *dir, const char *where)
{
    char path[PATH_MAX], target[64];
    bool seen[TOP_FILES_MAX] = {false};
    const struct dirent *e;
    int error = -ENOENT, rc;

    while ((e = readdir(dir))) {
        ssize_t size;

        snprintf(path, sizeof path, "%s/%s", where, e->d_name);
        size = readlink(path, target, sizeof target - 1);
        if (size < 19 || memcmp(target, "/memfd:zuring-stats", 19) != 0)
            continue;
        rc = keep_file(p, path, seen);
        if (rc < 0 && rc != -ENOENT)
            error = rc;
    }
    for (size_t i = 0; i < TOP_FILES_MAX; i++) {
        if (p->files[i].fd >= 0 && !seen[i]) {
            close(p->files[i].fd);
            p->files[i].fd = -1;
        }
    }
    return top_count(p) ? 0 : error;
}

/* Bytes of the UTF-8 character that begins there; 0: none, or one that a terminal obeys. */
static size_t character(const unsigned char *at)
{
    size_t size = at[0] < 0x80 ? 1 : at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;

    if (at[0] < ' ' || at[0] == 0x7f || (at[0] >= 0x80 && at[0] < 0xc2) || at[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((at[0] == 0xc2 && at[1] < 0xa0) || (at[0] == 0xe0 && at[1] < 0xa0) ||
        (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
        (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return size;
}

void top_tidy_text(char *text, size_t room)
{
    unsigned char *at = (unsigned char *)text;

    text[room - 1] = '\0';
    while (*at) {
        size_t size = character(at);

        if (size == 0)
            *at = '?';
        at += size ? size : 1;
    }
}

static void read_name(struct top_process *p)
{
    char path[64];
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/comm", (int)p->pid);
    f = fopen(path, "re");
    if (!f)
        return;
    if (fgets(p->name, sizeof p->name, f))
        p->name[strcspn(p->name, "\n")] = '\0';
    top_tidy_text(p->name, sizeof p->name);
    fclose(f);
}

int top_attach(struct top_process *p, pid_t pid)
{
    *p = (struct top_process){.pid = pid, .own_pid = own_pid(pid)};
    for (size_t i = 0; i < TOP_FILES_MAX; i++)
        p->files[i].fd = -1;
    read_name(p);
    return top_refresh(p);
}

int top_refresh(struct top_process *p)
{
    char where[64];
    DIR *dir;
    int rc;

    if (!top_is_alive(p))
        return -ESRCH;
    snprintf(where, sizeof where, "/proc/%d/fd", (int)p->pid);
    dir = opendir(where);
    if (!dir)
        return errno == ENOENT ? -ESRCH : -errno;
    rc = open_files(p, dir, where);
    closedir(dir);
    return rc;
}

void top_detach(struct top_process *p)
{
    for (size_t i = 0; i < TOP_FILES_MAX; i++) {
        if (p->files[i].fd >= 0)
            close(p->files[i].fd);
        p->files[i].fd = -1;
    }
}

size_t top_count(const struct top_process *p)
{
    size_t count = 0;

    for (size_t i = 0; i < TOP_FILES_MAX; i++)
        count += p->files[i].fd >= 0;
    return count;
}

/* Behind the name, which may have anything in it. */
static char state_of(pid_t pid)
{
    char path[64], line[256] = "";
    const char *end;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    f = fopen(path, "re");
    if (!f)
        return '?';
    end = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    fclose(f);
    return end && end[1] == ' ' ? end[2] : '?';
}

bool top_is_alive(const struct top_process *p)
{
    char state;

    if (kill(p->pid, 0) < 0 && errno != EPERM)
        return false;
    state = state_of(p->pid);
    return state != 'Z' && state != 'X';
}

/* The elements as this program knows them; NULL: there is no such array in the file, or all of them
 * together are larger than the file could be in earnest. */
static void *take(const char *all, size_t size, uint64_t at, uint64_t one, uint64_t count,
                  size_t known, size_t *left)
{
    char *out;

    if (one == 0 || one > ELEMENT_MAX || at > size || count > (size - at) / one ||
        count > *left / known)
        return NULL;
    *left -= count * known;
    out = calloc(count ? count : 1, known);
    for (uint64_t i = 0; out && i < count; i++)
        memcpy(out + i * known, all + at + i * one, one < known ? one : known);
    return out;
}

static int copy_whole(char **out, struct zuring_stats_header *h, int file)
{
    uint64_t after;

    for (int i = 0; i < TRIES; i++) {
        if (pread(file, h, sizeof *h, 0) != (ssize_t)sizeof *h)
            return -EPROTO;
        if (h->sequence && h->sequence % 2 == 0) {
            if (memcmp(h->magic, ZURING_STATS_MAGIC, sizeof h->magic) != 0 || h->size < sizeof *h ||
                h->size > SIZE_MAX_SANE)
                return -EPROTO;
            *out = malloc(h->size);
            if (!*out)
                return -ENOMEM;
            if (pread(file, *out, h->size, 0) == (ssize_t)h->size &&
                pread(file, &after, sizeof after, offsetof(struct zuring_stats_header, sequence)) ==
                    (ssize_t)sizeof after &&
                after == h->sequence)
                return 0;
            free(*out);
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return -EAGAIN;
}

int top_look(struct top_view *out, int file)
{
    struct zuring_stats_header *h = &out->head;
    size_t left;
    char *all;
    int rc;

    *out = (struct top_view){0};
    if ((rc = copy_whole(&all, h, file)) < 0)
        return rc;
    left = GROWTH_MAX * h->size;
#define TAKE(name)                                                                                 \
    out->name =                                                                                    \
        take(all, h->size, h->name.at, h->name.size, h->name.count, sizeof *out->name, &left)
    TAKE(loops);
    TAKE(sockets);
    TAKE(connections);
    TAKE(context);
#undef TAKE
    free(all);
    if (out->loops && out->sockets && out->connections && out->context) {
        for (uint64_t i = 0; i < h->connections.count; i++) {
            top_tidy_text(out->connections[i].local, sizeof out->connections[i].local);
            top_tidy_text(out->connections[i].remote, sizeof out->connections[i].remote);
        }
        return 0;
    }
    top_forget(out);
    return -EPROTO;
}

void top_forget(struct top_view *v)
{
    free(v->loops);
    free(v->sockets);
    free(v->connections);
    free(v->context);
    *v = (struct top_view){0};
}

uint64_t top_age_ms(const struct top_view *v)
{
    struct timespec t;
    uint64_t now;

    clock_gettime(CLOCK_MONOTONIC, &t);
    now = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
    return now > v->head.updated_ns / 1000000 ? now - v->head.updated_ns / 1000000 : 0;
}

const char *top_type_name(uint64_t type)
{
    static const char *const names[] = {"PAIR",   "PUB",    "SUB",    "REQ",  "REP",    "DEALER",
                                        "ROUTER", "PULL",   "PUSH",   "XPUB", "XSUB",   "STREAM",
                                        "SERVER", "CLIENT", "RADIO",  "DISH", "GATHER", "SCATTER",
                                        "DGRAM",  "PEER",   "CHANNEL"};

    return type < sizeof names / sizeof *names ? names[type] : "?";
}

uint64_t top_dropped(const struct zuring_socket_stats *s)
{
    return s->dropped_water_mark + s->dropped_no_route + s->dropped_oversized + s->dropped_lost;
}

uint64_t top_dropped_at(const struct zuring_connection_stats *c)
{
    return c->dropped_water_mark + c->dropped_oversized + c->dropped_lost;
}
