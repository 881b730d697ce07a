/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch: a descriptor whose bytes the loop does not ask for: it is told that there are some, unless
 * a caller, who looks after them himself, has put the watch out. The real kernel's: an epoll set,
 * whose own readiness is what the loop polls for. Each sight puts the watch out.
 * Thread: see zu_kernel_table.watch.
 */
#ifndef ZU_IO_WATCH_H
#define ZU_IO_WATCH_H

#include "engine/io/kernel.h"

int zu_kernel_watch(struct zu_kernel *k, struct zu_watch *w, enum zu_watching how);
/* Loop thread, when nothing is watched any more, before the boundary is closed. */
void zu_kernel_unwatch_all(struct zu_kernel *k);

#endif
