"""What the README says of the program is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

import script

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_its_packages_toml_is_legal(tmp_path: Path) -> None:
    examples = re.findall(r"^ *```toml\n(.*?)```", README, re.DOTALL | re.MULTILINE)
    assert len(examples) == 2
    for number, example in enumerate(examples):
        path = tmp_path / f"{number}.toml"
        path.write_text(example)
        assert script.read_list(path)


def test_its_steps_name_what_is_there() -> None:
    workflows = {path.stem: path.read_text() for path in ROOT.glob(".github/workflows/*.yml")}
    form = (ROOT / ".github/ISSUE_TEMPLATE/add-package.yml").read_text()
    assert "issues/new?template=add-package.yml" in README
    assert "secrets.PEPY_API_KEY" in workflows["update"]
    assert 'cron: "17 8 * * *"' in workflows["update"]
    assert "08:17 UTC" in README
    for name in ("update", "deploy"):
        title = workflows[name].split("\n", 1)[0].removeprefix("name: ")
        assert f"**{title}**" in README
    (label,) = re.findall(r"`(labels: [^`]+)`", README)
    assert label in form or "\nlabels:" not in form  # a host who follows the README takes it out
    assert f"{script.Limits().packages} in all; `[limits] packages`" in README


def test_its_table_of_options_is_complete_and_right() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:`(\w+)`)? *\|", README, re.MULTILINE)
    fields = script.Options.model_fields
    defaults = {name: field.default for name, field in fields.items()}
    assert {name: default or None for name, default in rows} == {
        name: None if default is None else str(default) for name, default in defaults.items()
    }


def test_its_badges_are_the_ones_that_are_published() -> None:
    shown = re.findall(r"img\.shields\.io/endpoint\?url=([^)]+)\)", README)
    site = "https://OWNER.github.io/pepy-stats/"
    assert sorted(unquote(address).removeprefix(site) for address in shown) == sorted(
        metric.path.format("requests") for metric in script.METRICS
    )


def test_its_pictures_are_there_the_first_on_the_first_screen() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\((\.[^)]+)\)", README)
    assert pictures == [".github/run.png", ".github/page.png"]
    assert all((ROOT / picture).stat().st_size > 10_000 for picture in pictures)
    assert pictures[0] in README.split("\n## ")[0]


@pytest.mark.parametrize("name", ["script.py", "tests/pepy.py", "tests/bench.py"])
def test_what_it_names_starts(name: str) -> None:
    run = subprocess.run([sys.executable, ROOT / name, "--help"], capture_output=True, check=False)
    assert run.returncode == 0, run.stderr
    assert f"uv run {name}" in README


def test_its_first_command_shows_the_job_at_work(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "tests/pepy.py"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert "MADE UP" in run.stdout
    assert '"schemaVersion": 1' in run.stdout
    assert list(tmp_path.glob("*/*/stats.json"))


def test_its_messages_are_the_programs() -> None:
    source = (ROOT / "script.py").read_text(encoding="utf-8")
    table = README.split("## Troubleshooting")[1].split("## Credit")[0]
    messages = re.findall(r"^\| `…? ?([^`]+)` \|", table, re.MULTILINE)
    assert len(messages) == 6
    for message in messages:
        assert message in source
