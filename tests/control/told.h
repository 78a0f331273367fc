/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "asking.h"

/* What a daemon under test tells of itself over its control socket. Everything asserts. */

/* Asserts that the method is refused with this error of the interface. */
void told_refused(const struct gateway *gateway, const char *method, json_t *parameters,
                  const char *error);

/* What GetStatus tells. The generation is 0 where there is none. */
json_int_t told_generation(const struct gateway *gateway);
json_int_t told_repairs(const struct gateway *gateway);
bool told_owned(const struct gateway *gateway);
/* Asserts that there is such a finding, or that there is none. */
void told_finding(const struct gateway *gateway, const char *code, bool present);
/* Asserts that the kernel holds what was applied. */
void told_verified(const struct gateway *gateway);
