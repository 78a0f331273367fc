/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/nftables.h"

/*
 * The daemon under test, as systemd would run it, in the network namespace of the calling process,
 * which must be a sandbox. Everything waits for events of the daemon (its notifications, its end)
 * and asserts that they come; a daemon that dies while it is waited for fails the test.
 */
struct gateway;

/*
 * Writes the policy to a file and starts segd on it; the text NULL: on a file that is not there.
 * Returns when segd says READY. The path of segd is in the environment, SEGD.
 */
struct gateway *gateway_start(const char *policy);
/* The same in a network namespace of its own, which the calling process enters. */
struct gateway *gateway_enter(const char *policy);
/*
 * The same with systemd's file-descriptor store: what segd gives to it stays open when segd ends,
 * and is handed over at the next start.
 */
struct gateway *gateway_start_stored(const char *policy);
/* What the store holds, borrowed, or -1; and closes it. */
int gateway_stored(const struct gateway *gateway);
void gateway_empty_store(struct gateway *gateway);
/* As gateway_start(), on a policy that is there already: a file or a folder, which stays as it is.
 */
struct gateway *gateway_start_at(const char *path);
/* Starts segd again, after gateway_stop(), on what is in the policy file now. */
void gateway_start_again(struct gateway *gateway);
/* The same without waiting for READY. */
void gateway_spawn(struct gateway *gateway);
/* Ends segd by SIGTERM and asserts that it leaves with 0. */
void gateway_stop(struct gateway *gateway);
/* Ends segd by SIGKILL. */
void gateway_kill(struct gateway *gateway);
/* Forgets the daemon and its files, ending it if it runs. Returns NULL. */
struct gateway *gateway_free(struct gateway *gateway);
DEFINE_CLEANUP(struct gateway, gateway_free)

/* Replaces the policy file; nobody is told. */
void gateway_write_policy(struct gateway *gateway, const char *policy);
/* Sends SIGHUP, without waiting. */
void gateway_signal_reload(struct gateway *gateway);
/*
 * Reads one notification. Without `wait` returns NULL where there is none. The text is valid until
 * the next call.
 */
const char *gateway_notification(struct gateway *gateway, bool wait);
/* Waits for the next READY=1 and returns the whole notification. */
const char *gateway_wait_ready(struct gateway *gateway);

/* Replaces the policy, reloads, waits for READY and asserts that the policy is enforced. */
void gateway_reload(struct gateway *gateway, const char *policy);
/* The same, and asserts that the policy was refused. */
void gateway_reload_refused(struct gateway *gateway, const char *policy);

/* The folder of segd's state, and its control socket; borrowed. */
const char *gateway_state_path(const struct gateway *gateway);
const char *gateway_socket_path(const struct gateway *gateway);
/* The path of the policy file as segd was given it; borrowed. */
const char *gateway_policy_path(const struct gateway *gateway);
/* All that segd wrote to standard error from its first start on; the caller frees it. */
char *gateway_log(const struct gateway *gateway);
pid_t gateway_process(const struct gateway *gateway);

/*
 * What the kernel counted. These need no daemon. A counter that does not exist counts 0 packets:
 * tests compare with what they sent.
 */
uint64_t gateway_dropped(const char *counter);
/* Sum of `REASON/a/b` and `REASON/b/a`, that is of connections opened from either side. */
uint64_t gateway_dropped_between(const char *reason, const char *a, const char *b);
/* Packets refused for whatever reason. */
uint64_t gateway_dropped_total(void);
/* The element that makes a flow live in one direction, as nft lists it, or NULL where it is not
 * live; the caller frees it. */
char *gateway_live_element(const char *flow, bool reply);
/* Packets of one flow, from that element; false where it is not live. */
bool gateway_live(const char *flow, bool reply, struct nftables_count *ret_count);
/* Packets of one flow in one direction; the flow must be live. */
uint64_t gateway_passed(const char *flow, bool reply);

/*
 * `nft -a list table inet segd`: with the handles of the kernel's objects, without the times that
 * elements have left, and without the owner. The caller frees it.
 */
char *gateway_list(void);
/*
 * Takes out of a listing whose the table is. nft 1.0.6 knows the flag `owner` and not `persist`:
 * loaded as it is listed, the table would go with the nft that made it.
 */
void gateway_cut_owner(char *listing);
/* Asserts that two listings are equal; shows the first line that is not. */
void gateway_same(const char *before, const char *after);

/*
 * Compiles a policy as if it were `now` and commits it by the library alone, without a daemon.
 * What the table holds already is replaced by difference.
 */
void gateway_commit(const char *policy, usec_t now);
