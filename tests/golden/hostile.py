#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What segctl prints where segd was taken over: root reads it on a terminal.

  hostile.py SEGCTL CASES

Each case of the folder is run once for each text of each reply that it asks for, with a text in its
place that would steer a terminal or forge a line. Nothing of that may come out.
"""

import copy
import json
import os
import pathlib
import shlex
import socket
import subprocess
import sys
import tempfile
import threading

import answer

# Escape, bell, the escape of eight bits, delete, and a line that segctl did not write.
STEERING = "\x1b]0;x\x07\x9b31m\x7f\nFORGED"


def texts(value, path=()):
    """The paths of all texts within a value."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from texts(item, path + (key,))


def put(value, path):
    """A copy with the steering text at the path."""
    value = copy.deepcopy(value)
    place = value
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = STEERING
    return value


def is_steered(output):
    return any(ord(c) < 0x20 and c != "\n" or 0x7f <= ord(c) < 0xa0 for c in output) \
        or any(line.startswith("FORGED") for line in output.splitlines())


class Daemon:
    """Answers with the replies that it has at the moment."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "control")
        self.replies, self.calls = {}, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            with connection:
                answer.answer(connection, self.replies, self.calls)

    def ask(self, command, replies):
        """What the command prints, and the methods that it calls."""
        self.replies, self.calls = replies, []
        result = subprocess.run(command + ["--socket", self.path], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, check=False)
        return result.stdout.decode(), {call.split()[1] for call in self.calls}


def read_replies(case):
    """The replies of the folder, with those of the case in their places."""
    replies = {}
    for file in (case.parent / "replies.json", case.with_suffix(".json")):
        if file.exists():
            replies.update(answer.fill(json.loads(file.read_text(encoding="utf-8"))))
    return replies


def main():
    program, cases = os.path.realpath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    os.chdir(cases.parents[2])
    os.environ.update(LC_ALL="C.UTF-8", NO_COLOR="1", TZ="JST-9")
    tried, steered = 0, 0

    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(folder)
        for case in sorted(cases.glob("*.case")):
            line = case.read_text(encoding="utf-8").splitlines()[0]
            if "$(" in line or not line.startswith("$ segctl "):
                continue
            command = [program] + shlex.split(line)[2:]
            replies = read_replies(case)
            output, called = daemon.ask(command, replies)
            assert not is_steered(output), case.name
            for method in called & set(replies):
                for path in texts(replies[method]):
                    if not path:
                        continue
                    tried += 1
                    output, _ = daemon.ask(command, {**replies, method: put(replies[method], path)})
                    if is_steered(output):
                        steered += 1
                        print(f"{case.name}: {method} {path}: {output!r}")

    print(f"{tried} texts, {steered} steer a terminal")
    return 1 if steered > 0 or tried == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
