/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc: counts entries of /proc/self. Taken descriptors are copies of /dev/null.
 */
#include "tests/support/proc.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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
