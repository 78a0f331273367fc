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
#include "loaded.h"

/* Whether the flow, if any, passes packets until some day, in the hours of its schedule. */
static bool is_live(const struct compiled *compiled, uint32_t flow)
{
    return flow != NO_FLOW && compiled->policy->flows[flow].expires > compiled->now;
}

static int report_failure(const struct loaded *loaded, const struct expectation *expectation,
                          uint32_t flow)
{
    const struct flow *owner = flow == NO_FLOW ? NULL : &loaded->compiled->policy->flows[flow];
    const char *remedy = !expectation->allow ? "narrow the flow, or correct the expectation"
                         : owner             ? "have the flow approved until a later day"
                                             : "add a flow, or correct the expectation";
    const char *wanted = expectation->allow ? "pass" : "be denied";
    const char *found = !expectation->allow ? "` allows it"
                        : owner             ? "` has expired"
                                            : "no flow allows it";
    int r =
        diagnostics_add(loaded->diagnostics, SEVERITY_ERROR, "expectation", expectation->location,
                        remedy, "from `%s` to `%s`, `%s` is expected to %s, but %s%s%s",
                        expectation->from_text, expectation->to_text, expectation->service_text,
                        wanted, owner ? "flow `" : "", owner ? owner->name : "", found);

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

        if (is_live(loaded->compiled, flow) == expectation->allow)
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
    print_count(", ", policy->n_lists, "list", "lists");
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

    r = loaded_read(&loaded, path,
                    &(struct compiled_input){.now = calendar_now(), .last = COMPILED_DIAGRAM});
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
    bool json = false;
    const struct command_option options[] = {{"json", .flag = &json}};
    int exit_code;

    if (!command_begin(command, argc, argv, options, ELEMENTS_OF(options), &exit_code))
        return exit_code;
    if (argc - optind > 1)
        return command_usage(command, "more than one PATH");
    return check(optind < argc ? argv[optind] : POLICY_PATH_DEFAULT, json);
}
