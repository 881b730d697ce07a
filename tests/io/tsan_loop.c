/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the thread sanitizer: loops that are posted to and woken by several threads, that carry bytes
 * between two of them, and that end while the last wake-up is still on its way.
 */
#include "engine/io/loop.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS 4
#define POSTS   3000
#define LIVES   200
#define TURNS   500

static int failures;

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static struct zu_loop *made(const struct zu_kernel_table *table)
{
    const struct zu_loop_config config = {
        .kernel = table, .name = "tsan", .sched_policy = -1, .sched_priority = -1};
    struct zu_loop *loop = NULL;

    CHECK(zu_loop_new(&loop, &config) == 0);
    return loop;
}

/* Each thread's own command; what it writes before a post must be seen by the run. */
struct poster {
    struct zu_cmd cmd;
    struct zu_loop *loop;
    unsigned written, read; /* plain on purpose */
    _Atomic unsigned ran;
};

static void heard(struct zu_cmd *cmd)
{
    struct poster *p = zu_container_of(cmd, struct poster, cmd);

    p->read = p->written;
    atomic_store(&p->ran, p->read);
}

static void *post_often(void *arg)
{
    struct poster *p = arg;
    unsigned seed = 11;

    for (unsigned i = 1; i <= POSTS; i++) {
        p->written = i;
        CHECK(zu_mailbox_post(&p->loop->box, &p->cmd) == ZU_POSTED);
        if (rand_r(&seed) % 8 == 0)
            sched_yield();
        while (atomic_load(&p->ran) != i)
            sched_yield();
    }
    return NULL;
}

static void posts_from_many_threads(const struct zu_kernel_table *table)
{
    struct zu_loop *loop = made(table);
    struct poster p[THREADS] = {0};
    struct zu_loop_stats stats;
    pthread_t t[THREADS];

    for (int i = 0; i < THREADS; i++) {
        p[i].cmd.run = heard;
        p[i].loop = loop;
        pthread_create(&t[i], NULL, post_often, &p[i]);
    }
    for (int i = 0; i < 100; i++)
        zu_loop_stats(loop, &stats); /* any thread may, at any time */
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        CHECK(p[i].read == POSTS);
    }
    zu_loop_free(loop);
}

/* The poster hears that its command ran while it may still be waking; the loop is freed at once. */
static void *post_once(void *arg)
{
    struct poster *p = arg;

    p->written = 1;
    zu_mailbox_post(&p->loop->box, &p->cmd);
    return NULL;
}

static void loops_that_end_during_a_wake(const struct zu_kernel_table *table)
{
    for (int i = 0; i < LIVES; i++) {
        struct poster p = {.cmd.run = heard, .loop = made(table)};
        pthread_t t;

        pthread_create(&t, NULL, post_once, &p);
        while (atomic_load(&p.ran) != 1)
            sched_yield();
        zu_loop_free(p.loop);
        pthread_join(t, NULL);
    }
}

/* A ball between two loops. */
struct player {
    struct zu_cmd begin, end;
    struct zu_loop *loop;
    struct zu_op recv, send;
    int fd;
    unsigned turns;
    _Atomic bool over, gone;
};

static void player_recv(struct player *p)
{
    p->loop->kernel->table->recv_block(p->loop->kernel, &p->recv, p->fd);
}

static void player_send(struct player *p)
{
    p->loop->kernel->table->send(p->loop->kernel, &p->send, p->fd, "b", 1);
}

static void player_sent(struct zu_op *op, int res, uint32_t flags)
{
    struct player *p = zu_container_of(op, struct player, send);

    (void)flags;
    CHECK(res == 1);
    if (p->turns == TURNS)
        atomic_store(&p->over, true);
    else
        player_recv(p);
}

static void player_got(struct zu_op *op, int res, uint32_t flags)
{
    struct player *p = zu_container_of(op, struct player, recv);

    CHECK(res == 1 && flags & ZU_OP_BLOCK);
    zu_kernel_give_block(p->loop->kernel, zu_kernel_block(op));
    p->turns++;
    player_send(p);
}

static void player_begin(struct zu_cmd *cmd)
{
    player_recv(zu_container_of(cmd, struct player, begin));
}

static void player_end(struct zu_cmd *cmd)
{
    struct player *p = zu_container_of(cmd, struct player, end);

    p->loop->kernel->table->forget(p->loop->kernel, p->fd);
    close(p->fd);
    atomic_store(&p->gone, true);
}

static void a_ball_between_two_loops(const struct zu_kernel_table *table)
{
    struct player p[2] = {0};
    int sv[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv) == 0);
    for (int i = 0; i < 2; i++) {
        p[i].begin.run = player_begin;
        p[i].end.run = player_end;
        p[i].loop = made(table);
        p[i].recv.done = player_got;
        p[i].send.done = player_sent;
        p[i].fd = sv[i];
        zu_loop_post(p[i].loop, &p[i].begin);
    }
    CHECK(write(sv[0], "b", 1) == 1); /* the throw-in */
    while (!atomic_load(&p[1].over))
        sched_yield();
    while (!atomic_load(&p[0].over)) /* the ball comes back once more */
        sched_yield();
    for (int i = 0; i < 2; i++) {
        zu_loop_post(p[i].loop, &p[i].end);
        while (!atomic_load(&p[i].gone))
            sched_yield();
        zu_loop_free(p[i].loop);
    }
}

int main(void)
{
    const char *reason;
    const struct zu_kernel_table *tables[] = {&zu_kernel_ready,
                                              zu_kernel_choose("io_uring", &reason)};

    for (size_t i = 0; i < zu_array_len(tables); i++) {
        posts_from_many_threads(tables[i]);
        loops_that_end_during_a_wake(tables[i]);
        a_ball_between_two_loops(tables[i]);
    }
    return failures != 0;
}
