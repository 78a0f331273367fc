/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "control/client.h"
#include "tests/lab/segd.h"

/*
 * The client of a daemon under test. It calls methods of io.segd.Control as any other client does,
 * each over a connection of its own, and a call that is not answered as expected fails the test.
 * `parameters` are stolen; NULL for none.
 */

/* Asserts that the call succeeds. Returns the reply, which the caller owns. */
json_t *calls_get(const struct segd *segd, const char *method, json_t *parameters);
/* The same without the reply. */
void calls_do(const struct segd *segd, const char *method, json_t *parameters);
/* Asserts that the call is answered by this error of io.segd.Control, with a message. */
void calls_refused(const struct segd *segd, const char *method, json_t *parameters,
                   const char *error);
/* Returns what client_connect() or client_call() returns. */
int calls_try(const struct segd *segd, const char *method, json_t *parameters, json_t **ret_reply,
              char **ret_error);

/* Parameters from JSON that has ' in place of ". */
json_t *calls_parameters(const char *text);
/* Parameters of Apply with this text as the whole policy; `confirm` in seconds, 0: for good. */
json_t *calls_policy(const char *policy, int confirm);

/* What GetStatus says. The generation is 0 where there is none. */
json_int_t calls_generation(const struct segd *segd);
json_int_t calls_repairs(const struct segd *segd);
bool calls_owned(const struct segd *segd);
/* The name of the override that was made last; the caller frees it. */
char *calls_last_override(const struct segd *segd);
/* Asserts that there is such a finding, or that there is none. */
void calls_finding(const struct segd *segd, const char *code, bool present);
/* The folder of the evidence of an isolation that this reply is of; borrowed. */
const char *calls_evidence(const struct segd *segd, const json_t *isolated);
/* Waits until the evidence is complete. */
void calls_wait_evidence(const struct segd *segd, const char *folder);
/* Asserts that the kernel holds what was applied. */
void calls_verify_kernel(const struct segd *segd);
/* The same, and that the audit log is whole. */
void calls_verify(const struct segd *segd);

/* Asserts that nothing in the state folder waits to become a generation. */
void assert_nothing_staged(const char *state);

/* Sends the call over a connection of its own, which is returned, and does not wait. `more` asks
 * for more than one reply. */
int calls_send(const struct segd *segd, const char *method, bool more, json_t *parameters);
/* Reads the next reply. Without `wait` returns NULL where it has not come as a whole. The caller
 * frees it. */
char *calls_receive(int connection, bool wait);

/* The object of an array whose field has this text; NULL where none has. Borrowed. */
const json_t *find_text(const json_t *array, const char *field, const char *text);
/* Asserts that both are equal; `expected` is stolen. */
void assert_json(const json_t *json, json_t *expected);
