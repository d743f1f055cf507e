"""The command as people run it: a process, against the stand-in, in a scratch folder."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Project, daily
from pepy import FAULTS, KEY, SCRIPT, Pepy, Plan, environment
from shields import EndpointBadge

import script

QUICK = "script.BACKOFF = 0.02; script.READ_TIMEOUT = 1; script.ANSWER_SECONDS = 2"


def answer(total: int, *counts: int) -> dict[str, Any]:
    return {"total_downloads": total, "downloads": daily(*counts)}


def whole(project: Project) -> None:
    """Every file below docs/ is what it claims to be, and there is no other."""
    for path, text in project.files().items():
        if path.endswith("stats.json"):
            script.Stats.model_validate_json(text)
        elif path.endswith(".csv"):
            assert script.parse_table(text)
        else:
            EndpointBadge.model_validate_json(text)
    if (project.docs / script.CATALOGUE).exists():
        assert {listing.name for listing in project.catalogue().packages} <= {
            path.split("/")[0] for path in project.files()
        }


# --- what is fetched, and what is not


def test_without_a_subcommand_everything_is_updated(project: Project, pepy: Pepy) -> None:
    project.list("requests", "Flask_Login")
    assert project.run(pepy).returncode == 0
    assert pepy.asked == {"requests": 1, "flask-login": 1}
    assert len(project.files()) == 12
    whole(project)


def test_names_choose_what_is_fetched_and_everything_is_rendered(
    project: Project, pepy: Pepy
) -> None:
    project.list("one", "two")
    project.run(pepy)
    project.list("one", "two", text='[defaults]\nlabel = "new"\n')
    assert project.run(pepy, "update", "Two").returncode == 0
    assert pepy.asked == {"one": 1, "two": 2}
    assert project.json("one/day.json")["label"] == "new"


def test_a_name_that_is_not_listed_is_told(project: Project, pepy: Pepy) -> None:
    project.list("one")
    run = project.run(pepy, "update", "two")
    assert run.returncode == 2
    assert "Not listed in packages.toml: two" in run.stderr
    assert not pepy.asked
    assert not project.docs.exists()


def test_missing_fetches_only_what_has_no_figures(project: Project, pepy: Pepy) -> None:
    project.list("one")
    project.run(pepy)
    project.list("one", "two")
    assert project.run(pepy, "update", "--missing").returncode == 0
    assert pepy.asked == {"one": 1, "two": 1}


def test_missing_needs_no_key_when_nothing_is_missing(project: Project, pepy: Pepy) -> None:
    project.list("one")
    project.run(pepy)
    project.list("one", text='[defaults]\nlabel = "new"\n')
    assert project.run(None, "update", "--missing", PEPY_API_KEY="").returncode == 0
    assert project.json("one.json")["label"] == "new"


def test_render_needs_no_key_and_no_network(project: Project, pepy: Pepy) -> None:
    project.list("one")
    project.run(pepy)
    before = project.files()
    project.list("one", "two", text='[defaults]\nunits = "none"\n')
    run = project.run(None, "render", PEPY_API_KEY="")
    assert run.returncode == 0
    assert "Without figures yet: two" in run.stdout
    after = project.files()
    changed = {path for path in after if before[path] != after[path]}
    assert changed <= {"one.json", "one/day.json", "one/week.json", "one/month.json"}
    assert "one.json" in changed


def test_options_mean_the_same_before_and_after_the_subcommand(
    project: Project, pepy: Pepy
) -> None:
    project.list("one")
    (project.folder / "packages.toml").rename(project.folder / "list.toml")
    options = ["--config", "list.toml", "--output", "out"]
    for arguments in (
        [*options, "update", "one"],
        ["update", "one", *options],
        [*options[:2], "update", *options[2:], "one"],
        ["update", *options, "one", "--time-limit=5"],
        options,
    ):
        assert project.run(pepy, *arguments).returncode == 0, arguments
        assert (project.folder / "out/one.json").is_file()
        shutil.rmtree(project.folder / "out")


@pytest.mark.parametrize(
    "arguments",
    [
        ["requests"],
        ["render", "one"],
        ["render", "--missing"],
        ["--time-limit", "0"],
        ["--time-limit", "soon"],
        ["--time-limit", "nan"],
        ["--unknown"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(
    project: Project, arguments: list[str]
) -> None:
    project.list("one")
    run = project.run(None, *arguments)
    assert run.returncode == 2
    assert "usage: script.py" in run.stderr
    assert not project.docs.exists()


def test_help_tells_a_newcomer_what_to_do(project: Project) -> None:
    run = project.run(None, "--help", COLUMNS="100")
    assert run.returncode == 0
    for word in ("update", "render", "--missing", "--prune", "PEPY_API_KEY", "exit code"):
        assert word in run.stdout


def test_the_longest_unrefreshed_comes_first_and_new_ones_before(
    project: Project, pepy: Pepy
) -> None:
    project.list("a", "b", "c")
    for name, day in (("a", "02"), ("b", "01"), ("c", "03")):
        project.run(pepy, "update", name)
        path = project.docs / name / "stats.json"
        path.write_text(re.sub(r'"20\d\d-\d\d-\d\dT', f'"2026-03-{day}T', path.read_text()))
    project.list("a", "b", "c", "new")
    tuned = "script.CONNECTIONS = 1"
    run = project.run(pepy, tuned=tuned)
    assert re.findall(r"\] (\w+):", run.stderr) == ["new", "b", "a", "c"]


def test_a_list_longer_than_the_quota_rotates_by_itself(project: Project) -> None:
    names = [f"p{number}" for number in range(30)]
    project.list(*names)
    with Pepy(Plan(0.001, 10)) as pepy:
        for already in (0, 10, 20):
            pepy.tokens = 10
            run = project.run(pepy, "--time-limit", "1")  # the next token comes much later
            assert run.returncode == 0
            assert run.stdout.count("postponed") == 20
            assert len(list(project.docs.glob("[!_]*.json"))) == already + 10
    assert set(pepy.asked) >= set(names)


# --- what stands when something fails


def test_a_failed_package_keeps_its_last_good_badge_and_the_others_go_on(
    project: Project, pepy: Pepy
) -> None:
    project.list("good", "bad")
    pepy.projects |= {"good": answer(1000, 5), "bad": answer(2000, 7)}
    project.run(pepy)
    before = project.files()
    pepy.projects |= {"good": answer(1500, 5, 9), "bad": 418}
    run = project.run(pepy)
    assert run.returncode == 1
    assert "HTTP 418" in run.stdout
    assert project.message("good.json") == "1.5K"
    for path in ("bad.json", "bad/day.json", "bad/stats.json", "bad/history.csv"):
        assert project.files()[path] == before[path]


def test_only_fetched_packages_move_to_the_new_end_and_none_slides_to_zero(
    project: Project, pepy: Pepy
) -> None:
    project.list("a", "b", "c", "d")
    week = [10] * 7
    for name in "abcd":
        pepy.projects[name] = answer(1000, *week, 0)
    project.run(pepy)
    ended = project.json("a/stats.json")["last_date"]
    for name in "abc":
        pepy.projects[name] = answer(1000, *week, 4)
    pepy.projects["d"] = 418
    assert project.run(pepy).returncode == 1
    assert project.json("a/stats.json")["last_date"] > ended
    assert project.message("a/day.json") == "4/day"
    assert project.json("d/stats.json")["last_date"] == ended
    assert project.message("d/day.json") == "10/day"


@pytest.mark.parametrize("options", [["update", "one"], ["update", "--missing"]])
def test_one_package_alone_moves_nobodys_windows(
    project: Project, pepy: Pepy, options: list[str]
) -> None:
    others = ["a", "b", "c"]
    project.list(*others)
    pepy.projects |= dict.fromkeys(others, answer(9, 5, 5, 0))
    project.run(pepy)
    project.list(*others, "one")
    pepy.projects["one"] = answer(9, 5, 5, 1)  # PePy's import has reached no other yet
    for arguments in (options, []):
        project.run(pepy, *arguments)
        assert project.message("one/day.json") == "1/day"
        assert {project.message(f"{name}/day.json") for name in others} == {"5/day"}


@pytest.mark.parametrize("stale", [0, 20])
def test_one_package_that_went_ahead_takes_nobody_along(
    project: Project, pepy: Pepy, stale: int
) -> None:
    others = ["a", "b", "c"]
    if stale:
        project.list(*others)
        pepy.projects |= dict.fromkeys(others, answer(9, 5, *[0] * stale))
        project.run(pepy)
    project.list("one", *others)
    pepy.projects["one"] = answer(9, 5, 5, 1)
    project.run(pepy, "update", "one")
    pepy.projects |= dict.fromkeys(others, answer(9, 5, 5, 0))
    for arguments in (["update", "--missing"], []):
        project.run(pepy, *arguments)
    assert project.message("one/day.json") == "1/day"
    assert {project.message(f"{name}/day.json") for name in others} == {"5/day"}


def test_those_fetched_move_on_though_most_were_not(project: Project, pepy: Pepy) -> None:
    others = ["a", "b", "c", "d"]
    project.list(*others, "one")
    pepy.projects |= dict.fromkeys([*others, "one"], answer(9, 5, 5, 0))
    project.run(pepy)
    pepy.projects |= dict.fromkeys(others, 418)
    pepy.projects["one"] = answer(9, 5, 5, 7)
    project.run(pepy)
    assert project.message("one/day.json") == "7/day"


def test_windows_never_end_before_a_kept_end(project: Project, pepy: Pepy) -> None:
    project.list("ahead", "behind")
    pepy.projects |= {"ahead": answer(9, 5, 5), "behind": answer(9, 5, 0)}
    project.run(pepy, "update", "ahead")
    project.run(pepy, "update", "behind")
    ends = [project.json(f"{name}/stats.json")["last_date"] for name in ("ahead", "behind")]
    assert ends[0] == ends[1]
    assert project.message("behind/day.json") == "0/day"


def test_a_package_is_stamped_with_the_time_of_its_own_fetch(project: Project) -> None:
    project.list(*(f"p{number}" for number in range(12)))
    with Pepy(Plan(60, 10)) as pepy:
        project.run(pepy)
    stamps = {project.json(f"p{number}/stats.json")["timestamp"] for number in range(12)}
    assert len(stamps) >= 2


def test_a_project_that_pepy_no_longer_knows_is_a_warning(project: Project, pepy: Pepy) -> None:
    project.list("here", "gone")
    project.run(pepy)
    before = project.files()
    pepy.projects["gone"] = None
    run = project.run(pepy)
    assert run.returncode == 0
    assert "no longer knows it" in run.stdout
    assert project.files() == before


def test_a_project_that_pepy_never_knew_is_a_failure(project: Project, pepy: Pepy) -> None:
    project.list("here", "unknown-one")
    run = project.run(pepy)
    assert run.returncode == 1
    assert "misspelt" in run.stdout
    assert not (project.docs / "unknown-one").exists()
    assert (project.docs / "here.json").exists()


def test_a_total_that_falls_is_published_and_reported(project: Project, pepy: Pepy) -> None:
    project.list("one")
    pepy.projects["one"] = answer(2_000_000, 5)
    project.run(pepy)
    pepy.projects["one"] = answer(1_000_000, 5)
    run = project.run(pepy)
    assert run.returncode == 0
    assert project.message("one.json") == "1M"
    assert "-1,000,000" in run.stdout
    assert "total fell" in run.stdout


def test_every_fault_at_once_leaves_the_good_badges(project: Project, pepy: Pepy) -> None:
    project.list("one", *FAULTS)
    run = project.run(pepy, tuned=QUICK)
    assert run.returncode == 1
    assert {path.stem for path in project.docs.glob("[!_]*.json")} == {"one", "fault-flaky"}
    whole(project)
    assert KEY not in run.stdout + run.stderr
    assert "\x1b" not in run.stdout + run.stderr
    assert not re.search(r"^::", run.stdout + run.stderr, re.MULTILINE)


def test_everything_failing_is_1_and_the_new_look_is_published(
    project: Project, pepy: Pepy
) -> None:
    project.list("one")
    project.run(pepy)
    pepy.projects["one"] = 418
    project.list("one", text='[defaults]\nlabel = "new"\n')
    assert project.run(pepy).returncode == 1
    assert project.json("one.json")["label"] == "new"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("one/stats.json", "<<<<<<< HEAD"),
        ("one/stats.json", '{"package": "other"}'),
        ("one/history.csv", "date,downloads\n2026-03-31,many\n"),
        ("one/history.csv", "date,without_mirrors\n2026-03-31,5\n"),
    ],
)
def test_a_damaged_file_is_told_and_never_written_over(
    project: Project, pepy: Pepy, path: str, text: str
) -> None:
    project.list("one", "two")
    project.run(pepy)
    (project.docs / path).write_text(text)
    before = project.files()
    run = project.run(pepy)
    assert run.returncode == 1
    assert f"{path} is damaged: restore it with git" in run.stdout
    assert project.files() == before
    assert pepy.asked == {"one": 1, "two": 2}


def test_a_history_without_stats_is_not_lost(project: Project, pepy: Pepy) -> None:
    project.list("one")
    (project.docs / "one").mkdir(parents=True)
    (project.docs / "one/history.csv").write_text("date,downloads\n2020-01-01,5\n")
    project.run(pepy)
    assert project.files()["one/history.csv"].startswith(b"date,downloads\n2020-01-01,5\n202")


@pytest.mark.parametrize("text", ["", "package = []"])
def test_an_empty_list_is_told(project: Project, text: str) -> None:
    project.list(text=text)
    run = project.run(None)
    assert run.returncode == 2
    assert "list at least one package" in run.stderr
    assert not project.docs.exists()


# --- the key


@pytest.mark.parametrize("key", ["", "  \n", "kéy", "a\x1bb", "a\nb", "key\u200b"])
def test_without_a_usable_key_nothing_is_done_and_it_is_not_shown(
    project: Project, pepy: Pepy, key: str
) -> None:
    project.list("one")
    run = project.run(pepy, PEPY_API_KEY=key)
    assert run.returncode == 2
    assert "pepy.tech" in run.stderr
    assert not key.strip() or key not in run.stderr
    assert not pepy.asked
    assert not project.docs.exists()


def test_a_key_with_space_around_it_works(project: Project, pepy: Pepy) -> None:
    project.list("one")
    assert project.run(pepy, PEPY_API_KEY=f" {KEY}\n").returncode == 0


def test_a_key_refused_at_once_changes_nothing(project: Project, pepy: Pepy) -> None:
    project.list("one", "two")
    project.run(pepy)
    before = project.files()
    project.list("one", "two", text='[defaults]\nlabel = "new"\n')
    run = project.run(pepy, PEPY_API_KEY="another-key")
    assert run.returncode == 2
    assert "refused the API key" in run.stderr
    assert "another-key" not in run.stdout + run.stderr
    assert project.files() == before


def test_a_key_refused_after_a_404_alone_changes_nothing(project: Project, pepy: Pepy) -> None:
    project.list("unknown", "one", "two")
    pepy.refuse_after = 1
    run = project.run(pepy, tuned="script.CONNECTIONS = 1")
    assert run.returncode == 2
    assert run.stderr.count("refused the API key") == 1
    assert not project.docs.exists()


def test_a_key_refused_later_publishes_what_came_before(project: Project, pepy: Pepy) -> None:
    project.list(*(f"p{number}" for number in range(20)))
    pepy.refuse_after = 5
    run = project.run(pepy)
    assert run.returncode == 1
    assert run.stdout.count("PePy refused the API key") == 15
    assert len(list(project.docs.glob("[!_]*.json"))) == 5


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com", "ftp://127.0.0.1", "https://", "http://127.0.0.1.example.com"),
        *("http://127.0.0.1:1@example.com", "https://me@example.com", "https://[::1"),
    ],
)
def test_the_key_is_not_sent_in_clear_to_other_machines(project: Project, url: str) -> None:
    project.list("one")
    run = project.run(None, PEPY_API_URL=url)
    assert run.returncode == 2
    assert "https://" in run.stderr


def test_the_key_is_in_no_output_and_no_file(project: Project, pepy: Pepy) -> None:
    project.list("one", "fault-redirect", "unknown")
    summary = project.folder / "summary.md"
    run = project.run(pepy, GITHUB_STEP_SUMMARY=str(summary))
    everything = run.stdout + run.stderr + summary.read_text()
    everything += "".join(text.decode() for text in project.files().values())
    assert KEY not in everything


def test_mistakes_in_the_list_are_told_before_anything_is_fetched(
    project: Project, pepy: Pepy
) -> None:
    project.list("one", "one", text='[defaults]\ncolor = "bleu"\n')
    run = project.run(pepy)
    assert run.returncode == 2
    assert "has 2 mistakes" in run.stderr
    assert not pepy.asked
    assert not project.docs.exists()


# --- files


def test_files_are_only_written_when_their_bytes_change(project: Project, pepy: Pepy) -> None:
    project.list("one", "two")
    project.run(pepy)
    before = {path: path.stat().st_ino for path in project.docs.rglob("*.*")}
    run = project.run(pepy)
    assert {path: path.stat().st_ino for path in project.docs.rglob("*.*")} == before
    assert "0 files changed" in run.stdout
    assert run.stdout.count("unchanged") == 2


COPIED = """{"package": "NAME", "timestamp": "2026-04-01T00:00:00Z", "total_downloads": 1,
"last_date": null, "last_day": 0, "last_week": 0, "last_month": 0, "average_daily": 0.0,
"top_releases": []}"""


def test_prune_removes_what_is_no_longer_listed_and_nothing_else(
    project: Project, pepy: Pepy
) -> None:
    project.list("stays", "goes", "goes-partly")
    project.run(pepy)
    mine = {
        "index.html": "mine",
        "mine.json": "{}",
        "goes-partly/notes.txt": "mine",
        "photos/stats.json": "{}",
        "Copy/stats.json": COPIED.replace("NAME", "copy"),
        "copy/stats.json": COPIED.replace("NAME", "other"),
        "Photos/history.csv": "date,downloads\n",
        ".nojekyll": "",
    }
    for path, text in mine.items():
        (project.docs / path).parent.mkdir(exist_ok=True)
        (project.docs / path).write_text(text)
    everything = project.files()
    project.list("stays")
    run = project.run(pepy)
    assert "left alone: goes, goes-partly. Remove with --prune" in run.stdout
    assert project.files() == everything
    run = project.run(pepy, "--prune")
    assert "files removed: goes, goes-partly" in run.stdout
    kept = {path for path in everything if not path.startswith("goes")} | {"goes-partly/notes.txt"}
    assert set(project.files()) == kept
    assert not (project.docs / "goes").exists()


@pytest.mark.parametrize("moment", [1, 2, 5, 11, 12, 13])
def test_a_kill_in_mid_write_leaves_whole_files_and_the_next_run_mends_the_rest(
    project: Project, pepy: Pepy, moment: int
) -> None:
    project.list("a", "b", "c")
    pepy.projects |= {name: answer(1000, 5) for name in "abc"}
    project.run(pepy)
    old = project.files()
    pepy.projects |= {name: answer(2000, 5, 8) for name in "abc"}
    # The process dies in the middle of writing its Nth file.
    killed = project.run(
        pepy,
        tuned=f"""
import os, pathlib
written = 0
def write_bytes(path, content, write=pathlib.Path.write_bytes):
    global written
    written += 1
    write(path, content[: len(content) // 2] if written == {moment} else content)
    if written == {moment}:
        os.kill(os.getpid(), 9)
pathlib.Path.write_bytes = write_bytes
""",
    )
    assert killed.returncode == -signal.SIGKILL
    left = project.files()
    assert sum(path.startswith(script.SCRATCH) for path in left) == 1
    assert project.run(pepy).returncode == 0
    new = project.files()
    assert set(new) == set(old)
    assert {project.message(f"{name}.json") for name in "abc"} == {"2K"}
    assert {project.message(f"{name}/week.json") for name in "abc"} == {"13/week"}
    for path in old:
        assert left[path] in (old[path], new[path]) or path.endswith("stats.json")
    whole(project)


def test_a_run_that_is_killed_while_fetching_changes_nothing(project: Project) -> None:
    project.list("a", *(f"p{number}" for number in range(30)))
    with Pepy(Plan(60, 10)) as pepy:
        process = project.start(pepy)
        while pepy.asked.total() < 8:
            time.sleep(0.01)
        process.kill()
        process.communicate()
    assert not project.docs.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_publishes_what_it_has(project: Project, number: int) -> None:
    project.list(*(f"p{number}" for number in range(30)))
    with Pepy(Plan(1, 10)) as pepy:
        process = project.start(pepy)
        while pepy.asked.total() < 11:
            time.sleep(0.01)
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert output.count("interrupted") == 20
    assert len(list(project.docs.glob("[!_]*.json"))) == 10
    whole(project)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no lock")
def test_what_was_fetched_is_published_whatever_comes(project: Project, pepy: Pepy) -> None:
    project.list("one")
    project.docs.mkdir()
    with script.locked(project.docs):  # so that it has to wait
        process = project.start(pepy)
        assert process.stderr
        assert process.stderr.readline().startswith("[1/1] one: ")
        for _ in range(3):
            process.terminate()
            time.sleep(0.05)
    process.communicate(timeout=20)
    assert process.returncode in (0, 130)
    assert project.message("one.json")


def test_two_runs_at_once_both_succeed_with_every_file_whole(project: Project) -> None:
    names = [f"p{number}" for number in range(60)]
    project.list(*names)
    with Pepy(delay=0.002) as pepy:
        runs = [project.start(pepy), project.start(pepy), project.start(pepy, "update", "p3")]
        for run in runs:
            _, errors = run.communicate(timeout=60)
            assert run.returncode == 0, errors
    assert len(project.files()) == 6 * len(names)
    whole(project)


def test_a_slower_run_does_not_undo_what_a_quicker_one_published(
    project: Project, pepy: Pepy
) -> None:
    project.list("slow", "quick")
    pepy.projects |= {"slow": answer(1000, 5), "quick": answer(1000, 5)}
    project.run(pepy)
    with Pepy(delay=1.5, projects={"slow": answer(3000, 5)}) as slow:
        process = project.start(slow, "update", "slow")
        while not slow.asked:
            time.sleep(0.01)
        pepy.projects["quick"] = answer(2000, 5)
        project.run(pepy, "update", "quick")
        process.communicate(timeout=20)
    assert (project.message("slow.json"), project.message("quick.json")) == ("3K", "2K")


@pytest.mark.parametrize("output", ["docs", "docs/below"])
def test_a_file_where_a_folder_should_be_is_told(project: Project, pepy: Pepy, output: str) -> None:
    project.list("one")
    project.docs.write_text("not a folder")
    run = project.run(pepy, "--output", output)
    assert run.returncode == 2
    assert "docs is no folder that can be written to: name another with --output" in run.stderr
    assert not pepy.asked


def test_a_catalogue_that_can_not_be_written_is_told(project: Project, pepy: Pepy) -> None:
    project.list("one")
    (project.docs / script.CATALOGUE / "in-the-way").mkdir(parents=True)
    run = project.run(pepy)
    assert run.returncode == 1
    assert "_packages.json" in run.stdout
    assert "cannot write" in run.stdout
    assert "one.json" in project.files()


@pytest.mark.parametrize("path", ["one.json", "one/day.json", "one"])
def test_an_obstructed_path_fails_its_package_and_the_others_are_published(
    project: Project, pepy: Pepy, path: str
) -> None:
    project.list("one", "two")
    project.docs.mkdir()
    if path == "one":
        (project.docs / path).write_text("in the way")
    else:
        (project.docs / path).mkdir(parents=True)
    run = project.run(pepy)
    assert run.returncode == 1
    assert re.search(r"^one .* cannot write docs/one", run.stdout, re.MULTILINE)
    assert project.message("two.json")
    assert not (project.docs / script.SCRATCH).exists()


def test_huge_days_that_add_up_over_two_runs_stop_nobody(project: Project, pepy: Pepy) -> None:
    project.list("evil", "good")
    pepy.projects["good"] = answer(5, 1)
    for counts in ((9 * 10**14, 0), (0, 9 * 10**14)):
        pepy.projects["evil"] = answer(5, *counts)
        assert project.run(pepy).returncode == 0
    assert project.message("evil/month.json") == "1800T/month"
    whole(project)


@pytest.mark.parametrize(
    ("path", "kept", "now"),
    [
        ("one/stats.json", r'("last_date": +)".*?"', r'\1"2999-01-01"'),
        ("one/stats.json", r'("last_date": +)".*?"', r'\1"0001-01-05"'),
        ("one/stats.json", r'("timestamp": +)"20', r'\1"29'),
        ("one/history.csv", r"\Z", "2999-01-01,5\n"),
    ],
)
def test_a_kept_day_that_cannot_be_is_damage_and_takes_nobody_along(
    project: Project, pepy: Pepy, path: str, kept: str, now: str
) -> None:
    project.list("one", "two")
    project.run(pepy)
    damaged = project.docs / path
    damaged.write_text(re.sub(kept, now, damaged.read_text(), count=1))
    run = project.run(pepy, "update", "--missing")
    assert run.returncode == 1
    assert f"{path} is damaged" in run.stdout
    project.run(pepy)
    assert project.json("two/stats.json")["last_date"] < "2999"


def test_a_kill_while_pruning_leaves_what_the_next_prune_finds(
    project: Project, pepy: Pepy
) -> None:
    for moment in (1, 4, 6):
        project.list("stays", "goes")
        project.run(pepy)
        project.list("stays")
        killed = project.run(
            pepy,
            "render",
            "--prune",
            tuned=f"""
import os, pathlib
removed = 0
def unlink(path, *arguments, really=pathlib.Path.unlink, **options):
    global removed
    removed += 1
    if removed == {moment}:
        os.kill(os.getpid(), 9)
    really(path, *arguments, **options)
pathlib.Path.unlink = unlink
""",
        )
        assert killed.returncode == -signal.SIGKILL
        assert project.run(pepy, "render", "--prune").returncode == 0
        assert not [path for path in project.files() if path.startswith("goes")]


def test_prune_follows_no_links(project: Project, pepy: Pepy) -> None:
    project.list("stays", "elsewhere")
    project.run(pepy)
    outside = project.folder / "elsewhere"
    (project.docs / "elsewhere").rename(outside)
    (project.docs / "elsewhere").symlink_to(outside)
    project.list("stays")
    assert project.run(pepy, "--prune").returncode == 0
    assert (outside / "stats.json").exists()


# --- the report


def test_a_reader_that_goes_away_stops_nothing(project: Project, pepy: Pepy) -> None:
    project.list("one", "two")
    process = project.start(pepy)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=20) == 0
    assert process.stderr is not None
    assert "rror" not in process.stderr.read()
    process.stderr.close()
    assert project.message("two.json")


def test_a_summary_that_cannot_be_written_stops_nothing(project: Project, pepy: Pepy) -> None:
    project.list("one")
    run = project.run(pepy, GITHUB_STEP_SUMMARY=str(project.folder / "no/where"))
    assert run.returncode == 0
    assert "Cannot write the job's summary" in run.stderr


def test_the_table_tells_total_change_month_and_what_happened(project: Project, pepy: Pepy) -> None:
    project.list("one", "two")
    pepy.projects |= {"one": answer(1_234_567, 5), "two": answer(1, 1)}
    assert re.search(r"^one +1,234,567 +– +5 +new$", project.run(pepy).stdout, re.MULTILINE)
    pepy.projects["one"] = answer(1_234_600, 5, 33)
    run = project.run(pepy)
    assert re.search(r"^one +1,234,600 +\+33 +38 +updated$", run.stdout, re.MULTILINE)
    assert re.search(r"^\[\d/2\] one: 1,234,600 downloads$", run.stderr, re.MULTILINE)


def test_on_github_there_is_a_summary_and_annotations(project: Project, pepy: Pepy) -> None:
    project.list("fine", "bad", "gone")
    project.run(pepy)
    pepy.projects |= {"bad": 418, "gone": None}
    summary = project.folder / "summary.md"
    run = project.run(pepy, GITHUB_STEP_SUMMARY=str(summary))
    assert "::error title=bad::" in run.stdout
    assert "::warning title=gone::" in run.stdout
    lines = summary.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "| package | total | change | month | what happened |"
    assert [line.split("`")[1] for line in lines[2:5]] == ["bad", "gone", "fine"]


def test_on_github_the_summary_says_why_nothing_was_done(project: Project, pepy: Pepy) -> None:
    project.list("one")
    summary = project.folder / "summary.md"
    run = project.run(pepy, PEPY_API_KEY="", GITHUB_STEP_SUMMARY=str(summary))
    assert run.returncode == 2
    assert "PEPY_API_KEY" in summary.read_text()
    assert run.stdout.startswith("::error title=pepy-stats::There is no PePy API key.")


def test_a_summary_cannot_be_forged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    hostile = "100%\n::error::forged\r\x1b[2J | <b> [x](y) `z`"
    script.report([script.Row(f"p{n}", "1", "1", "1", hostile, "error") for n in range(1500)], [])
    lines = summary.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 + script.SUMMARY_ROWS + 2
    assert lines[2].endswith(r"100%\\n::error::forged\\r\\x1b\[2J \| \<b\> \[x\](y) \`z\` |")
    printed = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("::error title=p0::100%25%0A") for line in printed) == 1
    assert sum(line.startswith("::") for line in printed) == 1500


def test_nothing_from_outside_forges_a_line(project: Project, pepy: Pepy) -> None:
    hostile = "x\n::error::forged\r\x1b[2J%0A::warning::forged"
    pepy.projects["one"] = {
        "total_downloads": 5,
        "downloads": {"2026-03-31": {hostile: 5}},
    }
    project.list("one")
    summary = project.folder / "summary.md"
    run = project.run(pepy, "update", GITHUB_STEP_SUMMARY=str(summary))
    assert run.returncode == 0
    assert project.json("one/stats.json")["top_releases"] == []
    named = project.run(pepy, "update", hostile)
    listed = (project.folder / "packages.toml").write_text(
        f"[[package]]\nname = {json.dumps(hostile)}"
    )
    assert listed
    mistaken = project.run(pepy)
    for output in (run, named, mistaken):
        assert "\x1b" not in output.stdout + output.stderr
        assert "\r" not in output.stdout + output.stderr
        assert not re.search(r"^\s*::", output.stdout + output.stderr, re.MULTILINE)


def test_on_a_terminal_one_line_shows_the_progress_and_the_wait(project: Project) -> None:
    project.list(*(f"p{number}" for number in range(14)))
    with Pepy(Plan(120, 10)) as pepy:
        main_end, other_end = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT)],
            cwd=project.folder,
            env=environment(pepy) | {"TERM": "xterm", "COLUMNS": "60"},
            stdout=subprocess.PIPE,
            stderr=other_end,
        )
        os.close(other_end)
        seen = b""
        while process.poll() is None or select.select([main_end], [], [], 0.1)[0]:
            if select.select([main_end], [], [], 0.1)[0]:
                try:
                    seen += os.read(main_end, 10_000)
                except OSError:
                    break
        os.close(main_end)
        assert process.stdout is not None
        process.stdout.close()
    lines = seen.decode().split("\r")
    assert process.wait(timeout=10) == 0
    assert any(re.search(r"\[\d+/14\]  p\d+", line) for line in lines)
    assert any("waiting for PePy's rate limit  about 2 s left" in line for line in lines)
    assert "\n" not in seen.decode()
    assert max(len(line.removesuffix("\x1b[K")) for line in lines) < 60


# --- the whole


NAMES = [
    line.strip()
    for line in (Path(__file__).parent / "popular.txt").read_text().splitlines()
    if line.strip()
]


def test_200_packages_killed_halfway_and_run_again_end_with_every_file_right(
    project: Project,
) -> None:
    project.list(*NAMES)
    assert len(NAMES) == 200
    with Pepy(Plan(3000, 100)) as pepy:
        process = project.start(pepy)
        while pepy.asked.total() < 100:
            time.sleep(0.005)
        process.kill()
        process.communicate()
        assert project.run(pepy).returncode == 0
    whole(project)
    files = project.files()
    assert len(files) == 6 * 200
    for name in NAMES:
        body = pepy.body(script.normalise(name))
        expected = json.loads(body)
        stats = project.json(f"{script.normalise(name)}/stats.json")
        assert stats["total_downloads"] == expected["total_downloads"]
        shown = project.message(f"{script.normalise(name)}.json")
        assert shown == script.format_count(expected["total_downloads"])
        by_day = {day: sum(counts.values()) for day, counts in expected["downloads"].items()}
        rows = files[f"{script.normalise(name)}/history.csv"].decode().splitlines()[1:]
        assert rows == [f"{day},{count}" for day, count in sorted(by_day.items())]
