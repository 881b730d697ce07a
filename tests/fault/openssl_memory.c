/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fault/openssl_memory.h"

#include <openssl/crypto.h>
#include <stdlib.h>

static bool (*refuse_openssl)(size_t size);
static bool openssl_asks;

static bool is_refused(size_t size)
{
    return refuse_openssl && refuse_openssl(size);
}

static void *openssl_alloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return is_refused(size) ? NULL : malloc(size);
}

static void *openssl_realloc(void *p, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    if (size == 0) {
        free(p);
        return NULL;
    }
    return is_refused(size) ? NULL : realloc(p, size);
}

static void openssl_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

/* It can be told so only before its first request, which other libraries make as they are loaded;
 * so this runs before all of them. */
static void set_functions(void)
{
    openssl_asks = CRYPTO_set_mem_functions(openssl_alloc, openssl_realloc, openssl_free) == 1;
}

__attribute__((section(".preinit_array"),
               used)) static void (*const before_all)(void) = set_functions;

bool test_openssl_asks(bool (*refuse)(size_t size))
{
    refuse_openssl = refuse;
    return openssl_asks;
}
