/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret: memory for keys. It is wiped before it is given back; a core dump has none of it, a
 * forked child finds zeros in its place, and where the system allows (RLIMIT_MEMLOCK) it is never
 * written to a swap. For small things: more than ZU_SECRET_MAX bytes are wiped, and no more.
 * Thread: any.
 */
#ifndef ZU_BASE_SECRET_H
#define ZU_BASE_SECRET_H

#include <stddef.h>

#define ZU_SECRET_MAX 496

void *zu_secret_alloc(size_t size); /* zeroed; NULL when there is no more */
void zu_secret_free(void *p);       /* or NULL */

#endif
