/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gss: Kerberos, by MIT's library, and gss.c is the only file that knows so. One side of one
 * connection: it is introduced to the other by tokens, and then wraps and unwraps what goes.
 * Thread: one at a time. Owner: whoever made it.
 */
#ifndef ZU_SECURITY_GSS_H
#define ZU_SECURITY_GSS_H

#include "engine/core/options.h"

#include <stddef.h>

struct zu_gss;

/* `wraps`: what goes is to be encrypted, or the introduction fails. The names have to outlive it.
 * -ENOMEM. */
int zu_gss_new(struct zu_gss **out, const struct zu_kerberos *names, bool server, bool wraps);
void zu_gss_free(struct zu_gss *g); /* or NULL */

/*
 * May block: a KDC is asked, files are read. One step of the introduction: takes the other side's
 * token (a client's first step: NULL), and makes the one that zu_gss_token answers. 1: both know
 * each other; 0: another token is to come. -EPROTO: the other side is not who it has to be;
 * -EACCES: this side has nothing to show, or cannot get it now; -ENOMEM.
 */
int zu_gss_step(struct zu_gss *g, const void *token, size_t size);
/* What the last step has made for the other side; of 0 bytes: nothing. */
const void *zu_gss_token(const struct zu_gss *g, size_t *size);
/* Once introduced, a server's: who the client is. */
const char *zu_gss_client(const struct zu_gss *g);

/* What ZU_GSS_WRAP_MAX bounds: how much longer a wrapped text is than the text. */
enum { ZU_GSS_WRAP_MAX = 128 };

/* Wraps `size` bytes; *wrapped are at `at` then, which has room for ZU_GSS_WRAP_MAX more, and may
 * be where they were. -ENOMEM, -EPROTO. */
int zu_gss_wrap(struct zu_gss *g, uint8_t *at, const void *text, size_t size, size_t *wrapped);
/* Its reverse, in place: what was wrapped is then the last *size bytes of those that *size said.
 * -EPROTO: it was not wrapped so, or was heard before, or is out of its order. -ENOMEM. */
int zu_gss_unwrap(struct zu_gss *g, uint8_t *at, size_t *size);

#endif
