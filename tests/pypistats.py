"""A stand-in for pypistats.org's API on this machine, written from https://pypistats.org/api/.

It speaks real HTTP: it answers in HTML what it doesn't know, knows only normalised names, keeps
180 days, leaves out what has no downloads, promises no order and calls what it can't tell
`null`. Every figure is made up from the project's name and the day.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.message import Message
from typing import Any

from served import POPULAR, Quiet, Served

DAYS = 180
SYSTEMS = {"Linux": 0.79, "Darwin": 0.08, "Windows": 0.07, "other": 0.01, "null": 0.05}
RELEASED = {"2.7": 2010, "3.6": 2016, "3.8": 2019, "3.9": 2020, "3.10": 2021, "3.11": 2022}
RELEASED |= {"3.12": 2023, "3.13": 2024, "3.14": 2025, "3.15": 2026}  # always in October


def daily(project: str, day: date) -> int:
    """The downloads of one day, mirrors left out; those of weekends are fewer."""
    size = POPULAR.get(project) or int(10 ** random.Random(project).uniform(0, 6))
    weight = 0.6 if day.weekday() >= 5 else 1.0
    return int(size * 0.9 * weight * random.Random(f"{project} {day}").uniform(0.9, 1.1))


def versions(day: date) -> dict[str, float]:
    """The shares of Python's versions: each rises in its first years, and falls after."""
    years = {v: (day - date(since, 10, 1)).days / 365 for v, since in RELEASED.items()}
    weights = {v: y**2 * 2.7 ** (-1.6 * y) + 0.002 for v, y in years.items() if y >= 0}
    whole = sum(weights.values()) + 0.03
    return {v: weight / whole for v, weight in ({"null": 0.03} | weights).items()}


# By the address, what of a day's downloads falls into each category.
ADDRESSES: dict[str, Callable[[date], dict[str, float]]] = {
    "overall?mirrors=false": lambda _: {"without_mirrors": 1},
    "python_minor": versions,
    "system": lambda _: SYSTEMS,
}


def made_up(project: str, address: str, newest: date) -> dict[str, Any]:
    """A project's answer at an address, its days up to `newest`."""
    data = [
        {"category": category, "date": f"{day}", "downloads": downloads}
        for day in (newest - timedelta(days=back) for back in range(DAYS))
        for category, share in ADDRESSES[address](day).items()
        if (downloads := int(daily(project, day) * share))
    ]
    random.Random(project).shuffle(data)
    return {"data": data, "package": project, "type": f"{address}_downloads"}


class Handler(Quiet):
    def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
        path = re.fullmatch(r"/api/packages/([a-z0-9-]+)/(.+)", self.path)
        project, address = path.groups() if path else ("", "")
        self.server.owner.asked.append((project, address))
        self.server.owner.headers.append(self.headers)
        if address in ADDRESSES and not project.startswith("missing"):
            yesterday = datetime.now(UTC).date() - timedelta(days=1)
            self.reply(200, made_up(project, address, yesterday))
        else:
            html = {"Content-Type": "text/html"}
            self.reply(404, b"<!doctype html><title>404 Not Found</title>", html)


@dataclass
class Pypistats(Served):
    """The stand-in. `with Pypistats() as pypistats:` serves on pypistats.url until the end.

    Names that start with `missing` are unknown. It is asked one request after the other.
    """

    handler = Handler
    path = "/api"
    asked: list[tuple[str, str]] = field(default_factory=list)  # project, address
    headers: list[Message] = field(default_factory=list)
