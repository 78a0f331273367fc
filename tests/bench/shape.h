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

const char *shape_name(enum shape shape);
/* One line for people. */
const char *shape_description(enum shape shape);
/* The most flows that the shape can have. */
size_t shape_flows_max(enum shape shape);

/* Writes the policy. Errors stay in `stream`. */
void shape_write(enum shape shape, size_t n_flows, FILE *stream);
/* What can be written behind it: one more flow, of a zone to a zone. */
void shape_write_stranger(FILE *stream);
/* The same flows as a list of nft rules, of SHAPE_DISTINCT: what people write by hand. */
void shape_write_linear(size_t n_flows, FILE *stream);
/*
 * A packet of flow number `flow`; `variant` chooses among the addresses and ports that the flow
 * covers, where it covers more than one.
 */
struct tuple shape_tuple(enum shape shape, size_t flow, size_t variant);
