"""From the list and the kept figures to files: pure, legal for Shields, whole on disk."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shields import EndpointBadge

import script

ROOT = Path(__file__).parent.parent
STATS = script.Stats(
    package="demo",
    timestamp=datetime(2026, 4, 2, 8, 3, 7, tzinfo=UTC),
    total_downloads=5,
    last_date=date(2026, 3, 31),
    last_day=1,
    last_week=2,
    last_month=3,
    average_daily=0.1,
    top_releases=[],
)

COLOURS = st.sampled_from(["blue", "success", "#fe7d37", "fff", "hsl(1,2%,3%)", "tomato"])
LABELS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Cn"]), max_size=30)
LOGO: dict[str, st.SearchStrategy[Any]] = {
    "namedLogo": st.sampled_from(["pypi", "python", "1password"]),
    "logoColor": COLOURS,
    "logoSize": st.just("auto"),
}
PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "label": LABELS,
    "color": COLOURS,
    "labelColor": COLOURS,
    "style": st.sampled_from(["flat", "flat-square", "plastic", "for-the-badge", "social"]),
    "cacheSeconds": st.integers(0, 31_536_000),
    "units": st.sampled_from(["abbreviation", "international_system", "none"]),
    "decimals": st.integers(0, 3),
}
SVG = st.fixed_dictionaries({"logoSvg": st.just("<svg xmlns='http://www.w3.org/2000/svg'/>")})
OPTIONS = st.builds(
    lambda plain, logo: plain | logo,
    st.fixed_dictionaries({}, optional=PLAIN),
    st.just({}) | st.fixed_dictionaries(LOGO) | SVG,
)
COUNT = st.integers(0, 10**15 - 1)


def by_pepy(history: script.History) -> script.Tables:
    return {"history": {"downloads": history}}


@given(defaults=OPTIONS, own=OPTIONS, counts=st.tuples(COUNT, COUNT, COUNT, COUNT))
def test_any_legal_list_renders_only_legal_shields_json(
    defaults: dict[str, Any], own: dict[str, Any], counts: tuple[int, int, int, int]
) -> None:
    data = {"defaults": defaults, "package": [{"name": "demo"} | own]}
    packages = script.Config.model_validate(data, context=set()).package
    names = ("total_downloads", "last_day", "last_week", "last_month")
    stats = STATS.model_copy(update=dict(zip(names, counts, strict=True)))
    files = script.render(packages, {"demo": script.Kept(stats, {})})
    badges = {
        path: text for path, text in files.items() if not path.endswith(("stats.json", "csv"))
    }
    assert set(badges) == {"demo.json", "demo/day.json", "demo/week.json", "demo/month.json"}
    for text in badges.values():
        EndpointBadge.model_validate_json(text)
        assert json.loads(text)["label"] == packages[0].label
        assert text.endswith(b"}\n")


def test_rendering_reads_and_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    packages = [script.Package(name="Demo"), script.Package(name="without-figures")]
    kept = {"demo": script.Kept(STATS, by_pepy({date(2026, 3, 31): 1}))}

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError

    with monkeypatch.context() as patched:
        for module, name in ((os, "open"), (os, "stat"), (Path, "open"), (Path, "read_bytes")):
            patched.setattr(module, name, forbidden)
        files = script.render(packages, kept)
    assert files == script.render(packages, kept)
    assert all(path.startswith("demo") for path in files)


def test_a_metric_is_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = script.Metric("{}/days.json", lambda _, kept: f"{len(kept.history)} days")
    monkeypatch.setattr(script, "METRICS", (*script.METRICS, row))
    files = script.render([script.Package(name="demo")], {"demo": script.Kept(STATS, {})})
    assert json.loads(files["demo/days.json"])["message"] == "0 days"


def days(*counts: int, end: date = date(2026, 3, 31)) -> script.History:
    return {end - timedelta(days=len(counts) - 1 - n): count for n, count in enumerate(counts)}


@pytest.mark.parametrize(
    ("history", "trend"),
    [
        (days(), "0"),
        (days(0), "0"),
        (days(5), "z"),
        (days(0, 1, 2), "0iz"),
        (days(1, 35, 70), "1iz"),
        (days(1, 1000), "0z"),  # shape, not digits
        (days(7, end=date(2026, 3, 29)), "z00"),  # days without downloads are absent
        (days(9, 9, end=date(2026, 4, 1)), "z"),  # the windows end before its newest day
        (days(9, end=date(2026, 4, 1)), ""),
        (days(1000, *[1] * 90), "z" * 90),  # of its own days alone
        (days(10**14, 10**15 - 1), "4z"),
    ],
)
def test_a_trend_is_the_shape_of_the_last_90_days(history: script.History, trend: str) -> None:
    assert script.trend(history, date(2026, 3, 31)) == trend


def test_the_catalogue_lists_what_has_figures_by_name() -> None:
    packages = [script.Package(name=name) for name in ("Zope.Event", "demo", "saved", "none")]
    quiet = STATS.model_copy(update={"package": "zope-event", "last_date": None})
    kept = {
        "demo": script.Kept(STATS, by_pepy(days(*[1] * 5, *[2] * 31, *[4] * 29))),
        "zope-event": script.Kept(quiet, {}),
        "saved": script.Kept(None, by_pepy(days(1))),
    }
    site = script.Site()
    files = script.render_site(site, packages, kept)
    assert files == script.render_site(site, packages, kept)
    catalogue = json.loads(files["_packages.json"])
    assert catalogue["packages"] == [
        {
            "name": "demo",
            "total": 5,
            "month": 3,
            "week": 2,
            "day": 1,
            "previous_month": 60,
            "last_date": "2026-03-31",
            "fetched": "2026-04-02T08:03:07Z",
            "trend": "9" * 5 + "i" * 31 + "z" * 29,
            "python": None,
            "system": None,
        },
        {
            "name": "zope-event",
            "total": 5,
            "month": 3,
            "week": 2,
            "day": 1,
            "previous_month": 0,
            "last_date": None,
            "fetched": "2026-04-02T08:03:07Z",
            "trend": "",
            "python": None,
            "system": None,
        },
    ]


@pytest.mark.parametrize(
    ("table", "on_github", "known"),
    [
        ({}, "", (None, None)),
        ({}, "me/badges", ("me/badges", None)),
        ({"url": "https://badges.example.com/"}, "", (None, "https://badges.example.com")),
        ({"url": "https://b.example"}, "me/badges", ("me/badges", "https://b.example")),
        ({"repository": "https://github.com/my/own"}, "me/badges", ("my/own", None)),
    ],
)
def test_the_catalogue_says_what_the_pages_address_can_not(
    table: dict[str, str],
    on_github: str,
    known: tuple[str | None, str | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", on_github)
    site = script.Site.model_validate(table)
    catalogue = json.loads(script.render_site(site, [], {})["_packages.json"])
    assert (catalogue["repository"], catalogue["url"]) == known
    assert catalogue["packages"] == []


def test_a_package_takes_less_than_400_bytes_of_the_catalogue() -> None:
    names = (ROOT / "tests/popular.txt").read_text().split()
    stats = STATS.model_copy(
        update=dict.fromkeys(("total_downloads", "last_day", "last_week", "last_month"), 10**14)
    )
    history = days(*[10**13] * 90)
    kept = {name: script.Kept(stats, by_pepy(history)) for name in names}
    packages = [script.Package(name=name) for name in names]
    catalogue = script.render_site(script.Site(), packages, kept)["_packages.json"]
    assert len(names) >= 200
    assert len(catalogue) < 400 * len(names)


def test_only_files_whose_bytes_change_are_written(tmp_path: Path) -> None:
    assert script.publish(tmp_path, {"a.json": b"1", "a/b.json": b"2"}) == (
        ["a.json", "a/b.json"],
        {},
    )
    before = (tmp_path / "a.json").stat().st_ino
    assert script.publish(tmp_path, {"a.json": b"1", "a/b.json": b"3"}) == (["a/b.json"], {})
    assert (tmp_path / "a.json").stat().st_ino == before
    assert (tmp_path / "a/b.json").read_bytes() == b"3"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.json"]


def test_what_is_remembered_is_written_after_what_it_is_about(tmp_path: Path) -> None:
    files = {"a/stats.json": b"1", "a/python.csv": b"1"}
    assert script.publish(tmp_path, files)[0] == ["a/stats.json", "a/python.csv"]
    files = dict.fromkeys(files, b"2")
    assert script.publish(tmp_path, files)[0] == ["a/python.csv", "a/stats.json"]


def test_what_a_killed_run_left_is_gone_after_the_next(tmp_path: Path) -> None:
    stray = tmp_path / script.SCRATCH / "a.json"
    stray.parent.mkdir()
    stray.write_text('{"half')
    script.publish(tmp_path, {})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_removed_with_its_last_file_and_not_before(tmp_path: Path) -> None:
    script.publish(tmp_path, {"a/b.json": b"", "a/c.json": b"", "d/b.json": b"", "d.json": b""})
    (tmp_path / "d/mine.txt").touch()
    removed = script.publish(tmp_path, {}, ["a/b.json", "a/c.json", "d/b.json", "d.json", "no/no"])
    assert removed == (["a/b.json", "a/c.json", "d/b.json", "d.json"], {})
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == [
        "d",
        "d/mine.txt",
    ]
