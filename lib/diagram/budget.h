/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* What a policy may still cost, all its pairs together. */
struct budget {
    size_t rows; /* of the diagram */
    size_t work; /* of sweeps: strokes to paint, cells to write */
};
