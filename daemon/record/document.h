/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "record/record.h"

/*
 * A JSON file with a checksum:
 *
 *   {"sha256": "<of the bytes of the content>", "content": {…}}
 *
 * The digest protects against damage, not against attackers. It is compared before anything is
 * parsed.
 */

/*
 * Reads the content into a zeroed record. Returns 0, or with the record zeroed -ENOENT, -EBADMSG if
 * the file is damaged, larger than `limit` or does not fit the type (`*ret_problem`, if not NULL,
 * is a sentence with the name of the file that the caller frees), -ENOMEM or -errno.
 */
int document_read(int directory, const char *name, size_t limit, const struct record_type *type,
                  void *record, char **ret_problem);

/* Writes it as file_write() does, with mode 0600. Returns 0, -EINVAL if the check of the type
 * refuses the record, -EFBIG beyond `limit` bytes, -ENOMEM or -errno. */
int document_write(int directory, const char *name, size_t limit, const struct record_type *type,
                   const void *record);

/* Parses JSON with the `flags` of json_loadb(); duplicate keys are always refused. Returns 0 with a
 * new reference, -EBADMSG with the line of the error, or -ENOMEM. */
int document_parse(const char *bytes, size_t size, size_t flags, json_t **ret_json, int *ret_line);

/* Formats a sentence for `ret_problem`, which may be NULL. Returns -EBADMSG or -ENOMEM. */
int problem_tell(char **ret_problem, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for the result of record_decode(): -EBADMSG becomes a sentence about `subject`. */
int problem_tell_record(char **ret_problem, const char *subject, int result,
                        const struct record_problem *problem);
