/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Drift in words. A change alone says what will be done about it, not what had happened: that an
 * element is deleted means that it was added, or that it was changed where one is added with the
 * same key. So both rulesets are asked. Names, comments and rules that somebody else put into the
 * kernel are theirs to choose; so a line is made whole first and then shown as a terminal may show
 * it.
 */

#include "ruleset/describe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* So many elements or rules of a change are named. */
#define NAMED_MAX ((size_t)4)

/* True where the ruleset has an element of that key in that set. Elements are sorted by key. */
static bool has_element(const struct ruleset *ruleset, const struct set *set,
                        const struct element *element)
{
    const struct set *found = ruleset_find_set(ruleset, set->name);

    return found && set_definition_equal(found, set) && set_find_element(found, element);
}

static void describe_deleted_table(const struct change *change, FILE *stream)
{
    const struct ruleset *held = change->held;

    if (held && held->dormant)
        fputs("the table was switched off (dormant)", stream);
    else if (held && held->persists)
        fputs("the table had lost its owner, and a base chain was changed", stream);
    else
        fputs("the table has no owner and never had one", stream);
}

static void describe_added_table(const struct change *change, FILE *stream)
{
    const struct ruleset *held = change->held;

    if (!held)
        fputs("the table is missing", stream);
    else if (held->dormant)
        fputs("the table is made anew", stream);
    else if (held->owned)
        fputs("the table belongs to another process", stream);
    else if (held->persists)
        fputs("the table had lost its owner", stream);
    else
        fputs("the table is made anew", stream);
}

static void print_rest(size_t n, FILE *stream)
{
    if (n > NAMED_MAX)
        fprintf(stream, " and %zu more", n - NAMED_MAX);
}

/* Rules that somebody else wrote. */
static size_t count_foreign(const struct chain *chain)
{
    size_t n = 0;

    for (size_t i = 0; i < chain->n_rules; i++)
        n += chain->rules[i].foreign != NULL;
    return n;
}

static void describe_foreign(const struct chain *chain, size_t n, FILE *stream)
{
    size_t named = 0;

    fprintf(stream, n == 1 ? "rule of %s was added: " : "rules of %s were added: ", chain->name);
    for (size_t i = 0; i < chain->n_rules && named < NAMED_MAX; i++) {
        if (!chain->rules[i].foreign)
            continue;
        fprintf(stream, "%s%s", named > 0 ? "; " : "", chain->rules[i].foreign);
        named++;
    }
    print_rest(n, stream);
}

/* Rules go because of one that is not as applied, or with what they refer to. */
static void describe_flushed_chain(const struct change *change, FILE *stream)
{
    const struct chain *chain = change->chain;
    const struct chain *wanted = ruleset_find_chain(change->wanted, chain->name);
    size_t n = count_foreign(chain);

    if (n > 0)
        describe_foreign(chain, n, stream);
    else if (wanted && chain_equal(wanted, chain))
        fprintf(stream, "rules of %s are written anew", chain->name);
    else if (wanted && wanted->n_rules > chain->n_rules)
        fprintf(stream, "%zu of %zu rules of %s are missing", wanted->n_rules - chain->n_rules,
                wanted->n_rules, chain->name);
    else
        fprintf(stream, "rules of %s were changed", chain->name);
}

static void describe_added_rules(const struct change *change, FILE *stream)
{
    const struct chain *held = ruleset_find_chain(change->held, change->chain->name);

    fprintf(stream, "rules of %s are %s", change->chain->name,
            held && held->n_rules > 0 ? "written anew" : "missing");
}

/* Whether the ruleset has a chain or set of that name. A counter has no content that could differ.
 */
static bool has_object(const struct ruleset *ruleset, const struct change *change)
{
    return change->chain ? ruleset_find_chain(ruleset, change->chain->name) != NULL
                         : change->set && ruleset_find_set(ruleset, change->set->name);
}

/* What the other ruleset has too is there with another content. */
static void describe_added(const struct change *change, FILE *stream)
{
    const char *name, *object = change_object(change, &name);

    fprintf(stream, "%s %s is %s", object, name,
            has_object(change->held, change) ? "written anew" : "missing");
}

static void describe_deleted(const struct change *change, FILE *stream)
{
    const char *name, *object = change_object(change, &name);

    fprintf(stream, "%s %s was %s", object, name,
            has_object(change->wanted, change) ? "changed" : "added");
}

static void print_named(const struct change *change, const struct element *element, FILE *stream)
{
    element_print_key(stream, change->set, element);
    if (element->comment)
        fprintf(stream, " (%s)", element->comment);
}

/* How many elements of the change the other ruleset has too, or has not. */
static size_t count_some(const struct change *change, const struct ruleset *other, bool there)
{
    size_t n = 0;

    for (size_t i = 0; i < change->n_elements; i++)
        n += has_element(other, change->set, change->elements[i]) == there;
    return n;
}

static void name_some(const struct change *change, const struct ruleset *other, bool there,
                      FILE *stream)
{
    size_t named = 0;

    for (size_t i = 0; i < change->n_elements && named < NAMED_MAX; i++) {
        if (has_element(other, change->set, change->elements[i]) != there)
            continue;
        fputs(named > 0 ? ", " : "", stream);
        print_named(change, change->elements[i], stream);
        named++;
    }
}

/* What is said of one element and of several. */
struct wording {
    const char *one;
    const char *many;
};

/* `lacking` is said of the elements that the other ruleset has not, `there` of all others. */
static void describe_elements(const struct change *change, const struct ruleset *other,
                              struct wording lacking, struct wording there, FILE *stream)
{
    const struct wording wordings[2] = {lacking, there};
    const char *separator = ": ";

    fprintf(stream, "element%s of %s", change->n_elements == 1 ? "" : "s", change->set->name);
    for (unsigned i = 0; i < 2; i++) {
        size_t n = count_some(change, other, i == 1);

        if (n == 0)
            continue;
        fputs(separator, stream);
        name_some(change, other, i == 1, stream);
        print_rest(n, stream);
        fprintf(stream, " %s", n == 1 ? wordings[i].one : wordings[i].many);
        separator = "; ";
    }
}

static const struct wording was_added = {"was added", "were added"};
static const struct wording was_changed = {"was changed", "were changed"};
static const struct wording is_missing = {"is missing", "are missing"};
static const struct wording is_anew = {"is written anew", "are written anew"};
static const struct wording has_other = {"has another expiry or comment",
                                         "have another expiry or comment"};

static void describe(const struct change *change, FILE *stream)
{
    const struct ruleset *held = change->held, *wanted = change->wanted;

    switch (change->kind) {
    case CHANGE_DELETE_TABLE:
        describe_deleted_table(change, stream);
        return;
    case CHANGE_ADD_TABLE:
        describe_added_table(change, stream);
        return;
    case CHANGE_FLUSH_CHAIN:
        describe_flushed_chain(change, stream);
        return;
    case CHANGE_ADD_RULES:
        describe_added_rules(change, stream);
        return;
    case CHANGE_DELETE_CHAIN:
    case CHANGE_DELETE_SET:
    case CHANGE_DELETE_COUNTER:
    case CHANGE_DELETE_FOREIGN:
        describe_deleted(change, stream);
        return;
    case CHANGE_ADD_CHAIN:
    case CHANGE_ADD_SET:
    case CHANGE_ADD_COUNTER:
        describe_added(change, stream);
        return;
    case CHANGE_DELETE_ELEMENTS:
        describe_elements(change, wanted, was_added, was_changed, stream);
        return;
    case CHANGE_ADD_ELEMENTS:
        describe_elements(change, held, is_missing, is_anew, stream);
        return;
    case CHANGE_RENEW_ELEMENTS:
        describe_elements(change, NULL, has_other, has_other, stream);
        return;
    }
}

int difference_describe(const struct change *change, FILE *stream)
{
    cleanup_(freep) char *line = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&line, &size);

    if (!memory)
        return -ENOMEM;
    describe(change, memory);
    if (fclose(memory) != 0)
        return -ENOMEM;

    text_show(stream, line, size);
    fputc('\n', stream);
    return fflush(stream) != 0 || ferror(stream) ? -EIO : 0;
}
