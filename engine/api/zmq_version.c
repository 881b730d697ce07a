/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq_version: what this library claims to be, what it can do, and what its errors are called.
 */
#include "engine/base/base.h"
#include "engine/base/err.h"

#include <string.h>

void zmq_version(int *major, int *minor, int *patch)
{
    if (major)
        *major = ZMQ_VERSION_MAJOR;
    if (minor)
        *minor = ZMQ_VERSION_MINOR;
    if (patch)
        *patch = ZMQ_VERSION_PATCH;
}

/* Programs choose endpoints and mechanisms by this, so a name comes with the code that does it. */
int zmq_has(const char *capability)
{
    static const char *const all[] = {
        "ipc",
        "curve",
        "draft",
        "WS",
        "tipc", /* if the kernel has it */
        "vsock",
#if ZU_HAS_PGM
        "pgm",
#endif
#if ZU_HAS_NORM
        "norm",
#endif
#if ZU_HAS_GSSAPI
        "gssapi",
#endif
#if ZU_HAS_TLS
        "WSS",
        "tls",
#endif
    };

    for (size_t i = 0; capability && i < zu_array_len(all); i++)
        if (strcmp(capability, all[i]) == 0)
            return 1;
    return 0;
}

int zmq_errno(void)
{
    return errno;
}

const char *zmq_strerror(int errnum)
{
    return zu_strerror(errnum);
}
