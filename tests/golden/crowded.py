#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether what people read fits their terminal, on a night when all happens at once.

  crowded.py SEGCTL CASES

Each command of the folder that prints a table or a screen is run once for each size of a terminal,
with 54 of each thing that its replies tell and with long labels in Japanese. No line may be longer
than the terminal, and what must fit one screen may not have more lines than that has.
"""

import copy
import os
import pathlib
import shlex
import sys
import tempfile
import unicodedata

from hostile import Daemon, read_replies

SIZES = [(80, 24), (120, 40), (60, 20)]
MANY = 54
LABEL = "マイナンバー利用事務系（基幹系）と LGWAN接続系 の連携 ｱﾝﾅｶ"
# Tables, which may be long, and screens, which may not.
TABLES = {"log", "flows", "zones", "drops", "history", "expiring", "incident", "connections", "denials"}
SCREENS = {"status"}
# These have sentences, or addresses of IPv6.
LEAST = {"connections": 80, "denials": 80, "drops": 80}
LONG = {"label", "reason", "message", "what", "site"}


def width(line):
    """Columns of a terminal."""
    return sum(0 if unicodedata.combining(c)
               else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def crowd(value, key=None):
    """A copy with many of each object of a list, each under a name of its own."""
    if isinstance(value, dict):
        return {name: crowd(item, name) for name, item in value.items()}
    if key == "texts":
        return value  # a policy, which would not be valid
    if isinstance(value, list):
        objects = [item for item in value if isinstance(item, dict)]
        if not objects:
            return value * MANY if key != "names" else value
        many = [copy.deepcopy(objects[i % len(objects)]) for i in range(MANY)]
        for i, item in enumerate(many):
            if isinstance(item.get("name"), str):
                item["name"] += f"-of-the-department-{i}"
        return [crowd(item) for item in many]
    return LABEL if key in LONG and isinstance(value, str) else value


def problems(output, columns, lines, is_screen):
    # An error is a sentence, of any length.
    if output.startswith("segctl "):
        return
    shown = [line for line in output.splitlines() if not line.startswith("> ")]
    for line in shown:
        if width(line) > columns:
            yield f"{width(line)} columns: {line}"
    if is_screen and len(shown) >= lines:
        yield f"{len(shown)} lines"


def main():
    program, cases = os.path.realpath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    os.chdir(cases.parents[2])
    os.environ.update(LC_ALL="ja_JP.UTF-8", NO_COLOR="1", TZ="JST-9")
    tried, bad, seen = 0, 0, set()

    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(folder)
        for case in sorted(cases.glob("*.case")):
            words = shlex.split(case.read_text(encoding="utf-8").splitlines()[0])
            if words[:2] != ["$", "segctl"] or {"--json", "--wide"} & set(words) or len(words) < 3 \
                    or words[2] not in TABLES | SCREENS:
                continue
            replies = crowd(read_replies(case))
            for columns, lines in SIZES:
                if columns < LEAST.get(words[2], 0):
                    continue
                os.environ.update(COLUMNS=str(columns), LINES=str(lines))
                output, called = daemon.ask([program] + words[2:], replies)
                if not called:
                    continue
                seen.add(words[2])
                tried += 1
                for problem in problems(output, columns, lines, words[2] in SCREENS):
                    bad += 1
                    print(f"{case.name} at {columns}x{lines}: {problem}")

    print(f"{tried} screens of {', '.join(sorted(seen))}: {bad} problems")
    return 1 if bad > 0 or not SCREENS <= seen else 0


if __name__ == "__main__":
    sys.exit(main())
