"""From the list and the kept figures to files: numbers, badges, and the page's catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import BADGES, ago, days, publish, record, without_new_badges
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


def badges(files: dict[str, str]) -> dict[str, Any]:
    others = (script.CATALOGUE, "demo/stats.json")
    return {p: json.loads(t) for p, t in files.items() if p.endswith("json") and p not in others}


class Shown(NamedTuple):
    downloads: int
    looks: str
    units: str = "abbreviation"
    decimals: int = 1


SHOWN = [Shown(0, "0"), Shown(999, "999"), Shown(1000, "1K"), Shown(11_000, "11K")]
SHOWN += [Shown(1049, "1K"), Shown(1050, "1.1K")]  # half up, where a float is just below the half
SHOWN += [Shown(999_949, "999.9K"), Shown(999_950, "1M")]
SHOWN += [Shown(999_499, "999K", decimals=0), Shown(999_500, "1M", decimals=0)]
SHOWN += [Shown(999_999_500, "1B", decimals=3), Shown(10**15 - 1, "1000T", decimals=3)]
SHOWN += [Shown(1_395_207_458, "1B", decimals=0), Shown(1_395_207_458, "1.4B", decimals=1)]
SHOWN += [Shown(1_395_207_458, "1.4B", decimals=2), Shown(1_395_207_458, "1.395B", decimals=3)]
SHOWN += [Shown(1500, "1.5k", "international_system")]
SHOWN += [Shown(15 * 10**8, "1.5G", "international_system"), Shown(1_395_207, "1,395,207", "none")]


@pytest.mark.parametrize("shown", SHOWN)
def test_counts_are_rounded_half_up_and_carry(shown: Shown) -> None:
    assert script.format_count(shown.downloads, shown.units, shown.decimals) == shown.looks


def test_a_badge_has_its_packages_units_and_decimals() -> None:
    files = render(package={"units": "international_system", "decimals": 3})
    says = {path: badge["message"] for path, badge in badges(files).items()}
    assert without_new_badges(says, "demo") == {
        "demo.json": "1.395G",
        "demo/month.json": "999/month",
        "demo/week.json": "1.05k/week",
        "demo/day.json": "999.95k/day",
    }


YEARS = [
    (days(10**6, *[0] * 364), "1M/year"),
    (days(10**6, *[10] * 365), "3.7K/year"),
    ({}, None),
    (days(*[10] * 364), None),
    (days(*[10] * 365, end=ago(-1)), None),
]


@pytest.mark.parametrize(("history", "message"), YEARS)
def test_a_year_is_told_only_where_365_days_are_known(history: Any, message: str | None) -> None:
    assert badges(render(history)).get("demo/year.json", {}).get("message") == message


def breakdown(named: dict[str, int]) -> dict[str, Any]:
    """A breakdown in stats.json, with these shares of a month's downloads."""
    return {
        "top_versions": [script.Release(version=v, downloads=n) for v, n in named.items()],
        "top_systems": [script.System(system=name, downloads=n) for name, n in named.items()],
        "without_mirrors": script.Windows(last_day=1, last_week=1, last_month=1),
    }


class Shares(NamedTuple):
    name: str  # of the badge
    shares: dict[str, int]  # of a month's downloads
    message: str


SHARES = [
    Shares("python", {"3.12": 45, "3.9": 45, "3.10": 10}, "3.9 | 3.12"),
    Shares("python", {"3.9": 45, "3.12": 44, "3.10": 11}, "3.9 | 3.10 | 3.12"),
    Shares("python", {"3.11": 30, "3.10": 30, "3.12": 30, "2.7": 10}, "3.10 | 3.11 | 3.12"),
    Shares("python", {"unknown": 10**6, "3.12": 5}, "3.12"),
    Shares("python", {"unknown": 5}, "unknown"),
    Shares("python", {}, "unknown"),
    Shares("system", {"Linux": 805, "Darwin": 195}, "Linux 81%"),
    Shares("system", {"Linux": 8049, "Darwin": 1951}, "Linux 80%"),
    Shares("system", {"unknown": 97, "Windows": 5, "Linux": 5}, "Windows 50%"),
    Shares("system", {"unknown": 5}, "unknown"),
    Shares("system", {}, "unknown"),
]


@pytest.mark.parametrize("case", SHARES)
def test_badges_name_90_percent_or_the_most_used(case: Shares) -> None:
    files = render(package={"breakdown": True}, top=breakdown(case.shares))
    badge = badges(files)[f"demo/{case.name}.json"]
    assert (badge["label"], badge["message"]) == (case.name, case.message)


@pytest.mark.parametrize(("on", "top"), [(True, {}), (False, breakdown({"3.12": 5}))])
def test_a_badge_without_a_message_leaves_the_old_one(on: bool, top: Any, tmp_path: Path) -> None:
    publish(tmp_path, render(package={"breakdown": True}, top=breakdown({"3.12": 5})))
    before = (tmp_path / "demo/python.json").read_bytes()
    files = render(package={"breakdown": on}, top=top)
    publish(tmp_path, files)
    assert (tmp_path / "demo/python.json").read_bytes() == before
    gone = {f"demo/{name}.json" for name in ("python", "system", "without-mirrors")}
    assert not gone & files.keys()
    stats = script.Stats.model_validate_json(files["demo/stats.json"])
    assert (stats.top_versions, stats.without_mirrors) == ([], None)


VALUES = {"label": ["", '⬇️ <b>&"\\', "\u202ea"], "color": ["success", "fff", "hsl(1,2%,3%)"]}
VALUES |= {"labelColor": ["tomato", "#fff"], "style": ["flat", "plastic", "social"]}
UNITS = ["abbreviation", "international_system", "none"]
OTHERS: Any = {"cacheSeconds": [0, 31_536_000], "units": UNITS, "decimals": [0, 3]}
COLOURED = {"namedLogo": "pypi", "logoColor": "red", "logoSize": "auto"}
LOOK: Any = {name: st.sampled_from(values) for name, values in (VALUES | OTHERS).items()}
LOGO = st.sampled_from([{}, COLOURED, {"logoSvg": "<svg/>"}])
OPTIONS = st.builds(dict.__or__, st.fixed_dictionaries({}, optional=LOOK), LOGO)


@given(OPTIONS, OPTIONS)
def test_shields_reads_any_legal_list_and_own_options_win(defaults: Any, own: Any) -> None:
    files = render(package=own, defaults=defaults)
    usual = {"schemaVersion": 1, "label": "downloads", "color": "blue", "cacheSeconds": 3600}
    labels = {
        m.path.format("demo"): {"label": m.label} for m in script.METRICS if m.label is not None
    }
    for path, badge in badges(files).items():
        EndpointBadge.model_validate_json(files[path])
        fixed = labels.get(path, {}) | {"message": badge["message"]}
        assert badge.items() <= (usual | defaults | own | fixed).items()
        assert badge.keys() >= usual.keys() | own.keys() - {"units", "decimals"}


TRENDS = [
    (days(), ""),
    (days(0), ""),
    (days(*[1] * 6), ""),
    (days(*[0] * 7), "0"),
    (days(*[1] * 7), "z"),
    (days(*[0] * 6, 1, 34), "1z"),
    (days(*[5, 0, 0, 0, 0, 0, 9] * 9), "z" * 57),
    (days(*[1] * 7, end=ago(1)), "zu"),
    (days(*[9] * 7, end=ago(-1)), ""),  # that is, after the windows' end
    (days(*[9] * 8, end=ago(-1)), "z"),
    (days(9, *[1] * 96), "z" * 90),  # of what it shows alone
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
    patterns = {"name": script.PATTERNS["name"][0], "color": script.COLOUR.pattern}
    assert catalogue["patterns"] == patterns
    counts = {"total": 1_395_207_458, "month": 999, "week": 1050, "day": 999_950}
    when = {"last_date": "2026-03-31", "fetched": "2026-04-02T08:03:07Z", "previous_month": 60}
    when["year_date"] = None
    when["without-mirrors"] = None
    shown = {"name": "demo", "trend": "bdefg" + "i" * 25 + "knpsux" + "z" * 23}
    (row,) = catalogue["packages"]
    assert row == shown | counts | when | {"badges": row["badges"]}
    told = dict(zip([metric.path for metric in script.METRICS], row["badges"], strict=True))
    says = {"{}.json": "1.4B", "{}/month.json": "999/month"}
    says |= {"{}/week.json": "1.1K/week", "{}/day.json": "1M/day"}
    assert {path: told[path] for path in BADGES} == dict.fromkeys(BADGES, "") | says
    for known, before in ((59, None), (60, 30)):  # a month that isn't whole is none
        (listed,) = json.loads(render(days(*[1] * known))[script.CATALOGUE])["packages"]
        assert listed["previous_month"] == before


@pytest.mark.parametrize(("name", "path"), [("Me/badges", "/badges"), ("Me/me.github.io", "")])
def test_the_sites_address_is_its_own_or_githubs(name: str, path: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(script, "REPOSITORY", name)
    assert script.Config().site_address == f"https://me.github.io{path}"
    assert script.Config(site=script.Site(url="https://b.org/")).site_address == "https://b.org"


BEFORE = b"\xff `<!-- site -->` not here\n<!-- site -->\n"
AFTER = b"<!-- /site -->\n"


def test_a_readme_shows_its_site_and_three_badges_between_its_marks(monkeypatch: Any) -> None:
    config = script.Config(package=[script.Package(name="Demo"), script.Package(name="more")])
    files = render(package={"name": "demo"})
    assert script.with_site(BEFORE + AFTER, config, files) == BEFORE + AFTER  # nobody knows where
    monkeypatch.setattr(script, "REPOSITORY", "me/badges")
    codes = script.markdown("demo", files, "https://me.github.io/badges")[:3]
    text = "\n".join(["<https://me.github.io/badges/>", "", *codes, "", script.ASK, ""]).encode()
    for old in (b"", b"Soon.\r\n", text, b"# a\n\n\\1 `b`\n"):
        readme = BEFORE + old + AFTER * 2
        assert script.with_site(readme, config, files) == BEFORE + text + AFTER * 2
        assert script.with_site(readme, config, []) == readme  # before there are figures
    for readme in (b"", BEFORE, AFTER, AFTER + BEFORE):
        assert script.with_site(readme, config, files) == readme


def test_a_readme_shows_all_badges_between_its_marks(monkeypatch: Any) -> None:
    packages = [script.Package(name=name) for name in ("Demo", "more")]
    family = script.Family(name="Both", packages=["demo", "more"])
    config = script.Config(package=packages, family=[family], site=script.Site(url="https://b.org"))
    monkeypatch.setenv("SITE_URL", "https://raw.example.com/me/mine/badges")  # it comes first
    shields = (
        "https://img.shields.io/endpoint?url=https%3A%2F%2Fraw.example.com%2Fme%2Fmine%2Fbadges"
    )
    text = ""
    for name, link in {"demo": "(https://pepy.tech/projects/demo)", "_both": ""}.items():
        chart = f"https://raw.example.com/me/mine/badges/{name}/chart.svg"
        pictures = [f"![Downloads]({shields}%2F{name}.json)", f"![Downloads a day]({chart})"]
        codes = "\n".join(f"[{picture}]{link}" if link else picture for picture in pictures)
        text += f"\n### `{name}`\n\n{codes}\n\n```markdown\n{codes}\n```\n\n"
    for old in ("", "Old.\n", text):
        readme = f"# Mine\n<!-- badges -->\n{old}<!-- /badges -->\nMine.\n".encode()
        shown = script.with_badges(readme, config, {"demo.json", "_both.json"})
        assert shown.decode() == f"# Mine\n<!-- badges -->\n{text}<!-- /badges -->\nMine.\n"
    assert script.with_badges(b"# Mine\n", config, {"demo.json"}) == b"# Mine\n"
