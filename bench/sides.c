/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works: the deadline is an alarm in each process, whose handler ends it, since a thread
 * that waits inside the library can be told in no other way. A thread waits for the child, so that
 * its failure is seen at once, wherever the main thread is.
 */
#include "bench/sides.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_S = 110 };

static char too_late_text[128];

static void too_late(int signo)
{
    ssize_t ignored = write(STDERR_FILENO, too_late_text, strlen(too_late_text));

    (void)ignored;
    (void)signo;
    _exit(1);
}

static void set_deadline(const struct bench *b, const char *who)
{
    struct sigaction a = {.sa_handler = too_late};

    snprintf(too_late_text, sizeof too_late_text,
             "%s: the %s side is not done after %d s: something was lost, or is very slow\n",
             b->program, who, DEADLINE_S);
    bench_check(sigaction(SIGALRM, &a, NULL) == 0, "sigaction");
    alarm(DEADLINE_S);
}

static void *watch(void *arg)
{
    struct sides *s = arg;
    int status = 0;

    if (waitpid(s->child, &status, 0) == s->child && status) {
        fprintf(stderr, "the other side %s %d\n",
                WIFSIGNALED(status) ? "was killed by signal" : "ended with",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        _exit(1);
    }
    return NULL;
}

void sides_start(struct sides *s, const struct bench *b,
                 void (*other)(const struct bench *b, int fd))
{
    pid_t parent = getpid();
    int fd[2];

    bench_check(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0, "socketpair");
    fflush(NULL);
    s->child = fork();
    bench_check(s->child >= 0, "fork");
    if (s->child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            exit(1);
        close(fd[0]);
        set_deadline(b, "other");
        other(b, fd[1]);
        exit(0);
    }
    close(fd[1]);
    s->fd = fd[0];
    set_deadline(b, "measuring");
    bench_check(pthread_create(&s->watcher, NULL, watch, s) == 0, "pthread_create");
}

void sides_end(struct sides *s)
{
    pthread_join(s->watcher, NULL);
    close(s->fd);
}

void sides_say(int fd, const void *data, size_t size)
{
    bench_check(send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size, "to the other side");
}

void sides_hear(int fd, void *data, size_t size)
{
    ssize_t n = recv(fd, data, size, MSG_WAITALL);

    bench_check(n >= 0, "from the other side");
    if (n == (ssize_t)size)
        return;
    fprintf(stderr, "the other side has ended too early\n");
    exit(1);
}

void sides_signal(int fd)
{
    sides_say(fd, "", 1);
}

void sides_await(int fd)
{
    char c;

    sides_hear(fd, &c, 1);
}
