/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover: a connection that goes from hand to hand (docs/decisions/0025-by-hand.md), in every
 * order in which its loop, the threads of its socket, its peer and the clock can meet. Every byte
 * that the engine takes comes out at the other end, once and in order, and nobody waits for ever.
 *
 *     handover [--stops N] [--only NAME [--decisions "..."]]
 */
#define ZMQ_BUILD_DRAFT_API
#include "tests/interleave/world.h"

#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

static const uint8_t ping[] = {4, 7, 4, 'P', 'I', 'N', 'G', 0, 0};
static struct side *first = &world.sides[0], *second = &world.sides[1];

static int way; /* beside all types: SEALED, or 0 */

static void begin(int type, void (*set)(struct side *d), bool left)
{
    world_open(type | way, set);
    if (left)
        world_leave_intake(first);
}

/* ---- sending ---- */

static void app_sends_three(void *arg)
{
    struct side *d = arg;

    app_sends(d, 1, 0);
    scripted_pass(1);
    app_sends(d, 1, 0);
    app_sends(d, 1, 0);
}

static void peer_pings(void *arg)
{
    struct side *d = arg;

    peer_says_bytes(d, ping, sizeof ping);
    peer_hears(d, 3, 1);
}

static void begin_send(void)
{
    begin(ZMQ_DEALER, NULL, false);
    schedule_thread("app", app_sends_three, first);
    schedule_thread("peer", peer_pings, first);
}

static void app_sends_two(void *arg)
{
    struct side *d = arg;

    app_sends(d, 1, 0);
    scripted_pass(1);
    app_sends(d, 1, 0);
}

static void peer_makes_room(void *arg)
{
    struct side *d = arg;

    peer_says_bytes(d, ping, sizeof ping);
    kernel_takes(SIZE_MAX);
    peer_hears(d, 2, 1);
}

static void begin_short_send(void)
{
    begin(ZMQ_DEALER, NULL, false);
    world.room = 2;
    schedule_thread("app", app_sends_two, first);
    schedule_thread("peer", peer_makes_room, first);
}

static void peer_makes_room_for_three(void *arg)
{
    struct side *d = arg;

    kernel_takes(4);
    kernel_takes(SIZE_MAX);
    peer_hears(d, 3, 0);
}

static void set_one_out(struct side *d)
{
    set_option(d, ZMQ_SNDHWM, 1);
}

static void begin_send_to_full(void)
{
    begin(ZMQ_DEALER, set_one_out, false);
    world.room = 0;
    schedule_thread("app", app_sends_three, first);
    schedule_thread("peer", peer_makes_room_for_three, first);
}

/* ---- receiving ---- */

static void app_receives_three(void *arg)
{
    struct side *d = arg;

    for (int i = 0; i < 3; i++)
        app_receives(d, 3, 0);
}

static void peer_says_in_pieces(void *arg)
{
    struct side *d = arg;

    peer_says(d, 3);
    peer_says_bytes(d, "\0\3B", 3);
    peer_says_bytes(d, "BB\0\3CCC", 7);
    peer_says_bytes(d, ping, sizeof ping); /* the application may be about other things by now */
    peer_hears(d, 0, 1);
}

static void begin_receive(void)
{
    begin(ZMQ_DEALER, NULL, true);
    schedule_thread("app", app_receives_three, first);
    schedule_thread("peer", peer_says_in_pieces, first);
}

static void begin_receive_spinning(void)
{
    begin_receive();
    world.r.ctx->one_cpu = false;
}

static void begin_ask(void)
{
    begin(ZMQ_DEALER, NULL, false);
    schedule_thread("app", app_receives_three, first);
    schedule_thread("peer", peer_says_in_pieces, first);
}

static void peer_pings_between(void *arg)
{
    struct side *d = arg;

    peer_says(d, 3);
    peer_says_bytes(d, "\4\7\4PING\0\0\0\3BBB\0\3", 16);
    peer_says_bytes(d, "CCC\4\7\4PING\0\0", 12);
    peer_hears(d, 0, 2);
}

static void begin_receive_commands(void)
{
    begin(ZMQ_DEALER, NULL, true);
    schedule_thread("app", app_receives_three, first);
    schedule_thread("peer", peer_pings_between, first);
}

static void app_receives_four(void *arg)
{
    struct side *d = arg;

    for (int i = 0; i < 4; i++)
        app_receives(d, 1, 0);
}

static void peer_says_three_and_one(void *arg)
{
    struct side *d = arg;

    peer_says_bytes(d, "\0\1A\0\1B\0\1C", 9);
    peer_says_bytes(d, "\0\1D", 3);
}

static void set_one_in(struct side *d)
{
    set_option(d, ZMQ_RCVHWM, 1);
}

static void begin_receive_to_full(void)
{
    begin(ZMQ_DEALER, set_one_in, true);
    schedule_thread("app", app_receives_four, first);
    schedule_thread("peer", peer_says_three_and_one, first);
}

static void app_receives_eleven(void *arg)
{
    struct side *d = arg;

    for (int i = 0; i < 11; i++)
        app_receives(d, 1, 0);
}

static void peer_streams(void *arg)
{
    struct side *d = arg;

    peer_says_bytes(d, "\0\1A\0\1B\0\1C\0\1D\0\1E\0\1F\0\1G\0\1H\0\1I\0\1J", 30);
    peer_says_bytes(d, "\0\1K", 3);
}

static void begin_receive_stream(void)
{
    begin(ZMQ_DEALER, NULL, true);
    schedule_thread("app", app_receives_eleven, first);
    schedule_thread("peer", peer_streams, first);
}

/* ---- both ---- */

static void app_answers(void *arg)
{
    struct side *d = arg;

    for (int i = 0; i < 2; i++) {
        app_receives(d, 1, 0);
        app_sends(d, 1, 0);
    }
}

static void peer_asks(void *arg)
{
    struct side *d = arg;

    peer_says_bytes(d, "\1\0\0\1A", 5);
    peer_hears(d, 1, 0);
    peer_says_bytes(d, "\1\0\0\1B", 5);
    peer_hears(d, 2, 0);
}

static void begin_echo(void)
{
    begin(ZMQ_REP, NULL, true);
    schedule_thread("app", app_answers, first);
    schedule_thread("peer", peer_asks, first);
}

static void app_answers_one(void *arg)
{
    struct side *d = arg;

    app_receives(d, 1, 0);
    app_sends(d, 1, 0);
    peer_hears(d, 1, 0);
}

/* Two threads, each with a socket of his; what their peers say is there already. */
static void begin_two_sockets(void)
{
    begin(ZMQ_DEALER, NULL, true);
    world_add(ZMQ_DEALER, NULL);
    world_leave_intake(second);
    for (unsigned i = 0; i < 2; i++)
        peer_says(&world.sides[i], 1);
    schedule_thread("app 1", app_answers_one, first);
    schedule_thread("app 2", app_answers_one, second);
}

static void app_polls(void *arg)
{
    zmq_pollitem_t items[] = {{.socket = first->s, .events = ZMQ_POLLIN},
                              {.socket = second->s, .events = ZMQ_POLLIN}};

    (void)arg;
    while (first->received + second->received < 3) {
        SCHEDULE_CHECK(zmq_poll(items, 2, -1) > 0);
        for (unsigned i = 0; i < 2; i++)
            if (items[i].revents)
                SCHEDULE_CHECK(app_receives(&world.sides[i], 1, ZMQ_DONTWAIT));
    }
}

static void peer_says_to_both(void *arg)
{
    (void)arg;
    peer_says(first, 1);
    peer_says(second, 1);
    peer_says(first, 1);
}

static void begin_poll(void)
{
    begin(ZMQ_DEALER, NULL, true);
    world_add(ZMQ_DEALER, NULL);
    world_leave_intake(second);
    schedule_thread("app", app_polls, NULL);
    schedule_thread("peer", peer_says_to_both, NULL);
}

static void app_polls_by_poller(void *arg)
{
    void *poller = zmq_poller_new();
    zmq_poller_event_t e;

    (void)arg;
    SCHEDULE_CHECK(poller);
    for (unsigned i = 0; i < 2; i++)
        SCHEDULE_CHECK(zmq_poller_add(poller, world.sides[i].s, &world.sides[i], ZMQ_POLLIN) == 0);
    while (first->received + second->received < 3) {
        SCHEDULE_CHECK(zmq_poller_wait(poller, &e, -1) == 0);
        SCHEDULE_CHECK(app_receives(e.user_data, 1, ZMQ_DONTWAIT));
    }
    SCHEDULE_CHECK(zmq_poller_destroy(&poller) == 0);
}

static void begin_poller(void)
{
    begin(ZMQ_DEALER, NULL, true);
    world_add(ZMQ_DEALER, NULL);
    world_leave_intake(second);
    schedule_thread("app", app_polls_by_poller, NULL);
    schedule_thread("peer", peer_says_to_both, NULL);
}

/* ---- by several threads ---- */

static void set_patience(struct side *d)
{
    set_option(d, ZMQ_RCVTIMEO, 50);
}

static unsigned taken; /* which of the peer's messages */

/* Each comes to one thread. */
static bool takes_one(struct side *d, int flags)
{
    char got[2];
    int rc = zmq_recv(d->s, got, sizeof got, flags);

    SCHEDULE_CHECK(rc == 1 || (rc < 0 && errno == EAGAIN));
    SCHEDULE_CHECK(rc < 0 || !(taken & 1u << (got[0] - 'A')));
    if (rc == 1)
        taken |= 1u << (got[0] - 'A');
    return rc == 1;
}

static void thread_takes_one(void *arg)
{
    SCHEDULE_CHECK(takes_one(arg, 0));
}

static void thread_takes_one_of_a_poller(void *arg)
{
    struct side *d = arg;
    zmq_poller_event_t e;
    void *poller = zmq_poller_new();

    SCHEDULE_CHECK(zmq_poller_add(poller, d->s, NULL, ZMQ_POLLIN) == 0);
    do
        SCHEDULE_CHECK(zmq_poller_wait(poller, &e, -1) == 0);
    while (!takes_one(d, ZMQ_DONTWAIT));
    SCHEDULE_CHECK(zmq_poller_destroy(&poller) == 0);
}

static void begin_joint_with(void (*one)(void *), void (*other)(void *), void (*set)(struct side *))
{
    begin(ZMQ_CLIENT, set, true);
    taken = 0;
    schedule_thread("one", one, first);
    schedule_thread("other", other, first);
}

/* Both may come by one receive. */
static void peer_says_two(void *arg)
{
    peer_says(arg, 1);
    peer_says(arg, 1);
}

static void end_joint(void)
{
    SCHEDULE_CHECK(taken == 3);
    world_end();
}

static void begin_joint(void)
{
    begin_joint_with(thread_takes_one, thread_takes_one, NULL);
    schedule_thread("peer", peer_says_two, first);
}

static void begin_joint_poller(void)
{
    begin_joint_with(thread_takes_one, thread_takes_one_of_a_poller, NULL);
    schedule_thread("peer", peer_says_two, first);
}

static void thread_takes_one_if_it_comes(void *arg)
{
    takes_one(arg, 0);
}

static void thread_disconnects(void *arg)
{
    struct side *d = arg;

    SCHEDULE_CHECK(zmq_disconnect(d->s, RIG_ENDPOINT) == 0);
}

static void peer_says_one_and_goes(void *arg)
{
    peer_says(arg, 1);
    peer_hears_the_end(arg);
    peer_ends(arg);
}

static void begin_joint_disconnect(void)
{
    begin_joint_with(thread_takes_one_if_it_comes, thread_disconnects, set_patience);
    schedule_thread("peer", peer_says_one_and_goes, first);
}

/* ---- heartbeats, and ends ---- */

static void set_heartbeats(struct side *d)
{
    set_option(d, ZMQ_HEARTBEAT_IVL, 10);
    set_option(d, ZMQ_HEARTBEAT_TIMEOUT, 10);
}

static void app_receives_two(void *arg)
{
    struct side *d = arg;

    app_receives(d, 1, 0);
    app_receives(d, 1, 0);
}

/* A PING is due; then an answer, which may have come in just now. */
static void peer_answers(void *arg)
{
    struct side *d = arg;

    time_passes(10);
    for (unsigned i = 1; i <= 2; i++) {
        peer_hears(d, 0, i);
        peer_says(d, 1);
        time_passes(10);
    }
}

static void begin_heartbeats(void)
{
    begin(ZMQ_DEALER, set_heartbeats, true);
    schedule_thread("app", app_receives_two, first);
    schedule_thread("peer", peer_answers, first);
}

static void end_heartbeats(void)
{
    SCHEDULE_CHECK(!strstr(world.r.events, "DISCONNECTED"));
    world_end();
}

static void set_short_patience(struct side *d)
{
    set_heartbeats(d);
    set_option(d, ZMQ_RCVTIMEO, 15);
}

static void app_gives_up(void *arg)
{
    app_receives(arg, 1, 0);
}

static void peer_is_silent(void *arg)
{
    struct side *d = arg;

    time_passes(10);
    peer_hears(d, 0, 1);
    time_passes(10);
    peer_hears_the_end(d);
    peer_ends(d);
}

/* The connection ends while its application leaves it: both have waited for long enough. */
static void begin_silence(void)
{
    begin(ZMQ_DEALER | ACCEPTED, set_short_patience, true);
    schedule_thread("app", app_gives_up, first);
    schedule_thread("peer", peer_is_silent, first);
}

static void app_receives_until_the_end(void *arg)
{
    struct side *d = arg;

    while (app_receives(d, 1, 0))
        ;
    SCHEDULE_CHECK(d->received == d->said);
}

static void peer_goes(void *arg)
{
    struct side *d = arg;

    peer_says(d, 1);
    peer_ends(d);
}

static void begin_peer_goes(void)
{
    begin(ZMQ_DEALER | ACCEPTED, set_patience, true);
    schedule_thread("app", app_receives_until_the_end, first);
    schedule_thread("peer", peer_goes, first);
}

static void app_sends_into_the_dark(void *arg)
{
    struct side *d = arg;

    app_sends_three(d);
    app_receives_until_the_end(d);
}

static void begin_peer_goes_amid_sends(void)
{
    begin(ZMQ_DEALER, set_patience, true);
    first->may_lose = true;
    schedule_thread("app", app_sends_into_the_dark, first);
    schedule_thread("peer", peer_goes, first);
}

static void app_closes(void *arg)
{
    struct side *d = arg;

    app_receives(d, 1, 0);
    app_sends(d, 1, 0);
    app_ends(d);
}

static void peer_sees_the_end(void *arg)
{
    struct side *d = arg;

    peer_says(d, 1);
    peer_says(d, 1);
    peer_hears(d, 1, 0);
    peer_hears_the_end(d);
    peer_ends(d);
}

static void begin_close(void)
{
    begin(ZMQ_DEALER, NULL, true);
    schedule_thread("app", app_closes, first);
    schedule_thread("peer", peer_sees_the_end, first);
}

static void set_no_linger(struct side *d)
{
    set_option(d, ZMQ_LINGER, 0);
}

static void app_waits_for_the_end(void *arg)
{
    struct side *d = arg;

    while (app_receives(d, 1, 0))
        ;
    SCHEDULE_CHECK(errno == ETERM);
    app_ends(d);
}

static void other_shuts_down(void *arg)
{
    (void)arg;
    SCHEDULE_CHECK(zmq_ctx_shutdown(world.r.ctx) == 0);
}

static void begin_shutdown(void)
{
    begin(ZMQ_DEALER, set_no_linger, true);
    peer_says(first, 1);
    schedule_thread("app", app_waits_for_the_end, first);
    schedule_thread("other", other_shuts_down, NULL);
}

/* ---- the same through a tunnel, and what is only there ---- */

#define THROUGH_TLS(name)                                                                          \
    static void begin_tls_##name(void)                                                             \
    {                                                                                              \
        way = SEALED;                                                                              \
        begin_##name();                                                                            \
        way = 0;                                                                                   \
    }

THROUGH_TLS(send)
THROUGH_TLS(short_send)
THROUGH_TLS(echo)
THROUGH_TLS(heartbeats)
THROUGH_TLS(peer_goes)
THROUGH_TLS(close)
THROUGH_TLS(shutdown)

/* The loop, which receives, answers the word of its peer's between the records of a caller. */
static void peer_asks_for_words(void *arg)
{
    struct side *d = arg;

    peer_says_word(d, SEALED_ASK);
    peer_says_word(d, SEALED_ASK);
    peer_hears(d, 2, 2);
}

static void begin_tls_send_words(void)
{
    begin(ZMQ_DEALER | SEALED, NULL, false);
    schedule_thread("app", app_sends_two, first);
    schedule_thread("peer", peer_asks_for_words, first);
}

static void peer_says_in_cut_records(void *arg)
{
    struct side *d = arg;

    peer_says_cut(d, "\0\3AAA\0\3B", 8, 6);
    peer_says_cut(d, "BB\0\3CCC", 7, 2);
    peer_says_bytes(d, ping, sizeof ping);
    peer_hears(d, 0, 1);
}

static void begin_tls_receive(void)
{
    begin(ZMQ_DEALER | SEALED, NULL, true);
    schedule_thread("app", app_receives_three, first);
    schedule_thread("peer", peer_says_in_cut_records, first);
}

static void app_asks_and_hears(void *arg)
{
    struct side *d = arg;

    app_sends(d, 1, 0);
    app_receives(d, 1, 0);
}

/* And so does a caller, while the loop has something to say, too. */
static void peer_says_much(void *arg)
{
    struct side *d = arg;

    peer_says_word(d, SEALED_ASK);
    peer_says_bytes(d, ping, sizeof ping);
    peer_says_word(d, SEALED_ASK);
    peer_says(d, 1);
    peer_hears(d, 1, 3);
}

static void begin_tls_receive_words(void)
{
    begin(ZMQ_DEALER | SEALED, NULL, true);
    schedule_thread("app", app_asks_and_hears, first);
    schedule_thread("peer", peer_says_much, first);
}

static void peer_says_goodbye(void *arg)
{
    struct side *d = arg;

    peer_says(d, 1);
    peer_says_word(d, SEALED_END);
    peer_ends(d);
}

static void begin_tls_peer_says_goodbye(void)
{
    begin(ZMQ_DEALER | ACCEPTED | SEALED, set_patience, true);
    schedule_thread("app", app_receives_until_the_end, first);
    schedule_thread("peer", peer_says_goodbye, first);
}

static const struct play plays[] = {
    {"send", begin_send, world_end},
    {"short-send", begin_short_send, world_end},
    {"send-to-full", begin_send_to_full, world_end},
    {"receive", begin_receive, world_end},
    {"receive-spinning", begin_receive_spinning, world_end},
    {"ask", begin_ask, world_end},
    {"receive-commands", begin_receive_commands, world_end},
    {"receive-to-full", begin_receive_to_full, world_end},
    {"receive-stream", begin_receive_stream, world_end},
    {"echo", begin_echo, world_end},
    {"two-sockets", begin_two_sockets, world_end},
    {"poll", begin_poll, world_end},
    {"poller", begin_poller, world_end},
    {"joint", begin_joint, end_joint},
    {"joint-poller", begin_joint_poller, end_joint},
    {"joint-disconnect", begin_joint_disconnect, world_end},
    {"heartbeats", begin_heartbeats, end_heartbeats},
    {"silence", begin_silence, world_end},
    {"peer-goes", begin_peer_goes, world_end},
    {"peer-goes-amid-sends", begin_peer_goes_amid_sends, world_end},
    {"close", begin_close, world_end},
    {"shutdown", begin_shutdown, world_end},
    {"tls-send", begin_tls_send, world_end},
    {"tls-short-send", begin_tls_short_send, world_end},
    {"tls-send-words", begin_tls_send_words, world_end},
    {"tls-receive", begin_tls_receive, world_end},
    {"tls-receive-words", begin_tls_receive_words, world_end},
    {"tls-echo", begin_tls_echo, world_end},
    {"tls-heartbeats", begin_tls_heartbeats, end_heartbeats},
    {"tls-peer-goes", begin_tls_peer_goes, world_end},
    {"tls-peer-says-goodbye", begin_tls_peer_says_goodbye, world_end},
    {"tls-close", begin_tls_close, world_end},
    {"tls-shutdown", begin_tls_shutdown, world_end},
};

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Four threads meet in so many orders that a stop fewer will do. */
static unsigned stops_of(const struct play *p, unsigned stops)
{
    return stops > 1 && !strncmp(p->name, "joint", strlen("joint")) ? stops - 1 : stops;
}

static void play_all(const struct play *p, unsigned stops)
{
    double begun = seconds();
    uint64_t count = schedule_all(p, stops);

    printf("%-20s %8llu schedules of at most %4u points, %5.1f s\n", p->name,
           (unsigned long long)count, schedule_longest(), seconds() - begun);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *only = NULL, *decisions = NULL;
    unsigned stops = 2;
    bool known = false;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--stops"))
            stops = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "--only"))
            only = argv[i + 1];
        else if (!strcmp(argv[i], "--decisions"))
            decisions = argv[i + 1];
    }
    for (size_t i = 0; i < zu_array_len(plays); i++) {
        if (only && strcmp(only, plays[i].name) != 0)
            continue;
        known = true;
        if (only && decisions)
            schedule_one(&plays[i], stops_of(&plays[i], stops), decisions);
        else
            play_all(&plays[i], stops_of(&plays[i], stops));
    }
    return known ? 0 : 2;
}
