/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/arena.h"
#include "kernel/nftables.h"
#include "observe/links.h"
#include "policy/policy.h"

/*
 * Ways around the ruleset that this gateway has open, and what else on it takes approved packets
 * away. Each is a finding: nothing here changes anything.
 *
 *   bridged-zones       interfaces of two zones are in one bridge, or zone interfaces in a bridge
 *                       through which packets pass below forwarding
 *   unnamed-interface   an interface is up that no zone names
 *   misplaced-address   the gateway has an address of one zone on an interface of another
 *   own-address         a host of a zone has an address of this machine: flows of it mean nothing
 *   flowtable           a flowtable carries packets past the rules
 *   notrack             a rule of another table takes packets out of connection tracking
 *   others-drop         a base chain of another table can drop what the policy approves
 *   others-mark         rules of another table write the mark of connections
 *   others-send         rules of another table send packets on, or copies of them
 *   shared-redirects    redirects are on for an interface of two zones: told by one, hosts of the
 *                       other go around the gateway
 *   xdp-program         an XDP program is on a zone's interface
 *   tc-program          a classifier or action of tc is on a zone's interface
 *   forwarding-off      the kernel forwards nothing for a family that the policy has flows for
 *   bridge-netfilter    bridged packets are given to the rules for forwarded ones
 *   connections-many    the kernel follows 80 % of the connections that it can, or more
 *   connections-full    it drops new connections, for it can follow no more
 *   source-routes       a sender may choose where the gateway sends its packet on
 *   virtual-servers     IPVS sends packets on that no rule judges
 *   label-routes        MPLS carries packets past the rules
 *   segment-routes      segment routing unpacks packets after the rules
 *   ipsec-policy        nothing but policies of IPsec keeps clear packets of a zone out
 *   shared-vrf          a VRF device is of several zones, whose packets cannot be told apart
 *   vrf-not-in-zone     a port of a VRF device is in a zone, and the VRF device is not
 *   vrf-output          what the gateway itself sends through a VRF device is refused
 *   alternative-name    the policy names an interface by a name that rules do not match
 *   legacy-tables       rules of iptables-legacy, which cannot be read, may drop
 */
#define BYPASS_OTHERS_DROP "others-drop"
/* The object of both: the table as `inet fw`, the chain, and its hook. */
#define BYPASS_CHAIN_FORMAT "table %s chain %s hook %s"

struct bypass {
    const char *code;    /* a static string from the list above */
    const char *object;  /* interface, table or sysctl; arena */
    const char *message; /* one sentence for people, without a final full stop; arena */
};

struct bypasses {
    struct bypass *bypasses; /* arena */
    size_t n_bypasses;
};

/*
 * Looks for all of them. `outline` is the policy or its outline. What cannot be looked at is a
 * finding too (`unknown`), never silence. Returns 0, -ENOMEM.
 */
int bypasses_find(const struct policy *outline, const struct links *links,
                  struct nftables *nftables, struct arena *arena, struct bypasses *ret_bypasses);
