/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which keys of the language the sample uses. It reads the files by libyaml alone and the language
 * from the grammar, so that a key added to the language and not to the sample fails here: what the
 * sample does not show, no test that runs on the sample has seen.
 */

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "keys.h"
#include "policy/texts.h"

#define KEYS_MAX 128

struct seen {
    const struct grammar_key *keys[KEYS_MAX];
    size_t n_keys;
};

static bool seen_has(const struct seen *seen, const struct grammar_key *key)
{
    for (size_t i = 0; i < seen->n_keys; i++)
        if (seen->keys[i] == key)
            return true;
    return false;
}

static void seen_add(struct seen *seen, const struct grammar_key *key)
{
    if (seen_has(seen, key))
        return;
    ck_assert_uint_lt(seen->n_keys, KEYS_MAX);
    seen->keys[seen->n_keys++] = key;
}

static const struct grammar_key *find_key(const struct mapping *mapping, const char *name)
{
    for (size_t i = 0; i < mapping->n_keys; i++)
        if (strcmp(mapping->keys[i].name, name) == 0)
            return &mapping->keys[i];
    ck_abort_msg("the sample has a key that the language has not: %s", name);
    return NULL;
}

static void see_mapping(struct seen *seen, yaml_document_t *document, const yaml_node_t *node,
                        const struct mapping *mapping);

static void see_value(struct seen *seen, yaml_document_t *document, const yaml_node_t *node,
                      const struct grammar_key *key)
{
    switch (key->kind) {
    case KEY_TEXT:
    case KEY_LIST:
        return;
    case KEY_MAPPING:
        see_mapping(seen, document, node, key->mapping);
        return;
    case KEY_OBJECTS:
        ck_assert_int_eq(node->type, YAML_MAPPING_NODE);
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
             pair < node->data.mapping.pairs.top; pair++)
            if (!key->mapping->is_list)
                see_mapping(seen, document, yaml_document_get_node(document, pair->value),
                            key->mapping);
        return;
    case KEY_ITEMS:
        ck_assert_int_eq(node->type, YAML_SEQUENCE_NODE);
        for (const yaml_node_item_t *item = node->data.sequence.items.start;
             item < node->data.sequence.items.top; item++)
            see_mapping(seen, document, yaml_document_get_node(document, *item), key->mapping);
        return;
    }
}

/* Recursion ends with the grammar, which has no circles. */
static void see_mapping(struct seen *seen, yaml_document_t *document, const yaml_node_t *node,
                        const struct mapping *mapping)
{
    ck_assert_int_eq(node->type, YAML_MAPPING_NODE);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(document, pair->key);
        const struct grammar_key *key = find_key(mapping, (const char *)name->data.scalar.value);

        seen_add(seen, key);
        see_value(seen, document, yaml_document_get_node(document, pair->value), key);
    }
}

static void see_file(struct seen *seen, const struct sources *sources, uint32_t source)
{
    yaml_document_t document;
    yaml_parser_t parser;
    const char *text;
    size_t size;

    text = sources_text(sources, source, &size);
    ck_assert(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    ck_assert(yaml_parser_load(&parser, &document));
    see_mapping(seen, &document, yaml_document_get_root_node(&document), &grammar);
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
}

/* The city shares the mark of connections with nobody, and most do not. */
#define SPARED "mark-mask"

/* Prints the unused keys of a mapping and of those below it; returns their number. */
static size_t print_unused(const struct seen *seen, const struct mapping *mapping)
{
    size_t unused = 0;

    for (size_t i = 0; i < mapping->n_keys; i++) {
        const struct grammar_key *key = &mapping->keys[i];

        if (!seen_has(seen, key) && strcmp(key->name, SPARED) != 0) {
            printf("no %s of the sample has the key %s\n", mapping->noun, key->name);
            unused++;
        }
        if (key->mapping && !key->mapping->is_list)
            unused += print_unused(seen, key->mapping);
    }
    return unused;
}

void keys_assert_all_used(const struct sources *sources)
{
    struct seen seen = {0};

    for (uint32_t i = 0; i < sources_count(sources); i++)
        if (!policy_list_name(sources_name(sources, i)))
            see_file(&seen, sources, i);
    ck_assert_uint_eq(print_unused(&seen, &grammar), 0);
}
