/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain: the input is a peer of NULL or PLAIN; its first byte says which of the roles is ours. See
 * mechanism.h for the rest.
 */
#include "tests/fuzz/mechanism.h"

#include "engine/security/mechanisms.h"
#include "include/zmq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct zu_mechanism *roles[] = {&zu_mechanism_plain, zu_mechanism_plain.as_server,
                                          &zu_mechanism_null};
    struct zu_options *o = zu_options_new(ZMQ_DEALER);
    struct zu_handshake_terms terms = {o, "DEALER", true};

    FUZZ_CHECK(o);
    if (size > 0) {
        zu_options_set(&o, ZMQ_PLAIN_USERNAME, "joe", 3);
        zu_options_set(&o, ZMQ_PLAIN_PASSWORD, "pw", 2);
        zu_options_set(&o, ZMQ_ZAP_DOMAIN, "TEST", 4);
        terms.options = o;
        fuzz_mechanism(roles[data[0] % 3], &terms, data + 1, size - 1, NULL);
    }
    zu_options_drop(o);
    return 0;
}
