"""`script.py show`: any packages' figures, fetched now and only printed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import Project, daily, pepy_answer
from pepy import Pepy
from pypistats import Pypistats
from served import KEY

import script

END = datetime.now(UTC).date() - timedelta(2)  # whatever PePy has when it is made up
TOLD = pepy_answer(daily(*[10] * 40, *[20] * 30, end=END), 123_456)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "PYPISTATS_PACE", 0.001)


def test_it_prints_what_is_told_and_writes_nothing(project: Project, pepy: Pepy) -> None:
    pepy.projects["demo"] = TOLD
    with Pypistats() as pypistats:  # there is no packages.toml
        run = project.run(
            pepy, "show", "Demo", "flask", "--days", "3", PYPISTATS_API_URL=pypistats.url
        )
    assert (run.code, project.files(), [*project.folder.iterdir()]) == (0, {}, [])
    (demo,) = [text for text in run.output.split("\n\n") if text.startswith("demo, ")]
    lines = [" ".join(line.split()) for line in demo.splitlines()]
    assert lines[:8] == [
        f"demo, up to {END}",
        "total 123,456",
        "month 600",
        "week 140",
        "day 20",
        "average a day 20.0",
        "change +100.0%, to the month before",
        "releases 1.0 600",
    ]
    assert lines[8].startswith("Python versions 3.")
    assert lines[9].startswith("systems Linux ")
    assert lines[10:] == [f"{END - timedelta(back)} 20" for back in range(3)]
    assert "\nflask, up to " in f"\n{run.output}"


def test_for_programs_it_prints_what_stats_json_holds_and_the_days(
    project: Project, pepy: Pepy
) -> None:
    names = ("one", "two")
    with Pypistats() as pypistats:
        shown = project.run(pepy, "show", *names, "--json", PYPISTATS_API_URL=pypistats.url)
        project.list(*names, text="[defaults]\nbreakdown = true\nbackfill = false\n")
        assert project.run(pepy, PYPISTATS_API_URL=pypistats.url).code == 0
    lines = {line["package"]: line for line in map(json.loads, shown.output.splitlines())}
    for name in names:
        days = lines[name].pop("days")
        when = {"timestamp": lines[name]["timestamp"]}
        assert lines[name] == project.json(f"{name}/stats.json") | when
        columns = (project.docs / name / "history.csv").read_text().splitlines()[1:]
        kept: Any = [row.split(",")[:2] for row in columns]
        assert {day: count for day, count in days.items() if count} == {
            day: int(count) for day, count in kept if day in days and count
        }
        assert len(days) == 30


def test_no_more_days_are_shown_than_are_known(project: Project, pepy: Pepy) -> None:
    pepy.projects["demo"] = TOLD
    run = project.run(pepy, "show", "demo", "--json", "--days", "999")
    assert len(json.loads(run.output)["days"]) == 70
    run = project.run(pepy, "show", "demo", "--json", "--days", "0")
    assert json.loads(run.output)["days"] == {}


def test_what_is_unknown_or_refused_is_told_beside_the_rest(project: Project, pepy: Pepy) -> None:
    run = project.run(pepy, "show", "unknown-one", "flask")  # and pypistats.org is shut
    assert (run.code, run.output.count(", up to ")) == (1, 1)
    assert "unknown-one: PePy doesn't know it" in run.errors
    assert "flask is without Python versions and systems: the request to pypistats.o" in run.errors


def test_a_refusal_by_pypistats_is_not_waited_for(
    project: Project, pepy: Pepy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "PYPISTATS_PAUSES", (10**6,))
    refused = script.Outcome[script.Tables]("rate limited", "pypistats.org refused: too many")
    really = script.ask

    def ask(session: Any, address: str, service: str, read: Any) -> Any:
        return refused if service == "pypistats.org" else really(session, address, service, read)

    monkeypatch.setattr(script, "ask", ask)
    run = project.run(pepy, "show", "flask")
    assert (run.code, "systems: pypistats.org refused: too many" in run.errors) == (0, True)


MISTAKES = {
    "show": "show needs the packages' names",
    "show ../x": "'../x' is not a package name",
    "show flask?x": "'flask?x' is not a package name",
    "show flask --days x": "argument --days: invalid int value",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistaken_line_asks_for_nothing(project: Project, pepy: Pepy, line: str) -> None:
    run = project.run(pepy, *line.split())
    assert (run.code, run.output, pepy.asked) == (2, "", {})
    assert MISTAKES[line] in run.errors


@pytest.mark.parametrize("key", ["", "another"])
def test_without_pepys_key_it_says_where_to_get_one(project: Project, pepy: Pepy, key: str) -> None:
    run = project.run(pepy, "show", "flask", PEPY_API_KEY=key)
    assert (run.code, run.output) == (2, "")
    assert "pepy.tech" in run.errors
    assert KEY not in run.errors
