/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The shapes. What makes a ruleset slow is not how many flows a policy has but how they lie to each
 * other, so each shape is one way of lying: nothing shared, one end shared, networks in networks,
 * everything shared but the ports. Hardly two flows of a policy overlap, so that nearly each packet
 * has one owner and the compiler little to complain of.
 */

#include "shape.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <time.h>

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
/* A city's zones have so many networks of this length each, with hosts in all of them. */
#define CITY_NETWORKS 4
#define CITY_LENGTH 11
#define CITY_SIZE 0x200000
/* Hosts of a flow at both its ends, of so many in all, and the port of all these flows. */
#define CROSS_HOSTS 12
#define CROSS_OF 10000
#define CROSS_PORT 443
#define CROSS_MAX 3000
/* Hosts of a grid, on each side. */
#define GRID_HOSTS 1000

static const char *const names[] = {
    "distinct", "wide", "ranges", "nested", "sources", "ports", "mixed", "city", "cross",
};

static const char *const descriptions[] = {
    "host to host, one port each, no host twice",
    "a whole zone to one host, one port each",
    "a whole zone to a network, a range of ports each",
    "the same, eight networks inside each other",
    "network to network, a range of ports each, eight sources inside each other",
    "a whole zone to a whole zone, a range of ports each",
    "ten of zone to zone, the others a zone to a network, a range of ports each",
    "host to host, all bound and in zones of four networks, flows that end",
    "twelve hosts to twelve hosts, drawn from 10,000, one port",
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
    case SHAPE_CROSS:
        return CROSS_MAX;
    case SHAPE_CITY:
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

/* The host of a flow in a city, as an offset into its zone. */
static uint32_t city_host(size_t flow)
{
    return (uint32_t)(flow % CITY_NETWORKS) * CITY_SIZE + HOST_FIRST + (uint32_t)flow;
}

/* Drawn by rule: the multiplier of Knuth's multiplicative hash, and the end so that both differ. */
static uint32_t cross_host(size_t flow, size_t host, uint32_t network_address)
{
    uint64_t drawn = ((uint64_t)flow * CROSS_HOSTS + host) * 2654435761 + network_address;

    return network_address + HOST_FIRST + (uint32_t)(drawn % 4294967291 % CROSS_OF);
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

static void write_bound(FILE *stream, char zone, size_t flow, uint32_t address, const char *mac)
{
    fprintf(stream, "  %c%zu: { zone: %c, address: ", zone, flow, zone);
    write_address(stream, address);
    fprintf(stream, ", mac: \"%s\" }\n", mac);
}

static void write_crossed(FILE *stream, char zone, size_t flow, uint32_t network_address)
{
    fprintf(stream, "  %c%zu: { zone: %c, members: [", zone, flow, zone);
    for (size_t i = 0; i < CROSS_HOSTS; i++) {
        if (i > 0)
            fputs(", ", stream);
        write_address(stream, cross_host(flow, i, network_address));
    }
    fputs("] }\n", stream);
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

    fputs(shape == SHAPE_DISTINCT || shape == SHAPE_WIDE || shape == SHAPE_CITY ? "hosts:\n"
                                                                                : "groups:\n",
          stream);
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
        case SHAPE_CITY:
            write_bound(stream, 'a', i, SHAPE_NETWORK_A + city_host(i), SHAPE_MAC_A);
            write_bound(stream, 'b', i, SHAPE_NETWORK_B + city_host(i), SHAPE_MAC_B);
            break;
        case SHAPE_CROSS:
            write_crossed(stream, 'a', i, SHAPE_NETWORK_A);
            write_crossed(stream, 'b', i, SHAPE_NETWORK_B);
            break;
        case SHAPE_PORTS:
        case SHAPES:
            break;
        }
    }
}

/* The year in which a city's flows end: the one after this, counted from 1970 by its mean length.
 */
static int next_year(void)
{
    return 1970 + (int)(time(NULL) / 31556952) + 1;
}

static void write_services(enum shape shape, size_t flow, FILE *stream)
{
    switch (shape) {
    case SHAPE_DISTINCT:
    case SHAPE_WIDE:
    case SHAPE_CITY:
        fprintf(stream, "[udp/%u]", single_port(flow));
        break;
    case SHAPE_CROSS:
        fprintf(stream, "[udp/%u]", CROSS_PORT);
        break;
    case SHAPE_RANGES:
    case SHAPE_NESTED:
    case SHAPE_SOURCES:
    case SHAPE_PORTS:
    case SHAPE_MIXED:
    case SHAPES:
        fprintf(stream, "[udp/%u-%u]", first_port(shape, flow), last_port(shape, flow));
        break;
    }
}

static void write_flow(enum shape shape, size_t flow, FILE *stream)
{
    bool narrow_source = shape == SHAPE_DISTINCT || shape == SHAPE_SOURCES || shape == SHAPE_CITY ||
                         shape == SHAPE_CROSS;

    fprintf(stream, "  f%zu: { from: a", flow);
    if (narrow_source)
        fprintf(stream, "%zu", flow);
    fputs(", to: b", stream);
    if (shape != SHAPE_PORTS && !(shape == SHAPE_MIXED && flow < MIXED_WIDE))
        fprintf(stream, "%zu", flow);
    fputs(", services: ", stream);
    write_services(shape, flow, stream);
    if (shape == SHAPE_CITY)
        fprintf(stream, ", expires: %d-03-31", next_year());
    fputs(" }\n", stream);
}

/* The zones of a city: the two that are measured have as many networks and interfaces as its own,
 * and twelve more stand beside them. */
static void write_city_zone(char zone, const char *interface, uint32_t network_address,
                            FILE *stream)
{
    fprintf(stream, "  %c: { class: other, interfaces: [%s", zone, interface);
    for (unsigned i = 1; i < CITY_NETWORKS; i++)
        fprintf(stream, ", %c%u", zone, i);
    fputs("], networks: [", stream);
    for (uint32_t i = 0; i < CITY_NETWORKS; i++) {
        write_address(stream, network_address + i * CITY_SIZE);
        fprintf(stream, "/%u, \"fd00:%c%" PRIu32 "::/48\"%s", CITY_LENGTH, zone, i,
                i + 1 < CITY_NETWORKS ? ", " : "] }\n");
    }
}

static void write_zones(enum shape shape, FILE *stream)
{
    fputs("segd: 1\n"
          "timezone: UTC\n"
          "zones:\n",
          stream);
    if (shape != SHAPE_CITY) {
        fputs("  a: { class: other, interfaces: [" SHAPE_INTERFACE_A "],"
              " networks: [10.0.0.0/9, \"fd00:a::/48\"] }\n"
              "  b: { class: other, interfaces: [" SHAPE_INTERFACE_B "],"
              " networks: [10.128.0.0/9, \"fd00:b::/48\"] }\n",
              stream);
        return;
    }

    write_city_zone('a', SHAPE_INTERFACE_A, SHAPE_NETWORK_A, stream);
    write_city_zone('b', SHAPE_INTERFACE_B, SHAPE_NETWORK_B, stream);
    for (unsigned i = 0; i < 12; i++)
        fprintf(stream,
                "  other%u: { class: other, interfaces: [other%u], networks: [172.16.%u.0/24] }\n",
                i, i, i);
}

void shape_write(enum shape shape, size_t n_flows, FILE *stream)
{
    write_zones(shape, stream);
    fputs("gateway: { protect: true }\n", stream);
    write_ends(shape, n_flows, stream);
    fputs("flows:\n", stream);
    for (size_t i = 0; i < n_flows; i++)
        write_flow(shape, i, stream);
}

void shape_write_grid(size_t n_flows, FILE *stream)
{
    write_zones(SHAPE_DISTINCT, stream);
    fputs("services: { s: tcp/443 }\n"
          "hosts:\n",
          stream);
    for (size_t i = 0; i < GRID_HOSTS; i++) {
        write_host(stream, 'a', i, SHAPE_NETWORK_A);
        write_host(stream, 'b', i, SHAPE_NETWORK_B);
    }
    fputs("flows:\n", stream);
    for (size_t i = 0; i < n_flows; i++)
        fprintf(stream, "  f%zu: {from: a%zu,to: b%zu,services: [s]}\n", i, i % GRID_HOSTS,
                i / GRID_HOSTS);
}

/* A host of a zone, whose network is the zone's 4,096 addresses of 10.0.0.0/8. */
static void write_zone_host(size_t zone, size_t flow, char end, FILE *stream)
{
    fprintf(stream, "  %c%zu: { zone: z%zu, address: ", end, flow, zone);
    write_address(stream, SHAPE_NETWORK_A + (uint32_t)zone * 4096 + HOST_FIRST +
                              (uint32_t)(flow % 2048) * 2 + (end == 'd'));
    fputs(" }\n", stream);
}

static size_t zone_from(size_t n_zones, size_t flow)
{
    return flow % n_zones;
}

static size_t zone_to(size_t n_zones, size_t flow)
{
    return (flow + 1 + flow / n_zones % (n_zones - 1)) % n_zones;
}

void shape_write_zones(size_t n_zones, size_t n_flows, FILE *stream)
{
    assert(n_zones > 1);
    fputs("segd: 1\n"
          "timezone: UTC\n"
          "zones:\n",
          stream);
    for (size_t i = 0; i < n_zones; i++) {
        fprintf(stream, "  z%zu: { class: other, interfaces: [wire%zu], networks: [", i, i);
        write_address(stream, SHAPE_NETWORK_A + (uint32_t)i * 4096);
        fputs("/20] }\n", stream);
    }
    fputs("gateway: { protect: true }\n"
          "hosts:\n",
          stream);
    for (size_t i = 0; i < n_flows; i++) {
        write_zone_host(zone_from(n_zones, i), i, 's', stream);
        write_zone_host(zone_to(n_zones, i), i, 'd', stream);
    }
    fputs("flows:\n", stream);
    for (size_t i = 0; i < n_flows; i++)
        fprintf(stream, "  f%zu: { from: s%zu, to: d%zu, services: [udp/%u] }\n", i, i, i,
                single_port(i));
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

void shape_write_map(size_t n_flows, FILE *stream)
{
    fprintf(stream,
            "table inet hand {\n"
            "map flows {\n"
            "type ipv4_addr . ipv4_addr . inet_proto . inet_service : verdict\n"
            "size %zu\n"
            "elements = {\n",
            n_flows * 2);
    for (size_t i = 0; i < n_flows; i++) {
        struct tuple tuple = shape_tuple(SHAPE_DISTINCT, i, 0);

        write_address(stream, tuple.source);
        fputs(" . ", stream);
        write_address(stream, tuple.destination);
        fprintf(stream, " . udp . %u : accept,\n", tuple.port);
    }
    fputs("}\n"
          "}\n"
          "chain forward {\n"
          "type filter hook forward priority filter; policy drop;\n"
          "ct state established,related accept\n"
          "ip saddr . ip daddr . meta l4proto . th dport vmap @flows\n"
          "}\n"
          "}\n",
          stream);
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
    case SHAPE_CITY:
        tuple.source = SHAPE_NETWORK_A + city_host(flow);
        tuple.destination = SHAPE_NETWORK_B + city_host(flow);
        tuple.port = single_port(flow);
        break;
    case SHAPE_CROSS:
        tuple.source = cross_host(flow, variant % CROSS_HOSTS, SHAPE_NETWORK_A);
        tuple.destination = cross_host(flow, variant / CROSS_HOSTS % CROSS_HOSTS, SHAPE_NETWORK_B);
        tuple.port = CROSS_PORT;
        break;
    case SHAPE_PORTS:
    case SHAPES:
        break;
    }
    return tuple;
}
