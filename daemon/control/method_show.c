/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Objects of the daemon as the structures that methods reply with. */

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "daemon/control/method.h"

struct generation method_generation(const struct gateway *gateway,
                                    const struct generation *generation)
{
    struct generation shown = *generation;

    shown.current = gateway->current.number == generation->number;
    return shown;
}

static int64_t seconds_of(usec_t span)
{
    return span > 0 ? span / USEC_PER_SEC : 0;
}

struct confirmation method_confirmation(const struct gateway *gateway)
{
    struct confirmation shown = gateway->state.confirmation;

    shown.seconds = seconds_of(shown.deadline - calendar_clock(CLOCK_BOOTTIME));
    return shown;
}

struct override method_override(const struct override *override)
{
    struct override shown = *override;

    shown.age = seconds_of(calendar_now() - override->since);
    return shown;
}

int method_add_text(struct arena *arena, char ***list, size_t *n, const char *text)
{
    char **added = text ? arena_add(arena, list, n, sizeof(*added)) : NULL;

    if (!added)
        return -ENOMEM;
    *added = (char *)text;
    return 0;
}

int method_overrides(struct arena *arena, const struct overrides *overrides,
                     struct override **ret_list)
{
    size_t n = 0;

    while (n < overrides->n_overrides) {
        const struct override *override = &overrides->overrides[n];
        struct override *shown = arena_add(arena, ret_list, &n, sizeof(*shown));

        if (!shown)
            return -ENOMEM;
        *shown = method_override(override);
    }
    return 0;
}

/* The source line at a place, without its newline. It stays NULL if there is none, or if the line
 * is not valid UTF-8, which another diagnostic reports. Returns 0 or -ENOMEM. */
static int source_line(struct arena *arena, const struct sources *sources, struct location at,
                       char **ret_line)
{
    const char *text, *end;
    size_t size, offset;

    at.column = 1;
    if (sources_find(sources, at, &offset) < 0)
        return 0;
    text = sources_text(sources, at.source, &size);
    end = memchr(text + offset, '\n', size - offset);
    size = (end ? (size_t)(end - text) : size) - offset;
    if (utf8_invalid_offset(text + offset, size) < size || memchr(text + offset, '\0', size))
        return 0;
    *ret_line = arena_printf(arena, "%.*s", (int)size, text + offset);
    return *ret_line ? 0 : -ENOMEM;
}

/* A place, with a message about it. */
static int place(struct arena *arena, const struct sources *sources, struct location at,
                 char *message, struct wire_place *ret_place)
{
    *ret_place = (struct wire_place){.line = at.line, .column = at.column, .message = message};
    if (at.line == 0 || !sources || at.source >= sources_count(sources))
        return 0;
    ret_place->file = (char *)sources_name(sources, at.source);
    return source_line(arena, sources, at, &ret_place->source);
}

int method_diagnostics(struct arena *arena, const struct outcome *outcome,
                       struct wire_diagnostic **ret_list, size_t *ret_n)
{
    const struct diagnostic *list = NULL;
    size_t n = outcome->diagnostics ? diagnostics_list(outcome->diagnostics, &list) : 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++) {
        struct wire_diagnostic *shown = arena_add(arena, ret_list, ret_n, sizeof(*shown));

        if (!shown)
            return -ENOMEM;
        shown->severity = list[i].severity;
        shown->code = (char *)list[i].code;
        shown->remedy = list[i].remedy;
        r = place(arena, outcome->sources, list[i].location, list[i].message, &shown->place);
        if (r == 0 && list[i].related.line > 0)
            r = place(arena, outcome->sources, list[i].related, list[i].related_message,
                      &shown->related);
    }
    return r;
}
