/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tipc and vsock: what endpoints look like, what is refused, and messages both ways; on the
 * kernel's own sockets where it has some that reach each other, else on played ones (families.h).
 */
#include "tests/monitor/watch.h"
#include "tests/support/body.h"
#include "tests/transport/families.h"

#include <linux/tipc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TEST_SUITE(families);

/* A ring connects and accepts by itself: there nothing can be played. */
#define NEEDS(family)                                                                              \
    do {                                                                                           \
        const char *backend = getenv("ZURING_BACKEND");                                            \
        if (!test_newer())                                                                         \
            cr_skip_test("not in this libzmq");                                                    \
        family_play(family);                                                                       \
        if (!family_is_there(family) && (!backend || strcmp(backend, "readiness") != 0))           \
            cr_skip_test("the kernel has no " #family " that reaches this machine");               \
    } while (0)

/* A service, or a port, that no other process has. */
static unsigned own_number(void)
{
    static unsigned more;

    return 100000u + (unsigned)getpid() * 16u + more++;
}

static const char *last_endpoint(void *socket)
{
    char at[256];
    size_t size = sizeof at;

    OK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, at, &size));
    return test_text("%s", at);
}

/* Where to find who is bound to *:port. */
static const char *vsock_of(void *socket)
{
    unsigned port;

    cr_assert_eq(sscanf(last_endpoint(socket), "vsock://*:%u", &port), 1);
    return test_text("vsock://1:%u", port);
}

/* Requests and answers, small and larger than any block; and what was sent before a close. */
static void talk(void *dealer, void *router)
{
    static uint8_t large[300000];
    uint64_t hash;
    char id[8];

    SEND(dealer, "small|question");
    RECV(router, "me|small|question");
    SEND(router, "me|answer");
    RECV(dealer, "answer");
    test_body_fill(large, sizeof large, 7);
    hash = test_body_hash(large, sizeof large);
    OK(zmq_send(dealer, large, sizeof large, 0));
    cr_assert_eq(zmq_recv(router, id, sizeof id, 0), 2);
    memset(large, 0, sizeof large);
    cr_assert_eq(zmq_recv(router, large, sizeof large, 0), (int)sizeof large);
    cr_expect_eq(test_body_hash(large, sizeof large), hash);
    for (int i = 0; i < 200; i++)
        SEND(dealer, "%d", i);
    test_close(dealer);
    for (int i = 0; i < 200; i++)
        RECV(router, "me|%d", i);
}

static void *named_dealer(void)
{
    void *s = test_socket(ZMQ_DEALER);

    SET(s, ZMQ_LINGER, -1);
    OK(zmq_setsockopt(s, ZMQ_ROUTING_ID, "me", 2));
    return s;
}

Test(families, tipc_finds_an_instance_of_a_service)
{
    unsigned type = own_number();
    void *router, *dealer;

    NEEDS(AF_TIPC);
    router = test_bound(ZMQ_ROUTER, test_text("tipc://{%u,10,20}", type));
    dealer = named_dealer();
    test_connect(dealer, test_text("tipc://{%u,13}", type));
    talk(dealer, router);
}

Test(families, tipc_finds_a_port_by_its_own_name)
{
    unsigned z, c, n, port;
    void *router, *dealer;

    NEEDS(AF_TIPC);
    router = test_bound(ZMQ_ROUTER, "tipc://<*>");
    cr_assert_eq(sscanf(last_endpoint(router), "tipc://<%u.%u.%u:%u>", &z, &c, &n, &port), 4);
    dealer = named_dealer();
    test_connect(dealer, last_endpoint(router));
    talk(dealer, router);
}

Test(families, tipc_services_are_unbound_by_either_name)
{
    unsigned type = own_number();
    void *pull = test_socket(ZMQ_PULL);
    char at[64];

    NEEDS(AF_TIPC);
    snprintf(at, sizeof at, "tipc://{%u,0,0}", type);
    test_bind(pull, at);
    OK(zmq_unbind(pull, at));
    FAILS(ENOENT, zmq_unbind(pull, at));
    test_bind(pull, test_text("tipc://{%u,1}", type));
    OK(zmq_unbind(pull, last_endpoint(pull)));
    FAILS(ENOENT, zmq_unbind(pull, last_endpoint(pull)));
}

Test(families, tipc_refuses_what_is_no_address)
{
    static const char *const bad[] = {
        "{5560,5,2}",     "{63,0,0}", "{5560}",         "5560,0,0",     "{5560,0,0", "{a,b,c}",
        "<1.2.3:4>",      "*",        "{4294967296,0}", "{5560,0,0,0}", "{-1,0,0}",  "{5560,0,0}x",
        "{5560,0}@1.2.3", "<*",       "{,0,0}",
    };
    static const char *const bad_target[] = {
        "<*>",          "{5560,0,5}",    "{5560}",       "{5560,0}@1",          "{5560,0}@256.0.0",
        "{63,0}",       "<1.2.3>",       "<1.4096.3:4>", "<1.2.4096:4>",        "<1.2.3:4>x",
        "{5560,0}@1.2", "{5560,0}1.2.3", "5560,0",       "<1.2.3:42949672960>",
    };
    static const char *const good_target[] = {
        "{64,0}",
        "{ 5560 , 7 }",
        "{5560,4294967295}@255.4095.4095 ",
        "<0.0.0:1>",
    };
    void *s = test_socket(ZMQ_PAIR);

    NEEDS(AF_TIPC);
    SET(s, ZMQ_LINGER, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        FAILS(EINVAL, zmq_bind(s, test_text("tipc://%s", bad[i])));
    for (size_t i = 0; i < sizeof bad_target / sizeof *bad_target; i++)
        FAILS(EINVAL, zmq_connect(s, test_text("tipc://%s", bad_target[i])));
    for (size_t i = 0; i < sizeof good_target / sizeof *good_target; i++)
        test_connect(s, test_text("tipc://%s", good_target[i]));
    cr_expect_str_eq(last_endpoint(s), "tipc://<0.0.0:1>");
}

Test(families, tipc_connects_again_until_there_is_somebody)
{
    unsigned type = own_number();
    void *push, *reader, *pull;

    NEEDS(AF_TIPC);
    push = test_socket(ZMQ_PUSH);
    reader = watch(push, ZMQ_EVENT_CONNECT_RETRIED);
    test_connect(push, test_text("tipc://{%u,3}", type));
    SEND(push, "early");
    EVENTS(reader, "CONNECT_RETRIED");
    pull = test_bound(ZMQ_PULL, test_text("tipc://{%u,0,5}", type));
    RECV(pull, "early");
}

Test(families, without_tipc_a_bind_says_so)
{
    void *s = test_socket(ZMQ_PUSH);
    int fd = socket(AF_TIPC, SOCK_STREAM, 0);

    if (!test_newer())
        cr_skip_test("not in this libzmq");
    if (fd >= 0) {
        close(fd);
        cr_skip_test("the kernel has TIPC");
    }
    FAILS(EAFNOSUPPORT, zmq_bind(s, "tipc://{5560,0,0}"));
    FAILS(EINVAL, zmq_bind(s, "tipc://{5560}"));
    cr_expect_eq(zmq_has("tipc"), 1);
    void *reader = watch(s, ZMQ_EVENT_CONNECT_RETRIED);

    test_connect(s, "tipc://{5560,0}");
    EVENTS(reader, "CONNECT_RETRIED");
}

/* ---- vsock ---- */

Test(families, vsock_reaches_its_own_machine)
{
    void *router, *dealer;

    NEEDS(AF_VSOCK);
    router = test_bound(ZMQ_ROUTER, "vsock://*:*");
    dealer = named_dealer();
    test_connect(dealer, vsock_of(router));
    cr_expect_str_eq(last_endpoint(dealer), vsock_of(router));
    talk(dealer, router);
}

Test(families, vsock_has_the_port_it_was_given)
{
    unsigned port = own_number();
    void *pull = test_socket(ZMQ_PULL), *push = test_socket(ZMQ_PUSH);
    char at[64];

    NEEDS(AF_VSOCK);
    snprintf(at, sizeof at, "vsock://-1:%u", port);
    test_bind(pull, at);
    cr_expect_str_eq(last_endpoint(pull), test_text("vsock://*:%u", port));
    FAILS(EADDRINUSE, zmq_bind(push, at));
    SET(push, ZMQ_CONNECT_TIMEOUT, 60000);
    test_connect(push, test_text("vsock://1:%u", port));
    SEND(push, "x");
    RECV(pull, "x");
    OK(zmq_unbind(pull, at));
    WAIT(zmq_bind(pull, at) == 0);
    OK(zmq_unbind(pull, last_endpoint(pull)));
    FAILS(ENOENT, zmq_unbind(pull, at));
}

Test(families, vsock_refuses_what_is_no_address)
{
    static const char *const bad[] = {
        "1",    "1:",    ":1",   "x:1",  "1:x", "@@:1", "@1:1", "1:4294967295", "99999999999:1",
        "-2:1", "1:1:1", "1:-2", "* :1",
    };
    static const char *const bad_target[] = {"*:1", "-1:1", "1:*", "1:-1", "@:*", "1"};
    void *s = test_socket(ZMQ_PAIR);

    NEEDS(AF_VSOCK);
    SET(s, ZMQ_LINGER, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        FAILS(EINVAL, zmq_bind(s, test_text("vsock://%s", bad[i])));
    for (size_t i = 0; i < sizeof bad_target / sizeof *bad_target; i++)
        FAILS(EINVAL, zmq_connect(s, test_text("vsock://%s", bad_target[i])));
    test_connect(s, "vsock://@:7");
    cr_expect_str_eq(last_endpoint(s), "vsock://@:7");
}
