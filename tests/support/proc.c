/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc: counts entries of /proc/self. Taken descriptors are copies of /dev/null.
 */
#include "tests/support/proc.h"

#include "tests/support/wait.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { TAKEN_MAX = 4096 };

static int taken[TAKEN_MAX];
static int taken_count;

static int count_entries(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;

    cr_assert_not_null(dir, "%s", path);
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

int test_threads(void)
{
    return count_entries("/proc/self/task");
}

int test_descriptors(void)
{
    return count_entries("/proc/self/fd") - 1; /* not the one that reads the folder */
}

/* Of a thread that has just ended nothing can be read: it holds nothing. */
static bool is_awake(const char *task)
{
    char path[64], line[256] = "";
    const char *after;
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%s/stat", task);
    file = fopen(path, "re");
    if (!file)
        return false;
    (void)!fgets(line, sizeof line, file);
    fclose(file);
    after = strrchr(line, ')'); /* the name, which may hold anything, and the state */
    return after && strncmp(after, ") S", 3) != 0;
}

bool test_others_sleep(void)
{
    DIR *dir = opendir("/proc/self/task");
    bool sleep = true;

    cr_assert_not_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != gettid())
            sleep &= !is_awake(entry->d_name);
    closedir(dir);
    return sleep;
}

pid_t test_fork(void)
{
    pid_t parent = getpid(), child;

    WAIT(test_others_sleep());
    child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
    }
    return child;
}

size_t test_resident_kib(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    size_t kib = 0;

    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %zu", &kib) == 1)
            break;
    fclose(file);
    return kib;
}

void test_take_descriptors(int left)
{
    int fd;

    while (taken_count < TAKEN_MAX && (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        taken[taken_count++] = fd;
    cr_assert_lt(taken_count, TAKEN_MAX, "lower RLIMIT_NOFILE first");
    while (left-- > 0 && taken_count > 0)
        close(taken[--taken_count]);
}

void test_give_descriptors(void)
{
    while (taken_count > 0)
        close(taken[--taken_count]);
}
