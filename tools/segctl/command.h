/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct remote_method;

/* What a command is about, as `--help` groups them. */
enum command_group {
    GROUP_OFFLINE,
    GROUP_READ,
    GROUP_CHANGE,
    GROUP_EVIDENCE,
};

/*
 * A command of segctl: one row in the table of commands.c, and its method or its run function
 * (argv[0] is the command's name), which returns an exit code.
 */
struct command {
    enum command_group group;
    const char *name;
    const char *arguments; /* as in the usage line: `[PATH]` */
    const char *summary;   /* one line */
    const char *options; /* lines that explain arguments and options, each with its end; or NULL */
    /* One of the two: what it calls of the daemon, or what reads the command line itself. */
    const struct remote_method *method;
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

/* An option of a command that asks the daemon nothing, or not always. */
struct command_option {
    const char *name;  /* without its `--` */
    const char **text; /* where its value goes, borrowed; NULL: a flag */
    bool *flag;        /* set where the flag is given */
    char letter;       /* its short form, or 0 */
};
#define COMMAND_OPTIONS_MAX 8

/* Reads the options, and `--help`, which every command has; the arguments begin at argv[optind].
 * Returns true to go on; false where the command ends with `*ret_exit_code`. */
bool command_begin(const struct command *command, int argc, char **argv,
                   const struct command_option *options, size_t n_options, int *ret_exit_code);

/* Moves the first of the words, which end with NULL, to argv[0], also where options come before it:
 * the rest begins at argv + 1. Returns it, or NULL where there is none. */
const char *command_take_word(int argc, char **argv, const char *const *words);

/* Print the command's help to stdout; or what is wrong with its usage to stderr. Exit codes. */
int command_help(const struct command *command);
int command_usage(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same for what is missing: `isolate needs --reason`, where `--` is the prefix. */
int command_needs(const struct command *command, const char *prefix, const char *name);
/* Prints to stderr that there is no memory. An exit code. */
int command_no_memory(void);

/* All of them, in the order in which `--help` shows them. */
extern const struct command commands[];
extern const size_t n_commands;

int run_status(const struct command *command, int argc, char **argv);
int run_check(const struct command *command, int argc, char **argv);
int run_show(const struct command *command, int argc, char **argv);
int run_explain(const struct command *command, int argc, char **argv);
int run_denials(const struct command *command, int argc, char **argv);
int run_graph(const struct command *command, int argc, char **argv);
int run_matrix(const struct command *command, int argc, char **argv);
int run_rehearse(const struct command *command, int argc, char **argv);
int run_connections(const struct command *command, int argc, char **argv);
extern const struct remote_method zones_method;
extern const struct remote_method flows_method;
extern const struct remote_method drops_method;
extern const struct remote_method expiring_method;
extern const struct remote_method plan_method;
extern const struct remote_method apply_method;
extern const struct remote_method confirm_method;
extern const struct remote_method rollback_method;
extern const struct remote_method release_method;
extern const struct remote_method resume_method;
extern const struct remote_method grant_method;
extern const struct remote_method revoke_method;
extern const struct remote_method history_method;
extern const struct remote_method diff_method;
extern const struct remote_method verify_method;
int run_top(const struct command *command, int argc, char **argv);
int run_log(const struct command *command, int argc, char **argv);
int run_incident(const struct command *command, int argc, char **argv);
int run_isolate(const struct command *command, int argc, char **argv);
int run_suspend(const struct command *command, int argc, char **argv);
int run_health(const struct command *command, int argc, char **argv);
int run_metrics(const struct command *command, int argc, char **argv);
int run_audit(const struct command *command, int argc, char **argv);
