"""One package after another: an odd one harms no other, and a signal loses nothing."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
from clickhouse import Clickhouse
from conftest import Project, daily
from pepy import Pepy

import script

FAMILY = '[[family]]\nname = "all"\npackages = ["odd", "good"]\n'
TOLD = {"total_downloads": 1000, "downloads": daily(5, 6)}
NEWER = {"total_downloads": 2000, "downloads": daily(5, 6, 7)}


@dataclass
class Odd:
    """A kept file of a package that can be read, and yet not be published."""

    why: str
    file: str
    change: Callable[[str], str]
    reason: str  # as the report has it


def with_(**changes: Any) -> Callable[[str], str]:
    return lambda text: json.dumps(json.loads(text) | changes)


STATS, HISTORY = "odd/stats.json is damaged", "odd/history.csv is damaged"
ZERO = {"system": "Linux", "downloads": 0}
ODD = [
    Odd("a share of nothing", "stats.json", with_(top_systems=[ZERO]), STATS),
    Odd("a release of nothing", "stats.json", with_(top_releases=[{"version": "1"}]), STATS),
    Odd("other windows", "stats.json", with_(without_mirrors={"month": 1}), STATS),
    Odd("a month too large", "stats.json", with_(last_month=10**17), STATS),
    Odd("a total too large", "stats.json", with_(total_downloads=10**15), STATS),
    Odd("an average of infinity", "stats.json", with_(average_daily=1e300), STATS),
    Odd("a window in the future", "stats.json", with_(last_date="2999-01-01"), STATS),
    Odd("an hour that is no time", "stats.json", with_(timestamp="2026-04-01"), STATS),
    Odd("another package's", "stats.json", with_(package="good"), STATS),
    Odd("a list", "stats.json", lambda _: "[]", STATS),
    Odd("a day twice", "history.csv", lambda text: text + text.splitlines()[-1] + "\n", HISTORY),
    Odd("no downloads", "history.csv", lambda text: text.replace("downloads", "x"), HISTORY),
    Odd(
        "days that add up to too much",
        "history.csv",
        lambda _: f"date,downloads\n2026-03-21,{9 * 10**14}\n2026-03-22,{9 * 10**14}\n",
        "stays as it is: ValidationError",
    ),
]


def kept(project: Project, pepy: Pepy) -> None:
    """A list of two packages and a family, published once."""
    project.list("odd", "good", text=FAMILY)
    pepy.projects |= {"odd": TOLD, "good": TOLD}
    assert project.run(pepy).code == 0
    pepy.projects |= {"odd": NEWER, "good": NEWER}


def rows(project: Project) -> dict[str, Any]:
    """The catalogue's rows by name."""
    return {row["name"]: row for row in project.json(script.CATALOGUE)["packages"]}


@pytest.mark.parametrize("odd", ODD, ids=[odd.why for odd in ODD])
def test_an_odd_file_fails_its_package_alone(project: Project, pepy: Pepy, odd: Odd) -> None:
    kept(project, pepy)
    path = project.docs / "odd" / odd.file
    path.write_text(odd.change(path.read_text()))
    before, listed = project.files(), rows(project)
    run = project.run(pepy, "--all")
    (row,) = [line for line in run.output.splitlines() if line.startswith("| odd |")]
    assert (run.code, odd.reason in row) == (1, True)
    assert "_all stays as it is, without figures of odd." in run.output
    after = project.files()
    changed = {path.split("/")[0] for path in before if after[path] != before[path]}
    assert (changed, after.keys()) == ({"good", "good.json", script.CATALOGUE}, before.keys())
    now = rows(project)
    assert now == listed | {"good": now["good"], "odd": now["odd"]}
    assert (now["good"]["total"], now["odd"]["badges"]) == (2000, listed["odd"]["badges"])


def test_an_odd_package_is_listed_with_what_its_badges_say(project: Project, pepy: Pepy) -> None:
    kept(project, pepy)
    (project.docs / "odd/stats.json").write_text("<<<<<<< HEAD")
    listed = rows(project)
    assert project.run(pepy, "render").code == 1
    odd = rows(project).pop("odd")
    assert odd["badges"] == listed["odd"]["badges"]
    assert odd.keys() == listed["odd"].keys()
    told = {key: value for key, value in odd.items() if value is not None}
    assert told == {"name": "odd", "trend": "", "badges": odd["badges"]}
    assert rows(project)["_all"] == listed["_all"]
    (project.docs / "odd.json").write_text("[")
    for path in (project.docs / "odd").glob("*.json"):
        path.write_text("<<<<<<< HEAD")
    assert (project.run(pepy, "render").code, [*rows(project)]) == (1, ["_all", "good"])


@pytest.mark.parametrize("text", ["[" * 10**5, "[]", "<<<<<<< HEAD"])
def test_an_odd_badge_harms_nobody(project: Project, pepy: Pepy, text: str) -> None:
    kept(project, pepy)
    (project.docs / "odd/stats.json").write_text("<<<<<<< HEAD")
    (project.docs / "odd.json").write_text(text)
    run = project.run(pepy, "--all")
    assert (run.code, "Traceback" in run.errors) == (1, False)
    assert rows(project)["good"]["total"] == 2000


@pytest.mark.parametrize("step", ["renewed", "backfilled", "render", "chart", "read_tables"])
def test_a_bug_shows_its_traceback_and_the_others_go_on(
    project: Project, pepy: Pepy, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = getattr(script, step)

    def fail(*arguments: Any, **more: Any) -> Any:
        names = [getattr(one, "name", one) for one in arguments]  # of a package, or as it is
        names += [one.stats.package for one in arguments if isinstance(one, script.Record)]
        if "odd" in names:
            raise ZeroDivisionError
        return really(*arguments, **more)

    project.list("odd", "good")
    with Clickhouse(pepy) as clickhouse, monkeypatch.context() as patch:
        patch.setattr(script, step, fail)
        run = project.run(pepy, CLICKHOUSE_URL=clickhouse.url)
    assert (run.code, run.errors.count("Traceback")) == (1, 1)
    assert run.errors.count("\nZeroDivisionError\n") == 1
    assert "| stays as it is: ZeroDivisionError, of which the log has more |" in run.output
    assert {path[:4] for path in project.files()} == {"good", "_pac"}
    assert project.run(pepy).code == 0
    assert {path[:4] for path in project.files()} == {"good", "odd.", "odd/", "_pac"}


def test_a_family_that_adds_up_to_too_much_fails_alone(project: Project, pepy: Pepy) -> None:
    project.list("odd", "good", text=FAMILY)
    huge = {"total_downloads": 10**15 - 1, "downloads": daily(1)}
    pepy.projects |= {"odd": huge, "good": huge}
    run = project.run(pepy)
    assert (run.code, "| _all |  |  |  | stays as it is" in run.output) == (1, True)
    assert {path.split("/")[0] for path in project.files() if "/" in path} == {"odd", "good"}


ANSWERS: dict[str, Any] = {  # that are right, and odd
    "nothing": {"total_downloads": 0, "downloads": {}},
    "days without downloads": {"total_downloads": 0, "downloads": {"2026-03-31": {"1": 0}}},
    "a day long ago": {"total_downloads": 5, "downloads": {"2000-01-01": {"1": 5}}},
    "a day without releases": {"total_downloads": 5, "downloads": {"2026-03-31": {}}},
    "as much as can be": {"total_downloads": 10**15 - 1, "downloads": daily(10**15 - 1)},
    "no name of a release": {"total_downloads": 1, "downloads": {"2026-03-31": {"": 1}}},
}


@pytest.mark.parametrize("why", ANSWERS)
def test_an_odd_answer_harms_nobody(project: Project, pepy: Pepy, why: str) -> None:
    project.list("odd", "good", text=FAMILY.replace('"odd", ', ""))
    pepy.projects |= {"odd": ANSWERS[why], "good": TOLD}
    with Clickhouse(pepy) as clickhouse:
        for _ in range(2):
            run = project.run(pepy, "--all", CLICKHOUSE_URL=clickhouse.url)
            assert (run.code, "Traceback" in run.errors) == (0, False)
    assert rows(project).keys() == {"odd", "good", "_all"}


def test_what_the_first_batch_told_is_kept_where_the_second_is_interrupted(
    project: Project, pepy: Pepy, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, asked = script.read_pasts, list[str]()

    def read_pasts(projects: list[str], *rest: Any) -> Any:
        asked.extend(projects)
        if len(asked) > 1:
            raise KeyboardInterrupt
        return really(projects, *rest)

    monkeypatch.setattr(script, "CLICKHOUSE_BATCH", 1)
    monkeypatch.setattr(script, "read_pasts", read_pasts)
    project.list("one", "two")
    with Clickhouse(pepy) as clickhouse:
        assert project.run(pepy, CLICKHOUSE_URL=clickhouse.url).code == 130
    filled = {n: bool(project.json(f"{n}/stats.json")["backfilled"]) for n in ("one", "two")}
    assert filled == {asked[0]: True, asked[1]: False}


class Step(NamedTuple):
    """Where two signals come, and which of them is the first."""

    why: str
    function: str
    first: signal.Signals


INT = signal.SIGINT
TERM = signal.SIGTERM
STEPS = [
    Step("the list", "parse_list", INT),
    Step("a request", "judge", INT),
    Step("a request", "judge", TERM),
    Step("older days", "fetch_pasts", TERM),
    Step("the windows' end", "common_ends", INT),
    Step("a turn", "renewed", TERM),
    Step("rendering", "render", INT),
    Step("rendering", "render", TERM),
    Step("the catalogue", "catalogue", INT),
    Step("what follows", "finish", TERM),
    Step("the report", "report", INT),
]
TWICE = """
import os
really = script.{step}
def twice(*arguments, **more):
    os.kill(os.getpid(), {first})
    os.kill(os.getpid(), {second})
    return really(*arguments, **more)
script.{step} = twice
"""


@pytest.mark.parametrize("step", STEPS, ids=[f"{step.why}-{step.first}" for step in STEPS])
def test_two_signals_at_any_step_end_it_with_130_and_all_that_came(
    project: Project, pepy: Pepy, step: Step
) -> None:
    project.list("one", "two")
    second = TERM if step.first == INT else INT
    tuned = TWICE.format(step=step.function, first=int(step.first), second=int(second))
    with project.start(pepy, tuned=tuned) as process:
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in errors) == (130, False), errors
    assert "files changed in docs" in output
    assert script.CATALOGUE in project.files()
    if step.why not in ("the list", "a request"):
        assert {"one.json", "one/stats.json", "two.json", "two/stats.json"} <= {*project.files()}
