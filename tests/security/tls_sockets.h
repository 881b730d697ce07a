/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_sockets: our sockets as the tests of TLS have them.
 * Thread: the test's main thread. Owner: the test; they are closed at its end.
 */
#ifndef ZU_TESTS_SECURITY_TLS_SOCKETS_H
#define ZU_TESTS_SECURITY_TLS_SOCKETS_H

#include "tests/support/certs.h"

#include <stdbool.h>
#include <stdint.h>
#include <zuring.h>

#define TLS_CRYPTOGRAPHIC "285212673" /* ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC */

/* How handshakes and connections end. */
#define TLS_ENDS                                                                                   \
    (ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |                        \
     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |                       \
     ZMQ_EVENT_DISCONNECTED)

const char *tls_place(void); /* an endpoint */
/* A socket that is bound as `who`. */
void *tls_server(int type, enum test_identity who, const char *at);
/* One that trusts TEST_CA, and nothing is kept of what it could not send. */
void *tls_client(int type);

/* Has the kernel TLS, so that it seals what we send? Else errno says why not. */
bool tls_in_kernel(void);
int tls_count_sealed(void); /* our descriptors that the kernel does so for */

/* The socket's events as records, and the next of them. */
void *tls_records(void *socket, uint64_t events);
struct zuring_event tls_next(void *reader);

#endif
