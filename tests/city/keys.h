/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/diagnostics.h"
#include "policy/grammar.h"

/*
 * Fails the test, naming them, where the files of `sources` leave a key of the language unused.
 * Keys that the language refuses until later do not count.
 */
void keys_assert_all_used(const struct sources *sources);
