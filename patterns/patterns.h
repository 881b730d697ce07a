/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patterns: the table of socket types, each in a file of its own. The context is given it.
 * Thread: any; nothing here changes.
 */
#ifndef ZU_PATTERNS_PATTERNS_H
#define ZU_PATTERNS_PATTERNS_H

#include "engine/core/pattern.h"

extern const struct zu_pattern zu_pair, zu_pub, zu_sub, zu_req, zu_rep, zu_dealer, zu_router;
extern const struct zu_pattern zu_pull, zu_push, zu_xpub, zu_xsub, zu_stream;
extern const struct zu_pattern zu_server, zu_client, zu_radio, zu_dish, zu_gather, zu_scatter;
extern const struct zu_pattern zu_dgram, zu_peer, zu_channel;

extern const struct zu_pattern *const zu_patterns[]; /* ends with NULL */

#define ZU_PEER(type) (1u << (type)) /* for zu_pattern.peers */

#endif
