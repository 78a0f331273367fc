/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "record/record.h"

/*
 * A JSON file that knows whether it is whole:
 *
 *   {"sha256": "<of the bytes of the content>", "content": {…}}
 *
 * The digest is no secret and keeps nobody out; it tells a bit that a disk has changed from what
 * was written. It is compared before anything is parsed.
 */

/*
 * Reads the content into a zeroed record. Returns 0, -ENOENT, -EBADMSG where it is damaged, larger
 * than `limit`, or not what the record's type says (`*ret_problem`, if not NULL, is a sentence with
 * the file's name that the caller frees), -ENOMEM or -errno; the record is zeroed then.
 */
int document_read(int directory, const char *name, size_t limit, const struct record_type *type,
                  void *record, char **ret_problem);

/* Writes it as file_write() does, for the owner alone. Returns 0, -EINVAL for a record whose type
 * has a check and that document_read() would refuse, -EFBIG beyond `limit` bytes, -ENOMEM or
 * -errno. */
int document_write(int directory, const char *name, size_t limit, const struct record_type *type,
                   const void *record);

/* JSON of any bytes; `flags` as json_loadb() has them, and keys that are there twice are refused in
 * any case. Returns 0 with a new reference, -EBADMSG with the line of the mistake, or -ENOMEM. */
int document_parse(const char *bytes, size_t size, size_t flags, json_t **ret_json, int *ret_line);

/* A sentence for `ret_problem`, which may be NULL. Returns -EBADMSG, or -ENOMEM without one. */
int problem_tell(char **ret_problem, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for what record_decode() returned: -EBADMSG becomes a sentence about `subject`. */
int problem_tell_record(char **ret_problem, const char *subject, int result,
                        const struct record_problem *problem);
