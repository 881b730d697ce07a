/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web: what a session has to know when it speaks ZWS on a WebSocket instead of ZMTP. What carries
 * the bytes of the WebSocket, TCP or something above it, is none of its business.
 * Thread: the session's. Owner: the session, for one connection.
 */
#ifndef ZU_CORE_WEB_H
#define ZU_CORE_WEB_H

#include "engine/core/session.h"
#include "engine/wire/upgrade.h"
#include "engine/wire/ws.h"

enum { ZU_WEB_MASKS = 32 }; /* asked of the kernel at once */

struct zu_frame;

struct zu_web {
    bool client;         /* what it sends is masked, and what it hears is not */
    bool bare;           /* ZWS2.0: the peer has no mechanism */
    bool close_said;     /* our Close is on its way: it is the last word */
    bool close_heard;    /* nothing that comes after it counts */
    uint8_t flags_taken; /* 1: the byte of flags was taken with the header of the frame */

    struct zu_ws_head head; /* of the frame that comes in */

    /* The frames so far of a message that comes in several; NULL: none has come. */
    uint8_t *pieces;
    size_t pieces_size, pieces_room;
    bool in_pieces;

    uint8_t masks[ZU_WEB_MASKS][ZU_WS_MASK_SIZE];
    uint8_t masks_left;
    uint8_t mask[ZU_WS_MASK_SIZE]; /* of the frame that was last written */

    char key[ZU_UPGRADE_KEY_SIZE]; /* a client's */
    uint8_t *text;                 /* of HTTP, until the upgrade is over; ZU_UPGRADE_MAX bytes */
    size_t text_size;
};

/* ---- session_web.c ---- */

/* Instead of a greeting. */
int zu_session_web_greet(struct zu_session *s);
/* As zu_session_hear_greeting. */
int zu_session_web_hear_greeting(struct zu_session *s);
void zu_session_web_forget(struct zu_session *s);

/* The header of a frame, with the byte of flags where it stands there. As zu_frame_read_v2, and
 * -EMSGSIZE: its message is longer than may be. */
int zu_session_web_read_head(struct zu_session *s, struct zu_reader *in, struct zu_frame *f);
/* The frame whose header was read last is a whole message: its body may be unmasked where it is. */
bool zu_session_web_is_whole(const struct zu_session *s);
/* It is a control frame, which is the loop's to answer. */
bool zu_session_web_is_control(const struct zu_session *s);
void zu_session_web_unmask(struct zu_session *s, uint8_t *at, size_t size);
/* *m is the body of that frame, as it came. 1: now it is the body of a message. 0: it was a control
 * frame, or not the last of its message. Or an error. */
int zu_session_web_unwrap(struct zu_session *s, struct zu_msg *m);

/* Writes the header of a frame, at most ZU_ZWS_HEADER_MAX bytes; flags: enum zu_frame_flag. */
size_t zu_session_web_write_head(const struct zu_session *s, uint8_t *at, size_t size,
                                 uint8_t flags);
/* Masks the body of the frame whose header was written last, if it is to be. */
void zu_session_web_mask(const struct zu_session *s, uint8_t *body, size_t size);

int zu_session_web_ping(struct zu_session *s);
/* All is sent: true when there is a Close to say yet, which now has been. */
bool zu_session_web_says_close(struct zu_session *s);

#endif
