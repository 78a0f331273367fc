/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Numbers for property tests: the same seed gives the same test on every machine.
 * xorshift64, G. Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (2003).
 */
struct random {
    uint64_t state; /* never 0 */
};

static inline struct random random_from_seed(uint64_t seed)
{
    /* Neighbouring seeds must not give neighbouring streams: Fibonacci hashing spreads them. */
    return (struct random){(seed + 1) * UINT64_C(0x9e3779b97f4a7c15)};
}

static inline uint64_t random_next(struct random *random)
{
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return random->state;
}

/* 0 to n - 1. */
static inline unsigned random_below(struct random *random, unsigned n)
{
    return (unsigned)((random_next(random) >> 16) % n);
}

static inline bool random_chance(struct random *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}
