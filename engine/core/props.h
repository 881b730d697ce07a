/* SPDX-License-Identifier: Apache-2.0 */
/*
 * props: what is known of the peer that a message came from, as names and values; what
 * zmq_msg_gets answers. One set a connection, shared by all of its messages.
 * Thread: built by one thread, then read by any. Owner: counted.
 */
#ifndef ZU_CORE_PROPS_H
#define ZU_CORE_PROPS_H

#include <stddef.h>
#include <stdint.h>

struct zu_props;

struct zu_props *zu_props_new(void); /* one count, the caller's; NULL: no memory */
void zu_props_hold(struct zu_props *p, uint32_t count);
void zu_props_drop(struct zu_props *p, uint32_t count);

/* Before it is shared. A name that is there already keeps its value. -ENOMEM. */
int zu_props_add(struct zu_props *p, const char *name, size_t name_size, const void *value,
                 size_t value_size);

/* All of `more`, likewise. -ENOMEM. */
int zu_props_add_all(struct zu_props *p, const struct zu_props *more);

/* NUL-terminated text (the value may hold further bytes behind a NUL), or NULL. */
const char *zu_props_get(const struct zu_props *p, const char *name);
/* The same with its size, which a NUL does not cut. *size is 0 when there is none. */
const char *zu_props_get_sized(const struct zu_props *p, const char *name, size_t *size);

/*
 * Beside what is known of the peer (`inner`, which may be NULL, and gets a count of its own) a
 * group whose name is too long for a message to have in itself. NULL: no memory.
 */
struct zu_props *zu_props_with_group(struct zu_props *inner, const char *group, size_t size);
const char *zu_props_group(const struct zu_props *p);      /* NULL: no such name here */
struct zu_props *zu_props_inner(const struct zu_props *p); /* what it was made with; or NULL */

/* The descriptor of the connection, what ZMQ_SRCFD answers; -1 when there is none. */
void zu_props_set_fd(struct zu_props *p, int fd);
int zu_props_fd(const struct zu_props *p);

#endif
