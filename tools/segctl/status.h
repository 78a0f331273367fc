/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* Findings of the daemon, as `status` and `verify` tell them. */
bool status_is_critical(const json_t *findings);
void status_print_findings(const json_t *findings, bool colour);
