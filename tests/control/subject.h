/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/gateway.h"

/* A daemon in the test's own process, which never waits for events. A zeroed one is none. */
struct subject {
    char folder[64];
    char state[96];
    char file[96]; /* its policy */
    struct gateway *gateway;
};

/* Starts it with this policy in the network namespace of the caller, in a folder of its own.
 * Asserts that something is enforced, if only a lockdown. */
void subject_start(struct subject *subject, const char *policy);
/* The next process after this one has ended, with the same folder. */
/* Ends it as an orderly stop does: evidence is complete. */
void subject_stop(struct subject *subject);
void subject_start_again(struct subject *subject);
void subject_clear(struct subject *subject);
