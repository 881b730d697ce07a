/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending without a copy, by the real kernel. Two addresses of one machine that do not look like
 * one: what goes from the one to the other is lent to the kernel, which copies it when it arrives
 * and says so; and what does not arrive, as nobody reads, stays lent. A network namespace of our
 * own has such addresses, at its loopback interface.
 */
#include "include/zuring.h"
#include "tests/support/hex.h"
#include "tests/support/pair.h"
#include "tests/support/wait.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

TEST_SUITE(zero_copy);

enum { BODY = 150 * 1000 };

static void *pusher, *puller;
static atomic_int let_go;

/* ---- two machines ---- */

static void give_address(int fd, const char *name, const char *address)
{
    struct ifreq r = {0};
    struct sockaddr_in a = {.sin_family = AF_INET};

    strcpy(r.ifr_name, name);
    inet_pton(AF_INET, address, &a.sin_addr);
    memcpy(&r.ifr_addr, &a, sizeof a);
    cr_assert_eq(ioctl(fd, SIOCSIFADDR, &r), 0, "%s: %s", name, strerror(errno));
    r.ifr_flags = IFF_UP | IFF_RUNNING;
    cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &r), 0, "%s: %s", name, strerror(errno));
}

static void leave_the_machine(void)
{
    int fd;

    if (unshare(CLONE_NEWNET) < 0)
        cr_skip_test("a network namespace of our own needs CAP_SYS_ADMIN: %s", strerror(errno));
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    give_address(fd, "lo", "127.0.0.1");
    give_address(fd, "lo:1", "10.99.0.1");
    give_address(fd, "lo:2", "10.99.0.2");
    close(fd);
}

/* `min` is for ZURING_ZERO_COPY_MIN; less than -1: untouched. */
static void meet(const char *bound, const char *source, int min)
{
    char endpoint[256], port[16];
    size_t size = sizeof endpoint;

    pusher = test_socket(ZMQ_PUSH);
    puller = test_socket(ZMQ_PULL);
    if (min >= -1)
        SET(pusher, ZURING_ZERO_COPY_MIN, min);
    SET(puller, ZMQ_RCVHWM, 1);
    snprintf(endpoint, sizeof endpoint, "tcp://%s:*", bound);
    test_bind(pusher, endpoint);
    OK(zmq_getsockopt(pusher, ZMQ_LAST_ENDPOINT, endpoint, &size));
    snprintf(port, sizeof port, "%d", atoi(strrchr(endpoint, ':') + 1));
    snprintf(endpoint, sizeof endpoint, "tcp://%s:0;%s:%s", source, bound, port);
    test_connect(puller, endpoint);
}

/* ---- bodies ---- */

static uint8_t body_byte(unsigned number, size_t i)
{
    return (uint8_t)(number * 37 + i * 11 + (i >> 8));
}

static void free_body(void *data, void *hint)
{
    (void)hint;
    memset(data, 0xdb, BODY); /* nobody may look at it any more */
    free(data);
    atomic_fetch_add(&let_go, 1);
}

static void send_body(unsigned number)
{
    uint8_t *data = malloc(BODY);
    zmq_msg_t m;

    for (size_t i = 0; i < BODY; i++)
        data[i] = body_byte(number, i);
    OK(zmq_msg_init_data(&m, data, BODY, free_body, NULL));
    OK(zmq_msg_send(&m, pusher, 0));
}

static void receive_body(unsigned number)
{
    const uint8_t *data;
    zmq_msg_t m;

    OK(zmq_msg_init(&m));
    OK(zmq_msg_recv(&m, puller, 0));
    cr_assert_eq(zmq_msg_size(&m), BODY);
    data = zmq_msg_data(&m);
    for (size_t i = 0; i < BODY; i++)
        cr_assert_eq(data[i], body_byte(number, i), "body %u at %zu", number, i);
    OK(zmq_msg_close(&m));
}

static void exchange(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        send_body(i);
        receive_body(i);
    }
}

static struct zuring_loop_stats stats(void)
{
    struct zuring_loop_stats s;

    OK(zuring_loop_stats(test_ctx(), 0, &s, sizeof s));
    return s;
}

static bool is_uring(void)
{
    return strcmp(zuring_backend(test_ctx()), "io_uring") == 0;
}

Test(zero_copy, ends_where_the_kernel_says_that_it_copied)
{
    uint64_t lent;

    leave_the_machine();
    meet("10.99.0.1", "10.99.0.2", -2);
    exchange(0, 1);
    WAIT(stats().send_bytes > BODY);
    lent = stats().zero_copy_sends;
    if (is_uring() && lent == 0)
        cr_skip_test("this kernel does not send without a copy");
    cr_assert_eq(lent, is_uring());
    WAIT(stats().zero_copy_copied == lent);
    exchange(1, 30);
    cr_assert_eq(stats().zero_copy_sends, lent);
    WAIT(atomic_load(&let_go) == 31);
}

static void check_never(const char *bound, const char *source, int min)
{
    meet(bound, source, min);
    exchange(0, 10);
    cr_assert_eq(stats().zero_copy_sends, 0);
    WAIT(atomic_load(&let_go) == 10);
}

Test(zero_copy, is_not_tried_with_a_local_peer)
{
    check_never("127.0.0.1", "127.0.0.1", 1);
}

Test(zero_copy, is_not_tried_with_an_address_of_its_own)
{
    leave_the_machine();
    check_never("10.99.0.1", "10.99.0.1", 1);
}

Test(zero_copy, is_not_tried_below_the_size_that_the_option_says)
{
    leave_the_machine();
    check_never("10.99.0.1", "10.99.0.2", BODY + 1);
}

Test(zero_copy, is_not_tried_where_the_option_says_never)
{
    leave_the_machine();
    check_never("10.99.0.1", "10.99.0.2", 0);
}

/*
 * A peer that says what a PULL says first, and never reads a byte. So what is sent stays with us,
 * and lent, though the kernel has taken it all.
 */
static void meet_deaf_peer(void)
{
    static const char words[] = "ff 00*7 01 7f 03 01 'NULL' 00*16 00*32 "
                                "04 1a 05 'READY' 0b 'Socket-Type' 00*3 04 'PULL'";
    uint8_t bytes[128];
    ssize_t byte_count = (ssize_t)hex_read(bytes, sizeof bytes, words);
    struct sockaddr_in at = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;
    char endpoint[64];
    size_t size = sizeof endpoint;

    cr_assert_geq(fd, 0);
    pusher = test_socket(ZMQ_PUSH);
    SET(pusher, ZMQ_SNDBUF, 4 << 20);
    test_bind(pusher, "tcp://10.99.0.1:*");
    OK(zmq_getsockopt(pusher, ZMQ_LAST_ENDPOINT, endpoint, &size));
    OK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small));
    inet_pton(AF_INET, "10.99.0.2", &at.sin_addr);
    OK(bind(fd, (struct sockaddr *)&at, sizeof at));
    inet_pton(AF_INET, "10.99.0.1", &at.sin_addr);
    at.sin_port = htons((uint16_t)atoi(strrchr(endpoint, ':') + 1));
    OK(connect(fd, (struct sockaddr *)&at, sizeof at));
    cr_assert_eq(write(fd, bytes, (size_t)byte_count), byte_count);
}

/* Nothing is acknowledged for good: what was lent stays so until the linger is over, no longer,
 * and the other end need not do anything for that. */
static void check_end(int count, int linger)
{
    uint64_t before;

    leave_the_machine();
    meet_deaf_peer();
    SET(pusher, ZMQ_LINGER, linger);
    for (int i = 0; i < count; i++)
        send_body((unsigned)i);
    WAIT(stats().send_bytes > BODY);
    if (stats().zero_copy_sends == 0 && is_uring())
        cr_skip_test("this kernel does not send without a copy");
    cr_assert(!is_uring() || atomic_load(&let_go) < count);
    before = (uint64_t)test_now_ms();
    test_close(pusher);
    WAIT(atomic_load(&let_go) == count);
    if (is_uring())
        cr_assert_geq((uint64_t)test_now_ms() - before, (uint64_t)linger);
    cr_assert_lt((uint64_t)test_now_ms() - before, TEST_DEADLINE_MS);
}

Test(zero_copy, nothing_lent_outlives_a_linger_of_nothing)
{
    check_end(1, 0);
}

Test(zero_copy, nothing_lent_outlives_linger)
{
    check_end(1, 300);
}

Test(zero_copy, nothing_lent_outlives_linger_while_more_is_sent)
{
    check_end(200, 300); /* more than the kernel takes */
}
