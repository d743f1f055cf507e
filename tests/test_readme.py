"""What the README says of the program is so."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas
import pytest
import requests
from conftest import Project, days, record
from pepy import Pepy
from pypistats import Pypistats
from served import environment

import script

ROOT = Path(__file__).parent.parent
CONFIG = script.Config(
    site=script.Site(url="https://b.org"), package=[script.Package(name="requests")]
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORKFLOW = (ROOT / ".github/workflows/update.yml").read_text(encoding="utf-8")


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_its_packages_toml_is_legal() -> None:
    examples = re.findall(r"^ *```toml\n(.*?)```", README, re.DOTALL | re.MULTILINE)
    assert len(examples) == 4
    assert "`url` below\n  `[site]`" in README
    assert script.parse_list(b'[site]\nurl = "https://badges.example.com"', "packages.toml")
    for example in examples:
        assert script.parse_list(example.encode(), "packages.toml")


def test_its_steps_name_what_is_there() -> None:
    form = (ROOT / ".github/ISSUE_TEMPLATE/add-package.yml").read_text(encoding="utf-8")
    steps = section("Your own in five minutes")
    ((first, begins),) = re.findall(r'`cron: "17 (\d+)-.*`DAY_BEGINS = (\d+)`', steps, re.DOTALL)
    assert first == begins
    assert re.search(r'cron: "\d+ \d+-\d+/2 \* \* \*"', WORKFLOW)
    assert ("secrets.PEPY_API_KEY" in WORKFLOW, "`PEPY_API_KEY`" in steps) == (True, True)
    assert f"**{WORKFLOW.splitlines()[0].removeprefix('name: ')}**" in steps
    (label,) = re.findall(r"`(labels: [^`]+)`", steps)
    assert label in form or "\nlabels:" not in form  # a host who follows the README takes it out
    assert f"{script.Limits().packages} in all, fetched with your key, unless" in steps
    assert "`[limits] packages` says" in steps


def test_its_steps_are_those_of_the_page_and_of_a_runs_summary() -> None:
    def words(text: str) -> str:
        text = re.sub(r"</?(a|b|code)\b[^>]*>|\]\([^)]*\)|[][*<>`\\]", "", text)
        return " ".join(text.split())

    page = (ROOT / "docs/index.html").read_text(encoding="utf-8")
    steps = dict(
        re.findall(r"^\d\. \*\*(\w+)\*\*: (.*?)(?=^\d|^ *```)", README, re.DOTALL | re.MULTILINE)
    )
    shown = dict(re.findall(r"<li><b>(\w+)</b>: (.*)</li>", page))
    told = dict(re.findall(r"- \*\*(\w+)\*\*: (.*?) END\n", WORKFLOW, re.DOTALL))
    assert ([*shown], [*told]) == (["Key", "Pages", "List"], ["Key", "Pages"])
    for name, step in [*shown.items(), *told.items()]:
        assert words(step) == words(steps[name])


def test_its_way_to_update_takes_all_but_the_list_and_the_figures(tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@example.com"]
    files = {"script.py": "new", "docs/page.js": "new", "docs/icon.svg": "new", "tests/t.py": "new"}
    files |= {"packages.toml": "old", "docs/a.json": "old", "docs/a/day.json": "old"}
    for folder in ("original", "copy"):
        for path, age in files.items():
            file = tmp_path / folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(age if folder == "original" and age == "new" else folder)
        for command in (["init", "-qb", "main"], ["add", "."], ["commit", "-qm", folder]):
            subprocess.check_call([*git, *command], cwd=tmp_path / folder)
    (commands,) = re.findall(r"```console\n(git fetch .*?)```", README, re.DOTALL)
    commands = commands.replace("https://github.com/OWNER/pepy-stats", "../original")
    commands = commands.replace("git commit", f"{' '.join(git)} commit -q")
    subprocess.check_call(["bash", "-ec", commands], cwd=tmp_path / "copy")
    contents = {path: (tmp_path / "copy" / path).read_text() for path in files}
    assert contents == {path: age if age == "new" else "copy" for path, age in files.items()}


def test_its_table_of_options_is_complete_and_right() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (?:`(\w+)`)? *\|", README, re.MULTILINE))
    defaults = {name: field.default for name, field in script.Options.model_fields.items()}
    assert rows == {name: str(d if d is not None else "").lower() for name, d in defaults.items()}


def test_the_repository_one_has_takes_four_steps() -> None:
    steps = re.findall(r"^\d\. \*\*(\w+)\*\*", section("In the repository you have"), re.MULTILINE)
    assert steps == ["Key", "Secret", "File", "Run"]


def test_its_badges_are_the_ones_that_are_published() -> None:
    shown = re.findall(r"img\.shields\.io/endpoint\?url=([^)]+)\)", section("The badges"))
    paths = [unquote(url).removeprefix("https://OWNER.github.io/pepy-stats/") for url in shown]
    assert sorted(paths) == sorted(metric.path.format("requests") for metric in script.METRICS)


def test_its_first_lines_lead_to_the_site_the_form_and_the_three_commands() -> None:
    form = "(../../issues/new?template=add-package.yml)"  # which nobody answers without a site
    top = README.split("\n## Your own")[0]
    shown = script.with_site(top.encode(), CONFIG, ["requests.json"]).decode()
    assert (form in top, form in shown) == (False, True)
    assert (
        re.findall("^uv run.*", top, re.MULTILINE)
        == re.findall("^uv run.*", README, re.MULTILINE)[:3]
    )


def test_its_first_screen_is_short_and_leads_on() -> None:
    top = README.split("\n## ")[0]
    seen = re.sub(
        r"<!--.*?-->|!\[[^]]*\]\([^)]*\)|\]\([^)]*\)|^(- |# .*)", "", top, flags=re.MULTILINE
    )
    assert len(seen.split()) < 120
    ways = re.findall(r"\(#([\w-]+)\)", top)
    assert ways == ["in-the-repository-you-have", "your-own-in-five-minutes", "try-it"]
    titles = re.findall(r"^#+ (.*)", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
    assert {*re.findall(r"\]\(#([^)]+)\)", README)} <= anchors


def test_its_pictures_are_there() -> None:
    pictures = re.findall(r"!\[[^]]+\]\((\.github/[\w.]+)\)", README)
    assert {*pictures} == {str(path.relative_to(ROOT)) for path in ROOT.glob(".github/*.png")}


@pytest.mark.parametrize("name", ["script.py", "tests/bench.py"])
def test_what_it_names_starts(name: str) -> None:
    run = subprocess.run([sys.executable, ROOT / name, "--help"], capture_output=True, check=False)
    assert (run.returncode, f"uv run {name}" in README) == (0, True), run.stderr


def test_its_first_command_shows_the_job_at_work(tmp_path: Path) -> None:
    assert README.index("uv run --no-dev tests/pepy.py") == README.index("uv run ")
    command = [sys.executable, f"{ROOT}/tests/pepy.py"]
    variables = environment(None) | {"TMPDIR": str(tmp_path)}
    output = subprocess.check_output(command, env=variables, encoding="utf-8")
    assert ("MADE UP" in output, '"schemaVersion": 1' in output) == (True, True)
    assert list(tmp_path.glob("*/*/stats.json"))


def test_its_third_command_shows_the_page(made_up_page: str) -> None:
    commands = re.findall("^uv run.*", section("Try it"), re.MULTILINE)
    assert commands[2:] == ["uv run --no-dev tests/pepy.py --page"]
    page = requests.get(made_up_page, timeout=60)
    text = (ROOT / "docs/index.html").read_text(encoding="utf-8")
    shown = page.content.decode()
    assert shown.replace('<script src="pictures.js"></script>\n', "") == text != shown
    catalogue = requests.get(f"{made_up_page}{script.CATALOGUE}", timeout=60).json()
    names = [package["name"] for package in catalogue["packages"]]
    assert {"requests", "_pydantic"} < {*names}
    for path in ("requests/python.csv", "_pydantic.json", "pictures.js"):
        assert requests.get(f"{made_up_page}{path}", timeout=60).ok
    drawn = {"url": f"{catalogue['url']}/requests.json"}, {"url": catalogue["url"]}
    answers = [requests.get(f"{made_up_page}shields/endpoint", d, timeout=60) for d in drawn]
    assert [(a.status_code, a.headers["Content-Type"][:9]) for a in answers] == [
        (200, "image/svg"),
        (404, "text/html"),
    ]


def test_its_messages_are_the_programs() -> None:
    source = WORKFLOW + (ROOT / "script.py").read_text(encoding="utf-8")
    source += (ROOT / ".github/push.sh").read_text(encoding="utf-8")
    symptoms = re.findall(r"^\| (`.*?) \|", section("Troubleshooting"), re.MULTILINE)
    messages = re.findall(r"`…? ?([^`]+)`", " ".join(symptoms))
    assert len(messages) == 9
    assert [message for message in messages if message not in source] == []


def test_every_file_that_it_names_is_there_with_what_it_says(
    project: Project, pepy: Pepy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "PYPISTATS_PACE", 0.001)
    project.list("requests", text="[defaults]\nbreakdown = true\n")
    with Pypistats() as pypistats:
        project.run(pepy, PYPISTATS_API_URL=pypistats.url)
    files = {path: text.decode() for path, text in project.files().items()}
    rows = re.findall(r"^\| `docs/NAME/([\w.-]+)` \| (.*) \|$", README, re.MULTILINE)
    assert len(rows) == 9
    for name, added in rows:
        assert all(word in files[f"requests/{name}"] for word in re.findall(r"`(\w+)`", added))
    urls = re.findall(r"https://OWNER\.github\.io/pepy-stats/(\w[^\s\")]+)", README)
    assert {"requests/history.csv", "requests/stats.json", "requests/chart.svg"} == {*urls}
    assert {*urls} <= files.keys()
    recipes = section("For a spreadsheet or a notebook").replace("\n", " ")
    columns = files["requests/history.csv"].split("\n")[0].split(",")
    assert {*re.findall(r"`(\w+)` with the format", recipes)} == {"date", "downloads"} <= {*columns}
    named = re.findall(r"`(\w+)`", recipes.split("names in `stats.json`")[1])
    assert len(named) == 8
    stats = project.json("requests/stats.json")
    assert {*named, "total_downloads", "average_daily", "top_versions"} <= stats.keys()
    assert {"version", "downloads"} == stats["top_versions"][0].keys()


def test_who_comes_from_elsewhere_is_sent_to_what_is_there() -> None:
    cells = re.findall(r"^\|.*\| (.*) \|$", section("Coming from…"), re.MULTILINE)
    names = re.findall(r"`([^`]+)`", " ".join(cells))
    paths = [metric.path for metric in script.METRICS]
    paths += [script.TABLE.format("{}", table) for table in script.SERIES]
    files = {f"docs/{path}".format("NAME") for path in [*paths, script.CHART, script.STATS]}
    assert {name for name in names if "NAME" in name and name.startswith("docs/")} <= files
    keys = {*script.Stats.model_fields, *script.Options.model_fields}
    others = {"date", "downloads", script.UNKNOWN, "unavailable"}
    assert {name for name in names if name.isidentifier()} <= keys | others


def test_its_recipes_compare_whole_weeks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (recipe,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    end = date(2026, 10, 30)
    history = days(*[100] * 5, *[100] * 56, *[150] * 7, *[75] * 7, end=end)
    path = tmp_path / "history.csv"
    counts = history | {date(2026, 10, 20): 0}  # which is left out below
    table = {"downloads": {day: n for day, n in counts.items() if n}}
    path.write_text(script.write_table(table | {"without_mirrors": {date(2026, 8, 1): 5}}))
    shown: list[Any] = []
    exec(recipe, {"pandas": pandas, "url": str(path), "print": shown.append})
    weeks, release = shown
    # Eight weeks of 700; seven days of 150, of which one is missing, so 900; then of 75, so 525.
    expected = [0] * 7 + [900 / 700 - 1, 525 / 900 - 1]
    assert [round(growth, 6) for growth in weeks.tolist()[1:]] == [round(x, 6) for x in expected]
    # 1 to 16 October of 100, 17 to 23 of 150 without one, 24 to 28 of 75; and 28 days of 100.
    assert release == (16 * 100 + 6 * 150 + 5 * 75) / 2800 - 1
    stats = record(counts, end).stats
    assert (stats.last_week, stats.previous_week) == (525, 900)
    assert "jq '.last_week / .previous_week - 1'" in README


def test_its_plans_paces_and_limits_are_the_programs_and_the_workflows() -> None:
    text = section("Limits").replace("\n", " ")
    rates = {"Free, Pro": (300, 10), "Developer": (3600, 120), "Team": (18000, 600)}
    for plan, (an_hour, burst) in rates.items():
        assert f"| {plan} | {burst} | {an_hour + burst:,} | {24 * an_hour + burst:,} |" in text
    (minutes,) = map(int, re.findall(r"--time-limit (\d+)", WORKFLOW))
    assert f"after {minutes} minutes, which is {minutes * 5 + 10} packages" in text
    text = section("Who downloads it").replace("\n", " ")
    assert f"{round(60 / script.PYPISTATS_PACE)} times a minute, three times" in text
    assert len(script.SERIES) == 3
