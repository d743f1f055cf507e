"""Publish the download figures of Python packages as Shields endpoint badges.

One run, which does the same whatever started it:

    packages.toml ──┐
    open requests ──┤
    PePy API ───────┼─ fetch what is due ─> keep ─> render ─> publish ─> report, answers
    pypistats.org ──┤
    ClickHouse ─────┘

The sections below are these steps. Rendering is pure, and a metric is one row of METRICS.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import sys
import threading
import time
import tomllib
from array import array
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property, partial, reduce
from itertools import chain, repeat
from operator import itemgetter, lt, or_
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, get_args
from urllib.parse import quote

import pydantic
import requests
import urllib3
from pydantic import BaseModel, Field, NonNegativeInt, ValidationError, ValidationInfo
from pydantic_core import to_json

REPOSITORY = os.environ.get("GITHUB_REPOSITORY", "")  # OWNER/NAME


class Unable(Exception):
    """Nothing can be done until somebody acts; the message says what to do."""


# ------------------------------------------------------------------------------ 1. the list

COLOUR = (  # a word that Shields doesn't know is drawn grey, which its writer sees at once
    r"[a-z]{3,30}|#?([0-9A-Fa-f]{3}){1,2}|#([0-9A-Fa-f]{4}){1,2}"
    r"|rgba?\([\d.,%/ ]{5,50}\)|hsla?\([\d.,%/ a-z]{5,50}\)",
    "not a colour: a name (blue), hex (#fe7d37), rgb(), rgba(), hsl() or hsla() is one",
)
PATTERNS = {  # that a whole text has to match, here and on the page, and what is allowed
    "label": (r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]*", "one line, no control characters"),
    "color": COLOUR,
    "labelColor": COLOUR,
    "logoColor": COLOUR,
    "namedLogo": ("[a-z0-9]{1,60}", "a logo is a simple-icons slug, such as pypi"),
    "logoSvg": (r"\s*<svg.*", "an SVG logo is the text of the picture and starts with <svg"),
    "url": (
        r"https://[A-Za-z0-9.-]{1,100}(:\d+)?(/[A-Za-z0-9._~-]+)*/?",
        "Shields reads only https:// addresses, here one without ? and #",
    ),
    "name": (  # https://packaging.python.org/specifications/name-normalization/
        r"(?!([Cc][Oo][Nn]|[Pp][Rr][Nn]|[Aa][Uu][Xx]|[Nn][Uu][Ll]|([Cc][Oo][Mm]|[Ll][Pp][Tt])[1-9])$)"
        r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?",
        "not a package name: at most 100 ASCII letters, digits, '.', '_' and '-', a letter or "
        "digit first and last, and no name that Windows reserves for a device",
    ),
}


class Table(BaseModel, strict=True, frozen=True, extra="forbid"):
    """A table of packages.toml: no other keys, and values of exactly these types."""

    @pydantic.field_validator("*")
    @classmethod
    def _matches(cls, value: object, info: ValidationInfo) -> object:
        pattern, allowed = PATTERNS.get(info.field_name or "", (".*", ""))
        if isinstance(value, str) and not re.fullmatch(pattern, value, re.ASCII | re.DOTALL):
            raise ValueError(allowed)
        return value


Style = Literal["flat", "flat-square", "plastic", "for-the-badge", "social"]


class Look(Table):
    """The options that Shields reads: https://shields.io/badges/endpoint-badge."""

    label: str = "downloads"
    color: str = "blue"
    labelColor: str | None = None
    namedLogo: str | None = None
    logoSvg: str | None = None
    logoColor: str | None = None
    logoSize: Literal["auto"] | None = None
    style: Style | None = None
    cacheSeconds: Annotated[int, Field(ge=0, le=31_536_000)] = 3600


class Options(Look):
    """A package's options. The last two are whether pypistats.org and ClickHouse are asked, too."""

    units: Literal["abbreviation", "international_system", "none"] = "abbreviation"
    decimals: Annotated[int, Field(ge=0, le=3)] = 1
    breakdown: bool = False
    backfill: bool = True


class Package(Options):
    """One [[package]], the defaults merged in. Within a context, a set, each comes once."""

    prefix: ClassVar = ""
    name: str

    @pydantic.field_validator("name", "logoSvg", "logoColor", "logoSize")
    @classmethod
    def _fits_the_others(cls, value: str | None, info: ValidationInfo) -> str | None:
        # A namedLogo that is itself mistaken is missing from the data: that says enough.
        option, logo = info.field_name, info.data.get("namedLogo", "")
        if option == "name" and value and info.context is not None:
            if (project := cls.prefix + normalise(value)) in info.context:
                raise ValueError(f"listed twice: {project} is the same project; remove one")
            if f"{project}.json" == CATALOGUE:
                raise ValueError("its files would be the catalogue's: choose another name")
            info.context.add(project)
        if option == "logoSvg" and value and logo:
            raise ValueError("Shields takes namedLogo or logoSvg, not both: remove one")
        if option in ("logoColor", "logoSize") and value and logo is None:
            raise ValueError("allowed only beside namedLogo: add that or remove this")
        return value

    @property
    def project(self) -> str:
        """The name under which PePy answers and the files are published."""
        return self.prefix + normalise(self.name)


class Family(Package):
    """One [[family]]: packages whose sum is published, under a name that no package can have."""

    prefix: ClassVar = "_"
    breakdown: Literal[False] = False
    backfill: Literal[True] = True  # as its packages have it
    packages: Annotated[list[str], Field(min_length=1)]

    @pydantic.field_validator("packages")
    @classmethod
    def _each_is_listed(cls, value: list[str], info: ValidationInfo) -> list[str]:
        members = [normalise(name) for name in value]
        listed = {m for m in info.context or members if not m.startswith(cls.prefix)}
        if wrong := sorted({m for m in members if m not in listed or members.count(m) > 1}):
            told = ", ".join(map(short, wrong))
            raise ValueError(f"{told}: name each once, and only what is listed as a [[package]]")
        return members


class Site(Table):
    """[site]: where docs/ is published, where that isn't the repository's own address."""

    url: str | None = None


class Limits(Table):
    """[limits]: how many packages may be listed for strangers to add one."""

    packages: NonNegativeInt = 500


class Config(Table):
    """The whole of packages.toml."""

    site: Site = Site()
    limits: Limits = Limits()
    defaults: Options = Options()
    package: list[Package] = []
    family: list[Family] = []  # after the packages, which it names

    @pydantic.field_validator("package", "family", mode="before")
    @classmethod
    def _merge_defaults(cls, tables: object, info: ValidationInfo) -> object:
        if not isinstance(tables, list) or "defaults" not in info.data:
            return tables  # mistaken defaults are told once, and not again for every package
        defaults = info.data["defaults"].model_dump(exclude_unset=True)
        if info.field_name == "family":
            defaults = {k: v for k, v in defaults.items() if k not in ("breakdown", "backfill")}
        logos = {"namedLogo", "logoSvg"}

        def with_defaults(table: dict[str, object]) -> dict[str, object]:
            replaced = table.keys() & logos and defaults.keys() & logos
            dropped = {*logos, "logoColor", "logoSize"} if replaced else set()
            return {k: v for k, v in defaults.items() if k not in dropped} | table

        return [with_defaults(table) if isinstance(table, dict) else table for table in tables]

    @cached_property
    def projects(self) -> dict[str, Package]:
        """The packages by the names under which they are published."""
        return {package.project: package for package in self.package}

    @cached_property
    def published(self) -> dict[str, Package]:
        """The packages and families by the names under which they are published."""
        return self.projects | {family.project: family for family in self.family}

    @property
    def site_address(self) -> str:
        """Where docs/ is published: https://docs.github.com/pages."""
        owner, _, name = REPOSITORY.partition("/")
        host = f"{owner}.github.io".lower()
        own = f"https://{host}" if name.lower() == host else f"https://{host}/{name}"
        return (self.site.url or own).rstrip("/")


def normalise(name: str) -> str:
    """A name as PEP 503 spells it, Flask_Login as flask-login, and a family's _Boto as _boto."""
    return re.sub(r"(?!^_)[-_.]+", "-", name).lower()


def parse_list(text: bytes, name: str) -> Config:
    """A packages.toml called `name`. Raises Unable with all its mistakes and what is allowed."""
    try:
        data = tomllib.loads(text.decode("utf-8-sig"))
        return Config.model_validate(data, context=set())
    except ValidationError as error:
        mistakes = dict.fromkeys(explain(details, data) for details in error.errors())
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise Unable("\n  ".join([f"{name} has {count}:", *mistakes])) from None
    except (ValueError, RecursionError) as error:
        raise Unable(f"{name} is not TOML in UTF-8: {error}.") from None


def explain(error: Mapping[str, Any], data: dict[str, Any]) -> str:
    """One mistake in words: place = value: what is allowed."""
    section, *keys = error["loc"]
    models: dict[Any, type[Table]] = {"site": Site, "limits": Limits, "defaults": Options}
    models |= {"package": Package, "family": Family}
    model, place = models.get(section, Config), f"[{section}]"
    if section in ("package", "family") and keys:
        table = data[section][int(keys[0])]
        own = table if isinstance(table, dict) else {}
        inherited = keys[1:] and keys[1] not in own and error["type"] != "missing"
        place = f"[[{section}]] {int(keys.pop(0)) + 1} ({short(own.get('name', 'nameless'))})"
        place = "[defaults]" if inherited else place
    elif section in ("package", "family"):
        return f'list every {section} as [[{section}]] and name = "..." below it'
    place += "".join(f" {ascii(key)[1:-1]}" for key in map(str, keys))
    if error["type"] == "missing":
        return f"{place}: is missing"
    if error["type"] == "extra_forbidden":
        return f"{place}: no such key; allowed are {', '.join(sorted(model.model_fields))}"
    reason = error.get("ctx", {}).get("error", error["msg"])  # in our own words, if there are some
    return f"{place} = {short(error['input'])}: {reason}"


def short(value: object) -> str:
    """A value as text that can neither flood a terminal nor drive it."""
    try:
        text = ascii(value)
    except (ValueError, RecursionError):  # of too many digits, or nested too deeply
        text = type(value).__name__
    return text if len(text) <= 80 else f"{text[:77]}..."


# --------------------------------------------------------------------------- 2. the figures

COUNT_LIMIT = 10**15  # no count of downloads is as large as this
Count = Annotated[int, Field(ge=0, lt=COUNT_LIMIT)]


@cache  # 2,000 packages share the same days
def parse_day(text: str) -> date:
    """A day written as YYYY-MM-DD, since 2000. Raises ValueError for anything else."""
    if not re.fullmatch(r"2\d{3}-\d\d-\d\d", text, re.ASCII):
        raise ValueError("not a date")
    return date.fromisoformat(text)


write_day = cache(date.isoformat)
Day = Annotated[date, pydantic.BeforeValidator(lambda value: parse_day(str(value)))]
History = dict[Day, Count]
Columns = dict[str, History]  # of a CSV file: each but the date's, by its heading
Tables = dict[str, Columns]  # by the file's name
FIRST = pydantic.FailFast()  # millions of mistakes would take all memory
Past = tuple[Annotated[list[date], FIRST], Annotated[list[int], FIRST]]  # days, their downloads
UNKNOWN = "unknown"  # the column of downloads that name no version or system
HEADING = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._+-]{0,39}")  # no spreadsheet takes it for a formula


class Model(BaseModel, strict=True, frozen=True):
    """What comes from outside: values of exactly these types, and other keys left aside."""


class PepyAnswer(Model):
    """Three months of downloads by day (UTC) and release: https://pepy.tech/pepy-api."""

    id: str
    total_downloads: Count
    downloads: dict[Day, dict[str, Count]]


class Point(Model):
    """The downloads of one day that fall into one category, such as a version of Python."""

    category: str
    date: Day
    downloads: Count


class PypistatsAnswer(Model):
    """180 days of downloads by category: https://pypistats.org/api/."""

    package: str
    data: Annotated[list[Point], FIRST]


class ClickhouseAnswer(BaseModel, frozen=True):
    """All days of projects. Counts may come as strings, and an error as one more key."""

    data: Annotated[list[tuple[str, Past]], FIRST]
    rows: int
    exception: None = None


class Release(Model):
    """One version, of the package or of Python, and its downloads over 30 days."""

    version: str
    downloads: NonNegativeInt


class System(Model):
    """One operating system and its downloads over 30 days."""

    system: str
    downloads: NonNegativeInt


class Stats(Model):
    """What is kept of a package beside its days: docs/NAME/stats.json. Lists are of 30 days."""

    package: str
    timestamp: pydantic.AwareDatetime  # when PePy answered, UTC
    total_downloads: Count
    last_date: Day | None  # of the windows; null where nothing was ever downloaded
    last_day: NonNegativeInt
    last_week: NonNegativeInt
    last_month: NonNegativeInt
    average_daily: pydantic.NonNegativeFloat
    top_releases: list[Release]
    top_versions: list[Release] = []  # of Python; these four are empty without a breakdown
    top_majors: list[Release] = []
    top_systems: list[System] = []
    without_mirrors: dict[str, NonNegativeInt] | None = None  # the same three windows
    backfilled: Day | None = None  # when ClickHouse told of its older days, believed or not


class Kept(NamedTuple):
    """All kept figures by project. Of a package whose stats.json is gone, the days are there."""

    stats: dict[str, Stats]
    tables: dict[str, Tables]

    def lacks_days(self, project: str) -> bool:
        """Whether a package was downloaded before its oldest kept day."""
        days = self.tables[project]["history"]["downloads"].values()
        return 100 * sum(days) < 95 * self.stats[project].total_downloads


def merged(*answers: Tables) -> Tables:
    """All their days, oldest first; later answers' figures replace others for a day and column."""
    tables: Tables = {}
    for name in sorted({name for answer in answers for name in answer}):
        columns = [answer.get(name, {}) for answer in answers]
        for heading in in_order({heading for one in columns for heading in one}):
            days = reduce(or_, (one.get(heading, {}) for one in columns))
            tables.setdefault(name, {})[heading] = {day: days[day] for day in sorted(days)}
    return tables


def in_order(headings: Iterable[str]) -> list[str]:
    """Headings in the order of their versions: 3.9, 3.10, and `unknown` last."""
    return sorted(headings, key=lambda h: (h == UNKNOWN, [*map(int, re.findall("[0-9]+", h))], h))


def newest_day(history: History) -> date | None:
    """The last day with downloads."""
    return max((day for day, downloads in history.items() if downloads), default=None)


def window(history: History, end: date | None, days: int) -> list[int]:
    """Downloads of the `days` days up to and with `end`, newest first, 0 where there is none."""
    return [history.get(end - timedelta(back), 0) if end else 0 for back in range(days)]


# -------------------------------------------------------------------------------- 3. fetch

CONNECTIONS = 8  # requests in flight at once
TIMEOUTS = (10.0, 20.0)  # seconds to connect, and without a sign of life
ANSWER_SECONDS = 60.0  # for one whole answer, however slowly it drips
MAX_BODY = 64 << 20  # bytes after decompression; PePy's answer for 2,000 releases has 5 MiB
RECENT = 40  # days of every release: a month, whatever day of the newest week it ends on
BATCH = 64  # requests that are decided on at once, with as many tokens in the key's bucket
TRIES = 3  # for a package, where something may pass
OUTAGE = 16  # packages in a row without an answer, after which nothing more is asked
LONGEST_WAIT = 60.0  # seconds between two looks at an empty bucket
# pypistats.org allows 30 requests a minute to an address, and GitHub's runners share theirs.
SERIES = {"history": "overall?mirrors=false", "python": "python_minor", "system": "system"}
PYPISTATS_PACE = 60 / 25  # seconds between two requests
PYPISTATS_PAUSES = (60.0, 120.0, 240.0, 480.0)  # seconds after the refusals that a run bears
PYPISTATS_OUTAGE = 3  # failures in a row, after which nothing more is asked
# ClickHouse cuts an answer short at a limit, with status 200, unless it is told to throw.
# https://clickhouse.com/docs/operations/settings/query-complexity
LIMITS = ("read", "result", "timeout", "group_by", "sort", "set")
CLICKHOUSE = {f"{limit}_overflow_mode": "throw" for limit in LIMITS} | {"wait_end_of_query": "1"}
CLICKHOUSE |= {"enable_http_compression": "1", "default_format": "JSONCompact"}
CLICKHOUSE["query"] = """
    SELECT project, sumMap([date], [count]) FROM pypi.pypi_downloads_per_day
    WHERE project IN {projects:Array(String)} GROUP BY project"""
CLICKHOUSE_BATCH = 50  # projects of one query
CLICKHOUSE_SECONDS = 10  # in which queries begin: the timeouts end the last within two minutes
MEANINGS = {  # of a status, at each service
    401: ("key refused", "refused the API key"),
    404: ("unknown", "doesn't know it: misspelt, or published less than a day ago?"),
    429: ("rate limited", "refused: too many requests"),
}


class Figures(NamedTuple):
    """What PePy told of a package."""

    fetched: datetime  # UTC
    total: int
    history: History
    releases: Mapping[str, array[int]]  # over RECENT days up to the newest, newest first


class Outcome(NamedTuple):
    """What came of a request; the reason is in this program's own words."""

    kind: str  # figures, unknown, key refused, rate limited, try again, failed, postponed, …
    reason: str = ""
    remaining: int | None = None  # tokens in PePy's bucket, where it told
    retry_after: int = 0  # seconds, rounded down, until a refused request may be tried again
    figures: Figures | None = None  # of PePy
    tables: Tables | None = None  # of pypistats.org
    pasts: Mapping[str, Past] | None = None  # of ClickHouse


# From the time (UTC) and an answer's body to what an Outcome has of it; ValueError says why not.
Reader = Callable[[datetime, bytes], dict[str, Any]]


def ask(session: requests.Session, address: str, service: str, read: Reader) -> Outcome:
    """One request to a service, bounded in size and time, and what it comes to; never raises."""
    body = bytearray()
    agent = {"User-Agent": f"pepy-stats (+https://github.com/{REPOSITORY})"}
    # No redirect is followed: a key goes to this address and no other.
    how: Any = {"timeout": TIMEOUTS, "allow_redirects": False, "stream": True}
    try:
        with session.get(address, headers=agent | {"Accept-Encoding": "gzip"}, **how) as response:
            end = time.monotonic() + ANSWER_SECONDS  # dripping headers: the job's limit ends them
            while chunk := response.raw.read1(1 << 18, decode_content=True):
                body += chunk
                if len(body) > MAX_BODY or time.monotonic() > end:
                    return Outcome("failed", f"{service}'s answer did not come to an end")
    except (OSError, urllib3.exceptions.HTTPError) as error:
        return Outcome("try again", f"the request to {service} failed ({type(error).__name__})")
    now, status = datetime.now(UTC), response.status_code
    return judge(service, read, now, status, response.headers, bytes(body))


def judge(
    service: str, read: Reader, now: datetime, status: int, head: Mapping[str, str], body: bytes
) -> Outcome:
    """What an answer comes to, by https://pepy.tech/pepy-api and https://pypistats.org/api/."""
    told = head.get("X-Rate-Limit-Remaining", "") if status != 429 else "0"
    remaining = int(told[:9]) if told.isdecimal() else None
    told = head.get("X-Rate-Limit-Retry-After-Seconds", "")
    retry_after = int(told[:9]) if told.isdecimal() else 0
    if status == 200:
        try:
            return Outcome("figures", remaining=remaining, **read(now, body))
        except ValidationError as error:
            first = error.errors()[0]  # of whose place all but the first is the server's words
            told = ": ".join([*map(str, first["loc"][:1]), first["msg"]])
        except ValueError as error:
            told = f"{error}"
        return Outcome("failed", f"{service}'s answer can't be believed: {told}", remaining)
    usual = "try again" if status >= 500 else "failed", f"answered with an error (HTTP {status})"
    kind, told = MEANINGS.get(status, usual)
    return Outcome(kind, f"{service} {told}", remaining, retry_after)


def check(name: str, project: str, histories: Collection[History], today: date) -> None:
    """Raise ValueError where an answer is about another project or the future, or too much."""
    if normalise(name) != project:
        raise ValueError("it is about another project")
    if any(day > today for history in histories for day in history):
        raise ValueError("it has downloads in the future")
    if sum(sum(history.values()) for history in histories) >= COUNT_LIMIT:
        raise ValueError("its days add up to too much")


def read_figures(project: str, now: datetime, body: bytes) -> dict[str, Any]:
    """The `figures` in PePy's answer."""
    answer = PepyAnswer.model_validate_json(body)
    history = {day: sum(counts.values()) for day, counts in sorted(answer.downloads.items())}
    check(answer.id, project, [history], now.date())
    releases: dict[str, array[int]] = defaultdict(lambda: array("q", bytes(8 * RECENT)))
    newest = newest_day(history)
    for day, counts in answer.downloads.items():
        if newest and 0 <= (back := (newest - day).days) < RECENT:
            for version, count in counts.items():
                releases[version][back] = count
    total, fetched = answer.total_downloads, now.replace(microsecond=0)
    return {"figures": Figures(fetched, total, history, releases)}


def read_table(project: str, table: str, now: datetime, body: bytes) -> dict[str, Any]:
    """One of the `tables` in pypistats.org's answer, whose category `null` is `unknown`."""
    answer = PypistatsAnswer.model_validate_json(body)
    columns: Columns = defaultdict(dict)
    for point in answer.data:
        heading = UNKNOWN if point.category == "null" else point.category
        if not HEADING.fullmatch(heading):
            raise ValueError("it has a category with an impossible name")
        if point.date in columns[heading]:
            raise ValueError("it tells twice of one day")
        columns[heading][point.date] = point.downloads
    check(answer.package, project, columns.values(), now.date())
    if len(columns) > 100:
        raise ValueError("it has too many categories")
    if table == "history":  # which holds PePy's column, too
        columns = {"without_mirrors": columns["without_mirrors"]}
    return {"tables": {table: columns}}


def read_pasts(projects: Collection[str], _: datetime, body: bytes) -> dict[str, Any]:
    """The `pasts` in ClickHouse's answer about projects; of one that it doesn't know, no days."""
    answer = ClickhouseAnswer.model_validate_json(body)
    pasts = dict(answer.data)
    if not answer.rows == len(answer.data) == len(pasts) or not pasts.keys() <= {*projects}:
        raise ValueError("it is cut short, or about other projects")
    return {"pasts": {project: pasts.get(project, ([], [])) for project in projects}}


def fetch(
    projects: Iterable[str], ask: Callable[[str], Outcome], deadline: float, clock: Any = time
) -> Iterator[tuple[str, Outcome]]:
    """Ask PePy for projects, in this order, and yield each with what came of it in the end.

    A batch has as many requests as PePy says that there are tokens. An empty bucket is looked
    at with one request, now and then: it saves up what isn't used, so waiting a little too
    long loses nothing. After `deadline`, on the clock, nothing more is asked.
    """
    waiting, tries, stop = deque(projects), Counter[str](), None
    size, wait, granted = 1, 1.0, clock.monotonic()
    silent, empty = 0, 0  # packages, and batches, in a row without an answer
    pool = ThreadPoolExecutor(CONNECTIONS)
    try:
        while waiting and not stop:
            batch = [waiting.popleft() for _ in range(min(size or 1, BATCH, len(waiting)))]
            told, answered = [], False
            futures = {pool.submit(ask, project): project for project in batch}
            for future in as_completed(futures):
                project, outcome = futures[future], future.result()
                tries[project] += outcome.kind == "try again"
                answered |= outcome.kind != "try again"
                told += [] if outcome.remaining is None else [outcome.remaining]
                if outcome.kind == "rate limited":
                    waiting.appendleft(project)
                    since = clock.monotonic() - granted
                    wait = min(max(wait, since + outcome.retry_after + 1), LONGEST_WAIT)
                elif outcome.kind == "try again" and tries[project] < TRIES:
                    waiting.append(project)
                else:
                    granted = clock.monotonic()
                    stop = outcome if outcome.kind == "key refused" else stop
                    yield project, outcome
            if answered:
                size, silent, empty = min(told, default=BATCH), 0, 0
                pause, why = (0.0, "") if size else (wait, "for PePy's rate limit")
            else:
                size, silent, empty = CONNECTIONS, silent + len(batch), empty + 1
                pause, why = 2.0**empty, "since PePy doesn't answer"
                random.shuffle(waiting)  # or packages that alone are broken pass for an outage
            if silent >= OUTAGE:
                stop = Outcome("failed", f"not asked: PePy failed for {OUTAGE} packages in a row")
            elif clock.monotonic() + pause >= deadline:
                stop = stop or Outcome("postponed", "postponed: time is up")
            elif waiting and pause and not stop:
                say(f"waiting {pause:.0f} s {why}")
                clock.sleep(pause)
        if stop:
            yield from ((project, stop) for project in waiting)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def fetch_breakdowns(
    found: dict[str, Outcome], ask: Callable[..., Outcome], deadline: float, stop: threading.Event
) -> None:
    """Ask pypistats.org for all tables of the projects in `found`, and put there what comes."""
    pauses, failures = iter(PYPISTATS_PAUSES), 0
    for project in found:
        tables: Tables = {}
        pause = PYPISTATS_PACE
        while len(tables) < len(SERIES):
            if stop.wait(min(pause, deadline - time.monotonic())) or time.monotonic() >= deadline:
                return
            outcome, pause = ask(project, [*SERIES][len(tables)]), PYPISTATS_PACE
            if outcome.tables:
                tables, failures = tables | outcome.tables, 0
            elif outcome.kind != "rate limited" or not (pause := next(pauses, 0.0)):
                failures += {"unknown": 0, "rate limited": PYPISTATS_OUTAGE}.get(outcome.kind, 1)
                break
        found[project] = outcome._replace(tables=tables if outcome.tables else None)
        if failures >= PYPISTATS_OUTAGE:
            return


def fetch_pasts(projects: list[str], address: str) -> Iterator[Outcome]:
    """Ask ClickHouse for all days of projects, some at a time, till it fails or time is up."""
    session, end = requests.Session(), time.monotonic() + CLICKHOUSE_SECONDS
    for at in range(0, len(projects), CLICKHOUSE_BATCH):
        say(f"[{at}/{len(projects)}] asking ClickHouse for older days")
        some = projects[at : at + CLICKHOUSE_BATCH]
        session.params = CLICKHOUSE | {"param_projects": f"{some}"}  # as ClickHouse writes a list
        yield (outcome := ask(session, address, "ClickHouse", partial(read_pasts, some)))
        if not outcome.pasts or time.monotonic() > end:
            return


def fetch_all(
    asked: Collection[str], with_breakdown: list[str], deadline: float
) -> tuple[dict[str, Outcome], dict[str, Outcome]]:
    """Ask PePy, and beside it pypistats.org. Raises Unable without a key that PePy takes."""
    pepy = setting("PEPY_API_URL", "https://api.pepy.tech")
    pypistats = setting("PYPISTATS_API_URL", "https://pypistats.org/api")
    session, other = requests.Session(), requests.Session()
    session.headers["X-API-Key"] = setting("PEPY_API_KEY")  # which nobody else is told

    def ask_pepy(project: str) -> Outcome:
        address = f"{pepy}/api/v2/projects/{project}"
        return ask(session, address, "PePy", partial(read_figures, project))

    def ask_pypistats(project: str, table: str) -> Outcome:
        address = f"{pypistats}/packages/{project}/{SERIES[table]}"
        return ask(other, address, "pypistats.org", partial(read_table, project, table))

    outcomes = dict.fromkeys(asked, Outcome("interrupted", "postponed: the run was interrupted"))
    random.shuffle(with_breakdown)  # or else those that fail might come first every day
    breakdowns = dict.fromkeys(with_breakdown, Outcome("postponed", "not asked"))
    stop, started = threading.Event(), time.monotonic()
    arguments = (breakdowns, ask_pypistats, deadline, stop)
    beside = threading.Thread(target=fetch_breakdowns, args=arguments, daemon=True)
    beside.start()
    try:
        for done, (project, outcome) in enumerate(fetch(asked, ask_pepy, deadline), 1):
            outcomes[project] = outcome
            what = f"{outcome.figures.total:,} downloads" if outcome.figures else outcome.reason
            left = (time.monotonic() - started) / done * (len(asked) - done)
            say(f"[{done}/{len(asked)}, {left:.0f} s left] {project}: {what}")
        while beside.is_alive():
            say("waiting for breakdowns from pypistats.org")
            beside.join(60)
    except KeyboardInterrupt:  # or a job that GitHub cancels: what was fetched is not lost
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    stop.set()
    kinds = {outcome.kind for outcome in outcomes.values()}
    if "key refused" in kinds and "figures" not in kinds:
        raise Unable("PePy refused the API key. Copy it again from your profile on pepy.tech.")
    return outcomes, {**breakdowns}


def setting(name: str, usual: str = "") -> str:
    """An address from the environment, or the key. Raises Unable, which doesn't show it."""
    value = os.environ.get(name, "").strip().rstrip("/") or usual
    safe = r"(https://[\w.-]+|http://(127\.0\.0\.1|localhost))(:\d+)?(/[\w./~-]*)?(\?user=\w+)?"
    if usual and not re.fullmatch(safe, value, re.ASCII):
        raise Unable(f"{name} has to be an https:// address, or http:// on this machine.")
    if not re.fullmatch("[!-~]+", value):
        where = "https://pepy.tech; on GitHub it goes into a repository secret of that name"
        raise Unable(f"There is no PePy API key in {name}. Get a free one at {where}.")
    return value


# --------------------------------------------------------------------------------- 4. keep

STATS, TABLE = "{}/stats.json", "{}/{}.csv"  # below the output folder
LATER = {name: f.default for name, f in Stats.model_fields.items() if not f.is_required()}
NO_BREAKDOWN = {name: default for name, default in LATER.items() if name != "backfilled"}


def windows_end(fetched: Iterable[date | None], others: Iterable[date | None]) -> date | None:
    """The later of two middles: of the newest days of what a run fetched, of others' last_dates."""

    def middle(days: Iterable[date | None]) -> date | None:
        # An import may be half done; and quiet packages lack days by nature, so they have no say.
        known = sorted(filter(None, days))
        lively = [day for day in known if day > known[-1] - timedelta(7)]
        return lively[(len(lively) - 1) // 2] if lively else None

    return max(filter(None, map(middle, (fetched, others))), default=None)


def keep(kept: Kept, outcomes: Mapping[str, Outcome], breakdowns: Mapping[str, Outcome]) -> Kept:
    """What to keep after a run. No day is ever dropped, and no windows' end goes back."""
    figures = {p: outcome.figures for p, outcome in outcomes.items() if outcome.figures}
    fresh = {p: outcome.tables for p, outcome in breakdowns.items() if outcome.tables}
    last_dates = (old.last_date for p, old in kept.stats.items() if p not in figures)
    common = windows_end((newest_day(new.history) for new in figures.values()), last_dates)
    columns = (columns for tables in fresh.values() for columns in tables.values())
    named = max((day for one in columns for days in one.values() for day in days), default=None)
    stats, tables = {**kept.stats}, {**kept.tables}
    for project, new in figures.items():
        old, days = kept.stats.get(project), {"history": {"downloads": new.history}}
        days = merged(kept.tables.get(project, {}), days, fresh.get(project, {}))
        end = max(filter(None, [common, old.last_date if old else None]), default=None)
        values = {name: getattr(old, name) for name in LATER} if old else {}
        if project in fresh:
            values |= shares_of(days, min(filter(None, [end, named]), default=None))
        values |= {"package": project, "timestamp": new.fetched, "total_downloads": new.total}
        values |= windows_of(days["history"]["downloads"], end)
        values |= {"top_releases": top_releases(new, end)}
        stats[project], tables[project] = Stats.model_validate(values), days
    return Kept(stats, tables)


def add_up(families: Iterable[Family], kept: Kept, older: Kept) -> tuple[Kept, list[str]]:
    """What is kept, with sums or, where members lack figures, the `older` ones; and notes on it."""
    stats, tables, notes = {**older.stats, **kept.stats}, {**older.tables, **kept.tables}, []
    for name, members in ((family.project, family.packages) for family in families):
        if missing := [member for member in members if member not in kept.stats]:
            notes.append(f"{name} stays as it is, without figures of {', '.join(missing)}.")
            continue
        each = [(kept.stats[m], kept.tables[m]["history"]["downloads"]) for m in members]
        ends = {s.package: s.last_date for s, _ in each if s.last_date and s.total_downloads}
        end, newest = (most(ends.values(), default=date.min) for most in (min, max))
        if behind := [member for member in ends if ends[member] < newest - timedelta(3)]:
            notes.append(f"{name} ends with {end}, as {', '.join(behind)} does.")
        summed, start = Counter[date](), date.min
        for figures, days in each:
            summed.update(days)
            if kept.lacks_days(figures.package):
                start = max(start, min(days, default=date.max))
        history = {day: summed[day] for day in sorted(summed) if start <= day <= end}
        values = {"package": name, "timestamp": min(figures.timestamp for figures, _ in each)}
        values |= {"total_downloads": sum(figures.total_downloads for figures, _ in each)}
        values |= windows_of(summed, end if ends else None) | {"top_releases": []}
        stats[name] = Stats.model_validate(values)
        tables[name] = {"history": {"downloads": history}}
    return Kept(stats, tables), notes


def doubt(past: Past, history: History, stats: Stats, today: date) -> str:
    """Why a package's days at ClickHouse are not believed; "" where they agree with PePy's."""
    (days, counts), last = past, stats.last_date or today
    told, sound = dict(zip(days, counts, strict=False)), all(0 <= n < COUNT_LIMIT for n in counts)
    sound &= all(date(2000, 1, 1) <= day <= today for day in days)
    if not sound or not days or not len(told) == len(days) == len(counts):
        return "ClickHouse has no days of it, or impossible ones"
    start = max(min(history, default=date.min), last - timedelta(90))
    end = min(max(days), last) if history else last  # of a package that nobody downloads lately
    pepy, other = (window(of, end, (end - start).days + 1) for of in (history, told))
    close = sum(abs(a - b) <= max(a / 10, 5) for a, b in zip(pepy, other, strict=True))
    if not 0 < 4 * len(pepy) <= 5 * close:
        return f"ClickHouse agrees with PePy on {close} of {len(pepy)} days"
    whole = stats.total_downloads, sum(told[day] for day in days if day <= last)
    for of, a, b in ((f"of {len(pepy)} days", sum(pepy), sum(other)), ("of all days", *whole)):
        if abs(a - b) > max(a / 20, 30):
            return f"ClickHouse has {100 * b / max(a, 1):.1f} % of PePy's downloads {of}"
    return ""


def backfill(kept: Kept, projects: list[str], address: str) -> tuple[Kept, list[str], str]:
    """What is kept, with ClickHouse's days before those of projects; notes; and what failed."""
    stats, tables, notes, why = {**kept.stats}, {**kept.tables}, [], ""
    for outcome in fetch_pasts(projects, address):
        today, why = datetime.now(UTC).date(), outcome.reason
        for project, past in (outcome.pasts or {}).items():
            old, history = stats[project], tables[project]["history"]["downloads"]
            stats[project] = old.model_copy(update={"backfilled": today})
            if reason := doubt(past, history, old, today):
                notes.append(f"{project} keeps its short history: {reason}.")
                continue
            # Where PePy tells of a day nothing, there is nothing, in the newest 85 days at least.
            last = old.last_date or today
            known = max(last - timedelta(89), min([*history, last - timedelta(84)]))
            older = {day: n for day, n in zip(*past, strict=True) if day < known}
            tables[project] = merged({"history": {"downloads": older}}, tables[project])
    return Kept(stats, tables), notes, why


def windows_of(history: History, end: date | None) -> dict[str, Any]:
    """The windows up to `end`, as stats.json has them."""
    sums = sums_of(history, end)
    return {"last_date": end, **sums, "average_daily": round(sums["last_month"] / 30, 1)}


def sums_of(history: History, end: date | None) -> dict[str, int]:
    """The last 1, 7 and 30 days up to `end`."""
    month = window(history, end, 30)
    return {"last_day": month[0], "last_week": sum(month[:7]), "last_month": sum(month)}


def top_releases(new: Figures, end: date | None) -> list[Release]:
    """The ten most downloaded releases of the 30 days up to `end`."""
    newest = newest_day(new.history)
    ahead = (newest - end).days if newest and end else 0  # of the windows
    month = slice(max(ahead, 0), max(ahead + 30, 0))
    counts = [(-sum(days[month]), version) for version, days in new.releases.items()]
    shown = sorted(c for c in counts if c[0] and len(c[1]) <= 100 and c[1].isprintable())
    return [Release(version=version, downloads=-count) for count, version in shown[:10]]


def shares_of(tables: Tables, end: date | None) -> dict[str, Any]:
    """The lists and sums of a breakdown in stats.json, over the 30 days up to `end`."""

    def most(table: str) -> list[tuple[str, int]]:
        columns = tables.get(table, {})  # of a package that nobody downloads lately
        return (+Counter({h: sum(window(columns[h], end, 30)) for h in columns})).most_common()

    majors = Counter[str]()
    for version, downloads in most("python"):
        majors[version.partition(".")[0]] += downloads
    return {
        "top_versions": [Release(version=v, downloads=n) for v, n in most("python")],
        "top_majors": [Release(version=v, downloads=n) for v, n in majors.most_common()],
        "top_systems": [System(system=name, downloads=n) for name, n in most("system")],
        "without_mirrors": sums_of(tables["history"]["without_mirrors"], end),
    }


def read_kept(output: Path, projects: Iterable[str]) -> tuple[Kept, dict[str, Outcome]]:
    """What earlier runs kept of projects, and the failures of those whose files are damaged."""
    kept, damaged, today = Kept({}, {}), {}, datetime.now(UTC).date()
    for project in projects:
        tables: Tables = {"history": {"downloads": {}}}
        path = output / STATS.format(project)
        try:
            if path.exists():
                stats = Stats.model_validate_json(path.read_bytes())
                latest = max(stats.timestamp.date(), stats.last_date or date.min)
                if stats.package != project or latest > today:
                    raise ValueError
                kept.stats[project] = stats
            for name in reversed(SERIES):  # history last, whose missing column fails it below
                path = output / TABLE.format(project, name)
                if path.exists():
                    tables[name] = parse_table(path.read_bytes(), today)
            if tables["history"]["downloads"] or project in kept.stats:
                kept.tables[project] = tables
        except (OSError, ValueError, KeyError):  # a person mends it: no history comes twice
            kept.stats.pop(project, None)
            told = f"{path} is damaged: restore it with git, or delete it to start over"
            damaged[project] = Outcome("failed", told)
    return kept, damaged


def write_table(columns: Columns) -> str:
    """Columns as CSV; a day that a column lacks is an empty cell."""
    days = sorted(dict.fromkeys(chain(*columns.values())))
    cells = [map(str, map(history.get, days, repeat(""))) for history in columns.values()]
    rows = zip(map(write_day, days), *cells, strict=True)
    return "\n".join([*map(",".join, [("date", *columns), *rows]), ""])


def parse_table(text: bytes, today: date) -> Columns:
    """The columns of a CSV file. Raises ValueError if `write_table` didn't write it."""
    head, _, body = text.decode("ascii").replace("\r\n", "\n").partition("\n")
    first, *headings = head.split(",")
    # All rows at once, or years of many packages would take their time. None is without a count.
    rows = rf"([0-9-]{{10}}(?!,+\n)(,[0-9]{{0,15}}){{{len(headings)}}}\n)*"
    sound = first == "date" and headings and all(map(HEADING.fullmatch, headings))
    if not sound or len({*headings}) < len(headings) or not re.fullmatch(rows, body):
        raise ValueError
    cells, width = body.replace("\n", ",").split(",")[:-1], 1 + len(headings)
    days = [*map(parse_day, cells[::width])]
    if not all(map(lt, days, days[1:])) or [today] < days[-1:]:
        raise ValueError
    columns = [zip(days, cells[at::width], strict=True) for at in range(1, width)]
    counts = [{day: int(n) for day, n in column if n} for column in columns]
    return dict(zip(headings, counts, strict=True))


# ------------------------------------------------------------------------------- 5. render

UNITS = {"abbreviation": "KMBT", "international_system": "kMGT", "none": ""}
SHOWN_DAYS = 90  # by a chart, and by a trend
BASE_36 = "0123456789abcdefghijklmnopqrstuvwxyz"
CHART = "{}/chart.svg"
CATALOGUE = "_packages.json"  # no package can be called that


def half_up(dividend: int, divisor: int) -> int:
    """A quotient rounded half up, in integers: a float would round 1.05 down, and large counts."""
    return (2 * dividend + divisor) // (2 * divisor)


def format_count(count: int, units: str = "abbreviation", decimals: int = 1) -> str:
    """A count as a badge shows it, without trailing zeros: 1.4B. The largest has no next: 1000T."""
    if count < 1000 or not UNITS[units]:
        return f"{count:,}"
    scale = 10**decimals
    for power in range(1, len(UNITS[units]) + 1):
        rounded = half_up(count * scale, 1000**power)
        if rounded < 1000 * scale:  # else it carries into the next unit
            break
    return f"{rounded / scale}".removesuffix(".0") + UNITS[units][power - 1]


def last_year(stats: Stats, history: History) -> int | None:
    """The downloads of 365 days, where the history is that long."""
    end = stats.last_date
    known = end and min(history, default=end) <= end - timedelta(364)
    return sum(window(history, end, 365)) if known else None


def without_mirrors(stats: Stats, _: History) -> int | None:
    """The month's downloads by all but known mirrors."""
    return stats.without_mirrors["last_month"] if stats.without_mirrors else None


def python_versions(stats: Stats, _: History) -> str:
    """The versions of Python with 90 % of the month's downloads, as `3.11 | 3.12`."""
    named = {r.version: r.downloads for r in stats.top_versions if r.version != UNKNOWN}
    chosen: list[str] = []
    while sum(map(named.__getitem__, chosen)) * 10 < sum(named.values()) * 9:
        chosen.append([*named][len(chosen)])
    return " | ".join(in_order(chosen)) or (UNKNOWN if stats.without_mirrors else "")


def top_system(stats: Stats, _: History) -> str:
    """The operating system with most of the month's downloads, as `Linux 81%`."""
    named = [(s.system, s.downloads) for s in stats.top_systems if s.system != UNKNOWN]
    whole = sum(downloads for _, downloads in named)
    shares = (f"{system} {half_up(100 * downloads, whole)}%" for system, downloads in named)
    return next(shares, UNKNOWN if stats.without_mirrors else "")


class Metric(NamedTuple):
    """A badge."""

    path: str  # below the output folder
    title: str  # as the page calls it
    shows: Callable[[Stats, History], int | str | None]  # a count, a text, or nothing
    suffix: str = ""  # of a count
    label: str | None = None  # where that isn't the package's own

    def message(self, package: Package, stats: Stats, history: History) -> str:
        """What it says; "" for no badge, which leaves one that is there alone."""
        shown = self.shows(stats, history)
        if isinstance(shown, int):
            return format_count(shown, package.units, package.decimals) + self.suffix
        return shown or ""


METRICS = (
    Metric("{}.json", "Total", lambda stats, _: stats.total_downloads),
    Metric("{}/month.json", "Last 30 days", lambda stats, _: stats.last_month, "/month"),
    Metric("{}/week.json", "Last 7 days", lambda stats, _: stats.last_week, "/week"),
    Metric("{}/day.json", "Last day", lambda stats, _: stats.last_day, "/day"),
    Metric("{}/year.json", "Last 365 days", last_year, "/year"),
    Metric("{}/without-mirrors.json", "30 days, no mirrors", without_mirrors, "/month"),
    Metric("{}/python.json", "Python versions", python_versions, label="python"),
    Metric("{}/system.json", "Operating system", top_system, label="system"),
)


def render(config: Config, kept: Kept) -> dict[str, str]:
    """Every file that is published: its path below the output folder, and its text. Pure."""
    files: dict[str, str] = {}
    listings = []
    for project, package in sorted(config.published.items()):
        if not (stats := kept.stats.get(project)):
            continue
        history, end = kept.tables[project]["history"]["downloads"], stats.last_date
        if not package.breakdown:
            stats = stats.model_copy(update=NO_BREAKDOWN)
        look = package.model_dump(include={*Look.model_fields} - {"label"}, exclude_none=True)
        messages = [metric.message(package, stats, history) for metric in METRICS]
        for metric, message in zip(METRICS, messages, strict=True):
            label = package.label if metric.label is None else metric.label
            badge = {"schemaVersion": 1, "label": label, "message": message, **look}
            if message:
                files[metric.path.format(project)] = to_json(badge, indent=2).decode() + "\n"
        for name, columns in kept.tables[project].items():
            files[TABLE.format(project, name)] = write_table(columns)
        files[CHART.format(project)] = chart(project, history, end)
        # After the others: what a kill leaves unwritten is due again.
        files[STATS.format(project)] = stats.model_dump_json(indent=2) + "\n"
        members = {"members": package.packages} if isinstance(package, Family) else {}
        listings.append(listing(stats, history, messages) | members)
    rows = [{"path": m.path, "title": m.title, "label": m.label} for m in METRICS]
    site = {"repository": REPOSITORY, "url": config.site.url}  # or the page's own address tells
    patterns = {key: PATTERNS[key][0] for key in ("name", "color")}
    grammar = {"styles": get_args(Style), "patterns": patterns}
    catalogue = {**site, **grammar, "metrics": rows, "packages": listings}
    files[CATALOGUE] = to_json(catalogue).decode() + "\n"
    return files


def listing(stats: Stats, history: History, badges: list[str]) -> dict[str, Any]:
    """A package as the page lists it; `trend` is its seven-day average over 90 days, in base 36."""
    end = stats.last_date
    days = window(history, end, SHOWN_DAYS + 6)
    known = (end - min(history, default=end)).days + 1 if end else 0
    weeks = [sum(days[at : at + 7]) for at in range(min(known - 6, SHOWN_DAYS))][::-1]
    top = max(weeks, default=0) or 1
    return {
        "name": stats.package,
        "total": stats.total_downloads,
        "month": stats.last_month,
        "week": stats.last_week,
        "day": stats.last_day,
        "without-mirrors": without_mirrors(stats, history),
        "previous_month": sum(days[30:60]) if known >= 60 else None,
        "last_date": str(end) if end else None,
        "fetched": f"{stats.timestamp:%Y-%m-%dT%H:%M:%SZ}",
        "trend": "".join(BASE_36[half_up(35 * week, top)] for week in weeks),
        "badges": badges,
    }


X = [f"{(540 + (2 * at + 1) * 4140 // (2 * SHOWN_DAYS)) / 10:g}" for at in range(SHOWN_DAYS)]
CHART_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" width="480" height="220" viewBox="0 0 480 220" \
role="img" aria-labelledby="title about">
<title id="title">Downloads of {project} a day</title>
<desc id="about">{about}</desc>
<style>text{{font:12px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}}\
path{{fill:none;stroke-linecap:round;stroke-linejoin:round}}.days{{stroke-linecap:butt}}\
.paper{{fill:#fff}}.ink{{fill:#1f2328}}.muted{{fill:#59636e}}.grid{{stroke:#d1d9e0}}\
.days{{stroke:#5296de}}.average{{stroke:#0a2f5c}}@media(prefers-color-scheme:dark){{\
.paper{{fill:#0d1117}}.ink{{fill:#f0f6fc}}.muted{{fill:#9198a1}}.grid{{stroke:#30363d}}\
.days{{stroke:#2f6db5}}.average{{stroke:#b6d8ff}}}}</style>
<rect class="paper" width="480" height="220" rx="6"/>
<text class="ink" x="12" y="25" style="font-size:15px;font-weight:600">{name}</text>
<path class="days" stroke-width="3.4" d="M14 47V39M19 47V36M24 47V33"/>
<text class="muted" x="33" y="46">downloads a day</text>
<path class="average" stroke-width="2" d="M141 42H159"/>
<text class="muted" x="166" y="46">seven-day average</text>
<text class="muted" x="468" y="46" text-anchor="end">{until}</text>
"""


def chart(project: str, history: History, end: date | None) -> str:
    """The 90 days up to `end` as SVG, and their average, from where seven days are known."""
    days = window(history, end, SHOWN_DAYS + 6)[::-1]
    counts = days[6:]
    weeks = [sum(days[at : at + 7]) for at in range(SHOWN_DAYS)]  # that end with each day
    most, highest = max(counts), max(1, *days)
    steps = (digit * 10**power for power in range(16) for digit in (1, 2, 5))
    step = next(step for step in steps if step * 4 >= highest)
    axis = range(0, highest + step, step)  # two to five round numbers

    def y(downloads: int, days: int = 1) -> str:  # from 188 up to 64 pixels, as x from 54 to 468
        return f"{(1880 - half_up(downloads * 1240, axis[-1] * days)) / 10:g}"

    def text(place: str, content: str, anchor: str = "middle") -> str:
        return f'<text class="muted" {place} text-anchor="{anchor}">{content}</text>'

    plot = [
        f'<path class="grid" d="M54 {y(number)}H468"/>'
        + text(f'x="48" y="{y(number)}" dy="4"', format_count(number), "end")
        for number in axis
    ]
    about, until = f"None in {SHOWN_DAYS} days.", ""
    if not end or not most:
        plot.append(text('x="261" y="130"', "none"))
    else:
        shown = [end - timedelta(back) for back in range(SHOWN_DAYS)][::-1]
        months = [(X[at], f"{day:%b}") for at, day in enumerate(shown) if day.day == 1]
        plot += [text(f'x="{left}" y="207"', month) for left, month in months]
        bars = "".join(f"M{X[at]} 188V{y(n)}" for at, n in enumerate(counts) if n)
        plot.append(f'<path class="days" stroke-width="3.4" d="{bars}"/>')
        start = max((min(history) - shown[0]).days + 6, 0)
        line = "L".join(f"{X[at]} {y(weeks[at], 7)}" for at in range(start, SHOWN_DAYS))
        busiest, until = shown[counts.index(most)], f"up to {end.day} {end:%B %Y}"
        about = f"The {SHOWN_DAYS} days {until}, as PePy counts them. The busiest was "
        about += f"{busiest.day} {busiest:%B %Y} with {most:,} downloads."
        if line:
            plot.append(f'<path class="average" stroke-width="2" d="M{line}h0"/>')
            about += f" The last seven days average {half_up(weeks[-1], 7):,}."
    name = project if len(project) <= 38 else f"{project[:37]}…"
    head = CHART_HEAD.format(project=project, about=about, name=name, until=until)
    return head + "\n".join([*plot, "</svg>\n"])


# ------------------------------------------------------------------------------ 6. publish


def publish(output: Path, files: Mapping[str, str], gone: Iterable[str] = ()) -> list[str]:
    """Make `output` hold `files`, and nothing of projects that are `gone`; the changed paths."""
    changed = [path for path, text in files.items() if write(output / path, text.encode())]
    for project in gone:
        (output / f"{project}.json").unlink(missing_ok=True)
        # stats.json last: by it the next run knows what a killed one left.
        for file in sorted((output / project).iterdir(), key=lambda f: f.name == "stats.json"):
            file.unlink()
        (output / project).rmdir()
    return changed


def write(path: Path, content: bytes) -> bool:
    """Give a file this content, whole or not at all; whether that changed it."""
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.tmp")
    fresh.write_bytes(content)
    fresh.replace(path)
    return True


# ------------------------------------------------------------------------------- 7. report


def say(text: str) -> None:
    """Write to the log, which is standard error."""
    print(text, file=sys.stderr, flush=True)


def describe(project: str, outcome: Outcome, old: Stats | None, new: Stats | None) -> list[str]:
    """A row of the report: the level of its annotation, if any, and what stands in the table."""
    level = "" if outcome.kind in ("figures", "postponed", "interrupted", "refused") else "error"
    change, happened = "", outcome.reason
    if outcome.figures and new:
        happened = "updated" if old else "new"
        change = f"{new.total_downloads - old.total_downloads:+,}" if old else ""
    elif outcome.kind == "unknown" and new:
        happened = f"PePy no longer knows it; the figures of {new.timestamp.date()} stand"
        level = "warning"
    total, month = (f"{new.total_downloads:,}", f"{new.last_month:,}") if new else ("", "")
    return [level, project, total, change, month, happened]


def report(rows: list[list[str]], notes: list[str]) -> None:
    """A table as Markdown on standard output, and in the job's summary on GitHub."""
    head = [["package", "total", "change", "month", "what happened"], [":--", *["--:"] * 3, ":--"]]
    cells = [*head, *(row[1:] for row in rows)]
    a, b, c, d, e = (max(map(len, column)) for column in zip(*cells, strict=True))
    shape = f"| {{:<{a}}} | {{:>{b}}} | {{:>{c}}} | {{:>{d}}} | {{:<{e}}} |"
    lines = [shape.format(*row) for row in cells]
    text = "\n".join([*(lines if rows else []), *(f"\n{note}" for note in notes)])
    print(text, flush=True)
    summarise(text, [(row[0], row[1], row[-1]) for row in rows if row[0]])


def summarise(markdown: str, annotations: Iterable[tuple[str, str, str]]) -> None:
    """Add to the job's summary on GitHub, and annotate the job with (level, title, text)."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as summary:
            summary.write(f"{markdown}\n\n")
        for level, title, text in annotations:
            escaped = text.replace("%", "%25").replace("\n", "%0A")
            print(f"::{level} title={title}::{escaped}", flush=True)


# ------------------------------------------------------------------- requests, their answers


def read_request(body: str) -> tuple[list[str], list[str]]:
    """The projects in the form's field `Packages`, or what is wrong there in our own words."""
    found = re.search(r"(?ms)^### Packages\s*$(.*?)(^###|\Z)", body)
    names = [line.strip() for line in (found[1] if found else "").split("\n") if line.strip()]
    if not 1 <= len(names) <= 10:
        return [], ["the form's field has to name 1 to 10 packages, one a line"]
    projects, mistakes = [], []
    for number, name in enumerate(names, 1):
        try:
            projects.append(Package(name=name).project)
        except ValidationError:
            mistakes.append(f"line {number} is not a package name")
    return ([], mistakes) if mistakes else ([*dict.fromkeys(projects)], [])


def lengthen(name: str, text: bytes, projects: Iterable[str]) -> tuple[Config, bytes]:
    """The list called `name` with more packages at its end. Raises Unable where none can follow."""
    longer = text + b"\n" if text and not text.endswith(b"\n") else text
    longer += "".join(f'\n[[package]]\nname = "{project}"\n' for project in projects).encode()
    try:
        return parse_list(longer, name), longer
    except Unable:
        how = 'write its packages as [[package]] and name = "..." below it'
        raise Unable(f"Requests wait, as nothing can be added to {name}: {how}.") from None


def answer(
    issue: Mapping[str, Any], refused: Mapping[str, str], published: Collection[str], site: str
) -> dict[str, Any] | None:
    """What to answer to an issue; None while some package is neither published nor refused."""
    projects, reasons = read_request(issue["body"])
    granted = [p for p in projects if METRICS[0].path.format(p) in published]
    reasons += [f"`{p}`: {refused[p]}" for p in projects if p in refused and p not in granted]
    if len(projects) > len(granted) + len(reasons):
        return None
    lines = ["Here they are, and from now on they are refreshed once a day."] if granted else []
    for project in granted:
        badges = markdown(project, published, site)
        lines += ["", f"### `{project}`", "", *badges, "", "```markdown", *badges, "```", ""]
        lines.append(f"[Choose another look on the page]({site}/#{project}).")
    if reasons:
        form = f"https://github.com/{REPOSITORY}/issues/new?template=add-package.yml"
        lines += ["", "Not added:" if granted else "Nothing was added:", ""]
        lines += [*(f"- {told}" for told in reasons), ""]
        lines.append(f"To try again, open [a new request]({form}): this one is closed.")
    verdict = "completed" if granted else "not planned"
    return {"number": issue["number"], "comment": "\n".join(lines).strip(), "reason": verdict}


def markdown(project: str, published: Collection[str], site: str) -> list[str]:
    """A package's badges, those that are there, and its chart as one pastes them into a README."""
    paths = {metric.path.format(project): metric for metric in METRICS}
    endpoint, page = "https://img.shields.io/endpoint?url=", f"https://pepy.tech/projects/{project}"
    pictures = {
        endpoint + quote(f"{site}/{path}", safe=""): m.title if m.label else "Downloads"
        for path, m in paths.items()
        if path in published
    } | {f"{site}/{CHART.format(project)}": "Downloads a day"}
    return [f"[![{text}]({picture})]({page})" for picture, text in pictures.items()]


def with_site(readme: bytes, config: Config, published: Collection[str]) -> bytes:
    """A README with the site's address and its first package's badges between its marks, if any."""
    first = next(iter(config.projects), "")
    if METRICS[0].path.format(first) not in published or not (config.site.url or REPOSITORY):
        return readme
    site = config.site_address
    text = "\n".join([f"<{site}/>", "", *markdown(first, published, site)[:3], ""]).encode()
    marks = rb"(?s)(<!-- site -->\r?\n).*?(<!-- /site -->)"
    return re.sub(marks, lambda mark: mark[1] + text + mark[2], readme, count=1)


# ---------------------------------------------------------------------------- 8. the command

DAY_BEGINS = 8  # o'clock UTC, as the schedule in .github/workflows/update.yml: then all is due


def choose(
    options: argparse.Namespace, config: Config, stats: Mapping[str, Stats], now: datetime
) -> list[str]:
    """The projects to fetch: those without figures, then what waited longest. Raises Unable."""
    listed, members = config.projects, {f.project: f.packages for f in config.family}
    names = {p for name in map(normalise, options.names) for p in members.get(name, [name])}
    if unknown := ", ".join(map(short, sorted(names - {*listed}))):
        raise Unable(f"Not listed in {options.config}: {unknown}. Add it there first.")
    begun = now.replace(hour=DAY_BEGINS, minute=0, second=0, microsecond=0)
    begun -= timedelta(begun > now)
    since = {p: stats[p].timestamp for p in listed if p in stats}
    due = {p for p in listed if options.all or p not in since or since[p] < begun}
    wanted = sorted(names or due, key=lambda p: (p in since and since[p].timestamp(), p))
    return [] if options.command == "render" else wanted


def run(options: argparse.Namespace) -> int:
    """The whole job; returns the exit code. Raises Unable before it writes anything, or OSError."""
    text, output, name = options.config.read_bytes(), options.output, f"{options.config}"
    config = parse_list(text, name)
    clickhouse = setting("CLICKHOUSE_URL", "https://sql-clickhouse.clickhouse.com/?user=demo")
    issues = json.loads(options.requests.read_bytes()) if options.requests else []
    issues.sort(key=itemgetter("number"))
    if not config.package and not issues:
        raise Unable(f'{name}: list at least one package: [[package]] and name = "..." below it.')

    requested = [*dict.fromkeys(p for issue in issues for p in read_request(issue["body"])[0])]
    new = [project for project in requested if project not in config.projects]
    room = max(config.limits.packages - len(config.package), 0)
    most = f"this site lists {config.limits.packages} packages at most, but you can host your own"
    refused = dict.fromkeys(new[room:], most)
    new, notes = new[:room], []
    try:
        lengthen(name, text, new)
    except Unable as error:
        new, notes = [], [f"{error}"]

    kept, damaged = read_kept(output, [*config.projects, *new])
    first = [p for p in requested if p in new or (p in config.projects and p not in kept.stats)]
    wanted = [*first, *choose(options, config, kept.stats, datetime.now(UTC))]
    asked = [project for project in dict.fromkeys(wanted) if project not in damaged]
    with_breakdown = [p for p in asked if p in config.projects and config.projects[p].breakdown]
    fetched = fetch_all(asked, with_breakdown, options.deadline) if asked else ({}, {})
    outcomes, breakdowns = {**fetched[0], **damaged}, fetched[1]
    if granted := [project for project in new if outcomes[project].figures]:
        config, text = lengthen(name, text, granted)
        write(options.config.resolve(), text)

    older = read_kept(output, {*config.published} - {*config.projects})[0]
    after = keep(kept, outcomes, breakdowns)
    interrupted = any(outcome.kind == "interrupted" for outcome in outcomes.values())
    told = [p for p, o in outcomes.items() if o.figures and config.projects[p].backfill]
    due = [p for p in told if not after.stats[p].backfilled and after.lacks_days(p)]
    names = [] if interrupted else told if options.command == "backfill" else due
    doubts, silent = list[str](), ""
    try:
        after, doubts, silent = backfill(after, names, clickhouse)
    except KeyboardInterrupt:  # what was fetched is not lost
        interrupted = True
    after, held = add_up(config.family, after, older)
    files = render(config, after)
    folders = {path.parent.name for path in output.glob("*/stats.json")} - {*config.published}
    gone = read_kept(output, sorted(p for p in folders if not (output / p).is_symlink()))[0].stats
    changed = publish(output, files, gone if options.prune else ())
    if (readme := options.config.resolve().with_name("README.md")).is_file():
        write(readme, with_site(readme.read_bytes(), config, files))
    refused |= {p: o.reason for p, o in outcomes.items() if o.kind == "unknown"}
    outcomes |= {p: Outcome("refused", refused[p]) for p in new if p in refused}  # is no failure
    if options.answers:
        answers = [answer(issue, refused, files, config.site_address) for issue in issues]
        options.answers.write_text(json.dumps([one for one in answers if one]), encoding="utf-8")

    rows = [describe(p, o, kept.stats.get(p), after.stats.get(p)) for p, o in outcomes.items()]
    if missing := {p: o.reason for p, o in breakdowns.items() if not o.tables}:
        why = f"{', '.join(missing)}: {'; '.join(sorted({*missing.values()}))}"
        rows.append(["warning", "pypistats.org", "", "", "", f"no newer breakdown of {why}"])
    if silent:
        rows.append(["warning", "ClickHouse", "", "", "", f"some histories stay short: {silent}"])
    notes += [*held, *doubts, f"{len(changed)} files changed in {output}."]
    if gone:
        left = "files removed" if options.prune else "files left alone, which --prune removes"
        notes.append(f"No longer listed, {left}: {', '.join(gone)}.")
    report(rows, notes)
    failed = any(row[0] == "error" for row in rows)
    return 130 if interrupted else int(failed)


HELP = f"""\
Fetch the downloads of the packages in packages.toml from PePy and write badges into docs/.

  script.py                         fetch what is due: packages without figures, or with
                                    figures older than the newest {DAY_BEGINS:02}:00 UTC
  script.py update requests _boto   fetch these, and what a family adds up
  script.py backfill requests       fetch these, and ask ClickHouse for older days once more
  script.py render                  write the badges anew from what is kept: no network

Exit code: 0 if all is fresh, or postponed to the next run; 1 if something failed, and all else
was published; 2 if nothing could be done; 130 if interrupted: what was fetched is published.
"""


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line; `deadline` is on the monotonic clock. Exits with 2 if it makes no sense."""
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("script.py", description=HELP, formatter_class=style)
    add = parser.add_argument
    add("command", nargs="?", choices=["update", "backfill", "render"], default="update")
    add("names", nargs="*", metavar="NAME", help="fetch these packages, due or not")
    add("--all", action="store_true", help="fetch every package, due or not")
    add("--time-limit", type=float, default="inf", metavar="MINUTES", help="then ask no more")
    add("--prune", action="store_true", help="remove the files of packages no longer listed")
    add("--requests", type=Path, metavar="FILE", help="issues that ask for packages, as JSON")
    add("--answers", type=Path, metavar="FILE", help="where the answers to them go, as JSON")
    add("--config", type=Path, default="packages.toml", metavar="FILE", help="(%(default)s)")
    add("--output", type=Path, default="docs", metavar="DIR", help="(%(default)s)")
    options = parser.parse_intermixed_args(argv)
    if options.command == "render" and (options.names or options.all or options.requests):
        parser.error("render fetches nothing: NAME, --all and --requests go with update")
    if (options.all and options.names) or (not options.requests) != (not options.answers):
        parser.error("NAME and --all exclude each other, --requests and --answers go together")
    options.deadline = time.monotonic() + 60 * options.time_limit
    return options


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = parse(argv)
    try:
        return run(options)
    except Unable as error:
        told = f"{error}"
    except OSError as error:
        told = f"{error.strerror}: {error.filename}. Mend that, or see --config and --output."
    say(f"error: {told}")
    summarise(f"**Nothing was done.**\n\n```text\n{told}\n```", [("error", "pepy-stats", told)])
    return 2


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    exit_code = main()
    sys.stdout.flush()
    os._exit(exit_code)  # without waiting for requests that are still under way
