"""The command as a whole: `main()` against the stand-in, and processes where they are killed."""

from __future__ import annotations

import argparse
import json
import re
import signal
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import Project, daily, pepy_answer
from pepy import Fault, Pepy, Plan
from served import KEY
from shields import EndpointBadge

import script

ONE = '[[package]]\nname = "one"\n'
INLINE = 'package = [{name = "one"}]'
# When figures came, and now; between them, or before, is the newest 08:00 UTC: that of the 1st.
DUE = [("01T08:00", "01T23:59"), ("01T08:00", "02T07:59")]
DUE += [("01T07:59", "01T08:00"), ("01T07:59", "02T07:00")]
CHOICES = [("", ""), ("--all", "one two"), ("update Two", "two"), ("render --prune", "")]


@dataclass
class Unable:
    told: str
    line: str = ""
    packages: str = ONE  # the text of packages.toml
    env: dict[str, str] = field(default_factory=dict)


UNABLE = [
    Unable("Not listed in packages.toml: 'three', 'two'. Add", "update two Three"),
    Unable("No such file or directory: no.toml. Mend that, or see --config", "--config no.toml"),
    Unable("render fetches nothing", "render one"),
    Unable("exclude each other", "update one --all"),
    Unable("There is no PePy API key in PEPY_API_KEY. Get a free one", env={"PEPY_API_KEY": " "}),
    Unable("on GitHub it goes into a repository secret of that name", env={"PEPY_API_KEY": "kéy"}),
    Unable("PePy refused the API key. Copy it again", env={"PEPY_API_KEY": "another"}),
    Unable("PePy refused the API key. Copy it again", env={"PEPY_API_KEY": f"{KEY}/"}),  # as it is
    Unable("has to be an https:// address", env={"PEPY_API_URL": "http://127.0.0.1@x.org"}),
    Unable("has to be an https:// address", env={"CLICKHOUSE_URL": "http://x.org/?user=demo"}),
    Unable("packages.toml has 2 mistakes", packages=f"{ONE}{ONE}color = 5"),
    Unable('list at least one package: [[package]] and name = "..."', packages=""),
]
DIE = """
import itertools, os, pathlib
def die(path, *content, missing_ok=False, really=pathlib.Path.{0}, calls=itertools.count(1)):
    last = next(calls) == {1}
    really(path, *(text[:9] if last else text for text in content))
    last and os.kill(os.getpid(), 9)
pathlib.Path.{0} = die
"""
MOMENTS = [("write_bytes", 2), ("write_bytes", 6), ("unlink", 1), ("unlink", 4)]


def answered(head: str, body: object) -> Fault:
    head = f"HTTP/1.1 {head}\r\nConnection: close\r\nX-Key: {KEY}\r\n\r\n"
    return lambda _: [(head + json.dumps(body)).encode()]


def whole(project: Project) -> dict[str, bytes]:  # all files there are, each checked
    for path, text in project.files().items():
        assert text.endswith(b"\n"), path
        if re.fullmatch(r"[a-z].*\.json", path):
            (script.Stats if "stats" in path else EndpointBadge).model_validate_json(text)
    return project.files()


FORGED = {"id": f"bad\n::error::\x1b[2J|<b>{KEY}", "total_downloads": 1, "downloads": {}}


class Hostile(NamedTuple):
    why: str
    head: str  # of the answer; {} is another server
    body: object
    reason: str


HOSTILE = [
    Hostile(
        "a redirect", "302 -\r\nLocation: {}/api/v2/projects/bad", "", "with an error (HTTP 302)"
    ),
    Hostile("commands and the key", "200 -", FORGED, "it is about another project"),
    Hostile("the key in mistakes", f"200 {KEY}", {"id": 1, KEY: KEY}, "valid string"),
]


@pytest.mark.parametrize(("came", "now"), DUE)
def test_figures_older_than_the_newest_eight_are_due_the_oldest_first(came: str, now: str) -> None:
    then = datetime.fromisoformat(f"2026-04-{came}Z")
    ages = {"b": then, "c": then - timedelta(1), "a": then - timedelta(2)}
    stats: Any = {name: argparse.Namespace(timestamp=when) for name, when in ages.items()}
    options = argparse.Namespace(names=[], all=False, command="update")
    config = script.Config(package=[script.Package(name=name) for name in "abcn"])
    due = ["n", "a", "c", *["b"] * (then.hour < 8)]
    assert script.choose(options, config, stats, datetime.fromisoformat(f"2026-04-{now}Z")) == due


def test_a_run_asks_only_for_what_is_left(project: Project, pepy: Pepy) -> None:
    project.list("one", "two")
    run = project.run(pepy, "--time-limit", "0")
    assert (run.code, bool(re.search(r"\| postponed: time is up +\|", run.output))) == (0, True)
    pepy.projects["two"] = 418
    assert project.run(pepy).code == 1
    pepy.projects.clear()
    assert (project.run(pepy).code, pepy.asked) == (0, {"one": 1, "two": 2})
    assert project.run(None, PEPY_API_KEY="").output == "\n0 files changed in docs.\n"


@pytest.mark.parametrize(("line", "asked"), CHOICES)
def test_a_choice_is_fetched(project: Project, pepy: Pepy, line: str, asked: str) -> None:
    project.list("one", "two")
    project.run(pepy, "--output", "out")
    project.list("one", "two", text='[defaults]\nlabel = "new"\n')
    (project.folder / "packages.toml").rename(project.folder / "my.toml")
    (project.folder / "out").rename(project.docs)
    pepy.asked.clear()
    key = KEY * bool(asked)  # which a run needs that fetches
    run = project.run(pepy, *line.split(), "--config=my.toml", PEPY_API_KEY=key)
    assert (run.code, sorted(pepy.asked)) == (0, asked.split())
    assert project.json("one/day.json")["label"] == project.json("two.json")["label"] == "new"


@pytest.mark.parametrize("unable", UNABLE)
def test_who_can_do_nothing_says_what_to_do(project: Project, pepy: Pepy, unable: Unable) -> None:
    project.list(text=unable.packages)
    run = project.run(pepy, *unable.line.split(), **unable.env)
    assert (run.code, run.output, project.docs.exists()) == (2, "", False)
    assert unable.told in run.errors
    assert not any(key in run.errors for key in ("kéy", "another", KEY))


def test_a_full_disk_ends_with_2(project: Project, pepy: Pepy, monkeypatch: Any) -> None:
    def fail(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left", f"{path}")

    project.list("one")
    monkeypatch.setattr(Path, "write_bytes", fail)
    run = project.run(pepy)
    assert (run.code, run.output, project.files()) == (2, "", {})
    assert "error: No space left: docs/.one.json.tmp. Mend that" in run.errors


@pytest.mark.parametrize("hostile", HOSTILE, ids=[hostile.why for hostile in HOSTILE])
def test_a_hostile_answer_harms_nobody(project: Project, pepy: Pepy, hostile: Hostile) -> None:
    project.list("good", "bad")
    summary = project.folder / "summary.md"
    with Pepy() as other:
        pepy.projects["bad"] = answered(hostile.head.format(other.url), hostile.body)
        run = project.run(pepy, GITHUB_STEP_SUMMARY=f"{summary}")
    assert (run.code, other.asked) == (1, {})
    assert re.search(rf"^\| bad .*{re.escape(hostile.reason)}.*\|$", run.output, re.MULTILINE)
    annotations = ["::error title=bad::", "::warning title=ClickHouse::"]  # which is shut here
    assert re.findall("^::.*?::", run.output, re.MULTILINE) == annotations
    everything = run.output + run.errors + summary.read_text() + f"{whole(project)}"
    assert not [text for text in (KEY, "\x1b", "<b>", "bad.json") if text in everything]


def test_what_failed_keeps_its_badges_and_is_told(project: Project, pepy: Pepy) -> None:
    names = ("damaged", "failed", "gone", "good")
    project.list(*names)
    pepy.projects |= dict.fromkeys(names, pepy_answer(daily(5), 1000))
    project.run(pepy)
    project.list(*names, text='[defaults]\nlabel = "new"\n')
    (project.docs / "damaged/stats.json").write_text("<<<<<<< HEAD")
    before = project.files()
    summary = project.folder / "summary.md"
    inodes = {path: (project.docs / path).stat().st_ino for path in before}
    pepy.projects |= {"failed": 418, "gone": None, "good": pepy_answer(daily(5, 9), 2000)}
    run = project.run(pepy, "--all", GITHUB_STEP_SUMMARY=f"{summary}")
    gone = f"PePy no longer knows it; the figures of {datetime.now(UTC):%Y-%m-%d} stand"
    damaged = "docs/damaged/stats.json is damaged: restore it with git, or delete docs/damaged"
    damaged += " to start over"
    rows = ["package|total|change|month|what happened", ":--|--:|--:|--:|:--"]
    rows += [f"damaged||||{damaged}", "failed|1,000||5|PePy answered with an error (HTTP 418)"]
    rows += [f"gone|1,000||5|{gone}", "good|2,000|+1,000|14|updated"]
    silent = "the request to ClickHouse failed (ConnectionError)"
    rows += [f"ClickHouse||||some histories stay short: {silent}"]
    rows += ["PePy||||PePy's newest day is 2026-03-31"]
    table, *rest = run.output.split("\n\n")
    assert (run.code, re.sub(r" *\| *", "|", table)) == (1, "\n".join(f"|{row}|" for row in rows))
    levels = [("error", "damaged"), ("error", "failed"), ("warning", "gone")]
    levels += [("warning", "ClickHouse"), ("warning", "PePy")]
    begun = r"^::(\w+) title=(\w+)::(?:PePy|docs/|some histories stay short: )"
    assert re.findall(begun, rest[-1], re.MULTILINE) == levels
    assert run.output.startswith(summary.read_text().strip())
    assert re.search(r"\[\d/4\] good: 2,000 downloads\n", run.errors)
    changed = {path for path, text in project.files().items() if before[path] != text}
    assert {path[:4] for path in changed} == {"fail", "gone", "good", "_pac"}
    assert changed == {p for p in before if (project.docs / p).stat().st_ino != inodes[p]}
    assert project.json("gone.json") | {"label": "downloads"} == json.loads(before["gone.json"])


def test_a_granted_request_lengthens_the_list_and_links_all_badges(
    project: Project, pepy: Pepy
) -> None:
    project.list("one", text="# mine\n[defaults]\nlabel = 'x'  # kept\n")
    before = (project.folder / "packages.toml").read_bytes()
    _, answers = project.request(pepy, "Fla_sk\nunknown-one\none")
    after = (project.folder / "packages.toml").read_bytes()
    assert after == before + b'\n[[package]]\nname = "fla-sk"\n'
    assert next(iter(pepy.asked)) == "fla-sk", "requests come first"
    comment = answers["1-completed.md"].replace("%2F", "/")
    linked = {*re.findall(r"badges/([\w/-]+\.json)", comment)}
    assert linked == {p for p in project.files() if re.search(r"^[^_]*(?<!stats)\.json$", p)}


def test_requests_wait_where_nothing_can_be_added(project: Project, pepy: Pepy) -> None:
    project.list(text=INLINE)
    run, answers = project.request(pepy, "flask", "flask\none")
    assert (run.code, answers, "Requests wait" in run.output) == (0, {}, True)
    assert (project.folder / "packages.toml").read_text() == INLINE
    assert "one.json" in project.files()
    project.list("one")
    assert len(project.request(pepy, "flask", "flask\none")[1]) == 2


def test_prune_removes_what_is_no_longer_listed_alone(project: Project, pepy: Pepy) -> None:
    project.list("stays", "goes", "linked", "damaged")
    project.run(pepy)
    (project.docs / "linked").rename(project.folder / "linked")
    (project.docs / "linked").symlink_to(project.folder / "linked")
    for path in ("mine.json", "photos/x.json", "damaged/stats.json", "copy/stats.json"):
        (project.docs / path).parent.mkdir(exist_ok=True)
        (project.docs / path).write_bytes((project.docs / "goes/stats.json").read_bytes())
    before = project.files().keys()
    project.list("stays")
    project.run(pepy, "render")
    assert project.files().keys() == before
    assert "files removed: goes.\n" in project.run(pepy, "--prune").output
    assert project.files().keys() == {path for path in before if not re.match(r"goes\b", path)}
    assert (project.folder / "linked/stats.json").exists()


def test_prune_leaves_what_somebody_else_put_there(project: Project, pepy: Pepy) -> None:
    project.list("stays", "goes")
    project.run(pepy)
    mine = {"goes/mine.txt", "goes/photos/x.png"}
    for path in mine:
        (project.docs / path).parent.mkdir(exist_ok=True)
        (project.docs / path).touch()
    project.list("stays")
    for told in ("No longer listed, files removed: goes.\n", "0 files changed in docs.\n"):
        run = project.run(pepy, "render", "--prune")
        assert run.code == 0
        assert run.output.endswith(told)
    assert {path for path in project.files() if path.startswith("goes")} == mine


@pytest.mark.parametrize(("name", "moment"), MOMENTS)
def test_the_run_after_a_kill_mends(project: Project, pepy: Pepy, name: str, moment: int) -> None:
    project.list("a", "goes")
    pepy.projects |= dict.fromkeys(("a", "goes"), pepy_answer(daily(5), 1000))
    project.run(pepy)
    old = project.files()
    project.list("a")
    pepy.projects["a"] = pepy_answer(daily(5, 8), 2000)
    killed = project.start(pepy, "--all", "--prune", tuned=DIE.format(name, moment))
    killed.communicate(timeout=60)
    left = project.files()
    assert (killed.returncode, project.run(pepy, "--all", "--prune").code) == (-signal.SIGKILL, 0)
    new = whole(project)
    assert new.keys() == {path for path in old if path[:4] != "goes"}
    assert project.json("a/week.json")["message"] == "13/week"
    for path in left.keys() & new.keys() - {"a/stats.json", script.CATALOGUE}:
        assert left[path] in (old[path], new[path])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_publishes_what_it_fetched(project: Project, number: int) -> None:
    project.list(*(f"p{number}" for number in range(6)))
    with Pepy(Plan(0.001, 2)) as pepy, project.start(pepy) as process:
        assert process.stderr
        while "waiting" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in errors) == (130, False)
    assert output.count("postponed: the run was interrupted") == 4
    assert sum(path.count("/") == 0 for path in whole(project)) == 3
