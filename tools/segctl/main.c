/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl: the table of commands, and what is common to them: help, version, wrong usage. Commands
 * that need neither the daemon nor root say so by not asking for them.
 */

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "command.h"

static const struct command commands[] = {
    {
        .name = "check",
        .arguments = "[--json] [PATH]",
        .summary = "is the policy valid, and does it do what it expects?",
        .options = "  PATH     a policy file, or a directory of *.yaml files\n"
                   "           (default " POLICY_PATH_DEFAULT ")\n"
                   "  --json   print the result as JSON\n",
        .run = run_check,
    },
    {
        .name = "show",
        .arguments = "[--nftables] [--json] [--policy PATH]",
        .summary = "print the policy in its canonical form",
        .options = "  --policy PATH   a policy file, or a directory of *.yaml files\n"
                   "                  (default " POLICY_PATH_DEFAULT ")\n"
                   "  --nftables      print the table that segd gives the kernel for it\n"
                   "  --json          print the text within a JSON object\n",
        .run = run_show,
    },
    {
        .name = "explain",
        .arguments = "[--json] [--policy PATH] [--at DATE] [-4 | -6] FROM TO SERVICE",
        .summary = "would this pass, by which line of the policy, and if not, why not?",
        .options = "  FROM, TO        an address, or the name of a host, a group or a zone,\n"
                   "                  or `gateway`\n"
                   "  SERVICE         the name of a service, or a literal such as tcp/443\n"
                   "  --policy PATH   a policy file, or a directory of *.yaml files\n"
                   "                  (default " POLICY_PATH_DEFAULT ")\n"
                   "  --at DATE       as on that day, for flows that expire\n"
                   "  -4, --ipv4      over IPv4 (the first choice where both are possible)\n"
                   "  -6, --ipv6      over IPv6\n"
                   "  --json          print the result as JSON\n",
        .run = run_explain,
    },
    {
        .name = "matrix",
        .arguments = "[--json] [--policy PATH] [--at DATE] [-l] [FROM [TO]]",
        .summary = "which zone may open connections to which?",
        .options = "  FROM, TO        the flows from this zone, to this zone; `gateway` is the\n"
                   "                  machine itself, where the policy protects it\n"
                   "  -l, --list      the flows of all pairs of zones, a line for each\n"
                   "  --policy PATH   a policy file, or a directory of *.yaml files\n"
                   "                  (default " POLICY_PATH_DEFAULT ")\n"
                   "  --at DATE       as on that day, for flows that expire\n"
                   "  --json          print the result as JSON\n",
        .run = run_matrix,
    },
    {
        .name = "rehearse",
        .arguments = "[--json] [PATH]",
        .summary = "does the kernel do what the policy says? with real packets in a sandbox",
        .options = "  PATH     a policy file, or a directory of *.yaml files\n"
                   "           (default " POLICY_PATH_DEFAULT ")\n"
                   "  --json   print the result as JSON\n",
        .run = run_rehearse,
    },
};

static void print_help(FILE *stream)
{
    fputs("Usage: segctl COMMAND [OPTION]... [ARGUMENT]...\n\n", stream);
    for (size_t i = 0; i < ELEMENTS_OF(commands); i++)
        fprintf(stream, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "  --help     show this help; behind a command, that of the command\n"
          "  --version  show the version\n"
          "\n"
          "Exit codes: 0 yes, 1 no, 2 wrong usage, 3 policy invalid, 4 daemon unreachable,\n"
          "5 not permitted, 6 refused or failed in the kernel.\n",
          stream);
}

int command_help(const struct command *command)
{
    printf("Usage: segctl %s %s\n\n%c%s\n", command->name, command->arguments,
           command->summary[0] - ('a' - 'A'), command->summary + 1);
    if (command->options)
        printf("\n%s", command->options);
    return EXIT_YES;
}

int command_usage(const struct command *command, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "segctl %s: ", command->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nUsage: segctl %s %s\n", command->name, command->arguments);
    return EXIT_USAGE;
}

int command_no_memory(void)
{
    fputs("segctl: no memory\n", stderr);
    return EXIT_FAILED;
}

/* Runs a command under the name by which getopt_long() speaks of it. */
static int run(const struct command *command, int argc, char **argv)
{
    char title[64];
    int exit_code;

    snprintf(title, sizeof(title), "segctl %s", command->name);
    argv[0] = title;
    exit_code = command->run(command, argc, argv);

    /* An answer that did not arrive is no answer. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("segctl: standard output");
        return EXIT_FAILED;
    }
    return exit_code;
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "");

    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0) {
        print_help(stdout);
        return EXIT_YES;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("segctl " SEGD_VERSION);
        return EXIT_YES;
    }

    for (size_t i = 0; i < ELEMENTS_OF(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return run(&commands[i], argc - 1, argv + 1);
    }
    fprintf(stderr, "segctl: unknown command `%s`; try segctl --help\n", argv[1]);
    return EXIT_USAGE;
}
