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

static struct outcome be_met(int type, const uint8_t *data, size_t size, bool cut)
{
    struct rig r;

    open_session(&r, type);
    rig_bind(&r);
    rig_accept(&r);
    return meet(&r, type, data, size, cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    int type = data[0] % TYPES;
    struct outcome whole = be_met(type, data + 1, size - 1, false);
    struct outcome cuts = be_met(type, data + 1, size - 1, true);

    if (type == ZMQ_STREAM || takes_turns(type)) /* a STREAM's messages are what a receive brings */
        return 0;
    check_same(type, &whole, &cuts, true);
    return 0;
}
