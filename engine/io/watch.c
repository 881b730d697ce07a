/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set is made with the first watch, and its poll is started again after each sight. A watch
 * that is put out while its sight is under way is told nevertheless: who watches looks whether it
 * is his turn.
 */
#include "engine/io/watch.h"

#include "engine/base/alloc.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { SIGHTS = 16, CLOSE_TRIES = 100, CLOSE_WAIT_US = 10000 };

struct zu_watches {
    struct zu_op op;
    struct zu_kernel *k;
    int fd;
    bool ending;
};

static void seen(struct zu_op *op, int res, uint32_t flags)
{
    struct zu_watches *all = zu_container_of(op, struct zu_watches, op);
    struct epoll_event sights[SIGHTS];
    int n;

    (void)res;
    (void)flags;
    if (all->ending)
        return;
    n = epoll_wait(all->fd, sights, SIGHTS, 0);
    for (int i = 0; i < n; i++) {
        struct zu_watch *w = sights[i].data.ptr;

        w->seen(w);
    }
    all->k->table->poll(all->k, op, all->fd, POLLIN);
}

static int make_set(struct zu_kernel *k)
{
    struct zu_watches *all = zu_alloc_zero(sizeof *all);
    int rc;

    if (!all)
        return -ENOMEM;
    all->fd = epoll_create1(EPOLL_CLOEXEC);
    if (all->fd < 0) {
        rc = -errno;
        zu_free(all);
        return rc;
    }
    all->k = k;
    all->op.done = seen;
    k->watches = all;
    k->table->poll(k, &all->op, all->fd, POLLIN);
    return 0;
}

int zu_kernel_watch(struct zu_kernel *k, struct zu_watch *w, enum zu_watching how)
{
    static const int calls[] = {
        [ZU_WATCH_BEGIN] = EPOLL_CTL_ADD,
        [ZU_WATCH_ON] = EPOLL_CTL_MOD,
        [ZU_WATCH_OUT] = EPOLL_CTL_MOD,
        [ZU_WATCH_END] = EPOLL_CTL_DEL,
    };
    struct epoll_event ev = {.events = EPOLLONESHOT, .data.ptr = w};
    int rc = k->watches ? 0 : make_set(k);

    if (rc < 0)
        return rc;
    if (how == ZU_WATCH_ON)
        ev.events |= EPOLLIN | EPOLLRDHUP;
    return epoll_ctl(k->watches->fd, calls[how], w->fd, &ev) < 0 ? -errno : 0;
}

void zu_kernel_unwatch_all(struct zu_kernel *k)
{
    struct zu_watches *all = k->watches;

    if (!all)
        return;
    all->ending = true;
    k->table->cancel(k, &all->op);
    for (int i = 0; i < CLOSE_TRIES && all->op.kind != ZU_OP_IDLE; i++)
        k->table->enter(k, CLOSE_WAIT_US);
    close(all->fd);
    k->watches = NULL;
    if (all->op.kind == ZU_OP_IDLE) /* else the kernel has it still: rather lost than used again */
        zu_free(all);
}
