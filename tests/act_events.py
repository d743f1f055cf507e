"""Plays update.yml event by event in act, which does what GitHub does with its jobs.

GitHub is a folder, `$HUB`, with the remote of a copy of this repository, the clone `mine` of the
person whose copy it is, the issues, the artifacts, the site, and `bin`, the programs that a job
finds. The file's name keeps it out of `uv run pytest`, as it needs the dependency group `act`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from conftest import form
from pepy import Pepy
from served import KEY, environment

ROOT = Path(__file__).parent.parent
JOBS: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/update.yml").read_text())["jobs"]
COPIED = (
    "script.py .gitignore .github/push.sh .github/requirements.txt .github/workflows/update.yml"
)
FILES = {
    "gitconfig": "[user]\nname = Me\nemail = me@example.com\n",
    "mine/packages.toml": '[[package]]\nname = "requests"\n',
    "mine/README.md": "<!-- site -->\nSoon.\n<!-- /site -->\n",
    "pages": "",  # they are switched on
    "log": "",
    "bin/sleep": "#!/bin/sh\n",  # pauses pass at once, those of script.py too
    "bin/sitecustomize.py": "import time\ntime.sleep = lambda _: None\n",
    # A job's token may do what its permissions say.
    "bin/gh": f"""#!/bin/sh
[ ! "$GH_TOKEN" ] || export GH_TOKEN="$(cat "$HUB/permissions/$GITHUB_JOB")"
exec {sys.executable} {ROOT}/tests/gh.py "$HUB" "$@"
""",
    # What the file `meanwhile` says, somebody does and pushes whenever a run is about to push.
    "bin/git": f"""#!/bin/sh
if [ "$1" = push ] && [ "$GH_TOKEN" ]; then
    echo push >> "$HUB/tries"
    [ ! -e "$HUB/meanwhile" ] || (cd "$HUB/mine"; . "$HUB/meanwhile"; GH_TOKEN= mine)
fi
exec {shutil.which("git")} "$@"
""",
    "bin/mine": """#!/bin/sh
cd "$HUB/mine" && git add . && git commit -qm Mine && git push -qu origin HEAD
""",
    "remote/hooks/pre-receive": """#!/bin/sh
[ "$GH_TOKEN" ] || exit 0 # a person
[ -e "$HUB/logged-in" ] || { echo "could not read Username" >&2; exit 1; }
[ ! -e "$HUB/refusal" ] || { cat "$HUB/refusal" >&2; exit 1; }
""",
    # act loses the last lines of a step that fails, so that they don't go through it.
    "bin/bash": f"""#!/bin/sh
GITHUB_STEP_SUMMARY="$HUB/log" exec {shutil.which("bash")} "$@" >> "$HUB/log" 2>&1
""",
    # Finds what is to be installed, and is otherwise what it stands in for.
    "bin/python3": f"""#!/bin/sh
if [ "$*" = "-m venv .venv" ]; then
    mkdir -p .venv/bin
    ln -s "$HUB/bin/python3" .venv/bin/python
    exec install /dev/null .venv/bin/pip # a program that does nothing
fi
exec {sys.executable} "$@"
""",
}
ACT = """act --json --platform=ubuntu-latest=-self-hosted --no-skip-checkout --no-cache-server
--eventpath=../event.json --env=GITHUB_REPOSITORY=someone/badges --secret=GITHUB_TOKEN=x"""
# An artifact belongs to the run: an attempt that uploads its name again makes a second one.
UPLOAD = """mkdir -p "$HUB/artifacts/$INPUT_NAME"
cp -r "$INPUT_PATH" "$HUB/artifacts/$INPUT_NAME/$(ls "$HUB/artifacts/$INPUT_NAME" | wc -l)\""""
ACTIONS = {
    "actions/checkout": 'git clone -q --depth=1 --branch "$INPUT_REF" "file://$HUB/remote" .',
    "actions/upload-pages-artifact": UPLOAD,
    "actions/upload-artifact": UPLOAD,
    "actions/deploy-pages": """cd "$HUB/artifacts/$INPUT_ARTIFACT_NAME"
[ -e "$HUB/pages" ] || { echo "Ensure GitHub Pages has been enabled"; exit 1; }
[ "$(ls | wc -l)" = 1 ] || { echo "Multiple artifacts of one name"; exit 1; }
rm -rf "$HUB/site"; cp -r 0 "$HUB/site\"""",
    "actions/download-artifact": 'cp -r "$HUB/artifacts/$INPUT_NAME/0" "$INPUT_PATH"',
}
BADGES = r"2Fsomeone\.github\.io%2Fbadges%2F{}\.json.*"
UNKNOWN = "`unknown-one`: PePy doesn't know it.*"
PROTECTED = "error: GH006: Protected branch update failed for refs/heads/main."
EDITED = "Somebody edited {} meanwhile: the next run starts from that."
OPEN = {"issues/1.json": r'"comments": \[\], "state": "OPEN"'}
GRANTED = {"issues/1.json": f"{BADGES.format('flask')}completed", "site/flask.json": "downloads"}
ON_MASTER = GRANTED | {"site/_packages.json": '"branch": ?"master"'}
GRANTED_IN_PART = {
    "issues/2.json": f"{BADGES.format('flask-login')}{UNKNOWN}completed",
    "issues/3.json": f"{UNKNOWN}not planned",
    "issues/4.json": "not planned",
    "mine/packages.toml": '\nname = "flask-login"\n$',
    "mine/README.md": "<https://someone.github.io/badges/>",
    "site/_packages.json": "flask-login",
    "site/flask-login.json": "downloads",
    "site/flask-login/chart.svg": "<svg",
}


class Event(NamedTuple):
    """What GitHub sends, what the run meets, and what must come of it."""

    name: str
    payload: Mapping[str, Any] = {}
    after: str = ""  # the event that was played before, with the same copy
    attempt: int = 1  # a later one is of the same run, and finds its artifacts
    branch: str = "main"
    key: str = KEY
    asks: Mapping[int, str] = {1: "flask"}  # issues, and the packages that they ask for
    pepy: Mapping[str, int] = {}  # projects for which it answers with this status
    before: str = ""  # what is done in GitHub's folder

    jobs: str = "success success success"  # how update, deploy and answer ended
    fetched: str = "flask requests"  # the projects that PePy was asked for
    commits: str = "Add `flask`"  # the bot's, the newest first
    found: Mapping[str, str] = GRANTED  # patterns in files of GitHub's folder


def issue(action: str, *labels: str) -> dict[str, Any]:
    """The payload of an issue with these labels, of which the first is what it got."""
    names = [{"name": label} for label in labels]
    label = {"label": names[0]} if action == "labeled" else {}
    return {"action": action, "issue": {"labels": names}, **label}


def in_vain(name: str, payload: Mapping[str, Any] = {}, log: str = "", **more: Any) -> Event:
    """An event of which nothing comes, but for what is said."""
    nothing = Event(name, payload, jobs="skipped skipped skipped", fetched="", commits="")
    return nothing._replace(found=OPEN | ({"log": log} if log else {}), **more)


def not_pushed(before: str, why: str, tries: int = 1) -> Event:
    """A run whose push fails, since something else was done before; what is told, and how often."""
    return Event(
        "schedule",
        before=before,
        jobs="failure skipped skipped",
        commits="",
        found={
            "log": f"\n::error title=Nothing was pushed::{re.escape(why)}\n",
            "tries": f"^(push\n){{{tries}}}$",
            **OPEN,
        },
    )


def refused(*lines: str, cure: str = "") -> Event:
    """A push that the remote refuses with these words."""
    return not_pushed(f"printf '%s\\n' {shlex.join(lines)} > refusal", cure + "%0A".join(lines))


EVENTS = {
    "a copy's first push, without a key and without Pages": in_vain(
        "push",
        key="",
        before="rm pages",
        jobs="success skipped skipped",
        log="/settings/secrets/actions/new.*/settings/pages.*\n::notice title=No key yet::",
    ),
    "a schedule without a key": in_vain(
        "schedule", key="", jobs="failure skipped skipped", log="There is no PePy API key"
    ),
    "a push, installing as GitHub does": Event("push", before="rm bin/python3"),
    "by hand, though nothing is due": Event(
        "workflow_dispatch", after="by schedule", commits="Update badges\nAdd `flask`"
    ),
    "by hand, before Pages are switched on": Event(
        "workflow_dispatch", before="rm pages", jobs="success failure skipped", found=OPEN
    ),
    "by hand, for some packages": Event(
        "workflow_dispatch",
        {"inputs": {"packages": "Flask-Login, flask_login"}},
        after="a request granted in part",
        fetched="flask flask-login",
        commits="Add `flask`\nAdd `flask-login`",
    ),
    "by hand, for a command": in_vain(
        "workflow_dispatch",
        {"inputs": {"packages": "$(touch $HUB/x) `touch $HUB/x`"}},
        jobs="failure skipped skipped",
        log="Not listed in packages.toml",
    ),
    "by schedule": Event("schedule"),
    "a request granted in part": Event(
        "issues",
        issue("labeled", "add-package"),
        asks={1: "requests", 2: "Flask_Login\nunknown-one", 3: "unknown-one", 4: "$(touch $HUB/x)"},
        before="sed -i 's/false/true/' issues/1.json",  # it is locked: nobody may comment
        jobs="success success failure",
        fetched="flask-login requests unknown-one",
        commits="Add `flask-login`",
        found=GRANTED_IN_PART | OPEN,
    ),
    "the rest of it, by schedule": Event(
        "schedule",
        after="a request granted in part",
        asks={1: "requests"},
        fetched="",
        commits="Add `flask-login`",
        found=GRANTED_IN_PART | {"issues/1.json": f"{BADGES.format('requests')}completed"},
    ),
    "a foreign label": in_vain("issues", issue("labeled", "bug", "add-package")),
    "a similar label": in_vain("issues", issue("labeled", "add-package-not")),
    "reopened": Event("issues", issue("reopened", "bug", "add-package")),
    "reopened without the label": in_vain("issues", issue("reopened", "bug")),
    "PePy down": Event(
        "schedule",
        pepy={"requests": 503, "flask": 503},
        jobs="failure success success",
        commits="",
        found={
            "log": r"::error title=flask::PePy answered with an error \(HTTP 503\)",
            "site/_packages.json": "",
            **OPEN,
        },
    ),
    "a repeated attempt after a red one": Event("schedule", after="PePy down", attempt=2),
    "a protected branch": refused(
        PROTECTED,
        "error: Changes must be made through a pull request.",
        cure="main is protected: let GitHub Actions push to it.%0A",
    ),
    "a branch of signed commits": refused(PROTECTED, "error: Commits must have signatures."),
    "a large file": refused("error: File docs/x.csv is 120 MB; this exceeds 100.00 MB"),
    "a rule": refused("error: GH013: Repository rule violations found", "- 100 % of .csv"),
    "somebody pushing meanwhile": Event(
        "schedule",
        before="echo 'echo Mine. > NOTES.md' > meanwhile",
        found=GRANTED | {"mine/NOTES.md": "Mine.", "tries": "^push\npush\n$"},
    ),
    "somebody editing the list meanwhile": not_pushed(
        "echo 'echo Mine. > packages.toml' > meanwhile", EDITED.format("packages.toml")
    ),
    "somebody editing the README meanwhile": not_pushed(
        "echo 'echo Mine. > README.md' > meanwhile", EDITED.format("README.md")
    ),
    "somebody pushing again and again": not_pushed(
        "echo 'echo Mine. >> NOTES.md' > meanwhile", "Three attempts failed, as the log has it.", 3
    ),
    # Only script.py is told, as it pauses: act would kill it, and call what follows a success.
    "cancelled": Event(
        "schedule",
        pepy={"requests": 503},
        before="echo 'import os, time\ntime.sleep = lambda _: os.kill(os.getpid(), 2)' "
        "> bin/sitecustomize.py",
        jobs="failure success success",
        found=GRANTED | {"log": "postponed: the run was interrupted"},
    ),
    "the branch master, by schedule": Event("schedule", branch="master", found=ON_MASTER),
    "the branch master, by an issue": Event(
        "issues", issue("labeled", "add-package"), branch="master", found=ON_MASTER
    ),
}


class Hub:
    """GitHub with the copy, or another repository with these jobs and files, and PePy."""

    def __init__(
        self,
        folder: Path,
        pepy: Pepy,
        branch: str = "main",
        jobs: dict[str, Any] = JOBS,
        files: Mapping[str, str] = FILES,
        copied: str = COPIED,
    ) -> None:
        self.folder, self.pepy, self.branch, self.jobs = folder, pepy, branch, jobs
        path = f"{folder}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = environment(pepy, "") | {"PATH": path, "PYTHONPATH": f"{folder}/bin"}
        self.environment |= {"HUB": f"{folder}", "GIT_CONFIG_GLOBAL": f"{folder}/gitconfig"}
        self.environment["GH_TOKEN"] = ""
        for path, text in files.items():
            self.write(path, text)
        for name, job in jobs.items():
            self.write(f"permissions/{name}", json.dumps(job["permissions"]))
        self.do(f"git init -qb {branch} --bare remote; git init -qb {branch} mine")
        self.do(f"cd {ROOT}; cp --parents {copied} $HUB/mine")
        self.do("git -C mine remote add origin ../remote; mine")

    def write(self, path: str, text: str) -> None:
        """Write a file, as a program that can be started."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text, "utf-8")
        (self.folder / path).chmod(0o755)

    def do(self, command: str) -> str:
        """Do something in the folder, as a person; what that prints."""
        where, variables = self.folder, self.environment
        return subprocess.check_output(command, shell=True, cwd=where, env=variables, text=True)

    def play(self, event: Event) -> str:
        """Let an event happen; how the jobs ended."""
        if event.after:
            self.play(EVENTS[event.after])
        for number, packages in event.asks.items():
            asked = {"number": number, "body": form(packages), "label": "add-package"}
            asked |= {"locked": False, "comments": [], "state": "OPEN", "reason": ""}
            self.write(f"issues/{number}.json", json.dumps(asked))
        if event.attempt == 1:
            self.do("rm -rf artifacts")
        self.do(event.before)
        self.pepy.projects = dict(event.pepy)
        self.pepy.asked.clear()

        about = {"default_branch": self.branch, "has_pages": (self.folder / "pages").exists()}
        # A schedule's event may come without its repository.
        repository = {} if event.name == "schedule" else {"repository": about}
        attempt = f"--env=GITHUB_RUN_ATTEMPT={event.attempt}"
        return self.start(event.name, {**event.payload, **repository}, event.key, attempt)

    def start(self, name: str, payload: Mapping[str, Any], key: str, *options: str) -> str:
        """Start act for an event; how the jobs ended."""
        self.write("event.json", json.dumps(payload))
        command = [*ACT.split(), name, f"--action-cache-path={self.folder}/act", *options]
        command += [f"--env=GITHUB_REF=refs/heads/{self.branch}", f"--secret=PEPY_API_KEY={key}"]
        steps = [step for job in self.jobs.values() for step in job["steps"]]
        for step in (step for step in steps if step.get("uses", "").startswith("actions/")):
            name = step["uses"].partition("@")[0]
            runs = {"using": "composite", "steps": [{"run": ACTIONS[name], "shell": "bash"}]}
            action = {"name": name, "inputs": {i: {} for i in step.get("with", ())}, "runs": runs}
            self.write(f"{name}/action.yml", json.dumps(action))
            command.append(f"--local-repository={step['uses']}={self.folder}/{name}")
        where, variables = self.folder / "mine", self.environment
        act = subprocess.run(command, cwd=where, env=variables, capture_output=True, check=False)
        lines = [json.loads(line) for line in act.stdout.splitlines()]
        ended = {line["jobID"]: line["jobResult"] for line in lines if "jobResult" in line}
        assert act.returncode == ("failure" in ended.values()), act.stderr
        return " ".join(ended.get(job, "skipped") for job in self.jobs)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_an_event_comes_to_what_it_must(tmp_path: Path, pepy: Pepy, event: Event) -> None:
    hub = Hub(tmp_path, pepy, event.branch)
    jobs = hub.play(event)
    log = (tmp_path / "log").read_text("utf-8")
    print(log)
    assert jobs == event.jobs
    assert " ".join(sorted(pepy.asked)) == event.fetched
    commits = hub.do("cd mine; git pull -q; git log --author=github-actions --format=%s")
    assert commits.strip() == event.commits
    for path, pattern in event.found.items():
        assert re.search(pattern, (tmp_path / path).read_text("utf-8"), re.DOTALL), path
    for file in tmp_path.glob("issues/*"):
        assert len(json.loads(file.read_bytes())["comments"]) < 2, "it is answered once"
    served = event.key and (tmp_path / "pages").exists()
    assert ("/someone/badges/settings/" in log) != bool(served), "what is to be done is told"
    assert KEY not in log
    assert not (tmp_path / "x").exists(), "a shell did what an event says"
    assert "usage: gh" not in log, "a step may go on after a command that is mistaken"
