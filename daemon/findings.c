/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Findings are few, so each search walks the whole list. */

#include "daemon/findings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/compare.h"

struct entry {
    struct finding finding;
    bool stale; /* not reported again since findings_begin() */
};

struct findings {
    struct entry **entries;
    size_t n_entries;
    size_t capacity;
    struct finding *list; /* what findings_list() returned; room for all of `entries` */
    size_t list_capacity;
};

int findings_new(struct findings **ret_findings)
{
    *ret_findings = calloc(1, sizeof(**ret_findings));
    return *ret_findings ? 0 : -ENOMEM;
}

static struct entry *entry_free(struct entry *entry)
{
    if (!entry)
        return NULL;

    free(entry->finding.object);
    free(entry->finding.message);
    free(entry);
    return NULL;
}
DEFINE_CLEANUP(struct entry, entry_free)

struct findings *findings_free(struct findings *findings)
{
    if (!findings)
        return NULL;

    for (size_t i = 0; i < findings->n_entries; i++)
        entry_free(findings->entries[i]);
    free(findings->entries);
    free(findings->list);
    free(findings);
    return NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_same(const struct finding *finding, const char *source, const char *code,
                    const char *object)
{
    return strcmp(finding->source, source) == 0 && strcmp(finding->code, code) == 0 &&
           same_text(finding->object, object);
}

static void remove_at(struct findings *findings, size_t i)
{
    entry_free(findings->entries[i]);
    memmove(findings->entries + i, findings->entries + i + 1,
            (--findings->n_entries - i) * sizeof(*findings->entries));
}

void findings_begin(struct findings *findings, const char *source)
{
    for (size_t i = 0; i < findings->n_entries; i++) {
        if (strcmp(findings->entries[i]->finding.source, source) == 0)
            findings->entries[i]->stale = true;
    }
}

size_t findings_end(struct findings *findings, const char *source)
{
    size_t n = 0;

    for (size_t i = findings->n_entries; i-- > 0;) {
        const struct entry *entry = findings->entries[i];

        if (entry->stale && strcmp(entry->finding.source, source) == 0) {
            remove_at(findings, i);
            n++;
        }
    }
    return n;
}

void findings_drop(struct findings *findings, const char *source, const char *code,
                   const char *object)
{
    for (size_t i = findings->n_entries; i-- > 0;) {
        const struct finding *finding = &findings->entries[i]->finding;

        if (strcmp(finding->source, source) == 0 && strcmp(finding->code, code) == 0 &&
            (!object || same_text(finding->object, object)))
            remove_at(findings, i);
    }
}

static struct entry *find(struct findings *findings, const char *source, const char *code,
                          const char *object)
{
    for (size_t i = 0; i < findings->n_entries; i++) {
        if (is_same(&findings->entries[i]->finding, source, code, object))
            return findings->entries[i];
    }
    return NULL;
}

/* On success the message belongs to the new entry. */
static int add(struct findings *findings, const struct finding *finding)
{
    cleanup_(entry_freep) struct entry *entry = calloc(1, sizeof(*entry));
    int r;

    if (!entry)
        return -ENOMEM;
    entry->finding = *finding;
    entry->finding.message = NULL;
    entry->finding.object = finding->object ? strdup(finding->object) : NULL;
    if (finding->object && !entry->finding.object)
        return -ENOMEM;

    r = array_reserve(&findings->entries, &findings->capacity, findings->n_entries + 1,
                      sizeof(*findings->entries));
    if (r == 0)
        r = array_reserve(&findings->list, &findings->list_capacity, findings->n_entries + 1,
                          sizeof(*findings->list));
    if (r < 0)
        return r;

    entry->finding.message = finding->message;
    entry->finding.since = calendar_now();
    findings->entries[findings->n_entries++] = TAKE_PTR(entry);
    return 1;
}

int findings_report(struct findings *findings, const char *source, const char *code,
                    enum finding_severity severity, const char *object, const char *format, ...)
{
    struct entry *entry = find(findings, source, code, object);
    char *message = NULL;
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (r < 0)
        return -ENOMEM;

    if (entry) {
        free(entry->finding.message);
        entry->finding.message = message;
        entry->finding.severity = severity;
        entry->stale = false;
        return 0;
    }

    r = add(findings, &(struct finding){
                          .source = source,
                          .code = code,
                          .severity = severity,
                          .object = (char *)object,
                          .message = message,
                      });
    if (r < 0)
        free(message);
    return r;
}

static int compare(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;

    return COMPARE(y->severity, x->severity) ?: COMPARE(x->since, y->since);
}

size_t findings_list(const struct findings *findings, const struct finding **ret_list)
{
    for (size_t i = 0; i < findings->n_entries; i++)
        findings->list[i] = findings->entries[i]->finding;
    if (findings->n_entries > 1)
        qsort(findings->list, findings->n_entries, sizeof(*findings->list), compare);
    *ret_list = findings->list;
    return findings->n_entries;
}
