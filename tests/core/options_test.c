/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options: every range, length and default, sharing, and memory that runs out.
 */
#define ZMQ_BUILD_DRAFT_API
#include "engine/core/options.h"

#include "engine/base/alloc.h"
#include "include/zuring.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

static struct zu_options *o;

static void begin(void)
{
    o = zu_options_new(ZMQ_DEALER);
    cr_assert_not_null(o);
}

static void end(void)
{
    zu_alloc_refuse = NULL;
    zu_options_drop(o);
}

TestSuite(options, .init = begin, .fini = end, .timeout = 600);

static int set(int option, int value)
{
    return zu_options_set(&o, option, &value, sizeof value);
}

static int set_text(int option, const char *text)
{
    return zu_options_set(&o, option, text, strlen(text));
}

static int get(int option)
{
    int value = INT_MIN + 7;
    size_t size = sizeof value;
    int rc = zu_options_get(o, option, &value, &size);

    cr_assert_eq(rc, 0, "get %d: %d", option, rc);
    cr_assert_eq(size, sizeof value);
    return value;
}

static const char *get_text(int option)
{
    static char text[600];
    size_t size = sizeof text;

    memset(text, 0x55, sizeof text);
    cr_assert_eq(zu_options_get(o, option, text, &size), 0);
    cr_assert_eq(size, strlen(text) + 1);
    for (size_t i = size; i < sizeof text; i++)
        cr_assert_eq(text[i], 0, "byte %zu was not cleared", i);
    return text;
}

struct row {
    int option, fallback;
    int least, most; /* accepted; and least - 1, most + 1 are not, unless they overflow */
};

/* As documented, not as options.def has it. */
static const struct row rows[] = {
    {ZMQ_SNDHWM, 1000, 0, INT_MAX},
    {ZMQ_RCVHWM, 1000, 0, INT_MAX},
    {ZMQ_SNDTIMEO, -1, -1, INT_MAX},
    {ZMQ_RCVTIMEO, -1, -1, INT_MAX},
    {ZMQ_LINGER, -1, -1, INT_MAX},
    {ZMQ_IMMEDIATE, 0, 0, 1},
    {ZMQ_CONFLATE, 0, 0, 1},
    {ZMQ_RECONNECT_IVL, 100, -1, INT_MAX},
    {ZMQ_RECONNECT_IVL_MAX, 0, 0, INT_MAX},
    {ZMQ_RECONNECT_STOP, 0, INT_MIN, INT_MAX},
    {ZMQ_HANDSHAKE_IVL, 30000, 0, INT_MAX},
    {ZMQ_HEARTBEAT_IVL, 0, 0, INT_MAX},
    {ZMQ_HEARTBEAT_TIMEOUT, -1, 0, INT_MAX},
    {ZMQ_CONNECT_TIMEOUT, 0, 0, INT_MAX},
    {ZMQ_IPV6, 0, 0, 1},
    {ZMQ_IPV4ONLY, 1, 0, 1},
    {ZMQ_BACKLOG, 100, 0, INT_MAX},
    {ZMQ_USE_FD, -1, -1, INT_MAX},
    {ZURING_ZERO_COPY_MIN, 128 * 1024, -1, INT_MAX},
    {ZMQ_SNDBUF, -1, -1, INT_MAX},
    {ZMQ_RCVBUF, -1, -1, INT_MAX},
    {ZMQ_TOS, 0, 0, INT_MAX},
    {ZMQ_TCP_KEEPALIVE, -1, -1, 1},
    {ZMQ_TCP_KEEPALIVE_CNT, -1, -1, INT_MAX},
    {ZMQ_TCP_KEEPALIVE_IDLE, -1, -1, INT_MAX},
    {ZMQ_TCP_KEEPALIVE_INTVL, -1, -1, INT_MAX},
    {ZMQ_TCP_MAXRT, 0, 0, INT_MAX},
    {ZMQ_RATE, 100, 1, INT_MAX},
    {ZMQ_RECOVERY_IVL, 10000, 0, INT_MAX},
    {ZMQ_MULTICAST_HOPS, 1, 1, INT_MAX},
    {ZMQ_MULTICAST_MAXTPDU, 1500, 1, INT_MAX},
#if ZU_HAS_NORM
    {ZMQ_NORM_MODE, ZMQ_NORM_CC, ZMQ_NORM_FIXED, ZMQ_NORM_CCE_ECNONLY},
    {ZMQ_NORM_UNICAST_NACK, 0, 0, 1},
    {ZMQ_NORM_BUFFER_SIZE, 2048, 1, INT_MAX},
    {ZMQ_NORM_SEGMENT_SIZE, 1400, 1, INT_MAX},
    {ZMQ_NORM_BLOCK_SIZE, 16, 1, 255},
    {ZMQ_NORM_NUM_PARITY, 4, 0, 254},
    {ZMQ_NORM_NUM_AUTOPARITY, 0, 0, 254},
    {ZMQ_NORM_PUSH, 0, 0, 1},
#endif
};

Test(options, begin_with_their_defaults)
{
    for (size_t i = 0; i < zu_array_len(rows); i++)
        cr_expect_eq(get(rows[i].option), rows[i].fallback, "option %d", rows[i].option);
    cr_expect_eq(get(ZMQ_INVERT_MATCHING), 0);
    cr_expect_eq(get(ZMQ_MULTICAST_LOOP), 1);
    cr_expect_eq(get(ZMQ_LOOPBACK_FASTPATH), 0);
    cr_expect_eq(get(ZMQ_HEARTBEAT_TTL), 0);
    cr_expect_eq(get(ZMQ_TYPE), ZMQ_DEALER);
    cr_expect_eq(get(ZMQ_MECHANISM), ZMQ_NULL);
    cr_expect_eq(o->in_batch, 8192);
    cr_expect_eq(o->out_batch, 8192);
}

Test(options, take_both_ends_of_their_range_and_keep_the_value_when_refused)
{
    for (size_t i = 0; i < zu_array_len(rows); i++) {
        const struct row *r = &rows[i];

        cr_expect_eq(set(r->option, r->least), 0, "option %d", r->option);
        cr_expect_eq(get(r->option), r->least, "option %d", r->option);
        cr_expect_eq(set(r->option, r->most), 0, "option %d", r->option);
        cr_expect_eq(get(r->option), r->most, "option %d", r->option);
        if (r->least > INT_MIN)
            cr_expect_eq(set(r->option, r->least - 1), -EINVAL, "option %d", r->option);
        if (r->most < INT_MAX)
            cr_expect_eq(set(r->option, r->most + 1), -EINVAL, "option %d", r->option);
        cr_expect_eq(get(r->option), r->most, "option %d", r->option);
    }
}

Test(options, of_an_int_have_four_bytes_and_nothing_else)
{
    char eight[8] = {1};
    size_t size;

    for (size_t i = 0; i < zu_array_len(rows); i++) {
        for (size = 0; size <= 8; size++) {
            if (size == 4)
                continue;
            cr_expect_eq(zu_options_set(&o, rows[i].option, eight, size), -EINVAL);
            cr_expect_eq(zu_options_get(o, rows[i].option, eight, &size), -EINVAL);
        }
        size = 4;
        cr_expect_eq(zu_options_set(&o, rows[i].option, NULL, 4), -EINVAL);
        cr_expect_eq(zu_options_get(o, rows[i].option, NULL, &size), -EINVAL);
        cr_expect_eq(zu_options_get(o, rows[i].option, eight, NULL), -EINVAL);
    }
}

Test(options, that_take_any_int_keep_whether_it_is_zero)
{
    const int all[] = {ZMQ_INVERT_MATCHING, ZMQ_MULTICAST_LOOP, ZMQ_LOOPBACK_FASTPATH};

    for (size_t i = 0; i < zu_array_len(all); i++) {
        cr_expect_eq(set(all[i], -7), 0);
        cr_expect_eq(get(all[i]), 1);
        cr_expect_eq(set(all[i], 0), 0);
        cr_expect_eq(get(all[i]), 0);
        cr_expect_eq(set(all[i], 99), 0);
        cr_expect_eq(get(all[i]), 1);
    }
}

Test(options, of_eight_bytes_take_any_value)
{
    const int64_t values[] = {0, -1, -5, 1, INT64_MAX, INT64_MIN};
    const int all[] = {ZMQ_MAXMSGSIZE, ZMQ_AFFINITY};
    int64_t seen;
    size_t size = 8;

    cr_assert_eq(zu_options_get(o, ZMQ_MAXMSGSIZE, &seen, &size), 0);
    cr_expect_eq(seen, -1);
    cr_assert_eq(zu_options_get(o, ZMQ_AFFINITY, &seen, &size), 0);
    cr_expect_eq(seen, 0);
    for (size_t i = 0; i < zu_array_len(all); i++) {
        for (size_t j = 0; j < zu_array_len(values); j++) {
            cr_expect_eq(zu_options_set(&o, all[i], &values[j], 8), 0);
            cr_expect_eq(zu_options_get(o, all[i], &seen, &size), 0);
            cr_expect_eq(seen, values[j]);
        }
        for (size = 0; size < 20; size++) {
            if (size == 8)
                continue;
            cr_expect_eq(zu_options_set(&o, all[i], values, size), -EINVAL);
            cr_expect_eq(zu_options_get(o, all[i], &seen, &size), -EINVAL);
        }
        size = 8;
    }
}

Test(options, ipv4only_is_the_other_side_of_ipv6)
{
    cr_expect_eq(set(ZMQ_IPV6, 1), 0);
    cr_expect_eq(get(ZMQ_IPV4ONLY), 0);
    cr_expect_eq(set(ZMQ_IPV4ONLY, 1), 0);
    cr_expect_eq(get(ZMQ_IPV6), 0);
    cr_expect_eq(set(ZMQ_IPV4ONLY, 0), 0);
    cr_expect_eq(get(ZMQ_IPV6), 1);
    cr_expect_eq(set(ZMQ_IPV4ONLY, 2), -EINVAL);
    cr_expect_eq(get(ZMQ_IPV6), 1);
}

Test(options, the_heartbeat_ttl_goes_in_steps_of_a_tenth_of_a_second)
{
    const int pairs[][2] = {{99, 0}, {100, 100}, {199, 100}, {6553599, 6553500}, {0, 0}};

    for (size_t i = 0; i < zu_array_len(pairs); i++) {
        cr_expect_eq(set(ZMQ_HEARTBEAT_TTL, pairs[i][0]), 0);
        cr_expect_eq(get(ZMQ_HEARTBEAT_TTL), pairs[i][1]);
    }
    cr_expect_eq(set(ZMQ_HEARTBEAT_TTL, 300), 0);
    cr_expect_eq(set(ZMQ_HEARTBEAT_TTL, 6553600), -EINVAL);
    cr_expect_eq(set(ZMQ_HEARTBEAT_TTL, -1), -EINVAL);
    cr_expect_eq(get(ZMQ_HEARTBEAT_TTL), 300);
}

Test(options, a_routing_id_has_1_to_255_bytes_of_any_kind)
{
    uint8_t id[256], seen[300];
    size_t size = sizeof seen;

    for (int i = 0; i < 256; i++)
        id[i] = (uint8_t)i; /* begins with a zero */
    cr_expect_eq(zu_options_get(o, ZMQ_ROUTING_ID, seen, &size), 0);
    cr_expect_eq(size, 0);
    cr_expect_eq(zu_options_set(&o, ZMQ_ROUTING_ID, id, 256), -EINVAL);
    cr_expect_eq(zu_options_set(&o, ZMQ_ROUTING_ID, id, 0), -EINVAL);
    cr_expect_eq(zu_options_set(&o, ZMQ_ROUTING_ID, NULL, 0), -EINVAL);
    cr_expect_eq(zu_options_set(&o, ZMQ_ROUTING_ID, NULL, 4), -EINVAL);
    cr_assert_eq(zu_options_set(&o, ZMQ_ROUTING_ID, id, 255), 0);
    size = 254;
    cr_expect_eq(zu_options_get(o, ZMQ_ROUTING_ID, seen, &size), -EINVAL);
    size = sizeof seen;
    memset(seen, 0xff, sizeof seen);
    cr_expect_eq(zu_options_get(o, ZMQ_ROUTING_ID, seen, &size), 0);
    cr_expect_eq(size, 255);
    cr_expect_arr_eq(seen, id, 255);
    for (size_t i = 255; i < sizeof seen; i++)
        cr_expect_eq(seen[i], 0);
    cr_assert_eq(zu_options_set(&o, ZMQ_ROUTING_ID, "\0abc", 4), 0);
    size = 4;
    cr_expect_eq(zu_options_get(o, ZMQ_ROUTING_ID, seen, &size), 0);
    cr_expect_arr_eq(seen, "\0abc", 4);
}

Test(options, texts_come_back_with_their_terminator_counted)
{
    char small[5];
    size_t size = 4;

    cr_expect_str_empty(get_text(ZMQ_BINDTODEVICE));
    cr_assert_eq(set_text(ZMQ_BINDTODEVICE, "eth0"), 0);
    cr_expect_eq(zu_options_get(o, ZMQ_BINDTODEVICE, small, &size), -EINVAL);
    size = 5;
    cr_expect_eq(zu_options_get(o, ZMQ_BINDTODEVICE, small, &size), 0);
    cr_expect_eq(size, 5);
    cr_expect_str_eq(small, "eth0");
    cr_expect_eq(set_text(ZMQ_BINDTODEVICE, "0123456789abcdef"), 0);
    cr_expect_str_eq(get_text(ZMQ_BINDTODEVICE), "0123456789abcdef");
    cr_expect_eq(set_text(ZMQ_BINDTODEVICE, "0123456789abcdefg"), -EINVAL);
    cr_expect_eq(set_text(ZMQ_BINDTODEVICE, ""), -EINVAL);
    cr_expect_str_eq(get_text(ZMQ_BINDTODEVICE), "0123456789abcdef");
    cr_expect_eq(zu_options_set(&o, ZMQ_BINDTODEVICE, NULL, 0), 0);
    cr_expect_str_empty(get_text(ZMQ_BINDTODEVICE));
}

Test(options, no_proxy_is_null_and_an_empty_one_is_refused)
{
    cr_expect_str_empty(get_text(ZMQ_SOCKS_PROXY));
    cr_expect_eq(set_text(ZMQ_SOCKS_PROXY, "proxy.example:1080"), 0);
    cr_expect_str_eq(get_text(ZMQ_SOCKS_PROXY), "proxy.example:1080");
    cr_expect_eq(set_text(ZMQ_SOCKS_PROXY, ""), -EINVAL);
    cr_expect_eq(zu_options_set(&o, ZMQ_SOCKS_PROXY, NULL, 5), -EINVAL);
    cr_expect_str_eq(get_text(ZMQ_SOCKS_PROXY), "proxy.example:1080");
    cr_expect_eq(zu_options_set(&o, ZMQ_SOCKS_PROXY, "a:1", 4), 0);
    cr_expect_str_eq(get_text(ZMQ_SOCKS_PROXY), "a:1");
    cr_expect_eq(zu_options_set(&o, ZMQ_SOCKS_PROXY, NULL, 0), 0);
    cr_expect_str_empty(get_text(ZMQ_SOCKS_PROXY));
    cr_expect_null(o->socks_proxy);
}

Test(options, the_proxys_name_and_password_may_be_empty_and_have_255_bytes)
{
    const int all[] = {ZMQ_SOCKS_USERNAME, ZMQ_SOCKS_PASSWORD};
    char word[257];

    memset(word, 'w', 256);
    word[256] = '\0';
    for (size_t i = 0; i < zu_array_len(all); i++) {
        cr_expect_eq(zu_options_set(&o, all[i], word, 256), -EINVAL);
        cr_expect_eq(zu_options_set(&o, all[i], word, 255), 0);
        cr_expect_eq(strlen(get_text(all[i])), 255);
        cr_expect_eq(set_text(all[i], ""), 0);
        cr_expect_str_empty(get_text(all[i]));
        cr_expect_eq(set_text(all[i], "who"), 0);
        cr_expect_eq(zu_options_set(&o, all[i], NULL, 0), 0);
        cr_expect_str_empty(get_text(all[i]));
    }
}

Test(options, an_accept_filter_is_an_address_and_a_mask_that_fits_it)
{
    const char *const good[] = {"127.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "1.2.3.4/32", "1.2.3.4/08"};
    const char *const bad[] = {"",
                               "/8",
                               "127.0.0.1/",
                               "127.0.0.1/-1",
                               "1.2.3.4/x",
                               "1.2.3.4/8x",
                               "127.0.0.1/33",
                               "1.2.3.4/4294967296",
                               "localhost",
                               "lo",
                               "*",
                               "1.2.3.256",
                               "[",
                               "[]",
                               "]",
                               "1.2.3.4/8/8"};

    for (size_t i = 0; i < zu_array_len(good); i++) {
        cr_expect_eq(set_text(ZMQ_TCP_ACCEPT_FILTER, good[i]), 0, "%s", good[i]);
        cr_expect_eq(o->accept_filter_count, i + 1);
    }
    for (size_t i = 0; i < zu_array_len(bad); i++)
        cr_expect_eq(set_text(ZMQ_TCP_ACCEPT_FILTER, bad[i]), -EINVAL, "%s", bad[i]);
    cr_expect_eq(o->accept_filter_count, zu_array_len(good));
    cr_expect_eq(o->accept_filters[0].bits, 32);
    cr_expect_eq(o->accept_filters[1].bits, 8);
    cr_expect_eq(zu_options_set(&o, ZMQ_TCP_ACCEPT_FILTER, NULL, 3), -EINVAL);
    cr_expect_eq(zu_options_set(&o, ZMQ_TCP_ACCEPT_FILTER, NULL, 0), 0);
    cr_expect_eq(o->accept_filter_count, 0);
    cr_expect_null(o->accept_filters);
    cr_expect_eq(zu_options_set(&o, ZMQ_TCP_ACCEPT_FILTER, "10.0.0.0/8", 11), 0, "with its NUL");
}

Test(options, an_accept_filter_of_ipv6_needs_ipv6)
{
    cr_expect_eq(set_text(ZMQ_TCP_ACCEPT_FILTER, "::1"), -EINVAL);
    cr_expect_eq(set(ZMQ_IPV6, 1), 0);
    cr_expect_eq(set_text(ZMQ_TCP_ACCEPT_FILTER, "::1"), 0);
    cr_expect_eq(set_text(ZMQ_TCP_ACCEPT_FILTER, "[fe80::]/10"), 0);
    cr_expect_eq(set_text(ZMQ_TCP_ACCEPT_FILTER, "::1/129"), -EINVAL);
    cr_expect_eq(set_text(ZMQ_TCP_ACCEPT_FILTER, "1.2.3.4/33"), -EINVAL);
    cr_expect_eq(o->accept_filters[0].bits, 128);
    cr_expect_eq(o->accept_filters[1].bits, 10);
    cr_expect_eq(o->accept_filters[1].family, AF_INET6);
}

static bool matches(const char *block, const char *address)
{
    struct in6_addr a;
    int family = strchr(address, ':') ? AF_INET6 : AF_INET;

    cr_assert_eq(inet_pton(family, address, &a), 1);
    cr_assert_eq(zu_options_set(&o, ZMQ_TCP_ACCEPT_FILTER, NULL, 0), 0);
    cr_assert_eq(set(ZMQ_IPV6, 1), 0);
    cr_assert_eq(set_text(ZMQ_TCP_ACCEPT_FILTER, block), 0);
    return zu_cidr_match(o->accept_filters, family, &a);
}

Test(options, a_block_holds_the_addresses_that_share_its_first_bits)
{
    cr_expect(matches("10.1.0.0/16", "10.1.255.1"));
    cr_expect_not(matches("10.1.0.0/16", "10.2.0.1"));
    cr_expect(matches("10.1.128.0/17", "10.1.128.1"));
    cr_expect_not(matches("10.1.128.0/17", "10.1.127.1"));
    cr_expect(matches("0.0.0.0/0", "200.1.2.3"));
    cr_expect(matches("10.1.2.3", "10.1.2.3"));
    cr_expect_not(matches("10.1.2.3", "10.1.2.2"));
    cr_expect(matches("10.1.0.0/16", "::ffff:10.1.2.3"), "a mapped address");
    cr_expect_not(matches("10.1.0.0/16", "::ffff:10.2.2.3"));
    cr_expect_not(matches("0.0.0.0/0", "::1"));
    cr_expect(matches("fe80::/10", "febf::1"));
    cr_expect_not(matches("fe80::/10", "fec0::1"));
    cr_expect_not(matches("::/0", "10.1.2.3"));
}

Test(options, ipc_filters_add_up_and_null_clears_them)
{
    const int all[] = {ZMQ_IPC_FILTER_PID, ZMQ_IPC_FILTER_UID, ZMQ_IPC_FILTER_GID};
    size_t *const counts[] = {&o->filter_pid_count, &o->filter_uid_count, &o->filter_gid_count};
    int value;
    size_t size = sizeof value;

    for (size_t i = 0; i < zu_array_len(all); i++) {
        cr_expect_eq(set(all[i], 1000), 0);
        cr_expect_eq(set(all[i], 1001), 0);
        cr_expect_eq(*counts[i], 2);
        cr_expect_eq(zu_options_set(&o, all[i], "abc", 3), -EINVAL);
        cr_expect_eq(zu_options_set(&o, all[i], "", 0), -EINVAL);
        cr_expect_eq(zu_options_set(&o, all[i], NULL, 4), -EINVAL);
        cr_expect_eq(zu_options_get(o, all[i], &value, &size), -EINVAL, "cannot be asked");
    }
    cr_expect_eq(o->filter_uids[1], 1001);
    for (size_t i = 0; i < zu_array_len(all); i++) {
        cr_expect_eq(zu_options_set(&o, all[i], NULL, 0), 0);
        cr_expect_eq(*counts[i], 0);
    }
}

Test(options, that_cannot_be_honoured_are_unknown)
{
    const int all[] = {
#if !ZU_HAS_GSSAPI
        ZMQ_GSSAPI_SERVER,
        ZMQ_GSSAPI_PRINCIPAL,
        ZMQ_GSSAPI_SERVICE_PRINCIPAL,
        ZMQ_GSSAPI_PLAINTEXT,
        ZMQ_GSSAPI_PRINCIPAL_NAMETYPE,
        ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE,
#endif
        ZMQ_VMCI_BUFFER_SIZE,
        ZMQ_VMCI_CONNECT_TIMEOUT,
#if !ZU_HAS_NORM
        ZMQ_NORM_MODE,
        ZMQ_NORM_PUSH,
#endif
        ZMQ_TYPE,
        ZMQ_MECHANISM,
        ZMQ_THREAD_SAFE,
        0,
        1,
        10,
        20,
        26,
        29,
        30,
        67,
        70,
        82,
        83,
        125,
        -1,
        INT_MAX,
        INT_MIN
    };
    char bytes[40] = {1};

    for (size_t i = 0; i < zu_array_len(all); i++)
        for (size_t size = 0; size <= sizeof bytes; size++)
            cr_expect_eq(zu_options_set(&o, all[i], bytes, size), -EINVAL, "%d", all[i]);
    cr_expect_eq(get(ZMQ_MECHANISM), ZMQ_NULL);
}

Test(options, linger_begins_at_0_for_those_who_only_send_subscriptions)
{
    for (int type = ZMQ_PAIR; type <= ZMQ_STREAM; type++) {
        struct zu_options *each = zu_options_new(type);

        cr_expect_eq(each->linger, type == ZMQ_SUB || type == ZMQ_XSUB ? 0 : -1, "type %d", type);
        cr_expect_eq(each->type, type);
        zu_options_drop(each);
    }
}

Test(options, wide_answers_clear_the_whole_buffer)
{
    uint8_t eight[8];
    size_t size = sizeof eight;
    uint64_t seen;

    memset(eight, 0xff, sizeof eight);
    cr_expect_eq(zu_answer_int_wide(1, eight, &size), 0);
    cr_expect_eq(size, sizeof(int));
    memcpy(&seen, eight, sizeof seen);
    cr_expect_eq(seen, 1, "an int64_t of old reads the same");
    size = 3;
    cr_expect_eq(zu_answer_int_wide(1, eight, &size), -EINVAL);
}

Test(options, flags_are_ints_of_0_or_more)
{
    bool flag = true;
    int value = -1;

    cr_expect_eq(zu_given_flag(&flag, &value, sizeof value), -EINVAL);
    cr_expect(flag, "untouched");
    value = 0;
    cr_expect_eq(zu_given_flag(&flag, &value, sizeof value), 0);
    cr_expect_not(flag);
    value = 5;
    cr_expect_eq(zu_given_flag(&flag, &value, sizeof value), 0);
    cr_expect(flag);
    cr_expect_eq(zu_given_flag(&flag, &value, 1), -EINVAL);
    cr_expect_eq(zu_given_flag(&flag, NULL, sizeof value), -EINVAL);
}

/* ---- sharing ---- */

static void fill_all(void)
{
    cr_assert_eq(set_text(ZMQ_SOCKS_PROXY, "proxy:1"), 0);
    cr_assert_eq(set_text(ZMQ_SOCKS_USERNAME, "name"), 0);
    cr_assert_eq(set_text(ZMQ_SOCKS_PASSWORD, "word"), 0);
    cr_assert_eq(set_text(ZMQ_TCP_ACCEPT_FILTER, "10.0.0.0/8"), 0);
    cr_assert_eq(set(ZMQ_IPC_FILTER_PID, 1), 0);
    cr_assert_eq(set(ZMQ_IPC_FILTER_UID, 2), 0);
    cr_assert_eq(set(ZMQ_IPC_FILTER_GID, 3), 0);
}

Test(options, that_nobody_shares_change_in_place)
{
    const struct zu_options *before = o;

    cr_assert_eq(set(ZMQ_SNDHWM, 5), 0);
    cr_expect_eq(o, before);
}

Test(options, that_are_shared_are_copied_before_they_change)
{
    struct zu_options *old = o;

    fill_all();
    zu_options_hold(old);
    cr_assert_eq(set(ZMQ_SNDHWM, 5), 0);
    cr_assert_neq(o, old);
    cr_expect_eq(old->sndhwm, 1000);
    cr_expect_eq(o->sndhwm, 5);
    cr_expect_str_eq(o->socks_proxy, "proxy:1");
    cr_expect_neq(o->socks_proxy, old->socks_proxy);
    cr_expect_str_eq(o->socks_username, "name");
    cr_expect_str_eq(o->socks_password, "word");
    cr_expect_eq(o->accept_filters[0].bits, 8);
    cr_expect_eq(o->filter_pids[0], 1);
    cr_expect_eq(o->filter_uids[0], 2);
    cr_expect_eq(o->filter_gids[0], 3);
    cr_assert_eq(zu_options_set(&o, ZMQ_TCP_ACCEPT_FILTER, NULL, 0), 0);
    cr_expect_eq(old->accept_filter_count, 1);
    zu_options_drop(old);
    cr_expect_str_eq(o->socks_proxy, "proxy:1", "its own copy");
}

Test(options, that_are_shared_stay_shared_when_a_call_fails)
{
    struct zu_options *old = o;

    zu_options_hold(old);
    cr_expect_eq(set(ZMQ_SNDHWM, -1), -EINVAL);
    cr_expect_eq(set_text(ZMQ_TCP_ACCEPT_FILTER, "nonsense"), -EINVAL);
    cr_expect_eq(o, old);
    zu_options_drop(old);
}

/* An endpoint shares the set; what is set next must not lose what only the set has. */
Test(options, of_security_are_copied_too)
{
    struct zu_options *old = o;
    uint8_t key[32], seen[32];
    char text[256];
    size_t size = sizeof seen;

    memset(key, 7, sizeof key);
    cr_assert_eq(zu_options_set(&o, ZMQ_CURVE_SECRETKEY, key, sizeof key), 0);
    cr_assert_eq(set_text(ZMQ_PLAIN_PASSWORD, "pw"), 0);
    cr_assert_eq(set_text(ZMQ_ZAP_DOMAIN, "TEST"), 0);
    old = o;
    zu_options_hold(old);
    cr_assert_eq(set(ZMQ_SNDHWM, 5), 0);
    cr_assert_neq(o, old);
    zu_options_drop(old);
    cr_assert_eq(zu_options_get(o, ZMQ_CURVE_SECRETKEY, seen, &size), 0);
    cr_expect_eq(memcmp(seen, key, sizeof key), 0);
    size = sizeof text;
    cr_assert_eq(zu_options_get(o, ZMQ_PLAIN_PASSWORD, text, &size), 0);
    cr_expect_str_eq(text, "pw");
    size = sizeof text;
    cr_assert_eq(zu_options_get(o, ZMQ_ZAP_DOMAIN, text, &size), 0);
    cr_expect_str_eq(text, "TEST");
}

#if ZU_HAS_GSSAPI
static void expect_text(int option, const char *expected, size_t expected_size)
{
    char text[300];
    size_t size = sizeof text;

    cr_assert_eq(zu_options_get(o, option, text, &size), 0);
    cr_expect_eq(size, expected_size);
    cr_expect_eq(memcmp(text, expected, size), 0);
}

/* As libzmq answers them, whose server flag leads to GSSAPI even with 0. */
Test(options, of_gssapi)
{
    const int names[] = {ZMQ_GSSAPI_PRINCIPAL, ZMQ_GSSAPI_SERVICE_PRINCIPAL};
    const int types[] = {ZMQ_GSSAPI_PRINCIPAL_NAMETYPE, ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE};
    const int flags[] = {ZMQ_GSSAPI_SERVER, ZMQ_GSSAPI_PLAINTEXT};
    char big[256] = {1};
    struct zu_options *old;

    for (size_t i = 0; i < 2; i++) {
        expect_text(names[i], "", 1);
        cr_expect_eq(get(types[i]), 0);
        for (int type = 0; type < 3; type++) {
            cr_expect_eq(set(types[i], type), 0);
            cr_expect_eq(get(types[i]), type);
        }
        cr_expect_eq(set(types[i], 3), -EINVAL);
        cr_expect_eq(set(types[i], -1), -EINVAL);
        cr_expect_eq(set(flags[i], 2), -EINVAL);
        cr_expect_eq(set(flags[i], -1), -EINVAL);
        cr_expect_eq(zu_options_set(&o, names[i], "", 0), -EINVAL);
        cr_expect_eq(zu_options_set(&o, names[i], NULL, 0), -EINVAL);
        cr_expect_eq(zu_options_set(&o, names[i], big, sizeof big), -EINVAL);
    }
    cr_expect_eq(set(ZMQ_GSSAPI_PLAINTEXT, 1), 0);
    cr_expect_eq(get(ZMQ_GSSAPI_PLAINTEXT), 1);
    cr_expect_eq(get(ZMQ_MECHANISM), ZMQ_NULL);
    cr_expect_eq(set(ZMQ_GSSAPI_SERVER, 0), 0);
    cr_expect_eq(get(ZMQ_MECHANISM), ZMQ_GSSAPI);
    cr_expect_eq(set(ZMQ_GSSAPI_SERVER, 1), 0);
    cr_expect_eq(zu_options_set(&o, ZMQ_GSSAPI_PRINCIPAL, "name", 5), 0);
    expect_text(ZMQ_GSSAPI_PRINCIPAL, "name\0", 6);
    cr_expect_eq(get(ZMQ_GSSAPI_SERVER), 1);
    cr_expect_eq(set_text(ZMQ_GSSAPI_SERVICE_PRINCIPAL, "service"), 0);
    cr_expect_eq(get(ZMQ_GSSAPI_SERVER), 0, "it is a client now");
    cr_expect_eq(set(ZMQ_GSSAPI_SERVER, 1), 0);
    cr_expect_eq(set(ZMQ_PLAIN_SERVER, 1), 0);
    cr_expect_eq(get(ZMQ_GSSAPI_SERVER), 0);
    old = o;
    zu_options_hold(old);
    cr_expect_eq(set(ZMQ_SNDHWM, 5), 0);
    zu_options_drop(old);
    expect_text(ZMQ_GSSAPI_SERVICE_PRINCIPAL, "service", 8);
    cr_expect_eq(get(ZMQ_GSSAPI_PRINCIPAL_NAMETYPE), 2);
}
#endif

/* ---- memory ---- */

static int refuse_nth;

static bool refuse(size_t size)
{
    (void)size;
    return --refuse_nth == 0;
}

Test(options, change_nothing_when_memory_runs_out)
{
    struct zu_options *old = o;
    int rc = -ENOMEM, n = 0;

    fill_all();
    zu_options_hold(old);
    zu_alloc_refuse = refuse;
    while (rc == -ENOMEM) {
        cr_assert_lt(++n, 50, "never enough");
        refuse_nth = n;
        rc = set_text(ZMQ_SOCKS_PROXY, "other:2");
        if (rc == -ENOMEM) {
            cr_assert_eq(o, old);
            cr_assert_str_eq(o->socks_proxy, "proxy:1");
        }
    }
    zu_alloc_refuse = NULL;
    cr_expect_eq(rc, 0);
    cr_expect_eq(n, 10, "the set, its seven parts and the new text were refused, once each");
    cr_expect_str_eq(old->socks_proxy, "proxy:1");
    cr_expect_str_eq(o->socks_proxy, "other:2");
    zu_options_drop(old);
}

Test(options, a_list_that_cannot_grow_stays_as_it_was)
{
    fill_all();
    zu_alloc_refuse = refuse;
    refuse_nth = 1;
    cr_expect_eq(set_text(ZMQ_TCP_ACCEPT_FILTER, "11.0.0.0/8"), -ENOMEM);
    refuse_nth = 1;
    cr_expect_eq(set(ZMQ_IPC_FILTER_UID, 9), -ENOMEM);
    zu_alloc_refuse = NULL;
    cr_expect_eq(o->accept_filter_count, 1);
    cr_expect_eq(o->filter_uid_count, 1);
    refuse_nth = 1;
    zu_alloc_refuse = refuse;
    cr_expect_null(zu_options_new(ZMQ_PAIR));
}
