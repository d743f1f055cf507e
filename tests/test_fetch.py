"""Fetching: what an answer comes to, one request over real HTTP, and the two loops."""

from __future__ import annotations

import gzip
import json
import math
import re
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import as_completed
from functools import partial
from itertools import chain, repeat
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
import requests
from conftest import KEPT, NEWEST, daily, days, pepy_answer
from pepy import Fault, Pepy, Plan
from served import KEY

import script

HOSTILE = f"\x1b[2J\r\n::error::forged {KEY}"
BIG = 10**15  # which no count reaches
READERS: dict[str, script.Reader[Any]] = {
    "PePy": partial(script.read_figures, "demo"),
    "pypistats.org": partial(script.read_table, "demo", "python"),
}


def judge(
    body: bytes, service: str = "PePy", status: int = 200, **head: str
) -> script.Outcome[Any]:
    outcome = script.judge(service, READERS[service], KEPT, status, head, body)
    assert re.fullmatch("[ -~]*", outcome.reason)
    assert not re.search(f"forged|{KEY}", outcome.reason), "it is in our own words"
    return outcome


def good(**changes: Any) -> bytes:
    """A good answer of PePy's, but for the changes."""
    return json.dumps(pepy_answer(daily(5), 9, id="demo") | changes).encode()


def point(category: Any = "3.11", day: Any = NEWEST, downloads: Any = 1) -> dict[str, Any]:
    """What pypistats.org tells of a day."""
    return {"category": category, "date": day, "downloads": downloads}


def series(*points: dict[str, Any], **changes: Any) -> bytes:
    """An answer of pypistats.org's with these points, but for the changes."""
    return json.dumps({"package": "demo", "data": points} | changes, default=str).encode()


BROKEN = [b"", b"<!doctype html>", good()[:-9], b'"\xff"', HOSTILE.encode(), b"[" * 10**5]
NONSENSE = {"Invalid JSON": BROKEN, "Field required": [b"{}"]}
NONSENSE |= {"Input should be an object": [b"[]", b"null", b"5"]}
WRONG = (1.5, 1e6, True, "12", None, HOSTILE, -1, BIG)  # instead of a count
NO_DAY = ("yesterday", "1767225600", "1999-12-31", "2026-1-1", "٢٠٢٦-01-01", "2026-02-30", HOSTILE)
OF_PEPY = {
    "total_downloads: Input should be": [good(total_downloads=n) for n in WRONG],
    "downloads: Input should be": [good(downloads={f"{NEWEST}": {HOSTILE: n}}) for n in WRONG],
    "downloads: Input should be an object": [good(downloads=n) for n in (None, {f"{NEWEST}": 5})],
    "its days add up to too much": [good(downloads={f"{NEWEST}": {"1.0": BIG - 1, "1.1": 1}})],
    "downloads: Value error, ": [good(downloads={day: {"1.0": 5}}) for day in NO_DAY],
    "it has downloads in the future": [good(downloads={"2026-04-03": {"1.0": 5}})],
    "it is about another project": [good(id=name) for name in ("another", "", HOSTILE)],
    "id: Input should be a valid string": [good(id=None)],
}
NO_NAME = ("", "=1+1", "3,12", "3.1\n2", "-1", "x" * 41, "٣", HOSTILE)
OF_PYPISTATS = {
    "data: Input should be a valid array": [series(data=None), series(data={})],
    "data: Input should be an object": [series(data=[0] * 10**5)],
    "data: Input should be": [series(point(), point("3.12", downloads=wrong)) for wrong in WRONG],
    "its days add up to too much": [series(point(), point("3.12", downloads=BIG - 1))],
    "data: Value error, ": [series(point("3.12", day)) for day in (None, [1], *NO_DAY)],
    "it has downloads in the future": [series(point("3.12", "2999-01-01"))],
    "a category with an impossible name": [series(point(name)) for name in NO_NAME],
    "data: Input should be a valid string": [series(point(None))],
    "it tells twice of one day": [series(point(), point())],
    "it has too many categories": [series(*(point(f"3.{n}") for n in range(101)))],
    "it is about another project": [series(package=name) for name in ("another", HOSTILE)],
}
LIES = {"PePy": NONSENSE | OF_PEPY, "pypistats.org": NONSENSE | OF_PYPISTATS}
LIED = [(service, reason) for service, lies in LIES.items() for reason in lies]


@pytest.mark.parametrize(("service", "reason"), LIED)
def test_what_cannot_be_is_not_believed(service: str, reason: str) -> None:
    for body in LIES[service][reason]:
        outcome = judge(body, service)
        assert (outcome.kind, outcome.value) == ("failed", None)
        assert outcome.reason.startswith(f"{service}'s answer can't be believed: ")
        assert reason in outcome.reason


class Status(NamedTuple):
    number: int
    kind: script.Kind
    reason: str


STATUSES = [
    Status(401, "key refused", "refused the API key"),
    Status(404, "unknown", "doesn't know it"),
    Status(429, "rate limited", "too many requests"),
]
STATUSES += [Status(n, "failed", f"HTTP {n}") for n in (204, 301, 302, 307, 400, 403, 418)]
STATUSES += [Status(n, "try again", f"HTTP {n}") for n in (500, 502, 503, 504, 520)]


@pytest.mark.parametrize("status", STATUSES, ids=[status.number for status in STATUSES])
def test_what_a_status_comes_to_whatever_the_body(status: Status) -> None:
    for body in (HOSTILE.encode(), good(), b""):
        outcome = judge(body, status=status.number, Location=HOSTILE)
        assert (outcome.kind, outcome.value) == (status.kind, None)
        assert status.reason in outcome.reason


def test_a_header_that_is_no_whole_number_tells_nothing() -> None:
    numbers = {"7": 7, "0": 0, "9" * 5000: 999_999_999}
    for text in (*numbers, "", "abc", "-1", "1.5", "1e9", " "):
        head: Any = {f"X-Rate-Limit-{n}": text for n in ("Remaining", "Retry-After-Seconds")}
        assert judge(good(), **head).remaining == numbers.get(text)
        refused = judge(b"", status=429, **head)
        assert (refused.remaining, refused.retry_after) == (0, numbers.get(text, 0))


def test_pepys_answer_is_read_whole() -> None:
    day = {"1.0": 5, "2.0": 2, "3.0": 0}
    figures = judge(good(id="Demo", more=[1], downloads={f"{NEWEST}": day})).value
    assert isinstance(figures, script.Figures)
    assert (figures.fetched, figures.total, figures.history) == (KEPT, 9, {NEWEST: 7})
    assert {version: counts[0] for version, counts in figures.releases.items()} == day


class Table(NamedTuple):
    name: str
    points: list[dict[str, Any]]  # that pypistats.org tells
    columns: script.Columns


TABLES = [
    Table("python", [point(), point("null", downloads=0)], {"3.11": days(1), "unknown": days(0)}),
    Table("system", [], {}),
    Table("history", [point("with_mirrors", downloads=9)], {"without_mirrors": {}}),
    Table("history", [point("without_mirrors", downloads=8)], {"without_mirrors": days(8)}),
]


@pytest.mark.parametrize("table", TABLES)
def test_pypistats_answer_becomes_columns(table: Table) -> None:
    body = series(*table.points, package="Demo")
    assert script.read_table("demo", table.name, KEPT, body) == {table.name: table.columns}


def zipped(body: bytes, pieces: int = 1) -> list[bytes]:
    """The body as gzip, which arrives in pieces."""
    size = len(whole := gzip.compress(body, compresslevel=1)) // pieces + 1
    parts = [whole[start : start + size] for start in range(0, len(whole), size)]
    return [GZIP, b"Content-Length: %d\r\n\r\n" % len(whole), *parts]


OK = b"HTTP/1.1 200 -\r\n"  # and without a length, the answer ends with the connection
GZIP = OK + b"Content-Encoding: gzip\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n%b\r\n0\r\n\r\n"  # the only one
LONG = OK + b"Content-Length: 1000000\r\n\r\n"
MOVED = b"HTTP/1.1 302 -\r\nLocation: /x\r\n\r\n"


class Faulty(NamedTuple):
    why: str
    fault: Fault  # what is written instead of a good body
    kind: script.Kind = "try again"
    reason: str = r"the request to PePy failed \(\w+\)"


ENDLESS = "PePy's answer did not come to an end"
FAULTS = [
    Faulty("dropped", lambda _: []),
    Faulty("no HTTP", lambda body: [body]),
    Faulty("stalled", lambda _: repeat(b"")),
    Faulty("stalled in body", lambda body: chain([LONG, body[:5]], repeat(b""))),
    Faulty("truncated", lambda body: [LONG, body]),
    Faulty("truncated chunks", lambda body: [CHUNKED, b"fff\r\n", body[:9]]),
    Faulty("truncated gzip", lambda body: zipped(body, 2)[:2]),
    Faulty("not gzip", lambda body: [GZIP, b"\r\n", body]),
    Faulty("dripping", lambda _: chain([LONG], repeat(b" ")), "failed", ENDLESS),
    Faulty("endless", lambda _: chain([OK, b"\r\n"], repeat(b" " * 10**5)), "failed", ENDLESS),
    Faulty("bomb", lambda _: zipped(b" " * 2**24), "failed", ENDLESS),
    Faulty("redirect", lambda _: [MOVED], "failed", r".*an error \(HTTP 302\)"),
    Faulty("odd redirect", lambda _: [MOVED.replace(b"/x", b"http://[x")]),
    Faulty("redirect in bytes", lambda _: [MOVED.replace(b"/x", b"\xff\xfe")]),
    Faulty("slow gzip", lambda body: zipped(body, 20), "figures", ""),
    Faulty("chunks", lambda body: [CHUNKED, CHUNK % (len(body), body)], "figures", ""),
]


@pytest.mark.parametrize("faulty", FAULTS, ids=[faulty.why for faulty in FAULTS])
def test_a_request_ends_whatever_happens_to_it(
    faulty: Faulty, pepy: Pepy, monkeypatch: pytest.MonkeyPatch
) -> None:
    pepy.projects["demo"] = faulty.fault
    monkeypatch.setattr(script, "MAX_BODY", 10**6)
    if "stalled" in faulty.why:  # the others need as long as they need
        monkeypatch.setattr(script, "TIMEOUTS", (0.3, 0.3))
    if faulty.why == "dripping":
        monkeypatch.setattr(script, "ANSWER_SECONDS", 0.3)
    with requests.Session() as session:  # as fetch_all has it
        session.headers["X-API-Key"] = KEY
        address = f"{pepy.url}/api/v2/projects/demo"
        outcome = script.ask(session, address, "PePy", READERS["PePy"])
    assert outcome.kind == faulty.kind
    assert re.fullmatch(faulty.reason, outcome.reason), "it is in our own words"
    assert pepy.addresses == {"/api/v2/projects/demo"}, "nobody else was told the key"


class Clock:
    """Time that passes only by waiting; an Event, too, which nobody sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    wait = sleep


Outcome = script.Outcome[Any]
FINE = script.Outcome[Any]("figures", remaining=100, value={})
REFUSED = script.Outcome[Any]("rate limited", remaining=0)
DOWN = script.Outcome[Any]("try again")
BAD = script.Outcome[Any]("failed")
NO_KEY = script.Outcome[Any]("key refused")
NOWHERE = script.Outcome[Any]("unknown")
LATER = script.Outcome[Any]("postponed")


def left(tokens: int | None) -> Outcome:
    """Figures, after which PePy's bucket has so many tokens, where it tells."""
    return FINE._replace(remaining=tokens)


class Asked(NamedTuple):
    """A request: for a package, the how manieth of all, and when it came."""

    package: int
    number: int
    time: float


def loop(packages: int, answer: Callable[[Asked], Outcome], clock: Any = None) -> Any:
    """What `fetch` makes of packages 0, 1, … that are answered so."""
    clock = clock or Clock()
    asked: list[int] = []
    lock = threading.Lock()

    def ask(project: str) -> Outcome:
        with lock:
            asked.append(int(project))
            return answer(Asked(int(project), len(asked), clock.now))

    with patch.object(script, "as_completed", wraps=as_completed) as seen:
        found = [*script.fetch(map(str, range(packages)), ask, 999, clock)]
    assert sorted(int(project) for project, _ in found) == [*range(packages)]
    batches = [len(call.args[0]) for call in seen.call_args_list]
    kinds = Counter(outcome.kind for _, outcome in found)
    return SimpleNamespace(kinds=kinds, asked=asked, batches=batches, waits=clock.waits)


class Batched(NamedTuple):
    answers: list[Outcome]  # to one request after another
    batches: list[int]  # in which they are asked for
    waits: list[int]


SOON = REFUSED._replace(retry_after=4)
LATE = REFUSED._replace(retry_after=99999)
LONG_REFUSED = [left(0), SOON, left(0), *[REFUSED] * 4, left(0)]
BATCHED = [
    Batched([*map(left, [5, 9, 3, *[9] * 6, 0])], batches=[1, 5, 3, 1], waits=[]),
    Batched([left(0)] * 3, batches=[1] * 3, waits=[1, 1]),
    Batched([left(None)] * 100, batches=[1, 64, 35], waits=[]),
    Batched([left(1000)] * 100, batches=[1, 64, 35], waits=[]),
    Batched(LONG_REFUSED, batches=[1] * 8, waits=[1, 6, 6, 7, 14, 28, 56]),
    Batched(
        [left(0), *[REFUSED] * 7, left(0)], batches=[1] * 9, waits=[1, 2, 4, 8, 16, 32, 60, 60]
    ),
    Batched([left(0), LATE, *[left(0)] * 3], batches=[1] * 5, waits=[1, 60, 60, 60]),
]


@pytest.mark.parametrize("batched", BATCHED)
def test_batches_and_waits_are_as_pepy_tells(batched: Batched) -> None:
    packages = sum(answer.kind == "figures" for answer in batched.answers)
    done = loop(packages, lambda asked: batched.answers[asked.number - 1])
    assert done.batches == batched.batches
    assert done.waits == batched.waits
    assert {*done.kinds} == {"figures"}


class End(NamedTuple):
    why: str
    answer: Callable[[Asked], Outcome]
    kinds: dict[str, int]  # of what comes of all packages
    requests: int
    waits: list[int]


ENDS = [
    End("an outage", lambda _: DOWN, kinds={"failed": 500}, requests=17, waits=[2, 4]),
    End("of few", lambda _: DOWN, kinds={"try again": 5}, requests=15, waits=[2, 4, 8]),
    End(
        "a short one",
        lambda asked: FINE if asked.time > 5 else DOWN,
        kinds={"figures": 500},
        requests=509,
        waits=[2, 4],
    ),
    End(
        "no key",
        lambda asked: left(8) if asked.number < 10 else NO_KEY,
        kinds={"figures": 9, "key refused": 191},
        requests=17,
        waits=[],
    ),
    End(
        "time is up",
        lambda _: left(0),
        kinds={"figures": 999, "postponed": 201},
        requests=999,
        waits=[1] * 998,
    ),
]


@pytest.mark.parametrize("end", ENDS, ids=[end.why for end in ENDS])
def test_the_deadline_a_refused_key_or_16_in_a_row_without_an_answer_end_it(end: End) -> None:
    done = loop(sum(end.kinds.values()), end.answer)
    assert done.kinds == end.kinds
    assert len(done.asked) == end.requests
    assert done.waits == end.waits


def test_broken_packages_do_not_pass_for_an_outage() -> None:
    done = loop(80, lambda asked: FINE if asked.package > 23 else DOWN)
    assert done.kinds["figures"] == 56


def test_what_may_pass_is_tried_three_times_after_all_others() -> None:
    done = loop(6, lambda asked: DOWN if asked.package == 1 else left(2))
    assert (sorted(done.asked[:-2]), done.asked[-2:]) == ([*range(6)], [1, 1])
    assert done.kinds == {"figures": 5, "try again": 1}


BUCKETS = [(Plan(rate, burst=10), 10) for rate in (300, 60, 20, 5)]  # and the tokens in them
BUCKETS += [(Plan(300, burst=10), 0), (Plan(60, burst=120), 0)]
BUCKETS += [(Plan(600, burst=30), 10), (Plan(1200, burst=64), 64)]


@pytest.mark.parametrize(("plan", "tokens"), BUCKETS)
def test_tokens_are_used_as_they_come_back(plan: Plan, tokens: int, monkeypatch: Any) -> None:
    clock = Clock()
    monkeypatch.setattr("pepy.time", clock)
    with Pepy(plan) as pepy:
        pepy.tokens = tokens

        def answer(_: Asked) -> Outcome:
            clock.now += 0.01  # which a request takes
            granted, head = pepy.take_token()
            return judge(good(), status=200 if granted else 429, **head)

        assert loop(70, answer, clock=clock).kinds == {"figures": 70}
    assert clock.now <= 1.10 * (70 - tokens) * 60 / plan.rate + 1
    assert pepy.refused <= 7


PACE = 60 / 25
NINE = [f"p{n}" for n in range(9)]


class Paced(NamedTuple):
    outcomes: list[Outcome]  # of one request after another, and FINE after them
    waits: list[float]
    complete: list[str]  # the packages that have all tables
    deadline: float = math.inf


PACED = [
    Paced([], waits=[PACE] * 27, complete=NINE),
    Paced([REFUSED, FINE, REFUSED], waits=[PACE, 60, PACE, 120, *[PACE] * 25], complete=NINE),
    Paced([*[FINE] * 4, *[REFUSED] * 5], waits=[*[PACE] * 5, 60, 120, 240, 480], complete=["p0"]),
    Paced([FINE, BAD], waits=[PACE] * 26, complete=NINE[1:]),  # a package's tables, all or none
    Paced([BAD, DOWN, FINE, BAD, BAD], waits=[PACE] * 20, complete=NINE[4:]),
    Paced([BAD, DOWN, BAD], waits=[PACE] * 3, complete=[]),
    Paced([NOWHERE] * 5, waits=[PACE] * 17, complete=NINE[5:]),  # which is an answer, too
    Paced([], waits=[*[PACE] * 4, 10 - 4 * PACE], complete=["p0"], deadline=10),
]


@pytest.mark.parametrize("paced", PACED)
def test_pypistats_is_asked_at_its_pace(paced: Paced, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = chain(paced.outcomes, repeat(FINE))
    clock = Clock()
    monkeypatch.setattr(script, "time", clock)

    def ask(_: str, table: str) -> Outcome:
        outcome = next(answers)
        return outcome._replace(value={table: {}} if outcome is FINE else None)

    found = dict.fromkeys(NINE, LATER)
    pauses = [*script.PYPISTATS_PAUSES]
    script.fetch_breakdowns(found, ask, paced.deadline, clock, pauses)  # type: ignore[arg-type]
    assert clock.waits == pytest.approx(paced.waits)
    tables = {p: {*outcome.value} for p, outcome in found.items() if outcome.value}
    assert tables == {p: {*script.SERIES} for p in paced.complete}
    found = dict.fromkeys(NINE, LATER)
    stopped = threading.Event()
    stopped.set()
    script.fetch_breakdowns(found, ask, math.inf, stopped, [])
    assert {*found.values()} == {LATER}
