/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/outcome.h"
#include "daemon/gateway.h"

/*
 * A generation that goes back by itself unless somebody confirms it in time. Return 0, or a
 * negative errno where the daemon itself failed.
 */

/* Refused over a connection that was open when the generation was applied. */
int change_confirm(struct gateway *gateway, const struct actor *actor, struct outcome *ret_outcome);
/* Nobody confirmed in time: the generation before is enforced again, and where there is none
 * nothing passes. */
int change_unconfirmed(struct gateway *gateway);
/* Whether one waits that belongs to another boot of the machine. */
bool confirmation_is_of_other_boot(const struct gateway *gateway);
/* Notes beside the generation that it was not confirmed. */
void confirmation_note_failed(const struct gateway *gateway, uint64_t generation);
