/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libmnl/libmnl.h>

#include "observe/watch.h"

/* Adds what a notification tells to a transaction. True where the message ends it. */
bool watched_add(struct watched *transaction, const struct nlmsghdr *message, const char *table);
