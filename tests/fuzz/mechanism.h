/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mechanism: what a target for a security mechanism does with its input: it is what a peer says,
 * command by command. The state is the mechanism's own; the ZAP handler's answer is in the input.
 * Thread: the target's.
 */
#ifndef ZU_TESTS_FUZZ_MECHANISM_H
#define ZU_TESTS_FUZZ_MECHANISM_H

#include "tests/fuzz/fuzz.h"

#include "engine/core/errand.h"
#include "engine/core/mechanism.h"
#include "engine/core/msg.h"
#include "engine/wire/command.h"

#include <errno.h>

/* All that the mechanism has to say now. */
static inline int fuzz_speak(const struct zu_mechanism *m, struct zu_handshake *h,
                             const struct zu_handshake_terms *terms)
{
    uint8_t body[ZU_HANDSHAKE_ROOM];
    int rc, said = 0;

    do {
        struct zu_writer out = zu_writer_of(body, sizeof body);

        rc = m->speak(h, terms, &out);
        FUZZ_CHECK(rc == 0 || rc == 1 || (m->errand && (rc == -EPROTO || rc == -EACCES)));
        FUZZ_CHECK(rc <= 0 || ((out.at > body || m->errand) && out.at <= out.end));
        FUZZ_CHECK((said += rc) <= 2);
    } while (rc == 1);
    return rc;
}

/* What it may do on a thread it does here. */
static inline void fuzz_errand(const struct zu_mechanism *m, struct zu_handshake *h,
                               const struct zu_handshake_terms *terms)
{
    struct zu_errand *e;

    if (!m->errand || m->errand(h, terms, &e) == 0)
        return;
    FUZZ_CHECK(m->errand(h, terms, &(struct zu_errand *){NULL}) == 0);
    e->run(e);
}

static inline void fuzz_ask(const struct zu_mechanism *m, struct zu_handshake *h,
                            const struct zu_handshake_terms *terms, int status)
{
    struct zu_question q = {.count = 0};

    if (!m->ask || !m->ask(h, terms, &q))
        return;
    FUZZ_CHECK(q.count <= 2);
    for (size_t i = 0; i < q.count; i++)
        free(fuzz_copy(q.credentials[i].at, zu_left(&q.credentials[i])));
    FUZZ_CHECK(!m->ask(h, terms, &q));
    FUZZ_CHECK(!m->done(h));
    m->answer(h, status);
}

static inline int fuzz_hear(const struct zu_mechanism *m, struct zu_handshake *h,
                            const struct zu_handshake_terms *terms, const uint8_t *body,
                            size_t size)
{
    struct zu_heard heard = {.why = 0};
    uint8_t *copy = fuzz_copy(body, size);
    int rc = m->hear(h, terms, copy, size, &heard);
    struct zu_property p;

    FUZZ_CHECK(rc == 0 || rc == -EPROTO);
    if (rc == 0 && heard.metadata.at)
        while (zu_metadata_next(&heard.metadata, &p) == 1)
            ;
    free(copy);
    return rc;
}

/* The first byte is the handler's answer; each command stands behind a byte that says how long it
 * is. What is left when all is said is traffic, or nothing (NULL). */
static inline void fuzz_mechanism(const struct zu_mechanism *m,
                                  const struct zu_handshake_terms *terms, const uint8_t *data,
                                  size_t size,
                                  void (*traffic)(const struct zu_mechanism *m,
                                                  struct zu_handshake *h, struct zu_reader *in))
{
    static const int statuses[] = {200, 400, 500};
    struct zu_reader in = zu_reader_of(data, size);
    struct zu_handshake *h = calloc(1, m->size);
    const uint8_t *at;
    uint8_t n = 0;
    int status, rc = 0;

    FUZZ_CHECK(h);
    zu_read_u8(&in, &n);
    status = statuses[n % 3];
    fuzz_errand(m, h, terms);
    fuzz_ask(m, h, terms, status);
    rc = fuzz_speak(m, h, terms);
    while (rc == 0 && !m->done(h) && zu_read_u8(&in, &n)) {
        n = (uint8_t)ZU_MIN((size_t)n, zu_left(&in));
        zu_read_bytes(&in, &at, n);
        rc = fuzz_hear(m, h, terms, at, n);
        if (rc == 0) {
            fuzz_errand(m, h, terms);
            fuzz_ask(m, h, terms, status);
            rc = fuzz_speak(m, h, terms);
        }
    }
    if (rc == 0 && m->done(h) && traffic)
        traffic(m, h, &in);
    if (m->end)
        m->end(h);
    free(h);
}

#endif
