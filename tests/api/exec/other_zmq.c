/* SPDX-License-Identifier: Apache-2.0 */
/* Stands for a libzmq that a program brings along under a name of its own, or has linked in. */
#include <zmq.h>

void zmq_version(int *major, int *minor, int *patch)
{
    *major = *minor = *patch = 1;
}

void *zmq_ctx_new(void)
{
    return NULL;
}
