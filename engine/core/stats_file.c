/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread wakes ten times a second, gathers the numbers into memory of its own, and copies them
 * into the file between two steps of `sequence`. So those who count pay nothing, and a reader is
 * never waited for. It can do no harm: the file is sealed against being made shorter, which would
 * end us at the next write, and against anybody else's writes. Memory is asked for (fallocate)
 * before it is touched, so that having none is an error and not a signal; then what has no room is
 * left out, connections first.
 */
#include "engine/core/stats_file.h"

#include "engine/base/alloc.h"
#include "engine/base/clock.h"
#include "engine/core/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

enum {
    PERIOD_MS = 100,
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

static size_t add_loops(struct zu_stats_file *f, size_t used)
{
    struct zuring_stats_header *h;
    size_t size = f->ctx->loop_count * sizeof(struct zuring_loop_stats);

    if (!make_room(f, used, size))
        return used;
    for (size_t i = 0; i < f->ctx->loop_count; i++)
        zu_stats_loop(f->ctx->loops[i], (struct zuring_loop_stats *)(void *)(f->draft + used) + i);
    h = (void *)f->draft;
    h->loops.at = used;
    h->loops.count = f->ctx->loop_count;
    return used + size;
}

static size_t add_context(struct zu_stats_file *f, size_t used)
{
    struct zuring_stats_header *h;
    size_t size = sizeof(struct zuring_context_stats);

    if (!make_room(f, used, size))
        return used;
    zu_stats_context_held(f->ctx, (void *)(f->draft + used));
    h = (void *)f->draft;
    h->context.at = used;
    h->context.count = 1;
    return used + size;
}

static size_t add_sockets(struct zu_stats_file *f, size_t used)
{
    struct zuring_stats_header *h = (void *)f->draft;

    h->sockets.at = used;
    zu_list_each(it, &f->ctx->sockets)
    {
        struct zu_socket *s = zu_container_of(it, struct zu_socket, in_ctx);

        if (!make_room(f, used, sizeof(struct zuring_socket_stats)))
            break;
        zu_stats_socket(s, (void *)(f->draft + used));
        used += sizeof(struct zuring_socket_stats);
        h = (void *)f->draft;
        h->sockets.count++;
    }
    return used;
}

static size_t add_connections(struct zu_stats_file *f, size_t used)
{
    struct zuring_stats_header *h = (void *)f->draft;

    h->connections.at = used;
    zu_list_each(it, &f->ctx->sockets)
    {
        struct zu_socket *s = zu_container_of(it, struct zu_socket, in_ctx);
        size_t one = sizeof(struct zuring_connection_stats);
        size_t count = zu_stats_connections(s, NULL, 0), there;

        if (!make_room(f, used, count * one))
            break;
        there = zu_stats_connections(s, (void *)(f->draft + used), count);
        there = ZU_MIN(there, count);
        used += there * one;
        h = (void *)f->draft;
        h->connections.count += there;
    }
    return used;
}

/* Bytes; 0: there is no memory even for the beginning. */
static size_t draw_up(struct zu_stats_file *f)
{
    size_t used = sizeof(struct zuring_stats_header);

    if (!make_room(f, 0, used))
        return 0;
    *(struct zuring_stats_header *)(void *)f->draft = (struct zuring_stats_header){
        .magic = {'z', 'u', 's', 't', 'a', 't', 's', '1'},
        .pid = (uint64_t)getpid(),
        .loops = {.at = used, .size = sizeof(struct zuring_loop_stats)},
        .sockets = {.at = used, .size = sizeof(struct zuring_socket_stats)},
        .connections = {.at = used, .size = sizeof(struct zuring_connection_stats)},
        .context = {.at = used, .size = sizeof(struct zuring_context_stats)}};
    pthread_mutex_lock(&f->ctx->lock);
    used = add_context(f, used);
    used = add_loops(f, used);
    used = add_sockets(f, used);
    used = add_connections(f, used);
    pthread_mutex_unlock(&f->ctx->lock);
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
    struct zuring_stats_header *h = (void *)f->draft, *to = (void *)f->map;
    size_t used = draw_up(f), skip = sizeof to->magic + sizeof to->sequence;

    if (used == 0)
        return;
    h = (void *)f->draft;
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

    pthread_mutex_lock(&f->lock);
    while (!f->stopping) {
        pthread_mutex_unlock(&f->lock);
        publish(f);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += PERIOD_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_mutex_lock(&f->lock);
        while (!f->stopping && pthread_cond_timedwait(&f->stop, &f->lock, &until) == 0)
            continue;
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static int make_file(struct zu_stats_file *f)
{
    int seals = F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE;

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
    if (fcntl(f->fd, F_ADD_SEALS, seals) < 0 && fcntl(f->fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
        return -errno;
    return 0;
}

static int start_thread(struct zu_stats_file *f)
{
    sigset_t all, old;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&f->thread, NULL, run, f);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0)
        pthread_setname_np(f->thread, "ZMQbg/Stats");
    return -rc;
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
    if (rc == 0)
        rc = start_thread(f);
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
