/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Descriptions of interfaces: what they say, where they are wrong, and which values fit them. */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checks.h"
#include "control/varlink.h"
#include "interface.h"

static struct interface *parse(const char *text)
{
    struct interface *interface = NULL;
    unsigned line = 0;
    int r = interface_parse(text, &interface, &line);

    ck_assert_msg(r == 0, "%d in line %u", r, line);
    return interface;
}

START_TEST(description_of_the_daemon_is_understood)
{
    cleanup_(interface_freep) struct interface *interface = parse(varlink_control_description);

    ck_assert_str_eq(interface_name(interface), VARLINK_INTERFACE);
    ck_assert_uint_ge(interface_count_methods(interface), 20);
    ck_assert_str_eq(interface_method_name(interface_method_at(interface, 0)), "GetStatus");
    for (size_t i = 0; i < interface_count_methods(interface); i++) {
        const struct interface_method *method = interface_method_at(interface, i);

        ck_assert_ptr_eq(interface_find_method(interface, interface_method_name(method)), method);
    }
    ck_assert_ptr_null(interface_method_at(interface, interface_count_methods(interface)));
    ck_assert_ptr_null(interface_find_method(interface, "Zone"));
    ck_assert(interface_has_error(interface, "NotPermitted"));
    ck_assert(!interface_has_error(interface, "GetStatus"));
}
END_TEST

START_TEST(description_of_the_service_is_understood)
{
    cleanup_(interface_freep) struct interface *interface = parse(varlink_service_description);

    ck_assert_str_eq(interface_name(interface), VARLINK_SERVICE);
    ck_assert_uint_eq(interface_count_methods(interface), 2);
    ck_assert(interface_has_error(interface, "InvalidParameter"));
}
END_TEST

static const char *const good[] = {
    "interface a.b",
    "interface a.b-c.d2\n",
    "#comment\n\ninterface a.b # comment",
    "interface a.b\ntype T ()",
    "interface a.b\ntype T(a:int,b:?string)",
    "interface a.b\ntype T (one, two)\nmethod M(t: T) -> (t: ?[]T)",
    "interface a.b\nmethod M(t: Later) -> ()\ntype Later (a: bool)",
    "interface a.b\ntype T (m: [string]?[]int, o: object, f: float, s: (a: int, e: (x, y)))",
    "interface a.b\ntype Tree (left: ?Tree, right: ?Tree)",
    "interface a.b\nmethod M()->()error E()",
    "interface a.b\ntype type (interface: int)\nmethod typeM () -> ()",
    "interface a.b\ntype Same ()\nmethod Same() -> ()\nerror Same ()",
};

START_TEST(language_is_understood)
{
    interface_free(parse(good[_i]));
}
END_TEST

static const struct {
    const char *text;
    unsigned line;
} bad[] = {
    {"", 1},
    {"\n\n", 3},
    {"interfacea.b", 1},
    {"interface", 1},
    {"interface 7", 1},
    {"interface a.b interface c.d", 1},
    {"interface a.b\nnothing", 2},
    {"interface a.b\ntype", 2},
    {"interface a.b\ntypeT (a: int)", 2},
    {"interface a.b\ntype T", 2},
    {"interface a.b\ntype T.U (a: int)", 2},
    {"interface a.b\ntype T (a: int", 2},
    {"interface a.b\ntype T (a: int,)", 2},
    {"interface a.b\ntype T (a: int b: int)", 2},
    {"interface a.b\ntype T (\n  a: int,\n  1b: int\n)", 4},
    {"interface a.b\ntype T (\n  a: int,\n  b int\n)", 4},
    {"interface a.b\ntype T (\n  a: int,\n  a: int\n)", 4},
    {"interface a.b\ntype T (a, b: int)", 2},
    {"interface a.b\ntype T (a: int, b)", 2},
    {"interface a.b\ntype T (a:)", 2},
    {"interface a.b\ntype T (a: ??int)", 2},
    {"interface a.b\ntype T (a: []?)", 2},
    {"interface a.b\ntype T (a: [int]int)", 2},
    {"interface a.b\ntype T int", 2},
    {"interface a.b\ntype T ()\n\ntype T ()", 4},
    {"interface a.b\nmethod M()", 2},
    {"interface a.b\nmethod M() -> int", 2},
    {"interface a.b\nmethod M(one, two) -> ()", 2},
    {"interface a.b\nmethod M() -> (one, two)", 2},
    {"interface a.b\nerror E(one)", 2},
    {"interface a.b\n\nmethod M(\n  t: []Missing\n) -> ()\n\n", 4},
    {"interface a.b\ntype T (\n  t: (u: [string]Missing)\n)\n", 3},
    {"interface a.b\nmethod M() -> (\n  n: M\n)\n", 3},
};

START_TEST(mistake_has_its_line)
{
    struct interface *interface = NULL;
    unsigned line = 0;

    ck_assert_int_eq(interface_parse(bad[_i].text, &interface, &line), -EBADMSG);
    ck_assert_ptr_null(interface);
    ck_assert_uint_eq(line, bad[_i].line);
}
END_TEST

START_TEST(depth_of_types_is_bounded)
{
    static const char *const openings[] = {"[]", "[string]", "(a:"};
    char text[100000] = "interface a.b\ntype T (a: ";

    for (int i = 0; i < 10000; i++)
        strcpy(text + 25 + (size_t)i * strlen(openings[_i]), openings[_i]);
    {
        struct interface *interface = NULL;
        unsigned line = 0;

        ck_assert_int_eq(interface_parse(text, &interface, &line), -EBADMSG);
    }
}
END_TEST

START_TEST(type_of_many_fields_is_cheap)
{
    cleanup_(interface_freep) struct interface *interface = NULL;
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    fputs("interface a.b\nmethod M(f: int", stream);
    for (int i = 0; i < 3000; i++)
        fprintf(stream, ", f%d: ?int", i);
    fputs(") -> ()", stream);
    ck_assert_int_eq(fclose(stream), 0);
    interface = parse(text);
    free(text);
    ck_assert_uint_eq(interface_count_methods(interface), 1);
}
END_TEST

static const char description[] =
    "interface a.b\n"
    "type Leaf (name: string, size: ?int)\n"
    "type Tree (leaves: []Leaf, left: ?Tree, kind: Kind)\n"
    "type Kind (oak, fir)\n"
    "method Basic(b: ?bool, i: ?int, f: ?float, s: ?string, o: ?object) -> (ok: bool)\n"
    "method Needs(i: int) -> ()\n"
    "method Plant(tree: Tree, rows: ?[][]int, by: ?[string]Leaf, inner: ?(a: (b: int))) -> ()\n";

static const struct {
    const char *method;
    const char *json;
    const char *field; /* at fault; NULL: it fits */
} values[] = {
    {"Basic", "{}", NULL},
    {"Basic", "{'b': null, 'i': null, 'f': null, 's': null, 'o': null}", NULL},
    {"Basic", "{'b': true, 'i': -1, 'f': 1.5, 's': '', 'o': {'x': [1]}}", NULL},
    {"Basic", "{'f': 1}", NULL},
    {"Basic", "{'b': 1}", "b"},
    {"Basic", "{'b': 'true'}", "b"},
    {"Basic", "{'i': 1.0}", "i"},
    {"Basic", "{'i': '1'}", "i"},
    {"Basic", "{'i': true}", "i"},
    {"Basic", "{'f': '1'}", "f"},
    {"Basic", "{'s': 1}", "s"},
    {"Basic", "{'s': ['a']}", "s"},
    {"Basic", "{'o': []}", "o"},
    {"Basic", "{'o': 'x'}", "o"},
    {"Basic", "{'i': 1, 'j': 1}", "j"},
    {"Basic", "{'': 1}", ""},
    {"Needs", "{'i': 0}", NULL},
    {"Needs", "{}", "i"},
    {"Needs", "{'i': null}", "i"},
    {"Plant", "{'tree': {'leaves': [], 'kind': 'oak'}}", NULL},
    {"Plant", "{'tree': {'leaves': [{'name': 'a', 'size': 1}, {'name': 'b'}], 'kind': 'fir'}}",
     NULL},
    {"Plant", "{'tree': []}", "tree"},
    {"Plant", "{'tree': {'kind': 'oak'}}", "tree.leaves"},
    {"Plant", "{'tree': {'leaves': [], 'kind': 'elm'}}", "tree.kind"},
    {"Plant", "{'tree': {'leaves': [], 'kind': 0}}", "tree.kind"},
    {"Plant", "{'tree': {'leaves': {}, 'kind': 'oak'}}", "tree.leaves"},
    {"Plant", "{'tree': {'leaves': [null], 'kind': 'oak'}}", "tree.leaves[0]"},
    {"Plant", "{'tree': {'leaves': [{'name': 'a'}, {'size': 1}], 'kind': 'oak'}}",
     "tree.leaves[1].name"},
    {"Plant", "{'tree': {'leaves': [{'name': 'a', 'tall': 1}], 'kind': 'oak'}}",
     "tree.leaves[0].tall"},
    {"Plant",
     "{'tree': {'leaves': [], 'kind': 'oak', 'left': {'leaves': [], 'kind': 'fir', 'left': "
     "{'leaves': [], 'kind': 'elm'}}}}",
     "tree.left.left.kind"},
    {"Plant", "{'tree': {'leaves': [], 'kind': 'oak'}, 'rows': [[1], [2, 'x']]}", "rows[1][1]"},
    {"Plant", "{'tree': {'leaves': [], 'kind': 'oak'}, 'rows': [[], 3]}", "rows[1]"},
    {"Plant", "{'tree': {'leaves': [], 'kind': 'oak'}, 'by': {'x': {'name': 'a'}}}", NULL},
    {"Plant", "{'tree': {'leaves': [], 'kind': 'oak'}, 'by': {'x': {'name': 7}}}", "by.x.name"},
    {"Plant", "{'tree': {'leaves': [], 'kind': 'oak'}, 'by': []}", "by"},
    {"Plant", "{'tree': {'leaves': [], 'kind': 'oak'}, 'inner': {'a': {'b': 'c'}}}", "inner.a.b"},
};

/* With quotes that need no escape in C. */
static json_t *json_of(const char *text)
{
    char quoted[1024];
    json_t *json;

    ck_assert_uint_lt(strlen(text), sizeof(quoted));
    strcpy(quoted, text);
    for (char *c = quoted; *c; c++) {
        if (*c == '\'')
            *c = '"';
    }
    json = json_loads(quoted, 0, NULL);
    ck_assert_ptr_nonnull(json);
    return json;
}

START_TEST(value_fits_or_its_field_is_named)
{
    cleanup_(interface_freep) struct interface *interface = parse(description);
    cleanup_(json_decrefp) json_t *json = json_of(values[_i].json);
    cleanup_(freep) char *field = NULL;
    int r = interface_check(interface, interface_find_method(interface, values[_i].method), true,
                            json, &field);

    ck_assert_int_eq(r, values[_i].field ? -EINVAL : 0);
    if (values[_i].field)
        ck_assert_str_eq(field, values[_i].field);
    else
        ck_assert_ptr_null(field);
}
END_TEST

START_TEST(output_is_checked_by_its_own_type)
{
    cleanup_(interface_freep) struct interface *interface = parse(description);
    const struct interface_method *method = interface_find_method(interface, "Basic");
    cleanup_(json_decrefp) json_t *right = json_of("{'ok': true}");
    cleanup_(json_decrefp) json_t *wrong = json_of("{'ok': true, 'b': true}");
    cleanup_(freep) char *field = NULL;

    ck_assert_int_eq(interface_check(interface, method, false, right, &field), 0);
    ck_assert_int_eq(interface_check(interface, method, false, wrong, &field), -EINVAL);
    ck_assert_str_eq(field, "b");
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_test(tests, description_of_the_daemon_is_understood);
    tcase_add_test(tests, description_of_the_service_is_understood);
    tcase_add_loop_test(tests, language_is_understood, 0, (int)ELEMENTS_OF(good));
    tcase_add_loop_test(tests, mistake_has_its_line, 0, (int)ELEMENTS_OF(bad));
    tcase_add_loop_test(tests, depth_of_types_is_bounded, 0, 3);
    tcase_add_test(tests, type_of_many_fields_is_cheap);
    tcase_add_loop_test(tests, value_fits_or_its_field_is_named, 0, (int)ELEMENTS_OF(values));
    tcase_add_test(tests, output_is_checked_by_its_own_type);
}
