/* SPDX-License-Identifier: Apache-2.0 */
/* Says whose libzmq it runs with, and what it was called with. */
#include <stdio.h>
#include <zmq.h>

int main(int argc, char **argv)
{
    int major, minor, patch;

    zmq_version(&major, &minor, &patch);
    printf("%d.%d.%d", major, minor, patch);
    for (int i = 1; i < argc; i++)
        printf(" [%s]", argv[i]);
    puts("");
    return zmq_ctx_new() ? 7 : 1; /* a context of ours is never NULL; its end is the process's */
}
