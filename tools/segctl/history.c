/* SPDX-License-Identifier: GPL-2.0-or-later */

/* segctl history and diff: the generations that are kept, and what changed between two of them. */

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "remote.h"
#include "reply.h"

enum {
    COLUMN_MARK,
    COLUMN_NUMBER,
    COLUMN_WHEN,
    COLUMN_WHO,
    COLUMN_OUTCOME,
    COLUMN_FINGERPRINT,
    COLUMN_REASON,
    COLUMNS,
};

#define FINGERPRINT_SHOWN 12

static int add_generation(struct table *table, const json_t *generation)
{
    cleanup_(freep) char *outcome = NULL;
    char number[32], when[WHEN_MAX], fingerprint[FINGERPRINT_SHOWN + 1];
    json_int_t source = reply_number(generation, "source");
    int r;

    snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, reply_number(generation, "number"));
    snprintf(fingerprint, sizeof(fingerprint), "%s", reply_text(generation, "fingerprint"));
    if (source > 0)
        r = asprintf(&outcome, "%s, as %" JSON_INTEGER_FORMAT, reply_text(generation, "outcome"),
                     source);
    else
        r = asprintf(&outcome, "%s", reply_text(generation, "outcome"));
    if (r < 0) {
        outcome = NULL;
        return -ENOMEM;
    }

    return table_add(table,
                     (const char *[COLUMNS]){
                         [COLUMN_MARK] = reply_true(generation, "current") ? "*" : "",
                         [COLUMN_NUMBER] = number,
                         [COLUMN_WHEN] = reply_when(reply_text(generation, "when"), when),
                         [COLUMN_WHO] = reply_text(json_object_get(generation, "actor"), "name"),
                         [COLUMN_OUTCOME] = outcome,
                         [COLUMN_FINGERPRINT] = fingerprint,
                         [COLUMN_REASON] = reply_text(generation, "reason"),
                     });
}

static int print_history(const json_t *reply, bool colour)
{
    static const char *const titles[COLUMNS] = {"",        "N",           "WHEN",  "WHO",
                                                "OUTCOME", "FINGERPRINT", "REASON"};
    static const enum table_align aligns[COLUMNS] = {[COLUMN_NUMBER] = TABLE_RIGHT};
    const json_t *generations = json_object_get(reply, "generations");
    cleanup_(table_freep) struct table *table = NULL;
    json_t *generation;
    size_t i;
    int r = table_new(COLUMNS, titles, aligns, &table);

    json_array_foreach(generations, i, generation)
    {
        if (r == 0)
            r = add_generation(table, generation);
    }
    if (r < 0)
        return r;
    if (json_array_size(generations) == 0)
        puts("no generation is kept: nothing was applied yet");
    else
        table_print(table, stdout, colour);
    return 0;
}

int run_history(const struct command *command, int argc, char **argv)
{
    return remote_run(command, argc, argv, NULL, 0, "GetHistory", print_history);
}

static int print_diff(const json_t *reply, bool colour)
{
    if (!reply_true(reply, "changed"))
        puts("nothing changes: the two policies mean the same");
    reply_print_changes(reply, colour);
    return 0;
}

int run_diff(const struct command *command, int argc, char **argv)
{
    static const struct field fields[] = {
        {.title = "N", .parameter = "from", .kind = FIELD_NUMBER, .required = true},
        {.title = "M", .parameter = "to", .kind = FIELD_NUMBER, .required = true},
    };

    return remote_run(command, argc, argv, fields, ELEMENTS_OF(fields), "Diff", print_diff);
}
