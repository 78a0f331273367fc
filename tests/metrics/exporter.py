#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What segd-exporter serves, and what a real Prometheus makes of it.

  exporter.py EXPORTER [SOCKET]

Without a SOCKET a daemon answers that is none: with what the cases of segctl metrics have, then not at
all, and then with nonsense. With the SOCKET of a real segd its answers are scraped. Everything listens
on the loopback of the network namespace that this runs in. Exit code 77: a part was left out since
Prometheus is not installed; the others passed.
"""

import contextlib
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
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/golden"))
import answer  # noqa: E402, what segctl's cases are answered by

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
# As Prometheus 2.42 sends it.
PROMETHEUS = (OPENMETRICS + ",application/openmetrics-text;version=0.0.1;q=0.75,"
              "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
LINE = re.compile(r'([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? ([0-9.]+)$')
WAIT_SECONDS = 60

complaints = []


def complain(text):
    print(f"FAILED: {text}", flush=True)
    complaints.append(text)


def expect(is_right, text):
    if not is_right:
        complain(text)


@contextlib.contextmanager
def running(command):
    """A program that says on its first line where it listens."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            if not line.startswith("listening on "):
                raise RuntimeError(f"{command[0]} does not listen: {line!r}")
            yield "http://" + line.split()[-1]
        finally:
            process.terminate()
            expect(process.wait() == 0, f"{command[0]} ended with {process.returncode}")


@contextlib.contextmanager
def canned(folder, replies):
    """A daemon that answers so."""
    path = os.path.join(folder, "control")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        threading.Thread(target=answer.serve, args=(listener, replies, []), daemon=True).start()
        yield path
    os.unlink(path)


def get(url, accept=None, method="GET"):
    """The status, the type and the text."""
    request = urllib.request.Request(url, method=method,
                                     headers={"Accept": accept} if accept else {})
    try:
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as reply:
            return reply.status, reply.headers["Content-Type"], reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


def read(text, is_openmetrics):
    """The samples of a page, whose form is checked: {name and labels: value}."""
    samples, families, family = {}, set(), None
    lines = text.split("\n")
    expect(lines.pop() == "", "the last line has no end")
    if is_openmetrics:
        expect(lines.pop() == "# EOF", "a page of OpenMetrics does not end with # EOF")
    for i, line in enumerate(lines):
        if line.startswith("# HELP "):
            family = line.split()[2]
            expect(family not in families, f"{family} is there twice")
            families.add(family)
        elif line.startswith("# TYPE "):
            expect(lines[i - 1].startswith(f"# HELP {line.split()[2]} "), f"no HELP before {line}")
        else:
            match = LINE.match(line)
            expect(match, f"not a sample: {line}")
            if match:
                expect(match[1] in (family, f"{family}_total", f"{family}_info"),
                       f"{line} is after {family}")
                key = match[1] + (match[2] or "")
                expect(key not in samples, f"{key} is there twice")
                samples[key] = float(match[3])
    return samples


def check_pages(url):
    """Negotiation, and that both forms tell the same."""
    pages = {}
    for accept, is_openmetrics in ((None, False), ("*/*", False), ("text/plain", False),
                                   (PROMETHEUS, True), (OPENMETRICS, True)):
        status, kind, text = get(url + "/metrics", accept)
        expect(status == 200, f"{accept}: {status}")
        expect(kind == ("application/openmetrics-text; version=1.0.0; charset=utf-8"
                        if is_openmetrics else "text/plain; version=0.0.4; charset=utf-8"),
               f"{accept}: is answered by {kind}")
        pages[is_openmetrics] = read(text, is_openmetrics)
    expect(pages[True].keys() == pages[False].keys(), "the forms have other samples")
    expect(get(url + "/")[0] == 200, "/ is not there")
    expect(get(url + "/metricsx")[0] == 404, "there is a page that is none")
    expect(get(url + "/metrics", method="POST")[0] == 405, "POST is possible")
    status, _, text = get(url + "/metrics", method="HEAD")
    expect((status, text) == (200, ""), "HEAD has a page")
    return pages[False]


def check_canned(exporter, folder):
    replies = json.loads((ROOT / "tests/golden/remote/replies.json").read_text())
    replies.update(json.loads((ROOT / "tests/golden/remote/metrics.json").read_text()))
    path = os.path.join(folder, "control")
    with running([exporter, "--listen", "127.0.0.1:0", "--socket", path]) as url:
        with canned(folder, replies):
            samples = check_pages(url)
            expect(samples['segd_method_up{method="GetDrops"}'] == 1, "GetDrops is not up")
            expect('segd_flow_bytes_total{flow="clerk-to-web",direction="reply"}' in samples,
                   "a flow is missing")
            promtool(url)
            prometheus(url, folder)
        # Nobody is there.
        samples = check_pages(url)
        expect(samples['segd_method_up{method="GetStatus"}'] == 0, "a segd that is gone is up")
        expect(samples["segd_exporter_call_errors_total"] > 0, "errors are not counted")
        # Some of it is refused, or nonsense.
        replies["GetDrops"] = {"error": "TooCostly", "parameters": {"what": "time", "limit": 60}}
        with canned(folder, replies):
            samples = check_pages(url)
            expect(samples['segd_method_up{method="GetDrops"}'] == 0, "GetDrops is up")
            expect(samples['segd_method_up{method="GetStatus"}'] == 1, "GetStatus is not up")
            expect("segd_policy_generation" in samples, "one method takes the others with it")
        with canned(folder, {"GetStatus": "garbage"}):
            samples = check_pages(url)
            expect(not any(key.startswith("segd_policy") for key in samples), "garbage is shown")
    # It is asked when the exporter starts.
    replies["Verify"] = {"ok": False, "generation": 12, "differences": [], "findings": []}
    with canned(folder, replies), \
            running([exporter, "--listen", "[::1]:0", "--socket", path]) as url:
        wait_for(lambda: read(get(url + "/metrics")[2], False).get("segd_verified_ok") == 0,
                 "nothing is verified")


def check_usage(exporter):
    for arguments, code in ((["--listen", "localhost"], 2), (["--listen", "1.2.3.4.5:80"], 2),
                            (["--listen", "[::1]"], 2), (["--verify", "0s"], 2), (["x"], 2),
                            (["--listen", "192.0.2.1:9976"], 1), (["--help"], 0)):
        result = subprocess.run([exporter] + arguments, capture_output=True, check=False)
        expect(result.returncode == code, f"{arguments}: ended with {result.returncode}")


def wait_for(is_there, what):
    """Something that comes by itself."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        if is_there():
            return
        time.sleep(0.1)
    complain(what)


def promtool(url):
    if shutil.which("promtool"):
        result = subprocess.run(["promtool", "check", "metrics"], input=get(url + "/metrics")[2],
                                capture_output=True, text=True, check=False)
        expect(result.returncode == 0 and not result.stderr, f"promtool: {result.stderr}")


def prometheus(url, folder):
    """A real one scrapes it every second, for two scrapes and more."""
    if not shutil.which("prometheus"):
        return
    target = url.removeprefix("http://")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = os.path.join(folder, "prometheus.yml")
    with open(config, "w", encoding="utf-8") as file:
        json.dump({"global": {"scrape_interval": "1s"},
                   "rule_files": [str(ROOT / "conf/prometheus/segd.rules.yml")],
                   "scrape_configs": [{"job_name": "segd",
                                       "static_configs": [{"targets": [target]}]}]}, file)

    def ask(query):
        try:
            address = f"http://127.0.0.1:{port}/api/v1/{query}"
            return json.loads(get(address)[2])["data"]
        except (OSError, ValueError, KeyError):
            return None

    def scraped():
        data = ask("query?query=segd_exporter_scrapes_total")
        return data and data["result"] and float(data["result"][0]["value"][1]) >= before + 2

    before = read(get(url + "/metrics")[2], False)["segd_exporter_scrapes_total"]
    with open(os.path.join(folder, "prometheus.log"), "w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
             f"--storage.tsdb.path={folder}/tsdb", "--log.level=warn"], stdout=log, stderr=log)
        try:
            wait_for(scraped, "Prometheus does not scrape")
            data = ask("targets?state=active")
            health = [(item["health"], item["lastError"]) for item in data["activeTargets"]]
            expect(health == [("up", "")], f"Prometheus says {health}")
            data = ask("query?query=count(count_over_time(segd_flow_packets_total[1m]))")
            expect(data["result"], "Prometheus has no flow")
            log.seek(0)
            text = log.read()
            expect(text == "", f"Prometheus complains: {text}")
        finally:
            process.terminate()
            process.wait()


def check_real(exporter, path, folder):
    with running([exporter, "--listen", "127.0.0.1:0", "--socket", path]) as url:
        samples = check_pages(url)
        for method in ("GetStatus", "GetCounters", "GetDrops"):
            expect(samples[f'segd_method_up{{method="{method}"}}'] == 1, f"{method} is not up")
        promtool(url)
        prometheus(url, folder)


def main():
    exporter = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 2:
            check_real(exporter, sys.argv[2], folder)
        else:
            check_usage(exporter)
            check_canned(exporter, folder)
    print(f"{len(complaints)} failed")
    if complaints:
        return 1
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        print("SKIP: without Prometheus, which is not installed")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
