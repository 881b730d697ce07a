/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads at the two ends of a pipe with small water marks, each writing and reading numbered
 * messages and sleeping by its mailbox when it can do neither. All must arrive in order, and nobody
 * may sleep for ever.
 */
#include "engine/core/pipe.h"
#include "engine/core/waiter.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MESSAGES = 200000 };

struct side {
    struct zu_mailbox box;
    struct zu_waiter waiter;
    struct zu_pipe *pipe;
    uint64_t written, read;
    unsigned seed;
    bool ended;
    const char *fault;
};

static void wake(struct zu_mailbox *box)
{
    zu_waiter_wake(&zu_container_of(box, struct side, box)->waiter);
}

static void nothing(struct zu_pipe *p)
{
    (void)p;
}

static void on_ended(struct zu_pipe *p)
{
    struct side *s = p->owner;

    s->ended = true;
    zu_pipe_close(p, 0);
}

static const struct zu_pipe_sink sink = {
    .attached = nothing, .readable = nothing, .writable = nothing, .ended = on_ended};

static bool write_some(struct side *s)
{
    unsigned most = 1 + rand_r(&s->seed) % 50;
    bool any = false;

    while (s->written < MESSAGES && most-- > 0) {
        struct zu_msg m;

        zu_msg_init_copy(&m, &s->written, sizeof s->written);
        if (zu_pipe_write(s->pipe, &m) < 0) {
            zu_msg_close(&m);
            break;
        }
        s->written++;
        any = true;
    }
    zu_pipe_flush(s->pipe);
    return any;
}

static bool read_some(struct side *s)
{
    unsigned most = 1 + rand_r(&s->seed) % 50;
    bool any = false;
    struct zu_msg m;

    while (s->read < MESSAGES && most-- > 0 && zu_pipe_read(s->pipe, &m) == 0) {
        if (memcmp(zu_msg_data(&m), &s->read, sizeof s->read) != 0)
            s->fault = "out of order";
        zu_msg_close(&m);
        s->read++;
        any = true;
    }
    return any;
}

static void sleep_once(struct side *s)
{
    zu_waiter_reset(&s->waiter);
    if (zu_mailbox_sleep(&s->box))
        zu_waiter_wait(&s->waiter, NULL, 0, UINT64_MAX, NULL);
    zu_mailbox_awake(&s->box);
}

static void *run(void *arg)
{
    struct side *s = arg;

    while (!s->fault && (s->written < MESSAGES || s->read < MESSAGES)) {
        zu_mailbox_run(&s->box);
        bool wrote = write_some(s), got = read_some(s);

        if (!wrote && !got)
            sleep_once(s);
    }
    return NULL;
}

int main(void)
{
    static struct side side[2];
    struct zu_pipe_end spec[2];
    struct zu_pipe *ends[2];
    pthread_t thread;

    for (int i = 0; i < 2; i++) {
        zu_mailbox_init(&side[i].box, wake);
        zu_waiter_init(&side[i].waiter);
        side[i].seed = (unsigned)i + 1;
        spec[i] = (struct zu_pipe_end){
            .sink = &sink, .owner = &side[i], .box = &side[i].box, .in_hwm = 30, .out_hwm = 34};
    }
    if (zu_pipe_new(ends, spec) < 0)
        return 1;
    side[0].pipe = ends[0];
    side[1].pipe = ends[1];
    pthread_create(&thread, NULL, run, &side[1]);
    run(&side[0]);
    pthread_join(thread, NULL);
    zu_pipe_close(ends[0], 0);
    zu_mailbox_run(&side[1].box);
    if (!side[1].ended)
        side[0].fault = "the other end did not hear the end";
    for (int i = 0; i < 2; i++) {
        zu_mailbox_close(&side[i].box);
        zu_waiter_fini(&side[i].waiter);
        if (side[i].fault)
            fprintf(stderr, "side %d: %s\n", i, side[i].fault);
    }
    return side[0].fault || side[1].fault;
}
