/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_peer: a peer that speaks TLS by OpenSSL's own hand, over a blocking descriptor with a
 * deadline, and behind it what a test has it say. What does not go through fails the test.
 * Thread: the test's main thread. Owner: the test.
 */
#ifndef ZU_TESTS_SECURITY_TLS_PEER_H
#define ZU_TESTS_SECURITY_TLS_PEER_H

#include "tests/support/certs.h"

#include <stdbool.h>
#include <stddef.h>

struct tls_peer {
    int fd;
    void *ctx, *ssl;
};

#define TLS_NOBODY TEST_IDENTITIES /* has no certificate */

/* Connects to tls://127.0.0.1:port; the handshake is over for this side. */
struct tls_peer tls_dial(const char *endpoint, enum test_identity who);
/* The same with one suite of TLS 1.3 alone, by its name. */
struct tls_peer tls_dial_by(const char *endpoint, const char *suite);
/* Takes a connection of the listening descriptor; false: the handshake failed. */
bool tls_take(struct tls_peer *p, int listener, enum test_identity who);
/* The same as dial with nothing newer than TLS 1.2: whether it went through. */
bool tls_dial_old(const char *endpoint);

void tls_say(struct tls_peer *p, const void *bytes, size_t size);
void tls_hear(struct tls_peer *p, void *bytes, size_t size);
/* How the peer's words end: true with his goodbye, false without. What comes before is dropped. */
bool tls_hear_end(struct tls_peer *p);
/* The number of the alert that ends the connection; 0: it ends without. */
int tls_hear_alert(struct tls_peer *p);
/* And has the peer do so, too. False: he does not listen any more. */
bool tls_renew_keys(struct tls_peer *p, bool both);
void tls_say_goodbye(struct tls_peer *p);
void tls_hang_up(struct tls_peer *p); /* without one */

/* ZMTP: a whole greeting and READY as that type, and the peer's. */
void tls_shake_zmtp(struct tls_peer *p, const char *type);
/* A message of one short part, there and back. */
void tls_say_part(struct tls_peer *p, const char *text);
void tls_hear_part(struct tls_peer *p, const char *text);

#endif
