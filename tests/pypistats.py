"""A stand-in for pypistats.org's API on this machine, written from https://pypistats.org/api/.

It speaks real HTTP and is as awkward as the real one: it refuses whoever asks more than 5
times a second or 30 times a minute, in HTML and without saying for how long; it knows only
normalised names; it keeps 180 days, leaves out what has no downloads, promises no order and
calls what it can't tell `null`; and it answers for the projects in FAULTS as a bad day would.
Every figure is made up from the project's name and the day, and stays the same.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from pepy import POPULAR, Quiet, Server, drip

LIMITS = ((5, 1.0), (30, 60.0))  # requests, within seconds
DAYS = 180
ADDRESSES = ("overall", "python_major", "python_minor", "recent", "system")
SYSTEMS = {"Linux": 0.79, "Darwin": 0.08, "Windows": 0.07, "other": 0.01, "null": 0.05}
RELEASED = {  # versions of Python, and the day from which they are downloaded
    "2.7": date(2010, 7, 3),
    "3.6": date(2016, 12, 23),
    "3.8": date(2019, 10, 14),
    "3.9": date(2020, 10, 5),
    "3.10": date(2021, 10, 4),
    "3.11": date(2022, 10, 24),
    "3.12": date(2023, 10, 2),
    "3.13": date(2024, 10, 7),
    "3.14": date(2025, 10, 7),
    "3.15": date(2026, 10, 1),
}


def daily(project: str, day: date) -> int:
    """The downloads of one day, mirrors left out; those of weekends are fewer."""
    size = POPULAR.get(project) or int(10 ** random.Random(project).uniform(0, 6))
    weight = 0.6 if day.weekday() >= 5 else 1.0
    return int(size * 0.9 * weight * random.Random(f"{project} {day}").uniform(0.9, 1.1))


def versions(day: date) -> dict[str, float]:
    """The shares of Python's versions: each rises in its first years, and falls after."""
    weights = {"null": 0.03}
    for version, since in RELEASED.items():
        years = (day - since).days / 365
        if years >= 0:
            weights[version] = years**2 * 2.7 ** (-1.6 * years) + 0.002
    whole = sum(weights.values())
    return {version: weight / whole for version, weight in weights.items()}


def split(downloads: int, shares: dict[str, float]) -> dict[str, int]:
    return {category: int(downloads * share) for category, share in shares.items()}


def made_up(project: str, address: str, newest: date) -> dict[str, Any]:
    """A project's answer at an address, its days up to `newest`."""
    days = [newest - timedelta(days=back) for back in range(DAYS)]
    if address == "recent":
        counts = [daily(project, day) for day in days[:30]]
        data: Any = {
            "last_day": counts[0],
            "last_month": sum(counts),
            "last_week": sum(counts[:7]),
        }
    else:
        shares: dict[str, Callable[[date], dict[str, int]]] = {
            "overall": lambda day: {
                "with_mirrors": daily(project, day) * 10 // 9,
                "without_mirrors": daily(project, day),
            },
            "python_major": lambda day: _majors(split(daily(project, day), versions(day))),
            "python_minor": lambda day: split(daily(project, day), versions(day)),
            "system": lambda day: split(daily(project, day), SYSTEMS),
        }
        data = [
            {"category": category, "date": f"{day}", "downloads": downloads}
            for day in days
            for category, downloads in shares[address](day).items()
            if downloads
        ]
        random.Random(project).shuffle(data)
    return {"data": data, "package": project, "type": f"{address}_downloads"}


def _majors(versions: dict[str, int]) -> dict[str, int]:
    majors: Counter[str] = Counter()
    for version, downloads in versions.items():
        majors[version.partition(".")[0]] += downloads
    return majors


# --- the faults: what the handler does instead of answering well, by the project's name

Fault = Callable[["Handler", dict[str, Any]], None]


def _changed(**changes: Any) -> Fault:
    return lambda handler, answer: handler.reply(answer | changes)


def _point(**changes: Any) -> Fault:
    """An answer with one more point; what has no points is as it should be."""
    point = {"category": "3.12", "date": "2026-01-01", "downloads": 1} | changes

    def fault(handler: Handler, answer: dict[str, Any]) -> None:
        if isinstance(answer["data"], list):
            answer["data"] = [*answer["data"], point]
        handler.reply(answer)

    return fault


def _raw(status: int, body: bytes) -> Fault:
    return lambda handler, answer: handler.send(status, body, "text/html")


def _drop(handler: Handler, answer: dict[str, Any]) -> None:
    handler.close_connection = True


def _drip(handler: Handler, answer: dict[str, Any]) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Padding: ")
    drip(handler)


def _huge_body(handler: Handler, answer: dict[str, Any]) -> None:
    handler.send(200, json.dumps(answer).encode() + b" " * (4 << 20), "application/json")


def _many(handler: Handler, answer: dict[str, Any]) -> None:
    points = [{"category": f"3.{n}", "date": "2026-01-01", "downloads": 1} for n in range(200)]
    handler.reply(answer | {"data": points})


FAULTS: dict[str, Fault] = {
    "bad-html": _raw(200, b"<!doctype html><title>Just a moment</title>"),
    "bad-503": _raw(503, b"<!doctype html><title>Service Unavailable</title>"),
    "bad-teapot": _raw(418, b"{}"),
    "bad-empty": _raw(200, b""),
    "bad-list": _raw(200, b"[]"),
    "bad-no-data": _changed(data=None),
    "bad-another": _changed(package="another"),
    "bad-negative": _point(downloads=-1),
    "bad-fraction": _point(downloads=1.5),
    "bad-text": _point(downloads="12"),
    "bad-huge": _point(downloads=10**15 - 1),
    "bad-tomorrow": _point(date="2999-01-01"),
    "bad-no-date": _point(date="yesterday"),
    "bad-formula": _point(category="=1+1"),
    "bad-comma": _point(category="3,12"),
    "bad-line": _point(category="3.12\n::error::forged"),
    "bad-null": _point(category=None),
    "bad-null-date": _point(date=None),
    "bad-date": _point(date=[1]),
    "bad-many": _many,
    "bad-huge-body": _huge_body,
    "bad-drop": _drop,
    "bad-drip": _drip,
}


@dataclass
class Pypistats:
    """The stand-in. `with Pypistats() as pypistats:` serves on pypistats.url until the end.

    Names that start with `missing` are unknown. The first `refuse` requests are refused, as
    when others use the same address; with `down` all are. The first `broken` get an error.
    """

    limits: Iterable[tuple[int, float]] = LIMITS
    refuse: int = 0
    down: bool = False
    delay: float = 0
    broken: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)  # project, address
    queries: set[str] = field(default_factory=set)
    times: list[float] = field(default_factory=list)
    refused: int = 0
    agents: set[str] = field(default_factory=set)
    headers: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.pypistats = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self.server.server_port}/api"
        self._recent: deque[float] = deque()
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    def grants(self) -> bool:
        """Whether a request is within the limits."""
        now = time.monotonic()
        with self.lock:
            self.times.append(now)
            recent = [sum(now - at < seconds for at in self._recent) for _, seconds in self.limits]
            within = all(n < most for n, (most, _) in zip(recent, self.limits, strict=True))
            if not within or self.down or len(self.times) <= self.refuse:
                self.refused += 1
                return False
            self._recent.append(now)
            return True


class Handler(Quiet):
    def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
        pypistats: Pypistats = self.server.pypistats  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        path = re.fullmatch(r"/api/packages/([a-z0-9-]+)/(\w+)", parts.path)
        project, address = path.groups() if path else ("", "")
        with pypistats.lock:
            pypistats.asked.append((project, address))
            pypistats.queries.add(f"{address}?{parts.query}")
            pypistats.agents.add(self.headers.get("User-Agent", ""))
            pypistats.headers |= {name.lower() for name in self.headers}
        time.sleep(pypistats.delay)
        if not pypistats.grants():
            self.send(429, b"<!doctype html><title>429 Too Many Requests</title>", "text/html")
        elif len(pypistats.asked) <= pypistats.broken:
            self.send(503, b"<!doctype html><title>503 Unavailable</title>", "text/html")
        elif address not in ADDRESSES or project.startswith("missing"):
            self.send(404, b"<!doctype html><title>404 Not Found</title>", "text/html")
        else:
            answer = made_up(project, address, datetime.now(UTC).date() - timedelta(days=1))
            mirrors = parse_qs(parts.query).get("mirrors", [""])[0]
            category = {"true": "with_mirrors", "false": "without_mirrors"}.get(mirrors)
            if address == "overall" and category:
                answer["data"] = [p for p in answer["data"] if p["category"] == category]
            FAULTS.get(project, Handler.reply)(self, answer)

    def reply(self, answer: dict[str, Any]) -> None:
        self.send(200, json.dumps(answer).encode(), "application/json")

    def send(self, status: int, body: bytes, content_type: str) -> None:
        head = f"Content-Length: {len(body)}\r\nContent-Type: {content_type}\r\n"
        self.wfile.write(f"HTTP/1.1 {status} -\r\n{head}\r\n".encode() + body)
