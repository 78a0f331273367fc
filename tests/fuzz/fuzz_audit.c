/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any bytes as an audit log: as they are, and with each line holding the hash of the line before,
 * which no fuzzer would find. A byte 0x1e ends an older file. Whatever stands there, the log goes
 * on, and when it is opened again it is as it was left; nothing may crash or leak.
 *
 *   meson setup build-fuzz -Dfuzzing=true -Db_sanitize=address,undefined -Db_lundef=false
 * (CC=clang) build-fuzz/tests/fuzz/fuzz_audit -max_total_time=60 CORPUS tests/fuzz/corpus/audit
 */

#include <errno.h>
#include <jansson.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/sha256.h"
#include "daemon/record/audit.h"
#include "fuzz_folder.h"

#define SEPARATOR 0x1e
#define DIGITS (SHA256_TEXT_MAX - 1)

/* Makes each line that has a place for it hold the hash of the line before. */
static void link_lines(char *text, size_t size)
{
    static const char key[] = "\"previous\": \"";
    char head[SHA256_TEXT_MAX];
    char *end;

    memset(head, '0', DIGITS);
    for (char *line = text; size > 0 && (end = memchr(line, '\n', size)); line = end + 1) {
        char *place = memmem(line, (size_t)(end - line), key, strlen(key));

        if (place && (size_t)(end - place) > strlen(key) + DIGITS)
            memcpy(place + strlen(key), head, DIGITS);
        sha256_text(line, (size_t)(end - line), head);
        size -= (size_t)(end - line) + 1;
        if (size > 0 && end[1] == SEPARATOR) {
            size--;
            end++;
        }
    }
}

static void put_files(const struct fuzz_folder *folder, const char *text, size_t size)
{
    const char *separator = memchr(text, SEPARATOR, size);
    size_t older = separator ? (size_t)(separator - text) : 0;

    if (separator)
        fuzz_folder_put(folder, "audit-1.log", text, older);
    fuzz_folder_put(folder, "audit.log", separator ? separator + 1 : text,
                    separator ? size - older - 1 : size);
}

#define NO_LOG_REACHES (UINT64_C(1) << 40)

static struct audit *open_log(const struct fuzz_folder *folder, enum audit_condition *ret_condition)
{
    struct audit *audit = NULL;

    if (audit_open(folder->directory, 2000, NULL, &audit, ret_condition) < 0 ||
        *ret_condition == AUDIT_UNREADABLE)
        abort();
    return audit;
}

static void append(struct audit *audit)
{
    struct audit_event event = {.actor = {.uid = -1}, .action = "start", .outcome = "done"};

    for (unsigned i = 0; i < 3; i++) {
        if (audit_append(audit, &event) < 0)
            abort();
    }
}

static void try(const char *text, size_t size)
{
    cleanup_(fuzz_folder_remove) struct fuzz_folder folder = fuzz_folder_make();
    cleanup_(audit_closep) struct audit *audit = NULL;
    cleanup_(json_decrefp) json_t *entries = NULL;
    cleanup_(freep) char *problem = NULL;
    enum audit_condition condition, found;
    char head[SHA256_TEXT_MAX];
    uint64_t n_entries, sequence;

    put_files(&folder, text, size);
    audit = open_log(&folder, &found);
    append(audit);
    if (audit_read(audit, 0, 1000, &entries) < 0 || json_array_size(entries) < 3)
        abort();
    if (audit_verify(audit, &n_entries, &problem) < 0)
        abort();
    if (found == AUDIT_TAMPERED && !problem)
        abort();

    strcpy(head, audit_head(audit));
    sequence = audit_sequence(audit);
    audit = audit_close(audit);
    audit = open_log(&folder, &condition);
    /* Where others wrote numbers that no log reaches, it may be found tampered with once more. */
    if (sequence < NO_LOG_REACHES &&
        (condition != AUDIT_GOOD || strcmp(head, audit_head(audit)) != 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cleanup_(freep) char *text = malloc(size + 1);

    if (!text)
        abort();
    memcpy(text, bytes, size);
    try(text, size);
    link_lines(text, size);
    try(text, size);
    return 0;
}
