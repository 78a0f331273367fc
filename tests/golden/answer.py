#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon that answers what it is told to, for tests of what segctl makes of it.

  answer.py REPLIES [MORE] -- COMMAND...

Runs the command with `--socket PATH` behind it, answers its calls, and prints what it printed and
then what it called: `> Isolate {"zone": "office"}`. Exits as it does.

REPLIES is a JSON object: for each method the parameters of its reply, or one of
  {"error": NAME, "parameters": {...}}   an error of io.segd.Control, or by its full name
  [{...}, {...}]                         several replies, for a call that wants more
  "close"                                no reply
  "garbage"                              what is no reply
What MORE has stands in place of it. {"@file": PATH} anywhere is the text of a file.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading

INTERFACE = "io.segd.Control."


def fill(value):
    """Puts files in their places."""
    if isinstance(value, dict):
        if list(value) == ["@file"]:
            with open(value["@file"], encoding="utf-8") as file:
                return file.read()
        return {key: fill(item) for key, item in value.items()}
    return [fill(item) for item in value] if isinstance(value, list) else value


def encode(reply, continues=False):
    message = {"parameters": reply}
    if "error" in reply:
        error = reply["error"]
        message = {"error": error if "." in error else INTERFACE + error,
                   "parameters": reply.get("parameters", {})}
    if continues:
        message["continues"] = True
    # As segd writes it.
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\0"


def answer(connection, replies, calls):
    """Answers the calls of one client until it goes, or is sent away."""
    data = b""
    while True:
        while b"\0" not in data:
            more = connection.recv(65536)
            if not more:
                return
            data += more
        message, data = data.split(b"\0", 1)
        call = json.loads(message)
        method = call["method"].removeprefix(INTERFACE)
        calls.append(f"> {method} {json.dumps(call['parameters'], ensure_ascii=False)}"
                     + (" more" if call.get("more") else ""))
        reply = replies.get(method, {"error": "org.varlink.service.MethodNotFound",
                                     "parameters": {"method": method}})
        if reply == "close":
            return
        if reply == "garbage":
            connection.sendall(b"what?\0")
            return
        several = reply if isinstance(reply, list) else [reply]
        for i, item in enumerate(several):
            connection.sendall(encode(item, i + 1 < len(several)))


def serve(listener, replies, calls):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            answer(connection, replies, calls)


def main():
    files, command = sys.argv[1:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
    replies, calls = {}, []
    for name in files:
        with open(name, encoding="utf-8") as file:
            replies.update(fill(json.load(file)))

    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "control")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            threading.Thread(target=serve, args=(listener, replies, calls), daemon=True).start()
            result = subprocess.run(command + ["--socket", path], stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, check=False)
        output = result.stdout.decode().replace(path, "SOCKET")

    # How long ago it was differs from day to day, how long the calls took from run to run.
    output = re.sub(r"\([0-9][^()]* ago\)", "(... ago)", output)
    sys.stdout.write(re.sub(r"(segd_calls_duration_seconds) [0-9.]+", r"\1 ...", output))
    for line in calls:
        print(line)
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
