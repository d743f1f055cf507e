"""A package's chart: legal, small, the same for the same figures, and right."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pepy import SCRIPT

import script

SVG = "{http://www.w3.org/2000/svg}"
END = date(2026, 3, 31)


def history(*counts: int, end: date = END) -> script.History:
    """The counts of the days up to `end`."""
    return {end - timedelta(days=len(counts) - 1 - at): n for at, n in enumerate(counts)}


def drawn(counts: script.History, end: date | None = END, project: str = "demo") -> ET.Element:
    return ET.fromstring(script.chart(project, counts, end))


def texts(svg: ET.Element) -> list[str]:
    return [text.text or "" for text in svg.iter(f"{SVG}text")]


def points(svg: ET.Element, name: str) -> list[tuple[float, float]]:
    """The points of a path in the plot: x, and y from the top."""
    paths = [path.get("d", "") for path in svg.iter(f"{SVG}path") if path.get("class") == name]
    line = paths[-1] if len(paths) > 1 else ""  # the first is the key's
    assert "-" not in line
    return [
        (float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", line.replace("188V", ""))
    ]


HISTORIES = st.dictionaries(
    st.dates(END - timedelta(days=120), END + timedelta(days=3)), st.integers(0, 10**15 - 1)
)


@given(HISTORIES, st.from_regex(r"[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?", fullmatch=True))
def test_any_history_gives_a_small_and_legal_picture(counts: script.History, project: str) -> None:
    text = script.chart(project, counts, END)
    assert text == script.chart(project, dict(sorted(counts.items())), END)
    svg = ET.fromstring(text)
    assert len(text.encode()) < 8000
    assert (svg.get("role"), svg.get("viewBox")) == ("img", "0 0 480 220")
    title, about = svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")
    assert title is not None
    assert about is not None
    assert svg.get("aria-labelledby") == f"{title.get('id')} {about.get('id')}"
    assert title.text == f"Downloads of {project} a day"
    assert about.text
    assert "prefers-color-scheme:dark" in text
    for x, y in points(svg, "days") + points(svg, "average"):
        assert 54 <= x <= 468
        assert 64 <= y <= 188


def test_the_fullest_picture_is_below_8_kb() -> None:
    counts = history(*(10**14 * 9 + n * 7919 for n in range(200)))
    assert len(script.chart("x" * 100, counts, END).encode()) < 8000


def test_the_same_figures_give_the_same_bytes_in_another_process() -> None:
    program = (
        "import script; from datetime import *; "
        "print(script.chart('demo', {date(2026, 3, 31) - timedelta(n): n * n for n in range(99)}, "
        "date(2026, 3, 31)))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=SCRIPT.parent,
            env={"PYTHONHASHSEED": seed, "LC_ALL": "C", "TZ": zone},
            capture_output=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("most", "axis"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (4, [0, 1, 2, 3, 4]),
        (5, [0, 2, 4, 6]),
        (9, [0, 5, 10]),
        (10, [0, 5, 10]),
        (40, [0, 10, 20, 30, 40]),
        (41, [0, 20, 40, 60]),
        (999, [0, 500, 1000]),
        (1_234_567, [0, 500_000, 1_000_000, 1_500_000]),
        (10**15 - 1, [0, 5 * 10**14, 10**15]),
    ],
)
def test_the_axis_has_round_numbers(most: int, axis: list[int]) -> None:
    assert script.round_axis(most) == axis


@given(st.integers(0, 10**15 - 1))
def test_the_axis_reaches_the_most_and_not_much_further(most: int) -> None:
    axis = script.round_axis(most)
    assert 2 <= len(axis) <= 5
    assert axis[0] == 0
    assert axis[-2] < max(most, 1) <= axis[-1]


def test_days_and_their_average_are_where_they_belong() -> None:
    svg = drawn(history(*[40] * 83, 0, 40, 40, 40, 40, 40, 5))
    assert texts(svg)[-8:] == ["0", "10", "20", "30", "40", "Jan", "Feb", "Mar"]
    days, average = points(svg, "days"), points(svg, "average")
    assert len(days) == 89, "a day without downloads has no bar"
    assert days[0] == (56.3, 64)
    assert days[-1] == (465.7, 172.5)
    assert len(average) == 90 - 6, "it begins where seven days are known"
    assert average[0] == (83.9, 64)
    assert average[-1] == (465.7, 97.2)  # (5 * 40 + 5) / 7 = 29.3 of 40


def test_older_days_count_in_the_average_and_are_not_shown() -> None:
    svg = drawn(history(*[70] * 6, *[0] * 89, 7))
    assert len(points(svg, "days")) == 1
    average = points(svg, "average")
    assert len(average) == 90
    assert texts(svg)[7] == "60", "the axis reaches it, too"
    assert average[0] == (56.3, 64)


def test_an_average_between_two_marks_of_the_axis_stays_within() -> None:
    svg = drawn(history(*[41] * 6, *[40] * 90))
    assert texts(svg)[4:8] == ["0", "20", "40", "60"], "the first average is above 40"
    assert points(svg, "average")[0][1] > 64


def test_marks_and_months_are_where_they_belong() -> None:
    svg = drawn(history(*[40] * 90))
    marks = [text for text in svg.iter(f"{SVG}text") if text.get("text-anchor") == "end"][1:]
    assert [(text.text, text.get("x"), text.get("y"), text.get("dy")) for text in marks] == [
        ("0", "48", "188", "4"),
        ("10", "48", "157", "4"),
        ("20", "48", "126", "4"),
        ("30", "48", "95", "4"),
        ("40", "48", "64", "4"),
    ]
    lines = [path.get("d") for path in svg.iter(f"{SVG}path") if path.get("class") == "grid"]
    assert lines == [f"M54 {y}H468" for y in (188, 157, 126, 95, 64)]
    months = [text for text in svg.iter(f"{SVG}text") if text.get("text-anchor") == "middle"]
    bars = points(svg, "days")
    for text, day in zip(months, (date(2026, m, 1) for m in (1, 2, 3)), strict=True):
        assert text.text == f"{day:%b}"
        assert float(text.get("x") or 0) == bars[89 - (END - day).days][0]
    order = [element.get("class") for element in svg if element.get("class")]
    assert order.index("grid") < len(order) - order[::-1].index("days") - 1, "bars cover the grid"


def test_its_key_explains_the_lines_beside_it() -> None:
    drawing = list(drawn(history(1)))
    for name, text in (("days", "downloads a day"), ("average", "seven-day average")):
        at = next(n for n, element in enumerate(drawing) if element.get("class") == name)
        assert drawing[at + 1].text == text


def test_what_is_there_is_said() -> None:
    svg = drawn(history(*range(1, 91)))
    about = svg.find(f"{SVG}desc")
    assert about is not None
    assert about.text == (
        "The 90 days up to 31 March 2026, as PePy counts them. The busiest was 31 March 2026 "
        "with 90 downloads. The last seven days average 87."
    )
    about = drawn(history(*[1] * 83, 9, *[9] * 3, *[8] * 3)).find(f"{SVG}desc")
    assert about is not None
    assert "busiest was 25 March 2026 with 9" in (about.text or "")
    assert "average 9." in (about.text or "")  # (4 * 9 + 3 * 8) / 7 = 8.57
    about = drawn(history(1)).find(f"{SVG}desc")
    assert about is not None
    assert "average" not in (about.text or "")
    assert texts(svg)[0] == "demo"
    assert "up to 31 March 2026" in texts(svg)


@pytest.mark.parametrize("end", [None, END])
def test_without_downloads_there_is_a_picture_all_the_same(end: date | None) -> None:
    svg = drawn({}, end)
    assert "none" in texts(svg)
    assert points(svg, "days") == points(svg, "average") == []


def test_a_long_name_is_cut_where_it_is_seen_alone() -> None:
    name = "a-" * 49 + "bc"
    svg = drawn(history(1), project=name)
    assert texts(svg)[0] == f"{name[:37]}…"
    title = svg.find(f"{SVG}title")
    assert title is not None
    assert name in (title.text or "")
