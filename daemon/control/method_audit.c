/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The audit log for its readers, and for those who follow it as it is written. */

#include <errno.h>
#include <stdlib.h>

#include "daemon/control/method.h"

#define LIMIT_DEFAULT 1000

/* A call that waits for entries behind the last one it was given. */
struct follower {
    struct followers *followers;
    struct follower *next;
    struct call *call;
    uint64_t after;
};

struct followers {
    struct follower *first;
};

static void unlink_follower(struct follower *follower)
{
    struct follower **link = &follower->followers->first;

    while (*link && *link != follower)
        link = &(*link)->next;
    if (*link)
        *link = follower->next;
    free(follower);
}

static void on_gone(struct call *call, void *userdata)
{
    (void)call;
    unlink_follower(userdata);
}

/* Entries behind `*after`, which moves on with them. NULL without memory or where they cannot be
 * read. */
static json_t *take_entries(struct manager *manager, uint64_t *after, size_t limit)
{
    json_t *entries = NULL;
    size_t n;

    if (!manager->audit || audit_read(manager->audit, *after, limit, &entries) < 0)
        return NULL;
    n = json_array_size(entries);
    if (n > 0)
        *after = (uint64_t)json_integer_value(
            json_object_get(json_array_get(entries, n - 1), "sequence"));
    return json_pack("{s:o}", "entries", entries);
}

/* Gives a follower all that it has not seen. */
static int tell(struct manager *manager, struct call *call, uint64_t *after)
{
    size_t n;
    int r;

    do {
        json_t *entries = take_entries(manager, after, LIMIT_DEFAULT);

        n = json_array_size(json_object_get(entries, "entries"));
        r = call_continue(call, entries);
    } while (r == 0 && n == LIMIT_DEFAULT);
    return r;
}

/* What was read of the log for one follower, for the others that stand where it stood. */
struct news {
    uint64_t after; /* which entry */
    uint64_t last;  /* of the entries; `after` where there is none */
    json_t *entries;
};

static void news_clear(struct news *news)
{
    json_decref(news->entries);
}

/*
 * The log is a file that is read from its beginning, and this is done before what is written down
 * is done: hundreds of followers must not hold up who cuts off a zone. So nothing is read for one
 * that has all there is, and once for all others, who as a rule lack the same entry.
 */
static int tell_news(struct manager *manager, struct follower *follower, struct news *news)
{
    if (follower->after >= audit_sequence(manager->audit))
        return 0;
    if (!news->entries || news->after != follower->after) {
        json_decref(news->entries);
        news->after = news->last = follower->after;
        news->entries = take_entries(manager, &news->last, LIMIT_DEFAULT);
    }
    follower->after = news->last;
    return call_continue(follower->call, json_incref(news->entries));
}

void manager_tell_followers(struct manager *manager)
{
    struct follower *follower = manager->followers ? manager->followers->first : NULL;
    cleanup_(news_clear) struct news news = {0};

    while (follower) {
        struct follower *next = follower->next;

        /* One that does not read is let go: it can ask again from where it stopped. */
        if (tell_news(manager, follower, &news) < 0) {
            struct call *call = follower->call;

            unlink_follower(follower);
            call_error(call, "Refused",
                       json_pack("{s:s}", "message", "entries were not read in time"));
        }
        follower = next;
    }
}

struct followers *followers_free(struct followers *followers)
{
    while (followers && followers->first) {
        call_keep(followers->first->call, NULL, NULL);
        unlink_follower(followers->first);
    }
    free(followers);
    return NULL;
}

static int follow(struct call *call, struct manager *manager, uint64_t after)
{
    struct follower *follower = calloc(1, sizeof(*follower));
    int r;

    if (!manager->followers)
        manager->followers = calloc(1, sizeof(*manager->followers));
    if (!manager->followers || !follower) {
        free(follower);
        return -ENOMEM;
    }
    *follower = (struct follower){manager->followers, manager->followers->first, call, after};
    r = tell(manager, call, &follower->after);
    if (r < 0) {
        free(follower);
        return r;
    }
    manager->followers->first = follower;
    call_keep(call, on_gone, follower);
    return 0;
}

int method_show_audit(struct call *call, const json_t *parameters, void *userdata)
{
    struct manager *manager = userdata;
    json_int_t after = method_get_number(parameters, "after", 0);
    json_int_t limit = method_get_number(parameters, "limit", LIMIT_DEFAULT);
    uint64_t first = after > 0 ? (uint64_t)after : 0;
    json_t *reply;

    if (call_wants_more(call))
        return follow(call, manager, first);
    if (limit < 1 || limit > LIMIT_DEFAULT)
        limit = LIMIT_DEFAULT;
    reply = take_entries(manager, &first, (size_t)limit);
    if (!reply)
        return call_error(call, "StorageFailed",
                          json_pack("{s:s}", "message", "the audit log cannot be read"));
    return call_reply(call, reply);
}

int method_verify_audit(struct call *call, const json_t *parameters, void *userdata)
{
    struct manager *manager = userdata;
    cleanup_(freep) char *problem = NULL;
    uint64_t entries = 0;
    int r = manager->audit ? audit_verify(manager->audit, &entries, &problem) : -ENOENT;

    (void)parameters;
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return call_error(call, "StorageFailed",
                          json_pack("{s:s}", "message", "the audit log cannot be read"));
    return call_reply(call, json_pack("{s:b, s:I, s:s, s:o}", "ok", problem == NULL, "entries",
                                      (json_int_t)entries, "head", audit_head(manager->audit),
                                      "problem", method_text(problem)));
}
