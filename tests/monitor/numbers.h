/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numbers: those of a socket, and of the one connection that it has, or the one end without
 * connections.
 * Thread: the test's main thread.
 */
#ifndef ZU_TESTS_MONITOR_NUMBERS_H
#define ZU_TESTS_MONITOR_NUMBERS_H

#include "include/zuring.h"
#include "tests/support/pair.h"

static inline struct zuring_socket_stats of(void *socket)
{
    struct zuring_socket_stats stats;

    OK(zuring_stats_socket(socket, &stats, sizeof stats));
    return stats;
}

static inline struct zuring_connection_stats only_connection(void *socket)
{
    struct zuring_connection_stats one;

    cr_assert_eq(zuring_stats_connections(socket, &one, sizeof one, 1), 1);
    return one;
}

#endif
