/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libmnl/libmnl.h>

#include "observe/conntrack.h"

/* Reads one dumped connection. Returns 1, or 0 for a message that describes none we know. */
int connection_parse(const struct nlmsghdr *message, struct connection *ret_connection);
