/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl audit: who did what, in order, and whether anybody changed the log since. Entries are
 * lines, for people and with `--json` for programs, so that a log that is followed can be piped.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json_text.h"
#include "loaded.h"
#include "remote.h"
#include "reply.h"
#include "words.h"

/* How entries are shown, and the last one that was. */
struct view {
    bool json;
    bool colour;
    uint64_t last;
};

static const char *outcome_colour(const char *outcome)
{
    if (strcmp(outcome, "done") == 0)
        return "32";
    return strcmp(outcome, "begun") == 0 ? "0" : "1;33";
}

/* `17  2026-11-23 02:11  tanaka  isolate lgwan  done  3 → 4  ransomware` */
static void print_entry(const struct audit_entry *entry, bool colour)
{
    char when[WHEN_MAX];

    words_print(stdout, "%" PRIu64 "  %s  %s  %s", entry->sequence, reply_when(entry->time, when),
                entry->who, entry->action);
    if (entry->object)
        words_print(stdout, " %s", entry->object);
    fputs("  ", stdout);
    if (colour)
        printf("\033[%sm", outcome_colour(entry->outcome));
    words_print(stdout, "%s%s", entry->outcome, colour ? "\033[0m" : "");
    if (entry->from != entry->to)
        printf("  %" PRIu64 " → %" PRIu64, entry->from, entry->to);
    if (entry->reason)
        words_print(stdout, "  %s", entry->reason);
    putchar('\n');
}

/* Returns 0, -ENOMEM, or -EPIPE where the reader has closed. */
static int show(json_t *reply, void *userdata)
{
    struct view *view = userdata;
    json_t *json;
    size_t i;
    int r = 0;

    json_array_foreach(json_object_get(reply, "entries"), i, json)
    {
        struct audit_entry entry = {0};

        if (r == 0)
            r = record_decode_reply(&audit_entry_type, json, &entry);
        view->last = entry.sequence;
        if (r == 0 && !view->json)
            print_entry(&entry, view->colour);
        else if (r == 0) {
            r = write_json(stdout, json, JSON_COMPACT) < 0 ? -ENOMEM : 0;
            putchar('\n');
        }
        record_clear(&audit_entry_type, &entry);
    }
    if (r == 0 && fflush(stdout) != 0)
        r = -EPIPE;
    return r;
}

/* All entries, by as many calls as that takes. Returns an exit code. */
static int show_all(struct remote *remote, struct view *view)
{
    cleanup_(json_decrefp) json_t *parameters = TAKE_PTR(remote->parameters);
    uint64_t after;
    int exit_code, r = 0;

    do {
        cleanup_(json_decrefp) json_t *reply = NULL;

        after = view->last;
        if (after > 0 &&
            json_object_set_new(parameters, "after", json_integer((json_int_t)after)) < 0)
            return command_no_memory();
        remote->parameters = json_incref(parameters);
        exit_code = remote_call(remote, "ShowAudit", &reply);
        if (exit_code == EXIT_YES)
            r = show(reply, view);
    } while (exit_code == EXIT_YES && r == 0 && view->last > after);

    return r == -ENOMEM ? command_no_memory() : exit_code;
}

static int run_show_audit(const struct command *command, int argc, char **argv)
{
    static const struct remote_method method = {
        "ShowAudit", .fields = {{.option = "follow", .parameter = "follow", .kind = FIELD_FLAG},
                                {.option = "after", .parameter = "after", .kind = FIELD_NUMBER}}};
    cleanup_(remote_clear) struct remote remote = {0};
    struct view view = {0};
    int exit_code;

    if (!remote_begin(&remote, command, argc, argv, &method, &exit_code))
        return exit_code;
    view.json = remote.json;
    view.colour = wants_colour(stdout);
    if (remote_take_flag(&remote, "follow"))
        return remote_follow(&remote, method.name, show, &view);
    return show_all(&remote, &view);
}

static int print_verified(const void *record, const struct screen *screen)
{
    const struct verify_audit_reply *reply = record;

    if (reply->ok) {
        words_coloured(stdout, screen->colour, "1;32", "the audit log is whole");
        words_print(stdout, ": %" PRIu64 " entries, head %s", reply->entries, reply->head);
    } else {
        words_coloured(stdout, screen->colour, "1;31", "THE AUDIT LOG IS NOT WHOLE");
        words_print(stdout, ": %s", reply->problem ? reply->problem : "");
    }
    putchar('\n');
    return 0;
}

static int judge(const void *record)
{
    const struct verify_audit_reply *reply = record;

    return reply->ok ? EXIT_YES : EXIT_NO;
}

static int run_verify_audit(const struct command *command, int argc, char **argv)
{
    static const struct remote_method method = {"VerifyAudit", &verify_audit_reply_type,
                                                print_verified, .judge = judge};

    return remote_show(command, argc, argv, &method);
}

int run_audit(const struct command *command, int argc, char **argv)
{
    static const char *const words[] = {"show", "verify", NULL};
    const char *word = command_take_word(argc, argv, words);

    if (!word && argc > 1 && strcmp(argv[1], "--help") == 0)
        return command_help(command);
    if (!word)
        return command_needs(command, "", "`show` or `verify`");
    return strcmp(word, "show") == 0 ? run_show_audit(command, argc - 1, argv + 1)
                                     : run_verify_audit(command, argc - 1, argv + 1);
}
