"""What is fresh: which day PePy has complete, and what a badge shows where no newer figure is."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import NEWEST, Project, ago, daily, days, pepy_answer, publish, record
from pepy import Pepy
from pypistats import Pypistats

import script

BUSY = [7] * 90
TODAY = datetime.now(UTC).date()


def back(count: int) -> date:
    """The day so many days before today. PePy's newest is, at the time of a run, mostly 2."""
    return TODAY - timedelta(count)


@dataclass
class Told:
    """What PePy tells of a package: its days' downloads, the last of them so many days ago."""

    counts: list[int]
    back: int

    @property
    def answer(self) -> dict[str, Any]:
        return pepy_answer(daily(*self.counts, end=back(self.back)))


@dataclass
class Case:
    why: str
    packages: dict[str, Told]
    reference: Told | int | None  # or a status; None where it is not to be asked for
    end: int  # of all windows: how many days ago
    months: dict[str, int]  # what the badges show in the end
    day: dict[str, int] = field(default_factory=dict)
    earlier: dict[str, Told] = field(default_factory=dict)  # what a run told before
    stalled: bool = False


PIP = Told(BUSY, 2)
QUIET = Told([7] * 30, 60)
FIFTH = Told([0, 0, 0, 0, 1] * 18, 4)
CASES = [
    Case("a lively one alone", {"a": PIP}, None, end=2, months={"a": 210}, day={"a": 7}),
    Case("a quiet one alone", {"a": QUIET}, PIP, end=2, months={"a": 0}, day={"a": 0}),
    Case("several", {"a": QUIET, "b": Told([5], 9)}, PIP, end=2, months={"a": 0, "b": 5}),
    Case(
        "one beside a busy one",
        {"a": QUIET, "b": PIP},
        None,
        end=2,
        months={"a": 0, "b": 210},
        day={"a": 0, "b": 7},
    ),
    Case(
        "one of last week beside a busy one",
        {"a": Told([1], 5), "b": Told(BUSY, 2)},
        PIP,
        end=2,
        months={"a": 1, "b": 210},
        day={"a": 0, "b": 7},
    ),
    Case("one download every five days", {"a": FIFTH}, PIP, end=2, months={"a": 6}, day={"a": 0}),
    Case(
        "an empty answer after figures",
        {"a": Told([], 2)},
        PIP,
        end=2,
        months={"a": 0},
        day={"a": 0},
        earlier={"a": Told(BUSY, 40)},
    ),
    Case(
        "PePy stalled, busy packages",
        {"a": Told(BUSY, 12), "b": Told(BUSY, 12)},
        Told(BUSY, 12),
        end=12,
        months={"a": 210, "b": 210},
        day={"a": 7, "b": 7},
        stalled=True,
    ),
    Case(
        "PePy stalled, a quiet package",
        {"a": QUIET},
        Told(BUSY, 12),
        end=12,
        months={"a": 0},
        day={"a": 0},
        stalled=True,
    ),
    Case("three days are no stall", {"a": QUIET}, Told(BUSY, 3), end=3, months={"a": 0}),
    Case("four are", {"a": QUIET}, Told(BUSY, 4), end=4, months={"a": 0}, stalled=True),
    Case("its day half imported", {"a": QUIET}, Told([8] * 89 + [3], 1), end=2, months={"a": 0}),
    Case("just half of it", {"a": QUIET}, Told([8] * 89 + [4], 1), end=1, months={"a": 0}),
    Case("it is refused", {"a": Told(BUSY, 3)}, 418, end=3, months={"a": 210}, day={"a": 7}),
    Case("it is not known", {"a": Told(BUSY, 3)}, 404, end=3, months={"a": 210}),
    Case("without days", {"a": Told(BUSY, 3)}, Told([], 0), end=3, months={"a": 210}),
    Case(
        "PePy goes back",
        {"a": Told(BUSY, 9)},
        Told(BUSY, 9),
        end=2,
        months={"a": 210},
        day={"a": 7},
        earlier={"a": PIP},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.why for case in CASES])
def test_all_windows_end_where_pepy_has_a_day_complete(project: Project, case: Case) -> None:
    project.list(*case.packages)
    with Pepy() as pepy:
        for packages in filter(None, (case.earlier, case.packages)):
            pepy.asked.clear()
            pepy.projects |= {name: told.answer for name, told in packages.items()}
            reference = case.reference
            pepy.projects[script.REFERENCE] = (
                reference.answer if isinstance(reference, Told) else reference
            )
            run = project.run(pepy, "--all", GITHUB_STEP_SUMMARY="/dev/null")
            assert run.code == 0
    assert pepy.asked[script.REFERENCE] == (case.reference is not None)
    end = f"{back(case.end)}"
    for name, month in case.months.items():
        assert project.json(f"{name}/stats.json")["last_date"] == end
        assert project.json(f"{name}/month.json")["message"] == f"{month}/month"
    for name, count in case.day.items():
        assert project.json(f"{name}/day.json")["message"] == f"{count}/day"
    told = f"::warning title=PePy::PePy's newest day is {end}\n"
    assert run.output.count("title=PePy::") == run.output.count(told) == case.stalled
    catalogue = project.json(script.CATALOGUE)
    assert catalogue["stalled"] == (end if case.stalled else None)
    assert not [path for path in project.files() if path.startswith(script.REFERENCE)]
    assert {row["name"] for row in catalogue["packages"]} == case.packages.keys()


def test_a_run_that_has_no_time_asks_for_nothing(project: Project, pepy: Pepy) -> None:
    project.list("one", "two", text="[defaults]\nbreakdown = true\n")
    with Pypistats() as pypistats:
        run = project.run(pepy, "--time-limit", "0", PYPISTATS_API_URL=pypistats.url)
    assert (run.code, run.output.count("postponed: time is up")) == (0, 2)
    assert (pepy.asked, pypistats.asked) == ({}, [])


def test_what_mirrors_alone_download_is_not_told_to_be_misspelt(
    project: Project, pepy: Pepy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "PYPISTATS_PACE", 0.001)
    project.list("missing-there", text="[defaults]\nbreakdown = true\n")
    with Pypistats() as pypistats:
        run = project.run(pepy, PYPISTATS_API_URL=pypistats.url)
    assert (run.code, len(pypistats.asked)) == (0, 1)
    assert "breakdown" not in run.output


class Summed(NamedTuple):
    """A family whose days are summed once more, after what is kept of it."""

    why: str
    members: list[str]  # that stats.json names
    kept: int  # days of 10 downloads
    now: int  # days that all packages know
    after: int  # days
    gone: int


SUMMED = [
    Summed("a new day", ["a", "b"], kept=399, now=400, after=400, gone=0),
    Summed("a member lacks days now", ["a", "b"], kept=400, now=90, after=400, gone=0),
    Summed("written before members were", [], kept=400, now=90, after=400, gone=0),
    Summed("another package than before", ["a", "c"], kept=400, now=90, after=90, gone=310),
    Summed("one more than before", ["a"], kept=400, now=90, after=90, gone=310),
    Summed("others, of the same length", ["a", "c"], kept=400, now=400, after=400, gone=0),
]


@pytest.mark.parametrize("case", SUMMED, ids=[case.why for case in SUMMED])
def test_a_familys_days_go_only_where_the_list_changed_it(project: Project, case: Summed) -> None:
    family = script.Family(name="F", packages=["b", "a"])
    total = None if case.now == 400 else 10**6  # which lacks days
    for name in family.packages:
        figures: Any = {"total_downloads": total} if total else {}
        member = record(days(*[5] * case.now), name=name, **figures)
        publish(project.docs, script.render(script.Package(name=name), member)[0])
    older = record(days(*[10] * case.kept), name="_f", members=case.members)
    publish(project.docs, script.render(family, older)[0])
    docs = script.Docs(project.docs, [])
    after = docs.take_turn(family, lambda: script.family_record(docs, family, {"a", "b"}))
    assert after
    assert (after.members, after.last_month) == (["a", "b"], min(case.now, 30) * 10)
    assert len(script.read_tables(project.docs, "_f")["history"]["downloads"]) == case.after
    told = [f"{case.gone} days went from _f, as its packages are others now."] * bool(case.gone)
    assert docs.notes == told
    is_known = case.after >= 365 or "c" in case.members  # or was of others
    stands = (None, None) if is_known else (3650, NEWEST)
    assert (after.last_year, after.last_year_date) == stands


def test_a_year_that_is_not_known_any_more_is_shown_as_what_it_was(
    project: Project, pepy: Pepy
) -> None:
    family = '[[family]]\nname = "All"\npackages = ["old"%s]\n%s'
    project.list("old", text=family % ("", ""))
    pepy.projects["old"] = pepy_answer(daily(*[10] * 365, end=back(3)), total=3650)
    pepy.projects["new"] = pepy_answer(daily(*[20] * 90, end=back(2)), total=4000)
    assert project.run(pepy).code == 0
    assert project.json("_all/year.json")["message"] == "3.7K/year"
    assert project.json("_all/stats.json")["last_year"] is None  # as it is computed
    project.list("old", "new", text=family % (', "new"', 'color = "red"\ndecimals = 2\n'))
    for command in ("update", "update", "render"):  # at once, and later
        run = project.run(pepy, command, *["--all"] * (command == "update"))
        badge = project.json("_all/year.json")
        assert (badge["message"], badge["color"]) == ("3.65K/year", "red")
        stats = project.json("_all/stats.json")
        assert (stats["last_year"], stats["last_year_date"]) == (3650, f"{back(3)}")
        note = f"_all shows the year up to {back(3)}: too few days are kept."
        assert (run.code, note in run.output) == (0, True)
        rows = {row["name"]: row for row in project.json(script.CATALOGUE)["packages"]}
        assert {name: row["year_date"] for name, row in rows.items()} == {
            "_all": f"{back(3)}",
            "new": None,
            "old": None,
        }


class Windows(NamedTuple):
    known: int  # days
    week: int | None  # before the last
    month: int | None


@pytest.mark.parametrize(
    "case",
    [Windows(13, None, None), Windows(14, 7, None), Windows(59, 7, None), Windows(60, 7, 30)],
)
def test_what_came_before_is_told_where_it_is_whole(case: Windows) -> None:
    stats = record(days(*[1] * case.known)).stats
    assert (stats.previous_week, stats.previous_month) == (case.week, case.month)


class Growth(NamedTuple):
    end: str
    is_shown: bool


COUNTED = [
    Growth("2026-08-23", is_shown=True),
    Growth("2026-08-24", is_shown=False),
    Growth("2026-10-21", is_shown=False),  # the first of its 60 days is the day before
    Growth("2026-10-22", is_shown=True),
    Growth("2018-07-26", is_shown=False),
]


@pytest.mark.parametrize("case", COUNTED)
def test_no_growth_is_shown_across_a_change_of_counting(case: Growth) -> None:
    end = date.fromisoformat(case.end)
    kept = record(days(*[1] * 100, end=end), end)
    assert kept.stats.previous_month == (30 if case.is_shown else None)
    assert script.listing(kept, [])["previous_month"] == kept.stats.previous_month


def test_the_catalogue_says_when_counting_changed() -> None:
    catalogue = json.loads(script.catalogue(script.Config(), []))
    assert [change["day"] for change in catalogue["changes"]] == ["2018-07-26", "2026-08-24"]
    assert all(change["what"].startswith("PyPI") for change in catalogue["changes"])


def test_what_is_advised_about_a_damaged_file_starts_over_with_everything(
    project: Project, pepy: Pepy
) -> None:
    project.list("one")
    project.run(pepy)
    for harm in (lambda path: path.write_text("<<<<<<< HEAD"), Path.unlink):
        harm(project.docs / "one/history.csv")  # alone it can't be made anew
        run = project.run(pepy, "--all")
        advice = "docs/one/history.csv is damaged: restore it with git, or delete docs/one to start"
        assert (run.code, advice in run.output) == (1, True)
    for file in (project.docs / "one").iterdir():
        file.unlink()
    (project.docs / "one").rmdir()
    assert project.run(pepy).code == 0
    assert project.json("one/stats.json")["backfilled"] is None  # so ClickHouse is asked again


def test_a_missing_day_counts_as_zero_up_to_the_windows_end() -> None:
    kept = record({ago(3): 5}, NEWEST)
    assert (kept.stats.last_day, kept.stats.last_week) == (0, 5)
