/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl denials: who is refused what, and what would have to be approved to let it pass. segd
 * knows what it refused; what is near to it in the policy is found here, as `explain` does.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer/explain.h"
#include "base/text.h"
#include "json_text.h"
#include "loaded.h"
#include "remote.h"
#include "reply.h"
#include "words.h"

/* Beyond so many columns the two ends have a line each, where stdout is no terminal. */
#define WIDTH_DEFAULT 80
#define COUNT_WIDTH 10
#define INDENT (COUNT_WIDTH + 2)
#define REASON_WIDTH 17
#define SHOWN_DEFAULT 20
/* For how many denials the policy is searched: that of 50,000 flows takes long. */
#define WOULD_MAX 100

/* What a view shows, and the policy for it, which is empty in a lockdown. */
struct view {
    const struct remote *remote;
    struct loaded loaded;
    struct screen screen;
    bool is_titled;
};

static void view_clear(struct view *view)
{
    loaded_clear(&view->loaded);
}

/* What would let a packet pass: words for people, and the flow to be changed, or NULL. */
struct would {
    char *text; /* NULL: nothing would */
    const char *flow;
};

static void would_clear(struct would *would)
{
    free(would->text);
}

static void write_end(FILE *stream, const char *zone, const char *address)
{
    words_print(stream, "%s", zone && strcmp(zone, "gateway") == 0 ? "gateway" : address);
}

/* A flow that would have to be changed or, where none is near, made. */
static void write_nearest(FILE *stream, const struct view *view, const struct wire_denial *denial,
                          const struct explanation *explanation, const char **ret_flow)
{
    const struct near_flow *near = &explanation->nearest[0];
    const char *name;

    if (explanation->n_nearest > 0) {
        name = view->loaded.compiled->policy->flows[near->flow].name;
        *ret_flow = name;
        switch (near->nearness) {
        case NEAR_DISABLED:
            words_print(stream, "flow %s to be enabled", name);
            return;
        case NEAR_LATER:
        case NEAR_PART:
            words_print(stream, "flow %s to be live", name);
            return;
        case NEAR_SERVICE:
            words_print(stream, "%s in flow %s", denial->service, name);
            return;
        case NEAR_DESTINATION:
            words_print(stream, "%s in `to` of flow %s", denial->destination, name);
            return;
        case NEAR_SOURCE:
            words_print(stream, "%s in `from` of flow %s", denial->source, name);
            return;
        case NEAR_REVERSED:
        case NEAR_ZONES:
            *ret_flow = NULL;
            break;
        }
    }
    fputs("a flow from ", stream);
    write_end(stream, denial->from, denial->source);
    fputs(" to ", stream);
    write_end(stream, denial->to, denial->destination);
    words_print(stream, " for %s", denial->service);
}

/* The flow that approves it, but does not pass. */
static void write_hindered(FILE *stream, const struct view *view,
                           const struct explanation *explanation, const char **ret_flow)
{
    const struct answer *answer = explanation->main;
    const char *name = view->loaded.compiled->policy->flows[answer->decision.flow].name;

    *ret_flow = name;
    switch (answer->state) {
    case FLOW_STATE_LIVE:
        words_print(stream, "zone %s to be released", explanation_override(explanation)->name);
        return;
    case FLOW_STATE_SUSPENDED:
        words_print(stream, "flow %s to be resumed", name);
        return;
    case FLOW_STATE_CLOSED:
        words_print(stream, "the hours of flow %s, or others", name);
        return;
    case FLOW_STATE_EXPIRED:
        words_print(stream, "flow %s to be approved again: it has expired", name);
        return;
    case FLOW_STATE_DISABLED:
        words_print(stream, "flow %s to be enabled", name);
        return;
    }
}

static int ask_policy(FILE *stream, const struct view *view, const struct wire_denial *denial,
                      const char **ret_flow)
{
    const struct compiled *compiled = view->loaded.compiled;
    bool from_gateway = denial->from && strcmp(denial->from, "gateway") == 0;
    bool to_gateway = denial->to && strcmp(denial->to, "gateway") == 0;
    enum family family = strchr(denial->source, ':') ? FAMILY_IPV6 : FAMILY_IPV4;
    cleanup_(question_clear) struct question question = {0};
    cleanup_(explanation_freep) struct explanation *explanation = NULL;
    int r =
        question_parse(compiled->policy, from_gateway ? "gateway" : denial->source,
                       to_gateway ? "gateway" : denial->destination, denial->service, &question);
    const struct asked *asked = &question.families[family];

    if (r < 0)
        return r;
    if (r > 0 || !asked->possible || !asked->from.has_zone || !asked->to.has_zone) {
        words_print(stream, "a zone that has %s",
                    r == 0 && asked->from.has_zone ? denial->destination : denial->source);
        return 0;
    }
    r = explanation_new(compiled->diagram, &view->loaded.overrides, &question, family,
                        compiled->now, &explanation);
    if (r < 0)
        return r;

    if (explanation->allowed)
        fputs("nothing any more: it is approved now", stream);
    else if (explanation->main->reason == REASON_SUSPENDED ||
             explanation->main->reason == REASON_ISOLATED)
        write_hindered(stream, view, explanation, ret_flow);
    else
        write_nearest(stream, view, denial, explanation, ret_flow);
    return 0;
}

/* For reasons that are not of flows. */
static const char *static_would(enum reason reason)
{
    switch (reason) {
    case REASON_SPOOFED:
        return "the source address in a network of the zone that it comes from";
    case REASON_MAC_MISMATCH:
        return "the hardware address in `mac` of the host";
    case REASON_UNKNOWN_INTERFACE:
        return "a zone with the interface";
    case REASON_LIMITED:
        return "a higher `limit` of the flow";
    case REASON_CLEAR_TEXT:
        return "IPsec, which the zone requires";
    case REASON_LOCKDOWN:
        return "a valid policy";
    case REASON_NONE:
    case REASON_NO_FLOW:
    case REASON_SUSPENDED:
    case REASON_INVALID:
    case REASON_ISOLATED:
        break;
    }
    return NULL;
}

static enum reason reason_named(const char *name)
{
    const char *rest;

    return reason_of_counter(name, &rest);
}

/* Returns 0, -ENOMEM or as explanation_new(). */
static int find_would(const struct view *view, const struct wire_denial *denial,
                      struct would *ret_would)
{
    enum reason reason = reason_named(denial->reason);
    const char *text = static_would(reason);
    struct would would = {0};
    size_t size;
    FILE *stream;
    int r = 0;

    if (!text && (!view->loaded.compiled || reason == REASON_INVALID || reason == REASON_NONE))
        return 0;
    stream = open_memstream(&would.text, &size);
    if (!stream)
        return -ENOMEM;
    if (text)
        fputs(text, stream);
    else
        r = ask_policy(stream, view, denial, &would.flow);
    if (fclose(stream) != 0)
        r = -ENOMEM;
    if (r < 0)
        would_clear(&would);
    else
        *ret_would = would;
    return r;
}

/* A line that is cut where the terminal ends. */
static void print_line(const struct view *view, unsigned indent, const char *text)
{
    size_t size = strlen(text);

    printf("%*s", (int)indent, "");
    if (view->screen.width == 0)
        text_show(stdout, text, size);
    else
        text_show_cut(stdout, text, size,
                      view->screen.width > indent ? view->screen.width - indent : 0);
    putchar('\n');
}

static int print_text(const struct view *view, unsigned indent, const char *prefix,
                      const char *text)
{
    cleanup_(freep) char *line = NULL;

    if (asprintf(&line, "%s%s", prefix, text) < 0)
        return -ENOMEM;
    print_line(view, indent, line);
    return 0;
}

/* `office (事務) 10.1.0.7`; the caller frees it. NULL without memory. */
static char *end_text(const struct view *view, const char *zone, const char *address)
{
    const struct policy *policy = view->loaded.compiled ? view->loaded.compiled->policy : NULL;
    const char *label = NULL;
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return NULL;
    for (size_t i = 0; policy && zone && i < policy->n_zones; i++)
        if (strcmp(policy->zones[i].name, zone) == 0)
            label = policy->zones[i].label;
    if (zone) {
        words_name(stream, zone, label);
        fputc(' ', stream);
    }
    fputs(address, stream);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

static int print_ends(const struct view *view, const struct wire_denial *denial)
{
    cleanup_(freep) char *from = end_text(view, denial->from, denial->source);
    cleanup_(freep) char *to = end_text(view, denial->to, denial->destination);
    cleanup_(freep) char *both = NULL;
    unsigned width = view->screen.width > INDENT ? view->screen.width : WIDTH_DEFAULT;

    if (!from || !to || asprintf(&both, "%s → %s", from, to) < 0)
        return -ENOMEM;
    if (text_shown_width(both, strlen(both)) <= width - INDENT) {
        print_line(view, INDENT, both);
        return 0;
    }
    print_line(view, INDENT, from);
    return print_text(view, INDENT, "→ ", to);
}

/* Columns: how many, when last, why, what. */
static int print_head(const struct view *view, const char *count, const char *when,
                      const char *reason, const char *service)
{
    unsigned when_width = words_are_japanese() ? 21 : 16;
    unsigned when_used = text_shown_width(when, strlen(when));
    unsigned used = text_shown_width(count, strlen(count));
    cleanup_(freep) char *line = NULL;

    if (asprintf(&line, "%*s%s  %s%*s  %-*s  %s",
                 used < COUNT_WIDTH ? (int)(COUNT_WIDTH - used) : 0, "", count, when,
                 when_used < when_width ? (int)(when_width - when_used) : 0, "", REASON_WIDTH,
                 reason, service) < 0)
        return -ENOMEM;
    print_line(view, 0, line);
    return 0;
}

static int print_denial(struct view *view, const struct wire_denial *denial, bool asks)
{
    cleanup_(would_clear) struct would would = {0};
    char when[WHEN_MAX], count[32];
    int r = asks ? find_would(view, denial, &would) : 0;

    if (r < 0)
        return r;
    if (!view->is_titled)
        print_head(view, "COUNT", "LAST", "REASON", "SERVICE");
    view->is_titled = true;
    /* The sketch may have counted others. */
    snprintf(count, sizeof(count), "%s%" PRIu64, denial->over > 0 ? "≤" : "", denial->count);
    r = print_head(view, count, reply_when(denial->last, when), denial->reason, denial->service);
    if (r == 0)
        r = print_ends(view, denial);
    if (r == 0 && would.text)
        r = print_text(view, INDENT, "needs ", would.text);
    return r;
}

/* Adds `would` to a denial. Returns 0 or -ENOMEM, or as find_would(). */
static int add_would(const struct view *view, json_t *json, const struct wire_denial *denial,
                     bool asks)
{
    cleanup_(would_clear) struct would would = {0};
    int r = asks ? find_would(view, denial, &would) : 0;

    if (r < 0)
        return r;
    return json_object_set_new(
               json, "would",
               would.text ? json_pack("{s:s, s:s?}", "text", would.text, "flow", would.flow)
                          : json_null()) < 0
               ? -ENOMEM
               : 0;
}

/* For each denial of a reply: prints it for people, or completes it for programs. */
static int walk(struct view *view, json_t *reply)
{
    size_t i;
    json_t *json;
    int r = 0;

    json_array_foreach(json_object_get(reply, "denials"), i, json)
    {
        struct wire_denial denial = {0};

        if (r == 0)
            r = record_decode_reply(&wire_denial_type, json, &denial);
        if (r == 0 && view->remote->json)
            r = add_would(view, json, &denial, i < WOULD_MAX);
        else if (r == 0)
            r = print_denial(view, &denial, i < WOULD_MAX);
        record_clear(&wire_denial_type, &denial);
    }
    return r;
}

static void print_sums(const struct view *view, const json_t *reply)
{
    json_int_t untold = reply_number(reply, "unlogged") + reply_number(reply, "lost");
    char text[128];

    if (json_array_size(json_object_get(reply, "denials")) == 0)
        print_line(view, 0, "nobody was refused anything");
    if (!reply_has(reply, "since"))
        print_line(view, 0, "segd cannot listen to the log of refused packets (NFLOG group 6) now");
    snprintf(text, sizeof(text),
             "%" JSON_INTEGER_FORMAT " more packets were refused: too many to "
             "tell one by one",
             untold);
    if (untold > 0)
        print_line(view, 0, text);
}

/* As client_handler: what followers are sent. */
static int show_more(json_t *reply, void *userdata)
{
    struct view *view = userdata;
    json_t *json;
    size_t i;
    int r = walk(view, reply);

    json_array_foreach(json_object_get(reply, "denials"), i, json)
    {
        if (r < 0 || !view->remote->json)
            break;
        r = write_json(stdout, json, JSON_COMPACT) < 0 ? -ENOMEM : 0;
        putchar('\n');
    }
    if (r == 0 && fflush(stdout) != 0)
        r = -EPIPE;
    return r;
}

/* The policy that is enforced, unless there is none. Returns an exit code. */
static int load(struct view *view)
{
    const struct judged judged = {.socket = view->remote->socket, .json = view->remote->json};
    cleanup_(status_clear) struct status_reply status = {0};
    int exit_code = running_status(view->remote->command, &judged, &status);

    if (exit_code != EXIT_YES || status.generation == 0)
        return exit_code;
    return running_or_files(view->remote->command, &judged, &view->loaded);
}

static int show_once(struct remote *remote, struct view *view, const char *method)
{
    cleanup_(json_decrefp) json_t *reply = NULL;
    int exit_code, r;

    if (!remote->json && !reply_has(remote->parameters, "limit") &&
        json_object_set_new(remote->parameters, "limit", json_integer(SHOWN_DEFAULT)) < 0)
        return command_no_memory();
    exit_code = remote_call(remote, method, &reply);
    if (exit_code == EXIT_YES && json_array_size(json_object_get(reply, "denials")) > 0)
        exit_code = load(view);
    if (exit_code != EXIT_YES)
        return exit_code;

    r = walk(view, reply);
    if (r < 0)
        return instant_failed(r);
    if (remote->json)
        return print_json(json_incref(reply), EXIT_YES);
    print_sums(view, reply);
    return EXIT_YES;
}

int run_denials(const struct command *command, int argc, char **argv)
{
    static const struct remote_method method = {
        "GetDenials", .fields = {{.option = "zone", .parameter = "zone", .kind = FIELD_TEXT},
                                 {.option = "since", .parameter = "seconds", .kind = FIELD_SPAN},
                                 {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT},
                                 {.option = "limit", .parameter = "limit", .kind = FIELD_NUMBER},
                                 {.option = "follow", .parameter = "follow", .kind = FIELD_FLAG}}};
    cleanup_(remote_clear) struct remote remote = {0};
    cleanup_(view_clear) struct view view = {.remote = &remote};
    int exit_code;

    if (!remote_begin(&remote, command, argc, argv, &method, &exit_code))
        return exit_code;
    view.screen = screen_get(remote.wide);
    if (!remote_take_flag(&remote, "follow"))
        return show_once(&remote, &view, method.name);
    exit_code = load(&view);
    return exit_code == EXIT_YES ? remote_follow(&remote, method.name, show_more, &view)
                                 : exit_code;
}
