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
from datetime import UTC, datetime
from functools import partial
from itertools import chain, repeat
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
import requests
from conftest import NEWEST
from pepy import Fault, Pepy, Plan
from served import KEY

import script

HOSTILE = f"\x1b[2J\r\n::error::forged {KEY}"
BIG = 10**15  # which no count reaches
READERS: dict[str, script.Reader[Any]] = {
    "PePy": partial(script.read_figures, "demo"),
    "pypistats.org": partial(script.read_table, "demo", "python"),
}
NOW = datetime(2026, 4, 2, 8, 3, 7, tzinfo=UTC)


def judge(
    body: bytes, service: str = "PePy", status: int = 200, **head: str
) -> script.Outcome[Any]:
    outcome = script.judge(service, READERS[service], NOW, status, head, body)
    assert re.fullmatch("[ -~]*", outcome.reason)
    assert not re.search(f"forged|{KEY}", outcome.reason), "it is in our own words"
    return outcome


def told(**changes: Any) -> bytes:
    """A good answer of PePy's, but for the changes."""
    whole = {"id": "demo", "total_downloads": 9, "downloads": {"2026-03-31": {"1.0": 5}}}
    return json.dumps(whole | changes).encode()


def points(*rows: tuple[Any, Any, Any], **changes: Any) -> bytes:
    """An answer of pypistats.org's with these categories, days and downloads."""
    data = [{"category": c, "date": day, "downloads": n} for c, day, n in rows]
    return json.dumps({"package": "demo", "data": data} | changes, default=str).encode()


BROKEN = [b"", b"<!doctype html>", told()[:-9], b'"\xff"', HOSTILE.encode(), b"[" * 10**5]
NONSENSE = {"Invalid JSON": BROKEN, "Field required": [b"{}"]}
NONSENSE |= {"Input should be an object": [b"[]", b"null", b"5"]}
WRONG = (1.5, 1e6, True, "12", None, HOSTILE, -1, BIG)  # instead of a count
NO_DAY = ("yesterday", "1767225600", "1999-12-31", "2026-1-1", "٢٠٢٦-01-01", "2026-02-30", HOSTILE)
OF_PEPY = {
    "total_downloads: Input should be": [told(total_downloads=n) for n in WRONG],
    "downloads: Input should be": [told(downloads={f"{NEWEST}": {HOSTILE: n}}) for n in WRONG],
    "downloads: Input should be an object": [told(downloads=n) for n in (None, {f"{NEWEST}": 5})],
    "its days add up to too much": [told(downloads={f"{NEWEST}": {"1.0": BIG - 1, "1.1": 1}})],
    "downloads: Value error, ": [told(downloads={day: {"1.0": 5}}) for day in NO_DAY],
    "it has downloads in the future": [told(downloads={"2026-04-03": {"1.0": 5}})],
    "it is about another project": [told(id=name) for name in ("another", "", HOSTILE)],
    "id: Input should be a valid string": [told(id=None)],
}
GOOD = ("3.11", NEWEST, 1)
NO_NAME = ("", "=1+1", "3,12", "3.1\n2", "-1", "x" * 41, "٣", HOSTILE)
OF_PYPISTATS = {
    "data: Input should be a valid array": [points(data=None), points(data={})],
    "data: Input should be an object": [points(data=[0] * 10**5)],
    "data: Input should be": [points(GOOD, ("3.12", NEWEST, n)) for n in WRONG],
    "its days add up to too much": [points(GOOD, ("3.12", NEWEST, BIG - 1))],
    "data: Value error, ": [points(("3.12", day, 1)) for day in (None, [1], *NO_DAY)],
    "it has downloads in the future": [points(("3.12", "2999-01-01", 1))],
    "a category with an impossible name": [points((name, NEWEST, 1)) for name in NO_NAME],
    "data: Input should be a valid string": [points((None, NEWEST, 1))],
    "it tells twice of one day": [points(GOOD, GOOD)],
    "it has too many categories": [points(*((f"3.{n}", NEWEST, 1) for n in range(101)))],
    "it is about another project": [points(package="another"), points(package=HOSTILE)],
}
LIES = [("PePy", *lie) for lie in (NONSENSE | OF_PEPY).items()]
LIES += [("pypistats.org", *lie) for lie in (NONSENSE | OF_PYPISTATS).items()]


@pytest.mark.parametrize(("service", "reason", "bodies"), LIES, ids=[row[1] for row in LIES])
def test_what_cannot_be_is_not_believed(service: str, reason: str, bodies: list[bytes]) -> None:
    for body in bodies:
        outcome = judge(body, service)
        assert (outcome.kind, outcome.value) == ("failed", None)
        assert outcome.reason.startswith(f"{service}'s answer can't be believed: ")
        assert reason in outcome.reason


STATUSES = [
    *((status, "try again", f"HTTP {status}") for status in (500, 502, 503, 504, 520)),
    *((status, "failed", f"HTTP {status}") for status in (204, 301, 302, 307, 400, 403, 418)),
    (401, "key refused", "refused the API key"),
    (404, "unknown", "doesn't know it"),
    (429, "rate limited", "too many requests"),
]


@pytest.mark.parametrize(("status", "kind", "reason"), STATUSES)
def test_what_a_status_comes_to_whatever_the_body(status: int, kind: str, reason: str) -> None:
    for body in (HOSTILE.encode(), told(), b""):
        outcome = judge(body, status=status, Location=HOSTILE)
        assert (outcome.kind, outcome.value, reason in outcome.reason) == (kind, None, True)


def test_a_header_that_is_no_whole_number_tells_nothing() -> None:
    numbers = {"7": 7, "0": 0, "9" * 5000: 999_999_999}
    for text in (*numbers, "", "abc", "-1", "1.5", "1e9", " "):
        head: Any = {f"X-Rate-Limit-{n}": text for n in ("Remaining", "Retry-After-Seconds")}
        assert judge(told(), **head).remaining == numbers.get(text)
        assert judge(b"", status=429, **head)[2:4] == (0, numbers.get(text, 0))


def test_pepys_answer_is_read_whole() -> None:
    day = {"1.0": 5, "2.0": 2, "3.0": 0}
    assert (figures := judge(told(id="Demo", more=[1], downloads={f"{NEWEST}": day})).value)
    assert figures[:3] == (NOW, 9, {NEWEST: 7})
    assert {version: counts[0] for version, counts in figures.releases.items()} == day


COLUMNS: list[Any] = [  # a table, the points of an answer, and what they become
    ("python", [GOOD, ("null", NEWEST, 0)], {"3.11": {NEWEST: 1}, "unknown": {NEWEST: 0}}),
    ("system", [], {}),
    ("history", [("with_mirrors", NEWEST, 9)], {"without_mirrors": {}}),
    ("history", [("without_mirrors", NEWEST, 8)], {"without_mirrors": {NEWEST: 8}}),
]


@pytest.mark.parametrize(("table", "rows", "columns"), COLUMNS)
def test_pypistats_answer_becomes_columns(table: str, rows: Any, columns: Any) -> None:
    found = script.read_table("demo", table, NOW, points(*rows, package="Demo"))
    assert found == {table: columns}


def zipped(body: bytes, pieces: int = 1) -> list[bytes]:
    """The body as gzip, which arrives in pieces."""
    size = len(whole := gzip.compress(body, compresslevel=1)) // pieces + 1
    parts = [whole[start : start + size] for start in range(0, len(whole), size)]
    return [GZIP, b"Content-Length: %d\r\n\r\n" % len(whole), *parts]


OK = b"HTTP/1.1 200 -\r\n"  # and without a length, the answer ends with the connection
GZIP, CHUNKED = OK + b"Content-Encoding: gzip\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n"
LONG, MOVED = OK + b"Content-Length: 1000000\r\n\r\n", b"HTTP/1.1 302 -\r\nLocation: /x\r\n\r\n"
FAILED = ("try again", r"the request to PePy failed \(\w+\)")
WHOLE = ("figures", "")
ENDLESS = ("failed", "PePy's answer did not come to an end")
FAULTS: dict[str, tuple[Fault, tuple[str, str]]] = {  # what is written, and what it comes to
    "dropped": (lambda _: [], FAILED),
    "no HTTP": (lambda body: [body], FAILED),
    "stalled": (lambda _: repeat(b""), FAILED),
    "stalled in body": (lambda body: chain([LONG, body[:5]], repeat(b"")), FAILED),
    "truncated": (lambda body: [LONG, body], FAILED),
    "truncated chunks": (lambda body: [CHUNKED, b"fff\r\n", body[:9]], FAILED),
    "truncated gzip": (lambda body: zipped(body, 2)[:2], FAILED),
    "not gzip": (lambda body: [GZIP, b"\r\n", body], FAILED),
    "dripping": (lambda _: chain([LONG], repeat(b" ")), ENDLESS),
    "endless": (lambda _: chain([OK, b"\r\n"], repeat(b" " * 10**5)), ENDLESS),
    "bomb": (lambda _: zipped(b" " * 2**24), ENDLESS),
    "redirect": (lambda _: [MOVED], ("failed", r".*an error \(HTTP 302\)")),
    "slow gzip": (lambda body: zipped(body, 20), WHOLE),
    "chunks": (lambda body: [CHUNKED, b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)], WHOLE),
}


def ask(pepy: Pepy, project: str) -> script.Outcome[Any]:
    """One request as fetch_all makes it."""
    with requests.Session() as session:
        session.headers["X-API-Key"] = KEY
        address = f"{pepy.url}/api/v2/projects/{project}"
        return script.ask(session, address, "PePy", partial(script.read_figures, project))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_ends_whatever_happens_to_it(fault: str, pepy: Pepy, monkeypatch: Any) -> None:
    pepy.projects["demo"], (kind, reason) = FAULTS[fault]
    monkeypatch.setattr(script, "MAX_BODY", 10**6)
    if "stalled" in fault:  # the others need as long as they need
        monkeypatch.setattr(script, "TIMEOUTS", (0.3, 0.3))
    if fault == "dripping":
        monkeypatch.setattr(script, "ANSWER_SECONDS", 0.3)
    outcome = ask(pepy, "demo")
    assert outcome.kind == kind
    assert re.fullmatch(reason, outcome.reason), "it is in our own words"
    assert pepy.addresses == {"/api/v2/projects/demo"}, "nobody else was told the key"


class Clock:
    """Time that passes only by waiting; an Event, too, which nobody sets."""

    def __init__(self) -> None:
        self.now, self.waits = 0.0, list[float]()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    wait = sleep


FINE = script.Outcome[Any]("figures", remaining=100, value={})
EMPTY, EIGHT = (FINE._replace(remaining=left) for left in (0, 8))
REFUSED = script.Outcome("rate limited", remaining=0)
KINDS: tuple[script.Kind, ...] = ("try again", "failed", "key refused", "unknown", "postponed")
DOWN, BAD, NO_KEY, NOWHERE, LATER = (script.Outcome[Any](kind) for kind in KINDS)
NAMES = [f"p{n}" for n in range(41)]


def loop(packages: int, answer: Callable[..., Any], clock: Any = None) -> Any:
    """What `fetch` makes of packages 0, 1, … whose nth request at a time has this answer."""
    clock, asked, lock = clock or Clock(), list[int](), threading.Lock()

    def ask(project: str) -> Any:
        with lock:
            asked.append(int(project))
            return answer(int(project), len(asked), clock.now)

    with patch.object(script, "as_completed", wraps=as_completed) as seen:
        found = [*script.fetch(map(str, range(packages)), ask, 999, clock)]
    assert sorted(int(project) for project, _ in found) == [*range(packages)]
    batches = [len(call.args[0]) for call in seen.call_args_list]
    kinds = Counter(outcome.kind for _, outcome in found)
    return SimpleNamespace(kinds=kinds, asked=asked, batches=batches, waits=clock.waits)


TOLD: list[Any] = [  # the answers, or tokens left after one; batches; waits
    ([5, 9, 3, *[9] * 6, 0], [1, 5, 3, 1], []),
    ([0, 0, 0], [1, 1, 1], [1, 1]),
    ([None] * 100, [1, 64, 35], []),
    ([1000] * 100, [1, 64, 35], []),
    ([0, REFUSED._replace(retry_after=4), 0, *[REFUSED] * 4, 0], [1] * 8, [1, 6, 6, 7, 14, 28, 56]),
    ([0, *[REFUSED] * 7, 0], [1] * 9, [1, 2, 4, 8, 16, 32, 60, 60]),
    ([0, REFUSED._replace(retry_after=99999), 0, 0, 0], [1] * 5, [1, 60, 60, 60]),
]


@pytest.mark.parametrize(("left", "batches", "waits"), TOLD)
def test_batches_and_waits_are_as_pepy_tells(left: Any, batches: Any, waits: Any) -> None:
    answers: Any = [n if isinstance(n, tuple) else FINE._replace(remaining=n) for n in left]
    done = loop(sum(a.kind == "figures" for a in answers), lambda _, n, __: answers[n - 1])
    assert (done.batches, done.waits, {*done.kinds}) == (batches, waits, {"figures"})


LIMITED, UNTIL = {"figures": 999, "postponed": 201}, {"figures": 9, "key refused": 191}
ENDS: dict[str, Any] = {  # packages, the answer; what comes of them, requests, waits
    "an outage": (500, lambda *_: DOWN, {"failed": 500}, 17, [2, 4]),
    "of few": (5, lambda *_: DOWN, {"try again": 5}, 15, [2, 4, 8]),
    "a short one": (500, lambda *n: FINE if n[2] > 5 else DOWN, {"figures": 500}, 509, [2, 4]),
    "no key": (200, lambda _, n, __: EIGHT if n < 10 else NO_KEY, UNTIL, 17, []),
    "time is up": (1200, lambda *_: EMPTY, LIMITED, 999, [1] * 998),
}


@pytest.mark.parametrize("why", ENDS)
def test_the_deadline_a_refused_key_or_16_in_a_row_without_an_answer_end_it(why: str) -> None:
    packages, answer, kinds, requests, waits = ENDS[why]
    done = loop(packages, answer)
    assert (done.kinds, len(done.asked), done.waits) == (kinds, requests, waits)


def test_broken_packages_do_not_pass_for_an_outage() -> None:
    assert loop(80, lambda p, *_: FINE if p > 23 else DOWN).kinds["figures"] == 56


def test_what_may_pass_is_tried_three_times_after_all_others() -> None:
    done = loop(6, lambda p, *_: DOWN if p == 1 else FINE._replace(remaining=2))
    assert (sorted(done.asked[:-2]), done.asked[-2:]) == ([*range(6)], [1, 1])
    assert done.kinds == {"figures": 5, "try again": 1}


BUCKETS = [*((rate, 10, 10) for rate in (300, 60, 20, 5)), (300, 10, 0), (60, 120, 0)]


@pytest.mark.parametrize("bucket", [*BUCKETS, (600, 30, 10), (1200, 64, 64)])
def test_tokens_are_used_as_they_come_back(bucket: Any, monkeypatch: Any) -> None:
    rate, burst, full = bucket
    monkeypatch.setattr("pepy.time", clock := Clock())
    with Pepy(Plan(rate, burst)) as pepy:
        pepy.tokens = full

        def answer(*_: object) -> script.Outcome[Any]:
            clock.now += 0.01  # which a request takes
            granted, head = pepy.take_token()
            return judge(told(), status=200 if granted else 429, **head)

        assert loop(70, answer, clock=clock).kinds == {"figures": 70}
    assert clock.now <= 1.10 * (70 - full) * 60 / rate + 1
    assert pepy.refused <= 7


PACE, NINE = 60 / 25, NAMES[:9]
PACED: list[Any] = [  # what is answered, the deadline; waits, and who has all tables
    ([], math.inf, [PACE] * 27, NINE),
    ([REFUSED, FINE, REFUSED], math.inf, [PACE, 60, PACE, 120, *[PACE] * 25], NINE),
    ([*[FINE] * 4, *[REFUSED] * 5], math.inf, [*[PACE] * 5, 60, 120, 240, 480], ["p0"]),
    ([FINE, BAD], math.inf, [PACE] * 26, NINE[1:]),  # a package's tables, all or none
    ([BAD, DOWN, FINE, BAD, BAD], math.inf, [PACE] * 20, NINE[4:]),
    ([BAD, DOWN, BAD], math.inf, [PACE] * 3, []),
    ([NOWHERE] * 5, math.inf, [PACE] * 17, NINE[5:]),  # which is an answer, too
    ([], 10, [*[PACE] * 4, 10 - 4 * PACE], ["p0"]),
]


@pytest.mark.parametrize("case", PACED)
def test_pypistats_is_asked_at_its_pace(case: Any, monkeypatch: Any) -> None:
    outcomes, deadline, waits, complete = case
    clock, answers = Clock(), chain[script.Outcome[Any]](outcomes, repeat(FINE))
    monkeypatch.setattr(script, "time", clock)

    def ask(_: str, table: str) -> script.Outcome[Any]:
        outcome = next(answers)
        return outcome._replace(value={table: {}} if outcome is FINE else None)

    found, stopped = dict.fromkeys(NINE, LATER), threading.Event()
    script.fetch_breakdowns(found, ask, deadline, clock)  # type: ignore[arg-type]
    assert clock.waits == pytest.approx(waits)
    tables = {p: {*outcome.value} for p, outcome in found.items() if outcome.value}
    assert tables == {p: {*script.SERIES} for p in complete}
    stopped.set()
    script.fetch_breakdowns(found := dict.fromkeys(NINE, LATER), ask, math.inf, stopped)
    assert {*found.values()} == {LATER}
