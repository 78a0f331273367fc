/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Lists of addresses beside a policy: which files they are, how they are read, and their bounds. */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checks.h"
#include "policy/texts.h"
#include "tests/reading.h"

static struct reading reading;
static int folder = -1;
static char path[] = "/tmp/segd-lists-XXXXXX";

#define GROUP(lists) "groups:\n  g: { zone: world, members-from: [" lists "] }\n"
#define FLOW "flows:\n  f: { from: office, to: g, services: tcp/443 }\n"
#define TEXT(name_, text_)                                                                         \
    {                                                                                              \
        .name = (name_), .text = (text_), .size = strlen(text_)                                    \
    }

static void set_up(void)
{
    strcpy(path + strlen(path) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(folder, 0);
    ck_assert_int_eq(mkdirat(folder, "lists", 0700), 0);
    ck_assert_int_eq(sources_new(&reading.sources), 0);
    ck_assert_int_eq(diagnostics_new(&reading.diagnostics), 0);
}

static void tear_down(void)
{
    static const char *const names[] = {
        "lists/a.txt", "lists/b.txt", "lists/c.txt", "lists/d.text", "lists/.e.txt", "policy.yaml",
    };

    for (size_t i = 0; i < ELEMENTS_OF(names); i++)
        unlinkat(folder, names[i], 0);
    unlinkat(folder, "lists", AT_REMOVEDIR);
    ck_assert_int_eq(rmdir(path), 0);
    close(folder);
    reading_clear(&reading);
}

static void write_file(const char *name, const char *text)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int parse(const struct policy_text *texts, size_t n_texts)
{
    return policy_parse_texts(texts, n_texts, reading.sources, reading.diagnostics,
                              &reading.policy);
}

static const struct {
    const char *name;
    const char *list; /* NULL: it is none */
} names[] = {
    {"lists/a.txt", "lists/a.txt"},
    {"/etc/segd/policy.d/lists/M365-v2_1.txt", "lists/M365-v2_1.txt"},
    {"./lists/-.txt", "lists/-.txt"},
    {"lists/lists/a.txt", "lists/a.txt"},
    {"a.txt", NULL},
    {"/a.txt", NULL},
    {"list/a.txt", NULL},
    {"mylists/a.txt", NULL},
    {"lists/a.yaml", NULL},
    {"lists/.txt", NULL},
    {"lists/..txt", NULL},
    {"lists/.a.txt", NULL},
    {"lists/a b.txt", NULL},
    {"lists/あ.txt", NULL},
    {"lists/", NULL},
    {"lists//a.txt", NULL},
    {"lists/b/a.txt", NULL},
    {"lists/../a.txt", NULL},
    {"lists", NULL},
    {"grant grant-1", NULL},
    {"", NULL},
};

START_TEST(a_list_is_known_by_the_end_of_its_name)
{
    const char *list = policy_list_name(names[_i].name);

    ck_assert_int_eq(list != NULL, names[_i].list != NULL);
    if (!list)
        return;
    ck_assert_str_eq(list, names[_i].list);
    ck_assert_ptr_eq(list, names[_i].name + strlen(names[_i].name) - strlen(list));
}
END_TEST

static void assert_has_lists(const char *from, size_t n_lists)
{
    cleanup_(reading_clear) struct reading read = {0};
    size_t n = 0;

    ck_assert_int_eq(sources_new(&read.sources), 0);
    ck_assert_int_eq(diagnostics_new(&read.diagnostics), 0);
    ck_assert_int_eq(policy_read(from, read.sources, read.diagnostics, &read.policy), 0);
    for (uint32_t i = 0; i < sources_count(read.sources); i++)
        n += policy_list_name(sources_name(read.sources, i)) != NULL;
    ck_assert_uint_eq(n, n_lists);
    ck_assert_uint_eq(read.policy->n_lists, 2);
    ck_assert_uint_eq(read.policy->groups[0].n_lists, 2);
    ck_assert_str_eq(read.policy->groups[0].lists[1], "lists/a.txt");
    ck_assert_uint_eq(read.policy->groups[0].addresses.by_family[FAMILY_IPV4].n_ranges, 2);
    ck_assert_uint_eq(count_diagnostics(read.diagnostics, "list-unused"), n_lists - 2);
}

START_TEST(a_policy_has_the_lists_of_the_folder_beside_it)
{
    char file[64];

    write_file("policy.yaml", ZONES GROUP("lists/b.txt, lists/a.txt") FLOW);
    write_file("lists/a.txt", "203.0.113.7");
    write_file("lists/b.txt", "203.0.113.9\n203.0.113.7\n");
    write_file("lists/d.text", "no list");
    write_file("lists/.e.txt", "no list");
    snprintf(file, sizeof(file), "%s/policy.yaml", path);

    assert_has_lists(path, 2);
    assert_has_lists(file, 2);
    ck_assert_int_eq(fchdir(folder), 0);
    assert_has_lists(".", 2);
    assert_has_lists("policy.yaml", 2);

    write_file("lists/c.txt", "203.0.113.1\n");
    assert_has_lists(path, 3);
    assert_has_lists(file, 3);
    ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

/* Groups with the same addresses, one of lists, and flows to them with the same meaning. */
START_TEST(addresses_of_a_list_are_members_like_others)
{
    const struct policy_text listed[] = {
        TEXT("policy.yaml", ZONES GROUP("lists/a.txt") FLOW),
        TEXT("x/lists/a.txt", "\xef\xbb\xbf# すべて\r\n\r\n 2001:db8::/32\t\r\n203.0.113.7#b"),
    };
    static const char written[] =
        ZONES "groups:\n  g: { zone: world, members: [203.0.113.7, \"2001:db8::/32\"] }\n" FLOW;
    cleanup_(reading_clear) struct reading plain = {0}, printed = {0};
    const struct policy *expected = read_valid(&plain, written);
    cleanup_(freep) char *print = NULL;

    ck_assert_int_eq(parse(listed, ELEMENTS_OF(listed)), 0);
    ck_assert_uint_eq(reading.policy->flows[0].id, expected->flows[0].id);

    print = print_policy(reading.policy);
    ck_assert_ptr_nonnull(strstr(print, "\n  # members from lists/a.txt\n  g: "));
    ck_assert_uint_eq(read_valid(&printed, print)->flows[0].id, expected->flows[0].id);
}
END_TEST

static void make_fifo(void)
{
    ck_assert_int_eq(mkfifoat(folder, "lists/a.txt", 0600), 0);
}

static void make_link(void)
{
    write_file("lists/b.txt", "203.0.113.7\n");
    ck_assert_int_eq(symlinkat("b.txt", folder, "lists/a.txt"), 0);
}

static void make_link_to_nothing(void)
{
    ck_assert_int_eq(symlinkat("nothing", folder, "lists/a.txt"), 0);
}

static void (*const makers[])(void) = {make_fifo, make_link, make_link_to_nothing};

START_TEST(what_is_no_regular_file_is_no_list)
{
    const struct diagnostic *list;

    write_file("policy.yaml", ZONES GROUP("lists/a.txt") FLOW);
    makers[_i]();
    ck_assert_int_eq(policy_read(path, reading.sources, reading.diagnostics, &reading.policy),
                     -EBADMSG);
    ck_assert_uint_eq(diagnostics_list(reading.diagnostics, &list), 1);
    ck_assert_str_eq(list[0].code, "unreadable");
    ck_assert_ptr_nonnull(strstr(list[0].message, "/lists/a.txt: "));
}
END_TEST

START_TEST(lists_alone_are_no_policy)
{
    const struct policy_text texts[] = {TEXT("lists/a.txt", "203.0.113.7\n")};

    ck_assert_int_eq(parse(texts, 1), -EBADMSG);
    ck_assert(has_diagnostic(reading.diagnostics, "empty-policy"));
}
END_TEST

START_TEST(two_lists_of_one_name_are_an_error)
{
    const struct policy_text texts[] = {
        TEXT("x/lists/a.txt", "203.0.113.7\n"),
        TEXT("policy.yaml", ZONES GROUP("lists/a.txt") FLOW),
        TEXT("y/lists/a.txt", "203.0.113.8\n"),
    };
    const struct diagnostic *list;

    ck_assert_int_eq(parse(texts, ELEMENTS_OF(texts)), -EBADMSG);
    ck_assert_uint_eq(diagnostics_list(reading.diagnostics, &list), 1);
    ck_assert_str_eq(list[0].code, "duplicate-name");
    ck_assert_str_eq(sources_name(reading.sources, list[0].location.source), "y/lists/a.txt");
    ck_assert_str_eq(sources_name(reading.sources, list[0].related.source), "x/lists/a.txt");
}
END_TEST

/* As many groups, each with the next of as many lists, of as many addresses each. */
static const struct {
    unsigned n_groups;
    unsigned n_lists;
    unsigned n_addresses;
    const char *code; /* of the error, or NULL */
} bounds[] = {
    {1, 1, POLICY_LIST_MAX, NULL},
    {1, 1, POLICY_LIST_MAX + 1, "too-long"},
    {POLICY_LISTS_MAX, POLICY_LISTS_MAX, 1, NULL},
    {POLICY_LISTS_MAX + 1, POLICY_LISTS_MAX + 1, 1, "too-many"},
    {POLICY_LISTED_MAX / 62500, POLICY_LISTED_MAX / 62500, 62500, NULL},
    {POLICY_LISTED_MAX / 62500 + 1, POLICY_LISTED_MAX / 62500 + 1, 62500, "too-many"},
    {POLICY_LISTED_MAX / 62500, 1, 62500, NULL},
    {POLICY_LISTED_MAX / 62500 + 1, 1, 62500, "too-many"},
};

/* Of which no two melt. */
static char *many_addresses(unsigned n)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    for (unsigned i = 0; i < 2 * n; i += 2)
        fprintf(stream, "100.%u.%u.%u\n", i >> 16, i >> 8 & 255, i & 255);
    ck_assert_int_eq(fclose(stream), 0);
    return text;
}

static char *many_groups(unsigned n_groups, unsigned n_lists)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    fputs(ZONES "groups:\n", stream);
    for (unsigned i = 0; i < n_groups; i++)
        fprintf(stream, "  g%u: { zone: world, members-from: lists/%u.txt }\n", i, i % n_lists);
    ck_assert_int_eq(fclose(stream), 0);
    return text;
}

/* Asserts that the texts are a policy, or have this one error. */
static void assert_parsed(const struct policy_text *texts, size_t n_texts, const char *code)
{
    ck_assert_int_eq(parse(texts, n_texts), code ? -EBADMSG : 0);
    ck_assert_uint_eq(diagnostics_count(reading.diagnostics, SEVERITY_ERROR), code ? 1 : 0);
    ck_assert(!code || has_diagnostic(reading.diagnostics, code));
}

START_TEST(a_bound_can_be_reached_and_not_passed)
{
    unsigned n_lists = bounds[_i].n_lists;
    cleanup_(freep) char *addresses = many_addresses(bounds[_i].n_addresses);
    cleanup_(freep) char *groups = many_groups(bounds[_i].n_groups, n_lists);
    cleanup_(freep) struct policy_text *texts = calloc(n_lists + 1, sizeof(*texts));
    char(*list_names)[24] = calloc(n_lists, sizeof(*list_names));

    ck_assert_ptr_nonnull(texts);
    ck_assert_ptr_nonnull(list_names);
    texts[0] = (struct policy_text)TEXT("policy.yaml", groups);
    for (unsigned i = 0; i < n_lists; i++) {
        snprintf(list_names[i], sizeof(*list_names), "lists/%u.txt", i);
        texts[i + 1] = (struct policy_text)TEXT(list_names[i], addresses);
    }
    assert_parsed(texts, n_lists + 1, bounds[_i].code);
    free(list_names);
}
END_TEST

/* Its canonical form is a list of members. */
START_TEST(a_group_of_lists_is_no_larger_than_a_list)
{
    cleanup_(freep) char *addresses = many_addresses(POLICY_LIST_MAX);
    const struct policy_text texts[] = {
        TEXT("policy.yaml", ZONES GROUP("lists/a.txt, lists/b.txt")),
        TEXT("lists/a.txt", addresses),
        TEXT("lists/b.txt", _i == 0 ? "100.0.0.2\n" : "101.0.0.0\n"),
    };

    assert_parsed(texts, ELEMENTS_OF(texts), _i == 0 ? NULL : "too-long");
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, a_list_is_known_by_the_end_of_its_name, 0, (int)ELEMENTS_OF(names));
    tcase_add_test(tests, a_policy_has_the_lists_of_the_folder_beside_it);
    tcase_add_test(tests, addresses_of_a_list_are_members_like_others);
    tcase_add_loop_test(tests, what_is_no_regular_file_is_no_list, 0, (int)ELEMENTS_OF(makers));
    tcase_add_test(tests, lists_alone_are_no_policy);
    tcase_add_test(tests, two_lists_of_one_name_are_an_error);
    tcase_add_loop_test(tests, a_bound_can_be_reached_and_not_passed, 0, (int)ELEMENTS_OF(bounds));
    tcase_add_loop_test(tests, a_group_of_lists_is_no_larger_than_a_list, 0, 2);
}
