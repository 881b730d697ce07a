/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/wire/upgrade.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY    "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455, 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define ASKS    "GET /chat HTTP/1.1\r\n"
#define HOST    "Host: server.example.com\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEYED   "Sec-WebSocket-Key: " KEY "\r\n"
#define NAMED   "Sec-WebSocket-Protocol: ZWS2.0/NULL,ZWS2.0\r\n"
#define NEWEST  "Sec-WebSocket-Version: 13\r\n"
#define GOOD    ASKS HOST UPGRADE KEYED NAMED NEWEST "\r\n"

#define SWITCHES "HTTP/1.1 101 Switching Protocols\r\n"
#define ACCEPTED "Sec-WebSocket-Accept: " ACCEPT "\r\n"
#define CHOSE    "Sec-WebSocket-Protocol: ZWS2.0\r\n"

static const char *const names[] = {"ZWS2.0/NULL", "ZWS2.0", NULL};

static int hear(const char *text, bool answer, struct zu_upgrade *u)
{
    size_t size = strlen(text);
    uint8_t *copy = malloc(size);
    int rc;

    cr_assert_not_null(copy);
    memcpy(copy, text, size);
    rc = answer ? zu_upgrade_hear_answer(zu_reader_of(copy, size), names, KEY, u)
                : zu_upgrade_hear_request(zu_reader_of(copy, size), names, u);
    free(copy);
    return rc;
}

static void request(const char *text, int expected, int chosen)
{
    struct zu_upgrade u = {.chosen = -1};
    int rc = hear(text, false, &u);

    cr_assert_eq(rc, expected, "%d instead of %d:\n%s", rc, expected, text);
    cr_assert_eq(u.chosen, chosen, "chose %d:\n%s", u.chosen, text);
    if (rc == 0)
        cr_assert_str_eq(u.key, KEY);
}

static void answer(const char *text, int expected, int chosen)
{
    struct zu_upgrade u = {.chosen = -1};
    int rc = hear(text, true, &u);

    cr_assert_eq(rc, expected, "%d instead of %d:\n%s", rc, expected, text);
    cr_assert_eq(u.chosen, chosen, "chose %d:\n%s", u.chosen, text);
}

Test(upgrade, finds_the_end_of_a_text)
{
    static const char text[] = "GET\r\n\r\nframes";
    const uint8_t *at = (const uint8_t *)text;

    for (size_t size = 0; size < sizeof text; size++)
        for (size_t seen = 0; seen <= size; seen++)
            cr_assert_eq(zu_upgrade_end(at, size, seen < 7 ? seen : 0), size < 7 ? 0 : 7,
                         "%zu of %zu", seen, size);
}

Test(upgrade, makes_keys_and_what_proves_that_they_were_read)
{
    char key[ZU_UPGRADE_KEY_SIZE], accept[ZU_UPGRADE_ACCEPT_SIZE];

    zu_upgrade_make_key(key, (const uint8_t *)"the sample nonce");
    cr_assert_str_eq(key, KEY);
    zu_upgrade_accept(accept, key);
    cr_assert_str_eq(accept, ACCEPT);
}

Test(upgrade, takes_the_first_name_that_it_knows)
{
    request(GOOD, 0, 0);
    request(ASKS UPGRADE KEYED NEWEST "Sec-WebSocket-Protocol: mqtt, ZWS2.0 ,ZWS2.0/NULL\r\n\r\n",
            0, 1);
    request(ASKS UPGRADE KEYED NEWEST "Sec-WebSocket-Protocol: x\r\n" NAMED "\r\n", 0, 0);
    request(ASKS UPGRADE KEYED NEWEST "\r\n", -EPROTONOSUPPORT, -1);
    request(ASKS UPGRADE KEYED NEWEST "Sec-WebSocket-Protocol: ZWS2.0/CURVE,zws2.0\r\n\r\n",
            -EPROTONOSUPPORT, -1);
}

Test(upgrade, bears_what_browsers_add)
{
    request(ASKS HOST "connection:keep-alive, upgrade\r\nUPGRADE:\tWebSocket \r\n"
                      "User-Agent: Mozilla/5.0 (X11) \xc3\xa4\r\nOrigin: null\r\nCookie:\r\n"
                      "Sec-WebSocket-Extensions: permessage-deflate\r\n" KEYED NAMED NEWEST "\r\n",
            0, 0);
}

Test(upgrade, refuses_requests_that_are_none)
{
    static const char *const all[] = {
        "\r\n\r\n",
        "POST /chat HTTP/1.1\r\n" UPGRADE KEYED NAMED NEWEST "\r\n",
        "GET /chat HTTP/1.0\r\n" UPGRADE KEYED NAMED NEWEST "\r\n",
        "GET  HTTP/1.1\r\n" UPGRADE KEYED NAMED NEWEST "\r\n",
        "GET /chat\r\n" UPGRADE KEYED NAMED NEWEST "\r\n",
        "GET /a b HTTP/1.1\r\n" UPGRADE KEYED NAMED NEWEST "\r\n",
        ASKS KEYED NAMED NEWEST "\r\n",
        ASKS "Upgrade: h2c\r\nConnection: Upgrade\r\n" KEYED NAMED NEWEST "\r\n",
        ASKS "Upgrade: websocket\r\nConnection: close\r\n" KEYED NAMED NEWEST "\r\n",
        ASKS UPGRADE NAMED NEWEST "\r\n",
        ASKS UPGRADE KEYED KEYED NAMED NEWEST "\r\n",
        ASKS UPGRADE "Sec-WebSocket-Key: short\r\n" NAMED NEWEST "\r\n",
        ASKS UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ!=\r\n" NAMED NEWEST "\r\n",
        ASKS UPGRADE "Sec-WebSocket-Key: dGhlIHNhb\xffsZSBub25jZQ==\r\n" NAMED NEWEST "\r\n",
        ASKS UPGRADE KEYED NAMED "\r\n",
        ASKS UPGRADE KEYED NAMED NEWEST "no colon\r\n\r\n",
        ASKS UPGRADE KEYED NAMED NEWEST ": no name\r\n\r\n",
        ASKS UPGRADE KEYED NAMED NEWEST "a name: x\r\n\r\n",
        ASKS UPGRADE KEYED NAMED NEWEST " folded\r\n\r\n",
        ASKS UPGRADE KEYED NAMED NEWEST "X: \x01\r\n\r\n",
        ASKS UPGRADE KEYED NAMED NEWEST "X: y\n\r\n\r\n",
        ASKS UPGRADE KEYED NAMED NEWEST,
        ASKS UPGRADE KEYED NAMED NEWEST "\r\nframes",
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        request(all[i], -EPROTO, -1);
    request(ASKS UPGRADE KEYED NAMED "Sec-WebSocket-Version: 8\r\n\r\n", -ENOPROTOOPT, -1);
}

Test(upgrade, takes_the_answer_to_its_own_key)
{
    answer(SWITCHES UPGRADE ACCEPTED CHOSE "\r\n", 0, 1);
    answer("HTTP/1.1 101 \r\nupgrade: WEBSOCKET\r\nconnection: upgrade\r\n" ACCEPTED CHOSE "\r\n",
           0, 1);
    answer("HTTP/1.1 503 Service Unavailable\r\n\r\n", -ECONNREFUSED, -1);
}

Test(upgrade, refuses_answers_to_something_else)
{
    static const char *const all[] = {
        "HTTP/1.0 101 Switching Protocols\r\n" UPGRADE ACCEPTED CHOSE "\r\n",
        "HTTP/1.1 200 OK\r\n" UPGRADE ACCEPTED CHOSE "\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        SWITCHES ACCEPTED CHOSE "\r\n",
        SWITCHES UPGRADE CHOSE "\r\n",
        SWITCHES UPGRADE ACCEPTED "\r\n",
        SWITCHES UPGRADE ACCEPTED CHOSE CHOSE "\r\n",
        SWITCHES UPGRADE ACCEPTED ACCEPTED CHOSE "\r\n",
        SWITCHES UPGRADE ACCEPTED "Sec-WebSocket-Protocol: ZWS2.0/CURVE\r\n\r\n",
        SWITCHES UPGRADE "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n" CHOSE "\r\n",
        SWITCHES UPGRADE ACCEPTED CHOSE "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        "\xff\x00 nonsense\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        answer(all[i], -EPROTO, -1);
}

Test(upgrade, understands_itself)
{
    uint8_t bytes[ZU_UPGRADE_OURS_MAX];
    struct zu_writer out = zu_writer_of(bytes, sizeof bytes);
    struct zu_upgrade u;
    size_t size;

    cr_assert(zu_upgrade_ask(&out, "host:80", "/p?q", KEY, "ZWS2.0/NULL,ZWS2.0"));
    size = (size_t)(out.at - bytes);
    cr_assert_eq(zu_upgrade_end(bytes, size, 0), size);
    cr_assert_eq(zu_upgrade_hear_request(zu_reader_of(bytes, size), names, &u), 0);
    cr_assert(u.chosen == 0 && strcmp(u.key, KEY) == 0);

    out = zu_writer_of(bytes, sizeof bytes);
    cr_assert(zu_upgrade_answer(&out, u.key, names[0]));
    size = (size_t)(out.at - bytes);
    cr_assert_eq(zu_upgrade_end(bytes, size, 0), size);
    cr_assert_eq(zu_upgrade_hear_answer(zu_reader_of(bytes, size), names, KEY, &u), 0);
    cr_assert_eq(u.chosen, 0);

    for (size_t room = 0; room < size; room++) {
        out = zu_writer_of(bytes, room);
        cr_assert_not(zu_upgrade_answer(&out, KEY, names[0]), "%zu bytes are enough", room);
    }
    out = zu_writer_of(bytes, sizeof bytes);
    cr_assert(zu_upgrade_refuse(&out, -ENOPROTOOPT));
    cr_assert_eq(strncmp((char *)bytes, "HTTP/1.1 426 ", 13), 0);
    out = zu_writer_of(bytes, sizeof bytes);
    cr_assert(zu_upgrade_refuse(&out, -EPROTO));
    cr_assert_eq(strncmp((char *)bytes, "HTTP/1.1 400 ", 13), 0);
}
