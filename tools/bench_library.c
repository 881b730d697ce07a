/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A function pointer out of dlsym's object pointer, as POSIX has it. */
static bool find(void *handle, const char *name, void *out)
{
    void *found = dlsym(handle, name);

    memcpy(out, &found, sizeof found);
    return found != NULL;
}

bool bench_zmq_open(struct bench_zmq *z, const char *file, char *why, size_t room)
{
    void *handle;

    /* What is preloaded goes before what we load, in the calls that the library makes to itself. */
    if (dlsym(RTLD_DEFAULT, "zmq_version")) {
        snprintf(why, room,
                 "a libzmq is preloaded into this program and would be mixed with the "
                 "measured one; run it without LD_PRELOAD and without zuring exec");
        return false;
    }
    handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        snprintf(why, room, "%s; name a libzmq.so.5 or the folder it is in", dlerror());
        return false;
    }
#define FIND(name)                                                                                 \
    if (!find(handle, #name, &z->name)) {                                                          \
        snprintf(why, room,                                                                        \
                 "%s has no " #name ": it is no libzmq, or an old one; 4.0 is the "                \
                 "oldest that can be measured",                                                    \
                 file);                                                                            \
        return false;                                                                              \
    }
    BENCH_CALLS(FIND)
#undef FIND
    find(handle, "zmq_has", &z->zmq_has);
    find(handle, "zmq_curve_keypair", &z->zmq_curve_keypair);
    return true;
}

void bench_zmq_describe(const struct bench_zmq *z, struct bench_library *out)
{
    int (*zuring_version)(int *major, int *minor, int *patch) = NULL;
    const char *(*zuring_backend)(void *context) = NULL;
    int major, minor, patch;
    void *context, *handle = NULL;
    Dl_info info;

    if (dladdr(__extension__(void *) z->zmq_version, &info) && info.dli_fname) {
        char whole[PATH_MAX];

        snprintf(out->file, sizeof out->file, "%s",
                 realpath(info.dli_fname, whole) ? whole : info.dli_fname);
        handle = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    }
    z->zmq_version(&major, &minor, &patch);
    if (handle && find(handle, "zuring_version", &zuring_version) &&
        zuring_version(&major, &minor, &patch) == 0)
        snprintf(out->name, sizeof out->name, "zuring %d.%d.%d", major, minor, patch);
    else
        snprintf(out->name, sizeof out->name, "libzmq %d.%d.%d", major, minor, patch);
    if (handle && find(handle, "zuring_backend", &zuring_backend) && (context = z->zmq_ctx_new())) {
        void *socket = z->zmq_socket(context, ZMQ_PAIR);
        char endpoint[64];

        snprintf(endpoint, sizeof endpoint, "ipc://@zuring-bench-%d", (int)getpid());
        if (socket && z->zmq_bind(socket, endpoint) == 0) /* before, it talks to nobody */
            snprintf(out->backend, sizeof out->backend, "%s", zuring_backend(context));
        if (socket)
            z->zmq_close(socket);
        z->zmq_ctx_term(context);
    }
    out->curve = z->zmq_has && z->zmq_curve_keypair && z->zmq_has("curve") == 1;
}
