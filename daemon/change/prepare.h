/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "compiled/compiled.h"
#include "daemon/change/outcome.h"
#include "daemon/gateway.h"

/* What changes, plans and starts prepare. Both return 0, 1 where it ends here (the outcome says
 * why), -ENOMEM or -errno. */

/* Compiles at this instant (`now` of the input is filled in) for this kernel. Mistakes are in the
 * outcome, with their places. */
int prepare_compile(const struct gateway *gateway, const struct compiled_input *wanted,
                    struct outcome *outcome, struct compiled **ret_compiled);
/* What it changes of what is enforced, into the outcome. `*ret_old` is the policy that is
 * enforced, which the caller frees; NULL where there is none or it cannot be read. */
int prepare_compare(const struct gateway *gateway, const struct compiled *compiled,
                    struct policy **ret_old, struct outcome *outcome);
