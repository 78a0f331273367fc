/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/control/followers.h"
#include "daemon/gateway.h"

/* What the methods work on: the userdata of their handlers. */
struct control {
    struct gateway *gateway; /* borrowed */
    struct followers followers;
    struct denial_follower *denial_followers; /* calls of GetDenials that want more */
};

/* Tells followers of GetDenials what was refused, each at most once a second; one that does not
 * read is cut off. And frees all of them without an answer. In method_denials.c. */
void denial_followers_tell(struct control *control);
void denial_followers_clear(struct control *control);

/* Of workers, as `enter`, `learn` and `learned` with the control as `userdata`: a worker that has
 * read a copy in place of a damaged file has a finding to tell. */
int control_enter_worker(enum method_place place, void *userdata);
json_t *control_learn(void *userdata);
void control_learned(const json_t *learned, void *userdata);

/* How workers prepare changes, which the gateway makes; with the control as `userdata`. */
extern const struct server_change control_change;

/* Writes a refused attempt to the audit log, as `server_refused` with the control as `userdata`. */
void control_note_refusal(const struct actor *actor, const char *method, const char *why,
                          const char *outcome, uint64_t omitted, void *userdata);
