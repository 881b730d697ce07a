/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro_pipe: twin of engine/core/pipe: a message written, flushed and read, with its water marks
 * and the commands between the ends. The argument is how many are written for each flush.
 */
#include "bench/gbench.h"
#include "engine/core/pipe.h"

static void nothing(struct zu_pipe *p)
{
    gbench_keep(p);
}

static void no_wake(struct zu_mailbox *box)
{
    gbench_keep(box);
}

/* The writer closes first; the reader hears of it and has to close, too. */
static void close_too(struct zu_pipe *p)
{
    zu_pipe_close(p, 0);
}

static const struct zu_pipe_sink sink = {
    .attached = nothing,
    .readable = nothing,
    .writable = nothing,
    .hiccuped = nothing,
    .ended = close_too,
};

static void pass(struct gbench *g, struct zu_pipe *ends[2], struct zu_mailbox box[2])
{
    int64_t batch = gbench_arg(g);
    struct zu_msg m;

    zu_msg_init(&m);
    while (gbench_next(g, batch)) {
        for (int64_t i = 0; i < batch; i++) {
            m.small_size = 16;
            if (zu_pipe_write(ends[0], &m)) {
                gbench_fail(g, "a message was refused");
                return;
            }
        }
        zu_pipe_flush(ends[0]);
        zu_mailbox_run(&box[1]);
        while (zu_pipe_read(ends[1], &m) == 0)
            zu_msg_close(&m);
        zu_msg_init(&m);
        zu_mailbox_run(&box[0]);
    }
}

static void write_flush_read(struct gbench *g)
{
    struct zu_pipe_end spec[2];
    struct zu_mailbox box[2];
    struct zu_pipe *ends[2];

    for (int i = 0; i < 2; i++) {
        zu_mailbox_init(&box[i], no_wake);
        spec[i] = (struct zu_pipe_end){&sink, NULL, &box[i], 1000, 1000, false};
    }
    if (zu_pipe_new(ends, spec)) {
        gbench_fail(g, "no memory");
        return;
    }
    pass(g, ends, box);
    zu_pipe_close(ends[0], 0);
    zu_mailbox_run(&box[1]);
    zu_mailbox_run(&box[0]);
    for (int i = 0; i < 2; i++)
        zu_mailbox_close(&box[i]);
}

int main(int argc, char **argv)
{
    static const int64_t batches[] = {1, 16, 256};

    gbench_add_args("pipe_write_flush_read", write_flush_read, batches, 3);
    return gbench_main(argc, argv);
}
