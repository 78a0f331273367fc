/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Lists of addresses as a part of the policy: edited alone they are another policy at an apply, a
 * reload and a boot, a generation keeps them, and segctl sends them. Judged by packets.
 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"
#include "checks.h"
#include "sandbox.h"
#include "wires.h"

static const char policy[] =
    WIRES_POLICY "groups:\n"
                 "  clients: { zone: a, members: 10.1.0.1, members-from: lists/clients.txt }\n"
                 "flows:\n"
                 "  open: { from: clients, to: b, services: [udp/7002] }\n";

/* Host 7 is who sends. */
static const char without[] = "# nobody yet\n10.1.0.6\n";
static const char with[] = "10.1.0.6\n10.1.0.7/32 # the new one\n";
static const char broken[] = "10.1.0.6\n10.1.0.7.\n";

struct scene {
    char folder[32]; /* `p` is the policy */
    char path[40];
    struct lab *lab;
    struct segd *segd;
};

static void scene_clear(struct scene *scene)
{
    const char *remove[] = {"rm", "-r", scene->folder, NULL};

    segd_free(scene->segd);
    lab_free(scene->lab);
    sandbox_run(remove, NULL, NULL);
}

static void write_file(const char *path, const char *text)
{
    FILE *stream = fopen(path, "we");

    ck_assert_ptr_nonnull(stream);
    fputs(text, stream);
    ck_assert_int_eq(fclose(stream), 0);
}

static void write_list(const struct scene *scene, const char *text)
{
    char path[80];

    snprintf(path, sizeof(path), "%s/lists/clients.txt", scene->path);
    write_file(path, text);
}

static void scene_begin(struct scene *scene, const char *list)
{
    char path[80];

    *scene = (struct scene){.folder = "/tmp/segd-lists-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(scene->folder));
    snprintf(scene->path, sizeof(scene->path), "%s/p", scene->folder);
    ck_assert_int_eq(mkdir(scene->path, 0755), 0);
    snprintf(path, sizeof(path), "%s/lists", scene->path);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    snprintf(path, sizeof(path), "%s/10.yaml", scene->path);
    write_file(path, policy);
    write_list(scene, list);
    scene->lab = wires_new();
    scene->segd = segd_start_at(scene->path);
}

static void judge(const struct scene *scene, bool passes, json_int_t generation)
{
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7002);

    ck_assert_int_eq(lab_flush_conntrack(scene->lab), 0);
    ck_assert_int_eq(wires_try(scene->lab, WIRE_A, &frame, NULL), passes);
    ck_assert_int_eq(calls_generation(scene->segd), generation);
}

static void reload(const struct scene *scene, bool refused)
{
    const char *answer;

    segd_signal_reload(scene->segd);
    answer = segd_wait_ready(scene->segd);
    ck_assert_msg((strstr(answer, "refused") != NULL) == refused, "%s", answer);
}

static void stop(const struct scene *scene, bool boot)
{
    segd_stop(scene->segd);
    if (boot)
        sandbox_nft("delete table inet segd\n");
}

static void assert_plan_names_address(const json_t *plan)
{
    const json_t *group = find_text(json_object_get(plan, "objects"), "name", "clients");
    const json_t *fields = json_object_get(group, "fields");

    ck_assert(json_is_true(json_object_get(plan, "changed")));
    ck_assert_ptr_nonnull(find_text(json_object_get(plan, "changes"), "name", "open"));
    ck_assert_ptr_nonnull(group);
    assert_json(json_object_get(find_text(fields, "field", "members"), "added"),
                json_pack("[s]", "10.1.0.7"));
    assert_json(json_object_get(find_text(fields, "field", "members"), "removed"), json_array());
}

START_TEST(an_edited_list_is_another_policy)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(json_decrefp) json_t *same = NULL, *plan = NULL, *again = NULL;

    scene_begin(&scene, without);
    judge(&scene, false, 1);
    same = calls_get(scene.segd, "Plan", NULL);
    ck_assert(json_is_false(json_object_get(same, "changed")));

    write_list(&scene, with);
    judge(&scene, false, 1);
    plan = calls_get(scene.segd, "Plan", NULL);
    assert_plan_names_address(plan);
    calls_do(scene.segd, "Apply", NULL);
    judge(&scene, true, 2);
    again = calls_get(scene.segd, "Apply", NULL);
    ck_assert(json_is_false(json_object_get(again, "made")));

    write_list(&scene, without);
    reload(&scene, false);
    judge(&scene, false, 3);
    /* The generation has the list as it was. */
    calls_do(scene.segd, "Rollback", json_pack("{s:i}", "generation", 2));
    judge(&scene, true, 4);
    for (int boot = 0; boot < 2; boot++) {
        stop(&scene, boot);
        segd_start_again(scene.segd);
        judge(&scene, true, 4);
    }
    calls_verify(scene.segd);
}
END_TEST

START_TEST(a_boot_applies_an_edited_list)
{
    cleanup_(scene_clear) struct scene scene;

    scene_begin(&scene, without);
    stop(&scene, true);
    write_list(&scene, with);
    segd_start_again(scene.segd);
    judge(&scene, true, 2);
    calls_finding(scene.segd, "policy-not-applied", false);
}
END_TEST

START_TEST(a_broken_list_changes_nothing)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(json_decrefp) json_t *reply = NULL;
    cleanup_(freep) char *error = NULL;
    const json_t *mistake;
    const char *file;

    scene_begin(&scene, with);
    write_list(&scene, broken);
    ck_assert_int_eq(calls_try(scene.segd, "Apply", NULL, &reply, &error), -EREMOTEIO);
    ck_assert_ptr_nonnull(strstr(error, ".InvalidPolicy"));
    mistake = find_text(json_object_get(reply, "diagnostics"), "code", "invalid-address");
    file = json_string_value(json_object_get(mistake, "file"));
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(strstr(file, "/p/lists/clients.txt"));
    ck_assert_int_eq(json_integer_value(json_object_get(mistake, "line")), 2);

    reload(&scene, true);
    judge(&scene, true, 1);
    stop(&scene, true);
    segd_start_again(scene.segd);
    judge(&scene, true, 1);
    calls_finding(scene.segd, "policy-not-applied", true);
}
END_TEST

static void damage(const struct scene *scene, const char *name)
{
    cleanup_(closep) int fd = -1;
    struct stat status;
    char path[256], byte;

    snprintf(path, sizeof(path), "%s/%s", segd_state_path(scene->segd), name);
    fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fstat(fd, &status), 0);
    ck_assert_int_eq(pread(fd, &byte, 1, status.st_size / 2), 1);
    byte ^= 1;
    ck_assert_int_eq(pwrite(fd, &byte, 1, status.st_size / 2), 1);
}

/* Its copy has the list too, when the file is gone from the folder; and where both are damaged, the
 * policy files with their list are the generation. */
START_TEST(a_damaged_generation_keeps_its_list)
{
    cleanup_(scene_clear) struct scene scene;
    bool is_copy_damaged = _i / 2, boot = _i % 2;

    scene_begin(&scene, without);
    write_list(&scene, with);
    reload(&scene, false);
    judge(&scene, true, 2);

    stop(&scene, boot);
    damage(&scene, "generations/2.policy.json");
    if (is_copy_damaged)
        damage(&scene, "copy/generations/2.policy.json");
    else
        write_list(&scene, broken);
    segd_start_again(scene.segd);
    judge(&scene, true, 2);
    calls_finding(scene.segd, "generation-damaged", true);
}
END_TEST

/* Types segctl COMMAND PATH. Returns its exit code. */
static int type(const struct scene *scene, const char *command, const char *path)
{
    const char *arguments[] = {
        getenv("SEGCTL"), command, path, "--socket", segd_socket_path(scene->segd), NULL};

    ck_assert_ptr_nonnull(arguments[0]);
    return sandbox_run(arguments, NULL, NULL);
}

START_TEST(segctl_sends_the_lists_of_a_folder)
{
    cleanup_(scene_clear) struct scene scene;
    char copy[48];
    const char *duplicate[] = {"cp", "-r", scene.path, copy, NULL};

    scene_begin(&scene, without);
    snprintf(copy, sizeof(copy), "%s/q", scene.folder);
    ck_assert_int_eq(sandbox_run(duplicate, NULL, NULL), 0);
    ck_assert_int_eq(type(&scene, "apply", copy), 0);
    judge(&scene, false, 1);

    write_list(&scene, with);
    ck_assert_int_eq(type(&scene, "apply", scene.path), 0);
    judge(&scene, true, 2);
    ck_assert_int_eq(type(&scene, "apply", copy), 0);
    judge(&scene, false, 3);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, an_edited_list_is_another_policy);
    tcase_add_test(tests, a_boot_applies_an_edited_list);
    tcase_add_test(tests, a_broken_list_changes_nothing);
    tcase_add_loop_test(tests, a_damaged_generation_keeps_its_list, 0, 4);
    tcase_add_test(tests, segctl_sends_the_lists_of_a_folder);
}
