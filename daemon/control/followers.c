/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Clients that get each entry of the audit log as it is written. */

#include "daemon/control/followers.h"

#include <errno.h>
#include <stdlib.h>

/* A call that waits for entries after number `after`. */
struct follower {
    struct followers *followers;
    struct follower *next;
    struct call *call;
    uint64_t after;
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

json_t *followers_read(const struct gateway *gateway, uint64_t *after, size_t limit)
{
    json_t *entries = NULL;
    size_t n;

    if (!gateway->audit || audit_read(gateway->audit, *after, limit, &entries) < 0)
        return NULL;
    n = json_array_size(entries);
    if (n > 0)
        *after = (uint64_t)json_integer_value(
            json_object_get(json_array_get(entries, n - 1), "sequence"));
    return json_pack("{s:o}", "entries", entries);
}

/* Sends all entries after number `*after`. */
static int tell(const struct gateway *gateway, struct call *call, uint64_t *after)
{
    size_t n;
    int r;

    do {
        json_t *entries = followers_read(gateway, after, FOLLOWERS_ENTRIES_MAX);

        n = json_array_size(json_object_get(entries, "entries"));
        r = call_continue(call, entries);
    } while (r == 0 && n == FOLLOWERS_ENTRIES_MAX);
    return r;
}

/* Entries that were read for one follower, for the others that lack the same ones. */
struct news {
    uint64_t after; /* they come after this number */
    uint64_t last;  /* number of the last one; `after` if there is none */
    json_t *entries;
};

static void news_clear(struct news *news)
{
    json_decref(news->entries);
}

/*
 * The log is read from the beginning of a file, and this delays every change, so hundreds of
 * followers must not cost hundreds of readings. Nothing is read for a follower that has all
 * entries, and the others share one reading, since they usually lack the same entries.
 */
static int tell_news(const struct gateway *gateway, struct follower *follower, struct news *news)
{
    if (follower->after >= audit_sequence(gateway->audit))
        return 0;
    if (!news->entries || news->after != follower->after) {
        json_decref(news->entries);
        news->after = news->last = follower->after;
        news->entries = followers_read(gateway, &news->last, FOLLOWERS_ENTRIES_MAX);
    }
    follower->after = news->last;
    return call_continue(follower->call, json_incref(news->entries));
}

void followers_tell(struct followers *followers, const struct gateway *gateway)
{
    struct follower *follower = followers->first;
    cleanup_(news_clear) struct news news = {0};

    while (follower) {
        struct follower *next = follower->next;

        /* A client that does not read is cut off; it can ask again from its last entry. */
        if (tell_news(gateway, follower, &news) < 0) {
            struct call *call = follower->call;

            unlink_follower(follower);
            call_error(
                call, "Refused",
                json_pack("{s:s}", "message",
                          "entries were not read in time; ask again from the last one you have"));
        }
        follower = next;
    }
}

void followers_clear(struct followers *followers)
{
    while (followers->first) {
        call_keep(followers->first->call, NULL, NULL);
        unlink_follower(followers->first);
    }
}

int followers_add(struct followers *followers, const struct gateway *gateway, struct call *call,
                  uint64_t after)
{
    struct follower *follower = calloc(1, sizeof(*follower));
    int r;

    if (!follower)
        return -ENOMEM;
    *follower = (struct follower){followers, followers->first, call, after};
    r = tell(gateway, call, &follower->after);
    if (r < 0) {
        free(follower);
        return r;
    }
    followers->first = follower;
    call_keep(call, on_gone, follower);
    return 0;
}
