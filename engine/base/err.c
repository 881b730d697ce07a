/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library has words for its own numbers, in memory that is constant or the thread's. It has
 * none for ours, and for one of its own libzmq has always used another.
 */
#include "engine/base/err.h"

#include <string.h>

zu_cold int zu_return_error(int rc)
{
    errno = -rc;
    return -1;
}

const char *zu_strerror(int errnum)
{
    switch (errnum) {
    case EFSM: return "Operation cannot be accomplished in current state";
    case ENOCOMPATPROTO: return "The protocol is not compatible with the socket type";
    case ETERM: return "Context was terminated";
    case EMTHREAD: return "No thread available";
    case EHOSTUNREACH: return "Host unreachable";
    default: return strerror(errnum);
    }
}

_Thread_local const char *zu_bug_place;

zu_cold bool zu_bug_found(const char *place)
{
    const char *slash = strrchr(place, '/');

    zu_bug_place = slash ? slash + 1 : place;
    return true;
}
