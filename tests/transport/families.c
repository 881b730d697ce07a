/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of the C library stand here once more, in front of it. A played socket is one of
 * AF_UNIX with a number; what listens has an abstract name made of its number, which is a vsock's
 * port, or the reference in a TIPC port's own name. Services are a list of ranges.
 */
#include "tests/transport/families.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/tipc.h>
#include <linux/vm_sockets.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FD_MAX = 4096, SERVICES_MAX = 32, OWN_CID = 3 };

/* What a descriptor plays; family 0: nothing. */
struct played {
    int family;
    uint32_t number, peer; /* 0: has none yet */
    bool any;              /* a vsock that listens wherever it is called */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct played played[FD_MAX];
static struct {
    struct tipc_name_seq range;
    uint32_t number;
} service[SERVICES_MAX];
static int services;
static bool plays_tipc, plays_vsock;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static bool plays(int family)
{
    return (family == AF_TIPC && plays_tipc) || (family == AF_VSOCK && plays_vsock);
}

static struct played *of(int fd)
{
    return fd >= 0 && fd < FD_MAX && played[fd].family ? &played[fd] : NULL;
}

static uint32_t next_number(void)
{
    static uint32_t last;

    return 100000 + ++last;
}

static socklen_t name_of(struct sockaddr_un *out, uint32_t number)
{
    memset(out, 0, sizeof *out);
    out->sun_family = AF_UNIX;
    return (socklen_t)(sizeof out->sun_family + 1 +
                       (size_t)snprintf(out->sun_path + 1, sizeof out->sun_path - 1,
                                        "zuring-family-%d-%u", (int)getpid(), number));
}

int socket(int family, int type, int protocol)
{
    bool plays_it = plays(family);
    int fd = REAL(socket)(plays_it ? AF_UNIX : family, type, protocol);

    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < FD_MAX)
        played[fd] = (struct played){.family = plays_it ? family : 0};
    pthread_mutex_unlock(&lock);
    return fd;
}

static int take_name(int fd, struct played *p, uint32_t number)
{
    struct sockaddr_un un;
    socklen_t size = name_of(&un, number);

    p->number = number;
    return REAL(bind)(fd, (struct sockaddr *)&un, size);
}

static int bind_played(int fd, struct played *p, const void *address)
{
    const struct sockaddr_vm *vm = address;
    const struct sockaddr_tipc *t = address;

    if (p->family == AF_VSOCK) {
        p->any = vm->svm_cid == VMADDR_CID_ANY;
        return take_name(fd, p, vm->svm_port == VMADDR_PORT_ANY ? next_number() : vm->svm_port);
    }
    if (t->addrtype != TIPC_ADDR_NAMESEQ || services == SERVICES_MAX) {
        errno = EINVAL;
        return -1;
    }
    service[services].range = t->addr.nameseq;
    service[services++].number = next_number();
    return take_name(fd, p, service[services - 1].number);
}

int bind(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
    const struct sockaddr *a = address.__sockaddr__;
    int rc;

    pthread_mutex_lock(&lock);
    rc = of(fd) ? bind_played(fd, of(fd), a) : REAL(bind)(fd, a, size);
    pthread_mutex_unlock(&lock);
    return rc;
}

int listen(int fd, int backlog)
{
    int rc = 0;

    pthread_mutex_lock(&lock);
    if (of(fd) && !of(fd)->number)
        rc = take_name(fd, of(fd), next_number());
    pthread_mutex_unlock(&lock);
    return rc < 0 ? rc : REAL(listen)(fd, backlog);
}

/* The number of who is called so; 0: nobody. */
static uint32_t look_up(const void *address, int family)
{
    const struct sockaddr_vm *vm = address;
    const struct sockaddr_tipc *t = address;

    if (family == AF_VSOCK)
        return vm->svm_cid == VMADDR_CID_LOCAL || vm->svm_cid == OWN_CID ? vm->svm_port : 0;
    if (t->addrtype == TIPC_ADDR_ID)
        return t->addr.id.ref;
    for (int i = 0; i < services; i++) {
        const struct tipc_name_seq *r = &service[i].range;
        const struct tipc_name *n = &t->addr.name.name;

        if (r->type == n->type && n->instance >= r->lower && n->instance <= r->upper)
            return service[i].number;
    }
    return 0;
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
    const struct sockaddr *a = address.__sockaddr__;
    struct sockaddr_un un;

    pthread_mutex_lock(&lock);
    if (of(fd)) {
        of(fd)->number = next_number();
        of(fd)->peer = look_up(a, of(fd)->family);
        size = name_of(&un, of(fd)->peer);
        a = (const struct sockaddr *)&un;
    }
    pthread_mutex_unlock(&lock);
    return REAL(connect)(fd, a, size);
}

int accept4(int fd, __SOCKADDR_ARG address, socklen_t *size, int flags)
{
    int got = REAL(accept4)(fd, address, size, flags);

    pthread_mutex_lock(&lock);
    if (got >= 0 && got < FD_MAX) {
        played[got].family = of(fd) ? of(fd)->family : 0;
        played[got].number = of(fd) ? of(fd)->number : 0;
        played[got].peer = of(fd) ? next_number() : 0;
        played[got].any = false;
    }
    pthread_mutex_unlock(&lock);
    return got;
}

static int tell(struct sockaddr *out, socklen_t *size, const struct played *p, uint32_t number)
{
    struct sockaddr_vm vm = {
        .svm_family = AF_VSOCK, .svm_cid = p->any ? VMADDR_CID_ANY : OWN_CID, .svm_port = number};
    struct sockaddr_tipc t = {
        .family = AF_TIPC, .addrtype = TIPC_ADDR_ID, .addr.id = {number, 1u << 24 | 2 << 12 | 3}};

    *size = p->family == AF_VSOCK ? sizeof vm : sizeof t;
    memcpy(out, p->family == AF_VSOCK ? (void *)&vm : (void *)&t, *size);
    return 0;
}

int getsockname(int fd, __SOCKADDR_ARG address, socklen_t *size)
{
    int rc = -1;

    pthread_mutex_lock(&lock);
    if (of(fd))
        rc = tell(address.__sockaddr__, size, of(fd), of(fd)->number);
    pthread_mutex_unlock(&lock);
    return rc < 0 ? REAL(getsockname)(fd, address, size) : rc;
}

int getpeername(int fd, __SOCKADDR_ARG address, socklen_t *size)
{
    int rc = -1;

    pthread_mutex_lock(&lock);
    if (of(fd) && of(fd)->peer)
        rc = tell(address.__sockaddr__, size, of(fd), of(fd)->peer);
    pthread_mutex_unlock(&lock);
    return rc < 0 ? REAL(getpeername)(fd, address, size) : rc;
}

bool family_is_there(int family)
{
    struct sockaddr_vm vm = {
        .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL, .svm_port = VMADDR_PORT_ANY};
    int fd = REAL(socket)(family, SOCK_STREAM, 0);
    bool is;

    if (fd < 0)
        return false;
    /* Who may not be bound to the loopback's own address has no loopback. */
    is = family == AF_TIPC || REAL(bind)(fd, (struct sockaddr *)&vm, sizeof vm) == 0;
    close(fd);
    return is;
}

void family_play(int family)
{
    *(family == AF_TIPC ? &plays_tipc : &plays_vsock) = !family_is_there(family);
}
