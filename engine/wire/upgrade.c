/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text is walked line by line, each header once. Of what a browser or a server in between may
 * send only what RFC 6455 names is looked at, but all of it has to have the form of a header.
 * Extensions are neither asked for nor agreed to.
 */
#include "engine/wire/upgrade.h"

#include "engine/base/sha1.h"

#include <errno.h>
#include <stdio.h>

static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* A piece of the text. */
struct span {
    const char *at;
    size_t size;
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool span_is(struct span s, const char *text)
{
    return strlen(text) == s.size && memcmp(s.at, text, s.size) == 0;
}

/* The same, whatever the case. */
static bool span_names(struct span s, const char *text)
{
    if (strlen(text) != s.size)
        return false;
    for (size_t i = 0; i < s.size; i++)
        if (lower(s.at[i]) != lower(text[i]))
            return false;
    return true;
}

static struct span trim(struct span s)
{
    while (s.size && (s.at[0] == ' ' || s.at[0] == '\t'))
        s = (struct span){s.at + 1, s.size - 1};
    while (s.size && (s.at[s.size - 1] == ' ' || s.at[s.size - 1] == '\t'))
        s.size--;
    return s;
}

/* Takes what stands before the next `c`, and it; all of it when there is none. */
static struct span cut(struct span *s, char c)
{
    const char *found = s->size ? memchr(s->at, c, s->size) : NULL;
    struct span before = {s->at, found ? (size_t)(found - s->at) : s->size};
    size_t taken = before.size + (found ? 1 : 0);

    *s = (struct span){s->at + taken, s->size - taken};
    return before;
}

/* Is the word among those of a list with commas? */
static bool has_word(struct span list, const char *word)
{
    while (list.size)
        if (span_names(trim(cut(&list, ',')), word))
            return true;
    return false;
}

static bool is_token(char c)
{
    return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", c);
}

static bool is_printed(char c)
{
    return c == '\t' || (c >= ' ' && c != 0x7f) || (c & 0x80);
}

size_t zu_upgrade_end(const uint8_t *at, size_t size, size_t seen)
{
    for (size_t i = seen > 3 ? seen - 3 : 0; size - i >= 4 && i < size; i++)
        if (memcmp(at + i, "\r\n\r\n", 4) == 0)
            return i + 4;
    return 0;
}

/* ---- keys ---- */

static void write_base64(char *out, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 3) {
        size_t n = ZU_MIN(size - i, (size_t)3);
        uint32_t v = (uint32_t)bytes[i] << 16 | (n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                     (n > 2 ? bytes[i + 2] : 0);

        *out++ = base64[v >> 18];
        *out++ = base64[v >> 12 & 63];
        *out++ = n > 1 ? base64[v >> 6 & 63] : '=';
        *out++ = n > 2 ? base64[v & 63] : '=';
    }
    *out = '\0';
}

/* 16 bytes in base64. */
static bool is_key(struct span s)
{
    if (s.size != ZU_UPGRADE_KEY_SIZE - 1 || s.at[22] != '=' || s.at[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++)
        if (!s.at[i] || !strchr(base64, s.at[i]))
            return false;
    return true;
}

void zu_upgrade_make_key(char out[ZU_UPGRADE_KEY_SIZE], const uint8_t nonce[ZU_UPGRADE_NONCE])
{
    write_base64(out, nonce, ZU_UPGRADE_NONCE);
}

void zu_upgrade_accept(char out[ZU_UPGRADE_ACCEPT_SIZE], const char *key)
{
    char both[ZU_UPGRADE_KEY_SIZE + sizeof magic];
    uint8_t digest[ZU_SHA1_SIZE];
    int size = snprintf(both, sizeof both, "%.24s%s", key, magic);

    zu_sha1(digest, both, (size_t)size);
    write_base64(out, digest, sizeof digest);
}

/* ---- what is said ---- */

static bool write_text(struct zu_writer *out, const char *text)
{
    return zu_write_bytes(out, text, strlen(text));
}

/* Writes texts one behind the other; the last is NULL. */
static bool write_all(struct zu_writer *out, const char *const *texts)
{
    for (; *texts; texts++)
        if (!write_text(out, *texts))
            return false;
    return true;
}

bool zu_upgrade_ask(struct zu_writer *out, const char *host, const char *path, const char *key,
                    const char *offered)
{
    return write_all(out, (const char *const[]){"GET ", path, " HTTP/1.1\r\nHost: ", host,
                                                "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                                "Sec-WebSocket-Key: ",
                                                key, "\r\nSec-WebSocket-Protocol: ", offered,
                                                "\r\nSec-WebSocket-Version: 13\r\n\r\n", NULL});
}

bool zu_upgrade_answer(struct zu_writer *out, const char *key, const char *chosen)
{
    char accept[ZU_UPGRADE_ACCEPT_SIZE];

    zu_upgrade_accept(accept, key);
    return write_all(out, (const char *const[]){"HTTP/1.1 101 Switching Protocols\r\n"
                                                "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                                "Sec-WebSocket-Accept: ",
                                                accept, "\r\nSec-WebSocket-Protocol: ", chosen,
                                                "\r\n\r\n", NULL});
}

bool zu_upgrade_refuse(struct zu_writer *out, int error)
{
    const char *status = error == -ENOPROTOOPT ? "426 Upgrade Required\r\n"
                                                 "Upgrade: websocket\r\n"
                                                 "Sec-WebSocket-Version: 13\r\n"
                                               : "400 Bad Request\r\n";

    return write_all(out,
                     (const char *const[]){"HTTP/1.1 ", status,
                                           "Connection: close\r\nContent-Length: 0\r\n\r\n", NULL});
}

/* ---- what is heard ---- */

/* What the headers have told so far. */
struct told {
    bool upgrade, connection, version, other_version, extension;
    int chosen;
    size_t named; /* how many names of protocols */
    struct span key, accepted;
};

static void take_protocols(struct told *t, struct span list, const char *const *names)
{
    while (list.size) {
        struct span word = trim(cut(&list, ','));

        t->named++;
        for (int i = 0; names[i] && t->chosen < 0; i++)
            if (span_is(word, names[i]))
                t->chosen = i;
    }
}

/* -EPROTO: what may be there once only is there again. */
static int take_header(struct told *t, struct span name, struct span value,
                       const char *const *names)
{
    if (span_names(name, "Upgrade")) {
        t->upgrade = t->upgrade || has_word(value, "websocket");
    } else if (span_names(name, "Connection")) {
        t->connection = t->connection || has_word(value, "Upgrade");
    } else if (span_names(name, "Sec-WebSocket-Version")) {
        t->version = t->version || has_word(value, "13");
        t->other_version = true;
    } else if (span_names(name, "Sec-WebSocket-Extensions")) {
        t->extension = t->extension || value.size;
    } else if (span_names(name, "Sec-WebSocket-Protocol")) {
        take_protocols(t, value, names);
    } else if (span_names(name, "Sec-WebSocket-Key")) {
        if (t->key.at)
            return -EPROTO;
        t->key = value;
    } else if (span_names(name, "Sec-WebSocket-Accept")) {
        if (t->accepted.at)
            return -EPROTO;
        t->accepted = value;
    }
    return 0;
}

/* One line, without its end. */
static bool cut_line(struct span *text, struct span *line)
{
    *line = cut(text, '\n');
    if (!line->size || line->at[line->size - 1] != '\r')
        return false;
    line->size--;
    for (size_t i = 0; i < line->size; i++)
        if (!is_printed(line->at[i]))
            return false;
    return true;
}

static int take_headers(struct told *t, struct span text, const char *const *names)
{
    struct span line, name;

    *t = (struct told){.chosen = -1};
    for (;;) {
        if (!cut_line(&text, &line))
            return -EPROTO;
        if (!line.size)
            return text.size ? -EPROTO : 0;
        name = cut(&line, ':');
        if (!name.size || line.at == name.at + name.size)
            return -EPROTO; /* without a name, or a colon */
        for (size_t i = 0; i < name.size; i++)
            if (!is_token(name.at[i]))
                return -EPROTO;
        if (take_header(t, name, trim(line), names) < 0)
            return -EPROTO;
    }
}

static struct span span_of(struct zu_reader text)
{
    return (struct span){(const char *)text.at, zu_left(&text)};
}

int zu_upgrade_hear_request(struct zu_reader in, const char *const *names, struct zu_upgrade *u)
{
    struct span text = span_of(in), line, word;
    struct told t;

    if (!cut_line(&text, &line))
        return -EPROTO;
    word = cut(&line, ' ');
    if (!span_is(word, "GET"))
        return -EPROTO;
    word = cut(&line, ' ');
    if (!word.size || !span_is(line, "HTTP/1.1") || take_headers(&t, text, names) < 0 ||
        !t.upgrade || !t.connection)
        return -EPROTO;
    if (!t.version && t.other_version)
        return -ENOPROTOOPT;
    if (!t.version || !t.key.at || !is_key(t.key))
        return -EPROTO;
    if (t.chosen < 0)
        return -EPROTONOSUPPORT;
    u->chosen = t.chosen;
    memcpy(u->key, t.key.at, ZU_UPGRADE_KEY_SIZE - 1);
    u->key[ZU_UPGRADE_KEY_SIZE - 1] = '\0';
    return 0;
}

int zu_upgrade_hear_answer(struct zu_reader in, const char *const *names, const char *key,
                           struct zu_upgrade *u)
{
    struct span text = span_of(in), line, status;
    char accept[ZU_UPGRADE_ACCEPT_SIZE];
    struct told t;

    if (!cut_line(&text, &line) || !span_is(cut(&line, ' '), "HTTP/1.1"))
        return -EPROTO;
    status = cut(&line, ' ');
    if (status.size == 3 && status.at[0] == '5')
        return -ECONNREFUSED;
    if (!span_is(status, "101") || take_headers(&t, text, names) < 0 || !t.upgrade ||
        !t.connection || t.extension || t.named != 1 || t.chosen < 0 || !t.accepted.at)
        return -EPROTO;
    zu_upgrade_accept(accept, key);
    if (!span_is(t.accepted, accept))
        return -EPROTO;
    u->chosen = t.chosen;
    memcpy(u->key, key, ZU_UPGRADE_KEY_SIZE);
    return 0;
}
