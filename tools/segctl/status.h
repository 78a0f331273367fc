/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "record/types.h"

/* Findings of the daemon, as `status` and `verify` tell them. */
bool status_is_critical(const struct finding *findings, size_t n);
void status_print_findings(const struct finding *findings, size_t n, bool colour);
