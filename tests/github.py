"""GitHub on this machine: runs the `run:` steps of the workflow files as GitHub would.

A bare repository plays the remote, gh.py plays `gh`, and each job gets a fresh clone, with
the environment and the conditions of its steps evaluated from the workflow itself. Events
start the workflows that ask for them. What `uses:` steps do is in ACTIONS. Waiting takes a
tenth of the time.

Not played: queues. Where GitHub would let runs wait for each other, they all go at once.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from gh import make_token
from pepy import KEY, PAGE, SHUT, Pepy
from pypistats import Pypistats

ROOT = Path(__file__).parent.parent
COPIED = ("script.py", "packages.toml", "pyproject.toml", "README.md", ".gitignore")

# ------------------------------------------------------------------------------- expressions

TOKENS = re.compile(r"\s*(?:'((?:[^']|'')*)'|(\d+)|([A-Za-z_][\w-]*)|(&&|\|\||==|!=|[!()\[\].,*]))")


class Expression:
    """One expression, https://docs.github.com/actions/reference/workflows-and-actions/expressions.

    Everything is evaluated at once while it is read: nothing in it has an effect.
    """

    def __init__(self, text: str, contexts: dict[str, Any], status: dict[str, bool]) -> None:
        self.contexts = contexts
        self.status = status  # what success() and the like give
        self.tokens: list[tuple[str, Any]] = []
        text = text.strip()
        end = 0
        while end < len(text):
            found = TOKENS.match(text, end)
            if not found:
                raise ValueError(f"not an expression: {text!r}")
            end = found.end()
            string, number, name, operator = found.groups()
            if string is not None:
                self.tokens.append(("value", string.replace("''", "'")))
            elif number:
                self.tokens.append(("value", int(number)))
            else:
                self.tokens.append(("name", name) if name else ("operator", operator))
        self.value = self._either()
        if self.tokens:
            raise ValueError(f"not an expression: {text!r}")

    def _take(self, *operators: str) -> str | None:
        if self.tokens and self.tokens[0][0] == "operator" and self.tokens[0][1] in operators:
            taken: str = self.tokens.pop(0)[1]
            return taken
        return None

    def _either(self) -> Any:
        value = self._both()
        while self._take("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Any:
        value = self._equal()
        while self._take("&&"):
            other = self._equal()
            value = value and other
        return value

    def _equal(self) -> Any:
        value = self._not()
        while operator := self._take("==", "!="):
            same = _loose(value) == _loose(self._not())
            value = same if operator == "==" else not same
        return value

    def _not(self) -> Any:
        return not self._not() if self._take("!") else self._property()

    def _property(self) -> Any:
        value = self._primary()
        while self._take("."):
            if self._take("*"):
                value = list(value or [])
                self._take(".")
                key = self.tokens.pop(0)[1]
                value = [item[key] for item in value]
            else:
                value = (value or {}).get(self.tokens.pop(0)[1])
        return value

    def _primary(self) -> Any:
        if self._take("("):
            value = self._either()
            assert self._take(")")
            return value
        kind, value = self.tokens.pop(0)
        if kind == "value":
            return value
        if not self._take("("):
            return {"true": True, "false": False, "null": None}.get(value, self.contexts.get(value))
        arguments = []
        while not self._take(")"):
            arguments.append(self._either())
            self._take(",")
        if value == "contains":
            return arguments[1] in (arguments[0] or [])
        return self.status[value]


def _loose(value: Any) -> Any:
    """Strings are compared without case; nothing at all is an empty string."""
    return value.lower() if isinstance(value, str) else "" if value is None else value


def interpolate(text: Any, contexts: dict[str, Any]) -> str:
    """A text with its ${{ }} replaced."""

    def value(match: re.Match[str]) -> str:
        found = Expression(match[1], contexts, {}).value
        return "" if found is None else str(found).lower() if found in (True, False) else str(found)

    return re.sub(r"\$\{\{(.*?)\}\}", value, str(text))


def holds(condition: str | None, contexts: dict[str, Any], *, failed: bool) -> bool:
    """Whether an `if:` holds; without a status function, success() is part of it."""
    text = re.sub(r"^\s*\$\{\{(.*)\}\}\s*$", r"\1", str(condition or "success()"), flags=re.DOTALL)
    if not re.search(r"\b(success|failure|cancelled|always)\(", text):
        text = f"success() && ({text})"
    status = {"success": not failed, "failure": failed, "cancelled": False, "always": True}
    return bool(Expression(text, contexts, status).value)


# ----------------------------------------------------------------------------------- workflows


@dataclass
class Job:
    """One job's run: its conclusion, and the outcome of every step by name."""

    conclusion: str = "success"
    steps: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Run:
    """One run of a workflow."""

    workflow: str
    event: str
    jobs: dict[str, Job] = field(default_factory=dict)
    log: str = ""
    summary: str = ""

    @property
    def conclusion(self) -> str:
        conclusions = {job.conclusion for job in self.jobs.values()}
        return next(c for c in ("failure", "success", "skipped") if c in conclusions)

    @property
    def commands(self) -> list[str]:
        """What the runner would take for a workflow command."""
        return re.findall(r"^\s*(::.*)", self.log, re.MULTILINE)


Definition = dict[str, Any]


def _checkout(github: GitHub, job: Definition, step: Definition, workspace: Path) -> None:
    assert job["permissions"]["contents"] in {"read", "write"}
    assert step["with"]["persist-credentials"] is False
    branch = step["with"].get("ref", "main")
    github.git("clone", "--quiet", "--depth=1", f"--branch={branch}", github.url, str(workspace))


def _upload(github: GitHub, job: Definition, step: Definition, workspace: Path) -> None:
    shutil.rmtree(workspace.parent / "artifact", ignore_errors=True)
    hidden = shutil.ignore_patterns(".*")
    shutil.copytree(workspace / step["with"]["path"], workspace.parent / "artifact", ignore=hidden)


def _deploy(github: GitHub, job: Definition, step: Definition, workspace: Path) -> None:
    assert job["permissions"]["pages"] == job["permissions"]["id-token"] == "write"
    assert job["environment"]["name"] == "github-pages"
    shutil.rmtree(github.site, ignore_errors=True)
    shutil.copytree(workspace.parent / "artifact", github.site)


ACTIONS: dict[str, Callable[[GitHub, Definition, Definition, Path], None]] = {
    "actions/checkout": _checkout,
    "astral-sh/setup-uv": lambda *_: None,  # it is here
    "actions/upload-pages-artifact": _upload,
    "actions/deploy-pages": _deploy,
}


@dataclass
class GitHub:
    """A repository on GitHub, made from the template, with everything around it."""

    folder: Path
    pepy: Pepy | None
    repository: str = "someone/badges"
    secrets: dict[str, str] = field(default_factory=lambda: {"PEPY_API_KEY": KEY})
    pypistats: Pypistats | None = None
    withheld: tuple[str, ...] = ()  # a job, and a permission that it doesn't get after all

    def __post_init__(self) -> None:
        self.remote = self.folder / "remote.git"
        self.url = self.remote.as_uri()
        self.state = self.folder / "state"
        self.site = self.folder / "site"
        self.bin = self.folder / "bin"
        for name in ("state/issues", "state/labels", "state/logins", "bin"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "gitconfig").touch()
        stand_in = f"exec {sys.executable} {ROOT / 'tests/gh.py'} {self.state}"
        self.script(self.bin / "gh", f'{stand_in} "$@"')
        self.script(self.bin / "sleep", 'exec /bin/sleep "$(($1 / 10)).$(($1 % 10))"')
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.remote))
        self.git("-C", str(self.remote), "config", "receive.denyNonFastForwards", "true")
        self.script(self.remote / "hooks/pre-receive", f"{stand_in} pre-receive")

    def copy(self, folder: Path, pepy: Pepy) -> GitHub:
        """The same as it is now, in another folder and with another PePy."""
        copy = GitHub(folder, pepy)
        programs = shutil.ignore_patterns("hooks")  # they know their folder
        for path in (self.remote, self.state, self.site):
            shutil.copytree(path, folder / path.name, dirs_exist_ok=True, ignore=programs)
        return copy

    def script(self, path: Path, command: str) -> None:
        """Make a program."""
        path.write_text(f"#!/bin/sh\n{command}\n")
        path.chmod(0o755)

    @cached_property
    def environment(self) -> dict[str, str]:
        """What a runner's processes have: nothing of this one's but where tools are."""
        tools = ("UV_", "PIP_", "SSL_", "HOME")
        ours = {name: value for name, value in os.environ.items() if name.startswith(tools)}
        ours.pop("UV_PYTHON", None)  # the interpreter of whoever runs the tests
        uv = shutil.which("uv")
        assert uv, "uv must be on the PATH"
        return ours | {
            "PATH": f"{self.bin}:{Path(uv).parent}:{Path(sys.executable).parent}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "UV_PYTHON": sys.executable,
            "UV_PROJECT_ENVIRONMENT": str(self.folder.parent / "environment"),  # made once
            "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": self.repository,
            # Only this differs from GitHub: there, they are the real ones.
            "PEPY_API_URL": self.pepy.url if self.pepy else SHUT,
            "PYPISTATS_API_URL": self.pypistats.url if self.pypistats else SHUT,
            "NO_PROXY": "127.0.0.1",
        }

    def git(self, *arguments: str) -> str:
        """Run git as a person does."""
        run = subprocess.run(
            ["git", *arguments],
            env=self.environment | {"PERSON": "1"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    # --- what people do

    def use_template(self, packages: str, *, figures: Path | None = None) -> None:
        """Press "Use this template", then edit packages.toml before anything runs."""
        copy = self.folder / "template"
        (copy / "docs").mkdir(parents=True)
        shutil.copytree(ROOT / ".github", copy / ".github")
        for name in COPIED:
            shutil.copy(ROOT / name, copy)
        for path in PAGE:
            shutil.copy(path, copy / "docs")
        if figures:
            shutil.copytree(figures, copy / "docs", dirs_exist_ok=True)
        (copy / "packages.toml").write_text(packages)
        self.git("init", "--quiet", "--initial-branch=main", str(copy))
        self._commit_and_push(copy, "Initial commit")

    def push(self, path: str, text: str | None = None, append: str = "") -> list[Run]:
        """Push a change of one file, as a person; returns what that starts."""
        self.change(path, text, append)
        return self.fire("push", {"ref": "refs/heads/main"}, [path])

    def change(self, path: str, text: str | None = None, append: str = "") -> None:
        """Push a change of one file, as a person, without starting anything."""
        clone = Path(tempfile.mkdtemp(dir=self.folder))
        self.git("clone", "--quiet", self.url, str(clone))
        target = clone / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((target.read_text() if text is None else text) + append)
        self._commit_and_push(clone, f"Change {path}")

    def _commit_and_push(self, clone: Path, message: str) -> None:
        identity = ("-c", "user.name=Some One", "-c", "user.email=someone@example.com")
        git = ("-C", str(clone), *identity)
        self.git(*git, "add", "--all")
        self.git(*git, "commit", "--quiet", "--message", message)
        self.git(*git, "push", "--quiet", self.url, "HEAD:main")

    def file_issue(self, body: str, *labels: str) -> int:
        """Open an issue without starting anything. A label that doesn't exist isn't added."""
        number = len(list((self.state / "issues").iterdir())) + 1
        there = [label for label in labels if (self.state / "labels" / label).exists()]
        self.write_issue(
            {"number": number, "body": body, "labels": there, "state": "OPEN", "comments": []}
        )
        return number

    def open_issue(self, body: str, *labels: str) -> tuple[int, list[Run]]:
        """Open an issue; returns its number, and what that starts."""
        number = self.file_issue(body, *(labels or ("add-package",)))
        runs = self.issue_event(number, "opened")
        for label in self.issue(number)["labels"]:
            runs += self.issue_event(number, "labeled", label)
        return number, runs

    def label(self, number: int, name: str) -> list[Run]:
        """Put a label on an issue."""
        issue = self.issue(number)
        issue["labels"].append(name)
        self.write_issue(issue)
        return self.issue_event(number, "labeled", name)

    def reopen(self, number: int) -> list[Run]:
        """Open a closed issue again."""
        self.write_issue(self.issue(number) | {"state": "OPEN"})
        return self.issue_event(number, "reopened")

    def issue_event(self, number: int, action: str, label: str | None = None) -> list[Run]:
        issue = self.issue(number)
        labels = [{"name": name} for name in issue["labels"]]
        event = {"action": action, "issue": issue | {"labels": labels}, "label": {"name": label}}
        return self.fire("issues", event)

    # --- what there is to see

    def issue(self, number: int) -> dict[str, Any]:
        issue: dict[str, Any] = json.loads((self.state / f"issues/{number}.json").read_text())
        return issue

    def write_issue(self, issue: dict[str, Any]) -> None:
        (self.state / f"issues/{issue['number']}.json").write_text(json.dumps(issue))

    def read(self, path: str) -> str:
        """A file of the newest main."""
        return self.git("-C", str(self.remote), "show", f"main:{path}")

    def files(self) -> dict[str, str]:
        """The files of the newest main, and what identifies their content."""
        lines = self.git("-C", str(self.remote), "ls-tree", "-r", "main").splitlines()
        return {line.split("\t")[1]: line.split()[2] for line in lines}

    def log(self, form: str = "%s") -> list[str]:
        """The history of main, newest first."""
        return self.git("-C", str(self.remote), "log", f"--format={form}", "main").splitlines()

    def calls(self, *words: str) -> list[list[str]]:
        """The calls of gh that begin with these words."""
        path = self.state / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        calls: list[list[str]] = [json.loads(line) for line in lines]
        return [call for call in calls if tuple(call[: len(words)]) == words]

    # --- what GitHub does

    def fire(
        self, name: str, event: dict[str, Any] | None = None, paths: list[str] | None = None
    ) -> list[Run]:
        """Run every workflow that an event starts, and what these start in turn."""
        runs = [
            self.run(path.name, name, event)
            for path in sorted((ROOT / ".github/workflows").glob("*.yml"))
            if path.stem != "ci" and name in _triggers(path)
            if _wanted(_triggers(path)[name], event or {}, paths or [""])
        ]
        return runs + self.settle()

    def dispatch(self, workflow: str, **inputs: str) -> list[Run]:
        """Run a workflow by hand, and what it starts."""
        return [self.run(workflow, "workflow_dispatch", {"inputs": inputs}), *self.settle()]

    def settle(self) -> list[Run]:
        """Run what `gh workflow run` has started, until nothing more is."""
        runs = []
        started = self.state / "started.jsonl"
        while started.exists():
            lines = started.read_text().splitlines()
            started.unlink()
            for line in lines:
                asked = json.loads(line)
                event = {"inputs": asked["inputs"]}
                runs.append(self.run(asked["workflow"], "workflow_dispatch", event))
        return runs

    def run(self, workflow: str, name: str, event: dict[str, Any] | None = None) -> Run:
        """Run one workflow, its jobs one after the other."""
        path = ROOT / ".github/workflows" / workflow
        definition = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert name in _triggers(path), f"{workflow} is not started by {name}"
        event = event or {}
        run = Run(workflow, name)
        github = {"event_name": name, "event": event, "repository": self.repository}
        for id_, job in definition["jobs"].items():
            if self.withheld[:1] == (id_,):
                del job["permissions"][self.withheld[1]]
            needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            contexts = {
                "github": github | {"token": make_token(f"{time.time_ns()}", job["permissions"])},
                "inputs": event.get("inputs", {}),
                "secrets": self.secrets,
                "needs": {need: {"outputs": run.jobs[need].outputs} for need in needs},
            }
            failed = any(run.jobs[need].conclusion != "success" for need in needs)
            if not holds(job.get("if"), contexts, failed=failed):
                run.jobs[id_] = Job("skipped")
                continue
            run.jobs[id_] = self._run_job(run, definition, job, contexts)
        return run

    def _run_job(
        self, run: Run, definition: dict[str, Any], job: dict[str, Any], contexts: dict[str, Any]
    ) -> Job:
        done = Job()
        scratch = Path(tempfile.mkdtemp(dir=self.folder, prefix="job-"))
        workspace, temporary = scratch / "workspace", scratch / "temp"
        workspace.mkdir()
        temporary.mkdir()
        contexts["steps"] = {}
        environment = self.environment | {
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_STEP_SUMMARY": str(scratch / "summary.md"),
            "RUNNER_TEMP": str(temporary),
            "TMPDIR": str(temporary),
        }
        shell = job.get("defaults", definition.get("defaults", {})).get("run", {}).get("shell")
        for number, step in enumerate(job["steps"]):
            name = step.get("name") or step.get("uses", "").partition("@")[0] or f"step {number}"
            output = scratch / f"output-{number}"
            output.touch()
            failed = done.conclusion == "failure"
            if not holds(step.get("if"), contexts, failed=failed):
                outcome = "skipped"
            elif "uses" in step:
                try:
                    ACTIONS[step["uses"].partition("@")[0]](self, job, step, workspace)
                    outcome = "success"
                except (AssertionError, KeyError) as error:
                    run.log += f"{name}: {error!r}\n"
                    outcome = "failure"
            else:
                variables = definition.get("env", {}) | job.get("env", {}) | step.get("env", {})
                process = subprocess.run(
                    [
                        *(["bash", "--noprofile", "--norc"] if shell == "bash" else ["bash"]),
                        *(["-eo", "pipefail"] if shell == "bash" else ["-e"]),
                        *("-c", interpolate(step["run"], contexts)),
                    ],
                    cwd=workspace,
                    env=environment
                    | {"GITHUB_OUTPUT": str(output)}
                    | {key: interpolate(text, contexts) for key, text in variables.items()},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    encoding="utf-8",
                    timeout=60 * job["timeout-minutes"],
                    check=False,
                )
                run.log += process.stdout
                outcome = "failure" if process.returncode else "success"
            lines = output.read_text(encoding="utf-8").splitlines()
            outputs = dict(line.split("=", 1) for line in lines)
            contexts["steps"][step.get("id", number)] = {"outcome": outcome, "outputs": outputs}
            done.steps[name] = outcome
            if outcome == "failure" and not step.get("continue-on-error"):
                done.conclusion = "failure"
        done.outputs = {
            key: interpolate(text, contexts) for key, text in job.get("outputs", {}).items()
        }
        summary = scratch / "summary.md"
        run.summary += summary.read_text(encoding="utf-8") if summary.exists() else ""
        return done


def _triggers(path: Path) -> dict[str, Any]:
    """A workflow's `on:`, which YAML takes for a truth value."""
    definition = yaml.safe_load(path.read_text(encoding="utf-8"))
    triggers: dict[str, Any] = definition.get("on", definition.get(True))
    return triggers


def _wanted(filters: Any, event: dict[str, Any], paths: list[str]) -> bool:
    """Whether what stands below an event in `on:` lets it through."""
    if not isinstance(filters, dict):  # nothing, or the times of a schedule
        return True
    branch = event.get("ref", "").removeprefix("refs/heads/")
    patterns = filters.get("paths", ["*"])
    return (
        event.get("action") in filters.get("types", [event.get("action")])
        and branch in filters.get("branches", [branch])
        and any(fnmatchcase(path, pattern) for path in paths for pattern in patterns)
    )
