/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/cleanup.h"

/*
 * The interfaces of the network namespace in which links_open() was called, followed by libnl-3.
 */
struct links;

struct link_address {
    enum family family;
    ip_number address;
    uint8_t length;
};

/* One interface. Valid until the next call of links_read(); borrowed. */
struct link {
    int index;
    const char *name;
    const char *kind; /* `veth`, `vlan`, `bridge`, …; empty where it has none */
    bool up;          /* administratively up and with carrier */
    int master;       /* index of the bridge, bond or VRF it is in; 0: none */
    int lower;        /* index of what it stands on here (of a veth: its peer); 0: none */
    uint8_t mac[6];
    bool xdp; /* an XDP program is attached */
    struct link_address *addresses;
    size_t n_addresses;
};

/* Reads all that is there. Returns 0, -ENOMEM or -errno. */
int links_open(struct links **ret_links);
struct links *links_close(struct links *links);
DEFINE_CLEANUP(struct links, links_close)
/* To be waited on for reading; borrowed. */
int links_fd(const struct links *links);
/*
 * Takes in what has arrived. Lost notifications lead to reading everything again, here. Returns 1
 * where anything changed, forwarding through an interface or all of them too, which is not kept
 * here; 0 where nothing did; or -errno.
 */
int links_read(struct links *links);

size_t links_count(const struct links *links);
/* In order of index. */
const struct link *links_at(const struct links *links, size_t i);
/* NULL where there is none. */
const struct link *links_find(const struct links *links, const char *name);
const struct link *links_find_index(const struct links *links, int index);
