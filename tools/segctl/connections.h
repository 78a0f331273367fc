/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/wire.h"

/* A connection in two lines, or more if addresses are translated or names are long; none is wider
 * than the terminal, or 80 columns elsewhere. */
void connections_print(const struct wire_connection *connection, bool colour);
/* The first few, indented, and how many more of `n_all` there are. */
void connections_print_some(const struct wire_connection *list, size_t n, uint64_t n_all,
                            bool colour);
