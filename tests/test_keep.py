"""What is kept of an answer: days that never go, windows and where they end, damaged files."""

from __future__ import annotations

import json
from collections import ChainMap
from typing import Any, NamedTuple

import pytest
from conftest import KEPT, NEWEST, Project, ago, daily, pepy_answer, publish, record
from hypothesis import given
from hypothesis import strategies as st

import script

NOW = KEPT.replace(microsecond=123456)
NOTHING: dict[str, script.Record] = {}
LONG_AGO = {ago(40): 5}


def figures(downloads: Any, project: str = "demo") -> script.Outcome[script.Figures]:
    """What comes of a request that PePy answers with these downloads."""
    body = json.dumps(pepy_answer(downloads, id=project))
    return script.Outcome("figures", value=script.read_figures(project, NOW, body.encode()))


def shared(total: script.History, python: script.Columns, **system: script.History) -> Any:
    """What comes of the requests for a breakdown that are answered with these days."""
    tables = {"history": {"without_mirrors": total}, "python": python, "system": system}
    return script.Outcome("figures", value=tables)


def keep_all(kept: dict[str, script.Record], pepy: Any, shares: Any) -> dict[str, script.Record]:
    received = script.Received(pepy, shares)
    received.figures = {name: outcome.value for name, outcome in pepy.items() if outcome.value}
    received.tables = {name: outcome.value for name, outcome in shares.items() if outcome.value}
    ends = script.common_ends({name: record.stats for name, record in kept.items()}, received)
    after = {**kept}
    for name, new in received.figures.items():
        old = kept[name].stats if name in kept else None
        tables = kept[name].tables if name in kept else {}
        breakdown = received.tables.get(name, {})
        package = script.Package(name=name, breakdown=name in shares)
        after[name] = script.renewed(package, old, tables, new, breakdown, ends)
    return after


def keep(downloads: Any, kept: Any = NOTHING, shares: Any = None) -> script.Record:
    return keep_all(kept, {"demo": figures(downloads)}, {"demo": shares} if shares else {})["demo"]


class WindowsEnd(NamedTuple):
    """How many days before NEWEST some packages end, and so all windows; None is without days."""

    why: str
    fetched: list[int | None]  # the newest days of what was fetched
    others: list[int | None]  # last_dates of what was not
    end: int | None


ENDS = [
    WindowsEnd("a half-done import ends a day earlier", fetched=[0, 1, 1], others=[1], end=1),
    WindowsEnd("of an even number the earlier middle", fetched=[0, 1], others=[], end=1),
    WindowsEnd("one package alone goes ahead of the others", fetched=[0], others=[1, 1, 1], end=0),
    WindowsEnd("a quiet one alone stays beside the others", fetched=[30], others=[1, 1], end=1),
    WindowsEnd("a quiet one of a list of its own", fetched=[30], others=[], end=30),
    WindowsEnd("quiet packages don't hold the others back", fetched=[0, 7, 30], others=[], end=0),
    WindowsEnd(
        "but count where they were downloaded in the newest week",
        fetched=[0, 1, 6],
        others=[],
        end=1,
    ),
    WindowsEnd(
        "a package without downloads has no say", fetched=[None, None, 0], others=[None], end=0
    ),
    WindowsEnd("nothing was fetched", fetched=[], others=[2, 2, 3], end=2),
    WindowsEnd("nothing is known", fetched=[None], others=[None], end=None),
]


@pytest.mark.parametrize("case", ENDS, ids=[case.why for case in ENDS])
def test_windows_end_on_the_later_of_two_middles(case: WindowsEnd) -> None:
    received = script.Received({}, {})
    for name, back in enumerate(case.fetched):
        newest = {} if back is None else {ago(back): 1}
        received.figures[f"fetched-{name}"] = script.Figures(NOW, 1, newest, {})
    stats = {}
    for name, back in enumerate(case.others):
        stats[f"other-{name}"] = record({}, None if back is None else ago(back)).stats
    end, _ = script.common_ends(stats, received)
    assert end == (None if case.end is None else ago(case.end))


def test_windows_end_with_those_of_an_earlier_run_and_never_go_back() -> None:
    first = keep_all(NOTHING, {name: figures(daily(5, 6), name) for name in "abc"}, {})
    both = keep_all(first, {name: figures(daily(5, 6, 0), name) for name in "de"}, {})
    for older in ({}, daily(5, end=ago(3))):
        both = keep_all(both, {name: figures(older, name) for name in "abcde"}, {})
        assert {record.stats.last_date for record in both.values()} == {NEWEST}
        assert [record.stats.last_day for record in both.values()] == [6, 6, 6, 0, 0]


def test_windows_are_1_7_and_30_days_with_missing_days_as_zero() -> None:
    days = {ago(n).isoformat(): {"1": 10**n} for n in (0, 2, 6, 7)}
    stats = keep(days | {f"{ago(n)}": {"1": 5 * n} for n in (29, 30)}).stats
    month = 1_000_101 + 10**7 + 5 * 29
    assert (stats.last_day, stats.last_week, stats.last_month) == (1, 1_000_101, month)
    assert stats.average_daily == round(month / 30, 1)
    assert stats.timestamp == NOW.replace(microsecond=0), "when the answer came"


def test_a_package_without_downloads_has_empty_windows_and_no_end() -> None:
    stats = keep({"2026-03-31": {"1.0": 0}}).stats
    assert (stats.last_date, stats.last_month, stats.total_downloads) == (None, 0, 10_000)


@pytest.mark.parametrize("ahead", [0, 2])
def test_windows_and_top_releases_end_with_the_others_and_lose_no_later_day(ahead: int) -> None:
    days = {f"{ago(0)}": {f"1.{n}": 5 for n in range(12)} | {"none": 0, "x\u202e": 9}}
    days |= {f"{ago(29)}": {"1.11": 1, "old": 100}, f"{ago(30)}": {"older": 999}}
    days |= {f"{ago(-n)}": {"import": 10**6} for n in range(1, ahead + 1)}
    outcomes = {"demo": figures(days)} | {name: figures(daily(1), name) for name in "abc"}
    kept = keep_all(NOTHING, outcomes, {})["demo"]
    top = [(release.version, release.downloads) for release in kept.stats.top_releases]
    fives = [(version, 5) for version in sorted(f"1.{n}" for n in range(11))[:8]]
    assert top == [("old", 100), ("1.11", 6), *fives]
    assert kept.stats.last_day == 69
    assert [*kept.history][3:] == [ago(-1), ago(-2)][:ahead]


HEADINGS = ("2.7", "3.9", "3.12", "unknown")
HISTORIES = st.dictionaries(st.dates(ago(400), NEWEST), st.integers(0, 10**9), min_size=1)
COLUMNS = st.dictionaries(st.sampled_from(HEADINGS), HISTORIES, min_size=1)


@given(st.lists(COLUMNS, min_size=1, max_size=3))
def test_merging_and_writing_lose_no_cell_and_the_newest_answer_wins(answers: Any) -> None:
    kept: script.Tables = {}
    for answer in answers:
        kept = script.merged(kept, {"python": answer})
    table = kept["python"]
    for name in HEADINGS:
        days = ChainMap(*(answer.get(name, {}) for answer in answers[::-1]))
        assert table.get(name, {}) == dict(days)
    assert [*table] == [name for name in HEADINGS if name in table]
    assert script.parse_table(script.write_table(table).encode(), NEWEST) == table


def test_a_breakdown_is_of_the_month_that_pypistats_has_complete() -> None:
    one = {ago(1): 1}
    days = {ago(1): 4, ago(30): 3, ago(31): 100}
    shares = shared(days, {"2.7": one, "3.11": one, "3.12": days}, unknown=one, Linux=days)
    stats = keep(daily(1), shares=shares).stats
    versions = [(r.version, r.downloads) for r in (*stats.top_versions, *stats.top_majors)]
    assert versions == [("3.12", 7), ("2.7", 1), ("3.11", 1), ("3", 8), ("2", 1)]
    assert [(s.system, s.downloads) for s in stats.top_systems] == [("Linux", 7), ("unknown", 1)]
    assert stats.without_mirrors == script.Windows(last_day=4, last_week=4, last_month=7)


@pytest.mark.parametrize(
    "silent", [shared(LONG_AGO, {"2.7": LONG_AGO}, Linux=LONG_AGO), shared({}, {})]
)
def test_who_downloaded_a_silent_package_long_ago_is_nobody_of_its_month(silent: Any) -> None:
    outcomes = {"demo": figures(daily(5, end=ago(40))), "other": figures(daily(1), "other")}
    lively = shared({ago(1): 1}, {"3.12": {ago(1): 1}}, Linux={ago(1): 1})
    stats, tables = keep_all(NOTHING, outcomes, {"demo": silent, "other": lively})["demo"]
    for columns in tables.values():  # what the next run reads
        assert script.parse_table(script.write_table(columns).encode(), NEWEST) == columns
    assert [*stats.top_versions, *stats.top_majors, *stats.top_systems] == []
    assert stats.without_mirrors == script.Windows(last_day=0, last_week=0, last_month=0)


@pytest.mark.parametrize("outcome", [None, script.Outcome[Any]("rate limited", "refused")])
def test_a_breakdown_stands_without_an_answer(outcome: script.Outcome[Any] | None) -> None:
    month = {ago(1): 4}
    kept = keep(daily(1), shares=shared(month, {"3.12": month}, Linux=month))
    after = keep(daily(9, end=ago(-2)), {"demo": kept}, outcome)
    for name in script.BREAKDOWN:
        assert getattr(after.stats, name) == getattr(kept.stats, name) != []
    assert after.tables["python"] == kept.tables["python"]


# What an earlier version left: numbers aligned, and a key that nobody reads any more.
OLD = {
    "stats.json": """{
  "package":                           "one", "timestamp":        "2026-04-01T15:56:46Z",
  "total_downloads":                   90000, "last_date": "2026-03-31", "last_day":   9,
  "last_week":                            49, "last_month":          49, "average_daily": 1.6,
  "top_releases": [{"version": "1.0",          "downloads": 47}],
  "top_versions": [{"version": "3.14", "downloads": 41}],
  "top_majors": [{"version": "3", "downloads": 41}],
  "top_systems": [{"system": "Linux", "downloads": 41}],
  "without_mirrors": {"last_day": 3, "last_week": 41, "last_month": 41}, "answered": ["recent"]
}""",
    "history.csv": "date,downloads,without_mirrors\n2025-12-29,,7\n2026-03-29,40,38\n",
    "python.csv": "date,3.9,3.14,unknown\n2026-03-29,,41,2\n2026-03-30,1,,\n",
    "system.csv": "date,Linux\n2026-03-29,41\n",
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_files_of_the_version_before_are_read_without_loss(project: Project, newline: str) -> None:
    publish(project.docs / "one", {n: text.replace("\n", newline) for n, text in OLD.items()})
    assert script.read_stats(project.docs, "none") is None
    kept = script.read_stats(project.docs, "one")
    tables = script.read_tables(project.docs, "one")
    package = script.Package(name="one", breakdown=True)
    assert kept
    files, _ = script.render(package, script.Record(kept, tables))
    assert files.items() >= {f"one/{n}": text for n, text in OLD.items() if "csv" in n}.items()
    stats = json.loads(files["one/stats.json"])
    new = dict.fromkeys(("previous_week", "previous_month", "last_year", "last_year_date"))
    new["latest_release"] = None
    new |= {"backfilled": None, "members": []}
    assert stats | {"answered": ["recent"]} == json.loads(OLD["stats.json"]) | new
    (project.docs / "one/stats.json").unlink()  # without it, the days are there
    assert script.read_stats(project.docs, "one") is None
    assert script.read_tables(project.docs, "one") == tables


STATS = OLD["stats.json"]
CHANGED = [("90000", "-1"), ("46Z", "46"), ("total", "all"), ('"one"', '"two"'), ("9,", '"9",')]
CHANGED += [("2026-04-01", "2999-01-01"), ("2026-03-31", "2999-01-01")]
HEAD = "date,downloads\n"
ROWS = ["03-31", "03-31,", "03-31,-1", "03-31,1_0", "03-31, 1", "02-30,1", f"03-31,{10**15}"]
ROWS += ["03-31,1\n2026-03-31,1", "03-31,1\n2026-03-30,1"]
HISTORY = ["", "date\n", "day,downloads\n", "\ufeff" + HEAD, "date,without_mirrors\n2026-03-31,1\n"]
HISTORY += [f"{HEAD}2026-{row}\n" for row in ROWS]
HISTORY += [f"{HEAD}{day},1\n" for day in ("20260331", "1999-12-31", "2999-01-01")]
DAMAGED = {
    "stats.json": ["", "{", "[]", *(STATS.replace(*change) for change in CHANGED)],
    "history.csv": HISTORY,
    "python.csv": ["date,3.12,3.12\n2026-03-31,1,2\n", "date,=1\n2026-03-31,1\n", "\x00"],
    "system.csv": ["date,Linux\n2026-03-31,\u0661\n", "<<<<<<< HEAD\ndate,Linux\n"],
}


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, texts in DAMAGED.items() for t in texts])
def test_files_damaged_or_of_the_future_fail_a_package(project: Any, name: str, text: str) -> None:
    publish(project.docs / "one", OLD | {name: text})
    with pytest.raises(script.Damaged, match=f"one/{name} is damaged: restore it with git"):
        script.read_record(project.docs, "one")
