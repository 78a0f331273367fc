/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The definition language of Varlink, as much of it as is used here: types, methods and errors made
 * of bool, int, float, string, object, structures, arrays, maps and what may be absent. Names of
 * types are looked up at the end, so that they may be used before they are defined.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "control/varlink.h"
#include "interface.h"

struct parser {
    struct interface *interface;
    const char *at;
    unsigned line;
};

static void skip(struct parser *parser)
{
    for (;; parser->at++) {
        if (*parser->at == '#')
            parser->at += strcspn(parser->at, "\n");
        if (*parser->at == '\n')
            parser->line++;
        else if (*parser->at != ' ' && *parser->at != '\t' && *parser->at != '\r')
            return;
    }
}

static bool take(struct parser *parser, const char *token)
{
    size_t length = strlen(token);

    skip(parser);
    if (strncmp(parser->at, token, length) != 0)
        return false;
    parser->at += length;
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* How much of the text is a word: a letter, then letters, digits, `_`, and what else is allowed. */
static size_t word_length(const char *text, const char *others)
{
    size_t length = 0;

    if (!is_letter(*text))
        return 0;
    while (is_letter(text[length]) || (text[length] >= '0' && text[length] <= '9') ||
           text[length] == '_' || (text[length] && strchr(others, text[length])))
        length++;
    return length;
}

static bool take_keyword(struct parser *parser, const char *keyword)
{
    size_t length;

    skip(parser);
    length = word_length(parser->at, "");
    if (length != strlen(keyword) || strncmp(parser->at, keyword, length) != 0)
        return false;
    parser->at += length;
    return true;
}

/* Returns 0, -EBADMSG or -ENOMEM. */
static int take_word(struct parser *parser, const char *others, const char **ret_word)
{
    size_t length;
    char *word;

    skip(parser);
    length = word_length(parser->at, others);
    if (length == 0)
        return -EBADMSG;

    word = arena_printf(parser->interface->arena, "%.*s", (int)length, parser->at);
    if (!word)
        return -ENOMEM;
    parser->at += length;
    *ret_word = word;
    return 0;
}

static int take_type(struct parser *parser, unsigned depth, struct type *ret_type);

static int add_field(struct parser *parser, struct type *type, const struct field_type *field)
{
    size_t n = type->n_fields;

    if (interface_find_field(type, field->name))
        return -EBADMSG;

    /* Room doubles: there is some unless the number of fields is a power of two. */
    if ((n & (n - 1)) == 0) {
        struct field_type *fields =
            arena_allocate(parser->interface->arena, (n > 0 ? 2 * n : 1) * sizeof(*fields));

        if (!fields)
            return -ENOMEM;
        if (n > 0)
            memcpy(fields, type->fields, n * sizeof(*fields));
        type->fields = fields;
    }
    type->fields[type->n_fields++] = *field;
    return 0;
}

/* Behind the opening parenthesis. Fields without types, all of them, make an enumeration. */
static int take_fields(struct parser *parser, unsigned depth, struct type *type)
{
    type->kind = TYPE_STRUCT;
    if (take(parser, ")"))
        return 0;

    do {
        struct field_type field = {0};
        int r = take_word(parser, "", &field.name);
        bool typed = r == 0 && take(parser, ":");

        if (r == 0 && type->n_fields > 0 && typed != (type->kind == TYPE_STRUCT))
            return -EBADMSG;
        type->kind = typed ? TYPE_STRUCT : TYPE_ENUM;
        if (typed)
            r = take_type(parser, depth, &field.type);
        if (r == 0)
            r = add_field(parser, type, &field);
        if (r < 0)
            return r;
    } while (take(parser, ","));
    return take(parser, ")") ? 0 : -EBADMSG;
}

static int take_name(struct parser *parser, struct type *type)
{
    static const struct {
        const char *word;
        enum type_kind kind;
    } basic[] = {
        {"bool", TYPE_BOOL},     {"int", TYPE_INT},       {"float", TYPE_FLOAT},
        {"string", TYPE_STRING}, {"object", TYPE_OBJECT},
    };
    const char *word;
    int r = take_word(parser, "", &word);

    if (r < 0)
        return r;
    type->kind = TYPE_NAMED;
    type->line = parser->line;
    type->name = word;
    for (size_t i = 0; i < ELEMENTS_OF(basic); i++) {
        if (strcmp(word, basic[i].word) == 0)
            type->kind = basic[i].kind;
    }
    return 0;
}

static int take_element(struct parser *parser, unsigned depth, struct type *type)
{
    struct type *element = arena_allocate(parser->interface->arena, sizeof(*element));

    if (!element)
        return -ENOMEM;
    type->element = element;
    return take_type(parser, depth, element);
}

static int take_type(struct parser *parser, unsigned depth, struct type *ret_type)
{
    if (depth > VARLINK_DEPTH_MAX)
        return -EBADMSG;
    ret_type->nullable = take(parser, "?");
    if (take(parser, "[]")) {
        ret_type->kind = TYPE_ARRAY;
        return take_element(parser, depth + 1, ret_type);
    }
    if (take(parser, "[string]")) {
        ret_type->kind = TYPE_MAP;
        return take_element(parser, depth + 1, ret_type);
    }
    if (take(parser, "("))
        return take_fields(parser, depth + 1, ret_type);
    return take_name(parser, ret_type);
}

static int take_struct(struct parser *parser, bool may_be_enum, struct type *type)
{
    int r = take(parser, "(") ? take_fields(parser, 0, type) : -EBADMSG;

    return r == 0 && type->kind == TYPE_ENUM && !may_be_enum ? -EBADMSG : r;
}

/* One `type`, `method` or `error`, onto a list in reverse order. */
static int take_member(struct parser *parser, enum member_kind kind)
{
    struct interface *interface = parser->interface;
    struct interface_method *member = arena_allocate(interface->arena, sizeof(*member));
    int r;

    if (!member)
        return -ENOMEM;
    member->kind = kind;
    r = take_word(parser, "", &member->name);
    if (r == 0 && interface_find(interface, kind, member->name))
        r = -EBADMSG;
    if (r == 0)
        r = take_struct(parser, kind == MEMBER_TYPE, &member->input);
    if (r == 0 && kind == MEMBER_METHOD)
        r = take(parser, "->") ? take_struct(parser, false, &member->output) : -EBADMSG;
    if (r < 0)
        return r;

    member->next = interface->members;
    interface->members = member;
    interface->n_methods += kind == MEMBER_METHOD;
    return 0;
}

static int take_interface(struct parser *parser)
{
    int r = take_keyword(parser, "interface") ? take_word(parser, ".-", &parser->interface->name)
                                              : -EBADMSG;

    while (r == 0) {
        if (take_keyword(parser, "type"))
            r = take_member(parser, MEMBER_TYPE);
        else if (take_keyword(parser, "method"))
            r = take_member(parser, MEMBER_METHOD);
        else if (take_keyword(parser, "error"))
            r = take_member(parser, MEMBER_ERROR);
        else
            break;
    }
    if (r < 0)
        return r;
    skip(parser);
    return *parser->at == '\0' ? 0 : -EBADMSG;
}

/* Whether all types that are named exist. Of one that does not, its line becomes the parser's. */
static bool is_complete(struct parser *parser, const struct type *type)
{
    if (type->kind == TYPE_NAMED && !interface_find(parser->interface, MEMBER_TYPE, type->name)) {
        parser->line = type->line;
        return false;
    }
    if (type->element && !is_complete(parser, type->element))
        return false;
    for (size_t i = 0; i < type->n_fields; i++) {
        if (type->kind == TYPE_STRUCT && !is_complete(parser, &type->fields[i].type))
            return false;
    }
    return true;
}

static int check_names(struct parser *parser)
{
    for (const struct interface_method *m = parser->interface->members; m; m = m->next) {
        if (!is_complete(parser, &m->input) || !is_complete(parser, &m->output))
            return -EBADMSG;
    }
    return 0;
}

int interface_parse(const char *text, struct interface **ret_interface, unsigned *ret_line)
{
    cleanup_(interface_freep) struct interface *interface = calloc(1, sizeof(*interface));
    struct parser parser = {interface, text, 1};
    int r = interface ? arena_new(&interface->arena) : -ENOMEM;

    if (r == 0)
        r = take_interface(&parser);
    if (r == 0)
        r = check_names(&parser);
    *ret_line = parser.line;
    if (r < 0)
        return r;

    *ret_interface = TAKE_PTR(interface);
    return 0;
}

struct interface *interface_free(struct interface *interface)
{
    if (!interface)
        return NULL;

    arena_free(interface->arena);
    free(interface);
    return NULL;
}

const char *interface_name(const struct interface *interface)
{
    return interface->name;
}

size_t interface_count_methods(const struct interface *interface)
{
    return interface->n_methods;
}

/* Members are kept last first. */
const struct interface_method *interface_method_at(const struct interface *interface, size_t i)
{
    size_t left = interface->n_methods - i;

    for (const struct interface_method *m = interface->members; m; m = m->next) {
        if (m->kind == MEMBER_METHOD && --left == 0)
            return m;
    }
    return NULL;
}

const struct field_type *interface_find_field(const struct type *type, const char *name)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        if (strcmp(type->fields[i].name, name) == 0)
            return &type->fields[i];
    }
    return NULL;
}

const struct interface_method *interface_find(const struct interface *interface,
                                              enum member_kind kind, const char *name)
{
    for (const struct interface_method *m = interface->members; m; m = m->next) {
        if (m->kind == kind && strcmp(m->name, name) == 0)
            return m;
    }
    return NULL;
}

const struct interface_method *interface_find_method(const struct interface *interface,
                                                     const char *name)
{
    return interface_find(interface, MEMBER_METHOD, name);
}

const char *interface_method_name(const struct interface_method *method)
{
    return method->name;
}

bool interface_has_error(const struct interface *interface, const char *name)
{
    return interface_find(interface, MEMBER_ERROR, name);
}
