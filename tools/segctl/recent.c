/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What changed in the last 24 hours: a line of status, from the audit log. */

#include "recent.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "reply.h"
#include "words.h"

#define DAY (24 * 3600 * USEC_PER_SEC)
/* Entries that are asked for. */
#define ENTRIES_MAX 500
#define KINDS_MAX 16

struct recent {
    struct {
        char action[32];
        size_t n;
    } kinds[KINDS_MAX];
    size_t n_kinds;
    char last[128]; /* `02:11 tanaka isolate lgwan` */
    bool cut;       /* the log has more of these 24 hours than was asked for */
};

/* More kinds than there is room for are counted with the last. */
static void count(struct recent *recent, const char *action)
{
    size_t i = 0;

    while (i < recent->n_kinds && strcmp(recent->kinds[i].action, action) != 0)
        i++;
    if (i == KINDS_MAX)
        i = KINDS_MAX - 1;
    if (i == recent->n_kinds)
        snprintf(recent->kinds[recent->n_kinds++].action, sizeof(recent->kinds[0].action), "%s",
                 action);
    recent->kinds[i].n++;
}

/* An entry that says that something is done. What only began, and starts of the daemon, which
 * change nothing, are left out. */
static void add(struct recent *recent, const struct audit_entry *entry)
{
    time_t time = entry->time / USEC_PER_SEC;
    struct tm tm = {0};

    if (strcmp(entry->outcome, "done") != 0 || strcmp(entry->action, "start") == 0)
        return;
    count(recent, entry->action);
    localtime_r(&time, &tm);
    snprintf(recent->last, sizeof(recent->last), "%02d:%02d %s %s%s%s", tm.tm_hour, tm.tm_min,
             entry->who, entry->action, entry->object ? " " : "",
             entry->object ? entry->object : "");
}

/* Returns 0 or -ENOMEM. */
static int read_entries(const json_t *reply, struct recent *recent)
{
    const json_t *entries = json_object_get(reply, "entries");
    const usec_t since = calendar_now() - DAY;
    const json_t *json;
    size_t i;

    json_array_foreach(entries, i, json)
    {
        struct audit_entry entry = {0};

        if (record_decode_reply(&audit_entry_type, json, &entry) < 0)
            return -ENOMEM;
        if (entry.time >= since)
            add(recent, &entry);
        if (i == 0)
            recent->cut = entry.time >= since && entry.sequence > 1;
        record_clear(&audit_entry_type, &entry);
    }
    return 0;
}

static void write_line(FILE *stream, const struct recent *recent)
{
    if (recent->n_kinds == 0) {
        fputs("nothing changed in the last 24 hours\n", stream);
        return;
    }
    fprintf(stream, "in the last 24 hours%s:", recent->cut ? ", of the newest entries" : "");
    for (size_t i = 0; i < recent->n_kinds; i++)
        words_print(stream, "%s %" PRIu64 " %s", i > 0 ? "," : "", (uint64_t)recent->kinds[i].n,
                    recent->kinds[i].action);
    words_print(stream, "; last %s\n", recent->last);
}

/* The newest entries. Returns a new reference; NULL where there are none to be had, which is no
 * reason to show nothing else. */
static json_t *ask(const struct remote *remote, uint64_t sequence)
{
    const uint64_t after = sequence > ENTRIES_MAX ? sequence - ENTRIES_MAX : 0;
    json_t *reply = NULL;

    remote_try(remote, "ShowAudit",
               json_pack("{s:I, s:i}", "after", (json_int_t)after, "limit", ENTRIES_MAX), &reply);
    return reply;
}

int recent_read(struct remote *remote, uint64_t sequence, char **ret_line)
{
    cleanup_(json_decrefp) json_t *reply = ask(remote, sequence);
    cleanup_(freep) char *text = NULL;
    struct recent recent = {0};
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    int r;

    if (!stream)
        return -ENOMEM;
    r = reply ? read_entries(reply, &recent) : 0;
    if (r == 0 && reply)
        write_line(stream, &recent);
    if (fclose(stream) != 0 || r < 0)
        return -ENOMEM;
    *ret_line = TAKE_PTR(text);
    return 0;
}
