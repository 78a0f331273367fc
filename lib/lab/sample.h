/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "diagram/diagram.h"

/*
 * A few of many: the addresses and services of a flow that are worth a packet. Always the same few
 * for the same policy.
 */

#define SAMPLE_ADDRESSES_MAX 12
#define SAMPLE_SERVICES_MAX 24

struct address_sample {
    ip_number addresses[SAMPLE_ADDRESSES_MAX];
    size_t n;
};

struct service_sample {
    service_number services[SAMPLE_SERVICES_MAX];
    size_t n;
};

/*
 * Of each range its first, last and middle address, if the lab can use them (layout_unusable()).
 * Where this is too much: of ranges spread evenly over all, the first and the last range among
 * them. Returns 0 or -ENOMEM.
 */
int sample_addresses(const struct range_set *addresses, enum family family,
                     struct address_sample *ret_sample);
/* Addresses next to the ranges, before and after each, that are not in the set. */
int sample_outside_addresses(const struct range_set *addresses, enum family family,
                             struct address_sample *ret_sample);

/*
 * Of each span its first, last and middle service. Of ICMP only the queries that open a connection;
 * of a span over several protocols one service of each of a few that are in it; nothing of protocol
 * numbers that are no transport protocol, nor of DCCP and UDP-Lite, which kernels do not treat
 * alike.
 */
void sample_services(const struct service_span *spans, size_t n_spans, enum family family,
                     struct service_sample *ret_sample);
/* Services next to the spans that are not in them: ports before and after, other ICMP queries. */
void sample_outside_services(const struct service_span *spans, size_t n_spans, enum family family,
                             struct service_sample *ret_sample);
/* The same services of another protocol, where they are not in the spans: UDP for TCP, TCP for UDP,
 * and UDP for any other. */
void sample_other_protocols(const struct service_span *spans, size_t n_spans, enum family family,
                            struct service_sample *ret_sample);

/* True where a packet of the service can open a connection: see sample_services(). */
bool service_is_usable(service_number service, enum family family);
/* Protocols whose packets have ports. */
bool protocol_has_ports(uint8_t protocol);
bool protocol_is_icmp(uint8_t protocol, enum family family);
