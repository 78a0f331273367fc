/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Generations on their way to the disk. The texts are written first and the record behind them, so
 * that a record that is there has its texts.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "daemon/record/document.h"
#include "daemon/record/fields.h"
#include "daemon/record/generation.h"
#include "daemon/record/generation_private.h"
#include "daemon/record/state.h"

static json_t *record_to_json(const struct generation *generation)
{
    cleanup_(json_decrefp) json_t *json = json_object();

    if (fields_put_number(json, "version", GENERATION_VERSION) < 0 ||
        fields_put_number(json, "number", generation->number) < 0 ||
        fields_put_number(json, "previous", generation->previous) < 0 ||
        fields_put_number(json, "source", generation->source) < 0 ||
        fields_put_text(json, "fingerprint", generation->fingerprint) < 0 ||
        json_object_set_new(json, "actor", actor_to_json(&generation->actor)) < 0 ||
        fields_put_instant(json, "when", generation->when) < 0 ||
        fields_put_text(json, "reason", generation->reason) < 0 ||
        fields_put_text(json, "outcome", generation_outcome_to_string(generation->outcome)) < 0 ||
        json_object_set_new(json, "overrides", overrides_to_json(&generation->overrides)) < 0)
        return NULL;
    return TAKE_PTR(json);
}

static json_t *texts_to_json(const struct policy_text *texts, size_t n_texts)
{
    cleanup_(json_decrefp) json_t *json = json_object(), *list = json_array();

    for (size_t i = 0; i < n_texts; i++) {
        json_t *text = json_object();

        if (json_array_append_new(list, text) < 0 ||
            fields_put_text(text, "name", texts[i].name) < 0 ||
            json_object_set_new(text, "text", json_stringn(texts[i].text, texts[i].size)) < 0)
            return NULL;
    }
    if (fields_put_number(json, "version", GENERATION_VERSION) < 0 ||
        json_object_set(json, "texts", list) < 0)
        return NULL;
    return TAKE_PTR(json);
}

static int write_record(struct generations *generations, const struct generation *generation)
{
    cleanup_(json_decrefp) json_t *json = NULL;
    cleanup_(generation_clear) struct generation again = {0};
    char name[GENERATION_NAME_MAX];
    int r;

    json = record_to_json(generation);
    if (!json)
        return -ENOMEM;

    /* What would not be believed later is not written. */
    r = generation_from_json(json, generation->number, &again, NULL);
    if (r < 0)
        return r == -EBADMSG ? -EINVAL : r;

    return document_write(generations->directory,
                          generation_file_name(generation->number, GENERATION_RECORD, name),
                          GENERATION_RECORD_MAX, json);
}

/* Returns 0, or -EINVAL for texts that JSON cannot hold or that are of no file. */
static int check_texts(const struct policy_text *texts, size_t n_texts)
{
    for (size_t i = 0; i < n_texts; i++) {
        if (texts[i].expires != 0 || !*texts[i].name ||
            utf8_invalid_offset(texts[i].name, strlen(texts[i].name)) != strlen(texts[i].name) ||
            utf8_invalid_offset(texts[i].text, texts[i].size) != texts[i].size)
            return -EINVAL;
    }
    return 0;
}

static int write_texts(struct generations *generations, uint64_t number,
                       const struct policy_text *texts, size_t n_texts)
{
    cleanup_(json_decrefp) json_t *json = NULL;
    char name[GENERATION_NAME_MAX];

    json = texts_to_json(texts, n_texts);
    if (!json)
        return -ENOMEM;
    return document_write(generations->directory,
                          generation_file_name(number, GENERATION_TEXTS, name),
                          GENERATION_TEXTS_MAX, json);
}

/* Returns 0, -EEXIST or -errno. */
static int check_absent(struct generations *generations, uint64_t number, enum generation_file file)
{
    char name[GENERATION_NAME_MAX];
    struct stat status;

    if (fstatat(generations->directory, generation_file_name(number, file, name), &status,
                AT_SYMLINK_NOFOLLOW) >= 0)
        return -EEXIST;
    return errno == ENOENT ? 0 : -errno;
}

int generations_write(struct generations *generations, const struct generation *generation,
                      const struct policy_text *texts, size_t n_texts, const uint64_t *keep,
                      size_t n_keep)
{
    char fingerprint[SHA256_TEXT_MAX], name[GENERATION_NAME_MAX];
    int r;

    r = check_texts(texts, n_texts);
    if (r < 0)
        return r;
    if (strcmp(policy_texts_fingerprint(texts, n_texts, fingerprint), generation->fingerprint) != 0)
        return -EINVAL;

    r = check_absent(generations, generation->number, GENERATION_RECORD);
    if (r < 0)
        return r;

    r = write_texts(generations, generation->number, texts, n_texts);
    if (r >= 0)
        r = write_record(generations, generation);
    if (r < 0) {
        /* The record too: the last fsync may have failed behind its rename. */
        unlinkat(generations->directory,
                 generation_file_name(generation->number, GENERATION_RECORD, name), 0);
        unlinkat(generations->directory,
                 generation_file_name(generation->number, GENERATION_TEXTS, name), 0);
        return r;
    }

    /* The new one is there, which is what was asked for; old ones can be forgotten next time. */
    generations_forget(generations, generation->number, keep, n_keep);
    return 0;
}

int generations_update(struct generations *generations, const struct generation *generation)
{
    int r;

    r = check_absent(generations, generation->number, GENERATION_RECORD);
    if (r != -EEXIST)
        return r < 0 ? r : -ENOENT;
    return write_record(generations, generation);
}
