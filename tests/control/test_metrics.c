/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Metrics of a real segd: what segctl and the exporter print is what was sent, counters never go
 * back from one look to the next, and segctl health says what an operator did.
 */

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "checks.h"
#include "sandbox.h"
#include "wires.h"

#define PORT 5000
#define OTHER_PORT 6000
#define UDP_BYTES (20 + 8 + 8)

static const char policy[] = WIRES_POLICY "flows:\n"
                                          "  main: { from: a, to: b, services: [udp/5000] }\n"
                                          "  back: { from: b, to: a, services: [udp/7000] }\n";

struct scene {
    struct lab *lab;
    struct segd *segd;
};

static void scene_clear(struct scene *scene)
{
    segd_free(scene->segd);
    lab_free(scene->lab);
}

static void enter(struct scene *scene)
{
    const char *up[] = {"ip", "link", "set", "lo", "up", NULL};
    const char *stray[] = {"ip", "link", "set", "stray0", "down", NULL};

    scene->lab = wires_new();
    ck_assert_int_eq(sandbox_run(up, NULL, NULL), 0);
    ck_assert_int_eq(sandbox_run(stray, NULL, NULL), 0);
    scene->segd = segd_start(policy);
}

/* What segctl prints; the caller frees it. */
static char *type(const struct scene *scene, int exit_code, const char *name)
{
    const char *arguments[] = {getenv("SEGCTL"), name, "--socket", segd_socket_path(scene->segd),
                               NULL};
    char *output = NULL;

    ck_assert_msg(arguments[0], "SEGCTL must name the program to test");
    ck_assert_int_eq(sandbox_run(arguments, NULL, &output), exit_code);
    return output;
}

/* The value of a sample, which must be there. */
static double value_of(const char *page, const char *sample)
{
    const char *found = strstr(page, sample);

    while (found && found > page && found[-1] != '\n')
        found = strstr(found + 1, sample);
    ck_assert_msg(found, "there is no %s", sample);
    return strtod(found + strlen(sample), NULL);
}

static void send(struct scene *scene, unsigned passed, unsigned refused)
{
    struct frame main_frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, PORT);
    struct frame answer = wires_answer(&main_frame);
    struct frame other = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, OTHER_PORT);

    for (unsigned i = 0; i < passed; i++)
        wires_pass(scene->lab, WIRE_A, WIRE_B, &main_frame, NULL);
    wires_pass(scene->lab, WIRE_B, WIRE_A, &answer, NULL);
    for (unsigned i = 0; i < refused; i++)
        ck_assert(!wires_try(scene->lab, WIRE_A, &other, NULL));
}

START_TEST(metrics_are_what_was_sent)
{
    static const struct {
        const char *sample;
        double first, second;
    } expected[] = {
        {"segd_flow_packets_total{flow=\"main\",direction=\"original\"}", 3, 5},
        {"segd_flow_bytes_total{flow=\"main\",direction=\"original\"}", 3 * UDP_BYTES,
         5 * UDP_BYTES},
        {"segd_flow_packets_total{flow=\"main\",direction=\"reply\"}", 1, 2},
        {"segd_flow_packets_total{flow=\"back\",direction=\"original\"}", 0, 0},
        {"segd_refused_packets_total{reason=\"no-flow\",from=\"a\",to=\"b\",flow=\"\"}", 0, 4},
        {"segd_refused_bytes_total{reason=\"no-flow\",from=\"a\",to=\"b\",flow=\"\"}", 0,
         4 * UDP_BYTES},
        {"segd_refused_packets_total{reason=\"spoofed\",from=\"a\",to=\"\",flow=\"\"}", 0, 0},
        {"segd_policy_flows_live", 2, 2},
        {"segd_zone_up{zone=\"a\"}", 1, 1},
    };
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(freep) char *first = NULL, *second = NULL;

    enter(&scene);
    send(&scene, 3, 0);
    first = type(&scene, 0, "metrics");
    send(&scene, 2, 4);
    second = type(&scene, 0, "metrics");
    for (size_t i = 0; i < ELEMENTS_OF(expected); i++) {
        ck_assert_double_eq(value_of(first, expected[i].sample), expected[i].first);
        ck_assert_double_eq(value_of(second, expected[i].sample), expected[i].second);
    }
}
END_TEST

/* The samples of counters of one page, none of which is less in the other, where it is, too. */
static void assert_forward(const char *before, const char *after)
{
    size_t n = 0;

    for (const char *line = before; *line != '\0'; line = strchr(line, '\n') + 1) {
        size_t length = strcspn(line, "\n");
        const char *space = memrchr(line, ' ', length);
        char sample[256];

        if (line[0] == '#' || !memmem(line, length, "_total", strlen("_total")))
            continue;
        ck_assert_uint_lt((size_t)(space - line), sizeof(sample));
        snprintf(sample, sizeof(sample), "%.*s", (int)(space - line), line);
        ck_assert_msg(value_of(after, sample) >= strtod(space, NULL), "%s goes back", sample);
        n++;
    }
    ck_assert_uint_gt(n, 10);
}

START_TEST(counters_never_go_back)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(freep) char *before = NULL;

    enter(&scene);
    before = type(&scene, 0, "metrics");
    for (unsigned i = 0; i < 3; i++) {
        char *after;

        send(&scene, 2, 2);
        segd_reload(scene.segd, policy);
        after = type(&scene, 0, "metrics");
        assert_forward(before, after);
        free(before);
        before = after;
    }
}
END_TEST

START_TEST(health_tells_what_an_operator_did)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(freep) char *well = NULL, *isolated = NULL, *gone = NULL;

    enter(&scene);
    well = type(&scene, 0, "health");
    ck_assert_ptr_nonnull(strstr(well, "2 of 2 flows live"));
    ck_assert_int_eq(strncmp(well, "OK: ", 4), 0);
    calls_do(scene.segd, "Isolate", calls_parameters("{'zone': 'c', 'reason': 'test'}"));
    isolated = type(&scene, 1, "health");
    ck_assert_int_eq(strncmp(isolated, "WARNING: c is isolated | ", 25), 0);
    segd_kill(scene.segd);
    gone = type(&scene, 3, "health");
    ck_assert_int_eq(strncmp(gone, "UNKNOWN: ", 9), 0);
    /* One line, stderr included. */
    ck_assert_ptr_eq(strchr(gone, '\n'), gone + strlen(gone) - 1);
}
END_TEST

START_TEST(an_exporter_serves_it_to_prometheus)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(freep) char *output = NULL;
    int status;

    enter(&scene);
    send(&scene, 1, 1);
    status = sandbox_run((const char *[]){getenv("EXPORTER_PAGES"), getenv("SEGD_EXPORTER"),
                                          segd_socket_path(scene.segd), NULL},
                         NULL, &output);
    ck_assert_msg(status == 0 || status == 77, "%s", output);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, metrics_are_what_was_sent);
    tcase_add_test(tests, counters_never_go_back);
    tcase_add_test(tests, health_tells_what_an_operator_did);
    if (getenv("SEGD_EXPORTER"))
        tcase_add_test(tests, an_exporter_serves_it_to_prometheus);
}
