/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text: whole messages as text. `|` separates parts, `+` stands for the octet 1 and `-` for 0, as
 * in subscription notices: "+news" subscribes, "-news" cancels, "a||b" has an empty part in the
 * middle. Other octets that cannot be printed read as \xNN. Needs no test framework.
 * Thread: the thread that owns the socket.
 */
#ifndef ZU_TESTS_SUPPORT_TEXT_H
#define ZU_TESTS_SUPPORT_TEXT_H

/* 0 or the errno of the part that failed. */
int test_send(void *socket, int flags, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The text, or "!EAGAIN" and its like. Valid for the next seven calls. */
const char *test_recv(void *socket, int flags);
const char *test_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *test_error(int error); /* "EAGAIN"; "ok" for 0 */

#endif
