/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/draft.h"
#include "policy/reader.h"
#include "policy/report.h"

/*
 * The parser's two halves: mappings and objects (draft_parse.c), and values (draft_value.c). Their
 * functions read from a token that was read to the end of the value that it begins, whatever is
 * wrong inside, and return 0, REPORTED where the value is no use, or a negative error that ends the
 * file: -EBADMSG (reported) or -ENOMEM.
 */
struct parser {
    struct report report;
    struct reader *reader;
    struct draft *draft;
    struct arena *arena; /* of the object that is read, or of the draft */
};

/* What a key takes, in words. */
enum wanted {
    WANTED_TEXT,
    WANTED_LIST,
    WANTED_MAPPING,
    WANTED_OBJECTS,
    WANTED_ITEMS,
};

/* Reports and skips what is not of the kind that the key `name` takes; returns no 0. */
int parser_refuse_kind(struct parser *parser, const struct token *token, const char *name,
                       enum wanted wanted);
/* Keeps the text of a scalar, whatever it is. */
int parser_keep_text(struct parser *parser, const struct token *token,
                     struct draft_text **ret_text);
int parser_parse_text(struct parser *parser, const struct token *token, const char *name,
                      struct draft_text **ret_text);
int parser_parse_list(struct parser *parser, const struct token *token, const char *name,
                      struct draft_text **ret_list);
