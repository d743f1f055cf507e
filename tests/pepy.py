"""A stand-in for PePy's API on this machine, written from https://pepy.tech/pepy-api.

    uv run tests/pepy.py            run the daily job against it and show what comes out
    uv run tests/pepy.py --serve    only serve, until Ctrl-C (see --help)

It speaks real HTTP and is as awkward as the real one: it wants a key, keeps a bucket of
tokens per key, leaves out days and releases without downloads, and answers for the
projects in FAULTS as a bad day would. Every figure is made up from the project's name.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self

KEY = "pepy-standin-key-0123456789abcdef"
SCRIPT = Path(__file__).parent.parent / "script.py"
# What docs/ holds from the start: the page's own files.
PAGE = [p for p in SCRIPT.parent.glob("docs/*") if p.suffix in (".css", ".html", ".js", ".svg")]


class Plan(NamedTuple):
    """Tokens a minute, and tokens in a full bucket."""

    rate: float
    burst: int


PLANS = {"free": Plan(5, 10), "developer": Plan(60, 120), "team": Plan(300, 600)}

# Projects of a certain size; all others get one from their name.
POPULAR = {"boto3": 52_000_000, "requests": 48_000_000, "pydantic": 33_000_000}


def made_up(project: str, newest: date, releases: int = 12, days: int = 92) -> dict[str, Any]:
    """A project's answer up to `newest`, made up from its name but always the same."""
    dice = random.Random(project)
    daily = POPULAR.get(project) or int(10 ** dice.uniform(0, 6))
    versions = [f"{major}.{minor}.0" for major in range(1, 100) for minor in range(21)][:releases]
    downloads: dict[str, dict[str, int]] = {}
    for back in range(days):
        day = newest - timedelta(days=back)
        weight = 0.6 if day.weekday() >= 5 else 1.0
        of_day = int(daily * weight * dice.uniform(0.8, 1.2))
        shares = {
            version: of_day * (number + 1) * 2 // (releases * (releases + 1))
            for number, version in enumerate(versions)
        }
        counted = {version: count for version, count in shares.items() if count}
        if counted:  # a day or a release without downloads is absent
            downloads[day.isoformat()] = counted
    recent = sum(sum(counts.values()) for counts in downloads.values())
    return {
        "total_downloads": recent * dice.randint(5, 30),
        "id": project,
        "versions": versions,
        "downloads": downloads,
    }


def newest_complete_day(now: datetime) -> date:
    """Figures come about 17:00 UTC for the day before."""
    return now.date() - timedelta(days=1 if now.hour >= 17 else 2)


# --- the faults: what the handler does instead of answering well, by the project's name

Fault = Callable[["Handler", dict[str, Any]], None]


def _changed(**changes: Any) -> Fault:
    return lambda handler, answer: handler.reply(200, answer | changes)


def _raw(status: int, body: bytes, content_type: str = "text/html") -> Fault:
    return lambda handler, answer: handler.send(status, body, {"Content-Type": content_type})


def _drop(handler: Handler, answer: dict[str, Any]) -> None:
    handler.close_connection = True


def _stall(handler: Handler, answer: dict[str, Any]) -> None:
    handler.server.ended.wait(60)
    handler.close_connection = True


def _stall_in_body(handler: Handler, answer: dict[str, Any]) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b'{"id": ')
    _stall(handler, answer)


def _drip(handler: Handler, answer: dict[str, Any]) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    drip(handler)


def _drip_headers(handler: Handler, answer: dict[str, Any]) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Padding: ")
    drip(handler)


def drip(handler: Quiet) -> None:
    """Write a byte now and then, for ever."""
    while not handler.server.ended.wait(0.05):
        try:
            handler.wfile.write(b" ")
        except OSError:
            break
    handler.close_connection = True


def _truncated(handler: Handler, answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
    handler.wfile.write(head.encode() + body[: len(body) // 2])
    handler.close_connection = True


def _cut_short(handler: Handler, answer: dict[str, Any]) -> None:
    handler.send(200, json.dumps(answer).encode()[:-20], {"Content-Type": "application/json"})


def _bomb(handler: Handler, answer: dict[str, Any]) -> None:
    body = gzip.compress(b" " * (65 * 1024 * 1024), compresslevel=1)
    handler.send(200, body, {"Content-Encoding": "gzip"})


def _not_gzip(handler: Handler, answer: dict[str, Any]) -> None:
    handler.send(200, b"this is not gzip", {"Content-Encoding": "gzip"})


def _redirect(handler: Handler, answer: dict[str, Any]) -> None:
    handler.send(302, b"", {"Location": "/api/v2/projects/requests"})


def _flaky(handler: Handler, answer: dict[str, Any]) -> None:
    """Fails twice, then answers."""
    if handler.server.pepy.asked[answer["id"]] <= 2:
        handler.reply(503, {"message": "Service Unavailable"})
    else:
        handler.reply(200, answer)


def _tomorrow(handler: Handler, answer: dict[str, Any]) -> None:
    day = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    handler.reply(200, answer | {"downloads": {day: {"1.0": 1}}})


HTML = b"<!doctype html><title>Just a moment</title>"
FAULTS: dict[str, Fault] = {
    "fault-html": _raw(200, HTML),
    "fault-html-503": _raw(503, HTML),
    "fault-empty": _raw(200, b""),
    "fault-list": _raw(200, b"[]", "application/json"),
    "fault-null": _raw(200, b"null", "application/json"),
    "fault-teapot": _raw(418, b"{}", "application/json"),
    "fault-negative-total": _changed(total_downloads=-1),
    "fault-fractional-total": _changed(total_downloads=1.5),
    "fault-float-total": _changed(total_downloads=1e6),
    "fault-boolean-total": _changed(total_downloads=True),
    "fault-text-total": _changed(total_downloads="12"),
    "fault-null-total": _changed(total_downloads=None),
    "fault-huge-total": _changed(total_downloads=10**15),
    "fault-negative-day": _changed(downloads={"2026-01-01": {"1.0": -5}}),
    "fault-boolean-day": _changed(downloads={"2026-01-01": {"1.0": True}}),
    "fault-flat-day": _changed(downloads={"2026-01-01": 5}),
    "fault-huge-sum": _changed(downloads={"2026-01-01": {"1.0": 10**15 - 1, "1.1": 1}}),
    "fault-no-date": _changed(downloads={"yesterday": {"1.0": 5}}),
    "fault-no-such-date": _changed(downloads={"2026-02-30": {"1.0": 5}}),
    "fault-timestamp-date": _changed(downloads={"1767225600": {"1.0": 5}}),
    "fault-no-downloads": _changed(downloads=None),
    "fault-tomorrow": _tomorrow,
    "fault-wrong-id": _changed(id="another"),
    "fault-terminal-id": _changed(id="\x1b[2J\n::error::forged"),
    "fault-truncated": _truncated,
    "fault-cut-short": _cut_short,
    "fault-not-gzip": _not_gzip,
    "fault-bomb": _bomb,
    "fault-drop": _drop,
    "fault-redirect": _redirect,
    "fault-flaky": _flaky,
    "fault-stall": _stall,
    "fault-stall-in-body": _stall_in_body,
    "fault-drip": _drip,
    "fault-drip-headers": _drip_headers,
}


@dataclass
class Pepy:
    """The stand-in. `with Pepy() as pepy:` serves on pepy.url until the block ends.

    `projects` gives the answers of certain projects (None: unknown, an int: that HTTP status
    for ever); names that start with `unknown` are unknown, those in FAULTS are faulty, and
    all others are made up. `faulty` gives certain projects the fault of that name. `plan` is
    the rate limit, `delay` the seconds an answer takes.
    """

    plan: Plan | None = None
    projects: dict[str, dict[str, Any] | int | None] = field(default_factory=dict)
    faulty: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    releases: int = 12
    refuse_after: int | None = None  # the key is refused after so many requests
    port: int = 0
    asked: Counter[str] = field(default_factory=Counter)  # requests by project, refused ones too
    refused: int = 0  # by the rate limit
    agents: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    first_at: float = 0
    last_at: float = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    tokens: float = 0
    filled_at: float = 0

    def __enter__(self) -> Self:
        if self.plan:
            self.tokens, self.filled_at = self.plan.burst, time.monotonic()
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.pepy = self
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._cache: dict[str, bytes] = {}
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    def take_token(self) -> tuple[bool, dict[str, str]]:
        """Whether a request is granted, and the headers that tell."""
        if self.plan is None:
            return True, {}
        with self.lock:
            now = time.monotonic()
            rate = self.plan.rate / 60
            self.tokens = min(self.plan.burst, self.tokens + (now - self.filled_at) * rate)
            self.filled_at = now
            if self.tokens >= 1:
                self.tokens -= 1
                return True, {"X-Rate-Limit-Remaining": str(int(self.tokens))}
            self.refused += 1
            wait = int((1 - self.tokens) / rate)
            return False, {
                "X-Rate-Limit-Remaining": "0",
                "X-Rate-Limit-Retry-After-Seconds": str(wait),
            }

    def body(self, project: str) -> bytes:
        if project not in self._cache:
            newest = newest_complete_day(datetime.now(UTC))
            self._cache[project] = json.dumps(made_up(project, newest, self.releases)).encode()
        return self._cache[project]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    pepy: Pepy

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.ended = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that went away is no news."""


class Quiet(BaseHTTPRequestHandler):
    """What the stand-ins' handlers have in common."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, *_: object) -> None:
        """No log: tests print enough."""


class Handler(Quiet):
    def setup(self) -> None:
        super().setup()
        with self.server.pepy.lock:
            self.server.pepy.connections += 1

    def do_GET(self) -> None:
        pepy = self.server.pepy
        with pepy.lock:
            pepy.at_once += 1
            pepy.most_at_once = max(pepy.most_at_once, pepy.at_once)
            pepy.first_at = pepy.first_at or time.monotonic()
        try:
            self.answer(pepy)
        finally:
            with pepy.lock:
                pepy.at_once -= 1
                pepy.last_at = time.monotonic()

    def answer(self, pepy: Pepy) -> None:
        self.extra: dict[str, str] = {}
        path = re.fullmatch(r"/api/v2/projects/([^/?]+)(\?.*)?", self.path)
        project = re.sub(r"[-_.]+", "-", path[1]).lower() if path else ""
        key = self.headers.get("X-API-Key")
        with pepy.lock:
            pepy.agents.add(self.headers.get("User-Agent", ""))
            pepy.addresses.add(self.path)
            pepy.asked[project] += 1
            no_more = pepy.refuse_after is not None and pepy.asked.total() > pepy.refuse_after
        if key != KEY or no_more:
            self.reply(401, {"message": f"No valid key: {key}"})
            return
        granted, self.extra = pepy.take_token()
        if not granted:
            self.reply(429, {"message": "Too many requests"})
            return
        time.sleep(pepy.delay)
        given = pepy.projects.get(project, {})
        fault = FAULTS.get(pepy.faulty.get(project, project))
        if not project or given is None or project.startswith("unknown"):
            self.reply(404, {"message": f"Project not found: {project}"})
        elif isinstance(given, int):
            self.reply(given, {"message": "Told to"})
        elif fault:
            fault(self, made_up(project, newest_complete_day(datetime.now(UTC))))
        elif given:
            self.reply(200, {"id": project, "versions": []} | given)
        else:
            self.send(200, pepy.body(project), {"Content-Type": "application/json"})

    def reply(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send(status, body, {"Content-Type": "application/json"})

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        headers = {"Content-Length": str(len(body)), **headers, **self.extra}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.wfile.write(f"HTTP/1.1 {status} -\r\n{lines}\r\n".encode() + body)


SHUT = "http://127.0.0.1:9"  # where nothing listens


def environment(pepy: Pepy | None, key: str = KEY) -> dict[str, str]:
    """The environment in which script.py talks to the stand-in, and to nobody else."""
    url = pepy.url if pepy else SHUT
    ours = {"PEPY_API_URL": url, "PYPISTATS_API_URL": SHUT, "PEPY_API_KEY": key}
    ours["NO_PROXY"] = "127.0.0.1"
    foreign = {"GITHUB_STEP_SUMMARY", "GITHUB_REPOSITORY", "PYTHONPATH"}
    return {name: value for name, value in os.environ.items() if name not in foreign} | ours


def demonstrate() -> int:
    """Run the daily job against the stand-in, into a scratch folder."""
    scratch = Path(tempfile.mkdtemp(prefix="pepy-stats-"))
    print("The figures below are MADE UP: they come from a stand-in for PePy on this machine.\n")
    command = ["script.py", "update", "--output", str(scratch)]
    print(f"$ python {' '.join(command)}")
    with Pepy(PLANS["free"]) as pepy:
        run = subprocess.run(
            [sys.executable, *command], cwd=SCRIPT.parent, env=environment(pepy), check=False
        )
    for badge in sorted(scratch.glob("[!_]*.json"))[:1]:
        for path in (badge, badge.with_suffix("") / "month.json"):
            print(f"\n$ cat {path}\n{path.read_text(encoding='utf-8')}", end="")
    files = [path for path in scratch.rglob("*") if path.is_file()]
    print(f"\n{len(files)} files with made-up figures are in {scratch}; docs/ was not touched.")
    return run.returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--serve", action="store_true", help="only serve, until Ctrl-C")
    parser.add_argument("--port", type=int, default=0, help="(default: any that is free)")
    parser.add_argument("--plan", choices=PLANS, help="the rate limit (default: none)")
    parser.add_argument("--delay", type=float, default=0, help="seconds an answer takes")
    parser.add_argument("--releases", type=int, default=12, help="releases of every project")
    options = parser.parse_args()
    if not options.serve:
        return demonstrate()
    plan = PLANS.get(options.plan)
    with Pepy(plan, delay=options.delay, releases=options.releases, port=options.port) as pepy:
        print(f"Made-up figures on {pepy.url}, until Ctrl-C. In another terminal:\n")
        print(f"  PEPY_API_URL={pepy.url} PEPY_API_KEY={KEY} uv run script.py --output made-up")
        print("\nNever into docs/: the history there is for real figures.")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
