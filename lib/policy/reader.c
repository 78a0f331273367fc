/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The event API of libyaml. Depth is bounded here, before anybody recurses into what is read. The
 * words of libyaml about broken YAML are kept, since they are what people find when they search;
 * a remedy for the usual ones stands beside them.
 */

#include "policy/reader.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

#include "base/text.h"
#include "policy/policy.h"
#include "policy/source_check.h"

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the last one; what tokens point into */
    struct report *report;
    uint32_t source;
    unsigned depth;
};

int reader_new(struct report *report, const struct sources *sources, uint32_t source,
               struct reader **ret_reader)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    const char *text;
    size_t size;

    if (!reader)
        return -ENOMEM;
    if (!yaml_parser_initialize(&reader->parser)) {
        free(reader);
        return -ENOMEM;
    }

    text = sources_text(sources, source, &size);
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text, size);
    reader->report = report;
    reader->source = source;

    *ret_reader = reader;
    return 0;
}

struct reader *reader_free(struct reader *reader)
{
    if (!reader)
        return NULL;

    yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->parser);
    free(reader);
    return NULL;
}

static struct location mark_location(const struct reader *reader, yaml_mark_t mark)
{
    return (struct location){reader->source, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

/* What was reported ends the reading. */
static int unreadable(int r)
{
    return r == REPORTED ? -EBADMSG : r;
}

/* The usual cause of a problem of libyaml. */
static const char *yaml_remedy(const char *problem)
{
    static const struct {
        const char *problem;
        const char *remedy;
    } remedies[] = {
        {"mapping values are not allowed in this context",
         "put the value in quotes, or check the indentation of this line and the line above"},
        {"did not find expected key",
         "keys of one mapping begin in the same column; check the indentation"},
        {"did not find expected '-' indicator",
         "items of one list begin in the same column; check the indentation"},
        {"could not find expected ':'",
         "a key is followed by a colon and a space, both ASCII and not full-width"},
        {"did not find expected ',' or ']'", "close the list with `]`, separate items with `,`"},
        {"did not find expected ',' or '}'", "close the mapping with `}`, separate keys with `,`"},
        {"found unexpected end of stream", "close the quote or bracket that is still open"},
        {"found character that cannot start any token",
         "put a text that begins with this character in quotes"},
        {"block sequence entries are not allowed in this context",
         "begin the list on a line of its own"},
        {"found unknown escape character", "write the backslash twice, or use single quotes"},
    };

    for (size_t i = 0; i < ELEMENTS_OF(remedies); i++) {
        if (strcmp(problem, remedies[i].problem) == 0)
            return remedies[i].remedy;
    }
    return NULL;
}

static int report_yaml(const struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem ? parser->problem : "it cannot be read";
    int r;

    if (parser->error == YAML_MEMORY_ERROR)
        return -ENOMEM;

    r = report_error(reader->report, "yaml", mark_location(reader, parser->problem_mark),
                     yaml_remedy(problem), "not valid YAML: %s", problem);
    if (parser->context && parser->context_mark.line != parser->problem_mark.line)
        r = report_related(reader->report, r, mark_location(reader, parser->context_mark), "%s",
                           parser->context);
    return unreadable(r);
}

static int next_event(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    if (!yaml_parser_parse(&reader->parser, &reader->event))
        return report_yaml(reader);
    return 0;
}

/* Between documents: what is left must be the end of the file. */
static int expect_end(struct reader *reader)
{
    int r = next_event(reader);

    if (r != 0)
        return r;
    if (reader->event.type == YAML_STREAM_END_EVENT)
        return 0;

    r = report_error(reader->report, "second-document",
                     mark_location(reader, reader->event.start_mark),
                     "remove the `---`; put a second policy into a file of its own",
                     "a second YAML document in one file");
    return unreadable(r);
}

static int check_anchor_and_tag(struct reader *reader, const yaml_char_t *anchor,
                                const yaml_char_t *tag)
{
    struct location location = mark_location(reader, reader->event.start_mark);
    int r = 0;

    if (anchor)
        r = report_error(reader->report, "anchor", location, "write the value out where it is used",
                         "anchors (`&%s`) are not part of this language", (const char *)anchor);
    if (r >= 0 && tag)
        r = report_error(reader->report, "tag", location, "remove the tag; every value is a text",
                         "tags (`%s`) are not part of this language", (const char *)tag);
    return r;
}

/* Escapes such as "\n" and texts over several lines bring in what source_check() cannot see. */
static int check_scalar(struct reader *reader, struct location location)
{
    const char *text = (const char *)reader->event.data.scalar.value;
    size_t size = reader->event.data.scalar.length, position = 0;

    if (size > POLICY_TEXT_MAX)
        return report_error(reader->report, "too-long", location, "shorten the text",
                            "a text of %zu bytes; the most is %d", size, POLICY_TEXT_MAX);

    while (position < size) {
        uint32_t character;
        int length;

        /* Most texts are ASCII. */
        if ((unsigned char)text[position] >= 0x20 && (unsigned char)text[position] < 0x7f) {
            position++;
            continue;
        }
        length = utf8_decode(text + position, size - position, &character);
        if (length < 0 || character == '\t' || source_is_control(character))
            return report_error(reader->report, "control-character", location,
                                "write the text on one line, without escapes",
                                "the text has a line break or another control character");
        position += (size_t)length;
    }
    return 0;
}

static int enter(struct reader *reader, struct location location)
{
    int r;

    if (reader->depth < POLICY_DEPTH_MAX) {
        reader->depth++;
        return 0;
    }

    r = report_error(reader->report, "too-deep", location, "check the brackets and the indentation",
                     "lists and mappings are nested more than %d deep", POLICY_DEPTH_MAX);
    return unreadable(r);
}

static int read_scalar(struct reader *reader, struct token *token)
{
    const yaml_event_t *event = &reader->event;
    int r, tagged;

    tagged = check_anchor_and_tag(reader, event->data.scalar.anchor, event->data.scalar.tag);
    if (tagged < 0)
        return tagged;

    r = check_scalar(reader, token->location);
    if (r < 0)
        return r;

    token->kind = TOKEN_SCALAR;
    token->text = (const char *)event->data.scalar.value;
    token->invalid = r != 0 || tagged != 0;
    return 0;
}

static int read_start(struct reader *reader, struct token *token, enum token_kind kind,
                      const yaml_char_t *anchor, const yaml_char_t *tag)
{
    int r = check_anchor_and_tag(reader, anchor, tag);

    if (r < 0)
        return r;

    token->kind = kind;
    return enter(reader, token->location);
}

int reader_next(struct reader *reader, struct token *ret_token)
{
    struct token token = {0};
    int r;

    do {
        r = next_event(reader);
        if (r == 0 && reader->event.type == YAML_DOCUMENT_END_EVENT)
            r = expect_end(reader);
        if (r != 0)
            return r;
    } while (reader->event.type == YAML_NO_EVENT || reader->event.type == YAML_STREAM_START_EVENT ||
             reader->event.type == YAML_DOCUMENT_START_EVENT);

    token.location = mark_location(reader, reader->event.start_mark);
    switch (reader->event.type) {
    case YAML_ALIAS_EVENT:
        token.kind = TOKEN_ALIAS;
        r = report_error(reader->report, "alias", token.location, "write the value out",
                         "aliases (`*%s`) are not part of this language",
                         (const char *)reader->event.data.alias.anchor);
        break;
    case YAML_SCALAR_EVENT:
        r = read_scalar(reader, &token);
        break;
    case YAML_SEQUENCE_START_EVENT:
        r = read_start(reader, &token, TOKEN_SEQUENCE, reader->event.data.sequence_start.anchor,
                       reader->event.data.sequence_start.tag);
        break;
    case YAML_MAPPING_START_EVENT:
        r = read_start(reader, &token, TOKEN_MAPPING, reader->event.data.mapping_start.anchor,
                       reader->event.data.mapping_start.tag);
        break;
    case YAML_SEQUENCE_END_EVENT:
        token.kind = TOKEN_SEQUENCE_END;
        reader->depth--;
        break;
    case YAML_MAPPING_END_EVENT:
        token.kind = TOKEN_MAPPING_END;
        reader->depth--;
        break;
    default:
        token.kind = TOKEN_END;
        break;
    }
    if (r < 0)
        return r;

    *ret_token = token;
    return 0;
}

int reader_skip(struct reader *reader, const struct token *token)
{
    unsigned outside = reader->depth - 1;
    struct token skipped;
    int r;

    if (token->kind != TOKEN_SEQUENCE && token->kind != TOKEN_MAPPING)
        return 0;

    do {
        r = reader_next(reader, &skipped);
        if (r != 0)
            return r;
    } while (reader->depth > outside);
    return 0;
}
