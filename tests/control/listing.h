/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The table as nft lists it, without what differs between two tables of the same meaning: handles,
 * counts, times left, whose it is, the number of the generation, the order of elements. The caller
 * frees it.
 */
char *listing_read(void);
