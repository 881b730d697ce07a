/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where secret keys are. All memory of the process is looked through: while sockets have them they
 * lie in pages that no core dump has, and nowhere else; and when the last is closed, nowhere.
 *
 * The test itself has them masked, or it would find its own.
 */
#include "tests/support/pair.h"
#include "tests/support/talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

TEST_SUITE(keys_gone);

enum { KEY = 32, TEXT = 40, MASK = 0x5a, PIECE = 1 << 20 };

/* Masked. Its first byte and its last are not compared: Curve25519 changes them in its copies. */
struct secret {
    char bytes[TEXT];
    size_t size;
};

/* In a mapping of its own, which is passed over. */
static char *piece;

static void mask(char *to, const char *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (char)(from[i] ^ MASK);
}

static bool is_here(const struct secret *s, const char *at)
{
    for (size_t i = 1; i + 1 < s->size; i++)
        if ((at[i] ^ MASK) != s->bytes[i])
            return false;
    return true;
}

static int count_in(const struct secret *s, unsigned long from, unsigned long to, FILE *memory)
{
    int count = 0;

    for (unsigned long at = from; at < to; at += PIECE / 2) {
        size_t size = to - at < PIECE ? to - at : PIECE, half = size < PIECE ? size : PIECE / 2;

        if (fseek(memory, (long)at, SEEK_SET) < 0 || fread(piece, 1, size, memory) != size)
            continue;
        for (size_t i = 0; i < half && i + s->size <= size; i++)
            count += is_here(s, piece + i);
        explicit_bzero(piece, size);
        if (size < PIECE)
            break;
    }
    return count;
}

struct mapping {
    unsigned long from, to;
    char mode[8];
};

/* False: the line is one of those that tell of the mapping before it. */
static bool read_mapping(struct mapping *m, const char *line)
{
    struct mapping seen;

    if (sscanf(line, "%lx-%lx %7s", &seen.from, &seen.to, seen.mode) != 3)
        return false;
    *m = seen;
    return true;
}

struct found {
    int shown, hidden; /* where a core dump would have it; where none has */
};

static struct found look_for(const struct secret *s)
{
    FILE *maps = fopen("/proc/self/smaps", "r"), *memory = fopen("/proc/self/mem", "r");
    struct found f = {0, 0};
    struct mapping m = {.mode = ""};
    char line[512];

    cr_assert(maps && memory);
    setvbuf(memory, NULL, _IONBF, 0);
    while (fgets(line, sizeof line, maps))
        if (!read_mapping(&m, line) && strncmp(line, "VmFlags:", 8) == 0 &&
            strncmp(m.mode, "rw", 2) == 0 && m.from != (unsigned long)piece)
            *(strstr(line, " dd") ? &f.hidden : &f.shown) += count_in(s, m.from, m.to, memory);
    fclose(memory);
    fclose(maps);
    return f;
}

static void give(void *socket, int option, const struct secret *s)
{
    char clear[TEXT + 1] = "";

    mask(clear, s->bytes, s->size);
    OK(zmq_setsockopt(socket, option, clear, s->size));
    explicit_bzero(clear, sizeof clear);
}

static void make(struct secret *text, struct secret *bytes, char public_key[TEXT + 1])
{
    char clear[TEXT + 1];
    uint8_t key[KEY];

    OK(zmq_curve_keypair(public_key, clear));
    cr_assert_not_null(zmq_z85_decode(key, clear));
    mask(text->bytes, clear, TEXT);
    mask(bytes->bytes, (char *)key, KEY);
    text->size = TEXT;
    bytes->size = KEY;
    explicit_bzero(clear, sizeof clear);
    explicit_bzero(key, sizeof key);
}

/* The keys as they are used; then as texts, which nobody needs. */
enum { SECRETS = 4, KEYS = 2 };

static void expect_all(const struct secret *all, bool open)
{
    for (int i = 0; i < SECRETS; i++) {
        struct found f = look_for(&all[i]);

        cr_assert_eq(f.shown, 0, "%d is in %d places", i, f.shown);
        if (open && i < KEYS)
            cr_assert_gt(f.hidden, 0, "%d is nowhere", i);
        else
            cr_assert_eq(f.hidden, 0, "%d is in %d places still", i, f.hidden);
    }
}

/* Or it would be no wonder that none are found. */
static void expect_to_find(const struct secret *s)
{
    char *copy = malloc(s->size);

    cr_assert_not_null(copy);
    mask(copy, s->bytes, s->size);
    cr_assert_eq(look_for(s).shown, 1);
    explicit_bzero(copy, s->size);
    free(copy);
}

static void prepare(void)
{
#ifdef __SANITIZE_ADDRESS__
    cr_skip_test("its shadows of memory are too large to be looked through");
#endif
    piece = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(piece, MAP_FAILED);
}

Test(keys_gone, keys_are_where_they_belong_and_then_gone)
{
    struct secret all[SECRETS]; /* the server's, the client's; the same as texts */
    char server_public[TEXT + 1], client_public[TEXT + 1];
    const char *at = test_endpoint(TEST_TCP);
    void *server = test_socket(ZMQ_DEALER), *client = test_socket(ZMQ_DEALER);

    prepare();
    make(&all[2], &all[0], server_public);
    make(&all[3], &all[1], client_public);
    expect_to_find(&all[0]);
    SET(server, ZMQ_CURVE_SERVER, 1);
    give(server, ZMQ_CURVE_SECRETKEY, &all[0]);
    SET_TEXT(client, ZMQ_CURVE_SERVERKEY, server_public);
    SET_TEXT(client, ZMQ_CURVE_PUBLICKEY, client_public);
    give(client, ZMQ_CURVE_SECRETKEY, &all[3]);
    test_bind(server, at);
    test_connect(client, at);
    SEND(client, "hello");
    RECV(server, "hello");
    SEND(server, "you");
    RECV(client, "you");
    expect_all(all, true);
    test_end();
    expect_all(all, false);
}
