/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which points of a range are tried. Mistakes sit at edges: a mask one bit too long, a bound that
 * is not included, a set that lost its last element. So the edges come first, and one point from
 * the middle stands for the rest.
 */

#include "lab/sample.h"

#include <errno.h>
#include <netinet/in.h>

#include "lab/layout.h"

static void add_address(struct address_sample *sample, const struct range_set *unusable,
                        ip_number address)
{
    if (sample->n == SAMPLE_ADDRESSES_MAX || range_set_contains(unusable, address))
        return;
    for (size_t i = 0; i < sample->n; i++) {
        if (sample->addresses[i] == address)
            return;
    }
    sample->addresses[sample->n++] = address;
}

int sample_addresses(const struct range_set *addresses, enum family family,
                     struct address_sample *ret_sample)
{
    cleanup_(range_set_clear) struct range_set unusable = {0}, usable = {0};
    struct address_sample sample = {0};
    size_t n;
    int r = layout_unusable(family, &unusable);

    if (r == 0)
        r = range_set_add_set(&usable, addresses);
    if (r == 0)
        r = range_set_subtract(&usable, &unusable);
    if (r < 0)
        return r;

    /* Three of each range, or one of each where there are too many ranges for that. */
    n = usable.n_ranges;
    if (n > SAMPLE_ADDRESSES_MAX)
        n = SAMPLE_ADDRESSES_MAX;
    for (unsigned pass = 0; pass < 3; pass++) {
        for (size_t i = 0; i < n; i++) {
            size_t index = n < 2 ? i : i * (usable.n_ranges - 1) / (n - 1);
            struct range range = usable.ranges[index];
            const ip_number points[] = {range.first, range.last,
                                        range.first + (range.last - range.first) / 2};

            /* The very last address is an edge as well as the very first. */
            add_address(&sample, &unusable, points[pass == 0 && n > 1 && i == n - 1 ? 1 : pass]);
        }
    }
    *ret_sample = sample;
    return 0;
}

int sample_outside_addresses(const struct range_set *addresses, enum family family,
                             struct address_sample *ret_sample)
{
    cleanup_(range_set_clear) struct range_set unusable = {0};
    struct address_sample sample = {0};
    int r = layout_unusable(family, &unusable);

    if (r < 0)
        return r;
    /* Ranges of a set are not adjacent: what is next to one is in none. */
    for (size_t i = 0; i < addresses->n_ranges; i++) {
        if (addresses->ranges[i].first > 0)
            add_address(&sample, &unusable, addresses->ranges[i].first - 1);
        if (addresses->ranges[i].last < family_last(family))
            add_address(&sample, &unusable, addresses->ranges[i].last + 1);
    }
    *ret_sample = sample;
    return 0;
}

bool protocol_has_ports(uint8_t protocol)
{
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

bool protocol_is_icmp(uint8_t protocol, enum family family)
{
    return protocol == (family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* Queries that connection tracking opens a connection for. Node information: RFC 4620, codes 0
 * to 2.
 */
static const service_number queries[FAMILIES][4] = {
    {SERVICE_NUMBER(IPPROTO_ICMP, 8 << 8), SERVICE_NUMBER(IPPROTO_ICMP, 13 << 8),
     SERVICE_NUMBER(IPPROTO_ICMP, 15 << 8), SERVICE_NUMBER(IPPROTO_ICMP, 17 << 8)},
    {SERVICE_NUMBER(IPPROTO_ICMPV6, 128 << 8), SERVICE_NUMBER(IPPROTO_ICMPV6, 139 << 8),
     SERVICE_NUMBER(IPPROTO_ICMPV6, 139 << 8 | 1), SERVICE_NUMBER(IPPROTO_ICMPV6, 139 << 8 | 2)},
};

bool service_is_usable(service_number service, enum family family)
{
    uint8_t protocol = SERVICE_PROTOCOL(service);

    if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
        for (size_t i = 0; i < ELEMENTS_OF(queries[family]); i++) {
            if (queries[family][i] == service)
                return true;
        }
        return false;
    }
    switch (protocol) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_FRAGMENT:
    case IPPROTO_NONE:
    case IPPROTO_DSTOPTS:
    case 135 /* mobility */:
    case IPPROTO_RAW:
    case IPPROTO_DCCP: /* of these two some kernels look at the header, and not all alike */
    case IPPROTO_UDPLITE:
        return false;
    default:
        return true;
    }
}

static bool spans_contain(const struct service_span *spans, size_t n_spans, service_number service)
{
    for (size_t i = 0; i < n_spans; i++) {
        if (service >= spans[i].first && service <= spans[i].last)
            return true;
    }
    return false;
}

static void add_service(struct service_sample *sample, enum family family, service_number service)
{
    if (sample->n == SAMPLE_SERVICES_MAX || !service_is_usable(service, family))
        return;
    for (size_t i = 0; i < sample->n; i++) {
        if (sample->services[i] == service)
            return;
    }
    sample->services[sample->n++] = service;
}

static void sample_span(struct service_sample *sample, const struct service_span *span,
                        enum family family)
{
    static const service_number usual[] = {
        SERVICE_NUMBER(IPPROTO_TCP, 443), SERVICE_NUMBER(IPPROTO_UDP, 53),
        SERVICE_NUMBER(IPPROTO_GRE, 0),   SERVICE_NUMBER(IPPROTO_ESP, 0),
        SERVICE_NUMBER(IPPROTO_SCTP, 80),
    };
    service_number first = span->first, last = span->last;

    for (size_t i = 0; i < ELEMENTS_OF(queries[family]); i++) {
        if (queries[family][i] >= first && queries[family][i] <= last)
            add_service(sample, family, queries[family][i]);
    }
    if (SERVICE_PROTOCOL(first) == SERVICE_PROTOCOL(last)) {
        add_service(sample, family, first);
        /* Where there are no ports, zero stands in their place in all packets of the lab. */
        if (!protocol_has_ports(SERVICE_PROTOCOL(first)))
            return;
        add_service(sample, family, last);
        add_service(sample, family, first + (last - first) / 2);
        return;
    }

    for (size_t i = 0; i < ELEMENTS_OF(usual); i++) {
        if (usual[i] >= first && usual[i] <= last)
            add_service(sample, family, usual[i]);
    }
}

void sample_services(const struct service_span *spans, size_t n_spans, enum family family,
                     struct service_sample *ret_sample)
{
    struct service_sample sample = {0};
    size_t n = n_spans < SAMPLE_SERVICES_MAX ? n_spans : SAMPLE_SERVICES_MAX;

    for (size_t i = 0; i < n; i++)
        sample_span(&sample, &spans[n < 2 ? i : i * (n_spans - 1) / (n - 1)], family);
    *ret_sample = sample;
}

void sample_outside_services(const struct service_span *spans, size_t n_spans, enum family family,
                             struct service_sample *ret_sample)
{
    struct service_sample sample = {0};
    bool icmp = false;

    for (size_t i = 0; i < n_spans; i++) {
        service_number first = spans[i].first, last = spans[i].last;

        icmp |= protocol_is_icmp(SERVICE_PROTOCOL(first), family);
        if (protocol_has_ports(SERVICE_PROTOCOL(first)) && SERVICE_PORT(first) > 0)
            add_service(&sample, family, first - 1);
        if (protocol_has_ports(SERVICE_PROTOCOL(last)) && SERVICE_PORT(last) < UINT16_MAX)
            add_service(&sample, family, last + 1);
    }

    for (size_t i = 0; icmp && i < ELEMENTS_OF(queries[family]); i++) {
        if (!spans_contain(spans, n_spans, queries[family][i]))
            add_service(&sample, family, queries[family][i]);
    }
    *ret_sample = sample;
}

void sample_other_protocols(const struct service_span *spans, size_t n_spans, enum family family,
                            struct service_sample *ret_sample)
{
    struct service_sample sample = {0};

    for (size_t i = 0; i < n_spans; i++) {
        uint8_t protocol = SERVICE_PROTOCOL(spans[i].first);
        uint8_t other = protocol == IPPROTO_UDP ? IPPROTO_TCP : IPPROTO_UDP;
        service_number service = SERVICE_NUMBER(other, SERVICE_PORT(spans[i].first));

        if (!spans_contain(spans, n_spans, service))
            add_service(&sample, family, service);
    }
    *ret_sample = sample;
}
