/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/security/mechanisms.h"

#include "include/zmq.h"

const struct zu_mechanism *const zu_mechanisms[] = {[ZMQ_NULL] = &zu_mechanism_null,
                                                    [ZMQ_PLAIN] = &zu_mechanism_plain,
                                                    [ZMQ_CURVE] = &zu_mechanism_curve,
#if ZU_HAS_GSSAPI
                                                    [ZMQ_GSSAPI] = &zu_mechanism_gssapi,
#endif
                                                    NULL};
