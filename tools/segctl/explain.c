/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl explain: would this pass, by which line of the policy, approved by whom; and if not, why
 * not, and what would. It asks the policy that is enforced; with --policy it reads files, which
 * needs neither the daemon nor root.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "control/client.h"
#include "explain.h"
#include "observe/bypass.h"
#include "policy/spelling.h"
#include "screen.h"
#include "words.h"

struct explain_options {
    struct judged judged;
    bool families[FAMILIES]; /* those that may be judged */
};

/* For a name that was not found: the name whose label it is, or the most similar name, or NULL. */
static const char *find_meant(const struct policy *policy, const char *text)
{
    struct spelling_search search = {.text = text};

    for (size_t i = 0; i < policy->n_zones; i++) {
        if (strcmp(policy->zones[i].label, text) == 0)
            return policy->zones[i].name;
        spelling_try(&search, policy->zones[i].name);
    }
    for (size_t i = 0; i < policy->n_hosts; i++) {
        if (strcmp(policy->hosts[i].label, text) == 0)
            return policy->hosts[i].name;
        spelling_try(&search, policy->hosts[i].name);
    }
    for (size_t i = 0; i < policy->n_groups; i++) {
        if (strcmp(policy->groups[i].label, text) == 0)
            return policy->groups[i].name;
        spelling_try(&search, policy->groups[i].name);
    }
    return search.nearest;
}

static const char *find_meant_service(const struct policy *policy, const char *text)
{
    struct spelling_search search = {.text = text};

    for (size_t i = 0; i < policy->n_services; i++) {
        if (!policy->services[i].literal)
            spelling_try(&search, policy->services[i].name);
    }
    return search.nearest;
}

static void describe_unknown(FILE *stream, const char *what, const char *text, const char *meant)
{
    words_print(stream, "the policy has no %s `%s`", what, text);
    if (meant)
        fprintf(stream, "; did you mean `%s`?", meant);
}

/* `eltax` has IPv4 */
static void describe_families(FILE *stream, const char *text, const bool families[FAMILIES])
{
    words_print(stream, "`%s` has %s%s%s", text, families[FAMILY_IPV4] ? "IPv4" : "",
                families[FAMILY_IPV4] && families[FAMILY_IPV6] ? " and " : "",
                families[FAMILY_IPV6] ? "IPv6" : "");
}

static void describe_end_families(FILE *stream, const struct policy *policy, const char *end)
{
    bool families[FAMILIES] = {0};
    ip_number address;
    enum family typed;
    size_t zone;

    if (address_parse(end, &typed, &address) == 0) {
        families[typed] = true;
    } else {
        for (enum family family = 0; family < FAMILIES; family++)
            families[family] = policy_find_end(policy, end, family, &zone, &address) == 0;
    }
    describe_families(stream, end, families);
}

static void describe_service_families(FILE *stream, const struct policy *policy,
                                      const char *service)
{
    cleanup_(freep) struct service_range *ranges = NULL;
    bool families[FAMILIES] = {0};
    size_t n_ranges = 0;

    if (policy_find_service(policy, service, &ranges, &n_ranges) < 0)
        return;
    for (size_t i = 0; i < n_ranges; i++) {
        for (enum family family = 0; family < FAMILIES; family++)
            families[family] = families[family] || ranges[i].families[family];
    }
    describe_families(stream, service, families);
}

static void describe_problem(FILE *stream, const struct question *question,
                             enum question_problem problem)
{
    const struct policy *policy = question->policy;

    switch (problem) {
    case QUESTION_FROM_UNKNOWN:
        describe_unknown(stream, "host, group or zone", question->from,
                         find_meant(policy, question->from));
        return;
    case QUESTION_TO_UNKNOWN:
        describe_unknown(stream, "host, group or zone", question->to,
                         find_meant(policy, question->to));
        return;
    case QUESTION_SERVICE_UNKNOWN:
        describe_unknown(stream, "service", question->service,
                         find_meant_service(policy, question->service));
        fputs(" (or a literal such as tcp/443)", stream);
        return;
    case QUESTION_SERVICE_INVALID:
        words_print(
            stream,
            "`%s` is not a service: write tcp/443, udp/5000-5010, icmp/echo-request, or any",
            question->service);
        return;
    case QUESTION_NO_FAMILY:
        fputs("no address family fits what is asked for: ", stream);
        describe_end_families(stream, policy, question->from);
        fputs(", ", stream);
        describe_end_families(stream, policy, question->to);
        fputs(", ", stream);
        describe_service_families(stream, policy, question->service);
        return;
    case QUESTION_ZONE_UNKNOWN:
        words_print(stream,
                    "no zone owns `%s`, so only its interface decides which zone it is in: "
                    "name the zone instead",
                    strcmp(question->from, "gateway") == 0 ? question->to : question->from);
        return;
    }
}

/* For scripts. */
static const char *const problem_codes[] = {
    [QUESTION_FROM_UNKNOWN] = "unknown-from",       [QUESTION_TO_UNKNOWN] = "unknown-to",
    [QUESTION_SERVICE_UNKNOWN] = "unknown-service", [QUESTION_SERVICE_INVALID] = "invalid-service",
    [QUESTION_NO_FAMILY] = "no-common-family",      [QUESTION_ZONE_UNKNOWN] = "unknown-zone",
};

static int refuse(const struct command *command, const struct question *question,
                  enum question_problem problem, bool json)
{
    cleanup_(freep) char *message = NULL;
    size_t size;
    FILE *stream = open_memstream(&message, &size);

    if (!stream)
        return command_no_memory();
    describe_problem(stream, question, problem);
    if (fclose(stream) != 0)
        return command_no_memory();

    if (json)
        return print_json(json_pack("{s:n, s:n, s:n, s:{s:s, s:s}}", "verdict", "flow", "reason",
                                    "error", "code", problem_codes[problem], "message", message),
                          EXIT_USAGE);
    fprintf(stderr, "segctl %s: %s\n", command->name, message);
    return EXIT_USAGE;
}

/* Whether the question can be asked in the family as it was typed. */
static bool is_asked(const struct question *question, const struct explain_options *options,
                     enum family family)
{
    return options->families[family] && question->families[family].possible &&
           !question->families[family].implied;
}

void other_chains_clear(struct other_chains *others)
{
    free(others->chains);
    free(others->texts);
}

/* `table inet fw chain forward hook forward` into its parts, in place. False for anything else. */
static bool split_object(char *object, const char **ret_table, const char **ret_chain,
                         const char **ret_hook)
{
    static const char before[] = "table ", between[] = " chain ", after[] = " hook ";
    char *chain = strstr(object, between), *hook = chain ? strstr(chain, after) : NULL;

    if (strncmp(object, before, strlen(before)) != 0 || !hook)
        return false;
    *chain = *hook = '\0';
    *ret_table = object + strlen(before);
    *ret_chain = chain + strlen(between);
    *ret_hook = hook + strlen(after);
    return true;
}

/* Whether packets of the question meet a chain of this table and hook. */
static bool is_met(const struct explanation *explanation, const char *table, const char *hook)
{
    const struct asked *asked = &explanation->question->families[explanation->family];
    bool from_gateway = asked_is_gateway(&asked->from);
    bool to_gateway = asked_is_gateway(&asked->to);

    if (strncmp(table, explanation->family == FAMILY_IPV4 ? "ip6 " : "ip ",
                explanation->family == FAMILY_IPV4 ? 4 : 3) == 0)
        return false;
    if (strcmp(hook, "forward") == 0)
        return !from_gateway && !to_gateway;
    /* Also their replies. */
    if (strcmp(hook, "input") == 0 || strcmp(hook, "output") == 0)
        return from_gateway || to_gateway;
    return true;
}

int other_chains_new(const struct status_reply *status, const struct explanation *explanation,
                     struct other_chains *ret_others)
{
    cleanup_(other_chains_clear) struct other_chains others = {0};
    size_t size = 1;
    char *at;

    for (size_t i = 0; i < status->n_findings; i++)
        size += strlen(status->findings[i].object ? status->findings[i].object : "") + 1;
    others.chains = calloc(status->n_findings + 1, sizeof(*others.chains));
    others.texts = at = malloc(size);
    if (!others.chains || !at)
        return -ENOMEM;

    for (size_t i = 0; i < status->n_findings; i++) {
        const struct finding *finding = &status->findings[i];
        struct other_chain *chain = &others.chains[others.n_chains];
        const char *hook;

        if (strcmp(finding->code, BYPASS_OTHERS_DROP) != 0 || !finding->object)
            continue;
        strcpy(at, finding->object);
        if (split_object(at, &chain->table, &chain->chain, &hook) &&
            is_met(explanation, chain->table, hook)) {
            chain->message = finding->message;
            others.n_chains++;
        }
        at += strlen(finding->object) + 1;
    }
    *ret_others = others;
    others = (struct other_chains){0};
    return 0;
}

/* Explains in the family that is judged and in the other one. Returns an exit code. */
static int explain_families(const struct loaded *loaded, const struct question *question,
                            const struct explain_options *options,
                            const struct status_reply *status)
{
    enum family family = is_asked(question, options, FAMILY_IPV4) ? FAMILY_IPV4 : FAMILY_IPV6;
    enum family other_family = family == FAMILY_IPV4 ? FAMILY_IPV6 : FAMILY_IPV4;
    cleanup_(explanation_freep) struct explanation *explanation = NULL;
    cleanup_(explanation_freep) struct explanation *other = NULL;
    cleanup_(other_chains_clear) struct other_chains others = {0};
    usec_t now = loaded->compiled->now;
    int r, exit_code;

    r = explanation_new(loaded->compiled->diagram, &loaded->overrides, question, family, now,
                        &explanation);
    if (r == 0 && options->families[other_family] && question->families[other_family].possible)
        r = explanation_new(loaded->compiled->diagram, &loaded->overrides, question, other_family,
                            now, &other);
    if (r < 0)
        return instant_failed(r);
    if (other_chains_new(status, explanation, &others) < 0)
        return command_no_memory();

    const struct explained explained = {
        loaded->compiled->sources, question, explanation, other, now, others};

    exit_code = explanation->allowed ? EXIT_YES : EXIT_NO;
    if (options->judged.json)
        return print_json(explain_to_json(&explained), exit_code);
    explain_print(&explained, wants_colour(stdout));
    return exit_code;
}

static int explain(const struct command *command, const struct explain_options *options,
                   char *const *arguments)
{
    cleanup_(loaded_clear) struct loaded loaded = {0};
    cleanup_(question_clear) struct question question = {0};
    cleanup_(status_clear) struct status_reply status = {0};
    int r;

    r = running_or_files(command, &options->judged, &loaded);
    if (r == EXIT_YES && !options->judged.path)
        r = running_status(command, &options->judged, &status);
    if (r != EXIT_YES)
        return r;

    r = question_parse(loaded.compiled->policy, arguments[0], arguments[1], arguments[2],
                       &question);
    if (r < 0)
        return command_no_memory();
    if (r == 0 && !is_asked(&question, options, FAMILY_IPV4) &&
        !is_asked(&question, options, FAMILY_IPV6))
        r = QUESTION_NO_FAMILY;
    if (r > 0)
        return refuse(command, &question, (enum question_problem)r, options->judged.json);

    return explain_families(&loaded, &question, options, &status);
}

int run_explain(const struct command *command, int argc, char **argv)
{
    struct explain_options given = {.judged.socket = CONTROL_SOCKET_DEFAULT};
    bool ipv4 = false, ipv6 = false;
    const struct command_option options[] = {
        {"policy", .text = &given.judged.path}, {"socket", .text = &given.judged.socket},
        {"at", .text = &given.judged.at},       {"ipv4", .flag = &ipv4, .letter = '4'},
        {"ipv6", .flag = &ipv6, .letter = '6'}, {"json", .flag = &given.judged.json},
    };
    int exit_code;

    if (!command_begin(command, argc, argv, options, ELEMENTS_OF(options), &exit_code))
        return exit_code;
    if (argc - optind != 3)
        return command_needs(command, "", "FROM, TO and SERVICE");
    given.families[FAMILY_IPV4] = !ipv6;
    given.families[FAMILY_IPV6] = !ipv4;
    return explain(command, &given, argv + optind);
}
