/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgm_filter: lets a descriptor hear packets of PGM that are well formed, and of the kinds that we
 * and libzmq send, and no others. OpenPGM ends the process for some that are not.
 * Thread: any. Owner: the descriptor has a copy.
 */
#ifndef ZU_TRANSPORTS_PGM_FILTER_H
#define ZU_TRANSPORTS_PGM_FILTER_H

#include <stdbool.h>

/* `udp`: else by IP as it is. */
int zu_pgm_filter_attach(int fd, bool udp);

#endif
