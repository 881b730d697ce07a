/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch: see the header. Texts stand in a few buffers that are used in turn.
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/monitor/watch.h"

#include <inttypes.h>
#include <stdio.h>

#define NAMED(name)                                                                                \
    {                                                                                              \
        ZMQ_EVENT_##name, #name                                                                    \
    }

static const struct {
    uint64_t event;
    const char *name;
} names[] = {NAMED(CONNECTED),
             NAMED(CONNECT_DELAYED),
             NAMED(CONNECT_RETRIED),
             NAMED(LISTENING),
             NAMED(BIND_FAILED),
             NAMED(ACCEPTED),
             NAMED(ACCEPT_FAILED),
             NAMED(CLOSED),
             NAMED(CLOSE_FAILED),
             NAMED(DISCONNECTED),
             NAMED(MONITOR_STOPPED),
             NAMED(HANDSHAKE_FAILED_NO_DETAIL),
             NAMED(HANDSHAKE_SUCCEEDED),
             NAMED(HANDSHAKE_FAILED_PROTOCOL),
             NAMED(HANDSHAKE_FAILED_AUTH),
             NAMED(PIPES_STATS)};

static const char *name_of(uint64_t event)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].event == event)
            return names[i].name;
    return "?";
}

const char *watch_name(void)
{
    return test_endpoint(TEST_INPROC);
}

void *watch_reader(int type, const char *name)
{
    void *reader = test_socket(type);

    if (type == ZMQ_SUB)
        SUBSCRIBE(reader, "");
    test_connect(reader, name);
    return reader;
}

void *watch(void *socket, int events)
{
    const char *name = watch_name();

    OK(zmq_socket_monitor(socket, name, events));
    return watch_reader(ZMQ_PAIR, name);
}

/* The size of the part, or -1; whether more follow must be as told. */
static int take_part(void *reader, void *out, size_t room, bool more, int flags)
{
    zmq_msg_t part;
    int size;

    zmq_msg_init(&part);
    size = zmq_msg_recv(&part, reader, flags);
    if (size < 0)
        return -1;
    cr_assert_leq((size_t)size, room);
    cr_assert_eq(zmq_msg_more(&part) != 0, more, "%s part", more ? "one more" : "no more");
    memcpy(out, zmq_msg_data(&part), (size_t)size);
    zmq_msg_close(&part);
    return size;
}

const char *watch_next(void *reader, int flags)
{
    unsigned char head[6];
    char at[512];
    uint16_t event;
    uint32_t value;
    int size = take_part(reader, head, sizeof head, true, flags);

    if (size < 0)
        return test_text("!%s", test_error(errno));
    cr_assert_eq(size, 6);
    memcpy(&event, head, sizeof event);
    memcpy(&value, head + 2, sizeof value);
    size = take_part(reader, at, sizeof at, false, 0);
    cr_assert_geq(size, 0);
    return test_text("%s=%" PRIu32 "@%.*s", name_of(event), value, size, at);
}

const char *watch_next_v2(void *reader, int flags)
{
    uint64_t numbers[4] = {0, 1};
    char local[512], remote[512], second[32] = "";
    int local_size, remote_size;

    for (uint64_t i = 0; i < 2 + numbers[1]; i++) {
        int size = take_part(reader, &numbers[i], sizeof numbers[i], true, i ? 0 : flags);

        if (size < 0)
            return test_text("!%s", test_error(errno));
        cr_assert_eq(size, 8);
        cr_assert_eq(numbers[1], numbers[0] == ZMQ_EVENT_PIPES_STATS && i ? 2 : 1, "values");
    }
    if (numbers[1] == 2)
        snprintf(second, sizeof second, ",%" PRIu64, numbers[3]);
    local_size = take_part(reader, local, sizeof local, true, 0);
    remote_size = take_part(reader, remote, sizeof remote, false, 0);
    return test_text("%s=%" PRIu64 "%s@%.*s>%.*s", name_of(numbers[0]), numbers[2], second,
                     local_size, local, remote_size, remote);
}

/* `token` says no more than it wants checked. */
static bool fits(const char *token, const char *seen)
{
    size_t name = strcspn(token, "="), value;

    if (strncmp(seen, token, name) != 0 || seen[name] != '=')
        return false;
    if (!token[name])
        return true;
    token += name + 1;
    seen += name + 1;
    value = strcspn(token, "@");
    if (strncmp(token, "*", value) != 0 &&
        (strcspn(seen, "@") != value || strncmp(seen, token, value) != 0))
        return false;
    return !token[value] || strcmp(token + value, seen + strcspn(seen, "@")) == 0;
}

void watch_expect_at(const char *file, int line, void *reader,
                     const char *(*next)(void *reader, int flags), const char *expected)
{
    char all[2048], *rest, *token;

    snprintf(all, sizeof all, "%s", expected);
    for (token = strtok_r(all, " ", &rest); token; token = strtok_r(NULL, " ", &rest)) {
        const char *seen = next(reader, 0);

        cr_assert(fits(token, seen), "%s:%d: \"%s\" instead of \"%s\"", file, line, seen, token);
    }
}

void watch_expect_quiet_at(const char *file, int line, void *reader)
{
    zmq_pollitem_t item = {.socket = reader, .events = ZMQ_POLLIN};

    if (zmq_poll(&item, 1, WATCH_QUIET_MS) != 0)
        cr_assert_fail("%s:%d: \"%s\" where nothing was to come", file, line,
                       watch_next(reader, ZMQ_DONTWAIT));
}
