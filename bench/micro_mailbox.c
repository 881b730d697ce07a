/* SPDX-License-Identifier: Apache-2.0 */
/* micro_mailbox: twin of engine/base/mailbox: a command posted and run, alone and in a batch. */
#include "bench/gbench.h"
#include "engine/base/mailbox.h"

enum { BATCH_MAX = 256 };

static void nothing(struct zu_cmd *cmd)
{
    gbench_keep(cmd);
}

static void no_wake(struct zu_mailbox *box)
{
    gbench_keep(box);
}

static void post_and_run(struct gbench *g)
{
    static struct zu_cmd cmd[BATCH_MAX];
    int64_t batch = gbench_arg(g);
    struct zu_mailbox box;

    zu_mailbox_init(&box, no_wake);
    for (int i = 0; i < BATCH_MAX; i++)
        cmd[i].run = nothing;
    while (gbench_next(g, batch)) {
        for (int64_t i = 0; i < batch; i++)
            zu_mailbox_post(&box, &cmd[i]);
        zu_mailbox_run(&box);
    }
    zu_mailbox_close(&box);
}

/* The owner says asleep, the post wakes it: what a lone command pays on top. */
static void sleep_and_post(struct gbench *g)
{
    static struct zu_cmd cmd = {.run = nothing};
    struct zu_mailbox box;

    zu_mailbox_init(&box, no_wake);
    while (gbench_next(g, 1)) {
        zu_mailbox_sleep(&box);
        zu_mailbox_post(&box, &cmd);
        zu_mailbox_run(&box);
    }
    zu_mailbox_close(&box);
}

int main(int argc, char **argv)
{
    static const int64_t batches[] = {1, 16, BATCH_MAX};

    gbench_add_args("mailbox_post_and_run", post_and_run, batches, 3);
    gbench_add("mailbox_sleep_and_post", sleep_and_post);
    return gbench_main(argc, argv);
}
