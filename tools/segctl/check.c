/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl check: reads a policy, compiles it, and judges what it expects. Needs neither the daemon
 * nor root. An expectation that fails is a diagnostic like any other, with its place; only the exit
 * code tells a policy that is wrong from one that does not do what its author wants.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "command.h"
#include "instant.h"
#include "loaded.h"

/* Whether the flow, if any, passes packets now. */
static bool is_live(const struct policy *policy, uint32_t flow)
{
    return flow != NO_FLOW && policy->flows[flow].expires > calendar_now();
}

static int report_failure(const struct loaded *loaded, const struct expectation *expectation,
                          uint32_t flow)
{
    const struct flow *owner = flow == NO_FLOW ? NULL : &loaded->compiled->policy->flows[flow];
    int r;

    if (expectation->allow && owner)
        r = diagnostics_add(loaded->diagnostics, SEVERITY_ERROR, "expectation",
                            expectation->location, "have the flow approved until a later day",
                            "from `%s` to `%s`, `%s` is expected to pass, but flow `%s` has "
                            "expired",
                            expectation->from_text, expectation->to_text, expectation->service_text,
                            owner->name);
    else if (expectation->allow)
        r = diagnostics_add(loaded->diagnostics, SEVERITY_ERROR, "expectation",
                            expectation->location, "add a flow, or correct the expectation",
                            "from `%s` to `%s`, `%s` is expected to pass, but no flow allows it",
                            expectation->from_text, expectation->to_text,
                            expectation->service_text);
    else
        r = diagnostics_add(loaded->diagnostics, SEVERITY_ERROR, "expectation",
                            expectation->location, "narrow the flow, or correct the expectation",
                            "from `%s` to `%s`, `%s` is expected to be denied, but flow `%s` "
                            "allows it",
                            expectation->from_text, expectation->to_text, expectation->service_text,
                            owner ? owner->name : "");
    if (r == 0 && owner)
        r = diagnostics_relate(loaded->diagnostics, owner->location, "flow `%s` is defined here",
                               owner->name);
    return r;
}

/* Judges all expectations. Returns how many failed, or -ENOMEM. */
static int judge(const struct loaded *loaded)
{
    int failed = 0;

    for (size_t i = 0; i < loaded->compiled->policy->n_expectations; i++) {
        const struct expectation *expectation = &loaded->compiled->policy->expectations[i];
        const struct packet packet = {
            .from = expectation->from_zone,
            .to = expectation->to_zone,
            .family = expectation->family,
            .source = expectation->from,
            .destination = expectation->to,
            .service = SERVICE_NUMBER(expectation->protocol, expectation->port),
        };
        uint32_t flow = diagram_decide(loaded->compiled->diagram, &packet).flow;

        if (is_live(loaded->compiled->policy, flow) == expectation->allow)
            continue;
        failed++;
        if (report_failure(loaded, expectation, flow) < 0)
            return -ENOMEM;
    }
    return failed;
}

static void print_count(const char *separator, size_t n, const char *singular, const char *plural)
{
    if (n > 0)
        printf("%s%zu %s", separator, n, n == 1 ? singular : plural);
}

/* `OK: 15 zones, 40 flows, 12 expectations, 2 warnings` */
static void print_summary(const struct loaded *loaded)
{
    const struct policy *policy = loaded->compiled->policy;

    print_count("OK: ", policy->n_zones, "zone", "zones");
    print_count(", ", policy->n_hosts, "host", "hosts");
    print_count(", ", policy->n_groups, "group", "groups");
    print_count(", ", compiled_count_flows(loaded->compiled), "flow", "flows");
    print_count(", ", policy->n_expectations, "expectation", "expectations");
    print_count(", ", diagnostics_count(loaded->diagnostics, SEVERITY_WARNING), "warning",
                "warnings");
    putchar('\n');
}

static int check(const char *path, bool json)
{
    cleanup_(loaded_clear) struct loaded loaded = {0};
    int exit_code = EXIT_YES, r;

    r = loaded_read(&loaded, path, &(struct compiled_input){.last = COMPILED_DIAGRAM});
    if (r == -EBADMSG)
        exit_code = EXIT_POLICY_INVALID;
    if (r == 0) {
        r = judge(&loaded);
        if (r > 0)
            exit_code = EXIT_NO;
    }
    if (r < 0 && r != -EBADMSG)
        return instant_failed(r);

    if (json)
        return print_json(loaded_to_json(&loaded), exit_code);

    loaded_print(&loaded);
    if (exit_code == EXIT_YES)
        print_summary(&loaded);
    return exit_code;
}

int run_check(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, OPTION_JSON},
        {"help", no_argument, NULL, OPTION_HELP},
        {0},
    };
    bool json = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (option) {
        case OPTION_JSON:
            json = true;
            break;
        case OPTION_HELP:
            return command_help(command);
        default:
            return EXIT_USAGE;
        }
    }
    if (argc - optind > 1)
        return command_usage(command, "more than one PATH");
    return check(optind < argc ? argv[optind] : POLICY_PATH_DEFAULT, json);
}
