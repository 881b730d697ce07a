/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc: paths, abstract names, wildcards, and who may connect.
 */
#include "tests/support/pair.h"
#include "tests/support/plain.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

TEST_SUITE(ipc);

static void hears(void *pull, void *push)
{
    SEND(push, "heard");
    RECV(pull, "heard");
}

static const char *last_endpoint(void *socket)
{
    static char at[256];
    size_t size = sizeof at;

    OK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, at, &size));
    return at;
}

Test(ipc, abstract_names_leave_no_file)
{
    const char *at = test_text("ipc://@zuring-test-%d", getpid());
    void *pull = test_bound(ZMQ_PULL, at);

    cr_assert_str_eq(last_endpoint(pull), at);
    hears(pull, test_connected(ZMQ_PUSH, at));
    FAILS(EINVAL, zmq_bind(pull, "ipc://@"));
    FAILS(EINVAL, zmq_connect(pull, "ipc://@"));
}

Test(ipc, a_wildcard_makes_a_path_that_can_be_connected_to)
{
    void *pull = test_bound(ZMQ_PULL, "ipc://*");
    char at[256];
    struct stat st;

    snprintf(at, sizeof at, "%s", last_endpoint(pull));
    cr_assert_eq(stat(at + 6, &st), 0);
    hears(pull, test_connected(ZMQ_PUSH, at));
    test_close(pull);
    WAIT(stat(at + 6, &st) < 0); /* the file goes with the socket */
}

Test(ipc, a_path_has_107_octets_at_most)
{
    void *pull = test_socket(ZMQ_PULL);
    char path[200] = "ipc://";

    memset(path + 6, 'p', 108);
    FAILS(ENAMETOOLONG, zmq_bind(pull, path));
    FAILS(ENAMETOOLONG, zmq_connect(pull, path));
    snprintf(path + 6, sizeof path - 6, "%s/", test_tmpdir());
    memset(path + strlen(path), 'p', 6 + 107 - strlen(path));
    path[6 + 107] = 0;
    test_bind(pull, path);
    hears(pull, test_connected(ZMQ_PUSH, path));
}

Test(ipc, a_file_left_by_another_is_in_nobodys_way)
{
    const char *at = test_endpoint(TEST_IPC);
    void *pull = test_socket(ZMQ_PULL);
    int fd = test_plain_listen(at);

    close(fd); /* the file stays, nobody listens */
    test_bind(pull, at);
    hears(pull, test_connected(ZMQ_PUSH, at));
}

Test(ipc, a_late_close_does_not_take_the_file_of_the_next)
{
    const char *at = test_endpoint(TEST_IPC);

    for (int i = 0; i < 30; i++) {
        void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);

        SEND(push, "%d", i);
        RECV(pull, "%d", i);
        test_close(push);
        test_close(pull); /* and at once the next binds */
    }
}

Test(ipc, knows_the_peer_by_its_ids)
{
    const char *at = test_endpoint(TEST_IPC);
    void *pull = test_bound(ZMQ_PULL, at), *push = test_connected(ZMQ_PUSH, at);
    zmq_msg_t part;

    SEND(push, "x");
    zmq_msg_init(&part);
    cr_assert_eq(zmq_msg_recv(&part, pull, 0), 1);
    cr_assert_str_eq(zmq_msg_gets(&part, "Peer-Address"),
                     test_text("localhost:%d:%d:%d", getuid(), getgid(), getpid()));
    zmq_msg_close(&part);
}

Test(ipc, a_filter_lets_in_who_matches)
{
    const char *at = test_endpoint(TEST_IPC);
    void *pull = test_socket(ZMQ_PULL);
    uid_t uid = getuid();
    pid_t pid = getpid();

    OK(zmq_setsockopt(pull, ZMQ_IPC_FILTER_UID, &uid, sizeof uid));
    OK(zmq_setsockopt(pull, ZMQ_IPC_FILTER_PID, &pid, sizeof pid));
    test_bind(pull, at);
    hears(pull, test_connected(ZMQ_PUSH, at));
}

Test(ipc, a_filter_turns_away_who_does_not)
{
    const char *at = test_endpoint(TEST_IPC);
    void *pull = test_socket(ZMQ_PULL);
    pid_t pid = getpid() + 1;
    int fd;

    OK(zmq_setsockopt(pull, ZMQ_IPC_FILTER_PID, &pid, sizeof pid));
    test_bind(pull, at);
    fd = test_plain_connect(at);
    WAIT(test_plain_has_ended(fd));
    close(fd);
}
