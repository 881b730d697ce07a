/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certs: certificates for the tests of TLS, made when they are first asked for, and good for a day.
 * What cannot be made ends the program, be it one of Criterion's or a plain one.
 * Thread: one at a time. Owner: the process, until its end.
 */
#ifndef ZU_TESTS_SUPPORT_CERTS_H
#define ZU_TESTS_SUPPORT_CERTS_H

enum test_identity {
    TEST_CA,        /* who signs, unless it says otherwise */
    TEST_OTHER_CA,  /* who signs as well as he does, but is another */
    TEST_SERVER,    /* localhost, 127.0.0.1, ::1 */
    TEST_CLIENT,    /* no name of a host */
    TEST_EXPIRED,   /* as SERVER, until yesterday */
    TEST_EARLY,     /* as SERVER, from tomorrow */
    TEST_ELSEWHERE, /* another host */
    TEST_FOREIGN,   /* as SERVER, signed by OTHER_CA */
    TEST_OWN,       /* as SERVER, signed by itself */
    TEST_REVOKED,   /* as SERVER; TEST_CA says that it is not, any more */
    TEST_IDENTITIES,
};

const char *test_key(enum test_identity who);  /* PEM */
const char *test_cert(enum test_identity who); /* PEM */
const char *test_revocations(void);            /* TEST_CA's, PEM */

/* The socket is SERVER, and trusts whom TEST_CA has signed. */
void test_certify(void *socket);
/* A socket's key and certificate; whom it trusts. */
void test_be(void *socket, enum test_identity who);
void test_trust(void *socket, enum test_identity who);

#endif
