/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: two pipes and a process that dies with us. LD_LIBRARY_PATH and LD_PRELOAD are not handed
 * down, for they could put our library in the place of the genuine one.
 */
#include "tests/support/peer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PEERS_MAX = 16 };

extern const char test_peer_path[]; /* made by the build */

static struct test_peer *peers[PEERS_MAX];

static void become_peer(int in, int out, pid_t parent)
{
    char *args[] = {(char *)test_peer_path, NULL};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    unsetenv("LD_LIBRARY_PATH");
    unsetenv("LD_PRELOAD");
    execv(test_peer_path, args);
    _exit(127);
}

void test_peer_start(struct test_peer *peer)
{
    int to[2], from[2], slot = 0;
    pid_t parent = getpid();

    while (slot < PEERS_MAX && peers[slot] && peers[slot] != peer)
        slot++;
    cr_assert_lt(slot, PEERS_MAX);
    cr_assert_eq(pipe2(to, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(from, O_CLOEXEC), 0);
    peer->pid = fork();
    cr_assert_geq(peer->pid, 0);
    if (peer->pid == 0)
        become_peer(to[0], from[1], parent);
    peers[slot] = peer;
    close(to[0]);
    close(from[1]);
    peer->to = to[1];
    peer->from = from[0];
    peer->held = 0;
    PEER_SAYS(peer, "ok 4.3.4", "genuine");
}

static void reap(struct test_peer *peer)
{
    if (peer->pid <= 0)
        return;
    kill(peer->pid, SIGKILL); /* ends a stopped one as well */
    while (waitpid(peer->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    close(peer->to);
    close(peer->from);
    peer->pid = 0;
}

void test_peer_kill(struct test_peer *peer)
{
    cr_assert_gt(peer->pid, 0);
    reap(peer);
}

void test_peer_end(void)
{
    for (int i = 0; i < PEERS_MAX; i++) {
        if (peers[i])
            reap(peers[i]);
        peers[i] = NULL;
    }
    test_end();
}

void test_peer_tell(struct test_peer *peer, const char *format, ...)
{
    char line[8192];
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    cr_assert(size > 0 && size < (int)sizeof line - 1);
    line[size++] = '\n';
    signal(SIGPIPE, SIG_IGN); /* a peer that died is a failed test, not a dead one */
    cr_assert_eq(write(peer->to, line, (size_t)size), size, "the peer is gone");
}

const char *test_peer_answer(struct test_peer *peer)
{
    int64_t until_ms = test_now_ms() + 2 * TEST_DEADLINE_MS;
    const char *answer;
    char *end;

    while (!(end = memchr(peer->line, '\n', peer->held))) {
        struct pollfd item = {.fd = peer->from, .events = POLLIN};
        int64_t left_ms = until_ms - test_now_ms();
        ssize_t n;

        cr_assert(left_ms > 0 && poll(&item, 1, (int)left_ms) == 1, "the peer does not answer");
        n = read(peer->from, peer->line + peer->held, sizeof peer->line - peer->held);
        cr_assert_gt(n, 0, "the peer has ended");
        peer->held += (size_t)n;
    }
    *end = 0;
    answer = test_text("%s", peer->line);
    peer->held -= (size_t)(end + 1 - peer->line);
    memmove(peer->line, end + 1, peer->held);
    return answer;
}

bool test_peer_has_answered(struct test_peer *peer)
{
    struct pollfd item = {.fd = peer->from, .events = POLLIN};

    return peer->held > 0 || poll(&item, 1, 0) == 1;
}
