/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "policy/policy.h"

/*
 * A service as one number: protocol times 65536 plus port, 24 bits. A range of services is a range
 * of these numbers; all services are 0 to SERVICE_LAST.
 */
typedef uint32_t service_number;
#define SERVICE_LAST UINT32_C(0xffffff)
#define SERVICE_NUMBER(protocol, port) ((service_number)(protocol) << 16 | (port))
#define SERVICE_PROTOCOL(service) ((uint8_t)((service) >> 16))
#define SERVICE_PORT(service) ((uint16_t)((service)&0xffff))

struct service_span {
    service_number first;
    service_number last;
};

/*
 * The services of a flow in one family, or those of ranges that no flow names, as spans that are
 * sorted, disjoint and not adjacent. The caller owns them. Returns 0 or -ENOMEM.
 */
int service_spans_of_flow(const struct policy *policy, const struct flow *flow, enum family family,
                          struct service_span **ret_spans, size_t *ret_n_spans);
int service_spans_of_ranges(const struct service_range *ranges, size_t n_ranges, enum family family,
                            struct service_span **ret_spans, size_t *ret_n_spans);
/* Takes the first services that one text can name off a span, and writes that text: of several
 * protocols the end of the first one, whole ones, the beginning of the last. Returns whether the
 * span has more. */
bool service_span_take(struct service_span *span, enum family family,
                       char buffer[SERVICE_TEXT_MAX]);
