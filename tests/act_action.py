"""Plays the action for other repositories in act, by the workflow that README shows."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from act_events import FILES, PROTECTED, ROOT, Hub
from pepy import Pepy
from served import KEY

README = (ROOT / "README.md").read_text("utf-8")
(SNIPPET,) = re.findall(r"   ```yaml\n(.*?)   ```", README, re.DOTALL)
USES = "OWNER/pepy-stats"
WORKFLOW = ".github/workflows/badges.yml"
RAW = "https://raw.githubusercontent.com/someone/badges/"
ADDRESS = RAW.replace(":", "%3A").replace("/", "%2F") + "{}%2F{}.json"
SECRET = (
    "Add the secret PEPY_API_KEY: https://github.com/someone/badges/settings/secrets/actions/new"
)
# The person's own files; `insteadOf` leads git from GitHub to the remote.
OWN = {path: text for path, text in FILES.items() if not path.startswith("mine/")} | {
    "mine/pyproject.toml": '[project]\nname = "Flask_Login"\n',
    "mine/looks.toml": """site.url = "https://b.org"
family = [{ name = "both", packages = ["flask"] }]
package = [{ name = "flask", color = "red" }]
""",
    "mine/wrong.toml": '[[package]]\nname = "flask"\ncolour = "red"\n',
}


class Call(NamedTuple):
    """What the workflow asks of the action, and what comes of it."""

    why: str
    inputs: str = "packages: requests"
    key: str = KEY
    pepy: Mapping[str, int] = {}  # projects for which it answers with this status
    before: str = ""  # what is done in GitHub's folder
    after: str = ""  # the call that was played before

    ended: str = "success"
    branch: str = "badges"
    commits: str = "Update badges"  # on the branch, the newest first; "" where it isn't there
    found: Mapping[str, str] = {}  # patterns in files of the branch
    log: str = ""


CALLS = [
    Call(
        "the first run",
        found={
            "requests.json": '"message": "',
            "requests/history.csv": "^date,downloads\n",
            "requests/chart.svg": "<svg",
            "README.md": re.escape(ADDRESS.format("badges", "requests")),
        },
    ),
    Call("a second one, with nothing due", after="the first run"),
    Call(
        "several packages, installing as GitHub does",
        before="rm bin/python3",
        inputs="packages: |\n               requests\n               flask",
        found={"README.md": "### `requests`.*### `flask`", "flask.json": "downloads"},
    ),
    Call(
        "pyproject.toml's name",
        inputs="branch: figures",
        branch="figures",
        found={"README.md": re.escape(ADDRESS.format("figures", "flask-login"))},
    ),
    Call(
        "a list of its own",
        inputs="config: looks.toml",
        found={
            "flask.json": '"color": "red"',
            "_both.json": '"label": "downloads"',
            "README.md": re.escape(ADDRESS.format("badges", "flask")) + r".*### `_both`\n\n!\[",
        },
    ),
    Call(
        "a list that is wrong",
        inputs="config: wrong.toml",
        ended="failure",
        commits="",
        log="::error title=pepy-stats::packages.toml has 1 mistake",
    ),
    Call(
        "a list that is not there",
        inputs="config: nowhere.toml",
        ended="failure",
        commits="",
        log="::error title=Nothing was done::nowhere.toml is not in this repository, or empty",
    ),
    Call(
        "a list beside names",
        inputs="packages: flask\n             config: looks.toml",
        ended="failure",
        commits="",
        log="::error title=Nothing was done::packages and config exclude each other",
    ),
    Call(
        "no project",
        inputs="branch: badges",
        before="cd mine; echo [tool] > pyproject.toml; mine",
        ended="failure",
        commits="",
        log="::error title=Nothing was done::pyproject.toml names no project: name the packages",
    ),
    Call(
        "PePy down",
        pepy={"requests": 503},
        ended="failure",
        found={"README.md": r"^<!-- badges -->\s+<!-- /badges -->\n$"},
        log="::error title=requests::PePy answered with an error",
    ),
    Call(
        "a repeated attempt after a red one",
        after="PePy down",
        commits="Update badges\nUpdate badges",
        found={"requests.json": "downloads"},
    ),
    Call(
        "other packages than before",
        after="a list of its own",
        commits="Update badges\nUpdate badges",
        found={"README.md": r"^(?!.*flask).*requests\.json"},
        log="No longer listed, files removed: _both, flask",
    ),
    Call(
        "no key",
        key="",
        ended="failure",
        commits="",
        log=f"^::error title=No key yet::{SECRET}\n{SECRET}\n"
        ".*::error title=pepy-stats::There is no PePy API key",
    ),
    Call(
        "a refused push",
        before=f"echo '{PROTECTED}' > refusal",
        ended="failure",
        commits="",
        log="::error title=Nothing was pushed::badges is protected: let GitHub Actions push to it.",
    ),
    Call(
        "somebody pushing to the branch meanwhile",
        after="the first run",
        inputs="packages: requests flask",
        before="""git clone -qb badges remote other
echo 'cd ../other; echo Mine. > NOTES.md; git add .
git commit -qm Mine && GH_TOKEN= git push -q' > meanwhile""",
        commits="Update badges\nMine\nUpdate badges",
        found={"NOTES.md": "Mine.", "flask.json": "downloads"},
    ),
    Call(
        "a branch and a tag of similar names",
        before="cd mine; git tag badges; git push -q origin HEAD:mine/badges refs/tags/badges",
        found={"requests.json": "downloads"},
    ),
    Call(
        "a branch that is not ours",
        before="cd mine; git push -q origin HEAD:badges",
        ended="failure",
        commits="Mine\nMine",
        log="::error title=Nothing was done::badges holds other things: name another branch",
    ),
]


def play(hub: Hub, call: Call) -> str:
    """Play a call, and before it the one that it follows; how it ended."""
    if call.after:
        play(hub, next(other for other in CALLS if other.why == call.after))
    text = SNIPPET.replace("packages: requests", call.inputs)
    assert text == SNIPPET or "packages: requests\n" not in text
    hub.write(f"mine/{WORKFLOW}", text)
    hub.do("mine || true")
    hub.do(call.before)
    hub.do("rm -f log; touch log")
    hub.pepy.projects = dict(call.pepy)
    repository = f"--local-repository=https://github.com/{USES}@v1={hub.folder}/action"
    return hub.start("workflow_dispatch", {}, call.key, repository)


@pytest.mark.parametrize("call", CALLS, ids=[call.why for call in CALLS])
def test_a_call_comes_to_what_it_must(tmp_path: Path, pepy: Pepy, call: Call) -> None:
    jobs: dict[str, Any] = yaml.safe_load(SNIPPET)["jobs"]
    jobs["badges"]["permissions"] = yaml.safe_load(SNIPPET)["permissions"]
    hub = Hub(tmp_path, pepy, jobs=jobs, files=OWN, copied="LICENSE")
    with (tmp_path / "gitconfig").open("a") as file:
        file.write(
            f'[url "file://{tmp_path}/remote"]\ninsteadOf = https://github.com/someone/badges\n'
        )
    shutil.copytree(ROOT / ".github", tmp_path / "action/.github")
    shutil.copy(ROOT / "script.py", tmp_path / "action")
    ended = play(hub, call)
    log = (tmp_path / "log").read_text("utf-8")
    print(log)
    assert ended == call.ended
    assert re.search(call.log, log, re.DOTALL)
    assert KEY not in log
    branch = hub.do(f"cd mine; git fetch -q; git log --format=%s origin/{call.branch} || true")
    assert branch.strip() == call.commits
    for path, pattern in call.found.items():
        text = hub.do(f"cd mine; git show origin/{call.branch}:{path}")
        assert re.search(pattern, text, re.DOTALL), path
    assert {*hub.do("cd mine; git log --format=%s origin/main").split()} == {"Mine"}
