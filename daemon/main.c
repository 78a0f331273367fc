/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segd: its options. Everything else begins in manager.c.
 */

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/change/lockdown.h"
#include "daemon/manager.h"
#include "daemon/privileges.h"

#define POLICY_PATH_DEFAULT "/etc/segd/policy.d"
#define STATE_PATH_DEFAULT "/var/lib/segd"
#define SOCKET_PATH_DEFAULT "/run/segd/control"

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_PERMITTED = 5,
    EXIT_KERNEL = 6,
    EXIT_IN_USE = 7,
};

static void print_help(void)
{
    puts("Usage: segd [--policy PATH] [--state-dir PATH] [--socket PATH]\n"
         "       segd --lock-down\n"
         "\n"
         "Enforces a policy on this gateway: commits it to the kernel and stays.\n"
         "\n"
         "  --policy PATH     a policy file, or a directory of *.yaml files\n"
         "                    (default " POLICY_PATH_DEFAULT ")\n"
         "  --state-dir PATH  where generations, overrides and the audit log are kept\n"
         "                    (default " STATE_PATH_DEFAULT ")\n"
         "  --socket PATH     the control socket of segctl and others\n"
         "                    (default " SOCKET_PATH_DEFAULT ")\n"
         "  --lock-down       forward nothing if the kernel enforces nothing yet, and\n"
         "                    exit; for the beginning of a boot\n"
         "  --help            show this help\n"
         "  --version         show the version\n"
         "\n"
         "SIGHUP applies the policy files; invalid ones change nothing. SIGTERM\n"
         "ends segd and leaves the rules. Without a valid policy or an earlier\n"
         "one to go back to, nothing passes between zones.\n"
         "\n"
         "Exit codes: 0 done, 1 cannot start, 2 usage, 5 not permitted, 6 kernel,\n"
         "7 another segd uses the state folder.");
}

static int exit_code(int result)
{
    if (result >= 0)
        return EXIT_DONE;
    if (result == -EPERM)
        return EXIT_NOT_PERMITTED;
    if (result == -EBUSY)
        return EXIT_IN_USE;
    return result == -EREMOTEIO || result == -EOPNOTSUPP ? EXIT_KERNEL : EXIT_FAILED;
}

struct arguments {
    struct manager_options settings;
    bool lock_down;
};

/* Returns whether segd is to run; if not, `*ret_exit` is the exit code. */
static bool parse_arguments(int argc, char **argv, struct arguments *arguments, int *ret_exit)
{
    static const struct option options[] = {
        {"policy", required_argument, NULL, 'p'},
        {"state-dir", required_argument, NULL, 'd'},
        {"socket", required_argument, NULL, 's'},
        {"lock-down", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {0},
    };
    int option;

    *ret_exit = EXIT_DONE;
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (option) {
        case 'p':
            arguments->settings.gateway.policy_path = optarg;
            break;
        case 'd':
            arguments->settings.gateway.state_path = optarg;
            break;
        case 's':
            arguments->settings.socket_path = optarg;
            break;
        case 'l':
            arguments->lock_down = true;
            break;
        case 'h':
            print_help();
            return false;
        case 'v':
            puts("segd " SEGD_VERSION);
            return false;
        default:
            *ret_exit = EXIT_USAGE;
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "segd: unexpected argument `%s`; try --help\n", argv[optind]);
        *ret_exit = EXIT_USAGE;
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    cleanup_(manager_freep) struct manager *manager = NULL;
    struct arguments arguments = {
        .settings = {{POLICY_PATH_DEFAULT, STATE_PATH_DEFAULT}, SOCKET_PATH_DEFAULT},
    };
    int code, r;

    if (!parse_arguments(argc, argv, &arguments, &code))
        return code;

    r = privileges_reduce();
    if (r < 0) {
        fprintf(stderr, "segd: cannot give up privileges: %s\n", strerror(-r));
        return EXIT_FAILED;
    }
    if (arguments.lock_down)
        return exit_code(lockdown_alone());

    r = manager_new(&arguments.settings, &manager);
    if (r >= 0)
        r = manager_run(manager);
    return exit_code(r);
}
