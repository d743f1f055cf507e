"""From the list and the kept figures to files: pure, legal for Shields, whole on disk."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shields import EndpointBadge

import script

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
    kept = {"demo": script.Kept(STATS, {date(2026, 3, 31): 1})}

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError

    with monkeypatch.context() as patched:
        for module, name in ((os, "open"), (os, "stat"), (Path, "open"), (Path, "read_bytes")):
            patched.setattr(module, name, forbidden)
        files = script.render(packages, kept)
    assert files == script.render(packages, kept)
    assert all(path.startswith("demo") for path in files)


def test_a_metric_is_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = script.Metric("{}/average.json", lambda stats: round(stats.average_daily), " a day")
    monkeypatch.setattr(script, "METRICS", (*script.METRICS, row))
    files = script.render([script.Package(name="demo")], {"demo": script.Kept(STATS, {})})
    assert json.loads(files["demo/average.json"])["message"] == "0 a day"


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
