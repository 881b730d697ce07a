/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a socket has received and done with is given back late, and many at once: the counts of each
 * connection beside each other, and none any more once the socket has nothing to read.
 */
#include "engine/core/props.h"
#include "engine/core/socket.h"
#include "tests/support/pair.h"

TEST_SUITE(spent);

enum { PEERS = 3, ROUNDS = 8, SIZE = 64, PLACES = 1 << (64 - ZU_SPENT_SHIFT) };

/* Slabs that it holds for messages it is done with. */
static unsigned slabs_held(const struct zu_socket *s)
{
    unsigned n = s->spent.bodies.block != NULL;

    for (int i = 0; s->spent_more && i < PLACES; i++)
        n += s->spent_more[i].bodies.block != NULL;
    return n;
}

/* A few messages of each peer, read in turn. Slabs held then: one that had to be waited for came
 * when the socket was quiet. */
static unsigned exchange(void **push, void *pull, zmq_msg_t *m)
{
    static const char body[SIZE];

    for (int i = 0; i < PEERS * ROUNDS; i++)
        cr_assert_eq(zmq_send(push[i % PEERS], body, SIZE, 0), SIZE);
    for (int i = 0; i < PEERS * ROUNDS; i++)
        cr_assert_eq(zmq_msg_recv(m, pull, 0), SIZE);
    return slabs_held(pull);
}

Test(spent, a_quiet_socket_holds_no_slab_of_any_peer)
{
    const char *at = test_endpoint(TEST_TCP);
    void *pull = test_bound(ZMQ_PULL, at), *push[PEERS];
    zmq_msg_t m;

    for (int i = 0; i < PEERS; i++)
        push[i] = test_connected(ZMQ_PUSH, at);
    cr_assert_eq(zmq_msg_init(&m), 0);
    WAIT(exchange(push, pull, &m) > 1);
    cr_assert_eq(zmq_msg_close(&m), 0);
    RECV_GIVES(EAGAIN, pull);
    cr_assert_eq(slabs_held(pull), 0);
}
