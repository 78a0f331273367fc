/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl show: the policy in its canonical form, which parses back to an equal policy. Two policies
 * that mean the same are written the same, so `diff` on two of these shows what really changed. Or,
 * further down the line, the table that segd would give the kernel for it.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "control/client.h"
#include "loaded.h"
#include "ruleset/ruleset.h"

/* Prints the policy, or the table that it becomes. Returns 0, -EIO or -ENOMEM. */
static int print_form(const struct loaded *loaded, bool nftables, FILE *stream)
{
    return nftables ? ruleset_print(loaded->compiled->ruleset, loaded->compiled->now, stream)
                    : policy_print(loaded->compiled->policy, stream);
}

static int show_json(const struct loaded *loaded, bool nftables)
{
    cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    int r;

    if (!stream)
        return command_no_memory();

    r = print_form(loaded, nftables, stream);
    if (fclose(stream) != 0 || r < 0)
        return command_no_memory();
    return print_json(
        json_pack("{s:b, s:s%}", "ok", true, nftables ? "nftables" : "policy", text, size),
        EXIT_YES);
}

static int show(const struct command *command, const struct judged *judged)
{
    cleanup_(loaded_clear) struct loaded loaded = {0};
    int exit_code = running_or_files(command, judged, &loaded);

    if (exit_code != EXIT_YES)
        return exit_code;
    if (judged->json)
        return show_json(&loaded, judged->ruleset);

    if (print_form(&loaded, judged->ruleset, stdout) < 0 || fflush(stdout) != 0) {
        perror("segctl show");
        return EXIT_FAILED;
    }
    return EXIT_YES;
}

/* `current`, or a number as `history` shows it. */
static bool parse_generation(const char *text, uint64_t *ret_generation)
{
    char *end;

    if (strcmp(text, "current") == 0) {
        *ret_generation = 0;
        return true;
    }
    errno = 0;
    *ret_generation = strtoull(text, &end, 10);
    return text[0] >= '1' && text[0] <= '9' && *end == '\0' && errno == 0 &&
           *ret_generation <= INT64_MAX;
}

int run_show(const struct command *command, int argc, char **argv)
{
    struct judged judged = {.socket = CONTROL_SOCKET_DEFAULT, .policy_only = true};
    const char *generation = NULL;
    const struct command_option options[] = {
        {"policy", .text = &judged.path},      {"generation", .text = &generation},
        {"nftables", .flag = &judged.ruleset}, {"socket", .text = &judged.socket},
        {"json", .flag = &judged.json},
    };
    int exit_code;

    if (!command_begin(command, argc, argv, options, ELEMENTS_OF(options), &exit_code))
        return exit_code;
    if (optind < argc)
        return command_usage(command, "unexpected argument `%s`", argv[optind]);
    if (generation && judged.path)
        return command_usage(command, "either --generation or --policy");
    if (generation && !parse_generation(generation, &judged.generation))
        return command_usage(command, "`%s` is neither `current` nor the number of a generation",
                             generation);
    if (!generation && !judged.path)
        judged.path = POLICY_PATH_DEFAULT;
    return show(command, &judged);
}
