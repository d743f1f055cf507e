"""The workflows: what they promise in their text, and what update.yml does when it runs."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from importlib import import_module
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from conftest import form
from packaging.requirements import Requirement
from pepy import Pepy
from served import KEY, environment

import script

ROOT = Path(__file__).parent.parent
TEXTS = {path.stem: path.read_text("utf-8") for path in ROOT.glob(".github/workflows/*.yml")}
WORKFLOWS = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
EVENTS = {name: workflow[True] for name, workflow in WORKFLOWS.items()}  # YAML takes `on` for it
JOBS = {name: job for workflow in WORKFLOWS.values() for name, job in workflow["jobs"].items()}
STEPS = [(job, step) for job in JOBS for step in JOBS[job]["steps"]]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
Known = dict[str, Any]  # the values of an expression's names


def test_zizmor_finds_nothing_pins_have_versions_and_a_pull_request_meets_no_secret() -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    subprocess.check_call([zizmor, "--persona=pedantic", "--offline", ROOT / ".github"])
    assert "zizmor: ignore" not in "".join(TEXTS.values())
    assert not re.search(r"secrets\.|pull_request_target", TEXTS["ci"])
    for line in re.findall("uses:.*", "".join(TEXTS.values())):
        assert re.fullmatch(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)


def test_every_file_is_what_github_expects() -> None:
    check_jsonschema: Any = import_module("check_jsonschema")
    for kind, paths in {
        "github-workflows": "workflows/*.yml",
        "github-issue-forms": "ISSUE_TEMPLATE/[!c]*.yml",
        "github-issue-config": "ISSUE_TEMPLATE/config.yml",
        "dependabot": "dependabot.yml",
    }.items():
        files = map(str, ROOT.glob(f".github/{paths}"))
        with pytest.raises(SystemExit, match=r"^0$"):
            check_jsonschema.main(["--builtin-schema", f"vendor.{kind}", *files])


def test_a_job_may_do_no_more_than_it_needs_and_waits_for_its_like() -> None:
    waits = {name: job.get("concurrency", {"group": ""}) for name, job in JOBS.items()}
    assert {name: (job["permissions"], waits[name]["group"]) for name, job in JOBS.items()} == {
        "test": ({"contents": "read"}, ""),
        "zizmor": ({"contents": "read"}, ""),
        "update": ({"contents": "write", "issues": "read"}, "pepy-api-key"),
        "deploy": ({"pages": "write", "id-token": "write"}, "pages"),
        "answer": ({"issues": "write"}, "answers"),
    }
    assert all(workflow["permissions"] == {} for workflow in WORKFLOWS.values())
    assert not any(group.get("cancel-in-progress") for group in waits.values())
    assert "concurrency" not in WORKFLOWS["update"], "a skipped run would push a waiting one out"


@pytest.mark.parametrize(("job", "step"), STEPS)
def test_key_and_token_are_where_they_are_needed_and_never_together(job: str, step: Known) -> None:
    variables, command = JOBS[job].get("env", {}) | step.get("env", {}), step.get("run", "")
    assert "${{" not in command, "what GitHub fills in reaches a shell only as a variable"
    assert ("PEPY_API_KEY" in variables) == ("script.py update" in command)
    assert not {"PEPY_API_KEY", "GH_TOKEN"} <= variables.keys()
    assert not command or ("GH_TOKEN" in variables) == bool(re.search(r"\bgh\b", command))
    if "checkout" in step.get("uses", ""):
        main = {"ref": "${{ env.DEFAULT_BRANCH }}"} if job == "update" else {}
        assert step["with"] == {"persist-credentials": False} | main


def test_what_meets_the_key_is_installed_before_and_by_hash() -> None:
    install, *later = [step["run"] for step in JOBS["update"]["steps"] if "run" in step]
    assert "pip install --quiet --require-hashes --requirement .github/requirements.t" in install
    assert not [command for command in later if "pip" in command]
    ours = pinned((ROOT / ".github/requirements.txt").read_text("utf-8"))
    ranges = PROJECT["project"]["dependencies"] + PROJECT["tool"]["uv"]["constraint-dependencies"]
    for wanted in map(Requirement, ranges):
        assert wanted.specifier.contains(ours[wanted.name][0])


def pinned(requirements: str) -> dict[str, tuple[str, ...]]:
    """A project's version and hashes, by its name; an address, or anything else, fails."""
    line = r"([a-z0-9-]+)==([\w.]+)((?: +--hash=sha256:[0-9a-f]{64})+)\n"
    text = requirements.replace("\\\n", "")
    assert not re.sub(line, "", text)
    return {name: (pin, *sorted(hashes.split())) for name, pin, hashes in re.findall(line, text)}


def test_the_first_run_comes_when_the_day_begins_and_each_ends_before_the_next() -> None:
    cron = re.fullmatch(r"\d+ (\d+)-\d+/(\d+) \* \* \*", EVENTS["update"]["schedule"][0]["cron"])
    first, every = map(int, cron.groups() if cron else ())
    (limit,) = map(int, re.findall(r"--time-limit (\d+)", TEXTS["update"]))
    assert first == script.DAY_BEGINS
    assert limit <= JOBS["update"]["timeout-minutes"] - 30 < 60 * every


def test_the_form_has_the_heading_and_the_label_that_the_others_know() -> None:
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/add-package.yml").read_text("utf-8"))
    (heading,) = [p["attributes"]["label"] for p in form["body"] if p["type"] != "markdown"]
    assert script.read_request(f"### {heading}\n\nFlask_Login\n") == (["flask-login"], [])
    assert form["labels"] == ["add-package"]
    assert len(re.findall("(?:--label|create) add-package |'add-package'", TEXTS["update"])) == 4


def evaluate(expression: str, known: Known, cancelled: bool = False) -> Any:
    """GitHub's language, as far as the workflows use it, put into Python's."""
    python = re.sub(r"\b[a-z]+\.[\w.*-]+", lambda m: f"known.get('{m[0]}', '')", expression)
    python = re.sub("!(?!=)", " not ", python.replace("&&", " and ").replace("||", " or "))
    functions: Known = {"always": lambda: True, "cancelled": lambda: cancelled}
    functions["contains"] = lambda items, item: item in items
    return eval(python.strip(), {"__builtins__": {}, "known": known}, functions)


def shown(value: object) -> str:
    return f"{value}".lower() if isinstance(value, bool) else f"{value}"


def fill(texts: dict[str, str], known: Known) -> dict[str, str]:
    """Texts of a workflow with the values of their expressions."""
    pattern = re.compile(r"\$\{\{(.*?)\}\}")
    return {
        k: pattern.sub(lambda m: shown(evaluate(m[1], known)), text) for k, text in texts.items()
    }


def runs(part: Known, known: Known, failed: bool = False, cancelled: bool = False) -> bool:
    """Whether a job or step does; after a failure only if its condition asks how things are."""
    condition = part.get("if", "'yes'").removeprefix("${{").removesuffix("}}")
    asks = re.search(r"(always|cancelled)\(\)", condition)
    return bool((asks or not (failed or cancelled)) and evaluate(condition, known, cancelled))


def event(
    name: str, action: str = "", label: str = "", labels: tuple[str, ...] = (), pages: bool = False
) -> Known:
    known: Known = {"_name": name, ".action": action, ".label.name": label}
    known |= {".issue.labels.*.name": labels, ".repository.has_pages": pages}
    return {f"github.event{key}": value for key, value in known.items()}


class Case(NamedTuple):
    job: str
    known: Known
    runs: bool
    needed: str = ""  # how the job ended that it needs


LABELED = event("issues", "labeled", "add-package", labels=("add-package",))
OTHERS = event("issues", "labeled", "bug", labels=("add-package", "bug"))
SIMILAR = event("issues", "labeled", "add-package-not", labels=("add-package-not",))
REOPENED = event("issues", "reopened", labels=("bug", "add-package"))
PUSHED = {"needs.update.outputs.published": "success"}
NOT_PUSHED = {"needs.update.outputs.published": "failure"}
CASES = [Case("update", event(e), runs=True) for e in ("schedule", "workflow_dispatch", "push")]
CASES += [
    Case("update", LABELED, runs=True),
    Case("update", OTHERS, runs=False),
    Case("update", SIMILAR, runs=False),
    Case("update", REOPENED, runs=True),
    Case("update", event("issues", "reopened", labels=("bug",)), runs=False),
    Case("deploy", event("schedule") | PUSHED, runs=True, needed="success"),
    Case("deploy", event("issues") | PUSHED, runs=True, needed="failure"),  # of some package
    Case("deploy", event("schedule") | NOT_PUSHED, runs=False, needed="failure"),
    Case("deploy", event("schedule") | PUSHED, runs=False, needed="cancelled"),
    Case("deploy", event("push", pages=True) | PUSHED, runs=True, needed="success"),
    Case("deploy", event("push") | PUSHED, runs=False, needed="success"),  # a fresh copy
]
for name in ("schedule", "issues", "push"):
    CASES.append(Case("answer", event(name), runs=True, needed="success"))
for ended in ("failure", "skipped", "cancelled"):
    CASES.append(Case("answer", event("issues"), runs=False, needed=ended))


@pytest.mark.parametrize("case", CASES)
def test_a_job_runs_if_there_is_something_to_do(case: Case) -> None:
    needs = JOBS[case.job].get("needs", [])
    before = {
        f"needs.{needs if isinstance(needs, str) else ''.join(needs[-1:])}.result": case.needed
    }
    failed = case.needed not in ("", OK)
    cancelled = case.needed == "cancelled"
    assert runs(JOBS[case.job], case.known | before, failed, cancelled) is case.runs
    assert case.known["github.event.action"] in ("", *EVENTS["update"]["issues"]["types"])


def covers(patterns: list[str], path: str) -> bool:
    """Whether a path fits one of GitHub's patterns, of which * ends at a slash."""
    shapes = (re.escape(p).replace(r"\*\*", ".*").replace(r"\*", "[^/]*") for p in patterns)
    return any(re.fullmatch(shape, path) for shape in shapes)


def test_a_push_starts_what_it_concerns() -> None:
    update, not_ci = EVENTS["update"]["push"]["paths"], EVENTS["ci"]["push"]["paths-ignore"]
    for path in ("packages.toml", "docs/requests.json", "docs/requests/stats.json"):
        assert (covers(update, path), covers(not_ci, path)) == (True, True)
    for path in ("docs/page.js", "script.py", ".github/workflows/update.yml"):
        assert (covers(update, path), covers(not_ci, path)) == (path[0] != ".", False)
    assert not_ci == EVENTS["ci"]["pull_request"]["paths-ignore"]


HOOK = """[ "$GH_TOKEN" ] || exit 0 # a person
[ -e ~/logged-in ] || { echo "could not read Username" >&2; exit 1; }
[ ! -e ~/refusal ] || { cat ~/refusal >&2; exit 1; }"""
# An artifact belongs to the run: an attempt that uploads its name again makes a second one.
UPLOAD = """mkdir -p ~/artifacts/"$INPUT_NAME"
cp -r "$INPUT_PATH" ~/artifacts/"$INPUT_NAME/$(ls ~/artifacts/"$INPUT_NAME" | wc -l)\""""
PLAYED = {  # the actions, as commands
    "actions/checkout": 'git clone --quiet --depth=1 --branch "$INPUT_REF" "file://$HOME/remote" .',
    "Install": f"ln -s {sys.prefix} .venv",
    "actions/upload-pages-artifact": UPLOAD,
    "actions/deploy-pages": """cd ~/artifacts/"$INPUT_ARTIFACT_NAME"
        [ "$(ls | wc -l)" = 1 ] || { echo "Multiple artifacts of one name"; exit 1; }
        rm -rf ~/site; cp -r 0 ~/site""",
    "actions/upload-artifact": UPLOAD,
    "actions/download-artifact": 'cp -r ~/artifacts/"$INPUT_NAME"/0 "$INPUT_PATH"',
}
PIPES: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
FRESH = "rm -rf temp work logged-in; mkdir temp work"  # whatever runs a job
LISTED = '[[package]]\nname = "{}"\n'
README = "<!-- site -->\n{}\n<!-- /site -->\n"
BASH = ["bash", "-e"]  # which GitHub starts where a step names no shell
GIT, OK = shutil.which("git") or "git", "success"
MINE = f"cd ~/mine && {GIT} add . && {GIT} commit -qm Mine && {GIT} push -q origin HEAD"
MEANWHILE = f'''[ "$1" != push ] || env -u GH_TOKEN mine
exec {GIT} "$@"'''
PERSON = "[user]\nname = Me\nemail = me@example.com\n[init]\ndefaultBranch = {}\n"


class GitHub:
    """A repository that was made from this one, with its issues and its site."""

    def __init__(self, folder: Path, pepy: Pepy, branch: str = "main") -> None:
        self.folder, self.key, self.cancelled = folder, KEY, False
        self.branch = branch  # the default one
        for name in ("remote", "issues", "bin"):
            (folder / name).mkdir()
        path = f"{folder}/bin:{Path(sys.executable).parent}:/usr/bin:/bin"
        always = {"PATH": path, "HOME": f"{folder}", "PYTHONPATH": f"{folder}/bin"}
        always |= {"GITHUB_REPOSITORY": "someone/badges", "GITHUB_STEP_SUMMARY": "/dev/stdout"}
        self.environment = environment(pepy, "") | always | {"RUNNER_TEMP": f"{folder}/temp"}
        (folder / ".gitconfig").write_text(PERSON.format(branch))
        self.git("init", "--quiet", "--bare")
        self.git("clone", "--quiet", ".", "../mine")
        self.program("bin/mine", MINE)
        self.program("bin/sleep", "exit")  # pauses pass at once, those of script.py too
        (folder / "bin/sitecustomize.py").write_text("import time\ntime.sleep = lambda _: None\n")
        self.program("bin/gh", f'exec {sys.executable} {ROOT}/tests/gh.py ~ "$@"')
        self.program("remote/hooks/pre-receive", HOOK)
        for name in ("script.py", ".gitignore"):
            shutil.copy(ROOT / name, folder / "mine")
        self.push("packages.toml", LISTED.format("requests"))

    def program(self, path: str, text: str) -> None:
        (self.folder / path).write_text(f"#!/bin/sh\n{text}\n")
        (self.folder / path).chmod(0o755)

    def git(self, *words: str, command: str = GIT) -> str:
        where, variables = self.folder / "remote", self.environment
        return subprocess.check_output([command, *words], cwd=where, env=variables, text=True)

    def push(self, path: str, text: str, meanwhile: bool = False) -> None:
        """Push a file as a person does: at once, or when a run is about to push."""
        (self.folder / "mine" / path).write_text(text, "utf-8")
        if meanwhile:
            self.program("bin/git", MEANWHILE)
        else:
            self.git(command=f"{self.folder}/bin/mine")

    def ask(self, names: str, number: int, *, locked: bool = False) -> None:
        """File an issue from the form."""
        issue = {"number": number, "body": form(names), "locked": locked}
        issue |= {"comments": [], "state": "OPEN", "label": "add-package", "reason": ""}
        (self.folder / f"issues/{number}.json").write_text(json.dumps(issue))

    def answer(self, number: int) -> tuple[str, str]:
        """Why an issue was closed, if it was, and the comments on it."""
        issue = json.loads((self.folder / f"issues/{number}.json").read_bytes())
        return issue["reason"], "".join(issue["comments"])

    def run(self, known: Known, attempt: int = 1) -> tuple[list[str], str]:
        """Run update.yml, job by job; how these ended, and all that they wrote.

        A later attempt is of the same run, and finds its artifacts.
        """
        temp, work, ended, log = self.folder / "temp", self.folder / "work", [OK], ""
        if attempt == 1:
            shutil.rmtree(self.folder / "artifacts", ignore_errors=True)
        known = known | {"github.run_attempt": f"{attempt}", "github.ref_name": self.branch}
        if known["github.event_name"] != "schedule":  # whose event may lack the repository
            known["github.event.repository.default_branch"] = self.branch
        known = known | {"secrets.PEPY_API_KEY": self.key, "runner.temp": f"{temp}"}
        known["github.repository"] = self.environment["GITHUB_REPOSITORY"]
        for name, job in WORKFLOWS["update"]["jobs"].items():
            if not runs(job, known, ended[-1] != OK, self.cancelled):
                ended.append("skipped")
                continue
            subprocess.check_call(["bash", "-c", FRESH], cwd=self.folder)
            for key, value in fill(job.get("env", {}), known).items():
                known[f"env.{key}"] = value
            known["github.token"], failed = json.dumps(job["permissions"]), False
            for step in job["steps"]:
                if not runs(step, known, failed, self.cancelled):
                    continue
                played = PLAYED.get(step.get("uses", step.get("name")).partition("@")[0])
                (temp / "step").write_text(played or step["run"], "utf-8")
                given = {f"INPUT_{k.upper()}": f"{v}" for k, v in step.get("with", {}).items()}
                given = fill(job.get("env", {}) | step.get("env", {}) | given, known)
                (temp / "output").write_text("")
                given = self.environment | given | {"GITHUB_OUTPUT": f"{temp}/output"}
                self.process = subprocess.Popen(
                    [*BASH, f"{temp}/step"], cwd=work, env=given, **PIPES
                )
                log += self.process.communicate()[0]
                failed |= (code := self.process.returncode) != 0
                known[f"steps.{step.get('id')}.outcome"] = "failure" if code else OK
                for output in (temp / "output").read_text().splitlines():
                    name_, _, value = output.partition("=")
                    known[f"steps.{step.get('id')}.outputs.{name_}"] = value
            outputs = fill(job.get("outputs", {}), known)
            known |= {f"needs.{name}.outputs.{key}": text for key, text in outputs.items()}
            ended.append("failure" if failed else OK)
            known[f"needs.{name}.result"] = ended[-1]
        assert KEY not in log
        assert "usage: gh" not in log, "a step may go on after a command that is mistaken"
        return ended[1:], log


@pytest.fixture
def github(tmp_path: Path, pepy: Pepy) -> GitHub:
    return GitHub(tmp_path, pepy)


def test_requests_are_deployed_and_then_answered_once(github: GitHub, pepy: Pepy) -> None:
    github.ask("requests", 1, locked=True)
    github.ask("Flask_Login\nunknown-one", 2)
    github.ask("unknown-one", 3)
    github.ask("$(touch ~/x) `touch ~/x`\n${{ github.token }}", 4)
    github.push("README.md", README.format("Soon."))
    assert github.run(LABELED)[0] == [OK, OK, "failure"]
    answers = [github.answer(number) for number in (1, 2, 3, 4)]
    assert [verdict for verdict, _ in answers] == ["", "completed", "not planned", "not planned"]
    assert "https%3A%2F%2Fsomeone.github.io%2Fbadges%2Fflask-login.json" in answers[1][1]
    assert all("- `unknown-one`: PePy doesn't know it" in answers[number][1] for number in (1, 2))
    assert not (github.folder / "x").exists()
    assert github.git("show", "main:packages.toml").endswith('\nname = "flask-login"\n')
    log = github.git("log", "--format=%an: %s %H", "main")
    done = ["Add `flask-login`"]
    assert re.findall(r"^github-actions\[bot\]: (.*) \w+$", log, re.MULTILINE) == done
    assert "<https://someone.github.io/badges/>" in github.git("show", "main:README.md")
    shown = {"requests.json", "flask-login.json", "flask-login/chart.svg", "_packages.json"}
    assert all((github.folder / "site" / path).is_file() for path in shown)

    github.ask("requests", 1)
    assert github.run(event("schedule"))[0] == [OK, OK, OK]
    assert github.git("log", "--format=%an: %s %H", "main") == log
    assert github.answer(1)[0] == "completed"
    assert [github.answer(number) for number in (2, 3, 4)] == answers[1:]
    assert pepy.asked == {"requests": 1, "flask-login": 1, "unknown-one": 1}
    github.run(event("workflow_dispatch") | {"inputs.packages": "Requests, flask-login"})
    assert pepy.asked == {"requests": 2, "flask-login": 2, "unknown-one": 1}


def test_what_somebody_pushed_meanwhile_is_kept(github: GitHub) -> None:
    github.ask("flask", 1)
    github.push("README.md", README.format("Soon."))
    github.push("NOTES.md", "Mine.", meanwhile=True)
    assert github.run(event("schedule"))[0] == [OK, OK, OK]
    assert github.git("log", "--format=%s", "main") == "Add `flask`\nMine\nMine\nMine\n"
    assert github.git("show", "main:NOTES.md") == "Mine."
    assert github.answer(1)[0] == "completed"


def test_while_pepy_is_down_a_request_waits_till_the_red_run_is_repeated(
    github: GitHub, pepy: Pepy
) -> None:
    pepy.projects |= {"requests": 503, "flask": 503}
    github.ask("flask", 1)
    ended, log = github.run(event("schedule"))
    assert ended == ["failure", OK, OK]
    assert "::error title=flask::PePy answered with an error (HTTP 503)" in log
    assert github.answer(1) == ("", "")
    pepy.projects.clear()
    assert github.run(event("schedule"), attempt=2)[0] == [OK, OK, OK]
    assert (github.folder / "site/flask.json").is_file()
    assert github.answer(1)[0] == "completed"


def test_the_branch_is_the_default_one(tmp_path: Path, pepy: Pepy) -> None:
    github = GitHub(tmp_path, pepy, "master")
    for name in ("schedule", "issues"):
        github.ask(f"flask\nby-{name}", 1)
        known = LABELED if name == "issues" else event(name)
        assert github.run(known)[0] == [OK, OK, OK]
        assert f"docs/by-{name}.json" in github.git("ls-tree", "-r", "--name-only", "master")
    catalogue = json.loads((tmp_path / "site/_packages.json").read_bytes())
    assert catalogue["branch"] == "master"


class Refusal(NamedTuple):
    """Why a push is refused: what the remote says, and what one can do, if we know."""

    remote: list[str]
    cure: str = ""


PROTECTED = "error: GH006: Protected branch update failed for refs/heads/main."
REFUSALS = {
    "protected": Refusal(
        [PROTECTED, "error: Changes must be made through a pull request."],
        cure="main is protected: let GitHub Actions push to it.",
    ),
    "signatures": Refusal([PROTECTED, "error: Commits must have verified signatures."]),
    "a large file": Refusal(["error: File docs/x.csv is 120 MB; this exceeds 100.00 MB"]),
    "a rule": Refusal(["error: GH013: Repository rule violations found", "- 100 % of .csv"]),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_a_refused_push_says_what_the_remote_said(github: GitHub, why: str) -> None:
    refusal = REFUSALS[why]
    github.ask("flask", 1)
    (github.folder / "refusal").write_text("\n".join([*refusal.remote, ""]))
    ended, log = github.run(event("schedule"))
    assert ended == ["failure", "skipped", "skipped"]
    told = "%0A".join([*([refusal.cure] if refusal.cure else []), *refusal.remote])
    assert re.findall("^::error title=Nothing was pushed::(.*)$", log, re.MULTILINE) == [told]
    assert log.count(f"remote: {refusal.remote[0]}") == 1, "it isn't tried again"
    assert github.answer(1) == ("", "")


EDITED = {"packages.toml": LISTED.format("django"), "README.md": README.format("Mine.")}


@pytest.mark.parametrize("path", EDITED)
def test_what_somebody_else_edited_is_told_and_left_to_the_next_run(
    github: GitHub, path: str
) -> None:
    github.push("README.md", README.format("Soon."))
    github.ask("flask", 1)
    github.push(path, EDITED[path], meanwhile=True)
    ended, log = github.run(event("schedule"))
    assert ended == ["failure", "skipped", "skipped"]
    assert log.count(f"::error title=Nothing was pushed::Somebody edited {path} meanwhile") == 1
    assert not (github.folder / "work/.git/rebase-merge").exists()
    assert {*github.git("log", "--format=%s", "main").split()} == {"Mine"}
    assert github.answer(1) == ("", "")
    assert github.run(event("schedule"))[0] == [OK, OK, OK]
    assert github.answer(1)[0] == "completed"


def test_a_fresh_copys_push_is_green_and_says_what_to_do(github: GitHub, pepy: Pepy) -> None:
    github.key = ""
    ended, log = github.run(event("push", pages=False))
    assert (ended, *pepy.asked) == ([OK, "skipped", "skipped"],)
    assert "::notice title=No key yet::" in log
    assert github.run(event("schedule"))[0] == ["failure", "skipped", "skipped"]


def test_a_cancelled_run_pushes_what_it_has(github: GitHub, pepy: Pepy) -> None:
    def cancel(_: bytes) -> Any:
        github.cancelled = True
        github.process.send_signal(signal.SIGINT)  # to it alone, as GitHub does
        return repeat(b"")

    pepy.projects["stuck"] = cancel
    github.push("packages.toml", LISTED.format("requests") + LISTED.format("stuck"))
    ended, log = github.run(event("schedule"))
    assert ended == ["failure", "skipped", "skipped"]
    assert "postponed: the run was interrupted" in log
    assert "docs/requests.json" in github.git("ls-tree", "-r", "--name-only", "main")
