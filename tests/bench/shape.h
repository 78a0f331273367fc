/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Policies to measure, made by rule: each has any number of flows of one shape between the zones
 * `a` (interface zone_a) and `b` (zone_b), and for each flow a packet that it owns.
 */
enum shape {
    SHAPE_DISTINCT, /* host to host, one port: the greater part of a real policy */
    SHAPE_WIDE,     /* a whole zone to one host, one port */
    SHAPE_RANGES,   /* a whole zone to a network, a range of ports */
    SHAPE_NESTED,   /* the same, networks inside networks inside networks */
    SHAPE_SOURCES,  /* network to network, a range of ports; sources inside sources */
    SHAPE_PORTS,    /* a whole zone to a whole zone, a range of ports each */
    SHAPE_MIXED,    /* a few flows of zone to zone among flows of a zone to a network */
    SHAPE_CITY,     /* host to host as in a city: several networks, bound hosts, flows that end */
    SHAPE_CROSS,    /* some hosts here and there to some hosts here and there, one port */
    SHAPES,
};

/* A packet from zone a to zone b: addresses and the destination port of UDP, in host order. */
struct tuple {
    uint32_t source;
    uint32_t destination;
    uint16_t port;
};

#define SHAPE_INTERFACE_A "zone_a"
#define SHAPE_INTERFACE_B "zone_b"
/* The zones' networks, both of this prefix length. */
#define SHAPE_NETWORK_A UINT32_C(0x0a000000)
#define SHAPE_NETWORK_B UINT32_C(0x0a800000)
#define SHAPE_NETWORK_BITS 9

/* The hardware addresses from which zone a and zone b are spoken to. */
#define SHAPE_MAC_A "02:5e:9d:00:00:02"
#define SHAPE_MAC_B "02:5e:9d:00:01:02"

const char *shape_name(enum shape shape);
/* One line for people. */
const char *shape_description(enum shape shape);
/* The most flows that the shape can have. */
size_t shape_flows_max(enum shape shape);

/* Writes the policy. Errors stay in `stream`. */
void shape_write(enum shape shape, size_t n_flows, FILE *stream);
/* What can be written after it: one more flow, of a zone to a zone. */
void shape_write_stranger(FILE *stream);
/* The same flows as a list of nft rules, of SHAPE_DISTINCT: what people write by hand. */
void shape_write_linear(size_t n_flows, FILE *stream);
/* The same flows in one hash map of hosts and port: what people write who know nft well. */
void shape_write_map(size_t n_flows, FILE *stream);
/* A policy of `n_zones` zones (at least 2, at most SHAPE_ZONES_MAX) with `n_flows` flows of host to
 * host, of each zone to the ones after it in turns. */
#define SHAPE_ZONES_MAX 1024
void shape_write_zones(size_t n_zones, size_t n_flows, FILE *stream);
/*
 * A packet of flow number `flow`; `variant` chooses among the addresses and ports that the flow
 * covers, where it covers more than one.
 */
struct tuple shape_tuple(enum shape shape, size_t flow, size_t variant);
/* A policy of so many flows in the fewest bytes, at most a million: between 1,000 hosts of zone a
 * and 1,000 of zone b, one port. */
void shape_write_grid(size_t n_flows, FILE *stream);
