/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "base/sha256.h"
#include "policy/overrides.h"
#include "policy/texts.h"
#include "record/types.h"

/*
 * One applied policy, kept so that it can be enforced again. Two files in the folder of
 * generations:
 *
 *   NUMBER.policy.json   the texts of its files; written once, its fingerprint is their digest
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
/* SHA-256 of names and texts with their lengths, in their order. Names count without their folders:
 * the same files in another place are the same policy. */
const char *policy_texts_fingerprint(const struct policy_text *texts, size_t n_texts,
                                     char buffer[SHA256_TEXT_MAX]);

/* The folder; `directory` is an open file descriptor of it, borrowed. */
struct generations;
int generations_open(int directory, struct generations **ret_generations);
struct generations *generations_close(struct generations *generations);
DEFINE_CLEANUP(struct generations, generations_close)

/* The numbers of all generations in order, also of damaged ones. Owned by the caller. */
int generations_list(struct generations *generations, uint64_t **ret_numbers, size_t *ret_n);

/*
 * Writes a new generation, texts first, both with fsync and rename; its number must be new and its
 * fingerprint that of the texts. Then removes the oldest beyond GENERATIONS_KEPT, but none of
 * `keep`. Returns 0, or -errno with nothing written.
 */
int generations_write(struct generations *generations, const struct generation *generation,
                      const struct policy_text *texts, size_t n_texts, const uint64_t *keep,
                      size_t n_keep);
/* Writes the record again, for its outcome. */
int generations_update(struct generations *generations, const struct generation *generation);

/* Returns 0, -ENOENT, -EBADMSG if it is damaged (`*ret_problem`, if not NULL, is a sentence that
 * the caller frees), -ENOMEM or -errno. */
int generations_read(struct generations *generations, uint64_t number,
                     struct generation *ret_generation, char **ret_problem);
int generations_read_texts(struct generations *generations, const struct generation *generation,
                           struct policy_texts *ret_texts, char **ret_problem);
