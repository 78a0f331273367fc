/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The log of refused packets is read when nothing else is to be done, one message of the kernel at
 * a time: a flood costs only packets of the log, which are counted as lost.
 */

#include "daemon/watch/denials.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "daemon/log.h"
#include "observe/nflog.h"
#include "ruleset/compile.h"

/* How long after a failure the log is opened again. */
#define RETRY_USEC 10000000
/* How long after a packet followers are told at the latest. */
#define TELL_USEC 1000000

struct denials_watch {
    sd_event *event;
    struct gateway *gateway;
    struct nflog *nflog;
    sd_event_source *source;
    sd_event_source *retry;
    sd_event_source *tell;
};

static void close_log(struct denials_watch *watch)
{
    watch->source = sd_event_source_disable_unref(watch->source);
    watch->nflog = nflog_close(watch->nflog);
    watch->gateway->denied.since = 0;
}

struct denials_watch *denials_watch_free(struct denials_watch *watch)
{
    if (!watch)
        return NULL;

    close_log(watch);
    sd_event_source_disable_unref(watch->retry);
    sd_event_source_disable_unref(watch->tell);
    free(watch);
    return NULL;
}

static const char *interface_name(const struct gateway *gateway, unsigned index)
{
    const struct link *link = gateway->links ? links_find_index(gateway->links, (int)index) : NULL;

    return link ? link->name : NULL;
}

static bool has_interface(const struct zone *zone, const char *name)
{
    for (size_t i = 0; i < zone->n_interfaces; i++)
        if (strcmp(zone->interfaces[i], name) == 0)
            return true;
    return false;
}

/*
 * The zone at an interface: the one that owns the address, if it is there; else the only one that
 * is there, or all of them. "" where no zone names the interface.
 */
static const char *zone_at(const struct gateway *gateway, unsigned index, enum family family,
                           ip_number address)
{
    const struct policy *outline = enforcement_outline(gateway->enforcement);
    const struct ruleset *ruleset = enforcement_ruleset(gateway->enforcement);
    const char *name = interface_name(gateway, index);
    const struct element *found;
    uint8_t key[IFNAMSIZ] = {0};
    size_t zone;

    if (!name || !outline)
        return "";
    if (policy_zone_of_address(outline, family, address, &zone) &&
        has_interface(&outline->zones[zone], name))
        return outline->zones[zone].name;

    memcpy(key, name, strnlen(name, sizeof(key) - 1));
    found = set_find_element(ruleset_find_set(ruleset, RULESET_INTERFACES),
                             &(struct element){.key = key});
    return found && found->comment ? found->comment : "";
}

/* Whether packets are refused for it where both ends are known: after routing. */
static bool has_two_ends(enum reason reason)
{
    switch (reason) {
    case REASON_NO_FLOW:
    case REASON_SUSPENDED:
    case REASON_INVALID:
    case REASON_LIMITED:
    case REASON_ISOLATED:
        return true;
    case REASON_NONE:
    case REASON_SPOOFED:
    case REASON_MAC_MISMATCH:
    case REASON_UNKNOWN_INTERFACE:
    case REASON_CLEAR_TEXT:
    case REASON_LOCKDOWN:
        break;
    }
    return false;
}

static int count(struct gateway *gateway, const struct nflog_packet *logged, usec_t now)
{
    const struct packet_head *packet = &logged->packet;
    const char *none = has_two_ends(logged->reason) ? "gateway" : "";
    const char *from = none, *to = none;
    struct packet_head answered;

    if (logged->in != 0)
        from = zone_at(gateway, logged->in, packet->family, packet->source);
    if (logged->out != 0)
        to = zone_at(gateway, logged->out, packet->family, packet->destination);
    if (!logged->reply || !has_two_ends(logged->reason))
        return denials_add(gateway->denied.denials, logged->reason, from, to, packet, now);

    answered = packet_head_answered(packet);
    return denials_add(gateway->denied.denials, logged->reason, to, from, &answered, now);
}

/* Nothing is to be done but what follows every event. */
static int on_tell(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct denials_watch *watch = userdata;

    (void)source;
    (void)usec;
    watch->tell = sd_event_source_disable_unref(watch->tell);
    return 0;
}

static void open_later(struct denials_watch *watch);

static int on_packets(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct denials_watch *watch = userdata;
    struct gateway *gateway = watch->gateway;
    struct nflog_packet packet;
    bool may_receive = true;
    usec_t now = gateway_now(gateway);
    int r;

    (void)source;
    (void)fd;
    (void)events;
    while ((r = nflog_read(watch->nflog, &may_receive, &packet)) > 0) {
        /* What cannot be counted without memory is lost. */
        if (packet.reason != REASON_NONE && count(gateway, &packet, now) < 0)
            gateway->denied.lost++;
    }
    gateway->denied.lost += nflog_take_lost(watch->nflog);
    if (!watch->tell)
        sd_event_add_time_relative(watch->event, &watch->tell, CLOCK_MONOTONIC, TELL_USEC, 0,
                                   on_tell, watch);
    if (r < 0) {
        close_log(watch);
        open_later(watch);
    }
    return 0;
}

static int open_log(struct denials_watch *watch)
{
    struct gateway *gateway = watch->gateway;
    int r = gateway->denied.denials ? 0 : denials_new(&gateway->denied.denials);

    if (r == 0)
        r = nflog_open(RULESET_OWN_LOG_GROUP, &watch->nflog);
    if (r == 0)
        r = sd_event_add_io(watch->event, &watch->source, nflog_fd(watch->nflog), EPOLLIN,
                            on_packets, watch);
    if (r >= 0)
        r = sd_event_source_set_priority(watch->source, SD_EVENT_PRIORITY_IDLE);
    if (r < 0) {
        close_log(watch);
        return r;
    }
    gateway->denied.since = gateway_now(gateway);
    return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct denials_watch *watch = userdata;

    (void)source;
    (void)usec;
    watch->retry = sd_event_source_disable_unref(watch->retry);
    if (open_log(watch) < 0)
        open_later(watch);
    return 0;
}

static void open_later(struct denials_watch *watch)
{
    sd_event_add_time_relative(watch->event, &watch->retry, CLOCK_MONOTONIC, RETRY_USEC, 0,
                               on_retry, watch);
}

int denials_watch_new(sd_event *event, struct gateway *gateway, struct denials_watch **ret_watch)
{
    cleanup_(denials_watch_freep) struct denials_watch *watch = calloc(1, sizeof(*watch));
    int r;

    if (!watch)
        return -ENOMEM;
    watch->event = event;
    watch->gateway = gateway;
    r = open_log(watch);
    if (r < 0) {
        log_message(LOG_WARNING, MESSAGE_KERNEL_REFUSED,
                    "cannot listen to NFLOG group %d, so `segctl denials` shows nothing: %s",
                    RULESET_OWN_LOG_GROUP, strerror(-r));
        open_later(watch);
    }

    *ret_watch = TAKE_PTR(watch);
    return 0;
}
