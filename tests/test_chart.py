"""A package's chart: legal, small, and right."""

from __future__ import annotations

import re
from datetime import date
from xml.etree import ElementTree as ET

import pytest
from conftest import NEWEST, ago, days, record
from hypothesis import given
from hypothesis import strategies as st

import script

DAYS = st.dates(ago(120), ago(-3))
HISTORIES = st.dictionaries(DAYS, st.integers(0, 10**15 - 1))
FULL = st.just({ago(n): 9 * 10**14 + n * 7919 for n in range(200)})
ABOUT = "The 90 days up to 31 March 2026, as PePy counts them. The busiest was "


def chart(history: script.History, end: date | None = NEWEST, name: str = "demo") -> str:
    kept = record({}, end)  # whose month, unlike a day, would be too much
    return script.chart(name, kept._replace(tables={"history": {"downloads": history}}))


def drawn(history: script.History, end: date | None = NEWEST, name: str = "demo") -> ET.Element:
    return ET.fromstring(chart(history, end, name))


def texts(svg: ET.Element, **where: str) -> list[ET.Element]:  # those with such an attribute
    found = [e for tag in ("title", "desc", "text") for e in svg.iterfind(f"{{*}}{tag}")]
    return [e for e in found if e.attrib.items() >= where.items()]


def points(svg: ET.Element, name: str) -> list[tuple[float, float]]:  # of a line: x, y from the top
    _, *lines = [path.get("d", "") for path in svg.iterfind(f"{{*}}path[@class='{name}']")]
    found = re.findall(r"(-?[\d.]+) (-?[\d.]+)", "".join(lines).replace("188V", ""))
    return [(float(x), float(y)) for x, y in found]


@given(HISTORIES | FULL, st.sampled_from(["a-9", "x" * 38, "x" * 39, "x" * 100]))
def test_any_history_gives_a_small_and_legal_picture(history: script.History, name: str) -> None:
    assert len(chart(history, name=name).encode()) < 8000
    svg = drawn(history, name=name)
    assert (svg.get("role"), svg.get("aria-labelledby")) == ("img", "title about")
    title, _, heading, *_ = texts(svg)
    assert title.text == f"Downloads of {name} a day"
    assert heading.text == (name if len(name) <= 38 else f"{name[:37]}…")
    inside = points(svg, "days") + points(svg, "average")
    assert all(54 <= x <= 468 and 64 <= y <= 188 for x, y in inside)


AXES = {0: "0 1", 4: "0 1 2 3 4", 5: "0 2 4 6", 41: "0 20 40 60", 10**15 - 1: "0 500T 1000T"}


@pytest.mark.parametrize(("most", "axis"), AXES.items())
def test_the_axis_has_round_numbers_that_reach_the_most(most: int, axis: str) -> None:
    marks = texts(svg := drawn(days(most)), x="48")
    lines = [path.get("d") for path in svg.iterfind("{*}path[@class='grid']")]
    assert [mark.text for mark in marks] == axis.split()
    assert lines == [f"M54 {mark.get('y')}H468" for mark in marks]
    assert (marks[0].get("y"), marks[-1].get("y")) == ("188", "64")


def test_days_their_average_and_the_months_are_where_they_belong() -> None:
    svg = drawn(days(*[40] * 83, 0, 40, 40, 40, 40, 40, 5))
    bars, average = points(svg, "days"), points(svg, "average")
    assert (len(bars), bars[0], bars[-1]) == (89, (56.3, 64), (465.7, 172.5))
    # The average begins where seven days are known, and its last is 205 / 7 = 29.3 of 40.
    assert (len(average), average[0], average[-1]) == (90 - 6, (83.9, 64), (465.7, 97.2))
    firsts = [points(drawn({date(2026, month, 1): 1}), "days")[0][0] for month in (1, 2, 3)]
    months = [(month.text, float(month.get("x", ""))) for month in texts(svg, y="207")]
    assert months == [*zip(["Jan", "Feb", "Mar"], firsts, strict=True)]
    older = drawn(days(*[70] * 6, *[0] * 89, 7))  # days before the 90 count in the average alone
    average = points(older, "average")
    assert (len(points(older, "days")), len(average), average[0]) == (1, 90, (56.3, 95))


SAID = [
    (days(*range(1, 91)), "31 March 2026 with 90 downloads. The last seven days average 87."),
    (days(9, *[8] * 6), "25 March 2026 with 9 downloads. The last seven days average 8."),
    (days(1500), "31 March 2026 with 1,500 downloads."),
    ({}, None),
    (days(0, 0), None),
    (days(7, end=ago(-1)), None),
]


@pytest.mark.parametrize(("history", "about"), SAID)
def test_what_is_there_is_said(history: script.History, about: str | None) -> None:
    svg = drawn(history, NEWEST if history else None)
    said = {text.text for text in texts(svg)}
    assert (f"{ABOUT}{about}" if about else "None in 90 days.") in said
    assert ("up to 31 March 2026" in said, "none" in said) == (bool(about), not about)
    assert bool(points(svg, "days")) == bool(about)
