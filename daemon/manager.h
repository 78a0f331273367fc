/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/cleanup.h"
#include "daemon/gateway.h"

/*
 * The running daemon: one event loop for the gateway, the clients of the control socket, signals,
 * and what must follow a change.
 *
 *   SIGHUP            apply the policy files; invalid ones change nothing
 *   SIGTERM, SIGINT   end; what is enforced stays in the kernel
 */
struct manager_options {
    struct gateway_options gateway;
    const char *socket_path; /* of the control socket, if systemd passes none */
};

struct manager;

/* Returns 0 or -errno; what went wrong has been logged. */
int manager_new(const struct manager_options *options, struct manager **ret_manager);
struct manager *manager_free(struct manager *manager);
DEFINE_CLEANUP(struct manager, manager_free)

/* Enforces, tells systemd, and runs until a signal ends it. Returns 0, or -errno where not even the
 * lockdown could be committed. */
int manager_run(struct manager *manager);
