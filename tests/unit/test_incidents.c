/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Evidence is listed and read by its names and by nothing else: daemon/record/incidents.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/instant.h"
#include "checks.h"
#include "daemon/record/incidents.h"
#include "folder.h"

#define FIRST "20261123T021100Z-lgwan"
#define SECOND "20261123T021100Z-lgwan-2"
#define LAST "20261201T000000Z-education"
#define STATE                                                                                      \
    "{\"zone\": \"lgwan\", \"reason\": \"ransomware\","                                            \
    " \"actor\": {\"uid\": 1000, \"pid\": 7, \"name\": \"tanaka\"}, \"generation\": 4}"

struct scene {
    int directory;
    struct arena *arena;
};

static void scene_clear(struct scene *scene)
{
    arena_free(scene->arena);
    close(scene->directory);
}

static void put(const struct scene *scene, const char *incident, const char *file, const char *text)
{
    char path[256];

    mkdirat(scene->directory, "incidents", 0700);
    snprintf(path, sizeof(path), "incidents/%s", incident);
    mkdirat(scene->directory, path, 0700);
    snprintf(path, sizeof(path), "incidents/%s/%s", incident, file);
    folder_put(scene->directory, path, text, strlen(text));
}

static void enter(struct scene *scene)
{
    *scene = (struct scene){.directory = folder_enter("16m")};
    ck_assert_int_eq(arena_new(&scene->arena), 0);
}

static size_t list(const struct scene *scene, struct wire_incident **ret_list,
                   uint64_t *ret_left_out)
{
    size_t n = 99;

    *ret_list = NULL;
    ck_assert_int_eq(incidents_list(scene->directory, scene->arena, ret_list, &n, ret_left_out), 0);
    return n;
}

START_TEST(no_folder_is_no_incident)
{
    cleanup_(scene_clear) struct scene scene;
    struct wire_incident *incidents;
    uint64_t left_out = 1;

    enter(&scene);
    ck_assert_uint_eq(list(&scene, &incidents, &left_out), 0);
    ck_assert_uint_eq(left_out, 0);
    mkdirat(scene.directory, "incidents", 0700);
    ck_assert_uint_eq(list(&scene, &incidents, &left_out), 0);
}
END_TEST

START_TEST(incidents_are_listed_newest_first_with_what_their_state_tells)
{
    cleanup_(scene_clear) struct scene scene;
    struct wire_incident *incidents;
    char text[INSTANT_TEXT_MAX];
    uint64_t left_out;

    enter(&scene);
    put(&scene, FIRST, "state.json", STATE);
    put(&scene, FIRST, "clock.json", "{}");
    put(&scene, FIRST, "SHA256SUMS", "");
    put(&scene, LAST, "state.json", "{\"zone\": 7, \"act");
    put(&scene, SECOND, "SHA256SUMS.unfinished", "");

    ck_assert_uint_eq(list(&scene, &incidents, &left_out), 3);
    ck_assert_str_eq(incidents[0].name, LAST);
    ck_assert_str_eq(incidents[1].name, SECOND);
    ck_assert_str_eq(incidents[2].name, FIRST);

    ck_assert_str_eq(instant_format(incidents[2].since, text), "2026-11-23T02:11:00Z");
    ck_assert_str_eq(incidents[2].zone, "lgwan");
    ck_assert_str_eq(incidents[2].reason, "ransomware");
    ck_assert_str_eq(incidents[2].actor.name, "tanaka");
    ck_assert(incidents[2].complete);
    ck_assert_uint_eq(incidents[2].n_files, 3);
    ck_assert_str_eq(incidents[2].files[2].name, "state.json");
    ck_assert_uint_eq(incidents[2].files[2].size, strlen(STATE));

    /* What is damaged or was not finished is shown for what it is. */
    ck_assert_ptr_null(incidents[0].zone);
    ck_assert_int_eq(incidents[0].actor.uid, 0);
    ck_assert_str_eq(incidents[0].actor.name, "");
    ck_assert(!incidents[0].complete);
    ck_assert(!incidents[1].complete);
    ck_assert_str_eq(instant_format(incidents[1].since, text), "2026-11-23T02:11:00Z");
}
END_TEST

START_TEST(the_oldest_beyond_a_thousand_are_counted)
{
    cleanup_(scene_clear) struct scene scene;
    struct wire_incident *incidents;
    uint64_t left_out;

    enter(&scene);
    for (unsigned i = 0; i < INCIDENTS_SHOWN_MAX + 3; i++) {
        char name[64];

        snprintf(name, sizeof(name), "20261123T02%02u%02uZ-a-%u", i / 60, i % 60, i);
        put(&scene, name, "SHA256SUMS", "");
    }
    ck_assert_uint_eq(list(&scene, &incidents, &left_out), INCIDENTS_SHOWN_MAX);
    ck_assert_uint_eq(left_out, 3);
    ck_assert_str_eq(incidents[INCIDENTS_SHOWN_MAX - 1].name, "20261123T020003Z-a-3");
}
END_TEST

static int part(const struct scene *scene, const char *incident, const char *file, uint64_t offset,
                struct incident_part *ret_part)
{
    return incidents_read(scene->directory, incident, file, offset, scene->arena, ret_part);
}

START_TEST(a_file_is_read_in_parts_of_whole_characters)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(freep) char *text = malloc(INCIDENT_PART_MAX + 32);
    struct incident_part first, second, end;

    enter(&scene);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', INCIDENT_PART_MAX);
    strcpy(text + INCIDENT_PART_MAX - 2, "市役所");
    put(&scene, FIRST, "ruleset.nft", text);

    ck_assert_int_eq(part(&scene, FIRST, "ruleset.nft", 0, &first), 0);
    ck_assert_uint_eq(first.size, INCIDENT_PART_MAX - 2);
    ck_assert_uint_eq(first.total, strlen(text));
    ck_assert_int_eq(part(&scene, FIRST, "ruleset.nft", first.size, &second), 0);
    ck_assert_uint_eq(second.size, strlen("市役所"));
    ck_assert_mem_eq(second.text, "市役所", second.size);
    ck_assert_int_eq(part(&scene, FIRST, "ruleset.nft", strlen(text), &end), 0);
    ck_assert_uint_eq(end.size, 0);
    ck_assert_int_eq(part(&scene, FIRST, "ruleset.nft", UINT64_MAX, &end), 0);
    ck_assert_uint_eq(end.size, 0);
}
END_TEST

/* So that a part is never empty before the end, whatever the bytes are. */
START_TEST(bytes_that_are_no_text_are_read_too)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(freep) char *bytes = malloc(INCIDENT_PART_MAX + 2);
    struct incident_part read;

    enter(&scene);
    ck_assert_ptr_nonnull(bytes);
    memset(bytes, '\xff', INCIDENT_PART_MAX + 1);
    bytes[INCIDENT_PART_MAX + 1] = '\0';
    put(&scene, FIRST, "links.json", bytes);
    ck_assert_int_eq(part(&scene, FIRST, "links.json", 0, &read), 0);
    ck_assert_uint_eq(read.size, INCIDENT_PART_MAX);
    ck_assert_int_eq(part(&scene, FIRST, "links.json", INCIDENT_PART_MAX, &read), 0);
    ck_assert_uint_eq(read.size, 1);
}
END_TEST

static const struct {
    const char *incident, *file;
} foreign[] = {
    {"..", "state.json"},
    {".", "state.json"},
    {"", "state.json"},
    {"../generations", "state.json"},
    {FIRST "/..", "secret"},
    {"no-such", "state.json"},
    {"a-file", "state.json"},
    {"a-link", "secret"},
    {FIRST, ""},
    {FIRST, "."},
    {FIRST, ".."},
    {FIRST, "../../secret"},
    {FIRST, "no-such"},
    {FIRST, "link"},
    {FIRST, "folder"},
    {FIRST, "fifo"},
};

START_TEST(nothing_else_can_be_read)
{
    cleanup_(scene_clear) struct scene scene;
    struct incident_part read;

    enter(&scene);
    put(&scene, FIRST, "state.json", STATE);
    folder_put(scene.directory, "secret", "s", 1);
    folder_put(scene.directory, "incidents/secret", "s", 1);
    folder_put(scene.directory, "incidents/a-file", "s", 1);
    ck_assert_int_eq(symlinkat("..", scene.directory, "incidents/a-link"), 0);
    ck_assert_int_eq(symlinkat("../../secret", scene.directory, "incidents/" FIRST "/link"), 0);
    ck_assert_int_eq(mkdirat(scene.directory, "incidents/" FIRST "/folder", 0700), 0);
    ck_assert_int_eq(mkfifoat(scene.directory, "incidents/" FIRST "/fifo", 0600), 0);

    ck_assert_int_eq(part(&scene, FIRST, "state.json", 0, &read), 0);
    ck_assert_int_eq(part(&scene, foreign[_i].incident, foreign[_i].file, 0, &read), -ENOENT);
}
END_TEST

/* What lies beside evidence is neither an incident nor one of its files. */
START_TEST(what_is_no_evidence_is_not_listed)
{
    cleanup_(scene_clear) struct scene scene;
    struct wire_incident *incidents;
    uint64_t left_out;

    enter(&scene);
    put(&scene, FIRST, "state.json", STATE);
    put(&scene, FIRST, ".hidden", "");
    ck_assert_int_eq(mkdirat(scene.directory, "incidents/" FIRST "/folder", 0700), 0);
    folder_put(scene.directory, "incidents/a-file", "s", 1);
    ck_assert_int_eq(symlinkat(FIRST, scene.directory, "incidents/a-link"), 0);

    ck_assert_uint_eq(list(&scene, &incidents, &left_out), 1);
    ck_assert_uint_eq(left_out, 0);
    ck_assert_uint_eq(incidents[0].n_files, 1);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, no_folder_is_no_incident);
    tcase_add_test(tests, incidents_are_listed_newest_first_with_what_their_state_tells);
    tcase_add_test(tests, the_oldest_beyond_a_thousand_are_counted);
    tcase_add_test(tests, a_file_is_read_in_parts_of_whole_characters);
    tcase_add_test(tests, bytes_that_are_no_text_are_read_too);
    tcase_add_loop_test(tests, nothing_else_can_be_read, 0, (int)ELEMENTS_OF(foreign));
    tcase_add_test(tests, what_is_no_evidence_is_not_listed);
}
