/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls://: who is believed, who is not, and what is told of it. What messages do over it is shown
 * with all transports, by the tests of socket types.
 */
#define ZMQ_BUILD_DRAFT_API /* zmq_socket_monitor_versioned */
#include "tests/monitor/watch.h"
#include "tests/security/tls_peer.h"
#include "tests/security/tls_sockets.h"
#include "tests/support/body.h"
#include "tests/support/lone.h"
#include "tests/support/plain.h"
#include "tests/support/proc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zuring.h>

TEST_SUITE(tls);

/* ---- what is refused at once ---- */

Test(tls, is_there)
{
    cr_assert_eq(zmq_has("tls"), 1);
}

Test(tls, a_bind_needs_a_certificate_and_its_key)
{
    const char *at = tls_place();
    void *s = test_socket(ZMQ_PULL);

    FAILS(EINVAL, zmq_bind(s, at));
    SET_TEXT(s, ZURING_TLS_KEY_PEM, test_key(TEST_SERVER));
    FAILS(EINVAL, zmq_bind(s, at));
    SET_TEXT(s, ZURING_TLS_CERT_PEM, test_cert(TEST_CLIENT));
    FAILS(EINVAL, zmq_bind(s, at)); /* another's key */
    SET_TEXT(s, ZURING_TLS_CERT_PEM, "what is this");
    FAILS(EINVAL, zmq_bind(s, at));
    SET_TEXT(s, ZURING_TLS_CERT_PEM, test_cert(TEST_SERVER));
    SET_TEXT(s, ZURING_TLS_KEY_PEM, test_cert(TEST_SERVER));
    FAILS(EINVAL, zmq_bind(s, at));
    SET_TEXT(s, ZURING_TLS_KEY_PEM, test_key(TEST_SERVER));
    OK(zmq_bind(s, at));
}

Test(tls, a_chain_that_is_cut_off_is_refused)
{
    void *s = test_socket(ZMQ_PULL);
    char *chain = NULL;

    cr_assert_gt(asprintf(&chain, "%s%.200s", test_cert(TEST_SERVER), test_cert(TEST_CA)), 0);
    test_be(s, TEST_SERVER);
    SET_TEXT(s, ZURING_TLS_CERT_PEM, chain);
    FAILS(EINVAL, zmq_bind(s, tls_place()));
    free(chain);
}

Test(tls, a_connect_needs_somebody_to_trust)
{
    const char *at = tls_place();
    void *s = test_socket(ZMQ_PUSH);

    FAILS(EINVAL, zmq_connect(s, at));
    SET_TEXT(s, ZURING_TLS_TRUST_PEM, "nobody");
    FAILS(EINVAL, zmq_connect(s, at));
    SET_TEXT(s, ZURING_TLS_TRUST_PEM, test_key(TEST_CA));
    FAILS(EINVAL, zmq_connect(s, at));
    OK(zmq_setsockopt(s, ZURING_TLS_TRUST_PEM, NULL, 0));
    FAILS(EINVAL, zmq_connect(s, at));
    SET(s, ZURING_TLS_INSECURE, 1);
    OK(zmq_connect(s, at));
    SET(s, ZURING_TLS_INSECURE, 0);
    SET(s, ZURING_TLS_TRUST_SYSTEM, 1);
    OK(zmq_connect(s, tls_place()));
}

Test(tls, a_bind_that_asks_for_certificates_needs_somebody_to_trust)
{
    void *s = test_socket(ZMQ_PULL);

    test_be(s, TEST_SERVER);
    SET(s, ZURING_TLS_CLIENT_CERTIFICATE, 1);
    FAILS(EINVAL, zmq_bind(s, tls_place()));
    test_trust(s, TEST_CA);
    OK(zmq_bind(s, tls_place()));
}

Test(tls, switches_are_read_back_and_keys_are_not)
{
    void *s = test_socket(ZMQ_PULL);
    char text[4096];
    size_t size = sizeof text;

    test_be(s, TEST_SERVER);
    FAILS(EINVAL, zmq_getsockopt(s, ZURING_TLS_KEY_PEM, text, &size));
    FAILS(EINVAL, test_set(s, ZURING_TLS_INSECURE, 2));
    FAILS(EINVAL, test_set(s, ZURING_TLS_CLIENT_CERTIFICATE, -1));
    FAILS(EINVAL, zmq_setsockopt(s, ZURING_TLS_TRUST_SYSTEM, "", 1));
    FAILS(EINVAL, zmq_setsockopt(s, ZURING_TLS_KEY_PEM, NULL, 5));
    cr_assert_eq(test_get(s, ZURING_TLS_INSECURE), 0);
    SET(s, ZURING_TLS_INSECURE, 1);
    SET(s, ZURING_TLS_CLIENT_CERTIFICATE, 1);
    cr_assert_eq(test_get(s, ZURING_TLS_INSECURE), 1);
    cr_assert_eq(test_get(s, ZURING_TLS_CLIENT_CERTIFICATE), 1);
}

Test(tls, what_stands_behind_the_end_of_a_text_is_not_overlooked)
{
    const char *cert = test_cert(TEST_SERVER);
    void *s = test_socket(ZMQ_PULL);
    char text[8192];
    size_t size = strlen(cert);

    cr_assert_lt(2 * size + 2, sizeof text);
    memcpy(text, cert, size + 1);
    OK(zmq_setsockopt(s, ZURING_TLS_TRUST_PEM, text, size + 1)); /* a C string, with its end */
    memcpy(text + size + 1, cert, size);
    FAILS(EINVAL, zmq_setsockopt(s, ZURING_TLS_TRUST_PEM, text, 2 * size + 1));
    FAILS(EINVAL, zmq_setsockopt(s, ZURING_TLS_HOSTNAME, "good\0bad", 8));
}

/* Nobody could be told from anybody else. */
Test(tls, a_connect_without_a_host_is_refused)
{
    void *c = tls_client(ZMQ_PUSH);
    char name[300];

    FAILS(EINVAL, zmq_connect(c, "tls://:5555"));
    memset(name, 'x', sizeof name);
    OK(zmq_setsockopt(c, ZURING_TLS_HOSTNAME, name, sizeof name));
    FAILS(EINVAL, zmq_connect(c, tls_place()));
}

/* ---- bodies ---- */

static void check_body(zmq_msg_t *m, size_t size, size_t seed)
{
    char *body = malloc(size + 1);

    cr_assert_eq(zmq_msg_size(m), size);
    test_body_fill(body, size, seed);
    cr_assert_eq(memcmp(zmq_msg_data(m), body, size), 0, "part %zu", seed);
    free(body);
}

Test(tls, bodies_of_all_sizes_arrive_whole)
{
    static const size_t sizes[] = {0,     1,     33,    34,       2048,     4096,   4097,
                                   16374, 16375, 16384, 16385,    65535,    131072, 1000003,
                                   40,    65536, 3,     5u << 20, 1u << 20, 7};
    const char *at = tls_place();
    void *b = tls_server(ZMQ_PAIR, TEST_SERVER, at), *c = tls_client(ZMQ_PAIR);

    SET(c, ZMQ_SNDHWM, 0);
    test_connect(c, at);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) { /* all on their way together */
        char *body = malloc(sizes[i] + 1);

        test_body_fill(body, sizes[i], i);
        OK(zmq_send(c, body, sizes[i], i % 3 == 2 ? 0 : ZMQ_SNDMORE));
        free(body);
    }
    OK(zmq_send(c, "end", 3, 0));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        zmq_msg_t m;

        zmq_msg_init(&m);
        OK(zmq_msg_recv(&m, b, 0));
        check_body(&m, sizes[i], i);
        cr_assert_eq(zmq_msg_more(&m), i % 3 != 2);
        OK(zmq_msg_send(&m, b, i % 3 == 2 ? 0 : ZMQ_SNDMORE));
    }
    RECV(b, "end");
    OK(zmq_send(b, "end", 3, 0));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        zmq_msg_t m;

        zmq_msg_init(&m);
        OK(zmq_msg_recv(&m, c, 0));
        check_body(&m, sizes[i], i);
        zmq_msg_close(&m);
    }
    RECV(c, "end");
}

/* ---- who is believed ---- */

struct judged {
    enum test_identity who;
    const char *reason;
};

/* A client and a server that does not please him: what both are told. */
static void is_refused(enum test_identity who, const char *reason)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_PULL, who, at), *c = tls_client(ZMQ_PUSH);
    void *b_events = watch(b, TLS_ENDS), *c_events = tls_records(c, TLS_ENDS);
    struct zuring_event r;

    test_connect(c, at);
    r = tls_next(c_events);
    cr_assert_eq(r.event, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, "%s: %d %s", reason, (int)r.event,
                 r.reason);
    cr_assert_eq(r.value, 400);
    cr_assert_eq(r.error, EKEYREJECTED);
    cr_assert_str_eq(r.reason, reason);
    cr_assert_str_eq(r.endpoint, at);
    r = tls_next(c_events);
    cr_assert_eq(r.event, ZMQ_EVENT_DISCONNECTED);
    cr_assert_str_eq(r.reason, reason);
    EVENTS(b_events, "HANDSHAKE_FAILED_AUTH=400@%s DISCONNECTED", at);
}

Test(tls, a_server_that_cannot_be_believed_is_left)
{
    is_refused(TEST_EXPIRED, "certificate has expired");
    is_refused(TEST_EARLY, "certificate is not yet valid");
    is_refused(TEST_ELSEWHERE, "IP address mismatch");
    is_refused(TEST_FOREIGN, "unable to get local issuer certificate");
    is_refused(TEST_OWN, "self-signed certificate");
}

Test(tls, a_revoked_certificate_is_refused_where_revocations_are_known)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_PULL, TEST_REVOKED, at), *c = tls_client(ZMQ_PUSH), *events;
    char *trust = NULL;
    struct zuring_event r;

    cr_assert_gt(asprintf(&trust, "%s%s", test_cert(TEST_CA), test_revocations()), 0);
    test_connect(c, at);
    SEND(c, "it is not known yet");
    RECV(b, "it is not known yet");
    SET_TEXT(c, ZURING_TLS_TRUST_PEM, trust);
    events = tls_records(c, TLS_ENDS);
    OK(zmq_disconnect(c, at));
    test_connect(c, at);
    do
        r = tls_next(events);
    while (r.event != ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
    cr_assert_str_eq(r.reason, "certificate revoked");
    free(trust);
}

Test(tls, who_takes_any_server_gets_any_server)
{
    for (enum test_identity who = TEST_EXPIRED; who <= TEST_OWN; who++) {
        const char *at = tls_place();
        void *b = tls_server(ZMQ_PULL, who, at), *c = test_socket(ZMQ_PUSH);

        SET(c, ZURING_TLS_INSECURE, 1);
        test_connect(c, at);
        SEND(c, "come what may");
        RECV(b, "come what may");
    }
}

Test(tls, a_certificate_that_is_trusted_itself_needs_no_signer)
{
    for (int i = 0; i < 2; i++) {
        enum test_identity who = i ? TEST_OWN : TEST_SERVER;
        const char *at = tls_place();
        void *b = tls_server(ZMQ_PULL, who, at), *c = test_socket(ZMQ_PUSH);

        test_trust(c, who);
        test_connect(c, at);
        SEND(c, "you");
        RECV(b, "you");
    }
}

Test(tls, a_name_of_the_endpoint_is_checked_too)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_PULL, TEST_SERVER, at), *c = tls_client(ZMQ_PUSH);

    test_connect(c, test_text("tls://localhost%s", strrchr(at, ':')));
    SEND(c, "by name");
    RECV(b, "by name");
}

Test(tls, a_server_may_be_called_otherwise_than_in_the_endpoint)
{
    static const char *const names[] = {"elsewhere.example", "192.0.2.1"};

    for (int i = 0; i < 2; i++) {
        const char *at = tls_place();
        void *b = tls_server(ZMQ_PULL, TEST_ELSEWHERE, at), *c = tls_client(ZMQ_PUSH);

        SET_TEXT(c, ZURING_TLS_HOSTNAME, names[i]);
        test_connect(c, at);
        SEND(c, "as you say");
        RECV(b, "as you say");
    }
}

/* Nor may a path be taken for it, or the address that we come from. */
Test(tls, only_the_host_of_an_endpoint_is_its_host)
{
    const char *at = test_text("wss%s", tls_place() + 3);
    void *b = tls_server(ZMQ_PULL, TEST_ELSEWHERE, at), *c, *events;
    const char *const endpoints[] = {
        test_text("wss://127.0.0.1%s/;elsewhere.example:1", strrchr(at, ':')),
        test_text("wss://127.0.0.1%s/192.0.2.1:1", strrchr(at, ':')),
    };

    (void)b;
    for (int i = 0; i < 2; i++) {
        c = tls_client(ZMQ_PUSH);
        events = tls_records(c, TLS_ENDS);
        test_connect(c, endpoints[i]);
        cr_assert_str_eq(tls_next(events).reason, "IP address mismatch");
    }
}

Test(tls, but_not_by_any_name)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_PULL, TEST_SERVER, at), *c = tls_client(ZMQ_PUSH), *events;
    struct zuring_event r;

    (void)b;
    SET_TEXT(c, ZURING_TLS_HOSTNAME, "elsewhere.example");
    events = tls_records(c, TLS_ENDS);
    test_connect(c, at);
    r = tls_next(events);
    cr_assert_eq(r.event, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
    cr_assert_str_eq(r.reason, "hostname mismatch");
}

/* ---- who is let in ---- */

static void *guarded(const char *at)
{
    void *b = test_socket(ZMQ_PULL);

    test_certify(b);
    SET(b, ZURING_TLS_CLIENT_CERTIFICATE, 1);
    test_bind(b, at);
    return b;
}

Test(tls, who_has_a_certificate_is_let_in)
{
    const char *at = tls_place();
    void *b = guarded(at), *c = tls_client(ZMQ_PUSH);

    test_be(c, TEST_CLIENT);
    test_connect(c, at);
    SEND(c, "it is me");
    RECV(b, "it is me");
}

/* He is told so after he has been through with his side of the handshake. */
static void is_kept_out(enum test_identity who, const char *reason)
{
    const char *at = tls_place();
    void *b = guarded(at), *c = tls_client(ZMQ_PUSH);
    void *b_events = tls_records(b, TLS_ENDS), *c_events = tls_records(c, TLS_ENDS);
    struct zuring_event r;

    if (who != TLS_NOBODY)
        test_be(c, who);
    test_connect(c, at);
    r = tls_next(b_events);
    cr_assert_eq(r.event, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, "%s: %d", reason, (int)r.event);
    cr_assert_eq(r.value, 400);
    cr_assert_str_eq(r.reason, reason);
    cr_assert(r.bound);
    r = tls_next(b_events);
    cr_assert_eq(r.event, ZMQ_EVENT_DISCONNECTED);
    r = tls_next(c_events);
    cr_assert_eq(r.event, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, "%d %s", (int)r.event, r.reason);
    cr_assert_eq(r.value, 400);
    r = tls_next(c_events);
    cr_assert_eq(r.event, ZMQ_EVENT_DISCONNECTED);
}

Test(tls, who_has_none_or_a_bad_one_is_kept_out)
{
    is_kept_out(TLS_NOBODY, "peer did not return a certificate");
    is_kept_out(TEST_EXPIRED, "certificate has expired");
    is_kept_out(TEST_FOREIGN, "unable to get local issuer certificate");
    is_kept_out(TEST_OWN, "self-signed certificate");
}

/* ---- comings and goings ---- */

Test(tls, a_server_that_comes_back_is_found_again)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_PULL, TEST_SERVER, at), *c = test_socket(ZMQ_PUSH);

    test_trust(c, TEST_CA);
    SET(c, ZMQ_RECONNECT_IVL, 10);
    test_connect(c, at);
    SEND(c, "one");
    RECV(b, "one");
    OK(zmq_unbind(b, at));
    test_close(b);
    b = test_socket(ZMQ_PULL);
    test_certify(b);
    WAIT(zmq_bind(b, at) == 0);
    SEND(c, "two"); /* the first may have gone with the connection, unread */
    WAIT(strcmp(test_recv(b, ZMQ_DONTWAIT), "two") == 0 ||
         (test_send(c, ZMQ_DONTWAIT, "two"), false));
}

Test(tls, connections_come_and_go_and_leave_nothing)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_PULL, TEST_SERVER, at);
    int descriptors = 0;

    for (int i = 0; i < 150; i++) {
        void *c = test_socket(ZMQ_PUSH);

        test_trust(c, TEST_CA);
        test_connect(c, at);
        SEND(c, "%d", i);
        RECV(b, "%d", i);
        test_close(c);
        if (i == 50) {
            WAIT(test_descriptors() < 100 && test_events(b) == 0);
            descriptors = test_descriptors();
        }
    }
    WAIT(test_events(b) == 0 && test_descriptors() <= descriptors + 2);
}

Test(tls, what_was_sent_arrives_though_the_sender_has_closed)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_PULL, TEST_SERVER, at), *c = test_socket(ZMQ_PUSH);
    char *body = calloc(1, 1 << 20);

    test_trust(c, TEST_CA);
    test_connect(c, at);
    for (int i = 0; i < 20; i++)
        OK(zmq_send(c, body, 1 << 20, 0));
    SEND(c, "the last");
    test_close(c);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(zmq_recv(b, body, 1 << 20, 0), 1 << 20);
    RECV(b, "the last");
    free(body);
}

/* One set of options, used in both ways, and for many connections. */
Test(tls, a_socket_binds_and_connects)
{
    const char *first = tls_place(), *second = tls_place();
    void *a = tls_server(ZMQ_DEALER, TEST_SERVER, first),
         *b = tls_server(ZMQ_DEALER, TEST_SERVER, second);

    for (int i = 0; i < 10; i++)
        test_connect(b, first);
    test_connect(a, second);
    SEND(a, "there");
    RECV(b, "there");
    SEND(b, "and back");
    RECV(a, "and back");
}

/* ---- by hand ---- */

Test(tls, lone_messages_need_no_io_thread)
{
    const char *at = tls_place(), *web = test_text("wss%s/path", tls_place() + 3);
    void *b = tls_server(ZMQ_PAIR, TEST_SERVER, at), *c = tls_client(ZMQ_PAIR);
    void *web_b = tls_server(ZMQ_PAIR, TEST_SERVER, web), *web_c = tls_client(ZMQ_PAIR);

    test_connect(c, at);
    test_connect(web_c, web);
    test_goes_by_hand(c, b);
    test_goes_by_hand(web_c, web_b);
}

Test(tls, who_sends_and_who_receives_do_not_meet)
{
    const char *at = tls_place();
    void *b = tls_server(ZMQ_DEALER, TEST_SERVER, at), *c = tls_client(ZMQ_DEALER);

    test_connect(c, at);
    test_speaks_amid_a_stream(b, c);
    test_speaks_amid_a_stream(c, b);
}

/* ---- wss:// ---- */

Test(tls, carries_websockets_too)
{
    const char *at = test_text("wss%s/path", tls_place() + 3), *elsewhere = tls_place();
    void *b = tls_server(ZMQ_REP, TEST_SERVER, at), *c = tls_client(ZMQ_REQ), *events;
    char *body = calloc(1, 1 << 20), end[256];
    size_t size = sizeof end;
    struct zuring_event r;

    cr_assert_eq(zmq_has("WSS"), 1);
    OK(zmq_getsockopt(b, ZMQ_LAST_ENDPOINT, end, &size));
    cr_assert_str_eq(end, at);
    test_connect(c, at);
    for (int i = 0; i < 5; i++) {
        OK(zmq_send(c, body, 1 << 20, 0));
        cr_assert_eq(zmq_recv(b, body, 1 << 20, 0), 1 << 20);
        SEND(b, "%d", i);
        RECV(c, "%d", i);
    }
    free(body);

    elsewhere = test_text("wss%s", elsewhere + 3);
    tls_server(ZMQ_REP, TEST_ELSEWHERE, elsewhere);
    events = tls_records(c, TLS_ENDS);
    test_connect(c, elsewhere);
    r = tls_next(events);
    cr_assert_eq(r.event, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
    cr_assert_str_eq(r.reason, "IP address mismatch");
    FAILS(EINVAL, zmq_connect(test_socket(ZMQ_REQ), at));
}

Test(tls, peers_know_whom_they_dial_over_wss)
{
    const char *at = test_text("wss%s", tls_place() + 3);
    void *bound = tls_server(ZMQ_PEER, TEST_SERVER, at), *dialer = tls_client(ZMQ_PEER);
    uint32_t id = zmq_connect_peer(dialer, at), back;
    zmq_msg_t m;

    cr_assert_neq(id, 0);
    OK(zmq_msg_init_buffer(&m, "hello", 5));
    OK(zmq_msg_set_routing_id(&m, id));
    cr_assert_eq(zmq_msg_send(&m, dialer, 0), 5);
    OK(zmq_msg_init(&m));
    cr_assert_eq(zmq_msg_recv(&m, bound, 0), 5);
    back = zmq_msg_routing_id(&m);
    cr_assert_neq(back, 0);
    cr_assert_eq(zmq_msg_send(&m, bound, 0), 5); /* with the number that it has */
    OK(zmq_msg_init(&m));
    cr_assert_eq(zmq_msg_recv(&m, dialer, 0), 5);
    cr_expect_eq(zmq_msg_routing_id(&m), id);
    OK(zmq_msg_close(&m));
    OK(zmq_disconnect_peer(dialer, id));
    cr_expect_eq(zmq_connect_peer(test_socket(ZMQ_PEER), at), 0); /* nobody to trust */
    cr_expect_eq(errno, EINVAL);
}
