/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/wire/zap.h"

#include "engine/wire/command.h"
#include "include/zmq.h"

enum { DELIMITER, VERSION, REQUEST, STATUS, TEXT, USER_ID, METADATA };

static bool is(struct zu_reader part, const char *text)
{
    return zu_left(&part) == strlen(text) && memcmp(part.at, text, strlen(text)) == 0;
}

static bool is_metadata(struct zu_reader block)
{
    struct zu_property p;
    int rc;

    while ((rc = zu_metadata_next(&block, &p)) == 1)
        ;
    return rc == 0;
}

uint32_t zu_zap_read(const struct zu_reader *parts, size_t count, struct zu_zap_reply *out)
{
    const uint8_t *digits;

    if (count != ZU_ZAP_REPLY_PARTS)
        return ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY;
    if (zu_left(&parts[DELIMITER]) != 0)
        return ZMQ_PROTOCOL_ERROR_ZAP_UNSPECIFIED;
    if (!is(parts[VERSION], ZU_ZAP_VERSION))
        return ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION;
    if (!is(parts[REQUEST], ZU_ZAP_REQUEST))
        return ZMQ_PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID;
    digits = parts[STATUS].at;
    if (zu_left(&parts[STATUS]) != 3 || digits[0] < '2' || digits[0] > '5' || digits[1] != '0' ||
        digits[2] != '0')
        return ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE;
    if (!is_metadata(parts[METADATA]))
        return ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA;
    *out = (struct zu_zap_reply){(digits[0] - '0') * 100, parts[USER_ID], parts[METADATA]};
    return 0;
}
