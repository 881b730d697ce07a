/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is installed, twice and together; compiled by itself, as several languages. */
#include <zmq.h>
#include <zmq_utils.h>
#include <zuring.h>

#include <zmq.h>

typedef char a_message_is_64_bytes[sizeof(zmq_msg_t) == 64 ? 1 : -1];
