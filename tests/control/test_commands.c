/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl against a real segd, as people use it: what they type, what they read, and which packets
 * pass meanwhile. Who types is real too: each role is a user of its own, in groups that exist in
 * this test's own mount namespace.
 */

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"
#include "checks.h"
#include "sandbox.h"
#include "wires.h"

#define PORT 5000
#define OTHER_PORT 6000

#define ARGUMENTS_MAX 24
#define PATH_LENGTH_MAX 256

static const char policy[] = WIRES_POLICY "hosts:\n"
                                          "  left: { zone: a, address: 10.1.0.7 }\n"
                                          "  right: { zone: b, address: 10.3.0.9 }\n"
                                          "  spare: { zone: b, address: 10.3.0.10 }\n"
                                          "flows:\n"
                                          "  open: { label: 業務, from: a, to: b,"
                                          " services: [udp/5000] }\n";
static const char wider[] = WIRES_POLICY "flows:\n"
                                         "  open: { label: 業務, from: a, to: b,"
                                         " services: [udp/5000] }\n"
                                         "  more: { from: a, to: b, services: [udp/6000] }\n";
/* `spare` of the policy is gone, and `more` covers what was granted of its service. */
static const char covering[] = WIRES_POLICY "hosts:\n"
                                            "  left: { zone: a, address: 10.1.0.7 }\n"
                                            "  right: { zone: b, address: 10.3.0.9 }\n"
                                            "flows:\n"
                                            "  more: { from: a, to: b, services: [udp/6000] }\n";
static const char broken[] = WIRES_POLICY "flows:\n"
                                          "  open: { fron: a, to: b, services: [udp/5000] }\n"
                                          "  same: { from: a, to: b, services: [udp/1] }\n"
                                          "  same: { from: b, to: a, services: [udp/1] }\n";

/* Who types. */
struct person {
    const char *uid;
    const char *gid;
};
static const struct person root = {"0", "0"};
static const struct person nobody = {"61000", "61000"};
static const struct person viewer = {"61001", "61001"};
static const struct person operate = {"61002", "61002"};
static const struct person admin = {"61003", "61003"};

static const char groups[] = "root:x:0:\n"
                             "segd-view:x:61001:\n"
                             "segd-operate:x:61002:\n"
                             "segd-admin:x:61003:\n";

struct scene {
    struct lab *lab;
    struct segd *segd;
    char folder[PATH_LENGTH_MAX]; /* that everybody may read */
    char segctl[PATH_LENGTH_MAX + 16];
    char *output; /* of the last command */
};

static void scene_clear(struct scene *scene)
{
    const char *remove[] = {"rm", "-r", scene->folder, NULL};

    free(scene->output);
    segd_free(scene->segd);
    lab_free(scene->lab);
    sandbox_run(remove, NULL, NULL);
}

/* Writes a file into the scene's folder. Returns its path, which the caller frees. */
static char *write_file(const struct scene *scene, const char *name, const char *text)
{
    char *path;
    FILE *stream;

    ck_assert_int_ge(asprintf(&path, "%s/%s", scene->folder, name), 0);
    stream = fopen(path, "we");
    ck_assert_ptr_nonnull(stream);
    fputs(text, stream);
    ck_assert_int_eq(fclose(stream), 0);
    ck_assert_int_eq(chmod(path, 0644), 0);
    return path;
}

/*
 * Puts the groups of the roles in place of those that the machine has, for this process and what it
 * starts: segd looks them up when it starts, so they must be there before.
 */
static void make_groups(const struct scene *scene)
{
    cleanup_(freep) char *path = write_file(scene, "group", groups);

    sandbox_enter_mounts();
    ck_assert_int_eq(mount(path, "/etc/group", NULL, MS_BIND, NULL), 0);
}

/* A copy of segctl that every user may run, wherever it was built. */
static void copy_segctl(struct scene *scene)
{
    const char *copy[] = {"cp", getenv("SEGCTL"), scene->segctl, NULL};

    ck_assert_msg(copy[1], "SEGCTL must name the program to test");
    snprintf(scene->segctl, sizeof(scene->segctl), "%s/segctl", scene->folder);
    ck_assert_int_eq(sandbox_run(copy, NULL, NULL), 0);
    ck_assert_int_eq(chmod(scene->segctl, 0755), 0);
}

/* A wire that no zone has is a critical finding while it is up. */
static void set_stray(const char *state)
{
    const char *arguments[] = {"ip", "link", "set", "stray0", state, NULL};

    ck_assert_int_eq(sandbox_run(arguments, NULL, NULL), 0);
}

static void enter(struct scene *scene)
{
    char *slash;

    scene->lab = wires_new();
    set_stray("down");
    snprintf(scene->folder, sizeof(scene->folder), "/tmp/segctl-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scene->folder));
    ck_assert_int_eq(chmod(scene->folder, 0755), 0);
    make_groups(scene);
    copy_segctl(scene);

    /* Its folder has the socket. */
    scene->segd = segd_start(policy);
    slash = strdup(segd_socket_path(scene->segd));
    ck_assert_ptr_nonnull(slash);
    *strrchr(slash, '/') = '\0';
    ck_assert_int_eq(chmod(slash, 0755), 0);
    free(slash);
}

/* Runs segctl and asserts its exit code. What it printed is in `scene->output`. The arguments end
 * with NULL. */
static void type(struct scene *scene, const struct person *person, int exit_code, ...)
{
    const char *arguments[ARGUMENTS_MAX] = {"setpriv",   "--reuid",        person->uid,  "--regid",
                                            person->gid, "--clear-groups", scene->segctl};
    const char *argument;
    size_t n = 7;
    va_list list;
    int code;

    va_start(list, exit_code);
    while ((argument = va_arg(list, const char *))) {
        ck_assert_uint_lt(n + 3, ARGUMENTS_MAX);
        arguments[n++] = argument;
    }
    va_end(list);
    ck_assert_ptr_nonnull(arguments[7]);
    /* Nothing but what asks the daemon knows the socket. */
    if (strcmp(arguments[7], "check") != 0) {
        arguments[n++] = "--socket";
        arguments[n++] = segd_socket_path(scene->segd);
    }

    free(scene->output);
    scene->output = NULL;
    code = sandbox_run(arguments, NULL, &scene->output);
    ck_assert_msg(code == exit_code, "%s: exit code %d instead of %d\n%s", arguments[7], code,
                  exit_code, scene->output);
}

static void reads(const struct scene *scene, const char *text)
{
    ck_assert_msg(strstr(scene->output, text), "does not say `%s`:\n%s", text, scene->output);
}

static bool passes(struct scene *scene, uint16_t port)
{
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, port);

    return wires_try(scene->lab, WIRE_A, &frame, NULL);
}

START_TEST(reading_tells_what_is_enforced)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene);
    ck_assert(passes(&scene, PORT));
    ck_assert(!passes(&scene, OTHER_PORT));

    type(&scene, &viewer, 0, "status", NULL);
    reads(&scene, "enforcing generation 1 (");
    reads(&scene, "1 of 1 flows live");
    reads(&scene, "by segd itself (boot)");
    type(&scene, &viewer, 0, "zones", NULL);
    reads(&scene, "a0 up, a1 up");
    type(&scene, &viewer, 0, "flows", "open", NULL);
    reads(&scene, "live   open");
    reads(&scene, "1 (36 B)");
    reads(&scene, "業務");
    type(&scene, &viewer, 1, "flows", "opne", NULL);
    reads(&scene, "did you mean `open`?");
    type(&scene, &viewer, 0, "drops", NULL);
    reads(&scene, "no-flow  a     b");
    type(&scene, &viewer, 0, "connections", "--zone", "a", NULL);
    reads(&scene, "a → b  udp/5000  no reply");
    /* The kernel hands the packet over a little later. */
    do
        type(&scene, &viewer, 0, "denials", "--reason", "no-flow", NULL);
    while (strstr(scene.output, "nobody was refused anything"));
    reads(&scene, "a 10.1.0.7 → b 10.3.0.9");
    reads(&scene, "needs udp/6000 in flow open");
    type(&scene, &viewer, 0, "explain", "left", "right", "udp/5000", NULL);
    reads(&scene, "ALLOWED");
    type(&scene, &viewer, 1, "explain", "left", "right", "udp/6000", NULL);
    reads(&scene, "DENIED");
    type(&scene, &viewer, 0, "matrix", "a", "b", NULL);
    reads(&scene, "udp/5000");
    type(&scene, &viewer, 0, "expiring", NULL);
    reads(&scene, "none ends within 60 days");
    type(&scene, &viewer, 0, "verify", NULL);
    reads(&scene, "the kernel holds exactly what was applied: generation 1");
    type(&scene, &viewer, 0, "audit", "verify", NULL);
    reads(&scene, "the audit log is whole");
}
END_TEST

START_TEST(a_policy_goes_on_and_back)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(freep) char *path = NULL;

    enter(&scene);
    path = write_file(&scene, "wider.yaml", wider);

    type(&scene, &operate, 0, "plan", path, NULL);
    reads(&scene, "added    more");
    ck_assert(!passes(&scene, OTHER_PORT));
    type(&scene, &admin, 0, "apply", path, "--confirm", "10m", "--reason", "拡張", NULL);
    reads(&scene, "enforced: generation 2");
    reads(&scene, "  segctl confirm\n");
    reads(&scene, "Else generation 1 comes back.");
    ck_assert(passes(&scene, OTHER_PORT));

    type(&scene, &viewer, 0, "status", NULL);
    reads(&scene, "WAITS TO BE CONFIRMED: 9 min");
    reads(&scene, "in the last 24 hours: ");
    reads(&scene, " 61003 apply\n");
    type(&scene, &root, 6, "apply", path, NULL);
    reads(&scene, "generation 2 by 61003 waits to be confirmed until ");
    type(&scene, &root, 0, "confirm", NULL);
    reads(&scene, "confirmed: generation 2 stays");
    type(&scene, &root, 1, "confirm", NULL);

    type(&scene, &viewer, 0, "diff", "1", "2", NULL);
    reads(&scene, "added    more");
    type(&scene, &viewer, 0, "show", "--generation", "current", NULL);
    reads(&scene, "  more:");
    type(&scene, &viewer, 0, "show", "--generation", "2", "--nftables", NULL);
    reads(&scene, "table inet segd");
    type(&scene, &viewer, 0, "show", "--generation", "1", NULL);
    ck_assert_msg(!strstr(scene.output, "  more:"), "%s", scene.output);
    type(&scene, &viewer, 1, "show", "--generation", "99", NULL);
    reads(&scene, "there is no generation 99");
    type(&scene, &viewer, 2, "show", "--generation", "0", NULL);
    type(&scene, &admin, 0, "apply", path, "--confirm", "10m", NULL);
    reads(&scene, "enforced already: generation 2");
    reads(&scene, "nothing waits to be confirmed");
    type(&scene, &admin, 0, "rollback", "--reason", "誤り", NULL);
    reads(&scene, "the policy of generation 1");
    ck_assert(!passes(&scene, OTHER_PORT));
    ck_assert(passes(&scene, PORT));
    type(&scene, &viewer, 0, "history", NULL);
    reads(&scene, "誤り");
    reads(&scene, "拡張");
    type(&scene, &admin, 1, "rollback", "99", NULL);
    reads(&scene, "there is no generation 99");
}
END_TEST

/* Who applies a policy with mistakes reads of them what who checks it reads. */
START_TEST(mistakes_are_told_as_check_tells_them)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(freep) char *path = NULL, *checked = NULL;

    enter(&scene);
    path = write_file(&scene, "broken.yaml", broken);
    type(&scene, &admin, 3, "check", path, NULL);
    checked = strdup(scene.output);
    ck_assert_ptr_nonnull(checked);
    reads(&scene, "unknown key `fron`");
    reads(&scene, "`same`");

    type(&scene, &admin, 3, "apply", path, NULL);
    reads(&scene, checked);
    reads(&scene, "nothing has changed");
    type(&scene, &viewer, 0, "status", NULL);
    reads(&scene, "enforcing generation 1 (");
    ck_assert(passes(&scene, PORT));
}
END_TEST

/* The folder in which `isolate` said that the evidence is. */
static char *evidence_of(const struct scene *scene)
{
    static const char title[] = "evidence: ";
    const char *at = strstr(scene->output, title);

    ck_assert_msg(at, "%s", scene->output);
    at += strlen(title);
    return strndup(at, strcspn(at, "\n"));
}

static void check_sums(const char *folder, int exit_code)
{
    const char *const arguments[] = {
        "sh", "-c", "cd \"$0\" && exec sha256sum --quiet --strict -c SHA256SUMS", folder, NULL};

    ck_assert_int_eq(sandbox_run(arguments, NULL, NULL), exit_code);
}

/* Changes a bit of a file that segd keeps. */
static void damage(const char *incident, const char *file)
{
    char path[2 * PATH_LENGTH_MAX];
    FILE *stream;
    int byte;

    snprintf(path, sizeof(path), "%s/%s", incident, file);
    stream = fopen(path, "r+e");
    ck_assert_msg(stream, "%s", path);
    byte = getc(stream);
    rewind(stream);
    putc(byte ^ 1, stream);
    ck_assert_int_eq(fclose(stream), 0);
}

START_TEST(evidence_is_read_by_who_may_isolate)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(freep) char *incident = NULL, *folder = NULL;
    char elsewhere[PATH_LENGTH_MAX + 16];

    enter(&scene);
    type(&scene, &operate, 0, "incident", "list", NULL);
    reads(&scene, "there is no evidence");
    ck_assert(passes(&scene, PORT));
    type(&scene, &admin, 0, "isolate", "a", "--reason", "ransomware", NULL);
    incident = evidence_of(&scene);
    calls_wait_evidence(scene.segd, incident);

    type(&scene, &viewer, 5, "incident", "list", NULL);
    type(&scene, &operate, 0, "incident", "list", NULL);
    reads(&scene, strrchr(incident, '/') + 1);
    reads(&scene, "ransomware");
    type(&scene, &viewer, 5, "incident", "show", incident, NULL);
    type(&scene, &operate, 0, "incident", "show", incident, NULL);
    reads(&scene, "zone         a\n");
    reads(&scene, "by 61003 (uid 61003)");
    reads(&scene, "7 files, ");
    reads(&scene, "each as it was written");
    reads(&scene, "10.1.0.7 → 10.3.0.9  udp/5000  open");
    type(&scene, &operate, 1, "incident", "show", "no-such", NULL);
    reads(&scene, "there is no incident `no-such`");

    type(&scene, &operate, 6, "incident", "export", "--output", scene.folder, incident, NULL);
    reads(&scene, "Permission denied");
    snprintf(elsewhere, sizeof(elsewhere), "%s/copies", scene.folder);
    ck_assert_int_eq(mkdir(elsewhere, 0700), 0);
    ck_assert_int_eq(chown(elsewhere, 61002, 61002), 0);
    type(&scene, &operate, 0, "incident", "export", "--output", elsewhere, incident, NULL);
    reads(&scene, "7 files, ");
    ck_assert_int_ge(asprintf(&folder, "%s%s", elsewhere, strrchr(incident, '/')), 0);
    check_sums(folder, 0);
    /* What is there is never written over. */
    type(&scene, &operate, 6, "incident", "export", "--output", elsewhere, incident, NULL);
    reads(&scene, "File exists");

    damage(incident, "links.json");
    type(&scene, &operate, 1, "incident", "show", incident, NULL);
    reads(&scene, "NOT WHAT WAS WRITTEN: links.json");
    type(&scene, &root, 1, "incident", "export", "--output", scene.folder, incident, NULL);
    reads(&scene, "1 of them are NOT WHAT WAS WRITTEN");
}
END_TEST

START_TEST(a_zone_is_isolated_and_released_by_another)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene);
    ck_assert(passes(&scene, PORT));
    type(&scene, &admin, 0, "isolate", "a", "--reason", "ransomware", "--for", "2h", NULL);
    reads(&scene, "evidence: /");
    ck_assert(!passes(&scene, PORT));

    type(&scene, &viewer, 0, "status", NULL);
    reads(&scene, "ISOLATED   a  by 61003");
    reads(&scene, ": ransomware");
    type(&scene, &viewer, 0, "log", "--since", "1h", NULL);
    reads(&scene, "boot        apply");
    reads(&scene, "61003       isolate a: ransomware");
    type(&scene, &viewer, 1, "explain", "left", "right", "udp/5000", NULL);
    reads(&scene, "isolated");
    type(&scene, &operate, 0, "isolate", "a", "--reason", "me too", NULL);
    reads(&scene, "also by 61002 since 20");
    type(&scene, &admin, 1, "release", "a", NULL);
    reads(&scene, "another person must release it");
    ck_assert(!passes(&scene, PORT));
    type(&scene, &operate, 5, "release", "a", NULL);
    reads(&scene, "the role `admin`");
    type(&scene, &root, 0, "release", "a", "--reason", "clean", NULL);
    ck_assert(passes(&scene, PORT));
    type(&scene, &root, 1, "release", "a", "--reason", "clean", NULL);
    reads(&scene, "`a` is not isolated");

    type(&scene, &root, 0, "isolate", "a", "--reason", "again", "--keep", "open", NULL);
    ck_assert(passes(&scene, PORT));
    type(&scene, &root, 1, "release", "a", "--reason", "alone at night", NULL);
    type(&scene, &root, 0, "release", "a", "--alone", "--reason", "alone at night", NULL);
    type(&scene, &viewer, 0, "audit", "show", NULL);
    reads(&scene, "release-alone a  done  alone at night");
    type(&scene, &operate, 1, "isolate", "nowhere", "--reason", "x", NULL);
    reads(&scene, "there is no zone `nowhere`");
}
END_TEST

START_TEST(a_flow_is_suspended_and_another_granted_for_a_while)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene);
    type(&scene, &operate, 0, "suspend", "open", "--reason", "試験", NULL);
    ck_assert(!passes(&scene, PORT));
    type(&scene, &viewer, 0, "flows", NULL);
    reads(&scene, "suspended");
    type(&scene, &operate, 0, "resume", "open", NULL);
    ck_assert(passes(&scene, PORT));

    type(&scene, &operate, 0, "grant", "--from", "left", "--to", "right", "--service", "udp/6000",
         "--for", "1h", "--reason", "vendor", NULL);
    reads(&scene, "`segctl revoke grant-1` ends it");
    ck_assert(passes(&scene, OTHER_PORT));
    type(&scene, &viewer, 0, "explain", "left", "right", "udp/6000", NULL);
    reads(&scene, "flow      grant-1");
    type(&scene, &viewer, 0, "matrix", "--list", NULL);
    reads(&scene, "grant-1");
    type(&scene, &operate, 0, "revoke", "grant-1", NULL);
    ck_assert(!passes(&scene, OTHER_PORT));
    type(&scene, &operate, 1, "revoke", "grant-1", NULL);
}
END_TEST

static void grant(struct scene *scene, const char *to, const char *service)
{
    type(scene, &operate, 0, "grant", "--from", "left", "--to", to, "--service", service, "--for",
         "1h", "--reason", "vendor", NULL);
}

static void reads_only_the_third(const struct scene *scene)
{
    reads(scene, "grant-3");
    ck_assert_ptr_null(strstr(scene->output, "grant-1"));
    ck_assert_ptr_null(strstr(scene->output, "grant-2"));
}

START_TEST(grants_that_do_not_fit_the_policy_are_left_out_everywhere)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(freep) char *path = NULL;

    enter(&scene);
    grant(&scene, "right", "udp/6000");
    grant(&scene, "spare", "udp/7000");
    grant(&scene, "right", "udp/7000");
    path = write_file(&scene, "covering.yaml", covering);
    type(&scene, &admin, 0, "apply", path, NULL);
    reads(&scene, "grant grant-1 does not fit this policy and is left out");
    reads(&scene, "grant grant-2 does not fit this policy and is left out");
    ck_assert(passes(&scene, 7000));

    type(&scene, &viewer, 0, "flows", NULL);
    reads_only_the_third(&scene);
    type(&scene, &viewer, 0, "matrix", "--list", NULL);
    reads_only_the_third(&scene);
    type(&scene, &viewer, 0, "explain", "left", "right", "udp/7000", NULL);
    reads(&scene, "  line      grant grant-3:3\n");
    type(&scene, &viewer, 0, "explain", "left", "right", "udp/6000", NULL);
    reads(&scene, "  flow      more\n");
}
END_TEST

START_TEST(what_is_critical_is_an_exit_code)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene);
    type(&scene, &viewer, 0, "status", NULL);
    type(&scene, &viewer, 0, "verify", NULL);

    segd_stop(scene.segd);
    set_stray("up");
    segd_start_again(scene.segd);
    type(&scene, &viewer, 1, "status", NULL);
    reads(&scene, "CRITICAL unnamed-interface: interface stray0 is up and in no zone");
    type(&scene, &viewer, 1, "verify", NULL);
    reads(&scene, "the kernel holds exactly what was applied");
    reads(&scene, "CRITICAL unnamed-interface: interface stray0 is up and in no zone");
    type(&scene, &viewer, 1, "status", "--json", NULL);
    reads(&scene, "\"severity\": \"critical\"");
}
END_TEST

START_TEST(who_may_not_is_told_who_may)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene);
    type(&scene, &nobody, 5, "status", NULL);
    reads(&scene, "segd-view");
    type(&scene, &viewer, 5, "isolate", "a", "--reason", "x", NULL);
    reads(&scene, "members of the groups segd-operate and segd-admin have it, and root");
    type(&scene, &operate, 5, "apply", NULL);
    reads(&scene, "members of the group segd-admin have it, and root");
    ck_assert(passes(&scene, PORT));

    segd_stop(scene.segd);
    type(&scene, &viewer, 4, "status", NULL);
    reads(&scene, "is segd running? systemctl status segd");
    type(&scene, &viewer, 4, "explain", "left", "right", "udp/5000", NULL);
    reads(&scene, "--policy PATH");
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    if (geteuid() != 0)
        checks_skip("only root can call as other users");
    tcase_add_test(tests, reading_tells_what_is_enforced);
    tcase_add_test(tests, a_policy_goes_on_and_back);
    tcase_add_test(tests, mistakes_are_told_as_check_tells_them);
    tcase_add_test(tests, evidence_is_read_by_who_may_isolate);
    tcase_add_test(tests, a_zone_is_isolated_and_released_by_another);
    tcase_add_test(tests, a_flow_is_suspended_and_another_granted_for_a_while);
    tcase_add_test(tests, grants_that_do_not_fit_the_policy_are_left_out_everywhere);
    tcase_add_test(tests, what_is_critical_is_an_exit_code);
    tcase_add_test(tests, who_may_not_is_told_who_may);
}
