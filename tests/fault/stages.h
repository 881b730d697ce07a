/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stages: a rig's connection brought to each stage of its life, as the accepting and as the dialing
 * side. DEALER to DEALER, so that both directions may be busy.
 * Thread: the test's.
 */
#ifndef ZU_TESTS_FAULT_STAGES_H
#define ZU_TESTS_FAULT_STAGES_H

#include "tests/fault/rig.h"

enum stage {
    STAGE_CONNECTING,   /* the connect, or the accept, is pending */
    STAGE_GREETING,     /* our signature is being sent, nothing has come */
    STAGE_HANDSHAKE,    /* the greeting is over; our READY is being sent */
    STAGE_ACTIVE,       /* both READY; nothing is being sent */
    STAGE_SENDING,      /* a short message is being sent */
    STAGE_SENDING_MANY, /* pieces of a batch are being sent */
    STAGE_RECEIVING,    /* a long message has come in part and goes on into its own body */
    STAGE_STALLED,      /* the socket does not read; the session does not receive any more */
    STAGE_DRAINING,     /* the socket is closed; what it wrote is being sent */
    STAGE_GOODBYE,      /* all is sent and we have shut; the peer has not */
    STAGE_CLOSING,      /* a receive and a send were cancelled and have not come back */
    STAGES,
};

struct stage_way {
    bool dialed;
};

enum { STAGE_WAYS = 2 };
extern const struct stage_way stage_ways[STAGE_WAYS];

extern const char *const stage_names[STAGES];

/* "dialed GOODBYE: receive, errno 104". Valid until the next. */
const char *stage_label(const struct stage_way *w, enum stage stage, const char *what, int number);

/* From a fresh rig; the label is set. In CLOSING a cancel is only noted. */
void stage_reach(struct rig *r, const struct stage_way *w, enum stage stage);
void stage_meet(struct rig *r, const struct stage_way *w); /* bound and accepted; or connected */
void stage_greet(struct rig *r);                           /* the peer's greeting and READY */
/* A message each way, and both are whole. */
void stage_talk(struct rig *r);
/* Nothing more is to be sent: closes and checks (rig_end). */
void stage_end(struct rig *r, const struct stage_way *w);

#endif
