/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place: a port is tried by binding it, below 32768 so that no connection of another test takes
 * it as its source port between the try and the use. Until the process ends no other gets it from
 * here: there is an abstract name for each port, which only one process can have. Files live in one
 * folder per process.
 */
#include "tests/support/place.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[64];

static bool port_is_free(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free;

    cr_assert_geq(fd, 0);
    is_free = bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
    close(fd);
    return is_free;
}

static bool claim_port(int port)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int size = snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "zuring-test-port-%d", port);

    cr_assert_geq(fd, 0);
    if (bind(fd, (struct sockaddr *)&at,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size)) == 0)
        return true; /* the descriptor stays open: it is the claim */
    close(fd);
    return false;
}

int test_free_port(void)
{
    static int next = -1;

    if (next < 0) /* processes of one run start far apart */
        next = (int)((unsigned)getpid() * 37U % 20000U);
    for (int tries = 0; tries < 20000; tries++) {
        int port = 11000 + next;

        next = (next + 1) % 20000;
        if (claim_port(port) && port_is_free(port))
            return port;
    }
    cr_assert_fail("no free port");
    return -1;
}

const char *test_tmpdir(void)
{
    struct stat st;

    if (!folder[0] || stat(folder, &st) < 0) {
        snprintf(folder, sizeof folder, "/tmp/zuring-test-XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
    }
    return folder;
}

void test_tmpdir_remove(void)
{
    DIR *dir = folder[0] ? opendir(folder) : NULL;
    struct dirent *entry;

    if (!dir)
        return;
    while ((entry = readdir(dir)))
        unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." refuse */
    closedir(dir);
    rmdir(folder);
    folder[0] = 0;
}

/* Keeps a text until the process ends, where a leak checker still sees it. */
static const char *kept(char *text)
{
    static struct kept {
        struct kept *next;
        char *text;
    } * all;
    struct kept *k = malloc(sizeof *k);

    cr_assert_not_null(k);
    *k = (struct kept){all, text};
    all = k;
    return text;
}

const char *test_endpoint(enum test_transport transport)
{
    static unsigned count;
    char *text = NULL;
    int rc = -1;

    count++;
    switch (transport) {
    case TEST_INPROC: rc = asprintf(&text, "inproc://test-%u", count); break;
    case TEST_IPC: rc = asprintf(&text, "ipc://%s/%u", test_tmpdir(), count); break;
    case TEST_TCP: rc = asprintf(&text, "tcp://127.0.0.1:%d", test_free_port()); break;
    case TEST_WS: rc = asprintf(&text, "ws://127.0.0.1:%d/", test_free_port()); break;
    case TEST_TLS: rc = asprintf(&text, "tls://127.0.0.1:%d", test_free_port()); break;
    case TEST_TRANSPORTS: break;
    }
    cr_assert_gt(rc, 0);
    return kept(text);
}
