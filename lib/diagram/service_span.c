/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Services of a policy as spans of service numbers: what several names cover in one family, sorted
 * and merged, so that services can be compared and searched like ranges of addresses.
 */

#include "diagram/service_span.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/compare.h"

static int compare_spans(const void *a, const void *b)
{
    const struct service_span *x = a, *y = b;

    return COMPARE(x->first, y->first);
}

/* Sorts spans and merges those that touch. Returns how many are left. */
static size_t normalise_spans(struct service_span *spans, size_t n_spans)
{
    size_t n = 0;

    if (n_spans > 1)
        qsort(spans, n_spans, sizeof(*spans), compare_spans);

    for (size_t i = 0; i < n_spans; i++) {
        if (n > 0 && spans[i].first <= spans[n - 1].last + 1) {
            if (spans[i].last > spans[n - 1].last)
                spans[n - 1].last = spans[i].last;
        } else {
            spans[n++] = spans[i];
        }
    }
    return n;
}

/* One span for each protocol, or one for all where every port of each is covered. */
static int append_spans(const struct service_range *range, struct service_span **spans,
                        size_t *n_spans, size_t *capacity)
{
    bool all_ports = range->port_first == 0 && range->port_last == 0xffff;
    unsigned step = all_ports ? 256 : 1;

    for (unsigned protocol = range->protocol_first; protocol <= range->protocol_last;
         protocol += step) {
        uint8_t last = all_ports ? range->protocol_last : (uint8_t)protocol;
        const struct service_span span = {SERVICE_NUMBER(protocol, range->port_first),
                                          SERVICE_NUMBER(last, range->port_last)};
        int r = array_append(spans, n_spans, capacity, &span, sizeof(span));

        if (r < 0)
            return r;
    }
    return 0;
}

/* Appends the spans of those ranges that mean something in the family. */
static int append_ranges(const struct service_range *ranges, size_t n_ranges, enum family family,
                         struct service_span **spans, size_t *n_spans, size_t *capacity)
{
    for (size_t i = 0; i < n_ranges; i++) {
        int r;

        if (!ranges[i].families[family])
            continue;

        r = append_spans(&ranges[i], spans, n_spans, capacity);
        if (r < 0)
            return r;
    }
    return 0;
}

int service_spans_of_ranges(const struct service_range *ranges, size_t n_ranges, enum family family,
                            struct service_span **ret_spans, size_t *ret_n_spans)
{
    cleanup_(freep) struct service_span *spans = NULL;
    size_t n_spans = 0, capacity = 0;
    int r;

    r = append_ranges(ranges, n_ranges, family, &spans, &n_spans, &capacity);
    if (r < 0)
        return r;

    *ret_n_spans = normalise_spans(spans, n_spans);
    *ret_spans = TAKE_PTR(spans);
    return 0;
}

int service_spans_of_flow(const struct policy *policy, const struct flow *flow, enum family family,
                          struct service_span **ret_spans, size_t *ret_n_spans)
{
    cleanup_(freep) struct service_span *spans = NULL;
    size_t n_spans = 0, capacity = 0;

    for (size_t i = 0; i < flow->n_services; i++) {
        const struct service *service = &policy->services[flow->services[i]];
        int r =
            append_ranges(service->ranges, service->n_ranges, family, &spans, &n_spans, &capacity);

        if (r < 0)
            return r;
    }

    *ret_n_spans = normalise_spans(spans, n_spans);
    *ret_spans = TAKE_PTR(spans);
    return 0;
}

bool service_span_take(struct service_span *span, enum family family, char buffer[SERVICE_TEXT_MAX])
{
    service_number first = span->first, last = span->last;
    unsigned protocol = SERVICE_PROTOCOL(first), last_protocol = SERVICE_PROTOCOL(last);

    if (protocol != last_protocol && SERVICE_PORT(first) != 0)
        last = SERVICE_NUMBER(protocol, UINT16_MAX);
    else if (protocol != last_protocol && SERVICE_PORT(last) != UINT16_MAX)
        last = SERVICE_NUMBER(last_protocol - 1, UINT16_MAX);
    service_range_format(&(struct service_range){.protocol_first = SERVICE_PROTOCOL(first),
                                                 .protocol_last = SERVICE_PROTOCOL(last),
                                                 .port_first = SERVICE_PORT(first),
                                                 .port_last = SERVICE_PORT(last),
                                                 .families = {true, true}},
                         family, buffer);
    span->first = last + 1;
    return last < span->last;
}
