/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A file of addresses as programs and people write them: one on each line, blanks around it, and
 * comments from `#` on. Like a file of YAML it is read to its end, so that one run reports all
 * mistakes; what a text means is for the resolver.
 */

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "policy/draft.h"
#include "policy/policy.h"
#include "policy/reader.h"
#include "policy/report.h"

struct parser {
    struct report report;
    struct draft *draft;
    struct arena *arena;
    struct draft_addresses *list; /* NULL: only the bytes are looked at */
    struct draft_text **tail;
};

/* What stands in a line, whatever is meant by it. Returns 0, REPORTED or -ENOMEM. */
static int check_line(struct parser *parser, struct location location, const char *line,
                      size_t size)
{
    if (parser->list && size > POLICY_TEXT_MAX)
        return report_error(&parser->report, "too-long", location, "write one address on a line",
                            "a line of %zu bytes; the most is %d", size, POLICY_TEXT_MAX);

    for (size_t position = 0; position < size; location.column++) {
        int length = reader_decode(&parser->report, location, line + position, size - position,
                                   &(uint32_t){0});

        if (length < 0)
            return length == -EBADMSG ? REPORTED : length;
        position += (size_t)length;
    }
    return 0;
}

/* Of one list, and of all. Returns 0, REPORTED or -ENOMEM. */
static int check_bounds(struct parser *parser, struct location location)
{
    if (parser->list->n_texts == POLICY_LIST_MAX)
        return report_error(&parser->report, "too-long", location,
                            "divide the list, or write prefixes instead of addresses",
                            "a list of more than %d addresses", POLICY_LIST_MAX);
    if (parser->draft->n_addresses == POLICY_LISTED_MAX)
        return report_error(&parser->report, "too-many", location,
                            "write prefixes instead of addresses",
                            "more than %d addresses in all lists", POLICY_LISTED_MAX);
    return 0;
}

static int keep_address(struct parser *parser, struct location location, const char *text,
                        size_t length)
{
    struct draft_text *kept =
        arena_allocate(parser->arena, offsetof(struct draft_text, text) + length + 1);

    if (!kept)
        return -ENOMEM;

    kept->location = location;
    memcpy(kept->text, text, length);
    *parser->tail = kept;
    parser->tail = &kept->next;
    parser->list->n_texts++;
    parser->draft->n_addresses++;
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A line without its end. `*ret_end` where no further address can be kept. Returns 0, REPORTED or
 * -ENOMEM. */
static int parse_line(struct parser *parser, struct location location, const char *line,
                      size_t size, bool *ret_end)
{
    const char *end = line + size, *comment;
    int r = check_line(parser, location, line, size);

    if (r != 0 || !parser->list)
        return r;

    comment = memchr(line, '#', size);
    end = comment ? comment : end;
    for (; line < end && is_blank(*line); line++)
        location.column++;
    while (end > line && is_blank(end[-1]))
        end--;
    if (line == end)
        return 0;

    r = check_bounds(parser, location);
    *ret_end = r != 0;
    return r == 0 ? keep_address(parser, location, line, (size_t)(end - line)) : r;
}

static int parse_lines(struct parser *parser, const char *text, size_t size, uint32_t source)
{
    struct location location = {source, 1, 1};
    bool end = false;
    int result = 0;

    for (size_t offset = utf8_mark_size(text, size); offset < size && !end; location.line++) {
        const char *line = text + offset;
        const char *line_end = memchr(line, '\n', size - offset);
        size_t length = line_end ? (size_t)(line_end - line) : size - offset;

        offset += length + 1;
        if (line_end && length > 0 && line[length - 1] == '\r')
            length--;
        gather(&result, parse_line(parser, location, line, length, &end));
        if (result < 0)
            return result;
    }
    if (result == 0 && parser->list && parser->list->n_texts == 0)
        return report_error(&parser->report, "empty-file", (struct location){source, 1, 1},
                            "write an address on a line of its own, or remove the file",
                            "the list has no address");
    return result;
}

/* In the draft's list before it is known to be valid. */
static int add_list(struct parser *parser, const char *name, uint32_t source)
{
    size_t size = strlen(name) + 1;
    struct draft_text *text;
    int r = draft_list_arena(&parser->draft->addresses, &parser->arena);

    if (r < 0)
        return r;
    parser->list = arena_allocate(parser->arena, sizeof(*parser->list));
    text = arena_allocate(parser->arena, offsetof(struct draft_text, text) + size);
    if (!parser->list || !text)
        return -ENOMEM;

    text->location = (struct location){source, 1, 1};
    memcpy(text->text, name, size);
    parser->list->object.name = text;
    parser->tail = &parser->list->texts;
    draft_list_append(&parser->draft->addresses, &parser->list->object);
    return 0;
}

static int warn_unused(struct parser *parser, const char *name, uint32_t source)
{
    /* A group may have lost the name by a mistake that was reported. */
    if (parser->draft->incomplete)
        return 0;
    return report_warning(&parser->report, "list-unused", (struct location){source, 1, 1},
                          "name it in `members-from` of a group, or remove the file",
                          "no group takes members from `%s`", name);
}

int draft_parse_addresses(struct draft *draft, const char *name, bool is_used,
                          const struct sources *sources, uint32_t source,
                          struct diagnostics *diagnostics)
{
    struct parser parser = {
        .report = {.diagnostics = diagnostics, .arena = draft->arena},
        .draft = draft,
    };
    const char *text;
    size_t size;
    int r;

    if (is_used && draft->addresses.n_objects == POLICY_LISTS_MAX) {
        draft->incomplete = true;
        r = report_error(&parser.report, "too-many", (struct location){source, 1, 1}, NULL,
                         "more than %d lists of addresses", POLICY_LISTS_MAX);
        return r < 0 ? r : 0;
    }

    r = is_used ? add_list(&parser, name, source) : warn_unused(&parser, name, source);
    if (r < 0)
        return r;
    text = sources_text(sources, source, &size);
    r = parse_lines(&parser, text, size, source);
    if (is_used)
        parser.list->object.broken = r == REPORTED;
    return r < 0 ? r : 0;
}
