/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The texts of a policy, and the digest that names them. It covers the names of files, since their
 * order is that of their names and counts, but not the folders they lie in: the same files
 * elsewhere are the same policy.
 */

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "daemon/record/generation.h"

#define TEXTS_VERSION 1

static const struct record_field policy_texts_fields[] = {
    {.name = "version", .kind = RECORD_VERSION, .most = TEXTS_VERSION},
    RECORD_LIST(MANY, struct policy_texts, texts, .type = &policy_text_type),
};
RECORD_TYPE(policy_texts, struct policy_texts, NULL);

void policy_texts_clear(struct policy_texts *texts)
{
    record_clear(&policy_texts_type, texts);
}

int policy_texts_copy(const struct policy_texts *texts, struct policy_texts *ret_copy)
{
    return record_copy(&policy_texts_type, texts, ret_copy);
}

int policy_texts_from_sources(const struct sources *sources, struct policy_texts *ret_texts)
{
    size_t n = sources_count(sources);
    cleanup_(freep) struct policy_text *borrowed = calloc(n + 1, sizeof(*borrowed));

    if (!borrowed)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        borrowed[i].name = sources_name(sources, (uint32_t)i);
        borrowed[i].text = sources_text(sources, (uint32_t)i, &borrowed[i].size);
    }
    return policy_texts_copy(&(struct policy_texts){borrowed, n}, ret_texts);
}

/* With its length in front, so that no two lists of texts are the same bytes. */
static void digest_text(crypto_hash_sha256_state *digest, const char *text, size_t size)
{
    unsigned char length[8];

    for (size_t i = 0; i < sizeof(length); i++)
        length[i] = (unsigned char)((uint64_t)size >> (8 * i));
    crypto_hash_sha256_update(digest, length, sizeof(length));
    crypto_hash_sha256_update(digest, (const unsigned char *)text, size);
}

const char *policy_texts_fingerprint(const struct policy_text *texts, size_t n_texts,
                                     char buffer[SHA256_TEXT_MAX])
{
    unsigned char bytes[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state digest;

    crypto_hash_sha256_init(&digest);
    for (size_t i = 0; i < n_texts; i++) {
        const char *slash = strrchr(texts[i].name, '/');
        const char *name = slash ? slash + 1 : texts[i].name;

        digest_text(&digest, name, strlen(name));
        digest_text(&digest, texts[i].text, texts[i].size);
    }
    crypto_hash_sha256_final(&digest, bytes);
    return sodium_bin2hex(buffer, SHA256_TEXT_MAX, bytes, sizeof(bytes));
}
