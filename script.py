"""Publish the download figures of Python packages as Shields endpoint badges.

The job, top-down: read the list of packages, fetch their figures from PePy, keep them,
render the badges, publish what changed, report.

    packages.toml ─┐
                   ├─ fetch ─> kept figures ─> render ─> badges
    PePy API ──────┘

Rendering is a pure function from the list and the kept figures to paths and bytes.
A metric is one row of METRICS; a source is one function that returns figures.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.color import COLORS_BY_NAME

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

try:
    import fcntl
except ImportError:  # Windows has no such lock: there, don't start two runs at once
    fcntl = None  # type: ignore[assignment]

HOME = f"https://github.com/{os.environ.get('GITHUB_REPOSITORY', 'owner/pepy-stats')}"
CONNECTIONS = 8  # requests in flight at once
CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 20.0  # seconds without a sign of life
ANSWER_SECONDS = 60.0  # for one whole answer, however slowly it drips
ATTEMPTS = 4  # per package, for connection errors, timeouts and 5xx
BACKOFF = 1.0  # seconds before the second attempt, doubled for each further one
OUTAGE = 16  # packages in a row without an answer, after which nothing more is asked
TICK = 0.25  # seconds at most between two looks at whether something hangs
PATIENCE = 600.0  # seconds without any grant after which the rate limit has won
OVERDUE = 5.0  # seconds after which PePy has surely counted a request, answered or not
FIRST_PAUSE = 0.25  # seconds until an emptied bucket is tried, before its rate is known
MAX_BODY = 64 * 1024 * 1024  # bytes after decompression
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
        "|".join([*_NAMES, *_NOTATIONS]),
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
        "[a-z0-9]+", "a logo is a simple-icons slug: lower-case letters and digits, such as pypi"
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


class Look(BaseModel):
    """The options that Shields reads, under its own names.

    https://shields.io/badges/endpoint-badge
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

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
    """A badge's options: its look, and how PePy's units write its number."""

    units: Literal["abbreviation", "international_system", "none"] = "abbreviation"
    decimals: Annotated[int, Field(ge=0, le=3)] = 1


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


LOGO_OPTIONS = {"namedLogo", "logoSvg", "logoColor", "logoSize"}


class Config(BaseModel):
    """The whole of packages.toml."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    defaults: Options = Options()
    package: Annotated[list[Package], Field(min_length=1)]

    @field_validator("package", mode="before")
    @classmethod
    def _merge_defaults(cls, tables: object, info: ValidationInfo) -> object:
        if not isinstance(tables, list) or "defaults" not in info.data:
            return tables  # mistaken defaults are told once, and not again for every package
        defaults = info.data["defaults"].model_dump(exclude_unset=True)

        def merged(table: dict[str, object]) -> dict[str, object]:
            own_logo = table.keys() & {"namedLogo", "logoSvg"}
            replaced = own_logo and defaults.keys() & {"namedLogo", "logoSvg"}
            dropped = LOGO_OPTIONS if replaced else set()
            return {k: v for k, v in defaults.items() if k not in dropped} | table

        return [merged(table) if isinstance(table, dict) else table for table in tables]


def read_packages(path: Path) -> list[Package]:
    """The packages listed in a packages.toml, in its order.

    Raises Unable with every mistake in it, each with its place, value and what is allowed.
    """
    name = plain(str(path))
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise Unable(
            f"Cannot read {name}: {error.strerror}. Name the list with --config."
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Unable(f"{name} is not UTF-8 text (line {line}): save it as UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise Unable(f"{name} is not valid TOML: {error}.") from None
    try:
        return Config.model_validate(data, context=set()).package
    except ValidationError as error:
        mistakes = list(dict.fromkeys(_explain(details, data) for details in error.errors()))
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise Unable("\n  ".join([f"{name} has {count}:", *mistakes])) from None


def _explain(error: ErrorDetails, data: dict[str, Any]) -> str:
    """One mistake in words: place = value: what is allowed."""
    match error["loc"]:
        case ("package",):
            return '[[package]]: list at least one package: [[package]] and name = "…" below it'
        case ("package", int(index), *keys):
            table = data["package"][index]
            name = table.get("name") if isinstance(table, dict) else None
            place = f"[[package]] {index + 1}" + (f" ({_short(name)})" if name else "")
            if (
                isinstance(table, dict)
                and keys
                and keys[0] in data.get("defaults", {}).keys() - table
            ):
                place = "[defaults]"
        case ("defaults", *keys):
            place = "[defaults]"
        case (*keys,):
            place = ""
    place = " ".join([place, *map(_short_key, keys)]).strip()
    if error["type"] == "missing":
        return f"{place}: is missing"
    if error["type"] == "extra_forbidden":
        model = Options if place.startswith("[defaults]") else Package
        allowed = model.model_fields if place.startswith("[") else Config.model_fields
        return f"{place}: no such key; allowed are {', '.join(sorted(allowed))}"
    reason = error.get("ctx", {}).get("error", error["msg"])
    return f"{place} = {_short(error['input'])}: {reason}"


def _short(value: object) -> str:
    try:
        text = ascii(value)
    except (ValueError, RecursionError):  # a number or a nesting that Python won't print
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:79]}…"


def _short_key(key: object) -> str:
    text = str(key)
    return text if re.fullmatch(r"[\w-]{1,40}", text, re.ASCII) else _short(text)
