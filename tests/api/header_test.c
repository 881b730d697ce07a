/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmq.h: what programs were compiled with stays as it is: numbers, layouts, prototypes, and the
 * names that the library exports.
 */
#define ZMQ_BUILD_DRAFT_API
#include <zmq.h>
#include <zmq_utils.h>

#include <criterion/criterion.h>
#include <dlfcn.h>

TestSuite(header, .timeout = 600);

Test(header, numbers_are_libzmqs)
{
    static const struct {
        const char *name;
        long long seen, expected;
    } all[] = {
#define NUMBER(name, value) {#name, (name), (value)},
#include "tests/api/numbers.def"
#undef NUMBER
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        cr_expect_eq(all[i].seen, all[i].expected, "%s is %lld", all[i].name, all[i].seen);
}

Test(header, numbers_fit_into_preprocessor_conditions)
{
    int wrong = 0;

#define NUMBER(name, value) wrong += (name) != (value);
#include "tests/api/numbers.def"
#undef NUMBER
#if ZMQ_VERSION < ZMQ_MAKE_VERSION(4, 3, 4) || (ZMQ_EVENT_ALL_V2) != 0x1FFFF || EFSM != 156384763
    wrong++;
#endif
    cr_expect_eq(wrong, 0);
    cr_expect_eq(ZMQ_MAKE_VERSION(4, 3, 5), 40305);
}

Test(header, property_names_are_libzmqs)
{
    cr_expect_str_eq(ZMQ_MSG_PROPERTY_ROUTING_ID, "Routing-Id");
    cr_expect_str_eq(ZMQ_MSG_PROPERTY_SOCKET_TYPE, "Socket-Type");
    cr_expect_str_eq(ZMQ_MSG_PROPERTY_USER_ID, "User-Id");
    cr_expect_str_eq(ZMQ_MSG_PROPERTY_PEER_ADDRESS, "Peer-Address");
}

Test(header, structs_have_libzmqs_layout)
{
    struct behind {
        char c;
        zmq_msg_t msg;
    };

    cr_expect_eq(sizeof(zmq_msg_t), 64);
    cr_expect_eq(offsetof(struct behind, msg), sizeof(void *));
    cr_expect_eq(sizeof(struct zmq_msg_t), 64, "the tag is there, too");
    cr_expect_eq(sizeof(zmq_pollitem_t), sizeof(void *) + 8);
    cr_expect_eq(offsetof(zmq_pollitem_t, socket), 0);
    cr_expect_eq(offsetof(zmq_pollitem_t, fd), sizeof(void *));
    cr_expect_eq(offsetof(zmq_pollitem_t, events), sizeof(void *) + 4);
    cr_expect_eq(offsetof(zmq_pollitem_t, revents), sizeof(void *) + 6);
    cr_expect_eq(sizeof(zmq_poller_event_t), 4 * sizeof(void *));
    cr_expect_eq(offsetof(zmq_poller_event_t, fd), sizeof(void *));
    cr_expect_eq(offsetof(zmq_poller_event_t, user_data), 2 * sizeof(void *));
    cr_expect_eq(offsetof(zmq_poller_event_t, events), 3 * sizeof(void *));
}

/* Not evaluated, so a draft call that is not there yet does not keep the test from linking. */
#define SAME_TYPE(name, answer, takes)                                                             \
    _Static_assert(_Generic(&(name), answer(*) takes : 1, default : 0), #name);
#define CALL       SAME_TYPE
#define DRAFT_CALL SAME_TYPE
#include "tests/api/calls.def"
#undef CALL
#undef DRAFT_CALL

Test(header, every_stable_call_is_exported)
{
    static const char *const names[] = {
#define CALL(name, answer, takes) #name,
#include "tests/api/calls.def"
#undef CALL
    };

    cr_assert_not_null((void *)zmq_version); /* the library is linked, not only promised */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cr_expect_not_null(dlsym(RTLD_DEFAULT, names[i]), "%s", names[i]);
    cr_expect_eq(sizeof names / sizeof names[0], 70);
}

Test(header, the_library_is_the_headers)
{
    int major, minor, patch;

    zmq_version(&major, &minor, &patch);
    cr_expect_eq(ZMQ_MAKE_VERSION(major, minor, patch), ZMQ_VERSION);
}
