/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread wakes ten times a second, gathers the numbers into memory of its own, and copies them
 * into the file between two steps of `sequence`. So those who count pay nothing, and a reader is
 * never waited for. The lock of the context is held while the sockets are got hold of, not while
 * they are looked at; and where there are so many that a look takes long, looks are rarer. The file
 * can do no harm: it is sealed against being made shorter, which would end us at the next write, or
 * longer, and against anybody else's writes; it has its full length from the beginning. Memory is
 * asked for (fallocate) before it is touched, so that having none is an error and not a signal;
 * then what has no room is left out, connections first.
 */
#include "engine/core/stats_file.h"

#include "engine/base/alloc.h"
#include "engine/base/clock.h"
#include "engine/base/thread.h"
#include "engine/core/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

enum {
    PERIOD_MS = 100,
    PERIOD_MAX_MS = 500, /* readers take more than a second for a hang */
    REST = 20,           /* times as long as a look takes, at least */
    ROOM_MAX = 64 << 20, /* of the map; as much of it is memory as was needed */
    STEP = 64 << 10,
};

struct zu_stats_file {
    struct zu_ctx *ctx;
    int fd;
    uint8_t *map;
    size_t backed; /* bytes that are memory */
    uint8_t *draft;
    size_t draft_room;
    struct zu_socket **held; /* those that are looked at */
    size_t held_count, held_room;
    pthread_t thread;
    pthread_mutex_t lock; /* of `stopping` */
    pthread_cond_t stop;
    bool stopping;
};

/* ---- the draft ---- */

/* Room for so many bytes more behind `used`. */
static bool make_room(struct zu_stats_file *f, size_t used, size_t more)
{
    size_t room = (used + more + STEP - 1) / STEP * STEP;
    uint8_t *larger;

    if (used + more <= f->draft_room)
        return true;
    if (room > ROOM_MAX || !(larger = zu_realloc(f->draft, room)))
        return false;
    f->draft = larger;
    f->draft_room = room;
    return true;
}

static struct zuring_stats_header *header(struct zu_stats_file *f)
{
    return (void *)f->draft;
}

/* False: no memory, and none is held. */
static bool hold_sockets(struct zu_stats_file *f)
{
    size_t wanted = f->ctx->socket_count;

    f->held_count = 0;
    if (wanted > f->held_room) {
        struct zu_socket **larger = zu_realloc(f->held, wanted * 2 * sizeof *larger);

        if (!larger)
            return false;
        f->held = larger;
        f->held_room = wanted * 2;
    }
    zu_list_each(it, &f->ctx->sockets)
    {
        struct zu_socket *s = zu_container_of(it, struct zu_socket, in_ctx);

        if (f->held_count == f->held_room)
            break;
        zu_socket_hold(s);
        f->held[f->held_count++] = s;
    }
    return true;
}

static void drop_sockets(struct zu_stats_file *f)
{
    while (f->held_count > 0)
        zu_socket_drop(f->held[--f->held_count]);
}

static size_t add_loops(struct zu_stats_file *f, size_t used)
{
    size_t size = f->ctx->loop_count * sizeof(struct zuring_loop_stats);

    header(f)->loops.at = used;
    if (!make_room(f, used, size))
        return used;
    for (size_t i = 0; i < f->ctx->loop_count; i++)
        zu_stats_loop(f->ctx->loops[i], (struct zuring_loop_stats *)(void *)(f->draft + used) + i);
    header(f)->loops.count = f->ctx->loop_count;
    return used + size;
}

/* *sum has all of them, also those that have no room. */
static size_t add_sockets(struct zu_stats_file *f, size_t used, struct zuring_context_stats *sum)
{
    struct zuring_socket_stats one;

    header(f)->sockets.at = used;
    for (size_t i = 0; i < f->held_count; i++) {
        zu_stats_socket(f->held[i], &one);
        zu_stats_add(sum, &one);
        if (!make_room(f, used, sizeof one))
            continue;
        memcpy(f->draft + used, &one, sizeof one);
        used += sizeof one;
        header(f)->sockets.count++;
    }
    sum->sockets = f->held_count;
    return used;
}

static size_t add_context(struct zu_stats_file *f, size_t used,
                          const struct zuring_context_stats *sum)
{
    header(f)->context.at = used;
    if (!make_room(f, used, sizeof *sum))
        return used;
    memcpy(f->draft + used, sum, sizeof *sum);
    header(f)->context.count = 1;
    return used + sizeof *sum;
}

static size_t add_connections(struct zu_stats_file *f, size_t used)
{
    size_t one = sizeof(struct zuring_connection_stats), count, there;

    header(f)->connections.at = used;
    for (size_t i = 0; i < f->held_count; i++) {
        there = (f->draft_room - used) / one;
        count = zu_stats_connections(f->held[i], (void *)(f->draft + used), there);
        if (count > there && make_room(f, used, count * one)) {
            there = count;
            count = zu_stats_connections(f->held[i], (void *)(f->draft + used), there);
        }
        there = ZU_MIN(there, count);
        used += there * one;
        header(f)->connections.count += there;
    }
    return used;
}

/* Bytes; 0: there is no memory even for the beginning. */
static size_t draw_up(struct zu_stats_file *f)
{
    size_t used = sizeof(struct zuring_stats_header);
    struct zuring_context_stats sum;
    bool held;

    if (!make_room(f, 0, used))
        return 0;
    *header(f) = (struct zuring_stats_header){
        .magic = {'z', 'u', 's', 't', 'a', 't', 's', '1'},
        .pid = (uint64_t)getpid(),
        .loops = {.size = sizeof(struct zuring_loop_stats)},
        .sockets = {.size = sizeof(struct zuring_socket_stats)},
        .connections = {.size = sizeof(struct zuring_connection_stats)},
        .context = {.size = sizeof(struct zuring_context_stats)}};
    pthread_mutex_lock(&f->ctx->lock);
    zu_stats_closed(f->ctx, &sum);
    used = add_loops(f, used);
    held = hold_sockets(f);
    pthread_mutex_unlock(&f->ctx->lock);
    if (!held)
        return 0;
    used = add_sockets(f, used, &sum);
    used = add_context(f, used, &sum);
    used = add_connections(f, used);
    drop_sockets(f);
    return used;
}

/* ---- the file ---- */

static bool back(struct zu_stats_file *f, size_t size)
{
    size_t more;

    if (size <= f->backed)
        return true;
    more = (size - f->backed + STEP - 1) / STEP * STEP;
    if (fallocate(f->fd, 0, (off_t)f->backed, (off_t)more) < 0)
        return false;
    f->backed += more;
    return true;
}

static void publish(struct zu_stats_file *f)
{
    struct zuring_stats_header *h, *to = (void *)f->map;
    size_t used = draw_up(f), skip = sizeof to->magic + sizeof to->sequence;

    if (used == 0)
        return;
    h = header(f);
    if (!back(f, used)) { /* what there is memory for: no connections */
        h->connections.count = 0;
        used = (size_t)h->connections.at;
        if (!back(f, used))
            return;
    }
    h->size = used;
    h->updated_ns = zu_now_ns();
    /* Release, twice, for other processes: between odd and even the rest may be half written. */
    __atomic_store_n(&to->sequence, to->sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    memcpy(to->magic, h->magic, sizeof to->magic);
    memcpy(f->map + skip, f->draft + skip, used - skip);
    __atomic_store_n(&to->sequence, to->sequence + 1, __ATOMIC_RELEASE);
}

static void *run(void *self)
{
    struct zu_stats_file *f = self;
    struct timespec until;
    uint64_t begun, rest;

    pthread_mutex_lock(&f->lock);
    while (!f->stopping) {
        pthread_mutex_unlock(&f->lock);
        begun = zu_now_ns();
        publish(f);
        rest = ZU_MAX((zu_now_ns() - begun) * REST, PERIOD_MS * UINT64_C(1000000));
        rest = ZU_MIN(rest, PERIOD_MAX_MS * UINT64_C(1000000)) + zu_now_ns();
        until.tv_sec = (time_t)(rest / 1000000000);
        until.tv_nsec = (long)(rest % 1000000000);
        pthread_mutex_lock(&f->lock);
        while (!f->stopping && pthread_cond_timedwait(&f->stop, &f->lock, &until) == 0)
            continue;
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static int make_file(struct zu_stats_file *f)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

    f->fd = (int)syscall(SYS_memfd_create, "zuring-stats", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (f->fd < 0)
        return -errno;
    f->map = MAP_FAILED;
    if (ftruncate(f->fd, ROOM_MAX) < 0 || !back(f, STEP))
        return -errno;
    f->map = mmap(NULL, ROOM_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
    if (f->map == MAP_FAILED)
        return -errno;
    madvise(f->map, ROOM_MAX, MADV_DONTFORK);
    if (fcntl(f->fd, F_ADD_SEALS, seals | F_SEAL_FUTURE_WRITE) < 0 &&
        fcntl(f->fd, F_ADD_SEALS, seals) < 0)
        return -errno;
    return 0;
}

static int start_thread(struct zu_stats_file *f)
{
    int rc = zu_thread_start(&f->thread, run, f);

    if (rc == 0)
        pthread_setname_np(f->thread, "ZMQbg/Stats");
    return rc;
}

static void fini(struct zu_stats_file *f)
{
    if (f->map && f->map != MAP_FAILED)
        munmap(f->map, ROOM_MAX);
    if (f->fd >= 0)
        close(f->fd);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->stop);
    zu_free(f->draft);
    zu_free(f->held);
    zu_free(f);
}

int zu_stats_file_start(struct zu_stats_file **out, struct zu_ctx *ctx)
{
    struct zu_stats_file *f = zu_alloc_zero(sizeof *f);
    pthread_condattr_t monotonic;
    int rc;

    if (!f)
        return -ENOMEM;
    f->ctx = ctx;
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&f->stop, &monotonic);
    pthread_condattr_destroy(&monotonic);
    rc = make_file(f);
    if (rc == 0) {
        publish(f); /* whoever finds the file finds numbers in it */
        rc = start_thread(f);
    }
    if (rc < 0) {
        fini(f);
        return rc;
    }
    *out = f;
    return 0;
}

void zu_stats_file_stop(struct zu_stats_file *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    pthread_cond_signal(&f->stop);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    fini(f);
}
