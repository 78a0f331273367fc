/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "policy/report.h"

/*
 * One YAML document as a stream of tokens, without what the language has no use for: streams,
 * documents, anchors, aliases and tags. Every scalar is text, whatever it looks like.
 */
struct reader;

enum token_kind {
    TOKEN_SCALAR,
    TOKEN_ALIAS, /* reported; stands for a value that nobody knows */
    TOKEN_SEQUENCE,
    TOKEN_SEQUENCE_END,
    TOKEN_MAPPING,
    TOKEN_MAPPING_END,
    TOKEN_END, /* of the file */
};

struct token {
    enum token_kind kind;
    struct location location;
    const char *text; /* of a scalar: without control characters; until the next token is read */
    bool invalid;     /* a mistake in the scalar itself was reported */
};

/*
 * Decodes one character of a file; `size` is more than 0. Returns its length in bytes; -EBADMSG for
 * bytes that are not UTF-8, and for what no text may have (reported): control characters but a tab,
 * other line breaks, and what turns the direction of the text around; or -ENOMEM.
 */
int reader_decode(struct report *report, struct location location, const char *text, size_t size,
                  uint32_t *ret_character);

/*
 * Returns 0 and a reader that the caller owns and that borrows all it is given; -EBADMSG where the
 * bytes of the file cannot be read as YAML (reported): tabs as indentation, bytes that are not
 * UTF-8, control characters, and nothing at all; or -ENOMEM.
 */
int reader_new(struct report *report, const struct sources *sources, uint32_t source,
               struct reader **ret_reader);
struct reader *reader_free(struct reader *reader);
DEFINE_CLEANUP(struct reader, reader_free)

/* Returns 0, -EBADMSG where the file cannot be read on (reported), or -ENOMEM. */
int reader_next(struct reader *reader, struct token *ret_token);
/* Reads to the end of the value that begins with `token`. Returns the same. */
int reader_skip(struct reader *reader, const struct token *token);
