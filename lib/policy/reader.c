/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The event API of libyaml, after a look at the bytes. Depth is bounded here, before anybody
 * recurses into what is read. The words of libyaml about broken YAML are kept, since they are what
 * people find when they search; a remedy for the usual ones stands beside them.
 */

#include "policy/reader.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

#include "base/text.h"
#include "policy/policy.h"

#define IDEOGRAPHIC_SPACE 0x3000
#define NO_BREAK_SPACE 0xa0

struct scan {
    struct report *report;
    const char *text;
    size_t size;
    size_t position;
    struct location location;
    bool in_indentation;
    bool content;        /* anything but spaces and comments */
    bool comment;        /* from here to the end of the line */
    struct location tab; /* of a tab in this line's indentation; line 0: there is none */
};

/* What no text may have: control characters, other line breaks, and what turns the direction of the
 * text around, so that it does not read as it is. */
static bool is_control(uint32_t character)
{
    return (character < 0x20 && character != '\t') || (character >= 0x7f && character <= 0x9f) ||
           character == 0x2028 || character == 0x2029 || character == 0xfeff ||
           (character >= 0x202a && character <= 0x202e) ||
           (character >= 0x2066 && character <= 0x2069) || character == 0xfffe ||
           character == 0xffff;
}

/* What was reported ends the reading. */
static int unreadable(int r)
{
    return r == REPORTED ? -EBADMSG : r;
}

int reader_decode(struct report *report, struct location location, const char *text, size_t size,
                  uint32_t *ret_character)
{
    int length = utf8_decode(text, size, ret_character);

    if (length < 0)
        return unreadable(report_error(report, "invalid-utf8", location,
                                       "save the file in UTF-8, for example with: "
                                       "iconv -f CP932 -t UTF-8 FILE",
                                       "byte 0x%02x is not UTF-8", (unsigned char)*text));
    if (is_control(*ret_character))
        return unreadable(report_error(report, "control-character", location,
                                       "remove the character; editors do not show it",
                                       "control character U+%04X", *ret_character));
    return length;
}

/* A dash that begins an entry of a list: what follows it is indentation of the entry. */
static bool is_list_dash(const struct scan *scan, uint32_t character)
{
    return scan->in_indentation && character == '-' && scan->position + 1 < scan->size &&
           strchr(" \t", scan->text[scan->position + 1]);
}

static int scan_character(struct scan *scan, uint32_t character)
{
    bool was_tab = scan->tab.line != 0;

    if (character == ' ')
        return 0;

    if (scan->in_indentation && (character == IDEOGRAPHIC_SPACE || character == NO_BREAK_SPACE))
        return report_error(scan->report, "full-width", scan->location, "indent with ASCII spaces",
                            "a space that is not ASCII is used as indentation (U+%04X)", character);
    if (character == '\t') {
        if (scan->in_indentation && !was_tab)
            scan->tab = scan->location;
        return 0;
    }

    if (scan->in_indentation && character == '#')
        scan->comment = true;
    if (!scan->comment) {
        scan->content = true;
        if (scan->in_indentation && was_tab)
            return report_error(scan->report, "tab", scan->tab, "indent with spaces",
                                "a tab is used as indentation");
    }
    scan->in_indentation = is_list_dash(scan, character);
    return 0;
}

static void scan_line_end(struct scan *scan)
{
    scan->location.line++;
    scan->location.column = 1;
    scan->in_indentation = true;
    scan->comment = false;
    scan->tab.line = 0;
}

/* Returns 0, -EBADMSG (reported) or -ENOMEM. */
static int scan_text(struct scan *scan)
{
    while (scan->position < scan->size) {
        const char *text = scan->text + scan->position;
        uint32_t character;
        int length, r;

        if (text[0] == '\n' || (text[0] == '\r' && text[1] == '\n')) {
            scan_line_end(scan);
            scan->position += text[0] == '\r' ? 2 : 1;
            continue;
        }

        length = reader_decode(scan->report, scan->location, text, scan->size - scan->position,
                               &character);
        r = length < 0 ? length : unreadable(scan_character(scan, character));
        if (r < 0)
            return r;
        scan->location.column++;
        scan->position += (size_t)length;
    }
    return 0;
}

/*
 * Looks at a file's bytes before YAML does, for what editors and other systems put into files and
 * what nobody sees. libyaml would refuse most of these files too, but with words about its own
 * tokens and in places after the mistake. What passes here has lines that libyaml, editors and our
 * diagnostics count alike: YAML 1.1 also breaks lines at U+0085, U+2028 and U+2029, so those are
 * refused. Returns 0, -EBADMSG (reported) or -ENOMEM.
 */
static int check_source(struct report *report, const struct sources *sources, uint32_t source)
{
    struct scan scan = {
        .report = report,
        .location = {source, 1, 1},
        .in_indentation = true,
    };
    int r;

    scan.text = sources_text(sources, source, &scan.size);
    scan.position = utf8_mark_size(scan.text, scan.size);
    r = scan_text(&scan);
    if (r < 0)
        return r;
    if (!scan.content)
        return unreadable(report_error(
            report, "empty-file", (struct location){source, 1, 1},
            "write a policy that begins with `segd: 1`, or remove the file", "the file is empty"));
    return 0;
}

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
    int r = check_source(report, sources, source);
    struct reader *reader;
    const char *text;
    size_t size;

    if (r < 0)
        return r;

    reader = calloc(1, sizeof(*reader));
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

    return unreadable(report_error(reader->report, "second-document",
                                   mark_location(reader, reader->event.start_mark),
                                   "remove the `---`; put a second policy into a file of its own",
                                   "a second YAML document in one file"));
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

/* Escapes such as "\n" and texts over several lines bring in what check_source() cannot see. */
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
        if (length < 0 || character == '\t' || is_control(character))
            return report_error(reader->report, "control-character", location,
                                "write the text on one line, without escapes",
                                "the text has a line break or another control character");
        position += (size_t)length;
    }
    return 0;
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
    if (reader->depth == POLICY_DEPTH_MAX)
        return unreadable(report_error(
            reader->report, "too-deep", token->location, "check the brackets and the indentation",
            "lists and mappings are nested more than %d deep", POLICY_DEPTH_MAX));

    reader->depth++;
    token->kind = kind;
    return 0;
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
