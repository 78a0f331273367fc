/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The interface's description is a promise: the table of methods and the description have the same
 * methods with the same roles, whatever a real daemon answers is of the type it promised, and each
 * error that it gives is described. Clients that know nothing of segd can use it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "calls.h"
#include "checks.h"
#include "control/varlink.h"
#include "daemon/control/methods.h"
#include "interface.h"
#include "sandbox.h"

#define ZONES                                                                                      \
    "segd: 1\n"                                                                                    \
    "timezone: Asia/Tokyo\n"                                                                       \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/24, 'fd00:1::/64'] }\n"            \
    "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/24, 'fd00:2::/64'] }\n"
#define MAIN "  main: { from: a, to: b, services: [tcp/7001] }\n"

static const char policy[] = ZONES "flows:\n" MAIN;

static struct interface *description(void)
{
    struct interface *interface = NULL;
    unsigned line = 0;

    ck_assert_int_eq(interface_parse(varlink_control_description, &interface, &line), 0);
    return interface;
}

START_TEST(table_and_description_have_the_same_methods)
{
    cleanup_(interface_freep) struct interface *interface = description();

    ck_assert_uint_eq(interface_count_methods(interface), control_n_methods);
    for (size_t i = 0; i < control_n_methods; i++)
        ck_assert_msg(interface_find_method(interface, control_methods[i].name), "%s",
                      control_methods[i].name);
}
END_TEST

/* The line above a method, and no other, says the role. */
START_TEST(description_tells_the_roles_of_the_table)
{
    for (size_t i = 0; i < control_n_methods; i++) {
        char text[160];

        snprintf(text, sizeof(text), "\n# Role: %s.\nmethod %s(",
                 role_to_string(control_methods[i].role), control_methods[i].name);
        ck_assert_msg(strstr(varlink_control_description, text), "no%s", text);
        ck_assert_int_gt(control_methods[i].role, ROLE_NONE);
        ck_assert_ptr_nonnull(control_methods[i].handler);
    }
}
END_TEST

/* What a call is answered: NULL, or the short name of the error, which must be described; the
 * answer must be of the type that the description promises. */
static char *checked(const struct segd *segd, const char *name, json_t *parameters)
{
    cleanup_(interface_freep) struct interface *interface = description();
    cleanup_(json_decrefp) json_t *reply = NULL;
    cleanup_(freep) char *error = NULL;
    cleanup_(freep) char *field = NULL;
    cleanup_(freep) char *text = NULL;
    const char *dot;
    int r;

    r = calls_try(segd, name, parameters, &reply, &error);
    text = reply ? json_dumps(reply, 0) : NULL;
    if (r == 0) {
        r = interface_check(interface, interface_find_method(interface, name), false, reply,
                            &field);
        ck_assert_msg(r == 0, "%s: `%s` of %s", name, field ? field : "", text);
        return NULL;
    }
    ck_assert_msg(r == -EREMOTEIO, "%s: %s", name, strerror(-r));
    dot = strrchr(error, '.');
    ck_assert_msg(strncmp(error, VARLINK_INTERFACE ".", strlen(VARLINK_INTERFACE) + 1) == 0,
                  "%s: %s %s", name, error, text);
    ck_assert_msg(interface_has_error(interface, dot + 1), "%s: %s", name, error);
    return strdup(dot + 1);
}

/* One after the other, over one daemon. */
static const struct {
    const char *method, *parameters, *error;
} calls[] = {
    {"GetStatus", "{}", NULL},
    {"GetPolicy", "{}", NULL},
    {"GetPolicy", "{'generation': 1}", NULL},
    {"GetPolicy", "{'generation': 99}", "NotFound"},
    {"GetPolicy", "{'generation': -1}", "NotFound"},
    {"GetZones", "{}", NULL},
    {"GetFlows", "{}", NULL},
    {"GetCounters", "{}", NULL},
    {"GetConnections", "{}", NULL},
    {"GetConnections", "{'zone': 'a', 'host': '10.1.0.0/16', 'cut': true}", NULL},
    {"GetConnections", "{'zone': 'nowhere'}", "NotFound"},
    {"GetConnections", "{'flow': 'nothing'}", "NotFound"},
    {"GetConnections", "{'host': 'nobody'}", "NotFound"},
    {"GetDrops", "{}", NULL},
    {"GetIncidents", "{}", NULL},
    {"ReadIncident", "{'incident': 'kept', 'file': 'state.json', 'offset': 0}", NULL},
    {"ReadIncident", "{'incident': 'x', 'file': 'state.json', 'offset': 0}", "NotFound"},
    {"ReadIncident", "{'incident': '..', 'file': 'state.json', 'offset': -1}", "NotFound"},
    {"GetDenials", "{}", NULL},
    {"GetDenials", "{'zone': 'a', 'reason': 'no-flow', 'seconds': 60, 'limit': 1}", NULL},
    {"GetDenials", "{'zone': 'gateway', 'seconds': -1, 'limit': -1}", NULL},
    {"GetDenials", "{'seconds': 9223372036854775807, 'limit': 9223372036854775807}", NULL},
    {"GetDenials", "{'zone': 'none'}", "NotFound"},
    {"GetDenials", "{'reason': 'none'}", "NotFound"},
    {"GetHistory", "{}", NULL},
    {"Verify", "{}", NULL},
    {"ShowAudit", "{}", NULL},
    {"ShowAudit", "{'after': 1, 'limit': 1}", NULL},
    {"ShowAudit", "{'after': -1, 'limit': -1}", NULL},
    {"ShowAudit", "{'after': 9223372036854775807}", NULL},
    {"VerifyAudit", "{}", NULL},
    {"Plan", "{}", NULL},
    {"Plan", "{'texts': [{'name': 'x', 'text': 'nonsense'}]}", "InvalidPolicy"},
    {"Plan", "{'texts': []}", "InvalidPolicy"},
    {"Suspend", "{'flow': 'main', 'reason': 'test'}", NULL},
    {"Suspend", "{'flow': 'main', 'reason': 'test'}", "Refused"},
    {"Suspend", "{'flow': 'none', 'reason': 'test'}", "NotFound"},
    {"GetFlows", "{}", NULL},
    {"Resume", "{'flow': 'main'}", NULL},
    {"Resume", "{'flow': 'main', 'reason': 'again'}", "NotFound"},
    {"Grant", "{'from': ['b'], 'to': ['a'], 'services': ['tcp/1'], 'seconds': 60, 'reason': 'r'}",
     NULL},
    {"Grant", "{'from': ['b'], 'to': ['a'], 'services': ['tcp/1'], 'seconds': 0, 'reason': 'r'}",
     "Refused"},
    {"Grant", "{'from': [], 'to': ['a'], 'services': ['tcp/1'], 'seconds': 9, 'reason': 'r'}",
     "Refused"},
    {"Grant", "{'from': ['z'], 'to': ['a'], 'services': ['tcp/1'], 'seconds': 9, 'reason': 'r'}",
     "InvalidPolicy"},
    {"GetStatus", "{}", NULL},
    {"Revoke", "{'grant': 'grant-1'}", NULL},
    {"Revoke", "{'grant': 'grant-1'}", "NotFound"},
    {"Isolate", "{'zone': 'a', 'reason': 'r', 'seconds': 600, 'keep': ['main']}", NULL},
    {"Isolate", "{'zone': 'a', 'reason': 'r'}", NULL}, /* more strictly */
    {"Isolate", "{'zone': 'z', 'reason': 'r'}", "NotFound"},
    {"Isolate", "{'zone': 'b', 'reason': 'r', 'seconds': 9223372036854775807}", "Refused"},
    {"Isolate", "{'zone': 'b', 'reason': 'r', 'keep': ['none']}", "NotFound"},
    {"GetStatus", "{}", NULL},
    {"GetZones", "{}", NULL},
    {"GetFlows", "{}", NULL},
    {"Release", "{'zone': 'a'}", "Refused"},
    {"Release", "{'zone': 'a', 'alone': true}", "Refused"},
    {"Release", "{'zone': 'a', 'alone': true, 'reason': 'r'}", NULL},
    {"Release", "{'zone': 'a'}", "NotFound"},
    {"Apply", "{'texts': [{'name': 'x', 'text': 'nonsense'}]}", "InvalidPolicy"},
    {"Apply", "{'confirm': -1}", "Refused"},
    {"Apply", "{'reason': 'r', 'confirm': 600}", NULL},
    {"Apply",
     "{'confirm': 600, 'texts': [{'name': 'x', 'text': 'segd: 1\\nzones:\\n"
     "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/24] }\\n'}]}",
     NULL},
    {"GetStatus", "{}", NULL},
    {"Apply", "{}", "Busy"},
    {"Rollback", "{}", "Busy"},
    {"Confirm", "{}", NULL},
    {"Confirm", "{}", "NotFound"},
    {"Rollback", "{'reason': 'r'}", NULL},
    {"Rollback", "{'generation': 99}", "NotFound"},
    {"Rollback", "{'generation': -1}", "NotFound"},
    {"Diff", "{'from': 1, 'to': 2}", NULL},
    {"Diff", "{'from': 1, 'to': 99}", "NotFound"},
    {"Diff", "{'from': 0, 'to': 0}", "NotFound"},
    {"GetHistory", "{}", NULL},
    {"ShowAudit", "{}", NULL},
    {"VerifyAudit", "{}", NULL},
};

/* Evidence whose name is known. */
static void keep_incident(const struct segd *segd)
{
    char folder[256];
    const char *const arguments[] = {"sh", "-c", "mkdir -p \"$0\" && echo '{}' >\"$0\"/state.json",
                                     folder, NULL};

    snprintf(folder, sizeof(folder), "%s/incidents/kept", segd_state_path(segd));
    ck_assert_int_eq(sandbox_run(arguments, NULL, NULL), 0);
}

START_TEST(answers_are_what_the_description_promises)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(policy);
    bool called[64] = {false};

    keep_incident(segd);
    for (size_t i = 0; i < ELEMENTS_OF(calls); i++) {
        cleanup_(freep) char *error =
            checked(segd, calls[i].method, calls_parameters(calls[i].parameters));

        ck_assert_msg(
            error ? calls[i].error && strcmp(error, calls[i].error) == 0 : !calls[i].error,
            "call %zu, %s %s: %s", i, calls[i].method, calls[i].parameters, error ? error : "done");
        for (size_t m = 0; m < control_n_methods; m++)
            called[m] |= !error && strcmp(control_methods[m].name, calls[i].method) == 0;
    }
    for (size_t m = 0; m < control_n_methods; m++)
        ck_assert_msg(called[m], "%s was not seen to succeed", control_methods[m].name);
}
END_TEST

/* Nothing is enforced but the lockdown: what may be missing is. */
START_TEST(answers_without_a_policy_are_what_the_description_promises)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(NULL);

    for (size_t i = 0; i < ELEMENTS_OF(calls); i++)
        free(checked(segd, calls[i].method, calls_parameters(calls[i].parameters)));
}
END_TEST

START_TEST(program_with_a_socket_is_a_client)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(policy);
    const char *const arguments[] = {"python3", getenv("PYTHON_CLIENT"), segd_socket_path(segd),
                                     NULL};
    cleanup_(freep) char *output = NULL;
    int status = sandbox_run(arguments, NULL, &output);

    ck_assert_msg(status == 0 && strstr(output, "\"mode\": \"enforcing\""), "%d: %s", status,
                  output);
}
END_TEST

/* A connection that follows the audit log after an entry. */
static int follow(const struct segd *segd, json_int_t after)
{
    return calls_send(segd, "ShowAudit", true, json_pack("{s:I}", "after", after));
}

/* Replies with entries until there are so many: their numbers follow each other from the first on.
 */
static void next_entries_are(int connection, json_int_t first, size_t n)
{
    for (size_t seen = 0; seen < n || n == 0;) {
        cleanup_(freep) char *text = calls_receive(connection, true);
        cleanup_(json_decrefp) json_t *reply = json_loads(text, 0, NULL);
        const json_t *entries = json_object_get(json_object_get(reply, "parameters"), "entries"),
                     *entry;
        size_t i;

        ck_assert(json_is_true(json_object_get(reply, "continues")));
        json_array_foreach(entries, i, entry)
        {
            ck_assert_int_eq(json_integer_value(json_object_get(entry, "sequence")),
                             first + (json_int_t)seen++);
        }
        ck_assert_uint_le(seen, n);
        if (n == 0)
            break;
    }
}

/* The first reply is what is there; then each entry is told, in as many replies as it takes. */
START_TEST(followers_are_told_of_each_entry_once)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(policy);
    cleanup_(closep) int here = -1, ahead = -1;
    json_t *status;
    json_int_t last;

    status = calls_get(segd, "GetStatus", NULL);
    last = json_integer_value(json_object_get(json_object_get(status, "audit"), "sequence"));
    json_decref(status);
    here = follow(segd, last);
    ahead = follow(segd, last + 1);
    next_entries_are(here, last + 1, 0);
    next_entries_are(ahead, last + 2, 0);

    calls_do(segd, "Suspend", json_pack("{s:s, s:s}", "flow", "main", "reason", "x"));
    calls_do(segd, "Resume", json_pack("{s:s, s:s}", "flow", "main", "reason", "x"));
    next_entries_are(here, last + 1, 3);
    next_entries_are(ahead, last + 2, 2);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, table_and_description_have_the_same_methods);
    tcase_add_test(tests, description_tells_the_roles_of_the_table);
    tcase_add_test(tests, answers_are_what_the_description_promises);
    tcase_add_test(tests, answers_without_a_policy_are_what_the_description_promises);
    tcase_add_test(tests, followers_are_told_of_each_entry_once);
    tcase_add_test(tests, program_with_a_socket_is_a_client);
}
