/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The descriptions of records against that of the interface, and what becomes of a record on the
 * way through JSON.
 */

#include <errno.h>
#include <string.h>

#include "checks.h"
#include "control/varlink.h"
#include "daemon/control/method.h"
#include "daemon/control/methods.h"
#include "interface.h"

static struct interface *description(void)
{
    struct interface *interface = NULL;
    unsigned line;

    ck_assert_int_eq(interface_parse(varlink_control_description, &interface, &line), 0);
    return interface;
}

static enum type_kind kind_of(const struct record_field *field)
{
    switch (field->kind) {
    case RECORD_TEXT:
    case RECORD_BUFFER:
    case RECORD_BYTES:
    case RECORD_DIGEST:
    case RECORD_INSTANT:
    case RECORD_END:
    case RECORD_WORD:
        return TYPE_STRING;
    case RECORD_NUMBER:
    case RECORD_VERSION:
        return TYPE_INT;
    case RECORD_BOOL:
        return TYPE_BOOL;
    case RECORD_OBJECT:
        return TYPE_OBJECT;
    case RECORD_ONE:
        return field->type->name ? TYPE_NAMED : TYPE_STRUCT;
    case RECORD_TEXTS:
    case RECORD_NUMBERS:
    case RECORD_MANY:
    case RECORD_OBJECTS:
        return TYPE_ARRAY;
    }
    return TYPE_MAP;
}

static enum type_kind element_kind(const struct record_field *field)
{
    if (field->kind == RECORD_NUMBERS)
        return TYPE_INT;
    return field->kind == RECORD_TEXTS ? TYPE_STRING : TYPE_NAMED;
}

static bool is_on_wire(const struct record_field *field)
{
    return field->form == 0 || field->form & RECORD_WIRE;
}

/* The type of what the field holds, where that has a name. */
static void assert_named(const char *where, const struct record_field *field,
                         const struct type *type)
{
    if (type->kind == TYPE_NAMED)
        ck_assert_msg(strcmp(field->type->name, type->name) == 0, "%s.%s is %s, not %s", where,
                      field->name, field->type->name, type->name);
}

static void assert_same(const struct interface *interface, const char *where,
                        const struct record_type *record, const struct type *type)
{
    size_t n = 0;

    for (size_t i = 0; i < record->n_fields; i++) {
        const struct record_field *field = &record->fields[i];
        const struct field_type *there;

        if (!is_on_wire(field))
            continue;
        n++;
        there = interface_find_field(type, field->name);
        ck_assert_msg(there, "%s.%s is not in the interface", where, field->name);
        ck_assert_msg(there->type.kind == kind_of(field), "%s.%s is of another kind", where,
                      field->name);
        ck_assert_msg(there->type.nullable == ((field->null & RECORD_WIRE) != 0),
                      "%s.%s: one of both may be null", where, field->name);
        /* What is passed on as it is has its description elsewhere. */
        if (there->type.kind == TYPE_ARRAY && field->kind != RECORD_OBJECTS) {
            ck_assert_msg(there->type.element->kind == element_kind(field),
                          "%s.%s has elements of another kind", where, field->name);
            assert_named(where, field, there->type.element);
        }
        assert_named(where, field, &there->type);
        if (there->type.kind == TYPE_STRUCT)
            assert_same(interface, field->name, field->type, &there->type);
    }
    ck_assert_msg(n == type->n_fields, "%s has %zu fields and %zu in the interface", where, n,
                  type->n_fields);
}

static const struct record_type *const types[] = {
    &actor_type,
    &override_type,
    &generation_type,
    &confirmation_type,
    &finding_type,
    &drift_type,
    &expiring_type,
    &policy_text_type,
    &wire_interface_type,
    &wire_zone_type,
    &wire_count_type,
    &wire_flow_type,
    &wire_endpoint_type,
    &wire_connection_type,
    &wire_drop_type,
    &wire_denial_type,
    &wire_place_type,
    &wire_diagnostic_type,
    &wire_difference_type,
    &wire_incident_file_type,
    &wire_incident_type,
    &wire_field_change_type,
    &wire_flow_change_type,
    &wire_object_change_type,
};

START_TEST(a_record_is_what_the_interface_says)
{
    cleanup_(interface_freep) struct interface *interface = description();
    const struct interface_method *member = interface_find(interface, MEMBER_TYPE, types[_i]->name);

    ck_assert_msg(member, "there is no type %s", types[_i]->name);
    assert_same(interface, types[_i]->name, types[_i], &member->input);
}
END_TEST

static void assert_same_structure(const struct interface *interface, const char *where,
                                  const struct record_type *record, const struct type *type)
{
    if (record)
        assert_same(interface, where, record, type);
    else
        ck_assert_msg(type->n_fields == 0, "%s has no record", where);
}

START_TEST(a_method_takes_and_replies_what_the_interface_says)
{
    cleanup_(interface_freep) struct interface *interface = description();
    const struct method *method = &control_methods[_i];
    const struct interface_method *member = interface_find_method(interface, method->name);

    ck_assert_msg(member, "there is no method %s", method->name);
    assert_same_structure(interface, method->name, method->parameters, &member->input);
    assert_same_structure(interface, method->name, method->reply, &member->output);
}
END_TEST

static char *texts[] = {(char *)"a", (char *)"b\xff"};

static const struct override sample = {
    .kind = OVERRIDE_GRANT,
    .name = (char *)"grant-1",
    .uid = 1000,
    .who = (char *)"tanaka",
    .since = INT64_C(1806505200) * USEC_PER_SEC,
    .until = INT64_C(1806508800) * USEC_PER_SEC,
    .age = 7,
    .text = (char *)"t",
    .from = texts,
    .n_from = 2,
};

/* As JSON, with the keys in the order of the table. */
static void assert_encoded(enum record_form form, const char *expected)
{
    json_t *json = record_encode(&override_type, &sample, form);
    char *text = json_dumps(json, JSON_COMPACT);

    ck_assert_str_eq(text, expected);
    free(text);
    json_decref(json);
}

START_TEST(a_record_has_the_form_of_its_place)
{
    assert_encoded(RECORD_DISK,
                   "{\"kind\":\"grant\",\"name\":\"grant-1\",\"reason\":null,"
                   "\"uid\":1000,\"who\":\"tanaka\",\"since\":\"2027-03-31T15:00:00Z\","
                   "\"until\":\"2027-03-31T16:00:00Z\",\"keep\":[],\"text\":\"t\","
                   "\"from\":[\"a\",\"b\xef\xbf\xbd\"]}");
    assert_encoded(RECORD_WIRE,
                   "{\"kind\":\"grant\",\"name\":\"grant-1\",\"reason\":\"\","
                   "\"uid\":1000,\"who\":\"tanaka\",\"since\":\"2027-03-31T15:00:00Z\","
                   "\"age\":7,\"until\":\"2027-03-31T16:00:00Z\",\"keep\":[],"
                   "\"keep_ids\":null,\"extents\":null,\"makers\":null,\"ids\":null,\"names\":null,"
                   "\"text\":\"t\",\"from\":[\"a\",\"b\xef\xbf\xbd\"],\"to\":null,"
                   "\"services\":null}");
}
END_TEST

/* The same as text that is written at once. */
static void assert_written(const struct record_type *type, const void *record)
{
    static const enum record_form forms[] = {RECORD_WIRE, RECORD_DISK};

    for (size_t i = 0; i < ELEMENTS_OF(forms); i++) {
        cleanup_(record_text_clear) struct record_text text = {0};
        json_t *json = record_encode(type, record, forms[i]);
        char *expected = json_dumps(json, JSON_COMPACT);

        ck_assert_int_eq(record_write(type, record, forms[i], &text), 0);
        ck_assert_int_eq(record_text_append(&text, "", 1), 0);
        ck_assert_str_eq(text.bytes, expected);
        free(expected);
        json_decref(json);
    }
}

static char *odd_texts[] = {
    (char *)"",         (char *)"\"\\/",    (char *)"\x01\t\n\x1f",
    (char *)"庁内\x7f", (char *)"\xff\xc3", (char *)"plain",
};

START_TEST(a_record_is_written_as_it_is_encoded)
{
    struct wire_flow flows[] = {
        {.name = odd_texts[0], .label = odd_texts[1], .until = USEC_NEVER},
        {.name = odd_texts[3],
         .from = odd_texts,
         .n_from = ELEMENTS_OF(odd_texts),
         .live = true,
         .why = odd_texts[4],
         .until = INT64_C(1806505200) * USEC_PER_SEC,
         .original = {1, UINT64_MAX},
         .reply = {UINT32_MAX, INT64_MAX}},
    };
    const struct flows_reply reply = {.flows = flows, .n_flows = ELEMENTS_OF(flows)};

    uint64_t numbers[] = {0, 7, UINT64_MAX};
    const struct counters_reply counters = {
        .names = odd_texts,
        .n_names = 2,
        .reply_bytes = numbers,
        .n_reply_bytes = ELEMENTS_OF(numbers),
    };

    assert_written(&override_type, &sample);
    assert_written(&counters_reply_type, &counters);
    assert_written(&flows_reply_type, &reply);
    assert_written(&flows_reply_type, &(struct flows_reply){0});
    assert_written(&status_reply_type, &(struct status_reply){0});
}
END_TEST

START_TEST(a_copy_owns_what_it_has)
{
    struct override copy;

    ck_assert_int_eq(record_copy(&override_type, &sample, &copy), 0);
    ck_assert_str_eq(copy.name, sample.name);
    ck_assert_ptr_ne(copy.name, sample.name);
    ck_assert_ptr_ne(copy.from, sample.from);
    ck_assert_str_eq(copy.from[1], sample.from[1]);
    ck_assert_ptr_null(copy.reason);
    record_clear(&override_type, &copy);
    ck_assert_ptr_null(copy.name);
    ck_assert_uint_eq(copy.n_from, 0);
}
END_TEST

/* Numbers that are decoded, and copied, are those that were encoded. */
START_TEST(a_list_of_numbers_comes_back)
{
    uint64_t numbers[] = {0, 7, INT64_MAX};
    const struct counters_reply reply = {.reply_bytes = numbers, .n_reply_bytes = 3};
    struct counters_reply read = {0}, copy;
    struct record_problem problem;
    json_t *json = record_encode(&counters_reply_type, &reply, RECORD_WIRE);

    ck_assert_int_eq(record_decode(&counters_reply_type, json, RECORD_WIRE, &read, &problem), 0);
    ck_assert_int_eq(record_copy(&counters_reply_type, &read, &copy), 0);
    record_clear(&counters_reply_type, &read);
    ck_assert_uint_eq(copy.n_reply_bytes, 3);
    ck_assert_mem_eq(copy.reply_bytes, numbers, sizeof(numbers));
    ck_assert_uint_eq(copy.n_names, 0);
    record_clear(&counters_reply_type, &copy);
    json_decref(json);
}
END_TEST

/* What is wrong, where, and how it is said. */
static const struct {
    const struct record_type *type;
    const char *json, *path, *what;
} wrong[] = {
    {&diff_reply_type, "[]", "", "is not an object"},
    {&diff_reply_type, "{'changed': true, 'changes': [], 'zones': ['a', 5], 'objects': []}",
     "zones[1]", "is not a text"},
    {&diff_reply_type, "{'changed': true, 'changes': {}, 'zones': [], 'objects': []}", "changes",
     "is not a list"},
    {&diff_reply_type, "{'changed': true, 'changes': [], 'zones': [], 'objects': [], 'more': 1}",
     "more", "is not known"},
    {&diff_reply_type, "{'changed': true, 'changes': []}", "zones", "is missing"},
    {&zones_reply_type, "{'zones': [{'name': 'a', 'label': 5}]}", "zones[0].label",
     "is not a text"},
    {&counters_reply_type, "{'names': ['a'], 'original_packets': [1, -1]}", "original_packets[1]",
     "is out of range"},
    {&finding_type, "{'code': 'c', 'severity': 'grave'}", "severity", "is not known"},
    {&drift_type, "{'repairs': -1}", "repairs", "is out of range"},
    {&drift_type, "{'repairs': 1.0}", "repairs", "is not a whole number"},
    {&expiring_type,
     "{'name': '', 'label': '', 'expires': '2027-03-31T15:00:00Z', 'days': 1,"
     " 'warning': 4294967296}",
     "warning", "is out of range"},
    {&drift_type, "{'repairs': 1, 'last': 'today'}", "last", "is not an instant"},
    {&wire_difference_type, "{'object': null}", "object", "is not a text"},
};

static json_t *parse(const char *text)
{
    char quoted[512];
    json_t *json;

    for (size_t i = 0; i <= strlen(text); i++)
        quoted[i] = (char)(text[i] == '\'' ? '"' : text[i]);
    json = json_loads(quoted, 0, NULL);
    ck_assert_ptr_nonnull(json);
    return json;
}

START_TEST(what_is_wrong_is_told_with_its_place)
{
    json_t *json = parse(wrong[_i].json);
    char record[1024] __attribute__((aligned(16))) = {0};
    struct record_problem problem;

    ck_assert_uint_le(wrong[_i].type->size, sizeof(record));
    ck_assert_int_eq(record_decode(wrong[_i].type, json, RECORD_WIRE, record, &problem), -EBADMSG);
    ck_assert_str_eq(problem.path, wrong[_i].path);
    ck_assert_str_eq(problem.what, wrong[_i].what);
    json_decref(json);
}
END_TEST

START_TEST(a_reply_of_another_version_is_read_as_far_as_it_goes)
{
    json_t *json = parse("{'version': 7, 'flows': 3, 'newer': [], 'zones': [5], 'confirmation': 1,"
                         " 'findings': [{'severity': 'grave', 'message': 'm'}],"
                         " 'overrides': [{'name': 'lgwan', 'until': 'never'}]}");
    struct status_reply status = {0};

    ck_assert_int_eq(record_decode_reply(&status_reply_type, json, &status), 0);
    ck_assert_str_eq(status.version, "");
    ck_assert_str_eq(status.audit.head, "");
    ck_assert_ptr_null(status.site);
    ck_assert_uint_eq(status.flows, 3);
    ck_assert_uint_eq(status.n_zones, 0);
    ck_assert(!status.confirmation.pending);
    ck_assert_str_eq(status.findings[0].code, "");
    ck_assert_str_eq(record_word(&finding_severities, status.findings[0].severity), "?");
    ck_assert_str_eq(status.overrides[0].name, "lgwan");
    ck_assert(status.overrides[0].until == USEC_NEVER);
    record_clear(&status_reply_type, &status);
    json_decref(json);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, a_record_is_what_the_interface_says, 0, (int)ELEMENTS_OF(types));
    tcase_add_loop_test(tests, a_method_takes_and_replies_what_the_interface_says, 0,
                        (int)control_n_methods);
    tcase_add_test(tests, a_record_has_the_form_of_its_place);
    tcase_add_test(tests, a_record_is_written_as_it_is_encoded);
    tcase_add_test(tests, a_copy_owns_what_it_has);
    tcase_add_test(tests, a_list_of_numbers_comes_back);
    tcase_add_loop_test(tests, what_is_wrong_is_told_with_its_place, 0, (int)ELEMENTS_OF(wrong));
    tcase_add_test(tests, a_reply_of_another_version_is_read_as_far_as_it_goes);
}
