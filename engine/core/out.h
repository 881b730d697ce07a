/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out: one batch of what goes out: a block of bytes and references to large bodies, in the order in
 * which they are sent.
 * Thread: whoever fills and sends it. Owner: the session, or the send that is under way.
 */
#ifndef ZU_CORE_OUT_H
#define ZU_CORE_OUT_H

#include "engine/base/list.h"
#include "engine/core/log.h"
#include "engine/core/msg.h"
#include "engine/io/loop.h"

#include <sys/socket.h>
#include <sys/uio.h>

enum {
    ZU_OUT_BLOCK = 64 * 1024, /* bytes: headers and small bodies of one batch */
    ZU_OUT_PIECES = 64,       /* of one sendmsg */
    ZU_OUT_COPY = 4 * 1024,   /* bodies up to this are copied */
    ZU_OUT_RESERVE = 512,     /* bytes of the block for what is said while a batch is in flight */
};

/* Of a batch whose memory the kernel has. */
enum zu_loan {
    ZU_LOAN_NONE,
    ZU_LOAN_ASKED, /* the send has no result yet */
    ZU_LOAN_OPEN,  /* it has, and the kernel still has the memory */
};

struct zu_out {
    struct zu_spare spare; /* while it is one of the loop's; first in the struct */
    uint32_t filled;       /* of block */
    uint32_t piece_count;  /* of pieces that are set */
    uint32_t piece_at;     /* the first that is not sent yet */
    uint32_t frozen;       /* pieces before this one are in the kernel's hands */
    uint32_t held_count;
    enum zu_loan loan;
    uint32_t frames_at;     /* in the block, where messages' frames begin, */
    size_t frames_bytes;    /* and how many bytes go before them */
    size_t bytes;           /* in the batch */
    struct zu_log_run run;  /* what lies in a log, of its block counted; the last piece of all */
    size_t run_at;          /* bytes before it */
    struct zu_marks *marks; /* where messages end; or NULL */
    struct zu_session *session; /* of the loan */
    struct zu_op loan_op;
    struct msghdr msg;
    struct iovec pieces[ZU_OUT_PIECES];
    struct zu_msg held[ZU_OUT_PIECES / 2];
    uint8_t block[ZU_OUT_BLOCK];
};

struct zu_out *zu_out_new(void); /* NULL: no memory */
void zu_out_free(struct zu_out *o);
/* Makes an empty batch of it. */
void zu_out_clear(struct zu_out *o);
void zu_out_forget_marks(struct zu_out *o); /* their memory, of one that was cleared */

static inline size_t zu_out_room(const struct zu_out *o)
{
    return ZU_OUT_BLOCK - o->filled;
}

/* The bytes at the end of the block that were just written belong to the batch. */
void zu_out_add_bytes(struct zu_out *o, size_t n);
/* A body that lies elsewhere, and what holds it, which is the batch's from now on. */
void zu_out_add_body(struct zu_out *o, const void *body, size_t size, const struct zu_msg *holder);
/* Frames that lie in a log; once, and no messages behind them. */
void zu_out_add_run(struct zu_out *o, const struct zu_log_run *run);
/* `size` bytes more end a message, where the bytes themselves do not tell: raw or sealed ones. */
void zu_out_mark(struct zu_out *o, size_t size);
/* How many messages of the batch, of `messages`, are not on their way in whole; where no marks say
 * it, frames do, of version 1 or of the later ones. */
uint32_t zu_out_unsent(const struct zu_out *o, uint32_t messages, bool v1);
/* `n` bytes of the batch are on their way. True: all of it is. */
bool zu_out_advance(struct zu_out *o, size_t n);

#endif
