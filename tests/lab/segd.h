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
struct segd;

/*
 * Writes the policy to a file and starts segd on it; the text NULL: on a file that is not there.
 * Returns when segd says READY. The path of segd is in the environment, SEGD.
 */
struct segd *segd_start(const char *policy);
/* The same in a network namespace of its own, which the calling process enters. */
struct segd *segd_enter(const char *policy);
/*
 * The same with systemd's file-descriptor store: what segd gives to it stays open when segd ends,
 * and is handed over at the next start.
 */
struct segd *segd_start_stored(const char *policy);
/* What the store holds, borrowed, or -1; and closes it. */
int segd_stored(const struct segd *segd);
void segd_empty_store(struct segd *segd);
/* As segd_start(), on a policy that is there already: a file or a folder, which stays as it is.
 */
struct segd *segd_start_at(const char *path);
/* Starts segd again, after segd_stop(), on what is in the policy file now. */
void segd_start_again(struct segd *segd);
/* The same without waiting for READY. */
void segd_spawn(struct segd *segd);
/* Ends segd by SIGTERM and asserts that it leaves with 0. */
void segd_stop(struct segd *segd);
/* Ends segd by SIGKILL. */
void segd_kill(struct segd *segd);
/* Forgets the daemon and its files, ending it if it runs. Returns NULL. */
struct segd *segd_free(struct segd *segd);
DEFINE_CLEANUP(struct segd, segd_free)

/* Replaces the policy file; nobody is told. */
void segd_write_policy(struct segd *segd, const char *policy);
/* Sends SIGHUP, without waiting. */
void segd_signal_reload(struct segd *segd);
/*
 * Reads one notification. Without `wait` returns NULL where there is none. The text is valid until
 * the next call.
 */
const char *segd_notification(struct segd *segd, bool wait);
/* Waits for the next READY=1 and returns the whole notification. */
const char *segd_wait_ready(struct segd *segd);

/* Replaces the policy, reloads, waits for READY and asserts that the policy is enforced. */
void segd_reload(struct segd *segd, const char *policy);
/* The same, and asserts that the policy was refused. */
void segd_reload_refused(struct segd *segd, const char *policy);

/* The folder of segd's state, and its control socket; borrowed. */
const char *segd_state_path(const struct segd *segd);
const char *segd_socket_path(const struct segd *segd);
/* The path of the policy file as segd was given it; borrowed. */
const char *segd_policy_path(const struct segd *segd);
/* All that segd wrote to standard error from its first start on; the caller frees it. */
char *segd_log(const struct segd *segd);
pid_t segd_process(const struct segd *segd);

/*
 * What the kernel counted. These need no daemon. A counter that does not exist counts 0 packets:
 * tests compare with what they sent.
 */
uint64_t segd_dropped(const char *counter);
/* Sum of `REASON/a/b` and `REASON/b/a`, that is of connections opened from either side. */
uint64_t segd_dropped_between(const char *reason, const char *a, const char *b);
/* Packets refused for whatever reason. */
uint64_t segd_dropped_total(void);
/* The elements that make a flow live in one direction, as nft lists them, one a line, or NULL where
 * it is not live; the caller frees them. */
char *segd_live_element(const char *flow, bool reply);
/* Packets of one flow, from those elements; false where it is not live. */
bool segd_live(const char *flow, bool reply, struct nftables_count *ret_count);
/* Packets of one flow in one direction; the flow must be live. */
uint64_t segd_passed(const char *flow, bool reply);

/*
 * `nft -a list table inet segd`: with the handles of the kernel's objects, without the times that
 * elements have left, and without the owner. The caller frees it.
 */
char *segd_list(void);
/*
 * Takes out of a listing whose the table is. nft 1.0.6 knows the flag `owner` and not `persist`:
 * loaded as it is listed, the table would go with the nft that made it.
 */
void segd_cut_owner(char *listing);
/* Takes the times that elements have left out of a listing. */
void segd_cut_times(char *listing);
/* Asserts that two listings are equal; shows the first line that is not. */
void segd_same(const char *before, const char *after);

/*
 * Compiles a policy as if it were `now` and commits it by the library alone, without a daemon.
 * What the table holds already is replaced by difference.
 */
void segd_commit(const char *policy, usec_t now);
