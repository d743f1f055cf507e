"""A stand-in for ClickHouse's public PyPI tables on this machine, as the engine itself answers.

It speaks real HTTP and knows the days that PePy's stand-in tells, and older ones that make up
the totals there. Over its limits it does what it is told to: fail, or cut the answer short with
status 200. Where chdb is installed, that engine can answer instead. Every figure is made up.
https://clickhouse.com/docs/interfaces/http
"""

from __future__ import annotations

import ast
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from email.message import Message
from itertools import accumulate
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from served import Quiet, Served

YEARS = 3650  # days
META = [{"name": "project", "type": "String"}]
META += [{"name": "sumMap([date], [count])", "type": "Tuple(Array(Date), Array(Int64))"}]
TOO_MANY = "Code: 158. DB::Exception: Limit for rows (controlled by 'max_rows_to_read' setting)"
DEMANDED = {"user": "demo", "wait_end_of_query": "1", "enable_http_compression": "1"}
DEMANDED |= {"default_format": "JSONCompact"}
Days = dict[str, int]


class Figures(Protocol):
    """What PePy's stand-in has to know for this one."""

    def figures(self, project: str) -> Mapping[str, Any]: ...


def whole_history(answer: Mapping[str, Any]) -> Days:
    """All days of a project of which PePy answers so: older ones grow, and make up its total."""
    known = {day: sum(counts.values()) for day, counts in answer["downloads"].items()}
    first = date.fromisoformat(max(known, default="2026-04-01")) - timedelta(91)  # that PePy tells
    rest = answer["total_downloads"] - sum(known.values())
    power = max(YEARS * sum(known.values()) / 92 / max(rest, 1) - 1, 0)  # to end where PePy begins
    days = [first - timedelta(back) for back in range(YEARS, 0, -1)]
    week = (5, 5, 5, 5, 5, 3, 3)
    weights = [(at / YEARS) ** power * week[day.weekday()] for at, day in enumerate(days, 1)]
    whole = sum(weights)
    upto = [int(rest * weight / whole) for weight in accumulate(weights, initial=0)]
    older = {f"{day}": upto[at + 1] - upto[at] for at, day in enumerate(days)}
    return {day: count for day, count in (older | known).items() if count}


class Handler(Quiet):
    def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
        told = dict(parse_qsl(urlsplit(self.path).query))
        self.server.owner.headers.append(self.headers)
        status, body = self.server.owner.answer(told)
        self.reply(status, gzip.compress(body, 1), {"Content-Encoding": "gzip"})


@dataclass
class Clickhouse(Served):
    """The stand-in. `with Clickhouse(pepy) as clickhouse:` serves on clickhouse.url.

    `spoil` gives what is sent from the good body, and `status` with what; `most` is the limit of
    rows, and `engine` a session of chdb.
    """

    handler = Handler
    path = "/?user=demo"
    pepy: Figures
    spoil: Callable[[bytes], bytes] = bytes
    status: int = 200
    most: int = 10**9
    engine: Any = None
    asked: list[list[str]] = field(default_factory=list)  # projects by query
    headers: list[Message] = field(default_factory=list)

    def days(self, project: str) -> Days:
        return whole_history(self.pepy.figures(project))

    def answer(self, told: dict[str, str]) -> tuple[int, bytes]:
        """The status and body for a query's parameters."""
        projects = ast.literal_eval(told["param_projects"])
        self.asked.append(projects)
        missing = DEMANDED.items() - told.items()
        assert not missing, missing
        assert "{projects:Array(String)}" in told["query"], told["query"]
        limits = {name: mode for name, mode in told.items() if name.endswith("_overflow_mode")}
        if self.engine:
            settings = ", ".join(f"{name} = '{mode}'" for name, mode in limits.items())
            query = f"{told['query']} SETTINGS max_rows_to_read = {self.most}, {settings}"
            parameters = {"projects": told["param_projects"]}
            try:
                body = self.engine.query(query, told["default_format"], params=parameters).bytes()
            except RuntimeError as error:
                return 500, f"{error}".encode()
            return 200, body
        rows = []
        read = 0
        for project in projects:
            days = [*sorted(self.days(project).items())][: self.most - read]
            read += len(days)
            if days:  # as strings, which is a matter of the service's settings
                rows.append([project, [[day for day, _ in days], [f"{n}" for _, n in days]]])
            if read == self.most and limits["read_overflow_mode"] == "throw":
                return 500, TOO_MANY.encode()
        whole = {"meta": META, "data": rows, "rows": len(rows), "statistics": {"rows_read": read}}
        return self.status, self.spoil(json.dumps(whole, indent="\t").encode())


@contextmanager
def engine_of(projects: Mapping[str, Days], parts: int = 3) -> Iterator[Any]:
    """A session of chdb that has the public table, each day of it in several unmerged parts."""
    from chdb.session import Session

    engine = Session()
    table = "pypi.pypi_downloads_per_day"
    columns = "date Date, project String, count Int64"
    kind = "SummingMergeTree ORDER BY (project, date)"
    engine.query("CREATE DATABASE pypi")
    engine.query(f"CREATE TABLE {table} ({columns}) ENGINE = {kind}")
    engine.query(f"SYSTEM STOP MERGES {table}")
    for part in range(parts):
        rows = (
            f"('{day}', '{name}', {count // parts + (part < count % parts)})"
            for name, days in projects.items()
            for day, count in days.items()
        )
        engine.query(f"INSERT INTO {table} VALUES {','.join(rows)}")
    try:
        yield engine
    finally:
        engine.close()  # or the process would not end
