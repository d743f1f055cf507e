"""What the workflows promise in their text; what update.yml comes to is in act_events.py."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

import script

ROOT = Path(__file__).parent.parent
TEXTS = {path.stem: path.read_text("utf-8") for path in ROOT.glob(".github/workflows/*.yml")}
WORKFLOWS = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
EVENTS = {name: workflow[True] for name, workflow in WORKFLOWS.items()}  # YAML takes `on` for it
JOBS = {name: job for workflow in WORKFLOWS.values() for name, job in workflow["jobs"].items()}
STEPS = [(job, step) for job in JOBS for step in JOBS[job]["steps"]]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


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
        "github-actions": "actions/*/action.yml",
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
def test_key_and_token_are_where_they_are_needed_and_never_together(job: str, step: Any) -> None:
    variables, command = JOBS[job].get("env", {}) | step.get("env", {}), step.get("run", "")
    assert "${{" not in command, "what GitHub fills in reaches a shell only as a variable"
    assert ("PEPY_API_KEY" in variables) == ("script.py update" in command)
    assert not {"PEPY_API_KEY", "GH_TOKEN"} <= variables.keys()
    assert not command or ("GH_TOKEN" in variables) == bool(re.search(r"\bgh\b|push\.sh", command))
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


def test_the_action_hands_its_inputs_on_as_variables_and_the_key_to_one_step(
    tmp_path: Path,
) -> None:
    text = (ROOT / ".github/actions/badges/action.yml").read_text("utf-8")
    for step in yaml.safe_load(text)["runs"]["steps"]:
        others = f"{ {key: step[key] for key in step if key != 'env'} }"
        assert "inputs." not in others
        assert "${{" not in step["run"]
        secrets = {"PEPY_API_KEY", "GH_TOKEN"} & step.get("env", {}).keys()
        assert ("PEPY_API_KEY" in secrets) == ("script.py" in step["run"])
        assert not secrets or (len(secrets) == 1 and "pip" not in step["run"])
    assert "--require-hashes" in text
    assert text.count("inputs.key") == 1
    assert "INPUT_" not in text, "which GitHub doesn't set within such an action"
    assert "uses:" not in text, "nobody else's code meets the key"
    readme = (ROOT / "README.md").read_text("utf-8")
    (snippet,) = re.findall(r"   ```yaml\n(.*?)   ```", readme, re.DOTALL)
    (tmp_path / "badges.yml").write_text(snippet)
    check_jsonschema: Any = import_module("check_jsonschema")
    line = ["--builtin-schema", "vendor.github-workflows", str(tmp_path / "badges.yml")]
    with pytest.raises(SystemExit, match=r"^0$"):
        check_jsonschema.main(line)
    assert yaml.safe_load(snippet)["permissions"] == {"contents": "write"}


def test_a_push_starts_what_it_concerns() -> None:
    """The list and the figures start a run, and code the checks; script.py and the page do both."""
    figures = ["packages.toml", "docs/*.json", "docs/*/*"]
    assert EVENTS["update"]["push"]["paths"] == ["packages.toml", "script.py", "docs/**"]
    for workflow in ("update", "ci"):
        assert EVENTS[workflow]["push"]["branches"] == ["main", "master"]
    assert EVENTS["update"]["issues"]["types"] == ["labeled", "reopened"]
    assert EVENTS["ci"]["push"]["paths-ignore"] == figures
    assert EVENTS["ci"]["pull_request"]["paths-ignore"] == figures


def test_what_is_cancelled_pushes_what_it_has_and_nothing_follows() -> None:
    # GitHub tells a step's own process alone.
    assert "\nexec .venv/bin/python script.py update" in JOBS["update"]["steps"][3]["run"]
    *_, push, pages, answers = [step["if"] for step in JOBS["update"]["steps"] if "if" in step]
    assert push == "${{ always() }}"
    assert pages == answers == "${{ always() && steps.publish.outcome == 'success' }}"
    assert all("!cancelled() && " in JOBS[job]["if"] for job in ("deploy", "answer"))


def test_a_job_that_is_repeated_finds_the_artifacts_of_the_attempt_that_made_them() -> None:
    """GitHub keeps the outputs of a job that it doesn't repeat."""
    assert JOBS["update"]["outputs"]["attempt"] == "${{ github.run_attempt }}"
    names = re.findall(r"name: \"?((?:pages|answers)-\$\{\{.*?\}\})", TEXTS["update"])
    attempts = ("github.run_attempt", "needs.update.outputs.attempt")
    assert names == [f"{a}-${{{{ {b} }}}}" for b in attempts for a in ("pages", "answers")]
