/* SPDX-License-Identifier: Apache-2.0 */
#include "transports/vsock.h"

#include "transports/sockstream.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <string.h>
#include <sys/time.h>

/* A number, or "*" and "-1" for any, which is the largest one. */
static bool parse_number(const char *text, size_t size, uint32_t *out)
{
    uint64_t n = 0;

    *out = UINT32_MAX;
    if ((size == 1 && text[0] == '*') || (size == 2 && memcmp(text, "-1", 2) == 0))
        return true;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || n > UINT32_MAX)
            return false;
        n = n * 10 + (uint64_t)(text[i] - '0');
    }
    *out = (uint32_t)n;
    return size > 0 && n < UINT32_MAX;
}

static int parse(struct sockaddr_storage *out, const char *text)
{
    const char *colon = strrchr(text, ':');
    struct sockaddr_vm vm = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST};

    static_assert(VMADDR_CID_ANY == UINT32_MAX && VMADDR_PORT_ANY == UINT32_MAX, "any");
    if (!colon || !parse_number(colon + 1, strlen(colon + 1), &vm.svm_port))
        return -EINVAL;
    if (text[0] != '@' && !parse_number(text, (size_t)(colon - text), &vm.svm_cid))
        return -EINVAL;
    if (text[0] == '@' && colon != text + 1)
        return -EINVAL;
    memset(out, 0, sizeof *out);
    memcpy(out, &vm, sizeof vm);
    return 0;
}

static int parse_connect(struct sockaddr_storage *out, const char *text)
{
    const struct sockaddr_vm *vm = (const struct sockaddr_vm *)out;
    int rc = parse(out, text);

    if (rc == 0 && (vm->svm_cid == VMADDR_CID_ANY || vm->svm_port == VMADDR_PORT_ANY))
        return -EINVAL;
    return rc;
}

static int check(const char *text, const struct zu_options *o)
{
    struct sockaddr_storage a;

    (void)o;
    return parse_connect(&a, text);
}

static bool family_fits(int family)
{
    return family == AF_VSOCK;
}

static int vsock_listen(struct zu_listening *out, const char *text, const struct zu_options *o)
{
    struct sockaddr_storage at;
    int rc = o->use_fd >= 0 ? 0 : parse(&at, text);

    return zu_sockstream_listen(out, rc, AF_VSOCK, &at, sizeof(struct sockaddr_vm), o, family_fits);
}

static int resolve(struct zu_target *out, const char *text, const struct zu_options *o)
{
    (void)o;
    memset(out, 0, sizeof *out);
    out->addr_size = sizeof(struct sockaddr_vm);
    return parse_connect(&out->addr, text);
}

/* Left to itself the kernel gives up after two seconds, whatever ZMQ_CONNECT_TIMEOUT says. */
static int vsock_open(const struct zu_target *t, const struct zu_options *o)
{
    struct timeval most = {.tv_sec = o->connect_timeout / 1000 + 1};
    int fd = zu_sockstream_make(AF_VSOCK);

    (void)t;
    if (fd >= 0 && o->connect_timeout > 0)
        (void)setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &most, sizeof most);
    return fd;
}

const struct zu_transport zu_vsock = {
    .scheme = "vsock",
    .takes_time = true,
    .unbinds_typed = true,
    .check = check,
    .listen = vsock_listen,
    .unlisten = zu_sockstream_unlisten,
    .blocks = zu_sockstream_blocks,
    .resolve = resolve,
    .open = vsock_open,
    .admit = zu_sockstream_admit,
    .name = zu_sockstream_name,
    .peer_address = zu_sockstream_peer_place,
};
