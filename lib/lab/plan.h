/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "lab/probe.h"

/*
 * What the files that make a plan share. All functions return 0 or -ENOMEM.
 */

/*
 * Adds a probe. What must become of it, where it is sent unless `probe->wire_zone` says another
 * wire, and where its ends lie is found out here. A packet that the lab cannot send is left out
 * silently: one whose end is of no zone or unusable.
 */
int plan_add(struct plan *plan, struct probe probe);
/* A probe of the kind about a flow, with the wire of its source's zone. */
struct probe plan_probe(enum probe_kind kind, uint32_t flow, const struct packet *packet);

/* The same between a zone and the gateway, with an address of the link at the zone's end. */
struct probe plan_link_probe(enum probe_kind kind, uint32_t flow, const struct packet *packet);

/* Probes about one flow, in plan_flow.c. */
int plan_flow(struct plan *plan, uint32_t flow);
/* Probes between two zones, and what the policy expects, in plan_pair.c. */
int plan_pairs(struct plan *plan);
int plan_expectations(struct plan *plan);
