/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "lab/lab.h"
#include "lab/network.h"
#include "lab/reassembly.h"

/*
 * What a lab is made of, shared by lab.c, which builds it, and lab_traffic.c, which sends and
 * receives in it. No other file includes this.
 */

/* The IEEE keeps this Ethernet type for local experiments; the lab's markers have it. */
#define LAB_MARKER_TYPE ETH_P_802_EX1
/* Frames that are read at once. */
#define LAB_BATCH 32

struct wire {
    int ifindex;     /* in the gateway */
    int far_ifindex; /* in the far namespace */
    struct mac mac;
    struct mac far_mac;
};

struct received {
    struct frame frame;
    size_t interface;
};

struct lab {
    struct nl_sock *route; /* into the gateway's namespace */
    int far_socket;        /* raw, all far ends; it keeps the far namespace alive */
    int marker_socket;     /* raw, all gateway ends, markers only */
    struct wire *wires;
    size_t n_wires;
    bool pinned;
    cpu_set_t affinity; /* of the process before lab_new() */

    uint16_t identification;
    uint32_t marker;    /* number of the last marker */
    unsigned in_flight; /* frames sent since then */

    struct received *queue; /* what has come and was not asked for yet: from `head` on */
    size_t n_queue, capacity, head;
    struct reassembly *reassembly;
    uint8_t bytes[LAB_BATCH][2048];
};
