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
/* Fills in what differs from what is enforced, and how many connections that cuts. `*ret_old` is
 * the enforced policy, which the caller frees; NULL if there is none or it cannot be read. */
int prepare_compare(const struct gateway *gateway, const struct compiled *compiled,
                    struct policy **ret_old, struct outcome *outcome);
