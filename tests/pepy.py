"""A stand-in for PePy's API on this machine, written from https://pepy.tech/pepy-api.

    uv run --no-dev tests/pepy.py            run the daily job against it, show what comes out
    uv run --no-dev tests/pepy.py --serve    only serve, until Ctrl-C (see --help)

It speaks real HTTP, wants a key, keeps a bucket of tokens, and leaves out days and releases
without downloads. Every figure is made up. Whatever can go wrong is in test_fetch.py's tables.
"""

from __future__ import annotations

import argparse
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
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

KEY = "pepy-standin-key-0123456789abcdef"
SHUT = "http://127.0.0.1:9"  # where nothing listens
SCRIPT = Path(__file__).parent.parent / "script.py"
# What docs/ holds from the start: the page's own files.
PAGE = [p for p in SCRIPT.parent.glob("docs/*") if p.suffix in (".css", ".html", ".js", ".svg")]


class Plan(NamedTuple):
    """Tokens a minute, and tokens in a full bucket."""

    rate: float
    burst: int


Fault = Callable[[bytes], Iterable[bytes]]
FREE = Plan(5, 10)

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
        of_day = int(daily * (0.6 if day.weekday() >= 5 else 1.0) * dice.uniform(0.8, 1.2))
        part = releases * (releases + 1) / 2  # the newer a release, the more it has of them
        shares = ((v, int(of_day * n / part)) for n, v in enumerate(versions, 1))
        if counted := {version: count for version, count in shares if count}:
            downloads[f"{day}"] = counted  # where nothing was downloaded is nothing
    total = dice.randint(5, 30) * sum(sum(counts.values()) for counts in downloads.values())
    return {"total_downloads": total, "id": project, "versions": versions, "downloads": downloads}


def newest_complete_day(now: datetime) -> date:
    """Figures come about 17:00 UTC for the day before."""
    return now.date() - timedelta(days=1 if now.hour >= 17 else 2)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def start(self, owner: Any) -> str:
        """Serve for a stand-in, until `stop`; the address."""
        self.owner, self.ended = owner, threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{self.server_port}"

    def stop(self) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None: ...  # a client that went away is no news


class Quiet(BaseHTTPRequestHandler):
    """What the stand-ins' handlers have in common."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, *_: object) -> None: ...  # tests print enough

    def reply(self, status: int, answer: Any, told: Mapping[str, str] = {}) -> None:
        """Answer with JSON, or with bytes as they are, and with more headers."""
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        head = {"Content-Length": len(body), "Content-Type": "application/json", **told}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        self.wfile.write(f"HTTP/1.1 {status} -\r\n{lines}\r\n".encode() + body)


class Served:
    """A stand-in: within `with`, its handler serves on `url`."""

    handler: ClassVar[type[Quiet]]
    path: ClassVar = ""  # below the address, and a query

    def __enter__(self) -> Self:
        self.server = Server(("127.0.0.1", 0), self.handler)
        self.url = self.server.start(self) + self.path
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()


class Handler(Quiet):
    def do_GET(self) -> None:
        pepy: Pepy = self.server.owner
        path = re.fullmatch(r"/api/v2/projects/([^/?]+)(\?.*)?", self.path)
        project = re.sub(r"[-_.]+", "-", path[1]).lower() if path else ""
        with pepy.lock:
            pepy.agents.add(self.headers.get("User-Agent", ""))
            pepy.addresses.add(self.path)
            pepy.asked[project] += 1
        if (key := self.headers.get("X-API-Key")) != KEY:
            self.reply(401, {"message": f"No valid key: {key}"})
            return
        granted, told = pepy.take_token()
        time.sleep(pepy.delay * granted)
        given = pepy.projects.get(project, {})
        if not granted:
            self.reply(429, {"message": "Too many requests"}, told)
        elif not project or given is None or project.startswith("unknown"):
            self.reply(404, {"message": f"Project not found: {project}"}, told)
        elif isinstance(given, int):
            self.reply(given, {"message": "Told to"}, told)
        elif callable(given):
            for part in given(pepy.body(project)):
                self.wfile.write(part)
                if self.server.ended.wait(0.01):
                    break
            self.close_connection = True
        else:
            whole = {"id": project, "versions": []} | given if given else pepy.body(project)
            self.reply(200, whole, told)


@dataclass
class Pepy(Served):
    """The stand-in. `with Pepy() as pepy:` serves on pepy.url until the block ends.

    `projects` gives the answers of certain projects (None: unknown, an int: that HTTP status
    for ever, a function: from the good body to what is written instead, one after the other,
    until the line is cut); names that start with `unknown` are unknown, and all others are
    made up. `plan` is the rate limit, `delay` the seconds an answer takes.
    """

    handler = Handler
    plan: Plan | None = None
    projects: dict[str, dict[str, Any] | int | Fault | None] = field(default_factory=dict)
    delay: float = 0
    releases: int = 12
    asked: Counter[str] = field(default_factory=Counter)  # requests by project, refused ones too
    refused: int = 0  # by the rate limit
    agents: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    tokens: float = 0

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.tokens, self.filled_at = self.plan.burst if self.plan else 0, time.monotonic()
        self.cache: dict[str, bytes] = {}

    def take_token(self) -> tuple[bool, dict[str, str]]:
        """Whether a request is granted, and the headers that tell."""
        if self.plan is None:
            return True, {}
        with self.lock:
            now, rate = time.monotonic(), self.plan.rate / 60
            self.tokens = min(self.plan.burst, self.tokens + (now - self.filled_at) * rate)
            self.filled_at = now
            granted = self.tokens >= 1
            self.tokens -= granted
            self.refused += not granted
            told = {"X-Rate-Limit-Remaining": str(int(self.tokens))}
            wait = {"X-Rate-Limit-Retry-After-Seconds": str(int((1 - self.tokens) / rate))}
            return granted, told if granted else told | wait

    def body(self, project: str) -> bytes:
        if project not in self.cache:
            newest = newest_complete_day(datetime.now(UTC))
            self.cache[project] = json.dumps(made_up(project, newest, self.releases)).encode()
        return self.cache[project]


def environment(pepy: Pepy | None, key: str = KEY) -> dict[str, str]:
    """The environment in which script.py talks to the stand-in, and to nobody else."""
    ours = {"PEPY_API_URL": pepy.url if pepy else SHUT, "PEPY_API_KEY": key}
    ours |= {"PYPISTATS_API_URL": SHUT, "CLICKHOUSE_URL": SHUT, "NO_PROXY": "127.0.0.1"}
    foreign = {"GITHUB_STEP_SUMMARY", "GITHUB_REPOSITORY", "PYTHONPATH"}
    return {name: value for name, value in os.environ.items() if name not in foreign} | ours


def demonstrate() -> int:
    """Run the daily job against the stand-ins, into a scratch folder."""
    scratch = Path(tempfile.mkdtemp(prefix="pepy-stats-"))
    print("The figures below are MADE UP: they come from stand-ins on this machine.\n")
    command = ["script.py", "update", "--output", str(scratch)]
    print(f"$ python {' '.join(command)}", flush=True)
    with Pepy(FREE) as pepy, clickhouse.Clickhouse(pepy) as older:
        command, variables = [sys.executable, *command], environment(pepy)
        variables["CLICKHOUSE_URL"] = older.url
        code = subprocess.call(command, cwd=SCRIPT.parent, env=variables)
    for path in [*scratch.glob("[!_]*.json"), *scratch.glob("*/month.json")][:1]:
        print(f"\n$ cat {path}\n{path.read_text(encoding='utf-8')}", end="")
    count = sum(path.is_file() for path in scratch.rglob("*"))
    print(f"\n{count} files with made-up figures are in {scratch}; docs/ was not touched.")
    return code


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--serve", action="store_true", help="only serve, until Ctrl-C")
    parser.add_argument("--delay", type=float, default=0, help="seconds an answer takes")
    parser.add_argument("--releases", type=int, default=12, help="releases of every project")
    options = parser.parse_args()
    if not options.serve:
        return demonstrate()
    figures = Pepy(delay=options.delay, releases=options.releases)
    with figures as pepy, clickhouse.Clickhouse(pepy) as older:
        print(f"Made-up figures on {pepy.url}, until Ctrl-C. In another terminal:\n")
        print(f"  export PEPY_API_URL={pepy.url} PEPY_API_KEY={KEY} CLICKHOUSE_URL='{older.url}'")
        print("  uv run script.py --output made-up")
        print("\nNever into docs/: the history there is for real figures.", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    return 0


if __name__ == "__main__":
    import clickhouse  # which itself needs what is here

    sys.exit(main())
