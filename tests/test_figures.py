"""From PePy's answer to what is kept: days, releases, windows."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from conftest import NEWEST, daily
from hypothesis import given
from hypothesis import strategies as st

import script

NOW = datetime(2026, 4, 2, 8, 3, 7, 123456, tzinfo=UTC)


def back(days: int) -> date:
    return NEWEST - timedelta(days=days)


def read(**answer: Any) -> script.Figures:
    body = {"id": "demo", "total_downloads": 1, "versions": [], "downloads": {}} | answer
    return script.read_answer(json.dumps(body).encode(), "demo", NOW)


def history(*counts: int, end: date = NEWEST) -> script.History:
    """The counts of the days up to `end`, 0 where absent."""
    return read(downloads=daily(*counts, end=end)).history


def test_releases_of_a_day_are_added_and_days_come_oldest_first() -> None:
    downloads = {"2026-03-31": {"1.0": 2, "1.1": 3}, "2026-03-29": {"0.9": 7}}
    assert list(read(downloads=downloads).history.items()) == [(back(2), 7), (back(0), 5)]


def test_a_name_comes_back_normalised_or_not() -> None:
    assert read(id="Demo").total == 1
    with pytest.raises(ValueError, match="another project"):
        read(id="demo2")


def test_downloads_today_are_believed_but_none_later() -> None:
    assert read(downloads=daily(1, end=NOW.date())).history
    with pytest.raises(ValueError, match="future"):
        read(downloads=daily(1, end=NOW.date() + timedelta(days=1)))


def test_top_releases_are_the_ten_most_downloaded_of_the_packages_own_newest_30_days() -> None:
    downloads: dict[str, dict[str, int]] = {
        back(0).isoformat(): {f"1.{number}": 5 for number in range(12)} | {"none": 0},
        back(29).isoformat(): {"1.11": 1, "old": 100},
        back(30).isoformat(): {"older": 999},
    }
    top = read(downloads=downloads).top_releases
    assert [(release.version, release.downloads) for release in top] == [
        ("old", 100),
        ("1.11", 6),
        *[(version, 5) for version in sorted(f"1.{n}" for n in range(11))[:8]],
    ]


@pytest.mark.parametrize(
    ("promise", "days", "end"),
    [
        ("the newest day is not yesterday", [0], 0),
        ("half of the packages is enough", [0, 1], 0),
        ("a day that few have is an import under way", [0, 1, 1], 1),
        ("quiet packages don't hold the others back", [0, 7, 30], 0),
        ("but count where they were downloaded in the newest week", [0, 1, 6], 1),
        ("a package without downloads has no say", [None, None, 0], 0),
        ("nothing was ever downloaded", [None, None], None),
        ("nothing was fetched", [], None),
    ],
)
def test_the_windows_end(promise: str, days: list[int | None], end: int | None) -> None:
    found = script.windows_end(None if day is None else back(day) for day in days)
    assert found == (None if end is None else back(end)), promise


def test_a_day_of_zeros_is_no_day() -> None:
    assert script.newest_day(history(4) | {back(-1): 0}) == back(0)


def keep(
    counts: script.History,
    end: date | None = NEWEST,
    old: script.Kept | None = None,
    total: int = 10_000,
    now: datetime = NOW,
) -> script.Kept:
    package = script.Package(name="demo")
    return script.keep(old, script.Figures(total, counts, [], now), package, end)


def stats(kept: script.Kept) -> script.Stats:
    assert kept.stats is not None
    return kept.stats


def test_windows_are_1_7_and_30_days_up_to_their_end_with_missing_days_as_zero() -> None:
    counts = {back(days): 10**days for days in (0, 2, 6)}
    counts |= {back(7): 10**7, back(29): 10**8, back(30): 10**9, back(-1): 10**10}
    kept = stats(keep(counts))
    assert kept.last_date == NEWEST
    assert kept.last_day == 1
    assert kept.last_week == 1 + 10**2 + 10**6
    assert kept.last_month == 1 + 10**2 + 10**6 + 10**7 + 10**8
    assert keep(counts).history[back(-1)] == 10**10  # after the end, but not lost


@pytest.mark.parametrize(
    ("month", "average"),
    [(0, 0.0), (30, 1.0), (1, 0.0), (2, 0.1), (3, 0.1), (44, 1.5), (46, 1.5), (1402, 46.7)],
)
def test_the_average_is_of_30_days_with_one_decimal(month: int, average: float) -> None:
    assert stats(keep({NEWEST: month})).average_daily == average


def test_a_package_without_downloads_has_empty_windows_and_no_end() -> None:
    kept = stats(keep({}, end=None))
    assert (kept.last_date, kept.last_month, kept.total_downloads) == (None, 0, 10_000)


def test_newer_figures_replace_older_ones_and_dropped_days_stay() -> None:
    old = keep({back(100): 5, back(2): 6, back(1): 7})
    new = keep({back(1): 70, back(0): 8}, old=old)
    assert list(new.history.items()) == [
        (back(100), 5),
        (back(2), 6),
        (back(1), 70),
        (back(0), 8),
    ]


days = st.dates(date(2025, 1, 1), NEWEST)
histories = st.dictionaries(days, st.integers(0, 10**9), max_size=20)


@given(st.lists(histories, min_size=1, max_size=6))
def test_merging_loses_no_day_whatever_the_order_of_runs(runs: list[script.History]) -> None:
    kept: script.Kept | None = None
    newest_figures: script.History = {}
    for run in runs:
        kept = keep(run, old=kept)
        newest_figures |= run
    assert kept is not None
    assert kept.history == newest_figures
    assert list(kept.history) == sorted(kept.history)
    files = script.render([script.Package(name="demo")], {"demo": kept})
    assert script.parse_table(files["demo/history.csv"]) == {"downloads": kept.history}


def test_unchanged_figures_of_the_same_day_keep_their_time() -> None:
    old = keep({NEWEST: 1})
    later = NOW + timedelta(hours=15)
    assert stats(keep({NEWEST: 1}, old=old, now=later)).timestamp == NOW.replace(microsecond=0)
    tomorrow = NOW + timedelta(hours=16)
    assert stats(keep({NEWEST: 1}, old=old, now=tomorrow)).timestamp.day == 3
    changed = keep({NEWEST: 1}, old=old, now=later, total=10_001)
    assert stats(changed).timestamp == later.replace(microsecond=0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "day,downloads\n",
        "date,downloads\n2026-03-31\n",
        "date,downloads\n2026-03-31,1,2\n",
        "date,downloads\n2026-03-31,-1\n",
        "date,downloads\n2026-03-31,1.5\n",
        "date,downloads\n2026-02-30,1\n",
        "date,downloads\n20260331,1\n",
        "date,downloads\n1999-12-31,1\n",
        "date,downloads\n2026-03-31,1_0\n",
        "date,downloads\n2026-03-31, 1\n",
        "date,downloads\n2026-03-31,1\n2026-03-31,1\n",
        "date,downloads\n2026-03-31,1\n2026-03-30,1\n",
        f"date,downloads\n2026-03-31,{10**15}\n",
        "date,downloads\n<<<<<<< HEAD\n2026-03-31,1\n",
    ],
)
def test_a_history_that_is_not_one_is_not_read(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any will do, the caller names the file
        script.parse_table(text.encode())


def test_a_history_checked_out_on_windows_is_read() -> None:
    table = script.parse_table(b"date,downloads\r\n2026-03-31,5\r\n")
    assert table == {"downloads": {NEWEST: 5}}
