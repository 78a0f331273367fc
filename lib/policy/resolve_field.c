/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Values of single keys: words, truth, dates and addresses. YAML never guesses at a type here, so
 * `no` is not false and `2026-10-01` is not a date before these functions say so.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "policy/resolver.h"
#include "policy/spelling.h"

size_t count_texts(const struct draft_text *list)
{
    size_t n = 0;

    for (; list; list = list->next)
        n++;
    return n;
}

int keep_text(struct resolver *resolver, const struct draft_text *text, const char **ret_text)
{
    const char *kept;

    if (!text)
        return 0;

    kept = arena_string(resolver->arena, text->text);
    if (!kept)
        return -ENOMEM;

    *ret_text = kept;
    return 0;
}

int resolve_word(struct resolver *resolver, const struct draft_text *text, const char *key,
                 const char *const *words, size_t n_words, size_t *ret_word)
{
    struct spelling_search search = {0};
    char all[256];
    size_t length = 0;

    if (!text)
        return 0;
    for (size_t i = 0; i < n_words; i++) {
        if (strcmp(words[i], text->text) == 0) {
            *ret_word = i;
            return 0;
        }
    }

    search.text = text->text;
    for (size_t i = 0; i < n_words; i++)
        spelling_try(&search, words[i]);
    for (size_t i = 0; i < n_words && length < sizeof(all); i++)
        length += (size_t)snprintf(all + length, sizeof(all) - length, "%s`%s`", i > 0 ? ", " : "",
                                   words[i]);
    return report_text(&resolver->report, text, "a word", "unknown-word",
                       search.nearest
                           ? remedy_printf(&resolver->report, "did you mean `%s`?", search.nearest)
                           : remedy_printf(&resolver->report, "write one of %s", all),
                       "`%s` cannot be `%s`", key, text->text);
}

int resolve_switch(struct resolver *resolver, const struct draft_text *text, const char *key,
                   const char *off, const char *on, bool *ret_value)
{
    const char *const words[] = {off, on};
    size_t word = *ret_value;
    int r = resolve_word(resolver, text, key, words, ELEMENTS_OF(words), &word);

    *ret_value = word == 1;
    return r;
}

int resolve_boolean(struct resolver *resolver, const struct draft_text *text, const char *key,
                    bool *ret_value)
{
    static const struct {
        const char *word;
        const char *meant;
    } others[] = {
        {"yes", "true"},  {"on", "true"}, {"y", "true"},  {"1", "true"},    {"no", "false"},
        {"off", "false"}, {"n", "false"}, {"0", "false"}, {"true", "true"}, {"false", "false"},
    };
    const char *remedy = "write `true` or `false`";
    if (!text)
        return 0;
    if (strcmp(text->text, "true") == 0 || strcmp(text->text, "false") == 0) {
        *ret_value = text->text[0] == 't';
        return 0;
    }

    for (size_t i = 0; i < ELEMENTS_OF(others); i++) {
        if (strcasecmp(text->text, others[i].word) == 0)
            remedy = remedy_printf(&resolver->report, "write `%s`", others[i].meant);
    }
    return report_text(&resolver->report, text, "a word", "not-boolean", remedy,
                       "`%s` is `true` or `false`, not `%s`", key, text->text);
}

int resolve_date(struct resolver *resolver, const struct draft_text *text, const char *key,
                 struct date *ret_date)
{
    switch (text ? date_parse(text->text, ret_date) : 0) {
    case 0:
        return 0;
    case -ERANGE:
        return report_error(&resolver->report, "invalid-date", text->location,
                            "look at the calendar, and at the first and last day of the era",
                            "`%s`: there is no such day as `%s`", key, text->text);
    case -EILSEQ:
        return report_text(&resolver->report, text, "a date", "full-width",
                           "write the digits 0 to 9 of ASCII",
                           "a date with full-width digits: `%s`", text->text);
    default:
        return report_error(&resolver->report, "invalid-date", text->location,
                            "write it as 2027-03-31 or 令和9年3月31日", "`%s`: `%s` is not a date",
                            key, text->text);
    }
}

/* `192.0.2.1/24`: suggests the prefix that holds the address. */
static int report_host_bits(struct resolver *resolver, const struct draft_text *text)
{
    char address_text[ADDRESS_TEXT_MAX], network[ADDRESS_TEXT_MAX];
    const char *slash = strchr(text->text, '/');
    struct prefix prefix;
    struct range range;
    enum family family;

    snprintf(address_text, sizeof(address_text), "%.*s", (int)(slash - text->text), text->text);
    address_parse(address_text, &family, &prefix.address);
    prefix.length = (uint8_t)strtoul(slash + 1, NULL, 10);
    range = prefix_range(prefix, family_bits(family));
    range_format(family, range, network);

    return report_error(&resolver->report, "invalid-address", text->location,
                        remedy_printf(&resolver->report,
                                      "write `%s` for the network, `%s` for the "
                                      "address",
                                      network, address_text),
                        "`%s` has bits set beyond its prefix length", text->text);
}

static int report_bad_range(struct resolver *resolver, const struct draft_text *text, int problem)
{
    struct report *report = &resolver->report;

    switch (problem) {
    case -EDOM:
        return report_host_bits(resolver, text);
    case -ERANGE:
        if (strchr(text->text, '/'))
            return report_text(report, text, "an address", "invalid-address",
                               "a prefix is at most /32 for IPv4 and /128 for IPv6",
                               "the prefix of `%s` is too long", text->text);
        return report_text(report, text, "an address", "invalid-address",
                           "write the lower address first", "the range `%s` ends before it begins",
                           text->text);
    case -EAFNOSUPPORT:
        return report_text(report, text, "an address", "invalid-address",
                           "write a range for each family",
                           "the range `%s` goes from one address family to the other", text->text);
    default:
        return report_text(report, text, "an address", "invalid-address",
                           "write an address (192.0.2.1, 2001:db8::1), a prefix (192.0.2.0/24) or "
                           "a range (192.0.2.5-192.0.2.9), without spaces or leading zeros",
                           "`%s` is not an address, prefix or range", text->text);
    }
}

int resolve_range(struct resolver *resolver, const struct draft_text *text, enum family *ret_family,
                  struct range *ret_range)
{
    int r = address_parse_range(text->text, ret_family, ret_range);

    return r < 0 ? report_bad_range(resolver, text, r) : 0;
}

int resolve_address(struct resolver *resolver, const struct draft_text *text,
                    enum family *ret_family, ip_number *ret_address)
{
    struct range range;
    int r;

    if (address_parse(text->text, ret_family, ret_address) == 0)
        return 0;

    r = address_parse_range(text->text, ret_family, &range);
    if (r == 0 || r == -EDOM)
        return report_text(&resolver->report, text, "an address", "invalid-address",
                           "write single addresses here; networks and ranges go into `groups`",
                           "`%s` is more than one address", text->text);
    return report_text(&resolver->report, text, "an address", "invalid-address",
                       "write it as 192.0.2.1 or 2001:db8::1, without spaces or leading zeros",
                       "`%s` is not an address", text->text);
}

bool looks_like_address(const char *text)
{
    size_t length = strlen(text);

    return strspn(text, "0123456789abcdefABCDEF.:/-") == length &&
           (strchr(text, ':') || strchr(text, '/') || strspn(text, "0123456789.-") == length);
}
