"""Who downloads a package: what pypistats.org answers, and what is kept and shown of it."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pypistats as stand_in
import pytest
from conftest import NEWEST, Project
from hypothesis import given
from hypothesis import strategies as st
from pepy import KEY, Pepy, Plan
from pypistats import FAULTS, Pypistats

import script

ON = "[defaults]\nbreakdown = true\n"
NOW = datetime(2026, 4, 2, 8, 3, 7, tzinfo=UTC)
DEMO = script.Package(name="demo", breakdown=True)
FILES = {"python.csv", "system.csv", "python.json", "system.json"}
# The limits on both sides, a hundred times as fast.
FAST = "script.PYPISTATS_LIMITS = ((5, 0.01), (25, 0.6))"
FAST_LIMITS = ((5, 0.01), (30, 0.6))
SOON = f"{FAST}; script.PYPISTATS_PAUSES = (0.2, 0.4)"


@pytest.fixture
def pypistats() -> Iterator[Pypistats]:
    # Runs follow each other in these tests as they don't in life: within a second.
    with Pypistats(limits=((30, 60.0),)) as server:
        yield server


def run(
    project: Project, pepy: Pepy | None, pypistats: Pypistats, *arguments: str, **more: str
) -> Any:
    return project.run(pepy, *arguments, PYPISTATS_API_URL=pypistats.url, **more)


def read(name: str, data: Any, package: str = "demo", now: datetime = NOW) -> script.Breakdown:
    body = json.dumps({"package": package, "data": data, "type": f"{name}_downloads"}).encode()
    return script.read_breakdown(body, "demo", name, now)


def points(*rows: tuple[str, str, int]) -> list[dict[str, Any]]:
    return [{"category": c, "date": day, "downloads": n} for c, day, n in rows]


def yesterday(project: Project, *names: str) -> None:
    """Make it so that the last run was yesterday."""
    for name in names:
        path = project.docs / name / "stats.json"
        stats = json.loads(path.read_bytes())
        before = datetime.fromisoformat(stats["timestamp"]) - timedelta(days=1)
        path.write_text(json.dumps(stats | {"timestamp": before.isoformat()}))


# --- an answer


def test_categories_become_columns_in_the_order_of_versions() -> None:
    data = points(
        ("null", "2026-03-31", 7),
        ("3.12", "2026-03-31", 5),
        ("3.9", "2026-03-30", 4),
        ("2.7", "2026-03-31", 1),
        ("3.12", "2026-03-29", 0),
    )
    table = read("python_minor", data).tables["python"]
    assert [*table] == ["2.7", "3.9", "3.12", "unknown"]
    assert table["3.12"] == {date(2026, 3, 29): 0, date(2026, 3, 31): 5}
    assert script.write_table(table).split("\n") == [
        "date,2.7,3.9,3.12,unknown",
        "2026-03-29,,,0,",
        "2026-03-30,,4,,",
        "2026-03-31,1,,5,7",
    ]


def test_systems_come_by_name_and_of_overall_only_what_leaves_mirrors_out() -> None:
    names = ("other", "null", "Windows", "Linux", "Darwin")
    data = points(*((name, "2026-03-31", 1) for name in names))
    table = read("system", data).tables["system"]
    assert [*table] == ["Darwin", "Linux", "Windows", "other", "unknown"]
    data = points(("with_mirrors", "2026-03-31", 9), ("without_mirrors", "2026-03-31", 8))
    assert read("overall", data).tables == {"history": {"without_mirrors": {NEWEST: 8}}}


def test_an_answer_without_days_is_one_all_the_same() -> None:
    for name in ("overall", "python_minor", "system"):
        assert read(name, []) == script.Breakdown(answered={name: NOW})


@pytest.mark.parametrize("package", ["Demo", "demo", "DEMO"])
def test_the_name_comes_back_normalised_or_not(package: str) -> None:
    recent = {"last_day": 1, "last_week": 2, "last_month": 3}
    assert read("recent", recent, package).recent == script.Recent(**recent)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("3.12", "2026-04-03", 1), "in the future"),
        (("3.12", "2026-04-02", -1), "greater than or equal"),
        (("3.12", "yesterday", 1), "not a date"),
        (("", "2026-04-01", 1), "impossible name"),
        (("=1+1", "2026-04-01", 1), "impossible name"),
        (("3,12", "2026-04-01", 1), "impossible name"),
        (("3.1\n2", "2026-04-01", 1), "impossible name"),
        (("x" * 41, "2026-04-01", 1), "impossible name"),
        (("3.11", "2026-03-31", 1), "twice"),
        (("3.12", "2026-03-31", 10**15 - 1), "add up to too much"),
    ],
)
def test_what_cannot_be_is_not_believed(row: tuple[str, str, int], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read("python_minor", points(("3.11", "2026-03-31", 1), row))


def test_at_most_a_hundred_categories_are_believed() -> None:
    rows = [(f"3.{number}", "2026-03-31", 1) for number in range(101)]
    assert len(read("python_minor", points(*rows[:100])).tables["python"]) == 100
    with pytest.raises(ValueError, match="too many categories"):
        read("python_minor", points(*rows))


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        *((500, "try again", "HTTP 500"), (503, "try again", "HTTP 503")),
        *((404, "unknown", "doesn't know it"), (429, "rate limited", "refused")),
        *((200, "failed", "not JSON"), (302, "failed", "check PYPISTATS_API_URL")),
        (403, "failed", "check PYPISTATS_API_URL"),
    ],
)
def test_what_a_status_comes_to(status: int, kind: str, reason: str) -> None:
    outcome = script.judge_pypistats("demo", "recent", status, {}, b"<!doctype html>")
    assert outcome.kind == kind
    assert reason in outcome.reason
    assert bool(outcome.breakdown) == (kind == "unknown"), "which is an answer, too"


def test_a_long_list_of_nonsense_takes_no_time() -> None:
    started = time.monotonic()
    with pytest.raises(ValueError, match="can't be believed"):
        read("system", [0] * 1_000_000)
    assert time.monotonic() - started < 2


# --- what is made of it

VERSIONS = st.from_regex(r"[23]\.[0-9]{1,2}|null", fullmatch=True)
DAYS = st.dates(date(2026, 1, 1), NEWEST)
CELLS = st.dictionaries(st.tuples(VERSIONS, DAYS), st.integers(0, 10**9), max_size=40)


def of(cells: dict[tuple[str, date], int]) -> script.Breakdown:
    return read("python_minor", points(*((v, f"{day}", n) for (v, day), n in cells.items())))


def keep(
    breakdown: script.Breakdown,
    old: script.Kept | None = None,
    now: datetime = NOW,
    package: script.Package = DEMO,
) -> script.Kept:
    figures = script.Figures(1, {NEWEST: 1}, [script.Release(version="1", downloads=1)], now)
    return script.keep(old, figures | breakdown, package, NEWEST)


@given(st.lists(CELLS, min_size=1, max_size=4))
def test_merging_loses_no_cell_and_the_newest_answer_wins(
    answers: list[dict[tuple[str, date], int]],
) -> None:
    kept: script.Kept | None = None
    newest: dict[tuple[str, date], int] = {}
    for answer in answers:
        kept = keep(of(answer), kept)
        newest |= answer
    assert kept is not None
    table = kept.tables.get("python", {})
    cells = {
        ("null" if v == "unknown" else v, day): n for v, h in table.items() for day, n in h.items()
    }
    assert cells == newest
    assert [*table] == sorted(
        table, key=lambda v: (v == "unknown", *map(int, v.split(".")[: v != "unknown" and 2]))
    )
    files = script.render([script.Package(name="demo")], {"demo": kept})
    if newest:
        assert script.parse_table(files["demo/python.csv"]) == table
        assert len(files["demo/python.csv"].splitlines()) == 1 + len({day for _, day in newest})
    else:
        assert "demo/python.csv" not in files


@given(CELLS)
def test_the_lists_are_sums_of_the_newest_30_days(cells: dict[tuple[str, date], int]) -> None:
    stats = keep(of(cells)).stats
    assert stats is not None
    end = max((day for (_, day), n in cells.items() if n), default=NEWEST)
    sums: Counter[str] = Counter()
    majors: Counter[str] = Counter()
    for (version, day), downloads in cells.items():
        if downloads and end - timedelta(days=30) < day <= end:
            sums["unknown" if version == "null" else version] += downloads
            majors["unknown" if version == "null" else version[0]] += downloads
    for top, expected in ((stats.top_versions, sums), (stats.top_majors, majors)):
        assert {entry.version: entry.downloads for entry in top} == dict(expected)
        counts = [entry.downloads for entry in top]
        assert counts == sorted(counts, reverse=True)


def test_a_months_sums_end_with_the_last_downloads() -> None:
    table = {
        "3.12": {NEWEST: 0, NEWEST - timedelta(days=2): 1, NEWEST - timedelta(days=31): 10},
        "2.7": {NEWEST - timedelta(days=32): 100, NEWEST - timedelta(days=90): 1000},
    }
    assert script.last_month(table) == [("3.12", 11)]
    assert script.last_month({"3.12": {NEWEST: 0}}) == script.last_month({}) == []


def test_of_two_answers_the_later_one_stands() -> None:
    first, second = (script.Recent(last_day=n, last_week=n, last_month=n) for n in (1, 2))
    one, other = script.Breakdown(recent=first), script.Breakdown(recent=second)
    assert (one | other).recent == second
    assert (other | script.Breakdown()).recent == second
    kept = keep(other, keep(one), NOW + timedelta(days=1))
    assert kept.stats
    assert kept.stats.without_mirrors == second


def test_a_line_of_stats_keeps_its_length() -> None:
    def text(downloads: int) -> str:
        stats = keep(of({("3.12", NEWEST): downloads})).stats
        assert stats
        return script.write_stats(stats.model_copy(update={"last_month": downloads}))

    assert (
        len({len(line) for n in (1, 10**9) for line in text(n).split("\n") if "down" in line}) == 2
    )
    assert len(text(1)) == len(text(10**9))
    stats = keep(of({("3.12", NEWEST): 5})).stats
    assert stats
    hostile = [
        script.Release(version=text, downloads=1) for text in ('",\\n', "[{}]", "a: 1,", "ü\n")
    ]
    stats = stats.model_copy(update={"top_releases": hostile})
    assert script.Stats.model_validate_json(script.write_stats(stats)) == stats


def month(**shares: int) -> script.Kept:
    """What is kept after a month in which that was downloaded, `_` for the dots of versions."""
    table = {name.lstrip("v").replace("_", "."): {NEWEST: n} for name, n in shares.items()}
    return script.Kept(None, {"python": table, "system": table})


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"v3_12": 5}, "3.12"),
        ({"v3_9": 45, "v3_12": 45, "v3_10": 10}, "3.9 | 3.12"),
        ({"v3_9": 45, "v3_12": 44, "v3_10": 11}, "3.9 | 3.10 | 3.12"),
        ({"v3_10": 30, "v3_11": 30, "v3_12": 30, "v2_7": 10}, "3.10 | 3.11 | 3.12"),
        ({"v3_8": 1, "v3_9": 1, "v3_10": 1}, "3.8 | 3.9 | 3.10"),
        ({"v3_12": 5, "unknown": 10**6}, "3.12"),
        ({"unknown": 5}, "unknown"),
        ({"v3_12": 0}, ""),
        ({}, ""),
    ],
)
def test_the_versions_of_a_badge_make_up_90_percent(shares: dict[str, int], message: str) -> None:
    package = script.Package(name="demo")
    assert script.python_versions(package, month(**shares)) == message


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"Linux": 81, "Darwin": 19}, "Linux 81%"),
        ({"Linux": 805, "Darwin": 195}, "Linux 81%"),
        ({"Linux": 8049, "Darwin": 1951}, "Linux 80%"),
        ({"Linux": 1, "Windows": 2, "unknown": 97}, "Windows 67%"),
        ({"Linux": 5, "Darwin": 5}, "Linux 50%"),
        ({"Darwin": 3}, "Darwin 100%"),
        ({"unknown": 3}, "unknown"),
        ({}, ""),
    ],
)
def test_the_system_of_a_badge_is_the_most_used(shares: dict[str, int], message: str) -> None:
    assert script.top_system(script.Package(name="demo"), month(**shares)) == message


def test_a_day_that_one_source_alone_knows_leaves_the_others_cell_empty() -> None:
    data = points(("without_mirrors", "2026-03-30", 7), ("without_mirrors", "2025-12-01", 0))
    kept = keep(read("overall", data))
    text = script.render([script.Package(name="demo")], {"demo": kept})["demo/history.csv"]
    assert text.decode().splitlines() == [
        "date,downloads,without_mirrors",
        "2025-12-01,,0",
        "2026-03-30,,7",
        "2026-03-31,1,",
    ]
    assert script.parse_table(text) == kept.tables["history"]
    assert kept.stats
    assert kept.stats.last_month == 1, "the windows are PePy's alone"


@pytest.mark.parametrize("name", script.TOP_LISTS)
def test_the_lists_are_rewritten_once_a_week(name: str) -> None:
    source = {"python": "python_minor", "system": "system", "history": ""}[script.TOP_LISTS[name]]

    def run(kept: script.Kept | None, day: int, *, answered: bool = True, year: int = 2026) -> Any:
        """What a morning of April leaves: the answer is about the day before, and as many."""
        now, newest = datetime(year, 4, day, 8, tzinfo=UTC), date(year, 4, day - 1)
        releases, history = [], {}
        breakdown = script.Breakdown()
        if answered and source:
            # A version of which nothing is downloaded any more doesn't hold the others up.
            told = points(("3.12", f"{newest}", day), ("2.7", "2025-01-01", 1))
            breakdown = read(source, told, now=now)
        elif answered:
            releases, history = [script.Release(version="3.12", downloads=day)], {newest: day}
        figures = script.Figures(1, history, releases, now, breakdown)
        return script.keep(kept, figures, DEMO, newest)

    def top(kept: script.Kept) -> int:
        assert kept.stats
        (first,) = getattr(kept.stats, name)
        return int(first.downloads)

    def expected(*days: int) -> int:
        return sum(days) if source else days[-1]

    kept = run(None, 3)
    assert top(kept) == 3, "a list that was empty is filled at once"
    for day in (4, 5, 6):  # a Saturday, and a Monday that brings the figures of Sunday
        kept = run(kept, day)
        assert top(kept) == 3
    for day in (7, 8):
        kept = run(kept, day, answered=False)
        assert top(kept) == 3, "the last good breakdown stands"
    for day in (9, 10, 11, 12, 13):
        kept = run(kept, day)
        assert top(kept) == expected(3, 4, 5, 6, 9), "with the first answer about a new week"
    kept = run(kept, 14)
    assert top(kept) == expected(3, 4, 5, 6, *range(9, 15))
    assert top(run(kept, 17, year=2037)) == 17, "the same week of another year is another"


def test_a_list_that_was_emptied_comes_back_at_once() -> None:
    kept = keep(of({("3.12", NEWEST): 5}))
    off = DEMO.model_copy(update={"breakdown": False})
    kept = keep(script.Breakdown(), kept, NOW + timedelta(hours=1), off)
    kept = keep(script.Breakdown(), kept, NOW + timedelta(hours=2))
    assert kept.stats
    assert kept.stats.top_versions == [script.Release(version="3.12", downloads=5)]


def test_a_switched_off_breakdown_changes_nothing_from_run_to_run() -> None:
    off = DEMO.model_copy(update={"breakdown": False})
    kept = keep(of({("3.12", NEWEST): 5}))
    kept = keep(script.Breakdown(), kept, NOW + timedelta(hours=1), off)
    assert kept.stats
    assert kept.stats.top_versions == []
    again = keep(script.Breakdown(), kept, NOW + timedelta(hours=2), off)
    assert again == kept


def test_a_run_that_was_overtaken_gives_what_the_other_lacks() -> None:
    later = NOW + timedelta(minutes=5)
    recent = script.Recent(last_day=1, last_week=2, last_month=3)
    kept = keep(script.Breakdown(), None, later)
    answer = of({("3.12", NEWEST): 5}) | script.Breakdown(recent=recent, answered={"recent": NOW})
    older = script.Figures(9, {NEWEST: 9, NEWEST - timedelta(days=1): 9}, [], NOW, answer)
    kept = script.keep(kept, older, DEMO, NEWEST)
    assert kept.history == {NEWEST: 1, NEWEST - timedelta(days=1): 9}
    assert kept.stats
    assert kept.stats.total_downloads == 1, "the newer figures stand"
    assert kept.stats.without_mirrors == recent
    assert kept.stats.answered == ["python_minor", "recent"]
    assert kept.tables["python"] == {"3.12": {NEWEST: 5}}
    other = script.Recent(last_day=4, last_week=5, last_month=6)
    again = script.keep(kept, older | script.Breakdown(recent=other), DEMO, NEWEST)
    assert again.stats
    assert again.stats.without_mirrors == recent


def test_what_was_answered_is_remembered_for_its_day_alone() -> None:
    def answered(kept: script.Kept) -> list[str]:
        assert kept.stats
        return kept.stats.answered

    def some(at: datetime, *names: str) -> script.Breakdown:
        return script.Breakdown(answered=dict.fromkeys(names, at))

    kept = keep(some(NOW, "recent", "overall"))
    assert answered(kept) == ["overall", "recent"]
    later = NOW + timedelta(hours=1)
    kept = keep(some(later, "system"), kept, later)
    assert answered(kept) == ["overall", "recent", "system"]
    overtaken = NOW + timedelta(minutes=1)
    kept = keep(some(overtaken, "python_minor"), kept, overtaken)
    assert answered(kept) == ["overall", "python_minor", "recent", "system"]
    assert answered(keep(script.Breakdown(), kept, NOW + timedelta(days=1))) == []
    night = datetime(2026, 4, 3, 23, 59, tzinfo=UTC)
    morning = night + timedelta(minutes=2)
    both = some(night, "recent") | some(morning, "system")
    kept = keep(both, kept, night)
    assert answered(kept) == ["system"], "that of the day before says nothing any more"
    assert kept.stats
    assert kept.stats.timestamp == morning


# --- the command


def test_it_is_off_by_default(project: Project, pepy: Pepy, pypistats: Pypistats) -> None:
    project.list("one")
    assert run(project, pepy, pypistats).returncode == 0
    assert pypistats.asked == []
    stats = project.json("one/stats.json")
    names = ("package", "timestamp", "total_downloads", "average_daily")
    assert all(stats[name] for name in names)
    assert stats["top_versions"] == stats["top_systems"] == stats["top_majors"] == []
    assert stats["without_mirrors"] is None
    assert project.files()["one/history.csv"].startswith(b"date,downloads\n")
    assert not {path for path in project.files() if path.split("/")[-1] in FILES}


def test_it_is_on_for_those_that_say_so(project: Project, pepy: Pepy, pypistats: Pypistats) -> None:
    project.list(
        "one", text='[[package]]\nname = "Two_"\nbreakdown = true\n'.replace("Two_", "T.wo")
    )
    assert run(project, pepy, pypistats).returncode == 0
    assert {name for name, _ in pypistats.asked} == {"t-wo"}
    assert Counter(address for _, address in pypistats.asked) == dict.fromkeys(script.ADDRESSES, 1)
    newest = datetime.now(UTC).date() - timedelta(days=1)
    stats = project.json("t-wo/stats.json")
    assert stats["without_mirrors"] == stand_in.made_up("t-wo", "recent", newest)["data"]
    files = project.files()
    assert {f"t-wo/{name}" for name in FILES} <= files.keys()
    for table, address in (("python", "python_minor"), ("system", "system")):
        rows = script.parse_table(files[f"t-wo/{table}.csv"])
        told = stand_in.made_up("t-wo", address, newest)["data"]
        assert sum(len(history) for history in rows.values()) == len(told)
        for point in told:
            column = "unknown" if point["category"] == "null" else point["category"]
            assert rows[column][script.parse_day(point["date"])] == point["downloads"]
    assert len(files["t-wo/python.csv"].splitlines()) == 1 + stand_in.DAYS
    assert pypistats.queries == {"overall?mirrors=false", "python_minor?", "recent?", "system?"}
    listed = {listing.name: listing for listing in project.catalogue().packages}
    assert listed["t-wo"].python == project.message("t-wo/python.json")
    assert listed["t-wo"].system == project.message("t-wo/system.json")
    assert listed["one"].python is listed["one"].system is None
    assert project.json("t-wo/python.json")["label"] == "python"


def test_switched_off_again_the_lists_are_empty_and_the_rest_stands(
    project: Project, pepy: Pepy, pypistats: Pypistats
) -> None:
    project.list("one", text=ON)
    run(project, pepy, pypistats)
    before = project.files()
    project.list("one")
    assert run(project, pepy, pypistats, "render").returncode == 0
    after = project.files()
    assert {path for path in before if before[path] != after[path]} == {"one/stats.json"}
    assert after.keys() == before.keys()
    stats = project.json("one/stats.json")
    assert stats["top_versions"] == stats["top_majors"] == stats["top_systems"] == []
    assert stats["without_mirrors"] is None
    (listing,) = project.catalogue().packages
    assert listing.python is listing.system is None
    project.list("one", text=ON)
    asked = len(pypistats.asked)
    assert run(project, pepy, pypistats).returncode == 0
    assert len(pypistats.asked) == asked, "not again on the same day"
    assert project.json("one/stats.json")["top_versions"]


def test_what_has_answered_is_not_asked_again_on_the_same_day(
    project: Project, pepy: Pepy, pypistats: Pypistats
) -> None:
    project.list("one", "missing-there", text=ON)
    for _ in range(3):
        assert run(project, pepy, pypistats).returncode == 0
        assert len(pypistats.asked) == len(set(pypistats.asked)) == 8
    yesterday(project, "one", "missing-there")
    assert run(project, pepy, pypistats).returncode == 0
    assert set(Counter(pypistats.asked).values()) == {2}


def test_what_was_refused_is_asked_again_by_the_next_run(
    project: Project, pepy: Pepy, pypistats: Pypistats
) -> None:
    project.list("one", text=ON)
    late = {"limits": ((2, 100.0),)}
    with Pypistats(**late) as strict:  # type: ignore[arg-type]
        refused = run(project, pepy, strict, tuned="script.PYPISTATS_PAUSES = (0.1,)")
        first = strict.asked[:2]
    assert refused.returncode == 0
    assert "pypistats.org refused" in refused.stdout
    assert run(project, pepy, pypistats).returncode == 0
    assert {*first, *pypistats.asked} == {("one", name) for name in script.ADDRESSES}
    assert not {*first} & {*pypistats.asked}


def test_the_limits_are_kept(project: Project) -> None:
    assert script.PYPISTATS_LIMITS == ((5, 1.0), (25, 60.0))
    assert min(script.PYPISTATS_PAUSES) >= 60, "minutes"
    names = [f"p{number}" for number in range(18)]
    project.list(*names, text=ON)
    with Pepy() as pepy, Pypistats(limits=FAST_LIMITS) as pypistats:
        assert run(project, pepy, pypistats, tuned=FAST).returncode == 0
    assert len(pypistats.asked) == 72
    assert pypistats.refused == 0
    times = pypistats.times
    for number, seconds in ((5, 0.01), (25, 0.6)):
        assert all(b - a >= seconds for a, b in zip(times, times[number:], strict=False))
    assert times[-1] - times[0] < 8, "and used"


def test_it_goes_on_beside_pepys_fetching(project: Project) -> None:
    project.list(*(f"p{number}" for number in range(6)), text=ON)
    with Pepy(Plan(60, 1)) as pepy, Pypistats() as pypistats:
        assert run(project, pepy, pypistats).returncode == 0
        assert pypistats.times[12] < pepy.last_at
        assert pypistats.times[-1] < pepy.last_at + 3


def test_the_key_is_pepys_alone(project: Project, pepy: Pepy, pypistats: Pypistats) -> None:
    project.list("one", text=ON)
    run(project, pepy, pypistats)
    assert "x-api-key" not in pypistats.headers
    (agent,) = pypistats.agents
    assert agent.startswith("pepy-stats (+https://github.com/")


@pytest.mark.parametrize("url", ["http://pypistats.example/api", "ftp://127.0.0.1", "nonsense"])
def test_an_address_that_is_not_safe_is_told(project: Project, pepy: Pepy, url: str) -> None:
    project.list("one", text=ON)
    told = project.run(pepy, PYPISTATS_API_URL=url)
    assert told.returncode == 2
    assert "PYPISTATS_API_URL must be" in told.stderr
    assert not pepy.asked


# --- when it is not well


def stands(project: Project, before: dict[str, bytes]) -> None:
    """Nothing of any breakdown has changed."""
    after = project.files()
    for path, content in before.items():
        if path.split("/")[-1] in FILES:
            assert after[path] == content
        elif path.endswith("stats.json"):
            old, new = json.loads(content), json.loads(after[path])
            for name in ("top_versions", "top_majors", "top_systems", "without_mirrors"):
                assert new[name] == old[name]


def test_refusals_end_in_a_warning_and_the_last_breakdown_stands(
    project: Project, pepy: Pepy, pypistats: Pypistats, tmp_path: Any
) -> None:
    project.list("one", "two", text=ON)
    run(project, pepy, pypistats)
    before = project.files()
    yesterday(project, "one", "two")
    pypistats.down = True
    summary = tmp_path / "summary.md"
    started = time.monotonic()
    told = run(project, pepy, pypistats, tuned=SOON, GITHUB_STEP_SUMMARY=str(summary))
    assert 0.6 < time.monotonic() - started < 5
    assert told.returncode == 0
    assert pypistats.refused == 3, "once, and after every pause"
    (line,) = (line for line in told.stdout.splitlines() if line.startswith("pypistats.org"))
    assert "the last one stands, if any (one, two)" in line
    assert "::warning title=pypistats.org::" in told.stdout
    assert "`pypistats.org`" in summary.read_text()
    stands(project, before)
    assert project.json("one/stats.json")["answered"] == []


def test_refusals_at_first_are_waited_out(project: Project, pepy: Pepy) -> None:
    project.list("one", text=ON)
    with Pypistats(refuse=2) as pypistats:
        told = run(project, pepy, pypistats, tuned=SOON)
    assert told.returncode == 0
    assert "pypistats" not in told.stdout
    assert told.stderr.count("waiting, since pypistats.org refused") == 1
    assert len(project.json("one/stats.json")["answered"]) == 4


def test_the_time_limit_is_the_runs(project: Project, pepy: Pepy, pypistats: Pypistats) -> None:
    """What would outlast it isn't begun: a pause, or the wait for the next request."""
    project.list("one", text=ON)
    started = time.monotonic()
    with Pypistats(down=True) as down:
        told = run(project, pepy, down, "--time-limit", "1")
        assert (told.returncode, len(down.asked)) == (0, 1)
        assert "pypistats.org refused" in told.stdout
    two = "script.PYPISTATS_LIMITS = ((2, 1000.0),)"
    told = run(project, pepy, pypistats, "--time-limit", "1", tuned=two)
    assert time.monotonic() - started < 50
    assert told.returncode == 0
    assert "time is up: no newer breakdown" in told.stdout
    assert len(project.json("one/stats.json")["answered"]) == len(pypistats.asked) == 2


def test_every_fault_is_a_warning_in_words_and_leaves_no_figure(
    project: Project, pepy: Pepy
) -> None:
    names = sorted(FAULTS.keys() - {"bad-drip"})
    project.list("fine", *names, text=ON)
    with Pypistats(limits=FAST_LIMITS) as pypistats:
        told = run(project, pepy, pypistats, tuned=f"{FAST}; script.PYPISTATS_OUTAGE = 99")
    assert told.returncode == 0, told.stdout + told.stderr
    lines = [line for line in told.stdout.splitlines() if line.startswith("pypistats.org")]
    for name in names:
        assert any(name in line for line in lines), name
        assert f"{name}/system.json" not in project.files(), name
    assert not any("fine" in line for line in lines)
    assert "forged" not in told.stdout
    assert "a bug in" not in told.stdout
    assert project.message("fine/system.json")


def test_an_answer_that_never_ends_costs_no_run(project: Project, pepy: Pepy) -> None:
    project.list("bad-drip", text=ON)
    with Pypistats() as pypistats:
        started = time.monotonic()
        told = run(project, pepy, pypistats, tuned="script.ANSWER_SECONDS = 1")
        assert time.monotonic() - started < 5
    assert told.returncode == 0
    assert "did not end within 1 seconds" in told.stdout
    assert project.message("bad-drip/month.json")


def test_a_service_that_is_down_is_soon_left_alone(project: Project, pepy: Pepy) -> None:
    project.list(*(f"p{number}" for number in range(9)), text=ON)
    told = project.run(pepy, tuned=FAST)  # where nothing listens
    assert told.returncode == 0
    assert told.stdout.count("the connection to pypistats.org failed") == 1
    assert "(p" in told.stdout


def test_what_pepy_does_not_know_is_not_asked_for(project: Project, pypistats: Pypistats) -> None:
    project.list("unknown-here", "one", text=ON)
    with Pepy() as pepy:
        run(project, pepy, pypistats)
    assert {name for name, _ in pypistats.asked} == {"one"}
    with Pepy(refuse_after=0) as pepy:
        assert run(project, pepy, pypistats).returncode == 2
    assert len(pypistats.asked) == 4


def test_what_failed_is_tried_once_more(project: Project, pepy: Pepy) -> None:
    project.list("one", "two", text=ON)
    with Pypistats(broken=2) as pypistats:
        told = run(project, pepy, pypistats)
    assert told.returncode == 0
    assert "pypistats.org" not in told.stdout
    assert len(pypistats.asked) == 10
    for name in ("one", "two"):
        assert len(project.json(f"{name}/stats.json")["answered"]) == 4


def test_broken_packages_do_not_starve_the_others(project: Project, pepy: Pepy) -> None:
    broken = ["bad-503", "bad-html", "bad-drip"]
    project.list(*broken, "one", "two", "three", text=ON)
    with Pypistats(limits=FAST_LIMITS) as pypistats:
        told = run(project, pepy, pypistats, tuned=f"{FAST}; script.ANSWER_SECONDS = 0.5")
    assert told.returncode == 0
    for name in ("one", "two", "three"):
        assert len(project.json(f"{name}/stats.json")["answered"]) == 4
    asked = Counter(name for name, _ in pypistats.asked)
    assert [asked[name] for name in broken] == [2, 2, 2], "one address, and once more"


class Asked:
    """An `ask` for Breakdowns that remembers, and answers as it is told."""

    def __init__(self, *outcomes: script.Outcome) -> None:
        self.outcomes = list(outcomes)
        self.asked: list[tuple[str, str]] = []

    def __call__(self, project: str, address: str) -> script.Outcome:
        self.asked.append((project, address))
        good = script.Breakdown(answered={address: NOW})
        usual = script.Outcome("figures", breakdown=good)
        return self.outcomes.pop(0) if self.outcomes else usual


REFUSED = script.Outcome("rate limited", "refused")


def test_the_pauses_of_a_run_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "PYPISTATS_PAUSES", (0.01, 0.01))
    good = script.Outcome("figures", breakdown=script.Breakdown(answered={"a": NOW}))
    ask = Asked(REFUSED, good, REFUSED, good, REFUSED)
    breakdowns = script.Breakdowns({"one": "abcd"}, ask, math.inf)
    breakdowns.add("one")
    breakdowns.end()
    while breakdowns.wait(1):
        pass
    assert [address for _, address in ask.asked] == ["a", "a", "b", "b", "c"]
    assert breakdowns.results()[1] == {"refused": ["one"]}


def test_nothing_is_asked_after_it_was_stopped() -> None:
    ask = Asked(REFUSED)
    breakdowns = script.Breakdowns({"one": "abcd"}, ask, math.inf)
    breakdowns.add("one")
    while not breakdowns.refused:
        time.sleep(0.01)
    time.sleep(0.1)  # until it sleeps
    started = time.monotonic()
    breakdowns.stop("enough")
    assert not breakdowns.wait(0)
    assert time.monotonic() - started < 1, "though it was waiting for minutes"
    assert breakdowns.results() == ({}, {"enough": ["one"]})
    assert len(ask.asked) == 1


def test_only_failures_in_a_row_stop_the_asking() -> None:
    failed = script.Outcome("failed", "bad")
    good = script.Outcome("figures", breakdown=script.Breakdown(answered={"a": NOW}))
    number = script.PYPISTATS_OUTAGE - 1
    # After a good one, the rest fails once, and the first of them once more.
    for between, asked in ((good, 2 * number + 2), (failed, number + 1)):
        ask = Asked(*[failed] * number, between, *[failed] * 3 * number)
        due = {f"p{n}": "a" for n in range(2 * number + 1)}
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(script, "PYPISTATS_LIMITS", ((1000, 0.001),))
            breakdowns = script.Breakdowns(due, ask, math.inf)
            for project in due:
                breakdowns.add(project)
            breakdowns.end()
            while breakdowns.wait(1):
                pass
        assert len(ask.asked) == asked


def test_how_much_is_left() -> None:
    breakdowns = script.Breakdowns(dict.fromkeys(map(str, range(18)), "abcd"), Asked(), math.inf)
    for project in breakdowns.due:
        breakdowns.add(project)
    while breakdowns.left > 70:
        time.sleep(0.01)
    assert breakdowns.left in (67, 68, 69, 70)
    assert breakdowns.seconds_left == 120
    breakdowns.stop("")


def test_those_that_got_nothing_come_first(project: Project) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    answered = {"fresh": ["recent"], "got": ["recent"], "nothing": [], "also": []}
    hours = {"fresh": 0, "got": 30, "nothing": 24, "also": 25}
    for name, addresses in answered.items():
        stats = keep(script.Breakdown()).stats
        assert stats
        at = now - timedelta(hours=hours[name])
        kept = {"package": name, "answered": addresses, "timestamp": at}
        path = project.docs / name / "stats.json"
        path.parent.mkdir(parents=True)
        path.write_text(script.write_stats(stats.model_copy(update=kept)))
    packages = {name: script.Package(name=name, breakdown=True) for name in (*answered, "new")}
    packages["off"] = script.Package(name="off")
    arguments = script.parse(["--output", str(project.docs)])
    orders = set()
    for _ in range(50):
        asked, due = script.choose(arguments, packages)
        assert asked == ["new", "off", "got", "also", "nothing", "fresh"]
        assert due["fresh"] == ["overall", "python_minor", "system"]
        assert all(due[name] == [*script.ADDRESSES] for name in due.keys() - {"fresh"})
        assert set(list(due)[:3]) == {"new", "nothing", "also"}
        assert set(list(due)[3:]) == {"got", "fresh"}
        orders.add(tuple(due))
    assert len(orders) > 1, "equals take turns"


def test_an_interrupted_run_keeps_what_was_answered(project: Project, pepy: Pepy) -> None:
    project.list("one", text=ON)
    with Pypistats(limits=((2, 100.0),)) as pypistats:
        process = project.start(pepy, PYPISTATS_API_URL=pypistats.url)
        deadline = time.monotonic() + 20
        while len(pypistats.asked) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.terminate()
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert len(project.json("one/stats.json")["answered"]) == 2
    assert "interrupted" in output


def test_an_interrupted_run_waits_for_the_answer_under_way(project: Project, pepy: Pepy) -> None:
    project.list("one", text=ON)
    with Pypistats(delay=0.5) as pypistats:
        process = project.start(pepy, PYPISTATS_API_URL=pypistats.url)
        while not pypistats.asked:
            time.sleep(0.01)
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 130
    assert project.json("one/stats.json")["answered"]


def test_what_was_fetched_is_published_elsewhere(
    project: Project, pepy: Pepy, pypistats: Pypistats
) -> None:
    project.list("one", text=ON)
    fetched = str(project.folder / "fetched.json")
    run(project, pepy, pypistats, "--fetched", fetched)
    here = project.files()
    assert (
        project.run(None, "render", "--fetched", fetched, "--output", "elsewhere").returncode == 0
    )
    elsewhere = Project(project.folder / "elsewhere")
    for path, content in here.items():
        assert (elsewhere.folder / path).read_bytes() == content
    assert KEY not in (project.folder / "fetched.json").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "date\n",
        "date,3.12,3.12\n2026-03-31,1,2\n",
        "date,=1\n2026-03-31,1\n",
        "date,3.12\n2026-03-31,\n",
        "date,3.12,3.13\n2026-03-31,1\n",
        "<<<<<<< HEAD\ndate,3.12\n",
    ],
)
def test_a_damaged_table_is_told_and_not_written_over(
    project: Project, pepy: Pepy, pypistats: Pypistats, text: str
) -> None:
    project.list("one", text=ON)
    run(project, pepy, pypistats)
    path = project.docs / "one/python.csv"
    path.write_text(text)
    told = run(project, pepy, pypistats)
    assert told.returncode == 1
    assert "one/python.csv is damaged" in told.stdout
    assert path.read_text() == text
