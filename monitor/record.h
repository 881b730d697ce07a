/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record: an event as version 3 tells it, one struct zuring_event.
 * Thread: any. Owner: the caller.
 */
#ifndef ZU_MONITOR_RECORD_H
#define ZU_MONITOR_RECORD_H

#include "engine/core/observer.h"
#include "include/zuring.h"

void zu_event_record(struct zuring_event *out, const struct zu_event *e);

#endif
