/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The table as the kernel holds it, as a ruleset. Dumps are taken one after the other, and what
 * they say fits together only if the generation id was the same before the first and after the
 * last; else all is read again.
 *
 * What a ruleset cannot express (a set with a size, a chain of another type) is not left out: it is
 * read as something that equals nothing, so that a comparison with what is wanted finds it.
 */

#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "kernel/attributes.h"
#include "kernel/batch.h"
#include "kernel/elements.h"
#include "kernel/expressions.h"
#include "kernel/nftables_private.h"
#include "kernel/nftnl.h"
#include "kernel/objects.h"

/* Flags of a set that a ruleset expresses, and those that do not change what it does. */
#define SET_FLAGS_KNOWN                                                                            \
    (NFT_SET_INTERVAL | NFT_SET_MAP | NFT_SET_TIMEOUT | NFT_SET_OBJECT | NFT_SET_CONCAT |          \
     NFT_SET_EXPR | NFT_SET_EVAL)

/* By how much an expiry may differ from the wanted one: the kernel counts in ticks, and from when
 * it got the element, which is after the batch was built. */
#define EXPIRY_TOLERANCE (2 * USEC_PER_SEC)

#define KEY_MAX ((size_t)64)

/* A dump on its way. */
struct dump {
    struct nftables *nftables;
    const struct ruleset *expected; /* or NULL */
    struct ruleset *ruleset;        /* what has been read so far */
    /* The kernel tells how much time is left; when in between it did so is not known. */
    usec_t began, ended;
    /* The chain of the rule read last, and the first expected rule of it that no rule has been
     * found equal to: the kernel dumps rules chain by chain. */
    size_t chain;
    size_t next;
};

/*
 * Elements read back. The kernel hands out the two ends of a one-field interval as elements of
 * their own, in an order of its own, so they are collected, sorted and paired.
 */

/* One end of an interval of a set with one field. */
struct bound {
    uint8_t key[16];
    bool is_end;
    struct element element; /* of a beginning; texts in the ruleset's arena */
};

struct element_reader {
    struct dump *dump;
    struct set *set;
    struct bound *bounds;
    size_t n_bounds;
    size_t capacity;
};

static void element_reader_clear(struct element_reader *reader)
{
    free(reader->bounds);
}

/* The instant so many milliseconds from now; what lies beyond all instants is the last of them. */
static usec_t expiry_of(usec_t now, uint64_t msec)
{
    if (msec > (uint64_t)(USEC_NEVER - now) / 1000)
        return USEC_NEVER;
    return now + (usec_t)msec * 1000;
}

static struct element element_of(const struct element_reader *reader,
                                 const struct element_view *view)
{
    struct element element = {
        .target = view->chain ? view->chain : view->object,
        .comment = view->comment,
        .mark = reader->set->data == SET_DATA_MARK ? view->mark : 0,
        .verdict = view->verdict,
    };

    if (view->expires)
        element.expires = expiry_of(reader->dump->began, view->expires_msec);
    return element;
}

static int read_bound(struct element_reader *reader, const struct element_view *view)
{
    struct bound bound = {.is_end = view->interval_end, .element = element_of(reader, view)};
    struct arena *arena = reader->dump->ruleset->arena;

    memcpy(bound.key, view->key, view->key_length);
    if (arena_keep_string(arena, &bound.element.target) < 0 ||
        arena_keep_string(arena, &bound.element.comment) < 0)
        return -ENOMEM;
    return array_append(&reader->bounds, &reader->n_bounds, &reader->capacity, &bound,
                        sizeof(bound));
}

static int read_element(const struct element_view *view, void *userdata)
{
    struct element_reader *reader = userdata;
    struct set *set = reader->set;
    uint8_t key[KEY_MAX] = {0}, key_end[KEY_MAX] = {0};
    struct element element;

    if (view->key_length != elements_key_length(set))
        return -EBADMSG;
    if (set->interval && set->n_key == 1)
        return view->key_length <= sizeof(reader->bounds->key) ? read_bound(reader, view)
                                                               : -EBADMSG;

    element = element_of(reader, view);
    memcpy(key, view->key, view->key_length);
    memcpy(key_end, view->key_end ? view->key_end : view->key, view->key_length);
    element.key = key;
    element.key_end = set->interval ? key_end : NULL;
    return ruleset_add_element(reader->dump->ruleset, set, &element);
}

/* By key; where one interval ends and the next begins, the end comes first. */
static int compare_bounds(const void *a, const void *b)
{
    const struct bound *x = a, *y = b;
    int order = memcmp(x->key, y->key, sizeof(x->key));

    return order != 0 ? order : y->is_end - x->is_end;
}

/* Writes the key before `key`, which is not the first of all. */
static void key_before(uint8_t *key, size_t length)
{
    for (size_t i = length; i > 0; i--)
        if (key[i - 1]-- != 0)
            return;
}

/* A beginning lasts to the key before the next bound, or to the last key of all. */
static int pair_bounds(struct element_reader *reader)
{
    size_t length = elements_key_length(reader->set);
    int r;

    if (reader->n_bounds == 0)
        return 0;
    qsort(reader->bounds, reader->n_bounds, sizeof(*reader->bounds), compare_bounds);

    for (size_t i = 0; i < reader->n_bounds; i++) {
        struct bound *bound = &reader->bounds[i];
        uint8_t key_end[sizeof(bound->key)] = {0};

        if (bound->is_end)
            continue;
        if (i + 1 < reader->n_bounds) {
            memcpy(key_end, bound[1].key, sizeof(key_end));
            key_before(key_end, length);
        } else {
            memset(key_end, 0xff, length);
        }
        bound->element.key = bound->key;
        bound->element.key_end = key_end;
        r = ruleset_add_element(reader->dump->ruleset, reader->set, &bound->element);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Reads the elements of one set. 0, -EINTR, or -errno. */
static int dump_elements(struct dump *dump, struct set *set)
{
    cleanup_(element_reader_clear) struct element_reader reader = {.dump = dump, .set = set};
    int r;

    /* A set that a ruleset cannot express is replaced whole; its elements do not matter. */
    if (set->n_key == 0)
        return 0;
    /* What rules have added is state, which no ruleset holds. */
    if (set->dynamic)
        return 0;

    r = nftables_dump_elements(dump->nftables, dump->ruleset->table, set->name,
                               (struct element_walk){read_element, &reader});
    return r < 0 ? r : pair_bounds(&reader);
}

/* Whether an expiry that counts from the dump's beginning may be the expected one. */
static bool is_expiry(const struct dump *dump, usec_t seen, usec_t expected)
{
    usec_t later = expected - seen;

    return seen != 0 && expected != 0 && later > -EXPIRY_TOLERANCE &&
           later < EXPIRY_TOLERANCE + (dump->ended - dump->began);
}

static int reconcile_element(struct dump *dump, struct element *seen,
                             const struct element *expected)
{
    size_t length = expected->comment ? elements_comment_length(expected->comment) : 0;

    seen->location = expected->location;
    seen->reply = expected->reply;
    if (is_expiry(dump, seen->expires, expected->expires))
        seen->expires = expected->expires;

    if (seen->comment && expected->comment && expected->comment[length] != '\0' &&
        strlen(seen->comment) == length && memcmp(seen->comment, expected->comment, length) == 0) {
        seen->comment = arena_string(dump->ruleset->arena, expected->comment);
        if (!seen->comment)
            return -ENOMEM;
    }
    return 0;
}

/* Both are sorted by key. */
static int reconcile_set(struct dump *dump, struct set *seen, const struct set *expected)
{
    size_t i = 0, j = 0;

    while (i < seen->n_elements && j < expected->n_elements) {
        int order = element_compare(seen, &seen->elements[i], &expected->elements[j]);
        int r = 0;

        if (order == 0)
            r = reconcile_element(dump, &seen->elements[i], &expected->elements[j]);
        if (r < 0)
            return r;
        i += order <= 0;
        j += order >= 0;
    }
    return 0;
}

/*
 * Gives a finished ruleset what the kernel does not know of the expected one: locations, a comment
 * of which the kernel holds the beginning, and the exact expiry where the kernel's agrees. 0 or
 * -ENOMEM.
 */
static int dump_reconcile(struct dump *dump)
{
    struct ruleset *ruleset = dump->ruleset;

    if (!dump->expected)
        return 0;

    for (size_t i = 0; i < ruleset->n_chains; i++) {
        const struct chain *expected = ruleset_find_chain(dump->expected, ruleset->chains[i].name);

        if (expected)
            ruleset->chains[i].location = expected->location;
    }

    for (size_t i = 0; i < ruleset->n_sets; i++) {
        const struct set *expected = ruleset_find_set(dump->expected, ruleset->sets[i].name);
        int r = 0;

        if (expected && set_definition_equal(&ruleset->sets[i], expected))
            r = reconcile_set(dump, &ruleset->sets[i], expected);
        if (r < 0)
            return r;
    }
    return 0;
}

/*
 * Rules read back. Statements cannot be had from expressions in general, but what matters is
 * whether a rule is the one that is wanted: so the wanted rule is lowered as for the kernel, and
 * where both do the same, the kernel's rule is that rule. Any other rule is foreign and keeps its
 * expressions as text.
 */

/* The chain of that name among those just read, not yet sorted; NULL where there is none. */
static struct chain *dump_chain_of(struct dump *dump, const char *name)
{
    struct ruleset *ruleset = dump->ruleset;

    for (size_t i = 0; i < ruleset->n_chains; i++) {
        size_t index = (dump->chain + i) % ruleset->n_chains;

        if (strcmp(ruleset->chains[index].name, name) != 0)
            continue;
        if (index != dump->chain)
            dump->next = 0;
        dump->chain = index;
        return &ruleset->chains[index];
    }
    return NULL;
}

/* The rule as the kernel would hold it. NULL: no memory. */
static struct nftnl_rule *lower_rule(const struct rule *rule)
{
    cleanup_(nftnl_rule_freep) struct nftnl_rule *lowered = nftnl_rule_alloc();

    if (!lowered || expressions_add(lowered, rule) < 0)
        return NULL;
    return TAKE_PTR(lowered);
}

/* The next expected rule of the chain that does the same, or NULL. Rules come in the order in which
 * they are judged, so one that stands before an expected rule already found is not that rule. */
static int find_expected(struct dump *dump, const struct chain *expected,
                         const struct nftnl_rule *object, const struct rule **ret_rule)
{
    *ret_rule = NULL;
    for (size_t i = dump->next; i < expected->n_rules; i++) {
        cleanup_(nftnl_rule_freep) struct nftnl_rule *lowered = lower_rule(&expected->rules[i]);

        if (!lowered)
            return -ENOMEM;
        if (!expressions_equal(lowered, object))
            continue;
        *ret_rule = &expected->rules[i];
        dump->next = i + 1;
        return 0;
    }
    return 0;
}

static int add_foreign(struct dump *dump, struct chain *chain, const struct nftnl_rule *object)
{
    const char *text = expressions_text(dump->ruleset->arena, object);
    int r;

    if (!text)
        return -ENOMEM;
    r = ruleset_add_rule(dump->ruleset, chain, NULL, 0);
    if (r == 0)
        chain->rules[chain->n_rules - 1].foreign = text;
    return r;
}

static int dump_rule(const struct nlmsghdr *message, void *userdata)
{
    cleanup_(nftnl_rule_freep) struct nftnl_rule *object = nftnl_rule_alloc();
    const struct chain *expected;
    const struct rule *rule = NULL;
    struct dump *dump = userdata;
    const char *table, *name;
    struct chain *chain;
    int r = 0;

    if (!object)
        return -ENOMEM;
    if (nftnl_rule_nlmsg_parse(message, object) < 0)
        return -EBADMSG;
    table = nftnl_rule_get_str(object, NFTNL_RULE_TABLE);
    name = nftnl_rule_get_str(object, NFTNL_RULE_CHAIN);
    if (!table || !name)
        return -EBADMSG;
    if (strcmp(table, dump->ruleset->table) != 0)
        return 0;

    /* A rule of a chain that was not there a moment ago: the generation id has changed too. */
    chain = dump_chain_of(dump, name);
    if (!chain)
        return -EINTR;
    expected = ruleset_find_chain(dump->expected, chain->name);
    if (expected)
        r = find_expected(dump, expected, object, &rule);
    if (r < 0)
        return r;
    if (!rule)
        return add_foreign(dump, chain, object);
    return ruleset_add_rule(dump->ruleset, chain, rule->statements, rule->n_statements);
}

static bool is_text(const char *text, const char *wanted)
{
    return text && strcmp(text, wanted) == 0;
}

static int dump_table_message(const struct nlmsghdr *message, void *userdata)
{
    struct attributes list = attributes_of(message);
    const struct dump *dump = userdata;
    struct ruleset *ruleset = dump->ruleset;
    uint32_t bits = attribute_u32(attributes_find(list, NFTA_TABLE_FLAGS));
    const struct nlattr *owner = attributes_find(list, NFTA_TABLE_OWNER);

    ruleset->dormant = bits & NFT_TABLE_F_DORMANT;
    ruleset->owned = bits & TABLE_OWNER;
    ruleset->persists = bits & TABLE_PERSIST;
    ruleset->ours = ruleset->owned && owner && attribute_u32(owner) == dump->nftables->port;
    ruleset->to_own = dump->nftables->own && !ruleset->ours;
    return 0;
}

static int dump_request(struct dump *dump, uint16_t type, uint16_t flags, uint16_t table_attribute,
                        netlink_handler handler)
{
    char buffer[REQUEST_MAX];
    struct nlmsghdr *request = nftables_request_new(buffer, type, flags);

    mnl_attr_put_strz(request, table_attribute, dump->ruleset->table);
    return netlink_request(&dump->nftables->netlink, request, handler, dump);
}

/* nft's words for the objects that a table may hold. */
static const char *object_kind(uint32_t type)
{
    static const char *const kinds[] = {
        [NFT_OBJECT_QUOTA] = "quota",       [NFT_OBJECT_CT_HELPER] = "ct helper",
        [NFT_OBJECT_LIMIT] = "limit",       [NFT_OBJECT_CONNLIMIT] = "ct count",
        [NFT_OBJECT_TUNNEL] = "tunnel",     [NFT_OBJECT_CT_TIMEOUT] = "ct timeout",
        [NFT_OBJECT_SECMARK] = "secmark",   [NFT_OBJECT_CT_EXPECT] = "ct expectation",
        [NFT_OBJECT_SYNPROXY] = "synproxy",
    };

    return type < ELEMENTS_OF(kinds) && kinds[type] ? kinds[type] : "object";
}

static int dump_object(const struct nlmsghdr *message, void *userdata)
{
    struct attributes list = attributes_of(message);
    const char *table = attribute_string(attributes_find(list, NFTA_OBJ_TABLE));
    const char *name = attribute_string(attributes_find(list, NFTA_OBJ_NAME));
    uint32_t type = attribute_u32(attributes_find(list, NFTA_OBJ_TYPE));
    struct dump *dump = userdata;

    if (!is_text(table, dump->ruleset->table) || !name)
        return 0;
    if (type == NFT_OBJECT_COUNTER)
        return ruleset_add_counter(dump->ruleset, name);
    return ruleset_add_foreign(
        dump->ruleset, &(struct foreign){.name = name, .kind = object_kind(type), .type = type});
}

static int dump_flowtable(const struct nlmsghdr *message, void *userdata)
{
    struct attributes list = attributes_of(message);
    const char *table = attribute_string(attributes_find(list, NFTA_FLOWTABLE_TABLE));
    const char *name = attribute_string(attributes_find(list, NFTA_FLOWTABLE_NAME));
    struct dump *dump = userdata;

    if (!is_text(table, dump->ruleset->table) || !name)
        return 0;
    return ruleset_add_foreign(dump->ruleset, &(struct foreign){.name = name, .kind = "flowtable"});
}

static int dump_chain(const struct nlmsghdr *message, void *userdata)
{
    cleanup_(nftnl_chain_freep) struct nftnl_chain *object = nftnl_chain_alloc();
    struct dump *dump = userdata;
    struct chain *chain;
    const char *name;
    int r;

    if (!object)
        return -ENOMEM;
    if (nftnl_chain_nlmsg_parse(message, object) < 0)
        return -EBADMSG;
    if (!is_text(nftnl_chain_get_str(object, NFTNL_CHAIN_TABLE), dump->ruleset->table))
        return 0;
    name = nftnl_chain_get_str(object, NFTNL_CHAIN_NAME);
    if (!name)
        return -EBADMSG;

    r = ruleset_add_chain(dump->ruleset, name, &chain);
    if (r < 0 || !is_text(nftnl_chain_get_str(object, NFTNL_CHAIN_TYPE), "filter"))
        return r;

    chain->hook = objects_hook(nftnl_chain_get_u32(object, NFTNL_CHAIN_HOOKNUM));
    chain->priority = nftnl_chain_get_s32(object, NFTNL_CHAIN_PRIO);
    chain->policy_drop = nftnl_chain_get_u32(object, NFTNL_CHAIN_POLICY) == NF_DROP;
    return 0;
}

/* Only element counters are known as expressions of a set. */
static int see_set_expression(struct nftnl_expr *expression, void *userdata)
{
    struct set *set = userdata;

    set->counters = is_text(nftnl_expr_get_str(expression, NFTNL_EXPR_NAME), "counter");
    return set->counters ? 0 : -1;
}

static enum set_data set_data_of(const struct nftnl_set *object, uint32_t flags)
{
    if (flags & NFT_SET_OBJECT)
        return SET_DATA_COUNTER;
    if (!(flags & NFT_SET_MAP))
        return SET_DATA_NONE;
    return nftnl_set_get_u32(object, NFTNL_SET_DATA_TYPE) == NFT_DATA_VERDICT ? SET_DATA_VERDICT
                                                                              : SET_DATA_MARK;
}

/* True where the set is one that a ruleset can express; else it equals none. */
static bool describe_set(const struct nftnl_set *object, struct set *set)
{
    uint32_t flags = nftnl_set_get_u32(object, NFTNL_SET_FLAGS);
    uint32_t key = nftnl_set_get_u32(object, NFTNL_SET_KEY_TYPE);
    uint64_t timeout = nftnl_set_get_u64(object, NFTNL_SET_TIMEOUT);

    if (objects_key_types(key, set->key, &set->n_key) < 0 || flags & ~(uint32_t)SET_FLAGS_KNOWN ||
        timeout % 1000 != 0 || timeout / 1000 > UINT32_MAX)
        return false;
    set->dynamic = flags & NFT_SET_EVAL;
    set->size = nftnl_set_get_u32(object, NFTNL_SET_DESC_SIZE);
    set->lifetime = (uint32_t)(timeout / 1000);
    if (!set->dynamic && (set->size > 0 || set->lifetime > 0))
        return false;

    set->key_length = datatypes_length(set->key, set->n_key);
    set->data = set_data_of(object, flags);
    set->interval = flags & NFT_SET_INTERVAL;
    set->timeout = flags & NFT_SET_TIMEOUT;
    if (set->data == SET_DATA_MARK &&
        nftnl_set_get_u32(object, NFTNL_SET_DATA_TYPE) != datatype_number(DATATYPE_MARK))
        return false;
    if (set->data == SET_DATA_COUNTER &&
        nftnl_set_get_u32(object, NFTNL_SET_OBJ_TYPE) != NFT_OBJECT_COUNTER)
        return false;
    return nftnl_set_expr_foreach(object, see_set_expression, set) >= 0 &&
           nftnl_set_get_u32(object, NFTNL_SET_KEY_LEN) == elements_key_length(set);
}

static int dump_set(const struct nlmsghdr *message, void *userdata)
{
    cleanup_(nftnl_set_freep) struct nftnl_set *object = nftnl_set_alloc();
    struct dump *dump = userdata;
    struct set *set, seen = {0};
    const char *name;
    bool known;
    int r;

    if (!object)
        return -ENOMEM;
    if (nftnl_set_nlmsg_parse(message, object) < 0)
        return -EBADMSG;
    /* A set without a name of its own belongs to a rule, which then is foreign. */
    if (!is_text(nftnl_set_get_str(object, NFTNL_SET_TABLE), dump->ruleset->table) ||
        nftnl_set_get_u32(object, NFTNL_SET_FLAGS) & NFT_SET_ANONYMOUS)
        return 0;

    name = nftnl_set_get_str(object, NFTNL_SET_NAME);
    if (!name)
        return -EBADMSG;
    known = describe_set(object, &seen);
    r = ruleset_add_set(dump->ruleset, name, seen.key, known ? seen.n_key : 0, seen.data, &set);
    if (r < 0 || !known)
        return r;
    seen.name = set->name;
    *set = seen;
    return 0;
}

/* Everything but rules' meaning and elements, which stand in files of their own. */
static int dump_objects(struct dump *dump)
{
    int r = dump_request(dump, NFT_MSG_GETTABLE, 0, NFTA_TABLE_NAME, dump_table_message);

    if (r == 0)
        r = dump_request(dump, NFT_MSG_GETOBJ, NLM_F_DUMP, NFTA_OBJ_TABLE, dump_object);
    if (r == 0)
        r = dump_request(dump, NFT_MSG_GETFLOWTABLE, NLM_F_DUMP, NFTA_FLOWTABLE_TABLE,
                         dump_flowtable);
    if (r == 0)
        r = dump_request(dump, NFT_MSG_GETSET, NLM_F_DUMP, NFTA_SET_TABLE, dump_set);
    for (size_t i = 0; r == 0 && i < dump->ruleset->n_sets; i++)
        r = dump_elements(dump, &dump->ruleset->sets[i]);
    if (r == 0)
        r = dump_request(dump, NFT_MSG_GETCHAIN, NLM_F_DUMP, NFTA_CHAIN_TABLE, dump_chain);
    if (r == 0)
        r = dump_request(dump, NFT_MSG_GETRULE, NLM_F_DUMP, NFTA_RULE_TABLE, dump_rule);
    return r;
}

/* Waits until no commit is under way: a transaction without content needs the kernel's turn too. */
static int wait_for_commits(struct nftables *nftables)
{
    cleanup_(netlink_errors_clear) struct netlink_errors errors = {0};
    cleanup_(batch_freep) struct batch *batch = NULL;
    int r = batch_new(&nftables->netlink, &batch);

    return r < 0 ? r : batch_commit(batch, &errors);
}

static bool has_duplicates(const struct ruleset *ruleset)
{
    for (size_t i = 0; i < ruleset->n_sets; i++) {
        const struct set *set = &ruleset->sets[i];

        for (size_t j = 1; j < set->n_elements; j++)
            if (element_compare(set, &set->elements[j - 1], &set->elements[j]) == 0)
                return true;
    }
    return false;
}

/* Returns -EINTR where something changed meanwhile. */
static int dump_once(struct nftables *nftables, const char *table, const struct ruleset *expected,
                     struct ruleset **ret_ruleset)
{
    cleanup_(ruleset_freep) struct ruleset *ruleset = NULL;
    struct dump dump = {.nftables = nftables, .expected = expected, .began = calendar_now()};
    uint32_t before, after;
    int r = ruleset_new(table, &ruleset), end;

    if (r < 0)
        return r;
    r = nftables_generation(nftables, &before);
    if (r == 0)
        r = wait_for_commits(nftables);
    if (r < 0)
        return r;

    dump.ruleset = ruleset;
    r = dump_objects(&dump);
    dump.ended = calendar_now();
    end = nftables_generation(nftables, &after);
    if (end < 0)
        return end;
    if (before != after)
        return -EINTR;
    if (r < 0)
        return r;

    ruleset_finish(ruleset);
    if (has_duplicates(ruleset))
        return -EINTR;
    r = dump_reconcile(&dump);
    if (r < 0)
        return r;

    *ret_ruleset = TAKE_PTR(ruleset);
    return 0;
}

int nftables_dump(struct nftables *nftables, const char *table, const struct ruleset *expected,
                  struct ruleset **ret_ruleset)
{
    int r = -EINTR;

    for (unsigned tries = 0; r == -EINTR && tries < TRIES_MAX; tries++)
        r = dump_once(nftables, table, expected, ret_ruleset);
    return r == -EINTR ? -EAGAIN : r;
}
