/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the kernel can do is tried, never guessed from its version: distributions carry features
 * back. Most is tried in one transaction that ends with a message that must fail, so that nothing
 * of it ever takes effect and the kernel only says what else it refused. Whether adding an element
 * again changes its timeout shows in an element alone; that is tried in a table that hooks nowhere.
 */

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/batch.h"
#include "kernel/elements.h"
#include "kernel/nftables_private.h"
#include "kernel/objects.h"
#include "policy/policy.h"

#define HOUR (3600 * USEC_PER_SEC)

/* What the tries are made of. */
static const struct set ranges = {
    .name = "ranges",
    .key = {DATATYPE_IPV4_ADDR, DATATYPE_INET_SERVICE},
    .n_key = 2,
    .key_length = 8,
    .data = SET_DATA_MARK,
    .interval = true,
};
static const struct set marks = {
    .name = "marks",
    .key = {DATATYPE_MARK},
    .n_key = 1,
    .key_length = 4,
    .data = SET_DATA_MARK,
};
static const struct set counting = {
    .name = "counting",
    .key = {DATATYPE_CT_DIR, DATATYPE_MARK},
    .n_key = 2,
    .key_length = 8,
    .data = SET_DATA_VERDICT,
    .timeout = true,
    .counters = true,
};
static const uint8_t counting_key[8];

struct probe {
    struct nftables *nftables;
    char table[32];
    struct batch *batch; /* of the transaction being built */
};

typedef int (*probe_builder)(struct probe *probe);

static int add_set(struct probe *probe, const struct set *set)
{
    return objects_add_set(probe->batch, probe->table,
                           &(struct change){.kind = CHANGE_ADD_SET, .set = set});
}

static int build_table(struct probe *probe)
{
    return objects_add_table(probe->batch, probe->table, 0, NULL);
}

static int build_owned_table(struct probe *probe)
{
    return objects_add_table(probe->batch, probe->table, TABLE_OWNER | TABLE_PERSIST, NULL);
}

static int build_removal(struct probe *probe)
{
    static const struct change removal = {.kind = CHANGE_DELETE_TABLE};

    return objects_delete(probe->batch, probe->table, &removal);
}

static int build_ranges(struct probe *probe)
{
    int r = build_table(probe);

    return r < 0 ? r : add_set(probe, &ranges);
}

static int build_counting(struct probe *probe)
{
    int r = build_table(probe);

    return r < 0 ? r : add_set(probe, &counting);
}

/* The one element of `counting`, with an expiry. */
static int put_element(struct probe *probe, uint16_t type, uint16_t flags, usec_t expires)
{
    const struct element element = {
        .key = counting_key, .verdict = VERDICT_ACCEPT, .expires = expires};
    const struct element *elements[] = {&element};
    const struct change change = {.set = &counting, .elements = elements, .n_elements = 1};
    const struct elements_command command = {.table = probe->table, .type = type, .flags = flags};

    return elements_add(probe->batch, &command, &change);
}

static int build_destroy(struct probe *probe)
{
    int r = build_counting(probe);

    return r < 0 ? r : put_element(probe, MESSAGE_DESTROY_ELEMENTS, 0, 0);
}

static int build_conntrack(struct probe *probe)
{
    struct statement statement = {.kind = STATEMENT_SET_CT_MARK,
                                  .fields = {FIELD_CT_MARK},
                                  .n_fields = 1,
                                  .object = marks.name};
    struct statement zone = {
        .kind = STATEMENT_SET_CT_NUMBER, .fields = {FIELD_CT_ZONE}, .n_fields = 1, .value = {1}};
    struct rule rules[] = {{.statements = &statement, .n_statements = 1},
                           {.statements = &zone, .n_statements = 1}};
    const struct chain chain = {.name = "rules", .rules = rules, .n_rules = ELEMENTS_OF(rules)};
    const struct change change = {.chain = &chain};
    int r = build_table(probe);

    if (r == 0)
        r = add_set(probe, &marks);
    if (r == 0)
        r = objects_add_chain(probe->batch, probe->table, &change);
    if (r == 0)
        r = objects_add_rules(probe->batch, probe->table, &change);
    return r;
}

/* A table with this chain alone. */
static int build_rules(struct probe *probe, const struct chain *chain)
{
    const struct change change = {.chain = chain};
    int r = build_table(probe);

    if (r == 0)
        r = objects_add_chain(probe->batch, probe->table, &change);
    if (r == 0)
        r = objects_add_rules(probe->batch, probe->table, &change);
    return r;
}

/* nft_meta and nft_rt know IPsec where the kernel has CONFIG_XFRM. */
static int build_ipsec(struct probe *probe)
{
    struct statement statements[] = {
        {.kind = STATEMENT_MATCH, .fields = {FIELD_META_IPSEC}, .n_fields = 1},
        {.kind = STATEMENT_MATCH, .fields = {FIELD_RT_IPSEC}, .n_fields = 1},
    };
    struct rule rule = {.statements = statements, .n_statements = ELEMENTS_OF(statements)};
    const struct chain chain = {.name = "rules", .rules = &rule, .n_rules = 1};

    return build_rules(probe, &chain);
}

/* Answers, which are in modules of their own (nft_reject_inet). */
static int build_reject(struct probe *probe)
{
    struct statement tcp[] = {
        {.kind = STATEMENT_MATCH, .fields = {FIELD_L4PROTO}, .n_fields = 1, .value = {IPPROTO_TCP}},
        {.kind = STATEMENT_RESET}};
    struct statement other = {.kind = STATEMENT_PROHIBIT};
    struct rule rules[] = {{.statements = tcp, .n_statements = ELEMENTS_OF(tcp)},
                           {.statements = &other, .n_statements = 1}};
    const struct chain chain = {.name = "rules", .rules = rules, .n_rules = ELEMENTS_OF(rules)};

    return build_rules(probe, &chain);
}

static void name_table(struct probe *probe, size_t number)
{
    snprintf(probe->table, sizeof(probe->table), "segd-probe-%ld-%zu", (long)getpid(), number);
}

/* A feature works where the kernel refused none of its messages. */
struct attempt {
    probe_builder build;
    bool *works;
    size_t end; /* the number of messages when it was built */
};

/* Each attempt in a table of its own, after them the message that must fail. */
static int build_attempts(struct probe *probe, struct attempt *attempts, size_t n)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++) {
        name_table(probe, i);
        r = attempts[i].build(probe);
        attempts[i].end = batch_messages(probe->batch);
    }
    name_table(probe, n);
    return r < 0 ? r : build_removal(probe);
}

static int probe_attempts(struct probe *probe, struct attempt *attempts, size_t n)
{
    cleanup_(netlink_errors_clear) struct netlink_errors errors = {0};
    cleanup_(batch_freep) struct batch *batch = NULL;
    int r = batch_new(&probe->nftables->netlink, &batch);

    if (r < 0)
        return r;
    probe->batch = batch;
    r = build_attempts(probe, attempts, n);
    if (r == 0)
        r = batch_commit(batch, &errors);
    if (r < 0)
        return r;

    for (size_t i = 0; i < n; i++) {
        size_t first = i > 0 ? attempts[i - 1].end : 1;

        *attempts[i].works = true;
        for (size_t j = 0; j < errors.n_errors; j++) {
            size_t index = batch_index(batch, errors.errors[j].sequence);

            if (index < 1 || (index >= first && index < attempts[i].end))
                *attempts[i].works = false;
        }
    }
    return 0;
}

/* Sends what `build` makes, to stay; writes whether the kernel took it. */
static int probe_commit(struct probe *probe, probe_builder build, bool *ret_taken)
{
    cleanup_(netlink_errors_clear) struct netlink_errors errors = {0};
    cleanup_(batch_freep) struct batch *batch = NULL;
    int r = batch_new(&probe->nftables->netlink, &batch);

    if (r < 0)
        return r;
    probe->batch = batch;
    r = build(probe);
    if (r == 0)
        r = batch_commit(batch, &errors);
    if (r == 0)
        *ret_taken = errors.n_errors == 0;
    return r;
}

static int build_element(struct probe *probe)
{
    int r = build_counting(probe);

    return r < 0 ? r : put_element(probe, NFT_MSG_NEWSETELEM, NLM_F_CREATE, HOUR);
}

static int build_element_again(struct probe *probe)
{
    return put_element(probe, NFT_MSG_NEWSETELEM, NLM_F_CREATE, 2 * HOUR);
}

static int view_element(const struct element_view *view, void *userdata)
{
    struct nftables_features *features = userdata;

    features->element_counters = view->counts;
    features->update_timeout = view->expires && view->expires_msec > 3 * HOUR / 2 / 1000;
    return 0;
}

static int read_element(struct probe *probe, struct nftables_features *features)
{
    int r = -EINTR;

    for (unsigned tries = 0; r == -EINTR && tries < TRIES_MAX; tries++)
        r = nftables_dump_elements(probe->nftables, probe->table, counting.name,
                                   (struct element_walk){view_element, features});
    return r == -EINTR ? -EAGAIN : r;
}

/* An element that is added twice: does it count by itself, and which timeout has it then? */
static int probe_element(struct probe *probe, struct nftables_features *features)
{
    bool taken = false;
    int r = probe_commit(probe, build_element, &taken), removal;

    if (r < 0 || !taken)
        return r;

    r = probe_commit(probe, build_element_again, &taken);
    if (r == 0)
        r = read_element(probe, features);
    removal = probe_commit(probe, build_removal, &taken);
    return r < 0 ? r : removal;
}

/*
 * Connection tracking has settings of each protocol that it was built with, from when it is first
 * asked for in a network: which the attempts did.
 */
static bool tracks_sctp(void)
{
    return access("/proc/sys/net/netfilter/nf_conntrack_sctp_timeout_closed", F_OK) == 0;
}

int nftables_probe(struct nftables *nftables, struct nftables_features *ret_features)
{
    struct nftables_features features = {0};
    struct probe probe = {.nftables = nftables};
    struct attempt attempts[] = {
        {build_table, &features.inet, 0},
        {build_ranges, &features.concatenations, 0},
        {build_owned_table, &features.owner_persist, 0},
        {build_destroy, &features.destroy, 0},
        {build_conntrack, &features.conntrack, 0},
        {build_ipsec, &features.ipsec, 0},
        {build_reject, &features.reject, 0},
    };
    int r = probe_attempts(&probe, attempts, ELEMENTS_OF(attempts));

    if (r == 0)
        r = probe_element(&probe, &features);
    if (r < 0)
        return r;
    features.sctp = tracks_sctp();

    nftables->features = features;
    nftables->probed = true;
    *ret_features = features;
    return 0;
}

const char *nftables_features_missing(const struct nftables_features *features)
{
    if (!features->inet)
        return "the kernel has no nftables for the family inet (CONFIG_NF_TABLES_INET)";
    if (!features->concatenations)
        return "the kernel has no maps of concatenated ranges (nftables of Linux 5.6 or later)";
    if (!features->element_counters)
        return "the kernel has no counters in elements of sets (nftables of Linux 5.11 or later)";
    if (!features->conntrack)
        return "the kernel has no connection tracking with marks and zones for nftables "
               "(CONFIG_NFT_CT, CONFIG_NF_CONNTRACK_MARK, CONFIG_NF_CONNTRACK_ZONES)";
    return NULL;
}

const char *nftables_features_missing_sctp(const struct nftables_features *features)
{
    if (features->sctp)
        return NULL;
    return "the kernel does not track SCTP (CONFIG_NF_CT_PROTO_SCTP): to it all of SCTP between "
           "two hosts is one connection";
}

const char *nftables_features_missing_ipsec(const struct nftables_features *features)
{
    if (features->ipsec)
        return NULL;
    return "the kernel has no IPsec (CONFIG_XFRM), or nftables cannot ask for it";
}

const char *nftables_features_missing_reject(const struct nftables_features *features)
{
    if (features->reject)
        return NULL;
    return "the kernel cannot answer refused packets (CONFIG_NFT_REJECT)";
}
