/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Values of keys: one text, or a list of them. Nothing here knows what a text means; what is not a
 * text where one is wanted is reported and skipped.
 */

#include <errno.h>
#include <string.h>

#include "policy/draft_parser.h"
#include "policy/policy.h"

int parser_keep_text(struct parser *parser, const struct token *token, struct draft_text **ret_text)
{
    size_t size = strlen(token->text) + 1;
    struct draft_text *text =
        arena_allocate(parser->arena, offsetof(struct draft_text, text) + size);

    if (!text)
        return -ENOMEM;

    text->location = token->location;
    memcpy(text->text, token->text, size);
    *ret_text = text;
    return 0;
}

/* A scalar with something in it. `name` is its key. */
static int parse_scalar(struct parser *parser, const struct token *token, const char *name,
                        struct draft_text **ret_text)
{
    if (token->invalid)
        return REPORTED;
    if (token->text[0] == '\0')
        return report_error(&parser->report, "empty-value", token->location,
                            "write a value, or remove the key", "`%s` has no value", name);
    return parser_keep_text(parser, token, ret_text);
}

/* Reports and skips what is not of the kind that a key takes. */
int parser_refuse_kind(struct parser *parser, const struct token *token, const char *name,
                       enum wanted wanted)
{
    static const struct {
        const char *name;
        const char *remedy;
    } wanteds[] = {
        [WANTED_TEXT] = {"one text", "write one value after the colon"},
        [WANTED_LIST] = {"a text or a list of texts", "write a value, or a list such as [a, b]"},
        [WANTED_MAPPING] = {"a mapping", "write keys with values, such as { key: value }"},
        [WANTED_OBJECTS] = {"a mapping from names", "write a name and a colon for each object"},
        [WANTED_ITEMS] = {"a list of mappings", "write `- { key: value }` for each of them"},
    };
    static const char *const kinds[] = {
        [TOKEN_SCALAR] = "a text",
        [TOKEN_SEQUENCE] = "a list",
        [TOKEN_MAPPING] = "a mapping",
    };
    int r;

    if (token->kind == TOKEN_ALIAS)
        return REPORTED;
    if (token->kind == TOKEN_SCALAR && token->text[0] == '\0')
        return report_error(&parser->report, "empty-value", token->location,
                            "write a value, or remove the key", "`%s` has no value", name);

    r = report_error(&parser->report, "wrong-kind", token->location, wanteds[wanted].remedy,
                     "`%s` takes %s, not %s", name, wanteds[wanted].name, kinds[token->kind]);
    if (r < 0)
        return r;

    r = reader_skip(parser->reader, token);
    return r < 0 ? r : REPORTED;
}

int parser_parse_text(struct parser *parser, const struct token *token, const char *name,
                      struct draft_text **ret_text)
{
    if (token->kind != TOKEN_SCALAR)
        return parser_refuse_kind(parser, token, name, WANTED_TEXT);
    return parse_scalar(parser, token, name, ret_text);
}

/* The items of a list whose `[` or first `-` was read; to its end, whatever is wrong inside. */
static int parse_items(struct parser *parser, const struct token *start, const char *name,
                       struct draft_text **ret_list)
{
    struct draft_text *list = NULL, **tail = &list;
    size_t n_items = 0;
    bool broken = false;
    struct token token;
    int r;

    for (;;) {
        r = reader_next(parser->reader, &token);
        if (r < 0)
            return r;
        if (token.kind == TOKEN_SEQUENCE_END)
            break;
        if (++n_items == POLICY_LIST_MAX + 1)
            r = report_error(&parser->report, "too-long", token.location,
                             "divide the list, or write prefixes instead of addresses",
                             "`%s` has more than %d items", name, POLICY_LIST_MAX);
        else if (n_items > POLICY_LIST_MAX)
            r = reader_skip(parser->reader, &token);
        else if (token.kind == TOKEN_SCALAR)
            r = parse_scalar(parser, &token, name, tail);
        else
            r = parser_refuse_kind(parser, &token, name, WANTED_LIST);
        if (r < 0)
            return r;

        broken |= r == REPORTED;
        while (*tail)
            tail = &(*tail)->next;
    }
    if (n_items == 0)
        return report_error(&parser->report, "empty-value", start->location,
                            "write at least one item, or remove the key", "`%s` is an empty list",
                            name);
    if (broken)
        return REPORTED;

    *ret_list = list;
    return 0;
}

int parser_parse_list(struct parser *parser, const struct token *token, const char *name,
                      struct draft_text **ret_list)
{
    if (token->kind == TOKEN_SEQUENCE)
        return parse_items(parser, token, name, ret_list);
    if (token->kind == TOKEN_SCALAR)
        return parse_scalar(parser, token, name, ret_list);
    return parser_refuse_kind(parser, token, name, WANTED_LIST);
}
