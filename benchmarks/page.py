"""The collector's page in a real Chromium: how soon a trace of 10,000 spans is there, how it scrolls, what it weighs.

    python benchmarks/page.py [--runs 5] [--spans 10000]

Needs the extra collector, playwright, and a Chromium: Playwright's own or one on PATH.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

TRACE = "0123456789abcdef0123456789abcdef"
TARGETS = {"opened": 1000.0, "longest frame": 50.0, "bytes": 100_000.0}
# Notes when the first rows of the waterfall were on screen, and what kept the page from drawing for over 50 ms.
WATCH = """
    window.opened = 0; window.long = [];
    new MutationObserver((_, observer) => {
        if (!document.querySelector(".row")) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => { window.opened = performance.now(); }, 0));
    }).observe(document, {childList: true, subtree: true});
    new PerformanceObserver((list) => window.long.push(...list.getEntries().map((each) => each.duration)))
        .observe({type: "longtask", buffered: true});
"""
# Scrolls down and back, half a screen per frame, and notes how long each frame took.
SCROLL = """() => new Promise((resolve) => {
    const rows = document.querySelector(".rows"), frames = [];
    const step = rows.clientHeight * 0.5;
    let last = performance.now(), down = true;
    const frame = (now) => {
        frames.push(now - last);
        last = now;
        rows.scrollTop += down ? step : -step;
        if (frames.length > 100) down = false;
        if (frames.length > 200) return resolve(frames.slice(1));
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
})"""


def large(spans: int) -> bytes:
    """A trace of so many spans of 14 services, 20 children each, all under different names."""
    message = ExportTraceServiceRequest()
    scopes = []
    for number in range(14):
        resource = message.resource_spans.add()
        resource.resource.attributes.add(key="service.name").value.string_value = f"service-{number}"
        scopes.append(resource.scope_spans.add())
    start = time.time_ns() - 60 * 10**9
    for number in range(1, spans + 1):
        span = scopes[number % 14].spans.add(name=f"step {number}", trace_id=bytes.fromhex(TRACE), kind=1)
        span.span_id = number.to_bytes(8, "big")
        span.parent_span_id = (1 + number // 20).to_bytes(8, "big") if number > 1 else b""
        span.start_time_unix_nano = start + number * 10**6
        span.end_time_unix_nano = span.start_time_unix_nano + (spans if number == 1 else 5) * 10**6
        for key, value in (("http.request.method", "GET"), ("url.path", f"/things/{number}"), ("thread.name", "main")):
            span.attributes.add(key=key).value.string_value = value
    return message.SerializeToString()


def send(address: str, body: bytes) -> None:
    connection = HTTPConnection(address)
    connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
    assert connection.getresponse().status == 200


def visit(browser: Browser, url: str) -> tuple[Page, CDPSession, int]:
    """A page in a context of its own, with nothing cached, and the bytes that came for it."""
    page = browser.new_context(viewport={"width": 1360, "height": 860}).new_page()
    sizes: dict[str, int] = {}
    files: set[str] = set()
    client = page.context.new_cdp_session(page)
    client.send("Network.enable")
    # In CPU seconds of the thread that draws, so that a busy machine does not count.
    client.send("Performance.enable", {"timeDomain": "threadTicks"})
    client.on("Network.requestWillBeSent", lambda event: is_file(event) and files.add(event["requestId"]))
    client.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    page.add_init_script(WATCH)
    page.goto(url)
    page.wait_for_selector("main h1")
    page.wait_for_load_state("networkidle") if "/trace/" in url else page.wait_for_selector("main :is(table, .empty)")
    return page, client, int(sum(size for request, size in sizes.items() if request in files))


def is_file(event: dict) -> bool:
    """Whether a request is for the page itself, not for what it shows."""
    return "/query/" not in event["request"]["url"]


def drawing(client: CDPSession) -> float:
    """CPU seconds of the thread that draws, so far."""
    metrics = {each["name"]: each["value"] for each in client.send("Performance.getMetrics")["metrics"]}
    return metrics["TaskDuration"]


def cpu(process: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(browser: Browser, address: str, collector: int) -> dict[str, float]:
    before = cpu(collector)
    page, client, _ = visit(browser, f"http://{address}/trace/{TRACE}")
    opened = page.evaluate("window.opened")
    collecting, opening = cpu(collector) - before, drawing(client)
    page.evaluate("window.long.length = 0")
    frames = page.evaluate(SCROLL)
    scrolling = drawing(client) - opening
    blocked = page.evaluate("window.long")
    page.context.close()
    first, _, size = visit(browser, f"http://{address}/")
    first.context.close()
    return {
        "opened": opened,
        "opened, CPU page": opening * 1000,
        "opened, CPU coll.": collecting * 1000,
        "frame, CPU": scrolling * 1000 / len(frames),
        "frames": len(frames),
        "median frame": statistics.median(frames),
        "longest frame": max(frames),
        "frames over 50 ms": sum(frame > 50 for frame in frames),
        "long tasks": len(blocked),
        "bytes": size,
    }


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--spans", type=int, default=10_000)
    chosen = options.parse_args()
    launcher = str(Path(sys.executable).with_name("platform-trace"))
    ports = [f"--{name}-port=0" for name in ("grpc", "http", "query")]
    collector = subprocess.Popen(
        [launcher, "collector", "--db", ":memory:", *ports], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert collector.stdout
        found = re.search(r"OTLP/HTTP http://(\S+), queries http://(\S+)", collector.stdout.readline())
        assert found
        send(found[1], large(chosen.spans))
        with sync_playwright() as running:
            own = Path(running.chromium.executable_path)
            path = str(own) if own.exists() else shutil.which("chromium")
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = running.chromium.launch(executable_path=path, args=arguments)
            rows = [measured(browser, found[2], collector.pid) for _ in range(chosen.runs)]
            print(
                f"Chromium {browser.version}, {chosen.spans} spans, {chosen.runs} runs, load {os.getloadavg()[0]:.1f}"
            )
            browser.close()
    finally:
        collector.terminate()
        collector.wait(10)
    for name in rows[0]:
        values = sorted(row[name] for row in rows)
        target = f"  target {TARGETS[name]:g}" if name in TARGETS else ""
        print(
            f"{name:18} median {statistics.median(values):9.1f}  best {values[0]:9.1f}  worst {values[-1]:9.1f}{target}"
        )


if __name__ == "__main__":
    main()
