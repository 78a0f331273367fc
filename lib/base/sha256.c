/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The one digest that files and people see: as text, always in lower case, so that two of them are
 * equal where their texts are.
 */

#include "base/sha256.h"

#include <sodium.h>
#include <string.h>

const char *sha256_text(const void *bytes, size_t size, char buffer[SHA256_TEXT_MAX])
{
    unsigned char digest[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(digest, bytes, size);
    return sodium_bin2hex(buffer, SHA256_TEXT_MAX, digest, sizeof(digest));
}

bool sha256_is_text(const char *text)
{
    return strlen(text) == SHA256_TEXT_MAX - 1 &&
           strspn(text, "0123456789abcdef") == SHA256_TEXT_MAX - 1;
}
