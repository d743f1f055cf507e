"""Families: which are legal, what a sum takes from its members, and when it waits for one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest
from conftest import (
    KEPT,
    NEWEST,
    Project,
    ago,
    days,
    mistakes_in,
    publish,
    read_list,
    record,
    without_new_badges,
)
from hypothesis import given
from hypothesis import strategies as st
from pepy import Pepy
from shields import EndpointBadge

import script

LIST = '[[family]]\nname = "old"\npackages = ["one"]\n[[package]]\nname = "One"\n'
LIST += '[[package]]\nname = "two-2"\nlabel = "own"\n'
LIST += '[defaults]\nlabel = "all"\nbreakdown = true\nbackfill = false\n'
ONCE = "name each once, and only what is listed as a [[package]]"
NOT_LISTED = ("three", "f", "_f", "_old", "-", "")
MISTAKES = {f'name = "f"\npackages = ["{name}"]': ONCE for name in NOT_LISTED}
SAME = ("two-2", "Two_2", "two.2")
MISTAKES |= {f'name = "f"\npackages = ["two-2", "{name}"]': ONCE for name in SAME}
MISTAKES |= {  # what a second family has, and what is told of it
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


@pytest.mark.parametrize("family", MISTAKES)
def test_a_mistaken_family_is_told_with_all_other_mistakes(family: str) -> None:
    told = mistakes_in(f'{LIST}color = "Bleu"\n[[family]]\n{family}\n')
    assert "has 2 mistakes" in told
    assert MISTAKES[family] in told
    assert "[defaults] color" in told


def test_a_family_takes_the_defaults_and_names_as_pep_503_has_them() -> None:
    config = read_list(
        f'{LIST}[[family]]\nname = "A.b"\npackages = ["TWO.2", "one"]\ndecimals = 3\n'
    )
    family = config.published["_a-b"]
    assert isinstance(family, script.Family)
    assert (family.packages, family.label, family.decimals) == (["two-2", "one"], "all", 3)
    assert (family.breakdown, config.projects["one"].breakdown) == (False, True)
    assert (family.backfill, config.projects["one"].backfill) == (True, False)
    assert [*config.projects] == ["one", "two-2"]


class Member(NamedTuple):
    """What is kept of a package; a total of None is the sum of its days."""

    history: script.History
    end: date | None = NEWEST  # of its windows
    total: int | None = None


def known(members: dict[str, Member]) -> dict[str, script.Record]:
    """The records of packages, of which PePy told one after the other."""
    kept = {}
    for minutes, (name, member) in enumerate(members.items()):
        figures: Any = {"timestamp": KEPT + timedelta(minutes=minutes)}
        if member.total is not None:
            figures["total_downloads"] = member.total
        kept[name] = record(member.history, member.end, name, **figures)
    return kept


def add_up(kept: dict[str, script.Record], *members: str) -> script.Record:
    """The record of a family of what is kept, or of `members`."""
    family = script.Family(name="F", packages=[*(members or kept)])
    return script.add_up(family, [kept[name] for name in family.packages], None)


class Sum(NamedTuple):
    members: list[Member]
    total: int
    windows: tuple[int, int, int]  # a day, a week, a month
    history: script.History
    end: date | None = NEWEST


LONG = days(*[10] * 400)
TOLD = days(*[10] * 85)  # of LONG, what PePy tells at least: without downloads a day is 0
SHORT = days(1, 2)
SUMS = {
    "two of one length": Sum(
        [Member(days(1, 2, 3)), Member(days(10, 20, 30))], 66, (33, 66, 66), days(11, 22, 33)
    ),
    "a gap counts as zero": Sum(
        [Member({ago(2): 5, ago(0): 7}), Member(days(1, 1, 1))], 15, (8, 15, 15), days(6, 1, 8)
    ),
    "a young member is complete, and 0 before": Sum(
        [Member(LONG), Member(SHORT)], 4003, (12, 73, 303), LONG | days(11, 12)
    ),
    "so is one with 95 % of its total": Sum(
        [Member(LONG), Member(days(95), total=100)], 4100, (105, 165, 395), LONG | days(105)
    ),
    "with less, the sum begins with what PePy told of it": Sum(
        [Member(LONG), Member(days(95), total=101)], 4101, (105, 165, 395), TOLD | days(105)
    ),
    "or with an older day that is kept": Sum(
        [Member(LONG), Member({ago(99): 1}, total=101)],
        4101,
        (10, 70, 300),
        days(*[11] * 1, *[10] * 99),
    ),
    "the last of several such counts": Sum(
        [Member(history, total=10**6) for history in (LONG, days(1, 1, 1), days(5, 5))],
        3 * 10**6,
        (16, 83, 313),
        TOLD | days(11, 16, 16),
    ),
    "one that lacks all its days has none of the last": Sum(
        [Member(LONG), Member({}, total=1000)], 5000, (10, 70, 300), TOLD
    ),
    "windows and days end with the earliest": Sum(
        [Member(days(1, 2, 3)), Member(days(10, 20, end=ago(1)), end=ago(1))],
        36,
        (22, 33, 33),
        days(11, 22, end=ago(1)),
        end=ago(1),
    ),
    "one without any downloads has no say": Sum(
        [Member(SHORT), Member({}, end=ago(9)), Member({}, end=None)], 3, (2, 3, 3), SHORT
    ),
    "nothing at all": Sum([Member({}), Member({}, end=None)], 0, (0, 0, 0), {}, end=None),
}


@pytest.mark.parametrize("why", SUMS)
def test_a_sum_is_never_wrong_by_what_it_lacks(why: str) -> None:
    expected = SUMS[why]
    stats, tables = add_up(known(dict(zip("abc", expected.members, strict=False))))
    assert stats.last_date == expected.end
    assert (stats.total_downloads, stats.timestamp) == (expected.total, KEPT)
    assert (stats.last_day, stats.last_week, stats.last_month) == expected.windows
    history = tables["history"]["downloads"]
    assert history == expected.history
    assert [*history] == sorted(history)


def test_a_member_without_figures_leaves_the_family_as_it_is(project: Project) -> None:
    family = script.Family(name="F", packages=["b", "a", "c"])
    docs = script.Docs(project.docs, [])
    assert script.family_record(docs, family, {"a"}) is None
    older = script.add_up(family, known(dict.fromkeys("abc", Member(SHORT))).values(), None)
    files, _ = script.render(family, older)
    publish(project.docs, files)
    assert script.family_record(docs, family, {"a", "b"}) == older
    told = "_f stays as it is, without figures of {}."
    assert docs.notes == [told.format("b, c"), told.format("c")]


HISTORY = st.dictionaries(st.dates(ago(400), ago(5)), st.integers(0, 10**9))
TOTALS = st.none() | st.integers(10**12, 10**13)
MEMBERS = st.builds(Member, HISTORY, st.dates(ago(5), NEWEST), TOTALS)


@given(st.lists(MEMBERS, min_size=1, max_size=4))
def test_a_family_of_one_is_its_member_and_no_day_is_there_that_somebody_lacks(
    all_: list[Member],
) -> None:
    members = dict(zip("abcd", all_, strict=False))
    kept = known(members)
    one = add_up(kept, "a")
    if one.stats.total_downloads:
        its_own = {"package", "timestamp", "members"}
        figures = kept["a"].stats.model_dump(exclude=its_own)
        assert one.stats.model_dump(exclude=its_own) == figures
        assert one.history == members["a"].history
    whole = add_up(kept)
    assert add_up(kept, *reversed(members)) == whole
    total = sum(record.stats.total_downloads for record in kept.values())
    assert whole.stats.total_downloads == total
    for member in members.values():
        if member.total:
            told = member.end - timedelta(84) if member.end else NEWEST
            first = min([*member.history, told])
            assert min(whole.history, default=NEWEST) >= first
        if member.total or sum(member.history.values()):
            assert member.end
            assert max(whole.history, default=date.min) <= member.end


def test_a_family_is_published_like_a_package_and_fetched_by_its_members(
    project: Project, pepy: Pepy
) -> None:
    text = '[[family]]\nname = "Pair"\nlabel = "both"\npackages = ["one", "two"]\n'
    project.list("one", "two", "three", text=text)
    assert project.run(pepy, "update", "_PAIR", "Three").code == 0
    assert pepy.asked == {"one": 1, "two": 1, "three": 1}
    files = {path for path in project.files() if path.startswith("_pair")}
    names = ("month.json", "week.json", "day.json", "chart.svg", "history.csv", "stats.json")
    usual = without_new_badges(dict.fromkeys(files), "_pair").keys()
    assert usual == {"_pair.json", *(f"_pair/{name}" for name in names)}
    badge = EndpointBadge.model_validate(project.json("_pair/month.json"))
    month = [project.json(f"{name}/stats.json")["last_month"] for name in ("one", "two")]
    assert (badge.label, badge.message) == ("both", script.format_count(sum(month)) + "/month")
    (listed,) = [x for x in project.json("_packages.json")["packages"] if "members" in x]
    assert (listed["name"], listed["members"]) == ("_pair", ["one", "two"])
    assert listed["month"] == sum(month)

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
