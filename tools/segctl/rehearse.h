/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>

#include "base/diagnostics.h"
#include "lab/rehearsal.h"

/* For people: the failures, a table of totals, and one line with the result. Returns
 * 0 or -ENOMEM. */
int rehearsal_print(const struct rehearsal *rehearsal, const struct sources *sources, bool colour);
/* A new reference; NULL without memory. */
json_t *rehearsal_to_json(const struct rehearsal *rehearsal, const struct sources *sources);
