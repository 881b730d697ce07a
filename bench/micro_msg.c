/* SPDX-License-Identifier: Apache-2.0 */
/* micro_msg: twin of engine/core/msg: what it costs to make, share and close a message. */
#include "bench/gbench.h"
#include "engine/core/msg.h"

enum { BATCH = 64 };

static void make_and_close(struct gbench *g)
{
    size_t size = (size_t)gbench_arg(g);
    struct zu_msg m;

    while (gbench_next(g, BATCH)) {
        for (int i = 0; i < BATCH; i++) {
            if (zu_msg_init_size(&m, size)) {
                gbench_fail(g, "no memory");
                return;
            }
            gbench_keep(&m);
            zu_msg_close(&m);
        }
    }
}

static void share_and_close(struct gbench *g)
{
    struct zu_msg m, copy;

    if (zu_msg_init_size(&m, (size_t)gbench_arg(g))) {
        gbench_fail(g, "no memory");
        return;
    }
    while (gbench_next(g, BATCH)) {
        for (int i = 0; i < BATCH; i++) {
            zu_msg_share(&copy, &m);
            gbench_keep(&copy);
            zu_msg_close(&copy);
        }
    }
    zu_msg_close(&m);
}

int main(int argc, char **argv)
{
    static const int64_t sizes[] = {16, 33, 34, 1024, 65536};

    gbench_add_args("msg_make_and_close", make_and_close, sizes, 5);
    gbench_add_args("msg_share_and_close", share_and_close, sizes, 5);
    return gbench_main(argc, argv);
}
