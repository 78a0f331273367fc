/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The method GetConnections, and connections as structures of the wire. The kernel's table is read
 * once and answered in slices: one is sent before the next is made, and the kernel waits meanwhile,
 * so that 100,000 connections need no more memory than SLICE of them. Zones and live flows are
 * known without the policy; labels, approvals and why a flow is not live are read from it, and are
 * left out where it cannot be read.
 */

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"
#include "daemon/change/cut.h"
#include "daemon/control/method.h"
#include "policy/flow_state.h"

/* Connections of one reply, and of an answer that is one reply. */
#define SLICE 128
#define ALONE_MAX 1000

/* Which connections are wanted. */
struct filter {
    const char *zone, *flow; /* NULL: any */
    struct address_set hosts;
    bool has_hosts, cut;
};

struct listing {
    struct call *call;
    const struct gateway *gateway;
    struct connections connections;
    struct compiled *compiled; /* NULL: the policy cannot be read, there is none, or not yet */
    struct compiled *judge;    /* the same with its diagram, where `compiled` has none */
    bool has_read, has_judge;
    struct flow_states *states;
    const struct flow **flows; /* of the policy, by id */
    size_t n_flows;
    struct filter filter;
    usec_t now;
    struct arena *arena; /* of the slice */
    struct connections_reply reply;
};

static void listing_clear(struct listing *listing)
{
    connections_clear(&listing->connections);
    flow_states_free(listing->states);
    compiled_free(listing->compiled);
    compiled_free(listing->judge);
    free(listing->flows);
    address_set_clear(&listing->filter.hosts);
    arena_free(listing->arena);
}

static int compare_flows(const void *a, const void *b)
{
    const struct flow *x = *(const struct flow *const *)a, *y = *(const struct flow *const *)b;

    return x->id < y->id ? -1 : x->id > y->id;
}

static int index_flows(struct listing *listing, const struct policy *policy)
{
    listing->flows = calloc(policy->n_flows + 1, sizeof(*listing->flows));
    if (!listing->flows)
        return -ENOMEM;
    for (size_t i = 0; i < policy->n_flows; i++) {
        if (policy->flows[i].enabled)
            listing->flows[listing->n_flows++] = &policy->flows[i];
    }
    qsort(listing->flows, listing->n_flows, sizeof(*listing->flows), compare_flows);
    return 0;
}

/* The flow of the policy that the mark stands for, or NULL. */
static const struct flow *find_flow(const struct listing *listing, uint32_t mark)
{
    const struct flow sought = {.id = mark}, *key = &sought;
    const struct flow **found =
        listing->n_flows > 0
            ? bsearch(&key, listing->flows, listing->n_flows, sizeof(key), compare_flows)
            : NULL;

    return found ? *found : NULL;
}

/* Returns 0 with NULL if it cannot be read, or -errno. */
static int compile(const struct gateway *gateway, bool diagram, struct compiled **ret_compiled)
{
    cleanup_(outcome_clear) struct outcome ignored = {0};
    int r = 0;

    if (gateway->current.number > 0)
        r = method_compile(gateway, diagram, &ignored, ret_compiled);
    return r < 0 ? r : 0;
}

/* Reads the policy, if it was not read before. Returns 0 or -errno. */
static int read_policy(struct listing *listing)
{
    const struct overrides *overrides = &listing->gateway->state.overrides;
    int r;

    if (listing->has_read)
        return 0;
    listing->has_read = true;
    /* What is cut of one flow is most probably to be judged by the diagram. */
    r = compile(listing->gateway, listing->filter.cut && listing->filter.flow, &listing->compiled);
    if (r < 0 || !listing->compiled)
        return r;
    r = flow_states_new(listing->compiled->policy, overrides, listing->now, &listing->states);
    return r < 0 ? r : index_flows(listing, listing->compiled->policy);
}

/* Whether a live flow approves the connection, whatever its mark is. Returns 1, 0, or -errno. */
static int is_approved(struct listing *listing, const struct conntrack_entry *connection,
                       const struct connection_view *view)
{
    const struct compiled *judge = listing->compiled;
    int r = 0;

    if (!judge || !judge->diagram) {
        if (!listing->has_judge)
            r = compile(listing->gateway, true, &listing->judge);
        listing->has_judge = true;
        judge = listing->judge;
    }
    if (r < 0 || !judge)
        return r;
    return cut_is_approved(judge->diagram, &listing->connections.live, connection, view);
}

/* Addresses of a host or group of the policy, or as they are typed. Returns 0, -ENOENT or -ENOMEM.
 */
static int find_hosts(const struct policy *policy, const char *text, struct address_set *ret_set)
{
    const struct host *host = policy ? policy_host_named(policy, text) : NULL;
    const struct group *group = policy ? policy_group_named(policy, text) : NULL;
    enum family family;
    struct range range;
    int r = 0;

    for (size_t i = 0; host && r == 0 && i < host->n_addresses; i++)
        r = range_set_add(&ret_set->by_family[host->addresses[i].family],
                          (struct range){host->addresses[i].address, host->addresses[i].address});
    for (family = 0; group && r == 0 && family < FAMILIES; family++)
        r = range_set_add_set(&ret_set->by_family[family], &group->addresses.by_family[family]);
    if (host || group)
        return r;
    if (address_parse_range(text, &family, &range) < 0)
        return -ENOENT;
    return range_set_add(&ret_set->by_family[family], range);
}

static bool has_flow(const struct listing *listing, const char *name)
{
    uint32_t mark;

    return live_find_named(&listing->connections.live, name, &mark) ||
           (listing->compiled && policy_flow_named(listing->compiled->policy, name));
}

/* Returns 0, 1 if it was answered with NotFound, or -errno. */
static int set_filter(struct listing *listing, const struct connections_parameters *asked)
{
    struct filter *filter = &listing->filter;
    const char *kind = NULL, *name = NULL;
    int r = 0;

    *filter = (struct filter){
        .zone = asked->zone,
        .flow = asked->flow,
        .has_hosts = asked->host,
        .cut = asked->cut,
    };
    if (asked->flow || asked->host)
        r = read_policy(listing);
    if (r == 0 && asked->host)
        r = find_hosts(listing->compiled ? listing->compiled->policy : NULL, asked->host,
                       &filter->hosts);
    if (r < 0 && r != -ENOENT)
        return r;

    if (r == -ENOENT)
        kind = "host, group or address", name = asked->host;
    else if (asked->zone && strcmp(asked->zone, "gateway") != 0 &&
             !policy_zone_named(listing->connections.outline, asked->zone))
        kind = "zone", name = asked->zone;
    else if (asked->flow && !has_flow(listing, asked->flow))
        kind = "flow", name = asked->flow;
    if (!kind)
        return 0;
    r = call_error(listing->call, "NotFound",
                   json_pack("{s:o}", "message", json_sprintf("there is no %s `%s`", kind, name)));
    return r < 0 ? r : 1;
}

static const char *zone_name(const struct connections *connections, bool has, size_t zone)
{
    return has ? policy_zone_name(connections->outline, zone) : NULL;
}

/* Why the flow of the connection does not pass; NULL: it does, there never was one, or nobody
 * knows. */
static const char *why_not(const struct listing *listing, const struct connection_view *view,
                           const struct flow *flow, uint32_t mark)
{
    if (view->isolation)
        return reason_to_string(REASON_ISOLATED);
    if (view->flow || mark == 0)
        return NULL;
    /* An isolation is none of the states, and a flow that has just ended is still called live. */
    if (flow && flow_states_of(listing->states, flow, NULL) != FLOW_STATE_LIVE)
        return flow_state_to_string(flow_states_of(listing->states, flow, NULL));
    if (flow)
        return flow_state_to_string(FLOW_STATE_EXPIRED);
    return listing->compiled ? "removed" : NULL;
}

static bool is_one(const char *name, const char *wanted)
{
    return name && strcmp(name, wanted) == 0;
}

static bool is_chosen(const struct listing *listing, const struct conntrack_entry *connection,
                      const struct connection_view *view)
{
    const struct connections *connections = &listing->connections;
    const struct filter *filter = &listing->filter;
    const struct flow *flow = find_flow(listing, connection->mark);

    if (filter->zone &&
        !is_one(zone_name(connections, view->has_from, view->from.zone), filter->zone) &&
        !is_one(zone_name(connections, view->has_to, view->to.zone), filter->zone))
        return false;
    if (filter->flow && !is_one(flow ? flow->name : view->flow, filter->flow))
        return false;
    return !filter->has_hosts ||
           address_set_contains(&filter->hosts, connection->family, connection->source) ||
           address_set_contains(&filter->hosts, connection->family, connection->destination);
}

/* Returns 1, 0, or -errno. */
static int is_wanted(struct listing *listing, const struct conntrack_entry *connection,
                     const struct connection_view *view)
{
    int r;

    if (!is_chosen(listing, connection, view))
        return 0;
    if (!listing->filter.cut || view->isolation)
        return 1;
    if (view->flow || connection->mark == 0)
        return 0;
    r = is_approved(listing, connection, view);
    return r < 0 ? r : r == 0;
}

static int show_endpoint(struct arena *arena, enum family family, ip_number address, uint16_t port,
                         struct wire_endpoint *ret_endpoint)
{
    char text[ADDRESS_TEXT_MAX];

    ret_endpoint->address = arena_string(arena, address_format(family, address, text));
    ret_endpoint->port = port;
    return ret_endpoint->address ? 0 : -ENOMEM;
}

static int show_ends(struct arena *arena, const struct conntrack_entry *connection,
                     struct wire_connection *shown)
{
    const enum family family = connection->family;
    int r =
        show_endpoint(arena, family, connection->source, connection->source_port, &shown->source);

    if (r == 0)
        r = show_endpoint(arena, family, connection->destination, connection->port,
                          &shown->destination);
    if (r == 0 && (connection->sent_to != connection->destination ||
                   connection->sent_to_port != connection->port))
        r = show_endpoint(arena, family, connection->sent_to, connection->sent_to_port,
                          &shown->sent_to);
    if (r == 0 && (connection->received_from != connection->source ||
                   connection->received_from_port != connection->source_port))
        r = show_endpoint(arena, family, connection->received_from, connection->received_from_port,
                          &shown->received_from);
    return r;
}

/* All but why it does not pass and its age. `flow` is that of the policy, or NULL. */
static int show(struct arena *arena, const struct connections *connections,
                const struct conntrack_entry *connection, const struct connection_view *view,
                const struct flow *flow, struct wire_connection *shown)
{
    const struct service_range service = {
        .protocol_first = connection->protocol,
        .protocol_last = connection->protocol,
        .port_first = connection->port,
        .port_last = connection->port,
    };
    char text[SERVICE_TEXT_MAX];

    *shown = (struct wire_connection){
        .id = connection->id,
        .flow = (char *)(flow ? flow->name : view->flow),
        .label = (char *)(flow ? flow->label : NULL),
        .approval = (char *)(flow ? flow->approval.number : NULL),
        .live = view->flow && !view->isolation,
        .from = (char *)zone_name(connections, view->has_from, view->from.zone),
        .to = (char *)zone_name(connections, view->has_to, view->to.zone),
        .service = arena_string(arena, service_range_format(&service, connection->family, text)),
        .state = (char *)connection->state,
        .replied = connection->status & IPS_SEEN_REPLY,
        .counts = connection->counts,
        .original = {connection->original_packets, connection->original_bytes},
        .reply = {connection->reply_packets, connection->reply_bytes},
        .timeout = connection->timeout,
    };
    return shown->service ? show_ends(arena, connection, shown) : -ENOMEM;
}

int method_connections(struct arena *arena, const struct gateway *gateway,
                       const struct conntrack_entry *entries, size_t n_entries,
                       struct wire_connection **ret_list, size_t *ret_n)
{
    struct connections connections = {0};
    int r = connections_init(&connections, enforcement_outline(gateway->enforcement),
                             enforcement_ruleset(gateway->enforcement), &gateway->state.overrides,
                             gateway->links);

    for (size_t i = 0; r == 0 && i < n_entries; i++) {
        const struct connection_view view = connections_view(&connections, &entries[i]);
        struct wire_connection *shown = arena_add(arena, ret_list, ret_n, sizeof(*shown));

        r = shown ? show(arena, &connections, &entries[i], &view, NULL, shown) : -ENOMEM;
    }
    connections_clear(&connections);
    return r;
}

/* Sends what is in the slice, and begins another one. */
static int send_slice(struct listing *listing)
{
    int r = call_continue_reply(listing->call, &listing->reply);

    listing->arena = arena_free(listing->arena);
    listing->reply = (struct connections_reply){0};
    return r < 0 ? r : arena_new(&listing->arena);
}

static int add_connection(const struct conntrack_entry *connection, void *userdata)
{
    struct listing *listing = userdata;
    struct connections_reply *reply = &listing->reply;
    struct connection_view view = connections_view(&listing->connections, connection);
    const struct flow *flow;
    struct wire_connection *shown;
    int r = is_wanted(listing, connection, &view);

    if (r <= 0)
        return r;
    if (!call_wants_more(listing->call) && reply->n_connections >= ALONE_MAX) {
        reply->left_out++;
        return 0;
    }
    r = read_policy(listing);
    if (r == 0 && call_wants_more(listing->call) && reply->n_connections >= SLICE)
        r = send_slice(listing);
    if (r < 0)
        return r;
    flow = find_flow(listing, connection->mark);
    shown = arena_add(listing->arena, &reply->connections, &reply->n_connections, sizeof(*shown));
    r = shown ? show(listing->arena, &listing->connections, connection, &view, flow, shown)
              : -ENOMEM;
    if (r < 0)
        return r;
    shown->why = (char *)why_not(listing, &view, flow, connection->mark);
    if (connection->began > 0 && connection->began <= listing->now)
        shown->age = (uint64_t)((listing->now - connection->began) / USEC_PER_SEC) + 1;
    return 0;
}

static int list_connections(struct listing *listing, struct gateway *gateway,
                            const struct connections_parameters *asked)
{
    int r = connections_init(&listing->connections, enforcement_outline(gateway->enforcement),
                             enforcement_ruleset(gateway->enforcement), &gateway->state.overrides,
                             gateway->links);

    if (r == 0)
        r = set_filter(listing, asked);
    if (r == 0)
        r = arena_new(&listing->arena);
    if (r == 0)
        r = gateway->conntrack ? conntrack_dump(gateway_conntrack(gateway), add_connection, listing)
                               : -EPROTONOSUPPORT;
    return r;
}

int method_get_connections(struct call *call, const void *parameters, void *userdata)
{
    const struct connections_parameters *asked = parameters;
    struct gateway *gateway = method_gateway(userdata);
    cleanup_(listing_clear) struct listing listing = {
        .call = call,
        .gateway = gateway,
        .now = gateway_now(gateway),
    };
    int r = list_connections(&listing, gateway, asked);

    if (r > 0)
        return 0;
    /* The client has gone, and cannot be answered. */
    if (r == -EPIPE)
        return r;
    return r < 0 ? method_unreadable(call, r) : call_reply(call, &listing.reply);
}
