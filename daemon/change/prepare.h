/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "compiled/compiled.h"
#include "daemon/change/outcome.h"
#include "daemon/gateway.h"

/* The first steps of changes, plans and starts. They return 0, 1 if the outcome says why the change
 * ends here, or -errno. */

/* Compiles for the present instant (`now` of the input is filled in) and for this kernel. Errors of
 * the policy are diagnostics of the outcome. */
int prepare_compile(const struct gateway *gateway, const struct compiled_input *wanted,
                    struct outcome *outcome, struct compiled **ret_compiled);
/* Refuses a grant, which is a flow of the compiled policy, if none of its packets would pass. */
int prepare_check_grant(const struct compiled *compiled, const char *name,
                        const struct overrides *overrides, struct outcome *outcome);
/* The policy that is enforced, or at a start the one that was enforced last, which the caller
 * frees. It stays NULL if there is none or it cannot be read. Returns 0 or -errno. */
int prepare_read_before(const struct gateway *gateway, struct policy **ret_before);
/* Fills in what differs from `old`, what is enforced or NULL, and how many connections that cuts.
 */
int prepare_compare(const struct gateway *gateway, const struct compiled *compiled,
                    const struct policy *old, struct outcome *outcome);
