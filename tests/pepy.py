"""A stand-in for PePy's API on this machine, written from https://pepy.tech/pepy-api.

    uv run --no-dev tests/pepy.py            run the daily job against it, show what comes out
    uv run --no-dev tests/pepy.py --page     show the page with what comes out, until Ctrl-C
    uv run --no-dev tests/pepy.py --serve    only serve, until Ctrl-C (see --help)

It speaks real HTTP, wants a key, keeps a bucket of tokens, and leaves out days and releases
without downloads. Every figure is made up. Whatever can go wrong is in test_fetch.py's tables.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from clickhouse import Clickhouse
from pypistats import Pypistats
from served import KEY, POPULAR, PUBLISHED, SCRIPT, Files, Quiet, Served, Site, environment
from shields import show


class Plan(NamedTuple):
    """Tokens a minute, and tokens in a full bucket."""

    rate: float
    burst: int


Fault = Callable[[bytes], Iterable[bytes]]
FREE = Plan(5, 10)


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


class Handler(Quiet):
    def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
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
        if self.plan:
            self.tokens = self.plan.burst
        self.filled_at = time.monotonic()
        self.cache: dict[str, bytes] = {}

    def take_token(self) -> tuple[bool, dict[str, str]]:
        """Whether a request is granted, and the headers that tell."""
        if self.plan is None:
            return True, {}
        with self.lock:
            now = time.monotonic()
            rate = self.plan.rate / 60
            self.tokens = min(self.plan.burst, self.tokens + (now - self.filled_at) * rate)
            self.filled_at = now
            granted = self.tokens >= 1
            told = {}
            if granted:
                self.tokens -= 1
            else:
                self.refused += 1
                told["X-Rate-Limit-Retry-After-Seconds"] = str(int((1 - self.tokens) / rate))
            told["X-Rate-Limit-Remaining"] = str(int(self.tokens))
            return granted, told

    def body(self, project: str) -> bytes:
        if project not in self.cache:
            newest = newest_complete_day(datetime.now(UTC))
            self.cache[project] = json.dumps(made_up(project, newest, self.releases)).encode()
        return self.cache[project]

    def figures(self, project: str) -> dict[str, Any]:
        """A project's answer if one is given, and otherwise the one that is made up."""
        given = self.projects.get(project)
        if isinstance(given, dict):
            return given
        whole: dict[str, Any] = json.loads(self.body(project))
        return whole


def update(folder: Path, output: Path, plan: Plan | None = None, **variables: str) -> int:
    """Run the daily job against the stand-ins, for the list in a folder; its exit status."""
    arguments = ["update", "--output", str(output)]
    print(f"$ python script.py {' '.join(arguments)}", flush=True)
    # Without the pauses that are out of respect for the real pypistats.org.
    program = "import script; script.PYPISTATS_PACE = 0; script.start()"
    command = [sys.executable, "-c", program, *arguments]
    with Pepy(plan) as pepy, Clickhouse(pepy) as older, Pypistats() as pypistats:
        told = environment(pepy) | variables | {"PYTHONPATH": str(SCRIPT.parent)}
        told |= {"CLICKHOUSE_URL": older.url, "PYPISTATS_API_URL": pypistats.url}
        return subprocess.call(command, cwd=folder, env=told)


def demonstrate() -> int:
    """Run the daily job into a scratch folder, and show what comes out."""
    scratch = Path(tempfile.mkdtemp(prefix="pepy-stats-"))
    print("The figures below are MADE UP: they come from stand-ins on this machine.\n")
    code = update(SCRIPT.parent, scratch, FREE)
    for path in [*scratch.glob("[!_]*.json"), *scratch.glob("*/month.json")][:1]:
        print(f"\n$ cat {path}\n{path.read_text(encoding='utf-8')}", end="")
    count = sum(path.is_file() for path in scratch.rglob("*"))
    print(f"\n{count} files with made-up figures are in {scratch}; docs/ was not touched.")
    return code


PACKAGES = f"""
site.url = "{PUBLISHED}"
package = [
    {{ name = "requests", breakdown = true }},
    {{ name = "httpx", breakdown = true }},
    {{ name = "flask", label = "installs", color = "success", namedLogo = "flask" }},
    {{ name = "boto3-refresh-session" }},
    {{ name = "pydantic", breakdown = true }},
    {{ name = "pydantic-core" }},
]
[[family]]
name = "pydantic"
packages = ["pydantic", "pydantic-core"]
"""
# On the page each badge comes from Shields' stand-in; its code names Shields all the same.
PICTURES = """
const source = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
Object.defineProperty(HTMLImageElement.prototype, "src", {
  ...source,
  set(address) { source.set.call(this, address.replace("https://img.shields.io/", "shields/")); },
});
"""


class Shown(Files):
    """A site's files, and below shields/ its badges."""

    def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
        if not self.path.startswith("/shields/"):
            return super().do_GET()
        address = self.path.replace("/shields/", "https://img.shields.io/", 1)
        try:
            picture = show(address, self.server.owner.read).encode()
        except (ValueError, KeyError, OSError):
            return self.send_error(404)
        return self.reply(200, picture, {"Content-Type": "image/svg+xml"})


def show_page() -> int:
    """Serve the page with what the daily job makes of a list, until Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # where it was ignored, too
    with tempfile.TemporaryDirectory(prefix="pepy-stats-") as name, suppress(KeyboardInterrupt):
        docs = Path(name, "docs")
        Path(name, "packages.toml").write_text(PACKAGES, encoding="utf-8")
        if code := update(Path(name), docs, GITHUB_REPOSITORY="OWNER/pepy-stats"):
            return code
        with Site(docs, Shown) as site:
            page, script = docs / "index.html", '<script src="pictures.js"></script>\n'
            text = page.read_text(encoding="utf-8")
            page.write_text(text.replace("<script", f"{script}<script", 1), encoding="utf-8")
            (docs / "pictures.js").write_text(PICTURES, encoding="utf-8")
            print("\nThe page with MADE-UP figures, until Ctrl-C. Its badges are drawn here, and")
            print("only about as Shields draws them: a dot stands for a logo.\n")
            print(f"  {site.address}/", flush=True)
            threading.Event().wait()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--page", action="store_true", help="show the page, until Ctrl-C")
    ways.add_argument("--serve", action="store_true", help="only serve, until Ctrl-C")
    parser.add_argument("--delay", type=float, default=0, help="seconds an answer takes")
    parser.add_argument("--releases", type=int, default=12, help="releases of every project")
    options = parser.parse_args()
    if not options.serve:
        return show_page() if options.page else demonstrate()
    figures = Pepy(delay=options.delay, releases=options.releases)
    with figures as pepy, Clickhouse(pepy) as older:
        print(f"Made-up figures on {pepy.url}, until Ctrl-C. In another terminal:\n")
        print(f"  export PEPY_API_URL={pepy.url} PEPY_API_KEY={KEY} CLICKHOUSE_URL='{older.url}'")
        print("  uv run script.py --output made-up")
        print("\nNever into docs/: the history there is for real figures.", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
