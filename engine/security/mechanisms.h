/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mechanisms: the table of what a connection may be secured by, at the index that ZMQ_MECHANISM
 * answers.
 */
#ifndef ZU_SECURITY_MECHANISMS_H
#define ZU_SECURITY_MECHANISMS_H

#include "engine/core/mechanism.h"

extern const struct zu_mechanism zu_mechanism_null;
extern const struct zu_mechanism zu_mechanism_plain;  /* the client's; its server's is in it */
extern const struct zu_mechanism zu_mechanism_curve;  /* likewise */
extern const struct zu_mechanism zu_mechanism_gssapi; /* of either; if this build has it */

extern const struct zu_mechanism *const zu_mechanisms[];

#endif
