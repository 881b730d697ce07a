/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One subscriber subscribes to very many topics, takes them back, or goes, and the traffic of the
 * others is not held up by it: no call of the publisher does more than its share of that work, and
 * between any two such calls a message reaches another subscriber.
 *
 * What a call does is measured in time on the processor, so that a busy machine makes little
 * difference; and where that says too much, once more: a virtual machine may lose its processor and
 * not know it. All topics are on their way before the publisher makes its first call, so that one
 * which took in what is there would take in all of them, each time.
 */
#include "tests/support/pair.h"

#include <pthread.h>
#include <time.h>

TEST_SUITE(bulk);

#ifdef __SANITIZE_ADDRESS__
enum { MANY = 60000 }; /* each takes several times as long */
#else
enum { MANY = 200000 };
#endif

enum { SHARE_MS = 30, TRIES = 5 }; /* 10 are allowed; all of them at once take 100 and more */

struct bulk {
    void *pub, *calm, *sub;
    int sent;         /* to `calm` */
    int longest_ms;   /* of the publisher's calls, */
    const char *call; /* and which one it was */
};

static int64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void note_share(struct bulk *b, int64_t begun_ns, const char *call)
{
    int ms = (int)((cpu_ns() - begun_ns) / 1000000);

    if (ms <= b->longest_ms)
        return;
    b->longest_ms = ms;
    b->call = call;
}

static const char *numbered(struct bulk *b)
{
    return test_text("calm %d", ++b->sent);
}

static void bulk_init(struct bulk *b, enum test_transport transport)
{
    const char *at = test_endpoint(transport);

    *b = (struct bulk){
        .pub = test_socket(ZMQ_XPUB), .calm = test_socket(ZMQ_SUB), .sub = test_socket(ZMQ_SUB)};
    SET(b->pub, ZMQ_RCVHWM, 0); /* or the mark would hold most of them back */
    SET(b->sub, ZMQ_SNDHWM, 0);
    test_bind(b->pub, at);
    SUBSCRIBE(b->calm, "calm");
    SUBSCRIBE(b->sub, "here");
    test_connect(b->calm, at);
    test_connect(b->sub, at);
    for (int i = 0; i < 2; i++)
        test_recv(b->pub, 0); /* both are there */
}

/* A message to the other subscriber, which gets it. */
static void traffic(struct bulk *b)
{
    const char *text = numbered(b);
    int64_t begun = cpu_ns();

    SEND(b->pub, "%s", text);
    note_share(b, begun, "zmq_send");
    RECV(b->calm, "%s", text);
}

/* The publisher's application hears of all of them, and has traffic meanwhile. */
static void hear_all(struct bulk *b, char sign)
{
    int64_t until_ms = test_now_ms() + 3 * TEST_DEADLINE_MS;
    int heard = 0, rounds = 0;

    while (heard < MANY) {
        char notice[64];
        int64_t begun;

        cr_assert_lt(test_now_ms(), until_ms, "heard of %d topics", heard);
        traffic(b);
        rounds++;
        for (int i = 0; i < 1000 && heard < MANY; i++) {
            begun = cpu_ns();
            int size = zmq_recv(b->pub, notice, sizeof notice, ZMQ_DONTWAIT);

            note_share(b, begun, "zmq_recv");
            if (size < 0)
                break;
            cr_assert_eq(notice[0], sign == '+');
            heard++;
        }
    }
    cr_assert_geq(rounds, MANY / 1000);
}

struct job {
    void *sub;
    int option;
};

static void *set_all(void *arg)
{
    struct job *job = arg;

    for (int i = 0; i < MANY; i++) {
        char topic[32];
        int size = snprintf(topic, sizeof topic, "topic/%u/%d", (unsigned)i * 2654435761u, i);

        if (zmq_setsockopt(job->sub, job->option, topic, (size_t)size) < 0)
            return arg;
    }
    return NULL;
}

/* By a thread of its own: the publisher's has better things to do. */
static void ask_all(struct bulk *b, int option)
{
    struct job job = {b->sub, option};
    pthread_t thread;
    void *failed;

    cr_assert_eq(pthread_create(&thread, NULL, set_all, &job), 0);
    cr_assert_eq(pthread_join(thread, &failed), 0);
    cr_assert_null(failed, "a topic was refused");
}

/* Each try is a whole one, with sockets of its own; whatever else is wrong fails it at once. */
static void check_shares(void play(struct bulk *b), enum test_transport transport)
{
    struct bulk b;

    for (int i = 0; i < TRIES; i++) {
        bulk_init(&b, transport);
        play(&b);
        if (b.longest_ms <= SHARE_MS)
            return;
        test_end();
    }
    cr_assert_fail("%s held the publisher for %d ms", b.call, b.longest_ms);
}

static void subscribe_and_cancel(struct bulk *b)
{
    traffic(b);
    ask_all(b, ZMQ_SUBSCRIBE);
    hear_all(b, '+');
    ask_all(b, ZMQ_UNSUBSCRIBE);
    hear_all(b, '-');
}

EACH_TRANSPORT(bulk, subscriptions_and_cancels_leave_room_for_traffic)
{
    check_shares(subscribe_and_cancel, transport);
}

static void subscribe_and_go(struct bulk *b)
{
    int64_t begun;

    ask_all(b, ZMQ_SUBSCRIBE);
    hear_all(b, '+');
    test_close(b->sub);
    hear_all(b, '-');
    RECV(b->pub, "-here"); /* the first to come is the last to go */
    traffic(b);
    begun = cpu_ns();
    test_close(b->pub);
    note_share(b, begun, "zmq_close");
}

EACH_TRANSPORT(bulk, a_subscriber_that_goes_takes_its_topics_along_in_pieces)
{
    check_shares(subscribe_and_go, transport);
}

/* What is not forgotten yet is nobody's all the same, and neither is it in the way of a close. */
Test(bulk, half_forgotten_topics_reach_nobody)
{
    struct bulk b;

    bulk_init(&b, TEST_INPROC);
    ask_all(&b, ZMQ_SUBSCRIBE);
    hear_all(&b, '+');
    test_close(b.sub);
    cr_assert_eq(test_recv(b.pub, 0)[0], '-'); /* it has begun */
    SEND(b.pub, "topic/");
    SEND(b.pub, "here");
    traffic(&b);
    test_close(b.pub);
    RECV_GIVES(EAGAIN, b.calm);
}
