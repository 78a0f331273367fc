/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What all changes share: the kernel, the state folder, the audit log, findings. What closes, and
 * what time does, reaches the kernel before the disk, so state and audit entries that could not be
 * written are kept in memory until they can be. What opens is written first; the caller gets the
 * error and refuses the change.
 */

#include "daemon/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/instant.h"
#include "daemon/log.h"
#include "daemon/privileges.h"
#include "daemon/record/folder.h"
#include "kernel/forwarding.h"

/* This version did not exist earlier, so a clock that shows an earlier time is wrong.
 * 2026-11-01T00:00:00Z; set anew for each release. */
#define EPOCH (INT64_C(1793491200) * USEC_PER_SEC)

void policy_image_clear(struct policy_image *image)
{
    arena_free(image->arena);
    *image = (struct policy_image){0};
}

/* Opens and locks the state folder. Without one the daemon starts too, so only another segd in it
 * is an error; storage_open() reports all else. */
static int open_folder(struct gateway *gateway)
{
    const char *path = gateway->options.state_path;

    gateway->state_directory = folder_open(AT_FDCWD, path);
    if (gateway->state_directory < 0)
        return 0;
    gateway->lock = folder_lock(gateway->state_directory);
    if (gateway->lock != -EBUSY)
        return 0;
    log_message(LOG_ERR, MESSAGE_STOPPED,
                "another segd uses the state folder %s: end it first, or give this one another "
                "folder with --state-dir",
                path);
    return -EBUSY;
}

int gateway_new(const struct gateway_options *options, int fd, struct gateway **ret_gateway)
{
    cleanup_(gateway_freep) struct gateway *gateway = calloc(1, sizeof(*gateway));
    int r = gateway ? findings_new(&gateway->findings) : -ENOMEM;

    if (r == 0)
        r = totals_new(&gateway->totals);
    if (r < 0) {
        closep(&fd);
        return r;
    }
    gateway->options = *options;
    gateway->state_directory = gateway->lock = gateway->copy_directory = -1;
    gateway->agenda.until = USEC_NEVER;

    r = open_folder(gateway);
    if (r < 0) {
        closep(&fd);
        return r;
    }
    r = enforcement_open(fd, &gateway->enforcement);
    if (r < 0)
        return r;
    enforcement_count(gateway->enforcement, gateway->totals);
    r = conntrack_open(&gateway->conntrack);
    if (r < 0)
        log_message(LOG_WARNING, MESSAGE_KERNEL_REFUSED, "cannot read open connections: %s",
                    strerror(-r));

    *ret_gateway = TAKE_PTR(gateway);
    return 0;
}

static void entry_clear(struct audit_event *entry)
{
    free((char *)entry->object);
    free((char *)entry->reason);
    json_decref(entry->detail);
}

struct gateway *gateway_free(struct gateway *gateway)
{
    if (!gateway)
        return NULL;

    for (size_t i = 0; i < gateway->unwritten.n_entries; i++)
        entry_clear(&gateway->unwritten.entries[i]);
    free(gateway->unwritten.entries);
    for (size_t i = 0; i < gateway->n_incidents; i++)
        free(gateway->incidents[i].zone);
    agenda_clear(&gateway->agenda);
    policy_texts_clear(&gateway->unkept);
    generation_clear(&gateway->current);
    policy_image_clear(&gateway->image);
    state_clear(&gateway->state);
    audit_close(gateway->audit);
    generations_close(gateway->generations);
    closep(&gateway->copy_directory);
    closep(&gateway->lock);
    closep(&gateway->state_directory);
    links_close(gateway->links);
    denials_free(gateway->denied.denials);
    conntrack_close(gateway->conntrack);
    enforcement_free(gateway->enforcement);
    findings_free(gateway->findings);
    totals_free(gateway->totals);
    free(gateway);
    return NULL;
}

int gateway_enter_child(struct gateway *gateway, bool reads)
{
    bool has_conntrack = gateway->conntrack;
    int r;

    closep(&gateway->lock);
    gateway->lock = -1;
    gateway->conntrack = conntrack_close(gateway->conntrack);
    r = enforcement_enter_child(gateway->enforcement, reads);
    if (r == 0 && reads && has_conntrack)
        r = conntrack_open(&gateway->conntrack);
    return r < 0 || reads ? r : privileges_drop();
}

struct conntrack *gateway_conntrack(const struct gateway *gateway)
{
    const struct policy *outline = enforcement_outline(gateway->enforcement);

    if (gateway->conntrack)
        conntrack_set_mark_mask(gateway->conntrack, outline ? outline->mark_mask : 0);
    return gateway->conntrack;
}

bool gateway_take_changed(struct gateway *gateway)
{
    bool changed = gateway->changed;

    gateway->changed = false;
    return changed;
}

usec_t gateway_now(const struct gateway *gateway)
{
    usec_t now = calendar_now(), floor = gateway->state.overrides.clock_floor;

    return floor > now ? floor : now;
}

usec_t gateway_known_instant(const struct gateway *gateway)
{
    usec_t known = gateway->state_directory >= 0 ? state_instant(gateway->state_directory) : 0;

    return known == 0 && gateway->copy_directory >= 0 ? state_instant(gateway->copy_directory)
                                                      : known;
}

void gateway_judge_clock(struct gateway *gateway)
{
    struct overrides *overrides = &gateway->state.overrides;
    usec_t known = gateway_known_instant(gateway);
    char text[INSTANT_TEXT_MAX];

    gateway->n_commits++;
    if (calendar_now() >= EPOCH) {
        overrides->clock_floor = 0;
        findings_drop(gateway->findings, "clock", "clock-wrong", NULL);
        return;
    }
    if (overrides->clock_floor < EPOCH)
        overrides->clock_floor = EPOCH;
    if (overrides->clock_floor < known)
        overrides->clock_floor = known;
    instant_format(overrides->clock_floor, text);
    findings_report(gateway->findings, "clock", "clock-wrong", FINDING_CRITICAL, NULL,
                    "the clock shows a time before this version of segd was released: flows that "
                    "ended by %s stay closed, and schedules follow the wrong clock; set the clock",
                    text);
    log_message(
        LOG_CRIT, MESSAGE_CLOCK,
        "the clock shows a time before this version of segd was released; flows that ended by "
        "%s stay closed",
        text);
}

static int append(struct gateway *gateway, const struct audit_event *event)
{
    int r = gateway->audit ? audit_append(gateway->audit, event) : -ENOENT;

    if (r < 0) {
        if (findings_report(gateway->findings, "storage", "audit-not-written", FINDING_CRITICAL,
                            NULL, "cannot write the audit log: %s", strerror(-r)) > 0)
            log_message(LOG_ERR, MESSAGE_STORAGE, "cannot write the audit log: %s", strerror(-r));
        return r;
    }
    findings_drop(gateway->findings, "storage", "audit-not-written", NULL);
    if (audit_condition(gateway->audit) == AUDIT_TAMPERED &&
        findings_report(gateway->findings, "start", "audit-tampered", FINDING_CRITICAL, NULL,
                        "the audit log was changed by others: its chain is broken") > 0)
        log_message(LOG_CRIT, MESSAGE_STORAGE, "the audit log was changed by others");
    log_message(LOG_INFO, MESSAGE_AUDIT_HEAD, "audit %" PRIu64 " %s %s: %s",
                audit_sequence(gateway->audit), event->action, event->outcome,
                audit_head(gateway->audit));
    return 0;
}

/* Writes the entries that were kept, in the order in which things happened, until one fails. */
static int append_unwritten(struct gateway *gateway)
{
    struct unwritten *unwritten = &gateway->unwritten;
    size_t n = 0;
    int r = 0;

    while (n < unwritten->n_entries && r == 0) {
        r = append(gateway, &unwritten->entries[n]);
        if (r == 0)
            entry_clear(&unwritten->entries[n++]);
    }
    if (n > 0) {
        unwritten->n_entries -= n;
        memmove(unwritten->entries, unwritten->entries + n,
                unwritten->n_entries * sizeof(*unwritten->entries));
    }
    if (r == 0 && unwritten->omitted > 0) {
        cleanup_(json_decrefp) json_t *detail =
            json_pack("{s:I}", "omitted", (json_int_t)unwritten->omitted);

        r = append(gateway,
                   &(struct audit_event){
                       .actor = {.uid = -1, .name = "storage"},
                       .action = "entries-lost",
                       .reason = "too many entries while the audit log could not be written",
                       .from = gateway->current.number,
                       .to = gateway->current.number,
                       .outcome = "done",
                       .detail = detail,
                   });
        if (r == 0)
            unwritten->omitted = 0;
    }
    return r;
}

int gateway_audit(struct gateway *gateway, const struct audit_event *event)
{
    int r = append_unwritten(gateway);

    return r < 0 ? r : append(gateway, event);
}

/* Keeps a copy of the event, with the instant at which it happened. */
static int keep_entry(struct unwritten *unwritten, const struct audit_event *event)
{
    struct audit_event entry = *event;
    int r = array_reserve(&unwritten->entries, &unwritten->capacity, unwritten->n_entries + 1,
                          sizeof(*unwritten->entries));

    if (r < 0)
        return r;
    entry.when = event->when > 0 ? event->when : calendar_now();
    entry.object = event->object ? strdup(event->object) : NULL;
    entry.reason = event->reason ? strdup(event->reason) : NULL;
    entry.detail = json_incref(event->detail);
    if ((event->object && !entry.object) || (event->reason && !entry.reason)) {
        entry_clear(&entry);
        return -ENOMEM;
    }
    unwritten->entries[unwritten->n_entries++] = entry;
    return 0;
}

void gateway_audit_later(struct gateway *gateway, const struct audit_event *event)
{
    struct unwritten *unwritten = &gateway->unwritten;

    if (gateway_audit(gateway, event) == 0)
        return;
    gateway->changed = true;
    if (unwritten->n_entries >= UNWRITTEN_ENTRIES_MAX || keep_entry(unwritten, event) < 0)
        unwritten->omitted++;
}

static int write_generation(struct gateway *gateway)
{
    struct generation *current = &gateway->current;
    cleanup_(overrides_clear) struct overrides copy = {0};
    int r;

    if (current->number == 0 || !gateway->generations)
        return 0;
    r = overrides_copy(&gateway->state.overrides, &copy);
    if (r < 0)
        return r;
    overrides_clear(&current->overrides);
    current->overrides = copy;
    copy = (struct overrides){0};
    return generations_update(gateway->generations, current);
}

/* Turns the result of writing the state into a finding, or drops that. */
static void note_kept(struct gateway *gateway, int result)
{
    gateway->unwritten.state = result < 0;
    if (result == 0)
        findings_drop(gateway->findings, "storage", "state-behind", NULL);
    else if (findings_report(gateway->findings, "storage", "state-behind", FINDING_CRITICAL, NULL,
                             "cannot write the state, so what is enforced now would not survive a "
                             "reboot: %s",
                             strerror(-result)) > 0)
        log_message(LOG_ERR, MESSAGE_STORAGE, "cannot write the state: %s", strerror(-result));
}

int gateway_write_state(struct gateway *gateway, struct state *state)
{
    int r = -ENOENT;

    if (gateway->audit && audit_sequence(gateway->audit) > 0) {
        state->audit_sequence = audit_sequence(gateway->audit);
        strcpy(state->audit_head, audit_head(gateway->audit));
    }
    if (gateway->state_directory >= 0)
        r = state_write(gateway->state_directory, state);
    return r == 0 && gateway->copy_directory >= 0 ? state_write(gateway->copy_directory, state) : r;
}

void gateway_keep_state(struct gateway *gateway)
{
    int r = gateway_write_state(gateway, &gateway->state);

    note_kept(gateway, r == 0 ? write_generation(gateway) : r);
}

void gateway_keep_generation(struct gateway *gateway)
{
    int r = write_generation(gateway);

    if (r < 0)
        note_kept(gateway, r);
}

void gateway_keep_audit_end(struct gateway *gateway)
{
    int r;

    if (!gateway->audit || gateway->state_directory < 0 || gateway->unwritten.state ||
        audit_sequence(gateway->audit) == gateway->state.audit_sequence)
        return;
    r = gateway_write_state(gateway, &gateway->state);
    if (r < 0)
        note_kept(gateway, r);
}

bool gateway_write_unwritten(struct gateway *gateway)
{
    struct unwritten *unwritten = &gateway->unwritten;

    if (unwritten->state)
        gateway_keep_state(gateway);
    if (unwritten->n_entries > 0 || unwritten->omitted > 0)
        append_unwritten(gateway);
    return unwritten->state || unwritten->n_entries > 0 || unwritten->omitted > 0;
}

void gateway_forward(struct gateway *gateway)
{
    const char *setting = NULL;
    int r = forwarding_enable(&setting);

    if (r == 0) {
        findings_drop(gateway->findings, "forwarding", "forwarding-refused", NULL);
    } else if (findings_report(gateway->findings, "forwarding", "forwarding-refused",
                               FINDING_CRITICAL, setting, "cannot switch on %s: %s", setting,
                               strerror(-r)) > 0) {
        log_message(LOG_ERR, MESSAGE_FORWARDING, "cannot switch on %s: %s", setting, strerror(-r));
    }
}
