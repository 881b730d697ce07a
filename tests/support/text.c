/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text: translates between text and messages.
 */
#include "tests/support/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

enum { TEXT_MAX = 8192, TEXTS = 8 };

static char *next_text(void)
{
    static _Thread_local char texts[TEXTS][TEXT_MAX];
    static _Thread_local unsigned turn;

    return texts[turn++ % TEXTS];
}

const char *test_text(const char *format, ...)
{
    char *text = next_text();
    va_list args;

    va_start(args, format);
    vsnprintf(text, TEXT_MAX, format, args);
    va_end(args);
    return text;
}

const char *test_error(int error)
{
    switch (error) {
    case 0: return "ok";
    case EFSM: return "EFSM";
    case ENOCOMPATPROTO: return "ENOCOMPATPROTO";
    case ETERM: return "ETERM";
    case EMTHREAD: return "EMTHREAD";
    default: break;
    }
    return strerrorname_np(error) ? strerrorname_np(error) : "an unknown error";
}

static int send_part(void *socket, int flags, const char *text, size_t size)
{
    char part[TEXT_MAX];

    memcpy(part, text, size);
    for (size_t i = 0; i < size; i++)
        part[i] = part[i] == '+' ? 1 : part[i] == '-' ? 0 : part[i];
    return zmq_send(socket, part, size, flags) < 0 ? errno : 0;
}

int test_send(void *socket, int flags, const char *format, ...)
{
    char text[TEXT_MAX];
    char *at = text, *bar;
    va_list args;
    int error = 0;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    while (!error && (bar = strchr(at, '|'))) {
        error = send_part(socket, flags | ZMQ_SNDMORE, at, (size_t)(bar - at));
        at = bar + 1;
    }
    return error ? error : send_part(socket, flags, at, strlen(at));
}

static size_t print_part(char *text, size_t room, const unsigned char *data, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < size && used + 8 < room; i++) {
        if (data[i] <= 1)
            text[used++] = data[i] ? '+' : '-';
        else if (data[i] >= 32 && data[i] < 127)
            text[used++] = (char)data[i];
        else
            used += (size_t)snprintf(text + used, room - used, "\\x%02x", data[i]);
    }
    text[used] = 0;
    return used;
}

const char *test_recv(void *socket, int flags)
{
    char *text = next_text();
    size_t used = 0;
    zmq_msg_t part;
    int more = 1;

    text[0] = 0;
    zmq_msg_init(&part);
    while (more) {
        if (zmq_msg_recv(&part, socket, flags) < 0) {
            snprintf(text + used, TEXT_MAX - used, "!%s", test_error(errno));
            break;
        }
        used +=
            print_part(text + used, TEXT_MAX - used - 2, zmq_msg_data(&part), zmq_msg_size(&part));
        more = zmq_msg_more(&part);
        if (more) {
            text[used++] = '|';
            text[used] = 0;
        }
    }
    zmq_msg_close(&part);
    return text;
}
