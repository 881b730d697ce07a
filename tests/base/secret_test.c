/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/secret.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(secret, .timeout = 600);

enum { MANY = 1000, THREADS = 4 };

Test(secret, memory_is_zeroed_and_its_own)
{
    static unsigned char *all[MANY];

    for (int i = 0; i < MANY; i++) {
        size_t size = (size_t)(i % (ZU_SECRET_MAX + 100)) + 1;

        all[i] = zu_secret_alloc(size);
        cr_assert_not_null(all[i]);
        cr_assert_eq((uintptr_t)all[i] % 16, 0);
        for (size_t k = 0; k < size; k++)
            cr_assert_eq(all[i][k], 0);
        memset(all[i], i, size);
    }
    for (int i = 0; i < MANY; i++) {
        cr_assert_eq(all[i][0], (unsigned char)i);
        zu_secret_free(all[i]);
    }
    zu_secret_free(NULL);
}

/* A cell is there still when it was given back: only then can one look into it. */
Test(secret, memory_that_is_given_back_is_wiped)
{
    unsigned char *p = zu_secret_alloc(100);

    memset(p, 'k', 100);
    zu_secret_free(p);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(p[i], 0, "byte %d", i);
}

/* As the kernel tells of the mapping that the address lies in. */
static bool has_flag(const void *p, const char *flag)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[512];
    unsigned long from, to;
    bool here = false, found = false;

    cr_assert_not_null(f);
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2 && strchr(line, '-') < strchr(line, ' '))
            here = (uintptr_t)p >= from && (uintptr_t)p < to;
        else if (here && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, flag) != NULL;
    }
    fclose(f);
    return found;
}

Test(secret, memory_is_in_no_core_dump_and_no_child)
{
    unsigned char *p = zu_secret_alloc(32);
    int status;
    pid_t child;

    memset(p, 'k', 32);
    cr_assert(has_flag(p, " dd"), "not to be dumped");
    cr_assert(has_flag(p, " wf"), "to be wiped on fork");
    child = fork();
    if (child == 0) {
        unsigned char *own = zu_secret_alloc(32);

        zu_secret_free(p);
        _exit(p[0] == 0 && own && own != p ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert_eq(p[31], 'k');
    zu_secret_free(p);
}

static void *use(void *arg)
{
    for (int i = 0; i < MANY; i++) {
        unsigned char *p = zu_secret_alloc(64);

        cr_assert_not_null(p);
        for (int k = 0; k < 64; k++)
            cr_assert_eq(p[k], 0);
        memset(p, (int)(intptr_t)arg, 64);
        cr_assert_eq(p[63], (unsigned char)(intptr_t)arg);
        zu_secret_free(p);
    }
    return NULL;
}

Test(secret, any_thread_may_ask)
{
    pthread_t threads[THREADS];

    for (intptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, use, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}
