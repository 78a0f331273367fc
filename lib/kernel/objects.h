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
/* Deletes all elements of the set of the change. `flags` are those of the message. */
int objects_flush_set(struct batch *batch, const char *table, const struct change *change,
                      uint16_t flags);

/* The types that nft's number for a key stands for. 0, or -EINVAL for types that no set of a
 * ruleset has. */
int objects_key_types(uint32_t number, enum datatype *ret_types, size_t *ret_n);

/* The hook of the kernel's number; HOOK_NONE where there is none. */
enum hook objects_hook(uint32_t number);
