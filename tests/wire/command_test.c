/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/wire/command.h"

#include "tests/support/hex.h"

#include <criterion/criterion.h>
#include <errno.h>

static uint8_t bytes[1024];

static struct zu_reader hex(const char *text)
{
    return zu_reader_of(bytes, hex_read(bytes, sizeof bytes, text));
}

static void expect_command(const char *body, enum zu_command_name name, size_t left)
{
    enum zu_command_name got = ZU_COMMAND_MESSAGE;
    struct zu_reader rest = {NULL, NULL};

    cr_assert_eq(zu_command_read(hex(body), &got, &rest), 0, "%s", body);
    cr_assert_eq(got, name, "%s is %s", body, zu_command_text(got));
    cr_assert_eq(zu_left(&rest), left, "%s: %zu left", body, zu_left(&rest));
}

/* What was written is what the text stands for. */
static void expect_written(const uint8_t *out, const struct zu_writer *w, const char *text)
{
    size_t size = hex_read(bytes, sizeof bytes, text);

    cr_assert_eq((size_t)(w->at - out), size, "%s: wrote %td", text, w->at - out);
    cr_assert_arr_eq(out, bytes, size);
}

Test(command, is_known_by_its_whole_name)
{
    expect_command("05 'READY' 0b", ZU_COMMAND_READY, 1);
    expect_command("05 'ERROR' 03 '400'", ZU_COMMAND_ERROR, 4);
    expect_command("09 'SUBSCRIBE' 'A'", ZU_COMMAND_SUBSCRIBE, 1);
    expect_command("06 'CANCEL'", ZU_COMMAND_CANCEL, 0);
    expect_command("04 'PING' 02 94", ZU_COMMAND_PING, 2);
    expect_command("04 'PONG'", ZU_COMMAND_PONG, 0);
    expect_command("04 'JOIN' 'grp'", ZU_COMMAND_JOIN, 3);
    expect_command("05 'LEAVE' 'grp'", ZU_COMMAND_LEAVE, 3);
    expect_command("05 'HELLO' 03 'joe' 02 'pw'", ZU_COMMAND_HELLO, 7);
    expect_command("07 'WELCOME'", ZU_COMMAND_WELCOME, 0);
    expect_command("08 'INITIATE'", ZU_COMMAND_INITIATE, 0);
    expect_command("07 'MESSAGE' 00*8", ZU_COMMAND_MESSAGE, 8);
}

Test(command, with_another_name_is_unknown)
{
    expect_command("05 'ready'", ZU_COMMAND_UNKNOWN, 0);
    expect_command("04 'READY'", ZU_COMMAND_UNKNOWN, 1);
    expect_command("06 'READYX'", ZU_COMMAND_UNKNOWN, 0);
    expect_command("05 'PINGX'", ZU_COMMAND_UNKNOWN, 0);
    expect_command("03 'PIN'", ZU_COMMAND_UNKNOWN, 0);
    expect_command("00", ZU_COMMAND_UNKNOWN, 0);
    expect_command("00 'PING'", ZU_COMMAND_UNKNOWN, 4);
    expect_command("ff 'x'*255 00", ZU_COMMAND_UNKNOWN, 1);
    expect_command("09 00*9", ZU_COMMAND_UNKNOWN, 0);
}

Test(command, must_hold_its_name)
{
    enum zu_command_name name = ZU_COMMAND_MESSAGE;
    struct zu_reader rest = {bytes, bytes};

    cr_assert_eq(zu_command_read(hex(""), &name, &rest), -EPROTO);
    cr_assert_eq(zu_command_read(hex("05 'READ'"), &name, &rest), -EPROTO);
    cr_assert_eq(zu_command_read(hex("01"), &name, &rest), -EPROTO);
    cr_assert_eq(zu_command_read(hex("5e 'RROR' 03 '400'"), &name, &rest), -EPROTO);
    cr_assert(name == ZU_COMMAND_MESSAGE && rest.at == bytes, "wrote without a result");
}

Test(command, has_a_text_and_a_beginning_for_every_name)
{
    for (int n = ZU_COMMAND_READY; n <= ZU_COMMAND_MESSAGE; n++) {
        uint8_t out[16];
        struct zu_writer w = zu_writer_of(out, sizeof out);
        const char *text = zu_command_text((enum zu_command_name)n);
        size_t size = strlen(text);
        enum zu_command_name name;
        struct zu_reader rest;

        cr_assert_gt(size, 0);
        cr_assert(zu_command_begin(&w, (enum zu_command_name)n));
        cr_assert_eq((size_t)(w.at - out), 1 + size);
        cr_assert_eq(out[0], size);
        cr_assert_arr_eq(out + 1, text, size);
        cr_assert_eq(zu_command_read(zu_reader_of(out, 1 + size), &name, &rest), 0);
        cr_assert_eq((int)name, n);

        w = zu_writer_of(out, size);
        cr_assert_not(zu_command_begin(&w, (enum zu_command_name)n), "no room for all of it");
        cr_assert_eq(w.at, out);
    }
    cr_assert_str_empty(zu_command_text(ZU_COMMAND_UNKNOWN));
}

Test(metadata, is_read_property_by_property)
{
    struct zu_reader block =
        hex("0b 'Socket-Type' 00*3 06 'DEALER' 08 'Identity' 00*4 03 'X-a' 00*3 01 'b'");
    struct zu_property p;

    cr_assert_eq(zu_metadata_next(&block, &p), 1);
    cr_assert(p.name_size == 11 && memcmp(p.name, "Socket-Type", 11) == 0);
    cr_assert(p.value_size == 6 && memcmp(p.value, "DEALER", 6) == 0);
    cr_assert_eq(zu_metadata_next(&block, &p), 1);
    cr_assert(p.name_size == 8 && memcmp(p.name, "Identity", 8) == 0);
    cr_assert_eq(p.value_size, 0);
    cr_assert_eq(zu_metadata_next(&block, &p), 1);
    cr_assert(p.value_size == 1 && p.value[0] == 'b');
    cr_assert_eq(zu_metadata_next(&block, &p), 0);
    cr_assert_eq(zu_metadata_next(&block, &p), 0, "the end stays the end");
}

Test(metadata, may_be_empty)
{
    struct zu_reader block = hex("");
    struct zu_property p;

    cr_assert_eq(zu_metadata_next(&block, &p), 0);
}

Test(metadata, malformed_is_refused_and_not_taken)
{
    static const char *const wrong[] = {
        "03",                      /* a stray byte */
        "00",                      /* even if its name would be empty */
        "03 'ab'",                 /* name cut */
        "03 'abc'",                /* no length */
        "03 'abc' 00*3",           /* length cut */
        "03 'abc' 00*3 01",        /* no value */
        "03 'abc' 00*3 05 'four'", /* value cut */
        "03 'abc' 7f ff*3 'x'",    /* far more than there is */
        "03 'abc' ff*4 'x'",       /* would wrap if it were added to something */
        "ff 'x'*254",              /* name cut, longest */
        "01 'a' 80 00*3",          /* a negative size, for who reads it so */
    };

    for (size_t i = 0; i < zu_array_len(wrong); i++) {
        struct zu_reader block = hex(wrong[i]);
        struct zu_property p = {.name_size = 77};

        cr_assert_eq(zu_metadata_next(&block, &p), -EPROTO, "%s", wrong[i]);
        cr_assert_eq(block.at, bytes, "%s: moved", wrong[i]);
        cr_assert_eq(p.name_size, 77, "%s: wrote", wrong[i]);
    }
}

Test(metadata, is_refused_wherever_it_is_cut)
{
    const char *text = "0b 'Socket-Type' 00*3 03 'REQ' 08 'Identity' 00*3 02 'me'";
    size_t size = hex_read(bytes, sizeof bytes, text), first = 1 + 11 + 4 + 3;

    for (size_t n = 0; n <= size; n++) {
        uint8_t *copy = malloc(n + 1);
        struct zu_reader block = zu_reader_of(copy, n);
        struct zu_property p;
        int rc;

        memcpy(copy, bytes, n);
        while ((rc = zu_metadata_next(&block, &p)) == 1)
            ;
        cr_assert_eq(rc, n == 0 || n == first || n == size ? 0 : -EPROTO, "cut at %zu", n);
        free(copy);
    }
}

Test(metadata, is_written_whole_or_not_at_all)
{
    uint8_t out[64];
    struct zu_writer w = zu_writer_of(out, sizeof out);

    cr_assert(zu_command_begin(&w, ZU_COMMAND_READY));
    cr_assert(zu_metadata_write(&w, "Socket-Type", "REQ", 3));
    cr_assert(zu_metadata_write(&w, "Identity", NULL, 0));
    expect_written(out, &w, "05 'READY' 0b 'Socket-Type' 00*3 03 'REQ' 08 'Identity' 00*4");
    cr_assert_eq(w.at - out, 0x26, "as captured");

    for (size_t room = 0; room < 1 + 3 + 4 + 5; room++) {
        w = zu_writer_of(out, room);
        cr_assert_not(zu_metadata_write(&w, "X-a", "value", 5));
        cr_assert_eq(w.at, out, "wrote a part into %zu", room);
    }
    w = zu_writer_of(out, 1 + 3 + 4 + 5);
    cr_assert(zu_metadata_write(&w, "X-a", "value", 5));
    expect_written(out, &w, "03 'X-a' 00*3 05 'value'");
}

Test(metadata, has_names_of_at_most_255)
{
    static uint8_t out[400];
    char name[257];
    struct zu_writer w = zu_writer_of(out, sizeof out);
    struct zu_property p;

    memset(name, 'n', sizeof name);
    name[256] = '\0';
    cr_assert_not(zu_metadata_write(&w, name, "v", 1));
    name[255] = '\0';
    cr_assert(zu_metadata_write(&w, name, "v", 1));

    struct zu_reader block = zu_reader_of(out, (size_t)(w.at - out));
    cr_assert_eq(zu_metadata_next(&block, &p), 1);
    cr_assert_eq(p.name_size, 255);
    cr_assert_not(zu_metadata_write(&w, "n", out, SIZE_MAX), "no sum may wrap");
}

Test(ping, has_a_ttl_and_a_context)
{
    struct zu_ping p;

    cr_assert_eq(zu_ping_read(hex("02 94"), &p), 0);
    cr_assert_eq(p.ttl_ms, 66000, "656 tenths and more do not wrap");
    cr_assert_eq(p.context_size, 0);
    cr_assert_eq(zu_ping_read(hex("ff ff 'ctx'"), &p), 0);
    cr_assert_eq(p.ttl_ms, 6553500);
    cr_assert(p.context_size == 3 && memcmp(p.context, "ctx", 3) == 0);
    cr_assert_eq(zu_ping_read(hex("00 00 '0123456789abcdef'"), &p), 0);
    cr_assert_eq(p.context_size, 16);
    cr_assert_eq(zu_ping_read(hex("00 00 '0123456789abcdefg'"), &p), 0);
    cr_assert_eq(p.context_size, 16, "the rest is cut off");
}

Test(ping, without_a_whole_ttl_is_refused)
{
    struct zu_ping p;

    cr_assert_eq(zu_ping_read(hex(""), &p), -EPROTO);
    cr_assert_eq(zu_ping_read(hex("02"), &p), -EPROTO);
}

Test(ping, is_written_as_captured)
{
    uint8_t out[64];
    struct zu_writer w = zu_writer_of(out, sizeof out);

    cr_assert(zu_ping_write(&w, 660));
    expect_written(out, &w, "04 50 49 4e 47 02 94");
    for (size_t room = 0; room < 7; room++) {
        w = zu_writer_of(out, room);
        cr_assert_not(zu_ping_write(&w, 660));
        cr_assert_eq(w.at, out);
    }
}

Test(pong, echoes_at_most_16_bytes)
{
    uint8_t out[64];
    struct zu_writer w = zu_writer_of(out, sizeof out);

    cr_assert(zu_pong_write(&w, NULL, 0));
    expect_written(out, &w, "04 50 4f 4e 47");
    w = zu_writer_of(out, sizeof out);
    cr_assert(zu_pong_write(&w, (const uint8_t *)"ctx", 3));
    expect_written(out, &w, "04 'PONG' 63 74 78");
    w = zu_writer_of(out, sizeof out);
    cr_assert(zu_pong_write(&w, (const uint8_t *)"0123456789abcdefg", 17));
    expect_written(out, &w, "04 'PONG' '0123456789abcdef'");
    for (size_t room = 0; room < 8; room++) {
        w = zu_writer_of(out, room);
        cr_assert_not(zu_pong_write(&w, (const uint8_t *)"ctx", 3));
        cr_assert_eq(w.at, out);
    }
}

Test(error, has_a_reason)
{
    const char *reason;
    size_t size;
    uint8_t out[300];
    struct zu_writer w = zu_writer_of(out, sizeof out);

    cr_assert(zu_error_write(&w, "400"));
    expect_written(out, &w, "05 45 52 52 4F 52 03 34 30 30");
    cr_assert_eq(zu_error_read(hex("03 '400'"), &reason, &size), 0);
    cr_assert(size == 3 && memcmp(reason, "400", 3) == 0);
    cr_assert_eq(zu_error_read(hex("00"), &reason, &size), 0);
    cr_assert_eq(size, 0);
    cr_assert_eq(zu_error_read(hex("02 '400'"), &reason, &size), 0, "what follows is ignored");
    cr_assert_eq(size, 2);
}

Test(error, malformed_is_refused)
{
    const char *reason;
    size_t size;

    cr_assert_eq(zu_error_read(hex(""), &reason, &size), -EPROTO);
    cr_assert_eq(zu_error_read(hex("04 '400'"), &reason, &size), -EPROTO);
    cr_assert_eq(zu_error_read(hex("ff"), &reason, &size), -EPROTO);
}

Test(error, is_written_whole_or_not_at_all)
{
    uint8_t out[300];
    char reason[257];
    struct zu_writer w;

    for (size_t room = 0; room < 10; room++) {
        w = zu_writer_of(out, room);
        cr_assert_not(zu_error_write(&w, "400"));
        cr_assert_eq(w.at, out);
    }
    memset(reason, 'r', sizeof reason);
    reason[256] = '\0';
    w = zu_writer_of(out, sizeof out);
    cr_assert_not(zu_error_write(&w, reason));
    reason[255] = '\0';
    cr_assert(zu_error_write(&w, reason));
    cr_assert_eq(w.at - out, 6 + 1 + 255);
}
