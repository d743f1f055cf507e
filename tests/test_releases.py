"""Releases: by line and day, kept for ever, and the newest one and who uses it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from itertools import product
from typing import Any, NamedTuple

import pytest
from conftest import KEPT, NEWEST, Project, ago, daily, pepy_answer
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version
from pepy import Pepy
from pypistats import Pypistats

import script


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "PYPISTATS_PACE", 0.001)


LINES = {
    "2.12.4": "2.12",
    "2.12.0rc1": "2.12",
    "2.12.dev3": "2.12",
    "2026.1": "2026.1",
    "20260331": "20260331.0",
    "5": "5.0",
    "5rc1": "5.0",
    "5-1": "5.0",
    "01.02": "1.2",
    "1!2.0": "2.0",
    "0.*": "0.0",
    "2004d": "2004.0",
    "9" * 90: "9" * 18 + ".0",
    "": "other",
    "v1.2": "other",
    "beta": "other",
    ".5": "other",
    "\u0663.1": "other",
}


@pytest.mark.parametrize("version", LINES)
def test_a_line_is_the_first_two_numbers_after_the_epoch(version: str) -> None:
    assert script.line_of(version) == LINES[version]


def figures(days: dict[str, dict[str, int]]) -> script.Figures:
    """What PePy tells of a package with these releases by day."""
    body = json.dumps(pepy_answer(days, id="demo"))
    return script.read_figures("demo", KEPT, body.encode())


def told(*rows: dict[str, int], back: int = 0) -> dict[str, dict[str, int]]:
    """Days of releases, the last of them so many days before NEWEST."""
    first = back + len(rows) - 1
    return {f"{ago(first - at)}": row for at, row in enumerate(rows)}


def rows_of(columns: script.Columns) -> dict[int, dict[str, int]]:
    """The cells of every day, by how many days that is before NEWEST."""
    rows: dict[int, dict[str, int]] = {}
    for heading, history in columns.items():
        for day, count in history.items():
            rows.setdefault((NEWEST - day).days, {})[heading] = count
    return rows


def test_a_column_is_a_line_and_what_has_less_than_a_percent_is_other() -> None:
    new = figures(told({"1.0": 500, "1.0.1": 400, "2.0b1": 10, "0.9": 9, "": 1, "x": 80}))
    assert rows_of(script.lines_of(new, {})) == {0: {"1.0": 900, "2.0": 10, "other": 90}}


def test_a_line_keeps_its_column_when_it_sinks_and_when_it_comes_back() -> None:
    kept: script.Columns = {}
    for day, rows in enumerate(({"1.0": 50, "2.0": 50}, {"1.0": 1, "2.0": 999}, {"1.1": 1})):
        new = figures(told(rows | {"2.1": 1000}, back=2 - day))
        kept = script.lines_of(new, kept)
    assert rows_of(kept) == {
        2: {"1.0": 50, "2.0": 50, "2.1": 1000},
        1: {"1.0": 1, "2.0": 999, "2.1": 1000},
        0: {"2.1": 1000, "other": 1},
    }
    again = figures(told({"1.0": 100, "1.1": 900}))
    assert rows_of(script.lines_of(again, kept))[0] == {"1.0": 100, "1.1": 900}


def test_a_told_day_is_replaced_whole_and_an_older_one_stays() -> None:
    kept = script.lines_of(figures(told({"1.0": 5}, {"1.0": 5, "3.0": 1}, back=100)), {})
    kept = script.lines_of(figures(told({"1.0": 5, "x": 7}, {"1.0": 5})), kept)
    after = rows_of(
        script.lines_of(figures(told({"2.0": 8}, {"1.0": 6}, {"2.0": 1}, back=-1)), kept)
    )
    assert after == {
        101: {"1.0": 5},
        100: {"1.0": 5, "3.0": 1},
        1: {"2.0": 8},
        0: {"1.0": 6},
        -1: {"2.0": 1},
    }


VERSIONS = st.sampled_from(["1.0", "1.0.1", "1.1", "2.0", "2.0a1", "x", "", "9.9", "1!3.0"])
DAYS = st.dictionaries(
    st.dates(ago(90), NEWEST).map(str),
    st.dictionaries(VERSIONS, st.integers(1, 10**6), min_size=1),
    min_size=1,
)


@given(st.lists(DAYS, min_size=1, max_size=3))
def test_no_download_is_lost_or_counted_twice(answers: Any) -> None:
    kept: script.Columns = {}
    history: script.History = {}
    for answer in answers:
        new = figures(answer)
        history |= new.history
        kept = script.merged({}, {"releases": script.lines_of(new, kept)})["releases"]
        assert script.parse_table(script.write_table(kept).encode(), NEWEST) == kept
    summed = Counter[Any]()
    for column in kept.values():
        summed.update(column)
    assert summed == history
    assert "other" not in [*kept][:-1], "it is the last column"


SPELLED = product(
    ("", "1!", "0!", "v"),
    ("0", "1", "1.0", "1.0.0", "2.1", "1.10", "01.2", "2026.1.0"),
    ("", "a", "a1", ".b2", "-rc.1", "c1", "alpha", "_beta3", "preview1", "pre"),
    ("", ".post1", "-1", "post", "-r4", ".rev2", "-", "-post-2"),
    ("", ".dev1", "dev"),
    ("", "+x.1"),
)


def test_final_releases_are_those_of_the_specification_and_in_its_order() -> None:
    finals = []
    for parts in SPELLED:
        text = "".join(parts)
        try:
            version = Version(text)
        except InvalidVersion:
            assert not script.FINAL.fullmatch(text), text
            continue
        is_final = not version.is_prerelease and not version.is_devrelease
        assert bool(script.FINAL.fullmatch(text)) == is_final, text
        if is_final:
            finals.append((Version(version.public), text))
    for (one, text), (other, text_) in zip(finals, finals[1:] + finals[:1], strict=True):
        # Of two, that is the latest which is newer, whichever has more downloads.
        for counts in ((20, 10), (10, 20)):
            new = figures(told({f"{text}": counts[0], f"{text_}": counts[1]}))
            latest = script.latest_release(new, NEWEST).version
            assert Version(Version(latest).public) == max(one, other)


class Latest(NamedTuple):
    """The downloads of a week, and what the badge says of them."""

    why: str
    counts: dict[str, int]
    message: str


LATEST = [
    Latest("the newest", {"2.12.4": 38, "2.12.3": 62}, "2.12.4 38%"),
    Latest("numbers, not text", {"2.9": 50, "2.10": 50}, "2.10 50%"),
    Latest("pre-releases are out", {"2.0": 50, "2.1rc1": 30, "2.1.dev5": 20}, "2.0 50%"),
    Latest("so is what has other marks", {"2.0": 50, "2.1alpha": 25, "3-preview.1": 25}, "2.0 50%"),
    Latest("a post-release is newer", {"2.0": 50, "2.0.post1": 50}, "2.0.post1 50%"),
    Latest("an epoch comes first", {"1!2.0": 25, "2026.1": 75}, "1!2.0 25%"),
    Latest("dates", {"20260301": 25, "20251201": 75}, "20260301 25%"),
    Latest("no versions at all", {"0.*": 50, "": 50, "2004d": 20}, "unknown"),
    Latest("a yanked one, which mirrors alone fetch", {"9.9": 9, "1.0": 900}, "1.0 99%"),
    Latest("ten downloads are enough", {"9.9": 10, "1.0": 990}, "9.9 1%"),
    Latest("a thousandth is enough", {"9.9": 1000, "1.0": 999_000}, "9.9 <1%"),
    Latest("less is not", {"9.9": 999, "1.0": 999_001}, "1.0 100%"),
    Latest("half up", {"2.0": 125, "1.0": 875}, "2.0 13%"),
    Latest("no week", {}, "unknown"),
]


@pytest.mark.parametrize("case", LATEST, ids=[case.why for case in LATEST])
def test_the_badge_names_the_newest_release_that_is_in_use(
    project: Project, pepy: Pepy, case: Latest
) -> None:
    project.list("demo", text="[defaults]\nbreakdown = true\n")  # and pypistats.org is shut
    days = told({"5.0": 10**6}, back=7) | told({"x": 0} | case.counts)  # the first is before it
    pepy.projects |= {"demo": pepy_answer(days), script.REFERENCE: pepy_answer(daily(*[9] * 9))}
    assert project.run(pepy).code == 0
    assert project.json("demo/release.json")["message"] == case.message


def test_lines_and_the_badge_need_the_breakdown_and_no_request(
    project: Project, pepy: Pepy
) -> None:
    project.list("off", text="[[package]]\nname = 'on'\nbreakdown = true\n")
    days = daily(*[50] * 20, end=ago(1)) | told({"1.0": 30, "2.0": 20})
    pepy.projects |= {name: pepy_answer(days) for name in ("on", "off")}
    with Pypistats() as pypistats:
        pypistats.url += "/nowhere"
        run = project.run(pepy, PYPISTATS_API_URL=pypistats.url)
    assert (run.code, pepy.asked["on"]) == (0, 1)
    files = project.files()
    assert files["on/releases.csv"].decode().splitlines()[-2:] == [
        "2026-03-30,50,",
        "2026-03-31,30,20",
    ]
    assert project.json("on/release.json")["message"] == "2.0 6%"
    assert project.json("on/stats.json")["latest_release"] == {"version": "2.0", "share": 6}
    assert not {"off/releases.csv", "off/release.json"} & files.keys()
    assert project.json("off/stats.json")["latest_release"] is None
    project.list("off", "on")  # switched off again, the files stay
    pepy.projects["on"] = pepy_answer(daily(5, end=NEWEST + timedelta(1)))
    assert project.run(pepy, "--all", "--prune").code == 0
    after = project.files()
    for path in ("on/releases.csv", "on/release.json"):
        assert after[path] == files[path]
    project.list("off")
    project.run(pepy, "render", "--prune")
    assert not [path for path in project.files() if path.startswith("on")]
