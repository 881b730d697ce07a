/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dropin: where zuring's libzmq.so.5 is: in the folder that ZURING_DROPIN names, or else near this
 * program, in a build tree or an installation.
 * Thread: the main one.
 */
#ifndef ZU_TOOLS_DROPIN_H
#define ZU_TOOLS_DROPIN_H

#include <stdbool.h>

#define DROPIN_NAME "libzmq.so.5"

/* Its folder, whole path, into `out`, which has room for PATH_MAX. False: standard error tells. */
bool dropin_find(char *out);

/* Whether the folder has a libzmq.so.5, anybody's. */
bool dropin_is_in(const char *dir);

#endif
