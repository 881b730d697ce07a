/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole library where io_uring is refused: by EPERM, as the default filter of container engines
 * does, and by ENOSYS, as older ones did. Nobody has to ask for it: messages flow, and the library
 * says what it uses instead and why. A filter stays, so each test, a process of its own, puts its
 * own on.
 */
#include "include/zuring.h"
#include "tests/support/pair.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

TEST_SUITE(seccomp);

static void refuse(unsigned call, int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {sizeof code / sizeof code[0], code};

    unsetenv("ZURING_BACKEND");
    OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    OK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog));
}

static void send_large(void *socket, size_t size)
{
    zmq_msg_t m;

    OK(zmq_msg_init_size(&m, size));
    memset(zmq_msg_data(&m), 'x', size);
    OK(zmq_msg_send(&m, socket, 0));
}

static void receive_large(void *socket, size_t size)
{
    const char *data;
    zmq_msg_t m;

    OK(zmq_msg_init(&m));
    OK(zmq_msg_recv(&m, socket, 0));
    cr_assert_eq(zmq_msg_size(&m), size);
    data = zmq_msg_data(&m);
    cr_assert(data[0] == 'x' && data[size / 2] == 'x' && data[size - 1] == 'x');
    OK(zmq_msg_close(&m));
}

/* Requests, replies, parts, bodies of all sizes, a peer that goes and one that comes. */
static void converse(enum test_transport transport)
{
    static const char *const names[] = {"first", "second"};
    const char *endpoint = test_endpoint(transport);
    void *server = test_bound(ZMQ_ROUTER, endpoint);

    for (int i = 0; i < 2; i++) {
        void *client = test_socket(ZMQ_DEALER);

        SET_TEXT(client, ZMQ_ROUTING_ID, names[i]);
        test_connect(client, endpoint);
        SEND(client, "question||");
        RECV(server, "%s|question||", names[i]);
        SEND(server, "%s|answer", names[i]);
        RECV(client, "answer");
        for (size_t size = 1; size <= 4 << 20; size *= 16) {
            char id[8];

            send_large(client, size);
            cr_assert_eq(zmq_recv(server, id, sizeof id, 0), (int)strlen(names[i]));
            receive_large(server, size);
        }
        test_close(client);
    }
}

static void check_refused(const char *cause)
{
    const char *reason = zuring_backend_reason(test_ctx());

    cr_assert_str_eq(zuring_backend(test_ctx()), "readiness");
    cr_assert_not_null(reason);
    cr_assert_not_null(strstr(reason, cause), "%s does not say %s", reason, cause);
}

EACH_STREAM(seccomp, refused_as_containers_do_it_messages_flow_all_the_same)
{
    refuse(SYS_io_uring_setup, EPERM);
    converse(transport);
    check_refused("EPERM");
}

EACH_STREAM(seccomp, hidden_messages_flow_all_the_same)
{
    refuse(SYS_io_uring_setup, ENOSYS);
    converse(transport);
    check_refused("ENOSYS");
}

/* A filter that lets a ring be made, and then forbids what a ring needs. */
EACH_STREAM(seccomp, refused_half_way_messages_flow_all_the_same)
{
    refuse(SYS_io_uring_register, EPERM);
    converse(transport);
    check_refused("io_uring");
}

/* Asked for by name, it is still not there, and that is no reason to fail. */
Test(seccomp, asked_for_by_name_it_is_still_readiness)
{
    refuse(SYS_io_uring_setup, EPERM);
    OK(zmq_ctx_set(test_ctx(), ZURING_BACKEND, ZURING_BACKEND_IO_URING));
    converse(TEST_TCP);
    check_refused("EPERM");
}

static void *converse_elsewhere(void *unused)
{
    (void)unused;
    converse(TEST_TCP);
    return NULL;
}

/* The reason outlives the thread that the context was first used by, and is each context's own. */
Test(seccomp, the_reason_is_the_contexts)
{
    pthread_t thread;
    void *other = zmq_ctx_new(), *socket;

    refuse(SYS_io_uring_setup, EPERM);
    cr_assert_eq(pthread_create(&thread, NULL, converse_elsewhere, NULL), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    check_refused("EPERM");

    OK(zmq_ctx_set(other, ZURING_BACKEND, ZURING_BACKEND_READINESS));
    socket = zmq_socket(other, ZMQ_PULL);
    OK(zmq_bind(socket, test_endpoint(TEST_IPC)));
    cr_assert_not_null(strstr(zuring_backend_reason(other), "the context asks for it"));
    check_refused("EPERM");
    OK(zmq_close(socket));
    OK(zmq_ctx_term(other));
}
