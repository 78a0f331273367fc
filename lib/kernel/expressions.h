/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "kernel/nftnl.h"
#include "ruleset/ruleset.h"

/*
 * The statements of a rule as the kernel's expressions, the same that nft makes of the same words,
 * so that nft finds the words again. Appends them to `target`. Returns 0 or -ENOMEM.
 */
int expressions_add(struct nftnl_rule *target, const struct rule *rule);

/* More bytes than the message of a rule with these statements takes. */
size_t expressions_room(const struct rule *rule);

/* True where two rules do the same: counters and other state of theirs do not matter. */
bool expressions_equal(const struct nftnl_rule *a, const struct nftnl_rule *b);

/* The expressions in libnftnl's notation, for rules that nobody here knows. NULL: no memory. */
const char *expressions_text(struct arena *arena, const struct nftnl_rule *rule);
