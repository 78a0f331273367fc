/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "command.h"
#include "control/client.h"
#include "record/wire.h"
#include "screen.h"

/*
 * What every command that asks the daemon begins with: options that become the parameters of a
 * method, the call, and errors that become a message and an exit code.
 */
enum field_kind {
    FIELD_TEXT,   /* a text */
    FIELD_TEXTS,  /* a text, and the option may be given several times: a list */
    FIELD_NUMBER, /* a whole number that is not negative */
    FIELD_SPAN,   /* `2m`: seconds */
    FIELD_FLAG,   /* true where it is given */
    FIELD_POLICY, /* a path: the texts of its files */
};

#define FIELDS_MAX 8

/* One option or argument of a command. */
struct field {
    const char *option;    /* without its `--`; NULL: the next argument */
    const char *parameter; /* of the method */
    const char *title;     /* of an argument: `ZONE` */
    enum field_kind kind;
    bool required;
};

/* A command that runs. A zeroed structure is none. */
struct remote {
    const struct command *command;
    const char *socket;
    bool json;
    bool wide;          /* `--wide`: all columns and lines */
    json_t *parameters; /* what the options and arguments said */
    /* The arguments after those that have a field; borrowed. */
    char *const *arguments;
    int n_arguments;
};

/* A method that a command calls, and what becomes of its reply. */
struct remote_method {
    const char *name;
    const struct record_type *reply; /* NULL: an empty one */
    int (*print)(const void *reply, const struct screen *screen);
    int (*judge)(const void *reply); /* the exit code; NULL: EXIT_YES */
    /* Leaves of a reply what was asked for, or NULL: all of it, as where there may be `more`
     * arguments and is none. Returns an exit code. */
    int (*narrow)(const struct remote *remote, json_t *reply);
    const char *done;                    /* what is said of an empty reply */
    bool more;                           /* arguments after those that have a field, any number */
    struct field fields[FIELDS_MAX + 1]; /* up to the first without a parameter */
};

void remote_clear(struct remote *remote);

/*
 * Reads the command line. `--socket`, `--json` and `--help` need no field. Returns true to go on;
 * false where the command ends with `*ret_exit_code`.
 */
bool remote_begin(struct remote *remote, const struct command *command, int argc, char **argv,
                  const struct remote_method *method, int *ret_exit_code);
/* Removes a flag that is no parameter of the method. Returns whether it was given. */
bool remote_take_flag(struct remote *remote, const char *parameter);

/* Calls the method with the parameters. Returns EXIT_YES and a new reference; else an exit code,
 * and the error has been printed. */
int remote_call(struct remote *remote, const char *method, json_t **ret_reply);
/* The same with these parameters, which are stolen, and without a word where it fails: what it
 * would tell is not needed. Returns whether there is a reply. */
bool remote_try(const struct remote *remote, const char *method, json_t *parameters,
                json_t **ret_reply);
/* Reads the command line, calls the method, and prints its reply: all of a command that has nothing
 * else to do. Returns an exit code. */
int remote_show(const struct command *command, int argc, char **argv,
                const struct remote_method *method);
/* Prints a reply, or its JSON where that is wanted. Returns an exit code. */
int remote_print(const struct remote *remote, json_t *reply, const struct remote_method *method);
/* Calls a method with `more`; the handler's negative return ends it: -ENOMEM, or -EPIPE where
 * the reader has closed. */
int remote_follow(struct remote *remote, const char *method, client_handler handler,
                  void *userdata);

/* Prints an error: for people with what to do about it (may be NULL), for programs as JSON, with
 * what segd sent with it, where that is not NULL. Returns `exit_code`. */
int remote_fail_with(const struct remote *remote, int exit_code, const char *code,
                     const char *remedy, const json_t *reply, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
#define remote_fail(remote, exit_code, code, remedy, ...)                                          \
    remote_fail_with((remote), (exit_code), (code), (remedy), NULL, __VA_ARGS__)
/* Prints an error of the daemon, given by its full name; `reply` are its parameters. Returns an
 * exit code.
 */
int remote_refused(const struct remote *remote, const char *error, const json_t *reply);

/* Fields of a reply: what is missing or null is an empty text, 0, false or an empty list. */
const char *reply_text(const json_t *json, const char *key);
json_int_t reply_number(const json_t *json, const char *key);
bool reply_true(const json_t *json, const char *key);
bool reply_has(const json_t *json, const char *key);
