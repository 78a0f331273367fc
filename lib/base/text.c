/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * UTF-8 and the columns a character takes on a terminal. The C library knows widths only by the
 * locale, and in the C locale, where a service runs, none at all; what segd prints must line up
 * there too. So the locale is always C.UTF-8, and the locale of the process is left alone.
 */

#include "base/text.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define REPLACEMENT "\xef\xbf\xbd"

int utf8_decode(const char *text, size_t size, uint32_t *ret_character)
{
    /* The least character that needs this many bytes: below it the form is overlong. */
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text[0];
    uint32_t character;
    int length;

    if (first < 0x80) {
        *ret_character = first;
        return 1;
    }

    length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || (size_t)length > size)
        return -EILSEQ;

    character = first & (0x7fU >> length);
    for (int i = 1; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];

        if ((byte & 0xc0) != 0x80)
            return -EILSEQ;
        character = character << 6 | (byte & 0x3fU);
    }
    if (character < least[length] || character > 0x10ffff ||
        (character >= 0xd800 && character <= 0xdfff))
        return -EILSEQ;

    *ret_character = character;
    return length;
}

size_t utf8_mark_size(const char *text, size_t size)
{
    return size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

size_t utf8_invalid_offset(const char *text, size_t size)
{
    size_t offset = 0;

    while (offset < size) {
        uint32_t character;
        int length = utf8_decode(text + offset, size - offset, &character);

        if (length < 0)
            break;
        offset += (size_t)length;
    }
    return offset;
}

char *utf8_repair(const char *text)
{
    size_t size = strlen(text);
    char *repaired = calloc(size + 1, strlen(REPLACEMENT)), *end = repaired;

    while (repaired && size > 0) {
        size_t valid = utf8_invalid_offset(text, size);

        end = mempcpy(end, text, valid);
        text += valid;
        size -= valid;
        if (size > 0) {
            end = stpcpy(end, REPLACEMENT);
            text++;
            size--;
        }
    }
    return repaired;
}

static bool is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

unsigned character_width(uint32_t character)
{
    /* Made once and never changed: to load it for each character would take too long. */
    static locale_t utf8;
    locale_t before;
    int width;

    if (is_control(character))
        return 0;
    if (character < 0x7f)
        return 1;

    if (!utf8)
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    /* Without the locale most of what is wide, the characters of East Asia, is still known. */
    if (!utf8)
        return character >= 0x2e80 ? 2 : 1;

    before = uselocale(utf8);
    width = wcwidth((wchar_t)character);
    uselocale(before);
    return width < 0 ? 1 : (unsigned)width;
}

/*
 * Text of others on a terminal. What stands in a policy or comes from the network must neither
 * steer the terminal of who reads it nor hide in it: control characters, bytes that are not UTF-8
 * and characters that cannot be seen or turn the direction of what follows appear as U+FFFD.
 */
static bool is_invisible(uint32_t character)
{
    return character == 0x200b || character == 0x200e || character == 0x200f ||
           (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2060 && character <= 0x206f) || character == 0xfeff;
}

struct glyph glyph_at(const char *text, size_t size)
{
    uint32_t character;
    int length = utf8_decode(text, size, &character);

    if (length < 0)
        return (struct glyph){REPLACEMENT, strlen(REPLACEMENT), 1, 1};
    if (character == '\t')
        return (struct glyph){" ", 1, 1, 1};
    if (character == '\r')
        return (struct glyph){"", 0, 0, 1};
    if (is_control(character) || is_invisible(character))
        return (struct glyph){REPLACEMENT, strlen(REPLACEMENT), 1, (size_t)length};
    return (struct glyph){text, (size_t)length, character_width(character), (size_t)length};
}

void text_show(FILE *stream, const char *text, size_t size)
{
    for (size_t offset = 0; offset < size;) {
        struct glyph glyph = glyph_at(text + offset, size - offset);

        fwrite(glyph.text, 1, glyph.length, stream);
        offset += glyph.size;
    }
}

unsigned text_show_cut(FILE *stream, const char *text, size_t size, unsigned width)
{
    unsigned used = 0;

    if (text_shown_width(text, size) <= width) {
        text_show(stream, text, size);
        return text_shown_width(text, size);
    }
    if (width == 0)
        return 0;
    for (size_t offset = 0; offset < size;) {
        struct glyph glyph = glyph_at(text + offset, size - offset);

        if (used + glyph.width + 1 > width)
            break;
        fwrite(glyph.text, 1, glyph.length, stream);
        used += glyph.width;
        offset += glyph.size;
    }
    fputs("…", stream);
    return used + 1;
}

unsigned text_shown_width(const char *text, size_t size)
{
    unsigned width = 0;

    for (size_t offset = 0; offset < size;) {
        struct glyph glyph = glyph_at(text + offset, size - offset);

        width += glyph.width;
        offset += glyph.size;
    }
    return width;
}
