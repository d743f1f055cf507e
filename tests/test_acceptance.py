"""What two services answer goes in, and the files that badges and readers live on come out.

The sums here are made once more from the answers themselves, without script.py's help.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from conftest import Project, without_new_badges
from pepy import Pepy
from pypistats import Pypistats, made_up
from served import KEY
from shields import EndpointBadge

import script

# One package with gaps and two releases, one popular one that lacks the newest day, so that all
# windows end the day before, and one that has never been downloaded.
DEMO = {"2026-03-31": {"1.10": 3}, "2026-03-30": {"1.9": 7, "1.10": 1000}}
DEMO |= {"2026-03-29": {"1.10": 43}, "2026-03-24": {"1.9": 950}, "2026-03-01": {"1.9": 99_000}}
DEMO |= {"2026-02-28": {"1.8": 5}}
POPULAR = {"2026-03-30": {"2.0": 999_950}, "2026-03-29": {"2.0": 1}}
ANSWERS: dict[str, Any] = {
    "demo": {"total_downloads": 1_234_567, "downloads": DEMO},
    "popular": {"total_downloads": 1_395_207_458, "downloads": POPULAR},
    "new": {"total_downloads": 0, "downloads": {}},
}
PLAIN = {"label": "downloads", "color": "blue", "cacheSeconds": 3600}
STYLED: dict[str, Any] = {"label": "installs – all", "color": "#fe7d37", "namedLogo": "pypi"}
STYLED |= {"logoColor": "white", "style": "for-the-badge", "cacheSeconds": 86400}
MESSAGES = {"demo.json": "1.2M", "demo/month.json": "101K/month"}
MESSAGES |= {"demo/week.json": "2K/week", "demo/day.json": "1K/day"}
MESSAGES |= {"popular.json": "1,395,207,458", "popular/month.json": "999,951/month"}
MESSAGES |= {"popular/week.json": "999,951/week", "popular/day.json": "999,950/day"}
MESSAGES |= {"new.json": "0", "new/month.json": "0/month"}
MESSAGES |= {"new/week.json": "0/week", "new/day.json": "0/day"}
NAMES = ("requests", "flask")
STATS: dict[str, Any] = {"package": "demo", "timestamp": "when", "total_downloads": 1_234_567}
STATS |= {"last_date": "2026-03-30", "last_day": 1007, "last_week": 2000, "last_month": 101_000}
STATS |= {"previous_week": 0, "previous_month": None, "last_year": None, "last_year_date": None}
STATS |= {"average_daily": 3366.7, "top_releases": [{"version": "1.9", "downloads": 99_957}]}
STATS["top_releases"].append({"version": "1.10", "downloads": 1043})
STATS |= {
    "latest_release": None,
    "top_versions": [],
    "top_majors": [],
    "top_systems": [],
    "without_mirrors": None,
}
STATS |= {"backfilled": None, "members": []}


def test_these_answers_give_exactly_these_files(project: Project) -> None:
    project.list("Demo", "new", "popular")
    with (project.folder / "packages.toml").open("a", encoding="utf-8") as file:
        file.writelines(f"{k} = {json.dumps(v)}\n" for k, v in (STYLED | {"units": "none"}).items())
    with Pepy(projects=ANSWERS | {script.REFERENCE: 418}) as pepy:
        assert project.run(pepy).code == 0
    expected = {}
    for path, message in MESSAGES.items():
        label, *look = (STYLED if path.startswith("popular") else PLAIN).items()
        badge = dict([("schemaVersion", 1), label, ("message", message), *look])
        expected[path] = json.dumps(badge, ensure_ascii=False, indent=2) + "\n"
        EndpointBadge.model_validate(badge)
    for name, answer in ANSWERS.items():
        days = sorted(answer["downloads"].items())
        rows = [f"{day},{sum(counts.values())}\n" for day, counts in days]
        expected[f"{name}/history.csv"] = "".join(["date,downloads\n", *rows])
    found = without_new_badges(project.files(), *ANSWERS)
    files = {path: text.decode() for path, text in found.items()}
    others = {f"{name}/{file}" for name in ANSWERS for file in ("chart.svg", "stats.json")}
    others.add(script.CATALOGUE)
    assert {path: text for path, text in files.items() if path not in others} == expected
    assert files.keys() == expected.keys() | others
    stats = re.sub(r'"20..-..-..T..:..:..Z"', '"when"', files["demo/stats.json"])
    assert stats == json.dumps(STATS, indent=2) + "\n"


def test_a_breakdown_is_the_sums_of_what_pypistats_answers_which_is_told_no_key(
    project: Project, pepy: Pepy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "PYPISTATS_PACE", 0.01)
    project.list(*NAMES, text="[defaults]\nbreakdown = true\n")
    with Pypistats() as pypistats:
        run = project.run(pepy, PYPISTATS_API_URL=pypistats.url, GITHUB_REPOSITORY="some/one")
    assert (run.code, pepy.addresses) == (0, {f"/api/v2/projects/{name}" for name in NAMES})
    assert sorted(pypistats.asked) == sorted(product(NAMES, script.SERIES.values()))
    agents = {head["user-agent"] for head in pypistats.headers}
    assert agents == pepy.agents == {"pepy-stats (+https://github.com/some/one)"}
    assert not [head for head in pypistats.headers if "x-api-key" in head]
    assert KEY not in run.output + run.errors + repr(project.files())
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    for name in NAMES:
        end = date.fromisoformat(max(json.loads(pepy.body(name))["downloads"]))
        versions, systems, all_ = Counter[str](), Counter[str](), Counter[str]()
        for address, counts in zip(script.SERIES.values(), (all_, versions, systems), strict=True):
            for point in made_up(name, address, yesterday)["data"]:
                if end - timedelta(30) < date.fromisoformat(point["date"]) <= end:
                    counts[point["category"].replace("null", "unknown")] += point["downloads"]
        stats = project.json(f"{name}/stats.json")
        assert {r["version"]: r["downloads"] for r in stats["top_versions"]} == +versions
        assert {s["system"]: s["downloads"] for s in stats["top_systems"]} == +systems
        assert stats["without_mirrors"]["last_month"] == all_.total()
        without = script.format_count(all_.total()) + "/month"
        assert project.json(f"{name}/without-mirrors.json")["message"] == without
        del versions["unknown"], systems["unknown"]
        (system, most), *_ = systems.most_common()
        percent = f"{system} {100 * most / systems.total():.0f}%"
        assert project.json(f"{name}/system.json")["message"] == percent
        named = project.json(f"{name}/python.json")["message"].split(" | ")
        covered = sum(versions[version] for version in named)
        assert covered >= 0.9 * versions.total() > covered - min(versions[v] for v in named)
