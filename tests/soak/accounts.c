/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accounts: the counters are exact. A hub of one socket type talks to peers of another, which come
 * and go, in the middle of messages too, with messages queued and half sent; water marks are low,
 * so that messages are dropped or refused. When all are closed and nothing is under way any more,
 * every message that was sent was received, or is counted as lost, and what the application saw
 * agrees with what is counted.
 *
 *     accounts [--messages N] [--transport tcp|ipc|inproc|udp] [--pair NAME] [--seed N]
 *
 * All is one thread, so nothing waits for its turn. What only the kernel knows (what it had
 * taken when a connection broke) is kept out: who leaves leaves in peace, and the others read on
 * until it has gone. A machine that takes half a second for that may break one all the same; then
 * no more is asked than that nothing was received that had not been sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ZMQ_BUILD_DRAFT_API
#include <zmq.h>
#include <zuring.h>

enum {
    PEERS = 3,
    HWM = 20,
    BURST = 32,
    LARGE = 150 * 1000,   /* bytes: more than the kernel takes at once */
    LARGE_ONE_IN = 500,   /* parts */
    LEAVE_ONE_IN = 40,    /* turns, or more: */
    LEAVES_MAX = 500,     /* about so many leave in a run, however long it is */
    TURN = 20,            /* messages, on the average */
    GOODBYE_MS = 400,     /* who took longer to leave may have been cut short */
    QUIET_MS = 60 * 1000, /* nothing happens for so long: stuck */
    KNOWN = 8,            /* numbers of peers that a SERVER remembers */
    UDP_LARGE = 3000,     /* bytes: the kernel's buffer is full after a few */
    UDP_ROOM = 16 * 1024, /* of that buffer */
};

struct pairing {
    const char *name;
    int hub, peer;
    bool to_hub, to_peer; /* which way messages go */
    bool parts;           /* in several parts */
    int peers;
    bool conflate;
};

static const struct pairing pairings[] = {
    {"push", ZMQ_PULL, ZMQ_PUSH, true, false, true, PEERS, false},
    {"pull", ZMQ_PUSH, ZMQ_PULL, false, true, true, PEERS, false},
    {"sub", ZMQ_PUB, ZMQ_SUB, false, true, true, PEERS, false},
    {"xsub", ZMQ_XPUB, ZMQ_XSUB, true, true, true, PEERS, false},
    {"dealer", ZMQ_ROUTER, ZMQ_DEALER, true, true, true, PEERS, false},
    {"req", ZMQ_REP, ZMQ_REQ, true, true, true, PEERS, false},
    {"pair", ZMQ_PAIR, ZMQ_PAIR, true, true, true, 1, false},
    {"client", ZMQ_SERVER, ZMQ_CLIENT, true, true, false, PEERS, false},
    {"peer", ZMQ_PEER, ZMQ_PEER, true, true, false, PEERS, false},
    {"channel", ZMQ_CHANNEL, ZMQ_CHANNEL, true, true, false, 1, false},
    {"dish", ZMQ_RADIO, ZMQ_DISH, false, true, false, PEERS, false},
    {"scatter", ZMQ_GATHER, ZMQ_SCATTER, true, false, false, PEERS, false},
    {"gather", ZMQ_SCATTER, ZMQ_GATHER, false, true, false, PEERS, false},
    {"latest", ZMQ_PUSH, ZMQ_PULL, false, true, false, PEERS, true},
    {"latest_of_all", ZMQ_PUB, ZMQ_SUB, false, true, false, PEERS, true},
};

struct run {
    const struct pairing *as;
    void *ctx, *hub, *peer[PEERS];
    char endpoint[256];
    uint64_t wanted;         /* messages */
    uint64_t sent, received; /* by the application, whole ones */
    uint64_t copies;         /* of a publisher's: one for each who was there, or one for nobody */
    uint64_t born;           /* peers so far: each has a name of its own */
    uint32_t known[KNOWN], known_count;
    uint32_t number[PEERS]; /* what a PEER calls whom it dialed */
    bool asked[PEERS];      /* a REQ that waits for its reply */
    bool to_reply;
    bool slow; /* somebody took so long to leave that it may have been cut short */
    uint64_t seed;
    char *large;
};

static _Noreturn void fail(const struct run *r, const char *what)
{
    fprintf(stderr, "accounts: %s at %s: %s: %s\n", r->as->name, r->endpoint, what,
            zmq_strerror(errno));
    exit(1);
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint32_t chance(struct run *r, uint32_t of)
{
    r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(r->seed >> 33) % of;
}

static void set(const struct run *r, void *s, int option, int value)
{
    if (zmq_setsockopt(s, option, &value, sizeof value))
        fail(r, "zmq_setsockopt");
}

static void *new_socket(const struct run *r, int type)
{
    void *s = zmq_socket(r->ctx, type);

    if (!s)
        fail(r, "zmq_socket");
    set(r, s, ZMQ_SNDHWM, HWM);
    set(r, s, ZMQ_RCVHWM, HWM);
    set(r, s, ZMQ_LINGER, -1);
    if (r->as->conflate)
        set(r, s, ZMQ_CONFLATE, 1);
    set(r, s, ZMQ_RECONNECT_IVL, 10);
    return s;
}

static void add_peer(struct run *r, int i)
{
    void *s = r->peer[i] = new_socket(r, r->as->peer);
    char id[16];

    r->asked[i] = false;
    snprintf(id, sizeof id, "%llu", (unsigned long long)r->born++);
    if (r->as->peer == ZMQ_DEALER && zmq_setsockopt(s, ZMQ_ROUTING_ID, id, strlen(id)))
        fail(r, "ZMQ_ROUTING_ID");
    if (r->as->peer == ZMQ_SUB && zmq_setsockopt(s, ZMQ_SUBSCRIBE, "a", 1))
        fail(r, "ZMQ_SUBSCRIBE");
    if (r->as->peer == ZMQ_DISH && zmq_join(s, "a"))
        fail(r, "zmq_join");
    if (r->as->peer == ZMQ_REQ) {
        set(r, s, ZMQ_REQ_CORRELATE, 1);
        set(r, s, ZMQ_REQ_RELAXED, 1);
    }
    if (r->as->peer == ZMQ_PEER) {
        r->number[i] = zmq_connect_peer(s, r->endpoint);
        if (!r->number[i])
            fail(r, "zmq_connect_peer");
    } else if (zmq_connect(s, r->endpoint)) {
        fail(r, "zmq_connect");
    }
    if (r->as->peer == ZMQ_XSUB && zmq_send(s, "\1a", 2, 0) != 2)
        fail(r, "subscribing");
}

/* A socket hears inside calls alone of who has gone. */
static void catch_up(void *s)
{
    size_t size = sizeof(int);
    int events;

    if (s)
        zmq_getsockopt(s, ZMQ_EVENTS, &events, &size);
}

static struct zuring_socket_stats of(const struct run *r, void *s)
{
    struct zuring_socket_stats stats;

    if (zuring_stats_socket(s, &stats, sizeof stats))
        fail(r, "zuring_stats_socket");
    return stats;
}

static bool is_publisher(const struct run *r)
{
    return r->as->hub == ZMQ_PUB || r->as->hub == ZMQ_XPUB || r->as->hub == ZMQ_RADIO;
}

/* ---- one message ---- */

/* A part of any size: "a...", or "b..." now and then, which nobody has subscribed to. True: it was
 * taken. What the first part of a message is refused for is no fault; a later part never is. */
static bool send_part(struct run *r, void *s, uint32_t number, int flags, bool first)
{
    size_t size = chance(r, LARGE_ONE_IN) ? 1 + chance(r, 60) : LARGE + chance(r, 1000);
    const char *group = chance(r, 8) ? "a" : "b";
    zmq_msg_t m;

    if (zmq_msg_init_size(&m, size))
        fail(r, "zmq_msg_init_size");
    memcpy(zmq_msg_data(&m), r->large, size);
    *(char *)zmq_msg_data(&m) = *group;
    if (number)
        zmq_msg_set_routing_id(&m, number);
    if (r->as->hub == ZMQ_RADIO)
        zmq_msg_set_group(&m, group);
    if (zmq_msg_send(&m, s, flags) >= 0)
        return true;
    if (!first || (errno != EAGAIN && errno != EHOSTUNREACH && errno != EFSM))
        fail(r, "zmq_msg_send");
    zmq_msg_close(&m);
    return false;
}

static uint64_t copies_of_one(const struct run *r)
{
    uint64_t there = of(r, r->hub).connections;

    return there ? there : 1;
}

static bool send_message(struct run *r, void *s, uint32_t number, bool first)
{
    uint32_t parts = r->as->parts ? 1 + chance(r, 3) : 1;

    for (uint32_t i = 0; i < parts; i++) {
        if (!send_part(r, s, number, ZMQ_DONTWAIT | (i + 1 < parts ? ZMQ_SNDMORE : 0),
                       first && i == 0))
            return false;
        /* Who came or went before was seen when the call began: they are those to get it. */
        if (i == 0 && s == r->hub && is_publisher(r))
            r->copies += copies_of_one(r);
    }
    r->sent++;
    return true;
}

/* To somebody who was here not long ago. */
static bool send_routed(struct run *r)
{
    char id[16];

    snprintf(id, sizeof id, "%llu",
             (unsigned long long)(r->born - 1 - chance(r, 5) % (uint32_t)r->born));
    if (zmq_send(r->hub, id, strlen(id), ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        fail(r, "sending a routing id");
    return send_message(r, r->hub, 0, false);
}

static bool hub_sends(struct run *r)
{
    switch (r->as->hub) {
    case ZMQ_ROUTER: return send_routed(r);
    case ZMQ_REP:
        if (!r->to_reply)
            return false;
        r->to_reply = false;
        return send_message(r, r->hub, 0, false);
    case ZMQ_SERVER:
    case ZMQ_PEER:
        return r->known_count && send_message(r, r->hub, r->known[chance(r, r->known_count)], true);
    default: return send_message(r, r->hub, 0, true);
    }
}

static bool peer_sends(struct run *r, int i)
{
    void *s = r->peer[i];

    if (r->as->peer == ZMQ_REQ) { /* mostly it waits for its reply */
        if (r->asked[i] && chance(r, 16))
            return false;
        r->asked[i] = send_message(r, s, 0, true);
        return r->asked[i];
    }
    return send_message(r, s, r->number[i], true);
}

static void remember(struct run *r, uint32_t number)
{
    for (uint32_t i = 0; i < r->known_count; i++)
        if (r->known[i] == number)
            return;
    if (r->known_count < KNOWN)
        r->known[r->known_count++] = number;
    else
        r->known[chance(r, KNOWN)] = number;
}

/* A whole message. False: there is none. */
static bool receive(struct run *r, void *s)
{
    bool notice = false, more = true, first = true;
    zmq_msg_t m;

    while (more) {
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, s, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&m);
            if (!first || (errno != EAGAIN && errno != EFSM))
                fail(r, "zmq_msg_recv");
            return false;
        }
        if (first && s == r->hub && r->as->hub == ZMQ_XPUB)
            notice = zmq_msg_size(&m) && *(char *)zmq_msg_data(&m) <= 1;
        if (s == r->hub && zmq_msg_routing_id(&m))
            remember(r, zmq_msg_routing_id(&m));
        more = zmq_msg_more(&m);
        first = false;
        zmq_msg_close(&m);
    }
    r->received += !notice;
    if (s == r->hub && r->as->hub == ZMQ_REP)
        r->to_reply = true;
    return true;
}

static void receive_all(struct run *r)
{
    if (r->hub && r->as->to_hub) {
        for (int n = 0; n < BURST && receive(r, r->hub); n++)
            if (r->to_reply)
                hub_sends(r);
    }
    for (int i = 0; i < r->as->peers; i++)
        for (int n = 0; r->peer[i] && r->as->to_peer && n < BURST && receive(r, r->peer[i]); n++)
            r->asked[i] = false;
}

/* ---- coming and going ---- */

static struct zuring_context_stats all(const struct run *r)
{
    struct zuring_context_stats sum;

    if (zuring_stats_context(r->ctx, &sum, sizeof sum))
        fail(r, "zuring_stats_context");
    return sum;
}

static uint64_t connections_of_hub(const struct run *r)
{
    catch_up(r->hub);
    for (int i = 0; i < r->as->peers; i++)
        catch_up(r->peer[i]);
    return r->hub ? of(r, r->hub).connections : 0;
}

/*
 * The greeting and more: what follows is a READY. Who leaves before has no books yet, and nobody
 * can tell what the hub, which may be through already, has sent to it by then.
 */
static bool has_met_hub(const struct run *r, void *s)
{
    enum { GREETING = 64 };

    catch_up(s);
    return strncmp(r->endpoint, "inproc", 6) == 0 || of(r, s).bytes_in > GREETING;
}

/* Begins a message, perhaps, and closes. Everybody else reads on until it has gone. */
static void leave(struct run *r, void **s, int i, uint64_t connections)
{
    uint64_t begun = now_ms();
    bool sends = i < 0 ? r->as->to_peer : r->as->to_hub;

    while (i >= 0 && r->hub && !has_met_hub(r, *s)) {
        receive_all(r);
        if (now_ms() - begun > QUIET_MS)
            fail(r, "a peer does not meet the hub");
    }
    if (r->as->parts && sends && chance(r, 2) && r->as->hub != ZMQ_ROUTER)
        zmq_send(*s, "abandoned", 9, ZMQ_DONTWAIT | ZMQ_SNDMORE);
    if (zmq_close(*s))
        fail(r, "zmq_close");
    *s = NULL;
    while (connections_of_hub(r) > connections || all(r).closing) {
        receive_all(r);
        if (now_ms() - begun > QUIET_MS)
            fail(r, "somebody does not come to an end");
    }
    r->slow |= now_ms() - begun > GOODBYE_MS;
}

static void turn(struct run *r)
{
    int i = (int)chance(r, (uint32_t)r->as->peers);

    if (r->as->to_peer)
        for (uint32_t n = chance(r, BURST); n > 0 && hub_sends(r); n--)
            continue;
    if (r->as->to_hub)
        for (uint32_t n = chance(r, BURST); n > 0 && peer_sends(r, i); n--)
            continue;
    if (chance(r, 3))
        receive_all(r);
    if (chance(r, (uint32_t)(r->wanted / TURN / LEAVES_MAX) + LEAVE_ONE_IN) == 0) {
        leave(r, &r->peer[i], i, (uint64_t)r->as->peers - 1);
        add_peer(r, i);
    }
}

/* ---- the reckoning ---- */

static bool check(const struct run *r, const char *what, uint64_t left, uint64_t right)
{
    if (left == right || (r->slow && left > right))
        return true;
    fprintf(stderr, "accounts: %s at %s: %s: %llu and %llu\n", r->as->name, r->endpoint, what,
            (unsigned long long)left, (unsigned long long)right);
    return false;
}

/* Before it leaves: what its peers count is no part of it. */
static bool published(const struct run *r)
{
    struct zuring_socket_stats s = of(r, r->hub);

    return !is_publisher(r) ||
           check(r, "published, and sent or dropped", r->copies,
                 s.sent + s.dropped_no_route + s.dropped_water_mark + s.dropped_filtered);
}

static bool reckon(const struct run *r)
{
    struct zuring_context_stats s = all(r);
    bool good = check(r, "sent, and received or lost", s.sent,
                      s.received + s.dropped_lost + s.dropped_conflated);

    good &= check(r, "nobody waits any more", s.out_waiting + s.in_waiting, 0);
    if (r->as->peer != ZMQ_DISH) /* which counts what it has got and left as filtered */
        good &= check(r, "received by the application, or of no use to it", s.received,
                      r->received + s.dropped_unexpected);
    if (!is_publisher(r))
        good &= check(r, "taken from the application, and sent or dropped", r->sent,
                      s.sent + s.dropped_no_route + s.dropped_water_mark);
    printf("%s at %.6s: %llu sent, %llu received, %llu lost, %llu conflated, %llu unexpected; "
           "%llu full, %llu to nobody, %llu filtered; %llu peers%s\n",
           r->as->name, r->endpoint, (unsigned long long)s.sent, (unsigned long long)s.received,
           (unsigned long long)s.dropped_lost, (unsigned long long)s.dropped_conflated,
           (unsigned long long)s.dropped_unexpected, (unsigned long long)s.dropped_water_mark,
           (unsigned long long)s.dropped_no_route, (unsigned long long)s.dropped_filtered,
           (unsigned long long)r->born, r->slow ? " (one of them slow to leave)" : "");
    return good;
}

static bool run_one(struct run *r)
{
    size_t size = sizeof r->endpoint;
    uint64_t begun;
    bool good;

    r->ctx = zmq_ctx_new();
    r->hub = new_socket(r, r->as->hub);
    if (zmq_bind(r->hub, r->endpoint) ||
        zmq_getsockopt(r->hub, ZMQ_LAST_ENDPOINT, r->endpoint, &size))
        fail(r, "zmq_bind");
    for (int i = 0; i < r->as->peers; i++)
        add_peer(r, i);
    while (r->sent < r->wanted)
        turn(r);
    begun = now_ms(); /* a stranger's connection would break when the hub leaves */
    while (connections_of_hub(r) < (uint64_t)r->as->peers && now_ms() - begun < QUIET_MS)
        receive_all(r);
    good = published(r);
    leave(r, &r->hub, -1, 0);
    for (int i = 0; i < r->as->peers; i++) {
        set(r, r->peer[i], ZMQ_LINGER, 0);
        leave(r, &r->peer[i], i, 0);
    }
    good &= reckon(r);
    if (zmq_ctx_term(r->ctx))
        fail(r, "zmq_ctx_term");
    return good;
}

/* ---- datagrams ---- */

static void free_port(const struct run *r, char *to, size_t size)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) ||
        getsockname(fd, (struct sockaddr *)&a, &length))
        fail(r, "a free port");
    close(fd);
    snprintf(to, size, "127.0.0.1:%d", ntohs(a.sin_port));
}

/* Two DGRAMs; one reads too seldom, so that the kernel drops what comes. */
static bool run_datagrams(struct run *r)
{
    struct zuring_context_stats s = {0};
    char to[64];
    uint64_t begun;
    bool good;

    r->ctx = zmq_ctx_new();
    for (int i = 0; i < 2; i++) {
        void *d = r->peer[i] = new_socket(r, ZMQ_DGRAM);

        set(r, d, ZMQ_RCVBUF, UDP_ROOM);
        do { /* a port that is free, and still is when it is bound */
            free_port(r, to, sizeof to);
            snprintf(r->endpoint, sizeof r->endpoint, "udp://%s", to);
        } while (zmq_bind(d, r->endpoint));
    }
    while (r->sent < r->wanted) {
        for (uint32_t n = chance(r, 3 * HWM); n > 0; n--) {
            const char *where = chance(r, 50) ? to : "no address";
            size_t size = chance(r, 4) ? 1 + chance(r, 60) : UDP_LARGE;

            if (zmq_send(r->peer[0], where, strlen(where), ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
                break;
            if (zmq_send(r->peer[0], r->large, size, 0) < 0)
                fail(r, "zmq_send");
            r->sent++;
        }
        for (uint32_t n = chance(r, 2 * HWM); n > 0 && receive(r, r->peer[1]); n--)
            continue;
    }
    begun = now_ms();
    do { /* what the kernel has dropped it tells with what comes after */
        receive(r, r->peer[1]);
        s = all(r);
        if (now_ms() - begun > QUIET_MS)
            break;
    } while (s.sent != s.received + s.dropped_lost);
    snprintf(r->endpoint, sizeof r->endpoint, "udp");
    good = check(r, "sent, and received or lost", s.sent, s.received + s.dropped_lost) &
           check(r, "received by the application", s.received, r->received) &
           check(r, "sent by the application", r->sent, s.sent);
    printf("dgram at udp: %llu sent, %llu received, %llu lost\n", (unsigned long long)s.sent,
           (unsigned long long)s.received, (unsigned long long)s.dropped_lost);
    for (int i = 0; i < 2; i++)
        zmq_close(r->peer[i]);
    zmq_ctx_term(r->ctx);
    return good;
}

/* ---- the program ---- */

static void endpoint_of(struct run *r, const char *transport, const char *folder, int n)
{
    if (strcmp(transport, "tcp") == 0)
        snprintf(r->endpoint, sizeof r->endpoint, "tcp://127.0.0.1:*");
    else
        snprintf(r->endpoint, sizeof r->endpoint, "%s://%s/%d", transport, folder, n);
}

int main(int argc, char **argv)
{
    static const char *const transports[] = {"tcp", "ipc", "inproc"};
    const char *transport = NULL, *pair = NULL;
    char folder[] = "/tmp/accounts-XXXXXX";
    struct run base = {.wanted = 1000000, .seed = 1};
    int bad = 0, n = 0;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--messages") == 0)
            base.wanted = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            base.seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--transport") == 0)
            transport = argv[i + 1];
        else if (strcmp(argv[i], "--pair") == 0)
            pair = argv[i + 1];
        else
            argc = 0;
    }
    if (argc % 2 == 0 || base.wanted == 0) {
        fprintf(stderr, "usage: accounts [--messages N] [--transport tcp|ipc|inproc|udp] "
                        "[--pair NAME] [--seed N]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    base.large = calloc(1, LARGE + 1000);
    if (!base.large || !mkdtemp(folder))
        return 1;
    for (size_t t = 0; t < sizeof transports / sizeof *transports; t++) {
        for (size_t p = 0; p < sizeof pairings / sizeof *pairings; p++) {
            struct run r = base;

            r.as = &pairings[p];
            if ((transport && strcmp(transport, transports[t]) != 0) ||
                (pair && strcmp(pair, r.as->name) != 0))
                continue;
            endpoint_of(&r, transports[t], folder, n++);
            bad += !run_one(&r);
            if (strncmp(r.endpoint, "ipc://", 6) == 0)
                unlink(r.endpoint + 6);
        }
    }
    if ((!transport || strcmp(transport, "udp") == 0) && (!pair || strcmp(pair, "dgram") == 0)) {
        struct run r = base;
        static const struct pairing dgram = {.name = "dgram"};

        r.as = &dgram;
        bad += !run_datagrams(&r);
    }
    rmdir(folder);
    free(base.large);
    return bad != 0;
}
