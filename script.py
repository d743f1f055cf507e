"""Publish the download figures of Python packages as Shields endpoint badges.

One run, which does the same whatever started it:

    packages.toml ──┐
    open requests ──┤                  ┌─ one package after another ──┐
    PePy ───────────┼─> ask for what ─>┤ read what is kept, add what  ├─> families, catalogue,
    pypistats.org ──┤   is due         │ came, render, write          │   README, answers, report
    ClickHouse ─────┘                  └──────────────────────────────┘

The sections below are these steps; `run`, at the end, puts them together.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
import threading
import time
import tomllib
import traceback
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from array import array
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from functools import cache, cached_property, partial
from itertools import chain
from operator import add, itemgetter
from pathlib import Path
from statistics import median, median_low
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, TypeVar, get_args
from urllib.parse import quote

import pydantic
import requests
import urllib3
from pydantic import BaseModel, Field, NonNegativeInt, ValidationError, ValidationInfo
from pydantic_core import to_json

REPOSITORY = os.environ.get("GITHUB_REPOSITORY", "")  # OWNER/NAME


class Unable(Exception):
    """Nothing can be done until somebody acts; the message says what to do."""


class Damaged(Exception):
    """A file that is kept of a package can't be read; the message says what to do."""

    def __init__(self, path: Path) -> None:
        how = f"restore it with git, or delete {path.parent} to start over"
        super().__init__(f"{path} is damaged: {how}")


# ------------------------------------------------------------------------------ 1. the list

COLOURS = """aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue
blueviolet brown burlywood cadetblue chartreuse chocolate coral cornflowerblue cornsilk crimson cyan
darkblue darkcyan darkgoldenrod darkgray darkgreen darkgrey darkkhaki darkmagenta darkolivegreen
darkorange darkorchid darkred darksalmon darkseagreen darkslateblue darkslategray darkslategrey
darkturquoise darkviolet deeppink deepskyblue dimgray dimgrey dodgerblue firebrick floralwhite
forestgreen fuchsia gainsboro ghostwhite gold goldenrod gray green greenyellow grey honeydew hotpink
indianred indigo ivory khaki lavender lavenderblush lawngreen lemonchiffon lightblue lightcoral
lightcyan lightgoldenrodyellow lightgray lightgreen lightgrey lightpink lightsalmon lightseagreen
lightskyblue lightslategray lightslategrey lightsteelblue lightyellow lime limegreen linen magenta
maroon mediumaquamarine mediumblue mediumorchid mediumpurple mediumseagreen mediumslateblue
mediumspringgreen mediumturquoise mediumvioletred midnightblue mintcream mistyrose moccasin
navajowhite navy oldlace olive olivedrab orange orangered orchid palegoldenrod palegreen
paleturquoise palevioletred papayawhip peachpuff peru pink plum powderblue purple rebeccapurple red
rosybrown royalblue saddlebrown salmon sandybrown seagreen seashell sienna silver skyblue slateblue
slategray slategrey snow springgreen steelblue tan teal thistle tomato turquoise violet wheat white
whitesmoke yellow yellowgreen brightgreen critical important success informational inactive"""
COLOUR = re.compile(  # all that Shields draws; an unknown message colour turns bright green
    r"#?([0-9a-f]{3}){1,2}|#([0-9a-f]{4}){1,2}|(rgba?\( *\d+(%?)( *, *\d+\4){2}"
    r"|hsla?\( *\d+(deg|rad|grad|turn)?( *, *\d+%){2})( *, *(0|1|0?\.\d+|\d+%))? *\)|"
    + "|".join(COLOURS.split()),
    re.ASCII | re.IGNORECASE,
)
KINDS = "it knows blue, #fe7d37, rgb(1,2,3), rgba(1,2,3,0.4), hsl(1,2%,3%), hsla(1,2%,3%,0.4)"
PATTERNS = {  # that a whole text has to match, here and on the page, and what is allowed
    "label": (r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]*", "one line, no control characters"),
    "namedLogo": ("[a-z0-9]{1,60}", "a logo is a simple-icons slug, such as pypi"),
    "logoSvg": (r"\s*<svg.*", "an SVG logo is the text of the picture and starts with <svg"),
    "url": (
        r"https://[A-Za-z0-9.-]{1,100}(:\d+)?(/[A-Za-z0-9._~-]+)*/?",
        "Shields reads only https:// addresses, here one without ? and #",
    ),
    "name": (  # https://packaging.python.org/specifications/name-normalization/
        "[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?",
        "not a package name: at most 100 ASCII letters, digits, '.', '_' and '-', a letter or "
        "digit first and last",
    ),
}


class Section(BaseModel, strict=True, frozen=True, extra="forbid"):
    """A section of packages.toml: no other keys, and values of exactly these types."""

    @pydantic.field_validator("*")
    @classmethod
    def _matches(cls, value: object, info: ValidationInfo) -> object:
        pattern, allowed = PATTERNS.get(str(info.field_name), (".*", ""))
        if isinstance(value, str) and not re.fullmatch(pattern, value, re.ASCII | re.DOTALL):
            raise ValueError(allowed)
        return value


Style = Literal["flat", "flat-square", "plastic", "for-the-badge", "social"]


class Look(Section):
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

    @pydantic.field_validator("color", "labelColor", "logoColor")
    @classmethod
    def _is_drawn(cls, value: str | None) -> str | None:
        if value is None or COLOUR.fullmatch(value):
            return value and value.lower()  # Shields knows no other case
        text = re.sub(r"(?<=[\w%])[ ,/]+(?=[\d.])", ", ", value.strip().lower())
        words = [text, *COLOURS.split()]
        near = get_close_matches(text, filter(COLOUR.fullmatch, words), 1)
        hint = f"the nearest is {short(near[0])}" if near else KINDS
        raise ValueError(f"not a colour that Shields knows; {hint}")


class Options(Look):
    """A package's options. The last two are whether pypistats.org and ClickHouse are asked, too."""

    units: Literal["abbreviation", "international_system", "none"] = "abbreviation"
    decimals: Annotated[int, Field(ge=0, le=3)] = 1
    breakdown: bool = False
    backfill: bool = True


class Package(Options):
    """One [[package]], the defaults merged in. It comes once in a context, a set of projects."""

    prefix: ClassVar = ""
    name: str

    @pydantic.field_validator("name")
    @classmethod
    def _comes_once(cls, value: str, info: ValidationInfo) -> str:
        if info.context is None:
            return value
        project = cls.prefix + normalise(value)
        if project in info.context:
            raise ValueError(f"listed twice: {project} is the same project; remove one")
        if f"{project}.json" == CATALOGUE:
            raise ValueError("its files would be the catalogue's: choose another name")
        info.context.add(project)
        return value

    @pydantic.field_validator("logoSvg")
    @classmethod
    def _is_the_only_logo(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("namedLogo"):
            raise ValueError("Shields takes namedLogo or logoSvg, not both: remove one")
        return value

    @pydantic.field_validator("logoColor", "logoSize")
    @classmethod
    def _is_beside_a_logo(cls, value: str | None, info: ValidationInfo) -> str | None:
        # A mistaken namedLogo isn't in the data, and is told already.
        if value and info.data.get("namedLogo", "mistaken") is None:
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
    def _are_listed(cls, value: list[str], info: ValidationInfo) -> list[str]:
        members = [normalise(name) for name in value]
        listed = members if info.context is None else info.context
        legal = {member for member in listed if not member.startswith(cls.prefix)}
        wrong = {m for m in members if m not in legal or members.count(m) > 1}
        if wrong:
            names = ", ".join(short(member) for member in sorted(wrong))
            raise ValueError(f"{names}: name each once, and only what is listed as a [[package]]")
        return members


class Site(Section):
    """[site]: where docs/ is published, where that isn't the repository's own address."""

    url: str | None = None


class Limits(Section):
    """[limits]: how many packages may be listed for strangers to add one."""

    packages: NonNegativeInt = 500


class Config(Section):
    """The whole of packages.toml."""

    site: Site = Site()
    limits: Limits = Limits()
    defaults: Options = Options()
    package: list[Package] = []
    family: list[Family] = []  # after the packages, which it names

    @pydantic.model_validator(mode="before")
    @classmethod
    def _merge_defaults(cls, data: dict[str, Any]) -> dict[str, Any]:
        # Mistaken ones, too: each package repeats the mistake in the same words, told once.
        defaults = data.get("defaults")
        whole = {**data}
        for section in ("package", "family"):
            tables = data.get(section)
            if isinstance(tables, list) and isinstance(defaults, dict):
                whole[section] = [with_defaults(table, defaults, section) for table in tables]
        return whole

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
        path = host if name.lower() == host else f"{host}/{name}"
        return (os.environ.get("SITE_URL") or self.site.url or f"https://{path}").rstrip("/")


MODELS: dict[Any, type[Section]] = {"site": Site, "limits": Limits, "defaults": Options}
MODELS |= {"package": Package, "family": Family}


def with_defaults(table: object, defaults: dict[str, object], section: str) -> object:
    """A package's or family's table, and the defaults of the options that it doesn't set itself."""
    if not isinstance(table, dict):
        return table
    left_out = set()
    if section == "family":
        left_out |= {"breakdown", "backfill"}
    logos = {"namedLogo", "logoSvg"}
    if logos & defaults.keys() and logos & table.keys():  # its own logo replaces the default one
        left_out |= {*logos, "logoColor", "logoSize"}
    usual = {option: value for option, value in defaults.items() if option not in left_out}
    return usual | table


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
    except (ValueError, RecursionError) as error:
        raise Unable(f"{name} is not TOML in UTF-8: {error}.") from None
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    raise Unable("\n  ".join([f"{name} has {count}:", *mistakes]))


def explain(error: Mapping[str, Any], data: dict[str, Any]) -> str:
    """One of pydantic's errors in words: place = value: what is allowed."""
    section, *keys = error["loc"]
    place = f"[{ascii(section)[1:-1]}]"
    model = MODELS.get(section, Config)
    if section in ("package", "family"):
        if not keys:
            return f'list every {section} as [[{section}]] and name = "..." below it'
        number = int(keys.pop(0))
        table = data[section][number]
        own = table if isinstance(table, dict) else {}
        name = short(own.get("name", "nameless"))
        place = f"[[{section}]] {number + 1} ({name})"
        if keys and keys[0] not in own and error["type"] != "missing":  # it is inherited
            place = "[defaults]"
            model = Options
    place = " ".join([place, *(ascii(str(key))[1:-1] for key in keys)])
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
UNKNOWN = "unknown"  # the column of downloads that name no version or system
OTHER = "other"  # that of what is too little for a column of its own
HEADING = "[0-9A-Za-z][0-9A-Za-z ._+-]{0,39}"  # no spreadsheet takes it for a formula
FIRST = pydantic.FailFast()  # millions of mistakes would take all memory
PastDays = tuple[Annotated[list[date], FIRST], Annotated[list[int], FIRST]]  # and their downloads


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

    data: Annotated[list[tuple[str, PastDays]], FIRST]
    rows: int
    exception: None = None


class Release(Model):
    """One version, of the package or of Python, and its downloads over 30 days."""

    version: str
    downloads: Annotated[Count, Field(gt=0)]


class System(Model):
    """One operating system and its downloads over 30 days."""

    system: str
    downloads: Annotated[Count, Field(gt=0)]


class LatestRelease(Model):
    """The newest final release, and its share of the last seven days in per cent."""

    version: str  # or unknown
    share: Annotated[int, Field(ge=0, le=100)]


class Windows(Model):
    """The downloads of the last 1, 7 and 30 days."""

    last_day: Count
    last_week: Count
    last_month: Count


class Stats(Model):
    """What is kept of a package beside its days: docs/NAME/stats.json. Lists are of 30 days."""

    package: str
    timestamp: pydantic.AwareDatetime  # when PePy answered, UTC
    total_downloads: Count
    last_date: Day | None  # of the windows; null where no package was ever downloaded
    last_day: Count
    last_week: Count
    last_month: Count
    previous_week: Count | None = None  # the 7 and 30 days before these, where all are known and
    previous_month: Count | None = None  # counted alike
    last_year: Count | None = None  # where it can't be computed any more: the last one that could
    last_year_date: Day | None = None  # up to which that is
    average_daily: Annotated[float, Field(ge=0, lt=COUNT_LIMIT)]
    top_releases: list[Release]
    latest_release: LatestRelease | None = None  # this and the next four need a breakdown
    top_versions: list[Release] = []  # of Python
    top_majors: list[Release] = []
    top_systems: list[System] = []
    without_mirrors: Windows | None = None
    backfilled: Day | None = None  # when ClickHouse told of its older days, believed or not
    members: list[str] = []  # of a family


Known = Mapping[str, Stats]  # of packages, by project
BREAKDOWN = ("latest_release", "top_versions", "top_majors", "top_systems", "without_mirrors")
NO_BREAKDOWN = {name: Stats.model_fields[name].default for name in BREAKDOWN}


class Record(NamedTuple):
    """All that is kept of one package, or of a family."""

    stats: Stats
    tables: Tables

    @property
    def history(self) -> History:
        """The downloads of every day that is known, as PePy counts them."""
        return self.tables["history"]["downloads"]

    def window(self, days: int) -> list[int]:
        """The downloads of the `days` days up to the windows' end, newest first."""
        return window(self.history, self.stats.last_date, days)

    def known_days(self) -> int:
        """The days from the oldest kept one to the windows' end, both counted; 1 where none is."""
        end = self.stats.last_date
        return (end - min(self.history, default=end)).days + 1 if end else 0

    def last(self, days: int, back: int = 0) -> int | None:
        """The downloads of `days` days up to `back` days before the end, where all are known."""
        every = days + back
        return sum(self.window(every)[back:]) if self.known_days() >= every else None


def lacks_days(history: History, total: int) -> bool:
    """Whether of so many downloads some came before the oldest of these days."""
    return sum(history.values()) < 0.95 * total


def merged(older: Tables, newer: Tables) -> Tables:
    """The days of both, oldest first; where both have a day of a column, the newer one counts."""
    tables = {**older}
    for name, columns in newer.items():
        table = {**tables.get(name, {})}
        for heading, history in columns.items():
            days = table.get(heading, {}) | history
            table[heading] = {day: days[day] for day in sorted(days)}
        if table:  # without a column there is no file
            tables[name] = {heading: table[heading] for heading in sorted(table, key=version_of)}
    return tables


def version_of(heading: str) -> tuple[bool, list[int], str]:
    """What headings are sorted by: 3.9 before 3.10, and `other` and `unknown` last."""
    numbers = [int(digits) for digits in re.findall("[0-9]+", heading)]
    return heading in (OTHER, UNKNOWN), numbers, heading


def newest_day(history: History) -> date | None:
    """The last day with downloads."""
    return latest(day for day, downloads in history.items() if downloads)


def latest(days: Iterable[date | None]) -> date | None:
    """The latest of the days that are known."""
    return max((day for day in days if day), default=None)


def window(history: History, end: date | None, days: int) -> list[int]:
    """Downloads of the `days` days up to and with `end`, newest first, 0 where there is none."""
    if end is None:
        return [0] * days
    return [history.get(end - timedelta(back), 0) for back in range(days)]


# -------------------------------------------------------------------------------- 3. fetch

CONNECTIONS = 8  # requests in flight at once
TIMEOUTS = (10.0, 20.0)  # seconds to connect, and without a sign of life
ANSWER_SECONDS = 60.0  # for one whole answer, however slowly it drips
MAX_BODY = 64 << 20  # bytes after decompression; PePy's answer for 2,000 releases has 5 MiB
RECENT = 100  # days of every release, which are more than PePy tells
BATCH = 64  # requests that are decided on at once, with as many tokens in the key's bucket
TRIES = 3  # for a package, where something may pass
REFERENCE = "pip"  # a project that everybody downloads, to see which day PePy has complete
OUTAGE = 16  # requests in a row without an answer, after which nothing more is asked
LONGEST_WAIT = 60.0  # seconds between two looks at an empty bucket
# pypistats.org allows 30 requests a minute to an address, and GitHub's runners share theirs.
SERIES = {"history": "overall?mirrors=false", "python": "python_minor", "system": "system"}
PYPISTATS_PACE = 60 / 25  # seconds between two requests
PYPISTATS_PAUSES = (60.0, 120.0, 240.0, 480.0)  # seconds after the refusals that a run bears
PYPISTATS_OUTAGE = 3  # failures in a row, after which nothing more is asked
# ClickHouse cuts an answer short at a limit, with status 200, unless it is told to throw.
# https://clickhouse.com/docs/operations/settings/query-complexity
OVERFLOWS = ("read", "result", "timeout", "group_by", "sort", "set")
CLICKHOUSE = {f"{what}_overflow_mode": "throw" for what in OVERFLOWS} | {"wait_end_of_query": "1"}
CLICKHOUSE |= {"enable_http_compression": "1", "default_format": "JSONCompact"}
CLICKHOUSE["query"] = """
    SELECT project, sumMap([date], [count]) FROM pypi.pypi_downloads_per_day
    WHERE project IN {projects:Array(String)} GROUP BY project"""
CLICKHOUSE_BATCH = 50  # projects of one query
CLICKHOUSE_SECONDS = 10  # to begin queries in; the last one ends within two minutes
Kind = Literal[
    "figures", "unknown", "key refused", "rate limited", "try again", "failed", "postponed"
]
MEANINGS: dict[int, tuple[Kind, str]] = {  # of a status, at each service
    401: ("key refused", "refused the API key"),
    404: ("unknown", "doesn't know it: misspelt, or published less than a day ago?"),
    429: ("rate limited", "refused: too many requests"),
}
T = TypeVar("T")


class Figures(NamedTuple):
    """What PePy told of a package."""

    fetched: datetime  # UTC
    total: int
    history: History
    releases: dict[str, array[int]]  # over RECENT days up to the newest, newest first

    @property
    def newest(self) -> date:
        """The last day with downloads, or the end of time without any."""
        return newest_day(self.history) or date.max


class Outcome(NamedTuple, Generic[T]):
    """What came of a request: figures, which are the value, or a reason in our own words."""

    kind: Kind
    reason: str = ""
    remaining: int | None = None  # tokens in PePy's bucket, where it told
    retry_after: int = 0  # seconds, rounded down, until a refused request may be tried again
    value: T | None = None


Reader = Callable[[datetime, bytes], T]  # of a body and when it came; ValueError says what is wrong
Ask = Callable[[str], Outcome[Figures]]  # PePy for a project
Settled = Iterator[tuple[str, Outcome[Figures]]]  # projects, and what came of them in the end
Breakdowns = dict[str, Outcome[Tables]]  # by project
AskTable = Callable[[str, str], Outcome[Tables]]  # pypistats.org for a table of a project
REFUSED = "PePy refused the API key. Copy it again from your profile on pepy.tech."
INTERRUPTED = Outcome[Figures]("postponed", "postponed: the run was interrupted")
TIME_IS_UP = Outcome[Figures]("postponed", "postponed: time is up")
NOT_ASKED = Outcome[Tables]("postponed", "not asked")
Past = tuple[Sequence[int], Sequence[int]]  # ClickHouse's days, as ordinals, and their downloads
NO_DAYS: Past = (array("i"), array("q"))


def ask(session: requests.Session, address: str, service: str, read: Reader[T]) -> Outcome[T]:
    """One request to a service, bounded in size and time, and what it comes to; never raises."""
    body = bytearray()
    agent = f"pepy-stats (+https://github.com/{REPOSITORY})"
    headers = {"User-Agent": agent, "Accept-Encoding": "gzip"}
    # No redirect is followed: a key goes to this address and no other.
    how: Any = {"timeout": TIMEOUTS, "allow_redirects": False, "stream": True}
    try:
        with session.get(address, headers=headers, **how) as response:
            end = time.monotonic() + ANSWER_SECONDS  # not of headers: the job's limit ends those
            while chunk := response.raw.read1(1 << 18, decode_content=True):
                body += chunk
                if len(body) > MAX_BODY or time.monotonic() > end:
                    return Outcome("failed", f"{service}'s answer did not come to an end")
    except (OSError, ValueError, urllib3.exceptions.HTTPError) as error:
        return Outcome("try again", f"the request to {service} failed ({type(error).__name__})")
    now = datetime.now(UTC)
    return judge(service, read, now, response.status_code, response.headers, bytes(body))


def judge(
    service: str, read: Reader[T], now: datetime, status: int, head: Mapping[str, str], body: bytes
) -> Outcome[T]:
    """What an answer comes to, by https://pepy.tech/pepy-api and https://pypistats.org/api/."""
    remaining = whole_number(head.get("X-Rate-Limit-Remaining", ""))
    if status != 200:
        usual: Kind = "try again" if status >= 500 else "failed"
        kind, meaning = MEANINGS.get(status, (usual, f"answered with an error (HTTP {status})"))
        if kind == "rate limited":
            remaining = 0
        retry_after = whole_number(head.get("X-Rate-Limit-Retry-After-Seconds", "")) or 0
        return Outcome(kind, f"{service} {meaning}", remaining, retry_after)
    try:
        return Outcome("figures", "", remaining, value=read(now, body))
    except ValidationError as error:
        mistake = error.errors()[0]
        place = [str(key) for key in mistake["loc"][:1]]  # what follows is the server's words
        reason = ": ".join([*place, mistake["msg"]])
    except ValueError as error:
        reason = f"{error}"
    return Outcome("failed", f"{service}'s answer can't be believed: {reason}", remaining)


def whole_number(text: str) -> int | None:
    """A header's number, if it is one."""
    return int(text[:9]) if text.isdecimal() else None


def check(name: str, project: str, histories: Collection[History], today: date) -> None:
    """Raise ValueError where an answer is about another project or the future, or too much."""
    if normalise(name) != project:
        raise ValueError("it is about another project")
    if any(max(history, default=today) > today for history in histories):
        raise ValueError("it has downloads in the future")
    if sum(sum(history.values()) for history in histories) >= COUNT_LIMIT:
        raise ValueError("its days add up to too much")


def read_figures(project: str, now: datetime, body: bytes) -> Figures:
    """PePy's answer about a project."""
    answer = PepyAnswer.model_validate_json(body)
    history = {day: sum(counts.values()) for day, counts in sorted(answer.downloads.items())}
    check(answer.id, project, [history], now.date())
    releases: dict[str, array[int]] = defaultdict(lambda: array("q", bytes(8 * RECENT)))
    new = Figures(now.replace(microsecond=0), answer.total_downloads, history, releases)
    newest = new.newest
    for day, counts in answer.downloads.items():
        back = (newest - day).days
        if 0 <= back < RECENT:
            for version, count in counts.items():
                releases[version][back] = count
    return new


def read_table(project: str, table: str, now: datetime, body: bytes) -> Tables:
    """pypistats.org's answer about one table of a project. Its category `null` is `unknown`."""
    answer = PypistatsAnswer.model_validate_json(body)
    columns: Columns = defaultdict(dict)
    for point in answer.data:
        heading = UNKNOWN if point.category == "null" else point.category
        if not re.fullmatch(HEADING, heading):
            raise ValueError("it has a category with an impossible name")
        if point.date in columns[heading]:
            raise ValueError("it tells twice of one day")
        columns[heading][point.date] = point.downloads
    check(answer.package, project, columns.values(), now.date())
    if len(columns) > 100:
        raise ValueError("it has too many categories")
    if table == "history":  # which holds PePy's column, too
        return {table: {"without_mirrors": columns["without_mirrors"]}}
    return {table: columns}


def read_pasts(projects: Collection[str], now: datetime, body: bytes) -> dict[str, Past]:
    """ClickHouse's answer about projects; of one that it doesn't know, no days."""
    answer = ClickhouseAnswer.model_validate_json(body)
    found = {project: packed(*past, now.date()) for project, past in answer.data}
    if not answer.rows == len(answer.data) == len(found) or not found.keys() <= {*projects}:
        raise ValueError("it is cut short, or about other projects")
    return {project: found.get(project, NO_DAYS) for project in projects}


def packed(days: list[date], counts: list[int], today: date) -> Past:
    """A package's days; none at all where some of them can't be."""
    if not len(days) == len({*days}) == len(counts):
        return NO_DAYS
    for day, count in zip(days, counts, strict=True):
        if not date(2000, 1, 1) <= day <= today or not 0 <= count < COUNT_LIMIT:
            return NO_DAYS
    return array("i", [day.toordinal() for day in days]), array("q", counts)


class Queue:
    """The packages that PePy is still to be asked for, in batches, as it has tokens for them."""

    def __init__(self, projects: Iterable[str], deadline: float, clock: Any) -> None:
        self.waiting = deque(projects)
        self.deadline = deadline
        self.clock = clock
        self.tries = Counter[str]()
        self.tokens = 1  # in the bucket, as far as is known
        self.wait = 1.0  # seconds between two looks at an empty one
        self.granted = clock.monotonic()  # when a package was last settled
        self.silent = 0  # requests in a row without an answer
        self.silent_batches = 0
        # What comes of all that still wait.
        self.verdict = TIME_IS_UP if clock.monotonic() >= deadline else None

    def settle(self, project: str, outcome: Outcome[Figures]) -> bool:
        """Whether that is what comes of a package in the end; else it waits again."""
        if outcome.kind == "rate limited":
            self.waiting.appendleft(project)
            refused_for = self.clock.monotonic() - self.granted
            refill = max(self.wait, refused_for + outcome.retry_after + 1)
            self.wait = min(refill, LONGEST_WAIT)
            return False
        self.tries[project] += 1
        if outcome.kind == "try again" and self.tries[project] < TRIES:
            self.waiting.append(project)
            return False
        if outcome.kind == "key refused":
            self.verdict = outcome
        self.granted = self.clock.monotonic()
        return True

    def pause_after(self, outcomes: list[Outcome[Figures]]) -> None:
        """Wait for as long as a batch's outcomes demand, or end it all."""
        if all(outcome.kind == "try again" for outcome in outcomes):
            self.silent += len(outcomes)
            self.silent_batches += 1
            self.tokens = CONNECTIONS
            random.shuffle(self.waiting)  # or broken ones, always together, pass for an outage
            seconds = 2.0**self.silent_batches
            why = "since PePy doesn't answer"
        else:
            self.silent = 0
            self.silent_batches = 0
            left = [outcome.remaining for outcome in outcomes if outcome.remaining is not None]
            self.tokens = min(left, default=BATCH)
            seconds = 0.0 if self.tokens else self.wait
            why = "for PePy's rate limit"
        if self.verdict or not self.waiting:
            return
        if self.silent >= OUTAGE:
            reason = f"not asked: PePy failed for {OUTAGE} packages in a row"
            self.verdict = Outcome("failed", reason)
        elif self.clock.monotonic() + seconds >= self.deadline:
            self.verdict = TIME_IS_UP
        elif seconds:
            say(f"waiting {seconds:.0f} s {why}")
            self.clock.sleep(seconds)


def fetch(projects: Iterable[str], ask: Ask, deadline: float, clock: Any = time) -> Settled:
    """Ask PePy for projects, till `deadline`, and yield each with what came of it in the end."""
    queue = Queue(projects, deadline, clock)
    pool = ThreadPoolExecutor(CONNECTIONS)
    try:
        while queue.waiting and not queue.verdict:
            size = min(max(queue.tokens, 1), BATCH, len(queue.waiting))
            batch = [queue.waiting.popleft() for _ in range(size)]
            futures = {pool.submit(ask, project): project for project in batch}
            outcomes = []
            for future in as_completed(futures):
                outcome = future.result()
                outcomes.append(outcome)
                if queue.settle(futures[future], outcome):
                    yield futures[future], outcome
            queue.pause_after(outcomes)
        if queue.verdict:
            for project in queue.waiting:
                yield project, queue.verdict
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def fetch_breakdowns(
    outcomes: Breakdowns, ask: AskTable, deadline: float, stop: threading.Event, pauses: list[float]
) -> None:
    """Ask pypistats.org for all tables of the projects in `outcomes`, and put there what comes."""
    failures = 0  # in a row
    for project in outcomes:
        tables: Tables = {}
        pause = PYPISTATS_PACE
        while missing := [table for table in SERIES if table not in tables]:
            stopped = stop.wait(min(pause, deadline - time.monotonic()))
            if stopped or time.monotonic() >= deadline:
                return
            outcome = ask(project, missing[0])
            pause = PYPISTATS_PACE
            if outcome.value is not None:
                failures = 0
                tables |= outcome.value
            elif outcome.kind == "rate limited" and pauses:
                pause = pauses.pop(0)
            else:
                break
        if not missing:  # else the outcome is of the table that failed
            outcome = Outcome("figures", value=tables)
        elif outcome.kind != "unknown":
            failures += 1
        outcomes[project] = outcome
        if outcome.kind == "rate limited" or failures == PYPISTATS_OUTAGE:
            return


@dataclass
class Received:
    """What the services told, by project: all that a run learns from the network."""

    pepy: dict[str, Outcome[Figures]]  # of every project that is to be asked
    breakdowns: Breakdowns  # of some of these
    figures: dict[str, Figures] = field(default_factory=dict)  # those that came
    tables: dict[str, Tables] = field(default_factory=dict)
    reference: Figures | None = None  # of REFERENCE, where it was asked for
    pasts: dict[str, Past] = field(default_factory=dict)
    clickhouse_failed: str = ""  # why it told no more
    replace: bool = False  # kept days by its own


def fetch_all(received: Received, deadline: float, pauses: Iterable[float]) -> None:
    """Ask PePy, and pypistats.org beside it; what comes is in `received`. Raises Unable."""
    key = os.environ.get("PEPY_API_KEY", "").strip()
    if not re.fullmatch("[!-~]+", key):
        where = "https://pepy.tech; on GitHub it goes into a repository secret of that name"
        raise Unable(f"There is no PePy API key in PEPY_API_KEY. Get a free one at {where}.")
    pepy = setting("PEPY_API_URL", "https://api.pepy.tech")
    pypistats = setting("PYPISTATS_API_URL", "https://pypistats.org/api")
    session = requests.Session()
    other = requests.Session()
    session.headers["X-API-Key"] = key  # which nobody else is told

    def ask_pepy(project: str) -> Outcome[Figures]:
        address = f"{pepy}/api/v2/projects/{project}"
        return ask(session, address, "PePy", partial(read_figures, project))

    def ask_pypistats(project: str, table: str) -> Outcome[Tables]:
        address = f"{pypistats}/packages/{project}/{SERIES[table]}"
        return ask(other, address, "pypistats.org", partial(read_table, project, table))

    found = {**received.breakdowns}
    stop = threading.Event()
    arguments = (found, ask_pypistats, deadline, stop, [*pauses])
    beside = threading.Thread(target=fetch_breakdowns, args=arguments, daemon=True)
    beside.start()
    try:
        for done, (project, outcome) in enumerate(fetch([*received.pepy], ask_pepy, deadline), 1):
            received.pepy[project] = outcome
            if outcome.value:
                received.figures[project] = outcome.value
            what = f"{outcome.value.total:,} downloads" if outcome.value else outcome.reason
            say(f"[{done}/{len(received.pepy)}] {project}: {what}")
            if outcome.kind == "key refused" and not received.figures:
                raise Unable(REFUSED)
        newest = middle(newest_day(new.history) for new in received.figures.values()) or date.min
        if received.figures and (datetime.now(UTC).date() - newest).days > 2:
            for _, outcome in fetch([REFERENCE], ask_pepy, deadline):
                received.reference = outcome.value
        if beside.is_alive():
            say("waiting for breakdowns from pypistats.org")
        beside.join()
    finally:
        stop.set()
        received.breakdowns.update(found)
        received.tables = {p: o.value for p, o in received.breakdowns.items() if o.value}


def fetch_pasts(received: Received, projects: list[str], address: str) -> None:
    """Ask ClickHouse for all days of projects, some at a time, till it fails or time is up."""
    session = requests.Session()
    end = time.monotonic() + CLICKHOUSE_SECONDS
    for at in range(0, len(projects), CLICKHOUSE_BATCH):
        say(f"[{at}/{len(projects)}] asking ClickHouse for older days")
        some = projects[at : at + CLICKHOUSE_BATCH]
        session.params = CLICKHOUSE | {"param_projects": f"{some}"}  # as ClickHouse writes a list
        outcome = ask(session, address, "ClickHouse", partial(read_pasts, some))
        received.pasts |= outcome.value or {}
        received.clickhouse_failed = outcome.reason
        if outcome.value is None or time.monotonic() > end:
            return


def setting(name: str, usual: str) -> str:
    """An address from the environment, or the usual one. Raises Unable, which doesn't show it."""
    value = os.environ.get(name, "").strip().rstrip("/") or usual
    safe = r"(https://[\w.-]+|http://(127\.0\.0\.1|localhost))(:\d+)?(/[\w./~-]*)?(\?user=\w+)?"
    if not re.fullmatch(safe, value, re.ASCII):
        raise Unable(f"{name} has to be an https:// address, or http:// on this machine.")
    return value


# --------------------------------------------------------------------------------- 4. keep

STATS = "{}/stats.json"  # below the output folder
TABLE = "{}/{}.csv"
TABLES = (*SERIES, "releases")
CHANGES = (  # of what PyPI counts, across which no windows are compared
    ("2018-07-26", "PyPI counted its logs anew, without losses: many counts doubled."),
    ("2026-08-24", "PyPI stopped counting small files that installers fetch beside a package."),
)
Ends = tuple[date | None, date | None]  # of all windows, and of what pypistats.org told


def common_ends(stats: Known, received: Received) -> Ends:
    """PePy's newest complete day, the latest of three guesses, and pypistats.org's newest."""
    fetched = [newest_day(new.history) for new in received.figures.values()]
    others = [kept.last_date for project, kept in stats.items() if project not in received.figures]
    newest: date | None = None
    for tables in received.tables.values():
        for columns in tables.values():
            newest = latest([newest, *chain(*columns.values())])
    reference = complete_day(received.reference.history) if received.reference else None
    return latest([middle(fetched), middle(others), reference]), newest


def middle(days: Iterable[date | None]) -> date | None:
    """The middle one of the days in the week up to the newest; of an even number the earlier."""
    known = sorted(day for day in days if day)
    # The middle, as an import may be half done; and the lively, as quiet ones lack days by nature.
    lively = [day for day in known if day > known[-1] - timedelta(7)]
    return median_low(lively) if lively else None


def complete_day(history: History) -> date | None:
    """The newest day with at least half of the median of the seven before: others are half done."""
    for day in sorted(history, reverse=True):
        if 2 * history[day] >= median(window(history, day - timedelta(1), 7)):
            return day
    return None


def renewed(
    package: Package, old: Stats | None, kept: Tables, new: Figures, breakdown: Tables, ends: Ends
) -> Record:
    """A package's record with new figures. No day is dropped, and no windows' end goes back."""
    project = package.project
    windows_end, breakdowns_end = ends
    tables = merged(kept, {"history": {"downloads": new.history}})
    end = latest([windows_end, old.last_date if old else None])
    sums = windows_of(tables["history"]["downloads"], end)
    top = top_releases(new, end)
    stats = Stats(
        package=project, timestamp=new.fetched, total_downloads=new.total, top_releases=top, **sums
    )
    if old:
        carried = {name: getattr(old, name) for name in (*BREAKDOWN, "backfilled")}
        stats = stats.model_copy(update=carried)
    if package.breakdown:
        columns = lines_of(new, tables.pop("releases", {}))
        tables = merged(tables, {"releases": columns})
        stats = stats.model_copy(update={"latest_release": latest_release(new, end)})
    if breakdown:
        tables = merged(tables, breakdown)
        known = [day for day in (end, breakdowns_end) if day]
        stats = stats.model_copy(update=shares_of(tables, min(known, default=None)))
    return Record(stats, tables)


def completed(record: Record, old: Record | None) -> Record:
    """The record with its windows before the last; a year that isn't known any more stands."""
    changes: dict[str, object] = {}
    for name, days in (("previous_week", 7), ("previous_month", 30)):
        if counted_alike(record.stats.last_date, 2 * days):
            changes[name] = record.last(days, days)
    members = {*record.stats.members}
    # A family that has lost a member is another one.
    if old and members.issuperset(old.stats.members) and record.last(365) is None:
        changes |= old.stats.model_dump(include={"last_year", "last_year_date"})
        year = old.last(365)
        if year is not None:
            changes |= {"last_year": year, "last_year_date": old.stats.last_date}
    return Record(record.stats.model_copy(update=changes), record.tables)


def counted_alike(end: date | None, days: int) -> bool:
    """Whether PyPI counted alike on the `days` days up to `end`."""
    ages = [((end or date.min) - parse_day(day)).days for day, _ in CHANGES]
    return not any(0 <= age < days - 1 for age in ages)


def windows_of(history: History, end: date | None) -> dict[str, Any]:
    """The windows up to `end`, as stats.json has them."""
    sums = sums_of(history, end)
    average = round(sums.last_month / 30, 1)
    return {"last_date": end, "average_daily": average} | sums.model_dump()


def sums_of(history: History, end: date | None) -> Windows:
    """The downloads of the last 1, 7 and 30 days up to `end`."""
    month = window(history, end, 30)
    week = sum(month[:7])
    return Windows(last_day=month[0], last_week=week, last_month=sum(month))


def by_release(new: Figures, end: date | None, days: int) -> dict[str, int]:
    """The downloads of every release in the `days` days up to `end`."""
    ahead = (new.newest - (end or date.min)).days  # of the windows
    span = slice(max(ahead, 0), max(ahead + days, 0))  # as they are the newest first
    shown = [name for name in new.releases if len(name) <= 100 and name.isprintable()]
    return {name: sum(new.releases[name][span]) for name in shown}


def top_releases(new: Figures, end: date | None) -> list[Release]:
    """The ten most downloaded releases of the 30 days up to `end`."""
    counts = by_release(new, end, 30)
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    return [Release(version=name, downloads=counts[name]) for name in ranked[:10] if counts[name]]


# https://packaging.python.org/specifications/version-specifiers/: pre-releases don't match.
FINAL = re.compile(
    r"v?(?:(\d+)!)?(\d+(?:\.\d+)*?)(?:\.0+)*((?:-(?=\d)|[-_.]?(?:post|rev|r)[-_.]?)\d*)?"
    r"(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?",
    re.ASCII | re.IGNORECASE,
)


def latest_release(new: Figures, end: date | None) -> LatestRelease:
    """The newest final release that is in use, and its share of the seven days up to `end`."""
    counts = by_release(new, end, 7)
    whole = sum(counts.values())
    ranked = []
    for version, count in counts.items():
        found = FINAL.fullmatch(version)
        if found and count >= 10 and 1000 * count >= whole:  # else nobody uses it
            epoch, numbers, post = found.groups("0")
            parts = [int(number) for number in numbers.split(".")]
            after = [int(number) for number in re.findall("[0-9]+", post)]
            ranked.append((int(epoch), parts, post != "0", after, count, version))
    if not ranked:
        return LatestRelease(version=UNKNOWN, share=0)
    *_, count, version = max(ranked)
    return LatestRelease(version=version, share=half_up(100 * count, whole))


def line_of(version: str) -> str:
    """The line that a release belongs to: its first two numbers after the epoch."""
    found = re.match(r"(?:\d+!)?(\d{1,18})(?:\.(\d{1,18}))?", version, re.ASCII)
    if not found:
        return OTHER
    return f"{int(found[1])}.{int(found[2] or 0)}"


def lines_of(new: Figures, kept: Columns) -> Columns:
    """The downloads of every day by line of releases: of told days anew, of others as kept."""
    told: dict[str, list[int]] = defaultdict(lambda: [0] * RECENT)  # by line, newest first
    for version, counts in new.releases.items():
        line = line_of(version)
        told[line] = [*map(add, told[line], counts)]
    whole = sum(map(sum, told.values()))
    newest = new.newest
    days = [newest - timedelta(back) for back in range(RECENT)]
    columns: dict[str, Counter[date]] = defaultdict(Counter)
    for heading, history in kept.items():
        for day in history.keys() - (new.history.keys() & {*days}):
            columns[heading][day] = history[day]
    for line, sums in told.items():
        is_large = 100 * sum(sums) >= whole
        column = columns[line if is_large or line in kept else OTHER]
        for day, count in zip(days, sums, strict=True):
            if count:
                column[day] += count
    return {heading: dict(column) for heading, column in columns.items()}


def shares_of(tables: Tables, end: date | None) -> dict[str, Any]:
    """The lists and sums of a breakdown in stats.json, over the 30 days up to `end`."""
    versions = month_of(tables.get("python", {}), end)
    systems = month_of(tables.get("system", {}), end)
    majors = Counter[str]()
    for version, downloads in versions:
        majors[version.partition(".")[0]] += downloads
    return {
        "top_versions": [Release(version=name, downloads=n) for name, n in versions],
        "top_majors": [Release(version=name, downloads=n) for name, n in majors.most_common()],
        "top_systems": [System(system=name, downloads=n) for name, n in systems],
        "without_mirrors": sums_of(tables["history"]["without_mirrors"], end),
    }


def month_of(columns: Columns, end: date | None) -> list[tuple[str, int]]:
    """The columns with downloads in the 30 days up to `end`, and how many, most first."""
    counts = Counter({heading: sum(window(columns[heading], end, 30)) for heading in columns})
    return [(heading, count) for heading, count in counts.most_common() if count]


def backfilled(
    record: Record, past: Past, today: date, *, replace: bool = False
) -> tuple[Record, list[str]]:
    """The record with ClickHouse's days before those that PePy tells, and what to note on them.

    They fill what is missing. With `replace` they replace kept days, too, but for those of which
    ClickHouse has less than half.
    """
    stats = record.stats.model_copy(update={"backfilled": today})
    days, counts = past
    told = dict(zip(map(date.fromordinal, days), counts, strict=True))
    last = stats.last_date or today
    whole = sum(count for day, count in told.items() if day <= last)
    share = 100 * whole / max(stats.total_downloads, 1)  # in per cent
    reason = doubt(told, record, today, share)
    if reason:
        return Record(stats, record.tables), [f"keeps its short history: {reason}"]
    # A day that PePy leaves out had no downloads. It tells of at least 85 days, mostly of 90.
    kept = record.history
    oldest = min([*kept, last - timedelta(84)])
    known = max(oldest, last - timedelta(89))
    older = {}
    changed = 0
    for day, count in told.items():
        ours = kept.get(day)
        if day >= known or (ours is not None and not replace):
            continue
        if ours is None or 2 * count >= ours:
            older[day] = count
            changed += ours not in (None, count)
    notes = []
    if changed:
        notes.append(f"has {changed} kept days changed to ClickHouse's")
    if not 95 <= share <= 105:
        notes.append(f"has {share:.0f} % of PePy's total at ClickHouse")
    return Record(stats, merged(record.tables, {"history": {"downloads": older}})), notes


def doubt(told: History, record: Record, today: date, share: float) -> str:
    """Why a package's days at ClickHouse are not believed; "" where they agree with PePy's."""
    if not told:
        return "ClickHouse has no days of it, or impossible ones"
    history = record.history
    last = record.stats.last_date or today
    end = min(max(told), last) if history else last  # whose days are zeros
    start = max(min(history, default=date.min), last - timedelta(90))
    days = (end - start).days + 1
    both = zip(window(history, end, days), window(told, end, days), strict=True)
    close = sum(abs(ours - theirs) <= max(ours / 10, 5) for ours, theirs in both)
    known = max(days, 0)
    if close == 0 or 5 * close < 4 * known:  # none, of 0 days even; or under 80 %
        return f"ClickHouse agrees with PePy on {close} of {known} days"
    if not 90 <= share <= 160:  # as PePy read tables with less before 2021
        return f"ClickHouse has {share:.1f} % of PePy's total"
    return ""


def add_up(family: Family, members: Iterable[Record], kept: Record | None) -> Record:
    """A family's record from those of its packages, and what is `kept` of it."""
    each: list[Stats] = []
    summed = Counter[date]()
    start = date.min  # the first day that all packages know
    for member in members:
        each.append(member.stats)
        summed.update(member.history)
        if lacks_days(member.history, member.stats.total_downloads):
            told = (member.stats.last_date or date.max) - timedelta(84)  # by PePy, at least
            first = min([*member.history, told])
            start = max(start, first)
    # A package that was never downloaded has no say about the end.
    end = min((s.last_date for s in each if s.last_date and s.total_downloads), default=None)
    figures = windows_of(summed, end)  # of all days: every package knows its month
    figures["timestamp"] = min(stats.timestamp for stats in each)
    figures["total_downloads"] = sum(stats.total_downloads for stats in each)
    figures["members"] = sorted(family.packages)
    stats = Stats(package=family.project, top_releases=[], **figures)
    history = {day: summed[day] for day in sorted(summed) if start <= day <= (end or date.min)}
    tables: Tables = {"history": {"downloads": history}}
    if kept and kept.stats.members in ([], stats.members):  # [] is of an earlier version
        tables = merged(kept.tables, tables)
    return completed(Record(stats, tables), kept)


def read_record(output: Path, project: str) -> Record | None:
    """What is kept of a package or family, if anything. Raises Damaged."""
    stats = read_stats(output, project)
    return Record(stats, read_tables(output, project)) if stats else None


def read_stats(output: Path, project: str) -> Stats | None:
    """What is kept of a package beside its days, if anything. Raises Damaged."""
    path = output / STATS.format(project)
    try:
        if not path.exists():
            return None
        stats = Stats.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        raise Damaged(path) from None
    newest = max(stats.timestamp.date(), stats.last_date or date.min)
    if stats.package != project or newest > datetime.now(UTC).date():
        raise Damaged(path)
    return stats


def kept_stats(output: Path, projects: Iterable[str]) -> dict[str, Stats]:
    """What is kept of projects beside their days, but for what is damaged: its turn tells that."""
    found = {}
    for project in projects:
        with suppress(Damaged):
            if stats := read_stats(output, project):
                found[project] = stats
    return found


def read_tables(output: Path, project: str) -> Tables:
    """The days that are kept of a package, by table. Raises Damaged."""
    tables: Tables = {"history": {"downloads": {}}}
    for name in TABLES:
        path = output / TABLE.format(project, name)
        try:
            if path.exists():
                tables[name] = parse_table(path.read_bytes(), datetime.now(UTC).date())
        except (OSError, ValueError):
            raise Damaged(path) from None
    path = output / TABLE.format(project, "history")
    stats = output / STATS.format(project)
    is_lost = stats.exists() and not path.exists()
    if is_lost or "downloads" not in tables["history"]:
        raise Damaged(path)
    return tables


def write_table(columns: Columns) -> str:
    """Columns as CSV; a day that a column lacks is an empty cell."""
    days = sorted(dict.fromkeys(chain(*columns.values())))
    cells = [[str(history.get(day, "")) for day in days] for history in columns.values()]
    lines = [",".join(["date", *columns])]
    lines += [",".join(row) for row in zip(map(write_day, days), *cells, strict=True)]
    return "\n".join([*lines, ""])


def parse_table(text: bytes, today: date) -> Columns:
    """The columns of a CSV file. Raises ValueError if `write_table` didn't write it."""
    head, _, body = text.decode("ascii").replace("\r\n", "\n").partition("\n")
    headings = head.split(",")[1:]
    if not re.fullmatch(f"date(,{HEADING})+", head) or len({*headings}) < len(headings):
        raise ValueError("impossible headings")
    # All rows at once, or years of many packages would take their time. No row lacks every count.
    row = rf"[0-9-]{{10}}(?!,+\n)(?:,[0-9]{{0,15}}){{{len(headings)}}}\n"
    if not re.fullmatch(f"(?:{row})*", body):
        raise ValueError("an impossible row")
    width = 1 + len(headings)
    cells = body.replace("\n", ",").split(",")[:-1]
    days = [parse_day(text) for text in cells[::width]]
    if days != sorted(dict.fromkeys(days)) or max(days, default=today) > today:
        raise ValueError("days that are not in order, or in the future")
    columns: Columns = {}
    for at, heading in enumerate(headings, 1):
        counts = zip(days, cells[at::width], strict=True)
        columns[heading] = {day: int(count) for day, count in counts if count}
    return columns


# ------------------------------------------------------------------------------- 5. render

UNITS = {"abbreviation": "KMBT", "international_system": "kMGT", "none": ""}
SHOWN_DAYS = 90  # by a chart, and by a trend
BASE_36 = "0123456789abcdefghijklmnopqrstuvwxyz"
CHART = "{}/chart.svg"
CATALOGUE = "_packages.json"  # no package can be called that
Row = dict[str, Any]  # of the catalogue


def half_up(dividend: int, divisor: int) -> int:
    """A quotient rounded half up, in integers: a float would round 1.05 down, and large counts."""
    return (2 * dividend + divisor) // (2 * divisor)


def format_count(count: int, units: str = "abbreviation", decimals: int = 1) -> str:
    """A count as a badge shows it, without trailing zeros: 1.4B. The largest has no next: 1000T."""
    if count < 1000 or not UNITS[units]:
        return f"{count:,}"
    scale = 10**decimals
    for power, unit in enumerate(UNITS[units], 1):  # noqa: B007
        rounded = half_up(count * scale, 1000**power)
        if rounded < 1000 * scale:  # else it carries into the next unit
            break
    return f"{rounded / scale}".removesuffix(".0") + unit


def year_of(record: Record) -> int | None:
    """The last 365 days, or those that could be computed last."""
    known = record.last(365)
    return record.stats.last_year if known is None else known


def without_mirrors(record: Record) -> int | None:
    """The month's downloads by all but known mirrors."""
    windows = record.stats.without_mirrors
    return windows.last_month if windows else None


def python_versions(record: Record) -> str:
    """The versions of Python with 90 % of the month's downloads, as `3.11 | 3.12`."""
    named = [r for r in record.stats.top_versions if r.version != UNKNOWN]
    left = 9 * sum(release.downloads for release in named)
    chosen = []
    for release in named:  # most first
        if left > 0:
            chosen.append(release.version)
            left -= 10 * release.downloads
    nothing = UNKNOWN if record.stats.without_mirrors else ""
    return " | ".join(sorted(chosen, key=version_of)) or nothing


def top_system(record: Record) -> str:
    """The operating system with most of the month's downloads, as `Linux 81%`."""
    named = [s for s in record.stats.top_systems if s.system != UNKNOWN]
    if not named:
        return UNKNOWN if record.stats.without_mirrors else ""
    whole = sum(system.downloads for system in named)
    share = half_up(100 * named[0].downloads, whole)
    return f"{named[0].system} {share}%"


def newest_release(record: Record) -> str:
    """The newest release and its share of the week, as `2.12.4 38%`."""
    latest = record.stats.latest_release
    if not latest or latest.version == UNKNOWN:
        return UNKNOWN if latest else ""
    return f"{latest.version} {latest.share or '<1'}%"


class Metric(NamedTuple):
    """A badge."""

    path: str  # below the output folder
    title: str  # as the page calls it
    shows: Callable[[Record], int | str | None]  # a count, a text, or nothing
    suffix: str = ""  # of a count
    label: str | None = None  # where that isn't the package's own

    def message(self, package: Package, record: Record) -> str:
        """What it says; "" for no badge, which leaves one that is there alone."""
        shown = self.shows(record)
        if isinstance(shown, int):
            return format_count(shown, package.units, package.decimals) + self.suffix
        return shown or ""


METRICS = (
    Metric("{}.json", "Total", lambda record: record.stats.total_downloads),
    Metric("{}/month.json", "Last 30 days", lambda record: record.stats.last_month, "/month"),
    Metric("{}/week.json", "Last 7 days", lambda record: record.stats.last_week, "/week"),
    Metric("{}/day.json", "Last day", lambda record: record.stats.last_day, "/day"),
    Metric("{}/year.json", "Last 365 days", year_of, "/year"),
    Metric("{}/without-mirrors.json", "30 days, no mirrors", without_mirrors, "/month"),
    Metric("{}/python.json", "Python versions", python_versions, label="python"),
    Metric("{}/system.json", "Operating system", top_system, label="system"),
    Metric("{}/release.json", "Newest release", newest_release, label="latest"),
)


def render(package: Package, record: Record) -> tuple[dict[str, str], Row]:
    """What is published of a package: files by their paths, and its row of the catalogue. Pure."""
    project = package.project
    if not package.breakdown:
        record = Record(record.stats.model_copy(update=NO_BREAKDOWN), record.tables)
    look = package.model_dump(include={*Look.model_fields} - {"label"}, exclude_none=True)
    messages = [metric.message(package, record) for metric in METRICS]
    files = {}
    for metric, message in zip(METRICS, messages, strict=True):
        if message:
            label = package.label if metric.label is None else metric.label
            badge = {"schemaVersion": 1, "label": label, "message": message, **look}
            files[metric.path.format(project)] = to_json(badge, indent=2).decode() + "\n"
    for name, columns in record.tables.items():
        files[TABLE.format(project, name)] = write_table(columns)
    files[CHART.format(project)] = chart(project.removeprefix("_"), record)
    # After the others: what a kill leaves unwritten is due again.
    files[STATS.format(project)] = record.stats.model_dump_json(indent=2) + "\n"
    row = listing(record, messages)
    if isinstance(package, Family):
        row["members"] = package.packages
    return files, row


def catalogue(config: Config, rows: Sequence[Row]) -> str:
    """The file that the page reads, with a row for each package."""
    content = {
        "repository": REPOSITORY,
        "branch": os.environ.get("DEFAULT_BRANCH", "main"),  # where the list is edited
        "url": config.site.url,  # or the page's own address tells
        "styles": get_args(Style),
        "patterns": {"name": PATTERNS["name"][0], "color": COLOUR.pattern},
        "metrics": [{"path": m.path, "title": m.title, "label": m.label} for m in METRICS],
        "changes": [{"day": day, "what": what} for day, what in CHANGES],
        "stalled": stalled(rows),
        "packages": sorted(rows, key=itemgetter("name")),
    }
    return to_json(content).decode() + "\n"


def stalled(rows: Iterable[Row]) -> str | None:
    """PePy's newest day, where that was more than three days before the last fetch."""
    known = [row for row in rows if row["last_date"]]
    if not known:
        return None
    newest: str = max(row["last_date"] for row in known)
    fetched = max(row["fetched"] for row in known)[:10]
    return newest if parse_day(fetched) - parse_day(newest) > timedelta(3) else None


def listing(record: Record, badges: list[str]) -> Row:
    """A package as the page lists it; `trend` is its seven-day average over 90 days, in base 36."""
    stats = record.stats
    end = stats.last_date
    days = record.window(SHOWN_DAYS + 6)
    length = min(record.known_days() - 6, SHOWN_DAYS)
    weeks = [sum(days[at : at + 7]) for at in range(length)]
    top = max([1, *weeks])
    return {
        "name": stats.package,
        "total": stats.total_downloads,
        "month": stats.last_month,
        "week": stats.last_week,
        "day": stats.last_day,
        "without-mirrors": without_mirrors(record),
        "previous_month": stats.previous_month,
        "year_date": f"{stats.last_year_date}" if stats.last_year_date else None,
        "last_date": f"{end}" if end else None,
        "fetched": f"{stats.timestamp:%Y-%m-%dT%H:%M:%SZ}",
        "trend": "".join(BASE_36[half_up(35 * week, top)] for week in reversed(weeks)),
        "badges": badges,
    }


X = [f"{(540 + (2 * at + 1) * 23) / 10:g}" for at in range(SHOWN_DAYS)]  # from 54 to 468
STEPS = [digit * 10**power for power in range(16) for digit in (1, 2, 5)]
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


def chart(project: str, record: Record) -> str:
    """The 90 days up to the windows' end as SVG, and their average, where seven days are known."""
    end = record.stats.last_date
    days = record.window(SHOWN_DAYS + 6)[::-1]
    counts = days[6:]
    most = max(counts)
    step = next(step for step in STEPS if step * 4 >= max(days))
    axis = range(0, max(1, *days) + step, step)  # two to five round numbers
    plot = []
    for count in axis:
        y = height(count, axis[-1])
        number = chart_text(f'x="48" y="{y}" dy="4"', format_count(count), "end")
        plot.append(f'<path class="grid" d="M54 {y}H468"/>{number}')
    about = f"None in {SHOWN_DAYS} days."
    until = ""
    if end and most:
        until = f"up to {end.day} {end:%B %Y}"
        first = end - timedelta(SHOWN_DAYS - 1)
        busiest = first + timedelta(counts.index(most))
        about = f"The {SHOWN_DAYS} days {until}, as PePy counts them. The busiest was "
        about += f"{busiest.day} {busiest:%B %Y} with {most:,} downloads."
        start = max(SHOWN_DAYS + 6 - record.known_days(), 0)  # index of the average's first day
        if start < SHOWN_DAYS:
            about += f" The last seven days average {half_up(sum(days[-7:]), 7):,}."
        plot += draw(days, first, axis[-1], start)
    else:
        plot.append(chart_text('x="261" y="130"', "none"))
    name = project if len(project) <= 38 else f"{project[:37]}…"
    head = CHART_HEAD.format(project=project, about=about, name=name, until=until)
    return head + "\n".join([*plot, "</svg>\n"])


def draw(days: list[int], first: date, top: int, start: int) -> list[str]:
    """The months' names, a bar a day from `first` on, and the average from the day `start` on."""
    months = []
    bars = ""
    points = []
    for at, x in enumerate(X):  # whose day is days[at + 6]
        day = first + timedelta(at)
        if day.day == 1:
            months.append(chart_text(f'x="{x}" y="207"', f"{day:%b}"))
        if days[at + 6]:
            bars += f"M{x} 188V{height(days[at + 6], top)}"
        if at >= start:
            week = sum(days[at : at + 7])
            points.append(f"{x} {height(week, 7 * top)}")
    lines = [f'<path class="days" stroke-width="3.4" d="{bars}"/>']
    if points:
        line = "L".join(points)
        lines.append(f'<path class="average" stroke-width="2" d="M{line}h0"/>')
    return months + lines


def height(count: int, top: int) -> str:
    """Where a count is drawn: from 188 pixels for 0 up to 64 for `top`."""
    return f"{(1880 - half_up(count * 1240, top)) / 10:g}"


def chart_text(place: str, content: str, anchor: str = "middle") -> str:
    """A text of the chart."""
    return f'<text class="muted" {place} text-anchor="{anchor}">{content}</text>'


# ------------------------------------------------------------------------------ 6. publish


def write(path: Path, content: bytes) -> bool:
    """Give a file this content, whole or not at all; whether that changed it."""
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.tmp")
    fresh.write_bytes(content)
    fresh.replace(path)
    return True


@dataclass
class Docs:
    """What a run publishes below `output`, one package after another, and what it tells of that."""

    output: Path
    notes: list[str]  # below the report's table
    rows: list[Row] = field(default_factory=list)  # of the new one
    paths: set[str] = field(default_factory=set)  # that are published now
    changed: int = 0  # files
    lines: dict[str, Line] = field(default_factory=dict)  # of that table, by what they are about

    def take_turn(self, package: Package, make: Callable[[], Record | None]) -> Stats | None:
        """Publish the record that `make` gives, and return its stats; nothing where that fails."""
        project = package.project
        try:
            record = make()
            if record is None:
                return None
            files, row = render(package, record)
        except Exception as error:  # noqa: BLE001
            self.leave(project, error)
            return None
        self.rows.append(row)
        for path, text in files.items():
            self.put(path, text)
        return record.stats

    def put(self, path: str, text: str) -> None:
        """Publish a file."""
        self.changed += write(self.output / path, text.encode())
        self.paths.add(path)

    def leave(self, project: str, error: Exception) -> None:
        """Tell why a package failed, and leave it as it is, on the page, too."""
        reason = f"{error}"
        if not isinstance(error, Damaged):
            say("".join(traceback.format_exception(error)))
            reason = f"stays as it is: {type(error).__name__}, of which the log has more"
        self.lines[project] = Line(reason, "error")
        row = row_of_badges(self.output, project)
        if any(row["badges"]):
            self.rows.append(row)


def message_of(path: Path) -> str:
    """What a published badge says; "" where it can't be read."""
    with suppress(Exception):
        return f"{json.loads(path.read_bytes())['message']}"
    return ""


def row_of_badges(output: Path, project: str) -> Row:
    """A row of the catalogue with what a package's badges say, where nothing else is known."""
    badges = [message_of(output / metric.path.format(project)) for metric in METRICS]
    numbers = ("total", "month", "week", "day", "without-mirrors", "previous_month")
    unknown = dict.fromkeys((*numbers, "year_date", "last_date", "fetched"))
    return {"name": project, "trend": "", "badges": badges, **unknown}


def prune(output: Path, published: Collection[str]) -> list[str]:
    """Remove the files of packages that were published once and now aren't; these packages."""
    folders = sorted(path.parent for path in output.glob("*/stats.json"))
    others = [folder.name for folder in folders if not folder.is_symlink()]
    gone = [*kept_stats(output, (project for project in others if project not in published))]
    for project in gone:
        paths = [metric.path.format(project) for metric in METRICS]
        paths += [TABLE.format(project, name) for name in TABLES]
        # stats.json last: by it the next run knows what a killed one left.
        for path in [*paths, CHART.format(project), STATS.format(project)]:
            (output / path).unlink(missing_ok=True)
        if not any((output / project).iterdir()):
            (output / project).rmdir()
    return gone


# ------------------------------------------------------------------------------- 7. report

HEAD = "| package | total | change | month | what happened |\n| :-- | --: | --: | --: | :-- |"


class Line(NamedTuple):
    """What the report says of a package or service."""

    happened: str
    level: Literal["", "warning", "error"] = ""  # of its annotation, if it has one
    total: str = ""
    change: str = ""
    month: str = ""


def say(text: str) -> None:
    """Write to the log, which is standard error."""
    print(text, file=sys.stderr)


def describe(outcome: Outcome[Figures], old: Stats | None, now: Stats | None, listed: bool) -> Line:
    """What the report says of a package that was asked for: `old` was kept of it, and now `now`."""
    line = Line(outcome.reason, "error")
    if outcome.kind == "postponed" or (outcome.kind == "unknown" and not listed):
        line = Line(outcome.reason)  # not a failure: a request is refused for it
    if not now:
        return line
    if outcome.kind == "unknown":
        happened = f"PePy no longer knows it; the figures of {now.timestamp.date()} stand"
        line = Line(happened, "warning")
    elif outcome.value and old:
        line = Line("updated", change=f"{now.total_downloads - old.total_downloads:+,}")
    elif outcome.value:
        line = Line("new")
    return line._replace(total=f"{now.total_downloads:,}", month=f"{now.last_month:,}")


def report(lines: dict[str, Line], notes: list[str]) -> None:
    """A table as Markdown on standard output, and in the job's summary on GitHub."""
    table = [HEAD] if lines else []
    for name, line in lines.items():
        cells = [name, line.total, line.change, line.month, line.happened]
        table.append(f"| {' | '.join(cells)} |")
    text = "\n".join([*table, *(f"\n{note}" for note in notes)])
    print(text)
    summarise(text, lines)


def summarise(markdown: str, lines: Mapping[str, Line]) -> None:
    """Add to the job's summary on GitHub, and annotate the job."""
    if "GITHUB_STEP_SUMMARY" not in os.environ:
        return
    append("GITHUB_STEP_SUMMARY", f"{markdown}\n\n")
    for title, line in lines.items():
        escaped = line.happened.replace("%", "%25").replace("\n", "%0A")
        if line.level:
            print(f"::{line.level} title={title}::{escaped}")


def append(variable: str, text: str) -> None:
    """Add to a file that GitHub reads, whose path is in a variable."""
    if path := os.environ.get(variable):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)


# ---------------------------------------------------------------- 8. requests, their answers


@dataclass
class Requests:
    """The issues that ask for packages, the oldest first, and what becomes of them."""

    issues: list[dict[str, Any]]
    new: list[str]  # the projects in them that can be added to the list
    refused: dict[str, str]  # why others are not
    notes: list[str]


def read_requests(options: Namespace, config: Config, text: bytes) -> Requests:
    """The issues, and what of them the list can take. Raises Unable where both are empty."""
    issues = json.loads(options.requests.read_bytes()) if options.requests else []
    issues.sort(key=itemgetter("number"))
    how = '[[package]] and name = "..." below it'
    if not config.package and not issues:
        raise Unable(f"{options.config}: list at least one package: {how}.")
    named = chain(*(read_request(issue["body"])[0] for issue in issues))
    new = [project for project in dict.fromkeys(named) if project not in config.projects]
    limit = config.limits.packages
    room = max(limit - len(config.package), 0)
    why = f"this site lists {limit} packages at most, but you can host your own"
    requested = Requests(issues, new[:room], dict.fromkeys(new[room:], why), [])
    try:
        parse_list(lengthen(text, requested.new), f"{options.config}")
    except Unable:
        requested.new = []
        requested.notes = [f"Requests wait: write the packages in {options.config} as {how}."]
    return requested


WANTED = re.compile(  # a name: behind a bullet or number, in quotes, to be installed, in an address
    r"(?:(?:[-*+]|[0-9]{1,2}[.)]) +)?(?P<quote>[\"'`]?)"
    r"(?:(?:python3? -m |uv )?pip3? install +|(?:uv|poetry|pdm) add +)?"
    r"(?P<address>https?://[\w.-]+/(?:projects?|packages|p)/)?"
    rf"(?P<name>{PATTERNS['name'][0]})(?(address)(?:[/?#][\w./?#=&-]*)?)(?P=quote)",
    re.ASCII,
)
AFTER = re.compile(  # it: its extras, and what its version has to be
    r"(?<=\w)(\[[\w, .-]{1,100}\])?(,?[ ]*(===?|~=|!=|[<>]=?)[ ]*[0-9][\w.*+!-]*)*", re.ASCII
)


def read_request(body: str) -> tuple[list[str], list[str]]:
    """The projects in the form's field `Packages`, or what is wrong there in our own words."""
    found = re.search(r"(?ms)^### Packages\s*$(.*?)(^###|\Z)", body)
    lines = re.findall(r"\S.*", found[1] if found else "")
    projects = []
    mistakes = {}  # by the line's number
    for number, line in enumerate(lines, 1):
        for part in AFTER.sub("", line).strip(" \t\r,").split(","):
            if wanted := WANTED.fullmatch(part.strip(" \t")):
                projects.append(normalise(wanted["name"]))
            else:
                mistakes[number] = f"line {number} has to hold a name, as in `pip install NAME`"
    if not 1 <= len(projects) + len(mistakes) <= 10:
        return [], ["the form's field has to name 1 to 10 packages, one a line"]
    if mistakes:
        return [], [*mistakes.values()]
    return [*dict.fromkeys(projects)], []


def lengthen(text: bytes, projects: Iterable[str]) -> bytes:
    """A list with more packages at its end, in the form that README shows."""
    longer = text if text.endswith(b"\n") else text + b"\n"
    return longer + "".join(f'\n[[package]]\nname = "{p}"\n' for p in projects).encode()


def answer(
    body: str, refused: Mapping[str, str], paths: Collection[str], site: str
) -> tuple[str, str] | None:
    """Why an issue is closed, and the comment; None while some package is still undecided."""
    projects, mistakes = read_request(body)
    granted = []
    reasons = [*mistakes]
    for project in projects:
        if METRICS[0].path.format(project) in paths:
            granted.append(project)
        elif project in refused:
            reasons.append(f"`{project}`: {refused[project]}")
        else:
            return None
    lines = ["Here they are, and from now on they are refreshed once a day."] if granted else []
    for project in granted:
        lines += offered(project, paths, site)
        lines.append(f"[Choose another look on the page]({site}/#{project}).")
    if reasons:
        form = f"https://github.com/{REPOSITORY}/issues/new?template=add-package.yml"
        lines += ["", "Not added:" if granted else "Nothing was added:", ""]
        lines += [f"- {reason}" for reason in reasons]
        lines += ["", f"To try again, open [a new request]({form}): this one is closed."]
    return "completed" if granted else "not-planned", "\n".join(lines).strip()


def offered(project: str, paths: Collection[str], site: str) -> list[str]:
    """A package's badges, as they look and as one copies them."""
    badges = markdown(project, paths, site)
    return ["", f"### `{project}`", "", *badges, "", "```markdown", *badges, "```", ""]


def markdown(project: str, paths: Collection[str], site: str) -> list[str]:
    """A package's badges, those that are there, and its chart as one pastes them into a README."""
    pictures = []
    for metric in METRICS:
        path = metric.path.format(project)
        if path in paths:
            address = quote(f"{site}/{path}", safe="")
            title = metric.title if metric.label else "Downloads"
            pictures.append(f"![{title}](https://img.shields.io/endpoint?url={address})")
    pictures.append(f"![Downloads a day]({site}/{CHART.format(project)})")
    if project.startswith(Family.prefix):  # PePy has no page of it
        return pictures
    return [f"[{picture}](https://pepy.tech/projects/{project})" for picture in pictures]


ASK = "Not listed? [Ask for it](../../issues/new?template=add-package.yml): minutes later, it is."


def with_site(readme: bytes, config: Config, paths: Collection[str]) -> bytes:
    """A README with the site's address and its first package's badges between its marks, if any."""
    first = next(iter(config.projects), "")
    is_known = config.site.url or REPOSITORY  # where the site is
    if not is_known or METRICS[0].path.format(first) not in paths:
        return readme
    site = config.site_address
    badges = markdown(first, paths, site)[:3]
    text = "\n".join([f"<{site}/>", "", *badges, "", ASK, ""]).encode()
    return between("site", readme, text)


def with_badges(readme: bytes, config: Config, paths: Collection[str]) -> bytes:
    """A README with the badges of all packages between its marks, if any."""
    lines = []
    for project in config.published:
        if METRICS[0].path.format(project) in paths:
            lines += offered(project, paths, config.site_address)
    return between("badges", readme, "\n".join([*lines, ""]).encode())


def between(mark: str, text: bytes, new: bytes) -> bytes:
    """A text with something new between the first two marks of a name."""
    marks = rf"(?s)(<!-- {mark} -->\r?\n).*?(<!-- /{mark} -->)".encode()
    return re.sub(marks, lambda found: found[1] + new + found[2], text, count=1)


# ---------------------------------------------------------------------------- 9. the command

DAY_BEGINS = 8  # o'clock UTC, as the schedule in .github/workflows/update.yml: then all is due
NEVER = datetime.min.replace(tzinfo=UTC)


class Interruption:
    """Ctrl-C, or a job that GitHub cancels: it ends a run's requests, and nothing after them."""

    came = False
    may_raise = False  # only while `ends` works, and till the first signal

    def note(self, *_: object) -> None:
        """What a signal calls."""
        self.came = True
        if self.may_raise:
            self.may_raise = False
            raise KeyboardInterrupt

    def ends(self, work: Callable[[], None]) -> None:
        """Do some work until it is done or a signal comes, or none if one came before."""
        try:
            self.may_raise = True
            if not self.came:
                work()
            self.may_raise = False
        except KeyboardInterrupt:
            self.came = True
        finally:
            self.may_raise = False


def choose(options: Namespace, config: Config, stats: Known, now: datetime) -> list[str]:
    """The projects to fetch: those without figures, then what waited longest. Raises Unable."""
    families = {family.project: family.packages for family in config.family}
    wanted: set[str] = set()
    for name in options.names:
        project = normalise(name)
        wanted.update(families.get(project, [project]))
    if unlisted := sorted(wanted - config.projects.keys()):
        names = ", ".join(short(project) for project in unlisted)
        raise Unable(f"Not listed in {options.config}: {names}. Add it there first.")
    if options.command == "render":
        return []
    day_began = now.replace(hour=DAY_BEGINS, minute=0, second=0, microsecond=0)
    if day_began > now:
        day_began -= timedelta(days=1)
    fetched = {}
    for project in config.projects:
        fetched[project] = stats[project].timestamp if project in stats else NEVER
        if not options.names and (options.all or fetched[project] < day_began):
            wanted.add(project)
    return sorted(wanted, key=lambda project: (fetched[project], project))


def lacking_days(options: Namespace, config: Config, stats: Known, received: Received) -> list[str]:
    """The projects that ClickHouse is to be asked about, of those that PePy told of."""
    found = []
    for project, new in received.figures.items():
        if not config.projects.get(project, config.defaults).backfill:
            continue
        if options.command == "backfill":
            found.append(project)
        elif project not in stats or not stats[project].backfilled:
            with suppress(Exception):  # its turn meets the same, and tells it
                days = read_tables(options.output, project)["history"]["downloads"]
                if lacks_days(days | new.history, new.total):
                    found.append(project)
    return found


def grant(options: Namespace, config: Config, requested: Requests, received: Received) -> Config:
    """The list with the requested packages that PePy knows; others are refused. Raises Unable."""
    for project, outcome in received.pepy.items():
        if outcome.kind == "unknown":
            requested.refused[project] = outcome.reason
    granted = [project for project in requested.new if project in received.figures]
    if not granted:
        return config
    text = lengthen(options.config.read_bytes(), granted)
    config = parse_list(text, f"{options.config}")
    write(options.config.resolve(), text)
    return config


def publish(docs: Docs, config: Config, stats: Known, received: Received) -> None:
    """Publish one package after another, then the families, and the catalogue of all."""
    ends = common_ends(stats, received)
    done = set()  # the packages whose turn went well
    for project in dict.fromkeys([*received.pepy, *config.projects]):
        package = config.projects.get(project)
        new = None
        if package:
            new = docs.take_turn(package, partial(next_record, docs, package, received, ends))
        if new:
            done.add(project)
        if project in received.pepy and project not in docs.lines:
            line = describe(received.pepy[project], stats.get(project), new, package is not None)
            docs.lines[project] = line
    for family in config.family:
        docs.take_turn(family, partial(family_record, docs, family, done))
    docs.put(CATALOGUE, catalogue(config, docs.rows))


def next_record(docs: Docs, package: Package, received: Received, ends: Ends) -> Record | None:
    """A package's record with what came for it, if there is any. Raises Damaged."""
    project = package.project
    stats = read_stats(docs.output, project)
    tables = read_tables(docs.output, project)
    kept = Record(stats, tables) if stats else None
    new = received.figures.get(project)
    if new:
        breakdown = received.tables.get(project, {})
        record = renewed(package, stats, tables, new, breakdown, ends)
    elif kept:
        record = kept
    else:
        return None
    if project in received.pasts:
        today = datetime.now(UTC).date()
        past = received.pasts[project]
        record, notes = backfilled(record, past, today, replace=received.replace)
        docs.notes += [f"{project} {note}." for note in notes]
    return completed(record, kept)


def family_record(docs: Docs, family: Family, done: Collection[str]) -> Record | None:
    """A family's sum, or its kept record where a package isn't `done`. Raises Damaged."""
    name = family.project
    if missing := ", ".join(member for member in family.packages if member not in done):
        docs.notes.append(f"{name} stays as it is, without figures of {missing}.")
        return read_record(docs.output, name)
    kept = read_record(docs.output, name)
    records = (read_record(docs.output, member) for member in family.packages)
    total = add_up(family, (record for record in records if record), kept)
    gone = kept.history.keys() - total.history.keys() if kept else ()
    if gone:
        docs.notes.append(f"{len(gone)} days went from {name}, as its packages are others now.")
    return total


def finish(
    options: Namespace, config: Config, requested: Requests, received: Received, docs: Docs
) -> None:
    """What follows the turns: the README, the answers to requests, and what is gone."""
    readme = options.config.resolve().with_name("README.md")
    if readme.is_file():
        text = with_site(readme.read_bytes(), config, docs.paths)
        write(readme, with_badges(text, config, docs.paths))
    for issue in requested.issues:
        if answered := answer(issue["body"], requested.refused, docs.paths, config.site_address):
            reason, comment = answered
            path = options.answers / f"{issue['number']}-{reason}.md"
            write(path, comment.encode())
    # It doesn't know what mirrors alone download, either, so "unknown" is no mistake.
    told = ("figures", "unknown")
    missing = {p: o.reason for p, o in received.breakdowns.items() if o.kind not in told}
    if missing:
        why = "; ".join(sorted({*missing.values()}))
        happened = f"no newer breakdown of {', '.join(missing)}: {why}"
        docs.lines["pypistats.org"] = Line(happened, "warning")
    if received.clickhouse_failed:
        happened = f"some histories stay short: {received.clickhouse_failed}"
        docs.lines["ClickHouse"] = Line(happened, "warning")
    newest = stalled(docs.rows)
    if newest and received.figures:
        docs.lines["PePy"] = Line(f"PePy's newest day is {newest}", "warning")
    for row in docs.rows:
        if since := row["year_date"]:
            docs.notes.append(f"{row['name']} shows the year up to {since}: too few days are kept.")
    docs.notes.append(f"{docs.changed} files changed in {options.output}.")
    if options.prune and (gone := prune(options.output, config.published)):
        docs.notes.append(f"No longer listed, files removed: {', '.join(gone)}.")


def run(options: Namespace, interruption: Interruption) -> int:
    """The whole job; returns the exit code. Raises Unable before it writes anything, or OSError."""
    text = options.config.read_bytes()
    config = parse_list(text, f"{options.config}")
    requested = read_requests(options, config, text)
    stats = kept_stats(options.output, [*config.projects, *requested.new])
    due = choose(options, config, stats, datetime.now(UTC))
    clickhouse = setting("CLICKHOUSE_URL", "https://sql-clickhouse.clickhouse.com/?user=demo")
    with_breakdown = [project for project in due if config.projects[project].breakdown]
    random.shuffle(with_breakdown)  # or else those that fail might come first every day
    asked = dict.fromkeys([*requested.new, *due], INTERRUPTED)
    received = Received(asked, dict.fromkeys(with_breakdown, NOT_ASKED))
    received.replace = options.command == "backfill"
    if asked:
        interruption.ends(lambda: fetch_all(received, options.deadline, PYPISTATS_PAUSES))
        lacking = lacking_days(options, config, stats, received)
        interruption.ends(lambda: fetch_pasts(received, lacking, clickhouse))
    config = grant(options, config, requested, received)
    docs = Docs(options.output, requested.notes)
    publish(docs, config, stats, received)
    finish(options, config, requested, received, docs)
    report(docs.lines, docs.notes)
    # In code spans, since GitHub takes a name such as gh-1 for a reference.
    added = [f"`{project}`" for project in requested.new if project in config.projects]
    message = f"Add {', '.join(added)}" if added else "Update badges"
    append("GITHUB_OUTPUT", f"message={message}\n")  # of the commit
    levels = {line.level for line in docs.lines.values()}
    return 130 if interruption.came else int("error" in levels)


def show(options: Namespace, interruption: Interruption) -> int:
    """Print what is told of any packages; returns the exit code. Raises Unable."""
    packages = {}
    for name in options.names:
        try:
            package = Package(name=name, breakdown=True)
        except ValidationError:
            raise Unable(f"{short(name)} is {PATTERNS['name'][1]}.") from None
        packages[package.project] = package
    asked = dict.fromkeys(packages, INTERRUPTED)
    received = Received(asked, dict.fromkeys(packages, NOT_ASKED))
    interruption.ends(lambda: fetch_all(received, options.deadline, pauses=[]))
    ends = common_ends({}, received)
    for project, new in received.figures.items():
        outcome = received.breakdowns[project]
        if outcome.value is None:
            say(f"{project} is without Python versions and systems: {outcome.reason}")
        record = renewed(packages[project], None, {}, new, outcome.value or {}, ends)
        print_record(completed(record, None), options.days, as_json=options.json)
    if interruption.came:
        return 130
    return int(len(received.figures) < len(packages))


def print_record(record: Record, days: int, *, as_json: bool) -> None:
    """Print a package's figures and its newest days, as a terminal or a program reads them."""
    stats = record.stats
    end = stats.last_date or date.min
    counts = {}
    for back, count in enumerate(record.window(min(days, record.known_days()))):
        counts[f"{end - timedelta(back)}"] = count
    if as_json:
        print(to_json({**stats.model_dump(mode="json"), "days": counts}).decode())
        return
    change = "unknown"
    if stats.previous_month:
        growth = stats.last_month / stats.previous_month - 1
        change = f"{growth:+.1%}"
    print(f"{stats.package}, up to {stats.last_date}")
    print(f"  total            {stats.total_downloads:,}")
    print(f"  month            {stats.last_month:,}")
    print(f"  week             {stats.last_week:,}")
    print(f"  day              {stats.last_day:,}")
    print(f"  average a day    {stats.average_daily:,}")
    print(f"  change           {change}, to the month before")
    print(f"  releases         {in_words(stats.top_releases)}")
    print(f"  Python versions  {in_words(stats.top_versions)}")
    print(f"  systems          {in_words(stats.top_systems)}")
    for day, count in counts.items():
        print(f"  {day}       {count:,}")
    print()


def in_words(shares: Sequence[Release | System]) -> str:
    """Releases, versions or systems and their downloads."""
    return ", ".join(f"{name} {count:,}" for (_, name), (_, count) in shares)


HELP = f"""\
Fetch the downloads of the packages in packages.toml from PePy and write badges into docs/.

  script.py                         fetch what is due: packages without figures, or with
                                    figures older than the newest {DAY_BEGINS:02}:00 UTC
  script.py update requests _boto   fetch these, and what a family adds up
  script.py backfill requests       fetch these, and ask ClickHouse for older days once more
  script.py render                  write the badges anew from what is kept: no network
  script.py show requests           fetch these, listed or not, and only print what is told

Exit code: 0 if all is fresh, or postponed to the next run; 1 if something failed, and all else
was published; 2 if nothing could be done; 130 if interrupted: what was fetched is published.
"""


def parse(argv: list[str] | None) -> Namespace:
    """The command line; `deadline` is on the monotonic clock. Exits with 2 if it makes no sense."""
    parser = ArgumentParser("script.py", None, HELP, formatter_class=RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("command", nargs="?", choices=["update", "backfill", "render", "show"], default="update")
    add("names", nargs="*", metavar="NAME", help="fetch these packages, due or not")
    add("--all", action="store_true", help="fetch every package, due or not")
    add("--time-limit", type=float, default="inf", metavar="MINUTES", help="then ask no more")
    add("--prune", action="store_true", help="remove the files of packages no longer listed")
    add("--days", type=int, default=30, help="how many days show prints (%(default)s)")
    add("--json", action="store_true", help="show prints an object a line, and a line a package")
    add("--requests", type=Path, metavar="FILE", help="issues that ask for packages, as JSON")
    add("--answers", type=Path, metavar="DIR", help="where the answers to them go, a file for each")
    add("--config", type=Path, default="packages.toml", metavar="FILE", help="(%(default)s)")
    add("--output", type=Path, default="docs", metavar="DIR", help="(%(default)s)")
    options = parser.parse_intermixed_args(argv)
    if options.command == "render" and (options.names or options.all or options.requests):
        parser.error("render fetches nothing: NAME, --all and --requests go with update")
    if options.command == "show" and not options.names:
        parser.error("show needs the packages' names")
    if options.all and options.names:
        parser.error("NAME and --all exclude each other")
    if (options.requests is None) != (options.answers is None):
        parser.error("--requests and --answers go together")
    options.deadline = time.monotonic() + 60 * options.time_limit
    return options


def main(argv: list[str] | None = None, interruption: Interruption | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = parse(argv)
    work = show if options.command == "show" else run
    try:
        return work(options, interruption or Interruption())
    except Unable as error:
        done = "Nothing was done."
        what = f"{error}"
    except OSError as error:
        done = "Not all was done."
        what = f"{error.strerror}: {error.filename}. Mend that, or see --config and --output."
    say(f"error: {what}")
    summarise(f"**{done}**\n\n```text\n{what}\n```", {"pepy-stats": Line(what, "error")})
    return 2


def start() -> None:
    """Run the command line in a process of its own, which signals interrupt."""
    interruption = Interruption()
    signal.signal(signal.SIGINT, interruption.note)
    signal.signal(signal.SIGTERM, interruption.note)
    exit_code = main(interruption=interruption)
    sys.stdout.flush()
    os._exit(exit_code)  # without waiting for requests that are still under way


if __name__ == "__main__":
    start()
