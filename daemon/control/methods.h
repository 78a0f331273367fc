/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "daemon/control/server.h"

/* The table of methods; the userdata of their handlers is a struct control. */
extern const struct method control_methods[];
extern const size_t control_n_methods;
