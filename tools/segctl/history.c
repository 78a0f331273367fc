/* SPDX-License-Identifier: GPL-2.0-or-later */

/* segctl history and diff: the generations that are kept, and what changed between two of them. */

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "remote.h"
#include "reply.h"

#define FINGERPRINT_SHOWN 12

static int add_generation(struct table *table, const void *record)
{
    const struct generation *generation = record;
    char number[32], when[WHEN_MAX], fingerprint[FINGERPRINT_SHOWN + 1], outcome[64];

    snprintf(number, sizeof(number), "%" PRIu64, generation->number);
    snprintf(fingerprint, sizeof(fingerprint), "%.*s", FINGERPRINT_SHOWN, generation->fingerprint);
    snprintf(outcome, sizeof(outcome), generation->source > 0 ? "%s, as %" PRIu64 : "%s",
             record_word(&generation_outcomes, generation->outcome), generation->source);
    return table_add(table,
                     (const char *[]){generation->current ? "*" : "", number,
                                      reply_when(generation->when, when), generation->actor.name,
                                      outcome, fingerprint, generation->reason});
}

static int print_history(const void *record, const struct screen *screen)
{
    static const char *const titles[] = {"",        "N",           "WHEN",  "WHO",
                                         "OUTCOME", "FINGERPRINT", "REASON"};
    static const enum table_align aligns[ELEMENTS_OF(titles)] = {[1] = TABLE_RIGHT};
    static const uint8_t drops[] = {5, TABLE_END};
    static const struct reply_columns columns = REPLY_COLUMNS(titles, aligns, drops);
    const struct history_reply *reply = record;

    return reply_print_table(&columns, reply->generations, reply->n_generations,
                             sizeof(*reply->generations), add_generation,
                             "no generation is kept: nothing was applied yet", screen);
}

const struct remote_method history_method = {"GetHistory", &history_reply_type, print_history};

static int print_diff(const void *record, const struct screen *screen)
{
    const struct change_reply *reply = record;

    if (!reply->changed)
        puts("nothing changes: the two policies mean the same");
    reply_print_changes(reply, screen->colour);
    return 0;
}

const struct remote_method diff_method = {
    "Diff", &diff_reply_type, print_diff,
    .fields = {{.title = "N", .parameter = "from", .kind = FIELD_NUMBER, .required = true},
               {.title = "M", .parameter = "to", .kind = FIELD_NUMBER, .required = true}}};
