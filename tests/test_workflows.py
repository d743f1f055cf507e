"""The workflows: what they promise in their text, and what they do when they run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from gh import make_token
from github import ROOT, Expression, GitHub, Run, holds, interpolate
from hostile import CANARY, HOSTILE, form
from pepy import KEY, PAGE, Pepy, Plan
from pypistats import Pypistats
from shields import EndpointBadge

import script

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in WORKFLOWS}
DEFINITIONS = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
JOBS = {
    f"{name}/{id_}": job for name, text in DEFINITIONS.items() for id_, job in text["jobs"].items()
}
STEPS = [
    (f"{name}: {step.get('name') or step.get('uses') or step['run']}", step)
    for name, job in JOBS.items()
    for step in job["steps"]
]

# --- what the files promise


def check(*command: str) -> None:
    run = subprocess.run(
        [Path(sys.executable).parent / command[0], *command[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_zizmor_finds_nothing_and_nothing_is_ignored() -> None:
    check("zizmor", "--persona=pedantic", "--offline", "--no-progress", ".github")
    assert "zizmor: ignore" not in "".join(TEXTS.values())
    assert not list(ROOT.glob(".github/zizmor.*"))


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("github-workflows", ".github/workflows/*.yml"),
        ("github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml"),
        ("github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
        ("dependabot", ".github/dependabot.yml"),
    ],
)
def test_every_file_is_what_github_expects(schema: str, paths: str) -> None:
    found = [str(path.relative_to(ROOT)) for path in ROOT.glob(paths)]
    assert found
    check("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *found)


def test_actions_are_pinned_by_hash_with_the_version_beside_it() -> None:
    for text in TEXTS.values():
        for line in re.findall(r"uses:.*", text):
            assert re.fullmatch(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_what_runs_is_the_newest_main() -> None:
    for name, step in STEPS:
        if "checkout" in step.get("uses", "") and not name.startswith("ci/"):
            assert step["with"]["ref"] == "main"


def test_the_same_uv_everywhere() -> None:
    setups = [step["with"] for _, step in STEPS if "setup-uv" in step.get("uses", "")]
    assert len({setup["version"] for setup in setups}) == 1
    assert not any(setup["enable-cache"] for setup in setups)


@pytest.mark.parametrize("name", JOBS)
def test_every_job_has_an_end_and_only_the_permissions_it_says(name: str) -> None:
    assert DEFINITIONS[name.partition("/")[0]]["permissions"] == {}
    assert JOBS[name]["permissions"]
    assert JOBS[name]["timeout-minutes"] < 360


@pytest.mark.parametrize(("name", "step"), STEPS, ids=[name for name, _ in STEPS])
def test_secrets_are_where_they_are_needed_and_nowhere_else(
    name: str, step: dict[str, Any]
) -> None:
    variables, command = step.get("env", {}), step.get("run", "")
    assert "${{" not in command, "what GitHub fills in reaches a shell only as a variable"
    pushes = ".github/publish" in command
    fetches = "script.py" in command and "render" not in command and not pushes
    assert ("PEPY_API_KEY" in variables) == fetches
    assert ("GH_TOKEN" in variables) == (pushes or "gh " in command)
    assert not {"PEPY_API_KEY", "GH_TOKEN"} <= variables.keys()
    if "script.py" in command:
        assert "uv run --no-dev --no-sync script.py" in command
    if "checkout" in step.get("uses", ""):
        assert step["with"]["persist-credentials"] is False


def test_a_key_never_meets_an_installation() -> None:
    for job in JOBS.values():
        commands = [step.get("run", "") for step in job["steps"]]
        uses = [number for number, command in enumerate(commands) if "script.py" in command]
        if uses:
            assert commands.index("uv sync --no-dev") < min(uses)


def test_a_pull_request_meets_no_secret() -> None:
    for name, text in TEXTS.items():
        if "pull_request" in text:
            assert name == "ci"
            assert "secrets." not in text
            assert "pull_request_target" not in text
            assert all(
                job["permissions"] == {"contents": "read"}
                for job in DEFINITIONS[name]["jobs"].values()
            )


def test_the_job_ends_before_github_ends_it() -> None:
    update = JOBS["update/update"]
    (fetch,) = [step["run"] for step in update["steps"] if step.get("name") == "Fetch"]
    minutes = int(re.findall(r"--time-limit (\d+)", fetch)[0])
    assert minutes + 40 <= update["timeout-minutes"] < 360


def test_nobodys_wait_for_the_key_is_cancelled() -> None:
    for name in ("update/update", "add-package/add"):
        assert JOBS[name]["concurrency"] == {
            "group": "pepy-api-key",
            "queue": "max",
            "cancel-in-progress": False,
        }


def test_ci_runs_the_readmes_command() -> None:
    commands = [step["run"] for step in JOBS["ci/test"]["steps"] if "run" in step]
    assert commands == re.findall(r"^uv run pytest.*", (ROOT / "README.md").read_text(), re.M)


def test_names_that_must_agree_do() -> None:
    form_ = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/add-package.yml").read_text())
    (label,) = form_.get("labels", ["add-package"])  # none where a person approves first
    assert f"gh label create {label} " in TEXTS["update"]
    assert f"--label {label} " in TEXTS["update"]
    assert TEXTS["add-package"].count(f"'{label}'") == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'a' == 'A' && !false", True),
        ("missing.deep.er", None),
        ("event.name != 'x' || 'it''s'", True),
        ("'' || 'it''s'", "it's"),
        ("contains(event.labels.*.name, 'two') && 5", 5),
        ("contains(event.nothing.*.name, 'two')", False),
        ("event.name == 'push' && '--missing' || event.nothing", None),
        ("(true || false) && success()", True),
        ("!cancelled() && event.name == 'dispatch'", True),
    ],
)
def test_expressions_mean_what_they_mean_on_github(text: str, value: Any) -> None:
    event = {"name": "dispatch", "labels": [{"name": "one"}, {"name": "two"}]}
    status = {"success": True, "cancelled": False}
    assert Expression(text, {"event": event}, status).value == value


def test_conditions_imply_success_unless_they_ask() -> None:
    assert not holds(None, {}, failed=True)
    assert not holds("1 == 1", {}, failed=True)
    assert holds("${{ !cancelled() && 1 == 1 }}", {}, failed=True)
    assert interpolate("a ${{ x.y }}${{ true }} b ${{ nothing }}", {"x": {"y": 1}}) == "a 1true b "


# --- what they do


NO_DOWNLOADS: dict[str, Any] = {
    "last_date": None,
    "last_day": 0,
    "last_week": 0,
    "last_month": 0,
    "average_daily": 0.0,
    "top_releases": [],
}


@pytest.fixture
def github(tmp_path: Path, pepy: Pepy) -> GitHub:
    return GitHub(tmp_path, pepy)


def listing(*names: str, text: str = "") -> str:
    return text + "".join(f'\n[[package]]\nname = "{name}"\n' for name in names)


@pytest.fixture(scope="session")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> GitHub:
    """A service that has run once, to be copied."""
    with Pepy() as pepy:
        github = GitHub(tmp_path_factory.mktemp("github"), pepy)
        github.use_template(listing("requests", "pydantic"))
        assert conclusions(github.dispatch("update.yml")) == ["success", "success"]
    return github


@pytest.fixture
def running(run_once: GitHub, tmp_path: Path, pepy: Pepy) -> Iterator[GitHub]:
    """A service that has run once, though not with this PePy."""
    github = run_once.copy(tmp_path, pepy)
    yield github
    sound(github)


def conclusions(runs: list[Run]) -> list[str]:
    return [run.conclusion for run in runs]


def sound(github: GitHub) -> None:
    """What must hold of the repository and its site, whatever happened."""
    config = script.parse_list(github.read("packages.toml").encode(), "packages.toml")
    files = github.files()
    for package in config.package:
        if f"docs/{package.project}.json" in files:
            EndpointBadge.model_validate_json(github.read(f"docs/{package.project}.json"))
            script.Stats.model_validate_json(github.read(f"docs/{package.project}/stats.json"))
            script.parse_table(github.read(f"docs/{package.project}/history.csv").encode())
    assert not github.git("-C", str(github.remote), "log", "--merges", "--format=%s", "main")
    assert not list(github.folder.rglob(CANARY))


def shown(github: GitHub, project: str) -> bool:
    return (github.site / f"{project}.json").is_file()


def right(github: GitHub, pepy: Pepy, project: str) -> bool:
    """Whether a package's badge on main shows what PePy says of it."""
    total = json.loads(pepy.body(project))["total_downloads"]
    message = json.loads(github.read(f"docs/{project}.json"))["message"]
    return bool(message == script.format_count(total))


def test_from_the_template_to_the_first_issues_badge(
    tmp_path: Path, github: GitHub, pepy: Pepy
) -> None:
    """Another owner, no label, the template's figures; then what the README says to do."""
    brought = tmp_path / "brought"
    (brought / "somebody-elses").mkdir(parents=True)
    (brought / "somebody-elses.json").write_text("{}")
    stats: dict[str, Any] = {
        "package": "somebody-elses",
        "timestamp": "2026-01-01T00:00:00Z",
        "total_downloads": 5,
    }
    (brought / "somebody-elses/stats.json").write_text(json.dumps(stats | NO_DOWNLOADS))
    github.use_template(listing("requests"), figures=brought)
    assert not list((github.state / "labels").iterdir())

    update, deploy = github.dispatch("update.yml")
    assert (update.conclusion, deploy.workflow) == ("success", "deploy.yml")
    assert [path.name for path in (github.state / "labels").iterdir()] == ["add-package"]
    assert {path for path in github.files() if path.startswith("docs/somebody")} == set()
    published = {path.name for path in github.site.iterdir()}
    page = {path.name for path in PAGE}
    assert published == page | {"_packages.json", "requests", "requests.json"}
    catalogue = json.loads((github.site / "_packages.json").read_text())
    assert (catalogue["repository"], catalogue["url"]) == ("someone/badges", None)
    assert "docs/_packages.json" not in github.files()

    number, (add, deploy) = github.open_issue(form("Flask_Login"))
    assert (add.workflow, deploy.workflow) == ("add-package.yml", "deploy.yml")
    issue = github.issue(number)
    assert (issue["state"], issue["stateReason"]) == ("CLOSED", "completed")
    (answer,) = issue["comments"]
    assert answer.startswith("Here they are")
    assert "https%3A%2F%2Fsomeone.github.io%2Fbadges%2Fflask-login.json" in answer
    assert shown(github, "flask-login")
    assert right(github, pepy, "flask-login")
    catalogue = json.loads((github.site / "_packages.json").read_text())
    assert [listing["name"] for listing in catalogue["packages"]] == ["flask-login", "requests"]
    assert github.log() == ["Add `flask-login`", "Update badges: 5 changed", "Initial commit"]
    assert pepy.asked == {"requests": 1, "flask-login": 1}
    assert pepy.agents == {"pepy-stats (+https://github.com/someone/badges)"}
    sound(github)


def test_the_daily_run_commits_as_the_bot_and_says_how_much_changed(
    running: GitHub, pepy: Pepy
) -> None:
    pepy.projects["requests"] = {"total_downloads": 10**14, "downloads": {}}
    runs = running.fire("schedule")
    assert conclusions(runs) == ["success", "success"]
    assert running.log("%an <%ae>: %s")[0] == (
        "github-actions[bot] <41898282+github-actions[bot]@users.noreply.github.com>: "
        "Update badges: 1 changed"
    )
    assert json.loads((running.site / "requests.json").read_text())["message"] == "100T"
    assert "| `requests` | 100,000,000,000,000 |" in runs[0].summary


def test_breakdowns_are_kept_and_charts_are_deployed(tmp_path: Path, pepy: Pepy) -> None:
    with Pypistats() as pypistats:
        github = GitHub(tmp_path, pepy, pypistats=pypistats)
        github.use_template(listing("requests", text="[defaults]\nbreakdown = true\n"))
        assert conclusions(github.dispatch("update.yml")) == ["success", "success"]
        assert len(pypistats.asked) == 4
        assert github.log() == ["Update badges: 6 changed", "Initial commit"]
        kept = {path for path in github.files() if path.startswith("docs/requests/")}
        assert {path.rsplit("/", 1)[1] for path in kept} == {
            *("day.json", "week.json", "month.json", "python.json", "system.json"),
            *("stats.json", "history.csv", "python.csv", "system.csv"),
        }
        assert (github.site / "requests/chart.svg").read_text().startswith("<svg")
        catalogue = script.Catalogue.model_validate_json(
            (github.site / script.CATALOGUE).read_bytes()
        )
        assert catalogue.packages[0].python
        pypistats.down = True
        assert conclusions(github.fire("schedule")) == ["success"]
        assert len(pypistats.asked) == 4, "not again on the same day"


def test_no_change_is_no_commit_and_no_deployment(running: GitHub, pepy: Pepy) -> None:
    before = running.log("%H")
    assert conclusions(running.fire("schedule")) == ["success"]
    assert running.log("%H") == before
    assert pepy.asked == {"requests": 1, "pydantic": 1}


def test_what_succeeded_is_published_and_the_run_is_red(running: GitHub, pepy: Pepy) -> None:
    before = running.files()
    pepy.projects |= {"requests": 418, "pydantic": {"total_downloads": 10**14, "downloads": {}}}
    update, deploy = running.fire("schedule")
    assert (update.conclusion, deploy.conclusion) == ("failure", "success")
    assert json.loads((running.site / "pydantic.json").read_text())["message"] == "100T"
    assert running.files()["docs/requests.json"] == before["docs/requests.json"]
    assert "HTTP 418" in update.summary
    assert any(line.startswith("::error title=requests::") for line in update.commands)


def test_a_run_without_the_key_says_how_to_add_it(github: GitHub, pepy: Pepy) -> None:
    github.use_template(listing("requests"))
    github.secrets.clear()
    (update,) = github.dispatch("update.yml")
    assert update.conclusion == "failure"
    assert "PEPY_API_KEY" in update.summary
    assert "Settings, Secrets and variables, Actions" in update.summary
    assert update.summary.count("Nothing was done") == 1
    assert update.jobs["label"].conclusion == "success"
    assert update.jobs["requests"].conclusion == "skipped"
    assert github.log() == ["Initial commit"]


def test_packages_may_be_chosen_by_hand_and_nothing_is_pruned(running: GitHub, pepy: Pepy) -> None:
    running.push("packages.toml", listing("pydantic", "flask", "django"))
    assert pepy.asked == {"flask": 1, "django": 1}
    assert "docs/requests.json" in running.files()
    pepy.projects["flask"] = {"total_downloads": 5, "downloads": {}}
    running.dispatch("update.yml", packages="Flask, django")
    assert pepy.asked == {"flask": 2, "django": 2}
    assert "docs/requests.json" in running.files()
    running.dispatch("update.yml", packages="")
    assert "docs/requests.json" not in running.files()
    assert not shown(running, "requests")


def test_a_person_who_pushes_the_list_gets_what_is_missing(running: GitHub, pepy: Pepy) -> None:
    runs = running.push("packages.toml", append='color = "red"\n\n[[package]]\nname = "flask"\n')
    assert [run.workflow for run in runs] == ["update.yml", "deploy.yml"]
    assert pepy.asked == {"flask": 1}
    assert json.loads((running.site / "pydantic.json").read_text())["color"] == "red"
    assert shown(running, "flask")


@pytest.mark.parametrize(
    ("path", "deployed"), [("docs/index.html", True), ("script.py", True), ("README.md", False)]
)
def test_a_person_who_pushes_what_is_shown_starts_a_deployment(
    running: GitHub, path: str, deployed: bool
) -> None:
    runs = running.push(path, "# new\n" if path != "script.py" else None, "# new\n")
    assert [run.workflow for run in runs] == ["deploy.yml"] * deployed
    if path.startswith("docs/"):
        assert (running.site / "index.html").read_text() == "# new\n# new\n"
        assert not (running.site / ".gitkeep").exists()


def test_a_damaged_file_keeps_nothing_else_from_being_shown(running: GitHub) -> None:
    good = running.log("%H")[0]
    runs = running.push("docs/requests/stats.json", "<<<<<<< HEAD")
    assert conclusions(runs) == ["success"]
    assert shown(running, "pydantic")
    update, *_ = running.dispatch("update.yml")
    assert update.conclusion == "failure"
    assert "is damaged" in update.summary
    running.git("-C", str(running.remote), "update-ref", "refs/heads/main", good)


# --- requests


def test_a_refused_request_is_closed_as_not_planned_with_a_way_on(running: GitHub) -> None:
    before = running.files()
    number, (run,) = running.open_issue(form("unknown-one"))
    assert run.conclusion == "success"
    issue = running.issue(number)
    assert (issue["state"], issue["stateReason"]) == ("CLOSED", "not planned")
    (answer,) = issue["comments"]
    assert "misspelt" in answer
    assert "https://github.com/someone/badges/issues/new?template=add-package.yml" in answer
    assert running.files() == before


def test_a_repeated_request_gets_the_markdown_again(running: GitHub, pepy: Pepy) -> None:
    before = running.log("%H")
    number, runs = running.open_issue(form("Requests"))
    assert [run.workflow for run in runs] == ["add-package.yml"]
    assert running.issue(number)["stateReason"] == "completed"
    assert "requests%2Fmonth.json" in running.issue(number)["comments"][0]
    assert running.log("%H") == before
    assert not pepy.asked


@pytest.mark.long
def test_a_deferred_request_is_told_once_and_tried_again_every_day(
    running: GitHub, pepy: Pepy
) -> None:
    pepy.projects["flask"] = 503
    number, (run,) = running.open_issue(form("flask"))
    assert run.conclusion == "success"
    assert running.issue(number)["state"] == "OPEN"
    runs = running.fire("schedule")
    assert [run.workflow for run in runs] == ["update.yml", "add-package.yml"]
    assert running.issue(number)["state"] == "OPEN"
    (answer,) = running.issue(number)["comments"]
    assert "tried again every day" in answer
    del pepy.projects["flask"]
    runs = running.fire("schedule")
    assert conclusions(runs) == ["success"] * 3
    assert running.issue(number)["stateReason"] == "completed"
    assert right(running, pepy, "flask")
    assert len(running.fire("schedule")) == 1, "nothing is waiting any more"


def test_a_request_whose_run_was_cancelled_is_granted_by_the_next_days_run(
    running: GitHub, pepy: Pepy
) -> None:
    number = running.file_issue(form("flask"), "add-package")
    running.fire("schedule")
    assert running.issue(number)["stateReason"] == "completed"


def test_a_request_that_is_started_twice_is_answered_once(running: GitHub) -> None:
    number, _ = running.open_issue(form("flask"))
    (run,) = running.dispatch("add-package.yml", issue=str(number))
    assert run.conclusion == "success"
    assert len(running.issue(number)["comments"]) == 1


@pytest.mark.parametrize(
    ("path", "text"), [("packages.toml", "package = 5"), ("packages.tmp/in-the-way", "")]
)
def test_a_crash_is_red_and_leaves_the_issue_open(running: GitHub, path: str, text: str) -> None:
    good = running.log("%H")[0]
    running.push(path, text)
    number, (run,) = running.open_issue(form("flask"))
    assert run.jobs["add"].steps["Check and fetch"] == "failure"
    assert running.issue(number)["state"] == "OPEN"
    assert not running.issue(number)["comments"]
    running.git("-C", str(running.remote), "update-ref", "refs/heads/main", good)


def test_of_many_waiting_requests_the_oldest_are_tried_again(running: GitHub) -> None:
    numbers = [running.file_issue(form("flask"), "add-package") for _ in range(52)]
    running.run("update.yml", "schedule")
    started = running.calls("workflow", "run", "add-package.yml")
    assert sorted(int(call[-1].removeprefix("issue=")) for call in started) == numbers[:50]


def test_only_the_label_starts_anything(running: GitHub) -> None:
    (running.state / "labels/bug").touch()
    number, runs = running.open_issue(form("flask"), "bug")
    assert [run.conclusion for run in runs] == ["skipped"]
    assert conclusions(running.reopen(number)) == ["skipped"]
    # Who approves first takes the label out of the form: adding it is the approval.
    add, _ = running.label(number, "add-package")
    assert add.conclusion == "success"
    assert shown(running, "flask")


def test_a_reopened_request_is_tried_again(running: GitHub, pepy: Pepy) -> None:
    pepy.projects["flask"] = None
    number, _ = running.open_issue(form("flask"))
    del pepy.projects["flask"]
    running.reopen(number)
    assert running.issue(number)["stateReason"] == "completed"


def test_a_list_without_a_last_newline_blames_nobody(github: GitHub) -> None:
    github.use_template(listing("requests").rstrip())
    (github.state / "labels/add-package").touch()
    github.open_issue(form("flask\ndjango"))
    assert github.log()[0] == "Add `flask`, `django`"


@pytest.mark.parametrize(
    ("job", "permission"),
    [(name, p) for name, job in JOBS.items() for p in job["permissions"] if name[:3] != "ci/"],
)
def test_no_permission_is_granted_that_is_not_needed(
    running: GitHub, pepy: Pepy, job: str, permission: str
) -> None:
    workflow, _, id_ = job.partition("/")
    inputs = {"issue": running.file_issue(form("flask"), "add-package")}
    pepy.projects["requests"] = {"total_downloads": 10**14, "downloads": {}}  # something to push
    for withheld, conclusion in (((id_, permission), "failure"), ((), "success")):
        running.withheld = withheld
        run = running.run(f"{workflow}.yml", "workflow_dispatch", {"inputs": inputs})
        assert run.conclusion == conclusion
    assert not any("ghs_" in word or KEY in word for call in running.calls() for word in call)


def test_what_is_run_between_pulling_and_pushing_has_no_token(github: GitHub) -> None:
    github.use_template(listing("requests"))
    clone = github.folder / "clone"
    github.git("clone", "--quiet", github.url, str(clone))
    variables = {"GH_TOKEN": make_token("it", {"contents": "write"}), "GITHUB_STEP_SUMMARY": "x"}
    run = subprocess.run(
        [".github/publish", "0", "sh", "-c", 'cat; echo "$GH_TOKEN$GITHUB_STEP_SUMMARY"; exit 7'],
        cwd=clone,
        env=github.environment | variables,
        input=b"in\n",
        capture_output=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (7, b"in\n\n")


@pytest.mark.parametrize(("why", "body", "legal"), HOSTILE, ids=[why for why, _, _ in HOSTILE])
def test_a_hostile_issue_adds_what_it_legally_names_or_nothing(
    github: GitHub, why: str, body: str, legal: set[str]
) -> None:
    github.use_template(listing("requests"))
    (github.state / "labels/add-package").touch()
    before = github.files()
    number, runs = github.open_issue(body)
    assert set(conclusions(runs)) == {"success"}
    issue = github.issue(number)
    assert issue["stateReason"] == ("completed" if legal else "not planned")
    changed = {path for path in github.files() if github.files()[path] != before.get(path)}
    paths = {f"docs/{path.format(p)}" for p in legal for path in PATHS}
    assert changed == paths | ({"packages.toml"} if legal else set())
    tables = tomllib.loads(github.read("packages.toml"))
    assert {table["name"] for table in tables["package"]} == {"requests"} | legal
    assert tables.keys() == {"package"}
    assert not any(run.commands for run in runs)
    assert not any(KEY in run.log + run.summary for run in runs)
    subjects = [f"Add {', '.join(f'`{name}`' for name in legal)}"] if len(legal) == 1 else []
    assert github.log()[: len(subjects)] == subjects
    sound(github)


PATHS = ["{}.json", "{}/day.json", "{}/week.json", "{}/month.json"]
PATHS += ["{}/stats.json", "{}/history.csv"]


# --- many at once


@pytest.mark.long
def test_twenty_issues_the_daily_run_and_a_person_at_once(github: GitHub, pepy: Pepy) -> None:
    github.use_template(listing("requests", "pydantic"))
    (github.state / "labels/add-package").touch()
    names = [f"flask-{number}" for number in range(20)]
    numbers = [github.file_issue(form(name, f"of {name}"), "add-package") for name in names]
    runs: list[Run] = []

    def grant(number: int) -> None:
        runs.append(
            github.run("add-package.yml", "workflow_dispatch", {"inputs": {"issue": number}})
        )

    def update() -> None:
        runs.append(github.run("update.yml", "schedule"))

    threads = [threading.Thread(target=grant, args=(number,)) for number in numbers]
    threads.insert(7, threading.Thread(target=update))
    for thread in threads:
        thread.start()
    github.push("README.md", "Mine.\n")
    github.push("docs/requests/history.csv", "date,downloads\n2020-01-01,5\n")
    for thread in threads:
        thread.join()
    runs += github.settle()

    assert set(conclusions(runs)) == {"success"}
    tables = tomllib.loads(github.read("packages.toml"))["package"]
    assert sorted(table["name"] for table in tables) == sorted(["requests", "pydantic", *names])
    assert all(table["label"] == f"of {table['name']}" for table in tables[2:])
    assert pepy.asked == dict.fromkeys(["requests", "pydantic", *names], 1)
    assert all(right(github, pepy, name) and shown(github, name) for name in pepy.asked)
    assert all(github.issue(number)["stateReason"] == "completed" for number in numbers)
    assert github.read("README.md") == "Mine.\n"
    assert "2020-01-01,5\n" in github.read("docs/requests/history.csv")
    assert len(github.read("docs/requests/history.csv").splitlines()) > 90
    sound(github)


def test_a_remote_that_refuses_the_first_pushes_is_tried_again(running: GitHub, pepy: Pepy) -> None:
    (running.state / "pushes-to-refuse").write_text("3")
    number, runs = running.open_issue(form("flask"))
    assert conclusions(runs) == ["success", "success"]
    assert "GitHub is having a bad moment" in runs[0].log
    assert running.issue(number)["stateReason"] == "completed"
    assert running.log()[0] == "Add `flask`"
    assert pepy.asked["flask"] == 1


def test_a_remote_that_refuses_everything_leaves_the_request_waiting(running: GitHub) -> None:
    (running.state / "pushes-to-refuse").write_text("1000")
    running.script(running.bin / "sleep", "exit")
    number, (run,) = running.open_issue(form("flask"))
    assert run.conclusion == "failure"
    assert run.log.count("GitHub is having a bad moment") == 40
    assert "Nothing was pushed in 40 attempts" in run.summary
    assert running.issue(number)["state"] == "OPEN"
    assert not running.issue(number)["comments"]


def test_a_push_whose_answer_was_lost_is_deployed(running: GitHub) -> None:
    # What git does succeeds, but the first fetch and the first push look as if they had not.
    once = f"[ -e {running.state}/$1 ] || {{ touch {running.state}/$1; exit 1; }}"
    script_ = f'git=/usr/bin/git\n$git "$@" || exit\ncase $1 in fetch | push) {once} ;; esac'
    running.script(running.bin / "git", script_)
    number, runs = running.open_issue(form("flask"))
    assert running.issue(number)["comments"][0].startswith("Here they are")
    assert (running.state / "fetch").exists()
    assert (running.state / "push").exists()
    assert [run.workflow for run in runs] == ["add-package.yml", "deploy.yml"]
    assert conclusions(runs) == ["success", "success"]
    assert shown(running, "flask")
    assert running.log()[:2] == ["Add `flask`", "Update badges: 8 changed"]


def while_fetching(github: GitHub, pepy: Pepy, run: Callable[[], Run], packages: str) -> None:
    """A person pushes packages.toml when a run has asked for flask, and not pushed yet."""
    pepy.delay = 1.5
    runs: list[Run] = []
    thread = threading.Thread(target=lambda: runs.append(run()))
    thread.start()
    while not pepy.asked["flask"]:
        thread.join(0.05)
    github.change("packages.toml", packages)
    thread.join()
    assert conclusions(runs) == ["success"]
    assert github.read("packages.toml") == packages
    sound(github)


def test_a_person_who_lists_the_same_package_meanwhile_wins(running: GitHub, pepy: Pepy) -> None:
    event = {"inputs": {"issue": running.file_issue(form("flask", "theirs"), "add-package")}}
    mine = listing("requests", "flask") + 'label = "mine"\n'
    while_fetching(
        running, pepy, lambda: running.run("add-package.yml", "workflow_dispatch", event), mine
    )
    assert json.loads(running.read("docs/flask.json"))["label"] == "mine"
    assert running.issue(1)["stateReason"] == "completed"


def test_a_person_who_unlists_a_package_meanwhile_wins(running: GitHub, pepy: Pepy) -> None:
    running.change("packages.toml", listing("requests", "flask"))
    mine = listing("requests")
    while_fetching(
        running, pepy, lambda: running.run("update.yml", "push", {"ref": "refs/heads/main"}), mine
    )
    assert not any("flask" in path for path in running.files())


def test_a_quota_that_is_taken_defers_and_the_next_day_grants(
    tmp_path: Path,
) -> None:
    with Pepy(Plan(0.001, 2)) as pepy:
        pepy.tokens = 1
        github = GitHub(tmp_path, pepy)
        github.use_template(listing("requests"))
        github.dispatch("update.yml")
        number, (run,) = github.open_issue(form("flask"))
        assert run.conclusion == "success"
        assert github.issue(number)["state"] == "OPEN"
        pepy.tokens = 2
        github.fire("schedule")
        assert github.issue(number)["stateReason"] == "completed"
