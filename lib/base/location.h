/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

/*
 * A place in a policy file, small enough to be carried from the YAML to the netlink message.
 * `source` counts the files of a `struct sources` from 0, `line` and `column` count from 1, the
 * column in characters (not bytes). Line 0 means "no place".
 */
struct location {
    uint32_t source;
    uint32_t line;
    uint32_t column;
};
