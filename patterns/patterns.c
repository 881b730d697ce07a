/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patterns: one line for each socket type.
 */
#include "patterns/patterns.h"

const struct zu_pattern *const zu_patterns[] = {
    &zu_pair,   &zu_pub,     &zu_sub,   &zu_req,    &zu_rep,     &zu_dealer, &zu_router, &zu_pull,
    &zu_push,   &zu_xpub,    &zu_xsub,  &zu_stream, &zu_server,  &zu_client, &zu_radio,  &zu_dish,
    &zu_gather, &zu_scatter, &zu_dgram, &zu_peer,   &zu_channel, NULL,
};
