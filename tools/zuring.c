/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zuring: the command line program. `zuring bench` is in bench.h. `zuring exec -- PROGRAM` starts
 * any program with the drop-in libzmq.so.5 in place of whatever libzmq it was made for.
 *
 * Two ways at once. LD_LIBRARY_PATH puts the drop-in before other libraries of the same name. A
 * program that brings a copy under a name of its own (Python wheels do: libzmq-0a1b2c.so.5.2.4)
 * asks for that name and finds it; so LD_PRELOAD puts ours into the process before all others, and
 * the zmq_* names, which are global, are found there first, also by what is loaded later with
 * dlopen. What neither way reaches is said before the program starts: programs that contain libzmq,
 * and those whose loader ignores the environment or is not there.
 */
#include "include/zuring.h"
#include "engine/base/alloc.h"
#include "engine/io/kernel.h"
#include "tools/bench_work.h"
#include "tools/dropin.h"
#include "tools/program.h"
#include "tools/top.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SCRIPTS_MAX 4 /* a script whose interpreter is a script ...: the kernel's own limit */

/* As env(1) has them. */
enum { EXIT_OURS = 125, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

/* ---- the environment ---- */

/* `first` in front of what the variable has. */
static int put_first(const char *name, const char *first)
{
    const char *old = getenv(name);
    size_t size = strlen(first) + (old ? strlen(old) : 0) + 2;
    char *joined = zu_alloc(size);
    int rc;

    if (!joined)
        return -1;
    snprintf(joined, size, "%s%s%s", first, old && *old ? ":" : "", old && *old ? old : "");
    rc = setenv(name, joined, 1);
    zu_free(joined);
    return rc;
}

static bool prepare_environment(void)
{
    char dir[PATH_MAX], file[PATH_MAX + sizeof DROPIN_NAME];

    if (!dropin_find(dir))
        return false;
    if (strpbrk(dir, ": \t;")) { /* what the loader splits its variables at; nothing quotes them */
        fprintf(stderr,
                "zuring: %s has a blank, a colon or a semicolon in its name, which the "
                "loader cannot take; copy the folder and set ZURING_DROPIN\n",
                dir);
        return false;
    }
    snprintf(file, sizeof file, "%s/" DROPIN_NAME, dir);
    if (put_first("LD_LIBRARY_PATH", dir) < 0 || put_first("LD_PRELOAD", file) < 0) {
        perror("zuring: the environment");
        return false;
    }
    return true;
}

/* ---- the program ---- */

/* Like execvp. 0, or the errno that it would end with. */
static int find_program(char *out, const char *name)
{
    const char *path = getenv("PATH"), *end;
    int error = ENOENT;

    if (strchr(name, '/')) {
        snprintf(out, PATH_MAX, "%s", name);
        return access(name, X_OK) == 0 ? 0 : errno;
    }
    for (path = path ? path : "/bin:/usr/bin"; path; path = end ? end + 1 : NULL) {
        struct stat st;
        int n;

        end = strchr(path, ':');
        n = snprintf(out, PATH_MAX, "%.*s%s%s", (int)(end ? end - path : (long)strlen(path)), path,
                     end == path || !*path ? "./" : "/", name);
        if (n < 0 || n >= PATH_MAX || stat(out, &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        if (access(out, X_OK) == 0)
            return 0;
        error = EACCES;
    }
    return error;
}

/* The loader takes no hints for a program that runs with more rights than its caller. */
static bool gains_rights(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return false;
    return (st.st_mode & S_ISUID && st.st_uid != getuid()) ||
           (st.st_mode & S_ISGID && st.st_mode & S_IXGRP && st.st_gid != getgid()) ||
           (getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0);
}

static void warn(const char *path, const char *what, const char *advice)
{
    fprintf(stderr, "zuring: %s %s, so it will not use zuring; %s\n", path, what, advice);
}

/* Says what will keep the program from using the drop-in. Follows a script to who reads it. */
static void examine(const char *program, int depth)
{
    struct program_facts facts;
    char interpreter[PATH_MAX];

    if (gains_rights(program))
        warn(program,
             "runs with other rights than yours (set-user-id, set-group-id or "
             "capabilities), which makes the loader ignore libraries put before its own",
             "run it by a user who needs no such rights, or install the drop-in as the system's "
             "libzmq.so.5");
    if (program_inspect(program, &facts) < 0)
        return; /* it may be run all the same */
    if (facts.interpreter[0]) {
        if (depth < SCRIPTS_MAX && find_program(interpreter, facts.interpreter) == 0)
            examine(interpreter, depth + 1);
        return;
    }
    if (!facts.elf)
        return;
    if (facts.foreign)
        warn(program, "is made for another machine or word size", "build zuring for that one");
    else if (facts.has_zmq)
        warn(program, "has libzmq linked into itself", "link it with the shared libzmq instead");
    else if (facts.looks_like_zmq)
        warn(program, "has no symbols but seems to have libzmq linked into itself",
             "link it with the shared libzmq instead");
    else if (!facts.dynamic)
        warn(program, "is linked statically and has no loader", "link it with shared libraries");
}

static int run(char **argv)
{
    char path[PATH_MAX];
    int error;

    if (!argv[0]) {
        fprintf(stderr, "zuring: exec what? Try: zuring exec -- PROGRAM [ARGUMENT...]\n");
        return EXIT_OURS;
    }
    if ((error = find_program(path, argv[0])) == 0) {
        examine(path, 0);
        if (!prepare_environment())
            return EXIT_OURS;
        execvp(argv[0], argv);
        error = errno;
    }
    fprintf(stderr, "zuring: %s: %s\n", argv[0], strerror(error));
    return error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}

/* ---- the rest ---- */

static int show_version(void)
{
    printf("zuring %d.%d.%d, in place of libzmq %d.%d.%d\n", ZURING_VERSION_MAJOR,
           ZURING_VERSION_MINOR, ZURING_VERSION_PATCH, ZMQ_VERSION_MAJOR, ZMQ_VERSION_MINOR,
           ZMQ_VERSION_PATCH);
    return EXIT_SUCCESS;
}

static int show_backend(void)
{
    const char *reason = NULL;
    const struct zu_kernel_table *kernel = zu_kernel_choose(NULL, &reason);

    printf("%s\n%s\n", kernel->name, reason ? reason : ""); /* a line for scripts, one for people */
    return EXIT_SUCCESS;
}

static int show_help(FILE *to, int status)
{
    fputs("zuring exec [--] PROGRAM [ARGUMENT...]   run PROGRAM with zuring as its libzmq\n"
          "zuring bench [OPTION...]                 measure; zuring bench --help has the options\n"
          "zuring top [OPTION...] PID               what a process does; zuring top --help\n"
          "zuring backend                           how zuring would talk to this kernel, and why\n"
          "zuring version\n"
          "\n"
          "ZURING_DROPIN=folder    where zuring's libzmq.so.5 is, when not near this program\n"
          "ZURING_BACKEND=io_uring or readiness     instead of the best that the kernel grants\n",
          to);
    return status;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    if (strcmp(command, "exec") == 0)
        return run(argv + (argc > 2 && strcmp(argv[2], "--") == 0 ? 3 : 2));
    if (strcmp(command, "bench") == 0)
        return bench_main(argc - 2, argv + 2);
    if (strcmp(command, "top") == 0)
        return top_main(argc - 1, argv + 1);
    if (strcmp(command, BENCH_WORKER) == 0)
        return bench_worker();
    if (strcmp(command, "version") == 0 || strcmp(command, "--version") == 0)
        return show_version();
    if (strcmp(command, "backend") == 0)
        return show_backend();
    if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0)
        return show_help(stdout, EXIT_SUCCESS);
    if (*command)
        fprintf(stderr, "zuring: there is no command %s\n", command);
    return show_help(stderr, EXIT_OURS);
}
