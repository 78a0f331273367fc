/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl: what is common to its commands: help, version, wrong usage, and an answer that did not
 * arrive.
 */

#include <assert.h>
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "remote.h"

/* Values of getopt_long() for options without a letter. */
#define OPTION_FIRST 1000

static const char *const group_titles[] = {
    [GROUP_OFFLINE] = "The policy files, without segd and without root:",
    [GROUP_READ] = "What is, now:",
    [GROUP_CHANGE] = "Change it:",
    [GROUP_EVIDENCE] = "Evidence:",
};

static void print_help(FILE *stream)
{
    fputs("Usage: segctl COMMAND [OPTION]... [ARGUMENT]...\n\n", stream);
    for (size_t i = 0; i < n_commands; i++) {
        if (i == 0 || commands[i].group != commands[i - 1].group)
            fprintf(stream, "%s%s\n", i > 0 ? "\n" : "", group_titles[commands[i].group]);
        fprintf(stream, "  %-11s %s\n", commands[i].name, commands[i].summary);
    }
    fputs("\n"
          "  --help     show this help; after a command, that of the command\n"
          "  --version  show the version\n"
          "\n"
          "Exit codes: 0 yes, 1 no, 2 wrong usage, 3 policy invalid, 4 daemon unreachable,\n"
          "5 not permitted, 6 refused or failed in the kernel, not stored, or busy.\n",
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

int command_needs(const struct command *command, const char *prefix, const char *name)
{
    fprintf(stderr, "segctl: %s needs %s%s\nUsage: segctl %s %s\n", command->name, prefix, name,
            command->name, command->arguments);
    return EXIT_USAGE;
}

int command_no_memory(void)
{
    fputs("segctl: no memory\n", stderr);
    return EXIT_FAILED;
}

bool command_begin(const struct command *command, int argc, char **argv,
                   const struct command_option *options, size_t n_options, int *ret_exit_code)
{
    struct option long_options[COMMAND_OPTIONS_MAX + 2] = {{"help", no_argument, NULL, 'h'}};
    char letters[COMMAND_OPTIONS_MAX + 1];
    size_t n_letters = 0;
    int value, i;

    assert(n_options <= COMMAND_OPTIONS_MAX);
    for (i = 0; i < (int)n_options; i++) {
        long_options[i + 1] =
            (struct option){options[i].name, options[i].text ? required_argument : no_argument,
                            NULL, options[i].letter ? options[i].letter : OPTION_FIRST + i};
        if (options[i].letter)
            letters[n_letters++] = options[i].letter;
    }
    letters[n_letters] = '\0';

    while ((value = getopt_long(argc, argv, letters, long_options, NULL)) >= 0) {
        for (i = 0; i < (int)n_options && long_options[i + 1].val != value; i++)
            ;
        if (i == (int)n_options) {
            *ret_exit_code = value == 'h' ? command_help(command) : EXIT_USAGE;
            return false;
        }
        if (options[i].text)
            *options[i].text = optarg;
        else
            *options[i].flag = true;
    }
    return true;
}

static bool is_one_of(const char *const *words, const char *text)
{
    while (*words && strcmp(*words, text) != 0)
        words++;
    return *words;
}

const char *command_take_word(int argc, char **argv, const char *const *words)
{
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];

        if (!is_one_of(words, word))
            continue;
        memmove(argv + 2, argv + 1, (size_t)(i - 1) * sizeof(*argv));
        /* The messages of getopt_long() begin with the first word. */
        argv[1] = argv[0];
        return word;
    }
    return NULL;
}

/* Runs a command; the messages of getopt_long() begin with its name. */
static int run(const struct command *command, int argc, char **argv)
{
    char title[64];
    int exit_code;

    snprintf(title, sizeof(title), "segctl %s", command->name);
    argv[0] = title;
    exit_code = command->method ? remote_show(command, argc, argv, command->method)
                                : command->run(command, argc, argv);

    /* A command whose answer could not be written has failed. */
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

    for (size_t i = 0; i < n_commands; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return run(&commands[i], argc - 1, argv + 1);
    }
    fprintf(stderr, "segctl: unknown command `%s`; try segctl --help\n", argv[1]);
    return EXIT_USAGE;
}
