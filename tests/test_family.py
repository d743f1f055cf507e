"""Families: which are legal, what a sum takes from its members, and when it waits for one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from conftest import NEWEST, Project, days, record
from hypothesis import given
from hypothesis import strategies as st
from pepy import Pepy
from shields import EndpointBadge

import script

LIST = '[[family]]\nname = "old"\npackages = ["one"]\n[[package]]\nname = "One"\n'
LIST += '[[package]]\nname = "two-2"\nlabel = "own"\n[defaults]\nlabel = "all"\nbreakdown = true\n'
LIST += "backfill = false\n"
ONCE = "name each once, and only what is listed as a [[package]]"
MISTAKES = {  # what a second family has, and what is told of it
    **{
        f'name = "f"\npackages = ["{name}"]': ONCE for name in ("three", "f", "_f", "_old", "-", "")
    },
    **{f'name = "f"\npackages = ["two-2", "{same}"]': ONCE for same in ("two-2", "Two_2", "two.2")},
    'name = "f"\npackages = []': "packages = []: List should have at least 1 item",
    'name = "f"\npackages = "one"': "packages = 'one': Input should be a valid list",
    'name = "f"': "packages: is missing",
    'packages = ["one"]': "[[family]] 2 ('nameless') name: is missing",
    'name = "OLD"\npackages = ["one"]': "listed twice: _old",
    'name = "_f"\npackages = ["one"]': "not a package name",
    'name = "Packages"\npackages = ["one"]': "its files would be the catalogue's",
    'name = "f"\npackages = ["one"]\nbreakdown = true': "breakdown = True",
    'name = "f"\npackages = ["one"]\nlogoColor = "red"': "only beside namedLogo",
    'name = "f"\npackages = ["one"]\ncolour = "red"': "no such key; allowed are backfill, break",
}


def read(text: str) -> script.Config:
    return script.parse_list(text.encode(), "packages.toml")


@pytest.mark.parametrize("family", MISTAKES)
def test_a_mistaken_family_is_told_with_all_other_mistakes(family: str) -> None:
    with pytest.raises(script.Unable, match="has 2 mistakes") as caught:
        read(f'{LIST}color = "Bleu"\n[[family]]\n{family}\n')
    assert MISTAKES[family] in str(caught.value)
    assert "[defaults] color" in str(caught.value)


def test_a_family_takes_the_defaults_and_names_as_pep_503_has_them() -> None:
    config = read(f'{LIST}[[family]]\nname = "A.b"\npackages = ["TWO.2", "one"]\ndecimals = 3\n')
    family = config.published["_a-b"]
    assert isinstance(family, script.Family)
    assert (family.packages, family.label, family.decimals) == (["two-2", "one"], "all", 3)
    assert (family.breakdown, config.projects["one"].breakdown) == (False, True)
    assert (family.backfill, config.projects["one"].backfill) == (True, False)
    assert [*config.projects] == ["one", "two-2"]


Member = tuple[script.History, int | None, date | None]  # its days, total, and last_date
NOW = datetime(2026, 4, 2, 8, tzinfo=UTC)


def ago(back: int) -> date:
    return NEWEST - timedelta(back)


def known(members: dict[str, Member]) -> dict[str, script.Record]:
    """What is kept of members; a total of None is the sum of their days."""
    kept = {}
    for number, (name, (history, total, end)) in enumerate(members.items()):
        figures: Any = {"timestamp": NOW + timedelta(minutes=number)}
        if total is not None:
            figures["total_downloads"] = total
        kept[name] = record(history, end, name, **figures)
    return kept


def add_up(kept: dict[str, script.Record], *members: str) -> Any:
    """The stats and the history of a family of what is kept, or of `members`; and the note."""
    family = script.Family(name="F", packages=[*(members or kept)])
    record, note = script.add_up(family, [kept[name] for name in family.packages])
    return record.stats, record.history, note


LONG, SHORT = days(*[10] * 400), days(1, 2)
SUMS: dict[str, tuple[list[Member], Any]] = {  # members; last_date, total, windows, days, note
    "two of one length": (
        [(days(1, 2, 3), None, NEWEST), (days(10, 20, 30), None, NEWEST)],
        (0, 66, (33, 66, 66), days(11, 22, 33), ""),
    ),
    "a gap counts as zero": (
        [({ago(2): 5, ago(0): 7}, None, NEWEST), (days(1, 1, 1), None, NEWEST)],
        (0, 15, (8, 15, 15), days(6, 1, 8), ""),
    ),
    "a young member is complete, and 0 before": (
        [(LONG, None, NEWEST), (SHORT, None, NEWEST)],
        (0, 4003, (12, 73, 303), LONG | days(11, 12), ""),
    ),
    "so is one with 95 % of its total": (
        [(LONG, None, NEWEST), (days(95), 100, NEWEST)],
        (0, 4100, (105, 165, 395), LONG | days(105), ""),
    ),
    "with less, the sum begins with it, and not its windows": (
        [(LONG, None, NEWEST), (days(95), 101, NEWEST)],
        (0, 4101, (105, 165, 395), days(105), ""),
    ),
    "the last of several such counts": (
        [(LONG, 10**6, NEWEST), (days(1, 1, 1), 10**6, NEWEST), (days(5, 5), 10**6, NEWEST)],
        (0, 3 * 10**6, (16, 83, 313), days(16, 16), ""),
    ),
    "one that lacks all its days lets none stand": (
        [(LONG, None, NEWEST), ({}, 1000, NEWEST)],
        (0, 5000, (10, 70, 300), {}, ""),
    ),
    "windows and days end with the earliest": (
        [(days(1, 2, 3), None, NEWEST), (days(10, 20, end=ago(1)), None, ago(1))],
        (1, 36, (22, 33, 33), days(11, 22, end=ago(1)), ""),
    ),
    "three days behind is no matter": (
        [(days(1), None, NEWEST), (days(10, end=ago(3)), None, ago(3))],
        (3, 11, (10, 10, 10), days(10, end=ago(3)), ""),
    ),
    "four are told": (
        [(days(1), None, NEWEST), (days(10, end=ago(4)), None, ago(4))],
        (4, 11, (10, 10, 10), days(10, end=ago(4)), "_f ends with 2026-03-27, as b does."),
    ),
    "one without any downloads has no say": (
        [(days(1, 2), None, NEWEST), ({}, 0, ago(9)), ({}, 0, None)],
        (0, 3, (2, 3, 3), days(1, 2), ""),
    ),
    "nothing at all": ([({}, 0, NEWEST), ({}, 0, None)], (None, 0, (0, 0, 0), {}, "")),
}


@pytest.mark.parametrize("case", SUMS)
def test_a_sum_is_never_wrong_by_what_it_lacks(case: str) -> None:
    members, (back, total, windows, history, note) = SUMS[case]
    stats, days, told = add_up(known(dict(zip("abc", members, strict=False))))
    assert stats.last_date == (None if back is None else ago(back))
    assert (stats.total_downloads, stats.timestamp) == (total, NOW)
    assert (stats.last_day, stats.last_week, stats.last_month) == windows
    assert (days, told) == (history, note)
    assert [*days] == sorted(days)


def test_a_member_without_figures_leaves_the_family_as_it_is(project: Project) -> None:
    family = script.Family(name="F", packages=["b", "a", "c"])
    told = "_f stays as it is, without figures of {}."
    assert script.family_record(project.docs, family, {"a"}) == (None, told.format("b, c"))
    older, _ = script.add_up(family, known(dict.fromkeys("abc", (SHORT, None, NEWEST))).values())
    files, _ = script.render(family, older)
    for path, text in files.items():
        script.write(project.docs / path, text.encode())
    assert script.family_record(project.docs, family, {"a", "b"}) == (older, told.format("c"))


HISTORY = st.dictionaries(st.dates(ago(400), ago(5)), st.integers(0, 10**9))
ENDS = st.dates(ago(5), NEWEST)
MEMBERS = st.tuples(HISTORY, st.none() | st.integers(10**12, 10**13), ENDS)


@given(st.lists(MEMBERS, min_size=1, max_size=4))
def test_a_family_of_one_is_its_member_and_no_day_is_there_that_somebody_lacks(all_: Any) -> None:
    members = dict(zip("abcd", all_, strict=False))
    kept = known(members)
    one, history, _ = add_up(kept, "a")
    if one.total_downloads:
        figures = kept["a"].stats.model_dump(exclude={"package", "timestamp"})
        assert one.model_dump(exclude={"package", "timestamp"}) == figures
        assert history == members["a"][0]
    stats, days, _ = add_up(kept)
    assert add_up(kept, *reversed(members))[:2] == (stats, days)
    assert stats.total_downloads == sum(kept[name].stats.total_downloads for name in members)
    for history, total, end in members.values():
        if total:
            assert min(days, default=NEWEST) >= min(history, default=date.min)
        if total or sum(history.values()):
            assert max(days, default=date.min) <= end


def test_a_family_is_published_like_a_package_and_fetched_by_its_members(
    project: Project, pepy: Pepy
) -> None:
    text = '[[family]]\nname = "Pair"\nlabel = "both"\npackages = ["one", "two"]\n'
    project.list("one", "two", "three", text=text)
    assert project.run(pepy, "update", "_PAIR", "Three").code == 0
    assert pepy.asked == {"one": 1, "two": 1, "three": 1}
    files = {path for path in project.files() if path.startswith("_pair")}
    names = ("month.json", "week.json", "day.json", "chart.svg", "history.csv", "stats.json")
    assert files == {"_pair.json", *(f"_pair/{name}" for name in names)}
    badge = EndpointBadge.model_validate(project.json("_pair/month.json"))
    month = [project.json(f"{name}/stats.json")["last_month"] for name in ("one", "two")]
    assert (badge.label, badge.message) == ("both", script.format_count(sum(month)) + "/month")
    (listed,) = [x for x in project.json("_packages.json")["packages"] if "members" in x]
    assert (listed["name"], listed["members"], listed["month"]) == (
        "_pair",
        ["one", "two"],
        sum(month),
    )

    before = project.files()
    (project.docs / "two/stats.json").write_text("<<<<<<< HEAD")
    run = project.run(pepy, "--all", "--prune")
    assert (run.code, "_pair stays as it is, without figures of two." in run.output) == (1, True)
    after = project.files()
    assert [path for path in files if after[path] != before[path]] == []
    assert "_pair" in {x["name"] for x in project.json("_packages.json")["packages"]}
    project.list("one", "two", "three")
    assert "files removed: _pair." in project.run(pepy, "render", "--prune").output
    assert not [path for path in project.files() if path.startswith("_pair")]
