/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The walk from YAML tokens to a draft, led by the tables of grammar.c. A mistake breaks the object
 * it stands in and nothing else: its value is skipped and the walk goes on after it, so that one
 * run reports all mistakes. Only what makes the rest of a file unreadable ends the file. Nothing
 * here knows what a text means.
 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/draft.h"
#include "policy/policy.h"
#include "policy/reader.h"
#include "policy/spelling.h"

/*
 * Functions read from a token that was read to the end of the value that it begins, whatever is
 * wrong inside, and return 0, REPORTED where the value is no use, or a negative error that ends the
 * file: -EBADMSG (reported) or -ENOMEM.
 */
struct parser {
    struct report report;
    struct reader *reader;
    struct draft *draft;
    struct arena *arena; /* of the object that is read, or of the draft */
};

/* Keeps the text of a scalar, whatever it is. */
static int keep_text(struct parser *parser, const struct token *token, struct draft_text **ret_text)
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
    return keep_text(parser, token, ret_text);
}

/* Reports and skips what is not of the kind that the key `name` takes; returns no 0. */
static int refuse_kind(struct parser *parser, const struct token *token, const char *name,
                       enum key_kind wanted)
{
    static const struct {
        const char *name;
        const char *remedy;
    } wanteds[] = {
        [KEY_TEXT] = {"one text", "write one value after the colon"},
        [KEY_LIST] = {"a text or a list of texts", "write a value, or a list such as [a, b]"},
        [KEY_MAPPING] = {"a mapping", "write keys with values, such as { key: value }"},
        [KEY_OBJECTS] = {"a mapping from names", "write a name and a colon for each object"},
        [KEY_ITEMS] = {"a list of mappings", "write `- { key: value }` for each of them"},
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
    return r < 0 ? r : reported(reader_skip(parser->reader, token));
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
            r = refuse_kind(parser, &token, name, KEY_LIST);
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

static int parse_list(struct parser *parser, const struct token *token, const char *name,
                      struct draft_text **ret_list)
{
    if (token->kind == TOKEN_SEQUENCE)
        return parse_items(parser, token, name, ret_list);
    if (token->kind == TOKEN_SCALAR)
        return parse_scalar(parser, token, name, ret_list);
    return refuse_kind(parser, token, name, KEY_LIST);
}

static int parse_mapping(struct parser *parser, const struct mapping *mapping, const char *name,
                         struct location location, void *fields, struct location *first_seen);

static int parse_structure(struct parser *parser, const struct token *token,
                           const struct grammar_key *key, void **ret_structure)
{
    void *structure;

    /* Also where it is broken: so that the resolver does not report it as missing. */
    structure = arena_allocate(parser->arena, key->mapping->size);
    if (!structure)
        return -ENOMEM;

    *ret_structure = structure;
    if (token->kind != TOKEN_MAPPING)
        return refuse_kind(parser, token, key->name, KEY_MAPPING);
    return parse_mapping(parser, key->mapping, NULL, token->location, structure, NULL);
}

/* Reads one object whose name was read. An object is in its list before it is known to be valid:
 * what refers to a broken object is not a further mistake. */
static int parse_object(struct parser *parser, const struct grammar_key *key,
                        const struct token *start, struct draft_text *name, struct draft_list *list)
{
    struct draft_object *object = arena_allocate(parser->arena, key->mapping->size);
    int r;

    if (!object)
        return -ENOMEM;

    object->name = name;
    draft_list_append(list, object);

    if (key->mapping->is_list)
        r = parse_list(parser, start, name->text,
                       (struct draft_text **)((char *)object + key->mapping->keys[0].offset));
    else if (start->kind != TOKEN_MAPPING)
        r = refuse_kind(parser, start, key->kind == KEY_ITEMS ? key->name : name->text,
                        KEY_MAPPING);
    else
        r = parse_mapping(parser, key->mapping, name->text, name->location, object, NULL);
    if (r < 0)
        return r;

    object->broken = r == REPORTED;
    return 0;
}

/* Skips one object beyond the bound; the first of them is reported. */
static int refuse_object(struct parser *parser, const struct grammar_key *key,
                         const struct token *start, size_t n_objects)
{
    int r;

    if (n_objects == key->most) {
        r = report_error(&parser->report, "too-many", start->location, NULL,
                         "more than %zu objects in `%s`", key->most, key->name);
        if (r < 0)
            return r;
        parser->draft->incomplete = true;
    }
    return reader_skip(parser->reader, start);
}

/* A key of a mapping must be a text; anything else is skipped with its value. */
static int parse_key_text(struct parser *parser, struct token *token)
{
    int r;

    if (token->kind == TOKEN_SCALAR)
        return token->invalid ? REPORTED : 0;

    r = token->kind == TOKEN_ALIAS ? REPORTED
                                   : report_error(&parser->report, "wrong-kind", token->location,
                                                  NULL, "a key is a text, not a list or mapping");
    return r < 0 ? r : reported(reader_skip(parser->reader, token));
}

/* Skips the value of a key that was reported. */
static int skip_value(struct parser *parser)
{
    struct token token;
    int r = reader_next(parser->reader, &token);

    return r < 0 ? r : reported(reader_skip(parser->reader, &token));
}

/* The name of an object, and the first token of the object. */
static int parse_name(struct parser *parser, const struct grammar_key *key, struct token *token,
                      struct draft_text **ret_name)
{
    int r = parse_key_text(parser, token);

    if (r == 0 && token->text[0] == '\0')
        r = report_error(&parser->report, "empty-value", token->location,
                         "write a name before the colon", "a %s without a name",
                         key->mapping->noun);
    if (r == 0)
        r = keep_text(parser, token, ret_name);
    if (r == 0)
        return reader_next(parser->reader, token);
    if (r < 0)
        return r;

    /* Who knows what this was called: nothing that refers to a name can be judged. */
    parser->draft->incomplete = true;
    return skip_value(parser);
}

/* The objects of one section of one file: by name, or as a list in which each is known by its
 * place. */
static int parse_objects(struct parser *parser, const struct token *start,
                         const struct grammar_key *key, struct draft_list *list)
{
    bool named = key->kind == KEY_OBJECTS;
    struct draft_text *name = NULL;
    struct token token;
    size_t beyond = 0;
    int r;

    if (start->kind != (named ? TOKEN_MAPPING : TOKEN_SEQUENCE))
        return refuse_kind(parser, start, key->name, key->kind);

    for (;;) {
        r = reader_next(parser->reader, &token);
        if (r == 0)
            r = draft_list_arena(list, &parser->arena);
        if (r < 0)
            return r;
        if (token.kind == (named ? TOKEN_MAPPING_END : TOKEN_SEQUENCE_END))
            return 0;

        if (named)
            r = parse_name(parser, key, &token, &name);
        else
            r = keep_text(parser, &(struct token){.location = token.location, .text = ""}, &name);
        if (r == 0)
            r = list->n_objects < key->most
                    ? parse_object(parser, key, &token, name, list)
                    : refuse_object(parser, key, &token, key->most + beyond++);
        if (r < 0)
            return r;
    }
}

static int parse_value(struct parser *parser, const struct grammar_key *key,
                       const struct token *token, void *fields)
{
    struct arena *arena = parser->arena;
    void *field;
    int r;

    assert(key);
    field = (char *)fields + key->offset;
    switch (key->kind) {
    case KEY_TEXT:
        return token->kind == TOKEN_SCALAR ? parse_scalar(parser, token, key->name, field)
                                           : refuse_kind(parser, token, key->name, KEY_TEXT);
    case KEY_LIST:
        return parse_list(parser, token, key->name, field);
    case KEY_MAPPING:
        return parse_structure(parser, token, key, field);
    case KEY_OBJECTS:
    case KEY_ITEMS:
        r = parse_objects(parser, token, key, field);
        parser->arena = arena;
        return r;
    }
    return 0;
}

/* What is known of the keys of one mapping, in the order of its grammar. */
struct seen {
    struct location locations[MAPPING_KEYS_MAX];
    bool mistyped[MAPPING_KEYS_MAX]; /* given, but under a name that is not quite its own */
};

/* `a`, `b`, `c` */
static void list_keys(const struct mapping *mapping, char *text, size_t size)
{
    size_t length = 0;

    for (size_t i = 0; i < mapping->n_keys && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s`%s`", i > 0 ? ", " : "",
                                   mapping->keys[i].name);
}

/* Tells the key that was meant, or all there are. */
static int report_unknown_key(struct parser *parser, const struct mapping *mapping,
                              const struct token *token, struct seen *seen)
{
    char narrow[POLICY_TEXT_MAX + 1], known[256];
    struct spelling_search search = {.text = narrow};
    const char *remedy;

    /* Files of millions of them are refused as fast as they are read. */
    if (!diagnostics_keeps(parser->report.diagnostics, SEVERITY_ERROR))
        return report_error(&parser->report, "unknown-key", token->location, NULL, "unknown key");

    spelling_narrow(token->text, narrow);
    for (size_t i = 0; i < mapping->n_keys; i++)
        spelling_try(&search, mapping->keys[i].name);
    for (size_t i = 0; i < mapping->n_keys; i++)
        seen->mistyped[i] |= mapping->keys[i].name == search.nearest;

    list_keys(mapping, known, sizeof(known));
    remedy = search.nearest
                 ? remedy_printf(&parser->report, "did you mean `%s`?", search.nearest)
                 : remedy_printf(&parser->report, "keys of a %s are %s", mapping->noun, known);
    return report_error(&parser->report, "unknown-key", token->location, remedy, "unknown key `%s`",
                        token->text);
}

static const struct grammar_key *find_key(const struct mapping *mapping, const char *name)
{
    for (size_t i = 0; i < mapping->n_keys; i++) {
        if (strcmp(mapping->keys[i].name, name) == 0)
            return &mapping->keys[i];
    }
    return NULL;
}

/*
 * Whether the value of this key is wanted. `first_seen` has the places of the keys of all files,
 * NULL where a mapping cannot be continued by another file.
 */
static int check_key(struct parser *parser, const struct mapping *mapping,
                     const struct grammar_key *key, const struct token *token, struct seen *seen,
                     struct location *first_seen)
{
    size_t i;
    int r;

    if (!key)
        return report_unknown_key(parser, mapping, token, seen);

    i = (size_t)(key - mapping->keys);
    if (seen->locations[i].line > 0) {
        r = report_error(&parser->report, "duplicate-key", token->location, "remove one of the two",
                         "`%s` is given twice", key->name);
        return report_related(&parser->report, r, seen->locations[i], "first given here");
    }
    seen->locations[i] = token->location;

    if (!first_seen)
        return 0;
    if (first_seen[i].line > 0 && !key->in_each_file && key->kind != KEY_OBJECTS &&
        key->kind != KEY_ITEMS) {
        r = report_error(&parser->report, "duplicate-key", token->location,
                         "say it in one file only", "`%s` is given by two files", key->name);
        return report_related(&parser->report, r, first_seen[i], "first given here");
    }
    first_seen[i] = token->location;
    return 0;
}

static int check_required(struct parser *parser, const struct mapping *mapping, const char *name,
                          struct location location, const struct seen *seen)
{
    bool missing = false;
    int r;

    for (size_t i = 0; i < mapping->n_keys; i++) {
        const struct grammar_key *key = &mapping->keys[i];

        if (!key->required || seen->locations[i].line > 0 || seen->mistyped[i])
            continue;

        missing = true;
        if (name && name[0])
            r = report_error(&parser->report, "missing-key", location,
                             remedy_printf(&parser->report, "add `%s:`", key->name),
                             "%s `%s` has no `%s`", mapping->noun, name, key->name);
        else
            r = report_error(&parser->report, "missing-key", location,
                             remedy_printf(&parser->report, "add `%s:`", key->name),
                             "the %s has no `%s`", mapping->noun, key->name);
        if (r < 0)
            return r;
    }
    return missing ? REPORTED : 0;
}

/* One key and its value. */
static int parse_pair(struct parser *parser, const struct mapping *mapping, struct token *token,
                      void *fields, struct seen *seen, struct location *first_seen)
{
    const struct grammar_key *key = NULL;
    int r;

    r = parse_key_text(parser, token);
    if (r == 0) {
        key = find_key(mapping, token->text);
        r = check_key(parser, mapping, key, token, seen, first_seen);
    }
    if (r < 0)
        return r;
    if (r == REPORTED) {
        r = skip_value(parser);
    } else {
        r = reader_next(parser->reader, token);
        if (r == 0)
            r = parse_value(parser, key, token, fields);
    }

    /* A whole section that is left out would make each of its names an unknown one. */
    if (r == REPORTED && first_seen && (!key || key->kind == KEY_OBJECTS))
        parser->draft->incomplete = true;
    return r;
}

/*
 * The keys of a mapping whose start was read, to its end. `name` is that of the object, or NULL.
 * Returns 0, REPORTED where anything in it is wrong, or a negative error.
 */
static int parse_mapping(struct parser *parser, const struct mapping *mapping, const char *name,
                         struct location location, void *fields, struct location *first_seen)
{
    struct seen seen = {0};
    bool broken = false, empty = true;
    struct token token;
    int r;

    for (;;) {
        r = reader_next(parser->reader, &token);
        if (r < 0)
            return r;
        if (token.kind == TOKEN_MAPPING_END)
            break;

        empty = false;
        r = parse_pair(parser, mapping, &token, fields, &seen, first_seen);
        if (r < 0)
            return r;
        broken |= r == REPORTED;
    }
    if (empty)
        return report_error(&parser->report, "empty-value", location,
                            "write at least one key, or remove it", "the %s is empty",
                            mapping->noun);

    r = check_required(parser, mapping, name, location, &seen);
    return r == 0 && broken ? REPORTED : r;
}

/* Another version may mean something else by everything, so nothing of it is resolved. */
static int check_version(struct parser *parser)
{
    const struct draft_text *version = parser->draft->version;
    if (!version || strcmp(version->text, LANGUAGE_VERSION) == 0)
        return 0;

    parser->draft->incomplete = true;
    return report_text(&parser->report, version, "a version", "version",
                       "write `segd: " LANGUAGE_VERSION "`, or use the segd that the file is for",
                       "this segd does not know version `%s` of the language", version->text);
}

/* The one mapping that a file is, and nothing after it. */
static int parse_file(struct parser *parser)
{
    struct draft_text *version = parser->draft->version;
    struct token token;
    int r;

    r = reader_next(parser->reader, &token);
    if (r < 0)
        return r;
    if (token.kind != TOKEN_MAPPING) {
        r = report_error(&parser->report, "wrong-kind", token.location,
                         "begin the file with `segd: 1`", "a policy is a mapping of keys");
        return r < 0 ? r : -EBADMSG;
    }

    parser->draft->version = NULL;
    r = parse_mapping(parser, &grammar, NULL, token.location, parser->draft,
                      parser->draft->first_seen);
    if (r >= 0)
        r = check_version(parser);
    if (r < 0)
        return r;

    if (!parser->draft->version)
        parser->draft->version = version;
    return reader_next(parser->reader, &token);
}

int draft_parse(struct draft *draft, const struct sources *sources, uint32_t source,
                struct diagnostics *diagnostics)
{
    cleanup_(reader_freep) struct reader *reader = NULL;
    struct parser parser = {
        .report = {.diagnostics = diagnostics, .arena = draft->arena},
        .draft = draft,
        .arena = draft->arena,
    };
    int r;

    r = reader_new(&parser.report, sources, source, &reader);
    if (r == 0) {
        parser.reader = reader;
        r = parse_file(&parser);
    }
    if (r == -EBADMSG) {
        draft->incomplete = true;
        return 0;
    }
    return r;
}
