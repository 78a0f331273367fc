/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Text of others on a terminal. What stands in a policy or comes from the network must neither
 * steer the terminal of who reads it nor hide in it: control characters, bytes that are not UTF-8
 * and characters that cannot be seen or turn the direction of what follows appear as U+FFFD.
 */

#include "base/text.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

static bool is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

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
