/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The answer about 50,000 flows has a million values, and whoever wants its JSON needs none of
 * them: the text goes from the socket to stdout, with line breaks put in between. It is what segd
 * sends; everything else is left to jansson.
 */

#include "json_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "control/varlink.h"

#define INDENT 2

/*
 * Escapes delete and the control characters U+0080 to U+009F, as jansson escapes the others: for a
 * program the text is the same, and a terminal takes no command from it. jansson writes whole
 * characters, so that none is cut between two calls.
 */
static int write_safe(const char *bytes, size_t size, void *userdata)
{
    FILE *stream = userdata;
    size_t begin = 0;

    for (size_t i = 0; i < size; i++) {
        bool is_delete = bytes[i] == 0x7f;
        bool is_long = bytes[i] == '\xc2' && i + 1 < size && (unsigned char)bytes[i + 1] < 0xa0;

        if (!is_delete && !is_long)
            continue;
        fwrite(bytes + begin, 1, i - begin, stream);
        i += is_long;
        fprintf(stream, "\\u%04x", (unsigned)(unsigned char)bytes[i]);
        begin = i + 1;
    }
    fwrite(bytes + begin, 1, size - begin, stream);
    return ferror(stream) ? -1 : 0;
}

int write_json(FILE *stream, const json_t *json, size_t flags)
{
    return json_dump_callback(json, write_safe, stream, flags);
}

struct json_text {
    const char *at;
    const char *end;
    FILE *stream;
};

static void put(const struct json_text *text, const char *bytes, size_t size)
{
    if (text->stream)
        fwrite_unlocked(bytes, 1, size, text->stream);
}

static void put_line(const struct json_text *text, size_t depth)
{
    char line[1 + INDENT * (VARLINK_DEPTH_MAX + 1)];

    memset(line, ' ', sizeof(line));
    line[0] = '\n';
    put(text, line, 1 + INDENT * depth);
}

static bool is_next(struct json_text *text, char sign)
{
    if (text->at == text->end || *text->at != sign)
        return false;
    text->at++;
    return true;
}

/* After a backslash, where a control character or a sign follows as jansson writes it. Returns its
 * bytes, or 0. */
static size_t escape_size(const char *at, const char *end)
{
    if (at == end || *at == '\0')
        return 0;
    if (strchr("\"\\bfnrt", *at))
        return 1;
    if (end - at < 5 || strncmp(at, "u00", 3) != 0 || strncmp(at, "u0000", 5) == 0)
        return 0;
    return (at[3] == '0' || at[3] == '1') && isxdigit((unsigned char)at[4]) ? 5 : 0;
}

/* The string that begins here, with its quotes. */
static bool put_string(struct json_text *text)
{
    const char *begin = text->at, *at = begin + 1;
    bool is_safe = true;

    for (; at < text->end && *at != '"'; at++) {
        size_t escaped = *at == '\\' ? escape_size(at + 1, text->end) : 0;

        if ((unsigned char)*at < 0x20 || (*at == '\\' && escaped == 0))
            return false;
        is_safe = is_safe && *at != 0x7f && *at != '\xc2';
        at += escaped;
    }
    if (at >= text->end)
        return false;
    text->at = at + 1;
    if (is_safe)
        put(text, begin, (size_t)(text->at - begin));
    else if (text->stream)
        write_safe(begin, (size_t)(text->at - begin), text->stream);
    return true;
}

/* A whole number, `true`, `false` or `null`. */
static bool put_word(struct json_text *text)
{
    static const char *const words[] = {"true", "false", "null"};
    const char *begin = text->at;
    size_t left = (size_t)(text->end - begin), n = left > 0 && *begin == '-';
    size_t first = n;

    while (n < left && n < first + 19 && begin[n] >= '0' && begin[n] <= '9')
        n++;
    /* Of more digits jansson decides what they are. */
    if (n == first || n == first + 19 || (begin[first] == '0' && n != 1))
        n = 0;
    for (size_t i = 0; n == 0 && i < ELEMENTS_OF(words); i++) {
        if (left >= strlen(words[i]) && memcmp(begin, words[i], strlen(words[i])) == 0)
            n = strlen(words[i]);
    }
    put(text, begin, n);
    text->at += n;
    return n > 0;
}

static bool put_value(struct json_text *text, size_t depth);

/* The elements of a list, or members of an object, after the sign that opens it. */
static bool put_elements(struct json_text *text, char closes, size_t depth)
{
    if (depth > VARLINK_DEPTH_MAX)
        return false;
    do {
        put_line(text, depth);
        if (closes == '}') {
            if (text->at == text->end || *text->at != '"' || !put_string(text) ||
                !is_next(text, ':'))
                return false;
            put(text, ": ", 2);
        }
        if (!put_value(text, depth))
            return false;
        if (is_next(text, closes)) {
            put_line(text, depth - 1);
            put(text, &closes, 1);
            return true;
        }
        put(text, ",", 1);
    } while (is_next(text, ','));
    return false;
}

static bool put_value(struct json_text *text, size_t depth)
{
    const bool is_list = is_next(text, '[');

    if (is_list || is_next(text, '{')) {
        const char closes = is_list ? ']' : '}';

        put(text, is_list ? "[" : "{", 1);
        if (!is_next(text, closes))
            return put_elements(text, closes, depth + 1);
        put(text, &closes, 1);
        return true;
    }
    if (text->at < text->end && *text->at == '"')
        return put_string(text);
    return put_word(text);
}

int json_text_print(const char *bytes, size_t size, FILE *stream)
{
    struct json_text text = {bytes, bytes + size, stream};

    if (!stream && utf8_invalid_offset(bytes, size) < size)
        return -EBADMSG;
    return put_value(&text, 0) && text.at == text.end ? 0 : -EBADMSG;
}
