"""The stand-ins themselves: what they can't make sense of fails the test that asks for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import requests
from clickhouse import Clickhouse
from conftest import Project
from pepy import Pepy
from pypistats import Pypistats
from served import KEY, SCRIPT, Site


def ask_in_vain(address: str, **parameters: str) -> None:
    """Make a request that ends without an answer."""
    with pytest.raises(requests.ConnectionError):
        requests.get(address, parameters, headers={"X-API-Key": KEY}, timeout=60)


def failing(error: Exception) -> Pepy:
    """PePy's stand-in, whose handler raises an exception where it is asked for `demo`."""

    def fail(_: bytes) -> Iterable[bytes]:
        raise error

    return Pepy(projects={"demo": fail})


def ask_pepy(pepy: Pepy) -> None:
    ask_in_vain(f"{pepy.url}/api/v2/projects/demo")


def ask_pepy_and_fail(pepy: Pepy) -> None:
    ask_pepy(pepy)
    raise ValueError("of the test's own")


def ask_for_a_missing_page(site: Site) -> None:
    """Ask for what isn't there, and neither is the page that would say so."""
    (site.docs / "404.html").unlink()
    ask_in_vain(f"{site.address}/nowhere")


def test_what_a_handler_raises_is_raised_at_the_end(project: Project) -> None:
    with pytest.raises(ZeroDivisionError), failing(ZeroDivisionError()) as pepy:
        ask_pepy(pepy)
    with pytest.raises(AttributeError), Pypistats(asked=()) as pypistats:  # type: ignore[arg-type]
        ask_in_vain(f"{pypistats.url}/packages/demo/system")
    project.docs.mkdir()
    with pytest.raises(FileNotFoundError), Site(project.docs) as site:
        ask_for_a_missing_page(site)


def test_clickhouse_is_not_asked_without_what_it_demands(pepy: Pepy) -> None:
    with pytest.raises(AssertionError, match="wait_end_of_query"), Clickhouse(pepy) as clickhouse:
        ask_in_vain(clickhouse.url, param_projects="['one']")
    with pytest.raises(KeyError, match="param_projects"), Clickhouse(pepy) as clickhouse:
        ask_in_vain(clickhouse.url)


@pytest.mark.parametrize("error", [BrokenPipeError(), ConnectionResetError()])
def test_a_client_that_went_away_is_no_mistake(error: Exception) -> None:
    with failing(error) as pepy:
        ask_pepy(pepy)


def test_an_exception_that_is_under_way_is_not_hidden() -> None:
    with pytest.raises(ValueError, match="own") as caught, failing(ZeroDivisionError()) as pepy:
        ask_pepy_and_fail(pepy)
    (note,) = caught.value.__notes__
    assert "\nZeroDivisionError" in note


Granted = dict[str, str]
COMMANDS: list[tuple[str, Granted]] = [  # of GitHub's, and the least permissions for each
    ("auth setup-git", {"contents": "write"}),
    ("label create x --force --description y --color 0e8a16", {"issues": "write"}),
    ("issue list --state open --label x --limit 9 --json number,body", {"issues": "read"}),
    ("issue view 1 --json state", {"issues": "read"}),
    ("issue close 1 --comment Done --reason completed", {"issues": "write"}),
]
MISTAKEN = [
    *(f"{line} --verbose" for line, _ in COMMANDS),
    *(f"{line} --repo x" for line, _ in COMMANDS),
    *(f"{line} more" for line, _ in COMMANDS),
    *("", "issue", "issue reopen 1", "pr list", "label create x --forc --description y --color z"),
    *("issue view 1", "issue view x --json state", "issue view 1 --json state,title"),
    "issue list --state closed --label x --limit 9 --json number",
    "issue close 1 --comment Done --reason done",
]


def gh(folder: Path, line: str, granted: Granted) -> tuple[int, str]:
    """How a command ends in a folder with one open issue, and what it says if it fails."""
    issue = {"state": "OPEN", "label": "x", "number": 1, "body": "", "locked": False}
    (folder / "issues").mkdir(exist_ok=True)
    (folder / "issues/1.json").write_text(json.dumps(issue | {"comments": []}))
    program = f"{SCRIPT.parent}/tests/gh.py"
    command = [sys.executable, program, f"{folder}", *line.split()]
    variables = os.environ | {"GH_TOKEN": json.dumps(granted), "GH_REPO": "someone/badges"}
    ended = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stderr


@pytest.mark.parametrize(("line", "least"), COMMANDS)
def test_github_refuses_what_a_token_is_not_granted(
    tmp_path: Path, line: str, least: Granted
) -> None:
    assert gh(tmp_path, line, least) == (0, "")
    assert gh(tmp_path, line, dict.fromkeys(least, "write")) == (0, "")
    less = {} if "read" in least.values() else dict.fromkeys(least, "read")
    code, reason = gh(tmp_path, line, {"pages": "write"} | less)
    assert (code, reason.startswith("HTTP 403: ")) == (1, True)


@pytest.mark.parametrize("line", MISTAKEN)
def test_github_knows_no_other_command_or_flag(tmp_path: Path, line: str) -> None:
    code, reason = gh(tmp_path, line, {"contents": "write", "issues": "write"})
    assert (code, reason.startswith("usage: gh")) == (2, True)
