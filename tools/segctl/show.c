/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl show: the policy in its canonical form, which parses back to an equal policy. Two policies
 * that mean the same are written the same, so `diff` on two of these shows what really changed. Or,
 * further down the line, the table that segd would give the kernel for it.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "command.h"
#include "loaded.h"
#include "ruleset/ruleset.h"

#define OPTION_NFTABLES 'n'

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

static int show(const char *path, bool json, bool nftables)
{
    cleanup_(loaded_clear) struct loaded loaded = {0};
    const struct compiled_input input = {
        .now = calendar_now(),
        .last = nftables ? COMPILED_RULESET : COMPILED_DIAGRAM,
    };
    int exit_code = loaded_require(&loaded, path, &input, json);

    if (exit_code != EXIT_YES)
        return exit_code;
    if (json)
        return show_json(&loaded, nftables);

    if (print_form(&loaded, nftables, stdout) < 0 || fflush(stdout) != 0) {
        perror("segctl show");
        return EXIT_FAILED;
    }
    return EXIT_YES;
}

int run_show(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"policy", required_argument, NULL, OPTION_POLICY},
        {"nftables", no_argument, NULL, OPTION_NFTABLES},
        {"json", no_argument, NULL, OPTION_JSON},
        {"help", no_argument, NULL, OPTION_HELP},
        {0},
    };
    const char *path = POLICY_PATH_DEFAULT;
    bool json = false, nftables = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (option) {
        case OPTION_POLICY:
            path = optarg;
            break;
        case OPTION_NFTABLES:
            nftables = true;
            break;
        case OPTION_JSON:
            json = true;
            break;
        case OPTION_HELP:
            return command_help(command);
        default:
            return EXIT_USAGE;
        }
    }
    if (optind < argc)
        return command_usage(command, "unexpected argument `%s`", argv[optind]);
    return show(path, json, nftables);
}
