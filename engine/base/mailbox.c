/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `head` is a stack that any thread pushes to and that the owner takes away whole, so no thread
 * ever follows a pointer of it that another may take off meanwhile, and the usual trap of such
 * stacks (a node that leaves and comes back between a look and a swap) is harmless: a push compares
 * the head only to link behind it.
 *
 *     NULL -> cmd            a post, to an owner who is awake
 *     ASLEEP -> cmd          a post that must wake
 *     cmd -> newer cmd       a post
 *     cmd or ASLEEP -> NULL  the owner takes what is there
 *     NULL <-> ASLEEP        the owner goes to sleep, or thinks better of it
 *     NULL, ASLEEP -> LIGHT  the owner sleeps lightly: for a post, LIGHT is ASLEEP
 *     any -> CLOSED          the owner, at the end; nothing leads out of it
 *
 * No wake-up is lost. The owner sleeps only by changing NULL to ASLEEP in one step, so a post comes
 * either before, and the step fails, or after, and it finds ASLEEP. Were it a look ("empty") and
 * then a store ("asleep"), a post between the two would be written over and its command lost. Only
 * one post can change ASLEEP to its command, so a sleep is ended by one wake.
 *
 * `posted` keeps a command from being linked twice. Who finds it set is told that the command will
 * run, so what he wrote must be seen by that run: the owner clears it by an exchange, which reads
 * the last of all the exchanges that set it and so comes after each of them. Were it a plain store,
 * nothing would order a second poster's writes before the run. The clearing comes before `run` is
 * called: were it after, a post made while the command runs, too late to be heeded, would be lost.
 *
 * What was taken waits in `taken`, in the mailbox and not in the run's own frame, so that a run or
 * a close called by a command goes on with the older ones instead of overtaking them.
 */
#include "engine/base/mailbox.h"

void zu_mailbox_init(struct zu_mailbox *box, void (*wake)(struct zu_mailbox *box))
{
    atomic_init(&box->head, NULL);
    box->wake = wake;
    box->taken = NULL;
}

static bool is_sleep(const struct zu_cmd *head)
{
    return head == ZU_MAILBOX_ASLEEP || head == ZU_MAILBOX_LIGHT;
}

enum zu_posted zu_mailbox_post(struct zu_mailbox *box, struct zu_cmd *cmd)
{
    struct zu_cmd *head;

    /* [MP1] acq_rel: release, pairs with [MP2], our writes are seen by the run; acquire, pairs with
     * [MP2] too, the owner has read `next` before we write it. */
    if (atomic_exchange_explicit(&cmd->posted, 1, memory_order_acq_rel))
        return ZU_ALREADY;
    /* Relaxed: only a guess for the exchange below. */
    head = atomic_load_explicit(&box->head, memory_order_relaxed);
    do {
        if (head == ZU_MAILBOX_CLOSED) {
            /* [MP3] release, pairs with [MP1] of whoever posts it elsewhere. */
            atomic_store_explicit(&cmd->posted, 0, memory_order_release);
            return ZU_CLOSED;
        }
        cmd->next = is_sleep(head) ? NULL : head;
        /* [MH1] acq_rel: release, pairs with [MH2], the command is whole before it is taken;
         * acquire, pairs with [MH3], we see what the owner prepared for `wake`. */
    } while (!atomic_compare_exchange_weak_explicit(&box->head, &head, cmd, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (is_sleep(head))
        box->wake(box);
    return ZU_POSTED;
}

/* Moves all of `head`, leaving `mark`, to the empty `taken`, oldest first. */
static void take(struct zu_mailbox *box, struct zu_cmd *mark)
{
    /* [MH2] acquire, pairs with [MH1] of every post whose command is in the list: each push reads
     * the one before it, so the newest stands for all. */
    struct zu_cmd *cmd = atomic_exchange_explicit(&box->head, mark, memory_order_acquire);

    if (is_sleep(cmd) || cmd == ZU_MAILBOX_CLOSED)
        return;
    while (cmd) {
        struct zu_cmd *older = cmd->next;

        cmd->next = box->taken;
        box->taken = cmd;
        cmd = older;
    }
}

/* Runs `taken` empty. */
static bool run_taken(struct zu_mailbox *box)
{
    struct zu_cmd *cmd;
    bool ran = false;

    while ((cmd = box->taken) != NULL) {
        box->taken = cmd->next;
        /* [MP2] acq_rel, pairs with [MP1] both ways, see the head of this file. */
        atomic_exchange_explicit(&cmd->posted, 0, memory_order_acq_rel);
        cmd->run(cmd); /* may free cmd */
        ran = true;
    }
    return ran;
}

bool zu_mailbox_run(struct zu_mailbox *box)
{
    bool ran = run_taken(box);
    /* Relaxed: the exchange in take() is the proper look; the marks are the owner's own. */
    struct zu_cmd *head = atomic_load_explicit(&box->head, memory_order_relaxed);

    if (head == NULL || head == ZU_MAILBOX_CLOSED)
        return ran;
    take(box, NULL);
    return run_taken(box) || ran;
}

bool zu_mailbox_sleep(struct zu_mailbox *box)
{
    struct zu_cmd *head = NULL;

    if (box->taken)
        return false;
    /* [MH3] release, pairs with [MH1] of the post that will wake us. */
    return atomic_compare_exchange_strong_explicit(&box->head, &head, ZU_MAILBOX_ASLEEP,
                                                   memory_order_release, memory_order_relaxed) ||
           head == ZU_MAILBOX_ASLEEP || head == ZU_MAILBOX_CLOSED;
}

bool zu_mailbox_sleep_lightly(struct zu_mailbox *box)
{
    /* Relaxed: the marks are the owner's own; only they are exchanged. */
    struct zu_cmd *head = atomic_load_explicit(&box->head, memory_order_relaxed);

    if (box->taken || (head && !is_sleep(head)))
        return false;
    /* [MH3] release, as above. */
    return atomic_compare_exchange_strong_explicit(&box->head, &head, ZU_MAILBOX_LIGHT,
                                                   memory_order_release, memory_order_relaxed);
}

bool zu_mailbox_awake(struct zu_mailbox *box)
{
    /* Relaxed: nothing is handed over; where it fails a post has done the same. */
    struct zu_cmd *head = atomic_load_explicit(&box->head, memory_order_relaxed);

    return is_sleep(head) &&
           atomic_compare_exchange_strong_explicit(&box->head, &head, NULL, memory_order_relaxed,
                                                   memory_order_relaxed);
}

void zu_mailbox_close(struct zu_mailbox *box)
{
    run_taken(box);
    take(box, ZU_MAILBOX_CLOSED);
    run_taken(box);
}
