/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssl_memory: has a program's OpenSSL ask before each request for memory.
 * Thread: asked on any; set while nothing of TLS goes on.
 */
#ifndef ZU_TESTS_FAULT_OPENSSL_MEMORY_H
#define ZU_TESTS_FAULT_OPENSSL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Each request of OpenSSL's for memory asks first; true makes it fail. False: that
 * cannot be had. NULL: no refusals. */
bool test_openssl_asks(bool (*refuse)(size_t size));

#endif
