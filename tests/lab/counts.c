/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the kernel counted, read as an operator would: refused packets by the library, flows from
 * the text in which nft lists the switchboard, where a flow's name is the comment of its elements.
 * Which of them are of replies follows from where the rows of the flow are: its mark in
 * `pair/FROM/TO`.
 */

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "diagram/diagram.h"
#include "lab/lab.h"
#include "observe/drop_counters.h"
#include "parse_policy.h"
#include "ruleset/compile.h"
#include "sandbox.h"
#include "segd.h"

struct wanted {
    const char *name; /* NULL: all */
    uint64_t packets;
};

static int add_counter(const struct drop_counter *counter, void *userdata)
{
    struct wanted *wanted = userdata;

    if (!wanted->name || strcmp(counter->name, wanted->name) == 0)
        wanted->packets += counter->count.packets;
    return 0;
}

/* What the table holds, which is read once for each state of it: a test that waits for a packet
 * asks again and again, and 50,000 flows take long to read. */
static const struct ruleset *read_held(struct nftables *nftables)
{
    static struct {
        struct ruleset *held;
        uint32_t generation;
        ino_t namespace;
    } last;
    uint32_t generation = 0;
    struct stat status;

    ck_assert_int_eq(stat("/proc/self/ns/net", &status), 0);
    ck_assert_int_eq(nftables_generation(nftables, &generation), 0);
    if (!last.held || last.generation != generation || last.namespace != status.st_ino) {
        last.held = ruleset_free(last.held);
        ck_assert_int_eq(nftables_dump(nftables, RULESET_TABLE, NULL, &last.held), 0);
        last.generation = generation;
        last.namespace = status.st_ino;
    }
    return last.held;
}

static uint64_t count(const char *name)
{
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    struct wanted wanted = {.name = name};

    ck_assert_int_eq(nftables_open(&nftables), 0);
    ck_assert_int_eq(drop_counters_read(nftables, read_held(nftables), add_counter, &wanted), 0);
    return wanted.packets;
}

uint64_t segd_dropped(const char *counter)
{
    return count(counter);
}

uint64_t segd_dropped_between(const char *reason, const char *a, const char *b)
{
    char there[128], back[128];

    snprintf(there, sizeof(there), "%s/%s/%s", reason, a, b);
    snprintf(back, sizeof(back), "%s/%s/%s", reason, b, a);
    return count(there) + (strcmp(a, b) == 0 ? 0 : count(back));
}

uint64_t segd_dropped_total(void)
{
    return count(NULL);
}

/* Whether a name is that of a part of the pair: `pair/FROM/TO…`; NULL: of any. */
static bool is_of_pair(const char *name, const char *from, const char *to)
{
    char copy[256], *rest = copy, *word;

    snprintf(copy, sizeof(copy), "%s", name);
    if (strcmp(strsep(&rest, "/"), "pair") != 0 || !(word = strsep(&rest, "/")) ||
        (from && strcmp(word, from) != 0))
        return false;
    word = strsep(&rest, "/");
    return word && (!to || strcmp(word, to) == 0);
}

/* A rule that is a row writes the mark, or with `mark-mask` goes to a chain that does. The dump
 * was told of no rules, so they are text. */
static bool is_row(const struct rule *rule, uint32_t mark, const char *chain)
{
    char set[32];

    snprintf(set, sizeof(set), "0x%08" PRIx32 " ]", mark);
    return strstr(rule->foreign, set) != NULL || strstr(rule->foreign, chain) != NULL;
}

/* Whether a row of the mark stands in a table of the pair. */
static bool has_row(const struct ruleset *held, uint32_t mark, const char *from, const char *to)
{
    char chain[32];

    snprintf(chain, sizeof(chain), "mark/0x%08" PRIx32, mark); /* with `mark-mask` */
    for (size_t i = 0; i < held->n_sets; i++) {
        const struct set *set = &held->sets[i];

        for (size_t j = 0; is_of_pair(set->name, from, to) && j < set->n_elements; j++)
            if (set->elements[j].mark == mark ||
                (set->elements[j].target && strcmp(set->elements[j].target, chain) == 0))
                return true;
    }
    for (size_t i = 0; i < held->n_chains; i++)
        for (size_t j = 0;
             is_of_pair(held->chains[i].name, from, to) && j < held->chains[i].n_rules; j++)
            if (is_row(&held->chains[i].rules[j], mark, chain))
                return true;
    return false;
}

static const char *segment_of(const struct ruleset *held, const uint8_t *interface)
{
    const struct element *element = set_find_element(ruleset_find_set(held, RULESET_INTERFACES),
                                                     &(struct element){.key = interface});

    ck_assert_ptr_nonnull(element);
    return element->comment;
}

static bool is_reply(const struct ruleset *held, const struct set *set,
                     const struct element *element)
{
    uint32_t mark = ruleset_live_mark(set, element);

    if (set->key[0] == DATATYPE_CT_DIR)
        return element->key[0] == 1;
    if (strcmp(set->name, RULESET_LIVE RULESET_TO_GATEWAY) == 0)
        return !has_row(held, mark, NULL, "gateway");
    if (strcmp(set->name, RULESET_LIVE RULESET_FROM_GATEWAY) == 0)
        return !has_row(held, mark, "gateway", NULL);
    return !has_row(held, mark, segment_of(held, element->key + 4),
                    segment_of(held, element->key + 20));
}

/* Writes the element as nft lists it: `0x1 . "a0" . "b0" counter packets 2 bytes 3 comment "web"`.
 */
static void list_element(const struct set *set, const struct element *element, FILE *stream)
{
    cleanup_(freep) char *listing = NULL, *key = NULL;
    char what[128], *found, *end;
    FILE *memory;
    size_t size;

    snprintf(what, sizeof(what), "%s inet segd %s", set->data == SET_DATA_NONE ? "set" : "map",
             set->name);
    listing = sandbox_nft_list(what);
    memory = open_memstream(&key, &size);
    element_print_key(memory, set, element);
    fclose(memory);
    found = strstr(listing, key);
    if (!found) /* it has ended meanwhile */
        return;
    end = found + strcspn(found, ",\n");
    fprintf(stream, "%.*s\n", (int)(end - found), found);
}

char *segd_live_element(const char *flow, bool reply)
{
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    cleanup_(ruleset_freep) struct ruleset *held = NULL;
    cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_int_eq(nftables_open(&nftables), 0);
    ck_assert_int_eq(nftables_dump(nftables, RULESET_TABLE, NULL, &held), 0);
    for (size_t i = 0; i < held->n_sets; i++) {
        const struct set *set = &held->sets[i];

        for (size_t j = 0; ruleset_is_live(set) && j < set->n_elements; j++)
            if (set->elements[j].comment && strcmp(set->elements[j].comment, flow) == 0 &&
                is_reply(held, set, &set->elements[j]) == reply)
                list_element(set, &set->elements[j], stream);
    }
    fclose(stream);
    return size > 0 ? TAKE_PTR(text) : NULL;
}

bool segd_live(const char *flow, bool reply, struct nftables_count *ret_count)
{
    cleanup_(freep) char *elements = segd_live_element(flow, reply);
    char *rest = elements, *line;

    if (!elements)
        return false;
    *ret_count = (struct nftables_count){0};
    while ((line = strsep(&rest, "\n")) && *line) {
        const char *packets = strstr(line, "counter packets ");
        struct nftables_count count;

        ck_assert_msg(packets, "no counter in: %s", line);
        ck_assert_int_eq(sscanf(packets, "counter packets %" SCNu64 " bytes %" SCNu64,
                                &count.packets, &count.bytes),
                         2);
        ret_count->packets += count.packets;
        ret_count->bytes += count.bytes;
    }
    return true;
}

uint64_t segd_passed(const char *flow, bool reply)
{
    struct nftables_count result;

    ck_assert_msg(segd_live(flow, reply, &result), "flow %s is not live", flow);
    return result.packets;
}

void segd_cut_times(char *text)
{
    while ((text = strstr(text, "expires "))) {
        char *end = text + strlen("expires ");

        end += strcspn(end, " \n");
        memmove(text, end, strlen(end) + 1);
    }
}

/* Cuts from `from` up to and with `end`. */
static void cut_part(char *from, const char *end)
{
    char *rest = strstr(from, end);

    ck_assert_ptr_nonnull(rest);
    rest += strlen(end);
    memmove(from, rest, strlen(rest) + 1);
}

/* `table inet segd { # handle 7 progname segd`, `flags owner` and a blank line; of an orphan only
 * `flags`, with nothing after it. */
void segd_cut_owner(char *listing)
{
    char *head = strstr(listing, "table inet segd {"), *line, *name;

    ck_assert_ptr_nonnull(head);
    line = strchr(head, '\n') + 1;
    if (strncmp(line, "\tflags ", strlen("\tflags ")) == 0)
        cut_part(line, "\n\n");
    /* With a handle before it the name is one word of a comment, else all of it. */
    name = strstr(head, " # progname ");
    if (!name || name > line)
        name = strstr(head, " progname ");
    if (name && name < line)
        memmove(name, line - 1, strlen(line - 1) + 1);
}

char *segd_list(void)
{
    static const char *const arguments[] = {"nft", "-a", "list", "table", "inet", "segd", NULL};
    char *text = NULL;
    int status = sandbox_run(arguments, NULL, &text);

    ck_assert_int_eq(status, 0);
    segd_cut_times(text);
    segd_cut_owner(text);
    return text;
}

void segd_same(const char *before, const char *after)
{
    size_t line = 0, i = 0;

    for (; before[i] && before[i] == after[i]; i++)
        if (before[i] == '\n')
            line = i + 1;
    ck_assert_msg(before[i] == after[i], "before: %.300s\nafter: %.300s", before + line,
                  after + line);
}

void segd_commit(const char *policy, usec_t now)
{
    cleanup_(sources_freep) struct sources *sources = NULL;
    cleanup_(diagnostics_freep) struct diagnostics *diagnostics = NULL;
    cleanup_(policy_freep) struct policy *read = NULL;
    cleanup_(diagram_freep) struct diagram *diagram = NULL;
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL, *held = NULL;
    cleanup_(difference_freep) struct difference *difference = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    struct nftables_refusal refusal = {0};
    int r;

    ck_assert(!lab_in_root_namespace());
    ck_assert_int_eq(sources_new(&sources), 0);
    ck_assert_int_eq(diagnostics_new(&diagnostics), 0);
    r = parse_policy("policy", policy, strlen(policy), sources, diagnostics, &read);
    if (r == 0)
        r = diagram_new(read, NULL, diagnostics, &diagram);
    if (r < 0)
        diagnostics_print(diagnostics, sources, stdout, false);
    ck_assert_int_eq(r, 0);
    ck_assert_int_eq(ruleset_compile(diagram, &(struct ruleset_options){.now = now}, &wanted), 0);

    ck_assert_int_eq(nftables_open(&nftables), 0);
    r = nftables_dump(nftables, RULESET_TABLE, wanted, &held);
    ck_assert(r == 0 || r == -ENOENT);
    ck_assert_int_eq(difference_new(held, wanted, &difference), 0);
    r = nftables_apply(nftables, wanted, difference, now, &refusal, NULL);
    ck_assert_msg(r == 0, "%s: %s", refusal.what, strerror(-refusal.error));
}
