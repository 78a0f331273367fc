/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What changes from one policy to another: lib/answer/policy_changes.h. */

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "answer/policy_changes.h"
#include "checks.h"
#include "policy/grammar.h"
#include "policy/texts.h"
#include "tests/reading.h"

static struct reading old_reading, new_reading;
static struct policy_changes *changes;

static void tear_down(void)
{
    changes = policy_changes_free(changes);
    reading_clear(&old_reading);
    reading_clear(&new_reading);
}

/* A policy with two lists beside it. */
static const struct policy *read_listed(struct reading *reading, const char *text)
{
    const struct policy_text texts[] = {
        {.name = "test.yaml", .text = text, .size = strlen(text)},
        {.name = "lists/a.txt", .text = "10.1.0.1", .size = 8},
        {.name = "lists/b.txt", .text = "10.1.0.2", .size = 8},
    };

    ck_assert_int_eq(sources_new(&reading->sources), 0);
    ck_assert_int_eq(diagnostics_new(&reading->diagnostics), 0);
    ck_assert_int_eq(policy_parse_texts(texts, ELEMENTS_OF(texts), reading->sources,
                                        reading->diagnostics, &reading->policy),
                     0);
    return reading->policy;
}

/* Compares two policies; `old` NULL: there is none. */
static void compare(const char *old, const char *new)
{
    ck_assert_int_eq(policy_changes_new(old ? read_listed(&old_reading, old) : NULL,
                                        read_listed(&new_reading, new), &changes),
                     0);
}

static const struct policy_change *find_change(enum policy_subject subject, const char *name)
{
    for (size_t i = 0; i < changes->n_changes; i++) {
        if (changes->changes[i].subject == subject && strcmp(changes->changes[i].name, name) == 0)
            return &changes->changes[i];
    }
    return NULL;
}

/* All changes, a line for each: `changed flow x: label a → b`. */
static void changes_are(const char *expected)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    for (size_t i = 0; i < changes->n_changes; i++) {
        const struct policy_change *change = &changes->changes[i];

        fprintf(stream, "%s %s %s", policy_change_kind_to_string(change->kind),
                policy_subject_to_string(change->subject), change->name);
        if (change->before)
            fprintf(stream, " was %s", change->before);
        if (change->detail)
            fprintf(stream, ": %s", change->detail);
        fputc('\n', stream);
    }
    ck_assert_int_eq(fclose(stream), 0);
    ck_assert_str_eq(text, expected);
    free(text);
}

/* What packets see, as letters: `p` something, `w` more passes, `n` less passes. */
static const char *seen(const struct policy_change *change)
{
    static char letters[4];

    snprintf(letters, sizeof(letters), "%s%s%s", change->packets ? "p" : "",
             change->widens ? "w" : "", change->narrows ? "n" : "");
    return letters;
}

#define FLOW(inner) ZONES HOSTS "flows:\n  x: { " inner " }\n"
#define ENDS "from: pc, to: web"
#define BASE ENDS ", services: [tcp/1]"
#define APPROVAL(inner) FLOW(BASE ", approval: { " inner " }")

/* For each key of each kind of object one change at least. */
static const struct {
    enum policy_subject subject;
    const char *name, *key, *old, *new, *detail, *seen;
} cases[] = {
    {SUBJECT_FLOW, "x", "label", FLOW(BASE), FLOW(BASE ", label: 業務"), "label none → 業務", ""},
    {SUBJECT_FLOW, "x", "from", FLOW(BASE), FLOW("from: [pc, printer], to: web, services: tcp/1"),
     "from +10.1.0.6", "pw"},
    {SUBJECT_FLOW, "x", "from", FLOW("from: [office, server], to: world, services: tcp/1"),
     FLOW("from: office, to: world, services: tcp/1"), "from -server", "pn"},
    {SUBJECT_FLOW, "x", "from", FLOW("from: pcs, to: web, services: tcp/1"),
     FLOW("from: pc, to: web, services: tcp/1"), "from -10.1.0.6-10.1.0.9", "pn"},
    {SUBJECT_FLOW, "x", "to", FLOW(BASE), FLOW("from: pc, to: [web, gateway], services: tcp/1"),
     "to +gateway", "pw"},
    {SUBJECT_FLOW, "x", "services", FLOW(BASE), FLOW(ENDS ", services: [tcp/2-3, icmp/any]"),
     "services +icmp/any, +tcp/2-3 -tcp/1", "pwn"},
    {SUBJECT_FLOW, "x", "services", FLOW(ENDS ", services: any"), FLOW(ENDS ", services: esp"),
     "services -protocol/0-49, -protocol/51-255", "pn"},
    {SUBJECT_FLOW, "x", "purpose", FLOW(BASE ", purpose: a"), FLOW(BASE), "purpose a → none", ""},
    {SUBJECT_FLOW, "x", "approval.number", APPROVAL("number: 安情第12号"),
     APPROVAL("number: 安情第34号"), "approval.number 安情第12号 → 安情第34号", ""},
    {SUBJECT_FLOW, "x", "approval.requester", APPROVAL("number: n, requester: 税務課"),
     APPROVAL("number: n, requester: 市民課"), "approval.requester 税務課 → 市民課", ""},
    {SUBJECT_FLOW, "x", "approval.approver", FLOW(BASE), APPROVAL("approver: 課長"),
     "approval.approver none → 課長", ""},
    {SUBJECT_FLOW, "x", "approval.date", APPROVAL("date: 令和8年4月1日"),
     APPROVAL("date: 令和8年4月2日"), "approval.date 2026-04-01 → 2026-04-02", ""},
    {SUBJECT_FLOW, "x", "expires", FLOW(BASE ", expires: 2098-03-31"),
     FLOW(BASE ", expires: 2099-03-31"), "expires 2098-03-31 → 2099-03-31", "pw"},
    {SUBJECT_FLOW, "x", "expires", FLOW(BASE), FLOW(BASE ", expires: 2099-03-31"),
     "expires none → 2099-03-31", "pn"},
    {SUBJECT_FLOW, "x", "reviewed", FLOW(BASE ", reviewed: 2026-10-01"),
     FLOW(BASE ", reviewed: 2026-11-01"), "reviewed 2026-10-01 → 2026-11-01", ""},
    {SUBJECT_FLOW, "x", "schedule.days", FLOW(BASE ", schedule: { days: mon-fri }"),
     FLOW(BASE ", schedule: { days: [mon-wed, sat] }"), "schedule.days mon-fri → mon-wed,sat",
     "pwn"},
    {SUBJECT_FLOW, "x", "schedule.hours", FLOW(BASE ", schedule: { hours: '08:00-17:00' }"),
     FLOW(BASE ", schedule: { hours: ['08:00-12:00', '13:00-17:00'] }"),
     "schedule.hours 08:00-17:00 → 08:00-12:00, 13:00-17:00", "pn"},
    {SUBJECT_FLOW, "x", "schedule.hours", FLOW(BASE ", schedule: { hours: '22:00-02:00' }"),
     FLOW(BASE), "schedule.hours 22:00-02:00 → none", "pw"},
    {SUBJECT_FLOW, "x", "sanitize", FLOW(BASE), FLOW(BASE ", sanitize: file"),
     "sanitize none → file", ""},
    {SUBJECT_FLOW, "x", "limit.new", FLOW(BASE ", limit: { new: 2/s }"),
     FLOW(BASE ", limit: { new: 100/m }"), "limit.new 2/s → 100/m", "pwn"},
    {SUBJECT_FLOW, "x", "limit.new", FLOW(BASE ", limit: { new: 60/m }"),
     FLOW(BASE ", limit: { new: 1/s }"), "limit.new 60/m → 1/s", "pn"},
    {SUBJECT_FLOW, "x", "limit.concurrent", FLOW(BASE ", limit: { concurrent: 9 }"), FLOW(BASE),
     "limit.concurrent 9 → none", "pw"},
    {SUBJECT_FLOW, "x", "log", FLOW(BASE), FLOW(BASE ", log: new"), "log none → new", "p"},
    {SUBJECT_FLOW, "x", "reject", FLOW(BASE), FLOW(BASE ", reject: true"), "reject none → true",
     "p"},
    {SUBJECT_FLOW, "x", "enabled", FLOW(BASE), FLOW(BASE ", enabled: false"),
     "enabled true → false", "pn"},
    /* A flow that is disabled before and after shows packets nothing. */
    {SUBJECT_FLOW, "x", "from", FLOW(BASE ", enabled: false"),
     FLOW("from: [pc, printer], to: web, services: tcp/1, enabled: false"), "from +10.1.0.6", ""},
    /* What passes then is all of it, whatever passed less by what it was. */
    {SUBJECT_FLOW, "x", "services", FLOW(BASE ", enabled: false"), FLOW(ENDS ", services: tcp/2"),
     "services +tcp/2 -tcp/1; enabled false → true", "pw"},
    /* Another name for the same addresses is a matter of the papers... */
    {SUBJECT_FLOW, "x", "from", FLOW("from: office, to: web, services: tcp/1"),
     FLOW("from: offices, to: web, services: tcp/1"), "from +offices -office", ""},
    {SUBJECT_FLOW, "x", "services", FLOW("from: office, to: web, services: [tcp/1, tcp/2]"),
     FLOW("from: offices, to: web, services: tcp/1"), "from +offices -office; services -tcp/2",
     "pn"},
    /* ...but that a zone also has addresses of its link when it talks with the gateway. */
    {SUBJECT_FLOW, "x", "from", FLOW("from: office, to: gateway, services: tcp/1"),
     FLOW("from: offices, to: gateway, services: tcp/1"), "from +offices -office", "pwn"},

#define ZONE(inner) "segd: 1\nzones:\n  z: { " inner " }\n"
#define CLASS "class: other, interfaces: [e0], networks: [10.1.0.0/24]"
    {SUBJECT_ZONE, "z", "label", ZONE(CLASS), ZONE(CLASS ", label: 庁内"), "label none → 庁内", ""},
    {SUBJECT_ZONE, "z", "class", ZONE(CLASS),
     ZONE("class: lgwan, interfaces: [e0], networks: [10.1.0.0/24]"), "class other → lgwan", ""},
    {SUBJECT_ZONE, "z", "interfaces", ZONE(CLASS),
     ZONE("class: other, interfaces: [e1], networks: [10.1.0.0/24]"), "interfaces +e1 -e0", "pwn"},
    {SUBJECT_ZONE, "z", "networks", ZONE(CLASS),
     ZONE("class: other, interfaces: [e0], networks: [10.1.0.0/24, 10.1.1.0/24]"),
     "networks +10.1.1.0/24", "pw"},
    {SUBJECT_ZONE, "z", "networks", ZONE("class: other, interfaces: [e0], networks: [any]"),
     ZONE(CLASS), "networks +10.1.0.0/24 -any", "pwn"},
    {SUBJECT_ZONE, "z", "intra",
     ZONE("class: other, interfaces: [e0, e1], networks: [10.1.0.0/24], intra: allow"),
     ZONE("class: other, interfaces: [e0, e1], networks: [10.1.0.0/24]"), "intra allow → deny",
     "pn"},
    {SUBJECT_ZONE, "z", "ipsec", ZONE(CLASS), ZONE(CLASS ", ipsec: required"),
     "ipsec none → required", "pn"},

#define HOST(inner) ZONES "hosts:\n  h: { " inner " }\n"
    {SUBJECT_HOST, "h", "zone", HOST("zone: office, address: 10.1.0.1"),
     HOST("zone: server, address: 10.2.0.1"), "zone office → server; address +10.2.0.1 -10.1.0.1",
     "p"},
    {SUBJECT_HOST, "h", "address", HOST("zone: office, address: 10.1.0.1"),
     HOST("zone: office, address: [10.1.0.1, \"fd00:1::1\"]"), "address +fd00:1::1", "p"},
    {SUBJECT_HOST, "h", "mac", HOST("zone: office, address: 10.1.0.1"),
     HOST("zone: office, address: 10.1.0.1, mac: '00:00:5e:00:53:11'"),
     "mac none → 00:00:5e:00:53:11", "pn"},
    {SUBJECT_HOST, "h", "mac", HOST("zone: office, address: 10.1.0.1, mac: '00:00:5e:00:53:12'"),
     HOST("zone: office, address: 10.1.0.1, mac: '00:00:5e:00:53:11'"),
     "mac 00:00:5e:00:53:12 → 00:00:5e:00:53:11", "pwn"},
    {SUBJECT_HOST, "h", "mac", HOST("zone: office, address: 10.1.0.1, mac: '00:00:5e:00:53:12'"),
     HOST("zone: office, address: 10.1.0.1, mac: ['00:00:5e:00:53:12', '00:00:5e:00:53:11']"),
     "mac 00:00:5e:00:53:12 → [00:00:5e:00:53:11, 00:00:5e:00:53:12]", "pw"},
    {SUBJECT_HOST, "h", "mac",
     HOST("zone: office, address: 10.1.0.1, mac: ['00:00:5e:00:53:12', '00:00:5e:00:53:11']"),
     HOST("zone: office, address: 10.1.0.1"), "mac [00:00:5e:00:53:11, 00:00:5e:00:53:12] → none",
     "pw"},
    {SUBJECT_HOST, "h", "label", HOST("zone: office, address: 10.1.0.1, label: a"),
     HOST("zone: office, address: 10.1.0.1, label: b"), "label a → b", ""},

#define GROUP(inner) ZONES "groups:\n  g: { " inner " }\n"
    {SUBJECT_GROUP, "g", "zone", GROUP("zone: office, members: 10.1.0.1"),
     GROUP("zone: server, members: 10.2.0.1"), "zone office → server; members +10.2.0.1 -10.1.0.1",
     "p"},
    {SUBJECT_GROUP, "g", "members", GROUP("zone: office, members: 10.1.0.0/24"),
     GROUP("zone: office, members: 10.1.0.0/23"), "members +10.1.1.0/24", "p"},
    {SUBJECT_GROUP, "g", "members-from", GROUP("zone: office, members: 10.1.0.1"),
     GROUP("zone: office, members-from: lists/a.txt"), "members-from +lists/a.txt", ""},
    {SUBJECT_GROUP, "g", "members-from", GROUP("zone: office, members-from: lists/a.txt"),
     GROUP("zone: office, members-from: [lists/a.txt, lists/b.txt]"),
     "members +10.1.0.2; members-from +lists/b.txt", "p"},
    {SUBJECT_GROUP, "g", "label", GROUP("zone: office, members: 10.1.0.1, label: a"),
     GROUP("zone: office, members: 10.1.0.1"), "label a → none", ""},
    {SUBJECT_SERVICE, "s", "literals", ZONES "services:\n  s: tcp/443\n",
     ZONES "services:\n  s: [tcp/443, tcp/8443]\n", "literals +tcp/8443", "p"},

#define GATEWAY(inner) ZONE(CLASS) "gateway: { " inner " }\n"
    {SUBJECT_GATEWAY, "gateway", "protect", ZONE(CLASS), GATEWAY("protect: true"),
     "protect false → true", "pn"},
    {SUBJECT_GATEWAY, "gateway", "forwarding", ZONE(CLASS), GATEWAY("forwarding: true"),
     "forwarding false → true", "p"},
    {SUBJECT_GATEWAY, "gateway", "mark-mask", ZONE(CLASS), GATEWAY("mark-mask: 0x00ffff00"),
     "mark-mask none → 0x00ffff00", "p"},
    {SUBJECT_POLICY, "policy", "site", ZONE(CLASS), ZONE(CLASS) "site: 安中市\n",
     "site none → 安中市", ""},
    {SUBJECT_POLICY, "policy", "timezone", ZONE(CLASS) "timezone: UTC\n",
     ZONE(CLASS) "timezone: Asia/Tokyo\n", "timezone UTC → Asia/Tokyo", "pwn"},
    {SUBJECT_POLICY, "policy", "rules", ZONE(CLASS), ZONE(CLASS) "rules: [jp-municipal]\n",
     "rules +jp-municipal", ""},
    {SUBJECT_POLICY, "policy", "model", ZONE(CLASS) "model: alpha\n",
     ZONE(CLASS) "model: alpha-prime\n", "model alpha → alpha-prime", ""},
    {SUBJECT_POLICY, "policy", "reject", ZONES, ZONES "reject: [{ from: office, to: server }]\n",
     "reject +office server", "p"},
    {SUBJECT_POLICY, "policy", "expect", ZONES,
     ZONES "expect:\n  - { from: 10.1.0.1, to: 10.2.0.1, service: tcp/1, verdict: deny }\n",
     "expect +10.1.0.1 10.2.0.1 tcp/1 deny", ""},
};

START_TEST(a_change_is_told_by_key_old_and_new_value)
{
    const struct policy_change *change;
    bool is_told = false;

    compare(cases[_i].old, cases[_i].new);
    change = find_change(cases[_i].subject, cases[_i].name);
    ck_assert_msg(change, "%s of %s is no change", cases[_i].key, cases[_i].name);
    ck_assert_int_eq(change->kind, POLICY_CHANGED);
    ck_assert_str_eq(change->detail, cases[_i].detail);
    ck_assert_str_eq(seen(change), cases[_i].seen);
    for (size_t i = 0; i < change->n_fields; i++)
        is_told |= strcmp(change->fields[i].field, cases[_i].key) == 0;
    ck_assert(is_told);
    /* Nothing else is one, but the flow that a zone has with itself. */
    for (size_t i = 0; i < changes->n_changes; i++)
        ck_assert(changes->changes[i].subject == cases[_i].subject ||
                  strcmp(changes->changes[i].name, "intra:z") == 0);
}
END_TEST

START_TEST(the_same_policy_has_no_changes)
{
    compare(cases[_i].old, cases[_i].old);
    changes_are("");
}
END_TEST

/* The keys that a comparison must know: of a mapping within an object, its own. */
static void check_keys(enum policy_subject subject, const struct mapping *mapping,
                       const char *prefix, size_t *n)
{
    for (size_t i = 0; i < mapping->n_keys; i++) {
        const struct grammar_key *key = &mapping->keys[i];
        bool is_tried = false;
        char name[64], inner[sizeof(name) + 1];

        snprintf(name, sizeof(name), "%s%s", prefix, key->name);
        if (key->kind == KEY_OBJECTS || (subject == SUBJECT_POLICY && key->kind == KEY_MAPPING) ||
            key->in_each_file)
            continue;
        if (key->kind == KEY_MAPPING) {
            snprintf(inner, sizeof(inner), "%s.", name);
            check_keys(subject, key->mapping, inner, n);
            continue;
        }
        for (size_t k = 0; k < ELEMENTS_OF(cases); k++)
            is_tried |= cases[k].subject == subject && strcmp(cases[k].key, name) == 0;
        ck_assert_msg(is_tried, "%s %s is not tried here", mapping->noun, name);
        (*n)++;
    }
}

START_TEST(every_key_of_the_language_is_compared)
{
    static const struct {
        enum policy_subject subject;
        const char *key;
    } mappings[] = {
        {SUBJECT_FLOW, "flows"},     {SUBJECT_ZONE, "zones"},       {SUBJECT_HOST, "hosts"},
        {SUBJECT_GROUP, "groups"},   {SUBJECT_SERVICE, "services"}, {SUBJECT_GATEWAY, "gateway"},
        {SUBJECT_POLICY, "grammar"},
    };
    size_t n_mappings = 1;

    for (size_t i = 0; i < ELEMENTS_OF(mappings); i++) {
        const struct mapping *mapping = &grammar;
        size_t n = 0;

        for (size_t k = 0; k < grammar.n_keys; k++) {
            if (strcmp(grammar.keys[k].name, mappings[i].key) == 0)
                mapping = grammar.keys[k].mapping;
        }
        check_keys(mappings[i].subject, mapping, "", &n);
        ck_assert_uint_gt(n, 0);
    }

    /* And every kind of object is one of these. */
    for (size_t k = 0; k < grammar.n_keys; k++)
        n_mappings += grammar.keys[k].kind == KEY_OBJECTS || grammar.keys[k].kind == KEY_MAPPING;
    ck_assert_uint_eq(n_mappings, ELEMENTS_OF(mappings));
}
END_TEST

#define LINES(text) ZONES HOSTS "flows:\n" text
#define X "  x: { from: pc, to: web, services: tcp/1 }\n"

START_TEST(flows_come_go_and_take_other_names)
{
    compare(LINES(X "  gone: { from: pc, to: web, services: tcp/2 }\n"
                    "  bye: { from: pc, to: web, services: tcp/3, log: new }\n"),
            LINES("  new: { from: pc, to: web, services: tcp/4, approval: { number: n } }\n"
                  "  hello: { from: pc, to: web, services: tcp/3 }\n" X));
    changes_are("removed flow gone\n"
                "renamed flow hello was bye: log new → none\n"
                "added flow new\n"
                "changed policy policy: order x, hello → hello, x\n");
    ck_assert_str_eq(seen(find_change(SUBJECT_FLOW, "gone")), "pn");
    ck_assert_str_eq(seen(find_change(SUBJECT_FLOW, "new")), "pw");
    ck_assert_str_eq(find_change(SUBJECT_FLOW, "new")->approval, "n");
    ck_assert_str_eq(seen(find_change(SUBJECT_POLICY, "policy")), "p");
}
END_TEST

/* Nobody knows whether they are the same, and nothing of them passes. */
START_TEST(disabled_flows_are_never_one_that_was_renamed)
{
    compare(LINES(X "  a: { from: pc, to: web, services: tcp/2, enabled: false }\n"),
            LINES(X "  b: { from: web, to: pc, services: tcp/3, enabled: false }\n"));
    changes_are("removed flow a\nadded flow b\n");
    ck_assert_str_eq(seen(find_change(SUBJECT_FLOW, "a")), "");
    ck_assert_str_eq(seen(find_change(SUBJECT_FLOW, "b")), "");
}
END_TEST

START_TEST(order_of_flows_is_a_change)
{
    compare(LINES(X "  y: { from: pc, to: web, services: tcp/2 }\n"),
            LINES("  y: { from: pc, to: web, services: tcp/2 }\n" X));
    changes_are("changed policy policy: order x, y → y, x\n");
}
END_TEST

START_TEST(a_group_that_grows_is_told_with_its_flows)
{
    compare(ZONES "groups:\n  g: { zone: office, members: 10.1.0.1 }\n"
                  "flows:\n  x: { from: g, to: server, services: tcp/1 }\n",
            ZONES "groups:\n  g: { zone: office, members: [10.1.0.1, 10.1.8.0/24] }\n"
                  "flows:\n  x: { from: g, to: server, services: tcp/1 }\n");
    changes_are("changed flow x: from +10.1.8.0/24\nchanged group g: members +10.1.8.0/24\n");
    ck_assert_str_eq(seen(find_change(SUBJECT_FLOW, "x")), "pw");
}
END_TEST

START_TEST(objects_that_nobody_names_are_no_change_for_packets)
{
    compare(ZONES, ZONES "hosts:\n  h: { zone: office, address: 10.1.0.1 }\n"
                         "  m: { zone: office, address: 10.1.0.2, mac: '00:00:5e:00:53:11' }\n"
                         "groups:\n  g: { zone: office, members: 10.1.0.1 }\n"
                         "services:\n  s: tcp/1\n");
    changes_are("added host h\nadded host m\nadded group g\nadded service s\n");
    for (size_t i = 0; i < changes->n_changes; i++)
        ck_assert_int_eq(changes->changes[i].packets, strcmp(changes->changes[i].name, "m") == 0);
}
END_TEST

START_TEST(without_a_policy_flows_and_zones_are_added)
{
    compare(NULL, LINES(X));
    changes_are("added flow x\nadded zone office\nadded zone server\nadded zone world\n");
}
END_TEST

START_TEST(comments_and_spelling_are_no_changes)
{
    compare(LINES(X), ZONES HOSTS "flows:\n  # the only one\n"
                                  "  x:\n    from: [pc]\n    to: [web]\n    services: [tcp/1]\n"
                                  "    enabled: true\n    log: none\n");
    changes_are("");
}
END_TEST

/* What the other zones leave over for `any` is no change of it, but is one of flows that name it.
 */
START_TEST(another_zone_is_no_change_of_any)
{
    compare(ZONES "flows:\n  x: { from: office, to: world, services: tcp/1 }\n",
            ZONES "  more: { class: other, interfaces: [eth5], networks: [10.9.0.0/16] }\n"
                  "flows:\n  x: { from: office, to: world, services: tcp/1 }\n");
    changes_are("changed flow x: to -10.9.0.0/16\nadded zone more\n");
}
END_TEST

#define LONG 300

/* A group of so many addresses, and flows from it or from a host. */
static char *long_policy(const char *from, size_t n_flows)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    fputs(ZONES "hosts:\n  h: { zone: office, address: 10.1.0.1 }\n"
                "groups:\n  g: { zone: office, members: [10.1.1.0",
          stream);
    for (unsigned i = 1; i < LONG; i++)
        fprintf(stream, ", 10.1.%u.%u", 1 + i / 100, i % 100 * 2);
    fputs("] }\nflows:\n", stream);
    for (size_t i = 0; i < n_flows; i++)
        fprintf(stream, "  f%zu: { from: %s, to: server, services: tcp/1 }\n", i, from);
    ck_assert_int_eq(fclose(stream), 0);
    return text;
}

START_TEST(long_lists_are_counted)
{
    const size_t n_flows = CHANGE_ITEMS_ALL / CHANGE_ITEMS_MAX + 2;
    cleanup_(freep) char *old = long_policy("h", n_flows), *new = long_policy("g", n_flows);
    const struct field_items *added;

    compare(old, new);
    ck_assert_uint_eq(changes->n_changes, n_flows);
    added = &find_change(SUBJECT_FLOW, "f0")->fields[0].added;
    ck_assert_uint_eq(added->n, CHANGE_ITEMS_MAX);
    ck_assert_uint_eq(added->n_left_out, LONG - CHANGE_ITEMS_MAX);
    ck_assert_str_eq(added->items[CHANGE_ITEMS_MAX - 1], "10.1.3.110");
    ck_assert_str_eq(find_change(SUBJECT_FLOW, "f0")->detail,
                     "from +10.1.1.0, +10.1.1.2, +10.1.1.4 and 297 more -10.1.0.1");

    /* What many flows name is not told in full by each of them. */
    added = &changes->changes[n_flows - 1].fields[0].added;
    ck_assert_uint_eq(added->n, CHANGE_ITEMS_FEW);
    ck_assert_uint_eq(added->n_left_out, LONG - CHANGE_ITEMS_FEW);
    ck_assert_str_eq(changes->changes[n_flows - 1].detail,
                     "from +10.1.1.0, +10.1.1.2, +10.1.1.4 and 297 more -10.1.0.1");
}
END_TEST

#define TEXT(name_, text_, expires_)                                                               \
    {                                                                                              \
        .name = (name_), .text = (text_), .size = sizeof(text_) - 1, .expires = (expires_)         \
    }

/* Neither its flow nor the group that came with it, on whichever side. */
START_TEST(what_was_granted_is_left_out)
{
    static const struct policy_text texts[] = {
        TEXT("a", ZONES HOSTS "flows:\n" X, 0),
        TEXT("grant grant-1",
             "segd: 1\ngroups:\n  grant-1-from-1: { zone: office, members: 10.1.7.0/24 }\n"
             "flows:\n  grant-1: { from: grant-1-from-1, to: web, services: tcp/9 }\n",
             INT64_MAX - 1),
    };
    struct reading *readings[] = {&old_reading, &new_reading};

    for (size_t i = 0; i < ELEMENTS_OF(readings); i++) {
        ck_assert_int_eq(sources_new(&readings[i]->sources), 0);
        ck_assert_int_eq(diagnostics_new(&readings[i]->diagnostics), 0);
        ck_assert_int_eq(policy_parse_texts(texts, 1 + (i ^ (size_t)_i), readings[i]->sources,
                                            readings[i]->diagnostics, &readings[i]->policy),
                         0);
    }
    ck_assert_uint_eq(old_reading.policy->n_flows + new_reading.policy->n_flows, 3);
    ck_assert_int_eq(policy_changes_new(old_reading.policy, new_reading.policy, &changes), 0);
    changes_are("");
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_checked_fixture(tests, NULL, tear_down);
    tcase_add_loop_test(tests, a_change_is_told_by_key_old_and_new_value, 0, ELEMENTS_OF(cases));
    tcase_add_loop_test(tests, the_same_policy_has_no_changes, 0, ELEMENTS_OF(cases));
    tcase_add_test(tests, every_key_of_the_language_is_compared);
    tcase_add_test(tests, flows_come_go_and_take_other_names);
    tcase_add_test(tests, disabled_flows_are_never_one_that_was_renamed);
    tcase_add_test(tests, order_of_flows_is_a_change);
    tcase_add_test(tests, a_group_that_grows_is_told_with_its_flows);
    tcase_add_test(tests, objects_that_nobody_names_are_no_change_for_packets);
    tcase_add_test(tests, without_a_policy_flows_and_zones_are_added);
    tcase_add_test(tests, comments_and_spelling_are_no_changes);
    tcase_add_test(tests, another_zone_is_no_change_of_any);
    tcase_add_test(tests, long_lists_are_counted);
    tcase_add_loop_test(tests, what_was_granted_is_left_out, 0, 2);
}
