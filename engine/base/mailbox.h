/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox: how any thread asks the owner of an object to do something: it posts a command, an
 * envelope with a function inside, and the owner runs it when it next looks.
 *
 * An owner that is about to sleep says so with zu_mailbox_sleep; the post that comes next calls
 * `wake`, once a sleep. One that leaves, and wants to know who comes by, says so with
 * zu_mailbox_sleep_lightly. A closed mailbox takes nothing any more.
 *
 * Thread: zu_mailbox_post from any; the rest is the owner's. Owner: the socket or loop it is in,
 * which outlives every post and every run: a post that finds the mailbox asleep may still be inside
 * `wake` when its command has long run, and a run looks at the mailbox after each command.
 */
#ifndef ZU_BASE_MAILBOX_H
#define ZU_BASE_MAILBOX_H

#include "engine/base/base.h"

/* Embed one for each thing that may be asked of an object. Zeroed but for `run`. */
struct zu_cmd {
    struct zu_cmd *next;
    void (*run)(struct zu_cmd *cmd); /* by the owner of the mailbox, on its thread */
    _Atomic uint32_t posted;         /* in a mailbox, and not yet taken for running */
};

struct zu_mailbox {
    _Atomic(struct zu_cmd *) head; /* newest first; or the mark of a sleeping or closed mailbox */
    void (*wake)(struct zu_mailbox *box); /* any thread; must not block */
    struct zu_cmd *taken; /* the owner's: out of `head`, not yet run, oldest first */
};

enum zu_posted {
    ZU_POSTED,  /* the command is in the mailbox now */
    ZU_ALREADY, /* it was there already, unrun: nothing to do */
    ZU_CLOSED,  /* nobody will run it */
};

void zu_mailbox_init(struct zu_mailbox *box, void (*wake)(struct zu_mailbox *box));

/*
 * Any thread. What the caller wrote before is seen by `run`, also after ZU_ALREADY. The command may
 * be posted again as soon as it runs, also from within. It must stay valid until `run` is called,
 * which may free it: who needs that keeps a count on the object for each post that answered
 * ZU_POSTED. When two threads post the same command to a closed mailbox at once, one of them may
 * hear ZU_ALREADY.
 */
enum zu_posted zu_mailbox_post(struct zu_mailbox *box, struct zu_cmd *cmd);

/* True: something may be waiting, or the sleep is a light one. A relaxed look, for hot paths. */
static inline bool zu_mailbox_peek(const struct zu_mailbox *box);
/* True: something may be waiting. */
static inline bool zu_mailbox_has(const struct zu_mailbox *box);
/* Any thread: nobody will run anything any more. */
static inline bool zu_mailbox_is_closed(const struct zu_mailbox *box);

/*
 * Runs what is there now, oldest first; what is posted meanwhile waits for the next run, so that
 * nobody who posts without a pause can keep the owner in it. True: something ran. A sleeping
 * mailbox is awake after. From within a command it runs what is older first, so the order holds.
 */
bool zu_mailbox_run(struct zu_mailbox *box);

/*
 * True: empty, and the next post will call `wake`; what the owner wrote before is seen there.
 * False: something is there; run it first. A closed mailbox is empty, and nothing will wake it.
 */
bool zu_mailbox_sleep(struct zu_mailbox *box);

/* The same, and zu_mailbox_peek says true from now on, so that the owner's next call notices. An
 * ordinary sleep becomes a light one. */
bool zu_mailbox_sleep_lightly(struct zu_mailbox *box);

/* Takes a sleep of either kind back. False: it did not sleep, or a post has ended that sleep; see
 * above: its `wake` may not be over yet. */
bool zu_mailbox_awake(struct zu_mailbox *box);

/* Runs what is left and takes nothing more. */
void zu_mailbox_close(struct zu_mailbox *box);

/* The marks are addresses that no command has. */
#define ZU_MAILBOX_ASLEEP ((struct zu_cmd *)1)
#define ZU_MAILBOX_CLOSED ((struct zu_cmd *)2)
#define ZU_MAILBOX_LIGHT  ((struct zu_cmd *)3) /* asleep, lightly */

static inline bool zu_mailbox_peek(const struct zu_mailbox *box)
{
    /* Relaxed: a hint; zu_mailbox_run takes the list with an acquire. */
    return (uintptr_t)atomic_load_explicit(&box->head, memory_order_relaxed) >
           (uintptr_t)ZU_MAILBOX_CLOSED;
}

static inline bool zu_mailbox_has(const struct zu_mailbox *box)
{
    /* Relaxed: as above. */
    return (uintptr_t)atomic_load_explicit(&box->head, memory_order_relaxed) >
           (uintptr_t)ZU_MAILBOX_LIGHT;
}

static inline bool zu_mailbox_is_closed(const struct zu_mailbox *box)
{
    /* Relaxed: nothing leads out of it. */
    return atomic_load_explicit(&box->head, memory_order_relaxed) == ZU_MAILBOX_CLOSED;
}

#endif
