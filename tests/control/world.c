/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The gateway beside its model. Each event is told to both, and then packets of every pair of
 * blocks and every port are sent and compared, as requests and as replies.
 */

#include "world.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "sandbox.h"

#define OTHER_PORT 7999
#define OPEN_SOURCE_PORT 40000
/* Of the packets that nothing approves one of so many is sent in a round. */
#define PARTS 7
#define LEFT_ALONE (-1)

/* The clock stands at so much after each hour, and what ends does at so much: far from each other,
 * since a run lasts minutes. */
#define AFTER_HOUR 600
#define END_AFTER_HOUR 2400

static void remember(struct world *world, json_int_t number)
{
    ck_assert(number > 0 && number < WORLD_HISTORY_MAX);
    world->number = number;
    world->history[number] = world->policy;
    world->known[number] = true;
}

/* Seconds that the daemon's clock is to show. */
static int64_t shown_second(const struct world *world)
{
    return WORLD_HOUR_0 + world->hour * WORLD_HOUR + AFTER_HOUR;
}

static void make_clocks(struct world *world)
{
    int memory = memfd_create("clocks", 0);
    char text[32];

    /* The daemon inherits both. */
    world->clock_set = eventfd(0, EFD_NONBLOCK);
    ck_assert_int_ge(memory, 0);
    ck_assert_int_ge(world->clock_set, 0);
    ck_assert_int_eq(ftruncate(memory, sizeof(*world->clocks)), 0);
    world->clocks =
        mmap(NULL, sizeof(*world->clocks), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    ck_assert_ptr_ne(world->clocks, MAP_FAILED);
    snprintf(text, sizeof(text), "%d %d", memory, world->clock_set);
    setenv(CLOCK_VARIABLE, text, 1);
    world->clocks->set = (shown_second(world) - time(NULL)) * 1000000;
}

/* Also takes away what has passed in real time since the clock was moved. */
static void move_clock(struct world *world, int64_t passed, int64_t set)
{
    world->passed += passed;
    world->hour += passed + set;
    world->clocks->passed += passed * WORLD_HOUR * 1000000;
    world->clocks->set = (shown_second(world) - time(NULL)) * 1000000 - world->clocks->passed;
}

/* When the daemon has read from the eventfd, it does what there is to do, and then it answers. */
static void tell_clock(struct world *world)
{
    struct pollfd poll_set = {.fd = world->clock_set, .events = POLLIN};

    ck_assert_int_eq(eventfd_write(world->clock_set, 1), 0);
    while (poll(&poll_set, 1, 0) != 0)
        sched_yield();
    json_decref(calls_get(world->segd, "GetStatus", NULL));
}

static void follow_clock(struct world *world)
{
    model_end(world);
    if (world->pending && world->passed >= world->deadline)
        world_go_back(world);
}

void world_pass(struct world *world, int64_t hours)
{
    move_clock(world, hours, 0);
    tell_clock(world);
    follow_clock(world);
}

void world_set_clock(struct world *world, int64_t hours)
{
    move_clock(world, 0, hours);
    tell_clock(world);
    follow_clock(world);
}

void world_start(struct world *world, const struct policy_model *policy, bool own_clocks)
{
    cleanup_(freep) char *text = world_text(policy);

    if (own_clocks)
        make_clocks(world);
    world->lab = wires_new();
    people_enter();
    world->segd = segd_start(text);
    people_let_in(world->segd);
    world->policy = world->files = world->noted = *policy;
    remember(world, 1);
}

void world_clear(struct world *world)
{
    segd_free(world->segd);
    lab_free(world->lab);
}

static bool same_text(const struct policy_model *one, const struct policy_model *other)
{
    cleanup_(freep) char *text = world_text(one);
    cleanup_(freep) char *other_text = world_text(other);

    return strcmp(text, other_text) == 0;
}

/* As root, who changes policies here. The caller owns the reply. */
static json_t *change(struct world *world, const char *method, json_t *parameters)
{
    cleanup_(freep) char *error = NULL;
    cleanup_(freep) char *text = NULL;
    cleanup_(freep) char *policy = NULL;
    json_t *reply = NULL;
    int r = calls_try(world->segd, method, parameters, &reply, &error);

    if (r == 0)
        return reply;
    text = reply ? json_dumps(reply, 0) : NULL;
    policy = world_text(&world->policy);
    fputs(policy, stderr);
    ck_abort_msg("%s: %s: %s %.2000s", world->label, method, error ? error : strerror(-r),
                 text ? text : "");
    return NULL;
}

static void follow(struct world *world, const struct policy_model *policy, json_t *reply,
                   int confirm)
{
    json_int_t number =
        json_integer_value(json_object_get(json_object_get(reply, "generation"), "number"));
    bool pending = confirm > 0 && json_is_true(json_object_get(reply, "made"));

    world->noted = world->files;
    if (pending) {
        world->before = world->policy;
        world->number_before = world->number;
        world->pending = true;
        world->deadline = world->passed + confirm / WORLD_HOUR + 1;
    }
    model_carry(world, policy, pending ? HOLD_PENDING : HOLD_FIRM);
    world->less = false;
    remember(world, number);
    json_decref(reply);
}

static json_t *apply_parameters(const struct world *world, const char *text, int confirm)
{
    json_t *parameters = text ? json_pack("{s:[{s:s, s:s}]}", "texts", "name",
                                          segd_policy_path(world->segd), "text", text)
                              : json_object();

    ck_assert_ptr_nonnull(parameters);
    if (confirm > 0)
        json_object_set_new(parameters, "confirm", json_integer(confirm));
    return parameters;
}

bool world_is_valid(struct world *world, const struct policy_model *policy)
{
    cleanup_(freep) char *text = world_text(policy);
    cleanup_(freep) char *error = NULL;
    json_t *reply = NULL;
    int r = calls_try(world->segd, "Plan", apply_parameters(world, text, 0), &reply, &error);

    json_decref(reply);
    ck_assert_msg(r == 0 || (r == -EREMOTEIO && strstr(error, "InvalidPolicy")), "%s: Plan: %s",
                  world->label, error ? error : strerror(-r));
    return r == 0;
}

void world_apply(struct world *world, const struct policy_model *policy, int confirm)
{
    cleanup_(freep) char *text = world_text(policy);

    follow(world, policy, change(world, "Apply", apply_parameters(world, text, confirm)), confirm);
}

void world_write_files(struct world *world, const struct policy_model *policy)
{
    cleanup_(freep) char *text = world_text(policy);

    segd_write_policy(world->segd, text);
    world->files = *policy;
}

bool world_files_are_noted(const struct world *world)
{
    return same_text(&world->files, &world->noted);
}

void world_apply_files(struct world *world, const struct policy_model *policy, int confirm)
{
    world_write_files(world, policy);
    follow(world, policy, change(world, "Apply", apply_parameters(world, NULL, confirm)), confirm);
}

void world_confirm(struct world *world)
{
    calls_do(world->segd, "Confirm", NULL);
    model_confirm(world);
}

static bool waits(const struct world *world)
{
    cleanup_(json_decrefp) json_t *status = calls_get(world->segd, "GetStatus", NULL);

    return json_is_object(json_object_get(status, "confirmation"));
}

void world_go_back(struct world *world)
{
    ck_assert(world->pending);
    while (waits(world))
        ;
    model_forget_pending(world);
    world->number = world->number_before;
}

void world_rollback(struct world *world, json_int_t number)
{
    struct policy_model policy;

    ck_assert(number > 0 && number < WORLD_HISTORY_MAX && world->known[number]);
    policy = world->history[number];
    follow(world, &policy, change(world, "Rollback", json_pack("{s:I}", "generation", number)), 0);
}

static void make_reason(struct world *world, char reason[WORLD_NAME_SIZE])
{
    snprintf(reason, WORLD_NAME_SIZE, "(%u)", ++world->n_reasons);
}

static void call(const struct world *world, int person, const char *method, json_t *parameters,
                 enum answer expected)
{
    enum answer answer;

    ck_assert_ptr_nonnull(parameters);
    answer = people_call(world->segd, &people[person], method, parameters, NULL);
    ck_assert_msg(answer == expected, "%s: %s by %s: answer %d, not %d", world->label, method,
                  people[person].name, (int)answer, (int)expected);
}

/* Seconds until the last of so many hours has begun and not ended. */
static json_int_t span_of(int hours)
{
    return hours * WORLD_HOUR - AFTER_HOUR + END_AFTER_HOUR - WORLD_HOUR;
}

void world_isolate(struct world *world, int person, const char *zone, const char *const *keep,
                   size_t n_keep, int hours)
{
    json_t *parameters;
    json_t *kept = json_array();
    char reason[WORLD_NAME_SIZE];

    make_reason(world, reason);
    for (size_t i = 0; i < n_keep; i++)
        json_array_append_new(kept, json_string(keep[i]));
    parameters = json_pack("{s:s, s:s, s:o}", "zone", zone, "reason", reason, "keep", kept);
    if (hours > 0)
        json_object_set_new(parameters, "seconds", json_integer(span_of(hours)));
    call(world, person, "Isolate", parameters, DONE);
    model_isolate(world, person, zone, keep, n_keep,
                  hours > 0 ? world->hour + hours : WORLD_FOR_EVER, reason);
}

static int find_releaser(const struct closing *closing)
{
    static const int candidates[] = {ADMIN, OTHER_ADMIN, ROOT};

    for (size_t i = 0; i < ELEMENTS_OF(candidates); i++)
        if (!(closing->makers & BIT(candidates[i])))
            return candidates[i];
    return LEFT_ALONE;
}

void world_release(struct world *world, struct closing *closing)
{
    const char *zone = model_name(closing);
    int releaser = find_releaser(closing);

    for (int person = ADMIN; person <= ROOT; person++)
        if (!closing->forgotten && closing->makers & BIT(person))
            call(world, person, "Release", json_pack("{s:s, s:s}", "zone", zone, "reason", "x"),
                 REFUSED);
    if (releaser == LEFT_ALONE)
        call(world, ROOT, "Release",
             json_pack("{s:s, s:s, s:b}", "zone", zone, "reason", "x", "alone", 1), DONE);
    else
        call(world, releaser, "Release", json_pack("{s:s, s:s}", "zone", zone, "reason", "x"),
             DONE);
    model_drop(world, closing);
}

void world_suspend(struct world *world, int person, const char *flow)
{
    char reason[WORLD_NAME_SIZE];

    make_reason(world, reason);
    call(world, person, "Suspend", json_pack("{s:s, s:s}", "flow", flow, "reason", reason), DONE);
    model_suspend(world, flow, reason);
}

static bool mentions(const json_t *override, const char *reason)
{
    cleanup_(freep) char *text = json_dumps(override, 0);

    return text && strstr(text, reason);
}

static bool is_named(const struct closing *closing, const char *name)
{
    for (size_t i = 0; i < closing->n_names; i++)
        if (strcmp(closing->names[i].name, name) == 0)
            return true;
    return false;
}

/* By its reason; one that was read from the kernel has lost it, and is found by a name that it
 * may have. The caller frees the name. */
static char *find_override(const struct world *world, const struct closing *closing,
                           const char *kind)
{
    cleanup_(json_decrefp) json_t *status = calls_get(world->segd, "GetStatus", NULL);
    const json_t *list = json_object_get(status, "overrides"), *override;
    const char *found = NULL;
    size_t i;

    json_array_foreach(list, i, override)
    {
        const char *name = json_string_value(json_object_get(override, "name"));

        if (strcmp(json_string_value(json_object_get(override, "kind")), kind) != 0)
            continue;
        if (mentions(override, closing->reason))
            return strdup(name);
        if (is_named(closing, name))
            found = name;
    }
    return found ? strdup(found) : NULL;
}

void world_resume(struct world *world, struct closing *closing)
{
    cleanup_(freep) char *name = find_override(world, closing, "suspension");

    ck_assert_msg(name, "%s: the suspension of %s is not listed", world->label,
                  model_name(closing));
    call(world, OPERATOR, "Resume", json_pack("{s:s}", "flow", name), DONE);
    model_drop(world, closing);
}

/* Host 7 or 9 of a block. */
static ip_number host(enum family family, unsigned block, uint16_t number)
{
    ip_number address = wires_address(family, (enum wire_number)(block / 2), number);

    if (block % 2)
        address |= family == FAMILY_IPV4 ? (ip_number)1 << 15 : (ip_number)1 << 95;
    return address;
}

static json_t *host_texts(unsigned block, uint16_t number)
{
    json_t *list = json_array();

    for (enum family family = 0; family < FAMILIES; family++) {
        char text[ADDRESS_TEXT_MAX];

        address_format(family, host(family, block, number), text);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

bool world_grant(struct world *world, int person, unsigned from, unsigned to, unsigned port,
                 int hours)
{
    const struct flow_model granted = {
        .from = BIT(from), .to = BIT(to), .first = port, .last = port};
    char reason[WORLD_NAME_SIZE], service[16];
    enum answer answer;

    make_reason(world, reason);
    snprintf(service, sizeof(service), "udp/%u", WORLD_FIRST_PORT + port);
    answer = people_call(world->segd, &people[person], "Grant",
                         json_pack("{s:o, s:o, s:[s], s:I, s:s}", "from", host_texts(from, 7), "to",
                                   host_texts(to, 9), "services", service, "seconds",
                                   span_of(hours), "reason", reason),
                         NULL);
    if (answer == DONE)
        model_grant(world, &granted, world->hour + hours, reason);
    return answer == DONE;
}

void world_revoke(struct world *world, struct closing *closing)
{
    cleanup_(freep) char *name = find_override(world, closing, "grant");

    ck_assert_msg(name || !closing->sure, "%s: a grant is not listed", world->label);
    if (name)
        call(world, OPERATOR, "Revoke", json_pack("{s:s}", "grant", name), DONE);
    model_drop(world, closing);
}

void world_open_all(struct world *world)
{
    while (world->n_closings > 0) {
        struct closing *closing = &world->closings[world->n_closings - 1];

        switch (closing->kind) {
        case CLOSING_ISOLATION:
            world_release(world, closing);
            break;
        case CLOSING_SUSPENSION:
            world_resume(world, closing);
            break;
        case CLOSING_GRANT:
            world_revoke(world, closing);
            break;
        }
    }
}

const char *const restart_names[N_RESTARTS] = {
    [RESTART_NONE] = "no restart",
    [RESTART_STOP] = "stop, start",
    [RESTART_KILL] = "kill, start",
    [RESTART_KILL_POLICY] = "kill, texts of the generation damaged",
    [RESTART_KILL_RECORD] = "kill, record of the generation damaged",
    [RESTART_KILL_STATE] = "kill, state.json damaged",
    [RESTART_KILL_NO_STATE] = "kill, state.json gone",
    [RESTART_BOOT] = "boot",
    [RESTART_BOOT_FILES] = "boot with other files",
    [RESTART_BOOT_POLICY] = "boot, texts of the generation damaged",
    [RESTART_BOOT_RECORD] = "boot, record of the generation damaged",
    [RESTART_BOOT_STATE] = "boot, state.json damaged",
    [RESTART_BOOT_NO_STATE] = "boot, state.json gone",
    [RESTART_BOOT_AUDIT] = "boot, audit log damaged",
};

static void flip_bit(const struct world *world, const char *path, unsigned chance)
{
    cleanup_(closep) int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat status;
    off_t at;
    char letter;

    ck_assert_msg(fd >= 0, "%s: %s: %s", world->label, path, strerror(errno));
    ck_assert_int_eq(fstat(fd, &status), 0);
    ck_assert_int_gt(status.st_size, 0);
    at = (off_t)(chance % (unsigned long)status.st_size);
    ck_assert_int_eq(pread(fd, &letter, 1, at), 1);
    letter = (char)(letter ^ (1 << chance % 7));
    ck_assert_int_eq(pwrite(fd, &letter, 1, at), 1);
}

/* The last file of the log in the order of names. */
static void find_log(const char *state, char *path, size_t size)
{
    char folder[200];
    struct dirent **names;
    int n;

    snprintf(folder, sizeof(folder), "%s/audit", state);
    n = scandir(folder, &names, NULL, alphasort);
    ck_assert_int_gt(n, 2);
    ck_assert_int_lt(snprintf(path, size, "%s/%s", folder, names[n - 1]->d_name), (int)size);
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

/* Returns whether makers and reasons of what is closed may be lost with the file. */
static bool damage(const struct world *world, enum restart restart, unsigned chance)
{
    const char *state = segd_state_path(world->segd);
    char path[300];

    switch (restart) {
    case RESTART_KILL_POLICY:
    case RESTART_BOOT_POLICY:
        snprintf(path, sizeof(path), "%s/generations/%lld.policy.json", state,
                 (long long)world->number);
        break;
    case RESTART_KILL_RECORD:
    case RESTART_BOOT_RECORD:
        snprintf(path, sizeof(path), "%s/generations/%lld.json", state, (long long)world->number);
        break;
    case RESTART_KILL_STATE:
    case RESTART_BOOT_STATE:
        snprintf(path, sizeof(path), "%s/state.json", state);
        flip_bit(world, path, chance);
        return true;
    case RESTART_KILL_NO_STATE:
    case RESTART_BOOT_NO_STATE:
        snprintf(path, sizeof(path), "%s/state.json", state);
        ck_assert_int_eq(unlink(path), 0);
        return true;
    case RESTART_BOOT_AUDIT:
        find_log(state, path, sizeof(path));
        break;
    default:
        return false;
    }
    flip_bit(world, path, chance);
    return false;
}

/* What a boot makes of a policy that waits, and of the files. */
static void boot(struct world *world)
{
    if (world->pending) {
        model_forget_pending(world);
        world->number = world->number_before;
    }
    if (!world_files_are_noted(world)) {
        world->noted = world->files;
        model_carry(world, &world->files, HOLD_FIRM);
    }
}

static void doubt_all(struct world *world)
{
    for (json_int_t i = 1; i < WORLD_HISTORY_MAX; i++)
        if (world->known[i])
            model_doubt(world, &world->history[i]);
}

/* Grants and makers are only in the state. */
static void forget_state(struct world *world)
{
    for (size_t i = 0; i < world->n_closings; i++) {
        world->closings[i].forgotten = true;
        world->closings[i].sure = false;
    }
}

void world_restart(struct world *world, enum restart restart, const struct policy_model *files,
                   unsigned chance, int64_t hours)
{
    bool booted = restart >= RESTART_BOOT;
    bool spoiled = restart == RESTART_BOOT_POLICY || restart == RESTART_BOOT_RECORD;

    if (restart == RESTART_NONE)
        return;
    if (restart == RESTART_STOP || restart == RESTART_BOOT)
        segd_stop(world->segd);
    else
        segd_kill(world->segd);
    if (booted)
        sandbox_nft("delete table inet segd\n");
    if (damage(world, restart, chance))
        forget_state(world);
    if (restart == RESTART_BOOT_FILES)
        world_write_files(world, files);
    if (hours > 0)
        move_clock(world, hours, 0);
    segd_start_again(world->segd);
    if (booted)
        boot(world);
    if (hours > 0)
        follow_clock(world);
    if (spoiled && !same_text(&world->policy, &world->files)) {
        world->less = true;
        doubt_all(world);
    } else {
        json_int_t number = calls_generation(world->segd);

        ck_assert_msg(number > 0, "%s: %s: nothing is enforced", world->label,
                      restart_names[restart]);
        remember(world, number);
    }
}

struct probe {
    struct packet packet;
    enum family family;
    bool reply;
    enum expectation verdict;
    bool arrived;
};

/* Each pair of blocks has one by its own wire, with its reply, and one by another wire. */
#define PROBES_MAX (WORLD_BLOCKS * WORLD_BLOCKS * (WORLD_PORTS + 1) * FAMILIES * 3)

/* IPv4 goes on in the connections of the round before, IPv6 opens others. */
static struct frame probe_frame(const struct world *world, const struct probe *probe)
{
    const struct packet *packet = &probe->packet;
    struct frame frame = {
        .family = probe->family,
        .kind = FRAME_UDP,
        .source = host(probe->family, packet->from, 7),
        .destination = host(probe->family, packet->to, 9),
        .source_port = probe->family == FAMILY_IPV4 ? OPEN_SOURCE_PORT : world->source_port,
        .port =
            (uint16_t)(packet->port == WORLD_ANY ? OTHER_PORT : WORLD_FIRST_PORT + packet->port),
    };

    return probe->reply ? wires_answer(&frame) : frame;
}

/* What is not approved passes as a reply to what the other side may send from any port. */
static enum expectation judge(const struct world *world, const struct packet *packet)
{
    const struct packet back = {
        .wire = packet->to / 2,
        .from = packet->to,
        .to = packet->from,
        .port = WORLD_ANY,
    };
    enum expectation verdict = world_judge(world, packet);

    if (verdict == MUST_NOT_PASS && world_judge(world, &back) != MUST_NOT_PASS)
        return MAY_PASS;
    return verdict;
}

static void add_probes(const struct world *world, const struct packet *packet, enum family family,
                       struct probe *probes, size_t *n)
{
    struct probe probe = {.packet = *packet, .family = family};

    probe.verdict = judge(world, &probe.packet);
    probes[(*n)++] = probe;
    probe.reply = true;
    probes[(*n)++] = probe;

    probe.reply = false;
    probe.packet.wire = (packet->wire + 1 + world->round % (WORLD_WIRES - 1)) % WORLD_WIRES;
    probe.verdict = judge(world, &probe.packet);
    if (probe.packet.wire != packet->to / 2)
        probes[(*n)++] = probe;
}

static size_t make_probes(const struct world *world, struct probe *probes)
{
    size_t n = 0;
    unsigned number = world->round;

    for (unsigned from = 0; from < WORLD_BLOCKS; from++)
        for (unsigned to = 0; to < WORLD_BLOCKS; to++)
            for (unsigned port = 0; from / 2 != to / 2 && port <= WORLD_ANY; port++)
                for (enum family family = 0; family < FAMILIES; family++) {
                    const struct packet packet = {from / 2, from, to, port};

                    if (world_approves(world, &packet) || number++ % PARTS == 0)
                        add_probes(world, &packet, family, probes, &n);
                }
    return n;
}

static void receive(struct world *world, struct probe *probes, size_t n)
{
    struct frame frame;
    size_t wire;
    int r;

    ck_assert_int_eq(lab_synchronise(world->lab), 0);
    while ((r = lab_receive(world->lab, 0, &frame, &wire)) > 0) {
        ck_assert_uint_lt(frame.tag, n);
        probes[frame.tag].arrived = true;
    }
    ck_assert_int_eq(r, 0);
}

static void complain(const struct world *world, const char *what, const struct probe *probe)
{
    const struct packet *packet = &probe->packet;
    cleanup_(freep) char *text = world_text(&world->policy);
    cleanup_(json_decrefp) json_t *status = calls_get(world->segd, "GetStatus", NULL);
    cleanup_(freep) char *overrides =
        json_dumps(json_object_get(status, "overrides"), JSON_INDENT(1) | JSON_COMPACT);
    cleanup_(freep) char *findings = json_dumps(json_object_get(status, "findings"), 0);

    /* Check's messages have a limit. */
    fprintf(stderr, "%s: after %s\n%s%s\n%s\n", world->label, what, text, overrides, findings);
    ck_abort_msg("%s: after %s: k%u on %s to k%u port %u %s %s %s", world->label, what,
                 packet->from, world_wire_names[packet->wire], packet->to, packet->port,
                 probe->family == FAMILY_IPV4 ? "IPv4" : "IPv6", probe->reply ? "reply" : "request",
                 probe->arrived ? "passed, and must not" : "did not pass, and must");
}

void world_check(struct world *world, const char *what)
{
    struct probe probes[PROBES_MAX];
    size_t n;

    world->round++;
    n = make_probes(world, probes);

    world->source_port = (uint16_t)(world->source_port % 30000 + 1);
    for (size_t i = 0; i < n; i++) {
        struct frame frame = probe_frame(world, &probes[i]);
        unsigned wire = probes[i].reply ? probes[i].packet.to / 2 : probes[i].packet.wire;

        frame.tag = (uint32_t)i;
        ck_assert_int_eq(lab_send(world->lab, wire, &frame, NULL), 0);
    }
    receive(world, probes, n);
    for (size_t i = 0; i < n; i++) {
        world->n_closed += probes[i].verdict == MUST_NOT_PASS;
        world->n_open += probes[i].verdict == MUST_PASS;
        if (probes[i].arrived ? probes[i].verdict == MUST_NOT_PASS : probes[i].verdict == MUST_PASS)
            complain(world, what, &probes[i]);
    }
}
