/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_replay: gives a fuzz target every file of a corpus, once, without libFuzzer. A corpus that
 * has no file is an error: it would be a test that cannot fail.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path, size_t size)
{
    uint8_t *data = malloc(size ? size : 1); /* no larger: a sanitizer then sees overruns */
    FILE *f = fopen(path, "rb");
    int rc = -1;

    if (data && f && fread(data, 1, size, f) == size) {
        LLVMFuzzerTestOneInput(data, size);
        rc = 0;
    } else {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    }
    if (f)
        fclose(f);
    free(data);
    return rc;
}

static int replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    struct stat st;
    char path[4096];
    int count = 0;

    if (!dir) {
        fprintf(stderr, "%s: %s\n", folder, strerror(errno));
        return -1;
    }
    while ((entry = readdir(dir))) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (stat(path, &st) || !S_ISREG(st.st_mode))
            continue;
        if (replay_file(path, (size_t)st.st_size)) {
            count = -1;
            break;
        }
        count++;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);

        if (count < 0)
            return 1;
        if (count == 0) {
            fprintf(stderr, "%s: no input\n", argv[i]);
            return 1;
        }
        printf("%s: %d inputs\n", argv[i], count);
    }
    return argc > 1 ? 0 : 2;
}
