/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/calendar.h"
#include "base/cleanup.h"
#include "base/diagnostics.h"
#include "base/location.h"
#include "policy/grammar.h"

/*
 * A policy as it was parsed: known keys with their texts and places, nothing looked up and nothing
 * believed. Only the resolver makes a policy of it. Objects and their texts belong to the list they
 * stand in, everything else to the draft's arena; absent keys are NULL.
 */

#define LANGUAGE_VERSION "1"

/* A scalar; or a list of them, in order, where the language takes a list. */
struct draft_text {
    struct draft_text *next;
    struct location location;
    char text[];
};

/* What all named things have in common; the first member of each of them. */
struct draft_object {
    struct draft_object *next; /* of its kind, in file order */
    struct draft_text *name;   /* empty text for items of lists, which have only a place */
    bool broken;               /* an error was reported inside it */
};

struct draft_zone {
    struct draft_object object;
    struct draft_text *label;
    struct draft_text *class;
    struct draft_text *interfaces;
    struct draft_text *networks;
    struct draft_text *intra;
    struct draft_text *ipsec;
};

struct draft_host {
    struct draft_object object;
    struct draft_text *zone;
    struct draft_text *address;
    struct draft_text *mac;
    struct draft_text *label;
};

struct draft_group {
    struct draft_object object;
    struct draft_text *zone;
    struct draft_text *members;
    struct draft_text *members_from;
    struct draft_text *label;
};

struct draft_service {
    struct draft_object object;
    struct draft_text *literals;
};

struct draft_approval {
    struct draft_text *number;
    struct draft_text *requester;
    struct draft_text *approver;
    struct draft_text *date;
};

struct draft_schedule {
    struct draft_text *days;
    struct draft_text *hours;
};

struct draft_limit {
    struct draft_text *new;
    struct draft_text *concurrent;
};

struct draft_flow {
    struct draft_object object;
    struct draft_text *label;
    struct draft_text *from;
    struct draft_text *to;
    struct draft_text *services;
    struct draft_text *purpose;
    struct draft_approval *approval;
    struct draft_text *expires;
    struct draft_text *reviewed;
    struct draft_schedule *schedule;
    struct draft_text *sanitize;
    struct draft_limit *limit;
    struct draft_text *log;
    struct draft_text *reject;
    struct draft_text *enabled;
};

struct draft_gateway {
    struct draft_text *protect;
    struct draft_text *forwarding;
    struct draft_text *mark_mask;
};

struct draft_reject {
    struct draft_object object;
    struct draft_text *from;
    struct draft_text *to;
};

struct draft_expectation {
    struct draft_object object;
    struct draft_text *from;
    struct draft_text *to;
    struct draft_text *service;
    struct draft_text *verdict;
};

/* A file of addresses from which groups take members: its name is `lists/NAME.txt`. */
struct draft_addresses {
    struct draft_object object;
    struct draft_text *texts; /* one of each line that has any */
    size_t n_texts;
};

struct draft_chunk;

/* All things of one kind, in file order. */
struct draft_list {
    struct draft_object *first;
    struct draft_object *last;
    size_t n_objects;
    /* The memory of the objects, in their order; those done with are at the front. */
    struct draft_chunk *first_chunk;
    struct draft_chunk *last_chunk;
    size_t n_chunks;
    size_t n_done;
};

struct draft {
    struct arena *arena;
    struct draft_text *version; /* of the last file that says one */
    struct draft_text *site;
    struct draft_text *timezone;
    struct draft_text *rules;
    struct draft_text *model;
    struct draft_gateway *gateway;
    struct draft_list zones;
    struct draft_list hosts;
    struct draft_list groups;
    struct draft_list services;
    struct draft_list flows;
    struct draft_list rejects;
    struct draft_list expectations;
    struct draft_list addresses;                  /* files of them */
    size_t n_addresses;                           /* in all these files */
    struct location first_seen[MAPPING_KEYS_MAX]; /* of each key of a file, in grammar's order */
    /* Of each source from `first_source` on the instant at which all of its flows end, 0 where the
     * text says when; or NULL. Borrowed. */
    const usec_t *ends;
    size_t first_source;
    /* Something is missing whose absence would look like further mistakes: do not resolve. */
    bool incomplete;
};

/* Returns 0 and a draft that the caller owns, or -ENOMEM. */
int draft_new(struct draft **ret_draft);
struct draft *draft_free(struct draft *draft);
DEFINE_CLEANUP(struct draft, draft_free)

/* The arena for the next object of the list and all it holds; borrowed. Returns 0 or -ENOMEM. */
int draft_list_arena(struct draft_list *list, struct arena **ret_arena);
void draft_list_append(struct draft_list *list, struct draft_object *object);
/*
 * The object after `object`, which must be the first that was not passed over yet: that one and
 * all it holds may be freed by this.
 */
struct draft_object *draft_list_next(struct draft_list *list, struct draft_object *object);
/* Frees all objects of the list, which is empty then. */
void draft_list_clear(struct draft_list *list);

/*
 * Parses the file `source` of `sources` into the draft, after what is there. Mistakes of the text,
 * its YAML and its keys are reported. Returns 0 (also then) or -ENOMEM.
 */
int draft_parse(struct draft *draft, const struct sources *sources, uint32_t source,
                struct diagnostics *diagnostics);
/*
 * Parses a file of addresses, `name` (borrowed) of which is that of its list. Where no group names
 * the list (not `is_used`) that is a warning, and only its bytes are looked at: generations keep
 * them as text. Returns as draft_parse().
 */
int draft_parse_addresses(struct draft *draft, const char *name, bool is_used,
                          const struct sources *sources, uint32_t source,
                          struct diagnostics *diagnostics);
