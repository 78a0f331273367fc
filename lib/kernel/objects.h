/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/batch.h"

/*
 * Messages of everything but elements. Each adds to the batch what its name says, for the table,
 * with `change` as the messages' origin; `flags` are NFT_TABLE_F_*. 0, -ENOMEM, or -EMSGSIZE for a
 * rule that fits no message.
 */
int objects_add_table(struct batch *batch, const char *table, uint32_t flags,
                      const struct change *change);
int objects_add_counter(struct batch *batch, const char *table, const struct change *change);
int objects_add_chain(struct batch *batch, const char *table, const struct change *change);
int objects_add_set(struct batch *batch, const char *table, const struct change *change);
int objects_add_rules(struct batch *batch, const char *table, const struct change *change);
/* Deletes what the change is about: a chain, set or counter, all rules of a chain, or the table
 * with everything in it. */
int objects_delete(struct batch *batch, const char *table, const struct change *change);

/* nft's number for a key of these types: a concatenation has 6 bits for each. And back: 0 or
 * -EINVAL for types that no set of a ruleset has. */
uint32_t objects_key_number(const enum datatype *types, size_t n);
int objects_key_types(uint32_t number, enum datatype *ret_types, size_t *ret_n);

/* The kernel's number of a hook, and back; -1 for HOOK_NONE, HOOK_NONE for any other. */
int objects_hook_number(enum hook hook);
enum hook objects_hook(uint32_t number);
