/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "calls.h"
#include "wires.h"

/* segd between the wires of the lab, which both end with the scene. */
struct scene {
    struct lab *lab;
    struct segd *segd;
};

static inline void scene_clear(struct scene *scene)
{
    segd_free(scene->segd);
    lab_free(scene->lab);
}

static inline void enter(struct scene *scene, const char *text)
{
    scene->lab = wires_new();
    scene->segd = segd_start(text);
}
