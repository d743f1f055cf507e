"""What the README says of the program is so."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from urllib.parse import unquote

import jq
import pytest
from browser import build
from pepy import Pepy, newest_complete_day
from pypistats import Pypistats

import script

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_its_packages_toml_is_legal(tmp_path: Path) -> None:
    examples = re.findall(r"^ *```toml\n(.*?)```", README, re.DOTALL | re.MULTILINE)
    assert len(examples) == 3
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
        name: None if default is None else str(default).replace("False", "false")
        for name, default in defaults.items()
    }


def test_its_badges_are_the_ones_that_are_published() -> None:
    shown = re.findall(r"img\.shields\.io/endpoint\?url=([^)]+)\)", README)
    site = "https://OWNER.github.io/pepy-stats/"
    assert sorted(unquote(address).removeprefix(site) for address in shown) == sorted(
        metric.path.format("requests") for metric in script.METRICS
    )


def test_its_pictures_are_there_the_first_on_the_first_screen() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\((\.[^)]+)\)", README)
    assert pictures == [".github/run.png", ".github/page.png", ".github/breakdown.png"]
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
    assert len(messages) == 7
    for message in messages:
        assert message in source


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site with a breakdown, for what the README tries on its own."""
    packages = '[[package]]\nname = "requests"\nbreakdown = true\n'
    with Pepy() as pepy, Pypistats() as pypistats:
        folder = tmp_path_factory.mktemp("site")
        built = build(folder, packages, pepy, PYPISTATS_API_URL=pypistats.url)
    with built:
        yield built.address


def test_every_file_that_it_names_is_there_with_what_it_says(site: str) -> None:
    section = README.split("## Who downloads it")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `docs/NAME/([\w.]+)` \| (.*) \|$", section, re.MULTILINE)
    assert len(rows) == 6
    for name, added in rows:
        with urllib.request.urlopen(f"{site}/requests/{name}") as answer:
            text = answer.read().decode()
        for word in re.findall(r"`(\w+)`", added):
            assert word in text
    minute = max(number for number, seconds in script.PYPISTATS_LIMITS if seconds == 60)
    assert f"{minute} times a minute, four times" in section.replace("\n  ", " ")
    assert len(script.ADDRESSES) == 4
    assert f"{60 * minute // 4} packages an hour" in section
    assert sum(script.PYPISTATS_PAUSES) == 15 * 60


def addresses(text: str) -> list[str]:
    return re.findall(r"https://OWNER\.github\.io/pepy-stats/([^\s\")]+)", text)


def test_its_recipes_name_files_that_are_there(site: str) -> None:
    section = README.split("## For a spreadsheet or a notebook")[1].split("\n## ")[0]
    assert len(addresses(section)) == 3
    for path in [*addresses(section), "requests/chart.svg"]:
        with urllib.request.urlopen(f"{site}/{path}") as answer:
            assert answer.status == 200
    (formula,) = re.findall(r'^=IMPORTDATA\("(.*)"\)$', section, re.MULTILINE)
    with urllib.request.urlopen(f"{site}/{addresses(formula)[0]}") as answer:
        rows = list(csv.reader(StringIO(answer.read().decode())))
    columns = set(re.findall(r"`(\w+)` with the format", section))
    assert columns == {"date", "downloads"} <= set(rows[0])
    assert {len(row) for row in rows} == {3}


def test_its_three_lines_of_pandas_do_what_it_says(site: str, tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert program.count("\n") == 3
    newest = newest_complete_day(datetime.now(UTC))
    for written, days in (("10-28", 0), ("10-01", 27), ("09-30", 28), ("09-03", 55)):
        program = program.replace(f"2026-{written}", f"{newest - timedelta(days=days)}")
    # A quiet package lacks days: its last week has three downloads, the one before has two.
    quiet = tmp_path / "quiet.csv"
    dates = (newest - timedelta(days=back) for back in (40, 30, 13, 8, 5, 0))
    rows = [f"{day},{n}," for day, n in zip(dates, (5, 5, 1, 1, 2, 1), strict=True)]
    rows.append(f"{newest + timedelta(days=1)},,1")
    quiet.write_text("\n".join(["date,downloads,without_mirrors", *rows]))
    for url, path in ((f"{site}/requests/history.csv", None), (str(quiet), quiet)):
        run = subprocess.run(
            [sys.executable, "-c", f"import pandas\nurl = {url!r}\n{program}"],
            env=os.environ | {"NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            check=True,
        )
        text = path.read_bytes() if path else urllib.request.urlopen(url).read()
        counts = script.window(script.parse_table(text)["downloads"], newest, 56)
        *_, week, _, release = run.stdout.splitlines()
        growth = sum(counts[:7]) / sum(counts[7:14]) - 1
        assert abs(float(week.split()[1]) - growth) < 1e-5
        assert abs(float(release) - (sum(counts[:28]) / sum(counts[28:]) - 1)) < 1e-9


def test_its_lines_for_a_shell_do_what_it_says(site: str) -> None:
    lines = re.findall(r"^curl -s (\S+) \| jq (?:-r )?(.+)$", README, re.MULTILINE)
    assert len(lines) == 2
    stats = json.loads(urllib.request.urlopen(f"{site}/requests/stats.json").read())
    found = [jq.compile(shlex.split(program)[0]).input_value(stats).all() for _, program in lines]
    assert found == [
        [stats["total_downloads"], stats["average_daily"]],
        [f"{top['version']} {top['downloads']}" for top in stats["top_versions"]],
    ]
    section = README.split("Scripts for other download trackers")[1].split("\n\n")[0]
    names = re.findall(r"`(\w+)`", section.split(":", 1)[1])
    assert len(names) == 6
    assert set(names) <= stats.keys()


def test_the_page_knows_the_metrics_and_their_labels() -> None:
    text = (ROOT / "docs/badge.js").read_text(encoding="utf-8")
    names = re.findall(r"^  (\w+): ", text.split("export const METRICS = {")[1].split("}")[0], re.M)
    paths = ["{}.json" if name == "total" else f"{{}}/{name}.json" for name in names]
    assert sorted(paths) == sorted(metric.path for metric in script.METRICS)
    labels = dict(
        re.findall(r'(\w+): "(\w+)"', text.split("export const LABELS = {")[1].split("}")[0])
    )
    assert [labels.get(name) for name in names] == [
        next(m.label for m in script.METRICS if m.path == path) for path in paths
    ]
