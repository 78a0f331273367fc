/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/plan.h"

/* What the files of plans share. All return 0 or -ENOMEM. */

/* What differs between two flows that are the same, as a text for people; NULL: nothing does. */
int plan_compare_flows(const struct policy *old_policy, const struct flow *old,
                       const struct policy *new_policy, const struct flow *new, char **ret_detail);
/* Adds a sentence for each zone that came, went or changed, and for what the gateway does. */
int plan_compare_zones(struct plan *plan, const struct policy *old, const struct policy *new);
/* Takes the sentence over; NULL counts as no memory. */
int plan_add_zone(struct plan *plan, char *sentence);
