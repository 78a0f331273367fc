/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "record/wire.h"

/* A connection in two lines, or more if addresses are translated or names are long; none is wider
 * than 80 columns. */
void connections_print(const struct wire_connection *connection, bool colour);
