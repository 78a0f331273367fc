/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The size of a terminal, and whether it is to be coloured. */

#include "screen.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SIZE_MAX_ACCEPTED 100000

bool wants_colour(FILE *stream)
{
    const char *no_colour = getenv("NO_COLOR");

    return isatty(fileno(stream)) && (!no_colour || no_colour[0] == '\0');
}

/* What a variable says instead of the terminal, as of ncurses; or 0. */
static unsigned size_of_environment(const char *variable)
{
    const char *text = getenv(variable);
    char *end = NULL;
    unsigned long size = text ? strtoul(text, &end, 10) : 0;

    return text && end != text && *end == '\0' && size <= SIZE_MAX_ACCEPTED ? (unsigned)size : 0;
}

struct screen screen_get(bool wide)
{
    struct screen screen = {.colour = wants_colour(stdout)};
    unsigned columns = size_of_environment("COLUMNS"), lines = size_of_environment("LINES");
    struct winsize size;

    if (wide)
        return screen;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        screen.width = size.ws_col;
        screen.height = size.ws_row;
    }
    screen.width = columns > 0 ? columns : screen.width;
    screen.height = lines > 0 ? lines : screen.height;
    return screen;
}

unsigned screen_width(unsigned otherwise)
{
    struct screen screen = screen_get(false);

    return screen.width > 0 ? screen.width : otherwise;
}
