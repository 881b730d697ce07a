/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body: message bodies that can be made and checked on either side of a process border.
 * Thread: any.
 */
#ifndef ZU_TESTS_SUPPORT_BODY_H
#define ZU_TESTS_SUPPORT_BODY_H

#include <stddef.h>
#include <stdint.h>

void test_body_fill(void *data, size_t size, uint64_t seed);
uint64_t test_body_hash(const void *data, size_t size);

#endif
