#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""segctl top on a terminal, with a daemon whose counters go on.

  top.py SEGCTL

Each step types a key, changes the size or stops the daemon, and waits until the screen shows what
it must; a screen that never does so is a failure.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import time

from crowded import width
from hostile import Daemon

# Only a screen that never comes takes so long.
PATIENCE = 120

FLOW = {"from": ["a"], "to": ["b"], "services": ["tcp/443"], "live": True, "why": None,
        "until": None, "original": {"packets": 0, "bytes": 0}, "reply": {"packets": 0, "bytes": 0}}
LABELS = {"tax-to-eltax": "税連携 → eLTAX"}
NAMES = ["archive", "tax-to-eltax", "mail"] + [f"quiet-{i}" for i in range(40)]


class Replies(dict):
    """`tax-to-eltax` carries most bytes, `mail` most packets, `archive` has carried most so far."""

    calls = 0

    def get(self, method, default=None):
        if method == "GetFlows":
            return {"flows": [{**FLOW, "name": name, "label": LABELS.get(name, name)}
                              for name in NAMES]}
        if method != "GetCounters":
            return default
        self.calls += 1
        n, rest = self.calls, [0] * (len(NAMES) - 3)
        return {"generation": 12, "names": NAMES,
                "original_packets": [7, 10 * n, 1000 * n] + rest,
                "original_bytes": [10 ** 12, 10 ** 6 * n, 40000 * n] + rest,
                "reply_packets": [0, 5 * n, 0] + rest,
                "reply_bytes": [0, 500 * n, 0] + rest}


class Terminal:
    """As much of a terminal as top uses."""

    def __init__(self, columns, lines):
        self.columns, self.lines, self.alternate, self.cursor = columns, lines, False, True
        self.rows, self.row, self.pending = {}, 0, ""

    def write(self, text):
        text = self.pending + text
        unfinished = re.search(r"\x1b(\[[?0-9;]*)?$", text)
        self.pending = unfinished.group() if unfinished else ""
        text = text[:len(text) - len(self.pending)]
        for part in re.findall(r"\x1b\[[?0-9;]*[a-zA-Z]|\r\n|[^\x1b\r]+", text):
            if part == "\r\n":
                self.row += 1
            elif part.startswith("\x1b"):
                self.obey(part)
            else:
                self.rows[self.row] = self.rows.get(self.row, "") + part

    def obey(self, sequence):
        if sequence.endswith("H"):
            self.row = int(sequence[2:-1].split(";")[0] or 1) - 1
            self.rows[self.row] = ""
        elif sequence == "\x1b[J":
            self.rows = {row: text for row, text in self.rows.items() if row < self.row}
        elif sequence == "\x1b[K":
            self.rows[self.row + 1] = ""
        elif sequence in ("\x1b[?1049h", "\x1b[?1049l"):
            self.alternate = sequence.endswith("h")
        elif sequence in ("\x1b[?25h", "\x1b[?25l"):
            self.cursor = sequence.endswith("h")

    def shown(self):
        return [self.rows.get(row, "") for row in range(max(self.rows, default=-1) + 1)]

    def fits(self):
        return len(self.shown()) <= self.lines and \
            all(width(row) <= self.columns for row in self.shown())


class Top:
    def __init__(self, program, socket, columns, lines):
        self.terminal, self.exit = Terminal(columns, lines), None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.pop("COLUMNS", None)
            os.environ.pop("LINES", None)
            os.execv(program, [program, "top", "--socket", socket])
        self.resize(columns, lines)

    def resize(self, columns, lines):
        self.terminal.columns, self.terminal.lines = columns, lines
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def key(self, key):
        os.write(self.fd, key.encode())

    def wait(self, what, condition):
        """Reads until the screen is as it must be."""
        end = time.monotonic() + PATIENCE
        while not condition(self.terminal.shown()):
            if time.monotonic() > end:
                sys.exit(f"never came: {what}\n" + "\n".join(self.terminal.shown()))
            if not select.select([self.fd], [], [], 1)[0]:
                continue
            try:
                self.terminal.write(os.read(self.fd, 65536).decode(errors="replace"))
            except OSError:
                self.exit = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
                if condition(self.terminal.shown()):
                    return
                sys.exit(f"ended with {self.exit} before: {what}")


def flows(rows):
    """Names of the flows, in the order of the screen."""
    return [row.split()[4] for row in rows[3:-1] if len(row.split()) > 4]


def main():
    program = os.path.realpath(sys.argv[1])
    os.environ.update(LC_ALL="C.UTF-8", TZ="JST-9", NO_COLOR="1")
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(folder)
        daemon.replies = Replies()
        top = Top(program, daemon.path, 80, 24)

        top.wait("most bytes first", lambda rows: flows(rows)[:2] == ["tax-to-eltax", "mail"])
        rows = top.terminal.shown()
        assert top.terminal.fits() and top.terminal.alternate and not top.terminal.cursor, rows
        assert "税連携 → eLTAX" in rows[3] and rows[-1].startswith("q quit"), rows
        assert "every 2 s, by bytes; generation 12, 43 flows live" in rows[0], rows
        top.key("p")
        top.wait("most packets first", lambda rows: flows(rows)[:1] == ["mail"])
        top.key("t")
        top.wait("most so far first", lambda rows: flows(rows)[:1] == ["archive"])
        top.key("n")
        top.wait("in the order of names", lambda rows: flows(rows)[:2] == ["archive", "mail"])
        top.key("j")
        top.wait("a line further", lambda rows: flows(rows)[:1] == ["mail"])
        top.key(" ")
        top.wait("paused", lambda rows: "PAUSED" in rows[0])
        top.resize(50, 12)
        top.wait("smaller", lambda rows: len(rows) == 12 and top.terminal.fits())
        top.key(" -")
        top.wait("faster", lambda rows: "every 1 s" in rows[0] and "PAUSED" not in rows[0])
        daemon.listener.close()
        os.unlink(daemon.path)
        top.wait("segd is gone", lambda rows: len(rows) > 1 and "DOES NOT ANSWER" in rows[1])
        top.key("q")
        top.wait("the end", lambda rows: top.exit is not None)
        assert top.exit == 0 and not top.terminal.alternate and top.terminal.cursor, top.exit

        daemon = Daemon(tempfile.mkdtemp(dir=folder))
        daemon.replies = Replies()
        top = Top(program, daemon.path, 80, 24)
        top.wait("a screen", lambda rows: len(rows) == 24)
        os.kill(top.pid, signal.SIGTERM)
        top.wait("the end by a signal", lambda rows: top.exit is not None)
        assert not top.terminal.alternate and top.terminal.cursor


main()
