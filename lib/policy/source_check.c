/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * libyaml would refuse most of these files too, but with words about its own tokens and in places
 * after the mistake. What passes here has lines that libyaml, editors and our diagnostics count
 * alike: YAML 1.1 also breaks lines at U+0085, U+2028 and U+2029, so those are refused.
 */

#include "policy/source_check.h"

#include <string.h>

#include "base/text.h"

#define IDEOGRAPHIC_SPACE 0x3000
#define NO_BREAK_SPACE 0xa0
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct scan {
    struct report *report;
    const char *text;
    size_t size;
    size_t position;
    struct location location;
    bool in_indentation;
    bool content; /* anything but spaces and comments */
    bool comment; /* from here to the end of the line */
    bool crlf;    /* reported, once per file */
    size_t tab;   /* position of a tab in this line's indentation, or SIZE_MAX */
    uint32_t tab_column;
};

static int refuse_character(struct scan *scan, uint32_t character)
{
    return report_error(scan->report, "control-character", scan->location,
                        "remove the character; editors do not show it", "control character U+%04X",
                        character);
}

static int refuse_tab(struct scan *scan)
{
    struct location place = scan->location;

    place.column = scan->tab_column;
    return report_error(scan->report, "tab", place, "indent with spaces",
                        "a tab is used as indentation");
}

static int scan_carriage_return(struct scan *scan)
{
    bool line_end = scan->position + 1 < scan->size && scan->text[scan->position + 1] == '\n';
    int r;

    if (!line_end)
        return refuse_character(scan, '\r');
    if (scan->crlf)
        return 0;

    scan->crlf = true;
    r = report_error(scan->report, "carriage-return", scan->location,
                     "save the file with Unix line ends, for example with: sed -i 's/\\r$//' FILE",
                     "the file has Windows line ends (CR LF)");
    return r < 0 ? r : 0;
}

bool source_is_control(uint32_t character)
{
    return (character < 0x20 && character != '\t') || (character >= 0x7f && character <= 0x9f) ||
           character == 0x2028 || character == 0x2029 || character == 0xfeff ||
           (character >= 0x202a && character <= 0x202e) ||
           (character >= 0x2066 && character <= 0x2069) || character == 0xfffe ||
           character == 0xffff;
}

static int scan_character(struct scan *scan, uint32_t character)
{
    bool was_tab = scan->tab != SIZE_MAX;

    if (character == '\r')
        return scan_carriage_return(scan);
    if (source_is_control(character))
        return refuse_character(scan, character);
    if (character == ' ')
        return 0;

    if (scan->in_indentation && (character == IDEOGRAPHIC_SPACE || character == NO_BREAK_SPACE))
        return report_error(scan->report, "full-width", scan->location, "indent with ASCII spaces",
                            "a space that is not ASCII is used as indentation (U+%04X)", character);
    if (character == '\t') {
        if (scan->in_indentation && !was_tab) {
            scan->tab = scan->position;
            scan->tab_column = scan->location.column;
        }
        return 0;
    }

    if (scan->in_indentation && character == '#')
        scan->comment = true;
    if (!scan->comment) {
        scan->content = true;
        if (scan->in_indentation && was_tab)
            return refuse_tab(scan);
    }
    scan->in_indentation = false;
    return 0;
}

static void scan_line_end(struct scan *scan)
{
    scan->location.line++;
    scan->location.column = 1;
    scan->in_indentation = true;
    scan->comment = false;
    scan->tab = SIZE_MAX;
}

static int scan_text(struct scan *scan)
{
    while (scan->position < scan->size) {
        uint32_t character;
        int length, r;

        length = utf8_decode(scan->text + scan->position, scan->size - scan->position, &character);
        if (length < 0)
            return report_error(scan->report, "invalid-utf8", scan->location,
                                "save the file in UTF-8, for example with: "
                                "iconv -f CP932 -t UTF-8 FILE",
                                "byte 0x%02x is not UTF-8",
                                (unsigned char)scan->text[scan->position]);

        if (character == '\n') {
            scan_line_end(scan);
        } else {
            r = scan_character(scan, character);
            if (r != 0)
                return r;
            scan->location.column++;
        }
        scan->position += (size_t)length;
    }
    return 0;
}

int source_check(struct report *report, const struct sources *sources, uint32_t source)
{
    struct scan scan = {
        .report = report,
        .location = {source, 1, 1},
        .in_indentation = true,
        .tab = SIZE_MAX,
    };
    int r;

    scan.text = sources_text(sources, source, &scan.size);
    if (scan.size >= 3 && memcmp(scan.text, BYTE_ORDER_MARK, 3) == 0) {
        r = report_error(report, "byte-order-mark", scan.location,
                         "save the file as UTF-8 without a byte order mark, for example with: "
                         "sed -i '1s/^\\xEF\\xBB\\xBF//' FILE",
                         "the file begins with a byte order mark (BOM)");
        if (r < 0)
            return r;
        scan.position = 3;
    }

    r = scan_text(&scan);
    if (r != 0)
        return r;
    if (!scan.content)
        return report_error(report, "empty-file", (struct location){source, 1, 1},
                            "write a policy that begins with `segd: 1`, or remove the file",
                            "the file is empty");
    return 0;
}
