/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/outcome.h"
#include "daemon/gateway.h"

/*
 * Generations that are undone unless somebody confirms them in time. Changes return 0, or a
 * negative errno if the daemon itself failed.
 */

/* Refused over a connection that was already open when the generation was applied. */
int change_confirm(struct gateway *gateway, const struct actor *actor, struct outcome *ret_outcome);
/* Nobody confirmed in time: enforces the previous generation again, or a lockdown if there is none.
 * If that fails, the confirmation stays pending and `gateway->go_back_again` is when to call this
 * again. */
int change_unconfirmed(struct gateway *gateway);
/* Whether a generation waits to be confirmed since before this boot of the machine. */
bool confirmation_is_of_other_boot(const struct gateway *gateway);
/* Writes into the record of the generation that it was not confirmed. */
void confirmation_note_failed(const struct gateway *gateway, uint64_t generation);
