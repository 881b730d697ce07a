/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err: errors inside are negative errno values, as the kernel's are. Here is the one door where
 * they become -1 and `errno`, and the words for the numbers that are libzmq's own.
 */
#ifndef ZU_BASE_ERR_H
#define ZU_BASE_ERR_H

#include "engine/base/base.h"
#include "include/zmq.h" /* EFSM, ENOCOMPATPROTO, ETERM, EMTHREAD */

#include <errno.h>

/* rc >= 0 passes through; rc < 0 sets errno to -rc and gives -1. Called in engine/api/ only. */
int zu_return_error(int rc); /* the rare half */
static inline int zu_return(int rc)
{
    return zu_likely(rc >= 0) ? rc : zu_return_error(rc);
}

/* The text zmq_strerror answers. Never NULL; static or thread-local. */
const char *zu_strerror(int errnum);

#endif
