/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl audit: who did what, in order, and whether anybody changed the log since. Entries are
 * lines, for people and with `--json` for programs, so that a log that is followed can be piped.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loaded.h"
#include "remote.h"
#include "reply.h"
#include "words.h"

/* How entries are shown, and the last one that was. */
struct view {
    bool json;
    bool colour;
    json_int_t last;
};

static const char *outcome_colour(const char *outcome)
{
    if (strcmp(outcome, "done") == 0)
        return "32";
    return strcmp(outcome, "begun") == 0 ? "0" : "1;33";
}

/* `17  2026-11-23 02:11  tanaka  isolate lgwan  done  3 → 4  ransomware` */
static void print_entry(const json_t *entry, bool colour)
{
    const char *outcome = reply_text(entry, "outcome");
    json_int_t from = reply_number(entry, "from"), to = reply_number(entry, "to");
    char when[WHEN_MAX];

    printf("%" JSON_INTEGER_FORMAT "  %s  ", reply_number(entry, "sequence"),
           reply_when(reply_text(entry, "time"), when));
    words_text(stdout, reply_text(entry, "who"));
    fputs("  ", stdout);
    words_text(stdout, reply_text(entry, "action"));
    if (reply_has(entry, "object")) {
        putchar(' ');
        words_text(stdout, reply_text(entry, "object"));
    }
    fputs("  ", stdout);
    if (colour)
        printf("\033[%sm", outcome_colour(outcome));
    words_text(stdout, outcome);
    fputs(colour ? "\033[0m" : "", stdout);
    if (from != to)
        printf("  %" JSON_INTEGER_FORMAT " → %" JSON_INTEGER_FORMAT, from, to);
    if (reply_has(entry, "reason")) {
        fputs("  ", stdout);
        words_text(stdout, reply_text(entry, "reason"));
    }
    putchar('\n');
}

/* Returns 0, -ENOMEM, or -EPIPE where nobody reads. */
static int show(json_t *reply, void *userdata)
{
    struct view *view = userdata;
    const json_t *entries = json_object_get(reply, "entries");
    json_t *entry;
    size_t i;

    json_array_foreach(entries, i, entry)
    {
        view->last = reply_number(entry, "sequence");
        if (!view->json)
            print_entry(entry, view->colour);
        else if (write_json(stdout, entry, JSON_COMPACT) < 0)
            return -ENOMEM;
        else
            putchar('\n');
    }
    return fflush(stdout) != 0 ? -EPIPE : 0;
}

/* All entries, by as many calls as that takes. Returns an exit code. */
static int show_all(struct remote *remote, struct view *view)
{
    cleanup_(json_decrefp) json_t *parameters = TAKE_PTR(remote->parameters);
    json_int_t after;
    int exit_code, r = 0;

    do {
        cleanup_(json_decrefp) json_t *reply = NULL;

        after = view->last;
        if (after > 0 && json_object_set_new(parameters, "after", json_integer(after)) < 0)
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
    static const struct field fields[] = {
        {.option = "follow", .parameter = "follow", .kind = FIELD_FLAG},
        {.option = "after", .parameter = "after", .kind = FIELD_NUMBER},
    };
    cleanup_(remote_clear) struct remote remote = {0};
    struct view view = {0};
    int exit_code;

    if (!remote_begin(&remote, command, argc, argv, fields, ELEMENTS_OF(fields), 0, &exit_code))
        return exit_code;
    view.json = remote.json;
    view.colour = wants_colour(stdout);
    if (remote_take_flag(&remote, "follow"))
        return remote_follow(&remote, "ShowAudit", show, &view);
    return show_all(&remote, &view);
}

static int print_verified(const json_t *reply, bool colour)
{
    if (reply_true(reply, "ok")) {
        words_coloured(stdout, colour, "1;32", "the audit log is whole");
        printf(": %" JSON_INTEGER_FORMAT " entries, head ", reply_number(reply, "entries"));
        reply_write(stdout, reply, "head");
        putchar('\n');
        return 0;
    }
    words_coloured(stdout, colour, "1;31", "THE AUDIT LOG IS NOT WHOLE");
    fputs(": ", stdout);
    words_text(stdout, reply_text(reply, "problem"));
    putchar('\n');
    return 0;
}

static int run_verify_audit(const struct command *command, int argc, char **argv)
{
    cleanup_(remote_clear) struct remote remote = {0};
    cleanup_(json_decrefp) json_t *reply = NULL;
    int exit_code;

    if (!remote_begin(&remote, command, argc, argv, NULL, 0, 0, &exit_code))
        return exit_code;
    exit_code = remote_call(&remote, "VerifyAudit", &reply);
    if (exit_code != EXIT_YES)
        return exit_code;
    return remote_print(&remote, reply, print_verified,
                        reply_true(reply, "ok") ? EXIT_YES : EXIT_NO);
}

static bool is_word(const char *text)
{
    return strcmp(text, "show") == 0 || strcmp(text, "verify") == 0;
}

/* Brings the word to the front, also where options stand before it. */
static const char *take_word(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];

        if (!is_word(word))
            continue;
        memmove(argv + 2, argv + 1, (size_t)(i - 1) * sizeof(*argv));
        /* getopt_long() speaks of the command by its first word. */
        argv[1] = argv[0];
        return word;
    }
    return NULL;
}

int run_audit(const struct command *command, int argc, char **argv)
{
    const char *word = take_word(argc, argv);

    if (!word && argc > 1 && strcmp(argv[1], "--help") == 0)
        return command_help(command);
    if (!word)
        return command_usage(command, "`show` or `verify` is needed");
    return strcmp(word, "show") == 0 ? run_show_audit(command, argc - 1, argv + 1)
                                     : run_verify_audit(command, argc - 1, argv + 1);
}
