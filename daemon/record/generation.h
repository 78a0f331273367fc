/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "base/sha256.h"
#include "policy/overrides.h"
#include "policy/texts.h"
#include "record/types.h"

/*
 * One applied policy, kept so that it can be enforced again. Three files in the folder of
 * generations:
 *
 *   NUMBER.policy.json   the texts of its files; written once, its fingerprint is their digest
 *   NUMBER.flows.json    what it approves, with digests of its flows: which of them an older
 *                        generation has too
 *   NUMBER.json          who, when, why, with which overrides, and its outcome
 *
 * Every field of a record is checked when it is read, and its texts against the fingerprint: a
 * damaged generation is reported and never enforced.
 */
#define GENERATIONS_KEPT 32
/* Bytes of a record, and of a file of texts: the policy's bound, with room for JSON's escapes. */
#define GENERATION_RECORD_MAX ((size_t)16 * 1024 * 1024)
#define GENERATION_TEXTS_MAX (2 * POLICY_SIZE_MAX)

/* A zeroed generation is empty. */
void generation_clear(struct generation *generation);
/* Returns 0 or -ENOMEM. */
int generation_copy(const struct generation *generation, struct generation *ret_copy);

/* Texts that own their memory. */
struct policy_texts {
    struct policy_text *texts;
    size_t n_texts;
};
void policy_texts_clear(struct policy_texts *texts);
int policy_texts_copy(const struct policy_texts *texts, struct policy_texts *ret_copy);
/* The texts in `sources`, copied. Returns 0 or -ENOMEM. */
int policy_texts_from_sources(const struct sources *sources, struct policy_texts *ret_texts);
/* SHA-256 of names and texts with their lengths, in their order. Names count without their folders,
 * that of a list as `lists/NAME.txt`: the same files in another place are the same policy. */
const char *policy_texts_fingerprint(const struct policy_text *texts, size_t n_texts,
                                     char buffer[SHA256_TEXT_MAX]);

/* What a policy approves, if its texts are lost. A zeroed structure is empty. */
struct approved {
    char *frame;  /* a policy without flows: zones, hardware addresses, the gateway */
    char **flows; /* digests of each flow with all that it says; sorted */
    size_t n_flows;
};
void approved_clear(struct approved *approved);

/* The folder; `directory` is an open file descriptor of it, borrowed. */
struct generations;
int generations_open(int directory, struct generations **ret_generations);
struct generations *generations_close(struct generations *generations);
DEFINE_CLEANUP(struct generations, generations_close)
/*
 * From now on keeps copies of the newest COPIES_KEPT generations and of those of `keep` in another
 * folder, borrowed too. Where a file is damaged or missing, its copy is read. Returns as
 * generations_open().
 */
#define COPIES_KEPT 4
int generations_keep_copies(struct generations *generations, int directory);

/* The numbers of all generations in order, also of damaged ones and of those of which only a copy
 * is left. Owned by the caller. */
int generations_list(struct generations *generations, uint64_t **ret_numbers, size_t *ret_n);

/* What the generation of this number approves, beside the rest of it. Return as document_write()
 * and generations_read(). */
int generations_write_approved(struct generations *generations, uint64_t number,
                               const struct approved *approved);
int generations_read_approved(struct generations *generations, uint64_t number,
                              struct approved *ret_approved);

/*
 * Writes the texts of a generation that is to come, with fsync, and what it approves, which may be
 * NULL. They wait under the number `stage`, so that several processes can prepare a generation, and
 * are no generation: opening the folder removes them. Returns 0, -EINVAL if the fingerprint is not
 * that of the texts, or -errno with nothing written. The second removes what waits.
 */
int generations_stage(struct generations *generations, uint64_t stage, const char *fingerprint,
                      const struct policy_text *texts, size_t n_texts,
                      const struct approved *approved);
void generations_unstage(struct generations *generations, uint64_t stage);
/*
 * Makes a generation of what waits; its number must be new. Then removes the oldest beyond
 * GENERATIONS_KEPT, but none of `keep`. Returns 0, or -errno with no new generation.
 */
int generations_write(struct generations *generations, const struct generation *generation,
                      uint64_t stage, const uint64_t *keep, size_t n_keep);
/* Writes the record again, for its outcome. */
int generations_update(struct generations *generations, const struct generation *generation);

/* Return 0, -ENOENT, -EBADMSG if it is damaged (`*ret_problem`, if not NULL, is a sentence that the
 * caller frees), -ENOMEM or -errno. If a copy was read, they return 0 and `*ret_problem` says what
 * is wrong with the file; else it is left alone. */
int generations_read(struct generations *generations, uint64_t number,
                     struct generation *ret_generation, char **ret_problem);
int generations_read_texts(struct generations *generations, const struct generation *generation,
                           struct policy_texts *ret_texts, char **ret_problem);
/* Writes record and texts again, so that files and copies are whole. Returns 0 or -errno. */
int generations_restore(struct generations *generations, const struct generation *generation,
                        const struct policy_texts *texts);
/* Whether the texts of a generation and their copy are both whole; a problem is told as above. */
bool generations_is_whole(struct generations *generations, const struct generation *generation,
                          char **ret_problem);
