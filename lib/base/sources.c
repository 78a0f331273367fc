/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The texts that were read, and the way from a line and column back to the bytes. A policy may be
 * 64 MiB in one line or in as many lines as bytes, so neither the lines are indexed nor a line is
 * searched from its start: each text is walked once when it is added, and every few kilobytes the
 * place is noted. To find a place is then a bisection and a walk of bounded length.
 */

#include "base/diagnostics.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

/* Bytes between two checkpoints. Each takes 16 of them, so the index is below 1 % of the text. */
#define CHECKPOINT_DISTANCE 4096

/* The place of the first character at or after a multiple of the distance. */
struct checkpoint {
    size_t offset;
    uint32_t line;
    uint32_t column;
};

struct source {
    char *name;
    char *text;
    size_t size;
    struct checkpoint *checkpoints;
    size_t n_checkpoints;
};

struct sources {
    struct source *sources;
    size_t n_sources;
    size_t capacity;
};

int sources_new(struct sources **ret_sources)
{
    struct sources *sources = calloc(1, sizeof(*sources));

    if (!sources)
        return -ENOMEM;

    *ret_sources = sources;
    return 0;
}

static void source_clear(struct source *source)
{
    free(source->name);
    free(source->text);
    free(source->checkpoints);
    *source = (struct source){0};
}

struct sources *sources_free(struct sources *sources)
{
    if (!sources)
        return NULL;

    for (size_t i = 0; i < sources->n_sources; i++)
        source_clear(&sources->sources[i]);
    free(sources->sources);
    free(sources);
    return NULL;
}

/* Moves one character on; a byte that is not UTF-8 is a character of its own. */
static void step(const struct source *source, struct checkpoint *place)
{
    const char *text = source->text + place->offset;
    int length = 1;

    if (*text == '\n') {
        place->offset++;
        place->line++;
        place->column = 1;
        return;
    }

    if ((unsigned char)*text >= 0x80) {
        uint32_t character;

        length = utf8_decode(text, source->size - place->offset, &character);
        if (length < 0)
            length = 1;
    }
    place->offset += (size_t)length;
    place->column++;
}

static void note_checkpoints(struct source *source)
{
    /* Lines and columns begin after a byte order mark, in editors too. */
    struct checkpoint place = {utf8_mark_size(source->text, source->size), 1, 1};

    source->checkpoints[source->n_checkpoints++] = place;
    while (place.offset < source->size) {
        step(source, &place);
        if (place.offset >= source->n_checkpoints * CHECKPOINT_DISTANCE)
            source->checkpoints[source->n_checkpoints++] = place;
    }
}

int sources_add(struct sources *sources, const char *name, const char *text, size_t size,
                uint32_t *ret_source)
{
    cleanup_(source_clear) struct source source = {.size = size};
    int r;

    source.name = strdup(name);
    source.text = malloc(size + 1);
    source.checkpoints = calloc(size / CHECKPOINT_DISTANCE + 1, sizeof(*source.checkpoints));
    if (!source.name || !source.text || !source.checkpoints)
        return -ENOMEM;

    if (size > 0)
        memcpy(source.text, text, size);
    source.text[size] = '\0';
    note_checkpoints(&source);

    r = array_append(&sources->sources, &sources->n_sources, &sources->capacity, &source,
                     sizeof(source));
    if (r < 0)
        return r;

    *ret_source = (uint32_t)sources->n_sources - 1;
    source = (struct source){0};
    return 0;
}

size_t sources_count(const struct sources *sources)
{
    return sources->n_sources;
}

const char *sources_name(const struct sources *sources, uint32_t source)
{
    return sources->sources[source].name;
}

const char *sources_text(const struct sources *sources, uint32_t source, size_t *ret_size)
{
    *ret_size = sources->sources[source].size;
    return sources->sources[source].text;
}

static bool is_behind(const struct checkpoint *place, struct location location)
{
    return place->line > location.line ||
           (place->line == location.line && place->column > location.column);
}

/* The last checkpoint that is not after `location`; the first one never is. */
static const struct checkpoint *find_checkpoint(const struct source *source,
                                                struct location location)
{
    const struct checkpoint *after = source->checkpoints + 1;

    return source->checkpoints +
           BISECT(source->n_checkpoints - 1, i, !is_behind(&after[i], location));
}

int sources_find(const struct sources *sources, struct location location, size_t *ret_offset)
{
    const struct source *source;
    struct checkpoint place;

    if (location.line == 0 || location.source >= sources->n_sources)
        return -ENOENT;

    source = &sources->sources[location.source];
    place = *find_checkpoint(source, location);
    while (place.offset < source->size && place.line < location.line)
        step(source, &place);
    if (place.line != location.line)
        return -ENOENT;

    while (place.offset < source->size && place.column < location.column &&
           source->text[place.offset] != '\n')
        step(source, &place);

    *ret_offset = place.offset;
    return 0;
}
