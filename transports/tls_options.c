/* SPDX-License-Identifier: Apache-2.0 */
#include "transports/tls_options.h"

#include "transports/openssl.h"

#include <errno.h>
#include <string.h>

void zu_tls_host_of(char host[ZU_TLS_HOST_SIZE], const char *endpoint)
{
    const char *from = strstr(endpoint, "://"), *end, *source;
    size_t size;

    from = from ? from + 3 : endpoint;
    end = from + strcspn(from, "/");
    if ((source = memchr(from, ';', (size_t)(end - from))))
        from = source + 1;
    while (end > from && *end != ':')
        end--;
    if (*from == '[' && end > from && end[-1] == ']') {
        from++;
        end--;
    }
    size = (size_t)(end - from);
    if (memchr(from, '%', size)) /* of which interface: our own affair */
        size = (size_t)((const char *)memchr(from, '%', size) - from);
    if (size >= ZU_TLS_HOST_SIZE)
        size = 0;
    memcpy(host, from, size);
    host[size] = '\0';
}

int zu_tls_check(const char *text, const struct zu_options *o)
{
    int rc = zu_openssl_prepare(o, false);
    char host[ZU_TLS_HOST_SIZE];

    if (rc < 0)
        return rc;
    zu_tls_host_of(host, text);
    if (o->tls->hostname ? strlen(o->tls->hostname) >= ZU_TLS_HOST_SIZE : !host[0])
        return -EINVAL; /* whom should the certificate name? */
    return 0;
}

int zu_tls_prepare(const struct zu_options *o)
{
    return zu_openssl_prepare(o, true);
}
