#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What segd-report answers systemd, over a connection such as systemd gives it.

  report.py SEGD-REPORT

The varlinkctl of systemd reads it too, where there is one; exit code 77: there is none, and all else
passed.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/golden"))
import answer  # noqa: E402, what segctl's cases are answered by

complaints = []


def expect(is_right, text):
    if not is_right:
        print(f"FAILED: {text}")
        complaints.append(text)


class Report:
    """A segd-report with a connection."""

    def __init__(self, program, path):
        self.connection, other = socket.socketpair()
        with other:
            self.process = subprocess.Popen([program, path], stdin=other, stdout=other,
                                            stderr=subprocess.PIPE)

    def call(self, method, parameters=None, more=False, raw=None):
        """The replies."""
        message = {"method": method, "parameters": parameters or {}}
        if more:
            message["more"] = True
        self.connection.sendall(raw or json.dumps(message).encode() + b"\0")
        data, replies = b"", []
        while not replies or replies[-1].get("continues"):
            while b"\0" not in data:
                received = self.connection.recv(65536)
                if not received:
                    return replies
                data += received
            text, data = data.split(b"\0", 1)
            replies.append(json.loads(text))
        expect(data == b"", f"{method}: more than the last reply")
        return replies

    def end(self):
        self.connection.close()
        self.process.stderr.read()
        return self.process.wait()


def check_metrics(report, answers):
    families = report.call("io.systemd.Metrics.Describe", more=True)
    described = {reply["parameters"]["name"]: reply["parameters"] for reply in families}
    expect(len(described) == len(families) > 15, "a family is described twice")
    for family in described.values():
        expect(family["type"] in ("gauge", "counter") and family["description"], f"{family}")
    metrics = [reply["parameters"] for reply in report.call("io.systemd.Metrics.List", more=True)]
    keys = [(item["name"], item.get("object"), str(item.get("fields"))) for item in metrics]
    expect(len(set(keys)) == len(keys) < 500, "a metric is there twice, or there are too many")
    for item in metrics:
        expect(re.fullmatch(r"io\.segd\.[a-z_]+", item["name"]) and item["name"] in described and
               isinstance(item["value"], (int, float)) and
               item.keys() <= {"name", "object", "fields", "value"}, f"{item}")
    value = {key[:2]: item for key, item in zip(keys, metrics)}
    expect(value["io.segd.method_up", "GetStatus"]["value"] == answers, "segd answers, or not")
    expect(("io.segd.zone_up", "server") in value.keys() or not answers, "a zone is missing")
    if answers:
        expect(value["io.segd.zone_info", "server"] ==
               {"name": "io.segd.zone_info", "object": "server", "value": 1,
                "fields": {"label": "サーバー", "class": "internet"}}, "a zone has other fields")
        expect(value["io.segd.policy_generation", None]["value"] == 12, "the generation is another")
        expect(value["io.segd.zone_info", "office"]["fields"]["label"].startswith('サー"バー\\'),
               "quotes are lost")


def check_service(report):
    info = report.call("org.varlink.service.GetInfo")[0]["parameters"]
    for name in info["interfaces"]:
        reply = report.call("org.varlink.service.GetInterfaceDescription", {"interface": name})[0]
        expect(f"interface {name}\n" in reply["parameters"]["description"], f"{name}: {reply}")
    for method, parameters, error in (
            ("io.systemd.Metrics.List", None, "ExpectedMore"),
            ("io.systemd.Metrics.None", None, "MethodNotFound"),
            ("org.varlink.service.GetInterfaceDescription", {"interface": "x"}, "InterfaceNotFound")):
        reply = report.call(method, parameters)
        expect(len(reply) == 1 and reply[0]["error"] == "org.varlink.service." + error, f"{reply}")


def accept(listener, program, path):
    """Does as systemd does for a socket with Accept=yes."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            subprocess.run([program, path], stdin=connection, stdout=connection, check=False)


def check_varlinkctl(program, path, address):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        threading.Thread(target=accept, args=(listener, program, path), daemon=True).start()
        for arguments, expected in (
                (["introspect", f"unix:{address}", "io.systemd.Metrics"], "method Describe"),
                (["-j", "--more", "call", f"unix:{address}", "io.systemd.Metrics.List", "{}"],
                 '"name":"io.segd.zone_up"')):
            result = subprocess.run(["varlinkctl", *arguments], capture_output=True, text=True,
                                    check=False)
            expect(result.returncode == 0 and expected in result.stdout,
                   f"varlinkctl {arguments}: {result}")


def main():
    program = os.path.abspath(sys.argv[1])
    replies = json.loads((ROOT / "tests/golden/remote/metrics.json").read_text())
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(folder, "control")
        report = Report(program, path)
        check_metrics(report, 0)
        listener.bind(path)
        listener.listen()
        threading.Thread(target=answer.serve, args=(listener, replies, []), daemon=True).start()
        check_metrics(report, 1)
        check_service(report)
        expect(report.end() == 0, "it fails where the client goes")
        for raw in (b"what?\0", b'{"method":1}\0', b"{}\0", b"x" * 100000):
            report = Report(program, path)
            try:
                expect(report.call("", raw=raw) == [], f"it answers {raw[:20]}")
            except OSError:
                pass
            expect(report.end() == 1, f"it goes on after {raw[:20]}")
        if shutil.which("varlinkctl"):
            check_varlinkctl(program, path, os.path.join(folder, "report"))
    print(f"{len(complaints)} failed")
    if complaints:
        return 1
    if not shutil.which("varlinkctl"):
        print("SKIP: without varlinkctl, which is not installed")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
