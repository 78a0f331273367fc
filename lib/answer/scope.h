/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "answer/moment.h"
#include "answer/question.h"

/*
 * A verdict is given for one address of each end. Whether it holds for all that was named there:
 * for services `span`, of which `owner` (or NO_FLOW) owns each at the addresses judged.
 *
 * Writes false also where it holds only because several flows together cover what was named.
 * Returns 0 or -ENOMEM.
 */
int scope_is_whole(const struct question *question, enum family family, struct service_span span,
                   uint32_t owner, const struct moment *moment, bool *ret_whole);
