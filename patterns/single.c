/* SPDX-License-Identifier: Apache-2.0 */
#include "patterns/single.h"

int zu_single_read(struct zu_socket *s, struct zu_fq *fq, struct zu_msg *m, struct zu_pipe **from)
{
    int rc;

    while ((rc = zu_fq_read(fq, m, from)) == 0 && m->flags & ZU_MSG_MORE) {
        zu_msg_close(m);
        zu_fq_skip_rest(fq);
        zu_count(&s->drops[ZURING_DROP_UNEXPECTED], 1);
    }
    return rc;
}

bool zu_single_has_in(struct zu_socket *s, struct zu_fq *fq)
{
    struct zu_pipe *from;
    struct zu_msg next;

    while (zu_fq_peek(fq, &next, &from)) {
        if (!(next.flags & ZU_MSG_MORE))
            return true;
        if (zu_fq_read(fq, &next, &from) < 0)
            break;
        zu_msg_close(&next);
        zu_fq_skip_rest(fq);
        zu_count(&s->drops[ZURING_DROP_UNEXPECTED], 1);
    }
    return false;
}
