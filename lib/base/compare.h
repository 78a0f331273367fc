/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* -1, 0 or 1 for two numbers of one type, as qsort() wants it. Keys of less weight follow with
 * `?:`, which goes on where the result is 0. */
#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))
