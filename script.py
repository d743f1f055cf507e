"""Publish the download figures of Python packages as Shields endpoint badges.

The job, top-down: read the list of packages, fetch their figures from PePy, keep them,
render the badges, publish what changed, report.

    packages.toml ─┐
    PePy API ──────┼─ fetch ─> kept figures ─> render ─> badges, charts, the page's catalogue
    pypistats.org ─┘

Rendering is a pure function from the list and the kept figures to paths and bytes.
A metric is one row of METRICS; a source is one function that returns figures. A request
for packages, which is the body of an issue, makes the list longer and then does the same.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import queue
import random
import re
import shutil
import signal
import sys
import threading
import time
import tomllib
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from heapq import heappop, heappush
from operator import lt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.color import COLORS_BY_NAME

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails
    from requests import Session

try:
    import fcntl
except ImportError:  # Windows has no such lock: there, don't start two runs at once
    fcntl = None  # type: ignore[assignment]

CONNECTIONS = 8  # requests in flight at once
CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 20.0  # seconds without a sign of life
ANSWER_SECONDS = 60.0  # for one whole answer, however slowly it drips
ATTEMPTS = 4  # per package, for connection errors, timeouts and 5xx
BACKOFF = 1.0  # seconds before the second attempt, doubled for each further one
OUTAGE = 16  # packages in a row without an answer, after which nothing more is asked
TICK = 0.25  # seconds at most between two redraws of the progress line
PATIENCE = 600.0  # seconds without any grant after which the rate limit has won
OVERDUE = 5.0  # seconds after which PePy has surely counted a request, answered or not
FIRST_PAUSE = 0.25  # seconds until an emptied bucket is tried, before its rate is known
MAX_BODY = 64  # MiB after decompression; PePy's answer for a package of 2,000 releases has 5
PYPISTATS_MAX_BODY = 4  # MiB; an answer has about 0.1
COUNT_LIMIT = 10**15  # no count of downloads is as large as this


class Unable(Exception):
    """Nothing can be done until somebody acts; the message says what to do."""


def plain(text: str) -> str:
    """Text that can neither drive a terminal nor forge a line of a log."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


# ------------------------------------------------------------------ the list of packages


def normalise(name: str) -> str:
    """A project's name as PEP 503 spells it: `Flask_Login` becomes `flask-login`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _matching(pattern: str, allowed: str) -> AfterValidator:
    """A check that a text matches a pattern as a whole; if not, what is allowed is said."""
    compiled = re.compile(pattern, re.ASCII | re.DOTALL)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(allowed)
        return value

    return AfterValidator(check)


# As Shields reads them: names in lower case, whole numbers, commas or spaces between them.
_NAMES = COLORS_BY_NAME.keys() | {  # those of CSS, and
    *("brightgreen", "rebeccapurple"),
    *("success", "important", "critical", "informational", "inactive"),
}
_ALPHA = r"(0|1|0?\.\d+|\d+%)"
_NOTATIONS = (
    r"#?([0-9A-Fa-f]{3}){1,2}|#[0-9A-Fa-f]{4}|#[0-9A-Fa-f]{8}",
    rf"rgba?\(\s*\d+\s*,\s*\d+\s*,\s*\d+(\s*,\s*{_ALPHA})?\s*\)",
    rf"rgba?\(\s*\d+%\s*,\s*\d+%\s*,\s*\d+%(\s*,\s*{_ALPHA})?\s*\)",
    rf"rgba?\(\s*\d+\s+\d+\s+\d+(\s*/\s*{_ALPHA})?\s*\)",
    rf"rgba?\(\s*\d+%\s+\d+%\s+\d+%(\s*/\s*{_ALPHA})?\s*\)",
    rf"hsla?\(\s*\d+(deg|rad|grad|turn)?\s*,\s*\d+%\s*,\s*\d+%(\s*,\s*{_ALPHA})?\s*\)",
)
Colour = Annotated[
    str,
    _matching(
        rf"(?=.{{3,60}}\Z)({'|'.join([*_NAMES, *_NOTATIONS])})",
        "not a colour that Shields knows: use a name in lower case (blue, orange, …), "
        "hex (#fe7d37), rgb(), rgba(), hsl() or hsla()",
    ),
]
Label = Annotated[
    str,
    _matching(
        r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]*",
        "a label is one line without control characters",
    ),
]
Slug = Annotated[
    str,
    _matching(
        "[a-z0-9]{1,60}",
        "a logo is a simple-icons slug: lower-case letters and digits, such as pypi",
    ),
]
Svg = Annotated[
    str,
    _matching(r"\s*<svg.*", "an SVG logo is the text of the picture and starts with <svg"),
]
PackageName = Annotated[  # https://packaging.python.org/specifications/name-normalization/
    str,
    _matching(
        r"(?=.{1,100}\Z)[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?",
        "not a package name: at most 100 ASCII letters, digits, '.', '_' and '-', "
        "a letter or digit first and last",
    ),
    _matching(
        r"(?!(?i:con|prn|aux|nul|com[1-9]|lpt[1-9])\Z).*",
        "Windows reserves this name: its users couldn't check the files out",
    ),
]


class Table(BaseModel):
    """A table of packages.toml: no other keys, and values of exactly these types."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Look(Table):
    """The options that Shields reads, under its own names.

    https://shields.io/badges/endpoint-badge
    """

    label: Label = "downloads"
    color: Colour = "blue"
    labelColor: Colour | None = None
    namedLogo: Slug | None = None
    logoSvg: Svg | None = None
    logoColor: Colour | None = None
    logoSize: Literal["auto"] | None = None
    style: Literal["flat", "flat-square", "plastic", "for-the-badge", "social"] | None = None
    cacheSeconds: Annotated[int, Field(ge=0, le=31_536_000)] = 3600


class Options(Look):
    """A package's options: its badges' look, and what of its figures is shown how.

    `breakdown` is whether pypistats.org is asked for who downloads it.
    """

    units: Literal["abbreviation", "international_system", "none"] = "abbreviation"
    decimals: Annotated[int, Field(ge=0, le=3)] = 1
    breakdown: bool = False


class Package(Options):
    """One [[package]] of packages.toml, the defaults merged in.

    Validated with a context, a set of project names, each project may come only once.
    """

    name: PackageName

    @field_validator("name")
    @classmethod
    def _check_once(cls, name: str, info: ValidationInfo) -> str:
        if info.context is not None:
            project = normalise(name)
            if project in info.context:
                raise ValueError(f"listed twice: {project} is the same project; remove one")
            info.context.add(project)
        return name

    @field_validator("logoSvg")
    @classmethod
    def _check_one_logo(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("namedLogo") is not None:
            raise ValueError("Shields takes namedLogo or logoSvg, not both: remove one")
        return value

    @field_validator("logoColor", "logoSize")
    @classmethod
    def _check_logo_is_named(cls, value: str | None, info: ValidationInfo) -> str | None:
        # A namedLogo that is itself mistaken is missing from the data: that says enough.
        if value is not None and info.data.get("namedLogo", "") is None:
            raise ValueError("allowed only beside namedLogo: add that or remove this")
        return value

    @property
    def project(self) -> str:
        """The name under which PePy answers and the files are published."""
        return normalise(self.name)


_REPOSITORY = r"[A-Za-z0-9_-]{1,100}/[A-Za-z0-9._-]{1,100}"
_NO_REPOSITORY = "OWNER/REPO"  # stands for it where neither [site] nor GitHub tells


def _github_repository() -> str:
    name = os.environ.get("GITHUB_REPOSITORY", "")
    return name if re.fullmatch(_REPOSITORY, name, re.ASCII) else _NO_REPOSITORY


def _pages_address(data: dict[str, Any]) -> str:
    # https://docs.github.com/pages/getting-started-with-github-pages/what-is-github-pages
    owner, _, name = data.get("repository", "").partition("/")
    host = f"{owner}.github.io"
    return f"https://{host}" if name.lower() == host.lower() else f"https://{host}/{name}"


class Site(Table):
    """[site]: the repository, and where its docs/ is published. GitHub knows both by itself."""

    repository: Annotated[
        str,
        AfterValidator(lambda text: text.removeprefix("https://github.com/")),
        _matching(_REPOSITORY, "a repository is written as OWNER/NAME"),
    ] = Field(default_factory=_github_repository)
    url: Annotated[
        str,
        AfterValidator(lambda text: text.rstrip("/")),
        _matching(
            r"(?=.{1,200}\Z)https://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~-]+)*",
            "Shields reads only https:// addresses, here one without ? and #",
        ),
    ] = Field(default_factory=_pages_address)

    @property
    def home(self) -> str:
        """The repository's address."""
        return f"https://github.com/{self.repository}"


class Limits(Table):
    """[limits]: what strangers may add."""

    packages: Annotated[int, Field(ge=0)] = 500  # listed in all


LOGO_OPTIONS = {"namedLogo", "logoSvg", "logoColor", "logoSize"}


class Config(Table):
    """The whole of packages.toml."""

    site: Site = Field(default_factory=Site)
    limits: Limits = Limits()
    defaults: Options = Options()
    package: list[Package] = []

    @field_validator("package", mode="before")
    @classmethod
    def _merge_defaults(cls, tables: object, info: ValidationInfo) -> object:
        if not isinstance(tables, list) or "defaults" not in info.data:
            return tables  # mistaken defaults are told once, and not again for every package
        defaults = info.data["defaults"].model_dump(exclude_unset=True)

        def with_defaults(table: dict[str, object]) -> dict[str, object]:
            own_logo = table.keys() & {"namedLogo", "logoSvg"}
            replaced = own_logo and defaults.keys() & {"namedLogo", "logoSvg"}
            dropped = LOGO_OPTIONS if replaced else set()
            return {k: v for k, v in defaults.items() if k not in dropped} | table

        return [with_defaults(table) if isinstance(table, dict) else table for table in tables]

    @property
    def projects(self) -> dict[str, Package]:
        """The packages by the names under which they are published."""
        return {package.project: package for package in self.package}


def read_list(path: Path) -> tuple[Config, bytes]:
    """A packages.toml, and its bytes. Raises Unable if it can't be read or has mistakes."""
    try:
        text = path.read_bytes()
    except OSError as error:
        name = plain(str(path))
        raise Unable(
            f"Cannot read {name}: {error.strerror}. Name the list with --config."
        ) from None
    return parse_list(text, plain(str(path))), text


def parse_list(text: bytes, name: str) -> Config:
    """The text of the packages.toml called `name`.

    Raises Unable with every mistake in it, each with its place, value and what is allowed.
    """
    try:
        data = tomllib.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Unable(f"{name} is not UTF-8 text (line {line}): save it as UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise Unable(f"{name} is not valid TOML: {error}.") from None
    try:
        return Config.model_validate(data, context=set())
    except ValidationError as error:
        mistakes = list(dict.fromkeys(_explain(details, data) for details in error.errors()))
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise Unable("\n  ".join([f"{name} has {count}:", *mistakes])) from None


def _explain(error: ErrorDetails, data: dict[str, Any]) -> str:
    """One mistake in words: place = value: what is allowed."""
    model: Any = Config
    match error["loc"]:
        case ("package",):
            return '[[package]]: list every package as [[package]] and name = "…" below it'
        case ("package", int(index), *keys):
            model = Package
            table = data["package"][index]
            name = table.get("name") if isinstance(table, dict) else None
            place = f"[[package]] {index + 1}" + (f" ({_short(name)})" if name else "")
            inherited = isinstance(table, dict) and not table.keys() & set(keys)
            if inherited and error["type"] != "missing":
                place = "[defaults]"
        case ("defaults" | "site" | "limits" as section, *keys):
            model = Config.model_fields[section].annotation
            place = f"[{section}]"
        case (*keys,):
            place = ""
    place = " ".join([place, *map(_short_key, keys)]).strip()
    if error["type"] == "missing":
        return f"{place}: is missing"
    if error["type"] == "extra_forbidden":
        return f"{place}: no such key; allowed are {', '.join(sorted(model.model_fields))}"
    return f"{place} = {_short(error['input'])}: {_reason(error)}"


def _reason(error: ErrorDetails) -> str:
    """What a value should have been, in this program's own words where it has some."""
    return str(error.get("ctx", {}).get("error", error["msg"]))


def _short(value: object) -> str:
    try:
        text = ascii(value)
    except (ValueError, RecursionError):  # a number or a nesting that Python won't print
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:79]}…"


def _short_key(key: object) -> str:
    text = str(key)
    return text if re.fullmatch(r"[\w-]{1,40}", text, re.ASCII) else _short(text)


# ----------------------------------------------------------------------------- the figures

Count = Annotated[int, Field(ge=0, lt=COUNT_LIMIT)]


@cache  # 2,000 packages share the same days
def parse_day(text: str) -> date:
    """A day written as YYYY-MM-DD, since 2000. Raises ValueError for anything else."""
    if not re.fullmatch(r"2\d{3}-\d\d-\d\d", text, re.ASCII):
        raise ValueError("not a date")
    return date.fromisoformat(text)


Day = Annotated[date, BeforeValidator(lambda value: parse_day(str(value)))]
History = dict[Day, Count]
Columns = dict[str, History]  # of a CSV file: each but the date's, by its heading
Tables = dict[str, Columns]  # by the file's name

UNKNOWN = "unknown"  # the column of downloads that name no version or system
HEADING = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._+-]{0,39}")  # no spreadsheet takes it for a formula


class Model(BaseModel):
    """Figures as they are published or answered: values of exactly these types."""

    model_config = ConfigDict(strict=True, frozen=True)


class Release(Model):
    """One version, of the package or of Python, and its downloads over 30 days."""

    version: str
    downloads: NonNegativeInt


class System(Model):
    """One operating system and its downloads over 30 days."""

    system: str
    downloads: NonNegativeInt


class Answer(Model):
    """What PePy says of a project; `downloads` by day (UTC) and release, about three months.

    https://pepy.tech/pepy-api
    """

    id: str
    total_downloads: Count
    downloads: dict[Day, dict[str, Count]]


class Recent(Model):
    """The downloads of the last 1, 7 and 30 days without known mirrors, by pypistats.org."""

    last_day: Count
    last_week: Count
    last_month: Count


class RecentAnswer(Model):
    """What pypistats.org says of a package's recent downloads."""

    package: str
    data: Recent


class Point(Model):
    """The downloads of one day that fall into one category, such as a version of Python."""

    category: str
    date: Day
    downloads: Count


class SeriesAnswer(Model):
    """What pypistats.org says of a package by day."""

    package: str
    data: Annotated[list[Point], FailFast()]  # millions of mistakes would take all memory


@dataclass(frozen=True)
class Breakdown:
    """What pypistats.org has answered for a package.

    `answered` has the time (UTC) for each key of ADDRESSES that did.
    """

    tables: Tables = field(default_factory=dict)
    recent: Recent | None = None
    answered: dict[str, datetime] = field(default_factory=dict)

    def __or__(self, other: Breakdown) -> Breakdown:
        return Breakdown(
            merged(self.tables, other.tables),
            other.recent or self.recent,
            self.answered | other.answered,
        )


@dataclass(frozen=True)
class Figures:
    """What one fetch yields of a package."""

    total: Count
    history: History
    top_releases: list[Release]
    fetched: datetime  # when the last of it was, UTC
    breakdown: Breakdown = Breakdown()

    def __or__(self, breakdown: Breakdown) -> Figures:
        times = [self.fetched, *breakdown.answered.values()]
        return replace(self, fetched=max(times), breakdown=self.breakdown | breakdown)


class Stats(Model):
    """What is kept of a package beside its days: docs/<name>/stats.json.

    The windows are the 1, 7 and 30 days up to and with `last_date`, which is null for a
    package without any downloads to date it by. The lists are of 30 days, most first, and
    renewed with the first figures of a new week. Those of Python and systems are empty, and
    `without_mirrors` is null, while the package's breakdown is off.
    """

    package: str
    timestamp: AwareDatetime  # when it was fetched, UTC
    total_downloads: Count
    last_date: Day | None
    last_day: NonNegativeInt
    last_week: NonNegativeInt
    last_month: NonNegativeInt
    average_daily: NonNegativeFloat
    top_releases: list[Release]
    top_versions: list[Release] = []  # of Python
    top_majors: list[Release] = []  # of Python
    top_systems: list[System] = []
    without_mirrors: Recent | None = None
    answered: list[str] = []  # addresses of pypistats.org, on the timestamp's day


TABLES = ("history", "python", "system")


@dataclass(frozen=True)
class Kept:
    """A package's kept figures; `stats` is None where only its days were saved.

    `tables` by the names in TABLES, those that there are: the downloads a day, by PePy and
    without mirrors, by version of Python, and by operating system.
    """

    stats: Stats | None
    tables: Tables

    @property
    def history(self) -> History:
        """PePy's downloads a day."""
        return self.tables.get("history", {}).get("downloads", {})


def newest_day(history: History) -> date | None:
    """The last day with downloads."""
    return max((day for day, downloads in history.items() if downloads), default=None)


def last_day(columns: Columns) -> date | None:
    """The last day that any column knows, the days being oldest first."""
    return max((next(reversed(days)) for days in columns.values() if days), default=None)


def merged(older: Tables, newer: Tables) -> Tables:
    """All days of both; newer figures replace older ones for the same day and column.

    Days come oldest first, and columns in the order of their versions, `unknown` last.
    """

    def both(one: Columns, other: Columns) -> Columns:
        return {
            heading: dict(sorted((one.get(heading, {}) | other.get(heading, {})).items()))
            for heading in sorted(one.keys() | other.keys(), key=_in_order)
        }

    names = older.keys() | newer.keys()
    return {name: both(older.get(name, {}), newer.get(name, {})) for name in sorted(names)}


def _in_order(heading: str) -> tuple[bool, list[int], str]:
    return heading == UNKNOWN, [int(number) for number in re.findall("[0-9]+", heading)], heading


def window(history: History, end: date, days: int) -> list[int]:
    """Downloads of the `days` days up to and with `end`, newest first, 0 where there is none."""
    return [history.get(end - timedelta(days=back), 0) for back in range(days)]


def last_month(columns: Columns) -> list[tuple[str, int]]:
    """Columns and their downloads over the newest 30 days there, most first."""
    newest = max(filter(None, map(newest_day, columns.values())), default=None)
    if newest is None:
        return []
    sums = [(heading, sum(window(history, newest, 30))) for heading, history in columns.items()]
    return sorted(((heading, n) for heading, n in sums if n), key=lambda item: -item[1])


# ---------------------------------------------------------------------------- fetch: a source


@dataclass(frozen=True)
class Outcome:
    """What came of one request.

    `remaining` is the tokens left in PePy's bucket, None where it didn't say; `retry_after`
    the whole seconds, rounded down, until a refused request may be tried again.
    """

    kind: Literal[
        "figures", "unknown", "key refused", "rate limited", "try again", "failed", "postponed"
    ]
    reason: str = ""
    remaining: int | None = None
    retry_after: int = 0
    figures: Figures | None = None
    breakdown: Breakdown | None = None


def open_session(home: str, **headers: str) -> Session:
    """A session of kept-alive connections that says who asks."""
    import requests  # only here, since rendering and --help need no network

    session = requests.Session()
    session.headers.update(
        {"User-Agent": f"pepy-stats (+{home})", "Accept-Encoding": "gzip", **headers}
    )
    return session


NETWORK_FAILURES = {  # by the names of requests' exceptions
    "SSLError": "{}'s certificate could not be verified",
    "ProxyError": "the proxy refused the connection",
    "ConnectTimeout": "{} did not answer in time",
    "ReadTimeout": "{} did not answer in time",
    "ChunkedEncodingError": "{}'s answer broke off",
    "ContentDecodingError": "{}'s answer could not be decompressed",
}


def ask(
    session: Session,
    address: str,
    service: str,
    most: int,
    judge: Callable[[int, Mapping[str, str], bytearray], Outcome],
) -> Outcome:
    """One request to a service, and what `judge` makes of the status, headers and body.

    The body may have `most` MiB. Never raises: a failure is an outcome too.
    """
    try:
        with session.get(
            address,
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
            allow_redirects=False,  # a key goes to this address and no other
            stream=True,
        ) as response:
            body = bytearray()
            for chunk in response.iter_content(1 << 16):
                body += chunk
                if len(body) > most * 1024 * 1024:
                    return Outcome("failed", f"{service}'s answer is larger than {most} MiB")
            status, headers = response.status_code, response.headers
    except Exception as error:  # noqa: BLE001 - urllib3's own and others get through at times
        usual = f"the connection to {service} failed"
        reason = NETWORK_FAILURES.get(type(error).__name__, usual).format(service)
        return Outcome("try again", reason)
    return judge(status, headers, body)


def ask_pepy(session: Session, url: str, project: str) -> Outcome:
    """One request for one project's figures."""
    address = f"{url}/api/v2/projects/{project}"
    return ask(session, address, "PePy", MAX_BODY, partial(judge_pepy, project))


def judge_pepy(
    project: str, status: int, headers: Mapping[str, str], body: bytes | bytearray
) -> Outcome:
    """What PePy's answer comes to, as https://pepy.tech/pepy-api describes it.

    Reasons are this program's own words: those of a server could drive a terminal.
    """

    def whole_number(header: str) -> int | None:
        text = headers.get(header, "")
        return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None

    remaining = whole_number("X-Rate-Limit-Remaining")
    if status == 200:
        try:
            figures = read_answer(body, project, datetime.now(UTC))
        except ValueError as error:
            return Outcome("failed", f"PePy's answer {error}", remaining)
        return Outcome("figures", remaining=remaining, figures=figures)
    if status == 401:
        return Outcome("key refused", "PePy refused the API key", remaining)
    if status == 404:
        reason = "PePy doesn't know it: misspelt, or published less than a day ago?"
        return Outcome("unknown", reason, remaining)
    if status == 429:
        retry_after = whole_number("X-Rate-Limit-Retry-After-Seconds") or 0
        return Outcome("rate limited", remaining=0, retry_after=retry_after)
    return replace(unexpected("PePy", "PEPY_API_URL", status), remaining=remaining)


def unexpected(service: str, variable: str, status: int) -> Outcome:
    """What a status comes to that a service's documentation gives no meaning."""
    if status >= 500:
        return Outcome("try again", f"{service} answered with an error (HTTP {status})")
    reason = f"{service}'s answer was not understood (HTTP {status}): check {variable}"
    return Outcome("failed", reason)


def read_answer(body: bytes | bytearray, project: str, now: datetime) -> Figures:
    """The figures in the body of PePy's answer, or ValueError saying why not to believe it."""
    answer = _validated(Answer, body)
    _check(answer.id, answer.downloads, project, now)
    history = {day: sum(releases.values()) for day, releases in sorted(answer.downloads.items())}
    if sum(history.values()) >= COUNT_LIMIT:
        raise ValueError("can't be believed: its days add up to too much")
    newest = newest_day(history)
    releases: Counter[str] = Counter()
    if newest is not None:
        for day, downloads in answer.downloads.items():
            if newest - timedelta(days=30) < day <= newest:
                releases.update(downloads)
    ranked = sorted(
        (-count, version)
        for version, count in releases.items()
        if count and len(version) <= 100 and version.isprintable()
    )
    top = [Release(version=version, downloads=-count) for count, version in ranked[:10]]
    return Figures(answer.total_downloads, history, top, now)


_Answer = TypeVar("_Answer", bound=Model)


def _validated(model: type[_Answer], body: bytes | bytearray) -> _Answer:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise ValueError("is not JSON: an error page, or cut short") from None
        # Deeper keys are the server's words, so only the first, which is the model's, is shown.
        place = first["loc"][0] if first["loc"] else "it"
        message = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"can't be believed: {place}: {message}") from None


def _check(name: str, days: Iterable[date], project: str, now: datetime) -> None:
    """Raise ValueError where an answer is about another project or the future."""
    if normalise(name) != project:
        raise ValueError("is about another project")
    if any(day > now.date() for day in days):
        raise ValueError("can't be believed: it has downloads in the future")


class Address(NamedTuple):
    """One address of pypistats.org: its path below a package's, its answer, and its table."""

    path: str
    model: type[RecentAnswer | SeriesAnswer]
    table: str


ADDRESSES = {  # https://pypistats.org/api/
    "overall": Address("overall?mirrors=false", SeriesAnswer, "history"),
    "python_minor": Address("python_minor", SeriesAnswer, "python"),
    "system": Address("system", SeriesAnswer, "system"),
    "recent": Address("recent", RecentAnswer, ""),
}
MAX_CATEGORIES = 100


def ask_pypistats(session: Session, url: str, project: str, name: str) -> Outcome:
    """One request for a part of one project's breakdown; `name` is a key of ADDRESSES."""
    address = f"{url}/packages/{project}/{ADDRESSES[name].path}"
    judge = partial(judge_pypistats, project, name)
    return ask(session, address, "pypistats.org", PYPISTATS_MAX_BODY, judge)


def judge_pypistats(
    project: str, name: str, status: int, _: Mapping[str, str], body: bytes | bytearray
) -> Outcome:
    """What an answer of pypistats.org comes to. Unlike PePy it tells of no tokens."""
    now = datetime.now(UTC)
    if status == 200:
        try:
            breakdown = read_breakdown(body, project, name, now)
        except ValueError as error:
            return Outcome("failed", f"pypistats.org's answer {error}")
        return Outcome("figures", breakdown=breakdown)
    if status == 404:
        breakdown = Breakdown(answered={name: now})
        return Outcome("unknown", "pypistats.org doesn't know it", breakdown=breakdown)
    if status == 429:
        return Outcome("rate limited", "pypistats.org refused: too many ask from this address")
    return unexpected("pypistats.org", "PYPISTATS_API_URL", status)


def read_breakdown(body: bytes | bytearray, project: str, name: str, now: datetime) -> Breakdown:
    """The figures in an answer of pypistats.org, or ValueError saying why not to believe it.

    Its category `null` is the column `unknown`.
    """
    address = ADDRESSES[name]
    answer = _validated(address.model, body)
    if isinstance(answer, RecentAnswer):
        _check(answer.package, (), project, now)
        return Breakdown(recent=answer.data, answered={name: now})
    _check(answer.package, (point.date for point in answer.data), project, now)
    columns: Columns = defaultdict(dict)
    for point in answer.data:
        category = UNKNOWN if point.category == "null" else point.category
        if name == "overall" and category != "without_mirrors":
            continue
        if not HEADING.fullmatch(category):
            raise ValueError("can't be believed: it has a category with an impossible name")
        if point.date in columns[category]:
            raise ValueError("can't be believed: it tells twice of one day")
        columns[category][point.date] = point.downloads
    if len(columns) > MAX_CATEGORIES:
        raise ValueError("can't be believed: it has too many categories")
    if sum(sum(history.values()) for history in columns.values()) >= COUNT_LIMIT:
        raise ValueError("can't be believed: its days add up to too much")
    return Breakdown(merged({}, {address.table: columns}) if columns else {}, answered={name: now})


# ------------------------------------------------------------------------ fetch: every package


class Limiter:
    """How many requests may start now, learnt from PePy's headers alone.

    PePy keeps a bucket of tokens per key; its size and rate depend on the plan. The first
    request finds out how many tokens there are, and these are used without waiting. Then
    the empty bucket is tried whenever the next token should be there, at the rate measured
    so far; an answer tells of all tokens that have come back meanwhile, so trying late
    loses nothing and the measured rate corrects itself. All times are in seconds.
    """

    def __init__(self, now: float) -> None:
        self.free: float = 1  # tokens known to be there and not promised to a request
        self.resume = now  # when an empty bucket may be tried
        self.interval: float | None = None  # between two tokens, as measured
        self.granted_at = now
        self._started = 0
        self.flying: dict[str, tuple[float, int]] = {}  # since when, the how-manieth
        self._lowest = math.inf  # tokens told of, since nothing was under way
        self._refusals = 0  # in a row
        self._limited = False  # whether PePy has ever told of tokens
        self._emptied_at: float | None = None
        self._granted_since = 0

    def _uncounted(self, now: float) -> int:
        """Requests under way that PePy may not have counted yet; slow answers don't matter."""
        return sum(now - since < OVERDUE for since, _ in self.flying.values())

    @property
    def empty(self) -> bool:
        """Whether no token is left of a bucket that has had some."""
        return self.free < 1 and self._emptied_at is not None

    def may_start(self, now: float) -> bool:
        """Whether a request may start now; if so, say `started`."""
        return self.free >= 1 or (now >= self.resume and not self._uncounted(now))

    def started(self, project: str, now: float) -> None:
        """A request starts."""
        self.free = max(self.free - 1, 0)
        self._started += 1
        self.flying[project] = now, self._started

    def answered(self, project: str, now: float, remaining: int | None) -> None:
        """A request was answered, or given up, leaving `remaining` tokens (None: not told)."""
        since, number = self.flying.pop(project)
        if remaining is None:
            self.resume = max(self.resume, now + (self.interval or FIRST_PAUSE))
            return
        self._limited = True
        self._refusals = 0
        self._granted_since += 1
        self.granted_at = now
        if now - since >= OVERDUE:
            self.free = max(self.free, remaining - (self._started - number))
            return
        # Answers overtake each other, and those under way may not be counted in this one.
        self._lowest = min(self._lowest, remaining)
        if uncounted := self._uncounted(now):
            self.free = min(self.free, max(remaining - uncounted, 0))
        else:
            self.free, self._lowest = self._lowest, math.inf
            if self.free == 0:
                self._emptied(since)

    def untold(self, now: float) -> None:
        """A good answer told of no tokens: unless others did, there is no limit."""
        self.granted_at = now
        if not self._limited:
            self.free = math.inf

    def refused(self, project: str, now: float, retry_after: int) -> None:
        """A request was refused; a token comes within a second after `retry_after`."""
        since, _ = self.flying.pop(project)
        self._limited = True
        self.free = 0
        if self._emptied_at is None:
            self._emptied(since)
        # Rounded down, it may be a second short, and 0 may mean any part of a second; doubled
        # for refusals in a row, so that a server that always says 0 isn't pestered.
        pause = 1.0 if retry_after else min(self.interval or FIRST_PAUSE, 1.0)
        pause *= 2 ** min(self._refusals, 5)
        self.resume = min(
            max(self.resume, now + retry_after + pause), max(now, self.granted_at + PATIENCE)
        )
        if not self._uncounted(now):
            self._refusals += 1

    def _emptied(self, since: float) -> None:
        """The request that started at `since` took the last token."""
        if self._emptied_at is None:
            self._emptied_at, self._granted_since = since, 0
        elif self._granted_since:
            self.interval = (since - self._emptied_at) / self._granted_since
        self.resume = since + (self.interval or FIRST_PAUSE) * 1.02  # late rather than early


TIME_IS_UP = Outcome("postponed", "postponed: time is up")
INTERRUPTED = Outcome("postponed", "postponed: the run was interrupted")


def attempt(service: str, ask: Callable[..., Outcome], *what: str) -> Outcome:
    """What comes of asking: neither an answer that never ends nor a bug may hang a run.

    So the asking has a thread of its own, which is all that such an answer costs.
    """
    answers: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def fly() -> None:
        try:
            answers.put(ask(*what))
        except Exception as error:  # noqa: BLE001 - or else it would hide
            answers.put(Outcome("failed", f"a bug in pepy-stats: {type(error).__name__}"))

    try:
        threading.Thread(target=fly, daemon=True).start()
        return answers.get(timeout=ANSWER_SECONDS)
    except queue.Empty:
        reason = f"{service}'s answer did not end within {ANSWER_SECONDS:g} seconds"
    except RuntimeError:
        reason = "this machine can start no more threads"
    return Outcome("try again", reason)


class Fetching:
    """Asks for every project once, several at a time: iterate for each with its outcome.

    The iterating thread alone decides what starts when; the others wait for one answer each.
    `deadline` is on the monotonic clock; after it nothing starts, and the rest is postponed.
    """

    def __init__(
        self,
        projects: Collection[str],
        ask: Callable[[str], Outcome],
        deadline: float = math.inf,
        tick: Callable[[Fetching], None] = lambda _: None,
    ) -> None:
        self.ask = ask
        self.deadline = deadline
        self.tick = tick  # called several times a second
        self.total = len(projects)
        self.done = 0
        self.started = time.monotonic()
        self.limiter = Limiter(self.started)
        self._ready = deque(projects)
        self._later: list[tuple[float, str]] = []  # a heap: when to try again, what
        self._jobs: queue.SimpleQueue[str] = queue.SimpleQueue()  # what to ask for, "" to end
        self._answers: queue.SimpleQueue[tuple[str, Outcome]] = queue.SimpleQueue()
        self._failures: dict[str, list[Outcome]] = defaultdict(list)
        self._unanswered = 0  # packages in a row
        self._probe_at = 0.0  # when to ask again while PePy seems to be down
        self._stop: Outcome | None = None  # why nothing more is asked

    def __iter__(self) -> Iterator[tuple[str, Outcome]]:
        for _ in range(CONNECTIONS):
            threading.Thread(target=self._work, daemon=True).start()
        try:
            while self._ready or self._later or self.limiter.flying:
                self._start(time.monotonic())
                self.tick(self)
                for project, outcome in self._abandon() or self._wait(time.monotonic()):
                    self.done += 1
                    yield project, outcome
        finally:
            for _ in range(CONNECTIONS):
                self._jobs.put("")

    @property
    def waiting(self) -> bool:
        """Whether what comes next waits for the rate limit."""
        return bool(self._ready) and self.limiter.empty and not self._suspect

    def seconds_left(self, now: float) -> float | None:
        """How long the rest may take; None before the first answer."""
        limited = self.limiter.free < 1 and self.limiter.interval
        pace = limited or (self.done and (now - self.started) / self.done)
        return pace * (self.total - self.done) if pace else None

    def _start(self, now: float) -> None:
        """Start whatever is due and allowed."""
        if now >= self.deadline:
            self._stop = self._stop or TIME_IS_UP
        while not self._stop and self._may_start(now) and (project := self._next(now)):
            self.limiter.started(project, now)
            self._jobs.put(project)

    def _next(self, now: float) -> str | None:
        """What to ask for next: what has not been tried, then what has waited to be retried."""
        if self._ready:
            if self._suspect:  # if some packages are broken and not PePy, others will answer
                self._ready.rotate(random.randrange(len(self._ready)))
            return self._ready.popleft()
        return heappop(self._later)[1] if self._later and self._later[0][0] <= now else None

    @property
    def _suspect(self) -> bool:
        """Whether PePy seems to be down; then one request at a time finds out."""
        return self._unanswered >= CONNECTIONS

    def _may_start(self, now: float) -> bool:
        if self._suspect and (self.limiter.flying or now < self._probe_at):
            return False
        return len(self.limiter.flying) < CONNECTIONS and self.limiter.may_start(now)

    def _work(self) -> None:
        while project := self._jobs.get():
            self._answers.put((project, attempt("PePy", self.ask, project)))

    def _wait(self, now: float) -> list[tuple[str, Outcome]]:
        """The next final answer, if one comes before something else is due."""
        due = [self.limiter.resume, self._probe_at, self.deadline, *(t for t, _ in self._later[:1])]
        wake = min((when for when in due if when > now), default=math.inf)
        try:
            project, answer = self._answers.get(timeout=min(wake - now, TICK))
        except queue.Empty:
            return []
        outcome = self._learn(project, answer, time.monotonic())
        return [(project, outcome)] if outcome else []

    def _learn(self, project: str, outcome: Outcome, now: float) -> Outcome | None:
        """Learn from what came of a request. None where the project is to be asked again."""
        if outcome.kind == "rate limited":
            self.limiter.refused(project, now, outcome.retry_after)
            self._ready.appendleft(project)
            if self.limiter.resume >= self.deadline:
                self._stop = self._stop or TIME_IS_UP
            elif now - self.limiter.granted_at >= PATIENCE:
                reason = f"the key's rate limit granted nothing for {PATIENCE / 60:g} minutes"
                self._stop = self._stop or Outcome("failed", reason)
            return None
        self.limiter.answered(project, now, outcome.remaining)
        if outcome.kind != "try again":
            self._unanswered = 0
            if outcome.remaining is None:
                self.limiter.untold(now)
            if outcome.kind == "key refused":
                self._stop = outcome
            return outcome
        self._failures[project].append(outcome)
        attempts = len(self._failures[project])
        if attempts == 1:  # else it may well be the package
            self._unanswered += 1
            self._probe_at = now + BACKOFF * 2 ** min(max(self._unanswered - CONNECTIONS, 0), 5)
        if self._unanswered >= OUTAGE:
            reason = f"not asked: PePy failed for {OUTAGE} packages in a row"
            self._stop = self._stop or Outcome("failed", reason)
        if attempts >= ATTEMPTS:
            return outcome
        pause = BACKOFF * 2 ** (attempts - 1) * random.uniform(0.8, 1.2)
        heappush(self._later, (now + pause, project))
        return None

    def _abandon(self) -> list[tuple[str, Outcome]]:
        """Once nothing more is asked: whatever is not under way."""
        if self._stop is None:
            return []
        rest = [*self._ready, *(project for _, project in self._later)]
        self._ready.clear()
        self._later.clear()
        if self._stop is TIME_IS_UP:
            return [(project, TIME_IS_UP) for project in rest]
        return [(project, [self._stop, *self._failures[project]][-1]) for project in rest]


# ------------------------------------------------------------------- fetch: every breakdown

# At most so many requests within so many seconds; pypistats.org allows 5 a second, 30 a minute.
PYPISTATS_LIMITS = ((5, 1.0), (25, 60.0))
PYPISTATS_PAUSES = (60.0, 120.0, 240.0, 480.0)  # seconds after the refusals that a run bears
PYPISTATS_OUTAGE = 8  # packages in a row without a good answer, after which none is asked


class Breakdowns:
    """Asks pypistats.org for breakdowns, one address after the other, beside PePy's fetching.

    `due` has the keys of ADDRESSES to ask by project, the most urgent first, and `deadline` is
    on the monotonic clock. A project is asked for once it was `add`ed; `end` says that no more
    will be. What fails is tried once more, after all others. All that has a thread of its own.
    """

    def __init__(
        self,
        due: Mapping[str, Collection[str]],
        ask: Callable[[str, str], Outcome],
        deadline: float,
    ) -> None:
        self.due = due
        self.ask = ask
        self.deadline = deadline
        self.refused = False  # whether it waits because it was
        self._outcomes: dict[tuple[str, str], Outcome] = {}  # by project and address
        self._rank = {project: number for number, project in enumerate(due)}
        self._queue: queue.PriorityQueue[tuple[int, str]] = queue.PriorityQueue()
        self._added: list[str] = []
        self._stopped = ""  # why nothing more is asked
        self._wake = threading.Event()  # set by `stop`
        self._pauses = iter(PYPISTATS_PAUSES)
        self._answered_at: deque[float] = deque(maxlen=max(n for n, _ in PYPISTATS_LIMITS))
        self._failures = 0  # packages in a row
        self._ended = threading.Event()  # a thread can't be joined again after a Ctrl-C
        threading.Thread(target=self._run, daemon=True).start()

    def add(self, project: str) -> None:
        """PePy has answered for a project: its breakdown can be kept, so it may be asked for."""
        if project in self.due:
            self._queue.put((self._rank[project], project))
            self._added.append(project)

    def end(self) -> None:
        """Nothing more is added."""
        self._queue.put((len(self.due), ""))

    def wait(self, seconds: float) -> bool:
        """Wait for the last answer; whether more is to come."""
        return not self._ended.wait(seconds)

    def stop(self, reason: str) -> None:
        """Ask for nothing more, but wait a moment for an answer that is under way."""
        self._stopped = self._stopped or reason
        self._wake.set()
        self._queue.put((-1, ""))
        self.wait(2.0)

    @property
    def left(self) -> int:
        """How many addresses are still to be asked."""
        return sum(len(self.due[project]) for project in self._added) - len(self._outcomes)

    @property
    def seconds_left(self) -> float:
        """How long that takes at least."""
        return max(seconds * (self.left // number) for number, seconds in PYPISTATS_LIMITS)

    def results(self) -> tuple[dict[str, Breakdown], dict[str, list[str]]]:
        """What was answered by project, and by the reason those of whom something is missing."""
        outcomes = dict(self._outcomes)
        found: dict[str, Breakdown] = defaultdict(Breakdown)
        missing: dict[str, list[str]] = defaultdict(list)
        for project in self._added:
            of_project = [outcomes.get((project, address)) for address in self.due[project]]
            for outcome in filter(None, of_project):
                found[project] |= outcome.breakdown or Breakdown()
            reasons = {outcome.reason for outcome in of_project if outcome and outcome.reason}
            if None in of_project and not reasons:
                reasons = {self._stopped}
            for reason in sorted(reasons):
                missing[reason].append(project)
        return found, missing

    def _run(self) -> None:
        again = []
        while project := self._queue.get()[1]:
            if not self._ask_for(project):
                again.append(project)
        for project in again:
            self._ask_for(project)
        self._ended.set()

    def _ask_for(self, project: str) -> bool:
        """Ask for what of a project isn't known yet, until something fails; whether all is."""
        for address in self.due[project]:
            if (known := self._outcomes.get((project, address))) and known.breakdown:
                continue
            outcome = self._ask_patiently(project, address)
            if outcome is None:
                return False
            self._outcomes[project, address] = outcome
            if outcome.breakdown is None:
                self._failures += 1
                if self._failures >= PYPISTATS_OUTAGE:
                    self._stopped = outcome.reason
                return False
            self._failures = 0
        return True

    def _ask_patiently(self, project: str, address: str) -> Outcome | None:
        """The outcome for one address, however often it is refused. None to stop asking."""
        while True:
            # Counted from the answers: the requests then arrive no closer than allowed.
            starts = [
                self._answered_at[-number] + seconds
                for number, seconds in PYPISTATS_LIMITS
                if len(self._answered_at) >= number
            ]
            if not self._sleep_until(max(starts, default=0), TIME_IS_UP.reason):
                return None
            outcome = attempt("pypistats.org", self.ask, project, address)
            now = time.monotonic()
            self._answered_at.append(now)
            if outcome.kind != "rate limited":
                return outcome
            self.refused = True
            if not self._sleep_until(now + next(self._pauses, math.inf), outcome.reason):
                return None
            self.refused = False

    def _sleep_until(self, then: float, reason: str) -> bool:
        """Sleep, and whether to go on. If that would miss the deadline, stop for a reason."""
        now = time.monotonic()
        if not self._stopped and max(now, then) >= self.deadline:
            self._stopped = reason
        return not self._stopped and not self._wake.wait(max(then - now, 0))


# ------------------------------------------------------------------------------------ keep


def windows_end(days: Iterable[date | None]) -> date | None:
    """The newest of packages' last days that at least half of them have reached.

    An import may be under way, so the newest of all isn't surely what PePy has; and those a
    week behind it have no say, since quiet packages lack days by nature. None if there is none.
    """
    reached = sorted(filter(None, days), reverse=True)
    lively = [day for day in reached if day > reached[0] - timedelta(days=7)]
    return lively[(len(lively) - 1) // 2] if lively else None


TOP_LISTS = {  # of stats.json, and the tables that they are about
    "top_releases": "history",
    "top_versions": "python",
    "top_majors": "python",
    "top_systems": "system",
}
BREAKDOWN_OFF: dict[str, list[Any] | None] = {
    "top_versions": [],
    "top_majors": [],
    "top_systems": [],
    "without_mirrors": None,
}


def keep(old: Kept | None, new: Figures, package: Package, end: date | None) -> Kept:
    """What to keep of a package after a fetch, its windows ending on `end`, or where they did.

    Newer figures replace older ones for the same day, and no day is ever dropped. Where
    nothing but the time differs from what was kept on the same UTC day, that is kept.
    """
    last = old.stats if old else None
    known = old.tables if old else {}
    fetched = merged({"history": {"downloads": new.history}}, new.breakdown.tables)
    newer = last if last and last.timestamp > new.fetched else None  # of a run that began later
    if newer:
        tables = merged(fetched, known)
        timestamp, total, releases = newer.timestamp, newer.total_downloads, newer.top_releases
    else:
        tables = merged(known, fetched)
        timestamp, total, releases = new.fetched.replace(microsecond=0), new.total, new.top_releases
    today = last if last and last.timestamp.date() == timestamp.date() else None
    answered = {n for n, at in new.breakdown.answered.items() if at.date() == timestamp.date()}
    answered.update(today.answered if today else ())
    lists = top_lists(releases, tables)
    for name, table in TOP_LISTS.items():
        # Rewritten daily, they would be most of what makes a repository grow.
        if (old_list := getattr(last, name, None)) and _week(known, table) == _week(tables, table):
            lists[name] = old_list
    recent = new.breakdown.recent
    if last and (recent is None or (newer and "recent" in newer.answered)):
        recent = last.without_mirrors
    end = max(filter(None, [end, last.last_date if last else None]), default=None)
    month = window(tables["history"]["downloads"], end, 30) if end else [0]
    stats = Stats(
        package=package.project,
        timestamp=timestamp,
        total_downloads=total,
        last_date=end,
        last_day=month[0],
        last_week=sum(month[:7]),
        last_month=sum(month),
        average_daily=round(sum(month) / 30, 1),
        without_mirrors=recent,
        answered=sorted(answered),
        **lists,
    )
    if not package.breakdown:
        stats = stats.model_copy(update=BREAKDOWN_OFF)
    if today and today == stats.model_copy(update={"timestamp": today.timestamp}):
        stats = today
    return Kept(stats, tables)


def top_lists(releases: list[Release], tables: Tables) -> dict[str, Any]:
    """The lists of stats.json that TOP_LISTS names, from what is kept."""
    versions = last_month(tables.get("python", {}))
    majors: Counter[str] = Counter()
    for version, downloads in versions:
        majors[version.partition(".")[0]] += downloads
    systems = last_month(tables.get("system", {}))
    return {
        "top_releases": releases,
        "top_versions": [Release(version=v, downloads=n) for v, n in versions],
        "top_majors": [Release(version=v, downloads=n) for v, n in majors.most_common()],
        "top_systems": [System(system=name, downloads=n) for name, n in systems],
    }


def _week(tables: Tables, name: str) -> tuple[int, int] | None:
    """The year and week (ISO 8601) of a table's last day."""
    day = last_day(tables.get(name, {}))
    return day.isocalendar()[:2] if day else None


STATS, TABLE = "{}/stats.json", "{}/{}.csv"  # below the output folder
CATALOGUE = "_packages.json"  # no package can be called that
CHART = "{}/chart.svg"
DIGITS = set("0123456789")


def read_kept(output: Path, project: str) -> Kept | None:
    """What earlier runs kept of a project under `output`, or None.

    Raises ValueError where a file can't be read or was damaged: the history can't be fetched
    again, so it is for a person to mend it, not for this program to write over it.
    """
    stats, tables = None, {}
    today = datetime.now(UTC).date()
    path = output / STATS.format(project)
    try:
        if (text := _read(path)) is not None:
            stats = Stats.model_validate_json(text)
            # A later day than today's would take the other packages' windows along, and
            # make all that is fetched until then too old.
            latest = max(stats.timestamp.date(), stats.last_date or date.min)
            if stats.package != project or latest > today:
                raise ValueError
        for name in TABLES:
            path = output / TABLE.format(project, name)
            if (text := _read(path)) is not None:
                tables[name] = parse_table(text)
                if (last_day(tables[name]) or today) > today:
                    raise ValueError
                if name == "history" and "downloads" not in tables[name]:
                    raise ValueError
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        message = f"{path} is damaged: restore it with git, or delete it to start over"
        raise ValueError(message) from None
    days = any(any(columns.values()) for columns in tables.values())
    return Kept(stats, tables) if stats or days else None


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_stats(stats: Stats) -> str:
    """Stats as JSON without a last newline, the values aligned at their ends.

    So a line keeps its length when a number grows a digit, and git, which looks for what to
    store a file's versions as differences from among those of its size, stores a third less.
    """

    def aligned(line: re.Match[str]) -> str:
        return f"{line[1]} {line[2].rjust(43 - len(line[1]))}"

    text = stats.model_dump_json(indent=2)
    return re.sub(r'^( *"\w+":) ([^[{\n]+?)(?=,?$)', aligned, text, flags=re.MULTILINE)


def write_table(columns: Columns) -> str:
    """Columns as CSV without a last newline; a day that a column lacks is an empty cell."""
    days = sorted(set().union(*columns.values()))
    cells = [[str(history.get(day, "")) for day in days] for history in columns.values()]
    rows = zip(map(str, days), *cells, strict=True)
    return "\n".join(map(",".join, [("date", *columns), *rows]))


def parse_table(text: bytes) -> Columns:
    """The columns of a CSV file. Raises ValueError if `write_table` didn't write it."""
    lines = [line.split(",") for line in text.decode("ascii").splitlines()]
    if not lines or not all(any(cells) for _, *cells in lines):
        raise ValueError
    (first, *dates), *columns = zip(*lines, strict=True)
    days = [parse_day(day) for day in dates]
    if first != "date" or not all(map(lt, days, days[1:])):
        raise ValueError
    table: Columns = {}
    for heading, *cells in columns:
        if heading in table or not HEADING.fullmatch(heading) or not set("".join(cells)) <= DIGITS:
            raise ValueError
        table[heading] = {day: int(n) for day, n in zip(days, cells, strict=True) if n}
        if max(table[heading].values(), default=0) >= COUNT_LIMIT:
            raise ValueError
    return table


def read_all_kept(
    output: Path, projects: Iterable[str]
) -> tuple[dict[str, Kept], dict[str, Outcome]]:
    """The kept figures of those projects that have any, and the failures of damaged ones."""
    kept: dict[str, Kept] = {}
    damaged: dict[str, Outcome] = {}
    for project in projects:
        try:
            if (figures := read_kept(output, project)) is not None:
                kept[project] = figures
        except ValueError as error:
            damaged[project] = Outcome("failed", str(error))
    return kept, damaged


# ----------------------------------------------------------------------------------- render


def half_up(dividend: int, divisor: int) -> int:
    """A quotient rounded half up, in integers: a float would round 1.05 down, and large counts."""
    return (2 * dividend + divisor) // (2 * divisor)


UNITS = {"abbreviation": "KMBT", "international_system": "kMGT", "none": ""}


def format_count(count: int, units: str = "abbreviation", decimals: int = 1) -> str:
    """A count as a badge shows it: rounded half up, without trailing zeros, as in `1.4B`.

    `units` is a key of UNITS, `decimals` 0 to 3. The largest unit has no next: `1000T`.
    """
    if count < 1000 or not UNITS[units]:
        return f"{count:,}"
    scale = 10**decimals
    for power in range(1, len(UNITS[units]) + 1):
        rounded = half_up(count * scale, 1000**power)
        if rounded < 1000 * scale:  # else it carries into the next unit
            break
    whole, fraction = divmod(rounded, scale)
    number = f"{whole}.{fraction:0{decimals}}".rstrip("0").rstrip(".")
    return number + UNITS[units][power - 1]


class Metric(NamedTuple):
    """A badge: its path, what it says ("" for no badge), and a label that isn't the package's."""

    path: str
    message: Callable[[Package, Kept], str]
    label: str | None = None


def _count(name: str, suffix: str = "") -> Callable[[Package, Kept], str]:
    """What a badge says that shows one of the counts in stats.json."""

    def message(package: Package, kept: Kept) -> str:
        return format_count(getattr(kept.stats, name), package.units, package.decimals) + suffix

    return message


def _known(kept: Kept, table: str) -> tuple[list[tuple[str, int]], str]:
    """A breakdown's last month without the downloads that name nothing, most first.

    And what a badge says where there are no others.
    """
    month = last_month(kept.tables.get(table, {}))
    return [item for item in month if item[0] != UNKNOWN], UNKNOWN if month else ""


def python_versions(_: Package, kept: Kept) -> str:
    """The versions of Python with 90 % of the last month's downloads, as `3.11 | 3.12`."""
    versions, otherwise = _known(kept, "python")
    total = sum(downloads for _, downloads in versions)
    chosen: list[str] = []
    covered = 0
    for version, downloads in versions:
        if covered * 10 >= total * 9:
            break
        chosen.append(version)
        covered += downloads
    return " | ".join(sorted(chosen, key=_in_order)) or otherwise


def top_system(_: Package, kept: Kept) -> str:
    """The operating system with most of the last month's downloads, as `Linux 81%`."""
    systems, otherwise = _known(kept, "system")
    if not systems:
        return otherwise
    (system, downloads), total = systems[0], sum(downloads for _, downloads in systems)
    return f"{system} {half_up(100 * downloads, total)}%"


METRICS = (
    Metric("{}.json", _count("total_downloads")),
    Metric("{}/day.json", _count("last_day", "/day")),
    Metric("{}/week.json", _count("last_week", "/week")),
    Metric("{}/month.json", _count("last_month", "/month")),
    Metric("{}/python.json", python_versions, "python"),
    Metric("{}/system.json", top_system, "system"),
)


def files_of(project: str) -> list[str]:
    """The paths of a package's files.

    Its stats.json comes first, and goes last when they are removed: whatever has one is a
    package's folder, even after a kill.
    """
    return [
        STATS.format(project),
        *(TABLE.format(project, name) for name in TABLES),
        *(metric.path.format(project) for metric in METRICS),
        CHART.format(project),
    ]


def render(packages: Iterable[Package], kept: Mapping[str, Kept]) -> dict[str, bytes]:
    """Every file that is kept of packages: its path below the output folder, and its bytes.

    Pure, and with `render_site` the only place that decides what is published.
    """
    files: dict[str, str] = {}
    for package in packages:
        project = package.project
        if project not in kept:
            continue
        stats, tables = kept[project].stats, kept[project].tables
        if stats is not None:  # and first, since it marks a package's folder
            shown = stats if package.breakdown else stats.model_copy(update=BREAKDOWN_OFF)
            files[STATS.format(project)] = write_stats(shown)
        for name, columns in tables.items():
            files[TABLE.format(project, name)] = write_table(columns)
        if stats is None:
            continue
        look = package.model_dump(include=set(Look.model_fields) - {"label"}, exclude_none=True)
        for metric in METRICS:
            if message := metric.message(package, kept[project]):
                label = package.label if metric.label is None else metric.label
                badge = {"schemaVersion": 1, "label": label, "message": message, **look}
                text = json.dumps(badge, ensure_ascii=False, indent=2)
                files[metric.path.format(project)] = text
    return {path: f"{text}\n".encode() for path, text in files.items()}


SHOWN_DAYS = 90  # by a chart, and by a trend
BASE_36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def trend(history: History, end: date) -> str:
    """The `trend` of a Listing: a history's shape on the way to `end`."""
    first = min(history, default=end)
    days = window(history, end, min(SHOWN_DAYS, (end - first).days + 1))[::-1]
    top = max(days, default=0) or 1
    return "".join(BASE_36[half_up(35 * count, top)] for count in days)


CHART_COLOURS = (  # what has them, in light, in dark
    (".paper{fill:%s}", "#fff", "#0d1117"),
    (".ink{fill:%s}", "#1f2328", "#f0f6fc"),
    (".muted{fill:%s}", "#59636e", "#9198a1"),
    (".grid{stroke:%s}", "#d1d9e0", "#30363d"),
    (".days{stroke:%s}", "#5296de", "#2f6db5"),
    (".average{stroke:%s}", "#0a2f5c", "#b6d8ff"),
)
CHART_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" width="480" height="220" viewBox="0 0 480 220" \
role="img" aria-labelledby="title about">
<title id="title">Downloads of {project} a day</title>
<desc id="about">{about}</desc>
<style>text{{font:12px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}}\
path{{fill:none;stroke-linecap:round;stroke-linejoin:round}}.days{{stroke-linecap:butt}}{light}@media(prefers-color-scheme:dark){{{dark}}}</style>
<rect class="paper" width="480" height="220" rx="6"/>
<text class="ink" x="12" y="25" style="font-size:15px;font-weight:600">{name}</text>
<path class="days" stroke-width="3.4" d="M14 47V39M19 47V36M24 47V33"/>
<text class="muted" x="33" y="46">downloads a day</text>
<path class="average" stroke-width="2" d="M141 42H159"/>
<text class="muted" x="166" y="46">seven-day average</text>
<text class="muted" x="468" y="46" text-anchor="end">{until}</text>
"""


def round_axis(most: int) -> list[int]:
    """Two to five round numbers at equal distances, from 0 to `most` or just above."""
    most = max(most, 1)
    steps = (digit * 10**power for power in range(16) for digit in (1, 2, 5))
    step = next(step for step in steps if step * 4 >= most)
    return [*range(0, most + step, step)]


def chart(project: str, history: History, end: date | None) -> str:
    """The downloads a day over the 90 days up to `end` as SVG, and their seven-day average.

    A missing day counts as zero, as in the windows. The average begins where seven days are
    known. In integers throughout, so that the same figures give the same bytes anywhere.
    """
    days = window(history, end, SHOWN_DAYS + 6)[::-1] if end else []
    counts = days[6:]
    weeks = [sum(days[at : at + 7]) for at in range(len(counts))]  # that end with each day
    most = max(counts, default=0)
    axis = round_axis(max([most, *(-(-week // 7) for week in weeks)]))
    left, right, bottom, height = 540, 4680, 1880, 1240  # of the plot, in tenths of a pixel

    def pixels(tenths: int) -> str:
        return f"{tenths // 10}.{tenths % 10}".removesuffix(".0")

    def x(at: int) -> str:
        return pixels(left + (2 * at + 1) * (right - left) // (2 * SHOWN_DAYS))

    def y(downloads: int, days: int = 1) -> str:
        return pixels(bottom - half_up(downloads * height, axis[-1] * days))

    plot = []
    for number in axis:
        line = f'<path class="grid" d="M{left // 10} {y(number)}H{right // 10}"/>'
        label = f'<text class="muted" x="48" y="{y(number)}" dy="4" text-anchor="end">'
        plot.append(f"{line}{label}{format_count(number)}</text>")
    about, until = f"None in {SHOWN_DAYS} days.", ""
    if not end or not most:
        plot.append('<text class="muted" x="261" y="130" text-anchor="middle">none</text>')
    else:
        oldest = end - timedelta(days=SHOWN_DAYS - 1)
        for at in range(SHOWN_DAYS):
            day = oldest + timedelta(days=at)
            if day.day == 1:
                label = f'<text class="muted" x="{x(at)}" y="207" text-anchor="middle">'
                plot.append(f"{label}{day:%b}</text>")
        bars = [f"M{x(at)} {bottom // 10}V{y(n)}" for at, n in enumerate(counts) if n]
        plot.append(f'<path class="days" stroke-width="3.4" d="{"".join(bars)}"/>')
        start = max((min(history) - oldest).days + 6, 0)
        line = "L".join(f"{x(at)} {y(weeks[at], 7)}" for at in range(start, SHOWN_DAYS))
        busiest = oldest + timedelta(days=counts.index(most))
        about = (
            f"The {SHOWN_DAYS} days up to {long_day(end)}, as PePy counts them. The busiest was "
            f"{long_day(busiest)} with {most:,} downloads."
        )
        if line:
            plot.append(f'<path class="average" stroke-width="2" d="M{line}h0"/>')
            about += f" The last seven days average {half_up(weeks[-1], 7):,}."
        until = f"up to {long_day(end)}"
    light, dark = (
        "".join(rule % colours[scheme] for rule, *colours in CHART_COLOURS) for scheme in (0, 1)
    )
    name = project if len(project) <= 38 else f"{project[:37]}…"
    head = CHART_HEAD.format(
        project=project, about=about, name=name, until=until, light=light, dark=dark
    )
    return head + "\n".join([*plot, "</svg>"])


def long_day(day: date) -> str:
    """A day as one says it: 1 May 2026."""
    return f"{day.day} {day:%B %Y}"


class Listing(BaseModel):
    """A package as the page lists it.

    The windows and the trend end on `last_date`. `previous_month` is the 30 days before the
    month; `trend` has a character a day, of up to 90 since the first known: its share of the
    greatest of them, from `0` to `z` as the digits of base 36. `python` and `system` are what
    these badges say, None where there are none or the breakdown is off.
    """

    name: str
    total: int
    month: int
    week: int
    day: int
    previous_month: int
    last_date: date | None
    fetched: AwareDatetime  # UTC
    trend: str
    python: str | None
    system: str | None


class Catalogue(BaseModel):
    """What the page at the site's root needs to know: docs/_packages.json.

    `repository` and `url` are None where the page has to tell by its own address.
    """

    repository: str | None  # OWNER/NAME
    url: str | None
    packages: list[Listing]


def render_site(
    site: Site, packages: Iterable[Package], kept: Mapping[str, Kept]
) -> dict[str, bytes]:
    """Every file that is deployed and not kept: the charts, and the catalogue for the page.

    Of those packages that have figures; paths and bytes as `render` gives them, and pure.
    """
    files: dict[str, str] = {}
    listings = []
    named = {package.project: package for package in packages}
    for project in sorted(named.keys() & kept.keys()):
        package, figures = named[project], kept[project]
        stats, history, on = figures.stats, figures.history, package.breakdown
        if stats is None:
            continue
        end = stats.last_date
        listing = Listing(
            name=project,
            total=stats.total_downloads,
            month=stats.last_month,
            week=stats.last_week,
            day=stats.last_day,
            previous_month=sum(window(history, end, 60)[30:]) if end else 0,
            last_date=end,
            fetched=stats.timestamp,
            trend=trend(history, end) if end else "",
            python=(on and python_versions(package, figures)) or None,
            system=(on and top_system(package, figures)) or None,
        )
        listings.append(listing)
        files[CHART.format(project)] = chart(project, history, end)
    catalogue = Catalogue(
        repository=None if site.repository == _NO_REPOSITORY else site.repository,
        url=site.url if "url" in site.model_fields_set else None,
        packages=listings,
    )
    files[CATALOGUE] = catalogue.model_dump_json()
    return {path: f"{text}\n".encode() for path, text in files.items()}


# ---------------------------------------------------------------------------------- publish


SCRATCH = ".pepy-stats.tmp"  # below the output folder, while it is being written to


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """One run at a time reads, merges and writes the kept figures below `output`.

    The folder itself is locked, so there is no lock file, and a killed run leaves no lock.
    """
    output.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    folder = os.open(output, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def publish(
    output: Path, files: Mapping[str, bytes], remove: Iterable[str] = ()
) -> tuple[list[str], dict[str, str]]:
    """Make `output` hold `files` and none of `remove`.

    Returns the paths that changed, and for those that could not be written or removed why.
    A file is replaced whole or not at all, and left alone if its bytes are right already. A
    stats.json that is there goes last: a kill must not leave it claiming more than is written.
    Only to be called while the folder is locked: what a killed run left behind goes first.
    """
    changed: list[str] = []
    failed: dict[str, str] = {}
    scratch = output / SCRATCH
    if scratch.is_symlink() or scratch.is_file():
        scratch.unlink()
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()

    def write(target: Path, content: bytes) -> bool:
        if _read(target) == content:
            return False
        fresh = scratch / target.name
        fresh.write_bytes(content)
        if not target.parent.exists():
            target.parent.mkdir()
        fresh.replace(target)
        return True

    def delete(target: Path) -> bool:
        target.unlink()
        if target.parent != output and not any(target.parent.iterdir()):
            target.parent.rmdir()
        return True

    late = {path for path in files if path.endswith(STATS.format("")) and (output / path).exists()}
    jobs = [
        (path, partial(write, output / path, files[path]))
        for path in sorted(files, key=late.__contains__)
    ]
    jobs += [(path, partial(delete, output / path)) for path in remove if (output / path).exists()]
    for path, job in jobs:
        try:
            if job():
                changed.append(path)
        except OSError as error:
            failed[path] = error.strerror or type(error).__name__
    shutil.rmtree(scratch, ignore_errors=True)
    return changed, failed


def unlisted(output: Path, listed: Collection[str]) -> dict[str, list[str]]:
    """Packages published below `output` that are not listed, and their files' paths."""
    found: dict[str, list[str]] = {}
    for path in sorted(output.glob(STATS.format("*"))):
        project = path.parent.name
        if project in listed or project != normalise(project) or path.parent.is_symlink():
            continue
        try:
            kept = read_kept(output, project)
            Package(name=project)
        except ValueError:
            continue  # not a package's folder, or too damaged to be sure
        if kept is not None:
            found[project] = files_of(project)[::-1]
    return found


# ----------------------------------------------------------------------------------- report


def say(*lines: str, log: bool = True) -> None:
    """Write lines to the log (standard error), or to standard output.

    Where nobody reads on, as behind `| head`, the job goes on all the same.
    """
    stream = sys.stderr if log else sys.stdout
    if stream is None:  # closed from the start
        return
    try:
        print("\n".join(map(plain, lines)), file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def summarise(
    markdown: str, annotations: Iterable[tuple[str, str, str]] = (), *, log: bool = False
) -> None:
    """Add to the job's summary on GitHub, and annotate it with (level, project, text).

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
    """
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as summary:
            summary.write(markdown)
    except OSError as error:
        say(f"warning: Cannot write the job's summary: {error}")

    def escaped(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    for level, title, text in annotations:
        say(f"::{level} title={title}::{escaped(text)}", log=log)


class Row(NamedTuple):
    """What happened to one package; its level decides about annotations and the exit code."""

    project: str
    total: str
    change: str
    month: str
    happened: str
    level: Literal["", "warning", "error"] = ""


HEADINGS = ("package", "total", "change", "month", "what happened")
SUMMARY_ROWS = 1000  # a summary on GitHub holds 1 MiB


def describe(project: str, outcome: Outcome, before: Kept | None, after: Kept | None) -> Row:
    """The report's row for one package that was asked for."""
    old, new = before.stats if before else None, after.stats if after else None
    total = f"{new.total_downloads:,}" if new else "–"
    month = f"{new.last_month:,}" if new else "–"
    if outcome.kind == "figures" and new:
        if old is None:
            return Row(project, total, "–", month, "new")
        difference = new.total_downloads - old.total_downloads
        change = f"{difference:+,}"
        if difference < 0:
            note = "the total fell; published, since PePy corrects itself at times"
            return Row(project, total, change, month, note, "warning")
        return Row(project, total, change, month, "updated" if new != old else "unchanged")
    if outcome.kind == "unknown" and new:
        note = f"PePy no longer knows it; the figures of {new.timestamp:%Y-%m-%d} stand"
        return Row(project, total, "–", month, note, "warning")
    level: Literal["", "error"] = "" if outcome.kind == "postponed" else "error"
    return Row(project, total, "–", month, outcome.reason, level)


def report(rows: list[Row], notes: list[str]) -> None:
    """Print the table to standard output, and to the job's summary on GitHub."""
    cells: list[tuple[str, ...]] = [HEADINGS, *(row[:5] for row in rows)] if rows else []
    name, *widths = [max(map(len, column)) for column in zip(*cells, strict=True)] or [0]
    table = [
        "  ".join([first.ljust(name), *map(str.rjust, numbers, widths), last])
        for first, *numbers, last in cells
    ]
    say(*table, *notes, log=False)

    lines = [f"| {' | '.join(HEADINGS)} |", "| :-- | --: | --: | --: | :-- |"] if rows else []
    urgent = sorted(rows, key=lambda row: ("error", "warning", "").index(row.level))
    for row in urgent[:SUMMARY_ROWS]:
        happened = re.sub(r"([\\`*_{}\[\]<>|&])", r"\\\1", plain(row.happened))
        lines.append(f"| `{row.project}` | {row.total} | {row.change} | {row.month} | {happened} |")
    more = len(rows) - SUMMARY_ROWS
    lines += ["", f"And {more} packages more."] if more > 0 else []
    for note in notes:
        lines += ["", plain(note)]
    annotations = [(row.level, row.project, row.happened) for row in rows if row.level]
    summarise("\n".join(lines) + "\n", annotations)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"


class ProgressLine:
    """On a terminal one line that is redrawn, elsewhere a line a package."""

    def __init__(self) -> None:
        self.live = bool(sys.stderr and sys.stderr.isatty()) and os.environ.get("TERM") != "dumb"
        self.latest = ""
        self.told = ""  # the last state of the breakdowns

    def package(self, fetching: Fetching, project: str, outcome: Outcome) -> None:
        """A package is done."""
        self.latest = project
        if not self.live:
            what = f"{outcome.figures.total:,} downloads" if outcome.figures else outcome.reason
            say(f"[{fetching.done}/{fetching.total}] {project}: {what}")

    def tick(self, fetching: Fetching) -> None:
        """Time has passed."""
        if not self.live:
            return
        self._draw(
            f"[{fetching.done}/{fetching.total}]",
            "waiting for PePy's rate limit" if fetching.waiting else self.latest,
            _time_left(fetching.seconds_left(time.monotonic())),
        )

    def breakdowns(self, breakdowns: Breakdowns) -> None:
        """PePy is done, and time has passed."""
        what = "waiting, since pypistats.org refused" if breakdowns.refused else "pypistats.org"
        about = _time_left(breakdowns.seconds_left)
        if self.live:
            self._draw(f"[{breakdowns.left} to go]", what, about)
        elif what != self.told:
            self.told = what
            say("  ".join(filter(None, [f"{what}: {breakdowns.left} addresses to go", about])))

    def end(self) -> None:
        """Nothing more is fetched."""
        if self.live:
            self._draw()

    def _draw(self, *parts: str) -> None:
        line = plain("  ".join(filter(None, parts)))[: shutil.get_terminal_size().columns - 1]
        try:
            print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)
        except OSError:  # the terminal is gone, the job goes on
            self.live = False


def _time_left(seconds: float | None) -> str:
    if not seconds:
        return ""
    if seconds < 60:
        return f"about {seconds:.0f} s left"
    if seconds < 3600:
        return f"about {seconds // 60:.0f} min left"
    return f"about {seconds / 3600:.1f} h left"


# -------------------------------------------------------------------- requests for packages

REQUEST_FIELDS = {  # of .github/ISSUE_TEMPLATE/add-package.yml, and the options they set
    "Packages": "name",
    "Label": "label",
    "Colour": "color",
    "Logo": "namedLogo",
}
REQUEST_BYTES = 4 * 65_536  # GitHub's limit is 65,536 characters
REQUEST_PACKAGES = 10
REQUEST_LABEL = 60  # characters


class Refused(Exception):
    """A request that won't be granted as it stands; its arguments are the reasons, in Markdown."""


class Deferred(Exception):
    """A request that can't be granted now, through no fault of whoever made it."""


def quoted(text: str) -> str:
    """A stranger's text as Markdown that can't be anything but text: a code span of ASCII."""
    return f"`{_short(text).replace('`', chr(39))}`"


def read_request(body: bytes) -> list[Package]:
    """The packages that an issue made from the form asks for, each project once.

    Raises Refused with everything that is wrong with it.
    https://docs.github.com/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-issue-forms
    """
    try:
        text = body.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        text = ""
    # A heading inside of a value makes one too many, whatever it says.
    before, *parts = re.split(r"^###(?: (.*))?$", text, flags=re.MULTILINE)
    headings = [(heading or "").strip() for heading in parts[::2]]
    values = [value.strip() for value in parts[1::2]]
    known = "Packages" in headings and set(headings) <= REQUEST_FIELDS.keys()
    if before.strip() or not known or len(set(headings)) < len(headings):
        raise Refused("This is not what the form makes of its fields: please use the form.")
    fields = {
        REQUEST_FIELDS[heading]: value
        for heading, value in zip(headings, values, strict=True)
        if value and value != "_No response_"
    }

    names = [line.strip() for line in fields.pop("name", "").split("\n") if line.strip()]
    label = fields.get("label", "")
    wrong = []
    if not 1 <= len(names) <= REQUEST_PACKAGES:
        wrong.append(f"Packages: name 1 to {REQUEST_PACKAGES} of them, one a line.")
    if len(label) > REQUEST_LABEL or not label.isprintable():
        wrong.append(
            f"Label: at most {REQUEST_LABEL} characters, all of them visible, in one line."
        )
    packages = {}
    for name in names[:REQUEST_PACKAGES]:
        try:
            package = Package(name=name, **fields)  # type: ignore[arg-type]
            packages[package.project] = package.model_copy(update={"name": package.project})
        except ValidationError as error:
            for details in error.errors():
                wrong.append(f"{quoted(details['input'])}: {_reason(details)}.")
    if wrong:
        raise Refused(*dict.fromkeys(wrong))
    return [*packages.values()]


def lengthen(config: Config, text: bytes, packages: Iterable[Package]) -> tuple[Config, bytes]:
    """A list with those packages that it lacks, and what to append to its text for that.

    Raises Refused above the limit, and Unable where tables can't follow.
    """
    listed = config.projects
    new = [package for package in packages if package.project not in listed]
    if new and len(listed) + len(new) > config.limits.packages:
        raise Refused(
            f"This site lists {config.limits.packages} packages at most, and has {len(listed)}. "
            f"[Host your own]({config.site.home}#readme): it takes five minutes."
        )
    added = b"\n" if new and text and not text.endswith(b"\n") else b""
    for package in new:
        options = {"name": package.name} | package.model_dump(exclude_unset=True)
        # A JSON string of visible characters is a TOML one.
        lines = [f"{key} = {json.dumps(v, ensure_ascii=False)}\n" for key, v in options.items()]
        added += "".join(["\n[[package]]\n", *lines]).encode()
    try:
        return parse_list(text + added, "packages.toml"), added
    except Unable:
        raise Unable(
            "Nothing can be added to packages.toml: write its packages as [[package]] tables."
        ) from None


def markdown(site: Site, project: str) -> list[str]:
    """A new package's badges and its chart as one pastes them into a README."""
    pictures = [
        ("Downloads", f"https://img.shields.io/endpoint?url={quote(endpoint, safe='')}")
        for endpoint in (f"{site.url}/{m.path.format(project)}" for m in METRICS if not m.label)
    ]
    pictures.append(("Downloads a day", f"{site.url}/{CHART.format(project)}"))
    page = f"https://pepy.tech/projects/{project}"
    return [f"[![{text}]({picture})]({page})" for text, picture in pictures]


def granted_comment(site: Site, request: Iterable[Package], new: Collection[Package]) -> str:
    """What to answer, as Markdown, once the badges are published."""
    lines = ["Here they are, and from now on they are refreshed once a day."]
    for package in request:
        project = package.project
        badges = markdown(site, project)
        lines += ["", f"### `{project}`", ""]
        if package not in new:
            lines += ["It was listed already; nothing about it has changed.", ""]
        lines += [*badges, "", "```markdown", *badges, "```", ""]
        lines.append(f"[Choose another look on the page]({site.url}/#{project}).")
    return "\n".join(lines)


def refused_comment(site: Site, reasons: Iterable[str]) -> str:
    """What to answer to a request that was refused, as Markdown."""
    form = f"{site.home}/issues/new?template=add-package.yml"
    lines = ["Nothing was added:", "", *(f"- {reason}" for reason in reasons), ""]
    return "\n".join([*lines, f"To try again, open [a new request]({form}): this one is closed."])


def deferred_comment(reason: str) -> str:
    """What to answer to a request that has to wait, as Markdown."""
    return (
        f"Not yet: {reason}. Nothing is wrong with your request: it stays open and is tried "
        "again every day, until it is granted or refused here."
    )


# ------------------------------------------------------------------------------ the command


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    command: Literal["update", "render", "add"]
    names: list[str]
    missing: bool
    prune: bool
    deadline: float  # on the monotonic clock; no request starts after it
    fetched: Path | None
    config: Path
    output: Path


def service_url(variable: str, default: str) -> str:
    """A service's address: `default`, or what the environment has instead. Raises Unable."""
    url = os.environ.get(variable, "").strip().rstrip("/") or default
    try:
        parts = urlsplit(url)
        local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
        usable = parts.hostname and (parts.scheme == "https" or local) and "@" not in parts.netloc
    except ValueError:
        usable = False
    if not usable:
        raise Unable(
            f"{variable} must be an https:// address (http:// only for this machine), since "
            "figures and keys must be safe on their way."
        )
    return url


def pepy_key() -> str:
    """PePy's key, from the environment. Raises Unable, never showing the key."""
    key = os.environ.get("PEPY_API_KEY", "").strip()
    if not key:
        raise Unable(
            "There is no PePy API key. Get a free one from your profile on https://pepy.tech "
            "and set it as PEPY_API_KEY (on GitHub: as a repository secret of that name, "
            "under Settings, Secrets and variables, Actions)."
        )
    if not all(" " <= char <= "~" for char in key):
        raise Unable(
            "PEPY_API_KEY has characters that no key has: copy the key alone, from your "
            "profile on https://pepy.tech."
        )
    return key


def check_folder(folder: Path, option: str) -> None:
    """Raise Unable if nothing can be written to a folder, which needn't be there yet."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        name = plain(str(nearest))
        raise Unable(f"{name} is no folder that can be written to: name another with {option}.")


def choose(
    arguments: Arguments, listed: Mapping[str, Package]
) -> tuple[list[str], dict[str, list[str]]]:
    """The projects to fetch: those without figures first, then the longest unrefreshed.

    And what is due of whose breakdown: keys of ADDRESSES by project, whatever pypistats.org
    hasn't answered today (UTC); those that got nothing the last time come first.
    Raises Unable for a name that is not listed.
    """
    names = {normalise(name) for name in arguments.names}
    if unknown := sorted(names - set(listed)):
        names_shown = ", ".join(map(_short_key, unknown))
        raise Unable(
            f"Not listed in {plain(str(arguments.config))}: {names_shown}. Add it there first."
        )
    kept, damaged = read_all_kept(arguments.output, names or listed)
    stats = {project: figures.stats for project, figures in kept.items() if figures.stats}
    asked = [
        project
        for project in listed
        if project not in damaged and (not names or project in names)
        if not (arguments.missing and project in stats)
    ]
    asked.sort(key=lambda project: stats[project].timestamp.timestamp() if project in stats else 0)

    answered = {project: figures.answered for project, figures in stats.items()}
    today = datetime.now(UTC).date()
    order = [project for project in asked if listed[project].breakdown]
    random.shuffle(order)  # or else broken ones might come first every day
    due = {}
    for project in sorted(order, key=lambda project: bool(answered.get(project))):
        fresh = project in stats and stats[project].timestamp.date() == today
        done = answered[project] if fresh else []
        if names_due := [name for name in ADDRESSES if name not in done]:
            due[project] = names_due
    return asked, due


@dataclass
class Fetched:
    """What one run has of every project asked for.

    With --fetched the figures are in a file too: what is there already isn't asked for, so
    that a run can be done again on another state of the repository without fetching twice.
    """

    figures: dict[str, Figures] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)  # breakdowns, by the reason
    interrupted: bool = False


def fetch(
    asked: Collection[str], arguments: Arguments, home: str, due: Mapping[str, Collection[str]]
) -> Fetched:
    """Ask PePy for every project, and pypistats.org for what is `due`, within the time limit.

    Raises Unable without a key, and if PePy refused it before it answered for anything.
    """
    fetched = Fetched()
    path = arguments.fetched
    if path:
        check_folder(path.parent, "--fetched")
    if path and (arguments.command == "render" or path.exists()):
        try:
            fetched.figures |= TypeAdapter(dict[str, Figures]).validate_json(path.read_bytes())
        except (OSError, ValueError):
            raise Unable(f"{plain(str(path))} is no file that --fetched has written.") from None
    if asked := [project for project in asked if project not in fetched.figures]:
        new = ask_for_all(asked, home, arguments.deadline, due)
        fetched = replace(new, figures=fetched.figures | new.figures)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(TypeAdapter(dict[str, Figures]).dump_json(fetched.figures))
    return fetched


def ignore_interrupts() -> None:
    """From now on what was fetched is only to be published, which takes seconds."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def ask_for_all(
    asked: Collection[str], home: str, deadline: float, due: Mapping[str, Collection[str]]
) -> Fetched:
    """The outcome of every project asked for, and of what is `due`, beside.

    Nothing is asked after `deadline`, in seconds on the monotonic clock. Raises Unable
    without a key, and if PePy refused it before it answered for anything.
    """
    pepy = service_url("PEPY_API_URL", "https://api.pepy.tech")
    pypistats = service_url("PYPISTATS_API_URL", "https://pypistats.org/api")
    session = open_session(home, **{"X-API-Key": pepy_key()})
    other = open_session(home)  # which knows no key
    line = ProgressLine()
    fetching = Fetching(asked, lambda p: ask_pepy(session, pepy, p), deadline, line.tick)
    breakdowns = Breakdowns(due, lambda p, name: ask_pypistats(other, pypistats, p, name), deadline)
    fetched = Fetched()
    outcomes = fetched.outcomes
    try:
        for project, outcome in fetching:
            outcomes[project] = outcome
            if outcome.figures:
                breakdowns.add(project)
            if outcome.kind != "key refused":  # that is told once, for all
                line.package(fetching, project, outcome)
        breakdowns.end()
        while breakdowns.wait(TICK):
            line.breakdowns(breakdowns)
    except KeyboardInterrupt:  # or a job that GitHub cancels: what is fetched is not lost
        fetched.interrupted = True
    ignore_interrupts()
    if fetched.interrupted:
        breakdowns.stop(INTERRUPTED.reason)
        fetched.outcomes = outcomes = dict.fromkeys(asked, INTERRUPTED) | outcomes
    line.end()
    kinds = {outcome.kind for outcome in outcomes.values()}
    if "key refused" in kinds and "figures" not in kinds:
        raise Unable(
            "PePy refused the API key. Check PEPY_API_KEY, or make a new key in your "
            "profile on https://pepy.tech."
        )
    found, fetched.missing = breakdowns.results()
    for project, outcome in outcomes.items():
        if outcome.figures:
            fetched.figures[project] = outcome.figures | found.get(project, Breakdown())
    return fetched


class Published(NamedTuple):
    """What a publication did."""

    before: Mapping[str, Kept]
    after: Mapping[str, Kept]
    damaged: Mapping[str, Outcome]
    changed: list[str]
    failed: Mapping[str, str]  # paths that could not be written, and why


def keep_and_publish(
    output: Path,
    packages: Collection[Package],
    fetched: Mapping[str, Figures],
    *,
    site: Site | None = None,
    remove: Iterable[str] = (),
    joining: Collection[str] = (),
) -> Published:
    """Lay fetched figures over the kept ones, render the packages, and publish what changed.

    With `site`, whose packages these all are, its charts and catalogue are rendered too.
    Where `joining` are other projects, the windows end where theirs do: a few packages can't
    tell which day PePy surely has. Only to be called while the folder is locked. What is kept
    is read only now: another run may have published while this one fetched.
    """
    named = {package.project: package for package in packages}
    projects = list(named)
    before, damaged = read_all_kept(output, projects)
    fresh = {p: fetched[p] for p in projects if p in fetched and p not in damaged}
    others, _ = read_all_kept(output, joining)
    reached = [newest_day(new.history) for new in fresh.values()]
    waiting = [
        figures.stats.last_date
        for project, figures in (before | others).items()
        if figures.stats and project not in fresh
    ]
    ends = [windows_end([*reached, *waiting] if joining else reached)]
    if len(waiting) >= len(reached):  # else they may be the few that are ahead
        ends.append(windows_end(waiting))
    end = max(filter(None, ends), default=None)
    after = {**before, **{p: keep(before.get(p), new, named[p], end) for p, new in fresh.items()}}
    files = render(packages, after)
    if site is not None:
        files |= render_site(site, packages, after)
    changed, failed = publish(output, files, remove)
    return Published(before, after, damaged, changed, failed)


def run(arguments: Arguments) -> int:
    """The whole job. Returns the exit code.

    Raises Unable before anything is written, OSError where the folder can't be written to.
    """
    config, _ = read_list(arguments.config)
    packages = config.projects
    if not packages:
        raise Unable(
            f'{plain(str(arguments.config))}: list at least one package: [[package]] and name = "…"'
            " below it."
        )
    output = arguments.output
    check_folder(output, "--output")
    asked, due = choose(arguments, packages) if arguments.command == "update" else ([], {})
    fetched = fetch(asked, arguments, config.site.home, due)
    with locked(output):
        gone = unlisted(output, packages)
        remove = [path for paths in gone.values() for path in paths] if arguments.prune else []
        done = keep_and_publish(
            output, config.package, fetched.figures, site=config.site, remove=remove
        )

    outcomes = {**fetched.outcomes, **done.damaged}
    for path, reason in done.failed.items():
        project = path if path == CATALOGUE else path.partition("/")[0].removesuffix(".json")
        outcomes[project] = Outcome("failed", f"cannot write {output / path}: {reason}")
    rows = [
        describe(project, outcome, done.before.get(project), done.after.get(project))
        for project in dict.fromkeys([*packages, *gone, *outcomes])  # or the catalogue
        if (outcome := outcomes.get(project))
    ]
    for reason, names in fetched.missing.items():
        happened = f"{reason}: no newer breakdown, the last one stands, if any ({_some(names)})"
        rows.append(Row("pypistats.org", "–", "–", "–", happened, "warning"))
    notes = [f"{len(done.changed)} files changed in {output}."]
    if without := [p for p in packages if p not in outcomes and p not in done.after]:
        notes.append(f"Without figures yet: {', '.join(without)}. Run update.")
    if gone and arguments.prune:
        notes.append(f"No longer listed, files removed: {', '.join(gone)}.")
    elif gone:
        notes.append(f"No longer listed, files left alone: {', '.join(gone)}. Remove with --prune.")
    report(rows, notes)
    return 130 if fetched.interrupted else int(any(row.level == "error" for row in rows))


def add(arguments: Arguments) -> int:
    """Answer a request for packages, read from standard input. Returns the exit code.

    Prints the answer to post, as Markdown. Raises Unable where only the owner can help,
    OSError where a file can't be written; then there is no answer.
    """
    check_folder(arguments.output, "--output")
    config, text = read_list(arguments.config)
    try:
        request = read_request(sys.stdin.buffer.read(REQUEST_BYTES) if sys.stdin else b"")
        new = grant(request, config, text, arguments)
    except Refused as refused:
        answer, code = refused_comment(config.site, refused.args), 1
    except Deferred as deferred:
        answer, code = deferred_comment(str(deferred)), 3
    else:
        answer, code = granted_comment(config.site, request, new), 0
    say(*answer.split("\n"), log=False)
    return code


def grant(
    request: list[Package], config: Config, text: bytes, arguments: Arguments
) -> list[Package]:
    """List, fetch and publish what is requested, all of it or nothing.

    `config` and `text` are the list; returns those requested that it lacked. Where it raises
    Refused, Deferred, Unable or OSError, nothing has changed.
    """
    output, path = arguments.output, arguments.config
    lengthen(config, text, request)  # what is wrong with it is told before fetching
    listed = config.projects
    kept, damaged = read_all_kept(output, (package.project for package in request))
    for outcome in damaged.values():
        raise Unable(outcome.reason)
    known = {p for p, figures in kept.items() if figures.stats and p in listed}
    asked = [package.project for package in request if package.project not in known]
    fetched = fetch(asked, arguments, config.site.home, due={})
    if fetched.interrupted:
        raise KeyboardInterrupt
    outcomes = fetched.outcomes
    if unknown := [p for p in outcomes if outcomes[p].kind == "unknown"]:
        raise Refused(*(f"`{p}`: {outcomes[p].reason}" for p in unknown))
    for outcome in outcomes.values():
        if outcome.kind == "postponed":
            raise Deferred("the quota of this site's PePy key is used up for now")
        if outcome.kind != "figures":
            raise Deferred(outcome.reason)

    with locked(output):
        config, text = read_list(path)  # again: it may have grown meanwhile
        longer, added = lengthen(config, text, request)
        packages = longer.projects
        others = packages.keys() - set(asked)
        before = {file: _read(output / file) for p in asked for file in files_of(p)}
        try:
            new = [packages[project] for project in asked]
            done = keep_and_publish(output, new, fetched.figures, joining=others)
            for file, reason in done.failed.items():
                raise OSError(f"{output / file}: {reason}")
            if added:
                fresh = path.resolve().with_suffix(".tmp")
                fresh.write_bytes(text + added)
                shutil.copymode(path, fresh)
                fresh.replace(path.resolve())
        except BaseException:
            there = {file: content for file, content in before.items() if content is not None}
            publish(output, there, before.keys() - there.keys())
            raise
    return [package for package in request if package.project not in listed]


HELP = """\
Fetch the download figures of the packages in packages.toml from PePy, keep them, and
write Shields endpoint badges into docs/.

  script.py                         fetch every package, then write all badges
  script.py update requests flask   fetch only these
  script.py update --missing        fetch only packages that have no figures yet
  script.py render                  write the badges anew from what is kept: no network
  script.py add < request.md        list, fetch and publish what an issue asks for, and
                                    print the answer to it
"""
HELP_BELOW = """\
environment:
  PEPY_API_KEY       your key, free from your profile on https://pepy.tech
  PEPY_API_URL       PePy's address (default: https://api.pepy.tech)
  PYPISTATS_API_URL  where breakdowns come from (default: https://pypistats.org/api)

exit code:
  0    everything asked for is fresh, or postponed to the next run
  1    something failed; everything else was published (add: the request was refused)
  2    nothing could be done; the message says what to do
  3    add: nothing was done; try again later
  130  interrupted; what had been fetched was published
"""


def parse(argv: list[str] | None) -> Arguments:
    """The command line as Arguments; exits with code 2 where it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="script.py",
        description=HELP,
        epilog=HELP_BELOW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def minutes(text: str) -> float:
        value = float(text)
        if not 0 < value < math.inf:
            raise ValueError
        return value

    parser.add_argument(
        "command",
        nargs="?",
        choices=["update", "render", "add"],
        default="update",
        help="what to do (default: update)",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="fetch only these packages")
    parser.add_argument("--missing", action="store_true", help="fetch only what has no figures yet")
    parser.add_argument(
        "--time-limit",
        type=minutes,
        metavar="MINUTES",
        help="start no request after that; the next run continues (default for add: 5)",
    )
    parser.add_argument(
        "--fetched",
        type=Path,
        metavar="FILE",
        help="save what was fetched in FILE too, and don't ask for what is there already",
    )
    parser.add_argument(
        "--prune", action="store_true", help="remove the files of packages no longer listed"
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("packages.toml"),
        metavar="FILE",
        help="the list of packages (default: packages.toml)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("docs"),
        metavar="DIR",
        help="where the figures and badges go (default: docs)",
    )
    options = vars(parser.parse_intermixed_args(argv))
    if options["command"] == "render" and any(map(options.get, ("names", "missing", "time_limit"))):
        parser.error("render fetches nothing: NAME, --missing and --time-limit go with update")
    if options["command"] == "add" and any(map(options.get, ("names", "missing", "prune"))):
        parser.error("add reads from standard input what to fetch, and removes nothing")
    limit = options.pop("time_limit") or (5 if options["command"] == "add" else math.inf)
    return Arguments(**options, deadline=time.monotonic() + limit * 60)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    arguments = parse(argv)
    try:
        return (add if arguments.command == "add" else run)(arguments)
    except Unable as error:
        say(*f"error: {error}".split("\n"))
        message = plain(str(error).replace("\n", " "))
        code = "".join(f"    {plain(line)}\n" for line in str(error).split("\n"))
        summarise(
            f"**Nothing was done.**\n\n{code}\n",
            [("error", "pepy-stats", message)],
            log=arguments.command == "add",  # whose standard output is the answer
        )
        return 2
    except OSError as error:
        say(f"error: Cannot publish: {error}. Every file is whole: mend this and run it again.")
        return 1


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
