"""What two services answer goes in, and the files that badges and readers live on come out.

The sums here are made once more from the answers themselves, without script.py's help.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pypistats
import pytest
from conftest import Project
from pepy import Pepy
from shields import EndpointBadge

import script

# One package with gaps and two releases, one popular one that lacks the newest day, so that all
# windows end the day before, and one that has never been downloaded.
ANSWERS: dict[str, Any] = {
    "demo": {
        "total_downloads": 1_234_567,
        "downloads": {
            "2026-03-31": {"1.10": 3},
            "2026-03-30": {"1.9": 7, "1.10": 1000},
            "2026-03-29": {"1.10": 43},
            "2026-03-24": {"1.9": 950},
            "2026-03-01": {"1.9": 99_000},
            "2026-02-28": {"1.8": 5},
        },
    },
    "popular": {
        "total_downloads": 1_395_207_458,
        "downloads": {"2026-03-30": {"2.0": 999_950}, "2026-03-29": {"2.0": 1}},
    },
    "new": {"total_downloads": 0, "downloads": {}},
}
PLAIN = {"label": "downloads", "color": "blue", "cacheSeconds": 3600}
STYLED = {
    "label": "installs – all",
    "color": "#fe7d37",
    "namedLogo": "pypi",
    "logoColor": "white",
    "style": "for-the-badge",
    "cacheSeconds": 86400,
}
MESSAGES = {
    "demo": ["1.2M", "101K/month", "2K/week", "1K/day"],
    "popular": ["1,395,207,458", "999,951/month", "999,951/week", "999,950/day"],
    "new": ["0", "0/month", "0/week", "0/day"],
}
HISTORIES = {
    "demo": "2026-02-28,5\n2026-03-01,99000\n2026-03-24,950\n2026-03-29,43\n"
    "2026-03-30,1007\n2026-03-31,3\n",
    "popular": "2026-03-29,1\n2026-03-30,999950\n",
    "new": "",
}
STATS = {
    "package": "demo",
    "timestamp": "when",
    "total_downloads": 1_234_567,
    "last_date": "2026-03-30",
    "last_day": 1007,
    "last_week": 2000,
    "last_month": 101_000,
    "average_daily": 3366.7,
    "top_releases": [
        {"version": "1.9", "downloads": 99_957},
        {"version": "1.10", "downloads": 1043},
    ],
    "top_versions": [],
    "top_majors": [],
    "top_systems": [],
    "without_mirrors": None,
}


def test_these_answers_give_exactly_these_files(project: Project) -> None:
    styled = [f"{option} = {json.dumps(value)}" for option, value in STYLED.items()]
    project.list("Demo", "new", "popular")
    with (project.folder / "packages.toml").open("a", encoding="utf-8") as file:
        file.write("\n".join([*styled, 'units = "none"']))
    with Pepy(projects=dict(ANSWERS)) as pepy:
        assert project.run(pepy).code == 0
    expected = {f"{name}/history.csv": f"date,downloads\n{h}" for name, h in HISTORIES.items()}
    for name, messages in MESSAGES.items():
        paths = f"{name}.json", f"{name}/month.json", f"{name}/week.json", f"{name}/day.json"
        label, *look = (STYLED if name == "popular" else PLAIN).items()
        for path, message in zip(paths, messages, strict=True):
            badge = dict([("schemaVersion", 1), label, ("message", message), *look])
            expected[path] = json.dumps(badge, ensure_ascii=False, indent=2) + "\n"
            EndpointBadge.model_validate(badge)
    files = {path: text.decode() for path, text in project.files().items()}
    others = {f"{name}/{file}" for name in MESSAGES for file in ("chart.svg", "stats.json")}
    assert {p: t for p, t in files.items() if p not in others | {"_packages.json"}} == expected
    assert files.keys() == expected.keys() | others | {"_packages.json"}
    stats = re.sub(r'"20..-..-..T..:..:..Z"', '"when"', files["demo/stats.json"])
    assert stats == json.dumps(STATS, indent=2) + "\n"


def test_badges_are_sums_of_what_two_services_answer(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "PYPISTATS_PACE", 0.01)
    project.list("requests", "flask", text='[defaults]\nunits = "none"\nbreakdown = true\n')
    with Pepy() as pepy, pypistats.Pypistats() as other:
        assert project.run(pepy, PYPISTATS_API_URL=other.url).code == 0
        answers = {name: json.loads(pepy.body(name)) for name in ("requests", "flask")}
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    for name, answer in answers.items():
        days = Counter(
            {date.fromisoformat(d): sum(n.values()) for d, n in answer["downloads"].items()}
        )
        end = max(days)
        last = {n: sum(days[end - timedelta(back)] for back in range(n)) for n in (1, 7, 30)}
        shares: dict[str, Counter[str]] = {"python_minor": Counter(), "system": Counter()}
        for address, counts in shares.items():
            for point in pypistats.made_up(name, address, yesterday)["data"]:
                if end - timedelta(30) < date.fromisoformat(point["date"]) <= end:
                    counts[point["category"]] += point["downloads"]
            del counts["null"]
        (system, most), *_ = shares["system"].most_common()
        shown = {
            ".json": f"{answer['total_downloads']:,}",
            "/month.json": f"{last[30]:,}/month",
            "/week.json": f"{last[7]:,}/week",
            "/day.json": f"{last[1]:,}/day",
            "/system.json": f"{system} {100 * most / shares['system'].total():.0f}%",
        }
        for path, message in shown.items():
            badge = EndpointBadge.model_validate_json((project.docs / f"{name}{path}").read_bytes())
            assert (path, badge.message) == (path, message)
        versions = shares["python_minor"]
        named = project.json(f"{name}/python.json")["message"].split(" | ")
        covered = sum(versions[version] for version in named)
        assert covered >= 0.9 * versions.total() > covered - min(versions[v] for v in named)
        stats = project.json(f"{name}/stats.json")
        top = {release["version"]: release["downloads"] for release in stats["top_versions"]}
        assert {v: n for v, n in top.items() if v != "unknown"} == +versions
        assert stats["average_daily"] == round(last[30] / 30, 1)
