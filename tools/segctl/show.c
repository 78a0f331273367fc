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
    const char *path = POLICY_PATH_DEFAULT;
    bool json = false, nftables = false;
    const struct command_option options[] = {
        {"policy", .text = &path},
        {"nftables", .flag = &nftables},
        {"json", .flag = &json},
    };
    int exit_code;

    if (!command_begin(command, argc, argv, options, ELEMENTS_OF(options), &exit_code))
        return exit_code;
    if (optind < argc)
        return command_usage(command, "unexpected argument `%s`", argv[optind]);
    return show(path, json, nftables);
}
