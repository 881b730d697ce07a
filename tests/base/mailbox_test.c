/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/mailbox.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct zu_mailbox box;
static struct zu_cmd cmds[8];
static int order[64], runs, wakes;

static void count_wake(struct zu_mailbox *b)
{
    cr_assert_eq(b, &box);
    wakes++;
}

static void note(struct zu_cmd *cmd)
{
    order[runs++] = (int)(cmd - cmds);
}

static void open_box(void)
{
    zu_mailbox_init(&box, count_wake);
    for (size_t i = 0; i < zu_array_len(cmds); i++)
        cmds[i].run = note;
}

/* Asserts which commands ran, in which order, since the last call. */
static void expect_ran(int count, const int *which)
{
    cr_assert_eq(runs, count, "%d ran, not %d", runs, count);
    for (int i = 0; i < count; i++)
        cr_assert_eq(order[i], which[i], "place %d: %d, not %d", i, order[i], which[i]);
    runs = 0;
}
#define EXPECT_RAN(...) expect_ran(sizeof((int[]){__VA_ARGS__}) / sizeof(int), (int[]){__VA_ARGS__})

TestSuite(mailbox, .init = open_box);

Test(mailbox, runs_the_oldest_first)
{
    cr_assert_not(zu_mailbox_peek(&box));
    for (int i = 0; i < 5; i++)
        cr_assert_eq(zu_mailbox_post(&box, &cmds[i]), ZU_POSTED);
    cr_assert(zu_mailbox_peek(&box));
    cr_assert(zu_mailbox_run(&box));
    EXPECT_RAN(0, 1, 2, 3, 4);
    cr_assert_not(zu_mailbox_peek(&box));
    cr_assert_not(zu_mailbox_run(&box));
    cr_assert_eq(wakes, 0);
}

Test(mailbox, takes_a_command_once_until_it_runs)
{
    cr_assert_eq(zu_mailbox_post(&box, &cmds[0]), ZU_POSTED);
    cr_assert_eq(zu_mailbox_post(&box, &cmds[0]), ZU_ALREADY);
    zu_mailbox_run(&box);
    EXPECT_RAN(0);
    cr_assert_eq(zu_mailbox_post(&box, &cmds[0]), ZU_POSTED);
    zu_mailbox_run(&box);
    EXPECT_RAN(0);
}

static void post_again(struct zu_cmd *cmd)
{
    note(cmd);
    if (runs < 4)
        cr_assert_eq(zu_mailbox_post(&box, cmd), ZU_POSTED);
}

Test(mailbox, takes_a_command_again_while_it_runs)
{
    cmds[2].run = post_again;
    zu_mailbox_post(&box, &cmds[2]);
    zu_mailbox_post(&box, &cmds[1]);
    cr_assert(zu_mailbox_run(&box));
    EXPECT_RAN(2, 1); /* what comes meanwhile is for the next run */
    cr_assert(zu_mailbox_run(&box));
    EXPECT_RAN(2);
}

Test(mailbox, wakes_once_a_sleep)
{
    cr_assert(zu_mailbox_sleep(&box));
    cr_assert(zu_mailbox_sleep(&box));
    cr_assert_not(zu_mailbox_peek(&box));
    zu_mailbox_post(&box, &cmds[0]);
    zu_mailbox_post(&box, &cmds[1]);
    cr_assert_eq(wakes, 1);
    cr_assert_not(zu_mailbox_sleep(&box));
    zu_mailbox_run(&box);
    EXPECT_RAN(0, 1);
    zu_mailbox_post(&box, &cmds[0]);
    cr_assert_eq(wakes, 1);
    zu_mailbox_run(&box);
    cr_assert(zu_mailbox_sleep(&box));
    zu_mailbox_post(&box, &cmds[0]);
    cr_assert_eq(wakes, 2);
}

Test(mailbox, takes_a_sleep_back)
{
    cr_assert_not(zu_mailbox_awake(&box), "it did not sleep");
    cr_assert(zu_mailbox_sleep(&box));
    cr_assert(zu_mailbox_awake(&box));
    zu_mailbox_post(&box, &cmds[0]);
    cr_assert_eq(wakes, 0);
    zu_mailbox_run(&box);
    cr_assert(zu_mailbox_sleep(&box));
    zu_mailbox_post(&box, &cmds[1]);
    cr_assert_eq(wakes, 1);
    cr_assert_not(zu_mailbox_awake(&box), "a post has ended the sleep");
    zu_mailbox_run(&box);
    EXPECT_RAN(0, 1);
}

Test(mailbox, a_light_sleep_shows_itself_to_a_peek_and_is_one_to_a_post)
{
    cr_assert(zu_mailbox_sleep_lightly(&box));
    cr_assert(zu_mailbox_peek(&box));
    cr_assert_not(zu_mailbox_has(&box));
    cr_assert(zu_mailbox_sleep_lightly(&box), "it does already");
    zu_mailbox_post(&box, &cmds[0]);
    zu_mailbox_post(&box, &cmds[1]);
    cr_assert_eq(wakes, 1);
    cr_assert(zu_mailbox_has(&box));
    cr_assert_not(zu_mailbox_sleep_lightly(&box));
    cr_assert_not(zu_mailbox_awake(&box), "a post has ended the sleep");
    zu_mailbox_run(&box);
    EXPECT_RAN(0, 1);
    cr_assert(zu_mailbox_sleep(&box));
    cr_assert(zu_mailbox_sleep_lightly(&box), "an ordinary sleep becomes a light one");
    cr_assert(zu_mailbox_peek(&box));
    cr_assert(zu_mailbox_awake(&box));
    cr_assert_not(zu_mailbox_peek(&box));
    cr_assert(zu_mailbox_sleep_lightly(&box));
    cr_assert_not(zu_mailbox_run(&box), "nothing to run");
    zu_mailbox_post(&box, &cmds[0]);
    cr_assert_eq(wakes, 1, "it was awake");
}

Test(mailbox, is_awake_after_a_run)
{
    cr_assert(zu_mailbox_sleep(&box));
    cr_assert_not(zu_mailbox_run(&box));
    zu_mailbox_post(&box, &cmds[0]);
    cr_assert_eq(wakes, 0);
}

static void run_nested(struct zu_cmd *cmd)
{
    note(cmd);
    zu_mailbox_post(&box, &cmds[7]);
    cr_assert_not(zu_mailbox_sleep(&box));
    zu_mailbox_run(&box);
}

Test(mailbox, keeps_the_order_when_a_command_runs_it)
{
    cmds[1].run = run_nested;
    for (int i = 0; i < 4; i++)
        zu_mailbox_post(&box, &cmds[i]);
    zu_mailbox_run(&box);
    EXPECT_RAN(0, 1, 2, 3, 7);
}

static void close_nested(struct zu_cmd *cmd)
{
    note(cmd);
    zu_mailbox_close(&box);
    cr_assert_eq(zu_mailbox_post(&box, &cmds[7]), ZU_CLOSED);
}

Test(mailbox, runs_all_before_a_close_from_within_is_over)
{
    cmds[1].run = close_nested;
    for (int i = 0; i < 4; i++)
        zu_mailbox_post(&box, &cmds[i]);
    zu_mailbox_run(&box);
    EXPECT_RAN(0, 1, 2, 3);
}

Test(mailbox, runs_what_is_left_at_the_end_and_takes_no_more)
{
    struct zu_mailbox other;

    zu_mailbox_post(&box, &cmds[0]);
    zu_mailbox_close(&box);
    EXPECT_RAN(0);
    cr_assert_eq(zu_mailbox_post(&box, &cmds[1]), ZU_CLOSED);
    cr_assert_eq(zu_mailbox_post(&box, &cmds[1]), ZU_CLOSED);
    cr_assert_not(zu_mailbox_run(&box));
    cr_assert_not(zu_mailbox_peek(&box));
    cr_assert(zu_mailbox_sleep(&box));
    zu_mailbox_awake(&box);
    cr_assert_eq(zu_mailbox_post(&box, &cmds[1]), ZU_CLOSED);
    cr_assert_eq(wakes, 0);
    zu_mailbox_init(&other, count_wake); /* refused here, it may go elsewhere */
    cr_assert_eq(zu_mailbox_post(&other, &cmds[1]), ZU_POSTED);
    zu_mailbox_run(&other);
    EXPECT_RAN(1);
}

static void free_self(struct zu_cmd *cmd)
{
    order[runs++] = 100;
    free(cmd);
}

Test(mailbox, lets_a_command_free_itself)
{
    struct zu_cmd *loose[3];

    for (int i = 0; i < 3; i++) {
        loose[i] = calloc(1, sizeof *loose[i]);
        loose[i]->run = free_self;
        zu_mailbox_post(&box, loose[i]);
    }
    zu_mailbox_run(&box);
    EXPECT_RAN(100, 100, 100);
}
