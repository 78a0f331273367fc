/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Interfaces and tables of others change in bursts, so bypasses are looked for a moment after the
 * first change. And of much that makes a bypass the kernel tells nobody: settings, virtual servers,
 * programs, policies of IPsec. So they are looked for now and then, too. */

#include "daemon/watch/links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/arena.h"
#include "daemon/log.h"
#include "daemon/watch/interfaces.h"
#include "observe/bypass.h"

#define SETTLE_USEC 200000
#define AGAIN_USEC 10000000

struct links_watch {
    sd_event *event;
    struct gateway *gateway;
    sd_event_source *source;
    sd_event_source *look;  /* after SETTLE_USEC */
    sd_event_source *again; /* every AGAIN_USEC */
    struct interfaces interfaces;
};

struct links_watch *links_watch_free(struct links_watch *watch)
{
    if (!watch)
        return NULL;

    sd_event_source_disable_unref(watch->again);
    sd_event_source_disable_unref(watch->look);
    sd_event_source_disable_unref(watch->source);
    interfaces_clear(&watch->interfaces);
    free(watch);
    return NULL;
}

/* Where nothing passes now that should not: without forwarding nothing passes, other tables and
 * names that are not met can only take packets away, and `unknown` means that something could not
 * be checked. */
static bool is_harmless(const char *code)
{
    static const char *const codes[] = {
        "forwarding-off", BYPASS_OTHERS_DROP, "others-mark", "own-address",
        "legacy-tables",  "vrf-not-in-zone",  "vrf-output",  "alternative-name",
        "ipsec-policy",   "connections-many", "unknown",
    };

    for (size_t i = 0; i < ELEMENTS_OF(codes); i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

void links_watch_look(struct gateway *gateway)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    const struct policy *outline = enforcement_outline(gateway->enforcement);
    struct bypasses bypasses = {0};

    /* In a lockdown there are no bypasses to look for; findings of the earlier policy are dropped.
     */
    if (outline &&
        (!gateway->links || arena_new(&arena) < 0 ||
         bypasses_find(outline, gateway->links, enforcement_nftables(gateway->enforcement), arena,
                       &bypasses) < 0))
        return;

    findings_begin(gateway->findings, "bypass");
    for (size_t i = 0; i < bypasses.n_bypasses; i++) {
        const struct bypass *bypass = &bypasses.bypasses[i];
        int r = findings_report(gateway->findings, "bypass", bypass->code,
                                is_harmless(bypass->code) ? FINDING_WARNING : FINDING_CRITICAL,
                                bypass->object, "%s", bypass->message);

        if (r > 0)
            log_message(LOG_WARNING, MESSAGE_BYPASS, "%s: %s", bypass->code, bypass->message);
    }
    findings_end(gateway->findings, "bypass");
}

static void look(struct links_watch *watch)
{
    const struct gateway *gateway = watch->gateway;

    links_watch_look(watch->gateway);
    interfaces_follow(&watch->interfaces, enforcement_outline(gateway->enforcement),
                      gateway->links);
}

static int on_settled(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    look(userdata);
    return 0;
}

void links_watch_look_soon(struct links_watch *watch)
{
    int enabled = SD_EVENT_OFF;

    if (watch->look)
        sd_event_source_get_enabled(watch->look, &enabled);
    if (enabled != SD_EVENT_OFF)
        return;
    watch->look = sd_event_source_disable_unref(watch->look);
    sd_event_add_time_relative(watch->event, &watch->look, CLOCK_MONOTONIC, SETTLE_USEC, 1000,
                               on_settled, watch);
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct links_watch *watch = userdata;
    int r;

    (void)usec;
    look(watch);
    r = sd_event_source_set_time_relative(source, AGAIN_USEC);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_links(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct links_watch *watch = userdata;
    struct findings *findings = watch->gateway->findings;
    int r = links_read(watch->gateway->links);

    (void)source;
    (void)fd;
    (void)events;
    if (r < 0) {
        findings_report(findings, "links", "links-unknown", FINDING_WARNING, NULL,
                        "cannot follow the interfaces: %s", strerror(-r));
        return 0;
    }
    findings_drop(findings, "links", "links-unknown", NULL);
    if (r > 0)
        links_watch_look_soon(watch);
    return 0;
}

int links_watch_new(sd_event *event, struct gateway *gateway, struct links_watch **ret_watch)
{
    cleanup_(links_watch_freep) struct links_watch *watch = calloc(1, sizeof(*watch));
    int r;

    if (!watch)
        return -ENOMEM;
    watch->event = event;
    watch->gateway = gateway;
    r = links_open(&gateway->links);
    if (r == 0)
        r = sd_event_add_io(event, &watch->source, links_fd(gateway->links), EPOLLIN, on_links,
                            watch);
    if (r == 0)
        r = sd_event_add_time_relative(event, &watch->again, CLOCK_MONOTONIC, AGAIN_USEC, 0,
                                       on_again, watch);
    if (r < 0)
        return r;
    interfaces_follow(&watch->interfaces, enforcement_outline(gateway->enforcement),
                      gateway->links);

    *ret_watch = TAKE_PTR(watch);
    return 0;
}
