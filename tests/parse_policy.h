/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/policy.h"
#include "policy/texts.h"

/* A policy from one text, which diagnostics call `name`. Returns as policy_read(). */
static inline int parse_policy(const char *name, const char *text, size_t size,
                               struct sources *sources, struct diagnostics *diagnostics,
                               struct policy **ret_policy)
{
    return policy_parse_texts(&(const struct policy_text){.name = name, .text = text, .size = size},
                              1, sources, diagnostics, ret_policy);
}
