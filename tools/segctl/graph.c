/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl graph: the zones and what may pass between them, as a picture (SVG) or as text. Zones
 * stand on an ellipse in the order of the policy, which is the order that its reader knows. Arrows
 * bend to the middle, so that they pass no other zone, and to their left, so that those of two
 * directions lie beside each other.
 */

#include "graph.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "words.h"

/* Around the picture: room for the arrow of a zone to itself. */
#define MARGIN 40.0
/* Half axes of the ellipse of few zones. */
#define LEAST_WIDTH 420.0
#define LEAST_HEIGHT 300.0
/* Of a zone's box, and of a character of its text. */
#define BOX_WIDTH 210.0
#define BOX_HEIGHT 46.0
#define COLUMN_WIDTH 7.0
/* How far arrows bend towards the middle of the picture, where no boxes are, and to their left, as
 * a part of the way there and of their length. */
#define BEND_IN 0.4
#define BEND_LEFT 0.08

struct point {
    double x, y;
};

/* The half axes of the ellipse on which neighbours do not touch: where they stand beside each other
 * and where they stand above each other. */
static struct point axes(const struct matrix *matrix)
{
    const double part = (double)matrix->n_zones / (2 * M_PI);

    return (struct point){fmax(LEAST_WIDTH, part * BOX_WIDTH * 1.15),
                          fmax(LEAST_HEIGHT, part * BOX_HEIGHT * 2)};
}

static struct point size_of(const struct matrix *matrix)
{
    const struct point half = axes(matrix);

    return (struct point){2 * (half.x + MARGIN) + BOX_WIDTH, 2 * (half.y + MARGIN) + BOX_HEIGHT};
}

/* The middle of a zone's box: the first on top, the others clockwise. */
static struct point place_of(const struct matrix *matrix, size_t i)
{
    const double angle = 2 * M_PI * (double)i / (double)matrix->n_zones - M_PI / 2;
    const struct point half = axes(matrix), size = size_of(matrix);

    return (struct point){size.x / 2 + half.x * cos(angle), size.y / 2 + half.y * sin(angle)};
}

/* Where the line from the middle of a box towards `to` leaves it. */
static struct point border(struct point from, struct point to)
{
    const double dx = to.x - from.x, dy = to.y - from.y;
    double part = 1;

    if (fabs(dx) > 0)
        part = fmin(part, (BOX_WIDTH / 2 + 3) / fabs(dx));
    if (fabs(dy) > 0)
        part = fmin(part, (BOX_HEIGHT / 2 + 3) / fabs(dy));
    return (struct point){from.x + part * dx, from.y + part * dy};
}

/* Text of any origin, as it may stand in XML. */
static void write_escaped(FILE *stream, const char *text)
{
    const size_t size = strlen(text);

    for (size_t offset = 0; offset < size;) {
        const struct glyph glyph = glyph_at(text + offset, size - offset);

        offset += glyph.size;
        if (glyph.length == 1 && strchr("&<>\"'", *glyph.text))
            fprintf(stream, "&#%d;", *glyph.text);
        else
            fwrite(glyph.text, 1, glyph.length, stream);
    }
}

/* A line of text in the middle of a box, no wider than the box. */
static void write_line(FILE *stream, const char *class, double x, double y, const char *text)
{
    const double width = COLUMN_WIDTH * words_width(text);

    fprintf(stream, "<text class=\"%s\" x=\"%.0f\" y=\"%.0f\"", class, x, y);
    if (width > BOX_WIDTH - 16)
        fprintf(stream, " textLength=\"%.0f\" lengthAdjust=\"spacingAndGlyphs\"", BOX_WIDTH - 16);
    fputc('>', stream);
    write_escaped(stream, text);
    fputs("</text>\n", stream);
}

static bool is_isolated(const struct overrides *overrides, const char *zone)
{
    for (size_t i = 0; overrides && i < overrides->n_overrides; i++) {
        const struct override *override = &overrides->overrides[i];

        if (override->kind == OVERRIDE_ISOLATION && strcmp(override->name, zone) == 0)
            return true;
    }
    return false;
}

static const char *class_of(const struct matrix *matrix, size_t i)
{
    const size_t zone = matrix_zone(matrix, i);

    return zone == ZONE_GATEWAY ? "gateway"
                                : zone_class_to_string(matrix->policy->zones[zone].class);
}

static const char *label_of(const struct matrix *matrix, size_t i)
{
    const size_t zone = matrix_zone(matrix, i);

    return zone == ZONE_GATEWAY ? "gateway" : matrix->policy->zones[zone].label;
}

static void write_box(FILE *stream, const struct matrix *matrix, const struct overrides *overrides,
                      size_t i)
{
    const char *name = policy_zone_name(matrix->policy, matrix_zone(matrix, i));
    const char *label = label_of(matrix, i);
    const bool isolated = is_isolated(overrides, name);
    const struct point at = place_of(matrix, i);

    fprintf(stream,
            "<g class=\"zone %s%s\"><rect x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" "
            "rx=\"6\"/>\n",
            class_of(matrix, i), isolated ? " isolated" : "", at.x - BOX_WIDTH / 2,
            at.y - BOX_HEIGHT / 2, BOX_WIDTH, BOX_HEIGHT);
    if (strcmp(label, name) == 0 && !isolated) {
        write_line(stream, "label", at.x, at.y + 5, name);
    } else {
        write_line(stream, "label", at.x, at.y - 4, label);
        write_line(stream, "name", at.x, at.y + 14, isolated ? "ISOLATED" : name);
    }
    fputs("</g>\n", stream);
}

/* What an arrow means, for who points at it. */
static void write_title(FILE *stream, const struct matrix *matrix, size_t from, size_t to)
{
    const struct matrix_cell *cell = matrix_cell(matrix, from, to);
    const struct policy *policy = matrix->policy;

    fputs("<title>", stream);
    write_escaped(stream, policy_zone_name(policy, matrix_zone(matrix, from)));
    fputs(" → ", stream);
    write_escaped(stream, policy_zone_name(policy, matrix_zone(matrix, to)));
    for (size_t i = 0; i < cell->flows.n; i++) {
        fputc('\n', stream);
        write_escaped(stream, policy->flows[cell->flows.indices[i]].name);
    }
    for (size_t i = 0; i < cell->idle.n; i++) {
        fputc('\n', stream);
        write_escaped(stream, policy->flows[cell->idle.indices[i]].name);
        fputs(" (does not pass now)", stream);
    }
    fputs("</title>\n", stream);
}

/* Where an arrow begins, bends and ends. Within a zone it is a loop above the box. */
static void write_path(FILE *stream, const struct matrix *matrix, size_t from, size_t to,
                       struct point *ret_middle)
{
    const struct point a = place_of(matrix, from), b = place_of(matrix, to);
    const struct point size = size_of(matrix), middle = {(a.x + b.x) / 2, (a.y + b.y) / 2};
    const struct point bend = {
        middle.x + BEND_IN * (size.x / 2 - middle.x) + BEND_LEFT * (b.y - a.y),
        middle.y + BEND_IN * (size.y / 2 - middle.y) - BEND_LEFT * (b.x - a.x)};
    const struct point begin = border(a, bend), end = border(b, bend);

    if (from == to) {
        const double top = a.y - BOX_HEIGHT / 2, x = a.x + BOX_WIDTH / 2;

        fprintf(stream, "<path d=\"M%.0f,%.0f C%.0f,%.0f %.0f,%.0f %.0f,%.0f\"", x - 40, top - 2,
                x - 30, top - 34, x + 34, top - 20, x + 3, top + 12);
        *ret_middle = (struct point){x - 2, top - 12};
        return;
    }
    fprintf(stream, "<path d=\"M%.1f,%.1f Q%.1f,%.1f %.1f,%.1f\"", begin.x, begin.y, bend.x, bend.y,
            end.x, end.y);
    *ret_middle =
        (struct point){(begin.x + 2 * bend.x + end.x) / 4, (begin.y + 2 * bend.y + end.y) / 4};
}

static void write_arrow(FILE *stream, const struct matrix *matrix, size_t from, size_t to)
{
    const struct matrix_cell *cell = matrix_cell(matrix, from, to);
    const size_t n = cell->flows.n > 0 ? cell->flows.n : cell->idle.n;
    struct point middle;

    if (n == 0)
        return;
    fprintf(stream, "<g class=\"flow%s%s\">", cell->flows.n > 0 ? "" : " idle",
            cell->any ? " any" : "");
    write_title(stream, matrix, from, to);
    write_path(stream, matrix, from, to, &middle);
    fprintf(stream, " stroke-width=\"%.1f\" marker-end=\"url(#head)\"/>\n",
            1.2 + log2((double)n) / 2);
    fprintf(stream, "<text class=\"count\" x=\"%.0f\" y=\"%.0f\">%zu</text></g>\n", middle.x,
            middle.y + 4, n);
}

/* Colours that stay apart for who sees no red or green, and on paper. */
static void write_head(FILE *stream, const struct matrix *matrix)
{
    const struct point size = size_of(matrix);

    fprintf(stream,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
            "height=\"%.0f\" role=\"img\" font-family=\"sans-serif\">\n<title>",
            size.x, size.y, size.x, size.y);
    write_escaped(stream, matrix->policy->site ? matrix->policy->site : "segd");
    fputs("</title>\n<style>\n"
          "rect { fill: #eef2f7; stroke: #44546a; }\n"
          ".mynumber rect { fill: #fbe3d6; stroke: #b5460f; }\n"
          ".lgwan rect { fill: #fff3cc; stroke: #8a6d00; }\n"
          ".internet rect { fill: #ddebf7; stroke: #1f5c99; }\n"
          ".education rect { fill: #e2f0d9; stroke: #3f7a1c; }\n"
          ".external rect { fill: #ffffff; stroke: #222222; stroke-dasharray: 6 3; }\n"
          ".gateway rect { fill: #44546a; stroke: #222222; }\n"
          ".gateway text { fill: #ffffff; }\n"
          ".isolated rect { fill: #c00000; stroke: #700000; }\n"
          ".isolated text { fill: #ffffff; }\n"
          "text { text-anchor: middle; font-size: 13px; fill: #1a1a1a; }\n"
          ".name { font-size: 11px; }\n"
          ".flow path { fill: none; stroke: #5b6b80; }\n"
          ".flow.any path { stroke: #b5460f; }\n"
          ".flow.idle path { stroke-dasharray: 4 4; stroke: #a0a8b4; }\n"
          ".count { font-size: 11px; paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }\n"
          "</style>\n"
          "<defs><marker id=\"head\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"9\" "
          "markerHeight=\"9\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">"
          "<path d=\"M0,1 L10,5 L0,9 z\" fill=\"#44546a\"/></marker></defs>\n",
          stream);
}

void graph_write_svg(const struct matrix *matrix, const struct overrides *overrides, FILE *stream)
{
    write_head(stream, matrix);
    for (size_t from = 0; from < matrix->n_zones; from++) {
        for (size_t to = 0; to < matrix->n_zones; to++)
            write_arrow(stream, matrix, from, to);
    }
    for (size_t i = 0; i < matrix->n_zones; i++)
        write_box(stream, matrix, overrides, i);
    fputs("</svg>\n", stream);
}

static void write_way(FILE *stream, const struct matrix *matrix, size_t from, size_t to)
{
    const struct matrix_cell *cell = matrix_cell(matrix, from, to);
    const struct policy *policy = matrix->policy;

    if (cell->flows.n + cell->idle.n == 0)
        return;
    words_print(stream, "  → %s  ", policy_zone_name(policy, matrix_zone(matrix, to)));
    fprintf(stream, "%zu %s", cell->flows.n, cell->flows.n == 1 ? "flow" : "flows");
    if (cell->idle.n > 0)
        fprintf(stream, ", %zu not now", cell->idle.n);
    if (cell->any)
        fputs(": any", stream);
    for (size_t i = 0; !cell->any && i < cell->services.n; i++) {
        fputs(i > 0 ? ", " : ": ", stream);
        words_service(stream, &policy->services[cell->services.indices[i]], false);
    }
    fputc('\n', stream);
}

void graph_write_text(const struct matrix *matrix, const struct overrides *overrides, FILE *stream)
{
    for (size_t from = 0; from < matrix->n_zones; from++) {
        const char *name = policy_zone_name(matrix->policy, matrix_zone(matrix, from));

        words_name(stream, name, label_of(matrix, from));
        fputs(is_isolated(overrides, name) ? "  ISOLATED\n" : "\n", stream);
        for (size_t to = 0; to < matrix->n_zones; to++)
            write_way(stream, matrix, from, to);
    }
}
