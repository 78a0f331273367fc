/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SHA-256 (FIPS 180-4, by libsodium) as 64 hexadecimal digits and a NUL. */
#define SHA256_TEXT_MAX 65

/* Returns `buffer`. */
const char *sha256_text(const void *bytes, size_t size, char buffer[SHA256_TEXT_MAX]);
/* Whether a text is written as sha256_text() writes one. */
bool sha256_is_text(const char *text);
