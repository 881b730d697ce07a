/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socks: three questions, three answers. All that we may have to say is composed at the start, so
 * that what follows only reads. An answer is read in two stages: the head, up to where its length
 * is known, is kept; the rest, the address that the proxy bound, is counted and thrown away.
 */
#include "transports/socks.h"

#include <arpa/inet.h>
#include <errno.h>

enum {
    VERSION = 5,
    LOGIN_VERSION = 1,
    METHOD_NONE = 0,
    METHOD_LOGIN = 2,
    COMMAND_CONNECT = 1,
    ADDRESS_V4 = 1,
    ADDRESS_NAME = 3,
    ADDRESS_V6 = 4,
    TEXT_MAX = 255,
};

enum state {
    FAILED, /* zero, so that a dialogue that never started is over */
    METHOD,
    LOGIN,
    REQUEST,
    REST, /* of the answer to the request */
    DONE,
};

static bool write_text(struct zu_writer *w, const char *text, size_t size)
{
    return zu_write_u8(w, (uint8_t)size) && zu_write_bytes(w, text, size);
}

static bool compose_login(struct zu_socks *s, const char *user, const char *pass)
{
    struct zu_writer w = zu_writer_of(s->login, sizeof s->login);
    size_t user_size = strlen(user), pass_size = strlen(pass);

    if (user_size > TEXT_MAX || pass_size > TEXT_MAX)
        return false;
    if (!zu_write_u8(&w, LOGIN_VERSION) || !write_text(&w, user, user_size) ||
        !write_text(&w, pass, pass_size))
        return false;
    s->login_size = (uint16_t)(w.at - s->login);
    return true;
}

static bool write_address(struct zu_writer *w, const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    size_t size = strlen(host);

    if (size == 0 || size > TEXT_MAX)
        return false;
    if (!strpbrk(host, " \t\n\v\f\r") && inet_aton(host, &v4))
        return zu_write_u8(w, ADDRESS_V4) && zu_write_bytes(w, &v4, sizeof v4);
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return zu_write_u8(w, ADDRESS_V6) && zu_write_bytes(w, &v6, sizeof v6);
    return zu_write_u8(w, ADDRESS_NAME) && write_text(w, host, size);
}

static bool compose_request(struct zu_socks *s, const char *host, uint16_t port)
{
    struct zu_writer w = zu_writer_of(s->request, sizeof s->request);

    if (port == 0 || !zu_write_u8(&w, VERSION) || !zu_write_u8(&w, COMMAND_CONNECT) ||
        !zu_write_u8(&w, 0) || !write_address(&w, host) || !zu_write_be(&w, port, 2))
        return false;
    s->request_size = (uint16_t)(w.at - s->request);
    return true;
}

int zu_socks_start(struct zu_socks *s, const char *host, uint16_t port, const char *user,
                   const char *pass, struct zu_writer *out)
{
    bool named = user && user[0];
    const uint8_t hello[] = {VERSION, 1, named ? METHOD_LOGIN : METHOD_NONE};

    memset(s, 0, sizeof *s);
    if (!compose_login(s, named ? user : "", pass ? pass : "") || !compose_request(s, host, port) ||
        !zu_write_bytes(out, hello, sizeof hello))
        return -EINVAL;
    s->state = METHOD;
    return 0;
}

/* Collects the first `size` bytes of an answer. */
static bool see(struct zu_socks *s, struct zu_reader *in, uint8_t size)
{
    while (s->seen_size < size && zu_read_u8(in, &s->seen[s->seen_size]))
        s->seen_size++;
    return s->seen_size >= size;
}

static int say(struct zu_socks *s, const uint8_t *bytes, size_t size, struct zu_writer *out,
               enum state next)
{
    if (!zu_write_bytes(out, bytes, size))
        return -EPROTO;
    s->seen_size = 0;
    s->state = next;
    return 0;
}

/*
 * Each step answers 0 when the next may be taken. A proxy may choose a method that we did not
 * offer: some ask for a login whatever they were told, and an empty one may do.
 */
static int take_method(struct zu_socks *s, struct zu_reader *in, struct zu_writer *out)
{
    if (!see(s, in, 2))
        return -EAGAIN;
    if (s->seen[0] != VERSION)
        return -EPROTO;
    switch (s->seen[1]) {
    case METHOD_NONE: return say(s, s->request, s->request_size, out, REQUEST);
    case METHOD_LOGIN: return say(s, s->login, s->login_size, out, LOGIN);
    default: return -ECONNREFUSED;
    }
}

static int take_login(struct zu_socks *s, struct zu_reader *in, struct zu_writer *out)
{
    if (!see(s, in, 2))
        return -EAGAIN;
    if (s->seen[0] != LOGIN_VERSION)
        return -EPROTO;
    if (s->seen[1] != 0)
        return -ECONNREFUSED;
    return say(s, s->request, s->request_size, out, REQUEST);
}

static int take_reply(struct zu_socks *s, struct zu_reader *in)
{
    /* A proxy that refuses may well hang up behind the second byte. */
    if (!see(s, in, 2))
        return -EAGAIN;
    if (s->seen[0] != VERSION)
        return -EPROTO;
    if (s->seen[1] != 0)
        return -ECONNREFUSED;
    if (!see(s, in, 5))
        return -EAGAIN;
    switch (s->seen[3]) { /* the fifth byte is the address's first, or the size of a name */
    case ADDRESS_V4: s->skip = 4 - 1 + 2; break;
    case ADDRESS_V6: s->skip = 16 - 1 + 2; break;
    case ADDRESS_NAME: s->skip = s->seen[4] + 2; break;
    default: return -EPROTO;
    }
    s->state = REST;
    return 0;
}

static int take_rest(struct zu_socks *s, struct zu_reader *in)
{
    size_t now = ZU_MIN((size_t)s->skip, zu_left(in));

    in->at += now;
    s->skip -= (uint16_t)now;
    if (s->skip > 0)
        return -EAGAIN;
    s->state = DONE;
    return 0;
}

static int step(struct zu_socks *s, struct zu_reader *in, struct zu_writer *out)
{
    switch ((enum state)s->state) {
    case METHOD: return take_method(s, in, out);
    case LOGIN: return take_login(s, in, out);
    case REQUEST: return take_reply(s, in);
    case REST: return take_rest(s, in);
    case DONE: return 0;
    case FAILED: break;
    }
    return -EPROTO;
}

int zu_socks_feed(struct zu_socks *s, struct zu_reader *in, struct zu_writer *out)
{
    int rc;

    do
        rc = step(s, in, out);
    while (rc == 0 && s->state != DONE);
    if (rc < 0 && rc != -EAGAIN)
        s->state = FAILED; /* and it stays so */
    return rc;
}
