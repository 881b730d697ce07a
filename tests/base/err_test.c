/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/err.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <string.h>

Test(err, has_words_for_its_own_numbers)
{
    cr_assert_str_eq(zu_strerror(EFSM), "Operation cannot be accomplished in current state");
    cr_assert_str_eq(zu_strerror(ENOCOMPATPROTO),
                     "The protocol is not compatible with the socket type");
    cr_assert_str_eq(zu_strerror(ETERM), "Context was terminated");
    cr_assert_str_eq(zu_strerror(EMTHREAD), "No thread available");
    cr_assert_str_eq(zu_strerror(EHOSTUNREACH), "Host unreachable");
}

Test(err, leaves_other_numbers_to_the_c_library)
{
    static const int numbers[] = {0, EAGAIN, EINTR, ENOTSUP, EADDRINUSE, ETIMEDOUT};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        cr_assert_str_eq(zu_strerror(numbers[i]), strerror(numbers[i]));
    cr_assert_not_null(zu_strerror(INT_MAX));
    cr_assert_not_null(zu_strerror(-1));
}

Test(err, becomes_errno_at_the_door)
{
    errno = EPIPE;
    cr_assert_eq(zu_return(0), 0);
    cr_assert_eq(zu_return(7), 7);
    cr_assert_eq(errno, EPIPE);
    cr_assert_eq(zu_return(-EAGAIN), -1);
    cr_assert_eq(errno, EAGAIN);
    cr_assert_eq(zu_return(-ETERM), -1);
    cr_assert_eq(errno, ETERM);
}
