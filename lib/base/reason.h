/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Why a packet does not pass, and what a reason is called wherever it shows: in answers and JSON,
 * in the names of the kernel's counters and chains, and before each packet written to NFLOG.
 */
enum reason {
    REASON_NONE, /* it passes */
    REASON_NO_FLOW,
    REASON_SUSPENDED, /* a flow owns it that does not pass now */
    REASON_SPOOFED,   /* its source belongs to no zone of its interface */
    REASON_MAC_MISMATCH,
    REASON_INVALID,
    REASON_UNKNOWN_INTERFACE,
    REASON_LIMITED,    /* the flow's limit is reached */
    REASON_CLEAR_TEXT, /* from or to a zone that requires IPsec, without it */
    REASON_ISOLATED,   /* it would pass, but one of the zones is isolated */
    REASON_LOCKDOWN,   /* there is no policy to apply */
};
#define REASONS 11

/* What stands after a reason in the names of its counters. */
enum reason_detail {
    REASON_DETAIL_NONE, /* nothing: one counter, `REASON` */
    REASON_DETAIL_ZONE, /* `REASON/ZONE` */
    /* `REASON/FROM/TO`, both zones. In the kernel it is elements of the set `REASON`, by
     * interfaces, and `REASON` counts what is of no pair that is known. */
    REASON_DETAIL_PAIR,
    REASON_DETAIL_FLOW, /* `REASON/FLOW` */
};

/* The name that starts those of all parts of the ruleset which isolate a zone, but for its log. */
#define REASON_NAME_ISOLATED "isolated"

/* Static strings; NULL for REASON_NONE. */
const char *reason_to_string(enum reason reason);
const char *reason_log_prefix(enum reason reason);
/* The chain in which packets refused for it end; the sets that bound how many of them are logged of
 * each pair of interfaces, by how their names begin; and the counter of those that are not logged
 * for that. */
const char *reason_chain(enum reason reason);
const char *reason_log_set(enum reason reason);
const char *reason_unlogged(enum reason reason);
enum reason_detail reason_detail(enum reason reason);

/*
 * The reason whose packets a counter of the table counts; REASON_NONE where it counts none.
 * `*ret_rest` borrows from the name what follows the first slash, or is "".
 */
enum reason reason_of_counter(const char *name, const char **ret_rest);
