/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/target.h"

/*
 * The only way in which anything becomes enforced. The caller makes a target, which says what is to
 * be enforced; transaction_run() does the rest, in this order:
 *
 *   what opens    prepare, check | audit log, disk, kernel, note
 *   what closes   prepare, check | kernel, note, disk, audit log
 *
 * What comes before the line changes nothing that is enforced. A child of the daemon may do it, and
 * hands over the rest (handover.h). What opens is refused if it cannot be written. What closes, and
 * what time does, reaches the kernel in any case; what could not be written is written later
 * (gateway.h).
 *
 * Enforces and keeps the target; its generation, state and texts move to the gateway. Returns 0, 1
 * if the outcome says why it was refused, or -errno if the daemon itself failed. Unless it returns
 * 0, nothing has changed in the kernel or on the disk.
 */
int transaction_run(struct gateway *gateway, struct target *target, struct outcome *outcome);
