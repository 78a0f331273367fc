/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A difference becomes one transaction for each of its phases. Their changes are written
 * in the order they come in, which is one the kernel accepts. Only elements with a timeout need
 * thought, since the kernel removes them on its own: where it can, elements are destroyed (which
 * succeeds for one that is gone), else a transaction that failed for such an element is built again
 * without those that are gone.
 *
 * To renew an element is to change its timeout in place, where the kernel can; else, and where its
 * comment changes, it is deleted and added within the transaction, with its counter's value.
 *
 * Counters of elements that go are told by the kernel as they were when they went: the messages
 * that delete them ask for an echo, which waits on the socket when the call that sends the batch
 * returns. The echo of a named counter has no count, so these are read just before.
 *
 * Without privilege in the first user namespace (in a container, or in a rehearsal by an ordinary
 * user) the system limits a batch to some hundred kilobytes. A table that is new can still be
 * loaded then: until its base chains come, nothing in it has any effect, so all else is sent
 * before, in parts, and the base chains with their rules in one transaction at the end. It is as if
 * the table came at once. A change of a table that is in force is never taken apart.
 */

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "kernel/batch.h"
#include "kernel/elements.h"
#include "kernel/nftables_private.h"
#include "kernel/objects.h"

#define APPLY_TRIES_MAX 8
/* Bytes of the receive queue for the echo of one element, or of a counter: some 230 with all that
 * the kernel keeps about it, and more for those that come alone. */
#define ECHO_ROOM ((size_t)512)

struct application {
    struct nftables *nftables;
    const char *table;
    usec_t now;   /* when it began, and with each batch when that is built */
    usec_t began; /* by the clock that nobody sets */
    struct batch *batch;
    /* Set after a refusal for elements that were gone: ask for each before it is deleted. */
    bool observe;
    /* Set after the system refused so large a batch: see commit_parts(). */
    bool in_parts;
    uint16_t echo;  /* NLM_F_ECHO where counters that go are to be told, else 0 */
    size_t n_inert; /* messages that have no effect before those after them */
    /* Parts of changes, which the batch's messages refer to. */
    struct change **parts;
    size_t n_parts;
    size_t capacity;
};

static void application_clear(struct application *application)
{
    batch_free(application->batch);
    for (size_t i = 0; i < application->n_parts; i++) {
        free(application->parts[i]->elements);
        free(application->parts[i]);
    }
    free(application->parts);
}

/* An empty part of the change, with room for all its elements. NULL: no memory. */
static struct change *add_part(struct application *application, const struct change *change)
{
    struct change *part;

    if (array_reserve(&application->parts, &application->capacity, application->n_parts + 1,
                      sizeof(*application->parts)) < 0)
        return NULL;
    part = malloc(sizeof(*part));
    if (!part)
        return NULL;

    application->parts[application->n_parts++] = part;
    *part = *change;
    part->n_elements = 0;
    part->elements = calloc(change->n_elements, sizeof(*part->elements));
    return part->elements ? part : NULL;
}

static int put_elements(struct application *application, const struct change *change, uint16_t type,
                        uint16_t flags, const struct nftables_count *counts)
{
    const struct elements_command command = {.table = application->table,
                                             .type = type,
                                             .flags = flags,
                                             .now = application->now,
                                             .counts = counts};

    return elements_add(application->batch, &command, change);
}

static int put_deletions(struct application *application, const struct change *change)
{
    bool destroy = change->set->timeout && application->nftables->features.destroy;

    return put_elements(application, change,
                        destroy ? MESSAGE_DESTROY_ELEMENTS : NFT_MSG_DELSETELEM,
                        change->set->counters ? application->echo : 0, NULL);
}

static int observe(struct application *application, const struct change *change,
                   struct element_state **ret_states)
{
    cleanup_(freep) struct element_state *states = calloc(change->n_elements, sizeof(*states));
    int r;

    if (!states)
        return -ENOMEM;
    r = nftables_observe(application->nftables, application->table, change, states);
    if (r < 0)
        return r;

    *ret_states = TAKE_PTR(states);
    return 0;
}

static int delete_elements(struct application *application, const struct change *change)
{
    cleanup_(freep) struct element_state *states = NULL;
    struct change *part;
    int r;

    if (!application->observe || !change->set->timeout)
        return put_deletions(application, change);

    r = observe(application, change, &states);
    if (r < 0)
        return r;
    part = add_part(application, change);
    if (!part)
        return -ENOMEM;
    for (size_t i = 0; i < change->n_elements; i++)
        if (states[i].present)
            part->elements[part->n_elements++] = change->elements[i];
    return put_deletions(application, part);
}

static bool renewable_in_place(const struct application *application,
                               const struct element_state *state, const struct element *element)
{
    return application->nftables->features.update_timeout && state->comment_equal &&
           state->expires && element->expires > application->now;
}

/* Three parts: elements that change in place, elements that go, elements that come. */
static int renew_elements(struct application *application, const struct change *change)
{
    cleanup_(freep) struct element_state *states = NULL;
    cleanup_(freep) struct nftables_count *counts = calloc(change->n_elements, sizeof(*counts));
    struct change *in_place = add_part(application, change);
    struct change *gone = add_part(application, change);
    struct change *come = add_part(application, change);
    int r;

    if (!counts || !in_place || !gone || !come)
        return -ENOMEM;
    r = observe(application, change, &states);
    if (r < 0)
        return r;

    for (size_t i = 0; i < change->n_elements; i++) {
        const struct element *element = change->elements[i];

        if (renewable_in_place(application, &states[i], element)) {
            in_place->elements[in_place->n_elements++] = element;
            continue;
        }
        if (states[i].present)
            gone->elements[gone->n_elements++] = element;
        counts[come->n_elements] = states[i].count;
        come->elements[come->n_elements++] = element;
    }

    r = put_elements(application, in_place, NFT_MSG_NEWSETELEM, NLM_F_CREATE, NULL);
    if (r == 0)
        r = put_deletions(application, gone);
    if (r == 0)
        r = put_elements(application, come, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL,
                         change->set->counters && !application->echo ? counts : NULL);
    return r;
}

/* The kernel tells nothing of the elements of a set that is deleted, so these go before it. */
static int delete_set(struct application *application, const struct change *change)
{
    const char *table = application->table;
    int r = 0;

    if (change->set->counters && application->echo)
        r = objects_flush_set(application->batch, table, change, application->echo);
    return r < 0 ? r : objects_delete(application->batch, table, change);
}

static int put_change(struct application *application, const struct change *change)
{
    struct batch *batch = application->batch;
    const char *table = application->table;

    switch (change->kind) {
    case CHANGE_DELETE_SET:
        return delete_set(application, change);
    case CHANGE_DELETE_TABLE:
    case CHANGE_FLUSH_CHAIN:
    case CHANGE_DELETE_CHAIN:
    case CHANGE_DELETE_COUNTER:
    case CHANGE_DELETE_FOREIGN:
        return objects_delete(batch, table, change);
    case CHANGE_DELETE_ELEMENTS:
        return delete_elements(application, change);
    case CHANGE_ADD_TABLE:
        return objects_add_table(
            batch, table, application->nftables->own ? TABLE_OWNER | TABLE_PERSIST : 0, change);
    case CHANGE_ADD_COUNTER:
        return objects_add_counter(batch, table, change);
    case CHANGE_ADD_CHAIN:
        return objects_add_chain(batch, table, change);
    case CHANGE_ADD_SET:
        return objects_add_set(batch, table, change);
    case CHANGE_ADD_ELEMENTS:
        return put_elements(application, change, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL,
                            NULL);
    case CHANGE_ADD_RULES:
        return objects_add_rules(batch, table, change);
    case CHANGE_RENEW_ELEMENTS:
        return renew_elements(application, change);
    }
    return -EINVAL;
}

static void describe_change(const struct application *application,
                            const struct batch_origin *origin, struct nftables_refusal *refusal)
{
    const struct change *change = origin->change;
    size_t size = sizeof(refusal->what);
    const char *name, *object = change_object(change, &name);

    if (change->chain)
        refusal->location = change->chain->location;
    if (change->n_elements > 0)
        snprintf(refusal->what, size, "element of %s", name);
    else if (change->kind == CHANGE_ADD_RULES)
        snprintf(refusal->what, size, "rule %zu of chain %s", origin->first + 1, name);
    else
        snprintf(refusal->what, size, "%s %s", object, name ? name : application->table);
}

/* The first refusal in the order of the batch: those after it mostly follow from it. An error of
 * the bracket alone (the commit itself failed) comes last. */
static const struct netlink_error *first_error(const struct application *application,
                                               const struct netlink_errors *errors,
                                               const struct nlmsghdr **ret_message,
                                               struct batch_origin *ret_origin)
{
    for (size_t i = 0; i < errors->n_errors; i++) {
        *ret_message = batch_find(application->batch, errors->errors[i].sequence, ret_origin);
        if (*ret_message)
            return &errors->errors[i];
    }
    return errors->n_errors > 0 ? &errors->errors[0] : NULL;
}

static void refuse(const struct application *application, const struct netlink_errors *errors,
                   struct nftables_refusal *refusal)
{
    const struct nlmsghdr *message = NULL;
    struct batch_origin origin = {0};
    const struct netlink_error *error = first_error(application, errors, &message, &origin);
    const struct element *element = NULL;

    *refusal = (struct nftables_refusal){.error = error ? error->error : -ENOBUFS};
    if (!error || !message) {
        snprintf(refusal->what, sizeof(refusal->what), "table %s as a whole", application->table);
        return;
    }

    /* The whole batch had the privilege, so this is the owner's. */
    if (error->error == -EPERM) {
        refusal->error = -EBUSY;
        snprintf(refusal->what, sizeof(refusal->what), "another process owns the table %s",
                 application->table);
        return;
    }

    describe_change(application, &origin, refusal);
    if (origin.change->n_elements > 0)
        element = elements_find(message, &origin, error->offset);
    if (element)
        refusal->location = element->location;
}

/* True where the batch failed for an element that its timeout removed meanwhile. */
static bool lost_race(const struct application *application, const struct netlink_errors *errors)
{
    const struct nlmsghdr *message = NULL;
    struct batch_origin origin = {0};
    const struct netlink_error *error = first_error(application, errors, &message, &origin);

    return error && error->error == -ENOENT && message && origin.change->set &&
           origin.change->n_elements > 0 && origin.change->set->timeout &&
           (message->nlmsg_type & 0xff) == NFT_MSG_DELSETELEM;
}

/* True for what makes packets pass through the table. */
static bool is_hooked(const struct change *change)
{
    return change->chain && change->chain->hook != HOOK_NONE;
}

static int put_changes(struct application *application, const struct difference *difference)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < difference->n_changes; i++)
        if (!application->in_parts || !is_hooked(&difference->changes[i]))
            r = put_change(application, &difference->changes[i]);
    if (r < 0 || !application->in_parts)
        return r;

    application->n_inert = batch_messages(application->batch);
    for (size_t i = 0; r == 0 && i < difference->n_changes; i++)
        if (is_hooked(&difference->changes[i]))
            r = put_change(application, &difference->changes[i]);
    return r;
}

/* Takes away what was loaded of a table whose last part was refused. */
static void remove_parts(struct application *application)
{
    const struct change removal = {.kind = CHANGE_DELETE_TABLE};
    cleanup_(netlink_errors_clear) struct netlink_errors errors = {0};
    cleanup_(batch_freep) struct batch *batch = NULL;

    if (batch_new(&application->nftables->netlink, &batch) == 0 &&
        objects_delete(batch, application->table, &removal) == 0)
        batch_commit(batch, &errors);
}

static int commit(struct application *application, struct netlink_errors *errors)
{
    int r;

    if (batch_messages(application->batch) == 1)
        return 0;
    if (!application->in_parts)
        return batch_commit(application->batch, errors);

    r = batch_commit_parts(application->batch, application->n_inert, errors);
    if (r < 0 || errors->n_errors > 0 || errors->overrun)
        remove_parts(application);
    return r;
}

static size_t echoes_of(const struct change *change)
{
    if (!change->set || !change->set->counters)
        return 0;
    if (change->kind == CHANGE_DELETE_SET)
        return change->set->n_elements;
    return change->kind == CHANGE_DELETE_ELEMENTS || change->kind == CHANGE_RENEW_ELEMENTS
               ? change->n_elements
               : 0;
}

/* Whether counters go, and their echoes can wait until they are received: those of a table that is
 * there, since another has none. */
static bool wants_echo(const struct application *application, const struct difference *difference)
{
    struct nftables *nftables = application->nftables;
    size_t n = 0;

    for (size_t i = 0; nftables->gone && i < difference->n_changes; i++)
        n += echoes_of(&difference->changes[i]);
    return n > 0 && netlink_has_room(&nftables->netlink, n * ECHO_ROOM);
}

/* What the messages of the kernel are told about, and to whom. */
struct echo {
    const struct nftables *nftables;
    const char *set;
};

static int tell_element(const struct element_view *view, void *userdata)
{
    const struct echo *echo = userdata;

    if (view->counts)
        echo->nftables->gone(echo->set, view->key, view->count, echo->nftables->userdata);
    return 0;
}

static int on_echo(const struct nlmsghdr *message, void *userdata)
{
    struct attributes list = attributes_of(message);
    struct echo echo = {.nftables = userdata};
    uint16_t type = message->nlmsg_type & 0xff;

    if (type != NFT_MSG_DELSETELEM && type != MESSAGE_DESTROY_ELEMENTS)
        return 0;
    echo.set = attribute_string(attributes_find(list, NFTA_SET_ELEM_LIST_SET));
    return echo.set ? elements_each(message, &(struct element_walk){tell_element, &echo}) : 0;
}

/* Named counters that go, in order of their names, with what they counted just before. */
struct named_counter {
    const char *name;
    struct nftables_count count;
};

struct named_counters {
    struct named_counter *counters;
    size_t n_counters;
    size_t capacity;
};

static void named_counters_clear(struct named_counters *counters)
{
    free(counters->counters);
}

static int compare_named(const void *a, const void *b)
{
    const struct named_counter *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static int note_named(const char *name, struct nftables_count count, void *userdata)
{
    const struct named_counters *counters = userdata;
    struct named_counter *found = bsearch(&(struct named_counter){.name = name}, counters->counters,
                                          counters->n_counters, sizeof(*found), compare_named);

    if (found)
        found->count = count;
    return 0;
}

/* Reads those that go with the difference. What cannot be read is not told. */
static void read_named(const struct application *application, const struct difference *difference,
                       struct named_counters *named)
{
    for (size_t i = 0; application->nftables->gone && i < difference->n_changes; i++) {
        const struct change *change = &difference->changes[i];

        if (change->kind == CHANGE_DELETE_COUNTER)
            array_append(&named->counters, &named->n_counters, &named->capacity,
                         &(struct named_counter){.name = change->counter->name},
                         sizeof(*named->counters));
    }
    if (named->n_counters == 0)
        return;
    qsort(named->counters, named->n_counters, sizeof(*named->counters), compare_named);
    nftables_read_counters(application->nftables, application->table, note_named, named);
}

static void tell_named(const struct nftables *nftables, const struct named_counters *named)
{
    for (size_t i = 0; i < named->n_counters; i++)
        nftables->gone(named->counters[i].name, NULL, named->counters[i].count, nftables->userdata);
}

/* Returns 0, 1 where another try may succeed, or as nftables_apply(). */
static int apply_once(struct application *application, const struct difference *difference,
                      struct nftables_refusal *refusal, struct nftables_cost *cost)
{
    cleanup_(named_counters_clear) struct named_counters named = {0};
    cleanup_(netlink_errors_clear) struct netlink_errors errors = {
        .echoed = on_echo,
        .userdata = application->nftables,
    };
    usec_t start = calendar_clock(CLOCK_MONOTONIC), built;
    int r = batch_new(&application->nftables->netlink, &application->batch);

    /* The transactions before this one may have taken long, and no flow lives longer for it. */
    application->now += start - application->began;
    application->echo = wants_echo(application, difference) ? NLM_F_ECHO : 0;
    if (r == 0)
        r = put_changes(application, difference);
    if (r < 0)
        return r;
    read_named(application, difference, &named);
    built = calendar_clock(CLOCK_MONOTONIC);

    r = commit(application, &errors);
    if (r < 0)
        return r;

    *cost =
        (struct nftables_cost){.bytes = batch_bytes(application->batch),
                               .messages = batch_messages(application->batch),
                               .build_usec = (uint64_t)(built - start),
                               .commit_usec = (uint64_t)(calendar_clock(CLOCK_MONOTONIC) - built)};
    /* Refusals would have come first; what was lost are echoes of what is committed. */
    if (errors.n_errors == 0 && (!errors.overrun || application->echo)) {
        tell_named(application->nftables, &named);
        return 0;
    }
    refuse(application, &errors, refusal);
    return lost_race(application, &errors) ? 1 : -EREMOTEIO;
}

/* What the kernel can do matters only for elements that may expire. */
static bool needs_features(const struct difference *difference)
{
    for (size_t i = 0; i < difference->n_changes; i++) {
        const struct change *change = &difference->changes[i];

        if (change->set && change->set->timeout &&
            (change->kind == CHANGE_DELETE_ELEMENTS || change->kind == CHANGE_RENEW_ELEMENTS))
            return true;
    }
    return false;
}

/* Looks, rather than trusts the difference: a table that is in force must not be taken apart. */
static bool is_new_table(struct nftables *nftables, const char *table,
                         const struct difference *difference)
{
    char buffer[REQUEST_MAX];
    struct nlmsghdr *request = nftables_request_new(buffer, NFT_MSG_GETTABLE, 0);

    mnl_attr_put_strz(request, NFTA_TABLE_NAME, table);
    return difference->changes[0].kind == CHANGE_ADD_TABLE &&
           netlink_request(&nftables->netlink, request, NULL, NULL) == -ENOENT;
}

static int apply_tries(struct application *settings, const struct difference *difference,
                       struct nftables_refusal *refusal, struct nftables_cost *cost)
{
    int r = 1;

    for (unsigned tries = 0; r == 1 && tries < APPLY_TRIES_MAX; tries++) {
        cleanup_(application_clear) struct application application = *settings;

        application.observe = tries > 0;
        r = apply_once(&application, difference, refusal, cost);
    }
    return r == 1 ? -EREMOTEIO : r;
}

/* One transaction. Adds to `cost`. */
static int apply_changes(const struct application *application, const struct difference *difference,
                         struct nftables_refusal *refusal, struct nftables_cost *cost)
{
    struct application settings = *application;
    struct nftables_cost own = {0};
    int r;

    if (difference->n_changes == 0)
        return 0;
    r = apply_tries(&settings, difference, refusal, &own);
    if (r == -ENOBUFS && is_new_table(settings.nftables, settings.table, difference)) {
        settings.in_parts = true;
        r = apply_tries(&settings, difference, refusal, &own);
    }
    if (r < 0)
        return r;

    cost->bytes += own.bytes;
    cost->messages += own.messages;
    cost->transactions += own.messages > 1;
    cost->build_usec += own.build_usec;
    cost->commit_usec += own.commit_usec;
    return 0;
}

int nftables_apply(struct nftables *nftables, const struct ruleset *target,
                   const struct difference *difference, usec_t now,
                   struct nftables_refusal *ret_refusal, struct nftables_cost *ret_cost)
{
    const struct application application = {.nftables = nftables,
                                            .table = target->table,
                                            .now = now,
                                            .began = calendar_clock(CLOCK_MONOTONIC)};
    struct change *changes = difference->changes;
    struct nftables_refusal refusal = {0};
    struct nftables_cost cost = {0};
    int r = 0;

    if (needs_features(difference))
        r = nftables_require_features(nftables);
    for (enum phase phase = 0; r == 0 && phase < PHASES; phase++) {
        const struct difference part = {.changes = changes,
                                        .n_changes = difference->n_phase[phase]};

        r = apply_changes(&application, &part, &refusal, &cost);
        /* An empty difference has no array to point into. */
        if (part.n_changes > 0)
            changes += part.n_changes;
    }

    if (r == -EREMOTEIO && ret_refusal)
        *ret_refusal = refusal;
    if (r == 0 && ret_cost)
        *ret_cost = cost;
    return r;
}
