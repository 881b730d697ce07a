/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: the input is a peer. Its first byte chooses the type of our socket, the rest is what the
 * peer says on a connection that the socket has accepted, from the first byte of its greeting; then
 * it hangs up. The session, its pipe and the pattern are the real ones, over the scripted boundary;
 * between the peer's words the application receives what there is and answers.
 *
 * Said in one piece and in packets it must come to the same; and whatever it was, afterwards
 * nothing is left: no memory, no descriptor, no timer, no request (tests/fault/rig.c).
 */
#include "tests/fuzz/session.h"

enum { TYPES = ZMQ_STREAM + 1 };

static struct outcome meet(int type, const uint8_t *data, size_t size, bool cut)
{
    struct outcome o = {.received = 0xcbf29ce484222325U, .said = 0xcbf29ce484222325U};
    struct rig r;
    uint32_t state = 0;

    open_session(&r, type);
    rig_bind(&r);
    rig_accept(&r);
    if (!cut)
        say_all(&r, type, &o, data, size, NULL);
    for (size_t at = 0, n; cut && at < size; at += n) {
        n = fuzz_cut(&state, data + at, size - at);
        say_all(&r, type, &o, data + at, n, NULL);
    }
    end_session(&r, type, &o);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    int type = data[0] % TYPES;
    struct outcome whole = meet(type, data + 1, size - 1, false);
    struct outcome cuts = meet(type, data + 1, size - 1, true);

    if (type == ZMQ_STREAM || takes_turns(type)) /* a STREAM's messages are what a receive brings */
        return 0;
    FUZZ_CHECK(whole.messages == cuts.messages);
    FUZZ_CHECK(whole.received == cuts.received);
    FUZZ_CHECK(whole.ended == cuts.ended);
    /* Not what was still to be said at an end, nor whether a PONG came before a subscription. */
    FUZZ_CHECK(whole.ended || type == ZMQ_SUB || type == ZMQ_XSUB || whole.said == cuts.said);
    return 0;
}
