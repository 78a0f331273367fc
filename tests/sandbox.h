/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * For tests that need a network of their own. A program calls sandbox_require() first in
 * checks_add(); each of its tests, which Check runs in a process of its own, calls sandbox_enter()
 * first. Nothing here works in the machine's own network namespace: everything asserts that it is
 * elsewhere.
 */

/*
 * Tries in a child whether this machine lets this user have a network namespace. Where it does
 * not, says why and ends the program with exit code 77, which Meson counts as skipped; any other
 * failure ends it with 1.
 */
void sandbox_require(void);

/* Enters a new network namespace for good, and asserts that it is a new one. */
void sandbox_enter(void);

/*
 * Becomes an ordinary user (65534) for good, so that a test can show that no privilege is needed.
 * To be called before sandbox_enter().
 */
void sandbox_become_user(void);

/*
 * Runs a program of the PATH (with the sbin folders) in the sandbox with `input` (may be NULL) as
 * its standard input. Returns its exit status. What it printed, to standard output and error, is a
 * text in `*ret_output` that the caller frees; `ret_output` may be NULL.
 */
int sandbox_run(const char *const *arguments, const char *input, char **ret_output);

/* Leaves the mounts of the machine for good: what is mounted from now on is the test's own. */
void sandbox_enter_mounts(void);

/* Loads nftables text, as `nft -f`; asserts that it is accepted. */
void sandbox_nft(const char *text);
/* The same, and returns the exit status and what nft wrote, as sandbox_run(). */
int sandbox_nft_try(const char *text, char **ret_output);
/* Asserts that nft takes the text, by `nft -c` in a network namespace that holds no table. */
void sandbox_nft_check(const char *text);

/* What `nft list` says of this object, such as "ruleset"; the caller frees it. */
char *sandbox_nft_list(const char *object);
