/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zuring top: options, and a look now and then.
 */
#include "tools/top.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

struct options {
    bool once, json;
    const char *port, *address;
    int interval_ms;
    pid_t pid;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static int help(FILE *to, int status)
{
    fputs("zuring top [OPTION...] PID   what a process that keeps ZURING_STATS_FILE does\n"
          "\n"
          "  --once               one screen, of the time of one interval, and no more\n"
          "  --json               a JSON object a line instead of a screen; with --once one\n"
          "  --interval SECONDS   between two looks; 1 by itself, fractions may be\n"
          "  --prometheus PORT    serve http://127.0.0.1:PORT/metrics\n"
          "  --address ADDRESS    ... at this address instead\n"
          "\n"
          "In a terminal q ends it. A process begins to keep the file with\n"
          "zmq_ctx_set (context, ZURING_STATS_FILE, 1).\n",
          to);
    return status;
}

/* 0: it is none that makes sense. */
static int milliseconds(const char *text)
{
    char *end;
    double s = strtod(text, &end);

    return *end || !(s >= 0.01 && s <= 3600) ? 0 : (int)(s * 1000);
}

static bool is_port(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);

    return *text && !*end && port > 0 && port < 65536;
}

/* Of what was given; NULL: nothing. */
static const char *what_is_wrong(const struct options *o)
{
    if (!o->interval_ms)
        return "--interval takes seconds, 0.01 to 3600";
    if (o->port && !is_port(o->port))
        return "--prometheus takes a port, 1 to 65535";
    if (o->port && (o->once || o->json))
        return "--prometheus serves for good: it goes neither with --once nor with --json";
    if (o->address && !o->port)
        return "--address is where --prometheus serves, which is not given";
    if (o->pid <= 0)
        return "the number of a process is missing, or is none";
    return NULL;
}

/* False: *status is what to exit with. */
static bool parse(struct options *o, int argc, char **argv, int *status)
{
    static const struct option names[] = {{"once", no_argument, NULL, 'o'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"interval", required_argument, NULL, 'i'},
                                          {"prometheus", required_argument, NULL, 'p'},
                                          {"address", required_argument, NULL, 'a'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    const char *wrong;
    char *end = NULL;
    int c;

    *o = (struct options){.interval_ms = 1000};
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 'o': o->once = true; break;
        case 'j': o->json = true; break;
        case 'i': o->interval_ms = milliseconds(optarg); break;
        case 'p': o->port = optarg; break;
        case 'a': o->address = optarg; break;
        case 'h': *status = help(stdout, EXIT_SUCCESS); return false;
        default: *status = help(stderr, EXIT_FAILURE); return false;
        }
    }
    if (optind + 1 == argc)
        o->pid = (pid_t)strtol(argv[optind], &end, 10);
    if (end && *end)
        o->pid = 0;
    if ((wrong = what_is_wrong(o)) != NULL) {
        fprintf(stderr, "zuring: %s\n\n", wrong);
        *status = help(stderr, EXIT_FAILURE);
        return false;
    }
    return true;
}

static int say_why(pid_t pid, int rc)
{
    switch (rc) {
    case -ESRCH: fprintf(stderr, "zuring: there is no process %d\n", (int)pid); break;
    case -EACCES: fprintf(stderr, "zuring: you may not look into process %d\n", (int)pid); break;
    case -ENOENT:
        fprintf(stderr,
                "zuring: process %d keeps no numbers: it has to call zmq_ctx_set (context, "
                "ZURING_STATS_FILE, 1)\n",
                (int)pid);
        break;
    case -EAGAIN:
        fprintf(stderr,
                "zuring: process %d never finished writing its numbers: it was stopped or hangs\n",
                (int)pid);
        break;
    default: fprintf(stderr, "zuring: process %d: %s\n", (int)pid, strerror(-rc)); break;
    }
    return EXIT_FAILURE;
}

/* ---- looks ---- */

struct looks {
    struct top_view now[TOP_FILES_MAX], before[TOP_FILES_MAX];
};

static int look(struct looks *l, struct top_process *p)
{
    uint64_t inodes[TOP_FILES_MAX];
    int rc;

    for (size_t i = 0; i < TOP_FILES_MAX; i++)
        inodes[i] = p->files[i].inode;
    rc = top_refresh(p);
    if (rc < 0 && rc != -ESRCH) /* what one that has ended wrote last is shown */
        return rc;
    for (size_t i = 0; i < TOP_FILES_MAX; i++) {
        top_forget(&l->before[i]);
        l->before[i] = l->now[i];
        l->now[i] = (struct top_view){0};
        if (p->files[i].fd < 0 || p->files[i].inode != inodes[i])
            top_forget(&l->before[i]);
        if (p->files[i].fd >= 0 && (rc = top_look(&l->now[i], p->files[i].fd)) < 0)
            return rc;
        l->now[i].number = i;
    }
    return 0;
}

static void forget(struct looks *l)
{
    for (size_t i = 0; i < TOP_FILES_MAX; i++) {
        top_forget(&l->now[i]);
        top_forget(&l->before[i]);
    }
}

static size_t screen_rows(void)
{
    struct winsize w;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 ? w.ws_row : 0;
}

static void show(const struct options *o, const struct top_process *p, const struct looks *l,
                 bool terminal)
{
    struct top_view now[TOP_FILES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < TOP_FILES_MAX; i++)
        if (p->files[i].fd >= 0)
            now[count++] = l->now[i];
    if (o->json) {
        top_json(stdout, p, now, count);
        return;
    }
    if (terminal)
        fputs("\033[H\033[J", stdout);
    for (size_t i = 0; i < count; i++)
        top_show(stdout, p, &now[i], &l->before[now[i].number],
                 terminal ? screen_rows() / count : 0);
}

/* Waits for the next look. True: the user has had enough. */
static bool rest(const struct options *o, bool terminal)
{
    struct pollfd keys = {.fd = terminal ? STDIN_FILENO : -1, .events = POLLIN};
    char key;

    if (poll(&keys, 1, o->interval_ms) < 0)
        return interrupted;
    return keys.revents && (read(STDIN_FILENO, &key, 1) != 1 || key == 'q');
}

/* What was written has gone where it was to go. */
static int status_of(pid_t pid, int rc)
{
    if (rc < 0)
        return say_why(pid, rc);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    fprintf(stderr, "zuring: writing: %s\n", strerror(errno));
    return EXIT_FAILURE;
}

static int watch(const struct options *o, struct top_process *p, bool terminal)
{
    static struct looks l;
    bool enough;
    int rc = look(&l, p);

    if (rc == 0 && o->json && !o->once) /* the first object comes at once */
        show(o, p, &l, false);
    do {
        enough = rest(o, terminal) || o->once || interrupted;
        if (rc == 0)
            rc = look(&l, p);
        if (rc == 0 && !interrupted)
            show(o, p, &l, terminal);
    } while (rc == 0 && !enough && !ferror(stdout) && top_is_alive(p));
    forget(&l);
    return status_of(p->pid, rc);
}

static int watch_in_terminal(const struct options *o, struct top_process *p)
{
    struct termios as_it_was, raw;
    int status;

    if (tcgetattr(STDIN_FILENO, &as_it_was) < 0)
        return watch(o, p, false);
    raw = as_it_was;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    fputs("\033[?1049h\033[?25l", stdout); /* a screen of its own, without a cursor */
    status = watch(o, p, true);
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &as_it_was);
    return status;
}

int top_main(int argc, char **argv)
{
    struct sigaction stop = {.sa_handler = on_signal};
    struct top_process p;
    struct options o;
    int status = EXIT_SUCCESS, rc;

    if (!parse(&o, argc, argv, &status))
        return status;
    if ((rc = top_attach(&p, o.pid)) < 0)
        return say_why(o.pid, rc);
    if (o.port)
        return top_serve(&p, o.address ? o.address : "127.0.0.1", o.port);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    if (!o.once && !o.json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        status = watch_in_terminal(&o, &p);
    else
        status = watch(&o, &p, false);
    top_detach(&p);
    return status;
}
