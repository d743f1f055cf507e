"""The days that PePy has forgotten: when ClickHouse is asked for them, believed, and kept."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from clickhouse import Clickhouse, engine_of
from conftest import KEPT, NEWEST, Project, ago, days, pepy_answer, record, without_new_badges
from pepy import Pepy

import script

TODAY = KEPT.date()  # two days after the last one of PePy
LAST = days(*[100] * 91)  # the days that PePy tells
YEARS = days(*[100] * 3650)
WEEK = (100, 100, 100, 100, 100, 50, 50)


def past_of(told: dict[date, int]) -> script.Past:
    """What is made of a package's days at ClickHouse."""
    return script.packed([*told], [*told.values()], TODAY)


def newest(*counts: int) -> script.History:
    """Ten years whose newest 91 days have these counts, again and again."""
    return YEARS | days(*(counts * 91)[-91:])


def unpacked(past: script.Past) -> script.History:
    days, counts = past
    return dict(zip(map(date.fromordinal, days), counts, strict=True))


class Doubt(NamedTuple):
    reason: str  # or "", where the past is believed
    past: dict[date, int]  # at ClickHouse
    history: script.History = LAST  # that is kept
    total: int = 365_000


NOISY = days(*(0, 6, 3) * 500)
FEW = days(*(5, 1, 3) * 30)
LONG_AGO = ago(5000)
DOUBTS = [
    Doubt("", YEARS),
    Doubt("", newest(109, 93)),
    Doubt("", newest(113, 100, 100, 100, 100)),
    Doubt("", days(*[100] * 3650, end=ago(10))),
    Doubt("", YEARS | days(*[100] * 300, end=TODAY)),
    Doubt("", days(*[100] * 3468)),  # 95 %
    Doubt("", days(*[100] * 3832)),  # 105 %
    Doubt("agrees with PePy on 0 of 91 days", newest(120, 80)),
    Doubt("agrees with PePy on 68 of 91 days", newest(100, 100, 100, 120)),
    Doubt("agrees with PePy on 0 of 0 days", days(1, end=ago(91))),
    Doubt("", newest(106)),
    Doubt("", days(*[100] * 3285)),  # 90 % of the total, as PePy read other tables before 2021
    Doubt("", days(*[100] * 5840)),  # 160 %
    Doubt("has 89.9 % of PePy's total", days(*[100] * 3283)),  # cut short
    Doubt("has 160.1 % of PePy's total", days(*[100] * 5842)),
    Doubt("no days of it", {}),
    Doubt("or impossible ones", YEARS | {LONG_AGO: -1}),
    Doubt("or impossible ones", YEARS | {LONG_AGO: 10**400}),
    Doubt("or impossible ones", YEARS | {TODAY + timedelta(1): 1}),
    Doubt("or impossible ones", YEARS | {date(1970, 1, 1): 1}),
    Doubt("agrees with PePy on", days(*WEEK * 500), days(*WEEK * 14, end=ago(-1)), 300_000),
    Doubt("", NOISY, FEW, 4_520),  # quiet, too
    Doubt("has 88.2 % of PePy's total", NOISY, FEW, 5_100),
    Doubt("", days(40, 1, 2, 3, 4, 5), days(1, 2, 3, 4, 5), 50),
    Doubt("", days(7, end=ago(200)), {}, 7),  # and nobody since
    Doubt("has 171.4 % of PePy's total", days(1200, end=ago(200)), {}, 700),
]


@pytest.mark.parametrize("doubt", DOUBTS)
def test_days_are_believed_where_they_agree_with_pepys(doubt: Doubt) -> None:
    kept = record(doubt.history, total_downloads=doubt.total)
    after, notes = script.backfilled(kept, past_of(doubt.past), TODAY)
    note = "".join(notes)
    if doubt.reason:
        assert note.startswith("keeps its short history: ClickHouse ")
        assert doubt.reason in note
    assert note.startswith("keeps") == bool(doubt.reason)
    assert after.history.keys() >= kept.history.keys()
    assert not (doubt.reason and after.history != kept.history)


@pytest.mark.parametrize(
    ("told", "counts"), [([NEWEST] * 2, [1, 1]), ([NEWEST], []), ([NEWEST], [1, 1])]
)
def test_a_day_told_twice_or_without_its_count_makes_all_impossible(told: Any, counts: Any) -> None:
    past = script.packed(told, counts, TODAY)
    _, note = script.backfilled(record(LAST, total_downloads=365_000), past, TODAY)
    assert "or impossible ones" in note[0]


PEPY = days(*[101] * 91)
HOLE = days(*[101] * 100, end=ago(200))  # before a site stood still for months
KNOWN = [(PEPY, 89), (days(*[101] * 88), 87), (days(*[101] * 30), 84), (PEPY | HOLE, 89)]


@pytest.mark.parametrize(("history", "back"), KNOWN)  # from how many days back on it is known
def test_no_filled_cell_is_touched_and_none_that_pepy_knows(
    history: script.History, back: int
) -> None:
    without = days(*[9] * 180)
    shares = {"x": LAST}
    tables = {"history": {"downloads": history, "without_mirrors": without}, "system": shares}
    kept = record({}, total_downloads=365_000)._replace(tables=tables)
    with patch.object(script, "doubt", lambda *_: ""):
        after, notes = script.backfilled(kept, past_of(YEARS), TODAY)
    older = {day: count for day, count in YEARS.items() if day < ago(back)}
    wanted = {"downloads": older | history, "without_mirrors": without}
    assert (after.tables, notes) == (tables | {"history": wanted}, [])
    assert [*after.history] == sorted(older | history)
    assert after.stats == kept.stats.model_copy(update={"backfilled": TODAY})


class Older(NamedTuple):
    """One day that PePy no longer tells: what was kept, what ClickHouse has, and what is then."""

    why: str
    kept: int | None
    told: int
    filled: int  # by the first run
    replaced: int  # by `backfill NAME`


OLDER = [
    Older("missing here", kept=None, told=100, filled=100, replaced=100),
    Older("told too low by PePy, once", kept=10, told=100, filled=10, replaced=100),
    Older("too high", kept=150, told=100, filled=150, replaced=100),
    Older("half of it there", kept=200, told=100, filled=200, replaced=100),
    Older("less than half of it there", kept=201, told=100, filled=201, replaced=201),
    Older("the same", kept=100, told=100, filled=100, replaced=100),
    Older("nothing there", kept=7, told=0, filled=7, replaced=7),
]


@pytest.mark.parametrize("case", OLDER, ids=[case.why for case in OLDER])
@pytest.mark.parametrize("replace", [False, True])
def test_the_command_replaces_what_pepy_no_longer_tells_and_no_day_that_it_does(
    case: Older, replace: bool
) -> None:
    day, recent = ago(200), ago(50)
    history = LAST | days(*[100] * 300, end=ago(91)) | {recent: 95}
    history = {d: n for d, n in history.items() if d != day}
    if case.kept is not None:
        history[day] = case.kept
    kept = record(history, total_downloads=365_000)
    after, note = script.backfilled(kept, past_of(YEARS | {day: case.told}), TODAY, replace=replace)
    assert after.history[day] == (case.replaced if replace else case.filled)
    assert after.history[recent] == 95
    is_changed = replace and case.kept not in (None, case.replaced)
    assert note == ["has 1 kept days changed to ClickHouse's"] * is_changed


@pytest.mark.parametrize(("length", "share"), [(3285, 90), (3467, 95), (3834, 105), (5840, 160)])
def test_a_ratio_to_the_total_that_is_believed_is_told(length: int, share: int) -> None:
    kept = record(LAST, total_downloads=365_000)
    after, note = script.backfilled(kept, past_of(days(*[100] * length)), TODAY)
    assert len(after.history) == length
    assert note == [f"has {share} % of PePy's total at ClickHouse"]


def result(*projects: Any, **more: Any) -> bytes:
    """ClickHouse's answer with a row for each of the projects."""
    return json.dumps({"data": projects, "rows": len(projects)} | more).encode()


A = ["a", [["2026-01-01"], ["5"]]]
B = ["b", [[], []]]
LIES = {  # bodies that come with status 200, where a and b were asked for
    "Invalid JSON": [result(A, B)[:-9], b"Code: 159. DB::Exception", b"<!doctype html>", b""],
    "exception\n": [result(A, B, exception="Code: 241. DB::Exception")],
    "it is cut short": [result(A, rows=2), result(A, rows=0)],
    "or about other projects": [result(A, A), result(A, ["c", B[1]])],
    "rows\n": [b'{"data": []}'],
}
NO_DAYS = [result(["a", [[day] * 10**5, [5]]]) for day in ("2026-02-30", "today", None)]
NO_COUNTS = [result(["a", [["2026-01-01"], [n] * 10**5]]) for n in (0.5, "x", None)]
LIES["data\\.0\\.1\\."] = NO_DAYS + NO_COUNTS  # told once, of so many


@pytest.mark.parametrize("reason", LIES)
def test_an_answer_that_is_not_whole_is_none(reason: str) -> None:
    for body in LIES[reason]:
        with pytest.raises(ValueError, match=reason) as caught:
            script.read_pasts(["a", "b"], KEPT, body)
        assert len(f"{caught.value}") < 1000


def test_counts_may_be_strings_and_a_package_unknown() -> None:
    for body in (result(A), result(["a", [["2026-01-01"], [5]]], meta=[])):
        pasts = script.read_pasts(["a", "b"], KEPT, body)
        days_of_a = {date(2026, 1, 1): 5}
        assert {name: unpacked(past) for name, past in pasts.items()} == {"a": days_of_a, "b": {}}


def test_an_interruption_loses_nothing(project: Project, pepy: Pepy) -> None:
    project.list("one")
    with patch.object(script, "fetch_pasts", side_effect=KeyboardInterrupt):
        assert project.run(pepy).code == 130
    assert project.json("one/stats.json")["backfilled"] is None


@pytest.fixture
def clickhouse(pepy: Pepy) -> Iterator[Clickhouse]:
    with Clickhouse(pepy) as server:
        yield server


def kept_days(project: Project, name: str) -> dict[str, int]:
    text = (project.docs / name / "history.csv").read_bytes()
    return {f"{d}": n for d, n in script.parse_table(text, date.max)["downloads"].items()}


def test_a_package_whose_days_are_all_kept_is_not_asked_about(
    project: Project, pepy: Pepy, clickhouse: Clickhouse
) -> None:
    project.list("young")
    for told in (days(*[10] * 92, end=ago(60)), days(*[10] * 92)):  # 152 days in all
        total = 10 * (92 if ago(60) in told else 152)
        pepy.projects["young"] = pepy_answer({f"{day}": {"1": n} for day, n in told.items()}, total)
        assert project.run(pepy, "--all", CLICKHOUSE_URL=clickhouse.url).code == 0
    assert clickhouse.asked == []
    assert len(kept_days(project, "young")) == 152


def test_the_first_run_shows_years_and_asks_once(
    project: Project, pepy: Pepy, clickhouse: Clickhouse
) -> None:
    here = {"CLICKHOUSE_URL": clickhouse.url, "GITHUB_REPOSITORY": "some/one"}
    young = json.loads(pepy.body("young"))
    recent = sum(sum(counts.values()) for counts in young["downloads"].values())
    pepy.projects["young"] = young | {"total_downloads": recent}
    project.list("young", "one", "two", text="[[package]]\nname = 'not'\nbackfill = false\n")
    assert project.run(pepy).code == 0
    before = without_new_badges(project.files(), "one", "two")
    run = project.run(pepy, "--all", **here)
    assert (run.code, [sorted(names) for names in clickhouse.asked]) == (0, [["one", "two"]])
    today = f"{datetime.now(UTC).date()}"
    for name in ("one", "two"):
        assert kept_days(project, name) == clickhouse.days(name)
        assert project.json(f"{name}/stats.json")["backfilled"] == today
    after = without_new_badges(project.files(), "one", "two")
    changed = ("history.csv", "stats.json", "chart.svg", "_packages.json")
    assert after.keys() - before.keys() == {"one/year.json", "two/year.json"}
    assert not [p for p in before if before[p] != after[p] and not p.endswith(changed)]
    assert before["not/history.csv"] == after["not/history.csv"]
    assert project.run(pepy, "--all", **here).code == 0
    assert len(clickhouse.asked) == 1
    for _ in range(2):  # though the second has nothing to fill in
        assert project.run(pepy, "backfill", "One", **here).code == 0
    assert clickhouse.asked[1:] == [["one"], ["one"]]
    assert project.files()["one/history.csv"] == after["one/history.csv"]
    agents = {head["user-agent"] for head in clickhouse.headers}
    assert agents == {"pepy-stats (+https://github.com/some/one)"}
    assert not [head for head in clickhouse.headers if "x-api-key" in head]


FAILING: list[tuple[str, dict[str, Any]]] = [  # what the report says, and how the service fails
    ("answered with an error (HTTP 503)", {"status": 503}),
    ("refused: too many requests", {"status": 429}),
    ("answered with an error (HTTP 500)", {"most": 5000}),
    ("Invalid JSON", {"spoil": lambda body: body[:-20]}),
    ("Invalid JSON", {"spoil": lambda _: b"<html>"}),
]


@pytest.mark.parametrize(("reason", "failing"), FAILING)
def test_a_service_that_fails_is_asked_again_with_the_next_run(
    project: Project,
    pepy: Pepy,
    clickhouse: Clickhouse,
    reason: str,
    failing: Any,
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(script, "CLICKHOUSE_BATCH", 2)
    names = ("one", "two", "three")
    project.list(*names)
    vars(clickhouse).update(failing)
    run = project.run(pepy, CLICKHOUSE_URL=clickhouse.url)
    assert (run.code, [len(asked) for asked in clickhouse.asked]) == (0, [2])
    (row,) = [line for line in run.output.split("\n") if "ClickHouse" in line]
    assert "some histories stay short" in row
    assert reason in row
    assert {project.json(f"{name}/stats.json")["backfilled"] for name in names} == {None}
    vars(clickhouse).update(status=200, most=10**9, spoil=bytes)
    assert "ClickHouse" not in project.run(pepy, "--all", CLICKHOUSE_URL=clickhouse.url).output
    assert all(kept_days(project, name) == clickhouse.days(name) for name in names)


def test_what_there_is_no_time_for_waits(
    project: Project, pepy: Pepy, clickhouse: Clickhouse, monkeypatch: Any
) -> None:
    monkeypatch.setattr(script, "CLICKHOUSE_BATCH", 1)
    monkeypatch.setattr(script, "CLICKHOUSE_SECONDS", -math.inf)
    project.list(*(names := ("one", "two")))
    for _ in names:
        assert "ClickHouse" not in project.run(pepy, "--all", CLICKHOUSE_URL=clickhouse.url).output
    assert sorted(clickhouse.asked) == [["one"], ["two"]]


def test_where_an_answer_is_cut_short_all_the_same_it_is_not_believed(
    project: Project, pepy: Pepy, clickhouse: Clickhouse, monkeypatch: Any
) -> None:
    heedless = {name: mode.replace("throw", "break") for name, mode in script.CLICKHOUSE.items()}
    monkeypatch.setattr(script, "CLICKHOUSE", heedless)
    clickhouse.most = 6000  # of the first all, of the second its old end, of the third nothing
    project.list(*(names := ("boto3", "pydantic", "requests")))
    run = project.run(pepy, CLICKHOUSE_URL=clickhouse.url)
    assert (run.code, run.output.count("keeps its short history: ClickHouse ")) == (0, 2)
    assert sorted(len(kept_days(project, name)) for name in names)[:2] == [92, 92]


@pytest.mark.skipif(not find_spec("chdb"), reason="needs `uv run --group engine pytest`")
def test_the_engine_answers_as_the_stand_in_does(
    project: Project, pepy: Pepy, clickhouse: Clickhouse
) -> None:
    names = [f"package-{number}" for number in range(60)]
    project.list(*names)
    with engine_of({name: clickhouse.days(name) for name in names}) as clickhouse.engine:
        clickhouse.most = 100_000
        assert "HTTP 500" in project.run(pepy, CLICKHOUSE_URL=clickhouse.url).output
        clickhouse.most = 10**9
        run = project.run(pepy, "--all", CLICKHOUSE_URL=clickhouse.url)
    assert (run.code, "ClickHouse" in run.output) == (0, False)
    assert [len(names) for names in clickhouse.asked][:2] == [50, 50]  # and a few that lack days
    assert all(kept_days(project, name) == clickhouse.days(name) for name in names)
