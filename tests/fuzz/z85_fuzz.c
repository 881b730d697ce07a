/* SPDX-License-Identifier: Apache-2.0 */
/*
 * z85: the input is taken as bytes to encode, and as text to decode.
 */
#include "tests/fuzz/fuzz.h"

#include "engine/base/z85.h"

#include <errno.h>

static void try_encode(const uint8_t *data, size_t size)
{
    char *text = malloc(size / 4 * 5 + 1);
    uint8_t *back = malloc(size + 1);
    int rc = zu_z85_encode(text, data, size);

    FUZZ_CHECK(rc == (size % 4 ? -EINVAL : 0));
    if (rc == 0) {
        FUZZ_CHECK(strlen(text) == size / 4 * 5);
        FUZZ_CHECK(zu_z85_decode(back, text) == (size ? 0 : -EINVAL));
        FUZZ_CHECK(size == 0 || memcmp(back, data, size) == 0);
    }
    free(back);
    free(text);
}

static void try_decode(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *back = malloc(size + 1);

    memcpy(text, data, size);
    text[size] = '\0';
    size = strlen(text);
    uint8_t *out = malloc(size / 5 * 4 + 1);
    int rc = zu_z85_decode(out, text);

    FUZZ_CHECK(rc == 0 || rc == -EINVAL);
    if (rc == 0) {
        FUZZ_CHECK(size > 0 && size % 5 == 0);
        FUZZ_CHECK(zu_z85_encode(back, out, size / 5 * 4) == 0);
        FUZZ_CHECK(strcmp(text, back) == 0); /* each text stands for its bytes alone */
    }
    free(out);
    free(back);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_encode(data, size);
    if (size)
        try_decode(data, size);
    return 0;
}
