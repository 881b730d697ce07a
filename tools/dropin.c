/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/dropin.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool dropin_is_in(const char *dir)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/" DROPIN_NAME, dir);

    return n > 0 && (size_t)n < sizeof path && access(path, R_OK) == 0;
}

/* The first folder that the pattern matches and that has a drop-in in it. */
static bool find_by_pattern(char *out, const char *base, const char *pattern)
{
    char full[PATH_MAX];
    glob_t found;
    bool good = false;
    int n = snprintf(full, sizeof full, "%s/%s", base, pattern);

    if (n < 0 || (size_t)n >= sizeof full || glob(full, 0, NULL, &found) != 0)
        return false;
    for (size_t i = 0; i < found.gl_pathc && !good; i++)
        good = dropin_is_in(found.gl_pathv[i]) && realpath(found.gl_pathv[i], out);
    globfree(&found);
    return good;
}

/* Our own folder decides: that of the build tree, or that of an installation. */
static bool find_near_us(char *out)
{
    static const char *const places[] = {
        "../dropin", /* of a build tree, where we are in tools/ */
#ifdef ZU_DROPIN_FROM_BIN
        ZU_DROPIN_FROM_BIN,
#endif
        "../lib/*/zuring",  "../lib/zuring", "../lib64/zuring",
    };
    char self[PATH_MAX], *slash;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n < 0)
        return false;
    self[n] = '\0';
    if ((slash = strrchr(self, '/')))
        *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (find_by_pattern(out, places[i][0] == '/' ? "" : self, places[i]))
            return true;
    return false;
}

bool dropin_find(char *out)
{
    const char *given = getenv("ZURING_DROPIN");

    if (!given) {
        if (find_near_us(out))
            return true;
        fprintf(stderr, "zuring: no " DROPIN_NAME " of zuring near this program; set ZURING_DROPIN "
                        "to the folder it is in\n");
        return false;
    }
    if (dropin_is_in(given) && realpath(given, out))
        return true;
    fprintf(stderr, "zuring: ZURING_DROPIN is %s, but there is no " DROPIN_NAME " in it\n", given);
    return false;
}
