/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch: what a socket's monitor says, as text: "NAME=value@endpoint".
 * Thread: the thread that owns the reader.
 */
#ifndef ZU_TESTS_MONITOR_WATCH_H
#define ZU_TESTS_MONITOR_WATCH_H

#include "tests/support/pair.h"

enum { WATCH_QUIET_MS = 60 }; /* how long nothing may come: a mistake comes at once or not at all */

/* Has the socket monitored under a new name (valid until the process ends); a reader of it. */
const char *watch_name(void);
void *watch_reader(int type, const char *name);
void *watch(void *socket, int events);

/* The next event; "!EAGAIN" and its like when there is none in time. Valid for the next calls. */
const char *watch_next(void *reader, int flags);
const char *watch_next_v2(void *reader, int flags); /* "NAME=value@local>remote"; value,value */

/*
 * The next events are these, in this order: names with blanks between; NAME=value and
 * NAME=value@endpoint where that is to be checked, with * for any value.
 */
#define EVENTS(reader, ...)                                                                        \
    watch_expect_at(__FILE__, __LINE__, (reader), watch_next, test_text(__VA_ARGS__))
#define EVENTS_V2(reader, ...)                                                                     \
    watch_expect_at(__FILE__, __LINE__, (reader), watch_next_v2, test_text(__VA_ARGS__))
#define NO_EVENT(reader) watch_expect_quiet_at(__FILE__, __LINE__, (reader))

void watch_expect_at(const char *file, int line, void *reader,
                     const char *(*next)(void *reader, int flags), const char *expected);
void watch_expect_quiet_at(const char *file, int line, void *reader);

#endif
