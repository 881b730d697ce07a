/* SPDX-License-Identifier: Apache-2.0 */
/* zmq_utils.h: what it once declared is in zmq.h; older programs still include it by this name. */
#include "zmq.h"
