#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is shipped for monitoring systems speaks of metrics that exist.

  conf.py SEGCTL

The families and labels are those of lib/metrics/metrics.c. docs/monitoring.md has each of them; rules,
dashboard and template have no other. promtool judges the rules and every query of the dashboard, and
a real Zabbix agent runs its configuration. Exit code 77: a part was left out since promtool or the
agent is not installed; the others passed. To be run in a network namespace of its own.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/golden"))
import answer  # noqa: E402, what segctl's cases are answered by

SUFFIX = {"GAUGE": "", "COUNTER": "_total", "INFO": "_info"}
# In names of recording rules the names of metrics stand between colons.
METRIC = re.compile(r"(?<![a-z_:])segd_[a-z_]+(?![a-z_:])")
WAIT_SECONDS = 60
# It takes none above 32767.
AGENT_PORT = 10050

complaints = []


def expect(is_right, text):
    if not is_right:
        print(f"FAILED: {text}")
        complaints.append(text)


def families():
    """{name of the samples: names of the labels}"""
    text = (ROOT / "lib/metrics/metrics.c").read_text()
    found = {}
    for kind, body in re.findall(r"\] =\s+(GAUGE|COUNTER|INFO)\((.*?)\),\n", text, re.DOTALL):
        words = re.findall(r'"([^"]*)"', body)
        found[words[0] + SUFFIX[kind]] = [word for word in words[1:] if re.fullmatch("[a-z]+", word)]
    expect(len(found) > 25, "the table of families is not found")
    return found


def check_documented(known):
    rows = re.findall(r"^\| `(segd_[a-z_]+)(?:\{([a-z, ]+)\})?` \|",
                      (ROOT / "docs/monitoring.md").read_text(), re.MULTILINE)
    documented = {name: labels.split(", ") if labels else [] for name, labels in rows}
    expect(documented == known, "docs/monitoring.md differs from the table of families: " +
           str({name for name in documented.keys() | known.keys()
                if documented.get(name) != known.get(name)}))


def check_names(known):
    for file in ("prometheus/segd.rules.yml", "prometheus/segd.rules.test.yml", "grafana/segd.json",
                 "zabbix/segd.json"):
        names = set(METRIC.findall((ROOT / "conf" / file).read_text()))
        expect(names, f"{file} has no metric")
        expect(names <= known.keys(), f"{file} speaks of {names - known.keys()}")


def dashboard_queries():
    dashboard = json.loads((ROOT / "conf/grafana/segd.json").read_text())
    panels = dashboard["panels"]
    expect(len({panel["id"] for panel in panels}) == len(panels), "two panels have one id")
    cells = [(x, y) for panel in panels for place in [panel["gridPos"]]
             for x in range(place["x"], place["x"] + place["w"])
             for y in range(place["y"], place["y"] + place["h"])]
    expect(len(set(cells)) == len(cells) and all(x < 24 for x, _ in cells), "panels overlap")
    return ([target["expr"] for panel in panels for target in panel["targets"]] +
            [item["expr"] for item in dashboard["annotations"]["list"]])


def promtool(*arguments, folder=None):
    result = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True,
                            check=False)
    expect(result.returncode == 0, f"promtool {arguments}: {result.stdout}{result.stderr}")


def check_rules(folder):
    rules = ROOT / "conf/prometheus"
    promtool("check", "rules", "segd.rules.yml", folder=rules)
    promtool("test", "rules", "segd.rules.test.yml", folder=rules)
    # Whether Prometheus understands a query is told when it is a rule.
    queries = [query.replace("$__rate_interval", "5m").replace("$instance", ".*")
               for query in dashboard_queries()]
    path = os.path.join(folder, "dashboard.yml")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"groups": [{"name": "dashboard", "rules": [
            {"record": f"panel:{i}", "expr": query} for i, query in enumerate(queries)]}]}, file)
    promtool("check", "rules", path)


def objects(value):
    """All objects within a value."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, (dict, list)):
            yield from objects(item)


def check_template(page):
    """Its form, and that each pattern finds something in what segctl prints."""
    export = json.loads((ROOT / "conf/zabbix/segd.json").read_text())["zabbix_export"]
    ids = [item["uuid"] for item in objects(export) if "uuid" in item]
    expect(len(set(ids)) == len(ids), "two things have one uuid")
    expect(all(re.fullmatch("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", item) for item in ids),
           "a uuid is not of version 4")
    template = export["templates"][0]
    keys = {item["key"] for item in template["items"]}
    for item in objects(template):
        expect(item.get("master_item", {"key": "segd.metrics"})["key"] in keys, f"no master: {item}")
        for key in re.findall(r"/segd by Zabbix agent/([^,)]*\[[^\]]*\]|[^,)]*)",
                              item.get("expression", "")):
            expect(f'"{key}"' in json.dumps(template, ensure_ascii=False), f"no item {key}")
        if not item.get("type", "").startswith("PROMETHEUS_"):
            continue
        pattern = item["parameters"][0]
        name, labels = pattern.split("{", 1) if "{" in pattern else (pattern, "")
        wanted = [label for label in re.findall(r'[a-z]+="[^"]*"', labels)]
        wanted = [re.escape(label.split('="{#')[0] + '="') if "{#" in label else re.escape(label)
                  for label in wanted]
        expect(any(line.startswith((name + "{", name + " ")) and
                   all(re.search(label, line) for label in wanted) for line in page.splitlines()),
               f"nothing is {pattern}")


def ask_agent(key):
    """The value, by the protocol of the agent; None where it does not answer yet."""
    try:
        with socket.create_connection(("127.0.0.1", AGENT_PORT), timeout=WAIT_SECONDS) as connection:
            connection.sendall(b"ZBXD\x01" + struct.pack("<Q", len(key)) + key.encode())
            reply = b""
            while data := connection.recv(65536):
                reply += data
    except OSError:
        return None
    return reply[13:].decode()


def check_agent(segctl, folder):
    """Returns what it says of segd.metrics."""
    log = os.path.join(folder, "agent.log")
    with open(os.path.join(folder, "agent.conf"), "w", encoding="utf-8") as file:
        file.write(f"LogType=console\nPidFile={folder}/agent.pid\nServer=127.0.0.1\nAllowRoot=1\n"
                   f"ListenIP=127.0.0.1\nListenPort={AGENT_PORT}\n"
                   f"Include={ROOT}/conf/zabbix/segd.conf\n")
    with open(log, "w+", encoding="utf-8") as output:
        process = subprocess.Popen(["zabbix_agentd", "-f", "-c", file.name],
                                   stdout=output, stderr=output,
                                   env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"})
        try:
            end = time.monotonic() + WAIT_SECONDS
            while (health := ask_agent("segd.health")) is None and time.monotonic() < end:
                time.sleep(0.1)
            page = ask_agent("segd.metrics")
        finally:
            process.terminate()
            process.wait()
        output.seek(0)
        expect(health is not None, f"the agent does not answer: {output.read()}")
    expected = subprocess.run([segctl, "metrics"], capture_output=True, text=True, check=False)
    timeless = [re.sub(r"(segd_calls_duration_seconds) .*", r"\1", text or "").strip()
                for text in (page, expected.stdout)]
    expect(timeless[0] == timeless[1], f"the agent says {page}")
    expect((health or "").startswith("CRITICAL: ") and "\n" not in health.strip(),
           f"the agent says {health!r}")


def make_segctl(segctl, folder):
    """A segctl that asks a daemon that is none."""
    path = os.path.join(folder, "segctl")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.join(folder, "control"))
    listener.listen()
    replies = json.loads((ROOT / "tests/golden/remote/replies.json").read_text())
    replies.update(json.loads((ROOT / "tests/golden/remote/metrics.json").read_text()))
    threading.Thread(target=answer.serve, args=(listener, replies, []), daemon=True).start()
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec "{segctl}" "$@" --socket "{folder}/control"\n')
    os.chmod(path, 0o755)
    return path


def main():
    known = families()
    check_documented(known)
    check_names(known)
    dashboard_queries()
    left_out = [name for name in ("promtool", "zabbix_agentd") if not shutil.which(name)]
    with tempfile.TemporaryDirectory() as folder:
        segctl = make_segctl(os.path.abspath(sys.argv[1]), folder)
        page = subprocess.run([segctl, "metrics"], capture_output=True, text=True, check=True)
        check_template(page.stdout)
        if "promtool" not in left_out:
            check_rules(folder)
        if "zabbix_agentd" not in left_out:
            check_agent(segctl, folder)
    print(f"{len(complaints)} failed")
    if complaints:
        return 1
    if left_out:
        print(f"SKIP: without {' and '.join(left_out)}, not installed")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
