/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_web: the input is a peer on a WebSocket. Its first byte chooses the type of our socket,
 * who has dialed, and how far they are: nothing has been said yet, or the upgrade is over, with the
 * mechanism NULL or with none. The rest is what the peer says from there on, until it hangs up.
 */
#include "tests/fuzz/session.h"

#include "engine/wire/upgrade.h"

enum { TYPES = ZMQ_XSUB + 1 }; /* a STREAM speaks no HTTP */

#define HEADERS "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"

static const char *const names[] = {NULL, "ZWS2.0", "ZWS2.0/NULL"};

struct way {
    int type;
    bool dials;           /* our socket does */
    const char *protocol; /* that the upgrade ends with; NULL: none has begun */
};

static void say_text(struct rig *r, const char *text)
{
    FUZZ_CHECK(rig_say(r, text, strlen(text), SIZE_MAX) == strlen(text));
}

static void ask(struct rig *r, const char *protocol)
{
    char text[512];

    snprintf(text, sizeof text,
             "GET / HTTP/1.1\r\n" HEADERS "Sec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
             protocol);
    say_text(r, text);
}

/* What our request wants to hear. */
static void answer_request(struct rig *r, const char *protocol)
{
    static const char field[] = "Sec-WebSocket-Key: ";
    char key[ZU_UPGRADE_KEY_SIZE] = "", accept[ZU_UPGRADE_ACCEPT_SIZE], text[512];
    const uint8_t *at = memmem(r->said, r->said_size, field, strlen(field));

    FUZZ_CHECK(at);
    memcpy(key, at + strlen(field), sizeof key - 1);
    zu_upgrade_accept(accept, key);
    snprintf(text, sizeof text,
             "HTTP/1.1 101 Switching Protocols\r\n" HEADERS
             "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
             accept, protocol);
    say_text(r, text);
}

static struct outcome be_met(struct way w, const uint8_t *data, size_t size, bool cut)
{
    struct rig r;

    open_session(&r, w.type);
    r.is_web = true;
    if (w.dials) {
        rig_dial(&r);
        rig_connect(&r);
        rig_hear_all(&r);
        if (w.protocol)
            answer_request(&r, w.protocol);
    } else {
        rig_bind(&r);
        rig_accept(&r);
        if (w.protocol)
            ask(&r, w.protocol);
    }
    return meet(&r, w.type, data, size, cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct way w = {data[0] % TYPES, data[0] / TYPES % 2, names[data[0] / TYPES / 2 % 3]};
    struct outcome whole = be_met(w, data + 1, size - 1, false);
    struct outcome cuts = be_met(w, data + 1, size - 1, true);

    if (!takes_turns(w.type))
        check_same(w.type, &whole, &cuts, !w.dials); /* keys and masks are by chance */
    return 0;
}
