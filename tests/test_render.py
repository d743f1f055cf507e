"""From the list and the kept figures to files: numbers, badges, and the page's catalogue."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NEWEST, days, record
from hypothesis import given
from hypothesis import strategies as st
from shields import EndpointBadge

import script

COUNTS: Any = {"total_downloads": 1_395_207_458, "last_day": 999_950, "last_week": 1050}
COUNTS |= {"last_month": 999}


def render(history: Any = (), package: Any = (), top: Any = (), **config: Any) -> dict[str, str]:
    config |= {"package": [{"name": "demo"} | dict(package)]}
    whole = script.Config.model_validate(config, context=set())
    files, row = script.render(whole.package[0], record(dict(history), **COUNTS, **dict(top)))
    return files | {script.CATALOGUE: script.catalogue(whole, [row])}


def publish(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        script.write(folder / path, text.encode())


def badges(files: dict[str, str]) -> dict[str, Any]:
    others = (script.CATALOGUE, "demo/stats.json")
    return {p: json.loads(t) for p, t in files.items() if p.endswith("json") and p not in others}


A, I, N = "abbreviation", "international_system", "none"  # noqa: E741
SHOWN = [  # a count, units, decimals, and how that looks
    *((0, A, 1, "0"), (999, A, 1, "999"), (1000, A, 1, "1K"), (10**15 - 1, A, 3, "1000T")),
    *((1049, A, 1, "1K"), (1050, A, 1, "1.1K")),  # half up, where a float is just below the half
    *((999_949, A, 1, "999.9K"), (999_950, A, 1, "1M"), (11_000, A, 1, "11K")),
    *((1_395_207_458, A, n, text) for n, text in enumerate(["1B", "1.4B", "1.4B", "1.395B"])),
    *((999_499, A, 0, "999K"), (999_500, A, 0, "1M"), (999_999_500, A, 3, "1B")),
    *((1500, I, 1, "1.5k"), (15 * 10**8, I, 1, "1.5G"), (1_395_207, N, 1, "1,395,207")),
]


@pytest.mark.parametrize("case", SHOWN)
def test_counts_are_rounded_half_up_and_carry(case: tuple[Any, ...]) -> None:
    assert script.format_count(*case[:3]) == case[3]


def test_a_badge_has_its_packages_units_and_decimals() -> None:
    says = {p: b["message"] for p, b in badges(render(package={"units": I, "decimals": 3})).items()}
    of_days = {"month": "999/month", "week": "1.05k/week", "day": "999.95k/day"}
    assert says == {"demo.json": "1.395G"} | {f"demo/{n}.json": m for n, m in of_days.items()}


YEARS = [
    *((days(10**6, *[0] * 364), "1M/year"), (days(10**6, *[10] * 365), "3.7K/year")),
    *(({}, None), (days(*[10] * 364), None), (days(*[10] * 365, end=NEWEST + timedelta(1)), None)),
]


@pytest.mark.parametrize(("history", "told"), YEARS)
def test_a_year_is_told_only_where_365_days_are_known(history: Any, told: str | None) -> None:
    assert badges(render(history)).get("demo/year.json", {}).get("message") == told


def month(named: dict[str, int]) -> dict[str, Any]:
    return {
        "top_versions": [script.Release(version=v, downloads=n) for v, n in named.items()],
        "top_systems": [script.System(system=name, downloads=n) for name, n in named.items()],
        "without_mirrors": script.Windows(last_day=1, last_week=1, last_month=1),
    }


SHARES = [
    ("python", {"3.12": 45, "3.9": 45, "3.10": 10}, "3.9 | 3.12"),
    ("python", {"3.9": 45, "3.12": 44, "3.10": 11}, "3.9 | 3.10 | 3.12"),
    ("python", {"3.11": 30, "3.10": 30, "3.12": 30, "2.7": 10}, "3.10 | 3.11 | 3.12"),
    ("python", {"unknown": 10**6, "3.12": 5}, "3.12"),
    ("system", {"Linux": 805, "Darwin": 195}, "Linux 81%"),
    ("system", {"Linux": 8049, "Darwin": 1951}, "Linux 80%"),
    ("system", {"unknown": 97, "Windows": 5, "Linux": 5}, "Windows 50%"),
    *((name, top, "unknown") for name in ("python", "system") for top in ({}, {"unknown": 5})),
]


@pytest.mark.parametrize(("name", "shares", "message"), SHARES)
def test_badges_name_90_percent_or_the_most_used(name: str, shares: Any, message: str) -> None:
    told = badges(render(package={"breakdown": True}, top=month(shares)))[f"demo/{name}.json"]
    assert (told["label"], told["message"]) == (name, message)


@pytest.mark.parametrize(("on", "top"), [(True, {}), (False, month({"3.12": 5}))])
def test_a_badge_without_a_message_leaves_the_old_one(on: bool, top: Any, tmp_path: Path) -> None:
    publish(tmp_path, render(package={"breakdown": True}, top=month({"3.12": 5})))
    before = (tmp_path / "demo/python.json").read_bytes()
    files = render(package={"breakdown": on}, top=top)
    publish(tmp_path, files)
    assert (tmp_path / "demo/python.json").read_bytes() == before
    gone = {f"demo/{name}.json" for name in ("python", "system", "without-mirrors")}
    assert not gone & files.keys()
    stats = script.Stats.model_validate_json(files["demo/stats.json"])
    assert (stats.top_versions, stats.without_mirrors) == ([], None)


VALUES = {"label": ["", '⬇️ <b>&"\\', "\u202ea"], "color": ["success", "fff", "hsl(1,2%,3%)"]}
VALUES |= {"labelColor": ["tomato", "#FFF"], "style": ["flat", "plastic", "social"]}
OTHERS: Any = {"cacheSeconds": [0, 31_536_000], "units": [A, I, N], "decimals": [0, 3]}
COLOURED = {"namedLogo": "pypi", "logoColor": "red", "logoSize": "auto"}
LOOK: Any = {name: st.sampled_from(values) for name, values in (VALUES | OTHERS).items()}
LOGO = st.sampled_from([{}, COLOURED, {"logoSvg": "<svg/>"}])
OPTIONS = st.builds(dict.__or__, st.fixed_dictionaries({}, optional=LOOK), LOGO)


@given(OPTIONS, OPTIONS)
def test_shields_reads_any_legal_list_and_own_options_win(defaults: Any, own: Any) -> None:
    files = render(package=own, defaults=defaults)
    usual = {"schemaVersion": 1, "label": "downloads", "color": "blue", "cacheSeconds": 3600}
    for path, badge in badges(files).items():
        EndpointBadge.model_validate_json(files[path])
        assert badge.items() <= (usual | defaults | own | {"message": badge["message"]}).items()
        assert badge.keys() >= usual.keys() | own.keys() - {"units", "decimals"}


LATE = NEWEST + timedelta(1)  # after the windows' end
TRENDS = [
    *((days(), ""), (days(0), ""), (days(*[1] * 6), ""), (days(*[0] * 7), "0")),
    *(
        (days(*[1] * 7), "z"),
        (days(*[0] * 6, 1, 34), "1z"),
        (days(*[5, 0, 0, 0, 0, 0, 9] * 9), "z" * 57),
    ),
    *((days(*[1] * 7, end=NEWEST - timedelta(1)), "zu"), (days(*[9] * 7, end=LATE), "")),
    *((days(*[9] * 8, end=LATE), "z"), (days(9, *[1] * 96), "z" * 90)),  # of what it shows alone
]


@pytest.mark.parametrize(("history", "trend"), TRENDS)
def test_a_trend_is_the_seven_day_average_of_the_last_90_days(
    history: script.History, trend: str
) -> None:
    assert script.listing(record(history), [])["trend"] == trend


def test_the_catalogue_has_the_rows_and_what_has_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "REPOSITORY", "me/badges")
    history = days(*[1] * 5, *[2] * 31, *[4] * 29)
    files = render(history, package={"name": "Demo"}, site={"url": "https://b.example"})
    catalogue = json.loads(files[script.CATALOGUE])
    assert (catalogue["repository"], catalogue["url"]) == ("me/badges", "https://b.example")
    assert [row["path"] for row in catalogue["metrics"]] == [m.path for m in script.METRICS]
    assert catalogue["styles"] == ["flat", "flat-square", "plastic", "for-the-badge", "social"]
    assert catalogue["patterns"] == {key: script.PATTERNS[key][0] for key in ("name", "color")}
    counts = {"total": 1_395_207_458, "month": 999, "week": 1050, "day": 999_950}
    when = {"last_date": "2026-03-31", "fetched": "2026-04-02T08:03:07Z", "previous_month": 60}
    when["without-mirrors"] = None
    shown = {"name": "demo", "trend": "bdefg" + "i" * 25 + "knpsux" + "z" * 23}
    says = {"badges": ["1.4B", "999/month", "1.1K/week", "1M/day", *[""] * 4]}
    assert catalogue["packages"] == [shown | says | counts | when]
    for known, before in ((59, None), (60, 30)):  # a month that isn't whole is none
        (listed,) = json.loads(render(days(*[1] * known))[script.CATALOGUE])["packages"]
        assert listed["previous_month"] == before


@pytest.mark.parametrize(("name", "path"), [("Me/badges", "/badges"), ("Me/me.github.io", "")])
def test_the_sites_address_is_its_own_or_githubs(name: str, path: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(script, "REPOSITORY", name)
    assert script.Config().site_address == f"https://me.github.io{path}"
    assert script.Config(site=script.Site(url="https://b.org/")).site_address == "https://b.org"


BEFORE, AFTER = b"\xff `<!-- site -->` not here\n<!-- site -->\n", b"<!-- /site -->\n"


def test_a_readme_shows_its_site_and_three_badges_between_its_marks(monkeypatch: Any) -> None:
    config = script.Config(package=[script.Package(name="Demo"), script.Package(name="more")])
    files = render(package={"name": "demo"})
    assert script.with_site(BEFORE + AFTER, config, files) == BEFORE + AFTER  # nobody knows where
    monkeypatch.setattr(script, "REPOSITORY", "me/badges")
    badges = script.markdown("demo", files, "https://me.github.io/badges")[:3]
    text = "\n".join(["<https://me.github.io/badges/>", "", *badges, ""]).encode()
    for old in (b"", b"Soon.\r\n", text, b"# a\n\n\\1 `b`\n"):
        readme = BEFORE + old + AFTER * 2
        assert script.with_site(readme, config, files) == BEFORE + text + AFTER * 2
        assert script.with_site(readme, config, []) == readme  # before there are figures
    for readme in (b"", BEFORE, AFTER, AFTER + BEFORE):
        assert script.with_site(readme, config, files) == readme
