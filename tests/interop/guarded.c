/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/interop/guarded.h"

#include "tests/support/body.h"

#include <inttypes.h>
#include <stdlib.h>

#define HANDLER "inproc://zeromq.zap.01"

void *guarded_begin(struct test_peer *peer, int our_type, int their_type, bool ours_serves,
                    void **handler)
{
    void *ours = test_socket(our_type);

    test_peer_start(peer);
    PEER(peer, "open 0 %d", their_type);
    *handler = NULL;
    if (ours_serves) {
        *handler = test_bound(ZMQ_REP, HANDLER);
    } else {
        PEER(peer, "open 1 %d", ZMQ_REP);
        PEER(peer, "bind 1 " HANDLER);
    }
    return ours;
}

void guarded_meet(struct test_peer *peer, void *ours, int transport, bool ours_binds)
{
    const char *at = test_endpoint((enum test_transport)transport);

    if (ours_binds) {
        test_bind(ours, at);
        PEER(peer, "connect 0 %s", at);
    } else {
        PEER(peer, "bind 0 %s", at);
        test_connect(ours, at);
    }
}

const char *guarded_question(struct test_peer *peer, void *handler)
{
    if (handler)
        return test_recv(handler, 0);
    test_peer_tell(peer, "recv 1");
    return test_peer_answer(peer);
}

void guarded_answer(struct test_peer *peer, void *handler, const char *text)
{
    if (handler)
        SEND(handler, "%s", text);
    else
        PEER(peer, "send 1 %s", text);
}

void guarded_converse(struct test_peer *peer, void *ours)
{
    SEND(ours, "to|you");
    PEER_RECV(peer, "to|you");
    PEER(peer, "send 0 to|me");
    RECV(ours, "to|me");
}

static const char *body_text(const void *data, size_t size)
{
    return test_text("ok %zu %016" PRIx64, size, test_body_hash(data, size));
}

void guarded_exchange(struct test_peer *peer, void *ours, const size_t *sizes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = sizes[i];
        char *data = malloc(size + 1), *back = malloc(size + 1);

        cr_assert(data && back);
        test_body_fill(data, size, i);
        cr_assert_eq(zmq_send(ours, data, size, 0), (int)size);
        PEER_SAYS(peer, body_text(data, size), "take 0");
        PEER(peer, "body 0 %zu %zu", size, i);
        cr_assert_eq(zmq_recv(ours, back, size + 1, 0), (int)size);
        cr_assert_eq(memcmp(data, back, size), 0, "%zu", size);
        free(data);
        free(back);
    }
}
