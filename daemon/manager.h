/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/cleanup.h"

/*
 * The running daemon: one event loop, what it enforces, and the signals it obeys.
 *
 *   SIGHUP            read the policy again; an invalid one leaves what runs
 *   SIGTERM, SIGINT   leave; what is enforced stays in the kernel
 */
struct manager;

/* `policy_path` is borrowed. Returns 0 or -errno; what went wrong has been logged. */
int manager_new(const char *policy_path, struct manager **ret_manager);
struct manager *manager_free(struct manager *manager);
DEFINE_CLEANUP(struct manager, manager_free)

/* Commits the policy, or locks down where it cannot, tells systemd, and stays until told to leave.
 * Returns 0, or -errno where not even the lockdown could be committed. */
int manager_run(struct manager *manager);
