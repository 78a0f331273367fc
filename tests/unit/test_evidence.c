/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What was the case is told whole, of the zone alone, and cannot be changed unseen:
 * daemon/record/evidence.h. */

#include <jansson.h>
#include <stdio.h>

#include "base/instant.h"
#include "checks.h"
#include "evidence_sample.h"

#define FILES 7

static json_t *read_json(const struct scene *scene, const struct evidence *evidence,
                         const char *name)
{
    char path[256];
    cleanup_(freep) char *text = NULL;
    json_error_t error;
    json_t *json;
    size_t size;

    snprintf(path, sizeof(path), "%s/%s", evidence_path(evidence), name);
    text = folder_get(scene->directory, path, &size);
    json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(json, "%s line %d: %s\n%s", name, error.line, error.text, text);
    return json;
}

static size_t count_files(const struct scene *scene, const char *path)
{
    cleanup_(closep) int fd = openat(scene->directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? 0 : folder_count(fd);
}

/* `sha256sum -c` in the folder; returns its exit status. */
static int check_sums(const struct evidence *evidence)
{
    static const char command[] = "cd \"$0\" && exec sha256sum --quiet --strict -c SHA256SUMS";
    char path[256];
    const char *const arguments[] = {"sh", "-c", command, path, NULL};

    snprintf(path, sizeof(path), FOLDER "/%s", evidence_path(evidence));
    return sandbox_run(arguments, NULL, NULL);
}

static struct evidence *write_evidence(const struct scene *scene)
{
    struct evidence *evidence = NULL;

    ck_assert_int_eq(evidence_begin(&scene->subject, &evidence), 0);
    ck_assert_int_eq(evidence_write(evidence), 0);
    return evidence;
}

START_TEST(evidence_is_whole_and_sha256sum_agrees)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(evidence_freep) struct evidence *evidence = NULL;
    static const char *const names[] = {"connections.json", "links.json",    "state.json",
                                        "clock.json",       "counters.json", "ruleset.nft"};
    char path[256];

    scene_enter(&scene, "4m");
    scene_send("10.20.0.1", "10.30.0.1", 5000);
    evidence = write_evidence(&scene);
    ck_assert_uint_eq(count_files(&scene, evidence_path(evidence)), FILES);
    ck_assert_int_eq(check_sums(evidence), 0);

    /* Each file counts. */
    for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
        cleanup_(freep) char *text = NULL;
        size_t size;

        snprintf(path, sizeof(path), "%s/%s", evidence_path(evidence), names[i]);
        text = folder_get(scene.directory, path, &size);
        text[size / 2] ^= 1;
        folder_put(scene.directory, path, text, size);
        ck_assert_int_eq(check_sums(evidence), 1);
        text[size / 2] ^= 1;
        folder_put(scene.directory, path, text, size);
    }
    ck_assert_int_eq(check_sums(evidence), 0);
}
END_TEST

/* Before the text of many flows is written. */
START_TEST(the_folder_is_there_before_its_files)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(evidence_freep) struct evidence *evidence = NULL;

    scene_enter(&scene, "4m");
    ck_assert_int_eq(evidence_begin(&scene.subject, &evidence), 0);
    ck_assert_uint_eq(count_files(&scene, "incidents"), 1);
    ck_assert_uint_eq(count_files(&scene, evidence_path(evidence)), 0);
}
END_TEST

START_TEST(folders_are_named_by_instant_and_zone_for_their_owner_alone)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(evidence_freep) struct evidence *evidence = NULL;
    char before[INSTANT_TEXT_MAX], after[INSTANT_TEXT_MAX], path[256];
    unsigned year, month, day, hour, minute, second;
    struct stat status;
    int end = 0;

    scene_enter(&scene, "4m");
    umask(0);
    instant_format(calendar_now(), before);
    evidence = write_evidence(&scene);
    instant_format(calendar_now(), after);

    ck_assert_int_eq(sscanf(evidence_path(evidence), "incidents/%4u%2u%2uT%2u%2u%2uZ-a%n", &year,
                            &month, &day, &hour, &minute, &second, &end),
                     6);
    ck_assert_int_eq(evidence_path(evidence)[end], '\0');
    snprintf(path, sizeof(path), "%04u-%02u-%02uT%02u:%02u:%02uZ", year, month, day, hour, minute,
             second);
    ck_assert_str_ge(path, before);
    ck_assert_str_le(path, after);

    ck_assert_int_eq(fstatat(scene.directory, "incidents", &status, 0), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0700);
    ck_assert_int_eq(fstatat(scene.directory, evidence_path(evidence), &status, 0), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0700);
    snprintf(path, sizeof(path), "%s/SHA256SUMS", evidence_path(evidence));
    ck_assert_int_eq(fstatat(scene.directory, path, &status, 0), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
}
END_TEST

START_TEST(no_two_incidents_share_a_folder)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(evidence_freep) struct evidence *first = NULL, *second = NULL, *third = NULL;

    scene_enter(&scene, "4m");
    first = write_evidence(&scene);
    second = write_evidence(&scene);
    third = write_evidence(&scene);
    ck_assert_uint_eq(count_files(&scene, "incidents"), 3);
    ck_assert_int_eq(check_sums(first), 0);
    ck_assert_int_eq(check_sums(second), 0);
    ck_assert_int_eq(check_sums(third), 0);
}
END_TEST

static const json_t *find(const json_t *array, const char *key, const char *value)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *object = json_array_get(array, i);
        const char *text = json_string_value(json_object_get(object, key));

        if (text && strcmp(text, value) == 0)
            return object;
    }
    return NULL;
}

static void assert_text(const json_t *object, const char *key, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, key));

    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text, expected);
}

static void assert_number(const json_t *object, const char *key, json_int_t expected)
{
    ck_assert(json_is_integer(json_object_get(object, key)));
    ck_assert_int_eq(json_integer_value(json_object_get(object, key)), expected);
}

START_TEST(connections_are_those_with_an_end_in_the_zone)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(evidence_freep) struct evidence *evidence = NULL;
    cleanup_(json_decrefp) json_t *json = NULL;
    const json_t *list, *from, *to;
    char rules[256];

    scene_enter(&scene, "4m");
    snprintf(rules, sizeof(rules),
             "add table inet t\n"
             "add chain inet t output { type filter hook output priority 0; }\n"
             "add rule inet t output udp dport 5000 ct mark set %u\n",
             scene.mail);
    sandbox_nft(rules);
    scene_send("10.20.0.1", "10.30.0.1", 5000);
    scene_send("10.40.0.1", "10.20.0.2", 7000);
    scene_send("10.30.0.1", "10.40.0.1", 8000);

    evidence = write_evidence(&scene);
    json = read_json(&scene, evidence, "connections.json");
    ck_assert(json_is_null(json_object_get(json, "problem")));
    list = json_object_get(json, "connections");
    from = find(list, "destination", "10.30.0.1");
    to = find(list, "destination", "10.20.0.2");
    ck_assert_ptr_nonnull(from);
    ck_assert_ptr_nonnull(to);
    ck_assert_ptr_null(find(list, "service", "udp/8000"));

    assert_text(from, "source", "10.20.0.1");
    assert_text(from, "service", "udp/5000");
    assert_text(from, "flow", "mail");
    assert_number(from, "source_port", 4000);
    assert_number(from, "port", 5000);
    assert_number(from, "protocol", IPPROTO_UDP);
    assert_number(from, "mark", scene.mail);
    assert_text(to, "source", "10.40.0.1");
    ck_assert(json_is_null(json_object_get(to, "flow")));
}
END_TEST

START_TEST(counters_are_of_refusals_and_flows)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(evidence_freep) struct evidence *evidence = NULL;
    cleanup_(json_decrefp) json_t *json = NULL;
    const json_t *flow;

    scene_enter(&scene, "4m");
    evidence = write_evidence(&scene);
    json = read_json(&scene, evidence, "counters.json");
    ck_assert(json_is_null(json_object_get(json, "problem")));
    ck_assert_ptr_nonnull(find(json_object_get(json, "refused"), "counter", "no-flow"));
    ck_assert_ptr_nonnull(find(json_object_get(json, "refused"), "counter", "spoofed/a"));

    ck_assert_uint_eq(json_array_size(json_object_get(json, "flows")), 2);
    flow = find(json_object_get(json, "flows"), "flow", "mail");
    ck_assert_ptr_nonnull(flow);
    assert_number(flow, "mark", scene.mail);
    assert_number(json_object_get(flow, "original"), "packets", 0);
    assert_number(json_object_get(flow, "reply"), "bytes", 0);
}
END_TEST

START_TEST(state_tells_who_why_and_what_was_enforced)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(evidence_freep) struct evidence *evidence = NULL;
    cleanup_(json_decrefp) json_t *json = NULL;
    cleanup_(overrides_clear) struct overrides overrides = {0};
    struct record_problem problem;

    scene_enter(&scene, "4m");
    evidence = write_evidence(&scene);
    json = read_json(&scene, evidence, "state.json");
    assert_text(json, "zone", "a");
    assert_text(json, "reason", "不審な通信");
    assert_text(json_object_get(json, "actor"), "name", "tanaka");
    assert_number(json_object_get(json, "actor"), "uid", 1000);
    assert_number(json, "generation", 5);
    assert_text(json, "fingerprint", "f1");
    assert_text(json, "audit_head", "h1");
    ck_assert_int_eq(record_decode(&overrides_type, json_object_get(json, "overrides"), RECORD_DISK,
                                   &overrides, &problem),
                     0);
    ck_assert_ptr_nonnull(overrides_find(&overrides, OVERRIDE_SUSPENSION, "web"));
}
END_TEST

/* The kernel's own words for it, without the dashes. */
static void assert_boot_id(const char *id)
{
    static const char command[] = "tr -d '\\n-' </proc/sys/kernel/random/boot_id";
    const char *const arguments[] = {"sh", "-c", command, NULL};
    cleanup_(freep) char *expected = NULL;

    ck_assert_int_eq(sandbox_run(arguments, NULL, &expected), 0);
    ck_assert_str_eq(id, expected);
}

START_TEST(clock_tells_what_time_it_was_and_who_kept_it)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(evidence_freep) struct evidence *evidence = NULL;
    cleanup_(json_decrefp) json_t *json = NULL;
    usec_t before = calendar_now(), realtime;

    scene_enter(&scene, "4m");
    evidence = write_evidence(&scene);
    json = read_json(&scene, evidence, "clock.json");
    realtime = json_integer_value(json_object_get(json, "realtime"));
    ck_assert_int_ge(realtime, before);
    ck_assert_int_le(realtime, calendar_now());
    ck_assert_int_gt(json_integer_value(json_object_get(json, "boottime")), 0);
    assert_text(json, "timezone", "Asia/Tokyo");
    ck_assert_ptr_nonnull(json_string_value(json_object_get(json, "time")));
    assert_boot_id(json_string_value(json_object_get(json, "boot_id")));
    ck_assert(
        json_is_boolean(json_object_get(json_object_get(json, "discipline"), "synchronised")));
}
END_TEST

/* The kernel takes nearly any bytes as the name of an interface. */
START_TEST(links_are_told_whatever_they_are_called)
{
    static const char *const arguments[] = {"ip", "link", "add", "x\xffy", "type", "veth", NULL};
    cleanup_(scene_clear) struct scene scene;
    cleanup_(evidence_freep) struct evidence *evidence = NULL;
    cleanup_(json_decrefp) json_t *json = NULL;
    const json_t *links, *link;

    scene_enter(&scene, "4m");
    ck_assert_int_eq(sandbox_run(arguments, NULL, NULL), 0);
    ck_assert_int_eq(links_read(scene.links), 1);
    evidence = write_evidence(&scene);
    json = read_json(&scene, evidence, "links.json");
    links = json_object_get(json, "links");
    ck_assert_uint_eq(json_array_size(links), links_count(scene.links));
    ck_assert_ptr_nonnull(find(links, "name", "x\xef\xbf\xbdy"));

    link = find(links, "name", "a0");
    ck_assert_ptr_nonnull(link);
    assert_text(link, "kind", "veth");
    ck_assert(json_is_true(json_object_get(link, "up")));
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(link, "addresses"), 0)),
                     "10.20.0.2/16");
}
END_TEST

START_TEST(the_ruleset_can_be_loaded_again)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(evidence_freep) struct evidence *evidence = NULL;
    char path[256];
    const char *const arguments[] = {"nft", "-f", path, NULL};
    cleanup_(freep) char *output = NULL, *listed = NULL;

    scene_enter(&scene, "4m");
    evidence = write_evidence(&scene);
    snprintf(path, sizeof(path), FOLDER "/%s/ruleset.nft", evidence_path(evidence));

    /* Where there is no such table yet. */
    sandbox_enter();
    ck_assert_msg(sandbox_run(arguments, NULL, &output) == 0, "%s", output);
    listed = sandbox_nft_list("ruleset");
    ck_assert_ptr_nonnull(strstr(listed, "set no-flow {"));
    ck_assert_ptr_nonnull(strstr(listed, "\"mail\""));
}
END_TEST

/* Evidence is complete but for what nobody could tell, and says what that is. */
START_TEST(what_the_kernel_does_not_tell_is_noted)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(evidence_freep) struct evidence *evidence = NULL;
    cleanup_(json_decrefp) json_t *connections = NULL, *links = NULL;

    scene_enter(&scene, "4m");
    scene.subject.conntrack = NULL;
    scene.subject.links = NULL;
    ck_assert_int_eq(evidence_begin(&scene.subject, &evidence), 0);
    ck_assert_int_eq(evidence_write(evidence), -EPROTONOSUPPORT);
    ck_assert_uint_eq(count_files(&scene, evidence_path(evidence)), FILES);
    ck_assert_int_eq(check_sums(evidence), 0);
    connections = read_json(&scene, evidence, "connections.json");
    assert_text(connections, "problem", strerror(EPROTONOSUPPORT));
    links = read_json(&scene, evidence, "links.json");
    assert_text(links, "problem", strerror(ENODATA));
}
END_TEST

static const struct {
    const char *zone;
    int result;
} zones[] = {
    {"nowhere", -ENOENT},
    {"../a", -EINVAL},
};

START_TEST(nothing_is_left_of_evidence_of_no_zone)
{
    cleanup_(scene_clear) struct scene scene;
    struct evidence *evidence = NULL;

    scene_enter(&scene, "4m");
    scene.subject.zone = zones[_i].zone;
    ck_assert_int_eq(evidence_begin(&scene.subject, &evidence), zones[_i].result);
    ck_assert_uint_eq(count_files(&scene, "incidents"), 0);
}
END_TEST

/* Gives the file system so many pages more room. */
static void make_room(const struct scene *scene, size_t pages)
{
    struct stat status;

    ck_assert_int_eq(fstatat(scene->directory, "filler", &status, 0), 0);
    ck_assert_int_eq(truncate(FOLDER "/filler", status.st_size - (off_t)pages * 4096), 0);
}

START_TEST(a_full_disk_is_told_and_leaves_no_sums)
{
    cleanup_(scene_clear) struct scene scene;
    size_t rooms = 0;
    int r;

    scene_enter(&scene, "512k");
    folder_fill(scene.directory);
    do {
        cleanup_(evidence_freep) struct evidence *evidence = NULL;
        char sums[256];

        ck_assert_int_eq(evidence_begin(&scene.subject, &evidence), 0);
        r = evidence_write(evidence);
        snprintf(sums, sizeof(sums), "%s/SHA256SUMS", evidence_path(evidence));
        ck_assert_int_eq(folder_has(scene.directory, sums), r == 0);
        if (r == 0)
            break;
        ck_assert_int_eq(r, -ENOSPC);
        make_room(&scene, ++rooms);
    } while (rooms < FILES * 2);
    ck_assert_int_eq(r, 0);
    ck_assert_uint_gt(rooms, 1);
}
END_TEST

START_TEST(a_read_only_disk_is_told)
{
    cleanup_(scene_clear) struct scene scene;
    struct evidence *evidence = NULL;

    scene_enter(&scene, "4m");
    folder_make_read_only(true);
    ck_assert_int_eq(evidence_begin(&scene.subject, &evidence), -EROFS);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, evidence_is_whole_and_sha256sum_agrees);
    tcase_add_test(tests, the_folder_is_there_before_its_files);
    tcase_add_test(tests, folders_are_named_by_instant_and_zone_for_their_owner_alone);
    tcase_add_test(tests, no_two_incidents_share_a_folder);
    tcase_add_test(tests, connections_are_those_with_an_end_in_the_zone);
    tcase_add_test(tests, counters_are_of_refusals_and_flows);
    tcase_add_test(tests, state_tells_who_why_and_what_was_enforced);
    tcase_add_test(tests, clock_tells_what_time_it_was_and_who_kept_it);
    tcase_add_test(tests, links_are_told_whatever_they_are_called);
    tcase_add_test(tests, the_ruleset_can_be_loaded_again);
    tcase_add_test(tests, what_the_kernel_does_not_tell_is_noted);
    tcase_add_loop_test(tests, nothing_is_left_of_evidence_of_no_zone, 0, (int)ELEMENTS_OF(zones));
    tcase_add_test(tests, a_full_disk_is_told_and_leaves_no_sums);
    tcase_add_test(tests, a_read_only_disk_is_told);
}
