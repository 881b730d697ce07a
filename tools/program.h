/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program: what can be told about a program from its file, as far as it matters for preloading a
 * library into it. The file is a stranger: everything in it is checked before it is believed.
 * Thread: any. Owner: nobody.
 */
#ifndef ZU_TOOLS_PROGRAM_H
#define ZU_TOOLS_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

struct program_facts {
    bool elf;                   /* a program of the machine, not a script or anything else */
    bool foreign;               /* of another machine or word size than ours */
    bool dynamic;               /* has a loader, which is who preloads */
    bool has_zmq;               /* defines zmq_ctx_new itself */
    bool looks_like_zmq;        /* its symbols are stripped, but libzmq's own words are in it */
    char interpreter[PATH_MAX]; /* of a script: the program behind #!; else empty */
};

/* 0, or the negative errno of opening or reading the file. */
int program_inspect(const char *path, struct program_facts *facts);

#endif
