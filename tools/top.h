/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top: what a process that keeps ZURING_STATS_FILE does. top.c has the options and the loop,
 * top_file.c reads, top_show.c draws for people, top_words.c writes for programs, top_serve.c
 * serves.
 * Thread: the program's only one. Owner: the caller.
 */
#ifndef ZU_TOOLS_TOP_H
#define ZU_TOOLS_TOP_H

#include "include/zuring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* Every number: its name, counter or gauge (C, G), and what it is, for Prometheus. */
#define TOP_LOOP_FIELDS(X)                                                                         \
    X(rounds, C, "Times the I/O thread went through its work")                                     \
    X(connections, G, "Connections that live on the I/O thread")                                   \
    X(enters, C, "System calls that handed over work or waited")                                   \
    X(completions, C, "Requests that the kernel completed")                                        \
    X(recvs, C, "Receives that brought bytes")                                                     \
    X(recv_bytes, C, "Bytes received")                                                             \
    X(sends, C, "Sends that took bytes")                                                           \
    X(send_bytes, C, "Bytes sent")                                                                 \
    X(short_sends, C, "Sends that took a part only")                                               \
    X(block_shortages, C, "Receives that found no free memory")                                    \
    X(wakes, C, "Times another thread woke the I/O thread")                                        \
    X(zero_copy_sends, C, "Sends without a copy")                                                  \
    X(zero_copy_copied, C, "Of these, those that the kernel copied after all")

#define TOP_CONTEXT_FIELDS(X)                                                                      \
    X(sockets, G, "Open sockets")                                                                  \
    X(closing, G, "Closed sockets that still do something")                                        \
    X(closed, C, "Closed sockets that do no more")                                                 \
    X(sent, C, "Messages handed to peers")                                                         \
    X(received, C, "Messages that the application has taken")                                      \
    X(bytes_out, C, "Bytes sent")                                                                  \
    X(bytes_in, C, "Bytes received")                                                               \
    X(out_waiting, G, "Messages that wait to be sent")                                             \
    X(in_waiting, G, "Messages that wait for the application")                                     \
    X(dropped_water_mark, C, "Messages dropped as a peer's pipe was full")                         \
    X(dropped_no_route, C, "Messages dropped as there was nobody to get them")                     \
    X(dropped_conflated, C, "Messages replaced by newer ones")                                     \
    X(dropped_filtered, C, "Messages that were not subscribed to")                                 \
    X(dropped_oversized, C, "Messages that were too large, and cost their peer the connection")    \
    X(dropped_lost, C, "Messages lost with what carried them")                                     \
    X(dropped_unexpected, C, "Messages received that the socket type had no use for")              \
    X(reconnects, C, "Times a lost connection came back")                                          \
    X(events_lost, C, "Events that no monitor or function was told of, for want of room or time")

#define TOP_SOCKET_FIELDS(X)                                                                       \
    X(connections, G, "Live connections")                                                          \
    X(sent, C, "Messages handed to peers")                                                         \
    X(received, C, "Messages that the application has taken")                                      \
    X(bytes_out, C, "Bytes sent")                                                                  \
    X(bytes_in, C, "Bytes received")                                                               \
    X(out_waiting, G, "Messages that wait to be sent")                                             \
    X(in_waiting, G, "Messages that wait for the application")                                     \
    X(out_most, G, "Most message parts that ever waited to be sent to one peer")                   \
    X(in_most, G, "Most message parts of one peer that ever waited for the application")           \
    X(dropped_water_mark, C, "Messages dropped as a peer's pipe was full")                         \
    X(dropped_no_route, C, "Messages dropped as there was nobody to get them")                     \
    X(dropped_conflated, C, "Messages replaced by newer ones")                                     \
    X(dropped_filtered, C, "Messages that were not subscribed to")                                 \
    X(dropped_oversized, C, "Messages that were too large, and cost their peer the connection")    \
    X(dropped_lost, C, "Messages lost with what carried them")                                     \
    X(dropped_unexpected, C, "Messages received that the socket type had no use for")              \
    X(reconnects, C, "Times a lost connection came back")                                          \
    X(events_lost, C, "Events that no monitor or function was told of, for want of room or time")

#define TOP_CONNECTION_FIELDS(X)                                                                   \
    X(sent, C, "Messages handed to the peer")                                                      \
    X(received, C, "Messages of the peer that the application has taken")                          \
    X(bytes_out, C, "Bytes sent")                                                                  \
    X(bytes_in, C, "Bytes received")                                                               \
    X(out_waiting, G, "Messages that wait to be sent")                                             \
    X(in_waiting, G, "Messages that wait for the application")                                     \
    X(out_most, G, "Most message parts that ever waited to be sent")                               \
    X(in_most, G, "Most message parts that ever waited for the application")                       \
    X(dropped_water_mark, C, "Messages dropped as the pipe was full")                              \
    X(dropped_conflated, C, "Messages replaced by newer ones")                                     \
    X(dropped_oversized, C, "Messages that were too large, and cost the peer the connection")      \
    X(dropped_lost, C, "Messages lost with what carried them")                                     \
    X(reconnects, C, "Times the lost connection came back")

/* One look at one context. */
struct top_view {
    size_t number; /* of the context among the process's, as long as it lives */
    struct zuring_stats_header head;
    struct zuring_loop_stats *loops;
    struct zuring_socket_stats *sockets;
    struct zuring_connection_stats *connections;
    struct zuring_context_stats *context; /* one, or none */
};

enum { TOP_FILES_MAX = 16 };

/* One context's: it keeps its place, so that figures of two looks belong together. */
struct top_file {
    int fd; /* -1: the context is gone; the place is free */
    uint64_t inode;
};

/* A process, and its files. */
struct top_process {
    pid_t pid, own_pid; /* for us, and for itself */
    char name[64];
    struct top_file files[TOP_FILES_MAX];
};

/* top_file.c. 0; -ESRCH: no such process; -EACCES; -ENOENT: it keeps no file. */
int top_attach(struct top_process *p, pid_t pid);
/* Looks what files there are now; the same, and on -ESRCH and -EACCES they stay as they were. */
int top_refresh(struct top_process *p);
void top_detach(struct top_process *p);
size_t top_count(const struct top_process *p); /* files */
/* Has nothing in it that is no UTF-8, or that a terminal obeys; room is that of the array. */
void top_tidy_text(char *text, size_t room);
bool top_is_alive(const struct top_process *p); /* a zombie is not */
/* A whole copy; 0, -EPROTO: not what it should be, -EAGAIN: never at rest, -ENOMEM. */
int top_look(struct top_view *out, int file);
void top_forget(struct top_view *v);
uint64_t top_age_ms(const struct top_view *v); /* since the process last wrote */
const char *top_type_name(uint64_t type);
/* What hurts: not what was filtered. */
uint64_t top_dropped(const struct zuring_socket_stats *s);
uint64_t top_dropped_at(const struct zuring_connection_stats *c);

/* top_show.c. Rates are of what came between the two looks; `rows` 0: all. */
void top_show(FILE *to, const struct top_process *p, const struct top_view *now,
              const struct top_view *before, size_t rows);
/* top_words.c */
void top_json(FILE *to, const struct top_process *p, const struct top_view *views, size_t count);
/* `up`: it has written all of them a moment ago. */
void top_prometheus(FILE *to, const struct top_process *p, const struct top_view *views,
                    size_t count, bool up);
/* top_serve.c. Does not return unless it cannot serve: a status for exit. */
int top_serve(struct top_process *p, const char *address, const char *port);

int top_main(int argc, char **argv);

#endif
