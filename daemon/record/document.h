/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * A JSON file that knows whether it is whole:
 *
 *   {"sha256": "<of the bytes of the content>", "content": {…}}
 *
 * The digest is no secret and keeps nobody out; it tells a bit that a disk has changed from what
 * was written. It is compared before anything is parsed.
 */

/*
 * Reads the content; `allow_nul` where its texts may hold a NUL. Returns 0 with a new reference,
 * -ENOENT, -EBADMSG where it is damaged or larger than `limit` (`*ret_problem`, if not NULL, is a
 * sentence with the file's name that the caller frees), -ENOMEM or -errno.
 */
int document_read(int directory, const char *name, size_t limit, bool allow_nul,
                  json_t **ret_content, char **ret_problem);

/* Writes it as file_write() does, for the owner alone. Returns 0, -EFBIG beyond `limit` bytes,
 * -ENOMEM or -errno. */
int document_write(int directory, const char *name, size_t limit, const json_t *content);
