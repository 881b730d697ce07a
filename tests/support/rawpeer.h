/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rawpeer: a peer that says and expects exactly the bytes of a script, opposite to a real socket.
 * Blocking; nothing waits longer than a deadline, and what does not hold fails the test with the
 * bytes side by side. Bytes are written as in tests/support/hex.h.
 * Thread: the test's. Owner: the test; a process that ends gives everything back.
 */
#ifndef ZU_TESTS_SUPPORT_RAWPEER_H
#define ZU_TESTS_SUPPORT_RAWPEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RAW_DEADLINE_MS = 60000,
    RAW_QUIET_MS = 60, /* how long nothing may come: a mistake comes at once or not at all */
};

/* Connections: all return a descriptor. Endpoints are tcp://127.0.0.1:port or ipc://path. */
int raw_listen(bool ipc, char *endpoint, size_t size); /* fills in where */
int raw_accept(int listener);
int raw_dial(const char *endpoint);
void raw_close(int *fd);

/* A peer that has hung up already is no error here; what is expected next will tell. */
void raw_send_bytes(int fd, const void *bytes, size_t size);
void raw_send(int fd, const char *hex);
void raw_drip(int fd, const char *hex); /* each byte in a packet of its own */

/* The next bytes are these. */
#define raw_expect(fd, hex) raw_expect_at(__FILE__, __LINE__, (fd), (hex))
#define raw_expect_bytes(fd, bytes, size)                                                          \
    raw_expect_bytes_at(__FILE__, __LINE__, (fd), (bytes), (size))
/* The connection ends, without another byte. */
#define raw_expect_close(fd) raw_expect_close_at(__FILE__, __LINE__, (fd), false)
/* The connection ends, whatever comes before that. */
#define raw_expect_end(fd) raw_expect_close_at(__FILE__, __LINE__, (fd), true)
/* These bytes come, with any number of `other` before them. Neither may begin with the other. */
#define raw_expect_among(fd, hex, other)                                                           \
    raw_expect_among_at(__FILE__, __LINE__, (fd), (hex), (other))
/* For this time neither a byte comes, nor the end; on a listener no connection. */
#define raw_expect_quiet(fd, ms) raw_expect_quiet_at(__FILE__, __LINE__, (fd), (ms))

void raw_expect_at(const char *file, int line, int fd, const char *hex);
void raw_expect_bytes_at(const char *file, int line, int fd, const void *bytes, size_t size);
void raw_expect_close_at(const char *file, int line, int fd, bool discard);
void raw_expect_quiet_at(const char *file, int line, int fd, int ms);
void raw_expect_among_at(const char *file, int line, int fd, const char *hex, const char *other);
void raw_read(int fd, void *bytes, size_t size); /* whatever they are */
bool raw_readable(int fd, int ms);
int64_t raw_now_ms(void);

/* ZMTP. What a peer with an empty or no routing id says first. */
#define RAW_SIGNATURE   "ff 00*7 01 7f "
#define RAW_NULL(minor) "03 " #minor " 'NULL' 00*16 00*32 " /* behind the signature */

/* Says a whole greeting of 3.`minor` and reads one of 3.1. */
#define raw_greet(fd, minor) raw_greet_at(__FILE__, __LINE__, (fd), (minor))
/* READY with a Socket-Type and, unless NULL, an Identity. */
void raw_send_ready(int fd, const char *type, const char *identity);
#define raw_expect_ready(fd, type, identity)                                                       \
    raw_expect_ready_at(__FILE__, __LINE__, (fd), (type), (identity))
void raw_greet_at(const char *file, int line, int fd, int minor);
void raw_expect_ready_at(const char *file, int line, int fd, const char *type,
                         const char *identity);

/* A message of one frame in version 2 framing; `last` false: more is to come. */
void raw_send_part(int fd, bool last, const void *body, size_t size);
#define raw_expect_part(fd, last, body, size)                                                      \
    raw_expect_part_at(__FILE__, __LINE__, (fd), (last), (body), (size))
void raw_expect_part_at(const char *file, int line, int fd, bool last, const void *body,
                        size_t size);

/* A socket and a raw peer that are connected, in each way there is. */
enum raw_way {
    RAW_DIALS_TCP,
    RAW_LISTENS_TCP,
    RAW_DIALS_IPC,
    RAW_LISTENS_IPC,
    RAW_WAYS,
};

struct raw_talk {
    void *ctx, *socket;
    int listener; /* the raw peer's, or -1 */
    int fd;
    char endpoint[160];
};

/* A test for each way, which it finds in `way`. Needs <criterion/parameterized.h>. */
#define EACH_WAY(suite, name)                                                                      \
    static void suite##_##name(enum raw_way way);                                                  \
    ParameterizedTestParameters(suite, name)                                                       \
    {                                                                                              \
        static int all[] = {RAW_DIALS_TCP, RAW_LISTENS_TCP, RAW_DIALS_IPC, RAW_LISTENS_IPC};       \
        return cr_make_param_array(int, all, RAW_WAYS);                                            \
    }                                                                                              \
    ParameterizedTest(int *one, suite, name)                                                       \
    {                                                                                              \
        suite##_##name((enum raw_way) * one);                                                      \
    }                                                                                              \
    static void suite##_##name(enum raw_way way)

void raw_open(struct raw_talk *t, int type); /* a context and a socket; nothing blocks for ever */
void raw_meet(struct raw_talk *t, enum raw_way way);
void raw_again(struct raw_talk *t); /* another connection after the last one's end */
void raw_end(struct raw_talk *t);   /* everything is closed; the context terminates */
/* Opens, meets, shakes hands with a peer of 3.`minor`; an identity is NULL where none is said. */
void raw_shake(struct raw_talk *t, enum raw_way way, int type, int minor, const char *name,
               const char *identity, const char *peer, const char *peer_identity);
/* A socket that was bound hears of its peers, and does what is then due, when it is used. */
void raw_use_until_it_speaks(struct raw_talk *t);
bool raw_better(void); /* the library is newer than 4.3.4: its known mistakes are gone */
void raw_set(struct raw_talk *t, int option, int value);
void raw_set_text(struct raw_talk *t, int option, const char *value);

/* One part through the socket: sent; received and equal, with MORE as told. */
void raw_zmq_send(struct raw_talk *t, const char *part, bool more);
#define raw_zmq_expect(t, part, more)                                                              \
    raw_zmq_expect_at(__FILE__, __LINE__, (t), (part), strlen(part), (more))
#define raw_zmq_expect_bytes(t, part, size, more)                                                  \
    raw_zmq_expect_at(__FILE__, __LINE__, (t), (part), (size), (more))
void raw_zmq_expect_at(const char *file, int line, struct raw_talk *t, const void *part,
                       size_t size, bool more);

#endif
