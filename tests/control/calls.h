/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "control/client.h"
#include "tests/lab/gateway.h"

/* The control socket of a daemon under test, for tests that care for what the call does. */

/* Connects, calls and asserts that the call succeeds. Returns the reply, which the caller owns.
 * `parameters` is stolen and may be NULL. */
json_t *calls_do(const struct gateway *gateway, const char *method, json_t *parameters);
/* Asserts that the call is answered by this error of io.segd.Control. Returns its parameters. */
json_t *calls_refused(const struct gateway *gateway, const char *method, json_t *parameters,
                      const char *error);
/* Asserts that the daemon ends before it answers. */
void calls_kill(const struct gateway *gateway, const char *method, json_t *parameters);
/* Sends the call over a connection of its own, which is returned, and does not wait. */
int calls_send(const struct gateway *gateway, const char *method, const json_t *parameters);

/* What has come over that connection, without waiting: the whole answer, or NULL where it is not
 * there yet. The caller frees it. */
char *calls_answer(int connection);

/* Parameters of Apply with this text as the whole policy; `confirm` in seconds, 0: for good. */
json_t *calls_policy(const char *text, int confirm);

/* Asserts that the kernel holds what was applied and that the audit log is sound. */
void calls_verify(const struct gateway *gateway);

/*
 * The table as nft lists it, without what differs between two tables of the same meaning: handles,
 * counts, times left, whose it is, the number of the generation, the order of elements. The caller
 * frees it.
 */
char *calls_listing(void);
