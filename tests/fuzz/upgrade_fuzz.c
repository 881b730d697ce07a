/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upgrade: the input is what HTTP says, as a request and as an answer. Its end is found in the same
 * place however it is cut; what is understood was all there; what we say to it is understood, too.
 */
#include "tests/fuzz/fuzz.h"

#include "engine/wire/upgrade.h"

#include <errno.h>

static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
static const char *const names[] = {"ZWS2.0/NULL", "ZWS2.0", NULL};

static size_t find_end(const uint8_t *data, size_t size)
{
    size_t whole = zu_upgrade_end(data, size, 0), end = 0;
    uint32_t state = 0;

    for (size_t n, come = 0; come < size && !end; come += n) {
        n = fuzz_cut(&state, data + come, size - come);
        end = zu_upgrade_end(data, come + n, come);
    }
    FUZZ_CHECK(whole == end && whole <= size);
    return whole;
}

static void hear_request(const uint8_t *text, size_t size)
{
    struct zu_upgrade u, again;
    uint8_t bytes[ZU_UPGRADE_OURS_MAX];
    struct zu_writer out = zu_writer_of(bytes, sizeof bytes);
    int rc = zu_upgrade_hear_request(zu_reader_of(text, size), names, &u);

    FUZZ_CHECK(rc == 0 || rc == -EPROTO || rc == -ENOPROTOOPT || rc == -EPROTONOSUPPORT);
    if (rc < 0) {
        FUZZ_CHECK(zu_upgrade_refuse(&out, rc));
        return;
    }
    FUZZ_CHECK((u.chosen == 0 || u.chosen == 1) && strlen(u.key) == sizeof key - 1);
    FUZZ_CHECK(zu_upgrade_answer(&out, u.key, names[u.chosen]));
    FUZZ_CHECK(zu_upgrade_hear_answer(zu_reader_of(bytes, (size_t)(out.at - bytes)), names, u.key,
                                      &again) == 0);
    FUZZ_CHECK(again.chosen == u.chosen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = fuzz_copy(data, size), *text;
    size_t end = find_end(copy, size);
    struct zu_upgrade u;
    int rc;

    text = fuzz_copy(copy, end ? end : size); /* without an end it is refused, and no more */
    hear_request(text, end ? end : size);
    rc = zu_upgrade_hear_answer(zu_reader_of(text, end ? end : size), names, key, &u);
    FUZZ_CHECK(rc == 0 || rc == -EPROTO || rc == -ECONNREFUSED);
    FUZZ_CHECK(rc != 0 || (end && (u.chosen == 0 || u.chosen == 1)));
    free(text);
    free(copy);
    return 0;
}
