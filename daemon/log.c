/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * JOURNAL_STREAM (systemd.exec(5)) tells whether standard error goes to the journal. If so, entries
 * are sent to the journal with their fields, and not as bare lines too.
 *
 * Messages contain names of programs, interfaces and labels that others chose. The journal shows a
 * message with a control character or broken UTF-8 as `[72B blob data]`, and one with a newline as
 * two. So each message is made one line of valid text.
 */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include "daemon/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/text.h"

#define LOG_TEXT_MAX 1024

static bool standard_error_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

/* As much of the text as fits, made printable as text_show() does. */
static void show(const char *text, char shown[LOG_TEXT_MAX])
{
    size_t size = strlen(text), n = 0;

    for (size_t offset = 0; offset < size;) {
        struct glyph glyph = glyph_at(text + offset, size - offset);

        if (n + glyph.length >= LOG_TEXT_MAX)
            break;
        memcpy(shown + n, glyph.text, glyph.length);
        n += glyph.length;
        offset += glyph.size;
    }
    shown[n] = '\0';
}

void log_message(int priority, sd_id128_t id, const char *format, ...)
{
    static const char *const words[] = {"emergency", "alert",  "critical", "error",
                                        "warning",   "notice", "info",     "debug"};
    char text[LOG_TEXT_MAX], shown[LOG_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    /* Where a file is compiled twice, the second look at it does not know va_start() any more. */
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    show(text, shown);

    if (standard_error_is_journal())
        sd_journal_send("MESSAGE=%s", shown, "PRIORITY=%i", priority,
                        "MESSAGE_ID=" SD_ID128_FORMAT_STR, SD_ID128_FORMAT_VAL(id), NULL);
    else
        fprintf(stderr, "segd: %s: %s\n", words[priority & LOG_PRIMASK], shown);
}
