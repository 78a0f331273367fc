/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What a command is about, as `--help` groups them. */
enum command_group {
    GROUP_OFFLINE,
    GROUP_READ,
    GROUP_CHANGE,
    GROUP_EVIDENCE,
};

/*
 * A command of segctl: one row in the table of commands.c and its run function, which reads its own
 * options (argv[0] is the command's name) and returns an exit code.
 */
struct command {
    enum command_group group;
    const char *name;
    const char *arguments; /* as in the usage line: `[PATH]` */
    const char *summary;   /* one line */
    const char *options; /* lines that explain arguments and options, each with its end; or NULL */
    int (*run)(const struct command *command, int argc, char **argv);
};

/* What segctl says to scripts. */
enum exit_code {
    EXIT_YES = 0,            /* or: done */
    EXIT_NO = 1,             /* the answer is no: denied, findings, a failed expectation */
    EXIT_USAGE = 2,          /* wrong usage */
    EXIT_POLICY_INVALID = 3, /* the policy has errors */
    EXIT_UNREACHABLE = 4,    /* the daemon does not answer */
    EXIT_NOT_PERMITTED = 5,  /* the caller may not do this */
    EXIT_FAILED = 6,         /* refused or failed in the kernel, not stored, busy, or no memory */
};

#define POLICY_PATH_DEFAULT "/etc/segd/policy.d"

/* Options that every command knows, for its array of struct option. */
#define OPTION_HELP 'h'
#define OPTION_JSON 'j'
#define OPTION_POLICY 'p'
#define OPTION_SOCKET 's'

/* Print the command's help to stdout; or what is wrong with its usage to stderr. Exit codes. */
int command_help(const struct command *command);
int command_usage(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* No memory, said to stderr. */
int command_no_memory(void);

/* All of them, in the order in which `--help` shows them. */
extern const struct command commands[];
extern const size_t n_commands;

int run_check(const struct command *command, int argc, char **argv);
int run_show(const struct command *command, int argc, char **argv);
int run_explain(const struct command *command, int argc, char **argv);
int run_matrix(const struct command *command, int argc, char **argv);
int run_rehearse(const struct command *command, int argc, char **argv);
int run_status(const struct command *command, int argc, char **argv);
int run_zones(const struct command *command, int argc, char **argv);
int run_flows(const struct command *command, int argc, char **argv);
int run_drops(const struct command *command, int argc, char **argv);
int run_expiring(const struct command *command, int argc, char **argv);
int run_plan(const struct command *command, int argc, char **argv);
int run_apply(const struct command *command, int argc, char **argv);
int run_confirm(const struct command *command, int argc, char **argv);
int run_rollback(const struct command *command, int argc, char **argv);
int run_isolate(const struct command *command, int argc, char **argv);
int run_release(const struct command *command, int argc, char **argv);
int run_suspend(const struct command *command, int argc, char **argv);
int run_resume(const struct command *command, int argc, char **argv);
int run_grant(const struct command *command, int argc, char **argv);
int run_revoke(const struct command *command, int argc, char **argv);
int run_history(const struct command *command, int argc, char **argv);
int run_diff(const struct command *command, int argc, char **argv);
int run_verify(const struct command *command, int argc, char **argv);
int run_audit(const struct command *command, int argc, char **argv);
