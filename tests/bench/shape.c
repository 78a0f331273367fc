/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The shapes. What makes a ruleset slow is not how many flows a policy has but how they lie to each
 * other, so each shape is one way of lying: nothing shared, one end shared, networks in networks,
 * everything shared but the ports. No two flows of a policy overlap, so that each packet has one
 * owner and the compiler nothing to complain of.
 */

#include "shape.h"

#include <inttypes.h>
#include <stdbool.h>

/* Addresses that a flow to or from a network takes: 50,000 of them fit a zone. */
#define NETWORK_LENGTH 25
#define NETWORK_SIZE 128
/* Networks inside each other, as a block: the outermost has 1,024 addresses. */
#define NEST_DEPTH 8
#define NEST_LENGTH 22
#define NEST_SIZE 1024
/* Ranges of ports: of a network, and where there is nothing else to tell flows apart by. */
#define PORTS_FIRST 1024
#define PORTS_WIDTH 100
#define PORTS_COUNT 600
#define NARROW_WIDTH 6
/* Flows of zone to zone among the others. Where they lie over so many networks the tables grow by
 * their product, so that more of both would not be a policy of this many flows any more. */
#define MIXED_WIDE 10
#define MIXED_MAX 10000
/* The first host of a zone: the addresses before it are the gateway's and nobody's. */
#define HOST_FIRST 16

static const char *const names[] = {
    "distinct", "wide", "ranges", "nested", "sources", "ports", "mixed",
};

static const char *const descriptions[] = {
    "host to host, one port each, no host twice",
    "a whole zone to one host, one port each",
    "a whole zone to a network, a range of ports each",
    "the same, eight networks inside each other",
    "network to network, a range of ports each, eight sources inside each other",
    "a whole zone to a whole zone, a range of ports each",
    "ten of zone to zone, the others a zone to a network, a range of ports each",
};

const char *shape_name(enum shape shape)
{
    return names[shape];
}

const char *shape_description(enum shape shape)
{
    return descriptions[shape];
}

size_t shape_flows_max(enum shape shape)
{
    switch (shape) {
    case SHAPE_PORTS:
        return (UINT16_MAX - PORTS_FIRST) / NARROW_WIDTH;
    case SHAPE_MIXED:
        return MIXED_MAX;
    case SHAPE_DISTINCT:
    case SHAPE_WIDE:
    case SHAPE_RANGES:
    case SHAPE_NESTED:
    case SHAPE_SOURCES:
    case SHAPES:
        break;
    }
    return 65536;
}

struct block {
    uint32_t address;
    unsigned length;
};

/* The networks of flow `flow`, as offsets into a zone. */
static struct block network(size_t flow)
{
    return (struct block){(uint32_t)flow * NETWORK_SIZE, NETWORK_LENGTH};
}

static struct block nested_network(size_t flow)
{
    return (struct block){
        (uint32_t)(flow / NEST_DEPTH) * NEST_SIZE,
        NEST_LENGTH + (unsigned)(flow % NEST_DEPTH),
    };
}

static uint16_t single_port(size_t flow)
{
    return (uint16_t)(PORTS_FIRST + flow % 60000);
}

/* Disjoint for the flows of one nest. */
static uint16_t first_port(enum shape shape, size_t flow)
{
    size_t first = PORTS_FIRST + flow % PORTS_COUNT * PORTS_WIDTH;

    if (shape == SHAPE_PORTS)
        first = PORTS_FIRST + flow * NARROW_WIDTH;
    /* The first ports are those of the wide flows, which are over all others. */
    if (shape == SHAPE_MIXED && flow >= MIXED_WIDE)
        first = PORTS_FIRST + (MIXED_WIDE + flow % (PORTS_COUNT - MIXED_WIDE)) * PORTS_WIDTH;
    return (uint16_t)first;
}

static uint16_t last_port(enum shape shape, size_t flow)
{
    unsigned width = shape == SHAPE_PORTS ? NARROW_WIDTH : PORTS_WIDTH;

    return (uint16_t)(first_port(shape, flow) + width - 1);
}

static void write_address(FILE *stream, uint32_t address)
{
    fprintf(stream, "%" PRIu32 ".%" PRIu32 ".%" PRIu32 ".%" PRIu32, address >> 24,
            address >> 16 & 0xff, address >> 8 & 0xff, address & 0xff);
}

static void write_host(FILE *stream, char zone, size_t flow, uint32_t network_address)
{
    fprintf(stream, "  %c%zu: { zone: %c, address: ", zone, flow, zone);
    write_address(stream, network_address + HOST_FIRST + (uint32_t)flow);
    fputs(" }\n", stream);
}

static void write_group(FILE *stream, char zone, size_t flow, uint32_t network_address,
                        struct block block)
{
    fprintf(stream, "  %c%zu: { zone: %c, members: [", zone, flow, zone);
    write_address(stream, network_address + block.address);
    fprintf(stream, "/%u] }\n", block.length);
}

static void write_ends(enum shape shape, size_t n_flows, FILE *stream)
{
    if (shape == SHAPE_PORTS)
        return;

    fputs(shape == SHAPE_DISTINCT || shape == SHAPE_WIDE ? "hosts:\n" : "groups:\n", stream);
    for (size_t i = 0; i < n_flows; i++) {
        switch (shape) {
        case SHAPE_DISTINCT:
            write_host(stream, 'a', i, SHAPE_NETWORK_A);
            write_host(stream, 'b', i, SHAPE_NETWORK_B);
            break;
        case SHAPE_WIDE:
            write_host(stream, 'b', i, SHAPE_NETWORK_B);
            break;
        case SHAPE_RANGES:
        case SHAPE_MIXED:
            write_group(stream, 'b', i, SHAPE_NETWORK_B, network(i));
            break;
        case SHAPE_NESTED:
            write_group(stream, 'b', i, SHAPE_NETWORK_B, nested_network(i));
            break;
        case SHAPE_SOURCES:
            write_group(stream, 'a', i, SHAPE_NETWORK_A, nested_network(i));
            write_group(stream, 'b', i, SHAPE_NETWORK_B, network(i));
            break;
        case SHAPE_PORTS:
        case SHAPES:
            break;
        }
    }
}

static void write_flow(enum shape shape, size_t flow, FILE *stream)
{
    bool narrow_source = shape == SHAPE_DISTINCT || shape == SHAPE_SOURCES;
    bool one_port = shape == SHAPE_DISTINCT || shape == SHAPE_WIDE;

    fprintf(stream, "  f%zu: { from: a", flow);
    if (narrow_source)
        fprintf(stream, "%zu", flow);
    fputs(", to: b", stream);
    if (shape != SHAPE_PORTS && !(shape == SHAPE_MIXED && flow < MIXED_WIDE))
        fprintf(stream, "%zu", flow);
    if (one_port)
        fprintf(stream, ", services: [udp/%u] }\n", single_port(flow));
    else
        fprintf(stream, ", services: [udp/%u-%u] }\n", first_port(shape, flow),
                last_port(shape, flow));
}

void shape_write(enum shape shape, size_t n_flows, FILE *stream)
{
    fputs("segd: 1\n"
          "timezone: UTC\n"
          "zones:\n"
          "  a: { class: other, interfaces: [" SHAPE_INTERFACE_A "],"
          " networks: [10.0.0.0/9, \"fd00:a::/48\"] }\n"
          "  b: { class: other, interfaces: [" SHAPE_INTERFACE_B "],"
          " networks: [10.128.0.0/9, \"fd00:b::/48\"] }\n"
          "gateway: { protect: true }\n",
          stream);

    write_ends(shape, n_flows, stream);
    fputs("flows:\n", stream);
    for (size_t i = 0; i < n_flows; i++)
        write_flow(shape, i, stream);
}

void shape_write_stranger(FILE *stream)
{
    fputs("  stranger: { from: a, to: b, services: [tcp/7] }\n", stream);
}

void shape_write_linear(size_t n_flows, FILE *stream)
{
    fputs("table inet linear {\n"
          "chain forward {\n"
          "type filter hook forward priority filter; policy drop;\n"
          "ct state established,related accept\n",
          stream);
    for (size_t i = 0; i < n_flows; i++) {
        struct tuple tuple = shape_tuple(SHAPE_DISTINCT, i, 0);

        fputs("ip saddr ", stream);
        write_address(stream, tuple.source);
        fputs(" ip daddr ", stream);
        write_address(stream, tuple.destination);
        fprintf(stream, " udp dport %u accept\n", tuple.port);
    }
    fputs("}\n}\n", stream);
}

struct tuple shape_tuple(enum shape shape, size_t flow, size_t variant)
{
    struct tuple tuple = {
        .source = SHAPE_NETWORK_A + HOST_FIRST + (uint32_t)(variant * 2654435761 % 1000000),
        .destination = SHAPE_NETWORK_B + HOST_FIRST + (uint32_t)(variant * 2246822519 % 1000000),
        .port = first_port(shape, flow),
    };

    switch (shape) {
    case SHAPE_DISTINCT:
        tuple.source = SHAPE_NETWORK_A + HOST_FIRST + (uint32_t)flow;
        tuple.destination = SHAPE_NETWORK_B + HOST_FIRST + (uint32_t)flow;
        tuple.port = single_port(flow);
        break;
    case SHAPE_WIDE:
        tuple.destination = SHAPE_NETWORK_B + HOST_FIRST + (uint32_t)flow;
        tuple.port = single_port(flow);
        break;
    case SHAPE_MIXED:
        if (flow < MIXED_WIDE)
            break;
        tuple.destination =
            SHAPE_NETWORK_B + network(flow).address + (uint32_t)(variant % NETWORK_SIZE);
        break;
    case SHAPE_RANGES:
        tuple.destination =
            SHAPE_NETWORK_B + network(flow).address + (uint32_t)(variant % NETWORK_SIZE);
        break;
    case SHAPE_NESTED:
        /* The first address of a nest is in all its networks. */
        tuple.destination = SHAPE_NETWORK_B + nested_network(flow).address;
        break;
    case SHAPE_SOURCES:
        tuple.source = SHAPE_NETWORK_A + nested_network(flow).address;
        tuple.destination =
            SHAPE_NETWORK_B + network(flow).address + (uint32_t)(variant % NETWORK_SIZE);
        break;
    case SHAPE_PORTS:
    case SHAPES:
        break;
    }
    return tuple;
}
